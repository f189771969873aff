//! The bodies of requests, through the schemas of the real operations.

use crate::Choices;
use crate::heads::{self, parts};
use http::request::Parts;
use platform::{AnyOperation, AnyShape};
use std::sync::LazyLock;
use wire::{OperationModel, Protocol, ServiceModel};

/// An operation of a service that exists.
pub(crate) struct Known {
    pub(crate) service: &'static ServiceModel,
    pub(crate) operation: Box<dyn AnyOperation>,
}

/// All operations there are, in the order of service and name.
pub(crate) static OPERATIONS: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let operations = assembly::services(assembly::Parts::default()).into_iter().flat_map(|service| {
        let model = service.model();
        let mut operations = service.operations();
        operations.sort_by_key(|operation| operation.model().name);
        operations.into_iter().map(move |operation| Known { service: model, operation })
    });
    operations.collect()
});

fn chosen(choice: usize, speaks: Protocol) -> &'static Known {
    let all = OPERATIONS.iter().filter(|known| known.service.protocols.contains(&speaks));
    let all: Vec<_> = all.collect();
    all[choice % all.len()]
}

pub(crate) fn json(data: &[u8]) {
    let mut choices = Choices(data);
    let known = &OPERATIONS[choices.byte() % OPERATIONS.len()];
    read(known, Protocol::Json11, &parts("POST", "/", &[]), choices.0);
}

pub(crate) fn cbor(data: &[u8]) {
    let mut choices = Choices(data);
    let known = &OPERATIONS[choices.byte() % OPERATIONS.len()];
    read(known, Protocol::Cbor, &parts("POST", "/", &[]), choices.0);
}

pub(crate) fn query(data: &[u8]) {
    let mut choices = Choices(data);
    let known = chosen(choices.byte(), Protocol::Query);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    read(known, Protocol::Query, &parts("POST", "/", &form), choices.0);
}

pub(crate) fn rest_json(data: &[u8]) {
    let Some((parts, body)) = heads::request(data) else { return };
    let thing = things::MODEL.operation("PutThing").unwrap();
    if let Ok(value) =
        wire::decode::<things::PutThingRequest>(Protocol::RestJson, &things::MODEL, thing, &parts, body)
    {
        is_recorded(&value);
    }
    let file = things::MODEL.operation("PutFile").unwrap();
    if let Ok(value) = wire::decode::<things::File>(Protocol::RestJson, &things::MODEL, file, &parts, body) {
        is_recorded(&value);
    }
}

/// Decodes an input. One that is accepted must come back the same however it is passed on.
fn read(known: &Known, protocol: Protocol, parts: &Parts, body: &[u8]) {
    let Ok(call) = known.operation.decode(protocol, known.service, parts, body) else { return };
    is_recorded(call.input());
    let text = written(known, Protocol::Json11, call.input());
    for other in [Protocol::Json11, Protocol::Cbor] {
        let bytes = written(known, other, call.input());
        let again = known.operation.decode(other, known.service, parts, &bytes).unwrap_or_else(|rejection| {
            panic!("{}: {rejection:?} for its own {other:?}: {text:?}", known.operation.model().name)
        });
        let again = written(known, Protocol::Json11, again.input());
        assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&text), "after {other:?}");
    }
}

fn written(known: &Known, protocol: Protocol, input: &dyn AnyShape) -> Vec<u8> {
    // Only outputs are ever written; an operation that gives back what it is given has the input as its output.
    let echo = OperationModel::new("Echo").output(input.schema());
    wire::encode(protocol, known.service, &echo, input.field(), input.schema(), "id").body
}

/// What is accepted can be written to the audit trail.
fn is_recorded(input: &dyn AnyShape) {
    let mut record = Vec::new();
    wire::trail_json(input.field(), input.schema(), &mut record);
    if !record.is_empty() {
        let value: serde_json::Value = serde_json::from_slice(&record).unwrap();
        assert!(value.is_object(), "{value}");
    }
}

