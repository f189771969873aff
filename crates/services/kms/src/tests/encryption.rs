use super::{denied, refused};
use crate::api::{
    CreateAliasRequest, DataKeySpec, DecryptRequest, DisableKeyRequest, DryRunModifierType, EncryptRequest,
    EncryptionAlgorithmSpec, GenerateDataKeyRequest, GenerateDataKeyWithoutPlaintextRequest,
    GenerateRandomRequest, KeyEncryptionMechanism, KeySpec, KeyUsageType, ReEncryptRequest, RecipientInfo,
    ops,
};
use crate::context::Pairs;
use crate::testing::{ACCOUNT, OTHER, World, allow};
use platform::Caller;
use wire::Blob;

fn pairs(of: &[(&str, &str)]) -> Option<Pairs> {
    Some(of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

fn encrypt(world: &World, caller: &Caller, key: &str, plaintext: &[u8], context: Option<Pairs>) -> Vec<u8> {
    let input = EncryptRequest {
        key_id: key.to_owned(),
        plaintext: plaintext.into(),
        encryption_context: context,
        ..EncryptRequest::default()
    };
    world.call::<ops::Encrypt>(caller, input).unwrap().ciphertext_blob.unwrap().into_vec()
}

fn to_decrypt(blob: &[u8]) -> DecryptRequest {
    DecryptRequest { ciphertext_blob: Some(blob.into()), ..DecryptRequest::default() }
}

#[test]
fn what_is_encrypted_is_decrypted() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    let id = key.rsplit('/').next().unwrap();
    world
        .call::<ops::CreateAlias>(
            &root,
            CreateAliasRequest { alias_name: "alias/a".to_owned(), target_key_id: id.to_owned() },
        )
        .unwrap();
    let alias_arn = key.replace(&format!("key/{id}"), "alias/a");
    for plaintext in [&b"x"[..], &[7; 4096]] {
        for name in [&key, id, "alias/a", &alias_arn] {
            let context = pairs(&[("b", "2"), ("a", "")]);
            let blob = encrypt(&world, &root, name, plaintext, context.clone());
            assert_eq!(blob.len(), plaintext.len() + 104);
            for key_id in [None, Some(name.to_owned())] {
                let input =
                    DecryptRequest { encryption_context: context.clone(), key_id, ..to_decrypt(&blob) };
                let output = world.call::<ops::Decrypt>(&root, input).unwrap();
                assert_eq!(output.plaintext.unwrap().0, plaintext);
                assert_eq!(output.key_id.as_deref(), Some(key.as_str()));
                assert_eq!(output.encryption_algorithm, Some(EncryptionAlgorithmSpec::SymmetricDefault));
                assert_eq!(output.key_material_id.unwrap().len(), 64);
            }
        }
    }
}

#[test]
fn any_changed_bit_and_any_other_context_is_refused() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    let context = pairs(&[("app", "1")]);
    let blob = encrypt(&world, &root, &key, b"secret", context.clone());
    for key_id in [None, Some(key.clone())] {
        for bit in 0..blob.len() * 8 {
            let mut changed = blob.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let input = DecryptRequest {
                encryption_context: context.clone(),
                key_id: key_id.clone(),
                ..to_decrypt(&changed)
            };
            refused(world.call::<ops::Decrypt>(&root, input), "InvalidCiphertextException", "");
        }
    }
    for length in 0..blob.len() {
        let input = DecryptRequest { encryption_context: context.clone(), ..to_decrypt(&blob[..length]) };
        refused(world.call::<ops::Decrypt>(&root, input), "InvalidCiphertextException", "");
    }
    let others: [&[(&str, &str)]; 5] =
        [&[], &[("App", "1")], &[("app", "2")], &[("app", "1"), ("b", "")], &[("ap", "p1")]];
    for other in others {
        let input = DecryptRequest { encryption_context: pairs(other), ..to_decrypt(&blob) };
        refused(world.call::<ops::Decrypt>(&root, input), "InvalidCiphertextException", "");
    }
}

