//! The certificates of a cluster (AWS CloudHSM User Guide, "Verify the identity and authenticity of your cluster's HSM" and "Initialize the
//! cluster"). The requests and the HSM's own certificate are signed inside the token, by a key that it keeps.

use crate::cluster::{Claim, Cluster};
use crate::errors::{self, invalid};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hsm::{HsmError, Identity, PublicKey, SETUP_MAX, Token};
use platform::{Cx, Fault};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm,
    SigningKey, date_time_ymd,
};
use std::sync::Arc;
use std::time::Duration;
use x509_parser::certificate::X509Certificate;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use zeroize::Zeroizing;

/// The longest certificate that InitializeCluster takes, in characters.
const CERTIFICATE_CHARS_MAX: usize = 5000;

/// How long an HSM's own certificate is valid: as long as anybody keeps the token.
const VALID: Duration = Duration::from_secs(20 * 365 * 24 * 60 * 60);

/// A token's key, as the maker of certificates wants it.
struct Signer<'a> {
    identity: &'a Identity<'a>,
    public: Vec<u8>,
}

impl PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.identity.sign(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// Has the token sign a request for the cluster's certificate, and a certificate of its own: PEM.
pub(crate) fn issue(
    cx: &Cx<'_>,
    token: &Token,
    so_pin: &str,
    cluster: &str,
) -> Result<(String, String), Fault> {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Fastness");
    name.push(DnType::CommonName, format!("HSM:{}:{cluster}", token.serial()));
    let now = Duration::from_millis(u64::try_from(cx.now().0).unwrap_or(0));
    let epoch = date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.not_before = epoch + now;
    params.not_after = epoch + now + VALID;
    let module = Arc::clone(token.module());
    let (token, so_pin) = (token.clone(), Zeroizing::new(so_pin.to_owned()));
    let work = move || {
        token.with_identity(&so_pin, |identity| {
            let signer = Signer { identity, public: rsa_public_key(identity.public()) };
            let request =
                params.serialize_request(&signer).map(|request| block("CERTIFICATE REQUEST", request.der()));
            let own = params.self_signed(&signer).map(|certificate| block("CERTIFICATE", certificate.der()));
            match (request, own) {
                (Ok(request), Ok(own)) => Ok((request, own)),
                _ => Err(HsmError::Nonsense),
            }
        })
    };
    let issued = cx.aside(|| module.within(SETUP_MAX, work))?;
    issued.map_err(|error| errors::device(&error))
}

/// A PEM block (RFC 7468).
fn block(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----");
    for (place, c) in STANDARD.encode(der).chars().enumerate() {
        if place % 64 == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

/// `RSAPublicKey` of PKCS #1 (RFC 8017, A.1.1): a sequence of two integers, in DER.
fn rsa_public_key(key: &PublicKey) -> Vec<u8> {
    let mut numbers = integer(&key.modulus);
    numbers.extend(integer(&key.exponent));
    tagged(0x30, &numbers)
}

/// A positive number: no zeros in front of it but the one that keeps it positive.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    let mut content = Vec::with_capacity(bytes.len() + 1);
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        content.push(0);
    }
    content.extend_from_slice(bytes);
    tagged(0x02, &content)
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let start = length.iter().position(|byte| *byte != 0).unwrap_or(length.len());
            let length = length.get(start..).unwrap_or_default();
            out.push(0x80 | u8::try_from(length.len()).unwrap_or(0));
            out.extend_from_slice(length);
        }
    }
    out.extend_from_slice(content);
    out
}

/// Requires that these certificates make a cluster somebody's: one for its key, and the self-signed one of who signed it.
pub(crate) fn check(cx: &Cx<'_>, csr: &str, signed: &str, anchor: &str) -> Result<Claim, Fault> {
    let (signed_pem, anchor_pem) = (pem("SignedCert", signed)?, pem("TrustAnchor", anchor)?);
    let certificate = certificate("SignedCert", &signed_pem)?;
    let issuer = certificate_of_anchor(&anchor_pem)?;
    let request = Pem::iter_from_buffer(csr.as_bytes()).next().and_then(Result::ok);
    let request = request.ok_or_else(|| Fault::bug("a cluster's own request cannot be read"))?;
    let (_, request) = X509CertificationRequest::from_der(&request.contents)
        .map_err(|_| Fault::bug("a cluster's own request cannot be read"))?;
    let own_key = &request.certification_request_info.subject_pki;
    if certificate.public_key().raw != own_key.raw {
        return Err(invalid("SignedCert is not for the key of the cluster's certificate signing request."));
    }
    if certificate.verify_signature(Some(issuer.public_key())).is_err() {
        return Err(invalid("SignedCert is not signed by the key of TrustAnchor."));
    }
    let now = ASN1Time::from_timestamp(cx.now().0.div_euclid(1000))
        .map_err(|_| Fault::bug("a time without a date"))?;
    for (name, certificate) in [("SignedCert", &certificate), ("TrustAnchor", &issuer)] {
        if !certificate.validity().is_valid_at(now) {
            return Err(invalid(format!("{name} is not valid at this time.")));
        }
    }
    Ok(Claim { certificate: signed.to_owned(), trust_anchor: anchor.to_owned() })
}

fn pem(name: &str, text: &str) -> Result<Pem, Fault> {
    if text.chars().count() > CERTIFICATE_CHARS_MAX {
        return Err(invalid(format!("{name} has more than {CERTIFICATE_CHARS_MAX} characters.")));
    }
    let mut blocks = Pem::iter_from_buffer(text.as_bytes());
    match (blocks.next(), blocks.next()) {
        (Some(Ok(pem)), None) if pem.label == "CERTIFICATE" => Ok(pem),
        _ => Err(invalid(format!("{name} is not one certificate in PEM format."))),
    }
}

fn certificate<'a>(name: &str, pem: &'a Pem) -> Result<X509Certificate<'a>, Fault> {
    match X509Certificate::from_der(&pem.contents) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(invalid(format!("{name} is not a certificate."))),
    }
}

fn certificate_of_anchor(pem: &Pem) -> Result<X509Certificate<'_>, Fault> {
    let anchor = certificate("TrustAnchor", pem)?;
    if anchor.issuer() != anchor.subject() || anchor.verify_signature(None).is_err() {
        return Err(invalid("TrustAnchor is not a self-signed certificate."));
    }
    Ok(anchor)
}

/// Keeps the cluster's certificate in its token.
pub(crate) fn keep(cx: &Cx<'_>, cluster: &Cluster) -> Result<(), Fault> {
    let Some((device, claim)) = cluster.device.as_ref().zip(cluster.claim.as_ref()) else {
        return Err(Fault::bug(format!("{} is initialized without a token or a certificate", cluster.id)));
    };
    let pem = pem("SignedCert", &claim.certificate)?;
    let subject = certificate("SignedCert", &pem)?.subject().as_raw().to_vec();
    let pin = device.so_pin(cx)?;
    let (token, certificate) = (device.token(), pem.contents);
    let module = Arc::clone(token.module());
    let work = move || token.keep_certificate(&pin, &subject, &certificate);
    let kept = cx.aside(|| module.within(SETUP_MAX, work))?;
    kept.map_err(|error| errors::device(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_der() {
        assert_eq!(integer(&[1, 0, 1]), [2, 3, 1, 0, 1]);
        assert_eq!(integer(&[0, 0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[]), [2, 1, 0]);
        assert_eq!(tagged(4, &[7; 256])[..5], [4, 0x82, 1, 0, 7]);
    }
}
