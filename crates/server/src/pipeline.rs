//! The one path of a request: route, identify, decode, then one transaction that authorizes, serves and records.

use crate::answer::{UNKNOWN_SERVICE, answered_in, fault_answer};
use crate::deployment::{Deployment, Hosted};
use crate::gone::{abandoned, turn};
use crate::header::{cut, escaped};
use crate::identify::Unidentified;
use crate::reply::{Reply, outcome};
use crate::seen::what;
use platform::regions::GLOBAL;
use platform::trail::Record;
use platform::{
    AnyCall, AnyOperation, Blame, Call, Caller, Client, Counted, Cx, Fault, Principal, TRAIL, Tls,
    TrailFacts, Tx, ids,
};
use std::borrow::Cow;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use store::CommitError;
use telemetry::Outcome;
use wire::route::{Route, RouteError};
use wire::sigv4::{self, Presented, SigError};
use wire::{Answer, ErrorAnswer, HIDDEN, Protocol, ServiceModel, is_access_key_id};

/// How often a transaction is run again after conflicts before the call is refused as unavailable.
const ATTEMPTS_MAX: u32 = 100;

/// How often a call may lose before it waits for its turn: those that have lost so often are run one after the other, in the order in which
/// they came to it, so that they do not make each other lose.
const LOST_MAX: u32 = 3;

/// The longest `User-Agent` and `Referer` kept for policies and records, in bytes (CloudTrail's own limit is 1 KB).
const HEADER_BYTES_KEPT_MAX: usize = 1024;

/// The longest name of an unknown operation that a record repeats, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// What is known of where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The address of the client: `aws:SourceIp`.
    pub ip: IpAddr,
    /// Whether the request was encrypted from the client on: `aws:SecureTransport`.
    pub secure: bool,
    /// What the server itself spoke; none over plain HTTP.
    pub tls: Option<Tls>,
}

impl Deployment {
    /// Serves one request, unless its client has gone.
    pub async fn handle(
        &self,
        parts: &http::request::Parts,
        body: &[u8],
        peer: Peer,
        client: Client,
    ) -> Answer {
        let begun = self.telemetry().calls.begin();
        let Some(_place) = self.limits.enter() else { return self.shed(begun, parts, body) };
        if let Some(why) = self.unrecordable() {
            return self.refuse_unrecordable(begun, parts, body, why);
        }
        let presented = sigv4::parse(parts);
        let scope = presented.as_ref().ok().and_then(Option::as_ref).map(|presented| &presented.scope);
        let routed = self.router.route(parts, body, scope);
        let what = what(&routed);
        let mut call = Call { client, ..self.call(parts, peer) };
        // A call for a region that is not served is recorded in the deployment's own, where somebody looks.
        if let Some(scope) = scope.filter(|scope| self.env.regions.serve(&scope.region)) {
            call.region.clone_from(&scope.region);
        }
        if routed.as_ref().is_ok_and(|route| route.service.global) {
            call.region = GLOBAL.to_owned();
        }
        let reply = match routed {
            Ok(route) => match self.hosted(route.service.name) {
                Some(hosted) => self.serve(&call, &route, hosted, presented, parts, body).await,
                None => {
                    // The router knows hosted services only.
                    let fault = Fault::bug("routed to a service that is not hosted");
                    Reply::new(fault_answer(&route, &fault, &call), outcome(&fault))
                }
            },
            Err(error) => self.refuse_route(&call, parts, &error, presented.ok().flatten().as_ref()).await,
        };
        self.seen(begun, parts, body.len(), &call, what, reply)
    }

