//! Schedules of rotation: when the next window opens and closes (Secrets Manager User Guide, "Schedule expressions").
//!
//! All times are UTC. A window of a rate in hours, or of a cron expression that names hours, closes after one hour if nothing is said; any
//! other at the end of the day.

use crate::api::RotationRulesType;
use crate::errors::invalid_parameter;
use crate::secret::DAY_MS;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use platform::Fault;
use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 3_600_000;

/// Days that a cron expression is followed into the future: it names at least one of each leap year's, or none.
const DAYS_AHEAD: i64 = 366 * 9;

/// Rotation rules, as the request gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rules {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hours: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expression: Option<String>,
}

/// The time in which a secret is to be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// In milliseconds since the epoch.
    pub(crate) opens: i64,
    pub(crate) closes: i64,
}

/// A schedule expression, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Schedule {
    Hours(i64),
    Days(i64),
    Cron(Box<Cron>),
}

impl Rules {
    /// The rules of a request.
    pub(crate) fn of(rules: &RotationRulesType) -> Result<Self, Fault> {
        let invalid = |message: &str| Err(invalid_parameter(message));
        if rules.automatically_after_days.is_some() && rules.schedule_expression.is_some() {
            return invalid("You can't specify both AutomaticallyAfterDays and ScheduleExpression.");
        }
        let hours = match rules.duration.as_deref() {
            None => None,
            Some(text) => match text.strip_suffix('h').and_then(|hours| hours.parse().ok()) {
                Some(hours @ 1..=24) => Some(hours),
                _ => return invalid("The Duration must be from 1h to 24h."),
            },
        };
        let own = Self {
            days: rules.automatically_after_days,
            hours,
            expression: rules.schedule_expression.clone(),
        };
        let Some(schedule) = own.schedule()? else {
            return match hours {
                Some(_) => invalid("A Duration needs AutomaticallyAfterDays or a ScheduleExpression."),
                None => Ok(own),
            };
        };
        let fits = match (&schedule, hours) {
            (_, None) => true,
            (Schedule::Hours(every), Some(hours)) => hours <= *every,
            (Schedule::Days(_), Some(hours)) => hours <= 24,
            (Schedule::Cron(cron), Some(hours)) => {
                cron.last_hour().saturating_add(hours) <= 24 && hours <= cron.gap()
            }
        };
        match fits {
            true => Ok(own),
            false => {
                invalid("The Duration must not extend into the next rotation window or the next UTC day.")
            }
        }
    }

    fn schedule(&self) -> Result<Option<Schedule>, Fault> {
        match (&self.expression, self.days) {
            (Some(expression), _) => {
                let invalid =
                    || invalid_parameter(format!("The schedule expression {expression} is not valid."));
                Schedule::parse(expression).ok_or_else(invalid).map(Some)
            }
            (None, days) => Ok(days.map(Schedule::Days)),
        }
    }

    /// Whether the schedule is a number of days after the last rotation.
    pub(crate) fn count_days(&self) -> bool {
        self.expression.is_none() && self.days.is_some()
    }

    /// The first window after a rotation at `last` that is not over at `now`; none without a schedule.
    pub(crate) fn next(&self, last: i64, now: i64) -> Result<Option<Window>, Fault> {
        let Some(schedule) = self.schedule()? else { return Ok(None) };
        let length = |usual: i64| self.hours.map_or(usual, |hours| hours.saturating_mul(HOUR_MS));
        Ok(match schedule {
            Schedule::Days(days) => {
                let due = floor(last, DAY_MS).saturating_add(days.saturating_mul(DAY_MS));
                let opens = due.max(floor(now, DAY_MS));
                let opens = if opens.saturating_add(length(DAY_MS)) <= now {
                    opens.saturating_add(DAY_MS)
                } else {
                    opens
                };
                Some(Window::from(opens, length(DAY_MS)))
            }
            Schedule::Hours(hours) => {
                let due = floor(last, HOUR_MS).saturating_add(hours.saturating_mul(HOUR_MS));
                Some(Window::from(due.max(floor(now, HOUR_MS)), length(HOUR_MS)))
            }
            Schedule::Cron(cron) => {
                let usual = |opens: i64| match cron.names_hours() {
                    true => HOUR_MS,
                    false => DAY_MS.saturating_sub(opens.rem_euclid(DAY_MS)),
                };
                let from = last.saturating_add(1).max(floor(now, HOUR_MS));
                cron.next(from).map(|opens| Window::from(opens, length(usual(opens))))
            }
        })
    }

