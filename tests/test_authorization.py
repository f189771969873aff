"""Nothing is done for a caller without permission, and everything is recorded: walked over every operation there is."""

import json
import pathlib
import re
from functools import cache

import pytest
from botocore.exceptions import ClientError
from conftest import Caller, SERVICES, allow, deny, document, record, records, refused
from raw import json_call, query_call
from walk import Resources, coverage, every, method, model

# All that may be called without permission, and AWS's word for it.
EVERYBODY = {
    # "No permissions are required to perform this operation. If an administrator attaches a policy to your identity
    # that explicitly denies access to the sts:GetCallerIdentity action, you can still perform this operation."
    "sts:GetCallerIdentity",
    # "No permissions are required for users to perform this operation. The purpose of the sts:GetSessionToken operation
    # is to authenticate the user using MFA. You cannot use policies to control authentication operations."
    "sts:GetSessionToken",
}

# Operations that are authorized as an action of another name (Service Authorization Reference).
ACTIONS = {"kms:ReEncrypt": "kms:ReEncryptFrom"}


def signed_as(service):
    """What actions and event sources call a service: the name that requests are signed for."""
    return model(service).signing_name


@cache
def prefix(service):
    """The part of a service's actions before the colon."""
    facts = pathlib.Path(__file__).parent.parent / "models/authorization" / f"{service}.json"
    return json.loads(facts.read_text())["prefix"]


@pytest.fixture(scope="module")
def resources(root):
    return Resources(root)


@pytest.fixture(scope="module")
def nobody(root):
    return root.user("nobody")


def call(caller, resources, service, name):
    """The request id and the error of a call, which may have none."""
    try:
        answer = method(getattr(caller, service), name)(**resources.input(service, name))
    except ClientError as error:
        answer = error.response
    return answer["ResponseMetadata"]["RequestId"], answer["ResponseMetadata"]["HTTPStatusCode"], answer.get("Error")


def test_no_operation_is_done_without_permission_or_record(fastness, root, resources, nobody, account):
    arn = f"arn:aws:iam::{account}:user/nobody"
    open_to_all, wrong, expected = set(), [], {}
    for service, name in every(fastness, implemented=True):
        request, status, error = call(nobody, resources, service, name)
        action = f"{prefix(service)}:{name}"
        expected[request] = (service, name, error is not None)
        if error is None:
            open_to_all.add(action)
            continue
        code, denied = ("AccessDenied", 403) if service in ("iam", "sts") else ("AccessDeniedException", 400)
        sentence = f"User: {arn} is not authorized to perform: {ACTIONS.get(action, action)}"
        if (error["Code"], status) != (code, denied) or not error["Message"].startswith(sentence):
            wrong.append((action, status, error))
    assert open_to_all == EVERYBODY
    assert not wrong, wrong

    found = records(root)
    for request, (service, name, denied) in expected.items():
        entry = found[request]
        assert (entry["eventName"], entry["eventSource"]) == (name, f"{signed_as(service)}.amazonaws.com")
        assert entry.get("errorCode") == ("AccessDenied" if denied else None), entry
        assert entry["userIdentity"]["arn"] == arn and entry["userIdentity"]["accessKeyId"] == nobody.key
        assert entry["recipientAccountId"] == account and entry["readOnly"] in (True, False)
        if denied:
            assert "is not authorized to perform" in entry["errorMessage"] and entry["responseElements"] is None


def test_the_denied_walk_changed_nothing(root, resources):
    assert [user["UserName"] for user in root.iam.list_users()["Users"]] == ["nobody", "target"]
    assert [role["RoleName"] for role in root.iam.list_roles()["Roles"]] == ["target"]
    assert [group["GroupName"] for group in root.iam.list_groups()["Groups"]] == ["target"]
    assert {key["KeyArn"] for key in root.kms.list_keys()["Keys"]} == set(resources.key_arns)
    assert root.kms.describe_key(KeyId=resources.key_arn)["KeyMetadata"]["KeyState"] == "Enabled"
    assert root.iam.list_user_policies(UserName="target")["PolicyNames"] == ["target"]
    assert len(root.iam.list_service_specific_credentials(UserName="target")["ServiceSpecificCredentials"]) == 1
    devices = root.iam.list_virtual_mfa_devices()["VirtualMFADevices"]
    assert [device["SerialNumber"] for device in devices] == [resources.serial_number]


