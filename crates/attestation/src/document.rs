//! The document: a COSE_Sign1 structure (RFC 9052) whose payload says what was measured.

use crate::Refused;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use rustls_pki_types::CertificateDer;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use wire::cbor::CborReader;

/// The tag of COSE_Sign1 (RFC 9052, section 2), which may be left out.
const COSE_SIGN1: u64 = 18;

/// The label of the algorithm, and ES384 (RFC 9053, section 2.1).
const ALGORITHM: i64 = 1;
const ES384: i64 = -35;

/// Of "Nitro Enclaves Attestation Process", sections 3.1 and 3.2.2.2: lengths in bytes, and numbers of items.
const PAYLOAD: RangeInclusive<usize> = 1..=16_384;
const CERTIFICATE: RangeInclusive<usize> = 1..=1024;
const PUBLIC_KEY: RangeInclusive<usize> = 1..=1024;
const USER_DATA: RangeInclusive<usize> = 0..=512;
const REGISTER: [usize; 3] = [32, 48, 64];
const DIGEST: &str = "SHA384";

/// Where a document comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// A Nitro enclave.
    Enclave,
    /// An instance with a NitroTPM.
    Tpm,
}

/// A document that has the right form; nothing is proved yet.
pub(crate) struct Document<'a> {
    pub(crate) signed: Signed<'a>,
    pub(crate) claims: Claims,
}

/// What is signed, and the signature.
pub(crate) struct Signed<'a> {
    protected: Cow<'a, [u8]>,
    payload: Cow<'a, [u8]>,
    signature: Cow<'a, [u8]>,
}

/// What the payload says.
pub(crate) struct Claims {
    pub(crate) environment: Environment,
    pub(crate) module_id: String,
    /// In milliseconds since the epoch.
    pub(crate) timestamp: i64,
    pub(crate) registers: BTreeMap<u8, Vec<u8>>,
    pub(crate) certificate: CertificateDer<'static>,
    /// From the root on.
    pub(crate) bundle: Vec<CertificateDer<'static>>,
    pub(crate) public_key: Option<Vec<u8>>,
}

impl<'a> Document<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Refused> {
        let mut reader = CborReader::new(bytes);
        reader.take_tag(COSE_SIGN1)?;
        let mut parts = Vec::new();
        let mut count = 0;
        reader.take_array(|reader| {
            count += 1;
            match count {
                2 => reader.take_map(|_| Err(Refused::form("the unprotected header is not empty"))),
                1 | 3 | 4 => {
                    parts.push(reader.take_bytes()?);
                    Ok(())
                }
                _ => Err(not_signed()),
            }
        })?;
        reader.finish()?;
        let [protected, payload, signature] = <[_; 3]>::try_from(parts).map_err(|_| not_signed())?;
        check_algorithm(&protected)?;
        within("payload", &payload, &PAYLOAD)?;
        let claims = Claims::read(&payload)?;
        Ok(Self { signed: Signed { protected, payload, signature }, claims })
    }
}

fn not_signed() -> Refused {
    Refused::form("not a COSE_Sign1 structure")
}

/// The protected header names the algorithm and nothing else.
fn check_algorithm(protected: &[u8]) -> Result<(), Refused> {
    let mut reader = CborReader::new(protected);
    let mut entries = Vec::new();
    reader.take_map(|reader| {
        entries.push((reader.take_integer()?, reader.take_integer()?));
        Ok::<_, Refused>(())
    })?;
    reader.finish()?;
    if entries == [(ALGORITHM, ES384)] { Ok(()) } else { Err(Refused::form("the algorithm is not ES384")) }
}

impl Signed<'_> {
    /// Verifies the signature by a key, a SubjectPublicKeyInfo of the curve P-384.
    pub(crate) fn verify(&self, key: &[u8]) -> Result<(), Refused> {
        // RFC 9052, section 4.4: ["Signature1", protected header, no data of the application, payload].
        let mut message = b"\x84\x6aSignature1".to_vec();
        for bytes in [&*self.protected, b"", &*self.payload] {
            let length = u16::try_from(bytes.len()).map_err(|_| not_signed())?;
            // A string of bytes with a length of 0 to 23, of one byte, of two bytes (RFC 8949, section 3).
            match length {
                0..=23 => message.push(0x40 | u8::try_from(length).unwrap_or_default()),
                24..=255 => message.extend([0x58, u8::try_from(length).unwrap_or_default()]),
                _ => {
                    message.push(0x59);
                    message.extend(length.to_be_bytes());
                }
            }
            message.extend_from_slice(bytes);
        }
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key)
            .verify(&message, &self.signature)
            .map_err(|_| Refused::Signature)
    }
}

/// The members as they come, of which each may come once.
#[derive(Default)]
struct Members {
    module_id: Option<String>,
    timestamp: Option<i64>,
    digest: Option<String>,
    enclave: Option<BTreeMap<u8, Vec<u8>>>,
    tpm: Option<BTreeMap<u8, Vec<u8>>>,
    certificate: Option<Vec<u8>>,
    bundle: Option<Vec<CertificateDer<'static>>>,
    public_key: Option<Vec<u8>>,
}

