//! A deployment's own certificate authority, and the server certificates that it signs.
//!
//! Its key lies in the data directory, sealed by the keyring, and is opened for the moment of a signature.

use crate::deployment::{Data, write_private};
use crate::{Failure, failure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyring::Keyring;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// What the sealed file is for; a file of another purpose does not open.
const PURPOSE: &str = "fastness/certificate-authority";

/// How long the authority is valid: clients keep its certificate, so that changing it is work for somebody.
const AUTHORITY_DAYS: u32 = 3650;

/// How long a server certificate is valid.
const SERVER_DAYS: u32 = 90;

/// How far back validity starts, for clients whose clocks are behind.
const BEHIND: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The authority: its certificate and its key, each as base64 of DER.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Authority {
    certificate: String,
    key: Zeroizing<String>,
}

impl Authority {
    /// The one of a deployment, made now if there is none, and whether it was.
    pub(super) fn open_or_create(data: &Data, keyring: &Keyring, id: &str) -> Result<(Self, bool), Failure> {
        let (authority, made) = match Self::open(data, keyring)? {
            Some(authority) => (authority, false),
            None => (Self::create(data, keyring, id)?, true),
        };
        // The certificate in the clear is for clients. One that was lost, or put there by somebody, is written again.
        let pem = pem("CERTIFICATE", &authority.certificate()?);
        let path = data.authority_certificate();
        if !std::fs::read(&path).is_ok_and(|found| found == pem.as_bytes()) {
            write_private(&path, pem.as_bytes())?;
        }
        Ok((authority, made))
    }

    /// Requires that its files, if it has any, are what was written: the sealed one, and the certificate in the clear.
    pub(super) fn check(data: &Data, keyring: &Keyring) -> Result<(), Failure> {
        let Some(authority) = Self::open(data, keyring)? else { return Ok(()) };
        let path = data.authority_certificate();
        let found = std::fs::read(&path).map_err(|error| failure(path.display(), error))?;
        if found != pem("CERTIFICATE", &authority.certificate()?).as_bytes() {
            return Err(failure(
                path.display(),
                "it is not the certificate of the deployment's own authority",
            ));
        }
        Ok(())
    }

    fn open(data: &Data, keyring: &Keyring) -> Result<Option<Self>, Failure> {
        let path = data.authority();
        let sealed = match std::fs::read(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failure(path.display(), error)),
        };
        let json = keyring.token_open(PURPOSE, &sealed).map_err(|error| failure(path.display(), error))?;
        Ok(Some(serde_json::from_slice(&json)?))
    }

    fn create(data: &Data, keyring: &Keyring, id: &str) -> Result<Self, Failure> {
        let key = new_key()?;
        let mut params = valid(AUTHORITY_DAYS)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = name(&format!("Fastness deployment {id}"));
        let certificate = params.self_signed(&*key)?;
        let authority = Self {
            certificate: STANDARD.encode(certificate.der()),
            key: Zeroizing::new(STANDARD.encode(key.serialized_der())),
        };
        let json = Zeroizing::new(serde_json::to_vec(&authority)?);
        write_private(&data.authority(), &keyring.token_seal(PURPOSE, &json)?)?;
        Ok(authority)
    }

    /// Signs a certificate for a server of these names, with a new key: both as PEM, the key first.
    pub(super) fn issue(&self, names: &[String]) -> Result<Zeroizing<String>, Failure> {
        let key_der = Zeroizing::new(STANDARD.decode(&*self.key)?);
        let own = Zeroizing::new(KeyPair::from_pkcs8_der_and_sign_algo(
            &key_der.as_slice().into(),
            &PKCS_ECDSA_P256_SHA256,
        )?);
        let certificate = self.certificate()?;
        let issuer = Issuer::from_ca_cert_der(&certificate.into(), &*own)?;
        let key = new_key()?;
        let mut params = valid(SERVER_DAYS)?;
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.distinguished_name = name("Fastness");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&*key, &issuer)?;
        let mut text = Zeroizing::new(pem("PRIVATE KEY", key.serialized_der()));
        text.push_str(&pem("CERTIFICATE", certificate.der()));
        Ok(text)
    }

    fn certificate(&self) -> Result<Vec<u8>, Failure> {
        Ok(STANDARD.decode(&self.certificate)?)
    }
}

fn new_key() -> Result<Zeroizing<KeyPair>, Failure> {
    Ok(Zeroizing::new(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?))
}

/// A certificate that is valid from now on.
fn valid(days: u32) -> Result<CertificateParams, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let epoch = date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.not_before = epoch + now.saturating_sub(BEHIND);
    params.not_after = epoch + now + DAY * days;
    Ok(params)
}

fn name(common: &str) -> rcgen::DistinguishedName {
    let mut name = rcgen::DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// A PEM block (RFC 7468).
fn pem(label: &str, der: &[u8]) -> String {
    let encoded = Zeroizing::new(STANDARD.encode(der));
    // Room for all of it, so that a key is not left behind where the text was before it grew.
    let mut text = String::with_capacity(encoded.len() + encoded.len() / 64 + 2 * label.len() + 64);
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    for line in encoded.as_bytes().chunks(64) {
        text.extend(line.iter().map(|byte| char::from(*byte)));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
