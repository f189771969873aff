"""Starts the release binary for the tests and points unmodified clients at it.

FASTNESS_BINARY names the binary; `cargo xtask test` sets it.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from databases import mariadb, postgres  # noqa: F401

REGION = "us-east-1"
SERVICES = sorted(path.name for path in (pathlib.Path(__file__).parent.parent / "crates/services").iterdir())
# One for all, as it keeps the service models that it has read.
SESSION = boto3.session.Session()
# What a test server is configured with. AWS's request quotas are for people: tests that are not about them call faster.
SETTINGS = {
    "quotas": {f"{name}:*": 1_000_000 for name in (*SERVICES, "kms-xks-proxy", "unidentified")},
}
EXPORT = re.compile(r"^export (\w+)='(.*)'$", re.MULTILINE)


def binary():
    path = os.environ.get("FASTNESS_BINARY")
    if not path:
        pytest.exit("FASTNESS_BINARY does not name the binary: run the tests with `cargo xtask test`", 2)
    return path


def toml(values, section=()):
    """Nested dictionaries, and lists of them, as TOML, whose other values look as JSON's do."""
    lines = [f"[{'.'.join(map(json.dumps, section))}]"] if section else []
    inner = []
    for name, value in values.items():
        place = (*section, name)
        if isinstance(value, dict):
            inner.append(toml(value, place))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            inner += [f"[{toml(entry, place).replace(']', ']]', 1)}" for entry in value]
        else:
            lines.append(f"{json.dumps(name)} = {json.dumps(value)}")
    return "\n".join([*lines, *inner]) + "\n"


class Fastness:
    """A deployment in a directory of its own, which can be served, stopped, killed and served again.

    `config` is what its configuration file says, as dictionaries; each of its sections goes before that of `SETTINGS`.
    """

    def __init__(self, directory, environment=None, config=None):
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.directory.mkdir(parents=True, exist_ok=True)
        settings = self.directory / "settings.toml"
        settings.write_text(toml({**SETTINGS, **(config or {})}))
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "FASTNESS_"))},
            "XDG_CONFIG_HOME": str(self.directory / "config"),
            "HOME": str(self.directory),
            "FASTNESS_CONFIG": str(settings),
            **(environment or {}),
        }
        self.process = None
        self.endpoint = None
        # What clients have to trust, if the endpoint is an https one.
        self.ca_bundle = None
        self.starts = 0

    def run(self, *args, check=True):
        return subprocess.run(
            [binary(), *args], env=self.environment, capture_output=True, text=True, check=check, timeout=60
        )

    def serve(self, *args, listen="127.0.0.1:0"):
        self.starts += 1
        self.log = self.directory / f"log-{self.starts}"
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [binary(), "serve", "--data", str(self.data), "--listen", listen, *args],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self.process.stdout.readline()
        assert re.match("Fastness serves https?://", line), self.log.read_text()
        self.endpoint = line.split()[-1]
        own = self.data / "ca.pem"
        if self.endpoint.startswith("https://") and not self.ca_bundle and own.exists():
            self.ca_bundle = str(own)
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(timeout=30) == 0, self.log.read_text()
        self.close()

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=30)
        self.close()

    def close(self):
        if self.process:
            self.process.stdout.close()
            self.process = None

    @property
    def exports(self):
        """What `fastness env` tells a shell."""
        return dict(EXPORT.findall(self.run("env", "--data", str(self.data)).stdout))

    def root(self):
        exports = self.exports
        return Caller(self, exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"])

    def logs(self):
        return [json.loads(line) for line in self.log.read_text().splitlines() if line]


class Caller:
    """Credentials, with boto3 clients that use them."""

    def __init__(self, fastness, key, secret, token=None, region=REGION):
        self.fastness, self.key, self.secret, self.token, self.region = fastness, key, secret, token, region

    @classmethod
    def of(cls, fastness, credentials, **more):
        """The caller with credentials as STS and IAM answer them."""
        return cls(
            fastness,
            credentials["AccessKeyId"],
            credentials["SecretAccessKey"],
            credentials.get("SessionToken"),
            **more,
        )

    def client(self, service, **config):
        retries = {"total_max_attempts": config.pop("attempts", 1), "mode": config.pop("mode", "legacy")}
        return SESSION.client(
            service,
            endpoint_url=self.fastness.endpoint,
            region_name=self.region,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            aws_session_token=self.token,
            verify=self.fastness.ca_bundle,
            config=Config(retries=retries, **config),
        )

    def __getattr__(self, service):
        if service not in SERVICES:
            raise AttributeError(service)
        client = self.client(service)
        setattr(self, service, client)
        return client

    def environment(self):
        """What an AWS CLI or another SDK needs to be this caller."""
        environment = {
            **self.fastness.environment,
            "AWS_ENDPOINT_URL": self.fastness.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_MAX_ATTEMPTS": "1",
        }
        if self.fastness.ca_bundle:
            environment["AWS_CA_BUNDLE"] = self.fastness.ca_bundle
        if self.token:
            environment["AWS_SESSION_TOKEN"] = self.token
        return environment

    def user(self, name, policy=None):
        """A new user with one inline policy, as a caller."""
        self.iam.create_user(UserName=name)
        if policy is not None:
            self.iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=document(policy))
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return Caller.of(self.fastness, key)


def document(*statements):
    """A policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def events(caller, **filters):
    """All records of the caller's trail, newest first, each parsed."""
    pages = caller.cloudtrail.get_paginator("lookup_events").paginate(**filters)
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]


def records(caller, **filters):
    """The records of calls by request id; what a service did by itself has none."""
    return {entry["requestID"]: entry for entry in events(caller, **filters) if "requestID" in entry}


def record(caller, request_id):
    """The record of one call, which is looked for from the newest on."""
    for page in caller.cloudtrail.get_paginator("lookup_events").paginate():
        for event in page["Events"]:
            found = json.loads(event["CloudTrailEvent"])
            if found.get("requestID") == request_id:
                return found
    raise AssertionError(f"there is no record of {request_id}")


def refused(call, *args, **kwargs):
    """The error of a call that must fail, with its status and request id."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    metadata = caught.value.response["ResponseMetadata"]
    return {
        **caught.value.response["Error"],
        "Status": metadata["HTTPStatusCode"],
        "RequestId": metadata["RequestId"],
    }


def refuses(code, message, call, **parameters):
    """Requires that a call fails with this code and words of this message."""
    found = refused(call, **parameters)
    assert found["Code"] == code and message in found["Message"], found


def wait_for(condition, seconds=10):
    """The first true value of a condition."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return value


@pytest.fixture(scope="module")
def fastness(tmp_path_factory):
    """One deployment for a module's tests."""
    deployment = Fastness(tmp_path_factory.mktemp("fastness")).serve()
    yield deployment
    deployment.stop()


@pytest.fixture
def fresh(tmp_path):
    """A deployment for one test, not yet served."""
    deployment = Fastness(tmp_path)
    yield deployment
    if deployment.process:
        deployment.kill()


@pytest.fixture(scope="module")
def root(fastness):
    return fastness.root()


@pytest.fixture(scope="module")
def account(root):
    return root.sts.get_caller_identity()["Account"]


@pytest.fixture(scope="module")
def trust(account):
    """A trust policy for all of the account who have the permission."""
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


@pytest.fixture
def key(root):
    """The id of a new key."""
    return root.kms.create_key()["KeyMetadata"]["KeyId"]
