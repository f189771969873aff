"""STS: what sessions may and may not do."""

from datetime import datetime, timedelta, timezone

from conftest import Caller, allow, document, refused, refuses

NOWHERE = "00000000-0000-0000-0000-000000000000"


def test_sessions_are_bounded(root, trust, account, key):
    admin = root.user("admin", allow("*"))
    role = root.iam.create_role(RoleName="short", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    root.iam.put_role_policy(RoleName="short", PolicyName="p", PolicyDocument=document(allow("kms:*")))
    sts = admin.client("sts", parameter_validation=False)
    assume = lambda **more: sts.assume_role(RoleArn=role, RoleSessionName="session", **more)  # noqa: E731
    refuses(
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        assume,
        DurationSeconds=3601,
    )
    assert refused(assume, DurationSeconds=899)["Code"] == "ValidationError"
    session = assume(DurationSeconds=900)
    left = session["Credentials"]["Expiration"] - datetime.now(timezone.utc)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15, seconds=1)
    assert session["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/short/session"
    caller = Caller.of(root.fastness, session["Credentials"])
    caller.kms.describe_key(KeyId=key)
    limited = Caller.of(root.fastness, assume(Policy=document(allow("kms:ListKeys")))["Credentials"])
    limited.kms.list_keys()
    found = refused(limited.kms.describe_key, KeyId=key)
    assert found["Message"].endswith("because no session policy allows the kms:DescribeKey action"), found
    chained = refused(caller.sts.assume_role, RoleArn=role, RoleSessionName="chain")
    assert chained["Code"] == "AccessDenied"
    assert refused(root.sts.assume_role, RoleArn=role, RoleSessionName="root")["Code"] == "AccessDenied"
    refuses(
        "AccessDenied",
        "Cannot call GetSessionToken with session credentials",
        caller.sts.get_session_token,
    )


def test_session_tags_decide(root, account, key):
    admin = root.user("tagger", allow("sts:*"))
    trust = document({"Effect": "Allow", "Principal": {"AWS": account}, "Action": ["sts:AssumeRole", "sts:TagSession"]})
    role = root.iam.create_role(RoleName="tagged-session", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    root.iam.put_role_policy(
        RoleName="tagged-session", PolicyName="p", PolicyDocument=document(allow("kms:*", Condition=condition))
    )
    for team, allowed in (("blue", True), ("red", False)):
        answer = admin.sts.assume_role(RoleArn=role, RoleSessionName=team, Tags=[{"Key": "team", "Value": team}])
        caller = Caller.of(root.fastness, answer["Credentials"])
        if allowed:
            caller.kms.describe_key(KeyId=key)
        else:
            assert refused(caller.kms.describe_key, KeyId=key)["Code"] == "AccessDeniedException"


def test_a_role_that_inherits_session_tags_has_to_let_itself_be_tagged(root, account):
    admin = root.user("chain-admin", allow("sts:*"))
    roles = {}
    for name, actions in (("chain-first", "sts:*"), ("chain-open", "sts:*"), ("chain-closed", "sts:AssumeRole")):
        trust = document({"Effect": "Allow", "Principal": {"AWS": account}, "Action": actions})
        roles[name] = {
            "RoleArn": root.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"],
            "RoleSessionName": "chain",
        }
        root.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow("sts:AssumeRole")))
    tags = {"Tags": [{"Key": "team", "Value": "blue"}]}
    for transitive, open_role in (({}, True), ({"TransitiveTagKeys": ["team"]}, False)):
        first = admin.sts.assume_role(**roles["chain-first"], **tags, **transitive)["Credentials"]
        first = Caller.of(root.fastness, first)
        # The trust policy names the account, so that the caller has to be allowed as well, and is not allowed to tag.
        for name in ("chain-open", "chain-closed"):
            if open_role:
                first.sts.assume_role(**roles[name])
            else:
                message = f"is not authorized to perform: sts:TagSession on resource: {roles[name]['RoleArn']}"
                refuses("AccessDenied", message, first.sts.assume_role, **roles[name])
    root.iam.put_role_policy(RoleName="chain-first", PolicyName="p", PolicyDocument=document(allow("sts:*")))
    first.sts.assume_role(**roles["chain-open"])
    assert refused(first.sts.assume_role, **roles["chain-closed"])["Code"] == "AccessDenied"


def test_what_sessions_may_not_call(root, account):
    """The restrictions that the STS API reference lists under GetSessionToken and GetFederationToken."""
    admin = root.user("issuer", allow("*"))
    trust = document({"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"})
    role = {"RoleArn": root.iam.create_role(RoleName="issued", AssumeRolePolicyDocument=trust)["Role"]["Arn"]}
    session = Caller.of(root.fastness, admin.sts.get_session_token()["Credentials"])
    guest = admin.sts.get_federation_token(Name="guest", Policy=document(allow("*")))
    guest = Caller.of(root.fastness, guest["Credentials"])
    for caller in (session, guest):
        caller.kms.list_keys()
        assert refused(caller.iam.list_users)["Code"] == "InvalidClientTokenId"
        for name, call, parameters in (
            ("GetSessionToken", caller.sts.get_session_token, {}),
            ("GetFederationToken", caller.sts.get_federation_token, {"Name": "more"}),
        ):
            refuses("AccessDenied", f"Cannot call {name} with session credentials", call, **parameters)
    session.sts.assume_role(**role, RoleSessionName="session")
    assert refused(guest.sts.assume_role, **role, RoleSessionName="guest")["Code"] == "AccessDenied"


