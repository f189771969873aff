//! Shreds: secrets that lie in a file of their own, outside of every backup, and without which no material opens. Whoever destroys an
//! owner's secret has destroyed what the owner's material protects, in all backups too (`docs/decisions/0020-shredding.md`).
//!
//! Owners fall into groups by their names' digests, and an owner's secret is derived from that of its group, so that a new owner
//! changes no file. To destroy one owner's, the group's secret is replaced ([`Shreds::begin`]), those of its other owners are
//! listed one by one, and the old secret is given up ([`Shreds::finish`]).
//!
//! ```text
//! file:   one message (see `message.rs`): JSON, in which every secret is wrapped
//! sealed: id of the group's secret (8) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
//! ```

use crate::aead::{Aead, NONCE_BYTES};
use crate::derive::derive;
use crate::file::{self, Access};
use crate::header::hex_bytes;
use crate::message::{open_message, seal_message};
use crate::secret::Secret;
use crate::wrapping::WrappedKey;
use crate::{KeyringError, Random};
use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

const FORMAT: u32 = 1;

/// How many groups there are: an owner's is the first byte of its name's digest.
const GROUPS: usize = 256;

/// The largest file, in bytes: more than a million owners whose group's secret was given up.
const FILE_BYTES_MAX: u64 = 256 << 20;

const FILE_LABEL: &str = "fastness shreds file";
const WRAPPING_LABEL: &str = "fastness shreds wrapping";
const OWNER_LABEL: &str = "fastness shreds owner";

const OWNER_BYTES: usize = 16;
pub(crate) const ID_BYTES: usize = 8;

/// Names the secret of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShredId(#[serde(with = "hex_bytes")] [u8; ID_BYTES]);

impl ShredId {
    /// The secret that something sealed needs; none, if it is nothing that a keyring sealed.
    pub fn of(sealed: &[u8]) -> Option<Self> {
        sealed.first_chunk().copied().map(Self)
    }
}

impl std::fmt::Display for ShredId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Whose material is destroyed together: its name's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Owner(#[serde(with = "hex_bytes")] [u8; OWNER_BYTES]);

impl Owner {
    fn of(name: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, name.as_bytes());
        Self(digest.as_ref().first_chunk().copied().unwrap_or_default())
    }

    fn group(self) -> usize {
        usize::from(self.0.first().copied().unwrap_or_default())
    }
}

/// A secret, wrapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    id: ShredId,
    wrapped: WrappedKey,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Group {
    current: Entry,
    /// The one before, as long as its owners are not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retiring: Option<Entry>,
}

/// What the file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    format: u32,
    /// Grows with each change.
    generation: u64,
    groups: Vec<Group>,
    /// Secrets of owners whose group's secret was given up.
    #[serde(with = "listed")]
    owners: BTreeMap<Owner, Vec<Entry>>,
}

/// Maps with keys that are no text, as JSON keeps them.
mod listed {
    use super::{BTreeMap, Entry, Owner};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        owners: &BTreeMap<Owner, Vec<Entry>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(owners)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Owner, Vec<Entry>>, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

pub(crate) struct Shreds {
    path: PathBuf,
    random: Arc<dyn Random>,
    file_key: Secret,
    wrapping_key: Secret,
    changing: Mutex<()>,
    state: ArcSwap<State>,
}

/// Where the shreds of a keyring lie: beside it.
pub(crate) fn path_beside(keyring: &Path) -> PathBuf {
    keyring.with_extension("shreds")
}

impl Shreds {
    /// Makes new ones, in place of none. `domain` is the keyring's oldest domain key, which every copy of it has.
    pub(crate) fn create(
        keyring: &Path,
        domain: &Secret,
        random: Arc<dyn Random>,
        generation: u64,
    ) -> Result<Self, KeyringError> {
        let mut shreds = Self::keyed(keyring, domain, random)?;
        if shreds.path.try_exists().map_err(file::failed("inspect", &shreds.path))? {
            return Err(KeyringError::Exists { path: shreds.path });
        }
        let groups = (0..GROUPS).map(|_| Ok(Group { current: shreds.draw()?, retiring: None }));
        let groups = groups.collect::<Result<_, KeyringError>>()?;
        let state = State { format: FORMAT, generation, groups, owners: BTreeMap::new() };
        file::replace_private(&shreds.path, &shreds.seal_file(&state)?)?;
        shreds.state = ArcSwap::from_pointee(state);
        Ok(shreds)
    }

