//! Finding the operation that a request is for, before anything of it is believed.
//!
//! AWS's protocols name the operation in five places: `X-Amz-Target` (JSON), the path with a `smithy-protocol`
//! header (RPC v2 CBOR), the parameters `Action` and `Version` (Query), or method and path (REST). One listener
//! serves them all, so the router looks at these in that order, and refuses requests that use two at once.
//!
//! Where a protocol does not name the service, the scope of the signature does, then the host name, then
//! whatever only one service has. The answer decides nothing about the caller: a server checks afterwards
//! that the signature is for the service that was found ([`Presented::check_scope`]).
//!
//! [`Presented::check_scope`]: crate::sigv4::Presented::check_scope

mod atlas;
mod error;
mod find;
mod form;
mod host;
mod template;

use std::{collections::HashMap, fmt, sync::Arc};

pub use atlas::services;
pub use error::RouteError;
pub(crate) use template::labels;

use crate::model::{OperationModel, Protocol, ServiceModel};
use template::Template;

/// Longest name of an operation, in bytes; AWS's longest has 64.
pub const OPERATION_BYTES_MAX: usize = 128;

/// The operation that a request is for.
#[derive(Clone, Copy)]
pub struct Route {
    /// The service.
    pub service: &'static ServiceModel,
    /// The operation.
    pub operation: &'static OperationModel,
    /// The protocol that the caller speaks, and is answered in.
    pub protocol: Protocol,
}

/// Names in place of models.
impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("service", &self.service.name)
            .field("operation", &self.operation.name)
            .field("protocol", &self.protocol)
            .finish()
    }
}

/// Finds operations among a fixed set of services.
pub struct Router {
    services: Vec<Served>,
    /// Indices into `services`, by what a request may name.
    by_target: HashMap<&'static str, Vec<usize>>,
    by_signing_name: HashMap<&'static str, Vec<usize>>,
    by_endpoint: HashMap<&'static str, Vec<usize>>,
    by_action: HashMap<&'static str, Vec<usize>>,
    /// The names of the services, to tell callers of others.
    names: Arc<str>,
}

struct Served {
    model: &'static ServiceModel,
    operations: HashMap<&'static str, &'static OperationModel>,
    /// Of the REST protocols; the most specific first.
    templates: Vec<Template>,
}

impl Router {
    /// A router for `services`. Where several could serve a request equally, the first one does.
    pub fn new(services: &[&'static ServiceModel]) -> Self {
        let mut router = Router {
            services: Vec::with_capacity(services.len()),
            by_target: HashMap::new(),
            by_signing_name: HashMap::new(),
            by_endpoint: HashMap::new(),
            by_action: HashMap::new(),
            names: names(services),
        };
        for (index, &model) in services.iter().enumerate() {
            let operations: HashMap<_, _> =
                model.operations.iter().map(|operation| (operation.name, operation)).collect();
            if let Some(prefix) = model.target_prefix {
                router.by_target.entry(prefix).or_default().push(index);
                // Where the prefix has a namespace, SDKs that are generated from Smithy leave it out:
                // `CloudTrail_20131101.LookupEvents` for `com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents`.
                if let Some((_, shape)) = prefix.rsplit_once('.') {
                    router.by_target.entry(shape).or_default().push(index);
                }
            }
            router.by_signing_name.entry(model.signing_name).or_default().push(index);
            router.by_endpoint.entry(model.endpoint_prefix).or_default().push(index);
            if speaks(model, is_query) {
                for &name in operations.keys() {
                    router.by_action.entry(name).or_default().push(index);
                }
            }
            let templates = if speaks(model, is_rest) { template::all(model.operations) } else { Vec::new() };
            router.services.push(Served { model, operations, templates });
        }
        router
    }
}

/// The names of the services.
impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.services.iter().map(|served| served.model.name)).finish()
    }
}

fn is_query(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Query | Protocol::QueryJson | Protocol::Ec2Query)
}

fn is_json(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Json10 | Protocol::Json11)
}

fn is_cbor(protocol: Protocol) -> bool {
    protocol == Protocol::Cbor
}

fn is_rest(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::RestJson | Protocol::RestXml | Protocol::Xks)
}

/// `CloudTrail, IAM, KMS and STS`.
fn names(services: &[&'static ServiceModel]) -> Arc<str> {
    let mut names: Vec<&str> = services.iter().map(|service| service.service_id).collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [first @ .., before, last] => {
            let first: String = first.iter().flat_map(|name| [name, ", "]).collect();
            format!("{first}{before} and {last}").into()
        }
        few => few.concat().into(),
    }
}

/// Whether `service` lists a protocol of a kind.
fn speaks(service: &ServiceModel, kind: fn(Protocol) -> bool) -> bool {
    spoken(service, kind).is_some()
}

/// The first protocol of a kind that `service` lists.
fn spoken(service: &ServiceModel, kind: fn(Protocol) -> bool) -> Option<Protocol> {
    service.protocols.iter().copied().find(|&protocol| kind(protocol))
}

#[cfg(test)]
mod tests;
