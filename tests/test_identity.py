"""Who a policy means, what a denial tells, and what IAM and STS answer: walked over every operation and every kind of credentials."""

import pytest
from botocore.exceptions import ClientError
from conftest import Caller, allow, deny, document, refused, refuses
from walk import Resources, every, method, model


@pytest.fixture(scope="module")
def resources(root):
    return Resources(root)


def trusting(*principals, actions="sts:AssumeRole", **more):
    return document({"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": actions, **more})


def made(root, name, trust, *statements, **more):
    """A role with an inline policy: its ARN."""
    arn = root.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **more)["Role"]["Arn"]
    if statements:
        root.iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document(*statements))
    return arn


def session(root, caller, arn, name="session", **more):
    return Caller.of(root.fastness, caller.sts.assume_role(RoleArn=arn, RoleSessionName=name, **more)["Credentials"])


def test_a_source_identity_takes_permission_on_both_sides_of_a_chain(root, account):
    """IAM User Guide, "Permissions required to set source identity"."""
    admin = root.user("source-admin", allow("sts:*"))
    both = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    first = made(root, "source-first", trusting(account, actions=both))
    role = f"arn:aws:iam::{account}:role/source-first"
    targets = {
        # The trust policy names the role itself, so that no identity policy is needed to assume it.
        True: made(root, "source-open", trusting(role, actions=both)),
        False: made(root, "source-closed", trusting(role, actions="sts:AssumeRole")),
    }
    identified = session(root, admin, first, SourceIdentity="ann")
    anonymous = session(root, admin, first)
    for own in (False, True):
        statement = allow("sts:SetSourceIdentity") if own else allow("s3:GetObject")
        root.iam.put_role_policy(RoleName="source-first", PolicyName="inline", PolicyDocument=document(statement))
        for trusted, target in targets.items():
            anonymous.sts.assume_role(RoleArn=target, RoleSessionName="chain")
            # Inherited, repeated, or set in the middle of a chain.
            for caller, more in (
                (identified, {}),
                (identified, {"SourceIdentity": "ann"}),
                (anonymous, {"SourceIdentity": "bob"}),
            ):
                call = {"RoleArn": target, "RoleSessionName": "chain", **more}
                if own and trusted:
                    assert caller.sts.assume_role(**call)["SourceIdentity"] == more.get("SourceIdentity", "ann")
                else:
                    message = f"is not authorized to perform: sts:SetSourceIdentity on resource: {target}"
                    refuses("AccessDenied", message, caller.sts.assume_role, **call)
    # It cannot change along a chain.
    changed = refused(
        identified.sts.assume_role, RoleArn=targets[True], RoleSessionName="chain", SourceIdentity="eve"
    )
    assert changed["Code"] == "AccessDenied"
    # A user is no link of a chain: the trust policy is enough.
    plain = root.user("source-plain")
    direct = made(root, "source-direct", trusting(f"arn:aws:iam::{account}:user/source-plain", actions=both))
    plain.sts.assume_role(RoleArn=direct, RoleSessionName="direct", SourceIdentity="ann")


def test_credentials_of_every_temporary_kind_chain_for_an_hour(root, account):
    admin = root.user("hour-admin", allow("*"))
    arn = made(root, "hours", trusting(account), allow("sts:AssumeRole"), MaxSessionDuration=43200)
    callers = {
        "user": admin,
        "session of the user": Caller.of(root.fastness, admin.sts.get_session_token()["Credentials"]),
        "session of a role": session(root, admin, arn),
    }
    for kind, caller in callers.items():
        call = {"RoleArn": arn, "RoleSessionName": "hour"}
        caller.sts.assume_role(**call, DurationSeconds=3600)
        caller.sts.assume_role(**call)
        if kind == "user":
            caller.sts.assume_role(**call, DurationSeconds=43200)
        else:
            message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
            refuses("ValidationError", message, caller.sts.assume_role, **call, DurationSeconds=3601)
    guest = admin.sts.get_federation_token(Name="guest", Policy=document(allow("*")))["Credentials"]
    found = refused(Caller.of(root.fastness, guest).sts.assume_role, RoleArn=arn, RoleSessionName="hour")
    assert found["Code"] == "AccessDenied"


