//! CreateCustomKeyStore and DeleteCustomKeyStore.

use super::keys::has_keys;
use super::proxy::{self, Uri};
use super::{Backing, Connection, STORES, Store, all, find, misfit, orphans, trouble, use_of};
use crate::Kms;
use crate::api::{
    CreateCustomKeyStoreRequest, CreateCustomKeyStoreResponse, CustomKeyStoreType,
    DeleteCustomKeyStoreRequest, DeleteCustomKeyStoreResponse, XksProxyConnectivityType, ops,
};
use crate::authorize::access;
use crate::errors::{limit_exceeded, validation};
use crate::limits::CUSTOM_KEY_STORES;
use crate::text::Text;
use platform::{Access, Cluster, Cx, Fault, Handle, Home, seal_secret};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Handle<ops::CreateCustomKeyStore> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &CreateCustomKeyStoreRequest,
    ) -> Result<CreateCustomKeyStoreResponse, Fault> {
        let (account, region) = (cx.account(), cx.region());
        let kind = input.custom_key_store_type.unwrap_or(CustomKeyStoreType::AwsCloudhsm);
        let mut access = access(cx, "kms:CreateCustomKeyStore", "*");
        if kind == CustomKeyStoreType::AwsCloudhsm {
            access = access.before("cloudhsm:DescribeClusters", "*");
        }
        cx.authorize(&access)?;
        let others = all(cx)?;
        let name = &input.custom_key_store_name;
        require_free_name(&others, name)?;
        let backing = match kind {
            CustomKeyStoreType::AwsCloudhsm => cloudhsm(cx, input, &others)?,
            CustomKeyStoreType::ExternalKeyStore => external(cx, input, &others)?,
        };
        if others.len() >= CUSTOM_KEY_STORES {
            return Err(limit_exceeded(format!(
                "You have reached the maximum number of custom key stores of this account and Region: {CUSTOM_KEY_STORES}."
            )));
        }
        let store = Store {
            account: account.to_owned(),
            region: region.to_owned(),
            id: new_id(cx),
            name: name.clone(),
            created: cx.now().0,
            state: Connection::Disconnected,
            backing,
        };
        // An external key manager must be within reach from the beginning, unless a VPC has yet to be connected.
        if let Backing::External { connectivity: Text(XksProxyConnectivityType::PublicEndpoint), .. } =
            store.backing
        {
            require_healthy(cx, &store, "CreateCustomKeyStore")?;
        }
        store.put(cx)?;
        Ok(CreateCustomKeyStoreResponse { custom_key_store_id: Some(store.id) })
    }
}

/// Asks the proxy of an external key store how it is.
pub(super) fn require_healthy(cx: &mut Cx<'_>, store: &Store, operation: &str) -> Result<(), Fault> {
    let device = store.device(cx)?;
    let principal = cx.caller().principal.arn();
    let of = use_of(cx, operation, &principal, None);
    cx.aside(|| device.connect(&of))?.map_err(|error| trouble::of_proxy(&error))
}

/// `cks-` and 17 hexadecimal digits.
fn new_id(cx: &Cx<'_>) -> String {
    let mut bytes = [0; 9];
    cx.random().fill(&mut bytes);
    let digits = hex::encode(bytes);
    format!("cks-{}", digits.get(1..).unwrap_or_default())
}

pub(super) fn require_free_name(others: &[Arc<Store>], name: &str) -> Result<(), Fault> {
    if others.iter().any(|store| store.name == name) {
        let message =
            format!("The custom key store name {name} is already in use in this account and Region.");
        return Err(Fault::new("CustomKeyStoreNameInUseException", message));
    }
    Ok(())
}

fn cloudhsm(
    cx: &mut Cx<'_>,
    input: &CreateCustomKeyStoreRequest,
    others: &[Arc<Store>],
) -> Result<Backing, Fault> {
    let wrong = [
        ("XksProxyUriEndpoint", input.xks_proxy_uri_endpoint.is_some()),
        ("XksProxyUriPath", input.xks_proxy_uri_path.is_some()),
        ("XksProxyVpcEndpointServiceName", input.xks_proxy_vpc_endpoint_service_name.is_some()),
        ("XksProxyVpcEndpointServiceOwner", input.xks_proxy_vpc_endpoint_service_owner.is_some()),
        ("XksProxyAuthenticationCredential", input.xks_proxy_authentication_credential.is_some()),
        ("XksProxyConnectivity", input.xks_proxy_connectivity.is_some()),
    ];
    if let Some((name, _)) = wrong.iter().find(|(_, given)| *given) {
        return Err(misfit(name, CustomKeyStoreType::AwsCloudhsm));
    }
    let missing = |name: &str| validation(format!("{name} is required for an AWS CloudHSM key store."));
    let id = input.cloud_hsm_cluster_id.as_deref().ok_or_else(|| missing("CloudHsmClusterId"))?;
    let anchor =
        input.trust_anchor_certificate.as_deref().ok_or_else(|| missing("TrustAnchorCertificate"))?;
    let password = input.key_store_password.as_deref().ok_or_else(|| missing("KeyStorePassword"))?;
    // KMS looks the cluster up in the caller's name (KMS Developer Guide, "Controlling access to your AWS CloudHSM key store").
    cx.authorize(&Access::to("cloudhsm:DescribeClusters", "*"))?;
    let cluster = find_cluster(cx, id)?;
    let used = others.iter().any(|store| {
        matches!(&store.backing, Backing::CloudHsm { cluster: other, certificate, .. }
            if other == id || *certificate == cluster.certificate)
    });
    if used {
        let message = format!(
            "The CloudHSM cluster {id}, or one that shares its backup history, is already associated with a custom key store."
        );
        return Err(Fault::new("CloudHsmClusterInUseException", message));
    }
    require_active(&cluster, id)?;
    if !same_certificate(anchor, &cluster.trust_anchor) {
        let message = format!("The trust anchor certificate is not that of the CloudHSM cluster {id}.");
        return Err(Fault::new("IncorrectTrustAnchorException", message));
    }
    require_zones(&cluster.zones, id, 2)?;
    Ok(Backing::CloudHsm {
        cluster: id.to_owned(),
        trust_anchor: anchor.to_owned(),
        certificate: cluster.certificate,
        password: seal_secret(cx.keyring(), password)?,
    })
}

