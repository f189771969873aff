//! The actions that are known, and what was probably meant by one that is not.

use crate::action::{Action, ActionPattern};
use crate::meter::{DECISION_STEPS_MAX, Meter};
use crate::truth::Truth;
use std::collections::BTreeMap;

/// Actions that no operation of the models is called after: permissions for parts of operations, and for operations that have no API or
/// are others' (Service Authorization Reference, "Actions defined by" each of the services, as of October 2026). AWS CloudHSM has none.
const PERMISSIONS_ONLY: &[(&str, &[&str])] = &[
    (
        "cloudtrail",
        &[
            "CreateServiceLinkedChannel",
            "DeleteServiceLinkedChannel",
            "GenerateQueryResultsSummary",
            "GetEventDataStoreData",
            "GetServiceLinkedChannel",
            "ListServiceLinkedChannels",
            "UpdateServiceLinkedChannel",
        ],
    ),
    (
        "iam",
        &[
            "DeleteCloudFrontPublicKey",
            "GetAccountEmailAddress",
            "GetAccountName",
            "GetCloudFrontPublicKey",
            "ListCloudFrontPublicKeys",
            "ListSTSRegionalEndpointsStatus",
            "PassRole",
            "SetSTSRegionalEndpointStatus",
            "UpdateAccountEmailAddress",
            "UpdateAccountName",
            "UpdateCloudFrontPublicKey",
            "UploadCloudFrontPublicKey",
        ],
    ),
    ("kms", &["ReEncryptFrom", "ReEncryptTo", "SynchronizeMultiRegionKey"]),
    (
        "sts",
        &["GetServiceBearerToken", "SetContext", "SetSourceIdentity", "TagGetWebIdentityToken", "TagSession"],
    ),
];

/// Operations that are authorized under other names only.
const NO_PERMISSIONS: &[(&str, &str)] = &[("kms", "ReEncrypt")];

/// How far a name may be from another for it to be what was meant, in letters.
const TYPOS_MAX: usize = 3;

/// The services whose actions are known.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// By prefix: actions in lower case, and as AWS writes them.
    services: BTreeMap<String, BTreeMap<String, String>>,
}

impl Vocabulary {
    /// Of services, each with its prefix and the names of its operations.
    pub fn new<'n, N: IntoIterator<Item = &'n str>>(
        services: impl IntoIterator<Item = (&'n str, N)>,
    ) -> Self {
        let lower = |name: &str| (name.to_ascii_lowercase(), name.to_owned());
        let mut vocabulary = Vocabulary::default();
        for (prefix, operations) in services {
            let mut actions: BTreeMap<String, String> = operations
                .into_iter()
                .filter(|name| !NO_PERMISSIONS.contains(&(prefix, name)))
                .map(lower)
                .collect();
            let more = PERMISSIONS_ONLY.iter().filter(|(service, _)| *service == prefix);
            actions.extend(more.flat_map(|(_, names)| names.iter().map(|name| lower(name))));
            vocabulary.services.insert(prefix.to_owned(), actions);
        }
        vocabulary
    }

    /// What is wrong with an action or a pattern of actions, where it matches none of a service that is known.
    #[must_use]
    pub fn unknown_action(&self, text: &str) -> Option<String> {
        let pattern = ActionPattern::parse(text).ok()?;
        let (prefix, name) = text.split_once(':')?;
        let prefix = prefix.to_ascii_lowercase();
        if !self.knows(&prefix) {
            // One letter off a service that is known: most likely that is meant.
            let near = nearest(&prefix, self.prefixes()).filter(|near| near.len() == prefix.len());
            let near = near.filter(|near| self.actions(near).any(|action| action.eq_ignore_ascii_case(name)));
            return near.map(|near| format!("there is no service {prefix}; did you mean {near}:{name}?"));
        }
        let matches = |action: &str| {
            pattern.matches(&Action::new(&format!("{prefix}:{action}")), &Meter::new(DECISION_STEPS_MAX))
                != Truth::False
        };
        if self.actions(&prefix).any(matches) {
            return None;
        }
        if name.contains(['*', '?']) {
            return Some(format!("no action of {prefix} matches {name}"));
        }
        let near = nearest(name, self.actions(&prefix)).map(|near| format!("{prefix}:{near}"));
        Some(format!("{prefix} has no action {name}{}", meant(near)))
    }

    /// Whether the actions of a service are known.
    pub(super) fn knows(&self, prefix: &str) -> bool {
        self.services.contains_key(prefix)
    }

    /// The actions of a service, as AWS writes them.
    pub(super) fn actions(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.services.get(prefix).into_iter().flat_map(|actions| actions.values().map(String::as_str))
    }

    /// The services, by prefix.
    fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }
}

/// The nearest of some names, if one is near enough to be what was meant.
pub(super) fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let lower = name.to_ascii_lowercase();
    let near = names.into_iter().map(|other| {
        let folded = other.to_ascii_lowercase();
        (distance(&lower, &folded), !folded.starts_with(&lower), other)
    });
    // Of two that are as near, one that only goes on is the nearer.
    let (distance, _, found) = near.min_by_key(|(distance, differs, _)| (*distance, *differs))?;
    (distance <= TYPOS_MAX && distance * 2 < name.len()).then_some(found)
}

/// How many letters have to be put in, taken out or changed.
fn distance(left: &str, right: &str) -> usize {
    if left.len().abs_diff(right.len()) > TYPOS_MAX {
        return usize::MAX;
    }
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, c) in left.chars().enumerate() {
        let mut corner = above;
        let mut last = above + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(&right) {
            let least = (corner + usize::from(c != *other)).min(last + 1).min(*cell + 1);
            corner = *cell;
            *cell = least;
            last = least;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// ", did you mean …?" or nothing.
pub(super) fn meant(found: Option<String>) -> String {
    found.map(|found| format!("; did you mean {found}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let names = ["Encrypt", "Decrypt", "ReEncryptFrom", "GetUser"];
        for (name, expected) in [
            ("encript", Some("Encrypt")),
            ("Decrpt", Some("Decrypt")),
            ("ReEncryptForm", Some("ReEncryptFrom")),
            ("GetUsers", Some("GetUser")),
            ("ReEncryptFr", Some("ReEncryptFrom")),
            ("EncryptX", Some("Encrypt")),
            ("List", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, names), expected, "{name}");
        }
    }
}
