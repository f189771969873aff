//! The Debian package, made by `dpkg-deb` of what `cargo xtask package` has laid out.

use crate::package::Commit;
use crate::run::{Failure, run};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// Where each file goes, and with which permissions. Folders stand for what is in them.
const FILES: [(&str, &str, u32); 10] = [
    ("fastness", "usr/bin/fastness", 0o755),
    ("fastness.service", "usr/lib/systemd/system/fastness.service", 0o644),
    ("fastness-trail.service", "usr/lib/systemd/system/fastness-trail.service", 0o644),
    ("fastness.toml", "etc/fastness/fastness.toml", 0o644),
    ("completions/fastness.bash", "usr/share/bash-completion/completions/fastness", 0o644),
    ("completions/fastness.zsh", "usr/share/zsh/vendor-completions/_fastness", 0o644),
    ("completions/fastness.fish", "usr/share/fish/vendor_completions.d/fastness.fish", 0o644),
    ("man", "usr/share/man/man1", 0o644),
    ("fastness.cdx.json", "usr/share/doc/fastness/fastness.cdx.json", 0o644),
    ("copyright", "usr/share/doc/fastness/copyright", 0o644),
];

/// Makes `fastness_VERSION_ARCHITECTURE.deb` beside the files. Without `dpkg-deb` there is none, which is said.
pub(crate) fn build(place: &Path, commit: &Commit) -> Result<(), Failure> {
    let Ok(architecture) = Command::new("dpkg").arg("--print-architecture").output() else {
        eprintln!("no Debian package: dpkg is not installed");
        return Ok(());
    };
    let architecture = String::from_utf8(architecture.stdout)?.trim().to_owned();
    let stage = place.join("deb");
    for (from, to, mode) in FILES {
        install(&place.join(from), &stage.join(to), mode)?;
    }
    let control = stage.join("DEBIAN");
    fs::create_dir_all(&control)?;
    fs::write(control.join("control"), self::control(&architecture, &fs::read(place.join("fastness"))?))?;
    // The administrator's changes to it outlast upgrades.
    fs::write(control.join("conffiles"), "/etc/fastness/fastness.toml\n")?;
    let name = format!("fastness_{}_{architecture}.deb", env!("CARGO_PKG_VERSION"));
    run(Command::new("dpkg-deb")
        .args(["--root-owner-group", "-Zxz", "--build"])
        .args([&stage, &place.join(name)])
        // Times of files are the commit's, so that the package comes out the same.
        .env("SOURCE_DATE_EPOCH", &commit.seconds)
        .stdout(std::process::Stdio::null()))?;
    Ok(fs::remove_dir_all(&stage)?)
}

fn install(from: &Path, to: &Path, mode: u32) -> Result<(), Failure> {
    if from.is_dir() {
        for entry in fs::read_dir(from)? {
            let path = entry?.path();
            install(&path, &to.join(path.file_name().ok_or("a file without a name")?), mode)?;
        }
        return Ok(());
    }
    fs::create_dir_all(to.parent().ok_or("a file without a folder")?)?;
    fs::copy(from, to).map_err(|error| format!("{}: {error}", from.display()))?;
    Ok(fs::set_permissions(to, fs::Permissions::from_mode(mode))?)
}

fn control(architecture: &str, binary: &[u8]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut depends = Vec::new();
    depends.extend(glibc(binary).map(|(major, minor)| format!("libc6 (>= {major}.{minor})")));
    depends.extend(contains(binary, b"libgcc_s.so.1").then(|| "libgcc-s1".to_owned()));
    let depends =
        if depends.is_empty() { String::new() } else { format!("Depends: {}\n", depends.join(", ")) };
    format!(
        "Package: fastness\nVersion: {version}\nArchitecture: {architecture}\nSection: admin\nPriority: optional\n\
         Maintainer: The Fastness authors <fastness@localhost>\n{depends}\
         Description: KMS, IAM, STS and CloudTrail of your own\n \
         One server that speaks AWS's APIs, checks every call against policies, records it, and keeps\n \
         keys that never leave it. Unmodified clients of AWS work against it.\n"
    )
}

/// The newest version of glibc that a program asks for by its versioned symbols; none of a static one.
fn glibc(binary: &[u8]) -> Option<(u32, u32)> {
    const PREFIX: &[u8] = b"GLIBC_";
    let windows = binary.windows(PREFIX.len()).enumerate().filter(|(_, window)| *window == PREFIX);
    let versions = windows.filter_map(|(at, _)| {
        let rest = binary.get(at + PREFIX.len()..)?;
        let text = rest.split(|byte| !byte.is_ascii_digit() && *byte != b'.').next()?;
        let (major, minor) = std::str::from_utf8(text).ok()?.split_once('.')?;
        Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
    });
    versions.max()
}

fn contains(binary: &[u8], text: &[u8]) -> bool {
    binary.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn laid_out(name: &str) -> PathBuf {
        let place = std::env::temp_dir().join(format!("fastness-deb-{name}-{}", std::process::id()));
        for (file, text) in [
            ("fastness", "\x7fELF GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.3.4\0 libgcc_s.so.1\0"),
            ("fastness.service", "[Unit]\n"),
            ("fastness-trail.service", "[Unit]\n"),
            ("fastness.toml", "\n"),
            ("completions/fastness.bash", "bash\n"),
            ("completions/fastness.zsh", "zsh\n"),
            ("completions/fastness.fish", "fish\n"),
            ("man/fastness.1", ".TH\n"),
            ("man/fastness-serve.1", ".TH\n"),
            ("fastness.cdx.json", "{}\n"),
            ("copyright", "Apache-2.0\n"),
        ] {
            let path = place.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        place
    }

    fn told(program: &str, arguments: &[&str], file: &Path) -> String {
        let output = Command::new(program).args(arguments).arg(file).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn the_package_holds_everything_and_comes_out_the_same() {
        if Command::new("dpkg-deb").arg("--version").output().is_err() {
            return;
        }
        let commit = Commit { seconds: "1000000000".to_owned(), ..Commit::default() };
        let [one, two] = ["one", "two"].map(|name| {
            let place = laid_out(name);
            build(&place, &commit).unwrap();
            let mut files = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path());
            let deb =
                files.find(|path| path.extension().is_some_and(|extension| extension == "deb")).unwrap();
            (place, deb)
        });
        assert_eq!(fs::read(&one.1).unwrap(), fs::read(&two.1).unwrap());
        let contents = told("dpkg-deb", &["--contents"], &one.1);
        for (_, to, mode) in FILES {
            let line = contents.lines().find(|line| line.contains(&format!(" ./{to}"))).unwrap();
            let is_folder = line.starts_with('d');
            assert!(
                is_folder || line.starts_with(if mode == 0o755 { "-rwxr-xr-x" } else { "-rw-r--r--" }),
                "{line}"
            );
            assert!(line.contains("root/root"), "{line}");
        }
        assert!(contents.contains("./usr/share/man/man1/fastness-serve.1"));
        assert_eq!(told("dpkg-deb", &["--info"], &one.1).matches("libc6 (>= 2.34), libgcc-s1").count(), 1);
        for (place, _) in [one, two] {
            fs::remove_dir_all(place).unwrap();
        }
    }

    #[test]
    fn a_static_program_needs_no_library() {
        assert!(!control("amd64", b"\x7fELF").contains("Depends"));
    }
}
