//! `fastness quotas`: how many calls a second an account may make.

use crate::args::QuotasArgs;
use crate::config::Config;
use crate::{Failure, failure, output};
use serde_json::{Value, json};
use server::Entry;
use std::io::Write as _;
use std::process::ExitCode;

pub(crate) fn run(args: &QuotasArgs) -> Result<ExitCode, Failure> {
    let config = Config::read_file(args.config.as_deref())?;
    let quotas = config.quotas.get();
    let fact = |entry: &Entry| {
        let (everywhere, regional) = entry.quota.defaults();
        let regional = regional.iter().map(|(region, calls)| (region.to_owned(), json!(calls)));
        json!({
            "name": entry.name, "configured": entry.chosen().map(|chosen| chosen.to_string()), "default": everywhere.to_string(),
            "defaultByRegion": regional.collect::<Value>(), "operations": entry.operations,
        })
    };
    let Some(service) = &args.service else {
        let text = |out: &mut output::Output| {
            for entry in quotas.iter() {
                writeln!(out, "{:<40} {}", entry.name, value(entry))?;
            }
            Ok(())
        };
        output::print(|| quotas.iter().map(fact).collect(), text)?;
        return Ok(ExitCode::SUCCESS);
    };
    let of_service = |entry: &&Entry| entry.name.split(':').next() == Some(service);
    let found: Vec<&Entry> = quotas.iter().filter(of_service).collect();
    if found.is_empty() {
        return Err(failure("no quotas of such a service", service));
    }
    output::print(
        || found.iter().map(|entry| fact(entry)).collect(),
        |out| {
            for entry in &found {
                writeln!(out, "{:<40} {}", entry.name, value(entry))?;
                for operation in &entry.operations {
                    writeln!(out, "  {operation}")?;
                }
            }
            Ok(())
        },
    )?;
    Ok(ExitCode::SUCCESS)
}

/// `5`, `10000, 20000 in eu-central-1 …`, or `500 (default 5)`.
fn value(entry: &Entry) -> String {
    let (everywhere, regional) = entry.quota.defaults();
    let mut default = everywhere.to_string();
    for (region, per_second) in regional {
        default.push_str(&format!(", {per_second} in {region}"));
    }
    match entry.chosen() {
        Some(chosen) => format!("{chosen} (default {default})"),
        None => default,
    }
}
