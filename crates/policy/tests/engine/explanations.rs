//! Explanations: what they name, and that what they suggest works.

use std::sync::Arc;

use policy::explain::{
    Call, Change, Chosen, Failure, Further, GrantReport, Grants, LookedAt, Outcome, allowed_after,
};
use policy::{
    Boundary, Known, Mode, Names, Policies, Policy, PolicyKind, PolicyName, Principal, Request, evaluate,
    explain,
};
use proptest::prelude::*;

use crate::properties::world;
use crate::support::{AWAY, HOME, Keys, caller};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_suggested_change_allows_and_nothing_of_it_is_left_over(world in world()) {
        world.with(|request, policies, mode| {
            let known = Known::default();
            let allowed = evaluate(request, policies, mode).allowed;
            let found = explain(request, policies, mode, &known);
            prop_assert_eq!(found.decision == Outcome::Allowed, allowed);
            prop_assert!(!found.to_string().is_empty());
            let Some(changes) = found.change else {
                // Nothing is suggested for what policies cannot allow, or can allow to everybody only.
                let hopeless = matches!(request.principal, Principal::Anonymous)
                    || request.action == "none"
                    || request.resource == "x"
                    || request.action == "iam:PassRole"
                    // A trust policy speaks of taking on the role and of nothing else.
                    || (mode == Mode::AssumeRole && !request.action.starts_with("sts:"));
                prop_assert!(allowed || hopeless, "{:?}", found.no_change);
                prop_assert_eq!(found.no_change.is_some(), !allowed);
                return Ok(());
            };
            prop_assert!(!allowed && !changes.is_empty());
            prop_assert!(allowed_after(request, policies, mode, &known, &changes), "{:?}", changes);
            for index in 0..changes.len() {
                let mut fewer = changes.clone();
                fewer.remove(index);
                prop_assert!(!allowed_after(request, policies, mode, &known, &fewer), "{:?}", changes);
            }
            Ok(())
        })?;
    }

    #[test]
    fn explanations_survive_storage(world in world()) {
        let found = world.with(|request, policies, mode| explain(request, policies, mode, &Known::default()));
        let json = serde_json::to_string(&found).unwrap();
        prop_assert_eq!(serde_json::from_str::<policy::Explanation>(&json).unwrap(), found);
    }
}

/// One request with its policies.
#[derive(Default)]
struct Case {
    identity: Vec<&'static str>,
    boundary: Option<&'static str>,
    session: Vec<&'static str>,
    key: Option<&'static str>,
    context: &'static str,
    who: &'static str,
    version: Option<&'static str>,
    action: Option<&'static str>,
    known: Known,
}

const KEY: &str = "arn:aws:kms:r:111122223333:key/k";
/// Leaves permissions to the account's policies, as the default key policy does.
const DELEGATES: &str =
    r#"{"Sid":"Root","Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}"#;

