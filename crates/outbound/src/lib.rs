//! Whom Fastness trusts where it calls others over TLS: key management services that open its keyring, proxies of external
//! key stores, collectors of the trail.

mod post;

pub use post::{Collector, PostError};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// There is nobody to trust; says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoTrust(String);

/// TLS 1.2 or 1.3 that trusts the certificates of a file (PEM), or those of the system.
///
/// # Errors
/// The file cannot be read, or there are no certificates.
pub fn trusted(file: Option<&Path>) -> Result<Arc<ClientConfig>, NoTrust> {
    let certificates = match file {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| NoTrust(format!("{}: {error}", path.display())))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(NoTrust("there are none".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NoTrust(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
