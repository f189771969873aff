//! A deployment on disk: the data directory and what lies in it.

use crate::args::Place;
use crate::config::Config;
use crate::exit::Exit;
use crate::{Failure, failure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyring::Keyring;
use platform::Vouching;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use store::Witness as _;

/// The newest form of the description that this program writes and reads.
const FORMAT: u32 = 2;

/// In front of what is attested of a description.
const STATEMENT: &[u8] = b"deployment\0";

/// Longest wait of a server for a deployment that another process has, and the time between two looks.
const CLAIM_TIME: Duration = Duration::from_secs(2);
const CLAIM_LOOK: Duration = Duration::from_millis(20);

/// The permissions of group and others to write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The description of a deployment, in `deployment.json`. It is written last, so that its presence tells a whole deployment.
///
/// It is read before the keyring is open, as it tells where the seal is; only then is its proof checked ([`Description::confirm`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(crate) format: u32,
    /// A random name, by which its default key file is called.
    pub(crate) id: String,
    /// The first account.
    pub(crate) account: String,
    /// The region that is exported by default.
    pub(crate) region: String,
    /// When it was made (RFC 3339).
    pub(crate) created: String,
    /// The kind of seal it was made with, and its file.
    pub(crate) seal: SealPlace,
    /// Made by `fastness dev` for tests, and gone when that ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) scratch: bool,
    /// The keyring's proof that all else was written here, in base64.
    #[serde(default)]
    proof: String,
}

impl Description {
    /// The description of a new deployment.
    pub(crate) fn new(id: String, account: &str, region: &str, created: String, seal: SealPlace) -> Self {
        let (account, region) = (account.to_owned(), region.to_owned());
        Self { format: FORMAT, id, account, region, created, seal, scratch: false, proof: String::new() }
    }

    /// The bytes that are attested: everything but the proof.
    fn statement(&self) -> Result<Vec<u8>, Failure> {
        let json = serde_json::to_vec(&Self { proof: String::new(), ..self.clone() })?;
        Ok([STATEMENT, &json].concat())
    }

    /// Requires that it was written by who has the keyring.
    pub(crate) fn confirm(&self, keyring: &Keyring) -> Result<(), Failure> {
        let proof = STANDARD.decode(&self.proof).unwrap_or_default();
        if Vouching::new(keyring).confirms(&self.statement()?, &proof) {
            return Ok(());
        }
        Err(Failure("it was altered, or is another deployment's: its proof does not fit".into()))
    }

    /// As it stands in its file.
    fn text(&self) -> Result<Vec<u8>, Failure> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }
}

/// The part of a description that every version of this program writes.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// Where the seal was when the deployment was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(crate) enum SealPlace {
    KeyFile {
        path: PathBuf,
        /// The file that is to take its place, while the keyring is being rekeyed: the keyring opens with one or the other.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        successor: Option<PathBuf>,
    },
    Passphrase,
    /// As the configuration says, or by shares.
    Configured,
}

/// Where a running server listens, in `serving.json`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Serving {
    pub(crate) pid: u32,
    pub(crate) endpoint: String,
    /// The address it listens on, which the endpoint may name otherwise.
    pub(crate) listens: SocketAddr,
    /// The certificate that clients have to trust, where it is the deployment's own authority's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Where the monitoring listener is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) monitor: Option<String>,
}

/// The data directory.
#[derive(Clone, Debug)]
pub(crate) struct Data(PathBuf);

impl Data {
    /// The one that flags, configuration or the default name.
    ///
    /// One into which others than its owner may write is refused: they could put their own socket in place of the operator's channel,
    /// and be told a passphrase.
    pub(crate) fn locate(place: &Place, config: &Config) -> Result<Self, Failure> {
        let path = match place.data.as_ref().or(config.data.as_ref()) {
            Some(path) => path.clone(),
            None => home("XDG_DATA_HOME", ".local/share")
                .ok_or_else(|| Failure("no home directory: name a data directory with --data".into()))?
                .join("fastness"),
        };
        match fs::metadata(&path) {
            Ok(found) if found.mode() & WRITABLE_BY_OTHERS != 0 => {
                let mode = found.mode() & 0o7777;
                Err(Failure(format!(
                    "{}: others than its owner may write into this data directory (mode {mode:04o}): chmod 700, or name another with --data",
                    path.display()
                )))
            }
            // What is absent or cannot be looked at is told of when it is needed.
            _ => Ok(Self(path)),
        }
    }

