//! Request quotas. AWS publishes none for this API: these are our own values.

use platform::{Quota, ServiceQuotas};

pub(crate) static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottlingException",
    message: "Rate exceeded",
    list: &[Quota::operation("DescribeClusters", 20.0), Quota::operation("DescribeBackups", 20.0)],
    rest: Quota::rest("rest", 5.0),
};