impl Case {
    fn explained(&self) -> (String, Vec<Change>) {
        let version = self.version.unwrap_or("2012-10-17");
        let make = |statements: &str, kind| {
            let text = format!(r#"{{"Version":"{version}","Statement":[{statements}]}}"#);
            Arc::new(Policy::parse(&text, kind).unwrap_or_else(|error| panic!("{text}: {error:?}")))
        };
        let identity: Vec<_> = self.identity.iter().map(|text| make(text, PolicyKind::Identity)).collect();
        let session: Vec<_> = self.session.iter().map(|text| make(text, PolicyKind::Session)).collect();
        let boundary = self.boundary.map(|text| make(text, PolicyKind::Identity));
        let key = self.key.map(|text| make(text, PolicyKind::Key));
        let names = Names {
            identity: vec![PolicyName::own("inline policy `p` of user alice"); identity.len()],
            resource: Some(PolicyName::own("the key policy of k")),
            ..Names::default()
        };
        let keys = Keys::parse(self.context);
        let request = Request {
            action: self.action.unwrap_or("kms:Decrypt"),
            resource: KEY,
            resource_account: HOME,
            principal: caller(if self.who.is_empty() { "alice" } else { self.who }),
            context: &keys,
        };
        let policies = Policies {
            identity: &identity,
            boundary: boundary.as_deref().map_or(Boundary::None, Boundary::Policy),
            session: &session,
            resource: key.as_deref(),
            grant: false,
        };
        let known = Known { names, ..self.known.clone() };
        let found = explain(&request, &policies, Mode::KmsKey, &known);
        let changes = found.change.clone().unwrap_or_default();
        if !changes.is_empty() {
            assert!(allowed_after(&request, &policies, Mode::KmsKey, &known, &changes));
        }
        (found.to_string(), changes)
    }
}

/// The words of an explanation that must be there, in this order.
fn tells(case: &Case, words: &[&str]) {
    let (text, _) = case.explained();
    let mut rest = text.as_str();
    for word in words {
        let at = rest.find(word).unwrap_or_else(|| panic!("no `{word}` (in this order) in\n{text}"));
        rest = rest.get(at + word.len()..).unwrap();
    }
}

#[test]
fn what_is_missing_is_named_and_added_where_it_reaches_least() {
    let case = Case {
        key: Some(DELEGATES),
        identity: vec![r#"{"Sid":"Encrypts","Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}"#],
        ..Case::default()
    };
    tells(
        &case,
        &[
            "DENIED: no identity-based policy allows it",
            "the key policy of k",
            "Allow statement `Root` applies, to those whom their own policies allow it as well",
            "inline policy `p` of user alice",
            "Allow statement `Encrypts` does not apply:",
            "Action",
            "policy   kms:Encrypt",
            "request  kms:Decrypt",
            "1. add to inline policy `p` of user alice: {\"Action\":\"kms:Decrypt\",\"Effect\":\"Allow\",\"Resource\":\"arn:aws:kms:r:111122223333:key/k\"}",
        ],
    );
    // Without a policy of the caller's own, a new one.
    tells(
        &Case { key: Some(DELEGATES), ..Case::default() },
        &[
            "DENIED: no identity-based policy",
            "attach a new identity-based policy with: {\"Action\":\"kms:Decrypt\"",
        ],
    );
    // A statement about this resource alone takes the action.
    tells(
        &Case {
            key: Some(DELEGATES),
            identity: vec![
                r#"{"Sid":"One","Effect":"Allow","Action":["kms:Encrypt"],"Resource":"arn:aws:kms:r:111122223333:key/k"}"#,
            ],
            ..Case::default()
        },
        &["1. in statement `One` of inline policy `p` of user alice, add to Action: kms:Decrypt"],
    );
    // A statement about this action alone takes the resource.
    tells(
        &Case {
            key: Some(DELEGATES),
            identity: vec![
                r#"{"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:r:111122223333:key/other"}"#,
            ],
            ..Case::default()
        },
        &[
            "Allow statement 1 (it has no Sid) does not apply:",
            "Resource",
            "policy   arn:aws:kms:r:111122223333:key/other",
            "request  arn:aws:kms:r:111122223333:key/k",
            "1. in statement 1 (it has no Sid) of inline policy `p` of user alice, add to Resource: arn:aws:kms:r:111122223333:key/k",
        ],
    );
}

#[test]
fn a_condition_is_named_with_both_values() {
    let office = r#"{"Sid":"Office","Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}"#;
    tells(
        &Case {
            key: Some(DELEGATES),
            identity: vec![office],
            context: "aws:SourceIp=10.0.0.1",
            ..Case::default()
        },
        &[
            "Condition IpAddress aws:SourceIp",
            "policy   203.0.113.0/24",
            "request  10.0.0.1",
            "1. in statement `Office` of inline policy `p` of user alice, add to Condition IpAddress aws:SourceIp: 10.0.0.1",
        ],
    );
    // What the caller chooses is the caller's to change.
    let app = r#"{"Sid":"App","Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:app":["prod","x"]}}}"#;
    for (context, has) in [("kms:EncryptionContext:app=test", "request  test"), ("", "request  absent")] {
        tells(
            &Case {
                key: Some(DELEGATES),
                identity: vec![app],
                context,
                action: Some("kms:Encrypt"),
                ..Case::default()
            },
            &[
                "Condition StringEquals kms:EncryptionContext:app",
                "policy   prod, x",
                has,
                "1. make the call with kms:EncryptionContext:app = prod",
            ],
        );
    }
    // What guards the statement is not widened: `["true","false"]` would be no condition.
    let mfa = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"Bool":{"aws:ViaAWSService":"true"}}}"#;
    tells(
        &Case {
            key: Some(DELEGATES),
            identity: vec![mfa],
            context: "aws:ViaAWSService=false",
            ..Case::default()
        },
        &["Condition Bool aws:ViaAWSService", "1. add to inline policy `p`"],
    );
}

