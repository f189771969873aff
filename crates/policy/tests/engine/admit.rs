//! Documents that services refuse to save, with their words.

use policy::{Policy, PolicyKind, Version, admit};
use std::collections::BTreeSet;

/// The message of a document that is to be saved, or `ok`.
fn saved(kind: PolicyKind, oldest: Version, document: &str) -> String {
    match admit(document, kind, oldest) {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            assert!(error.offset() <= document.len(), "{document}");
            error.message().to_owned()
        }
    }
}

fn place(name: &str) -> (PolicyKind, Version) {
    match name {
        "managed" => (PolicyKind::Identity, Version::V2012),
        "inline" => (PolicyKind::Identity, Version::V2008),
        "session" => (PolicyKind::Session, Version::V2008),
        "trust" => (PolicyKind::Trust, Version::V2008),
        "key" => (PolicyKind::Key, Version::V2008),
        "resource" => (PolicyKind::Resource, Version::V2008),
        other => panic!("no place {other}"),
    }
}

/// Runs a table of expectations: `== message`, then `places: document` a line. `\_` is a space that would be cut otherwise.
fn run(table: &str, document: impl Fn(&str) -> String) -> BTreeSet<String> {
    let (mut expected, mut seen) = ("", BTreeSet::new());
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(words) = line.strip_prefix("== ") {
            expected = words;
            continue;
        }
        let (places, rest) = line.split_once(": ").expect("places, then what stands there");
        let text = document(&rest.replace("\\_", " "));
        for name in places.split(',') {
            let (kind, oldest) = place(name);
            assert_eq!(saved(kind, oldest, &text), expected, "{name}: {text}");
            seen.insert(name.to_owned());
        }
    }
    seen
}

#[test]
fn documents_are_refused_in_the_words_of_their_place() {
    let seen = run(include_str!("tables/admit.txt"), str::to_owned);
    assert_eq!(seen.len(), 6, "{seen:?}");
}

/// Every part of an ARN, in the elements and kinds that have one.
#[test]
fn arns_are_refused_part_by_part() {
    let table = include_str!("tables/arns.txt");
    for element in ["Resource", "NotResource"] {
        for list in [false, true] {
            run(table, |arn| {
                let arn = serde_json::to_string(arn).unwrap();
                let arn = if list { format!("[\"*\",{arn}]") } else { arn };
                format!(
                    r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:ListBucket","{element}":{arn}}}}}"#
                )
            });
        }
    }
}

/// What is stored is parsed without the rules for what is to be stored: a new rule must not disable a saved policy.
#[test]
fn what_was_saved_before_a_rule_is_still_read() {
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam:eu-central-1:111122223333:user/ann"}}"#;
    assert!(admit(document, PolicyKind::Identity, Version::V2008).is_err());
    assert!(Policy::parse(document, PolicyKind::Identity).is_ok());
}

/// What is saved can be read: the rules refuse no less than the grammar.
#[test]
fn what_is_admitted_parses() {
    for line in include_str!("tables/documents.txt").lines() {
        let Some((_, document)) = line.split_once(' ') else { continue };
        for kind in [PolicyKind::Identity, PolicyKind::Session, PolicyKind::Trust, PolicyKind::Key] {
            if admit(document, kind, Version::V2008).is_ok() {
                assert!(Policy::parse(document, kind).is_ok(), "{document}");
            }
        }
    }
}
