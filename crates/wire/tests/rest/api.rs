//! A service that puts values into every place that REST-JSON has.

use std::collections::BTreeMap;

use wire::{
    Blob, Document, ErrorModel, Kind, OperationModel, Protocol, Schema, ServiceModel, Timestamp,
    TimestampFormat, Unit, ValidationStyle, operations, pattern, shape, string_enum,
};

/// The service `things`, version 2026-11-21.
pub static MODEL: ServiceModel = ServiceModel {
    name: "things",
    service_id: "Things",
    endpoint_prefix: "things",
    signing_name: "things",
    api_version: "2026-11-21",
    target_prefix: None,
    protocols: &[Protocol::RestJson],
    xml_namespace: None,
    global: false,
    validation: ValidationStyle::Json,
    query_compatible: false,
    errors: &[CONFLICT],
    operations: &[DELETE_THING, GET_FILE, PUT_FILE, PUT_THING],
};

operations! {
    DeleteThing: Unit => Unit = DELETE_THING;
    GetFile: Unit => File = GET_FILE;
    PutFile: File => Unit = PUT_FILE;
    PutThing: PutThingRequest => PutThingResponse = PUT_THING;
}

const DELETE_THING: OperationModel =
    OperationModel::new("DeleteThing").http("DELETE", "/things/{Id}", 204).output(&PUT_THING_RESPONSE);
const GET_FILE: OperationModel =
    OperationModel::new("GetFile").http("GET", "/files/{Name+}", 200).output(&FILE);
const PUT_FILE: OperationModel =
    OperationModel::new("PutFile").http("PUT", "/files/{Name+}", 200).input(&FILE);
const PUT_THING: OperationModel = OperationModel::new("PutThing")
    .http("PUT", "/v1/{Id}/things/{At}?thing", 201)
    .input(&PUT_THING_REQUEST)
    .output(&PUT_THING_RESPONSE)
    .errors(&[CONFLICT]);

const CONFLICT: ErrorModel =
    ErrorModel::new("ConflictException", 409).message("Message").schema(&CONFLICT_EXCEPTION);

static BLOB: Schema = Schema::new("Blob", Kind::Blob);
static BOOLEAN: Schema = Schema::new("Boolean", Kind::Boolean);
static DOCUMENT: Schema = Schema::new("Document", Kind::Document);
static DOUBLE: Schema = Schema::new("Double", Kind::Double);
static HEADER_MAP: Schema = Schema::map("HeaderMap", &HEADER_NAME, &HEADER_TEXT);
static HEADER_NAME: Schema =
    Schema::new("HeaderName", Kind::String).min(1).max(8).pattern(pattern!("[a-z0-9-]+"));
static HEADER_TEXT: Schema = Schema::new("HeaderText", Kind::String).pattern(pattern!("[ -~]*"));
static HEADER_TEXTS: Schema = Schema::list("HeaderTexts", &HEADER_TEXT);
static ID: Schema = Schema::new("Id", Kind::String).min(1).max(16).pattern(pattern!("[a-zA-Z][^\n]*"));
static INTEGER: Schema = Schema::new("Integer", Kind::Integer).min(0).max(1000);
static INTEGERS: Schema = Schema::list("Integers", &INTEGER).max(3);
static JSON: Schema = Schema::new("Json", Kind::String);
static QUERY_MAP: Schema = Schema::map("QueryMap", &STRING, &STRINGS);
static SECRET: Schema = Schema::new("Secret", Kind::String).max(4).sensitive();
static SECONDS: Schema = Schema::new("Seconds", Kind::Timestamp).timestamp(TimestampFormat::EpochSeconds);
static STATUS: Schema = Schema::new("Status", Kind::Integer);
static STRING: Schema = Schema::new("String", Kind::String);
static STRINGS: Schema = Schema::list("Strings", &STRING);
static TIME: Schema = Schema::new("Time", Kind::Timestamp);
static DATE: Schema = Schema::new("Date", Kind::Timestamp).timestamp(TimestampFormat::Rfc822);
static DATES: Schema = Schema::list("Dates", &DATE);

string_enum! { Color: COLOR "Color" { Red = "RED", Green = "GREEN" } }

shape! { ConflictException: CONFLICT_EXCEPTION "ConflictException" {
    ? message: String = "Message", STRING;
    ? retry_after: i32 = "RetryAfter", INTEGER .header("Retry-After");
    ? holder: String = "Holder", STRING;
} }

shape! { File: FILE "File" {
    * name: String = "Name", STRING .label("Name");
    ? content_type: String = "ContentType", HEADER_TEXT .header("Content-Type");
    ? metadata: BTreeMap<String, String> = "Metadata", HEADER_MAP .header_prefix("x-Meta-");
    * content: Blob = "Content", BLOB .payload();
} }

shape! { PutThingRequest: PUT_THING_REQUEST "PutThingRequest" {
    * id: String = "Id", ID .label("Id");
    * at: Timestamp = "At", TIME .label("At");
    ? limit: i32 = "Limit", INTEGER .query("max-limit");
    ? limits: Vec<i32> = "Limits", INTEGERS .query("limit");
    ? since: Timestamp = "Since", TIME .query("since");
    ? color: Color = "Color", COLOR .query("color");
    ? all: BTreeMap<String, Vec<String>> = "All", QUERY_MAP .query_map();
    ? flag: bool = "Flag", BOOLEAN .header("X-Flag");
    ? ratio: f64 = "Ratio", DOUBLE .header("X-Ratio");
    ? modified: Timestamp = "Modified", DATE .header("If-Modified-Since");
    ? seconds: Timestamp = "Seconds", SECONDS .header("X-Seconds");
    ? texts: Vec<String> = "Texts", HEADER_TEXTS .header("X-Texts");
    ? dates: Vec<Timestamp> = "Dates", DATES .header("X-Dates");
    ? json: String = "Json", JSON .header("X-Json") .json_value();
    ? metadata: BTreeMap<String, String> = "Metadata", HEADER_MAP .header_prefix("X-Meta-");
    * title: String = "Title", STRING .wire("title");
    ? secret: String = "Secret", SECRET;
    ? created: Timestamp = "Created", TIME;
    ? document: Document = "Document", DOCUMENT;
} }

shape! { PutThingResponse: PUT_THING_RESPONSE "PutThingResponse" {
    ? status: i32 = "Status", STATUS .status_code();
    ? seconds: Timestamp = "Seconds", TIME .header("X-Time");
    ? texts: Vec<String> = "Texts", HEADER_TEXTS .header("X-Texts");
    ? json: String = "Json", JSON .header("X-Json") .json_value();
    ? data: Blob = "Data", BLOB .header("X-Data");
    ? metadata: BTreeMap<String, String> = "Metadata", HEADER_MAP .header_prefix("X-Meta-");
    ? title: String = "Title", STRING .wire("title");
    ? created: Timestamp = "Created", TIME;
} }
