//! The command line.

use crate::dev::DevArgs;
use crate::manual::{CompletionsArgs, ManArgs, VERSION};
use clap::{ArgGroup, Args as ClapArgs, Parser, Subcommand, ValueEnum};
use seals::Split;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The security half of AWS, to run yourself.
///
/// Fastness speaks AWS's own APIs (KMS, IAM, STS, CloudTrail), so that an unmodified AWS CLI, SDK or tool works against it. Keys
/// never leave it, every call is checked against policies, and every call is recorded.
///
/// Start with:
///
///   fastness serve
///
/// and, in another shell:
///
///   eval "$(fastness env)"
///   aws kms create-key
#[derive(Debug, Parser)]
#[command(name = "fastness", version = VERSION, verbatim_doc_comment, max_term_width = 100, after_help = crate::exit::HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print facts as JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the APIs; on first run, create the deployment
    Serve(ServeArgs),
    /// Serve a scratch deployment for tests, with credentials and contents of your choice; it is gone when the command ends
    Dev(DevArgs),
    /// Create a deployment: its keyring, its account and the first root access key
    Init(InitArgs),
    /// Print shell exports for using a deployment as its root user; exits with 1 if the access key they would have was deleted
    Env(EnvArgs),
    /// Make a new access key of the root user for `env` to print, while serving or not; for whoever can open the keyring
    RootAccessKey(RootAccessKeyArgs),
    /// Tell what a data directory holds and whether it is being served; exits with 3 if it is not, with 4 if it is sealed,
    /// with 8 if its disk is full or has failed
    Status(StatusArgs),
    /// Seal the running server: it lets go of all keys, closes the store and refuses every call
    Seal(SealArgs),
    /// Unseal the running server, with the configured seal or a passphrase
    Unseal(UnsealArgs),
    /// Tell whether the clock is believed: while it is not, nothing is done that cannot be undone; with --confirm, say that it is right
    Clock(ClockArgs),
    /// Tell why a request was denied: the statement that decided, what failed, and the least change that would allow it
    Why(WhyArgs),
    /// Examine policy documents and try them, without a server
    Policy(PolicyArgs),
    /// List, add, remove and try the slots of the keyring: what opens it
    Slots(SlotsArgs),
    /// Give the keyring a new root key: the one that its seals open, and that wraps all other keys. It is no KMS key, and no access key
    /// of the root user; those stay as they are. Old copies of the keyring file, with what opened them, do not open the new one
    Rekey(RekeyArgs),
    /// Write a backup to one file, while serving or not
    Backup(BackupArgs),
    /// Make a deployment of a backup, in a directory that is empty or does not exist
    Restore(RestoreArgs),
    /// Walk the whole store and the audit trail, and prove them whole or name what is not
    Verify(VerifyArgs),
    /// List, per service, how many of AWS's operations are implemented
    Coverage(CoverageArgs),
    /// List how many calls a second an account may make, by quota, as the configuration has them
    Quotas(QuotasArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Write the man pages
    #[command(hide = true)]
    Man(ManArgs),
    /// Manage the keys by which external key stores, of AWS or of another Fastness, call this deployment as their proxy
    Xks(XksArgs),
    /// List what waits to be done later or outside, and what failed with why; have it tried again, or not
    Tasks(TasksArgs),
    /// Send the audit trail elsewhere
    Trail(crate::trail::TrailArgs),
}

