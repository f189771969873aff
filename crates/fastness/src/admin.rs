//! Commands that reach a running server through its operator's channel.

use crate::changes::{self, Given, KeyText, New, Plan};
use crate::deployment::Data;
use crate::exit::Exit;
use crate::opening::{Opening, Unopened};
use crate::operators;
use crate::progress::{Progress, store_bytes};
use crate::refusals::Refusals;
use crate::{Failure, backup, clock, failure, proxy_keys, root_key, tasks, trail, verify, why};
use keyring::{Keyring, Kind, Passphrase};
use seals::{Share, Shares};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use server::{Commands, Gate, Operator, Refusal, SealError};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};
use zeroize::Zeroizing;

/// How long a server may take over a command: a backup of very much data.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// The longest request id that is looked for, in bytes; those made here have 36.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// A command, as it goes over the channel. Also those without members are structs: only so does serde refuse members that it does
/// not know.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Command {
    /// Tells the state of the server.
    Status {},
    /// Lets go of all keys.
    Seal {},
    /// Opens the keyring as the configuration says.
    Unseal {},
    /// Opens the keyring with a passphrase.
    UnsealWithPassphrase { passphrase: Zeroizing<String> },
    /// Tells whether the clock is believed, and has it believed if that is asked for.
    Clock { confirm: bool },
    /// Makes a new access key of the root user, sealed by who can open the keyring.
    NewRootKey { sealed: String, replace: Option<String> },
    /// Tells whether an access key may be used.
    AccessKeyState { id: String },
    /// Tells what is known of a request.
    Why { request_id: String },
    /// Tells what is known of the newest denial that is wanted.
    WhyLast { user: Option<String>, action: Option<String> },
    /// Lists the newest denials that are wanted.
    Denials { user: Option<String>, action: Option<String>, limit: u16 },
    /// Opens the keyring with a key file.
    UnsealWithKey { key: KeyText },
    /// Opens the keyring with a share and those given before, once they are enough.
    UnsealWithShare { share: Zeroizing<String> },
    /// Adds slots to the keyring.
    AddSlots { given: Given, new: New },
    /// Removes a slot of the keyring.
    RemoveSlot { given: Given, number: u32 },
    /// Gives the keyring a new root key.
    Rekey { given: Given, new: New, drop: BTreeSet<u32> },
    /// Writes a backup.
    Backup { to: PathBuf },
    /// Walks everything that is stored.
    Verify { contains: Vec<String> },
    /// Begins an export of the trail.
    ExportTrail { from: u64, to: String },
    /// Tells a part of the trail, to an export that has begun.
    TrailPage { session: String, from: u64 },
    /// Makes a key by which an external key store calls this deployment as its proxy.
    CreateProxyKey { user: String },
    /// Lists such keys.
    ProxyKeys {},
    /// Lets such a key be used, or not.
    SetProxyKeyActive { id: String, active: bool },
    /// Removes such a key.
    DeleteProxyKey { id: String },
    /// Tells what waits to be done, and what failed.
    Tasks {},
    /// Has a task that failed tried again.
    RetryTask { id: String },
    /// Puts an end to a task that failed.
    DiscardTask { id: String },
}

/// Sends a command to the server of a data directory and waits for its answer.
pub(crate) fn ask(data: &Data, command: &Command) -> Result<Value, Failure> {
    ask_with(data, command, None)
}

/// Has the server of a deployment obey, or does the same here with a deployment that nobody serves.
pub(crate) fn ask_or_open(
    opening: &Opening,
    open: impl FnOnce() -> Result<Arc<server::Deployment>, Failure>,
    command: &Command,
    work: impl AsyncFnOnce(&server::Deployment) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    let Some(_claim) = opening.data.claim_unless_served()? else { return ask(&opening.data, command) };
    let deployment = open()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let answer = runtime.block_on(work(&deployment));
    if let Some(deployment) = Arc::into_inner(deployment) {
        runtime.block_on(deployment.close())?;
    }
    answer
}