    /// The rules as answers show them: the days are worked out where an expression was given.
    pub(crate) fn shown(&self) -> RotationRulesType {
        let days = match self.schedule() {
            Ok(Some(Schedule::Days(days))) => Some(days),
            Ok(Some(Schedule::Hours(hours))) => Some(hours.div_euclid(24).max(1)),
            _ => self.days,
        };
        RotationRulesType {
            automatically_after_days: days,
            duration: self.hours.map(|hours| format!("{hours}h")),
            schedule_expression: self.expression.clone(),
        }
    }
}

impl Window {
    fn from(opens: i64, length: i64) -> Self {
        Self { opens, closes: opens.saturating_add(length).saturating_sub(1000) }
    }
}

fn floor(at: i64, unit: i64) -> i64 {
    at.div_euclid(unit).saturating_mul(unit)
}

impl Schedule {
    fn parse(text: &str) -> Option<Self> {
        if let Some(rate) = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')) {
            let (number, unit) = rate.trim().split_once(' ')?;
            let number: i64 = number.parse().ok()?;
            return match unit.trim() {
                "hour" | "hours" if (4..=999 * 24).contains(&number) => Some(Self::Hours(number)),
                "day" | "days" if (1..=999).contains(&number) => Some(Self::Days(number)),
                _ => None,
            };
        }
        let cron = text.strip_prefix("cron(")?.strip_suffix(')')?;
        Cron::parse(cron).map(Box::new).map(Self::Cron)
    }
}

/// Six fields: minutes, which are 0, hours, days of the month, months, days of the week, and years, which are all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cron {
    /// Ascending.
    hours: Vec<i64>,
    /// Whether the field is not `*`.
    hours_named: bool,
    days: Vec<Day>,
    months: Vec<i64>,
}

/// A day that a cron expression names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    OfMonth(i64),
    /// `L`
    LastOfMonth,
    /// 1 is Sunday.
    OfWeek(i64),
    /// The last such day of a month: `6L`.
    LastOfWeek(i64),
    /// The so-and-so-many-th such day of a month: `2#1`.
    Nth(i64, i64),
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Cron {
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays, years] = fields.as_slice() else { return None };
        if *minutes != "0" || *years != "*" {
            return None;
        }
        let days = match (*days, *weekdays) {
            ("?" | "*", "?" | "*") if *days != *weekdays || *days == "*" => {
                numbers("*", 1..=31, &[])?.into_iter().map(Day::OfMonth).collect()
            }
            (days, "?") => days.split(',').map(day_of_month).collect::<Option<Vec<_>>>()?.concat(),
            ("?", weekdays) => weekdays.split(',').map(day_of_week).collect::<Option<Vec<_>>>()?.concat(),
            _ => return None,
        };
        let months = numbers(months, 1..=12, &MONTHS)?;
        Some(Self { hours: numbers(hours, 0..=23, &[])?, hours_named: *hours != "*", days, months })
    }

    fn names_hours(&self) -> bool {
        self.hours_named && self.hours.len() > 1
    }

    fn last_hour(&self) -> i64 {
        self.hours.last().copied().unwrap_or(0)
    }

    /// The least number of hours between two windows of a day.
    fn gap(&self) -> i64 {
        let pairs = self.hours.iter().zip(self.hours.iter().skip(1));
        pairs.map(|(one, next)| next.saturating_sub(*one)).min().unwrap_or(24)
    }

    /// The first time at or after `from`.
    fn next(&self, from: i64) -> Option<i64> {
        let start = floor(from, DAY_MS);
        (0..DAYS_AHEAD).find_map(|day| {
            let midnight = start.saturating_add(day.saturating_mul(DAY_MS));
            let at = |hour: &i64| midnight.saturating_add(hour.saturating_mul(HOUR_MS));
            let date = jiff::Timestamp::from_millisecond(midnight).ok()?.to_zoned(TimeZone::UTC).date();
            let named =
                self.months.contains(&i64::from(date.month())) && self.days.iter().any(|day| day.is(date));
            self.hours.iter().map(at).find(|at| named && *at >= from)
        })
    }
}

