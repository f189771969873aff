//! The tests; helpers among them may panic as tests may.

use expect_test::expect;
use keyring::{KeyFile, Keyring, SystemRandom};
use platform::trail::{Record, Resource};
use platform::{
    Access, AccessKey, Call, Caller, Cx, Directory, Env, Fault, Permissions, Principal, Role, Session, Table,
    Timer, Tx, Verdict, page, session,
};
use policy::{Policy, PolicyKind};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Memory, Store};
use wire::Timestamp;

/// 2026-11-21T23:07:43.125Z
const NOW: Timestamp = Timestamp(1_795_302_463_125);

/// Everybody has the policies of this directory.
struct Everybody(Arc<Permissions>);

impl Directory for Everybody {
    fn access_key(&self, _: &mut Tx<'_>, _: &str) -> Result<Option<AccessKey>, Fault> {
        Ok(None)
    }
    fn permissions(&self, _: &mut Tx<'_>, _: &Caller) -> Result<Option<Arc<Permissions>>, Fault> {
        Ok(Some(Arc::clone(&self.0)))
    }
    fn role(&self, _: &mut Tx<'_>, _: &str, _: &str) -> Result<Option<Role>, Fault> {
        Ok(None)
    }
    fn managed_policy_id(&self, _: &mut Tx<'_>, _: &str, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }
    fn unique_id(&self, _: &mut Tx<'_>, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }
    fn note_use(&self, _: &mut Tx<'_>, _: &str, _: &Call, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) env: Env,
    pub(crate) call: Call,
    pub(crate) caller: Caller,
}

impl World {
    pub(crate) fn new(statements: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let (data, keys) = (scratch.path().join("data"), scratch.path().join("keys"));
        std::fs::create_dir(&data).unwrap();
        std::fs::create_dir(&keys).unwrap();
        let seal = KeyFile::create(&keys.join("root.key"), &SystemRandom).unwrap();
        let keyring = Keyring::create(&data.join("keyring.json"), &seal, Arc::new(SystemRandom)).unwrap();
        let policies = (!statements.is_empty()).then(|| {
            let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
            Arc::new(Policy::parse(&text, PolicyKind::Identity).unwrap())
        });
        let permissions = Permissions {
            identity: policies.into_iter().collect(),
            tags: BTreeMap::from([("Team".to_owned(), "red".to_owned())]),
            ..Permissions::default()
        };
        Self {
            store: Store::open(Memory::new()).unwrap(),
            env: Env::new(keyring, Arc::new(SystemRandom), Arc::new(Everybody(Arc::new(permissions)))),
            call: Call {
                request_id: "r".to_owned(),
                event_id: "e".to_owned(),
                now: NOW,
                region: "eu-central-1".to_owned(),
                source_ip: "192.0.2.7".to_owned(),
                user_agent: Some("test/1".to_owned()),
                referer: None,
                host: None,
                secure: false,
                tls: None,
                client: platform::Client::default(),
            },
            caller: Caller { principal: alice(), access_key_id: Some("AKIA".to_owned()), session: None },
        }
    }

    pub(crate) fn cx(&self) -> Cx<'_> {
        Cx::new(Tx::begin(&self.store, &self.env.keyring), &self.env, &self.call, &self.caller)
    }

    pub(crate) fn commit(&self, cx: Cx<'_>) {
        let (_, _, _, tx) = cx.finish();
        self.store.commit_blocking(tx.into_txn()).unwrap();
    }
}

fn alice() -> Principal {
    Principal::User {
        account: "111122223333".to_owned(),
        path: "/team/".to_owned(),
        name: "alice".to_owned(),
        id: "AIDAEXAMPLE".to_owned(),
    }
}

const ROWS: Table<String> = Table::new("test/rows");

#[test]
fn what_is_noted_is_written_once_a_second() {
    let world = World::new("");
    let note = |row: &str, after_ms: i64| {
        let mut cx = world.cx();
        ROWS.note(&mut cx.tx, &["1"], row.to_owned(), Timestamp(NOW.0 + after_ms)).unwrap();
        world.commit(cx);
    };
    let found = || {
        let mut cx = world.cx();
        let written = ROWS.get(&mut cx.tx, &["1"]).unwrap().map(|row| String::clone(&row));
        (written, ROWS.latest(&mut cx.tx, &["1"]).unwrap())
    };
    let some = |row: &str| Some(row.to_owned());
    assert_eq!(found(), (None, None));
    for (row, after_ms, written) in [
        ("a", 0, "a"),
        ("b", 999, "a"),
        ("c", 1000, "c"),
        ("d", 1500, "c"),
        ("e", 400, "e"),
        ("f", 1400, "f"),
    ] {
        note(row, after_ms);
        assert_eq!(found(), (some(written), some(row)), "{row} at {after_ms}");
    }
    let mut cx = world.cx();
    ROWS.forget(&mut cx.tx, &["1"]);
    world.commit(cx);
    assert_eq!(found(), (None, None));
}

#[test]
fn rows_are_sealed_and_scanned_in_order() {
    let world = World::new("");
    let mut cx = world.cx();
    for name in ["b", "a", "c"] {
        ROWS.put(&mut cx.tx, &["1", name], &format!("secret {name}")).unwrap();
    }
    ROWS.put(&mut cx.tx, &["2", "d"], &"other".to_owned()).unwrap();
    world.commit(cx);

    let mut cx = world.cx();
    assert_eq!(*ROWS.get(&mut cx.tx, &["1", "a"]).unwrap().unwrap(), "secret a");
    let page = ROWS.scan(&mut cx.tx, &["1"], None, 2).unwrap();
    assert_eq!(page.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let rest = ROWS.scan(&mut cx.tx, &["1"], Some("b"), 2).unwrap();
    assert_eq!(rest.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["c"]);
    assert!(ROWS.any(&mut cx.tx, &["2"]).unwrap() && !ROWS.any(&mut cx.tx, &["3"]).unwrap());
    // A name that holds the separator is nobody's, and can't be written.
    assert!(ROWS.get(&mut cx.tx, &["1\0a"]).unwrap().is_none());
    assert!(ROWS.put(&mut cx.tx, &["1\0a"], &String::new()).is_err());

    let mut txn = world.store.begin();
    let sealed = txn.get(b"test/rows\x001\0a").unwrap().unwrap();
    assert!(!sealed.windows(6).any(|window| window == b"secret"));
    // A value moved to another row does not open there.
    txn.put(b"test/rows\x001\0b", sealed);
    world.store.commit_blocking(txn).unwrap();
    assert!(ROWS.get(&mut world.cx().tx, &["1", "b"]).is_err());
}

#[test]
fn timers_come_in_the_order_of_their_times() {
    let world = World::new("");
    let timer = |at, subject: &str| Timer {
        at,
        service: "kms".to_owned(),
        account: "1".to_owned(),
        region: "r".to_owned(),
        task: "t".to_owned(),
        subject: subject.to_owned(),
    };
    let mut cx = world.cx();
    for (at, subject) in [(30, "late"), (5, "early"), (1000, "not yet"), (7, "gone")] {
        timer(at, subject).set(&mut cx.tx).unwrap();
    }
    timer(7, "gone").clear(&mut cx.tx).unwrap();
    world.commit(cx);
    let due = platform::Task::due_inside(&mut world.cx().tx, Timestamp(100), 10, |_| true).unwrap().tasks;
    assert_eq!(due.iter().map(|timer| timer.subject.as_str()).collect::<Vec<_>>(), ["early", "late"]);
}

#[test]
fn a_marker_goes_on_in_its_own_list_only() {
    let mut world = World::new("");
    let marker = page::marker(&world.cx(), "ListThings", "last").unwrap();
    assert_eq!(page::after(&world.cx(), "ListThings", Some(&marker)), Ok(Some("last".to_owned())));
    assert_eq!(page::after(&world.cx(), "ListThings", None), Ok(None));
    assert!(page::after(&world.cx(), "ListOthers", Some(&marker)).is_err());
    assert!(page::after(&world.cx(), "ListThings", Some("invented")).is_err());
    world.call.region = "us-east-1".to_owned();
    assert!(page::after(&world.cx(), "ListThings", Some(&marker)).is_err());
}

#[test]
fn session_tokens_open_here_and_unaltered_only() {
    let world = World::new("");
    let session = Session { issued: 1, expires: 2, ..Session::default() };
    let issued = session::issue(&world.env.keyring, &SystemRandom, alice(), session.clone(), 1000).unwrap();
    assert!(issued.session_token.len() >= 1000 && issued.access_key_id.starts_with("ASIA"));
    let token = session::open(&world.env.keyring, &issued.session_token).unwrap();
    assert_eq!((token.principal, &*token.session), (alice(), &session));
    let altered = issued.session_token.replacen(|c: char| c.is_ascii_lowercase(), "A", 1);
    assert!(session::open(&world.env.keyring, &altered).is_none());
    assert!(session::open(&World::new("").env.keyring, &issued.session_token).is_none());
    assert!(session::open(&world.env.keyring, &"A".repeat(session::SESSION_TOKEN_CHARS_MAX + 1)).is_none());
}

#[test]
fn conditions_see_the_facts_of_the_call() {
    let cases = [
        (r#""StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/team/alice"}"#, true),
        (r#""StringEquals":{"aws:username":"alice","aws:userid":"AIDAEXAMPLE"}"#, true),
        (r#""StringEquals":{"aws:PrincipalAccount":"111122223333","aws:PrincipalType":"User"}"#, true),
        (r#""StringEquals":{"aws:PrincipalTag/team":"red"}"#, true),
        (r#""StringEquals":{"aws:PrincipalTag/team":"blue"}"#, false),
        (r#""StringEquals":{"aws:ResourceTag/Stage":"prod"}"#, true),
        (r#""StringEquals":{"aws:RequestTag/Cost":"7"}"#, true),
        (r#""ForAllValues:StringEquals":{"aws:TagKeys":["Cost","Old"]}"#, true),
        (r#""ForAllValues:StringEquals":{"aws:TagKeys":["Cost"]}"#, false),
        (r#""StringEquals":{"aws:RequestedRegion":"eu-central-1","aws:UserAgent":"test/1"}"#, true),
        (r#""StringEquals":{"aws:ResourceAccount":"111122223333"}"#, true),
        (r#""IpAddress":{"aws:SourceIp":"192.0.2.0/24"}"#, true),
        (
            r#""Bool":{"aws:SecureTransport":"false","aws:PrincipalIsAWSService":"false","aws:ViaAWSService":"false"}"#,
            true,
        ),
        (r#""DateGreaterThan":{"aws:CurrentTime":"2026-11-21T23:07:42Z"}"#, true),
        (r#""DateLessThan":{"aws:CurrentTime":"2026-11-21T23:07:43Z"}"#, false),
        (r#""NumericLessThanEquals":{"aws:EpochTime":"1795302463"}"#, true),
        // Long-term credentials have neither.
        (
            r#""Null":{"aws:MultiFactorAuthPresent":"true","aws:TokenIssueTime":"true","aws:Referer":"true"}"#,
            true,
        ),
        (r#""StringEquals":{"test:Key":"value"},"ForAnyValue:StringEquals":{"test:Keys":"two"}"#, true),
        (r#""StringEquals":{"test:Unknown":"value"}"#, false),
        // Names are compared without regard to case beyond ASCII too, the Greek final sigma included.
        (r#""StringEquals":{"aws:ResourceTag/ÄRA":"1","aws:ResourceTag/ΟΔΟΣ":"2","test:Größe:x":"3"}"#, true),
        (r#""StringEquals":{"aws:ResourceTag/ära":"1","aws:ResourceTag/ΟΔΟΣ":"2","test:GRÖßE:X":"3"}"#, true),
    ];
    for (condition, expected) in cases {
        let world = World::new(&format!(
            r#"{{"Effect":"Allow","Action":"test:Do","Resource":"*","Condition":{{{condition}}}}}"#
        ));
        let tags = [("Stage", "prod"), ("ÄRA", "1"), ("ΟΔΟΣ", "2")];
        let tags: BTreeMap<_, _> = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let access = Access::to("test:Do", "arn:aws:test:eu-central-1:111122223333:thing/1")
            .tagged(&tags)
            .requesting_tags([("Cost", "7")])
            .removing_tags(["Old"])
            .key("test:Key", "value")
            .key("test:Größe:x", "3")
            .keys("test:Keys", ["one".to_owned(), "two".to_owned()]);
        let verdict = world.cx().decide(&access, false).unwrap();
        assert_eq!(verdict == Verdict::Allowed, expected, "{condition}");
    }
}

#[test]
fn what_is_not_allowed_is_denied_in_words() {
    let world = World::new(r#"{"Effect":"Allow","Action":"test:Other","Resource":"*"}"#);
    let fault = world.cx().authorize(&Access::to("test:Do", "*")).unwrap_err();
    assert_eq!(
        fault.message(),
        "User: arn:aws:iam::111122223333:user/team/alice is not authorized to perform: test:Do on resource: * because no \
         identity-based policy allows the test:Do action"
    );
}

#[test]
fn records_have_the_form_of_cloudtrail() {
    let mut world = World::new("");
    let resources = [Resource {
        kind: "AWS::KMS::Key",
        arn: "arn:aws:kms:eu-central-1:111122223333:key/1".to_owned(),
        account: "111122223333".to_owned(),
    }];
    let session =
        Session { issued: 1_795_302_000_999, source_identity: Some("sam".to_owned()), ..Session::default() };
    world.caller = Caller {
        principal: Principal::Role {
            account: "111122223333".to_owned(),
            path: "/".to_owned(),
            name: "reader".to_owned(),
            id: "AROAEXAMPLE".to_owned(),
            session: "morning".to_owned(),
        },
        access_key_id: Some("ASIAEXAMPLE".to_owned()),
        session: Some(Arc::new(session)),
    };
    let told = serde_json::json!({"recipient": {"module": "i-1"}});
    let record = Record {
        call: &world.call,
        caller: &world.caller,
        recipient: "111122223333",
        source: "kms.amazonaws.com",
        name: "Decrypt",
        read_only: true,
        request: None,
        response: None,
        error: Some(("AccessDenied", "no \"quotes\"")),
        resources: &resources,
        additional: Some(&told),
    };
    let value: serde_json::Value = serde_json::from_slice(&record.write()).unwrap();
    expect![[r#"
        {
          "additionalEventData": {
            "recipient": {
              "module": "i-1"
            }
          },
          "awsRegion": "eu-central-1",
          "errorCode": "AccessDenied",
          "errorMessage": "no \"quotes\"",
          "eventCategory": "Management",
          "eventID": "e",
          "eventName": "Decrypt",
          "eventSource": "kms.amazonaws.com",
          "eventTime": "2026-11-21T23:07:43Z",
          "eventType": "AwsApiCall",
          "eventVersion": "1.11",
          "managementEvent": true,
          "readOnly": true,
          "recipientAccountId": "111122223333",
          "requestID": "r",
          "requestParameters": null,
          "resources": [
            {
              "ARN": "arn:aws:kms:eu-central-1:111122223333:key/1",
              "accountId": "111122223333",
              "type": "AWS::KMS::Key"
            }
          ],
          "responseElements": null,
          "sourceIPAddress": "192.0.2.7",
          "userAgent": "test/1",
          "userIdentity": {
            "accessKeyId": "ASIAEXAMPLE",
            "accountId": "111122223333",
            "arn": "arn:aws:sts::111122223333:assumed-role/reader/morning",
            "principalId": "AROAEXAMPLE:morning",
            "sessionContext": {
              "attributes": {
                "creationDate": "2026-11-21T23:00:00Z",
                "mfaAuthenticated": "false"
              },
              "sessionIssuer": {
                "accountId": "111122223333",
                "arn": "arn:aws:iam::111122223333:role/reader",
                "principalId": "AROAEXAMPLE",
                "type": "Role",
                "userName": "reader"
              },
              "sourceIdentity": "sam"
            },
            "type": "AssumedRole"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&value).unwrap());
}
