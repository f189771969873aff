//! How often an account may call a service.

/// The request quotas of a service, and how it words a refusal.
///
/// Every operation has one quota: the one that names it, else the one of reads, else `rest`. Quotas are counted by the account
/// that calls and the region, as AWS does.
#[derive(Debug)]
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

impl ServiceQuotas {
    /// All quotas, `rest` last.
    pub fn all(&self) -> impl Iterator<Item = &Quota> {
        self.list.iter().chain([&self.rest])
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
    fn some_regions_have_other_defaults() {
        let per_second = |region| QUOTAS.list[0].per_second(region);
        assert!((per_second("eu-west-1") - 7.0).abs() < f64::EPSILON);
        assert!((per_second("eu-west-2") - 1.0).abs() < f64::EPSILON);
    }
}
