//! What must be so: the audit trail read as the order in which everything happened, held against the model.
//!
//! Transactions are strictly serializable and a record is written in the transaction of its call, so that going through the trail
//! from its beginning, with the model beside it, has to explain every answer and every state that is ever seen. A refusal changes
//! nothing and its record is written on its own: it must be what the model says at some moment while the call was under way.

use crate::action::Action;
use crate::model::policy::name_of;
use crate::model::{Call, Due, Model};
use crate::request::plain;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use wire::Timestamp;

/// Marks the calls by which a run looks at the state; they are of no interest themselves.
pub(crate) const LOOK: &str = "look";

/// A call that was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// What it was; none for a request that is no valid call, of which nothing but a refusal can come.
    pub(crate) call: Option<Call>,
    /// How long the trail was when it began.
    began: u64,
    /// Its record: the error, and the state right before it.
    pub(crate) recorded: Option<(Option<String>, Rc<Model>)>,
}

/// The books of a run.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The state after all records read so far.
    pub(crate) model: Rc<Model>,
    /// States by the length of the trail, as far back as calls under way began.
    history: VecDeque<(u64, Rc<Model>)>,
    /// Calls by the mark in their records, until they are answered.
    made: BTreeMap<String, Made>,
    /// The length of the trail that was read.
    pub(crate) read: u64,
    /// What services did by themselves in the transaction of the last record, yet to be read.
    expected: VecDeque<&'static str>,
    /// Marks of all acknowledged calls.
    pub(crate) acknowledged: Vec<String>,
    /// The disk has been full since the server was started: what a call was refused for may have been that.
    pub(crate) lacked_room: bool,
}

impl Default for Ledger {
    fn default() -> Self {
        let model = Rc::new(Model::default());
        Self {
            history: VecDeque::from([(0, Rc::clone(&model))]),
            model,
            made: BTreeMap::new(),
            read: 0,
            expected: VecDeque::new(),
            acknowledged: Vec::new(),
            lacked_room: false,
        }
    }
}

impl Ledger {
    /// A call begins.
    pub(crate) fn begin(&mut self, mark: String, call: Option<Call>, trail_end: u64) {
        self.made.insert(mark, Made { call, began: trail_end, recorded: None });
    }

    /// A record was read.
    pub(crate) fn read(&mut self, position: u64, record: &Value) {
        assert_eq!(position, self.read, "the trail has a gap");
        self.read = position + 1;
        let mark = record["userAgent"].as_str().unwrap();
        if record["eventType"] == "AwsServiceEvent" {
            self.read_event(record);
        } else {
            assert!(self.expected.is_empty(), "before {record} there should be {:?}", self.expected);
            if mark != LOOK {
                self.read_call(position, mark, record);
            }
        }
        self.history.push_back((self.read, Rc::clone(&self.model)));
        let oldest = self.made.values().filter(|made| made.recorded.is_none()).map(|made| made.began).min();
        while self.history.len() > 1 && self.history[1].0 <= oldest.unwrap_or(u64::MAX) {
            self.history.pop_front();
        }
    }

    fn read_call(&mut self, position: u64, mark: &str, record: &Value) {
        let made = self.made.get_mut(mark).unwrap_or_else(|| panic!("nobody made {record}"));
        assert!(made.recorded.is_none(), "{mark} is recorded twice: {record}");
        assert!(made.began <= position, "{mark} is recorded before it was made");
        let error = record["errorCode"].as_str().map(plain);
        made.recorded = Some((error.clone(), Rc::clone(&self.model)));
        match (&made.call, error) {
            (None, error) => assert!(error.is_some(), "{mark} is no valid call, but succeeded: {record}"),
            (Some(call), None) => {
                assert_eq!(self.model.predict(call), Ok(()), "{call:?} succeeded: {record}");
                let mut model = Model::clone(&self.model);
                self.expected = model.apply(call, &record["responseElements"]).into();
                self.model = Rc::new(model);
            }
            // Its change found no room, and by the time of its record there was some again.
            (Some(_), Some(error)) if self.lacked_room && error == "ServiceUnavailable" => {}
            (Some(call), Some(error)) => {
                let began = made.began;
                let mut states = self.history.iter().enumerate().filter(|(index, (end, _))| {
                    // The state at the beginning is the last one from before or at that time.
                    *end >= began || self.history.get(index + 1).is_none_or(|(next, _)| *next > began)
                });
                let explains =
                    |(_, (_, model)): (usize, &(u64, Rc<Model>))| model.predict(call) == Err(error.as_str());
                let explained = states.any(explains);
                let now = self.model.predict(call);
                assert!(explained, "{call:?} was refused with {error}, the model says {now:?}: {record}");
            }
        }
    }

    /// A service did something by itself: within the last call, or because a timer was due.
    fn read_event(&mut self, record: &Value) {
        let event = record["eventName"].as_str().unwrap();
        if let Some(expected) = self.expected.pop_front() {
            assert_eq!(event, expected, "{record}");
            return;
        }
        let name = name_of(record["resources"][0]["ARN"].as_str().unwrap());
        let time = Timestamp::parse_rfc3339(record["eventTime"].as_str().unwrap()).unwrap().0;
        let mut model = Model::clone(&self.model);
        let done = match event {
            "DeleteKey" => Due::Delete(name),
            "RotateKey" => Due::Rotate(name),
            "DeleteExpiredKeyMaterial" => {
                Due::Expire(name, record["serviceEventDetails"]["keyMaterialId"].as_str().unwrap().to_owned())
            }
            other => panic!("{other}: {record}"),
        };
        assert!(model.due(time, time).contains(&done), "{done:?} was before its time");
        self.expected = model.go_off(&done, time).into();
        assert_eq!(self.expected.pop_front(), Some(event));
        self.model = Rc::new(model);
    }

    /// A call was answered, with this error or none. Gives what is known of it.
    pub(crate) fn answered(&mut self, mark: &str, error: Option<&str>) -> (Option<Call>, Rc<Model>) {
        let made = self.made.remove(mark).unwrap();
        let (recorded, before) =
            made.recorded.unwrap_or_else(|| panic!("{mark} was answered, but not recorded"));
        assert_eq!(recorded.as_deref(), error, "{mark} was not answered as it was recorded");
        self.acknowledged.push(mark.to_owned());
        (made.call, before)
    }

    /// Whether chance that is not the run's decides what a call is answered.
    pub(crate) fn is_by_chance(&self, mark: &str) -> bool {
        let call = self.made.get(mark).and_then(|made| made.call.as_ref());
        call.is_some_and(|call| matches!(call.action, Action::Sign(_) | Action::GetParametersForImport(_)))
    }

    /// A call was answered with "unavailable": it may have happened or not.
    pub(crate) fn unanswered(&mut self, mark: &str) {
        // Its record may be on the disk, to be found when the store is opened again.
        assert!(self.made.contains_key(mark));
    }

    /// The server went down and all records that survived have been read: what has none did not happen, and never will.
    pub(crate) fn restarted(&mut self) {
        self.made.clear();
        self.lacked_room = false;
        self.history = VecDeque::from([(self.read, Rc::clone(&self.model))]);
        assert!(self.expected.is_empty(), "a transaction is on the disk in part");
    }
}
