//! The clients that the tour and the tests use, installed in a cache outside of the checkout.

use crate::files::root;
use crate::run::{Failure, cargo, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python environment with the AWS CLI, boto3 and pytest: the folder of its programs.
pub(crate) fn python() -> Result<PathBuf, Failure> {
    environment("python", "requirements.txt")
}

/// The command line of the AWS Encryption SDK: the program.
pub(crate) fn encryption_cli() -> Result<PathBuf, Failure> {
    Ok(environment("encryption-cli", "encryption-cli.txt")?.join("aws-encryption-cli"))
}

/// Ansible with the collection `amazon.aws`: the program that runs playbooks.
pub(crate) fn ansible() -> Result<PathBuf, Failure> {
    Ok(environment("ansible", "ansible.txt")?.join("ansible-playbook"))
}

/// A Python environment with the packages of a list in tests/: the folder of its programs.
fn environment(name: &str, list: &str) -> Result<PathBuf, Failure> {
    let wanted = root().join("tests").join(list);
    let venv = cache()?.join(name);
    let programs = venv.join("bin");
    installed(&wanted, &venv, || {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        run(Command::new(programs.join("pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&wanted))
    })?;
    Ok(programs)
}

/// The packages of the AWS SDK for JavaScript: their `node_modules`.
pub(crate) fn node() -> Result<PathBuf, Failure> {
    let source = root().join("tests/js");
    let place = cache()?.join("node");
    installed(&source.join("package-lock.json"), &place, || {
        fs::create_dir_all(&place)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), place.join(file))?;
        }
        run(Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&place))
    })?;
    Ok(place.join("node_modules"))
}

/// A program over the AWS SDK for Rust, built by itself: its dependencies are none of Fastness's.
pub(crate) fn rust() -> Result<PathBuf, Failure> {
    let place = cache()?.join("rust");
    run(cargo()
        .args(["build", "--quiet", "--locked", "--manifest-path"])
        .arg(root().join("tests/rust/Cargo.toml"))
        .arg("--target-dir")
        .arg(&place))?;
    Ok(place.join("debug/fastness-tests-rust"))
}

/// SoftHSM, a PKCS#11 token in software, and libfaketime, by which a server is at another time: the folder that their Debian packages
/// are unpacked in, or the root if they are installed. Taking packages apart needs no rights.
pub(crate) fn softhsm() -> Result<PathBuf, Failure> {
    let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
    let files = ["/usr/bin/softhsm2-util", "/usr/lib/softhsm/libsofthsm2.so", &library];
    if files.iter().all(|file| Path::new(file).exists()) {
        return Ok(PathBuf::from("/"));
    }
    debian("softhsm", "debian.txt")
}

/// MariaDB and, where it is not installed, PostgreSQL: the folder that their Debian packages are unpacked in. None if they cannot be
/// had: the tests that need them say that they are left out.
pub(crate) fn databases() -> Option<PathBuf> {
    let place = debian("databases", "databases.txt");
    place.inspect_err(|failure| eprintln!("no databases: {failure}")).ok()
}

/// The folder that the Debian packages of a list in tests/ are unpacked in.
fn debian(name: &str, list: &str) -> Result<PathBuf, Failure> {
    let list = root().join("tests").join(list);
    let place = cache()?.join(name);
    let names = fs::read_to_string(&list)?;
    installed(&list, &place, || {
        let _old = fs::remove_dir_all(&place);
        fs::create_dir_all(&place)?;
        let download =
            || run(Command::new("apt-get").args(["download", "-qq"]).args(names.lines()).current_dir(&place));
        if download().is_err() {
            // The lists of packages name versions that are gone, or are not there.
            run(Command::new("apt-get").args(["update", "-qq"]))?;
            download()?;
        }
        for entry in fs::read_dir(&place)? {
            run(Command::new("dpkg").arg("-x").arg(entry?.path()).arg(&place))?;
        }
        Ok(())
    })?;
    Ok(place)
}

/// Installs unless the same list was installed before: a copy of the list is left behind when all is done.
fn installed(
    list: &Path,
    place: &Path,
    install: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let wanted = fs::read(list).map_err(|error| format!("{}: {error}", list.display()))?;
    let stamp = place.join("installed");
    if fs::read(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    install()?;
    Ok(fs::write(stamp, wanted)?)
}

/// The folder that keeps what is installed.
pub(crate) fn cache() -> Result<PathBuf, Failure> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    Ok(base.ok_or("neither XDG_CACHE_HOME nor HOME is set")?.join("fastness"))
}