/// Sends a command, with an open file if it takes one, to the server of a data directory and waits for its answer.
pub(crate) fn ask_with(data: &Data, command: &Command, file: Option<&File>) -> Result<Value, Failure> {
    let path = data.admin_socket();
    let absent = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
            let nothing = matches!(data.describe(), Ok(None));
            let what = if nothing {
                data.absent()
            } else {
                "no server is running here: start `fastness serve`".to_owned()
            };
            failure(data.path().display(), what).with(Exit::Absent)
        }
        _ => failure(path.display(), error),
    };
    let mut stream = UnixStream::connect(server::reachable(&path).map_err(absent)?.path()).map_err(absent)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = Zeroizing::new(serde_json::to_vec(command)?);
    line.push(b'\n');
    let sent = match file {
        Some(file) => server::send_with_file(&stream, &line, file)?,
        None => 0,
    };
    stream.write_all(line.get(sent..).unwrap_or_default())?;
    let mut answer = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut answer)?;
    let mut answer: Value =
        serde_json::from_str(&answer).map_err(|_| Failure("the server ended before it answered".into()))?;
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => {
            let exit = answer.get("exit").and_then(Value::as_u64).unwrap_or_default();
            Err(Failure(error.to_owned()).with(Exit::numbered(exit)))
        }
        None => Ok(answer.get_mut("ok").map(Value::take).unwrap_or_default()),
    }
}

/// The running server, as its operator commands it.
pub(crate) struct Commanded {
    pub(crate) gate: Arc<Gate>,
    pub(crate) opening: Opening,
    /// Commands that change the state of the seal, or what opens it, come one after the other. The shares that were given so far.
    sealing: Mutex<Shares>,
    /// Told when the deployment was sealed.
    pub(crate) sealed: Notify,
    /// Whether that has been told: then this process is about to start anew, and takes no more commands.
    pub(crate) ending: AtomicBool,
    refusals: Refusals,
    /// The exports of the trail that have begun.
    pub(crate) exports: trail::Sessions,
}

impl Commands for Commanded {
    async fn run(&self, command: &[u8], file: Option<File>, by: Operator) -> Result<Value, Refusal> {
        if self.ending.load(Ordering::Relaxed) {
            return Err(Refusal::from("the server is starting anew".to_owned()));
        }
        match serde_json::from_slice(command) {
            Ok(command) => {
                let done = self.obey(&command, file, by).await;
                done.map_err(|Failure { message, exit }| Refusal { message, exit: exit as u8 })
            }
            Err(error) => {
                // The error may repeat what came, which may be a secret.
                self.refused("it is not a command", by).await;
                Err(Refusal::from(format!("not a command: {error}")))
            }
        }
    }

    async fn refused(&self, why: &'static str, by: Operator) {
        self.refusals.record(self.gate.deployment().as_deref(), by, "unknown", why).await;
    }
}

impl Command {
    /// Its name, for records.
    fn name(&self) -> &'static str {
        match self {
            Self::Status {} => "status",
            Self::Seal {} => "seal",
            Self::Unseal {}
            | Self::UnsealWithPassphrase { .. }
            | Self::UnsealWithKey { .. }
            | Self::UnsealWithShare { .. } => "unseal",
            Self::Clock { .. } => "clock",
            Self::NewRootKey { .. } => "root-access-key",
            Self::AccessKeyState { .. } => "env",
            Self::Why { .. } | Self::WhyLast { .. } | Self::Denials { .. } => "why",
            Self::ExportTrail { .. } | Self::TrailPage { .. } => "trail export",
            Self::AddSlots { .. } => "slots add",
            Self::RemoveSlot { .. } => "slots remove",
            Self::Rekey { .. } => "rekey",
            Self::Backup { .. } => "backup",
            Self::Verify { .. } => "verify",
            Self::CreateProxyKey { .. } => "xks create",
            Self::ProxyKeys {} => "xks list",
            Self::SetProxyKeyActive { active: true, .. } => "xks enable",
            Self::SetProxyKeyActive { active: false, .. } => "xks disable",
            Self::DeleteProxyKey { .. } => "xks delete",
            Self::Tasks {} => "tasks",
            Self::RetryTask { .. } => "tasks retry",
            Self::DiscardTask { .. } => "tasks discard",
        }
    }
}

