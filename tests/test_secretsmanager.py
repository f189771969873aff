"""Secrets Manager over the wire: boto3, the AWS CLI, and the caching library for Python."""

import json
import uuid

import pytest
from aws_secretsmanager_caching import SecretCache, SecretCacheConfig
from conftest import Caller, allow, document, records, refused
from test_cli import Shell


@pytest.fixture
def name():
    return f"test/{uuid.uuid4()}"


def told(root, kind, name):
    """The records of an event about a secret."""
    found = records(root).values()
    return [entry for entry in found if entry["eventName"] == kind and name in json.dumps(entry["requestParameters"])]


def test_a_secret_and_its_versions(root, name):
    api = root.secretsmanager
    made = api.create_secret(Name=name, SecretString="first", Tags=[{"Key": "team", "Value": "red"}])
    assert made["ARN"].rpartition("-")[0].endswith(name) and len(made["ARN"].rpartition("-")[2]) == 6
    put = api.put_secret_value(SecretId=name, SecretBinary=b"\0\1second")
    assert put["VersionStages"] == ["AWSCURRENT"]
    for secret_id in (name, made["ARN"], made["ARN"].rpartition("-")[0]):
        assert api.get_secret_value(SecretId=secret_id)["SecretBinary"] == b"\0\1second"
    assert api.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "first"
    described = api.describe_secret(SecretId=name)
    stages = {made["VersionId"]: ["AWSPREVIOUS"], put["VersionId"]: ["AWSCURRENT"]}
    assert described["VersionIdsToStages"] == stages and described["Tags"] == [{"Key": "team", "Value": "red"}]
    assert described["LastAccessedDate"] and "KmsKeyId" not in described and "DeletedDate" not in described
    listed = api.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": [name]}])
    assert [secret["ARN"] for page in listed for secret in page["SecretList"]] == [made["ARN"]]
    api.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    found = refused(api.get_secret_value, SecretId=name)
    assert found["Code"] == "InvalidRequestException" and "marked for deletion" in found["Message"]
    api.restore_secret(SecretId=name)
    api.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    found = refused(api.describe_secret, SecretId=name)
    assert found["Code"] == "ResourceNotFoundException"
    assert found["Message"] == "Secrets Manager can't find the specified secret."


def test_the_largest_values(root, name):
    api = root.secretsmanager
    api.create_secret(Name=name, SecretString="x" * 65_536)
    assert api.get_secret_value(SecretId=name)["SecretString"] == "x" * 65_536
    data = bytes(range(256)) * 256
    api.put_secret_value(SecretId=name, SecretBinary=data)
    assert api.get_secret_value(SecretId=name)["SecretBinary"] == data


def test_values_are_in_no_record(root, name):
    api, value = root.secretsmanager, f"never-told-{uuid.uuid4()}"
    api.create_secret(Name=name, SecretString=value)
    api.get_secret_value(SecretId=name)
    api.batch_get_secret_value(SecretIdList=[name])
    api.get_random_password()
    found = records(root).values()
    assert value not in json.dumps(list(found))
    (made,) = told(root, "CreateSecret", name)
    assert made["requestParameters"]["name"] == name and "secretString" not in made["requestParameters"]
    # Secrets Manager's call to KMS is the caller's too.
    via = [entry for entry in told(root, "GenerateDataKey", name) if entry["readOnly"]]
    assert via and via[0]["userIdentity"]["invokedBy"] == "secretsmanager.amazonaws.com"
    assert via[0]["requestParameters"]["encryptionContext"]["SecretVersionId"] == made["responseElements"]["versionId"]


def test_a_batch_tells_each_secret_apart(root, name):
    root.secretsmanager.create_secret(Name=name, SecretString="value")
    root.secretsmanager.create_secret(Name=f"{name}/other", SecretString="value")
    arn = root.secretsmanager.describe_secret(SecretId=name)["ARN"]
    user = f"batch-{uuid.uuid4()}"
    caller = root.user(user)
    one = document(allow("secretsmanager:BatchGetSecretValue"), allow("secretsmanager:GetSecretValue", arn))
    root.iam.put_user_policy(UserName=user, PolicyName="inline", PolicyDocument=one)
    found = caller.secretsmanager.batch_get_secret_value(SecretIdList=[name, f"{name}/other", "none"])
    assert [value["ARN"] for value in found["SecretValues"]] == [arn]
    codes = {error["SecretId"]: error["ErrorCode"] for error in found["Errors"]}
    assert codes == {f"{name}/other": "AccessDeniedException", "none": "AccessDeniedException"}
    for secret_id in (name, f"{name}/other"):
        assert [entry.get("errorCode") for entry in told(root, "GetSecretValue", f'"{secret_id}"')] == [
            None if secret_id == name else "AccessDenied"
        ]


def test_replicas(root, name):
    away = Caller(root.fastness, root.key, root.secret, region="eu-west-1").secretsmanager
    made = root.secretsmanager.create_secret(Name=name, SecretString="first", AddReplicaRegions=[{"Region": "eu-west-1"}])
    assert made["ReplicationStatus"][0]["Status"] == "InSync"
    root.secretsmanager.put_secret_value(SecretId=name, SecretString="second")
    assert away.get_secret_value(SecretId=name)["SecretString"] == "second"
    assert away.describe_secret(SecretId=name)["PrimaryRegion"] == "us-east-1"
    assert refused(away.put_secret_value, SecretId=name, SecretString="x")["Code"] == "InvalidRequestException"
    away.stop_replication_to_replica(SecretId=name)
    away.put_secret_value(SecretId=name, SecretString="own")
    assert root.secretsmanager.get_secret_value(SecretId=name)["SecretString"] == "second"


def test_the_cache_of_secrets(root, name):
    root.secretsmanager.create_secret(Name=name, SecretString="first")
    config = SecretCacheConfig(secret_refresh_interval=3600)
    cache = SecretCache(config=config, client=root.secretsmanager)
    assert cache.get_secret_string(name) == "first"
    root.secretsmanager.put_secret_value(SecretId=name, SecretString="second")
    assert cache.get_secret_string(name) == "first"
    fresh = SecretCache(config=config, client=root.secretsmanager)
    assert fresh.get_secret_string(name) == "second"
    assert fresh.get_secret_string(name, version_stage="AWSPREVIOUS") == "first"


def test_the_command_line(root, name, tmp_path):
    shell = Shell(root, tmp_path)
    made = shell.aws("secretsmanager", "create-secret", "--name", name, "--secret-string", "first")
    assert shell.aws("secretsmanager", "get-secret-value", "--secret-id", made["ARN"])["SecretString"] == "first"
    password = shell.aws("secretsmanager", "get-random-password", "--exclude-punctuation", "--password-length", "20")
    assert len(password["RandomPassword"]) == 20 and password["RandomPassword"].isalnum()
    deleted = shell.aws("secretsmanager", "delete-secret", "--secret-id", name, "--force-delete-without-recovery")
    assert deleted["Name"] == name


def test_a_policy_that_is_public(root, name):
    api = root.secretsmanager
    api.create_secret(Name=name, SecretString="value")
    public = document(allow("secretsmanager:GetSecretValue", Principal="*"))
    found = refused(api.put_resource_policy, SecretId=name, ResourcePolicy=public, BlockPublicPolicy=True)
    assert found["Code"] == "PublicPolicyException"
    found = api.validate_resource_policy(SecretId=name, ResourcePolicy=public)
    assert not found["PolicyValidationPassed"] and found["ValidationErrors"]