pub(crate) fn json_seeds() -> Vec<Vec<u8>> {
    let bodies = [
        r#"{"KeyId":"alias/a","Plaintext":"cA==","EncryptionContext":{"a":"b"},"GrantTokens":["t"],"DryRun":true}"#,
        r#"{"CiphertextBlob":"AAECAw==","KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#,
        r#"{"Tags":[{"TagKey":"k","TagValue":"v"}],"Policy":"{}","KeySpec":"SYMMETRIC_DEFAULT","MultiRegion":false}"#,
        r#"{"KeyId":"k","PendingWindowInDays":7,"RotationPeriodInDays":90,"TagKeys":["k"],"Limit":1,"Marker":"m"}"#,
        r#"{"KeyId":"k","GranteePrincipal":"p","Operations":["Encrypt"],"Constraints":{"EncryptionContextSubset":{"a":"b"}}}"#,
        r#"{"LookupAttributes":[{"AttributeKey":"EventName","AttributeValue":"x"}],"StartTime":1.5,"EndTime":1795302463,"MaxResults":50}"#,
        r#"{"UserName":"u","Path":"/a/","RoleName":"r","PolicyArn":"arn:aws:iam::aws:policy/a","MaxItems":1}"#,
        r#"{"\u004beyId":"\ud83d\ude00\u00e9","Extra":[1,-2.5e3,null,{"a":[[]]}],"NumberOfBytes":1}"#,
    ];
    let seeds = bodies.iter().flat_map(|body| {
        let fits = |(number, known): (usize, &Known)| {
            let read = known.operation.decode(
                Protocol::Json11,
                known.service,
                &parts("POST", "/", &[]),
                body.as_bytes(),
            );
            read.is_ok().then(|| [&[u8::try_from(number).unwrap()], body.as_bytes()].concat())
        };
        OPERATIONS.iter().enumerate().filter_map(fits).take(4).collect::<Vec<_>>()
    });
    seeds.chain([vec![0, b'{', b'}']]).collect()
}

pub(crate) fn cbor_seeds() -> Vec<Vec<u8>> {
    let of_json = |seed: Vec<u8>| {
        let known = &OPERATIONS[usize::from(seed[0]) % OPERATIONS.len()];
        let empty = parts("POST", "/", &[]);
        let call = known.operation.decode(Protocol::Json11, known.service, &empty, &seed[1..]).ok()?;
        Some([&seed[..1], &written(known, Protocol::Cbor, call.input())].concat())
    };
    let seeds = json_seeds().into_iter().filter_map(of_json);
    // Lengths not known at first, halves, tags.
    seeds
        .chain([
            b"\x00\xbf\x65KeyId\x7f\x61a\x61b\xff\xff".to_vec(),
            b"\x00\xa1\x61t\xc1\xf9\x3c\x00".to_vec(),
        ])
        .collect()
}

pub(crate) fn query_seeds() -> Vec<Vec<u8>> {
    let forms = [
        "Action=A&Version=2010-05-08&UserName=u&Path=%2Fa%2F&Tags.member.1.Key=k&Tags.member.1.Value=v",
        "RoleName=r&AssumeRolePolicyDocument=%7B%7D&MaxSessionDuration=3600&Description=d+d",
        "PolicyName=p&PolicyDocument=%7b%7d&SetAsDefault=true&PolicyArn=arn:aws:iam::aws:policy/a",
        "RoleArn=arn:aws:iam::111122223333:role/r&RoleSessionName=session&DurationSeconds=900&PolicyArns.member.1.arn=a",
        "AccessKeyId=AKIAAAAAAAAAAAAAAAAA&Status=Inactive&MaxItems=10&Marker=m&TagKeys.member.2=b&TagKeys.member.1=a",
        "InstanceProfileName=i&GroupName=g&Filter.member.1=User&",
    ];
    let queries = OPERATIONS.iter().filter(|known| known.service.protocols.contains(&Protocol::Query));
    let mut seeds = Vec::new();
    for (number, known) in queries.enumerate() {
        for form in forms {
            let parts = parts("POST", "/", &[("content-type", "application/x-www-form-urlencoded")]);
            let read = known.operation.decode(Protocol::Query, known.service, &parts, form.as_bytes());
            if read.is_ok() && seeds.len() < 40 {
                seeds.push([&[u8::try_from(number).unwrap()], form.as_bytes()].concat());
            }
        }
    }
    seeds
}

pub(crate) fn rest_json_seeds() -> Vec<Vec<u8>> {
    [
        "PUT /v1/a%20b/things/2026-11-21T23:07:43Z?thing&q=1&m=x\nhost: h\ncontent-type: application/json\n\n{\"Text\":\"t\",\"Numbers\":[1,2]}",
        "PUT /files/a/b%2Fc HTTP\nhost: h\ncontent-type: text/plain\nx-color: RED\n\nbody",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

#[path = "../../crates/wire/tests/rest/api.rs"]
#[expect(unreachable_pub, reason = "an interface made for the tests of `wire`")]
mod things;
