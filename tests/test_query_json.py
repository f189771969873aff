"""Query services answer in JSON where a caller accepts that: what verifiers of tokens for Kubernetes (EKS) ask STS for."""

import json
from urllib.parse import urlsplit

import pytest
from conftest import document, allow
from raw import Request, query_call
from walk import Resources, every, model

ACCEPT = {"Accept": "application/json"}


def in_json(reply):
    assert reply.headers["content-type"] == "application/json", reply
    return reply.json()


def test_a_presigned_token_is_verified(root, account):
    """The request that the AWS IAM Authenticator makes of a token: a presigned GET with the name of the cluster in a signed header."""
    client = root.client("sts")

    def name(request, **_):
        request.headers["x-k8s-aws-id"] = "cluster"

    client.meta.events.register("before-sign.sts.GetCallerIdentity", name)
    url = urlsplit(client.generate_presigned_url("get_caller_identity", HttpMethod="GET", ExpiresIn=60))
    headers = [("Host", url.netloc), ("x-k8s-aws-id", "cluster"), ("Accept", "application/json")]
    reply = Request(root.fastness.endpoint, "GET", f"{url.path}?{url.query}", b"", headers).send()
    assert reply.status == 200
    assert in_json(reply) == {
        "GetCallerIdentityResponse": {
            "GetCallerIdentityResult": {"Account": account, "Arn": f"arn:aws:iam::{account}:root", "UserId": account},
            "ResponseMetadata": {"RequestId": reply.request_id},
        }
    }
    headers[1] = ("x-k8s-aws-id", "another")
    reply = Request(root.fastness.endpoint, "GET", f"{url.path}?{url.query}", b"", headers).send()
    assert reply.status == 403 and in_json(reply)["Error"]["Code"] == "SignatureDoesNotMatch"


def test_values_have_the_types_of_json(root):
    root.iam.create_user(UserName="json", Tags=[{"Key": "a", "Value": "b"}])
    user = in_json(query_call(root, "iam", "GetUser", {"UserName": "json"}, headers=ACCEPT).send())
    user = user["GetUserResponse"]["GetUserResult"]["User"]
    assert user["UserName"] == "json" and user["Tags"] == [{"Key": "a", "Value": "b"}]
    assert user["CreateDate"] == root.iam.get_user(UserName="json")["User"]["CreateDate"].timestamp()
    summary = in_json(query_call(root, "iam", "GetAccountSummary", {}, headers=ACCEPT).send())
    assert summary["GetAccountSummaryResponse"]["GetAccountSummaryResult"]["SummaryMap"]["Users"] == 1
    users = in_json(query_call(root, "iam", "ListUsers", {}, headers=ACCEPT).send())["ListUsersResponse"]["ListUsersResult"]
    assert users["IsTruncated"] is False and [user["UserName"] for user in users["Users"]] == ["json"]
    reply = query_call(root, "iam", "DeleteUser", {"UserName": "json"}, headers=ACCEPT).send()
    assert in_json(reply) == {"DeleteUserResponse": {"ResponseMetadata": {"RequestId": reply.request_id}}}


@pytest.mark.parametrize(
    ("action", "parameters", "status", "code"),
    [
        ("GetUser", {"UserName": "absent"}, 404, "NoSuchEntity"),
        ("GetUser", {"UserName": "*"}, 400, "ValidationError"),
        ("NoSuchAction", {}, 400, "InvalidAction"),
        ("ListSAMLProviders", {}, 501, "NotImplemented"),
    ],
)
def test_errors(root, action, parameters, status, code):
    reply = query_call(root, "iam", action, parameters, headers=ACCEPT).send()
    answer = in_json(reply)
    assert (reply.status, answer["Error"]["Code"]) == (status, code)
    assert answer["Error"]["Type"] == ("Receiver" if status == 501 else "Sender") and answer["Error"]["Message"]
    assert answer["RequestId"] == reply.request_id and set(answer) == {"Error", "RequestId"}


def test_every_operation_is_denied_in_json(fastness, root):
    resources = Resources(root)
    nobody = root.user("nobody-in-json")
    seen = 0
    for service, name in every(fastness, implemented=True):
        if model(service).protocol != "query" or name in ("GetCallerIdentity", "GetSessionToken"):
            continue
        parameters = flat(resources.input(service, name))
        reply = query_call(nobody, service, name, parameters, headers=ACCEPT).send()
        error = in_json(reply)["Error"]
        assert (reply.status, error["Code"], error["Type"]) == (403, "AccessDenied", "Sender"), (name, error)
        seen += 1
    assert seen > 80


def flat(values, prefix=""):
    """Parameters of the form of Query; nothing that is walked over has a map."""
    form = {}
    for name, value in values.items():
        if isinstance(value, dict):
            form |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            form |= flat({f"{name}.member.{number}": item for number, item in enumerate(value, 1)}, prefix)
        else:
            form[prefix + name] = value if isinstance(value, str) else json.dumps(value)
    return form


def test_others_are_answered_in_xml(root):
    for accept in ("*/*", "text/xml, application/json", "application/xml"):
        reply = query_call(root, "sts", "GetCallerIdentity", {}, headers={"Accept": accept}).send()
        assert reply.headers["content-type"] == "text/xml" and reply.body.startswith(b"<GetCallerIdentityResponse")
