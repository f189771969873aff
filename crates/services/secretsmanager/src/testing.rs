//! A deployment for tests: a store in memory, a keyring, IAM, KMS and Secrets Manager, and transcripts of calls to it.

use crate::{Databases, SecretsManager, StepFailure, Values, api};
use expect_test::Expect;
use iam::Iam;
use keyring::{KeyFile, Keyring, Random, SystemRandom};
use kms::Kms;
use platform::{
    AnyOperation, Call, Caller, Cx, Env, Fault, Job, Next, Outcome, Principal, Service, Services, TRAIL,
    Task, Tx,
};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use store::{Memory, Store};
use wire::{Protocol, ServiceModel, Timestamp};
use zeroize::Zeroizing;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";
pub(crate) const DAY: i64 = 86_400_000;

/// 2026-11-21T23:07:43Z
const START: i64 = 1_795_302_463_000;

/// A database in memory: the password that it takes, and what it refuses next.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    pub(crate) password: Mutex<String>,
    pub(crate) refuses: Mutex<Option<&'static str>>,
    pub(crate) steps: Mutex<Vec<&'static str>>,
}

impl Scripted {
    fn step(&self, name: &'static str) -> Result<(), StepFailure> {
        self.steps.lock().unwrap().push(name);
        match *self.refuses.lock().unwrap() {
            Some(step) if step == name => {
                Err(StepFailure { message: format!("{name} was refused"), may_pass: true })
            }
            _ => Ok(()),
        }
    }
}

impl Databases for Scripted {
    fn knows(&self, function: &str) -> Option<bool> {
        [("Single", false), ("Multi", true)]
            .iter()
            .find(|(name, _)| *name == function)
            .map(|(_, master)| *master)
    }

    fn master(&self, value: &str) -> Option<String> {
        value.split_once("master=").map(|(_, arn)| arn.to_owned())
    }

    fn create(&self, _: &str, current: &str, password: &str) -> Result<Zeroizing<String>, StepFailure> {
        self.step("create")?;
        let rest = current.split_once(' ').map_or("", |(_, rest)| rest);
        Ok(Zeroizing::new(format!("{password} {rest}")))
    }

    fn set(&self, function: &str, values: &Values) -> Result<(), StepFailure> {
        self.step("set")?;
        assert_eq!(function == "Multi", values.master.is_some());
        (*self.password.lock().unwrap()).clone_from(&values.pending);
        Ok(())
    }

    fn test(&self, _: &str, value: &str) -> Result<(), StepFailure> {
        self.step("test")?;
        assert_eq!(*self.password.lock().unwrap(), value);
        Ok(())
    }
}

/// An operation, with the service that has it.
struct Served {
    service: &'static ServiceModel,
    operation: Box<dyn AnyOperation>,
}

pub(crate) struct Deployment {
    pub(crate) store: Store,
    pub(crate) env: Env,
    secrets: SecretsManager,
    pub(crate) databases: Arc<Scripted>,
    operations: Vec<Served>,
    now: Cell<i64>,
    region: RefCell<&'static str>,
    /// Texts that change from run to run, and the names that transcripts give them.
    names: RefCell<Vec<(String, String)>>,
    _directory: tempfile::TempDir,
}

