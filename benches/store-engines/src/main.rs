//! Compares engines for the store. `cargo run --release` in this directory; the working directory's file system is
//! the one measured. Read the figures as ratios: they depend on the machine and on what else it does.

mod engines;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engines::{Engine, Fjall, Heed, JournalRedb, Pair, Reader, Redb, Result, Sqlite};
use keyring::{KeyFile, Keyring, SystemRandom};
use store::{Directory, Disk, DiskFile, Embedded, LogId, Sizes, Store, Witness};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

const CALLERS: u64 = 64;
const ROWS: u64 = 100_000;
const TIME: Duration = Duration::from_secs(4);

fn main() -> Result<()> {
    let scratch = tempfile::tempdir_in(".")?;
    let path = |name: &str| scratch.path().join(name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if std::env::args().nth(1).as_deref() == Some("audited") {
        return audited(&runtime, &path("store")); // to be profiled
    }
    println!("{}", Row::HEAD);
    compare("redb", &runtime, &path("redb"), Redb::open)?;
    compare("journal + redb, not durable", &runtime, &path("journal-redb"), JournalRedb::open)?;
    compare("fjall", &runtime, &path("fjall"), Fjall::open)?;
    compare("heed (LMDB)", &runtime, &path("heed"), Heed::open)?;
    compare("SQLite, WAL, FULL", &runtime, &path("sqlite"), Sqlite::open)?;
    ours(&runtime, &path("store"))
}

/// One line of the table.
#[derive(Default)]
struct Row {
    name: &'static str,
    puts: Run,
    appends: Run,
    reads: Run,
    close_and_open: Duration,
    crash_and_open: Duration,
    disk_bytes: u64,
}

/// Operations in some time, and the processor time they took.
#[derive(Default, Clone, Copy)]
struct Run {
    count: u64,
    elapsed: Duration,
    user: Duration,
    system: Duration,
}

impl Row {
    const HEAD: &'static str = "| engine | puts/s | µs user + system | appends/s | µs user + system | reads/s | µs \
        | reopen ms, closed | reopen ms, crashed | MB |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|";
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        write!(
            f,
            "| {} | {} | {} | {} | {:.1} | {:.1} | {} |",
            self.name,
            self.puts,
            self.appends,
            self.reads,
            ms(self.close_and_open),
            ms(self.crash_and_open),
            self.disk_bytes >> 20
        )
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / self.count.max(1) as f64;
        let rate = self.count as f64 / self.elapsed.as_secs_f64();
        write!(f, "{rate:.0} | {:.1} + {:.1}", each(self.user), each(self.system))
    }
}

/// Times what a closure does, which gives the number of operations.
fn measure(run: impl FnOnce() -> Result<u64>) -> Result<Run> {
    let (start, (user, system)) = (Instant::now(), processor_time()?);
    let count = run()?;
    let (user_after, system_after) = processor_time()?;
    Ok(Run { count, elapsed: start.elapsed(), user: user_after - user, system: system_after - system })
}

/// What this process used so far, user and system, in ticks of 10 ms.
fn processor_time() -> Result<(Duration, Duration)> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let mut fields = stat.rsplit_once(") ").ok_or("no name")?.1.split(' ').skip(11);
    let mut ticks = || -> Result<Duration> {
        Ok(Duration::from_millis(10 * fields.next().ok_or("too short")?.parse::<u64>()?))
    };
    Ok((ticks()?, ticks()?))
}

type Request = (Vec<Pair>, oneshot::Sender<()>);

