"""How faithfully the services behave: lists, limits, states, conflicts and wordings, as AWS documents them."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError
from conftest import Caller, allow, deny, document, events, record, refused

NOWHERE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def key(root):
    return root.kms.create_key()["KeyMetadata"]["KeyId"]


@pytest.fixture(scope="module")
def trust(account):
    return document({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"})


def error(code, message, call, **parameters):
    found = refused(call, **parameters)
    assert found["Code"] == code and message in found["Message"], found


# Lists


def many(prefix, count=5):
    return [f"{prefix}-{number}" for number in range(count)]


@pytest.fixture(scope="module")
def crowd(root, trust, account):
    """Several of everything."""
    iam, kms = root.iam, root.kms
    policy = document(allow("s3:GetObject"))
    iam.create_user(UserName="crowd")
    iam.create_group(GroupName="crowd")
    iam.create_role(RoleName="crowd", AssumeRolePolicyDocument=trust)
    arns = []
    for name in many("crowd"):
        iam.create_user(UserName=name, Path="/crowd/")
        iam.create_group(GroupName=name, Path="/crowd/")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Path="/crowd/")
        iam.create_instance_profile(InstanceProfileName=name, Path="/crowd/")
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="crowd")
        iam.add_user_to_group(GroupName=name, UserName="crowd")
        iam.add_user_to_group(GroupName="crowd", UserName=name)
        arns.append(iam.create_policy(PolicyName=name, PolicyDocument=policy, Path="/crowd/")["Policy"]["Arn"])
        iam.put_user_policy(UserName="crowd", PolicyName=name, PolicyDocument=policy)
        iam.put_group_policy(GroupName="crowd", PolicyName=name, PolicyDocument=policy)
        iam.put_role_policy(RoleName="crowd", PolicyName=name, PolicyDocument=policy)
        iam.attach_user_policy(UserName="crowd", PolicyArn=arns[-1])
        iam.attach_group_policy(GroupName="crowd", PolicyArn=arns[-1])
        iam.attach_role_policy(RoleName="crowd", PolicyArn=arns[-1])
        iam.attach_user_policy(UserName=name, PolicyArn=arns[0])
        tags = [{"Key": name, "Value": "x"}]
        iam.tag_user(UserName="crowd", Tags=tags)
        iam.tag_role(RoleName="crowd", Tags=tags)
        iam.tag_policy(PolicyArn=arns[0], Tags=tags)
        iam.tag_instance_profile(InstanceProfileName="crowd-0", Tags=tags)
    for _ in range(4):
        iam.create_policy_version(PolicyArn=arns[0], PolicyDocument=policy)
    for _ in range(2):
        iam.create_access_key(UserName="crowd")
    key = kms.create_key(Tags=[{"TagKey": name, "TagValue": "x"} for name in many("crowd")])["KeyMetadata"]["KeyId"]
    arn = f"arn:aws:iam::{account}:user/crowd"
    for name in many("crowd"):
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key)
        kms.create_grant(KeyId=key, GranteePrincipal=arn, RetiringPrincipal=arn, Operations=["Encrypt"], Name=name)
        kms.rotate_key_on_demand(KeyId=key)
        kms.create_key()
    return {"policy": arns[0], "key": key, "arn": arn}


# Operation, list in the answer, what names an element, parameters, how many there are.
LISTS = [
    ("iam", "list_users", "Users", "UserName", {"PathPrefix": "/crowd/"}, 5),
    ("iam", "list_groups", "Groups", "GroupName", {"PathPrefix": "/crowd/"}, 5),
    ("iam", "list_roles", "Roles", "RoleName", {"PathPrefix": "/crowd/"}, 5),
    ("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName", {"PathPrefix": "/crowd/"}, 5),
    ("iam", "list_instance_profiles_for_role", "InstanceProfiles", "InstanceProfileName", {"RoleName": "crowd"}, 5),
    ("iam", "list_policies", "Policies", "PolicyName", {"Scope": "Local", "PathPrefix": "/crowd/"}, 5),
    ("iam", "list_policy_versions", "Versions", "VersionId", {"PolicyArn": "policy"}, 5),
    ("iam", "list_policy_tags", "Tags", "Key", {"PolicyArn": "policy"}, 5),
    ("iam", "list_groups_for_user", "Groups", "GroupName", {"UserName": "crowd"}, 5),
    ("iam", "get_group", "Users", "UserName", {"GroupName": "crowd"}, 5),
    ("iam", "list_user_policies", "PolicyNames", None, {"UserName": "crowd"}, 5),
    ("iam", "list_group_policies", "PolicyNames", None, {"GroupName": "crowd"}, 5),
    ("iam", "list_role_policies", "PolicyNames", None, {"RoleName": "crowd"}, 5),
    ("iam", "list_attached_user_policies", "AttachedPolicies", "PolicyName", {"UserName": "crowd"}, 5),
    ("iam", "list_attached_group_policies", "AttachedPolicies", "PolicyName", {"GroupName": "crowd"}, 5),
    ("iam", "list_attached_role_policies", "AttachedPolicies", "PolicyName", {"RoleName": "crowd"}, 5),
    ("iam", "list_entities_for_policy", "PolicyUsers", "UserName", {"PolicyArn": "policy"}, 6),
    ("iam", "list_user_tags", "Tags", "Key", {"UserName": "crowd"}, 5),
    ("iam", "list_role_tags", "Tags", "Key", {"RoleName": "crowd"}, 5),
    ("iam", "list_instance_profile_tags", "Tags", "Key", {"InstanceProfileName": "crowd-0"}, 5),
    ("iam", "list_access_keys", "AccessKeyMetadata", "AccessKeyId", {"UserName": "crowd"}, 2),
    ("iam", "get_account_authorization_details", "UserDetailList", "UserName", {"Filter": ["User"]}, None),
    ("kms", "list_keys", "Keys", "KeyId", {}, None),
    ("kms", "list_aliases", "Aliases", "AliasName", {"KeyId": "key"}, 5),
    ("kms", "list_grants", "Grants", "GrantId", {"KeyId": "key"}, 5),
    ("kms", "list_retirable_grants", "Grants", "GrantId", {"RetiringPrincipal": "arn"}, 5),
    ("kms", "list_resource_tags", "Tags", "TagKey", {"KeyId": "key"}, 5),
    ("kms", "list_key_rotations", "Rotations", "RotationDate", {"KeyId": "key"}, 5),
    ("kms", "list_key_policies", "PolicyNames", None, {"KeyId": "key"}, 1),
]


def pages(client, operation, list_name, parameters, size):
    """The lists of all pages, by the client's own markers, whether or not it has a paginator for the operation."""
    limit, marker, following = (
        ("MaxItems", "Marker", "Marker") if client.meta.service_model.service_name == "iam" else ("Limit", "Marker", "NextMarker")
    )
    more = {}
    while True:
        answer = getattr(client, operation)(**parameters, **{limit: size}, **more)
        yield answer[list_name]
        truncated = answer.get("IsTruncated", answer.get("Truncated"))
        assert truncated == (following in answer), answer
        if not truncated:
            return
        more = {marker: answer[following]}


