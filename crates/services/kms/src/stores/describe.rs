//! DescribeCustomKeyStores.

use super::{Backing, Connection, Store, all, find, not_found};
use crate::api::{
    CustomKeyStoresListEntry, DescribeCustomKeyStoresRequest, DescribeCustomKeyStoresResponse,
    XksProxyConfigurationType, ops,
};
use crate::authorize::access;
use crate::errors::validation;
use crate::{Kms, pages};
use platform::{Cx, Fault, Handle};
use wire::Timestamp;

impl Handle<ops::DescribeCustomKeyStores> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DescribeCustomKeyStoresRequest,
    ) -> Result<DescribeCustomKeyStoresResponse, Fault> {
        cx.authorize(&access(cx, "kms:DescribeCustomKeyStores", "*"))?;
        let stores = match (&input.custom_key_store_id, &input.custom_key_store_name) {
            (Some(_), Some(_)) => {
                return Err(validation("Specify CustomKeyStoreId or CustomKeyStoreName, not both."));
            }
            (Some(id), None) => vec![find(cx, id)?],
            (None, Some(name)) => {
                let found = all(cx)?.into_iter().find(|store| store.name == *name);
                vec![found.ok_or_else(|| not_found("name", name))?]
            }
            (None, None) => all(cx)?,
        };
        let wanted = (pages::KEYS.of(input.limit), input.marker.as_deref());
        let (stores, next) =
            pages::of_sorted(cx, "kms:DescribeCustomKeyStores", &stores, wanted, |store| &store.id)?;
        Ok(DescribeCustomKeyStoresResponse {
            custom_key_stores: Some(stores.iter().map(|store| entry(store)).collect()),
            truncated: Some(next.is_some()),
            next_marker: next,
        })
    }
}

fn entry(store: &Store) -> CustomKeyStoresListEntry {
    let mut entry = CustomKeyStoresListEntry {
        custom_key_store_id: Some(store.id.clone()),
        custom_key_store_name: Some(store.name.clone()),
        custom_key_store_type: Some(store.kind()),
        creation_date: Some(Timestamp(store.created)),
        connection_state: Some(store.state.on_the_wire()),
        ..CustomKeyStoresListEntry::default()
    };
    if let Connection::Failed(code) = store.state {
        entry.connection_error_code = Some(code.0);
    }
    match &store.backing {
        Backing::CloudHsm { cluster, trust_anchor, .. } => {
            entry.cloud_hsm_cluster_id = Some(cluster.clone());
            entry.trust_anchor_certificate = Some(trust_anchor.clone());
        }
        Backing::External { endpoint, path, access_key_id, connectivity, vpc_service, vpc_owner, .. } => {
            entry.xks_proxy_configuration = Some(XksProxyConfigurationType {
                connectivity: Some(connectivity.0),
                access_key_id: Some(access_key_id.clone()),
                uri_endpoint: Some(endpoint.clone()),
                uri_path: Some(path.clone()),
                vpc_endpoint_service_name: vpc_service.clone(),
                vpc_endpoint_service_owner: vpc_owner.clone(),
            });
        }
    }
    entry
}
