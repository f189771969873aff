//! `fastness env`: shell exports.

use crate::args::EnvArgs;
use crate::config::{Config, LISTEN_DEFAULT};
use crate::credentials::RootKey;
use crate::deployment::{Data, Description};
use crate::opening::Opening;
use crate::tls::Setup;
use crate::{Failure, output, root_key};
use serde_json::json;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

pub(crate) fn run(args: &EnvArgs) -> Result<ExitCode, Failure> {
    let opening = Opening::locate(&args.place)?;
    let keyring = opening.keyring_or_by_shares(args.shares)?;
    opening.config.require_served("regions", &opening.description.region)?;
    let root = RootKey::read(&opening.data, &keyring)?;
    root_key::require_alive(&opening, &keyring, &root.access_key_id)?;
    let Opening { config, data, description, .. } = opening;
    let (endpoint, ca_bundle) = match data.serving()? {
        Some(serving) => (serving.endpoint, serving.ca_bundle),
        None => expected(&config, &data, &description)?,
    };
    let ca_bundle = ca_bundle.map(|path| path.display().to_string());
    let mut exports = vec![
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", &root.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &root.secret_access_key),
        ("AWS_REGION", &description.region),
        ("AWS_DEFAULT_REGION", &description.region),
    ];
    if let Some(path) = &ca_bundle {
        // Node.js has a variable of its own.
        exports.extend([("AWS_CA_BUNDLE", path.as_str()), ("NODE_EXTRA_CA_CERTS", path.as_str())]);
    }
    let facts = || exports.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    output::print(facts, |out| {
        writeln!(out, "unset AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE")?;
        for (name, value) in &exports {
            // Within single quotes a shell changes nothing; a single quote itself ends them and is put between double ones.
            writeln!(out, "export {name}='{}'", value.replace('\'', "'\"'\"'"))?;
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Where it will be served, as far as the configuration tells, and what clients will have to trust.
fn expected(
    config: &Config,
    data: &Data,
    description: &Description,
) -> Result<(String, Option<PathBuf>), Failure> {
    let listens = config.listen.unwrap_or(LISTEN_DEFAULT);
    Ok(match Setup::choose(false, config, data, &description.id, listens)? {
        None => (format!("http://{listens}"), None),
        Some(setup) => (setup.endpoint(listens), setup.ca_bundle(data)),
    })
}
