//! Every condition operator against every state of its key.

use std::sync::Arc;

use policy::{Context, Mode, Policies, Policy, PolicyKind, Request, evaluate};

use crate::support::{self, Keys, caller};

/// Whether a statement with this condition block applies.
fn holds(condition: &str, context: &dyn Context) -> bool {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}}}"#
    );
    let policy =
        Policy::parse(&text, PolicyKind::Identity).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let identity = [Arc::new(policy)];
    let request = Request {
        action: "s3:GetObject",
        resource: "arn:aws:s3:::b/k",
        resource_account: support::HOME,
        principal: caller("alice"),
        context,
    };
    evaluate(&request, &Policies { identity: &identity, ..Policies::default() }, Mode::Standard).allowed
}

/// Operator, whether it is a negated one, a policy value, a request value that matches it, one that does not.
const OPERATORS: &[(&str, bool, &str, &str, &str)] = &[
    ("StringEquals", false, "a*", "a*", "ab"),
    ("StringNotEquals", true, "a*", "a*", "ab"),
    ("StringEqualsIgnoreCase", false, "Aé", "aÉ", "ab"),
    ("StringNotEqualsIgnoreCase", true, "Aé", "aÉ", "ab"),
    ("StringLike", false, "a*c?", "a/b/cd", "a/b/c"),
    ("StringNotLike", true, "a*c?", "a/b/cd", "A/b/cd"),
    ("NumericEquals", false, "10", "10.0", "10.1"),
    ("NumericNotEquals", true, "10", "10.0", "ten"),
    ("NumericLessThan", false, "10", "9.99", "10"),
    ("NumericLessThanEquals", false, "10", "10", "10.0000000000000000000001"),
    ("NumericGreaterThan", false, "10", "10.0000000000000000000001", "10"),
    ("NumericGreaterThanEquals", false, "-10", "-10", "-11"),
    ("DateEquals", false, "2024-01-01T00:00:00Z", "1704067200", "2024-01-02"),
    ("DateNotEquals", true, "2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", "yesterday"),
    ("DateLessThan", false, "2024-01-01T00:00:00Z", "2023-12-31T23:59:59Z", "2024-01-01T00:00:00Z"),
    ("DateLessThanEquals", false, "1704067200", "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"),
    ("DateGreaterThan", false, "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.001Z", "2024-01-01T00:00:00Z"),
    ("DateGreaterThanEquals", false, "2024-01-01T00:00:00Z", "2024", "2023"),
    ("Bool", false, "true", "TRUE", "false"),
    ("BinaryEquals", false, "QmluYXJ5", "QmluYXJ5", "QmluYXJ6"),
    ("IpAddress", false, "203.0.113.0/24", "203.0.113.7", "2001:db8::1"),
    ("NotIpAddress", true, "203.0.113.0/24", "203.0.113.7", "cloudformation.amazonaws.com"),
    ("ArnEquals", false, "arn:aws:sns:*:1:t?", "arn:aws:sns:r:1:t1", "arn:aws:sns:r:2:t1"),
    ("ArnNotEquals", true, "arn:aws:sns:*:1:t?", "arn:aws:sns:r:1:t1", "t1"),
    ("ArnLike", false, "arn:aws:sns:*:1:t*", "arn:aws:sns:r:1:t:x:y", "arn:aws:sns:r:x:1:t"),
    ("ArnNotLike", true, "arn:aws:sns:*:1:t*", "arn:aws:sns:r:1:t:x:y", "arn:aws:sns:r:x:1:t"),
];

/// For each form of an operator, whether it holds when the key is: absent, an empty list, a list of one empty text,
/// a match, a mismatch, and lists of (match, match), (match, mismatch), (mismatch, mismatch).
const TRUTH: &[(bool, &str, &str, &str)] = &[
    //  negated  set              exists       absent []  [""]  m x  mm mx xx
    (false, "", "", "n n n y n n n n"),
    (false, "", "IfExists", "y y n y n n n n"),
    (true, "", "", "y y n n y n n n"),
    (true, "", "IfExists", "y y n n y n n n"),
    (false, "ForAllValues:", "", "y y y y n y n n"),
    (false, "ForAllValues:", "IfExists", "y y y y n y n n"),
    (true, "ForAllValues:", "", "y y y n y n n y"),
    (true, "ForAllValues:", "IfExists", "y y y n y n n y"),
    (false, "ForAnyValue:", "", "n n n y n y y n"),
    (false, "ForAnyValue:", "IfExists", "y y n y n y y n"),
    (true, "ForAnyValue:", "", "n n n n y n y y"),
    (true, "ForAnyValue:", "IfExists", "y y n n y n y y"),
];

#[test]
fn every_operator_in_every_form() {
    let mut checked = 0;
    for &(operator, negated, value, hit, miss) in OPERATORS {
        let list = |values: &[&str]| {
            let mut keys = Keys::default();
            keys.list("test:key", values.iter().map(|&value| value.to_owned()).collect());
            keys
        };
        let one = |value: &str| {
            let mut keys = Keys::default();
            keys.one("test:key", value);
            keys
        };
        let states = [
            Keys::default(),
            list(&[]),
            list(&[""]),
            one(hit),
            one(miss),
            list(&[hit, hit]),
            list(&[hit, miss]),
            list(&[miss, miss]),
        ];
        for (_, set, exists, truth) in TRUTH.iter().filter(|row| row.0 == negated) {
            let condition = format!(r#"{{"{set}{operator}{exists}":{{"Test:Key":"{value}"}}}}"#);
            for (state, expected) in states.iter().zip(truth.split(' ')) {
                assert_eq!(holds(&condition, state), expected == "y", "{condition} {state:?}");
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 26 * 6 * 8);
}

/// Condition block | context | y or n.
#[test]
fn conditions_of_the_table() {
    let table = include_str!("tables/conditions.txt");
    let mut count = 0;
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [condition, context, expected] = fields[..] else { panic!("not three fields: {line}") };
        assert!(matches!(expected, "y" | "n"), "{line}");
        assert_eq!(
            holds(&format!("{{{condition}}}"), &Keys::parse(context.trim_matches('-'))),
            expected == "y",
            "{line}"
        );
        count += 1;
    }
    assert!(count > 90, "{count}");
}
