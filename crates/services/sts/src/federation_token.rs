//! Temporary credentials that a user hands to somebody else.

use crate::Sts;
use crate::api::{FederatedUser, GetFederationTokenRequest, GetFederationTokenResponse, ops};
use crate::issue::Issued;
use crate::packed::pack;
use crate::session_token::expires;
use platform::{Access, Cx, Fault, Handle, Principal, Session};
use std::collections::BTreeMap;

impl Handle<ops::GetFederationToken> for Sts {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetFederationTokenRequest,
    ) -> Result<GetFederationTokenResponse, Fault> {
        let caller = &cx.caller().principal;
        let account = cx.account();
        let issuer_name = match caller {
            Principal::User { name, .. } => Some(name.clone()),
            _ => None,
        };
        let principal = Principal::Federated {
            account: account.to_owned(),
            name: input.name.clone(),
            issuer_id: caller.user_id(),
            issuer_arn: caller.arn(),
            issuer_name,
        };
        let (arn, id) = (principal.arn(), principal.user_id());
        let tags = input.tags.as_deref().unwrap_or_default();
        let access = |action| {
            Access::to(action, arn.as_str())
                .requesting_tags(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))
        };
        let mut first = access("sts:GetFederationToken");
        if !tags.is_empty() {
            first = first.before("sts:TagSession", arn.as_str());
        }
        cx.authorize(&first)?;
        if !tags.is_empty() {
            cx.authorize(&access("sts:TagSession"))?;
        }
        let packed = pack(
            cx,
            account,
            input.policy.as_deref(),
            input.policy_arns.as_deref().unwrap_or_default(),
            tags,
            BTreeMap::new(),
        )?;
        let session = Session {
            issued: cx.now().0,
            expires: expires(cx, input.duration_seconds),
            policies: packed.policies,
            policy_arns: packed.policy_arns,
            policy_ids: packed.policy_ids,
            tags: packed.tags,
            transitive: Vec::new(),
            source_identity: None,
            mfa: None,
        };
        let issued = Issued::new(cx, principal, session, input.minimum_session_token_size)?;
        Ok(GetFederationTokenResponse {
            credentials: Some(issued.credentials),
            session_token_size: Some(issued.size),
            session_token_utilization: Some(issued.utilization),
            federated_user: Some(FederatedUser { federated_user_id: id, arn }),
            packed_policy_size: packed.percent,
        })
    }
}