/// A header of another key with a right checksum around the same envelope: not only its checksum protects the header.
#[test]
fn headers_are_authenticated() {
    let world = World::new();
    let root = world.root();
    let (a, b) = (world.key(), world.key());
    let mut of_a = encrypt(&world, &root, &a, b"secret", None);
    let of_b = encrypt(&world, &root, &b, b"secret", None);
    of_a[..59].copy_from_slice(&of_b[..59]);
    refused(world.call::<ops::Decrypt>(&root, to_decrypt(&of_a)), "InvalidCiphertextException", "");
}

#[test]
fn the_wrong_key_is_refused() {
    let world = World::new();
    let root = world.root();
    let (a, b) = (world.key(), world.key());
    let blob = encrypt(&world, &root, &a, b"secret", None);
    let input = DecryptRequest { key_id: Some(b.clone()), ..to_decrypt(&blob) };
    let message = "The key ID in the request does not identify a CMK that can perform this operation.";
    refused(world.call::<ops::Decrypt>(&root, input), "IncorrectKeyException", message);
    let input = ReEncryptRequest {
        ciphertext_blob: Some(Blob(blob.clone())),
        source_key_id: Some(b.clone()),
        destination_key_id: a.clone(),
        ..ReEncryptRequest::default()
    };
    refused(world.call::<ops::ReEncrypt>(&root, input.clone()), "IncorrectKeyException", message);
    // Nothing is said of the usage of keys that the ciphertext does not name.
    let signing = world.key_of(KeySpec::EccNistP256, KeyUsageType::SignVerify);
    for (source, destination) in [(&signing, &signing), (&signing, &a), (&b, &signing)] {
        let input = ReEncryptRequest {
            source_key_id: Some(source.clone()),
            destination_key_id: destination.clone(),
            ..input.clone()
        };
        refused(world.call::<ops::ReEncrypt>(&root, input), "IncorrectKeyException", message);
    }
    let input = DecryptRequest { key_id: Some(signing), ..to_decrypt(&blob) };
    refused(world.call::<ops::Decrypt>(&root, input), "IncorrectKeyException", message);
}

#[test]
fn a_ciphertexts_key_in_another_region_is_out_of_reach() {
    let world = World::new();
    let root = world.root();
    let blob = encrypt(&world, &root, &world.key(), b"secret", None);
    world.go_to("eu-west-1");
    denied(
        world.call::<ops::Decrypt>(&root, to_decrypt(&blob)),
        "User: arn:aws:iam::111111111111:root is not authorized to perform: kms:Decrypt on the resource associated with this \
         ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a \
         resource-based policy explicitly denies access",
    );
}

#[test]
fn re_encryption_changes_key_and_context() {
    let world = World::new();
    let root = world.root();
    let (a, b) = (world.key(), world.key());
    let blob = encrypt(&world, &root, &a, b"secret", pairs(&[("from", "1")]));
    let input = ReEncryptRequest {
        ciphertext_blob: Some(Blob(blob)),
        source_encryption_context: pairs(&[("from", "1")]),
        destination_key_id: b.clone(),
        destination_encryption_context: pairs(&[("to", "2")]),
        ..ReEncryptRequest::default()
    };
    let output = world.call::<ops::ReEncrypt>(&root, input.clone()).unwrap();
    assert_eq!((output.source_key_id.as_ref(), output.key_id.as_ref()), (Some(&a), Some(&b)));
    assert_ne!(output.source_key_material_id, output.destination_key_material_id);
    let blob = output.ciphertext_blob.unwrap();
    let input =
        DecryptRequest { encryption_context: pairs(&[("to", "2")]), key_id: Some(b), ..to_decrypt(&blob.0) };
    assert_eq!(world.call::<ops::Decrypt>(&root, input).unwrap().plaintext.unwrap().0, b"secret");
}

#[test]
fn re_encryption_needs_both_permissions() {
    let world = World::new();
    let root = world.root();
    let (a, b) = (world.key(), world.key());
    let blob = encrypt(&world, &root, &a, b"secret", None);
    let condition = |value: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":"kms:ReEncrypt*","Resource":"*","Condition":{{"Bool":{{"kms:ReEncryptOnSameKey":"{value}"}}}}}}"#
        )
    };
    for (name, statements, denial) in [
        ("both", allow("kms:ReEncryptFrom kms:ReEncryptTo"), None),
        ("other-key", condition("false"), None),
        ("from", allow("kms:ReEncryptFrom"), Some("kms:ReEncryptTo")),
        ("to", allow("kms:ReEncryptTo"), Some("kms:ReEncryptFrom")),
        ("same-key", condition("true"), Some("kms:ReEncryptFrom")),
    ] {
        let user = world.user(ACCOUNT, name, &statements);
        let input = ReEncryptRequest {
            ciphertext_blob: Some(blob.as_slice().into()),
            destination_key_id: b.clone(),
            ..ReEncryptRequest::default()
        };
        let result = world.call::<ops::ReEncrypt>(&user, input);
        match denial {
            None => drop(result.unwrap()),
            Some(action) => {
                denied(result, &format!("because no identity-based policy allows the {action} action"))
            }
        }
    }
}

