//! `[tls]`: how the server proves who it is, and whom it lets in.

use serde::Deserialize;
use std::path::PathBuf;

/// Its presence turns TLS on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Tls {
    /// A certificate with those that vouch for it (PEM); with `key`. Without both, the deployment's own authority makes one.
    pub(crate) certificate: Option<PathBuf>,
    /// Its private key (PEM).
    pub(crate) key: Option<PathBuf>,
    /// The names of the certificate that the deployment's own authority makes.
    #[serde(default)]
    pub(crate) names: Vec<String>,
    /// Where that certificate and its key lie.
    pub(crate) made_file: Option<PathBuf>,
    /// The authorities of clients' certificates (PEM).
    pub(crate) client_ca: Option<PathBuf>,
    /// Whether clients must show a certificate.
    pub(crate) client_certificates: Option<ClientCertificates>,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientCertificates {
    /// They may, and then it must be a good one.
    Optional,
    /// They must.
    Required,
}
