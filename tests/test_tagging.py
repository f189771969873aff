"""Tags of every service's resources, by their ARNs: the Resource Groups Tagging API."""

import pytest
from conftest import Caller, allow, deny, document, records, refused


def tags(mapping):
    return {tag["Key"]: tag["Value"] for tag in mapping["Tags"]}


def found(caller, **wanted):
    """The ARNs and tags that GetResources tells of, over all pages."""
    pages = caller.resourcegroupstaggingapi.get_paginator("get_resources").paginate(**wanted)
    return {mapping["ResourceARN"]: tags(mapping) for page in pages for mapping in page["ResourceTagMappingList"]}


@pytest.fixture(scope="module")
def resources(root):
    """One resource of each kind that can be tagged, by the kind's name in the API."""
    trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}'
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'
    iam = root.iam
    made = {
        "kms:key": root.kms.create_key()["KeyMetadata"]["Arn"],
        "iam:user": iam.create_user(UserName="tagged", Path="/deep/")["User"]["Arn"],
        "iam:role": iam.create_role(RoleName="tagged", AssumeRolePolicyDocument=trust)["Role"]["Arn"],
        "iam:policy": iam.create_policy(PolicyName="tagged", PolicyDocument=policy)["Policy"]["Arn"],
        "iam:instance-profile": iam.create_instance_profile(InstanceProfileName="tagged")["InstanceProfile"]["Arn"],
    }
    cluster = root.cloudhsmv2.create_cluster(HsmType="hsm2m.medium", SubnetIds=["subnet-0a1b2c3d"])["Cluster"]
    account = made["kms:key"].split(":")[4]
    made["cloudhsm:cluster"] = f"arn:aws:cloudhsm:us-east-1:{account}:cluster/{cluster['ClusterId']}"
    return made


def test_every_kind_is_tagged_found_and_untagged(root, resources):
    api = root.resourcegroupstaggingapi
    arns = sorted(resources.values())
    assert not set(arns) & set(found(root)), "what never had a tag is not told of"
    given = {"team": "red", "stage": "try"}
    assert api.tag_resources(ResourceARNList=arns, Tags=given)["FailedResourcesMap"] == {}
    seen = found(root, TagFilters=[{"Key": "team", "Values": ["red"]}])
    assert {arn: seen[arn] for arn in arns} == {arn: given for arn in arns}
    for kind, arn in resources.items():
        assert arn in found(root, ResourceTypeFilters=[kind], ResourcesPerPage=1)
        assert arn in found(root, ResourceTypeFilters=[kind.split(":")[0]])
    # The services say the same of their own.
    listed = root.kms.list_resource_tags(KeyId=resources["kms:key"])["Tags"]
    assert {tag["TagKey"]: tag["TagValue"] for tag in listed} == given
    assert {"team", "stage"} <= set(api.get_tag_keys()["TagKeys"])
    assert api.get_tag_values(Key="team")["TagValues"] == ["red"]
    assert api.untag_resources(ResourceARNList=arns, TagKeys=["team", "stage"])["FailedResourcesMap"] == {}
    assert set(arns) & set(found(root, TagFilters=[{"Key": "team"}])) == set()
    assert api.get_tag_values(Key="team")["TagValues"] == []
    # What had a tag once is told of still.
    everything = found(root)
    assert all(everything[arn] == {} for arn in arns)
    assert found(root, ResourceARNList=arns[:2]) == {arn: {} for arn in arns[:2]}


def test_a_tag_needs_the_permissions_of_both_services(root, resources):
    key = resources["kms:key"]
    both = root.user("tagger", allow(["tag:*", "kms:TagResource"]))
    assert both.resourcegroupstaggingapi.tag_resources(ResourceARNList=[key], Tags={"a": "b"})["FailedResourcesMap"] == {}
    half = root.user("half-a-tagger", allow("tag:*"))
    failed = half.resourcegroupstaggingapi.tag_resources(ResourceARNList=[key, resources["iam:user"]], Tags={"c": "d"})
    failed = failed["FailedResourcesMap"]
    assert set(failed) == {key, resources["iam:user"]}
    assert failed[key]["StatusCode"] == 403 and "kms:TagResource" in failed[key]["ErrorMessage"]
    assert "c" not in found(root, ResourceARNList=[key])[key]
    # Each inner call has a record of its own, refused or not.
    inner = [event for event in records(root, LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "TagResource"}]).values() if event["userIdentity"].get("userName") == "half-a-tagger"]
    assert [event["errorCode"] for event in inner] == ["AccessDenied"]
    assert inner[0]["userIdentity"]["invokedBy"] == "tagging.amazonaws.com"
    none = root.user("no-tagger", allow("kms:*"))
    for call in ("get_resources", "get_tag_keys"):
        assert refused(getattr(none.resourcegroupstaggingapi, call))["Code"] == "AccessDeniedException"
    limited = root.user("limited-tagger", allow("*"))
    limited_keys = deny("tag:TagResources", Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "secret"}})
    root.iam.put_user_policy(UserName="limited-tagger", PolicyName="keys", PolicyDocument=document(limited_keys))
    error = refused(limited.resourcegroupstaggingapi.tag_resources, ResourceARNList=[key], Tags={"secret": "x"})
    assert error["Code"] == "AccessDeniedException"


