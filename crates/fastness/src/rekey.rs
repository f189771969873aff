//! `fastness rekey`: a new root key of the keyring, which wraps all keys below it. It has nothing to do with the root user.

use crate::admin::{Command, merge};
use crate::args::RekeyArgs;
use crate::changes::{self, Given, New};
use crate::{Failure, output};
use serde_json::{Value, json};
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
    let by_itself = changes::opens_by_itself(&args.place)?;
    let facts = || {
        let mut facts = answer.clone();
        merge(&mut facts, json!({ "opensByItself": by_itself }));
        facts
    };
    output::print(facts, |out| {
        writeln!(
            out,
            "Gave the keyring a new root key: generation {}, epoch {}. KMS keys, the root user and its access key are what they were.",
            part("generation"),
            part("epoch")
        )?;
        writeln!(out, "  slots     {}", list(&part("slots")))?;
        if part("dropped").as_array().is_some_and(|dropped| !dropped.is_empty()) {
            writeln!(out, "  dropped   {}", list(&part("dropped")))?;
        }
        if !by_itself {
            writeln!(
                out,
                "Nothing that flags, environment or configuration name opens it: the next start will wait to be unsealed."
            )?;
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Numbers, for people to read.
pub(crate) fn list(numbers: &Value) -> String {
    let numbers = numbers.as_array().into_iter().flatten();
    numbers.map(Value::to_string).collect::<Vec<_>>().join(", ")
}
