//! Passing over records that a look-up cannot want, without parsing them.

use crate::api::{LookupAttribute, LookupAttributeKey};
use memchr::memmem::{Finder, find};
use wire::Timestamp;

const TIME: &[u8] = b"\"eventTime\":\"";

/// The length of `2026-11-21T23:07:43Z`.
const TIME_LENGTH: usize = 20;

/// Texts that every wanted record holds.
///
/// Records are written without white space, and their texts without other escapes than JSON requires. So a text without a quote, a
/// backslash and control characters stands in a record as it is, and so does the name of a member with its value.
#[derive(Debug)]
pub(crate) struct Glance(Vec<Finder<'static>>);

impl Glance {
    /// What to look for in the trail of this account and region.
    pub(crate) fn new(account: &str, region: &str, attribute: Option<&LookupAttribute>) -> Self {
        // What is rarest comes first.
        let texts = attribute
            .and_then(wanted)
            .into_iter()
            .chain([format!("\"awsRegion\":\"{region}\""), format!("\"recipientAccountId\":\"{account}\"")]);
        Self(texts.map(|text| Finder::new(text.as_bytes()).into_owned()).collect())
    }

    /// Whether a record may be wanted. Only parsing tells whether it is.
    pub(crate) fn may_want(&self, record: &[u8]) -> bool {
        self.0.iter().all(|text| text.find(record).is_some())
    }
}

/// What a record with this attribute holds; none if that may be written in several ways.
fn wanted(attribute: &LookupAttribute) -> Option<String> {
    let value = &attribute.attribute_value;
    let plain = value.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b"\"\\".contains(&byte));
    match attribute.attribute_key {
        LookupAttributeKey::ReadOnly if value == "true" || value == "false" => {
            Some(format!("\"readOnly\":{value}"))
        }
        // The root user has no name of its own.
        LookupAttributeKey::Username if value == "root" => None,
        _ => plain.then(|| value.clone()),
    }
}

/// When what a record tells of happened, to the second; none if that takes parsing. No text can hold the member's name as it is looked for,
/// and what comes before it in a record has no such member.
pub(crate) fn time(record: &[u8]) -> Option<Timestamp> {
    let start = find(record, TIME)? + TIME.len();
    let text = std::str::from_utf8(record.get(start..start + TIME_LENGTH)?).ok()?;
    Timestamp::parse_rfc3339(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    const ACCOUNT: &str = "111122223333";
    const REGION: &str = "eu-central-1";

    fn record(of: &serde_json::Value) -> String {
        let mut record = serde_json::json!({
            "eventTime": "2026-11-21T23:07:43Z", "eventID": "e-1", "eventName": "Encrypt", "readOnly": false,
            "eventSource": "kms.amazonaws.com", "awsRegion": REGION, "recipientAccountId": ACCOUNT,
            "userIdentity": {"type": "IAMUser", "userName": "ann", "accessKeyId": "AKIA1"},
            "resources": [{"type": "AWS::KMS::Key", "ARN": "arn:aws:kms:eu-central-1:111122223333:key/k1"}],
        });
        for (name, value) in of.as_object().unwrap() {
            record[name] = value.clone();
        }
        record.to_string()
    }

    fn records() -> Vec<String> {
        let of = serde_json::json!([
            {}, {"awsRegion": "us-east-1"}, {"recipientAccountId": "999999999999"}, {"readOnly": true},
            {"userIdentity": {"type": "Root"}},
            {"userIdentity": {"type": "AssumedRole", "principalId": "AROA1:bob"}},
            {"userIdentity": {"type": "IAMUser", "userName": "ä\"\\\n"}},
            {"requestParameters": {"eventTime": "1970-01-01T00:00:00Z", "text": "\"eventTime\":\"1970-01-01T00:00:00Z\""}},
            {"eventID": "e-2", "eventName": "CreateUser", "eventSource": "iam.amazonaws.com", "resources": []},
        ]);
        of.as_array().unwrap().iter().map(record).collect()
    }

    fn attributes() -> Vec<LookupAttribute> {
        let values = [
            "e-1",
            "e-2",
            "Encrypt",
            "CreateUser",
            "kms.amazonaws.com",
            "iam.amazonaws.com",
            "true",
            "false",
            "maybe",
            "ann",
            "root",
            "bob",
            "ä\"\\\n",
            "AKIA1",
            "AWS::KMS::Key",
            "k1",
            "",
            "\u{1}",
            "arn:aws:kms:eu-central-1:111122223333:key/k1",
            "nobody",
        ];
        let keys = LookupAttributeKey::ALL.iter();
        keys.flat_map(|key| {
            values.map(|value| LookupAttribute { attribute_key: *key, attribute_value: value.to_owned() })
        })
        .collect()
    }

    /// Every key, every value, every record: nothing that is wanted is passed over.
    #[test]
    fn no_record_that_is_wanted_is_passed_over() {
        let mut wanted = 0;
        for attribute in attributes() {
            let glance = Glance::new(ACCOUNT, REGION, Some(&attribute));
            for text in records() {
                let record: Record<'_> = serde_json::from_str(&text).unwrap();
                if record.is_of(ACCOUNT, REGION) && record.matches(&attribute) {
                    wanted += 1;
                    assert!(glance.may_want(text.as_bytes()), "{attribute:?} {text}");
                }
            }
        }
        assert!(wanted > 30, "{wanted}");
    }

    #[test]
    fn what_cannot_be_wanted_is_not_parsed() {
        let nobody = LookupAttribute {
            attribute_key: LookupAttributeKey::Username,
            attribute_value: "nobody".to_owned(),
        };
        let glance = Glance::new(ACCOUNT, REGION, Some(&nobody));
        assert!(records().iter().all(|text| !glance.may_want(text.as_bytes())));
        let elsewhere = Glance::new("222222222222", REGION, None);
        assert!(records().iter().all(|text| !elsewhere.may_want(text.as_bytes())));
    }

    #[test]
    fn the_time_is_that_of_the_event() {
        for text in records() {
            let parsed = serde_json::from_str::<Record<'_>>(&text).unwrap().time();
            assert_eq!(time(text.as_bytes()), parsed);
        }
        assert_eq!(time(b"{}"), None);
        assert_eq!(time(b"{\"eventTime\":\"2026"), None);
    }
}
