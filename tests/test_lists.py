"""Every list, page by page."""

from collections import Counter

import pytest
from authenticator import Device
from certificates import public_key, self_signed
from conftest import allow, document, refused


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
        iam.upload_ssh_public_key(UserName="crowd", SSHPublicKeyBody=public_key())
        iam.upload_signing_certificate(UserName="crowd", CertificateBody=self_signed())
        iam.create_service_specific_credential(UserName="crowd", ServiceName="codecommit.amazonaws.com")
        iam.create_service_specific_credential(UserName="crowd", ServiceName="cassandra.amazonaws.com")
    for name in many("crowd"):
        device = Device(root, name, "crowd")
    iam.tag_mfa_device(SerialNumber=device.serial_number, Tags=[{"Key": name, "Value": "x"} for name in many("crowd")])
    key = kms.create_key(Tags=[{"TagKey": name, "TagValue": "x"} for name in many("crowd")])["KeyMetadata"]["KeyId"]
    arn = f"arn:aws:iam::{account}:user/crowd"
    for name in many("crowd"):
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key)
        kms.create_grant(KeyId=key, GranteePrincipal=arn, RetiringPrincipal=arn, Operations=["Encrypt"], Name=name)
        kms.rotate_key_on_demand(KeyId=key)
        kms.create_key()
    return {"policy": arns[0], "key": key, "arn": arn, "device": device.serial_number}


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
    ("iam", "list_ssh_public_keys", "SSHPublicKeys", "SSHPublicKeyId", {"UserName": "crowd"}, 2),
    ("iam", "list_signing_certificates", "Certificates", "CertificateId", {"UserName": "crowd"}, 2),
    (
        *("iam", "list_service_specific_credentials", "ServiceSpecificCredentials", "ServiceSpecificCredentialId"),
        *({"UserName": "crowd"}, 4),
    ),
    ("iam", "list_mfa_devices", "MFADevices", "SerialNumber", {"UserName": "crowd"}, 5),
    ("iam", "list_virtual_mfa_devices", "VirtualMFADevices", "SerialNumber", {"AssignmentStatus": "Assigned"}, 5),
    ("iam", "list_mfa_device_tags", "Tags", "Key", {"SerialNumber": "device"}, 5),
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
        ("MaxItems", "Marker", "Marker")
        if client.meta.service_model.service_name == "iam"
        else ("Limit", "Marker", "NextMarker")
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


@pytest.mark.parametrize(
    ("service", "operation", "list_name", "name", "parameters", "count"), LISTS, ids=[row[1] for row in LISTS]
)
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


@pytest.mark.parametrize(
    ("service", "operation", "list_name", "name", "parameters", "count"), LISTS, ids=[row[1] for row in LISTS]
)
def test_markers_are_for_their_own_list(root, crowd, service, operation, list_name, name, parameters, count):
    client = getattr(root, service)
    parameters = {k: crowd.get(v, v) if isinstance(v, str) else v for k, v in parameters.items()}
    for marker in ("x", "AAAA" * 10, "é"):
        found = refused(getattr(client, operation), **parameters, Marker=marker)
        assert found["Code"] in ("InvalidMarkerException", "ValidationError", "InvalidInput", "ValidationException"), (
            found
        )
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
        assert refused(call, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess", **more)["Code"] in (
            "AccessDenied",
            "InvalidInput",
        )
