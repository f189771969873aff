//! How often an account may call a service.

/// The request quotas of a service, and how it words a refusal.
///
/// A call counts against one quota: the one that names its operation, else the one of reads, else `rest`. Where several name it, it depends
/// on what the call is about, and the operation itself counts it ([`Cx::count`](crate::Cx::count)); what ends before counts against the
/// first. Quotas are counted by the account that calls and the region, as AWS does.
#[derive(Clone, Copy, Debug)]
pub struct ServiceQuotas {
    /// The code of the error: `ThrottlingException`, or `Throttling` where Query is spoken.
    pub code: &'static str,
    /// Its text.
    pub message: &'static str,
    /// Quotas of some operations.
    pub list: &'static [Quota],
    /// The quota that all other operations share.
    pub rest: Quota,
}

/// How many calls an account may make a second, of one operation or of several together.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// Its name within the service: the operation's, or a word for what its operations have in common.
    pub name: &'static str,
    /// What it is counted for.
    covers: Covers,
    /// AWS's default, in calls a second.
    per_second: f64,
    /// The regions with other defaults.
    regional: &'static [(&'static str, f64)],
}

#[derive(Clone, Copy, Debug)]
enum Covers {
    /// The operation that it is named after.
    Namesake,
    /// These, together.
    Operations(&'static [&'static str]),
    /// All that only read, together.
    Reads,
    /// Whatever no other covers, together.
    Rest,
}

impl Quota {
    /// Of one operation.
    pub const fn operation(name: &'static str, per_second: f64) -> Self {
        Self { name, covers: Covers::Namesake, per_second, regional: &[] }
    }

    /// Of some operations together.
    pub const fn shared(name: &'static str, operations: &'static [&'static str], per_second: f64) -> Self {
        Self { name, covers: Covers::Operations(operations), per_second, regional: &[] }
    }

    /// Of all operations together that only read and have none of their own.
    pub const fn reads(name: &'static str, per_second: f64) -> Self {
        Self { name, covers: Covers::Reads, per_second, regional: &[] }
    }

    /// Of all operations together that have no other: [`ServiceQuotas::rest`].
    pub const fn rest(name: &'static str, per_second: f64) -> Self {
        Self { name, covers: Covers::Rest, per_second, regional: &[] }
    }

    /// Gives some regions other defaults.
    #[must_use]
    pub const fn in_regions(mut self, regional: &'static [(&'static str, f64)]) -> Self {
        self.regional = regional;
        self
    }

    /// AWS's default in a region, in calls a second.
    pub fn per_second(&self, region: &str) -> f64 {
        let found = self.regional.iter().find(|(name, _)| *name == region);
        found.map_or(self.per_second, |(_, per_second)| *per_second)
    }

    /// AWS's default where no other is given, and the others.
    pub fn defaults(&self) -> (f64, &'static [(&'static str, f64)]) {
        (self.per_second, self.regional)
    }

    fn names(&self, operation: &str) -> bool {
        match self.covers {
            Covers::Namesake => self.name == operation,
            Covers::Operations(operations) => operations.contains(&operation),
            Covers::Reads | Covers::Rest => false,
        }
    }
}

/// Whose calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Those of the caller's account in the call's region.
    Caller,
    /// Those of the caller's account in another region.
    Region(&'a str),
    /// Those about a resource, whoever makes them.
    Resource(&'a str),
}

/// Counts a call against quotas, once it is known what the call is about.
pub trait Meter: std::fmt::Debug + Send + Sync {
    /// Takes so many calls out of a quota of a service; tells whether they were there.
    fn take(&self, service: &str, quota: &str, whose: Whose<'_>, calls: u32) -> bool;
}

/// What a call has been counted against: it counts once, however often it is run.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// The first of the caller's own quotas; few calls have more.
    first: Option<&'static str>,
    others: Vec<(&'static str, String)>,
}

impl Counted {
    /// Against this quota of the caller's.
    pub fn once(quota: &'static str) -> Self {
        Self { first: Some(quota), others: Vec::new() }
    }

    /// Against nothing yet.
    pub fn is_empty(&self) -> bool {
        self.first.is_none() && self.others.is_empty()
    }

    pub(crate) fn contains(&self, quota: &str, whose: Whose<'_>) -> bool {
        let of = whose.name();
        (of.is_empty() && self.first == Some(quota))
            || self.others.iter().any(|(known, known_of)| *known == quota && known_of == of)
    }

    pub(crate) fn add(&mut self, quota: &'static str, whose: Whose<'_>) {
        match (whose, self.first) {
            (Whose::Caller, None) => self.first = Some(quota),
            _ => self.others.push((quota, whose.name().to_owned())),
        }
    }
}

impl<'a> Whose<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Caller => "",
            Self::Region(name) | Self::Resource(name) => name,
        }
    }
}

