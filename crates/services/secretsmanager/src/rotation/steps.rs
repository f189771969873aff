//! The course of a rotation: createSecret, setSecret, testSecret and finishSecret, one after the other with the same version.
//!
//! The secret's row says which step is next, so that a rotation goes on after a restart where it was. Each step may be done twice. All that a
//! step reads and writes goes through the operations of Secrets Manager, called by Secrets Manager itself on behalf of the secret: so it is
//! recorded, and KMS asks the key's policy.

use super::databases::{StepFailure, Values};
use super::{Course, Step};
use crate::SecretsManager;
use crate::api::{GetSecretValueRequest, PutSecretValueRequest, UpdateSecretVersionStageRequest, ops};
use crate::password;
use crate::secret::{self, KIND, Secret};
use crate::stages::{CURRENT, PENDING, PREVIOUS};
use platform::trail::{Resource, ServiceEvent};
use platform::{As, Blame, Cx, Failure, Fault, Job, Next, Outcome, Schedule, Task, Timer, Worker, ids};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The task of the timer that opens a window.
pub(crate) const OPEN: &str = "open-rotation-window";

/// The worker that does the steps. A database that can't be reached is tried again within the hour.
const ROTATE: Worker = Worker {
    schedule: Schedule {
        first: Duration::from_secs(5),
        longest: Duration::from_secs(10 * 60),
        attempts_max: 8,
        age_max: Duration::from_secs(60 * 60),
    },
    ..Worker::new("secretsmanager", "rotate")
};

/// All workers of Secrets Manager.
pub(crate) static WORKERS: [Worker; 1] = [ROTATE];

/// The work outside of the store of one step.
pub(crate) enum Work {
    /// There is none.
    Nothing,
    Set(Values),
    Test(Zeroizing<String>),
}

/// What follows a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Step,
    Over,
}

impl Secret {
    fn window_timer(&self, at: i64) -> Timer {
        Timer {
            at,
            service: "secretsmanager".to_owned(),
            account: self.account.clone(),
            region: self.region.clone(),
            task: OPEN.to_owned(),
            subject: self.subject(),
        }
    }

    fn subject(&self) -> String {
        format!("{}-{}", self.name, self.suffix)
    }

    /// Sets the timer of the next window, in place of the one that was set.
    pub(crate) fn plan(&mut self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        self.clear_window(cx)?;
        let Some(rotation) = self.rotation.as_mut().filter(|rotation| rotation.enabled) else {
            return Ok(());
        };
        let now = cx.now().0;
        rotation.next = rotation.rules.next(rotation.last.unwrap_or(0).max(rotation.since), now)?;
        match rotation.next {
            Some(window) => self.window_timer(window.opens).set(&mut cx.tx),
            None => Ok(()),
        }
    }

    /// Counts a new value as a rotation, where the schedule counts days from the last one (API Reference, `RotationRulesType`).
    pub(crate) fn replaced_by_hand(&mut self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        match self.rotation.as_mut().filter(|rotation| rotation.enabled && rotation.rules.count_days()) {
            Some(rotation) => {
                rotation.since = cx.now().0;
                self.plan(cx)
            }
            None => Ok(()),
        }
    }

    /// Takes the timer of the next window away.
    pub(crate) fn clear_window(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        match self.rotation.as_ref().and_then(|rotation| rotation.next) {
            Some(window) => self.window_timer(window.opens).clear(&mut cx.tx),
            None => Ok(()),
        }
    }

    /// Has the steps done, after those of rotations before.
    pub(crate) fn enqueue(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        let Some((_, course)) = self.course() else { return Ok(()) };
        let task = ROTATE.task(cx, &self.account, &self.region, &self.subject());
        task.named(&course.token).in_lane(&self.arn()).with(payload(course)?).enqueue(&mut cx.tx)
    }

    /// Begins a rotation: the version is there, and has its label, before it has a value.
    pub(crate) fn begin(&mut self, cx: &mut Cx<'_>, token: &str) -> Result<(), Fault> {
        if self.versions.get(token).is_none() {
            self.versions.add(token, cx.now().0, None);
        }
        self.versions.attach(PENDING, token)?;
        self.run(cx, token, Step::CreateSecret, "RotationStarted");
        Ok(())
    }

