//! What follows a log behind the calls that wrote it.

use crate::{Cx, EVENTS, Fault, Log, LogEntry, Table, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most that a consumer is given at a time.
pub const ENTRIES_MAX: usize = 256;

/// The same in bytes; one entry at the least.
pub const ENTRIES_BYTES_MAX: usize = 1 << 20;

/// How many entries of the log of events are kept that nobody waits for.
pub const EVENTS_KEPT_MAX: u64 = 10_000;

/// The positions up to which consumers have come, by their names.
const OFFSETS: Table<u64> = Table::new("platform/log-offsets");

/// Follows a log: it is given each entry once and in order, in a transaction that also says that it was. So what it does inside the store is
/// done exactly once. One that fails is given the same entries again, later: nothing is passed over.
pub trait Consumer: Send + Sync {
    /// The name under which it is known how far it has come; such as `events/rules`.
    fn name(&self) -> &'static str;

    /// The log that it follows, from the oldest entry on that is kept when it is first asked.
    fn log(&self) -> Log;

    /// Takes some entries. It runs with the rights of the service that has the consumer.
    ///
    /// # Errors
    /// Any: then nothing of it has happened.
    fn take(&self, cx: &mut Cx<'_>, entries: &[LogEntry]) -> Result<(), Fault>;
}

impl dyn Consumer + '_ {
    /// The position of the next entry that it is to be given.
    ///
    /// # Errors
    /// Unavailable, if the store or keyring is.
    pub fn offset(&self, tx: &mut Tx<'_>) -> Result<u64, Fault> {
        let (first, _) = tx.log_bounds(self.log());
        Ok(OFFSETS.get(tx, &[self.name()])?.map_or(first, |offset| first.max(*offset)))
    }

    /// Gives it what is next, at most so many entries. Tells how many there were.
    ///
    /// # Errors
    /// What it says, and unavailable.
    pub fn step(&self, cx: &mut Cx<'_>, entries_max: usize) -> Result<usize, Fault> {
        let offset = self.offset(&mut cx.tx)?;
        let limit = entries_max.min(ENTRIES_MAX);
        let order = store::Order::Forward;
        let entries = cx.tx.read_log_within(self.log(), offset, order, limit, ENTRIES_BYTES_MAX)?;
        let Some(last) = entries.last() else { return Ok(0) };
        OFFSETS.put(&mut cx.tx, &[self.name()], &(last.position + 1))?;
        self.take(cx, &entries)?;
        Ok(entries.len())
    }
}

/// Something that happened, in the terms of EventBridge (User Guide, "Events").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// A UUID.
    pub id: String,
    /// The account in which it happened.
    pub account: String,
    /// The region in which it happened.
    pub region: String,
    /// When, in milliseconds since the epoch.
    pub time: i64,
    /// The service, such as `aws.secretsmanager`.
    pub source: String,
    /// The kind, such as `Parameter Store Change`.
    pub detail_type: String,
    /// ARNs of what it happened to.
    pub resources: Vec<String>,
    /// The details.
    pub detail: Value,
}

impl Event {
    /// Reads an entry of the log of events.
    ///
    /// # Errors
    /// A bug: it is none.
    pub fn read(entry: &LogEntry) -> Result<Self, Fault> {
        serde_json::from_slice(&entry.bytes)
            .map_err(|error| Fault::bug(format!("entry {} is no event: {error}", entry.position)))
    }
}

impl Cx<'_> {
    /// Tells those who listen of an event, if and once this call takes effect.
    ///
    /// # Errors
    /// Unavailable, if the keyring is.
    pub fn publish(&mut self, event: &Event) -> Result<(), Fault> {
        let text = serde_json::to_vec(event).map_err(|error| Fault::bug(format!("an event: {error}")))?;
        self.tx.append(EVENTS, &text)
    }
}

/// The position before which entries of the log of events are not needed any more: all consumers are past them, or, if there are none, there are
/// more than are kept. None if there are none to let go of.
///
/// # Errors
/// Unavailable, if the store or keyring is.
pub fn events_needed_from(tx: &mut Tx<'_>, consumers: &[&dyn Consumer]) -> Result<Option<u64>, Fault> {
    let (first, next) = tx.log_bounds(EVENTS);
    let mut from = next;
    let mut followed = false;
    for consumer in consumers {
        if consumer.log().is_same(EVENTS) {
            (from, followed) = (from.min(consumer.offset(tx)?), true);
        }
    }
    if !followed {
        from = next.saturating_sub(EVENTS_KEPT_MAX);
    }
    Ok(Some(from).filter(|from| *from > first))
}
