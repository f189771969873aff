//! The program that libFuzzer drives. `FUZZ_TARGET` names the target; `FUZZ_SEEDS` a folder to write its seeds to first.

#![no_main]

use fuzz::Target;
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::OnceLock;

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fn chosen() -> &'static Target {
    TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let Some(target) = fuzz::find(&name) else {
            eprintln!("FUZZ_TARGET is to name a target");
            std::process::exit(1);
        };
        target
    })
}

fn write_seeds() {
    let Some(folder) = std::env::var_os("FUZZ_SEEDS") else { return };
    for (number, seed) in (chosen().seeds)().iter().enumerate() {
        if let Err(error) = std::fs::write(Path::new(&folder).join(format!("seed-{number}")), seed) {
            eprintln!("cannot write a seed: {error}");
            std::process::exit(1);
        }
    }
}

fuzz_target!(init: write_seeds(), |data: &[u8]| (chosen().run)(data));
