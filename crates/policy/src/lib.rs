//! The IAM policy language: strict parsing, compilation to an index, and evaluation of requests.
//!
//! Pure: no I/O, no clock, no randomness. A [`Policy`] is parsed once and shared; [`evaluate`] answers one
//! (action, resource) check from the policies that concern it, and [`explain()`] tells why. Rules follow AWS's public documentation
//! (IAM User Guide, "Policy evaluation logic" and the policy element reference; KMS Developer Guide, "Key policies");
//! where the documentation is silent, the choice is written down in `docs/decisions/0004-policy-corners.md`.

mod action;
mod admit;
mod arn;
mod condition;
mod context;
mod decision;
mod document;
mod error;
mod evaluate;
pub mod explain;
mod glob;
mod grammar;
mod json;
pub mod key;
pub mod lint;
mod meter;
mod principal;
mod public;
mod request;
mod source;
mod statement;
mod truth;
mod value;
mod variable;

pub use admit::admit;
pub use context::{Context, NoContext, Values};
pub use decision::{Decision, Grantor, Reason, StatementRef};
pub use document::{Policy, PolicyKind, Version, rewrite_principals};
pub use error::PolicyError;
pub use evaluate::evaluate;
pub use explain::{Explanation, Known, Names, PolicyName, explain};
pub use grammar::DOCUMENT_BYTES_MAX;
pub use principal::{NamedPrincipal, PrincipalField};
pub use request::{Boundary, Mode, Policies, Principal, Request};
