"""Signers of others, in every mode that they have, on every service: in headers and in the query string."""

import json
import os
import pathlib
import subprocess
from urllib.parse import quote, urlencode

import boto3
import pytest
from conftest import Caller, SERVICES, allow
from raw import FORM, JSON, Request

SCRIPT = pathlib.Path(__file__).parent / "js" / "signers.cjs"
# What each service answers without anything that was made before, and a word of the answer.
JSON_CALLS = {
    "cloudhsmv2": ("BaldrApiService.DescribeClusters", "Clusters"),
    "cloudtrail": ("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents", "Events"),
    "kms": ("TrentService.ListKeys", "Keys"),
    "ssm": ("AmazonSSM.DescribeParameters", "Parameters"),
    "resourcegroupstaggingapi": ("ResourceGroupsTaggingAPI_20170126.GetTagKeys", "TagKeys"),
    "secretsmanager": ("secretsmanager.ListSecrets", "SecretList"),
}
QUERY_CALLS = {
    "iam": ({"Action": "ListUsers", "PathPrefix": "/a+c*~/", "Version": "2010-05-08"}, "ListUsersResult"),
    "sts": ({"Action": "GetCallerIdentity", "Version": "2011-06-15"}, "GetCallerIdentityResult"),
}
SIGNED_AS = {"cloudhsmv2": "cloudhsm", "resourcegroupstaggingapi": "tagging"}


def calls():
    for service, (target, word) in JSON_CALLS.items():
        headers = {"Content-Type": JSON, "X-Amz-Target": target}
        yield {"name": service, "method": "POST", "path": "/", "headers": headers, "body": "{}", "word": word}
    for service, (parameters, word) in QUERY_CALLS.items():
        form = urlencode(parameters)
        yield {"name": service, "method": "GET", "path": f"/?{form}", "headers": {}, "word": word}
        yield {"name": service, "method": "POST", "path": "/", "headers": {"Content-Type": FORM}, "body": form, "word": word}


CALLS = [{**call, "service": SIGNED_AS.get(call["name"], call["name"])} for call in calls()]
assert {call["name"] for call in CALLS} == set(SERVICES), "every service is called"


@pytest.fixture(scope="module")
def callers(root, trust):
    """With a key of its own, and with a session token."""
    root.iam.create_role(RoleName="signer", AssumeRolePolicyDocument=trust)
    root.iam.put_role_policy(RoleName="signer", PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("*")]}))
    user = root.user("signer", allow("*"))
    arn = root.iam.get_role(RoleName="signer")["Role"]["Arn"]
    session = user.sts.assume_role(RoleArn=arn, RoleSessionName="signer")["Credentials"]
    return {"user": user, "session": Caller.of(root.fastness, session)}


@pytest.mark.parametrize("who", ["user", "session"])
def test_signers_of_npm(callers, who):
    caller = callers[who]
    modules = os.environ.get("NODE_PATH")
    assert modules, "NODE_PATH does not name the packages: run the tests with `cargo xtask test`"
    credentials = {"accessKeyId": caller.key, "secretAccessKey": caller.secret}
    if caller.token:
        credentials["sessionToken"] = caller.token
    told = {"endpoint": caller.fastness.endpoint, "credentials": credentials, "region": caller.region, "calls": CALLS}
    done = subprocess.run(
        ["node", SCRIPT], input=json.dumps(told), env={**os.environ, "NODE_PATH": modules}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    words = {call["name"]: call["word"] for call in CALLS}
    wrong = [one for one in seen if one["status"] != 200 or words[one["name"]] not in one["text"]]
    assert len(seen) == 2 * len({"aws4", "aws4fetch", "sdk"}) * len(CALLS) and not wrong, wrong


@pytest.mark.parametrize("who", ["user", "session"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call['name']}-{call['method']}")
def test_curl(callers, who, call):
    caller = callers[who]
    # Older versions of curl sign a query string as it is: it has to be in the canonical form, which this one is.
    options = ["--silent", "--show-error", "--request", call["method"]]
    options += ["--aws-sigv4", f"aws:amz:{caller.region}:{call['service']}", "--user", f"{caller.key}:{caller.secret}"]
    for name, value in call["headers"].items():
        options += ["--header", f"{name}: {value}"]
    if caller.token:
        options += ["--header", f"X-Amz-Security-Token: {caller.token}"]
    if "body" in call:
        options += ["--data-binary", call["body"]]
    done = subprocess.run(["curl", *options, caller.fastness.endpoint + call["path"]], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and call["word"] in done.stdout, (done.stdout, done.stderr)


@pytest.mark.parametrize("who", ["user", "session"])
@pytest.mark.parametrize("way", ["header", "query"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call['name']}-{call['method']}")
def test_the_sdk_for_rust(callers, who, way, call):
    caller = callers[who]
    program = os.environ.get("FASTNESS_RUST_CLIENT")
    assert program, "FASTNESS_RUST_CLIENT does not name the program: run the tests with `cargo xtask test`"
    endpoint, body = caller.fastness.endpoint, call.get("body", "")
    headers = {"Host": endpoint.removeprefix("http://"), **call["headers"]}
    told = [call["service"], caller.region, call["method"], endpoint + call["path"], body]
    for header in headers.items():
        told += header
    done = subprocess.run([program, way, *told], env=caller.environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    added, target = [tuple(line.split(" ", 1)) for line in done.stdout.splitlines()], call["path"]
    if way == "query":
        target += ("&" if "?" in target else "?") + urlencode(added, quote_via=quote, safe="~")
        added = []
    headers["Content-Length"] = str(len(body))
    reply = Request(endpoint, call["method"], target, body.encode(), [*headers.items(), *added]).send()
    assert reply.status == 200 and call["word"] in reply.body.decode(), (target, reply)


@pytest.mark.parametrize("who", ["user", "session"])
def test_botocore_in_the_query_string(callers, who):
    caller = callers[who]
    for call in CALLS:
        if call["method"] == "GET":
            operation, (parameters, word) = QUERY_CALLS[call["name"]][0]["Action"], QUERY_CALLS[call["name"]]
            client = caller.client(call["name"])
            method = boto3.session.botocore.xform_name(operation)
            more = {k: v for k, v in parameters.items() if k not in ("Action", "Version")}
            for http_method in ("GET", "POST"):
                url = client.generate_presigned_url(method, Params=more, HttpMethod=http_method)
                target = url.removeprefix(caller.fastness.endpoint)
                host = caller.fastness.endpoint.removeprefix("http://")
                reply = Request(caller.fastness.endpoint, http_method, target, b"", [("Host", host)]).send()
                assert reply.status == 200 and word in reply.body.decode(), (url, reply)
