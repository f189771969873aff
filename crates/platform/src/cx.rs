//! All that an operation is given.

use crate::access::Facts;
use crate::calls::Services;
use crate::quota::{Counted, Meter, ServiceQuotas, Whose};
use crate::regions::Regions;
use crate::trail::{Resource, ServiceEvent};
use crate::{Access, Call, Caller, Denial, Fault, KeyStores, Principal, Turns, Tx};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyring::{Keyring, Random};
use policy::explain::{Further, Grants};
use policy::{Known, Mode, Names, Policies, Policy, PolicyName};
use serde_json::{Map, Value};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::{ServiceModel, Timestamp};

/// What every call of a deployment shares.
#[derive(Clone)]
pub struct Env {
    /// Opens and seals.
    pub keyring: Keyring,
    /// The source of randomness.
    pub random: Arc<dyn Random>,
    /// Knows credentials and permissions.
    pub directory: Arc<dyn Directory>,
    /// Keys outside of KMS.
    pub key_stores: KeyStores,
    /// The Regions there are.
    pub regions: Regions,
    /// How work that takes long, or waits for a device or the network, is kept out of the way of other calls.
    pub aside: Aside,
    /// How much of it keeps processors busy at a time.
    pub turns: Arc<Turns>,
    /// The services that call each other; a deployment fills them in.
    pub services: Services,
}

/// Runs a piece of work to its end, where it holds nobody up.
pub type Aside = fn(&mut dyn FnMut());

impl Env {
    /// What calls share where there are no keys outside of KMS, the published Regions are served and nothing is waited for.
    pub fn new(keyring: Keyring, random: Arc<dyn Random>, directory: Arc<dyn Directory>) -> Self {
        Self {
            keyring,
            random,
            directory,
            key_stores: KeyStores::none(),
            regions: Regions::default(),
            aside: |work| work(),
            turns: Arc::default(),
            services: Services::default(),
        }
    }
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env").finish_non_exhaustive()
    }
}

/// What is known of a long-term access key.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Whose it is.
    pub principal: Principal,
    /// Whether it may be used.
    pub active: bool,
    /// The secret, sealed as [`seal_secret`] does.
    pub secret: Arc<str>,
}

/// What `sts:AssumeRole` has to know of a role.
#[derive(Clone, Debug)]
pub struct Role {
    /// The principal that a session with an empty name would be.
    pub principal: Principal,
    /// The trust policy.
    pub trust: Arc<Policy>,
    /// The longest session, in seconds.
    pub max_session_seconds: i32,
    /// The role's tags.
    pub tags: BTreeMap<String, String>,
}

/// What the policies attached to a caller are.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    /// Identity-based policies: the principal's own and its groups'.
    pub identity: Vec<Arc<Policy>>,
    /// The permissions boundary.
    pub boundary: Boundary,
    /// The session's policies.
    pub session: Vec<Arc<Policy>>,
    /// The principal's tags, those of the session included.
    pub tags: BTreeMap<String, String>,
}

/// A permissions boundary.
#[derive(Clone, Debug, Default)]
pub enum Boundary {
    /// None is set.
    #[default]
    Unset,
    /// One is set whose policy is gone: it allows nothing.
    Dangling,
    /// This policy.
    Set(Arc<Policy>),
}

/// What policies say of an access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is allowed.
    Allowed,
    /// It is not.
    Denied {
        /// A statement denies it, so that nothing else can allow it.
        explicit: bool,
        /// AWS's sentence.
        message: String,
    },
}

/// What grants say of an access that policies alone do not allow.
#[derive(Debug)]
pub enum Granted {
    /// One covers it.
    Covered,
    /// None of those that were looked at does.
    Not(Grants),
}

/// Verdict of an MFA device on a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mfa {
    /// It is one of its codes, of this time, that was not used before.
    Vouched,
    /// It is not.
    WrongCode,
    /// The caller has no such device.
    NoDevice,
}

