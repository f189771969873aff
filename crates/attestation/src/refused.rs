//! Why a document proves nothing, in words for whoever sent it.

use wire::Malformed;

/// Why a document proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not of the form that it must have.
    #[error("it is malformed: {0}")]
    Form(String),
    /// A certificate of it is not as it must be, or they do not make a chain.
    #[error("its certificates do not vouch for it: {0}")]
    Chain(&'static str),
    /// The root that it names is none that is trusted.
    #[error("its root certificate is not trusted")]
    Root,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// It is too old, or of the future.
    #[error("it is older than five minutes, or of the future")]
    Stale,
    /// There is nothing to encrypt to.
    #[error("it has no public key")]
    NoKey,
    /// What it has to encrypt to cannot be used.
    #[error("its public key is not an RSA key of 2048 to 8192 bits")]
    Key,
    /// A file with roots has none in it, or something else.
    #[error("not certificates in PEM")]
    NotCertificates,
}

impl Refused {
    pub(crate) fn form(what: impl Into<String>) -> Self {
        Self::Form(what.into())
    }
}

impl From<Malformed> for Refused {
    fn from(error: Malformed) -> Self {
        Self::Form(error.0.into_owned())
    }
}
