"""Whatever bytes arrive, they get a clear answer in the caller's form, change nothing, and the server goes on."""

import base64
import json

import pytest
from conftest import record, refused
from raw import Request, connect, exchange, json_call, query_call, sign

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def key(root):
    return root.kms.create_key()["KeyMetadata"]["KeyId"]


@pytest.fixture(autouse=True)
def the_server_goes_on(fastness, root):
    """After each test the same process answers, and nothing of Fastness failed."""
    process = fastness.process.pid
    yield
    assert fastness.process.poll() is None and fastness.process.pid == process
    assert root.sts.get_caller_identity()["Arn"].endswith(":root")
    warnings = [line for line in fastness.logs() if line["level"] in ("WARN", "ERROR")]
    # Whoever runs the tests as root is told so at the start.
    assert [line for line in warnings if not line["message"].startswith("running as root")] == []
    assert "panic" not in fastness.log.read_text()


def refuse(root, request, status, code, text="", recorded=True):
    reply = request.send()
    assert reply is not None and reply.status == status, reply
    assert reply.error[0] == code and text in reply.error[1], reply.error
    if recorded:
        assert record(root, reply.request_id)["errorCode"] == code
    return reply


SERIALIZATION = [
    (b'{"KeyId": "x', "without an end"),
    (b'{"KeyId": ', "expected a value"),
    (b"{", ""),
    (b"[]", "Start of list found where not expected"),
    (b"null", "NULL_VALUE"),
    (b'"x"', "STRING_VALUE"),
    (b"1", "NUMBER_VALUE"),
    (b"{} {}", "after the end"),
    (b"\xef\xbb\xbf{}", "expected a value"),
    (b'{"KeyId":"\xff\xfe"}', "not UTF-8"),
    (b'{"KeyId":"\\ud800"}', "surrogate"),
    (b'{"KeyId":"\n"}', ""),
    (b'{"KeyId":5}', "NUMBER_VALUE can not be converted to a String"),
    (b'{"KeyId":["a"]}', "Start of list found where not expected"),
    (b'{"KeyId":{}}', "Start of structure or map found where not expected"),
    (b'{"KeyId":NaN}', "expected a value"),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested too deeply"),
    (b'{"a":' + b"[" * 100_000, "nested too deeply"),
    (b"\x00" * 1000, "expected a value"),
    (b"\xbf\xff", ""),
]


@pytest.mark.parametrize(("body", "text"), SERIALIZATION, ids=[str(body[:16]) for body, _ in SERIALIZATION])
def test_json_that_is_none(root, body, text):
    refuse(root, json_call(root, "kms", "DescribeKey", body=body), 400, "SerializationException", text)


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ('"10"', "SerializationException"),
        ("1.5", "SerializationException"),
        ("1" + "0" * 400, "SerializationException"),
        ("1e999", "SerializationException"),
        (str(2**31), "SerializationException"),
        ("true", "SerializationException"),
        ("[1]", "SerializationException"),
        ("0", "ValidationException"),
        ("-1", "ValidationException"),
        ("1001", "ValidationException"),
    ],
)
def test_numbers(root, limit, code):
    refuse(root, json_call(root, "kms", "ListKeys", body=b'{"Limit": %b}' % limit.encode()), 400, code)


def test_all_violations_are_told_at_once(root):
    everything = {"KeyId": "", "Plaintext": "", "EncryptionAlgorithm": "none", "GrantTokens": ["x"] * 11}
    reply = refuse(root, json_call(root, "kms", "Encrypt", everything), 400, "ValidationException")
    message = reply.error[1]
    assert message.startswith("4 validation errors detected: ")
    for part in (
        "Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1",
        "at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1",
        "Value 'none' at 'encryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [",
        "at 'grantTokens' failed to satisfy constraint: Member must have length less than or equal to 10",
    ):
        assert part in message, message
    one = refuse(root, json_call(root, "kms", "Encrypt", {"Plaintext": "eA=="}), 400, "ValidationException")
    assert one.error[1] == (
        "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null"
    )
    two = {"UserName": "??", "Path": "x"}
    reply = refuse(root, query_call(root, "iam", "CreateUser", two), 400, "ValidationError")
    assert reply.error[1].startswith("2 validation errors detected: ")
    assert "at 'userName'" in reply.error[1] and "at 'path'" in reply.error[1]


def test_secrets_are_not_repeated(root, key):
    """A plaintext that is too long is named, not shown: neither to the caller nor in the trail."""
    secret = base64.b64encode(b"not for other eyes" * 300).decode()
    reply = refuse(
        root, json_call(root, "kms", "Encrypt", {"KeyId": key, "Plaintext": secret}), 400, "ValidationException"
    )
    assert secret[:40] not in reply.body.decode()
    entry = json.dumps(record(root, reply.request_id))
    assert secret[:40] not in entry and "not for other eyes" not in entry


