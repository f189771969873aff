//! What is said to a proxy, and what it may answer.

use crate::sealed::Parts;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::{DeviceError, KeyUse, Trouble};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The most uses and managers that an answer lists ("GetKeyMetadata", "GetHealthStatus").
const LIST_MAX: usize = 10;

/// `requestMetadata`: for whom a proxy is called.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestMetadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    aws_principal_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_arn: Option<&'a str>,
    kms_operation: &'a str,
    kms_request_id: &'a str,
}

impl<'a> RequestMetadata<'a> {
    fn of(of: &'a KeyUse<'_>) -> Self {
        // Both halves are one operation of the API.
        let kms_operation = if of.operation.starts_with("ReEncrypt") { "ReEncrypt" } else { of.operation };
        Self {
            aws_principal_arn: Some(of.principal),
            // There is no KMS key before the external one is known to be fit ("GetKeyMetadata").
            kms_key_arn: of.key.filter(|_| of.operation != "CreateKey"),
            kms_operation,
            kms_request_id: of.request_id,
        }
    }
}

/// What only asks, and has nothing but the metadata.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    request_metadata: RequestMetadata<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Encrypt<'a> {
    request_metadata: RequestMetadata<'a>,
    additional_authenticated_data: String,
    plaintext: String,
    encryption_algorithm: &'static str,
    ciphertext_data_integrity_value_algorithm: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Decrypt<'a> {
    request_metadata: RequestMetadata<'a>,
    additional_authenticated_data: String,
    ciphertext: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_metadata: Option<String>,
    encryption_algorithm: &'static str,
    initialization_vector: String,
    authentication_tag: String,
}

const ALGORITHM: &str = "AES_GCM";

/// What asks for the health.
pub(crate) fn ask_health(of: &KeyUse<'_>) -> Result<Vec<u8>, DeviceError> {
    let all = RequestMetadata::of(of);
    json(&Question {
        request_metadata: RequestMetadata { aws_principal_arn: None, kms_key_arn: None, ..all },
    })
}

/// What asks for a key's metadata.
pub(crate) fn ask_metadata(of: &KeyUse<'_>) -> Result<Vec<u8>, DeviceError> {
    json(&Question { request_metadata: RequestMetadata::of(of) })
}

/// What asks for encryption.
pub(crate) fn ask_encrypt(of: &KeyUse<'_>, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, DeviceError> {
    json(&Encrypt {
        request_metadata: RequestMetadata::of(of),
        additional_authenticated_data: STANDARD.encode(aad),
        plaintext: STANDARD.encode(plaintext),
        encryption_algorithm: ALGORITHM,
        ciphertext_data_integrity_value_algorithm: "SHA_256",
    })
}

/// What asks for decryption.
pub(crate) fn ask_decrypt(of: &KeyUse<'_>, aad: &[u8], parts: &Parts) -> Result<Vec<u8>, DeviceError> {
    json(&Decrypt {
        request_metadata: RequestMetadata::of(of),
        additional_authenticated_data: STANDARD.encode(aad),
        ciphertext: STANDARD.encode(&parts.ciphertext),
        ciphertext_metadata: parts.metadata.as_ref().map(|metadata| STANDARD.encode(metadata)),
        encryption_algorithm: ALGORITHM,
        initialization_vector: STANDARD.encode(&parts.vector),
        authentication_tag: STANDARD.encode(parts.tag),
    })
}

