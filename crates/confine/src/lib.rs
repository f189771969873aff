//! What the process gives up before it serves: core dumps, being traced, root, files and ports that it has no business with, and
//! system calls that only an attacker would make.
//!
//! All of it stays given up for the life of the process and of whatever it executes.

mod filter;
mod reach;

pub use filter::{deny_system_calls, filters_system_calls};
pub use reach::{Reach, Restricted};

use nix::unistd::{Gid, Uid, User, setgid, setgroups, setuid};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getppid, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};

/// Why something could not be given up.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The system refused.
    #[error("{doing}: {error}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// There is no such user.
    #[error("there is no user `{0}`")]
    NoSuchUser(String),
    /// Only root can become somebody else.
    #[error("only root can become the user `{0}`")]
    NotRoot(String),
    /// The process that started this one has ended.
    #[error("the process that started this one has ended")]
    ParentEnded,
    /// The rules for files and ports could not be made.
    #[error("Landlock: {0}")]
    Landlock(#[from] landlock::RulesetError),
    /// The filter could not be made.
    #[error("seccomp: {0}")]
    Filter(#[from] seccompiler::Error),
    /// The filter could not be made for this processor.
    #[error("seccomp: {0}")]
    Backend(#[from] seccompiler::BackendError),
}

fn system<E: Into<std::io::Error>>(doing: &'static str) -> impl FnOnce(E) -> ConfineError {
    move |error| ConfineError::System { doing, error: error.into() }
}

/// Keeps memory to this process: no core dumps (RLIMIT_CORE), no tracing and no reading of `/proc/PID/mem` by others of the same user
/// (PR_SET_DUMPABLE, which also turns core dumps off where a handler takes them), and no more privileges by executing
/// something (PR_SET_NO_NEW_PRIVS, which holds for this thread and those it starts: call this before there are others).
///
/// # Errors
/// The system refuses.
pub fn keep_memory_private() -> Result<(), ConfineError> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(system("turning core dumps off"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(system("turning tracing off"))?;
    rustix::thread::set_no_new_privs(true).map_err(system("renouncing new privileges"))
}

/// Has the process stopped (SIGTERM) when its parent ends (PR_SET_PDEATHSIG), which must be the process `parent` now.
///
/// # Errors
/// The parent has ended already, or the system refuses.
pub fn end_with_parent(parent: i32) -> Result<(), ConfineError> {
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(system("ending with the parent process"))?;
    match getppid() {
        Some(found) if found.as_raw_nonzero().get() == parent => Ok(()),
        _ => Err(ConfineError::ParentEnded),
    }
}

/// Raises the limit on locked memory as far as is allowed and, if there is no limit at all, locks everything that the process
/// ever touches. Tells whether it did.
///
/// # Errors
/// The system refuses.
pub fn lock_all_if_unlimited() -> Result<bool, ConfineError> {
    let limit = getrlimit(Resource::Memlock);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Memlock, raised).map_err(system("raising the limit on locked memory"))?;
    if limit.maximum.is_some() {
        return Ok(false);
    }
    use rustix::mm::MlockAllFlags as Flags;
    // What is mapped and never touched, such as the rest of a thread's stack, need not be in memory.
    rustix::mm::mlockall(Flags::CURRENT | Flags::FUTURE | Flags::ONFAULT)
        .map_err(system("locking memory"))?;
    Ok(true)
}

/// Whether the process runs as root.
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// The numbers of a user and of its group.
///
/// # Errors
/// There is no such user, or the system cannot tell.
pub fn user(name: &str) -> Result<(u32, u32), ConfineError> {
    let user = User::from_name(name).map_err(system("looking the user up"))?;
    let user = user.ok_or_else(|| ConfineError::NoSuchUser(name.to_owned()))?;
    Ok((user.uid.as_raw(), user.gid.as_raw()))
}

/// The name of the user of a number, if the system knows one.
pub fn name_of(uid: u32) -> Option<String> {
    Some(User::from_uid(Uid::from_raw(uid)).ok()??.name)
}

/// Becomes another user for good: its groups first, then its group, then it.
///
/// # Errors
/// There is no such user, the process is not root, or the system refuses.
pub fn become_user(name: &str) -> Result<(), ConfineError> {
    let user = User::from_name(name).map_err(system("looking the user up"))?;
    let user = user.ok_or_else(|| ConfineError::NoSuchUser(name.to_owned()))?;
    if Uid::current() == user.uid && Uid::effective() == user.uid {
        return Ok(());
    }
    if !is_root() {
        return Err(ConfineError::NotRoot(name.to_owned()));
    }
    setgroups(&[user.gid]).map_err(system("giving up groups"))?;
    setgid(user.gid).map_err(system("giving up the group"))?;
    setuid(user.uid).map_err(system("giving up root"))?;
    // Believed only when it cannot be undone.
    if setuid(Uid::from_raw(0)).is_ok() || Gid::effective() != user.gid || Uid::effective() != user.uid {
        let error = std::io::Error::other("root can be had back");
        return Err(ConfineError::System { doing: "giving up root", error });
    }
    // A change of user turns the first of these on again where the system's default says so.
    keep_memory_private()
}
