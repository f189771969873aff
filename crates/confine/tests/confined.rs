//! What is given up cannot be had back, so each case runs in a process of its own: this program again, with one test.
#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use confine::{Reach, Restricted, deny_system_calls, keep_memory_private, lock_all_if_unlimited};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;

/// Tells a child where it may play.
const PLACE: &str = "CONFINE_TEST_PLACE";

fn in_a_child(test: &str) {
    let place = tempfile::tempdir().unwrap();
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(PLACE, place.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

fn place() -> PathBuf {
    std::env::var_os(PLACE).unwrap().into()
}

fn status(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
}

#[test]
fn memory_stays_private() {
    in_a_child("child_memory");
}

#[test]
fn only_what_is_within_reach_is_reached() {
    in_a_child("child_reach");
}

#[test]
fn system_calls_are_refused() {
    in_a_child("child_calls");
}

#[test]
fn root_is_given_up_for_good() {
    if confine::is_root() {
        in_a_child("child_user");
    } else {
        eprintln!("skipped: only root can give up root");
    }
}

#[test]
#[ignore = "run in a process of its own"]
fn child_memory() {
    keep_memory_private().unwrap();
    lock_all_if_unlimited().unwrap();
    assert_eq!(status("NoNewPrivs:"), "1");
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    let dumpable = rustix::process::dumpable_behavior().unwrap();
    assert_eq!(dumpable, rustix::process::DumpableBehavior::NotDumpable);
}

#[test]
#[ignore = "run in a process of its own"]
fn child_reach() {
    let place = place();
    for name in ["read", "write", "other"] {
        std::fs::create_dir(place.join(name)).unwrap();
        std::fs::write(place.join(name).join("file"), name).unwrap();
    }
    let (near, far) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let reach = Reach {
        read: vec![place.join("read"), place.join("absent")],
        write: vec![place.join("write")],
        execute: vec![std::env::current_exe().unwrap()],
        bind: vec![0],
        connect: vec![near.local_addr().unwrap().port()],
    };
    let restricted = reach.restrict().unwrap();
    if restricted == Restricted::Not {
        panic!("this kernel has no Landlock: the test needs one");
    }
    let denied = |result: std::io::Result<()>| result.unwrap_err().kind() == ErrorKind::PermissionDenied;
    std::fs::read(place.join("read/file")).unwrap();
    assert!(denied(std::fs::write(place.join("read/file"), "x")));
    assert!(denied(std::fs::read(place.join("other/file")).map(drop)));
    assert!(denied(std::fs::read("/etc/shadow").map(drop)));
    std::fs::write(place.join("write/new"), "x").unwrap();
    std::fs::rename(place.join("write/new"), place.join("write/newer")).unwrap();
    std::fs::remove_file(place.join("write/newer")).unwrap();
    assert!(denied(Command::new("/bin/true").status().map(drop)));
    let again = Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    assert!(again.status.success());
    if restricted == Restricted::Wholly {
        assert!(denied(TcpListener::bind(free).map(drop)));
        TcpListener::bind("127.0.0.1:0").unwrap();
        TcpStream::connect(near.local_addr().unwrap()).unwrap();
        assert!(denied(TcpStream::connect(far.local_addr().unwrap()).map(drop)));
    }
    // What it starts is as restricted, and so are threads.
    assert!(
        std::thread::spawn(move || denied(std::fs::read(place.join("other/file")).map(drop))).join().unwrap()
    );
    assert_eq!(reach.restrict().unwrap(), Restricted::Already);
}

#[test]
#[ignore = "run in a process of its own"]
fn child_calls() {
    let before = std::thread::spawn(|| {
        std::thread::park();
        nix::unistd::setuid(nix::unistd::getuid())
    });
    deny_system_calls().unwrap();
    assert_eq!(status("Seccomp:"), "2");
    assert_eq!(nix::unistd::setuid(nix::unistd::getuid()), Err(nix::errno::Errno::EPERM));
    before.thread().unpark();
    assert_eq!(
        before.join().unwrap(),
        Err(nix::errno::Errno::EPERM),
        "threads that were there are held to it too"
    );
    // Everyday things go on.
    let file = place().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(Command::new("/bin/cat").arg(&file).output().unwrap().status.success());
    TcpListener::bind("127.0.0.1:0").unwrap();
}

#[test]
#[ignore = "run in a process of its own"]
fn child_user() {
    let refused = confine::become_user("nobody-of-that-name").unwrap_err();
    assert_eq!(refused.to_string(), "there is no user `nobody-of-that-name`");
    confine::become_user("nobody").unwrap();
    assert!(!confine::is_root());
    assert_eq!(nix::unistd::getgroups().unwrap().len(), 1);
    assert!(std::fs::read("/etc/shadow").is_err());
    assert_eq!(confine::become_user("root").unwrap_err().to_string(), "only root can become the user `root`");
}
