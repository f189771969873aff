//! The parts of a running deployment, put together.

use crate::clock::Clock;
use crate::identify::Credentials;
use crate::known::TimeKeeper;
use crate::limits::{Limits, Quotas};
use crate::room::Watch;
use crate::tasks::{Tasks, Threads};
use platform::ids::Uuids;
use platform::{
    AnyOperation, Call, Client, Consumer, Denials, Env, Fault, Outside, Service, ServiceQuotas, Services,
    TrailFacts, Tx, Worker,
};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::{CommitError, Store, StoreError};
use telemetry::Telemetry;
use wire::ServiceModel;
use wire::route::Router;

/// A deployment: the store, the keyring, the services, and what routes calls to them.
pub struct Deployment {
    pub(crate) store: Store,
    pub(crate) env: Env,
    pub(crate) clock: Arc<dyn Clock>,
    /// The account in whose trail calls are recorded that no known account made.
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) router: Router,
    pub(crate) credentials: Credentials,
    pub(crate) uuids: Uuids,
    pub(crate) denials: Denials,
    pub(crate) limits: Limits,
    pub(crate) time: TimeKeeper,
    pub(crate) watch: Watch,
    pub(crate) telemetry: OnceLock<Arc<Telemetry>>,
    pub(crate) tasks: Tasks,
    /// What runs jobs.
    pub(crate) outside: Arc<dyn Outside>,
    services: HashMap<&'static str, Hosted>,
    /// In an order that does not depend on chance.
    workers: Vec<&'static Worker>,
    consumers: Vec<(&'static str, Arc<dyn Consumer>)>,
}

/// One service with its operations by name.
pub(crate) struct Hosted {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) source: String,
    pub(crate) quotas: &'static ServiceQuotas,
    /// Where its quotas are among all of the deployment, by their names.
    places: HashMap<&'static str, usize>,
    operations: HashMap<&'static str, HostedOperation>,
}

/// One operation of a service's model.
pub(crate) struct HostedOperation {
    /// What serves it; none if it is not implemented.
    pub(crate) bound: Option<Box<dyn AnyOperation>>,
    /// The quota that its calls count against, among all of the deployment.
    pub(crate) quota: usize,
    /// What that is called.
    pub(crate) quota_name: &'static str,
    /// They count against others, depending on what they are about, and against this one if they end before that is known.
    pub(crate) counts_itself: bool,
    /// How its calls are recorded.
    pub(crate) facts: TrailFacts,
    /// Held by the one of its calls that is run among those that lost to others again and again.
    pub(crate) losers: tokio::sync::Mutex<()>,
}

impl Deployment {
    /// Puts a deployment together, with AWS's quotas. `account` is its first account, `region` the one of calls whose own is not
    /// known.
    pub fn new(
        store: Store,
        mut env: Env,
        clock: Arc<dyn Clock>,
        account: &str,
        region: &str,
        services: Vec<Arc<dyn Service>>,
    ) -> Self {
        env.services = Services::new(&services);
        let quotas = Quotas::new(&services);
        let hosted: HashMap<_, _> =
            services.into_iter().map(|s| (s.model().name, Hosted::new(s, &quotas))).collect();
        let models: Vec<&'static ServiceModel> =
            hosted.values().map(|hosted| hosted.service.model()).collect();
        let all = || hosted.values().map(|hosted| (hosted.service.model().name, &hosted.service));
        let mut workers: Vec<_> = all().flat_map(|(_, service)| service.workers()).collect();
        workers.sort_by_key(|worker| (worker.service, worker.kind));
        let mut consumers: Vec<_> = all()
            .flat_map(|(name, service)| {
                Arc::clone(service).consumers().into_iter().map(move |one| (name, one))
            })
            .collect();
        consumers.sort_by_key(|(_, consumer)| consumer.name());
        Self {
            store,
            env,
            clock,
            account: account.to_owned(),
            region: region.to_owned(),
            router: Router::new(&models),
            credentials: Credentials::new(),
            uuids: Uuids::default(),
            denials: Denials::default(),
            limits: Limits::new(&quotas, None),
            time: TimeKeeper::default(),
            watch: Watch::default(),
            telemetry: OnceLock::new(),
            tasks: Tasks::default(),
            outside: Arc::new(Threads),
            services: hosted,
            workers,
            consumers,
        }
    }

