//! Tiers, and how many parameters an account may have in each (Systems Manager User Guide, "Managing parameter tiers").

use crate::api::ParameterTier;
use crate::errors::validation;
use crate::names::Place;
use crate::settings;
use platform::{Cx, Fault, Tally};

/// Parameters of an account and Region.
const STANDARD_MAX: u32 = 10_000;
const ADVANCED_MAX: u32 = 100_000;

/// The longest values, in bytes.
const STANDARD_BYTES_MAX: usize = 4096;
const ADVANCED_BYTES_MAX: usize = 8192;

/// `[account, region, part]`
const STANDARD: Tally = Tally::new("ssm/standard-counts");
const ADVANCED: Tally = Tally::new("ssm/advanced-counts");

/// What a request asks for that has to do with tiers.
pub(crate) struct Asked<'a> {
    pub(crate) tier: Option<ParameterTier>,
    pub(crate) value: &'a str,
    pub(crate) has_policies: bool,
    /// Whether its data type takes the advanced tier.
    pub(crate) has_advanced_type: bool,
    /// The tier of the parameter, if it is there.
    pub(crate) held: Option<ParameterTier>,
}

impl Asked<'_> {
    /// The tier that the parameter gets, which counts it.
    ///
    /// # Errors
    /// What is asked for cannot be had in that tier, or there are too many parameters in it.
    pub(crate) fn settle(&self, cx: &mut Cx<'_>, place: &Place) -> Result<ParameterTier, Fault> {
        let is_long = self.value.len() > STANDARD_BYTES_MAX;
        let needs = is_long || self.has_policies || self.has_advanced_type;
        let wanted = match self.tier {
            Some(tier) => tier,
            None => settings::default_tier(cx)?,
        };
        let tier = match wanted {
            ParameterTier::Standard if self.held == Some(ParameterTier::Advanced) => match self.tier {
                None => ParameterTier::Advanced,
                Some(_) => return Err(downgrade()),
            },
            ParameterTier::IntelligentTiering if self.held == Some(ParameterTier::Advanced) || needs => {
                ParameterTier::Advanced
            }
            ParameterTier::IntelligentTiering => ParameterTier::Standard,
            tier => tier,
        };
        if tier == ParameterTier::Standard && is_long {
            return Err(validation(format!(
                "Standard tier parameters support a maximum parameter value of {STANDARD_BYTES_MAX} characters. To create a larger \
                 parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see \
                 https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
            )));
        }
        if tier == ParameterTier::Standard && needs {
            return Err(validation(
                "Parameter policies and the data types url, json and jsonc take the advanced-parameter tier.",
            ));
        }
        if self.value.len() > ADVANCED_BYTES_MAX {
            return Err(validation(format!(
                "Advanced tier parameters support a maximum parameter value of {ADVANCED_BYTES_MAX} characters."
            )));
        }
        match self.held {
            Some(held) if held == tier => return Ok(tier),
            Some(held) => uncount(cx, place, held)?,
            None => {}
        }
        if count(cx, place, tier)? {
            return Ok(tier);
        }
        if wanted == ParameterTier::IntelligentTiering
            && tier == ParameterTier::Standard
            && count(cx, place, ParameterTier::Advanced)?
        {
            return Ok(ParameterTier::Advanced);
        }
        let message =
            format!("This account has as many parameters of the tier {tier} as it may have in this Region.");
        Err(Fault::new("ParameterLimitExceeded", message))
    }
}

fn downgrade() -> Fault {
    validation(
        "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the \
         standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.",
    )
}

fn count(cx: &mut Cx<'_>, place: &Place, tier: ParameterTier) -> Result<bool, Fault> {
    let path = [place.account.as_str(), &place.region];
    match tier {
        ParameterTier::Advanced => ADVANCED.add(&mut cx.tx, &path, ADVANCED_MAX, &place.name),
        _ => STANDARD.add(&mut cx.tx, &path, STANDARD_MAX, &place.name),
    }
}

/// Counts one less.
pub(crate) fn uncount(cx: &mut Cx<'_>, place: &Place, tier: ParameterTier) -> Result<(), Fault> {
    let path = [place.account.as_str(), &place.region];
    match tier {
        ParameterTier::Advanced => ADVANCED.take(&mut cx.tx, &path, &place.name),
        _ => STANDARD.take(&mut cx.tx, &path, &place.name),
    }
}
