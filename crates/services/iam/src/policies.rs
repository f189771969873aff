//! Managed policies: the account's own, and AWS's.

use crate::access::Ask;
use crate::entity::{self, Entity, Head, Kind, NAMES, seconds};
use crate::errors::{delete_conflict, invalid_input, validation};
use crate::page::Pager;
use crate::usage::{Counts, Usage};
use crate::{Iam, account::Account, api, api::ops, aws_managed, documents, tags};
use platform::{Cx, Document, Fault, Handle, Session, Table, Tx};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Unit;

/// A managed policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ManagedPolicy {
    head: Head,
    #[serde(default)]
    description: Option<String>,
    /// When versions last changed, in milliseconds since the epoch.
    updated: i64,
    /// The number of the version in force.
    default: u32,
    /// The number that the next version gets: numbers are not used again.
    next: u32,
    /// Versions in the order of their numbers.
    versions: Vec<Version>,
}

/// One version of a managed policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) number: u32,
    /// In milliseconds since the epoch.
    pub(crate) created: i64,
    pub(crate) document: Document,
}

impl Entity for ManagedPolicy {
    const KIND: Kind = Kind::Policy;
    const TABLE: Table<Self> = Table::new("iam/policies");

    fn head(&self) -> &Head {
        &self.head
    }

    fn head_mut(&mut self) -> &mut Head {
        &mut self.head
    }

    /// Policies are referred to by ARN, and neither name nor path of one can change.
    fn key(&self) -> String {
        self.arn()
    }
}

impl ManagedPolicy {
    /// A policy with one version.
    pub(crate) fn new(head: Head, description: Option<String>, document: Document) -> Self {
        let created = head.created;
        let versions = vec![Version { number: 1, created, document }];
        Self { head, description, updated: created, default: 1, next: 2, versions }
    }

    pub(crate) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The version called `v1`, `v2`, …
    pub(crate) fn version(&self, id: &str) -> Option<&Version> {
        let number: u32 = id.strip_prefix('v')?.parse().ok()?;
        self.versions.iter().find(|version| version.number == number)
    }

    pub(crate) fn is_default(&self, version: &Version) -> bool {
        version.number == self.default
    }

    /// The document in force.
    pub(crate) fn document(&self) -> Result<&Document, Fault> {
        let version = self.versions.iter().find(|version| self.is_default(version));
        let version = version.ok_or_else(|| Fault::bug(format!("{} has no default version", self.arn())))?;
        Ok(&version.document)
    }

    /// Adds a version and gives its number.
    pub(crate) fn add_version(&mut self, document: Document, now: i64) -> u32 {
        let number = self.next;
        self.versions.push(Version { number, created: now, document });
        self.next = number.saturating_add(1);
        self.updated = now;
        number
    }

    pub(crate) fn remove_version(&mut self, number: u32, now: i64) {
        self.versions.retain(|version| version.number != number);
        self.updated = now;
    }

    /// Puts a version into force.
    pub(crate) fn set_default(&mut self, number: u32, now: i64) {
        self.default = number;
        self.updated = now;
    }

    /// The policy as lists show it.
    fn brief(&self, used: Counts) -> api::Policy {
        api::Policy {
            policy_name: Some(self.head.name.clone()),
            policy_id: Some(self.head.id.clone()),
            arn: Some(self.arn()),
            path: Some(self.head.path.clone()),
            default_version_id: Some(format!("v{}", self.default)),
            attachment_count: Some(used.permissions),
            permissions_boundary_usage_count: Some(used.boundary),
            is_attachable: Some(true),
            create_date: Some(self.head.create_date()),
            update_date: Some(seconds(self.updated)),
            description: None,
            tags: None,
        }
    }

    fn whole(&self, used: Counts) -> api::Policy {
        let (description, tags) = (self.description.clone(), tags::answer(&self.head.tags));
        api::Policy { description, tags, ..self.brief(used) }
    }

    /// The policy with all its documents.
    pub(crate) fn detail(&self, used: Counts) -> api::ManagedPolicyDetail {
        let policy = self.whole(used);
        api::ManagedPolicyDetail {
            policy_name: policy.policy_name,
            policy_id: policy.policy_id,
            arn: policy.arn,
            path: policy.path,
            default_version_id: policy.default_version_id,
            attachment_count: policy.attachment_count,
            permissions_boundary_usage_count: policy.permissions_boundary_usage_count,
            is_attachable: policy.is_attachable,
            description: policy.description,
            create_date: policy.create_date,
            update_date: policy.update_date,
            policy_version_list: Some(
                self.versions.iter().rev().map(|version| self.answer_version(version, true)).collect(),
            ),
        }
    }

