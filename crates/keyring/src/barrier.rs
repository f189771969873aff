//! The barrier: values are sealed here before anything outside of this crate's callers sees them.
//!
//! ```text
//! version (1) ‖ epoch (4, big endian) ‖ writer id (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
//! ```
//! Version, epoch and writer are bound to the value by the derivation of its key, the place by being additional data.

use crate::aead::{Aead, NONCE_BYTES, TAG_BYTES};
use crate::domain::Domains;
use crate::writer::{WRITER_ID_BYTES, Writer, WriterLimits, writer_key};
use crate::{KeyringError, PLAINTEXT_BYTES_MAX, Random};
use arc_swap::ArcSwap;
use quick_cache::sync::Cache;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// The form of a sealed value, in its first byte.
const VERSION: u8 = 1;

const EPOCH_BYTES: usize = 4;

/// Bytes that a sealed value has over its plaintext.
const OVERHEAD_BYTES: usize = 1 + EPOCH_BYTES + WRITER_ID_BYTES + NONCE_BYTES + TAG_BYTES;

/// How many writers' keys stay derived for reading.
const READERS_MAX: usize = 1024;

/// The barrier for one kind of value, which `label` tells apart from others.
pub(crate) struct Barrier {
    label: &'static str,
    limits: WriterLimits,
    random: Arc<dyn Random>,
    domains: Arc<ArcSwap<Domains>>,
    writer: ArcSwap<Writer>,
    replacing: Mutex<()>,
    readers: Cache<(u32, [u8; WRITER_ID_BYTES]), Arc<Aead>>,
}

impl Barrier {
    pub(crate) fn new(
        label: &'static str,
        limits: WriterLimits,
        random: Arc<dyn Random>,
        domains: Arc<ArcSwap<Domains>>,
    ) -> Result<Self, KeyringError> {
        let newest = domains.load_full();
        let (epoch, domain) = newest.newest();
        let writer = Writer::draw(label, epoch, domain, limits, &*random)?;
        Ok(Self {
            label,
            limits,
            random,
            domains,
            writer: ArcSwap::from_pointee(writer),
            replacing: Mutex::new(()),
            readers: Cache::new(READERS_MAX),
        })
    }

    pub(crate) fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, KeyringError> {
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(KeyringError::TooLong);
        }
        loop {
            let writer = self.writer.load();
            let Some(nonce) = writer.next_nonce(plaintext.len()) else {
                self.replace(&writer)?;
                continue;
            };
            let mut sealed = Vec::with_capacity(OVERHEAD_BYTES + plaintext.len());
            sealed.push(VERSION);
            sealed.extend_from_slice(&writer.epoch.to_be_bytes());
            sealed.extend_from_slice(&writer.id);
            sealed.extend_from_slice(&nonce);
            writer.key.seal(nonce, place, plaintext, &mut sealed)?;
            return Ok(sealed);
        }
    }

    pub(crate) fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let Parts { epoch, id, nonce, ciphertext_and_tag } =
            Parts::parse(sealed).ok_or(KeyringError::Refused)?;
        let open = |key: &Aead| key.open(nonce, place, ciphertext_and_tag).map_err(|_| KeyringError::Refused);
        let writer = self.writer.load();
        if epoch == writer.epoch && id == writer.id {
            return open(&writer.key);
        }
        if let Some(reader) = self.readers.get(&(epoch, id)) {
            return open(&reader);
        }
        let domains = self.domains.load();
        let domain = domains.get(epoch).ok_or(KeyringError::Refused)?;
        let reader = writer_key(self.label, epoch, domain, &id)?;
        let plaintext = open(&reader)?;
        // Only now: made-up ids must not push real ones out.
        self.readers.insert((epoch, id), Arc::new(reader));
        Ok(plaintext)
    }

    /// Goes on with a new writer, under the newest domain key.
    pub(crate) fn renew(&self) -> Result<(), KeyringError> {
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        self.draw()
    }

    /// Puts a new writer in place of an exhausted one, unless another thread did.
    fn replace(&self, exhausted: &Arc<Writer>) -> Result<(), KeyringError> {
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&self.writer.load(), exhausted) { self.draw() } else { Ok(()) }
    }

    fn draw(&self) -> Result<(), KeyringError> {
        let domains = self.domains.load();
        let (epoch, domain) = domains.newest();
        let writer = Writer::draw(self.label, epoch, domain, self.limits, &*self.random)?;
        self.writer.store(Arc::new(writer));
        Ok(())
    }
}

/// A sealed value, taken apart.
struct Parts<'a> {
    epoch: u32,
    id: [u8; WRITER_ID_BYTES],
    nonce: [u8; NONCE_BYTES],
    ciphertext_and_tag: &'a [u8],
}

