"""KMS: keys and their states, policies, grants, aliases, rotation, as AWS documents them."""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from conftest import Caller, allow, deny, document, events, record, refused, refuses

NOWHERE = "00000000-0000-0000-0000-000000000000"


def test_names_of_keys(root, account, key):
    kms, arn = root.kms, f"arn:aws:kms:us-east-1:{account}"
    kms.create_alias(AliasName="alias/named", TargetKeyId=key)
    for name in (key, f"{arn}:key/{key}", "alias/named", f"{arn}:alias/named"):
        assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == key
    for name, code, message in (
        (NOWHERE, "NotFoundException", f"Key '{arn}:key/{NOWHERE}' does not exist"),
        (f"{arn}:key/{NOWHERE}", "NotFoundException", f"Key '{arn}:key/{NOWHERE}' does not exist"),
        ("alias/absent", "NotFoundException", f"Alias {arn}:alias/absent is not found."),
        ("nonsense", "NotFoundException", "Invalid keyId 'nonsense'"),
        (f"arn:aws:kms:eu-west-1:{account}:key/{key}", "NotFoundException", "Invalid arn eu-west-1"),
    ):
        refuses(code, message, kms.describe_key, KeyId=name)
    assert refused(root.client("kms").describe_key, KeyId=f"arn:aws:s3:::{key}")["Code"] in (
        "NotFoundException",
        "InvalidArnException",
    )


def test_a_key_is_in_its_region_only(root, key):
    other = Caller(root.fastness, root.key, root.secret, region="eu-west-1")
    assert refused(other.kms.describe_key, KeyId=key)["Code"] == "NotFoundException"
    assert other.kms.list_keys()["Keys"] == []
    made = other.kms.create_key()["KeyMetadata"]["Arn"]
    assert made.startswith("arn:aws:kms:eu-west-1:")
    assert [e["eventName"] for e in events(other)][:2] == ["CreateKey", "ListKeys"]
    assert "eu-west-1" not in {e["awsRegion"] for e in events(root)}


def test_aliases(root, account, key):
    kms = root.kms
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/one", TargetKeyId=key)
    arn = f"arn:aws:kms:us-east-1:{account}:alias/one"
    refuses(
        "AlreadyExistsException",
        f"An alias with the name {arn} already exists",
        kms.create_alias,
        AliasName="alias/one",
        TargetKeyId=other,
    )
    kms.update_alias(AliasName="alias/one", TargetKeyId=other)
    assert kms.describe_key(KeyId="alias/one")["KeyMetadata"]["KeyId"] == other
    kms.create_alias(AliasName="alias/a/b-c_d", TargetKeyId=key)
    for name in ("one", "alias/", "alias/a b", "alias/aws/mine"):
        found = refused(kms.create_alias, AliasName=name, TargetKeyId=key)
        assert found["Code"] in ("ValidationException", "InvalidAliasNameException", "NotAuthorizedException"), (
            name,
            found,
        )
    kms.delete_alias(AliasName="alias/one")
    refuses("NotFoundException", f"Alias {arn} is not found.", kms.delete_alias, AliasName="alias/one")
    assert refused(kms.create_alias, AliasName="alias/two", TargetKeyId=NOWHERE)["Code"] == "NotFoundException"