def test_bodies_have_a_limit(root):
    too_large = b'{"Plaintext":"' + b"A" * MEGABYTE + b'"}'
    refuse(root, json_call(root, "kms", "Encrypt", body=too_large), 413, "RequestEntityTooLargeException")
    form = b"Action=CreateUser&Version=2010-05-08&UserName=" + b"a" * MEGABYTE
    reply = query_call(root, "iam", "CreateUser", body=form).send()
    assert reply.status == 413 and reply.error[0].startswith("RequestEntityTooLarge")
    # One that only claims to be large is refused before it is read, one below the limit is read.
    request = json_call(root, "kms", "ListKeys")
    request.replace("Content-Length", str(10**15))
    reply = exchange(request.endpoint, request.bytes(), end=True)
    assert reply is None or reply.status in (400, 413)
    fits = b'{"x":"' + b"A" * (MEGABYTE - 100) + b'"}'
    assert json_call(root, "kms", "ListKeys", body=fits).send().status == 200


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        (b"X: " + b"a" * 4 * MEGABYTE, (431, None)),
        (b"\r\n".join(b"X-%d: a" % n for n in range(5000)), (431, None)),
        (b"a" * 4 * MEGABYTE, (400, 431, None)),
        (b"X : a", (400, None)),
        (b"X: a\x00b", (400, None)),
        (b"Content-Length: 5\r\nContent-Length: 6", (400, None)),
        (b"Content-Length: -1", (400, None)),
        (b"Content-Length: 99999999999999999999999", (400, None)),
        (b"Transfer-Encoding: x", (400, None)),
    ],
    ids=lambda value: str(value[:24]),
)
def test_heads_that_are_none(fastness, head, statuses):
    reply = exchange(fastness.endpoint, b"POST / HTTP/1.1\r\nHost: kms\r\n" + head + b"\r\n\r\n", end=True)
    assert (reply and reply.status) in statuses


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        bytes.fromhex("160301020001000001fc0303") + bytes(500),
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=lambda value: str(value[:16]),
)
def test_what_is_not_http_or_too_long(fastness, data):
    reply = exchange(fastness.endpoint, data, end=True)
    assert reply is None or reply.status in (400, 404, 414, 431, 505)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"])
@pytest.mark.parametrize(
    "target", ["/", "/nothing/here", "*", "/%ff%00", "/../../etc/passwd", "/service/x/operation/y"]
)
def test_requests_for_nothing(fastness, root, method, target):
    reply = Request(fastness.endpoint, method, target, b"", [("Host", "x")]).send()
    assert reply.status in (400, 404), reply
    if method == "GET" and target == "/":
        assert reply.error[0] == "UnknownOperationException"
        assert record(root, reply.request_id)["errorCode"] == "UnknownOperationException"


def changed(request, name, value):
    request.replace(name, value)
    return request


def added(request, name, value):
    request.headers.append((name, value))
    return request


