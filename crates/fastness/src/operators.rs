//! Names of those who may command a server: root, and the user who runs it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::sync::OnceLock;

static NAMES: OnceLock<BTreeMap<u32, String>> = OnceLock::new();

/// Looks the names up, before the process can no longer.
pub(crate) fn look_up() {
    NAMES.get_or_init(|| {
        let own = std::fs::metadata("/proc/self").map_or(0, |found| found.uid());
        [0, own].into_iter().filter_map(|uid| Some((uid, confine::name_of(uid)?))).collect()
    });
}

/// The name of a user; its number, if it has none.
pub(crate) fn name(uid: u32) -> String {
    look_up();
    NAMES.get().and_then(|names| names.get(&uid)).cloned().unwrap_or_else(|| uid.to_string())
}
