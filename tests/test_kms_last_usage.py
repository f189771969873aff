"""KMS: GetKeyLastUsage tells of the last use that succeeded, and which record of the trail is about it."""

import json
from datetime import datetime, timedelta, timezone

import pairs
import pytest
import walk
from conftest import Caller, events, refused
from test_cli import Shell

SYMMETRIC = ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
SIGNING = ("ECC_NIST_P256", "SIGN_VERIFY")
MAC = ("HMAC_256", "GENERATE_VERIFY_MAC")
AGREEMENT = ("ECC_NIST_P256", "KEY_AGREEMENT")
ENCAPSULATION = ("ML_KEM_512", "ENCAPSULATE_DECAPSULATE")

SIGN = {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
CODE = {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
PAIR = {"KeyPairSpec": "ECC_NIST_P256"}
KEM = {"EncapsulationAlgorithm": "ML_KEM"}


def blob(kms, key):
    return kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]


def peer(kms, key):
    return pairs.peer_of_curve(kms.get_public_key(KeyId=key)["PublicKey"])[0]


# The kind of key of each operation, and its parameters besides the key.
USES = {
    "Encrypt": (SYMMETRIC, lambda kms, key: {"Plaintext": b"x"}),
    "Decrypt": (SYMMETRIC, lambda kms, key: {"CiphertextBlob": blob(kms, key)}),
    "GenerateDataKey": (SYMMETRIC, lambda kms, key: {"KeySpec": "AES_256"}),
    "GenerateDataKeyWithoutPlaintext": (SYMMETRIC, lambda kms, key: {"KeySpec": "AES_256"}),
    "GenerateDataKeyPair": (SYMMETRIC, lambda kms, key: PAIR),
    "GenerateDataKeyPairWithoutPlaintext": (SYMMETRIC, lambda kms, key: PAIR),
    "ReEncrypt": (SYMMETRIC, lambda kms, key: {"CiphertextBlob": blob(kms, key)}),
    "Sign": (SIGNING, lambda kms, key: SIGN),
    "Verify": (SIGNING, lambda kms, key: {**SIGN, "Signature": kms.sign(KeyId=key, **SIGN)["Signature"]}),
    "GenerateMac": (MAC, lambda kms, key: CODE),
    "VerifyMac": (MAC, lambda kms, key: {**CODE, "Mac": kms.generate_mac(KeyId=key, **CODE)["Mac"]}),
    "DeriveSharedSecret": (
        AGREEMENT,
        lambda kms, key: {"KeyAgreementAlgorithm": "ECDH", "PublicKey": peer(kms, key)},
    ),
    "Encapsulate": (ENCAPSULATION, lambda kms, key: KEM),
    "Decapsulate": (
        ENCAPSULATION,
        lambda kms, key: {
            **KEM,
            "SharedSecretCiphertextBlob": kms.encapsulate(KeyId=key, **KEM)["SharedSecretCiphertextBlob"],
        },
    ),
}

# What makes a use of each kind of key fail that is permitted.
FAILURES = {
    SYMMETRIC: ("Decrypt", {"EncryptionContext": {"not": "that"}}, "InvalidCiphertextException"),
    SIGNING: ("Verify", {"Message": b"y"}, "KMSInvalidSignatureException"),
    MAC: ("VerifyMac", {"Message": b"y"}, "KMSInvalidMacException"),
    AGREEMENT: ("DeriveSharedSecret", {"PublicKey": b"y"}, "ValidationException"),
    ENCAPSULATION: ("Decapsulate", {"SharedSecretCiphertextBlob": b"y"}, "InvalidCiphertextException"),
}


def made(caller, kind, **more):
    return caller.kms.create_key(KeySpec=kind[0], KeyUsage=kind[1], **more)["KeyMetadata"]["Arn"]


def call(caller, operation):
    """The call of the client for an operation."""
    names = caller.kms.meta.method_to_api_mapping
    return getattr(caller.kms, next(name for name, of in names.items() if of == operation))


def named(operation, key):
    return {"SourceKeyId" if operation == "ReEncrypt" else "KeyId": key}


def last(caller, key):
    answer = caller.kms.get_key_last_usage(KeyId=key)
    assert answer["KeyId"] == key.partition("/")[2]
    assert answer["TrackingStartDate"] <= answer["KeyCreationDate"], "an empty answer means: never used"
    return answer["KeyLastUsage"]


def is_of(caller, usage, key, operation, request_id):
    """Requires that a usage is that of one request, and that the record it names is, too."""
    assert (usage["Operation"], usage["KmsRequestId"]) == (operation, request_id)
    about = [{"AttributeKey": "EventId", "AttributeValue": usage["CloudTrailEventId"]}]
    (record,) = events(caller, LookupAttributes=about)
    assert (record["eventName"], record["requestID"], record.get("errorCode")) == (operation, request_id, None)
    assert key in [resource["ARN"] for resource in record["resources"]]
    at = datetime.fromisoformat(record["eventTime"])
    assert abs(usage["Timestamp"] - at) < timedelta(seconds=1)
    assert abs(datetime.now(timezone.utc) - at) < timedelta(minutes=1)


def test_every_operation_that_counts_is_here():
    assert set(USES) == set(walk.model("kms").shape_for("KeyLastUsageTrackingOperation").enum)


@pytest.mark.parametrize("operation", USES)
def test_each_use_is_the_last(root, operation):
    kind, parameters = USES[operation]
    key = made(root, kind)
    assert last(root, key) == {}
    given = parameters(root.kms, key)
    other = {"DestinationKeyId": made(root, SYMMETRIC)} if operation == "ReEncrypt" else {}
    answer = call(root, operation)(**named(operation, key), **given, **other)
    request_id = answer["ResponseMetadata"]["RequestId"]
    for used in (key, *other.values()):
        is_of(root, last(root, used), used, operation, request_id)


@pytest.mark.parametrize("kind", FAILURES, ids=lambda kind: kind[1])
def test_what_does_not_succeed_is_no_use(root, kind):
    operation, wrong, code = FAILURES[kind]
    key, unused = made(root, kind), made(root, kind)
    parameters = USES[operation][1](root.kms, key)
    answer = call(root, operation)(KeyId=key, **parameters)
    stranger = root.user(f"stranger-{kind[1]}")
    for caller, more, refusal in (
        (root, wrong, code),
        (root, {"DryRun": True}, "DryRunOperationException"),
        (root, {"GrantTokens": ["x"]}, "InvalidGrantTokenException"),
        (stranger, {}, "AccessDeniedException"),
    ):
        for given in (key, unused):
            # Of the other key it is no ciphertext, which Decrypt tells first.
            if kind != SYMMETRIC or given == key:
                found = refused(call(caller, operation), KeyId=given, **{**parameters, **more})["Code"]
                assert found == refusal, (found, refusal)
    root.kms.disable_key(KeyId=key)
    assert refused(call(root, operation), KeyId=key, **parameters)["Code"] == "DisabledException"
    is_of(root, last(root, key), key, operation, answer["ResponseMetadata"]["RequestId"])
    assert last(root, unused) == {}


def test_what_is_no_use_of_a_key(root):
    """Nothing but cryptography with its material counts."""
    key = made(root, SIGNING)
    root.kms.get_public_key(KeyId=key)
    root.kms.describe_key(KeyId=key)
    root.kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}])
    root.kms.generate_random(NumberOfBytes=1)
    assert last(root, key) == {}


