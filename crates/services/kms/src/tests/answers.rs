//! Answers of all operations that have something in common.

use super::scene::{Scene, names};
use crate::api::MODEL;
use crate::key::State;
use serde_json::json;

/// Answers whose `KeyId` is the key's id. The others have its ARN (API Reference, by operation; RotateKeyOnDemand as AWS was seen to answer).
const IDS: [&str; 2] = ["GetKeyLastUsage", "GetKeyRotationStatus"];

#[test]
fn key_ids_are_arns_or_ids() {
    let mut seen = Vec::new();
    for operation in names().filter(|name| !name.contains("CustomKeyStore")) {
        let scene = Scene::of(operation);
        if operation == "CancelKeyDeletion" {
            scene.world.put_into(&scene.key, State::PendingDeletion { at: i64::MAX });
        }
        let answer = scene.call_with(&json!({})).unwrap();
        let (_, id) = scene.key.rsplit_once('/').unwrap();
        if let Some(source) = answer.get("SourceKeyId") {
            assert_eq!(*source, scene.key, "{operation}");
            assert_eq!(answer["KeyId"], scene.other, "{operation}");
        } else if let Some(found) = answer.get("KeyId") {
            let wanted = if IDS.contains(&operation) { id } else { scene.key.as_str() };
            assert_eq!(found, wanted, "{operation}");
            seen.push(operation);
        }
        for metadata in ["KeyMetadata", "ReplicaKeyMetadata"].iter().filter_map(|name| answer.get(name)) {
            let (arn, id) = (metadata["Arn"].as_str().unwrap(), metadata["KeyId"].as_str().unwrap());
            assert!(arn.starts_with("arn:aws:kms:") && arn.ends_with(&format!(":key/{id}")), "{operation}");
        }
    }
    assert!(IDS.iter().all(|operation| seen.contains(operation)) && seen.len() > 20, "{seen:?}");
}

#[test]
fn too_many_tags_are_refused_alike() {
    let takes_tags = |name: &&str| {
        let input = MODEL.operation(name).and_then(|model| model.input);
        input.is_some_and(|input| input.members.iter().any(|member| member.name == "Tags"))
    };
    let operations: Vec<_> = names().filter(takes_tags).collect();
    assert_eq!(operations, ["CreateKey", "ReplicateKey", "TagResource"]);
    let tags: Vec<_> =
        (0..51).map(|number| json!({ "TagKey": format!("k{number}"), "TagValue": "" })).collect();
    for operation in operations {
        let fault = Scene::of(operation).call_with(&json!({ "Tags": tags })).unwrap_err();
        assert_eq!((fault.code(), fault.message()), ("TagException", "Too many tags"), "{operation}");
    }
}