@pytest.mark.parametrize(("service", "operation", "list_name", "name", "parameters", "count"), LISTS, ids=[row[1] for row in LISTS])
def test_pages_make_the_whole_list(root, crowd, service, operation, list_name, name, parameters, count):
    client = getattr(root, service)
    parameters = {k: crowd.get(v, v) if isinstance(v, str) else v for k, v in parameters.items()}
    of = lambda items: [str(item[name]) if name else item for item in items]  # noqa: E731
    whole = of(next(pages(client, operation, list_name, parameters, 100)))
    assert len(whole) == (count or len(whole)) > 0
    for size in (1, 2, 3):
        seen = []
        for page in pages(client, operation, list_name, parameters, size):
            assert len(page) <= size
            seen += of(page)
        assert Counter(seen) == Counter(whole)
        assert seen == whole or operation in ("get_account_authorization_details",)
    if client.can_paginate(operation):
        paginator = client.get_paginator(operation).paginate(**parameters, PaginationConfig={"PageSize": 2})
        assert sorted(of(item for page in paginator for item in page[list_name])) == sorted(whole)


@pytest.mark.parametrize(("service", "operation", "list_name", "name", "parameters", "count"), LISTS, ids=[row[1] for row in LISTS])
def test_markers_are_for_their_own_list(root, crowd, service, operation, list_name, name, parameters, count):
    client = getattr(root, service)
    parameters = {k: crowd.get(v, v) if isinstance(v, str) else v for k, v in parameters.items()}
    for marker in ("x", "AAAA" * 10, "é"):
        found = refused(getattr(client, operation), **parameters, Marker=marker)
        assert found["Code"] in ("InvalidMarkerException", "ValidationError", "InvalidInput", "ValidationException"), found
    if service == "kms":
        foreign = root.kms.list_keys(Limit=1)["NextMarker"]
        if operation != "list_keys":
            assert refused(getattr(client, operation), **parameters, Marker=foreign)["Code"] == "InvalidMarkerException"


