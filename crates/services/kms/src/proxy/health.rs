//! GetHealthStatus.

use super::api::{GetHealthStatusRequest, GetHealthStatusResponse, KeyManager, ops};
use super::{XksProxy, require_path};
use platform::{Cx, Fault, Handle};

/// What is sealed and opened to see whether keys can be used.
const TRIAL_PURPOSE: &str = "kms/xks-health";

const MODEL: &str = concat!("Fastness ", env!("CARGO_PKG_VERSION"));

impl Handle<ops::GetHealthStatus> for XksProxy {
    /// Whoever has a key of the proxy may ask: authorization is not to keep it from them ("GetHealthStatus"). Its answer is recorded
    /// before it is given, so that the store has proved itself as well.
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetHealthStatusRequest,
    ) -> Result<GetHealthStatusResponse, Fault> {
        cx.authorize_everyone();
        require_path(cx, &input.path)?;
        let mut trial = [0; 32];
        cx.random().fill(&mut trial);
        let sealed = cx.keyring().token_seal(TRIAL_PURPOSE, &trial)?;
        if **cx.keyring().token_open(TRIAL_PURPOSE, &sealed)? != trial {
            return Err(Fault::unavailable("the keyring does not open what it sealed"));
        }
        Ok(GetHealthStatusResponse {
            xks_proxy_fleet_size: 1,
            xks_proxy_vendor: "Fastness".to_owned(),
            xks_proxy_model: MODEL.to_owned(),
            ekm_vendor: "Fastness".to_owned(),
            ekm_fleet_details: vec![KeyManager {
                id: format!("{}/{}", cx.account(), cx.region()),
                model: MODEL.to_owned(),
                health_status: "ACTIVE".to_owned(),
            }],
        })
    }
}