fn compare<E: Engine>(
    name: &'static str,
    runtime: &Runtime,
    path: &Path,
    open: fn(&Path) -> Result<E>,
) -> Result<()> {
    let mut row = Row { name, ..Row::default() };
    let mut engine = open(path)?;
    fill(|pairs| engine.commit(pairs))?;
    row.reads = read(engine.reader()?)?;
    let (queue, mut incoming) = mpsc::channel::<Request>(4096);
    let thread = std::thread::spawn(move || -> Result<()> {
        let mut requests = Vec::new();
        while incoming.blocking_recv_many(&mut requests, 256) > 0 {
            let (pairs, replies): (Vec<_>, Vec<_>) = requests.drain(..).unzip();
            engine.commit(&pairs.concat())?;
            for reply in replies {
                let _ = reply.send(());
            }
        }
        Ok(())
    });
    for (size, run) in [(200, &mut row.puts), (800, &mut row.appends)] {
        let queue = queue.clone();
        *run = callers(runtime, move |n| {
            let queue = queue.clone();
            async move {
                let (reply, answer) = oneshot::channel();
                let pair = (format!("{size}/{n:020}").into_bytes(), vec![7; size]);
                queue.send((vec![pair], reply)).await.ok();
                answer.await.ok();
            }
        })?;
    }
    drop(queue);
    thread.join().map_err(|_| "panic")??;
    row.disk_bytes = disk_bytes(path)?;
    std::fs::remove_dir_all(path)?;
    // Opening after 100 000 rows, from copies of the files made while the engine ran and after it was closed.
    let [running, crashed, closed] = ["running", "crashed", "closed"].map(|name| path.with_extension(name));
    let mut engine = open(&running)?;
    fill(|pairs| engine.commit(pairs))?;
    copy(&running, &crashed)?;
    drop(engine);
    copy(&running, &closed)?;
    for (path, time) in [(&closed, &mut row.close_and_open), (&crashed, &mut row.crash_and_open)] {
        *time = timed(|| open(path).map(|engine| (engine.reader().map(|mut read| read(b"x")), engine)));
    }
    println!("{row}");
    Ok(())
}

fn key(n: u64) -> Vec<u8> {
    // Spread over the key space as ids are.
    format!("row/{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into_bytes()
}

fn fill(mut commit: impl FnMut(&[Pair]) -> Result<()>) -> Result<()> {
    for start in (0..ROWS).step_by(500) {
        let pairs: Vec<_> = (start..start + 500).map(|n| (key(n), vec![7; 200])).collect();
        commit(&pairs)?;
    }
    Ok(())
}

fn read(mut get: Reader) -> Result<Run> {
    measure(|| {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < TIME / 2 {
            for _ in 0..1000 {
                count += 1;
                let row = get(&key(count * 7919 % ROWS))?;
                assert_eq!(row, Some(200));
            }
        }
        Ok(count)
    })
}

/// Many callers, each of which waits for its commit before it makes the next.
fn callers<F: Future<Output = ()> + Send>(
    runtime: &Runtime,
    call: impl Fn(u64) -> F + Send + Sync + 'static,
) -> Result<Run> {
    let (call, next) = (Arc::new(call), Arc::new(AtomicU64::new(0)));
    measure(|| {
        let end = Instant::now() + TIME;
        let tasks: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (call, next) = (call.clone(), next.clone());
                runtime.spawn(async move {
                    while Instant::now() < end {
                        call(next.fetch_add(1, Ordering::Relaxed)).await;
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.ok();
            }
        });
        Ok(next.load(Ordering::Relaxed))
    })
}

/// How long something takes to make; not how long it takes to drop.
fn timed<T>(make: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let _made = make();
    start.elapsed()
}

fn disk_bytes(path: &Path) -> Result<u64> {
    let lengths = path.read_dir()?.map(|entry| {
        let entry = entry?;
        if entry.file_type()?.is_dir() { disk_bytes(&entry.path()) } else { Ok(entry.metadata()?.len()) }
    });
    lengths.sum()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in from.read_dir()? {
        let (entry, to) = (entry?, to.to_path_buf());
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// A directory that counts what synchronizations cost the processor.
#[derive(Debug)]
struct Metered(Directory, Arc<Meter>);

#[derive(Debug, Default)]
struct Meter {
    syncs: AtomicU64,
    nanoseconds: AtomicU64,
}

#[derive(Debug)]
struct MeteredFile(Arc<dyn DiskFile>, Arc<Meter>);

impl Disk for Metered {
    fn create(&self, name: &str) -> std::io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(MeteredFile(self.0.create(name)?, self.1.clone())))
    }
    fn open(&self, name: &str) -> std::io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(MeteredFile(self.0.open(name)?, self.1.clone())))
    }
    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.0.remove(name)
    }
    fn list(&self) -> std::io::Result<Vec<String>> {
        self.0.list()
    }
    fn sync(&self) -> std::io::Result<()> {
        self.0.sync()
    }
}

