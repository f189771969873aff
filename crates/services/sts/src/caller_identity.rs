//! Who am I?

use crate::Sts;
use crate::api::{GetCallerIdentityRequest, GetCallerIdentityResponse, ops};
use platform::{Cx, Fault, Handle};

impl Handle<ops::GetCallerIdentity> for Sts {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        _: &GetCallerIdentityRequest,
    ) -> Result<GetCallerIdentityResponse, Fault> {
        // No policy can refuse it (STS API reference, GetCallerIdentity), but the identity must still exist.
        cx.permissions()?;
        cx.authorize_everyone();
        let principal = &cx.caller().principal;
        Ok(GetCallerIdentityResponse {
            user_id: Some(principal.user_id()),
            account: Some(principal.account().to_owned()),
            arn: Some(principal.arn()),
        })
    }
}
