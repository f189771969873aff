"""A disk that fills up: calls say why they are refused, and go on when there is room again. The server lives in a small file system of its
own, where the system lets an ordinary user mount one; the simulation fills disks everywhere."""

import os
import pathlib
import re
import subprocess

import pytest
from conftest import Fastness, binary, events, refused, wait_for

SIZE_MIB = 48
RESERVE_MIB = 16


def mounts():
    """Whether a file system can be mounted here without being root outside."""
    done = subprocess.run(["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    return done.returncode == 0


class Small(Fastness):
    """A deployment whose data lies in a small file system that only it sees."""

    def serve(self, *args, **more):
        self.data.mkdir(exist_ok=True)
        script = self.directory / "small"
        mount = f"mount -t tmpfs -o size={SIZE_MIB}m,mode=0700 tmpfs {self.data}"
        script.write_text(f'#!/bin/sh\nexec unshare -Urm sh -c \'{mount} && exec {binary()} "$@"\' small "$@"\n')
        script.chmod(0o700)
        own, os.environ["FASTNESS_BINARY"] = binary(), str(script)
        try:
            return super().serve(*args, **more)
        finally:
            os.environ["FASTNESS_BINARY"] = own

    def run(self, *args, check=True):
        inside = ["nsenter", "--preserve-credentials", "-U", "-m", "-t", str(self.process.pid)]
        return subprocess.run(
            [*inside, binary(), *args], env=self.environment, capture_output=True, text=True, check=check, timeout=60
        )

    @property
    def seen(self):
        """The data directory, as the server sees it."""
        return pathlib.Path(f"/proc/{self.process.pid}/root{self.data}")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    if not mounts():
        pytest.skip("nothing can be mounted here")
    fastness = Small(tmp_path_factory.mktemp("small"), config={"disk": {"reserve-mib": RESERVE_MIB}})
    fastness.serve("--monitor", "127.0.0.1:0")
    yield fastness
    fastness.stop()


def status(fastness):
    return fastness.run("status", "--data", str(fastness.data), check=False)


def test_a_full_disk_says_so_and_heals_by_itself(small):
    root = small.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    free = re.search(r"disk +(\d+) MiB free, 16 of them", status(small).stdout)
    assert free and status(small).returncode == 0
    for _ in range(2):
        ballast = small.seen / "ballast"
        ballast.write_bytes(bytes((int(free[1]) - RESERVE_MIB + 2) << 20))
        wait_for(lambda: status(small).returncode == 5, 30)
        assert "FULL: every call is refused" in status(small).stdout
        for call in (root.kms.create_key, root.kms.list_keys, root.iam.list_users):
            told = refused(call)
            assert told["Code"].startswith("ServiceUnavailable") and "no room left on its disk" in told["Message"]
        ballast.unlink()
        wait_for(lambda: status(small).returncode == 0, 30)
        assert root.kms.describe_key(KeyId=key)
    wait_for(lambda: [event for event in events(root) if event["eventName"] == "CallsRefusedUnrecorded"], 30)
    messages = [line["message"] for line in small.logs()]
    assert sum("the disk is full" in message for message in messages) == 2
    assert sum("there is room on the disk again" in message for message in messages) == 2
    assert len(root.kms.list_keys()["Keys"]) == 1
