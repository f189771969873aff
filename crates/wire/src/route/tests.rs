use http::Request;
use proptest::prelude::*;

use super::*;
use crate::{model::ValidationStyle, sigv4::Scope};

const fn service(
    name: &'static str,
    api_version: &'static str,
    target_prefix: Option<&'static str>,
    protocols: &'static [Protocol],
    operations: &'static [OperationModel],
) -> ServiceModel {
    ServiceModel {
        name,
        service_id: name,
        endpoint_prefix: name,
        signing_name: name,
        api_version,
        target_prefix,
        protocols,
        xml_namespace: None,
        global: false,
        validation: ValidationStyle::Json,
        query_compatible: false,
        errors: &[],
        operations,
    }
}

const fn op(name: &'static str) -> OperationModel {
    OperationModel::new(name)
}

const fn rest(name: &'static str, method: &'static str, uri: &'static str) -> OperationModel {
    OperationModel::new(name).http(method, uri, 200)
}

static KMS: ServiceModel =
    service("kms", "2014-11-01", Some("TrentService"), &[Protocol::Json11], &[op("Encrypt"), op("ListKeys")]);
static TRAIL: ServiceModel = service(
    "cloudtrail",
    "2013-11-01",
    Some("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"),
    &[Protocol::Json11],
    &[op("LookupEvents")],
);
static IAM: ServiceModel =
    service("iam", "2010-05-08", None, &[Protocol::Query], &[op("GetUser"), op("ListTags")]);
static STS: ServiceModel =
    service("sts", "2011-06-15", None, &[Protocol::Query], &[op("GetCallerIdentity"), op("ListTags")]);
static SNS: ServiceModel = service("sns", "2011-06-15", None, &[Protocol::Query], &[op("ListTags")]);
static ELB: ServiceModel =
    service("elasticloadbalancing", "2012-06-01", None, &[Protocol::Query], &[op("DescribeLoadBalancers")]);
static ELB2: ServiceModel = service(
    "elasticloadbalancing",
    "2015-12-01",
    None,
    &[Protocol::Query],
    &[op("DescribeLoadBalancers"), op("DescribeRules")],
);
static EC2: ServiceModel =
    service("ec2", "2016-11-15", None, &[Protocol::Ec2Query], &[op("DescribeInstances")]);
static MONITORING: ServiceModel = service(
    "monitoring",
    "2010-08-01",
    Some("GraniteServiceVersion20100801"),
    &[Protocol::Cbor, Protocol::Json10, Protocol::Query],
    &[op("PutMetricData")],
);
static LAMBDA: ServiceModel = service(
    "lambda",
    "2015-03-31",
    None,
    &[Protocol::RestJson],
    &[
        rest("GetFunction", "GET", "/2015-03-31/functions/{FunctionName}"),
        rest("ListFunctions", "GET", "/2015-03-31/functions/"),
        rest("ListAll", "GET", "/2015-03-31/functions/all"),
        rest("CreateFunction", "POST", "/2015-03-31/functions"),
        rest("TagResource", "POST", "/2017-03-31/tags/{ARN}"),
    ],
);
static S3: ServiceModel = service(
    "s3",
    "2006-03-01",
    None,
    &[Protocol::RestXml],
    &[
        rest("ListBuckets", "GET", "/"),
        rest("ListObjects", "GET", "/{Bucket}"),
        rest("ListObjectsV2", "GET", "/{Bucket}?list-type=2"),
        rest("GetBucketAcl", "GET", "/{Bucket}?acl"),
        rest("GetObject", "GET", "/{Bucket}/{Key+}"),
        rest("GetObjectAcl", "GET", "/{Bucket}/{Key+}?acl"),
    ],
);
static XKS: ServiceModel = service(
    crate::xks::SIGNING_NAME,
    "v1",
    None,
    &[Protocol::Xks],
    &[
        rest("GetHealthStatus", "POST", "/{path}/kms/xks/v1/health"),
        rest("Encrypt", "POST", "/{path}/kms/xks/v1/keys/{externalKeyId}/encrypt"),
    ],
);
static SERVICES: [&ServiceModel; 12] =
    [&KMS, &TRAIL, &IAM, &STS, &SNS, &ELB, &ELB2, &EC2, &MONITORING, &LAMBDA, &S3, &XKS];

struct Case {
    request: http::request::Builder,
    body: &'static str,
    scope: Option<&'static str>,
}

fn request(method: &str, uri: &str) -> Case {
    Case { request: Request::builder().method(method).uri(uri), body: "", scope: None }
}

fn target(target: &str) -> Case {
    request("POST", "/").header("x-amz-target", target)
}

fn form(body: &'static str) -> Case {
    Case {
        body,
        ..request("POST", "/").header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
    }
}

