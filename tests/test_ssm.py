"""Parameter Store over the wire: boto3, the AWS CLI and the AWS SDK for JavaScript."""

import json
import os
import pathlib
import subprocess
import sys

from botocore.exceptions import ClientError
from conftest import allow, events, record, refused, refuses

SECRET = "correct-horse-battery-staple"
JS = pathlib.Path(__file__).parent / "js" / "parameters.cjs"
AWS = pathlib.Path(sys.executable).parent / "aws"


def test_the_main_job(root, account):
    ssm = root.ssm
    made = ssm.put_parameter(Name="/app/db/password", Value=SECRET, Type="SecureString", Tags=[{"Key": "env", "Value": "dev"}])
    assert (made["Version"], made["Tier"]) == (1, "Standard")
    found = ssm.get_parameter(Name="/app/db/password", WithDecryption=True)["Parameter"]
    assert found["Value"] == SECRET and found["ARN"] == f"arn:aws:ssm:us-east-1:{account}:parameter/app/db/password"
    assert SECRET not in ssm.get_parameter(Name="/app/db/password")["Parameter"]["Value"]
    ssm.put_parameter(Name="/app/db/password", Value="newer", Overwrite=True)
    ssm.label_parameter_version(Name="/app/db/password", ParameterVersion=1, Labels=["old"])
    old = ssm.get_parameter(Name="/app/db/password:old", WithDecryption=True)["Parameter"]
    assert (old["Value"], old["Version"], old["Selector"]) == (SECRET, 1, ":old")
    several = ssm.get_parameters(Names=["/app/db/password", "/none"], WithDecryption=True)
    assert [one["Value"] for one in several["Parameters"]] == ["newer"] and several["InvalidParameters"] == ["/none"]
    ssm.delete_parameters(Names=["/app/db/password"])
    refuses("ParameterNotFound", "", ssm.get_parameter, Name="/app/db/password")


def test_a_secret_is_in_no_record_no_log_and_not_on_disk(fastness, root):
    for tier in ("Standard", "Advanced"):
        answer = root.ssm.put_parameter(Name=f"/hidden/{tier}", Value=SECRET, Type="SecureString", Tier=tier)
        root.ssm.get_parameter(Name=f"/hidden/{tier}", WithDecryption=True)
        entry = record(root, answer["ResponseMetadata"]["RequestId"])
        assert entry["requestParameters"]["name"] == f"/hidden/{tier}" and entry["resources"][0]["type"] == "AWS::SSM::Parameter"
    assert SECRET not in json.dumps(events(root)) and SECRET not in fastness.log.read_text()
    held = [path for path in fastness.data.rglob("*") if path.is_file()]
    assert held and not [path for path in held if SECRET.encode() in path.read_bytes()]
    through = [entry for entry in events(root) if entry["sourceIPAddress"] == "ssm.amazonaws.com"]
    assert {"Encrypt", "GenerateDataKey", "Decrypt"} <= {entry["eventName"] for entry in through}


def test_pages_of_a_path(root):
    names = [f"/pages/{group}/{number:02}" for group in "ab" for number in range(12)]
    for name in names:
        root.ssm.put_parameter(Name=name, Value="x", Type="String")
    pages = list(root.ssm.get_paginator("get_parameters_by_path").paginate(Path="/pages", Recursive=True))
    assert [len(page["Parameters"]) for page in pages] == [10, 10, 4]
    assert sorted(one["Name"] for page in pages for one in page["Parameters"]) == names
    described = root.ssm.get_paginator("describe_parameters").paginate(
        ParameterFilters=[{"Key": "Path", "Values": ["/pages/a"]}], PaginationConfig={"PageSize": 5}
    )
    assert [one["Name"] for page in described for one in page["Parameters"]] == names[:12]
    token = pages[0]["NextToken"]
    refuses("InvalidNextToken", "", root.ssm.get_parameters_by_path, Path="/pages/a", NextToken=token)
    refuses("InvalidNextToken", "", root.ssm.describe_parameters, NextToken=token)


def test_the_key_is_used_with_the_callers_permissions(root):
    key = root.kms.create_key()["KeyMetadata"]["Arn"]
    root.ssm.put_parameter(Name="/keys/own", Value=SECRET, Type="SecureString", KeyId=key)
    root.ssm.put_parameter(Name="/keys/default", Value=SECRET, Type="SecureString")
    user = root.user("parameters", allow("ssm:GetParameter"))
    error = refused(user.ssm.get_parameter, Name="/keys/own", WithDecryption=True)
    assert error["Code"] == "AccessDeniedException" and "kms:Decrypt" in error["Message"]
    assert user.ssm.get_parameter(Name="/keys/default", WithDecryption=True)["Parameter"]["Value"] == SECRET
    via = {"StringEquals": {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}}
    root.iam.put_user_policy(
        UserName="parameters",
        PolicyName="inline",
        PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [allow("ssm:GetParameter"), allow("kms:Decrypt", key, Condition=via)]}
        ),
    )
    assert user.ssm.get_parameter(Name="/keys/own", WithDecryption=True)["Parameter"]["Value"] == SECRET


