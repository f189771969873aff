//! What went wrong with one call.

use crate::trail::Resource;
use crate::{Denial, ServiceQuotas};
use serde_json::Value;
use std::borrow::Cow;

/// Whose doing a fault is. It decides the status, whether the client should retry, and what is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The request asked for something that cannot be done.
    Sender,
    /// The caller lacks a permission.
    Denied,
    /// The call is at fault in nothing but that it came too soon.
    Throttled,
    /// The transaction met a concurrent change and has to be run again; never seen by a caller.
    Conflict,
    /// The client has gone, and the call stopped before anything took effect; never seen by a caller.
    Gone,
    /// Fastness cannot serve the call at the moment.
    Unavailable,
    /// Fastness itself is wrong.
    Bug,
}

/// What went wrong with one call: the text the caller may read, and apart from it what only operators may.
///
/// It has no `Display` on purpose, so that operators' context cannot slip into an answer.
#[derive(Clone, Debug)]
pub struct Fault {
    blame: Blame,
    code: Cow<'static, str>,
    message: String,
    context: Vec<String>,
    left: Option<Box<Left>>,
    denial: Option<Box<Denial>>,
}

/// What a call that failed leaves for its audit record.
#[derive(Clone, Debug)]
struct Left {
    resources: Vec<Resource>,
    told: Option<Value>,
    forwarded: Vec<Vec<u8>>,
}

impl Fault {
    /// An error that the operation's model lists, by its shape name (`NotFoundException`), in AWS's wording.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            blame: Blame::Sender,
            code: Cow::Borrowed(code),
            message: message.into(),
            context: Vec::new(),
            left: None,
            denial: None,
        }
    }

    /// The caller lacks a permission; `message` is the policy engine's sentence.
    pub fn denied(message: impl Into<String>) -> Self {
        Self { blame: Blame::Denied, ..Self::new("AccessDenied", message) }
    }

    /// The call is beyond a quota of its service.
    pub fn throttled(quotas: &ServiceQuotas) -> Self {
        Self { blame: Blame::Throttled, ..Self::new(quotas.code, quotas.message) }
    }

    /// Keeps why policies denied the call.
    #[must_use]
    pub fn explained(mut self, denial: Denial) -> Self {
        self.denial = Some(Box::new(denial));
        self
    }

    /// The same denial in other words.
    #[must_use]
    pub fn reworded(self, words: Fault) -> Self {
        Self { denial: self.denial, ..words }
    }

    /// The same fault by the name that a service has for it.
    #[must_use]
    pub fn named(self, code: &'static str, message: &str) -> Self {
        Self { code: Cow::Borrowed(code), message: message.to_owned(), ..self }
    }

    /// Why policies denied the call, if they did.
    pub fn denial(&self) -> Option<&Denial> {
        self.denial.as_deref()
    }

    /// A concurrent change got in between: the transaction is run again.
    pub fn conflict() -> Self {
        Self { blame: Blame::Conflict, ..Self::new("InternalFailure", "") }
    }

    /// Nobody waits for the answer, and nothing has changed: the call stops, and is not recorded.
    pub fn gone() -> Self {
        Self { blame: Blame::Gone, ..Self::unavailable("the client has gone") }
    }

    /// The store or the keyring cannot serve at the moment; nothing has changed.
    pub fn unavailable(context: impl Into<String>) -> Self {
        Self { blame: Blame::Unavailable, ..Self::new("ServiceUnavailable", "Service is unavailable.") }
            .context(context)
    }

    /// A defect of Fastness. The caller learns only that it happened.
    pub fn bug(context: impl Into<String>) -> Self {
        let message = "The request processing has failed because of an unknown error, exception or failure.";
        Self { blame: Blame::Bug, ..Self::new("InternalFailure", message) }.context(context)
    }

    /// Adds what an operator should know.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.context.push(context.into());
        self
    }

    /// Names the resources that the call had touched before it failed, and what else it had told, for its audit record; and the records
    /// of calls on the caller's behalf that failed before.
    #[must_use]
    pub fn leaving(self, resources: Vec<Resource>, told: Option<Value>, forwarded: Vec<Vec<u8>>) -> Self {
        Self { left: Some(Box::new(Left { resources, told, forwarded })), ..self }
    }

    /// The audit records of calls that failed while they were made on the caller's behalf.
    pub fn forwarded(&self) -> &[Vec<u8>] {
        self.left.as_ref().map_or(&[], |left| &left.forwarded)
    }

    /// The error's code and message as audit records have them: CloudTrail knows denials as `AccessDenied`, whatever the service calls
    /// them.
    pub fn recorded(&self) -> (&str, &str) {
        let code = if self.blame == Blame::Denied { "AccessDenied" } else { &self.code };
        (code, &self.message)
    }

    /// What the call had told the audit record.
    pub fn told(&self) -> Option<&Value> {
        self.left.as_ref()?.told.as_ref()
    }

    /// The resources that the call had touched.
    pub fn touched(&self) -> &[Resource] {
        self.left.as_ref().map_or(&[], |left| &left.resources)
    }

    /// Whose doing it is.
    pub fn blame(&self) -> Blame {
        self.blame
    }

    /// The error's shape name in the model, or AWS's common code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The text for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The text for operators: what happened underneath, innermost first.
    pub fn for_operator(&self) -> String {
        self.context.join("; ")
    }
}

/// What callers are told when there is no room to record what they ask for.
pub const FULL_MESSAGE: &str =
    "Fastness has no room left on its disk to record this call, so it was not served.";

impl From<store::StoreError> for Fault {
    fn from(error: store::StoreError) -> Self {
        let fault = Self::unavailable(format!("store: {error}"));
        match error {
            store::StoreError::Full { .. } => Self { message: FULL_MESSAGE.to_owned(), ..fault },
            _ => fault,
        }
    }
}

impl From<keyring::KeyringError> for Fault {
    fn from(error: keyring::KeyringError) -> Self {
        Self::unavailable(format!("keyring: {error}"))
    }
}