    pub(crate) fn open(
        keyring: &Path,
        domain: &Secret,
        random: Arc<dyn Random>,
    ) -> Result<Self, KeyringError> {
        let mut shreds = Self::keyed(keyring, domain, random)?;
        if !shreds.path.try_exists().map_err(file::failed("inspect", &shreds.path))? {
            return Err(KeyringError::NoShreds { path: shreds.path });
        }
        shreds.state = ArcSwap::from_pointee(shreds.read()?);
        Ok(shreds)
    }

    fn keyed(keyring: &Path, domain: &Secret, random: Arc<dyn Random>) -> Result<Self, KeyringError> {
        let key = |label| {
            let mut key = Secret::zero();
            derive(domain.bytes(), label, &[], key.bytes_mut())?;
            Ok::<_, KeyringError>(key)
        };
        let state = State { format: FORMAT, generation: 0, groups: Vec::new(), owners: BTreeMap::new() };
        Ok(Self {
            path: path_beside(keyring),
            random,
            file_key: key(FILE_LABEL)?,
            wrapping_key: key(WRAPPING_LABEL)?,
            changing: Mutex::new(()),
            state: ArcSwap::from_pointee(state),
        })
    }

    pub(crate) fn generation(&self) -> u64 {
        self.state.load().generation
    }

    /// Encrypts for an owner, bound to `place`.
    pub(crate) fn seal(&self, owner: &str, place: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let owner = Owner::of(owner);
        let state = self.state.load();
        let entry = &group(&state, owner)?.current;
        let mut nonce = [0; NONCE_BYTES];
        self.random.fill(&mut nonce);
        let mut sealed = [&entry.id.0[..], &nonce].concat();
        self.owner_key(entry, owner)?.seal(nonce, place, plaintext, &mut sealed)?;
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made, unless the secret for it has been destroyed.
    pub(crate) fn open_sealed(
        &self,
        owner: &str,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let refused = || KeyringError::Refused;
        let (id, rest) = sealed.split_first_chunk::<ID_BYTES>().ok_or_else(refused)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(refused)?;
        let (id, owner) = (ShredId(*id), Owner::of(owner));
        let state = self.state.load();
        let group = group(&state, owner)?;
        let of_group = [Some(&group.current), group.retiring.as_ref()].into_iter().flatten();
        let key = match of_group.into_iter().find(|entry| entry.id == id) {
            Some(entry) => self.owner_key(entry, owner)?,
            None => {
                let listed = state.owners.get(&owner).into_iter().flatten().find(|entry| entry.id == id);
                Aead::new(self.unwrap(listed.ok_or(KeyringError::Shredded)?)?.bytes())?
            }
        };
        key.open(*nonce, place, rest).map_err(|_| KeyringError::Refused)
    }

    /// The secret that what is sealed for an owner needs from now on.
    pub(crate) fn current(&self, owner: &str) -> Result<ShredId, KeyringError> {
        Ok(group(&self.state.load(), Owner::of(owner))?.current.id)
    }

    /// The secret of the owner's group that [`Self::begin`] replaced, until [`Self::finish`].
    pub(crate) fn retiring(&self, owner: &str) -> Result<Option<ShredId>, KeyringError> {
        Ok(group(&self.state.load(), Owner::of(owner))?.retiring.as_ref().map(|entry| entry.id))
    }

    /// Replaces the secret of the owner's group, if the one before it is given up already. What was sealed with it still opens.
    pub(crate) fn begin(&self, owner: &str) -> Result<(), KeyringError> {
        let next = self.draw()?;
        self.change(|state| {
            let group = group_mut(state, Owner::of(owner))?;
            if group.retiring.is_none() {
                group.retiring = Some(std::mem::replace(&mut group.current, next));
            }
            Ok(())
        })
    }

    /// Gives up the secret that [`Self::begin`] replaced, but lists what it is for these owners.
    pub(crate) fn finish(&self, owner: &str, kept: &[String]) -> Result<(), KeyringError> {
        self.change(|state| {
            let Some(retiring) = group_mut(state, Owner::of(owner))?.retiring.take() else { return Ok(()) };
            let secret = self.unwrap(&retiring)?;
            for owner in kept.iter().map(|name| Owner::of(name)) {
                let key = derive_owner(&secret, owner)?;
                let wrapped = self.wrap(retiring.id, &key)?;
                state.owners.entry(owner).or_default().push(Entry { id: retiring.id, wrapped });
            }
            Ok(())
        })
    }

    /// Destroys the secrets that are listed for an owner.
    pub(crate) fn forget(&self, owner: &str) -> Result<(), KeyringError> {
        let owner = Owner::of(owner);
        if !self.state.load().owners.contains_key(&owner) {
            return Ok(());
        }
        self.change(|state| {
            state.owners.remove(&owner);
            Ok(())
        })
    }

    /// Changes the file as it is now, durably, and works with the result. What the old one held is written over: as far as the file
    /// system and the disk write in place, nothing of it is left.
    fn change(
        &self,
        change: impl FnOnce(&mut State) -> Result<(), KeyringError>,
    ) -> Result<(), KeyringError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = file::lock(&self.path)?;
        let mut state = self.read()?;
        change(&mut state)?;
        state.generation += 1;
        let old =
            OpenOptions::new().write(true).open(&self.path).map_err(file::failed("open", &self.path))?;
        file::replace_private(&self.path, &self.seal_file(&state)?)?;
        self.state.store(Arc::new(state));
        overwrite(&old).map_err(file::failed("overwrite", &self.path))
    }

