"""What a record keeps: whatever is sent, every scalar of the request, and nothing that may be a secret; also of operators' commands."""

import hashlib
import json
import socket

import pytest
from conftest import allow, document, events, record, refused
from raw import exchange, json_call, query_call

SECRET = "wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY"
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"


def test_a_policy_of_mostly_white_space_is_recorded(root):
    """IAM does not count white space, so that there can be much of it."""
    policy = document(allow("kms:Decrypt"))
    padded = policy.replace(": ", ":" + "\n" * 30_000, 2)
    root.iam.create_user(UserName="padded")
    answer = root.iam.put_user_policy(UserName="padded", PolicyName="inline", PolicyDocument=padded)
    asked = record(root, answer["ResponseMetadata"]["RequestId"])["requestParameters"]
    assert (asked["userName"], asked["policyName"]) == ("padded", "inline")
    assert json.loads(asked["policyDocument"]) == json.loads(policy) and "\n" not in asked["policyDocument"]
    # Read back it is as it was given, as at AWS.
    assert root.iam.get_user_policy(UserName="padded", PolicyName="inline")["PolicyDocument"] == json.loads(policy)


def test_what_is_long_is_left_out_alone(root):
    """Refused for their content, but well-formed: what else was asked is on record."""
    policy = "\n" * 60_000
    error = refused(root.iam.put_user_policy, UserName="nobody", PolicyName="long", PolicyDocument=policy)
    asked = record(root, error["RequestId"])["requestParameters"]
    assert (asked["userName"], asked["policyName"]) == ("nobody", "long")
    digest = hashlib.sha256(policy.encode()).hexdigest()
    assert asked["policyDocument"] == {"omitted": True, "originalSize": 60_000, "sha256": digest}


def send(request, **headers):
    """Sends a request with headers of any bytes, which its signature does not cover."""
    for name, value in headers.items():
        request.replace(name.replace("_", "-"), value.decode("latin-1"))
    return exchange(request.endpoint, request.bytes())


@pytest.mark.parametrize(
    ("agent", "recorded"),
    [
        (b"curl/8.5", "curl/8.5"),
        (b"b\xc3\xb6t", "b\\xc3\\xb6t"),
        (b"\xff\\n\xfe", "\\xff\\x5cn\\xfe"),
        (b"a\\b \"c\"\td", "a\\b \"c\"\td"),
        (b"\x80" * 2000, "\\x80" * 256),
        (b"x" * 2000, "x" * 1024),
    ],
)
def test_user_agents_are_recorded_whatever_their_bytes(root, agent, recorded):
    reply = send(json_call(root, "kms", "ListKeys"), User_Agent=agent)
    assert reply.status == 200
    assert record(root, reply.request_id)["userAgent"] == recorded


@pytest.mark.parametrize(
    ("target", "recorded"),
    [
        (b"TrentService.Nothing", "Nothing"),
        (b"TrentService.Nicht\xc3\xb6s", "TrentService.Nicht\\xc3\\xb6s"),
        (b"TrentService." + b"N" * 300, "N" * 128),
        (b"Other.Thing", "Other.Thing"),
    ],
)
def test_operations_that_there_are_not_are_recorded_by_name(root, target, recorded):
    reply = send(json_call(root, "kms", "ListKeys"), X_Amz_Target=target)
    assert reply.status in (400, 404), reply
    assert record(root, reply.request_id)["eventName"] == recorded


def test_a_secret_in_the_place_of_an_id_is_not_recorded(root):
    request = json_call(root, "kms", "ListKeys")
    request.replace("Authorization", request.header("Authorization").replace(root.key, SECRET))
    reply = request.send()
    assert reply.error[0] == "UnrecognizedClientException"
    entry = record(root, reply.request_id)
    assert entry["userIdentity"]["accessKeyId"] == HIDDEN and SECRET not in json.dumps(entry)
    for action, more in [
        ("GetAccessKeyLastUsed", {}),
        ("DeleteAccessKey", {"UserName": "nobody"}),
        ("UpdateAccessKey", {"UserName": "nobody", "Status": "Inactive"}),
    ]:
        reply = query_call(root, "iam", action, {"AccessKeyId": SECRET, **more}).send()
        entry = record(root, reply.request_id)
        assert entry["requestParameters"]["accessKeyId"] == HIDDEN
    # An id of a key that there is, or could be, is recorded.
    for id in (root.key, "AKIAIOSFODNN7EXAMPLE"):
        request = json_call(root, "kms", "ListKeys")
        signed = request.header("Authorization").replace(root.key, id)
        request.replace("Authorization", signed[:-1] + ("1" if signed[-1] == "0" else "0"))
        reply = request.send()
        assert reply.status == 400 and record(root, reply.request_id)["userIdentity"]["accessKeyId"] == id


def refusals(caller):
    """What operators were refused, the oldest first."""
    found = events(caller, LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CommandRefused"}])
    return [(event["serviceEventDetails"]["command"], event["serviceEventDetails"]) for event in reversed(found)]


def test_refused_commands_and_failed_unseals_are_recorded(fresh):
    root = fresh.serve().root()
    data = ("--data", str(fresh.data))
    commands = [
        ("unseal", ["unseal"], "it is not sealed"),
        ("slots remove", ["slots", "remove", "7"], "slot 7"),
        ("rekey", ["rekey", "--drop", "9"], "no slot 9"),
        ("xks delete", ["xks", "delete", "AAAAAAAAAAAAAAAAAAAA"], "no such key"),
    ]
    for _, arguments, words in commands:
        done = fresh.run(*arguments, *data, check=False)
        assert done.returncode in (1, 3) and words in done.stderr, (arguments, done)
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(str(fresh.data / "admin.sock"))
        channel.sendall(f'{{"command": "{SECRET}"}}\n'.encode())
        assert b"not a command" in channel.makefile("rb").readline()
    expected = [*commands, ("unknown", None, "it is not a command")]
    found = refusals(root)
    assert [command for command, _ in found] == [command for command, *_ in expected]
    for (_, details), (_, _, words) in zip(found, expected, strict=True):
        assert words in details["cause"] and details["operator"]["uid"] >= 0 and SECRET not in json.dumps(details)
    # While it is sealed nothing can be written: what was refused is recorded once it is open again.
    fresh.run("seal", *data)
    wrong = fresh.directory / "wrong.key"
    wrong.write_bytes(bytes(32))
    wrong.chmod(0o600)
    for _ in range(2):
        done = fresh.run("unseal", "--key-file", str(wrong), *data, check=False)
        assert done.returncode == 6, done
    done = fresh.run("backup", "--to", str(fresh.directory / "x.backup"), *data, check=False)
    assert done.returncode == 4 and "it is sealed" in done.stderr
    fresh.run("unseal", *data)
    found = refusals(root)[len(expected) :]
    assert [command for command, _ in found] == ["unseal", "unseal", "backup"]
    assert found[0][1]["time"] <= found[1][1]["time"] <= found[2][1]["time"]
    # A stopped deployment's, too.
    fresh.stop()
    assert fresh.run("slots", "remove", "7", *data, check=False).returncode == 1
    assert refusals(fresh.serve().root())[-1][0] == "slots remove"