fn json(request: &impl Serialize) -> Result<Vec<u8>, DeviceError> {
    serde_json::to_vec(request).map_err(|error| DeviceError::new(Trouble::Internal, error.to_string()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    xks_proxy_fleet_size: u64,
    xks_proxy_vendor: String,
    xks_proxy_model: String,
    ekm_vendor: String,
    ekm_fleet_details: Vec<Manager>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manager {
    id: String,
    model: String,
    health_status: Status,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Active,
    Degraded,
    Unavailable,
}

/// Reads the health: trouble, unless some manager can be used.
pub(crate) fn health(body: &[u8]) -> Result<(), DeviceError> {
    let health: Health = read(body)?;
    let managers = &health.ekm_fleet_details;
    if health.xks_proxy_fleet_size == 0 || managers.is_empty() || managers.len() > LIST_MAX {
        return Err(unreadable("the health has impossible numbers"));
    }
    if managers.iter().all(|manager| manager.health_status == Status::Unavailable) {
        let names: Vec<_> =
            managers.iter().map(|manager| format!("{} ({})", manager.id, manager.model)).collect();
        let Health { xks_proxy_vendor, xks_proxy_model, ekm_vendor, .. } = health;
        let context = format!(
            "{xks_proxy_vendor} {xks_proxy_model}: all managers of {ekm_vendor} are unavailable: {}",
            names.join(", ")
        );
        return Err(DeviceError::new(Trouble::Unavailable, shown(&context)));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    key_spec: String,
    key_usage: Vec<String>,
    key_status: KeyStatus,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum KeyStatus {
    Enabled,
    Disabled,
}

/// Reads a key's metadata: trouble, unless it is fit for a KMS key ("GetKeyMetadata", "KMS Considerations").
pub(crate) fn fit(body: &[u8]) -> Result<(), DeviceError> {
    let metadata: Metadata = read(body)?;
    if metadata.key_usage.len() > LIST_MAX {
        return Err(unreadable("the metadata list too many uses"));
    }
    let used_for = |wanted: &str| metadata.key_usage.iter().any(|usage| usage == wanted);
    if metadata.key_spec != "AES_256" || !used_for("ENCRYPT") || !used_for("DECRYPT") {
        let context = format!("the key is {} for {}", metadata.key_spec, metadata.key_usage.join(", "));
        return Err(DeviceError::new(Trouble::KeyUnfit, shown(&context)));
    }
    if metadata.key_status != KeyStatus::Enabled {
        return Err(DeviceError::new(Trouble::KeyState, "the key is disabled"));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted {
    ciphertext: String,
    ciphertext_metadata: Option<String>,
    initialization_vector: String,
    authentication_tag: String,
    ciphertext_data_integrity_value: String,
}

/// Reads what was encrypted: trouble, unless it has the sizes of the specification, and its sum is right.
pub(crate) fn encrypted(body: &[u8], aad: &[u8], plaintext: &[u8]) -> Result<Parts, DeviceError> {
    let encrypted: Encrypted = read(body)?;
    let parts = Parts {
        metadata: encrypted.ciphertext_metadata.as_deref().map(bytes).transpose()?,
        vector: bytes(&encrypted.initialization_vector)?,
        tag: bytes(&encrypted.authentication_tag)?
            .try_into()
            .map_err(|_| unreadable("the tag has not 16 bytes"))?,
        ciphertext: bytes(&encrypted.ciphertext)?,
    };
    if !parts.fits() || parts.ciphertext.len() != plaintext.len() {
        return Err(unreadable("a part of what was encrypted has the wrong length"));
    }
    // "Appendix C".
    let mut sum = digest::Context::new(&digest::SHA256);
    let metadata = parts.metadata.as_deref().unwrap_or_default();
    for part in [aad, metadata, &parts.vector, &parts.ciphertext, &parts.tag] {
        sum.update(part);
    }
    if bytes(&encrypted.ciphertext_data_integrity_value)? != sum.finish().as_ref() {
        return Err(unreadable("the integrity value is not that of what was encrypted"));
    }
    Ok(parts)
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: Zeroizing<String>,
}

/// Reads what was decrypted.
pub(crate) fn decrypted(body: &[u8], length: usize) -> Result<Zeroizing<Vec<u8>>, DeviceError> {
    let Decrypted { plaintext } = read(body)?;
    let plaintext = Zeroizing::new(bytes(&plaintext)?);
    if plaintext.len() != length {
        return Err(unreadable("what was decrypted has the wrong length"));
    }
    Ok(plaintext)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    error_name: String,
    #[serde(default)]
    error_message: String,
}

/// Reads an error ("Error codes").
pub(crate) fn refusal(status: u16, body: &[u8]) -> DeviceError {
    let Ok(Refusal { error_name, error_message }) = serde_json::from_slice(body) else {
        return unreadable(&format!("status {status} without an error's name"));
    };
    let trouble = match error_name.as_str() {
        "InvalidStateException" => Trouble::KeyState,
        "InvalidCiphertextException" => Trouble::InvalidCiphertext,
        "InvalidKeyUsageException" => Trouble::KeyUnfit,
        "AuthenticationFailedException" => Trouble::InvalidCredentials,
        "AccessDeniedException" => Trouble::AccessDenied,
        "KeyNotFoundException" => Trouble::KeyNotFound,
        "InvalidUriPathException" => Trouble::InvalidConfiguration,
        "UnsupportedOperationException" => Trouble::Unsupported,
        "ThrottlingException" => Trouble::Throttled,
        "DependencyTimeoutException" => Trouble::DependencyTimedOut,
        "InternalException" => Trouble::Internal,
        // ValidationException among them: KMS's own requests are valid.
        _ => Trouble::InvalidResponse,
    };
    DeviceError::new(trouble, shown(&format!("{error_name} ({status}): {error_message}")))
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, DeviceError> {
    // What serde says of a mistake can repeat what is there.
    serde_json::from_slice(body).map_err(|_| unreadable("the answer is not of the specification's form"))
}

fn bytes(text: &str) -> Result<Vec<u8>, DeviceError> {
    STANDARD.decode(text).map_err(|_| unreadable("the answer is not base64 where it should be"))
}

pub(crate) fn unreadable(context: &str) -> DeviceError {
    DeviceError::new(Trouble::InvalidResponse, context)
}

/// Text of another's making, fit for a log.
fn shown(text: &str) -> String {
    text.chars().take(600).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const OF: KeyUse<'_> = KeyUse {
        operation: "ReEncryptTo",
        request_id: "4112f4d6",
        principal: "arn:aws:iam::123456789012:user/Alice",
        key: Some("arn:aws:kms:us-east-2:123456789012:key/1234abcd"),
    };

    fn trouble<T>(result: Result<T, DeviceError>) -> Option<Trouble> {
        result.err().map(|error| error.trouble)
    }

    /// A document with another value at one place.
    fn but(mut document: Value, place: &str, value: Value) -> Vec<u8> {
        *document.pointer_mut(place).unwrap() = value;
        document.to_string().into_bytes()
    }

    #[test]
    fn requests_are_those_of_the_specification() {
        let read = |body: Vec<u8>| serde_json::from_slice::<Value>(&body).unwrap();
        let metadata = json!({
            "awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice",
            "kmsKeyArn": "arn:aws:kms:us-east-2:123456789012:key/1234abcd",
            "kmsOperation": "ReEncrypt",
            "kmsRequestId": "4112f4d6",
        });
        let short = json!({ "kmsOperation": "ReEncrypt", "kmsRequestId": "4112f4d6" });
        assert_eq!(read(ask_health(&OF).unwrap()), json!({ "requestMetadata": short }));
        assert_eq!(read(ask_metadata(&OF).unwrap()), json!({ "requestMetadata": metadata }));
        assert_eq!(
            read(ask_encrypt(&OF, b"project=nile,department=marketing", b"Hello World!").unwrap()),
            json!({
                "requestMetadata": metadata,
                "additionalAuthenticatedData": "cHJvamVjdD1uaWxlLGRlcGFydG1lbnQ9bWFya2V0aW5n",
                "plaintext": "SGVsbG8gV29ybGQh",
                "encryptionAlgorithm": "AES_GCM",
                "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
            })
        );
        let parts = Parts { metadata: None, vector: vec![0; 12], tag: [0; 16], ciphertext: vec![0] };
        let asked = read(ask_decrypt(&OF, b"", &parts).unwrap());
        assert_eq!(asked.as_object().unwrap().len(), 6, "{asked}");
    }

    /// The example of the specification's Encrypt, and what is wrong with others.
    #[test]
    fn only_sound_ciphertexts_are_taken() {
        let aad = b"project=nile,department=marketing";
        let example = json!({
            "authenticationTag": "vBxN2ncH1oEkR8WVXpmyYQ==",
            "ciphertext": "ghxkK1txeDNn3q8Y",
            "ciphertextDataIntegrityValue": "qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=",
            "ciphertextMetadata": "a2V5X3ZlcnNpb249MQ==",
            "initializationVector": "HMrlRw85cAJUd5Ax",
        });
        let take = |body: &[u8], length: usize| encrypted(body, aad, &vec![0; length]);
        let parts = take(example.to_string().as_bytes(), 12).unwrap();
        assert_eq!(parts.metadata.as_deref(), Some(&b"key_version=1"[..]));
        assert_eq!(trouble(take(example.to_string().as_bytes(), 13)), Some(Trouble::InvalidResponse));
        for (place, value) in [
            ("/authenticationTag", json!("vBxN2ncH1oEkR8WVXpmy")),
            ("/ciphertext", json!("ghxkK1txeDNn3q8Z")),
            ("/ciphertext", json!("?")),
            ("/ciphertextMetadata", json!(null)),
            ("/ciphertextMetadata", json!("a2V5X3ZlcnNpb249MWtleV92ZXJzaW9uPTE=")),
            ("/initializationVector", json!("HMrlRw85cAJUd5A=")),
            ("/ciphertextDataIntegrityValue", json!("")),
            ("/ciphertextDataIntegrityValue", json!(null)),
        ] {
            let body = but(example.clone(), place, value);
            assert_eq!(trouble(take(&body, 12)), Some(Trouble::InvalidResponse), "{place}");
        }
    }

    #[test]
    fn only_fit_keys_are_taken() {
        let key = json!({ "keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT", "WRAP"], "keyStatus": "ENABLED" });
        assert_eq!(trouble(fit(key.to_string().as_bytes())), None);
        for (place, value, expected) in [
            ("/keySpec", json!("AES_128"), Trouble::KeyUnfit),
            ("/keyUsage", json!(["ENCRYPT"]), Trouble::KeyUnfit),
            ("/keyUsage", json!([]), Trouble::KeyUnfit),
            ("/keyUsage", json!(vec!["ENCRYPT"; 11]), Trouble::InvalidResponse),
            ("/keyStatus", json!("DISABLED"), Trouble::KeyState),
            ("/keyStatus", json!("BLOCKED"), Trouble::InvalidResponse),
        ] {
            assert_eq!(trouble(fit(&but(key.clone(), place, value))), Some(expected), "{place}");
        }
    }

    #[test]
    fn health_is_that_of_some_manager() {
        let manager = |status: &str| json!({ "id": "1", "model": "Luna 5.0", "healthStatus": status });
        let healthy = json!({
            "xksProxyFleetSize": 2,
            "xksProxyVendor": "Acme Corp",
            "xksProxyModel": "Acme XKS Proxy 1.0",
            "ekmVendor": "Thales Group",
            "ekmFleetDetails": [manager("UNAVAILABLE"), manager("DEGRADED")],
        });
        assert_eq!(trouble(health(healthy.to_string().as_bytes())), None);
        for (place, value, expected) in [
            ("/ekmFleetDetails/1", manager("UNAVAILABLE"), Trouble::Unavailable),
            ("/ekmFleetDetails/1", manager("FINE"), Trouble::InvalidResponse),
            ("/ekmFleetDetails", json!([]), Trouble::InvalidResponse),
            ("/ekmFleetDetails", json!(vec![manager("ACTIVE"); 11]), Trouble::InvalidResponse),
            ("/xksProxyFleetSize", json!(0), Trouble::InvalidResponse),
            ("/xksProxyVendor", json!(null), Trouble::InvalidResponse),
        ] {
            assert_eq!(trouble(health(&but(healthy.clone(), place, value))), Some(expected), "{place}");
        }
    }

    #[test]
    fn errors_are_told_apart() {
        let named = |name: &str| refusal(400, format!(r#"{{"errorName":"{name}"}}"#).as_bytes()).trouble;
        let known: Vec<_> = wire::xks::ERRORS.iter().map(|(name, _)| named(name)).collect();
        for (at, trouble) in known.iter().enumerate() {
            assert!(!known[..at].contains(trouble), "{trouble:?}");
        }
        assert_eq!(named("ValidationException"), Trouble::InvalidResponse);
        assert_eq!(refusal(502, b"<html>").trouble, Trouble::InvalidResponse);
        let loud = refusal(400, b"{\"errorName\":\"InternalException\",\"errorMessage\":\"a\\u001b[31m\"}");
        assert_eq!(loud.context, "InternalException (400): a [31m");
    }
}
