use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::cache::Cache;
use crate::commit::{Committer, Request};
use crate::counts::Counts;
use crate::limits::NOTE_BYTES;
use crate::recent::Recent;
use crate::stepper::Stepper;
use crate::{
    CommitError, Engine, EngineStats, Image, Limits, LogId, LogRead, Logs, Room, Snapshot, Stats, StoreError,
    Txn,
};

/// A store: rows by key, and logs. Clones share one store; when the last one goes, its thread ends, and what was
/// committed stays.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its place in the order of all transactions; that of its snapshot if it changed nothing.
    pub version: u64,
    /// The positions of its log records, in the order in which they were appended.
    pub positions: Vec<(LogId, u64)>,
}

/// Reads logs without a transaction.
#[derive(Clone)]
pub struct LogReader(Arc<dyn Logs>);

struct Inner {
    shared: Arc<Shared>,
    /// Only gone while being dropped.
    requests: Option<mpsc::Sender<Request>>,
    /// None for a store that is stepped.
    thread: Option<JoinHandle<()>>,
}

/// What transactions and the committing thread have in common.
pub(crate) struct Shared {
    pub(crate) current: RwLock<Arc<Published>>,
    pub(crate) recent: RwLock<Recent>,
    pub(crate) cache: Cache,
    /// What [`Txn::note`] left, by the versions of its transactions.
    pub(crate) notes: Cache,
    pub(crate) logs: Arc<dyn Logs>,
    pub(crate) counts: Counts,
    engine_stats: Box<dyn Fn() -> EngineStats + Send + Sync>,
}

/// One version of all rows; as long as one is referred to, its version counts as in use.
pub(crate) struct Published {
    pub(crate) version: u64,
    pub(crate) snapshot: Arc<dyn Snapshot>,
}

impl Store {
    /// Opens a store over an engine, with the limits of [`Limits::default`].
    pub fn open(engine: impl Engine) -> Result<Store, StoreError> {
        Store::open_with(engine, Limits::default())
    }

    /// Opens a store over an engine.
    pub fn open_with(engine: impl Engine, limits: Limits) -> Result<Store, StoreError> {
        let (mut inner, committer, incoming) = Store::prepare(engine, limits);
        let thread = std::thread::Builder::new().name("store-commit".into());
        let thread = thread.spawn(move || committer.run(incoming));
        inner.thread = Some(thread.map_err(|e| StoreError::io("starting the committing thread", e))?);
        Ok(Store { inner: Arc::new(inner) })
    }

    /// Opens a store without a committing thread: transactions wait until the [`Stepper`] is told to go on. For simulations, in
    /// which nothing may depend on how threads are scheduled.
    pub fn open_stepped<E: Engine>(engine: E, limits: Limits) -> (Store, Stepper<E>) {
        let (inner, committer, incoming) = Store::prepare(engine, limits);
        (Store { inner: Arc::new(inner) }, Stepper::new(committer, incoming))
    }

    fn prepare<E: Engine>(engine: E, limits: Limits) -> (Inner, Committer<E>, mpsc::Receiver<Request>) {
        let version = engine.version();
        let current = Arc::new(Published { version, snapshot: engine.snapshot() });
        let shared = Arc::new(Shared {
            current: RwLock::new(current),
            recent: RwLock::new(Recent::new(version)),
            cache: Cache::new(limits.cache_bytes_max),
            notes: Cache::new(limits.notes_bytes_max),
            logs: engine.logs(),
            counts: Counts::new(),
            engine_stats: engine.stats(),
        });
        let (requests, incoming) = mpsc::channel(limits.queue_max.max(1));
        let committer = Committer::new(engine, shared.clone(), limits);
        (Inner { shared, requests: Some(requests), thread: None }, committer, incoming)
    }

    /// A transaction over the rows as of now.
    pub fn begin(&self) -> Txn {
        let shared = &self.inner.shared;
        let at = shared.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        Txn::new(shared.clone(), at)
    }

