//! A key of another key management service that speaks AWS's API: AWS itself, or a second Fastness. The root key is encrypted there,
//! under an encryption context that names keyring and slot.

mod call;
mod connect;

use crate::SourceError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use call::{Answer, call};
use keyring::{KeyringError, Kind, Random, Seal, Secret, SlotPlace, Wrapping};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where the key is, and how to get there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KmsSettings {
    /// The service's address, `https://…`; over `http://` on loopback only. Default: AWS's own of the region.
    pub endpoint: Option<String>,
    /// The region, as in `eu-central-1`.
    pub region: String,
    /// The key: its id, ARN, alias or alias's ARN. What another key encrypted is refused.
    pub key: String,
    /// Where `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if there is one, `AWS_SESSION_TOKEN` are: a file of `KEY=value` lines.
    /// Default: the environment.
    pub credentials: Option<crate::Source>,
    /// Certificates (PEM) that the service's must come from. Default: the system's.
    pub ca_file: Option<PathBuf>,
}

impl KmsSettings {
    /// The port of the service.
    ///
    /// # Errors
    /// [`KmsError::Endpoint`].
    pub fn port(&self) -> Result<u16, KmsError> {
        Ok(connect::Endpoint::new(self)?.port())
    }
}

/// Why a service did not wrap or unwrap.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KmsError {
    /// The endpoint's address is none.
    #[error("`{0}` is not the address of a service: https://HOST or https://HOST:PORT")]
    Endpoint(String),
    /// Plain HTTP goes over a network.
    #[error("the root key does not go over plain HTTP to {0}: only over https, or on loopback")]
    Plain(String),
    /// The certificates to trust cannot be had.
    #[error("the certificates to trust: {0}")]
    Certificates(#[from] outbound::NoTrust),
    /// The credentials cannot be had.
    #[error("the credentials: {0}")]
    Credentials(#[from] SourceError),
    /// The credentials cannot stand in a request.
    #[error("the request cannot be signed: {0}")]
    Signing(String),
    /// The service could not be reached, or broke off.
    #[error("{endpoint} cannot be reached: {reason}")]
    Unreachable {
        /// The service's address.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// Whoever answers there is not trusted, or does not speak TLS as it should.
    #[error("{endpoint} is not trusted: {reason}")]
    Untrusted {
        /// The service's address.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// The service refused.
    #[error("{endpoint} refused {operation}: {code} ({status}): {message}")]
    Answered {
        /// The service's address.
        endpoint: String,
        /// What it was asked.
        operation: &'static str,
        /// The HTTP status.
        status: u16,
        /// AWS's name of the error.
        code: String,
        /// What it says.
        message: String,
    },
    /// The service's answer is none.
    #[error("{0} answered in a way that makes no sense")]
    Nonsense(String),
    /// The operating system gives no thread.
    #[error("no thread for the call: {0}")]
    Thread(#[from] std::io::Error),
}

impl From<KmsError> for KeyringError {
    fn from(error: KmsError) -> Self {
        Self::Unusable { kind: Kind::Kms, source: Box::new(error) }
    }
}

/// The seal of another key management service. It is called while the root key is wrapped or unwrapped, at no other time.
#[derive(Debug)]
pub struct Kms(KmsSettings);

impl Kms {
    /// The seal that these settings name; the service is not asked yet.
    pub fn new(settings: KmsSettings) -> Self {
        Self(settings)
    }

    fn nonsense(&self) -> KmsError {
        KmsError::Nonsense(self.0.endpoint.clone().unwrap_or_else(|| format!("KMS of {}", self.0.region)))
    }
}

impl Seal for Kms {
    fn kind(&self) -> Kind {
        Kind::Kms
    }

    fn location(&self) -> Option<&Path> {
        None
    }

    fn wrap(&self, place: &SlotPlace, root: &Secret, _: &dyn Random) -> Result<Wrapping, KeyringError> {
        let plaintext = Zeroizing::new(BASE64.encode(root.bytes()));
        let input = call::Input {
            key_id: &self.0.key,
            plaintext: Some(&plaintext),
            ciphertext_blob: None,
            encryption_context: context(place),
        };
        let Answer { key_id, ciphertext_blob, .. } = call(&self.0, "Encrypt", &input)?;
        let blob = ciphertext_blob.ok_or_else(|| self.nonsense())?;
        let ciphertext = BASE64.decode(blob).map_err(|_| self.nonsense())?;
        Ok(Wrapping::Kms { key: key_id.ok_or_else(|| self.nonsense())?, ciphertext })
    }

    fn unwrap(&self, place: &SlotPlace, wrapping: &Wrapping) -> Result<Secret, KeyringError> {
        let Wrapping::Kms { ciphertext, .. } = wrapping else { return Err(KeyringError::Refused) };
        let blob = BASE64.encode(ciphertext);
        // The configured key, not the one that the keyring file names: who can write that file must not choose whom to ask.
        let input = call::Input {
            key_id: &self.0.key,
            plaintext: None,
            ciphertext_blob: Some(&blob),
            encryption_context: context(place),
        };
        let answer = match call(&self.0, "Decrypt", &input) {
            Err(KmsError::Answered { code, .. })
                if matches!(code.as_str(), "InvalidCiphertextException" | "IncorrectKeyException") =>
            {
                return Err(KeyringError::Refused);
            }
            answer => answer?,
        };
        let mut root = Zeroizing::new(Vec::with_capacity(64));
        BASE64
            .decode_vec(answer.plaintext.ok_or_else(|| self.nonsense())?.as_bytes(), &mut root)
            .map_err(|_| self.nonsense())?;
        Secret::copy_of(&root).ok_or(KeyringError::Refused)
    }
}

/// Names keyring and slot, in the service's audit trail too.
fn context(place: &SlotPlace) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("fastness:keyring", hex::encode(place.keyring)),
        ("fastness:slot", place.slot.to_string()),
    ])
}
