//! The keys behind proxies, as KMS uses keys outside of itself.

use crate::call::{Request, call};
use crate::message;
use crate::pool::{Place, Pool};
use crate::sealed::Parts;
use crate::settings::Settings;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use platform::{Absent, DeviceError, KeyDevice, KeyUse, Proxies, Proxy, Trouble};
use rustls::ClientConfig;
use std::fmt;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

/// How much longer than a call its caller waits: for the machine, which can be busy.
const GRACE: Duration = Duration::from_secs(1);

/// What is configured cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// There is nobody to trust.
    #[error("the certificates that proxies of external key stores are trusted by: {0}")]
    Certificates(#[from] outbound::NoTrust),
    /// The system gives no thread.
    #[error("no thread for calls to proxies of external key stores: {0}")]
    Thread(#[from] std::io::Error),
}

/// The proxies of external key managers that an operator lets KMS reach.
pub struct External(Arc<Client>);

/// What calls share.
struct Client {
    settings: Settings,
    tls: Arc<ClientConfig>,
    pool: Pool,
    /// A thread of its own, on which connections live on between calls. There until it is dropped.
    runtime: Option<Runtime>,
}

impl Drop for Client {
    /// Not waiting for calls: whoever drops it may be a thread that must not wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl External {
    /// Those that the settings say.
    ///
    /// # Errors
    /// There are no certificates to trust, or the system gives no thread.
    pub fn new(settings: Settings) -> Result<Self, Unusable> {
        let tls = outbound::trusted(settings.ca_file.as_deref())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("xks")
            .enable_all()
            .build()?;
        Ok(Self(Arc::new(Client { settings, tls, pool: Pool::default(), runtime: Some(runtime) })))
    }
}

/// The host of `https://host`.
fn host(endpoint: &str) -> &str {
    endpoint.strip_prefix("https://").unwrap_or_default()
}

impl Proxies for External {
    fn open(&self, proxy: Proxy) -> Arc<dyn KeyDevice> {
        let host = host(&proxy.endpoint).to_owned();
        match self.0.settings.way(&host, proxy.vpc_service.as_deref()) {
            Some(way) => Arc::new(Device { client: Arc::clone(&self.0), place: (host, way), proxy }),
            None => Arc::new(Absent(Trouble::VpcServiceNotFound)),
        }
    }

    fn has_vpc_service(&self, endpoint: &str, service: &str) -> bool {
        self.0.settings.way(host(endpoint), Some(service)).is_some()
    }
}

impl fmt::Debug for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("External").field(&self.0.settings).finish()
    }
}

/// One proxy, with what it is called by.
struct Device {
    client: Arc<Client>,
    place: Place,
    proxy: Proxy,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Device").field(&self.proxy).finish()
    }
}

impl Device {
    /// Asks the proxy, and waits for its answer.
    fn ask(&self, what: &str, body: Vec<u8>) -> Result<Bytes, DeviceError> {
        let request = Request {
            place: self.place.clone(),
            path: format!("{}/{what}", self.proxy.path),
            region: self.proxy.region.clone(),
            access_key_id: self.proxy.access_key_id.clone(),
            body: body.into(),
        };
        let secret = self.proxy.secret.open().map_err(|fault| {
            DeviceError::new(Trouble::Internal, format!("the credential: {}", fault.for_operator()))
        })?;
        let limit = self.client.settings.time_limit();
        let (answered, answer) = mpsc::sync_channel(1);
        let client = Arc::clone(&self.client);
        let ended = || DeviceError::new(Trouble::Internal, "calls have ended");
        self.client.runtime.as_ref().ok_or_else(ended)?.spawn(async move {
            let call = call(&client.pool, Arc::clone(&client.tls), &request, &secret);
            let result = tokio::time::timeout(limit, call).await;
            // Whoever asked may be gone.
            let _gone = answered.send(result);
        });
        let late =
            || DeviceError::new(Trouble::TimedOut, format!("no answer within {} ms", limit.as_millis()));
        let result = answer.recv_timeout(limit + GRACE).map_err(|_| late())?;
        result.unwrap_or_else(|_| Err(late())).map_err(|error| {
            let DeviceError { trouble, context } = error;
            DeviceError::new(trouble, format!("{}{}: {context}", self.proxy.endpoint, self.proxy.path))
        })
    }

    fn of_key(key: &str, what: &str) -> String {
        format!("keys/{key}/{what}")
    }
}

/// What a proxy is told of what a ciphertext is bound to: proxies take 8192 bytes, and an encryption context can be longer. KMS's own
/// encryption, within, is bound to all of it.
fn bound(aad: &[u8]) -> Vec<u8> {
    digest(&SHA256, aad).as_ref().to_vec()
}

impl KeyDevice for Device {
    fn connect(&self, of: &KeyUse<'_>) -> Result<(), DeviceError> {
        let body = message::ask_health(of)?;
        self.ask("health", body).and_then(|answer| message::health(&answer)).map_err(|error| {
            // Said of a whole key manager, not of a key.
            let trouble = match error.trouble {
                Trouble::KeyState => Trouble::Unavailable,
                trouble => trouble,
            };
            DeviceError { trouble, ..error }
        })
    }

    fn disconnect(&self) {
        self.client.pool.forget(&self.place);
    }

    fn add_key(&self, of: &KeyUse<'_>, key: &str) -> Result<(), DeviceError> {
        message::fit(&self.ask(&Self::of_key(key, "metadata"), message::ask_metadata(of)?)?)
    }

    /// External keys are not made here, and stay.
    fn remove_key(&self, _: &KeyUse<'_>, _: &str) -> Result<(), DeviceError> {
        Ok(())
    }

    fn encrypt(
        &self,
        of: &KeyUse<'_>,
        key: &str,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, DeviceError> {
        let aad = bound(aad);
        let body = message::ask_encrypt(of, &aad, plaintext)?;
        let answer = self.ask(&Self::of_key(key, "encrypt"), body)?;
        Ok(message::encrypted(&answer, &aad, plaintext)?.write())
    }

    fn decrypt(
        &self,
        of: &KeyUse<'_>,
        key: &str,
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DeviceError> {
        let parts = Parts::read(ciphertext).ok_or_else(|| {
            DeviceError::new(Trouble::InvalidCiphertext, "no proxy has made the ciphertext")
        })?;
        let body = message::ask_decrypt(of, &bound(aad), &parts)?;
        let answer = self.ask(&Self::of_key(key, "decrypt"), body)?;
        message::decrypted(&answer, parts.ciphertext.len())
    }

    fn random(&self, _: &KeyUse<'_>, _: &mut [u8]) -> Result<(), DeviceError> {
        Err(DeviceError::new(Trouble::Unsupported, "external key managers have no random bytes to give"))
    }
}
