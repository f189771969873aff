//! Looking up what happened in the last 90 days.

use crate::CloudTrail;
use crate::api::{Event, LookupAttribute, LookupEventsRequest, LookupEventsResponse, ops};
use crate::glance::{self, Glance};
use crate::quotas::QUOTAS;
use crate::record::Record;
use platform::{Access, Cx, Fault, Handle, TRAIL, Tx, page};
use store::Order;
use wire::Timestamp;

/// How many events a page has if the caller does not say, and at the most (CloudTrail API reference, LookupEvents).
const PAGE_MAX: i32 = 50;

/// How far back events can be looked up, in milliseconds.
const REACH_MS: i64 = 90 * 24 * 3600 * 1000;

/// How many records one call goes through; a page that is not full by then ends with a token to go on from.
const RECORDS_MAX: usize = 10_000;

/// How many records are read and looked at in one turn, about a millisecond: then it is the turn of other calls that take long.
const CHUNK: usize = 500;

/// How far apart a record's time, which is that of the call's arrival, and its place in the log, which is that of its commit, can
/// be, in milliseconds.
const DISORDER_MS: i64 = 5 * 60 * 1000;

/// The window that is looked at, both ends included, in milliseconds since the epoch.
#[derive(Clone, Copy)]
struct Window {
    start: i64,
    end: i64,
}

impl Handle<ops::LookupEvents> for CloudTrail {
    fn handle(&self, cx: &mut Cx<'_>, input: &LookupEventsRequest) -> Result<LookupEventsResponse, Fault> {
        cx.authorize(&Access::to("cloudtrail:LookupEvents", "*"))?;
        let attributes = input.lookup_attributes.as_deref().unwrap_or_default();
        if attributes.len() > 1 {
            let message = "You can specify only one lookup attribute.";
            return Err(Fault::new("InvalidLookupAttributesException", message));
        }
        let limit = input.max_results.unwrap_or(PAGE_MAX);
        let limit = usize::try_from(limit).ok().filter(|limit| (1..=50).contains(limit));
        let limit = limit.ok_or_else(|| {
            Fault::new("InvalidMaxResultsException", "MaxResults must be between 1 and 50.")
        })?;
        let window = window(cx, input)?;
        if input.event_category.is_some() {
            // Insights events come from trails that have Insights switched on, of which there are none.
            return Ok(LookupEventsResponse { events: Some(Vec::new()), next_token: None });
        }
        let list = list_name(input, attributes.first());
        let after = page::after(cx, &list, input.next_token.as_deref()).ok().and_then(|after| {
            after.map(|position| position.parse::<u64>().ok()).map_or(Some(None), |at| at.map(Some))
        });
        let after = after.ok_or_else(|| Fault::new("InvalidNextTokenException", "Invalid NextToken."))?;

        let (first, next) = cx.tx.log_bounds(TRAIL);
        let newest = match after {
            Some(position) => position.checked_sub(1),
            None => newest_in(cx, window, first, next)?,
        };
        let glance = Glance::new(cx.account(), cx.region(), attributes.first());
        let wants = |record: &Record<'_>| {
            record.is_of(cx.account(), cx.region())
                && attributes.iter().all(|attribute| record.matches(attribute))
        };
        let mut page = Page { window, limit, events: Vec::new(), seen: 0 };
        let mut at = newest.filter(|newest| *newest >= first);
        while let Some(from) = at {
            let looked = cx.aside_in_turn(|| page.look(&cx.tx, from, &glance, wants))?;
            let looked = looked.ok_or_else(|| Fault::throttled(&QUOTAS))??;
            let Some(oldest) = looked.filter(|oldest| *oldest > first) else { break };
            if page.is_done() {
                let token = page::marker(cx, &list, &oldest.to_string())?;
                return Ok(LookupEventsResponse { events: Some(page.events), next_token: Some(token) });
            }
            at = oldest.checked_sub(1);
        }
        Ok(LookupEventsResponse { events: Some(page.events), next_token: None })
    }
}

