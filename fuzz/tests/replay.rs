//! Every target on its seeds, on what fuzzing found worth keeping, on what once failed, and on many small changes of all that.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail loudly too")]
#![expect(clippy::cast_possible_truncation, reason = "choices are small numbers")]

use fuzz::{TARGETS, Target};
use simdisk::Random;
use std::path::Path;

/// How many changed inputs each target is given.
const CHANGED: usize = 60;

/// Says what was being tried when it failed.
struct Trying<'a>(&'a Target, &'a [u8]);

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("target {}: {:?}\n{}", self.0.name, self.1, String::from_utf8_lossy(self.1));
        }
    }
}

fn try_out(target: &Target, input: &[u8]) {
    let _trying = Trying(target, input);
    (target.run)(input);
}

fn kept(target: &Target, kind: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target.name);
    let Ok(files) = folder.read_dir() else { return Vec::new() };
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// A small change of one input, or two joined.
fn changed(inputs: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut choose = |bound: usize| random.below(bound.max(1) as u64) as usize;
    let mut input = inputs[choose(inputs.len())].clone();
    for _ in 0..=choose(4) {
        let at = choose(input.len() + 1);
        match choose(5) {
            0 => input.insert(at, choose(256) as u8),
            1 if at < input.len() => drop(input.remove(at)),
            2 if at < input.len() => input[at] ^= 1 << choose(8),
            3 => {
                let other = &inputs[choose(inputs.len())];
                let from = choose(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ if at < input.len() => input[at] = b"\0\"{}[]:,*?$%&=/\\-\xff"[choose(18)],
            _ => {}
        }
    }
    input
}

#[test]
fn everything_that_was_ever_found_stays_fixed() {
    let mut random = Random(1);
    for target in TARGETS {
        let mut inputs = (target.seeds)();
        inputs.extend(kept(target, "corpus"));
        for input in inputs.iter().chain(&kept(target, "regressions")) {
            try_out(target, input);
        }
        for _ in 0..CHANGED {
            try_out(target, &changed(&inputs, &mut random));
        }
    }
}

#[test]
fn every_folder_is_a_target() {
    for kind in ["corpus", "regressions"] {
        for folder in Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).read_dir().into_iter().flatten() {
            let name = folder.unwrap().file_name().into_string().unwrap();
            assert!(fuzz::find(&name).is_some(), "{kind}/{name}");
        }
    }
}
