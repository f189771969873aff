//! Connections that wait for the next call.

use crate::settings::Way;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many connections to one proxy are kept.
const IDLE_MAX: usize = 16;

/// How long one is kept. Servers commonly close theirs after a minute.
const IDLE_TIME: Duration = Duration::from_secs(50);

/// A connection on which requests can be sent.
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Whose connections: the host that certificates name, and the way there.
pub(crate) type Place = (String, Way);

#[derive(Default)]
pub(crate) struct Pool(Mutex<HashMap<Place, Vec<(Instant, Sender)>>>);

impl Pool {
    /// A connection that still stands, as far as is known.
    pub(crate) fn take(&self, place: &Place) -> Option<Sender> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.get_mut(place)?;
        while let Some((since, sender)) = kept.pop() {
            if since.elapsed() < IDLE_TIME && sender.is_ready() {
                return Some(sender);
            }
        }
        idle.remove(place);
        None
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn keep(&self, place: &Place, sender: Sender) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle.entry(place.clone()).or_default();
        kept.retain(|(since, sender)| since.elapsed() < IDLE_TIME && !sender.is_closed());
        if kept.len() < IDLE_MAX {
            kept.push((Instant::now(), sender));
        }
    }

    /// Lets go of all connections to a proxy.
    pub(crate) fn forget(&self, place: &Place) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
    }
}
