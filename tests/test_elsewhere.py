"""Calls of services that are not served: in the form of each protocol, with the name of the service that was meant."""

import gzip
import json
import pathlib
import re
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import botocore
import botocore.parsers
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from conftest import SERVICES, SESSION, records, refused

DATA = pathlib.Path(botocore.__file__).parent / "data"
METADATA = re.compile(rb'"metadata"\s*:\s*')
SERVED = "It serves CloudHSM V2, CloudTrail, IAM, KMS"


def client(root, service, **config):
    """A client of a service that conftest does not know."""
    return SESSION.client(
        service,
        endpoint_url=root.fastness.endpoint,
        region_name=root.region,
        aws_access_key_id=root.key,
        aws_secret_access_key=root.secret,
        config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False, **config),
    )


@pytest.mark.parametrize(
    ("service", "name", "operation", "parameters"),
    [
        ("s3", "S3 (s3)", "list_buckets", {}),
        ("s3", "S3 (s3)", "get_object", {"Bucket": "bucket", "Key": "a/b c"}),
        ("route53", "Route 53 (route53)", "list_hosted_zones", {}),
        ("sqs", "SQS (sqs)", "list_queues", {}),
        ("dynamodb", "DynamoDB (dynamodb)", "list_tables", {}),
        ("acm", "ACM (acm)", "list_certificates", {}),
        ("cloudwatch", "CloudWatch (cloudwatch)", "list_metrics", {}),
        ("sns", "SNS (sns)", "list_topics", {}),
        ("ec2", "EC2 (ec2)", "describe_vpcs", {}),
        ("lambda", "Lambda (lambda)", "list_functions", {}),
        ("sso-oidc", "SSO OIDC (sso-oidc)", "start_device_authorization", {"clientId": "a", "clientSecret": "b", "startUrl": "c"}),
    ],
)
def test_clients_print_which_service_was_meant_and_what_there_is(root, service, name, operation, parameters):
    error = refused(getattr(client(root, service), operation), **parameters)
    assert (error["Code"], error["Status"]) == ("NotImplemented", 501), error
    assert f"Fastness does not serve {name}" in error["Message"] and SERVED in error["Message"], error
    assert error["RequestId"]


def test_what_is_not_served_is_recorded_by_its_own_name(root):
    dynamodb = refused(client(root, "dynamodb").list_tables)
    s3 = refused(client(root, "s3").list_buckets)
    found = records(root)
    assert found[dynamodb["RequestId"]]["eventSource"] == "dynamodb.amazonaws.com"
    assert found[dynamodb["RequestId"]]["eventName"] == "ListTables"
    assert found[s3["RequestId"]]["eventSource"] == "s3.amazonaws.com"


def test_an_operation_that_is_not_implemented_says_where_to_look(root):
    error = refused(root.cloudtrail.describe_trails)
    assert (error["Code"], error["Status"]) == ("NotImplemented", 501)
    assert "cloudtrail:DescribeTrails" in error["Message"] and "`fastness coverage cloudtrail`" in error["Message"]


def test_a_request_of_no_client_is_told_what_there_is(root):
    for path in ("/", "/bucket/key?list-type=2", "/v1/secret/data/x"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(root.fastness.endpoint + path, timeout=30)
        told = json.loads(caught.value.read())
        assert caught.value.code == 404 and "names no service of AWS" in told["message"], told
        assert "Fastness serves CloudHSM V2, CloudTrail, IAM, KMS" in told["message"]


def models():
    """The metadata of every service's newest model, without the rest of it."""
    for folder in sorted(DATA.iterdir()):
        files = sorted([*folder.glob("*/service-2.json.gz"), *folder.glob("*/service-2.json")])
        if not files or folder.name in SERVICES:
            continue
        opened = gzip.open(files[-1]) if files[-1].suffix == ".gz" else open(files[-1], "rb")
        with opened as file:
            start = file.read(1 << 16)
        at = METADATA.search(start)
        # Where the metadata stands behind the operations, the whole model is read.
        text = start if at else (gzip.decompress(files[-1].read_bytes()) if files[-1].suffix == ".gz" else files[-1].read_bytes())
        at = at or METADATA.search(text)
        metadata, _ = json.JSONDecoder().raw_decode(text[at.end() :].decode("utf-8", "replace"))
        yield folder.name, metadata


def request(endpoint, protocol, metadata):
    """A call as clients of a protocol make it."""
    prefix, url = metadata.get("targetPrefix"), endpoint + "/"
    headers, method, data = {}, "POST", b""
    if protocol == "json":
        headers = {"X-Amz-Target": f"{prefix}.Get", "Content-Type": f"application/x-amz-json-{metadata['jsonVersion']}"}
        data = b"{}"
    elif protocol == "smithy-rpc-v2-cbor":
        headers = {"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"}
        url += f"service/{prefix}/operation/Get"
        data = b"\xbf\xff"
    elif protocol in ("query", "ec2"):
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        data = f"Action=Get&Version={metadata['apiVersion']}".encode()
    else:
        method, url = "GET", url + "things/one?list"
    return AWSRequest(method, url, headers, data)


def test_every_service_of_every_model_is_named_in_a_form_that_its_client_parses(root):
    credentials = Credentials(root.key, root.secret)
    cases = []
    for name, metadata in models():
        for protocol in metadata.get("protocols") or [metadata["protocol"]]:
            cases.append((name, metadata, protocol))

    def call(case):
        name, metadata, protocol = case
        made = request(root.fastness.endpoint, protocol, metadata)
        signing = metadata.get("signingName", metadata["endpointPrefix"])
        SigV4Auth(credentials, signing, root.region).add_auth(made)
        plain = urllib.request.Request(made.url, made.data or None, dict(made.headers), method=made.method)
        try:
            urllib.request.urlopen(plain, timeout=60)
        except urllib.error.HTTPError as error:
            response = {"status_code": error.code, "headers": {k.lower(): v for k, v in error.headers.items()}, "body": error.read()}
        parsed = botocore.parsers.create_parser(protocol).parse(response, None)
        return name, protocol, parsed["Error"], response["status_code"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, cases))
    assert len({name for name, *_ in answers}) > 400
    for name, protocol, error, status in answers:
        assert (error["Code"], status) == ("NotImplemented", 501), (name, protocol, error)
        assert f"({name})" in error["Message"] and SERVED in error["Message"], (name, protocol, error)
