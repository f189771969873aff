//! Virtual MFA devices: programs that make one-time codes of a seed (RFC 6238).

use crate::access::Ask;
use crate::account::Account;
use crate::credentials::Owner;
use crate::entity::{self, Entity, Head, Kind, NAMES, seconds};
use crate::errors::{delete_conflict, invalid_input};
use crate::page::Pager;
use crate::users::User;
use crate::{Iam, api, api::AssignmentStatusType, api::ops, limits, qr, tags};
use platform::{Cx, Fault, Handle, Table, Tx, open_secret, seal_secret};
use primitives::OneTimeCodes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::{Blob, Unit};
use zeroize::Zeroizing;

/// A virtual MFA device.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct MfaDevice {
    head: Head,
    /// The seed in base 32, as [`seal_secret`] makes it.
    seed: Arc<str>,
    /// Whose it is; none before it is enabled.
    pub(crate) assigned: Option<Assigned>,
}

/// A device in use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Assigned {
    /// The user's unique id.
    pub(crate) user: String,
    /// Since when, in milliseconds since the epoch.
    pub(crate) since: i64,
    /// The latest step whose code was used: neither it nor one before it is taken again.
    pub(crate) step: i64,
    /// By how many steps the device's clock is ahead of ours.
    pub(crate) drift: i64,
}

impl Entity for MfaDevice {
    const KIND: Kind = Kind::MfaDevice;
    const TABLE: Table<Self> = Table::new("iam/mfa-devices");

    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    /// Devices are told apart by path and name.
    fn unique_name(&self) -> String {
        unique_name(&format!("{}{}", self.head.path, self.head.name))
    }
}

fn unique_name(path_and_name: &str) -> String {
    path_and_name.to_ascii_lowercase()
}

impl MfaDevice {
    /// The codes that it makes.
    pub(crate) fn codes(&self, keyring: &keyring::Keyring) -> Result<OneTimeCodes, Fault> {
        let seed = open_secret(keyring, &self.seed)?;
        let seed = std::str::from_utf8(&seed).ok().and_then(platform::ids::of_base32);
        Ok(OneTimeCodes::new(&seed.ok_or_else(|| Fault::bug("the seed of an MFA device is not base 32"))?))
    }

    fn answer(&self, tx: &mut Tx<'_>) -> Result<api::VirtualMFADevice, Fault> {
        let user = match &self.assigned {
            Some(assigned) => Some(entity::referred::<User>(tx, &assigned.user)?.brief()),
            None => None,
        };
        Ok(api::VirtualMFADevice {
            serial_number: self.arn(),
            base32_string_seed: None,
            qr_code_png: None,
            user,
            enable_date: self.assigned.as_ref().map(|assigned| seconds(assigned.since)),
            tags: None,
        })
    }
}

/// The device of an account with this serial number, which is its ARN.
pub(crate) fn find(
    tx: &mut Tx<'_>,
    account: &str,
    serial_number: &str,
) -> Result<Option<Arc<MfaDevice>>, Fault> {
    let rest = serial_number.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_prefix(account));
    let Some(path_and_name) = rest.and_then(|rest| rest.strip_prefix(":mfa")) else { return Ok(None) };
    let Some(key) = NAMES.get(tx, &[account, Kind::MfaDevice.noun(), &unique_name(path_and_name)])? else {
        return Ok(None);
    };
    Ok(MfaDevice::TABLE.get(tx, &[&key])?.filter(|device| device.arn() == serial_number))
}

/// The device with this serial number, for an action on it that the caller is allowed.
pub(crate) fn fetch(cx: &mut Cx<'_>, ask: Ask<'_>, serial_number: &str) -> Result<Arc<MfaDevice>, Fault> {
    let account = cx.account();
    match find(&mut cx.tx, account, serial_number)? {
        Some(device) => {
            ask.called(serial_number).authorize(cx, serial_number, Some(&device.head.tags))?;
            cx.touch(Kind::MfaDevice.resource_type(), serial_number, account);
            Ok(device)
        }
        None => {
            ask.called(serial_number).authorize(cx, serial_number, None)?;
            Err(Kind::MfaDevice.missing(serial_number))
        }
    }
}