def test_the_policies_of_aws_are_listed_apart(root):
    aws = [p for page in root.iam.get_paginator("list_policies").paginate(Scope="AWS") for p in page["Policies"]]
    assert {"AdministratorAccess", "ReadOnlyAccess"} <= {policy["PolicyName"] for policy in aws}
    assert all(policy["Arn"].startswith("arn:aws:iam::aws:policy/") for policy in aws)
    version = root.iam.get_policy_version(PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess", VersionId="v1")
    assert version["PolicyVersion"]["Document"]["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    for call, more in (
        (root.iam.delete_policy, {}),
        (root.iam.create_policy_version, {"PolicyDocument": document(allow("*"))}),
    ):
        assert refused(call, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess", **more)["Code"] in ("AccessDenied", "InvalidInput")


# IAM


def test_waiters_find_what_is_there(root, trust):
    root.iam.create_user(UserName="waited")
    root.iam.create_role(RoleName="waited", AssumeRolePolicyDocument=trust)
    root.iam.create_instance_profile(InstanceProfileName="waited")
    arn = root.iam.create_policy(PolicyName="waited", PolicyDocument=document(allow("*")))["Policy"]["Arn"]
    quickly = {"Delay": 0, "MaxAttempts": 2}
    for waiter, name in (
        ("user_exists", {"UserName": "waited"}),
        ("role_exists", {"RoleName": "waited"}),
        ("instance_profile_exists", {"InstanceProfileName": "waited"}),
        ("policy_exists", {"PolicyArn": arn}),
    ):
        root.iam.get_waiter(waiter).wait(**name, WaiterConfig=quickly)


def test_what_does_not_exist(root, account):
    iam = root.iam
    policy = f"arn:aws:iam::{account}:policy/absent"
    for call, parameters, message in (
        (iam.get_user, {"UserName": "absent"}, "The user with name absent cannot be found."),
        (iam.delete_user, {"UserName": "absent"}, "The user with name absent cannot be found."),
        (iam.get_group, {"GroupName": "absent"}, "The group with name absent cannot be found."),
        (iam.get_role, {"RoleName": "absent"}, "The role with name absent cannot be found."),
        (iam.get_instance_profile, {"InstanceProfileName": "absent"}, "Instance Profile absent cannot be found."),
        (iam.get_policy, {"PolicyArn": policy}, f"Policy {policy} was not found."),
        (iam.get_user_policy, {"UserName": "absent", "PolicyName": "x"}, "The user with name absent cannot be found."),
        (iam.attach_user_policy, {"UserName": "absent", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}, "absent"),
    ):
        error("NoSuchEntity", message, call, **parameters)


def test_names_are_taken_without_regard_to_case(root, trust):
    iam = root.iam
    policy = document(allow("*"))
    for create, name, more, message in (
        (iam.create_user, "UserName", {}, "User with name TWICE already exists."),
        (iam.create_group, "GroupName", {}, "Group with name TWICE already exists."),
        (iam.create_role, "RoleName", {"AssumeRolePolicyDocument": trust}, "Role with name TWICE already exists."),
        (iam.create_instance_profile, "InstanceProfileName", {}, "Instance Profile TWICE already exists."),
        (iam.create_policy, "PolicyName", {"PolicyDocument": policy}, "A policy called TWICE already exists. Duplicate names are not allowed."),
    ):
        create(**{name: "Twice"}, **more)
        error("EntityAlreadyExists", message, create, **{name: "TWICE"}, **more)
    assert iam.get_user(UserName="tWICE")["User"]["UserName"] == "Twice"


def test_what_is_in_use_is_not_deleted(root, trust):
    iam = root.iam
    policy = document(allow("s3:GetObject"))
    arn = iam.create_policy(PolicyName="used", PolicyDocument=policy)["Policy"]["Arn"]
    iam.create_user(UserName="used")
    iam.create_group(GroupName="used")
    iam.create_role(RoleName="used", AssumeRolePolicyDocument=trust)
    iam.create_instance_profile(InstanceProfileName="used")
    user, group, role = {"UserName": "used"}, {"GroupName": "used"}, {"RoleName": "used"}
    profile = {"InstanceProfileName": "used"}
    inline = {"PolicyName": "inline", "PolicyDocument": policy}

    def conflict(delete, name, message, take, give):
        take()
        error("DeleteConflict", message, delete, **name)
        give()

    for delete, name, kind in ((iam.delete_user, user, "user"), (iam.delete_group, group, "group"), (iam.delete_role, role, "role")):
        attach, detach = getattr(iam, f"attach_{kind}_policy"), getattr(iam, f"detach_{kind}_policy")
        put, drop = getattr(iam, f"put_{kind}_policy"), getattr(iam, f"delete_{kind}_policy")
        conflict(
            delete, name, "Cannot delete entity, must detach all policies first.",
            lambda: attach(**name, PolicyArn=arn), lambda: None,
        )  # fmt: skip
        error("DeleteConflict", "Cannot delete a policy attached to entities.", iam.delete_policy, PolicyArn=arn)
        detach(**name, PolicyArn=arn)
        conflict(
            delete, name, "Cannot delete entity, must delete policies first.",
            lambda: put(**name, **inline), lambda: drop(**name, PolicyName="inline"),
        )  # fmt: skip
    key = iam.create_access_key(**user)["AccessKey"]["AccessKeyId"]
    error("DeleteConflict", "Cannot delete entity, must delete access keys first.", iam.delete_user, **user)
    iam.delete_access_key(**user, AccessKeyId=key)
    iam.add_user_to_group(**user, **group)
    error("DeleteConflict", "Cannot delete entity, must remove users from group first.", iam.delete_user, **user)
    error("DeleteConflict", "Cannot delete entity, must remove users from group first.", iam.delete_group, **group)
    iam.remove_user_from_group(**user, **group)
    iam.add_role_to_instance_profile(**profile, **role)
    error("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.", iam.delete_role, **role)
    error(
        "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.",
        iam.delete_instance_profile, **profile,
    )  # fmt: skip
    iam.remove_role_from_instance_profile(**profile, **role)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy)
    error(
        "DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions.",
        iam.delete_policy, PolicyArn=arn,
    )  # fmt: skip
    error("DeleteConflict", "Cannot delete the default version of a policy.", iam.delete_policy_version, PolicyArn=arn, VersionId="v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    for delete, name in (
        (iam.delete_user, user), (iam.delete_group, group), (iam.delete_role, role),
        (iam.delete_instance_profile, profile), (iam.delete_policy, {"PolicyArn": arn}),
    ):  # fmt: skip
        delete(**name)
        assert refused(delete, **name)["Code"] == "NoSuchEntity"


def test_versions_of_a_policy(root):
    iam = root.iam
    arn = iam.create_policy(PolicyName="versions", PolicyDocument=document(allow("s3:GetObject")))["Policy"]["Arn"]
    for number in range(2, 6):
        version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow("s3:Get*")), SetAsDefault=number == 3)
        assert version["PolicyVersion"]["VersionId"] == f"v{number}"
    error(
        "LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
        iam.create_policy_version, PolicyArn=arn, PolicyDocument=document(allow("*")),
    )  # fmt: skip
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v3"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    assert iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow("*")))["PolicyVersion"]["VersionId"] == "v6"
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    versions = {v["VersionId"]: v["IsDefaultVersion"] for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]}
    assert versions == {"v6": False, "v4": False, "v3": False, "v2": False, "v1": True}
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]["Statement"][0]["Action"] == "s3:GetObject"


