//! What the operations of hot paths cost: `cargo bench -p keyring`. Prints the best of many short runs, as other work on the machine
//! only ever adds to a run.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program")]

use keyring::{KeyFile, Keyring, MaterialSpec, Passphrase, Random, SystemRandom};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RUNS: usize = 1_000;
const REPEATS: u32 = 400;

fn measure<T>(name: &str, mut operation: impl FnMut() -> T) {
    let best = (0..RUNS).map(|_| time(REPEATS, &mut operation)).min().unwrap_or_default();
    println!("{name:<44} {:>8.0} ns", best.as_secs_f64() * 1e9 / f64::from(REPEATS));
}

fn time<T>(repeats: u32, operation: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..repeats {
        black_box(operation());
    }
    start.elapsed()
}

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let key_file = KeyFile::create(&directory.path().join("key"), &SystemRandom).unwrap();
    let path = data.join("keyring.json");
    let keyring = Keyring::create(&path, &key_file, Arc::new(SystemRandom)).unwrap();
    let place = b"kms/keys\x00123456789012\x00us-east-1\x001234abcd-12ab-34cd-56ef-1234567890ab";

    let mut drawn = [0; 28];
    measure("28 random bytes", || SystemRandom.fill(&mut drawn));
    for length in [64, 800, 4096] {
        let value = vec![7; length];
        let sealed = keyring.seal(place, &value).unwrap();
        measure(&format!("seal {length} B"), || keyring.seal(place, &value).unwrap());
        measure(&format!("open {length} B"), || keyring.open_sealed(place, &sealed).unwrap());
    }
    let other = Keyring::open(&path, &[&key_file], Arc::new(SystemRandom)).unwrap();
    let foreign = other.seal(place, &[7; 800]).unwrap();
    measure("open 800 B of another writer, key cached", || keyring.open_sealed(place, &foreign).unwrap());
    let token = keyring.token_seal("session", &[7; 300]).unwrap();
    measure("token seal 300 B", || keyring.token_seal("session", &[7; 300]).unwrap());
    measure("token open 300 B", || keyring.token_open("session", &token).unwrap());

    let sealed = keyring.generate_material(place, MaterialSpec::Symmetric, &SystemRandom).unwrap();
    measure("backing key, open already", || keyring.material(place, &sealed.0).unwrap());
    let material = keyring.material(place, &sealed.0).unwrap();
    let key = material.symmetric().unwrap();
    for length in [64, 4096] {
        let value = vec![7; length];
        let blob = key.encrypt(&SystemRandom, place, &value).unwrap();
        measure(&format!("backing encrypt {length} B"), || {
            key.encrypt(&SystemRandom, place, &value).unwrap()
        });
        measure(&format!("backing decrypt {length} B"), || key.decrypt(place, &blob).unwrap());
    }

    let start = Instant::now();
    keyring.add_slot(&Passphrase::new(b"correct horse battery staple".to_vec().into())).unwrap();
    println!("passphrase slot of default work              {:>8.0} ms", start.elapsed().as_secs_f64() * 1e3);
}
