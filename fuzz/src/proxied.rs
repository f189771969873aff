//! What proxies of external key stores answer to KMS.

const AAD: &[u8] = b"project=nile,department=marketing";
const PLAINTEXT: &[u8] = b"Hello World!";

pub(crate) fn xks(input: &[u8]) {
    assert!(::xks::is_sound(input, AAD, PLAINTEXT), "an answer was taken that is not what was asked for");
}

/// The examples of AWS's specification.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"authenticationTag":"vBxN2ncH1oEkR8WVXpmyYQ==","ciphertext":"ghxkK1txeDNn3q8Y","ciphertextDataIntegrityValue":"qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=","ciphertextMetadata":"a2V5X3ZlcnNpb249MQ==","initializationVector":"HMrlRw85cAJUd5Ax"}"#,
        r#"{"plaintext":"SGVsbG8gV29ybGQh"}"#,
        r#"{"keySpec":"AES_256","keyUsage":["ENCRYPT","DECRYPT"],"keyStatus":"ENABLED"}"#,
        r#"{"xksProxyFleetSize":2,"xksProxyVendor":"Acme Corp","xksProxyModel":"Acme XKS Proxy 1.0","ekmVendor":"Thales Group","ekmFleetDetails":[{"id":"hsm-id-1","model":"Luna 5.0","healthStatus":"DEGRADED"}]}"#,
        r#"{"errorName":"InvalidCiphertextException","errorMessage":"corrupted"}"#,
    ];
    let kept = [&[1, 1, 2, 7, 7, 12][..], &[0; 12], &[9; 16], b"Hello World!"].concat();
    texts.iter().map(|text| text.as_bytes().to_vec()).chain([kept]).collect()
}
