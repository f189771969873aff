//! The keyring file: which slots open it, and its domain keys, wrapped under the root key.
//!
//! The file is JSON in one canonical form: any other spelling of the same contents is refused, so that every byte of it is
//! covered by the checksum, which tells damage from a wrong passphrase before there is a root key, and by the authentication
//! code under a key derived from the root key, which tells tampering.

use crate::derive::derive;
use crate::file::Access;
use crate::secret::Secret;
use crate::wrapping::{WrappedKey, Wrapping};
use crate::{KeyringError, Random, SlotPlace, file};
use aws_lc_rs::{digest, hmac};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The one format there is.
const FORMAT: u32 = 1;

/// The most slots of a keyring.
pub(crate) const SLOTS_MAX: usize = 16;

/// The most epochs of a keyring: eleven years of daily rotation.
pub(crate) const EPOCHS_MAX: usize = 4096;

/// The largest keyring file, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

const MAC_LABEL: &str = "fastness keyring header";
const DOMAIN_LABEL: &str = "fastness domain key";

/// What a keyring file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: u32,
    /// Tells keyrings apart; everything that is wrapped is bound to it.
    #[serde(with = "hex_bytes")]
    pub(crate) id: [u8; 16],
    /// Grows with each change, so that a process does not go back to an older file.
    pub(crate) generation: u64,
    /// By growing number, never empty.
    pub(crate) slots: Vec<Slot>,
    /// By growing epoch, never empty.
    pub(crate) domains: Vec<WrappedDomain>,
}

/// One way to open a keyring: the root key wrapped by one seal, independently of all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    /// The slot's number, which no other slot of the keyring has.
    pub(crate) number: u32,
    /// The wrapped root key.
    pub(crate) wrapping: Wrapping,
}

/// The domain key of one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WrappedDomain {
    pub(crate) epoch: u32,
    pub(crate) wrapped: WrappedKey,
}

/// The file as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) keyring: Header,
    /// HMAC-SHA-256 over the header.
    #[serde(with = "hex_bytes")]
    mac: [u8; 32],
    /// SHA-256 over the header and the authentication code.
    #[serde(with = "hex_bytes")]
    checksum: [u8; 32],
}

impl Header {
    pub(crate) fn new(id: [u8; 16]) -> Self {
        Self { format: FORMAT, id, generation: 1, slots: Vec::new(), domains: Vec::new() }
    }

    /// What a slot's wrapping is bound to.
    pub(crate) fn slot_place(&self, number: u32) -> SlotPlace {
        SlotPlace { keyring: self.id, slot: number }
    }

    /// Adds a new domain key, whose epoch it tells.
    pub(crate) fn add_domain(&mut self, root: &Secret, random: &dyn Random) -> Result<u32, KeyringError> {
        let full = KeyringError::TooMany { what: "epochs", limit: EPOCHS_MAX };
        if self.domains.len() >= EPOCHS_MAX {
            return Err(full);
        }
        let epoch = match self.domains.last() {
            None => 1,
            Some(last) => last.epoch.checked_add(1).ok_or(full)?,
        };
        let wrapping_key = self.domain_wrapping_key(root, epoch)?;
        let wrapped = WrappedKey::wrap(&wrapping_key, &self.id, &Secret::random(random), random)?;
        self.domains.push(WrappedDomain { epoch, wrapped });
        Ok(epoch)
    }

    /// The key that wraps an epoch's domain key.
    pub(crate) fn domain_wrapping_key(&self, root: &Secret, epoch: u32) -> Result<Secret, KeyringError> {
        let mut key = Secret::zero();
        derive(root.bytes(), DOMAIN_LABEL, &[&self.id, &epoch.to_be_bytes()], key.bytes_mut())?;
        Ok(key)
    }

    /// Writes the header to the keyring file, whose lock the caller holds.
    pub(crate) fn write(&self, path: &Path, root: &Secret) -> Result<(), KeyringError> {
        let text = self.to_text(root)?;
        file::replace_private(path, &text)
    }

    fn to_text(&self, root: &Secret) -> Result<Vec<u8>, KeyringError> {
        let bytes = self.canonical()?;
        let tag = hmac::sign(&self.mac_key(root)?, &bytes);
        let mac = tag.as_ref().try_into().map_err(|_| KeyringError::Cryptography)?;
        let document = Document { keyring: self.clone(), mac, checksum: checksum(&bytes, &mac)? };
        document.to_text()
    }

    fn canonical(&self) -> Result<Vec<u8>, KeyringError> {
        serde_json::to_vec(self).map_err(|_| KeyringError::Cryptography)
    }

    fn mac_key(&self, root: &Secret) -> Result<hmac::Key, KeyringError> {
        let mut key = Secret::zero();
        derive(root.bytes(), MAC_LABEL, &[&self.id], key.bytes_mut())?;
        Ok(hmac::Key::new(hmac::HMAC_SHA256, key.bytes()))
    }