impl Deployment {
    /// Two accounts with their root users.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let seal = KeyFile::create(&directory.path().join("key"), &*random).unwrap();
        let keyring = Keyring::create(&data.join("keyring"), &seal, Arc::clone(&random)).unwrap();
        let store = Store::open(Memory::new()).unwrap();
        let mut tx = Tx::begin(&store, &keyring);
        for (account, key) in [(ACCOUNT, "AKIAROOTROOTROOTROOT"), (OTHER, "AKIAOTHEROTHEROTHERO")] {
            iam::bootstrap(&mut tx, &keyring, account, key, "secret", Timestamp(START)).unwrap();
        }
        store.commit_blocking(tx.into_txn()).unwrap();
        let iam = Arc::new(Iam::default());
        let databases = Arc::new(Scripted::default());
        let secrets = SecretsManager::new(Arc::clone(&databases) as _);
        let services: [Arc<dyn Service>; 3] =
            [Arc::clone(&iam) as _, Arc::new(Kms::default()), Arc::new(secrets.clone())];
        let operations = services.iter().flat_map(|service| {
            let model = service.model();
            let each = Arc::clone(service).operations().into_iter();
            each.map(move |operation| Served { service: model, operation })
        });
        let operations = operations.collect();
        let env = Env { services: Services::new(&services), ..Env::new(keyring, random, iam) };
        Self {
            store,
            env,
            secrets,
            databases,
            operations,
            now: Cell::new(START),
            region: RefCell::new("eu-central-1"),
            names: RefCell::default(),
            _directory: directory,
        }
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.now.set(self.now.get() + millis);
    }

    pub(crate) fn go_to(&self, region: &'static str) {
        *self.region.borrow_mut() = region;
    }

    fn facts(&self) -> Call {
        Call {
            request_id: "00000000-0000-4000-8000-000000000000".to_owned(),
            event_id: "00000000-0000-4000-8000-000000000000".to_owned(),
            now: Timestamp(self.now.get()),
            region: (*self.region.borrow()).to_owned(),
            source_ip: "192.0.2.1".to_owned(),
            user_agent: None,
            referer: None,
            host: None,
            secure: true,
            tls: None,
            client: platform::Client::default(),
        }
    }

    /// `root`, `other` (the other account's root user), or the name of a user of the first account.
    fn caller(&self, who: &str) -> Caller {
        let principal = match who {
            "root" => Principal::Root { account: ACCOUNT.to_owned() },
            "other" => Principal::Root { account: OTHER.to_owned() },
            name => {
                let user: Value =
                    serde_json::from_str(&self.iam(&format!("GetUser&UserName={name}"))).unwrap();
                Principal::User {
                    account: ACCOUNT.to_owned(),
                    path: "/".to_owned(),
                    name: name.to_owned(),
                    id: user["user"]["userId"].as_str().unwrap().to_owned(),
                }
            }
        };
        Caller { principal, access_key_id: None, session: None }
    }

    /// Makes a user who may do what these statements say.
    pub(crate) fn user(&self, name: &str, statements: &str) {
        self.iam(&format!("CreateUser&UserName={name}"));
        let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        let encoded: String = document.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.iam(&format!("PutUserPolicy&UserName={name}&PolicyName=p&PolicyDocument={encoded}"));
    }

    fn iam(&self, form: &str) -> String {
        let root = Caller {
            principal: Principal::Root { account: ACCOUNT.to_owned() },
            access_key_id: None,
            session: None,
        };
        let body = format!("Action={form}&Version=2010-05-08");
        let name = form.split('&').next().unwrap();
        let answer =
            self.run(&root, ("iam", name), Protocol::Query, "application/x-www-form-urlencoded", &body);
        answer.unwrap_or_else(|fault| panic!("{form}: {}", fault.message()))
    }

    /// Makes one call, `root CreateSecret {"Name":"a"}`, or one of KMS: `root kms:CreateKey {}`.
    pub(crate) fn call(&self, line: &str) -> Result<Value, Fault> {
        let mut words = line.splitn(3, ' ');
        let caller = self.caller(words.next().unwrap());
        let name = words.next().unwrap();
        let (service, name) = name.split_once(':').unwrap_or(("secretsmanager", name));
        let mut body = words.next().unwrap_or("{}").to_owned();
        for (text, name) in self.names.borrow().iter() {
            body = body.replace(name, text);
        }
        let answer =
            self.run(&caller, (service, name), Protocol::Json11, "application/x-amz-json-1.1", &body)?;
        let answer: Value =
            if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).unwrap() };
        Ok(answer)
    }

    fn run(
        &self,
        caller: &Caller,
        (service, name): (&str, &str),
        protocol: Protocol,
        content: &str,
        body: &str,
    ) -> Result<String, Fault> {
        let request = http::Request::post("/").header("content-type", content);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let called =
            |served: &&Served| served.service.name == service && served.operation.model().name == name;
        let found = self.operations.iter().find(called);
        let found = found.unwrap_or_else(|| panic!("no operation {service}:{name}"));
        let (model, operation) = (found.service, &found.operation);
        let decoded = operation.decode(protocol, model, &parts, body.as_bytes());
        let request = decoded.map_err(|rejection| Fault::new("ValidationException", rejection.message()))?;
        let call = self.facts();
        let tx = Tx::begin(&self.store, &self.env.keyring);
        let mut cx = Cx::new(tx, &self.env, &call, caller).serving(model);
        let output = request.run(&mut cx)?;
        let (authorized, _, events, tx) = cx.finish();
        let mut tx = tx;
        assert!(authorized, "{name} did not authorize");
        for event in &events {
            let record = event.write(&call, "secretsmanager.amazonaws.com", "id");
            tx.append(TRAIL, &record).unwrap();
        }
        self.store.commit_blocking(tx.into_txn()).unwrap();
        if protocol == Protocol::Query {
            let mut json = Vec::new();
            wire::trail_json(output.field(), output.schema(), &mut json);
            return Ok(String::from_utf8(json).unwrap());
        }
        let answer =
            wire::encode(protocol, model, operation.model(), output.field(), output.schema(), "request");
        Ok(String::from_utf8(answer.body.to_vec()).unwrap())
    }

    /// Makes a call that has to succeed.
    pub(crate) fn ok(&self, line: &str) -> Value {
        self.call(line).unwrap_or_else(|fault| {
            panic!("{line}: {} {} {}", fault.code(), fault.message(), fault.for_operator())
        })
    }

    /// The error of a call: code and message.
    pub(crate) fn fails(&self, line: &str) -> String {
        match self.call(line) {
            Ok(answer) => panic!("{line}: {answer}"),
            Err(fault) => self.readable(&format!("{}: {}", fault.code(), fault.message())),
        }
    }

    /// Gives a text a name, which calls and transcripts have in its place.
    pub(crate) fn name(&self, text: &str, name: &str) {
        self.names.borrow_mut().push((text.to_owned(), name.to_owned()));
    }

    /// Creates a secret with a value whose ARN ends in `-SUFFIX` in transcripts.
    pub(crate) fn secret(&self, name: &str) -> String {
        let made = self.ok(&format!(
            r#"root CreateSecret {{"Name":"{name}","SecretString":"first","ClientRequestToken":"{}"}}"#,
            token(1)
        ));
        let arn = made["ARN"].as_str().unwrap().to_owned();
        self.name(&arn, &format!("<{name}>"));
        arn
    }

    fn readable(&self, answer: &str) -> String {
        let mut out = answer.to_owned();
        for (text, name) in self.names.borrow().iter() {
            out = out.replace(text, name);
        }
        for number in 1..10 {
            out = out.replace(&token(number), &format!("v{number}"));
        }
        out
    }

    /// Makes calls, one a line, and compares what they answer. Lines in parentheses are made without showing the answer; `+N` lets so
    /// many days pass.
    pub(crate) fn transcript(&self, lines: &str, expect: &Expect) {
        let mut out = String::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(days) = line.strip_prefix('+') {
                self.pass(days.parse::<i64>().unwrap() * DAY);
                continue;
            }
            let full = (1..10).fold(line.to_owned(), |line, number| {
                line.replace(&format!("\"v{number}\""), &format!("\"{}\"", token(number)))
            });
            if let Some(line) = full.strip_prefix('(').and_then(|line| line.strip_suffix(')')) {
                self.ok(line);
                continue;
            }
            let answer = match self.call(&full) {
                Ok(answer) => answer.to_string(),
                Err(fault) => format!("{}: {}", fault.code(), fault.message()),
            };
            writeln!(out, "{line}\n  {}", self.readable(&answer)).unwrap();
        }
        expect.assert_eq(&out);
    }

    /// Lets what is due be done, until nothing is. What fails outside is not tried again.
    pub(crate) fn run_timers(&self) {
        while self.run_timer() || self.run_task() {}
    }

    fn run_timer(&self) -> bool {
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        let ours = |task: &Task| task.service == "secretsmanager";
        let due = Task::due_inside(&mut tx, Timestamp(self.now.get()), 1, ours);
        let Some(task) = due.unwrap().tasks.pop() else { return false };
        self.act(&task, |cx| {
            task.finish(&mut cx.tx)?;
            self.secrets.due(cx, &task)
        });
        true
    }

    fn run_task(&self) -> bool {
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        let Some(task) = Task::outside(&mut tx, None, 1).unwrap().tasks.pop() else { return false };
        let job = self.act(&task, |cx| self.secrets.begin(cx, &task));
        let outcome = match job {
            Some(Job::Blocking(work)) => Some(work().map_or_else(Outcome::Over, Outcome::Done)),
            _ => None,
        };
        self.act(&task, |cx| {
            let next = outcome.as_ref().map(|outcome| self.secrets.settle(cx, &task, outcome)).transpose()?;
            match next {
                Some(Next::Step { payload, .. }) => {
                    task.replace(&mut cx.tx, &Task { payload, ..task.clone() })
                }
                _ => task.finish(&mut cx.tx),
            }
        });
        true
    }

    /// Has the service do something by itself, and keeps the records of it.
    fn act<T>(&self, task: &Task, work: impl FnOnce(&mut Cx<'_>) -> Result<T, Fault>) -> T {
        let call = Call { region: task.region.clone(), ..self.facts() };
        let service = Caller::service("secretsmanager.amazonaws.com");
        let tx = Tx::begin(&self.store, &self.env.keyring);
        let mut cx = Cx::new(tx, &self.env, &call, &service).serving(&api::MODEL);
        let done =
            work(&mut cx).unwrap_or_else(|fault| panic!("{} {}", fault.message(), fault.for_operator()));
        let (_, _, events, mut tx) = cx.finish();
        for event in &events {
            let record = event.write(&call, "secretsmanager.amazonaws.com", "id");
            tx.append(TRAIL, &record).unwrap();
        }
        self.store.commit_blocking(tx.into_txn()).unwrap();
        done
    }

    /// The records of the trail, newest last.
    pub(crate) fn records(&self) -> Vec<Value> {
        let tx = Tx::begin(&self.store, &self.env.keyring);
        let entries = tx.read_log(TRAIL, 0, store::Order::Forward, 10_000).unwrap();
        entries.iter().map(|entry| serde_json::from_slice(&entry.bytes).unwrap()).collect()
    }

    /// Keys of all rows of the service.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut txn = self.store.begin();
        let range = store::KeyRange::prefix(b"secretsmanager/");
        let rows = txn.scan(&range, store::Order::Forward, 10_000).unwrap();
        rows.iter().map(|(key, _)| String::from_utf8_lossy(key).replace('\0', " ")).collect()
    }
}

/// The id of a version, which transcripts call `v1` and so on.
pub(crate) fn token(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
