//! What stands between the listeners and the deployment: open, or sealed and then without anything behind it.

use crate::answer::answered_in;
use crate::seen::what;
use crate::{Deployment, Peer};
use arc_swap::ArcSwapOption;
use platform::{Client, Service};
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use telemetry::{Outcome, Telemetry};
use wire::route::Router;
use wire::{Answer, ErrorAnswer};

/// How long calls in flight may take to end once the gate is shut.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// How often it is looked whether they have.
const DRAIN_LOOK: Duration = Duration::from_millis(5);

/// Lets calls through to a deployment, or tells their callers that it is sealed.
///
/// While sealed there is no deployment: no keyring, no store, no cache. So nothing can be read, whatever is asked.
pub struct Gate {
    deployment: ArcSwapOption<Deployment>,
    router: Router,
    pub(crate) telemetry: Arc<Telemetry>,
    /// Answer `GET /healthz` beside the APIs.
    pub(crate) healthz: bool,
    request_id: Box<dyn Fn() -> String + Send + Sync>,
}

/// Why a gate could not be shut in order. It is shut all the same.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There was nothing to seal.
    #[error("it is sealed already")]
    Sealed,
    /// Calls in flight did not end; what they use is let go of when they do.
    #[error("no new calls are served, but some did not end in time, and hold what they use until they do")]
    Busy,
    /// The store could not be closed in order.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Gate {
    /// A sealed gate that knows which services there would be. `request_id` makes the ids of the requests it refuses.
    pub fn sealed(
        services: &[Arc<dyn Service>],
        request_id: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        let models: Vec<_> = services.iter().map(|service| service.model()).collect();
        Self {
            deployment: ArcSwapOption::empty(),
            router: Router::new(&models),
            telemetry: Arc::new(Telemetry::new(&models, None)),
            healthz: false,
            request_id: Box::new(request_id),
        }
    }

    /// The deployment, unless it is sealed. Who keeps it keeps it from being sealed.
    pub fn deployment(&self) -> Option<Arc<Deployment>> {
        self.deployment.load_full()
    }

    /// Lets calls through to `deployment`. Gives it back if there is one already.
    ///
    /// # Errors
    /// The gate is open.
    pub fn open(&self, deployment: Arc<Deployment>) -> Result<(), Arc<Deployment>> {
        // It was let through before if it has counts already.
        let _counted = deployment.telemetry.set(Arc::clone(&self.telemetry));
        let before =
            self.deployment.compare_and_swap(&None::<Arc<Deployment>>, Some(Arc::clone(&deployment)));
        if before.is_some() { Err(deployment) } else { Ok(()) }
    }

    /// Takes no more calls, lets those in flight end, closes the store and lets go of the keyring, whose keys are wiped.
    ///
    /// # Errors
    /// See [`SealError`].
    pub async fn seal(&self) -> Result<(), SealError> {
        let mut deployment = self.deployment.swap(None).ok_or(SealError::Sealed)?;
        let end = tokio::time::Instant::now() + DRAIN_TIME;
        let deployment = loop {
            match Arc::try_unwrap(deployment) {
                Ok(deployment) => break deployment,
                Err(_) if tokio::time::Instant::now() > end => return Err(SealError::Busy),
                Err(shared) => deployment = shared,
            }
            tokio::time::sleep(DRAIN_LOOK).await;
        };
        Ok(deployment.close().await?)
    }

    /// Serves one request, unless its client has gone.
    pub async fn handle(
        &self,
        parts: &http::request::Parts,
        body: &[u8],
        peer: Peer,
        client: Client,
    ) -> Answer {
        match self.deployment() {
            Some(deployment) => deployment.handle(parts, body, peer, client).await,
            None => self.refuse(parts, body),
        }
    }

    /// Refuses a request whose body is too large to be read.
    pub(crate) async fn refuse_body(&self, parts: &http::request::Parts, peer: Peer) -> Answer {
        match self.deployment() {
            Some(deployment) => deployment.refuse_body(parts, peer).await,
            None => self.refuse(parts, &[]),
        }
    }

    /// Refuses a request for whose body there is no room.
    pub(crate) fn shed(&self, parts: &http::request::Parts) -> Answer {
        match self.deployment() {
            Some(deployment) => deployment.shed(self.telemetry.calls.begin(), parts, &[]),
            None => self.refuse(parts, &[]),
        }
    }

    /// What a caller is told while the deployment is sealed, in the form of the protocol that the request speaks. Nothing is looked
    /// up, and nothing can be recorded: the trail is sealed as well.
    fn refuse(&self, parts: &http::request::Parts, body: &[u8]) -> Answer {
        let begun = self.telemetry.calls.begin();
        let scope = wire::sigv4::parse(parts).ok().flatten().map(|presented| presented.scope);
        let routed = self.router.route(parts, body, scope.as_ref());
        let (protocol, service) = answered_in(&routed);
        let error =
            ErrorAnswer::new("ServiceUnavailable", "Fastness is sealed: an operator has to unseal it.", 503);
        let answer = wire::encode_error(protocol, service, &error, &(self.request_id)());
        begun.end(&what(&routed), Outcome::ServerError, body.len(), answer.body.len());
        answer
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("open", &self.deployment.load().is_some()).finish_non_exhaustive()
    }
}
