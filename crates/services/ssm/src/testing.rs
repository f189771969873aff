//! A deployment for tests: a real store in memory, a real keyring and a real KMS, a Secrets Manager with one secret, and people by name.

use crate::SystemsManager;
use keyring::{KeyFile, Keyring, SystemRandom};
use platform::trail::ServiceEvent;
use platform::{
    AccessKey, AnyOperation, Blame, Call, Caller, Counted, Cx, Directory, Env, Fault, Handle, Meter,
    Permissions, Principal, Quota, Role, Service, ServiceQuotas, Services, TRAIL, Task, Tx, Whose,
};
use policy::{Policy, PolicyKind};
use secretsmanager_api::{GetSecretValueRequest, GetSecretValueResponse};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use wire::{Protocol, ServiceModel, Timestamp};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";
pub(crate) const REGION: &str = "us-east-1";
/// 2026-11-21T23:07:43Z
const START: i64 = 1_795_302_463_000;
pub(crate) const DAY: i64 = 86_400_000;

/// IAM, as far as services see it: people and what their policies say.
#[derive(Default)]
struct People(Mutex<BTreeMap<String, Arc<Permissions>>>);

impl Directory for People {
    fn access_key(&self, _: &mut Tx<'_>, _: &str) -> Result<Option<AccessKey>, Fault> {
        Ok(None)
    }

    fn permissions(&self, _: &mut Tx<'_>, caller: &Caller) -> Result<Option<Arc<Permissions>>, Fault> {
        Ok(match &caller.principal {
            Principal::User { .. } => self.0.lock().unwrap().get(&caller.principal.arn()).cloned(),
            _ => Some(Arc::default()),
        })
    }

    fn role(&self, _: &mut Tx<'_>, _: &str, _: &str) -> Result<Option<Role>, Fault> {
        Ok(None)
    }

    fn managed_policy_id(&self, _: &mut Tx<'_>, _: &str, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    fn unique_id(&self, _: &mut Tx<'_>, arn: &str) -> Result<Option<String>, Fault> {
        let known = self.0.lock().unwrap().contains_key(arn);
        Ok(known.then(|| format!("AIDA{}", arn.rsplit('/').next().unwrap())))
    }

    fn note_use(&self, _: &mut Tx<'_>, _: &str, _: &Call, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

/// A Secrets Manager that has the secret `db/password`, and one that is binary, for those who may read them.
struct Secrets;

impl Service for Secrets {
    fn model(&self) -> &'static ServiceModel {
        &secretsmanager_api::MODEL
    }

    fn operations(self: Arc<Self>) -> Vec<Box<dyn AnyOperation>> {
        platform::operations![self; secretsmanager_api::ops::GetSecretValue]
    }

    fn quotas(&self) -> &'static ServiceQuotas {
        static QUOTAS: ServiceQuotas = ServiceQuotas {
            code: "ThrottlingException",
            message: "",
            list: &[],
            rest: Quota::rest("rest", 1.0),
        };
        &QUOTAS
    }
}

impl Handle<secretsmanager_api::ops::GetSecretValue> for Secrets {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetSecretValueRequest,
    ) -> Result<GetSecretValueResponse, Fault> {
        let name = &input.secret_id;
        let arn = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf");
        cx.authorize(&platform::Access::to("secretsmanager:GetSecretValue", arn.as_str()))?;
        let text = match name.as_str() {
            "db/password" => Some(format!("hunter{}", input.version_stage.as_deref().unwrap_or("2"))),
            "binary" => None,
            _ => {
                let message = "Secrets Manager can't find the specified secret.";
                return Err(Fault::new("ResourceNotFoundException", message));
            }
        };
        Ok(GetSecretValueResponse {
            arn: Some(arn),
            name: Some(name.clone()),
            version_id: Some(input.version_id.clone().unwrap_or_else(|| "v".repeat(36))),
            secret_string: text,
            version_stages: Some(vec!["AWSCURRENT".to_owned()]),
            created_date: Some(Timestamp(START)),
            ..GetSecretValueResponse::default()
        })
    }
}

/// What calls were counted against.
#[derive(Debug, Default)]
struct Counts(Mutex<Vec<String>>);

impl Meter for Counts {
    fn take(&self, service: &str, quota: &str, _: Whose<'_>, _: u32) -> bool {
        self.0.lock().unwrap().push(format!("{service} {quota}"));
        true
    }
}