impl ServiceQuotas {
    /// All quotas, `rest` last.
    pub fn all(&self) -> impl Iterator<Item = &Quota> {
        self.list.iter().chain([&self.rest])
    }

    /// Whether it depends on what a call is about against which quota it counts.
    pub fn depend_on_call(&self, operation: &str) -> bool {
        self.list.iter().filter(|quota| quota.names(operation)).count() > 1
    }

    /// Whether calls of an operation may count against the quota at this place among [`all`](Self::all).
    pub fn may_count(&self, at: usize, operation: &str, read_only: bool) -> bool {
        let named = self.list.get(at).is_some_and(|quota| quota.names(operation));
        named || self.index(operation, read_only) == at
    }

    /// The place among [`all`](Self::all) of the quota that an operation counts against.
    pub fn index(&self, operation: &str, read_only: bool) -> usize {
        let named = self.list.iter().position(|quota| quota.names(operation));
        let reads = || self.list.iter().position(|quota| read_only && matches!(quota.covers, Covers::Reads));
        named.or_else(reads).unwrap_or(self.list.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTAS: ServiceQuotas = ServiceQuotas {
        code: "Throttling",
        message: "Rate exceeded",
        list: &[
            Quota::operation("GetOne", 1.0).in_regions(&[("eu-west-1", 7.0)]),
            Quota::shared("pair", &["Put", "GetPair"], 2.0),
            Quota::reads("reads", 3.0),
        ],
        rest: Quota::rest("rest", 4.0),
    };

    #[test]
    fn every_operation_has_one() {
        let name = |operation, read_only| {
            QUOTAS.all().nth(QUOTAS.index(operation, read_only)).map(|quota| quota.name)
        };
        let cases = [
            ("GetOne", true, "GetOne"),
            ("GetPair", true, "pair"),
            ("Put", false, "pair"),
            ("GetOther", true, "reads"),
            ("Other", false, "rest"),
            // A word for several is not the name of an operation.
            ("pair", false, "rest"),
        ];
        for (operation, read_only, quota) in cases {
            assert_eq!(name(operation, read_only), Some(quota), "{operation}");
        }
    }

    #[test]
    fn an_operation_of_several_depends_on_the_call() {
        const LIST: &[Quota] =
            &[Quota::shared("one", &["Use", "Other"], 1.0), Quota::shared("two", &["Use"], 2.0)];
        let quotas = ServiceQuotas { list: LIST, ..QUOTAS };
        assert!(quotas.depend_on_call("Use") && !quotas.depend_on_call("Other"));
        assert_eq!(quotas.index("Use", false), 0, "what ends before it is known counts against the first");
        let may_count = |at| quotas.may_count(at, "Use", false);
        assert_eq!([0, 1, 2].map(may_count), [true, true, false]);
        assert!(quotas.may_count(2, "Unknown", false));
    }

    #[test]
    fn some_regions_have_other_defaults() {
        let per_second = |region| QUOTAS.list[0].per_second(region);
        assert!((per_second("eu-west-1") - 7.0).abs() < f64::EPSILON);
        assert!((per_second("eu-west-2") - 1.0).abs() < f64::EPSILON);
    }
}
