//! The pipeline from bytes to bytes, and the listener and timers that drive it.

mod admin;
mod answer;
mod clock;
mod deployment;
mod explain;
mod export;
mod gate;
mod gone;
mod header;
mod identify;
mod known;
mod limits;
mod listen;
mod operator;
mod origin;
mod pipeline;
mod reply;
mod room;
mod seen;
mod tasks;
mod unrecorded;

pub use admin::{Commands, Operator, Refusal, bind_admin, reachable, send_with_file, serve_admin};
pub use clock::{Clock, SystemClock, Uptime};
pub use deployment::Deployment;
pub use export::TrailPage;
pub use gate::{Gate, SealError};
pub use known::Moment;
pub use limits::{Entry, PER_SECOND_MAX, PER_SECOND_MIN, QuotaError, Quotas};
pub use listen::{
    BODY_BYTES_MAX, Clients, Identity, IdentityError, Limits, Port, Proxies, Tls, TlsError, listen, monitor,
};
pub use pipeline::Peer;
pub use room::store_failed;
pub use tasks::{Heeded, TaskList, TaskSeen, TaskState, Threads, run_tasks};
