//! `fastness why`: what decided a request.

use crate::admin::{Command, merge};
use crate::args::WhyArgs;
use crate::exit::Exit;
use crate::{Failure, changes, output};
use platform::Denial;
use platform::denial::Wanted;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

/// How much of what a client printed is read, in bytes.
const PRINTED_BYTES_MAX: u64 = 64 * 1024;

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
    let (user, action) = (args.user.clone(), args.action.clone());
    if args.list {
        let limit = args.limit;
        let denials = changes::run(&args.place, &Command::Denials { user, action, limit })?;
        output::print(|| denials.clone(), |out| Ok(out.write_all(listed(&denials)?.as_bytes())?))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (command, wanted) = match args.request_id.as_deref() {
        Some("-") => said(&printed()?)?,
        Some(id) => (Command::Why { request_id: id.to_owned() }, format!("request {id}")),
        None => (Command::WhyLast { user, action }, "denial like that".to_owned()),
    };
    let answer = changes::run(&args.place, &command)?;
    let known = Known::deserialize(&answer)?;
    if known.record.is_none() && known.denial.is_none() {
        return Err(unknown(&wanted));
    }
    if args.encoded {
        let none = || Failure("no denial by a policy is kept of this request".to_owned()).with(Exit::Absent);
        let encoded = known.encoded.ok_or_else(none)?;
        output::print(|| json!({ "encoded": encoded }), |out| Ok(writeln!(out, "{encoded}")?))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(|| answer.clone(), |out| Ok(out.write_all(output::harmless(&told(&known)?).as_bytes())?))?;
    Ok(ExitCode::SUCCESS)
}

fn unknown(wanted: &str) -> Failure {
    Failure(format!(
        "no {wanted} is on record. The id is in the answer's x-amzn-RequestId header, in the error that most clients print, and in the \
         trail as requestID; `fastness why --list` has the newest denials."
    ))
    .with(Exit::Absent)
}

/// What a client printed, as far as it is looked at.
fn printed() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin().take(PRINTED_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What an error that a client printed is about: the request, if it has the id, as most SDKs print it; else the newest denial of the
/// caller and action that AWS's message names, which is all that the AWS CLI and boto3 print.
fn said(printed: &str) -> Result<(Command, String), Failure> {
    let words = printed.split(|c: char| c.is_whitespace() || "\"'`,;()[]{}<>=".contains(c));
    let trimmed: Vec<&str> =
        words.map(|word| word.trim_matches(['.', ':'])).filter(|word| !word.is_empty()).collect();
    if let Some(id) = trimmed.iter().find(|word| is_uuid(word)) {
        return Ok((Command::Why { request_id: (*id).to_owned() }, format!("request {id}")));
    }
    let after = |words: &[&str]| {
        let found = trimmed.windows(words.len() + 1).find(|window| window.starts_with(words));
        found.and_then(|window| window.last()).map(|word| (*word).to_owned())
    };
    let (user, action) = (after(&["User"]), after(&["not", "authorized", "to", "perform"]));
    if action.is_none() {
        return Err(Failure(
            "that is no denial, and has no request id: pass on what the client printed, or an id".to_owned(),
        ));
    }
    Ok((Command::WhyLast { user, action }, "denial like that".to_owned()))
}

/// Whether a word has the form of the ids that are made here: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(word: &str) -> bool {
    let lengths = word.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Tells of the newest denial that is wanted. That it was asked is recorded.
pub(crate) async fn last(
    deployment: &server::Deployment,
    user: Option<&String>,
    action: Option<&String>,
    by: Value,
) -> Result<Value, Failure> {
    let denials = denials(deployment, user, action, 1, by).await?;
    let id = denials.get(0).and_then(|denial| denial.get("requestId")).and_then(Value::as_str);
    let Some(id) = id else { return Ok(json!({ "record": null, "denial": null, "encoded": null })) };
    let known = tokio::task::block_in_place(|| deployment.explain_request(id));
    known.map_err(|fault| Failure(fault.for_operator()))
}

/// Lists the newest denials that are wanted. That it was asked is recorded.
pub(crate) async fn denials(
    deployment: &server::Deployment,
    user: Option<&String>,
    action: Option<&String>,
    limit: u16,
    by: Value,
) -> Result<Value, Failure> {
    let mut details = by;
    merge(&mut details, json!({ "user": user, "action": action }));
    let recorded = deployment.record_operator("ListDenials", details).await;
    recorded.map_err(|fault| Failure(fault.for_operator()))?;
    let wanted = Wanted { user: user.cloned(), action: action.cloned() };
    let found = tokio::task::block_in_place(|| deployment.recent_denials(&wanted, limit.into()));
    Ok(Value::Array(found.map_err(|fault| Failure(fault.for_operator()))?))
}

/// A line for each denial: its id, which tells more, and what was denied to whom.
fn listed(denials: &Value) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    for denial in denials.as_array().into_iter().flatten() {
        let text = |name: &str| denial.get(name).and_then(Value::as_str).unwrap_or("-");
        writeln!(
            out,
            "{} {} {} {} {}",
            text("requestId"),
            text("time"),
            text("principal"),
            text("action"),
            text("resource")
        )?;
    }
    Ok(output::harmless(&out))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn found(printed: &str) -> String {
        match said(printed) {
            Ok((Command::Why { request_id }, _)) => request_id,
            Ok((Command::WhyLast { user, action }, _)) => {
                format!("{} {}", user.unwrap_or_default(), action.unwrap_or_default())
            }
            _ => "none".to_owned(),
        }
    }

    #[test]
    fn errors_as_clients_print_them() {
        let id = "0c4ee7b0-2a53-4d3f-9d3c-0f1f2f3f4f5f";
        let text = "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:123456789012:key/0c4ee7b0 because no identity-based policy allows the kms:Decrypt action";
        let cases = [
            // AWS CLI and boto3; Java; Go; JavaScript.
            (
                format!(
                    "An error occurred (AccessDeniedException) when calling the Decrypt operation: {text}"
                ),
                "arn:aws:iam::123456789012:user/bob kms:Decrypt",
            ),
            (format!("{text} (Service: Kms, Status Code: 400, Request ID: {id}) (SDK Attempt Count: 1)"), id),
            (
                format!(
                    "operation error KMS: Decrypt, https response error StatusCode: 400, RequestID: {id}, api error AccessDeniedException: {text}"
                ),
                id,
            ),
            (
                format!(
                    "AccessDeniedException: {text}\n  '$metadata': {{ httpStatusCode: 400, requestId: '{id}', attempts: 1 }}"
                ),
                id,
            ),
            ("Could not connect to the endpoint URL".to_owned(), "none"),
            (String::new(), "none"),
        ];
        for (printed, expected) in cases {
            assert_eq!(found(&printed), expected, "{printed}");
        }
    }
}
