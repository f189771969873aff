//! Requests as clients send them, and what their answers say.

use crate::model::policy::place;
use crate::world::{Credentials, REGION};
use http::request::Parts;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use wire::sigv4::{Scope, Signer, SigningKey};
use wire::{Answer, Timestamp};

/// A request before it is signed.
#[derive(Clone, Debug)]
pub struct Request {
    service: &'static str,
    region: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A call of KMS.
    pub fn kms(operation: &str, input: &Value) -> Self {
        let headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("TrentService.{operation}")),
        ];
        Self { service: "kms", region: REGION.to_owned(), headers, body: input.to_string().into_bytes() }
    }

    /// The same call where the key of this name is.
    pub fn at(mut self, key: &str) -> Self {
        place(key).1.clone_into(&mut self.region);
        self
    }

    /// A call of IAM.
    pub fn iam(operation: &str, parameters: &[(&str, &str)]) -> Self {
        Self::query("iam", "2010-05-08", operation, parameters)
    }

    /// A call of STS.
    pub fn sts(operation: &str, parameters: &[(&str, &str)]) -> Self {
        Self::query("sts", "2011-06-15", operation, parameters)
    }

    fn query(service: &'static str, version: &str, operation: &str, parameters: &[(&str, &str)]) -> Self {
        let mut form = format!("Action={operation}&Version={version}");
        for (name, value) in parameters {
            form.push_str(&format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        }
        let headers = vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        Self { service, region: REGION.to_owned(), headers, body: form.into_bytes() }
    }

    /// Replaces the body.
    pub fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The request, signed. `agent` marks it, also in its audit record.
    pub fn sign(&self, by: &Credentials, at: Timestamp, agent: &str) -> (Parts, Vec<u8>) {
        let mut builder = http::Request::post("/").header("host", "localhost").header("user-agent", agent);
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        let (mut parts, ()) = builder.body(()).unwrap().into_parts();
        let scope = Scope::at(at, &self.region, self.service);
        let key = SigningKey::derive(by.secret.as_bytes(), &scope);
        let signer =
            Signer { access_key_id: &by.id, session_token: by.token.as_deref(), scope: &scope, key: &key };
        signer.sign(&mut parts, &self.body, at).unwrap();
        (parts, self.body.clone())
    }
}

/// The body of an answer in JSON.
pub fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
}

/// What an element of an answer in XML holds.
pub fn element(answer: &Answer, name: &str) -> Option<String> {
    let text = String::from_utf8(answer.body.clone()).unwrap();
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
}

/// The error that an answer tells, none for a success; in the spelling of [`plain`].
pub fn error(answer: &Answer) -> Option<String> {
    if answer.status < 300 {
        return None;
    }
    let code = match json(answer)["__type"].as_str() {
        Some(code) => code.rsplit('#').next().unwrap_or(code).to_owned(),
        None => element(answer, "Code").unwrap_or_default(),
    };
    Some(plain(&code))
}

/// An error's code in one spelling: what the protocols and the audit trail call it differs.
pub fn plain(code: &str) -> String {
    match code.strip_suffix("Exception").unwrap_or(code) {
        "UnrecognizedClient" => "InvalidClientTokenId".to_owned(),
        "EntityAlreadyExists" | "AlreadyExists" => "AlreadyExists".to_owned(),
        "MalformedPolicyDocument" => "MalformedPolicy".to_owned(),
        code => code.to_owned(),
    }
}
