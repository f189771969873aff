//! `cargo xtask package`: the release as it is handed out.

use crate::files::root;
use crate::run::{Failure, cargo, run, target};
use crate::{clients, deb, elf, sbom};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What stands for the checkout, cargo's home and the build in the binary, so that it does not tell (and does not depend on) where
/// it was built.
const REMAPPED: [&str; 3] = ["/fastness", "/cargo", "/build"];

/// The time that C compilers take for now, in seconds since the epoch: libraries put it into the binary, and what is built already is not built anew
/// for another.
const BUILD_TIME: &str = "1";

/// Builds the binary, also as a static one, with a Debian package, its bill of materials, completions, man pages, checksums, a container recipe and a systemd unit, into
/// `package` in the target folder. `check` builds a second time elsewhere, and fails unless the same bytes come out; `try_out` does with all of it what those do who are handed it.
pub(crate) fn package(profile: &str, check: bool, try_out: bool) -> Result<(), Failure> {
    let target = target()?;
    let place = target.join("package");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    let commit = Commit::checked_out();
    let made = target.join("package-build");
    for linkage in Linkage::ALL {
        let built = build(profile, linkage, root(), &made, &commit)?;
        linkage.require(&fs::read(&built)?)?;
        fs::copy(built, place.join(linkage.name()))?;
    }
    let binary = place.join(Linkage::Dynamic.name());
    fs::write(place.join("fastness.cdx.json"), sbom::of_release()?)?;
    for entry in fs::read_dir(root().join("packaging"))? {
        let path = entry?.path();
        // Beside them are their tests.
        if path.is_file() {
            fs::copy(&path, place.join(path.file_name().ok_or("a file without a name")?))?;
        }
    }
    texts(&binary, &place)?;
    deb::build(&place, &commit)?;
    let mut names = Vec::new();
    walk(&place, &place, &mut names)?;
    names.sort();
    let sums = Command::new("sha256sum").arg("--").args(&names).current_dir(&place).output()?;
    if !sums.status.success() {
        return Err("sha256sum failed".into());
    }
    fs::write(place.join("SHA256SUMS"), sums.stdout)?;
    eprintln!("packaged in {}", place.display());
    if try_out {
        run(Command::new(clients::python()?.join("python"))
            .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "packaging/tests"])
            .current_dir(root())
            .env("FASTNESS_PACKAGE", &place)
            .env("PYTHONDONTWRITEBYTECODE", "1"))?;
    }
    if check { check_reproducible(profile, &commit, &place, &target.join("package-check")) } else { Ok(()) }
}

/// Has the binary write its completions and man pages.
fn texts(binary: &Path, place: &Path) -> Result<(), Failure> {
    let completions = place.join("completions");
    fs::create_dir_all(&completions)?;
    for shell in ["bash", "zsh", "fish"] {
        let script = Command::new(binary).args(["completions", shell]).output()?;
        if !script.status.success() {
            return Err(format!("`fastness completions {shell}` failed").into());
        }
        fs::write(completions.join(format!("fastness.{shell}")), script.stdout)?;
    }
    run(Command::new(binary).args(["man", "--to"]).arg(place.join("man")))
}

/// The files below a folder, by their paths from `base`.
fn walk(base: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(base, &path, found)?;
        } else {
            found.push(path.strip_prefix(base)?.to_owned());
        }
    }
    Ok(())
}

/// The commit that is packaged; nothing is known of it outside of a checkout.
#[derive(Default)]
pub(crate) struct Commit {
    /// Its abbreviated name and date, as the binary's version tells them.
    pub(crate) name: String,
    /// When it was made, in seconds since the epoch.
    pub(crate) seconds: String,
}

impl Commit {
    fn checked_out() -> Self {
        let told = |format: &str| {
            let log = ["log", "-1", "--abbrev=12", format];
            let output = Command::new("git").args(log).current_dir(root()).output().ok()?;
            let text = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
            Some(text.trim().to_owned())
        };
        let (name, seconds) = (told("--format=%h %cs"), told("--format=%ct"));
        Self { name: name.unwrap_or_default(), seconds: seconds.unwrap_or_else(|| BUILD_TIME.to_owned()) }
    }
}

/// What a binary takes from the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linkage {
    /// The C library and libgcc, and whatever PKCS#11 library is configured.
    Dynamic,
    /// Nothing: it cannot load a library either.
    Static,
}

