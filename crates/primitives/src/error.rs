//! What goes wrong with keys.

/// What went wrong with one use of a key. Nothing in it depends on secret bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are no valid private or secret key of the spec.
    #[error("no valid key of this spec")]
    Key,
    /// The bytes are no valid public key of the spec.
    #[error("no valid public key of this spec")]
    PublicKey,
    /// Keys of this spec have no such algorithm, or it does not take messages of this type.
    #[error("the algorithm does not fit the key, or the type of message")]
    Algorithm,
    /// A digest or an external mu has another length than the algorithm needs.
    #[error("the digest has the wrong length for the algorithm")]
    DigestLength,
    /// The plaintext is longer than the key can encrypt.
    #[error("the plaintext is too long")]
    TooLong,
    /// The ciphertext was not made for this key and algorithm, or was altered: which of them is not said.
    #[error("the ciphertext does not open")]
    Ciphertext,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library,
}

impl From<aws_lc_rs::error::Unspecified> for Error {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Library
    }
}
