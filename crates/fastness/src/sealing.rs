//! `fastness seal` and `fastness unseal`: commands to the running server.

use crate::admin::{Command, ask};
use crate::args::{SealArgs, UnsealArgs};
use crate::changes::KeyText;
use crate::config::Config;
use crate::deployment::Data;
use crate::exit::Exit;
use crate::{Failure, output, seal, shares};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long a sealed server may take to start anew.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) fn seal(args: &SealArgs) -> Result<ExitCode, Failure> {
    let data = Data::locate(&args.place, &Config::read(&args.place)?)?;
    let answer = ask(&data, &Command::Seal {})?;
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
    let text = "Sealed: every call is refused until it is unsealed:";
    let facts = || json!({ "sealed": true, "amiss": answer.get("amiss") });
    output::print(facts, |out| Ok(writeln!(out, "{text} {}", args.place.hint("unseal"))?))?;
    let amiss = answer.get("amiss").and_then(Value::as_array).into_iter().flatten();
    for amiss in amiss.filter_map(Value::as_str) {
        writeln!(std::io::stderr(), "fastness: sealed, but {amiss}")?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn unseal(args: &UnsealArgs) -> Result<ExitCode, Failure> {
    let config = Config::read(&args.place)?;
    let data = Data::locate(&args.place, &config)?;
    let sealed = if args.shares {
        if !is_sealed(&ask(&data, &Command::Status {})?) {
            return Err(Failure("it is not sealed".to_owned()));
        }
        shares::each(|share| {
            let answer = ask(&data, &Command::UnsealWithShare { share })?;
            let number = |name| answer.get(name).and_then(Value::as_u64).unwrap_or_default();
            let sealed = is_sealed(&answer);
            if sealed {
                let (given, needed) = (number("given"), number("needed"));
                writeln!(std::io::stderr(), "{given} of {needed} shares were given")?;
            }
            Ok(sealed)
        })?
    } else {
        let command = match (KeyText::named(&args.place)?, seal::passphrase(&args.place)?) {
            (Some(key), _) => Command::UnsealWithKey { key },
            (None, Some(passphrase)) => Command::UnsealWithPassphrase { passphrase },
            (None, None) => Command::Unseal {},
        };
        is_sealed(&ask(&data, &command)?)
    };
    let text = if sealed { "Still sealed: more shares are needed." } else { "Unsealed: calls are served." };
    output::print(|| json!({ "sealed": sealed }), |out| Ok(writeln!(out, "{text}")?))?;
    Ok(if sealed { Exit::Sealed.into() } else { ExitCode::SUCCESS })
}

/// Whether an answer says that the server is sealed.
pub(crate) fn is_sealed(answer: &Value) -> bool {
    answer.get("sealed").and_then(Value::as_bool) == Some(true)
}
