//! Imported material that expires: it goes at its time, by a timer for the first of a key's that does.

use crate::key::{KEYS, Key};
use crate::material::Material;
use crate::regions;
use platform::trail::{Resource, ServiceEvent};
use platform::{Cx, Fault, Timer};

/// The task of the timers that take expired material away.
pub(crate) const TASK: &str = "expire-material";

/// When the first of the key's material expires.
pub(super) fn first(key: &Key) -> Option<i64> {
    key.materials.iter().chain(&key.pending).filter_map(Material::valid_to).min()
}

/// Sets the timer anew, after a change of the key's material.
pub(super) fn reset(cx: &mut Cx<'_>, key: &Key, before: Option<i64>) -> Result<(), Fault> {
    let after = first(key);
    if let Some(at) = before.filter(|_| before != after) {
        key.timer(TASK, at).clear(&mut cx.tx)?;
    }
    match after.filter(|_| before != after) {
        Some(at) => key.timer(TASK, at).set(&mut cx.tx),
        None => Ok(()),
    }
}

/// Takes the timer away, with the key.
pub(crate) fn stop(cx: &mut Cx<'_>, key: &Key) -> Result<(), Fault> {
    first(key).map_or(Ok(()), |at| key.timer(TASK, at).clear(&mut cx.tx))
}

/// Does what a timer was set for.
pub(crate) fn due(cx: &mut Cx<'_>, due: &Timer) -> Result<(), Fault> {
    let path = [due.account.as_str(), &due.region, &due.subject];
    let Some(key) = KEYS.get(&mut cx.tx, &path)? else { return Ok(()) };
    let mut key = (*key).clone();
    let (before, now) = (first(&key), cx.now().0);
    let expired = key.materials.iter().chain(&key.pending);
    let expired = expired.filter(|material| material.valid_to().is_some_and(|valid_to| valid_to <= now));
    let expired: Vec<_> = expired.map(|material| material.id).collect();
    for id in expired {
        super::remove(cx, &mut key, id);
        cx.emit(ServiceEvent {
            name: "DeleteExpiredKeyMaterial",
            details: serde_json::json!({ "keyId": key.id, "keyMaterialId": id.to_string() }),
            resource: Resource { kind: "AWS::KMS::Key", arn: key.arn.clone(), account: key.account.clone() },
        });
    }
    reset(cx, &key, before)?;
    regions::put(cx, &key)
}
