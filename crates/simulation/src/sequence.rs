//! Calls one after the other, each compared with the model.

use crate::action::{Action, Signature};
use crate::clients::{Clients, Dice};
use crate::model::{Call, Model};
use crate::request::{error, plain};
use crate::world::{Rows, Server, World};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::Memory;

/// Marks the calls of a run in their records.
const AGENT: &str = "sequence";

/// How much time passes at once, in seconds: sessions end after an hour, keys go after 7 days and are rotated after 90, and shortly
/// before that not by hand.
const PASSES: [i64; 5] = [600, 3600, 7 * 86_400, 90 * 86_400, 90 * 86_400 - 600];

/// How far the clock is set on or back, in seconds: each farther than is believed, and so are their sums unless they come to nothing.
const LEAPS: [i64; 4] = [8 * 86_400, -8 * 86_400, 30 * 86_400, -30 * 86_400];

/// Operations with what became of them, `done` or an error: what a run came upon.
pub type Reached = BTreeSet<(String, String)>;

/// A deployment with its model.
pub struct Sequence {
    world: World,
    server: Server<Memory>,
    model: Model,
    clients: Clients,
    /// The time that the store knows, in milliseconds since the epoch: goes on as time passes, and is the clock's when an operator says so.
    known: i64,
    /// What has happened.
    pub reached: Reached,
}

impl Sequence {
    /// An account with nothing in it.
    pub fn new(seed: u64) -> Self {
        let world = World::new(seed);
        let mut server = world.start(Memory::new());
        // It looks at the clock before anybody sets it.
        server.run_timers();
        let known = world.now().0;
        let (model, clients, reached) = (Model::default(), Clients::default(), Reached::new());
        Self { world, server, model, clients, known, reached }
    }

    /// Makes the next call, or lets time pass.
    pub fn step(&mut self, dice: &mut Dice<'_>) {
        if dice(12) == 11 {
            match dice(3) {
                2 => match LEAPS.get(dice(LEAPS.len() + 1)) {
                    Some(leap) => self.leap(*leap),
                    None => self.confirm(),
                },
                _ => self.pass(PASSES[dice(PASSES.len())]),
            }
            return;
        }
        let action = self.clients.action(dice, self.world.now().0);
        let (by, credentials) = self.clients.caller(&action, dice);
        let now = self.world.now().0;
        let call = Call { action, by, now, waits_from: now.max(self.known) };
        let predicted = self.model.predict(&call);

        let (parts, body) = call.action.request().sign(&credentials, self.world.now(), AGENT);
        let (rows, end) = (self.server.rows(), self.server.trail_end());
        let answer = self.server.call(parts, body);
        let found = match error(&answer) {
            None => Ok(()),
            Some(code) => Err(plain(&code)),
        };
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(
            found,
            predicted.map_err(str::to_owned),
            "{call:?} was answered {text}\n{:#?}",
            self.model
        );
        let outcome = predicted.err().unwrap_or("done");
        self.reached.insert((operation(&call.action), outcome.to_owned()));

        let records = self.records(end);
        let (record, events) = records.split_first().expect("a call leaves a record");
        assert_eq!(record["userAgent"], AGENT);
        assert_eq!(record["errorCode"].as_str().map(plain), predicted.err().map(str::to_owned), "{record}");
        if predicted.is_err() {
            assert!(events.is_empty(), "{events:?}");
            let changed = difference(&rows, &self.server.rows());
            assert!(changed.is_empty(), "{call:?} was refused and changed {changed:?}");
            return;
        }
        self.clients.check(&call.action, &self.model, &answer);
        self.clients.learn(&call.action, &self.model, call.now, &answer);
        let expected = self.model.apply(&call, &record["responseElements"]);
        assert_eq!(names(events), expected, "{call:?}");
    }

    /// Requires that what can be seen through the API is what the model says.
    pub fn compare(&mut self) {
        let seen = crate::look::look(&self.world, &mut self.server);
        seen.assert_is(&self.model);
        crate::look::use_all(&self.world, &mut self.server, &self.model, &self.clients);
    }

    fn pass(&mut self, seconds: i64) {
        self.world.pass(seconds);
        self.known += seconds * 1000;
        self.go_off();
    }

    /// The clock is set, and nobody says why.
    fn leap(&mut self, seconds: i64) {
        self.world.leap(seconds);
        self.go_off();
    }

    /// An operator says that the clock is right.
    fn confirm(&mut self) {
        let end = self.server.trail_end();
        let deployment = Arc::clone(&self.server.deployment);
        let confirmed = async move { deployment.confirm_clock(serde_json::json!({})).await };
        let moment = self.server.finish(Box::pin(confirmed)).unwrap();
        self.known = self.world.now().0;
        assert_eq!((moment.known.0, moment.clock.0, moment.held), (self.known, self.known, false));
        assert_eq!(names(&self.records(end)), ["ConfirmClock"]);
        self.go_off();
    }

    /// Timers do what is due; what cannot be undone waits while clock and store disagree.
    fn go_off(&mut self) {
        let now = self.world.now().0;
        let irreversibly = if now == self.known { now } else { i64::MIN };
        let end = self.server.trail_end();
        self.server.run_timers();
        let due = self.model.due(now, irreversibly);
        let mut expected: Vec<_> = due.iter().flat_map(|due| self.model.go_off(due, now)).collect();
        let records = self.records(end);
        let mut found = names(&records);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        let expired = |signature: &Signature| matches!(signature, Signature::Session { expires, .. } if expires + 3_600_000 < now);
        self.clients.signatures.retain(|(signature, _)| !expired(signature));
    }

    fn records(&self, from: u64) -> Vec<Value> {
        self.server.trail(from).iter().map(|entry| serde_json::from_slice(&entry.bytes).unwrap()).collect()
    }
}

/// The name of the operation of an action.
pub(crate) fn operation(action: &Action) -> String {
    let text = format!("{action:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// The rows that are not the same, except those that keep denials so that they can be explained.
fn difference(before: &Rows, after: &Rows) -> Vec<String> {
    let keys = before.keys().chain(after.keys()).filter(|key| !key.starts_with(b"platform/denials"));
    let keys = keys.filter(|key| before.get(*key) != after.get(*key));
    keys.map(|key| String::from_utf8_lossy(key).into_owned()).collect()
}

fn names(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["eventName"].as_str().unwrap()).collect()
}
