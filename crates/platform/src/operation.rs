//! What a service is: operations with behaviour, and facts about how they are recorded.

use crate::calls::typed;
use crate::{Caller, Consumer, Cx, Fault, Job, Next, Outcome, ServiceQuotas, Task, Worker};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::{AccessLevel, Field, Operation, OperationModel, Protocol, Rejection, Schema, ServiceModel, Shape};

/// The behaviour of one operation. Everything around it (signature, decoding, constraints, the audit record, encoding) is done by
/// the pipeline.
///
/// The function authorizes with [`Cx::authorize`] before it reads or changes what the caller asks for; a success without that is
/// refused by the pipeline. It may be run again when a concurrent change got in between, so it has no effects but on `cx`.
pub trait Handle<Op: Operation>: Send + Sync + 'static {
    /// Serves one call.
    ///
    /// # Errors
    /// The operation's modelled errors, and denials.
    fn handle(&self, cx: &mut Cx<'_>, input: &Op::Input) -> Result<Op::Output, Fault>;
}

/// How an operation is written to the audit trail.
#[derive(Clone, Copy, Debug)]
pub struct TrailFacts {
    /// Whether AWS classes the event as read-only. KMS's cryptographic operations and `sts:AssumeRole` are.
    pub read_only: bool,
    /// Whether the record holds `responseElements`.
    pub response: bool,
}

/// A service of AWS, as the pipeline sees it.
pub trait Service: Send + Sync + 'static {
    /// The facts of its API.
    fn model(&self) -> &'static ServiceModel;

    /// Its implemented operations.
    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>>;

    /// How an operation is recorded. By default, what has the access level of a list or a read only reads, or what is called so and has no
    /// access level; and only changes have response elements.
    fn trail(&self, operation: &str) -> TrailFacts {
        let access = self.model().operation(operation).and_then(|model| model.access);
        let is_called_so = || ["Describe", "Get", "List"].iter().any(|verb| operation.starts_with(verb));
        let read_only = access.map_or_else(is_called_so, AccessLevel::reads);
        TrailFacts { read_only, response: !read_only }
    }

    /// How often an account may call its operations.
    fn quotas(&self) -> &'static ServiceQuotas;

    /// What the service calls a defect of its own, and says of it: an error that its operations document. Where an operation does not, and
    /// for services that have none, it is `InternalFailure`.
    fn internal_error(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    /// Whether callers of this kind may call an operation at all, whatever their policies say. IAM refuses some temporary
    /// credentials.
    ///
    /// # Errors
    /// What the caller is told.
    fn admit(&self, _operation: &str, _caller: &Caller) -> Result<(), Fault> {
        Ok(())
    }

    /// Whether a task of its timers does what cannot be undone, after a time that somebody was given to change their mind. It waits while the
    /// clock is not to be believed. What is not known to be harmless is not.
    fn destroys(&self, _task: &str) -> bool {
        true
    }

    /// Tags one of the service's resources as its own operation does, with the same permissions: what the tagging API does for callers.
    ///
    /// # Errors
    /// The operation's.
    fn tag(&self, _cx: &mut Cx<'_>, arn: &str, _tags: &BTreeMap<String, String>) -> Result<(), Fault> {
        Err(not_tagged(arn))
    }

    /// Takes tags of one of the service's resources away, likewise.
    ///
    /// # Errors
    /// The operation's.
    fn untag(&self, _cx: &mut Cx<'_>, arn: &str, _keys: &[String]) -> Result<(), Fault> {
        Err(not_tagged(arn))
    }

    /// Does what a timer of this service was set for. Runs with the rights of the service itself.
    ///
    /// # Errors
    /// Any; the timer stays and is tried again later.
    fn due(&self, _cx: &mut Cx<'_>, task: &Task) -> Result<(), Fault> {
        Err(Fault::bug(format!("{} set no timers, yet {task:?} is due", self.model().name)))
    }

    /// Its kinds of work outside of the store.
    fn workers(&self) -> &'static [Worker] {
        &[]
    }

    /// Prepares an attempt at work outside of the store, in a transaction of its own that is durable before the job begins. None if there is
    /// nothing to do any more; then the task is over. Runs with the rights of the service itself.
    ///
    /// # Errors
    /// Any; that is a failed attempt, which [`settle`](Self::settle) is told of.
    fn begin(&self, _cx: &mut Cx<'_>, task: &Task) -> Result<Option<Job>, Fault> {
        Err(Fault::bug(format!("{} has no workers, yet {task:?} is due", self.model().name)))
    }

    /// Takes in what came of an attempt, in a transaction of its own that also says what becomes of the task.
    ///
    /// # Errors
    /// Any; it counts as an attempt without an outcome, and the task is tried again later.
    fn settle(&self, _cx: &mut Cx<'_>, _task: &Task, outcome: &Outcome) -> Result<Next, Fault> {
        Ok(match outcome {
            Outcome::Done(_) => Next::Done,
            Outcome::Failed(_) | Outcome::Over(_) => Next::Again,
        })
    }

    /// What follows logs for it.
    fn consumers(self: Arc<Self>) -> Vec<Arc<dyn Consumer>> {
        Vec::new()
    }
}

