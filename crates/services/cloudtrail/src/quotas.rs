//! Request quotas (CloudTrail User Guide, "Quotas in AWS CloudTrail").

use platform::{Quota, ServiceQuotas};

/// The quotas of CloudTrail.
pub(crate) static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottlingException",
    message: "Rate exceeded",
    list: &[
        Quota::operation("LookupEvents", 2.0),
        Quota::operation("ListInsightsMetricData", 1.0),
        Quota::reads("reads", 10.0),
    ],
    rest: Quota::rest("rest", 1.0),
};
