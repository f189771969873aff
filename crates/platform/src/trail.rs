//! Audit records, in the form of CloudTrail's (CloudTrail User Guide, "CloudTrail record contents", version 1.11).

use crate::{AnyShape, Call, Caller, Principal, Session};
use serde_json::{Map, Value, json};
use wire::json::write_string;

/// Room for most records, so that they need not grow while they are written.
const RECORD_BYTES_USUAL: usize = 2048;

/// The longest error message that a record holds, in bytes (CloudTrail's own limit is 1 KB).
const ERROR_MESSAGE_BYTES_MAX: usize = 1024;

/// A resource that a call touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The CloudFormation type, `AWS::KMS::Key`.
    pub kind: &'static str,
    /// The ARN.
    pub arn: String,
    /// The owner's account.
    pub account: String,
}

/// Something that a service did by itself.
#[derive(Clone, Debug)]
pub struct ServiceEvent {
    /// The event's name, such as `RotateKey`.
    pub name: &'static str,
    /// What it was done to.
    pub resource: Resource,
    /// More about it: `serviceEventDetails`.
    pub details: Value,
}

/// One record before it is written.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds inputs, whose Debug is their schema's")]
pub struct Record<'a> {
    /// The call.
    pub call: &'a Call,
    /// Who called, as far as it is known.
    pub caller: &'a Caller,
    /// The account in whose trail the record lies.
    pub recipient: &'a str,
    /// Such as `kms.amazonaws.com`.
    pub source: &'a str,
    /// The operation, or as much of its name as the request gave.
    pub name: &'a str,
    /// Whether the operation only reads.
    pub read_only: bool,
    /// The input, if it could be read.
    pub request: Option<&'a dyn AnyShape>,
    /// The output, where it is recorded.
    pub response: Option<&'a dyn AnyShape>,
    /// The error's code and message, where the call failed.
    pub error: Option<(&'a str, &'a str)>,
    /// What was touched.
    pub resources: &'a [Resource],
    /// What the service tells besides: `additionalEventData`.
    pub additional: Option<&'a Value>,
}

impl<'a> Record<'a> {
    /// The record of a call of which no more is known yet: `source` is a service, `name` an operation.
    pub fn new(
        call: &'a Call,
        caller: &'a Caller,
        recipient: &'a str,
        source: &'a str,
        name: &'a str,
        read_only: bool,
    ) -> Self {
        Self {
            call,
            caller,
            recipient,
            source,
            name,
            read_only,
            request: None,
            response: None,
            error: None,
            resources: &[],
            additional: None,
        }
    }

    /// Writes the record as JSON.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(RECORD_BYTES_USUAL);
        let mut object = Writer::new(&mut out);
        object.text("eventVersion", "1.11");
        object.raw("userIdentity", |out| user_identity(self.caller, self.call, out));
        object.text("eventTime", &seconds(self.call.now.0));
        object.text("eventSource", self.source);
        object.text("eventName", self.name);
        object.text("awsRegion", &self.call.region);
        object.text("sourceIPAddress", &self.call.source_ip);
        object.text("userAgent", self.call.user_agent.as_deref().unwrap_or("-"));
        if let Some((code, message)) = self.error {
            object.text("errorCode", code);
            object.text("errorMessage", cut(message, ERROR_MESSAGE_BYTES_MAX));
        }
        object.raw("requestParameters", |out| element(self.request, out));
        object.raw("responseElements", |out| element(self.response, out));
        if let Some(additional) = self.additional {
            object.raw("additionalEventData", |out| out.extend_from_slice(additional.to_string().as_bytes()));
        }
        object.text("requestID", &self.call.request_id);
        object.text("eventID", &self.call.event_id);
        object.raw("readOnly", |out| out.extend_from_slice(if self.read_only { b"true" } else { b"false" }));
        if !self.resources.is_empty() {
            object.raw("resources", |out| resources(self.resources, out));
        }
        object.text("eventType", "AwsApiCall");
        object.raw("managementEvent", |out| out.extend_from_slice(b"true"));
        object.text("recipientAccountId", self.recipient);
        object.text("eventCategory", "Management");
        if let Some(tls) = self.call.tls {
            object.raw("tlsDetails", |out| {
                let mut details = Writer::new(out);
                details.text("tlsVersion", tls.version);
                details.text("cipherSuite", tls.cipher_suite);
                details.text("clientProvidedHostHeader", self.call.host.as_deref().unwrap_or("-"));
                details.text("keyExchange", tls.key_exchange);
                details.end();
            });
        }
        object.end();
        out
    }
}

impl ServiceEvent {
    /// Where it happened: in the region of the resource, if it has one, which need not be that of the call that led to it.
    fn region(&self) -> Option<&str> {
        self.resource.arn.split(':').nth(3).filter(|region| !region.is_empty())
    }

