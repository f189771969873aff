//! Makes documents and what vouches for them.

#![expect(clippy::cast_possible_truncation, reason = "the numbers are small")]

use crate::Roots;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::PrivateDecryptingKey;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SignatureAlgorithm,
    date_time_ymd,
};

/// 2026-11-26, in milliseconds.
pub(super) const NOW: i64 = 1_795_700_000_000;

/// One item of CBOR (RFC 8949).
#[derive(Clone)]
pub(super) enum Item {
    Null,
    Integer(i64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Item>),
    Map(Vec<(Item, Item)>),
}

pub(super) fn bytes(bytes: &[u8]) -> Item {
    Item::Bytes(bytes.to_vec())
}

pub(super) fn text(text: &str) -> Item {
    Item::Text(text.to_owned())
}

impl Item {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Null => out.push(0xF6),
            Self::Integer(value) if *value < 0 => head(&mut out, 1, !*value as u64),
            Self::Integer(value) => head(&mut out, 0, *value as u64),
            Self::Bytes(bytes) => {
                head(&mut out, 2, bytes.len() as u64);
                out.extend(bytes);
            }
            Self::Text(text) => {
                head(&mut out, 3, text.len() as u64);
                out.extend(text.bytes());
            }
            Self::Array(items) => {
                head(&mut out, 4, items.len() as u64);
                out.extend(items.iter().flat_map(Self::encode));
            }
            Self::Map(entries) => {
                head(&mut out, 5, entries.len() as u64);
                out.extend(entries.iter().flat_map(|(key, value)| [key.encode(), value.encode()].concat()));
            }
        }
        out
    }
}

fn head(out: &mut Vec<u8>, major: u8, argument: u64) {
    // In the shortest form there is (RFC 8949, section 4.2.1), which is what COSE signs.
    match argument {
        0..=23 => out.push(major << 5 | argument as u8),
        24..=0xFF => out.extend([major << 5 | 24, argument as u8]),
        0x100..=0xFFFF => {
            out.push(major << 5 | 25);
            out.extend((argument as u16).to_be_bytes());
        }
        _ => {
            out.push(major << 5 | 27);
            out.extend(argument.to_be_bytes());
        }
    }
}

/// What a chain of root, authority and target is to be like.
pub(super) struct Plan {
    pub(super) root: Certificate,
    pub(super) middle: Certificate,
    pub(super) target: Certificate,
    /// Of the keys of the authorities and of the target.
    pub(super) curve: &'static SignatureAlgorithm,
}

pub(super) struct Certificate {
    pub(super) authority: bool,
    pub(super) path_length: Option<u8>,
    pub(super) usage: bool,
    pub(super) signs: bool,
    pub(super) expired: bool,
}

impl Default for Plan {
    fn default() -> Self {
        let certificate = |authority| Certificate {
            authority,
            path_length: None,
            usage: true,
            signs: true,
            expired: false,
        };
        Self {
            root: certificate(true),
            middle: certificate(true),
            target: certificate(false),
            curve: &rcgen::PKCS_ECDSA_P384_SHA384,
        }
    }
}

impl Certificate {
    fn params(&self, name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = match (self.authority, self.path_length) {
            (false, _) => IsCa::ExplicitNoCa,
            (true, None) => IsCa::Ca(BasicConstraints::Unconstrained),
            (true, Some(most)) => IsCa::Ca(BasicConstraints::Constrained(most)),
        };
        if self.usage {
            params.key_usages.push(match (self.authority, self.signs) {
                (true, true) => KeyUsagePurpose::KeyCertSign,
                (false, true) => KeyUsagePurpose::DigitalSignature,
                (_, false) => KeyUsagePurpose::CrlSign,
            });
        }
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(if self.expired { 2021 } else { 2050 }, 1, 1);
        params
    }
}

/// A root, an authority below it and a target.
pub(super) struct Pki {
    pub(super) bundle: Vec<Vec<u8>>,
    pub(super) target: Vec<u8>,
    pub(super) target_key: KeyPair,
}

impl Pki {
    pub(super) fn new() -> Self {
        Self::of(&Plan::default())
    }

