//! Explanations for people.

use super::{
    Call, Change, Chosen, Compared, Deciding, Explanation, Failure, Further, GrantReport, Outcome, Place,
    PolicyReport, StatementReport, Target,
};
use crate::document::PolicyKind;
use std::fmt;

impl fmt::Display for Explanation {
    /// Several lines, the last one ended.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decision   ")?;
        match (self.decision, &self.statement, self.kind, &self.because) {
            (Outcome::Allowed, Some(found), ..) => writeln!(f, "ALLOWED by {found}")?,
            (Outcome::Allowed, None, _, because) => {
                writeln!(f, "ALLOWED: {}", because.as_deref().unwrap_or("a policy allows it"))?;
            }
            (Outcome::ExplicitDeny, Some(found), ..) => writeln!(f, "DENIED by {found}")?,
            (_, _, _, Some(because)) => writeln!(f, "DENIED: {because}")?,
            (_, _, Some(kind), None) => writeln!(f, "DENIED: no {} allows it", kind.name())?,
            (_, _, None, None) => writeln!(f, "DENIED")?,
        }
        if let Some(found) = &self.statement {
            writeln!(f, "           {}", one_line(&found.text))?;
            for compared in &found.conditions {
                write!(f, "{compared}")?;
            }
            if found.other_conditions > 0 {
                writeln!(f, "           and {} more conditions", found.other_conditions)?;
            }
        }
        if self.decision != Outcome::ExplicitDeny {
            writeln!(f, "\npolicies that were asked")?;
            if self.policies.is_empty() {
                writeln!(f, "  none: there are none")?;
            }
            for report in &self.policies {
                write!(f, "{report}")?;
            }
            if self.unread > 0 {
                writeln!(f, "  {} more are too long to be looked into here", self.unread)?;
            }
        }
        if !self.grants.is_empty() || self.other_grants > 0 {
            writeln!(f, "\nthe caller's grants on the key that were looked at")?;
            for grant in &self.grants {
                write!(f, "{grant}")?;
            }
            match self.other_grants {
                0 => {}
                1 => writeln!(f, "  1 other does not cover it either")?,
                many => writeln!(f, "  {many} others do not cover it either")?,
            }
        }
        match (&self.change, &self.no_change) {
            (Some(changes), _) => {
                writeln!(f, "\nleast change that allows it (checked by evaluating with it)")?;
                for (number, change) in changes.iter().enumerate() {
                    writeln!(f, "  {}. {change}", number + 1)?;
                }
            }
            (None, Some(why)) => writeln!(f, "\nno change to suggest: {why}")?,
            (None, None) => {}
        }
        if !self.further.is_empty() {
            writeln!(f, "\nthe call asks for more after this, which is decided then")?;
            for Further { action, resource } in &self.further {
                writeln!(f, "  {action} on {resource}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Deciding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        statement(f, self.sid.as_deref(), self.index)?;
        write!(f, " of {}{}", self.policy.name, standing(self.kind, &self.policy.name))?;
        if self.in_doubt {
            write!(f, ": it is in doubt that it applies, and a doubt denies")?;
        }
        Ok(())
    }
}

impl fmt::Display for PolicyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}{}", self.policy.name, standing(self.kind, &self.policy.name))?;
        for statement in &self.statements {
            write!(f, "{statement}")?;
        }
        match (self.others, self.statements.is_empty()) {
            (0, _) => Ok(()),
            (1, true) => writeln!(f, "    its statement does not concern this request"),
            (many, true) => writeln!(f, "    none of its {many} statements concerns this request"),
            (1, false) => writeln!(f, "    1 other statement is further off"),
            (many, false) => writeln!(f, "    {many} other statements are further off"),
        }
    }
}

