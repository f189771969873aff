"""IAM: names, limits, conflicts and what policies do, as AWS documents them."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

from botocore.exceptions import ClientError
from conftest import allow, document, refused, refuses


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
        (
            iam.attach_user_policy,
            {"UserName": "absent", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
            "absent",
        ),
    ):
        refuses("NoSuchEntity", message, call, **parameters)


def test_names_are_taken_without_regard_to_case(root, trust):
    iam = root.iam
    policy = document(allow("*"))
    for create, name, more, message in (
        (iam.create_user, "UserName", {}, "User with name TWICE already exists."),
        (iam.create_group, "GroupName", {}, "Group with name TWICE already exists."),
        (iam.create_role, "RoleName", {"AssumeRolePolicyDocument": trust}, "Role with name TWICE already exists."),
        (iam.create_instance_profile, "InstanceProfileName", {}, "Instance Profile TWICE already exists."),
        (
            iam.create_policy,
            "PolicyName",
            {"PolicyDocument": policy},
            "A policy called TWICE already exists. Duplicate names are not allowed.",
        ),
    ):
        create(**{name: "Twice"}, **more)
        refuses("EntityAlreadyExists", message, create, **{name: "TWICE"}, **more)
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

    for delete, name, kind in (
        (iam.delete_user, user, "user"),
        (iam.delete_group, group, "group"),
        (iam.delete_role, role, "role"),
    ):
        getattr(iam, f"attach_{kind}_policy")(**name, PolicyArn=arn)
        refuses("DeleteConflict", "Cannot delete entity, must detach all policies first.", delete, **name)
        refuses("DeleteConflict", "Cannot delete a policy attached to entities.", iam.delete_policy, PolicyArn=arn)
        getattr(iam, f"detach_{kind}_policy")(**name, PolicyArn=arn)
        getattr(iam, f"put_{kind}_policy")(**name, **inline)
        refuses("DeleteConflict", "Cannot delete entity, must delete policies first.", delete, **name)
        getattr(iam, f"delete_{kind}_policy")(**name, PolicyName="inline")
    key = iam.create_access_key(**user)["AccessKey"]["AccessKeyId"]
    refuses("DeleteConflict", "Cannot delete entity, must delete access keys first.", iam.delete_user, **user)
    iam.delete_access_key(**user, AccessKeyId=key)
    iam.add_user_to_group(**user, **group)
    refuses("DeleteConflict", "Cannot delete entity, must remove users from group first.", iam.delete_user, **user)
    refuses("DeleteConflict", "Cannot delete entity, must remove users from group first.", iam.delete_group, **group)
    iam.remove_user_from_group(**user, **group)
    iam.add_role_to_instance_profile(**profile, **role)
    refuses(
        "DeleteConflict",
        "Cannot delete entity, must remove roles from instance profile first.",
        iam.delete_role,
        **role,
    )
    refuses(
        "DeleteConflict",
        "Cannot delete entity, must remove roles from instance profile first.",
        iam.delete_instance_profile,
        **profile,
    )
    iam.remove_role_from_instance_profile(**profile, **role)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy)
    refuses(
        "DeleteConflict",
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions.",
        iam.delete_policy,
        PolicyArn=arn,
    )
    refuses(
        "DeleteConflict",
        "Cannot delete the default version of a policy.",
        iam.delete_policy_version,
        PolicyArn=arn,
        VersionId="v1",
    )
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    for delete, name in (
        (iam.delete_user, user),
        (iam.delete_group, group),
        (iam.delete_role, role),
        (iam.delete_instance_profile, profile),
        (iam.delete_policy, {"PolicyArn": arn}),
    ):
        delete(**name)
        assert refused(delete, **name)["Code"] == "NoSuchEntity"


def test_versions_of_a_policy(root):
    iam = root.iam
    arn = iam.create_policy(PolicyName="versions", PolicyDocument=document(allow("s3:GetObject")))["Policy"]["Arn"]
    for number in range(2, 6):
        version = iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=document(allow("s3:Get*")), SetAsDefault=number == 3
        )
        assert version["PolicyVersion"]["VersionId"] == f"v{number}"
    refuses(
        "LimitExceeded",
        "A managed policy can have up to 5 versions. "
        "Before you create a new version, you must delete an existing version.",
        iam.create_policy_version,
        PolicyArn=arn,
        PolicyDocument=document(allow("*")),
    )
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v3"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    assert (
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow("*")))["PolicyVersion"]["VersionId"]
        == "v6"
    )
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    versions = {v["VersionId"]: v["IsDefaultVersion"] for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]}
    assert versions == {"v6": False, "v4": False, "v3": False, "v2": False, "v1": True}
    assert (
        iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]["Statement"][0]["Action"]
        == "s3:GetObject"
    )


def test_quotas(root, trust):
    iam = root.iam
    iam.create_user(UserName="full")
    for _ in range(2):
        iam.create_access_key(UserName="full")
    refuses("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", iam.create_access_key, UserName="full")
    for number in range(11):
        arn = iam.create_policy(PolicyName=f"full-{number}", PolicyDocument=document(allow("*")))["Policy"]["Arn"]
        iam.create_group(GroupName=f"full-{number}")
        if number < 10:
            iam.attach_user_policy(UserName="full", PolicyArn=arn)
            iam.add_user_to_group(UserName="full", GroupName=f"full-{number}")
    refuses(
        "LimitExceeded",
        "Cannot exceed quota for PoliciesPerUser: 10",
        iam.attach_user_policy,
        UserName="full",
        PolicyArn=arn,
    )
    refuses(
        "LimitExceeded",
        "Cannot exceed quota for GroupsPerUser: 10",
        iam.add_user_to_group,
        UserName="full",
        GroupName="full-10",
    )
    large = document(*(allow("s3:GetObject", f"arn:aws:s3:::{'b' * 50}-{number}") for number in range(40)))
    refuses(
        "LimitExceeded",
        "Maximum policy size of 2048 bytes exceeded for user full",
        iam.put_user_policy,
        UserName="full",
        PolicyName="p",
        PolicyDocument=large,
    )
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
        (document(allow("*", "no-arn")), 'Resource no-arn must be in ARN format or "*".'),
    ):
        refuses("MalformedPolicyDocument", message, put, PolicyName="malformed", PolicyDocument=text)
    unknown = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:user/nobody-there"},
        "Action": "sts:AssumeRole",
    }
    account = root.sts.get_caller_identity()["Account"]
    unknown["Principal"]["AWS"] = f"arn:aws:iam::{account}:user/nobody-there"
    refuses(
        "MalformedPolicyDocument",
        'Invalid principal in policy: "AWS":"',
        root.iam.create_role,
        RoleName="malformed",
        AssumeRolePolicyDocument=document(unknown),
    )


def test_documents_come_back_as_they_went(root):
    text = (
        '{ "Version" : "2012-10-17",\n "Statement" : [ {"Effect":"Allow","Action":"s3:*","Resource":"*","Sid":"1"} ] }'
    )
    root.iam.create_user(UserName="kept")
    root.iam.put_user_policy(UserName="kept", PolicyName="p", PolicyDocument=text)
    assert root.iam.get_user_policy(UserName="kept", PolicyName="p")["PolicyDocument"] == json.loads(text)


def test_tags_of_all_kinds(root, trust):
    iam = root.iam
    iam.create_user(UserName="tagged", Tags=[{"Key": "a", "Value": "1"}])
    iam.create_role(RoleName="tagged", AssumeRolePolicyDocument=trust, Tags=[{"Key": "a", "Value": "1"}])
    iam.create_instance_profile(InstanceProfileName="tagged", Tags=[{"Key": "a", "Value": "1"}])
    arn = iam.create_policy(
        PolicyName="tagged", PolicyDocument=document(allow("*")), Tags=[{"Key": "a", "Value": "1"}]
    )["Policy"]["Arn"]
    for kind, name in (
        ("user", {"UserName": "tagged"}),
        ("role", {"RoleName": "tagged"}),
        ("instance_profile", {"InstanceProfileName": "tagged"}),
        ("policy", {"PolicyArn": arn}),
    ):
        tag, untag, tags = (getattr(iam, text.format(kind)) for text in ("tag_{}", "untag_{}", "list_{}_tags"))
        tag(**name, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
        assert {t["Key"]: t["Value"] for t in tags(**name)["Tags"]} == {"a": "3", "b": "2"}
        untag(**name, TagKeys=["a", "absent"])
        assert tags(**name)["Tags"] == [{"Key": "b", "Value": "2"}]
        assert refused(tag, **name, Tags=[{"Key": "aws:x", "Value": ""}])["Code"] in ("InvalidInput", "ValidationError")
        assert (
            refused(tag, **name, Tags=[{"Key": "x", "Value": ""}, {"Key": "X", "Value": ""}])["Code"] == "InvalidInput"
        )


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
    refuses("NoSuchEntity", f"Policy {arn} was not found.", iam.detach_user_policy, UserName="again", PolicyArn=arn)
    iam.delete_user_policy(UserName="again", PolicyName="p")
    refuses(
        "NoSuchEntity",
        "The user policy with name p cannot be found.",
        iam.delete_user_policy,
        UserName="again",
        PolicyName="p",
    )


def test_a_boundary_caps_and_a_group_gives(root, account):
    caller = root.user("bounded", allow("kms:*"))
    boundary = root.iam.create_policy(PolicyName="boundary", PolicyDocument=document(allow("kms:ListKeys")))["Policy"][
        "Arn"
    ]
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
        calls = [
            (iam.delete_policy, {"PolicyArn": arn}),
            (iam.attach_user_policy, {"UserName": name, "PolicyArn": arn}),
        ]
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda call: at_once(call[0], [call[1]]), calls))
        attached = iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]
        if attached:
            assert done == [{"DeleteConflict": 1}, {None: 1}]
            iam.get_policy(PolicyArn=arn)
        else:
            assert done == [{None: 1}, {"NoSuchEntity": 1}]


def test_errors_that_an_operations_model_leaves_out(root, account, trust):
    """The models list no NoSuchEntity for these; AWS answers it all the same."""
    absent = f"arn:aws:iam::{account}:policy/absent"
    for call, parameters in [
        (root.iam.create_role, {"RoleName": "bound", "AssumeRolePolicyDocument": trust, "PermissionsBoundary": absent}),
        (root.iam.get_access_key_last_used, {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}),
    ]:
        error = refused(call, **parameters)
        assert (error["Code"], error["Status"]) == ("NoSuchEntity", 404), error
