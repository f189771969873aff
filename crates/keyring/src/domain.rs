//! Domain keys: one an epoch, all kept, so that what was sealed in an old epoch can still be opened.

use crate::secret::Secret;
use std::collections::BTreeMap;

/// The domain keys of a keyring, never none.
pub(crate) struct Domains {
    newest: (u32, Secret),
    older: BTreeMap<u32, Secret>,
}

impl Domains {
    /// The keys by epoch; none, if there is no key.
    pub(crate) fn new(mut keys: BTreeMap<u32, Secret>) -> Option<Self> {
        let newest = keys.pop_last()?;
        Some(Self { newest, older: keys })
    }

    pub(crate) fn oldest(&self) -> &Secret {
        self.older.values().next().unwrap_or(&self.newest.1)
    }

    pub(crate) fn newest(&self) -> (u32, &Secret) {
        (self.newest.0, &self.newest.1)
    }

    /// Whether these are all of the earlier keys and maybe more.
    pub(crate) fn continues(&self, earlier: &Self) -> bool {
        let kept = |(epoch, key): (u32, &Secret)| self.get(epoch).is_some_and(|own| own.equals(key));
        kept(earlier.newest()) && earlier.older.iter().all(|(epoch, key)| kept((*epoch, key)))
    }

    pub(crate) fn get(&self, epoch: u32) -> Option<&Secret> {
        if epoch == self.newest.0 { Some(&self.newest.1) } else { self.older.get(&epoch) }
    }
}