def test_quotas(root, trust):
    iam = root.iam
    iam.create_user(UserName="full")
    for _ in range(2):
        iam.create_access_key(UserName="full")
    error("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", iam.create_access_key, UserName="full")
    for number in range(11):
        arn = iam.create_policy(PolicyName=f"full-{number}", PolicyDocument=document(allow("*")))["Policy"]["Arn"]
        iam.create_group(GroupName=f"full-{number}")
        if number < 10:
            iam.attach_user_policy(UserName="full", PolicyArn=arn)
            iam.add_user_to_group(UserName="full", GroupName=f"full-{number}")
    error("LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 10", iam.attach_user_policy, UserName="full", PolicyArn=arn)
    error("LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10", iam.add_user_to_group, UserName="full", GroupName="full-10")
    large = document(*(allow("s3:GetObject", f"arn:aws:s3:::{'b' * 50}-{number}") for number in range(40)))
    error("LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user full", iam.put_user_policy, UserName="full", PolicyName="p", PolicyDocument=large)
    tags = [{"Key": str(number), "Value": ""} for number in range(50)]
    iam.tag_user(UserName="full", Tags=tags)
    assert refused(iam.tag_user, UserName="full", Tags=[{"Key": "one more", "Value": ""}])["Code"] == "LimitExceeded"
    iam.tag_user(UserName="full", Tags=[{"Key": "1", "Value": "new"}])


def test_documents_are_checked(root):
    put = root.iam.create_policy
    for text, message in (
        ("no json", "Syntax errors in policy."),
        ("[]", "Syntax errors in policy."),
        (json.dumps({"Statement": {"Effect": "Maybe", "Action": "*", "Resource": "*"}}), "Syntax errors in policy."),
        (document({"Effect": "Allow", "Action": "*"}), "Policy statement must contain resources."),
        (document(allow("*", Principal="*")), "Policy document should not specify a principal."),
        (document(allow("*", Sid="a"), allow("*", Sid="a")), "Statement IDs (SID) in a single policy must be unique."),
        (document(allow("GetObject")), "Actions/Conditions must be prefaced by a vendor"),
        (document(allow("*", "no-arn")), "Resource no-arn must be in ARN format or \"*\"."),
    ):
        error("MalformedPolicyDocument", message, put, PolicyName="malformed", PolicyDocument=text)
    unknown = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/nobody-there"}, "Action": "sts:AssumeRole"}
    account = root.sts.get_caller_identity()["Account"]
    unknown["Principal"]["AWS"] = f"arn:aws:iam::{account}:user/nobody-there"
    error(
        "MalformedPolicyDocument", 'Invalid principal in policy: "AWS":"',
        root.iam.create_role, RoleName="malformed", AssumeRolePolicyDocument=document(unknown),
    )  # fmt: skip


def test_documents_come_back_as_they_went(root):
    text = '{ "Version" : "2012-10-17",\n "Statement" : [ {"Effect":"Allow","Action":"s3:*","Resource":"*","Sid":"1"} ] }'
    root.iam.create_user(UserName="kept")
    root.iam.put_user_policy(UserName="kept", PolicyName="p", PolicyDocument=text)
    assert root.iam.get_user_policy(UserName="kept", PolicyName="p")["PolicyDocument"] == json.loads(text)