fn not_tagged(arn: &str) -> Fault {
    Fault::new("InvalidParameterException", format!("{arn} is not of a kind that can be tagged."))
}

/// An operation of some service, its types erased.
pub trait AnyOperation: Send + Sync {
    /// The facts of its API.
    fn model(&self) -> &'static OperationModel;

    /// Reads a request's body, headers and URI into its input and checks all constraints.
    ///
    /// # Errors
    /// What is wrong with it, in AWS's wording.
    fn decode(
        &self,
        protocol: Protocol,
        service: &'static ServiceModel,
        parts: &http::request::Parts,
        body: &[u8],
    ) -> Result<Box<dyn AnyCall>, Rejection>;

    /// Serves a call of another service: input and output are those of the operation.
    ///
    /// # Errors
    /// As [`Handle::handle`].
    fn call(&self, cx: &mut Cx<'_>, input: &dyn Any) -> Result<Box<dyn Any>, Fault>;
}

/// One decoded call of some operation.
pub trait AnyCall: Send + Sync {
    /// Serves it.
    ///
    /// # Errors
    /// As [`Handle::handle`].
    fn run(&self, cx: &mut Cx<'_>) -> Result<Box<dyn AnyShape>, Fault>;

    /// Its input.
    fn input(&self) -> &dyn AnyShape;
}

/// A value with its schema.
pub trait AnyShape: Send + Sync {
    /// The value.
    fn field(&self) -> &dyn Field;
    /// Its schema.
    fn schema(&self) -> &'static Schema;
}

impl<T: Shape> AnyShape for T {
    fn field(&self) -> &dyn Field {
        self
    }

    fn schema(&self) -> &'static Schema {
        T::SCHEMA
    }
}

struct Bound<S, Op> {
    service: Arc<S>,
    operation: std::marker::PhantomData<fn() -> Op>,
}

/// Joins a service with one of its operations; [`operations!`](crate::operations) does it for a list.
pub fn bind<S: Handle<Op>, Op: Operation>(service: &Arc<S>) -> Box<dyn AnyOperation> {
    Box::new(Bound::<S, Op> { service: Arc::clone(service), operation: std::marker::PhantomData })
}

struct BoundCall<S, Op: Operation> {
    service: Arc<S>,
    input: Op::Input,
}

impl<S: Handle<Op>, Op: Operation> AnyOperation for Bound<S, Op> {
    fn model(&self) -> &'static OperationModel {
        Op::MODEL
    }

    fn decode(
        &self,
        protocol: Protocol,
        service: &'static ServiceModel,
        parts: &http::request::Parts,
        body: &[u8],
    ) -> Result<Box<dyn AnyCall>, Rejection> {
        let input = wire::decode::<Op::Input>(protocol, service, Op::MODEL, parts, body)?;
        Ok(Box::new(BoundCall::<S, Op> { service: Arc::clone(&self.service), input }))
    }

    fn call(&self, cx: &mut Cx<'_>, input: &dyn Any) -> Result<Box<dyn Any>, Fault> {
        Ok(Box::new(self.service.handle(cx, typed(input)?)?))
    }
}

impl<S: Handle<Op>, Op: Operation> AnyCall for BoundCall<S, Op> {
    fn run(&self, cx: &mut Cx<'_>) -> Result<Box<dyn AnyShape>, Fault> {
        Ok(Box::new(self.service.handle(cx, &self.input)?))
    }

    fn input(&self) -> &dyn AnyShape {
        &self.input
    }
}

/// The list of a service's operations: `operations![self; Encrypt, Decrypt]`, with the unit structs of its generated `api::ops`.
#[macro_export]
macro_rules! operations {
    ($service:expr; $($operation:ty),+ $(,)?) => {
        vec![$($crate::bind::<_, $operation>(&$service)),+]
    };
}
