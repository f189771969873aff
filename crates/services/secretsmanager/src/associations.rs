//! Replicas in other accounts: AssociateCrossAccountReplica and its counterpart.
//!
//! Both sides have to agree. The replica's account makes the secret as a replica of one primary secret, and permits
//! `secretsmanager:AcceptCrossAccountReplication` in its resource policy; the primary secret's account associates it.

use crate::SecretsManager;
use crate::access::{Asked, find};
use crate::api::{
    AssociateCrossAccountReplicaRequest, AssociateCrossAccountReplicaResponse, CreateSecretRequest,
    CrossAccountPrimaryType, CrossAccountReplicaEntry, DisassociateCrossAccountReplicaRequest,
    DisassociateCrossAccountReplicaResponse, ReplicaRestrictionType, StatusType, ops,
};
use crate::create::check_copy;
use crate::errors::{invalid_parameter, invalid_request, limit_exceeded, not_found};
use crate::replicas::{self, Origin, Replica};
use crate::secret::{self, Secret};
use platform::{Cx, Fault, Handle};

/// Has a new secret be a replica of one in another account.
pub(crate) fn begin(
    cx: &mut Cx<'_>,
    secret: &mut Secret,
    primary: &str,
    input: &CreateSecretRequest,
) -> Result<(), Fault> {
    check_copy(input)?;
    let place = format!("arn:aws:secretsmanager:{}:", cx.region());
    let rest = primary.strip_prefix(&place).and_then(|rest| rest.split_once(":secret:"));
    let named = rest.and_then(|(account, resource)| Some((account, resource.rsplit_once('-')?.0)));
    let Some((account, name)) = named.filter(|(account, _)| *account != secret.account) else {
        return Err(invalid_parameter(
            "CrossAccountPrimaryARN must be the ARN of a secret in another account and in the same Region.",
        ));
    };
    crate::access::check_name(name)?;
    secret.origin = Some(Origin {
        account: account.to_owned(),
        region: secret.region.clone(),
        name: name.to_owned(),
        arn: primary.to_owned(),
        begun: false,
        detached: false,
    });
    Ok(())
}

/// The primary secret of another account, as DescribeSecret shows it.
pub(crate) fn primary(secret: &Secret) -> Option<CrossAccountPrimaryType> {
    let origin = secret.origin.as_ref().filter(|origin| origin.account != secret.account)?;
    let status = match (origin.detached, origin.begun) {
        (true, _) => StatusType::Detached,
        (false, true) => StatusType::InSync,
        (false, false) => StatusType::Pending,
    };
    Some(CrossAccountPrimaryType {
        primary_secret_arn: Some(origin.arn.clone()),
        replication_status: Some(status),
        status_message: None,
    })
}

/// The replicas in other accounts, as DescribeSecret shows them.
pub(crate) fn replicas(secret: &Secret) -> Option<Vec<CrossAccountReplicaEntry>> {
    let foreign = secret.replicas.iter().filter(|replica| replica.account != secret.account);
    let entries: Vec<_> = foreign
        .map(|replica| CrossAccountReplicaEntry {
            replica_secret_arn: replica.arn.clone(),
            replication_role_arn: None,
            replication_status: Some(replica.status()),
            status_message: replica.failure.clone(),
        })
        .collect();
    (!entries.is_empty()).then_some(entries)
}

impl Handle<ops::AssociateCrossAccountReplica> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &AssociateCrossAccountReplicaRequest,
    ) -> Result<AssociateCrossAccountReplicaResponse, Fault> {
        let asked = Asked::to_action("secretsmanager:AssociateCrossAccountReplica");
        let mut secret = find(cx, &input.secret_id, &asked)?;
        secret.require_primary()?;
        let named = input.cross_account_replica_arn.as_str();
        let accept = Asked::to_action("secretsmanager:AcceptCrossAccountReplication");
        let held = find(cx, named, &accept)?;
        if held.account == secret.account || !named.starts_with("arn:") {
            return Err(invalid_parameter(
                "CrossAccountReplicaARN must be the ARN of a secret in another account.",
            ));
        }
        if input.replication_role_arn.is_some() {
            return Err(invalid_parameter(
                "Replication under a role is not served. Leave ReplicationRoleARN out: callers who update the primary secret replicate it.",
            ));
        }
        // The deployment knows no organizations, so that no two accounts are in the same one.
        if input.replica_restriction != Some(ReplicaRestrictionType::NoRestriction) {
            return Err(invalid_request(
                "The replica account is not in the same organization as the primary account.",
            ));
        }
        held.require_live()?;
        if held.origin.as_ref().is_none_or(|origin| origin.arn != secret.arn()) {
            return Err(invalid_request("The replica secret was not created as a replica of this secret."));
        }
        let foreign = |replica: &Replica| replica.account != secret.account;
        if secret.replicas.iter().any(|one| foreign(one) && one.arn.as_deref() != Some(&*held.arn())) {
            return Err(limit_exceeded("A secret can have one cross-account replica."));
        }
        secret.replicas.retain(|replica| replica.account == secret.account);
        secret.replicas.push(Replica {
            account: held.account.clone(),
            region: held.region.clone(),
            name: held.name.clone(),
            kms_key: held.kms_key.clone(),
            arn: Some(held.arn()),
            failure: None,
            detached: false,
        });
        replicas::sync(cx, &mut secret)?;
        secret.put(cx)?;
        Ok(AssociateCrossAccountReplicaResponse {
            arn: Some(secret.arn()),
            cross_account_replica_arn: Some(held.arn()),
            replication_status: secret.replicas.last().map(Replica::status),
        })
    }
}

impl Handle<ops::DisassociateCrossAccountReplica> for SecretsManager {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DisassociateCrossAccountReplicaRequest,
    ) -> Result<DisassociateCrossAccountReplicaResponse, Fault> {
        let asked = Asked::to_action("secretsmanager:DisassociateCrossAccountReplica");
        let mut secret = find(cx, &input.secret_id, &asked)?;
        secret.require_live()?;
        let named = Some(input.cross_account_replica_arn.as_str());
        let at = secret.replicas.iter().position(|replica| replica.arn.as_deref() == named);
        let at = at.ok_or_else(|| not_found("The replica secret is not associated with this secret."))?;
        let replica = secret.replicas.remove(at);
        if let Some(held) = secret::at(&mut cx.tx, &replica.account, &replica.region, &replica.name)? {
            let mut held = Secret::clone(&held);
            if let Some(origin) = held.origin.as_mut().filter(|origin| origin.arn == secret.arn()) {
                origin.detached = true;
                held.put(cx)?;
            }
        }
        secret.put(cx)?;
        Ok(DisassociateCrossAccountReplicaResponse {
            arn: Some(secret.arn()),
            cross_account_replica_arn: replica.arn,
        })
    }
}
