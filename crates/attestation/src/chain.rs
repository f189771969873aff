//! The certificates of a document: from a root that is trusted to the key that signed it.
//!
//! The path itself (names, signatures, basic constraints, critical extensions) is a matter of `webpki`. What AWS asks for beyond it is here:
//! the order of the bundle, key usages, the root's own validity and path length.

use crate::Refused;
use crate::document::Claims;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use webpki::aws_lc_rs::ECDSA_P384_SHA384;
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::KeyUsage;
use x509_parser::prelude::{ASN1Time, FromDer as _};

/// Most certificates of a bundle. AWS's have four: root, region, zone, instance.
const BUNDLE_MAX: usize = 6;

/// Verifies the chain, at a time in milliseconds since the epoch; answers the key of the target certificate, a
/// SubjectPublicKeyInfo.
pub(crate) fn verify(
    roots: &[CertificateDer<'static>],
    claims: &Claims,
    now_ms: i64,
) -> Result<Vec<u8>, Refused> {
    let [root, intermediates @ ..] = claims.bundle.as_slice() else {
        return Err(Refused::Chain("there is none"));
    };
    if !roots.contains(root) {
        return Err(Refused::Root);
    }
    if claims.bundle.len() > BUNDLE_MAX {
        return Err(Refused::Chain("there are too many"));
    }
    let target = parse(&claims.certificate)?;
    check_rules(&claims.bundle, &target, now_ms)?;
    let seconds = u64::try_from(now_ms / 1000).map_err(|_| Refused::Stale)?;
    let anchor = anchor_from_trusted_cert(root).map_err(unfit)?;
    EndEntityCert::try_from(&claims.certificate)
        .and_then(|certificate| {
            let anchors = [anchor];
            let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            let algorithms = [ECDSA_P384_SHA384];
            certificate
                .verify_for_usage(&algorithms, &anchors, intermediates, now, AnyPurpose, None, None)
                .map(drop)
        })
        .map_err(unfit)?;
    Ok(target.public_key().raw.to_vec())
}

/// What "Nitro Enclaves Attestation Process" asks for in section 3.2.3.
fn check_rules(
    bundle: &[CertificateDer<'static>],
    target: &X509Certificate<'_>,
    now_ms: i64,
) -> Result<(), Refused> {
    let now = ASN1Time::from_timestamp(now_ms / 1000).map_err(|_| Refused::Stale)?;
    let mut issuer: Option<Vec<u8>> = None;
    for (depth, certificate) in bundle.iter().enumerate() {
        let authority = parse(certificate)?;
        check_place(&authority, issuer.as_deref(), now)?;
        if !key_usage(&authority)?.key_cert_sign() {
            return Err(Refused::Chain("an authority may not sign certificates"));
        }
        let constraints = authority.basic_constraints().map_err(|_| ambiguous())?;
        let constraints = constraints.filter(|extension| extension.value.ca).ok_or(NOT_CA)?;
        let below = bundle.len() - 1 - depth;
        if constraints
            .value
            .path_len_constraint
            .is_some_and(|most| usize::try_from(most).is_ok_and(|most| below > most))
        {
            return Err(Refused::Chain("the chain is longer than one of them permits"));
        }
        issuer = Some(authority.subject().as_raw().to_vec());
    }
    check_place(target, issuer.as_deref(), now)?;
    if !key_usage(target)?.digital_signature() {
        return Err(Refused::Chain("the last may not sign"));
    }
    let constraints = target.basic_constraints().map_err(|_| ambiguous())?;
    if constraints.is_some_and(|found| found.value.ca || found.value.path_len_constraint.is_some()) {
        return Err(Refused::Chain("the last is that of an authority"));
    }
    Ok(())
}

/// Each follows its issuer, and is valid now.
fn check_place(
    certificate: &X509Certificate<'_>,
    issuer: Option<&[u8]>,
    now: ASN1Time,
) -> Result<(), Refused> {
    if !certificate.validity().is_valid_at(now) {
        return Err(Refused::Chain("one has expired or is not valid yet"));
    }
    let own = certificate.subject().as_raw();
    if certificate.issuer().as_raw() == issuer.unwrap_or(own) {
        Ok(())
    } else {
        Err(Refused::Chain("they are not in order"))
    }
}

fn key_usage(certificate: &X509Certificate<'_>) -> Result<KeyUsage, Refused> {
    let found = certificate.key_usage().map_err(|_| ambiguous())?;
    found.map(|extension| *extension.value).ok_or(Refused::Chain("one does not say what it is for"))
}

pub(crate) fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Refused> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(Refused::Chain("one is no certificate")),
    }
}

fn ambiguous() -> Refused {
    Refused::Chain("one has an extension twice")
}

const NOT_CA: Refused = Refused::Chain("one is not that of an authority");

fn unfit(error: Error) -> Refused {
    Refused::Chain(match error {
        Error::UnknownIssuer => "they do not lead to the root",
        Error::InvalidSignatureForPublicKey => "a signature is wrong",
        Error::UnsupportedCriticalExtension => "one has a critical extension that is not known",
        _ => "they are no valid path of the curve P-384",
    })
}

/// Says nothing of extended key usages, as AWS's rules do not.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}
