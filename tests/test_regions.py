"""Regions are a list: nothing is served, made or recorded in one that is not on it."""

import pytest
from conftest import Caller, Fastness, events, record, refused
from raw import json_call, query_call, sign

HIDDEN = ("qx-hidden-7", "us-east-9", "us-gov-west-1", "cn-north-1", "aws-global", "mars")


def in_region(caller, region):
    return Caller(caller.fastness, caller.key, caller.secret, caller.token, region)


@pytest.mark.parametrize("region", HIDDEN)
def test_a_call_for_a_region_that_is_not_served_is_refused_and_recorded(root, region):
    """In the form of the service; on record in the deployment's own Region, or in that of global services."""
    calls = [
        (json_call(root, "kms", "CreateKey", region=region), "InvalidSignatureException", 400),
        (json_call(root, "cloudtrail", "LookupEvents", region=region), "InvalidSignatureException", 400),
        (query_call(root, "iam", "ListUsers", region=region), "SignatureDoesNotMatch", 403),
        (query_call(root, "sts", "GetCallerIdentity", region=region), "SignatureDoesNotMatch", 403),
        (
            sign(root, "sts", method="GET", query="Action=GetCallerIdentity&Version=2011-06-15", region=region),
            "SignatureDoesNotMatch",
            403,
        ),
    ]
    for request, code, status in calls:
        reply = request.send()
        expected = f"Credential should be scoped to a valid region, not '{region}'."
        assert (*reply.error, reply.status) == (code, expected, status)
        entry = record(root, reply.request_id)
        assert (entry["awsRegion"], entry["errorCode"], entry["errorMessage"]) == ("us-east-1", code, expected)


def test_every_published_region_is_served(root):
    for region in ("af-south-1", "ap-southeast-7", "ca-west-1", "eu-central-2", "mx-central-1", "us-west-2"):
        key = in_region(root, region).kms.create_key()["KeyMetadata"]
        assert f":{region}:" in key["Arn"]
        assert any(event["eventName"] == "CreateKey" for event in events(in_region(root, region)))


def test_nothing_is_made_in_a_region_that_is_not_served(root):
    key = root.kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    for region in ("qx-hidden-7", "us-gov-west-1"):
        error = refused(root.kms.replicate_key, KeyId=key, ReplicaRegion=region)
        assert error["Code"] == "UnsupportedOperationException" and region in error["Message"]
        error = refused(root.kms.update_primary_region, KeyId=key, PrimaryRegion=region)
        assert error["Code"] == "UnsupportedOperationException" and region in error["Message"]
        # An ARN of there names nothing here.
        arn = f"arn:aws:kms:{region}:{key}:key/{key}"
        assert refused(root.kms.describe_key, KeyId=arn)["Code"] in ("NotFoundException", "InvalidArnException")
    assert root.kms.describe_key(KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]["ReplicaKeys"] == []


def test_a_deployment_has_a_region_that_is_served(fresh):
    for region, advice in [("mars", "there are af-south-1, "), ("eu-centrl-1", "did you mean eu-central-1?")]:
        done = fresh.run("init", "--data", str(fresh.data), "--region", region, check=False)
        assert done.returncode == 1 and f"the Region `{region}` is not served: {advice}" in done.stderr, done
        assert not fresh.data.exists()
    fresh.run("init", "--data", str(fresh.data), "--region", "eu-west-3")
    assert fresh.exports["AWS_REGION"] == "eu-west-3"


def test_the_regions_are_a_setting(tmp_path):
    own = Fastness(tmp_path, config={"regions": ["us-east-1", "xx-lab-1"]})
    try:
        root = own.serve().root()
        assert ":xx-lab-1:" in in_region(root, "xx-lab-1").kms.create_key()["KeyMetadata"]["Arn"]
        assert refused(in_region(root, "eu-central-1").kms.list_keys)["Code"] == "InvalidSignatureException"
    finally:
        own.stop()
    # The deployment's own must stay among them.
    elsewhere = Fastness(tmp_path / "elsewhere", config={"regions": ["us-east-1", "xx-lab-1"]})
    elsewhere.run("init", "--data", str(elsewhere.data), "--region", "xx-lab-1")
    del elsewhere.environment["FASTNESS_CONFIG"]
    for args in (["env"], ["serve", "--listen", "127.0.0.1:0"]):
        done = elsewhere.run(*args, "--data", str(elsewhere.data), check=False)
        assert done.returncode == 1 and "the Region `xx-lab-1` is not served" in done.stderr, done
