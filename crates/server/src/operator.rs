//! The records of what operators do.

use crate::Deployment;
use platform::trail::{Resource, ServiceEvent};
use platform::{Fault, TRAIL, Tx};
use serde_json::Value;
use store::{Image, StoreError};

/// Where records of operators' commands come from.
const OPERATOR_SOURCE: &str = "fastness.amazonaws.com";

impl Deployment {
    /// Everything that is stored, as of now, to be copied or verified while calls are served. Whoever keeps it keeps the
    /// deployment from being sealed.
    ///
    /// # Errors
    /// The store is closed, or takes no more writes.
    pub async fn image(&self) -> Result<Image, StoreError> {
        self.store.image().await
    }

    /// Records what an operator or Fastness by itself did, beside what callers did. `name` is the command's, such as `Seal`; `details`
    /// say more about it.
    ///
    /// # Errors
    /// It could not be recorded: then it must not be done.
    pub async fn record_operator(&self, name: &'static str, details: Value) -> Result<(), Fault> {
        let call = self.own_call(&self.region, OPERATOR_SOURCE);
        let resource = Resource {
            kind: "Fastness::Deployment",
            arn: format!("arn:aws:fastness:{}:{}:deployment", self.region, self.account),
            account: self.account.clone(),
        };
        let event = ServiceEvent { name, resource, details };
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        tx.append(TRAIL, &event.write(&call, OPERATOR_SOURCE, &call.event_id))?;
        self.commit(tx).await
    }
}
