//! `[quotas]` and `[load]`: how much may be asked of the server.

use assembly::{Parts, services};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use server::Quotas;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;

/// AWS's quotas with an operator's values in their place: calls a second, by the name of a quota (`kms:CreateKey`) or for all of a
/// service (`kms:*`).
#[derive(Debug)]
pub(crate) struct QuotaSettings(Quotas);

/// How much is served at once.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Load {
    /// Calls in flight; further ones are refused as unavailable.
    pub(crate) calls_max: Option<NonZeroUsize>,
}

/// A name that there is: it is checked while the file is read, so that a mistake is told with its line.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

#[derive(Debug)]
struct PerSecond(f64);

impl QuotaSettings {
    /// The quotas.
    pub(crate) fn get(&self) -> &Quotas {
        &self.0
    }
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self(defaults())
    }
}

impl<'de> Deserialize<'de> for QuotaSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut quotas = defaults();
        for (Name(name), PerSecond(per_second)) in BTreeMap::deserialize(deserializer)? {
            quotas.set(&name, per_second).map_err(D::Error::custom)?;
        }
        Ok(Self(quotas))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        defaults().set(&name, 1.0).map_err(D::Error::custom)?;
        Ok(Self(name))
    }
}

impl<'de> Deserialize<'de> for PerSecond {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        if !(server::PER_SECOND_MIN..=server::PER_SECOND_MAX).contains(&value) {
            return Err(D::Error::custom(server::QuotaError::OutOfBounds));
        }
        Ok(Self(value))
    }
}

fn defaults() -> Quotas {
    Quotas::new(&services(Parts::default()))
}
