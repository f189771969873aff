//! A deployment in memory to call operations on.

use crate::Kms;
use crate::api::{
    AlgorithmSpec, CreateKeyRequest, DescribeKeyRequest, ExpirationModelType, GetParametersForImportRequest,
    ImportKeyMaterialRequest, ImportType, KeyMetadata, KeySpec, KeyUsageType, OriginType,
    ReplicateKeyRequest, WrappingKeySpec, ops,
};
use crate::key::{KEYS, Key, State};
use keyring::{KeyFile, Keyring, SystemRandom};
use platform::trail::ServiceEvent;
use platform::{
    AccessKey, Call, Caller, Counted, Cx, Directory, Env, Fault, Handle, Meter, Permissions, Principal, Role,
    Service as _, Session, Tx, Whose,
};
use policy::{Policy, PolicyKind};
use primitives::{EncryptionAlgorithm, PairSpec, PublicKey};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use wire::{Blob, Operation, Timestamp};

pub(crate) const ACCOUNT: &str = "111111111111";
pub(crate) const OTHER: &str = "222222222222";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const OTHER_REGION: &str = "us-west-2";
pub(crate) const START: i64 = 1_795_302_463_000;
pub(crate) const DAY: i64 = 86_400_000;

pub(crate) struct World {
    pub(crate) store: store::Store,
    pub(crate) env: Env,
    people: Arc<People>,
    now: Cell<i64>,
    calls: Cell<u64>,
    region: RefCell<String>,
    events: RefCell<Vec<ServiceEvent>>,
    source: RefCell<Option<String>>,
    via: Cell<Option<&'static str>>,
    pub(crate) tally: Tally,
    _directory: tempfile::TempDir,
}

/// What calls were counted against; one quota may be used up.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) taken: Mutex<Vec<String>>,
    pub(crate) used_up: Mutex<&'static str>,
}

impl Meter for Tally {
    fn take(&self, service: &str, quota: &str, whose: Whose<'_>, calls: u32) -> bool {
        assert_eq!(service, "kms");
        let of = match whose {
            Whose::Caller => String::new(),
            Whose::Region(name) | Whose::Resource(name) => format!(" of {name}"),
        };
        self.taken.lock().unwrap().push(format!("{quota}{of} {calls}"));
        *self.used_up.lock().unwrap() != quota
    }
}

/// IAM, as far as KMS sees it: principals by ARN.
#[derive(Default)]
struct People {
    people: Mutex<BTreeMap<String, Person>>,
    born: std::sync::atomic::AtomicU32,
}

#[derive(Clone)]
struct Person {
    principal: Principal,
    id: String,
    permissions: Arc<Permissions>,
}

