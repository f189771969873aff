//! What is a policy document and what is not, with the words of the refusal.

use policy::{
    DOCUMENT_BYTES_MAX, NamedPrincipal, Policy, PolicyKind, PrincipalField, Version, rewrite_principals,
};

fn kind(name: &str) -> PolicyKind {
    match name {
        "identity" => PolicyKind::Identity,
        "resource" => PolicyKind::Resource,
        "trust" => PolicyKind::Trust,
        "key" => PolicyKind::Key,
        "boundary" => PolicyKind::Boundary,
        "session" => PolicyKind::Session,
        other => panic!("no kind {other}"),
    }
}

/// Kinds | document | `ok`, or message @ path.
#[test]
fn documents_of_the_table() {
    let table = include_str!("tables/documents.txt");
    let mut count = 0;
    let mut expected = "";
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(words) = line.strip_prefix("== ") {
            expected = words;
            continue;
        }
        let (kinds, rest) = line.split_once(' ').expect("kinds, then a document");
        let (document, path) = rest.split_once(" @ ").unwrap_or((rest, ""));
        for name in kinds.split(',') {
            let outcome = match Policy::parse(document, kind(name)) {
                Ok(_) => "ok".to_owned(),
                Err(error) => {
                    assert_eq!(error.path(), path, "{name}: {document}");
                    assert!(error.offset() <= document.len());
                    error.message().to_owned()
                }
            };
            assert_eq!(outcome, expected, "{name}: {document}");
            count += 1;
        }
    }
    assert!(count > 120, "{count}");
}

#[test]
fn errors_point_at_the_element() {
    let text = r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":["*","b"]}]}"#;
    let error = Policy::parse(text, PolicyKind::Identity).unwrap_err();
    assert_eq!(text.get(error.offset()..), Some(r#""b"]}]}"#));
    assert_eq!(error.to_string(), "Resource b must be in ARN format or \"*\".");
    assert_eq!(error.path(), "Statement[0].Resource[1]");
}

#[test]
fn documents_have_a_largest_size() {
    let body = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
    assert!(Policy::parse(&padded(DOCUMENT_BYTES_MAX), PolicyKind::Identity).is_ok());
    assert!(Policy::parse(&padded(DOCUMENT_BYTES_MAX + 1), PolicyKind::Identity).is_err());
}

#[test]
fn the_version_is_kept() {
    let document = |version: &str| {
        format!(r#"{{{version}"Statement":{{"Effect":"Allow","Action":"s3:*","Resource":"*"}}}}"#)
    };
    let version = |text: &str| Policy::parse(&document(text), PolicyKind::Identity).unwrap().version();
    assert_eq!(version(r#""Version":"2012-10-17","#), Version::V2012);
    assert_eq!(version(r#""Version":"2008-10-17","#), Version::V2008);
    assert_eq!(version(""), Version::V2008);
}

#[test]
fn principals_are_replaced_in_place() {
    let text = r#"{ "Statement": [
        {"Sid": "arn:aws:iam::111122223333:role/app", "Principal": {"AWS": ["arn:aws:iam::111122223333:role/app", "*"]}},
        {"NotPrincipal": {"AWS": "arn:aws:iam::111122223333:user/a\u002Fb",  "Service": ["ec2.amazonaws.com"]}, "X": 1},
        {"Principal" : "*"} ] }"#;
    let mut seen = Vec::new();
    let rewritten = rewrite_principals(text, |named: NamedPrincipal<'_>| {
        seen.push((named.field, named.value.to_owned(), named.is_pinnable()));
        named.is_pinnable().then(|| format!("ID\"{}", named.value.len()))
    })
    .unwrap();
    assert_eq!(
        seen,
        [
            (PrincipalField::Aws, "arn:aws:iam::111122223333:role/app".to_owned(), true),
            (PrincipalField::Aws, "*".to_owned(), false),
            (PrincipalField::Aws, "arn:aws:iam::111122223333:user/a/b".to_owned(), true),
            (PrincipalField::Service, "ec2.amazonaws.com".to_owned(), false),
            (PrincipalField::Aws, "*".to_owned(), false),
        ]
    );
    let expected = text
        .replace(r#"["arn:aws:iam::111122223333:role/app""#, r#"["ID\"34""#)
        .replace(r#""arn:aws:iam::111122223333:user/a\u002Fb""#, r#""ID\"34""#);
    assert_eq!(rewritten, expected);
    assert_eq!(rewrite_principals(text, |_| None).unwrap(), text);
    assert!(rewrite_principals("{", |_| None).is_err());
    assert!(rewrite_principals(r#"{"Statement":{"Principal":{"AWS":1}}}"#, |_| None).is_err());
}

#[test]
fn pinned_policies_still_parse() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",
        "Principal":{"AWS":"arn:aws:iam::111122223333:user/team/alice"}}}"#;
    let pinned = rewrite_principals(text, |_| Some("AIDAALICEALICEALICE1".to_owned())).unwrap();
    assert!(Policy::parse(&pinned, PolicyKind::Trust).is_ok());
}
