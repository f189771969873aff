//! Values of versions: PutSecretValue and GetSecretValue.

use crate::SecretsManager;
use crate::access::{Asked, find};
use crate::api::{
    GetSecretValueRequest, GetSecretValueResponse, PutSecretValueRequest, PutSecretValueResponse, ops,
};
use crate::envelope::{self, Sealed};
use crate::errors::{exists, invalid_parameter, invalid_request, limit_exceeded, not_found, validation};
use crate::quotas::VERSIONS_MAX;
use crate::secret::{ACCESSED, DAY_MS, Secret};
use crate::stages::CURRENT;
use platform::{Cx, Fault, Handle, Table, ids};
use std::sync::Arc;
use wire::{Blob, Timestamp};
use zeroize::Zeroizing;

/// The values, by the secret's path, suffix and version.
pub(crate) const VALUES: Table<Sealed> = Table::new("secretsmanager/values");

/// A value in a request.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    bytes: &'a [u8],
    binary: bool,
}

impl<'a> Value<'a> {
    /// The value that a request gives, if it gives one.
    pub(crate) fn given(text: Option<&'a str>, bytes: Option<&'a Blob>) -> Result<Option<Self>, Fault> {
        match (text, bytes) {
            (Some(_), Some(_)) => Err(invalid_parameter(
                "You can't specify both a secret string and a secret binary in the same request.",
            )),
            (Some(text), None) => Ok(Some(Self { bytes: text.as_bytes(), binary: false })),
            (None, Some(blob)) => Ok(Some(Self { bytes: &blob.0, binary: true })),
            (None, None) => Ok(None),
        }
    }
}

/// The id of the version that a request makes.
///
/// SDKs send a token always. AWS refuses a value without one; the CLI's `--no-cli…` forms and raw requests may lack it without a value.
pub(crate) fn token(cx: &Cx<'_>, given: Option<&str>) -> Result<String, Fault> {
    let Some(token) = given else { return Ok(ids::uuid(cx.random())) };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match token.bytes().all(fits) {
        true => Ok(token.to_owned()),
        false => {
            Err(validation("ClientRequestToken must have letters, numbers, hyphens and underscores only."))
        }
    }
}

impl Secret {
    /// Gives a version a value and labels. A version that has that value already stays as it is.
    ///
    /// Says whether anything changed.
    pub(crate) fn put_value(
        &mut self,
        cx: &mut Cx<'_>,
        version: &str,
        value: Value<'_>,
        stages: &[String],
    ) -> Result<bool, Fault> {
        if self.has_value(cx, version, Some(value))? {
            return Ok(false);
        }
        if self.versions.len() >= VERSIONS_MAX && self.versions.get(version).is_none() {
            return Err(limit_exceeded(format!(
                "You can't create more than {VERSIONS_MAX} versions of a secret. Versions without staging labels are removed a day after they were created."
            )));
        }
        let sealed = envelope::seal(cx, self, version, (value.bytes, value.binary))?;
        VALUES.put(&mut cx.tx, &self.version_path(version), &sealed)?;
        let current = self.versions.at(CURRENT).map(str::to_owned);
        self.versions.add(version, cx.now().0, Some(sealed.key));
        for stage in stages {
            self.versions.attach(stage, version)?;
        }
        if current.is_none() {
            self.versions.attach(CURRENT, version)?;
        }
        if self.versions.at(CURRENT) != current.as_deref() {
            self.replaced_by_hand(cx)?;
        }
        for gone in self.versions.prune(cx.now().0) {
            self.erase_version(&mut cx.tx, &gone);
        }
        Ok(true)
    }

    /// Whether a version has this value; another, or any if none is given, is an error.
    fn has_value(&self, cx: &mut Cx<'_>, version: &str, value: Option<Value<'_>>) -> Result<bool, Fault> {
        if self.versions.get(version).is_none_or(|version| version.key.is_none()) {
            return Ok(false);
        }
        if let Some(value) = value {
            let sealed = self.sealed(cx, version)?;
            if sealed.binary == value.binary && **envelope::open(cx, self, version, &sealed)? == *value.bytes
            {
                return Ok(true);
            }
        }
        Err(exists(format!(
            "You can't use ClientRequestToken {version} because that value is already in use for a version of secret {}.",
            self.arn()
        )))
    }

    /// Requires that a version has no value yet.
    pub(crate) fn require_no_value(&self, cx: &mut Cx<'_>, version: &str) -> Result<(), Fault> {
        self.has_value(cx, version, None).map(drop)
    }

