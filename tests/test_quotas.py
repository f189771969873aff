"""Request quotas as AWS has them, what is recorded of floods, and what happens under too much load."""

import socket
from urllib.parse import urlsplit

import pytest
from conftest import Caller, Fastness, allow, events, records, refused, wait_for
from raw import json_call, query_call

KMS_WORDS = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."


@pytest.fixture
def start(tmp_path):
    """Serves a deployment with AWS's quotas but for some."""
    started = []

    def serve(**config):
        fastness = Fastness(tmp_path, config={"quotas": {"cloudtrail:LookupEvents": 1000}, **config}).serve()
        started.append(fastness)
        return fastness.root()

    yield serve
    for fastness in started:
        fastness.kill()


def in_region(caller, region):
    return Caller(caller.fastness, caller.key, caller.secret, caller.token, region)


def throttled(call, times, **parameters):
    """How many of some calls are refused for their rate; no other error may come."""
    refusals = 0
    for _ in range(times):
        try:
            call(**parameters)
        except call.__self__.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] in ("ThrottlingException", "Throttling"), error
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
            refusals += 1
    return refusals


def exhaust(call, **parameters):
    """Calls until it is refused for its rate, and gives the refusal."""
    for _ in range(100):
        if throttled(call, 1, **parameters):
            return refused(call, **parameters)
    raise AssertionError("it was never refused")


def test_beyond_a_quota_calls_are_refused_and_recorded(start):
    root = start(quotas={"cloudtrail:LookupEvents": 1000, "kms:CreateKey": 0.5})
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    error = refused(root.kms.create_key)
    assert (error["Code"], error["Message"], error["Status"]) == ("ThrottlingException", KMS_WORDS, 400)
    entry = records(root)[error["RequestId"]]
    assert (entry["errorCode"], entry["errorMessage"]) == ("ThrottlingException", KMS_WORDS)
    assert entry["userIdentity"]["type"] == "Root" and entry["eventName"] == "CreateKey"
    # Another operation, and another region, have quotas of their own.
    root.kms.describe_key(KeyId=key)
    in_region(root, "eu-west-1").kms.create_key()
    assert throttled(root.kms.create_key, 1) == 1
    # Nothing was made by what was refused.
    assert len(root.kms.list_keys()["Keys"]) == 1


def test_a_quota_is_the_accounts_and_not_the_users(start):
    root = start()
    alice = root.user("alice", allow("*"))
    exhaust(root.kms.create_key)
    assert throttled(alice.kms.create_key, 3) >= 2


def test_query_services_word_it_as_they_do(start):
    root = start(quotas={"cloudtrail:LookupEvents": 1000, "sts:requests": 0.5, "iam:changes": 0.5, "iam:reads": 2})
    root.sts.get_caller_identity()
    # All operations of STS share one quota.
    for call in (root.sts.get_session_token, root.sts.get_caller_identity):
        error = refused(call)
        assert (error["Code"], error["Message"], error["Status"]) == ("Throttling", "Rate exceeded", 400)
    assert records(root)[error["RequestId"]]["errorCode"] == "Throttling"
    # It is counted by region; IAM has but one.
    in_region(root, "eu-west-1").sts.get_caller_identity()
    root.iam.create_group(GroupName="one")
    for caller in (root, in_region(root, "eu-west-1")):
        assert refused(caller.iam.create_group, GroupName="two")["Code"] == "Throttling"
    assert [group["GroupName"] for group in root.iam.list_groups()["Groups"]] == ["one"]


def test_lookups_are_two_a_second(start):
    root = start(quotas={})
    assert throttled(root.cloudtrail.lookup_events, 10) >= 1
    error = exhaust(root.cloudtrail.lookup_events)
    assert (error["Code"], error["Message"]) == ("ThrottlingException", "Rate exceeded")


