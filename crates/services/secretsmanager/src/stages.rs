//! Versions of a secret and the staging labels that name them. Each label is on one version at most.

use crate::errors::limit_exceeded;
use crate::quotas::{DEPRECATED_MAX, KEPT_MS, LABELS_MAX};
use platform::Fault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) const CURRENT: &str = "AWSCURRENT";
pub(crate) const PREVIOUS: &str = "AWSPREVIOUS";
pub(crate) const PENDING: &str = "AWSPENDING";

/// The versions of a secret, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Versions(BTreeMap<String, Version>);

/// A version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) created: i64,
    /// In the order in which they were attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) stages: Vec<String>,
    /// The KMS key that the value is encrypted under, by ARN; none for a version that has no value yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

impl Versions {
    pub(crate) fn of(versions: BTreeMap<String, Version>) -> Self {
        Self(versions)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Version)> {
        self.0.iter().map(|(id, version)| (id.as_str(), version))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Version> {
        self.0.get(id)
    }

    /// The version with a label.
    pub(crate) fn at(&self, stage: &str) -> Option<&str> {
        let has = |version: &Version| version.stages.iter().any(|one| one == stage);
        self.iter().find(|(_, version)| has(version)).map(|(id, _)| id)
    }

    /// Adds a version, or gives one its value.
    pub(crate) fn add(&mut self, id: &str, now: i64, key: Option<String>) {
        let version =
            self.0.entry(id.to_owned()).or_insert_with(|| Version { created: now, ..Version::default() });
        version.key = key;
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Moves a label to a version. Where AWSCURRENT leaves a version, AWSPREVIOUS comes to it.
    ///
    /// # Errors
    /// The version has as many labels as it may.
    pub(crate) fn attach(&mut self, stage: &str, to: &str) -> Result<(), Fault> {
        let from = self.at(stage).map(str::to_owned);
        if from.as_deref() == Some(to) {
            return Ok(());
        }
        self.detach(stage);
        if let Some(version) = self.0.get_mut(to) {
            if version.stages.len() >= LABELS_MAX {
                return Err(limit_exceeded(format!(
                    "You can't attach more than {LABELS_MAX} staging labels to a version."
                )));
            }
            version.stages.push(stage.to_owned());
        }
        match from {
            Some(from) if stage == CURRENT => {
                self.detach(PREVIOUS);
                self.attach(PREVIOUS, &from)
            }
            _ => Ok(()),
        }
    }

    /// Takes a label away.
    pub(crate) fn detach(&mut self, stage: &str) {
        for version in self.0.values_mut() {
            version.stages.retain(|one| one != stage);
        }
    }

    /// The versions with labels and their labels, as answers show them.
    pub(crate) fn to_stages(&self) -> Option<BTreeMap<String, Vec<String>>> {
        let labelled = self.0.iter().filter(|(_, version)| !version.stages.is_empty());
        let all: BTreeMap<_, _> =
            labelled.map(|(id, version)| (id.clone(), version.stages.clone())).collect();
        (!all.is_empty()).then_some(all)
    }

    /// Takes out the versions that are deprecated and not among the newest, but for those of the last day. These are their ids.
    pub(crate) fn prune(&mut self, now: i64) -> Vec<String> {
        let deprecated = self.iter().filter(|(_, version)| version.stages.is_empty());
        let mut deprecated: Vec<_> =
            deprecated.map(|(id, version)| (version.created, id.to_owned())).collect();
        deprecated.sort_unstable();
        let surplus = deprecated.len().saturating_sub(DEPRECATED_MAX);
        let old = deprecated
            .into_iter()
            .take(surplus)
            .filter(|(created, _)| now.saturating_sub(*created) > KEPT_MS);
        let gone: Vec<_> = old.map(|(_, id)| id).collect();
        for id in &gone {
            self.0.remove(id);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(versions: &Versions) -> String {
        let one = |(id, version): (&str, &Version)| format!("{id}:{}", version.stages.join(","));
        versions.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn of(count: i64) -> Versions {
        let mut versions = Versions::default();
        (0..count).for_each(|number| versions.add(&format!("v{number:03}"), number, None));
        versions
    }

    #[test]
    fn the_current_version_leaves_the_previous_one_behind() {
        let mut versions = of(3);
        versions.attach(CURRENT, "v000").unwrap();
        assert_eq!(shown(&versions), "v000:AWSCURRENT v001: v002:");
        versions.attach(CURRENT, "v001").unwrap();
        assert_eq!(shown(&versions), "v000:AWSPREVIOUS v001:AWSCURRENT v002:");
        versions.attach(PENDING, "v002").unwrap();
        versions.attach(CURRENT, "v002").unwrap();
        assert_eq!(shown(&versions), "v000: v001:AWSPREVIOUS v002:AWSPENDING,AWSCURRENT");
        // Back: the version that AWSCURRENT leaves is the previous one, and not the one that had been.
        versions.attach(CURRENT, "v001").unwrap();
        assert_eq!(shown(&versions), "v000: v001:AWSCURRENT v002:AWSPENDING,AWSPREVIOUS");
        versions.attach(CURRENT, "v001").unwrap();
        assert_eq!(shown(&versions), "v000: v001:AWSCURRENT v002:AWSPENDING,AWSPREVIOUS");
    }

    #[test]
    fn a_version_has_so_many_labels() {
        let mut versions = of(2);
        for label in 0..LABELS_MAX {
            versions.attach(&format!("l{label}"), "v000").unwrap();
        }
        assert_eq!(versions.attach("more", "v000").unwrap_err().code(), "LimitExceededException");
        versions.attach("more", "v001").unwrap();
    }

    #[test]
    fn old_versions_without_labels_go() {
        let mut versions = of(150);
        versions.attach(CURRENT, "v000").unwrap();
        assert_eq!(versions.prune(KEPT_MS), Vec::<String>::new(), "none is older than a day");
        // Of 149 without labels 49 are too many, and 10 of them are old enough.
        let gone = versions.prune(KEPT_MS + 11);
        assert_eq!((gone.len(), gone[0].as_str(), gone[9].as_str()), (10, "v001", "v010"));
        assert_eq!(versions.prune(KEPT_MS * 2).len(), 39);
        assert_eq!(versions.len(), 101);
        assert_eq!(versions.at(CURRENT), Some("v000"));
    }
}