def states(kms, key, blob):
    """Calls whose answer depends on the state of the key (KMS Developer Guide, "Key states of AWS KMS keys")."""
    return {
        "DescribeKey": lambda: kms.describe_key(KeyId=key),
        "GetKeyPolicy": lambda: kms.get_key_policy(KeyId=key, PolicyName="default"),
        "ListAliases": lambda: kms.list_aliases(KeyId=key),
        "ListGrants": lambda: kms.list_grants(KeyId=key),
        "ListResourceTags": lambda: kms.list_resource_tags(KeyId=key),
        "Encrypt": lambda: kms.encrypt(KeyId=key, Plaintext=b"x"),
        "Decrypt": lambda: kms.decrypt(CiphertextBlob=blob),
        "ReEncrypt": lambda: kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key),
        "GenerateDataKey": lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"),
        "GenerateDataKeyWithoutPlaintext": lambda: kms.generate_data_key_without_plaintext(
            KeyId=key, KeySpec="AES_256"
        ),
        "EnableKeyRotation": lambda: kms.enable_key_rotation(KeyId=key),
        "RotateKeyOnDemand": lambda: kms.rotate_key_on_demand(KeyId=key),
        "DisableKeyRotation": lambda: kms.disable_key_rotation(KeyId=key),
        "GetKeyRotationStatus": lambda: kms.get_key_rotation_status(KeyId=key),
        "CreateGrant": lambda: kms.create_grant(
            KeyId=key,
            GranteePrincipal=kms.describe_key(KeyId=key)["KeyMetadata"]["AWSAccountId"],
            Operations=["Encrypt"],
        ),
        "TagResource": lambda: kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}]),
        "UntagResource": lambda: kms.untag_resource(KeyId=key, TagKeys=["a"]),
        "UpdateKeyDescription": lambda: kms.update_key_description(KeyId=key, Description="x"),
        "CancelKeyDeletion": lambda: kms.cancel_key_deletion(KeyId=key),
    }


CRYPTO = {"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"}
ROTATION = {"EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"}
CHANGES = {"TagResource", "UntagResource", "UpdateKeyDescription"}


@pytest.mark.parametrize(
    ("state", "refusals"),
    [
        ("Enabled", {"CancelKeyDeletion": "KMSInvalidStateException"}),
        (
            "Disabled",
            {
                **dict.fromkeys(CRYPTO | ROTATION | {"CreateGrant"}, "DisabledException"),
                "CancelKeyDeletion": "KMSInvalidStateException",
            },
        ),
        (
            "PendingDeletion",
            dict.fromkeys(CRYPTO | ROTATION | CHANGES | {"CreateGrant"}, "KMSInvalidStateException"),
        ),
    ],
)
def test_states_of_keys(root, account, key, state, refusals):
    kms = root.kms
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    if state == "Disabled":
        kms.disable_key(KeyId=key)
        kms.disable_key(KeyId=key)
    if state == "PendingDeletion":
        answer = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        assert answer["KeyState"] == state and answer["PendingWindowInDays"] == 7
        assert answer["DeletionDate"] - datetime.now(timezone.utc) > timedelta(days=6, hours=23)
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (metadata["KeyState"], metadata["Enabled"]) == (state, state == "Enabled")
    arn = f"arn:aws:kms:us-east-1:{account}:key/{key}"
    messages = {"DisabledException": f"{arn} is disabled.", "KMSInvalidStateException": f"{arn} is pending deletion."}
    calls = states(kms, key, blob)
    wrong = {}
    for name, call in calls.items():
        expected = refusals.get(name)
        try:
            call()
            found = None
        except kms.exceptions.ClientError as raised:
            found = raised.response["Error"]["Code"]
            if found == "DisabledException" or state == "PendingDeletion":
                assert raised.response["Error"]["Message"] == messages[found]
        if found != expected:
            wrong[name] = (found, expected)
    assert wrong == {}
    # What cancelling leaves is disabled, and enabling it opens everything again.
    if state == "PendingDeletion":
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
        assert "DeletionDate" not in kms.describe_key(KeyId=key)["KeyMetadata"]
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_pending_deletion_cannot_be_enabled_or_scheduled_again(root, key):
    kms = root.kms
    for days in (6, 31):
        assert refused(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=days)["Code"] == "ValidationException"
    assert kms.schedule_key_deletion(KeyId=key)["PendingWindowInDays"] == 30
    for call in (kms.enable_key, kms.disable_key, kms.schedule_key_deletion):
        assert refused(call, KeyId=key)["Code"] == "KMSInvalidStateException"


