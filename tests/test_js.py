"""The main job with the AWS SDK for JavaScript, as it comes."""

import json
import os
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).parent / "js" / "main_job.cjs"


@pytest.fixture(scope="module")
def seen(root):
    modules = os.environ.get("NODE_PATH")
    assert modules, "NODE_PATH does not name the packages: run the tests with `cargo xtask test`"
    done = subprocess.run(
        ["node", SCRIPT], env={**root.environment(), "NODE_PATH": modules}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_keys(seen, account):
    assert seen["identity"] == f"arn:aws:iam::{account}:root"
    assert seen["key"]["KeyState"] == "Enabled" and seen["key"]["CreationDate"] is True
    assert seen["opened"] == seen["openedInSession"] == "attack at dawn"
    assert seen["dataKey"] == [32, 0]


def test_sessions(seen, account):
    assert seen["session"] == f"arn:aws:sts::{account}:assumed-role/script/night" and seen["expiration"] is True


def test_refusals_have_the_sdks_types(seen, account):
    jane = f"arn:aws:iam::{account}:user/jane"
    expected = {
        "withoutContext": ("InvalidCiphertextException", 400),
        "denied": ("AccessDeniedException", 400),
        "deniedQuery": ("AccessDenied", 403),
        "absent": ("NoSuchEntityException", 404),
        "unimplemented": ("NotImplemented", 501),
        "wrongSecret": ("InvalidSignatureException", 400),
    }
    assert {name: (seen[name]["name"], seen[name]["status"]) for name in expected} == expected
    assert seen["denied"]["message"] == (
        f"User: {jane} is not authorized to perform: kms:Decrypt on resource: {seen['key']['Arn']} "
        "because no identity-based policy allows the kms:Decrypt action"
    )
    assert seen["deniedQuery"]["message"].startswith(f"User: {jane} is not authorized to perform: iam:ListUsers")
    assert seen["absent"]["message"] == "The user with name absent cannot be found."
    assert seen["withoutContext"]["fault"] == seen["absent"]["fault"] == "client"


def test_pages(seen):
    assert seen["users"] == [["many-0", "many-1"], ["many-2", "many-3"], ["many-4"]]


def test_the_trail(seen):
    assert seen["events"] == [
        ["night", None, True],
        ["jane", "AccessDenied", True],
        ["root", None, True],
        ["root", "InvalidCiphertextException", True],
        ["root", None, True],
    ]
