//! From a data directory and a seal to a deployment that can serve.

use crate::args::Place;
use crate::config::Config;
use crate::credentials::RootKey;
use crate::deployment::{Data, Description};
use crate::exit::Exit;
use crate::seal::AtHand;
use crate::{Failure, failure, shares};
use assembly::{Parts, services};
use attestation::Roots;
use cloudhsmv2::CloudHsm;
use iam::Iam;
use keyring::{Keyring, KeyringError, Kind, Seal, SystemRandom};
use platform::{Directory, Env, KeyStores, Vouching};
use server::{Deployment, SystemClock};
use std::net::SocketAddr;
use std::sync::Arc;
use store::{Embedded, Store, StoreError};

/// What is known of a deployment before its keyring is open.
pub(crate) struct Opening {
    pub(crate) place: Place,
    pub(crate) config: Config,
    pub(crate) data: Data,
    pub(crate) description: Description,
    /// Who vouches for attested environments; nobody where no calls are served.
    pub(crate) roots: Roots,
    /// An address beyond this host at which calls are served, if there is one.
    pub(crate) beyond: Option<SocketAddr>,
}

/// The shreds that a keyring is opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shreds {
    /// Those beside it.
    There,
    /// New ones of this generation, instead of lost ones.
    New(u64),
}

/// Why a deployment stays sealed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unopened {
    /// Nothing at hand opens it: it waits for an operator.
    #[error("{0}")]
    Waits(String),
    /// The seal does not fit, or the keyring is damaged.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The description of the deployment is not what was written.
    #[error("{0}")]
    Altered(String),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The deployment's own Region is not served.
    #[error("{0}")]
    Regions(String),
    /// The seal cannot be used.
    #[error("{0}")]
    Seal(String),
    /// The root user's secret can be guessed by those who reach the server.
    #[error("{0}")]
    Guessable(String),
    /// What is configured of key stores cannot be used.
    #[error("{0}")]
    KeyStores(String),
    /// What is configured of databases cannot be used.
    #[error("{0}")]
    Databases(String),
}

impl Opening {
    /// What is known of the deployment in the data directory that flags and configuration name.
    pub(crate) fn locate(place: &Place) -> Result<Self, Failure> {
        let config = Config::read(place)?;
        let data = Data::locate(place, &config)?;
        let description = data
            .describe()?
            .ok_or_else(|| failure(data.path().display(), data.absent()).with(Exit::Absent))?;
        let roots = Roots::default();
        Ok(Self { place: place.clone(), config, data, description, roots, beyond: None })
    }

    /// The seals at hand now: the configuration may have changed since the server started, and the keyring may have been rekeyed.
    pub(crate) fn at_hand(&self) -> Result<AtHand, Failure> {
        let config = Config::read(&self.place)?;
        let gone = || failure(self.data.path().display(), "the deployment is gone");
        let description = self.data.describe()?.ok_or_else(gone)?;
        Ok(AtHand::of(&self.place, &config, &description))
    }

    /// The keyring alone, opened with shares that are typed in, if that is asked for, or the seals at hand.
    pub(crate) fn keyring_or_by_shares(&self, by_shares: bool) -> Result<Keyring, Failure> {
        let shares = if by_shares { shares::read()? } else { Vec::new() };
        let seal = shares::combine(&shares)?;
        Ok(self.keyring(seal.as_deref().as_slice())?)
    }

    /// Opens it with the seals at hand.
    pub(crate) fn configured(&self) -> Result<Arc<Deployment>, Unopened> {
        self.opened_with(self.keyring(&[])?)
    }

    /// Opens it with shares that are typed in, if that is asked for, or the seals at hand.
    pub(crate) fn configured_or_by_shares(&self, by_shares: bool) -> Result<Arc<Deployment>, Failure> {
        Ok(self.opened_with(self.keyring_or_by_shares(by_shares)?)?)
    }

    /// Opens it with this seal.
    pub(crate) fn with(&self, seal: &dyn Seal) -> Result<Arc<Deployment>, Unopened> {
        self.opened_with(self.open(&[seal], Shreds::There)?)
    }

