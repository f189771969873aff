//! Tasks: begun, done, tried again and given up.

use crate::doer::{DONE, LEASE_MS, lock, run};
use crate::world::World;
use platform::task::{DeadLetter, INSIDE};
use platform::{EVENTS, Event, Failure, Job, Outside, TRAIL, Task, Timer, Tx};
use serde_json::{Value, json};
use server::{Heeded, TaskState};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn timer(world: &World, kind: &str, subject: &str) -> Timer {
    Timer {
        at: world.now().0,
        service: "doer".to_owned(),
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        task: kind.to_owned(),
        subject: subject.to_owned(),
    }
}

/// A task that reaches a target; its subject is its id.
fn reach(world: &World, subject: &str, target: &str) -> Task {
    let task = Task { outside: true, ..Task::from(timer(world, "reach", subject)) };
    task.named(subject).aimed_at(target)
}

fn enqueue(world: &World, tasks: impl IntoIterator<Item = Task>) {
    world.write(|tx| tasks.into_iter().for_each(|task| task.enqueue(tx).unwrap()));
}

fn done(world: &World, subject: &str) -> u64 {
    world.read(|tx| DONE.get(tx, &[subject])).unwrap().map_or(0, |count| *count)
}

fn waiting(world: &World) -> Vec<Task> {
    world.read(|tx| {
        let lists: [fn(&mut Tx<'_>, Option<&str>, usize) -> _; 3] =
            [Task::inside, Task::outside, Task::in_lanes];
        lists.iter().flat_map(|list| list(tx, None, 10_000).unwrap().tasks).collect()
    })
}

fn dead(world: &World) -> Vec<Arc<DeadLetter>> {
    world
        .read(|tx| DeadLetter::list(tx, None, 10_000))
        .unwrap()
        .into_iter()
        .map(|(_, letter)| letter)
        .collect()
}

fn said(list: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *lock(list))
}

#[tokio::test]
async fn a_hundred_tasks_that_always_fail_delay_no_other() {
    let world = World::new();
    for kind in ["fail", "panic"] {
        enqueue(&world, (0..120).map(|n| timer(&world, kind, &format!("{kind} {n}")).into()));
    }
    world.pass(1);
    enqueue(&world, [timer(&world, "count", "good").into()]);
    // Each look takes a hundred, and leaves none of those that failed at the head.
    for _ in 0..3 {
        assert!(world.try_timers().await.is_err());
    }
    assert_eq!(done(&world, "good"), 1);
    let left = waiting(&world);
    assert_eq!(left.len(), 240);
    for task in &left {
        assert_eq!((task.attempts, done(&world, &task.subject)), (1, 0), "what failed has left nothing");
        let wait = task.due() - world.now().0;
        assert!((INSIDE.wait(1, 0) / 2..=INSIDE.wait(1, 0)).contains(&wait));
        assert!(task.last.as_ref().is_some_and(|last| !last.message.is_empty()));
    }
    // They are not tried before their time, and are tried then.
    world.try_timers().await.unwrap();
    assert!(waiting(&world).iter().all(|task| task.attempts == 1));
    world.doer.up.store(true, Ordering::Relaxed);
    for _ in 0..4 {
        world.pass(20_000);
        for _ in 0..3 {
            let _panics = world.try_timers().await;
        }
    }
    // What fails is done once it can be, once. What panics is given up, and kept.
    assert_eq!(waiting(&world), []);
    assert!((0..120).all(|n| done(&world, &format!("fail {n}")) == 1));
    let dead = dead(&world);
    assert_eq!(dead.len(), 120);
    assert!(dead.iter().all(|letter| letter.task.timer.task == "panic" && letter.task.attempts == 3));
}

#[tokio::test]
async fn a_timer_that_is_tried_again_is_found_by_its_first_time() {
    let world = World::new();
    let failing = timer(&world, "fail", "one");
    enqueue(&world, [failing.clone().into()]);
    assert!(world.try_timers().await.is_err());
    assert!(world.read(|tx| failing.is_set(tx)).unwrap());
    // Set once more, it is still one.
    world.write(|tx| failing.set(tx).unwrap());
    assert_eq!(waiting(&world).len(), 1);
    world.write(|tx| failing.clear(tx).unwrap());
    assert!(!world.read(|tx| failing.is_set(tx)).unwrap());
    assert_eq!(waiting(&world), []);
}

#[tokio::test]
async fn a_call_that_is_refused_within_a_task_is_recorded() {
    let world = World::new();
    enqueue(&world, [timer(&world, "call", "alias/nothing").into()]);
    assert!(world.try_timers().await.is_err());
    let last = world.read(|tx| tx.read_log(TRAIL, tx.log_bounds(TRAIL).1 - 1, store::Order::Forward, 1));
    let record: Value = serde_json::from_slice(&last.unwrap()[0].bytes).unwrap();
    assert_eq!(record["eventName"], "DescribeKey");
    assert!(record["errorCode"].is_string(), "{record}");
    assert_eq!(record["userIdentity"]["invokedBy"], "doer.amazonaws.com");
}

#[tokio::test]
async fn what_is_outside_is_begun_done_and_settled_step_by_step() {
    let world = World::new();
    enqueue(&world, [reach(&world, "a", "").with(json!({ "step": 1 })), reach(&world, "b", "nothing")]);
    for _ in 0..3 {
        world.run_timers().await;
    }
    assert_eq!(said(&world.doer.asked), ["a 1", "a 2", "a 3"]);
    assert_eq!(said(&world.doer.settled), ["a step", "a step", "a done"]);
    assert_eq!((waiting(&world).len(), dead(&world).len(), done(&world, "a")), (0, 0, 3));
    // Enqueued under the same id while it waits, it is there once.
    enqueue(&world, [reach(&world, "c", "is down"), reach(&world, "c", "is down")]);
    assert_eq!(waiting(&world).len(), 1);
    world.write(|tx| assert!(reach(&world, "c", "").cancel(tx).unwrap().is_some()));
    assert_eq!(waiting(&world), []);
}

#[tokio::test]
async fn what_fails_outside_is_tried_as_the_schedule_says_and_kept_in_the_end() {
    let world = World::new();
    enqueue(&world, [reach(&world, "down", "is down"), reach(&world, "no", "says no")]);
    world.run_timers().await;
    let mut settled = said(&world.doer.settled);
    settled.sort();
    assert_eq!(settled, ["down failed", "no over"]);
    assert_eq!(dead(&world)[0].task.last.as_ref().unwrap().code, "No");
    for wait in [1000, 2000, 4000] {
        world.pass(wait / 2 - 1);
        world.run_timers().await;
        assert_eq!(said(&world.doer.settled), [""; 0], "too early");
        world.pass(wait);
        world.run_timers().await;
        let word = if wait == 4000 { "over" } else { "failed" };
        assert_eq!(said(&world.doer.settled), [format!("down {word}")]);
    }
    assert_eq!(waiting(&world), []);
    let [_, letter] = <[_; 2]>::try_from(dead(&world)).unwrap();
    assert_eq!((letter.task.attempts, letter.task.last.as_ref().unwrap().code.as_str()), (4, "Down"));
    // Once its target is there again, it can be had done.
    world.doer.up.store(true, Ordering::Relaxed);
    world.write(|tx| letter.retry(tx, world.now().0).unwrap());
    world.run_timers().await;
    assert_eq!((said(&world.doer.settled), dead(&world).len()), (vec!["down done".to_owned()], 1));
}

#[tokio::test]
async fn an_attempt_without_an_outcome_is_a_lease_that_runs_out_and_three_are_enough() {
    let world = World::new();
    enqueue(&world, [reach(&world, "a", "")]);
    world.hands.hold();
    world.run_timers().await;
    let late = world.hands.take().pop().unwrap();
    // It still runs: it is not begun again, even when its lease has run out.
    world.pass(LEASE_MS);
    world.run_timers().await;
    assert_eq!(said(&world.doer.asked), [""; 0]);
    // What ends before the lease was taken by another counts.
    run(late);
    world.run_timers().await;
    assert_eq!((said(&world.doer.settled), waiting(&world).len()), (vec!["a done".to_owned()], 0));

    enqueue(&world, [reach(&world, "b", "")]);
    for attempts in 1..=3 {
        world.hands.hold();
        world.run_timers().await;
        // As if the process had ended.
        drop(world.hands.take());
        assert_eq!(waiting(&world)[0].attempts, attempts);
        world.run_timers().await;
        assert_eq!(waiting(&world)[0].attempts, attempts, "not before the lease has run out");
        world.pass(LEASE_MS);
    }
    world.run_timers().await;
    assert_eq!((said(&world.doer.settled), waiting(&world).len()), (vec!["b over".to_owned()], 0));
    assert_eq!(dead(&world)[0].task.last.as_ref().unwrap().code, Failure::LOST);

    // So are three that panicked, in the job or when it is settled.
    enqueue(&world, [reach(&world, "c", "panics"), reach(&world, "d", "cannot be settled")]);
    for _ in 0..3 {
        let _panics = world.try_timers().await;
        world.pass(10_000);
    }
    assert_eq!(said(&world.doer.settled), ["c failed", "c failed", "c over"]);
    assert_eq!((waiting(&world).len(), dead(&world).len()), (0, 3));
}

#[tokio::test]
async fn what_cannot_begin_is_an_attempt_that_failed() {
    let world = World::new();
    enqueue(&world, [reach(&world, "a", "refuses to begin")]);
    for _ in 0..4 {
        assert!(world.try_timers().await.is_err());
        world.pass(10_000);
    }
    assert_eq!(said(&world.doer.settled), ["a failed", "a failed", "a failed", "a over"]);
    let [letter] = <[_; 1]>::try_from(dead(&world)).unwrap();
    assert_eq!((letter.task.attempts, letter.task.last.as_ref().unwrap().code.as_str()), (4, "NotNow"));
}

#[tokio::test]
async fn a_lane_keeps_its_order_and_blocks_nobody_else() {
    let world = World::new();
    let in_lane = |subject: &str, target: &str, lane: &str| reach(&world, subject, target).in_lane(lane);
    enqueue(
        &world,
        [
            in_lane("a1", "is down", "a"),
            in_lane("a2", "", "a"),
            in_lane("b1", "", "b"),
            in_lane("a3", "", "a"),
            in_lane("b2", "", "b"),
            in_lane("gone", "", "b"),
        ],
    );
    world.write(|tx| drop(in_lane("gone", "", "b").cancel(tx).unwrap().unwrap()));
    for _ in 0..3 {
        world.run_timers().await;
    }
    assert_eq!(said(&world.doer.asked), ["a1", "b1", "b2"]);
    assert_eq!(waiting(&world).len(), 3);
    world.doer.up.store(true, Ordering::Relaxed);
    world.pass(1000);
    for _ in 0..3 {
        world.run_timers().await;
    }
    assert_eq!(said(&world.doer.asked), ["a1", "a2", "a3"]);
    assert_eq!(waiting(&world), []);
    // A lane that was left is as new; one whose head is given up goes on.
    enqueue(&world, [in_lane("a4", "says no", "a"), in_lane("a5", "", "a")]);
    for _ in 0..2 {
        world.run_timers().await;
    }
    assert_eq!(said(&world.doer.asked), ["a4", "a5"]);
}

#[tokio::test]
async fn a_target_that_does_not_answer_delays_nobody_else() {
    let world = World::new();
    enqueue(&world, (0..1000).map(|n| reach(&world, &format!("hangs {n}"), "hangs")));
    world.pass(1);
    enqueue(&world, [reach(&world, "good", "")]);
    world.hands.hold();
    // A look reads two hundred, and the next goes on from there.
    for _ in 0..6 {
        world.run_timers().await;
    }
    let held = world.hands.take();
    assert_eq!(held.len(), 6, "five at the one that hangs, and the other");
    held.into_iter().for_each(run);
    world.run_timers().await;
    assert_eq!(done(&world, "good"), 1);
}

#[tokio::test]
async fn attempts_that_run_when_the_server_stops_are_given_back() {
    let world = World::new();
    enqueue(&world, [reach(&world, "a", "")]);
    world.hands.hold();
    world.run_timers().await;
    let held = world.hands.take();
    world.seal().await;
    let [task] = <[_; 1]>::try_from(waiting(&world)).unwrap();
    assert_eq!((task.attempts, task.silent, task.due()), (1, 0, world.now().0));
    drop(held);
}

#[tokio::test]
async fn operators_see_what_failed_and_have_it_tried_or_ended() {
    let world = World::new();
    let later = Timer { at: world.now().0 + 1000, ..timer(&world, "count", "later") };
    enqueue(&world, [later.into(), timer(&world, "fail", "inside").into()]);
    enqueue(&world, [reach(&world, "down", "is down"), reach(&world, "no", "says no")]);
    enqueue(&world, ["1", "2"].map(|n| reach(&world, &format!("lane {n}"), "is down").in_lane("a")));
    assert!(world.try_timers().await.is_err());
    let by = json!({ "operator": { "uid": 7, "name": "joe" } });
    let deployment = world.deployment();
    let states = async || {
        let list = deployment.list_tasks(by.clone()).await.unwrap();
        assert!(!list.more);
        list.tasks.into_iter().map(|task| (task.subject.clone(), task)).collect::<BTreeMap<_, _>>()
    };
    let seen = states().await;
    let told: Vec<_> = seen.iter().map(|(subject, task)| (subject.as_str(), task.state)).collect();
    let (behind, dead, failed) = (TaskState::Behind, TaskState::Dead, TaskState::Failed);
    let expected = [("down", failed), ("inside", failed), ("lane 1", failed), ("lane 2", behind)];
    assert_eq!(told, [&expected[..], &[("later", TaskState::Waiting), ("no", dead)]].concat());
    assert_eq!((seen["no"].error.as_deref(), seen["no"].message.as_deref()), (Some("No"), Some("never")));
    assert_eq!(seen["down"].message.as_deref(), Some("it is down"));
    // What has not failed is left alone.
    for subject in ["later", "lane 2"] {
        assert_eq!(deployment.retry_task(&seen[subject].id, &by).await.unwrap(), Heeded::NotFailed);
        assert_eq!(deployment.discard_task(&seen[subject].id, &by).await.unwrap(), Heeded::NotFailed);
    }
    assert_eq!(deployment.retry_task("nothing", &by).await.unwrap(), Heeded::Unknown);
    world.doer.up.store(true, Ordering::Relaxed);
    said(&world.doer.settled);
    for subject in ["down", "inside"] {
        assert_eq!(deployment.retry_task(&seen[subject].id, &by).await.unwrap(), Heeded::Done);
    }
    for subject in ["no", "lane 1"] {
        assert_eq!(deployment.discard_task(&seen[subject].id, &by).await.unwrap(), Heeded::Done);
    }
    // Its service hears of it, and the next of its lane begins.
    assert_eq!(said(&world.doer.settled), ["lane 1 over"]);
    world.run_timers().await;
    assert_eq!((done(&world, "inside"), said(&world.doer.settled).len()), (1, 2));
    assert_eq!(states().await.into_keys().collect::<Vec<_>>(), ["later"]);
    for (name, records) in [("RetryTask", 2), ("DiscardTask", 2)] {
        let found = world.records(name).await;
        assert_eq!(found.len(), records);
        assert!(found.iter().all(|record| record["serviceEventDetails"]["operator"]["name"] == "joe"));
    }
}

/// A name for each event, so that it is seen which were heard and how often.
fn publish(world: &World, names: impl IntoIterator<Item = String>) {
    world.write(|tx| {
        for name in names {
            let event = Event {
                id: name.clone(),
                account: "111122223333".to_owned(),
                region: "us-east-1".to_owned(),
                time: 0,
                source: "aws.doer".to_owned(),
                detail_type: name,
                resources: Vec::new(),
                detail: json!({}),
            };
            tx.append(EVENTS, &serde_json::to_vec(&event).unwrap()).unwrap();
        }
    });
}

#[tokio::test]
async fn what_follows_a_log_is_given_each_entry_once_and_in_order() {
    let world = World::new();
    publish(&world, (0..600).map(|n| format!("event {n}")));
    *lock(&world.doer.heard.panics_at) = Some(450);
    // The second step takes entries before the one at which it panics with it; then one at a time.
    for _ in 0..20 {
        let _panics = world.try_timers().await;
        world.pass(20_000);
    }
    assert_eq!(*lock(&world.doer.heard.heard), (0..450).collect::<Vec<_>>());
    assert_eq!((done(&world, "event 449"), done(&world, "event 450")), (1, 0));
    *lock(&world.doer.heard.panics_at) = None;
    world.pass(3_600_000);
    // One at a time for a while yet.
    for _ in 0..20 {
        world.run_timers().await;
    }
    assert_eq!(*lock(&world.doer.heard.heard), (0..600).collect::<Vec<_>>());
    assert!((0..600).all(|n| done(&world, &format!("event {n}")) == 1));
    // What everybody was given is not kept.
    world.pass(60_000);
    world.run_timers().await;
    assert_eq!(world.read(|tx| tx.log_bounds(EVENTS)), (600, 600));
}

/// On threads, with a deployment that is woken by what ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_run_jobs_and_tell_how_they_ended() {
    let (told, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let long = Duration::from_secs(3600);
    let jobs = [
        (long, Job::blocking(|| Ok(json!(1)))),
        (long, Job::asynchronous(async { Ok(json!(2)) })),
        (long, Job::blocking(|| panic!("as it is meant to"))),
        (long, Job::asynchronous(async { panic!("as it is meant to") })),
        (Duration::from_millis(1), Job::asynchronous(std::future::pending())),
    ];
    for (n, (lease, job)) in jobs.into_iter().enumerate() {
        let told = told.clone();
        server::Threads.start(lease, job, Box::new(move |attempt| told.send((n, attempt)).unwrap()));
    }
    let mut found = Vec::new();
    while found.len() < 5 {
        let (n, attempt) = ends.recv().await.unwrap();
        found.push((n, attempt.map_err(|failure| failure.code)));
    }
    found.sort_by_key(|(n, _)| *n);
    let ended: Vec<_> = found.into_iter().map(|(_, attempt)| attempt).collect();
    let error = |code: &str| Err(code.to_owned());
    let panicked = || error(Failure::PANICKED);
    assert_eq!(ended, [Ok(json!(1)), Ok(json!(2)), panicked(), panicked(), error(Failure::TIMED_OUT)]);
}