/// AWS's, and as many more as a multi-Region key can be in.
fn regions() -> platform::Regions {
    let more = (2..64).map(|number| format!("eu-north-{number}"));
    platform::Regions::listed(platform::Regions::default().names().map(str::to_owned).chain(more)).unwrap()
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
        Self {
            store: store::Store::open(store::Memory::new()).unwrap(),
            env: Env { regions: regions(), ..Env::new(keyring, random, Arc::clone(&people) as _) },
            people,
            now: Cell::new(START),
            calls: Cell::default(),
            region: RefCell::new(REGION.to_owned()),
            events: RefCell::default(),
            source: RefCell::default(),
            via: Cell::default(),
            tally: Tally::default(),
            _directory: directory,
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.get()
    }

    pub(crate) fn wait(&self, millis: i64) {
        self.now.set(self.now.get() + millis);
    }

    pub(crate) fn go_to(&self, region: &str) {
        *self.region.borrow_mut() = region.to_owned();
    }

    /// From now on services call on behalf of this resource.
    pub(crate) fn for_source(&self, arn: Option<&str>) {
        *self.source.borrow_mut() = arn.map(str::to_owned);
    }

    /// From now on this service makes the calls, on their callers' behalf.
    pub(crate) fn call_through(&self, service: Option<&'static str>) {
        self.via.set(service);
    }

    pub(crate) fn root(&self) -> Caller {
        self.root_of(ACCOUNT)
    }

    pub(crate) fn root_of(&self, account: &str) -> Caller {
        caller(Principal::Root { account: account.to_owned() })
    }

    /// Makes a user with these statements as its only policy, or without any policy.
    pub(crate) fn user(&self, account: &str, name: &str, statements: &str) -> Caller {
        let id = self.people.next_id("AIDA");
        let principal = Principal::User {
            account: account.to_owned(),
            path: "/".to_owned(),
            name: name.to_owned(),
            id: id.clone(),
        };
        self.people.add(
            principal.arn(),
            Person { principal: principal.clone(), id, permissions: permissions(statements) },
        );
        caller(principal)
    }

    /// Makes a role and opens a session of it.
    pub(crate) fn session(&self, account: &str, role: &str, session: &str, statements: &str) -> Caller {
        let arn = format!("arn:aws:iam::{account}:role/{role}");
        let known = self.people.find(&arn);
        let id = known.map_or_else(|| self.people.next_id("AROA"), |person| person.id);
        let principal = |session: &str| Principal::Role {
            account: account.to_owned(),
            path: "/".to_owned(),
            name: role.to_owned(),
            id: id.clone(),
            session: session.to_owned(),
        };
        let person =
            Person { principal: principal(""), id: id.clone(), permissions: permissions(statements) };
        self.people.add(arn, person);
        caller(principal(session))
    }

    /// A federated session of a user.
    pub(crate) fn federated(&self, user: &Caller, name: &str) -> Caller {
        let principal = &user.principal;
        caller(Principal::Federated {
            account: principal.account().to_owned(),
            name: name.to_owned(),
            issuer_id: principal.user_id(),
            issuer_arn: principal.arn(),
            issuer_name: Some(name.to_owned()),
        })
    }

    /// Gives all sessions of a role, or federated ones of a user, a session policy of these statements.
    pub(crate) fn restrict(&self, arn: &str, statements: &str) {
        let mut people = self.people.people.lock().unwrap();
        let person = people.get_mut(arn).unwrap();
        let session = permissions(statements).identity.clone();
        person.permissions = Arc::new(Permissions { session, ..(*person.permissions).clone() });
    }

    pub(crate) fn forget(&self, arn: &str) {
        self.people.people.lock().unwrap().remove(arn);
    }

    /// Makes one call. Only a success takes effect, and it must have been authorized.
    pub(crate) fn call<Op: Operation>(&self, caller: &Caller, input: Op::Input) -> Result<Op::Output, Fault>
    where
        Kms: Handle<Op>,
    {
        let call = self.call_facts();
        let tx = Tx::begin(&self.store, &self.env.keyring);
        let via: Vec<String> = self.via.get().map(str::to_owned).into_iter().collect();
        let mut cx = Cx::new(tx, &self.env, &call, caller)
            .serving(Op::SERVICE)
            .called_via(&via)
            .metered(&self.tally, Counted::default());
        let source = self.source.borrow();
        if let Some(arn) = &*source {
            cx = cx.on_behalf_of(arn, arn.split(':').nth(4).unwrap());
        }
        let output = Kms::default().handle(&mut cx, &input)?;
        let (authorized, _, events, tx) = cx.finish();
        assert!(authorized, "{} succeeded without authorization", Op::MODEL.name);
        self.events.borrow_mut().extend(events);
        self.store.commit_blocking(tx.into_txn()).unwrap();
        Ok(output)
    }

    /// A key's row.
    pub(crate) fn row(&self, key_arn: &str) -> Key {
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        let (place, id) = key_arn.split_once(":key/").unwrap();
        let mut place = place.rsplit(':');
        let (account, region) = (place.next().unwrap(), place.next().unwrap());
        (*KEYS.get(&mut tx, &[account, region, id]).unwrap().unwrap()).clone()
    }

    /// Puts a key into a state, however keys get there.
    pub(crate) fn put_into(&self, key_arn: &str, state: State) {
        let key = Key { state, ..self.row(key_arn) };
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        KEYS.put(&mut tx, &key.path(), &key).unwrap();
        self.store.commit_blocking(tx.into_txn()).unwrap();
    }

    /// What the service did by itself since this was last asked.
    pub(crate) fn events(&self) -> Vec<ServiceEvent> {
        self.events.take()
    }

    /// Lets the timers that are due do their work, until none is. Steps of shredding are not counted.
    pub(crate) fn run_timers(&self) -> usize {
        let mut ran = 0;
        loop {
            let mut tx = Tx::begin(&self.store, &self.env.keyring);
            let Some(timer) =
                platform::Task::due_inside(&mut tx, Timestamp(self.now()), 1, |_| true).unwrap().tasks.pop()
            else {
                return ran;
            };
            timer.clear(&mut tx).unwrap();
            let call = Call { region: timer.region.clone(), ..self.call_facts() };
            let service = Caller::service("kms.amazonaws.com");
            let mut cx = Cx::new(tx, &self.env, &call, &service);
            Kms::default().due(&mut cx, &timer).unwrap();
            let (_, _, events, tx) = cx.finish();
            self.events.borrow_mut().extend(events);
            self.store.commit_blocking(tx.into_txn()).unwrap();
            ran += usize::from(timer.task != crate::shreds::TASK);
        }
    }

    /// Rows of KMS, by table.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut txn = self.store.begin();
        let rows = txn.scan(&store::KeyRange::prefix(b"kms/"), store::Order::Forward, 10_000).unwrap();
        rows.iter().map(|(key, _)| String::from_utf8_lossy(key).replace('\0', " ")).collect()
    }

    /// ARNs of the keys of the first account.
    pub(crate) fn key_arns(&self) -> Vec<String> {
        let mut tx = Tx::begin(&self.store, &self.env.keyring);
        let rows = KEYS.scan(&mut tx, &[ACCOUNT, REGION], None, 10_000).unwrap();
        rows.iter().map(|(_, key)| key.arn.clone()).collect()
    }

    pub(crate) fn call_facts(&self) -> Call {
        self.calls.set(self.calls.get() + 1);
        Call {
            request_id: "request".to_owned(),
            event_id: format!("00000000-0000-4000-8000-{:012x}", self.calls.get()),
            now: Timestamp(self.now()),
            region: self.region.borrow().clone(),
            source_ip: "127.0.0.1".to_owned(),
            user_agent: None,
            referer: None,
            host: None,
            secure: false,
            tls: None,
            client: platform::Client::default(),
        }
    }

    pub(crate) fn create_key(&self, caller: &Caller, input: CreateKeyRequest) -> KeyMetadata {
        self.call::<ops::CreateKey>(caller, input).unwrap().key_metadata.unwrap()
    }

    /// A key with the default policy; its ARN.
    pub(crate) fn key(&self) -> String {
        self.create_key(&self.root(), CreateKeyRequest::default()).arn.unwrap()
    }

    /// A key of a kind; its ARN.
    pub(crate) fn key_of(&self, spec: KeySpec, usage: KeyUsageType) -> String {
        let input =
            CreateKeyRequest { key_spec: Some(spec), key_usage: Some(usage), ..CreateKeyRequest::default() };
        self.create_key(&self.root(), input).arn.unwrap()
    }

    /// A multi-Region primary key; its ARN.
    pub(crate) fn multi_region_key(&self) -> String {
        let input = CreateKeyRequest { multi_region: Some(true), ..CreateKeyRequest::default() };
        self.create_key(&self.root(), input).arn.unwrap()
    }

    /// Makes a replica of a key; its ARN.
    pub(crate) fn replicate(&self, key: &str, region: &str) -> String {
        let input = ReplicateKeyRequest {
            key_id: key.to_owned(),
            replica_region: region.to_owned(),
            ..ReplicateKeyRequest::default()
        };
        let output = self.call::<ops::ReplicateKey>(&self.root(), input).unwrap();
        output.replica_key_metadata.unwrap().arn.unwrap()
    }

    /// A key for imported material, without any yet; its ARN.
    pub(crate) fn external_key(&self) -> String {
        let input = CreateKeyRequest { origin: Some(OriginType::External), ..CreateKeyRequest::default() };
        self.create_key(&self.root(), input).arn.unwrap()
    }

    /// What ImportKeyMaterial is given, to import material that does not expire.
    pub(crate) fn wrapped(&self, key: &str, material: &[u8]) -> ImportKeyMaterialRequest {
        let input = GetParametersForImportRequest {
            key_id: key.to_owned(),
            wrapping_algorithm: AlgorithmSpec::RsaesOaepSha256,
            wrapping_key_spec: WrappingKeySpec::Rsa2048,
        };
        let output = self.call::<ops::GetParametersForImport>(&self.root(), input).unwrap();
        let public = output.public_key.unwrap().into_vec();
        let public = PublicKey::from_spki(PairSpec::Rsa2048, public).unwrap();
        ImportKeyMaterialRequest {
            key_id: key.to_owned(),
            import_token: output.import_token.unwrap(),
            encrypted_key_material: Blob(public.encrypt(EncryptionAlgorithm::OaepSha256, material).unwrap()),
            expiration_model: Some(ExpirationModelType::KeyMaterialDoesNotExpire),
            ..ImportKeyMaterialRequest::default()
        }
    }

    /// Imports material that does not expire; its id.
    pub(crate) fn import(&self, key: &str, material: &[u8], kind: ImportType) -> Result<String, Fault> {
        let input = ImportKeyMaterialRequest { import_type: Some(kind), ..self.wrapped(key, material) };
        let output = self.call::<ops::ImportKeyMaterial>(&self.root(), input)?;
        Ok(output.key_material_id.unwrap())
    }

    /// What DescribeKey tells of a key, asked in the key's Region.
    pub(crate) fn describe(&self, key: &str) -> KeyMetadata {
        let here = self.region.replace(key.split(':').nth(3).unwrap().to_owned());
        let input = DescribeKeyRequest { key_id: key.to_owned(), grant_tokens: None };
        let output = self.call::<ops::DescribeKey>(&self.root(), input).unwrap();
        self.region.replace(here);
        output.key_metadata.unwrap()
    }

    /// A key that besides its account allows what these statements do; its ARN.
    pub(crate) fn key_with(&self, statements: &str) -> String {
        let policy = Some(key_policy(statements));
        self.create_key(&self.root(), CreateKeyRequest { policy, ..CreateKeyRequest::default() }).arn.unwrap()
    }
}

