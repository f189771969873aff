//! When a transaction learns that it has lost to another.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use store::{CommitError, Committed, Engine, Group, Limits, Logs, Memory, Snapshot, Store, StoreError};

type Committing = Pin<Box<dyn Future<Output = Result<Committed, CommitError>> + Send>>;

/// Something that is waited for, and that it is shared with the engine.
type Shared = Arc<Mutex<Committing>>;

fn poll(committing: &Shared) -> Poll<Result<Committed, CommitError>> {
    committing.lock().unwrap().as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Looks, while it makes a group durable, whether somebody has been answered already.
struct Watching {
    rows: Memory,
    loser: Arc<Mutex<Option<Shared>>>,
}

impl Engine for Watching {
    fn version(&self) -> u64 {
        self.rows.version()
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.rows.snapshot()
    }

    fn logs(&self) -> Arc<dyn Logs> {
        self.rows.logs()
    }

    fn commit(&mut self, group: &Group, oldest: u64) -> Result<(), StoreError> {
        if let Some(loser) = &*self.loser.lock().unwrap() {
            assert!(poll(loser).is_pending(), "what it lost to cannot be seen yet: it would only lose again");
        }
        self.rows.commit(group, oldest)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.rows.close()
    }
}

fn counts(store: &Store) -> Shared {
    let store = store.clone();
    let mut txn = store.begin();
    let count = txn.get(b"count").unwrap().map_or(0, |count| count[0]);
    txn.put(b"count", vec![count + 1]);
    Arc::new(Mutex::new(Box::pin(async move { store.commit(txn).await })))
}

#[test]
fn whoever_loses_is_told_when_it_can_win() {
    let loser = Arc::default();
    let engine = Watching { rows: Memory::new(), loser: Arc::clone(&loser) };
    let (store, mut stepper) = Store::open_stepped(engine, Limits::default());
    let (winning, losing) = (counts(&store), counts(&store));
    assert!(poll(&winning).is_pending() && poll(&losing).is_pending());
    *loser.lock().unwrap() = Some(Arc::clone(&losing));
    stepper.step(2);
    assert!(matches!(poll(&winning), Poll::Ready(Ok(_))));
    assert!(matches!(poll(&losing), Poll::Ready(Err(CommitError::Conflict))));
    *loser.lock().unwrap() = None;
    let again = counts(&store);
    assert!(poll(&again).is_pending());
    stepper.step(1);
    assert!(matches!(poll(&again), Poll::Ready(Ok(_))));
    assert_eq!(store.begin().get(b"count").unwrap().unwrap()[..], [2]);
}
