//! Who makes a call.

use crate::Client;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::Timestamp;

/// An identity that can be granted permissions, as policies and audit records name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Principal {
    /// Nobody: the request carries no credentials.
    Anonymous,
    /// Fastness itself on behalf of a service, such as `kms.amazonaws.com` rotating a key.
    Service {
        /// The service principal.
        name: String,
    },
    /// The root user of an account.
    Root {
        /// The account's 12 digits.
        account: String,
    },
    /// An IAM user.
    User {
        /// The account's 12 digits.
        account: String,
        /// The path, `/` or `/a/b/`.
        path: String,
        /// The user's name.
        name: String,
        /// The unique id, `AIDA…`.
        id: String,
    },
    /// A session of a role.
    Role {
        /// The account's 12 digits.
        account: String,
        /// The role's path, `/` or `/a/b/`.
        path: String,
        /// The role's name.
        name: String,
        /// The role's unique id, `AROA…`.
        id: String,
        /// The name given to the session.
        session: String,
    },
    /// A federated user session, made by `sts:GetFederationToken`.
    Federated {
        /// The account's 12 digits.
        account: String,
        /// The federated user's name.
        name: String,
        /// The user whose credentials made the session: unique id or, for the root user, the account.
        issuer_id: String,
        /// That user's ARN.
        issuer_arn: String,
        /// That user's name; none for the root user.
        issuer_name: Option<String>,
    },
}

impl Principal {
    /// The account that the principal belongs to; empty for anonymous callers and services.
    pub fn account(&self) -> &str {
        match self {
            Self::Anonymous | Self::Service { .. } => "",
            Self::Root { account }
            | Self::User { account, .. }
            | Self::Role { account, .. }
            | Self::Federated { account, .. } => account,
        }
    }

    /// The ARN that `sts:GetCallerIdentity` and denials give.
    pub fn arn(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Service { name } => name.clone(),
            Self::Root { account } => format!("arn:aws:iam::{account}:root"),
            Self::User { account, path, name, .. } => format!("arn:aws:iam::{account}:user{path}{name}"),
            Self::Role { account, name, session, .. } => {
                format!("arn:aws:sts::{account}:assumed-role/{name}/{session}")
            }
            Self::Federated { account, name, .. } => {
                format!("arn:aws:sts::{account}:federated-user/{name}")
            }
        }
    }

    /// The ARN of `aws:PrincipalArn`: of a role session, the role's.
    pub fn principal_arn(&self) -> String {
        match self {
            Self::Role { account, path, name, .. } => format!("arn:aws:iam::{account}:role{path}{name}"),
            other => other.arn(),
        }
    }

    /// The value of `aws:userid` and of the `UserId` of `sts:GetCallerIdentity`.
    pub fn user_id(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Service { name } => name.clone(),
            Self::Root { account } => account.clone(),
            Self::User { id, .. } => id.clone(),
            Self::Role { id, session, .. } => format!("{id}:{session}"),
            Self::Federated { account, name, .. } => format!("{account}:{name}"),
        }
    }

    /// The value of `aws:PrincipalType`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "Anonymous",
            Self::Service { .. } => "Service",
            Self::Root { .. } => "Account",
            Self::User { .. } => "User",
            Self::Role { .. } => "AssumedRole",
            Self::Federated { .. } => "FederatedUser",
        }
    }
}

/// What temporary credentials carry beyond the principal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// When the credentials were issued, in milliseconds since the epoch.
    pub issued: i64,
    /// When they expire, in milliseconds since the epoch.
    pub expires: i64,
    /// Session policies given in the call that made the session, as JSON text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// ARNs of managed policies that act as session policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_arns: Vec<String>,
    /// Unique ids of those policies, in the same order: one made later under the same ARN is another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_ids: Vec<String>,
    /// Session tags, in force beside the principal's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Keys of the tags that are passed on when another role is assumed from this session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transitive: Vec<String>,
    /// The source identity, which can't change along a chain of roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// When an MFA device vouched for whoever asked for the credentials, in milliseconds since the epoch; none if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<i64>,
}

/// Who makes a call, and with which credentials.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The identity.
    pub principal: Principal,
    /// The access key that signed the request.
    pub access_key_id: Option<String>,
    /// What temporary credentials carry; none for long-term ones.
    pub session: Option<Arc<Session>>,
}

impl Caller {
    /// A caller without credentials.
    pub fn anonymous() -> Self {
        Self { principal: Principal::Anonymous, access_key_id: None, session: None }
    }

    /// Fastness itself, acting for a service.
    pub fn service(name: &str) -> Self {
        Self { principal: Principal::Service { name: name.to_owned() }, access_key_id: None, session: None }
    }
}

/// The facts of one call that do not change while it is served.
#[derive(Clone, Debug)]
pub struct Call {
    /// The request's id, a UUID, as answered in `x-amzn-RequestId`.
    pub request_id: String,
    /// The id of the call's audit record, a UUID.
    pub event_id: String,
    /// When the call arrived.
    pub now: Timestamp,
    /// The region the call is for: that of the credential scope, `us-east-1` for global services.
    pub region: String,
    /// The address the request came from.
    pub source_ip: String,
    /// The `User-Agent` header, cut to a named limit.
    pub user_agent: Option<String>,
    /// The `Referer` header, cut to a named limit.
    pub referer: Option<String>,
    /// The host that the client called.
    pub host: Option<String>,
    /// Whether the client's request was encrypted on its way: `aws:SecureTransport`.
    pub secure: bool,
    /// The TLS that the server itself spoke; none over plain HTTP, which behind a proxy may be a secure request's last hop.
    pub tls: Option<Tls>,
    /// Who waits for the answer.
    pub client: Client,
}

/// What was agreed on in a TLS handshake, in the names that CloudTrail's `tlsDetails` gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Such as `TLSv1.3`.
    pub version: &'static str,
    /// Such as `TLS_AES_256_GCM_SHA384`; for TLS 1.2 as OpenSSL writes it, `ECDHE-ECDSA-AES256-GCM-SHA384`.
    pub cipher_suite: &'static str,
    /// Such as `X25519MLKEM768` or `x25519`.
    pub key_exchange: &'static str,
}
