//! `fastness seal` and `fastness unseal`: commands to the running server.

use crate::admin::{Command, ask};
use crate::args::{SealArgs, UnsealArgs};
use crate::config::Config;
use crate::deployment::Data;
use crate::{Failure, seal};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long a sealed server may take to start anew.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) fn seal(args: &SealArgs) -> Result<ExitCode, Failure> {
    let data = Data::locate(&args.place, &Config::read(&args.place)?)?;
    ask(&data, &Command::Seal {})?;
    // The server starts anew, and its channel with it.
    let end = Instant::now() + PATIENCE;
    while ask(&data, &Command::Status {}).is_err() {
        if Instant::now() > end {
            return Err(Failure(
                "it is sealed, but did not start anew to wait for `fastness unseal`".to_owned(),
            ));
        }
        std::thread::sleep(LOOK);
    }
    writeln!(std::io::stdout(), "Sealed: every call is refused until `fastness unseal`.")?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn unseal(args: &UnsealArgs) -> Result<ExitCode, Failure> {
    let config = Config::read(&args.place)?;
    let data = Data::locate(&args.place, &config)?;
    let command = match seal::passphrase(&args.place, &config)? {
        Some(passphrase) => {
            let text = std::str::from_utf8(&passphrase)
                .map_err(|_| Failure("the passphrase is not UTF-8".into()))?;
            Command::UnsealWithPassphrase { passphrase: Zeroizing::new(text.to_owned()) }
        }
        None => Command::Unseal {},
    };
    ask(&data, &command)?;
    writeln!(std::io::stdout(), "Unsealed: calls are served.")?;
    Ok(ExitCode::SUCCESS)
}
