//! Schemas and services from the models of the test suites, made when the test runs and never freed.

use serde_json::{Map, Value as Json};
use wire::{
    ErrorModel, Kind, Member, OperationModel, Protocol, Schema, ServiceModel, TimestampFormat,
    ValidationStyle, XmlNamespace,
};

/// How often a shape may contain itself before it is cut off: schemas cannot be tied in a knot while running.
const RECURSION_MAX: usize = 3;

pub(crate) struct Suite<'a> {
    pub(crate) json: &'a Json,
    shapes: &'a Map<String, Json>,
}

impl<'a> Suite<'a> {
    pub(crate) fn new(json: &'a Json) -> Self {
        Suite { json, shapes: json["shapes"].as_object().expect("shapes") }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        let metadata = &self.json["metadata"];
        match metadata["protocol"].as_str().expect("protocol") {
            "json" if metadata["jsonVersion"] == "1.0" => Protocol::Json10,
            "json" => Protocol::Json11,
            "query" => Protocol::Query,
            "ec2" => Protocol::Ec2Query,
            "rest-json" => Protocol::RestJson,
            "rest-xml" => Protocol::RestXml,
            "smithy-rpc-v2-cbor" => Protocol::Cbor,
            other => panic!("protocol {other}"),
        }
    }

    pub(crate) fn service(&self) -> ServiceModel {
        let metadata = &self.json["metadata"];
        let protocol = self.protocol();
        ServiceModel {
            name: "conformance",
            service_id: "Conformance",
            endpoint_prefix: "conformance",
            signing_name: "conformance",
            api_version: text(&metadata["apiVersion"]).unwrap_or("2020-01-01"),
            target_prefix: text(&metadata["targetPrefix"]),
            protocols: vec![protocol].leak(),
            // The suites leave it out of the models, but not of the answers.
            xml_namespace: Some("https://example.com/"),
            global: false,
            validation: match protocol {
                Protocol::Query | Protocol::Ec2Query => ValidationStyle::Query,
                _ => ValidationStyle::Json,
            },
            query_compatible: metadata.get("awsQueryCompatible").is_some(),
            errors: &[],
            operations: &[],
        }
    }

    /// The operation of a case.
    pub(crate) fn operation(&self, given: &Json) -> OperationModel {
        let http = &given["http"];
        let errors: Vec<ErrorModel> =
            given["errors"].as_array().into_iter().flatten().map(|error| self.error(error)).collect();
        OperationModel {
            name: text(&given["name"]).expect("name"),
            method: text(&http["method"]).expect("method"),
            uri: text(&http["requestUri"]).expect("uri"),
            status: http["responseCode"].as_u64().unwrap_or(200).try_into().expect("status"),
            input: self.named(&given["input"]),
            output: self.named(&given["output"]),
            result_wrapper: self.result_wrapper(given),
            errors: errors.leak(),
            unsigned: false,
            action: None,
            access: None,
        }
    }

