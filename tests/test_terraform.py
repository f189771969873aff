"""Terraform with the AWS provider, where both are at hand: applied, planned again (empty), imported and destroyed."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from authenticator import give_credentials
from conftest import Fastness
from softhsm import SoftHsm
from test_cloudhsm import Owner, comes_to, described

CONFIGURATIONS = pathlib.Path(__file__).parent / "terraform"
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
# Has what takes minutes run.
LONG = "FASTNESS_TEST_LONG"
PROVIDER = "registry.terraform.io/hashicorp/aws"


def mirror():
    places = [os.environ[MIRROR]] if MIRROR in os.environ else PLACES
    found = [place for place in map(pathlib.Path, map(os.path.expanduser, places)) if (place / PROVIDER).is_dir()]
    return found[0] if found else None


class Terraform:
    """A working directory that uses the providers of a mirror."""

    def __init__(self, directory, caller, *configuration):
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
        for file in configuration:
            shutil.copy(CONFIGURATIONS / file, directory)
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


CLUSTER = "aws_cloudhsm_v2_cluster"


def at_hand(test):
    """Leaves a test out, and says so, where there is no Terraform or no provider."""
    program = pytest.mark.skipif(not shutil.which("terraform"), reason="left out: there is no `terraform`")
    provider = pytest.mark.skipif(not mirror(), reason=f"left out: no mirror of {PROVIDER}; {MIRROR} can name one")
    return program(provider(test))


QUICKLY = ("-auto-approve", "-parallelism=20")
# The services that there are, as the provider names their resources.
SERVED = ("aws_cloudhsm_v2_", "aws_iam_", "aws_kms_")
# Types of resources that are not applied, and why: every other one is.
LEFT_OUT = {
    "aws_cloudhsm_v2_hsm": "it needs a device: devices.tf",
    "aws_kms_custom_key_store": "it needs devices: devices.tf",
    "aws_iam_openid_connect_provider": "CreateOpenIDConnectProvider is not there yet",
    "aws_iam_organizations_features": "there are no organizations",
    "aws_iam_saml_provider": "CreateSAMLProvider is not there yet",
    "aws_iam_security_token_service_preferences": "SetSecurityTokenServicePreferences is not there yet",
    "aws_iam_server_certificate": "UploadServerCertificate is not there yet",
    "aws_iam_service_linked_role": "CreateServiceLinkedRole is not there yet",
}
# Types of resources that are applied and not imported, and why.
WITHOUT_IMPORT = {
    "aws_kms_ciphertext": "the provider cannot: the plaintext is in its state alone",
    "aws_iam_policy_attachment": "the provider cannot",
    "aws_iam_group_membership": "the provider cannot",
    "aws_kms_external_key": "imported, the provider makes it anew, as the material is in its state alone",
    "aws_kms_replica_external_key": "imported, the provider makes it anew, as the material is in its state alone",
    "aws_kms_key_policy": "the provider fails to plan it after it was imported",
    "aws_iam_user_login_profile": "the password is in the state alone",
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


def forget_and_import(terraform):
    """Takes out of the state all that can be imported, and imports it."""
    blocks, addresses = [], []
    for resource in (one for one in terraform.state()["resources"] if one["mode"] == "managed"):
        provider = "  provider = aws.away\n" if ".away" in resource["provider"] else ""
        for instance in resource["instances"] if resource["type"] not in WITHOUT_IMPORT else ():
            key = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
            addresses.append(f"{resource['type']}.{resource['name']}{key}")
            blocks.append(f'import {{\n{provider}  to = {addresses[-1]}\n  id = "{identity(resource, instance)}"\n}}\n')
    terraform("state", "rm", *addresses)
    (terraform.directory / "imports.tf").write_text("".join(blocks))
    done = terraform("apply", *QUICKLY)
    assert f"{len(blocks)} imported, 0 added" in done and "0 destroyed" in done, done[-3000:]


@at_hand
@pytest.mark.skipif(LONG not in os.environ, reason=f"left out: the provider waits for minutes; {LONG}=1 has it run")
def test_devices_and_a_key_store_in_them(tmp_path):
    softhsm = SoftHsm(tmp_path)
    config = {"process": softhsm.reach, "cloudhsm": [{"module": str(softhsm.module)}]}
    fastness = Fastness(tmp_path / "deployment", softhsm.environment, config).serve()
    root, owner = fastness.root(), Owner(tmp_path)
    (tmp_path / "terraform").mkdir()
    terraform = Terraform(tmp_path / "terraform", root, "devices.tf")

    def apply(zones, anchor):
        told = {"zones": zones, "anchor": anchor, "password": "kmsuser-pin"}
        (terraform.directory / "terraform.tfvars.json").write_text(json.dumps(told))
        terraform("apply", *QUICKLY)

    apply(["us-east-1a"], "")
    (cluster,) = (one["instances"][0]["attributes"]["id"] for one in terraform.state()["resources"] if one["type"] == CLUSTER)
    signed = owner.sign(described(root, cluster)["Certificates"]["ClusterCsr"])
    root.cloudhsmv2.initialize_cluster(ClusterId=cluster, SignedCert=signed, TrustAnchor=owner.anchor)
    comes_to(root, cluster, "INITIALIZED")
    apply(["us-east-1a", "us-east-1b"], "")
    softhsm.set_user(cluster, described(root, cluster)["PreCoPassword"], "kmsuser-pin")
    comes_to(root, cluster, "ACTIVE")
    apply(["us-east-1a", "us-east-1b"], owner.anchor)
    (store,) = root.kms.describe_custom_key_stores()["CustomKeyStores"]
    assert (store["CloudHsmClusterId"], store["ConnectionState"]) == (cluster, "DISCONNECTED")
    terraform("plan", "-detailed-exitcode")
    forget_and_import(terraform)
    terraform("destroy", "-refresh=false", *QUICKLY)
    assert root.kms.describe_custom_key_stores()["CustomKeyStores"] == []
    assert described(root, cluster)["State"] in ("DELETE_IN_PROGRESS", "DELETED")
    fastness.stop()


@at_hand
def test_everything_is_applied_planned_imported_and_destroyed(root, tmp_path):
    terraform = Terraform(tmp_path, root, "main.tf", "credentials.tf")
    terraform("apply", *QUICKLY)
    (provider,) = json.loads(terraform("providers", "schema", "-json"))["provider_schemas"].values()
    types = {name for name in provider["resource_schemas"] if name.startswith(SERVED)}
    applied = {one["type"] for one in terraform.state()["resources"] if one["mode"] == "managed"}
    assert applied.isdisjoint(LEFT_OUT) and WITHOUT_IMPORT.keys() <= applied
    assert applied | LEFT_OUT.keys() == types, applied.symmetric_difference(types - LEFT_OUT.keys())
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

    forget_and_import(terraform)
    give_credentials(root, "forced")
    terraform("destroy", "-refresh=false", *QUICKLY)
    assert root.iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert root.iam.list_roles()["Roles"] == root.iam.list_users()["Users"] == root.iam.list_groups()["Groups"] == []
    for page in root.kms.get_paginator("list_keys").paginate():
        for key in page["Keys"]:
            state = root.kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
            assert state in ("PendingDeletion", "PendingReplicaDeletion"), key

