//! Every condition operator against every state of its key.

use policy::{Context, PolicyKind, Request};

use crate::support::{self, Keys, applies, caller};

/// What a statement with this condition block does: `y` if it applies, `n` if it does not, `?` if that is in doubt, so that an `Allow`
/// does not apply and a `Deny` does.
fn holds(condition: &str, context: &dyn Context) -> char {
    applies(
        &format!(r#""Action":"*","Resource":"*","Condition":{condition}"#),
        PolicyKind::Identity,
        &Request {
            action: "s3:GetObject",
            resource: "arn:aws:s3:::b/k",
            resource_account: support::HOME,
            principal: caller("alice"),
            context,
        },
    )
}

type Operator = (&'static str, bool, &'static str, &'static str, &'static str, Option<&'static str>);

/// Operator, whether it is a negated one, a policy value, a request value that matches it, one that does not, and one of another type.
const OPERATORS: &[Operator] = &[
    ("StringEquals", false, "a*", "a*", "ab", None),
    ("StringNotEquals", true, "a*", "a*", "ab", None),
    ("StringEqualsIgnoreCase", false, "Aé", "aÉ", "ab", None),
    ("StringNotEqualsIgnoreCase", true, "Aé", "aÉ", "ab", None),
    ("StringLike", false, "a*c?", "a/b/cd", "a/b/c", None),
    ("StringNotLike", true, "a*c?", "a/b/cd", "A/b/cd", None),
    ("NumericEquals", false, "10", "10.0", "10.1", Some("ten")),
    ("NumericNotEquals", true, "10", "10.0", "11", Some("ten")),
    ("NumericLessThan", false, "10", "9.99", "10", Some("9,99")),
    ("NumericLessThanEquals", false, "10", "10", "10.0000000000000000000001", Some("")),
    ("NumericGreaterThan", false, "10", "10.0000000000000000000001", "10", Some("0xff")),
    ("NumericGreaterThanEquals", false, "-10", "-10", "-11", Some("many")),
    ("DateEquals", false, "2024-01-01T00:00:00Z", "1704067200", "2024-01-02", Some("yesterday")),
    (
        "DateNotEquals",
        true,
        "2024-01-01T00:00:00Z",
        "2024-01-01T01:00:00+01:00",
        "2024-01-02",
        Some("yesterday"),
    ),
    (
        "DateLessThan",
        false,
        "2024-01-01T00:00:00Z",
        "2023-12-31T23:59:59Z",
        "2024-01-01T00:00:00Z",
        Some("now"),
    ),
    ("DateLessThanEquals", false, "1704067200", "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", Some("")),
    (
        "DateGreaterThan",
        false,
        "2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00.001Z",
        "2024-01-01T00:00:00Z",
        Some("now"),
    ),
    ("DateGreaterThanEquals", false, "2024-01-01T00:00:00Z", "2024", "2023", Some("soon")),
    ("Bool", false, "true", "TRUE", "false", Some("1")),
    ("BinaryEquals", false, "QmluYXJ5", "QmluYXJ5", "QmluYXJ6", Some("Binary")),
    (
        "IpAddress",
        false,
        "203.0.113.0/24",
        "203.0.113.7",
        "2001:db8::1",
        Some("cloudformation.amazonaws.com"),
    ),
    (
        "NotIpAddress",
        true,
        "203.0.113.0/24",
        "203.0.113.7",
        "2001:db8::1",
        Some("cloudformation.amazonaws.com"),
    ),
    ("ArnEquals", false, "arn:aws:sns:*:1:t?", "arn:aws:sns:r:1:t1", "arn:aws:sns:r:2:t1", Some("t1")),
    ("ArnNotEquals", true, "arn:aws:sns:*:1:t?", "arn:aws:sns:r:1:t1", "arn:aws:sns:r:2:t1", Some("t1")),
    ("ArnLike", false, "arn:aws:sns:*:1:t*", "arn:aws:sns:r:1:t:x:y", "arn:aws:sns:r:x:1:t", Some("*")),
    (
        "ArnNotLike",
        true,
        "arn:aws:sns:*:1:t*",
        "arn:aws:sns:r:1:t:x:y",
        "arn:aws:sns:r:x:1:t",
        Some("arn:aws:sns:r"),
    ),
];

/// For each form of an operator, what it makes of a key that is: absent, an empty list, a list of one empty text, a match, a mismatch, of
/// another type, not to be told, and lists of (match, match), (match, mismatch), (mismatch, mismatch).
///
/// `t` is in doubt if the operator compares anything but text, to which an empty text is of another type, and does not hold otherwise.
const TRUTH: &[(bool, &str, &str, &str)] = &[
    //  negated  set              exists       absent []  [""]  m x t u  mm mx xx
    (false, "", "", "n n t y n ? ? ? ? n"),
    (false, "", "IfExists", "y y t y n ? ? ? ? n"),
    (true, "", "", "y y ? n y ? ? n ? ?"),
    (true, "", "IfExists", "y y ? n y ? ? n ? ?"),
    (false, "ForAllValues:", "", "y y y y n ? ? y n n"),
    (false, "ForAllValues:", "IfExists", "y y y y n ? ? y n n"),
    (true, "ForAllValues:", "", "y y y n y ? ? n n y"),
    (true, "ForAllValues:", "IfExists", "y y y n y ? ? n n y"),
    (false, "ForAnyValue:", "", "n n n y n ? ? y y n"),
    (false, "ForAnyValue:", "IfExists", "y y n y n ? ? y y n"),
    (true, "ForAnyValue:", "", "n n n n y ? ? n y y"),
    (true, "ForAnyValue:", "IfExists", "y y n n y ? ? n y y"),
];

#[test]
fn every_operator_in_every_form() {
    let mut checked = 0;
    for &(operator, negated, value, hit, miss, wrong) in OPERATORS {
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
            one(wrong.unwrap_or_default()),
            Keys::parse("test:key=?"),
            list(&[hit, hit]),
            list(&[hit, miss]),
            list(&[miss, miss]),
        ];
        for (_, set, exists, truth) in TRUTH.iter().filter(|row| row.0 == negated) {
            let condition = format!(r#"{{"{set}{operator}{exists}":{{"Test:Key":"{value}"}}}}"#);
            let truth: Vec<&str> = truth.split(' ').collect();
            assert_eq!(truth.len(), states.len());
            for (place, (state, expected)) in states.iter().zip(truth).enumerate() {
                let expected = match (expected, wrong) {
                    // An empty text is base64 of nothing.
                    ("t", Some(_)) if operator == "BinaryEquals" => "n",
                    ("t", Some(_)) => "?",
                    ("t", None) => "n",
                    // To an operator on text every value is of its type.
                    _ if place == 5 && wrong.is_none() => continue,
                    // An empty text is in a set by itself none.
                    ("?", Some("")) if place == 5 && set.starts_with("ForAll") => "y",
                    ("?", Some("")) if place == 5 && set.starts_with("ForAny") => "n",
                    _ => expected,
                };
                assert_eq!(holds(&condition, state).to_string(), expected, "{condition} {state:?}");
                checked += 1;
            }
        }
    }
    assert_eq!(checked, (6 * 9 + 20 * 10) * 6);
}

/// Condition block | context | y, n or ?.
#[test]
fn conditions_of_the_table() {
    let table = include_str!("tables/conditions.txt");
    let mut count = 0;
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [condition, context, expected] = fields[..] else { panic!("not three fields: {line}") };
        assert!(matches!(expected, "y" | "n" | "?"), "{line}");
        assert_eq!(
            holds(&format!("{{{condition}}}"), &Keys::parse(context.trim_matches('-'))).to_string(),
            expected,
            "{line}"
        );
        count += 1;
    }
    assert!(count > 90, "{count}");
}