impl Handle<ops::CreateVirtualMFADevice> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::CreateVirtualMFADeviceRequest,
    ) -> Result<api::CreateVirtualMFADeviceResponse, Fault> {
        let (path, name, given) =
            (input.path.as_deref(), &input.virtual_mfa_device_name, input.tags.as_ref());
        let ask = Ask::to("iam:CreateVirtualMFADevice").new_tags("iam:TagMFADevice", given);
        entity::authorize_new::<MfaDevice>(cx, ask, path, name)?;
        let head = Head::new(cx, Kind::MfaDevice, path, name, tags::of_new(given)?)?;
        let seed = platform::ids::mfa_seed(cx.random());
        let device = MfaDevice { head, seed: seal_secret(cx.keyring(), &seed)?, assigned: None };
        if device.arn().chars().count() > limits::SERIAL_NUMBER_CHARS {
            return Err(invalid_input("The serial number of the device would be too long."));
        }
        entity::create(cx, &device)?;
        let account = Account::of_caller(cx)?;
        let account = account.alias().unwrap_or(cx.account());
        let uri = Zeroizing::new(format!("otpauth://totp/{name}@{account}?secret={}", *seed));
        let picture = cx.aside(|| qr::png(&uri))??;
        Ok(api::CreateVirtualMFADeviceResponse {
            virtual_mfa_device: api::VirtualMFADevice {
                base32_string_seed: Some(Blob(seed.as_bytes().to_vec())),
                qr_code_png: Some(Blob::from(picture)),
                tags: tags::answer(&device.head.tags),
                ..device.answer(&mut cx.tx)?
            },
        })
    }
}

impl Handle<ops::ListVirtualMFADevices> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListVirtualMFADevicesRequest,
    ) -> Result<api::ListVirtualMFADevicesResponse, Fault> {
        let action = "iam:ListVirtualMFADevices";
        Ask::to(action).authorize(cx, "*", None)?;
        let status = input.assignment_status.unwrap_or(AssignmentStatusType::Any);
        let list = format!("{action}/{status:?}");
        let mut pager = Pager::begin(cx, &list, input.marker.as_ref(), input.max_items)?;
        let below = [cx.account(), Kind::MfaDevice.noun()];
        pager.rows(&mut cx.tx, 0, &NAMES, &below, |tx, _, key| {
            let device = entity::referred::<MfaDevice>(tx, key)?;
            let wanted = match status {
                AssignmentStatusType::Assigned => device.assigned.is_some(),
                AssignmentStatusType::Unassigned => device.assigned.is_none(),
                AssignmentStatusType::Any => true,
            };
            wanted.then(|| device.answer(tx)).transpose()
        })?;
        let page = pager.end(cx)?;
        Ok(api::ListVirtualMFADevicesResponse {
            virtual_mfa_devices: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::DeleteVirtualMFADevice> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteVirtualMFADeviceRequest) -> Result<Unit, Fault> {
        let device = fetch(cx, Ask::to("iam:DeleteVirtualMFADevice"), &input.serial_number)?;
        if device.assigned.is_some() {
            return Err(delete_conflict("MFA VirtualDevice in use. Must deactivate first."));
        }
        entity::remove(cx, &*device)?;
        Ok(Unit)
    }
}

impl Handle<ops::GetMFADevice> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::GetMFADeviceRequest,
    ) -> Result<api::GetMFADeviceResponse, Fault> {
        let (account, serial_number) = (cx.account(), &input.serial_number);
        let ask = Ask::to("iam:GetMFADevice");
        let device = find(&mut cx.tx, account, serial_number)?;
        let assigned = device.and_then(|device| device.assigned.clone());
        // A denial does not tell whose device it is, or whether it is one.
        let user = match (&input.user_name, &assigned) {
            (Some(name), _) => Some(entity::fetch::<User>(cx, ask, name)?),
            (None, Some(assigned)) => {
                let user = entity::referred::<User>(&mut cx.tx, &assigned.user)?;
                ask.called(serial_number).authorize(cx, &user.arn(), Some(&user.head().tags))?;
                Some(user)
            }
            (None, None) => {
                ask.called(serial_number).authorize(cx, "*", None)?;
                None
            }
        };
        let of_user = |assigned: &Assigned| user.as_ref().is_some_and(|user| user.head().id == assigned.user);
        let assigned = assigned.filter(of_user).ok_or_else(|| Kind::MfaDevice.missing(serial_number))?;
        Ok(api::GetMFADeviceResponse {
            user_name: user.map(|user| user.head().name.clone()),
            serial_number: serial_number.clone(),
            enable_date: Some(seconds(assigned.since)),
            certifications: None,
        })
    }
}

/// Puts a device into use, or out of it.
pub(crate) fn assign(cx: &mut Cx<'_>, device: &MfaDevice, assigned: Option<Assigned>) -> Result<(), Fault> {
    MfaDevice { assigned, ..device.clone() }.save(cx)
}

/// Tells whether a device is in use by this owner.
pub(crate) fn is_of(device: &MfaDevice, owner: &Owner) -> bool {
    device.assigned.as_ref().is_some_and(|assigned| assigned.user == owner.id)
}
