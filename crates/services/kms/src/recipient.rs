//! Attested environments: answers that only a Nitro enclave, or an instance with a NitroTPM, can read.
//!
//! What an answer has in clear otherwise is encrypted to the key of the attestation document (KMS Developer Guide, "Cryptographic
//! attestation support in AWS KMS"). What the document says is there for policies (`kms:RecipientAttestation:…`) and for the audit
//! record.

use crate::Kms;
use crate::api::{KeyEncryptionMechanism, RecipientInfo};
use crate::errors::validation;
use attestation::{Attested, Environment};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::{Access, Cx, Fault};
use serde_json::{Map, Value};
use wire::Blob;

/// An attested environment that waits for an answer.
#[derive(Debug)]
pub(crate) struct Recipient(Attested);

/// What is otherwise answered in clear: there, or for a recipient.
#[derive(Debug)]
pub(crate) struct Secret {
    pub(crate) plaintext: Option<Blob>,
    pub(crate) for_recipient: Option<Blob>,
}

impl Kms {
    /// The recipient of the answer, if there is one; told to the audit record. It has to be known before the caller is authorized,
    /// as policies may ask about it.
    pub(crate) fn recipient(
        &self,
        cx: &mut Cx<'_>,
        given: Option<&RecipientInfo>,
    ) -> Result<Option<Recipient>, Fault> {
        let Some(given) = given else { return Ok(None) };
        let missing = |name: &str| {
            validation(format!(
                "1 validation error detected: Value null at 'recipient.{name}' failed to satisfy constraint: Member must not be null"
            ))
        };
        match given.key_encryption_algorithm.ok_or_else(|| missing("keyEncryptionAlgorithm"))? {
            KeyEncryptionMechanism::RsaesOaepSha256 => {}
        }
        let document = given.attestation_document.as_ref().ok_or_else(|| missing("attestationDocument"))?;
        let attested = self
            .roots
            .verify(&document.0, cx.now().0)
            .map_err(|refused| validation(format!("The attestation document is not valid: {refused}.")))?;
        let recipient = Recipient(attested);
        cx.tell("recipient", recipient.told());
        Ok(Some(recipient))
    }
}

impl Recipient {
    /// Adds what policies may ask (KMS Developer Guide, "Condition keys for Nitro Enclaves", "Condition keys for NitroTPM").
    pub(crate) fn add_to<'a>(&self, mut access: Access<'a>) -> Access<'a> {
        for (number, value) in &self.0.registers {
            let digits = hex::encode(value);
            match self.0.environment {
                Environment::Enclave => {
                    if *number == IMAGE {
                        access = access.key("kms:RecipientAttestation:ImageSha384", digits.clone());
                    }
                    access = access.key(format!("kms:RecipientAttestation:PCR{number}"), digits);
                }
                Environment::Tpm => {
                    access = access.key(format!("kms:RecipientAttestation:NitroTPMPCR{number}"), digits);
                }
            }
        }
        access
    }

    /// What audit records have of it (KMS Developer Guide, "Monitoring attested requests"): those registers that AWS's have.
    fn told(&self) -> Value {
        let (registers, prefix): (&[u8], _) = match self.0.environment {
            Environment::Enclave => (&[0, 1, 2, 3, 4, 8], "attestationDocumentEnclavePCR"),
            Environment::Tpm => (&[4, 7, 8, 9, 12, 16, 23], "attestationDocumentNitroTPMPCR"),
        };
        let mut members = Map::new();
        members.insert("attestationDocumentModuleId".to_owned(), self.0.module_id.clone().into());
        for number in registers {
            let Some(value) = self.0.registers.get(number) else { continue };
            let name = match (self.0.environment, *number) {
                (Environment::Enclave, IMAGE) => "attestationDocumentEnclaveImageDigest".to_owned(),
                _ => format!("{prefix}{number}"),
            };
            members.insert(name, STANDARD.encode(value).into());
        }
        Value::Object(members)
    }
}

/// The register with the digest of an enclave's image.
const IMAGE: u8 = 0;

impl Secret {
    /// The plaintext in clear, or if somebody is to be its recipient, for them alone.
    pub(crate) fn of(plaintext: Blob, recipient: Option<&Recipient>) -> Result<Self, Fault> {
        let Some(recipient) = recipient else {
            return Ok(Self { plaintext: Some(plaintext), for_recipient: None });
        };
        let sealed = recipient.0.key.seal(&plaintext.0).map_err(|error| Fault::bug(error.to_string()))?;
        Ok(Self { plaintext: None, for_recipient: Some(Blob(sealed)) })
    }
}