impl Commanded {
    /// The server behind a gate.
    pub(crate) fn new(gate: Arc<Gate>, opening: Opening) -> Self {
        let (sealing, sealed, ending) = (Mutex::default(), Notify::new(), AtomicBool::new(false));
        let (refusals, exports) = (Refusals::default(), trail::Sessions::default());
        Self { gate, opening, sealing, sealed, ending, refusals, exports }
    }

    /// Does what a command asks. A refusal, or failure, is recorded.
    pub(crate) async fn obey(
        &self,
        command: &Command,
        file: Option<File>,
        by: Operator,
    ) -> Result<Value, Failure> {
        let done = self.carry_out(command, file, by).await;
        if let Err(Failure { message: cause, .. }) = &done {
            self.refusals.record(self.gate.deployment().as_deref(), by, command.name(), cause).await;
        }
        done
    }

    async fn carry_out(&self, command: &Command, file: Option<File>, by: Operator) -> Result<Value, Failure> {
        match command {
            Command::Status {} => Ok(self.status()),
            Command::NewRootKey { sealed, replace } => {
                let deployment = self.opened()?;
                root_key::make(&deployment, &self.opening, sealed, replace.as_deref(), said_by(by)).await
            }
            Command::AccessKeyState { id } => root_key::state(&*self.opened()?, id),
            Command::Clock { confirm } => clock::tell(&*self.opened()?, *confirm, said_by(by)).await,
            Command::Seal {} => self.seal(by).await,
            Command::Backup { to } => self.backup(by, to, file).await,
            Command::Verify { contains } => self.verify(by, contains, file).await,
            Command::Why { request_id } => explain(&*self.opened()?, request_id, Some(by)).await,
            Command::WhyLast { user, action } => {
                why::last(&*self.opened()?, user.as_ref(), action.as_ref(), said_by(by)).await
            }
            Command::Denials { user, action, limit } => {
                why::denials(&*self.opened()?, user.as_ref(), action.as_ref(), *limit, said_by(by)).await
            }
            Command::ExportTrail { from, to } => {
                trail::begin(&*self.opened()?, &self.exports, *from, to, said_by(by)).await
            }
            Command::TrailPage { session, from } => {
                trail::page(&*self.opened()?, &self.exports, session, *from).await
            }
            Command::CreateProxyKey { user } => {
                proxy_keys::create(&*self.opened()?, &self.opening.description.account, user, said_by(by))
                    .await
            }
            Command::ProxyKeys {} => proxy_keys::list(&*self.opened()?, said_by(by)).await,
            Command::SetProxyKeyActive { id, active } => {
                proxy_keys::set_active(&*self.opened()?, id, *active, said_by(by)).await
            }
            Command::DeleteProxyKey { id } => proxy_keys::delete(&*self.opened()?, id, said_by(by)).await,
            Command::Tasks {} => tasks::list(&*self.opened()?, said_by(by)).await,
            Command::RetryTask { id } => tasks::retry(&*self.opened()?, id, said_by(by)).await,
            Command::DiscardTask { id } => tasks::discard(&*self.opened()?, id, said_by(by)).await,
            Command::Unseal {} => self.unseal(by, |opening, _| opening.configured()).await,
            Command::UnsealWithPassphrase { passphrase } => {
                let bytes = Zeroizing::new(passphrase.as_bytes().to_vec());
                self.unseal(by, |opening, _| opening.with(&Passphrase::new(bytes))).await
            }
            Command::UnsealWithKey { key } => {
                let seal = key.seal()?;
                self.unseal(by, |opening, _| opening.with(&*seal)).await
            }
            Command::UnsealWithShare { share } => self.unseal_with_share(by, share).await,
            Command::AddSlots { new, .. } => {
                self.change(
                    by,
                    "AddSlots",
                    || Ok(((), json!({}))),
                    |keyring, ()| changes::add(keyring, &self.opening, new),
                )
                .await
            }
            Command::RemoveSlot { number, .. } => {
                let remove =
                    |keyring: &Keyring, _: &()| Ok(keyring.remove_slot(*number).map(|()| json!({}))?);
                self.change(by, "RemoveSlot", || Ok(((), json!({ "slot": number }))), remove).await
            }
            Command::Rekey { given, new, drop } => {
                let plan = || {
                    let plan = Plan::make(&self.opening, given, new, drop)?;
                    let details = plan.details();
                    Ok((plan, details))
                };
                self.change(by, "Rekey", plan, |keyring, plan| plan.carry_out(keyring, &self.opening)).await
            }
        }
    }

