"""Why a call was denied: `fastness why` and DecodeAuthorizationMessage name what decided, and what they suggest works."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from conftest import Caller, allow, deny, document, events, refused

HEADER = "x-fastness-authorization-message"


@pytest.fixture(scope="module")
def world(root, account):
    """A key whose policy leaves permissions to the account, and one whose policy does not."""
    key = root.kms.create_key()["KeyMetadata"]["Arn"]
    return {"root": root, "account": account, "key": key}


def why(root, request_id, *flags):
    return root.fastness.run("why", request_id, "--data", str(root.fastness.data), *flags).stdout


def explained(root, request_id):
    return json.loads(why(root, request_id, "--json"))["denial"]


def in_order(text, *words):
    at = 0
    for word in words:
        found = text.find(word, at)
        assert found >= 0, f"no {word!r} (in this order) in\n{text}"
        at = found + len(word)


class Applier:
    """Makes suggested changes with the API, as an administrator would."""

    def __init__(self, root, user=None, role=None, key=None):
        self.root, self.user, self.role, self.key = root, user, role, key

    def documents(self, target):
        """A document, and how to put another in its place."""
        iam, kms, kind, name = self.root.iam, self.root.kms, target["kind"], target["policy"]
        if kind == "key":
            return (
                json.loads(kms.get_key_policy(KeyId=self.key)["Policy"]),
                lambda text: kms.put_key_policy(KeyId=self.key, Policy=text),
            )
        if kind == "trust":
            return (
                iam.get_role(RoleName=self.role)["Role"]["AssumeRolePolicyDocument"],
                lambda text: iam.update_assume_role_policy(RoleName=self.role, PolicyDocument=text),
            )
        if "arn" in name:
            arn = name["arn"]
            # The version that the change before made.
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            held = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            return held, lambda text: iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)
        policy = name["name"].split("`")[1]
        place = {"UserName": self.user, "PolicyName": policy}
        return iam.get_user_policy(**place)["PolicyDocument"], lambda text: iam.put_user_policy(
            **place, PolicyDocument=text
        )

    def make(self, change, parameters):
        what = change["change"]
        if what == "call":
            self.call(change, parameters)
            return
        if what == "new-policy":
            assert change["kind"] == "identity"
            self.root.iam.put_user_policy(
                UserName=self.user, PolicyName="suggested", PolicyDocument=document(change["statement"])
            )
            return
        at = change.get("at") or change["to"]
        held, put = self.documents(at)
        statements = held["Statement"] if isinstance(held["Statement"], list) else [held["Statement"]]
        held["Statement"] = statements
        if what == "add-statement":
            statements.append(change["statement"])
        elif what == "remove-statement":
            del statements[at["statement"]]
        elif what == "add-values":
            *above, last = change["element"]
            parent = statements[at["statement"]]
            for name in above:
                parent = parent[name]
            values = parent.get(last, [])
            parent[last] = (values if isinstance(values, list) else [values]) + change["values"]
        elif what == "add-condition":
            condition = statements[at["statement"]].setdefault("Condition", {})
            condition.setdefault(change["operator"], {})[change["key"]] = change["value"]
        elif what == "remove-value":
            statements[at["statement"]][change["element"]].remove(change["value"])
        else:
            raise AssertionError(change)
        put(json.dumps(held))


    @staticmethod
    def call(change, parameters):
        """Changes the parameters of the call."""
        pair = "kms:EncryptionContext:"
        context = dict(parameters.get("EncryptionContext", {}))
        for chosen in change.get("with", []):
            assert chosen["key"].startswith(pair), change
            context[chosen["key"].removeprefix(pair)] = chosen["value"]
        for key in change.get("without", []):
            del context[key.removeprefix(pair)]
        parameters["EncryptionContext"] = context


def suggested_works(root, applier, call, **parameters):
    """Refuses a call, makes what is suggested, and requires that it succeeds then. Gives the explanation."""
    error = refused(call, **parameters)
    found = explained(root, error["RequestId"])
    assert found["explanation"]["change"], found
    for change in found["explanation"]["change"]:
        applier.make(change, parameters)
    call(**parameters)
    return found, why(root, error["RequestId"])


def test_nothing_allows_it(world):
    root, key = world["root"], world["key"]
    user = root.user("none")
    found, text = suggested_works(root, Applier(root, user="none"), user.kms.describe_key, KeyId=key)
    assert (found["action"], found["resource"]) == ("kms:DescribeKey", key)
    assert found["explanation"]["decision"] == "implicit-deny"
    in_order(
        text,
        f"caller     arn:aws:iam::{world['account']}:user/none (AIDA",
        "action     kms:DescribeKey",
        f"resource   {key}",
        "decision   DENIED: no identity-based policy allows it",
        f"the key policy of {key}",
        "applies, to those whom their own policies allow it as well",
        "1. attach a new identity-based policy with:",
        '"Action":"kms:DescribeKey"',
        key,
        "aws:SourceIp",
        "127.0.0.1",
    )


def test_a_condition_with_its_values(world):
    root, key = world["root"], world["key"]
    office = allow("kms:*", Sid="Office", Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})
    user = root.user("office", office)
    found, text = suggested_works(root, Applier(root, user="office"), user.kms.describe_key, KeyId=key)
    [report] = [report for report in found["explanation"]["policies"] if report["kind"] == "identity"]
    assert report["policy"]["name"] == "inline policy `inline` of user office"
    [statement] = report["statements"]
    assert statement["sid"] == "Office"
    assert statement["failures"] == [
        {
            "element": "Condition",
            "operator": "IpAddress",
            "key": "aws:SourceIp",
            "policy": ["203.0.113.0/24"],
            "request": ["127.0.0.1"],
        }
    ]
    in_order(
        text,
        "Allow statement `Office` does not apply:",
        "Condition IpAddress aws:SourceIp",
        "policy   203.0.113.0/24",
        "request  127.0.0.1",
        "in statement `Office` of inline policy `inline` of user office, add to Condition IpAddress aws:SourceIp: 127.0.0.1",
    )


def test_an_encryption_context_that_the_caller_can_give(world):
    root, key = world["root"], world["key"]
    user = root.user("context", allow("kms:*", Condition={"StringEquals": {"kms:EncryptionContext:app": "prod"}}))
    secret = b"the plaintext must not be found"
    error = refused(user.kms.encrypt, KeyId=key, Plaintext=secret, EncryptionContext={"app": "test"})
    text = why(root, error["RequestId"])
    in_order(
        text,
        "policy   prod",
        "request  test",
        "1. make the call with kms:EncryptionContext:app = prod",
        "kms:EncryptionContext:app",
    )
    user.kms.encrypt(KeyId=key, Plaintext=secret, EncryptionContext={"app": "prod"})
    whole = why(root, error["RequestId"], "--json")
    for leaked in (secret.decode(), "dGhlIHBsYWludGV4dCBtdXN0", user.secret):
        assert leaked not in whole + text


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (deny("kms:DescribeKey", Sid="No"), "remove statement `No`"),
        (deny(["kms:DescribeKey", "kms:Sign"], Sid="No"), "take kms:DescribeKey out of Action"),
        (
            deny("kms:*", Sid="No", Condition={"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}),
            "add to Condition NotIpAddress aws:SourceIp: 127.0.0.1",
        ),
    ],
)
def test_an_explicit_deny_of_an_identity_policy(world, statement, words, request):
    root, key = world["root"], world["key"]
    name = f"denied-{request.node.callspec.indices['words']}"
    root.iam.create_user(UserName=name)
    root.iam.put_user_policy(
        UserName=name, PolicyName="guard", PolicyDocument=document(allow("kms:*", Sid="Yes"), statement)
    )
    user = Caller.of(root.fastness, root.iam.create_access_key(UserName=name)["AccessKey"])
    found, text = suggested_works(root, Applier(root, user=name), user.kms.describe_key, KeyId=key)
    assert found["explanation"]["decision"] == "explicit-deny"
    assert found["explanation"]["statement"]["sid"] == "No"
    in_order(text, f"DENIED by statement `No` of inline policy `guard` of user {name}", '"Sid": "No"', words)


def test_the_key_policy(world):
    root, account = world["root"], world["account"]
    policy = document(
        {
            "Sid": "Admin",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {"Sid": "Never", "Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"},
    )
    key = root.kms.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    user = root.user("keyed", allow("kms:*"))
    applier = Applier(root, user="keyed", key=key)
    found, text = suggested_works(root, applier, user.kms.encrypt, KeyId=key, Plaintext=b"x")
    assert found["explanation"]["statement"]["sid"] == "Never" and found["explanation"]["kind"] == "key"
    in_order(text, f"DENIED by statement `Never` of the key policy of {key}", "aws:PrincipalArn", "user/keyed")
    # Everybody else is denied as before.
    other = root.user("keyed-other", allow("kms:*"))
    refused(other.kms.encrypt, KeyId=key, Plaintext=b"x")


def test_a_key_policy_that_leaves_nothing_to_the_account(world):
    root, account = world["root"], world["account"]
    owner = root.user("owner", allow("kms:*"))
    only = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:user/owner"}, "Action": "kms:*", "Resource": "*"}
    key = owner.kms.create_key(Policy=document(only))["KeyMetadata"]["Arn"]
    user = root.user("outside", allow("kms:*"))
    applier = Applier(owner, user="outside", key=key)
    found, text = suggested_works(root, applier, user.kms.describe_key, KeyId=key)
    assert found["explanation"]["kind"] == "key"
    in_order(text, "DENIED: no resource-based policy allows it", "Principal", "add to the key policy of")


def test_a_boundary(world):
    root, key = world["root"], world["key"]
    user = root.user("bounded", allow("kms:*"))
    limit = root.iam.create_policy(PolicyName="limit", PolicyDocument=document(allow("iam:*", Sid="Iam")))["Policy"]["Arn"]
    root.iam.put_user_permissions_boundary(UserName="bounded", PermissionsBoundary=limit)
    applier = Applier(root, user="bounded")
    found, text = suggested_works(root, applier, user.kms.describe_key, KeyId=key)
    assert found["explanation"]["kind"] == "boundary"
    in_order(
        text,
        "DENIED: no permissions boundary allows it",
        "permissions boundary managed policy limit (v1) of user bounded",
        "add to permissions boundary managed policy limit (v1) of user bounded",
    )
    root.iam.create_policy_version(
        PolicyArn=limit,
        PolicyDocument=document(allow("*"), deny("kms:*", Sid="NoKeys")),
        SetAsDefault=True,
    )
    found, text = suggested_works(root, applier, user.kms.describe_key, KeyId=key)
    in_order(text, "DENIED by statement `NoKeys` of permissions boundary managed policy limit (v3) of user bounded")


def test_a_boundary_is_loosened_before_it_is_taken_away(world):
    root, key = world["root"], world["key"]
    user = root.user("guarded", allow("*"))
    guard = document(allow(["iam:*", "s3:*"]), deny("kms:Encrypt", Sid="BDeny"))
    limit = root.iam.create_policy(PolicyName="guard", PolicyDocument=guard)["Policy"]["Arn"]
    root.iam.put_user_permissions_boundary(UserName="guarded", PermissionsBoundary=limit)
    found, text = suggested_works(root, Applier(root, user="guarded"), user.kms.encrypt, KeyId=key, Plaintext=b"x")
    assert [change["change"] for change in found["explanation"]["change"]] == ["remove-statement", "add-statement"]
    name = "permissions boundary managed policy guard (v1) of user guarded"
    in_order(text, f"1. remove statement `BDeny` of {name}", f"2. add to {name}", '"Action":"kms:Encrypt"', key)
    assert root.iam.get_user(UserName="guarded")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == limit
    # Nothing else has come through.
    refused(user.kms.decrypt, KeyId=key, CiphertextBlob=root.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"])


def test_what_nobody_can_do_is_not_suggested(world):
    root, key = world["root"], world["key"]
    user = root.user("factors", allow("kms:*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    found, text = suggested_works(root, Applier(root, user="factors"), user.kms.list_keys)
    in_order(text, "Condition Bool aws:MultiFactorAuthPresent", "policy   true", "request  absent", "1. add to inline policy")
    # DescribeKey takes no encryption context.
    user = root.user("pairs", allow("kms:*", Condition={"StringEquals": {"kms:EncryptionContext:app": "prod"}}))
    suggested_works(root, Applier(root, user="pairs"), user.kms.describe_key, KeyId=key)


def test_one_call_with_all_that_the_caller_chooses(world):
    root, key = world["root"], world["key"]
    both = {"StringEquals": {"kms:EncryptionContext:a": "1", "kms:EncryptionContext:b": "2"}}
    user = root.user("chooser", allow("kms:*", Condition=both))
    applier = Applier(root, user="chooser")
    for context in ({}, {"a": "1"}, {"a": "2", "b": "3"}):
        found, text = suggested_works(
            root, applier, user.kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context
        )
        [change] = found["explanation"]["change"]
        assert change["change"] == "call"
    in_order(text, "1. make the call with kms:EncryptionContext:a = 1 and kms:EncryptionContext:b = 2\n")
    # A ciphertext has the context that it was made with.
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "1", "b": "2"})["CiphertextBlob"]
    _, text = suggested_works(root, applier, user.kms.decrypt, CiphertextBlob=blob)
    in_order(text, "kms:EncryptionContext:b = 2, if the ciphertext was made with it")
    other = {"a": "2"}
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=other)["CiphertextBlob"]
    suggested_works(root, applier, user.kms.decrypt, CiphertextBlob=blob, EncryptionContext=other)


def test_the_conditions_of_a_statement_that_denies(world):
    root, key = world["root"], world["key"]
    conditions = {
        "BoolIfExists": {"aws:MultiFactorAuthPresent": "false"},
        "StringNotEquals": {"kms:EncryptionContext:app": ["prod", "test"]},
        "NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"},
    }
    user = root.user("conditions", deny("kms:Encrypt", Sid="No", Condition=conditions))
    root.iam.put_user_policy(UserName="conditions", PolicyName="all", PolicyDocument=document(allow("kms:*")))
    found, text = suggested_works(root, Applier(root, user="conditions"), user.kms.encrypt, KeyId=key, Plaintext=b"x")
    told = found["explanation"]["statement"]["conditions"]
    assert [(item["operator"], item["key"], item["policy"], item["request"]) for item in told] == [
        ("BoolIfExists", "aws:MultiFactorAuthPresent", ["false"], None),
        ("StringNotEquals", "kms:EncryptionContext:app", ["prod", "test"], None),
        ("NotIpAddress", "aws:SourceIp", ["203.0.113.0/24"], ["127.0.0.1"]),
    ]
    in_order(
        text,
        "DENIED by statement `No`",
        "Condition BoolIfExists aws:MultiFactorAuthPresent",
        "policy   false",
        "request  absent",
        "Condition NotIpAddress aws:SourceIp",
        "policy   203.0.113.0/24",
        "request  127.0.0.1",
        "least change",
    )


def test_grants(world):
    root, key = world["root"], world["key"]
    user = root.user("granted")
    arn = root.iam.get_user(UserName="granted")["User"]["Arn"]

    def grant(operations, **constraints):
        return root.kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=operations, Constraints=constraints)["GrantId"]

    others = [grant(["Decrypt"], EncryptionContextSubset={"n": str(number)}) for number in range(8)]
    equals = grant(["Encrypt"], EncryptionContextEquals={"a": "1"})
    applier = Applier(root, user="granted")
    found, text = suggested_works(
        root, applier, user.kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext={"a": "2", "b": "3"}
    )
    told = found["explanation"]["grants"]
    assert told[0]["id"] == equals and {grant["id"] for grant in told[1:]} <= set(others)
    assert told[0]["failures"] == [
        {"element": "EncryptionContextEquals", "policy": ["a=1"], "request": ["a=2", "b=3"]}
    ]
    assert (len(told), found["explanation"]["otherGrants"]) == (5, 4)
    in_order(
        text,
        "the caller's grants on the key that were looked at",
        f"grant {equals} to AIDA",
        "EncryptionContextEquals",
        "grant    a=1",
        "request  a=2, b=3",
        "Operations",
        "grant    Decrypt",
        "request  Encrypt",
        "4 others do not cover it either",
        "1. make the call with kms:EncryptionContext:a = 1, and without kms:EncryptionContext:b\n",
    )
    subset = grant(["GenerateDataKey"], EncryptionContextSubset={"team": "red"})
    call = {"KeyId": key, "NumberOfBytes": 32}
    found, _ = suggested_works(root, applier, user.kms.generate_data_key, **call)
    assert found["explanation"]["grants"][0]["id"] == subset
    suggested_works(root, applier, user.kms.generate_data_key, EncryptionContext={"team": "blue", "x": "y"}, **call)
    # The message for administrators tells of them, too, and stays a short reference.
    message, _ = encoded_of(user.kms.encrypt, KeyId=key, Plaintext=b"x")
    decoded = json.loads(root.sts.decode_authorization_message(EncodedMessage=message)["DecodedMessage"])
    assert len(message) < 1024 and decoded["explanation"]["grants"][0]["id"] == equals


def test_what_is_yet_to_be_made(world):
    root, account = world["root"], world["account"]
    user = root.user("maker", allow("kms:CreateKey"))
    found, text = suggested_works(
        root, Applier(root, user="maker"), user.kms.create_key, Tags=[{"TagKey": "a", "TagValue": "b"}]
    )
    assert found["action"] == "kms:TagResource"
    in_order(text, "1. add to inline policy", f'"Resource":"arn:aws:kms:us-east-1:{account}:key/*"')
    cluster = {"HsmType": "hsm2m.medium", "SubnetIds": ["subnet-0123456789abcdef0"], "TagList": [{"Key": "a", "Value": "b"}]}
    user = root.user("clusters", allow("cloudhsm:CreateCluster"))
    found, text = suggested_works(root, Applier(root, user="clusters"), user.client("cloudhsmv2").create_cluster, **cluster)
    assert found["action"] == "cloudhsm:TagResource"
    in_order(text, f'"Resource":"arn:aws:cloudhsm:us-east-1:{account}:cluster/*"')


def test_what_a_call_asks_for_afterwards(world, trust):
    root, account, key = world["root"], world["account"], world["key"]
    other = root.kms.create_key()["KeyMetadata"]["Arn"]
    root.kms.create_alias(AliasName="alias/moved", TargetKeyId=key)
    root.iam.create_role(RoleName="tagged", AssumeRolePolicyDocument=trust)
    role = f"arn:aws:iam::{account}:role/tagged"
    root.iam.create_instance_profile(InstanceProfileName="profile")
    user, applier = root.user("steps"), Applier(root, user="steps", role="tagged")
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    tags = [{"Key": "a", "Value": "b"}]
    for call, parameters, further in [
        (user.kms.re_encrypt, {"CiphertextBlob": blob, "DestinationKeyId": other}, [("kms:ReEncryptTo", other)]),
        (
            user.kms.update_alias,
            {"AliasName": "alias/moved", "TargetKeyId": other},
            [("kms:UpdateAlias", "the key that the alias stands for"), ("kms:UpdateAlias", other)],
        ),
        (
            user.kms.create_key,
            {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
            [("kms:TagResource", f"arn:aws:kms:us-east-1:{account}:key/*")],
        ),
        (
            user.sts.assume_role,
            {"RoleArn": role, "RoleSessionName": "ses", "Tags": tags, "SourceIdentity": "me"},
            [("sts:TagSession", role), ("sts:SetSourceIdentity", role)],
        ),
        (
            user.iam.create_user,
            {"UserName": "made", "Tags": tags},
            [("iam:TagUser", f"arn:aws:iam::{account}:user/made")],
        ),
        (
            user.iam.add_role_to_instance_profile,
            {"InstanceProfileName": "profile", "RoleName": "tagged"},
            [("iam:PassRole", "tagged")],
        ),
    ]:
        # Each denial tells the same, less what it was of itself.
        left = further
        for _ in range(len(further) + 1):
            error = refused(call, **parameters)
            found = explained(root, error["RequestId"])
            explanation = found["explanation"]
            assert [(item["action"], item["resource"]) for item in explanation.get("further", [])] == left
            text = why(root, error["RequestId"])
            if left:
                in_order(text, "least change", "the call asks for more after this", f"{left[0][0]} on {left[0][1]}")
            else:
                assert "asks for more" not in text
            left = left[1:]
            for change in explanation["change"]:
                applier.make(change, parameters)
        call(**parameters)


def test_a_session(world, trust):
    root, key = world["root"], world["key"]
    role = root.iam.create_role(RoleName="app", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    root.iam.put_role_policy(RoleName="app", PolicyName="p", PolicyDocument=document(allow("kms:*")))
    operator = root.user("operator", allow("sts:AssumeRole"))

    def session(*statements):
        policy = {"Policy": document(*statements)} if statements else {}
        answer = operator.sts.assume_role(RoleArn=role, RoleSessionName="ses", **policy)
        return Caller.of(root.fastness, answer["Credentials"])

    error = refused(session(allow("kms:Encrypt")).kms.describe_key, KeyId=key)
    found, text = explained(root, error["RequestId"]), why(root, error["RequestId"])
    assert found["explanation"]["kind"] == "session"
    in_order(
        text, "DENIED: no session policy allows it", "the session policy that the session was made with", "1. add to"
    )
    [change] = found["explanation"]["change"]
    session(allow("kms:Encrypt"), change["statement"]).kms.describe_key(KeyId=key)

    error = refused(session(allow("kms:*"), deny("kms:Desc*", Sid="NoLook")).kms.describe_key, KeyId=key)
    in_order(why(root, error["RequestId"]), "DENIED by statement `NoLook` of the session policy", "remove statement `NoLook`")
    session(allow("kms:*")).kms.describe_key(KeyId=key)


def test_a_trust_policy(world):
    root, account = world["root"], world["account"]
    trust = document(
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole",
         "Condition": {"StringEquals": {"sts:ExternalId": "agreed"}}}
    )
    role = root.iam.create_role(RoleName="partner", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    user = root.user("partner", allow("sts:AssumeRole"))
    error = refused(user.sts.assume_role, RoleArn=role, RoleSessionName="ses")
    in_order(
        why(root, error["RequestId"]),
        "DENIED: no role trust policy allows it",
        f"the trust policy of {role}",
        "Condition StringEquals sts:ExternalId",
        "request  absent",
        "1. make the call with sts:ExternalId = agreed",
    )
    user.sts.assume_role(RoleArn=role, RoleSessionName="ses", ExternalId="agreed")


def test_an_iam_action(world):
    root = world["root"]
    user = root.user("reader", allow("iam:GetUser", f"arn:aws:iam::{world['account']}:user/reader"))
    applier = Applier(root, user="reader")
    found, text = suggested_works(root, applier, user.iam.list_access_keys, UserName="reader")
    in_order(text, "in statement 1 (it has no Sid) of inline policy `inline` of user reader, add to Action: iam:ListAccessKeys")
    root.user("read")
    found, _ = suggested_works(root, applier, user.iam.get_user, UserName="read")
    assert found["resource"].endswith(":user/read")


def encoded_of(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    metadata = caught.value.response["ResponseMetadata"]
    return metadata["HTTPHeaders"][HEADER], metadata["RequestId"]


def test_decoding_with_boto3_and_the_cli(world):
    root, key, account = world["root"], world["key"], world["account"]
    guard = {"StringEquals": {"kms:CallerAccount": account}}
    user = root.user("decoded", deny("kms:DescribeKey", Sid="No", Condition=guard))
    message, request_id = encoded_of(user.kms.describe_key, KeyId=key)
    assert len(message) < 1024
    decoded = json.loads(root.sts.decode_authorization_message(EncodedMessage=message)["DecodedMessage"])
    user_id = root.iam.get_user(UserName="decoded")["User"]["UserId"]
    conditions = {item["key"]: [value["value"] for value in item["values"]["items"]]
                  for item in decoded["context"].pop("conditions")["items"]}
    assert conditions["kms:CallerAccount"] == [account] and conditions["aws:SourceIp"] == ["127.0.0.1"]
    explanation = decoded.pop("explanation")
    assert explanation["statement"]["sid"] == "No"
    assert decoded == {
        "allowed": False,
        "explicitDeny": True,
        "matchedStatements": {
            "items": [
                {
                    "statementId": "No",
                    "effect": "DENY",
                    "principals": {"items": [{"value": user_id}]},
                    "principalGroups": {"items": []},
                    "actions": {"items": [{"value": "kms:DescribeKey"}]},
                    "resources": {"items": [{"value": "*"}]},
                    "conditions": {"items": [{"key": "kms:CallerAccount", "values": {"items": [{"value": account}]}}]},
                }
            ]
        },
        "failures": {"items": []},
        "context": {
            "principal": {"id": user_id, "arn": f"arn:aws:iam::{account}:user/decoded"},
            "action": "kms:DescribeKey",
            "resource": key,
        },
    }
    # The same, from the operator's message and with the AWS CLI.
    again = why(root, request_id, "--encoded").strip()
    command = Path(sys.executable).with_name("aws")
    out = subprocess.run(
        [command, "sts", "decode-authorization-message", "--encoded-message", again, "--query", "DecodedMessage", "--output", "text"],
        env=root.environment(), capture_output=True, text=True, check=True, timeout=60,
    ).stdout
    assert json.loads(out)["explanation"] == explanation


def test_a_message_is_decoded_only_whole_and_with_permission(world):
    root, key = world["root"], world["key"]
    user = root.user("undecoded")
    message, _ = encoded_of(user.kms.describe_key, KeyId=key)
    assert refused(user.sts.decode_authorization_message, EncodedMessage=message)["Code"] == "AccessDenied"
    for wrong in ("x", message[:-2], message[:-4] + "AAAA", message + "AAAA", "A" * 10_240, "é"):
        error = refused(root.sts.decode_authorization_message, EncodedMessage=wrong)
        assert (error["Code"], error["Status"]) == ("InvalidAuthorizationMessageException", 400), wrong
    session = Caller.of(root.fastness, root.user("borrower", allow("sts:*")).sts.get_session_token()["Credentials"])
    assert refused(session.sts.decode_authorization_message, EncodedMessage=message)["Code"] == "AccessDenied"


def test_only_denials_carry_a_message(world):
    root, key = world["root"], world["key"]
    assert HEADER not in root.kms.describe_key(KeyId=key)["ResponseMetadata"]["HTTPHeaders"]
    with pytest.raises(ClientError) as caught:
        root.kms.describe_key(KeyId="alias/none")
    assert HEADER not in caught.value.response["ResponseMetadata"]["HTTPHeaders"]


def test_what_policies_did_not_decide(world):
    root, key = world["root"], world["key"]
    fine = root.kms.describe_key(KeyId=key)["ResponseMetadata"]["RequestId"]
    in_order(why(root, fine), "operation  kms:DescribeKey", key, "decision   ALLOWED, and done")
    failed = refused(root.kms.describe_key, KeyId="alias/none")["RequestId"]
    in_order(why(root, failed), "failed     NotFoundException", "It did not fail for want of a permission")
    ruled = refused(root.sts.assume_role, RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="ses")["RequestId"]
    in_order(why(root, ruled), "DENIED: Roles may not be assumed by root accounts.", "a rule of the service")
    unknown = root.fastness.run(
        "why", "00000000-0000-4000-8000-000000000000", "--data", str(root.fastness.data), check=False
    )
    assert unknown.returncode == 3 and "no request 00000000" in unknown.stderr and not unknown.stdout
    # Who asked is on record.
    asked = [event for event in events(root) if event["eventName"] == "ExplainRequest"]
    assert any(event["serviceEventDetails"].get("requestId") == fine for event in asked)


def test_the_explanation_is_of_the_time_and_survives_the_server(fresh):
    root = fresh.serve().root()
    user = root.user("early", deny("kms:ListKeys", Sid="Then"))
    request_id = refused(user.kms.list_keys)["RequestId"]
    root.iam.put_user_policy(UserName="early", PolicyName="inline", PolicyDocument=document(allow("kms:ListKeys")))
    user.kms.list_keys()
    in_order(why(root, request_id), "DENIED by statement `Then`")
    fresh.stop()
    # Nobody serves it: the command opens the store itself.
    in_order(why(root, request_id), "DENIED by statement `Then`")
    root = fresh.serve().root()
    user = Caller(fresh, user.key, user.secret)
    root.iam.put_user_policy(UserName="early", PolicyName="inline", PolicyDocument=document(allow("kms:Encrypt")))
    later = refused(user.kms.list_keys)["RequestId"]
    # A denial after the start does not take the place of one before it.
    in_order(why(root, request_id), "DENIED by statement `Then`")
    in_order(why(root, later), "DENIED: no identity-based policy")
