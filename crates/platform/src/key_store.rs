//! Key stores outside of KMS: what KMS asks of CloudHSM clusters, and of external key managers behind their proxies.

use crate::{Cx, Fault, open_secret};
use keyring::Keyring;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What there is of key stores.
#[derive(Clone)]
pub struct KeyStores {
    /// The clusters of CloudHSM.
    pub clusters: Arc<dyn Clusters>,
    /// The proxies of external key managers.
    pub proxies: Arc<dyn Proxies>,
}

impl KeyStores {
    /// No cluster is known, and no proxy is within reach.
    pub fn none() -> Self {
        Self { clusters: Arc::new(Nothing), proxies: Arc::new(Nothing) }
    }
}

impl fmt::Debug for KeyStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStores").finish_non_exhaustive()
    }
}

/// An account and a region.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// The account.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
}

/// Knows the clusters of CloudHSM: what KMS needs of that service.
pub trait Clusters: Send + Sync {
    /// Looks a cluster up, and asks its devices how they are: not for every call.
    ///
    /// # Errors
    /// Unavailable.
    fn find(&self, cx: &mut Cx<'_>, home: Home<'_>, id: &str) -> Result<Option<Cluster>, Fault>;

    /// The keys of a cluster, as its user `kmsuser`. Nothing is asked of a device yet: a cluster that is not there, or a password that
    /// is wrong, shows when it is used.
    ///
    /// # Errors
    /// Unavailable.
    fn open(
        &self,
        cx: &mut Cx<'_>,
        home: Home<'_>,
        id: &str,
        password: SealedSecret,
    ) -> Result<Arc<dyn KeyDevice>, Fault>;
}

/// A cluster, as far as it matters for a key store.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Whether it is initialized and has users.
    pub active: bool,
    /// The Availability Zones of its active HSMs, one for each.
    pub zones: Vec<String>,
    /// The trust anchor that it was initialized with, as it was given.
    pub trust_anchor: String,
    /// What is the same for clusters that share a backup history alone: their certificate.
    pub certificate: String,
}

/// Reaches the proxies of external key managers.
pub trait Proxies: Send + Sync {
    /// The keys behind a proxy. Nothing is asked of it yet.
    fn open(&self, proxy: Proxy) -> Arc<dyn KeyDevice>;

    /// Whether a VPC endpoint service leads to the proxy of this endpoint.
    fn has_vpc_service(&self, endpoint: &str, service: &str) -> bool;
}

/// An external key store's proxy (AWS KMS External Key Store Proxy API Specification).
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `https://…`, without a port.
    pub endpoint: String,
    /// `/…/kms/xks/v1`
    pub path: String,
    /// The region of the key store, for which requests are signed.
    pub region: String,
    /// Names the credential.
    pub access_key_id: String,
    /// Signs requests.
    pub secret: SealedSecret,
    /// The VPC endpoint service, if it is reached by one.
    pub vpc_service: Option<String>,
}

/// A secret that stays sealed until it is used.
#[derive(Clone)]
pub struct SealedSecret {
    sealed: Arc<str>,
    keyring: Keyring,
}

impl SealedSecret {
    /// What [`crate::seal_secret`] made.
    pub fn new(sealed: Arc<str>, keyring: Keyring) -> Self {
        Self { sealed, keyring }
    }

    /// The secret.
    ///
    /// # Errors
    /// Unavailable, if the keyring is or the secret was not sealed by it.
    pub fn open(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        open_secret(&self.keyring, &self.sealed)
    }

    /// Tells secrets apart without opening them: the same one sealed twice is two.
    pub fn sealed(&self) -> &Arc<str> {
        &self.sealed
    }
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret(..)")
    }
}

/// For whom a key outside of KMS is used. A proxy is told, and may decide by it.
#[derive(Clone, Copy, Debug)]
pub struct KeyUse<'a> {
    /// The operation of KMS: `Encrypt`. The halves of ReEncrypt are `ReEncryptFrom` and `ReEncryptTo`.
    pub operation: &'a str,
    /// The request that KMS serves.
    pub request_id: &'a str,
    /// Who made it.
    pub principal: &'a str,
    /// The KMS key, where one is concerned.
    pub key: Option<&'a str>,
}

