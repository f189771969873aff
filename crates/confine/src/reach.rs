//! Files and ports within reach, by Landlock (landlock(7)).

use crate::ConfineError;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};
use std::path::PathBuf;

/// The newest form of Landlock that is asked for; what a kernel does not know of it is left out and told.
const NEWEST: ABI = ABI::V6;

/// What a server reads whatever it is used for: libraries, names of hosts and users, certificates, facts of the machine and of itself.
const READ_ALWAYS: &[&str] = &[
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/proc",
    "/sys/fs/cgroup",
    "/sys/kernel/mm",
    "/sys/devices/system",
    "/dev/null",
    "/dev/urandom",
    "/dev/random",
    "/run/systemd/resolve",
];

/// What loads a dynamically linked program, where distributions have it (System V ABI, "Program Interpreter").
const INTERPRETERS: &[&str] = &["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];

/// The files and ports that the process needs from here on. Paths that are not there are left out.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Directories and files to read.
    pub read: Vec<PathBuf>,
    /// Directories and files to read, write, make and remove.
    pub write: Vec<PathBuf>,
    /// Programs to execute.
    pub execute: Vec<PathBuf>,
    /// TCP ports to listen on.
    pub bind: Vec<u16>,
    /// TCP ports to connect to.
    pub connect: Vec<u16>,
}

/// How much of what was asked for the kernel keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restricted {
    /// All of it.
    Wholly,
    /// Files, but not everything that newer kernels can restrict, such as ports (Linux 6.7) or signals (6.12).
    Partly,
    /// Nothing: the kernel has no Landlock, or it is turned off.
    Not,
    /// The process was started by one that is as restricted.
    Already,
}

impl Reach {
    /// Keeps this thread, and those it will start, to what is within reach.
    ///
    /// # Errors
    /// The rules cannot be made. A kernel that cannot keep to them is none: the result tells.
    pub fn restrict(&self) -> Result<Restricted, ConfineError> {
        // Everybody may list the root directory, unless Landlock says otherwise. One restriction is enough, and only so many of them can
        // be laid on top of each other.
        if matches!(std::fs::read_dir("/"), Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied)
        {
            return Ok(Restricted::Already);
        }
        let all = AccessFs::from_all(NEWEST);
        let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
        let write = all & !BitFlags::from(AccessFs::Execute);
        let restricted = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .handle_access(AccessNet::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?
            .create()?
            .add_rules(path_beneath_rules(READ_ALWAYS, read))?
            .add_rules(path_beneath_rules(&self.read, read))?
            .add_rules(path_beneath_rules(["/dev/null"], read | AccessFs::WriteFile))?
            .add_rules(path_beneath_rules(&self.write, write))?
            .add_rules(path_beneath_rules(&self.execute, read | AccessFs::Execute))?
            .add_rules(path_beneath_rules(INTERPRETERS, read | AccessFs::Execute))?
            .add_rules(self.bind.iter().map(|port| port_rule(*port, AccessNet::BindTcp)))?
            .add_rules(self.connect.iter().map(|port| port_rule(*port, AccessNet::ConnectTcp)))?
            .restrict_self()?;
        Ok(match restricted.ruleset {
            RulesetStatus::FullyEnforced => Restricted::Wholly,
            RulesetStatus::PartiallyEnforced => Restricted::Partly,
            RulesetStatus::NotEnforced => Restricted::Not,
        })
    }
}

fn port_rule(port: u16, access: AccessNet) -> Result<NetPort, landlock::RulesetError> {
    Ok(NetPort::new(port, access))
}
