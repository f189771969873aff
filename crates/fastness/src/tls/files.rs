//! Reading certificates and keys from files.

use super::{ClientAuthority, Source};
use crate::{Failure, failure};
use server::{Clients, Identity};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use zeroize::Zeroizing;

/// The largest file of certificates or keys, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What group and others must not be able to do with a key: others nothing, the group not more than read, as key files of services
/// often belong to a group.
const EXPOSED: u32 = 0o037;

/// The state of files, by which a change is noticed: place, size and time.
pub(super) type Fingerprint = Vec<Option<(u64, u64, u64, i64, i64)>>;

/// The identity in the files of a source.
pub(super) fn identity(source: &Source) -> Result<Identity, Failure> {
    let (certificate, key) = match source {
        Source::Given { certificate, key } => (certificate, key),
        Source::Own { file, .. } => (file, file),
    };
    let (setting, key_setting) = match source {
        Source::Given { .. } => ("tls.certificate", "tls.key"),
        Source::Own { .. } => ("tls.made-file", "tls.made-file"),
    };
    let unread = |setting: &'static str| {
        move |error: Failure| error.of_setting(setting, "name a file in PEM that the server can read")
    };
    let key_pem = read(key, true).map_err(unread(key_setting))?;
    let chain = if certificate == key {
        key_pem.clone()
    } else {
        read(certificate, false).map_err(unread(setting))?
    };
    let wrong = |error| {
        let what = failure(format!("{} with {}", certificate.display(), key.display()), error);
        what.of_setting(setting, "name a certificate that is valid now, with its own key")
    };
    let identity = Identity::from_pem(&chain, &key_pem).map_err(wrong)?;
    identity.check_time(SystemTime::now()).map_err(wrong)?;
    Ok(identity)
}

/// The clients whose authorities are in a file.
pub(super) fn clients(authority: &ClientAuthority) -> Result<Clients, Failure> {
    let refused = |error: Failure| error.of_setting("tls.client-ca", "name a file of certificates in PEM");
    let pem = read(&authority.file, false).map_err(refused)?;
    Clients::from_pem(&pem, authority.required)
        .map_err(|error| refused(failure(authority.file.display(), error)))
}

/// The state of all files that matter.
pub(super) fn fingerprint(source: &Source, clients: Option<&ClientAuthority>) -> Fingerprint {
    let mut files: Vec<&PathBuf> = match source {
        Source::Given { certificate, key } => vec![certificate, key],
        Source::Own { file, .. } => vec![file],
    };
    files.extend(clients.map(|clients| &clients.file));
    let state = |found: Metadata| (found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec());
    files.into_iter().map(|file| std::fs::metadata(file).ok().map(state)).collect()
}

fn read(path: &Path, secret: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let file = File::open(path).map_err(|error| failure(path.display(), error))?;
    let found = file.metadata().map_err(|error| failure(path.display(), error))?;
    if secret && found.mode() & EXPOSED != 0 {
        return Err(Failure(format!(
            "{}: a private key must not be open to others than its owner and readers of its group (mode {:o}): chmod 600",
            path.display(),
            found.mode() & 0o777
        )));
    }
    if found.size() > FILE_BYTES_MAX {
        return Err(failure(path.display(), "too large for certificates and keys"));
    }
    // Room for all, so that no part of a key is left behind where the text was before it grew.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(found.size())?.saturating_add(1)));
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| failure(path.display(), error))?;
    Ok(bytes)
}
