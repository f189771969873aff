//! The atlas of AWS's services, by which a request that is for none of those served here is answered in its own protocol, and with
//! the name of the service that it means.

mod all;

use super::{Router, host, is_cbor, is_json, is_query, is_rest, spoken, template};
use crate::{
    model::{OperationModel, Protocol, ServiceModel, ValidationStyle},
    sigv4::Scope,
};

/// Most services that a refusal names, where several share what the request says.
const NAMED_MAX: usize = 10;

/// Every service of AWS that there is a model of.
pub fn services() -> impl Iterator<Item = &'static ServiceModel> {
    all::ALL.iter()
}

/// The place in a request where its protocol names the operation, with what that says of the service.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spoken<'a> {
    /// `X-Amz-Target`, up to the operation.
    Json(&'a str),
    /// The path of RPC v2 CBOR: the service in it.
    Cbor(&'a str),
    /// The parameter `Version`.
    Query(Option<&'a str>),
    /// Method and path alone.
    Rest { method: &'a str, path: &'a str },
}

impl Spoken<'_> {
    /// The protocols of the request's kind.
    pub(super) fn kind(self) -> fn(Protocol) -> bool {
        match self {
            Self::Json(_) => is_json,
            Self::Cbor(_) => is_cbor,
            Self::Query(_) => is_query,
            Self::Rest { .. } => is_rest,
        }
    }
}

/// The services, none of them of `router`, that a request may be for; best first, none if it names none.
///
/// The protocol's own name for the service counts before the scope of the signature, and that before the host name. Services that share a signing
/// name, such as those of Amazon SES, are told apart by their protocols and versions only.
pub(super) fn meant(
    router: &Router,
    spoken: Spoken<'_>,
    scope: Option<&Scope>,
    host: Option<&str>,
) -> Vec<&'static ServiceModel> {
    let elsewhere: Vec<&'static ServiceModel> = all::ALL
        .iter()
        .filter(|model| !router.services.iter().any(|served| is_one(served.model, model)))
        .collect();
    let of = |fits: &dyn Fn(&ServiceModel) -> bool| -> Vec<&'static ServiceModel> {
        elsewhere.iter().copied().filter(|model| fits(model)).collect()
    };
    let by_name = match spoken {
        Spoken::Json(prefix) | Spoken::Cbor(prefix) => of(&|model| has_prefix(model, prefix)),
        Spoken::Query(_) | Spoken::Rest { .. } => Vec::new(),
    };
    let by_scope = || scope.map(|scope| of(&|model| model.signing_name == scope.service)).unwrap_or_default();
    let by_host = || {
        let length =
            |model: &ServiceModel| host.and_then(|host| host::prefix_length(host, model.endpoint_prefix));
        let longest = elsewhere.iter().filter_map(|model| length(model)).max();
        of(&|model| longest.is_some() && length(model) == longest)
    };
    // A signature that names another service, one that is not known, or one that is served here: no guess from the path.
    let by_itself = || match spoken {
        _ if scope.is_some() => Vec::new(),
        Spoken::Query(Some(version)) => of(&|model| model.api_version == version),
        Spoken::Rest { method, path } => of(&|model| has_path(model, method, path)),
        _ => Vec::new(),
    };
    let mut found = by_name;
    for more in [&by_scope as &dyn Fn() -> _, &by_host, &by_itself] {
        if found.is_empty() {
            found = more();
        }
    }
    // Each of these narrows down what is left, unless nothing would be.
    let narrows: [&dyn Fn(&ServiceModel) -> bool; 3] = [
        &|model| super::speaks(model, spoken.kind()),
        &|model| matches!(spoken, Spoken::Query(Some(version)) if version == model.api_version),
        &|model| scope.is_some_and(|scope| scope.service == model.signing_name),
    ];
    for narrow in narrows {
        if found.iter().any(|model| narrow(model)) {
            found.retain(|model| narrow(model));
        }
    }
    found.truncate(NAMED_MAX);
    found
}

/// The protocol to answer in: of the kind that the request speaks, if the service does.
pub(super) fn answered_in(model: &ServiceModel, wanted: Spoken<'_>, likely: Protocol) -> Protocol {
    let kind = wanted.kind();
    if kind(likely) && model.protocols.contains(&likely) {
        return likely;
    }
    spoken(model, kind).or_else(|| model.protocols.first().copied()).unwrap_or(likely)
}

