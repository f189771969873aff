//! GetPublicKey.

use crate::Kms;
use crate::api::{CustomerMasterKeySpec, GetPublicKeyRequest, GetPublicKeyResponse, GrantOperation, ops};
use crate::authorize::Use;
use crate::errors::unsupported;
use crate::names::{Takes, find};
use crate::{grants, state};
use platform::{Cx, Fault, Handle};
use wire::Blob;

impl Handle<ops::GetPublicKey> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &GetPublicKeyRequest) -> Result<GetPublicKeyResponse, Fault> {
        grants::check_tokens(cx, input.grant_tokens.as_deref())?;
        let found = find(cx, "kms:GetPublicKey", &input.key_id, Takes::AnyName)?;
        Use::of(&found, "kms:GetPublicKey")
            .across_accounts()
            .or_grant(GrantOperation::GetPublicKey)
            .authorize(cx)?;
        let key = &found.key;
        state::USE.require(key)?;
        let spec = key.spec.0;
        if !key.is_pair() {
            return Err(unsupported(format!(
                "{} key spec is {spec} which is not valid for GetPublicKey.",
                key.arn
            )));
        }
        let open = key.open(cx)?;
        Ok(GetPublicKeyResponse {
            key_id: Some(key.arn.clone()),
            public_key: Some(Blob(open.pair()?.public_key().spki().to_vec())),
            customer_master_key_spec: CustomerMasterKeySpec::from_wire(spec.as_str()),
            key_spec: Some(spec),
            key_usage: Some(key.usage.0),
            encryption_algorithms: key.algorithms().map(<[_]>::to_vec),
            signing_algorithms: key.algorithms().map(<[_]>::to_vec),
            key_agreement_algorithms: key.algorithms().map(<[_]>::to_vec),
            encapsulation_algorithms: key.algorithms().map(<[_]>::to_vec),
        })
    }
}
