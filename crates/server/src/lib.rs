//! The pipeline from bytes to bytes, and the listener and timers that drive it.

mod answer;
mod clock;
mod deployment;
mod identify;
mod listen;
mod pipeline;
mod timers;

pub use clock::{Clock, SystemClock};
pub use deployment::Deployment;
pub use listen::{BODY_BYTES_MAX, listen};
pub use pipeline::Peer;
pub use timers::run_timers;
