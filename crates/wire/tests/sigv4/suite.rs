//! AWS's signing test suite, forwards and backwards.

use std::{fs, path::PathBuf};

use wire::sigv4::{Form, SigError, Signer};

use crate::support::*;

/// Cases whose request line no HTTP/1.1 parser accepts: a space within the path. The canonical form of their
/// paths is checked in the crate.
const NOT_HTTP: [&str; 2] = ["get-space-normalized", "get-space-unnormalized"];

struct Case {
    name: String,
    context: serde_json::Value,
    dir: PathBuf,
}

impl Case {
    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.dir.join(file)).unwrap()
    }

    fn token(&self) -> Option<&str> {
        self.context["credentials"]["token"].as_str()
    }

    /// The token is added after signing, and not covered.
    fn omits_token(&self) -> bool {
        self.context["omit_session_token"].as_bool().unwrap_or(false)
    }

    fn normalizes(&self) -> bool {
        self.context["normalize"].as_bool().unwrap()
    }
}

fn cases() -> Vec<Case> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/sigv4/v4");
    let Ok(entries) = fs::read_dir(root) else {
        println!("skipped: no conformance data");
        return Vec::new();
    };
    let mut cases: Vec<_> = entries
        .map(|entry| {
            let dir = entry.unwrap().path();
            let context = serde_json::from_slice(&fs::read(dir.join("context.json")).unwrap()).unwrap();
            Case { name: dir.file_name().unwrap().to_str().unwrap().to_owned(), context, dir }
        })
        .filter(|case| !NOT_HTTP.contains(&case.name.as_str()))
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(cases.len(), 36);
    cases
}

#[test]
fn verifies_every_signed_request_of_the_suite() {
    for case in cases() {
        for (form, file) in [("header", "header-signed-request.txt"), ("query", "query-signed-request.txt")] {
            let (parts, body) = read(&case.text(file));
            let result = check(&parts, &body, NOW);
            // These stand for S3's rule of paths under another service's name.
            let same_path = case.normalizes() || normal(parts.uri.path());
            if case.omits_token() {
                let refused = result.unwrap_err();
                match form {
                    "header" => {
                        assert_eq!(refused, SigError::Unsigned("'x-amz-security-token'".to_owned()))
                    }
                    _ => assert_eq!(refused, SigError::Mismatch),
                }
            } else if same_path {
                let presented = result.unwrap_or_else(|error| panic!("{} {form}: {error}", case.name));
                assert_eq!(presented.scope, scope());
                assert_eq!(presented.timestamp, NOW);
                assert_eq!(presented.session_token.as_deref(), case.token());
                let expected = match form {
                    "header" => Form::Header,
                    _ => Form::Presigned { expires_seconds: EXPIRES_SECONDS },
                };
                assert_eq!(presented.form, expected);
            } else {
                assert_eq!(result.unwrap_err(), SigError::Mismatch, "{}", case.name);
            }
        }
    }
}

fn normal(path: &str) -> bool {
    path == "/" || !path.contains("//") && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[test]
fn signs_every_request_of_the_suite_alike() {
    let (scope, key) = (scope(), key());
    for case in cases().iter().filter(|case| !case.omits_token()) {
        let (original, body) = read(&case.text("request.txt"));
        if !case.normalizes() && !normal(original.uri.path()) {
            continue;
        }
        let signer = Signer { access_key_id: ID, session_token: case.token(), scope: &scope, key: &key };

        let mut parts = clone(&original);
        if case.context["sign_body"].as_bool().unwrap() {
            let (signed, _) = read(&case.text("header-signed-request.txt"));
            let digest = signed.headers["x-amz-content-sha256"].clone();
            parts.headers.insert("x-amz-content-sha256", digest);
        }
        signer.sign(&mut parts, &body, NOW).unwrap();
        let authorization = parts.headers["authorization"].to_str().unwrap();
        let signature = case.text("header-signature.txt");
        assert!(authorization.ends_with(&format!("Signature={signature}")), "{}", case.name);

        let mut parts = clone(&original);
        signer.presign(&mut parts, &body, NOW, EXPIRES_SECONDS).unwrap();
        let signature = case.text("query-signature.txt");
        let query = parts.uri.query().unwrap();
        assert!(query.ends_with(&format!("X-Amz-Signature={signature}")), "{}", case.name);
    }
}

#[test]
fn refuses_every_change_to_a_signed_request() {
    let mut count = 0;
    for case in cases().iter().filter(|case| case.normalizes() && !case.omits_token()) {
        for file in ["header-signed-request.txt", "query-signed-request.txt"] {
            let (parts, body) = read(&case.text(file));
            for (what, parts, body) in mutations(&parts, &body) {
                let result = check(&parts, &body, NOW);
                assert!(result.is_err(), "{} {file}: {what} was accepted", case.name);
                count += 1;
            }
        }
    }
    println!("{count} changed requests refused");
}
