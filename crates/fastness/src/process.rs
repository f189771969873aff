//! What `fastness serve` gives up before it serves, and how it becomes a fresh process when it is sealed.

use crate::args::Place;
use crate::config::{Config, Process};
use crate::deployment::{Data, SealPlace};
use crate::tls::Setup;
use crate::{Failure, failure};
use confine::{Reach, Restricted};
use std::ffi::OsString;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program that this process runs, whatever has happened to its file since.
const SELF: &str = "/proc/self/exe";

/// The flag of a process that takes over from itself after it was sealed.
pub(crate) const RESEALED_FLAG: &str = "--resealed";

/// Variables with secrets in them, which a sealed process has no more.
const SECRET_VARIABLES: [&str; 2] = ["FASTNESS_PASSPHRASE", "FASTNESS_ROOT_SECRET_ACCESS_KEY"];

/// Gives up root, once there is nothing left that needs it.
pub(crate) fn give_up_root(process: &Process) -> Result<(), Failure> {
    if let Some(user) = &process.user {
        let refused = |error| {
            Failure::from(error)
                .of_setting("[process] user", "name a user of this host; only root becomes one")
        };
        return confine::become_user(user).map_err(refused);
    }
    if confine::is_root() {
        tracing::warn!("running as root: name a user to become in the configuration ([process] user)");
    }
    Ok(())
}

/// Gives up all that serving does not need, and says in the log what the kernel cannot keep it to. Threads that were there before
/// are not held to all of it.
pub(crate) fn restrict(
    place: &Place,
    config: &Config,
    data: &Data,
    seal: &SealPlace,
    ports: Vec<u16>,
    collector: Option<u16>,
    tls: Option<&Setup>,
) -> Result<(), Failure> {
    if confine::lock_all_if_unlimited()? {
        tracing::info!("all memory is locked");
    }
    for (setting, paths) in [("process.read", &config.process.read), ("process.write", &config.process.write)]
    {
        for path in paths {
            // What is made there later would be out of reach.
            path.metadata().map_err(|error| {
                failure(path.display(), error).of_setting(setting, "name what is there, or leave it out")
            })?;
        }
    }
    let mut read = config.process.read.clone();
    let trusted = config.external_key_stores.iter().filter_map(|settings| settings.ca_file.clone());
    let trusted = trusted.chain(config.rotation.ca_file.clone());
    let modules = config.cloudhsm.iter().map(|device| device.module.clone());
    for path in seal_files(place, config, seal).into_iter().chain(trusted).chain(modules) {
        // Where it is said to be, and where a link leads.
        let found = path.canonicalize().ok();
        read.extend(
            [Some(path), found].iter().flatten().filter_map(|path| path.parent()).map(Path::to_owned),
        );
    }
    let mut write = config.process.write.clone();
    write.push(data.path().to_owned());
    if let Some(setup) = tls {
        read.extend(setup.reads());
        write.extend(setup.writes()?);
    }
    let execute = vec![PathBuf::from(SELF)];
    let seals = config.seal.iter().map(crate::config::Seal::ports).collect::<Result<Vec<_>, _>>()?;
    let proxies = config.external_key_stores.iter().flat_map(xks::Settings::ports);
    let connect =
        seals.into_iter().flatten().chain(collector).chain(proxies).chain(config.rotation.ports()).collect();
    let reach = Reach { read, write, execute, bind: ports, connect };
    match reach.restrict()? {
        Restricted::Wholly | Restricted::Already => {}
        Restricted::Partly => {
            tracing::warn!("this kernel's Landlock is an old one: not everything is out of reach")
        }
        Restricted::Not => {
            tracing::warn!("this kernel has no Landlock: the process can reach every file its user can")
        }
    }
    // What was sealed and started anew is held to the same already, and each further filter costs time and room.
    let resealed = std::env::args_os().any(|argument| argument == RESEALED_FLAG);
    if !(resealed && confine::filters_system_calls())
        && let Err(error) = confine::deny_system_calls()
    {
        tracing::warn!(%error, "this kernel filters no system calls");
    }
    Ok(())
}

/// The files that opening the keyring, and starting anew, take.
fn seal_files(place: &Place, config: &Config, seal: &SealPlace) -> Vec<PathBuf> {
    let made_with = match seal {
        SealPlace::KeyFile { path, successor } => [Some(path.clone()), successor.clone()],
        SealPlace::Passphrase | SealPlace::Configured => [None, None],
    };
    let flags = [&place.config, &place.key_file, &place.passphrase_file].into_iter().flatten().cloned();
    let credential = seals::default_credential().and_then(|source| source.path());
    let configured = config.seal.iter().flat_map(crate::config::Seal::paths);
    made_with.into_iter().flatten().chain(flags).chain(credential).chain(configured).collect()
}

/// The listener that the process had before it was sealed.
pub(crate) fn inherited_listener() -> Result<TcpListener, Failure> {
    let listener = TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    listener.local_addr().map_err(|error| failure(RESEALED_FLAG, error))?;
    Ok(listener)
}

/// Starts this program anew in place of itself, sealed, with its listener: nothing of what was in memory is left, whether it
/// was wiped or not. Returns only if it cannot.
pub(crate) fn start_anew_sealed(listener: TcpListener) -> Failure {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if !arguments.iter().any(|argument| argument == RESEALED_FLAG) {
        arguments.push(RESEALED_FLAG.into());
    }
    let mut arguments = arguments.into_iter();
    let mut command = Command::new(SELF);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).stdin(OwnedFd::from(listener));
    for variable in SECRET_VARIABLES {
        command.env_remove(variable);
    }
    failure("starting anew after sealing", command.exec())
}
