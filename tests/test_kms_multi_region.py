"""KMS: multi-Region keys, as AWS documents them."""

import json

import pairs
import pytest
from conftest import Caller, allow, document, events, record, refused, refuses

HOME, AWAY, THIRD = "us-east-1", "eu-west-1", "ap-southeast-2"


@pytest.fixture(scope="module")
def regions(root):
    """The root user's KMS in each Region."""
    return {region: Caller(root.fastness, root.key, root.secret, region=region) for region in (HOME, AWAY, THIRD)}


@pytest.fixture
def primary(root):
    return root.kms.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]


def about(caller, arn):
    """The records of the caller's trail that name a resource, newest first."""
    return events(caller, LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": arn}])


def there(arn, region):
    return arn.replace(f":{HOME}:", f":{region}:")


def test_one_ciphertext_in_every_region(regions, primary):
    kms = regions[HOME].kms
    made = kms.describe_key(KeyId=primary)["KeyMetadata"]
    key = made["KeyId"]
    assert key.startswith("mrk-") and made["MultiRegion"] is True
    assert made["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": {"Arn": primary, "Region": HOME},
        "ReplicaKeys": [],
    }
    answer = kms.replicate_key(
        KeyId=key, ReplicaRegion=AWAY, Description="away", Tags=[{"TagKey": "a", "TagValue": "b"}]
    )
    replica = answer["ReplicaKeyMetadata"]
    assert replica["Arn"] == there(primary, AWAY) and replica["Description"] == "away"
    assert replica["CurrentKeyMaterialId"] == made["CurrentKeyMaterialId"]
    assert replica["MultiRegionConfiguration"]["MultiRegionKeyType"] == "REPLICA"
    assert answer["ReplicaTags"] == [{"TagKey": "a", "TagValue": "b"}]
    assert json.loads(answer["ReplicaPolicy"])["Id"] == "key-default-1"
    away = regions[AWAY].kms
    assert away.describe_key(KeyId=key)["KeyMetadata"] == replica
    assert key in {entry["KeyId"] for entry in away.list_keys()["Keys"]}

    context = {"purpose": "test"}
    for encrypting, decrypting, arn in ((kms, away, replica["Arn"]), (away, kms, primary)):
        blob = encrypting.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
        opened = decrypting.decrypt(CiphertextBlob=blob, EncryptionContext=context)
        assert (opened["Plaintext"], opened["KeyId"]) == (b"secret", arn)
        assert refused(decrypting.decrypt, CiphertextBlob=blob)["Code"] == "InvalidCiphertextException"
    third = regions[THIRD].kms
    assert refused(third.decrypt, CiphertextBlob=blob, EncryptionContext=context)["Code"] == "AccessDeniedException"

    # What each key has for itself.
    away.disable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    kms.create_alias(AliasName="alias/of-primary", TargetKeyId=key)
    assert away.list_aliases(KeyId=key)["Aliases"] == []
    assert kms.list_resource_tags(KeyId=key)["Tags"] == []


def test_replication_is_recorded_in_both_regions(regions, primary):
    answer = regions[HOME].kms.replicate_key(KeyId=primary, ReplicaRegion=AWAY)
    entry = record(regions[HOME], answer["ResponseMetadata"]["RequestId"])
    replica = there(primary, AWAY)
    assert entry["eventName"] == "ReplicateKey" and entry["awsRegion"] == HOME and entry["readOnly"] is False
    assert entry["requestParameters"]["replicaRegion"] == AWAY
    assert {resource["ARN"] for resource in entry["resources"]} == {primary, replica}
    made = about(regions[AWAY], replica)
    assert [(e["eventName"], e["awsRegion"]) for e in made] == [("CreateKey", AWAY)]


def test_what_cannot_be_replicated(regions, primary, key):
    kms = regions[HOME].kms
    refuses(
        "UnsupportedOperationException",
        f"{kms.describe_key(KeyId=key)['KeyMetadata']['Arn']} is not a multi-region primary key.",
        kms.replicate_key,
        KeyId=key,
        ReplicaRegion=AWAY,
    )
    kms.replicate_key(KeyId=primary, ReplicaRegion=AWAY)
    assert refused(kms.replicate_key, KeyId=primary, ReplicaRegion=AWAY)["Code"] == "AlreadyExistsException"
    assert refused(kms.replicate_key, KeyId=primary, ReplicaRegion="nowhere")["Code"] == "ValidationException"
    replica = there(primary, AWAY)
    refuses(
        "UnsupportedOperationException",
        f"{replica} is not a multi-region primary key.",
        regions[AWAY].kms.replicate_key,
        KeyId=replica,
        ReplicaRegion=THIRD,
    )


def test_permissions(root, regions, primary):
    condition = {"StringEquals": {"kms:ReplicaRegion": AWAY}}
    user = root.user("replicator", allow("kms:ReplicateKey", Condition=condition))
    assert "kms:ReplicateKey" in refused(user.kms.replicate_key, KeyId=primary, ReplicaRegion=THIRD)["Message"]
    assert "kms:CreateKey" in refused(user.kms.replicate_key, KeyId=primary, ReplicaRegion=AWAY)["Message"]
    condition = {"StringEquals": {"aws:RequestedRegion": AWAY, "kms:MultiRegionKeyType": "REPLICA"}}
    create = document(allow("kms:CreateKey", Condition=condition))
    root.iam.put_user_policy(UserName="replicator", PolicyName="create", PolicyDocument=create)
    user.kms.replicate_key(KeyId=primary, ReplicaRegion=AWAY)
    # Permission on the primary alone is not enough.
    policy = json.loads(root.kms.get_key_policy(KeyId=primary)["Policy"])
    policy["Statement"].append(
        {
            "Effect": "Allow",
            "Principal": {"AWS": root.iam.get_user(UserName="replicator")["User"]["Arn"]},
            "Action": "kms:UpdatePrimaryRegion",
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:PrimaryRegion": AWAY, "kms:MultiRegion": "true"}},
        }
    )
    root.kms.put_key_policy(KeyId=primary, Policy=json.dumps(policy))
    update = {"KeyId": primary, "PrimaryRegion": AWAY}
    assert there(primary, AWAY) in refused(user.kms.update_primary_region, **update)["Message"]
    regions[AWAY].kms.put_key_policy(KeyId=there(primary, AWAY), Policy=json.dumps(policy))
    user.kms.update_primary_region(**update)


def test_rotation_and_another_primary(regions, primary):
    kms, away = regions[HOME].kms, regions[AWAY].kms
    before = kms.encrypt(KeyId=primary, Plaintext=b"x")["CiphertextBlob"]
    kms.replicate_key(KeyId=primary, ReplicaRegion=AWAY)
    replica = there(primary, AWAY)
    kms.enable_key_rotation(KeyId=primary, RotationPeriodInDays=200)
    kms.rotate_key_on_demand(KeyId=primary)
    for status in ("KeyRotationEnabled", "RotationPeriodInDays", "NextRotationDate"):
        of = [k.get_key_rotation_status(KeyId=arn)[status] for k, arn in ((kms, primary), (away, replica))]
        assert of[0] == of[1]
    lists = [
        k.list_key_rotations(KeyId=arn, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
        for k, arn in ((kms, primary), (away, replica))
    ]
    assert lists[0] == lists[1] and [entry["KeyMaterialState"] for entry in lists[0]] == ["NON_CURRENT", "CURRENT"]
    assert away.decrypt(CiphertextBlob=before)["KeyMaterialId"] == lists[0][0]["KeyMaterialId"]
    names = [e["eventName"] for e in about(regions[HOME], primary)]
    assert "SynchronizeMultiRegionKey" in names and "RotateKey" in names

    not_primary = f"{replica} is not a multi-region primary key."
    for call in (away.rotate_key_on_demand, away.enable_key_rotation, away.disable_key_rotation):
        refuses("UnsupportedOperationException", not_primary, call, KeyId=replica)
    assert refused(kms.update_primary_region, KeyId=primary, PrimaryRegion=THIRD)["Code"] == "NotFoundException"
    kms.update_primary_region(KeyId=primary, PrimaryRegion=AWAY)
    for k, arn, kind in ((kms, primary, "REPLICA"), (away, replica, "PRIMARY")):
        configuration = k.describe_key(KeyId=arn)["KeyMetadata"]["MultiRegionConfiguration"]
        assert configuration == {
            "MultiRegionKeyType": kind,
            "PrimaryKey": {"Arn": replica, "Region": AWAY},
            "ReplicaKeys": [{"Arn": primary, "Region": HOME}],
        }
    away.rotate_key_on_demand(KeyId=replica)
    after = away.encrypt(KeyId=replica, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=after)["Plaintext"] == b"x"


def test_deletion_of_a_primary_waits_for_its_replicas(regions, primary):
    kms, away = regions[HOME].kms, regions[AWAY].kms
    kms.replicate_key(KeyId=primary, ReplicaRegion=AWAY)
    answer = kms.schedule_key_deletion(KeyId=primary, PendingWindowInDays=7)
    assert (answer["KeyState"], answer["PendingWindowInDays"]) == ("PendingReplicaDeletion", 7)
    assert "DeletionDate" not in answer
    found = kms.describe_key(KeyId=primary)["KeyMetadata"]
    assert (found["KeyState"], found["PendingDeletionWindowInDays"]) == ("PendingReplicaDeletion", 7)
    refuses(
        "KMSInvalidStateException", f"{primary} is pending deletion.", kms.encrypt, KeyId=primary, Plaintext=b"x"
    )
    answer = away.schedule_key_deletion(KeyId=there(primary, AWAY), PendingWindowInDays=7)
    assert answer["KeyState"] == "PendingDeletion" and "DeletionDate" in answer
    kms.cancel_key_deletion(KeyId=primary)
    assert kms.describe_key(KeyId=primary)["KeyMetadata"]["KeyState"] == "Disabled"


@pytest.mark.parametrize("spec, usage", pairs.KINDS)
def test_keys_of_every_kind_are_one_in_all_regions(regions, spec, usage):
    """Each Region's key does what belongs to what another's did, before and after another is the primary, and outlives it."""
    home, away, third = (regions[region].kms for region in (HOME, AWAY, THIRD))
    made = home.create_key(KeySpec=spec, KeyUsage=usage, MultiRegion=True)["KeyMetadata"]
    key = made["KeyId"]
    for region in (AWAY, THIRD):
        replica = home.replicate_key(KeyId=key, ReplicaRegion=region)["ReplicaKeyMetadata"]
        shown = ("KeyId", "KeySpec", "KeyUsage", "Origin", "KeyState", "MultiRegion")
        assert {name: replica[name] for name in shown} == {name: made[name] for name in shown}
    for here, there in ((home, away), (away, third), (third, home)):
        pairs.use(here, there, key, spec, usage)

    home.update_primary_region(KeyId=key, PrimaryRegion=AWAY)
    for here, there in ((home, away), (away, third)):
        pairs.use(here, there, key, spec, usage)
    assert kinds_of(key, home, away, third) == ["REPLICA", "PRIMARY", "REPLICA"]
    waiting = away.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert (waiting["KeyState"], "DeletionDate" in waiting) == ("PendingReplicaDeletion", False)
    pairs.use(home, third, key, spec, usage)
    refuses("UnsupportedOperationException", "is not a multi-region primary key.", home.replicate_key, KeyId=key, ReplicaRegion=AWAY)
    away.cancel_key_deletion(KeyId=key)
    away.enable_key(KeyId=key)
    pairs.use(away, home, key, spec, usage)


def kinds_of(key, *regions):
    found = [kms.describe_key(KeyId=key)["KeyMetadata"] for kms in regions]
    return [metadata["MultiRegionConfiguration"]["MultiRegionKeyType"] for metadata in found]
