//! Memory for keys: locked, so that it is never written to swap; between pages that nobody can touch, so that running over the end
//! of something else does not reach it; left out of core dumps and out of children; wiped when it is given back.
//!
//! Keys of 32 bytes lie in slots of a few regions that stay for the life of the process. This is the one room where `unsafe` is
//! let in: mapping, protecting and locking pages cannot be said without it.

mod lookups;

pub use lookups::look_up_without_libraries;

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mlock, mmap_anonymous, mprotect};
use rustix::param::page_size;
use std::alloc::{Layout, handle_alloc_error};
use std::ffi::c_void;
use std::fmt;
use std::ptr::{NonNull, null_mut};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroize;

/// Bytes of a slot.
pub const SLOT_BYTES: usize = 32;

/// Bytes of a region between its guards. The smallest limit on locked memory that distributions set is 64 KiB a process.
const REGION_BYTES: usize = 64 * 1024;

/// 32 bytes of guarded memory, wiped when dropped. They do not move, so that nothing leaves copies of them behind.
pub struct Guarded(NonNull<[u8; SLOT_BYTES]>);

/// How the memory for keys is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Bytes set aside for keys.
    pub bytes: usize,
    /// Of these, bytes that the system keeps out of swap. It refuses beyond the process's limit (`RLIMIT_MEMLOCK`).
    pub locked_bytes: usize,
}

struct Arena {
    /// Addresses of slots that nobody has; each is of a mapping that stays, and is in here once.
    free: Vec<usize>,
    state: State,
}

static ARENA: Mutex<Arena> =
    Mutex::new(Arena { free: Vec::new(), state: State { bytes: 0, locked_bytes: 0 } });

/// How the memory for keys is kept now.
pub fn state() -> State {
    ARENA.lock().unwrap_or_else(PoisonError::into_inner).state
}

impl Guarded {
    /// A slot of zeros. Ends the process if there is no memory left, as allocations do.
    pub fn zeroed() -> Self {
        let mut arena = ARENA.lock().unwrap_or_else(PoisonError::into_inner);
        if arena.free.is_empty() {
            arena.grow();
        }
        let slot = arena.free.pop().and_then(|address| NonNull::new(address as *mut [u8; SLOT_BYTES]));
        slot.map(Self).unwrap_or_else(|| handle_alloc_error(Layout::new::<[u8; SLOT_BYTES]>()))
    }

    /// The bytes.
    #[expect(unsafe_code, reason = "the slot is this value's alone")]
    pub fn bytes(&self) -> &[u8; SLOT_BYTES] {
        // SAFETY: the slot is mapped for the life of the process, readable, initialized (anonymous pages are zero), and no other value
        // has it: it was taken off the free list and comes back when this is dropped. Shared borrows only read.
        unsafe { self.0.as_ref() }
    }

    /// The bytes, to be changed.
    #[expect(unsafe_code, reason = "the slot is this value's alone")]
    pub fn bytes_mut(&mut self) -> &mut [u8; SLOT_BYTES] {
        // SAFETY: as in `bytes`; the exclusive borrow of the one value that has the slot is an exclusive borrow of the slot.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        let address = self.0.as_ptr().addr();
        ARENA.lock().unwrap_or_else(PoisonError::into_inner).free.push(address);
    }
}

#[expect(unsafe_code, reason = "the slot is this value's alone, whichever thread has the value")]
// SAFETY: a slot is plain memory that belongs to one value; nothing about it is tied to a thread.
unsafe impl Send for Guarded {}

#[expect(unsafe_code, reason = "shared borrows only read")]
// SAFETY: `&Guarded` gives out `&[u8; 32]` alone.
unsafe impl Sync for Guarded {}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarded(..)")
    }
}

impl Arena {
    /// Maps another region between two guard pages and cuts it into slots. On failure there are none, and the caller says so.
    fn grow(&mut self) {
        let Ok((start, locked)) = map_region() else { return };
        self.state.bytes += REGION_BYTES;
        self.state.locked_bytes += if locked { REGION_BYTES } else { 0 };
        let addresses =
            (0..REGION_BYTES).step_by(SLOT_BYTES).map(|offset| start.expose_provenance() + offset);
        self.free.extend(addresses.rev());
    }
}

