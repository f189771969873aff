//! UpdateSecret.

use crate::SecretsManager;
use crate::access::{Asked, find};
use crate::api::{UpdateSecretRequest, UpdateSecretResponse, ops};
use crate::envelope;
use crate::errors::invalid_parameter;
use crate::secret::{DEFAULT_KEY, Secret};
use crate::stages::{CURRENT, PENDING, PREVIOUS};
use crate::values::{self, VALUES, Value};
use platform::{Blame, Cx, Fault, Handle};
use std::borrow::Cow;

/// The KMS key that a request names, if it is another than the default one.
pub(crate) fn key(named: Option<&str>) -> Option<String> {
    named.filter(|key| !key.is_empty() && *key != DEFAULT_KEY).map(str::to_owned)
}

/// The condition keys about the KMS key that a request names.
pub(crate) fn with_key<'a>(asked: Asked<'a>, secret: &Secret, named: Option<&'a str>) -> Asked<'a> {
    let arn = key(named).map(|_| Cow::Owned::<str>(secret.key_arn()));
    asked.key("secretsmanager:KmsKeyId", named).key("secretsmanager:KmsKeyArn", arn)
}

/// Requires that no partner holds the value: what they publish to AWS there is not here.
pub(crate) fn check_partner(named: Option<&str>) -> Result<(), Fault> {
    match named {
        None | Some("") => Ok(()),
        Some(partner) => {
            Err(invalid_parameter(format!("{partner} is not a type of managed external secrets.")))
        }
    }
}

impl Handle<ops::UpdateSecret> for SecretsManager {
    fn handle(&self, cx: &mut Cx<'_>, input: &UpdateSecretRequest) -> Result<UpdateSecretResponse, Fault> {
        let named = input.kms_key_id.as_deref();
        let asked = Asked::to::<ops::UpdateSecret>()
            .key("secretsmanager:Description", input.description.as_deref())
            .key("secretsmanager:Type", input.r#type.as_deref());
        let probe = crate::access::locate(cx, &input.secret_id)?.secret;
        let asked = match probe {
            Some(secret) => {
                let with = Secret { kms_key: key(named), ..Secret::clone(&secret) };
                with_key(asked, &with, named)
            }
            None => asked.key("secretsmanager:KmsKeyId", named),
        };
        let mut secret = find(cx, &input.secret_id, &asked)?;
        let value = Value::given(input.secret_string.as_deref(), input.secret_binary.as_ref())?;
        // A replica has its own key, and nothing else of its own.
        match value.is_none() && input.description.is_none() && input.r#type.is_none() {
            true => secret.require_live()?,
            false => secret.require_primary()?,
        }
        check_partner(input.r#type.as_deref())?;
        if let Some(description) = &input.description {
            secret.description = Some(description.clone()).filter(|text| !text.is_empty());
        }
        if named.is_some() && key(named) != secret.kms_key {
            secret.change_key(cx, key(named))?;
        }
        let version = values::token(cx, input.client_request_token.as_deref())?;
        if let Some(value) = value {
            secret.require_no_value(cx, &version)?;
            secret.put_value(cx, &version, value, &[CURRENT.to_owned()])?;
        }
        secret.save(cx)?;
        Ok(UpdateSecretResponse {
            arn: Some(secret.arn()),
            version_id: value.map(|_| version),
            name: Some(secret.name),
        })
    }
}

impl Secret {
    /// Takes another KMS key, and encrypts the versions in use under it.
    ///
    /// Where the caller may not decrypt what there is, or not encrypt with the new key, old versions stay under the old one.
    fn change_key(&mut self, cx: &mut Cx<'_>, key: Option<String>) -> Result<(), Fault> {
        self.kms_key = key;
        envelope::require_reach(cx, self, self.kms_key.is_none())?;
        if self.versions.len() == 0 {
            return envelope::test_key(cx, self);
        }
        let stages = [CURRENT, PENDING, PREVIOUS];
        let mut versions: Vec<_> =
            stages.iter().filter_map(|stage| self.versions.at(stage)).map(str::to_owned).collect();
        versions.sort_unstable();
        versions.dedup();
        for version in versions {
            match self.reseal(cx, &version) {
                Err(fault) if fault.blame() == Blame::Denied => return Ok(()),
                result => result?,
            }
        }
        Ok(())
    }

    fn reseal(&mut self, cx: &mut Cx<'_>, version: &str) -> Result<(), Fault> {
        let Some(held) = self.versions.get(version).filter(|version| version.key.is_some()).cloned() else {
            return Ok(());
        };
        let sealed = self.sealed(cx, version)?;
        let value = envelope::open(cx, self, version, &sealed)?;
        let sealed = envelope::seal(cx, self, version, (&value, sealed.binary))?;
        VALUES.put(&mut cx.tx, &self.version_path(version), &sealed)?;
        self.versions.add(version, held.created, Some(sealed.key));
        Ok(())
    }
}
