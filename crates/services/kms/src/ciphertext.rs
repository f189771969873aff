//! The ciphertexts of symmetric keys. `CIPHERTEXT.md` describes them byte by byte.

use crate::api::OriginType;
use crate::context::{Pairs, append_canonical, canonical_length};
use crate::errors::invalid_ciphertext;
use crate::key::Key;
use crate::limits::CIPHERTEXT_BYTES;
use crate::material::{Material, MaterialId};
use crate::names::MULTI_REGION_PREFIX;
use platform::{Cx, Fault};
use zeroize::Zeroizing;

/// Of keys of one Region, whose ids are UUIDs.
const VERSION: u8 = 1;
/// Of multi-Region keys, whose ids are `mrk-` and 32 hexadecimal digits.
const MULTI_REGION_VERSION: u8 = 2;
const ACCOUNT_BYTES: usize = 6;
const KEY_BYTES: usize = 16;
const MATERIAL_BYTES: usize = 32;
const CHECKED_BYTES: usize = 1 + ACCOUNT_BYTES + KEY_BYTES + MATERIAL_BYTES;
const CHECKSUM_BYTES: usize = 4;
const HEADER_BYTES: usize = CHECKED_BYTES + CHECKSUM_BYTES;

/// A ciphertext, its header read and its checksum checked, but not authenticated: only decrypting does that.
#[derive(Debug)]
pub(crate) struct Ciphertext<'a> {
    /// The account of the key that made it.
    pub(crate) account: String,
    /// The id of that key.
    pub(crate) key: String,
    material: MaterialId,
    header: &'a [u8],
    envelope: &'a [u8],
}

/// What was in a ciphertext, and under which material of KMS's own.
pub(crate) struct Opened {
    pub(crate) plaintext: Zeroizing<Vec<u8>>,
    /// What names the material for callers.
    pub(crate) material: Option<String>,
}

/// Encrypts under the key's current material.
pub(crate) fn encrypt(cx: &Cx<'_>, key: &Key, pairs: &Pairs, plaintext: &[u8]) -> Result<Vec<u8>, Fault> {
    let material = own_material(key, |key| key.current())?;
    let id = match (material, &key.placed) {
        (Some(material), _) => material.id,
        (None, Some(placed)) => placed.material,
        (None, None) => return Err(Fault::bug(format!("{} has no material", key.arn))),
    };
    let header = header(key, id)?;
    let data = additional_data(&header, pairs);
    let envelope = match material {
        Some(material) => {
            let open = material.open(cx, key)?;
            open.symmetric()?.encrypt(cx.random(), &data, plaintext)?
        }
        None => plaintext.to_vec(),
    };
    let envelope = key.encrypt_outside(cx, &data, envelope)?;
    let mut blob = header;
    blob.extend_from_slice(&envelope);
    Ok(blob)
}

/// The material of KMS's own that a key has: keys in CloudHSM clusters have none.
fn own_material<'a>(
    key: &'a Key,
    which: impl FnOnce(&'a Key) -> Result<&'a Material, Fault>,
) -> Result<Option<&'a Material>, Fault> {
    match key.origin.0 {
        OriginType::AwsCloudhsm => Ok(None),
        _ => which(key).map(Some),
    }
}

impl<'a> Ciphertext<'a> {
    pub(crate) fn parse(blob: &'a [u8]) -> Result<Self, Fault> {
        Self::split(blob).ok_or_else(invalid_ciphertext)
    }

    fn split(blob: &'a [u8]) -> Option<Self> {
        if blob.len() > CIPHERTEXT_BYTES {
            return None;
        }
        let (header, envelope) = blob.split_at_checked(HEADER_BYTES)?;
        let (checked, checksum) = header.split_last_chunk::<CHECKSUM_BYTES>()?;
        if crc32c::crc32c(checked).to_be_bytes() != *checksum {
            return None;
        }
        let (&[version], rest) = checked.split_first_chunk()?;
        let (account, rest) = rest.split_first_chunk::<ACCOUNT_BYTES>()?;
        let (key, rest) = rest.split_first_chunk::<KEY_BYTES>()?;
        let material = MaterialId(*rest.first_chunk::<MATERIAL_BYTES>()?);
        let key = match version {
            VERSION => uuid(*key),
            MULTI_REGION_VERSION => format!("{MULTI_REGION_PREFIX}{}", hex::encode(key)),
            _ => return None,
        };
        let account = account.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Some(Self { account: format!("{account:012}"), key, material, header, envelope })
    }

