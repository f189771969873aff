//! Signature Version 4 against AWS's signing test suite, and against everyone who changes a signed request.

#[cfg(test)]
mod suite {
    use std::{fs, path::PathBuf};

    use http::{HeaderName, HeaderValue, Request, request::Parts};
    use proptest::prelude::*;
    use wire::{
        Timestamp,
        sigv4::{self, Form, Presented, Scope, SigError, Signer, SigningKey},
    };

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const ID: &str = "AKIDEXAMPLE";
    /// 2015-08-30T12:36:00Z, the time of all cases.
    const NOW: Timestamp = Timestamp(1_440_938_160_000);
    const EXPIRES_SECONDS: u32 = 3600;
    const MINUTE_MS: i64 = 60_000;

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

    /// Reads a request as it stands in the suite: folded header lines, no space after the colon.
    fn read(text: &str) -> (Parts, Vec<u8>) {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines: Vec<String> = Vec::new();
        for line in head.lines() {
            match line.strip_prefix(' ') {
                Some(folded) => lines.last_mut().unwrap().push_str(&format!(" {folded}")),
                None => lines.push(line.to_owned()),
            }
        }
        let mut words = lines[0].split(' ');
        let mut request = Request::builder().method(words.next().unwrap()).uri(words.next().unwrap());
        for line in &lines[1..] {
            let (name, value) = line.split_once(':').unwrap();
            request = request.header(name, HeaderValue::from_bytes(value.trim().as_bytes()).unwrap());
        }
        (request.body(()).unwrap().into_parts().0, body.trim_end_matches('\n').as_bytes().to_vec())
    }

    fn scope() -> Scope {
        Scope::at(NOW, "us-east-1", "service")
    }

    fn key() -> SigningKey {
        SigningKey::derive(SECRET.as_bytes(), &scope())
    }

    /// What a server does.
    fn check(parts: &Parts, body: &[u8], now: Timestamp) -> Result<Presented, SigError> {
        let presented = sigv4::parse(parts)?.ok_or(SigError::Missing)?;
        assert!(!format!("{presented:?}").contains("ignature: "));
        if presented.access_key_id != ID {
            return Err(SigError::UnknownKey);
        }
        let key = SigningKey::derive(SECRET.as_bytes(), &presented.scope);
        presented.verify(parts, body, &key, now)?;
        Ok(presented)
    }

    fn clone(parts: &Parts) -> Parts {
        parts.clone()
    }