impl fmt::Display for StatementReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "    {} ", self.effect)?;
        statement(f, self.sid.as_deref(), self.index)?;
        if self.failures.is_empty() {
            let delegates =
                if self.delegates { ", to those whom their own policies allow it as well" } else { "" };
            return writeln!(f, " applies{delegates}");
        }
        writeln!(f, " does not apply:")?;
        for failure in &self.failures {
            write!(f, "{failure}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match (&self.operator, &self.key) {
            (Some(operator), Some(key)) => format!("{} {operator} {key}", self.element),
            _ => self.element.clone(),
        };
        writeln!(f, "      {name}")?;
        sides(f, "        ", ("policy", &self.policy), self.request.as_deref())
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "           Condition {} {}", self.operator, self.key)?;
        sides(f, "             ", ("policy", &self.policy), self.request.as_deref())
    }
}

impl fmt::Display for GrantReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  grant {} to {} does not cover it:", self.id, self.grantee)?;
        for failure in &self.failures {
            writeln!(f, "      {}", failure.element)?;
            sides(f, "        ", ("grant", &failure.policy), failure.request.as_deref())?;
        }
        Ok(())
    }
}

/// What was wanted, and what the request has.
fn sides(
    f: &mut fmt::Formatter<'_>,
    indent: &str,
    (whose, wanted): (&str, &[String]),
    request: Option<&[String]>,
) -> fmt::Result {
    writeln!(f, "{indent}{whose:<8} {}", list(wanted))?;
    match request {
        Some(values) => writeln!(f, "{indent}request  {}", list(values)),
        None => writeln!(f, "{indent}request  absent"),
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with: Vec<String> =
            self.with.iter().map(|Chosen { key, value }| format!("{key} = {value}")).collect();
        f.write_str("make the call")?;
        if !with.is_empty() {
            write!(f, " with {}", with.join(" and "))?;
        }
        if !self.without.is_empty() {
            let and = if with.is_empty() { "" } else { ", and" };
            write!(f, "{and} without {}", self.without.join(" and "))?;
        }
        if self.of_ciphertext { f.write_str(", if the ciphertext was made with it") } else { Ok(()) }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Call(call) => write!(f, "{call}"),
            Change::AddValues { at, element, values } => {
                write!(f, "in {at}, add to {}: {}", element.join(" "), list(values))
            }
            Change::AddCondition { at, operator, key, value } => {
                write!(f, "in {at}, add the condition {operator} {key} = {value}")
            }
            Change::RemoveValue { at, element, value } => write!(f, "in {at}, take {value} out of {element}"),
            Change::AddStatement { to, statement } => write!(f, "add to {to}: {statement}"),
            Change::NewPolicy { kind, statement } => match kind {
                PolicyKind::Session => {
                    write!(f, "make the session with a session policy that has: {statement}")
                }
                PolicyKind::Boundary => {
                    write!(f, "replace the permissions boundary by one that has: {statement}")
                }
                kind => write!(f, "attach a new {} with: {statement}", kind.name()),
            },
            Change::RemoveStatement { at } => write!(f, "remove {at}"),
            Change::Detach { from } => match from.kind {
                PolicyKind::Session => write!(f, "make the session without {from}"),
                PolicyKind::Boundary => write!(f, "remove or replace the permissions boundary, {from}"),
                _ => write!(f, "detach or delete {from}"),
            },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        statement(f, self.sid.as_deref(), self.statement)?;
        write!(f, " of {}", self.target)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.policy.name)
    }
}

/// What a policy is to this request, where its name does not say it.
fn standing(kind: PolicyKind, name: &str) -> &'static str {
    match kind {
        PolicyKind::Boundary if !name.contains("boundary") => ", the permissions boundary",
        PolicyKind::Session if !name.contains("session") => ", as session policy",
        _ => "",
    }
}

/// A statement by its `Sid`, or by its place counted from 1.
fn statement(f: &mut fmt::Formatter<'_>, sid: Option<&str>, index: usize) -> fmt::Result {
    match sid {
        Some(sid) => write!(f, "statement `{sid}`"),
        None => write!(f, "statement {} (it has no Sid)", index + 1),
    }
}

fn list(values: &[String]) -> String {
    values.join(", ")
}

/// White space between the elements is the author's; one line is enough here.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
