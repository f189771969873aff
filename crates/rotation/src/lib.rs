//! Rotation of a database's password, as the functions do it that AWS publishes as templates for Secrets Manager: one user whose
//! password changes, or two users of the same rights that take turns, in PostgreSQL, MySQL and MariaDB.
//!
//! The crate knows a secret's versions as text only. Who keeps them, moves their labels and writes down what happened is the caller.
//! A rotation has four steps; the first is [`create`], the second [`set`], the third [`test`], and the fourth is the caller's own.
//! Each may be repeated after a failure or a restart, with the same versions.

mod bounded;
mod credentials;
mod failure;
mod mysql;
mod postgres;
mod session;
mod steps;

pub use credentials::master_arn;
pub use failure::{Failure, Kind};
pub use steps::{create, set, test};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The database's kind, of which there are two protocols and three sets of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    MySql,
    MariaDb,
}

/// A rotation function that AWS publishes as a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// `SecretsManagerRDSPostgreSQLRotationSingleUser`
    PostgresSingleUser,
    /// `SecretsManagerRDSPostgreSQLRotationMultiUser`
    PostgresMultiUser,
    /// `SecretsManagerRDSMySQLRotationSingleUser`
    MySqlSingleUser,
    /// `SecretsManagerRDSMySQLRotationMultiUser`
    MySqlMultiUser,
    /// `SecretsManagerRDSMariaDBRotationSingleUser`
    MariaDbSingleUser,
    /// `SecretsManagerRDSMariaDBRotationMultiUser`
    MariaDbMultiUser,
}

impl Template {
    /// Every template there is.
    pub const ALL: [Self; 6] = [
        Self::PostgresSingleUser,
        Self::PostgresMultiUser,
        Self::MySqlSingleUser,
        Self::MySqlMultiUser,
        Self::MariaDbSingleUser,
        Self::MariaDbMultiUser,
    ];

    /// The template that a function is named after: the last part of its ARN, without version or alias.
    pub fn of_function(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.function() == name)
    }

    /// The name of the function.
    pub fn function(self) -> &'static str {
        match self {
            Self::PostgresSingleUser => "SecretsManagerRDSPostgreSQLRotationSingleUser",
            Self::PostgresMultiUser => "SecretsManagerRDSPostgreSQLRotationMultiUser",
            Self::MySqlSingleUser => "SecretsManagerRDSMySQLRotationSingleUser",
            Self::MySqlMultiUser => "SecretsManagerRDSMySQLRotationMultiUser",
            Self::MariaDbSingleUser => "SecretsManagerRDSMariaDBRotationSingleUser",
            Self::MariaDbMultiUser => "SecretsManagerRDSMariaDBRotationMultiUser",
        }
    }

    /// True for alternating users: [`set`] then needs the value of the secret that [`master_arn`] names.
    pub fn needs_master(self) -> bool {
        matches!(self, Self::PostgresMultiUser | Self::MySqlMultiUser | Self::MariaDbMultiUser)
    }

    pub(crate) fn engine(self) -> Engine {
        match self {
            Self::PostgresSingleUser | Self::PostgresMultiUser => Engine::Postgres,
            Self::MySqlSingleUser | Self::MySqlMultiUser => Engine::MySql,
            Self::MariaDbSingleUser | Self::MariaDbMultiUser => Engine::MariaDb,
        }
    }
}

/// The versions of a secret that a step needs: the values (SecretString) that its labels are on.
#[derive(Clone, Copy)]
pub struct Versions<'a> {
    /// AWSCURRENT.
    pub current: &'a str,
    /// AWSPENDING, as [`create`] made it.
    pub pending: &'a str,
    /// AWSPREVIOUS, if there is one. A single user logs in with it when the current one does not work.
    pub previous: Option<&'a str>,
    /// AWSCURRENT of the secret whose user may create and change users; for alternating users.
    pub master: Option<&'a str>,
}

impl fmt::Debug for Versions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Versions")
    }
}

/// How long databases may take, and how much they may say.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// To find a name's addresses, to connect, to agree on TLS and to log in.
    pub connect: Duration,
    /// To answer one statement.
    pub statement: Duration,
    /// The most bytes that are read from a connection.
    pub bytes: usize,
}

impl Default for Limits {
    /// The templates connect for 5 seconds at most.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), statement: Duration::from_secs(10), bytes: 4 << 20 }
    }
}

/// What there is between Fastness and databases: whom to trust, what may be called, how long it may take. A server has one.
#[derive(Debug, Clone)]
pub struct Databases {
    /// Whom to trust where TLS is spoken.
    pub trust: Arc<outbound::Trust>,
    /// The addresses that may be called.
    pub reach: outbound::Reach,
    /// Time and bytes.
    pub limits: Limits,
}
