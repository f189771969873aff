//! What opens the keyring, as the configuration names it.

use seals::{KmsError, KmsSettings, Pkcs11Settings, Source};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::PathBuf;

/// One seal.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(crate) enum Seal {
    /// 32 random bytes.
    KeyFile(Source),
    /// A passphrase.
    Passphrase(Source),
    /// A key of a hardware security module.
    Pkcs11(Pkcs11Settings),
    /// A key of another key management service.
    Kms(KmsSettings),
}

/// The port by which names are looked up where an answer is too long for a datagram (RFC 7766).
const DNS_PORT: u16 = 53;

impl Seal {
    /// The files that using it takes.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let of = |source: &Source| source.path();
        match self {
            Self::KeyFile(source) | Self::Passphrase(source) => of(source).into_iter().collect(),
            Self::Pkcs11(settings) => {
                of(&settings.pin).into_iter().chain([settings.module.clone()]).collect()
            }
            Self::Kms(settings) => {
                let credentials = settings.credentials.as_ref().and_then(of);
                credentials.into_iter().chain(settings.ca_file.clone()).collect()
            }
        }
    }

    /// The TCP ports that using it connects to.
    pub(crate) fn ports(&self) -> Result<Vec<u16>, KmsError> {
        match self {
            Self::Kms(settings) => Ok(vec![settings.port()?, DNS_PORT]),
            _ => Ok(Vec::new()),
        }
    }
}

/// Takes `[seal]` and `[[seal]]`.
pub(super) fn one_or_several<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Seal>, D::Error> {
    struct OneOrSeveral;

    impl<'de> Visitor<'de> for OneOrSeveral {
        type Value = Vec<Seal>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table or several")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Ok(vec![Seal::deserialize(MapAccessDeserializer::new(map))?])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }
    }

    from.deserialize_any(OneOrSeveral)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::path::Path;

    #[test]
    fn every_kind_from_every_source() {
        let text = r#"
            [[seal]]
            kind = "key-file"
            path = "/etc/fastness/root.key"
            [[seal]]
            kind = "key-file"
            credential = "fastness-root-key"
            [[seal]]
            kind = "passphrase"
            environment-file = "/etc/fastness/env"
            [[seal]]
            kind = "pkcs11"
            module = "/usr/lib/softhsm/libsofthsm2.so"
            token = { label = "fastness" }
            pin = { environment = "HSM_PIN" }
            [[seal]]
            kind = "kms"
            endpoint = "https://kms.example"
            region = "eu-central-1"
            key = "alias/fastness"
            credentials = { environment-file = "/etc/fastness/aws.env" }
            ca-file = "/etc/fastness/ca.pem"
        "#;
        let config = Config::parse(text, Path::new("f.toml")).unwrap();
        assert_eq!(
            format!("{:?}", config.seal),
            "[KeyFile(Path(\"/etc/fastness/root.key\")), KeyFile(Credential(\"fastness-root-key\")), \
             Passphrase(EnvironmentFile(\"/etc/fastness/env\")), Pkcs11(Pkcs11Settings { \
             module: \"/usr/lib/softhsm/libsofthsm2.so\", token: Label(\"fastness\"), key: \"fastness-root\", \
             pin: Environment(\"HSM_PIN\") }), Kms(KmsSettings { endpoint: Some(\"https://kms.example\"), \
             region: \"eu-central-1\", key: \"alias/fastness\", \
             credentials: Some(EnvironmentFile(\"/etc/fastness/aws.env\")), ca_file: Some(\"/etc/fastness/ca.pem\") })]"
        );
    }
}
