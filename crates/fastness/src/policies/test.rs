//! `fastness policy test`: whether policies decide as they should.

use super::case::Asked;
use super::lint::vocabulary;
use super::suite::{Expected, Named, Read, Suite};
use crate::args::PolicyTestArgs;
use crate::{Failure, output};
use policy::explain::Outcome;
use policy::{Boundary, Explanation, Known, Mode, Names, Policies, Policy, PolicyKind, PolicyName, explain};
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

/// What the command exits with if a case decides otherwise than it should.
const WRONG: u8 = 1;

/// What it exits with if a file cannot be used.
const UNUSABLE: u8 = 2;

pub(crate) fn run(args: &PolicyTestArgs) -> Result<ExitCode, Failure> {
    let vocabulary = vocabulary();
    // What is put together for people goes nowhere if programs are told instead.
    let mut out: Box<dyn Write> =
        if output::wants_json() { Box::new(std::io::sink()) } else { Box::new(output::output()) };
    let mut all = Vec::new();
    let (mut passed, mut failed, mut unusable) = (0_usize, 0_usize, false);
    for path in &args.files {
        let tried = Suite::read(path).and_then(|suite| {
            let policies = Tried::of(suite.policies(path)?);
            let cases = suite.cases(path, &vocabulary)?;
            if args.files.len() > 1 {
                writeln!(out, "{}", path.display())?;
            }
            for asked in &cases {
                let name = &asked.case.name;
                match policies.wrong(asked) {
                    None => {
                        passed += 1;
                        all.push(json!({ "file": path, "case": name, "ok": true }));
                        writeln!(out, "ok    {name}")?;
                    }
                    Some((wrong, explanation)) => {
                        failed += 1;
                        all.push(json!({ "file": path, "case": name, "ok": false, "wrong": wrong, "explanation": explanation }));
                        writeln!(out, "FAIL  {name}: {wrong}")?;
                        for line in explanation.to_string().lines() {
                            writeln!(out, "{}", format!("      {line}").trim_end())?;
                        }
                    }
                }
            }
            Ok(())
        });
        if let Err(Failure { message, .. }) = tried {
            unusable = true;
            writeln!(std::io::stderr(), "fastness: {message}")?;
        }
    }
    output::print(
        || json!({ "passed": passed, "failed": failed, "cases": all }),
        |out| Ok(writeln!(out, "{passed} passed, {failed} failed")?),
    )?;
    Ok(match (unusable, failed) {
        (true, _) => ExitCode::from(UNUSABLE),
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::from(WRONG),
    })
}

/// Policies to try cases with.
struct Tried {
    known: Known,
    identity: Vec<Arc<Policy>>,
    boundary: Option<Arc<Policy>>,
    session: Vec<Arc<Policy>>,
    resource: Option<Arc<Policy>>,
}

impl Tried {
    fn of(read: Read) -> Self {
        let many = |named: Vec<Named>| -> (Vec<PolicyName>, Vec<Arc<Policy>>) { named.into_iter().unzip() };
        let (identity_names, identity) = many(read.identity);
        let (session_names, session) = many(read.session);
        let (boundary_name, boundary) = read.boundary.unzip();
        let (resource_name, resource) = read.resource.unzip();
        let names = Names {
            identity: identity_names,
            boundary: boundary_name,
            session: session_names,
            resource: resource_name,
        };
        Self { known: Known { names, ..Known::default() }, identity, boundary, session, resource }
    }

    /// What is wrong with the decision of a case; none if it is as expected.
    fn wrong(&self, asked: &Asked<'_>) -> Option<(String, Explanation)> {
        let case = asked.case;
        let policies = Policies {
            identity: &self.identity,
            boundary: self.boundary.as_deref().map_or(Boundary::None, Boundary::Policy),
            session: &self.session,
            resource: self.resource.as_deref(),
            grant: case.grant,
        };
        let mode = match self.resource.as_ref().map(|policy| policy.kind()) {
            Some(PolicyKind::Key) => Mode::KmsKey,
            Some(PolicyKind::Trust) => Mode::AssumeRole,
            _ => Mode::Standard,
        };
        let found = explain(&asked.request(), &policies, mode, &self.known);
        let fits = match case.expect {
            Expected::Allowed => found.decision == Outcome::Allowed,
            Expected::Denied => found.decision != Outcome::Allowed,
            Expected::ExplicitDeny => found.decision == Outcome::ExplicitDeny,
            Expected::ImplicitDeny => found.decision == Outcome::ImplicitDeny,
        };
        if !fits {
            return Some((format!("expected {}", expected(case.expect)), found));
        }
        let decided = found.statement.as_ref().and_then(|found| found.sid.as_deref());
        match &case.by {
            Some(sid) if decided != Some(sid) => {
                Some((format!("expected statement `{sid}` to decide"), found))
            }
            _ => None,
        }
    }
}

fn expected(expected: Expected) -> &'static str {
    match expected {
        Expected::Allowed => "allowed",
        Expected::Denied => "denied",
        Expected::ExplicitDeny => "an explicit deny",
        Expected::ImplicitDeny => "an implicit deny",
    }
}
