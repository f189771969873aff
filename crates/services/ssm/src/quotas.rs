//! Request quotas (AWS General Reference, "AWS Systems Manager endpoints and quotas", "Parameter Store"). Calls that read parameters share one,
//! or have higher ones of their own where the account has chosen that.

use crate::settings;
use platform::{Cx, Fault, Quota, ServiceQuotas, Whose};

/// The quota that is shared by default.
const THROUGHPUT: &str = "throughput";

/// Of the quotas that share operations the first counts what ends before the setting is read. For what AWS publishes no number, it is our
/// own.
pub(crate) static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottlingException",
    message: "Rate exceeded",
    list: &[
        Quota::shared(THROUGHPUT, &["GetParameter", "GetParameters", "GetParametersByPath"], 40.0),
        Quota::operation("GetParameter", 10_000.0),
        Quota::operation("GetParameters", 1000.0),
        Quota::operation("GetParametersByPath", 100.0),
    ],
    rest: Quota::rest("rest", 10.0),
};

/// Counts a call of an operation that reads parameters.
pub(crate) fn count(cx: &mut Cx<'_>, operation: &'static str) -> Result<(), Fault> {
    let quota = if settings::has_high_throughput(cx)? { operation } else { THROUGHPUT };
    cx.count(("ssm", &QUOTAS), quota, Whose::Caller, 1)
}