#[test]
fn data_keys() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    for (spec, number, length) in [
        (Some(DataKeySpec::Aes256), None, 32),
        (Some(DataKeySpec::Aes128), None, 16),
        (None, Some(1), 1),
        (None, Some(1024), 1024),
    ] {
        let input = GenerateDataKeyRequest {
            key_id: key.clone(),
            key_spec: spec,
            number_of_bytes: number,
            encryption_context: pairs(&[("a", "b")]),
            ..GenerateDataKeyRequest::default()
        };
        let made = world.call::<ops::GenerateDataKey>(&root, input).unwrap();
        let plaintext = made.plaintext.unwrap();
        assert_eq!(plaintext.0.len(), length);
        let blob = made.ciphertext_blob.unwrap();
        let input = DecryptRequest { encryption_context: pairs(&[("a", "b")]), ..to_decrypt(&blob.0) };
        assert_eq!(world.call::<ops::Decrypt>(&root, input).unwrap().plaintext.unwrap(), plaintext);

        let input = GenerateDataKeyWithoutPlaintextRequest {
            key_id: key.clone(),
            key_spec: spec,
            number_of_bytes: number,
            ..GenerateDataKeyWithoutPlaintextRequest::default()
        };
        let made = world.call::<ops::GenerateDataKeyWithoutPlaintext>(&root, input).unwrap();
        let opened = world.call::<ops::Decrypt>(&root, to_decrypt(&made.ciphertext_blob.unwrap().0)).unwrap();
        assert_eq!(opened.plaintext.unwrap().0.len(), length);
    }
    for (spec, number) in [(None, None), (Some(DataKeySpec::Aes256), Some(32))] {
        let input = GenerateDataKeyRequest {
            key_id: key.clone(),
            key_spec: spec,
            number_of_bytes: number,
            ..GenerateDataKeyRequest::default()
        };
        let result = world.call::<ops::GenerateDataKey>(&root, input);
        refused(result, "ValidationException", "Please specify either number of bytes or key spec.");
    }
}

#[test]
fn random_bytes() {
    let world = World::new();
    let root = world.root();
    for number in [1, 12, 1024] {
        let input =
            GenerateRandomRequest { number_of_bytes: Some(number), ..GenerateRandomRequest::default() };
        let made = world.call::<ops::GenerateRandom>(&root, input).unwrap();
        assert_eq!(i32::try_from(made.plaintext.unwrap().0.len()), Ok(number));
    }
    let result = world.call::<ops::GenerateRandom>(&root, GenerateRandomRequest::default());
    refused(result, "ValidationException", "NumberOfBytes is required.");
    let input = GenerateRandomRequest {
        number_of_bytes: Some(1),
        custom_key_store_id: Some("cks-1".to_owned()),
        ..GenerateRandomRequest::default()
    };
    let message = "Custom key store with ID cks-1 is not found.";
    refused(world.call::<ops::GenerateRandom>(&root, input), "CustomKeyStoreNotFoundException", message);
    let nobody = world.user(ACCOUNT, "nobody", "");
    let input = GenerateRandomRequest { number_of_bytes: Some(1), ..GenerateRandomRequest::default() };
    denied(world.call::<ops::GenerateRandom>(&nobody, input), "because no identity-based policy allows");
}