    /// Reads the file again: it must be no older than what is known of it.
    pub(crate) fn check(&self) -> Result<(), KeyringError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.read()?.generation < self.generation() {
            return Err(KeyringError::Replaced { path: self.path.clone() });
        }
        Ok(())
    }

    fn read(&self) -> Result<State, KeyringError> {
        let sealed = file::read_private(&self.path, FILE_BYTES_MAX, Access::Owner)?;
        let damaged =
            |reason: &str| KeyringError::Damaged { path: self.path.clone(), reason: reason.to_owned() };
        let json = open_message(self.file_key.bytes(), FILE_LABEL, &[], &sealed)
            .map_err(|_| damaged("it is not whole, or of another keyring"))?;
        let state: State = serde_json::from_slice(&json).map_err(|error| damaged(&error.to_string()))?;
        if state.format != FORMAT || state.groups.len() != GROUPS {
            return Err(damaged("its form is not known"));
        }
        Ok(state)
    }

    fn seal_file(&self, state: &State) -> Result<Vec<u8>, KeyringError> {
        let json = serde_json::to_vec(state).map_err(|_| KeyringError::Cryptography)?;
        let mut out = Vec::new();
        seal_message(self.file_key.bytes(), FILE_LABEL, &*self.random, &[], &json, &mut out)?;
        Ok(out)
    }

    /// A new secret.
    fn draw(&self) -> Result<Entry, KeyringError> {
        let mut id = [0; ID_BYTES];
        self.random.fill(&mut id);
        let id = ShredId(id);
        Ok(Entry { id, wrapped: self.wrap(id, &Secret::random(&*self.random))? })
    }

    fn wrap(&self, id: ShredId, secret: &Secret) -> Result<WrappedKey, KeyringError> {
        WrappedKey::wrap(&self.wrapping_key, &id.0, secret, &*self.random)
    }

    fn unwrap(&self, entry: &Entry) -> Result<Secret, KeyringError> {
        entry.wrapped.unwrap(&self.wrapping_key, &entry.id.0).map_err(|_| KeyringError::Refused)
    }

    fn owner_key(&self, of_group: &Entry, owner: Owner) -> Result<Aead, KeyringError> {
        Aead::new(derive_owner(&self.unwrap(of_group)?, owner)?.bytes())
    }
}

fn derive_owner(group: &Secret, owner: Owner) -> Result<Secret, KeyringError> {
    let mut key = Secret::zero();
    derive(group.bytes(), OWNER_LABEL, &[&owner.0], key.bytes_mut())?;
    Ok(key)
}

fn group(state: &State, owner: Owner) -> Result<&Group, KeyringError> {
    state.groups.get(owner.group()).ok_or(KeyringError::Refused)
}

fn group_mut(state: &mut State, owner: Owner) -> Result<&mut Group, KeyringError> {
    state.groups.get_mut(owner.group()).ok_or(KeyringError::Refused)
}

/// Writes zeros over a file that has no name any more.
fn overwrite(mut file: &File) -> std::io::Result<()> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut left = file.metadata()?.len();
    file.rewind()?;
    while left > 0 {
        let length = left.min(ZEROS.len() as u64);
        let length = usize::try_from(length).unwrap_or(ZEROS.len());
        file.write_all(ZEROS.get(..length).unwrap_or(&ZEROS))?;
        left = left.saturating_sub(length as u64);
    }
    file.sync_all()
}
