//! What is kept of denied calls, so that it can be told later what decided at the time.
//!
//! The explanation is made when the call is denied, from the policies as they are then, and written with the call's audit record
//! in one transaction. Denials lie in a ring of [`DENIALS_MAX`] slots, where a new one takes the place of the oldest.

mod recent;

pub use recent::Wanted;

use crate::{Call, Caller, Fault, Table, Tx};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyring::Keyring;
use policy::{Explanation, PolicyKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many denials are kept; older ones make room.
pub const DENIALS_MAX: u64 = 10_000;

/// The most that one of them takes, in bytes of JSON.
pub const DENIAL_BYTES_MAX: usize = 16 * 1024;

/// The longest value of a condition key that is kept, in bytes; a longer name of one is not kept at all.
const VALUE_BYTES_MAX: usize = 512;

/// The longest ARN and the longest sentence that are kept, in bytes.
const TEXT_BYTES_MAX: usize = 2048;

/// Room for what is told of what was left out, in bytes of JSON.
const LEFT_OUT_BYTES_MAX: usize = 256;

/// The most values of a condition key that are kept.
const VALUES_MAX: usize = 20;

/// How many slots are counted at a time: after a start the count goes on behind those of the start before.
const COUNTED_AT_A_TIME: u64 = 64;

/// The longest encoded message that is looked at, in characters; those made here have less than 200.
const TOKEN_CHARS_MAX: usize = 1024;

const PURPOSE: &str = "sts/authorization-message";

const SLOTS: Table<Denial> = Table::new("platform/denials");
const COUNT: Table<u64> = Table::new("platform/denials-count");

/// A denied call, with why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Denial {
    /// The request's id.
    pub request_id: String,
    /// When the call arrived (RFC 3339).
    pub time: String,
    /// The account of the caller.
    pub account: String,
    /// The account that owns the resource.
    pub resource_account: String,
    /// The caller's ARN.
    pub principal: String,
    /// The caller's unique id, as `aws:userid` has it.
    pub principal_id: String,
    /// The action that was denied.
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// What the caller was told.
    pub message: String,
    /// The condition keys of the request with their values, cut to named limits.
    pub conditions: BTreeMap<String, Vec<String>>,
    /// Why.
    pub explanation: Explanation,
}

impl Denial {
    /// A denial, of at most [`DENIAL_BYTES_MAX`].
    pub(crate) fn new(
        call: &Call,
        caller: &Caller,
        request: &policy::Request<'_>,
        mut conditions: BTreeMap<String, Vec<String>>,
        message: &str,
        explanation: Explanation,
    ) -> Self {
        conditions.retain(|key, _| key.len() <= VALUE_BYTES_MAX);
        for values in conditions.values_mut() {
            values.truncate(VALUES_MAX);
            for value in values {
                cut(value, VALUE_BYTES_MAX);
            }
        }
        let (mut resource, mut message) = (request.resource.to_owned(), message.to_owned());
        cut(&mut resource, TEXT_BYTES_MAX);
        cut(&mut message, TEXT_BYTES_MAX);
        let mut denial = Self {
            request_id: call.request_id.clone(),
            time: call.now.rfc3339(),
            account: caller.principal.account().to_owned(),
            resource_account: request.resource_account.to_owned(),
            principal: caller.principal.arn(),
            principal_id: caller.principal.user_id(),
            action: request.action.to_owned(),
            resource,
            message,
            conditions,
            explanation,
        };
        denial.fit(&mut Measure::default());
        denial
    }

