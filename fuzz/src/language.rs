//! The policy language.

use crate::{Choices, joined};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy::{Boundary, Context, Mode, NoContext, Policies, Policy, PolicyKind, Principal, Request, Values};
use serde_json::json;
use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

const ACCOUNT: &str = "111122223333";
const USER: &str = "arn:aws:iam::111122223333:user/alice";

/// The longest pattern and value that the naive matchers are given.
const NAIVE_MAX: usize = 64;

const KINDS: [PolicyKind; 6] = [
    PolicyKind::Identity,
    PolicyKind::Resource,
    PolicyKind::Trust,
    PolicyKind::Key,
    PolicyKind::Boundary,
    PolicyKind::Session,
];

/// One condition key, whatever its name.
struct OneKey<'a>(&'a str, Values<'a>);

impl Context for OneKey<'_> {
    fn get(&self, key: &str) -> Option<Values<'_>> {
        assert_eq!(key, key.to_lowercase(), "keys are looked up in lower case");
        (key == self.0).then_some(self.1)
    }
}

fn request<'a>(action: &'a str, resource: &'a str, context: &'a dyn Context) -> Request<'a> {
    let principal = Principal::User { account: ACCOUNT, arn: USER, id: "AIDAALICEALICEALICE1" };
    Request { action, resource, resource_account: ACCOUNT, principal, context }
}

/// Whether a policy of the caller's with this condition allows.
fn allows(condition: &serde_json::Value, context: &dyn Context) -> Option<bool> {
    let text = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition,
    }});
    let identity = [Arc::new(Policy::parse(&text.to_string(), PolicyKind::Identity).ok()?)];
    let policies = Policies { identity: &identity, ..Policies::default() };
    Some(policy::evaluate(&request("kms:Encrypt", "*", context), &policies, Mode::Standard).allowed)
}

pub(crate) fn policy(data: &[u8]) {
    let mut choices = Choices(data);
    let kind = KINDS[choices.below(KINDS.len())];
    let (action, value) = (choices.text().unwrap_or("kms:Encrypt"), choices.text().unwrap_or("alice"));
    let Ok(text) = std::str::from_utf8(choices.0) else { return };
    let parsed = match Policy::parse(text, kind) {
        Ok(policy) => Arc::new(policy),
        Err(error) => {
            assert!(
                text.is_char_boundary(error.offset()),
                "{} points at {}",
                error.message(),
                error.offset()
            );
            return;
        }
    };
    let spaced = Policy::parse(&with_spaces(text), kind);
    let spaced = Arc::new(spaced.unwrap_or_else(|error| panic!("with more white space: {error:?}")));
    let copied = policy::rewrite_principals(text, |_| None).unwrap();
    assert_eq!(copied, text, "nothing was to be rewritten");

    let context = OneKey("aws:username", Values::One(value));
    let deny = r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
    let deny = Arc::new(Policy::parse(deny, PolicyKind::Identity).unwrap());
    let allow = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let allow = Arc::new(Policy::parse(allow, PolicyKind::Identity).unwrap());
    for resource in ["*", USER, "arn:aws:kms:us-east-1:111122223333:key/k", value] {
        let request = request(action, resource, &context);
        let decide = |policy: &Arc<Policy>, more: &Arc<Policy>| {
            let own = [Arc::clone(more), Arc::clone(policy)];
            let one = std::slice::from_ref(more);
            let (policies, mode) = match kind {
                PolicyKind::Identity => (Policies { identity: &own, ..Policies::default() }, Mode::Standard),
                PolicyKind::Boundary => {
                    let boundary = Boundary::Policy(policy);
                    (Policies { identity: one, boundary, ..Policies::default() }, Mode::Standard)
                }
                PolicyKind::Session => {
                    let session = std::slice::from_ref(policy);
                    (Policies { identity: one, session, ..Policies::default() }, Mode::Standard)
                }
                PolicyKind::Resource | PolicyKind::Key | PolicyKind::Trust => {
                    let mode = match kind {
                        PolicyKind::Key => Mode::KmsKey,
                        PolicyKind::Trust => Mode::AssumeRole,
                        _ => Mode::Standard,
                    };
                    (Policies { identity: one, resource: Some(policy), ..Policies::default() }, mode)
                }
            };
            let decision = policy::evaluate(&request, &policies, mode);
            assert!(decision.message(&request).contains(action));
            decision.allowed
        };
        assert_eq!(decide(&parsed, &allow), decide(&spaced, &allow), "white space decides");
        if !action.eq_ignore_ascii_case("sts:getcalleridentity") {
            assert!(!decide(&parsed, &deny) || !action.contains(':'), "a deny is not final");
        }
    }
}

