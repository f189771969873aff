//! DescribeSecret.

use crate::SecretsManager;
use crate::access::{Asked, find};
use crate::api::{DescribeSecretRequest, DescribeSecretResponse, ops};
use crate::{associations, replicas};
use platform::{Cx, Fault, Handle};
use wire::Timestamp;

impl Handle<ops::DescribeSecret> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DescribeSecretRequest,
    ) -> Result<DescribeSecretResponse, Fault> {
        let secret = find(cx, &input.secret_id, &Asked::to::<ops::DescribeSecret>())?;
        let accessed = secret.accessed(cx)?;
        let rotation = secret.rotation.as_ref();
        Ok(DescribeSecretResponse {
            arn: Some(secret.arn()),
            name: Some(secret.name.clone()),
            description: secret.description.clone(),
            kms_key_id: secret.kms_key.clone(),
            rotation_enabled: rotation.map(|rotation| rotation.enabled),
            rotation_lambda_arn: rotation.and_then(|rotation| rotation.function.clone()),
            rotation_rules: rotation.map(|rotation| rotation.rules.shown()),
            last_rotated_date: rotation.and_then(|rotation| rotation.last).map(Timestamp),
            last_changed_date: Some(Timestamp(secret.changed)),
            last_accessed_date: accessed.map(Timestamp),
            deleted_date: secret.deletion.map(|deletion| Timestamp(deletion.asked)),
            next_rotation_date: rotation.and_then(|rotation| rotation.next_date()).map(Timestamp),
            tags: secret.tag_list(),
            version_ids_to_stages: secret.versions.to_stages(),
            created_date: Some(Timestamp(secret.created)),
            primary_region: secret.primary_region().map(str::to_owned),
            replication_status: replicas::statuses(cx, &secret)?,
            cross_account_primary: associations::primary(&secret),
            cross_account_replicas: associations::replicas(&secret),
            r#type: secret.partner.clone(),
            ..DescribeSecretResponse::default()
        })
    }
}
