//! The committing thread: takes what waits, checks it in order, makes it durable in one go, answers.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::cache::Decoded;
use crate::limits::{GROUP_BYTES_MAX, GROUP_TXNS_MAX};
use crate::store::{Published, Shared};
use crate::txn::Intent;
use crate::{CommitError, Committed, Engine, Group, Image, Limits, LogId, Op, StoreError};

/// How long a group waits for more transactions when many come, if it does not have enough before: about as long as a disk takes to
/// make one durable.
const LINGER: Duration = Duration::from_millis(1);

/// How long it waits before it looks.
const STEP: Duration = Duration::from_micros(200);

/// With how many it waits no longer: what each pays for a synchronization is little then, and callers who wait do nothing else.
const ENOUGH: usize = 16;

/// How many more make that worth it.
const WORTH_WAITING_FOR: u128 = 4;

pub(crate) type Reply = oneshot::Sender<Answer>;

/// What became of a transaction, for whoever waits for it.
pub(crate) struct Answer {
    pub(crate) result: Result<Committed, CommitError>,
    /// Others who are to be told as well.
    _others: Others,
}

/// The callers of a group who were not told yet that it is durable; they are when this is dropped.
///
/// The first caller of a group gets the others. Whether it takes them or is gone by then, they are woken: as a rule on a thread that
/// runs such callers, which costs less than to wake each from the committing thread.
struct Others(Vec<(Reply, Committed)>);

impl Drop for Others {
    fn drop(&mut self) {
        for (reply, committed) in self.0.drain(..) {
            answer(reply, Ok(committed));
        }
    }
}

pub(crate) enum Request {
    Commit(Intent, Reply),
    Image(oneshot::Sender<Result<Image, StoreError>>),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

pub(crate) struct Committer<E> {
    engine: E,
    shared: Arc<Shared>,
    limits: Limits,
    /// The version of the last transaction that was accepted.
    version: u64,
    /// The next position of every log that was appended to.
    next: HashMap<LogId, u64>,
    /// What was published and may still be in use, the oldest first; the last is the current one.
    live: VecDeque<(u64, Weak<Published>)>,
    poisoned: Option<StoreError>,
}

/// A group in the making.
#[derive(Default)]
struct Pending {
    group: Group,
    bytes: usize,
    /// The accepted transactions, to be answered when the group is durable.
    accepted: Vec<(Reply, Committed)>,
    /// Those that lost to one of the group: they can see why once it is visible, and would lose again before.
    refused: Vec<Reply>,
    /// Rows that the group writes, for the cache, in commit order.
    rows: Vec<(Bytes, Option<Decoded>, usize)>,
}

impl<E: Engine> Committer<E> {
    pub(crate) fn new(engine: E, shared: Arc<Shared>, limits: Limits) -> Self {
        let current = shared.current.read().unwrap_or_else(PoisonError::into_inner);
        let live = VecDeque::from([(current.version, Arc::downgrade(&current))]);
        drop(current);
        let version = engine.version();
        Committer { engine, shared, limits, version, next: HashMap::new(), live, poisoned: None }
    }

    pub(crate) fn run(mut self, mut incoming: mpsc::Receiver<Request>) {
        let mut requests = Vec::with_capacity(GROUP_TXNS_MAX);
        let mut closing = None;
        let (mut last, mut began) = (0, Instant::now());
        while incoming.blocking_recv_many(&mut requests, GROUP_TXNS_MAX) > 0 {
            // So many come while the thread waits, if they come as fast as the last group did. One synchronization for them all
            // costs less than several. A few callers never wait.
            let expected = last * LINGER.as_micros() / began.elapsed().as_micros().max(1);
            if expected >= WORTH_WAITING_FOR {
                linger(&mut incoming, &mut requests);
            }
            (last, began) = (requests.len() as u128, Instant::now());
            let mut commits = Vec::with_capacity(requests.len());
            let mut images = Vec::new();
            for request in requests.drain(..) {
                match request {
                    Request::Commit(intent, reply) => commits.push((intent, reply)),
                    Request::Image(reply) => images.push(reply),
                    Request::Close(reply) => {
                        // Lets in nothing more; what came before is still handed out.
                        incoming.close();
                        closing = Some(reply);
                    }
                }
            }
            self.commit_all(commits);
            for reply in images {
                let _ = reply.send(self.image()); // nobody to tell if the caller went away
            }
        }
        if let Some(reply) = closing {
            let _ = reply.send(self.close()); // nobody to tell if the caller went away
        }
    }

    /// Brings the engine to its end.
    pub(crate) fn close(mut self) -> Result<(), StoreError> {
        self.poisoned.take().map_or_else(|| self.engine.close(), Err)
    }

    /// Everything there is as of the last group.
    pub(crate) fn image(&mut self) -> Result<Image, StoreError> {
        self.poisoned.clone().map_or_else(|| self.engine.image(), Err)
    }

    pub(crate) fn commit_all(&mut self, commits: Vec<(Intent, Reply)>) {
        let commits = self.with_room(commits);
        self.shared.counts.take(commits.len());
        let mut commits = commits.into_iter().peekable();
        while commits.peek().is_some() {
            let pending = self.gather(&mut commits);
            self.finish(pending, commits.len());
        }
    }

