//! What the deployment gives out sealed and takes back: ciphertexts, tokens, markers, and the keyring file itself.

use crate::{Choices, altered};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keyring::{Access, KeyFile, Keyring};
use platform::{
    AccessKey, Call, Caller, Cx, Directory, Env, Fault, Permissions, Principal, Role, Session, Tx,
};
use platform::{page, session};
use serde_json::{Value, json};
use simulation::request::{Request, error, json as answered};
use simulation::world::{Credentials, Seeded, Server, World};
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use store::{Memory, Store};
use wire::Timestamp;

/// After so many records a server is let go of, so that it does not grow.
const RECORDS_MAX: u64 = 2000;

struct Kms {
    world: World,
    server: Server<Memory>,
    key: String,
    blob: Vec<u8>,
}

thread_local! {
    static KMS: RefCell<Option<Kms>> = const { RefCell::new(None) };
}

impl Kms {
    fn new() -> Self {
        let world = World::new(7);
        let server = world.start(Memory::new());
        let mut kms = Self { world, server, key: String::new(), blob: Vec::new() };
        kms.key = kms.call("CreateKey", &json!({})).1["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
        let input = json!({"KeyId": kms.key, "Plaintext": STANDARD.encode("secret"), "EncryptionContext": {"a": "b"}});
        let sealed = kms.call("Encrypt", &input).1;
        kms.blob = STANDARD.decode(sealed["CiphertextBlob"].as_str().unwrap()).unwrap();
        kms
    }

    fn call(&mut self, operation: &str, input: &Value) -> (Option<String>, Value) {
        let request = Request::kms(operation, input);
        let (parts, body) = request.sign(&Credentials::root(), self.world.now(), "fuzz");
        let answer = self.server.call(parts, body);
        assert!(answer.status < 500, "{}", String::from_utf8_lossy(&answer.body));
        (error(&answer), answered(&answer))
    }
}

pub(crate) fn ciphertext(data: &[u8]) {
    let mut choices = Choices(data);
    KMS.with_borrow_mut(|kms| {
        if kms.as_ref().is_none_or(|kms| kms.server.trail_end() > RECORDS_MAX) {
            *kms = Some(Kms::new());
        }
        let kms = kms.as_mut().unwrap();
        let named = choices.below(2) == 1;
        let blob = altered(&kms.blob, &mut choices);
        let mut input = json!({"CiphertextBlob": STANDARD.encode(&blob), "EncryptionContext": {"a": "b"}});
        if named {
            input["KeyId"] = json!(kms.key);
        }
        let (error, body) = kms.call("Decrypt", &input);
        if blob == kms.blob {
            assert_eq!(error, None);
            assert_eq!(body["Plaintext"], STANDARD.encode("secret"));
        } else {
            let error = error.expect("an altered ciphertext was decrypted");
            // A length that the model does not allow; a well-formed header of a key that is not there, or another one.
            let told = ["InvalidCiphertext", "Validation", "AccessDenied", "IncorrectKey"];
            assert!(told.contains(&error.as_str()), "{error}");
        }
    });
}

pub(crate) fn ciphertext_seeds() -> Vec<Vec<u8>> {
    let blob = Kms::new().blob;
    vec![
        b"\0\x01\xff\xff".to_vec(),
        [b"\0\0", blob.as_slice()].concat(),
        b"\x01\x02more".to_vec(),
        b"\x01\x03\0\x01\x01".to_vec(),
        b"\0\x03\0\x30\0\x01".to_vec(),
    ]
}

/// A keyring and what it sealed.
struct Sealed {
    keyring: Keyring,
    env: Env,
    store: Store,
    token: String,
    marker: String,
    value: Vec<u8>,
    _scratch: tempfile::TempDir,
}

static SEALED: LazyLock<Sealed> = LazyLock::new(|| {
    let scratch = tempfile::tempdir().unwrap();
    let (keyring, _) = new_keyring(&scratch);
    let random = Arc::new(Seeded::new(3));
    let principal = Principal::User {
        account: "111122223333".to_owned(),
        path: "/".to_owned(),
        name: "alice".to_owned(),
        id: "AIDAALICEALICEALICE1".to_owned(),
    };
    let token = session::issue(&keyring, &*random, principal, Session::default(), 0).unwrap().session_token;
    let env = Env::new(keyring.clone(), random, Arc::new(Nobody));
    let store = Store::open(Memory::new()).unwrap();
    let value = keyring.seal(b"place", b"value").unwrap();
    let marker = with_cx(&env, &store, |cx| page::marker(cx, "list", "last").unwrap());
    Sealed { keyring, env, store, token, marker, value, _scratch: scratch }
});

fn new_keyring(scratch: &tempfile::TempDir) -> (Keyring, PathBuf) {
    let random = Arc::new(Seeded::new(5));
    std::fs::create_dir(scratch.path().join("data")).unwrap();
    let seal = KeyFile::create(&scratch.path().join("root.key"), &*random).unwrap();
    let path = scratch.path().join("data/keyring.json");
    (Keyring::create(&path, &seal, random).unwrap(), path)
}

fn with_cx<T>(env: &Env, store: &Store, then: impl FnOnce(&Cx<'_>) -> T) -> T {
    let call = Call {
        request_id: "request".to_owned(),
        event_id: "event".to_owned(),
        now: Timestamp(0),
        region: "us-east-1".to_owned(),
        source_ip: "127.0.0.1".to_owned(),
        user_agent: None,
        referer: None,
        host: None,
        secure: false,
        tls: None,
        client: platform::Client::default(),
    };
    let caller = Caller {
        principal: Principal::Root { account: "111122223333".to_owned() },
        access_key_id: None,
        session: None,
    };
    then(&Cx::new(Tx::begin(store, &env.keyring), env, &call, &caller))
}

pub(crate) fn marker(data: &[u8]) {
    let mut choices = Choices(data);
    let sealed = &*SEALED;
    let kind = choices.below(3);
    if kind == 2 {
        let value = altered(&sealed.value, &mut choices);
        let opened = sealed.keyring.open_sealed(b"place", &value);
        assert_eq!(opened.is_ok(), value == sealed.value);
        return;
    }
    let original = if kind == 0 { &sealed.token } else { &sealed.marker };
    // As text, or below the base64.
    let text = if choices.below(2) == 0 {
        String::from_utf8(altered(original.as_bytes(), &mut choices)).ok()
    } else {
        let bytes = URL_SAFE_NO_PAD.decode(original).unwrap();
        Some(URL_SAFE_NO_PAD.encode(altered(&bytes, &mut choices)))
    };
    let Some(text) = text else { return };
    let opens = |text: &str| match kind {
        0 => session::open(&sealed.keyring, text).is_some(),
        _ => with_cx(&sealed.env, &sealed.store, |cx| page::after(cx, "list", Some(text)).is_ok()),
    };
    assert_eq!(opens(&text), text == *original, "{text}");
    let other_list = with_cx(&sealed.env, &sealed.store, |cx| page::after(cx, "other", Some(&text)).is_ok());
    assert!(!other_list);
}

pub(crate) fn marker_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for kind in 0..3 {
        for form in 0..2 {
            for change in 0..4 {
                seeds.push(vec![kind, form, change, 0, 9, 1]);
            }
        }
    }
    seeds
}

/// A keyring file that is written again and again.
struct File {
    path: PathBuf,
    seal: KeyFile,
    text: Vec<u8>,
    _scratch: tempfile::TempDir,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    let scratch = tempfile::tempdir().unwrap();
    let (keyring, path) = new_keyring(&scratch);
    keyring.rotate().unwrap();
    let seal = KeyFile::open(&scratch.path().join("root.key"), Access::Owner).unwrap();
    let text = std::fs::read(&path).unwrap();
    File { path, seal, text, _scratch: scratch }
});

