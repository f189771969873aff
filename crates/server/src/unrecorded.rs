//! Refusing what comes too fast: accounts beyond their quotas, callers who are not known, and whatever comes while too many calls
//! are in flight.
//!
//! An account's refusal is recorded like any other. Of callers who are not known, only so many refusals a second get a record each,
//! or else anybody could fill the disk: the others are answered alike, and counted. Calls that are shed are not looked at, and counted.
//! The counts are recorded.

use crate::deployment::{Deployment, Hosted, HostedOperation};
use crate::limits::Unrecorded;
use platform::{Call, Caller, Counted, Fault, Meter, Whose};
use std::net::{IpAddr, Ipv4Addr};
use telemetry::{Begun, Outcome};
use wire::Answer;

/// Counts one call while it is served.
#[derive(Debug)]
pub(crate) struct CallMeter<'a> {
    deployment: &'a Deployment,
    call: &'a Call,
    account: &'a str,
}

impl Meter for CallMeter<'_> {
    fn take(&self, service: &str, quota: &str, whose: Whose<'_>, calls: u32) -> bool {
        // Unknown means no.
        let place = self.deployment.hosted(service).and_then(|hosted| hosted.place(quota));
        let place = place.unwrap_or(usize::MAX);
        let (limits, region, now) = (&self.deployment.limits, &self.call.region, self.call.now.0);
        match whose {
            Whose::Caller => limits.admits_several(self.account, region, place, calls, now),
            Whose::Region(region) => limits.admits_several(self.account, region, place, calls, now),
            Whose::Resource(name) => limits.admits_about(name, region, place, calls, now),
        }
    }
}

impl Deployment {
    /// Counts a call against its quota, unless it depends on what it is about.
    pub(crate) fn admit(
        &self,
        call: &Call,
        caller: &Caller,
        hosted: &Hosted,
        operation: Option<&HostedOperation>,
    ) -> Result<Counted, Fault> {
        let account = caller.principal.account();
        if account.is_empty() {
            return Ok(Counted::default());
        }
        // The router finds operations of the model only, so that each has a quota.
        let refused = || Fault::throttled(hosted.quotas);
        let operation = operation.ok_or_else(refused)?;
        if operation.counts_itself {
            return Ok(Counted::default());
        }
        let admitted = self.limits.admits(account, &call.region, operation.quota, call.now.0);
        admitted.then(|| Counted::once(operation.quota_name)).ok_or_else(refused)
    }

    /// Counts a call that ended before it was known what it is about. What it is refused with, if that was too soon.
    pub(crate) fn admit_mistake(
        &self,
        call: &Call,
        caller: &Caller,
        hosted: &Hosted,
        operation: Option<&HostedOperation>,
    ) -> Option<Fault> {
        let (account, operation) =
            (caller.principal.account(), operation.filter(|operation| operation.counts_itself)?);
        let admitted =
            account.is_empty() || self.limits.admits(account, &call.region, operation.quota, call.now.0);
        (!admitted).then(|| Fault::throttled(hosted.quotas))
    }

    /// What counts a call while it is served.
    pub(crate) fn meter<'a>(&'a self, call: &'a Call, caller: &'a Caller) -> CallMeter<'a> {
        CallMeter { deployment: self, call, account: caller.principal.account() }
    }

    /// Whether a refusal of a caller who is not known gets a record of its own; if not, it is counted.
    pub(crate) fn records_stranger(&self, call: &Call) -> bool {
        let source = call.source_ip.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.limits.records_stranger(source, call.now.0)
    }

    /// Refuses a call for which there is no place, at as little cost as there can be: who calls is not asked.
    pub(crate) fn shed(&self, begun: Begun<'_>, parts: &http::request::Parts, body: &[u8]) -> Answer {
        self.refuse_unseen(begun, parts, body, "Service is unavailable.", Outcome::Throttled)
    }

    /// Records and logs how many calls were refused without a record of their own since this was last done; nothing if none
    /// were. The timers do it every second, and closing does it once more.
    pub async fn record_unrecorded(&self) {
        let counts = self.limits.take_unrecorded();
        if counts == Unrecorded::default() {
            return;
        }
        let Unrecorded { unidentified, shed, unrecordable } = counts;
        tracing::warn!(unidentified, shed, unrecordable, "calls were refused that have no record each");
        let details = serde_json::json!({
            "unidentifiedCalls": unidentified,
            "callsShedUnderLoad": shed,
            "callsRefusedForWantOfRoom": unrecordable,
        });
        if let Err(fault) = self.record_operator("CallsRefusedUnrecorded", details).await {
            tracing::error!(cause = fault.for_operator(), "the count of refused calls was not recorded");
            self.limits.put_back(counts);
        }
    }
}