    /// What is wrong with the contents, whoever wrote them.
    fn fault(&self) -> Option<&'static str> {
        if self.slots.is_empty() || self.slots.len() > SLOTS_MAX {
            Some("it has no slot or too many")
        } else if !self.slots.is_sorted_by(|a, b| a.number < b.number) {
            Some("its slots are out of order")
        } else if self.domains.is_empty() || self.domains.len() > EPOCHS_MAX {
            Some("it has no domain key or too many")
        } else if !self.domains.is_sorted_by(|a, b| a.epoch < b.epoch) {
            Some("its epochs are out of order")
        } else {
            self.slots.iter().find_map(|slot| slot.wrapping.fault())
        }
    }
}

impl Document {
    /// Reads a keyring file and checks all that can be checked without the root key.
    pub(crate) fn read(path: &Path) -> Result<Self, KeyringError> {
        Self::parse(path, &file::read_private(path, FILE_BYTES_MAX, Access::Owner)?)
    }

    /// Parses a keyring file's text; the path is for errors only.
    pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Self, KeyringError> {
        let damaged = |reason: &dyn ToString| KeyringError::Damaged {
            path: path.to_owned(),
            reason: reason.to_string(),
        };
        match serde_json::from_slice::<Probe>(text).map_err(|error| damaged(&error))?.keyring.format {
            FORMAT => {}
            format => return Err(KeyringError::UnknownFormat { path: path.to_owned(), format }),
        }
        let document: Self = serde_json::from_slice(text).map_err(|error| damaged(&error))?;
        if document.to_text()? != text {
            return Err(damaged(&"it is not in canonical form"));
        }
        if document.checksum != checksum(&document.keyring.canonical()?, &document.mac)? {
            return Err(damaged(&"its checksum is wrong"));
        }
        match document.keyring.fault() {
            Some(fault) => Err(damaged(&fault)),
            None => Ok(document),
        }
    }

    /// The header, if whoever wrote it had the root key.
    pub(crate) fn verify(self, path: &Path, root: &Secret) -> Result<Header, KeyringError> {
        // In constant time.
        hmac::verify(&self.keyring.mac_key(root)?, &self.keyring.canonical()?, &self.mac)
            .map_err(|_| KeyringError::Tampered { path: path.to_owned() })?;
        Ok(self.keyring)
    }

    fn to_text(&self) -> Result<Vec<u8>, KeyringError> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|_| KeyringError::Cryptography)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// As much of a file as tells its format, which stays where it is in every format.
#[derive(Deserialize)]
struct Probe {
    keyring: ProbeHeader,
}

#[derive(Deserialize)]
struct ProbeHeader {
    format: u32,
}

fn checksum(header: &[u8], mac: &[u8; 32]) -> Result<[u8; 32], KeyringError> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(header);
    context.update(mac);
    context.finish().as_ref().try_into().map_err(|_| KeyringError::Cryptography)
}

