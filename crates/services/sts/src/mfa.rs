//! Multi-factor authentication of whoever asks for a session.

use platform::{Cx, Fault, Mfa};

/// When an MFA device vouched for the caller in this call, in milliseconds since the epoch; none if none was asked to.
///
/// # Errors
/// The device does not vouch, in AWS's words, or unavailable.
pub(crate) fn authenticate(
    cx: &mut Cx<'_>,
    serial_number: Option<&String>,
    code: Option<&String>,
) -> Result<Option<i64>, Fault> {
    let denied = |why: &str| Err(Fault::denied(format!("MultiFactorAuthentication failed{why}")));
    let (serial_number, code) = match (serial_number, code) {
        (None, None) => return Ok(None),
        (Some(serial_number), Some(code)) => (serial_number, code),
        _ => return denied(", must provide both MFA serial number and one time pass code. "),
    };
    match cx.directory().mfa(cx, serial_number, code)? {
        Mfa::Vouched => Ok(Some(cx.now().0)),
        Mfa::WrongCode => denied(" with invalid MFA one time pass code. "),
        Mfa::NoDevice => denied(
            ", unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
        ),
    }
}