const ALL: &str = r#"{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}"#;

#[test]
fn an_explicit_deny_is_named_wherever_it_is_and_loosened_least() {
    let deny = |condition: &str| {
        format!(
            r#"{{"Sid":"No","Effect":"Deny","Action":["kms:Decrypt","kms:Sign"],"Resource":"*"{condition}}}"#
        )
    };
    for (condition, suggested) in [
        ("", "1. in statement `No` of inline policy `p` of user alice, take kms:Decrypt out of Action"),
        (
            r#","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#,
            "add to Condition NotIpAddress aws:SourceIp: 10.0.0.1",
        ),
        (
            r#","Condition":{"Bool":{"aws:SecureTransport":"false"}}"#,
            "1. make the call with aws:SecureTransport = true",
        ),
    ] {
        let deny: &'static str = Box::leak(deny(condition).into_boxed_str());
        let case = Case {
            key: Some(DELEGATES),
            identity: vec![ALL, deny],
            context: "aws:SourceIp=10.0.0.1; aws:SecureTransport=false",
            ..Case::default()
        };
        tells(
            &case,
            &["DENIED by statement `No` of inline policy `p` of user alice", "\"Sid\":\"No\"", suggested],
        );
    }
    let whole = r#"{"Sid":"No","Effect":"Deny","Action":"kms:*","Resource":"*"}"#;
    let both = Box::leak(format!("{ALL},{whole}").into_boxed_str());
    let in_identity = Case { key: Some(DELEGATES), identity: vec![both], ..Case::default() };
    tells(&in_identity, &["remove statement `No` of inline policy `p`"]);
    let in_boundary =
        Case { key: Some(DELEGATES), identity: vec![ALL], boundary: Some(both), ..Case::default() };
    tells(&in_boundary, &["DENIED by statement `No` of the permissions boundary", "remove statement `No`"]);
    let in_session = Case {
        key: Some(DELEGATES),
        identity: vec![ALL],
        session: vec![both],
        who: "session",
        ..Case::default()
    };
    tells(&in_session, &["DENIED by statement `No` of session policy 1", "remove statement `No`"]);
    let key_denies = Box::leak(
        format!(
            r#"{DELEGATES},{{"Sid":"No","Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"}}"#
        )
        .into_boxed_str(),
    );
    let in_key = Case {
        key: Some(key_denies),
        identity: vec![ALL],
        context: "aws:PrincipalArn=arn:aws:iam::111122223333:user/team/alice",
        ..Case::default()
    };
    tells(
        &in_key,
        &[
            "DENIED by statement `No` of the key policy of k",
            "in statement `No` of the key policy of k, add the condition ArnNotEquals aws:PrincipalArn = \
             arn:aws:iam::111122223333:user/team/alice",
        ],
    );
}