    /// Whether the key made it, as far as the header says.
    pub(crate) fn is_of(&self, key: &Key) -> bool {
        self.key == key.id && self.account == key.account
    }

    pub(crate) fn decrypt(&self, cx: &Cx<'_>, key: &Key, pairs: &Pairs) -> Result<Opened, Fault> {
        let material = own_material(key, |key| {
            let found = key.materials.iter().rev().find(|material| material.id == self.material);
            found.ok_or_else(invalid_ciphertext)
        })?;
        let data = additional_data(self.header, pairs);
        let outer = key.decrypt_outside(cx, &data, self.envelope)?;
        let name = key.placed.is_none().then(|| self.material.to_string());
        let Some(material) = material else {
            let plaintext = outer.ok_or_else(|| Fault::bug(format!("{} has no material", key.arn)))?;
            return Ok(Opened { plaintext, material: name });
        };
        let open = material.open(cx, key)?;
        let envelope = outer.as_ref().map_or(self.envelope, |outer| outer.as_slice());
        let plaintext = open.symmetric()?.decrypt(&data, envelope).map_err(|_| invalid_ciphertext())?;
        Ok(Opened { plaintext, material: name })
    }
}

fn header(key: &Key, material: MaterialId) -> Result<Vec<u8>, Fault> {
    let (version, digits) = match key.id.strip_prefix(MULTI_REGION_PREFIX) {
        Some(digits) => (MULTI_REGION_VERSION, digits),
        None => (VERSION, key.id.as_str()),
    };
    let parts = key.account.parse::<u64>().ok().zip(uuid_bytes(digits));
    let (account, id) =
        parts.ok_or_else(|| Fault::bug(format!("{} cannot be named in a ciphertext", key.arn)))?;
    let account = account.to_be_bytes();
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.push(version);
    header.extend_from_slice(account.last_chunk::<ACCOUNT_BYTES>().unwrap_or(&[0; ACCOUNT_BYTES]));
    header.extend_from_slice(&id);
    header.extend_from_slice(&material.0);
    let checksum = crc32c::crc32c(&header);
    header.extend_from_slice(&checksum.to_be_bytes());
    Ok(header)
}

/// What the envelope is bound to: the header and the encryption context.
fn additional_data(header: &[u8], pairs: &Pairs) -> Vec<u8> {
    let mut data = Vec::with_capacity(header.len() + canonical_length(pairs));
    data.extend_from_slice(header);
    append_canonical(pairs, &mut data);
    data
}

fn uuid_bytes(text: &str) -> Option<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    let mut digits = text.bytes().filter(|byte| *byte != b'-');
    for byte in &mut bytes {
        let mut digit = || char::from(digits.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit()? << 4 | digit()?;
    }
    digits.next().is_none().then_some(bytes)
}

fn uuid(bytes: [u8; KEY_BYTES]) -> String {
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_keep_their_text(bytes: [u8; 16]) {
            prop_assert_eq!(uuid_bytes(&uuid(bytes)), Some(bytes));
        }

        #[test]
        fn anything_can_be_parsed(blob: Vec<u8>) {
            let _ = Ciphertext::parse(&blob);
        }
    }

    #[test]
    fn forms_of_ids() {
        let text = "1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(uuid_bytes(text).map(uuid).as_deref(), Some(text));
        assert_eq!(uuid_bytes("1234abcd"), None);
        assert_eq!(uuid_bytes("1234abcd-12ab-34cd-56ef-1234567890abc"), None);
        assert_eq!(uuid_bytes("mrk-1234abcd12ab34cd56ef1234567890ab"), None);
    }
}
