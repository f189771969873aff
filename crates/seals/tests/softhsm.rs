//! The seal of a hardware security module, against SoftHSM.
#![expect(clippy::unwrap_used, clippy::panic, reason = "all of this file is tests")]

use keyring::{Keyring, KeyringError, Kind, Seal, Secret, SlotPlace, SystemRandom, WrappedKey, Wrapping};
use seals::{Pkcs11, Pkcs11Error, Pkcs11Settings, Source, Token};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

const PLACE: SlotPlace = SlotPlace { keyring: [7; 16], slot: 3 };
const PIN: &str = "4711-pin";

/// Where `cargo xtask test` has put SoftHSM, or where it puts it by default.
fn softhsm() -> PathBuf {
    if let Some(root) = std::env::var_os("FASTNESS_SOFTHSM") {
        return root.into();
    }
    let cache = Path::new(&std::env::var_os("HOME").unwrap()).join(".cache/fastness/softhsm");
    let found = [Path::new("/"), &cache].into_iter().find(|root| root.join("usr/bin/softhsm2-util").exists());
    found
        .unwrap_or_else(|| panic!("SoftHSM is not there: run `cargo xtask test`, which fetches it"))
        .to_owned()
}

/// Tokens in a directory of their own. The library learns of the directory from the environment, so that each test process has its
/// own configuration: tests run in a child with it.
struct Tokens {
    directory: tempfile::TempDir,
}

