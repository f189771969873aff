"""A disk that fills up: calls say why they are refused, and go on when there is room again. The server lives in a small file system of its
own, where the system lets an ordinary user mount one; the simulation fills disks everywhere."""

import contextlib
import os
import pathlib
import re
import resource
import subprocess

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from conftest import Fastness, binary, events, refused, wait_for

SIZE_MIB = 48
RESERVE_MIB = 16
EX_IOERR = 74


class Small(Fastness):
    """A deployment whose data lies in a small file system. A process of ours holds the namespace that it is mounted in."""

    def mount(self):
        """Whether that was allowed."""
        self.data.mkdir()
        mount = f"mount -t tmpfs -o size={SIZE_MIB}m,mode=0700 tmpfs '{self.data}' && echo mounted && exec sleep 600"
        self.holder = subprocess.Popen(
            ["unshare", "-Urm", "sh", "-c", mount], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return self.holder.stdout.readline() == "mounted\n"

    def unmount(self):
        self.holder.kill()
        self.holder.wait(timeout=30)
        self.holder.stdout.close()

    @contextlib.contextmanager
    def inside(self):
        """The binary runs in the namespace."""
        own, script = binary(), self.directory / "inside"
        enter = f"nsenter --preserve-credentials -U -m -t {self.holder.pid}"
        script.write_text(f"#!/bin/sh\nexec {enter} '{own}' \"$@\"\n")
        script.chmod(0o700)
        os.environ["FASTNESS_BINARY"] = str(script)
        try:
            yield
        finally:
            os.environ["FASTNESS_BINARY"] = own

    def serve(self, *args, **more):
        with self.inside():
            return super().serve(*args, **more)

    def run(self, *args, **more):
        with self.inside():
            return super().run(*args, **more)

    @property
    def ballast(self):
        """A file beside the data, as the namespace sees it."""
        return pathlib.Path(f"/proc/{self.holder.pid}/root{self.data}/ballast")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    fastness = Small(tmp_path_factory.mktemp("small"), config={"disk": {"reserve-mib": RESERVE_MIB}})
    try:
        if not fastness.mount():
            pytest.skip("nothing can be mounted here")
        # What is in the way of making a deployment there is not the server's: the file system is empty.
        yield fastness.serve()
        fastness.stop()
    finally:
        fastness.unmount()


def status(fastness):
    return fastness.run("status", "--data", str(fastness.data), check=False)


def fill(fastness):
    """Leaves less than the reserve."""
    told = status(fastness)
    free = re.search(rf"disk +(\d+) MiB free, {RESERVE_MIB} of them kept in reserve", told.stdout)
    assert free and told.returncode == 0, told.stdout
    fastness.ballast.write_bytes(bytes((int(free[1]) - RESERVE_MIB + 2) << 20))


def test_a_full_disk_says_so_and_heals_by_itself(small):
    def said(text):
        return sum(text in line["message"] for line in small.logs())

    root = small.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    for times in (1, 2):
        fill(small)
        wait_for(lambda: said("the disk is full") == times, 30)
        told = status(small)
        assert told.returncode == 8 and "FULL: every call is refused" in told.stdout, told.stdout
        for call in (root.kms.create_key, root.kms.list_keys, root.iam.list_users):
            told = refused(call)
            assert told["Status"] == 503 and "no room left on its disk" in told["Message"], told
        small.ballast.unlink()
        wait_for(lambda: said("there is room on the disk again") == times, 30)
        assert status(small).returncode == 0
        assert root.kms.describe_key(KeyId=key)
    wait_for(lambda: [event for event in events(root) if event["eventName"] == "CallsRefusedUnrecorded"], 30)
    assert len(root.kms.list_keys()["Keys"]) == 1


def test_a_server_starts_on_a_full_disk_and_waits_for_room(small):
    fill(small)
    small.stop()
    small.serve()
    root = small.root()
    assert refused(root.kms.list_keys)["Status"] == 503 and status(small).returncode == 8
    small.ballast.unlink()
    wait_for(lambda: status(small).returncode == 0, 30)
    assert root.kms.list_keys()["Keys"]


def test_a_write_that_fails_ends_the_server_to_be_started_anew(fresh):
    """A limit on the size of files, which needs no privilege, fails every write to the store. The code is the one that supervisors know."""
    fresh.serve()
    root = fresh.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    process = fresh.process
    _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, most))
    # Whether the call still gets an answer depends on what wrote first; it is not done in any case.
    with pytest.raises((ClientError, HTTPClientError, ConnectionError)) as caught:
        root.kms.create_alias(AliasName="alias/unwritten", TargetKeyId=key)
    if isinstance(caught.value, ClientError):
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500, caught.value
    assert process.wait(timeout=30) == EX_IOERR
    fresh.close()
    told = fresh.run("status", "--data", str(fresh.data), check=False)
    assert told.returncode == 3 and "serving   no" in told.stdout, "nobody serves"
    fresh.serve()
    root = fresh.root()
    assert [found["KeyId"] for found in root.kms.list_keys()["Keys"]] == [key]
    assert "alias/unwritten" not in [alias["AliasName"] for alias in root.kms.list_aliases()["Aliases"]]
    assert "Everything is whole." in fresh.run("verify", "--data", str(fresh.data)).stdout
