//! The position of an export, kept durably by the exporter.

use crate::deployment::{read_json, write_json};
use crate::exit::Exit;
use crate::{Failure, failure};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is acknowledged of an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The deployment's id: the positions of another mean nothing.
    deployment: String,
    /// The position of the next record.
    next: u64,
    /// The head that the history had by then.
    head: String,
}

/// The position, and the file that keeps it, if one does.
#[derive(Debug)]
pub(super) struct Position {
    file: Option<PathBuf>,
    deployment: String,
    pub(super) next: u64,
}

impl Position {
    /// The position that a file keeps, or else the first.
    pub(super) fn read(file: Option<PathBuf>, deployment: &str, first: u64) -> Result<Self, Failure> {
        let kept: Option<Kept> = match &file {
            Some(path) => read_json(path)?,
            None => None,
        };
        if let (Some(path), Some(kept)) = (&file, &kept)
            && kept.deployment != deployment
        {
            let why = format!(
                "it is of deployment {}, and this is {deployment}: name another file with --position",
                kept.deployment
            );
            return Err(failure(path.display(), why).with(Exit::OtherHistory));
        }
        let next = kept.map_or(first, |kept| kept.next);
        Ok(Self { file, deployment: deployment.to_owned(), next })
    }

    /// Goes on to a position, once what is before it was acknowledged.
    pub(super) fn advance(&mut self, next: u64, head: &str) -> Result<(), Failure> {
        self.next = next;
        let Some(path) = &self.file else { return Ok(()) };
        write_json(path, &Kept { deployment: self.deployment.clone(), next, head: head.to_owned() })
    }
}
