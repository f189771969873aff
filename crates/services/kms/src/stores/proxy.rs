//! The settings of external key stores (KMS Developer Guide, "External key stores").

use super::{Backing, Store, trouble};
use crate::api::{XksProxyAuthenticationCredentialType, XksProxyConnectivityType};
use crate::errors::validation;
use crate::text::Text;
use platform::{Cx, DeviceError, Fault, Trouble, seal_secret};
use std::sync::Arc;

/// Where a proxy is.
pub(super) struct Uri<'a> {
    pub(super) endpoint: &'a str,
    pub(super) path: &'a str,
    pub(super) connectivity: XksProxyConnectivityType,
    pub(super) vpc_service: Option<&'a str>,
}

impl Uri<'_> {
    /// Requires that it makes sense, and that no other store of the account and Region is there already.
    pub(super) fn check(&self, others: &[Arc<Store>]) -> Result<(), Fault> {
        let over_vpc = self.connectivity == XksProxyConnectivityType::VpcEndpointService;
        match (over_vpc, self.vpc_service) {
            (true, None) => {
                return Err(validation(
                    "XksProxyVpcEndpointServiceName is required when XksProxyConnectivity is VPC_ENDPOINT_SERVICE.",
                ));
            }
            (false, Some(_)) => {
                return Err(validation(
                    "XksProxyVpcEndpointServiceName is valid only when XksProxyConnectivity is VPC_ENDPOINT_SERVICE.",
                ));
            }
            _ => {}
        }
        for other in others {
            let Backing::External { endpoint, path, connectivity, vpc_service, .. } = &other.backing else {
                continue;
            };
            let same_endpoint = endpoint.eq_ignore_ascii_case(self.endpoint);
            if same_endpoint && path == self.path {
                return Err(in_use(
                    "XksProxyUriInUseException",
                    "The XksProxyUriEndpoint and XksProxyUriPath are already associated with another external key store in this Region.",
                ));
            }
            // Each VPC endpoint service has a private DNS name of its own, and shares it with no public endpoint.
            if same_endpoint && (over_vpc || connectivity.0 != self.connectivity) {
                return Err(in_use(
                    "XksProxyUriEndpointInUseException",
                    "The XksProxyUriEndpoint is already associated with another external key store in this Region.",
                ));
            }
            if over_vpc && vpc_service.as_deref() == self.vpc_service {
                return Err(in_use(
                    "XksProxyVpcEndpointServiceInUseException",
                    "The VPC endpoint service is already associated with another external key store in this Region.",
                ));
            }
        }
        Ok(())
    }
}

/// Requires that the VPC endpoint service is there, where a store is to be reached by one.
pub(super) fn require_service(cx: &Cx<'_>, uri: &Uri<'_>) -> Result<(), Fault> {
    match uri.vpc_service {
        Some(service) if !cx.key_stores().proxies.has_vpc_service(uri.endpoint, service) => {
            Err(trouble::of_proxy(&DeviceError::new(Trouble::VpcServiceNotFound, service)))
        }
        _ => Ok(()),
    }
}

fn in_use(code: &'static str, message: &str) -> Fault {
    Fault::new(code, message)
}

pub(super) fn backing(
    cx: &Cx<'_>,
    uri: &Uri<'_>,
    credential: &XksProxyAuthenticationCredentialType,
    vpc_owner: Option<&str>,
) -> Result<Backing, Fault> {
    Ok(Backing::External {
        endpoint: uri.endpoint.to_owned(),
        path: uri.path.to_owned(),
        access_key_id: credential.access_key_id.clone(),
        secret: seal_secret(cx.keyring(), &credential.raw_secret_access_key)?,
        connectivity: Text(uri.connectivity),
        vpc_service: uri.vpc_service.map(str::to_owned),
        vpc_owner: vpc_owner.map(str::to_owned),
    })
}