    /// Changes what opens the keyring: what is planned is recorded before it is done.
    async fn change<P>(
        &self,
        by: Operator,
        name: &'static str,
        plan: impl FnOnce() -> Result<(P, Value), Failure>,
        carry_out: impl FnOnce(&Keyring, &P) -> Result<Value, Failure>,
    ) -> Result<Value, Failure> {
        let _sealing = self.sealing.lock().await;
        let deployment = self.opened()?;
        let (plan, planned) = tokio::task::block_in_place(plan)?;
        let mut details = said_by(by);
        merge(&mut details, planned);
        let recorded = deployment.record_operator(name, details).await;
        recorded.map_err(|fault| Failure(fault.for_operator()))?;
        tracing::warn!(uid = by.uid, "{name}: what opens the keyring changes");
        tokio::task::block_in_place(|| carry_out(&deployment.env().keyring, &plan))
    }

    /// Takes one share. What opens with enough of them opens; if it does not, all are forgotten, as nothing tells which was wrong.
    async fn unseal_with_share(&self, by: Operator, text: &str) -> Result<Value, Failure> {
        let progress = {
            let mut shares = self.sealing.lock().await;
            if self.gate.deployment().is_some() {
                return Err(Failure("it is not sealed".to_owned()));
            }
            self.require_own(&Share::parse(text)?)?;
            shares.add(text)?
        };
        tracing::info!(uid = by.uid, given = progress.given, needed = progress.needed, "a share was given");
        if progress.given < progress.needed {
            return Ok(json!({ "sealed": true, "given": progress.given, "needed": progress.needed }));
        }
        let open = |opening: &Opening, shares: &mut Shares| {
            let seal = std::mem::take(shares).combine().map_err(|error| Unopened::Seal(error.to_string()))?;
            opening.with(&seal)
        };
        self.unseal(by, open).await
    }

    /// Refuses a share that opens nothing here, such as one from before a new root key: with it among them, the right ones would not be taken.
    fn require_own(&self, share: &Share) -> Result<(), Failure> {
        let slots = Keyring::inspect(&self.opening.data.keyring())?.slots;
        if slots.iter().any(|slot| share.is_for(&slot.wrapping)) {
            return Ok(());
        }
        let none = slots.iter().all(|slot| slot.kind() != Kind::Shamir);
        let why =
            if none { "it has no slot of kind shamir" } else { "`fastness status` tells which sets do" };
        let why = format!("shares of set {} do not open this deployment: {why}", share.set());
        Err(Failure(why).with(Exit::Locked))
    }

    fn opened(&self) -> Result<Arc<server::Deployment>, Failure> {
        self.gate.deployment().ok_or_else(sealed)
    }

    fn status(&self) -> Value {
        let mut status = json!({ "sealed": true, "pid": std::process::id() });
        if let Some(deployment) = self.gate.deployment() {
            let clock = deployment.moment().ok().map(clock::Told::from);
            let (room, failed) = deployment.room();
            let disk = json!({
                "failed": failed, "full": room.is_short(), "free": room.free, "reserve": room.reserve,
            });
            merge(&mut status, json!({ "sealed": false, "clock": clock, "disk": disk }));
        }
        status
    }

    async fn backup(&self, by: Operator, to: &Path, file: Option<File>) -> Result<Value, Failure> {
        let deployment = self.opened()?;
        let file = file.ok_or_else(|| Failure("no open file came with the command".into()))?;
        let stop = || self.gate.deployment().is_none();
        let head = backup::make(&deployment, &self.opening, to, &file, said_by(by), &stop).await?;
        tracing::info!(uid = by.uid, to = %to.display(), head, "backed up");
        Ok(json!({ "head": head }))
    }

