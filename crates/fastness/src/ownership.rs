//! Files that root makes for the user of `[process] user`.
//!
//! Root runs `init`, and whatever else is done while nobody serves, and its files are root's then. `init` and `serve` give them to the user who serves, so that
//! nobody has to. What that user may have put in their place is not followed: each file is opened below the directory that was opened
//! before, without links, and only a directory, or a file of root's with one name, changes its owner.

use crate::config::Config;
use crate::deployment::{Data, SealPlace};
use crate::{Failure, failure};
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, fchown, fstat, openat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The directories below the data directory: the store's, and one more.
const DEPTH_MAX: u32 = 3;

/// The permission of others to go through a directory.
const OTHERS_THROUGH: u32 = 0o001;

/// The user who is to serve, if root is to become one.
struct Server<'a> {
    name: &'a str,
    uid: Uid,
    gid: Gid,
}

impl<'a> Server<'a> {
    fn of(config: &'a Config) -> Result<Option<Self>, Failure> {
        let Some(name) = config.process.user.as_deref().filter(|_| confine::is_root()) else {
            return Ok(None);
        };
        let (uid, gid) = confine::user(name)
            .map_err(|error| Failure::from(error).of_setting("[process] user", "name a user of this host"))?;
        Ok(Some(Self { name, uid: Uid::from_raw(uid), gid: Gid::from_raw(gid) }))
    }
}

/// Refuses places that the user of `[process] user` could not reach, before anything is made there.
pub(crate) fn require_reachable(config: &Config, paths: &[(&str, &Path)]) -> Result<(), Failure> {
    let Some(server) = Server::of(config)? else { return Ok(()) };
    for (setting, path) in paths {
        let path = std::path::absolute(path)?;
        for directory in path.ancestors().skip(1) {
            let Ok(found) = directory.metadata() else { continue };
            let own = found.uid() == server.uid.as_raw() && found.mode() & 0o100 != 0;
            let group = found.gid() == server.gid.as_raw() && found.mode() & 0o010 != 0;
            if !own && !group && found.mode() & OTHERS_THROUGH == 0 {
                return Err(Failure(format!(
                    "{}: the user `{}` of [process] user cannot go through {}: name another place with {setting}, or let others go through (chmod o+x)",
                    path.display(),
                    server.name,
                    directory.display()
                )));
            }
        }
    }
    Ok(())
}

/// Gives the data directory, and the key file that the deployment was made with, to the user who serves.
pub(crate) fn hand_over(config: &Config, data: &Data, made: &[PathBuf]) -> Result<(), Failure> {
    let Some(server) = Server::of(config)? else { return Ok(()) };
    let key_files = match data.describe()?.map(|description| description.seal) {
        Some(SealPlace::KeyFile { path, successor }) => vec![path, successor.unwrap_or_default()],
        _ => Vec::new(),
    };
    for path in
        made.iter().map(PathBuf::as_path).chain([data.path()]).chain(key_files.iter().map(PathBuf::as_path))
    {
        // Elsewhere whoever owns the directory above could have put something else there.
        if !path.as_os_str().is_empty() && above_is_roots(path, &server) {
            give(CWD, path, &server, 0).map_err(|error| failure(path.display(), error))?;
        }
    }
    Ok(())
}

/// The directories and the file that do not exist yet, of a file that root is about to make: from the file up.
pub(crate) fn absent(path: &Path) -> Vec<PathBuf> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.ancestors().take_while(|path| path.symlink_metadata().is_err()).map(Path::to_owned).collect()
}

/// Nobody but root, or the user that root handed a directory to before, can change what a path leads to.
fn above_is_roots(path: &Path, server: &Server<'_>) -> bool {
    let Some(parent) = path.parent().and_then(|parent| parent.canonicalize().ok()) else { return false };
    let private = |found: &std::fs::Metadata| found.uid() == 0 || found.uid() == server.uid.as_raw();
    let closed = |found: &std::fs::Metadata| found.mode() & 0o022 == 0 || found.mode() & 0o1000 != 0;
    let mut above = parent.ancestors().filter_map(|directory| directory.metadata().ok());
    // The directory itself may be the user's; what is above it is not.
    let first = above.next().is_some_and(|found| private(&found) && closed(&found));
    first && above.all(|found| found.uid() == 0 && closed(&found))
}

/// Gives one file, or a directory with what is in it, to a user.
fn give(
    above: impl std::os::fd::AsFd,
    name: impl rustix::path::Arg,
    server: &Server<'_>,
    depth: u32,
) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: OwnedFd = match openat(above, name, flags, Mode::empty()) {
        // A link, a socket, or gone: none of root's making.
        Err(Errno::LOOP | Errno::NXIO | Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    let found = fstat(&file)?;
    let kind = FileType::from_raw_mode(found.st_mode);
    let roots = found.st_uid == 0 && (kind.is_dir() || (kind.is_file() && found.st_nlink == 1));
    if roots {
        fchown(&file, Some(server.uid), Some(server.gid))?;
    }
    if !kind.is_dir() || depth >= DEPTH_MAX {
        return Ok(());
    }
    for entry in Dir::read_from(&file)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            give(&file, entry.file_name(), server, depth + 1)?;
        }
    }
    Ok(())
}
