//! Whole requests through a whole server.

use crate::heads;
use serde_json::Value;
use simulation::world::{Credentials, REGION, Server, World};
use std::cell::RefCell;
use store::Memory;
use wire::sigv4::{Scope, Signer, SigningKey};

/// After so many records a server is let go of.
const RECORDS_MAX: u64 = 300;

thread_local! {
    static SERVER: RefCell<Option<(World, Server<Memory>)>> = const { RefCell::new(None) };
}

pub(crate) fn serving(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let Some((mut parts, body)) = heads::request(data) else { return };
    SERVER.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(_, server)| server.trail_end() > RECORDS_MAX) {
            let world = World::new(11);
            let server = world.start(Memory::new());
            *kept = Some((world, server));
        }
        let (world, server) = kept.as_mut().unwrap();
        let services = ["kms", "iam", "sts", "cloudtrail"];
        if let Some(service) = services.get(usize::from(choice) % 5) {
            let (root, now) = (Credentials::root(), world.now());
            let scope = Scope::at(now, REGION, service);
            let key = SigningKey::derive(root.secret.as_bytes(), &scope);
            let signer = Signer { access_key_id: &root.id, session_token: None, scope: &scope, key: &key };
            for header in ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"] {
                parts.headers.remove(header);
            }
            if signer.sign(&mut parts, body, now).is_err() {
                return;
            }
        }
        let before = server.trail_end();
        let answer = server.call(parts.clone(), body.to_vec());
        let text = String::from_utf8_lossy(&answer.body);
        assert!(answer.status < 500 || answer.status == 501, "{}: {text} for {parts:?}", answer.status);
        let records = server.trail(before);
        let record: Value = serde_json::from_slice(&records.first().expect("a record").bytes).unwrap();
        assert_eq!(record["errorCode"].is_null(), answer.status < 300, "{record} for {text}");
        let calls =
            records.iter().filter(|entry| !entry.bytes.windows(15).any(|text| text == b"AwsServiceEvent"));
        assert_eq!(calls.count(), 1, "one record a call");
    });
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let kms =
        "POST /\nhost: localhost\ncontent-type: application/x-amz-json-1.1\nx-amz-target: TrentService.";
    let mut seeds: Vec<Vec<u8>> = [
        "CreateKey\n\n{}",
        "CreateKey\n\n{\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"b\"}],\"Description\":\"d\"}",
        "ListKeys\n\n{\"Limit\":2,\"Marker\":\"AQ\"}",
        "Decrypt\n\n{\"CiphertextBlob\":\"AQAA\"}",
        "GenerateRandom\n\n{\"NumberOfBytes\":3}",
        "DescribeKey\n\n{\"KeyId\":\"alias/aws/s3\"}",
        "CreateAlias\n\n{\"AliasName\":\"alias/a\",\"TargetKeyId\":\"1234abcd-12ab-34cd-56ef-1234567890ab\"}",
    ]
    .iter()
    .map(|rest| format!("\0{kms}{rest}").into_bytes())
    .collect();
    let form = "POST /\nhost: localhost\ncontent-type: application/x-www-form-urlencoded\n\n";
    for rest in [
        "Action=CreateUser&Version=2010-05-08&UserName=u&Path=/a/",
        "Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument=%7B%22Statement%22%3A%5B%5D%7D",
        "Action=ListUsers&Version=2010-05-08&PathPrefix=/a/&MaxItems=1",
        "Action=PutUserPolicy&Version=2010-05-08&UserName=u&PolicyName=p&PolicyDocument=%7B%7D",
        "Action=GetAccountAuthorizationDetails&Version=2010-05-08&Filter.member.1=User",
    ] {
        seeds.push(format!("\u{1}{form}{rest}").into_bytes());
    }
    seeds.push(
        format!("\u{2}{form}Action=GetFederationToken&Version=2011-06-15&Name=f&Policy=%7B%7D").into_bytes(),
    );
    let lookup = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
    let lookup = kms.replace("TrentService.", lookup);
    seeds.push(format!("\u{3}{lookup}\n\n{{\"LookupAttributes\":[{{\"AttributeKey\":\"ReadOnly\",\"AttributeValue\":\"true\"}}],\"StartTime\":0,\"EndTime\":1e10}}").into_bytes());
    seeds.extend(heads::seeds().into_iter().map(|head| [&[4], head.as_slice()].concat()));
    seeds
}
