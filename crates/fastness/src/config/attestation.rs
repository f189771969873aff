//! `[attestation]`: who vouches for Nitro enclaves and NitroTPMs.

use crate::{Failure, failure};
use attestation::Roots;
use serde::Deserialize;
use std::path::PathBuf;

/// Without roots nobody does, and every attestation document is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Attestation {
    /// Files with root certificates (PEM).
    #[serde(default)]
    roots: Vec<PathBuf>,
}

impl Attestation {
    /// Reads the files.
    pub(crate) fn read(&self) -> Result<Roots, Failure> {
        let mut roots = Roots::default();
        for path in &self.roots {
            let refused = |failure: Failure| {
                failure.of_setting("attestation.roots", "name files of certificates in PEM")
            };
            let pem = std::fs::read(path).map_err(|error| refused(failure(path.display(), error)))?;
            roots.add_pem(&pem).map_err(|error| refused(failure(path.display(), error)))?;
        }
        Ok(roots)
    }
}
