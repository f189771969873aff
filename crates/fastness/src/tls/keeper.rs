//! Keeps the server's certificate fresh while it serves: takes up what changed in files, and renews what is made here.

use super::files::{self, Fingerprint};
use super::{Setup, Source, is_due};
use crate::Failure;
use crate::deployment::Data;
use server::{Gate, Identity, Tls};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, watch};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How long a renewal that failed is left alone.
const PAUSE: Duration = Duration::from_secs(60);

/// How long before its end a given certificate is warned of, and how often.
const WARN: Duration = Duration::from_secs(14 * 24 * 3600);
const WARN_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// Looks after one listener's certificate.
pub(crate) struct Keeper {
    setup: Setup,
    data: Data,
    gate: Arc<Gate>,
    tls: Arc<Tls>,
    seen: Fingerprint,
    shown: Option<Identity>,
    /// Why what the files hold is not shown, if it is not. It is tried again at each look: a file's mode and the time of day change no file.
    refused: Option<String>,
    not_before: Option<SystemTime>,
    warned: Option<SystemTime>,
}

impl Keeper {
    /// Shows what the files hold. While a deployment is sealed that has no certificate on this host, there is nothing to show, and
    /// handshakes fail until it is unsealed.
    pub(crate) fn start(setup: Setup, data: Data, gate: Arc<Gate>) -> Result<Self, Failure> {
        let mut keeper = Self {
            seen: Fingerprint::new(),
            setup,
            data,
            gate,
            tls: Arc::default(),
            shown: None,
            refused: None,
            not_before: None,
            warned: None,
        };
        let sealed = match keeper.gate.deployment() {
            Some(deployment) => {
                keeper.setup.prepare(&keeper.data, &deployment.env().keyring)?;
                false
            }
            None => true,
        };
        match keeper.load() {
            Err(Failure { message: why, .. })
                if sealed && matches!(keeper.setup.source, Source::Own { .. }) =>
            {
                tracing::warn!("no TLS until the deployment is unsealed: {why}");
                keeper.refused = Some(why);
            }
            loaded => loaded?,
        }
        Ok(keeper)
    }

    /// What the listener speaks.
    pub(crate) fn tls(&self) -> Arc<Tls> {
        Arc::clone(&self.tls)
    }

    /// What is configured.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Looks after it until `stop` turns true; at once when `hurry` is notified.
    pub(crate) async fn run(mut self, hurry: Arc<Notify>, mut stop: watch::Receiver<bool>) {
        loop {
            let asked = tokio::select! {
                () = tokio::time::sleep(LOOK) => false,
                () = hurry.notified() => true,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let now = SystemTime::now();
            self.renew(now);
            let changed = files::fingerprint(&self.setup.source, self.setup.clients.as_ref()) != self.seen;
            if asked || changed || self.refused.is_some() {
                self.take_up(asked || changed);
            }
            self.warn(now);
        }
    }

    /// Shows what the files hold now, and tells what came of it if it is another outcome than the last, or if it is `awaited`.
    fn take_up(&mut self, awaited: bool) {
        let before = self.refused.take();
        match self.load() {
            Ok(()) => tracing::info!("took up a certificate: new connections are shown it"),
            Err(Failure { message: why, .. }) => {
                if awaited || before.as_ref() != Some(&why) {
                    tracing::error!("the certificate stays as it was, as the new one is no good: {why}");
                }
                self.refused = Some(why);
            }
        }
    }

    fn load(&mut self) -> Result<(), Failure> {
        // Before reading, so that a change while reading is seen at the next look.
        self.seen = files::fingerprint(&self.setup.source, self.setup.clients.as_ref());
        let identity = files::identity(&self.setup.source)?;
        let clients = self.setup.clients.as_ref().map(files::clients).transpose()?;
        self.tls.present(&identity, clients.as_ref())?;
        self.shown = Some(identity);
        self.warned = None;
        Ok(())
    }

    /// Makes a certificate that has to be made again, if the keyring is open.
    fn renew(&mut self, now: SystemTime) {
        let Source::Own { names, .. } = &self.setup.source else { return };
        let due = self.shown.as_ref().is_none_or(|identity| is_due(identity, names, now));
        if !due || self.not_before.is_some_and(|not_before| now < not_before) {
            return;
        }
        let Some(deployment) = self.gate.deployment() else { return };
        if let Err(Failure { message: why, .. }) = self.setup.prepare(&self.data, &deployment.env().keyring) {
            tracing::error!("could not make a server certificate, trying again: {why}");
        }
        self.not_before = Some(now + PAUSE);
    }

    fn warn(&mut self, now: SystemTime) {
        let Some(identity) = &self.shown else { return };
        let left = identity.not_after().duration_since(now).unwrap_or_default();
        if left > WARN || self.warned.is_some_and(|at| now < at + WARN_AGAIN) {
            return;
        }
        self.warned = Some(now);
        tracing::warn!(hours = left.as_secs() / 3600, "the server certificate is near its end");
    }
}
