//! A disk in memory that fails and crashes on demand, and the random numbers that decide how. For tests and simulations.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a tool of tests: that is how they fail")]
#![expect(clippy::cast_possible_truncation, reason = "files of tests are small")]

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use store::{Disk, DiskFile};

/// Bytes that reach the platter together.
const SECTOR_BYTES: usize = 512;

/// A small reproducible random generator (SplitMix64).
///
/// Every run with the same seed draws the same numbers.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// A number below the bound, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// Any number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// True once in so many times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What happens at the operation chosen to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It fails, perhaps half done, and so does everything after it: the power is gone.
    PowerCut,
    /// The process is killed within it: it is perhaps half done, and nothing comes after it.
    Killed,
    /// It alone fails, perhaps half done.
    IoError,
    /// It alone fails, without any effect.
    DiskFull,
}

/// The disk. Clones share it.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    files: Vec<Contents>,
    /// Changes of files or names, and synchronizations, so far.
    operations: u64,
    failure: Option<(u64, Failure)>,
    /// What the disk says is free, in bytes.
    free: u64,
    /// Nobody is there any more to use it, and whether that is because the power is gone.
    dead: bool,
    dark: bool,
    random: Random,
}

#[derive(Debug, Clone, Default)]
struct Contents {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
enum Pending {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: usize,
}

impl SimDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(State {
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            files: Vec::new(),
            operations: 0,
            failure: None,
            free: u64::MAX,
            dead: false,
            dark: false,
            random: Random(seed),
        })))
    }

    /// Makes the operation fail that comes after so many others from now on.
    pub fn fail_after(&self, operations: u64, failure: Failure) {
        let mut state = self.state();
        state.failure = Some((state.operations + operations, failure));
    }

    /// Has the disk say that so many bytes are free.
    pub fn set_free(&self, bytes: u64) {
        self.state().free = bytes;
    }

    /// Takes back a failure that has not come yet.
    pub fn heal(&self) {
        self.state().failure = None;
    }

    /// The names of the files.
    pub fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    /// Changes a byte of a file for good.
    pub fn damage(&self, name: &str, at: u64, flip: u8) {
        let mut state = self.state();
        let file = state.names[name];
        let file = &mut state.files[file];
        file.now[at as usize] ^= flip;
        file.durable[at as usize] ^= flip;
    }

    /// Puts other bytes into a file for good.
    pub fn replace(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let file = state.names[name];
        state.files[file] = Contents { now: bytes.clone(), durable: bytes, pending: Vec::new() };
    }

    /// Another disk with the same files.
    pub fn copy(&self) -> SimDisk {
        let state = self.state();
        let copy = SimDisk::new(0);
        let mut to = copy.state();
        (to.names, to.durable_names, to.files) =
            (state.names.clone(), state.durable_names.clone(), state.files.clone());
        drop(to);
        copy
    }

    /// Takes a file away for good.
    pub fn lose(&self, name: &str) {
        let mut state = self.state();
        state.names.remove(name);
        state.durable_names.remove(name);
    }

    /// What is in a file now.
    pub fn contents(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[name]].now.clone()
    }

    /// The disk as it is found after the system went down: of what was not synchronized, any part may be there. The
    /// old one answers only errors from now on.
    pub fn crash(&self) -> SimDisk {
        let mut state = self.state();
        (state.dead, state.dark) = (true, true);
        let mut random = state.random.clone();
        let (names, durable_names) = (state.names.clone(), state.durable_names.clone());
        let files = state.files.iter().map(|file| file.after_crash(&mut random)).collect();
        let mut kept = durable_names.clone();
        for (name, file) in &names {
            if durable_names.get(name) != Some(file) && random.one_in(2) {
                kept.insert(name.clone(), *file);
            }
        }
        kept.retain(|name, _| names.contains_key(name) || random.one_in(2));
        let seed = random.below(u64::MAX);
        drop(state);
        let disk = SimDisk::new(seed);
        let mut found = disk.state();
        (found.names, found.durable_names, found.files) = (kept.clone(), kept, files);
        drop(found);
        disk
    }

    /// The disk as the next process finds it after this one was killed: nothing is lost, and what was not synchronized still is
    /// not. If the power is gone already, as after a [`crash`](Self::crash).
    pub fn kill(&self) -> SimDisk {
        let mut state = self.state();
        if state.dark {
            drop(state);
            return self.crash();
        }
        state.dead = true;
        let seed = state.random.draw();
        drop(state);
        let disk = self.copy();
        disk.state().random = Random(seed);
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Counts an operation; the error and whether it is to be half done if its turn to fail has come.
    fn operate(&self) -> (MutexGuard<'_, State>, Result<(), (io::Error, bool)>) {
        let mut state = self.state();
        if state.dead {
            return (state, Err((io::Error::other("no power"), false)));
        }
        state.operations += 1;
        let operations = state.operations;
        let failure = state.failure.take_if(|(at, _)| *at < operations).map(|(_, failure)| failure);
        let result = match failure {
            None => Ok(()),
            Some(Failure::PowerCut) => {
                (state.dead, state.dark) = (true, true);
                Err((io::Error::other("power cut"), true))
            }
            Some(Failure::Killed) => {
                state.dead = true;
                Err((io::Error::other("killed"), true))
            }
            Some(Failure::IoError) => Err((io::Error::from_raw_os_error(5), true)),
            Some(Failure::DiskFull) => Err((io::Error::from_raw_os_error(28), false)),
        };
        (state, result)
    }
}