def test_a_role_that_is_missing_looks_like_one_that_refuses(root, account):
    other = f"arn:aws:iam::{account}:user/veil-admin"
    root.user("veil-admin")
    external = {"Condition": {"StringEquals": {"sts:ExternalId": "agreed"}}}
    denying = {"Effect": "Deny", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    allowing = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    arns = [
        made(root, "veil-other", trusting(other)),
        made(root, "veil-external", trusting(account, **external)),
        made(root, "veil-denies", document(allowing, denying)),
        made(root, "veil-deep", trusting(account), Path="/a/").replace("/a/", "/"),
        f"arn:aws:iam::{account}:role/veil-missing",
    ]
    delegating = made(root, "veil-account", trusting(account))
    for name, statements, more in (
        ("veil-nobody", [], [delegating]),
        ("veil-allowed", [allow("sts:AssumeRole")], []),
        ("veil-denied", [deny("sts:AssumeRole")], [delegating]),
    ):
        caller = root.user(name, *statements)
        plain = f"User: arn:aws:iam::{account}:user/{name} is not authorized to perform: sts:AssumeRole on resource: "
        for arn in arns + more:
            with pytest.raises(ClientError) as caught:
                caller.sts.assume_role(RoleArn=arn, RoleSessionName="session", SourceIdentity="ann")
            answer = caught.value.response
            assert answer["Error"]["Code"] == "AccessDenied"
            assert answer["Error"]["Message"] == plain + arn
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
            assert "x-fastness-authorization-message" in answer["ResponseMetadata"]["HTTPHeaders"], arn


def test_sessions_that_policies_name_are_of_the_role_that_there_was(root, account):
    iam, kms = root.iam, root.kms
    admin = root.user("again-admin", allow("sts:*"))
    made(root, "again-role", trusting(account))
    arn = f"arn:aws:sts::{account}:assumed-role/again-role/session"
    target = made(root, "again-target", trusting(arn))
    everything = {**allow("kms:*"), "Principal": {"AWS": account}}
    policy = document(everything, {**allow("kms:Encrypt"), "Principal": {"AWS": arn}})
    key = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
    granted = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_grant(KeyId=granted, GranteePrincipal=arn, Operations=["Encrypt"])

    def attempts(caller):
        yield caller.sts.assume_role, {"RoleArn": target, "RoleSessionName": "session"}
        yield caller.kms.encrypt, {"KeyId": key, "Plaintext": b"x"}
        yield caller.kms.encrypt, {"KeyId": granted, "Plaintext": b"x"}

    def shown():
        trust = iam.get_role(RoleName="again-target")["Role"]["AssumeRolePolicyDocument"]
        grant = kms.list_grants(KeyId=granted)["Grants"][0]["GranteePrincipal"]
        return trust["Statement"][0]["Principal"]["AWS"], kms.get_key_policy(KeyId=key)["Policy"], grant

    role = f"arn:aws:iam::{account}:role/again-role"
    for call, parameters in attempts(session(root, admin, role)):
        call(**parameters)
    trust, text, grant = shown()
    assert (trust, grant) == ([arn], arn) and text == policy
    # Another session of the role is not meant.
    for call, parameters in attempts(session(root, admin, role, "another")):
        assert refused(call, **parameters)["Code"].startswith("AccessDenied")
    id = iam.get_role(RoleName="again-role")["Role"]["RoleId"]
    iam.delete_role(RoleName="again-role")
    made(root, "again-role", trusting(account))
    trust, text, grant = shown()
    assert (trust, grant) == ([f"{id}:session"], f"{id}:session") and f'"{id}:session"' in text and arn not in text
    for call, parameters in attempts(session(root, admin, role)):
        assert refused(call, **parameters)["Code"].startswith("AccessDenied")
    # What names a session of a role that there is not cannot be saved.
    absent = arn.replace("again-role", "again-absent")
    found = refused(iam.update_assume_role_policy, RoleName="again-target", PolicyDocument=trusting(absent))
    assert found["Code"] == "MalformedPolicyDocument"
    found = refused(kms.put_key_policy, KeyId=key, Policy=policy.replace("again-role", "again-absent"))
    assert found["Code"] == "MalformedPolicyDocumentException"


def test_a_session_policy_made_again_changes_no_session(root, account):
    admin = root.user("limited-admin", allow("*"))
    arn = made(root, "limited", trusting(account), allow("*"))
    make = {"PolicyName": "limit", "PolicyDocument": document(allow("kms:ListKeys"))}
    policy = root.iam.create_policy(**make)["Policy"]["Arn"]
    limits = {"PolicyArns": [{"arn": policy}]}
    guest = admin.sts.get_federation_token(Name="guest", **limits)["Credentials"]
    sessions = [session(root, admin, arn, **limits), Caller.of(root.fastness, guest)]
    for caller in sessions:
        caller.kms.list_keys()
        assert refused(caller.kms.list_aliases)["Code"] == "AccessDeniedException"
    for again in ({}, {"PolicyDocument": document(allow("*"))}):
        root.iam.delete_policy(PolicyArn=policy)
        for exists in (False, True):
            if exists:
                root.iam.create_policy(**{**make, **again})
            for caller in sessions:
                found = refused(caller.kms.list_keys)
                assert found["Code"] == "AccessDeniedException" and "session" in found["Message"], found


def test_tags_that_are_one_key(root, account):
    admin = root.user("one-key", allow("*"))
    both = ["sts:AssumeRole", "sts:TagSession"]
    arn = made(root, "one-key", trusting(account, actions=both), allow("sts:*"))
    twice = [{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}]
    message = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    role = {"RoleArn": arn, "RoleSessionName": "session"}
    refuses("InvalidParameterValue", message, admin.sts.assume_role, **role, Tags=twice)
    refuses("InvalidParameterValue", message, admin.sts.get_federation_token, Name="guest", Tags=twice)
    missing = "The specified transitive tag key must be included in the requested tags."
    refuses("InvalidParameterValue", missing, admin.sts.assume_role, **role, Tags=twice[:1], TransitiveTagKeys=["x"])
    passed_on = session(root, admin, arn, Tags=twice[:1], TransitiveTagKeys=["TEAM"])
    conflict = (
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the "
        "calling session."
    )
    for tag in twice:
        refuses("InvalidParameterValue", conflict, passed_on.sts.assume_role, **role, Tags=[tag])
    passed_on.sts.assume_role(**role, Tags=[{"Key": "stage", "Value": "a"}])


# The members of what creations answer: without tags, as recorded from AWS.
CREATED = {
    "CreateAccessKey": ("AccessKey", "AccessKeyId CreateDate SecretAccessKey Status UserName"),
    "CreateGroup": ("Group", "Arn CreateDate GroupId GroupName Path"),
    "CreateInstanceProfile": (
        "InstanceProfile",
        "Arn CreateDate InstanceProfileId InstanceProfileName Path Roles",
    ),
    "CreatePolicy": (
        "Policy",
        "Arn AttachmentCount CreateDate DefaultVersionId IsAttachable Path PermissionsBoundaryUsageCount PolicyId "
        "PolicyName UpdateDate",
    ),
    "CreatePolicyVersion": ("PolicyVersion", "CreateDate IsDefaultVersion VersionId"),
    "CreateRole": ("Role", "Arn AssumeRolePolicyDocument CreateDate Path RoleId RoleName"),
    "CreateUser": ("User", "Arn CreateDate Path UserId UserName"),
}
# Whose answers are not recorded from AWS: tests/test_credentials.py has what is documented.
NOT_RECORDED = {"CreateLoginProfile", "CreateServiceSpecificCredential", "CreateVirtualMFADevice"}


def test_creations_answer_what_aws_answers(fastness, root, resources):
    answers = {}
    for service, name in every(fastness, implemented=True):
        if service != "iam" or not name.startswith("Create") or name in NOT_RECORDED:
            continue
        answer = method(root.iam, name)(**resources.input(service, name))
        answer.pop("ResponseMetadata")
        answers.update({name: answer} if answer else {})
    found = {name: [(key, " ".join(sorted(members))) for key, members in answer.items()] for name, answer in answers.items()}
    assert found == {name: [expected] for name, expected in CREATED.items()}
    # What is created repeats its document; what is read has its principals as ARNs.
    account, trust = resources.account, answers["CreateRole"]["Role"]["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Principal"] == {"AWS": account}
    read = root.iam.get_role(RoleName="another")["Role"]
    assert read["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{account}:root"}
    assert read["MaxSessionDuration"] == 3600 and "Tags" not in read
    [listed] = [role for role in root.iam.list_roles()["Roles"] if role["RoleName"] == "another"]
    assert listed["MaxSessionDuration"] == 3600
    described = root.iam.update_role_description(RoleName="another", Description="d")["Role"]
    assert "MaxSessionDuration" not in described and described["Description"] == "d"
    # Of these the list of tags is there though it is empty, of a user it is not.
    root.iam.add_role_to_instance_profile(InstanceProfileName="another", RoleName="another")
    profile = root.iam.get_instance_profile(InstanceProfileName="another")["InstanceProfile"]
    assert profile["Tags"] == [] and "MaxSessionDuration" not in profile["Roles"][0]
    assert root.iam.get_policy(PolicyArn=answers["CreatePolicy"]["Policy"]["Arn"])["Policy"]["Tags"] == []
    for arn in ("arn:aws:iam::aws:policy/AdministratorAccess", resources.policy_arn):
        assert root.iam.get_policy(PolicyArn=arn)["Policy"]["Tags"] == []
    assert "Tags" not in root.iam.get_user(UserName="another")["User"]
    assert all("Tags" not in policy for policy in root.iam.list_policies()["Policies"])


def test_every_arn_of_iam_has_to_be_one(fastness, root, resources):
    """AWS's words for what is no ARN at all, and for one of something else."""
    walked = set()
    for service, name in every(fastness, implemented=True):
        shape = model(service).operation_model(name).input_shape
        for member, of in shape.members.items() if service == "iam" and shape else ():
            if of.name != "arnType":
                continue
            walked.add(member)
            call = {**resources.input(service, name), member: "no-arn-but-long-enough"}
            if name.startswith("Create") and member == "PermissionsBoundary":
                call = {k: "boundless" if k.endswith("Name") else v for k, v in call.items()}
            message = "Invalid ARN:  Could not be parsed!"
            refuses("ValidationError", message, method(root.iam, name), **call)
            call[member] = resources.role_arn
            refuses("InvalidInput", f"ARN {resources.role_arn} is not valid.", method(root.iam, name), **call)
    assert walked == {"PermissionsBoundary", "PolicyArn"}


BAD = {
    "arn:aws": "Resource vendor must be fully qualified and cannot contain regexes.",
    "arn:aws:s3::b": "The policy failed legacy parsing",
    "arn:${ARN_PARTITION}:s3:::b": 'Partition "${ARN_PARTITION}" is not valid for resource "arn:${ARN_PARTITION}:s3:::b".',
    "a:b:c": 'Partition "b" is not valid for resource "arn:b:c:*:*:*".',
}


def test_every_operation_that_takes_a_policy_refuses_as_aws_does(fastness, root, resources, account):
    """Walks what saves a document of a principal, whatever the parameter is called."""
    region = f"arn:aws:iam:eu-central-1:{account}:user/ann"
    bad = {**BAD, region: f"IAM resource {region} cannot contain region information."}
    walked = set()
    caller = root.user("policy-saver", allow("*"))
    for service, name in every(fastness, implemented=True):
        if service not in ("iam", "sts"):
            continue
        shape = model(service).operation_model(name).input_shape
        for member in {"PolicyDocument", "Policy", "AssumeRolePolicyDocument"} & set(shape.members if shape else ()):
            call = resources.input(service, name)
            call = {k: "malformed" if name.startswith("Create") and k.endswith("Name") else v for k, v in call.items()}
            function = method(getattr(caller, service), name)
            walked.add(name)
            if "AssumeRole" in member or "AssumeRole" in name and service == "iam":
                refuses("MalformedPolicyDocument", "This policy contains invalid Json", function, **{**call, member: "no json"})
                text = trusting(account, actions="sts:AssumeRol")
                message = "AssumeRole policy may only specify STS AssumeRole actions."
                refuses("MalformedPolicyDocument", message, function, **{**call, member: text})
                continue
            for resource, message in bad.items():
                text = document(allow("s3:GetObject", resource))
                refuses("MalformedPolicyDocument", message, function, **{**call, member: text})
            if service == "iam":
                text = " " + document(allow("s3:GetObject"))
                message = "JSON strings must not have leading spaces"
                refuses("MalformedPolicyDocument", message, function, **{**call, member: text})
    assert walked == {
        "AssumeRole",
        "CreatePolicy",
        "CreatePolicyVersion",
        "CreateRole",
        "GetFederationToken",
        "PutGroupPolicy",
        "PutRolePolicy",
        "PutUserPolicy",
        "UpdateAssumeRolePolicy",
    }