    /// The suites leave it out of the models: as in all services, the operation's name with `Result`.
    fn result_wrapper(&self, given: &Json) -> Option<&'static str> {
        let has_result = self.protocol() == Protocol::Query && given.get("output").is_some();
        has_result.then(|| leak(&format!("{}Result", given["name"].as_str().expect("name"))))
    }

    fn error(&self, error: &Json) -> ErrorModel {
        let name = text(&error["shape"]).expect("shape");
        let shape = &self.shapes[name];
        let status = shape["error"]["httpStatusCode"].as_u64().unwrap_or(if shape["fault"] == true {
            500
        } else {
            400
        });
        let members = shape["members"].as_object().expect("members");
        let message = if members.contains_key("Message") { "Message" } else { "message" };
        ErrorModel::new(leak(name), status.try_into().expect("status"))
            .code(text(&shape["error"]["code"]).unwrap_or(leak(name)))
            .message(message)
            .schema(self.schema(name, &mut Vec::new()))
    }

    fn named(&self, reference: &Json) -> Option<&'static Schema> {
        reference["shape"].as_str().map(|name| {
            let mut schema = *self.schema(name, &mut Vec::new());
            schema.xml_name = text(&reference["locationName"]).or(schema.xml_name);
            schema.xml_namespace = namespace(&reference["xmlNamespace"]).or(schema.xml_namespace);
            &*Box::leak(Box::new(schema))
        })
    }

    fn schema(&self, name: &str, within: &mut Vec<String>) -> &'static Schema {
        let shape = &self.shapes[name];
        let recursion = within.iter().filter(|outer| *outer == name).count();
        within.push(name.to_owned());
        let name = leak(name);
        let mut schema = match shape["type"].as_str().expect("type") {
            "structure" if shape["document"] == true => Schema::new(name, Kind::Document),
            "structure" => {
                let members =
                    if recursion > RECURSION_MAX { Vec::new() } else { self.members(shape, within) };
                let build = if shape["union"] == true { Schema::union } else { Schema::structure };
                build(name, members.leak())
            }
            "list" => {
                let item = &shape["member"];
                let mut schema =
                    Schema::list(name, self.schema(item["shape"].as_str().expect("item"), within));
                if let Some(element) = &mut schema.element {
                    element.xml_name = text(&item["locationName"]);
                    element.xml_namespace = namespace(&item["xmlNamespace"]);
                }
                schema
            }
            "map" => {
                let (key, value) = (&shape["key"], &shape["value"]);
                let key_schema = self.schema(key["shape"].as_str().expect("key"), within);
                let value_schema = self.schema(value["shape"].as_str().expect("value"), within);
                let mut schema = Schema::map(name, key_schema, value_schema);
                for (element, reference) in [(&mut schema.key, key), (&mut schema.value, value)] {
                    if let Some(element) = element {
                        element.xml_name = text(&reference["locationName"]);
                        element.xml_namespace = namespace(&reference["xmlNamespace"]);
                    }
                }
                schema
            }
            "string" => {
                let values: Vec<&'static str> =
                    shape["enum"].as_array().into_iter().flatten().filter_map(text).collect();
                Schema::string_enum(name, values.leak())
            }
            "boolean" => Schema::new(name, Kind::Boolean),
            "integer" => Schema::new(name, Kind::Integer),
            "long" => Schema::new(name, Kind::Long),
            "float" => Schema::new(name, Kind::Float),
            "double" => Schema::new(name, Kind::Double),
            "blob" => Schema::new(name, Kind::Blob),
            "timestamp" => Schema::new(name, Kind::Timestamp),
            other => panic!("type {other}"),
        };
        within.pop();
        schema.flattened = shape["flattened"] == true;
        schema.xml_name = text(&shape["locationName"]);
        schema.xml_namespace = namespace(&shape["xmlNamespace"]);
        schema.timestamp_format = shape["timestampFormat"].as_str().map(|format| match format {
            "unixTimestamp" => TimestampFormat::EpochSeconds,
            "iso8601" => TimestampFormat::Iso8601,
            "rfc822" => TimestampFormat::Rfc822,
            other => panic!("format {other}"),
        });
        Box::leak(Box::new(schema))
    }

    fn members(&self, shape: &Json, within: &mut Vec<String>) -> Vec<Member> {
        let required: Vec<&str> =
            shape["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let build = |(name, reference): (&String, &Json)| {
            let schema = self.schema(reference["shape"].as_str().expect("shape"), within);
            let mut member = Member::new(leak(name), schema).required(required.contains(&name.as_str()));
            let wire = text(&reference["locationName"]).unwrap_or(member.name);
            member.wire = wire;
            member = match reference["location"].as_str() {
                None => member,
                Some("header") => member.header(wire),
                Some("headers") => member.header_prefix(wire),
                Some("querystring") if schema.kind == Kind::Map => member.query_map(),
                Some("querystring") => member.query(wire),
                Some("uri") => member.label(wire),
                Some("statusCode") => member.status_code(),
                Some(other) => panic!("location {other}"),
            };
            if shape["payload"].as_str() == Some(name) {
                member = member.payload();
            }
            member.query_name = text(&reference["queryName"]);
            member.xml_attribute = reference["xmlAttribute"] == true;
            member.flattened = reference["flattened"] == true;
            member.xml_namespace = namespace(&reference["xmlNamespace"]);
            member.idempotency_token = reference["idempotencyToken"] == true;
            member.json_value = reference["jsonvalue"] == true;
            member
        };
        shape["members"].as_object().expect("members").iter().map(build).collect()
    }
}

fn text(json: &Json) -> Option<&'static str> {
    json.as_str().map(leak)
}

fn leak(text: &str) -> &'static str {
    text.to_owned().leak()
}

fn namespace(json: &Json) -> Option<XmlNamespace> {
    let uri = text(json).or_else(|| text(&json["uri"]))?;
    Some(XmlNamespace { uri, prefix: text(&json["prefix"]) })
}
