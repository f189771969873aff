//! Taking on a role.

use crate::Sts;
use crate::api::{AssumeRoleRequest, AssumeRoleResponse, AssumedRoleUser, ops};
use crate::issue::Issued;
use crate::mfa::authenticate;
use crate::packed::{invalid, invalid_value, pack};
use platform::{Access, Blame, Cx, Fault, Handle, Principal, Role, Session};
use policy::Mode;
use std::collections::BTreeMap;

/// How long a session lasts if the caller does not say, in seconds.
const DURATION_SECONDS_DEFAULT: i32 = 3600;

/// The longest session of a role that was assumed with temporary credentials, in seconds (IAM User Guide, "role chaining"; AWS re:Post, "How
/// do I resolve the role chaining limit", which names GetSessionToken).
const CHAINED_SECONDS_MAX: i32 = 3600;

const ASSUME_ROLE: &str = "sts:AssumeRole";
const SET_SOURCE_IDENTITY: &str = "sts:SetSourceIdentity";

impl Handle<ops::AssumeRole> for Sts {
    fn handle(&self, cx: &mut Cx<'_>, input: &AssumeRoleRequest) -> Result<AssumeRoleResponse, Fault> {
        if matches!(cx.caller().principal, Principal::Root { .. }) {
            return Err(Fault::denied("Roles may not be assumed by root accounts."));
        }
        let (account, name) = parse_role_arn(&input.role_arn)
            .ok_or_else(|| invalid(format!("{} is invalid", input.role_arn)))?;
        let role = cx.directory().role(&mut cx.tx, account, name)?;
        let role = role.filter(|role| role.principal.principal_arn() == input.role_arn);
        let own = cx.caller().session.clone();
        let inherited: BTreeMap<_, _> = own.iter().flat_map(|own| inherited_tags(own)).collect();
        // Trust policies ask for it.
        let mfa = authenticate(cx, input.serial_number.as_ref(), input.token_code.as_ref())?;
        let request = Request { input, account, role: role.as_ref(), mfa };
        cx.touch("AWS::IAM::Role", &input.role_arn, account);
        request.authorize(cx, &inherited)?;
        let Some(role) = &role else { return Err(request.refused(cx)) };
        let source_identity = request.source_identity(cx)?;
        let tags = input.tags.as_deref().unwrap_or_default();
        let transitive = input.transitive_tag_keys.as_deref().unwrap_or_default();

        // Temporary credentials of every kind count, those of a user's GetSessionToken too.
        let chained = own.is_some();
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
                return Err(invalid_value(
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
        let principal = with_session_name(&role.principal, &input.role_session_name);
        let (id, arn) = (principal.user_id(), principal.arn());
        let session = Session {
            issued: cx.now().0,
            expires: cx.now().0.saturating_add(i64::from(seconds) * 1000),
            policies: packed.policies,
            policy_arns: packed.policy_arns,
            policy_ids: packed.policy_ids,
            tags: packed.tags,
            transitive: passed_on,
            source_identity: source_identity.clone(),
            mfa,
        };
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

/// What is asked of a role, which may not exist.
struct Request<'i> {
    input: &'i AssumeRoleRequest,
    account: &'i str,
    role: Option<&'i Role>,
    /// When an MFA device vouched for the caller in this call.
    mfa: Option<i64>,
}

impl<'i> Request<'i> {
    /// Requires that the caller may assume the role, with these tags and this source identity.
    fn authorize(&self, cx: &mut Cx<'_>, inherited: &BTreeMap<String, String>) -> Result<(), Fault> {
        let input = self.input;
        let session = cx.caller().session.as_ref();
        let identified = session.is_some_and(|session| session.source_identity.is_some());
        let identifies = input.source_identity.is_some();
        // Transitive tags of the caller's own session are set in the new one, which takes the permission too, as AWS asks it of chains that
        // begin with tags of EKS Pod Identity. So is its source identity.
        let tags_session = input.tags.as_ref().is_some_and(|tags| !tags.is_empty()) || !inherited.is_empty();
        let mut asked = vec![ASSUME_ROLE];
        asked.extend(tags_session.then_some("sts:TagSession"));
        asked.extend((identified || identifies).then_some(SET_SOURCE_IDENTITY));
        let mut rest = asked.as_slice();
        while let [action, further @ ..] = rest {
            let mut asks = self.access(action);
            for later in further {
                asks = asks.before(later, input.role_arn.as_str());
            }
            cx.authorize(&asks).map_err(|fault| match fault.blame() {
                // A reason would tell a role that refuses from one that there is not.
                Blame::Denied if *action == ASSUME_ROLE => fault.reworded(self.refused(cx)),
                _ => fault,
            })?;
            rest = further;
        }
        // In a chain of roles both sides have to allow it, whatever the trust policy says of the caller (IAM User Guide, "Permissions required
        // to set source identity").
        let chained = matches!(cx.caller().principal, Principal::Role { .. });
        if chained && (identified || identifies) {
            cx.authorize(&self.identified(Access::to(SET_SOURCE_IDENTITY, input.role_arn.as_str())))?;
        }
        Ok(())
    }

    fn access(&self, action: &'i str) -> Access<'i> {
        let access = self.identified(Access::to(action, self.input.role_arn.as_str()).owned_by(self.account));
        match self.role {
            Some(role) => access.with_policy(&role.trust, Mode::AssumeRole).tagged(&role.tags),
            None => access.without_policy(Mode::AssumeRole),
        }
    }

    /// The access with what policies may ask of the request.
    fn identified(&self, access: Access<'i>) -> Access<'i> {
        let input = self.input;
        let tags = input.tags.iter().flatten().map(|tag| (tag.key.as_str(), tag.value.as_str()));
        let mut access = access
            .requesting_tags(tags)
            .key("sts:RoleSessionName", input.role_session_name.as_str())
            .with_mfa(self.mfa);
        if let Some(id) = &input.external_id {
            access = access.key("sts:ExternalId", id.as_str());
        }
        if let Some(identity) = &input.source_identity {
            access = access.key("sts:SourceIdentity", identity.as_str());
        }
        if let Some(keys) = input.transitive_tag_keys.as_ref().filter(|keys| !keys.is_empty()) {
            access = access.keys("sts:TransitiveTagKeys", keys.iter().cloned());
        }
        access
    }

    /// The new session's source identity: it can't change along a chain of roles.
    fn source_identity(&self, cx: &Cx<'_>) -> Result<Option<String>, Fault> {
        let own = cx.caller().session.as_ref().and_then(|own| own.source_identity.as_ref());
        match (own, &self.input.source_identity) {
            (Some(own), Some(new)) if own != new => Err(self.refused(cx)),
            (own, new) => Ok(own.or(new.as_ref()).cloned()),
        }
    }

    /// The words for whoever may not assume the role, and for whoever asks for one that there is not.
    fn refused(&self, cx: &Cx<'_>) -> Fault {
        let (caller, role) = (cx.caller().principal.arn(), &self.input.role_arn);
        Fault::denied(format!(
            "User: {caller} is not authorized to perform: {ASSUME_ROLE} on resource: {role}"
        ))
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

fn with_session_name(role: &Principal, name: &str) -> Principal {
    let mut principal = role.clone();
    if let Principal::Role { session, .. } = &mut principal {
        name.clone_into(session);
    }
    principal
}

/// The account and the name in a role's ARN.
fn parse_role_arn(arn: &str) -> Option<(&str, &str)> {
    let (account, path) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
    let name = path.rsplit('/').next()?;
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !name.is_empty()).then_some((account, name))
}
