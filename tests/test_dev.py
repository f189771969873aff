"""`fastness dev`: a scratch deployment for tests, enforced like any other, and gone when it ends."""

import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from conftest import Caller, binary, events, refused, wait_for
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from test_kms_import import decrypted_outside

ACCOUNT = "111122223333"
MATERIAL = bytes(range(32))
SIGNER = ec.derive_private_key(0x1F457E55, ec.SECP521R1())
CREDENTIALS = {
    "FASTNESS_ROOT_ACCESS_KEY_ID": "AKIAFIXEDFORTHETESTS",
    "FASTNESS_ROOT_SECRET_ACCESS_KEY": "a-secret-of-the-caller-s-own-choice-1",
}
PKCS8 = SIGNER.private_bytes(
    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
SEED = f"""
account: "{ACCOUNT}"
policies:
  encrypts:
    Version: "2012-10-17"
    Statement: {{Effect: Allow, Action: "kms:Encrypt", Resource: "*"}}
groups:
  people:
    policies: [encrypts]
users:
  alice: {{groups: [people]}}
  bob:
    inline:
      takes-on: {{Version: "2012-10-17", Statement: {{Effect: Allow, Action: "sts:AssumeRole", Resource: "*"}}}}
roles:
  app:
    trust: {{Version: "2012-10-17", Statement: {{Effect: Allow, Principal: {{AWS: "{ACCOUNT}"}}, Action: "sts:AssumeRole"}}}}
    inline:
      decrypts: {{Version: "2012-10-17", Statement: {{Effect: Allow, Action: "kms:Decrypt", Resource: "*"}}}}
keys:
  app: {{description: "of the seed", material: "{base64.b64encode(MATERIAL).decode()}"}}
  signs: {{spec: ECC_NIST_P521, usage: SIGN_VERIFY, region: eu-central-1, material: "{base64.b64encode(PKCS8).decode()}"}}
calls:
  - {{service: iam, operation: TagUser, input: {{UserName: alice, Tags: [{{Key: team, Value: "a + b"}}]}}}}
"""

class Dev:
    """A running `fastness dev --json`."""

    def __init__(self, directory, *args, **variables):
        self.directory = pathlib.Path(directory)
        self.environment = environment(directory, **variables)
        self.process = subprocess.Popen(
            [binary(), "dev", "--json", *args], env=self.environment, stdout=subprocess.PIPE, text=True
        )
        self.facts = json.loads(self.process.stdout.readline())
        self.endpoint, self.ca_bundle = self.facts["endpoint"], None

    def caller(self, user=None, **more):
        key = self.facts["users"][user] if user else self.facts
        return Caller(self, key["accessKeyId"], key["secretAccessKey"], **more)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(timeout=30)
        self.process.stdout.close()
        return status


def environment(directory, **variables):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "FASTNESS_"))}
    return {**kept, "TMPDIR": str(directory), "HOME": str(directory), **variables}


