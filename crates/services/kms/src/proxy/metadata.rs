//! GetKeyMetadata.

use super::api::{GetKeyMetadataRequest, GetKeyMetadataResponse, ops};
use super::encryption::is_ours;
use super::{XksProxy, found};
use crate::api::{GrantOperation, KeySpec, KeyUsageType};
use crate::authorize::Use;
use crate::key::{Key, State};
use platform::{Cx, Fault, Handle};

impl Handle<ops::GetKeyMetadata> for XksProxy {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetKeyMetadataRequest,
    ) -> Result<GetKeyMetadataResponse, Fault> {
        let found = found(cx, "kms:DescribeKey", &input.path, &input.external_key_id)?;
        Use::of(&found, "kms:DescribeKey").or_grant(GrantOperation::DescribeKey).authorize(cx)?;
        let key = &found.key;
        let spec = match key.spec.0 {
            KeySpec::SymmetricDefault => "AES_256",
            other => other.as_str(),
        };
        let status = if key.state == State::Enabled { "ENABLED" } else { "DISABLED" };
        Ok(GetKeyMetadataResponse {
            key_spec: spec.to_owned(),
            key_usage: uses(key).iter().map(|&name| name.to_owned()).collect(),
            key_status: status.to_owned(),
        })
    }
}

/// What the key can be used for, in the words of the specification and of PKCS #11, to which it points. A key that is in a key store
/// itself can be used for nothing here.
fn uses(key: &Key) -> &'static [&'static str] {
    match key.usage.0 {
        _ if !is_ours(key) => &[],
        KeyUsageType::EncryptDecrypt => &["ENCRYPT", "DECRYPT"],
        KeyUsageType::SignVerify | KeyUsageType::GenerateVerifyMac => &["SIGN", "VERIFY"],
        _ => &["DERIVE"],
    }
}
