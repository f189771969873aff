//! The root key and everything below it: the only place where plaintext key material lives.
//!
//! A [`Keyring`] is opened with any one of its seals, and from then on seals and opens values ([`Keyring::seal`]), makes
//! tokens that only it can read ([`Keyring::token_seal`]) and holds the material of KMS keys ([`Material`]), which it can destroy in all
//! copies there are ([`Keyring::shred_begin`]).
//!
//! ```text
//! seals (key file, passphrase, …) → root key → domain keys, one an epoch → a key per writer  → values, backing keys
//!                                                                        → a key per message → tokens
//!                                              backing key               → a key per message → KMS ciphertexts
//! ```
//!
//! Derivations are the counter mode KDF of NIST SP 800-108r1 with HMAC-SHA-256, encryption is AES-256-GCM (SP 800-38D). All
//! primitives are AWS-LC's. `docs/decisions/0003-keyring.md` has the reasons.

mod aead;
mod backing;
mod barrier;
mod blind;
mod data_key;
mod derive;
mod domain;
mod error;
mod file;
mod header;
mod key_file;
mod keyring;
mod material;
mod message;
mod passphrase;
mod password;
mod random;
mod rekey;
mod seal;
mod secret;
mod shreds;
mod slots;
mod wrapping;
mod writer;

pub use backing::{BackingKey, InvalidCiphertext};
pub use blind::BlindKey;
pub use data_key::DataKey;
pub use error::KeyringError;
pub use file::{Access, read_private};
pub use key_file::KeyFile;
pub use keyring::{Keyring, PLAINTEXT_BYTES_MAX};
pub use material::{Material, MaterialSpec, SealedKey};
pub use message::Apart;
pub use passphrase::{Passphrase, Work};
pub use password::PasswordHash;
pub use random::{Random, SystemRandom};
pub use rekey::Rekeyed;
pub use seal::{Kind, Seal, SlotPlace};
pub use secret::Secret;
pub use shreds::ShredId;
pub use slots::{KeyringInfo, SlotInfo, Trial};
pub use wrapping::{CIPHERTEXT_BYTES_MAX, NAME_BYTES_MAX, SHARES_MAX, UnderKey, WrappedKey, Wrapping};
