//! SSH public keys in the two forms that IAM takes and gives: a line of OpenSSH (`ssh-rsa`, RFC 4253) and PEM (`SubjectPublicKeyInfo`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use platform::Fault;
use std::fmt::Write as _;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

const SSH_RSA: &str = "ssh-rsa";

/// Characters of a line of PEM.
const PEM_LINE: usize = 64;

/// A public key of RSA, of at least 2048 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SshPublicKey {
    /// As SSH sends it (RFC 4253, section 6.6).
    blob: Vec<u8>,
    /// As `SubjectPublicKeyInfo`.
    spki: Vec<u8>,
}

impl SshPublicKey {
    /// Reads a key in either form.
    ///
    /// # Errors
    /// `UnrecognizedPublicKeyEncoding`, if it has neither form; `InvalidPublicKey`, if there is no such key.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        let (modulus, exponent) = if text.starts_with("-----BEGIN") {
            of_pem(text).ok_or_else(invalid)?
        } else if let Some(rest) = text.strip_prefix(SSH_RSA) {
            of_line(rest).ok_or_else(invalid)?
        } else {
            let message = "The public key encoding format is unsupported or unrecognized.";
            return Err(Fault::new("UnrecognizedPublicKeyEncodingException", message));
        };
        Self::new(&modulus, &exponent)
    }

    fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, Fault> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        let spki = primitives::rsa_public_key(modulus, exponent).map_err(|_| invalid())?;
        let mut blob = Vec::new();
        for part in [SSH_RSA.as_bytes(), &as_mpint(exponent), &as_mpint(modulus)] {
            blob.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            blob.extend(part);
        }
        Ok(Self { blob, spki })
    }

    /// The key as OpenSSH writes it, without a comment.
    pub(crate) fn line(&self) -> String {
        format!("{SSH_RSA} {}", STANDARD.encode(&self.blob))
    }

    /// The key as PEM.
    pub(crate) fn pem(&self) -> String {
        let (text, mut pem) = (STANDARD.encode(&self.spki), String::from("-----BEGIN PUBLIC KEY-----\n"));
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at_checked(PEM_LINE).unwrap_or((rest, ""));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        pem
    }

    /// The MD5 digest of the key as SSH sends it, in pairs of digits (RFC 4716, section 4).
    pub(crate) fn fingerprint(&self) -> String {
        let mut text = String::new();
        for byte in Md5::digest(&self.blob) {
            let separator = if text.is_empty() { "" } else { ":" };
            let _ = write!(text, "{separator}{byte:02x}");
        }
        text
    }
}

fn invalid() -> Fault {
    Fault::new("InvalidPublicKeyException", "The public key is malformed or otherwise invalid.")
}

/// Modulus and exponent of what follows `ssh-rsa` in a line; a comment may follow.
fn of_line(rest: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let blob = STANDARD.decode(rest.split_ascii_whitespace().next()?).ok()?;
    let mut blob = blob.as_slice();
    let kind = part(&mut blob)?;
    let (exponent, modulus) = (part(&mut blob)?, part(&mut blob)?);
    let fits = kind == SSH_RSA.as_bytes() && blob.is_empty();
    fits.then(|| (modulus.to_vec(), exponent.to_vec()))
}

/// The next part of a blob, behind its length.
fn part<'b>(blob: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let (part, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *blob = rest;
    Some(part)
}

fn of_pem(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (rest, pem) = x509_parser::pem::parse_x509_pem(text.as_bytes()).ok()?;
    if pem.label != "PUBLIC KEY" || !rest.trim_ascii().is_empty() {
        return None;
    }
    let (rest, info) = SubjectPublicKeyInfo::from_der(&pem.contents).ok()?;
    match info.parsed().ok()? {
        PublicKey::RSA(key) if rest.is_empty() => Some((key.modulus.to_vec(), key.exponent.to_vec())),
        _ => None,
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// A positive number as SSH writes it: a zero before what would be a sign.
fn as_mpint(number: &[u8]) -> Vec<u8> {
    let sign = number.first().is_some_and(|first| first & 0x80 != 0);
    [if sign { &[0][..] } else { &[] }, number].concat()
}
