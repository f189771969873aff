//! The program that libFuzzer drives.
//!
//! `FUZZ_TARGET` names the target; without it the targets are listed. `FUZZ_SEEDS` is a folder to write the target's seeds to first.

#![no_main]

use fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;
use std::io::Write as _;
use std::path::Path;
use std::process::exit;
use std::sync::OnceLock;

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

fn chosen() -> &'static Target {
    CHOSEN.get_or_init(|| {
        let Ok(name) = std::env::var("FUZZ_TARGET") else {
            let names: String =
                TARGETS.iter().map(|target| format!("{}: {}\n", target.name, target.doc)).collect();
            // Not on standard error, where libFuzzer says things of its own.
            exit(i32::from(std::io::stdout().write_all(names.as_bytes()).is_err()));
        };
        fuzz::find(&name).unwrap_or_else(|| {
            eprintln!("there is no target {name}");
            exit(1);
        })
    })
}

fn begin() {
    let seeds = (chosen().seeds)();
    let Some(folder) = std::env::var_os("FUZZ_SEEDS") else { return };
    for (number, seed) in seeds.iter().enumerate() {
        if let Err(error) = std::fs::write(Path::new(&folder).join(format!("seed-{number}")), seed) {
            eprintln!("cannot write a seed: {error}");
            exit(1);
        }
    }
}

fuzz_target!(init: begin(), |data: &[u8]| (chosen().run)(data));
