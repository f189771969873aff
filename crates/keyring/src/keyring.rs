//! The keyring: made once, opened at each start, then used from everywhere.

use crate::barrier::Barrier;
use crate::domain::Domains;
use crate::header::{Document, Header, WrappedDomain};
use crate::material::{Material, MaterialSpec, Materials, SealedKey};
use crate::message::{MESSAGE_OVERHEAD_BYTES, open_message, seal_message};
use crate::secret::Secret;
use crate::shreds::Shreds;
use crate::slots::{add_slot, require_apart, unseal};
use crate::writer::WriterLimits;
use crate::{KeyringError, Random, Seal, ShredId, SlotInfo, file, shreds};
use arc_swap::ArcSwap;
use primitives::{KeyPair, KeyWrapping};
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
pub struct Keyring(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) path: PathBuf,
    /// Used for changes of the file only, which therefore come one after the other.
    pub(crate) root: Mutex<Secret>,
    pub(crate) random: Arc<dyn Random>,
    header: ArcSwap<Header>,
    domains: Arc<ArcSwap<Domains>>,
    values: Barrier,
    materials: Materials,
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
        add_slot(&mut header, seal, &root, &*random)?;
        header.add_domain(&root, &*random)?;
        header.write(path, &root)?;
        Self::new(path, header, root, random, Some(1))
    }

    /// Opens a keyring with whichever of the seals fits any slot.
    ///
    /// # Errors
    /// [`KeyringError::NoSlotOpens`] if none fits, [`KeyringError::Damaged`], [`KeyringError::Tampered`],
    /// [`KeyringError::Exposed`], [`KeyringError::KeyAmongData`], and those of the file system.
    pub fn open(path: &Path, seals: &[&dyn Seal], random: Arc<dyn Random>) -> Result<Self, KeyringError> {
        seals.iter().try_for_each(|seal| require_apart(path, *seal))?;
        let document = Document::read(path)?;
        let (header, root) = unseal(path, &document, seals)?;
        Self::new(path, header, root, random, None)
    }

    /// Opens a keyring whose shreds are lost, and makes new ones, of this generation: all material made until then is lost too.
    ///
    /// # Errors
    /// As [`Self::open`], and [`KeyringError::Exists`] if there are shreds.
    pub fn open_without_shreds(
        path: &Path,
        seals: &[&dyn Seal],
        random: Arc<dyn Random>,
        generation: u64,
    ) -> Result<Self, KeyringError> {
        seals.iter().try_for_each(|seal| require_apart(path, *seal))?;
        let document = Document::read(path)?;
        let (header, root) = unseal(path, &document, seals)?;
        Self::new(path, header, root, random, Some(generation))
    }

    /// A keyring with the shreds that are there, or new ones of the given generation.
    fn new(
        path: &Path,
        header: Header,
        root: Secret,
        random: Arc<dyn Random>,
        shreds: Option<u64>,
    ) -> Result<Self, KeyringError> {
        let domains = Arc::new(ArcSwap::from_pointee(unwrap_domains(path, &header, &root)?));
        let shreds = match shreds {
            Some(generation) => Shreds::create(path, domains.load().oldest(), random.clone(), generation),
            None => Shreds::open(path, domains.load().oldest(), random.clone()),
        }?;
        let barrier = |label| Barrier::new(label, WriterLimits::STANDARD, random.clone(), domains.clone());
        Ok(Self(Arc::new(Inner {
            values: barrier(VALUE_LABEL)?,
            materials: Materials::new(barrier(BACKING_LABEL)?, shreds),
            path: path.to_owned(),
            root: Mutex::new(root),
            random,
            header: ArcSwap::from_pointee(header),
            domains,
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

    /// Makes new material, of use at `place` only: the KMS key and the version it is the material of. That of RSA takes a tenth of a
    /// second or more.
    ///
    /// # Errors
    /// Those of the cryptographic library.
    pub fn generate_material(
        &self,
        place: &[u8],
        spec: MaterialSpec,
        random: &dyn Random,
    ) -> Result<SealedKey, KeyringError> {
        self.0.materials.generate(place, spec, random)
    }

    /// Takes over material from elsewhere: 32 bytes of a symmetric key, as many bytes as its code has of a key of HMAC, or a private key
    /// in PKCS#8 (RFC 5958), ML-DSA's and ML-KEM's with their seed.
    ///
    /// # Errors
    /// [`KeyringError::NotMaterial`], if it is not valid or of another spec.
    pub fn import_material(
        &self,
        place: &[u8],
        spec: MaterialSpec,
        bytes: &[u8],
    ) -> Result<SealedKey, KeyringError> {
        self.0.materials.import(place, spec, bytes)
    }

    /// Takes over material that came wrapped under the public key of `unwrapping`.
    ///
    /// # Errors
    /// [`KeyringError::NotUnwrapped`], and those of [`Self::import_material`].
    pub fn import_wrapped_material(
        &self,
        place: &[u8],
        spec: MaterialSpec,
        unwrapping: &KeyPair,
        wrapping: KeyWrapping,
        wrapped: &[u8],
    ) -> Result<SealedKey, KeyringError> {
        self.0.materials.import_wrapped(place, spec, unwrapping, wrapping, wrapped)
    }

    /// Opens material at its place. What was used lately stays open.
    ///
    /// # Errors
    /// [`KeyringError::Refused`], whatever is wrong.
    pub fn material(&self, place: &[u8], sealed: &[u8]) -> Result<Arc<Material>, KeyringError> {
        self.0.materials.open(place, sealed)
    }

    /// The same material for another place.
    ///
    /// # Errors
    /// [`KeyringError::Refused`], whatever is wrong.
    pub fn reseal_material(&self, from: &[u8], sealed: &[u8], to: &[u8]) -> Result<SealedKey, KeyringError> {
        self.0.materials.reseal(from, sealed, to)
    }

    /// What tells later, when the material at this place is gone, whether other material is the same: a digest of it, sealed.
    ///
    /// # Errors
    /// [`KeyringError::Refused`], whatever is wrong.
    pub fn material_fingerprint(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyringError> {
        self.0.materials.fingerprint(place, sealed)
    }

    /// Whether the material sealed at `place` is the one that the fingerprint was taken of, which was at the place `of` then.
    ///
    /// # Errors
    /// [`KeyringError::Refused`], if either does not open.
    pub fn is_material_of(
        &self,
        place: &[u8],
        sealed: &[u8],
        of: &[u8],
        fingerprint: &[u8],
    ) -> Result<bool, KeyringError> {
        self.0.materials.has_fingerprint(place, sealed, of, fingerprint)
    }

    /// Closes material that is deleted: what is in memory of it is wiped when its last user is done.
    pub fn forget_material(&self, place: &[u8], sealed: &[u8]) {
        self.0.materials.forget(place, sealed);
    }

    /// The shred that material of an owner is sealed under from now on.
    ///
    /// # Errors
    /// None that a keyring which was opened can have.
    pub fn shred_current(&self, owner: &str) -> Result<ShredId, KeyringError> {
        self.0.materials.shreds.current(owner)
    }

    /// The shred that [`Self::shred_begin`] replaced, until [`Self::shred_finish`] gives it up.
    ///
    /// # Errors
    /// As [`Self::shred_current`].
    pub fn shred_retiring(&self, owner: &str) -> Result<Option<ShredId>, KeyringError> {
        self.0.materials.shreds.retiring(owner)
    }

    /// Replaces the shred that material of an owner and others was sealed under, unless the one before is still retiring. It
    /// opens until [`Self::shred_finish`]. Durable when it returns.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn shred_begin(&self, owner: &str) -> Result<(), KeyringError> {
        self.0.materials.shreds.begin(owner)
    }

    /// Gives up the retiring shred of an owner: from now on only material of the `kept` owners opens of what was sealed under
    /// it, in whichever copy it is. Durable when it returns.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn shred_finish(&self, owner: &str, kept: &[String]) -> Result<(), KeyringError> {
        self.0.materials.shreds.finish(owner, kept)?;
        self.0.materials.close();
        Ok(())
    }

    /// Gives up what earlier calls of [`Self::shred_finish`] kept for an owner. Durable when it returns.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn shred_forget(&self, owner: &str) -> Result<(), KeyringError> {
        self.0.materials.shreds.forget(owner)?;
        self.0.materials.close();
        Ok(())
    }

    /// How often the shreds were changed: a copy of them serves all that was made until it has this number.
    pub fn shreds_generation(&self) -> u64 {
        self.0.materials.shreds.generation()
    }

    /// Where the shreds of a keyring lie.
    pub fn shreds_path(keyring: &Path) -> PathBuf {
        shreds::path_beside(keyring)
    }

    /// The slots there are.
    pub fn slots(&self) -> Vec<SlotInfo> {
        self.0.header.load().slots.iter().map(SlotInfo::from).collect()
    }

    /// How often the keyring was changed: a number that grows with each change.
    pub fn generation(&self) -> u64 {
        self.0.header.load().generation
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
        self.change(|header, root| add_slot(header, seal, root, &*self.0.random))
    }

    /// Removes a way to open the keyring. Whoever kept an older copy of the file and the slot's secret still has the root key: this
    /// is for seals that are no longer wanted, not for secrets that leaked.
    ///
    /// # Errors
    /// [`KeyringError::NoSuchSlot`], [`KeyringError::LastSlot`], and those of [`Self::reload`] and the file system.
    pub fn remove_slot(&self, number: u32) -> Result<(), KeyringError> {
        self.change(|header, _| {
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
        self.change(|header, root| header.add_domain(root, &*self.0.random))
    }

    /// Takes over what another process changed in the keyring file. The seals are needed if that process drew a new root key.
    ///
    /// # Errors
    /// [`KeyringError::Replaced`] if the file is older than what is known of it or another keyring's,
    /// [`KeyringError::OtherRoot`] if it has another root key and no seals were given, [`KeyringError::NoSlotOpens`] if none of
    /// them fits, [`KeyringError::Damaged`], [`KeyringError::Tampered`], [`KeyringError::Exposed`], and those of the file system.
    pub fn reload(&self, seals: &[&dyn Seal]) -> Result<(), KeyringError> {
        let path = &self.0.path;
        let mut root = self.0.root.lock().unwrap_or_else(PoisonError::into_inner);
        match self.read_again(&root) {
            Err(KeyringError::OtherRoot { .. }) if !seals.is_empty() => {}
            header => return self.install(header?, &root),
        }
        seals.iter().try_for_each(|seal| require_apart(path, *seal))?;
        let document = Document::read(path)?;
        let (header, new_root) = unseal(path, &document, seals)?;
        let domains = unwrap_domains(path, &header, &new_root)?;
        // The domain keys are wrapped anew, so that they are compared themselves.
        if !self.is_newer(&header) || !domains.continues(&self.0.domains.load()) {
            return Err(KeyringError::Replaced { path: path.clone() });
        }
        self.install(header, &new_root)?;
        *root = new_root;
        Ok(())
    }

    /// Reads the keyring file and the shreds beside it again: they must be what this process knows of them, or what followed on
    /// that under the same root key.
    ///
    /// # Errors
    /// Those of [`Self::reload`] without seals.
    pub fn check(&self) -> Result<(), KeyringError> {
        let root = self.0.root.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_again(&root)?;
        self.0.materials.shreds.check()
    }

    /// Changes the file as it is now, and takes over the result.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Header, &Secret) -> Result<T, KeyringError>,
    ) -> Result<T, KeyringError> {
        let root = self.0.root.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = file::lock(&self.0.path)?;
        let mut header = self.read_again(&root)?;
        let result = change(&mut header, &root)?;
        header.generation += 1;
        header.write(&self.0.path, &root)?;
        self.install(header, &root)?;
        Ok(result)
    }

    /// The file as it is now, if it is what this process knows of it or a successor under the same root key.
    pub(crate) fn read_again(&self, root: &Secret) -> Result<Header, KeyringError> {
        let path = &self.0.path;
        let replaced = || KeyringError::Replaced { path: path.clone() };
        let document = Document::read(path)?;
        if !self.is_newer(&document.keyring) {
            return Err(replaced());
        }
        let moved_on = document.keyring.generation > self.generation();
        let header = document.verify(path, root).map_err(|error| match error {
            KeyringError::Tampered { path } if moved_on => KeyringError::OtherRoot { path },
            other => other,
        })?;
        // Were another key to take an epoch's place, what this process sealed in that epoch would be lost.
        if !header.domains.starts_with(&self.0.header.load().domains) {
            return Err(replaced());
        }
        Ok(header)
    }

    /// Whether a header is of this keyring and not older than what is known of it.
    fn is_newer(&self, header: &Header) -> bool {
        let known = self.0.header.load();
        header.id == known.id && header.generation >= known.generation
    }

    /// From now on this process works with the header and its domain keys.
    pub(crate) fn install(&self, header: Header, root: &Secret) -> Result<(), KeyringError> {
        let before = self.epoch();
        let domains = unwrap_domains(&self.0.path, &header, root)?;
        let after = domains.newest().0;
        self.0.domains.store(Arc::new(domains));
        self.0.header.store(Arc::new(header));
        if after != before {
            self.0.values.renew()?;
            self.0.materials.renew()?;
        }
        Ok(())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("path", &self.0.path).finish_non_exhaustive()
    }
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