impl Claims {
    fn read(payload: &[u8]) -> Result<Self, Refused> {
        let mut reader = CborReader::new(payload);
        let mut members = Members::default();
        let mut names: Vec<String> = Vec::new();
        reader.take_map(|reader| {
            let name = reader.take_text()?;
            if names.iter().any(|known| *known == *name) {
                return Err(Refused::form("a member comes twice"));
            }
            names.push(name.to_string());
            members.read(&name, reader)
        })?;
        reader.finish()?;
        members.check()
    }
}

impl Members {
    fn read(&mut self, name: &str, reader: &mut CborReader<'_>) -> Result<(), Refused> {
        match name {
            "module_id" => self.module_id = Some(reader.take_text()?.into_owned()),
            "timestamp" => self.timestamp = Some(reader.take_integer()?),
            "digest" => self.digest = Some(reader.take_text()?.into_owned()),
            // KMS names 32 registers of enclaves and 24 of TPMs (kms:RecipientAttestation:PCR31, NitroTPMPCR23).
            "pcrs" => self.enclave = Some(registers(reader, 32)?),
            "nitrotpm_pcrs" => self.tpm = Some(registers(reader, 24)?),
            "certificate" => self.certificate = Some(bytes(name, reader, &CERTIFICATE)?),
            "cabundle" => {
                let mut bundle = Vec::new();
                reader.take_array(|reader| {
                    bundle.push(CertificateDer::from(bytes("cabundle", reader, &CERTIFICATE)?));
                    Ok::<_, Refused>(())
                })?;
                self.bundle = Some(bundle);
            }
            "public_key" => self.public_key = optional_bytes(name, reader, &PUBLIC_KEY)?,
            "user_data" | "nonce" => drop(optional_bytes(name, reader, &USER_DATA)?),
            _ => return Err(Refused::form(format!("there is no member {name:?}"))),
        }
        Ok(())
    }

    fn check(self) -> Result<Claims, Refused> {
        let (environment, registers) = match (self.enclave, self.tpm) {
            (Some(registers), None) => (Environment::Enclave, registers),
            (None, Some(registers)) => (Environment::Tpm, registers),
            _ => return Err(missing("pcrs")),
        };
        if self.digest.ok_or_else(|| missing("digest"))? != DIGEST {
            return Err(Refused::form("the digest is not SHA384"));
        }
        Ok(Claims {
            environment,
            module_id: self
                .module_id
                .filter(|module| !module.is_empty())
                .ok_or_else(|| missing("module_id"))?,
            timestamp: self.timestamp.filter(|at| *at > 0).ok_or_else(|| missing("timestamp"))?,
            registers,
            certificate: self.certificate.ok_or_else(|| missing("certificate"))?.into(),
            bundle: self.bundle.filter(|bundle| !bundle.is_empty()).ok_or_else(|| missing("cabundle"))?,
            public_key: self.public_key,
        })
    }
}

fn missing(name: &str) -> Refused {
    Refused::form(format!("{name} is missing or empty"))
}

fn registers(reader: &mut CborReader<'_>, count: i64) -> Result<BTreeMap<u8, Vec<u8>>, Refused> {
    let mut registers = BTreeMap::new();
    reader.take_map(|reader| {
        let number = reader.take_integer()?;
        let number = u8::try_from(number).ok().filter(|number| i64::from(*number) < count);
        let number = number.ok_or_else(|| Refused::form("there is no register of that number"))?;
        let value = reader.take_bytes()?.into_owned();
        if !REGISTER.contains(&value.len()) {
            return Err(Refused::form("a register has not 32, 48 or 64 bytes"));
        }
        match registers.insert(number, value) {
            None => Ok(()),
            Some(_) => Err(Refused::form("a register comes twice")),
        }
    })?;
    if registers.is_empty() { Err(missing("pcrs")) } else { Ok(registers) }
}

fn bytes(
    name: &str,
    reader: &mut CborReader<'_>,
    length: &RangeInclusive<usize>,
) -> Result<Vec<u8>, Refused> {
    let bytes = reader.take_bytes()?;
    within(name, &bytes, length)?;
    Ok(bytes.into_owned())
}

/// Hypervisors write what an application has not given as null.
fn optional_bytes(
    name: &str,
    reader: &mut CborReader<'_>,
    length: &RangeInclusive<usize>,
) -> Result<Option<Vec<u8>>, Refused> {
    if reader.take_null()? { Ok(None) } else { bytes(name, reader, length).map(Some) }
}

fn within(name: &str, bytes: &[u8], length: &RangeInclusive<usize>) -> Result<(), Refused> {
    if length.contains(&bytes.len()) {
        return Ok(());
    }
    Err(Refused::form(format!("{name} has not {} to {} bytes", length.start(), length.end())))
}
