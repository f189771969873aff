//! Grants of KMS beside a request. What they say is not the engine's to decide; those who looked at them tell it.

use super::change::Call;
use super::{Failure, told};
use serde::{Deserialize, Serialize};

/// The grants that were looked at and do not cover the request.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// Those that are told, the closest first.
    pub looked: Vec<LookedAt>,
    /// How many others were looked at.
    pub others: usize,
}

/// A grant that was looked at.
#[derive(Clone, Debug)]
pub struct LookedAt {
    /// What is told of it.
    pub report: GrantReport,
    /// The call that it would cover, if that differs from the one that was made in what a caller may choose.
    pub call: Option<Call>,
}

/// Why a grant does not cover a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantReport {
    /// Its id.
    pub id: String,
    /// The unique id or account that holds it.
    pub grantee: String,
    /// What of it does not fit.
    pub failures: Vec<Failure>,
}

impl Failure {
    /// An element of a grant, what it says, and what the request has.
    #[must_use]
    pub fn of_grant(element: &str, grant: Vec<String>, request: Option<Vec<String>>) -> Self {
        Failure {
            element: element.to_owned(),
            operator: None,
            key: None,
            policy: told(grant),
            request: request.map(told),
        }
    }
}
