//! Sign and Verify.

use crate::Kms;
use crate::api::{
    GrantOperation, MessageType, SignRequest, SignResponse, SigningAlgorithmSpec, VerifyRequest,
    VerifyResponse, ops,
};
use crate::context::NO_PAIRS;
use crate::cryptographic::{Operation, Request, unexpected};
use crate::errors::{dry_run, validation};
use crate::kinds::signature;
use crate::names::Found;
use platform::{Cx, Fault, Handle};
use primitives::{Error, Message};
use wire::Blob;

/// What both operations ask for.
struct Asked<'a> {
    operation: Operation,
    key_id: &'a str,
    algorithm: SigningAlgorithmSpec,
    message: &'a [u8],
    message_type: MessageType,
    grant_tokens: Option<&'a [String]>,
}

impl<'a> Asked<'a> {
    fn begin(&self, cx: &mut Cx<'_>) -> Result<(Found<'a>, Message<'a>), Fault> {
        let (algorithm, kind) = (self.algorithm, self.message_type);
        let request = Request {
            key_id: self.key_id,
            grant_tokens: self.grant_tokens,
            pairs: &NO_PAIRS,
            fact: Some(("kms:MessageType", kind.as_str())),
            recipient: None,
        };
        let found = self.operation.begin(cx, &request, algorithm)?;
        Ok((found, message(algorithm, kind, self.message)?))
    }
}

/// The message as its type says, which has to fit the algorithm.
fn message(algorithm: SigningAlgorithmSpec, kind: MessageType, message: &[u8]) -> Result<Message<'_>, Fault> {
    /// Bytes of an external mu (FIPS 204).
    const MU_BYTES: usize = 64;
    let digest_bytes = signature(algorithm).digest_bytes();
    let (message, bytes) = match (kind, algorithm, digest_bytes) {
        (MessageType::Raw, SigningAlgorithmSpec::Ed25519PhSha512, _) => {
            return Err(incompatible(kind, algorithm));
        }
        (MessageType::Raw, ..) => return Ok(Message::Raw(message)),
        (MessageType::Digest, _, Some(bytes)) => (Message::Digest(message), bytes),
        (MessageType::ExternalMu, SigningAlgorithmSpec::MlDsaShake256, _) => {
            (Message::ExternalMu(message), MU_BYTES)
        }
        _ => return Err(incompatible(kind, algorithm)),
    };
    let (Message::Raw(given) | Message::Digest(given) | Message::ExternalMu(given)) = message;
    if given.len() != bytes {
        return Err(validation(format!("Digest is invalid length for algorithm {algorithm}.")));
    }
    Ok(message)
}

fn incompatible(kind: MessageType, algorithm: SigningAlgorithmSpec) -> Fault {
    validation(format!("Message type {kind} is incompatible with algorithm {algorithm}."))
}

impl Handle<ops::Sign> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &SignRequest) -> Result<SignResponse, Fault> {
        let asked = Asked {
            operation: Operation { name: "Sign", action: "kms:Sign", grant: GrantOperation::Sign },
            key_id: &input.key_id,
            algorithm: input.signing_algorithm,
            message: &input.message.0,
            message_type: input.message_type.unwrap_or(MessageType::Raw),
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let (found, message) = asked.begin(cx)?;
        if input.dry_run == Some(true) {
            return Err(dry_run());
        }
        let key = &found.key;
        let open = key.open(cx)?;
        let pair = open.pair()?;
        let made = key.work(cx, || pair.sign(signature(asked.algorithm), message))?;
        Ok(SignResponse {
            key_id: Some(key.arn.clone()),
            signature: Some(Blob(made.map_err(|error| unexpected(key, error))?)),
            signing_algorithm: Some(asked.algorithm),
        })
    }
}

impl Handle<ops::Verify> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &VerifyRequest) -> Result<VerifyResponse, Fault> {
        let asked = Asked {
            operation: Operation { name: "Verify", action: "kms:Verify", grant: GrantOperation::Verify },
            key_id: &input.key_id,
            algorithm: input.signing_algorithm,
            message: &input.message.0,
            message_type: input.message_type.unwrap_or(MessageType::Raw),
            grant_tokens: input.grant_tokens.as_deref(),
        };
        let (found, message) = asked.begin(cx)?;
        if input.dry_run == Some(true) {
            return Err(dry_run());
        }
        let key = &found.key;
        let open = key.open(cx)?;
        let public = open.pair()?.public_key();
        let valid: Result<bool, Error> =
            public.verify(signature(asked.algorithm), message, &input.signature.0);
        if !valid.map_err(|error| unexpected(key, error))? {
            // AWS gives no message.
            return Err(Fault::new("KMSInvalidSignatureException", ""));
        }
        Ok(VerifyResponse {
            key_id: Some(key.arn.clone()),
            signature_valid: Some(true),
            signing_algorithm: Some(asked.algorithm),
        })
    }
}
