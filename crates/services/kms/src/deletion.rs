//! Deleting keys, after a waiting period (KMS Developer Guide, "Delete an AWS KMS key").

use crate::Kms;
use crate::aliases::ALIASES;
use crate::api::{
    CancelKeyDeletionRequest, CancelKeyDeletionResponse, ScheduleKeyDeletionRequest,
    ScheduleKeyDeletionResponse, ops,
};
use crate::errors::validation;
use crate::key::{KEY_COUNTS, KEYS, Key, State};
use crate::keys::manage;
use crate::limits::{DAY_MILLIS, DELETION_WINDOW_DAYS, DELETION_WINDOW_DEFAULT_DAYS};
use crate::{grants, import, last_usage, regions, rotation, shreds, state, stores};
use platform::trail::{Resource, ServiceEvent};
use platform::{Cx, Fault, Handle, Timer};

/// The task of the timers that delete.
pub(crate) const TASK: &str = "delete-key";

impl Handle<ops::ScheduleKeyDeletion> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ScheduleKeyDeletionRequest,
    ) -> Result<ScheduleKeyDeletionResponse, Fault> {
        let days = input.pending_window_in_days.unwrap_or(DELETION_WINDOW_DEFAULT_DAYS);
        let action = "kms:ScheduleKeyDeletion";
        let mut key = manage(cx, action, &input.key_id, &state::SCHEDULE_DELETION, |asks| {
            asks.with("kms:ScheduleKeyDeletionPendingWindowInDays", days.to_string())
        })?;
        if !DELETION_WINDOW_DAYS.contains(&days) {
            return Err(validation(format!(
                "PendingWindowInDays must be between {} and {}, but is {days}.",
                DELETION_WINDOW_DAYS.start(),
                DELETION_WINDOW_DAYS.end()
            )));
        }
        if key.multi_region.as_ref().is_some_and(|regions| regions.keeps(&key)) {
            key.state = State::PendingReplicaDeletion { days };
        } else {
            wait(cx, &mut key, days)?;
        }
        key.put(cx)?;
        Ok(ScheduleKeyDeletionResponse {
            deletion_date: key.metadata()?.deletion_date,
            key_id: Some(key.arn),
            key_state: Some(key.state.on_the_wire()),
            pending_window_in_days: Some(days),
        })
    }
}

impl Handle<ops::CancelKeyDeletion> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &CancelKeyDeletionRequest,
    ) -> Result<CancelKeyDeletionResponse, Fault> {
        let mut key =
            manage(cx, "kms:CancelKeyDeletion", &input.key_id, &state::CANCEL_DELETION, |asks| asks)?;
        if let State::PendingDeletion { at } = key.state {
            key.timer(TASK, at).clear(&mut cx.tx)?;
        }
        key.state = if key.lacks_material() { State::PendingImport } else { State::Disabled };
        key.put(cx)?;
        Ok(CancelKeyDeletionResponse { key_id: Some(key.arn) })
    }
}

/// From now on the key waits these days for its deletion.
pub(crate) fn wait(cx: &mut Cx<'_>, key: &mut Key, days: i32) -> Result<(), Fault> {
    let at = cx.waits_from().0.saturating_add(i64::from(days) * DAY_MILLIS);
    key.state = State::PendingDeletion { at };
    key.timer(TASK, at).set(&mut cx.tx)
}

/// Does what a timer was set for: the key, its aliases and its grants are gone after it, and soon its material in every backup. Of very
/// many grants a part goes at a time, and the key last.
pub(crate) fn due(cx: &mut Cx<'_>, due: &Timer) -> Result<(), Fault> {
    let path = [due.account.as_str(), &due.region, &due.subject];
    let Some(key) = KEYS.get(&mut cx.tx, &path)? else { return Ok(()) };
    let now = cx.now().0;
    if !matches!(key.state, State::PendingDeletion { at } if at <= now) {
        return Ok(());
    }
    if !grants::delete_some(cx, &key)? {
        return key.timer(TASK, now).set(&mut cx.tx);
    }
    let mut key = (*key).clone();
    for alias in &key.aliases {
        ALIASES.delete(&mut cx.tx, &[&key.account, &key.region, alias]);
    }
    rotation::stop(cx, &mut key)?;
    import::stop(cx, &key)?;
    stores::remove(cx, &key)?;
    KEYS.delete(&mut cx.tx, &key.path());
    cx.drop_resource(&key.arn)?;
    KEY_COUNTS.take(&mut cx.tx, &[&key.account, &key.region], &key.id)?;
    last_usage::forget(cx, &key);
    shreds::schedule(cx, &key)?;
    regions::forget(cx, &key)?;
    cx.emit(ServiceEvent {
        name: "DeleteKey",
        details: serde_json::json!({ "keyId": key.id }),
        resource: Resource { kind: "AWS::KMS::Key", arn: key.arn, account: key.account },
    });
    Ok(())
}
