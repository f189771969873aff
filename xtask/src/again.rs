//! Tests that failed, run once more: each alone, so that neither load nor another test can be the cause of a second failure.

use crate::run::{Failure, target};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitStatus};

/// The most failures that are run again. More of them have one cause, which is not chance.
const AGAIN_MAX: usize = 20;

/// The folder of pytest's cache, below cargo's target folder.
const CACHE: &str = "pytest";

/// The exit status by which pytest says that it ran all tests and some failed.
const SOME_FAILED: i32 = 1;

/// Runs `cargo test` on the workspace, and what failed again. Returns the tests that passed then.
///
/// # Errors
/// If a test fails twice, or the tests could not be run.
pub(crate) fn rust(cargo: impl Fn() -> Command) -> Result<Vec<String>, Failure> {
    let mut all = cargo();
    all.args(["test", "--workspace", "--quiet", "--no-fail-fast", "--color", "never"]);
    let (status, output) = shown(all)?;
    if status.success() {
        return Ok(Vec::new());
    }
    again(&rust_failures(&output), RustTest::to_string, |failed| {
        let mut one = cargo();
        // The whole workspace with a filter: with `--package`, cargo would choose other features and build again.
        one.args(["test", "--workspace", "--quiet"]).args(&failed.kind).arg("--");
        if let Some(name) = &failed.name {
            one.args(["--exact", name]);
        }
        let (status, output) = shown(one)?;
        Ok(status.success() && passed(&output) > 0)
    })
}

/// Runs the tests over the wire, and what failed again. Returns the tests that passed then.
///
/// # Errors
/// If a test fails twice, or the tests could not be run.
pub(crate) fn python(pytest: impl Fn() -> Command) -> Result<Vec<String>, Failure> {
    let cache = target()?.join(CACHE);
    if cache.exists() {
        fs::remove_dir_all(&cache)?;
    }
    let option = format!("cache_dir={}", cache.display());
    let status = pytest().args(["-q", "-o", &option, "tests"]).status()?;
    if status.success() {
        return Ok(Vec::new());
    }
    if status.code() != Some(SOME_FAILED) {
        return Err("pytest did not run all tests".into());
    }
    let failed = python_failures(&fs::read_to_string(cache.join("v/cache/lastfailed"))?)?;
    again(&failed, String::clone, |name| {
        Ok(pytest().args(["-q", "-p", "no:cacheprovider", name]).status()?.success())
    })
}

/// Runs each of these tests once more, and returns the names of them all if they pass.
fn again<T>(
    failed: &[T],
    name: impl Fn(&T) -> String,
    run: impl Fn(&T) -> Result<bool, Failure>,
) -> Result<Vec<String>, Failure> {
    match failed.len() {
        0 => return Err("the tests failed, and none of them is named".into()),
        1..=AGAIN_MAX => {}
        count => return Err(format!("{count} tests failed: too many to be chance").into()),
    }
    let mut flaky = Vec::new();
    let mut twice = Vec::new();
    for test in failed {
        eprintln!("== once more, alone: {}", name(test));
        if run(test)? { &mut flaky } else { &mut twice }.push(name(test));
    }
    if twice.is_empty() {
        return Ok(flaky);
    }
    flaky.iter().for_each(|name| eprintln!("FLAKY {name}"));
    Err(format!("failed twice: {}", twice.join(", ")).into())
}

/// A Rust test that failed.
#[derive(Debug, PartialEq)]
struct RustTest {
    /// The package, where cargo names one.
    package: String,
    /// The arguments by which cargo finds the kind of target: `--lib`, `--test arrows`.
    kind: Vec<String>,
    /// The test; `None` if the process of the target died before it could name one.
    name: Option<String>,
}

impl std::fmt::Display for RustTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.package, self.kind.join(" "))?;
        self.name.iter().try_for_each(|name| write!(f, " {name}"))
    }
}

/// The failures that the output of cargo and libtest names: a list of tests, then the target that they belong to.
fn rust_failures(output: &str) -> Vec<RustTest> {
    let mut failed = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut listing = false;
    for line in output.lines() {
        if line == "failures:" {
            // The last list counts: a test may have printed the like.
            names.clear();
            listing = true;
        } else if let Some((_, rest)) = line.split_once("test failed, to rerun pass `") {
            let arguments: Vec<&str> = rest.trim_end_matches('`').split(' ').collect();
            let kind = arguments.iter().position(|word| word.starts_with("--")).unwrap_or(0);
            let (package, kind) = arguments.split_at_checked(kind).unwrap_or_default();
            let kind = || kind.iter().map(|&word| word.to_owned()).collect();
            let test = |name| RustTest { package: package.concat().replace("-p", ""), kind: kind(), name };
            match names.is_empty() {
                true => failed.push(test(None)),
                false => failed.extend(names.drain(..).map(|name| test(Some(name)))),
            }
            listing = false;
        } else if listing {
            match line.strip_prefix("    ") {
                Some(name) => names.push(name.to_owned()),
                None => listing = line.is_empty() && names.is_empty(),
            }
        }
    }
    failed
}