def test_with_permission_each_operation_answers_by_its_model_and_is_recorded(fastness, root, resources):
    expected = {}
    for service, name in every(fastness, implemented=True):
        request, _, error = call(root, resources, service, name)
        expected[request] = (service, name, error)
        if error:
            operation = model(service).operation_model(name)
            codes = {shape.error_code or shape.name for shape in operation.error_shapes}
            codes |= {shape.name for shape in operation.error_shapes}
            # AWS answers this, without listing it in the models, where the root user asks for a session.
            allowed = codes | ({"AccessDenied"} if service == "sts" else set())
            # AWS answers this where Secrets Manager may not invoke the rotation function.
            allowed |= {"AccessDeniedException"} if name == "RotateSecret" else set()
            assert error["Code"] in allowed, (service, name, error)
    found = records(root)
    for request, (_, name, error) in expected.items():
        entry = found[request]
        assert entry["eventName"] == name and entry["userIdentity"]["type"] == "Root"
        assert ("errorCode" in entry) == (error is not None), (entry, error)


def tagging(service, operation):
    """The action that gives tags to what an operation creates."""
    if service == "sts":
        return "sts:TagSession"
    if service == "iam":
        return re.sub("^Create(Virtual)?", "iam:Tag", operation)
    if service == "ssm":
        return "ssm:AddTagsToResource"
    return f"{signed_as(service)}:TagResource"


def test_tags_of_what_is_created_take_the_permission_to_tag(fastness, root, resources):
    """All is allowed but to tag. Without tags the same call is not refused."""
    walked = set()
    # A backup is not there to be copied without a device: tests/test_cloudhsm.py has one.
    operations = set(every(fastness, implemented=True)) - {("cloudhsmv2", "CopyBackupToRegion")}
    for service, name in operations:
        tags = resources.tags(service, name)
        if not tags:
            continue
        action = tagging(service, name)
        walked.add((name, action))
        caller = root.user(f"no-{name}")
        root.iam.put_user_policy(
            UserName=f"no-{name}", PolicyName="inline", PolicyDocument=document(allow("*"), deny(action))
        )
        function, parameters = method(getattr(caller, service), name), resources.input(service, name)
        found = refused(function, **parameters, **tags)
        assert found["Code"] in ("AccessDenied", "AccessDeniedException"), found
        assert f" is not authorized to perform: {action} on resource: " in found["Message"], found
        assert "with an explicit deny" in found["Message"], found
        try:
            function(**parameters)
        except ClientError as error:
            assert not error.response["Error"]["Code"].startswith("AccessDenied"), error
    assert walked == {
        ("AssumeRole", "sts:TagSession"),
        ("CreateCluster", "cloudhsm:TagResource"),
        ("CreateInstanceProfile", "iam:TagInstanceProfile"),
        ("CreateKey", "kms:TagResource"),
        ("CreatePolicy", "iam:TagPolicy"),
        ("CreateRole", "iam:TagRole"),
        ("CreateSecret", "secretsmanager:TagResource"),
        ("CreateUser", "iam:TagUser"),
        ("CreateVirtualMFADevice", "iam:TagMFADevice"),
        ("GetFederationToken", "sts:TagSession"),
        ("PutParameter", "ssm:AddTagsToResource"),
        ("ReplicateKey", "kms:TagResource"),
    }


def test_what_is_not_implemented_says_so_and_is_recorded(fastness, root, resources):
    expected = {}
    for service, name in every(fastness, implemented=False):
        request, status, error = call(root, resources, service, name)
        assert error is not None and (error["Code"], status) == ("NotImplemented", 501), (service, name, error)
        assert error["Message"] == (
            f"Fastness does not implement {service}:{name} yet. `fastness coverage {service}` lists what it does."
        )
        expected[request] = name
    found = records(root)
    for request, name in expected.items():
        assert (found[request]["eventName"], found[request]["errorCode"]) == (name, "NotImplemented")


def test_every_operation_of_the_models_is_known(fastness):
    for service in SERVICES:
        assert set(model(service).operation_names) <= set(sum(coverage(fastness, service), []))


def test_permission_for_one_operation_is_for_no_other(root, resources):
    key = resources.key_arn
    for action in ("kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListResourceTags"):
        caller = root.user(action.replace(":", "-"), allow(action, key))
        calls = {
            "kms:DescribeKey": caller.kms.describe_key,
            "kms:GetKeyPolicy": caller.kms.get_key_policy,
            "kms:ListResourceTags": caller.kms.list_resource_tags,
        }
        for name, function in calls.items():
            if name == action:
                function(KeyId=key)
            else:
                assert refused(function, KeyId=key)["Code"] == "AccessDeniedException"