impl Day {
    fn is(self, date: Date) -> bool {
        let (day, left) =
            (i64::from(date.day()), i64::from(date.days_in_month()).saturating_sub(date.day().into()));
        let weekday = |number: i64| i64::from(Weekday::to_sunday_one_offset(date.weekday())) == number;
        match self {
            Self::OfMonth(number) => day == number,
            Self::LastOfMonth => left == 0,
            Self::OfWeek(number) => weekday(number),
            Self::LastOfWeek(number) => weekday(number) && left < 7,
            Self::Nth(number, nth) => weekday(number) && day.saturating_add(6).div_euclid(7) == nth,
        }
    }
}

fn day_of_month(text: &str) -> Option<Vec<Day>> {
    match text {
        "L" => Some(vec![Day::LastOfMonth]),
        _ => Some(numbers(text, 1..=31, &[])?.into_iter().map(Day::OfMonth).collect()),
    }
}

fn day_of_week(text: &str) -> Option<Vec<Day>> {
    let one = |text: &str| numbers(text, 1..=7, &WEEKDAYS).filter(|found| found.len() == 1)?.first().copied();
    if let Some((day, nth)) = text.split_once('#') {
        let nth: i64 = nth.parse().ok().filter(|nth| (1..=5).contains(nth))?;
        return Some(vec![Day::Nth(one(day)?, nth)]);
    }
    match text.strip_suffix('L') {
        Some("") => Some(vec![Day::OfWeek(7)]),
        Some(day) => Some(vec![Day::LastOfWeek(one(day)?)]),
        None => Some(numbers(text, 1..=7, &WEEKDAYS)?.into_iter().map(Day::OfWeek).collect()),
    }
}