#[test]
fn every_policy_in_the_way_is_named() {
    let case = Case {
        key: Some(
            r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/other"},"Action":"kms:*","Resource":"*"}"#,
        ),
        boundary: Some(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#),
        session: vec![r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#],
        who: "session",
        ..Case::default()
    };
    tells(
        &case,
        &[
            "DENIED: no resource-based policy allows it",
            "Principal",
            "policy   arn:aws:iam::111122223333:user/other",
            "request  arn:aws:sts::111122223333:assumed-role/app/s1",
            "1. add to the key policy of k: {",
            "\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:role/path/app\"}",
            "2. add to the permissions boundary: {",
            "3. ",
            "session policy",
        ],
    );
}

#[test]
fn what_no_policy_can_allow_says_so() {
    let keys = Keys::parse("");
    let request = Request {
        action: "iam:PassRole",
        resource: "arn:aws:iam::111122223333:role/r",
        resource_account: HOME,
        principal: caller("bob"),
        context: &keys,
    };
    assert_eq!(request.principal.account(), Some(AWAY));
    let found = explain(&request, &Policies::default(), Mode::Standard, &Known::default());
    assert_eq!(found.change, None);
    assert_eq!(
        found.no_change.as_deref(),
        Some("a role cannot be passed across accounts, whatever policies say")
    );
    let unsigned = Request { principal: Principal::Anonymous, action: "s3:GetObject", ..request };
    let found = explain(&unsigned, &Policies::default(), Mode::Standard, &Known::default());
    assert_eq!(
        found.no_change.as_deref(),
        Some("only making the resource public would allow an unsigned request")
    );
}

#[test]
fn a_dangling_boundary_and_policies_of_aws() {
    let all = Arc::new(
        Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":{ALL}}}"#), PolicyKind::Identity)
            .unwrap(),
    );
    let none = Arc::new(
        Policy::parse(
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#,
            PolicyKind::Identity,
        )
        .unwrap(),
    );
    let keys = Keys::parse("");
    let request = Request {
        action: "s3:GetObject",
        resource: "arn:aws:s3:::b/k*",
        resource_account: HOME,
        principal: caller("alice"),
        context: &keys,
    };
    let identity = [Arc::clone(&all)];
    let dangling = Policies { identity: &identity, boundary: Boundary::Dangling, ..Policies::default() };
    let text = explain(&request, &dangling, Mode::Standard, &Known::default()).to_string();
    assert!(text.contains("a policy that no longer exists"), "{text}");
    assert!(text.contains("1. replace the permissions boundary by one that has"), "{text}");

    let aws = PolicyName {
        name: "AWSDenyAll".into(),
        arn: Some("arn:aws:iam::aws:policy/AWSDenyAll".into()),
        version: Some("v1".into()),
        editable: false,
        shared: true,
    };
    let identity = [all, none];
    let names = Names { identity: vec![PolicyName::own("own"), aws], ..Names::default() };
    let names = Known { names, ..Known::default() };
    let denied = Policies { identity: &identity, ..Policies::default() };
    let text = explain(&request, &denied, Mode::Standard, &names).to_string();
    assert!(text.contains("1. detach or delete AWSDenyAll"), "{text}");

    // A resource whose name has a wildcard in it is allowed alone.
    let text = explain(&request, &Policies::default(), Mode::Standard, &Known::default()).to_string();
    assert!(text.contains("arn:aws:s3:::b/k${*}"), "{text}");
}

#[test]
fn very_many_long_policies_are_not_all_looked_into() {
    let long: Vec<String> = (0..300).map(|number| format!("\"s3:GetThing{number}\"")).collect();
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":[{}],"Resource":"*"}}}}"#,
        long.join(",")
    );
    let policy = Arc::new(Policy::parse(&text, PolicyKind::Identity).unwrap());
    let identity = vec![policy; 60];
    let keys = Keys::parse("");
    let request = Request {
        action: "s3:PutObject",
        resource: "arn:aws:s3:::b/k",
        resource_account: HOME,
        principal: caller("alice"),
        context: &keys,
    };
    let policies = Policies { identity: &identity, ..Policies::default() };
    let found = explain(&request, &policies, Mode::Standard, &Known::default());
    assert!(!found.policies.is_empty() && found.unread > 0);
    assert_eq!(found.policies.len() + found.unread, 60);
    assert!(
        found.to_string().contains(&format!("{} more are too long to be looked into here", found.unread))
    );
    assert!(found.change.is_some());
}

#[test]
fn a_guard_is_loosened_before_it_is_taken_away() {
    const ENCRYPT: &str =
        r#"{"Action":"kms:Encrypt","Effect":"Allow","Resource":"arn:aws:kms:r:111122223333:key/k"}"#;
    let boundary = r#"{"Effect":"Allow","Action":["iam:*","s3:*"],"Resource":"*"},{"Sid":"BDeny","Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}"#;
    let only = r#"{"Sid":"BDeny","Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}"#;
    let base =
        || Case { key: Some(DELEGATES), identity: vec![ALL], action: Some("kms:Encrypt"), ..Case::default() };
    let add = |to: &str, number: usize| format!("{number}. add to {to}: {ENCRYPT}");
    tells(
        &Case { boundary: Some(boundary), ..base() },
        &[
            "DENIED by statement `BDeny` of the permissions boundary",
            "1. remove statement `BDeny` of the permissions boundary",
            &add("the permissions boundary", 2),
        ],
    );
    tells(
        &Case { session: vec![boundary], who: "session", ..base() },
        &["1. remove statement `BDeny` of session policy 1", &add("session policy 1", 2)],
    );
    // A document keeps a statement.
    for case in
        [Case { boundary: Some(only), ..base() }, Case { session: vec![only], who: "session", ..base() }]
    {
        tells(&case, &["1. add to ", ENCRYPT, "2. remove statement `BDeny`"]);
    }
    // So many denials are not taken away one by one.
    let many = Box::leak(
        vec![r#"{"Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}"#; 20].join(",").into_boxed_str(),
    );
    tells(
        &Case { boundary: Some(many), ..base() },
        &["1. replace the permissions boundary by one that has: "],
    );
}

#[test]
fn what_a_caller_cannot_choose_is_not_suggested() {
    let allow = |condition: &str| -> &'static str {
        let text = format!(r#"{{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{condition}}}"#);
        Box::leak(text.into_boxed_str())
    };
    let mfa = r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#;
    let app = r#"{"StringEquals":{"kms:EncryptionContext:app":"prod"}}"#;
    let plain = r#"{"Bool":{"aws:SecureTransport":"false"}}"#;
    for (condition, action, context) in [
        (mfa, "kms:ListKeys", ""),
        (mfa, "kms:ListKeys", "aws:MultiFactorAuthPresent=false"),
        (app, "kms:DescribeKey", ""),
        // A pair of keys takes no encryption context.
        (app, "kms:Encrypt", "kms:EncryptionAlgorithm=RSAES_OAEP_SHA_256"),
        // The context that a ciphertext has is not the caller's to choose.
        (app, "kms:Decrypt", "kms:EncryptionContext:app=test; kms:EncryptionContextKeys=[app]"),
        (app, "kms:Decrypt", "kms:EncryptionContext:b=1; kms:EncryptionContextKeys=[b]"),
        (plain, "kms:Encrypt", "aws:SecureTransport=true"),
        (r#"{"StringEquals":{"iam:PermissionsBoundary":"x"}}"#, "iam:AttachUserPolicy", ""),
    ] {
        let identity = vec![allow(condition)];
        let action = Some(action);
        let case = Case { key: Some(DELEGATES), identity, action, context, ..Case::default() };
        let (text, changes) = case.explained();
        assert!(!changes.iter().any(|change| matches!(change, Change::Call(_))), "{text}");
    }
    // One that was not given may have been forgotten.
    tells(
        &Case { key: Some(DELEGATES), identity: vec![allow(app)], ..Case::default() },
        &["1. make the call with kms:EncryptionContext:app = prod, if the ciphertext was made with it"],
    );
}

#[test]
fn one_call_has_all_that_its_caller_chooses() {
    let both = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:a":"1","kms:EncryptionContext:b":["2","3"]}}}"#;
    let more = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:c":"3"},"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["a","b","c"]}}}"#;
    let base = || Case {
        key: Some(DELEGATES),
        identity: vec![both],
        action: Some("kms:Encrypt"),
        context: "kms:EncryptionContext:a=0; kms:EncryptionContextKeys=[a]",
        ..Case::default()
    };
    tells(&base(), &["1. make the call with kms:EncryptionContext:a = 1 and kms:EncryptionContext:b = 2\n"]);
    // What several policies ask for too.
    let case = Case { boundary: Some(more), ..base() };
    let (text, changes) = case.explained();
    let [Change::Call(call)] = changes.as_slice() else { panic!("{text}") };
    assert_eq!(call.with.len(), 3, "{text}");
    // The keys of the call that is suggested are those that policies would see.
    let strict = r#"{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"b"}}}"#;
    let case = Case { identity: vec![both, strict], ..base() };
    let (text, changes) = case.explained();
    assert!(!matches!(changes.as_slice(), [Change::Call(_)]), "{text}");
}

