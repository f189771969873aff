//! `fastness tasks`: what waits to be done, what failed and why, and an operator's word about it.

use crate::admin::{Command, ask_or_open, said_by, words};
use crate::args::{Place, TasksArgs, TasksCommand};
use crate::changes::oneself;
use crate::exit::Exit;
use crate::opening::Opening;
use crate::output::{self, harmless};
use crate::{Failure, failure};
use serde::Deserialize as _;
use serde_json::{Value, json};
use server::{Deployment, Heeded, TaskList, TaskSeen, TaskState};
use std::io::Write as _;
use std::process::ExitCode;

pub(crate) fn run(args: &TasksArgs) -> Result<ExitCode, Failure> {
    let by = said_by(oneself()?);
    match &args.command {
        None => print(&args.place, args.shares, by)?,
        Some(TasksCommand::List(args)) => print(&args.place, args.shares, by)?,
        Some(TasksCommand::Retry(args)) => {
            let command = Command::RetryTask { id: args.id.clone() };
            ask(&args.place, args.shares, &command, async |deployment| {
                retry(deployment, &args.id, by).await
            })?;
        }
        Some(TasksCommand::Discard(args)) => {
            let command = Command::DiscardTask { id: args.id.clone() };
            ask(&args.place, args.shares, &command, async |deployment| {
                discard(deployment, &args.id, by).await
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(
    place: &Place,
    shares: bool,
    command: &Command,
    work: impl AsyncFnOnce(&Deployment) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    let opening = Opening::locate(place)?;
    ask_or_open(&opening, || opening.configured_or_by_shares(shares), command, work)
}

fn print(place: &Place, shares: bool, by: Value) -> Result<(), Failure> {
    let answer = ask(place, shares, &Command::Tasks {}, async |deployment| list(deployment, by).await)?;
    let told = TaskList::deserialize(&answer)?;
    output::print(
        || answer.clone(),
        |out| {
            if told.tasks.is_empty() {
                writeln!(out, "Nothing waits, and nothing has failed.")?;
            }
            for task in &told.tasks {
                writeln!(out, "{}", line(task))?;
                if let Some(message) = &task.message {
                    let code = task.error.as_deref().unwrap_or("-");
                    writeln!(out, "    {}: {}", harmless(code), harmless(&message.replace('\n', " ")))?;
                }
            }
            if told.more {
                writeln!(out, "There are more.")?;
            }
            Ok(())
        },
    )
}

fn line(task: &TaskSeen) -> String {
    let state = match task.state {
        TaskState::Dead => "dead",
        TaskState::Failed => "failed",
        TaskState::Running => "running",
        TaskState::Waiting => "waiting",
        TaskState::Behind => "behind",
    };
    let attempts = match task.attempts {
        0 => String::new(),
        1 => " after 1 attempt".to_owned(),
        more => format!(" after {more} attempts"),
    };
    let TaskSeen { id, due, service, task, subject, .. } = task;
    harmless(&format!("{id} {state:<7} {due} {service} {task} {subject}{attempts}"))
}

/// Tells what waits and what failed.
pub(crate) async fn list(deployment: &Deployment, by: Value) -> Result<Value, Failure> {
    Ok(serde_json::to_value(deployment.list_tasks(by).await.map_err(words)?)?)
}

/// Has a task that failed tried again now.
pub(crate) async fn retry(deployment: &Deployment, id: &str, by: Value) -> Result<Value, Failure> {
    heeded(deployment.retry_task(id, &by).await.map_err(words)?, id)
}

/// Puts an end to a task that failed.
pub(crate) async fn discard(deployment: &Deployment, id: &str, by: Value) -> Result<Value, Failure> {
    heeded(deployment.discard_task(id, &by).await.map_err(words)?, id)
}

fn heeded(heeded: Heeded, id: &str) -> Result<Value, Failure> {
    match heeded {
        Heeded::Done => Ok(json!({})),
        Heeded::Unknown => Err(failure("no such task", id).with(Exit::Absent)),
        Heeded::NotFailed => Err(failure(id, "it has not failed: it is done when it is due")),
        Heeded::Running => Err(failure(id, "an attempt at it runs: wait for its end")),
    }
}
