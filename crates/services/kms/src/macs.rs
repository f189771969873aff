//! GenerateMac and VerifyMac.

use crate::Kms;
use crate::api::{
    GenerateMacRequest, GenerateMacResponse, GrantOperation, VerifyMacRequest, VerifyMacResponse, ops,
};
use crate::cryptographic::{Operation, Request};
use crate::errors::dry_run;
use platform::{Cx, Fault, Handle};
use wire::Blob;

const GENERATE: Operation =
    Operation { name: "GenerateMac", action: "kms:GenerateMac", grant: GrantOperation::GenerateMac };

const VERIFY: Operation =
    Operation { name: "VerifyMac", action: "kms:VerifyMac", grant: GrantOperation::VerifyMac };

impl Handle<ops::GenerateMac> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &GenerateMacRequest) -> Result<GenerateMacResponse, Fault> {
        let algorithm = input.mac_algorithm;
        let request = Request::plain(&input.key_id, input.grant_tokens.as_deref());
        let found = GENERATE.begin(cx, &request, algorithm)?;
        if input.dry_run == Some(true) {
            return Err(dry_run());
        }
        let mac = found.key.open(cx)?.mac()?.mac(&input.message.0);
        Ok(GenerateMacResponse {
            mac: Some(Blob(mac)),
            mac_algorithm: Some(algorithm),
            key_id: Some(found.key.arn.clone()),
        })
    }
}

impl Handle<ops::VerifyMac> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &VerifyMacRequest) -> Result<VerifyMacResponse, Fault> {
        let algorithm = input.mac_algorithm;
        let request = Request::plain(&input.key_id, input.grant_tokens.as_deref());
        let found = VERIFY.begin(cx, &request, algorithm)?;
        if input.dry_run == Some(true) {
            return Err(dry_run());
        }
        if !found.key.open(cx)?.mac()?.verify(&input.message.0, &input.mac.0) {
            // AWS gives no message.
            return Err(Fault::new("KMSInvalidMacException", ""));
        }
        Ok(VerifyMacResponse {
            key_id: Some(found.key.arn.clone()),
            mac_valid: Some(true),
            mac_algorithm: Some(algorithm),
        })
    }
}
