//! A new root key: what leaked of the old one, or of what opened it, is worth nothing from then on.

use crate::header::{Header, SLOTS_MAX, Slot, WrappedDomain};
use crate::secret::Secret;
use crate::slots::{fill_slot, next_number, require_apart};
use crate::wrapping::WrappedKey;
use crate::{Keyring, KeyringError, Seal, SlotInfo, file};
use std::path::Path;
use std::sync::PoisonError;

/// What a keyring has after [`Keyring::rekey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    /// The slots that open it, one for each seal that was given, in that order.
    pub slots: Vec<u32>,
    /// The slots that it had and has no more.
    pub dropped: Vec<SlotInfo>,
    /// The epoch that has begun.
    pub epoch: u32,
}

impl Keyring {
    /// Draws a new root key, wraps all domain keys under it, and begins a new epoch, as whoever had the old root key has the domain
    /// keys of all epochs before. Each seal gets one slot: the one it opens now, else a new one. All other slots are gone, since the
    /// new root key cannot be wrapped without their seals.
    ///
    /// The file is replaced as a whole, once; at any moment it is the old one or the new one. Everything that is sealed stays
    /// readable, also by calls under way.
    ///
    /// # Errors
    /// [`KeyringError::LastSlot`] without any seal, [`KeyringError::TooMany`], [`KeyringError::KeyAmongData`], those of
    /// [`Self::reload`], of the seals and of the file system. Nothing has changed then, with one exception: if the name of the new
    /// file cannot be made durable, the file may be the new one, which the same seals open.
    pub fn rekey(&self, seals: &[&dyn Seal]) -> Result<Rekeyed, KeyringError> {
        let path = &self.0.path;
        seals.iter().try_for_each(|seal| require_apart(path, *seal))?;
        let mut root = self.0.root.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = file::lock(path)?;
        let old = self.read_again(&root)?;
        let new_root = Secret::random(&*self.0.random);
        let (mut new, numbers) = self.reslot(&old, seals, &new_root)?;
        new.domains = self.rewrap(path, &old, &root, &new, &new_root)?;
        let epoch = new.add_domain(&new_root, &*self.0.random)?;
        new.generation += 1;
        new.write(path, &new_root)?;
        *root = new_root;
        self.install(new, &root)?;
        let dropped = old.slots.iter().filter(|slot| !numbers.contains(&slot.number)).map(SlotInfo::from);
        Ok(Rekeyed { dropped: dropped.collect(), slots: numbers, epoch })
    }

    /// The old header with slots for these seals only, which hold the new root key, and their numbers.
    fn reslot(
        &self,
        old: &Header,
        seals: &[&dyn Seal],
        new_root: &Secret,
    ) -> Result<(Header, Vec<u32>), KeyringError> {
        let full = || KeyringError::TooMany { what: "slots", limit: SLOTS_MAX };
        if seals.is_empty() {
            return Err(KeyringError::LastSlot);
        }
        if seals.len() > SLOTS_MAX {
            return Err(full());
        }
        let mut next = next_number(&old.slots).ok_or_else(full)?;
        let mut slots: Vec<Slot> = Vec::new();
        let mut numbers = Vec::new();
        for seal in seals {
            let number = match opened_by(old, *seal, &numbers)? {
                Some(number) => number,
                None => {
                    let number = next;
                    next = next.checked_add(1).ok_or_else(full)?;
                    number
                }
            };
            slots.push(fill_slot(old, number, *seal, new_root, &*self.0.random)?);
            numbers.push(number);
        }
        slots.sort_by_key(|slot| slot.number);
        Ok((Header { slots, domains: Vec::new(), ..old.clone() }, numbers))
    }

    /// All domain keys, wrapped under the new root key.
    fn rewrap(
        &self,
        path: &Path,
        old: &Header,
        old_root: &Secret,
        new: &Header,
        new_root: &Secret,
    ) -> Result<Vec<WrappedDomain>, KeyringError> {
        let rewrap = |domain: &WrappedDomain| {
            let epoch = domain.epoch;
            let key = domain
                .wrapped
                .unwrap(&old.domain_wrapping_key(old_root, epoch)?, &old.id)
                .map_err(|_| KeyringError::Tampered { path: path.to_owned() })?;
            let wrapping_key = new.domain_wrapping_key(new_root, epoch)?;
            let wrapped = WrappedKey::wrap(&wrapping_key, &new.id, &key, &*self.0.random)?;
            Ok(WrappedDomain { epoch, wrapped })
        };
        old.domains.iter().map(rewrap).collect()
    }
}

/// The first slot that the seal opens and that is not taken.
fn opened_by(header: &Header, seal: &dyn Seal, taken: &[u32]) -> Result<Option<u32>, KeyringError> {
    let fitting = |slot: &&Slot| slot.wrapping.kind() == seal.kind() && !taken.contains(&slot.number);
    for slot in header.slots.iter().filter(fitting) {
        match seal.unwrap(&header.slot_place(slot.number), &slot.wrapping) {
            Ok(_) => return Ok(Some(slot.number)),
            Err(KeyringError::Refused) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
