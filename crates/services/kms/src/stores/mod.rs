//! Custom key stores: keys in CloudHSM clusters and behind the proxies of external key managers (KMS Developer Guide, "Key stores").
//!
//! A store is a row, its secret sealed. Connecting and disconnecting are timers: the operation sets the state `CONNECTING`, and what waits
//! for a device or the network is done after it was answered, as at AWS.

mod connect;
mod create;
mod describe;
mod keys;
pub(crate) mod orphans;
mod proxy;
mod trouble;
mod update;

pub(crate) use connect::{CONNECT, DISCONNECT, connect_due, disconnect_due};
pub(crate) use keys::{Outside, Placed, place, reach, remove, take_place};

use crate::api::{
    ConnectionErrorCodeType, ConnectionStateType, CustomKeyStoreType, XksProxyConnectivityType,
};
use crate::errors::validation;
use crate::quotas;
use crate::text::Text;
use platform::{Cx, Fault, Home, KeyDevice, KeyUse, Proxy, SealedSecret, Table};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `[account, region, store id]`
const STORES: Table<Store> = Table::new("kms/stores");

/// A custom key store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Store {
    account: String,
    region: String,
    pub(crate) id: String,
    name: String,
    /// In milliseconds since the epoch.
    created: i64,
    state: Connection,
    backing: Backing,
}

/// How a store stands to what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Connection {
    Connected,
    Connecting,
    Failed(Text<ConnectionErrorCodeType>),
    Disconnected,
    Disconnecting,
}

/// What is behind a store.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Backing {
    CloudHsm {
        cluster: String,
        trust_anchor: String,
        /// That of the cluster, which others of its backup history have too.
        certificate: String,
        /// Sealed.
        password: Arc<str>,
    },
    External {
        endpoint: String,
        path: String,
        access_key_id: String,
        /// Sealed.
        secret: Arc<str>,
        connectivity: Text<XksProxyConnectivityType>,
        vpc_service: Option<String>,
        vpc_owner: Option<String>,
    },
}

impl Connection {
    fn on_the_wire(self) -> ConnectionStateType {
        match self {
            Self::Connected => ConnectionStateType::Connected,
            Self::Connecting => ConnectionStateType::Connecting,
            Self::Failed(_) => ConnectionStateType::Failed,
            Self::Disconnected => ConnectionStateType::Disconnected,
            Self::Disconnecting => ConnectionStateType::Disconnecting,
        }
    }
}

impl Store {
    fn put(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        STORES.put(&mut cx.tx, &[&self.account, &self.region, &self.id], self)
    }

    fn kind(&self) -> CustomKeyStoreType {
        match self.backing {
            Backing::CloudHsm { .. } => CustomKeyStoreType::AwsCloudhsm,
            Backing::External { .. } => CustomKeyStoreType::ExternalKeyStore,
        }
    }

    /// The id of its cluster, if it has one.
    pub(crate) fn cluster(&self) -> Option<&str> {
        match &self.backing {
            Backing::CloudHsm { cluster, .. } => Some(cluster),
            Backing::External { .. } => None,
        }
    }

    fn home(&self) -> Home<'_> {
        Home { account: &self.account, region: &self.region }
    }

    /// What is behind it, whether it is connected or not.
    fn device(&self, cx: &mut Cx<'_>) -> Result<Arc<dyn KeyDevice>, Fault> {
        let stores = cx.key_stores();
        match &self.backing {
            Backing::CloudHsm { cluster, password, .. } => {
                let password = SealedSecret::new(Arc::clone(password), cx.keyring().clone());
                stores.clusters.open(cx, self.home(), cluster, password)
            }
            Backing::External { endpoint, path, access_key_id, secret, vpc_service, .. } => {
                Ok(stores.proxies.open(Proxy {
                    endpoint: endpoint.clone(),
                    path: path.clone(),
                    region: self.region.clone(),
                    access_key_id: access_key_id.clone(),
                    secret: SealedSecret::new(Arc::clone(secret), cx.keyring().clone()),
                    vpc_service: vpc_service.clone(),
                }))
            }
        }
    }

    /// What is behind it, if it is connected.
    fn connected(&self, cx: &mut Cx<'_>) -> Result<Arc<dyn KeyDevice>, Fault> {
        if self.state != Connection::Connected {
            return Err(self.invalid_state());
        }
        self.device(cx)
    }

    fn invalid_state(&self) -> Fault {
        let state = self.state.on_the_wire();
        let message = format!(
            "The connection state of the custom key store {} is {state}, which is not valid for this operation.",
            self.id
        );
        Fault::new("CustomKeyStoreInvalidStateException", message)
    }
}

/// A store of the caller's account.
fn find(cx: &mut Cx<'_>, id: &str) -> Result<Arc<Store>, Fault> {
    let path = [cx.account(), cx.region(), id];
    STORES.get(&mut cx.tx, &path)?.ok_or_else(|| not_found("ID", id))
}

/// All stores of the caller's account: there are few.
fn all(cx: &mut Cx<'_>) -> Result<Vec<Arc<Store>>, Fault> {
    let prefix = [cx.account(), cx.region()];
    let rows = STORES.scan(&mut cx.tx, &prefix, None, crate::limits::CUSTOM_KEY_STORES + 1)?;
    Ok(rows.into_iter().map(|(_, store)| store).collect())
}

fn not_found(what: &str, name: &str) -> Fault {
    let message = format!("Custom key store with {what} {name} is not found.");
    Fault::new("CustomKeyStoreNotFoundException", message)
}

/// What devices and proxies are told of the call.
fn use_of<'a>(cx: &Cx<'a>, operation: &'a str, principal: &'a str, key: Option<&'a str>) -> KeyUse<'a> {
    KeyUse { operation, request_id: &cx.call_facts().request_id, principal, key }
}

/// Random bytes of a store's own device (GenerateRandom, `CustomKeyStoreId`).
pub(crate) fn random(cx: &mut Cx<'_>, id: &str, out: &mut [u8]) -> Result<(), Fault> {
    let store = find(cx, id)?;
    if store.kind() != CustomKeyStoreType::AwsCloudhsm {
        let message = format!("{id} is an external key store, which is not valid for GenerateRandom.");
        return Err(crate::errors::unsupported(message));
    }
    quotas::count_store(cx, id)?;
    let device = store.connected(cx)?;
    let principal = cx.caller().principal.arn();
    let of = use_of(cx, "GenerateRandom", &principal, None);
    cx.aside(|| device.random(&of, out))?.map_err(|error| trouble::of_random(&error))
}

fn misfit(name: &str, kind: CustomKeyStoreType) -> Fault {
    validation(format!("{name} is not valid for a custom key store of type {kind}."))
}
