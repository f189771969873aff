//! UpdateCustomKeyStore.

use super::create::{find_cluster, require_active, require_free_name, require_healthy, require_zones};
use super::proxy::{self, Uri};
use super::{Backing, Connection, Store, all, find, misfit};
use crate::Kms;
use crate::api::{
    CustomKeyStoreType, UpdateCustomKeyStoreRequest, UpdateCustomKeyStoreResponse, XksProxyConnectivityType,
    ops,
};
use crate::authorize::access;
use crate::errors::validation;
use crate::text::Text;
use platform::{Cx, Fault, Handle, seal_secret};
use std::sync::Arc;

impl Handle<ops::UpdateCustomKeyStore> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &UpdateCustomKeyStoreRequest,
    ) -> Result<UpdateCustomKeyStoreResponse, Fault> {
        cx.authorize(&access(cx, "kms:UpdateCustomKeyStore", "*"))?;
        let mut store = (*find(cx, &input.custom_key_store_id)?).clone();
        let others: Vec<_> = all(cx)?.into_iter().filter(|other| other.id != store.id).collect();
        let wanted = Wanted::of(input);
        wanted.require_fit(store.kind())?;
        if input.new_custom_key_store_name.is_none() && !wanted.anything() {
            return Err(validation("At least one property of the custom key store must be given to update."));
        }
        if let Some(name) = &input.new_custom_key_store_name {
            require_free_name(&others, name)?;
            store.name.clone_from(name);
        }
        if wanted.needs_disconnected && store.state != Connection::Disconnected {
            return Err(store.invalid_state());
        }
        match store.kind() {
            CustomKeyStoreType::AwsCloudhsm => cloudhsm(cx, input, &mut store)?,
            CustomKeyStoreType::ExternalKeyStore => {
                if wanted.anything() {
                    external(cx, input, &mut store, &others)?;
                }
            }
        }
        store.put(cx)?;
        Ok(UpdateCustomKeyStoreResponse {})
    }
}

/// What is to be changed other than the name.
struct Wanted {
    given: [(&'static str, bool, CustomKeyStoreType); 8],
    /// The path and the credential of a proxy can be changed while it is connected; nothing else can.
    needs_disconnected: bool,
}

impl Wanted {
    fn of(input: &UpdateCustomKeyStoreRequest) -> Self {
        use CustomKeyStoreType::{AwsCloudhsm, ExternalKeyStore};
        let given = [
            ("KeyStorePassword", input.key_store_password.is_some(), AwsCloudhsm),
            ("CloudHsmClusterId", input.cloud_hsm_cluster_id.is_some(), AwsCloudhsm),
            ("XksProxyUriEndpoint", input.xks_proxy_uri_endpoint.is_some(), ExternalKeyStore),
            ("XksProxyUriPath", input.xks_proxy_uri_path.is_some(), ExternalKeyStore),
            (
                "XksProxyVpcEndpointServiceName",
                input.xks_proxy_vpc_endpoint_service_name.is_some(),
                ExternalKeyStore,
            ),
            (
                "XksProxyVpcEndpointServiceOwner",
                input.xks_proxy_vpc_endpoint_service_owner.is_some(),
                ExternalKeyStore,
            ),
            (
                "XksProxyAuthenticationCredential",
                input.xks_proxy_authentication_credential.is_some(),
                ExternalKeyStore,
            ),
            ("XksProxyConnectivity", input.xks_proxy_connectivity.is_some(), ExternalKeyStore),
        ];
        let while_connected = ["XksProxyUriPath", "XksProxyAuthenticationCredential"];
        let needs_disconnected =
            given.iter().any(|(name, given, _)| *given && !while_connected.contains(name));
        Self { given, needs_disconnected }
    }

    fn anything(&self) -> bool {
        self.given.iter().any(|(_, given, _)| *given)
    }

    fn require_fit(&self, kind: CustomKeyStoreType) -> Result<(), Fault> {
        match self.given.iter().find(|(_, given, of)| *given && *of != kind) {
            Some((name, ..)) => Err(misfit(name, kind)),
            None => Ok(()),
        }
    }
}

fn cloudhsm(cx: &mut Cx<'_>, input: &UpdateCustomKeyStoreRequest, store: &mut Store) -> Result<(), Fault> {
    let Backing::CloudHsm { cluster, certificate, password, .. } = &mut store.backing else { return Ok(()) };
    if let Some(id) = &input.cloud_hsm_cluster_id {
        let found = find_cluster(cx, id)?;
        require_active(&found, id)?;
        if found.certificate != *certificate {
            let message = format!(
                "The CloudHSM cluster {id} does not share a backup history with the cluster of the custom key store."
            );
            return Err(Fault::new("CloudHsmClusterNotRelatedException", message));
        }
        require_zones(&found.zones, id, 2)?;
        cluster.clone_from(id);
    }
    if let Some(new) = &input.key_store_password {
        *password = seal_secret(cx.keyring(), new)?;
    }
    Ok(())
}

fn external(
    cx: &mut Cx<'_>,
    input: &UpdateCustomKeyStoreRequest,
    store: &mut Store,
    others: &[Arc<Store>],
) -> Result<(), Fault> {
    let own = cx.account();
    let Backing::External { endpoint, path, access_key_id, secret, connectivity, vpc_service, vpc_owner } =
        &mut store.backing
    else {
        return Ok(());
    };
    let changed = input.xks_proxy_connectivity.is_some_and(|new| new != connectivity.0);
    if changed && input.xks_proxy_uri_endpoint.is_none() {
        return Err(validation("XksProxyUriEndpoint must be changed together with XksProxyConnectivity."));
    }
    if let Some(new) = &input.xks_proxy_uri_endpoint {
        endpoint.clone_from(new);
    }
    if let Some(new) = &input.xks_proxy_uri_path {
        path.clone_from(new);
    }
    if let Some(new) = input.xks_proxy_connectivity {
        *connectivity = Text(new);
    }
    match connectivity.0 {
        XksProxyConnectivityType::PublicEndpoint if changed => (*vpc_service, *vpc_owner) = (None, None),
        XksProxyConnectivityType::PublicEndpoint => {}
        XksProxyConnectivityType::VpcEndpointService => {
            vpc_owner.get_or_insert_with(|| own.to_owned());
        }
    }
    if let Some(new) = &input.xks_proxy_vpc_endpoint_service_name {
        *vpc_service = Some(new.clone());
    }
    if let Some(new) = &input.xks_proxy_vpc_endpoint_service_owner {
        *vpc_owner = Some(new.clone());
    }
    let uri = Uri { endpoint, path, connectivity: connectivity.0, vpc_service: vpc_service.as_deref() };
    uri.check(others)?;
    proxy::require_service(cx, &uri)?;
    if let Some(new) = &input.xks_proxy_authentication_credential {
        access_key_id.clone_from(&new.access_key_id);
        *secret = seal_secret(cx.keyring(), &new.raw_secret_access_key)?;
    }
    // What a VPC endpoint service leads to is tried when it is connected.
    if connectivity.0 == XksProxyConnectivityType::PublicEndpoint || store.state == Connection::Connected {
        require_healthy(cx, store, "UpdateCustomKeyStore")?;
    }
    Ok(())
}
