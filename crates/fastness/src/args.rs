//! The command line.

use clap::{Args as ClapArgs, Parser, Subcommand};
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
#[command(name = "fastness", version, verbatim_doc_comment, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the APIs; on first run, create the deployment
    Serve(ServeArgs),
    /// Create a deployment: its keyring, its account and the first root access key
    Init(InitArgs),
    /// Print shell exports for using a deployment as its root user
    Env(EnvArgs),
    /// Tell what a data directory holds and whether it is being served
    Status(StatusArgs),
    /// Seal the running server: it lets go of all keys, closes the store and refuses every call
    Seal(SealArgs),
    /// Unseal the running server, with the configured seal or a passphrase
    Unseal(UnsealArgs),
    /// List, per service, how many of AWS's operations are implemented
    Coverage(CoverageArgs),
    /// List how many calls a second an account may make, by quota, as the configuration has them
    Quotas(QuotasArgs),
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
    #[arg(long, value_name = "ADDR", env = "FASTNESS_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,

    /// Start sealed, and wait for `fastness unseal`
    #[arg(long)]
    pub(crate) sealed: bool,

    /// Take over from this very process after it was sealed: the listener is standard input
    #[arg(long, hide = true)]
    pub(crate) resealed: bool,

    /// Serve plain HTTP on an address that is not a loopback address: everything that is said there can be read on the way
    #[arg(long)]
    pub(crate) plain_http_beyond_loopback: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Account id, 12 digits [default: random]
    #[arg(long, value_name = "DIGITS", env = "FASTNESS_ACCOUNT_ID")]
    pub(crate) account_id: Option<String>,

    /// Region that `fastness env` exports [default: us-east-1]; all regions are served
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EnvArgs {
    #[command(flatten)]
    pub(crate) place: Place,
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
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CoverageArgs {
    /// List the operations of this service, each with whether it is implemented
    pub(crate) service: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct QuotasArgs {
    /// Configuration file (TOML), whose quotas go before AWS's
    #[arg(long, value_name = "FILE", env = "FASTNESS_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// List the quotas of this service, each with the operations that count against it
    pub(crate) service: Option<String>,
}
