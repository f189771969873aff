//! All open connections: how many each address has, what each is doing, and since when.
//!
//! A connection's task tells what it does by storing a phase and a time; one sweep, twice a second, closes those that take too
//! long. So a request costs a few stores and no timer.

use super::budget::Budget;
use super::limits::{BODY_BYTES_FREE, GRACE_TIME, Limits};
use crate::origin::Origin;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How often connections are looked at. Limits of time are kept to within this.
const SWEEP: Duration = Duration::from_millis(500);

/// How long a client may take to let an idle connection be closed.
const CLOSING: Duration = Duration::from_secs(2);

/// Of how many idle connections one is closed when there is no room for a new one.
const EVICTED_PART: usize = 64;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// It has not sent anything, or not all of a TLS handshake.
    Opening,
    /// It waits for a request.
    Idle,
    /// The head of a request is under way.
    Head,
    /// The body of a request is under way, which has a limit of its own.
    Body,
    /// A request is served.
    Serving,
    /// An answer is under way to the client.
    Answering,
    /// It is being closed, since there was no request or not a whole one.
    Closing,
    /// It is being cut off, since the client does not read.
    Cut,
}

const PHASES: [Phase; 8] = [
    Phase::Opening,
    Phase::Idle,
    Phase::Head,
    Phase::Body,
    Phase::Serving,
    Phase::Answering,
    Phase::Closing,
    Phase::Cut,
];

/// What one connection is doing, as its task tells it and the sweep reads it.
#[derive(Debug)]
pub(super) struct Progress {
    origin: Origin,
    phase: AtomicU8,
    /// Whether there ever was a whole request.
    served: AtomicBool,
    /// Milliseconds since the listener started.
    since: AtomicU64,
    /// What the client has sent of the body or read of the answer, and when it last did.
    bytes: AtomicU64,
    moved: AtomicU64,
    signal: Notify,
}

#[derive(Debug)]
pub(super) struct Connections {
    pub(super) limits: Limits,
    pub(super) budget: Arc<Budget>,
    room: Arc<Semaphore>,
    started: Instant,
    /// Milliseconds since then, as of the last sweep.
    now: AtomicU64,
    stopping: AtomicBool,
    shed: Shed,
    open: Mutex<Open>,
}

/// What was turned away since the last sweep, which tells of it: a line for each would be a flood of its own.
#[derive(Debug, Default)]
struct Shed {
    crowded: AtomicU64,
    evicted: AtomicU64,
    full: AtomicU64,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    all: HashMap<u64, Arc<Progress>>,
    of: HashMap<Origin, usize>,
}

/// One connection's place among all; dropping it makes room.
#[derive(Debug)]
pub(super) struct Seat {
    connections: Arc<Connections>,
    progress: Arc<Progress>,
    id: u64,
    _permit: OwnedSemaphorePermit,
}