    async fn verify(&self, by: Operator, contains: &[String], pipe: Option<File>) -> Result<Value, Failure> {
        let deployment = self.opened()?;
        deployment
            .record_operator("Verify", said_by(by))
            .await
            .map_err(|fault| Failure(fault.for_operator()))?;
        let stop = || self.gate.deployment().is_none();
        let progress = Progress::piped(pipe, store_bytes(&self.opening.data.store()));
        let verified =
            verify::verify_running(&deployment, &self.opening.data, contains, &progress, &stop).await?;
        Ok(serde_json::to_value(verified)?)
    }

    async fn seal(&self, by: Operator) -> Result<Value, Failure> {
        let _sealing = self.sealing.lock().await;
        let deployment = self.gate.deployment().ok_or(SealError::Sealed)?;
        // A store that has failed must not keep anybody from sealing.
        let recorded = deployment.record_operator("Seal", said_by(by)).await;
        let recorded = recorded.map_err(|fault| format!("it is not in the trail: {}", fault.for_operator()));
        drop(deployment);
        tracing::warn!(uid = by.uid, "sealing: no more calls are served");
        let sealed = self.gate.seal().await.map_err(|error| error.to_string());
        // Whatever came of it, the process starts anew.
        self.ending.store(true, Ordering::Relaxed);
        self.sealed.notify_one();
        let amiss: Vec<_> = [recorded.err(), sealed.err()].into_iter().flatten().collect();
        for amiss in &amiss {
            tracing::error!(uid = by.uid, "sealed, but {amiss}");
        }
        Ok(json!({ "amiss": amiss }))
    }

    async fn unseal(
        &self,
        by: Operator,
        open: impl FnOnce(&Opening, &mut Shares) -> Result<Arc<server::Deployment>, Unopened>,
    ) -> Result<Value, Failure> {
        let mut shares = self.sealing.lock().await;
        if self.gate.deployment().is_some() {
            return Err(Failure("it is not sealed".to_owned()));
        }
        // Argon2id, or a device, takes its time.
        let deployment =
            tokio::task::block_in_place(|| open(&self.opening, &mut shares)).map_err(Failure::from)?;
        self.refusals.record_waiting(&deployment).await;
        let recorded = deployment.record_operator("Unseal", said_by(by)).await;
        recorded.map_err(|fault| Failure(fault.for_operator()))?;
        self.gate.open(deployment).map_err(|_| Failure("it is not sealed".to_owned()))?;
        *shares = Shares::default();
        tracing::info!(uid = by.uid, "unsealed");
        Ok(self.status())
    }
}

/// What is known of a request. That it was asked is recorded, with who asked.
pub(crate) async fn explain(
    deployment: &server::Deployment,
    request_id: &str,
    by: Option<Operator>,
) -> Result<Value, Failure> {
    if request_id.len() > REQUEST_ID_BYTES_MAX {
        return Err(Failure("that is no request id: it is too long".to_owned()));
    }
    let mut details = by.map_or_else(|| json!({}), said_by);
    if let Some(details) = details.as_object_mut() {
        details.insert("requestId".to_owned(), request_id.into());
    }
    let recorded = deployment.record_operator("ExplainRequest", details).await;
    recorded.map_err(|fault| Failure(fault.for_operator()))?;
    // The whole trail may have to be read.
    let known = tokio::task::block_in_place(|| deployment.explain_request(request_id));
    known.map_err(|fault| Failure(fault.for_operator()))
}

/// A fault in words for an operator.
pub(crate) fn words(fault: platform::Fault) -> Failure {
    let context = fault.for_operator();
    Failure(if context.is_empty() { fault.message().to_owned() } else { context })
}

pub(crate) fn sealed() -> Failure {
    Failure("it is sealed: unseal it first, with `fastness unseal`".to_owned()).with(Exit::Sealed)
}

/// Who gave a command, for its record.
pub(crate) fn said_by(by: Operator) -> Value {
    json!({ "operator": { "uid": by.uid, "pid": by.pid, "name": operators::name(by.uid) } })
}

/// Adds the members of an object to another's.
pub(crate) fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}
