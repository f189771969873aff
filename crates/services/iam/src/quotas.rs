//! Request quotas. AWS publishes none for IAM, only that there are token buckets and what a refusal looks like (AWS Security Blog,
//! "How to monitor and query IAM resources at scale", part 2); the values are our own.

use platform::{Quota, ServiceQuotas};

/// One for all that reads, one for all that changes.
pub(crate) static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "Throttling",
    message: "Rate exceeded",
    list: &[Quota::reads("reads", 100.0)],
    rest: Quota::rest("changes", 20.0),
};