impl Tokens {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("tokens")).unwrap();
        let text = format!(
            "directories.tokendir = {}\nlog.level = ERROR\n",
            directory.path().join("tokens").display()
        );
        std::fs::write(directory.path().join("softhsm2.conf"), text).unwrap();
        Self { directory }
    }

    fn util(&self, arguments: &[&str]) {
        let module = softhsm().join("usr/lib/softhsm/libsofthsm2.so");
        let done = Command::new(softhsm().join("usr/bin/softhsm2-util"))
            .arg("--module")
            .arg(module)
            .args(arguments)
            .env("SOFTHSM2_CONF", self.directory.path().join("softhsm2.conf"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn init(&self, label: &str) {
        self.util(&["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "so-pin-4711"]);
    }
}

/// Runs the test of this name again in a process whose environment names new tokens; true in that process.
fn inside(name: &str, labels: &[&str]) -> bool {
    if std::env::var_os("SOFTHSM2_CONF").is_some() {
        return true;
    }
    let tokens = Tokens::new();
    labels.iter().for_each(|label| tokens.init(label));
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("SOFTHSM2_CONF", tokens.directory.path().join("softhsm2.conf"))
        .env("FASTNESS_SOFTHSM", softhsm())
        .status()
        .unwrap();
    assert!(status.success());
    false
}

fn pin(text: &str) -> Source {
    static DIRECTORY: OnceLock<tempfile::TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| tempfile::tempdir().unwrap());
    let path = directory.path().join(format!("{}.pin", text.len()));
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    Source::Path(path)
}

fn settings() -> Pkcs11Settings {
    Pkcs11Settings {
        module: softhsm().join("usr/lib/softhsm/libsofthsm2.so"),
        token: Token::Label("fastness".to_owned()),
        key: "root".to_owned(),
        pin: pin(PIN),
    }
}

fn root() -> Secret {
    Secret::copy_of(&(0..32).collect::<Vec<u8>>()).unwrap()
}

fn why(error: KeyringError) -> String {
    match error {
        KeyringError::Unusable { kind: Kind::Pkcs11, source } => {
            source.downcast::<Pkcs11Error>().unwrap().to_string()
        }
        other => panic!("{other}"),
    }
}

#[test]
fn wraps_and_unwraps_at_its_place_only() {
    if !inside("wraps_and_unwraps_at_its_place_only", &["fastness", "other"]) {
        return;
    }
    let seal = Pkcs11::new(settings());
    let wrapping = seal.wrap(&PLACE, &root(), &SystemRandom).unwrap();
    let again = seal.wrap(&PLACE, &root(), &SystemRandom).unwrap();
    let Wrapping::Pkcs11 { token, key, wrapped } = &wrapping else { panic!("{wrapping:?}") };
    assert_eq!((token.as_str(), key.as_str()), ("fastness", "root"));
    assert_ne!(wrapping, again, "each time with another nonce");
    assert_ne!(wrapped.parts().0, [0; 12]);
    for wrapping in [&wrapping, &again] {
        let seal = Pkcs11::new(settings());
        assert_eq!(seal.unwrap(&PLACE, wrapping).unwrap().bytes(), root().bytes());
    }
    for place in [SlotPlace { slot: 2, ..PLACE }, SlotPlace { keyring: [8; 16], ..PLACE }] {
        assert!(matches!(seal.unwrap(&place, &wrapping), Err(KeyringError::Refused)));
    }
    let (nonce, sealed) = wrapped.parts();
    for at in 0..60 {
        let mut bytes = [nonce, sealed].concat();
        bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1);
        let (nonce, sealed) = bytes.split_first_chunk().unwrap();
        let wrapped = WrappedKey::from_parts(nonce, sealed).unwrap();
        let altered = Wrapping::Pkcs11 { token: token.clone(), key: key.clone(), wrapped };
        assert!(matches!(seal.unwrap(&PLACE, &altered), Err(KeyringError::Refused)), "{at}");
    }
    // Another key of this token, and the same label in another token.
    Pkcs11::new(Pkcs11Settings { key: "second".to_owned(), ..settings() })
        .wrap(&PLACE, &root(), &SystemRandom)
        .unwrap();
    let moved = Wrapping::Pkcs11 { token: token.clone(), key: "second".to_owned(), wrapped: wrapped.clone() };
    assert!(matches!(seal.unwrap(&PLACE, &moved), Err(KeyringError::Refused)));
    let other = Pkcs11::new(Pkcs11Settings { token: Token::Label("other".to_owned()), ..settings() });
    assert_eq!(why(other.unwrap(&PLACE, &wrapping).unwrap_err()), "the token has no AES key `root`");
    other.wrap(&PLACE, &root(), &SystemRandom).unwrap();
    assert!(matches!(other.unwrap(&PLACE, &wrapping), Err(KeyringError::Refused)));
}

#[test]
fn errors_say_what_is_missing() {
    if !inside("errors_say_what_is_missing", &["fastness", "twice", "twice"]) {
        return;
    }
    let fault = |settings| why(Pkcs11::new(settings).wrap(&PLACE, &root(), &SystemRandom).unwrap_err());
    let module = PathBuf::from("/nowhere/module.so");
    assert_eq!(
        fault(Pkcs11Settings { module, ..settings() }),
        "cannot load the PKCS#11 module `/nowhere/module.so`: No such file or directory (os error 2)"
    );
    let no_library = std::env::current_exe().unwrap().with_extension("d");
    assert!(fault(Pkcs11Settings { module: no_library, ..settings() }).contains("cannot load"));
    for (token, expected) in [
        (Token::Label("absent".to_owned()), "there is no token with label `absent`"),
        (Token::Serial("00".to_owned()), "there is no token with serial number `00`"),
        (Token::Slot(99), "there is no token in slot 99"),
        (
            Token::Label("twice".to_owned()),
            "there are several tokens with label `twice`: name one by its serial number",
        ),
    ] {
        assert_eq!(fault(Pkcs11Settings { token, ..settings() }), expected);
    }
    let wrapped = WrappedKey::from_parts(&[0; 12], &[0; 48]).unwrap();
    let wrapping = Wrapping::Pkcs11 { token: "fastness".to_owned(), key: "absent".to_owned(), wrapped };
    assert_eq!(
        why(Pkcs11::new(settings()).unwrap(&PLACE, &wrapping).unwrap_err()),
        "the token has no AES key `absent`"
    );
    for key in ["", "a\nb", &"k".repeat(513)] {
        assert!(
            fault(Pkcs11Settings { key: key.to_owned(), ..settings() }).starts_with("a label has at most")
        );
    }
    let absent = Source::Path("/nowhere/pin".into());
    assert!(fault(Pkcs11Settings { pin: absent, ..settings() }).starts_with("the PIN: cannot open"));
}

/// A wrong PIN is tried once, however many slots there are: tokens lock after a few.
#[test]
fn a_wrong_pin_is_tried_once() {
    if !inside("a_wrong_pin_is_tried_once", &["fastness"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keyring.json");
    let right = Pkcs11::new(settings());
    let keyring = Keyring::create(&path, &right, Arc::new(SystemRandom)).unwrap();
    keyring.add_slot(&right).unwrap();
    let wrong = Pkcs11::new(Pkcs11Settings { pin: pin("wrong pin"), ..settings() });
    let error = Keyring::open(&path, &[&wrong], Arc::new(SystemRandom)).unwrap_err().to_string();
    let refusal = "the pkcs11 seal cannot be used: the token refuses the PIN; it is not tried again";
    assert!(error.ends_with(&format!("slot 0: {refusal}, slot 1: {refusal}")), "{error}");
    assert!(!error.contains("wrong pin"));
    // Not even when it would be right by now.
    let Source::Path(file) = pin("wrong pin") else { panic!() };
    std::fs::write(file, PIN).unwrap();
    let wrapping = right.wrap(&PLACE, &root(), &SystemRandom).unwrap();
    assert_eq!(
        why(wrong.unwrap(&PLACE, &wrapping).unwrap_err()),
        "the token refuses the PIN; it is not tried again"
    );
    Keyring::open(&path, &[&right], Arc::new(SystemRandom)).unwrap();
}

/// A key that somebody put into the token, who therefore may have it elsewhere, is not used.
#[test]
fn a_key_that_was_brought_is_refused() {
    if !inside("a_key_that_was_brought_is_refused", &["fastness"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("aes");
    std::fs::write(&file, [7; 32]).unwrap();
    let module = settings().module;
    let done = Command::new(softhsm().join("usr/bin/softhsm2-util"))
        .args([
            "--import",
            file.to_str().unwrap(),
            "--aes",
            "--token",
            "fastness",
            "--pin",
            PIN,
            "--label",
            "root",
            "--id",
            "01",
        ])
        .arg("--module")
        .arg(module)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let error = Pkcs11::new(settings()).wrap(&PLACE, &root(), &SystemRandom).unwrap_err();
    assert_eq!(why(error), "the key `root` is not an AES-256 key that is sensitive and cannot be extracted");
}