#[test]
fn dry_runs_check_all_and_do_nothing() {
    let world = World::new();
    let root = world.root();
    let nobody = world.user(ACCOUNT, "nobody", "");
    let key = world.key();
    let blob = encrypt(&world, &root, &key, b"secret", None);
    let message = "The request would have succeeded, but the DryRun option is set.";
    let dry_run = Some(true);

    let input = EncryptRequest {
        key_id: key.clone(),
        plaintext: b"x"[..].into(),
        dry_run,
        ..EncryptRequest::default()
    };
    refused(world.call::<ops::Encrypt>(&root, input.clone()), "DryRunOperationException", message);
    denied(world.call::<ops::Encrypt>(&nobody, input), "kms:Encrypt");
    let input = GenerateDataKeyRequest {
        key_id: key.clone(),
        number_of_bytes: Some(1),
        dry_run,
        ..GenerateDataKeyRequest::default()
    };
    refused(world.call::<ops::GenerateDataKey>(&root, input), "DryRunOperationException", message);

    let input = DecryptRequest { dry_run, ..to_decrypt(&blob) };
    refused(world.call::<ops::Decrypt>(&root, input.clone()), "DryRunOperationException", message);
    let wrong = DecryptRequest { encryption_context: pairs(&[("a", "b")]), ..input };
    refused(world.call::<ops::Decrypt>(&root, wrong), "InvalidCiphertextException", "");
    let without = DecryptRequest {
        dry_run,
        dry_run_modifiers: Some(vec![DryRunModifierType::IgnoreCiphertext]),
        ..DecryptRequest::default()
    };
    let named = DecryptRequest { key_id: Some(key.clone()), ..without.clone() };
    refused(world.call::<ops::Decrypt>(&root, named), "DryRunOperationException", message);
    let missing = "A key ID is required when DryRunModifiers is set to IGNORE_CIPHERTEXT.";
    refused(world.call::<ops::Decrypt>(&root, without), "ValidationException", missing);
    let null = "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null";
    refused(world.call::<ops::Decrypt>(&root, DecryptRequest::default()), "ValidationException", null);

    let input = ReEncryptRequest {
        ciphertext_blob: Some(Blob(blob)),
        destination_key_id: key.clone(),
        dry_run,
        ..ReEncryptRequest::default()
    };
    refused(world.call::<ops::ReEncrypt>(&root, input.clone()), "DryRunOperationException", message);
    world.call::<ops::DisableKey>(&root, DisableKeyRequest { key_id: key.clone() }).unwrap();
    let disabled = format!("{key} is disabled.");
    refused(world.call::<ops::ReEncrypt>(&root, input), "DisabledException", &disabled);
}

#[test]
fn algorithms_and_recipients_that_a_key_has_not() {
    let world = World::new();
    let root = world.root();
    let key = world.key();
    let input = EncryptRequest {
        key_id: key.clone(),
        plaintext: b"x"[..].into(),
        encryption_algorithm: Some(EncryptionAlgorithmSpec::RsaesOaepSha1),
        ..EncryptRequest::default()
    };
    let message = "Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT.";
    refused(world.call::<ops::Encrypt>(&root, input), "InvalidKeyUsageException", message);
    // No root is trusted here: nothing is answered in clear instead.
    let message =
        "The attestation document is not valid: it is malformed: invalid CBOR: the body ends too early.";
    let recipient = Some(RecipientInfo {
        key_encryption_algorithm: Some(KeyEncryptionMechanism::RsaesOaepSha256),
        attestation_document: Some(Blob(vec![0x84])),
    });
    let input = GenerateDataKeyRequest {
        key_id: key.clone(),
        number_of_bytes: Some(1),
        recipient: recipient.clone(),
        ..GenerateDataKeyRequest::default()
    };
    refused(world.call::<ops::GenerateDataKey>(&root, input), "ValidationException", message);
    let input = DecryptRequest {
        recipient: recipient.clone(),
        ..to_decrypt(&encrypt(&world, &root, &key, b"x", None))
    };
    refused(world.call::<ops::Decrypt>(&root, input), "ValidationException", message);
    let input =
        GenerateRandomRequest { number_of_bytes: Some(1), recipient, ..GenerateRandomRequest::default() };
    refused(world.call::<ops::GenerateRandom>(&root, input), "ValidationException", message);
}