/// The tests that libtest counts as passed.
fn passed(output: &str) -> usize {
    let results = output.lines().filter_map(|line| line.strip_prefix("test result: ok. "));
    results.filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok()).sum()
}

/// The tests that pytest's cache lists as failed.
fn python_failures(cache: &str) -> Result<Vec<String>, Failure> {
    let failed: BTreeMap<String, bool> = serde_json::from_str(cache)?;
    Ok(failed.into_keys().collect())
}

/// Runs a program, shows what it prints and returns that as well; both of its outputs are one, in the order of writing.
fn shown(mut command: Command) -> Result<(ExitStatus, String), Failure> {
    let (reader, writer) = std::io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // The command holds the ends that are written to: without them, the reader sees the end when the program is through.
    drop(command);
    let mut reader = BufReader::new(reader);
    let mut output = String::new();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        eprint!("{text}");
        output.push_str(&text);
        line.clear();
    }
    Ok((child.wait()?, output))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 3 tests
. 1/3
tags::worse --- FAILED

failures:

---- tags::bad stdout ----
failures:
    no

thread 'tags::bad' panicked at src/lib.rs:5:51:
boo


failures:
    tags::bad
    tags::worse

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.13s

error: test failed, to rerun pass `-p kms --lib`

running 1 test
error: test failed, to rerun pass `-p fastness --test arrows`

Caused by:
  process didn't exit successfully: `arrows-52ac93905269d023 --quiet` (signal: 6, SIGABRT: process abort signal)

failures:

---- src/lib.rs - a (line 1) stdout ----
Test executable failed (exit status: 101).


failures:
    src/lib.rs - a (line 1)

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.15s

error: doctest failed, to rerun pass `-p wire --doc`
error: 3 targets failed:
    `-p kms --lib`
";

    fn failed(package: &str, kind: &[&str], name: Option<&str>) -> RustTest {
        let kind = kind.iter().map(|&word| word.to_owned()).collect();
        RustTest { package: package.to_owned(), kind, name: name.map(str::to_owned) }
    }

    #[test]
    fn failures_of_cargo_with_their_targets() {
        let wanted = [
            failed("kms", &["--lib"], Some("tags::bad")),
            failed("kms", &["--lib"], Some("tags::worse")),
            failed("fastness", &["--test", "arrows"], None),
            failed("wire", &["--doc"], Some("src/lib.rs - a (line 1)")),
        ];
        assert_eq!(rust_failures(OUTPUT), wanted);
        assert_eq!(
            wanted.last().map(RustTest::to_string).as_deref(),
            Some("wire --doc src/lib.rs - a (line 1)")
        );
        assert_eq!(rust_failures("error: could not compile `kms` (lib)"), []);
    }

    #[test]
    fn passed_tests_are_counted_over_all_targets() {
        let output = "test result: ok. 0 passed; 0 failed;\n.\ntest result: ok. 1 passed; 0 failed;\n";
        assert_eq!(passed(output), 1);
        assert_eq!(passed("test result: ok. 0 passed; 0 failed;\n"), 0);
        assert_eq!(passed("test result: FAILED. 3 passed; 1 failed;\n"), 0);
    }

    #[test]
    fn failures_of_pytest() {
        let cache = r#"{"tests/test_kms.py::test_b[x]": true, "tests/test_iam.py::test_a": true}"#;
        let wanted = ["tests/test_iam.py::test_a", "tests/test_kms.py::test_b[x]"];
        assert_eq!(python_failures(cache).unwrap(), wanted);
        assert!(python_failures("[]").is_err());
    }

    #[test]
    fn second_chances_are_one_each() {
        let name = |test: &&str| (*test).to_owned();
        let run = |passes: &'static [&str]| move |test: &&str| Ok(passes.contains(test));
        assert_eq!(again(&["a", "b"], name, run(&["a", "b"])).unwrap(), ["a", "b"]);
        let error = again(&["a", "b", "c"], name, run(&["b"])).unwrap_err();
        assert_eq!(error.to_string(), "failed twice: a, c");
        assert!(again(&[], name, run(&[])).is_err(), "a failure without a name is one all the same");
        let error = again(&["a"; 21], name, run(&["a"])).unwrap_err();
        assert_eq!(error.to_string(), "21 tests failed: too many to be chance");
    }

    #[test]
    fn output_of_both_kinds_is_shown_and_kept() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo one; echo two >&2; printf three; exit 3"]);
        let (status, output) = shown(shell).unwrap();
        assert_eq!((status.code(), output.as_str()), (Some(3), "one\ntwo\nthree"));
    }
}
