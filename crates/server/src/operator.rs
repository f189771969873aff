//! The records of what operators do.

use crate::Deployment;
use platform::trail::{Resource, ServiceEvent};
use platform::{Blame, Caller, Cx, Fault, TRAIL, Tx};
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

    /// Whether a long-term access key may be used; none if there is no such key.
    ///
    /// # Errors
    /// Unavailable.
    pub fn access_key_is_active(&self, id: &str) -> Result<Option<bool>, Fault> {
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        Ok(self.env.directory.access_key(&mut tx, id)?.map(|key| key.active))
    }

    /// Records what an operator or Fastness by itself did, beside what callers did. `name` is the command's, such as `Seal`; `details`
    /// say more about it.
    ///
    /// # Errors
    /// It could not be recorded: then it must not be done.
    pub async fn record_operator(&self, name: &'static str, details: Value) -> Result<(), Fault> {
        self.operate(name, |_| Ok(((), details.clone()))).await
    }

    /// Does what an operator commands and records it, in one transaction. `work` is told what there is by a context without a caller's
    /// rights; it answers, and tells what its record should say.
    ///
    /// # Errors
    /// Those of the work, and unavailable: then nothing was done.
    pub async fn operate<T>(
        &self,
        name: &'static str,
        work: impl Fn(&mut Cx<'_>) -> Result<(T, Value), Fault>,
    ) -> Result<T, Fault> {
        let call = self.own_call(&self.region, OPERATOR_SOURCE);
        let caller = Caller::service(OPERATOR_SOURCE);
        loop {
            let tx = Tx::begin(&self.store, &self.env.keyring);
            let mut cx = Cx::new(tx, &self.env, &call, &caller).waiting_from(self.waits_from(call.now));
            let (result, details) = work(&mut cx)?;
            let (_, _, _, mut tx) = cx.finish();
            let resource = Resource {
                kind: "Fastness::Deployment",
                arn: format!("arn:aws:fastness:{}:{}:deployment", self.region, self.account),
                account: self.account.clone(),
            };
            let event = ServiceEvent { name, resource, details };
            tx.append(TRAIL, &event.write(&call, OPERATOR_SOURCE, &call.event_id))?;
            tx.use_reserve();
            match self.commit(tx).await {
                Err(fault) if fault.blame() == Blame::Conflict => {}
                Err(fault) => return Err(fault),
                Ok(()) => return Ok(result),
            }
        }
    }
}
