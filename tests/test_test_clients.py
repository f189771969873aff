"""What projects use to have a Fastness for their tests: the pytest fixture, the npm package, the GitHub Action, the compose file."""

import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys

import pytest
import yaml
from conftest import binary
from test_dev import Dev, environment, left

CLIENTS = pathlib.Path(__file__).parent.parent / "clients"
SEED = CLIENTS / "compose" / "seed.yaml"


def run(*command, directory, **variables):
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment(directory, FASTNESS_BINARY=binary(), PYTHONDONTWRITEBYTECODE="1", **variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pytest_fixtures(tmp_path):
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nfastness_seed = {SEED}\n")
    (tmp_path / "test_with_it.py").write_text(
        """
import os
import boto3, pytest
from botocore.exceptions import ClientError

def test_the_environment_leads_to_it(fastness):
    assert boto3.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::111122223333:root"
    assert "AWS_PROFILE" not in os.environ

def test_users_of_the_seed(fastness):
    alice = boto3.Session(**fastness.user("alice"))
    alice.client("kms").encrypt(KeyId=fastness.keys["app"], Plaintext=b"x")
    with pytest.raises(ClientError):
        alice.client("kms").list_keys()

def test_a_fresh_one(fastness, fresh_fastness):
    assert fresh_fastness.endpoint != fastness.endpoint == os.environ.get("SHARED", fastness.endpoint)
    boto3.client("kms").describe_key(KeyId="alias/app")
    assert os.environ["AWS_ENDPOINT_URL"] == fresh_fastness.endpoint

def test_the_shared_one_is_back(fastness):
    assert os.environ["AWS_ENDPOINT_URL"] == fastness.endpoint
"""
    )
    told = run(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_fastness",
        directory=tmp_path, PYTHONPATH=str(CLIENTS / "pytest-fastness" / "src"), AWS_PROFILE="somebody",
    )  # fmt: skip
    assert "4 passed" in told and left(tmp_path) == []


def test_the_fixture_s_package_names_its_plugin():
    project = (CLIENTS / "pytest-fastness" / "pyproject.toml").read_text()
    assert 'fastness = "pytest_fastness"' in project and 'py-modules = ["pytest_fastness"]' in project
    manifest = json.loads((CLIENTS / "npm-fastness" / "package.json").read_text())
    assert all((CLIENTS / "npm-fastness" / file).exists() for file in manifest["files"])


@pytest.mark.skipif(not os.environ.get("NODE_PATH"), reason="NODE_PATH does not name the AWS SDK for JavaScript")
def test_the_npm_package(tmp_path):
    script = tmp_path / "with_it.cjs"
    script.write_text(
        """
const assert = require("node:assert");
const { start } = require(process.env.PACKAGE);
const { KMSClient, EncryptCommand, ListKeysCommand } = require("@aws-sdk/client-kms");
(async () => {
  const fastness = await start({ seed: process.env.SEED, region: "eu-central-1" });
  const root = new KMSClient(fastness.client());
  assert.equal((await root.send(new ListKeysCommand({}))).Keys.length, 1);
  const alice = new KMSClient(fastness.client("alice"));
  await alice.send(new EncryptCommand({ KeyId: fastness.keys.app, Plaintext: Buffer.from("x") }));
  await assert.rejects(alice.send(new ListKeysCommand({})), { name: "AccessDeniedException" });
  assert.throws(() => fastness.client("nobody"), /no user nobody/);
  Object.assign(process.env, fastness.environment());
  assert.equal((await new KMSClient().send(new ListKeysCommand({}))).Keys.length, 1);
  await fastness.stop();
  await assert.rejects(start({ seed: "/no/such/seed" }), /status 1/);
  console.log("passed");
})();
"""
    )
    told = run("node", str(script), directory=tmp_path, PACKAGE=str(CLIENTS / "npm-fastness"), SEED=str(SEED))
    assert told == "passed\n" and left(tmp_path) == []


def test_the_action_s_script(tmp_path):
    (action,) = yaml.safe_load((CLIENTS / "github-action" / "action.yml").read_text())["runs"]["steps"]
    assert "start.sh" in action["run"] and set(action["env"]) == {"SEED", "REGION", "BINARY"}
    told = run("bash", str(CLIENTS / "github-action" / "start.sh"), directory=tmp_path, BINARY=binary(), SEED=str(SEED))
    exports = dict(line.split("=", 1) for line in told.splitlines())
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"],
            env=environment(tmp_path, **exports), capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == "111122223333\n"
    finally:
        os.kill(int(exports["FASTNESS_PID"]), signal.SIGTERM)


def test_what_the_compose_file_starts(tmp_path):
    services = yaml.safe_load((CLIENTS / "compose" / "compose.yaml").read_text())["services"]
    server, tests = services["fastness"], services["tests"]
    shell, dash_c, line = server["entrypoint"]
    words = shlex.split(line)
    assert (shell, dash_c, words[:3]) == ("/bin/sh", "-c", ["exec", "/usr/bin/fastness", "dev"])
    mounted = dict(volume.split(":")[:2][::-1] for volume in server["volumes"])
    option = lambda name: words[words.index(name) + 1]  # noqa: E731
    assert server["healthcheck"]["test"] == ["CMD", "test", "-s", words[-1].removeprefix(">")]
    running = Dev(tmp_path, "--seed", str(CLIENTS / "compose" / mounted[option("--seed")]), **server["environment"])
    # The tests' side has the same key, and the address that the server is told to listen on.
    assert tests["environment"]["AWS_ACCESS_KEY_ID"] == running.facts["accessKeyId"]
    assert tests["environment"]["AWS_SECRET_ACCESS_KEY"] == running.facts["secretAccessKey"]
    assert tests["environment"]["AWS_ENDPOINT_URL"].endswith(option("--listen"))
    assert tests["network_mode"] == "service:fastness"
    assert running.stop() == 0


def test_completions_and_manual(tmp_path):
    program = lambda *args: run(binary(), *args, directory=tmp_path)  # noqa: E731
    help_text = program("--help")
    commands = [line.split()[0] for line in help_text.split("Commands:")[1].split("Options:")[0].splitlines() if line.startswith("  ") and line[2] != " "]
    for shell in ("bash", "zsh", "fish"):
        script = program("completions", shell)
        assert all(command in script for command in commands)
        if shutil.which(shell):
            subprocess.run([shell, "-n"], input=script, text=True, check=True)
    program("man", "--to", str(tmp_path / "man"))
    pages = {path.name for path in (tmp_path / "man").iterdir()}
    assert {f"fastness-{command}.1" for command in commands if command != "help"} <= pages and "fastness.1" in pages


def test_the_version_tells_commit_and_date(tmp_path):
    told = run(binary(), "--version", directory=tmp_path)
    # Outside of a checkout neither is known.
    assert told.startswith("fastness ") and (" (" in told or not (CLIENTS.parent / ".git").exists())