impl Case {
    fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    fn host(self, host: &str) -> Self {
        self.header("host", host)
    }

    fn scope(mut self, service: &'static str) -> Self {
        self.scope = Some(service);
        self
    }

    fn find(self) -> Result<Route, RouteError> {
        let scope = self.scope.map(|service| Scope {
            date: "20261121".to_owned(),
            region: "us-east-1".to_owned(),
            service: service.to_owned(),
        });
        let parts = self.request.body(()).unwrap().into_parts().0;
        Router::new(&SERVICES).route(&parts, self.body.as_bytes(), scope.as_ref())
    }

    /// As `kms Encrypt Json11`, or as `kms Json11 400 UnknownOperationException text`.
    #[track_caller]
    fn is(self, expected: &str) {
        let actual = match self.find() {
            Ok(route) => {
                format!("{} {} {:?}", route.service.name, route.operation.name, route.protocol)
            }
            Err(error) => format!(
                "{} {:?} {} {} {error}",
                error.service.map_or("-", |service| service.name),
                error.protocol,
                error.status(),
                error.code()
            ),
        };
        assert_eq!(actual.replace(&*names(&SERVICES), "NAMES"), expected);
    }
}

#[test]
fn proxies_of_external_key_stores() {
    let health = "/AIDA1/kms/xks/v1/health";
    request("POST", health).is("kms-xks-proxy GetHealthStatus Xks");
    request("POST", "/AIDA1/kms/xks/v1/keys/a.b/encrypt")
        .scope("kms-xks-proxy")
        .is("kms-xks-proxy Encrypt Xks");
    // Whoever asks another way is told the method, unless it is another's path as well, which the signature tells.
    let other = |method: &str| {
        format!(
            "kms-xks-proxy Xks 405 UnknownOperationException {method} {health} is no operation of kms-xks-proxy."
        )
    };
    request("PUT", health).is(&other("PUT"));
    request("GET", health).scope("kms-xks-proxy").is(&other("GET"));
    request("GET", health).is("s3 GetObject RestXml");
    request("POST", "/kms/xks/v1/health").scope("kms-xks-proxy").is(
        "kms-xks-proxy Xks 404 UnknownOperationException POST /kms/xks/v1/health is no operation of kms-xks-proxy.",
    );
    request("POST", "/kms/xks/v1/health")
        .is("- RestJson 404 UnknownOperationException The request names no service of AWS that is known here. Fastness serves NAMES.");
}

#[test]
fn json() {
    let json11 = |name: &str| target(name).header("content-type", "application/x-amz-json-1.1");
    json11("TrentService.Encrypt").is("kms Encrypt Json11");
    target("TrentService.Encrypt").is("kms Encrypt Json11");
    target("TrentService.Encrypt")
        .header("content-type", "Application/X-Amz-Json-1.1; charset=utf-8")
        .is("kms Encrypt Json11");
    json11("TrentService.Encrypt").host("kms.eu-west-1.example.net:8443").is("kms Encrypt Json11");
    json11("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents")
        .is("cloudtrail LookupEvents Json11");
    json11("CloudTrail_20131101.LookupEvents").is("cloudtrail LookupEvents Json11");
    // The signature's scope is compared with the service afterwards, it does not bend the target.
    json11("TrentService.Encrypt").scope("iam").is("kms Encrypt Json11");

    json11("TrentService.Nothing")
        .is("kms Json11 400 UnknownOperationException Nothing is no operation of kms.");
    json11("Trent.Encrypt")
        .is("- Json11 404 UnknownOperationException The request names no service of AWS that is known here. Fastness serves NAMES.");
    json11("Encrypt")
        .is("- Json11 404 UnknownOperationException The request names no service of AWS that is known here. Fastness serves NAMES.");
    json11("").is("- Json11 404 UnknownOperationException The request names no service of AWS that is known here. Fastness serves NAMES.");
    let foreign = "kms Json11 400 UnknownOperationException kms does not offer the protocol of the request.";
    target("TrentService.Encrypt").header("content-type", "application/x-amz-json-1.0").is(foreign);
    target("TrentService.Encrypt").header("content-type", "application/json").is(foreign);
    json11("TrentService.Encrypt").header("content-type", "application/x-amz-json-1.1").is(foreign);
    request("GET", "/")
        .header("x-amz-target", "TrentService.Encrypt")
        .is("kms Json11 400 UnknownOperationException Encrypt is no operation of kms.");
    json11("TrentService.Encrypt").header("x-amz-target", "TrentService.ListKeys").is(
        "- Json11 400 UnknownOperationException The request names its operation in conflicting ways: more than one \
         X-Amz-Target header.",
    );
}

