//! Proof by trying: whole servers driven by chance, beside a model that says what they should do.
//!
//! A [`world::World`] is a server without threads, sockets, a wall clock or randomness of its own. [`clients`] think of calls,
//! [`model`] predicts what becomes of them, [`sequence`] makes one after the other, and [`chaos`] makes many at once on a disk that
//! fails, in a process that is killed. [`errands`] are work after the commit, begun and ended anywhere.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unreachable,
    reason = "a tool of tests: that is how they fail"
)]
#![expect(clippy::cast_possible_truncation, reason = "choices are small numbers")]
#![expect(missing_debug_implementations, reason = "a server has none")]

pub mod action;
pub mod chaos;
pub mod clients;
pub mod errands;
mod ledger;
mod look;
pub mod model;
pub mod request;
pub mod sequence;
pub mod world;
