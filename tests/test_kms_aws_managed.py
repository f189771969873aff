"""AWS managed keys: made when they are first described, used by their services alone, managed by nobody."""

import json

from conftest import allow, events, refused, refuses

S3 = "alias/aws/s3"


def test_a_predefined_alias_gets_its_key(root, account):
    kms = root.kms
    predefined = {alias["AliasName"]: alias for alias in kms.list_aliases()["Aliases"]}
    assert "TargetKeyId" not in predefined[S3]
    refuses(
        "NotFoundException",
        f"Alias arn:aws:kms:us-east-1:{account}:{S3} is not found.",
        kms.encrypt,
        KeyId=S3,
        Plaintext=b"x",
    )
    nobody = root.user("nobody-of-s3", allow("s3:*"))
    assert refused(nobody.kms.describe_key, KeyId=S3)["Code"] == "AccessDeniedException"
    assert "TargetKeyId" not in next(a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == S3)

    metadata = kms.describe_key(KeyId=S3)["KeyMetadata"]
    assert (metadata["KeyManager"], metadata["KeyState"]) == ("AWS", "Enabled")
    assert kms.describe_key(KeyId=S3)["KeyMetadata"] == metadata
    alias = next(a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == S3)
    assert alias["TargetKeyId"] == metadata["KeyId"]
    assert metadata["KeyId"] in {key["KeyId"] for key in kms.list_keys()["Keys"]}
    made = [e for e in events(root) if e["eventName"] == "CreateKey"]
    assert [(e["eventType"], e["resources"][0]["ARN"]) for e in made] == [("AwsServiceEvent", metadata["Arn"])]


def test_only_its_service_uses_it(root, account):
    kms = root.kms
    key = kms.describe_key(KeyId=S3)["KeyMetadata"]["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    through, look = policy["Statement"]
    assert through["Condition"]["StringEquals"] == {
        "kms:ViaService": "s3.us-east-1.amazonaws.com",
        "kms:CallerAccount": account,
    }
    assert look["Principal"] == {"AWS": f"arn:aws:iam::{account}:root"}
    for call, arguments in (
        (kms.encrypt, {"KeyId": S3, "Plaintext": b"x"}),
        (kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
        (kms.put_key_policy, {"KeyId": key, "Policy": json.dumps(policy)}),
        (kms.tag_resource, {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        (kms.create_alias, {"AliasName": "alias/mine", "TargetKeyId": key}),
        (kms.disable_key, {"KeyId": key}),
        (kms.disable_key_rotation, {"KeyId": key}),
        (kms.schedule_key_deletion, {"KeyId": key}),
    ):
        found = refused(call, **arguments)
        assert found["Code"] == "AccessDeniedException", found
        assert "because no resource-based policy allows the kms:" in found["Message"], found
    assert refused(kms.delete_alias, AliasName=S3)["Code"] == "NotAuthorizedException"