    /// A version, with or without its document.
    pub(crate) fn answer_version(&self, version: &Version, document: bool) -> api::PolicyVersion {
        api::PolicyVersion {
            document: document.then(|| documents::encoded(version.document.text())),
            version_id: Some(format!("v{}", version.number)),
            is_default_version: Some(self.is_default(version)),
            create_date: Some(seconds(version.created)),
        }
    }
}

/// Parts of an ARN: `arn`, partition, service, region, account, resource.
const ARN_PARTS: usize = 6;

/// The managed policies that a session was made with, in the order of its ARNs; none for one that has been deleted since, even if there is
/// another under its ARN. A session of an older token tells no ids.
pub(crate) fn of_session(
    tx: &mut Tx<'_>,
    account: &str,
    session: &Session,
) -> Result<Vec<Option<Arc<ManagedPolicy>>>, Fault> {
    let mut found = Vec::with_capacity(session.policy_arns.len());
    for (number, arn) in session.policy_arns.iter().enumerate() {
        let same = |policy: &Arc<ManagedPolicy>| {
            session.policy_ids.get(number).is_none_or(|id| *id == policy.head.id)
        };
        found.push(find(tx, account, arn)?.filter(same));
    }
    Ok(found)
}

/// Whether a text has the form of a managed policy's ARN.
fn is_policy_arn(arn: &str) -> bool {
    let Some((account, path)) =
        arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":policy/"))
    else {
        return false;
    };
    let account =
        account == "aws" || account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    account && !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Refuses what is not the ARN of a managed policy.
pub(crate) fn check_arn(arn: &str) -> Result<(), Fault> {
    if is_policy_arn(arn) {
        return Ok(());
    }
    let is_arn = arn.starts_with("arn:") && arn.split(':').count() >= ARN_PARTS;
    Err(if is_arn {
        invalid_input(format!("ARN {arn} is not valid."))
    } else {
        validation("Invalid ARN:  Could not be parsed!")
    })
}

/// The policy with an ARN: AWS's, or the account's own.
pub(crate) fn find(tx: &mut Tx<'_>, account: &str, arn: &str) -> Result<Option<Arc<ManagedPolicy>>, Fault> {
    if let Some(policy) = aws_managed::find(arn) {
        return Ok(Some(policy));
    }
    let policy = ManagedPolicy::TABLE.get(tx, &[arn])?;
    Ok(policy.filter(|policy| policy.head.account == account))
}

/// The policy with an ARN that a row holds.
pub(crate) fn referred(tx: &mut Tx<'_>, arn: &str) -> Result<Arc<ManagedPolicy>, Fault> {
    match aws_managed::find(arn) {
        Some(policy) => Ok(policy),
        None => entity::referred(tx, arn),
    }
}

/// The policy with an ARN, for an action that the caller is allowed.
pub(crate) fn fetch(cx: &mut Cx<'_>, ask: Ask<'_>, arn: &str) -> Result<Arc<ManagedPolicy>, Fault> {
    check_arn(arn)?;
    let account = cx.account();
    match find(&mut cx.tx, account, arn)? {
        Some(policy) => {
            entity::authorize(cx, ask, &*policy, arn)?;
            Ok(policy)
        }
        None => {
            ask.called(&Kind::Policy.called(arn)).authorize(cx, arn, None)?;
            Err(Kind::Policy.missing(arn))
        }
    }
}

/// As [`fetch`], for an action that changes the policy: AWS's own are nobody's to change.
pub(crate) fn fetch_own(cx: &mut Cx<'_>, ask: Ask<'_>, arn: &str) -> Result<Arc<ManagedPolicy>, Fault> {
    let policy = fetch(cx, ask, arn)?;
    if policy.head.account != cx.account() {
        let caller = cx.caller().principal.arn();
        return Err(Fault::denied(format!(
            "User: {caller} is not authorized to perform: {} on resource: policy {arn}",
            ask.action()
        )));
    }
    Ok(policy)
}