/// Why a connection's task is told to end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At once.
    Now,
    /// After the request that is being served, if one is.
    Gently,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            budget: Budget::new(limits.bytes_in_flight, limits.bytes_in_flight_per_address),
            room: Arc::new(Semaphore::new(limits.connections)),
            limits,
            started: Instant::now(),
            now: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            shed: Shed::default(),
            open: Mutex::default(),
        })
    }

    /// Waits for room for one more, closing idle connections for it if need be.
    pub(super) async fn room(&self) -> OwnedSemaphorePermit {
        loop {
            if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
                return permit;
            }
            self.evict();
            if let Ok(Ok(permit)) = tokio::time::timeout(SWEEP, Arc::clone(&self.room).acquire_owned()).await
            {
                return permit;
            }
        }
    }

    /// Takes a connection in, unless its address has too many. `counted` is false for who speaks for others.
    pub(super) fn seat(
        self: &Arc<Self>,
        ip: IpAddr,
        counted: bool,
        permit: OwnedSemaphorePermit,
    ) -> Option<Seat> {
        let origin = Origin::of(ip);
        let mut open = self.open();
        let share = open.of.entry(origin).or_default();
        if counted && *share >= self.limits.connections_per_address {
            self.shed.crowded.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *share += 1;
        let progress = Arc::new(Progress {
            origin,
            phase: AtomicU8::new(Phase::Opening as u8),
            served: AtomicBool::new(false),
            since: AtomicU64::new(self.now()),
            bytes: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            signal: Notify::new(),
        });
        let id = open.next;
        open.next += 1;
        open.all.insert(id, Arc::clone(&progress));
        drop(open);
        Some(Seat { connections: Arc::clone(self), progress, id, _permit: permit })
    }

    /// Closes connections that take too long, for as long as it is polled.
    pub(super) async fn sweep(&self) {
        let mut ticks = tokio::time::interval(SWEEP);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.now.store(now, Ordering::Relaxed);
            let wanted = self.budget.was_wanted();
            for progress in self.open().all.values() {
                progress.expire(now, &self.limits, wanted);
            }
            self.shed.tell();
        }
    }

    /// Tells all connections to end, and waits until they have or the time is up.
    pub(super) async fn drain(&self, time: Duration) -> bool {
        self.stopping.store(true, Ordering::SeqCst);
        for progress in self.open().all.values() {
            progress.signal.notify_one();
        }
        let all = u32::try_from(self.limits.connections).unwrap_or(u32::MAX);
        tokio::time::timeout(time, self.room.acquire_many(all)).await.is_ok()
    }

    /// Closes some connections that serve nothing, or whose body does not come: first of addresses that have many, of those first what
    /// has been idle for some time, so that newcomers do not push out each other while they say what they want; of those first what never
    /// had a whole request, then the longest idle. What is new is left alone, unless its address has as many as any: else one that keeps
    /// all of its own busy would push out whoever comes in.
    fn evict(&self) {
        let now = self.now();
        let open = self.open();
        // Addresses whose shares differ by less than half are treated alike.
        let class = |share: usize| share.max(1).ilog2();
        let top = class(open.of.values().copied().max().unwrap_or_default());
        let mut idle: Vec<_> = open
            .all
            .iter()
            .filter_map(|(id, progress)| {
                let share = class(open.of.get(&progress.origin).copied().unwrap_or_default());
                let old = progress.behind(now, &self.limits) >= GRACE_TIME;
                let gives_way = match progress.phase() {
                    Phase::Opening | Phase::Idle | Phase::Head => old || share == top,
                    Phase::Body => old,
                    Phase::Serving | Phase::Answering | Phase::Closing | Phase::Cut => false,
                };
                let since = progress.since.load(Ordering::Relaxed);
                let served = progress.served.load(Ordering::Relaxed);
                let rank = (Reverse(share), !old, served, since, *id);
                gives_way.then_some((rank, progress))
            })
            .collect();
        idle.sort_unstable_by_key(|(rank, _)| *rank);
        let wanted = self.limits.connections.div_ceil(EVICTED_PART);
        for (_, progress) in idle.into_iter().take(wanted) {
            progress.close_from(progress.phase());
            self.shed.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request was refused for lack of memory.
    pub(super) fn full(&self) {
        self.shed.full.fetch_add(1, Ordering::Relaxed);
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shed {
    fn tell(&self) {
        let [crowded, evicted, full] =
            [&self.crowded, &self.evicted, &self.full].map(|count| count.swap(0, Ordering::Relaxed));
        if crowded > 0 {
            tracing::warn!(refused = crowded, "connections refused: their addresses have too many");
        }
        if evicted > 0 {
            tracing::warn!(closed = evicted, "idle connections closed: there are too many connections");
        }
        if full > 0 {
            tracing::warn!(
                refused = full,
                "requests refused: too much memory is held for requests, or for those of their addresses"
            );
        }
    }
}

impl Seat {
    pub(super) fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }

    /// The connection is ready for its first request.
    pub(super) fn opened(&self) {
        self.enter(Phase::Opening, Phase::Idle);
    }

    /// Bytes came from the client.
    pub(super) fn received(&self) {
        if self.progress.phase() == Phase::Idle {
            self.enter(Phase::Idle, Phase::Head);
        }
    }

    /// Whether the head of a request is under way.
    pub(super) fn in_head(&self) -> bool {
        self.progress.phase() == Phase::Head
    }

    /// The head of a request is there, so that the connection is no longer idle. False if it is being cut off and must not be served.
    pub(super) fn begins(&self) -> bool {
        self.starts_moving();
        let cut = Phase::Cut as u8;
        let phase = &self.progress.phase;
        let begun = phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, |before| {
            (before != cut).then_some(Phase::Body as u8)
        });
        begun.is_ok()
    }

    /// All of the request is there, and it is never cut off for another from now on. False if it was before.
    pub(super) fn serves(&self) -> bool {
        self.progress.served.store(true, Ordering::Relaxed);
        self.progress.change(Phase::Body, Phase::Serving)
    }

    /// The answer is there, and goes to the client from now on: after a whole request, or one that was refused before it was whole.
    pub(super) fn answers(&self) {
        self.starts_moving();
        if !self.progress.change(Phase::Serving, Phase::Answering) {
            self.progress.change(Phase::Body, Phase::Answering);
        }
    }

    fn starts_moving(&self) {
        // Before the phase, so that the sweep does not hold an old time against it.
        let now = self.connections.now();
        self.progress.bytes.store(0, Ordering::Relaxed);
        self.progress.moved.store(now, Ordering::Relaxed);
        self.progress.since.store(now, Ordering::Relaxed);
    }

    /// The client has sent some bytes of a body, or taken some of an answer.
    pub(super) fn moved(&self, bytes: usize) {
        if matches!(self.progress.phase(), Phase::Body | Phase::Answering) {
            self.progress.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            self.progress.moved.store(self.connections.now(), Ordering::Relaxed);
        }
    }

    /// Nothing is left to be sent. Tells whether that was an answer.
    pub(super) fn flushed(&self) -> bool {
        self.progress.phase() == Phase::Answering && self.enter(Phase::Answering, Phase::Idle)
    }

    /// Waits until the connection is told to end; after it was told to end gently, until it is cut off.
    pub(super) async fn end(&self, told: bool) -> End {
        loop {
            match self.progress.phase() {
                Phase::Cut => return End::Now,
                Phase::Closing if !told => return End::Gently,
                Phase::Opening if self.connections.stopping() => return End::Now,
                _ if !told && self.connections.stopping() => return End::Gently,
                _ => self.progress.signal.notified().await,
            }
        }
    }

    /// Moves on, unless the connection has been told to end meanwhile.
    fn enter(&self, from: Phase, to: Phase) -> bool {
        // Before the phase, so that the sweep does not hold an old time against it.
        self.progress.since.store(self.connections.now(), Ordering::Relaxed);
        self.progress.change(from, to)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.all.remove(&self.id);
        let origin = self.progress.origin;
        if let Some(share) = open.of.get_mut(&origin) {
            *share -= 1;
            if *share == 0 {
                open.of.remove(&origin);
            }
        }
    }
}

impl Progress {
    fn phase(&self) -> Phase {
        let stored = usize::from(self.phase.load(Ordering::Acquire));
        PHASES.get(stored).copied().unwrap_or(Phase::Cut)
    }

    fn change(&self, from: Phase, to: Phase) -> bool {
        self.phase.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Closes what takes too long. `wanted` tells that there is too little memory, so that who holds some must not dawdle.
    fn expire(&self, now: u64, limits: &Limits, wanted: bool) {
        let phase = self.phase();
        let allowed = match phase {
            Phase::Opening => limits.handshake_time,
            Phase::Idle => limits.idle_time,
            Phase::Head => limits.head_time,
            Phase::Body if wanted && self.bytes.load(Ordering::Relaxed) > BODY_BYTES_FREE as u64 => {
                GRACE_TIME
            }
            Phase::Answering => limits.answer_time,
            Phase::Closing => CLOSING,
            Phase::Body | Phase::Serving | Phase::Cut => return,
        };
        if self.behind(now, limits) >= allowed {
            self.since.store(now, Ordering::Relaxed);
            self.close_from(phase);
        }
    }

    /// How long ago its phase began or, where bytes pass, should have ended if they pass at the slowest rate.
    fn behind(&self, now: u64, limits: &Limits) -> Duration {
        let mut since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        if matches!(self.phase(), Phase::Body | Phase::Answering) {
            let earned = limits.earned(self.bytes.load(Ordering::Relaxed));
            let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
            // What passed fast earns no leave to stop.
            since = moved.min(since + earned);
        }
        Duration::from_millis(now).saturating_sub(since)
    }

    fn close_from(&self, phase: Phase) {
        // Only an idle connection can be closed in the way of its protocol; of the others nobody listens.
        let to = if phase == Phase::Idle { Phase::Closing } else { Phase::Cut };
        if self.change(phase, to) {
            self.signal.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections: usize, connections_per_address: usize) -> Limits {
        Limits { connections, connections_per_address, ..Limits::default() }
    }

    async fn seat(connections: &Arc<Connections>, ip: &str) -> Option<Seat> {
        let permit = Arc::clone(&connections.room).try_acquire_owned().unwrap();
        connections.seat(ip.parse().unwrap(), true, permit)
    }

    #[tokio::test]
    async fn an_address_has_so_many_connections() {
        let connections = Connections::new(limits(100, 2));
        for (one, same, other) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::ffff:0:0:1", "2001:db8:0:1::1"),
        ] {
            let first = seat(&connections, one).await.unwrap();
            let second = seat(&connections, same).await.unwrap();
            assert!(seat(&connections, one).await.is_none() && seat(&connections, other).await.is_some());
            drop(first);
            let _third = seat(&connections, same).await.unwrap();
            assert!(seat(&connections, one).await.is_none());
            drop(second);
        }
        let permit = connections.room().await;
        assert!(connections.seat("192.0.2.1".parse().unwrap(), false, permit).is_some());
        assert!(connections.open().all.is_empty() && connections.open().of.is_empty());
        assert_eq!(connections.room.available_permits(), 100);
    }

    #[tokio::test]
    async fn idle_connections_of_whoever_has_many_make_room() {
        let connections = Connections::new(limits(20, 100));
        let mut seats = Vec::new();
        for i in 0..20 {
            let ip = if i < 4 { format!("192.0.2.{i}") } else { "198.51.100.1".to_owned() };
            let seat = seat(&connections, &ip).await.unwrap();
            seat.opened();
            seat.progress.since.store(i, Ordering::Relaxed);
            seats.push(seat);
        }
        // The oldest of those that are many serves a request.
        seats[4].received();
        assert!(seats[4].begins() && seats[4].serves());
        connections.evict();
        let closing: Vec<_> = (0..20).filter(|i| seats[*i].progress.phase() == Phase::Closing).collect();
        assert_eq!(closing, [5], "one in sixty-four at a time, and at least one");
        // A request that comes just then is served nevertheless.
        assert!(seats[5].begins() && seats[5].serves());
        connections.evict();
        assert_eq!(seats[6].progress.phase(), Phase::Closing);
        assert_eq!(seats[6].end(false).await, End::Gently);
    }

    #[tokio::test]
    async fn newcomers_do_not_push_out_each_other_while_older_ones_idle() {
        let connections = Connections::new(limits(3, 3));
        let mut seats = Vec::new();
        for served in [true, false, true] {
            let seat = seat(&connections, "192.0.2.1").await.unwrap();
            seat.opened();
            seat.progress.served.store(served, Ordering::Relaxed);
            seats.push(seat);
        }
        connections.now.store(u64::try_from(GRACE_TIME.as_millis()).unwrap(), Ordering::Relaxed);
        // The last two are new: of them, the one that has been served goes last.
        for seat in &seats[1..] {
            seat.progress.since.store(connections.now(), Ordering::Relaxed);
        }
        for expected in [0, 1, 2] {
            connections.evict();
            let closing = seats.iter().filter(|seat| seat.progress.phase() == Phase::Closing).count();
            assert_eq!((closing, seats[expected].progress.phase()), (expected + 1, Phase::Closing));
        }
    }

    #[tokio::test]
    async fn whoever_comes_in_is_not_pushed_out_by_who_is_busy() {
        let connections = Connections::new(limits(20, 100));
        let mut seats = Vec::new();
        for i in 0..20 {
            let seat = seat(&connections, if i < 1 { "192.0.2.1" } else { "198.51.100.1" }).await.unwrap();
            seat.opened();
            assert!(i < 1 || seat.begins());
            seats.push(seat);
        }
        connections.evict();
        assert_eq!(seats[0].progress.phase(), Phase::Idle);
        connections.now.store(u64::try_from(GRACE_TIME.as_millis()).unwrap(), Ordering::Relaxed);
        assert!(seats[1..].iter().all(|seat| seat.serves()));
        connections.evict();
        assert_eq!(
            seats[0].progress.phase(),
            Phase::Closing,
            "idle for that long, when all others are served"
        );
    }

    #[tokio::test]
    async fn each_phase_has_its_time() {
        let connections = Connections::new(Limits::default());
        let limits = &connections.limits;
        let seat = seat(&connections, "192.0.2.1").await.unwrap();
        let phase_at = |time: Duration| {
            seat.progress.expire(u64::try_from(time.as_millis()).unwrap(), limits, false);
            seat.progress.phase()
        };
        let tick = Duration::from_millis(1);
        assert_eq!(phase_at(limits.handshake_time - tick), Phase::Opening);
        seat.opened();
        assert_eq!(phase_at(limits.idle_time - tick), Phase::Idle);
        seat.received();
        assert_eq!(phase_at(limits.head_time - tick), Phase::Head);
        assert!(seat.begins());
        assert_eq!(phase_at(Duration::from_secs(100_000)), Phase::Body);
        assert!(seat.serves());
        assert_eq!(phase_at(Duration::from_secs(100_000)), Phase::Serving);
        seat.answers();
        assert_eq!(phase_at(limits.answer_time - tick), Phase::Answering);
        // What is read earns time, as long as there is reading.
        seat.moved(usize::try_from(limits.rate_min).unwrap() * 10);
        let later = limits.answer_time + Duration::from_secs(5);
        seat.progress.moved.store(5000, Ordering::Relaxed);
        assert_eq!(phase_at(later - tick), Phase::Answering);
        seat.progress.moved.store(20_000, Ordering::Relaxed);
        assert_eq!(phase_at(limits.answer_time + Duration::from_secs(10) - tick), Phase::Answering);
        assert_eq!(phase_at(limits.answer_time + Duration::from_secs(10)), Phase::Cut);
        assert_eq!(seat.end(false).await, End::Now);
        assert!(!seat.begins());
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_loses_its_place_to_others() {
        let connections = Connections::new(limits(3, 3));
        let mut seats = Vec::new();
        for bytes in [0, BODY_BYTES_FREE + 1, 10 * BODY_BYTES_FREE] {
            let seat = seat(&connections, "192.0.2.1").await.unwrap();
            seat.opened();
            assert!(seat.begins());
            seat.moved(bytes);
            seats.push(seat);
        }
        let phases = || seats.iter().map(|seat| seat.progress.phase()).collect::<Vec<_>>();
        let now = u64::try_from(GRACE_TIME.as_millis()).unwrap();
        seats[2].progress.moved.store(now, Ordering::Relaxed);
        let expire = |wanted| {
            for seat in &seats {
                seat.progress.expire(now, &connections.limits, wanted);
            }
        };
        expire(false);
        connections.evict();
        assert_eq!(phases(), [Phase::Body; 3], "nobody waits, or nobody for long enough");
        expire(true);
        assert_eq!(phases(), [Phase::Body, Phase::Cut, Phase::Body], "what holds nothing is in nobody's way");
        connections.now.store(now, Ordering::Relaxed);
        connections.evict();
        assert_eq!(phases(), [Phase::Cut, Phase::Cut, Phase::Body]);
        assert!(!seats[0].serves() && seats[2].serves());
    }

    #[tokio::test]
    async fn a_stop_lets_requests_end_and_nothing_else() {
        let connections = Connections::new(limits(3, 3));
        let opening = seat(&connections, "192.0.2.1").await.unwrap();
        let busy = seat(&connections, "192.0.2.1").await.unwrap();
        busy.opened();
        assert!(busy.begins() && busy.serves());
        assert!(!connections.drain(Duration::from_millis(1)).await);
        assert_eq!(opening.end(false).await, End::Now);
        assert_eq!(busy.end(false).await, End::Gently);
        drop((opening, busy));
        assert!(connections.drain(Duration::from_secs(10)).await);
    }
}
