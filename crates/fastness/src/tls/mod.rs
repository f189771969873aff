//! TLS of the server: where its certificate comes from, and keeping it fresh.

mod authority;
mod files;
mod keeper;
mod names;

pub(crate) use keeper::Keeper;

use crate::Failure;
use crate::config::{ClientCertificates, Config};
use crate::deployment::{Data, create_private, default_made_file, lies_in, write_private};
use authority::Authority;
use keyring::Keyring;
use server::Identity;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where the server's certificate comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Files that the operator keeps.
    Given { certificate: PathBuf, key: PathBuf },
    /// The deployment's own authority, which keeps the certificate and its key in one file.
    Own { file: PathBuf, names: Vec<String>, id: String },
}

/// Which clients are let in by certificate.
#[derive(Clone, Debug)]
pub(crate) struct ClientAuthority {
    pub(crate) file: PathBuf,
    pub(crate) required: bool,
}

/// What is configured.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) source: Source,
    pub(crate) clients: Option<ClientAuthority>,
}

/// Whether TLS is spoken: as flags or configuration say, and for a deployment that has an authority of its own.
pub(crate) fn is_wanted(asked: bool, config: &Config, data: &Data) -> bool {
    asked || config.tls.is_some() || data.authority().exists()
}

/// Requires that the files of the deployment's own authority, if it has one, are what was written.
pub(crate) fn check(data: &Data, keyring: &Keyring) -> Result<(), Failure> {
    Authority::check(data, keyring)
}

impl Setup {
    /// What flags and configuration say; none if TLS is not spoken.
    pub(crate) fn choose(
        asked: bool,
        config: &Config,
        data: &Data,
        id: &str,
        listens: SocketAddr,
    ) -> Result<Option<Self>, Failure> {
        if !is_wanted(asked, config, data) {
            return Ok(None);
        }
        let tls = config.tls.clone().unwrap_or_default();
        let source = match (tls.certificate, tls.key) {
            (Some(certificate), Some(key)) => {
                if !tls.names.is_empty() || tls.made_file.is_some() {
                    return Err(Failure(
                        "tls.names and tls.made-file are for a certificate that is made here, and tls.certificate names one that is given: leave out the ones or the \
                         other"
                            .to_owned(),
                    ));
                }
                Source::Given { certificate, key }
            }
            (None, None) => {
                let file = match tls.made_file {
                    Some(file) => file,
                    None => default_made_file(id)?,
                };
                outside(&file, data)?;
                Source::Own { file, names: names::wanted(&tls.names, listens)?, id: id.to_owned() }
            }
            _ => {
                return Err(Failure(
                    "tls.certificate and tls.key go together: name both, or neither".to_owned(),
                ));
            }
        };
        let clients = match (tls.client_ca, tls.client_certificates) {
            (None, None) => None,
            (Some(file), Some(mode)) => {
                Some(ClientAuthority { file, required: mode == ClientCertificates::Required })
            }
            _ => {
                return Err(Failure(
                    "tls.client-ca and tls.client-certificates go together: set both, or neither".to_owned(),
                ));
            }
        };
        Ok(Some(Self { source, clients }))
    }

    /// The certificate that clients have to trust, where it is the deployment's own.
    pub(crate) fn ca_bundle(&self, data: &Data) -> Option<PathBuf> {
        let path = data.authority_certificate();
        // Whoever exports it may be in another directory later.
        matches!(self.source, Source::Own { .. }).then(|| std::path::absolute(&path).unwrap_or(path))
    }

    /// Where clients reach a listener.
    pub(crate) fn endpoint(&self, listens: SocketAddr) -> String {
        match &self.source {
            Source::Given { .. } => {
                let names = files::identity(&self.source).map(|identity| identity.names().to_vec());
                names::endpoint(&names.unwrap_or_default(), listens)
            }
            Source::Own { names, .. } => names::endpoint(names, listens),
        }
    }

    /// Where files are that the server reads again when they change: the directories, as files in them are replaced, also those
    /// that links lead to.
    pub(crate) fn reads(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        if let Source::Given { certificate, key } = &self.source {
            files.extend([certificate, key]);
        }
        files.extend(self.clients.iter().map(|clients| &clients.file));
        let real = files.iter().filter_map(|file| file.canonicalize().ok()).collect::<Vec<_>>();
        let given = files.into_iter().map(|file| std::path::absolute(file).unwrap_or(file.clone()));
        given.chain(real).filter_map(|file| file.parent().map(Path::to_owned)).collect()
    }

    /// Where the server writes certificates, made if it is not there.
    pub(crate) fn writes(&self) -> Result<Option<PathBuf>, Failure> {
        let Source::Own { file, .. } = &self.source else { return Ok(None) };
        let directory = std::path::absolute(file)?.parent().map(Path::to_owned);
        directory.as_deref().map(create_private).transpose()?;
        Ok(directory)
    }

    /// Makes the deployment's own authority and certificate where they are wanted and absent.
    pub(crate) fn prepare(&self, data: &Data, keyring: &Keyring) -> Result<(), Failure> {
        let Source::Own { file, names, id } = &self.source else { return Ok(()) };
        let (authority, new) = Authority::open_or_create(data, keyring, id)?;
        let now = SystemTime::now();
        if !new && files::identity(&self.source).is_ok_and(|identity| !is_due(&identity, names, now)) {
            return Ok(());
        }
        let issued = authority.issue(names)?;
        let unmade =
            |failure: Failure| failure.of_setting("tls.made-file", "name a file that the server can write");
        file.parent().map_or(Ok(()), create_private).map_err(unmade)?;
        write_private(file, issued.as_bytes()).map_err(unmade)?;
        tracing::info!(file = %file.display(), ?names, "made a server certificate");
        Ok(())
    }
}

/// Whether a certificate made here has to be made again: a third of its time is left, or it is for other names.
fn is_due(identity: &Identity, names: &[String], now: SystemTime) -> bool {
    let valid = identity.not_after().duration_since(identity.not_before()).unwrap_or_default();
    let left = identity.not_after().duration_since(now).unwrap_or_default();
    let (mut found, mut wanted) = (identity.names().to_vec(), names.to_vec());
    found.sort_unstable();
    wanted.sort_unstable();
    left < valid / 3 || found != wanted
}

/// A key that is not sealed must not lie where the data lies: whoever has a copy of the one would have the other.
fn outside(file: &Path, data: &Data) -> Result<(), Failure> {
    if lies_in(file, data.path()) {
        return Err(Failure(format!(
            "tls.made-file: {} lies in the data directory: the server's key is not sealed, since it is needed before the keyring is open: name a file elsewhere",
            file.display()
        )));
    }
    Ok(())
}
