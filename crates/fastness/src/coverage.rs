//! `fastness coverage`: what is implemented out of how much.

use crate::args::CoverageArgs;
use crate::opening::services;
use crate::{Failure, failure};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) fn run(args: &CoverageArgs) -> Result<ExitCode, Failure> {
    let mut out = crate::output::output();
    let services = services(Arc::default());
    if let Some(wanted) = &args.service {
        let service = services.iter().find(|service| service.model().name == wanted);
        let service = service.ok_or_else(|| failure("no such service", wanted))?;
        let done = Arc::clone(service).operations();
        for operation in service.model().operations {
            let is_done = done.iter().any(|done| done.model().name == operation.name);
            writeln!(out, "{} {}", if is_done { "yes" } else { "no " }, operation.name)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{:<16} {:>11} {:>5}", "service", "implemented", "of")?;
    for service in &services {
        let (done, all) = (Arc::clone(service).operations().len(), service.model().operations.len());
        writeln!(out, "{:<16} {done:>11} {all:>5}", service.model().name)?;
    }
    Ok(ExitCode::SUCCESS)
}
