//! Why no operation was found, with what is known of the caller's protocol.

use std::{borrow::Cow, fmt};

use crate::model::{Protocol, ServiceModel};

/// Why a request is for no operation, and in which form to say so.
#[derive(Clone)]
pub struct RouteError {
    /// The service, as far as it is known.
    pub service: Option<&'static ServiceModel>,
    /// The protocol to answer in: the caller's, or the likeliest.
    pub protocol: Protocol,
    pub(super) reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Two places name an operation, or one place does twice.
    Conflicting(&'static str),
    /// No place names an operation.
    NoOperation,
    /// The service has no such operation.
    UnknownOperation(String),
    /// No service is known by what the request says.
    UnknownService,
    /// The service does not speak the protocol.
    UnsupportedProtocol,
    /// The path is one of the service's, but not with this method.
    WrongMethod(String),
    /// The action exists, if at all, in another version of the interface; `None`: no version was named.
    WrongVersion { action: String, version: Option<String> },
}

impl RouteError {
    /// Error code, in the caller's protocol.
    ///
    /// Query: "Common Errors" of the IAM and STS API references (`InvalidAction`, `MissingAction`,
    /// `InvalidParameterCombination`). JSON and REST: answers of AWS (`UnknownOperationException`), as also
    /// Smithy's server implementations give.
    pub fn code(&self) -> &'static str {
        match (&self.reason, self.is_query()) {
            (Reason::Conflicting(_), true) => "InvalidParameterCombination",
            (Reason::NoOperation, true) => "MissingAction",
            (_, true) => "InvalidAction",
            (_, false) => "UnknownOperationException",
        }
    }

    /// The operation that was asked for, if the request names one.
    pub fn operation(&self) -> Option<&str> {
        match &self.reason {
            Reason::UnknownOperation(name)
            | Reason::WrongMethod(name)
            | Reason::WrongVersion { action: name, .. } => Some(name),
            _ => None,
        }
    }

    /// HTTP status: 400, 405 where an external key store proxy is asked by another method than POST, or 404 where not even the service or path is known outside the Query protocols.
    pub fn status(&self) -> u16 {
        match self.reason {
            _ if self.is_query() => 400,
            Reason::WrongMethod(_) => 405,
            Reason::UnknownOperation(_) if super::is_rest(self.protocol) => 404,
            Reason::NoOperation | Reason::UnknownService => 404,
            _ => 400,
        }
    }

    /// Text for the caller; for Query services in AWS's words.
    pub fn message(&self) -> Cow<'static, str> {
        match &self.reason {
            Reason::Conflicting(what) => {
                format!("The request names its operation in conflicting ways: {what}.").into()
            }
            Reason::NoOperation if self.is_query() => {
                "The request is missing an action or a required parameter.".into()
            }
            Reason::NoOperation => "The request names no operation.".into(),
            Reason::UnknownOperation(name) if self.is_query() => {
                format!("The action {name} is not valid for this web service.").into()
            }
            Reason::UnknownOperation(name) | Reason::WrongMethod(name) => {
                format!("The operation {name} is not known.").into()
            }
            Reason::UnknownService => "The request is for no service that is known here.".into(),
            Reason::UnsupportedProtocol => "The service does not offer the protocol of the request.".into(),
            Reason::WrongVersion { action, version } => format!(
                "Could not find operation {action} for version {}",
                version.as_deref().unwrap_or("NO_VERSION_SPECIFIED")
            )
            .into(),
        }
    }

    fn is_query(&self) -> bool {
        super::is_query(self.protocol)
    }
}

impl fmt::Debug for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteError")
            .field("service", &self.service.map(|service| service.name))
            .field("protocol", &self.protocol)
            .field("reason", &self.reason)
            .finish()
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for RouteError {}
