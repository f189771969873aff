//! Rotation: new material for a key, the old kept for decryption (KMS Developer Guide, "Rotate AWS KMS keys").

use crate::Kms;
use crate::api::{
    DisableKeyRotationRequest, EnableKeyRotationRequest, GetKeyRotationStatusRequest,
    GetKeyRotationStatusResponse, IncludeKeyMaterial, KeyMaterialState, KeySpec, ListKeyRotationsRequest,
    ListKeyRotationsResponse, MultiRegionKeyType, OriginType, RotateKeyOnDemandRequest,
    RotateKeyOnDemandResponse, RotationType, RotationsListEntry, ops,
};
use crate::authorize::Use;
use crate::errors::{limit_exceeded, unsupported, wrong_origin};
use crate::key::{KEYS, Key, State};
use crate::keys::manage;
use crate::limits::{
    DAY_MILLIS, ON_DEMAND_ROTATIONS, ROTATION_CONFLICT_MILLIS, ROTATION_PERIOD_DEFAULT_DAYS,
};
use crate::material::Material;
use crate::names::{Takes, find};
use crate::{import, pages, regions, state};
use keyring::MaterialSpec;
use platform::trail::{Resource, ServiceEvent};
use platform::{Cx, Fault, Handle, Timer};
use serde::{Deserialize, Serialize};
use wire::{Timestamp, Unit};

/// The task of the timers that rotate.
pub(crate) const TASK: &str = "rotate-key";

/// Automatic rotation of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rotation {
    period_days: i32,
    /// When the key is rotated next, in milliseconds since the epoch. It passes while the key is not enabled.
    next: i64,
}

impl Rotation {
    fn from(now: i64, period_days: i32) -> Self {
        Self { period_days, next: now.saturating_add(i64::from(period_days) * DAY_MILLIS) }
    }
}

impl Handle<ops::EnableKeyRotation> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &EnableKeyRotationRequest) -> Result<Unit, Fault> {
        let period = input.rotation_period_in_days.unwrap_or(ROTATION_PERIOD_DEFAULT_DAYS);
        let mut key = schedule(cx, "kms:EnableKeyRotation", &input.key_id, |asks| {
            match input.rotation_period_in_days {
                Some(days) => asks.with("kms:RotationPeriodInDays", days.to_string()),
                None => asks,
            }
        })?;
        // The period counts from the call that sets it; setting the same one again changes nothing.
        if key.rotation.is_none_or(|rotation| rotation.period_days != period) {
            stop(cx, &mut key)?;
            begin(cx, &mut key, period)?;
            regions::put(cx, &key)?;
        }
        Ok(Unit)
    }
}

impl Handle<ops::DisableKeyRotation> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &DisableKeyRotationRequest) -> Result<Unit, Fault> {
        let mut key = schedule(cx, "kms:DisableKeyRotation", &input.key_id, |asks| asks)?;
        if key.rotation.is_some() {
            stop(cx, &mut key)?;
            regions::put(cx, &key)?;
        }
        Ok(Unit)
    }
}

impl Handle<ops::GetKeyRotationStatus> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetKeyRotationStatusRequest,
    ) -> Result<GetKeyRotationStatusResponse, Fault> {
        let found = find(cx, "kms:GetKeyRotationStatus", &input.key_id, Takes::Keys)?;
        Use::of(&found, "kms:GetKeyRotationStatus").across_accounts().authorize(cx)?;
        let key = &found.key;
        // Keys that are not rotated are asked of as well. AWS's table of key states refuses those in custom key stores alone, the API
        // Reference had it until 2024 that the status of asymmetric keys "is always false", and Terraform's provider, which manages
        // key pairs and HMAC keys at AWS, asks of every key of the origin AWS_KMS and takes no error for an answer. Of imported
        // material the table is older than its rotation on demand, whose progress this operation tells.
        require_no_store(key)?;
        let pending_deletion =
            matches!(key.state, State::PendingDeletion { .. } | State::PendingReplicaDeletion { .. });
        let rotation = key.rotation.filter(|_| !pending_deletion);
        Ok(GetKeyRotationStatusResponse {
            key_rotation_enabled: Some(rotation.is_some()),
            key_id: Some(key.id.clone()),
            rotation_period_in_days: rotation.map(|rotation| rotation.period_days),
            next_rotation_date: rotation.map(|rotation| Timestamp(rotation.next)),
            // A rotation on demand is finished when it is answered: none is ever in progress.
            on_demand_rotation_start_date: None,
        })
    }
}

