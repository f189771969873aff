//! Why no operation was found, with what is known of the caller's protocol.

use std::{borrow::Cow, fmt, sync::Arc};

use super::atlas;
use crate::model::{Protocol, ServiceModel};

/// Why a request is for no operation, and in which form to say so.
#[derive(Clone)]
pub struct RouteError {
    /// The service, as far as it is known.
    pub service: Option<&'static ServiceModel>,
    /// The protocol to answer in: the caller's, or the likeliest.
    pub protocol: Protocol,
    pub(super) reason: Reason,
    /// The names of the services that are served.
    pub(super) served: Arc<str>,
}

#[derive(Clone)]
pub(super) enum Reason {
    /// Two places name an operation, or one place does twice.
    Conflicting(&'static str),
    /// No place names an operation.
    NoOperation,
    /// AWS has the service, or one of several, but it is not served here. The operation, if the request names one.
    Elsewhere { meant: Vec<&'static ServiceModel>, operation: Option<String> },
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
    /// The service that is served here, or else the one that is meant.
    pub fn meant(&self) -> Option<&'static ServiceModel> {
        match &self.reason {
            Reason::Elsewhere { meant, .. } => meant.first().copied(),
            _ => self.service,
        }
    }

    /// Error code, in the caller's protocol.
    ///
    /// Query: "Common Errors" of the IAM and STS API references (`InvalidAction`, `MissingAction`,
    /// `InvalidParameterCombination`). JSON and REST: answers of AWS (`UnknownOperationException`), as also
    /// Smithy's server implementations give. AWS has no answer for a service that it does not have; it is that of Amazon S3 for what is not there.
    pub fn code(&self) -> &'static str {
        match (&self.reason, self.is_query()) {
            (Reason::Elsewhere { .. }, _) => "NotImplemented",
            (Reason::Conflicting(_), true) => "InvalidParameterCombination",
            (Reason::NoOperation, true) => "MissingAction",
            (_, true) => "InvalidAction",
            (_, false) => "UnknownOperationException",
        }
    }

    /// The operation that was asked for, if the request names one.
    pub fn operation(&self) -> Option<&str> {
        match &self.reason {
            Reason::Elsewhere { operation, .. } => operation.as_deref(),
            Reason::UnknownOperation(name)
            | Reason::WrongMethod(name)
            | Reason::WrongVersion { action: name, .. } => Some(name),
            _ => None,
        }
    }

    /// HTTP status: 400; 501 for services that are not served here; 405 where an external key store proxy is asked by another method than
    /// POST; 404 where not even the service or path is known outside of the Query protocols.
    pub fn status(&self) -> u16 {
        match self.reason {
            Reason::Elsewhere { .. } => 501,
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
            Reason::NoOperation => match self.service {
                Some(service) => format!("The request names no operation of {}.", service.service_id).into(),
                None => "The request names no operation.".into(),
            },
            Reason::UnknownOperation(name) if self.is_query() => {
                format!("The action {name} is not valid for this web service.").into()
            }
            Reason::UnknownOperation(name) | Reason::WrongMethod(name) => {
                let service = self.service.map_or("the service", |service| service.service_id);
                format!("{name} is no operation of {service}.").into()
            }
            Reason::UnknownService => format!(
                "The request names no service of AWS that is known here. Fastness serves {}.",
                self.served
            )
            .into(),
            Reason::Elsewhere { meant, .. } => {
                format!("Fastness does not serve {}. It serves {}.", atlas::names(meant), self.served).into()
            }
            Reason::UnsupportedProtocol => {
                let service = self.service.map_or("The service", |service| service.service_id);
                format!("{service} does not offer the protocol of the request.").into()
            }
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
            .field("code", &self.code())
            .field("message", &self.message())
            .finish()
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for RouteError {}
