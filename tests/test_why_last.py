"""`fastness why` without an id: by what a client prints, by user, by action, the newest."""

import json
import subprocess

import pytest
from conftest import allow, binary, refused


@pytest.fixture(scope="module")
def denied(root):
    """Denials of two users, the newest last."""
    key = root.kms.create_key()["KeyMetadata"]["Arn"]
    alice, bob = root.user("alice"), root.user("bob", allow("kms:DescribeKey"))
    return {
        "key": key,
        "describe": refused(alice.kms.describe_key, KeyId=key),
        "encrypt": refused(bob.kms.encrypt, KeyId=key, Plaintext=b"x"),
        "list": refused(alice.iam.list_users),
        "bob": bob,
    }


def why(fastness, *flags, text=None, code=0):
    done = subprocess.run(
        [binary(), "why", *flags, "--data", str(fastness.data)],
        env=fastness.environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done
    return done.stdout if code == 0 else done.stderr


def test_the_newest_is_told_without_an_id(fastness, denied):
    for flags in ((), ("--last",)):
        assert f"request    {denied['list']['RequestId']}" in why(fastness, *flags)


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (("--user", "alice"), "list"),
        (("--user", "alice", "--action", "kms:DescribeKey"), "describe"),
        (("--action", "encrypt"), "encrypt"),
        (("--last", "--action", "kms:*"), "encrypt"),
    ],
)
def test_by_user_and_action(fastness, denied, flags, name):
    assert f"request    {denied[name]['RequestId']}" in why(fastness, *flags)


def test_a_list_leads_to_each(fastness, denied):
    lines = why(fastness, "--list").splitlines()
    assert [line.split()[0] for line in lines[:3]] == [denied[name]["RequestId"] for name in ("list", "encrypt", "describe")]
    assert f"kms:Encrypt {denied['key']}" in lines[1] and ":user/bob" in lines[1]
    found = json.loads(why(fastness, "--list", "--user", "bob", "--limit", "1", "--json"))
    assert [entry["requestId"] for entry in found] == [denied["encrypt"]["RequestId"]]


def test_what_a_client_prints_leads_to_it(fastness, denied):
    # As boto3 and the AWS CLI print it: without the id.
    error = denied["encrypt"]
    printed = f"An error occurred ({error['Code']}) when calling the Encrypt operation: {error['Message']}"
    assert f"request    {error['RequestId']}" in why(fastness, "-", text=printed)
    # As Go prints it.
    printed = f"operation error KMS: Encrypt, https response error StatusCode: 400, RequestID: {error['RequestId']}, api error {error['Code']}"
    assert f"request    {error['RequestId']}" in why(fastness, "-", text=printed)


def test_what_is_not_on_record_is_told_apart(fastness, denied):
    assert "no denial like that is on record" in why(fastness, "--user", "carol", code=3)
    assert "that is no denial" in why(fastness, "-", text="Connection refused", code=1)
    assert why(fastness, "--list", "--user", "carol") == ""


def test_what_others_chose_commands_no_terminal(fastness, root, denied):
    error = refused(denied["bob"].kms.encrypt, KeyId=denied["key"], Plaintext=b"x", EncryptionContext={"a": "\x1b]0;owned\x07"})
    for told in (why(fastness, error["RequestId"]), why(fastness, "--list")):
        assert "\x1b" not in told and "\x07" not in told
