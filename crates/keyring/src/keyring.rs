//! The keyring: made once, opened at each start, then used from everywhere.

use crate::backing::{BackingKey, BackingKeys, SealedKey};
use crate::barrier::Barrier;
use crate::domain::Domains;
use crate::header::{Document, EPOCHS_MAX, Header, SLOTS_MAX, Slot, WrappedDomain};
use crate::message::{MESSAGE_OVERHEAD_BYTES, open_message, seal_message};
use crate::seal::WrappedKey;
use crate::secret::Secret;
use crate::writer::WriterLimits;
use crate::{KeyringError, Random, Seal, file};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// The longest value that can be sealed, in bytes.
pub const PLAINTEXT_BYTES_MAX: usize = 64 << 20;

const VALUE_LABEL: &str = "fastness value writer";
const BACKING_LABEL: &str = "fastness backing key writer";
const TOKEN_LABEL: &str = "fastness token message";

/// The form of a token, in its first byte.
const TOKEN_VERSION: u8 = 1;

/// The root key and what hangs on it, open. Clones share it; the last one wipes it.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    path: PathBuf,
    root: Secret,
    random: Arc<dyn Random>,
    header: ArcSwap<Header>,
    domains: Arc<ArcSwap<Domains>>,
    values: Barrier,
    backing: BackingKeys,
    changing: Mutex<()>,
}

/// A slot, as an operator may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// The slot's number.
    pub number: u32,
    /// The kind of seal that opens it.
    pub kind: &'static str,
}

impl Keyring {
    /// Makes a new keyring with one slot, in a new file (mode 0600) at `path`.
    ///
    /// # Errors
    /// [`KeyringError::Exists`], [`KeyringError::KeyAmongData`], and those of the seal and the file system.
    pub fn create(path: &Path, seal: &dyn Seal, random: Arc<dyn Random>) -> Result<Self, KeyringError> {
        require_apart(path, seal)?;
        let _lock = file::lock(path)?;
        if path.try_exists().map_err(file::failed("inspect", path))? {
            return Err(KeyringError::Exists { path: path.to_owned() });
        }
        let mut id = [0; 16];
        random.fill(&mut id);
        let root = Secret::random(&*random);
        let mut header = Header::new(id);
        fill_slot(&mut header, seal, &root, &*random)?;
        add_domain(&mut header, &root, &*random)?;
        header.write(path, &root)?;
        Self::new(path, header, root, random)
    }

    /// Opens a keyring with whichever of the seals fits any slot.
    ///
    /// # Errors
    /// [`KeyringError::NoSlotOpens`] if none fits, [`KeyringError::Damaged`], [`KeyringError::Tampered`],
    /// [`KeyringError::Exposed`], [`KeyringError::KeyAmongData`], and those of the file system.
    pub fn open(path: &Path, seals: &[&dyn Seal], random: Arc<dyn Random>) -> Result<Self, KeyringError> {
        seals.iter().try_for_each(|seal| require_apart(path, *seal))?;
        let document = Document::read(path)?;
        let root = unseal(path, &document.keyring, seals)?;
        let header = document.verify(path, &root)?;
        Self::new(path, header, root, random)
    }

    fn new(path: &Path, header: Header, root: Secret, random: Arc<dyn Random>) -> Result<Self, KeyringError> {
        let domains = Arc::new(ArcSwap::from_pointee(unwrap_domains(path, &header, &root)?));
        let barrier = |label| Barrier::new(label, WriterLimits::STANDARD, random.clone(), domains.clone());
        Ok(Self(Arc::new(Inner {
            values: barrier(VALUE_LABEL)?,
            backing: BackingKeys::new(barrier(BACKING_LABEL)?),
            path: path.to_owned(),
            root,
            random,
            header: ArcSwap::from_pointee(header),
            domains,
            changing: Mutex::new(()),
        })))
    }

    /// Seals a value so that it can be opened at `place` only: its table and key, or its log.
    ///
    /// # Errors
    /// [`KeyringError::TooLong`].
    pub fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, KeyringError> {
        self.0.values.seal(place, plaintext)
    }

    /// Opens what [`Self::seal`] made for the same place.
    ///
    /// # Errors
    /// [`KeyringError::Refused`], whatever is wrong.
    pub fn open_sealed(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        self.0.values.open(place, sealed)
    }

