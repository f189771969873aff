//! What is in doubt: every operator, set operator, kind of key and element, as a page.
//!
//! `y`: the statement applies, with either effect; `n`: it does not; `?`: a `Deny` applies and an `Allow` does not. There is nothing else: no
//! statement allows where it would not deny.

use std::fmt::Write as _;
use std::sync::Arc;

use policy::explain::Outcome;
use policy::{Known, Mode, Policies, Policy, PolicyKind, Request, explain};

use crate::support::{AWAY, HOME, Keys, applies, caller};

const OPERATORS: &[(&str, &str, &str, &str, &str)] = &[
    // operator, the policy's value, one that matches, one that does not, one of another type
    ("StringEquals", "a", "a", "b", "-"),
    ("StringNotEquals", "a", "a", "b", "-"),
    ("StringEqualsIgnoreCase", "a", "A", "b", "-"),
    ("StringNotEqualsIgnoreCase", "a", "A", "b", "-"),
    ("StringLike", "a*", "ab", "b", "-"),
    ("StringNotLike", "a*", "ab", "b", "-"),
    ("NumericEquals", "5", "5", "6", "five"),
    ("NumericNotEquals", "5", "5", "6", "five"),
    ("NumericLessThan", "5", "4", "5", "five"),
    ("NumericLessThanEquals", "5", "5", "6", "five"),
    ("NumericGreaterThan", "5", "6", "5", "five"),
    ("NumericGreaterThanEquals", "5", "5", "4", "five"),
    ("DateEquals", "2024", "2024", "2025", "soon"),
    ("DateNotEquals", "2024", "2024", "2025", "soon"),
    ("DateLessThan", "2024", "2023", "2024", "soon"),
    ("DateLessThanEquals", "2024", "2024", "2025", "soon"),
    ("DateGreaterThan", "2024", "2025", "2024", "soon"),
    ("DateGreaterThanEquals", "2024", "2024", "2023", "soon"),
    ("Bool", "true", "true", "false", "1"),
    ("BinaryEquals", "AAE=", "AAE=", "AAI=", "two"),
    ("IpAddress", "10.0.0.0/8", "10.0.0.1", "11.0.0.1", "here"),
    ("NotIpAddress", "10.0.0.0/8", "10.0.0.1", "11.0.0.1", "here"),
    ("ArnEquals", "arn:aws:s3:::a", "arn:aws:s3:::a", "arn:aws:s3:::b", "a"),
    ("ArnNotEquals", "arn:aws:s3:::a", "arn:aws:s3:::a", "arn:aws:s3:::b", "a"),
    ("ArnLike", "arn:aws:s3:::a*", "arn:aws:s3:::ab", "arn:aws:s3:::b", "a"),
    ("ArnNotLike", "arn:aws:s3:::a*", "arn:aws:s3:::ab", "arn:aws:s3:::b", "a"),
];

/// Kinds of values that a key has in a request, with `HIT`, `MISS` and `OTHER` for the values of an operator.
const STATES: &[(&str, &str)] = &[
    ("absent", ""),
    ("hit", "t:key=HIT"),
    ("miss", "t:key=MISS"),
    ("empty", "t:key="),
    ("type", "t:key=OTHER"),
    ("unknown", "t:key=?"),
    ("[]", "t:key=[]"),
    ("[empty]", "t:key=[ ]"),
    ("[hit]", "t:key=[HIT]"),
    ("[miss]", "t:key=[MISS]"),
    ("[hit,miss]", "t:key=[HIT,MISS]"),
];

/// States of the key that a value names with a variable, while the request has `t:key=HIT`.
const VARIABLES: &[(&str, &str, &str)] = &[
    ("absent", "${t:v}", ""),
    ("default", "${t:v, 'HIT'}", ""),
    ("hit", "${t:v}", "t:v=HIT"),
    ("miss", "${t:v}", "t:v=MISS"),
    ("[hit]", "${t:v}", "t:v=[HIT]"),
    ("unknown", "${t:v}", "t:v=?"),
];