    async fn serve(
        &self,
        call: &Call,
        route: &Route,
        hosted: &Hosted,
        presented: Result<Option<Presented>, SigError>,
        parts: &http::request::Parts,
        body: &[u8],
    ) -> Reply {
        let operation = hosted.operation(route.operation.name);
        let unknown = || hosted.service.trail(route.operation.name);
        let facts = operation.map_or_else(unknown, |operation| operation.facts);
        let presented = match presented {
            Ok(presented) => presented,
            Err(error) => return self.refuse_signature(call, route, hosted, facts, None, &error).await,
        };
        let mut decoded: Option<Box<dyn AnyCall>> = None;
        let (mut admitted, mut left) = (false, Left::default());
        let mut _turn = None;
        for lost in 0..ATTEMPTS_MAX {
            if lost == LOST_MAX
                && let Some(operation) = operation
            {
                _turn = turn(&operation.losers, call).await;
            }
            if !left.acted && call.client.is_gone() {
                return abandoned(route, call);
            }
            let mut tx = Tx::begin(&self.store, &self.env.keyring);
            let caller = match &presented {
                None if route.operation.unsigned => Caller::anonymous(),
                None => {
                    return self.refuse_signature(call, route, hosted, facts, None, &SigError::Missing).await;
                }
                Some(presented) => {
                    let identified = presented
                        .check_scope(route.service.signing_name, |region| self.env.regions.serve(region))
                        .map_err(Unidentified::from)
                        // Before any key is derived for the day that the request names.
                        .and_then(|()| presented.check_time(call.now).map_err(Unidentified::from))
                        .and_then(|()| self.identify(&mut tx, call, presented, parts, body));
                    match identified {
                        Ok(caller) => caller,
                        Err(Unidentified::Fault(fault)) if fault.blame() == Blame::Conflict => continue,
                        Err(Unidentified::Fault(fault)) => {
                            let caller = unknown_caller(Some(presented), false);
                            let record = self.unidentified(call, route, hosted, facts, &caller);
                            return self.refuse_fault(record, route, call, fault).await;
                        }
                        Err(Unidentified::Refused(error)) => {
                            let presented = Some(presented);
                            return self
                                .refuse_signature(call, route, hosted, facts, presented, &error)
                                .await;
                        }
                    }
                }
            };
            let (recipient, source) = (self.recipient(&caller), &hosted.source);
            let mut record =
                Record::new(call, &caller, recipient, source, route.operation.name, facts.read_only);
            // Once a call, however often it is run; and before its input is looked at, so that mistakes count as well.
            if !std::mem::replace(&mut admitted, true) {
                match self.admit(call, &caller, hosted, operation) {
                    Ok(at_once) => left.counted = at_once,
                    Err(fault) => return self.refuse_fault(record, route, call, fault).await,
                }
            }
            let Some(bound) = operation.and_then(|operation| operation.bound.as_deref()) else {
                let message = format!(
                    "Fastness does not implement {0}:{1} yet. `fastness coverage {0}` lists what it does.",
                    route.service.name, route.operation.name
                );
                let answer = error_answer(route, call, &ErrorAnswer::new("NotImplemented", &message, 501));
                record.error = Some(("NotImplemented", &message));
                let reply = Reply::new(answer, Outcome::ClientError);
                return self.refuse(record, route, call, reply).await;
            };
            let request = match decoded.take() {
                Some(request) => request,
                None => match decode(bound, route, parts, body) {
                    Ok(request) => request,
                    Err(rejection) => {
                        if let Some(fault) = self.admit_mistake(call, &caller, hosted, operation) {
                            return self.refuse_fault(record, route, call, fault).await;
                        }
                        record.error = Some((rejection.code(), rejection.message()));
                        let answer = error_answer(route, call, &rejection.answer());
                        let reply = Reply::new(answer, Outcome::ClientError);
                        return self.refuse(record, route, call, reply).await;
                    }
                },
            };
            record.request = Some(request.input());
            if let Err(fault) = hosted.service.admit(route.operation.name, &caller) {
                return self.refuse_fault(record, route, call, fault).await;
            }
            match self.attempt(tx, call, &caller, request.as_ref(), record, facts, route, &mut left).await {
                Ok(reply) => return reply,
                Err(fault) if fault.blame() == Blame::Conflict => decoded = Some(request),
                Err(fault) if fault.blame() == Blame::Gone => return abandoned(route, call),
                Err(fault) => {
                    let unknown = left.counted.is_empty() && fault.blame() != Blame::Throttled;
                    let mistake = unknown.then(|| self.admit_mistake(call, &caller, hosted, operation));
                    let fault = mistake.flatten().unwrap_or(fault);
                    return self.refuse_fault(record, route, call, fault).await;
                }
            }
        }
        let caller = unknown_caller(presented.as_ref(), false);
        let record = self.unidentified(call, route, hosted, facts, &caller);
        self.refuse_fault(record, route, call, Fault::unavailable("too many conflicting changes")).await
    }