/// The names by which people know services: `S3 (s3) or S3 Control (s3control)`.
pub(super) fn names(models: &[&'static ServiceModel]) -> String {
    let names: Vec<String> =
        models.iter().map(|model| format!("{} ({})", model.service_id, model.name)).collect();
    names.join(" or ")
}

/// Whether two models are of one service, whatever it is called.
fn is_one(a: &ServiceModel, b: &ServiceModel) -> bool {
    a.name == b.name || (a.signing_name == b.signing_name && a.api_version == b.api_version)
}

/// SDKs that are generated from Smithy leave the namespace of a prefix out.
fn has_prefix(model: &ServiceModel, prefix: &str) -> bool {
    model
        .target_prefix
        .is_some_and(|own| own == prefix || own.rsplit_once('.').is_some_and(|(_, shape)| shape == prefix))
}

fn has_path(model: &ServiceModel, method: &str, path: &str) -> bool {
    let path: Vec<&str> = template::segments(path).collect();
    template::all(model.operations).iter().any(|template| template.matches(method, &path, ""))
}

const fn service(
    name: &'static str,
    service_id: &'static str,
    endpoint_prefix: &'static str,
    signing_name: &'static str,
    api_version: &'static str,
    target_prefix: Option<&'static str>,
    protocols: &'static [Protocol],
) -> ServiceModel {
    ServiceModel {
        name,
        service_id,
        endpoint_prefix,
        signing_name,
        api_version,
        target_prefix,
        protocols,
        xml_namespace: None,
        global: false,
        validation: ValidationStyle::Json,
        query_compatible: false,
        errors: &[],
        operations: &[],
    }
}

impl ServiceModel {
    const fn namespace(mut self, uri: &'static str) -> Self {
        self.xml_namespace = Some(uri);
        self
    }

    const fn query_compatible(mut self) -> Self {
        self.query_compatible = true;
        self
    }

    /// The operations that bear no signature, and nothing else that names the service.
    const fn unsigned(mut self, operations: &'static [OperationModel]) -> Self {
        self.operations = operations;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    /// A call of a service in one of its protocols, as SDKs make it.
    fn call(model: &ServiceModel, protocol: Protocol) -> (http::request::Parts, String) {
        let mut body = String::new();
        let request = match protocol {
            Protocol::Json10 | Protocol::Json11 => Request::post("/")
                .header("x-amz-target", format!("{}.Get", model.target_prefix.unwrap()))
                .header(
                    "content-type",
                    if protocol == Protocol::Json10 {
                        "application/x-amz-json-1.0"
                    } else {
                        "application/x-amz-json-1.1"
                    },
                ),
            Protocol::Cbor => {
                Request::post(format!("/service/{}/operation/Get", model.target_prefix.unwrap()))
                    .header("smithy-protocol", "rpc-v2-cbor")
            }
            Protocol::Query | Protocol::QueryJson | Protocol::Ec2Query => {
                body = format!("Action=Get&Version={}", model.api_version);
                Request::post("/").header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            }
            Protocol::RestJson | Protocol::RestXml | Protocol::Xks => Request::get("/a/b"),
        };
        (request.body(()).unwrap().into_parts().0, body)
    }

    #[test]
    fn every_service_is_answered_in_its_protocol_and_by_its_name() {
        let router = Router::new(&[]);
        for model in &all::ALL {
            for &protocol in model.protocols {
                let (parts, body) = call(model, protocol);
                let scope = Scope {
                    date: "20261121".to_owned(),
                    region: "us-east-1".to_owned(),
                    service: model.signing_name.to_owned(),
                };
                let error = router.route(&parts, body.as_bytes(), Some(&scope)).unwrap_err();
                let message = error.message();
                assert!(
                    message.contains(&format!("({})", model.name)),
                    "{} {protocol:?}: {message}",
                    model.name
                );
                let json = [Protocol::Json10, Protocol::Json11];
                let alike = error.protocol == protocol
                    || (json.contains(&protocol) && json.contains(&error.protocol));
                assert!(alike, "{} {protocol:?}: {:?}", model.name, error.protocol);
                assert_eq!((error.code(), error.status()), ("NotImplemented", 501));
                let query = matches!(protocol, Protocol::Query | Protocol::Ec2Query);
                let named = query || model.target_prefix.is_some() && !is_rest(protocol);
                assert_eq!(error.operation(), named.then_some("Get"), "{} {protocol:?}", model.name);
            }
            for operation in model.operations {
                let request =
                    Request::builder().method(operation.method).uri(operation.uri).body(()).unwrap();
                let error = router.route(&request.into_parts().0, b"", None).unwrap_err();
                assert!(error.message().contains(&format!("({})", model.name)), "{}", error.message());
            }
        }
    }

    #[test]
    fn the_nearest_name_counts() {
        let services = |spoken, scope: Option<&str>, host| {
            let scope = scope.map(|service| Scope {
                date: "20261121".to_owned(),
                region: "us-east-1".to_owned(),
                service: service.to_owned(),
            });
            names(&meant(&Router::new(&[]), spoken, scope.as_ref(), host))
        };
        let rest = Spoken::Rest { method: "GET", path: "/bucket/key" };
        assert_eq!(services(rest, Some("s3"), None), "S3 (s3) or S3 Control (s3control)");
        assert_eq!(services(rest, None, Some("s3.us-east-1.example.net:4566")), "S3 (s3)");
        assert_eq!(services(rest, None, Some("localhost:4566")), "");
        assert_eq!(services(rest, Some("made-up"), None), "");
        assert_eq!(services(Spoken::Json("DynamoDB_20120810"), Some("s3"), None), "DynamoDB (dynamodb)");
        assert_eq!(
            services(Spoken::Json("Made_up"), Some("dynamodb"), None),
            "DynamoDB (dynamodb) or DynamoDB Streams (dynamodbstreams)"
        );
        assert_eq!(services(Spoken::Query(Some("2012-11-05")), None, None), "SQS (sqs)");
        assert_eq!(
            services(Spoken::Query(Some("2015-12-01")), Some("elasticloadbalancing"), None),
            "Elastic Load Balancing v2 (elbv2)"
        );
        assert_eq!(services(rest, Some("iam"), None), "IAM Toolbox (iam-toolbox)");
    }
}