/// Bytes as lower-case hexadecimal text.
pub(crate) mod hex_bytes {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(bytes: &impl AsRef<[u8]>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, T: TryFrom<Vec<u8>>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        let bytes = hex::decode(String::deserialize(from)?).map_err(D::Error::custom)?;
        T::try_from(bytes).map_err(|_| D::Error::custom("not as many bytes as expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyFile, Keyring, Passphrase, SystemRandom, UnderKey, Work};
    use proptest::prelude::*;
    use std::path::PathBuf;
    use std::sync::Arc;

    struct Scene {
        _directory: tempfile::TempDir,
        key: KeyFile,
        path: PathBuf,
        text: Vec<u8>,
    }

    /// A keyring with two slots and two epochs.
    fn scene() -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyFile::create(&directory.path().join("key"), &SystemRandom).unwrap();
        std::fs::create_dir(directory.path().join("data")).unwrap();
        let path = directory.path().join("data/keyring.json");
        let keyring = Keyring::create(&path, &key, Arc::new(SystemRandom)).unwrap();
        let work = Work { memory_kib: 8, passes: 1, lanes: 1 };
        let phrase = b"correct horse battery staple".to_vec();
        keyring.add_slot(&Passphrase::with_work(phrase.into(), work)).unwrap();
        keyring.rotate().unwrap();
        let text = std::fs::read(&path).unwrap();
        Scene { _directory: directory, key, path, text }
    }

    impl Scene {
        fn open(&self, text: &[u8]) -> Result<Keyring, KeyringError> {
            std::fs::write(&self.path, text).unwrap();
            Keyring::open(&self.path, &[&self.key], Arc::new(SystemRandom))
        }
    }

    #[test]
    fn every_bit_counts() {
        let scene = scene();
        assert!(scene.open(&scene.text).is_ok());
        for (at, bit) in (0..scene.text.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut text = scene.text.clone();
            text[at] ^= 1 << bit;
            let error = Document::parse(&scene.path, &text).expect_err(&format!("byte {at} bit {bit}"));
            // Damage is never taken for a wrong key.
            let told = matches!(error, KeyringError::Damaged { .. } | KeyringError::UnknownFormat { .. });
            assert!(told, "byte {at} bit {bit}: {error}");
        }
        for text in [&b""[..], b"{}", b"null", &scene.text[1..], &[&scene.text[..], b"\n"].concat()] {
            assert!(matches!(scene.open(text), Err(KeyringError::Damaged { .. })));
        }
    }

    /// Somebody who changes the file and makes the checksum fit is found out by the authentication code.
    #[test]
    fn every_digit_is_authenticated() {
        let scene = scene();
        let mut tampered = 0;
        for at in 0..scene.text.len() {
            let mut text = scene.text.clone();
            text[at] = if text[at] == b'1' { b'2' } else { b'1' };
            let Ok(mut document) = serde_json::from_slice::<Document>(&text) else { continue };
            document.checksum = checksum(&document.keyring.canonical().unwrap(), &document.mac).unwrap();
            let forged = document.to_text().unwrap();
            if forged == scene.text {
                continue;
            }
            let error = scene.open(&forged).expect_err(&format!("byte {at}"));
            tampered += usize::from(matches!(error, KeyringError::Tampered { .. }));
            let told = matches!(
                error,
                KeyringError::Tampered { .. }
                    | KeyringError::NoSlotOpens { .. }
                    | KeyringError::UnknownFormat { .. }
                    | KeyringError::Damaged { .. }
            );
            assert!(told, "byte {at}: {error}");
        }
        assert!(tampered > 400, "{tampered}");
    }

    #[test]
    fn contents_are_checked() {
        let scene = scene();
        let root = Secret::random(&SystemRandom);
        let header = Document::parse(&scene.path, &scene.text).unwrap().keyring;
        let check = |change: &dyn Fn(&mut Header), expected: &str| {
            let mut header = header.clone();
            change(&mut header);
            let error = Document::parse(&scene.path, &header.to_text(&root).unwrap()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        };
        check(&|header| header.slots.clear(), "no slot");
        check(&|header| header.slots = vec![header.slots[0].clone(); SLOTS_MAX + 1], "too many");
        check(&|header| header.slots[0].number = 1, "slots are out of order");
        check(&|header| header.domains.clear(), "no domain key");
        check(&|header| header.domains.reverse(), "epochs are out of order");
        check(&|header| header.domains[0].epoch = 2, "epochs are out of order");
        check(&|header| header.format = 2, "has format 2");
        let wrapped = WrappedKey::from_parts(&[0; 12], &[0; 48]).unwrap();
        let under = UnderKey::wrap(&root, "l", &header.slot_place(0), &root, &SystemRandom).unwrap();
        for (threshold, shares) in [(1, 3), (0, 3), (4, 3), (2, 17), (17, 17), (1, 1), (0, 0)] {
            let wrapping = Wrapping::Shamir { set: [0; 4], threshold, shares, under: under.clone() };
            check(&|header| header.slots[0].wrapping = wrapping.clone(), "shares");
        }
        for (token, key) in [("", "k"), ("t", ""), ("t\n", "k"), ("t", &"k".repeat(513))] {
            let wrapping =
                Wrapping::Pkcs11 { token: token.into(), key: key.into(), wrapped: wrapped.clone() };
            check(&|header| header.slots[0].wrapping = wrapping.clone(), "names no token or no key");
        }
        for (key, length) in [("", 1), ("k", 0), ("k", 6145), ("\x1b[31m", 1)] {
            let wrapping = Wrapping::Kms { key: key.into(), ciphertext: vec![7; length] };
            check(&|header| header.slots[0].wrapping = wrapping.clone(), "ciphertext");
        }
        let large = vec![b' '; usize::try_from(FILE_BYTES_MAX).unwrap() + 1];
        assert!(scene.open(&large).unwrap_err().to_string().contains("more than"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Document::parse(Path::new("keyring"), &text).is_err());
        }

        #[test]
        fn parsing_json_never_panics(
            format in 0..3_u32, generation in any::<u64>(), id in "[0-9a-fA-F]{0,40}", epoch in any::<u32>(),
            kind in "(key-file|passphrase|other)", wrapped in "[0-9a-f]{118,122}",
        ) {
            let text = serde_json::json!({
                "keyring": {
                    "format": format, "id": id, "generation": generation,
                    "slots": [{"number": epoch, "wrapping": {"kind": kind, "memory_kib": epoch, "passes": epoch,
                        "lanes": epoch, "salt": id, "wrapped": wrapped}}],
                    "domains": [{"epoch": epoch, "wrapped": wrapped}],
                },
                "mac": id, "checksum": id,
            });
            prop_assert!(Document::parse(Path::new("keyring"), text.to_string().as_bytes()).is_err());
        }
    }
}