    /// Opens it with the seals at hand and these.
    pub(crate) fn also_with(&self, given: &[&dyn Seal]) -> Result<Arc<Deployment>, Unopened> {
        self.opened_with(self.keyring(given)?)
    }

    /// The keyring alone, opened with the seals that are given or those at hand.
    pub(crate) fn keyring(&self, given: &[&dyn Seal]) -> Result<Keyring, Unopened> {
        self.keyring_with(given, Shreds::There)
    }

    /// As [`keyring`](Self::keyring), with these shreds.
    pub(crate) fn keyring_with(&self, given: &[&dyn Seal], shreds: Shreds) -> Result<Keyring, Unopened> {
        let at_hand = self.at_hand().map_err(|Failure { message, .. }| Unopened::Seal(message))?;
        let seals = [given, &at_hand.refs()].concat();
        let faults: Vec<_> =
            at_hand.faults.iter().map(|Failure { message: fault, .. }| fault.as_str()).collect();
        let faults = faults.join("; ");
        match (seals.is_empty(), faults.is_empty()) {
            (true, true) => Err(Unopened::Waits(match self.ways(&[])? {
                ways if ways.is_empty() => {
                    "flags and configuration name nothing that opens this deployment".to_owned()
                }
                ways => format!("this deployment is {ways}"),
            })),
            (true, false) => match self.ways(&[])? {
                ways if ways.is_empty() => Err(Unopened::Seal(faults)),
                ways => Err(Unopened::Waits(format!("{faults}; but this deployment is also {ways}"))),
            },
            (false, _) => self.open(&seals, shreds),
        }
    }

    fn open(&self, seals: &[&dyn Seal], shreds: Shreds) -> Result<Keyring, Unopened> {
        let (path, random) = (self.data.keyring(), Arc::new(SystemRandom));
        let opened = match shreds {
            Shreds::There => Keyring::open(&path, seals, random),
            Shreds::New(generation) => Keyring::open_without_shreds(&path, seals, random, generation),
        };
        let keyring = opened.map_err(|error| match error {
            KeyringError::NoSlotOpens { unusable: true, .. } => Unopened::Waits(error.to_string()),
            KeyringError::NoSlotOpens { .. } => match self.ways(seals) {
                Ok(ways) if !ways.is_empty() => {
                    Unopened::Waits(format!("{error}; but this deployment is also {ways}"))
                }
                _ => error.into(),
            },
            other => other.into(),
        })?;
        self.description.confirm(&keyring).map_err(|Failure { message: why, .. }| {
            Unopened::Altered(format!("{}: {why}", self.data.description().display()))
        })?;
        Ok(keyring)
    }

    /// How an operator can open it by what is typed in, other than by what was tried; nothing, if there is no such way.
    fn ways(&self, tried: &[&dyn Seal]) -> Result<String, KeyringError> {
        let slots = Keyring::inspect(&self.data.keyring())?.slots;
        let open = |kind| {
            slots.iter().any(|slot| slot.kind() == kind) && tried.iter().all(|seal| seal.kind() != kind)
        };
        let mut ways = Vec::new();
        if open(Kind::Passphrase) {
            ways.push(
                "opened by a passphrase: give it to `fastness unseal`, in FASTNESS_PASSPHRASE or with --passphrase-file",
            );
        }
        if open(Kind::Shamir) {
            ways.push("opened by shares: give them to `fastness unseal --shares`, or to another command with --shares");
        }
        Ok(ways.join("; or "))
    }

    fn key_stores(&self) -> Result<KeyStores, Unopened> {
        let mut stores = KeyStores::none();
        if let Some(settings) = &self.config.external_key_stores {
            let proxies = xks::External::new(settings.clone());
            stores.proxies = Arc::new(proxies.map_err(|error| {
                let step = "name a file of certificates in PEM, or none for the system's";
                Unopened::KeyStores(
                    Failure(error.to_string()).of_setting("external-key-stores.ca-file", step).message,
                )
            })?);
        }
        Ok(stores)
    }

