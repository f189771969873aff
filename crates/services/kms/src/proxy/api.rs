//! The four operations of external key store proxies, version 1, as AWS's "External Key Store Proxy API Specification" has them.
//!
//! Written by hand: there is no service model of them. Their errors are the same for all, and [`wire::xks::ERRORS`] has them.

use wire::{Blob, Kind, OperationModel, Schema};

/// What the paths of operations have after a user's own part.
pub const XKS_PATH: &str = "/kms/xks/v1";

/// The API of proxies.
pub(super) static MODEL: wire::ServiceModel = wire::ServiceModel {
    name: wire::xks::SIGNING_NAME,
    service_id: "KMS XKS Proxy",
    endpoint_prefix: wire::xks::SIGNING_NAME,
    signing_name: wire::xks::SIGNING_NAME,
    api_version: "v1",
    target_prefix: None,
    protocols: &[wire::Protocol::Xks],
    xml_namespace: None,
    global: false,
    validation: wire::ValidationStyle::Json,
    query_compatible: false,
    errors: &[],
    operations: &[DECRYPT, ENCRYPT, GET_HEALTH_STATUS, GET_KEY_METADATA],
};

wire::operations! {
    Decrypt: DecryptRequest => DecryptResponse = DECRYPT;
    Encrypt: EncryptRequest => EncryptResponse = ENCRYPT;
    GetHealthStatus: GetHealthStatusRequest => GetHealthStatusResponse = GET_HEALTH_STATUS;
    GetKeyMetadata: GetKeyMetadataRequest => GetKeyMetadataResponse = GET_KEY_METADATA;
}

const DECRYPT: OperationModel = OperationModel::new("Decrypt")
    .http("POST", "/{path}/kms/xks/v1/keys/{externalKeyId}/decrypt", 200)
    .input(&DECRYPT_REQUEST)
    .output(&DECRYPT_RESPONSE);
const ENCRYPT: OperationModel = OperationModel::new("Encrypt")
    .http("POST", "/{path}/kms/xks/v1/keys/{externalKeyId}/encrypt", 200)
    .input(&ENCRYPT_REQUEST)
    .output(&ENCRYPT_RESPONSE);
const GET_HEALTH_STATUS: OperationModel = OperationModel::new("GetHealthStatus")
    .http("POST", "/{path}/kms/xks/v1/health", 200)
    .input(&GET_HEALTH_STATUS_REQUEST)
    .output(&GET_HEALTH_STATUS_RESPONSE);
const GET_KEY_METADATA: OperationModel = OperationModel::new("GetKeyMetadata")
    .http("POST", "/{path}/kms/xks/v1/keys/{externalKeyId}/metadata", 200)
    .input(&GET_KEY_METADATA_REQUEST)
    .output(&GET_KEY_METADATA_RESPONSE);

/// Of a part of the path that tells customers of one proxy apart.
static PATH: Schema =
    Schema::new("Path", Kind::String).min(1).max(128).pattern(wire::pattern!("[a-zA-Z0-9_-]+"));
static KEY_ID: Schema =
    Schema::new("ExternalKeyId", Kind::String).min(1).max(128).pattern(wire::pattern!("[a-zA-Z0-9_.-]+"));
/// Texts of the request's metadata; proxies take ARNs of up to 2048 characters, and examine none of them.
static TEXT: Schema = Schema::new("Text", Kind::String).max(2048);
static NUMBER: Schema = Schema::new("Number", Kind::Integer);
static BYTES: Schema = Schema::new("Bytes", Kind::Blob);
static PLAINTEXT: Schema = Schema::new("Plaintext", Kind::Blob).sensitive();
static TEXTS: Schema = Schema::list("Texts", &TEXT);
static FLEET: Schema = Schema::list("EkmFleetDetails", &KEY_MANAGER);

wire::string_enum! { EncryptionAlgorithm: ENCRYPTION_ALGORITHM "EncryptionAlgorithm" {
    AesGcm = "AES_GCM",
} }

wire::string_enum! { IntegrityAlgorithm: INTEGRITY_ALGORITHM "CiphertextDataIntegrityValueAlgorithm" {
    Sha256 = "SHA_256",
} }

wire::shape! { HealthMetadata: HEALTH_METADATA "HealthMetadata" {
    * kms_request_id: String = "kmsRequestId", TEXT;
    * kms_operation: String = "kmsOperation", TEXT;
} }

wire::shape! { KeyMetadata: KEY_METADATA "KeyMetadata" {
    * aws_principal_arn: String = "awsPrincipalArn", TEXT;
    ? aws_source_vpc: String = "awsSourceVpc", TEXT;
    ? aws_source_vpce: String = "awsSourceVpce", TEXT;
    ? kms_key_arn: String = "kmsKeyArn", TEXT;
    * kms_operation: String = "kmsOperation", TEXT;
    * kms_request_id: String = "kmsRequestId", TEXT;
    ? kms_via_service: String = "kmsViaService", TEXT;
} }