    pub(crate) fn sealed(&self, cx: &mut Cx<'_>, version: &str) -> Result<Arc<Sealed>, Fault> {
        let sealed = VALUES.get(&mut cx.tx, &self.version_path(version))?;
        sealed.ok_or_else(|| Fault::bug(format!("{version} of {} has no value", self.arn())))
    }

    /// The version that a request means.
    fn version(&self, id: Option<&str>, stage: Option<&str>) -> Result<&str, Fault> {
        let has_value = |id: &&str| self.versions.get(id).is_some_and(|version| version.key.is_some());
        let by = |what: &str| {
            not_found(format!("Secrets Manager can't find the specified secret value for {what}"))
        };
        let Some(id) = id else {
            let stage = stage.unwrap_or(CURRENT);
            let found = self.versions.at(stage).filter(has_value);
            return found.ok_or_else(|| by(&format!("staging label: {stage}")));
        };
        let found = self.versions.iter().find(|(other, _)| *other == id);
        let (id, version) = found.ok_or_else(|| by(&format!("VersionId: {id}")))?;
        if stage.is_some_and(|stage| !version.stages.iter().any(|one| one == stage)) {
            return Err(invalid_request(
                "You provided a VersionStage that is not associated to the provided VersionId.",
            ));
        }
        Some(id).filter(has_value).ok_or_else(|| by(&format!("VersionId: {id}")))
    }

    /// Notes that a value was read: at most one row a day.
    fn note_access(&self, cx: &mut Cx<'_>, version: &str) -> Result<(), Fault> {
        let today = cx.now().0.div_euclid(DAY_MS).saturating_mul(DAY_MS);
        let path = self.version_path(version);
        match ACCESSED.get(&mut cx.tx, &path)? {
            Some(day) if *day == today => Ok(()),
            _ => ACCESSED.put(&mut cx.tx, &path, &today),
        }
    }
}

impl Handle<ops::PutSecretValue> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &PutSecretValueRequest,
    ) -> Result<PutSecretValueResponse, Fault> {
        let mut secret = find(cx, &input.secret_id, &Asked::to::<ops::PutSecretValue>())?;
        secret.require_primary()?;
        let value = Value::given(input.secret_string.as_deref(), input.secret_binary.as_ref())?
            .ok_or_else(|| invalid_request("You must provide either SecretString or SecretBinary."))?;
        let version = token(cx, input.client_request_token.as_deref())?;
        let current = [CURRENT.to_owned()];
        let stages = input.version_stages.as_deref().unwrap_or(&current);
        if secret.put_value(cx, &version, value, stages)? {
            secret.save(cx)?;
        }
        Ok(PutSecretValueResponse {
            arn: Some(secret.arn()),
            version_stages: secret.versions.get(&version).map(|version| version.stages.clone()),
            version_id: Some(version),
            name: Some(secret.name),
        })
    }
}

impl Handle<ops::GetSecretValue> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetSecretValueRequest,
    ) -> Result<GetSecretValueResponse, Fault> {
        let (id, stage) = (input.version_id.as_deref(), input.version_stage.as_deref());
        let read = stage.or(if id.is_none() { Some(CURRENT) } else { None });
        let asked = Asked::to::<ops::GetSecretValue>()
            .key("secretsmanager:VersionId", id)
            .list("secretsmanager:VersionStage", read.map(str::to_owned));
        let secret = find(cx, &input.secret_id, &asked)?;
        secret.require_live()?;
        let id = secret.version(id, stage)?;
        let sealed = secret.sealed(cx, id)?;
        envelope::require_reach(cx, &secret, secret.kms_key.is_none())?;
        let mut value = envelope::open(cx, &secret, id, &sealed)?;
        secret.note_access(cx, id)?;
        let (text, bytes) = match sealed.binary {
            true => (None, Some(Blob::from(value))),
            false => (Some(text(&mut value)?), None),
        };
        let version = secret.versions.get(id).cloned().unwrap_or_default();
        Ok(GetSecretValueResponse {
            arn: Some(secret.arn()),
            name: Some(secret.name.clone()),
            version_id: Some(id.to_owned()),
            secret_binary: bytes,
            secret_string: text,
            version_stages: (!version.stages.is_empty()).then_some(version.stages),
            created_date: Some(Timestamp(version.created)),
        })
    }
}

fn text(value: &mut Zeroizing<Vec<u8>>) -> Result<String, Fault> {
    String::from_utf8(std::mem::take(&mut **value)).map_err(|_| Fault::bug("a secret string is not text"))
}
