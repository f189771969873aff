//! Principals of resource policies, pinned: a user, role or session of a role that a policy names is the one that there is when the policy
//! is saved. One made later under the same name is another (IAM User Guide, "AWS JSON policy elements: Principal").

use crate::{Cx, Fault};
use policy::rewrite_principals;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The ARNs of a policy that were replaced, and by which unique ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pins(BTreeMap<String, String>);

impl Pins {
    /// The document with unique ids in place of ARNs; none if it names a principal that there is not.
    ///
    /// # Errors
    /// Unavailable.
    pub fn pin(cx: &mut Cx<'_>, text: &str) -> Result<Option<(String, Self)>, Fault> {
        let mut pins = BTreeMap::new();
        let mut failed = None;
        let pinned = rewrite_principals(text, |named| {
            if !named.is_pinnable() || failed.is_some() {
                return None;
            }
            match cx.directory().unique_id(&mut cx.tx, named.value) {
                Ok(Some(id)) => {
                    pins.insert(named.value.to_owned(), id.clone());
                    return Some(id);
                }
                Ok(None) => failed = Some(None),
                Err(fault) => failed = Some(Some(fault)),
            }
            None
        });
        match failed {
            None => Ok(pinned.ok().map(|pinned| (pinned, Self(pins)))),
            Some(None) => Ok(None),
            Some(Some(fault)) => Err(fault),
        }
    }

    /// The pinned document as it is shown: with ARNs, but for the unique ids of principals that are gone.
    ///
    /// # Errors
    /// Unavailable.
    pub fn shown(&self, cx: &mut Cx<'_>, pinned: &str) -> Result<String, Fault> {
        let mut names = BTreeMap::new();
        for (arn, id) in &self.0 {
            if cx.directory().unique_id(&mut cx.tx, arn)?.as_ref() == Some(id) {
                names.insert(id.as_str(), arn);
            }
        }
        rewrite_principals(pinned, |named| names.get(named.value).map(|arn| (*arn).clone()))
            .map_err(|error| Fault::bug(format!("a stored policy does not parse: {error}")))
    }

    /// Whether nothing is pinned.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