/// The numbers that a field names: `*`, `3`, `1-5`, `MON-FRI`, `*/6`, `8/4`, and lists of them. Ascending.
fn numbers(field: &str, all: std::ops::RangeInclusive<i64>, names: &[&str]) -> Option<Vec<i64>> {
    let number = |text: &str| -> Option<i64> {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|at| i64::try_from(at).ok()).map(|at| at.saturating_add(1));
        named.or_else(|| text.parse().ok()).filter(|number| all.contains(number))
    };
    let mut found = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                (range, Some(step.parse::<usize>().ok().filter(|step| (1..=31).contains(step))?))
            }
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (*all.start(), *all.end()),
            Some((first, last)) => (number(first)?, number(last)?),
            None if step.is_some() => (number(range)?, *all.end()),
            None => (number(range)?, number(range)?),
        };
        if first > last {
            return None;
        }
        found.extend((first..=last).step_by(step.unwrap_or(1)));
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Timestamp;

    fn at(text: &str) -> i64 {
        Timestamp::parse_rfc3339(text).unwrap().0
    }

    fn rules(expression: &str, duration: Option<&str>) -> Result<Rules, Fault> {
        Rules::of(&RotationRulesType {
            automatically_after_days: None,
            duration: duration.map(str::to_owned),
            schedule_expression: Some(expression.to_owned()),
        })
    }

    #[test]
    fn windows() {
        // Saturday, 2026-11-21.
        let now = at("2026-11-21T23:07:43Z");
        for (expression, duration, opens, closes) in [
            ("rate(10 days)", None, "2026-12-01T00:00:00Z", "2026-12-01T23:59:59Z"),
            ("rate(1 day)", Some("3h"), "2026-11-22T00:00:00Z", "2026-11-22T02:59:59Z"),
            ("rate(4 hours)", None, "2026-11-22T03:00:00Z", "2026-11-22T03:59:59Z"),
            ("cron(0 8 * * ? *)", None, "2026-11-22T08:00:00Z", "2026-11-22T23:59:59Z"),
            ("cron(0 */8 * * ? *)", Some("8h"), "2026-11-22T00:00:00Z", "2026-11-22T07:59:59Z"),
            ("cron(0 8/8 * * ? *)", None, "2026-11-22T08:00:00Z", "2026-11-22T08:59:59Z"),
            ("cron(0 16 1,15 * ? *)", Some("4h"), "2026-12-01T16:00:00Z", "2026-12-01T19:59:59Z"),
            ("cron(0 0 L * ? *)", None, "2026-11-30T00:00:00Z", "2026-11-30T23:59:59Z"),
            ("cron(0 0 ? * MON-FRI *)", None, "2026-11-23T00:00:00Z", "2026-11-23T23:59:59Z"),
            ("cron(0 0 ? * 2#1 *)", None, "2026-12-07T00:00:00Z", "2026-12-07T23:59:59Z"),
            ("cron(0 0 ? * 6L *)", None, "2026-11-27T00:00:00Z", "2026-11-27T23:59:59Z"),
            ("cron(0 0 ? * L *)", None, "2026-11-28T00:00:00Z", "2026-11-28T23:59:59Z"),
            ("cron(0 6 29 FEB ? *)", None, "2028-02-29T06:00:00Z", "2028-02-29T23:59:59Z"),
        ] {
            let window = rules(expression, duration).unwrap().next(now, now).unwrap().unwrap();
            let shown = (Timestamp(window.opens).rfc3339(), Timestamp(window.closes).rfc3339());
            assert_eq!((shown.0.as_str(), shown.1.as_str()), (opens, closes), "{expression}");
        }
        // One that was missed is made up for.
        let window = rules("rate(10 days)", None).unwrap().next(now, now + 30 * DAY_MS).unwrap().unwrap();
        assert_eq!(Timestamp(window.opens).rfc3339(), "2026-12-21T00:00:00Z");
        assert_eq!(rules("cron(0 0 31 2 ? *)", None).unwrap().next(now, now).unwrap(), None);
    }

    #[test]
    fn schedules_that_are_none() {
        for (expression, duration) in [
            ("rate(3 hours)", None),
            ("rate(0 days)", None),
            ("rate(1000 days)", None),
            ("rate(10)", None),
            ("rate(-1 days)", None),
            ("every(1 day)", None),
            ("cron(0 8 * * ?)", None),
            ("cron(5 8 * * ? *)", None),
            ("cron(0 24 * * ? *)", None),
            ("cron(0 8 1 * MON *)", None),
            ("cron(0 8 0 * ? *)", None),
            ("cron(0 8 5-1 * ? *)", None),
            ("cron(0 8 */0 * ? *)", None),
            ("cron(0 8 ? * 2#6 *)", None),
            ("cron(0 8 ? * ? *)", None),
            ("cron(0 8 * * ? 2027)", None),
            ("cron(0 99999999999999999999 * * ? *)", None),
            ("rate(4 hours)", Some("5h")),
            ("rate(1 day)", Some("25h")),
            ("rate(1 day)", Some("0h")),
            ("cron(0 20 * * ? *)", Some("5h")),
            ("cron(0 */8 * * ? *)", Some("9h")),
        ] {
            let refused = rules(expression, duration).unwrap_err();
            assert_eq!(refused.code(), "InvalidParameterException", "{expression} {duration:?}");
        }
    }
}
