/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 2048;
/// Longest value, in bytes. Larger things are objects, not rows.
pub const VALUE_BYTES_MAX: usize = 4 << 20;
/// Longest log record, in bytes.
pub const RECORD_BYTES_MAX: usize = 4 << 20;
/// Most that one transaction writes and appends, in bytes, keys and a small overhead included.
pub const TXN_BYTES_MAX: usize = 16 << 20;
/// Most that the keys and range bounds read by one transaction may take, in bytes.
pub const TXN_READS_BYTES_MAX: usize = 64 << 20;

/// What a transaction's write or record counts on top of its bytes.
pub(crate) const OP_OVERHEAD_BYTES: usize = 32;
/// Most transactions in one group, which is to say in one disk synchronization.
pub(crate) const GROUP_TXNS_MAX: usize = 256;
/// A group is closed when its writes reach this many bytes.
pub(crate) const GROUP_BYTES_MAX: usize = 16 << 20;

/// What a note counts on top of its key.
pub(crate) const NOTE_BYTES: usize = 256;

/// Sizes that an operator may choose; [`Limits::default`] suits a server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Commits that may wait for the committing thread; further ones wait for a place.
    pub queue_max: usize,
    /// Most bytes the cache of decoded rows may hold, counted by the size of the rows' stored form.
    pub cache_bytes_max: usize,
    /// Most bytes that notes may take; the least used go first.
    pub notes_bytes_max: usize,
    /// Most recently written keys kept for finding conflicts. A transaction so old that they no longer reach back
    /// to its snapshot conflicts.
    pub recent_keys_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            queue_max: 4096,
            cache_bytes_max: 64 << 20,
            notes_bytes_max: 8 << 20,
            recent_keys_max: 1 << 20,
        }
    }
}
