//! What is done while nothing can be recorded: the disk is full, or a write has failed (`docs/decisions/0038-a-full-disk.md`).

use crate::answer::{answered_in, unavailable_code};
use crate::deployment::Deployment;
use crate::gate::Gate;
use crate::seen::what;
use platform::FULL_MESSAGE;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use store::Room;
use telemetry::{Begun, Outcome};
use wire::{Answer, ErrorAnswer};

/// Operators are warned once less than so many times the reserve is free.
const WARNED_AT: u64 = 4;

/// How often it is looked whether a store has failed.
const LOOK: Duration = Duration::from_secs(1);

/// What callers are told when a write has failed.
const FAILED: &str = "Fastness could not write to its disk and serves nothing until it has started anew.";

/// What was last said of the room.
#[derive(Debug, Default)]
pub(crate) struct Watch(AtomicU8);

const AMPLE: u8 = 0;
const LOW: u8 = 1;
const SHORT: u8 = 2;

impl Deployment {
    /// Why no call can be recorded, as far as is known without looking; none if they can be.
    pub(crate) fn unrecordable(&self) -> Option<&'static str> {
        if self.store.has_failed() {
            Some(FAILED)
        } else if self.store.is_full() {
            Some(FULL_MESSAGE)
        } else {
            None
        }
    }

    /// Refuses a call that cannot be recorded, before it is looked at: no outcome leaves unrecorded, so there is no use in one.
    pub(crate) fn refuse_unrecordable(
        &self,
        begun: Begun<'_>,
        parts: &http::request::Parts,
        body: &[u8],
        why: &str,
    ) -> Answer {
        self.limits.count_unrecordable();
        self.refuse_unseen(begun, parts, body, why, Outcome::ServerError)
    }

    /// Refuses a call as unavailable at as little cost as there can be: who calls is not asked.
    pub(crate) fn refuse_unseen(
        &self,
        begun: Begun<'_>,
        parts: &http::request::Parts,
        body: &[u8],
        why: &str,
        outcome: Outcome,
    ) -> Answer {
        let routed = self.router.route(parts, body, None);
        let (protocol, service) = answered_in(&routed);
        let (request_id, _) = self.uuids.two(&*self.env.random);
        let error = ErrorAnswer::new(unavailable_code(protocol), why, 503);
        let answer = wire::encode_error(protocol, service, &error, &request_id);
        begun.end(&what(&routed), outcome, body.len(), answer.body.len());
        answer
    }

    /// How much room there is, and whether a write has failed.
    pub fn room(&self) -> (Room, bool) {
        (self.store.room(), self.store.has_failed())
    }

    /// Looks how much room there is, and tells operators when that has changed. Tells whether anything can be recorded.
    pub fn watch_room(&self) -> bool {
        let (room, failed) = self.room();
        let Room { free, reserve } = room;
        let now = match room {
            room if room.is_short() => SHORT,
            _ if free < reserve.saturating_mul(WARNED_AT) => LOW,
            _ => AMPLE,
        };
        let before = self.watch.0.swap(now, Ordering::Relaxed);
        match (before, now) {
            (before, now) if before == now => {}
            (_, SHORT) => {
                tracing::error!(
                    free,
                    reserve,
                    "the disk is full: calls are refused until there is room again"
                );
            }
            (SHORT, _) => tracing::info!(free, reserve, "there is room on the disk again: calls are served"),
            (_, LOW) => tracing::warn!(free, reserve, "the disk is nearly full"),
            _ => {}
        }
        now != SHORT && !failed
    }
}

/// Waits until a write has failed and a new start would help. One for want of room waits for room: a start would need some.
pub async fn store_failed(gate: Arc<Gate>) {
    loop {
        let failed = gate.deployment().is_some_and(|deployment| {
            let (room, failed) = deployment.room();
            failed && !room.is_short()
        });
        if failed {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}
