"""A request that was changed on its way is refused: whatever was changed, in the caller's protocol, and on record."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from conftest import record, wait_for
from raw import Request, json_call, query_call, sign

CALLS = {
    "json": lambda caller, **how: json_call(caller, "kms", "ListKeys", {"Limit": 10}, **how),
    "query": lambda caller, **how: query_call(caller, "iam", "ListUsers", {"PathPrefix": "/"}, **how),
    "get": lambda caller, **how: sign(
        caller, "sts", method="GET", query="Action=GetCallerIdentity&Version=2011-06-15", **how
    ),
}
CODES = {
    "json": {
        "mismatch": ("InvalidSignatureException", 400),
        "incomplete": ("IncompleteSignatureException", 400),
        "missing": ("MissingAuthenticationTokenException", 400),
        "unknown": ("UnrecognizedClientException", 400),
    },
    "query": {
        "mismatch": ("SignatureDoesNotMatch", 403),
        "incomplete": ("IncompleteSignature", 400),
        "missing": ("MissingAuthenticationToken", 403),
        "unknown": ("InvalidClientTokenId", 403),
    },
}
CODES["get"] = CODES["query"]
MISMATCH = "The request signature we calculated does not match the signature you provided."


def refuse(root, request, form, kind, message=None):
    """Sends a request and expects a refusal that is on record."""
    reply = request.send()
    code, text = reply.error
    assert (code, reply.status) == CODES[form][kind], (text, request)
    assert message is None or message in text, text
    entry = record(root, reply.request_id)
    assert (entry["errorCode"], entry["errorMessage"]) == (code, text)
    assert entry["userIdentity"]["type"] == "AWSAccount" or "arn" not in entry["userIdentity"]
    return text


def authorization(change):
    def alter(request):
        request.replace("Authorization", change(request.header("Authorization")))

    return alter


def header(name, change):
    def alter(request):
        request.replace(name, change(request.header(name)))

    return alter


def append(name, value):
    return lambda request: request.headers.append((name, value))


def flip(text):
    return text[:-1] + ("0" if text[-1] != "0" else "1")


@pytest.mark.parametrize("form", CALLS)
def test_unchanged_it_is_served(root, form):
    assert CALLS[form](root).send().status == 200
    assert CALLS[form](root, skew=timedelta(minutes=14)).send().status == 200
    assert CALLS[form](root, skew=timedelta(minutes=-14)).send().status == 200
    unsigned = CALLS[form](root)
    unsigned.headers.append(("X-Ray-Or-Whatever", "a header on which nothing depends"))
    assert unsigned.send().status == 200


@pytest.mark.parametrize("form", CALLS)
def test_every_signed_header_counts(root, form):
    call = lambda: CALLS[form](root, headers={"X-Amz-Note": "a  b", "X-Other": "c"})  # noqa: E731
    assert call().send().status == 200
    names = call().header("Authorization").split("SignedHeaders=")[1].split(",")[0].split(";")
    assert {"host", "x-amz-date", "x-amz-note", "x-other"} <= set(names)
    for name in names:
        if name in ("host", "content-length"):
            continue  # These two are below.
        for alter in (header(name, flip), lambda request, name=name: request.replace(name, None)):
            request = call()
            alter(request)
            reply = request.send()
            assert reply.status in (400, 403, 404), (name, reply)
            entry = record(root, reply.request_id)
            assert entry["errorCode"] == reply.error[0]
    request = call()
    request.replace("Host", "127.0.0.1:1")
    refuse(root, request, form, "mismatch", MISMATCH)


@pytest.mark.parametrize("form", CALLS)
def test_a_new_amz_header_must_be_signed(root, form):
    request = CALLS[form](root)
    request.headers.append(("X-Amz-Extra", "1"))
    refuse(root, request, form, "mismatch", "'x-amz-extra' must be a 'SignedHeader' in the AWS Authorization.")


@pytest.mark.parametrize("form", ["json", "query"])
def test_every_byte_of_the_body_counts(root, form):
    size = len(CALLS[form](root).body)
    for at in range(size):
        request = CALLS[form](root)
        altered = bytearray(request.body)
        altered[at] ^= 1
        request.body = bytes(altered)
        reply = request.send()
        if form == "json":
            assert (reply.error[0], reply.status) == CODES[form]["mismatch"]
        else:
            # The name of the action is read before anything else; what it does not find is refused unread.
            assert reply.status in (400, 403) and reply.error[0] in (
                "SignatureDoesNotMatch",
                "InvalidAction",
                "MissingAction",
            )
    for body in (b"", CALLS[form](root).body + b" "):
        request = CALLS[form](root)
        request.body = body
        request.replace("Content-Length", str(len(body)))
        assert request.send().status in (400, 403)


# What is signed is the path without dot segments, and an empty query is none.
SAME = ("/?", "/./x/..")


@pytest.mark.parametrize("form", CALLS)
@pytest.mark.parametrize("path", ["/a", "//a", "/%2e/a", "/?", "/./x/.."])
def test_the_path_counts(root, form, path):
    request = CALLS[form](root)
    query = request.target.partition("?")[2]
    request.target = f"{path.rstrip('?')}?{query}&x=1" if query else path
    reply = request.send()
    if path in SAME and form != "get":
        assert reply.status == 200, "by the algorithm this is the same path"
    else:
        assert (reply.error[0], reply.status) == CODES[form]["mismatch"]


@pytest.mark.parametrize("form", CALLS)
@pytest.mark.parametrize("extra", ["a=1", "X-Amz-Meta=1", "%41ction=x", "a"])
def test_the_query_counts(root, form, extra):
    request = CALLS[form](root)
    request.target += ("&" if "?" in request.target else "?") + extra
    reply = request.send()
    assert reply.status in (400, 403) and reply.error[0] in (
        CODES[form]["mismatch"][0],
        "InvalidParameterCombination",  # two actions
    )
    assert record(root, reply.request_id)["errorCode"] == reply.error[0]


ALTERED = {
    "truncated in the signature": (authorization(lambda value: value[:-1]), "mismatch"),
    "no signature": (authorization(lambda value: value.split(", Signature")[0]), "incomplete"),
    "only the algorithm": (authorization(lambda value: value.split(" ")[0]), "incomplete"),
    "empty": (authorization(lambda value: ""), "incomplete"),
    "another algorithm": (
        authorization(lambda value: value.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")),
        "incomplete",
    ),
    "another signature": (authorization(flip), "mismatch"),
    "capital signature": (
        authorization(lambda value: value.split("Signature=")[0] + "Signature=" + "ABCDEF01" * 8),
        "mismatch",
    ),
    "credential twice": (
        authorization(lambda value: value.replace("Credential=", "Credential=a, Credential=")),
        "incomplete",
    ),
    "a short scope": (authorization(lambda value: value.replace("/aws4_request", "")), "incomplete"),
    "another terminator": (authorization(lambda value: value.replace("aws4_request", "aws4_answer")), "mismatch"),
    "host not signed": (authorization(lambda value: value.replace("host;", "")), "mismatch"),
    "another key": (authorization(lambda value: value.replace("Credential=AKIA", "Credential=AKIB")), "unknown"),
    "no authorization": (authorization(lambda value: None), "missing"),
    "authorization twice": (append("Authorization", "AWS4-HMAC-SHA256 x"), "incomplete"),
    "date twice": (append("X-Amz-Date", "20260101T000000Z"), "incomplete"),
    "no date": (lambda request: request.replace("X-Amz-Date", None), "incomplete"),
    "a date of no form": (lambda request: request.replace("X-Amz-Date", "yesterday"), "incomplete"),
    "another day": (header("X-Amz-Date", lambda value: f"2020{value[4:]}"), "mismatch"),
    "a later second": (
        header("X-Amz-Date", lambda value: value[:-3] + f"{(int(value[-3:-1]) + 1) % 60:02}Z"),
        "mismatch",
    ),
    "a token": (append("X-Amz-Security-Token", "x"), "mismatch"),
    "a digest of another body": (append("X-Amz-Content-SHA256", "0" * 64), "mismatch"),
}


@pytest.mark.parametrize("form", CALLS)
@pytest.mark.parametrize("alteration", ALTERED)
def test_the_authorization_counts(root, form, alteration):
    alter, kind = ALTERED[alteration]
    request = CALLS[form](root)
    alter(request)
    refuse(root, request, form, kind)


@pytest.mark.parametrize("form", CALLS)
def test_the_clock_may_be_15_minutes_off(root, form):
    late = refuse(root, CALLS[form](root, skew=timedelta(minutes=-16)), form, "mismatch", "Signature expired: ")
    early = refuse(root, CALLS[form](root, skew=timedelta(minutes=16)), form, "mismatch", "Signature not yet current: ")
    assert "is now earlier than" in late and late.endswith("- 15 min.)")
    assert "is still later than" in early and early.endswith("+ 15 min.)")


@pytest.mark.parametrize("form", CALLS)
def test_the_scope_counts(root, form):
    for region in ("nowhere", "US-EAST-1", "us-east-1x", "us", "aws-global"):
        assert CALLS[form](root, region=region).send().status in (400, 403), region
    for region in ("nowhere", "qx-hidden-7", "us-gov-west-1"):
        expected = f"Credential should be scoped to a valid region, not '{region}'."
        refuse(root, CALLS[form](root, region=region), form, "mismatch", expected)
    service = {"json": "kms", "query": "iam", "get": "sts"}[form]
    if form == "json":
        other = CALLS[form](root, scope="iam")
        refuse(root, other, form, "mismatch", f"Credential should be scoped to correct service: '{service}'.")
    for scope in ("s3", "ec2", "nothing"):
        reply = CALLS[form](root, scope=scope).send()
        assert reply.status in (400, 403)
        assert record(root, reply.request_id)["errorCode"] == reply.error[0]
    request = CALLS[form](root)
    authorization(lambda value: value.replace("/us-east-1/", "/eu-west-1/"))(request)
    assert (request.send().error[0], request.send().status) == CODES[form]["mismatch"]


@pytest.mark.parametrize("form", CALLS)
def test_secrets_count(root, form):
    user = root.user(f"secret-{form}")
    user.secret = flip(user.secret)
    refuse(root, CALLS[form](user), form, "mismatch", MISMATCH)


def presigned(root, altered=(), without=(), **how):
    url = urlsplit(root.sts.generate_presigned_url("get_caller_identity", HttpMethod="GET", **how))
    pairs = [(k, dict(altered).get(k, v)) for k, v in parse_qsl(url.query) if k not in without]
    pairs += [(k, v) for k, v in dict(altered).items() if k not in dict(pairs)]
    return Request(root.fastness.endpoint, "GET", f"/?{urlencode(pairs)}", b"", [("Host", url.netloc)])


def test_a_presigned_url_is_served(root, account):
    reply = presigned(root).send()
    assert reply.status == 200 and account in reply.body.decode()


@pytest.mark.parametrize(
    ("altered", "code", "status"),
    [
        ({"X-Amz-Signature": "0" * 64}, "SignatureDoesNotMatch", 403),
        ({"X-Amz-Expires": "604800"}, "SignatureDoesNotMatch", 403),
        ({"X-Amz-Expires": "604801"}, "IncompleteSignature", 400),
        ({"X-Amz-Expires": "0"}, "IncompleteSignature", 400),
        ({"X-Amz-Expires": "-1"}, "IncompleteSignature", 400),
        ({"X-Amz-Date": "20200101T000000Z"}, "SignatureDoesNotMatch", 403),
        ({"X-Amz-SignedHeaders": "x"}, "SignatureDoesNotMatch", 403),
        ({"X-Amz-Algorithm": "none"}, "IncompleteSignature", 400),
        ({"X-Amz-Credential": "x"}, "IncompleteSignature", 400),
        ({"Action": "GetSessionToken"}, "SignatureDoesNotMatch", 403),
        ({"Extra": "1"}, "SignatureDoesNotMatch", 403),
        ({"X-Amz-Security-Token": "x"}, "InvalidClientTokenId", 403),
    ],
)
def test_an_altered_presigned_url_is_refused(root, altered, code, status):
    reply = presigned(root, altered).send()
    assert (reply.error[0], reply.status) == (code, status), reply
    assert record(root, reply.request_id)["errorCode"] == code


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "Date", "SignedHeaders", "Signature"])
def test_an_incomplete_presigned_url_is_refused(root, name):
    reply = presigned(root, without=[f"X-Amz-{name}"]).send()
    assert (reply.error[0], reply.status) == ("IncompleteSignature", 400)


def test_a_presigned_url_of_another_life_than_its_signers_is_refused(root):
    reply = presigned(root, without=["X-Amz-Expires"]).send()
    assert (reply.error[0], reply.status) == ("SignatureDoesNotMatch", 403)


def test_a_presigned_url_expires(root):
    request = presigned(root, ExpiresIn=1)
    replies = []

    def expired():
        replies.append(request.send())
        return replies[-1].status != 200

    wait_for(expired)
    assert replies[0].status == 200 and replies[-1].error == ("RequestExpired", "Request has expired.")
    assert replies[-1].status == 400
    assert record(root, replies[-1].request_id)["errorCode"] == "RequestExpired"


def test_two_ways_at_once_are_refused(root):
    request = presigned(root)
    request.headers += [(k, v) for k, v in CALLS["get"](root).headers if k != "Host"]
    reply = request.send()
    assert reply.error[0] == "IncompleteSignature"


def test_a_request_can_be_sent_again_only_unchanged(root):
    """A signature is no ticket for another call, nor for another path, method or host."""
    request = CALLS["query"](root)
    assert request.send().status == request.send().status == 200
    request.method = "PUT"
    assert request.send().status in (400, 403)