ROUTES = {
    "unknown operation": (lambda r: json_call(r, "kms", "Nothing"), 400, "UnknownOperationException"),
    "operation of another service": (lambda r: json_call(r, "kms", "ListUsers"), 400, "UnknownOperationException"),
    "unknown service": (
        lambda r: changed(json_call(r, "kms", "ListKeys"), "X-Amz-Target", "Other.ListKeys"),
        404,
        "UnknownOperationException",
    ),
    "target without a dot": (
        lambda r: changed(json_call(r, "kms", "ListKeys"), "X-Amz-Target", "ListKeys"),
        None,
        "UnknownOperationException",
    ),
    "a target of 10,000 characters": (
        lambda r: json_call(r, "kms", "x" * 10_000),
        400,
        "UnknownOperationException",
    ),
    "target that is no text": (
        lambda r: changed(json_call(r, "kms", "ListKeys"), "X-Amz-Target", "TrentService.ListKeys\xff"),
        None,
        "UnknownOperationException",
    ),
    "two targets": (
        lambda r: added(json_call(r, "kms", "ListKeys"), "X-Amz-Target", "TrentService.ListAliases"),
        400,
        "UnknownOperationException",
    ),
    "the same target twice": (
        lambda r: added(json_call(r, "kms", "ListKeys"), "X-Amz-Target", "TrentService.ListKeys"),
        400,
        "UnknownOperationException",
    ),
    "text": (
        lambda r: json_call(r, "kms", "ListKeys", headers={"Content-Type": "text/plain"}),
        400,
        "UnknownOperationException",
    ),
    "another JSON": (
        lambda r: json_call(r, "kms", "ListKeys", headers={"Content-Type": "application/x-amz-json-1.0"}),
        400,
        "UnknownOperationException",
    ),
    "CBOR under a JSON target": (
        lambda r: json_call(r, "kms", "ListKeys", body=b"\xbf\xff", headers={"Content-Type": "application/cbor"}),
        400,
        "UnknownOperationException",
    ),
    "an unknown action": (lambda r: query_call(r, "iam", "Nothing"), 400, "InvalidAction"),
    "an action of another service": (lambda r: query_call(r, "iam", "GetCallerIdentity"), 400, "InvalidAction"),
    "another version": (lambda r: query_call(r, "iam", "ListUsers", {"Version": "2000-01-01"}), 400, "InvalidAction"),
    "no version": (lambda r: query_call(r, "iam", "", body=b"Action=ListUsers"), 400, "InvalidAction"),
    "no action": (lambda r: query_call(r, "iam", "", body=b"Version=2010-05-08"), 400, "MissingAction"),
    "an empty form": (lambda r: query_call(r, "iam", "", body=b""), 400, "MissingAction"),
    "two actions": (
        lambda r: query_call(r, "iam", "", body=b"Action=ListUsers&Action=ListRoles&Version=2010-05-08"),
        400,
        "InvalidParameterCombination",
    ),
    "two versions": (
        lambda r: query_call(r, "iam", "", body=b"Action=ListUsers&Version=2010-05-08&Version=2010-05-08"),
        400,
        "InvalidParameterCombination",
    ),
    "an action in query and body": (
        lambda r: query_call(r, "iam", "ListUsers", query="Action=ListRoles&Version=2010-05-08"),
        400,
        "InvalidParameterCombination",
    ),
}


@pytest.mark.parametrize("case", ROUTES)
def test_operations_that_are_none(root, case):
    request, status, code = ROUTES[case]
    reply = request(root).send()
    assert reply.error[0] == code and reply.status in ((status,) if status else (400, 404))
    entry = record(root, reply.request_id)
    assert entry["errorCode"] == code and len(json.dumps(entry)) < 10_000


def test_wording_of_query_errors(root):
    for request, message in (
        (query_call(root, "iam", "Nothing"), "The action Nothing is not valid for this web service."),
        (
            query_call(root, "iam", "ListUsers", {"Version": "2000-01-01"}),
            "Could not find operation ListUsers for version 2000-01-01",
        ),
    ):
        assert request.send().error == ("InvalidAction", message)


def test_cbor_for_a_service_without(root):
    headers = {"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"}
    for body in (b"\xbf\xff", b"\xff" * 50, b"\x9f" * 10_000, b""):
        reply = sign(root, "kms", body, headers, path="/service/TrentService/operation/ListKeys").send()
        assert reply.status == 400 and reply.headers["content-type"] == "application/cbor"
        assert b"UnknownOperationException" in reply.body
        assert record(root, reply.request_id)["errorCode"] == "UnknownOperationException"


FORMS = [
    (b"UserName=a&UserName=b", "MalformedInput", "twice"),
    (b"UserName=%ff", "MalformedInput", "not UTF-8"),
    (b"UserName=\xff", "", ""),
    (b"MaxItems=x", "MalformedInput", "MaxItems"),
    (b"MaxItems=" + b"9" * 400, "MalformedInput", "MaxItems"),
    (b"MaxItems=0", "ValidationError", "at 'maxItems'"),
    (b"UserName=%zz", "ValidationError", "at 'userName'"),
    (b"UserName=%00", "ValidationError", "at 'userName'"),
    (b"UserName=" + b"a" * 900_000, "ValidationError", "at 'userName'"),
    (b"&".join(b"p%d=1" % n for n in range(60_000)), "MalformedInput", ""),
]


@pytest.mark.parametrize(("form", "code", "text"), FORMS, ids=[str(form[:16]) for form, _, _ in FORMS])
def test_forms_that_are_none(root, form, code, text):
    body = b"Action=ListAccessKeys&Version=2010-05-08&" + form
    reply = query_call(root, "iam", "", body=body).send()
    assert reply.status == 400 and reply.error[0].startswith(code) and text in reply.error[1]
    assert len(reply.error[1]) < 10_000, "what is too long is not repeated"
    assert record(root, reply.request_id)["errorCode"] == reply.error[0]


