//! ConnectCustomKeyStore and DisconnectCustomKeyStore, and what they set timers for.

use super::create::{require_active, require_zones};
use super::{Backing, Connection, STORES, Store, find, orphans, trouble, use_of};
use crate::Kms;
use crate::api::{
    ConnectCustomKeyStoreRequest, ConnectCustomKeyStoreResponse, DisconnectCustomKeyStoreRequest,
    DisconnectCustomKeyStoreResponse, ops,
};
use crate::authorize::access;
use crate::text::Text;
use platform::trail::{Resource, ServiceEvent};
use platform::{Cx, Fault, Handle, Timer};
use std::sync::Arc;

/// The tasks of the timers that connect and disconnect.
pub(crate) const CONNECT: &str = "connect-custom-key-store";
pub(crate) const DISCONNECT: &str = "disconnect-custom-key-store";

impl Handle<ops::ConnectCustomKeyStore> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ConnectCustomKeyStoreRequest,
    ) -> Result<ConnectCustomKeyStoreResponse, Fault> {
        cx.authorize(&access(cx, "kms:ConnectCustomKeyStore", "*"))?;
        let store = find(cx, &input.custom_key_store_id)?;
        match store.state {
            Connection::Failed(_) | Connection::Disconnecting => return Err(store.invalid_state()),
            Connection::Connected | Connection::Connecting => return Ok(ConnectCustomKeyStoreResponse {}),
            Connection::Disconnected => {}
        }
        // A cluster that is gone shows in the state of the connection.
        if let Backing::CloudHsm { cluster: id, .. } = &store.backing
            && let Some(cluster) = cx.key_stores().clusters.find(cx, store.home(), id)?
        {
            require_active(&cluster, id)?;
            require_zones(&cluster.zones, id, 1)?;
        }
        turn(cx, &store, Connection::Connecting, CONNECT)?;
        Ok(ConnectCustomKeyStoreResponse {})
    }
}

impl Handle<ops::DisconnectCustomKeyStore> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DisconnectCustomKeyStoreRequest,
    ) -> Result<DisconnectCustomKeyStoreResponse, Fault> {
        cx.authorize(&access(cx, "kms:DisconnectCustomKeyStore", "*"))?;
        let store = find(cx, &input.custom_key_store_id)?;
        if matches!(store.state, Connection::Disconnected | Connection::Disconnecting) {
            return Err(store.invalid_state());
        }
        turn(cx, &store, Connection::Disconnecting, DISCONNECT)?;
        Ok(DisconnectCustomKeyStoreResponse {})
    }
}

/// Changes the state, and has the rest done soon.
fn turn(cx: &mut Cx<'_>, store: &Store, state: Connection, task: &str) -> Result<(), Fault> {
    Timer {
        at: cx.now().0,
        service: crate::api::MODEL.name.to_owned(),
        account: store.account.clone(),
        region: store.region.clone(),
        task: task.to_owned(),
        subject: store.id.clone(),
    }
    .set(&mut cx.tx)?;
    Store { state, ..store.clone() }.put(cx)
}

/// The store that a timer was set for, if it is still in that state.
fn waiting(cx: &mut Cx<'_>, timer: &Timer, state: Connection) -> Result<Option<Arc<Store>>, Fault> {
    let store = STORES.get(&mut cx.tx, &[&timer.account, &timer.region, &timer.subject])?;
    Ok(store.filter(|store| store.state == state))
}

/// Connects a store, or tells why not.
pub(crate) fn connect_due(cx: &mut Cx<'_>, timer: &Timer) -> Result<(), Fault> {
    let Some(store) = waiting(cx, timer, Connection::Connecting)? else { return Ok(()) };
    let device = store.device(cx)?;
    let principal = cx.caller().principal.arn();
    let of = use_of(cx, "ConnectCustomKeyStore", &principal, None);
    let state = match cx.aside(|| device.connect(&of))? {
        Ok(()) => Connection::Connected,
        Err(error) => Connection::Failed(Text(trouble::of_connection(&error, store.kind()))),
    };
    if state == Connection::Connected {
        orphans::resume(cx, &store)?;
    }
    settle(cx, &store, state, "ConnectCustomKeyStore")
}

/// Lets go of what is behind a store.
pub(crate) fn disconnect_due(cx: &mut Cx<'_>, timer: &Timer) -> Result<(), Fault> {
    let Some(store) = waiting(cx, timer, Connection::Disconnecting)? else { return Ok(()) };
    let device = store.device(cx)?;
    cx.aside(|| device.disconnect())?;
    settle(cx, &store, Connection::Disconnected, "DisconnectCustomKeyStore")
}

fn settle(cx: &mut Cx<'_>, store: &Store, state: Connection, name: &'static str) -> Result<(), Fault> {
    let code = match state {
        Connection::Failed(code) => Some(code.0.as_str()),
        _ => None,
    };
    cx.emit(ServiceEvent {
        name,
        resource: Resource {
            kind: "AWS::KMS::CustomKeyStore",
            arn: store.id.clone(),
            account: store.account.clone(),
        },
        details: serde_json::json!({
            "customKeyStoreId": store.id,
            "connectionState": state.on_the_wire().as_str(),
            "connectionErrorCode": code,
        }),
    });
    Store { state, ..store.clone() }.put(cx)
}