    /// One at a given place.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The files beside the store that belong into a backup; not every deployment has all of them.
    pub(crate) fn backed_up(&self) -> [PathBuf; 5] {
        let (authority, certificate) = (self.authority(), self.authority_certificate());
        [self.keyring(), self.description(), self.root_credentials(), authority, certificate]
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn keyring(&self) -> PathBuf {
        self.0.join("keyring.json")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    pub(crate) fn root_credentials(&self) -> PathBuf {
        self.0.join("root-credentials.sealed")
    }

    /// The deployment's own certificate authority with its key, sealed.
    pub(crate) fn authority(&self) -> PathBuf {
        self.0.join("authority.sealed")
    }

    /// That authority's certificate, for clients.
    pub(crate) fn authority_certificate(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// Where the operator's channel of a running server is.
    pub(crate) fn admin_socket(&self) -> PathBuf {
        self.0.join("admin.sock")
    }

    pub(crate) fn description(&self) -> PathBuf {
        self.0.join("deployment.json")
    }

    fn serving_file(&self) -> PathBuf {
        self.0.join("serving.json")
    }

    /// A failure of the directory itself.
    fn unusable(failure: Failure) -> Failure {
        failure
            .of_setting("data (--data, FASTNESS_DATA)", "name a directory that this user can read and write")
    }

    /// Makes the directory, or takes an empty one.
    pub(crate) fn create(&self) -> Result<(), Failure> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        let unusable = |error| Self::unusable(failure(self.0.display(), error));
        builder.create(&self.0).map_err(unusable)?;
        let mut entries = fs::read_dir(&self.0).map_err(unusable)?;
        // A keyring that could not be made, as with a short passphrase, leaves its lock behind.
        let lock = self.keyring().with_extension("json.lock");
        if entries.any(|entry| entry.map_or(true, |entry| entry.path() != lock)) {
            return Err(Failure(format!(
                "{} is not empty: it holds a deployment already, or another's files; serve it, or name another directory with --data",
                self.0.display()
            )));
        }
        Ok(())
    }

    /// The description; none if there is no deployment here. Only [`Description::confirm`] tells who wrote it.
    pub(crate) fn describe(&self) -> Result<Option<Description>, Failure> {
        let path = self.description();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Self::unusable(failure(path.display(), error))),
        };
        let damaged = |why: &dyn std::fmt::Display| failure(path.display(), why).with(Exit::Damaged);
        let Format { format } = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
        if format != FORMAT {
            let why = format!(
                "it has format {format}, but this program reads format {FORMAT} only: use the version of Fastness that wrote it"
            );
            return Err(failure(path.display(), why));
        }
        let description: Description = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
        if description.text()? != bytes {
            return Err(damaged(&"it is not spelled as it was written"));
        }
        Ok(Some(description))
    }

    /// Writes the description, with the keyring's proof.
    pub(crate) fn write_description(
        &self,
        mut description: Description,
        keyring: &Keyring,
    ) -> Result<(), Failure> {
        let path = self.description();
        let proof = Vouching::new(keyring).attest(&description.statement()?);
        description.proof = STANDARD.encode(proof.map_err(|error| failure(path.display(), error))?);
        write_private(&path, &description.text()?)
    }

    /// Writes down that the seal is another now.
    pub(crate) fn write_seal(&self, seal: SealPlace, keyring: &Keyring) -> Result<(), Failure> {
        let gone = || failure(self.0.display(), "the deployment is gone");
        let description = self.describe()?.ok_or_else(gone)?;
        description.confirm(keyring)?;
        self.write_description(Description { seal, ..description }, keyring)
    }

