//! Seals that need more than a file: shares, a hardware security module, another key management service. And where their secrets
//! come from: files, systemd credentials, environment files.
//!
//! Each seal wraps the root key for one slot of the keyring ([`keyring::Seal`]). None of them is used but when the keyring is made,
//! opened, rekeyed or given a slot. `docs/decisions/0007-seals.md` has the reasons.

mod env_file;
mod kms;
mod pkcs11;
mod shamir;
mod share;
mod source;

pub use kms::{Kms, KmsError, KmsSettings};
pub use pkcs11::{Pkcs11, Pkcs11Error, Pkcs11Settings, Token};
pub use shamir::{Progress, Shamir, ShamirError, Shares, Split};
pub use share::Share;
pub use source::{Source, SourceError, default_credential};
