//! `cargo xtask fuzz`: hostile bytes for everything that reads bytes, guided by which code they reach.
//!
//! libFuzzer works with the stable compiler: the coverage counters are an LLVM pass, which `-Cpasses` switches on.

use crate::files::repository;
use crate::run::{Failure, cargo, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Counters of how often every edge is passed, and what comparisons compare.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// The longest input, in bytes.
const INPUT_BYTES_MAX: usize = 4096;

/// The longest input that is checked in, in bytes, so that all of them stay small.
const KEPT_BYTES_MAX: u64 = 2048;

/// The most inputs of one target that are checked in.
const KEPT_MAX: usize = 40;

/// About how many targets there are.
pub(crate) const TARGETS_ABOUT: u32 = 25;

/// The program with all targets.
pub(crate) struct Fuzzer {
    program: PathBuf,
    /// Where inputs found so far are kept, outside of the repository's files.
    work: PathBuf,
}

/// Fuzzes some targets or all, each for a time, and tells how many inputs were tried.
pub(crate) fn fuzz(targets: &[String], seconds: u32, keep: bool) -> Result<(), Failure> {
    let fuzzer = Fuzzer::build()?;
    let all = fuzzer.targets()?;
    let chosen = if targets.is_empty() { &all } else { targets };
    if let Some(unknown) = chosen.iter().find(|name| !all.contains(name)) {
        return Err(format!("there is no target {unknown}; there are {}", all.join(", ")).into());
    }
    let mut failed = Vec::new();
    for target in chosen {
        let (executions, found) = fuzzer.fuzz(target, seconds)?;
        if found {
            failed.push(target.as_str());
        } else if keep {
            fuzzer.keep(target)?;
        }
        eprintln!("{target:16} {executions:>12} executions{}", if found { ", FAILED" } else { "" });
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("failed: {}; the inputs are in fuzz/regressions", failed.join(", ")).into())
}

impl Fuzzer {
    fn build() -> Result<Self, Failure> {
        let host = host()?;
        let own = std::env::current_exe()?;
        let target = own.parent().and_then(Path::parent).ok_or("this program is in no target folder")?;
        let work = target.join("fuzz");
        run(cargo()
            .args(["build", "--release", "--package", "fuzz", "--features", "libfuzzer", "--bin", "fuzz"])
            .args(["--target", &host, "--target-dir"])
            .arg(&work)
            .env("RUSTFLAGS", FLAGS)
            // Counters and whole-program optimization do not go together; assertions find more.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true"))?;
        Ok(Self { program: work.join(&host).join("release/fuzz"), work })
    }

    /// The names of all targets.
    fn targets(&self) -> Result<Vec<String>, Failure> {
        let output = Command::new(&self.program).output()?;
        let text = String::from_utf8(output.stdout)?;
        let names = text.lines().filter_map(|line| Some(line.split_once(": ")?.0.to_owned()));
        Ok(names.collect())
    }

    /// Fuzzes one target: how many inputs were tried, and whether one failed.
    fn fuzz(&self, target: &str, seconds: u32) -> Result<(u64, bool), Failure> {
        let (found, kept) = (self.work.join("found").join(target), repository("fuzz/corpus").join(target));
        let regressions = repository("fuzz/regressions").join(target);
        fs::create_dir_all(&found)?;
        let mut command = Command::new(&self.program);
        command.arg(&found);
        if kept.exists() {
            command.arg(&kept);
        }
        let prefix = self.work.join(format!("{target}-"));
        let output = command
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={INPUT_BYTES_MAX}"))
            .arg(format!("-artifact_prefix={}", prefix.display()))
            .args(["-print_final_stats=1", "-timeout=20", "-rss_limit_mb=4096", "-verbosity=1"])
            .env("FUZZ_TARGET", target)
            .env("FUZZ_SEEDS", &found)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()?;
        let log = String::from_utf8_lossy(&output.stderr);
        let executions = log
            .lines()
            .find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
            .unwrap_or(0);
        if !output.status.success() {
            eprintln!("{log}");
            let written =
                log.lines().find_map(|line| line.split_once("Test unit written to ").map(|it| it.1));
            if let Some(path) = written {
                fs::create_dir_all(&regressions)?;
                let name = Path::new(path).file_name().ok_or("a file has no name")?;
                fs::copy(path, regressions.join(name))?;
            }
        }
        Ok((executions, !output.status.success()))
    }

    /// Puts the smallest inputs that together reach what all found inputs reach among the repository's files.
    fn keep(&self, target: &str) -> Result<(), Failure> {
        let (found, kept) = (self.work.join("found").join(target), repository("fuzz/corpus").join(target));
        let merged = self.work.join("merged").join(target);
        let _absent = fs::remove_dir_all(&merged);
        fs::create_dir_all(&merged)?;
        let mut command = Command::new(&self.program);
        command.arg("-merge=1").arg(&merged).arg(&found);
        if kept.exists() {
            command.arg(&kept);
        }
        run(command.env("FUZZ_TARGET", target).stdout(Stdio::null()).stderr(Stdio::null()))?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&merged)? {
            let entry = entry?;
            let length = entry.metadata()?.len();
            if length <= KEPT_BYTES_MAX {
                files.push((length, entry.path()));
            }
        }
        files.sort();
        let _absent = fs::remove_dir_all(&kept);
        fs::create_dir_all(&kept)?;
        // Evenly over all lengths: the long ones reach the deepest.
        let step = files.len().div_ceil(KEPT_MAX).max(1);
        for (_, path) in files.iter().rev().step_by(step) {
            let name = path.file_name().ok_or("a file has no name")?;
            fs::copy(path, kept.join(name))?;
        }
        Ok(())
    }
}

/// The platform that this is compiled for.
fn host() -> Result<String, Failure> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not tell its host")?.to_owned())
}
