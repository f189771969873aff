//! Handing out the credentials of a session.

use crate::api::Credentials;
use platform::session::{self, SESSION_TOKEN_CHARS_MAX};
use platform::{Cx, Fault, Principal, Session};

/// Credentials in the form of the API, and how large their token is.
pub(crate) struct Issued {
    pub(crate) credentials: Credentials,
    /// The size of the session token, in bytes.
    pub(crate) size: i32,
    /// That size, in percent of the largest token.
    pub(crate) utilization: i32,
}

impl Issued {
    /// Makes credentials whose token has at least `size_min` bytes.
    pub(crate) fn new(
        cx: &Cx<'_>,
        principal: Principal,
        session: Session,
        size_min: Option<i32>,
    ) -> Result<Self, Fault> {
        let size_min = size_min.and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        let issued = session::issue(cx.keyring(), cx.random(), principal, session, size_min)?;
        let size = issued.session_token.len();
        let utilization = (size * 100).div_ceil(SESSION_TOKEN_CHARS_MAX);
        Ok(Self {
            credentials: Credentials {
                access_key_id: issued.access_key_id,
                secret_access_key: issued.secret_access_key.to_string(),
                session_token: issued.session_token,
                expiration: issued.expiration,
            },
            size: i32::try_from(size).unwrap_or(i32::MAX),
            utilization: i32::try_from(utilization).unwrap_or(i32::MAX),
        })
    }
}
