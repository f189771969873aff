//! AES-256-GCM with 96-bit nonces and 128-bit tags (NIST SP 800-38D): the one way anything is encrypted here.

use crate::KeyringError;
use crate::secret::KEY_BYTES;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

pub(crate) const NONCE_BYTES: usize = 12;
pub(crate) const TAG_BYTES: usize = 16;

/// The tag does not fit: altered, another key, another nonce or other additional data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// A key ready for use. AWS-LC wipes its schedule when it is dropped.
pub(crate) struct Aead(LessSafeKey);

impl Aead {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Result<Self, KeyringError> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| KeyringError::Cryptography)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Appends ciphertext and tag to `out`. The nonce must never come again under this key.
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        additional: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), KeyringError> {
        let start = out.len();
        out.resize(start + plaintext.len() + TAG_BYTES, 0);
        out.get_mut(start..)
            .and_then(|sealed| sealed.split_at_mut_checked(plaintext.len()))
            .and_then(|(ciphertext, tag)| {
                let nonce = Nonce::assume_unique_for_key(nonce);
                let additional = Aad::from(additional);
                self.0.seal_out_of_place_scatter(nonce, additional, plaintext, ciphertext, &[], tag).ok()
            })
            .ok_or(KeyringError::Cryptography)
    }

    /// Opens ciphertext and tag.
    pub(crate) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        additional: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Refused)?;
        let mut plaintext = Zeroizing::new(vec![0; ciphertext.len()]);
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .open_separate_gather(nonce, Aad::from(additional), ciphertext, tag, &mut plaintext)
            .map_err(|_| Refused)?;
        Ok(plaintext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &str =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/wycheproof/aes_gcm_test.json");

    fn bytes(of: &serde_json::Value, name: &str) -> Vec<u8> {
        hex::decode(of[name].as_str().unwrap()).unwrap()
    }

    #[test]
    fn wycheproof() {
        let Ok(text) = std::fs::read(VECTORS) else {
            println!("skipped: {VECTORS} is not there");
            return;
        };
        let suite: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let fitting = |group: &&serde_json::Value| {
            (&group["keySize"], &group["ivSize"], &group["tagSize"]) == (&256.into(), &96.into(), &128.into())
        };
        let groups = suite["testGroups"].as_array().unwrap();
        let mut cases = 0;
        for case in groups.iter().filter(fitting).flat_map(|group| group["tests"].as_array().unwrap()) {
            let aead = Aead::new(&bytes(case, "key").try_into().unwrap()).unwrap();
            let nonce: [u8; NONCE_BYTES] = bytes(case, "iv").try_into().unwrap();
            let (additional, plaintext) = (bytes(case, "aad"), bytes(case, "msg"));
            let sealed = [bytes(case, "ct"), bytes(case, "tag")].concat();
            let opened = aead.open(nonce, &additional, &sealed);
            let mut out = b"before".to_vec();
            aead.seal(nonce, &additional, &plaintext, &mut out).unwrap();
            assert!(out.starts_with(b"before"));
            match case["result"].as_str().unwrap() {
                "valid" => {
                    assert_eq!(*opened.unwrap(), plaintext, "{case}");
                    assert_eq!(&out[6..], sealed, "{case}");
                }
                _ => {
                    assert_eq!(opened.unwrap_err(), Refused, "{case}");
                    assert_ne!(&out[6..], sealed, "{case}");
                }
            }
            cases += 1;
        }
        assert_eq!(cases, 66);
    }
}
