//! Whole decisions: who asks, which policies there are, and what decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy::{
    Boundary, Decision, Grantor, Mode, NoContext, Policies, Policy, PolicyKind, Principal, Reason, Request,
    evaluate,
};

use crate::support::{AWAY, HOME, Keys, caller};

#[derive(Default)]
struct Table {
    policies: BTreeMap<String, Arc<Policy>>,
}

impl Table {
    fn define(&mut self, header: &str, statements: &[&str]) {
        let mut words = header.split_whitespace();
        let (Some(name), Some(kind)) = (words.next(), words.next()) else {
            panic!("no name or kind: {header}")
        };
        let kind = match kind {
            "identity" => PolicyKind::Identity,
            "resource" => PolicyKind::Resource,
            "trust" => PolicyKind::Trust,
            "key" => PolicyKind::Key,
            "boundary" => PolicyKind::Boundary,
            "session" => PolicyKind::Session,
            other => panic!("no kind {other}"),
        };
        let version = words.next().unwrap_or("2012-10-17");
        let text = format!(r#"{{"Version":"{version}","Statement":[{}]}}"#, statements.join(","));
        let policy = Policy::parse(&text, kind)
            .unwrap_or_else(|error| panic!("{header}: {error} at {}", error.path()));
        assert!(self.policies.insert(name.to_owned(), Arc::new(policy)).is_none(), "two policies {name}");
    }

    fn list(&self, names: &str) -> Vec<Arc<Policy>> {
        let find = |name: &str| self.policies.get(name).unwrap_or_else(|| panic!("no policy {name}"));
        names.split(',').map(|name| find(name).clone()).collect()
    }

    /// `caller action resource | policies | context | expected`
    ///
    /// Answers what was decided instead, if it was not what the line expects.
    fn check(&self, mode: Mode, line: &str) -> Option<String> {
        let fields: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [request, policies, context, expected] = fields[..] else { panic!("not four fields: {line}") };
        let request: Vec<&str> = request.split_whitespace().collect();
        let [who, action, resource] = request[..] else { panic!("not caller, action, resource: {line}") };
        let keys = Keys::parse(context.trim_matches('-'));
        let (mut identity, mut session, mut boundary, mut own) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut owner, mut grant, mut dangling) = (HOME, false, false);
        for word in policies.split_whitespace().filter(|word| *word != "-") {
            match word.split_once('=').unwrap_or((word, "")) {
                ("identity", names) => identity = self.list(names),
                ("session", names) => session = self.list(names),
                ("boundary", name) => boundary = self.list(name),
                ("own", name) => own = self.list(name),
                ("owner", account) => owner = if account == HOME { HOME } else { AWAY },
                ("grant", "") => grant = true,
                ("dangling", "") => dangling = true,
                _ => panic!("what is {word}?"),
            }
        }
        let boundary = match boundary.first() {
            Some(policy) => Boundary::Policy(policy),
            None if dangling => Boundary::Dangling,
            None => Boundary::None,
        };
        let request =
            Request { action, resource, resource_account: owner, principal: caller(who), context: &keys };
        let resource = own.first().map(|policy| &**policy);
        let policies = Policies { identity: &identity, boundary, session: &session, resource, grant };
        let decision = evaluate(&request, &policies, mode);
        let decided = describe(&decision);
        (decided != expected).then(|| format!("{line}\n    but {decided}\n"))
    }
}

/// `allow identity#Sid`, `allow root`, `deny key#2`, `missing boundary`.
fn describe(decision: &Decision<'_>) -> String {
    let (word, what) = match decision.reason {
        Reason::Allowed { by: Grantor::Policy(kind) } => ("allow", format!("{kind:?}")),
        Reason::Allowed { by } => ("allow", format!("{by:?}")),
        Reason::ExplicitDeny { kind } => ("deny", format!("{kind:?}")),
        Reason::Implicit { missing } => ("missing", format!("{missing:?}")),
    };
    assert_eq!(decision.allowed, word == "allow");
    let statement = decision.statement.map(|statement| match statement.sid {
        Some(sid) => format!("#{sid}"),
        None => format!("#{}", statement.statement),
    });
    format!("{word} {}{}", what.to_lowercase(), statement.unwrap_or_default())
}

