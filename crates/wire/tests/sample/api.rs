//! A service as the generator writes it: the reference for its output, and what the tests of this crate speak to.

use std::collections::BTreeMap;

use wire::{
    Blob, Document, ErrorModel, Kind, OperationModel, Protocol, Schema, ServiceModel, Timestamp,
    TimestampFormat, Unit, ValidationStyle, operations, pattern, shape, string_enum, union,
};

/// The service `sample`, version 2026-11-21.
pub static MODEL: ServiceModel = ServiceModel {
    name: "sample",
    service_id: "Sample",
    endpoint_prefix: "sample",
    signing_name: "sample",
    api_version: "2026-11-21",
    target_prefix: Some("SampleService"),
    protocols: &[Protocol::Json11, Protocol::Cbor],
    xml_namespace: None,
    global: false,
    validation: ValidationStyle::Json,
    query_compatible: false,
    errors: &[KMS_INTERNAL_EXCEPTION, LIMIT_EXCEEDED_EXCEPTION, NOT_FOUND_EXCEPTION],
    operations: &[
        OperationModel::new("ConnectStore"), // in the model, not implemented: name and bindings only
        CREATE_NODE,
        DELETE_NODE,
        ENCRYPT,
        LIST_NODES,
        PUT_ITEM,
    ],
};

const CREATE_NODE: OperationModel = OperationModel::new("CreateNode")
    .input(&CREATE_NODE_REQUEST)
    .output(&NODE)
    .errors(&[LIMIT_EXCEEDED_EXCEPTION]);
const DELETE_NODE: OperationModel =
    OperationModel::new("DeleteNode").input(&DELETE_NODE_REQUEST).errors(&[NOT_FOUND_EXCEPTION]);
const ENCRYPT: OperationModel = OperationModel::new("Encrypt")
    .input(&ENCRYPT_REQUEST)
    .output(&ENCRYPT_RESPONSE)
    .errors(&[NOT_FOUND_EXCEPTION, KMS_INTERNAL_EXCEPTION]);
const LIST_NODES: OperationModel = OperationModel::new("ListNodes").output(&LIST_NODES_RESPONSE).unsigned();
const PUT_ITEM: OperationModel = OperationModel::new("PutItem")
    .http("PUT", "/items/{Name}", 201)
    .input(&PUT_ITEM_REQUEST)
    .output(&PUT_ITEM_RESPONSE);

operations! {
    CreateNode: CreateNodeRequest => Node = CREATE_NODE;
    DeleteNode: DeleteNodeRequest => Unit = DELETE_NODE;
    Encrypt: EncryptRequest => EncryptResponse = ENCRYPT;
    ListNodes: Unit => ListNodesResponse = LIST_NODES;
    PutItem: PutItemRequest => PutItemResponse = PUT_ITEM;
}

const KMS_INTERNAL_EXCEPTION: ErrorModel = ErrorModel::new("KMSInternalException", 500).code("KMSInternal");
const LIMIT_EXCEEDED_EXCEPTION: ErrorModel =
    ErrorModel::new("LimitExceededException", 400).schema(&LIMIT_EXCEEDED);
const NOT_FOUND_EXCEPTION: ErrorModel =
    ErrorModel::new("NotFoundException", 404).code("NotFound").message("Message");

/// Schema of `Blob`.
pub static BLOB: Schema = Schema::new("Blob", Kind::Blob);
/// Schema of `BooleanType`.
pub static BOOLEAN_TYPE: Schema = Schema::new("BooleanType", Kind::Boolean);
/// Schema of `CiphertextType`.
pub static CIPHERTEXT_TYPE: Schema = Schema::new("CiphertextType", Kind::Blob).min(1).max(6144);
/// Schema of `DateType`.
pub static DATE_TYPE: Schema = Schema::new("DateType", Kind::Timestamp);
/// Schema of `DocumentType`.
pub static DOCUMENT_TYPE: Schema = Schema::new("DocumentType", Kind::Document);
/// Schema of `EncryptionContextKey`.
pub static ENCRYPTION_CONTEXT_KEY: Schema = Schema::new("EncryptionContextKey", Kind::String).max(8);
/// Schema of `EncryptionContextType`.
pub static ENCRYPTION_CONTEXT_TYPE: Schema =
    Schema::map("EncryptionContextType", &ENCRYPTION_CONTEXT_KEY, &ENCRYPTION_CONTEXT_VALUE);
/// Schema of `EncryptionContextValue`.
pub static ENCRYPTION_CONTEXT_VALUE: Schema = Schema::new("EncryptionContextValue", Kind::String).min(1);
/// Schema of `GrantTokenList`.
pub static GRANT_TOKEN_LIST: Schema = Schema::list("GrantTokenList", &GRANT_TOKEN_TYPE).min(0).max(10);
/// Schema of `GrantTokenType`.
pub static GRANT_TOKEN_TYPE: Schema = Schema::new("GrantTokenType", Kind::String).min(1).max(8192);
/// Schema of `HttpDateType`.
pub static HTTP_DATE_TYPE: Schema =
    Schema::new("HttpDateType", Kind::Timestamp).timestamp(TimestampFormat::Rfc822);
/// Schema of `IsoDateType`.
pub static ISO_DATE_TYPE: Schema =
    Schema::new("IsoDateType", Kind::Timestamp).timestamp(TimestampFormat::Iso8601);