pub(crate) fn keyring_file(data: &[u8]) {
    let mut choices = Choices(data);
    let file = &*FILE;
    let text = altered(&file.text, &mut choices);
    std::fs::write(&file.path, &text).unwrap();
    let opened = Keyring::open(&file.path, &[&file.seal], Arc::new(Seeded::new(1)));
    assert_eq!(opened.is_ok(), text == file.text, "{}", String::from_utf8_lossy(&text));
}

pub(crate) fn keyring_file_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![b"\x01\x01\0".to_vec(), b"\x02\n".to_vec(), b"\x03\0\x20\x01".to_vec()];
    seeds.push([&[0], FILE.text.as_slice()].concat());
    seeds
}

/// Knows nobody.
struct Nobody;

impl Directory for Nobody {
    fn access_key(&self, _: &mut Tx<'_>, _: &str) -> Result<Option<AccessKey>, Fault> {
        Ok(None)
    }

    fn permissions(&self, _: &mut Tx<'_>, _: &Caller) -> Result<Option<Arc<Permissions>>, Fault> {
        Ok(None)
    }

    fn role(&self, _: &mut Tx<'_>, _: &str, _: &str) -> Result<Option<Role>, Fault> {
        Ok(None)
    }

    fn managed_policy_id(&self, _: &mut Tx<'_>, _: &str, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    fn unique_id(&self, _: &mut Tx<'_>, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    fn note_use(&self, _: &mut Tx<'_>, _: &str, _: &Call, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}
