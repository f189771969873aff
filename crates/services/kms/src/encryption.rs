//! Encrypt, Decrypt and ReEncrypt.

use crate::Kms;
use crate::api::{
    DecryptRequest, DecryptResponse, DryRunModifierType, EncryptRequest, EncryptResponse,
    EncryptionAlgorithmSpec, GrantOperation, ReEncryptRequest, ReEncryptResponse, ops,
};
use crate::authorize::{CIPHERTEXTS_RESOURCE, NamedBy, Use};
use crate::ciphertext::{self, Ciphertext, Opened};
use crate::context::{NO_PAIRS, Pairs};
use crate::cryptographic::{Operation, Request};
use crate::errors::{dry_run, incorrect_key, out_of_reach, validation};
use crate::key::Key;
use crate::names::{Found, Takes, find};
use crate::recipient::Secret;
use crate::{asymmetric, grants, kinds};
use platform::{Cx, Fault, Handle};
use wire::Blob;

const DEFAULT_ALGORITHM: EncryptionAlgorithmSpec = EncryptionAlgorithmSpec::SymmetricDefault;

const ENCRYPT: Operation =
    Operation { name: "Encrypt", action: "kms:Encrypt", grant: GrantOperation::Encrypt };

impl Handle<ops::Encrypt> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &EncryptRequest) -> Result<EncryptResponse, Fault> {
        let algorithm = input.encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM);
        let pairs = input.encryption_context.as_ref().unwrap_or(&NO_PAIRS);
        let request = Request {
            key_id: &input.key_id,
            grant_tokens: input.grant_tokens.as_deref(),
            pairs,
            fact: None,
            recipient: None,
        };
        let found = ENCRYPT.begin(cx, &request, algorithm)?;
        asymmetric::require_no_context(algorithm, pairs)?;
        if input.dry_run == Some(true) {
            return Err(dry_run());
        }
        let blob = encrypt(cx, &found.key, algorithm, pairs, &input.plaintext.0)?;
        Ok(EncryptResponse {
            ciphertext_blob: Some(Blob(blob)),
            key_id: Some(found.key.arn.clone()),
            encryption_algorithm: Some(algorithm),
        })
    }
}

impl Handle<ops::Decrypt> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &DecryptRequest) -> Result<DecryptResponse, Fault> {
        let algorithm = input.encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM);
        let dry = input.dry_run == Some(true);
        let modifiers = input.dry_run_modifiers.as_deref();
        let ciphertext = read(input.ciphertext_blob.as_ref(), algorithm, dry, modifiers)?;
        let pairs = input.encryption_context.as_ref().unwrap_or(&NO_PAIRS);
        grants::check_tokens(cx, input.grant_tokens.as_deref())?;
        let recipient = self.recipient(cx, input.recipient.as_ref())?;
        let (found, named_by) = source(cx, "kms:Decrypt", input.key_id.as_deref(), ciphertext.as_ref())?;
        Use::of(&found, "kms:Decrypt")
            .across_accounts()
            .for_recipient(recipient.as_ref())
            .named_by(named_by)
            .or_grant(GrantOperation::Decrypt)
            .with_context(pairs)
            .with_algorithm(algorithm)
            .authorize(cx)?;
        let Some(opened) = open(cx, &found.key, "Decrypt", algorithm, ciphertext, pairs)? else {
            return Err(dry_run());
        };
        if dry {
            return Err(dry_run());
        }
        let secret = Secret::of(opened.plaintext.into(), recipient.as_ref())?;
        Ok(DecryptResponse {
            key_id: Some(found.key.arn.clone()),
            plaintext: secret.plaintext,
            encryption_algorithm: Some(algorithm),
            ciphertext_for_recipient: secret.for_recipient,
            key_material_id: opened.material,
        })
    }
}

impl Handle<ops::ReEncrypt> for Kms {
    fn handle(&self, cx: &mut Cx<'_>, input: &ReEncryptRequest) -> Result<ReEncryptResponse, Fault> {
        let source_algorithm = input.source_encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM);
        let destination_algorithm = input.destination_encryption_algorithm.unwrap_or(DEFAULT_ALGORITHM);
        let source_pairs = input.source_encryption_context.as_ref().unwrap_or(&NO_PAIRS);
        let destination_pairs = input.destination_encryption_context.as_ref().unwrap_or(&NO_PAIRS);
        let dry = input.dry_run == Some(true);
        let modifiers = input.dry_run_modifiers.as_deref();
        let ciphertext = read(input.ciphertext_blob.as_ref(), source_algorithm, dry, modifiers)?;
        grants::check_tokens(cx, input.grant_tokens.as_deref())?;
        let (from, named_by) =
            source(cx, "kms:ReEncryptFrom", input.source_key_id.as_deref(), ciphertext.as_ref())?;
        let to = find(cx, "kms:ReEncryptTo", &input.destination_key_id, Takes::AnyName)?;
        let same_key = if from.key.arn == to.key.arn { "true" } else { "false" };
        Use::of(&from, "kms:ReEncryptFrom")
            .across_accounts()
            .named_by(named_by)
            .or_grant(GrantOperation::ReEncryptFrom)
            .before("kms:ReEncryptTo", to.key.arn.as_str())
            .with_context(source_pairs)
            .with_algorithm(source_algorithm)
            .with("kms:ReEncryptOnSameKey", same_key)
            .authorize(cx)?;
        Use::of(&to, "kms:ReEncryptTo")
            .across_accounts()
            .or_grant(GrantOperation::ReEncryptTo)
            .with_context(destination_pairs)
            .with_algorithm(destination_algorithm)
            .with("kms:ReEncryptOnSameKey", same_key)
            .authorize(cx)?;
        require_own(&from.key, ciphertext.as_ref())?;
        to.key.require(cx, "ReEncrypt", destination_algorithm)?;
        asymmetric::require_no_context(destination_algorithm, destination_pairs)?;
        let opened = open(cx, &from.key, "ReEncrypt", source_algorithm, ciphertext, source_pairs)?;
        let Some(opened) = opened else { return Err(dry_run()) };
        if dry {
            return Err(dry_run());
        }
        let blob = encrypt(cx, &to.key, destination_algorithm, destination_pairs, &opened.plaintext)?;
        Ok(ReEncryptResponse {
            ciphertext_blob: Some(Blob(blob)),
            source_key_id: Some(from.key.arn.clone()),
            key_id: Some(to.key.arn.clone()),
            source_encryption_algorithm: Some(source_algorithm),
            destination_encryption_algorithm: Some(destination_algorithm),
            source_key_material_id: opened.material,
            destination_key_material_id: to.key.current_name(),
        })
    }
}

