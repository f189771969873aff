//! Request quotas (Resource Groups Tagging API, "Service quotas").

use platform::{Quota, ServiceQuotas};

pub(crate) static QUOTAS: ServiceQuotas = ServiceQuotas {
    code: "ThrottledException",
    message: "Rate exceeded",
    list: &[
        Quota::operation("GetResources", 15.0),
        Quota::operation("GetTagKeys", 5.0),
        Quota::operation("GetTagValues", 5.0),
        Quota::operation("TagResources", 5.0),
        Quota::operation("UntagResources", 5.0),
    ],
    rest: Quota::rest("rest", 1.0),
};