def test_tags_of_all_kinds(root, trust):
    iam = root.iam
    iam.create_user(UserName="tagged", Tags=[{"Key": "a", "Value": "1"}])
    iam.create_role(RoleName="tagged", AssumeRolePolicyDocument=trust, Tags=[{"Key": "a", "Value": "1"}])
    iam.create_instance_profile(InstanceProfileName="tagged", Tags=[{"Key": "a", "Value": "1"}])
    arn = iam.create_policy(PolicyName="tagged", PolicyDocument=document(allow("*")), Tags=[{"Key": "a", "Value": "1"}])["Policy"]["Arn"]
    for kind, name in (
        ("user", {"UserName": "tagged"}), ("role", {"RoleName": "tagged"}),
        ("instance_profile", {"InstanceProfileName": "tagged"}), ("policy", {"PolicyArn": arn}),
    ):  # fmt: skip
        tag, untag, tags = (getattr(iam, text.format(kind)) for text in ("tag_{}", "untag_{}", "list_{}_tags"))
        tag(**name, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
        assert {t["Key"]: t["Value"] for t in tags(**name)["Tags"]} == {"a": "3", "b": "2"}
        untag(**name, TagKeys=["a", "absent"])
        assert tags(**name)["Tags"] == [{"Key": "b", "Value": "2"}]
        assert refused(tag, **name, Tags=[{"Key": "aws:x", "Value": ""}])["Code"] in ("InvalidInput", "ValidationError")
        assert refused(tag, **name, Tags=[{"Key": "x", "Value": ""}, {"Key": "X", "Value": ""}])["Code"] == "InvalidInput"


def test_renaming_keeps_what_belongs_to_it(root):
    user = root.user("before", allow("kms:ListKeys"))
    root.iam.create_group(GroupName="before")
    root.iam.add_user_to_group(UserName="before", GroupName="before")
    id = root.iam.get_user(UserName="before")["User"]["UserId"]
    root.iam.update_user(UserName="before", NewUserName="after", NewPath="/moved/")
    root.iam.update_group(GroupName="before", NewGroupName="after")
    found = root.iam.get_user(UserName="after")["User"]
    assert found["UserId"] == id and found["Arn"].endswith(":user/moved/after")
    assert refused(root.iam.get_user, UserName="before")["Code"] == "NoSuchEntity"
    assert [u["UserName"] for u in root.iam.get_group(GroupName="after")["Users"]] == ["after"]
    user.kms.list_keys()
    assert user.sts.get_caller_identity()["Arn"] == found["Arn"]


def test_what_is_done_twice(root, trust):
    """Attaching, detaching and membership, as often as one likes; deletions once."""
    iam = root.iam
    iam.create_user(UserName="again")
    iam.create_group(GroupName="again")
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    for _ in range(2):
        iam.attach_user_policy(UserName="again", PolicyArn=arn)
        iam.add_user_to_group(UserName="again", GroupName="again")
        iam.put_user_policy(UserName="again", PolicyName="p", PolicyDocument=document(allow("*")))
    assert len(iam.list_attached_user_policies(UserName="again")["AttachedPolicies"]) == 1
    iam.detach_user_policy(UserName="again", PolicyArn=arn)
    error("NoSuchEntity", f"Policy {arn} was not found.", iam.detach_user_policy, UserName="again", PolicyArn=arn)
    iam.delete_user_policy(UserName="again", PolicyName="p")
    error(
        "NoSuchEntity", "The user policy with name p cannot be found.", iam.delete_user_policy, UserName="again", PolicyName="p"
    )


def test_a_boundary_caps_and_a_group_gives(root, account):
    caller = root.user("bounded", allow("kms:*"))
    boundary = root.iam.create_policy(PolicyName="boundary", PolicyDocument=document(allow("kms:ListKeys")))["Policy"]["Arn"]
    caller.kms.list_aliases()
    root.iam.put_user_permissions_boundary(UserName="bounded", PermissionsBoundary=boundary)
    caller.kms.list_keys()
    found = refused(caller.kms.list_aliases)
    assert found["Message"].endswith("because no permissions boundary allows the kms:ListAliases action"), found
    assert root.iam.get_user(UserName="bounded")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    root.iam.delete_user_permissions_boundary(UserName="bounded")
    caller.kms.list_aliases()

    member = root.user("member")
    root.iam.create_group(GroupName="readers")
    root.iam.put_group_policy(GroupName="readers", PolicyName="p", PolicyDocument=document(allow("kms:ListKeys")))
    assert refused(member.kms.list_keys)["Code"] == "AccessDeniedException"
    root.iam.add_user_to_group(GroupName="readers", UserName="member")
    member.kms.list_keys()
    root.iam.remove_user_from_group(GroupName="readers", UserName="member")
    assert refused(member.kms.list_keys)["Code"] == "AccessDeniedException"


def test_when_a_key_was_last_used(root):
    caller = root.user("used-key", allow("kms:ListKeys"))
    last = lambda: root.iam.get_access_key_last_used(AccessKeyId=caller.key)  # noqa: E731
    before = last()
    assert before["UserName"] == "used-key" and before["AccessKeyLastUsed"]["ServiceName"] == "N/A"
    assert before["AccessKeyLastUsed"]["Region"] == "N/A" and "LastUsedDate" not in before["AccessKeyLastUsed"]
    caller.kms.list_keys()
    after = last()["AccessKeyLastUsed"]
    assert (after["ServiceName"], after["Region"]) == ("kms", "us-east-1")
    assert abs(after["LastUsedDate"] - datetime.now(timezone.utc)) < timedelta(minutes=20)


def test_users_about_themselves(root):
    caller = root.user("self", allow("iam:*", "arn:aws:iam::*:user/${aws:username}"))
    assert caller.iam.get_user()["User"]["UserName"] == "self"
    assert [k["AccessKeyId"] for k in caller.iam.list_access_keys()["AccessKeyMetadata"]] == [caller.key]
    second = caller.iam.create_access_key()["AccessKey"]["AccessKeyId"]
    caller.iam.update_access_key(AccessKeyId=second, Status="Inactive")
    caller.iam.delete_access_key(AccessKeyId=second)
    assert refused(caller.iam.get_user, UserName="bounded")["Code"] == "AccessDenied"
    account = root.iam.get_user()["User"]
    assert account["Arn"].endswith(":root") and account["UserId"] == account["Arn"].split(":")[4]


def at_once(call, inputs):
    """The codes of errors of calls made at the same time; none for a success."""

    def code(parameters):
        try:
            call(**parameters)
        except ClientError as error:
            return error.response["Error"]["Code"]

    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(code, inputs))


def test_of_callers_at_the_same_time_one_is_first(root):
    iam = root.iam
    assert at_once(iam.create_user, [{"UserName": "race"}] * 16) == {None: 1, "EntityAlreadyExists": 15}
    assert at_once(iam.create_access_key, [{"UserName": "race"}] * 16) == {None: 2, "LimitExceeded": 14}
    assert len(iam.list_access_keys(UserName="race")["AccessKeyMetadata"]) == 2
    tags = [{"UserName": "race", "Tags": [{"Key": str(number), "Value": ""}]} for number in range(60)]
    assert at_once(iam.tag_user, tags) == {None: 50, "LimitExceeded": 10}
    assert len(iam.list_user_tags(UserName="race", MaxItems=100)["Tags"]) == 50
    arn = iam.create_policy(PolicyName="race", PolicyDocument=document(allow("*")))["Policy"]["Arn"]
    version = {"PolicyArn": arn, "PolicyDocument": document(allow("*"))}
    assert at_once(iam.create_policy_version, [version] * 16) == {None: 4, "LimitExceeded": 12}


