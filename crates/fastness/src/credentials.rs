//! A root access key, the first or one that took its place, kept sealed beside the data so that whoever can open the keyring can use the deployment.

use crate::deployment::{Data, write_private};
use crate::exit::Exit;
use crate::{Failure, failure};
use keyring::{Keyring, Random};
use platform::ids;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use zeroize::Zeroizing;

/// What the sealed file is for; a file of another purpose does not open.
const PURPOSE: &str = "fastness/root-credentials";

/// Lengths of an access key id, in characters (IAM API Reference, `AccessKeyId`).
const ID_CHARS: RangeInclusive<usize> = 16..=128;

/// Length of a secret that automation may choose, in characters. Those made here have 40, as AWS's.
const SECRET_CHARS: RangeInclusive<usize> = 1..=128;

/// The least strength of a secret that others than this host may try to guess, in bits.
const SECRET_BITS_MIN: f64 = 128.0;

/// An access key with its secret.
#[derive(Serialize, Deserialize)]
pub(crate) struct RootKey {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Zeroizing<String>,
}

impl RootKey {
    /// A random one.
    pub(crate) fn random(random: &dyn Random) -> Self {
        let access_key_id = ids::access_key("AKIA", random);
        Self { access_key_id, secret_access_key: ids::secret_access_key(random) }
    }

    /// The one that the environment gives for automation, or a random one.
    pub(crate) fn choose(random: &dyn Random) -> Result<Self, Failure> {
        let id = std::env::var("FASTNESS_ROOT_ACCESS_KEY_ID").ok();
        let secret = std::env::var("FASTNESS_ROOT_SECRET_ACCESS_KEY").ok().map(Zeroizing::new);
        let (id, secret) = match (id, secret) {
            (None, None) => return Ok(Self::random(random)),
            (Some(id), Some(secret)) => (id, secret),
            _ => {
                return Err(Failure(
                    "set both FASTNESS_ROOT_ACCESS_KEY_ID and FASTNESS_ROOT_SECRET_ACCESS_KEY, or neither"
                        .into(),
                ));
            }
        };
        // What a signature can name: `[\w]+` in the model of IAM.
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !ID_CHARS.contains(&id.len()) || !id.bytes().all(word) {
            return Err(Failure(
                "FASTNESS_ROOT_ACCESS_KEY_ID must be 16 to 128 letters, digits and underscores".into(),
            ));
        }
        if !SECRET_CHARS.contains(&secret.len()) || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure(
                "FASTNESS_ROOT_SECRET_ACCESS_KEY must be 1 to 128 printable characters without spaces".into(),
            ));
        }
        Ok(Self { access_key_id: id, secret_access_key: secret })
    }

    /// Requires that the secret cannot be guessed where others than this host may try.
    ///
    /// # Errors
    /// If an address is not a loopback address and the secret is weak.
    pub(crate) fn require_strength(&self, listen: SocketAddr) -> Result<(), Failure> {
        let bits = strength(&self.secret_access_key);
        if listen.ip().is_loopback() || bits >= SECRET_BITS_MIN {
            return Ok(());
        }
        Err(Failure(format!(
            "FASTNESS_ROOT_SECRET_ACCESS_KEY: the secret access key of the root user has about {bits:.0} bits: for {listen}, which is not a loopback address, it must have \
             {SECRET_BITS_MIN:.0}, as `openssl rand -base64 30` has. `fastness root-access-key` makes another for a deployment that is there"
        )))
    }

    pub(crate) fn write(&self, data: &Data, keyring: &Keyring) -> Result<(), Failure> {
        let json = Zeroizing::new(serde_json::to_vec(self)?);
        write_private(&data.root_credentials(), &keyring.token_seal(PURPOSE, &json)?)
    }

    pub(crate) fn read(data: &Data, keyring: &Keyring) -> Result<Self, Failure> {
        let path = data.root_credentials();
        let sealed = std::fs::read(&path).map_err(|error| failure(path.display(), error))?;
        let damaged = |error| failure(path.display(), error).with(Exit::Damaged);
        let json = keyring.token_open(PURPOSE, &sealed).map_err(damaged)?;
        Ok(serde_json::from_slice(&json)?)
    }
}

/// Membership in a kind of characters.
type Kind = fn(u8) -> bool;

/// An estimate of a secret's strength, in bits: its characters, without repetition of the whole, times what one of its alphabet tells.
///
/// The alphabet is the smallest of hexadecimal digits, or the kinds of ASCII characters, that holds the secret; but it has no more
/// than three times the characters that are there. Words are not known here: a sentence passes for more than it is.
fn strength(secret: &str) -> f64 {
    let bytes = secret.as_bytes();
    let repeats = |&period: &usize| bytes.iter().skip(period).eq(bytes.iter().take(bytes.len() - period));
    let period = (1..bytes.len()).find(repeats).unwrap_or(bytes.len());
    let all = |kind: Kind| bytes.iter().all(|&byte| kind(byte));
    let any = |kind: Kind| bytes.iter().any(|&byte| kind(byte));
    let hexadecimal = all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        || all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
    let kinds: [(Kind, usize); 4] = [
        (|byte| byte.is_ascii_digit(), 10),
        (|byte| byte.is_ascii_lowercase(), 26),
        (|byte| byte.is_ascii_uppercase(), 26),
        (|byte| byte.is_ascii_punctuation(), 32),
    ];
    let size: usize = kinds.iter().filter(|(kind, _)| any(*kind)).map(|(_, size)| size).sum();
    let size = if hexadecimal { size.min(16) } else { size };
    let distinct = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
    #[expect(clippy::cast_precision_loss, reason = "both are at most 256")]
    let (period, size) = (period as f64, size.min(3 * distinct).max(1) as f64);
    period * size.log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strength_of_secrets() {
        for strong in [
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
            "9f86d081884c7d659a2feaa0c55ad015",
            "9F86D081884C7D659A2FEAA0C55AD015",
            "kZ8vQm2RtY5wXn7Lb3Pc1d",
            "295182735401928374650192837465019283746",
        ] {
            assert!(strength(strong) >= SECRET_BITS_MIN, "{strong}: {}", strength(strong));
        }
        for weak in [
            "",
            "test",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
            "passwordpasswordpasswordpasswordpassword",
            "0123456789abcdef0123456789abcdef",
            "9f86d081884c7d659a2feaa0c55ad01",
            "minioadmin",
        ] {
            assert!(strength(weak) < SECRET_BITS_MIN, "{weak}: {}", strength(weak));
        }
    }

    #[test]
    fn weak_secrets_stay_on_this_host() {
        let key = |secret: &str| RootKey {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: Zeroizing::new(secret.to_owned()),
        };
        for here in ["127.0.0.1:80", "[::1]:80"] {
            assert!(key("test").require_strength(here.parse().unwrap()).is_ok());
        }
        for beyond in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80"] {
            let beyond = beyond.parse().unwrap();
            assert!(key("test").require_strength(beyond).is_err());
            assert!(key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").require_strength(beyond).is_ok());
        }
    }
}