fn condition(condition: &str, context: &str) -> char {
    let request = Request {
        action: "s3:GetObject",
        resource: "arn:aws:s3:::b/k",
        resource_account: HOME,
        principal: caller("alice"),
        context: &Keys::parse(context),
    };
    applies(
        &format!(r#""Action":"*","Resource":"*","Condition":{condition}"#),
        PolicyKind::Identity,
        &request,
    )
}

fn conditions(page: &mut String) {
    let head = |page: &mut String, title: &str, columns: &mut dyn Iterator<Item = &str>| {
        let _ = writeln!(page, "\n{title}\n\n{:>42} {}", "", columns.collect::<Vec<_>>().join(" "));
    };
    let row = |page: &mut String, name: &str, cells: Vec<(usize, char)>| {
        let cells: String = cells.iter().map(|(width, cell)| format!(" {cell:<width$}")).collect();
        let _ = writeln!(page, "{name:<42}{}", cells.trim_end());
    };
    let forms = |operator: &str| -> Vec<String> {
        let sets = ["", "ForAllValues:", "ForAnyValue:"];
        let form = |set: &str| ["", "IfExists"].map(|exists| format!("{set}{operator}{exists}"));
        sets.iter().flat_map(|set| form(set)).collect()
    };
    head(page, "# Conditions, by what the request has of the key", &mut STATES.iter().map(|state| state.0));
    for (operator, value, hit, miss, other) in OPERATORS {
        for form in forms(operator) {
            let cell = |(name, state): &(&str, &str)| {
                let state = state.replace("HIT", hit).replace("MISS", miss).replace("OTHER", other);
                (name.len(), condition(&format!(r#"{{"{form}":{{"t:key":"{value}"}}}}"#), &state))
            };
            row(page, &form, STATES.iter().map(cell).collect());
        }
    }
    for value in ["true", "false"] {
        let cell = |(name, state): &(&str, &str)| {
            let state = state.replace("HIT", "a").replace("MISS", "b").replace("OTHER", "c");
            (name.len(), condition(&format!(r#"{{"Null":{{"t:key":"{value}"}}}}"#), &state))
        };
        row(page, &format!("Null {value}"), STATES.iter().map(cell).collect());
    }
    head(page, "# Conditions without a value", &mut STATES.iter().map(|state| state.0));
    let forms_of = OPERATORS.iter().flat_map(|(operator, _, hit, miss, other)| {
        forms(operator).into_iter().map(move |form| (form, *hit, *miss, *other))
    });
    for (form, hit, miss, other) in forms_of.chain([("Null".to_owned(), "a", "b", "c")]) {
        let cell = |(name, state): &(&str, &str)| {
            let state = state.replace("HIT", hit).replace("MISS", miss).replace("OTHER", other);
            (name.len(), condition(&format!(r#"{{"{form}":{{"t:key":[]}}}}"#), &state))
        };
        row(page, &form, STATES.iter().map(cell).collect());
    }
    // No request has it, so that it is absent.
    head(page, "# Conditions on a key without a service", &mut STATES.iter().map(|state| state.0));
    for (operator, value, ..) in OPERATORS {
        for form in forms(operator) {
            let cell = |(name, _): &(&str, &str)| {
                (name.len(), condition(&format!(r#"{{"{form}":{{"key":"{value}"}}}}"#), "t:key=a; a:key=b"))
            };
            row(page, &form, STATES.iter().take(1).map(cell).collect());
        }
    }
    let title = "# Conditions, by what the request has of the key of a variable in the value";
    head(page, title, &mut VARIABLES.iter().map(|state| state.0));
    for (operator, _, hit, miss, _) in OPERATORS {
        if !(operator.starts_with("String") || operator.starts_with("Arn") || *operator == "Bool") {
            continue;
        }
        for form in forms(operator) {
            let cell = |(name, value, state): &(&str, &str, &str)| {
                let fill = |text: &str| text.replace("HIT", hit).replace("MISS", miss);
                let block = format!(r#"{{"{form}":{{"t:key":"{}"}}}}"#, fill(value));
                (name.len(), condition(&block, &format!("t:key={hit}; {}", fill(state))))
            };
            row(page, &form, VARIABLES.iter().map(cell).collect());
        }
    }
}

/// Elements of statements of identity policies (`|`) and of resources' (`>`), with the caller, the resource and the context, in the words
/// of the page.
const ELEMENTS: &str = include_str!("tables/doubtful-elements.txt");

fn elements(page: &mut String) {
    let _ = writeln!(page, "\n# Other elements: the element, caller, resource and context");
    for line in ELEMENTS.lines() {
        if line.is_empty() || line.starts_with('#') {
            let _ = writeln!(page, "{line}");
            continue;
        }
        let fields: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [element, who, resource, context] = fields[..] else { panic!("not four fields: {line}") };
        let own = element.contains("Principal\":");
        let mut elements = element.to_owned();
        for (name, default) in [("Action", "\"Action\":\"*\""), ("Resource", "\"Resource\":\"*\"")] {
            if !element.contains(&format!("{name}\":")) {
                elements += &format!(",{default}");
            }
        }
        let elements = elements
            .strip_prefix("short ")
            .map_or(elements.clone(), |rest| format!("{rest},\"Principal\":\"*\""));
        let kind =
            if own || element.starts_with("short ") { PolicyKind::Resource } else { PolicyKind::Identity };
        let request = Request {
            action: "s3:GetObject",
            resource,
            resource_account: if who == "bob" { AWAY } else { HOME },
            principal: caller(who),
            context: &Keys::parse(context.trim_matches('-')),
        };
        let _ = writeln!(page, "{} {line}", applies(&elements, kind, &request));
    }
}

#[test]
fn a_doubt_narrows_an_allow_and_widens_a_deny() {
    let mut page = String::from(
        "y: the statement applies. n: it does not. ?: that is in doubt, so that a Deny applies and an Allow does not.\n",
    );
    conditions(&mut page);
    elements(&mut page);
    assert!(!page.contains('!'), "a statement allows where it would not deny:\n{page}");
    expect_test::expect_file!["tables/doubts.txt"].assert_eq(&page);
}

/// Values and patterns that no decision has the steps to compare.
#[test]
fn what_takes_too_many_steps_is_in_doubt() {
    let pattern = "*".to_owned() + &"a".repeat(1_000) + "?b*";
    let value = "a".repeat(100_000);
    let many: Vec<String> = (0..3_000).map(|number| format!("{}{number}", "a".repeat(20))).collect();
    let patterns: Vec<String> = (0..3_000).map(|number| format!("*a?{number}b")).collect();
    let lists = serde_json::to_string(&patterns).unwrap();
    let mut keys = Keys::default();
    keys.one("t:key", &value);
    keys.list("t:keys", many);
    let ask = |elements: &str| {
        let request = Request {
            action: "s3:GetObject",
            resource: &format!("arn:aws:s3:::{value}"),
            resource_account: HOME,
            principal: caller("alice"),
            context: &keys,
        };
        applies(elements, PolicyKind::Identity, &request)
    };
    for operator in ["StringLike", "ForAllValues:StringNotLike"] {
        let elements =
            format!(r#""Action":"*","Resource":"*","Condition":{{"{operator}":{{"t:key":"{pattern}"}}}}"#);
        assert_eq!(ask(&elements), '?', "{operator}");
    }
    let lists = format!(
        r#""Action":"*","Resource":"*","Condition":{{"ForAnyValue:StringLike":{{"t:keys":{lists}}}}}"#
    );
    assert_eq!(ask(&lists), '?');
    for element in ["Resource", "NotResource"] {
        assert_eq!(ask(&format!(r#""Action":"*","{element}":"arn:aws:s3:::{pattern}""#)), '?', "{element}");
    }
    // What comes after is in doubt too, unless it needs no looking at.
    let spent = format!(r#"{{"StringNotLike":{{"t:key":["{pattern}"]}},"StringEquals":{{"t:other":"x"}}}}"#);
    assert_eq!(ask(&format!(r#""Action":"*","Resource":"*","Condition":{spent}"#)), '?');
    // And what takes few is not.
    let few = r#""Action":"s3:*","Resource":"arn:aws:s3:::*","Condition":{"StringLike":{"t:key":"*a"},"ForAllValues:StringLike":{"t:keys":"a*"}}"#;
    assert_eq!(ask(few), 'y');
}

/// Documents that take more reading than an explanation may: the decision is told, and no change is suggested.
#[test]
fn an_explanation_ends_too() {
    let who = r#""Principal":{"AWS":"arn:aws:iam::111122223333:root"}"#;
    let denies: Vec<String> = (0..700)
        .map(|number| {
            format!(
                r#"{{"Effect":"Deny",{who},"Action":"kms:*","Resource":"*","Condition":{{"StringNotEquals":{{"t:key{number}":"a"}}}}}}"#
            )
        })
        .collect();
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{who},"Action":"kms:*","Resource":"*"}},{}]}}"#,
        denies.join(",")
    );
    let policy = Policy::parse(&text, PolicyKind::Key).unwrap();
    let request = Request {
        action: "kms:DescribeKey",
        resource: "arn:aws:kms:us-east-1:111122223333:key/k",
        resource_account: HOME,
        principal: caller("alice"),
        context: &Keys::default(),
    };
    let policies = Policies { resource: Some(&policy), ..Policies::default() };
    let explanation = explain(&request, &policies, Mode::KmsKey, &Known::default());
    assert_eq!(explanation.decision, Outcome::ExplicitDeny);
    assert_eq!(explanation.statement.as_ref().map(|statement| statement.index), Some(1));
    assert_eq!(explanation.change, None);
    assert_eq!(
        explanation.no_change.as_deref(),
        Some("looking for one takes more work than an explanation may")
    );
}

/// What denies by a doubt says so.
#[test]
fn an_explanation_tells_of_a_doubt() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:TagKeys":"a"}}}}"#;
    let identity = [Arc::new(Policy::parse(text, PolicyKind::Identity).unwrap())];
    let keys = Keys::parse("aws:TagKeys=[a,b]");
    let request = Request {
        action: "kms:TagResource",
        resource: "arn:aws:kms:us-east-1:111122223333:key/k",
        resource_account: HOME,
        principal: caller("alice"),
        context: &keys,
    };
    let policies = Policies { identity: &identity, ..Policies::default() };
    let explanation = explain(&request, &policies, Mode::Standard, &Known::default()).to_string();
    let line = "decision   DENIED by statement 1 (it has no Sid) of identity policy 1: it is in doubt that it applies, and a doubt denies\n";
    assert!(explanation.starts_with(line), "{explanation}");
}