def test_dry_runs_change_nothing(root, key):
    kms = root.kms
    nobody = root.user("dry")
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    arn = nobody.sts.get_caller_identity()["Arn"]
    calls = [
        ("encrypt", {"KeyId": key, "Plaintext": b"x"}),
        ("decrypt", {"CiphertextBlob": blob}),
        ("re_encrypt", {"CiphertextBlob": blob, "DestinationKeyId": key}),
        ("generate_data_key", {"KeyId": key, "KeySpec": "AES_256"}),
        ("generate_data_key_without_plaintext", {"KeyId": key, "KeySpec": "AES_256"}),
        ("create_grant", {"KeyId": key, "GranteePrincipal": arn, "Operations": ["Encrypt"]}),
    ]
    for name, parameters in calls:
        found = refused(getattr(kms, name), **parameters, DryRun=True)
        assert found["Code"] == "DryRunOperationException", (name, found)
        assert found["Message"] == "The request would have succeeded, but the DryRun option is set."
        assert record(root, found["RequestId"])["errorCode"] == "DryRunOperationException"
        assert refused(getattr(nobody.kms, name), **parameters, DryRun=True)["Code"] == "AccessDeniedException"
    assert kms.list_grants(KeyId=key)["Grants"] == []
    grant = kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Encrypt"])["GrantId"]
    for call in (kms.revoke_grant, kms.retire_grant):
        assert (
            refused(call, KeyId=root.kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"], GrantId=grant, DryRun=True)[
                "Code"
            ]
            == "DryRunOperationException"
        )
    assert [g["GrantId"] for g in kms.list_grants(KeyId=key)["Grants"]] == [grant]


def test_random_bytes_and_data_keys(root, key):
    kms = root.kms
    seen = {kms.generate_random(NumberOfBytes=size)["Plaintext"] for size in (16, 16, 32, 1024)}
    assert sorted(map(len, seen)) == [16, 16, 32, 1024]
    for size in (0, 1025):
        assert (
            refused(root.client("kms", parameter_validation=False).generate_random, NumberOfBytes=size)["Code"]
            == "ValidationException"
        )
    for how, size in (
        ({"KeySpec": "AES_128"}, 16),
        ({"KeySpec": "AES_256"}, 32),
        ({"NumberOfBytes": 1}, 1),
        ({"NumberOfBytes": 1024}, 1024),
    ):
        answer = kms.generate_data_key(KeyId=key, **how)
        assert len(answer["Plaintext"]) == size
        assert kms.decrypt(CiphertextBlob=answer["CiphertextBlob"])["Plaintext"] == answer["Plaintext"]
    for how in ({}, {"KeySpec": "AES_128", "NumberOfBytes": 16}):
        assert refused(kms.generate_data_key, KeyId=key, **how)["Code"] == "ValidationException"


def test_plaintexts_have_limits(root, key):
    for size in (1, 4096):
        blob = root.kms.encrypt(KeyId=key, Plaintext=b"x" * size)["CiphertextBlob"]
        assert len(blob) <= 6144 and root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x" * size
    client = root.client("kms", parameter_validation=False)
    for size in (0, 4097):
        assert refused(client.encrypt, KeyId=key, Plaintext=b"x" * size)["Code"] == "ValidationException"


def test_the_same_plaintext_twice(root, key):
    first, second = (root.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"] for _ in range(2))
    assert first != second


def test_re_encrypt(root, account, key):
    kms = root.kms
    other = kms.create_key()["KeyMetadata"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"moved", EncryptionContext={"a": "1"})["CiphertextBlob"]
    answer = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext={"a": "1"},
        DestinationKeyId=other["KeyId"],
        DestinationEncryptionContext={"b": "2"},
    )
    assert answer["KeyId"] == other["Arn"] and answer["SourceKeyId"].endswith(key)
    assert answer["SourceEncryptionAlgorithm"] == answer["DestinationEncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    opened = kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], EncryptionContext={"b": "2"})
    assert opened["Plaintext"] == b"moved" and opened["KeyId"] == other["Arn"]
    assert (
        refused(kms.re_encrypt, CiphertextBlob=blob, DestinationKeyId=other["KeyId"])["Code"]
        == "InvalidCiphertextException"
    )
    half = root.user("half", allow("kms:ReEncryptFrom", f"arn:aws:kms:*:{account}:key/{key}"))
    found = refused(
        half.kms.re_encrypt, CiphertextBlob=blob, SourceEncryptionContext={"a": "1"}, DestinationKeyId=other["KeyId"]
    )
    assert "is not authorized to perform: kms:ReEncryptTo on resource: " + other["Arn"] in found["Message"]
    entry = record(root, answer["ResponseMetadata"]["RequestId"])
    assert {r["ARN"] for r in entry["resources"]} == {other["Arn"], answer["SourceKeyId"]}


def test_rotation(root, key):
    kms = root.kms
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    unchecked = root.client("kms", parameter_validation=False)
    for days in (89, 2561):
        assert (
            refused(unchecked.enable_key_rotation, KeyId=key, RotationPeriodInDays=days)["Code"]
            == "ValidationException"
        )
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] is True and status["RotationPeriodInDays"] == 90
    assert timedelta(days=89) < status["NextRotationDate"] - datetime.now(timezone.utc) <= timedelta(days=90, seconds=5)
    kms.disable_key_rotation(KeyId=key)
    assert "NextRotationDate" not in kms.get_key_rotation_status(KeyId=key)
    for _ in range(3):
        kms.rotate_key_on_demand(KeyId=key)
    rotations = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [r["RotationType"] for r in rotations] == ["ON_DEMAND"] * 3