    /// Commits a transaction: once this returns, it is durable and every later transaction sees it. One that
    /// changes nothing needs no commit: its reads were consistent.
    ///
    /// Waits for a place while the queue is full. If the future is dropped while waiting, the transaction may or
    /// may not take effect.
    pub async fn commit(&self, mut txn: Txn) -> Result<Committed, CommitError> {
        let (version, notes) = (txn.version(), txn.take_notes());
        let committed = match txn.into_intent()? {
            None => Committed { version, positions: Vec::new() },
            Some(intent) => {
                let (reply, answer) = oneshot::channel();
                self.send(Request::Commit(intent, reply)).await?;
                answer.await.map_err(|_| StoreError::Closed)?.result?
            }
        };
        for (key, note) in notes {
            self.inner.shared.notes.offer(&key, committed.version, note, NOTE_BYTES, || true);
        }
        Ok(committed)
    }

    /// [`commit`](Self::commit) for a thread that may block.
    pub fn commit_blocking(&self, txn: Txn) -> Result<Committed, CommitError> {
        block_on(self.commit(txn))
    }

    /// The logs.
    pub fn log(&self) -> LogReader {
        LogReader(self.inner.shared.logs.clone())
    }

    /// Everything that was committed before this call, as of one version, to be copied or verified while commits go on.
    pub async fn image(&self) -> Result<Image, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Image(reply)).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// [`image`](Self::image) for a thread that may block.
    pub fn image_blocking(&self) -> Result<Image, StoreError> {
        block_on(self.image())
    }

    /// Ends the store: what was sent before is committed, later commits are refused, and the engine is left so that
    /// the next opening is quick.
    pub async fn close(self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Close(reply)).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// [`close`](Self::close) for a thread that may block.
    pub fn close_blocking(self) -> Result<(), StoreError> {
        block_on(self.close())
    }

    /// Looks how much room there is.
    pub fn room(&self) -> Room {
        let room = (self.inner.shared.engine_stats)().room;
        self.inner.shared.counts.full.store(room.is_short(), Relaxed);
        room
    }

    /// Whether there was too little room when it was last looked: by a commit, or by [`room`](Self::room).
    pub fn is_full(&self) -> bool {
        self.inner.shared.counts.full.load(Relaxed)
    }

    /// Whether a write failed, so that commits are refused until the store is opened anew.
    pub fn has_failed(&self) -> bool {
        self.inner.shared.counts.poisoned.load(Relaxed)
    }

    /// Counts and sizes.
    pub fn stats(&self) -> Stats {
        let shared = &self.inner.shared;
        let (cache_hits, cache_misses, cache_bytes) = shared.cache.stats();
        let queued = self.inner.requests.as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity());
        Stats {
            recent_keys: shared.recent.read().unwrap_or_else(PoisonError::into_inner).len() as u64,
            cache_hits,
            cache_misses,
            cache_bytes: cache_bytes as u64,
            engine: (shared.engine_stats)(),
            ..shared.counts.stats(queued)
        }
    }

    async fn send(&self, request: Request) -> Result<(), StoreError> {
        let requests = self.inner.requests.as_ref().ok_or(StoreError::Closed)?;
        requests.send(request).await.map_err(|_| StoreError::Closed)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.stats()).finish()
    }
}

impl LogReader {
    /// The position of the oldest record kept of a log, and that of the next to come.
    pub fn bounds(&self, log: LogId) -> (u64, u64) {
        self.0.bounds(log)
    }

    /// Committed records of a log with their positions.
    pub fn read(&self, log: LogId, read: LogRead) -> Result<Vec<(u64, Bytes)>, StoreError> {
        self.0.read(log, read)
    }
}

impl fmt::Debug for LogReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogReader").finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Without the sender the thread comes to its end. Waited for, so that the files are free afterwards.
        self.requests = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the committing thread of a store panicked");
        }
    }
}

/// Runs a future that needs no runtime on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
