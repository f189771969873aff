use std::ops::RangeInclusive;
use std::sync::Arc;

/// What can go wrong between a caller and the bytes.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system, or the table engine below, reported an error.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, and to which file.
        context: Arc<str>,
        /// The error as the system gave it.
        source: Arc<std::io::Error>,
    },
    /// Stored bytes are not what was written. Nothing was repaired or dropped.
    #[error("`{file}` is damaged at byte {offset}: {what}")]
    Damaged {
        /// The file's name within the data directory.
        file: Arc<str>,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: Arc<str>,
    },
    /// The files were written by a version whose format this one does not read.
    #[error("`{file}` has format version {found}, but this program reads version {known} only")]
    Format {
        /// The file's name within the data directory.
        file: Arc<str>,
        /// The version found.
        found: u32,
        /// The version understood.
        known: u32,
    },
    /// Another process has the data directory open.
    #[error("the data directory is in use by another process")]
    Locked,
    /// A key, value, record or transaction is over its limit.
    #[error("{what} of {size} bytes is over the limit of {max}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The witness gives no proof of what is to be written.
    #[error("no proof of what is to be written can be made: {0}")]
    NoProof(Arc<str>),
    /// There was no such moment.
    #[error("there is no such moment: the journal has versions {} to {}", versions.start(), versions.end())]
    NoMoment {
        /// The first and the last version that there is.
        versions: RangeInclusive<u64>,
        /// When the first of them was committed, and when the last, in milliseconds since 1970.
        times: RangeInclusive<u64>,
    },
    /// The store cannot tell what its rows were then.
    #[error("the rows of that moment cannot be restored: {0}")]
    Unreachable(Arc<str>),
    /// The engine cannot do this.
    #[error("this store cannot {0}")]
    Unsupported(&'static str),
    /// There is no more room on the disk than what is kept in reserve. Nothing was written; commits go on once there is.
    #[error("the disk is full: {free} bytes are free, and {reserve} are kept in reserve")]
    Full {
        /// Bytes that are free.
        free: u64,
        /// Bytes that are kept free.
        reserve: u64,
    },
    /// [`Store::close`](crate::Store::close) was called, or the committing thread ended.
    #[error("the store is closed")]
    Closed,
    /// An earlier write failed, so what is on disk is uncertain. Reads go on, commits are refused until the store
    /// is opened anew.
    #[error("the store takes no writes since an earlier failure ({0}); open it anew")]
    Poisoned(Arc<str>),
}

impl StoreError {
    /// An error of the file system, with what was being done.
    pub fn io(context: impl Into<String>, source: std::io::Error) -> StoreError {
        StoreError::Io { context: context.into().into(), source: Arc::new(source) }
    }

    pub(crate) fn no_proof(why: impl Into<String>) -> StoreError {
        StoreError::NoProof(why.into().into())
    }

    pub(crate) fn damaged(file: &str, offset: u64, what: impl Into<String>) -> StoreError {
        StoreError::Damaged { file: file.into(), offset, what: what.into().into() }
    }
}

/// Why a transaction did not commit. In each case it had no effect, with the one exception named at `Failed`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// Something the transaction read was changed by another since. Run it again on a new [`Txn`](crate::Txn).
    #[error("a conflicting transaction committed first")]
    Conflict,
    /// The transaction could not be made durable. After an I/O error it is unknown until the store is opened anew
    /// whether it is on disk: wholly or not at all.
    #[error(transparent)]
    Failed(#[from] StoreError),
}
