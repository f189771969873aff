//! Settings of an account and Region: GetServiceSetting, UpdateServiceSetting and ResetServiceSetting.
//!
//! Those of Parameter Store are here. Those of what Fastness has not are not found, as they are not provisioned.

use crate::SystemsManager;
use crate::api::{
    GetServiceSettingRequest, GetServiceSettingResult, ParameterTier, ResetServiceSettingRequest,
    ResetServiceSettingResult, ServiceSetting, UpdateServiceSettingRequest, UpdateServiceSettingResult, ops,
};
use crate::errors::validation;
use platform::{Access, Cx, Fault, Handle, Table};
use serde::{Deserialize, Serialize};
use wire::Timestamp;

/// `[account, region, id]`, of settings that are not as they are by default
const SETTINGS: Table<Chosen> = Table::new("ssm/settings");

/// A setting that the account has chosen.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Chosen {
    value: String,
    /// In milliseconds since the epoch.
    modified: i64,
    /// The ARN of who chose it.
    user: String,
}

/// A setting that there is.
struct Setting {
    id: &'static str,
    /// What it can be, first what it is by default.
    values: &'static [&'static str],
}

static DEFAULT_TIER: Setting = Setting {
    id: "/ssm/parameter-store/default-parameter-tier",
    values: &["Standard", "Advanced", "Intelligent-Tiering"],
};
static HIGH_THROUGHPUT: Setting =
    Setting { id: "/ssm/parameter-store/high-throughput-enabled", values: &["false", "true"] };

impl Setting {
    fn arn(&self, cx: &Cx<'_>) -> String {
        arn(cx, self.id)
    }

    fn chosen(&self, cx: &mut Cx<'_>) -> Result<Option<Chosen>, Fault> {
        let path = [cx.account(), cx.region(), self.id];
        Ok(SETTINGS.get(&mut cx.tx, &path)?.map(|chosen| (*chosen).clone()))
    }

    fn shown(&self, cx: &mut Cx<'_>) -> Result<ServiceSetting, Fault> {
        let chosen = self.chosen(cx)?;
        let status = if chosen.is_some() { "Customized" } else { "Default" };
        let value = chosen.as_ref().map(|chosen| chosen.value.clone());
        Ok(ServiceSetting {
            setting_id: Some(self.id.to_owned()),
            setting_value: value.or_else(|| self.values.first().map(|value| (*value).to_owned())),
            last_modified_date: chosen.as_ref().map(|chosen| Timestamp(chosen.modified)),
            last_modified_user: chosen.map(|chosen| chosen.user),
            arn: Some(self.arn(cx)),
            status: Some(status.to_owned()),
        })
    }
}

fn arn(cx: &Cx<'_>, id: &str) -> String {
    format!("arn:aws:ssm:{}:{}:servicesetting{}", cx.region(), cx.account(), crate::names::rooted(id))
}

/// The setting that an id or an ARN names, for those who may do `action` to it.
fn find(cx: &mut Cx<'_>, action: &str, text: &str) -> Result<&'static Setting, Fault> {
    let place = arn(cx, "");
    let place = place.strip_suffix('/').unwrap_or(&place);
    let id = text.strip_prefix(place).unwrap_or(text);
    cx.authorize(&Access::to(action, arn(cx, id)))?;
    let found = [&DEFAULT_TIER, &HIGH_THROUGHPUT].into_iter().find(|setting| setting.id == id);
    found.ok_or_else(|| {
        let message = format!(
            "The specified service setting wasn't found: {text}. Either the service name or the setting hasn't been provisioned."
        );
        Fault::new("ServiceSettingNotFound", message)
    })
}

/// The tier of parameters that are put without one.
pub(crate) fn default_tier(cx: &mut Cx<'_>) -> Result<ParameterTier, Fault> {
    let chosen = DEFAULT_TIER.chosen(cx)?;
    Ok(chosen.and_then(|chosen| ParameterTier::from_wire(&chosen.value)).unwrap_or_default())
}

/// Whether calls that read parameters have the higher quotas.
pub(crate) fn has_high_throughput(cx: &mut Cx<'_>) -> Result<bool, Fault> {
    Ok(HIGH_THROUGHPUT.chosen(cx)?.is_some_and(|chosen| chosen.value == "true"))
}

impl Handle<ops::GetServiceSetting> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetServiceSettingRequest,
    ) -> Result<GetServiceSettingResult, Fault> {
        let setting = find(cx, "ssm:GetServiceSetting", &input.setting_id)?;
        Ok(GetServiceSettingResult { service_setting: Some(setting.shown(cx)?) })
    }
}

impl Handle<ops::UpdateServiceSetting> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &UpdateServiceSettingRequest,
    ) -> Result<UpdateServiceSettingResult, Fault> {
        let setting = find(cx, "ssm:UpdateServiceSetting", &input.setting_id)?;
        let value = input.setting_value.clone();
        if !setting.values.contains(&value.as_str()) {
            let message = format!("The setting {} is one of {}.", setting.id, setting.values.join(", "));
            return Err(validation(message));
        }
        let chosen = Chosen { value, modified: cx.now().0, user: cx.caller().principal.arn() };
        let path = [cx.account(), cx.region(), setting.id];
        SETTINGS.put(&mut cx.tx, &path, &chosen)?;
        Ok(UpdateServiceSettingResult {})
    }
}

impl Handle<ops::ResetServiceSetting> for SystemsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ResetServiceSettingRequest,
    ) -> Result<ResetServiceSettingResult, Fault> {
        let setting = find(cx, "ssm:ResetServiceSetting", &input.setting_id)?;
        let path = [cx.account(), cx.region(), setting.id];
        SETTINGS.delete(&mut cx.tx, &path);
        Ok(ResetServiceSettingResult { service_setting: Some(setting.shown(cx)?) })
    }
}
