//! `[rotation]`: the databases whose passwords are rotated.

use super::Range;
use crate::Failure;
use outbound::{Reach, Trust};
use rotation::{Databases, Limits};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// PostgreSQL's port, and that of MySQL and MariaDB.
const PORTS: [u16; 2] = [5432, 3306];

/// Without this section, databases on their usual ports are called that are not on this host.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Rotation {
    /// A file with certificates (PEM) that are trusted besides the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The ports that may be called, in place of the usual ones.
    ports: Option<Vec<u16>>,
    /// Addresses that may be called though they are this host's, its link's or reserved.
    #[serde(default)]
    allow: Vec<Range>,
}

impl Rotation {
    /// The ports that the process connects to.
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.ports.clone().unwrap_or_else(|| PORTS.to_vec())
    }

    /// What rotations may call and trust.
    pub(crate) fn databases(&self) -> Result<Databases, Failure> {
        let trust = Trust::with(self.ca_file.as_deref()).map_err(|error| {
            let step = "name a file of certificates in PEM, or none for the system's";
            Failure(error.to_string()).of_setting("rotation.ca-file", step)
        })?;
        let allowed = self.allow.iter().map(|Range(network)| *network).collect();
        Ok(Databases {
            trust: Arc::new(trust),
            reach: Reach::new(self.ports(), allowed),
            limits: Limits::default(),
        })
    }
}
