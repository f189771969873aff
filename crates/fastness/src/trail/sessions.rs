//! Exports, as a server serves them: their beginning is a record, their pages are not, or each page would be followed by its own
//! record for ever.

use crate::Failure;
use crate::admin::merge;
use crate::exit::Exit;
use platform::ids;
use serde_json::{Value, json};
use server::Deployment;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many exports are known at once; of more, the oldest begins again, and is recorded again.
const SESSIONS_MAX: usize = 64;

/// The exports that have begun.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<VecDeque<String>>);

impl Sessions {
    fn add(&self, session: String) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.truncate(SESSIONS_MAX - 1);
        sessions.push_front(session);
    }

    fn has(&self, session: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == session)
    }
}

/// Begins an export, which is recorded with who exports where to.
pub(crate) async fn begin(
    deployment: &Deployment,
    sessions: &Sessions,
    from: u64,
    to: &str,
    by: Value,
) -> Result<Value, Failure> {
    let mut details = by;
    merge(&mut details, json!({ "from": from, "to": to }));
    let recorded = deployment.record_operator("ExportTrail", details).await;
    recorded.map_err(|fault| Failure(fault.for_operator()))?;
    let session = ids::uuid(&*deployment.env().random);
    sessions.add(session.clone());
    Ok(json!({ "session": session }))
}

/// A page of an export that has begun; null, if none such is known: it must begin again.
///
/// The head is taken after the records are read, so that the history that it ends has them all.
pub(crate) async fn page(
    deployment: &Deployment,
    sessions: &Sessions,
    session: &str,
    from: u64,
) -> Result<Value, Failure> {
    if !sessions.has(session) {
        return Ok(Value::Null);
    }
    let page = tokio::task::block_in_place(|| deployment.trail_page(from));
    let page = page.map_err(|fault| Failure(fault.for_operator()))?;
    if from > page.end {
        let why = format!(
            "the trail ends at position {}, and the export had come to {from}: this deployment has another history, or an older copy of its own",
            page.end
        );
        return Err(Failure(why).with(Exit::OtherHistory));
    }
    let head = deployment.image().await?.head().to_string();
    Ok(
        json!({ "records": page.records, "first": page.first, "next": page.next, "end": page.end, "head": head }),
    )
}
