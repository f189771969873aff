//! Keys of a device that nothing uses.

use super::{Behind, cloudhsm, world};
use crate::api::{self, ops};
use crate::testing::{DAY, World};
use platform::Trouble;
use std::sync::atomic::Ordering;

const MINUTE: i64 = 60_000;

fn orphans(world: &World) -> usize {
    world.rows().iter().filter(|row| row.starts_with("kms/orphans ")).count()
}

fn keys(behind: &Behind) -> usize {
    behind.keys.lock().unwrap().len()
}

#[test]
fn a_key_that_was_made_for_a_call_that_failed_is_removed() {
    let (world, behind) = world();
    let id = world.connected(cloudhsm());
    world.key_in(&id, None).unwrap();
    assert_eq!((keys(&behind), orphans(&world)), (1, 0));
    behind.slow.store(true, Ordering::Relaxed);
    assert_eq!(world.key_in(&id, None).unwrap_err().code(), "DependencyTimeoutException");
    behind.slow.store(false, Ordering::Relaxed);
    assert_eq!((keys(&behind), orphans(&world)), (2, 1));
    // While the call could be under way still, it is not touched.
    world.wait(14 * MINUTE);
    let kept = world.key_in(&id, None).unwrap().key_id;
    world.run_timers();
    assert_eq!((keys(&behind), orphans(&world)), (3, 1));
    world.events();
    world.wait(2 * MINUTE);
    world.run_timers();
    assert_eq!((keys(&behind), orphans(&world)), (2, 0));
    let [event] = <[_; 1]>::try_from(world.events()).unwrap();
    assert_eq!(event.name, "RemoveOrphanedKey");
    assert!(world.encrypt(&kept).is_ok());
    world.wait(DAY);
    world.run_timers();
    assert_eq!(keys(&behind), 2, "keys that are in use stay");
    assert!(world.encrypt(&kept).is_ok());
}

#[test]
fn a_deleted_key_is_removed_when_its_store_is_connected_again() {
    let (world, behind) = world();
    let id = world.connected(cloudhsm());
    let delete = || {
        let input = api::ScheduleKeyDeletionRequest {
            key_id: world.key_in(&id, None).unwrap().key_id,
            pending_window_in_days: Some(7),
        };
        world.call::<ops::ScheduleKeyDeletion>(&world.root(), input).unwrap();
    };
    for _ in 0..12 {
        delete();
    }
    world.disconnect(&id).unwrap();
    world.run_timers();
    world.wait(8 * DAY);
    world.run_timers();
    assert!(world.key_arns().is_empty());
    assert_eq!((keys(&behind), orphans(&world)), (12, 12));
    world.connect(&id).unwrap();
    world.run_timers();
    assert_eq!((keys(&behind), orphans(&world)), (0, 0));
    // A device that does not do it is asked again later.
    delete();
    world.wait(8 * DAY);
    *behind.trouble.lock().unwrap() = Some(Trouble::TimedOut);
    world.run_timers();
    assert_eq!((keys(&behind), orphans(&world)), (1, 1));
    *behind.trouble.lock().unwrap() = None;
    world.run_timers();
    assert_eq!(keys(&behind), 1);
    world.wait(MINUTE);
    world.run_timers();
    assert_eq!((keys(&behind), orphans(&world)), (0, 0));
    // What lies in a store that is deleted is out of reach.
    delete();
    world.disconnect(&id).unwrap();
    world.wait(8 * DAY);
    world.run_timers();
    world.delete(&id).unwrap();
    assert_eq!((keys(&behind), orphans(&world)), (1, 0));
    world.run_timers();
}
