"""A sealed server serves nothing and holds nothing; an operator seals and unseals it while it runs."""

import os
import resource
import socket
import subprocess
import sys

import pytest
from conftest import Caller, binary, events, refused, wait_for

CALLS = [
    ("kms", "list_keys", {}),
    ("sts", "get_caller_identity", {}),
    ("iam", "list_users", {}),
    ("cloudtrail", "lookup_events", {}),
]


def operator(fastness, *args, check=True, **environment):
    fastness.environment.update(environment)
    return fastness.run(*args, "--data", str(fastness.data), check=check)


@pytest.fixture
def served(fresh):
    return fresh.serve()


def test_sealed_and_unsealed_while_it_runs(served):
    root = served.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    assert "Sealed" in operator(served, "seal").stdout

    for service, call, parameters in CALLS:
        error = refused(getattr(root.client(service), call), **parameters)
        assert (error["Status"], error["Code"]) == (503, "ServiceUnavailable"), (service, error)
        assert error["Message"] == "Fastness is sealed: an operator has to unseal it."
        assert len(error["RequestId"]) == 36
    status = operator(served, "status", check=False)
    assert status.returncode == 4 and "sealed    yes" in status.stdout
    # Nor does anybody get shares that open nothing.
    for command in (["slots", "add"], ["rekey"]):
        told = operator(served, *command, "--shamir", "2-of-3", check=False)
        assert (told.returncode, told.stdout, told.stderr) == (4, "", "fastness: it is sealed: unseal it first, with `fastness unseal`\n"), command
    again = operator(served, "seal", check=False)
    assert again.returncode == 1 and "it is sealed already" in again.stderr

    assert "Unsealed" in operator(served, "unseal").stdout
    assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    assert "sealed    no" in operator(served, "status").stdout
    again = operator(served, "unseal", check=False)
    assert again.returncode == 1 and "it is not sealed" in again.stderr

    commands = [event for event in events(root) if event["eventSource"] == "fastness.amazonaws.com"]
    assert [event["eventName"] for event in commands] == ["CommandRefused", "Unseal", "CommandRefused", "Seal"]
    for event in commands:
        assert event["serviceEventDetails"]["operator"]["uid"] == os.getuid()


def test_a_sealed_server_holds_no_file_of_the_store(served):
    operator(served, "seal")
    descriptors = f"/proc/{served.process.pid}/fd"
    held = [os.readlink(f"{descriptors}/{name}") for name in os.listdir(descriptors)]
    assert not [path for path in held if path.startswith(str(served.data / "store"))], held