def test_attaching_and_deleting_at_the_same_time_leaves_nothing_dangling(root):
    iam = root.iam
    for number in range(10):
        name = f"dangling-{number}"
        arn = iam.create_policy(PolicyName=name, PolicyDocument=document(allow("*")))["Policy"]["Arn"]
        iam.create_user(UserName=name)
        calls = [(iam.delete_policy, {"PolicyArn": arn}), (iam.attach_user_policy, {"UserName": name, "PolicyArn": arn})]
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda call: at_once(call[0], [call[1]]), calls))
        attached = iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]
        if attached:
            assert done == [{"DeleteConflict": 1}, {None: 1}]
            iam.get_policy(PolicyArn=arn)
        else:
            assert done == [{None: 1}, {"NoSuchEntity": 1}]


# STS


def test_sessions_are_bounded(root, trust, account, key):
    admin = root.user("admin", allow("*"))
    role = root.iam.create_role(RoleName="short", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    root.iam.put_role_policy(RoleName="short", PolicyName="p", PolicyDocument=document(allow("kms:*")))
    sts = admin.client("sts", parameter_validation=False)
    assume = lambda **more: sts.assume_role(RoleArn=role, RoleSessionName="session", **more)  # noqa: E731
    error(
        "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        assume, DurationSeconds=3601,
    )  # fmt: skip
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
    error(
        "AccessDenied", "Cannot call GetSessionToken with session credentials",
        caller.sts.get_session_token,
    )  # fmt: skip


def test_session_tags_decide(root, account, key):
    admin = root.user("tagger", allow("sts:*"))
    trust = document({"Effect": "Allow", "Principal": {"AWS": account}, "Action": ["sts:AssumeRole", "sts:TagSession"]})
    role = root.iam.create_role(RoleName="tagged-session", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    condition = {"StringEquals": {"aws:PrincipalTag/team": "blue"}}
    root.iam.put_role_policy(RoleName="tagged-session", PolicyName="p", PolicyDocument=document(allow("kms:*", Condition=condition)))
    for team, allowed in (("blue", True), ("red", False)):
        answer = admin.sts.assume_role(RoleArn=role, RoleSessionName=team, Tags=[{"Key": "team", "Value": team}])
        caller = Caller.of(root.fastness, answer["Credentials"])
        if allowed:
            caller.kms.describe_key(KeyId=key)
        else:
            assert refused(caller.kms.describe_key, KeyId=key)["Code"] == "AccessDeniedException"


# KMS


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
        error(code, message, kms.describe_key, KeyId=name)
    assert refused(root.client("kms").describe_key, KeyId=f"arn:aws:s3:::{key}")["Code"] in ("NotFoundException", "InvalidArnException")


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
    error("AlreadyExistsException", f"An alias with the name {arn} already exists", kms.create_alias, AliasName="alias/one", TargetKeyId=other)
    kms.update_alias(AliasName="alias/one", TargetKeyId=other)
    assert kms.describe_key(KeyId="alias/one")["KeyMetadata"]["KeyId"] == other
    kms.create_alias(AliasName="alias/a/b-c_d", TargetKeyId=key)
    for name in ("one", "alias/", "alias/a b", "alias/aws/mine"):
        found = refused(kms.create_alias, AliasName=name, TargetKeyId=key)
        assert found["Code"] in ("ValidationException", "InvalidAliasNameException", "NotAuthorizedException"), (name, found)
    kms.delete_alias(AliasName="alias/one")
    error("NotFoundException", f"Alias {arn} is not found.", kms.delete_alias, AliasName="alias/one")
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
        "GenerateDataKeyWithoutPlaintext": lambda: kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256"),
        "EnableKeyRotation": lambda: kms.enable_key_rotation(KeyId=key),
        "RotateKeyOnDemand": lambda: kms.rotate_key_on_demand(KeyId=key),
        "DisableKeyRotation": lambda: kms.disable_key_rotation(KeyId=key),
        "GetKeyRotationStatus": lambda: kms.get_key_rotation_status(KeyId=key),
        "CreateGrant": lambda: kms.create_grant(
            KeyId=key, GranteePrincipal=kms.describe_key(KeyId=key)["KeyMetadata"]["AWSAccountId"], Operations=["Encrypt"]
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
        assert refused(call, KeyId=root.kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"], GrantId=grant, DryRun=True)["Code"] == "DryRunOperationException"
    assert [g["GrantId"] for g in kms.list_grants(KeyId=key)["Grants"]] == [grant]


def test_random_bytes_and_data_keys(root, key):
    kms = root.kms
    seen = {kms.generate_random(NumberOfBytes=size)["Plaintext"] for size in (16, 16, 32, 1024)}
    assert sorted(map(len, seen)) == [16, 16, 32, 1024]
    for size in (0, 1025):
        assert refused(root.client("kms", parameter_validation=False).generate_random, NumberOfBytes=size)["Code"] == "ValidationException"
    for how, size in (({"KeySpec": "AES_128"}, 16), ({"KeySpec": "AES_256"}, 32), ({"NumberOfBytes": 1}, 1), ({"NumberOfBytes": 1024}, 1024)):
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
        CiphertextBlob=blob, SourceEncryptionContext={"a": "1"}, DestinationKeyId=other["KeyId"], DestinationEncryptionContext={"b": "2"}
    )
    assert answer["KeyId"] == other["Arn"] and answer["SourceKeyId"].endswith(key)
    assert answer["SourceEncryptionAlgorithm"] == answer["DestinationEncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    opened = kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], EncryptionContext={"b": "2"})
    assert opened["Plaintext"] == b"moved" and opened["KeyId"] == other["Arn"]
    assert refused(kms.re_encrypt, CiphertextBlob=blob, DestinationKeyId=other["KeyId"])["Code"] == "InvalidCiphertextException"
    half = root.user("half", allow("kms:ReEncryptFrom", f"arn:aws:kms:*:{account}:key/{key}"))
    found = refused(half.kms.re_encrypt, CiphertextBlob=blob, SourceEncryptionContext={"a": "1"}, DestinationKeyId=other["KeyId"])
    assert "is not authorized to perform: kms:ReEncryptTo on resource: " + other["Arn"] in found["Message"]
    entry = record(root, answer["ResponseMetadata"]["RequestId"])
    assert {r["ARN"] for r in entry["resources"]} == {other["Arn"], answer["SourceKeyId"]}


def test_rotation(root, key):
    kms = root.kms
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    unchecked = root.client("kms", parameter_validation=False)
    for days in (89, 2561):
        assert refused(unchecked.enable_key_rotation, KeyId=key, RotationPeriodInDays=days)["Code"] == "ValidationException"
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
    error(
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
        kms.put_key_policy, KeyId=key, PolicyName="default", Policy=document(only),
    )  # fmt: skip
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
    assert refused(user.kms.put_key_policy, KeyId=arn, PolicyName="other", Policy=document(only))["Code"] in ("NotFoundException", "ValidationException")
    blocked = {**deny("kms:Encrypt"), "Principal": "*"}
    user.kms.put_key_policy(KeyId=key, Policy=document(only, blocked))
    found = refused(user.kms.encrypt, KeyId=key, Plaintext=b"x")
    assert found["Message"].endswith("with an explicit deny in a resource-based policy"), found


def test_grants_and_their_tokens(root, account, key):
    kms = root.kms
    user, other = root.user("grantee"), root.user("other-grantee")
    arn = f"arn:aws:iam::{account}:user/grantee"
    first = kms.create_grant(
        KeyId=key, GranteePrincipal=arn, Operations=["Encrypt", "Decrypt", "CreateGrant"], Name="same",
        Constraints={"EncryptionContextSubset": {"team": "blue"}}, RetiringPrincipal=arn,
    )  # fmt: skip
    again = kms.create_grant(
        KeyId=key, GranteePrincipal=arn, Operations=["Encrypt", "Decrypt", "CreateGrant"], Name="same",
        Constraints={"EncryptionContextSubset": {"team": "blue"}}, RetiringPrincipal=arn,
    )  # fmt: skip
    assert again["GrantId"] == first["GrantId"] and len(kms.list_grants(KeyId=key)["Grants"]) == 1
    context = {"team": "blue", "more": "x"}
    blob = user.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context, GrantTokens=[first["GrantToken"]])["CiphertextBlob"]
    assert user.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
    # "In a grant constraint, the key in each key-value pair is not case sensitive, but the value is" (GrantConstraints).
    user.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"Team": "blue"})
    for wrong in ({}, {"team": "red"}, {"team": "Blue"}):
        assert refused(user.kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=wrong)["Code"] == "AccessDeniedException"
    assert refused(user.kms.generate_data_key, KeyId=key, KeySpec="AES_256", EncryptionContext=context)["Code"] == "AccessDeniedException"
    assert refused(user.kms.encrypt, KeyId=key, Plaintext=b"x", GrantTokens=["nonsense"])["Code"] == "InvalidGrantTokenException"
    # A grantee passes on what it has, and no more.
    to_other = {"KeyId": key, "GranteePrincipal": f"arn:aws:iam::{account}:user/other-grantee"}
    blue = {"EncryptionContextSubset": {"team": "blue"}}
    assert refused(user.kms.create_grant, **to_other, Operations=["GenerateDataKey"], Constraints=blue)["Code"] == "AccessDeniedException"
    assert refused(user.kms.create_grant, **to_other, Operations=["Encrypt"])["Code"] == "AccessDeniedException"
    user.kms.create_grant(**to_other, Operations=["Decrypt"], Constraints=blue)
    assert other.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
    filtered = kms.list_grants(KeyId=key, GranteePrincipal=arn)["Grants"]
    assert [g["GrantId"] for g in filtered] == [first["GrantId"]] and filtered[0]["Name"] == "same"
    assert filtered[0]["Constraints"] == {"EncryptionContextSubset": {"team": "blue"}}
    assert [g["GrantId"] for g in kms.list_grants(KeyId=key, GrantId=first["GrantId"])["Grants"]] == [first["GrantId"]]
    assert refused(other.kms.retire_grant, GrantToken=first["GrantToken"])["Code"] == "AccessDeniedException"
    user.kms.retire_grant(GrantToken=first["GrantToken"])
    assert refused(user.kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context)["Code"] == "AccessDeniedException"
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


def test_what_keys_cannot_be_yet(root):
    for how in ({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}, {"Origin": "EXTERNAL"}, {"MultiRegion": True}):
        assert refused(root.kms.create_key, **how)["Code"] == "UnsupportedOperationException"


# CloudTrail


def test_lookups_by_each_attribute(root, account):
    user = root.user("looked-up", allow("kms:*"))
    key = user.kms.create_key()["KeyMetadata"]["Arn"]
    user.kms.describe_key(KeyId=key)
    refused(user.iam.list_users)
    mine = [e for e in events(root) if e["userIdentity"].get("userName") == "looked-up"]
    assert [e["eventName"] for e in mine] == ["ListUsers", "DescribeKey", "CreateKey"]

    def found(attribute, value):
        return events(root, LookupAttributes=[{"AttributeKey": attribute, "AttributeValue": value}])

    assert found("Username", "looked-up") == mine
    assert found("AccessKeyId", user.key) == mine
    assert found("EventId", mine[1]["eventID"]) == [mine[1]]
    assert mine[1] in found("EventName", "DescribeKey") and mine[0] not in found("EventName", "DescribeKey")
    assert mine[0] in found("EventSource", "iam.amazonaws.com") and mine[1] not in found("EventSource", "iam.amazonaws.com")
    assert [e["eventName"] for e in found("ResourceName", key)] == ["DescribeKey", "CreateKey"]
    assert mine[1] in found("ResourceType", "AWS::KMS::Key") and mine[0] not in found("ResourceType", "AWS::KMS::Key")
    assert mine[1] in found("ReadOnly", "true") and mine[2] in found("ReadOnly", "false")
    assert found("Username", "nobody-of-that-name") == []
    assert found("EventName", "describekey") == []


def test_lookups_by_time(root):
    now = datetime.now(timezone.utc)
    assert events(root, StartTime=now + timedelta(minutes=1)) == []
    assert events(root, EndTime=now - timedelta(days=1)) == []
    inside = events(root, StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1))
    assert len(inside) > 100
    times = [e["eventTime"] for e in inside]
    assert times == sorted(times, reverse=True)
    error("InvalidTimeRangeException", "", root.cloudtrail.lookup_events, StartTime=now, EndTime=now - timedelta(hours=1))


