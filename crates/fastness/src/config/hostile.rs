//! Configuration files that are no such thing: an error that says where, whatever is in them.

use super::Config;
use crate::Failure;
use simdisk::Random;
use std::path::Path;

/// How many files are tried.
const FILES: usize = 20_000;

/// What files are made of.
const LINES: &[&str] = &[
    "data = \"/d\"\n",
    "listen = \"[::1]:80\"\n",
    "listen = \"127.0.0.1:65536\"\n",
    "plain-http-beyond-loopback = true\n",
    "[seal]\n",
    "kind = \"passphrase\"\n",
    "kind = \"key-file\"\n",
    "path = '''\n/p'''\n",
    "[log]\n",
    "format = \"json\"\n",
    "level = \"debug\"\n",
    "[[log]]\n",
    "log.level = 9e999\n",
    "seal = { kind = \"key-file\", path = \"\\u00e9\" }\n",
    "\"data\" = 1979-05-27T07:32:00Z\n",
    "# a comment \u{1f600}\n",
    "[a.b.\"c\".'d']\r\n",
];

/// What is put between.
const BYTES: &[u8] = b"\0\n\r\t =\"'[]{}.,#\\-+_0eE\x7f\xc3";

#[test]
fn no_file_is_too_broken_for_an_error_with_its_line() {
    let mut random = Random(1);
    let mut choose = |bound: usize| usize::try_from(random.below(bound as u64)).unwrap();
    let (mut good, mut bad) = (0, 0);
    for _ in 0..FILES {
        let mut bytes = Vec::new();
        for _ in 0..choose(7) {
            bytes.extend_from_slice(LINES[choose(LINES.len())].as_bytes());
        }
        for _ in 0..choose(4) {
            let at = choose(bytes.len() + 1);
            match choose(3) {
                0 => bytes.insert(at, BYTES[choose(BYTES.len())]),
                1 => bytes.truncate(at),
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        match Config::parse(&text, Path::new("f.toml")) {
            Ok(_) => good += 1,
            Err(Failure(message)) => {
                bad += 1;
                let line = message.strip_prefix("f.toml:").and_then(|rest| rest.split_once(": "));
                let line: usize = line.unwrap().0.parse().unwrap();
                assert!(line <= text.matches('\n').count() + 1, "{message} of {text:?}");
            }
        }
    }
    assert!(good > FILES / 20 && bad > FILES / 4, "{good} good, {bad} bad");
}