    /// Opens it with a keyring that is open.
    pub(crate) fn opened_with(&self, keyring: Keyring) -> Result<Arc<Deployment>, Unopened> {
        // A deployment that was made for this host alone may have a secret that is good enough there only.
        if let (Some(address), Ok(root)) = (self.beyond, RootKey::read(&self.data, &keyring)) {
            root.require_strength(address)
                .map_err(|Failure { message: why, .. }| Unopened::Guessable(why))?;
        }
        let memory = memory::state();
        if memory.locked_bytes < memory.bytes {
            tracing::warn!(
                "the system refuses to lock memory: keys may be written to swap. Raise the limit (LimitMEMLOCK=, ulimit -l), or forbid swap"
            );
        }
        let (sizes, witness) = (self.config.disk.sizes(), Arc::new(Vouching::new(&keyring)));
        let store = Store::open(Embedded::open_with(&self.data.store(), sizes, witness)?)?;
        let iam = Arc::new(Iam::default());
        let directory = Arc::clone(&iam) as Arc<dyn Directory>;
        let aside = |work: &mut dyn FnMut()| tokio::task::block_in_place(work);
        let cloudhsm = Arc::new(CloudHsm::new(self.config.cloudhsm.clone()));
        let key_stores = KeyStores { clusters: Arc::clone(&cloudhsm) as _, ..self.key_stores()? };
        let regions = self.config.regions.0.clone();
        let Description { account, region, .. } = &self.description;
        self.config
            .require_served("regions", region)
            .map_err(|Failure { message: why, .. }| Unopened::Regions(why))?;
        let env = Env { key_stores, regions, aside, ..Env::new(keyring, Arc::new(SystemRandom), directory) };
        let clock = Arc::new(SystemClock);
        let databases = self.config.rotation.databases();
        let databases = databases.map_err(|Failure { message: why, .. }| Unopened::Databases(why))?;
        let roots = self.roots.clone();
        let services = services(Parts { iam, cloudhsm, roots, databases: Some(databases) });
        let deployment = Deployment::new(store, env, clock, account, region, services)
            .with_limits(self.config.quotas.get(), self.config.load.calls_max);
        Ok(Arc::new(match self.config.clock.leap_max() {
            Some(leap_max) => deployment.with_leap_max(leap_max),
            None => deployment,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use wire::{Kind, Schema};

    #[test]
    fn a_task_of_a_timer_that_nobody_has_thought_about_waits_for_the_clock() {
        for service in services(Parts::default()) {
            for task in ["", "new-task", "delete-key", "expire-material", "shred-key", "delete-backup"] {
                assert!(service.destroys(task), "{}: {task}", service.model().name);
            }
        }
    }

    /// The lists and maps that a schema holds, itself included.
    fn containers(
        schema: &'static Schema,
        seen: &mut HashSet<*const Schema>,
        found: &mut Vec<&'static Schema>,
    ) {
        if !seen.insert(std::ptr::from_ref(schema)) {
            return;
        }
        if matches!(schema.kind, Kind::List | Kind::Map) {
            found.push(schema);
        }
        let elements = [schema.element, schema.key, schema.value];
        let parts = elements.into_iter().flatten().map(|element| element.schema);
        for part in parts.chain(schema.members.iter().map(|member| member.schema)) {
            containers(part, seen, found);
        }
    }

    /// Where a model has no bound, models/overrides.toml has one.
    #[test]
    fn every_list_and_map_of_every_request_is_bounded() {
        let (mut walked, mut unbounded) = (0, Vec::new());
        for service in services(Parts::default()) {
            let name = service.model().name;
            for operation in service.operations() {
                let (mut seen, mut found) = (HashSet::new(), Vec::new());
                if let Some(input) = operation.model().input {
                    containers(input, &mut seen, &mut found);
                }
                walked += found.len();
                let without = found.iter().filter(|schema| schema.max.is_none());
                unbounded
                    .extend(without.map(|schema| format!("{name} {} {schema:?}", operation.model().name)));
            }
        }
        assert!(walked > 60, "{walked}");
        assert_eq!(unbounded, Vec::<String>::new());
    }
}
