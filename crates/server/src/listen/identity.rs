//! Certificates with their keys, read from PEM and checked before anybody is shown them.

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What a server proves to be: a certificate, those that lead from it to its authority, and its key.
#[derive(Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    names: Vec<String>,
    not_before: SystemTime,
    not_after: SystemTime,
}

/// Why a certificate and a key are no good.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is no certificate in the text.
    #[error("no certificate is in it (a PEM block `CERTIFICATE`)")]
    NoCertificate,
    /// There is no private key in the text.
    #[error(
        "no private key is in it (a PEM block `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`, not encrypted)"
    )]
    NoKey,
    /// A PEM block cannot be read.
    #[error("the PEM text cannot be read: {0}")]
    Pem(pem::Error),
    /// The first certificate cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// The key is of a kind that cannot sign a handshake.
    #[error("the key cannot be used: {0}")]
    Key(rustls::Error),
    /// The key is another certificate's.
    #[error("the key does not belong to the certificate")]
    Mismatch,
    /// The certificate is not valid yet, or no longer.
    #[error("the certificate is valid {0} only")]
    Time(String),
    /// The certificate is an authority's, or for clients only.
    #[error("the certificate is not one of a server: {0}")]
    Purpose(&'static str),
}

impl Identity {
    /// Reads a certificate with those that vouch for it, in this order, and its key (PKCS #8, PKCS #1 or SEC 1).
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(IdentityError::Pem)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => IdentityError::NoKey,
            error => IdentityError::Pem(error),
        })?;
        let first = chain.first().ok_or(IdentityError::NoCertificate)?;
        let (_, certificate) = X509Certificate::from_der(first)
            .map_err(|error| IdentityError::Certificate(error.to_string()))?;
        purpose(&certificate)?;
        let validity = certificate.validity();
        let (not_before, not_after) =
            (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()));
        let names = names(&certificate);
        let key = any_supported_type(&key).map_err(IdentityError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => IdentityError::Mismatch,
            error => IdentityError::Key(error),
        })?;
        Ok(Self { certified: Arc::new(certified), names, not_before, not_after })
    }

    /// Requires that the certificate is valid at a time.
    ///
    /// # Errors
    /// When it is valid instead.
    pub fn check_time(&self, now: SystemTime) -> Result<(), IdentityError> {
        if now < self.not_before {
            return Err(IdentityError::Time(format!("from {} on", date(self.not_before))));
        }
        if now > self.not_after {
            return Err(IdentityError::Time(format!("until {}", date(self.not_after))));
        }
        Ok(())
    }

    /// The names and addresses it is for, in the certificate's order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Since when it is valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when it is valid.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    pub(super) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("names", &self.names).finish_non_exhaustive()
    }
}

/// Refuses what every client would refuse: authorities, and certificates that are for something else.
fn purpose(certificate: &X509Certificate<'_>) -> Result<(), IdentityError> {
    if certificate.is_ca() {
        return Err(IdentityError::Purpose("it is a certificate authority's"));
    }
    let unreadable = |error: x509_parser::error::X509Error| IdentityError::Certificate(error.to_string());
    match certificate.extended_key_usage().map_err(unreadable)? {
        Some(usage) if !usage.value.server_auth && !usage.value.any => {
            Err(IdentityError::Purpose("its extended key usage does not include server authentication"))
        }
        _ => Ok(()),
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else { return Vec::new() };
    let readable = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Some(Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            bytes => <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).to_string()),
        },
        _ => None,
    };
    alternative.value.general_names.iter().filter_map(readable).collect()
}

fn time(seconds: i64) -> SystemTime {
    match u64::try_from(seconds) {
        Ok(after) => UNIX_EPOCH + Duration::from_secs(after),
        Err(_) => UNIX_EPOCH,
    }
}

/// A time to the second, in UTC.
fn date(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    wire::Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)).rfc3339()
}
