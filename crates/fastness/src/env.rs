//! `fastness env`: shell exports.

use crate::args::EnvArgs;
use crate::config::LISTEN_DEFAULT;
use crate::credentials::RootKey;
use crate::opening::Opening;
use crate::{Failure, shares};
use std::io::Write as _;
use std::process::ExitCode;

pub(crate) fn run(args: &EnvArgs) -> Result<ExitCode, Failure> {
    let opening = Opening::locate(&args.place)?;
    let shares = if args.shares { shares::read()? } else { Vec::new() };
    let keyring = match shares::combine(&shares)? {
        Some(seal) => opening.keyring(&[&*seal])?,
        None => opening.keyring(&[])?,
    };
    let Opening { config, data, description, .. } = opening;
    let root = RootKey::read(&data, &keyring)?;
    let endpoint = match data.serving()? {
        Some(serving) => serving.endpoint,
        None => format!("http://{}", config.listen.unwrap_or(LISTEN_DEFAULT)),
    };
    let exports = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", &root.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &root.secret_access_key),
        ("AWS_REGION", &description.region),
        ("AWS_DEFAULT_REGION", &description.region),
    ];
    let mut out = std::io::stdout();
    writeln!(out, "unset AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE")?;
    for (name, value) in exports {
        // Within single quotes a shell changes nothing; a single quote itself ends them and is put between double ones.
        writeln!(out, "export {name}='{}'", value.replace('\'', "'\"'\"'"))?;
    }
    Ok(ExitCode::SUCCESS)
}
