//! Keys are gone from memory when what held them is. Alone in its process, so that nothing else moves memory meanwhile.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is tests")]

use keyring::{KeyFile, Keyring, MaterialSpec, Passphrase, Random, SystemRandom, Work};
use primitives::MacSpec;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex};
use zeroize::Zeroize as _;

/// What the copies are masked with that this test keeps to search for.
const MASK: u8 = 0x5a;

/// Remembers every key drawn from it, masked.
#[derive(Default)]
struct Recording(Mutex<Vec<[u8; 32]>>);

impl Random for Recording {
    fn fill(&self, out: &mut [u8]) {
        SystemRandom.fill(out);
        if out.len() == 32 {
            self.0.lock().unwrap().push(std::array::from_fn(|i| out[i] ^ MASK));
        }
    }
}

/// How often each masked key is found unmasked in the writable memory of this process.
fn count(masked: &[[u8; 32]]) -> Vec<usize> {
    let mut found = vec![0; masked.len()];
    let mut chunk = vec![0; 1 << 20];
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let firsts: Vec<_> = masked.iter().map(|key| key[0] ^ MASK).collect();
    let mut wanted = [false; 256];
    firsts.iter().for_each(|first| wanted[usize::from(*first)] = true);
    let own = chunk.as_ptr() as u64..chunk.as_ptr() as u64 + chunk.len() as u64;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let (mut from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        while from < to {
            let Ok(length @ 1..) = memory.read_at(&mut chunk, from) else { break };
            let length = length.min(usize::try_from(to - from).unwrap());
            for (at, window) in chunk[..length].windows(32).enumerate() {
                if !wanted[usize::from(window[0])] || own.contains(&(from + at as u64)) {
                    continue;
                }
                for (key, found) in masked.iter().zip(&mut found) {
                    *found += usize::from(window.iter().zip(key).all(|(a, b)| a ^ MASK == *b));
                }
            }
            // Chunks overlap, so that no key is cut in two.
            from +=
                if length > 31 && from + (length as u64) < to { length as u64 - 31 } else { length as u64 };
        }
    }
    chunk.zeroize();
    found
}

#[test]
fn keys_are_wiped() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let path = directory.path().join("data/keyring.json");
    let random = Arc::new(Recording::default());
    let key = KeyFile::create(&directory.path().join("key"), &*random).unwrap();
    let keyring = Keyring::create(&path, &key, random.clone()).unwrap();
    let work = Work { memory_kib: 64, passes: 1, lanes: 1 };
    keyring.add_slot(&Passphrase::with_work(b"correct horse battery staple".to_vec().into(), work)).unwrap();
    let sealed = keyring.generate_material(b"place", MaterialSpec::Symmetric, &*random).unwrap();
    let backing = keyring.material(b"place", &sealed.0).unwrap();
    let blob = backing.symmetric().unwrap().encrypt(&*random, b"aad", b"value").unwrap();
    backing.symmetric().unwrap().decrypt(b"aad", &blob).unwrap();
    keyring.seal(b"place", b"value").unwrap();
    keyring.token_seal("purpose", b"value").unwrap();

    let all = random.0.lock().unwrap().clone();
    // The key file's, the root, a domain key, shreds, a backing key.
    assert_eq!(all.len(), 3 + 256 + 1);
    let drawn = [all[0], all[1], all[2], all[259]];
    assert_eq!(count(&all[3..19]), [0; 16], "shreds are wrapped but while they are used");
    assert_eq!(count(&drawn), [1, 1, 1, 1], "one copy of each while open");
    let mac = keyring.generate_material(b"mac", MaterialSpec::Mac(MacSpec::Hmac256), &*random).unwrap();
    keyring.material(b"mac", &mac.0).unwrap().mac().unwrap().mac(b"value");
    let all = random.0.lock().unwrap().clone();
    assert_eq!(count(&all[260..]), [0], "of a key of HMAC there are its inner states alone");
    let rekeyed = {
        keyring.rekey(&[&key]).unwrap();
        random.0.lock().unwrap()[all.len()..].to_vec()
    };
    assert_eq!(count(&drawn), [1, 0, 1, 1], "the old root key is gone");
    assert_eq!(count(&rekeyed), [1, 1], "the new root and domain key");
    drop((keyring, key));
    assert_eq!(count(&rekeyed), [0, 0]);
    assert_eq!(count(&drawn), [0, 0, 0, 1], "the backing key is still held");
    drop(backing);
    assert_eq!(count(&drawn), [0, 0, 0, 0], "nothing is left");
}
