"""The main job, sentence by sentence, with boto3."""

import base64

from conftest import Caller, allow, deny, document, events, refused


def test_keys_encrypt_and_decrypt(root):
    key = root.kms.create_key(Description="first")["KeyMetadata"]
    assert key["KeyState"] == "Enabled" and key["KeySpec"] == "SYMMETRIC_DEFAULT"
    root.kms.create_alias(AliasName="alias/first", TargetKeyId=key["KeyId"])
    context = {"purpose": "test", "ship": "no internet"}
    sealed = root.kms.encrypt(KeyId="alias/first", Plaintext=b"attack at dawn", EncryptionContext=context)
    assert b"attack" not in sealed["CiphertextBlob"]
    opened = root.kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
    assert opened["Plaintext"] == b"attack at dawn" and opened["KeyId"] == key["Arn"]
    error = refused(root.kms.decrypt, CiphertextBlob=sealed["CiphertextBlob"])
    assert error["Code"] == "InvalidCiphertextException"


def test_data_keys(root):
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    data_key = root.kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert len(data_key["Plaintext"]) == 32
    assert root.kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"] == data_key["Plaintext"]
    without = root.kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=64)
    assert "Plaintext" not in without
    assert len(root.kms.decrypt(CiphertextBlob=without["CiphertextBlob"])["Plaintext"]) == 64


def test_rotation_keeps_old_ciphertexts_readable(root):
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    before = root.kms.encrypt(KeyId=key, Plaintext=b"before")
    root.kms.rotate_key_on_demand(KeyId=key)
    after = root.kms.encrypt(KeyId=key, Plaintext=b"after")
    opened = [root.kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"]) for sealed in (before, after)]
    assert [answer["Plaintext"] for answer in opened] == [b"before", b"after"]
    assert opened[0]["KeyMaterialId"] != opened[1]["KeyMaterialId"]
    assert len(root.kms.list_key_rotations(KeyId=key)["Rotations"]) == 1


def test_users_roles_and_policies(root, account):
    key = root.kms.create_key()["KeyMetadata"]["Arn"]
    alice = root.user("alice", allow("kms:Encrypt", key))
    sealed = alice.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    error = refused(alice.kms.decrypt, CiphertextBlob=sealed)
    assert error["Code"] == "AccessDeniedException"
    assert error["Message"] == (
        f"User: arn:aws:iam::{account}:user/alice is not authorized to perform: kms:Decrypt on resource: {key} "
        "because no identity-based policy allows the kms:Decrypt action"
    )

    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:user/alice"}, "Action": "sts:AssumeRole"}
    role = root.iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document(trust))["Role"]
    policy = root.iam.create_policy(PolicyName="decrypt", PolicyDocument=document(allow("kms:Decrypt", key)))
    root.iam.attach_role_policy(RoleName="reader", PolicyArn=policy["Policy"]["Arn"])
    session = alice.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="morning")
    reader = Caller.of(alice.fastness, session["Credentials"])
    assert reader.sts.get_caller_identity()["Arn"] == f"arn:aws:sts::{account}:assumed-role/reader/morning"
    assert reader.kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    assert refused(reader.kms.encrypt, KeyId=key, Plaintext=b"y")["Code"] == "AccessDeniedException"

    mallory = root.user("mallory", allow("*"))
    assert refused(mallory.sts.assume_role, RoleArn=role["Arn"], RoleSessionName="mallory")["Code"] == "AccessDenied"


def test_an_explicit_deny_wins(root):
    key = root.kms.create_key()["KeyMetadata"]["Arn"]
    bob = root.user("bob", allow("kms:*"))
    bob.kms.encrypt(KeyId=key, Plaintext=b"x")
    root.iam.put_user_policy(UserName="bob", PolicyName="no", PolicyDocument=document(deny("kms:Encrypt")))
    error = refused(bob.kms.encrypt, KeyId=key, Plaintext=b"x")
    assert error["Message"].endswith("with an explicit deny in an identity-based policy")


