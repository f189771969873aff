//! Calls whose clients have gone.

use crate::answer::fault_answer;
use crate::reply::{Reply, outcome};
use platform::{Call, Fault};
use std::pin::pin;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};
use wire::route::Route;

/// How often a call that waits for its turn looks for its client.
const CLIENT_LOOK: Duration = Duration::from_millis(250);

/// Waits for a turn. None if the client goes meanwhile.
pub(crate) async fn turn<'l>(losers: &'l Mutex<()>, call: &Call) -> Option<MutexGuard<'l, ()>> {
    let mut lock = pin!(losers.lock());
    while call.client.may_go() {
        match tokio::time::timeout(CLIENT_LOOK, lock.as_mut()).await {
            Ok(turn) => return Some(turn),
            Err(_) if call.client.is_gone() => return None,
            Err(_) => {}
        }
    }
    Some(lock.await)
}

/// The end of a call that nobody waits for. Nothing took effect and nobody learns anything, so there is nothing to record.
pub(crate) fn abandoned(route: &Route, call: &Call) -> Reply {
    let fault = Fault::gone();
    Reply::new(fault_answer(route, &fault, call), outcome(&fault))
}
