//! Services that are made for a test.

use platform::{AnyCall, AnyOperation, AnyShape, Cx, Fault, Service, ServiceQuotas};
use std::any::Any;
use std::sync::Arc;
use wire::{OperationModel, Protocol, Rejection, ServiceModel, Unit};

/// A service whose operations take nothing, answer nothing, and do this when they are called by their name.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    pub(crate) model: &'static ServiceModel,
    pub(crate) quotas: &'static ServiceQuotas,
    /// What it calls a defect, and says of it.
    pub(crate) internal: Option<(&'static str, &'static str)>,
    pub(crate) run: fn(&str, &mut Cx<'_>) -> Result<(), Fault>,
}

#[derive(Clone, Copy)]
struct Operation(Made, &'static OperationModel);

impl Service for Made {
    fn model(&self) -> &'static ServiceModel {
        self.model
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        let operation = |model| Box::new(Operation(*self, model)) as Box<dyn AnyOperation>;
        self.model.operations.iter().map(operation).collect()
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        self.quotas
    }

    fn internal_error(&self) -> Option<(&'static str, &'static str)> {
        self.internal
    }
}

impl AnyOperation for Operation {
    fn model(&self) -> &'static OperationModel {
        self.1
    }

    fn decode(
        &self,
        _: Protocol,
        _: &'static ServiceModel,
        _: &http::request::Parts,
        _: &[u8],
    ) -> Result<Box<dyn AnyCall>, Rejection> {
        Ok(Box::new(*self))
    }

    fn call(&self, cx: &mut Cx<'_>, _: &dyn Any) -> Result<Box<dyn Any>, Fault> {
        (self.0.run)(self.1.name, cx)?;
        Ok(Box::new(Unit))
    }
}

impl AnyCall for Operation {
    fn run(&self, cx: &mut Cx<'_>) -> Result<Box<dyn AnyShape>, Fault> {
        (self.0.run)(self.1.name, cx)?;
        Ok(Box::new(Unit))
    }

    fn input(&self) -> &dyn AnyShape {
        &Unit
    }
}
