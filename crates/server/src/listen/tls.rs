//! TLS 1.2 and 1.3, with a certificate that can be replaced while connections are open.

use super::identity::Identity;
use arc_swap::ArcSwapOption;
use platform::Tls as Facts;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::{NoServerSessionStorage, ServerConnection, WebPkiClientVerifier};
use rustls::{CipherSuite, NamedGroup, ProtocolVersion, RootCertStore, ServerConfig};
use std::fmt;
use std::sync::Arc;

/// The protocol that clients may ask for by ALPN.
const HTTP_1_1: &[u8] = b"http/1.1";

/// The TLS side of a listener. Without an identity it refuses every handshake.
pub struct Tls {
    provider: Arc<CryptoProvider>,
    config: ArcSwapOption<ServerConfig>,
}

/// Which certificates of clients are accepted.
///
/// A client's certificate opens the connection and nothing else: calls are signed as ever, and policies do not see it.
#[derive(Clone, Debug)]
pub struct Clients {
    roots: Arc<RootCertStore>,
    required: bool,
}

/// Why TLS cannot be spoken as told.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is no certificate among those of client authorities, or one cannot be read.
    #[error("no certificate authority for clients: {0}")]
    Clients(String),
    /// rustls refuses the configuration.
    #[error(transparent)]
    Config(#[from] rustls::Error),
}

impl Clients {
    /// Clients whose certificates lead to one of these authorities; others are let in too unless it is `required`.
    ///
    /// # Errors
    /// No certificate, or one that cannot be read.
    pub fn from_pem(authorities: &[u8], required: bool) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            let certificate = certificate.map_err(|error| TlsError::Clients(error.to_string()))?;
            roots.add(certificate).map_err(|error| TlsError::Clients(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(TlsError::Clients("no certificate is in the file".to_owned()));
        }
        Ok(Self { roots: Arc::new(roots), required })
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self { provider: Arc::new(aws_lc_rs::default_provider()), config: ArcSwapOption::empty() }
    }
}

impl Tls {
    /// Handshakes from now on show this identity; open connections go on as they are.
    ///
    /// # Errors
    /// What rustls does not accept; the identity before stays.
    pub fn present(&self, identity: &Identity, clients: Option<&Clients>) -> Result<(), TlsError> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(
                    Arc::clone(&clients.roots),
                    Arc::clone(&self.provider),
                );
                let verifier =
                    if clients.required { verifier } else { verifier.allow_unauthenticated() }.build();
                builder.with_client_cert_verifier(
                    verifier.map_err(|error| TlsError::Clients(error.to_string()))?,
                )
            }
        };
        let certified = Arc::clone(identity.certified());
        let mut config =
            builder.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        // Sessions are resumed from tickets, so that they cost no memory here. Their keys are new with each identity: a session
        // that another client authority vouched for is not resumed.
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // Without it the secret of a TLS 1.2 session is not bound to its handshake (RFC 7627).
        config.require_ems = true;
        self.config.store(Some(Arc::new(config)));
        Ok(())
    }

    pub(super) fn config(&self) -> Option<Arc<ServerConfig>> {
        self.config.load_full()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("ready", &self.config.load().is_some()).finish_non_exhaustive()
    }
}

/// What a handshake came to.
pub(super) fn facts(connection: &ServerConnection) -> Facts {
    Facts {
        version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "-",
        },
        cipher_suite: connection.negotiated_cipher_suite().map_or("-", |suite| suite_name(suite.suite())),
        key_exchange: connection
            .negotiated_key_exchange_group()
            .map_or("-", |group| group_name(group.name())),
    }
}

fn suite_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        other => other.as_str().unwrap_or("-"),
    }
}

/// The names that AWS's own TLS library gives them, as they stand in CloudTrail's records.
fn group_name(group: NamedGroup) -> &'static str {
    match group {
        NamedGroup::X25519 => "x25519",
        NamedGroup::X25519MLKEM768 => "X25519MLKEM768",
        NamedGroup::secp256r1 => "secp256r1",
        NamedGroup::secp384r1 => "secp384r1",
        other => other.as_str().unwrap_or("-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_can_be_agreed_on_has_a_name() {
        for suite in aws_lc_rs::DEFAULT_CIPHER_SUITES {
            let name = suite_name(suite.suite());
            assert!(
                name.starts_with("TLS_AES") || name.starts_with("TLS_CHACHA20") || name.starts_with("ECDHE-")
            );
        }
        for group in aws_lc_rs::DEFAULT_KX_GROUPS {
            assert!(
                ["X25519MLKEM768", "x25519", "secp256r1", "secp384r1"].contains(&group_name(group.name()))
            );
        }
        assert_eq!(aws_lc_rs::default_provider().kx_groups[0].name(), NamedGroup::X25519MLKEM768);
    }
}
