//! Operations of IAM and STS as the generator writes them, and one that has every form a parameter can take.

use std::collections::BTreeMap;

use wire::{
    Blob, ErrorModel, Kind, OperationModel, Protocol, Schema, ServiceModel, Timestamp, TimestampFormat, Unit,
    ValidationStyle, operations, pattern, shape, union,
};

/// The service `iam`, version 2010-05-08.
pub static MODEL: ServiceModel = ServiceModel {
    name: "iam",
    service_id: "IAM",
    endpoint_prefix: "iam",
    signing_name: "iam",
    api_version: "2010-05-08",
    target_prefix: None,
    protocols: &[Protocol::Query],
    xml_namespace: Some("https://iam.amazonaws.com/doc/2010-05-08/"),
    global: true,
    validation: ValidationStyle::Query,
    query_compatible: false,
    errors: &[ENTITY_ALREADY_EXISTS],
    operations: &[
        ASSUME_ROLE,
        CREATE_ACCESS_KEY,
        CREATE_USER,
        GET_CALLER_IDENTITY,
        PUT_FORMS,
        PUT_USER_POLICY,
    ],
};

operations! {
    AssumeRole: Unit => AssumeRoleResponse = ASSUME_ROLE;
    CreateAccessKey: Unit => CreateAccessKeyResponse = CREATE_ACCESS_KEY;
    CreateUser: CreateUserRequest => CreateUserResponse = CREATE_USER;
    GetCallerIdentity: GetCallerIdentityRequest => Unit = GET_CALLER_IDENTITY;
    PutForms: Forms => Forms = PUT_FORMS;
    PutUserPolicy: PutUserPolicyRequest => Unit = PUT_USER_POLICY;
}

const ASSUME_ROLE: OperationModel =
    OperationModel::new("AssumeRole").output(&ASSUME_ROLE_RESPONSE).result_wrapper("AssumeRoleResult");
const CREATE_ACCESS_KEY: OperationModel = OperationModel::new("CreateAccessKey")
    .output(&CREATE_ACCESS_KEY_RESPONSE)
    .result_wrapper("CreateAccessKeyResult");
const CREATE_USER: OperationModel = OperationModel::new("CreateUser")
    .input(&CREATE_USER_REQUEST)
    .output(&CREATE_USER_RESPONSE)
    .result_wrapper("CreateUserResult")
    .errors(&[ENTITY_ALREADY_EXISTS]);
const ENTITY_ALREADY_EXISTS: ErrorModel =
    ErrorModel::new("EntityAlreadyExistsException", 409).code("EntityAlreadyExists");
const GET_CALLER_IDENTITY: OperationModel =
    OperationModel::new("GetCallerIdentity").input(&GET_CALLER_IDENTITY_REQUEST);
const PUT_FORMS: OperationModel =
    OperationModel::new("PutForms").input(&FORMS).output(&FORMS).result_wrapper("PutFormsResult");
const PUT_USER_POLICY: OperationModel = OperationModel::new("PutUserPolicy").input(&PUT_USER_POLICY_REQUEST);