def test_what_cannot_be_tagged(root, resources):
    api, account = root.resourcegroupstaggingapi, resources["kms:key"].split(":")[4]
    bad = {
        "nonsense": "not a valid ARN",
        f"arn:aws:kms:eu-west-1:{account}:key/x": "not in the Region",
        "arn:aws:kms:us-east-1:999999999999:key/x": "another account",
        f"arn:aws:nothing:us-east-1:{account}:x/y": "no service",
        f"arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab": "NotFoundException",
        f"arn:aws:iam::{account}:group/g": "not of a kind",
    }
    failed = api.tag_resources(ResourceARNList=list(bad), Tags={"a": "b"})["FailedResourcesMap"]
    assert set(failed) == set(bad)
    for arn, words in bad.items():
        assert failed[arn]["ErrorCode"] == "InvalidParameterException" and words in failed[arn]["ErrorMessage"], failed[arn]
    for wrong in (
        {"ResourcesPerPage": 0},
        {"ResourcesPerPage": 101},
        {"TagsPerPage": 150},
        {"TagFilters": [{"Values": ["x"]}]},
        {"TagFilters": [{"Key": "a"}, {"Key": "A"}]},
        {"ResourceARNList": ["nonsense"]},
        {"ResourceARNList": [resources["kms:key"]], "ResourcesPerPage": 1},
        {"ExcludeCompliantResources": True},
        {"PaginationToken": "forged"},
    ):
        assert refused(api.get_resources, **wrong)["Code"] == "InvalidParameterException", wrong
    error = refused(api.tag_resources, ResourceARNList=[resources["kms:key"]], Tags={"Env": "a", "env": "b"})
    assert error["Code"] == "InvalidParameterException"


def test_an_index_follows_renames_and_ends(root, resources):
    iam, api = root.iam, root.resourcegroupstaggingapi
    arn = iam.create_user(UserName="before", Tags=[{"Key": "kept", "Value": "yes"}])["User"]["Arn"]
    iam.update_user(UserName="before", NewUserName="after")
    renamed = arn.replace("before", "after")
    assert found(root, TagFilters=[{"Key": "kept"}]) == {renamed: {"kept": "yes"}}
    iam.delete_user(UserName="after")
    assert found(root, TagFilters=[{"Key": "kept"}]) == {}
    assert "kept" not in api.get_tag_keys()["TagKeys"]
    elsewhere = Caller(root.fastness, root.key, root.secret, region="eu-west-1")
    assert found(elsewhere) == {}, "global resources are told of in one Region"


def test_a_filter_with_several_values_and_many_pages(root):
    made = {}
    for number in range(7):
        value = ("odd", "even", "zero")[number % 3]
        arn = root.iam.create_user(UserName=f"paged-{number}", Tags=[{"Key": "kind-of", "Value": value}])["User"]["Arn"]
        made[arn] = {"kind-of": value}
    wanted = {arn: tags for arn, tags in made.items() if tags["kind-of"] != "zero"}
    assert found(root, TagFilters=[{"Key": "kind-of", "Values": ["odd", "even"]}], ResourcesPerPage=2) == wanted
    assert found(root, TagFilters=[{"Key": "kind-of"}, {"Key": "absent"}]) == {}
    details = root.resourcegroupstaggingapi.get_resources(
        TagFilters=[{"Key": "kind-of"}], IncludeComplianceDetails=True
    )["ResourceTagMappingList"]
    assert all(mapping["ComplianceDetails"]["ComplianceStatus"] for mapping in details)