impl Handle<ops::RotateKeyOnDemand> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &RotateKeyOnDemandRequest,
    ) -> Result<RotateKeyOnDemandResponse, Fault> {
        let mut key = manage(cx, "kms:RotateKeyOnDemand", &input.key_id, &state::ROTATE, |asks| asks)?;
        require_lead(&key)?;
        require_own_material(&key)?;
        let on_demand =
            |material: &&Material| material.rotation.is_some_and(|of| of.0 == RotationType::OnDemand);
        if key.materials.iter().filter(on_demand).count() >= ON_DEMAND_ROTATIONS {
            return Err(limit_exceeded(format!(
                "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be \
                 performed for this key: {}",
                key.arn
            )));
        }
        let soon = cx.now().0.saturating_add(ROTATION_CONFLICT_MILLIS);
        if key.rotation.is_some_and(|rotation| rotation.next <= soon) {
            return Err(Fault::new(
                "ConflictException",
                "An automatic rotation of this key is currently in progress or scheduled to begin within the next 20 minutes.",
            ));
        }
        rotate(cx, &mut key, RotationType::OnDemand)?;
        regions::put(cx, &key)?;
        // The ARN, where the status of rotation has the id: as AWS was seen to answer.
        Ok(RotateKeyOnDemandResponse { key_id: Some(key.arn) })
    }
}

impl Handle<ops::ListKeyRotations> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ListKeyRotationsRequest,
    ) -> Result<ListKeyRotationsResponse, Fault> {
        let found = find(cx, "kms:ListKeyRotations", &input.key_id, Takes::Keys)?;
        Use::of(&found, "kms:ListKeyRotations").authorize(cx)?;
        let key = &found.key;
        require_own_material(key)?;
        let all = input.include_key_material == Some(IncludeKeyMaterial::AllKeyMaterial);
        let current = key.materials.last().map(|material| material.id);
        let state_of = |material: &Material| match material.id {
            id if Some(id) == current => KeyMaterialState::Current,
            _ => KeyMaterialState::NonCurrent,
        };
        let mut known: Vec<_> = key.materials.iter().map(|material| (material, state_of(material))).collect();
        if let Some(pending) = &key.pending {
            known.push((pending, import::pending_state(cx, key)?));
        }
        // Their order is that of time: as names they have their numbers.
        let listed: Vec<_> = known
            .into_iter()
            .enumerate()
            .filter(|(_, (material, _))| all || material.rotation.is_some())
            .map(|(number, listed)| (format!("{number:06}"), listed))
            .collect();
        let list = format!("kms:ListKeyRotations/{all}/{}", key.arn);
        let wanted = (pages::KEYS.of(input.limit), input.marker.as_deref());
        let (listed, next) = pages::of_sorted(cx, &list, &listed, wanted, |(number, _)| number)?;
        let rotations = listed
            .into_iter()
            .map(|(_, (material, state))| RotationsListEntry {
                key_id: Some(key.id.clone()),
                key_material_id: Some(material.id.to_string()),
                key_material_state: Some(state),
                rotation_date: material.rotation.map(|_| Timestamp(material.created)),
                rotation_type: material.rotation.map(|of| of.0),
                ..import::listed(material)
            })
            .collect();
        Ok(ListKeyRotationsResponse {
            rotations: Some(rotations),
            truncated: Some(next.is_some()),
            next_marker: next,
        })
    }
}

/// Finds a key to change its automatic rotation, which keys with imported material do not have whatever their state.
fn schedule(
    cx: &mut Cx<'_>,
    action: &'static str,
    key_id: &str,
    ask: impl for<'u> FnOnce(Use<'u>) -> Use<'u>,
) -> Result<Key, Fault> {
    let found = find(cx, action, key_id, Takes::Keys)?;
    ask(Use::of(&found, action)).authorize(cx)?;
    let key = &*found.key;
    if key.origin.0 == OriginType::External {
        return Err(wrong_origin(key));
    }
    state::ROTATE.require(key)?;
    require_lead(key)?;
    require_own_material(key)?;
    Ok(key.clone())
}