#[test]
fn cbor() {
    let cbor = |path: &str| request("POST", path).header("smithy-protocol", "rpc-v2-cbor");
    let path = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
    cbor(path).is("monitoring PutMetricData Cbor");
    cbor(&format!("/prefix{path}")).is("monitoring PutMetricData Cbor");
    cbor("/service/GraniteServiceVersion20100801/operation/Nothing")
        .is("monitoring Cbor 400 UnknownOperationException Nothing is no operation of monitoring.");
    cbor("/service/TrentService/operation/Encrypt")
        .is("kms Cbor 400 UnknownOperationException kms does not offer the protocol of the request.");
    cbor("/service/None/operation/Encrypt")
        .is("- Cbor 404 UnknownOperationException The request names no service of AWS that is known here. Fastness serves NAMES.");
    cbor("/").is("- Cbor 404 UnknownOperationException The request names no operation.");
    cbor(path).header("x-amz-target", "TrentService.Encrypt").is(
        "- Cbor 400 UnknownOperationException The request names its operation in conflicting ways: X-Amz-Target and \
         smithy-protocol headers.",
    );
    request("POST", path)
        .header("smithy-protocol", "rpc-v2-json")
        .is("- Cbor 400 UnknownOperationException The service does not offer the protocol of the request.");
    target("GraniteServiceVersion20100801.PutMetricData")
        .header("content-type", "application/x-amz-json-1.0")
        .is("monitoring PutMetricData Json10");
    form("Action=PutMetricData&Version=2010-08-01").is("monitoring PutMetricData Query");
}

#[test]
fn query() {
    form("Action=GetUser&Version=2010-05-08").is("iam GetUser Query");
    form("UserName=a&Version=2010-05-08&%41ction=GetUser").is("iam GetUser Query");
    request("GET", "/?Action=GetCallerIdentity&Version=2011-06-15").is("sts GetCallerIdentity Query");
    form("Action=DescribeInstances&Version=2016-11-15").is("ec2 DescribeInstances Ec2Query");
    // Several services have it: scope first, then host.
    form("Action=ListTags&Version=2010-05-08").is("iam ListTags Query");
    form("Action=ListTags&Version=2011-06-15")
        .scope("sns")
        .host("sts.us-east-1.example.net")
        .is("sns ListTags Query");
    form("Action=ListTags&Version=2011-06-15")
        .scope("unknown")
        .host("sts.example.net")
        .is("sts ListTags Query");
    form("Action=ListTags&Version=2011-06-15")
        .is("- Query 400 InvalidAction The action ListTags is not valid for this web service.");
    // Two models for one service.
    form("Action=DescribeLoadBalancers&Version=2015-12-01")
        .scope("elasticloadbalancing")
        .is("elasticloadbalancing DescribeLoadBalancers Query");
    form("Action=DescribeRules&Version=2012-06-01")
        .scope("elasticloadbalancing")
        .is("elasticloadbalancing Query 400 InvalidAction The action DescribeRules is not valid for this web service.");

    form("Action=Foo&Version=2010-05-08")
        .scope("iam")
        .is("iam Query 400 InvalidAction The action Foo is not valid for this web service.");
    form("Action=Foo&Version=2010-05-08")
        .is("- Query 400 InvalidAction The action Foo is not valid for this web service.");
    form("Action=GetUser&Version=2009-01-01")
        .scope("iam")
        .is("iam Query 400 InvalidAction Could not find operation GetUser for version 2009-01-01");
    form("Action=GetUser")
        .is("- Query 400 InvalidAction Could not find operation GetUser for version NO_VERSION_SPECIFIED");
    form("Version=2010-05-08")
        .scope("iam")
        .is("iam Query 400 MissingAction The request is missing an action or a required parameter.");
    form("").is("- Query 400 MissingAction The request is missing an action or a required parameter.");
    let conflict = "iam Query 400 InvalidParameterCombination The request names its operation in conflicting ways: \
                    more than one Action or Version parameter.";
    form("Action=GetUser&Action=GetUser&Version=2010-05-08").scope("iam").is(conflict);
    Case {
        body: "Action=GetUser&Version=2010-05-08",
        ..request("POST", "/?Action=ListTags").header("content-type", "application/x-www-form-urlencoded")
    }
    .scope("iam")
    .is(conflict);
    form("Action=Encrypt&Version=2014-11-01")
        .scope("kms")
        .is("kms Query 400 InvalidAction kms does not offer the protocol of the request.");
    form("Action=GetUser&Version=2010-05-08")
        .header("accept", "application/json")
        .is("iam GetUser QueryJson");
    form("Action=GetUser&Version=2010-05-08")
        .header("accept", "text/html, Application/JSON;q=0.9, text/xml")
        .is("iam GetUser QueryJson");
    for xml in ["text/xml, application/json", "*/*", "", "application/jsonp", "application/x-amz-json-1.1"] {
        form("Action=GetUser&Version=2010-05-08").header("accept", xml).is("iam GetUser Query");
    }
    form("Action=No&Version=2010-05-08")
        .scope("iam")
        .header("accept", "application/json")
        .is("iam QueryJson 400 InvalidAction The action No is not valid for this web service.");
    target("TrentService.Encrypt").header("accept", "application/json").is("kms Encrypt Json11");
    request("PUT", "/?Action=GetUser&Version=2010-05-08")
        .is("- Query 400 InvalidAction The action GetUser is not valid for this web service.");
    request("GET", "/")
        .host("iam.example.net")
        .is("iam Query 400 MissingAction The request is missing an action or a required parameter.");
}

