//! The position of an export, kept durably by the exporter.

use super::chain::Chain;
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
    /// The digest of what went out until then.
    chain: Chain,
}

/// The position, and the file that keeps it, if one does.
#[derive(Debug)]
pub(super) struct Position {
    file: Option<PathBuf>,
    deployment: String,
    pub(super) next: u64,
    /// The digest of what was acknowledged, in this run and those before.
    pub(super) chain: Chain,
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
        let (next, chain) = kept.map_or_else(|| (first, Chain::begin(first)), |kept| (kept.next, kept.chain));
        Ok(Self { file, deployment: deployment.to_owned(), next, chain })
    }

    /// Goes on to a position, once the records before it were acknowledged.
    pub(super) fn advance(&mut self, records: &[String], next: u64, head: &str) -> Result<(), Failure> {
        self.next = next;
        records.iter().for_each(|record| self.chain.add(record));
        let Some(path) = &self.file else { return Ok(()) };
        let (deployment, head, chain) = (self.deployment.clone(), head.to_owned(), self.chain.clone());
        write_json(path, &Kept { deployment, next, head, chain })
    }
}
