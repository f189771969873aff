//! Whom Fastness trusts where it calls others over TLS: key management services that open its keyring, proxies of external
//! key stores, collectors of the trail, databases; and which addresses may be called for others.

mod network;
mod post;
mod reach;

pub use network::{Network, NetworkError};
pub use post::{Collector, PostError};
pub use reach::{Reach, Unreachable};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// There is nobody to trust; says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoTrust(String);

/// The certificates that are trusted, and TLS that trusts them.
#[derive(Debug, Clone)]
pub struct Trust {
    roots: Vec<CertificateDer<'static>>,
    config: Arc<ClientConfig>,
}

impl Trust {
    /// Trust in the system's certificates and those of a file (PEM) besides. Without any, no server is trusted.
    ///
    /// # Errors
    /// The file cannot be read, or has no certificates.
    pub fn with(file: Option<&Path>) -> Result<Self, NoTrust> {
        let mut roots = rustls_native_certs::load_native_certs().certs;
        if let Some(path) = file {
            let own = read(path)?;
            if own.is_empty() {
                return Err(NoTrust(format!("{}: there are no certificates", path.display())));
            }
            roots.extend(own);
        }
        let mut store = RootCertStore::empty();
        roots.retain(|root| store.add(root.clone()).is_ok());
        Ok(Self { roots, config: config(store)? })
    }

    /// The trusted certificates that can be read as such.
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// TLS 1.2 or 1.3 that trusts them.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

/// TLS 1.2 or 1.3 that trusts the certificates of a file (PEM), or those of the system.
///
/// # Errors
/// The file cannot be read, or there are no certificates.
pub fn trusted(file: Option<&Path>) -> Result<Arc<ClientConfig>, NoTrust> {
    let certificates = match file {
        Some(path) => read(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(NoTrust("there are none".to_owned()));
    }
    config(roots)
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, NoTrust> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| NoTrust(format!("{}: {error}", path.display())))
}

fn config(roots: RootCertStore) -> Result<Arc<ClientConfig>, NoTrust> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NoTrust(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