#[test]
fn every_condition_of_a_denying_statement_is_told_with_both_sides() {
    let deny = r#"{"Sid":"No","Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"},"StringNotEquals":{"kms:EncryptionContext:app":["prod","test"],"aws:username":"root"}}}"#;
    let identity = vec![ALL, deny];
    tells(
        &Case { key: Some(DELEGATES), identity, context: "aws:username=alice", ..Case::default() },
        &[
            "DENIED by statement `No`",
            "Condition BoolIfExists aws:MultiFactorAuthPresent",
            "policy   false",
            "request  absent",
            "Condition StringNotEquals kms:EncryptionContext:app",
            "policy   prod, test",
            "request  absent",
            "Condition StringNotEquals aws:username",
            "policy   root",
            "request  alice",
            "least change",
        ],
    );
}

fn grants(call: Option<Call>) -> Known {
    let pairs = |text: &str| vec![text.to_owned()];
    let failures = vec![Failure::of_grant("EncryptionContextEquals", pairs("a=1"), Some(pairs("a=2")))];
    let report = GrantReport { id: "0f".repeat(32), grantee: "AIDAALICEALICEALICE1".to_owned(), failures };
    let grants = Grants { looked: vec![LookedAt { report, call }], others: 7 };
    Known { grants, ..Known::default() }
}