/// A cluster of the caller's account.
pub(super) fn find_cluster(cx: &mut Cx<'_>, id: &str) -> Result<Cluster, Fault> {
    let home = Home { account: cx.account(), region: cx.region() };
    let found = cx.key_stores().clusters.find(cx, home, id)?;
    found.ok_or_else(|| {
        let message = format!("The CloudHSM cluster {id} is not found.");
        Fault::new("CloudHsmClusterNotFoundException", message)
    })
}

pub(super) fn require_active(cluster: &Cluster, id: &str) -> Result<(), Fault> {
    if cluster.active {
        return Ok(());
    }
    Err(Fault::new("CloudHsmClusterNotActiveException", format!("The CloudHSM cluster {id} is not active.")))
}

/// Requires active HSMs in that many Availability Zones.
pub(super) fn require_zones(active: &[String], id: &str, zones: usize) -> Result<(), Fault> {
    if active.iter().collect::<BTreeSet<_>>().len() >= zones {
        return Ok(());
    }
    let message = match zones {
        1 => format!("The CloudHSM cluster {id} has no active HSM."),
        _ => format!(
            "The CloudHSM cluster {id} has fewer than {zones} active HSMs in different Availability Zones."
        ),
    };
    Err(Fault::new("CloudHsmClusterInvalidConfigurationException", message))
}

/// PEM differs in line ends and white space around it.
fn same_certificate(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

fn external(
    cx: &mut Cx<'_>,
    input: &CreateCustomKeyStoreRequest,
    others: &[Arc<Store>],
) -> Result<Backing, Fault> {
    let wrong = [
        ("CloudHsmClusterId", input.cloud_hsm_cluster_id.is_some()),
        ("TrustAnchorCertificate", input.trust_anchor_certificate.is_some()),
        ("KeyStorePassword", input.key_store_password.is_some()),
    ];
    if let Some((name, _)) = wrong.iter().find(|(_, given)| *given) {
        return Err(misfit(name, CustomKeyStoreType::ExternalKeyStore));
    }
    let missing = |name: &str| validation(format!("{name} is required for an external key store."));
    let endpoint = input.xks_proxy_uri_endpoint.as_deref().ok_or_else(|| missing("XksProxyUriEndpoint"))?;
    let path = input.xks_proxy_uri_path.as_deref().ok_or_else(|| missing("XksProxyUriPath"))?;
    let credential = input.xks_proxy_authentication_credential.as_ref();
    let credential = credential.ok_or_else(|| missing("XksProxyAuthenticationCredential"))?;
    let connectivity = input.xks_proxy_connectivity.ok_or_else(|| missing("XksProxyConnectivity"))?;
    let vpc_service = input.xks_proxy_vpc_endpoint_service_name.as_deref();
    let uri = Uri { endpoint, path, connectivity, vpc_service };
    uri.check(others)?;
    proxy::require_service(cx, &uri)?;
    let owner = match connectivity {
        XksProxyConnectivityType::PublicEndpoint => None,
        XksProxyConnectivityType::VpcEndpointService => {
            Some(input.xks_proxy_vpc_endpoint_service_owner.as_deref().unwrap_or(cx.account()))
        }
    };
    proxy::backing(cx, &uri, credential, owner)
}

impl Handle<ops::DeleteCustomKeyStore> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DeleteCustomKeyStoreRequest,
    ) -> Result<DeleteCustomKeyStoreResponse, Fault> {
        cx.authorize(&access(cx, "kms:DeleteCustomKeyStore", "*"))?;
        let store = find(cx, &input.custom_key_store_id)?;
        if store.state != Connection::Disconnected {
            return Err(store.invalid_state());
        }
        if has_keys(cx, &store)? {
            let message = format!("The custom key store {} contains KMS keys.", store.id);
            return Err(Fault::new("CustomKeyStoreHasCMKsException", message));
        }
        orphans::forget(cx, &store)?;
        STORES.delete(&mut cx.tx, &[&store.account, &store.region, &store.id]);
        Ok(DeleteCustomKeyStoreResponse {})
    }
}
