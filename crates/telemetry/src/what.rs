//! What a call was for and how it ended, in the few words that metrics, spans and logs have for it.

use wire::{OperationModel, Protocol, ServiceModel};

/// How a call ended, as far as it matters to those who watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what was asked.
    Ok,
    /// The caller lacks a permission.
    Denied,
    /// The caller is not known: no signature, a wrong one, or one that no longer counts.
    Unauthenticated,
    /// The request is at fault in some other way.
    ClientError,
    /// The caller asked too often, or too much was going on.
    Throttled,
    /// Fastness is at fault.
    ServerError,
    /// The client was gone before anything took effect.
    Abandoned,
}

impl Outcome {
    pub(crate) const ALL: [Self; 7] = [
        Self::Ok,
        Self::Denied,
        Self::Unauthenticated,
        Self::ClientError,
        Self::Throttled,
        Self::ServerError,
        Self::Abandoned,
    ];

    /// The outcome's name in metrics, spans and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Unauthenticated => "unauthenticated",
            Self::ClientError => "client_error",
            Self::Throttled => "throttled",
            Self::ServerError => "server_error",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What a call is for, as far as that is known.
#[derive(Clone, Copy, Debug)]
pub struct What {
    /// The service; none if the request names none that is served.
    pub service: Option<&'static ServiceModel>,
    /// The operation; none if the service has no such one.
    pub operation: Option<&'static OperationModel>,
    /// The protocol that the caller is answered in.
    pub protocol: Protocol,
}

/// Stands for names that are not of a model, such as those that a caller made up.
pub(crate) const UNKNOWN: &str = "unknown";

impl What {
    /// The service's name, as in `kms`.
    pub fn service(&self) -> &'static str {
        self.service.map_or(UNKNOWN, |service| service.name)
    }

    /// The operation's name, as in `Encrypt`.
    pub fn operation(&self) -> &'static str {
        self.operation.map_or(UNKNOWN, |operation| operation.name)
    }
}

pub(crate) const PROTOCOLS: [Protocol; 9] = [
    Protocol::Json10,
    Protocol::Json11,
    Protocol::Query,
    Protocol::Ec2Query,
    Protocol::RestJson,
    Protocol::RestXml,
    Protocol::Cbor,
    Protocol::Xks,
    Protocol::QueryJson,
];

pub(crate) fn protocol_index(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Json10 => 0,
        Protocol::Json11 => 1,
        Protocol::Query => 2,
        Protocol::Ec2Query => 3,
        Protocol::RestJson => 4,
        Protocol::RestXml => 5,
        Protocol::Cbor => 6,
        Protocol::Xks => 7,
        Protocol::QueryJson => 8,
    }
}

/// A protocol's name in metrics, as the service models have it.
pub(crate) fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Json10 => "json_1_0",
        Protocol::Json11 => "json_1_1",
        Protocol::Query => "query",
        Protocol::Ec2Query => "ec2_query",
        Protocol::RestJson => "rest_json",
        Protocol::RestXml => "rest_xml",
        Protocol::Cbor => "rpc_v2_cbor",
        Protocol::Xks => "xks",
        Protocol::QueryJson => "query_json",
    }
}
