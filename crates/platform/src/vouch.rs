//! The keyring as what vouches for the store's history, and opens what it holds when it is verified.

use crate::index::CHANGES;
use crate::{EVENTS, TRAIL};
use keyring::Keyring;
use serde::Deserialize;
use store::{Inspector, LogId, Witness};

/// Where statements of the store are sealed. No table's name has a space.
const STATEMENT_PLACE: &[u8] = b"store statement\0";

/// Proves by sealing nothing at a place that is the statement: only who has the keyring can do that, or check it.
#[derive(Clone, Debug)]
pub struct Vouching(Keyring);

impl Vouching {
    /// Vouches with a keyring.
    pub fn new(keyring: &Keyring) -> Self {
        Self(keyring.clone())
    }
}

fn place(statement: &[u8]) -> Vec<u8> {
    [STATEMENT_PLACE, statement].concat()
}

impl Witness for Vouching {
    fn attest(&self, statement: &[u8]) -> Result<Vec<u8>, String> {
        self.0.seal(&place(statement), &[]).map_err(|error| error.to_string())
    }

    fn confirms(&self, statement: &[u8], proof: &[u8]) -> bool {
        self.0.open_sealed(&place(statement), proof).is_ok()
    }
}

/// Opens every row and record, and names records by what an auditor looks for.
pub struct Opener<'a> {
    keyring: &'a Keyring,
    stop: &'a dyn Fn() -> bool,
}

impl<'a> Opener<'a> {
    /// Opens with a keyring, until `stop` says so.
    pub fn new(keyring: &'a Keyring, stop: &'a dyn Fn() -> bool) -> Self {
        Self { keyring, stop }
    }
}

impl std::fmt::Debug for Opener<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}

/// What an audit record is called by.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    #[serde(rename = "eventID")]
    event_id: String,
    event_name: String,
    event_time: String,
    #[serde(rename = "requestID")]
    request_id: Option<String>,
}

impl Inspector for Opener<'_> {
    fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        self.keyring.open_sealed(key, value).map(drop).map_err(|error| error.to_string())
    }

    fn record(&mut self, log: LogId, record: &[u8]) -> Result<String, String> {
        for (other, entry) in [(EVENTS, "an event"), (CHANGES, "a change of a resource")] {
            if log == other.id() {
                let opened = self.keyring.open_sealed(other.place(), record);
                return opened.map(|_| entry.to_owned()).map_err(|error| error.to_string());
            }
        }
        if log != TRAIL.id() {
            return Err("there is no such log".to_owned());
        }
        let text = self.keyring.open_sealed(TRAIL.place(), record).map_err(|error| error.to_string())?;
        let named: Named =
            serde_json::from_slice(&text).map_err(|error| format!("not an audit record: {error}"))?;
        let request = named.request_id.map(|id| format!(", request {id}")).unwrap_or_default();
        Ok(format!("{} of {} (event {}{request})", named.event_name, named.event_time, named.event_id))
    }

    fn stop(&self) -> bool {
        (self.stop)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyring::{Passphrase, SystemRandom, Work};
    use std::sync::Arc;

    /// Hardly any: this is no secret.
    const WORK: Work = Work { memory_kib: 64, passes: 1, lanes: 1 };

    fn keyring(directory: &std::path::Path, name: &str) -> Keyring {
        let seal = Passphrase::with_work(b"a passphrase for tests".to_vec().into(), WORK);
        Keyring::create(&directory.join(name), &seal, Arc::new(SystemRandom)).unwrap()
    }

    #[test]
    fn only_the_own_keyring_vouches_and_only_for_what_was_said() {
        let scratch = tempfile::tempdir().unwrap();
        let own = Vouching::new(&keyring(scratch.path(), "own"));
        let other = Vouching::new(&keyring(scratch.path(), "other"));
        let proof = own.attest(b"group\0one").unwrap();
        assert!(proof.len() <= store::PROOF_BYTES_MAX);
        assert!(own.confirms(b"group\0one", &proof));
        assert!(!own.confirms(b"group\0two", &proof));
        assert!(!other.confirms(b"group\0one", &proof));
        assert!(!own.confirms(b"group\0one", &[]));
        own.0.rotate().unwrap();
        assert!(own.confirms(b"group\0one", &proof), "a new epoch keeps what was proven before");
    }
}
