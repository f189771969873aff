//! Request quotas (IAM User Guide, "IAM and AWS STS quotas", "STS request quotas").

use platform::{Quota, ServiceQuotas};

/// One for all that is called with credentials. AWS lists six operations under it; the few others share it here.
pub(crate) static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "Throttling",
    message: "Rate exceeded",
    list: &[],
    rest: Quota::rest("requests", 600.0),
};