    #[test]
    fn verifies_every_signed_request_of_the_suite() {
        for case in cases() {
            for (form, file) in
                [("header", "header-signed-request.txt"), ("query", "query-signed-request.txt")]
            {
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

    /// Every way to change a signed request that somebody between caller and server has.
    fn mutations(parts: &Parts, body: &[u8]) -> Vec<(String, Parts, Vec<u8>)> {
        let mut out = Vec::new();
        let mut push = |what: String, parts: Parts, body: &[u8]| out.push((what, parts, body.to_vec()));
        let signed = sigv4::parse(parts).unwrap().unwrap();
        let covered = format!("{signed:?}");

        for method in ["PATCH", "get", "HEAD"] {
            let mut changed = clone(parts);
            changed.method = method.parse().unwrap();
            push(format!("method {method}"), changed, body);
        }
        for body in [&b"changed"[..], &[body, b"\n"].concat()] {
            push("body".to_owned(), clone(parts), body);
        }
        for (name, value) in &parts.headers {
            if !covered.contains(name.as_str()) || name == "authorization" {
                continue;
            }
            let mut removed = clone(parts);
            removed.headers.remove(name);
            push(format!("without {name}"), removed, body);
            for value in [[value.as_bytes(), b"x"].concat(), [b"y", value.as_bytes()].concat(), Vec::new()] {
                let mut changed = clone(parts);
                changed.headers.insert(name, HeaderValue::from_bytes(&value).unwrap());
                push(format!("{name} changed"), changed, body);
            }
            let mut twice = clone(parts);
            twice.headers.append(name, value.clone());
            push(format!("{name} twice"), twice, body);
        }
        for name in ["x-amz-target", "x-amz-security-token", "x-amz-content-sha256", "x-amz-added"] {
            if !parts.headers.contains_key(name) {
                let mut added = clone(parts);
                added.headers.insert(HeaderName::from_static(name), HeaderValue::from_static("added"));
                push(format!("{name} added"), added, body);
            }
        }
        let target = |path: &str, query: &str| {
            let mut changed = clone(parts);
            changed.uri = format!("{path}?{query}").parse().unwrap();
            changed
        };
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
        for path in [format!("{path}x"), format!("/x{path}"), "/other".to_owned()] {
            push(format!("path {path}"), target(&path, query), body);
        }
        for query in [format!("{query}&added=1"), format!("added&{query}")] {
            push(format!("query {query}"), target(path, &query), body);
        }
        let pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        for (index, pair) in pairs.iter().enumerate() {
            let mut fewer = pairs.clone();
            fewer.remove(index);
            push(format!("without {pair}"), target(path, &fewer.join("&")), body);
            let mut longer: Vec<_> = pairs.iter().map(|&pair| pair.to_owned()).collect();
            longer[index].push('0');
            push(format!("{pair}0"), target(path, &longer.join("&")), body);
            let mut more = pairs.clone();
            more.push(pair);
            push(format!("{pair} twice"), target(path, &more.join("&")), body);
        }
        // Elements of the authentication, each replaced by another that is well formed.
        let day_after = ("20150830", "20150831");
        let scoped = [
            day_after,
            ("us-east-1", "us-east-2"),
            ("/service/", "/services/"),
            ("service%2F", "services%2F"),
            ("aws4_request", "aws4_requests"),
            ("AKIDEXAMPLE", "AKIDEXAMPLF"),
            ("HMAC-SHA256", "HMAC-SHA512"),
            ("=host", "=hosu"),
            ("20150830T123600Z", "20150830T123601Z"),
        ];
        for (from, to) in scoped {
            let mut changed = clone(parts);
            let before = match signed.form {
                Form::Header => {
                    let before = parts.headers["authorization"].to_str().unwrap().to_owned();
                    let after = before.replace(from, to);
                    changed.headers.insert("authorization", after.parse().unwrap());
                    before
                }
                Form::Presigned { .. } => {
                    changed.uri = format!("{path}?{}", query.replace(from, to)).parse().unwrap();
                    query.to_owned()
                }
            };
            if before.contains(from) {
                push(format!("{from} to {to}"), changed, body);
            }
        }
        out
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

    /// A signed KMS request of the usual size.
    fn kms_request() -> (Parts, Vec<u8>) {
        let body = vec![b'x'; 300];
        let mut parts = Request::post("/")
            .header("host", "kms.us-east-1.example.net")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "TrentService.Encrypt")
            .header("user-agent", "aws-cli")
            .header("amz-sdk-request", "attempt=1")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        let (scope, key) = (scope(), key());
        Signer { access_key_id: ID, session_token: None, scope: &scope, key: &key }
            .sign(&mut parts, &body, NOW)
            .unwrap();
        (parts, body)
    }

    #[test]
    fn every_bit_of_a_signature_counts() {
        let (parts, body) = kms_request();
        check(&parts, &body, NOW).unwrap();
        let authorization = parts.headers["authorization"].to_str().unwrap();
        let (head, signature) = authorization.split_once("Signature=").unwrap();
        for index in 0..signature.len() {
            for replacement in ["0", "f", "g", "A", ""] {
                let mut changed = signature.to_owned();
                changed.replace_range(index..=index, replacement);
                if changed == signature {
                    continue;
                }
                let mut parts = clone(&parts);
                parts.headers.insert("authorization", format!("{head}Signature={changed}").parse().unwrap());
                assert_eq!(check(&parts, &body, NOW).unwrap_err(), SigError::Mismatch);
            }
        }
        let upper = format!("{head}Signature={}", signature.to_ascii_uppercase());
        let mut parts = clone(&parts);
        parts.headers.insert("authorization", upper.parse().unwrap());
        assert_eq!(check(&parts, &body, NOW).unwrap_err(), SigError::Mismatch);
    }

    #[test]
    fn times() {
        let at = |minutes: i64, extra_ms: i64| Timestamp(NOW.0 + minutes * MINUTE_MS + extra_ms);
        let (parts, body) = kms_request();
        for now in [at(-15, 0), NOW, at(15, 0)] {
            check(&parts, &body, now).unwrap();
        }
        let late = at(15, 1);
        assert_eq!(check(&parts, &body, late).unwrap_err(), SigError::Expired { signed: NOW, now: late });
        let early = at(-15, -1);
        assert_eq!(
            check(&parts, &body, early).unwrap_err(),
            SigError::NotYetCurrent { signed: NOW, now: early }
        );
        for now in [Timestamp(i64::MIN), Timestamp(i64::MAX)] {
            assert!(check(&parts, &body, now).is_err());
        }

        let (scope, key) = (scope(), key());
        let signer = Signer { access_key_id: ID, session_token: Some("token+/="), scope: &scope, key: &key };
        let mut parts = Request::get("http://example.net/?Action=A").body(()).unwrap().into_parts().0;
        signer.presign(&mut parts, b"", NOW, 7 * 24 * 3600).unwrap();
        for now in [at(-15, 0), NOW, at(7 * 24 * 60, 0)] {
            let presented = check(&parts, b"", now).unwrap();
            assert_eq!(presented.session_token.as_deref(), Some("token+/="));
        }
        assert_eq!(check(&parts, b"", at(7 * 24 * 60, 1)).unwrap_err(), SigError::ExpiredRequest);
        assert_eq!(
            check(&parts, b"", early).unwrap_err(),
            SigError::NotYetCurrent { signed: NOW, now: early }
        );
        for seconds in [0, 604_801] {
            assert!(matches!(signer.presign(&mut parts, b"", NOW, seconds), Err(SigError::Incomplete(_))));
        }
        let tomorrow = at(24 * 60, 0);
        assert!(matches!(signer.sign(&mut parts, b"", tomorrow), Err(SigError::Misplaced(_))));
    }

    #[test]
    fn scopes() {
        let (parts, body) = kms_request();
        let presented = check(&parts, &body, NOW).unwrap();
        presented.check_scope("service", |region| region == "us-east-1").unwrap();
        assert_eq!(
            presented.check_scope("kms", |_| true).unwrap_err().to_string(),
            "Credential should be scoped to correct service: 'kms'. "
        );
        assert_eq!(
            presented.check_scope("service", |_| false).unwrap_err().to_string(),
            "Credential should be scoped to a valid region. "
        );
    }

    fn error_text(change: impl FnOnce(&mut Parts)) -> String {
        let (mut parts, body) = kms_request();
        change(&mut parts);
        match check(&parts, &body, NOW) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => {
                let (code, status, message) = error.answer(wire::Protocol::Query);
                format!("{code} {status} {message}")
            }
        }
    }

    fn with_authorization(value: &str) -> String {
        error_text(|parts| {
            parts.headers.insert("authorization", value.parse().unwrap());
        })
    }

    #[test]
    fn malformed_authentication_is_told_apart() {
        let credential = "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
        let signature = format!("Signature={}", "0".repeat(64));
        let good =
            format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host;x-amz-date;x-amz-target, {signature}");
        let mismatch = "SignatureDoesNotMatch 403 The request signature we calculated does not match the signature \
                        you provided. Check your AWS Secret Access Key and signing method. Consult the service \
                        documentation for details.";
        let ascending =
            "IncompleteSignature 400 SignedHeaders must be lower-case header names in ascending order";
        let five = "IncompleteSignature 400 Credential must have exactly 5 slash-delimited elements, e.g. \
                    keyid/date/region/service/term";
        let cases: Vec<(String, &str)> = vec![
            (good.clone(), mismatch),
            (good.replace(", ", ","), mismatch),
            (
                "AWS4-HMAC-SHA256 ".to_owned(),
                "IncompleteSignature 400 Authorization header requires 'Credential' parameter. Authorization header \
                 requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
                 Authorization=AWS4-HMAC-SHA256",
            ),
            (
                "Bearer secret".to_owned(),
                "IncompleteSignature 400 Authorization header requires 'Credential' parameter. Authorization header \
                 requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
                 Unsupported AWS 'algorithm'",
            ),
            (
                good.replace("Signature=", "Signature:"),
                "IncompleteSignature 400 Not a valid key=value pair (missing equal-sign) in Authorization header",
            ),
            (
                format!("{good}, {credential}"),
                "IncompleteSignature 400 Authorization header has more than one 'Credential' parameter",
            ),
            (
                format!("{good}, Extra=1"),
                "IncompleteSignature 400 The Authorization header has an unknown parameter",
            ),
            (good.replace("/service/", "/"), five),
            (good.replace("AKIDEXAMPLE/", "AKID/EXAMPLE/"), five),
            (
                good.replace("aws4_request", "aws5_request"),
                "SignatureDoesNotMatch 403 Credential should be scoped with a valid terminator: 'aws4_request'.",
            ),
            (
                good.replace("20150830", "20150831"),
                "SignatureDoesNotMatch 403 Date in Credential scope does not match YYYYMMDD from ISO-8601 version of \
                 date from HTTP: '20150831' != '20150830', from '20150830T123600Z'.",
            ),
            (
                good.replace("20150830", "2015083"),
                "IncompleteSignature 400 Credential has a malformed date, region or service",
            ),
            (
                good.replace("AKIDEXAMPLE", "AKID%EXAMPLE"),
                "InvalidClientTokenId 403 The security token included in the request is invalid.",
            ),
            (good.replace("host;x-amz-date", "x-amz-date;host"), ascending),
            (good.replace("host;", "host;host;"), ascending),
            (good.replace("host;", "Host;"), ascending),
            (good.replace("host;", "host;;"), ascending),
            (
                good.replace("host;", ""),
                "SignatureDoesNotMatch 403 'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ),
            (
                good.replace(";x-amz-target", ""),
                "SignatureDoesNotMatch 403 'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.",
            ),
            (good.replace("host;", "absent;host;"), mismatch),
            (
                format!("{good}{}", "0".repeat(9000)),
                "IncompleteSignature 400 The Authorization header is too long",
            ),
        ];
        for (authorization, expected) in cases {
            assert_eq!(with_authorization(&authorization), expected, "{authorization}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let append = |name: &'static str, value: &'static str| {
            move |parts: &mut Parts| {
                parts.headers.append(name, HeaderValue::from_static(value));
            }
        };
        let set_uri = |uri: &'static str| move |parts: &mut Parts| parts.uri = uri.parse().unwrap();
        let cases = [
            (
                error_text(append("authorization", "AWS4-HMAC-SHA256 a=b")),
                "IncompleteSignature 400 The request has more than one 'authorization' header",
            ),
            (
                error_text(append("x-amz-date", "20150830T123600Z")),
                "IncompleteSignature 400 The request has more than one 'x-amz-date' header",
            ),
            (
                error_text(append("host", "kms.us-east-1.example.net")),
                "IncompleteSignature 400 The request must name exactly one host in 'Host' or ':authority'",
            ),
            (
                error_text(set_uri("http://other.example.net/")),
                "IncompleteSignature 400 The request must name exactly one host in 'Host' or ':authority'",
            ),
            (
                error_text(set_uri("/?X-Amz-Signature=1")),
                "IncompleteSignature 400 Only one form of authentication is allowed: the Authorization header or the \
                 query string",
            ),
            (
                error_text(set_uri("/?X-Amz-Date=1&X-Amz-D%61te=2")),
                "IncompleteSignature 400 The query string has more than one 'X-Amz-Date'",
            ),
            (error_text(set_uri("http://kms.us-east-1.example.net/")), "accepted"),
            (
                error_text(|parts| {
                    parts.headers.insert("x-amz-date", HeaderValue::from_static("yesterday"));
                }),
                "IncompleteSignature 400 Date must be in ISO-8601 'basic format'. Got 'yesterday'. See \
                 http://en.wikipedia.org/wiki/ISO_8601",
            ),
            (
                error_text(|parts| {
                    parts.headers.remove("x-amz-date");
                }),
                "IncompleteSignature 400 Authorization header requires existence of either a 'X-Amz-Date' or a \
                 'Date' header. Authorization=AWS4-HMAC-SHA256",
            ),
            (
                error_text(|parts| {
                    parts.headers.remove("authorization");
                }),
                "MissingAuthenticationToken 403 Request is missing Authentication Token",
            ),
        ];
        for (actual, expected) in cases {
            assert_eq!(actual, expected);
        }
    }

    #[test]
    fn presigned_elements_are_all_needed_once() {
        let (scope, key) = (scope(), key());
        let signer = Signer { access_key_id: ID, session_token: Some("token"), scope: &scope, key: &key };
        let mut parts = Request::get("/?Action=A").header("host", "h").body(()).unwrap().into_parts().0;
        signer.presign(&mut parts, b"", NOW, 60).unwrap();
        check(&parts, b"", NOW).unwrap();
        let pairs: Vec<String> = parts.uri.query().unwrap().split('&').map(str::to_owned).collect();
        let refused = |pairs: &[String]| {
            let mut changed = clone(&parts);
            changed.uri = format!("/?{}", pairs.join("&")).parse().unwrap();
            check(&changed, b"", NOW).unwrap_err()
        };
        for index in 1..pairs.len() {
            let mut without = pairs.clone();
            let removed = without.remove(index);
            let error = refused(&without);
            let is_token = removed.starts_with("X-Amz-Security-Token");
            assert_eq!(error == SigError::Mismatch, is_token, "{removed}: {error}");
            let mut twice = pairs.clone();
            twice.push(removed);
            assert!(matches!(refused(&twice), SigError::Incomplete(_)));
        }
        for expires in ["0", "604801", "-1", "+60", "60.0", "", "99999999999999999999"] {
            let changed: Vec<_> =
                pairs.iter().map(|pair| pair.replace("Expires=60", &format!("Expires={expires}"))).collect();
            assert!(matches!(refused(&changed), SigError::Incomplete(_)), "{expires}");
        }
    }

    /// Requests as botocore 1.44.5 signs them with `SECRET` at `NOW`, the body covered.
    const COVERED: [&str; 5] = [
        r#"POST / HTTP/1.1
Host:kms.us-east-1.example.net
X-Amz-Target:TrentService.Encrypt
Content-Type:application/x-amz-json-1.1
User-Agent:x
X-Amz-Date:20150830T123600Z
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=bd3fe035d1dfd4f3fb5c8f2206dbd2973ff00841407bcada0fe5c73e09295ebb

{"KeyId":"alias/a"}"#,
        "POST / HTTP/1.1
Host:iam.example.net
Content-Type:application/x-www-form-urlencoded; charset=utf-8
X-Amz-Date:20150830T123600Z
X-Amz-Security-Token:tok/en+==
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=b3e7b4e5d475ff6193b76466e3b73dcb79318297955e55496cdd336c064a1ecd

Action=GetUser&Version=2010-05-08",
        "GET /2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af/policy?Qualifier=%24LATEST HTTP/1.1
Host:lambda.eu-west-1.example.net
X-Amz-Date:20150830T123600Z
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=5be977cf2238fc27a343b1aab234f0eeda00364483d08e817cff3ba5049b7b1f",
        "PUT /bucket/a%20b/../c//d%2B~e HTTP/1.1
Host:s3.us-east-1.example.net
X-Amz-Date:20150830T123600Z
X-Amz-Content-SHA256:85738f8f9a7f1b04b5329c590ebcb9e425925c6d0984089c43a022de4f19c281
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=d9dba5fe3d77e9776cf628dcd9e9c8daae6dc4fe78d1ff7895504ccb659a0e32

whatever",
        "GET /?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Security-Token=tok%2Fen%2B%3D%3D&X-Amz-Signature=64c926d976e0354caddd4cbcc6211bcd2ac75129ef0fd469efcec36c57aba74d HTTP/1.1
Host:sts.us-east-1.example.net
x-k8s-aws-id:cluster",
    ];

    /// Likewise, the body not covered.
    const UNCOVERED: [&str; 2] = [
        "PUT /bucket/a%20b/../c//d%2Be~f HTTP/1.1
Host:s3.us-east-1.example.net
X-Amz-Date:20150830T123600Z
X-Amz-Content-SHA256:UNSIGNED-PAYLOAD
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=38cdd66f25a01bae658a53b8e8eb47576414ceb45bfdc603f9083e61585a78d8

whatever",
        "GET /bucket/a%20b?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Security-Token=tok%2Fen%2B%3D%3D&X-Amz-Signature=c4fbdc3ceb8057a12f6da1eaed618cc3c2d81d07731c4724fb9951bcbb2443cb HTTP/1.1
Host:s3.us-east-1.example.net",
    ];

    /// As [`UNCOVERED`], for a service other than S3.
    const UNCOVERED_KMS: &str =
        "POST / HTTP/1.1
Host:kms.us-east-1.example.net
X-Amz-Target:TrentService.Encrypt
X-Amz-Content-SHA256:UNSIGNED-PAYLOAD
X-Amz-Date:20150830T123600Z
Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-target, Signature=c156470a14f95c4b4b50e1bee50f21e5fe5afe43b2715ad0f54507f5154398f8

{}";

    #[test]
    fn verifies_what_botocore_signs() {
        for text in COVERED {
            let (parts, body) = read(text);
            check(&parts, &body, NOW).unwrap_or_else(|error| panic!("{text}: {error}"));
            for (what, parts, body) in mutations(&parts, &body) {
                assert!(check(&parts, &body, NOW).is_err(), "{what} was accepted: {text}");
            }
        }
    }

    #[test]
    fn the_body_may_stay_uncovered_at_s3_only() {
        for text in UNCOVERED {
            let (parts, body) = read(text);
            check(&parts, &body, NOW).unwrap_or_else(|error| panic!("{text}: {error}"));
            check(&parts, b"other", NOW).unwrap_or_else(|error| panic!("{text}: {error}"));
            let streaming = HeaderValue::from_static("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
            let mut changed = clone(&parts);
            if changed.headers.insert("x-amz-content-sha256", streaming).is_some() {
                assert_eq!(check(&changed, &body, NOW).unwrap_err(), SigError::ContentDigest);
            }
        }
        let (parts, body) = read(UNCOVERED_KMS);
        assert_eq!(check(&parts, &body, NOW).unwrap_err(), SigError::ContentDigest);
        let (code, status, _) = SigError::ContentDigest.answer(wire::Protocol::Json11);
        assert_eq!((code, status), ("InvalidSignatureException", 400));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn hostile_heads_never_panic(
            authorization in any::<Vec<u8>>(),
            header in any::<Vec<u8>>(),
            name in "(x-amz-date|x-amz-security-token|host|date|x-amz-content-sha256)",
            query in "[\\x21-\\x7e&&[^#]]{0,200}",
            path in "/[/.a-z%0-9+]{0,40}",
            body in any::<Vec<u8>>(),
            now in any::<i64>(),
        ) {
            let header_values = [(HeaderName::from_static("authorization"), authorization), (name.parse().unwrap(), header)];
            for uri in [path.clone(), format!("{path}?{query}"), format!("{path}?X-Amz-Signature=0&{query}")] {
                let Ok(mut request) = Request::post(uri).body(()) else { continue };
                for (name, value) in &header_values {
                    if let Ok(value) = HeaderValue::from_bytes(value) {
                        request.headers_mut().append(name, value);
                    }
                }
                let _ = check(&request.into_parts().0, &body, Timestamp(now));
            }
        }

        #[test]
        fn changed_bytes_of_an_authorization_never_pass(index in 0usize..200, byte in 0x20u8..0x7f) {
            let (mut parts, body) = kms_request();
            let mut value = parts.headers["authorization"].as_bytes().to_vec();
            let index = index % value.len();
            prop_assume!(value[index] != byte);
            // White space and empty elements between commas mean nothing.
            prop_assume!(byte != b' ' && byte != b',' && value[index] != b' ');
            value[index] = byte;
            parts.headers.insert("authorization", HeaderValue::from_bytes(&value).unwrap());
            prop_assert!(check(&parts, &body, NOW).is_err());
        }

        #[test]
        fn whatever_is_signed_is_verified(
            path in "(/[a-zA-Z0-9._~%+!:@-]{1,8}){0,4}/?",
            query in "([a-zA-Z0-9._~%+-]{1,6}=[a-zA-Z0-9._~%+/:-]{0,6}&){0,5}",
            value in "[ -~]{0,40}",
            service in "(s3|kms|lambda)",
            body in any::<Vec<u8>>(),
            expires in 1u32..=604_800,
        ) {
            let scope = Scope::at(NOW, "eu-west-1", &service);
            let key = SigningKey::derive(SECRET.as_bytes(), &scope);
            let signer = Signer { access_key_id: ID, session_token: Some("token/+="), scope: &scope, key: &key };
            let path = if path.is_empty() { "/".to_owned() } else { path };
            let request = Request::post(format!("http://h.example{path}?{query}")).header("x-amz-meta-a", value);
            let original = request.body(()).unwrap().into_parts().0;
            let mut parts = original.clone();
            signer.sign(&mut parts, &body, NOW).unwrap();
            prop_assert!(check(&parts, &body, NOW).is_ok());
            let mut parts = original;
            signer.presign(&mut parts, &body, NOW, expires).unwrap();
            prop_assert!(check(&parts, &body, NOW).is_ok());
        }
    }

    /// Prints what parsing and verifying cost, for a person to read: nothing is asserted. Meaningful only with
    /// `cargo test --release -p wire --test sigv4 -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn cost_of_verifying() {
        let (parts, body) = kms_request();
        let key = key();
        let presented = sigv4::parse(&parts).unwrap().unwrap();
        let time = |what: &str, f: &dyn Fn()| {
            let mut best = u128::MAX;
            for _ in 0..50 {
                let start = std::time::Instant::now();
                (0..1000).for_each(|_| f());
                best = best.min(start.elapsed().as_nanos() / 1000);
            }
            println!("{what}: {best} ns");
        };
        time("parse", &|| drop(std::hint::black_box(sigv4::parse(&parts))));
        time("verify", &|| presented.verify(&parts, &body, &key, NOW).unwrap());
        time("derive", &|| {
            drop(std::hint::black_box(SigningKey::derive(SECRET.as_bytes(), &presented.scope)))
        });
    }
}
