//! A deployment for tests: a real store in memory, a real keyring, IAM alone, and transcripts of calls to it.

use crate::{Iam, api, bootstrap};
use expect_test::Expect;
use keyring::{Keyring, Passphrase, Random, SystemRandom, Work};
use platform::{AnyOperation, Call, Caller, Cx, Env, Fault, Principal, Service, Session, Tx};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use store::{Memory, Store, Txn};
use wire::{Protocol, Timestamp};
use zeroize::Zeroizing;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER_ACCOUNT: &str = "444455556666";

/// 2026-11-21T23:07:43Z
const START_MS: i64 = 1_795_302_463_000;

/// Documents that calls name by `$`.
const DOCUMENTS: &[(&str, &str)] = &[
    ("$ALL", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#),
    ("$S3", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#),
    ("$OLD", r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#),
    (
        "$EC2",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#,
    ),
    ("$POLICY", "arn:aws:iam::111122223333:policy"),
    ("$AWS", "arn:aws:iam::aws:policy"),
];

/// Draws 0, 1, 2, …: identifiers are the same in every run.
#[derive(Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, out: &mut [u8]) {
        let mut number = self.0.fetch_add(1, Ordering::Relaxed);
        for byte in out.iter_mut().rev() {
            *byte = u8::try_from(number % 32).unwrap();
            number /= 32;
        }
    }
}

pub(crate) struct Deployment {
    pub(crate) store: Store,
    pub(crate) env: Env,
    operations: BTreeMap<&'static str, Box<dyn AnyOperation>>,
    now: AtomicI64,
    _dir: tempfile::TempDir,
}

impl Deployment {
    /// Two accounts, each with its root user's access key.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let work = Work { memory_kib: 64, passes: 1, lanes: 1 };
        let seal = Passphrase::with_work(Zeroizing::new(b"correct horse battery".to_vec()), work);
        let keyring = Keyring::create(&dir.path().join("keyring"), &seal, Arc::new(SystemRandom)).unwrap();
        let store = Store::open(Memory::new()).unwrap();
        let mut tx = Tx::begin(&store, &keyring);
        for (account, key) in [(ACCOUNT, "AKIAROOTROOTROOTROOT"), (OTHER_ACCOUNT, "AKIAOTHEROTHEROTHERO")] {
            bootstrap(&mut tx, &keyring, account, key, "secret", Timestamp(START_MS)).unwrap();
        }
        store.commit_blocking(tx.into_txn()).unwrap();
        let iam = Arc::new(Iam::default());
        let directory = Arc::clone(&iam);
        let operations = iam.operations().into_iter().map(|operation| (operation.model().name, operation));
        Self {
            store,
            env: Env::new(keyring, Arc::new(Counting::default()), directory),
            operations: operations.collect(),
            now: AtomicI64::new(START_MS),
            _dir: dir,
        }
    }

    pub(crate) fn operations(&self) -> impl Iterator<Item = &'static str> {
        self.operations.keys().copied()
    }

    pub(crate) fn pass(&self, milliseconds: i64) {
        self.now.fetch_add(milliseconds, Ordering::Relaxed);
    }

    pub(crate) fn clock(&self) -> Call {
        Call {
            request_id: "00000000-0000-4000-8000-000000000000".to_owned(),
            event_id: "00000000-0000-4000-8000-000000000000".to_owned(),
            now: Timestamp(self.now.load(Ordering::Relaxed)),
            region: "us-east-1".to_owned(),
            source_ip: "192.0.2.1".to_owned(),
            user_agent: None,
            referer: None,
            host: None,
            secure: false,
            tls: None,
            client: platform::Client::default(),
        }
    }

    pub(crate) fn tx(&self) -> Tx<'_> {
        Tx::begin(&self.store, &self.env.keyring)
    }

    /// `root`, `other` (the other account's root user), `nobody`, `user/name` or `role/name`; after a `+`, the session of
    /// temporary credentials that limits nothing.
    pub(crate) fn caller(&self, who: &str) -> Caller {
        let (who, session) = match who.strip_suffix('+') {
            Some(who) => (who, true),
            None => (who, who.starts_with("role/")),
        };
        let principal = match who.split_once('/') {
            None if who == "root" => Principal::Root { account: ACCOUNT.to_owned() },
            None if who == "other" => Principal::Root { account: OTHER_ACCOUNT.to_owned() },
            None => Principal::Anonymous,
            Some(("user", name)) => {
                let user = crate::entity::find::<crate::users::User>(&mut self.tx(), ACCOUNT, name)
                    .unwrap()
                    .unwrap();
                let head = crate::entity::Entity::head(&*user).clone();
                Principal::User { account: head.account, path: head.path, name: head.name, id: head.id }
            }
            Some((_, name)) => {
                let role = self.env.directory.role(&mut self.tx(), ACCOUNT, name).unwrap().unwrap();
                let Principal::Role { account, path, name, id, .. } = role.principal else {
                    panic!("not a role")
                };
                Principal::Role { account, path, name, id, session: "session".to_owned() }
            }
        };
        let session = session.then(|| Arc::new(Session::default()));
        Caller { principal, access_key_id: None, session }
    }

    /// Makes one call: `root CreateUser UserName=bob`. What it answers is JSON in the form of audit records.
    pub(crate) fn call(&self, line: &str) -> Result<String, Fault> {
        let mut words = line.split_whitespace();
        let caller = self.caller(words.next().unwrap());
        let name = words.next().unwrap();
        let mut body = format!("Action={name}&Version=2010-05-08");
        for word in words {
            let (key, value) = word.split_once('=').unwrap();
            let mut value = value.to_owned();
            for (name, document) in DOCUMENTS {
                value = value.replace(name, document);
            }
            write!(body, "&{key}={}", crate::documents::encoded(&value)).unwrap();
        }
        self.request(&caller, name, &body)
    }

    /// Makes a call with values that have spaces; of an error its code and message.
    pub(crate) fn with(&self, who: &str, name: &str, pairs: &[(&str, &str)]) -> Result<String, String> {
        let mut body = format!("Action={name}&Version=2010-05-08");
        for (key, value) in pairs {
            write!(body, "&{key}={}", crate::documents::encoded(value)).unwrap();
        }
        let made = self.request(&self.caller(who), name, &body);
        made.map_err(|fault| format!("{}: {}", fault.code(), fault.message()))
    }

    pub(crate) fn request(&self, caller: &Caller, name: &str, body: &str) -> Result<String, Fault> {
        let (output, txn) = self.run(caller, name, body)?;
        self.store.commit_blocking(txn).unwrap();
        Ok(output)
    }

    /// Makes a call up to its commit.
    pub(crate) fn prepare(&self, caller: &Caller, name: &str, body: &str) -> Result<Txn, Fault> {
        Ok(self.run(caller, name, body)?.1)
    }

    fn run(&self, caller: &Caller, name: &str, body: &str) -> Result<(String, Txn), Fault> {
        let request = http::Request::post("/").header("content-type", "application/x-www-form-urlencoded");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let operation = &self.operations[name];
        let decoded = operation.decode(Protocol::Query, &api::MODEL, &parts, body.as_bytes());
        let request = decoded.unwrap_or_else(|rejection| panic!("{body}: {}", rejection.message()));
        let call = self.clock();
        let mut cx = Cx::new(self.tx(), &self.env, &call, caller);
        let output = request.run(&mut cx)?;
        let (authorized, _, _, tx) = cx.finish();
        assert!(authorized, "{name} did not authorize");
        let mut json = Vec::new();
        wire::trail_json(output.field(), output.schema(), &mut json);
        Ok((String::from_utf8(json).unwrap(), tx.into_txn()))
    }

    /// Makes a call that has to succeed.
    pub(crate) fn ok(&self, line: &str) -> String {
        self.call(line).unwrap_or_else(|fault| panic!("{line}: {} {}", fault.message(), fault.for_operator()))
    }

    /// The error of a call: code and message.
    pub(crate) fn fails(&self, line: &str) -> String {
        match self.call(line) {
            Ok(answer) => panic!("{line}: {answer}"),
            Err(fault) => format!("{}: {}", fault.code(), fault.message()),
        }
    }

    /// Makes calls, one a line, and compares what they answer. Lines in parentheses are made without showing the answer.
    pub(crate) fn transcript(&self, lines: &str, expect: &Expect) {
        let mut out = String::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(line) = line.strip_prefix('(').and_then(|line| line.strip_suffix(')')) {
                self.ok(line);
                continue;
            }
            let answer = match self.call(line) {
                Ok(answer) => answer,
                Err(fault) => format!("{}: {}", fault.code(), fault.message()),
            };
            writeln!(out, "{line}\n  {}", readable(&answer)).unwrap();
        }
        expect.assert_eq(&out);
    }
}

/// Documents decoded, so that they can be read.
fn readable(answer: &str) -> String {
    percent_encoding::percent_decode_str(answer).decode_utf8().unwrap().into_owned()
}
