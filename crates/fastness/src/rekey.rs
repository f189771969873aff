//! `fastness rekey`: a new root key.

use crate::Failure;
use crate::admin::Command;
use crate::args::RekeyArgs;
use crate::changes::{self, Given, New};
use serde_json::Value;
use std::io::Write as _;
use std::process::ExitCode;

pub(crate) fn run(args: &RekeyArgs) -> Result<ExitCode, Failure> {
    let command = Command::Rekey {
        given: Given::collect(&args.place, args.shares)?,
        new: New::collect(&args.place, &args.new)?,
        drop: args.drop.iter().copied().collect(),
    };
    let answer = changes::run(&args.place, &command)?;
    let part = |name: &str| answer.get(name).cloned().unwrap_or_default();
    let mut out = std::io::stdout();
    writeln!(out, "Rekeyed: generation {}, epoch {}.", part("generation"), part("epoch"))?;
    writeln!(out, "  slots     {}", list(&part("slots")))?;
    if part("dropped").as_array().is_some_and(|dropped| !dropped.is_empty()) {
        writeln!(out, "  dropped   {}", list(&part("dropped")))?;
    }
    if !changes::opens_by_itself(&args.place)? {
        writeln!(
            out,
            "Nothing that flags, environment or configuration name opens it: the next start will wait to be unsealed."
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Numbers, for people to read.
pub(crate) fn list(numbers: &Value) -> String {
    let numbers = numbers.as_array().into_iter().flatten();
    numbers.map(Value::to_string).collect::<Vec<_>>().join(", ")
}