static ACCESS_KEY_SECRET_TYPE: Schema = Schema::new("accessKeySecretType", Kind::String).sensitive();
static ARN_TYPE: Schema = Schema::new("arnType", Kind::String).min(20).max(2048);
static BLOB: Schema = Schema::new("Blob", Kind::Blob);
static BOOLEAN: Schema = Schema::new("Boolean", Kind::Boolean);
static DATE_TYPE: Schema = Schema::new("dateType", Kind::Timestamp);
static DOUBLE: Schema = Schema::new("Double", Kind::Double);
static EPOCH_TYPE: Schema = Schema::new("Epoch", Kind::Timestamp).timestamp(TimestampFormat::EpochSeconds);
static FORMS_LIST: Schema = Schema::list("FormsList", &FORMS).item_name("Form");
static FORMS_MAP: Schema = Schema::map("FormsMap", &STRING, &FORMS);
static INTEGER: Schema = Schema::new("Integer", Kind::Integer);
static LISTS: Schema = Schema::list("Lists", &STRINGS);
static LIST_MAP: Schema = Schema::map("ListMap", &STRING, &STRINGS);
static LONGS: Schema = Schema::list("Longs", &LONG).max(4);
static LONG: Schema = Schema::new("Long", Kind::Long);
static NAMED_MAP: Schema = Schema::map("NamedMap", &STRING, &INTEGER).key_name("K").value_name("V");
static PATH_TYPE: Schema = Schema::new("pathType", Kind::String)
    .min(1)
    .max(512)
    .pattern(pattern!(r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)"));
static POLICY_DOCUMENT_TYPE: Schema = Schema::new("policyDocumentType", Kind::String)
    .min(1)
    .max(131_072)
    .pattern(pattern!(r"[\u0009\u000A\u000D\u0020-\u00FF]+"));
static SINGLE: Schema = Schema::new("Single", Kind::Float);
static STRING: Schema = Schema::new("String", Kind::String);
static STRINGS: Schema = Schema::list("Strings", &STRING);
static STRINGS_NAMED: Schema = Schema::list("StringsNamed", &STRING).item_name("Item");
static TAG_KEY_TYPE: Schema =
    Schema::new("tagKeyType", Kind::String).min(1).max(128).pattern(pattern!(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+"));
static TAG_LIST_TYPE: Schema = Schema::list("tagListType", &TAG).max(50);
static TAG_VALUE_TYPE: Schema = Schema::new("tagValueType", Kind::String)
    .min(0)
    .max(256)
    .pattern(pattern!(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"));
static USER_NAME_TYPE: Schema =
    Schema::new("userNameType", Kind::String).min(1).max(64).pattern(pattern!(r"[\w+=,.@-]+"));

shape! { AccessKey: ACCESS_KEY "AccessKey" {
    * user_name: String = "UserName", USER_NAME_TYPE;
    * access_key_id: String = "AccessKeyId", STRING;
    * status: String = "Status", STRING;
    * secret_access_key: String = "SecretAccessKey", ACCESS_KEY_SECRET_TYPE;
    ? create_date: Timestamp = "CreateDate", DATE_TYPE;
} }

shape! { AssumeRoleResponse: ASSUME_ROLE_RESPONSE "AssumeRoleResponse" {
    ? credentials: Credentials = "Credentials", CREDENTIALS;
    ? assumed_role_user: AssumedRoleUser = "AssumedRoleUser", ASSUMED_ROLE_USER;
} }

shape! { AssumedRoleUser: ASSUMED_ROLE_USER "AssumedRoleUser" {
    * assumed_role_id: String = "AssumedRoleId", STRING;
    * arn: String = "Arn", ARN_TYPE;
} }

shape! { CreateAccessKeyResponse: CREATE_ACCESS_KEY_RESPONSE "CreateAccessKeyResponse" {
    * access_key: AccessKey = "AccessKey", ACCESS_KEY;
} }

shape! { CreateUserRequest: CREATE_USER_REQUEST "CreateUserRequest" {
    ? path: String = "Path", PATH_TYPE;
    * user_name: String = "UserName", USER_NAME_TYPE;
    ? permissions_boundary: String = "PermissionsBoundary", ARN_TYPE;
    ? tags: Vec<Tag> = "Tags", TAG_LIST_TYPE;
} }

shape! { CreateUserResponse: CREATE_USER_RESPONSE "CreateUserResponse" {
    ? user: User = "User", USER;
} }

shape! { Credentials: CREDENTIALS "Credentials" {
    * access_key_id: String = "AccessKeyId", STRING;
    * secret_access_key: String = "SecretAccessKey", ACCESS_KEY_SECRET_TYPE;
    * session_token: String = "SessionToken", STRING;
    * expiration: Timestamp = "Expiration", DATE_TYPE;
} }

shape! { Forms: FORMS "Forms" {
    ? text: String = "Text", STRING;
    ? renamed: String = "Renamed", STRING .wire("Other");
    ? number: i32 = "Number", INTEGER;
    ? double: f64 = "Double", DOUBLE;
    ? single: f64 = "Single", SINGLE;
    ? flag: bool = "Flag", BOOLEAN;
    ? data: Blob = "Data", BLOB;
    ? date: Timestamp = "Date", DATE_TYPE;
    ? epoch: Timestamp = "Epoch", EPOCH_TYPE;
    ? list: Vec<String> = "List", STRINGS;
    ? list_named: Vec<String> = "ListNamed", STRINGS_NAMED;
    ? longs: Vec<i64> = "Longs", LONGS;
    ? lists: Vec<Vec<String>> = "Lists", LISTS;
    ? flat: Vec<String> = "Flat", STRINGS .flattened();
    ? flat_items: Vec<String> = "FlatItems", STRINGS_NAMED .flattened();
    ? flat_named: Vec<String> = "FlatNamed", STRINGS_NAMED .wire("FlatName") .flattened();
    ? map: BTreeMap<String, Forms> = "Map", FORMS_MAP;
    ? map_named: BTreeMap<String, i32> = "MapNamed", NAMED_MAP;
    ? map_flat: BTreeMap<String, i32> = "MapFlat", NAMED_MAP .flattened();
    ? map_lists: BTreeMap<String, Vec<String>> = "MapLists", LIST_MAP;
    ? inner: Box<Forms> = "Inner", FORMS;
    ? forms: Vec<Forms> = "Forms", FORMS_LIST;
    ? flat_forms: Vec<Forms> = "FlatForms", FORMS_LIST .wire("FlatForm") .flattened();
    ? one: One = "One", ONE;
} }

shape! { GetCallerIdentityRequest: GET_CALLER_IDENTITY_REQUEST "GetCallerIdentityRequest" {
} }

shape! { PutUserPolicyRequest: PUT_USER_POLICY_REQUEST "PutUserPolicyRequest" {
    * user_name: String = "UserName", USER_NAME_TYPE;
    * policy_name: String = "PolicyName", USER_NAME_TYPE;
    * policy_document: String = "PolicyDocument", POLICY_DOCUMENT_TYPE;
} }

shape! { Tag: TAG "Tag" {
    * key: String = "Key", TAG_KEY_TYPE;
    * value: String = "Value", TAG_VALUE_TYPE;
} }

shape! { User: USER "User" {
    * path: String = "Path", PATH_TYPE;
    * user_name: String = "UserName", USER_NAME_TYPE;
    * user_id: String = "UserId", STRING;
    * arn: String = "Arn", ARN_TYPE;
    * create_date: Timestamp = "CreateDate", DATE_TYPE;
    ? tags: Vec<Tag> = "Tags", TAG_LIST_TYPE;
} }

union! { One: ONE "One" {
    Text(String) = "Text", STRING;
    Names(Vec<String>) = "Names", STRINGS_NAMED .flattened();
    Form(Box<Forms>) = "Form", FORMS;
} }