/// A page in the making.
struct Page {
    window: Window,
    limit: usize,
    events: Vec<Event>,
    /// How many records it went through.
    seen: usize,
}

impl Page {
    fn is_done(&self) -> bool {
        self.events.len() >= self.limit || self.seen >= RECORDS_MAX
    }

    /// Looks at the records from a position on towards older ones, until the page is done or it was enough for one turn: at the
    /// last it came to; none if there is no older one in the window.
    fn look(
        &mut self,
        tx: &Tx<'_>,
        from: u64,
        glance: &Glance,
        wants: impl Fn(&Record<'_>) -> bool,
    ) -> Result<Option<u64>, Fault> {
        let mut oldest = None;
        for entry in tx.read_log(TRAIL, from, Order::Reverse, CHUNK)? {
            let passed_over = !glance.may_want(&entry.bytes);
            let (mut found, time) = match glance::time(&entry.bytes).filter(|_| passed_over) {
                Some(time) => (None, time.0),
                None => {
                    let (record, text) = read(&entry.bytes)?;
                    let time = record.time().map_or(0, |time| time.0);
                    (wants(&record).then(|| record.into_event(text)), time)
                }
            };
            if time < self.window.start - DISORDER_MS {
                return Ok(None);
            }
            found = found.filter(|_| (self.window.start..=self.window.end).contains(&time));
            self.events.extend(found);
            self.seen += 1;
            oldest = Some(entry.position);
            if self.is_done() {
                break;
            }
        }
        Ok(oldest)
    }
}

fn window(cx: &Cx<'_>, input: &LookupEventsRequest) -> Result<Window, Fault> {
    let start = input.start_time.map_or(i64::MIN, |time| time.0).max(cx.now().0 - REACH_MS);
    let end = input.end_time.map_or(i64::MAX, |time| time.0);
    let reversed = input.start_time.zip(input.end_time).is_some_and(|(start, end)| start > end);
    if reversed {
        let message = "Time range is invalid: the start time is after the end time.";
        return Err(Fault::new("InvalidTimeRangeException", message));
    }
    // Records tell time to the second.
    let floor = |ms: i64| ms.div_euclid(1000).saturating_mul(1000);
    Ok(Window { start: floor(start), end: if end == i64::MAX { end } else { floor(end) } })
}

/// The newest position that can lie in the window, by bisection on the records' times.
fn newest_in(cx: &Cx<'_>, window: Window, first: u64, next: u64) -> Result<Option<u64>, Fault> {
    let (mut low, mut high) = (first, next);
    if window.end < cx.now().0 {
        let end = window.end.saturating_add(DISORDER_MS);
        while low < high {
            let middle = low + (high - low) / 2;
            let chunk = cx.tx.read_log(TRAIL, middle, Order::Forward, 1)?;
            let time = match chunk.first() {
                Some(entry) => read(&entry.bytes)?.0.time().map_or(0, |time: Timestamp| time.0),
                None => i64::MAX,
            };
            if time > end { high = middle } else { low = middle + 1 }
        }
    }
    Ok(high.checked_sub(1))
}

fn read(bytes: &[u8]) -> Result<(Record<'_>, &str), Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::bug("an audit record is not text"))?;
    let record =
        serde_json::from_str(text).map_err(|error| Fault::bug(format!("an audit record: {error}")))?;
    Ok((record, text))
}

/// What a page depends on: a token goes on only with the same filters.
fn list_name(input: &LookupEventsRequest, attribute: Option<&LookupAttribute>) -> String {
    let filter = attribute.map(|a| format!("{}={}", a.attribute_key.as_str(), a.attribute_value));
    let start = input.start_time.map(|time| time.0);
    let end = input.end_time.map(|time| time.0);
    format!("LookupEvents/{start:?}/{end:?}/{}", filter.unwrap_or_default())
}