def test_a_grant_authorizes(root):
    key = root.kms.create_key()["KeyMetadata"]["Arn"]
    carol = root.user("carol")
    arn = carol.sts.get_caller_identity()["Arn"]
    assert refused(carol.kms.encrypt, KeyId=key, Plaintext=b"x")["Code"] == "AccessDeniedException"
    grant = root.kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Encrypt"])
    sealed = carol.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert refused(carol.kms.decrypt, CiphertextBlob=sealed)["Code"] == "AccessDeniedException"
    root.kms.revoke_grant(KeyId=key, GrantId=grant["GrantId"])
    assert refused(carol.kms.encrypt, KeyId=key, Plaintext=b"x")["Code"] == "AccessDeniedException"


def test_session_and_federation_tokens(root, account):
    key = root.kms.create_key()["KeyMetadata"]["Arn"]
    dave = root.user("dave", allow(["kms:Encrypt", "sts:GetFederationToken"]))
    session = Caller.of(dave.fastness, dave.sts.get_session_token()["Credentials"])
    assert session.sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{account}:user/dave"
    session.kms.encrypt(KeyId=key, Plaintext=b"x")

    policy = document(allow("kms:*"))
    answer = dave.sts.get_federation_token(Name="guest", Policy=policy)
    guest = Caller.of(dave.fastness, answer["Credentials"])
    assert guest.sts.get_caller_identity()["Arn"] == f"arn:aws:sts::{account}:federated-user/guest"
    guest.kms.encrypt(KeyId=key, Plaintext=b"x")
    assert refused(guest.kms.disable_key, KeyId=key)["Code"] == "AccessDeniedException"


def test_what_happened_is_in_the_trail(root, account):
    key = root.kms.create_key()["KeyMetadata"]["Arn"]
    erin = root.user("erin", allow("kms:Encrypt"))
    erin.kms.encrypt(KeyId=key, Plaintext=b"very secret", EncryptionContext={"shown": "in the trail"})
    refused(erin.kms.disable_key, KeyId=key)
    found = {record["eventName"]: record for record in events(root) if record["userIdentity"].get("userName") == "erin"}

    encrypt = found["Encrypt"]
    assert encrypt["eventSource"] == "kms.amazonaws.com" and encrypt["awsRegion"] == "us-east-1"
    assert encrypt["userIdentity"]["arn"] == f"arn:aws:iam::{account}:user/erin"
    assert encrypt["requestParameters"]["encryptionContext"] == {"shown": "in the trail"}
    assert encrypt["resources"] == [{"accountId": account, "type": "AWS::KMS::Key", "ARN": key}]
    assert encrypt["responseElements"] is None and encrypt["readOnly"] is True
    assert "very secret" not in str(encrypt) and base64.b64encode(b"very secret").decode() not in str(encrypt)

    denied = found["DisableKey"]
    assert (
        denied["errorCode"] == "AccessDenied" and "not authorized to perform: kms:DisableKey" in denied["errorMessage"]
    )

    names = [
        record["eventName"]
        for record in events(root, LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": "erin"}])
    ]
    assert names == ["DisableKey", "Encrypt"]


def test_it_is_all_still_there_after_kill_and_restart(fresh):
    root = fresh.serve().root()
    key = root.kms.create_key()["KeyMetadata"]["Arn"]
    frank = root.user("frank", allow("kms:Decrypt", key))
    sealed = root.kms.encrypt(KeyId=key, Plaintext=b"still here")["CiphertextBlob"]
    before = events(root)
    fresh.kill()
    fresh.serve()
    root, frank = fresh.root(), Caller(fresh, frank.key, frank.secret)
    assert frank.kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"still here"
    assert root.kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"] == key
    after = {record["eventID"] for record in events(root)}
    assert {record["eventID"] for record in before} <= after
