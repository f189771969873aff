//! What can go wrong with a keyring.

use crate::Kind;
use std::io;
use std::path::PathBuf;

/// Why a keyring could not be made, opened, changed or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The cryptographic library refused an operation that valid input cannot make it refuse.
    #[error("a cryptographic operation failed")]
    Cryptography,
    /// The keyring file is not what was written: its checksum, form or contents are wrong.
    #[error("the keyring file `{path}` is damaged: {reason}")]
    Damaged {
        /// The keyring file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is already a file where a new one was to be made.
    #[error("`{path}` exists already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file without which no material opens is not there.
    #[error("`{path}` is not there, and without it no KMS key can be used: put a copy of it in its place")]
    NoShreds {
        /// The file.
        path: PathBuf,
    },
    /// The material's owner was deleted, and with it what opens the material.
    #[error("the material has been destroyed")]
    Shredded,
    /// Anybody but its owner may read or write a file that must be private.
    #[error("`{path}` has mode {mode:04o}, but only its owner may have access (mode 0600)")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The operating system failed at something.
    #[error("cannot {action} `{path}`: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// What opens the keyring lies beside it, where whoever steals the data has both.
    #[error("the key file `{path}` lies in the data directory, which it is to protect: keep it elsewhere")]
    KeyAmongData {
        /// The key file.
        path: PathBuf,
    },
    /// A key file does not hold a key.
    #[error("the key file `{path}` does not hold exactly 32 bytes or 64 hexadecimal digits")]
    KeyFileLength {
        /// The key file.
        path: PathBuf,
    },
    /// The last slot cannot be removed: nothing could open the keyring any more.
    #[error("the last slot of a keyring cannot be removed")]
    LastSlot,
    /// None of the seals that were given opens any slot.
    #[error("no slot of the keyring `{path}` opens: {tried}")]
    NoSlotOpens {
        /// The keyring file.
        path: PathBuf,
        /// What was tried with which result.
        tried: String,
        /// Whether a seal could not be used: it may open the keyring another time.
        unusable: bool,
    },
    /// There is no slot of that number.
    #[error("the keyring has no slot {0}")]
    NoSuchSlot(u32),
    /// Bytes that were to become key material are not valid, or of another spec.
    #[error("the bytes are no key material of this kind")]
    NotMaterial,
    /// Key material does not unwrap. On purpose it is not said why.
    #[error("the key material does not unwrap")]
    NotUnwrapped,
    /// Key material is of another kind than what it was to be used for.
    #[error("the key material is of another kind")]
    OtherKind,
    /// The keyring file has another root key than this process: another process changed it, or somebody tampered with it.
    #[error("the keyring file `{path}` was given a new root key, or was tampered with: open it with a seal")]
    OtherRoot {
        /// The keyring file.
        path: PathBuf,
    },
    /// A passphrase is too short to resist guessing by whoever has the keyring file.
    #[error("a passphrase must have at least {0} bytes")]
    PassphraseTooShort(usize),
    /// A sealed value does not open here. On purpose it is not said why.
    #[error("the sealed value does not open here")]
    Refused,
    /// The keyring file is older than what this process has seen of it, lacks domain keys that it had, or belongs to another
    /// keyring.
    #[error("the keyring file `{path}` was replaced by an older or another one")]
    Replaced {
        /// The keyring file.
        path: PathBuf,
    },
    /// The header's authentication code is wrong though a slot opened: somebody changed the file.
    #[error("the keyring file `{path}` was tampered with: its authentication code is wrong")]
    Tampered {
        /// The keyring file.
        path: PathBuf,
    },
    /// A value is longer than can be sealed.
    #[error("the value is too long to seal")]
    TooLong,
    /// A keyring holds no more slots or epochs than this.
    #[error("a keyring cannot have more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The keyring file is of a format that this version does not know.
    #[error("the keyring file `{path}` has format {format}, which this version does not know")]
    UnknownFormat {
        /// The keyring file.
        path: PathBuf,
        /// The format it names.
        format: u32,
    },
    /// A seal cannot be used, so that it is not known whether it fits.
    #[error("the {kind} seal cannot be used: {source}")]
    Unusable {
        /// The seal's kind.
        kind: Kind,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The work factors of a passphrase slot are outside of what is accepted, or there is too little memory for them.
    #[error("the work factors of the passphrase are not usable: {0}")]
    Work(String),
}