/// Knows credentials and permissions: what the pipeline needs of IAM.
pub trait Directory: Send + Sync {
    /// Finds a long-term access key.
    ///
    /// # Errors
    /// Unavailable.
    fn access_key(&self, tx: &mut Tx<'_>, id: &str) -> Result<Option<AccessKey>, Fault>;

    /// Finds a key that signs calls of an external key store to Fastness as its proxy. Such keys are good for that alone, and nothing
    /// else is good for it.
    ///
    /// # Errors
    /// Unavailable.
    fn proxy_key(&self, _tx: &mut Tx<'_>, _id: &str) -> Result<Option<AccessKey>, Fault> {
        Ok(None)
    }

    /// The permissions of a caller; none if the identity behind it no longer exists.
    ///
    /// # Errors
    /// Unavailable.
    fn permissions(&self, tx: &mut Tx<'_>, caller: &Caller) -> Result<Option<Arc<Permissions>>, Fault>;

    /// What the policies of [`permissions`](Self::permissions) are called, in the same order; the resource's is not known here.
    /// Only asked where a denial is explained.
    ///
    /// # Errors
    /// Unavailable.
    fn policy_names(&self, _tx: &mut Tx<'_>, _caller: &Caller) -> Result<Names, Fault> {
        Ok(Names::default())
    }

    /// Finds a role, for a caller who wants to assume it.
    ///
    /// # Errors
    /// Unavailable.
    fn role(&self, tx: &mut Tx<'_>, account: &str, name: &str) -> Result<Option<Role>, Fault>;

    /// Has an MFA device of the caller, an IAM user, vouch for it by a one-time code, which is used up.
    ///
    /// # Errors
    /// Unavailable.
    fn mfa(&self, _cx: &mut Cx<'_>, _serial_number: &str, _code: &str) -> Result<Mfa, Fault> {
        Ok(Mfa::NoDevice)
    }

    /// The unique id of a managed policy, of the account or of AWS.
    ///
    /// # Errors
    /// Unavailable.
    fn managed_policy_id(&self, tx: &mut Tx<'_>, account: &str, arn: &str) -> Result<Option<String>, Fault>;

    /// The unique id of the user or role with this ARN (`AIDA…`, `AROA…`), to which a resource policy pins its principals; of the ARN of a
    /// role's session, `unique id:session name`.
    ///
    /// # Errors
    /// Unavailable.
    fn unique_id(&self, tx: &mut Tx<'_>, arn: &str) -> Result<Option<String>, Fault>;

    /// Notes that a long-term access key was used.
    ///
    /// # Errors
    /// Unavailable.
    fn note_use(&self, tx: &mut Tx<'_>, key: &str, call: &Call, service: &str) -> Result<(), Fault>;
}

const SECRET_PURPOSE: &str = "iam/secret-access-key";

/// Seals a secret access key for keeping in a row: it stays sealed in decoded rows too.
///
/// # Errors
/// Unavailable, if the keyring is.
pub fn seal_secret(keyring: &Keyring, secret: &str) -> Result<Arc<str>, Fault> {
    Ok(URL_SAFE_NO_PAD.encode(keyring.token_seal(SECRET_PURPOSE, secret.as_bytes())?).into())
}

/// Opens what [`seal_secret`] made.
///
/// # Errors
/// Unavailable, if the keyring is or the secret was not sealed by it.
pub fn open_secret(keyring: &Keyring, sealed: &str) -> Result<zeroize::Zeroizing<Vec<u8>>, Fault> {
    let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Fault::bug("a sealed secret is not base64"))?;
    Ok(keyring.token_open(SECRET_PURPOSE, &sealed)?)
}

/// All that an operation is given: its transaction, the call, the caller, and ways to authorize and to be recorded.
#[derive(Debug)]
pub struct Cx<'a> {
    /// The call's transaction.
    pub tx: Tx<'a>,
    pub(crate) env: &'a Env,
    call: &'a Call,
    caller: &'a Caller,
    permissions: Option<Arc<Permissions>>,
    authorized: bool,
    resources: Vec<Resource>,
    events: Vec<ServiceEvent>,
    told: Option<Value>,
    /// The service whose operation this is.
    serving: Option<&'static ServiceModel>,
    /// The services that call on the caller's behalf, the first one first.
    called_via: &'a [String],
    /// The resource on whose behalf a service calls for itself, and its account.
    source: Option<(&'a str, &'a str)>,
    /// Records of calls of other services that failed.
    pub(crate) failed: Vec<Vec<u8>>,
    meter: Option<&'a dyn Meter>,
    counted: Counted,
    waits_from: Timestamp,
    /// Whether it may have done something that is not in its transaction.
    pub(crate) acted: Cell<bool>,
}

impl<'a> Cx<'a> {
    /// Gives a call its transaction.
    pub fn new(tx: Tx<'a>, env: &'a Env, call: &'a Call, caller: &'a Caller) -> Self {
        Self {
            tx,
            env,
            call,
            caller,
            permissions: None,
            authorized: false,
            resources: Vec::new(),
            events: Vec::new(),
            told: None,
            serving: None,
            called_via: &[],
            source: None,
            failed: Vec::new(),
            meter: None,
            counted: Counted::default(),
            waits_from: call.now,
            acted: Cell::new(false),
        }
    }

    /// Has waiting periods begin at another time than that of the call.
    #[must_use]
    pub fn waiting_from(self, time: Timestamp) -> Self {
        Self { waits_from: time, ..self }
    }

    /// Has the call counted against quotas, but those that it was counted against when it was run before. Nothing is counted without: what
    /// a service does by itself has no quota.
    #[must_use]
    pub fn metered(self, meter: &'a dyn Meter, counted: Counted) -> Self {
        Self { meter: Some(meter), counted, ..self }
    }

    /// What the call has been counted against.
    pub fn take_counted(&mut self) -> Counted {
        std::mem::take(&mut self.counted)
    }

    /// Counts the call as so many against one of a service's quotas.
    ///
    /// # Errors
    /// It is beyond the quota.
    pub fn count(
        &mut self,
        (service, quotas): (&str, &ServiceQuotas),
        quota: &'static str,
        whose: Whose<'_>,
        calls: u32,
    ) -> Result<(), Fault> {
        let Some(meter) = self.meter else { return Ok(()) };
        if self.counted.contains(quota, whose) {
            return Ok(());
        }
        if !meter.take(service, quota, whose, calls) {
            return Err(Fault::throttled(quotas));
        }
        self.counted.add(quota, whose);
        Ok(())
    }

    /// Names the service whose operation this is, so that it can call others.
    #[must_use]
    pub fn serving(self, service: &'static ServiceModel) -> Self {
        Self { serving: Some(service), ..self }
    }

    /// Has a service call for itself, on behalf of a resource of an account: `aws:SourceArn` and `aws:SourceAccount`.
    #[must_use]
    pub fn on_behalf_of(self, source_arn: &'a str, source_account: &'a str) -> Self {
        Self { source: Some((source_arn, source_account)), ..self }
    }

    /// Has services call on the caller's behalf, the first one first: `aws:CalledVia`.
    #[must_use]
    pub fn called_via(self, services: &'a [String]) -> Self {
        Self { called_via: services, ..self }
    }

    /// Begins a call of another service inside of this one, which gets its transaction and the rest of its quotas.
    pub(crate) fn nested<'b>(
        &mut self,
        call: &'b Call,
        caller: &'b Caller,
        service: &'static ServiceModel,
    ) -> Cx<'b>
    where
        'a: 'b,
    {
        let same = std::ptr::eq(self.caller, caller);
        Cx {
            permissions: self.permissions.clone().filter(|_| same),
            meter: self.meter,
            counted: std::mem::take(&mut self.counted),
            waits_from: self.waits_from,
            acted: self.acted.clone(),
            serving: Some(service),
            ..Cx::new(self.tx.take(), self.env, call, caller)
        }
    }

    /// Takes back what a call inside of this one was given: what it wrote stays only if it succeeded.
    pub(crate) fn take_back(&mut self, txn: store::Txn, counted: Counted, mut failed: Vec<Vec<u8>>) {
        self.tx.give_back(txn);
        self.counted = counted;
        self.failed.append(&mut failed);
    }

    /// The service that makes the call on the caller's behalf, such as `secretsmanager.amazonaws.com`; none for direct calls.
    pub fn via(&self) -> Option<&'a str> {
        self.called_via.last().map(String::as_str)
    }

    /// All services that the call came through, the first one first.
    pub(crate) fn all_via(&self) -> &'a [String] {
        self.called_via
    }

    /// The ids of the request and of its audit record.
    pub fn ids(&self) -> (&str, &str) {
        (&self.call.request_id, &self.call.event_id)
    }

    /// The resource on whose behalf a service calls.
    pub fn source_arn(&self) -> Option<&'a str> {
        self.source.map(|(arn, _)| arn)
    }