#[test]
fn grants_are_told_and_the_call_that_one_covers_is_the_least_change() {
    let key = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/other"},"Action":"kms:*","Resource":"*"}"#;
    let chosen = Chosen { key: "kms:EncryptionContext:a".to_owned(), value: "1".to_owned() };
    let without = vec!["kms:EncryptionContext:b".to_owned()];
    let call = Call { with: vec![chosen], without, of_ciphertext: false };
    let base = |call| Case {
        key: Some(key),
        action: Some("kms:Encrypt"),
        context: "kms:EncryptionContext:a=2; kms:EncryptionContext:b=3; kms:EncryptionContextKeys=[a,b]",
        known: grants(call),
        ..Case::default()
    };
    tells(
        &base(Some(call.clone())),
        &[
            "grants on the key that were looked at",
            "grant 0f0f",
            "AIDAALICEALICEALICE1",
            "EncryptionContextEquals",
            "grant    a=1",
            "request  a=2",
            "7 others do not cover it either",
            "1. make the call with kms:EncryptionContext:a = 1, and without kms:EncryptionContext:b\n",
        ],
    );
    tells(&base(None), &["grant 0f0f", "1. add to the key policy of k"]);
    // The other call is denied, too.
    let deny = r#"{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:a":"1"}}}"#;
    tells(&Case { identity: vec![deny], ..base(Some(call.clone())) }, &["1. add to the key policy of k"]);
    // Nobody decrypts with another context than that of the ciphertext.
    tells(&Case { action: Some("kms:Decrypt"), ..base(Some(call)) }, &["1. add to the key policy of k"]);
}

#[test]
fn what_is_yet_to_be_made_is_named_by_a_pattern_and_what_comes_after_is_told() {
    let further = vec![Further { action: "kms:TagResource".to_owned(), resource: "the new key".to_owned() }];
    let resource = Some("arn:aws:kms:r:111122223333:key/*".to_owned());
    let one = r#"{"Sid":"One","Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:r:111122223333:key/x"}"#;
    let base = || Case {
        key: Some(DELEGATES),
        known: Known { resource: resource.clone(), further: further.clone(), ..Known::default() },
        ..Case::default()
    };
    let after = ["asks for more after this", "kms:TagResource on the new key"];
    tells(&base(), &["\"Resource\":\"arn:aws:kms:r:111122223333:key/*\"", after[0], after[1]]);
    tells(&Case { identity: vec![one], ..base() }, &["add to Resource: arn:aws:kms:r:111122223333:key/*"]);
}