@pytest.mark.parametrize(
    "tags",
    [
        b"Tags.member.1.Key=a&Tags.member.1000000000.Key=b",
        b"Tags.member.0.Key=a",
        b"Tags.member.-1.Key=a",
        b"Tags.member.99999999999999999999.Key=a",
        b"Tags" + b".member.1" * 3000 + b"=x",
        b"Tags.member.1=a&Tags.member.1.Key=a",
        b"Tags=a",
        b"&".join(b"Tags.member.%d.Key=%d&Tags.member.%d.Value=" % (n, n, n) for n in range(1, 2000)),
    ],
    ids=lambda value: str(value[:30]),
)
def test_lists_in_forms(root, tags):
    body = b"Action=TagUser&Version=2010-05-08&UserName=nobody&" + tags
    reply = query_call(root, "iam", "", body=body).send()
    assert reply.status in (400, 404) and len(reply.body) < 10_000


def test_lengths_that_conflict(root):
    chunked = json_call(root, "kms", "ListKeys")
    whole = chunked.body
    chunked.replace("Content-Length", None)
    chunked.headers.append(("Transfer-Encoding", "chunked"))
    chunked.body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(whole), whole)
    assert chunked.send().error[0] == "InvalidSignatureException", "the length was signed"
    for broken in (b"zz\r\n", b"5\r\n{}\r\n", b"ffffffffffffffffff\r\n"):
        chunked.body = broken
        reply = exchange(chunked.endpoint, chunked.bytes(), end=True)
        assert reply is None or reply.status == 400
    both = json_call(root, "kms", "ListKeys")
    both.headers.append(("Transfer-Encoding", "chunked"))
    reply = both.send()
    assert reply is None or reply.status == 400
    two = json_call(root, "kms", "ListKeys")
    two.headers.append(("Content-Length", "7"))
    assert two.send().status == 400
    short = json_call(root, "kms", "ListKeys", {"Limit": 100})
    short.replace("Content-Length", "3")
    assert short.send().error[0] == "InvalidSignatureException"


def test_a_body_that_ends_early(root):
    request = json_call(root, "kms", "ListKeys", {"Limit": 100})
    request.body = request.body[:-3]
    reply = exchange(request.endpoint, request.bytes(), end=True)
    assert reply is None or reply.status == 400


def test_what_follows_a_request_is_no_part_of_it(root):
    """A second request that hides in the body of the first is not served."""
    hidden = json_call(root, "kms", "CreateKey")
    before = len(root.kms.list_keys()["Keys"])
    request = json_call(root, "kms", "ListKeys", body=hidden.bytes())
    refuse(root, request, 400, "SerializationException")
    assert len(root.kms.list_keys()["Keys"]) == before


def test_many_connections_that_say_nothing(fastness, root):
    silent = [connect(fastness.endpoint) for _ in range(300)]
    for connection in silent[::2]:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le")
    root.kms.list_keys()
    for connection in silent:
        connection.close()


def test_every_bit_of_a_ciphertext_counts(root, key):
    context = {"a": "b"}
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    assert root.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
    for bit in range(len(blob) * 8):
        altered = bytearray(blob)
        altered[bit // 8] ^= 1 << bit % 8
        error = refused(root.kms.decrypt, CiphertextBlob=bytes(altered), EncryptionContext=context)
        assert error["Code"] == "InvalidCiphertextException", bit
    for altered in (blob[:-1], blob + b"\0", blob[1:], blob[: len(blob) // 2], b"\0", b"x" * 6144, blob * 2):
        error = refused(root.kms.decrypt, CiphertextBlob=altered, EncryptionContext=context)
        assert error["Code"] == "InvalidCiphertextException"
    assert refused(root.kms.decrypt, CiphertextBlob=b"x" * 6145)["Code"] == "ValidationException"


def test_a_ciphertext_is_bound_to_its_context(root, key):
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b", "c": "d"})["CiphertextBlob"]
    assert root.kms.decrypt(CiphertextBlob=blob, EncryptionContext={"c": "d", "a": "b"})["Plaintext"] == b"x"
    for context in (
        {},
        {"a": "b"},
        {"a": "d", "c": "b"},
        {"A": "b", "c": "d"},
        {"a": "b", "c": "d", "e": ""},
        {"a": "bc", "": "d"},
    ):
        error = refused(root.kms.decrypt, CiphertextBlob=blob, EncryptionContext=context)
        assert error["Code"] in ("InvalidCiphertextException", "ValidationException"), context


def test_a_ciphertext_is_bound_to_its_key(root, key):
    other = root.kms.create_key()["KeyMetadata"]["KeyId"]
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    error = refused(root.kms.decrypt, CiphertextBlob=blob, KeyId=other)
    assert error["Code"] == "IncorrectKeyException"
    assert error["Message"] == ("The key ID in the request does not identify a CMK that can perform this operation.")
    error = refused(root.kms.re_encrypt, CiphertextBlob=blob, SourceKeyId=other, DestinationKeyId=key)
    assert error["Code"] == "IncorrectKeyException"
