//! From a data directory and a seal to a deployment that can serve.

use crate::args::Place;
use crate::config::Config;
use crate::deployment::{Data, Description, SealPlace};
use crate::{Failure, seal};
use cloudtrail::CloudTrail;
use iam::Iam;
use keyring::{Keyring, KeyringError, Seal, SystemRandom};
use kms::Kms;
use platform::{Directory, Env, Service};
use server::{Deployment, SystemClock};
use std::sync::Arc;
use store::{Embedded, Store, StoreError};
use sts::Sts;

/// Every service there is, by name.
pub(crate) fn services(iam: Arc<Iam>) -> Vec<Arc<dyn Service>> {
    vec![Arc::new(CloudTrail), iam, Arc::new(Kms), Arc::new(Sts)]
}

/// What is known of a deployment before its keyring is open.
pub(crate) struct Opening {
    pub(crate) place: Place,
    pub(crate) config: Config,
    pub(crate) data: Data,
    pub(crate) description: Description,
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
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The seal cannot be used.
    #[error("{0}")]
    Seal(String),
}

impl Opening {
    /// Opens it with the seal that flags, environment and configuration name.
    pub(crate) fn configured(&self) -> Result<Arc<Deployment>, Unopened> {
        if let SealPlace::Passphrase = self.description.seal
            && !seal::is_named(&self.place, &self.config)
        {
            return Err(Unopened::Waits(
                "this deployment is opened by a passphrase: give it to `fastness unseal`, in FASTNESS_PASSPHRASE or with --passphrase-file"
                    .to_owned(),
            ));
        }
        let seal = seal::existing(&self.place, &self.config, &self.description)
            .map_err(|Failure(message)| Unopened::Seal(message))?;
        self.with(&*seal)
    }

    /// Opens it with this seal.
    pub(crate) fn with(&self, seal: &dyn Seal) -> Result<Arc<Deployment>, Unopened> {
        let keyring = Keyring::open(&self.data.keyring(), &[seal], Arc::new(SystemRandom))?;
        let store = Store::open(Embedded::open(&self.data.store())?)?;
        let iam = Arc::new(Iam::default());
        let directory = Arc::clone(&iam) as Arc<dyn Directory>;
        let env = Env { keyring, random: Arc::new(SystemRandom), directory };
        let Description { account, region, .. } = &self.description;
        let clock = Arc::new(SystemClock);
        let deployment = Deployment::new(store, env, clock, account, region, services(iam))
            .with_limits(self.config.quotas.get(), self.config.load.calls_max);
        Ok(Arc::new(deployment))
    }
}