impl Linkage {
    const ALL: [Self; 2] = [Self::Dynamic, Self::Static];

    /// The name of the binary in the package.
    fn name(self) -> &'static str {
        match self {
            Self::Dynamic => "fastness",
            Self::Static => "fastness-static",
        }
    }

    /// Fails unless a binary is linked as its name says.
    fn require(self, binary: &[u8]) -> Result<(), Failure> {
        if elf::has_interpreter(binary)? == (self == Self::Dynamic) {
            return Ok(());
        }
        Err(format!("{} is not linked as its name says", self.name()).into())
    }
}

/// Builds the binary from a source folder with a profile, in a target folder of its own.
fn build(
    profile: &str,
    linkage: Linkage,
    source: &Path,
    target: &Path,
    commit: &Commit,
) -> Result<PathBuf, Failure> {
    let cargo_home = cargo_home()?;
    let places = [source, &cargo_home, target];
    // The last that fits counts: the target folder may lie in the source.
    let mut rust: Vec<String> = remaps("--remap-path-prefix", &places);
    let c = remaps("-ffile-prefix-map", &places).join(" ");
    let mut build = cargo();
    build.args(["build", "--locked", "--package", "fastness", "--profile", profile]);
    let mut folder = target.to_owned();
    if linkage == Linkage::Static {
        // What is named is built apart from what the build itself runs, which no static build can load.
        let host = host()?;
        build.args(["--target", &host]);
        rust.push("-Ctarget-feature=+crt-static".to_owned());
        folder.push(host);
    }
    run(build
        .current_dir(source)
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", rust.join("\x1f"))
        .env("CFLAGS", c)
        .env("CARGO_TARGET_DIR", target)
        // Line tables name files; the names of functions, which backtraces need, stay.
        .env(format!("CARGO_PROFILE_{}_DEBUG", profile.to_uppercase()), "false")
        .env("FASTNESS_COMMIT", &commit.name)
        .env("SOURCE_DATE_EPOCH", BUILD_TIME))?;
    let binary = folder.join(if profile == "dev" { "debug" } else { profile }).join("fastness");
    let bytes = fs::read(&binary)?;
    for place in places {
        let told = place.as_os_str().as_encoded_bytes();
        if bytes.windows(told.len()).any(|window| window == told) {
            return Err(format!("the binary names {}", place.display()).into());
        }
    }
    Ok(binary)
}

/// The target that the compiler builds for by itself.
fn host() -> Result<String, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = String::from_utf8(Command::new(rustc).arg("-vV").output()?.stdout)?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not tell its host")?.to_owned())
}

fn remaps(option: &str, places: &[&Path; 3]) -> Vec<String> {
    let pairs = places.iter().zip(REMAPPED);
    pairs.map(|(place, instead)| format!("{option}={}={instead}", place.display())).collect()
}

/// Builds what is checked out from a copy in another folder and compares.
fn check_reproducible(profile: &str, commit: &Commit, place: &Path, scratch: &Path) -> Result<(), Failure> {
    if scratch.exists() {
        fs::remove_dir_all(scratch)?;
    }
    let source = scratch.join("another/source");
    for file in sources()? {
        let copy = source.join(&file);
        fs::create_dir_all(copy.parent().ok_or("a file without a folder")?)?;
        fs::copy(root().join(&file), copy)?;
    }
    for linkage in Linkage::ALL {
        let binary = place.join(linkage.name());
        let again = build(profile, linkage, &source, &scratch.join("another-target"), commit)?;
        if fs::read(&binary)? != fs::read(&again)? {
            return Err(
                format!("not reproducible: {} and {} differ", binary.display(), again.display()).into()
            );
        }
    }
    fs::remove_dir_all(scratch)?;
    eprintln!("reproducible: two builds in two folders are the same");
    Ok(())
}

/// The files that are tracked or would be.
fn sources() -> Result<Vec<PathBuf>, Failure> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()?;
    let names = String::from_utf8(listed.stdout)?;
    let files = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    Ok(files.filter(|file| root().join(file).is_file()).collect())
}

fn cargo_home() -> Result<PathBuf, Failure> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
    Ok(named.or_else(home).ok_or("neither CARGO_HOME nor HOME is set")?)
}