/// A key policy that gives the account all rights, and these statements.
pub(crate) fn key_policy(statements: &str) -> String {
    let comma = if statements.is_empty() { "" } else { "," };
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}},"Action":"kms:*","Resource":"*"}}{comma}{statements}]}}"#
    )
}

/// A statement that allows actions on everything.
pub(crate) fn allow(actions: &str) -> String {
    let actions: Vec<String> = actions.split_whitespace().map(|action| format!("\"{action}\"")).collect();
    format!(r#"{{"Effect":"Allow","Action":[{}],"Resource":"*"}}"#, actions.join(","))
}

fn permissions(statements: &str) -> Arc<Permissions> {
    let mut permissions = Permissions::default();
    if !statements.is_empty() {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        permissions.identity.push(Arc::new(Policy::parse(&text, PolicyKind::Identity).unwrap()));
    }
    Arc::new(permissions)
}

fn caller(principal: Principal) -> Caller {
    let session = matches!(principal, Principal::Role { .. }).then(|| Arc::new(Session::default()));
    Caller { principal, access_key_id: Some("AKIAEXAMPLE".to_owned()), session }
}

impl People {
    fn next_id(&self, prefix: &str) -> String {
        let number = self.born.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        format!("{prefix}{number:017}")
    }

    fn add(&self, arn: String, person: Person) {
        self.people.lock().unwrap().insert(arn, person);
    }

    fn find(&self, arn: &str) -> Option<Person> {
        self.people.lock().unwrap().get(arn).cloned()
    }
}

impl Directory for People {
    fn access_key(&self, _: &mut Tx<'_>, _: &str) -> Result<Option<AccessKey>, Fault> {
        Ok(None)
    }

    fn permissions(&self, _: &mut Tx<'_>, caller: &Caller) -> Result<Option<Arc<Permissions>>, Fault> {
        Ok(match &caller.principal {
            Principal::User { .. } | Principal::Role { .. } => {
                self.find(&caller.principal.principal_arn()).map(|person| person.permissions)
            }
            Principal::Federated { issuer_arn, .. } => self.find(issuer_arn).map(|person| person.permissions),
            _ => Some(Arc::default()),
        })
    }

    fn role(&self, _: &mut Tx<'_>, account: &str, name: &str) -> Result<Option<Role>, Fault> {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}]}"#;
        let person = self.find(&format!("arn:aws:iam::{account}:role/{name}"));
        Ok(person.map(|person| Role {
            principal: person.principal,
            trust: Arc::new(Policy::parse(trust, PolicyKind::Trust).unwrap()),
            max_session_seconds: 3600,
            tags: BTreeMap::new(),
        }))
    }

    fn managed_policy_id(&self, _: &mut Tx<'_>, _: &str, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    fn unique_id(&self, _: &mut Tx<'_>, arn: &str) -> Result<Option<String>, Fault> {
        let session = arn
            .split_once(":assumed-role/")
            .and_then(|(place, path)| Some((place.replace(":sts:", ":iam:"), path.split_once('/')?)));
        Ok(match session {
            None => self.find(arn).map(|person| person.id),
            Some((place, (role, session))) => {
                let role = self.find(&format!("{place}:role/{role}"));
                role.map(|role| format!("{}:{session}", role.id))
            }
        })
    }

    fn note_use(&self, _: &mut Tx<'_>, _: &str, _: &Call, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}