    /// Runs the operation once: all of it takes effect and is recorded, or nothing.
    #[expect(clippy::too_many_arguments, reason = "the facts of one attempt, all of which vary")]
    async fn attempt<'a>(
        &'a self,
        tx: Tx<'a>,
        call: &'a Call,
        caller: &'a Caller,
        request: &dyn AnyCall,
        mut record: Record<'_>,
        facts: TrailFacts,
        route: &Route,
        left: &mut Left,
    ) -> Result<Reply, Fault> {
        let (txn, wakes, output) = {
            let meter = self.meter(call, caller);
            let mut cx = Cx::new(tx, &self.env, call, caller)
                .serving(route.service)
                .metered(&meter, std::mem::take(&mut left.counted))
                .waiting_from(self.waits_from(call.now));
            // A defect in a handler must not end the call without an answer and a record.
            let result = catch_unwind(AssertUnwindSafe(|| request.run(&mut cx)))
                .unwrap_or_else(|_| Err(Fault::bug("the operation panicked")));
            let (told, failed) = (cx.take_told(), cx.take_failed());
            left.counted = cx.take_counted();
            left.acted |= cx.has_acted();
            let (authorized, resources, events, mut tx) = cx.finish();
            let output = match result {
                Ok(output) if authorized => output,
                Ok(_) => {
                    let fault = Fault::bug("the operation did not authorize its caller");
                    return Err(fault.leaving(resources, told, failed));
                }
                Err(fault) if matches!(fault.blame(), Blame::Conflict | Blame::Gone) => return Err(fault),
                Err(fault) => return Err(fault.leaving(resources, told, failed)),
            };
            // Keys of proxies are none of a user's access keys.
            let access_key = caller.access_key_id.as_ref().filter(|_| route.protocol != Protocol::Xks);
            if let (Some(key), None) = (access_key, &caller.session) {
                self.env.directory.note_use(&mut tx, key, call, route.service.name)?;
            }
            record.resources = &resources;
            record.additional = told.as_ref();
            record.response = facts.response.then_some(output.as_ref());
            append(&mut tx, &failed, &record)?;
            for event in &events {
                tx.append(TRAIL, &event.write(call, record.source, &ids::uuid(&*self.env.random)))?;
            }
            let wakes = tx.wakes();
            (tx.into_txn(), wakes, output)
        };
        let (committed, commit) = self.timed(self.store.commit(txn)).await;
        match committed {
            Ok(_) => self.woken_by(wakes),
            Err(CommitError::Conflict) => return Err(Fault::conflict()),
            Err(CommitError::Failed(error)) => return Err(error.into()),
        }
        let answer = wire::encode(
            route.protocol,
            route.service,
            route.operation,
            output.field(),
            output.schema(),
            &call.request_id,
        );
        Ok(Reply { commit, ..Reply::new(answer, Outcome::Ok) })
    }

    /// Records a refusal and answers it. What cannot be recorded is answered as unavailable: no outcome leaves unrecorded.
    async fn refuse(&self, record: Record<'_>, route: &Route, call: &Call, reply: Reply) -> Reply {
        self.refuse_after(&[], record, route, call, reply).await
    }

    /// The same, where calls that were made on the caller's behalf have been recorded as failed before.
    async fn refuse_after(
        &self,
        forwarded: &[Vec<u8>],
        record: Record<'_>,
        route: &Route,
        call: &Call,
        reply: Reply,
    ) -> Reply {
        if is_stranger(record.caller) && !self.records_stranger(call) {
            return reply;
        }
        let (recorded, commit) = self.timed(self.record(forwarded, record)).await;
        let reply = match recorded {
            Ok(()) => reply,
            Err(fault) => Reply::new(fault_answer(route, &fault, call), outcome(&fault)),
        };
        Reply { commit, ..reply }
    }

    async fn refuse_fault(&self, mut record: Record<'_>, route: &Route, call: &Call, fault: Fault) -> Reply {
        if matches!(fault.blame(), Blame::Bug | Blame::Unavailable) {
            tracing::error!(
                request_id = call.request_id,
                operation = route.operation.name,
                service = route.service.name,
                cause = fault.for_operator(),
                "the call failed through no fault of the caller"
            );
        }
        let fault = &self.named(route, fault);
        record.error = Some(fault.recorded());
        record.resources = fault.touched();
        record.additional = fault.told();
        let answer = fault_answer(route, fault, call);
        let Some(denial) = fault.denial().filter(|_| !is_stranger(record.caller)) else {
            let reply = Reply::new(answer, outcome(fault));
            return self.refuse_after(fault.forwarded(), record, route, call, reply).await;
        };
        let recording = self.record_denial(fault.forwarded(), record, denial, answer);
        let (recorded, commit) = self.timed(recording).await;
        let reply = match recorded {
            Ok(answer) => Reply::new(answer, outcome(fault)),
            Err(fault) => {
                not_recorded(call, &fault);
                Reply::new(fault_answer(route, &fault, call), outcome(&fault))
            }
        };
        Reply { commit, ..reply }
    }

    /// A defect goes by the name that the service has for it, where the operation documents that.
    fn named(&self, route: &Route, fault: Fault) -> Fault {
        let own = self.hosted(route.service.name).and_then(|hosted| hosted.service.internal_error());
        match own.filter(|(code, _)| fault.blame() == Blame::Bug && route.operation.documents(code)) {
            Some((code, message)) => fault.named(code, message),
            None => fault,
        }
    }

    async fn refuse_signature(
        &self,
        call: &Call,
        route: &Route,
        hosted: &Hosted,
        facts: TrailFacts,
        presented: Option<&Presented>,
        error: &SigError,
    ) -> Reply {
        self.telemetry().calls.refused_signature(error);
        let (code, status, message) = error.answer(route.protocol);
        // These are found out with the secret of the access key only.
        let known = matches!(error, SigError::Mismatch | SigError::ContentDigest | SigError::ExpiredToken);
        let caller = unknown_caller(presented, known);
        let mut record = self.unidentified(call, route, hosted, facts, &caller);
        record.error = Some((code, &message));
        let answer = error_answer(route, call, &ErrorAnswer::new(code, &message, status));
        let reply = Reply::new(answer, Outcome::Unauthenticated);
        // One without a key is looked at there.
        if presented.is_some() && !self.records_stranger(call) {
            return reply;
        }
        self.refuse(record, route, call, reply).await
    }

    /// The record of a call whose caller is not known: it lies in the trail of the deployment's first account.
    fn unidentified<'a>(
        &'a self,
        call: &'a Call,
        route: &Route,
        hosted: &'a Hosted,
        facts: TrailFacts,
        caller: &'a Caller,
    ) -> Record<'a> {
        Record::new(call, caller, &self.account, &hosted.source, route.operation.name, facts.read_only)
    }

    async fn refuse_route(
        &self,
        call: &Call,
        parts: &http::request::Parts,
        error: &RouteError,
        presented: Option<&Presented>,
    ) -> Reply {
        let (protocol, code, message, status) =
            (error.protocol, error.code(), error.message(), error.status());
        let caller = unknown_caller(presented, false);
        let service = error.meant().unwrap_or(&UNKNOWN_SERVICE);
        let (source, name) = (service.event_source(), asked_for(parts, error));
        let record = Record {
            error: Some((code, &message)),
            ..Record::new(call, &caller, &self.account, &source, &name, false)
        };
        let answer = wire::encode_error(
            protocol,
            service,
            &ErrorAnswer::new(code, &message, status),
            &call.request_id,
        );
        self.refuse_stranger(record, protocol, service, answer).await
    }

    /// Refuses a request whose body is too large to be read.
    pub(crate) async fn refuse_body(&self, parts: &http::request::Parts, peer: Peer) -> Answer {
        let begun = self.telemetry().calls.begin();
        let Some(_place) = self.limits.enter() else { return self.shed(begun, parts, &[]) };
        if let Some(why) = self.unrecordable() {
            return self.refuse_unrecordable(begun, parts, &[], why);
        }
        let presented = sigv4::parse(parts).ok().flatten();
        let call = self.call(parts, peer);
        let routed = self.router.route(parts, &[], presented.as_ref().map(|presented| &presented.scope));
        let reply = self.refuse_too_large(&call, parts, &routed, presented.as_ref()).await;
        // How much of the body came is not known here.
        self.seen(begun, parts, 0, &call, what(&routed), reply)
    }

    async fn refuse_too_large(
        &self,
        call: &Call,
        parts: &http::request::Parts,
        routed: &Result<Route, RouteError>,
        presented: Option<&Presented>,
    ) -> Reply {
        let (protocol, service) = answered_in(routed);
        let caller = unknown_caller(presented, false);
        let (code, message) = ("RequestEntityTooLargeException", "The request body is too large.");
        let source = service.event_source();
        let name: Cow<'_, str> = match routed {
            Ok(route) => route.operation.name.into(),
            Err(error) => asked_for(parts, error).into(),
        };
        let record = Record {
            error: Some((code, message)),
            ..Record::new(call, &caller, &self.account, &source, &name, false)
        };
        let answer =
            wire::encode_error(protocol, service, &ErrorAnswer::new(code, message, 413), &call.request_id);
        self.refuse_stranger(record, protocol, service, answer).await
    }

    /// Refuses a call of somebody who is not known, of which no operation may be known either.
    async fn refuse_stranger(
        &self,
        record: Record<'_>,
        protocol: Protocol,
        service: &'static ServiceModel,
        answer: Answer,
    ) -> Reply {
        let call = record.call;
        if !self.records_stranger(call) {
            return Reply::new(answer, Outcome::ClientError);
        }
        let (recorded, commit) = self.timed(self.record(&[], record)).await;
        let reply = match recorded {
            Ok(()) => Reply::new(answer, Outcome::ClientError),
            Err(fault) => {
                let answer = wire::encode_error(protocol, service, &unavailable(), &call.request_id);
                Reply::new(answer, outcome(&fault))
            }
        };
        Reply { commit, ..reply }
    }

    async fn record(&self, forwarded: &[Vec<u8>], record: Record<'_>) -> Result<(), Fault> {
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        let written = append(&mut tx, forwarded, &record);
        let committed = match written {
            Ok(()) => self.commit(tx).await,
            Err(fault) => Err(fault),
        };
        committed.inspect_err(|fault| not_recorded(record.call, fault))
    }

    fn recipient<'a>(&'a self, caller: &'a Caller) -> &'a str {
        match caller.principal.account() {
            "" => &self.account,
            account => account,
        }
    }

    fn call(&self, parts: &http::request::Parts, peer: Peer) -> Call {
        let header = |name| parts.headers.get(name).map(|value| escaped(value, HEADER_BYTES_KEPT_MAX));
        let (request_id, event_id) = self.uuids.two(&*self.env.random);
        Call {
            request_id,
            event_id,
            now: self.clock.now(),
            region: self.region.clone(),
            source_ip: peer.ip.to_canonical().to_string(),
            user_agent: header(http::header::USER_AGENT),
            referer: header(http::header::REFERER),
            host: header(http::header::HOST),
            secure: peer.secure,
            tls: peer.tls,
            client: Client::default(),
        }
    }
}