    /// Refuses those for which there is no room, before anything is done for them.
    fn with_room(&self, mut commits: Vec<(Intent, Reply)>) -> Vec<(Intent, Reply)> {
        if commits.is_empty() {
            return commits;
        }
        let room = self.engine.room();
        self.shared.counts.full.store(room.is_short(), Ordering::Relaxed);
        if room.is_short() && self.poisoned.is_none() {
            let refused = commits.extract_if(.., |(intent, _)| !intent.uses_reserve);
            for (_, reply) in refused {
                let full = StoreError::Full { free: room.free, reserve: room.reserve };
                answer(reply, Err(CommitError::Failed(full)));
            }
        }
        commits
    }

    /// Checks transactions in order until there are no more or the group is full, each against all before it.
    fn gather(&mut self, commits: &mut impl Iterator<Item = (Intent, Reply)>) -> Pending {
        let shared = self.shared.clone();
        let mut recent = shared.recent.write().unwrap_or_else(PoisonError::into_inner);
        let mut pending = Pending::default();
        while pending.bytes < GROUP_BYTES_MAX
            && let Some((intent, reply)) = commits.next()
        {
            if let Some(error) = &self.poisoned {
                answer(reply, Err(CommitError::Failed(error.clone())));
                continue;
            }
            if recent.conflicts(&intent.reads, intent.at.version) {
                shared.counts.conflicts.fetch_add(1, Ordering::Relaxed);
                pending.refused.push(reply);
                continue;
            }
            self.version += 1;
            for key in intent.writes.keys() {
                recent.write(key.clone(), self.version);
            }
            self.accept(intent, reply, &mut pending);
        }
        recent.prune(self.oldest(), self.limits.recent_keys_max);
        pending
    }

    fn accept(&mut self, intent: Intent, reply: Reply, pending: &mut Pending) {
        pending.bytes += intent.bytes;
        let ops = &mut pending.group.ops;
        for (key, write) in intent.writes {
            let size = write.value.as_ref().map_or(0, Bytes::len);
            pending.rows.push((key.clone(), write.decoded, size));
            ops.push(match write.value {
                Some(value) => Op::Put(key, value),
                None => Op::Delete(key),
            });
        }
        let mut positions = Vec::with_capacity(intent.records.len());
        for (log, record) in intent.records {
            let next = self.next.entry(log).or_insert_with(|| self.shared.logs.bounds(log).1);
            positions.push((log, *next));
            ops.push(Op::Append(log, *next, record));
            *next += 1;
        }
        for (log, before) in intent.retain {
            let next = *self.next.entry(log).or_insert_with(|| self.shared.logs.bounds(log).1);
            ops.push(Op::Retain(log, before.min(next)));
        }
        pending.group.version = self.version;
        pending.accepted.push((reply, Committed { version: self.version, positions }));
    }

    /// Makes a group durable, then visible, then known to those who wait for it, while so many others wait.
    fn finish(&mut self, pending: Pending, others: usize) {
        if pending.accepted.is_empty() {
            self.shared.counts.take(others);
            refuse(pending.refused);
            return;
        }
        let oldest = self.oldest();
        let begun = self.shared.counts.begin_group();
        let written = self.engine.commit(&pending.group, oldest);
        self.shared.counts.end_group(begun, pending.accepted.len(), written.is_ok());
        // Before the answers: whoever has one is not counted among those that wait.
        self.shared.counts.take(others);
        if let Err(error) = written {
            tracing::error!(%error, "the store failed to write and takes no more writes");
            self.poisoned = Some(StoreError::Poisoned(error.to_string().into()));
            for (reply, _) in pending.accepted {
                answer(reply, Err(CommitError::Failed(error.clone())));
            }
            refuse(pending.refused);
            return;
        }
        for (key, decoded, size) in pending.rows {
            self.shared.cache.written(&key, pending.group.version, decoded, size);
        }
        let published =
            Arc::new(Published { version: pending.group.version, snapshot: self.engine.snapshot() });
        self.live.push_back((published.version, Arc::downgrade(&published)));
        let mut current = self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
        let previous = std::mem::replace(&mut *current, published);
        drop(current);
        drop(previous);
        refuse(pending.refused);
        let mut accepted = pending.accepted.into_iter();
        if let Some((first, committed)) = accepted.next() {
            // It comes back, and with it the others, if the caller went away.
            let _ = first.send(Answer { result: Ok(committed), _others: Others(accepted.collect()) });
        }
    }

    /// The oldest version in use.
    fn oldest(&mut self) -> u64 {
        while self.live.len() > 1 && self.live.pop_front_if(|(_, at)| at.strong_count() == 0).is_some() {}
        self.live.front().map_or(self.version, |(version, _)| *version)
    }
}

/// Waits for more, until there are enough, it took too long, or none came in a step: then all who call wait for this group already.
fn linger(incoming: &mut mpsc::Receiver<Request>, requests: &mut Vec<Request>) {
    let until = Instant::now() + LINGER;
    let mut before = 0;
    while (before + 1..ENOUGH).contains(&requests.len()) && Instant::now() < until {
        before = requests.len();
        std::thread::sleep(STEP);
        while requests.len() < GROUP_TXNS_MAX
            && let Ok(request) = incoming.try_recv()
        {
            requests.push(request);
        }
    }
}

fn refuse(replies: Vec<Reply>) {
    for reply in replies {
        answer(reply, Err(CommitError::Conflict));
    }
}

fn answer(reply: Reply, result: Result<Committed, CommitError>) {
    let answer = Answer { result, _others: Others(Vec::new()) };
    let _ = reply.send(answer); // nobody to tell if the caller went away
}