/// What is to be decrypted.
enum Sealed<'a> {
    /// By a symmetric key, which it names.
    Symmetric(Ciphertext<'a>),
    /// To a key pair, of which it tells nothing.
    Asymmetric(&'a [u8]),
}

/// Encrypts under the key's current material.
fn encrypt(
    cx: &Cx<'_>,
    key: &Key,
    algorithm: EncryptionAlgorithmSpec,
    pairs: &Pairs,
    plaintext: &[u8],
) -> Result<Vec<u8>, Fault> {
    match kinds::encryption(algorithm) {
        None => ciphertext::encrypt(cx, key, pairs, plaintext),
        Some(of_pairs) => asymmetric::encrypt(cx, key, (algorithm, of_pairs), plaintext),
    }
}

/// The ciphertext of the request; none if a dry run is to do without.
fn read<'a>(
    blob: Option<&'a Blob>,
    algorithm: EncryptionAlgorithmSpec,
    dry: bool,
    modifiers: Option<&[DryRunModifierType]>,
) -> Result<Option<Sealed<'a>>, Fault> {
    if dry && modifiers.is_some_and(|modifiers| modifiers.contains(&DryRunModifierType::IgnoreCiphertext)) {
        return Ok(None);
    }
    let blob = blob.ok_or_else(|| {
        validation(
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null",
        )
    })?;
    Ok(Some(match algorithm {
        EncryptionAlgorithmSpec::SymmetricDefault => Sealed::Symmetric(Ciphertext::parse(&blob.0)?),
        _ => Sealed::Asymmetric(&blob.0),
    }))
}

/// The key to decrypt with: the one that the request names or else the one that the ciphertext does.
fn source<'a>(
    cx: &mut Cx<'_>,
    action: &'static str,
    key_id: Option<&'a str>,
    ciphertext: Option<&Sealed<'_>>,
) -> Result<(Found<'a>, NamedBy), Fault> {
    if let Some(key_id) = key_id {
        return Ok((find(cx, action, key_id, Takes::AnyName)?, NamedBy::Request));
    }
    let ciphertext = match ciphertext {
        Some(Sealed::Symmetric(ciphertext)) => ciphertext,
        Some(Sealed::Asymmetric(_)) => {
            return Err(validation("A key ID is required when the encryption algorithm is asymmetric."));
        }
        None => {
            return Err(validation("A key ID is required when DryRunModifiers is set to IGNORE_CIPHERTEXT."));
        }
    };
    let region = cx.region();
    match Key::load(cx, &[&ciphertext.account, region, &ciphertext.key], action)? {
        Some(key) => Ok((Found { key, alias: None }, NamedBy::Ciphertext)),
        None => Err(out_of_reach(&cx.caller().principal.arn(), action, CIPHERTEXTS_RESOURCE)),
    }
}

/// Requires that the key is the one that a ciphertext names, before anything is said of the key's usage.
fn require_own(key: &Key, ciphertext: Option<&Sealed<'_>>) -> Result<(), Fault> {
    match ciphertext {
        Some(Sealed::Symmetric(ciphertext)) if !ciphertext.is_of(key) => Err(incorrect_key()),
        _ => Ok(()),
    }
}

/// Decrypts, if the key is the right one and usable. Answers none where there is no ciphertext.
fn open(
    cx: &mut Cx<'_>,
    key: &Key,
    operation: &str,
    algorithm: EncryptionAlgorithmSpec,
    ciphertext: Option<Sealed<'_>>,
    pairs: &Pairs,
) -> Result<Option<Opened>, Fault> {
    require_own(key, ciphertext.as_ref())?;
    key.require(cx, operation, algorithm)?;
    asymmetric::require_no_context(algorithm, pairs)?;
    match (ciphertext, kinds::encryption(algorithm)) {
        (Some(Sealed::Symmetric(ciphertext)), _) => ciphertext.decrypt(cx, key, pairs).map(Some),
        (Some(Sealed::Asymmetric(ciphertext)), Some(algorithm)) => {
            let plaintext = asymmetric::decrypt(cx, key, algorithm, ciphertext)?;
            Ok(Some(Opened { plaintext, material: None }))
        }
        _ => Ok(None),
    }
}
