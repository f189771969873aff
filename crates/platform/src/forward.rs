//! How one service uses another on a caller's behalf: in the same transaction, authorized again, with a record of its own.

use crate::trail::Record;
use crate::{Call, Cx, Fault, Handle, Service, TRAIL, ids};
use wire::Operation;

/// A service that makes a call on a caller's behalf: what policies learn of it (IAM User Guide, "Forward access sessions").
#[derive(Clone, Debug)]
pub(crate) struct Via {
    /// Such as `secretsmanager.amazonaws.com`.
    pub(crate) service: &'static str,
    pub(crate) request_id: String,
    pub(crate) event_id: String,
}

impl Cx<'_> {
    /// Calls an operation of another service on the caller's behalf. `by` is the calling service's principal.
    ///
    /// The caller's own permissions decide, with `aws:ViaAWSService` and `aws:CalledVia`; the record of the call is written in this
    /// transaction. If the call fails, whatever the service then answers, the transaction must not be committed.
    ///
    /// # Errors
    /// The operation's. A bug, if it did not authorize the caller.
    pub fn forward<Op: Operation, S: Service + Handle<Op>>(
        &mut self,
        by: &'static str,
        to: &S,
        input: &Op::Input,
    ) -> Result<Op::Output, Fault> {
        let (request_id, event_id) = (ids::uuid(self.random()), ids::uuid(self.random()));
        let call = Call {
            request_id: request_id.clone(),
            event_id: event_id.clone(),
            source_ip: by.to_owned(),
            user_agent: Some(by.to_owned()),
            referer: None,
            host: None,
            tls: None,
            ..self.call().clone()
        };
        let outer = self.enter(Via { service: by, request_id, event_id });
        let result = to.handle(self, input);
        let inner = self.leave(outer);
        let output = result?;
        if !inner.authorized {
            return Err(Fault::bug(format!("{} did not authorize its caller", Op::MODEL.name)));
        }
        let facts = to.trail(Op::MODEL.name);
        let source = format!("{}.amazonaws.com", to.model().endpoint_prefix);
        let record = Record {
            call: &call,
            caller: self.caller(),
            recipient: self.account(),
            source: &source,
            name: Op::MODEL.name,
            read_only: facts.read_only,
            request: Some(input),
            response: facts.response.then_some(&output),
            error: None,
            resources: &inner.resources,
            additional: inner.told.as_ref(),
        };
        self.tx.append(TRAIL, &record.write())?;
        for event in &inner.events {
            let id = ids::uuid(self.random());
            self.tx.append(TRAIL, &event.write(&call, &source, &id))?;
        }
        Ok(output)
    }
}