/// Conditions of one statement, whether they let a call with context `app=1`, by way of the alias, through.
#[test]
fn condition_keys() {
    let world = World::new();
    let root = world.root();
    let key = world.create_key(
        &root,
        crate::api::CreateKeyRequest {
            tags: Some(vec![crate::api::Tag { tag_key: "Team".to_owned(), tag_value: "red".to_owned() }]),
            ..Default::default()
        },
    );
    let alias = CreateAliasRequest { alias_name: "alias/a".to_owned(), target_key_id: key.key_id };
    world.call::<ops::CreateAlias>(&root, alias).unwrap();
    for (number, (condition, allowed)) in [
        (r#""StringEquals":{"kms:EncryptionContext:app":"1"}"#, true),
        (r#""StringEquals":{"kms:EncryptionContext:APP":"1"}"#, true),
        (r#""StringEquals":{"kms:EncryptionContext:app":"2"}"#, false),
        (r#""ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["app","b"]}"#, true),
        (r#""ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"b"}"#, false),
        (r#""StringEquals":{"kms:RequestAlias":"alias/a"}"#, true),
        (r#""StringEquals":{"kms:RequestAlias":"alias/b"}"#, false),
        (r#""ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/*"}"#, true),
        (r#""ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/b"}"#, false),
        (r#""StringEquals":{"kms:CallerAccount":"111111111111"}"#, true),
        (r#""StringEquals":{"kms:CallerAccount":"222222222222"}"#, false),
        (r#""StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT","kms:KeyUsage":"ENCRYPT_DECRYPT","kms:KeyOrigin":"AWS_KMS"}"#, true),
        (r#""Bool":{"kms:MultiRegion":"true"}"#, false),
        (r#""Bool":{"kms:MultiRegion":"false"}"#, true),
        (r#""StringEquals":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#, true),
        (r#""StringEquals":{"aws:ResourceTag/team":"red"}"#, true),
        (r#""StringEquals":{"aws:ResourceTag/team":"blue"}"#, false),
        (r#""Null":{"kms:ViaService":"true"}"#, true),
        (r#""StringEquals":{"aws:ResourceAccount":"111111111111"}"#, true),
    ]
    .into_iter()
    .enumerate()
    {
        let statement =
            format!(r#"{{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{{{condition}}}}}"#);
        let user = world.user(ACCOUNT, &format!("u{number}"), &statement);
        let input = EncryptRequest {
            key_id: "alias/a".to_owned(),
            plaintext: b"x"[..].into(),
            encryption_context: pairs(&[("app", "1")]),
            ..EncryptRequest::default()
        };
        assert_eq!(world.call::<ops::Encrypt>(&user, input).is_ok(), allowed, "{condition}");
    }
}

#[test]
fn callers_of_another_account() {
    let world = World::new();
    let key = world.key();
    let shared = world.key_with(&format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{OTHER}:root"}},"Action":["kms:Encrypt","kms:DisableKey"],"Resource":"*"}}"#
    ));
    let missing = key.replace(key.rsplit('/').next().unwrap(), "1234abcd-12ab-34cd-56ef-1234567890ab");
    let user = world.user(OTHER, "user", &allow("kms:*"));
    let nobody = world.user(OTHER, "nobody", "");
    let input = |key: &str| EncryptRequest {
        key_id: key.to_owned(),
        plaintext: b"x"[..].into(),
        ..EncryptRequest::default()
    };
    world.call::<ops::Encrypt>(&user, input(&shared)).unwrap();
    denied(
        world.call::<ops::Encrypt>(&nobody, input(&shared)),
        "because no identity-based policy allows the kms:Encrypt action",
    );
    // By its id alone it would be a key of the caller's own account.
    let id = shared.rsplit('/').next().unwrap();
    let own = format!("Key 'arn:aws:kms:eu-central-1:{OTHER}:key/{id}' does not exist");
    refused(world.call::<ops::Encrypt>(&user, input(id)), "NotFoundException", &own);
    // A key that is not there is like one that is out of reach.
    for (caller, resource) in [(&user, &key), (&user, &missing), (&nobody, &missing), (&nobody, &key)] {
        denied(
            world.call::<ops::Encrypt>(caller, input(resource)),
            &format!(
                "kms:Encrypt on resource: {resource} because the resource does not exist in this Region"
            ),
        );
    }
    // What the key policy allows, but no caller of another account may do.
    denied(
        world.call::<ops::DisableKey>(&user, DisableKeyRequest { key_id: shared.clone() }),
        "because the resource does not exist in this Region",
    );
}