def test_hostile_input_is_refused_and_recorded(root):
    for name in ("/a\u0000b", "/a/../b\u0001", "/" + "n" * 2000, "/é", "a b", "/" + "/".join("x" * 20), "", "/a:b:c", "{{ssm:a}}"):
        try:
            root.ssm.put_parameter(Name=name, Value="x", Type="String")
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("ValidationException", "HierarchyLevelLimitExceededException"), name
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        except Exception as error:  # noqa: BLE001 boto3 itself refuses the empty name.
            assert name == "", error
        else:
            raise AssertionError(name)
    refuses("InvalidAllowedPatternException", "linear time", root.ssm.put_parameter, Name="/p", Value="x", Type="String", AllowedPattern="(?=x)")
    refuses("ParameterPatternMismatchException", "", root.ssm.put_parameter, Name="/p", Value="a" * 4000, Type="String", AllowedPattern="(a*)*b")
    refuses("ValidationException", "4096", root.ssm.put_parameter, Name="/p", Value="a" * 5000, Type="String")
    value = "NUL \u0000, a line\nand \u2028 \U0001f511"
    root.ssm.put_parameter(Name="/odd", Value=value, Type="SecureString")
    assert root.ssm.get_parameter(Name="/odd", WithDecryption=True)["Parameter"]["Value"] == value


def test_tags_are_in_the_index_of_all_resources(root, account):
    root.ssm.put_parameter(Name="/tagged/one", Value="x", Type="String", Tags=[{"Key": "team", "Value": "red"}])
    arn = f"arn:aws:ssm:us-east-1:{account}:parameter/tagged/one"
    api = root.resourcegroupstaggingapi
    wanted = {"TagFilters": [{"Key": "team", "Values": ["red"]}], "ResourceTypeFilters": ["ssm:parameter"]}
    assert [one["ResourceARN"] for one in api.get_resources(**wanted)["ResourceTagMappingList"]] == [arn]
    assert api.tag_resources(ResourceARNList=[arn], Tags={"env": "dev"})["FailedResourcesMap"] == {}
    api.untag_resources(ResourceARNList=[arn], TagKeys=["team"])
    assert root.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/tagged/one")["TagList"] == [{"Key": "env", "Value": "dev"}]
    root.ssm.delete_parameter(Name="/tagged/one")
    assert api.get_resources(TagFilters=[{"Key": "env", "Values": ["dev"]}])["ResourceTagMappingList"] == []


def test_it_is_there_after_a_restart(fresh):
    fresh.serve()
    root = fresh.root()
    for tier in ("Standard", "Advanced"):
        root.ssm.put_parameter(Name=f"/kept/{tier}", Value=SECRET, Type="SecureString", Tier=tier)
    fresh.kill()
    fresh.serve()
    root = fresh.root()
    found = root.ssm.get_parameters_by_path(Path="/kept", WithDecryption=True)["Parameters"]
    assert [one["Value"] for one in found] == [SECRET, SECRET]


def test_the_aws_cli(root):
    def aws(*arguments):
        done = subprocess.run(
            [AWS, "ssm", *arguments, "--output", "json"], env=root.environment(), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    aws("put-parameter", "--name", "/cli/a", "--value", SECRET, "--type", "SecureString", "--tier", "Intelligent-Tiering")
    found = aws("get-parameters-by-path", "--path", "/cli", "--with-decryption")["Parameters"]
    assert [one["Value"] for one in found] == [SECRET]
    aws("label-parameter-version", "--name", "/cli/a", "--labels", "prod")
    assert aws("get-parameter-history", "--name", "/cli/a")["Parameters"][0]["Labels"] == ["prod"]
    assert aws("delete-parameters", "--names", "/cli/a", "/none")["InvalidParameters"] == ["/none"]


def test_the_sdk_for_javascript(root):
    modules = os.environ.get("NODE_PATH")
    assert modules, "NODE_PATH does not name the packages: run the tests with `cargo xtask test`"
    done = subprocess.run(
        ["node", JS], env={**root.environment(), "NODE_PATH": modules}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen == {"version": 1, "value": SECRET, "names": ["/js/a", "/js/b"], "refused": "ParameterNotFound"}
