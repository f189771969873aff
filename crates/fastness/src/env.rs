//! `fastness env`: shell exports.

use crate::args::EnvArgs;
use crate::config::{Config, LISTEN_DEFAULT};
use crate::credentials::RootKey;
use crate::deployment::Data;
use crate::{Failure, failure, seal};
use keyring::{Keyring, SystemRandom};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) fn run(args: &EnvArgs) -> Result<ExitCode, Failure> {
    let config = Config::read(&args.place)?;
    let data = Data::locate(&args.place, &config)?;
    let description =
        data.describe()?.ok_or_else(|| failure(data.path().display(), "no deployment is here"))?;
    let seal = seal::existing(&args.place, &config, &description)?;
    let keyring = Keyring::open(&data.keyring(), &[&*seal], Arc::new(SystemRandom))?;
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