    /// Drops what decided least until the denial is small enough. Everything is measured once, and what is dropped once more.
    fn fit(&mut self, measure: &mut Measure) {
        let whole = measure.of(self);
        if whole <= DENIAL_BYTES_MAX {
            return;
        }
        let mut over = whole.saturating_sub(DENIAL_BYTES_MAX - LEFT_OUT_BYTES_MAX);
        let explanation = &mut self.explanation;
        // With the comma before it.
        let drop_last = |over: &mut usize, dropped: usize| *over = over.saturating_sub(dropped + 1);
        while over > 0 && explanation.grants.len() > 1 {
            drop_last(&mut over, measure.of(&explanation.grants.pop()));
            explanation.other_grants += 1;
        }
        while over > 0 && !explanation.policies.is_empty() {
            drop_last(&mut over, measure.of(&explanation.policies.pop()));
        }
        if let Some(told) = &mut explanation.statement {
            while over > 0 && !told.conditions.is_empty() {
                drop_last(&mut over, measure.of(&told.conditions.pop()));
                told.other_conditions += 1;
            }
        }
        if over > 0
            && let Some(change) = explanation.change.take()
        {
            drop_last(&mut over, measure.of(&change));
            explanation.no_change = Some("the change found is too long to be kept".to_owned());
        }
        while over > 0 && !explanation.grants.is_empty() {
            drop_last(&mut over, measure.of(&explanation.grants.pop()));
            explanation.other_grants += 1;
        }
        while over > 0 && !explanation.further.is_empty() {
            drop_last(&mut over, measure.of(&explanation.further.pop()));
        }
        while over > 0
            && let Some((key, values)) = self.conditions.pop_last()
        {
            drop_last(&mut over, measure.of(&key) + measure.of(&values) + 1);
        }
    }

    /// The denial as an administrator of the caller's account may see it: what another account's policy says is that account's.
    #[must_use]
    pub fn for_account(mut self) -> Self {
        if self.resource_account == self.account {
            return self;
        }
        let owners =
            |kind: PolicyKind| matches!(kind, PolicyKind::Resource | PolicyKind::Key | PolicyKind::Trust);
        let explanation = &mut self.explanation;
        explanation.policies.retain(|report| !owners(report.kind));
        if explanation.statement.as_ref().is_some_and(|found| owners(found.kind)) {
            explanation.statement = None;
            explanation.because = Some("a policy of another account denies it".to_owned());
        }
        explanation.grants.clear();
        explanation.other_grants = 0;
        // What call would do can be what the owner's policy or a grant says, too.
        let mut kinds = explanation.change.iter().flatten().map(policy::explain::Change::kind);
        if kinds.any(|kind| kind.is_none_or(owners)) {
            explanation.change = None;
            explanation.no_change =
                Some("the account that owns the resource has to allow it first".to_owned());
        }
        self
    }

    /// The denial of a request, if it is still kept. Looks through all slots: for operators.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring is.
    pub fn find(tx: &mut Tx<'_>, request_id: &str) -> Result<Option<(Slot, Self)>, Fault> {
        /// How many slots are read at a time.
        const PAGE: usize = 256;
        let mut after: Option<String> = None;
        loop {
            let page = SLOTS.scan(tx, &[], after.as_deref(), PAGE)?;
            let found = page.iter().find(|(_, denial)| denial.request_id == request_id);
            if let Some((name, denial)) = found {
                let slot = name.parse().map_err(|_| Fault::bug("the slot of a denial is no number"))?;
                return Ok(Some((Slot(slot), (**denial).clone())));
            }
            match page.last() {
                Some((name, _)) if page.len() == PAGE => after = Some(name.clone()),
                _ => return Ok(None),
            }
        }
    }

    /// The denial that an encoded message stands for; none if the message was not made here, was altered, or if the denial has
    /// made room for others.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring is.
    pub fn decode(tx: &mut Tx<'_>, keyring: &Keyring, token: &str) -> Result<Option<Self>, Fault> {
        let sealed = (token.len() <= TOKEN_CHARS_MAX).then(|| URL_SAFE_NO_PAD.decode(token).ok()).flatten();
        let Some(opened) = sealed.and_then(|sealed| keyring.token_open(PURPOSE, &sealed).ok()) else {
            return Ok(None);
        };
        let Ok((slot, request_id)) = serde_json::from_slice::<(u64, String)>(&opened) else {
            return Ok(None);
        };
        let held = SLOTS.get(tx, &[&Slot(slot).name()])?;
        Ok(held.filter(|denial| denial.request_id == request_id).map(|denial| (*denial).clone()))
    }