def test_related_keys_are_used_each_for_itself(root):
    home, away = root, Caller(root.fastness, root.key, root.secret, region="eu-west-1")
    key = made(home, MAC, MultiRegion=True)
    first = home.kms.generate_mac(KeyId=key, **CODE)["ResponseMetadata"]["RequestId"]
    home.kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
    replica = key.replace("us-east-1", "eu-west-1")
    assert last(away, replica) == {}
    second = away.kms.generate_mac(KeyId=replica, **CODE)["ResponseMetadata"]["RequestId"]
    is_of(home, last(home, key), key, "GenerateMac", first)
    is_of(away, last(away, replica), replica, "GenerateMac", second)


def test_as_the_command_line_shows_it(root, tmp_path):
    key, shell = made(root, SYMMETRIC), Shell(root, tmp_path)
    command = ("kms", "get-key-last-usage", "--key-id", key)
    assert shell.aws(*command)["KeyLastUsage"] == {}
    shell.aws("kms", "generate-data-key", "--key-id", key, "--key-spec", "AES_256")
    usage = shell.aws(*command)["KeyLastUsage"]
    assert usage["Operation"] == "GenerateDataKey"
    event = ("--lookup-attributes", f"AttributeKey=EventId,AttributeValue={usage['CloudTrailEventId']}")
    (found,) = shell.aws("cloudtrail", "lookup-events", *event)["Events"]
    record = json.loads(found["CloudTrailEvent"])
    assert (record["eventName"], record["requestID"]) == ("GenerateDataKey", usage["KmsRequestId"])


def test_it_outlives_the_server(fresh):
    root = fresh.serve().root()
    used, unused = made(root, SYMMETRIC), made(root, SYMMETRIC)
    request_id = root.kms.encrypt(KeyId=used, Plaintext=b"x")["ResponseMetadata"]["RequestId"]
    before = last(root, used)
    fresh.kill()
    root = fresh.serve().root()
    assert last(root, used) == before and last(root, unused) == {}
    is_of(root, before, used, "Encrypt", request_id)
