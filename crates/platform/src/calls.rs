//! Calls between services that do not know each other: in the same transaction, authorized again, with a record of their own.

use crate::trail::Record;
use crate::{AnyOperation, Blame, Call, Caller, Cx, Fault, Service, TRAIL, TrailFacts, ids};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::{In, Operation, Out};

/// The identity under which a service calls another.
#[derive(Clone, Copy, Debug)]
pub enum As<'a> {
    /// The caller of the calling service. The caller's own permissions decide, with `aws:ViaAWSService` and `aws:CalledVia` (IAM User Guide,
    /// "Forward access sessions").
    Caller,
    /// The caller, as a part of the call that is served: only the record is of its own, as where an operation for many is one for each.
    Part,
    /// The calling service, on behalf of a resource. The policy of the resource that is called decides, with `aws:SourceArn` and
    /// `aws:SourceAccount`.
    Service {
        /// The resource on whose behalf it calls.
        source_arn: &'a str,
        /// Its account.
        source_account: &'a str,
    },
}

/// The services of a deployment, by name.
#[derive(Clone, Default)]
pub struct Services(Arc<BTreeMap<&'static str, Bound>>);

struct Bound {
    service: Arc<dyn Service>,
    operations: BTreeMap<&'static str, (TrailFacts, Box<dyn AnyOperation>)>,
}

impl Services {
    /// These services.
    pub fn new<'s>(services: impl IntoIterator<Item = &'s Arc<dyn Service>>) -> Self {
        let bound = services.into_iter().map(|service| {
            let operations = Arc::clone(service).operations().into_iter();
            let operations = operations.map(|operation| {
                let name = operation.model().name;
                (name, (service.trail(name), operation))
            });
            let bound = Bound { service: Arc::clone(service), operations: operations.collect() };
            (service.model().name, bound)
        });
        Self(Arc::new(bound.collect()))
    }

    fn of_arns(&self, field: &str) -> Option<Arc<dyn Service>> {
        let mut services = self.0.values().map(|bound| &bound.service);
        services.find(|service| service.model().signing_name == field).map(Arc::clone)
    }

    fn operation<Op: Operation>(&self) -> Option<&(TrailFacts, Box<dyn AnyOperation>)> {
        self.0.get(Op::SERVICE.name)?.operations.get(Op::MODEL.name)
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Cx<'_> {
    /// The service that has the ARNs of a service field, such as `kms`.
    pub fn service_of_arns(&self, field: &str) -> Option<Arc<dyn Service>> {
        self.env().services.of_arns(field)
    }

    /// Calls an operation of another service, in the region of this call.
    ///
    /// The record of the call is written in this transaction. A call that fails leaves nothing else behind, so that the calling operation may
    /// go on.
    ///
    /// # Errors
    /// The operation's. A bug, if it did not authorize, or if there is no such service.
    pub fn call<Op: Operation>(&mut self, identity: As<'_>, input: &In<Op>) -> Result<Out<Op>, Fault> {
        let region = self.region();
        self.call_in::<Op>(region, identity, input)
    }

    /// Calls an operation of another service in a region.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_in<Op: Operation>(
        &mut self,
        region: &str,
        identity: As<'_>,
        input: &In<Op>,
    ) -> Result<Out<Op>, Fault> {
        let env = self.env();
        let (facts, operation) = env
            .services
            .operation::<Op>()
            .ok_or_else(|| Fault::bug(format!("{}:{} is not served", Op::SERVICE.name, Op::MODEL.name)))?;
        let serving = self.service().ok_or_else(|| Fault::bug("nobody is known to call another service"))?;
        let by = serving.event_source();
        let call = Call {
            request_id: ids::uuid(self.random()),
            event_id: ids::uuid(self.random()),
            region: region.to_owned(),
            ..self.call_facts().clone()
        };
        let call = match identity {
            As::Part => call,
            As::Caller | As::Service { .. } => Call {
                source_ip: by.clone(),
                user_agent: Some(by.clone()),
                referer: None,
                host: None,
                tls: None,
                ..call
            },
        };
        let (via, own);
        let saved = self.tx.save();
        let (mut inner, recipient) = match identity {
            As::Caller => {
                via = [self.all_via(), &[by]].concat();
                let (caller, recipient) = (self.caller(), self.account());
                (self.nested(&call, caller, Op::SERVICE).called_via(&via), recipient)
            }
            As::Part => {
                let (caller, recipient) = (self.caller(), self.account());
                let via = self.all_via();
                (self.nested(&call, caller, Op::SERVICE).called_via(via), recipient)
            }
            As::Service { source_arn, source_account } => {
                own = Caller::service(&by);
                let inner = self.nested(&call, &own, Op::SERVICE);
                (inner.on_behalf_of(source_arn, source_account), source_account)
            }
        };
        let result = match operation.call(&mut inner, input) {
            Ok(_) if !inner.is_authorized() => {
                Err(Fault::bug(format!("{} did not authorize its caller", Op::MODEL.name)))
            }
            Ok(output) => {
                output.downcast::<Out<Op>>().map_err(|_| Fault::bug("an operation's output is another's"))
            }
            Err(fault) => Err(fault),
        };
        let source = Op::SERVICE.event_source();
        let caller = inner.caller();
        let (told, failed, counted) = (inner.take_told(), inner.take_failed(), inner.take_counted());
        self.acted.set(inner.has_acted());
        let (_, resources, events, tx) = inner.finish();
        let mut txn = tx.into_txn();
        if result.is_err() {
            txn.restore(saved);
        }
        self.take_back(txn, counted, failed);
        let record = Record {
            request: Some(input),
            response: result.as_ref().ok().filter(|_| facts.response).map(|output| &**output as _),
            error: result.as_ref().err().map(Fault::recorded),
            resources: &resources,
            additional: told.as_ref(),
            ..Record::new(&call, caller, recipient, &source, Op::MODEL.name, facts.read_only)
        };
        let record = record.write();
        match result {
            Ok(output) => {
                self.tx.append(TRAIL, &record)?;
                for event in &events {
                    let id = ids::uuid(self.random());
                    self.tx.append(TRAIL, &event.write(&call, &source, &id))?;
                }
                Ok(*output)
            }
            // The calling operation is run again or given up, and this one with it.
            Err(fault) if matches!(fault.blame(), Blame::Conflict | Blame::Gone) => Err(fault),
            Err(fault) => {
                self.failed.push(record);
                Err(fault)
            }
        }
    }
}

/// The input of a call as the operation's own type.
pub(crate) fn typed<T: Any>(input: &dyn Any) -> Result<&T, Fault> {
    input.downcast_ref().ok_or_else(|| Fault::bug("an operation's input is another's"))
}