    /// Begins a test of the configuration, which leaves the versions as they are.
    pub(crate) fn begin_test(&mut self, cx: &mut Cx<'_>, token: &str) {
        self.run(cx, token, Step::TestOnly, "TestRotationStarted");
    }

    fn run(&mut self, cx: &mut Cx<'_>, token: &str, step: Step, event: &'static str) {
        if let Some(rotation) = &mut self.rotation {
            rotation.course = Some(Course { token: token.to_owned(), step });
        }
        self.tell(cx, event, token, None);
    }

    /// Records what became of a rotation (Secrets Manager User Guide, "AWS CloudTrail entries for Secrets Manager").
    fn tell(&self, cx: &mut Cx<'_>, name: &'static str, token: &str, failure: Option<&str>) {
        let resource = Resource { kind: KIND, arn: self.arn(), account: self.account.clone() };
        let function = self.rotation.as_ref().and_then(|rotation| rotation.function.as_deref());
        let mut details = json!({ "clientRequestToken": token, "rotationLambdaArn": function });
        if let (Some(failure), Some(members)) = (failure, details.as_object_mut()) {
            members.insert("error".to_owned(), failure.into());
        }
        cx.emit(ServiceEvent { name, resource, details });
    }

    fn course(&self) -> Option<(&str, &Course)> {
        let rotation = self.rotation.as_ref().filter(|rotation| rotation.enabled)?;
        Some((rotation.function.as_deref()?, rotation.course.as_ref()?))
    }
}

/// The secret of a task, if it is still there.
fn subject(cx: &mut Cx<'_>, account: &str, region: &str, subject: &str) -> Result<Option<Secret>, Fault> {
    let Some((name, suffix)) = subject.rsplit_once('-') else { return Ok(None) };
    let found = secret::at(&mut cx.tx, account, region, name)?;
    let found = found.filter(|secret| secret.suffix == suffix && secret.deletion.is_none());
    Ok(found.map(|secret| Secret::clone(&secret)))
}

/// Begins the rotation of a window that has opened. One that was not finished before goes on with its version.
pub(crate) fn open(cx: &mut Cx<'_>, timer: &Timer) -> Result<(), Fault> {
    let Some(mut secret) = subject(cx, &timer.account, &timer.region, &timer.subject)? else { return Ok(()) };
    let due = secret.rotation.as_ref().is_some_and(|rotation| {
        rotation.enabled
            && rotation.course.is_none()
            && rotation.next.is_some_and(|next| next.opens <= cx.now().0)
    });
    if !due {
        return Ok(());
    }
    let pending = secret.versions.at(PENDING).filter(|_| secret.is_rotating()).map(str::to_owned);
    let token = pending.unwrap_or_else(|| ids::uuid(cx.random()));
    secret.begin(cx, &token)?;
    secret.save(cx)?;
    secret.enqueue(cx)
}

impl SecretsManager {
    /// Reads what the next step needs, and hands out the part of it that reaches the database.
    pub(crate) fn begin_step(&self, cx: &mut Cx<'_>, task: &Task) -> Result<Option<Job>, Fault> {
        let work = match self.prepare(cx, task).map_err(as_failure) {
            Ok(None) => return Ok(None),
            Ok(Some(work)) => Ok(work),
            Err(failure) => Err(failure?),
        };
        let databases = Arc::clone(&self.databases);
        Ok(Some(Job::blocking(move || {
            let done = work.and_then(|(function, work)| match work {
                Work::Nothing => Ok(()),
                Work::Set(values) => databases.set(&function, &values),
                Work::Test(value) => databases.test(&function, &value),
            });
            done.map(|()| Value::Null).map_err(|StepFailure { message, may_pass }| {
                let failure = Failure::new("RotationStepFailed", message);
                if may_pass { failure } else { failure.permanent() }
            })
        })))
    }

    /// Takes in what came of an attempt at a step.
    pub(crate) fn settle_step(&self, cx: &mut Cx<'_>, task: &Task, outcome: &Outcome) -> Result<Next, Fault> {
        let result = match outcome {
            Outcome::Done(_) => Ok(()),
            Outcome::Failed(_) => return Ok(Next::Again),
            Outcome::Over(failure) => Err(StepFailure { message: failure.message.clone(), may_pass: false }),
        };
        if self.conclude(cx, task, result.as_ref().copied())? == Then::Over {
            return Ok(Next::Done);
        }
        let secret = subject(cx, &task.account, &task.region, &task.subject)?;
        match secret.as_ref().and_then(Secret::course) {
            Some((_, course)) => Ok(Next::Step { payload: payload(course)?, at: cx.now().0 }),
            None => Ok(Next::Done),
        }
    }

