//! The keys of KMS in a cluster, as its user `kmsuser`.

use crate::CloudHsm;
use crate::api::ClusterState;
use crate::cluster::get;
use crate::initialize::look;
use hsm::{HsmError, Token, USE_MAX};
use platform::{
    Absent, Cluster, Clusters, Cx, DeviceError, Fault, Home, KeyDevice, KeyUse, SealedSecret, Trouble,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Passwords that a token has refused, as they are sealed: they are not tried again before the store is connected again, since tokens lock
/// after a few.
pub(crate) type Refused = Mutex<BTreeSet<Arc<str>>>;

impl Clusters for CloudHsm {
    fn find(&self, cx: &mut Cx<'_>, home: Home<'_>, id: &str) -> Result<Option<Cluster>, Fault> {
        let Some(found) = get(cx, home, id)? else { return Ok(None) };
        let mut cluster = (*found).clone();
        look(cx, &mut cluster)?;
        let claim = cluster.claim.as_ref();
        Ok(Some(Cluster {
            active: cluster.state == ClusterState::Active,
            zones: cluster.active_zones(),
            trust_anchor: claim.map(|claim| claim.trust_anchor.clone()).unwrap_or_default(),
            certificate: claim.map(|claim| claim.certificate.clone()).unwrap_or_default(),
        }))
    }

    fn open(
        &self,
        cx: &mut Cx<'_>,
        home: Home<'_>,
        id: &str,
        password: SealedSecret,
    ) -> Result<Arc<dyn KeyDevice>, Fault> {
        let Some(cluster) = get(cx, home, id)? else { return Ok(Arc::new(Absent(Trouble::ClusterNotFound))) };
        let device = cluster.device.as_ref().filter(|_| !cluster.active_zones().is_empty());
        let Some(device) = device else { return Ok(Arc::new(Absent(Trouble::NoHsms))) };
        Ok(Arc::new(Keys { token: device.token(), password, refused: Arc::clone(&self.refused) }))
    }
}

/// The keys in a token.
#[derive(Clone, Debug)]
struct Keys {
    token: Token,
    password: SealedSecret,
    refused: Arc<Refused>,
}

impl Keys {
    /// The password, unless the token has refused it.
    fn pin(&self) -> Result<Zeroizing<Vec<u8>>, HsmError> {
        if self.refused.lock().unwrap_or_else(PoisonError::into_inner).contains(self.password.sealed()) {
            return Err(HsmError::WrongPin);
        }
        self.password.open().map_err(|fault| HsmError::Pin(fault.for_operator()))
    }

    /// Asks the token, which gets its own copy of what is asked: it may still be at it when nobody waits any more.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, HsmError> + Send + 'static,
    ) -> Result<T, DeviceError> {
        let keys = self.clone();
        self.told(self.token.module().within(USE_MAX, move || work(&keys)))
    }

    fn told<T>(&self, result: Result<T, HsmError>) -> Result<T, DeviceError> {
        result.map_err(|error| {
            let trouble = match &error {
                HsmError::WrongPin => {
                    let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                    refused.insert(Arc::clone(self.password.sealed()));
                    Trouble::InvalidCredentials
                }
                HsmError::Locked => Trouble::UserLockedOut,
                HsmError::InUse => Trouble::UserLoggedIn,
                HsmError::NoUser => Trouble::UserNotFound,
                HsmError::NoKey(_) => Trouble::KeyNotFound,
                HsmError::Refused => Trouble::InvalidCiphertext,
                HsmError::TimedOut => Trouble::TimedOut,
                other if other.is_out_of_reach() => Trouble::NotReachable,
                _ => Trouble::Internal,
            };
            DeviceError::new(trouble, error.to_string())
        })
    }
}

impl KeyDevice for Keys {
    fn connect(&self, _: &KeyUse<'_>) -> Result<(), DeviceError> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(self.password.sealed());
        self.ask(|keys| {
            keys.token.log_out();
            // What its owner changed by other means is seen from here on.
            keys.token.flags(true)?;
            keys.token.log_in(&|| keys.pin())
        })
    }

    fn disconnect(&self) {
        // One that does not answer logs out when it does again.
        let _done = self.ask(|keys| {
            keys.token.log_out();
            Ok(())
        });
    }

    fn add_key(&self, _: &KeyUse<'_>, key: &str) -> Result<(), DeviceError> {
        let key = key.to_owned();
        self.ask(move |keys| keys.token.add_key(&|| keys.pin(), &key))
    }

    fn remove_key(&self, _: &KeyUse<'_>, key: &str) -> Result<(), DeviceError> {
        let key = key.to_owned();
        self.ask(move |keys| keys.token.remove_key(&|| keys.pin(), &key))
    }

    fn encrypt(
        &self,
        _: &KeyUse<'_>,
        key: &str,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, DeviceError> {
        let (key, aad, plaintext) = (key.to_owned(), aad.to_vec(), Zeroizing::new(plaintext.to_vec()));
        self.ask(move |keys| keys.token.encrypt(&|| keys.pin(), &key, &aad, &plaintext))
    }

    fn decrypt(
        &self,
        _: &KeyUse<'_>,
        key: &str,
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DeviceError> {
        let (key, aad, ciphertext) = (key.to_owned(), aad.to_vec(), ciphertext.to_vec());
        self.ask(move |keys| keys.token.decrypt(&|| keys.pin(), &key, &aad, &ciphertext))
    }

    fn random(&self, _: &KeyUse<'_>, out: &mut [u8]) -> Result<(), DeviceError> {
        let mut bytes = Zeroizing::new(vec![0; out.len()]);
        let drawn = self.ask(move |keys| keys.token.random(&|| keys.pin(), &mut bytes).map(|()| bytes))?;
        out.copy_from_slice(&drawn);
        Ok(())
    }
}