/// A place outside of KMS that holds keys and works with them. All of it waits for a device or the network: call it within
/// [`Cx::aside`].
pub trait KeyDevice: fmt::Debug + Send + Sync {
    /// Whether keys can be used here: what connecting a key store asks.
    ///
    /// # Errors
    /// What stands in the way.
    fn connect(&self, of: &KeyUse<'_>) -> Result<(), DeviceError>;

    /// Lets go of it: it is not used until it is connected again.
    fn disconnect(&self);

    /// Has the key of this name there. A device makes it, unless it has made it before; an external key must be there, and be fit.
    ///
    /// # Errors
    /// What stands in the way.
    fn add_key(&self, of: &KeyUse<'_>, key: &str) -> Result<(), DeviceError>;

    /// Destroys the key, if it was made by [`add_key`](Self::add_key) and is still there.
    ///
    /// # Errors
    /// What stands in the way.
    fn remove_key(&self, of: &KeyUse<'_>, key: &str) -> Result<(), DeviceError>;

    /// Encrypts, bound to `aad`.
    ///
    /// # Errors
    /// What stands in the way.
    fn encrypt(
        &self,
        of: &KeyUse<'_>,
        key: &str,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, DeviceError>;

    /// Decrypts what [`encrypt`](Self::encrypt) made with the same `aad`.
    ///
    /// # Errors
    /// What stands in the way; [`Trouble::InvalidCiphertext`] if it did not make it.
    fn decrypt(
        &self,
        of: &KeyUse<'_>,
        key: &str,
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DeviceError>;

    /// Fills `out` with random bytes of the device's own. External key managers have none to give.
    ///
    /// # Errors
    /// What stands in the way.
    fn random(&self, of: &KeyUse<'_>, out: &mut [u8]) -> Result<(), DeviceError>;
}

/// What stands in the way of using a key outside of KMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A proxy refuses this use to this caller.
    AccessDenied,
    /// There is no such cluster.
    ClusterNotFound,
    /// The device or proxy failed in a way that has no better name.
    Internal,
    /// The ciphertext was not made by this key, or not with this additional data.
    InvalidCiphertext,
    /// A proxy is not where its URI says, or is not set up for this.
    InvalidConfiguration,
    /// The password or the credential is wrong.
    InvalidCredentials,
    /// An answer cannot be read.
    InvalidResponse,
    /// No secure connection can be made to a proxy.
    InvalidTls,
    /// The key is there and cannot be used now: disabled, for one.
    KeyState,
    /// The key is not there.
    KeyNotFound,
    /// The key is there and is not one for this: not an AES-256 key that encrypts and decrypts.
    KeyUnfit,
    /// The cluster has no active HSM.
    NoHsms,
    /// Nothing answers.
    NotReachable,
    /// What lies behind a proxy did not answer in time.
    DependencyTimedOut,
    /// A proxy has too much to do.
    Throttled,
    /// It did not answer in time.
    TimedOut,
    /// The proxy answers, and says that all of the managers behind it are unavailable.
    Unavailable,
    /// It cannot do this at all.
    Unsupported,
    /// The cluster's user is locked out after too many wrong passwords.
    UserLockedOut,
    /// Somebody else is logged in as the cluster's user.
    UserLoggedIn,
    /// The cluster has no user `kmsuser`.
    UserNotFound,
    /// No VPC endpoint service of this name leads to a proxy.
    VpcServiceNotFound,
}

/// What went wrong at a device or proxy: what KMS decides by, and what operators read.
#[derive(Clone, Debug)]
pub struct DeviceError {
    /// What it is.
    pub trouble: Trouble,
    /// What happened underneath.
    pub context: String,
}

impl DeviceError {
    /// Trouble, and what operators should know of it.
    pub fn new(trouble: Trouble, context: impl Into<String>) -> Self {
        Self { trouble, context: context.into() }
    }
}

#[derive(Debug)]
struct Nothing;

impl Clusters for Nothing {
    fn find(&self, _: &mut Cx<'_>, _: Home<'_>, _: &str) -> Result<Option<Cluster>, Fault> {
        Ok(None)
    }

    fn open(
        &self,
        _: &mut Cx<'_>,
        _: Home<'_>,
        _: &str,
        _: SealedSecret,
    ) -> Result<Arc<dyn KeyDevice>, Fault> {
        Ok(Arc::new(Absent(Trouble::ClusterNotFound)))
    }
}

impl Proxies for Nothing {
    fn open(&self, _: Proxy) -> Arc<dyn KeyDevice> {
        Arc::new(Absent(Trouble::NotReachable))
    }

    fn has_vpc_service(&self, _: &str, _: &str) -> bool {
        false
    }
}

/// A device that is not there, for what reason each use tells.
#[derive(Debug)]
pub struct Absent(pub Trouble);

impl Absent {
    fn fail<T>(&self) -> Result<T, DeviceError> {
        Err(DeviceError::new(self.0, "nothing is there"))
    }
}

impl KeyDevice for Absent {
    fn connect(&self, _: &KeyUse<'_>) -> Result<(), DeviceError> {
        self.fail()
    }

    fn disconnect(&self) {}

    fn add_key(&self, _: &KeyUse<'_>, _: &str) -> Result<(), DeviceError> {
        self.fail()
    }

    fn remove_key(&self, _: &KeyUse<'_>, _: &str) -> Result<(), DeviceError> {
        self.fail()
    }

    fn encrypt(&self, _: &KeyUse<'_>, _: &str, _: &[u8], _: &[u8]) -> Result<Vec<u8>, DeviceError> {
        self.fail()
    }

    fn decrypt(
        &self,
        _: &KeyUse<'_>,
        _: &str,
        _: &[u8],
        _: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DeviceError> {
        self.fail()
    }

    fn random(&self, _: &KeyUse<'_>, _: &mut [u8]) -> Result<(), DeviceError> {
        self.fail()
    }
}