    /// The service whose operation this is.
    pub(crate) fn service(&self) -> Option<&'static ServiceModel> {
        self.serving
    }

    /// What every call of the deployment shares.
    pub(crate) fn env(&self) -> &'a Env {
        self.env
    }

    /// Whether the caller was found to be allowed what it asks for.
    pub(crate) fn is_authorized(&self) -> bool {
        self.authorized
    }

    /// Who calls.
    pub fn caller(&self) -> &'a Caller {
        self.caller
    }

    /// The caller's account.
    pub fn account(&self) -> &'a str {
        self.caller.principal.account()
    }

    /// Whether a region is served: calls, and what they make, are in no other.
    pub fn serves(&self, region: &str) -> bool {
        self.env.regions.serve(region)
    }

    /// The region of the call.
    pub fn region(&self) -> &'a str {
        &self.call.region
    }

    /// The time of the call; it does not change while the call is served.
    pub fn now(&self) -> Timestamp {
        self.call.now
    }

    /// The time from which a waiting period counts before something irreversible: that of the call, unless the store knows that it is
    /// later. A clock that was set back must not make the period shorter.
    pub fn waits_from(&self) -> Timestamp {
        self.waits_from
    }

    /// The call's unchanging facts.
    pub fn call_facts(&self) -> &'a Call {
        self.call
    }

    /// The keyring.
    pub fn keyring(&self) -> &'a Keyring {
        &self.env.keyring
    }

    /// The source of randomness.
    pub fn random(&self) -> &'a dyn Random {
        &*self.env.random
    }

    /// Knows credentials, roles and policies.
    pub fn directory(&self) -> &'a dyn Directory {
        &*self.env.directory
    }

    /// Keys outside of KMS.
    pub fn key_stores(&self) -> &'a KeyStores {
        &self.env.key_stores
    }

    /// Writes what is to be there even if the call fails or its process ends: what has to be undone then. It is durable when this returns,
    /// and no part of the call's transaction.
    ///
    /// # Errors
    /// Unavailable, and what `write` says.
    pub fn beforehand(&self, write: impl FnOnce(&mut Tx<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        let mut tx = self.tx.another();
        write(&mut tx)?;
        self.aside(|| tx.commit_blocking())?
    }

    /// Names a resource in the audit record, by its CloudFormation type (`AWS::KMS::Key`) and ARN.
    pub fn touch(&mut self, kind: &'static str, arn: &str, account: &str) {
        let resource = Resource { kind, arn: arn.to_owned(), account: account.to_owned() };
        if !self.resources.contains(&resource) {
            self.resources.push(resource);
        }
    }

    /// Tells the audit record something that neither input nor output has: a member of `additionalEventData`.
    pub fn tell(&mut self, name: &str, value: Value) {
        let told = self.told.get_or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(members) = told {
            members.insert(name.to_owned(), value);
        }
    }

    /// Takes what the audit record was told.
    pub fn take_told(&mut self) -> Option<Value> {
        self.told.take()
    }

    /// Takes the audit records of calls of other services that failed. They are to be written whether the operation succeeds or not.
    pub fn take_failed(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.failed)
    }

    /// Records that a service did something by itself, such as rotating a key.
    pub fn emit(&mut self, event: ServiceEvent) {
        self.events.push(event);
    }

    /// Requires that the caller is allowed to do something.
    ///
    /// # Errors
    /// Denied, with the sentence that AWS gives.
    pub fn authorize(&mut self, access: &Access<'_>) -> Result<(), Fault> {
        self.authorize_or(access, |_| Ok(Granted::Not(Grants::default())))
    }

    /// As [`authorize`](Self::authorize), but where no policy decides, `granted` is asked whether something else allows it, such
    /// as a KMS grant. An explicit deny stands.
    ///
    /// # Errors
    /// Denied, with the sentence that AWS gives.
    pub fn authorize_or(
        &mut self,
        access: &Access<'_>,
        granted: impl FnOnce(&mut Self) -> Result<Granted, Fault>,
    ) -> Result<(), Fault> {
        if let Verdict::Denied { explicit, message } = self.decide(access, false)? {
            let found = if explicit { Granted::Not(Grants::default()) } else { granted(self)? };
            let grants = match found {
                Granted::Covered if self.decide(access, true)? == Verdict::Allowed => None,
                Granted::Covered => Some(Grants::default()),
                Granted::Not(grants) => Some(grants),
            };
            if let Some(grants) = grants {
                let denial = self.explain(access, &message, grants)?;
                let fault = Fault::denied(message);
                return Err(match denial {
                    Some(denial) => fault.explained(denial),
                    None => fault,
                });
            }
        }
        self.authorized = true;
        Ok(())
    }

    /// What the caller's and the resource's policies say, without consequences. `granted` tells that a grant covers the access.
    ///
    /// # Errors
    /// Unavailable, if policies cannot be read.
    pub fn decide(&mut self, access: &Access<'_>, granted: bool) -> Result<Verdict, Fault> {
        self.asking(access, granted, |request, policies, _| {
            let decision = policy::evaluate(request, policies, access.mode);
            if decision.allowed {
                return Verdict::Allowed;
            }
            let explicit = matches!(decision.reason, policy::Reason::ExplicitDeny { .. });
            let called = access.called.as_deref().unwrap_or(request.resource);
            let message = decision.message(&policy::Request { resource: called, ..*request });
            Verdict::Denied { explicit, message }
        })
    }

    /// Why policies deny an access: the slow way round, for denials only. None if more are waiting for that than are worth it.
    fn explain(
        &mut self,
        access: &Access<'_>,
        message: &str,
        grants: Grants,
    ) -> Result<Option<Denial>, Fault> {
        let mut names = self.env.directory.policy_names(&mut self.tx, self.caller)?;
        names.resource = access.policy.map(|_| {
            let kind = match access.mode {
                Mode::Standard => "resource policy",
                Mode::KmsKey => "key policy",
                Mode::AssumeRole => "trust policy",
            };
            PolicyName::own(format!("the {kind} of {}", access.resource))
        });
        let after = access.further.iter();
        let further = after.map(|(action, resource)| Further {
            action: (*action).to_owned(),
            resource: resource.clone().into_owned(),
        });
        let known = Known { names, resource: access.pattern.clone(), grants, further: further.collect() };
        let (call, caller, env) = (self.call, self.caller, self.env);
        self.asking(access, false, |request, policies, facts| {
            // Candidates for a change are many, and each is evaluated.
            env.aside_in_turn(|| {
                let explanation = policy::explain(request, policies, access.mode, &known);
                Denial::new(call, caller, request, facts.all(), message, explanation)
            })
        })?
    }

    /// Puts an access into the terms of the policy engine.
    fn asking<T>(
        &mut self,
        access: &Access<'_>,
        granted: bool,
        then: impl FnOnce(&policy::Request<'_>, &Policies<'_>, &Facts<'_>) -> T,
    ) -> Result<T, Fault> {
        let permissions = self.permissions()?;
        let mut facts = Facts::new(self.call, self.caller, &permissions.tags, access);
        facts.via = self.called_via;
        facts.source = self.source;
        let arn = self.caller.principal.arn();
        let role_arn = match &self.caller.principal {
            role @ Principal::Role { .. } => role.principal_arn(),
            _ => String::new(),
        };
        let request = policy::Request {
            action: access.action,
            resource: &access.resource,
            resource_account: access.account.unwrap_or_else(|| self.account()),
            principal: as_policy_principal(&self.caller.principal, &arn, &role_arn),
            context: &facts,
        };
        let boundary = match &permissions.boundary {
            Boundary::Unset => policy::Boundary::None,
            Boundary::Dangling => policy::Boundary::Dangling,
            Boundary::Set(policy) => policy::Boundary::Policy(policy),
        };
        let policies = Policies {
            identity: &permissions.identity,
            boundary,
            session: &permissions.session,
            resource: access.policy,
            grant: granted,
        };
        Ok(then(&request, &policies, &facts))
    }

    /// Declares that this operation needs no permission at all (`sts:GetCallerIdentity`, or what concerns only the caller).
    pub fn authorize_everyone(&mut self) {
        self.authorized = true;
    }

    /// The permissions of the caller.
    ///
    /// # Errors
    /// Denied, if the identity behind the caller no longer exists.
    pub fn permissions(&mut self) -> Result<Arc<Permissions>, Fault> {
        if let Some(permissions) = &self.permissions {
            return Ok(Arc::clone(permissions));
        }
        let found = self.env.directory.permissions(&mut self.tx, self.caller)?;
        let permissions = found.ok_or_else(|| {
            let message = "The security token included in the request is invalid.";
            Fault::new("InvalidClientTokenId", message)
        })?;
        self.permissions = Some(Arc::clone(&permissions));
        Ok(permissions)
    }

    /// Ends the operation: whether it authorized, what it touched, and its transaction.
    pub fn finish(self) -> (bool, Vec<Resource>, Vec<ServiceEvent>, Tx<'a>) {
        (self.authorized, self.resources, self.events, self.tx)
    }
}

fn as_policy_principal<'p>(
    principal: &'p Principal,
    arn: &'p str,
    role_arn: &'p str,
) -> policy::Principal<'p> {
    match principal {
        Principal::Anonymous => policy::Principal::Anonymous,
        Principal::Service { name } => policy::Principal::Service { name },
        Principal::Root { account } => policy::Principal::Root { account },
        Principal::User { account, id, .. } => policy::Principal::User { account, arn, id },
        Principal::Role { account, id, session, .. } => policy::Principal::RoleSession {
            account,
            session_arn: arn,
            role_arn,
            role_id: id,
            session_name: session,
        },
        Principal::Federated { account, issuer_id, issuer_arn, .. } => {
            policy::Principal::Federated { account, arn, user_arn: issuer_arn, user_id: issuer_id }
        }
    }
}
