//! What the chain costs a store: calls that append a record, with proofs and places, and without them. `cargo bench -p store`; the
//! file system of the working directory is the one measured.
//!
//! Links can't be left out, so that their digest is timed by itself. Variants take turns, since the machine does other things too.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]
#![expect(clippy::print_stdout, reason = "it tells what it measured")]

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use keyring::{KeyFile, Keyring, SystemRandom};
use store::{Bytes, Directory, Disk, DiskFile, Embedded, LogId, Sizes, Store, Witness};

const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(2);
/// The length of a record of the trail, about.
const RECORD: [u8; 800] = [7; 800];
/// The file with the place in the history.
const HEAD: &str = "head";

fn main() {
    let scratch = tempfile::tempdir_in(".").unwrap();
    let key = KeyFile::create(&scratch.path().join("key"), &SystemRandom).unwrap();
    let data = scratch.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let keyring = Keyring::create(&data.join("keyring.json"), &key, Arc::new(SystemRandom)).unwrap();
    let proving: Arc<dyn Witness> = Arc::new(Proving(keyring));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for callers in [1, 64] {
        let mut found = [const { Vec::new() }; 2];
        for round in 0..ROUNDS {
            for (variant, found) in found.iter_mut().enumerate() {
                let path = scratch.path().join(format!("{callers}-{round}-{variant}"));
                let disk = Directory::open(&path).unwrap();
                let store = match variant {
                    0 => open(disk, Arc::clone(&proving)),
                    _ => open(Placeless(disk), Arc::new(Believing)),
                };
                found.push(measure(&runtime, &store, callers));
                store.close_blocking().unwrap();
                remove(&path);
            }
        }
        for (name, mut found) in ["with the chain", "without proofs and places"].into_iter().zip(found) {
            found.sort_by(|a, b| a.1.total_cmp(&b.1));
            let (rate, each) = found.get(ROUNDS / 2).unwrap();
            println!("{callers:>2} callers, {name}: {rate:.0} calls/s, {each:.2} µs of processor each");
        }
    }
    let before = processor();
    for _ in 0..100_000 {
        std::hint::black_box(digest(&SHA256, std::hint::black_box(&[RECORD; 10]).as_flattened()));
    }
    let link = (processor() - before).as_secs_f64();
    println!("the link: {link:.2} µs of processor for each record");
}

fn open(disk: impl Disk, witness: Arc<dyn Witness>) -> Store {
    Store::open(Embedded::open_on(Arc::new(disk), Sizes::default(), witness).unwrap()).unwrap()
}

/// Calls a second, and microseconds of processor for each.
fn measure(runtime: &tokio::runtime::Runtime, store: &Store, callers: u32) -> (f64, f64) {
    let count = Arc::new(AtomicU64::new(0));
    let (begun, before) = (Instant::now(), processor());
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (store, count) = (store.clone(), Arc::clone(&count));
            runtime.spawn(async move {
                while begun.elapsed() < TIME {
                    let mut txn = store.begin();
                    txn.append(LogId(1), Bytes::from_static(&RECORD));
                    store.commit(txn).await.unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    let count = count.load(Ordering::Relaxed) as f64;
    (count / begun.elapsed().as_secs_f64(), (processor() - before).as_secs_f64() * 1e6 / count)
}

/// What this process used so far (proc_pid_stat(5)), in ticks of 10 ms.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
    fields.map(|ticks| Duration::from_millis(10 * ticks.parse::<u64>().unwrap())).sum()
}

fn remove(path: &Path) {
    std::fs::remove_dir_all(path).unwrap();
}

/// As the product does it.
#[derive(Debug)]
struct Proving(Keyring);

impl Witness for Proving {
    fn attest(&self, statement: &[u8]) -> Result<Vec<u8>, String> {
        self.0.seal(statement, &[]).map_err(|error| error.to_string())
    }

    fn confirms(&self, statement: &[u8], proof: &[u8]) -> bool {
        self.0.open_sealed(statement, proof).is_ok()
    }
}

/// Proves nothing.
#[derive(Debug)]
struct Believing;

impl Witness for Believing {
    fn attest(&self, _: &[u8]) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    fn confirms(&self, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

/// A directory that keeps no place in the history.
#[derive(Debug)]
struct Placeless(Directory);

impl Disk for Placeless {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        if name == HEAD { Ok(Arc::new(Nowhere)) } else { self.0.create(name) }
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.0.open(name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

/// A file that forgets.
#[derive(Debug)]
struct Nowhere;

impl DiskFile for Nowhere {
    fn len(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
