//! What operators write and keep: configuration, environment files, shares, backups.

use crate::{Choices, altered, joined};
use fastness::reading;
use keyring::SystemRandom;
use seals::{Shamir, Share, Source, Split};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Files as docs/configuration.md has them, of all tables.
const CONFIGURATIONS: &[&str] = &[
    "data = \"/d\"\nlisten = \"[::1]:80\"\nplain-http-beyond-loopback = true\nlisten-plain = \"127.0.0.1:1\"\n",
    "trusted-proxies = [\"10.0.0.0/8\", \"fd00::/8\", \"192.0.2.1\"]\n[log]\nformat = \"json\"\nlevel = \"debug\"\n",
    "[seal]\nkind = \"key-file\"\npath = '''\n/p'''\n[process]\nuser = \"u\"\nread = [\"/a\"]\nwrite = []\n",
    "[[seal]]\nkind = \"passphrase\"\ncredential = \"c\"\n[[seal]]\nkind = \"pkcs11\"\nmodule = \"/m\"\ntoken = { slot = 0 }\n\
     pin = { environment = \"P\" }\n",
    "[[seal]]\nkind = \"kms\"\nendpoint = \"https://kms.example:8443\"\nregion = \"r\"\nkey = \"alias/k\"\n\
     credentials = { environment-file = \"e\" }\nca-file = \"c\"\n",
    "[[cloudhsm]]\nmodule = \"/m\"\nslots = [0, 1]\n",
    "[tls]\ncertificate = \"c\"\nkey = \"k\"\nnames = [\"n\"]\nclient-ca = \"a\"\nclient-certificates = \"required\"\n",
    "[limits]\nconnections = 1\nconnections-per-address = 1\nidle-seconds = 4294967295\nbytes-in-flight = 1048576\n",
    "[quotas]\n\"kms:CreateKey\" = 5.5\n\"iam:*\" = 1e3\n[load]\ncalls-max = 4\n",
    "[monitor]\nlisten = \"127.0.0.1:2\"\n[telemetry]\notlp-endpoint = \"http://127.0.0.1:4318\"\nsampling-ratio = 0.5\n",
    "[attestation]\nroots = [\"r.pem\"]\n[external-key-stores]\n",
    "\"data\" = 1979-05-27T07:32:00Z\n# \u{1f600}\n[a.b.\"c\".'d']\r\nlog.level = 9e999\n",
];

pub(crate) fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Err(message) = reading::configuration(text) else { return };
    let line = message.strip_prefix("f.toml:").and_then(|rest| rest.split_once(": "));
    let line: usize = line.unwrap_or_else(|| panic!("no line: {message}")).0.parse().unwrap();
    assert!((1..=text.matches('\n').count() + 1).contains(&line), "{message}");
}

pub(crate) fn configuration_seeds() -> Vec<Vec<u8>> {
    CONFIGURATIONS.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A file of policy tests: all that cases can say, in YAML and in JSON.
const POLICY_TESTS: [&str; 2] = [
    "policies:\n  identity:\n    - file: a.json\n      name: n\n  key:\n    document: {Version: \"2012-10-17\", Statement: []}\n\
     cases:\n- name: one\n  principal: arn:aws:iam::111122223333:user/u\n  action: kms:Decrypt\n\
     \x20 resource: arn:aws:kms:us-east-1:111122223333:key/k\n  resource-account: \"111122223333\"\n\
     \x20 context: {aws:SourceIp: 192.0.2.1, \"aws:RequestTag/a\": [b, c]}\n  grant: true\n  expect: explicit-deny\n  by: Sid\n",
    "{\"cases\": [{\"name\": \"two\", \"principal\": \"anonymous\", \"action\": \"sts:AssumeRole\", \"expect\": \"denied\"}]}",
];

pub(crate) fn policy_tests(data: &[u8]) {
    let mut choices = Choices(data);
    let json = choices.below(2) == 1;
    let Ok(text) = std::str::from_utf8(choices.0) else { return };
    let Err(message) = reading::policy_tests(text, json) else { return };
    let rest = message.strip_prefix(if json { "f.json:" } else { "f.yaml:" });
    let rest = rest.unwrap_or_else(|| panic!("no file: {message}"));
    if let Some(line) = rest.split(':').next().and_then(|line| line.parse::<usize>().ok()) {
        // A carriage return alone ends a line of YAML as well, and the end of a file is on a line of its own.
        assert!(line <= text.matches(['\n', '\r']).count() + 2, "{message}");
    }
}

pub(crate) fn policy_tests_seeds() -> Vec<Vec<u8>> {
    POLICY_TESTS.iter().flat_map(|text| [joined(b"\0", &[text]), joined(b"\x01", &[text])]).collect()
}

/// A file for its owner alone that is written again and again.
static FILE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("f.env");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    (scratch, path)
});

