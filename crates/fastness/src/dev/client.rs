//! Calls to the scratch deployment: signed by its root user, over its own port, as any client's are.

use crate::Failure;
use crate::credentials::RootKey;
use http::header::{CONTENT_TYPE, HOST};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wire::sigv4::{Scope, Signer, SigningKey};
use wire::{Protocol, ServiceModel, Timestamp};

/// How long a call may take: key pairs take seconds to make where the machine is busy.
const CALL_TIME: Duration = Duration::from_secs(60);

/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// What stands for what in the text of an element, the ampersand last.
const ESCAPES: [(&str, &str); 5] =
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];

/// A client with the root user's access key.
pub(super) struct Client<'a> {
    address: SocketAddr,
    root: &'a RootKey,
    region: &'a str,
    models: Vec<&'static ServiceModel>,
}

/// The body of an answer.
pub(super) struct Answer(String);

impl<'a> Client<'a> {
    pub(super) fn new(address: SocketAddr, root: &'a RootKey, region: &'a str) -> Self {
        let models = assembly::models();
        Self { address, root, region, models }
    }

    /// Calls an operation in a region, or in the one of clients.
    pub(super) fn call(
        &self,
        service: &str,
        operation: &str,
        region: Option<&str>,
        input: &Value,
    ) -> Result<Answer, Failure> {
        let named = |error: Failure| error.during(format!("{service}:{operation}"));
        let model = self.models.iter().find(|model| model.name == service);
        let model = model.ok_or_else(|| named(Failure("there is no such service".to_owned())))?;
        self.exchange(model, operation, region.unwrap_or(self.region), input).map_err(named)
    }

    fn exchange(
        &self,
        model: &ServiceModel,
        operation: &str,
        region: &str,
        input: &Value,
    ) -> Result<Answer, Failure> {
        let (kind, target, body) = encode(model, operation, input)?;
        let host = self.address.to_string();
        let head = http::Request::post("/").header(HOST, &host).header(CONTENT_TYPE, kind);
        let head = target.iter().fold(head, |head, target| head.header("x-amz-target", target));
        let (mut parts, ()) = head.body(())?.into_parts();
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let now = Timestamp(i64::try_from(now)?);
        let scope = Scope::at(now, region, model.signing_name);
        let key = SigningKey::derive(self.root.secret_access_key.as_bytes(), &scope);
        let id = &self.root.access_key_id;
        Signer { access_key_id: id, session_token: None, scope: &scope, key: &key }.sign(
            &mut parts,
            body.as_bytes(),
            now,
        )?;
        let mut text = "POST / HTTP/1.1\r\n".to_owned();
        for (name, value) in &parts.headers {
            write!(text, "{name}: {}\r\n", value.to_str()?)?;
        }
        write!(text, "content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())?;
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(CALL_TIME))?;
        stream.write_all(text.as_bytes())?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let answer = Answer(body.to_owned());
        if head.split(' ').nth(1) == Some("200") { Ok(answer) } else { Err(answer.refusal()) }
    }
}

impl Answer {
    /// A text by the names of JSON members that lead to it.
    pub(super) fn json(&self, path: &[&str]) -> Result<String, Failure> {
        let value: Value = serde_json::from_str(&self.0)?;
        let found = path.iter().try_fold(&value, |value, name| value.get(name));
        let found = found.and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| Failure(format!("the answer has no {}", path.join("."))))
    }

    /// The text of the first XML element of a name.
    pub(super) fn element(&self, name: &str) -> Result<String, Failure> {
        self.find_element(name).ok_or_else(|| Failure(format!("the answer has no {name}")))
    }

    fn find_element(&self, name: &str) -> Option<String> {
        let (_, rest) = self.0.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        let unescape = |text: String, (escape, plain)| text.replace(escape, plain);
        Some(ESCAPES.into_iter().fold(text.to_owned(), unescape))
    }

    /// Code and message of an error.
    fn refusal(&self) -> Failure {
        let either = |element: &str, members: [&str; 2]| {
            let json = || members.iter().find_map(|member| self.json(&[member]).ok());
            self.find_element(element).or_else(json).unwrap_or_default()
        };
        Failure(format!(
            "{}: {}",
            either("Code", ["__type", "code"]),
            either("Message", ["message", "Message"])
        ))
    }
}

/// The content type, the target and the body of a call.
fn encode(
    model: &ServiceModel,
    operation: &str,
    input: &Value,
) -> Result<(&'static str, Option<String>, String), Failure> {
    let speaks = |protocol| model.protocols.contains(&protocol);
    let target = model.target_prefix.map(|prefix| format!("{prefix}.{operation}"));
    if speaks(Protocol::Json11) {
        Ok(("application/x-amz-json-1.1", target, input.to_string()))
    } else if speaks(Protocol::Json10) {
        Ok(("application/x-amz-json-1.0", target, input.to_string()))
    } else if speaks(Protocol::Query) {
        let mut form = format!("Action={operation}&Version={}", model.api_version);
        parameters(&mut form, "", input);
        Ok(("application/x-www-form-urlencoded", None, form))
    } else {
        Err(Failure("seeds cannot call this service".to_owned()))
    }
}

/// Writes an input as parameters of the Query protocol: members joined by dots, lists as `member.N`, maps as `entry.N`.
fn parameters(form: &mut String, name: &str, value: &Value) {
    let inner = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            members.iter().for_each(|(member, value)| parameters(form, &inner(member), value));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                parameters(form, &inner(&format!("member.{}", index + 1)), item);
            }
        }
        plain => {
            let text = plain.as_str().map_or_else(|| plain.to_string(), str::to_owned);
            form.extend(["&", name, "="]);
            form.extend(utf8_percent_encode(&text, NON_ALPHANUMERIC));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn inputs_as_each_protocol_has_them() {
        let input = json!({
            "UserName": "a b", "Tags": [{ "Key": "k", "Value": "v&w" }, { "Key": "l", "Value": "" }],
            "MaxItems": 3, "Absent": null,
        });
        let model = |name| assembly::models().into_iter().find(|model| model.name == name).unwrap();
        let (kind, target, body) = encode(model("iam"), "CreateUser", &input).unwrap();
        assert_eq!((kind, target), ("application/x-www-form-urlencoded", None));
        assert_eq!(
            body,
            "Action=CreateUser&Version=2010-05-08&MaxItems=3&Tags.member.1.Key=k&Tags.member.1.Value=v%26w\
             &Tags.member.2.Key=l&Tags.member.2.Value=&UserName=a%20b"
        );
        let (_, target, body) = encode(model("kms"), "CreateKey", &json!({ "KeySpec": "HMAC_256" })).unwrap();
        assert_eq!(
            (target.as_deref(), body.as_str()),
            (Some("TrentService.CreateKey"), r#"{"KeySpec":"HMAC_256"}"#)
        );
        let error = encode(model("kms-xks-proxy"), "Encrypt", &input).unwrap_err();
        assert!(format!("{error:?}").contains("seeds cannot call this service"));
    }

    #[test]
    fn refusals_of_both_forms() {
        let xml = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>a &lt;b&gt; &amp;amp;</Message></Error></ErrorResponse>";
        let json = r#"{"__type":"NotFoundException","message":"gone"}"#;
        for (text, words) in [(xml, "NoSuchEntity: a <b> &amp;"), (json, "NotFoundException: gone")] {
            let refusal = format!("{:?}", Answer(text.to_owned()).refusal());
            assert!(refusal.contains(words), "{refusal}");
        }
        assert!(Answer(json.to_owned()).element("Code").is_err());
    }
}