impl DiskFile for MeteredFile {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }
    fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read_at(offset, out)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }
    fn sync(&self) -> std::io::Result<()> {
        let before = thread_time();
        let done = self.0.sync();
        self.1.nanoseconds.fetch_add(thread_time() - before, Ordering::Relaxed);
        self.1.syncs.fetch_add(1, Ordering::Relaxed);
        done
    }
}

/// What this thread used of the processor so far, in nanoseconds.
fn thread_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0)
}

/// A keyring that vouches for the store, as in the product.
#[derive(Debug)]
struct Vouching(Keyring);

impl Witness for Vouching {
    fn attest(&self, statement: &[u8]) -> std::result::Result<Vec<u8>, String> {
        self.0.seal(statement, &[]).map_err(|error| error.to_string())
    }
    fn confirms(&self, statement: &[u8], proof: &[u8]) -> bool {
        self.0.open_sealed(statement, proof).is_ok()
    }
}

/// The witness of the store at a path, with its keyring beside the store.
fn witness(path: &Path) -> Result<Arc<dyn Witness>> {
    let keys = path.with_extension("keys");
    std::fs::create_dir_all(&keys)?;
    let (file, seal) = (keys.join("keyring.json"), path.with_extension("key"));
    let random = Arc::new(SystemRandom);
    let keyring = if seal.exists() {
        Keyring::open(&file, &[&KeyFile::open(&seal)?], random)?
    } else {
        Keyring::create(&file, &KeyFile::create(&seal, &SystemRandom)?, random)?
    };
    Ok(Arc::new(Vouching(keyring)))
}

fn ours(runtime: &Runtime, path: &Path) -> Result<()> {
    let witness = witness(path)?;
    let open = |path: &Path| -> Result<Store> {
        let disk = Arc::new(Directory::open(path)?);
        Ok(Store::open(Embedded::open_on(disk, Sizes::default(), witness.clone())?)?)
    };
    let fill = |store: &Store| {
        fill(|pairs| {
            let mut txn = store.begin();
            pairs.iter().for_each(|(key, value)| txn.put(key, value.clone()));
            store.commit_blocking(txn)?;
            Ok(())
        })
    };
    let reader = |store: &Store| -> Reader {
        let store = store.clone();
        Box::new(move |key| Ok(store.begin().get(key)?.map(|value| value.len())))
    };
    let mut row = Row { name: "store", ..Row::default() };
    let store = open(path)?;
    fill(&store)?;
    store.close_blocking()?; // so that reads go to the tables
    let store = open(path)?;
    row.reads = read(reader(&store))?;
    let put = store.clone();
    row.puts = callers(runtime, move |n| {
        let store = put.clone();
        async move {
            let mut txn = store.begin();
            txn.put(format!("200/{n:020}").as_bytes(), vec![7; 200]);
            store.commit(txn).await.ok();
        }
    })?;
    let append = store.clone();
    row.appends = callers(runtime, move |_| {
        let store = append.clone();
        async move {
            let mut txn = store.begin();
            txn.append(LogId(1), vec![7; 800]);
            store.commit(txn).await.ok();
        }
    })?;
    store.close_blocking()?;
    row.disk_bytes = disk_bytes(path)?;
    std::fs::remove_dir_all(path)?;
    let crashed = path.with_extension("crashed");
    let store = open(path)?;
    fill(&store)?;
    copy(path, &crashed)?;
    store.close_blocking()?;
    row.close_and_open = timed(|| open(path).map(|store| (store.begin().get(b"x"), store)));
    row.crash_and_open = timed(|| open(&crashed).map(|store| (store.begin().get(b"x"), store)));
    println!("{row}\n");
    std::fs::remove_dir_all(path)?;
    audited(runtime, path)?;
    many_segments(&path.with_extension("segments"))
}