/// The same JSON with white space wherever it may be.
fn with_spaces(text: &str) -> String {
    let (mut out, mut quoted, mut escaped) = (String::new(), false, false);
    for c in text.chars() {
        let structural = !quoted && "{}[]:,".contains(c);
        if structural {
            out.push(' ');
        }
        out.push(c);
        if structural {
            out.push_str("\n\t");
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    out
}

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Char(char),
    One,
    Run,
}

/// The pieces of a pattern whose only variable is `aws:username`; none if it is not well formed, or matches nothing.
fn pieces(pattern: &str, user: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(opened) = rest.strip_prefix("${") {
            let (inner, after) = opened.split_once('}')?;
            let (key, default) = match inner.split_once(',') {
                Some((key, default)) => {
                    (key.trim(), Some(default.trim().strip_prefix('\'')?.strip_suffix('\'')?))
                }
                None => (inner.trim(), None),
            };
            let value = match (inner, key.to_lowercase().as_str()) {
                ("*" | "?" | "$", _) => inner,
                (_, "aws:username") => user,
                _ => default?,
            };
            pieces.extend(value.chars().map(Piece::Char));
            rest = after;
            continue;
        }
        pieces.push(match c {
            '*' => Piece::Run,
            '?' => Piece::One,
            c => Piece::Char(c),
        });
        rest = &rest[c.len_utf8()..];
    }
    Some(pieces)
}

/// Whether pieces match a text: a table of which beginnings match which.
fn matches(pieces: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut row = vec![false; text.len() + 1];
    row[0] = true;
    for piece in pieces {
        let mut next = vec![false; text.len() + 1];
        for end in 0..=text.len() {
            next[end] = match piece {
                Piece::Run => row[end] || (end > 0 && next[end - 1]),
                Piece::One => end > 0 && row[end - 1],
                Piece::Char(c) => end > 0 && row[end - 1] && text[end - 1] == *c,
            };
        }
        row = next;
    }
    row[text.len()]
}

pub(crate) fn glob(data: &[u8]) {
    let mut choices = Choices(data);
    let user = ["alice", "a*", "", "${x}"][choices.below(4)];
    let (Some(pattern), Some(value)) = (choices.text(), choices.text()) else { return };
    if pattern.len() > NAIVE_MAX || value.len() > NAIVE_MAX {
        return;
    }
    struct Two<'a>(&'a str, &'a str);
    impl Context for Two<'_> {
        fn get(&self, key: &str) -> Option<Values<'_>> {
            match key {
                "aws:username" => Some(Values::One(self.0)),
                "aws:useragent" => Some(Values::One(self.1)),
                _ => None,
            }
        }
    }
    let context = Two(user, value);
    let Some(found) = allows(&json!({"StringLike": {"aws:UserAgent": pattern}}), &context) else { return };
    let expected = pieces(pattern, user).is_some_and(|pieces| matches(&pieces, value));
    assert_eq!(found, expected, "{pattern:?} and {value:?} with {user:?}");
    let negated = allows(&json!({"StringNotLike": {"aws:UserAgent": pattern}}), &context).unwrap();
    assert_eq!(negated, !expected, "not {pattern:?} and {value:?}");
}

