//! Strictly serializable transactions over ordered byte keys, and append-only logs.
//!
//! A [`Txn`] reads one snapshot, buffers its writes, and takes effect at [`Store::commit`]: there every key and
//! range it read is checked against what was committed since its snapshot. If any changed the answer is
//! [`CommitError::Conflict`] and nothing happened; run the transaction again. Otherwise the commit is durable when
//! the call returns. One thread commits, a group of transactions to one disk synchronization.
//!
//! Logs are for records that are written once and never changed, such as an audit trail: [`Txn::append`] never
//! conflicts, and takes effect with the transaction's writes or not at all.
//!
//! Where the bytes live is an [`Engine`]'s matter: [`Memory`] for tests, [`Embedded`] for a data directory. The
//! design and its measurements are in `docs/decisions/0002-store-engine.md`, the files in `FORMAT.md`.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = store::Store::open(store::Memory::new())?;
//! let mut txn = store.begin();
//! if txn.get(b"greeting")?.is_none() {
//!     txn.put(b"greeting", "hello");
//! }
//! txn.append(store::LogId(1), "greeted");
//! let committed = store.commit_blocking(txn)?;
//! assert_eq!(committed.positions, [(store::LogId(1), 0)]);
//! # Ok(()) }
//! ```

mod cache;
mod commit;
mod counts;
mod embedded;
mod engine;
mod error;
mod limits;
mod memory;
mod range;
mod reads;
mod recent;
mod stepper;
mod store;
mod txn;
mod versions;
mod witness;

pub use bytes::Bytes;
pub use counts::{CLASSES, Distribution, EngineStats, Stats};
pub use embedded::{
    CHANGED_FACTOR_MAX, Containment, Directory, Disk, DiskFile, Embedded, FINDINGS_MAX, Finding, Image,
    Inspector, Moment, Past, ROWS_PART, Report, Restoration, Sizes,
};
pub use engine::{Engine, Group, LogId, LogRead, Logs, Op, Room, Snapshot, Visit};
pub use error::{CommitError, StoreError};
pub use limits::{
    KEY_BYTES_MAX, Limits, RECORD_BYTES_MAX, TXN_BYTES_MAX, TXN_READS_BYTES_MAX, VALUE_BYTES_MAX,
};
pub use memory::Memory;
pub use range::{KeyRange, Order};
pub use stepper::Stepper;
pub use store::{Committed, LogReader, Store};
pub use txn::{Savepoint, Txn};
pub use witness::{Head, InvalidHead, PROOF_BYTES_MAX, Witness};