/// A cryptographic call as the store sees it: eight cached rows read, none written, one record of 800 bytes.
fn audited(runtime: &Runtime, path: &Path) -> Result<()> {
    let meter = Arc::new(Meter::default());
    let disk = Metered(Directory::open(path)?, meter.clone());
    let store = Store::open(Embedded::open_on(Arc::new(disk), Sizes::default(), witness(path)?)?)?;
    let keys: Arc<[Vec<u8>]> = (0..64).map(key).collect();
    let mut txn = store.begin();
    keys.iter().for_each(|key| txn.put(key, vec![7; 200]));
    store.commit_blocking(txn)?;
    let decode = |bytes: &[u8]| Ok::<_, store::StoreError>(bytes.len());
    let get = {
        let keys = keys.clone();
        move |txn: &mut store::Txn, n: u64| {
            let row = txn.get_decoded(&keys[n as usize % 64], decode).ok().flatten();
            assert_eq!(row.as_deref(), Some(&200));
        }
    };
    let get = Arc::new(get);
    let mut count = 0;
    let reads = measure(|| {
        let start = Instant::now();
        while start.elapsed() < TIME / 2 {
            for _ in 0..1000 {
                let mut txn = store.begin();
                (0..8).for_each(|i| get(&mut txn, count + i * 5));
                count += 1;
            }
        }
        Ok(count)
    })?;
    println!("transactions that read 8 cached rows: {reads} µs of processor each\n");
    let (syncs, nanoseconds) =
        (meter.syncs.load(Ordering::Relaxed), meter.nanoseconds.load(Ordering::Relaxed));
    let (caller, record) = (store.clone(), store::Bytes::from(vec![7; 800]));
    let run = callers(runtime, move |n| {
        let (store, get, record) = (caller.clone(), get.clone(), record.clone());
        async move {
            let mut txn = store.begin();
            (0..8).for_each(|i| get(&mut txn, n + i * 5));
            txn.append(LogId(1), record);
            store.commit(txn).await.ok();
        }
    })?;
    let syncs = meter.syncs.load(Ordering::Relaxed) - syncs;
    let in_sync = Duration::from_nanos(meter.nanoseconds.load(Ordering::Relaxed) - nanoseconds);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / run.count as f64;
    println!(
        "audited calls at {CALLERS} callers: {run} µs each, of which {:.2} in synchronization; {:.2} without it; \
         {syncs} synchronizations, {:.1} calls in each\n",
        each(in_sync),
        each(run.user + run.system) - each(in_sync),
        run.count as f64 / syncs as f64
    );
    Ok(store.close_blocking()?)
}

/// Opening a directory whose journal has many segments.
fn many_segments(path: &Path) -> Result<()> {
    let sizes = Sizes { segment_bytes: 64 << 10, ..Sizes::default() };
    let witness = witness(path)?;
    let open = || -> Result<Store> {
        let disk = Arc::new(Directory::open(path)?);
        Ok(Store::open(Embedded::open_on(disk, sizes, witness.clone())?)?)
    };
    let store = open()?;
    for _ in 0..1000 {
        let mut txn = store.begin();
        (0..80).for_each(|_| txn.append(LogId(1), vec![7; 800]));
        store.commit_blocking(txn)?;
    }
    store.close_blocking()?;
    let segments = path.read_dir()?.count() - 3;
    let time = timed(open);
    println!("opening {segments} segments: {:.1} ms", time.as_secs_f64() * 1e3);
    Ok(())
}
