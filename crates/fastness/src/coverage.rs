//! `fastness coverage`: what is implemented out of how much.

use crate::args::CoverageArgs;
use crate::{Failure, failure, output};
use assembly::{Parts, services};
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) fn run(args: &CoverageArgs) -> Result<ExitCode, Failure> {
    let services = services(Parts::default());
    if let Some(wanted) = &args.service {
        let service = services.iter().find(|service| service.model().name == wanted);
        let service = service.ok_or_else(|| failure("no such service", wanted))?;
        let done = Arc::clone(service).operations();
        let operations = service.model().operations.iter().map(|operation| operation.name);
        let all: Vec<_> =
            operations.map(|name| (name, done.iter().any(|done| done.model().name == name))).collect();
        let facts = || all.iter().map(|(name, is_done)| ((*name).to_owned(), json!(is_done))).collect();
        output::print(facts, |out| {
            for (name, is_done) in &all {
                writeln!(out, "{} {name}", if *is_done { "yes" } else { "no " })?;
            }
            Ok(())
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let counted = services.iter().map(|service| {
        let (done, all) = (Arc::clone(service).operations().len(), service.model().operations.len());
        (service.model().name, done, all)
    });
    let counted: Vec<_> = counted.collect();
    let fact =
        |(name, done, all): &(&str, usize, usize)| json!({ "service": name, "implemented": done, "of": all });
    output::print(
        || counted.iter().map(fact).collect(),
        |out| {
            writeln!(out, "{:<16} {:>11} {:>5}", "service", "implemented", "of")?;
            for (name, done, all) in &counted {
                writeln!(out, "{name:<16} {done:>11} {all:>5}")?;
            }
            Ok(())
        },
    )?;
    Ok(ExitCode::SUCCESS)
}