pub(crate) fn arn(data: &[u8]) {
    let mut choices = Choices(data);
    let (Some(pattern), Some(value)) = (choices.text(), choices.text()) else { return };
    let context = OneKey("aws:sourcearn", Values::One(value));
    for operator in ["ArnLike", "ArnEquals"] {
        let Some(found) = allows(&json!({(operator): {"aws:SourceArn": pattern}}), &context) else { return };
        let negated = operator.replace("Arn", "ArnNot");
        let negated = allows(&json!({(negated): {"aws:SourceArn": pattern}}), &context).unwrap();
        // In doubt neither of them allows.
        assert!(!(found && negated), "{pattern:?} and {value:?}");
        let parts = |text: &str| text.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
        let (of_pattern, of_value) = (parts(pattern), parts(value));
        let plain = !pattern.contains("${") && of_pattern.len() == 6 && of_value.len() == 6;
        if plain && pattern.len().max(value.len()) <= NAIVE_MAX {
            let expected = of_pattern
                .iter()
                .zip(&of_value)
                .all(|(pattern, value)| matches(&pieces(pattern, "").unwrap(), value));
            assert_eq!(found, expected, "{operator} {pattern:?} and {value:?}");
            assert!(
                negated != expected || !value.starts_with("arn:"),
                "not {operator} {pattern:?} and {value:?}"
            );
        }
    }
    // As a resource too.
    let text = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": pattern}});
    if let Ok(policy) = Policy::parse(&text.to_string(), PolicyKind::Identity) {
        let identity = [Arc::new(policy)];
        let policies = Policies { identity: &identity, ..Policies::default() };
        let request = request("kms:Encrypt", value, &NoContext);
        let decision = policy::evaluate(&request, &policies, Mode::Standard);
        assert!(decision.message(&request).contains("kms:Encrypt"));
    }
}

/// Operators with their negations.
const OPERATORS: [(&str, &str); 8] = [
    ("StringEquals", "StringNotEquals"),
    ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
    ("NumericEquals", "NumericNotEquals"),
    ("NumericLessThan", "NumericGreaterThanEquals"),
    ("NumericGreaterThan", "NumericLessThanEquals"),
    ("DateEquals", "DateNotEquals"),
    ("DateLessThan", "DateGreaterThanEquals"),
    ("IpAddress", "NotIpAddress"),
];

pub(crate) fn condition(data: &[u8]) {
    let mut choices = Choices(data);
    let (operator, negated) = OPERATORS[choices.below(OPERATORS.len())];
    let if_exists = ["", "IfExists"][choices.below(2)];
    let quantifier = ["", "ForAnyValue:", "ForAllValues:"][choices.below(3)];
    let (Some(policy), Some(value)) = (choices.text(), choices.text()) else { return };
    if policy.contains("${") {
        return;
    }
    // All that can be written may be met: nothing panics.
    for operator in [operator, negated, "BinaryEquals", "Bool", "ArnEquals", "Null", "StringLike"] {
        let name = format!("{quantifier}{operator}{if_exists}");
        let condition = json!({name: {"aws:UserAgent": [policy, policy]}});
        for values in [Values::One(value), Values::Many(&[value, policy]), Values::Many(&[])] {
            allows(&condition, &OneKey("aws:useragent", values));
        }
    }
    let context = OneKey("aws:useragent", Values::One(value));
    let holds = |operator: &str| allows(&json!({(operator): {"aws:UserAgent": policy}}), &context);
    if let Some(expected) = naive(operator, policy, value) {
        let context = format!("{operator} {policy:?} {value:?}");
        assert_eq!(holds(operator), Some(expected), "{context}");
        assert_eq!(holds(negated), Some(!expected), "not {context}");
    }
    if let (Ok(left), Ok(right)) = (STANDARD.decode(policy), STANDARD.decode(value)) {
        assert_eq!(holds("BinaryEquals"), Some(left == right), "BinaryEquals {policy:?} {value:?}");
    }
}

/// What an operator says, where that is easily told.
fn naive(operator: &str, policy: &str, value: &str) -> Option<bool> {
    let compared = |ordering: Ordering| match operator {
        "NumericEquals" | "DateEquals" => ordering.is_eq(),
        "NumericLessThan" | "DateLessThan" => ordering.is_lt(),
        _ => ordering.is_gt(),
    };
    Some(match operator {
        "StringEquals" => policy == value,
        "StringEqualsIgnoreCase" if policy.is_ascii() && value.is_ascii() => {
            policy.eq_ignore_ascii_case(value)
        }
        "StringEqualsIgnoreCase" => return None,
        "IpAddress" => {
            let (network, length) = match policy.split_once('/') {
                Some((network, length)) => (network, length.parse::<u32>().ok()?),
                None => (policy, 32),
            };
            let (IpAddr::V4(network), IpAddr::V4(address)) = (network.parse().ok()?, value.parse().ok()?)
            else {
                return None;
            };
            if length > 32 || policy.contains('+') {
                return None;
            }
            (0..length).all(|bit| {
                let bit = 1 << (31 - bit);
                network.to_bits() & bit == address.to_bits() & bit
            })
        }
        "DateEquals" | "DateLessThan" => compared(seconds(value)?.cmp(&seconds(policy)?)),
        _ => compared(millionths(value)?.cmp(&millionths(policy)?)),
    })
}