def run(directory, *args, command=(), **variables):
    command = ["--", *command] if command else []
    return subprocess.run(
        [binary(), "dev", *args, *command],
        env=environment(directory, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def left(directory):
    return [path.name for path in pathlib.Path(directory).iterdir() if path.name.startswith("fastness-dev-")]


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    path = tmp_path_factory.mktemp("seed") / "seed.yaml"
    path.write_text(SEED)
    return path


@pytest.fixture(scope="module")
def dev(tmp_path_factory, seed):
    running = Dev(tmp_path_factory.mktemp("dev"), "--seed", str(seed), **CREDENTIALS)
    yield running
    assert running.stop() == 0
    assert left(running.directory) == []


def test_credentials_and_account_are_the_caller_s(dev):
    identity = dev.caller().sts.get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert dev.facts["accessKeyId"] == CREDENTIALS["FASTNESS_ROOT_ACCESS_KEY_ID"]
    forged = Caller(dev, dev.facts["accessKeyId"], "another-secret-of-many-characters-than-that")
    assert refused(forged.kms.list_keys)["Code"] == "InvalidSignatureException"


def test_what_the_seed_names_is_there_and_enforced(dev):
    root, alice, bob = dev.caller(), dev.caller("alice"), dev.caller("bob")
    blob = alice.kms.encrypt(KeyId="alias/app", Plaintext=b"secret")["CiphertextBlob"]
    assert decrypted_outside(MATERIAL, blob) == b"secret"
    assert refused(alice.kms.decrypt, CiphertextBlob=blob)["Code"] == "AccessDeniedException"
    assert refused(bob.kms.encrypt, KeyId="alias/app", Plaintext=b"x")["Code"] == "AccessDeniedException"
    role = bob.sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/app", RoleSessionName="test")["Credentials"]
    assert Caller.of(dev, role).kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"
    signs = dev.caller(region="eu-central-1")
    signed = signs.kms.sign(KeyId="alias/signs", Message=b"m", SigningAlgorithm="ECDSA_SHA_512")
    SIGNER.public_key().verify(signed["Signature"], b"m", ec.ECDSA(hashes.SHA512()))
    assert signed["KeyId"] == dev.facts["keys"]["signs"]
    assert root.iam.list_user_tags(UserName="alice")["Tags"] == [{"Key": "team", "Value": "a + b"}]


def test_what_the_seed_made_is_recorded_as_the_root_user_s_calls(dev):
    root = dev.caller()
    made = {(event["eventName"], event["userIdentity"]["type"]) for event in events(root)}
    assert {(name, "Root") for name in ("CreateKey", "ImportKeyMaterial", "CreateAlias")} <= made


def test_no_quota_is_in_the_way(dev):
    kms = dev.caller().kms
    for _ in range(60):
        kms.get_key_rotation_status(KeyId=dev.facts["keys"]["app"])


def test_it_is_marked_and_healthy(dev, fastness):
    status = subprocess.run(
        [binary(), "status", "--data", dev.facts["data"]], env=dev.environment, capture_output=True, text=True, check=True
    )
    assert re.search(r"^purpose   tests: .*`fastness dev`", status.stdout, re.MULTILINE)
    assert "purpose" not in fastness.run("status", "--data", str(fastness.data)).stdout
    with urllib.request.urlopen(dev.endpoint + "/healthz", timeout=10) as answer:
        assert (answer.status, answer.read()) == (200, b"alive\n")
    # Elsewhere the port of the APIs answers signed calls alone.
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(fastness.endpoint + "/healthz", timeout=10)


def test_a_command_finds_the_deployment_and_nothing_else(tmp_path, seed):
    script = """
import boto3, json, os, sys
who = lambda session: session.client("sts").get_caller_identity()["Arn"]
print(json.dumps([who(boto3.Session()), who(boto3.Session(profile_name="alice")), os.environ["FASTNESS_DATA"]]))
sys.exit(7)
"""
    elsewhere = {"AWS_PROFILE": "real", "AWS_SESSION_TOKEN": "real", "FASTNESS_DATA": "/nowhere", "FASTNESS_LISTEN": "192.0.2.1:1"}
    done = run(tmp_path, "--seed", str(seed), command=[sys.executable, "-c", script], **elsewhere)
    assert done.returncode == 7, done.stderr
    root, alice, data = json.loads(done.stdout)
    assert (root, alice) == (f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:user/alice")
    assert not pathlib.Path(data).exists() and left(tmp_path) == []


def test_two_are_two(tmp_path):
    one, two = Dev(tmp_path), Dev(tmp_path)
    assert one.endpoint != two.endpoint and one.facts["account"] != two.facts["account"]
    key = one.caller().kms.create_key()["KeyMetadata"]["KeyId"]
    assert refused(two.caller().kms.describe_key, KeyId=key)["Code"] == "NotFoundException"
    # The server goes with the process that started it, however that ends.
    pid = json.loads((pathlib.Path(two.facts["data"]) / "serving.json").read_text())["pid"]
    two.stop(signal.SIGKILL)
    wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists())
    assert one.stop(signal.SIGINT) == 0
    assert left(tmp_path) == [pathlib.Path(two.facts["data"]).parent.name]


def test_the_banner_says_what_it_is(tmp_path, seed):
    process = subprocess.Popen(
        [binary(), "dev", "--seed", str(seed)], env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    )
    serves, purpose, use, profiles = (process.stdout.readline() for _ in range(4))
    assert serves.startswith("Fastness serves http://127.0.0.1:") and "For tests" in purpose and "alice, bob" in profiles
    exports = subprocess.run(["bash", "-c", use.split(": ", 1)[1].replace("fastness env", f"{binary()} env") + "env"],
                             env=environment(tmp_path), capture_output=True, text=True, check=True).stdout
    assert f"AWS_ENDPOINT_URL={serves.split()[-1]}" in exports
    process.terminate()
    assert process.wait(timeout=30) == 0
    process.stdout.close()


MISTAKES = [
    ("usres: {}\n", ":1:1: unknown field `usres`"),
    ("roles:\n  app: {}\n", ":2:8: missing field `trust`"),
    ('users: {"a b": {}}\n', ": users.a b: iam:CreateUser: ValidationError: "),
    ("keys: {app: {material: AAAA}}\n", ": keys.app: kms:ImportKeyMaterial: "),
    ("keys: {app: {material: '%'}}\n", ": keys.app: material: "),
    ("calls: [{service: s3, operation: ListBuckets}]\n", ": calls[0]: s3:ListBuckets: there is no such service"),
    ("calls: [{service: kms, operation: Nothing}]\n", ": calls[0]: kms:Nothing: UnknownOperationException"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=[message for _, message in MISTAKES])
def test_mistakes_in_a_seed_are_named(tmp_path, text, message):
    path = tmp_path / "seed.yaml"
    path.write_text(text)
    done = run(tmp_path, "--seed", str(path), command=["true"])
    assert done.returncode == 1 and f"fastness: {path}{message}" in done.stderr, done.stderr
    assert done.stdout == "" and left(tmp_path) == []


def test_it_stays_at_home(tmp_path):
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:4566"):
        done = run(tmp_path, "--listen", address)
        assert done.returncode == 1 and "not a loopback address" in done.stderr and left(tmp_path) == []
    done = run(tmp_path, "--account-id", "12", command=["true"])
    assert done.returncode == 1 and "12 digits" in done.stderr and left(tmp_path) == []
    done = run(tmp_path, command=["/no/such/program"])
    assert done.returncode == 1 and "/no/such/program" in done.stderr and left(tmp_path) == []