impl Contents {
    fn apply(bytes: &mut Vec<u8>, pending: &Pending) {
        match pending {
            Pending::Write(at, written) => {
                if bytes.len() < at + written.len() {
                    bytes.resize(at + written.len(), 0);
                }
                bytes[*at..at + written.len()].copy_from_slice(written);
            }
            Pending::SetLen(len) => bytes.resize(*len, 0),
        }
    }

    fn add(&mut self, pending: Pending) {
        Contents::apply(&mut self.now, &pending);
        self.pending.push(pending);
    }

    fn after_crash(&self, random: &mut Random) -> Contents {
        let mut bytes = self.durable.clone();
        // Now and then everything arrives, or nothing; mostly any part of it.
        let luck = random.below(4);
        for pending in &self.pending {
            match pending {
                Pending::SetLen(_) if luck == 1 || (luck > 1 && random.one_in(2)) => {
                    Contents::apply(&mut bytes, pending)
                }
                Pending::Write(at, written) => {
                    let mut start = 0;
                    while start < written.len() {
                        let end = (start + SECTOR_BYTES - (at + start) % SECTOR_BYTES).min(written.len());
                        if luck == 1 || (luck > 1 && random.one_in(2)) {
                            Contents::apply(
                                &mut bytes,
                                &Pending::Write(at + start, written[start..end].to_vec()),
                            );
                        }
                        start = end;
                    }
                }
                Pending::SetLen(_) => {}
            }
        }
        Contents { now: bytes.clone(), durable: bytes, pending: Vec::new() }
    }
}

impl Disk for SimDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let (mut state, result) = self.operate();
        result.map_err(|(e, _)| e)?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.files.len();
        state.files.push(Contents::default());
        state.names.insert(name.into(), file);
        Ok(Arc::new(SimFile { disk: self.clone(), file }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state();
        let file = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile { disk: self.clone(), file }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let (mut state, result) = self.operate();
        result.map_err(|(e, _)| e)?;
        state.names.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn sync(&self) -> io::Result<()> {
        let (mut state, result) = self.operate();
        result.map_err(|(e, _)| e)?;
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn free(&self) -> io::Result<u64> {
        Ok(self.state().free)
    }
}

impl SimFile {
    fn change(&self, pending: Pending) -> io::Result<()> {
        let (mut state, result) = self.disk.operate();
        match result {
            Ok(()) => state.files[self.file].add(pending),
            Err((e, half)) => {
                if half && let Pending::Write(at, mut bytes) = pending {
                    let mut kept = state.random.below(bytes.len() as u64 + 1) as usize;
                    // What lies within one sector is written wholly or not at all.
                    let sector = |at: usize| at / SECTOR_BYTES;
                    if kept < bytes.len() && sector(at) == sector(at + bytes.len().saturating_sub(1)) {
                        kept = 0;
                    }
                    bytes.truncate(kept);
                    state.files[self.file].add(Pending::Write(at, bytes));
                }
                return Err(e);
            }
        }
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.file].now.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.disk.state();
        let bytes = &state.files[self.file].now;
        let start = offset as usize;
        let found = bytes.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(Pending::Write(offset as usize, bytes.to_vec()))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Pending::SetLen(len as usize))
    }

    fn sync(&self) -> io::Result<()> {
        let (mut state, result) = self.disk.operate();
        result.map_err(|(e, _)| e)?;
        let file = &mut state.files[self.file];
        file.durable = file.now.clone();
        file.pending.clear();
        Ok(())
    }
}
