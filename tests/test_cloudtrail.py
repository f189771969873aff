"""CloudTrail: looking up what happened, and what a record holds."""

import json
from datetime import datetime, timedelta, timezone

from conftest import allow, document, events, record, refused, refuses


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
    assert mine[0] in found("EventSource", "iam.amazonaws.com") and mine[1] not in found(
        "EventSource", "iam.amazonaws.com"
    )
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
    assert len(inside) > 3
    times = [e["eventTime"] for e in inside]
    assert times == sorted(times, reverse=True)
    refuses(
        "InvalidTimeRangeException", "", root.cloudtrail.lookup_events, StartTime=now, EndTime=now - timedelta(hours=1)
    )


def test_lookups_that_are_none(root):
    lookup = root.client("cloudtrail", parameter_validation=False).lookup_events
    two = [{"AttributeKey": "EventName", "AttributeValue": name} for name in ("a", "b")]
    refuses(
        "InvalidLookupAttributesException", "You can specify only one lookup attribute.", lookup, LookupAttributes=two
    )
    for size in (0, 51):
        assert refused(lookup, MaxResults=size)["Code"] in ("InvalidMaxResultsException", "ValidationException")
    refuses("InvalidNextTokenException", "", lookup, NextToken="nonsense")
    token = root.cloudtrail.lookup_events(MaxResults=1)["NextToken"]
    one = [{"AttributeKey": "EventName", "AttributeValue": "CreateKey"}]
    refuses("InvalidNextTokenException", "", lookup, NextToken=token, LookupAttributes=one)


def test_events_and_records_agree(root, account):
    root.kms.list_keys()
    (event,) = root.cloudtrail.lookup_events(
        MaxResults=1, LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ListKeys"}]
    )["Events"]
    entry = json.loads(event["CloudTrailEvent"])
    assert (event["EventId"], event["EventName"], event["EventSource"]) == (
        entry["eventID"],
        entry["eventName"],
        entry["eventSource"],
    )
    assert event["Username"] == "root" and event["AccessKeyId"] == root.key and event["ReadOnly"] == "true"
    assert (
        entry["eventVersion"] == "1.11"
        and entry["eventType"] == "AwsApiCall"
        and entry["eventCategory"] == "Management"
    )
    assert entry["userIdentity"] == {
        "type": "Root",
        "principalId": account,
        "arn": f"arn:aws:iam::{account}:root",
        "accountId": account,
        "accessKeyId": root.key,
    }
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
