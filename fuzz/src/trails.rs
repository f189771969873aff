//! Audit records of calls whose every word was chosen by the caller.

use crate::{Choices, joined};
use platform::trail::{Record, Resource};
use platform::{Call, Caller, Principal, Session, Tls};
use serde_json::Value;
use std::sync::Arc;
use wire::Timestamp;

/// The longest error message that a record holds, in bytes.
const ERROR_MESSAGE_BYTES_MAX: usize = 1024;

pub(crate) fn trail(data: &[u8]) {
    let mut choices = Choices(data);
    let now = i64::try_from(choices.word()).unwrap() * 100_000_000;
    let Some(words) = (0..7).map(|_| choices.text().map(str::to_owned)).collect::<Option<Vec<_>>>() else {
        return;
    };
    let [agent, region, code, message, name, host, arn] = <[String; 7]>::try_from(words).unwrap();
    let call = Call {
        request_id: "request".to_owned(),
        event_id: "event".to_owned(),
        now: Timestamp(now),
        region: region.clone(),
        source_ip: "127.0.0.1".to_owned(),
        user_agent: Some(agent.clone()),
        referer: None,
        host: Some(host.clone()),
        secure: true,
        tls: Some(Tls { version: "TLSv1.3", cipher_suite: "TLS_AES_128_GCM_SHA256", key_exchange: "x25519" }),
        client: platform::Client::default(),
    };
    let caller = Caller {
        principal: Principal::Role {
            account: "111122223333".to_owned(),
            path: "/".to_owned(),
            name: name.clone(),
            id: "AROAROLEROLEROLEROLE".to_owned(),
            session: agent.clone(),
        },
        access_key_id: Some(name.clone()),
        session: Some(Arc::new(Session { source_identity: Some(host.clone()), ..Session::default() })),
    };
    let resources = [Resource { kind: "AWS::KMS::Key", arn: arn.clone(), account: region.clone() }];
    let record = Record {
        call: &call,
        caller: &caller,
        recipient: "111122223333",
        source: "kms.amazonaws.com",
        name: &name,
        read_only: false,
        request: None,
        response: None,
        error: Some((&code, &message)),
        resources: &resources,
        additional: None,
    };
    let written: Value = serde_json::from_slice(&record.write()).unwrap();
    assert_eq!(written["userAgent"], agent);
    assert_eq!(written["awsRegion"], region);
    assert_eq!(written["errorCode"], code);
    assert_eq!(written["eventName"], name);
    assert_eq!(written["resources"][0]["ARN"], arn);
    assert_eq!(written["tlsDetails"]["clientProvidedHostHeader"], host);
    let told = written["errorMessage"].as_str().unwrap();
    assert!(message.starts_with(told) && told.len() <= ERROR_MESSAGE_BYTES_MAX);
    assert!(told.len() == message.len() || told.len() > ERROR_MESSAGE_BYTES_MAX - 4);
    let time = Timestamp::parse_rfc3339(written["eventTime"].as_str().unwrap()).unwrap();
    assert_eq!(time.0, now - now.rem_euclid(1000));
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let long = "é".repeat(600);
    vec![
        joined(
            b"\x46\x20",
            &[
                "Boto3/1.0 \"quoted\"",
                "us-east-1",
                "AccessDenied",
                "no\n\u{7f}",
                "Encrypt",
                "localhost",
                "arn:aws:kms:::k",
            ],
        ),
        joined(b"\0\0", &["\u{1}\\", "", "", &long, "\u{2028}", "😀", ""]),
    ]
}
