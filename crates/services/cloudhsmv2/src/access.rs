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
    /// What the same call asks for after this.
    pub(crate) further: Option<(&'static str, &'a str)>,
}

impl Asked<'_> {
    pub(crate) fn to(action: &'static str) -> Self {
        Self { action, adding: &[], removing: &[], further: None }
    }

    /// Adding tags to what is created, which takes the permission that adding them to what exists takes (Service Authorization Reference,
    /// "API operations defined by AWS CloudHSM").
    ///
    /// The ARN is another with each call: policies name it by a pattern.
    pub(crate) fn require_tagging(
        cx: &mut Cx<'_>,
        (arn, named): (&str, &str),
        tags: &[Tag],
    ) -> Result<(), Fault> {
        if tags.is_empty() {
            return Ok(());
        }
        let asked = Asked { adding: tags, ..Asked::to("cloudhsm:TagResource") };
        cx.authorize(&asked.access(arn, &BTreeMap::new()).yet_to_be(named))
    }

    /// Requires that the caller may do it to a resource.
    pub(crate) fn require(
        &self,
        cx: &mut Cx<'_>,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        cx.authorize(&self.access(arn, tags))
    }

    fn access<'b>(&'b self, arn: &'b str, tags: &'b BTreeMap<String, String>) -> Access<'b> {
        let access = Access::to(self.action, arn)
            .tagged(tags)
            .requesting_tags(tags::pairs(self.adding))
            .removing_tags(self.removing.iter().map(String::as_str));
        self.further.iter().fold(access, |access, (action, resource)| access.before(action, *resource))
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
