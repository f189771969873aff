//! ListSecretVersionIds and UpdateSecretVersionStage.

use crate::SecretsManager;
use crate::access::{Asked, find};
use crate::api::{
    ListSecretVersionIdsRequest, ListSecretVersionIdsResponse, SecretVersionsListEntry,
    UpdateSecretVersionStageRequest, UpdateSecretVersionStageResponse, ops,
};
use crate::errors::{invalid_parameter, not_found};
use crate::lists::page_of;
use crate::secret::Secret;
use crate::stages::{CURRENT, Versions};
use platform::{Cx, Fault, Handle};
use wire::Timestamp;

/// Entries of a page where the request says nothing.
const PAGE: usize = 100;

/// The name by which the list of versions calls the default key.
const DEFAULT_KEY_NAME: &str = "DefaultEncryptionKey";

impl Handle<ops::ListSecretVersionIds> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ListSecretVersionIdsRequest,
    ) -> Result<ListSecretVersionIdsResponse, Fault> {
        let secret = find(cx, &input.secret_id, &Asked::to::<ops::ListSecretVersionIds>())?;
        let all = input.include_deprecated == Some(true);
        let listed = secret.versions.iter();
        let listed =
            listed.filter(|(_, version)| version.key.is_some() && (all || !version.stages.is_empty()));
        let mut listed: Vec<_> =
            listed.map(|(id, version)| (format!("{:020} {id}", version.created), id.to_owned())).collect();
        listed.sort_unstable();
        let list = format!("secretsmanager:ListSecretVersionIds/{}/{all}", secret.arn());
        let (ids, next_token) =
            page_of(cx, &list, listed, (input.max_results, PAGE), input.next_token.as_deref())?;
        let entries = ids.iter().map(|id| entry(cx, &secret, id)).collect::<Result<_, _>>()?;
        Ok(ListSecretVersionIdsResponse {
            versions: Some(entries),
            next_token,
            arn: Some(secret.arn()),
            name: Some(secret.name),
        })
    }
}

fn entry(cx: &mut Cx<'_>, secret: &Secret, id: &str) -> Result<SecretVersionsListEntry, Fault> {
    let version = secret.versions.get(id).cloned().unwrap_or_default();
    let key = match secret.kms_key {
        None => Some(DEFAULT_KEY_NAME.to_owned()),
        Some(_) => version.key,
    };
    Ok(SecretVersionsListEntry {
        version_id: Some(id.to_owned()),
        version_stages: (!version.stages.is_empty()).then_some(version.stages),
        last_accessed_date: secret.version_accessed(cx, id)?.map(Timestamp),
        created_date: Some(Timestamp(version.created)),
        kms_key_ids: key.map(|key| vec![key]),
    })
}

impl Handle<ops::UpdateSecretVersionStage> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &UpdateSecretVersionStageRequest,
    ) -> Result<UpdateSecretVersionStageResponse, Fault> {
        let stage = input.version_stage.as_str();
        let asked = Asked::to::<ops::UpdateSecretVersionStage>()
            .list("secretsmanager:VersionStage", [stage.to_owned()]);
        let mut secret = find(cx, &input.secret_id, &asked)?;
        secret.require_primary()?;
        let (from, to) = (input.remove_from_version_id.as_deref(), input.move_to_version_id.as_deref());
        check(&secret.versions, stage, from, to)?;
        match to {
            Some(to) => secret.versions.attach(stage, to)?,
            None => secret.versions.detach(stage),
        }
        secret.save(cx)?;
        Ok(UpdateSecretVersionStageResponse { arn: Some(secret.arn()), name: Some(secret.name) })
    }
}

/// Requires that the versions exist, and that the request names the one that a label leaves.
fn check(versions: &Versions, stage: &str, from: Option<&str>, to: Option<&str>) -> Result<(), Fault> {
    if let Some(id) = from.into_iter().chain(to).find(|id| versions.get(id).is_none()) {
        return Err(not_found(format!(
            "Secrets Manager can't find the specified secret value for VersionId: {id}"
        )));
    }
    if from.is_none() && to.is_none() {
        return Err(invalid_parameter(
            "You must specify MoveToVersionId, RemoveFromVersionId, or both of them.",
        ));
    }
    let held = versions.at(stage);
    if to.is_none() && stage == CURRENT {
        return Err(invalid_parameter(
            "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
        ));
    }
    match (held, from) {
        (Some(held), None) if Some(held) != to => Err(invalid_parameter(format!(
            "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {held}, so you must explicitly reference that version in RemoveFromVersionId."
        ))),
        (held, Some(from)) if held != Some(from) => Err(invalid_parameter(format!(
            "The parameter RemoveFromVersionId is not valid. Staging label {stage} is not attached to version {from}."
        ))),
        _ => Ok(()),
    }
}
