//! Service-specific credentials of users. The services that they are for are not here, so that nothing asks for their secrets, and the secrets
//! are not kept.

use crate::access::Ask;
use crate::credentials::{Dated, Kept, Owner, is_active, status};
use crate::entity::{self, Entity, seconds};
use crate::errors::{no_such_entity, quota, validation};
use crate::page::Pager;
use crate::users::{User, subject};
use crate::{Iam, api, api::ops, limits};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::{Cx, Fault, Handle};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::{Timestamp, Unit};
use zeroize::Zeroizing;

/// Services that take such credentials (IAM User Guide, "Service-specific credentials"), and whether those are API keys.
const SERVICES: [(&str, bool); 4] = [
    ("bedrock.amazonaws.com", true),
    ("cassandra.amazonaws.com", false),
    ("codecommit.amazonaws.com", false),
    ("logs.amazonaws.com", true),
];

/// Credentials of all services together.
pub(crate) const CREDENTIALS: Kept<Credential> = Kept::new(
    "iam/service-credentials",
    limits::SERVICE_CREDENTIALS * SERVICES.len(),
    "ServiceSpecificCredentialsPerUser",
);

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A service-specific credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Credential {
    /// In milliseconds since the epoch.
    created: i64,
    /// When it stops to be good, in milliseconds since the epoch.
    expires: Option<i64>,
    active: bool,
    service: String,
    /// By what the service knows it: the user's name when it was made, and the account.
    name: String,
}

impl Dated for Credential {
    fn created(&self) -> i64 {
        self.created
    }
}

impl Credential {
    fn status(&self, now: Timestamp) -> api::StatusType {
        if self.expires.is_some_and(|expires| expires <= now.0) {
            api::StatusType::Expired
        } else {
            status(self.active)
        }
    }

    fn brief(&self, user: String, id: String, now: Timestamp) -> api::ServiceSpecificCredentialMetadata {
        let (alias, name) = named(is_api_key(&self.service), &self.name);
        api::ServiceSpecificCredentialMetadata {
            user_name: user,
            status: self.status(now),
            service_user_name: name,
            service_credential_alias: alias,
            create_date: seconds(self.created),
            expiration_date: self.expires.map(seconds),
            service_specific_credential_id: id,
            service_name: self.service.clone(),
        }
    }

    /// The credential with a new secret, which is shown this once.
    fn whole(&self, cx: &Cx<'_>, user: &User, id: &str) -> api::ServiceSpecificCredential {
        let drawn = platform::ids::service_password(cx.random());
        let api_key = is_api_key(&self.service);
        let (alias, name) = named(api_key, &self.name);
        let (secret, password) = if api_key {
            let both = Zeroizing::new(format!("{}:{}", self.name, *drawn));
            (Some(format!("ABSK{}", STANDARD.encode(both.as_bytes()))), None)
        } else {
            (None, Some(drawn.to_string()))
        };
        api::ServiceSpecificCredential {
            create_date: seconds(self.created),
            expiration_date: self.expires.map(seconds),
            service_name: self.service.clone(),
            service_user_name: name,
            service_password: password,
            service_credential_alias: alias,
            service_credential_secret: secret,
            service_specific_credential_id: id.to_owned(),
            user_name: user.head().name.clone(),
            status: self.status(cx.now()),
        }
    }
}

fn is_api_key(service: &str) -> bool {
    SERVICES.contains(&(service, true))
}

/// A name as alias of an API key, or as name for a password.
fn named(api_key: bool, name: &str) -> (Option<String>, Option<String>) {
    let name = Some(name.to_owned());
    if api_key { (name, None) } else { (None, name) }
}

/// Requires that there can be credentials for a service.
fn supported(service: &str) -> Result<bool, Fault> {
    match SERVICES.iter().find(|(name, _)| *name == service) {
        Some((_, api_key)) => Ok(*api_key),
        None => Err(Fault::new(
            "ServiceNotSupportedException",
            format!("No such service {service} is supported for Service Specific Credentials"),
        )),
    }
}

/// A credential of a user, for an action that the caller is allowed.
fn credential(
    cx: &mut Cx<'_>,
    action: &'static str,
    user: Option<&String>,
    id: &str,
) -> Result<(Arc<User>, Owner, Credential), Fault> {
    let holder = subject(cx, Ask::to(action), user.map(String::as_str))?;
    let missing = || no_such_entity(format!("No such credential {id} exists"));
    let owner = Owner::of(cx, &holder);
    let found = CREDENTIALS.get(&mut cx.tx, &owner, id)?.ok_or_else(missing)?;
    match holder {
        crate::users::Subject::User(user) => Ok((user, owner, found)),
        crate::users::Subject::Root => Err(missing()),
    }
}

