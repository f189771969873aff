//! How material may be wrapped for import (KMS Developer Guide, "Select a wrapping algorithm").

use crate::api::{AlgorithmSpec, KeySpec, WrappingKeySpec};
use crate::errors::{unsupported, validation};
use crate::kinds;
use keyring::MaterialSpec;
use platform::Fault;
use primitives::{EncryptionAlgorithm, KeyWrapping, PairSpec};

/// A kind of wrapping key, and how it is used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrapping {
    pub(super) pair: PairSpec,
    pub(super) how: KeyWrapping,
}

impl Wrapping {
    /// The wrapping of these names, if material of the key spec can be wrapped so.
    pub(super) fn new(key: KeySpec, spec: WrappingKeySpec, algorithm: AlgorithmSpec) -> Result<Self, Fault> {
        use EncryptionAlgorithm::{OaepSha1, OaepSha256, Sm2Pke};
        let how = match algorithm {
            AlgorithmSpec::RsaesOaepSha1 => KeyWrapping::Direct(OaepSha1),
            AlgorithmSpec::RsaesOaepSha256 => KeyWrapping::Direct(OaepSha256),
            AlgorithmSpec::RsaAesKeyWrapSha1 => KeyWrapping::AesKeyWrap(OaepSha1),
            AlgorithmSpec::RsaAesKeyWrapSha256 => KeyWrapping::AesKeyWrap(OaepSha256),
            AlgorithmSpec::Sm2pke => KeyWrapping::Direct(Sm2Pke),
            AlgorithmSpec::RsaesPkcs1V15 => {
                return Err(unsupported(format!("The wrapping algorithm {algorithm} is not supported.")));
            }
        };
        let pair = match spec {
            WrappingKeySpec::Rsa2048 => PairSpec::Rsa2048,
            WrappingKeySpec::Rsa3072 => PairSpec::Rsa3072,
            WrappingKeySpec::Rsa4096 => PairSpec::Rsa4096,
            WrappingKeySpec::Sm2 => PairSpec::Sm2,
        };
        let is_rsa = matches!(key, KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096);
        let fits = match (how, pair) {
            (KeyWrapping::Direct(Sm2Pke), PairSpec::Sm2) => true,
            (KeyWrapping::Direct(Sm2Pke), _) | (_, PairSpec::Sm2) => false,
            // More than such a key encrypts.
            (KeyWrapping::Direct(_), PairSpec::Rsa2048) if key == KeySpec::EccNistP521 => false,
            (KeyWrapping::Direct(_), _) => !is_rsa,
            (KeyWrapping::AesKeyWrap(_), _) => matches!(kinds::material(key), MaterialSpec::Pair(_)),
        };
        if fits {
            return Ok(Self { pair, how });
        }
        Err(validation(format!(
            "Wrapping algorithm {algorithm} and wrapping key spec {spec} cannot be used to import a {key} key."
        )))
    }

    /// Requires a length that wrapped material can have.
    pub(super) fn require_length(&self, wrapped: &[u8]) -> Result<(), Fault> {
        let modulus = match self.pair {
            PairSpec::Rsa2048 => 256,
            PairSpec::Rsa3072 => 384,
            PairSpec::Rsa4096 => 512,
            _ => return Ok(()),
        };
        let fits = match self.how {
            KeyWrapping::Direct(_) => wrapped.len() == modulus,
            KeyWrapping::AesKeyWrap(_) => wrapped.len() > modulus,
        };
        if fits { Ok(()) } else { Err(validation("Invalid encrypted key size.")) }
    }
}