#[test]
fn decisions_of_the_table() {
    let text = include_str!("tables/decisions.txt").replace("$A", HOME).replace("$B", AWAY);
    let mut table = Table::default();
    let mut mode = Mode::Standard;
    let mut pending: Option<(&str, Vec<&str>)> = None;
    let (mut count, mut wrong) = (0, String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some((_, statements)) = &mut pending
            && line.starts_with('{')
        {
            statements.push(line);
            continue;
        }
        if let Some((header, statements)) = pending.take() {
            table.define(header, &statements);
        }
        match line.split_once(' ') {
            Some(("policy", header)) => pending = Some((header, Vec::new())),
            Some(("mode", "standard")) => mode = Mode::Standard,
            Some(("mode", "key")) => mode = Mode::KmsKey,
            Some(("mode", "role")) => mode = Mode::AssumeRole,
            _ => {
                wrong.extend(table.check(mode, line));
                count += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 200, "{count}");
}

/// The sentences of the IAM User Guide, "Troubleshoot access denied error messages".
#[test]
fn denials_are_in_the_words_of_aws() {
    let request = |principal: Principal<'static>| Request {
        action: "kms:Encrypt",
        resource: "arn:aws:kms:eu-west-1:111122223333:key/k",
        resource_account: HOME,
        principal,
        context: &NoContext,
    };
    let everything = r#"{"Effect":"EFFECT","Action":"*","Resource":"*"}"#;
    let everybody = r#"{"Effect":"EFFECT","Action":"*","Resource":"*","Principal":"*"}"#;
    let trusted = r#"{"Effect":"EFFECT","Action":"sts:*","Principal":"*"}"#;
    let make = |statement: &str, effect: &str, kind: PolicyKind| {
        let text = format!(r#"{{"Statement":{}}}"#, statement.replace("EFFECT", effect));
        Arc::new(Policy::parse(&text, kind).unwrap())
    };
    let allow = [make(everything, "Allow", PolicyKind::Identity)];
    let deny = [make(everything, "Deny", PolicyKind::Identity)];
    let key =
        make(r#"{"Effect":"Deny","Action":"s3:*","Resource":"*","Principal":"*"}"#, "", PolicyKind::Key);
    let key_deny = make(everybody, "Deny", PolicyKind::Key);
    let boundary = make(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#, "", PolicyKind::Boundary);
    let boundary_deny = make(everything, "Deny", PolicyKind::Boundary);
    let session = [make(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#, "", PolicyKind::Session)];
    let session_deny = [make(everything, "Deny", PolicyKind::Session)];
    let none = Policies::default();
    let with = Policies { identity: &allow, ..none };
    let alice = "User: arn:aws:iam::111122223333:user/team/alice is not authorized to perform: kms:Encrypt on resource: \
                 arn:aws:kms:eu-west-1:111122223333:key/k";
    for (policies, mode, expected) in [
        (none, Mode::Standard, "because no identity-based policy allows the kms:Encrypt action"),
        (
            Policies { resource: Some(&key), ..with },
            Mode::KmsKey,
            "because no resource-based policy allows the kms:Encrypt action",
        ),
        (
            Policies { boundary: Boundary::Policy(&boundary), ..with },
            Mode::Standard,
            "because no permissions boundary allows the kms:Encrypt action",
        ),
        (
            Policies { session: &session, ..with },
            Mode::Standard,
            "because no session policy allows the kms:Encrypt action",
        ),
        (
            Policies { identity: &deny, ..none },
            Mode::Standard,
            "with an explicit deny in an identity-based policy",
        ),
        (
            Policies { resource: Some(&key_deny), ..with },
            Mode::KmsKey,
            "with an explicit deny in a resource-based policy",
        ),
        (
            Policies { boundary: Boundary::Policy(&boundary_deny), ..with },
            Mode::Standard,
            "with an explicit deny in a permissions boundary",
        ),
        (
            Policies { session: &session_deny, ..with },
            Mode::Standard,
            "with an explicit deny in a sessions policy",
        ),
        // A managed policy is parsed as an identity policy, wherever it stands.
        (
            Policies { boundary: Boundary::Policy(&deny[0]), ..with },
            Mode::Standard,
            "with an explicit deny in a permissions boundary",
        ),
        (Policies { session: &deny, ..with }, Mode::Standard, "with an explicit deny in a sessions policy"),
    ] {
        let request = request(caller("alice"));
        assert_eq!(evaluate(&request, &policies, mode).message(&request), format!("{alice} {expected}"));
    }
    let role = Request {
        action: "sts:AssumeRole",
        resource: "arn:aws:iam::111122223333:role/r",
        ..request(caller("far-session"))
    };
    let trust = make(trusted, "Deny", PolicyKind::Trust);
    let subject = "User: arn:aws:sts::444455556666:assumed-role/ops/s2 is not authorized to perform: sts:AssumeRole on \
                   resource: arn:aws:iam::111122223333:role/r";
    let implicit = evaluate(&role, &with, Mode::AssumeRole).message(&role);
    assert_eq!(implicit, format!("{subject} because no role trust policy allows the sts:AssumeRole action"));
    let explicit =
        evaluate(&role, &Policies { resource: Some(&trust), ..with }, Mode::AssumeRole).message(&role);
    assert_eq!(explicit, format!("{subject} with an explicit deny in the role trust policy"));
    for (who, name) in [
        ("anonymous", "anonymous"),
        ("root", "arn:aws:iam::111122223333:root"),
        ("service", "cloudtrail.amazonaws.com"),
        ("federated", "arn:aws:sts::111122223333:federated-user/fred"),
    ] {
        let request = request(caller(who));
        let message = evaluate(&request, &none, Mode::KmsKey).message(&request);
        assert!(
            message.starts_with(&format!("User: {name} is not authorized to perform: kms:Encrypt on")),
            "{message}"
        );
    }
}