def test_a_shared_quota_is_shared(start):
    root = start(quotas={"kms:symmetric": 0.5})
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    root.kms.encrypt(KeyId=key, Plaintext=b"x")
    for call, parameters in [
        (root.kms.generate_random, {"NumberOfBytes": 8}),
        (root.kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
        (root.kms.encrypt, {"KeyId": key, "Plaintext": b"x"}),
    ]:
        assert refused(call, **parameters)["Code"] == "ThrottlingException"
    root.kms.describe_key(KeyId=key)


def test_keys_have_quotas_by_their_kind(start):
    kinds = {"kms:rsa": 0.05, "kms:ecc": 0.05, "kms:data-key-pairs-ECC_NIST_P256": 0.05}
    root = start(quotas={"cloudtrail:LookupEvents": 1000, **kinds})
    usage = {"KeyUsage": "SIGN_VERIFY"}
    rsa = root.kms.create_key(KeySpec="RSA_2048", **usage)["KeyMetadata"]["KeyId"]
    ecc = root.kms.create_key(KeySpec="ECC_NIST_P256", **usage)["KeyMetadata"]["KeyId"]
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    for asked in [
        {"KeyId": rsa, "SigningAlgorithm": "RSASSA_PSS_SHA_256"},
        {"KeyId": ecc, "SigningAlgorithm": "ECDSA_SHA_256"},
    ]:
        root.kms.sign(Message=b"x", **asked)
        error = refused(root.kms.sign, Message=b"x", **asked)
        assert (error["Code"], error["Message"], error["Status"]) == ("ThrottlingException", KMS_WORDS, 400)
        assert records(root)[error["RequestId"]]["errorCode"] == "ThrottlingException"
    root.kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    pair = {"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"}
    assert refused(root.kms.generate_data_key_pair, **pair)["Code"] == "ThrottlingException"
    root.kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P384")
    root.kms.encrypt(KeyId=key, Plaintext=b"x")
    told = root.fastness.run("quotas", "kms").stdout
    assert "kms:data-key-pairs-RSA_4096" in told and "kms:custom-key-store" in told


def test_regions_of_ones_own_have_one_quota_together(start):
    own = ["xx-nowhere-1", "xx-nowhere-2", "yy-elsewhere-1", "zz-a-b-9"]
    root = start(quotas={"kms:ListKeys": 0.1}, regions=["us-east-1", "us-west-2", *own])
    in_region(root, own[0]).kms.list_keys()
    for region in own[1:]:
        assert refused(in_region(root, region).kms.list_keys)["Code"] == "ThrottlingException"
    in_region(root, "us-west-2").kms.list_keys()


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_sdks_back_off_and_succeed(start, mode):
    root = start()
    kms = root.client("kms", attempts=10, mode=mode)
    answers = [kms.create_key() for _ in range(9)]
    assert len({answer["KeyMetadata"]["KeyId"] for answer in answers}) == 9
    assert sum(answer["ResponseMetadata"]["RetryAttempts"] for answer in answers) >= 1
    refusals = [entry for entry in records(root).values() if entry.get("errorCode") == "ThrottlingException"]
    assert len(refusals) == sum(answer["ResponseMetadata"]["RetryAttempts"] for answer in answers)


def test_quotas_are_raised_and_listed(start):
    root = start(quotas={"kms:CreateKey": 500, "kms:*": 50, "unidentified:all": 0.25})
    assert throttled(root.kms.create_key, 30) == 0
    told = dict(line.split(maxsplit=1) for line in root.fastness.run("quotas").stdout.splitlines())
    assert told["kms:CreateKey"] == "500 (default 5)"
    assert told["kms:ListKeys"] == "50 (default 500)"
    assert told["kms:symmetric"].startswith("50 (default 10000, 20000 in ap-northeast-1, ")
    assert told["sts:requests"] == "600" and told["cloudtrail:LookupEvents"] == "2"
    assert told["unidentified:all"] == "0.25 (default 20)"
    detail = root.fastness.run("quotas", "kms").stdout
    assert "\n  GenerateDataKey\n" in detail and "sts:" not in detail
    assert "no quotas of such a service: s3" in root.fastness.run("quotas", "s3", check=False).stderr


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('[quotas]\n"kms:CreateKey" = 5\n"kms:CreateKye" = 7\n', 3, "no such quota: `kms:CreateKye`"),
        ('[quotas]\n"*" = 7\n', 2, "no such quota: `*`"),
        ('[quotas]\n"kms:CreateKey" = 0\n', 2, "a quota is a number of calls a second"),
        ('[quotas]\n"kms:CreateKey" = -1\n', 2, "a quota is a number of calls a second"),
        ('[quotas]\n"kms:CreateKey" = inf\n', 2, "a quota is a number of calls a second"),
        ('[quotas]\n"kms:CreateKey" = nan\n', 2, "a quota is a number of calls a second"),
        ('[quotas]\n"kms:CreateKey" = "off"\n', 2, "invalid type: string"),
        ("[load]\ncalls-max = 0\n", 2, "invalid value: integer `0`"),
        ("[load]\ncalls = 1\n", 2, "unknown field `calls`"),
    ],
)
def test_mistaken_settings_are_refused_with_their_line(fresh, text, line, message):
    path = fresh.directory / "mistaken.toml"
    path.write_text(text)
    for command in ("serve", "quotas"):
        done = fresh.run(command, "--config", str(path), check=False)
        assert done.returncode == 1 and f"{path}:{line}: " in done.stderr and message in done.stderr, done.stderr


