//! Names of resources, and asking for permission (Service Authorization Reference, "AWS CloudHSM").

use crate::api::Tag;
use crate::tags;
use platform::{Access, Cx, Fault};
use std::collections::BTreeMap;

/// What is asked of a resource: an action, and the tags that it would add or take away.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) action: &'static str,
    pub(crate) adding: &'a [Tag],
    pub(crate) removing: &'a [String],
}

impl Asked<'_> {
    pub(crate) fn to(action: &'static str) -> Self {
        Self { action, adding: &[], removing: &[] }
    }

    /// Adding tags to what is created, which takes the permission that adding them to what exists takes (Service Authorization Reference,
    /// "API operations defined by AWS CloudHSM").
    pub(crate) fn require_tagging(cx: &mut Cx<'_>, arn: &str, tags: &[Tag]) -> Result<(), Fault> {
        if tags.is_empty() {
            return Ok(());
        }
        Asked { adding: tags, ..Asked::to("cloudhsm:TagResource") }.require(cx, arn, &BTreeMap::new())
    }

    /// Requires that the caller may do it to a resource.
    pub(crate) fn require(
        &self,
        cx: &mut Cx<'_>,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let access = Access::to(self.action, arn)
            .tagged(tags)
            .requesting_tags(tags::pairs(self.adding))
            .removing_tags(self.removing.iter().map(String::as_str));
        cx.authorize(&access)
    }
}

pub(crate) fn cluster_arn(region: &str, account: &str, id: &str) -> String {
    format!("arn:aws:cloudhsm:{region}:{account}:cluster/{id}")
}

pub(crate) fn backup_arn(region: &str, account: &str, id: &str) -> String {
    format!("arn:aws:cloudhsm:{region}:{account}:backup/{id}")
}

/// A new id: what it is of, and eleven characters of base 32 in lower case.
pub(crate) fn new_id(cx: &Cx<'_>, kind: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = [0; 11];
    cx.random().fill(&mut bytes);
    let mut id = format!("{kind}-");
    // The alphabet's length divides 256.
    id.extend(bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(*byte) % 32)).map(|c| char::from(*c)));
    id
}
