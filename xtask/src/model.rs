//! A service model: the facts about one AWS API, as `models/*.json` keep them.
//!
//! The form is botocore's (`service-2.json`) with the prose taken out, so the same types read both. What botocore
//! says and these types do not know is collected in `rest`, and [`Model::unknown`] names what is neither kept nor
//! deliberately dropped: a new kind of fact is noticed when the models are renewed, not lost.

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

/// Keys of botocore's models that are left out: prose, and facts about clients only.
const DROPPED: [&str; 25] = [
    "auth",
    "checksumFormat",
    "clientContextParams",
    "contextParam",
    "deprecated",
    "deprecatedMessage",
    "deprecatedSince",
    "documentation",
    "endpointdiscovery",
    "endpointoperation",
    "examples",
    "operationContextParams",
    "protocolSettings",
    "readonly",
    "requestcompression",
    "ripServiceName",
    "serviceAbbreviation",
    "serviceFullName",
    "signatureVersion",
    "staticContextParams",
    "synthetic",
    "uid",
    "version",
    "wrapper",
    "xmlOrder",
];

/// A whole service.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Model {
    pub metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: BTreeMap<String, Shape>,
    #[serde(flatten, skip_serializing)]
    rest: Rest,
}

type Rest = BTreeMap<String, IgnoredAny>;

/// How the service is named, reached and spoken to.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    /// One endpoint for the whole partition instead of one a region; botocore keeps this apart from the models.
    #[serde(default, skip_serializing_if = "is_false")]
    pub global: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_version: Option<String>,
    /// The protocol of clients that know but one.
    #[serde(skip_serializing)]
    pub protocol: Option<String>,
    /// All protocols, the preferred one first.
    #[serde(default)]
    pub protocols: Vec<String>,
    pub service_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<XmlNamespace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_query_compatible: Option<BTreeMap<String, String>>,
    #[serde(flatten, skip_serializing)]
    rest: Rest,
}

/// One operation.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    pub name: String,
    pub http: Http,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Reference>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authtype: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub idempotent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    #[serde(default, rename = "unsignedPayload", skip_serializing_if = "is_false")]
    pub unsigned_payload: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_checksum: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub http_checksum_required: bool,
    #[serde(flatten, skip_serializing)]
    rest: Rest,
}

/// Method and path of an operation.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Http {
    pub method: String,
    pub request_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_code: Option<u16>,
}

/// What an operation puts before the host name.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Endpoint {
    pub host_prefix: String,
}

/// A shape with what holds only where it is used: a member, an input, an element of a list.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reference {
    pub shape: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_wrapper: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<XmlNamespace>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub xml_attribute: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub flattened: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub streaming: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub jsonvalue: bool,
    #[serde(default, rename = "idempotencyToken", skip_serializing_if = "is_false")]
    pub idempotency_token: bool,
    #[serde(default, rename = "box", skip_serializing_if = "is_false")]
    pub boxed: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub host_label: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub eventpayload: bool,
    #[serde(flatten, skip_serializing)]
    rest: Rest,
}

/// An XML namespace: a plain URI for a service, or with a prefix for a member.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum XmlNamespace {
    Uri(String),
    Prefixed {
        #[serde(skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
        uri: String,
    },
}

/// A type.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shape {
    #[serde(rename = "type")]
    pub kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub sensitive: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub members: Ordered<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<Box<Reference>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Box<Reference>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<Reference>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub flattened: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub union: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub document: bool,
    #[serde(default, rename = "box", skip_serializing_if = "is_false")]
    pub boxed: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub streaming: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub sparse: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub requires_length: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<XmlNamespace>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub event: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub eventstream: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub exception: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub fault: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<BTreeMap<String, bool>>,
    #[serde(flatten, skip_serializing)]
    rest: Rest,
}

/// What kind of type a shape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Blob,
    Boolean,
    Double,
    Float,
    Integer,
    List,
    Long,
    Map,
    String,
    Structure,
    Timestamp,
}

/// How an error travels.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ErrorFacts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status_code: Option<u16>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub sender_fault: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub fault: bool,
}

impl Metadata {
    /// The service in the scope of a signature.
    pub(crate) fn signing_name(&self) -> &str {
        self.signing_name.as_deref().unwrap_or(&self.endpoint_prefix)
    }
}

impl Model {
    /// The shape of this name.
    pub(crate) fn shape(&self, name: &str) -> Result<&Shape, String> {
        self.shapes.get(name).ok_or_else(|| format!("there is no shape {name}"))
    }

    /// Keys that are neither kept nor known to be of no use here.
    pub(crate) fn unknown(&self) -> BTreeSet<&str> {
        let mut rests = vec![&self.rest, &self.metadata.rest];
        for operation in self.operations.values() {
            rests.push(&operation.rest);
            let references = operation.input.iter().chain(&operation.output).chain(&operation.errors);
            rests.extend(references.map(|reference| &reference.rest));
        }
        for shape in self.shapes.values() {
            rests.push(&shape.rest);
            let boxed =
                shape.member.iter().chain(&shape.key).chain(&shape.value).map(|reference| &**reference);
            let references = boxed.chain(shape.members.0.iter().map(|(_, reference)| reference));
            rests.extend(references.map(|reference| &reference.rest));
        }
        let keys = rests.into_iter().flat_map(BTreeMap::keys).map(String::as_str);
        keys.filter(|key| !DROPPED.contains(key)).collect()
    }
}

impl XmlNamespace {
    /// The URI.
    pub(crate) fn uri(&self) -> &str {
        match self {
            Self::Uri(uri) | Self::Prefixed { uri, .. } => uri,
        }
    }

    /// The prefix, if there is one.
    pub(crate) fn prefix(&self) -> Option<&str> {
        match self {
            Self::Uri(_) => None,
            Self::Prefixed { prefix, .. } => prefix.as_deref(),
        }
    }
}

/// A JSON object in the order of the file: the order of members is the order answers are written in.
#[derive(Debug)]
pub(crate) struct Ordered<T>(pub Vec<(String, T)>);

impl<T> Ordered<T> {
    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Ordered<T>, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