    /// Sets limits that an operator chose: quotas made from the same services, and how many calls may be in flight.
    #[must_use]
    pub fn with_limits(mut self, quotas: &Quotas, calls_max: Option<NonZeroUsize>) -> Self {
        self.limits = Limits::new(quotas, calls_max);
        self
    }

    /// Sets how far the clock may leap before nothing irreversible is done any more.
    #[must_use]
    pub fn with_leap_max(mut self, leap_max: Duration) -> Self {
        self.time = TimeKeeper::new(leap_max);
        self
    }

    /// Has jobs outside of the store run by something else than the threads of the process.
    #[must_use]
    pub fn with_outside(mut self, outside: Arc<dyn Outside>) -> Self {
        self.outside = outside;
        self
    }

    /// Ends the store; what else there is, keys among it, is wiped and let go of.
    ///
    /// # Errors
    /// The store cannot be brought in order. What is committed is there all the same.
    pub async fn close(self) -> Result<(), StoreError> {
        self.record_unrecorded().await;
        if let Err(fault) = self.give_back_tasks().await {
            tracing::warn!(cause = fault.for_operator(), "attempts that have not ended count as lost");
        }
        if let Err(fault) = self.write_time(1).await {
            tracing::warn!(cause = fault.for_operator(), "the time was not written down");
        }
        self.store.close().await
    }

    /// The facts of what the deployment does by itself.
    pub(crate) fn own_call(&self, region: &str, source: &str) -> Call {
        let (request_id, event_id) = self.uuids.two(&*self.env.random);
        Call {
            request_id,
            event_id,
            now: self.clock.now(),
            region: region.to_owned(),
            source_ip: source.to_owned(),
            user_agent: Some(source.to_owned()),
            referer: None,
            host: None,
            secure: false,
            tls: None,
            client: Client::default(),
        }
    }

    /// Makes a transaction durable.
    pub(crate) async fn commit(&self, tx: Tx<'_>) -> Result<(), Fault> {
        let wakes = tx.wakes();
        match self.store.commit(tx.into_txn()).await {
            Ok(_) => {
                self.woken_by(wakes);
                Ok(())
            }
            Err(CommitError::Conflict) => Err(Fault::conflict()),
            Err(CommitError::Failed(error)) => Err(error.into()),
        }
    }

    /// What its services are given.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Where calls are counted: at the gate that lets them through, or for itself.
    pub(crate) fn telemetry(&self) -> &Telemetry {
        self.telemetry.get_or_init(|| {
            let models: Vec<_> = self.services.values().map(|hosted| hosted.service.model()).collect();
            Arc::new(Telemetry::new(&models, None))
        })
    }

    /// The kinds of work outside of the store, of all services.
    pub(crate) fn workers(&self) -> impl Iterator<Item = &'static Worker> {
        self.workers.iter().copied()
    }

    /// What follows logs, with the names of the services for which it does.
    pub(crate) fn consumers(&self) -> impl Iterator<Item = (&'static str, &Arc<dyn Consumer>)> {
        self.consumers.iter().map(|(service, consumer)| (*service, consumer))
    }

    pub(crate) fn hosted(&self, service: &str) -> Option<&Hosted> {
        self.services.get(service)
    }
}

impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployment")
            .field("account", &self.account)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl Hosted {
    fn new(service: Arc<dyn Service>, all: &Quotas) -> Self {
        let (model, quotas) = (service.model(), service.quotas());
        let mut bound: HashMap<_, _> = Arc::clone(&service)
            .operations()
            .into_iter()
            .map(|operation| (operation.model().name, operation))
            .collect();
        let start = all.start_of(model.name);
        let operations = model.operations.iter().map(|operation| {
            let name = operation.name;
            let facts = service.trail(name);
            let at = quotas.index(name, facts.read_only);
            let quota_name = quotas.list.get(at).unwrap_or(&quotas.rest).name;
            let (quota, counts_itself) = (start + at, quotas.depend_on_call(name));
            let (bound, losers) = (bound.remove(name), tokio::sync::Mutex::default());
            (name, HostedOperation { bound, quota, quota_name, counts_itself, facts, losers })
        });
        let operations = operations.collect();
        let places = quotas.all().enumerate().map(|(at, quota)| (quota.name, start + at)).collect();
        let source = model.event_source();
        Self { service, source, quotas, places, operations }
    }

    pub(crate) fn place(&self, quota: &str) -> Option<usize> {
        self.places.get(quota).copied()
    }

    pub(crate) fn operation(&self, name: &str) -> Option<&HostedOperation> {
        self.operations.get(name)
    }
}