impl Handle<ops::CreateServiceSpecificCredential> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::CreateServiceSpecificCredentialRequest,
    ) -> Result<api::CreateServiceSpecificCredentialResponse, Fault> {
        let service = &input.service_name;
        let mut keys = vec![("iam:ServiceSpecificCredentialServiceName", service.clone())];
        let days = input.credential_age_days;
        keys.extend(days.map(|days| ("iam:ServiceSpecificCredentialAgeDays", days.to_string())));
        let ask = Ask::to("iam:CreateServiceSpecificCredential").keys(&keys);
        let user = entity::fetch::<User>(cx, ask, &input.user_name)?;
        let api_key = supported(service)?;
        if days.is_some() && !api_key {
            return Err(validation(format!("Credentials for {service} cannot be given an age in days")));
        }
        let owner = Owner::user(&user);
        let held = CREDENTIALS.all(&mut cx.tx, &owner)?;
        let of_service: Vec<_> = held.iter().filter(|(_, held)| held.service == *service).collect();
        if of_service.len() >= limits::SERVICE_CREDENTIALS {
            return Err(quota(CREDENTIALS.quota, limits::SERVICE_CREDENTIALS));
        }
        let name = |number: usize| {
            let suffix = if number == 0 { String::new() } else { format!("+{number}") };
            format!("{}{suffix}-at-{}", user.head().name, owner.account)
        };
        let is_free = |name: &String| !of_service.iter().any(|(_, held)| held.name == *name);
        let name = (0..=of_service.len()).map(name).find(is_free).unwrap_or_default();
        let created = cx.now().0;
        let expires = days.map(|days| created.saturating_add(i64::from(days) * DAY_MS));
        let id = platform::ids::unique("ACCA", cx.random());
        let credential = Credential { created, expires, active: true, service: service.clone(), name };
        CREDENTIALS.add(&mut cx.tx, &owner, &id, &credential)?;
        Ok(api::CreateServiceSpecificCredentialResponse {
            service_specific_credential: Some(credential.whole(cx, &user, &id)),
        })
    }
}

impl Handle<ops::ListServiceSpecificCredentials> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListServiceSpecificCredentialsRequest,
    ) -> Result<api::ListServiceSpecificCredentialsResponse, Fault> {
        let action = "iam:ListServiceSpecificCredentials";
        let (service, marker, now) = (input.service_name.as_deref(), input.marker.as_ref(), cx.now());
        let wanted = |credential: &Credential| service.is_none_or(|service| service == credential.service);
        let page = if input.all_users == Some(true) {
            Ask::to(action).authorize(cx, "*", None)?;
            if input.user_name.is_some() || service.is_none() {
                return Err(validation("AllUsers takes a ServiceName and no UserName"));
            }
            let (list, account) = (format!("{action}/{service:?}"), cx.account());
            let mut pager = Pager::begin(cx, &list, marker, input.max_items)?;
            pager.rows(&mut cx.tx, 0, &CREDENTIALS.table, &[account], |tx, key, row: &Credential| {
                let Some((user, id)) = key.split_once('\0').filter(|_| wanted(row)) else { return Ok(None) };
                let user = entity::referred::<User>(tx, user)?.head().name.clone();
                Ok(Some(row.brief(user, id.to_owned(), now)))
            })?;
            pager.end(cx)?
        } else {
            let holder = subject(cx, Ask::to(action), input.user_name.as_deref())?;
            let owner = Owner::of(cx, &holder);
            let list = format!("{action}/{}/{service:?}", owner.id);
            let mut pager = Pager::begin(cx, &list, marker, input.max_items)?;
            let rows = CREDENTIALS.all(&mut cx.tx, &owner)?.into_iter().filter(|(_, row)| wanted(row));
            pager.entries(0, rows.map(|(id, row)| row.brief(holder.name(), id, now)));
            pager.end(cx)?
        };
        if let Some(service) = service {
            supported(service)?;
        }
        Ok(api::ListServiceSpecificCredentialsResponse {
            service_specific_credentials: Some(page.items),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::UpdateServiceSpecificCredential> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::UpdateServiceSpecificCredentialRequest,
    ) -> Result<Unit, Fault> {
        let (action, id) = ("iam:UpdateServiceSpecificCredential", &input.service_specific_credential_id);
        let (_, owner, mut found) = credential(cx, action, input.user_name.as_ref(), id)?;
        let refused = || validation("A service-specific credential cannot be given the status Expired.");
        found.active = is_active(input.status).ok_or_else(refused)?;
        CREDENTIALS.put(&mut cx.tx, &owner, id, &found)?;
        Ok(Unit)
    }
}

impl Handle<ops::ResetServiceSpecificCredential> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ResetServiceSpecificCredentialRequest,
    ) -> Result<api::ResetServiceSpecificCredentialResponse, Fault> {
        let (action, id) = ("iam:ResetServiceSpecificCredential", &input.service_specific_credential_id);
        let (user, _, found) = credential(cx, action, input.user_name.as_ref(), id)?;
        Ok(api::ResetServiceSpecificCredentialResponse {
            service_specific_credential: Some(found.whole(cx, &user, id)),
        })
    }
}

impl Handle<ops::DeleteServiceSpecificCredential> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::DeleteServiceSpecificCredentialRequest,
    ) -> Result<Unit, Fault> {
        let (action, id) = ("iam:DeleteServiceSpecificCredential", &input.service_specific_credential_id);
        let (_, owner, _) = credential(cx, action, input.user_name.as_ref(), id)?;
        CREDENTIALS.delete(&mut cx.tx, &owner, id);
        Ok(Unit)
    }
}