    pub(super) fn of(plan: &Plan) -> Self {
        let key = || KeyPair::generate_for(plan.curve).unwrap();
        let root_key = key();
        let root_params = plan.root.params("root");
        let root = root_params.self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(root_params, root_key);
        let middle_key = key();
        let middle_params = plan.middle.params("authority");
        let middle = middle_params.signed_by(&middle_key, &root_issuer).unwrap();
        let middle_issuer = Issuer::new(middle_params, middle_key);
        let target_key = key();
        let target = plan.target.params("target").signed_by(&target_key, &middle_issuer).unwrap();
        Self {
            bundle: vec![root.der().to_vec(), middle.der().to_vec()],
            target: target.der().to_vec(),
            target_key,
        }
    }

    pub(super) fn roots(&self) -> Roots {
        Roots(vec![self.bundle[0].clone().into()])
    }
}

/// A document, before it is signed.
pub(super) struct Made {
    pub(super) protected: Vec<u8>,
    pub(super) unprotected: Item,
    pub(super) payload: Vec<(Item, Item)>,
    pub(super) extra: Option<Item>,
    /// A key in PKCS #8.
    pub(super) signer: Vec<u8>,
    pub(super) spoil_signature: bool,
    pub(super) spoil_payload: bool,
}

impl Made {
    pub(super) fn new(pki: &Pki) -> Self {
        let registers = vec![(Item::Integer(0), bytes(&[7; 48])), (Item::Integer(23), bytes(&[8; 32]))];
        let bundle = pki.bundle.iter().map(|der| bytes(der)).collect();
        let members = [
            ("module_id", text("i-1-enc2")),
            ("digest", text("SHA384")),
            ("timestamp", Item::Integer(NOW)),
            ("pcrs", Item::Map(registers)),
            ("certificate", bytes(&pki.target)),
            ("cabundle", Item::Array(bundle)),
            ("public_key", bytes(&hex(PUBLIC_KEY))),
            ("user_data", Item::Null),
            ("nonce", Item::Null),
        ];
        Self {
            protected: Item::Map(vec![(Item::Integer(1), Item::Integer(-35))]).encode(),
            unprotected: Item::Map(Vec::new()),
            payload: members.into_iter().map(|(name, value)| (text(name), value)).collect(),
            extra: None,
            signer: pki.target_key.serialize_der(),
            spoil_signature: false,
            spoil_payload: false,
        }
    }

    fn place(&mut self, name: &str) -> Option<usize> {
        self.payload.iter().position(|(key, _)| matches!(key, Item::Text(key) if key == name))
    }

    pub(super) fn set(&mut self, name: &str, value: Item) {
        self.remove(name);
        self.payload.push((text(name), value));
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Some(place) = self.place(name) {
            self.payload.remove(place);
        }
    }

    pub(super) fn rename(&mut self, name: &str, to: &str) {
        let place = self.place(name).unwrap();
        self.payload[place].0 = text(to);
    }

    pub(super) fn document(&self) -> Vec<u8> {
        [vec![0xD2], self.untagged()].concat()
    }

    pub(super) fn untagged(&self) -> Vec<u8> {
        let mut payload = Item::Map(self.payload.clone()).encode();
        let message =
            Item::Array(vec![text("Signature1"), bytes(&self.protected), bytes(&[]), bytes(&payload)]);
        let mut signature = vec![0; 96];
        if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &self.signer) {
            signature = key.sign(&SystemRandom::new(), &message.encode()).unwrap().as_ref().to_vec();
        }
        if self.spoil_signature {
            signature[95] ^= 1;
        }
        if self.spoil_payload {
            let at = payload.windows(8).position(|window| window == b"i-1-enc2").unwrap();
            payload[at] ^= 1;
        }
        let mut parts =
            vec![bytes(&self.protected), self.unprotected.clone(), bytes(&payload), bytes(&signature)];
        parts.extend(self.extra.clone());
        Item::Array(parts).encode()
    }
}

/// Any RSA key.
const PUBLIC_KEY: &str = include_str!("key.hex");

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(super) fn spki(key: &PrivateDecryptingKey) -> Vec<u8> {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    der.as_ref().to_vec()
}

/// The octet strings of a message, in order: all that is not a header of something that has some in it.
pub(super) fn octet_strings(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let [tag, length, after @ ..] = rest {
        let (length, after) = match length {
            0x80 => (usize::MAX, after),
            0x81 => (after[0] as usize, &after[1..]),
            0x82 => ((after[0] as usize) << 8 | after[1] as usize, &after[2..]),
            short => (*short as usize, after),
        };
        rest = match tag {
            0x04 => {
                found.push(&after[..length]);
                &after[length..]
            }
            // What is constructed is walked through.
            0x30 | 0x31 | 0xA0 | 0xA1 => after,
            _ => &after[length..],
        };
    }
    found
}
