//! `fastness why`: what decided a request.

use crate::Failure;
use crate::admin::{Command, ask_or_open};
use crate::args::WhyArgs;
use crate::opening::Opening;
use platform::Denial;
use serde::Deserialize;
use serde_json::{Map, Value};
use server::Deployment;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

/// What the command exits with if nothing is known of the request.
const UNKNOWN: u8 = 3;

/// The longest value of a condition key that is shown whole, in characters.
const VALUE_CHARS_SHOWN: usize = 100;

/// What the server tells of a request.
#[derive(Deserialize)]
struct Known {
    record: Option<Map<String, Value>>,
    denial: Option<Denial>,
    encoded: Option<String>,
}

pub(crate) fn run(args: &WhyArgs) -> Result<ExitCode, Failure> {
    let opening = Opening::locate(&args.place)?;
    let command = Command::Why { request_id: args.request_id.clone() };
    let explain =
        async |deployment: &Deployment| crate::admin::explain(deployment, &args.request_id, None).await;
    let answer = ask_or_open(&opening, || Ok(opening.configured()?), &command, explain)?;
    let mut out = crate::output::output();
    let known = Known::deserialize(&answer)?;
    if known.record.is_none() && known.denial.is_none() {
        return unknown(&args.request_id);
    }
    if args.json {
        writeln!(out, "{answer:#}")?;
    } else if args.encoded {
        match known.encoded {
            Some(encoded) => writeln!(out, "{encoded}")?,
            None => return Err(Failure("no denial by a policy is kept of this request".to_owned())),
        }
    } else {
        out.write_all(told(&known)?.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(request_id: &str) -> Result<ExitCode, Failure> {
    writeln!(
        std::io::stderr(),
        "fastness: no request {request_id} is on record. The id is in the answer's x-amzn-RequestId header, in the client's error, \
         and in the trail as requestID."
    )?;
    Ok(ExitCode::from(UNKNOWN))
}

/// The text for people.
fn told(known: &Known) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    if let Some(denial) = &known.denial {
        denied(&mut out, denial)?;
    } else if let Some(record) = &known.record {
        recorded(&mut out, record)?;
    }
    Ok(out)
}

fn denied(out: &mut String, denial: &Denial) -> std::fmt::Result {
    writeln!(out, "request    {}", denial.request_id)?;
    writeln!(out, "time       {}", denial.time)?;
    writeln!(out, "caller     {} ({})", denial.principal, denial.principal_id)?;
    writeln!(out, "action     {}", denial.action)?;
    writeln!(out, "resource   {}", denial.resource)?;
    write!(out, "{}", denial.explanation)?;
    writeln!(out, "\nthe request's condition keys")?;
    let width = denial.conditions.keys().map(String::len).max().unwrap_or_default();
    for (key, values) in &denial.conditions {
        let values = values.join(", ");
        let shown: String = values.chars().take(VALUE_CHARS_SHOWN).collect();
        let more = if shown.len() < values.len() { "…" } else { "" };
        writeln!(out, "  {key:<width$}  {shown}{more}")?;
    }
    Ok(())
}

/// What the audit record alone tells.
fn recorded(out: &mut String, record: &Map<String, Value>) -> std::fmt::Result {
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let identity = |name: &str| record.get("userIdentity")?.get(name)?.as_str();
    let service = text("eventSource").and_then(|source| source.split('.').next()).unwrap_or("-");
    writeln!(out, "request    {}", text("requestID").unwrap_or("-"))?;
    writeln!(out, "time       {}", text("eventTime").unwrap_or("-"))?;
    let caller = identity("arn").or_else(|| identity("accessKeyId")).or_else(|| identity("type"));
    writeln!(out, "caller     {}", caller.unwrap_or("-"))?;
    writeln!(out, "operation  {service}:{}", text("eventName").unwrap_or("-"))?;
    for resource in record.get("resources").and_then(Value::as_array).into_iter().flatten() {
        writeln!(out, "resource   {}", resource.get("ARN").and_then(Value::as_str).unwrap_or("-"))?;
    }
    match (text("errorCode"), text("errorMessage")) {
        (None, _) => {
            writeln!(out, "decision   ALLOWED, and done")?;
            writeln!(out, "\nWhich statement allowed it is not kept: explanations are kept of denials alone.")
        }
        (Some("AccessDenied"), message) => {
            writeln!(out, "decision   DENIED: {}", message.unwrap_or_default())?;
            writeln!(
                out,
                "\nIt was denied by a rule of the service, which no policy changes, or the explanation has made room for newer ones\n\
                 ({} are kept).",
                platform::denial::DENIALS_MAX
            )
        }
        (Some(code), message) => {
            writeln!(out, "failed     {code}: {}", message.unwrap_or_default())?;
            writeln!(out, "\nIt did not fail for want of a permission.")
        }
    }
}
