//! Which users, groups and roles a managed policy is used by.

use crate::access::Ask;
use crate::entity::{self, Entity, Kind};
use crate::groups::Group;
use crate::page::Pager;
use crate::roles::Role;
use crate::usage::{USES, Usage, Use};
use crate::users::User;
use crate::{Iam, api, api::ops, policies};
use platform::{Cx, Fault, Handle, Tx};

/// Name and unique id of one entity that uses the policy.
struct Entry {
    kind: Kind,
    name: String,
    id: String,
}

fn entry<T: Entity>(tx: &mut Tx<'_>, id: &str, prefix: &str) -> Result<Option<Entry>, Fault> {
    let row = entity::referred::<T>(tx, id)?;
    let head = row.head();
    let entry = || Entry { kind: T::KIND, name: head.name.clone(), id: head.id.clone() };
    Ok(head.path.starts_with(prefix).then(entry))
}

impl From<api::PolicyUsageType> for Usage {
    fn from(usage: api::PolicyUsageType) -> Self {
        match usage {
            api::PolicyUsageType::PermissionsPolicy => Self::Permissions,
            api::PolicyUsageType::PermissionsBoundary => Self::Boundary,
        }
    }
}

impl Handle<ops::ListEntitiesForPolicy> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListEntitiesForPolicyRequest,
    ) -> Result<api::ListEntitiesForPolicyResponse, Fault> {
        let arn = input.policy_arn.as_str();
        policies::fetch(cx, Ask::to("iam:ListEntitiesForPolicy"), arn)?;
        let account = cx.account();
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let (filter, only) = (input.entity_filter, input.policy_usage_filter.map(Usage::from));
        let list = format!("entities/{arn}/{prefix}/{filter:?}/{only:?}");
        let mut pager = Pager::begin(cx, &list, input.marker.as_ref(), input.max_items)?;
        let kinds = [
            (api::EntityType::Group, Kind::Group),
            (api::EntityType::User, Kind::User),
            (api::EntityType::Role, Kind::Role),
        ];
        let usages = [Usage::Permissions, Usage::Boundary];
        let sections = usages.iter().flat_map(|usage| kinds.iter().map(move |kind| (*usage, *kind)));
        for (section, (usage, (name, kind))) in (0..).zip(sections) {
            if only.is_some_and(|only| only != usage) || filter.is_some_and(|filter| filter != name) {
                continue;
            }
            let below = [account, arn, usage.name(), kind.noun()];
            pager.rows(&mut cx.tx, section, &USES, &below, |tx, id, ()| {
                let attached = Use { account, policy_arn: arn, usage: Usage::Permissions, kind, id };
                // Listed already, among those that it is attached to.
                if usage == Usage::Boundary && only.is_none() && attached.exists(tx)? {
                    return Ok(None);
                }
                match kind {
                    Kind::User => entry::<User>(tx, id, prefix),
                    Kind::Group => entry::<Group>(tx, id, prefix),
                    _ => entry::<Role>(tx, id, prefix),
                }
            })?;
        }
        let page = pager.end(cx)?;
        let (mut groups, mut users, mut roles) = (Vec::new(), Vec::new(), Vec::new());
        for Entry { kind, name, id } in page.items {
            let (name, id) = (Some(name), Some(id));
            match kind {
                Kind::User => users.push(api::PolicyUser { user_name: name, user_id: id }),
                Kind::Group => groups.push(api::PolicyGroup { group_name: name, group_id: id }),
                _ => roles.push(api::PolicyRole { role_name: name, role_id: id }),
            }
        }
        Ok(api::ListEntitiesForPolicyResponse {
            policy_groups: Some(groups),
            policy_users: Some(users),
            policy_roles: Some(roles),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}