def test_a_key_policy_decides(root, account, key):
    kms = root.kms
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    default = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    assert default["Id"] == "key-default-1" and default["Statement"] == [
        {
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    assert kms.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]
    user = root.user("policy", allow("kms:*"))
    user.kms.describe_key(KeyId=key)
    only = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{account}:user/policy"}}
    # Who shuts himself out says so.
    refuses(
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
        kms.put_key_policy,
        KeyId=key,
        PolicyName="default",
        Policy=document(only),
    )
    kms.put_key_policy(KeyId=key, Policy=document(only), BypassPolicyLockoutSafetyCheck=True)
    found = refused(kms.describe_key, KeyId=key)
    assert found["Code"] == "AccessDeniedException" and "kms:DescribeKey" in found["Message"]
    user.kms.describe_key(KeyId=key)
    for text, code in (
        ("{}", "MalformedPolicyDocumentException"),
        ("x", "MalformedPolicyDocumentException"),
        (document(allow("kms:*")), "MalformedPolicyDocumentException"),
    ):
        assert refused(user.kms.put_key_policy, KeyId=arn, PolicyName="default", Policy=text)["Code"] == code
    assert refused(user.kms.put_key_policy, KeyId=arn, PolicyName="other", Policy=document(only))["Code"] in (
        "NotFoundException",
        "ValidationException",
    )
    blocked = {**deny("kms:Encrypt"), "Principal": "*"}
    user.kms.put_key_policy(KeyId=key, Policy=document(only, blocked))
    found = refused(user.kms.encrypt, KeyId=key, Plaintext=b"x")
    assert found["Message"].endswith("with an explicit deny in a resource-based policy"), found


def test_grants_and_their_tokens(root, account, key):
    kms = root.kms
    user, other = root.user("grantee"), root.user("other-grantee")
    arn = f"arn:aws:iam::{account}:user/grantee"
    first = kms.create_grant(
        KeyId=key,
        GranteePrincipal=arn,
        Operations=["Encrypt", "Decrypt", "CreateGrant"],
        Name="same",
        Constraints={"EncryptionContextSubset": {"team": "blue"}},
        RetiringPrincipal=arn,
    )
    again = kms.create_grant(
        KeyId=key,
        GranteePrincipal=arn,
        Operations=["Encrypt", "Decrypt", "CreateGrant"],
        Name="same",
        Constraints={"EncryptionContextSubset": {"team": "blue"}},
        RetiringPrincipal=arn,
    )
    assert again["GrantId"] == first["GrantId"] and len(kms.list_grants(KeyId=key)["Grants"]) == 1
    context = {"team": "blue", "more": "x"}
    blob = user.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context, GrantTokens=[first["GrantToken"]])[
        "CiphertextBlob"
    ]
    assert user.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
    # "In a grant constraint, the key in each key-value pair is not case sensitive, but the value is" (GrantConstraints)
    user.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"Team": "blue"})
    for wrong in ({}, {"team": "red"}, {"team": "Blue"}):
        assert (
            refused(user.kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=wrong)["Code"]
            == "AccessDeniedException"
        )
    assert (
        refused(user.kms.generate_data_key, KeyId=key, KeySpec="AES_256", EncryptionContext=context)["Code"]
        == "AccessDeniedException"
    )
    assert (
        refused(user.kms.encrypt, KeyId=key, Plaintext=b"x", GrantTokens=["nonsense"])["Code"]
        == "InvalidGrantTokenException"
    )
    # A grantee passes on what it has, and no more.
    to_other = {"KeyId": key, "GranteePrincipal": f"arn:aws:iam::{account}:user/other-grantee"}
    blue = {"EncryptionContextSubset": {"team": "blue"}}
    assert (
        refused(user.kms.create_grant, **to_other, Operations=["GenerateDataKey"], Constraints=blue)["Code"]
        == "AccessDeniedException"
    )
    assert refused(user.kms.create_grant, **to_other, Operations=["Encrypt"])["Code"] == "AccessDeniedException"
    user.kms.create_grant(**to_other, Operations=["Decrypt"], Constraints=blue)
    assert other.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
    filtered = kms.list_grants(KeyId=key, GranteePrincipal=arn)["Grants"]
    assert [g["GrantId"] for g in filtered] == [first["GrantId"]] and filtered[0]["Name"] == "same"
    assert filtered[0]["Constraints"] == {"EncryptionContextSubset": {"team": "blue"}}
    assert [g["GrantId"] for g in kms.list_grants(KeyId=key, GrantId=first["GrantId"])["Grants"]] == [first["GrantId"]]
    assert refused(other.kms.retire_grant, GrantToken=first["GrantToken"])["Code"] == "AccessDeniedException"
    user.kms.retire_grant(GrantToken=first["GrantToken"])
    assert (
        refused(user.kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context)["Code"]
        == "AccessDeniedException"
    )
    assert refused(kms.revoke_grant, KeyId=key, GrantId=first["GrantId"])["Code"] == "NotFoundException"


