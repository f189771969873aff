"""Fixtures that start `fastness dev`, a scratch deployment of Fastness, and point AWS clients at it."""

import json
import os
import subprocess
import sys

import pytest

# What clients of AWS read that could lead them to another place or person.
HIDDEN = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CA_BUNDLE")


class Fastness:
    """A running `fastness dev`.

    `endpoint`, `account`, `region`, `access_key_id` and `secret_access_key` (the root user's), `data` (for `fastness why`),
    `keys` (ARNs by alias, as the seed has them) and `users` (their names).
    """

    def __init__(self, seed=None, region=None, binary=None):
        command = [binary or os.environ.get("FASTNESS_BINARY", "fastness"), "dev", "--json"]
        if seed:
            command += ["--seed", str(seed)]
        if region:
            command += ["--region", region]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"`{' '.join(command)}` failed with status {self._process.wait()}: see above")
        self._facts = facts = json.loads(line)
        self.endpoint, self.account, self.region = facts["endpoint"], facts["account"], facts["region"]
        self.access_key_id, self.secret_access_key = facts["accessKeyId"], facts["secretAccessKey"]
        self.data, self.keys, self.users = facts["data"], facts["keys"], list(facts["users"])

    def user(self, name):
        """The access key of a user of the seed, as `boto3.Session(**…)` takes it."""
        key = self._facts["users"][name]
        return {
            "aws_access_key_id": key["accessKeyId"],
            "aws_secret_access_key": key["secretAccessKey"],
            "region_name": self.region,
        }

    def environment(self):
        """What an AWS client reads from its environment to be the root user here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_SHARED_CREDENTIALS_FILE": self._facts["credentialsFile"],
            "AWS_CONFIG_FILE": os.path.join(os.path.dirname(self._facts["credentialsFile"]), "config"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "FASTNESS_DATA": self.data,
        }

    def stop(self):
        """Stops it; its data goes with it."""
        self._process.terminate()
        self._process.wait(timeout=60)
        self._process.stdout.close()


def _forget_default_session():
    """boto3's default session keeps the credentials that it found first."""
    if "boto3" in sys.modules:
        sys.modules["boto3"].DEFAULT_SESSION = None


def pytest_addoption(parser):
    parser.addini("fastness_seed", "seed file of the fixtures fastness and fresh_fastness", type="paths")


def _deployment(config):
    seeds = config.getini("fastness_seed")
    running = Fastness(seed=seeds[0] if seeds else None)
    environment = pytest.MonkeyPatch()
    try:
        for name in HIDDEN:
            environment.delenv(name, raising=False)
        for name, value in running.environment().items():
            environment.setenv(name, value)
        _forget_default_session()
        yield running
    finally:
        environment.undo()
        _forget_default_session()
        running.stop()


@pytest.fixture(scope="session")
def fastness(pytestconfig):
    """A deployment for all tests of the process."""
    yield from _deployment(pytestconfig)


@pytest.fixture
def fresh_fastness(pytestconfig):
    """A deployment for one test."""
    yield from _deployment(pytestconfig)