/// The start of a new region, and whether it could be locked.
fn map_region() -> rustix::io::Result<(*mut c_void, bool)> {
    let guard = page_size();
    let start = map(REGION_BYTES + 2 * guard)?;
    // Within the mapping, by its size.
    let start = start.wrapping_byte_add(guard);
    open(start)?;
    Ok((start, lock(start)))
}

#[expect(unsafe_code, reason = "asks for new pages")]
fn map(bytes: usize) -> rustix::io::Result<*mut c_void> {
    // SAFETY: without an address and without MAP_FIXED the kernel chooses pages that nothing else uses.
    unsafe { mmap_anonymous(null_mut(), bytes, ProtFlags::empty(), MapFlags::PRIVATE) }
}

#[expect(unsafe_code, reason = "makes pages of our own usable")]
fn open(start: *mut c_void) -> rustix::io::Result<()> {
    // SAFETY: these pages were just mapped by us and nobody has a reference into them.
    unsafe { mprotect(start, REGION_BYTES, MprotectFlags::READ | MprotectFlags::WRITE) }
}

#[expect(unsafe_code, reason = "locks pages of our own")]
fn lock(start: *mut c_void) -> bool {
    for advice in [Advice::LinuxDontDump, Advice::LinuxWipeOnFork] {
        // SAFETY: neither advice changes what this process reads from the pages. Kernels without one of them refuse it, and core
        // dumps are off besides.
        let _kept_in = unsafe { madvise(start, REGION_BYTES, advice) };
    }
    // SAFETY: locking changes nothing about what the pages hold.
    unsafe { mlock(start, REGION_BYTES) }.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of /proc/self/maps that an address lies in.
    fn mapping(address: usize) -> (usize, usize, String) {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let parsed = maps.lines().map(|line| {
            let (range, rest) = line.split_once(' ').unwrap();
            let (start, end) = range.split_once('-').unwrap();
            let number = |text| usize::from_str_radix(text, 16).unwrap();
            (number(start), number(end), rest[..4].to_owned())
        });
        parsed.into_iter().find(|(start, end, _)| (*start..*end).contains(&address)).unwrap()
    }

    #[test]
    fn slots_are_apart_zero_and_wiped() {
        let mut many: Vec<Guarded> = (0..5000).map(|_| Guarded::zeroed()).collect();
        for (i, slot) in many.iter_mut().enumerate() {
            assert_eq!(slot.bytes(), &[0; SLOT_BYTES]);
            slot.bytes_mut()[..8].copy_from_slice(&i.to_le_bytes());
        }
        for (i, slot) in many.iter().enumerate() {
            assert_eq!(slot.bytes()[..8], i.to_le_bytes());
        }
        let before = state();
        drop(many);
        let again: Vec<Guarded> = (0..5000).map(|_| Guarded::zeroed()).collect();
        assert!(again.iter().all(|slot| slot.bytes() == &[0; SLOT_BYTES]));
        assert_eq!(state().bytes, before.bytes, "slots that were given back are used again");
    }

    #[test]
    fn pages_around_cannot_be_touched() {
        let slot = Guarded::zeroed();
        let (start, end, protection) = mapping(slot.0.as_ptr().addr());
        assert_eq!(protection, "rw-p");
        assert_eq!(mapping(start - 1).2, "---p");
        assert_eq!(mapping(end).2, "---p");
    }

    #[test]
    fn the_system_says_that_it_is_locked() {
        let _slot = Guarded::zeroed();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
        let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        let state = state();
        assert!(state.locked_bytes > 0, "the limit on locked memory is below 64 KiB here");
        assert!(kib * 1024 >= REGION_BYTES, "{line}, {state:?}");
        assert_eq!(format!("{:?}", Guarded::zeroed()), "Guarded(..)");
    }

    #[test]
    fn threads_share_the_arena() {
        let threads: Vec<_> = (0..4)
            .map(|n| {
                std::thread::spawn(move || {
                    for _ in 0..2000 {
                        let mut slot = Guarded::zeroed();
                        assert_eq!(slot.bytes(), &[0; SLOT_BYTES]);
                        slot.bytes_mut().fill(n);
                        assert!(slot.bytes().iter().all(|byte| *byte == n));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