def test_tags_of_keys(root, key):
    kms = root.kms
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": ""}])
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "2"}])
    assert {t["TagKey"]: t["TagValue"] for t in kms.list_resource_tags(KeyId=key)["Tags"]} == {"a": "2", "b": ""}
    kms.untag_resource(KeyId=key, TagKeys=["b", "absent"])
    for tags, code in (
        ([{"TagKey": "aws:x", "TagValue": ""}], "TagException"),
        ([{"TagKey": str(n), "TagValue": ""} for n in range(50)], None),
    ):
        found = refused(kms.tag_resource, KeyId=key, Tags=tags)
        assert found["Code"] in (code, "TagException", "LimitExceededException"), found
    user = root.user("by-tag", allow("kms:DescribeKey", Condition={"StringEquals": {"aws:ResourceTag/a": "2"}}))
    user.kms.describe_key(KeyId=key)
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "3"}])
    assert refused(user.kms.describe_key, KeyId=key)["Code"] == "AccessDeniedException"


# A condition, a call that meets it, and one that does not.
CONDITIONS = [
    ({"StringEquals": {"kms:EncryptionContext:team": "blue"}}, {"EncryptionContext": {"team": "blue"}}, {}),
    (
        {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["a", "b"]}},
        {"EncryptionContext": {"a": "1"}},
        {"EncryptionContext": {"c": "1"}},
    ),
    ({"StringEquals": {"kms:RequestAlias": "alias/condition"}}, {"KeyId": "alias/condition"}, {}),
    ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/of-the-resource"}}, {}, None),
    ({"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyUsage": "ENCRYPT_DECRYPT"}}, {}, None),
    ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, {}, None),
    ({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, None, {}),
    ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, None, {}),
    ({"Bool": {"aws:SecureTransport": "true"}}, None, {}),
    ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, {}, None),
]


@pytest.mark.parametrize("number", range(len(CONDITIONS)), ids=[str(condition) for condition, _, _ in CONDITIONS])
def test_conditions(root, key, number):
    condition, good, bad = CONDITIONS[number]
    user = root.user(f"condition-{number}", allow("kms:Encrypt", Condition=condition))
    for alias in re.findall(r"alias/[\w-]+", str(condition)):
        root.kms.create_alias(AliasName=alias, TargetKeyId=key)
    if good is not None:
        user.kms.encrypt(**{"KeyId": key, "Plaintext": b"x", **good})
    if bad is not None:
        assert refused(user.kms.encrypt, **{"KeyId": key, "Plaintext": b"x", **bad})["Code"] == "AccessDeniedException"
