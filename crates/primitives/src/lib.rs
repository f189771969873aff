//! The cryptographic keys of KMS in memory: one type for key pairs of every spec, one for keys of HMAC, and what unwraps imported keys;
//! and the one-time codes of MFA devices.
//!
//! Primitives are AWS-LC's. Where aws-lc-rs does not give one, RustCrypto's stands in: SM2 with SM3, Ed25519ph, ML-DSA of an external mu,
//! and the expansion of ML-KEM seeds. Nothing here stores anything or knows what AWS calls things.

mod algorithm;
mod der;
mod ec;
mod ed25519;
mod error;
mod mac;
mod ml_dsa;
mod ml_kem;
mod one_time;
mod pair;
mod random;
mod rsa;
mod sm2;
mod spec;
mod wrapping;

pub use algorithm::{EncryptionAlgorithm, Hash, Message, SignatureAlgorithm};
pub use error::Error;
pub use mac::MacKey;
pub use one_time::OneTimeCodes;
pub use pair::{Encapsulated, KeyPair, PublicKey};
pub use rsa::public_key as rsa_public_key;
pub use spec::{MacSpec, PairSpec};
pub use wrapping::{KeyWrapping, unwrap};
