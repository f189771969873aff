"""RotateSecret over the wire, against a real PostgreSQL and a real MariaDB."""

import json
import threading
import time
import uuid

import pytest
from conftest import Fastness, allow, document, events
from databases import MASTER, MASTER_PASSWORD

KINDS = {"postgres": "PostgreSQL", "mariadb": "MariaDB"}


@pytest.fixture(scope="module")
def fastness(tmp_path_factory, postgres, mariadb):
    """A deployment that may call the databases on this host, and trusts both."""
    directory = tmp_path_factory.mktemp("rotation")
    ca = directory / "ca.pem"
    ca.write_text(postgres.ca.read_text() + mariadb.ca.read_text())
    config = {"rotation": {"ca-file": str(ca), "ports": [postgres.port, mariadb.port], "allow": ["127.0.0.1"]}}
    deployment = Fastness(directory / "deployment", config=config).serve()
    yield deployment
    deployment.stop()


@pytest.fixture(params=list(KINDS))
def server(request):
    return request.getfixturevalue(request.param)


def function(account, server, template):
    return f"arn:aws:lambda:us-east-1:{account}:function:SecretsManagerRDS{KINDS[server.engine]}Rotation{template}"


def rotated(api, name, before):
    """The new value, once AWSCURRENT is another version."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = api.get_secret_value(SecretId=name)
        if found["VersionId"] != before:
            return found
        time.sleep(0.1)
    pytest.fail(f"not rotated: {api.describe_secret(SecretId=name)}")


def test_a_users_own_password_is_rotated(root, account, server):
    api, name = root.secretsmanager, f"single/{uuid.uuid4()}"
    server.create_user("wire", "start-Password-0")
    value = json.dumps(server.credentials("wire", "start-Password-0", ssl=True))
    made = api.create_secret(Name=name, SecretString=value)
    api.rotate_secret(
        SecretId=name,
        RotationLambdaARN=function(account, server, "SingleUser"),
        RotationRules={"AutomaticallyAfterDays": 30},
    )
    now = json.loads(rotated(api, name, made["VersionId"])["SecretString"])
    assert server.works("wire", now["password"]) and not server.works("wire", "start-Password-0")
    described = api.describe_secret(SecretId=name)
    assert described["RotationEnabled"] and described["LastRotatedDate"]
    told = [entry for entry in events(root) if made["ARN"] in json.dumps(entry)]
    assert "RotationSucceeded" in {entry["eventName"] for entry in told}
    assert now["password"] not in json.dumps(told)


def test_two_users_take_turns_while_a_client_logs_in(root, account, server):
    api, name = root.secretsmanager, f"multi/{uuid.uuid4()}"
    server.create_user("wires", "start-Password-0")
    master = json.dumps(server.credentials(MASTER, MASTER_PASSWORD, ssl=True))
    master = api.create_secret(Name=f"{name}/master", SecretString=master)["ARN"]
    # Rotation reads the master's secret as Secrets Manager itself: it has to be let in.
    service = {"Service": "secretsmanager.amazonaws.com"}
    own = {"StringEquals": {"aws:SourceAccount": account}}
    policy = document(allow("secretsmanager:GetSecretValue", Principal=service, Condition=own))
    api.put_resource_policy(SecretId=master, ResourcePolicy=policy, BlockPublicPolicy=True)
    value = json.dumps(server.credentials("wires", "start-Password-0", ssl=True, dbname=None, masterarn=master))
    version = api.create_secret(Name=name, SecretString=value)["VersionId"]
    failures, users, stop = [], set(), threading.Event()
    reader = root.secretsmanager

    def client():
        while not stop.is_set():
            try:
                now = json.loads(reader.get_secret_value(SecretId=name)["SecretString"])
                if not server.works(now["username"], now["password"]):
                    failures.append(now["username"])
                users.add(now["username"])
            except Exception as error:  # noqa: BLE001
                failures.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        rules = {"AutomaticallyAfterDays": 30}
        for _ in range(3):
            api.rotate_secret(
                SecretId=name, RotationLambdaARN=function(account, server, "MultiUser"), RotationRules=rules
            )
            version = rotated(api, name, version)["VersionId"]
    finally:
        stop.set()
        thread.join()
    assert not failures and users <= {"wires", "wires_clone"}
    assert json.loads(api.get_secret_value(SecretId=name)["SecretString"])["username"] == "wires_clone"


def test_a_database_that_refuses_leaves_the_secret_as_it_was(root, account, server):
    api, name = root.secretsmanager, f"refused/{uuid.uuid4()}"
    value = json.dumps(server.credentials("nobody-there", "start-Password-0", ssl=True))
    made = api.create_secret(Name=name, SecretString=value)
    api.rotate_secret(
        SecretId=name,
        RotationLambdaARN=function(account, server, "SingleUser"),
        RotationRules={"AutomaticallyAfterDays": 30},
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        told = [entry for entry in events(root) if made["ARN"] in json.dumps(entry)]
        if "RotationFailed" in {entry["eventName"] for entry in told}:
            break
        time.sleep(0.2)
    else:
        pytest.fail("no failure is recorded")
    assert api.get_secret_value(SecretId=name)["SecretString"] == value
