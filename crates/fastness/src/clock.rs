//! `fastness clock`: what the clock is held to be, and the operator's word that it is right.

use crate::admin::{Command, ask_or_open, words};
use crate::args::ClockArgs;
use crate::opening::Opening;
use crate::{Failure, output};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use server::{Deployment, Moment};
use std::io::Write as _;
use std::process::ExitCode;

/// The times of clock and store, as they go over the operator's channel.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    clock: String,
    known: String,
    pub(crate) held: bool,
    ahead_seconds: i64,
}

impl From<Moment> for Told {
    fn from(moment: Moment) -> Self {
        Self {
            clock: moment.clock.rfc3339(),
            known: moment.known.rfc3339(),
            held: moment.held,
            ahead_seconds: moment.clock.0.saturating_sub(moment.known.0) / 1000,
        }
    }
}

impl Told {
    /// The state in a few words.
    pub(crate) fn words(&self) -> String {
        if !self.held {
            return "believed".to_owned();
        }
        let (far, side) =
            (span(self.ahead_seconds), if self.ahead_seconds < 0 { "behind" } else { "ahead of" });
        format!(
            "NOT believed: it is {far} {side} the time known to the store. Nothing is done that cannot be undone until they agree, \
             or `fastness clock --confirm`"
        )
    }
}

pub(crate) fn run(args: &ClockArgs) -> Result<ExitCode, Failure> {
    let opening = Opening::locate(&args.place)?;
    let confirm = args.confirm;
    let open = || opening.configured_or_by_shares(args.shares);
    let answer = ask_or_open(&opening, open, &Command::Clock { confirm }, async |deployment| {
        tell(deployment, confirm, Value::Object(serde_json::Map::new())).await
    })?;
    let told = Told::deserialize(&answer)?;
    output::print(
        || answer.clone(),
        |out| {
            writeln!(out, "clock     {}", told.clock)?;
            writeln!(out, "known     {}", told.known)?;
            Ok(writeln!(out, "state     {}", told.words())?)
        },
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Tells what clock and store say, once they are made to agree if that is asked for.
pub(crate) async fn tell(deployment: &Deployment, confirm: bool, by: Value) -> Result<Value, Failure> {
    let moment = if confirm { deployment.confirm_clock(by).await } else { deployment.moment() };
    Ok(serde_json::to_value(Told::from(moment.map_err(words)?))?)
}

/// A number of seconds as people say it, near enough.
fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    match seconds {
        0..7_200 => format!("{} minutes", (seconds + 30) / 60),
        7_200..172_800 => format!("{} hours", (seconds + 1_800) / 3_600),
        _ => format!("{} days", seconds.saturating_add(43_200) / 86_400),
    }
}
