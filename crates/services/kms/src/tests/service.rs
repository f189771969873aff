use crate::{Kms, api};
use platform::Service as _;
use std::sync::Arc;

#[test]
fn all_operations_with_types_are_served() {
    let served: Vec<_> =
        Arc::new(Kms::default()).operations().iter().map(|operation| operation.model().name).collect();
    let typed = api::MODEL.operations.iter().filter(|model| model.input.is_some()).map(|model| model.name);
    assert_eq!(served, typed.collect::<Vec<_>>());
}

#[test]
fn cryptographic_operations_are_read_only_events() {
    for (operation, read_only) in [
        ("Encrypt", true),
        ("Decrypt", true),
        ("ReEncrypt", true),
        ("GenerateDataKeyWithoutPlaintext", true),
        ("GenerateRandom", true),
        ("GenerateDataKeyPair", true),
        ("GetPublicKey", true),
        ("Sign", true),
        ("Verify", true),
        ("GenerateMac", true),
        ("VerifyMac", true),
        ("DeriveSharedSecret", true),
        ("Encapsulate", true),
        ("Decapsulate", true),
        ("DescribeKey", true),
        ("ListRetirableGrants", true),
        ("CreateKey", false),
        ("EnableKey", false),
        ("CreateGrant", false),
        ("RetireGrant", false),
    ] {
        let facts = Kms::default().trail(operation);
        assert_eq!((facts.read_only, facts.response), (read_only, !read_only), "{operation}");
    }
}
