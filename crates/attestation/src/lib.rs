//! Attested environments: is this document signed by the hypervisor of a Nitro enclave or of a NitroTPM, and how is something
//! encrypted so that this environment alone can read it?
//!
//! The rules of documents are those of "Nitro Enclaves Attestation Process" (aws-nitro-enclaves-nsm-api, docs/attestation_process.md)
//! and of "Validate a NitroTPM Attestation Document" (EC2 User Guide). Which roots are trusted is a matter of configuration: without
//! any, no document is.

mod chain;
mod document;
mod envelope;
mod refused;
#[cfg(test)]
mod tests;

pub use document::Environment;
pub use envelope::{NotSealed, RecipientKey};
pub use refused::Refused;

use document::Document;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::collections::BTreeMap;

/// How long after its making a document is of use, in milliseconds; and how far the clocks may differ the other way. KMS asks for a
/// document that is not older than five minutes.
pub const AGE_MAX_MS: i64 = 5 * 60 * 1000;

/// The root certificates that are trusted.
#[derive(Clone, Debug, Default)]
pub struct Roots(Vec<CertificateDer<'static>>);

/// What a document has proved.
#[derive(Debug)]
pub struct Attested {
    /// What kind of environment it is.
    pub environment: Environment,
    /// What the hypervisor calls it: the instance, and the enclave or TPM in it.
    pub module_id: String,
    /// What was measured, by the number of the register.
    pub registers: BTreeMap<u8, Vec<u8>>,
    /// What to encrypt to.
    pub key: RecipientKey,
}

impl Roots {
    /// Trusts the certificates of a PEM file as well.
    ///
    /// # Errors
    /// If it has none, or something in it is no certificate.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), Refused> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let found = found.map_err(|_| Refused::NotCertificates)?;
        if found.is_empty() {
            return Err(Refused::NotCertificates);
        }
        for certificate in &found {
            chain::parse(certificate).map_err(|_| Refused::NotCertificates)?;
        }
        self.0.extend(found);
        Ok(())
    }

    /// Verifies a document, at a time in milliseconds since the epoch.
    ///
    /// # Errors
    /// Everything that does not make it a fresh document of an environment that somebody trusted vouches for.
    pub fn verify(&self, document: &[u8], now_ms: i64) -> Result<Attested, Refused> {
        let Document { signed, claims } = Document::read(document)?;
        let signer = chain::verify(&self.0, &claims, now_ms)?;
        signed.verify(&signer)?;
        let age = now_ms.checked_sub(claims.timestamp).ok_or(Refused::Stale)?;
        if !(-AGE_MAX_MS..=AGE_MAX_MS).contains(&age) {
            return Err(Refused::Stale);
        }
        let key = claims.public_key.ok_or(Refused::NoKey)?;
        Ok(Attested {
            environment: claims.environment,
            module_id: claims.module_id,
            registers: claims.registers,
            key: RecipientKey::read(key)?,
        })
    }
}
