use super::scene::Scene;
use crate::api::{self, ops};
use crate::key::State;
use crate::state::{Cell, TABLE};
use serde_json::json;
use std::collections::BTreeSet;

/// Every state that a key can be in, in the order of the table's cells.
const STATES: [State; 7] = [
    State::Enabled,
    State::Disabled,
    State::PendingDeletion { at: i64::MAX },
    State::PendingImport,
    State::Unavailable,
    State::Creating,
    State::Updating,
];

fn expected(cell: Cell, key: &str) -> Option<(&'static str, String)> {
    let invalid = |state: &str| Some(("KMSInvalidStateException", format!("{key} is {state}.")));
    match cell {
        Cell::Works => None,
        Cell::IsDisabled => Some(("DisabledException", format!("{key} is disabled."))),
        Cell::IsPendingDeletion => invalid("pending deletion"),
        Cell::IsNotPendingDeletion => invalid("not pending deletion"),
        Cell::IsPendingImport => invalid("pending import"),
        Cell::IsUnavailable => invalid("unavailable"),
        Cell::IsCreating => invalid("creating"),
        Cell::IsUpdating => invalid("updating"),
    }
}

/// Every cell of the table of key states.
#[test]
fn every_cell() {
    for row in TABLE {
        for operation in row.operations {
            for (state, cell) in STATES.into_iter().zip(row.cells) {
                let scene = Scene::of(operation);
                scene.world.put_into(&scene.key, state);
                let result = scene.call_with(&json!({}));
                let got = result.as_ref().err().map(|fault| (fault.code(), fault.message().to_owned()));
                assert_eq!(got, expected(cell, &scene.key), "{operation} on a key that is {state:?}");
            }
        }
    }
}

#[test]
fn every_operation_on_a_key_is_in_the_table() {
    let in_table: Vec<_> = TABLE.iter().flat_map(|row| row.operations).copied().collect();
    let unique: BTreeSet<_> = in_table.iter().copied().collect();
    assert_eq!(unique.len(), in_table.len(), "an operation is in two rows");
    let without_key = ["CreateKey", "GenerateRandom", "ListKeys", "ListRetirableGrants"];
    let on_keys: BTreeSet<_> = crate::api::MODEL
        .operations
        .iter()
        .map(|model| model.name)
        .filter(|name| !without_key.contains(name) && !name.contains("CustomKeyStore"))
        .collect();
    assert_eq!(on_keys, unique);
}

/// An alias may be taken from a key that is pending deletion.
#[test]
fn the_key_that_loses_an_alias_may_be_pending_deletion() {
    let scene = Scene::of("UpdateAlias");
    scene.world.put_into(&scene.other, State::PendingDeletion { at: i64::MAX });
    scene.call_with(&json!({})).unwrap();
}

/// Every operation that counts as use is noted, for every key that it uses; others, dry runs and failures are not.
#[test]
fn last_usage() {
    for operation in api::KeyLastUsageTrackingOperation::ALL {
        let scene = Scene::of(operation.as_str());
        let root = scene.world.root();
        let last = |key: &str| {
            let input = api::GetKeyLastUsageRequest { key_id: key.to_owned() };
            scene.world.call::<ops::GetKeyLastUsage>(&root, input).unwrap()
        };
        let unused = last(&scene.world.key());
        assert!(
            unused.key_last_usage.is_some_and(|usage| usage.operation.is_none() && usage.timestamp.is_none())
        );
        assert_eq!(unused.tracking_start_date, unused.key_creation_date);
        scene.world.wait(1000);
        scene.call_with(&json!({})).unwrap();
        let used = last(&scene.key);
        assert_eq!(used.key_id.as_deref(), scene.key.rsplit('/').next());
        let used = used.key_last_usage.unwrap();
        assert_eq!(used.operation, Some(*operation));
        assert_eq!(used.timestamp, Some(wire::Timestamp(scene.world.now())));
        assert_eq!(used.kms_request_id.as_deref(), Some("request"));
        if *operation == api::KeyLastUsageTrackingOperation::ReEncrypt {
            let other = last(&scene.other).key_last_usage.unwrap();
            assert_eq!(
                other.cloud_trail_event_id, used.cloud_trail_event_id,
                "the destination is used as well"
            );
        }
        let describe = api::DescribeKeyRequest { key_id: scene.key.clone(), ..Default::default() };
        scene.world.call::<ops::DescribeKey>(&root, describe).unwrap();
        let dry = api::EncryptRequest {
            key_id: scene.key.clone(),
            plaintext: b"x"[..].into(),
            dry_run: Some(true),
            ..Default::default()
        };
        scene.world.call::<ops::Encrypt>(&root, dry).unwrap_err();
        assert_eq!(last(&scene.key).key_last_usage.unwrap().cloud_trail_event_id, used.cloud_trail_event_id);
    }
}