def test_lookups_that_are_none(root):
    lookup = root.client("cloudtrail", parameter_validation=False).lookup_events
    two = [{"AttributeKey": "EventName", "AttributeValue": name} for name in ("a", "b")]
    error("InvalidLookupAttributesException", "You can specify only one lookup attribute.", lookup, LookupAttributes=two)
    for size in (0, 51):
        assert refused(lookup, MaxResults=size)["Code"] in ("InvalidMaxResultsException", "ValidationException")
    error("InvalidNextTokenException", "", lookup, NextToken="nonsense")
    token = root.cloudtrail.lookup_events(MaxResults=1)["NextToken"]
    one = [{"AttributeKey": "EventName", "AttributeValue": "CreateKey"}]
    error("InvalidNextTokenException", "", lookup, NextToken=token, LookupAttributes=one)


def test_events_and_records_agree(root, account):
    root.kms.list_keys()
    (event,) = root.cloudtrail.lookup_events(
        MaxResults=1, LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ListKeys"}]
    )["Events"]
    entry = json.loads(event["CloudTrailEvent"])
    assert (event["EventId"], event["EventName"], event["EventSource"]) == (entry["eventID"], entry["eventName"], entry["eventSource"])
    assert event["Username"] == "root" and event["AccessKeyId"] == root.key and event["ReadOnly"] == "true"
    assert entry["eventVersion"] == "1.11" and entry["eventType"] == "AwsApiCall" and entry["eventCategory"] == "Management"
    assert entry["userIdentity"] == {
        "type": "Root", "principalId": account, "arn": f"arn:aws:iam::{account}:root", "accountId": account, "accessKeyId": root.key,
    }  # fmt: skip
    assert entry["sourceIPAddress"] == "127.0.0.1" and entry["userAgent"].startswith("Boto3/")
    assert entry["requestParameters"] is None or entry["requestParameters"] == {}
    assert entry["managementEvent"] is True and entry["recipientAccountId"] == account