/// Schema of `KeyIdType`.
pub static KEY_ID_TYPE: Schema = Schema::new("KeyIdType", Kind::String).min(1).max(2048);
/// Schema of `LimitType`.
pub static LIMIT_TYPE: Schema = Schema::new("LimitType", Kind::Integer).min(1).max(1000);
/// Schema of `LongType`.
pub static LONG_TYPE: Schema = Schema::new("LongType", Kind::Long);
/// Schema of `MapOfNodes`.
pub static MAP_OF_NODES: Schema = Schema::map("MapOfNodes", &STRING, &NODE);
/// Schema of `NameType`.
pub static NAME_TYPE: Schema =
    Schema::new("NameType", Kind::String).min(1).max(16).pattern(pattern!(r"[a-zA-Z][\w-]*"));
/// Schema of `NodeList`.
pub static NODE_LIST: Schema = Schema::list("NodeList", &NODE).item_name("node").flattened();
/// Schema of `PlaintextType`.
pub static PLAINTEXT_TYPE: Schema = Schema::new("PlaintextType", Kind::Blob).min(1).max(16).sensitive();
/// Schema of `RatioType`.
pub static RATIO_TYPE: Schema = Schema::new("RatioType", Kind::Double);
/// Schema of `SecretType`.
pub static SECRET_TYPE: Schema = Schema::new("SecretType", Kind::String).max(4).sensitive();
/// Schema of `SingleType`.
pub static SINGLE_TYPE: Schema = Schema::new("SingleType", Kind::Float);
/// Schema of `String`.
pub static STRING: Schema = Schema::new("String", Kind::String);

string_enum! { EncryptionAlgorithmSpec: ENCRYPTION_ALGORITHM_SPEC "EncryptionAlgorithmSpec" {
    SymmetricDefault = "SYMMETRIC_DEFAULT",
    RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
    RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
} }

shape! { CreateNodeRequest: CREATE_NODE_REQUEST "CreateNodeRequest" {
    * node: Node = "Node", NODE;
    ? token: String = "Token", STRING .idempotency_token();
    ? limit: i32 = "Limit", LIMIT_TYPE;
} }

shape! { DeleteNodeRequest: DELETE_NODE_REQUEST "DeleteNodeRequest" {
    * name: String = "Name", NAME_TYPE;
} }

shape! { EncryptRequest: ENCRYPT_REQUEST "EncryptRequest" {
    * key_id: String = "KeyId", KEY_ID_TYPE;
    * plaintext: Blob = "Plaintext", PLAINTEXT_TYPE;
    ? encryption_context: BTreeMap<String, String> = "EncryptionContext", ENCRYPTION_CONTEXT_TYPE;
    ? grant_tokens: Vec<String> = "GrantTokens", GRANT_TOKEN_LIST;
    ? encryption_algorithm: EncryptionAlgorithmSpec = "EncryptionAlgorithm", ENCRYPTION_ALGORITHM_SPEC;
    ? dry_run: bool = "DryRun", BOOLEAN_TYPE;
} }

shape! { EncryptResponse: ENCRYPT_RESPONSE "EncryptResponse" {
    ? ciphertext_blob: Blob = "CiphertextBlob", CIPHERTEXT_TYPE;
    ? key_id: String = "KeyId", KEY_ID_TYPE;
    ? encryption_algorithm: EncryptionAlgorithmSpec = "EncryptionAlgorithm", ENCRYPTION_ALGORITHM_SPEC;
} }

shape! { LimitExceeded: LIMIT_EXCEEDED "LimitExceededException" {
    ? message: String = "message", STRING;
    ? limit: i32 = "Limit", LIMIT_TYPE;
} }

shape! { ListNodesResponse: LIST_NODES_RESPONSE "ListNodesResponse" {
    * nodes: Vec<Node> = "Nodes", NODE_LIST;
    ? by_name: BTreeMap<String, Node> = "ByName", MAP_OF_NODES;
} }

shape! { Node: NODE "Node" {
    * name: String = "Name", NAME_TYPE;
    ? secret: String = "Secret", SECRET_TYPE;
    ? created: Timestamp = "Created", DATE_TYPE;
    ? r#type: String = "Type", STRING .wire("type");
    ? parent: Box<Node> = "Parent", NODE;
    ? children: Vec<Node> = "Children", NODE_LIST;
    ? target: Target = "Target", TARGET;
} }

shape! { PutItemRequest: PUT_ITEM_REQUEST "PutItemRequest" {
    * name: String = "Name", NAME_TYPE .label("Name");
    ? if_match: String = "IfMatch", STRING .header("If-Match");
    ? modified: Timestamp = "Modified", HTTP_DATE_TYPE;
    ? expires: Timestamp = "Expires", ISO_DATE_TYPE;
    ? count: i64 = "Count", LONG_TYPE;
    ? ratio: f64 = "Ratio", RATIO_TYPE;
    ? single: f64 = "Single", SINGLE_TYPE;
    ? data: Blob = "Data", BLOB;
    ? document: Document = "Document", DOCUMENT_TYPE;
} }

shape! { PutItemResponse: PUT_ITEM_RESPONSE "PutItemResponse" {
} }

union! { Target: TARGET "Target" {
    Alias(String) = "Alias", NAME_TYPE;
    Node(Box<Node>) = "Node", NODE;
    Other(Box<Target>) = "Other", TARGET;
    Tags(BTreeMap<String, String>) = "Tags", ENCRYPTION_CONTEXT_TYPE;
} }
