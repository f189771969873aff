//! Secrets shared with somebody else: DeriveSharedSecret, Encapsulate and Decapsulate.

use crate::Kms;
use crate::api::{
    DecapsulateRequest, DecapsulateResponse, DeriveSharedSecretRequest, DeriveSharedSecretResponse,
    EncapsulateRequest, EncapsulateResponse, GrantOperation, ops,
};
use crate::cryptographic::{Operation, Request, unexpected};
use crate::errors::{dry_run, invalid_ciphertext, validation};
use crate::recipient::Secret;
use platform::{Cx, Fault, Handle};
use primitives::Error;
use wire::Blob;

const DERIVE: Operation = Operation {
    name: "DeriveSharedSecret",
    action: "kms:DeriveSharedSecret",
    grant: GrantOperation::DeriveSharedSecret,
};

const ENCAPSULATE: Operation =
    Operation { name: "Encapsulate", action: "kms:Encapsulate", grant: GrantOperation::Encapsulate };

const DECAPSULATE: Operation =
    Operation { name: "Decapsulate", action: "kms:Decapsulate", grant: GrantOperation::Decapsulate };

impl Handle<ops::DeriveSharedSecret> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DeriveSharedSecretRequest,
    ) -> Result<DeriveSharedSecretResponse, Fault> {
        let algorithm = input.key_agreement_algorithm;
        let recipient = self.recipient(cx, input.recipient.as_ref())?;
        let request = Request {
            recipient: recipient.as_ref(),
            ..Request::plain(&input.key_id, input.grant_tokens.as_deref())
        };
        let found = DERIVE.begin(cx, &request, algorithm)?;
        let key = &found.key;
        let open = key.open(cx)?;
        let secret = open.pair()?.agree(&input.public_key.0).map_err(|error| match error {
            Error::PublicKey => validation(format!(
                "The public key is not a valid DER-encoded X.509 public key of key spec {}.",
                key.spec.0
            )),
            other => unexpected(key, other),
        })?;
        if input.dry_run == Some(true) {
            return Err(dry_run());
        }
        let secret = Secret::of(secret.into(), recipient.as_ref())?;
        Ok(DeriveSharedSecretResponse {
            key_id: Some(key.arn.clone()),
            shared_secret: secret.plaintext,
            ciphertext_for_recipient: secret.for_recipient,
            key_agreement_algorithm: Some(algorithm),
            key_origin: Some(key.origin.0),
        })
    }
}

impl Handle<ops::Encapsulate> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &EncapsulateRequest) -> Result<EncapsulateResponse, Fault> {
        let algorithm = input.encapsulation_algorithm;
        let request = Request::plain(&input.key_id, input.grant_tokens.as_deref());
        let found = ENCAPSULATE.begin(cx, &request, algorithm)?;
        if input.dry_run == Some(true) {
            return Err(dry_run());
        }
        let key = &found.key;
        let open = key.open(cx)?;
        let made = open.pair()?.public_key().encapsulate();
        let (ciphertext, secret) = made.map_err(|error| unexpected(key, error))?;
        Ok(EncapsulateResponse {
            key_id: Some(key.arn.clone()),
            shared_secret: Some(Blob::from(secret)),
            shared_secret_ciphertext_blob: Some(Blob(ciphertext)),
            encapsulation_algorithm: Some(algorithm),
        })
    }
}

impl Handle<ops::Decapsulate> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &DecapsulateRequest) -> Result<DecapsulateResponse, Fault> {
        let algorithm = input.encapsulation_algorithm;
        let request = Request::plain(&input.key_id, input.grant_tokens.as_deref());
        let found = DECAPSULATE.begin(cx, &request, algorithm)?;
        let key = &found.key;
        let open = key.open(cx)?;
        let secret = open.pair()?.decapsulate(&input.shared_secret_ciphertext_blob.0);
        let secret = secret.map_err(|error| match error {
            Error::Ciphertext => invalid_ciphertext(),
            other => unexpected(key, other),
        })?;
        if input.dry_run == Some(true) {
            return Err(dry_run());
        }
        Ok(DecapsulateResponse {
            key_id: Some(key.arn.clone()),
            shared_secret: Some(Blob::from(secret)),
            encapsulation_algorithm: Some(algorithm),
        })
    }
}
