//! What a service is and what it is given.
//!
//! A service implements [`Handle`] for each of its operations and touches the world only through [`Cx`]: its rows are typed
//! [`Table`]s in one transaction, its time and randomness are the call's, its permissions are asked with [`Cx::authorize`]. It
//! knows nothing of HTTP, JSON, XML, sockets, threads or the wall clock.

mod access;
mod caller;
mod calls;
mod client;
pub mod consumer;
mod cx;
pub mod denial;
mod document;
mod fault;
pub mod ids;
pub mod index;
mod key_store;
mod operation;
pub mod page;
mod pins;
mod quota;
pub mod regions;
pub mod session;
mod table;
mod tally;
pub mod task;
mod timer;
pub mod trail;
mod turns;
mod vouch;

pub use access::Access;
pub use caller::{Call, Caller, Principal, Session, Tls};
pub use calls::{As, Services};
pub use client::{Client, Connected};
pub use consumer::{Consumer, Event};
pub use cx::{
    AccessKey, Aside, Boundary, Cx, Directory, Env, Granted, Mfa, Permissions, Role, Verdict, open_secret,
    seal_secret,
};
pub use denial::{Denial, Denials};
pub use document::Document;
pub use fault::{Blame, FULL_MESSAGE, Fault};
pub use index::Indexed;
pub use key_store::{
    Absent, Cluster, Clusters, DeviceError, Home, KeyDevice, KeyStores, KeyUse, Proxies, Proxy, SealedSecret,
    Trouble,
};
pub use operation::{AnyCall, AnyOperation, AnyShape, Handle, Service, TrailFacts, bind};
pub use pins::Pins;
pub use quota::{Counted, Meter, Quota, ServiceQuotas, Whose};
pub use regions::Regions;
pub use table::{EVENTS, Log, LogEntry, TRAIL, Table, Tx, Wakes};
pub use tally::Tally;
pub use task::{Attempt, Failure, Job, Next, Outcome, Outside, Schedule, Task, Worker};
pub use timer::Timer;
pub use turns::Turns;
pub use vouch::{Opener, Vouching};
