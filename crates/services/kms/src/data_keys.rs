//! Data keys: random keys for use outside of KMS, given with a ciphertext of themselves.

use crate::Kms;
use crate::api::{
    DataKeySpec, EncryptionAlgorithmSpec, GenerateDataKeyRequest, GenerateDataKeyResponse,
    GenerateDataKeyWithoutPlaintextRequest, GenerateDataKeyWithoutPlaintextResponse, GrantOperation, ops,
};
use crate::ciphertext;
use crate::context::{NO_PAIRS, Pairs};
use crate::cryptographic::{Operation, Request};
use crate::errors::{dry_run, validation};
use crate::recipient::{Recipient, Secret};
use platform::{Cx, Fault, Handle};
use wire::Blob;

/// What the two operations have in common.
struct Wanted<'a> {
    operation: Operation,
    key_id: &'a str,
    pairs: Option<&'a Pairs>,
    spec: Option<DataKeySpec>,
    number_of_bytes: Option<i32>,
    grant_tokens: Option<&'a [String]>,
    dry_run: Option<bool>,
}

struct Made {
    plaintext: Blob,
    ciphertext: Blob,
    key_arn: String,
    material: Option<String>,
}

impl Wanted<'_> {
    fn make(&self, cx: &mut Cx<'_>, recipient: Option<&Recipient>) -> Result<Made, Fault> {
        let length = self.length()?;
        let pairs = self.pairs.unwrap_or(&NO_PAIRS);
        let request =
            Request { key_id: self.key_id, grant_tokens: self.grant_tokens, pairs, fact: None, recipient };
        let found = self.operation.begin(cx, &request, EncryptionAlgorithmSpec::SymmetricDefault)?;
        if self.dry_run == Some(true) {
            return Err(dry_run());
        }
        let mut plaintext = Blob(vec![0; length]);
        found.key.fill_random(cx, &mut plaintext.0)?;
        Ok(Made {
            ciphertext: Blob(ciphertext::encrypt(cx, &found.key, pairs, &plaintext.0)?),
            plaintext,
            key_arn: found.key.arn.clone(),
            material: found.key.current_name(),
        })
    }

    fn length(&self) -> Result<usize, Fault> {
        let bytes = self.number_of_bytes.and_then(|number| usize::try_from(number).ok());
        match (self.spec, bytes) {
            (Some(DataKeySpec::Aes256), None) => Ok(32),
            (Some(DataKeySpec::Aes128), None) => Ok(16),
            (None, Some(bytes)) => Ok(bytes),
            _ => Err(validation("Please specify either number of bytes or key spec.")),
        }
    }
}

impl Handle<ops::GenerateDataKey> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GenerateDataKeyRequest,
    ) -> Result<GenerateDataKeyResponse, Fault> {
        let recipient = self.recipient(cx, input.recipient.as_ref())?;
        let wanted = Wanted {
            operation: Operation {
                name: "GenerateDataKey",
                action: "kms:GenerateDataKey",
                grant: GrantOperation::GenerateDataKey,
            },
            key_id: &input.key_id,
            pairs: input.encryption_context.as_ref(),
            spec: input.key_spec,
            number_of_bytes: input.number_of_bytes,
            grant_tokens: input.grant_tokens.as_deref(),
            dry_run: input.dry_run,
        };
        let made = wanted.make(cx, recipient.as_ref())?;
        let secret = Secret::of(made.plaintext, recipient.as_ref())?;
        Ok(GenerateDataKeyResponse {
            ciphertext_blob: Some(made.ciphertext),
            plaintext: secret.plaintext,
            key_id: Some(made.key_arn),
            ciphertext_for_recipient: secret.for_recipient,
            key_material_id: made.material,
        })
    }
}

impl Handle<ops::GenerateDataKeyWithoutPlaintext> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GenerateDataKeyWithoutPlaintextRequest,
    ) -> Result<GenerateDataKeyWithoutPlaintextResponse, Fault> {
        let wanted = Wanted {
            operation: Operation {
                name: "GenerateDataKeyWithoutPlaintext",
                action: "kms:GenerateDataKeyWithoutPlaintext",
                grant: GrantOperation::GenerateDataKeyWithoutPlaintext,
            },
            key_id: &input.key_id,
            pairs: input.encryption_context.as_ref(),
            spec: input.key_spec,
            number_of_bytes: input.number_of_bytes,
            grant_tokens: input.grant_tokens.as_deref(),
            dry_run: input.dry_run,
        };
        let made = wanted.make(cx, None)?;
        Ok(GenerateDataKeyWithoutPlaintextResponse {
            ciphertext_blob: Some(made.ciphertext),
            key_id: Some(made.key_arn),
            key_material_id: made.material,
        })
    }
}
