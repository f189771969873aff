//! Data key pairs: random key pairs for use outside of KMS, their private key given with a ciphertext of itself.

use crate::Kms;
use crate::api::{
    DataKeyPairSpec, EncryptionAlgorithmSpec, GenerateDataKeyPairRequest, GenerateDataKeyPairResponse,
    GenerateDataKeyPairWithoutPlaintextRequest, GenerateDataKeyPairWithoutPlaintextResponse, GrantOperation,
    KeySpec, ops,
};
use crate::context::{NO_PAIRS, Pairs};
use crate::cryptographic::{Operation, Request, unexpected};
use crate::errors::{dry_run, unsupported};
use crate::recipient::{Recipient, Secret};
use crate::{ciphertext, kinds, quotas};
use keyring::MaterialSpec;
use platform::{Cx, Fault, Handle};
use primitives::KeyPair;
use wire::Blob;

/// What the two operations have in common.
struct Wanted<'a> {
    operation: Operation,
    key_id: &'a str,
    pairs: Option<&'a Pairs>,
    spec: DataKeyPairSpec,
    grant_tokens: Option<&'a [String]>,
    dry_run: Option<bool>,
}

struct Made {
    private_key: Blob,
    ciphertext: Blob,
    public_key: Blob,
    key_arn: String,
    material: Option<String>,
}

impl Wanted<'_> {
    fn make(&self, cx: &mut Cx<'_>, recipient: Option<&Recipient>) -> Result<Made, Fault> {
        let (spec, pairs) = (self.spec, self.pairs.unwrap_or(&NO_PAIRS));
        quotas::count_pair(cx, spec)?;
        let algorithm = EncryptionAlgorithmSpec::SymmetricDefault;
        let request = Request {
            key_id: self.key_id,
            grant_tokens: self.grant_tokens,
            pairs,
            fact: Some(("kms:DataKeyPairSpec", spec.as_str())),
            recipient,
        };
        let found = self.operation.begin(cx, &request, algorithm)?;
        let key = &found.key;
        if key.placed.is_some() {
            let origin = key.origin.0;
            return Err(unsupported(format!(
                "{} origin is {origin} which is not valid for this operation.",
                key.arn
            )));
        }
        if self.dry_run == Some(true) {
            return Err(dry_run());
        }
        let kind = KeySpec::from_wire(spec.as_str())
            .map(|spec| (kinds::material(spec), kinds::is_slow_to_make(spec)));
        let Some((MaterialSpec::Pair(kind), slow)) = kind else {
            return Err(Fault::bug(format!("{spec} is no spec of key pairs")));
        };
        let make = || KeyPair::generate(kind);
        let pair = if slow { cx.aside(make)? } else { make() };
        let pair = pair.map_err(|error| unexpected(key, error))?;
        let private_key = pair.to_pkcs8().map_err(|error| unexpected(key, error))?;
        Ok(Made {
            ciphertext: Blob(ciphertext::encrypt(cx, key, pairs, &private_key)?),
            private_key: Blob::from(private_key),
            public_key: Blob(pair.public_key().spki().to_vec()),
            key_arn: key.arn.clone(),
            material: key.current_name(),
        })
    }
}

impl Handle<ops::GenerateDataKeyPair> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GenerateDataKeyPairRequest,
    ) -> Result<GenerateDataKeyPairResponse, Fault> {
        let recipient = self.recipient(cx, input.recipient.as_ref())?;
        let wanted = Wanted {
            operation: Operation {
                name: "GenerateDataKeyPair",
                action: "kms:GenerateDataKeyPair",
                grant: GrantOperation::GenerateDataKeyPair,
            },
            key_id: &input.key_id,
            pairs: input.encryption_context.as_ref(),
            spec: input.key_pair_spec,
            grant_tokens: input.grant_tokens.as_deref(),
            dry_run: input.dry_run,
        };
        let made = wanted.make(cx, recipient.as_ref())?;
        let secret = Secret::of(made.private_key, recipient.as_ref())?;
        Ok(GenerateDataKeyPairResponse {
            private_key_ciphertext_blob: Some(made.ciphertext),
            private_key_plaintext: secret.plaintext,
            public_key: Some(made.public_key),
            key_id: Some(made.key_arn),
            key_pair_spec: Some(input.key_pair_spec),
            ciphertext_for_recipient: secret.for_recipient,
            key_material_id: made.material,
        })
    }
}

impl Handle<ops::GenerateDataKeyPairWithoutPlaintext> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GenerateDataKeyPairWithoutPlaintextRequest,
    ) -> Result<GenerateDataKeyPairWithoutPlaintextResponse, Fault> {
        let wanted = Wanted {
            operation: Operation {
                name: "GenerateDataKeyPairWithoutPlaintext",
                action: "kms:GenerateDataKeyPairWithoutPlaintext",
                grant: GrantOperation::GenerateDataKeyPairWithoutPlaintext,
            },
            key_id: &input.key_id,
            pairs: input.encryption_context.as_ref(),
            spec: input.key_pair_spec,
            grant_tokens: input.grant_tokens.as_deref(),
            dry_run: input.dry_run,
        };
        let made = wanted.make(cx, None)?;
        Ok(GenerateDataKeyPairWithoutPlaintextResponse {
            private_key_ciphertext_blob: Some(made.ciphertext),
            public_key: Some(made.public_key),
            key_id: Some(made.key_arn),
            key_pair_spec: Some(input.key_pair_spec),
            key_material_id: made.material,
        })
    }
}