/// Seconds since the epoch, written as such.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.len() > 4 && text.len() < 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// A short decimal number.
fn millionths(text: &str) -> Option<i64> {
    let (sign, unsigned) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |text: &str| (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(sign * (whole.parse::<i64>().ok()? * 1_000_000 + fraction))
}

pub(crate) fn policy_seeds() -> Vec<Vec<u8>> {
    let documents = [
        r#"{"Version":"2012-10-17","Id":"i","Statement":[{"Sid":"s","Effect":"Allow","Action":["kms:*","s3:Get?bject"],"Resource":["*","arn:aws:s3:::b/${aws:username}/*"],"Condition":{"StringLike":{"aws:username":["a*","${aws:userid}"]},"Bool":{"aws:SecureTransport":"true"}}}]}"#,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":"iam:*","NotResource":"arn:aws:kms:*:111122223333:key/*","Condition":{"NumericLessThanEquals":{"a:n":[1,2.5e3]},"DateGreaterThan":{"aws:CurrentTime":"2026-11-21T23:07:43Z"},"IpAddressIfExists":{"aws:SourceIp":"10.0.0.0/8"},"Null":{"aws:username":"false"}}}}"#,
        r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["111122223333","arn:aws:iam::111122223333:user/alice"],"Service":"ec2.amazonaws.com"},"Action":"kms:Decrypt","Resource":"*"}]}"#,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":["a"]},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}}},{"Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"Action":"sts:*"}]}"#,
    ];
    let mut seeds = Vec::new();
    for (number, kind) in KINDS.iter().enumerate() {
        for document in documents {
            if Policy::parse(document, *kind).is_ok() {
                seeds.push(joined(&[u8::try_from(number).unwrap()], &["kms:Encrypt", "alice", document]));
            }
        }
    }
    seeds
}

pub(crate) fn glob_seeds() -> Vec<Vec<u8>> {
    [
        ("a*b?c", "axxbyc"),
        ("${aws:username}/*", "alice/x"),
        ("${*}${?}${$}", "*?$"),
        ("${aws:nobody, 'none'}*", "none"),
        ("**a**", "bab"),
        ("*é?", "éé"),
    ]
    .iter()
    .enumerate()
    .map(|(number, (pattern, value))| joined(&[u8::try_from(number).unwrap()], &[pattern, value]))
    .collect()
}

pub(crate) fn arn_seeds() -> Vec<Vec<u8>> {
    [
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a:b"),
        ("arn:*:kms:*:1111?2223333:key/*", "arn:aws:kms:us-east-1:111122223333:key/k"),
        ("arn:aws:s3*", "arn:aws:s3:::b"),
        ("*", "x"),
    ]
    .iter()
    .map(|(pattern, value)| joined(&[], &[pattern, value]))
    .collect()
}

pub(crate) fn condition_seeds() -> Vec<Vec<u8>> {
    let cases = [
        ("abc", "ABC"),
        ("-1.50", "1e3"),
        ("0.000001", "-0"),
        ("1795302463", "2026-11-21T23:07:43Z"),
        ("2026", "2026-11-21"),
        ("10.1.2.0/23", "10.1.3.255"),
        ("2001:db8::/33", "::ffff:10.0.0.1"),
        ("YWJj", "YWJj"),
        ("true", "false"),
    ];
    let seeds = cases.iter().enumerate().flat_map(|(number, (policy, value))| {
        let choices = move |operator: u8| [operator, u8::try_from(number).unwrap(), operator];
        (0..8).map(move |operator| joined(&choices(operator), &[policy, value]))
    });
    seeds.collect()
}
