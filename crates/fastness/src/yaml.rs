//! Files that people write in YAML, or JSON.

use crate::Failure;
use serde::de::DeserializeOwned;
use serde_saphyr::Location;
use std::fmt::Display;
use std::path::Path;

/// Reads a file of at most so many bytes.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    let told = |error: &dyn Display| Failure(format!("{}: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| told(&error))?.len();
    if size > bytes_max {
        return Err(told(&format!("larger than {bytes_max} bytes")));
    }
    std::fs::read_to_string(path).map_err(|error| told(&error))
}

/// Parses the text of a file: JSON where its name ends in `.json`, YAML otherwise.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, Failure> {
    if path.extension().is_some_and(|extension| extension == "json") {
        let parsed = serde_json::from_str(text).map_err(|error| {
            Failure(format!("{}:{}:{}: {error}", path.display(), error.line(), error.column()))
        })?;
        // It is YAML as well, but for tabs, and YAML is read with the places of everything.
        return Ok(serde_saphyr::from_str(&text.replace('\t', " ")).unwrap_or(parsed));
    }
    serde_saphyr::from_str(text).map_err(|error| match error.location() {
        Some(at) => {
            let message = error.without_snippet().to_string();
            let message = message.lines().next().unwrap_or_default().to_owned();
            Failure(format!("{}:{}:{}: {message}", path.display(), at.line(), at.column()))
        }
        None => at(path, Location::UNKNOWN, error.without_snippet()),
    })
}

/// A failure at a place of a file.
pub(crate) fn at(file: &Path, place: Location, message: impl Display) -> Failure {
    let file = file.display();
    match place == Location::UNKNOWN {
        true => Failure(format!("{file}: {message}")),
        false => Failure(format!("{file}:{}:{}: {message}", place.line(), place.column())),
    }
}