def test_a_flood_of_strangers_does_not_fill_the_trail(start):
    root = start(quotas={"cloudtrail:LookupEvents": 1000, "unidentified:source": 5})
    codes = []
    for n in range(60):
        request = query_call(root, "iam", "ListUsers", {"PathPrefix": "/"})
        request.replace("Authorization", request.header("Authorization")[:-4] + f"{n:04}")
        codes.append(request.send().error[0])
    assert set(codes) == {"SignatureDoesNotMatch"}, "each is told what the first was told"
    # Whoever is known is served, from the same address.
    root.sts.get_caller_identity()

    def told():
        found = events(root)
        each = [entry for entry in found if entry.get("errorCode") == "SignatureDoesNotMatch"]
        counts = [
            entry["serviceEventDetails"]["unidentifiedCalls"]
            for entry in found
            if entry["eventName"] == "CallsRefusedUnrecorded"
        ]
        return 5 <= len(each) < 60 and len(each) + sum(counts) == 60

    wait_for(told)
    assert any(line.get("unidentified") for line in root.fastness.logs())


def exchange_all(endpoint, requests):
    """Sends each request on a connection of its own, all at once, and gives status and body of each answer."""
    address = urlsplit(endpoint)
    sockets = [socket.create_connection((address.hostname, address.port), timeout=30) for _ in requests]
    for connection, request in zip(sockets, requests):
        connection.sendall(request.bytes())
    answers = []
    for connection in sockets:
        with connection, connection.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            length = 0
            while (line := answer.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            answers.append((status, answer.read(length)))
    return answers


def test_overload_is_shed_and_passes(start):
    unlimited = {"cloudtrail:LookupEvents": 1000, "iam:*": 1_000_000, "kms:*": 1_000_000}
    root = start(quotas=unlimited, load={"calls-max": 8})
    names = [f"user-{n}" for n in range(400)]
    answers = exchange_all(
        root.fastness.endpoint, [query_call(root, "iam", "CreateUser", {"UserName": name}) for name in names]
    )
    statuses = [status for status, _ in answers]
    assert set(statuses) == {200, 503}, statuses
    for status, body in answers:
        assert status == 200 or b"<Code>ServiceUnavailable</Code>" in body
    shed = exchange_all(root.fastness.endpoint, [json_call(root, "kms", "ListKeys", {}) for _ in range(400)])
    assert all(b"ServiceUnavailableException" in body for status, body in shed if status == 503)
    # It passes: an SDK succeeds, first with patience and then at once.
    root.client("sts", attempts=10, mode="standard").get_caller_identity()
    root.sts.get_caller_identity()
    # Whatever was acknowledged is there, and nothing of what was not.
    acknowledged = {name for name, status in zip(names, statuses) if status == 200}
    users = {user["UserName"] for page in root.iam.get_paginator("list_users").paginate() for user in page["Users"]}
    assert users == acknowledged
    missing = statuses.count(503) + [status for status, _ in shed].count(503)

    def told():
        counts = [entry["serviceEventDetails"] for entry in events(root) if "serviceEventDetails" in entry]
        return sum(count["callsShedUnderLoad"] for count in counts) == missing

    wait_for(told)
    # And it survives the end of the server.
    root.fastness.kill()
    root = root.fastness.serve().root()
    assert len(root.iam.list_users(MaxItems=1000)["Users"]) == len(acknowledged)


def test_counts_of_the_last_second_are_recorded_when_it_stops(start):
    root = start(quotas={"cloudtrail:LookupEvents": 1000, "unidentified:*": 0.001})
    fastness = root.fastness
    for _ in range(4):
        request = query_call(root, "iam", "ListUsers", {})
        request.replace("Authorization", None)
        request.send()
    fastness.stop()
    root = fastness.serve().root()
    counts = [entry["serviceEventDetails"] for entry in events(root) if "serviceEventDetails" in entry]
    assert sum(count["unidentifiedCalls"] for count in counts) == 3