impl Handle<ops::CreatePolicy> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::CreatePolicyRequest,
    ) -> Result<api::CreatePolicyResponse, Fault> {
        let path = input.path.as_deref();
        let ask = Ask::to("iam:CreatePolicy").new_tags("iam:TagPolicy", input.tags.as_ref());
        entity::authorize_new::<ManagedPolicy>(cx, ask, path, &input.policy_name)?;
        let document = documents::managed(&input.policy_document)?;
        let head = Head::new(cx, Kind::Policy, path, &input.policy_name, tags::of_new(input.tags.as_ref())?)?;
        let policy = ManagedPolicy::new(head, input.description.clone(), document);
        entity::create(cx, &policy)?;
        Account::add_version(&mut cx.tx, &policy.head.account, &policy.arn())?;
        // The answer has no description (IAM API Reference, `Policy`).
        let policy = api::Policy { description: None, ..policy.whole(Counts::default()) };
        Ok(api::CreatePolicyResponse { policy: Some(policy) })
    }
}

impl Handle<ops::GetPolicy> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::GetPolicyRequest,
    ) -> Result<api::GetPolicyResponse, Fault> {
        let policy = fetch(cx, Ask::to("iam:GetPolicy"), &input.policy_arn)?;
        let account = cx.account();
        let used = Counts::of(&mut cx.tx, account, &input.policy_arn)?;
        let tags = Some(tags::list_of(&policy.head.tags));
        Ok(api::GetPolicyResponse { policy: Some(api::Policy { tags, ..policy.whole(used) }) })
    }
}

impl Handle<ops::ListPolicies> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListPoliciesRequest,
    ) -> Result<api::ListPoliciesResponse, Fault> {
        let action = "iam:ListPolicies";
        let account = cx.account();
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        // AWS names this resource so; only `*` in a policy covers it.
        Ask::to(action).authorize(cx, &format!("policy path {prefix}"), None)?;
        let (scope, usage) = (input.scope.unwrap_or_default(), input.policy_usage_filter);
        let only_attached = input.only_attached.unwrap_or_default();
        let list = format!("{action}/{prefix}/{scope}/{only_attached}/{usage:?}");
        let pick = |tx: &mut Tx<'_>, policy: &ManagedPolicy| {
            let used = Counts::of(tx, account, &policy.arn())?;
            let wanted = match usage.map(Usage::from) {
                Some(usage) => used.get(usage) > 0,
                None => used.any() || !only_attached,
            };
            Ok((wanted && policy.head.path.starts_with(prefix)).then(|| policy.brief(used)))
        };
        let mut pager = Pager::begin(cx, &list, input.marker.as_ref(), input.max_items)?;
        if scope != api::PolicyScopeType::Aws {
            pager.rows(&mut cx.tx, 0, &NAMES, &[account, Kind::Policy.noun()], |tx, _, arn| {
                let policy = entity::referred::<ManagedPolicy>(tx, arn)?;
                pick(tx, &policy)
            })?;
        }
        if scope != api::PolicyScopeType::Local {
            let mut listed = Vec::new();
            for policy in aws_managed::all() {
                listed.extend(pick(&mut cx.tx, policy)?);
            }
            pager.entries(1, listed);
        }
        let page = pager.end(cx)?;
        Ok(api::ListPoliciesResponse {
            policies: Some(page.items),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::DeletePolicy> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeletePolicyRequest) -> Result<Unit, Fault> {
        let policy = fetch_own(cx, Ask::to("iam:DeletePolicy"), &input.policy_arn)?;
        let account = cx.account();
        if Counts::of(&mut cx.tx, account, &input.policy_arn)?.any() {
            return Err(delete_conflict("Cannot delete a policy attached to entities."));
        }
        if policy.versions.len() > 1 {
            return Err(delete_conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                 versions. The default version is deleted with the policy.",
            ));
        }
        entity::remove(cx, &*policy)?;
        Account::take_version(&mut cx.tx, account, &input.policy_arn)?;
        Ok(Unit)
    }
}

#[cfg(test)]
mod tests {
    use super::is_policy_arn;

    #[test]
    fn policy_arns() {
        for arn in ["arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::111122223333:policy/a/b"] {
            assert!(is_policy_arn(arn), "{arn}");
        }
        for arn in [
            "",
            "arn:aws:iam::aws:policy/",
            "arn:aws:iam::11112222333:policy/a",
            "arn:aws:iam::111122223333:role/a",
            "arn:aws:iam:us-east-1:111122223333:policy/a",
            "arn:aws:iam::111122223333:policy/a b",
        ] {
            assert!(!is_policy_arn(arn), "{arn}");
        }
    }
}
