//! MFA devices in use: enabled for a user by two codes, and vouching for the user by one.

use crate::access::Ask;
use crate::account::Account;
use crate::credentials::{Dated, Kept, Owner};
use crate::entity::{self, Kind, seconds};
use crate::errors::{already_exists, no_such_entity};
use crate::mfa_devices::{Assigned, MfaDevice, assign, find, is_of};
use crate::page::Pager;
use crate::users::{User, subject};
use crate::{Iam, api, api::ops, limits};
use platform::{Cx, Fault, Handle, Mfa, Principal};
use primitives::OneTimeCodes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::{Timestamp, Unit};

/// By account, user and serial number.
pub(crate) const ASSIGNED: Kept<Assignment> =
    Kept::new("iam/user-mfa-devices", limits::MFA_DEVICES, "MFADevicesPerUser");

/// Distance from ours that the clock of a device may have when it is enabled or brought in step, in steps: 12 hours.
const FAR: i64 = 12 * 60 * 60 * 1000 / OneTimeCodes::STEP_MS;

/// Number of steps that a code may be early or late otherwise (RFC 6238, section 5.2).
const NEAR: i64 = 1;

/// That a device is a user's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Assignment {
    /// In milliseconds since the epoch.
    since: i64,
}

impl Dated for Assignment {
    fn created(&self) -> i64 {
        self.since
    }
}

fn now_step(now: Timestamp) -> i64 {
    now.0.div_euclid(OneTimeCodes::STEP_MS)
}

/// The step nearest to now whose code is the first, and that of the next the second.
fn step_of_two(codes: &OneTimeCodes, now: i64, first: &str, second: &str) -> Option<i64> {
    let (first, second) = (first.parse().ok()?, second.parse().ok()?);
    let distances = (0..=FAR).flat_map(|far| [now.saturating_sub(far), now.saturating_add(far)]);
    distances
        .into_iter()
        .find(|step| codes.code(*step) == Some(first) && codes.code(step.saturating_add(1)) == Some(second))
}

fn invalid_code() -> Fault {
    let message = "Authentication code for device is not valid.";
    Fault::new("InvalidAuthenticationCodeException", message)
}

/// A device that a user has, with the user.
fn of_user(
    cx: &mut Cx<'_>,
    user: &User,
    serial_number: &str,
) -> Result<(Owner, Arc<MfaDevice>, Assigned), Fault> {
    let owner = Owner::user(user);
    let device = find(&mut cx.tx, &owner.account, serial_number)?;
    let device = device.filter(|device| is_of(device, &owner));
    let found = device.and_then(|device| Some((device.assigned.clone()?, device)));
    let (assigned, device) = found.ok_or_else(|| no_such_entity("MFA Device invalid for user."))?;
    Ok((owner, device, assigned))
}

impl Handle<ops::EnableMFADevice> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::EnableMFADeviceRequest) -> Result<Unit, Fault> {
        let user = entity::fetch::<User>(cx, Ask::to("iam:EnableMFADevice"), &input.user_name)?;
        let (owner, serial_number) = (Owner::user(&user), &input.serial_number);
        let device = find(&mut cx.tx, &owner.account, serial_number)?;
        let device = device.ok_or_else(|| Kind::MfaDevice.missing(serial_number))?;
        if device.assigned.is_some() {
            return Err(already_exists(format!("MFADevice {serial_number} is already in use.")));
        }
        let (codes, now) = (device.codes(cx.keyring())?, now_step(cx.now()));
        let (first, second) = (&input.authentication_code1, &input.authentication_code2);
        let step = step_of_two(&codes, now, first, second).ok_or_else(invalid_code)? + 1;
        let since = cx.now().0;
        ASSIGNED.add(&mut cx.tx, &owner, serial_number, &Assignment { since })?;
        let assigned = Assigned { user: owner.id.clone(), since, step, drift: step - now };
        assign(cx, &device, Some(assigned))?;
        Account::add_mfa_in_use(&mut cx.tx, &owner.account, serial_number)?;
        Ok(Unit)
    }
}

