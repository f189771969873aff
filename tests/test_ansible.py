"""Ansible's collection amazon.aws: what a module makes, and makes again without a change."""

import json
import os
import pathlib
import subprocess

import pytest
from authenticator import give_credentials

PLAYBOOK = pathlib.Path(__file__).parent / "ansible" / "playbook.yml"
PROGRAM = os.environ.get("FASTNESS_ANSIBLE")


def play(caller, directory, state):
    """Whether each module changed something."""
    environment = {
        **caller.environment(),
        "HOME": str(directory),
        "ANSIBLE_HOME": str(directory / "ansible"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "LC_ALL": "C.UTF-8",
    }
    interpreter = pathlib.Path(PROGRAM).parent / "python"
    more = json.dumps({"state": state, "ansible_python_interpreter": str(interpreter)})
    done = subprocess.run(
        [PROGRAM, "--extra-vars", more, str(PLAYBOOK)], env=environment, cwd=directory, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    tasks = json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"]
    results = [(task["task"]["name"], task["hosts"]["localhost"]) for task in tasks]
    return {name: result["changed"] for name, result in results if not result.get("skipped")}


@pytest.mark.skipif(not PROGRAM, reason="left out: FASTNESS_ANSIBLE does not name ansible-playbook")
def test_modules_change_what_there_is_once(root, tmp_path):
    made = play(root, tmp_path, "present")
    tells = {name: False for name in made if name.endswith("_info")}
    acts = [name for name in made if name not in tells]
    assert len(acts) == 9 and made == {**dict.fromkeys(acts, True), **tells}
    assert play(root, tmp_path, "present") == dict.fromkeys(made, False)

    key = root.kms.describe_key(KeyId="alias/ansible")["KeyMetadata"]["KeyId"]
    give_credentials(root, "ansible")
    # The module deletes SSH keys in place of these.
    user = {"UserName": "ansible"}
    for made in root.iam.list_service_specific_credentials(**user)["ServiceSpecificCredentials"]:
        root.iam.delete_service_specific_credential(**user, ServiceSpecificCredentialId=made["ServiceSpecificCredentialId"])
    removed = play(root, tmp_path, "absent")
    assert removed == {**dict.fromkeys(removed, True), "aws_caller_info": False} and len(removed) == 10
    assert play(root, tmp_path, "absent") == dict.fromkeys(removed, False)
    assert root.iam.list_roles()["Roles"] == root.iam.list_groups()["Groups"] == root.iam.list_users()["Users"] == []
    assert root.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