/// Where the deployment is, and how its keyring is opened.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Place {
    /// Data directory [default: $XDG_DATA_HOME/fastness, or ~/.local/share/fastness]
    #[arg(long, value_name = "DIR", env = "FASTNESS_DATA")]
    pub(crate) data: Option<PathBuf>,

    /// Configuration file (TOML); flags go before what it says
    #[arg(long, value_name = "FILE", env = "FASTNESS_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// File that holds the key which opens the keyring; it must lie outside of the data directory
    /// [default: $XDG_CONFIG_HOME/fastness/ID.key, or ~/.config/fastness/ID.key]
    #[arg(long, value_name = "FILE", env = "FASTNESS_KEY_FILE", conflicts_with = "passphrase_file")]
    pub(crate) key_file: Option<PathBuf>,

    /// File whose first line is the passphrase that opens the keyring; FASTNESS_PASSPHRASE can hold the passphrase itself
    #[arg(long, value_name = "FILE", env = "FASTNESS_PASSPHRASE_FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Address and port to listen on [default: 127.0.0.1:4566]
    #[arg(long, value_name = "ADDR", env = "FASTNESS_LISTEN", value_parser = crate::config::address)]
    pub(crate) listen: Option<SocketAddr>,

    /// Start sealed, and wait for `fastness unseal`
    #[arg(long)]
    pub(crate) sealed: bool,

    /// Take over from this very process after it was sealed: the listener is standard input
    #[arg(long, hide = true)]
    pub(crate) resealed: bool,

    /// Stop when this parent process ends
    #[arg(long, hide = true, value_name = "PID")]
    pub(crate) parent: Option<i32>,

    /// Speak TLS, with a certificate that the deployment's own authority makes unless the configuration names one; a deployment
    /// with such an authority is always served with TLS
    #[arg(long)]
    pub(crate) tls: bool,

    /// Serve plain HTTP on an address that is not a loopback address: everything that is said there can be read on the way
    #[arg(long)]
    pub(crate) plain_http_beyond_loopback: bool,

    /// Address and port for /metrics, /healthz and /readyz [default: none]
    #[arg(long, value_name = "ADDR", env = "FASTNESS_MONITOR", value_parser = crate::config::address)]
    pub(crate) monitor: Option<SocketAddr>,

    /// Allow monitoring on an address that is not a loopback address: whoever reaches it can read the metrics
    #[arg(long)]
    pub(crate) monitor_beyond_loopback: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Split a key into N shares, any K of which open the keyring, and print them this once. Without another seal, nothing else does
    #[arg(long, value_name = "K-of-N")]
    pub(crate) shamir: Option<Split>,

    /// Account id, 12 digits [default: random]
    #[arg(long, value_name = "DIGITS", env = "FASTNESS_ACCOUNT_ID")]
    pub(crate) account_id: Option<String>,

    /// Make a certificate authority of the deployment's own and a server certificate, so that it is served with TLS
    #[arg(long)]
    pub(crate) tls: bool,

    /// Region that `fastness env` exports, one of those that are served [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,

    /// Mark the deployment as one for tests, as `fastness dev` does
    #[arg(long, hide = true)]
    pub(crate) scratch: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EnvArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Open the keyring with shares, which are read from standard input, one a line
    #[arg(long)]
    pub(crate) shares: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RootAccessKeyArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Open the keyring with shares, which are read from standard input, one a line
    #[arg(long)]
    pub(crate) shares: bool,

    /// Delete this access key of the root user, of which there can be two
    #[arg(long, value_name = "ACCESS_KEY_ID")]
    pub(crate) replace: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SealArgs {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct UnsealArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Read shares from standard input, one a line. The server keeps them until there are enough: each holder can come with one
    #[arg(long)]
    pub(crate) shares: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SlotsArgs {
    #[command(subcommand)]
    pub(crate) command: SlotsCommand,
}

/// What to do with the slots.
#[derive(Debug, Subcommand)]
pub(crate) enum SlotsCommand {
    /// List them, with the seal of each
    List(SlotsListArgs),
    /// Add a slot for each new seal that is named, or else for each configured seal that opens none
    Add(SlotsAddArgs),
    /// Remove a slot. Who has an old copy of the keyring file and its seal still has the root key: see `fastness rekey`
    Remove(SlotsRemoveArgs),
    /// Try every seal at hand on its slots, as a drill: nothing is changed
    Verify(SlotsVerifyArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SlotsListArgs {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SlotsAddArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    #[command(flatten)]
    pub(crate) new: NewSeals,

    /// Open the keyring with shares, which are read from standard input, one a line
    #[arg(long)]
    pub(crate) shares: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SlotsRemoveArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// The slot's number
    #[arg(value_name = "SLOT")]
    pub(crate) number: u32,

    /// Open the keyring with shares, which are read from standard input, one a line
    #[arg(long)]
    pub(crate) shares: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SlotsVerifyArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Try shares too, which are read from standard input, one a line
    #[arg(long)]
    pub(crate) shares: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RekeyArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    #[command(flatten)]
    pub(crate) new: NewSeals,

    /// Keep the slot of shares, which are read from standard input, one a line
    #[arg(long)]
    pub(crate) shares: bool,

    /// Drop this slot; can be given several times
    #[arg(long, value_name = "SLOT")]
    pub(crate) drop: Vec<u32>,
}

/// Seals that the keyring does not have yet. When it is rekeyed, each takes the place of those of its kind.
#[derive(Debug, ClapArgs)]
pub(crate) struct NewSeals {
    /// Key file, made if it does not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) new_key_file: Option<PathBuf>,

    /// File whose first line is a passphrase
    #[arg(long, value_name = "FILE")]
    pub(crate) new_passphrase_file: Option<PathBuf>,

    /// Split a key into N shares, any K of which open the keyring, and print them this once
    #[arg(long, value_name = "K-of-N")]
    pub(crate) shamir: Option<Split>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ClockArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Open the keyring with shares, which are read from standard input, one a line; only if the deployment is not served
    #[arg(long)]
    pub(crate) shares: bool,

    /// Say that the clock is right: deletions and expiries that waited go on by it
    #[arg(long)]
    pub(crate) confirm: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WhyArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// The request's id, as the answer's x-amzn-RequestId header, the client's error and the trail have it; or `-`, to read what a
    /// client printed from standard input [default: the newest denial]
    #[arg(value_name = "REQUEST_ID|-")]
    pub(crate) request_id: Option<String>,

    /// Tell of the newest denial, of those that --user and --action leave
    #[arg(long, conflicts_with_all = ["request_id", "list"])]
    pub(crate) last: bool,

    /// List the newest denials, one a line
    #[arg(long, conflicts_with_all = ["request_id", "encoded"])]
    pub(crate) list: bool,

    /// Number of denials to list
    #[arg(long, value_name = "NUMBER", default_value_t = 20, requires = "list", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,

    /// Only denials of this caller: an ARN, a unique id, or the name of a user, a role or a session
    #[arg(long, value_name = "NAME", conflicts_with = "request_id")]
    pub(crate) user: Option<String>,

    /// Only denials of this action: kms:Decrypt, Decrypt or kms:*
    #[arg(long, value_name = "ACTION", conflicts_with = "request_id")]
    pub(crate) action: Option<String>,

    /// Print the message that `aws sts decode-authorization-message` decodes
    #[arg(long)]
    pub(crate) encoded: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Tell what is wrong, useless or dangerous in policy documents; exits with 2 on errors, 1 on warnings
    Lint(LintArgs),
    /// Check decisions of policies against expected ones; exits with 1 if one differs, 2 if a file cannot be used
    Test(PolicyTestArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LintArgs {
    /// Policy documents (JSON); - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// What the documents are for [default: told from their looks]
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
}

/// What a policy document is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    Identity,
    Resource,
    Key,
    Trust,
    Boundary,
    Session,
}

impl From<Kind> for policy::PolicyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Identity => Self::Identity,
            Kind::Resource => Self::Resource,
            Kind::Key => Self::Key,
            Kind::Trust => Self::Trust,
            Kind::Boundary => Self::Boundary,
            Kind::Session => Self::Session,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PolicyTestArgs {
    /// Files of cases (YAML, or JSON where the name ends in .json)
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// File to write, which must not exist yet, or a directory to write one in
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("kms-keys").required(true).args(["shreds", "without_shreds"]))]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Open the keyring with shares, which are read from standard input, one a line
    #[arg(long)]
    pub(crate) shares: bool,

    /// The backup
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,

    /// The deployment's newest keyring.shreds, without which no KMS key of the backup can be used
    #[arg(long, value_name = "FILE")]
    pub(crate) shreds: Option<PathBuf>,

    /// Give up all KMS keys of the backup: what is left is everything else, and the audit trail
    #[arg(long)]
    pub(crate) without_shreds: bool,

    /// Put all rows back to what they were at this time (RFC 3339) or version; the audit trail stays whole
    #[arg(long, value_name = "TIME|VERSION")]
    pub(crate) at: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// A backup to verify instead, without restoring it; with no seal at hand it is compared with itself alone
    #[arg(long, value_name = "FILE")]
    pub(crate) backup: Option<PathBuf>,

    /// Open the keyring with shares, which are read from standard input, one a line
    #[arg(long)]
    pub(crate) shares: bool,

    /// A head that was printed earlier and kept elsewhere: also prove that today's history continues it
    #[arg(long, value_name = "VERSION:LINK")]
    pub(crate) contains: Vec<store::Head>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CoverageArgs {
    /// List the operations of this service, each with whether it is implemented
    pub(crate) service: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct XksArgs {
    #[command(subcommand)]
    pub(crate) command: XksCommand,
}

/// What to do with the keys of external key stores.
#[derive(Debug, Subcommand)]
pub(crate) enum XksCommand {
    /// Make a key for a user, whose permissions are those of the external key store, and print this once what to tell the store's KMS
    Create(XksCreateArgs),
    /// List the keys
    List(XksListArgs),
    /// Keep a key from being used, until it is enabled
    Disable(XksKeyArgs),
    /// Let a key be used again
    Enable(XksKeyArgs),
    /// Remove a key
    Delete(XksKeyArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct XksCreateArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Name of the IAM user
    #[arg(long, value_name = "NAME")]
    pub(crate) user: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct XksListArgs {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct XksKeyArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Id of the key
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TasksArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Open the keyring with shares, which are read from standard input, one a line; only if the deployment is not served
    #[arg(long)]
    pub(crate) shares: bool,

    #[command(subcommand)]
    pub(crate) command: Option<TasksCommand>,
}

/// What to do about tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum TasksCommand {
    /// List them: what waits, what failed, and why
    List(TasksListArgs),
    /// Have one that failed tried again now
    Retry(TaskArgs),
    /// Put an end to one that failed: it is not done
    Discard(TaskArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TasksListArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Open the keyring with shares, which are read from standard input, one a line; only if the deployment is not served
    #[arg(long)]
    pub(crate) shares: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TaskArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Open the keyring with shares, which are read from standard input, one a line; only if the deployment is not served
    #[arg(long)]
    pub(crate) shares: bool,

    /// Id of the task, as the list has it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct QuotasArgs {
    /// Configuration file (TOML), whose quotas go before AWS's
    #[arg(long, value_name = "FILE", env = "FASTNESS_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// List the quotas of this service, each with the operations that count against it
    pub(crate) service: Option<String>,
}
