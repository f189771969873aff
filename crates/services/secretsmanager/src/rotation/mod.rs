//! Rotation of secrets: its configuration, RotateSecret and CancelRotateSecret.

mod databases;
mod functions;
mod schedule;
pub(crate) mod steps;

use crate::SecretsManager;
use crate::access::{Asked, find};
use crate::api::{
    CancelRotateSecretRequest, CancelRotateSecretResponse, RotateSecretRequest, RotateSecretResponse, ops,
};
use crate::errors::{invalid_parameter, invalid_request};
use crate::secret::Secret;
use crate::stages::{CURRENT, PENDING};
use crate::values;
pub(crate) use databases::Nothing;
pub use databases::{Databases, StepFailure, Values};
use platform::{Cx, Fault, Handle};
pub(crate) use schedule::{Rules, Window};
use serde::{Deserialize, Serialize};

/// The configuration and the state of a secret's rotation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rotation {
    pub(crate) enabled: bool,
    /// ARN of the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) function: Option<String>,
    pub(crate) rules: Rules,
    /// The last time that the value was replaced while rotation was on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<i64>,
    /// The time from which the schedule counts if nothing was rotated since: of the configuration, a failure, or a value given by hand.
    #[serde(default)]
    pub(crate) since: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Window>,
    /// What is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) course: Option<Course>,
}

/// A rotation, or a test of one, that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Course {
    /// The version that it makes.
    pub(crate) token: String,
    pub(crate) step: Step,
}

/// The step that is next. finishSecret is the end of testSecret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Step {
    CreateSecret,
    SetSecret,
    TestSecret,
    /// testSecret of the current version, where a configuration is to be tested and nothing rotated.
    TestOnly,
}

impl Rotation {
    /// The time by which the next rotation is to be done.
    pub(crate) fn next_date(&self) -> Option<i64> {
        self.next.filter(|_| self.enabled).map(|window| window.closes)
    }
}

impl Handle<ops::RotateSecret> for SecretsManager {
    fn handle(&self, cx: &mut Cx<'_>, input: &RotateSecretRequest) -> Result<RotateSecretResponse, Fault> {
        let immediately = input.rotate_immediately != Some(false);
        let asked = Asked::to::<ops::RotateSecret>()
            .key("secretsmanager:RotationLambdaARN", input.rotation_lambda_arn.as_deref())
            .key(
                "secretsmanager:ExternalSecretRotationRoleArn",
                input.external_secret_rotation_role_arn.as_deref(),
            )
            .key("secretsmanager:ModifyRotationRules", input.rotation_rules.as_ref().map(|_| "true"))
            .key("secretsmanager:RotateImmediately", Some(if immediately { "true" } else { "false" }));
        let mut secret = find(cx, &input.secret_id, &asked)?;
        secret.require_primary()?;
        if input.external_secret_rotation_metadata.is_some()
            || input.external_secret_rotation_role_arn.is_some()
        {
            return Err(invalid_parameter("The secret is not a managed external secret."));
        }
        let token = values::token(cx, input.client_request_token.as_deref())?;
        let mut rotation = secret.rotation.clone().unwrap_or_default();
        if let Some(rules) = &input.rotation_rules {
            rotation.rules = Rules::of(rules)?;
        }
        if let Some(function) = input.rotation_lambda_arn.as_ref().filter(|function| !function.is_empty()) {
            rotation.function = Some(function.clone());
        }
        let function = rotation.function.as_deref();
        let function = function.ok_or_else(|| {
            invalid_request("No Lambda rotation function ARN is associated with this secret.")
        })?;
        self.require_function(function, &secret)?;
        require_value(&secret)?;
        if secret.is_rotating() && secret.versions.at(PENDING) != Some(&*token) {
            return Err(invalid_request(
                "A previous rotation isn't complete. That rotation will be reattempted.",
            ));
        }
        rotation.enabled = true;
        rotation.since = cx.now().0;
        secret.rotation = Some(rotation);
        secret.plan(cx)?;
        if immediately {
            secret.begin(cx, &token)?;
        } else {
            secret.begin_test(cx, &token);
        }
        secret.save(cx)?;
        secret.enqueue(cx)?;
        Ok(RotateSecretResponse { arn: Some(secret.arn()), version_id: Some(token), name: Some(secret.name) })
    }
}

fn require_value(secret: &Secret) -> Result<(), Fault> {
    match secret.versions.at(CURRENT) {
        Some(_) => Ok(()),
        None => Err(invalid_request("You can't rotate a secret that has no value.")),
    }
}

impl Handle<ops::CancelRotateSecret> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &CancelRotateSecretRequest,
    ) -> Result<CancelRotateSecretResponse, Fault> {
        let mut secret = find(cx, &input.secret_id, &Asked::to::<ops::CancelRotateSecret>())?;
        secret.require_primary()?;
        let version = secret.versions.at(PENDING).filter(|_| secret.is_rotating()).map(str::to_owned);
        secret.clear_window(cx)?;
        if let Some(rotation) = &mut secret.rotation {
            (rotation.enabled, rotation.course, rotation.next, rotation.last) = (false, None, None, None);
            secret.save(cx)?;
        }
        Ok(CancelRotateSecretResponse {
            arn: Some(secret.arn()),
            version_id: version,
            name: Some(secret.name),
        })
    }
}

impl Secret {
    /// Whether a rotation has begun and has not ended: AWSPENDING is on another version than AWSCURRENT.
    pub(crate) fn is_rotating(&self) -> bool {
        let pending = self.versions.at(PENDING);
        pending.is_some() && pending != self.versions.at(CURRENT)
    }
}