/// What one attempt at a call leaves to the next.
#[derive(Default)]
struct Left {
    /// What it was counted against.
    counted: Counted,
    /// Whether it may have acted outside of its transaction, so that it goes on to its record whoever waits for it.
    acted: bool,
}

fn error_answer(route: &Route, call: &Call, error: &ErrorAnswer<'_>) -> Answer {
    wire::encode_error(route.protocol, route.service, error, &call.request_id)
}

/// The name of an operation that there is not, as far as the request gives one.
fn asked_for(parts: &http::request::Parts, error: &RouteError) -> String {
    let name = error.operation().filter(|name| !name.is_empty());
    let name = name.map(|name| cut(name, NAME_BYTES_MAX).to_owned());
    let target = || parts.headers.get("x-amz-target").map(|target| escaped(target, NAME_BYTES_MAX));
    name.or_else(target).unwrap_or_else(|| "UnknownOperation".to_owned())
}

/// Appends a record, and before it those of calls that failed while this one was served.
pub(crate) fn append(tx: &mut Tx<'_>, forwarded: &[Vec<u8>], record: &Record<'_>) -> Result<(), Fault> {
    for entry in forwarded {
        tx.append(TRAIL, entry)?;
    }
    tx.append(TRAIL, &record.write())
}

/// Tells operators of a refusal that could not be recorded.
fn not_recorded(call: &Call, fault: &Fault) {
    let request_id = &call.request_id;
    tracing::error!(request_id, cause = fault.for_operator(), "a refusal could not be recorded");
}

/// What is answered instead of a refusal that could not be recorded, where no operation is known.
fn unavailable() -> ErrorAnswer<'static> {
    ErrorAnswer::new("ServiceUnavailable", "Service is unavailable.", 503)
}

/// The caller of a refused signature: nobody, but with the access key that was named. What has not the form of an access key id may
/// be a secret in its place, and is not recorded, unless an access key is `known` to have it.
fn unknown_caller(presented: Option<&Presented>, known: bool) -> Caller {
    let id = presented.map(|presented| presented.access_key_id.as_str());
    let id = id.map(|id| if known || is_access_key_id(id) { id } else { HIDDEN });
    Caller { access_key_id: id.map(str::to_owned), ..Caller::anonymous() }
}

/// Whether a call says nothing of who makes it: the records of its refusals are limited.
fn is_stranger(caller: &Caller) -> bool {
    matches!(caller.principal, Principal::Anonymous) && caller.access_key_id.is_none()
}

fn decode(
    operation: &dyn AnyOperation,
    route: &Route,
    parts: &http::request::Parts,
    body: &[u8],
) -> Result<Box<dyn AnyCall>, wire::Rejection> {
    operation.decode(route.protocol, route.service, parts, body)
}
