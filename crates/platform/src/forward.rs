//! How one service uses another on a caller's behalf: in the same transaction, authorized again, with a record of its own.

use crate::trail::Record;
use crate::{Blame, Call, Cx, Fault, Handle, Service, TRAIL, ids};
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
    /// transaction. If the call fails, the calling service must fail too, in whatever words: what the call had written by then is not to
    /// be committed. The record of the failure is written with that of the calling service's.
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
        let result = match result {
            Ok(_) if !inner.authorized => {
                Err(Fault::bug(format!("{} did not authorize its caller", Op::MODEL.name)))
            }
            // It is run again, as one with the calling service's.
            Err(fault) if fault.blame() == Blame::Conflict => return Err(fault),
            result => result,
        };
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
            response: result.as_ref().ok().filter(|_| facts.response).map(|output| output as _),
            error: result.as_ref().err().map(Fault::recorded),
            resources: &inner.resources,
            additional: inner.told.as_ref(),
        };
        let record = record.write();
        let output = match result {
            Ok(output) => output,
            Err(fault) => {
                self.failed.push(record);
                return Err(fault);
            }
        };
        self.tx.append(TRAIL, &record)?;
        for event in &inner.events {
            let id = ids::uuid(self.random());
            self.tx.append(TRAIL, &event.write(&call, &source, &id))?;
        }
        Ok(output)
    }
}