    /// The service; where an operator commanded it, who that was, by a name that no user of IAM has: LookupEvents finds it as `Username`.
    fn identity(&self, source: &str) -> Value {
        let mut identity = json!({ "accountId": self.resource.account, "invokedBy": source });
        if let (Some(identity), Some(operator)) = (identity.as_object_mut(), self.details.get("operator"))
            && let (Some(uid), Some(name)) =
                (operator.get("uid"), operator.get("name").and_then(Value::as_str))
        {
            identity.insert("principalId".to_owned(), format!("uid:{uid}").into());
            identity.insert("userName".to_owned(), format!("operator/{name}").into());
        }
        identity
    }

    /// Writes the record of what service `source` did.
    pub fn write(&self, call: &Call, source: &str, event_id: &str) -> Vec<u8> {
        let record = json!({
            "eventVersion": "1.11",
            "userIdentity": self.identity(source),
            "eventTime": seconds(call.now.0),
            "eventSource": source,
            "eventName": self.name,
            "awsRegion": self.region().unwrap_or(&call.region),
            "sourceIPAddress": source,
            "userAgent": source,
            "requestParameters": null,
            "responseElements": null,
            "eventID": event_id,
            "readOnly": false,
            "resources": [{"accountId": self.resource.account, "type": self.resource.kind, "ARN": self.resource.arn}],
            "eventType": "AwsServiceEvent",
            "managementEvent": true,
            "recipientAccountId": self.resource.account,
            "serviceEventDetails": self.details,
            "eventCategory": "Management",
        });
        record.to_string().into_bytes()
    }
}

/// Writes the members of one JSON object.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Writer<'o> {
    fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// The names are those of the format, and need no escapes.
    fn raw(&mut self, name: &'static str, value: impl FnOnce(&mut Vec<u8>)) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        value(self.out);
    }

    fn text(&mut self, name: &'static str, value: &str) {
        self.raw(name, |out| write_string(out, value));
    }

    fn end(self) {
        self.out.push(b'}');
    }
}

fn element(value: Option<&dyn AnyShape>, out: &mut Vec<u8>) {
    let start = out.len();
    if let Some(value) = value {
        wire::trail_json(value.field(), value.schema(), out);
    }
    if matches!(out.get(start..), Some(b"" | b"{}")) {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

fn resources(resources: &[Resource], out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, resource) in resources.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let mut object = Writer::new(out);
        object.text("accountId", &resource.account);
        object.text("type", resource.kind);
        object.text("ARN", &resource.arn);
        object.end();
    }
    out.push(b']');
}

fn user_identity(caller: &Caller, call: &Call, out: &mut Vec<u8>) {
    let principal = &caller.principal;
    let kind = match principal {
        Principal::Anonymous if caller.access_key_id.is_some() => "Unknown",
        Principal::Anonymous => "AWSAccount",
        Principal::Service { .. } => "AWSService",
        Principal::Root { .. } => "Root",
        Principal::User { .. } => "IAMUser",
        Principal::Role { .. } => "AssumedRole",
        Principal::Federated { .. } => "FederatedUser",
    };
    let mut object = Writer::new(out);
    object.text("type", kind);
    match principal {
        Principal::Anonymous => {
            object.text("principalId", "");
            object.text("accountId", "ANONYMOUS_PRINCIPAL");
        }
        Principal::Service { name } => object.text("invokedBy", name),
        other => {
            object.text("principalId", &other.user_id());
            object.text("arn", &other.arn());
            object.text("accountId", other.account());
        }
    }
    if let Some(key) = &caller.access_key_id {
        object.text("accessKeyId", key);
    }
    if let Principal::User { name, .. } = principal {
        object.text("userName", name);
    }
    // A service that calls on somebody's behalf stands where the caller's address would.
    if call.source_ip.ends_with(".amazonaws.com") && !matches!(principal, Principal::Service { .. }) {
        object.text("invokedBy", &call.source_ip);
    }
    if let Some(session) = caller.session.as_deref() {
        let context = session_context(principal, session);
        object.raw("sessionContext", |out| out.extend_from_slice(context.to_string().as_bytes()));
    }
    object.end();
}

fn session_context(principal: &Principal, session: &Session) -> Value {
    let mut context = Map::new();
    let issuer = match principal {
        Principal::Role { account, name, id, .. } => Some(json!({
            "type": "Role", "principalId": id, "arn": principal.principal_arn(), "accountId": account, "userName": name,
        })),
        Principal::Federated { account, issuer_id, issuer_arn, issuer_name, .. } => Some(json!({
            "type": if issuer_name.is_some() { "IAMUser" } else { "Root" },
            "principalId": issuer_id, "arn": issuer_arn, "accountId": account, "userName": issuer_name,
        })),
        _ => None,
    };
    if let Some(issuer) = issuer {
        context.insert("sessionIssuer".to_owned(), issuer);
    }
    let created = seconds(session.issued);
    let mfa = if session.mfa.is_some() { "true" } else { "false" };
    context.insert("attributes".to_owned(), json!({"creationDate": created, "mfaAuthenticated": mfa}));
    if let Some(identity) = &session.source_identity {
        context.insert("sourceIdentity".to_owned(), json!(identity));
    }
    Value::Object(context)
}

/// A time as records give it: to the second.
fn seconds(ms: i64) -> String {
    wire::Timestamp(ms - ms.rem_euclid(1000)).rfc3339()
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
