//! DeleteSecret and RestoreSecret.

use crate::SecretsManager;
use crate::access::{Asked, absent, find, locate};
use crate::api::{
    DeleteSecretRequest, DeleteSecretResponse, RestoreSecretRequest, RestoreSecretResponse, ops,
};
use crate::errors::{invalid_parameter, invalid_request, no_secret};
use crate::secret::{self, DAY_MS, Deletion, KIND, Secret};
use platform::trail::{Resource, ServiceEvent};
use platform::{Cx, Fault, Handle, Timer};
use serde_json::json;
use wire::Timestamp;

/// The task of the timer that ends a recovery window.
pub(crate) const TASK: &str = "delete-secret";

/// Days of the recovery window where the request says nothing.
const WINDOW_DAYS: i64 = 30;

/// The window that a request asks for, in days; none for a deletion at once.
fn window(input: &DeleteSecretRequest) -> Result<Option<i64>, Fault> {
    let force = input.force_delete_without_recovery == Some(true);
    match input.recovery_window_in_days {
        Some(_) if force => Err(invalid_parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        )),
        Some(days) if !(7..=30).contains(&days) => Err(invalid_parameter(
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        )),
        _ if force => Ok(None),
        days => Ok(Some(days.unwrap_or(WINDOW_DAYS))),
    }
}

impl Handle<ops::DeleteSecret> for SecretsManager {
    fn handle(&self, cx: &mut Cx<'_>, input: &DeleteSecretRequest) -> Result<DeleteSecretResponse, Fault> {
        let force = input.force_delete_without_recovery.map(|force| if force { "true" } else { "false" });
        let asked = Asked::to::<ops::DeleteSecret>()
            .key(
                "secretsmanager:RecoveryWindowInDays",
                input.recovery_window_in_days.map(|days| days.to_string()),
            )
            .key("secretsmanager:ForceDeleteWithoutRecovery", force);
        let located = locate(cx, &input.secret_id)?;
        let now = cx.now();
        let Some(found) = &located.secret else {
            absent(cx, &located, &input.secret_id, &asked)?;
            // Deleting at once what is not there is no error.
            return match window(input)? {
                None => Ok(DeleteSecretResponse {
                    arn: Some(secret::arn(cx.region(), &located.account, &located.name)),
                    name: Some(located.name),
                    deletion_date: Some(now),
                }),
                Some(_) => Err(no_secret()),
            };
        };
        asked.require(cx, found, &input.secret_id)?;
        let mut secret = Secret::clone(found);
        let window = window(input)?;
        if secret.deletion.is_some() && window.is_some() {
            return Err(invalid_request(
                "You can't perform this operation on the secret because it was already scheduled for deletion.",
            ));
        }
        require_alone(&secret)?;
        let due = match window {
            None => {
                secret.forget_deletion(cx)?;
                secret.emit(cx, "EndSecretVersionDelete");
                secret.erase(cx)?;
                now.0
            }
            Some(days) => {
                let deletion = Deletion {
                    asked: now.0,
                    due: cx.waits_from().0.saturating_add(days.saturating_mul(DAY_MS)),
                };
                secret.deletion = Some(deletion);
                secret.timer(deletion).set(&mut cx.tx)?;
                secret.emit(cx, "StartSecretVersionDelete");
                secret.put(cx)?;
                deletion.due
            }
        };
        Ok(DeleteSecretResponse {
            arn: Some(secret.arn()),
            name: Some(secret.name),
            deletion_date: Some(Timestamp(due)),
        })
    }
}

/// Requires that no other secret depends on this one, and that it depends on none.
fn require_alone(secret: &Secret) -> Result<(), Fault> {
    let regions: Vec<_> =
        secret.replicas.iter().filter(|replica| !replica.detached).map(|one| &*one.region).collect();
    if !regions.is_empty() {
        return Err(invalid_request(format!(
            "You can't delete secret {} that still has replica regions [{}]",
            secret.name,
            regions.join(", ")
        )));
    }
    match secret.origin {
        Some(_) => secret.require_primary(),
        None => Ok(()),
    }
}

impl Handle<ops::RestoreSecret> for SecretsManager {
    fn handle(&self, cx: &mut Cx<'_>, input: &RestoreSecretRequest) -> Result<RestoreSecretResponse, Fault> {
        let mut secret = find(cx, &input.secret_id, &Asked::to::<ops::RestoreSecret>())?;
        if secret.forget_deletion(cx)? {
            secret.emit(cx, "CancelSecretVersionDelete");
            secret.save(cx)?;
        }
        Ok(RestoreSecretResponse { arn: Some(secret.arn()), name: Some(secret.name) })
    }
}

impl Secret {
    fn timer(&self, deletion: Deletion) -> Timer {
        Timer {
            at: deletion.due,
            service: "secretsmanager".to_owned(),
            account: self.account.clone(),
            region: self.region.clone(),
            task: TASK.to_owned(),
            subject: format!("{}-{}", self.name, self.suffix),
        }
    }

    /// Takes back a deletion that is planned; whether there was one.
    fn forget_deletion(&mut self, cx: &mut Cx<'_>) -> Result<bool, Fault> {
        let planned = self.deletion.take();
        if let Some(deletion) = planned {
            self.timer(deletion).clear(&mut cx.tx)?;
        }
        Ok(planned.is_some())
    }

    /// Records what Secrets Manager does with a secret by itself.
    pub(crate) fn emit(&self, cx: &mut Cx<'_>, name: &'static str) {
        let resource = Resource { kind: KIND, arn: self.arn(), account: self.account.clone() };
        cx.emit(ServiceEvent { name, resource, details: json!({"name": self.name}) });
    }
}

/// Deletes a secret whose recovery window is over.
pub(crate) fn due(cx: &mut Cx<'_>, timer: &Timer) -> Result<(), Fault> {
    let Some((name, suffix)) = timer.subject.rsplit_once('-') else { return Ok(()) };
    let Some(secret) = secret::at(&mut cx.tx, &timer.account, &timer.region, name)? else { return Ok(()) };
    if secret.suffix == suffix && secret.deletion.is_some_and(|deletion| deletion.due == timer.at) {
        secret.emit(cx, "EndSecretVersionDelete");
        secret.erase(cx)?;
    }
    Ok(())
}