def test_a_federated_user_has_what_both_sides_allow(root):
    user = root.user("modest", allow(["sts:GetFederationToken", "kms:ListKeys"]))
    for policy, allowed in ((document(allow("*")), True), (document(allow("iam:*")), False), (None, False)):
        parameters = {"Policy": policy} if policy else {}
        guest = Caller.of(root.fastness, user.sts.get_federation_token(Name="guest", **parameters)["Credentials"])
        if allowed:
            guest.kms.list_keys()
        else:
            assert refused(guest.kms.list_keys)["Code"] == "AccessDeniedException"
        assert refused(guest.kms.create_key)["Code"] == "AccessDeniedException"


def test_a_role_is_assumed_by_its_whole_arn_and_on_its_conditions(root, account):
    admin = root.user("assumer", allow("*"))
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    condition = {"Condition": {"StringEquals": {"sts:ExternalId": "agreed"}}}
    root.iam.create_role(RoleName="deep", Path="/a/b/", AssumeRolePolicyDocument=document({**trust, **condition}))
    for arn, external, allowed in (
        (f"arn:aws:iam::{account}:role/a/b/deep", "agreed", True),
        (f"arn:aws:iam::{account}:role/a/b/deep", "other", False),
        (f"arn:aws:iam::{account}:role/a/b/deep", None, False),
        (f"arn:aws:iam::{account}:role/deep", "agreed", False),
        (f"arn:aws:iam::{account}:role/absent", "agreed", False),
        ("arn:aws:iam::111122223333:role/a/b/deep", "agreed", False),
    ):
        parameters = {"RoleArn": arn, "RoleSessionName": "session", **({"ExternalId": external} if external else {})}
        if allowed:
            admin.sts.assume_role(**parameters)
        else:
            found = refused(admin.sts.assume_role, **parameters)
            assert found["Code"] == "AccessDenied" and f"sts:AssumeRole on resource: {arn}" in found["Message"]


def test_policies_mean_who_was_there_when_they_were_written(root, account):
    """A user or role that is deleted and made again under the same name is another one."""
    iam, kms = root.iam, root.kms
    arn = f"arn:aws:iam::{account}:user/pinned"
    id = iam.create_user(UserName="pinned")["User"]["UserId"]
    trust = document({"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="pinning", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    everything = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    policy = document(everything, {**allow("kms:Encrypt"), "Principal": {"AWS": arn}})
    key = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
    kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Decrypt"])
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]

    def attempts(caller):
        yield caller.sts.assume_role, {"RoleArn": role, "RoleSessionName": "session"}
        yield caller.kms.encrypt, {"KeyId": key, "Plaintext": b"x"}
        yield caller.kms.decrypt, {"CiphertextBlob": blob}

    secret = iam.create_access_key(UserName="pinned")["AccessKey"]
    for call, parameters in attempts(Caller.of(root.fastness, secret)):
        call(**parameters)
    assert arn in kms.get_key_policy(KeyId=key)["Policy"]
    iam.delete_access_key(UserName="pinned", AccessKeyId=secret["AccessKeyId"])
    iam.delete_user(UserName="pinned")
    shown = iam.get_role(RoleName="pinning")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": id} and id in kms.get_key_policy(KeyId=key)["Policy"]
    for call, parameters in attempts(root.user("pinned")):
        assert refused(call, **parameters)["Code"] in ("AccessDenied", "AccessDeniedException")

    admin = root.user("pin-admin", allow("*"))
    trust = document({"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="again", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    session = admin.sts.assume_role(RoleArn=role, RoleSessionName="before")["Credentials"]
    iam.delete_role(RoleName="again")
    iam.create_role(RoleName="again", AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName="again", PolicyName="p", PolicyDocument=document(allow("*")))
    assert refused(Caller.of(root.fastness, session).iam.list_users)["Code"] == "InvalidClientTokenId"


def test_whether_something_exists_is_told_to_those_who_may_know(root, account):
    nobody = root.user("curious")
    for name in ("curious", "absent"):
        found = refused(nobody.iam.get_user, UserName=name)
        assert found["Message"].startswith(
            f"User: arn:aws:iam::{account}:user/curious is not authorized to perform: iam:GetUser "
            f"on resource: user {name} because"
        )
    foreign = f"arn:aws:kms:us-east-1:111122223333:key/{NOWHERE}"
    assert refused(root.kms.describe_key, KeyId=foreign)["Code"] == "AccessDeniedException"
