"""Keys are deleted when their time has come, and with them their material: also in every backup that was made before."""

import os
import pathlib
import shutil
from datetime import datetime, timezone

import pytest
from conftest import Fastness, events, refused, wait_for
from test_backup import backup, command, kept, key_file, restore


def faketime():
    """The library that puts a process into another time: where `cargo xtask test` says, else where it puts it."""
    named = os.environ.get("FASTNESS_SOFTHSM")
    places = [named] if named else ["/", pathlib.Path.home() / ".cache/fastness/softhsm"]
    for place in map(pathlib.Path, places):
        for library in place.glob("usr/lib/*/faketime/libfaketime.so.1"):
            return str(library)
    pytest.fail("libfaketime is not there: `cargo xtask test` fetches it")


def days_later(fastness, days, until):
    """Lets a stopped deployment run for a while, so many days from now, until something is so."""
    before = dict(fastness.environment)
    fastness.environment |= {"LD_PRELOAD": faketime(), "FAKETIME": f"+{days}d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    fastness.serve()
    fastness.environment = before
    # A clock that leaps is not believed: nothing is destroyed by it until somebody says that it is right.
    fastness.run("clock", "--data", str(fastness.data), "--confirm")
    try:
        wait_for(until, 60)
    finally:
        fastness.stop()


class Keys:
    """A key that is deleted, one whose deletion is cancelled, and some that nobody deletes, each with a ciphertext."""

    def __init__(self, root, others=600):
        made = [root.kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(others + 2)]
        self.gone, self.cancelled, *self.others = made
        self.sealed = {key: root.kms.encrypt(KeyId=key, Plaintext=key.encode())["CiphertextBlob"] for key in made}

    def opens(self, root, key):
        return root.kms.decrypt(CiphertextBlob=self.sealed[key])["Plaintext"] == key.encode()


def shredded(fastness):
    """Whether the shreds have been changed to their last: the file as it was, and still is a moment later."""
    path, seen = fastness.data / "keyring.shreds", []

    def settled():
        seen.append(path.read_bytes())
        return seen[-1] != seen[0] and len(seen) > 100 and len(set(seen[-100:])) == 1

    return settled


@pytest.fixture(scope="module")
def deleted(tmp_path_factory):
    """A deployment with a deleted key, and its backup from before, with the shreds of before and after."""
    fastness = Fastness(tmp_path_factory.mktemp("deleted")).serve()
    root = fastness.root()
    fastness.keys = keys = Keys(root)
    fastness.moment = datetime.now(timezone.utc).isoformat()
    fastness.path, _ = backup(fastness)
    fastness.early = shutil.copy(kept(fastness.path), fastness.directory / "early.shreds")
    for key in (keys.gone, keys.cancelled):
        root.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    root.kms.cancel_key_deletion(KeyId=keys.cancelled)
    root.kms.enable_key(KeyId=keys.cancelled)
    fastness.stop()
    days_later(fastness, 8, shredded(fastness))
    fastness.late = shutil.copy(fastness.data / "keyring.shreds", fastness.directory / "late.shreds")
    fastness.serve()
    yield fastness
    fastness.stop()


def test_a_deleted_key_is_gone_and_nothing_else(deleted):
    root, keys = deleted.root(), deleted.keys
    assert refused(root.kms.describe_key, KeyId=keys.gone)["Code"] == "NotFoundException"
    assert refused(root.kms.decrypt, CiphertextBlob=keys.sealed[keys.gone])["Code"] == "AccessDeniedException"
    assert all(keys.opens(root, key) for key in (keys.cancelled, *keys.others))
    (event,) = [event for event in events(root) if event["eventName"] == "DeleteKey"]
    assert event["serviceEventDetails"] == {"keyId": keys.gone} and event["eventType"] == "AwsServiceEvent"


def test_a_backup_from_before_does_not_bring_it_back(deleted, tmp_path):
    keys = deleted.keys
    restored, done = restore(deleted.path, tmp_path / "elsewhere", key=key_file(deleted), shreds=deleted.late)
    root = restored.serve().root()
    try:
        # The row is there, as the backup has it, and worth nothing.
        assert root.kms.describe_key(KeyId=keys.gone)["KeyMetadata"]["KeyState"] == "Enabled"
        found = refused(root.kms.decrypt, CiphertextBlob=keys.sealed[keys.gone])
        assert found["Code"] == "NotFoundException" and "does not exist" in found["Message"]
        for use in (root.kms.encrypt, root.kms.generate_data_key):
            more = {"Plaintext": b"x"} if use == root.kms.encrypt else {"KeySpec": "AES_256"}
            assert refused(use, KeyId=keys.gone, **more)["Code"] == "NotFoundException"
        assert all(keys.opens(root, key) for key in (keys.cancelled, *keys.others))
        key = root.kms.create_key()["KeyMetadata"]["KeyId"]
        assert root.kms.encrypt(KeyId=key, Plaintext=b"x")["KeyId"].endswith(key)
    finally:
        restored.stop()


def test_the_rows_of_a_moment_before_do_not_bring_it_back(deleted, tmp_path):
    keys = deleted.keys
    path, _ = backup(deleted, "late.backup")
    restored, _ = restore(path, tmp_path / "elsewhere", "--at", deleted.moment, key=key_file(deleted))
    root = restored.serve().root()
    try:
        assert root.kms.describe_key(KeyId=keys.gone)["KeyMetadata"]["KeyState"] == "Enabled"
        assert refused(root.kms.decrypt, CiphertextBlob=keys.sealed[keys.gone])["Code"] == "NotFoundException"
        assert all(keys.opens(root, key) for key in (keys.cancelled, *keys.others))
    finally:
        restored.stop()


def test_who_kept_old_shreds_still_has_the_key(deleted, tmp_path):
    """What the documents warn of: a copy of the shreds that is older than the deletion undoes it."""
    restored, _ = restore(deleted.path, tmp_path / "elsewhere", key=key_file(deleted), shreds=deleted.early)
    root = restored.serve().root()
    try:
        assert deleted.keys.opens(root, deleted.keys.gone)
    finally:
        restored.stop()


def test_shreds_older_than_the_backup_are_refused(deleted, tmp_path):
    path, _ = backup(deleted, "newer.backup")
    _, done = restore(path, tmp_path / "elsewhere", key=key_file(deleted), shreds=deleted.early, check=False)
    assert done.returncode == 1 and "older than the backup" in done.stderr


def test_without_shreds_all_but_the_keys_is_restored(deleted, tmp_path):
    keys = deleted.keys
    for shreds, message, code in [("none", "No such file", 3), (deleted.path, "these are no shreds of the deployment", 1)]:
        _, done = restore(deleted.path, tmp_path / "elsewhere", key=key_file(deleted), shreds=shreds, check=False)
        assert done.returncode == code and message in done.stderr, done.stderr
    restored = Fastness(tmp_path / "bare", environment={"FASTNESS_KEY_FILE": str(key_file(deleted))})
    asked = command(restored, "restore", "--from", str(deleted.path), check=False)
    assert asked.returncode == 2 and "--shreds <FILE>" in asked.stderr
    command(restored, "restore", "--from", str(deleted.path), "--without-shreds")
    root = restored.serve().root()
    try:
        for key in (keys.gone, keys.cancelled, keys.others[0]):
            assert refused(root.kms.decrypt, CiphertextBlob=keys.sealed[key])["Code"] == "NotFoundException"
        assert "CreateKey" in [event["eventName"] for event in events(root)]
        key = root.kms.create_key()["KeyMetadata"]["KeyId"]
        blob = root.kms.encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
        assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"new"
    finally:
        restored.stop()


def test_neither_backup_nor_log_holds_the_shreds(deleted):
    shreds = (deleted.data / "keyring.shreds").read_bytes()
    assert (deleted.data / "keyring.shreds").stat().st_mode & 0o777 == 0o600
    assert b"keyring.shreds" not in deleted.path.read_bytes()
    assert shreds[:64] not in deleted.path.read_bytes()
