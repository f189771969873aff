"""Terraform with the AWS provider, where both are at hand: applied, planned again (empty), imported and destroyed."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from authenticator import give_credentials

CONFIGURATION = pathlib.Path(__file__).parent / "terraform"
# Where mirrors of providers usually are, beside what this variable names: Terraform's own implied directories, and /opt.
MIRROR = "FASTNESS_TERRAFORM_PLUGINS"
PLACES = [
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/terraform/plugins",
    "/opt/tf-plugins",
]
PROVIDER = "registry.terraform.io/hashicorp/aws"


def mirror():
    places = [os.environ[MIRROR]] if MIRROR in os.environ else PLACES
    found = [place for place in map(pathlib.Path, map(os.path.expanduser, places)) if (place / PROVIDER).is_dir()]
    return found[0] if found else None


class Terraform:
    """A working directory that uses the providers of a mirror."""

    def __init__(self, directory, caller):
        self.directory = directory
        settings = directory / "settings.tfrc"
        settings.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror()}" }}\n}}\n')
        self.environment = {
            **caller.environment(),
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_CLI_ARGS": "-no-color",
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "TF_VAR_endpoint": caller.fastness.endpoint,
            # The configuration gives endpoints service by service; this one would stand in for those that are left out.
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for file in CONFIGURATION.glob("*.tf"):
            shutil.copy(file, directory)
        self("init")

    def __call__(self, *arguments):
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def state(self):
        return json.loads((self.directory / "terraform.tfstate").read_text())


QUICKLY = ("-auto-approve", "-parallelism=20")
# What the provider cannot import; and what it makes anew after it did, as the material is in its state alone, or fails to plan.
WITHOUT_IMPORT = {
    "aws_kms_ciphertext",
    "aws_iam_policy_attachment",
    "aws_iam_group_membership",
    "aws_kms_external_key",
    "aws_kms_replica_external_key",
    "aws_kms_key_policy",
    # The password is in the state alone.
    "aws_iam_user_login_profile",
}


def identity(resource, instance):
    """What `terraform import` takes for an instance."""
    kind, values = resource["type"], instance["attributes"]
    exclusive = {"user": "user_name", "group": "group_name", "role": "role_name"}
    if kind.endswith("_exclusive"):
        return values[exclusive[kind.split("_")[2]]]
    if kind.endswith("_policy_attachment"):
        return f"{values[kind.split('_')[2]]}/{values['policy_arn']}"
    if kind == "aws_iam_user_group_membership":
        return "/".join([values["user"], *values["groups"]])
    if kind == "aws_iam_user_ssh_key":
        return f"{values['username']}:{values['ssh_public_key_id']}:{values['encoding']}"
    return values["id"]


@pytest.mark.skipif(not shutil.which("terraform"), reason="left out: there is no `terraform`")
@pytest.mark.skipif(not mirror(), reason=f"left out: no mirror of {PROVIDER}; {MIRROR} can name one")
def test_everything_is_applied_planned_imported_and_destroyed(root, tmp_path):
    terraform = Terraform(tmp_path, root)
    terraform("apply", *QUICKLY)
    output = json.loads(terraform("output", "-json"))
    assert output["secret"]["value"] == "attack at dawn"
    assert output["seen"]["value"] == {
        "alias": "made-by-terraform",
        "cluster": "UNINITIALIZED",
        "keys": 1,
        "members": ["other", "terraform"],
        "roles": 1,
        "spec": "RSA_2048",
        "target": True,
        "users": 1,
    }
    # Exit status 2 would tell that something is to be changed.
    terraform("plan", "-detailed-exitcode", "-parallelism=20")

    blocks, addresses = [], []
    for resource in (one for one in terraform.state()["resources"] if one["mode"] == "managed"):
        provider = "  provider = aws.away\n" if ".away" in resource["provider"] else ""
        for instance in resource["instances"] if resource["type"] not in WITHOUT_IMPORT else ():
            key = f'["{instance["index_key"]}"]' if "index_key" in instance else ""
            addresses.append(f"{resource['type']}.{resource['name']}{key}")
            blocks.append(f'import {{\n{provider}  to = {addresses[-1]}\n  id = "{identity(resource, instance)}"\n}}\n')
    terraform("state", "rm", *addresses)
    (tmp_path / "imports.tf").write_text("".join(blocks))
    done = terraform("apply", *QUICKLY)
    assert f"{len(blocks)} imported, 0 added" in done and "0 destroyed" in done, done[-3000:]
    give_credentials(root, "forced")
    terraform("destroy", "-refresh=false", *QUICKLY)
    assert root.iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert root.iam.list_roles()["Roles"] == root.iam.list_users()["Users"] == root.iam.list_groups()["Groups"] == []
    for page in root.kms.get_paginator("list_keys").paginate():
        for key in page["Keys"]:
            state = root.kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
            assert state in ("PendingDeletion", "PendingReplicaDeletion"), key