pub(crate) fn environment_file(data: &[u8]) {
    let (_, path) = &*FILE;
    std::fs::write(path, data).unwrap();
    let found = Source::EnvironmentFile(path.clone()).secret("A");
    let text = std::str::from_utf8(data);
    match found {
        Ok(value) => {
            let value = std::str::from_utf8(&value).unwrap();
            assert!(!value.contains(['\n', '\0']) && text.unwrap().contains(value), "{value:?}");
        }
        Err(error) => {
            let message = error.to_string();
            let line = message.strip_prefix("line ").and_then(|rest| rest.split_once(' '));
            let line = line.map_or(0, |(line, _)| line.parse().unwrap());
            assert!(line <= text.map_or(0, |text| text.lines().count()), "{message}");
        }
    }
}

pub(crate) fn environment_file_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "A=1\n",
        "# n\n; n\n\n B = two words \r\nA=\"# 'x' = y\"\n",
        "A='a\\b\"'\n",
        "_F9=x=y\nA=",
        "A=1\nA=2\n",
        "A=\\",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

static SHARE: LazyLock<String> = LazyLock::new(|| {
    let split = "2-of-3".parse::<Split>().unwrap();
    let (_, shares) = Shamir::split(split, &SystemRandom);
    shares[1].to_text().to_string()
});

/// A text as a person may type it and be understood.
fn typed(text: &str, choices: &mut Choices<'_>) -> String {
    let mut typed = String::new();
    for c in text.chars() {
        match (choices.below(4), c) {
            (1, '-') => {}
            (1, '0') => typed.push('o'),
            (1, '1') => typed.push('l'),
            (2, _) => typed.push(c.to_ascii_lowercase()),
            (3, _) => typed.extend([' ', c]),
            _ => typed.push(c),
        }
    }
    typed
}

pub(crate) fn share(data: &[u8]) {
    let mut choices = Choices(data);
    if choices.below(2) == 0 {
        let read = Share::parse(&typed(&SHARE, &mut choices)).unwrap();
        assert_eq!(*read.to_text(), *SHARE, "what was typed well is read");
        return;
    }
    let Ok(text) = String::from_utf8(altered(SHARE.as_bytes(), &mut choices)) else { return };
    if let Ok(read) = Share::parse(&text) {
        // The sum has 40 bits: that one is hit by chance has not been seen.
        assert_eq!(*read.to_text(), *SHARE, "{text}");
    }
}

pub(crate) fn share_seeds() -> Vec<Vec<u8>> {
    vec![
        b"\0\x01\x02\x03\x04".to_vec(),
        b"\0\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02".to_vec(),
        b"\x01\x01\0\x10".to_vec(),
        b"\x01\x03\0\x07\x20".to_vec(),
        joined(b"\x01\0", &["FSS1-0000-0000"]),
    ]
}

static BACKUP: LazyLock<Vec<u8>> =
    LazyLock::new(|| reading::made_up_backup(&[("keyring.json", 40), ("store/head", 0), ("é", 1)]).unwrap());

pub(crate) fn backup(data: &[u8]) {
    let file = altered(&BACKUP, &mut Choices(data));
    if let Ok(again) = reading::backup(&file) {
        assert_eq!(again, file, "there is one way only to write a backup");
    }
}

pub(crate) fn backup_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![b"\x01\0\x20".to_vec(), b"\x02more".to_vec()];
    seeds.extend([8, 12, 16, 18, 30, 34, 70].map(|at| vec![3, 0, at, 1]));
    seeds.push([&[0], BACKUP.as_slice()].concat());
    seeds
}