wire::shape! { UseMetadata: USE_METADATA "UseMetadata" {
    * aws_principal_arn: String = "awsPrincipalArn", TEXT;
    ? aws_source_vpc: String = "awsSourceVpc", TEXT;
    ? aws_source_vpce: String = "awsSourceVpce", TEXT;
    * kms_key_arn: String = "kmsKeyArn", TEXT;
    * kms_operation: String = "kmsOperation", TEXT;
    * kms_request_id: String = "kmsRequestId", TEXT;
    ? kms_via_service: String = "kmsViaService", TEXT;
} }

wire::shape! { GetHealthStatusRequest: GET_HEALTH_STATUS_REQUEST "GetHealthStatusRequest" {
    * path: String = "path", PATH .label("path");
    * request_metadata: HealthMetadata = "requestMetadata", HEALTH_METADATA;
} }

wire::shape! { GetHealthStatusResponse: GET_HEALTH_STATUS_RESPONSE "GetHealthStatusResponse" {
    * xks_proxy_fleet_size: i32 = "xksProxyFleetSize", NUMBER;
    * xks_proxy_vendor: String = "xksProxyVendor", TEXT;
    * xks_proxy_model: String = "xksProxyModel", TEXT;
    * ekm_vendor: String = "ekmVendor", TEXT;
    * ekm_fleet_details: Vec<KeyManager> = "ekmFleetDetails", FLEET;
} }

wire::shape! { KeyManager: KEY_MANAGER "KeyManager" {
    * id: String = "id", TEXT;
    * model: String = "model", TEXT;
    * health_status: String = "healthStatus", TEXT;
} }

wire::shape! { GetKeyMetadataRequest: GET_KEY_METADATA_REQUEST "GetKeyMetadataRequest" {
    * path: String = "path", PATH .label("path");
    * external_key_id: String = "externalKeyId", KEY_ID .label("externalKeyId");
    * request_metadata: KeyMetadata = "requestMetadata", KEY_METADATA;
} }

wire::shape! { GetKeyMetadataResponse: GET_KEY_METADATA_RESPONSE "GetKeyMetadataResponse" {
    * key_spec: String = "keySpec", TEXT;
    * key_usage: Vec<String> = "keyUsage", TEXTS;
    * key_status: String = "keyStatus", TEXT;
} }

wire::shape! { EncryptRequest: ENCRYPT_REQUEST "EncryptRequest" {
    * path: String = "path", PATH .label("path");
    * external_key_id: String = "externalKeyId", KEY_ID .label("externalKeyId");
    * request_metadata: UseMetadata = "requestMetadata", USE_METADATA;
    * plaintext: Blob = "plaintext", PLAINTEXT;
    * encryption_algorithm: EncryptionAlgorithm = "encryptionAlgorithm", ENCRYPTION_ALGORITHM;
    ? additional_authenticated_data: Blob = "additionalAuthenticatedData", BYTES;
    ? ciphertext_data_integrity_value_algorithm: IntegrityAlgorithm = "ciphertextDataIntegrityValueAlgorithm", INTEGRITY_ALGORITHM;
} }

wire::shape! { EncryptResponse: ENCRYPT_RESPONSE "EncryptResponse" {
    * ciphertext: Blob = "ciphertext", BYTES;
    ? ciphertext_metadata: Blob = "ciphertextMetadata", BYTES;
    * initialization_vector: Blob = "initializationVector", BYTES;
    * authentication_tag: Blob = "authenticationTag", BYTES;
    ? ciphertext_data_integrity_value: Blob = "ciphertextDataIntegrityValue", BYTES;
} }

wire::shape! { DecryptRequest: DECRYPT_REQUEST "DecryptRequest" {
    * path: String = "path", PATH .label("path");
    * external_key_id: String = "externalKeyId", KEY_ID .label("externalKeyId");
    * request_metadata: UseMetadata = "requestMetadata", USE_METADATA;
    * ciphertext: Blob = "ciphertext", BYTES;
    ? ciphertext_metadata: Blob = "ciphertextMetadata", BYTES;
    * encryption_algorithm: EncryptionAlgorithm = "encryptionAlgorithm", ENCRYPTION_ALGORITHM;
    ? additional_authenticated_data: Blob = "additionalAuthenticatedData", BYTES;
    * initialization_vector: Blob = "initializationVector", BYTES;
    * authentication_tag: Blob = "authenticationTag", BYTES;
} }

wire::shape! { DecryptResponse: DECRYPT_RESPONSE "DecryptResponse" {
    * plaintext: Blob = "plaintext", PLAINTEXT;
} }
