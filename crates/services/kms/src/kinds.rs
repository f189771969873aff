//! What kinds of keys there are (KMS Developer Guide, "Key spec reference").

use crate::api::KeySpec;
use keyring::MaterialSpec;
use primitives::{MacSpec, PairSpec};

/// What keys of a spec are made of.
pub(crate) fn material(spec: KeySpec) -> MaterialSpec {
    match spec {
        KeySpec::SymmetricDefault => MaterialSpec::Symmetric,
        KeySpec::Hmac224 => MaterialSpec::Mac(MacSpec::Hmac224),
        KeySpec::Hmac256 => MaterialSpec::Mac(MacSpec::Hmac256),
        KeySpec::Hmac384 => MaterialSpec::Mac(MacSpec::Hmac384),
        KeySpec::Hmac512 => MaterialSpec::Mac(MacSpec::Hmac512),
        KeySpec::Rsa2048 => MaterialSpec::Pair(PairSpec::Rsa2048),
        KeySpec::Rsa3072 => MaterialSpec::Pair(PairSpec::Rsa3072),
        KeySpec::Rsa4096 => MaterialSpec::Pair(PairSpec::Rsa4096),
        KeySpec::EccNistP256 => MaterialSpec::Pair(PairSpec::P256),
        KeySpec::EccNistP384 => MaterialSpec::Pair(PairSpec::P384),
        KeySpec::EccNistP521 => MaterialSpec::Pair(PairSpec::P521),
        KeySpec::EccSecgP256k1 => MaterialSpec::Pair(PairSpec::Secp256k1),
        KeySpec::EccNistEdwards25519 => MaterialSpec::Pair(PairSpec::Ed25519),
        KeySpec::Sm2 => MaterialSpec::Pair(PairSpec::Sm2),
        KeySpec::MlDsa44 => MaterialSpec::Pair(PairSpec::MlDsa44),
        KeySpec::MlDsa65 => MaterialSpec::Pair(PairSpec::MlDsa65),
        KeySpec::MlDsa87 => MaterialSpec::Pair(PairSpec::MlDsa87),
        KeySpec::MlKem512 => MaterialSpec::Pair(PairSpec::MlKem512),
        KeySpec::MlKem768 => MaterialSpec::Pair(PairSpec::MlKem768),
        KeySpec::MlKem1024 => MaterialSpec::Pair(PairSpec::MlKem1024),
    }
}