    /// Reads what the next step of a secret's rotation needs; none if there is no next step.
    fn prepare(&self, cx: &mut Cx<'_>, task: &Task) -> Result<Option<(String, Work)>, Fault> {
        let Some(secret) = subject(cx, &task.account, &task.region, &task.subject)? else { return Ok(None) };
        let Some((function, course)) = secret.course().filter(|(_, course)| is_of(task, course)) else {
            return Ok(None);
        };
        let name = super::functions::name(function).to_owned();
        let work = match course.step {
            Step::CreateSecret => Work::Nothing,
            Step::SetSecret => {
                let current = value(cx, &secret, &secret.arn(), CURRENT)?;
                let master = match self.databases().knows(&name) {
                    Some(true) => {
                        let arn = self.databases().master(&current);
                        arn.map(|arn| value(cx, &secret, &arn, CURRENT)).transpose()?
                    }
                    _ => None,
                };
                let previous = match secret.versions.at(PREVIOUS) {
                    Some(_) => Some(value(cx, &secret, &secret.arn(), PREVIOUS)?),
                    None => None,
                };
                let pending = value(cx, &secret, &secret.arn(), PENDING)?;
                Work::Set(Values { current, pending, previous, master })
            }
            Step::TestSecret => Work::Test(value(cx, &secret, &secret.arn(), PENDING)?),
            Step::TestOnly => Work::Test(value(cx, &secret, &secret.arn(), CURRENT)?),
        };
        Ok(Some((name, work)))
    }

    /// Takes in what came of a step.
    ///
    /// # Errors
    /// A failure that is not the last attempt's leaves all as it was.
    fn conclude(
        &self,
        cx: &mut Cx<'_>,
        task: &Task,
        result: Result<(), &StepFailure>,
    ) -> Result<Then, Fault> {
        let Some(secret) = subject(cx, &task.account, &task.region, &task.subject)? else {
            return Ok(Then::Over);
        };
        let Some((function, course)) = secret.course().filter(|(_, course)| is_of(task, course)) else {
            return Ok(Then::Over);
        };
        let (function, course) = (super::functions::name(function).to_owned(), course.clone());
        if let Err(failure) = result {
            return fail(cx, secret, &course, &failure.message);
        }
        match course.step {
            Step::CreateSecret => match self.create(cx, &secret, &function, &course.token) {
                Ok(()) => go_on(cx, task, Some(Step::SetSecret)),
                Err(Unmade::Failure(failure)) => fail(cx, secret, &course, &failure.message),
                Err(Unmade::Fault(fault)) => fail(cx, secret, &course, &as_failure(fault)?.message),
            },
            Step::SetSecret => go_on(cx, task, Some(Step::TestSecret)),
            Step::TestSecret => finish(cx, task, &secret, &course.token),
            Step::TestOnly => {
                secret.tell(cx, "TestRotationSucceeded", &course.token, None);
                go_on(cx, task, None)
            }
        }
    }

    /// createSecret: makes the pending value, unless an earlier attempt has.
    fn create(&self, cx: &mut Cx<'_>, secret: &Secret, function: &str, token: &str) -> Result<(), Unmade> {
        if secret.versions.get(token).is_some_and(|version| version.key.is_some()) {
            return Ok(());
        }
        let current = value(cx, secret, &secret.arn(), CURRENT)?;
        let password = password::for_database(cx)?;
        let made = self.databases().create(function, &current, &password);
        let made = made.map_err(Unmade::Failure)?;
        let input = PutSecretValueRequest {
            secret_id: secret.arn(),
            client_request_token: Some(token.to_owned()),
            secret_string: Some(made.as_str().to_owned()),
            version_stages: Some(vec![PENDING.to_owned()]),
            ..PutSecretValueRequest::default()
        };
        cx.call::<ops::PutSecretValue>(itself(&secret.arn(), &secret.account), &input)?;
        Ok(())
    }
}