    /// Seals a token that callers hold for us, such as a session token or the marker of a page. The purpose is whatever must be
    /// the same when it comes back. The token tells nothing but its length and the epoch: it has no counter.
    ///
    /// The result is `version (1) ‖ epoch (4, big endian) ‖ N (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`.
    ///
    /// # Errors
    /// [`KeyringError::TooLong`].
    pub fn token_seal(&self, purpose: &str, plaintext: &[u8]) -> Result<Vec<u8>, KeyringError> {
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(KeyringError::TooLong);
        }
        let domains = self.0.domains.load();
        let (epoch, domain) = domains.newest();
        let mut token = Vec::with_capacity(5 + MESSAGE_OVERHEAD_BYTES + plaintext.len());
        token.push(TOKEN_VERSION);
        token.extend_from_slice(&epoch.to_be_bytes());
        let additional = purpose.as_bytes();
        seal_message(domain.bytes(), TOKEN_LABEL, &*self.0.random, additional, plaintext, &mut token)?;
        Ok(token)
    }

    /// Opens a token that [`Self::token_seal`] made for the same purpose, now or in an earlier epoch.
    ///
    /// # Errors
    /// [`KeyringError::Refused`], whatever is wrong.
    pub fn token_open(&self, purpose: &str, token: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let (&[version], rest) = token.split_first_chunk().ok_or(KeyringError::Refused)?;
        let (epoch, sealed) = rest.split_first_chunk().ok_or(KeyringError::Refused)?;
        if version != TOKEN_VERSION {
            return Err(KeyringError::Refused);
        }
        let domains = self.0.domains.load();
        let domain = domains.get(u32::from_be_bytes(*epoch)).ok_or(KeyringError::Refused)?;
        open_message(domain.bytes(), TOKEN_LABEL, purpose.as_bytes(), sealed)
            .map_err(|_| KeyringError::Refused)
    }

    /// Makes a new backing key, of use at `place` only: the KMS key and the version it is the material of.
    ///
    /// # Errors
    /// Those of the cryptographic library.
    pub fn generate_backing_key(&self, place: &[u8], random: &dyn Random) -> Result<SealedKey, KeyringError> {
        self.0.backing.generate(place, random)
    }

    /// Opens a backing key at its place. Those used lately stay open.
    ///
    /// # Errors
    /// [`KeyringError::Refused`], whatever is wrong.
    pub fn backing_key(&self, place: &[u8], sealed: &[u8]) -> Result<Arc<BackingKey>, KeyringError> {
        self.0.backing.open(place, sealed)
    }

    /// The slots there are.
    pub fn slots(&self) -> Vec<SlotInfo> {
        let header = self.0.header.load();
        header.slots.iter().map(|slot| SlotInfo { number: slot.number, kind: slot.wrapping.kind() }).collect()
    }

    /// The epoch that values are sealed in now.
    pub fn epoch(&self) -> u32 {
        self.0.domains.load().newest().0
    }

    /// Adds a way to open the keyring and tells its slot's number.
    ///
    /// # Errors
    /// [`KeyringError::TooMany`], [`KeyringError::KeyAmongData`], and those of [`Self::reload`], the seal and the file system.
    pub fn add_slot(&self, seal: &dyn Seal) -> Result<u32, KeyringError> {
        require_apart(&self.0.path, seal)?;
        self.change(|header| fill_slot(header, seal, &self.0.root, &*self.0.random))
    }

    /// Removes a way to open the keyring. Whoever kept an older copy of the file and the slot's secret still has the root key: this
    /// is for seals that are no longer wanted, not for secrets that leaked.
    ///
    /// # Errors
    /// [`KeyringError::NoSuchSlot`], [`KeyringError::LastSlot`], and those of [`Self::reload`] and the file system.
    pub fn remove_slot(&self, number: u32) -> Result<(), KeyringError> {
        self.change(|header| {
            let before = header.slots.len();
            header.slots.retain(|slot| slot.number != number);
            match header.slots.len() {
                after if after == before => Err(KeyringError::NoSuchSlot(number)),
                0 => Err(KeyringError::LastSlot),
                _ => Ok(()),
            }
        })
    }

    /// Begins a new epoch, whose number it tells: from now on values are sealed under a new domain key. Old ones stay readable.
    ///
    /// # Errors
    /// [`KeyringError::TooMany`], and those of [`Self::reload`] and the file system.
    pub fn rotate(&self) -> Result<u32, KeyringError> {
        self.change(|header| add_domain(header, &self.0.root, &*self.0.random))
    }

    /// Takes over what another process changed in the keyring file.
    ///
    /// # Errors
    /// [`KeyringError::Replaced`] if the file is older than what is known of it or another keyring's,
    /// [`KeyringError::Damaged`], [`KeyringError::Tampered`], [`KeyringError::Exposed`], and those of the file system.
    pub fn reload(&self) -> Result<(), KeyringError> {
        let _changing = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.install(self.read_again()?)
    }

    /// Changes the file as it is now, and takes over the result.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Header) -> Result<T, KeyringError>,
    ) -> Result<T, KeyringError> {
        let _changing = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = file::lock(&self.0.path)?;
        let mut header = self.read_again()?;
        let result = change(&mut header)?;
        header.generation += 1;
        header.write(&self.0.path, &self.0.root)?;
        self.install(header)?;
        Ok(result)
    }

    fn read_again(&self) -> Result<Header, KeyringError> {
        let path = &self.0.path;
        let known = self.0.header.load();
        let document = Document::read(path)?;
        if document.keyring.id != known.id {
            return Err(KeyringError::Replaced { path: path.clone() });
        }
        let header = document.verify(path, &self.0.root)?;
        // Were another key to take an epoch's place, what this process sealed in that epoch would be lost.
        if header.generation < known.generation || !header.domains.starts_with(&known.domains) {
            return Err(KeyringError::Replaced { path: path.clone() });
        }
        Ok(header)
    }

    fn install(&self, header: Header) -> Result<(), KeyringError> {
        let before = self.epoch();
        let domains = unwrap_domains(&self.0.path, &header, &self.0.root)?;
        let after = domains.newest().0;
        self.0.domains.store(Arc::new(domains));
        self.0.header.store(Arc::new(header));
        if after != before {
            self.0.values.renew()?;
            self.0.backing.renew()?;
        }
        Ok(())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("path", &self.0.path).finish_non_exhaustive()
    }
}