/// An operation and the service that has it.
type Operation = (&'static ServiceModel, Box<dyn AnyOperation>);

pub(crate) struct World {
    pub(crate) store: store::Store,
    env: Env,
    people: Arc<People>,
    operations: BTreeMap<(&'static str, &'static str), Operation>,
    now: Cell<i64>,
    counts: Counts,
    events: RefCell<Vec<ServiceEvent>>,
    _directory: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let random = Arc::new(SystemRandom);
        let seal = KeyFile::create(&directory.path().join("key"), &*random).unwrap();
        let keyring = Keyring::create(&data.join("keyring"), &seal, Arc::clone(&random) as _).unwrap();
        let people = Arc::new(People::default());
        let services: [Arc<dyn Service>; 3] =
            [Arc::new(SystemsManager), Arc::new(kms::Kms::default()), Arc::new(Secrets)];
        let mut operations = BTreeMap::new();
        for service in &services {
            let model = service.model();
            for operation in Arc::clone(service).operations() {
                operations.insert((model.name, operation.model().name), (model, operation));
            }
        }
        let env =
            Env { services: Services::new(&services), ..Env::new(keyring, random, Arc::clone(&people) as _) };
        Self {
            store: store::Store::open(store::Memory::new()).unwrap(),
            env,
            people,
            operations,
            now: Cell::new(START),
            counts: Counts::default(),
            events: RefCell::default(),
            _directory: directory,
        }
    }

    /// The names of this service's operations.
    pub(crate) fn operations(&self) -> Vec<&'static str> {
        self.operations.keys().filter(|(service, _)| *service == "ssm").map(|(_, name)| *name).collect()
    }

    pub(crate) fn wait(&self, millis: i64) {
        self.now.set(self.now.get() + millis);
    }

    /// Has a user with these statements.
    pub(crate) fn user(&self, name: &str, statements: &str) {
        let mut permissions = Permissions::default();
        if !statements.is_empty() {
            let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
            permissions.identity.push(Arc::new(Policy::parse(&text, PolicyKind::Identity).unwrap()));
        }
        let arn = caller(name).principal.arn();
        self.people.0.lock().unwrap().insert(arn, Arc::new(permissions));
    }

    fn facts(&self, region: &str) -> Call {
        Call {
            request_id: "request".to_owned(),
            event_id: "event".to_owned(),
            now: Timestamp(self.now.get()),
            region: region.to_owned(),
            source_ip: "192.0.2.1".to_owned(),
            user_agent: None,
            referer: None,
            host: None,
            secure: false,
            tls: None,
            client: platform::Client::default(),
        }
    }

    /// One call of an operation; only a success takes effect. The error is its code and its words.
    pub(crate) fn call(&self, who: &str, operation: &str, input: &Value) -> Result<Value, Fault> {
        self.call_of("ssm", who, operation, input)
    }

    pub(crate) fn call_of(
        &self,
        service: &str,
        who: &str,
        operation: &str,
        input: &Value,
    ) -> Result<Value, Fault> {
        let operations = &self.operations;
        let ((_, name), (model, operation)) =
            operations.iter().find(|((of, name), _)| *of == service && *name == operation).unwrap();
        let (parts, ()) = http::Request::new(()).into_parts();
        let decoded = operation
            .decode(Protocol::Json11, model, &parts, input.to_string().as_bytes())
            .map_err(|rejection| Fault::new("ValidationException", rejection.answer().message.to_owned()))?;
        let (facts, caller) = (self.facts(REGION), caller(who));
        let tx = Tx::begin(&self.store, &self.env.keyring);
        let mut cx =
            Cx::new(tx, &self.env, &facts, &caller).serving(model).metered(&self.counts, Counted::default());
        let output = decoded.run(&mut cx);
        let failed = cx.take_failed();
        let (authorized, _, events, mut tx) = cx.finish();
        let output = output?;
        assert!(authorized, "{name} succeeded without authorization");
        self.events.borrow_mut().extend(events);
        for record in failed {
            tx.append(TRAIL, &record).unwrap();
        }
        self.store.commit_blocking(tx.into_txn()).unwrap();
        let answer =
            wire::encode(Protocol::Json11, model, operation.model(), output.field(), output.schema(), "");
        Ok(serde_json::from_slice(&answer.body).unwrap())
    }

    /// The same, which must succeed.
    pub(crate) fn ok(&self, operation: &str, input: Value) -> Value {
        self.call("root", operation, &input).unwrap_or_else(|fault| {
            panic!("{operation} {input}: {} {} {}", fault.code(), fault.message(), fault.for_operator())
        })
    }

    /// A transcript of calls, each a line of who, the operation and its input: what was answered, or the error.
    pub(crate) fn play(&self, script: &str) -> String {
        let mut out = String::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (who, rest) = line.split_once(' ').unwrap();
            let (operation, input) = rest.split_once(' ').unwrap_or((rest, "{}"));
            let input = serde_json::from_str(input).unwrap_or_else(|error| panic!("{input}: {error}"));
            writeln!(out, "> {line}").unwrap();
            match self.call(who, operation, &input) {
                Ok(mut answer) => {
                    // No two tokens are the same.
                    if let Some(token) = answer.get_mut("NextToken") {
                        *token = "…".into();
                    }
                    writeln!(out, "{answer}")
                }
                Err(fault) => writeln!(out, "{}", said(&fault)),
            }
            .unwrap();
        }
        out
    }

    /// Lets the timers that are due do their work; how many there were.
    pub(crate) fn run_timers(&self) -> usize {
        let mut ran = 0;
        loop {
            let mut tx = Tx::begin(&self.store, &self.env.keyring);
            let due = Task::due_inside(&mut tx, Timestamp(self.now.get()), 1, |_| true).unwrap();
            let Some(timer) = due.tasks.first() else { return ran };
            timer.finish(&mut tx).unwrap();
            if timer.service != "ssm" {
                self.store.commit_blocking(tx.into_txn()).unwrap();
                continue;
            }
            let (facts, service) = (self.facts(&timer.region), Caller::service("ssm.amazonaws.com"));
            let mut cx = Cx::new(tx, &self.env, &facts, &service);
            SystemsManager.due(&mut cx, timer).unwrap();
            let (_, _, events, tx) = cx.finish();
            self.events.borrow_mut().extend(events);
            self.store.commit_blocking(tx.into_txn()).unwrap();
            ran += 1;
        }
    }

    /// What the service did by itself since this was last asked.
    pub(crate) fn events(&self) -> Vec<ServiceEvent> {
        self.events.take()
    }

    /// Everything in the store that a reader of the disk would see, and the trail in clear.
    pub(crate) fn stored(&self) -> (Vec<u8>, String) {
        let mut rows = Vec::new();
        for (key, value) in
            self.store.begin().scan(&store::KeyRange::prefix(b""), store::Order::Forward, 100_000).unwrap()
        {
            rows.extend([key.as_ref(), value.as_ref()].concat());
        }
        let tx = Tx::begin(&self.store, &self.env.keyring);
        let trail = tx.read_log(TRAIL, 0, store::Order::Forward, 10_000).unwrap();
        let trail =
            trail.iter().map(|entry| String::from_utf8(entry.bytes.to_vec()).unwrap() + "\n").collect();
        (rows, trail)
    }

    /// Keys of rows of this service.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut txn = self.store.begin();
        let rows = txn.scan(&store::KeyRange::prefix(b"ssm/"), store::Order::Forward, 100_000).unwrap();
        rows.iter().map(|(key, _)| String::from_utf8_lossy(key).replace('\0', " ")).collect()
    }

    /// What calls were counted against since this was last asked.
    pub(crate) fn counted(&self) -> Vec<String> {
        std::mem::take(&mut self.counts.0.lock().unwrap())
    }

    /// Does something in a transaction.
    pub(crate) fn write(&self, write: impl FnOnce(&mut Tx<'_>)) {
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        write(&mut tx);
        self.store.commit_blocking(tx.into_txn()).unwrap();
    }
}

/// An error as a transcript has it.
pub(crate) fn said(fault: &Fault) -> String {
    let code = if fault.blame() == Blame::Denied { "AccessDeniedException" } else { fault.code() };
    format!("{code}: {}", fault.message())
}

/// `root`, `other` (the other account's root user), `NAME` of a user, or `other/NAME` of one of the other account.
fn caller(who: &str) -> Caller {
    let (account, name) = match who.split_once('/') {
        Some((_, name)) => (OTHER, name),
        None if who == "other" => (OTHER, "root"),
        None => (ACCOUNT, who),
    };
    let account = account.to_owned();
    let principal = match name {
        "root" => Principal::Root { account },
        name => Principal::User {
            account,
            path: "/".to_owned(),
            name: name.to_owned(),
            id: format!("AIDA{name}"),
        },
    };
    Caller { principal, access_key_id: Some("AKIAEXAMPLE".to_owned()), session: None }
}

/// A statement that allows.
pub(crate) fn allow(action: &str, resource: &str) -> String {
    format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}"#)
}
