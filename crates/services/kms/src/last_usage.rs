//! When a key was last used, and for what (API Reference, GetKeyLastUsage).

use crate::Kms;
use crate::api::{
    GetKeyLastUsageRequest, GetKeyLastUsageResponse, KeyLastUsageData, KeyLastUsageTrackingOperation, ops,
};
use crate::authorize::Use;
use crate::key::Key;
use crate::names::{Takes, find};
use crate::text::Text;
use platform::{Cx, Fault, Handle, Table};
use serde::{Deserialize, Serialize};
use wire::Timestamp;

/// `[account, region, key id]`: a row of its own, which uses of a key write (once a second at most) and do not read, so that they
/// never meet each other.
const LAST_USAGES: Table<LastUsage> = Table::new("kms/last-usages");

#[derive(Clone, Debug, Serialize, Deserialize)]
struct LastUsage {
    operation: Text<KeyLastUsageTrackingOperation>,
    /// In milliseconds since the epoch.
    at: i64,
    event: String,
    request: String,
}

/// Notes that the key is used, which is kept if the call succeeds. Operations that do not count as use leave no note.
pub(crate) fn note(cx: &mut Cx<'_>, key: &Key, operation: &str) -> Result<(), Fault> {
    let Some(operation) = KeyLastUsageTrackingOperation::from_wire(operation) else { return Ok(()) };
    let (request, event) = cx.ids();
    let usage = LastUsage {
        operation: Text(operation),
        at: cx.now().0,
        event: event.to_owned(),
        request: request.to_owned(),
    };
    let now = cx.now();
    LAST_USAGES.note(&mut cx.tx, &key.path(), usage, now)
}

/// The key is deleted.
pub(crate) fn forget(cx: &mut Cx<'_>, key: &Key) {
    LAST_USAGES.forget(&mut cx.tx, &key.path());
}

impl Handle<ops::GetKeyLastUsage> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetKeyLastUsageRequest,
    ) -> Result<GetKeyLastUsageResponse, Fault> {
        let found = find(cx, "kms:GetKeyLastUsage", &input.key_id, Takes::Keys)?;
        Use::of(&found, "kms:GetKeyLastUsage").authorize(cx)?;
        let key = &found.key;
        // An empty object, if the key was never used.
        let usage = LAST_USAGES.latest(&mut cx.tx, &key.path())?.map(|usage| KeyLastUsageData {
            operation: Some(usage.operation.0),
            timestamp: Some(Timestamp(usage.at)),
            cloud_trail_event_id: Some(usage.event),
            kms_request_id: Some(usage.request),
        });
        Ok(GetKeyLastUsageResponse {
            key_id: Some(key.id.clone()),
            key_last_usage: Some(usage.unwrap_or_default()),
            // Every use of every key was noted from the beginning.
            tracking_start_date: Some(Timestamp(key.created)),
            key_creation_date: Some(Timestamp(key.created)),
        })
    }
}
