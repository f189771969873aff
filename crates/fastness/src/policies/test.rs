//! `fastness policy test`: whether policies decide as they should.

use super::case::{Caller, Keys, account_of};
use super::suite::{Case, Expected, Named, Read, Suite};
use crate::Failure;
use crate::args::PolicyTestArgs;
use policy::explain::Outcome;
use policy::{
    Boundary, Explanation, Known, Mode, Names, Policies, Policy, PolicyKind, PolicyName, Request, explain,
};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

/// What the command exits with if a case decides otherwise than it should.
const WRONG: u8 = 1;

/// What it exits with if a file cannot be used.
const UNUSABLE: u8 = 2;

pub(crate) fn run(args: &PolicyTestArgs) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout();
    let (mut passed, mut failed, mut unusable) = (0_usize, 0_usize, false);
    for path in &args.files {
        let tried = Suite::read(path).and_then(|suite| {
            let policies = Tried::of(suite.policies(path)?);
            if args.files.len() > 1 {
                writeln!(out, "{}", path.display())?;
            }
            for case in &suite.cases {
                match policies.wrong(case)? {
                    None => {
                        passed += 1;
                        writeln!(out, "ok    {}", case.name)?;
                    }
                    Some((wrong, explanation)) => {
                        failed += 1;
                        writeln!(out, "FAIL  {}: {wrong}", case.name)?;
                        for line in explanation.to_string().lines() {
                            writeln!(out, "{}", format!("      {line}").trim_end())?;
                        }
                    }
                }
            }
            Ok(())
        });
        if let Err(Failure(message)) = tried {
            unusable = true;
            writeln!(std::io::stderr(), "fastness: {message}")?;
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
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
    fn wrong(&self, case: &Case) -> Result<Option<(String, Explanation)>, Failure> {
        let caller = Caller::parse(&case.principal).ok_or_else(|| {
            Failure(format!(
                "case `{}`: `{}` is no principal: give the ARN of a user, role, session or root, an account, a service or `anonymous`",
                case.name, case.principal
            ))
        })?;
        let keys = Keys::of(case, &caller)?;
        let owner = account_of(case, &caller);
        let request = Request {
            action: &case.action,
            resource: &case.resource,
            resource_account: &owner,
            principal: caller.principal(),
            context: &keys,
        };
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
        let found = explain(&request, &policies, mode, &self.known);
        let fits = match case.expect {
            Expected::Allowed => found.decision == Outcome::Allowed,
            Expected::Denied => found.decision != Outcome::Allowed,
            Expected::ExplicitDeny => found.decision == Outcome::ExplicitDeny,
            Expected::ImplicitDeny => found.decision == Outcome::ImplicitDeny,
        };
        if !fits {
            return Ok(Some((format!("expected {}", expected(case.expect)), found)));
        }
        let decided = found.statement.as_ref().and_then(|found| found.sid.as_deref());
        match &case.by {
            Some(sid) if decided != Some(sid) => {
                Ok(Some((format!("expected statement `{sid}` to decide"), found)))
            }
            _ => Ok(None),
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