    /// The message of `sts:DecodeAuthorizationMessage` that stands for this denial: a reference, so that it is short whatever the
    /// denial holds.
    ///
    /// # Errors
    /// Unavailable, if the keyring is.
    pub fn encoded(&self, keyring: &Keyring, slot: Slot) -> Result<String, Fault> {
        let json = serde_json::json!([slot.0, self.request_id]).to_string();
        Ok(URL_SAFE_NO_PAD.encode(keyring.token_seal(PURPOSE, json.as_bytes())?))
    }
}

/// Shortens a text to so many bytes and a sign that something is missing.
fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push('…');
    }
}

/// Measures values as JSON without keeping it.
#[derive(Debug, Default)]
struct Measure {
    bytes: usize,
}

impl Measure {
    /// The length of a value's JSON, in bytes.
    fn of(&mut self, value: &impl Serialize) -> usize {
        let before = self.bytes;
        // What is written is only counted, so that nothing can fail but a value that has no JSON; such are not kept either.
        let _unwritable = serde_json::to_writer(&mut *self, value);
        self.bytes - before
    }
}

impl std::io::Write for Measure {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Where a denial is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u64);

impl Slot {
    fn name(self) -> String {
        format!("{:08}", self.0)
    }
}

/// Gives denials their places. One for a store that is open.
#[derive(Debug, Default)]
pub struct Denials {
    /// The number of the next denial, counted from 1; 0 before it is known.
    next: AtomicU64,
}

impl Denials {
    /// Keeps a denial, in the transaction of its audit record. `reading` is another one, so that a count read there cannot make
    /// the record conflict.
    ///
    /// # Errors
    /// Unavailable, if the store or the keyring is.
    pub fn keep(&self, tx: &mut Tx<'_>, reading: &mut Tx<'_>, denial: &Denial) -> Result<Slot, Fault> {
        if self.next.load(Ordering::Acquire) == 0 {
            let counted = COUNT.get(reading, &[])?.map_or(1, |count| *count);
            // Whoever comes first sets it; all read the same.
            let _others = self.next.compare_exchange(0, counted, Ordering::AcqRel, Ordering::Acquire);
        }
        let number = self.next.fetch_add(1, Ordering::AcqRel);
        if number % COUNTED_AT_A_TIME == 1 {
            COUNT.put(tx, &[], &(number + COUNTED_AT_A_TIME))?;
        }
        let slot = Slot(number % DENIALS_MAX);
        SLOTS.put(tx, &[&slot.name()], denial)?;
        Ok(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(conditions: usize, value: &str) -> Denial {
        let explanation = r#"{"decision":"implicit-deny","policies":[]}"#;
        Denial {
            request_id: String::new(),
            time: String::new(),
            account: String::new(),
            resource_account: String::new(),
            principal: String::new(),
            principal_id: String::new(),
            action: String::new(),
            resource: String::new(),
            message: String::new(),
            conditions: (0..conditions).map(|key| (format!("key{key}"), vec![value.to_owned()])).collect(),
            explanation: serde_json::from_str(explanation).unwrap(),
        }
    }

    /// The work is what is serialized: twice the denial at the most, however much of it has to go.
    #[test]
    fn fitting_takes_linear_work() {
        for (conditions, value) in
            [(10, "v"), (20_000, "v"), (20_000, "a longer value, to be kept"), (40, "\u{0}")]
        {
            let value = if conditions == 40 { value.repeat(VALUE_BYTES_MAX) } else { value.to_owned() };
            let mut denial = denial(conditions, &value);
            let whole = Measure::default().of(&denial);
            let mut measure = Measure::default();
            denial.fit(&mut measure);
            assert!(measure.bytes <= 2 * whole, "{} bytes of work for {whole}", measure.bytes);
            let kept = serde_json::to_vec(&denial).unwrap().len();
            assert!(kept <= DENIAL_BYTES_MAX, "{kept}");
            assert!(
                kept + 8192 > whole.min(DENIAL_BYTES_MAX),
                "no more is dropped than has to be: {kept} of {whole}"
            );
        }
    }
}