def test_changes_are_recorded_with_what_they_made(root):
    made = root.iam.create_user(UserName="recorded", Path="/a/", Tags=[{"Key": "k", "Value": "v"}])
    entry = record(root, made["ResponseMetadata"]["RequestId"])
    assert entry["requestParameters"] == {"userName": "recorded", "path": "/a/", "tags": [{"key": "k", "value": "v"}]}
    assert entry["responseElements"]["user"]["userId"] == made["User"]["UserId"] and entry["readOnly"] is False
    secret = root.iam.create_access_key(UserName="recorded")
    entry = record(root, secret["ResponseMetadata"]["RequestId"])
    assert entry["responseElements"]["accessKey"]["accessKeyId"] == secret["AccessKey"]["AccessKeyId"]
    assert secret["AccessKey"]["SecretAccessKey"] not in json.dumps(entry)
    admin = root.user("recorder", allow("sts:*"))
    session = admin.sts.get_federation_token(Name="guest", Policy=document(allow("*")))
    entry = record(root, session["ResponseMetadata"]["RequestId"])
    # AWS shows the token, which is worth nothing without the secret.
    assert entry["responseElements"]["credentials"]["accessKeyId"] == session["Credentials"]["AccessKeyId"]
    assert session["Credentials"]["SecretAccessKey"] not in json.dumps(entry)
