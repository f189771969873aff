//! AWS's managed policies, `arn:aws:iam::aws:policy/…`: the table is `aws_managed.jsonl`, one policy a line.
//!
//! Names, purposes and ARNs are those that people know; what the policies allow is written for the services there are.

use crate::entity::{Entity, Head};
use crate::policies::ManagedPolicy;
use crate::tags::Tags;
use platform::{Document, Fault};
use policy::{Policy, PolicyKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// Everything is allowed.
pub(crate) const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// Everything is denied.
pub(crate) const DENY_ALL: &str = "arn:aws:iam::aws:policy/AWSDenyAll";

/// The account that ARNs of AWS's policies name.
pub(crate) const ACCOUNT: &str = "aws";

/// When the policies were created, as answers tell it: 2026-01-01.
const CREATED_MS: i64 = 1_767_225_600_000;

/// One line of the table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'l> {
    name: String,
    path: String,
    id: String,
    description: String,
    #[serde(borrow)]
    document: &'l serde_json::value::RawValue,
}

/// By ARN. A line that cannot be read is left out; a test reads them all.
static POLICIES: LazyLock<BTreeMap<String, Arc<ManagedPolicy>>> = LazyLock::new(|| {
    let lines = include_str!("aws_managed.jsonl").lines();
    lines.filter_map(read).map(|policy| (policy.arn(), Arc::new(policy))).collect()
});

fn read(line: &str) -> Option<ManagedPolicy> {
    let Line { name, path, id, description, document } = serde_json::from_str(line).ok()?;
    let policy = Policy::parse(document.get(), PolicyKind::Identity).ok()?;
    let head = Head { account: ACCOUNT.to_owned(), path, name, id, created: CREATED_MS, tags: Tags::new() };
    Some(ManagedPolicy::new(head, Some(description), Document::new(document.get(), policy)))
}

/// The policy with an ARN.
pub(crate) fn find(arn: &str) -> Option<Arc<ManagedPolicy>> {
    POLICIES.get(arn).cloned()
}

/// All of them, in the order of their ARNs.
pub(crate) fn all() -> impl Iterator<Item = &'static ManagedPolicy> {
    POLICIES.values().map(|policy| &**policy)
}

/// What one of them says.
pub(crate) fn document(arn: &str) -> Result<Arc<Policy>, Fault> {
    let policy = find(arn).ok_or_else(|| Fault::bug(format!("no policy {arn}")))?;
    policy.document()?.policy(PolicyKind::Identity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_line_is_a_policy() {
        let lines = include_str!("aws_managed.jsonl").lines().count();
        assert_eq!(POLICIES.len(), lines);
        let ids: BTreeSet<_> = all().map(|policy| policy.head().id.clone()).collect();
        assert_eq!(ids.len(), lines);
        for policy in all() {
            let head = policy.head();
            assert!(head.id.starts_with("ANPA") && head.id.len() == 21, "{}", head.name);
            assert!(head.path == "/" || head.path == "/job-function/", "{}", head.name);
        }
        for arn in [ADMINISTRATOR, DENY_ALL] {
            document(arn).unwrap();
        }
    }
}