/// The details of a task that does a step.
fn payload(course: &Course) -> Result<Value, Fault> {
    serde_json::to_value(course).map_err(|error| Fault::bug(format!("a step: {error}")))
}

/// Whether a task is that of a step: a rotation may have been cancelled, and another begun, while an attempt ran.
fn is_of(task: &Task, course: &Course) -> bool {
    serde_json::from_value::<Course>(task.payload.clone()).is_ok_and(|of| of == *course)
}

/// Why createSecret made no value.
enum Unmade {
    Failure(StepFailure),
    Fault(Fault),
}

impl From<Fault> for Unmade {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn itself<'a>(source_arn: &'a str, source_account: &'a str) -> As<'a> {
    As::Service { source_arn, source_account }
}

/// A value, read by Secrets Manager on behalf of the secret that is rotated.
fn value(cx: &mut Cx<'_>, secret: &Secret, arn: &str, stage: &str) -> Result<Zeroizing<String>, Fault> {
    let input = GetSecretValueRequest {
        secret_id: arn.to_owned(),
        version_stage: Some(stage.to_owned()),
        ..GetSecretValueRequest::default()
    };
    let got = cx.call::<ops::GetSecretValue>(itself(&secret.arn(), &secret.account), &input)?;
    let text = got.secret_string.map(Zeroizing::new);
    text.ok_or_else(|| crate::errors::invalid_request("The value is not a SecretString."))
}

/// Writes the next step, or that there is none.
fn go_on(cx: &mut Cx<'_>, task: &Task, next: Option<Step>) -> Result<Then, Fault> {
    let Some(mut secret) = subject(cx, &task.account, &task.region, &task.subject)? else {
        return Ok(Then::Over);
    };
    if let Some(rotation) = &mut secret.rotation {
        rotation.course = match (next, rotation.course.take()) {
            (Some(step), Some(course)) => Some(Course { step, ..course }),
            _ => None,
        };
    }
    secret.put(cx)?;
    Ok(if next.is_some() { Then::Step } else { Then::Over })
}

/// finishSecret: the pending version becomes the current one.
fn finish(cx: &mut Cx<'_>, task: &Task, secret: &Secret, token: &str) -> Result<Then, Fault> {
    let current = secret.versions.at(CURRENT).filter(|current| *current != token).map(str::to_owned);
    let arn = secret.arn();
    let input = UpdateSecretVersionStageRequest {
        secret_id: arn.clone(),
        version_stage: CURRENT.to_owned(),
        move_to_version_id: Some(token.to_owned()),
        remove_from_version_id: current,
    };
    cx.call::<ops::UpdateSecretVersionStage>(itself(&arn, &secret.account), &input)?;
    let Some(mut secret) = subject(cx, &task.account, &task.region, &task.subject)? else {
        return Ok(Then::Over);
    };
    secret.versions.detach(PENDING);
    if let Some(rotation) = &mut secret.rotation {
        rotation.course = None;
        rotation.last = Some(cx.now().0);
    }
    secret.plan(cx)?;
    secret.tell(cx, "RotationSucceeded", token, None);
    secret.save(cx)?;
    Ok(Then::Over)
}

/// Ends a rotation that failed. The secret stays usable with its current version; AWSPENDING stays, and the next window goes on with it.
fn fail(cx: &mut Cx<'_>, mut secret: Secret, course: &Course, message: &str) -> Result<Then, Fault> {
    let event = if course.step == Step::TestOnly { "TestRotationFailed" } else { "RotationFailed" };
    secret.tell(cx, event, &course.token, Some(message));
    if let Some(rotation) = &mut secret.rotation {
        rotation.course = None;
        rotation.since = cx.now().0;
    }
    if course.step != Step::TestOnly {
        secret.plan(cx)?;
    }
    secret.put(cx)?;
    Ok(Then::Over)
}

/// The failure that a refused call is, if it is one: others are the deployment's own.
pub(crate) fn as_failure(fault: Fault) -> Result<StepFailure, Fault> {
    match fault.blame() {
        Blame::Sender => Ok(StepFailure { message: fault.message().to_owned(), may_pass: false }),
        Blame::Denied => Ok(StepFailure { message: fault.message().to_owned(), may_pass: true }),
        _ => Err(fault),
    }
}