    /// Keeps others from serving it, as long as the result is kept.
    /// Commands that look into a deployment which nobody serves have it for a moment: they are waited for.
    pub(crate) fn claim(&self) -> Result<fs::File, Failure> {
        let end = Instant::now() + CLAIM_TIME;
        loop {
            match self.claim_unless_served()? {
                Some(claim) => return Ok(claim),
                None if Instant::now() < end => std::thread::sleep(CLAIM_LOOK),
                None => {
                    return Err(failure(
                        self.0.display(),
                        "another process serves this deployment: stop it first, or name another with --data",
                    ));
                }
            }
        }
    }

    /// The same; none if another process serves it.
    pub(crate) fn claim_unless_served(&self) -> Result<Option<fs::File>, Failure> {
        let path = self.0.join("serving.lock");
        let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = open.map_err(|error| Self::unusable(failure(path.display(), error)))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(failure(path.display(), error)),
        }
    }

    /// Where it is served, if it is.
    pub(crate) fn serving(&self) -> Result<Option<Serving>, Failure> {
        read_json(&self.serving_file())
    }

    pub(crate) fn write_serving(&self, serving: &Serving) -> Result<(), Failure> {
        // A server that was sealed has no need to write, which a full disk would not let it.
        if self.serving().is_ok_and(|written| written.as_ref() == Some(serving)) {
            return Ok(());
        }
        write_json(&self.serving_file(), serving)
    }

    pub(crate) fn clear_serving(&self) {
        // If it stays, `status` finds that nobody listens.
        let _gone = fs::remove_file(self.serving_file());
        let _gone = fs::remove_file(self.admin_socket());
    }
}

/// The place of the key file: as flags or configuration say, else outside of the data directory under the user's configuration.
pub(crate) fn default_key_file(id: &str) -> Result<PathBuf, Failure> {
    in_configuration(&format!("{id}.key"), "name a key file with --key-file")
}

/// The place of the server certificate made here and its key: outside of the data directory too, since the key is not sealed, and
/// in a directory of its own, since the server writes there.
pub(crate) fn default_made_file(id: &str) -> Result<PathBuf, Failure> {
    in_configuration(&format!("tls/{id}.pem"), "name a file for the server certificate with tls.made-file")
}

fn in_configuration(name: &str, advice: &str) -> Result<PathBuf, Failure> {
    let base = home("XDG_CONFIG_HOME", ".config");
    let base = base.ok_or_else(|| Failure(format!("no home directory: {advice}")))?;
    Ok(base.join("fastness").join(name))
}

/// Whether a file lies in a directory or below it, links resolved. The file need not exist yet.
pub(crate) fn lies_in(file: &Path, directory: &Path) -> bool {
    let Ok(directory) = directory.canonicalize() else { return false };
    let place = file.canonicalize().or_else(|_| {
        let absolute = std::path::absolute(file)?;
        absolute.parent().map_or(Ok(absolute.clone()), Path::canonicalize)
    });
    place.is_ok_and(|place| place.starts_with(&directory))
}

/// Makes a directory that is its owner's alone, with those above it, unless it is there.
pub(crate) fn create_private(directory: &Path) -> Result<(), Failure> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|error| failure(directory.display(), error))
}

/// Writes a private file so that it is there wholly or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let partial = path.with_extension("partial");
    let write = || {
        // Made here and now: what is left of an attempt that was cut off, or was put there as a link, is not written to.
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        path.parent().map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
    };
    write().map_err(|error: std::io::Error| failure(path.display(), error))
}

/// Writes a private file of JSON, so that it is there wholly or not at all.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let mut json = serde_json::to_vec_pretty(value)?;
    json.push(b'\n');
    write_private(path, &json)
}

/// Reads a file of JSON; none if it is not there.
pub(crate) fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, Failure> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| failure(path.display(), error).with(Exit::Damaged)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failure(path.display(), error)),
    }
}

fn home(variable: &str, below_home: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(below_home)))
}