impl Handle<ops::ResyncMFADevice> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::ResyncMFADeviceRequest) -> Result<Unit, Fault> {
        let user = entity::fetch::<User>(cx, Ask::to("iam:ResyncMFADevice"), &input.user_name)?;
        let (_, device, assigned) = of_user(cx, &user, &input.serial_number)?;
        let (codes, now) = (device.codes(cx.keyring())?, now_step(cx.now()));
        let (first, second) = (&input.authentication_code1, &input.authentication_code2);
        let step = step_of_two(&codes, now, first, second).ok_or_else(invalid_code)? + 1;
        // A code that was used, or one before it, does not come back to use.
        let used = assigned.step;
        if step <= used {
            return Err(invalid_code());
        }
        assign(cx, &device, Some(Assigned { step, drift: step - now, ..assigned }))?;
        Ok(Unit)
    }
}

impl Handle<ops::DeactivateMFADevice> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeactivateMFADeviceRequest) -> Result<Unit, Fault> {
        let holder = subject(cx, Ask::to("iam:DeactivateMFADevice"), input.user_name.as_deref())?;
        let crate::users::Subject::User(user) = holder else { return Err(entity::name_needed()) };
        let (owner, device, _) = of_user(cx, &user, &input.serial_number)?;
        assign(cx, &device, None)?;
        ASSIGNED.delete(&mut cx.tx, &owner, &input.serial_number);
        Account::take_mfa_in_use(&mut cx.tx, &owner.account, &input.serial_number)?;
        Ok(Unit)
    }
}

impl Handle<ops::ListMFADevices> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListMFADevicesRequest,
    ) -> Result<api::ListMFADevicesResponse, Fault> {
        let holder = subject(cx, Ask::to("iam:ListMFADevices"), input.user_name.as_deref())?;
        let owner = Owner::of(cx, &holder);
        let list = format!("mfa-devices/{}", owner.id);
        let mut pager = Pager::begin(cx, &list, input.marker.as_ref(), input.max_items)?;
        let rows = ASSIGNED.all(&mut cx.tx, &owner)?.into_iter();
        pager.entries(
            0,
            rows.map(|(serial_number, row)| api::MFADevice {
                user_name: holder.name(),
                serial_number,
                enable_date: seconds(row.since),
            }),
        );
        let page = pager.end(cx)?;
        Ok(api::ListMFADevicesResponse {
            mfa_devices: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Iam {
    /// Has a device of the caller vouch for it by a code, which is used up with that.
    pub(crate) fn vouch(&self, cx: &mut Cx<'_>, serial_number: &str, code: &str) -> Result<Mfa, Fault> {
        let Principal::User { account, id, .. } = &cx.caller().principal else { return Ok(Mfa::NoDevice) };
        let owner = Owner { account: account.clone(), id: id.clone() };
        let device = find(&mut cx.tx, account, serial_number)?.filter(|device| is_of(device, &owner));
        let Some(device) = device else { return Ok(Mfa::NoDevice) };
        let Some(assigned) = device.assigned.clone() else { return Ok(Mfa::NoDevice) };
        let (codes, now) = (device.codes(cx.keyring())?, now_step(cx.now()));
        let middle = now.saturating_add(assigned.drift);
        let earliest = middle.saturating_sub(NEAR).max(assigned.step.saturating_add(1));
        let mut found = None;
        let right = self.attempts.check(serial_number, cx.now(), || {
            let code = code.parse::<u32>().ok().filter(|_| code.len() == 6);
            let mut steps = earliest..=middle.saturating_add(NEAR);
            found = steps.find(|step| code.is_some() && codes.code(*step) == code);
            Ok::<_, Fault>(found.is_some())
        })?;
        let Some(step) = found.filter(|_| right) else { return Ok(Mfa::WrongCode) };
        assign(cx, &device, Some(Assigned { step, drift: step - now, ..assigned }))?;
        Ok(Mfa::Vouched)
    }
}
