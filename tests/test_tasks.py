"""What waits to be done later, as an operator sees it: of a server that runs, and of a deployment that is stopped."""

import json

import pytest
from conftest import Fastness

ABSENT = 3


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A deployment that is served, with a key that is to be deleted."""
    fastness = Fastness(tmp_path_factory.mktemp("tasks")).serve()
    key = fastness.root().kms.create_key()["KeyMetadata"]["KeyId"]
    fastness.root().kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    yield fastness, key
    fastness.stop()


def tasks(fastness, *args, check=True):
    return fastness.run("tasks", *args, "--data", str(fastness.data), check=check)


def look(fastness, key):
    """What the list has of the deletion, in both forms; and that nothing else is to be had of it."""
    for form in ((), ("list",)):
        assert " waiting " in tasks(fastness, *form).stdout and f" kms delete-key {key}" in tasks(fastness, *form).stdout
    listed = json.loads(tasks(fastness, "--json").stdout)
    (task,) = (task for task in listed["tasks"] if task["task"] == "delete-key")
    assert (task["state"], task["subject"], task["attempts"], listed["more"]) == ("waiting", key, 0, False)
    for word in ("retry", "discard"):
        refused = tasks(fastness, word, task["id"], check=False)
        assert refused.returncode == 1 and "it has not failed" in refused.stderr
        assert tasks(fastness, word, "nothing", check=False).returncode == ABSENT
    return task["id"]


def test_an_operator_sees_what_waits_and_cannot_hasten_it(world):
    fastness, key = world
    name = look(fastness, key)
    events = fastness.root().cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ListTasks"}])
    assert events["Events"] and all(event["Username"].startswith("operator/") for event in events["Events"])
    fastness.stop()
    assert look(fastness, key) == name
    fastness.serve()
    assert fastness.root().kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
