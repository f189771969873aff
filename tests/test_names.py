"""Names that differ by case alone are one name: walked over every operation that takes tags or an encryption context."""

import pytest
from conftest import Caller, allow, deny, document, refused, refuses
from walk import Resources, every, method, model

# Each pair is one name to a policy. The Kelvin sign is a `k`, and the long s an `s`.
PAIRS = [("Env", "env"), ("stack", "Stac\u212a"), ("\u017ftage", "stage"), ("ΟΔΟΣ", "οδος")]

# How a service refuses tags that it cannot tell apart.
TAGS = {
    "cloudhsmv2": ("CloudHsmTagException", "differ by case alone"),
    "iam": ("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
    "kms": ("TagException", "Duplicate tag keys"),
    "secretsmanager": ("InvalidParameterException", "differ by case alone"),
    "ssm": ("ValidationException", "differ by case alone"),
    "sts": ("InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
}
# Tags that only a service may set.
RESERVED = {
    "cloudhsmv2": ("CloudHsmTagException", "reserved"),
    "iam": ("InvalidInput", "reserved prefix aws:"),
    "kms": ("TagException", "reserved"),
    "secretsmanager": ("InvalidParameterException", "reserved"),
    "ssm": ("ValidationException", "reserved"),
    "sts": ("ValidationError", "System tags"),
}
# There is no backup to copy without a device, and what looks like tags of a rotation are none.
NOT_REACHED = {("cloudhsmv2", "CopyBackupToRegion"), ("secretsmanager", "RotateSecret")}


@pytest.fixture(scope="module")
def resources(root):
    return Resources(root)


def tagged(name, value=""):
    """One tag, as KMS takes it."""
    return [{"TagKey": name, "TagValue": value}]


def tag_lists(service, operation):
    """The parameters of an operation that are lists of tags, with the names of the members of a tag."""
    shape = model(service).operation_model(operation).input_shape
    for name, member in (shape.members if shape else {}).items():
        of = getattr(member, "member", None)
        members = set(getattr(of, "members", ()) or ())
        for names in (("Key", "Value"), ("TagKey", "TagValue")):
            if members == set(names):
                yield name, names


def contexts(shape):
    """The paths of an input to encryption contexts."""
    for name, member in (getattr(shape, "members", None) or {}).items():
        if member.type_name == "map" and "EncryptionContext" in name:
            yield [name]
        elif member.type_name == "structure":
            yield from ([name, *rest] for rest in contexts(member))


@pytest.fixture(scope="module")
def tagged_role(root, account):
    """What is to be given to AssumeRole: a role that lets its sessions be tagged."""
    trust = document({"Effect": "Allow", "Principal": {"AWS": account}, "Action": ["sts:AssumeRole", "sts:TagSession"]})
    return {"RoleArn": root.iam.create_role(RoleName="to-be-tagged", AssumeRolePolicyDocument=trust)["Role"]["Arn"]}


def test_tags_that_are_the_same_are_refused(fastness, root, resources, tagged_role):
    # Root users assume no roles.
    caller = root.user("tags-twice", allow("*"))
    seen = set()
    for service, operation in every(fastness, implemented=True):
        for parameter, (key, value) in tag_lists(service, operation):
            if (service, operation) in NOT_REACHED:
                continue
            seen.add(f"{service}:{operation}")
            call = method(getattr(caller, service), operation)
            least = {**resources.input(service, operation), **(tagged_role if operation == "AssumeRole" else {})}
            for names in PAIRS:
                tags = [{key: name, value: str(number)} for number, name in enumerate(names)]
                found = refused(call, **{**least, parameter: tags})
                code, text = TAGS[service]
                assert found["Code"] == code and text in found["Message"], (service, operation, names, found)
            found = refused(call, **{**least, parameter: [{key: "aw\u017f:x", value: ""}]})
            code, text = RESERVED[service]
            assert found["Code"] == code and text in found["Message"], (service, operation, found)
    assert {"iam:TagRole", "kms:CreateKey", "sts:AssumeRole", "cloudhsmv2:CreateCluster"} <= seen


def test_encryption_contexts_that_are_ambiguous_are_refused(fastness, root, resources):
    seen = set()
    for service, operation in every(fastness, implemented=True):
        for path in contexts(model(service).operation_model(operation).input_shape):
            seen.add(operation)
            call = method(getattr(root, service), operation)
            for names in PAIRS:
                given = {name: str(number) for number, name in enumerate(names)}
                for name in reversed(path):
                    given = {name: given}
                found = refused(call, **{**resources.input(service, operation), **given})
                wrong = (operation, names, found)
                assert found["Code"] == "ValidationException" and "differ by case alone" in found["Message"], wrong
    assert {"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "CreateGrant"} <= seen


def test_a_second_tag_of_the_same_name_is_not_put_beside_the_first(root):
    key = root.kms.create_key(Tags=[{"TagKey": "env", "TagValue": "dev"}])["KeyMetadata"]["KeyId"]
    refuses("TagException", "Duplicate tag keys", root.kms.tag_resource, KeyId=key, Tags=tagged("Env", "prod"))
    root.kms.tag_resource(KeyId=key, Tags=tagged("env", "prod"))
    assert root.kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "env", "TagValue": "prod"}]
    root.iam.create_user(UserName="retagged", Tags=[{"Key": "stack", "Value": "dev"}])
    root.iam.tag_user(UserName="retagged", Tags=[{"Key": "Stac\u212a", "Value": "prod"}])
    assert root.iam.list_user_tags(UserName="retagged")["Tags"] == [{"Key": "Stac\u212a", "Value": "prod"}]


def test_what_a_request_has_twice_allows_nothing_and_denies(root):
    tags = [{"TagKey": "env", "TagValue": "dev"}, {"TagKey": "Env", "TagValue": "prod"}]
    dev = allow("kms:*", Condition={"StringEquals": {"aws:RequestTag/env": "dev"}})
    maker = root.user("maker-of-dev", dev)
    maker.kms.create_key(Tags=tags[:1])
    for given in (tags, tags[::-1]):
        assert refused(maker.kms.create_key, Tags=given)["Code"] == "AccessDeniedException"
    prod = deny("kms:*", Condition={"StringEquals": {"aws:RequestTag/env": "prod"}})
    root.iam.create_user(UserName="not-of-prod")
    root.iam.put_user_policy(UserName="not-of-prod", PolicyName="p", PolicyDocument=document(allow("kms:*"), prod))
    other = Caller.of(root.fastness, root.iam.create_access_key(UserName="not-of-prod")["AccessKey"])
    for given in (tags, tags[::-1]):
        assert refused(other.kms.create_key, Tags=given)["Code"] == "AccessDeniedException"


def test_a_transitive_tag_is_not_overridden_under_the_same_name(root):
    account = root.sts.get_caller_identity()["Account"]
    admin = root.user("chain-of-names", allow("sts:*"))
    trust = document({"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:*"})
    roles = []
    for name in ("name-first", "name-second"):
        roles.append(root.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
        root.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow("sts:*")))
    answer = admin.sts.assume_role(
        RoleArn=roles[0],
        RoleSessionName="first",
        Tags=[{"Key": "stack", "Value": "dev"}],
        TransitiveTagKeys=["STAC\u212a"],
    )
    first = Caller.of(root.fastness, answer["Credentials"])
    second = {"RoleArn": roles[1], "RoleSessionName": "second"}
    first.sts.assume_role(**second)
    for name in ("stack", "STACK", "Stac\u212a"):
        message = "conflicts with a transitive tag key from the calling session"
        tags = [{"Key": name, "Value": "prod"}]
        refuses("InvalidParameterValue", message, first.sts.assume_role, **second, Tags=tags)


def test_a_deny_on_a_list_without_set_operator_applies(root):
    """`StringEquals` on `aws:TagKeys` is not documented to match anything: a doubt, which denies."""
    on_secret = {"StringEquals": {"aws:TagKeys": "secret"}}
    root.iam.create_user(UserName="no-secrets")
    policy = document(allow("kms:*"), deny("kms:*", Condition=on_secret))
    root.iam.put_user_policy(UserName="no-secrets", PolicyName="p", PolicyDocument=policy)
    denied = Caller.of(root.fastness, root.iam.create_access_key(UserName="no-secrets")["AccessKey"])
    denied.kms.create_key(Tags=tagged("open"))
    assert refused(denied.kms.create_key, Tags=tagged("secret"))["Code"] == "AccessDeniedException"
    allowed = root.user("secrets-alone", allow("kms:*", Condition=on_secret))
    assert refused(allowed.kms.create_key, Tags=tagged("secret"))["Code"] == "AccessDeniedException"