/// Refuses a seal whose secret lies beside what it protects.
fn require_apart(path: &Path, seal: &dyn Seal) -> Result<(), KeyringError> {
    let Some(location) = seal.location() else { return Ok(()) };
    let directory = file::directory(path);
    let data = directory.canonicalize().map_err(file::failed("find", directory))?;
    let secret = location.canonicalize().map_err(file::failed("find", location))?;
    if secret.starts_with(data) {
        return Err(KeyringError::KeyAmongData { path: location.to_owned() });
    }
    Ok(())
}

/// Tries all seals on all slots of their kind.
fn unseal(path: &Path, header: &Header, seals: &[&dyn Seal]) -> Result<Secret, KeyringError> {
    let mut tried = Vec::new();
    for seal in seals {
        let before = tried.len();
        for slot in header.slots.iter().filter(|slot| slot.wrapping.kind() == seal.kind()) {
            match seal.unwrap(&header.slot_place(slot.number), &slot.wrapping) {
                Ok(root) => return Ok(root),
                Err(KeyringError::Refused) => {
                    tried.push(format!("the {} does not fit slot {}", seal.kind(), slot.number));
                }
                Err(error) => tried.push(format!("slot {}: {error}", slot.number)),
            }
        }
        if tried.len() == before {
            tried.push(format!("there is no slot of kind {}", seal.kind()));
        }
    }
    if tried.is_empty() {
        tried.push("no seal was given".to_owned());
    }
    Err(KeyringError::NoSlotOpens { path: path.to_owned(), tried: tried.join(", ") })
}

fn fill_slot(
    header: &mut Header,
    seal: &dyn Seal,
    root: &Secret,
    random: &dyn Random,
) -> Result<u32, KeyringError> {
    let full = KeyringError::TooMany { what: "slots", limit: SLOTS_MAX };
    if header.slots.len() >= SLOTS_MAX {
        return Err(full);
    }
    let number = match header.slots.iter().map(|slot| slot.number).max() {
        None => 0,
        Some(last) => last.checked_add(1).ok_or(full)?,
    };
    let wrapping = seal.wrap(&header.slot_place(number), root, random)?;
    header.slots.push(Slot { number, wrapping });
    Ok(number)
}

fn add_domain(header: &mut Header, root: &Secret, random: &dyn Random) -> Result<u32, KeyringError> {
    let full = KeyringError::TooMany { what: "epochs", limit: EPOCHS_MAX };
    if header.domains.len() >= EPOCHS_MAX {
        return Err(full);
    }
    let epoch = match header.domains.last() {
        None => 1,
        Some(last) => last.epoch.checked_add(1).ok_or(full)?,
    };
    let wrapping_key = header.domain_wrapping_key(root, epoch)?;
    let wrapped = WrappedKey::wrap(&wrapping_key, &header.id, &Secret::random(random), random)?;
    header.domains.push(WrappedDomain { epoch, wrapped });
    Ok(epoch)
}

fn unwrap_domains(path: &Path, header: &Header, root: &Secret) -> Result<Domains, KeyringError> {
    let tampered = || KeyringError::Tampered { path: path.to_owned() };
    let mut keys = BTreeMap::new();
    for WrappedDomain { epoch, wrapped } in &header.domains {
        let wrapping_key = header.domain_wrapping_key(root, *epoch)?;
        keys.insert(*epoch, wrapped.unwrap(&wrapping_key, &header.id).map_err(|_| tampered())?);
    }
    Domains::new(keys).ok_or_else(tampered)
}
