//! The rules, in the order of the page.

mod access;
mod conditions;
mod effect;
mod form;

use super::{Example, Rule};
use crate::document::PolicyKind;

/// Every rule.
pub static RULES: &[Rule] = &[
    form::SYNTAX_ERROR,
    form::DUPLICATE_SID,
    form::INVALID_ACTION,
    conditions::INVALID_GLOBAL_CONDITION_KEY,
    conditions::INVALID_SERVICE_CONDITION_KEY,
    conditions::INVALID_CONDITION_KEY_FORMAT,
    conditions::EMPTY_ARRAY_CONDITION,
    form::POLICY_SIZE_EXCEEDS_QUOTA,
    effect::UNSUPPORTED_RESOURCE,
    form::MISSING_VERSION,
    form::POLICY_VARIABLES_NEED_VERSION,
    conditions::UNKNOWN_POLICY_VARIABLE,
    conditions::MULTIVALUED_POLICY_VARIABLE,
    conditions::VARIABLE_MAY_BE_ABSENT,
    effect::ALIAS_IS_NO_RESOURCE,
    conditions::TYPE_MISMATCH,
    conditions::WILDCARD_WITHOUT_LIKE,
    conditions::MISSING_SET_OPERATOR,
    conditions::FORALLVALUES_WITH_ALLOW,
    conditions::MFA_KEY_MAY_BE_ABSENT,
    access::FULL_ACCESS,
    access::ALLOW_WITH_NOT_ACTION,
    access::ALLOW_WITH_NOT_RESOURCE,
    access::ALLOW_WITH_NOT_PRINCIPAL,
    access::DENY_WITH_NOT_PRINCIPAL,
    access::PUBLIC_PRINCIPAL,
    access::PASS_ROLE_WITH_STAR_IN_RESOURCE,
    access::DECRYPT_WITH_STAR_IN_RESOURCE,
    access::RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL,
    effect::ALLOW_UNDER_DENY,
    effect::REDUNDANT_STATEMENT,
    effect::REDUNDANT_ACTION,
    effect::REDUNDANT_RESOURCE,
];

const fn identity(text: &'static str) -> Example {
    Example { kind: PolicyKind::Identity, text }
}

const fn trust(text: &'static str) -> Example {
    Example { kind: PolicyKind::Trust, text }
}

const fn resource(text: &'static str) -> Example {
    Example { kind: PolicyKind::Resource, text }
}
