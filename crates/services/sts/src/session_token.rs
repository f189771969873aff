//! Temporary credentials for a user itself.

use crate::Sts;
use crate::api::{GetSessionTokenRequest, GetSessionTokenResponse, ops};
use crate::issue::Issued;
use crate::mfa::authenticate;
use platform::{Cx, Fault, Handle, Principal, Session};

/// How long the session of a user lasts if the caller does not say, in seconds.
const DURATION_SECONDS_DEFAULT: i32 = 43_200;

/// The longest session of the root user, in seconds (STS API reference, GetSessionToken and GetFederationToken).
const ROOT_SECONDS_MAX: i32 = 3600;

impl Handle<ops::GetSessionToken> for Sts {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetSessionTokenRequest,
    ) -> Result<GetSessionTokenResponse, Fault> {
        // It needs no permission: it proves the caller, it gives nothing (IAM User Guide, "Permissions for GetSessionToken").
        cx.permissions()?;
        cx.authorize_everyone();
        let mfa = authenticate(cx, input.serial_number.as_ref(), input.token_code.as_ref())?;
        let principal = cx.caller().principal.clone();
        let session = Session {
            issued: cx.now().0,
            expires: expires(cx, input.duration_seconds),
            mfa,
            ..Session::default()
        };
        let issued = Issued::new(cx, principal, session, input.minimum_session_token_size)?;
        Ok(GetSessionTokenResponse {
            credentials: Some(issued.credentials),
            session_token_size: Some(issued.size),
            session_token_utilization: Some(issued.utilization),
        })
    }
}

/// When a session that a user asked for ends. For the root user a longer duration is shortened, as AWS does.
pub(crate) fn expires(cx: &Cx<'_>, seconds: Option<i32>) -> i64 {
    let seconds = seconds.unwrap_or(DURATION_SECONDS_DEFAULT);
    let root = matches!(cx.caller().principal, Principal::Root { .. });
    let seconds = if root { seconds.min(ROOT_SECONDS_MAX) } else { seconds };
    cx.now().0.saturating_add(i64::from(seconds) * 1000)
}