/// Only symmetric keys are rotated, and not those in custom key stores.
fn require_own_material(key: &Key) -> Result<(), Fault> {
    let spec = key.spec.0;
    if spec != KeySpec::SymmetricDefault {
        return Err(unsupported(format!(
            "{} key spec is {spec} which is not valid for this operation.",
            key.arn
        )));
    }
    require_no_store(key)
}

fn require_no_store(key: &Key) -> Result<(), Fault> {
    if key.placed.is_none() { Ok(()) } else { Err(wrong_origin(key)) }
}

/// Rotates a key whose time came while it was not enabled. Its period counts anew from now. A replica waits for its primary: material of
/// its own would be no related key's.
pub(crate) fn catch_up(cx: &mut Cx<'_>, key: &mut Key) -> Result<(), Fault> {
    let now = cx.now().0;
    if let Some(rotation) = key.rotation.filter(|rotation| rotation.next <= now && leads(key)) {
        rotate(cx, key, RotationType::Automatic)?;
        begin(cx, key, rotation.period_days)?;
    }
    Ok(())
}

/// Does what a timer was set for.
pub(crate) fn due(cx: &mut Cx<'_>, timer: &Timer) -> Result<(), Fault> {
    let path = [timer.account.as_str(), &timer.region, &timer.subject];
    let Some(key) = KEYS.get(&mut cx.tx, &path)? else { return Ok(()) };
    if key.state != State::Enabled {
        return Ok(());
    }
    let mut key = (*key).clone();
    catch_up(cx, &mut key)?;
    regions::put(cx, &key)
}

/// Rotation is a property that related multi-Region keys share, and is decided at the primary.
fn require_lead(key: &Key) -> Result<(), Fault> {
    if leads(key) { Ok(()) } else { Err(regions::not_primary(key)) }
}

fn leads(key: &Key) -> bool {
    key.multi_region_type() != Some(MultiRegionKeyType::Replica)
}

/// Automatic rotation, for the first time when a period from now has passed.
pub(crate) fn begin(cx: &mut Cx<'_>, key: &mut Key, period_days: i32) -> Result<(), Fault> {
    key.rotation = Some(Rotation::from(cx.now().0, period_days));
    start(cx, key)
}

/// No automatic rotation any more.
pub(crate) fn stop(cx: &mut Cx<'_>, key: &mut Key) -> Result<(), Fault> {
    pause(cx, key)?;
    key.rotation = None;
    Ok(())
}

/// Takes the timer away.
pub(crate) fn pause(cx: &mut Cx<'_>, key: &Key) -> Result<(), Fault> {
    key.rotation.map_or(Ok(()), |rotation| key.timer(TASK, rotation.next).clear(&mut cx.tx))
}

pub(crate) fn start(cx: &mut Cx<'_>, key: &Key) -> Result<(), Fault> {
    match key.rotation {
        Some(rotation) => key.timer(TASK, rotation.next).set(&mut cx.tx),
        None => Ok(()),
    }
}

fn rotate(cx: &mut Cx<'_>, key: &mut Key, kind: RotationType) -> Result<(), Fault> {
    let previous = key.current()?.id;
    let material = match key.origin.0 {
        OriginType::External => import::next(cx, key, kind)?,
        _ => Material::generate(cx, &key.arn, MaterialSpec::Symmetric, Some(kind))?,
    };
    cx.emit(ServiceEvent {
        name: "RotateKey",
        resource: Resource { kind: "AWS::KMS::Key", arn: key.arn.clone(), account: key.account.clone() },
        details: serde_json::json!({
            "keyId": key.id,
            "rotationType": kind.as_str(),
            "keyOrigin": key.origin.0.as_str(),
            "previousKeyMaterialId": previous.to_string(),
            "currentKeyMaterialId": material.id.to_string(),
        }),
    });
    key.materials.push(material);
    Ok(())
}
