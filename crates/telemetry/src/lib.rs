//! What can be seen of Fastness from outside: counts of calls, the exposition of metrics, traces.
//!
//! Three things keep it from costing or telling too much. What is counted is counted by place, in tables made at start from the
//! service models: a name that a caller made up has no place and adds none. Each thread counts in tables of its own. And everything else, from store figures to the text format, is gathered when somebody asks.

mod calls;
mod counted;
mod exposition;
mod meters;
mod otlp;
mod page;
mod process;
mod shards;
mod state;
mod tasks;
mod what;

pub use calls::{Begun, Calls};
pub use exposition::Exposition;
pub use meters::{Connections, Timers};
pub use otlp::{Endpoint, Exporter, Seen, Traces};
pub use state::{ClockState, State};
pub use tasks::{TaskOutcome, Tasks};
pub use what::{Outcome, What};

/// All that is counted while calls are served. There is one for the life of the process, whatever is opened and sealed meanwhile.
#[derive(Debug)]
pub struct Telemetry {
    /// Calls, by what they were for and how they ended.
    pub calls: Calls,
    /// Connections of callers.
    pub connections: Connections,
    /// Durable timers.
    pub timers: Timers,
    /// Tasks that reach outside, and what follows logs.
    pub tasks: Tasks,
    /// Where spans go; none if calls are not traced.
    pub traces: Option<Traces>,
}

impl Telemetry {
    /// For the operations of these services.
    pub fn new(models: &[&'static wire::ServiceModel], traces: Option<Traces>) -> Self {
        Self {
            calls: Calls::new(models),
            connections: Connections::default(),
            timers: Timers::default(),
            tasks: Tasks::default(),
            traces,
        }
    }
}