#[test]
fn rest_paths() {
    let lambda = |method, uri| request(method, uri).scope("lambda");
    lambda("GET", "/2015-03-31/functions/f").is("lambda GetFunction RestJson");
    lambda("GET", "/2015-03-31/functions/arn%3Aaws%3Alambda/").is("lambda GetFunction RestJson");
    lambda("GET", "/2015-03-31/functions/all").is("lambda ListAll RestJson");
    lambda("GET", "/2015-03-31/functions/").is("lambda ListFunctions RestJson");
    lambda("GET", "/2015-03-31/functions?Action=x&Marker=y").is("lambda ListFunctions RestJson");
    lambda("POST", "/2015-03-31/functions").is("lambda CreateFunction RestJson");
    request("POST", "/2017-03-31/tags/a")
        .host("lambda.eu-west-1.example.net")
        .is("lambda TagResource RestJson");
    request("POST", "/2017-03-31/tags/a").is("lambda TagResource RestJson");
    lambda("PUT", "/2015-03-31/functions").is(
        "lambda RestJson 404 UnknownOperationException PUT /2015-03-31/functions is no operation of lambda.",
    );
    lambda("GET", "/x/../2015-03-31/functions").is("lambda RestJson 404 UnknownOperationException GET /x/../2015-03-31/functions is no operation of lambda.");
    lambda("GET", "/2015-03-31/functions/..").is("lambda RestJson 404 UnknownOperationException GET /2015-03-31/functions/.. is no operation of lambda.");
    lambda("GET", "/2015-03-31//functions").is(
        "lambda RestJson 404 UnknownOperationException GET /2015-03-31//functions is no operation of lambda.",
    );
    request("PATCH", "/none")
        .is("- RestJson 404 UnknownOperationException The request names no service of AWS that is known here. Fastness serves NAMES.");
    request("GET", "/")
        .scope("kms")
        .is("kms Json11 404 UnknownOperationException The request names no operation of kms.");

    let s3 = |uri| request("GET", uri).scope("s3");
    s3("/").is("s3 ListBuckets RestXml");
    s3("/b").is("s3 ListObjects RestXml");
    s3("/b/?list-type=2&prefix=x").is("s3 ListObjectsV2 RestXml");
    s3("/b?list-type=1").is("s3 ListObjects RestXml");
    s3("/b?acl=").is("s3 GetBucketAcl RestXml");
    s3("/b/k").is("s3 GetObject RestXml");
    s3("/b/a//../k?acl").is("s3 GetObjectAcl RestXml");
}

#[test]
fn texts_of_callers_are_cut() {
    let error = target(&format!("TrentService.{}", "x".repeat(5000))).find().unwrap_err();
    assert!(error.message().len() < 2 * OPERATION_BYTES_MAX);
    let route = target("TrentService.Encrypt").find().unwrap();
    assert_eq!(format!("{route:?}"), r#"Route { service: "kms", operation: "Encrypt", protocol: Json11 }"#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn hostile_requests_never_panic(
        value in any::<Vec<u8>>(),
        name in "(x-amz-target|smithy-protocol|content-type|host)",
        path in "/[/.a-zA-Z0-9%{}+]{0,60}",
        query in "(Action|Version|[ -~&&[^#]]{0,5})(=|&|%)[\\x21-\\x7e&&[^#]]{0,100}",
        body in any::<Vec<u8>>(),
        is_form in any::<bool>(),
    ) {
        let router = Router::new(&SERVICES);
        for method in ["GET", "POST"] {
            let Ok(mut request) = Request::builder().method(method).uri(format!("{path}?{query}")).body(()) else {
                continue;
            };
            if is_form {
                let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
                request.headers_mut().insert("content-type", form);
            }
            if let Ok(value) = http::HeaderValue::from_bytes(&value) {
                request.headers_mut().append(name.parse::<http::HeaderName>().unwrap(), value);
            }
            let _ = router.route(&request.into_parts().0, &body, None).map_err(|error| error.to_string());
        }
    }
}