BAD_TOKEN = "The security token included in the request is invalid."


def invalid(root, caller):
    """A caller who is not known is refused, in the form of each protocol, and recorded."""
    for service, function, code, status in (
        ("kms", "list_keys", "UnrecognizedClientException", 400),
        ("iam", "list_users", "InvalidClientTokenId", 403),
        ("sts", "get_caller_identity", "InvalidClientTokenId", 403),
    ):
        error = refused(getattr(getattr(caller, service), function))
        assert (error["Code"], error["Status"], error["Message"]) == (code, status, BAD_TOKEN)
        entry = record(root, error["RequestId"])
        assert entry["errorCode"] == code and entry["userIdentity"]["accessKeyId"] == caller.key


def test_a_deleted_user_is_nobody(root):
    gone = root.user("gone", allow("*"))
    gone.kms.list_keys()
    session = Caller.of(root.fastness, gone.sts.get_session_token()["Credentials"])
    session.kms.list_keys()
    root.iam.delete_access_key(UserName="gone", AccessKeyId=gone.key)
    root.iam.delete_user_policy(UserName="gone", PolicyName="inline")
    root.iam.delete_user(UserName="gone")
    invalid(root, gone)
    # The session outlives the key, but not the user, and belongs to no other user of that name.
    first = refused(session.kms.list_keys)
    root.user("gone", allow("*"))
    second = refused(session.kms.list_keys)
    for error in (first, second):
        assert (error["Code"], error["Message"]) == ("UnrecognizedClientException", BAD_TOKEN)
        assert "errorCode" in record(root, error["RequestId"])


def test_an_inactive_key_is_refused_until_it_is_active(root):
    caller = root.user("sleeper", allow("*"))
    root.iam.update_access_key(UserName="sleeper", AccessKeyId=caller.key, Status="Inactive")
    invalid(root, caller)
    root.iam.update_access_key(UserName="sleeper", AccessKeyId=caller.key, Status="Active")
    caller.kms.list_keys()


def test_a_key_that_never_was_is_refused(root):
    invalid(root, Caller(root.fastness, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))


def test_a_session_key_needs_its_own_token(root):
    user = root.user("twice", allow("*"))
    first, second = (user.sts.get_session_token()["Credentials"] for _ in range(2))
    mixed = {**first, "SessionToken": second["SessionToken"]}
    bare = {**first, "SessionToken": None}
    altered = {**first, "SessionToken": first["SessionToken"][:-8] + "AAAAAAAA"}
    for credentials in (mixed, bare, altered):
        invalid(root, Caller.of(root.fastness, credentials))
    foreign = Caller(root.fastness, user.key, user.secret, first["SessionToken"])
    invalid(root, foreign)


def test_nobody_at_all_is_refused_and_recorded(root):
    for request, code, status in (
        (json_call(root, "kms", "ListKeys"), "MissingAuthenticationTokenException", 400),
        (query_call(root, "iam", "ListUsers"), "MissingAuthenticationToken", 403),
        (query_call(root, "sts", "GetCallerIdentity"), "MissingAuthenticationToken", 403),
    ):
        request.replace("Authorization", None)
        reply = request.send()
        assert reply.status == status
        assert reply.error == (code, "Request is missing Authentication Token")
        entry = record(root, reply.request_id)
        assert entry["errorCode"] == code and "accessKeyId" not in entry["userIdentity"]


def test_permissions_end_at_once(root):
    caller = root.user("shortly", allow("kms:ListKeys"))
    session = Caller.of(root.fastness, caller.sts.get_session_token()["Credentials"])
    caller.kms.list_keys()
    session.kms.list_keys()
    root.iam.delete_user_policy(UserName="shortly", PolicyName="inline")
    assert refused(caller.kms.list_keys)["Code"] == "AccessDeniedException"
    assert refused(session.kms.list_keys)["Code"] == "AccessDeniedException"
    trust = document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{root.sts.get_caller_identity()['Account']}:root"},
            "Action": "sts:AssumeRole",
        }
    )
    role = root.iam.create_role(RoleName="shortly", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    root.iam.put_user_policy(
        UserName="shortly", PolicyName="inline", PolicyDocument=document(allow("sts:AssumeRole", role))
    )
    caller.sts.assume_role(RoleArn=role, RoleSessionName="once")
    root.iam.update_assume_role_policy(RoleName="shortly", PolicyDocument=trust.replace("Allow", "Deny"))
    assert refused(caller.sts.assume_role, RoleArn=role, RoleSessionName="once")["Code"] == "AccessDenied"
