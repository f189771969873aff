//! One step of a rotation, for tests against real databases: what to do comes as JSON on standard input, and what came of it goes to
//! standard output.

use outbound::{Reach, Trust};
use rotation::{Databases, Limits, Template, Versions};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let asked: Value = serde_json::from_reader(std::io::stdin())?;
    let text = |name: &str| asked.get(name).and_then(Value::as_str);
    let template = text("template").and_then(Template::of_function).ok_or("no such template")?;
    let ports = asked.get("ports").and_then(Value::as_array).into_iter().flatten();
    let databases = Databases {
        trust: Arc::new(Trust::with(text("ca").map(Path::new))?),
        reach: Reach::new(
            ports.filter_map(|port| u16::try_from(port.as_u64()?).ok()).collect(),
            vec!["127.0.0.1".parse()?],
        ),
        limits: Limits { connect: std::time::Duration::from_secs(30), ..Limits::default() },
    };
    let current = text("current").unwrap_or_default();
    let pending = text("pending").unwrap_or_default();
    let done = match text("step") {
        Some("create") => rotation::create(template, current, text("password").unwrap_or_default())
            .map(|value| json!({ "value": value.as_str() })),
        Some("set") => {
            let versions = Versions { current, pending, previous: text("previous"), master: text("master") };
            rotation::set(template, versions, &databases).map(|()| json!({}))
        }
        _ => rotation::test(template, pending, &databases).map(|()| json!({})),
    };
    let said = done.unwrap_or_else(
        |failure| json!({ "failure": format!("{:?}", failure.kind()), "message": failure.message() }),
    );
    Ok(writeln!(std::io::stdout(), "{said}")?)
}
