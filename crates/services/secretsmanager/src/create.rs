//! CreateSecret.

use crate::SecretsManager;
use crate::access::{self, Asked};
use crate::api::{CreateSecretRequest, CreateSecretResponse, ops};
use crate::errors::{exists, invalid_parameter, invalid_request, validation};
use crate::secret::{self, Secret};
use crate::stages::{CURRENT, Versions};
use crate::values::{self, Value};
use crate::{associations, envelope, replicas, tags, update};
use platform::{Cx, Fault, Handle};
use std::collections::BTreeMap;

/// The longest name (API Reference, `CreateSecret`): the ARN's suffix comes to it.
const NAME_MAX: usize = 512;

impl Handle<ops::CreateSecret> for SecretsManager {
    fn handle(&self, cx: &mut Cx<'_>, input: &CreateSecretRequest) -> Result<CreateSecretResponse, Fault> {
        let requested = input.tags.as_deref().unwrap_or_default();
        let regions = input.add_replica_regions.as_deref().unwrap_or_default();
        access::check_name(&input.name)?;
        if input.name.len() > NAME_MAX {
            return Err(validation(format!("A name has no more than {NAME_MAX} characters.")));
        }
        let mut secret = new(cx, input);
        authorize(cx, input, &secret)?;
        tags::add(&mut secret.tags, requested)?;
        update::check_partner(input.r#type.as_deref())?;
        let value = Value::given(input.secret_string.as_deref(), input.secret_binary.as_ref())?;
        let version = values::token(cx, input.client_request_token.as_deref())?;
        let place = (secret.account.clone(), secret.region.clone());
        if let Some(held) = secret::at(&mut cx.tx, &place.0, &place.1, &input.name)? {
            return again(cx, Secret::clone(&held), &version, value);
        }
        if let Some(primary) = &input.cross_account_primary_arn {
            associations::begin(cx, &mut secret, primary, input)?;
        }
        match value {
            Some(value) => {
                secret.put_value(cx, &version, value, &[CURRENT.to_owned()])?;
            }
            None => envelope::test_key(cx, &secret)?,
        }
        secret.insert(cx)?;
        cx.touch(secret::KIND, &secret.arn(), &secret.account);
        let overwrite = input.force_overwrite_replica_secret == Some(true);
        replicas::add(cx, &mut secret, regions, overwrite)?;
        secret.put(cx)?;
        Ok(CreateSecretResponse {
            arn: Some(secret.arn()),
            replication_status: replicas::statuses(cx, &secret)?,
            version_id: value.map(|_| version),
            name: Some(secret.name),
        })
    }
}

fn new(cx: &Cx<'_>, input: &CreateSecretRequest) -> Secret {
    Secret {
        account: cx.account().to_owned(),
        region: cx.region().to_owned(),
        name: input.name.clone(),
        suffix: access::new_suffix(cx),
        description: input.description.clone().filter(|text| !text.is_empty()),
        partner: input.r#type.clone(),
        kms_key: update::key(input.kms_key_id.as_deref()),
        created: cx.now().0,
        changed: cx.now().0,
        deletion: None,
        tags: BTreeMap::new(),
        policy: None,
        versions: Versions::default(),
        rotation: None,
        replicas: Vec::new(),
        origin: None,
    }
}

/// Tags and replicas take the permissions that they take for a secret that there is (API Reference, `CreateSecret`).
fn authorize(cx: &mut Cx<'_>, input: &CreateSecretRequest, secret: &Secret) -> Result<(), Fault> {
    let requested = input.tags.as_deref().unwrap_or_default();
    let regions = input.add_replica_regions.as_deref().unwrap_or_default();
    let tagged = Secret { tags: tags::of(requested), ..secret.clone() };
    let create = update::with_key(Asked::to::<ops::CreateSecret>(), secret, input.kms_key_id.as_deref())
        .adding(requested)
        .key("secretsmanager:Name", Some(&*input.name))
        .key("secretsmanager:Description", input.description.as_deref())
        .key("secretsmanager:Type", input.r#type.as_deref());
    replicas::with_regions(create, regions, input.force_overwrite_replica_secret).require_new(cx, &tagged)?;
    if !requested.is_empty() {
        Asked::to::<ops::TagResource>().adding(requested).require_new(cx, &tagged)?;
    }
    if !regions.is_empty() {
        let replicate = Asked::to::<ops::ReplicateSecretToRegions>();
        replicas::with_regions(replicate, regions, input.force_overwrite_replica_secret)
            .require_new(cx, &tagged)?;
    }
    Ok(())
}

/// The answer where there is a secret of that name: the same as the first time, if the request is the same.
fn again(
    cx: &mut Cx<'_>,
    secret: Secret,
    version: &str,
    value: Option<Value<'_>>,
) -> Result<CreateSecretResponse, Fault> {
    if secret.deletion.is_some() {
        return Err(invalid_request(
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        ));
    }
    let known = secret.versions.get(version).is_some_and(|version| version.key.is_some());
    let (Some(value), true) = (value, known) else {
        return Err(exists(format!(
            "The operation failed because the secret {} already exists.",
            secret.name
        )));
    };
    // It has this value, or else this is the error.
    secret.clone().put_value(cx, version, value, &[])?;
    Ok(CreateSecretResponse {
        arn: Some(secret.arn()),
        version_id: Some(version.to_owned()),
        replication_status: replicas::statuses(cx, &secret)?,
        name: Some(secret.name),
    })
}

/// Requires what a request for a copy of another account's secret must and must not have.
pub(crate) fn check_copy(input: &CreateSecretRequest) -> Result<(), Fault> {
    let excluded = input.add_replica_regions.is_some()
        || input.description.is_some()
        || input.secret_binary.is_some()
        || input.secret_string.is_some()
        || input.r#type.is_some();
    if excluded {
        return Err(invalid_parameter(
            "A cross-account replica secret can't include AddReplicaRegions, Description, SecretBinary, SecretString, or Type.",
        ));
    }
    if update::key(input.kms_key_id.as_deref()).is_none() {
        return Err(invalid_parameter(
            "A cross-account replica secret must use a customer managed KMS key. Specify it in KmsKeyId.",
        ));
    }
    Ok(())
}