impl<'a> Parts<'a> {
    fn parse(sealed: &'a [u8]) -> Option<Self> {
        let (&[version], rest) = sealed.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk::<EPOCH_BYTES>()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (nonce, ciphertext_and_tag) = rest.split_first_chunk()?;
        let epoch = u32::from_be_bytes(*epoch);
        (version == VERSION).then_some(Self { epoch, id: *id, nonce: *nonce, ciphertext_and_tag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;
    use crate::secret::Secret;
    use std::collections::{BTreeMap, BTreeSet};

    fn domains(epochs: &[u32]) -> Arc<ArcSwap<Domains>> {
        let keys: BTreeMap<_, _> = epochs.iter().map(|e| (*e, Secret::random(&SystemRandom))).collect();
        Arc::new(ArcSwap::from_pointee(Domains::new(keys).unwrap()))
    }

    fn barrier(domains: &Arc<ArcSwap<Domains>>, messages: u64, bytes: u64) -> Barrier {
        let limits = WriterLimits { messages, bytes };
        Barrier::new("test", limits, Arc::new(SystemRandom), domains.clone()).unwrap()
    }

    /// Writer and nonce of a sealed value.
    fn identity(sealed: &[u8]) -> (Vec<u8>, Vec<u8>) {
        (sealed[1..21].to_vec(), sealed[21..33].to_vec())
    }

    fn writers(sealed: &[Vec<u8>]) -> usize {
        sealed.iter().map(|value| identity(value).0).collect::<BTreeSet<_>>().len()
    }

    #[test]
    fn a_writer_seals_its_share_and_no_more() {
        let domains = domains(&[1]);
        for (messages, bytes, expected) in [(10, u64::MAX, 3), (u64::MAX, 100, 3), (1, 1, 25), (25, 250, 1)] {
            let barrier = barrier(&domains, messages, bytes);
            let sealed: Vec<_> = (0..25).map(|_| barrier.seal(b"place", &[7; 10]).unwrap()).collect();
            assert_eq!(writers(&sealed), expected, "{messages} {bytes}");
            for value in &sealed {
                assert_eq!(*barrier.open(b"place", value).unwrap(), [7; 10]);
            }
        }
    }

    #[test]
    fn no_nonce_comes_twice_under_any_number_of_threads() {
        const THREADS: usize = 8;
        const VALUES: usize = 2_000;
        let barrier = barrier(&domains(&[1]), 500, u64::MAX);
        let sealed: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let seal = || (0..VALUES).map(|_| barrier.seal(b"place", b"value").unwrap()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(seal)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let unique: BTreeSet<_> = sealed.iter().map(|value| identity(value)).collect();
        assert_eq!(unique.len(), THREADS * VALUES);
        assert_eq!(writers(&sealed), THREADS * VALUES / 500);
    }

    #[test]
    fn another_start_is_another_writer() {
        let domains = domains(&[1]);
        let sealed: Vec<_> =
            (0..100).map(|_| barrier(&domains, 10, 10).seal(b"place", b"value").unwrap()).collect();
        assert_eq!(writers(&sealed), 100);
        let reader = barrier(&domains, 10, 10);
        for value in &sealed {
            assert_eq!(*reader.open(b"place", value).unwrap(), b"value");
        }
    }

    #[test]
    fn the_newest_epoch_seals_and_all_open() {
        let domains = domains(&[1, 2, 7]);
        let sealed = barrier(&domains, 10, 10).seal(b"place", b"value").unwrap();
        assert_eq!(sealed[1..5], [0, 0, 0, 7]);
        assert_eq!(sealed.len(), OVERHEAD_BYTES + 5);
        let key = writer_key("test", 2, domains.load().get(2).unwrap(), &[9; 16]).unwrap();
        let mut old = [&[VERSION, 0, 0, 0, 2][..], &[9; 16], &[3; NONCE_BYTES]].concat();
        key.seal([3; NONCE_BYTES], b"place", b"of old", &mut old).unwrap();
        assert_eq!(*barrier(&domains, 10, 10).open(b"place", &old).unwrap(), b"of old");
    }

    #[test]
    fn made_up_writers_do_not_fill_the_cache() {
        let domains = domains(&[1]);
        let sealed = barrier(&domains, 10, 10).seal(b"place", b"value").unwrap();
        let reader = barrier(&domains, 10, 10);
        for id in 0..100 {
            let mut forged = sealed.clone();
            forged[5..21].fill(id);
            assert!(reader.open(b"place", &forged).is_err());
        }
        assert_eq!(reader.readers.len(), 0);
        reader.open(b"place", &sealed).unwrap();
        assert_eq!(reader.readers.len(), 1);
    }

    #[test]
    fn kinds_of_values_are_apart() {
        let domains = domains(&[1]);
        let limits = WriterLimits::STANDARD;
        let other = Barrier::new("other", limits, Arc::new(SystemRandom), domains.clone()).unwrap();
        let sealed = barrier(&domains, 10, 10).seal(b"place", b"value").unwrap();
        assert!(other.open(b"place", &sealed).is_err());
    }
}