def test_a_passphrase_is_waited_for(fresh):
    secret = "a passphrase of some length"
    operator(fresh, "init", FASTNESS_PASSPHRASE=secret)
    exports = fresh.exports
    del fresh.environment["FASTNESS_PASSPHRASE"]
    fresh.serve()
    root = Caller(fresh, exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"])
    assert refused(root.kms.list_keys)["Status"] == 503
    without = operator(fresh, "unseal", check=False)
    assert without.returncode == 6 and "opened by a passphrase" in without.stderr
    wrong = operator(fresh, "unseal", check=False, FASTNESS_PASSPHRASE="another passphrase, as long")
    assert wrong.returncode == 6 and "does not fit" in wrong.stderr
    assert refused(root.kms.list_keys)["Status"] == 503
    operator(fresh, "unseal", FASTNESS_PASSPHRASE=secret)
    root.kms.list_keys()
    assert secret not in fresh.log.read_text() and "another passphrase" not in fresh.log.read_text()


def test_a_stop_while_sealed_loses_nothing(served):
    root = served.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    operator(served, "seal")
    served.stop()
    served.serve()
    assert served.root().kms.describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key


def test_what_needs_it_open_says_that_it_is_sealed(served, tmp_path):
    operator(served, "seal")
    for command in (["why", "some-request"], ["verify"], ["backup", "--to", str(tmp_path / "b")], ["xks", "list"]):
        told = operator(served, *command, check=False)
        assert (told.returncode, told.stderr) == (4, "fastness: it is sealed: unseal it first, with `fastness unseal`\n"), command
    again = operator(served, "seal", check=False)
    assert (again.returncode, again.stderr) == (1, "fastness: it is sealed already\n")
    operator(served, "unseal")


WRAPPER = """#!{python}
import os, sys
os.execv({binary!r}, [{binary!r}, *sys.argv[1:]])
"""


def test_a_store_that_has_failed_is_sealed_all_the_same(fresh, monkeypatch):
    """As on a full disk. Python ignores the signal that a process gets for a file that may not grow, and so does what it becomes."""
    wrapper = fresh.directory / "fastness"
    wrapper.write_text(WRAPPER.format(python=sys.executable, binary=binary()))
    wrapper.chmod(0o755)
    monkeypatch.setenv("FASTNESS_BINARY", str(wrapper))
    root = fresh.serve().root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    pid = fresh.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    assert refused(root.kms.create_key)["Status"] >= 500
    told = operator(fresh, "seal")
    assert "Sealed" in told.stdout and "fastness: sealed, but it is not in the trail" in told.stderr
    status = operator(fresh, "status", check=False)
    assert status.returncode == 4 and f"(process {pid})" in status.stdout
    assert refused(root.kms.list_keys)["Status"] == 503
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    operator(fresh, "unseal")
    assert root.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key


def test_one_server_a_directory_even_while_sealed(served):
    operator(served, "seal")
    second = served.run("serve", "--data", str(served.data), "--listen", "127.0.0.1:0", check=False)
    assert second.returncode == 1 and "another process serves this deployment" in second.stderr
    operator(served, "unseal")


def test_the_channel_takes_a_line_of_a_known_command_from_the_operator(served):
    path = served.data / "admin.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    for line, answer in [
        (b"\n", b"not a command"),
        (b"{}\n", b"not a command"),
        (b'{"command":"dump"}\n', b"not a command"),
        (b'{"command":"seal","force":true}\n', b"not a command"),
        (b"x" * 70_000 + b"\n", b"a command is a line"),
    ]:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(10)
            channel.connect(str(path))
            channel.sendall(line)
            assert answer in channel.makefile("rb").readline(), line
    assert served.root().kms.list_keys()["Keys"] == []


def test_a_long_path_has_a_channel_too(tmp_path_factory):
    from conftest import Fastness

    directory = tmp_path_factory.mktemp("long") / ("d" * 100)
    directory.mkdir()
    fastness = Fastness(directory).serve()
    try:
        assert "sealed    no" in operator(fastness, "status").stdout
    finally:
        fastness.stop()


def test_a_stopped_server_is_not_commanded(fresh):
    operator(fresh, "init")
    answer = operator(fresh, "seal", check=False)
    assert answer.returncode == 3 and "no server is running here" in answer.stderr


def test_where_nothing_is_nothing_is_commanded(fresh):
    for command in (["seal"], ["unseal"], ["unseal", "--shares"], ["xks", "list"]):
        answer = operator(fresh, *command, check=False)
        assert answer.returncode == 3 and "no deployment is here" in answer.stderr, command


def test_calls_in_flight_end_before_the_seal(served):
    """Every call under way when the server is sealed is either answered, and there afterwards, or refused."""
    root = served.root()
    script = (
        "import boto3, sys\n"
        "from botocore.config import Config\n"
        "iam = boto3.client('iam', config=Config(retries={'total_max_attempts': 1}))\n"
        "made = 0\n"
        "try:\n"
        "    while True:\n"
        "        iam.create_user(UserName=f'{sys.argv[1]}-{made}')\n"
        "        made += 1\n"
        "        print(made, flush=True)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error, flush=True)\n"
    )
    writers = [
        subprocess.Popen(
            [os.sys.executable, "-c", script, f"w{n}"], env=root.environment(), stdout=subprocess.PIPE, text=True
        )
        for n in range(3)
    ]
    for writer in writers:
        first = writer.stdout.readline().strip()
        assert first == "1", first
    operator(served, "seal")
    made = {}
    for n, writer in enumerate(writers):
        *counts, end = writer.communicate(timeout=30)[0].splitlines()
        # Refused, or cut off between two calls as the process starts anew.
        assert "ServiceUnavailable" in end or "Connection" in end, end
        made[f"w{n}"] = int(counts[-1]) if counts else 1
    operator(served, "unseal")
    wait_for(lambda: root.iam.list_users()["Users"])
    pages = root.iam.get_paginator("list_users").paginate()
    names = {user["UserName"] for page in pages for user in page["Users"]}
    assert names == {f"{w}-{n}" for w, count in made.items() for n in range(count)}
