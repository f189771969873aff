//! Slots: filled by seals and opened by them.

use crate::header::{Document, Header, SLOTS_MAX, Slot};
use crate::secret::Secret;
use crate::{Keyring, KeyringError, Kind, Random, Seal, Wrapping, file};
use std::path::Path;

/// A slot, as an operator may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// The slot's number.
    pub number: u32,
    /// The kind of seal that opens it, with its parameters.
    pub wrapping: Wrapping,
}

impl SlotInfo {
    /// The kind of seal that opens the slot.
    pub fn kind(&self) -> Kind {
        self.wrapping.kind()
    }
}

impl From<&Slot> for SlotInfo {
    fn from(slot: &Slot) -> Self {
        Self { number: slot.number, wrapping: slot.wrapping.clone() }
    }
}

/// What a keyring file says to whoever can read it. Nobody has vouched for it yet: that takes the root key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyringInfo {
    /// Tells keyrings apart.
    pub id: [u8; 16],
    /// Grows with each change.
    pub generation: u64,
    /// The epoch that values are sealed in.
    pub epoch: u32,
    /// The slots by number.
    pub slots: Vec<SlotInfo>,
}

/// What became of a slot when the seals at hand were tried on it.
#[derive(Debug)]
pub enum Trial {
    /// It opens, and the file's authentication code is right.
    Opens,
    /// No seal of its kind is at hand.
    NotAtHand,
    /// It does not open.
    Fails(KeyringError),
}

impl Keyring {
    /// Reads what a keyring file says without opening it.
    ///
    /// # Errors
    /// [`KeyringError::Damaged`], [`KeyringError::Exposed`], and those of the file system.
    pub fn inspect(path: &Path) -> Result<KeyringInfo, KeyringError> {
        let Header { id, generation, slots, domains, .. } = Document::read(path)?.keyring;
        let epoch = domains.last().map_or(0, |domain| domain.epoch);
        Ok(KeyringInfo { id, generation, epoch, slots: slots.iter().map(SlotInfo::from).collect() })
    }

    /// Tries the seals on every slot of their kind, as a drill: nothing is changed or kept open.
    ///
    /// # Errors
    /// Those of [`Self::inspect`].
    pub fn drill(path: &Path, seals: &[&dyn Seal]) -> Result<Vec<(SlotInfo, Trial)>, KeyringError> {
        let document = Document::read(path)?;
        let try_slot = |slot: &Slot| {
            let mut trial = Trial::NotAtHand;
            for seal in seals.iter().filter(|seal| seal.kind() == slot.wrapping.kind()) {
                let opened =
                    require_apart(path, *seal).and_then(|()| open_slot(path, &document, slot, *seal));
                match opened {
                    Ok(_) => return Trial::Opens,
                    Err(error) => trial = Trial::Fails(error),
                }
            }
            trial
        };
        Ok(document.keyring.slots.iter().map(|slot| (slot.into(), try_slot(slot))).collect())
    }
}

/// Refuses a seal whose secret lies beside what it protects.
pub(crate) fn require_apart(path: &Path, seal: &dyn Seal) -> Result<(), KeyringError> {
    let Some(location) = seal.location() else { return Ok(()) };
    let directory = file::directory(path);
    let data = directory.canonicalize().map_err(file::failed("find", directory))?;
    let secret = location.canonicalize().map_err(file::failed("find", location))?;
    if secret.starts_with(data) {
        return Err(KeyringError::KeyAmongData { path: location.to_owned() });
    }
    Ok(())
}

/// What a seal opens a slot to, if that is the key of the whole file.
fn open_slot(
    path: &Path,
    document: &Document,
    slot: &Slot,
    seal: &dyn Seal,
) -> Result<(Header, Secret), KeyringError> {
    let root = seal.unwrap(&document.keyring.slot_place(slot.number), &slot.wrapping)?;
    match document.clone().verify(path, &root) {
        // What is unwrapped here proves itself, and then the file is at fault. Somebody else may answer anything.
        Err(KeyringError::Tampered { .. }) if matches!(seal.kind(), Kind::Kms | Kind::Pkcs11) => {
            Err(KeyringError::Unusable { kind: seal.kind(), source: "it answers with another key".into() })
        }
        verified => Ok((verified?, root)),
    }
}

/// Tries all seals on all slots of their kind.
pub(crate) fn unseal(
    path: &Path,
    document: &Document,
    seals: &[&dyn Seal],
) -> Result<(Header, Secret), KeyringError> {
    let (mut tried, mut unusable) = (Vec::new(), false);
    for seal in seals {
        let before = tried.len();
        for slot in document.keyring.slots.iter().filter(|slot| slot.wrapping.kind() == seal.kind()) {
            match open_slot(path, document, slot, *seal) {
                Ok(opened) => return Ok(opened),
                Err(error @ KeyringError::Tampered { .. }) => return Err(error),
                Err(KeyringError::Refused) => {
                    tried.push(format!("the {} does not fit slot {}", seal.kind(), slot.number));
                }
                Err(error) => {
                    unusable |= matches!(error, KeyringError::Unusable { .. });
                    tried.push(format!("slot {}: {error}", slot.number));
                }
            }
        }
        if tried.len() == before {
            tried.push(format!("there is no slot of kind {}", seal.kind()));
        }
    }
    if tried.is_empty() {
        tried.push("no seal was given".to_owned());
    }
    Err(KeyringError::NoSlotOpens { path: path.to_owned(), tried: tried.join(", "), unusable })
}

/// Fills a new slot, whose number it tells.
pub(crate) fn add_slot(
    header: &mut Header,
    seal: &dyn Seal,
    root: &Secret,
    random: &dyn Random,
) -> Result<u32, KeyringError> {
    let full = || KeyringError::TooMany { what: "slots", limit: SLOTS_MAX };
    if header.slots.len() >= SLOTS_MAX {
        return Err(full());
    }
    let number = next_number(&header.slots).ok_or_else(full)?;
    header.slots.push(fill_slot(header, number, seal, root, random)?);
    Ok(number)
}

/// The number after all that are in use.
pub(crate) fn next_number(slots: &[Slot]) -> Option<u32> {
    slots.iter().map(|slot| slot.number).max().map_or(Some(0), |last| last.checked_add(1))
}

/// A slot that the seal was seen to open again: a device that wraps wrongly is found out before anything depends on it.
pub(crate) fn fill_slot(
    header: &Header,
    number: u32,
    seal: &dyn Seal,
    root: &Secret,
    random: &dyn Random,
) -> Result<Slot, KeyringError> {
    let place = header.slot_place(number);
    let wrapping = seal.wrap(&place, root, random)?;
    let opens = seal.unwrap(&place, &wrapping)?.equals(root);
    if !opens || wrapping.fault().is_some() || wrapping.kind() != seal.kind() {
        return Err(KeyringError::Unusable {
            kind: seal.kind(),
            source: "it does not give back what it wrapped".into(),
        });
    }
    Ok(Slot { number, wrapping })
}
