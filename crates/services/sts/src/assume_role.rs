//! Taking on a role.

use crate::Sts;
use crate::api::{AssumeRoleRequest, AssumeRoleResponse, AssumedRoleUser, ops};
use crate::issue::Issued;
use crate::packed::{invalid, pack};
use platform::{Access, Cx, Fault, Handle, Principal, Session};
use policy::Mode;
use std::collections::BTreeMap;

/// How long a session lasts if the caller does not say, in seconds.
const DURATION_SECONDS_DEFAULT: i32 = 3600;

/// The longest session of a role that was assumed from another role's session, in seconds (IAM User Guide, "role chaining").
const CHAINED_SECONDS_MAX: i32 = 3600;

impl Handle<ops::AssumeRole> for Sts {
    fn handle(&self, cx: &mut Cx<'_>, input: &AssumeRoleRequest) -> Result<AssumeRoleResponse, Fault> {
        let arn = cx.caller().principal.arn();
        let refused = || {
            let caller = &arn;
            Fault::denied(format!(
                "User: {caller} is not authorized to perform: sts:AssumeRole on resource: {}",
                input.role_arn
            ))
        };
        if matches!(cx.caller().principal, Principal::Root { .. }) {
            return Err(Fault::denied("Roles may not be assumed by root accounts."));
        }
        let (account, name) = parse_role_arn(&input.role_arn)
            .ok_or_else(|| invalid(format!("{} is invalid", input.role_arn)))?;
        // Whether a role exists is not told apart from whether it may be assumed.
        let Some(role) = cx.directory().role(&mut cx.tx, account, name)? else { return Err(refused()) };
        if role.principal.principal_arn() != input.role_arn {
            return Err(refused());
        }
        cx.touch("AWS::IAM::Role", &input.role_arn, account);

        let own = cx.caller().session.clone();
        let source_identity = own.as_ref().and_then(|own| own.source_identity.clone());
        if let (Some(old), Some(new)) = (&source_identity, &input.source_identity)
            && old != new
        {
            return Err(refused());
        }
        let tags = input.tags.as_deref().unwrap_or_default();
        let transitive = input.transitive_tag_keys.as_deref().unwrap_or_default();
        let access = |action| {
            let mut access = Access::to(action, input.role_arn.as_str())
                .owned_by(account)
                .with_policy(&role.trust, Mode::AssumeRole)
                .tagged(&role.tags)
                .requesting_tags(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))
                .key("sts:RoleSessionName", input.role_session_name.as_str());
            if let Some(id) = &input.external_id {
                access = access.key("sts:ExternalId", id.as_str());
            }
            if let Some(identity) = &input.source_identity {
                access = access.key("sts:SourceIdentity", identity.as_str());
            }
            if !transitive.is_empty() {
                access = access.keys("sts:TransitiveTagKeys", transitive.iter().cloned());
            }
            access
        };
        let inherited: BTreeMap<_, _> = own.iter().flat_map(|own| inherited_tags(own)).collect();
        // Transitive tags of the caller's own session are set in the new one, which takes the permission too, as AWS asks it of chains that
        // begin with tags of EKS Pod Identity.
        let tags_session = !tags.is_empty() || !inherited.is_empty();
        let mut asked = vec!["sts:AssumeRole"];
        asked.extend(tags_session.then_some("sts:TagSession"));
        asked.extend(input.source_identity.is_some().then_some("sts:SetSourceIdentity"));
        let mut rest = asked.as_slice();
        while let [action, further @ ..] = rest {
            let mut asks = access(action);
            for later in further {
                asks = asks.before(later, input.role_arn.as_str());
            }
            cx.authorize(&asks)?;
            rest = further;
        }
        if input.serial_number.is_some() || input.token_code.is_some() {
            let message = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
            return Err(Fault::denied(message));
        }

        let chained = matches!(cx.caller().principal, Principal::Role { .. });
        let seconds =
            input.duration_seconds.unwrap_or(DURATION_SECONDS_DEFAULT.min(role.max_session_seconds));
        if chained && seconds > CHAINED_SECONDS_MAX {
            return Err(invalid(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
            ));
        }
        if seconds > role.max_session_seconds {
            let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
            return Err(invalid(message));
        }
        let mut passed_on: Vec<String> = inherited.keys().cloned().collect();
        for key in transitive {
            if !tags.iter().any(|tag| policy::key::same(&tag.key, key)) {
                return Err(invalid(
                    "The specified transitive tag key must be included in the requested tags.",
                ));
            }
            passed_on.push(key.clone());
        }
        let packed = pack(
            cx,
            account,
            input.policy.as_deref(),
            input.policy_arns.as_deref().unwrap_or_default(),
            tags,
            inherited,
        )?;
        let principal = with_session_name(role.principal, &input.role_session_name);
        let (id, arn) = (principal.user_id(), principal.arn());
        let session = Session {
            issued: cx.now().0,
            expires: cx.now().0.saturating_add(i64::from(seconds) * 1000),
            policies: packed.policies,
            policy_arns: packed.policy_arns,
            tags: packed.tags,
            transitive: passed_on,
            source_identity: source_identity.or_else(|| input.source_identity.clone()),
        };
        let source_identity = session.source_identity.clone();
        let issued = Issued::new(cx, principal, session, input.minimum_session_token_size)?;
        cx.touch("AWS::STS::AssumedRole", &arn, account);
        Ok(AssumeRoleResponse {
            credentials: Some(issued.credentials),
            session_token_size: Some(issued.size),
            session_token_utilization: Some(issued.utilization),
            assumed_role_user: Some(AssumedRoleUser { assumed_role_id: id, arn }),
            packed_policy_size: packed.percent,
            source_identity,
        })
    }
}

fn inherited_tags(session: &Session) -> impl Iterator<Item = (String, String)> {
    let passed_on = |key: &String| session.transitive.iter().any(|other| policy::key::same(other, key));
    session
        .tags
        .iter()
        .filter(move |(key, _)| passed_on(key))
        .map(|(key, value)| (key.clone(), value.clone()))
}

fn with_session_name(role: Principal, name: &str) -> Principal {
    match role {
        Principal::Role { account, path, name: role, id, .. } => {
            Principal::Role { account, path, name: role, id, session: name.to_owned() }
        }
        other => other,
    }
}

/// The account and the name in a role's ARN.
fn parse_role_arn(arn: &str) -> Option<(&str, &str)> {
    let (account, path) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
    let name = path.rsplit('/').next()?;
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !name.is_empty()).then_some((account, name))
}
