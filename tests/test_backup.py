"""Backups are made while serving and restored whole or not at all; whatever was done to a deployment's data is found and named."""

import os
import random
import re
import shutil
import signal
import struct
import subprocess
import threading
import time
from datetime import datetime, timezone

import pytest
from conftest import Fastness, binary, events, records, wait_for
from forge import Segment, crc32c

PASSPHRASE = "a passphrase of some length"


def command(fastness, *args, check=True):
    return fastness.run(*args, "--data", str(fastness.data), check=check)


def key_file(fastness):
    (path,) = fastness.directory.glob("config/fastness/*.key")
    return path


def backup(fastness, name="one.backup"):
    path = fastness.directory / name
    out = command(fastness, "backup", "--to", str(path)).stdout
    shutil.copy(fastness.data / "keyring.shreds", kept(path))
    return path, re.search(r"head\s+(\S+)", out)[1]


def kept(path):
    """The copy of the shreds that is kept beside a backup."""
    return path.with_suffix(".shreds")


def restore(path, directory, *args, key=None, shreds=None, check=True):
    """A deployment elsewhere, from a backup, the shreds, and what opens its keyring."""
    directory.mkdir(exist_ok=True)
    restored = Fastness(directory)
    if key:
        restored.environment["FASTNESS_KEY_FILE"] = str(shutil.copy(key, directory / "key"))
    args = ("--shreds", str(shreds or kept(path)), *args)
    done = command(restored, "restore", "--from", str(path), *args, check=False)
    if check:
        assert done.returncode == 0, done.stderr
    return restored, done


class Writers:
    """Write until told to stop, and note what was acknowledged."""

    def __init__(self, root, count=3):
        self.root, self.users, self.requests, self.stopping = root, [], [], False
        self.key = root.kms.create_key()["KeyMetadata"]["KeyId"]
        self.sealed = []
        _ = root.iam
        self.errors = []
        self.threads = [threading.Thread(target=self.write, args=(n,)) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def write(self, writer):
        number = 0
        try:
            while not self.stopping:
                number += 1
                name = f"user-{writer}-{number}"
                answer = self.root.iam.create_user(UserName=name)
                self.users.append(name)
                self.requests.append(answer["ResponseMetadata"]["RequestId"])
                blob = self.root.kms.encrypt(KeyId=self.key, Plaintext=name.encode())["CiphertextBlob"]
                self.sealed.append((blob, name.encode()))
        except BaseException as error:
            self.errors.append(error)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(timeout=30)
        assert not self.errors, self.errors


def user_names(caller):
    pages = caller.iam.get_paginator("list_users").paginate()
    return {user["UserName"] for page in pages for user in page["Users"]}


def test_a_backup_made_under_load_has_all_that_was_acknowledged(fresh, tmp_path):
    root = fresh.serve().root()
    writers = Writers(root)
    wait_for(lambda: len(writers.users) > 60, 60)
    users, requests, sealed = list(writers.users), list(writers.requests), list(writers.sealed)
    path, head = backup(fresh)
    assert path.stat().st_mode & 0o777 == 0o600
    after = len(writers.users)
    wait_for(lambda: len(writers.users) > after + 10, 60)
    writers.stop()
    assert "Everything is whole." in command(fresh, "verify", "--contains", head).stdout
    made = [event for event in events(root) if event["eventName"] in ("Backup", "Verify")]
    assert [event["eventName"] for event in made] == ["Verify", "Backup"]
    assert made[1]["serviceEventDetails"]["to"] == str(path)
    fresh.stop()
    key = key_file(fresh)
    assert key.read_bytes() not in path.read_bytes(), "what opens the keyring is not in the backup"

    restored, done = restore(path, tmp_path / "elsewhere", key=key)
    assert head in done.stdout
    shutil.rmtree(fresh.data)
    verified = command(restored, "verify", "--contains", head)
    assert "Everything is whole." in verified.stdout and f"contains  {head}: contained" in verified.stdout
    root = restored.serve().root()
    try:
        assert set(users) <= user_names(root)
        for blob, text in sealed:
            assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == text
        assert set(requests) <= set(records(root))
        names = [event["eventName"] for event in events(root) if event["eventSource"] == "fastness.amazonaws.com"]
        assert names == ["Restore", "Backup"]
        again, _ = backup(restored)
        root.kms.encrypt(KeyId=writers.key, Plaintext=b"x")
    finally:
        restored.stop()
    assert again.stat().st_size > 0


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A stopped deployment with some events, its backup, and the head then."""
    fastness = Fastness(tmp_path_factory.mktemp("filled")).serve()
    root = fastness.root()
    for number in range(12):
        root.iam.create_user(UserName=f"user-{number}")
    fastness.path, fastness.head = backup(fastness)
    fastness.trail = events(root)
    fastness.stop()
    return fastness


def test_a_stopped_deployment_is_backed_up_too(filled, tmp_path):
    path, _ = backup(filled, "stopped.backup")
    restored, _ = restore(path, tmp_path / "elsewhere", key=key_file(filled))
    root = restored.serve().root()
    try:
        assert user_names(root) == {f"user-{number}" for number in range(12)}
    finally:
        restored.stop()


def test_every_damage_to_a_backup_is_refused(filled, tmp_path):
    data, key = filled.path.read_bytes(), key_file(filled)
    damaged = tmp_path / "damaged.backup"
    spots = [0, 9, 17, 19, len(data) - 1, len(data) - 200]
    spots += [data.index(name) + 40 for name in (b"keyring.json", b"root-credentials", b"store/rows", b".journal")]
    spots += [random.Random(1).randrange(len(data)) for _ in range(30)]
    cases = [bytes(data[:at]) + bytes([data[at] ^ 4]) + data[at + 1 :] for at in spots]
    cases += [data[:length] for length in (0, 5, 100, len(data) // 2, len(data) - 1)] + [data + b"\0"]
    for number, case in enumerate(cases):
        damaged.write_bytes(case)
        target = tmp_path / f"target-{number}"
        restored, done = restore(damaged, target, key=key, shreds=kept(filled.path), check=False)
        assert done.returncode == 5 and f"fastness: {damaged}: " in done.stderr, (number, done.stderr)
        assert not restored.data.exists() and not list(target.glob("*.restoring")), number


def test_damage_is_named(filled, tmp_path):
    data, key = bytearray(filled.path.read_bytes()), key_file(filled)
    damaged = tmp_path / "damaged.backup"
    for old, new, message in [
        (b"FASTBKUP", b"FASTBKUQ", "it is no backup of Fastness"),
        (b"FASTBKUP\x01", b"FASTBKUP\x02", "it has format 2, but this program reads format 1 only"),
        (b"FASTJRNL", b"FASTJRNM", "its part store/0000000000000001.journal is damaged"),
        (b'"deployment":"', b'"deployment":"0', "the proof's length is damaged"),
        (b'"account":"', b'"account":"', None),
    ]:
        changed = data.replace(old, new, 1)
        if message is None:  # An account that the manifest did not name, of the same length.
            at = changed.rindex(b'"account":"') + len(old)
            changed[at] = ord("1") if changed[at] != ord("1") else ord("2")
            message = "its manifest was altered, or made by somebody else"
        damaged.write_bytes(changed)
        _, done = restore(damaged, tmp_path / "elsewhere", key=key, shreds=kept(filled.path), check=False)
        assert done.returncode == 5 and message in done.stderr, (message, done.stderr)


def test_foreign_backups_and_taken_places_are_refused(filled, fresh, tmp_path):
    command(fresh, "init")
    _, done = restore(filled.path, tmp_path / "elsewhere", key=key_file(fresh), check=False)
    assert done.returncode == 6 and "its keyring does not open" in done.stderr and "does not fit" in done.stderr
    into = command(fresh, "restore", "--from", str(filled.path), "--shreds", str(kept(filled.path)), check=False)
    assert into.returncode == 1 and "another deployment" in into.stderr and "and the backup is of" in into.stderr
    own = command(filled, "restore", "--from", str(filled.path), "--without-shreds", check=False)
    assert own.returncode == 1 and "the same deployment" in own.stderr
    taken = tmp_path / "taken"
    (taken / "data").mkdir(parents=True)
    (taken / "data" / "notes").write_text("mine")
    _, done = restore(filled.path, taken, key=key_file(filled), check=False)
    assert done.returncode == 1 and "the directory is not empty" in done.stderr
    assert (taken / "data" / "notes").read_text() == "mine"
    # An empty directory is as good as none.
    (taken / "data" / "notes").unlink()
    restore(filled.path, taken, key=key_file(filled))
    # A manifest, and parts, of different backups of one deployment do not go together.
    later, _ = backup(filled, "later.backup")
    parts, manifest = filled.path.read_bytes(), later.read_bytes()
    mixed = tmp_path / "mixed.backup"
    cut = lambda data: data.rindex(b'{"format"') - 6
    mixed.write_bytes(parts[: cut(parts)] + manifest[cut(manifest) :])
    _, done = restore(mixed, tmp_path / "mixed", key=key_file(filled), shreds=kept(filled.path), check=False)
    assert done.returncode == 5 and "is damaged" in done.stderr


def test_what_is_wrong_with_the_shreds_is_told(filled, fresh, tmp_path):
    done = command(fresh, "restore", "--from", str(filled.path), check=False)
    assert done.returncode == 2 and "--shreds" in done.stderr and "--without-shreds" in done.stderr, done.stderr
    command(fresh, "init")
    restored, done = restore(
        filled.path, tmp_path / "x", key=key_file(filled), shreds=fresh.data / "keyring.shreds", check=False
    )
    assert done.returncode == 1 and not restored.data.exists()
    begins = f"fastness: {fresh.data / 'keyring.shreds'}: these are no shreds of the deployment that {filled.path} is of: "
    assert done.stderr.startswith(begins) and "restoring" not in done.stderr, done.stderr


def test_where_a_backup_may_not_be_written(filled):
    for to, message in [
        (filled.path, "there is something of this name already"),
        (filled.data / "x.backup", "must not lie in the data directory"),
        (filled.directory / "none" / "x.backup", "No such file or directory"),
    ]:
        done = command(filled, "backup", "--to", str(to), check=False)
        assert done.returncode == 1 and message in done.stderr, done.stderr
    # Others may write where backups are kept: what they put in the way is not written to.
    victim, planted = filled.directory / "victim", filled.directory / "planted.backup.partial"
    victim.write_text("precious")
    planted.symlink_to(victim)
    done = command(filled, "backup", "--to", str(filled.directory / "planted.backup"), check=False)
    assert done.returncode == 1 and "planted.backup.partial: " in done.stderr, done.stderr
    assert victim.read_text() == "precious" and not (filled.directory / "planted.backup").exists()
    into = filled.directory / "backups"
    into.mkdir()
    command(filled, "backup", "--to", str(into))
    (made,) = into.iterdir()
    assert re.fullmatch(r"fastness-[0-9a-f]{16}-\d{8}T\d+Z\.backup", made.name)


def test_restored_by_a_passphrase(fresh, tmp_path):
    fresh.environment["FASTNESS_PASSPHRASE"] = PASSPHRASE
    command(fresh, "init")
    path, _ = backup(fresh)
    exports = fresh.exports
    restored = Fastness(tmp_path / "elsewhere")
    restoring = ("restore", "--from", str(path), "--shreds", str(kept(path)))
    done = command(restored, *restoring, check=False)
    assert done.returncode == 6 and "opened by a passphrase" in done.stderr
    restored.environment["FASTNESS_PASSPHRASE"] = "another passphrase, as long"
    done = command(restored, *restoring, check=False)
    assert done.returncode == 6 and "its keyring does not open" in done.stderr
    restored.environment["FASTNESS_PASSPHRASE"] = PASSPHRASE
    command(restored, *restoring)
    assert restored.exports == exports


def test_the_rows_of_an_earlier_moment(fresh, tmp_path):
    root = fresh.serve().root()
    root.iam.create_user(UserName="stays")
    root.iam.create_user(UserName="deleted-by-mistake")
    key = root.kms.create_key(Description="before")["KeyMetadata"]["KeyId"]
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    time.sleep(0.05)
    moment = datetime.now(timezone.utc).isoformat()
    time.sleep(0.05)
    root.iam.delete_user(UserName="deleted-by-mistake")
    root.iam.create_user(UserName="new")
    root.kms.update_key_description(KeyId=key, Description="after")
    root.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    path, head = backup(fresh)
    fresh.stop()
    restored, done = restore(path, tmp_path / "elsewhere", "--at", moment, key=key_file(fresh))
    assert "rows as of" in done.stdout
    assert f"contains  {head}: contained" in command(restored, "verify", "--contains", head).stdout
    root = restored.serve().root()
    try:
        assert user_names(root) == {"stays", "deleted-by-mistake"}
        assert root.kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "before"
        assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
        trail = events(root)
        names = [event["eventName"] for event in trail]
        assert {"DeleteUser", "ScheduleKeyDeletion", "Backup", "Restore"} <= set(names), "the trail goes on"
        (record,) = [event for event in trail if event["eventName"] == "Restore"]
        assert record["serviceEventDetails"]["rowsAsOf"]["time"] <= moment
    finally:
        restored.stop()
    # What never was, and what a backup cannot know, is not made up.
    times = r"20\d\d-\d\d-\d\dT[\d:.]+Z"
    can_be_had = rf"fastness: --at: the rows can be put back to those of version (\d+) to (\d+), or of ({times}) to ({times})\n"
    now = datetime.now(timezone.utc).isoformat()
    for number, at in enumerate(["0", "99999999", "2001-01-01T00:00:00Z", now, "2099-01-01T00:00:00Z"]):
        refused, done = restore(path, tmp_path / str(number), "--at", at, key=key_file(fresh), check=False)
        told = re.fullmatch(can_be_had, done.stderr)
        assert done.returncode == 1 and told, (at, done.stderr)
        assert not refused.data.exists()
    first, last, since, until = told.groups()
    assert last == head.split(":")[0] and since < moment < until < now
    for at in (first, last, since, until):
        _, done = restore(path, tmp_path / at, "--at", at, key=key_file(fresh))
        assert f"(version {first if at in (first, since) else last})" in done.stdout, (at, done.stdout)
    _, done = restore(path, tmp_path / "yesterday", "--at", "yesterday", key=key_file(fresh), check=False)
    assert done.returncode == 1 and "neither a version nor a time" in done.stderr, done.stderr


def test_a_kill_leaves_no_half_backup_under_its_name(fresh, tmp_path):
    root = fresh.serve().root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    for _ in range(30):
        root.kms.encrypt(KeyId=key, Plaintext=b"x" * 4000, EncryptionContext={"text": "y" * 8000})
    path = fresh.directory / "killed.backup"
    for round in range(8):
        making = subprocess.Popen(
            [binary(), "backup", "--to", str(path), "--data", str(fresh.data)],
            env=fresh.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.012 * round)
        fresh.kill()
        making.wait(timeout=30)
        if path.exists():
            restore(path, tmp_path / f"round-{round}", key=key_file(fresh), shreds=fresh.data / "keyring.shreds")
            path.unlink()
        fresh.serve()
    # What is left of the last attempt is in nobody's way.
    backup(fresh, "killed.backup")
    assert not list(fresh.directory.glob("*.partial"))


def test_a_sealed_server_makes_no_backup(fresh):
    fresh.serve()
    command(fresh, "seal")
    for args in (["backup", "--to", str(fresh.directory / "x.backup")], ["verify"]):
        done = command(fresh, *args, check=False)
        assert done.returncode == 4 and "it is sealed" in done.stderr
    command(fresh, "unseal")
    backup(fresh)


@pytest.fixture
def tampered(filled, tmp_path):
    """A copy of a stopped deployment, to do things to."""
    shutil.copytree(filled.directory / "config", tmp_path / "config")
    copy = Fastness(tmp_path)
    shutil.copytree(filled.data, copy.data)
    copy.environment["FASTNESS_KEY_FILE"] = str(key_file(copy))
    assert "Everything is whole." in command(copy, "verify", "--contains", filled.head).stdout
    yield copy
    if copy.process:
        copy.kill()


def damage(fastness, *args):
    """What `verify` says is damaged."""
    done = command(fastness, "verify", *args, check=False)
    assert done.returncode == 5 and "NOT everything is as it was written." in done.stdout, done
    return [line.removeprefix("DAMAGED   ") for line in done.stdout.splitlines() if line.startswith("DAMAGED")]


def journals(fastness):
    return sorted((fastness.data / "store").glob("*.journal"))


# The number of the log of audit records.
TRAIL = 1


def frames_of(fastness):
    """Each segment with the frames of it that have records."""
    return [(segment, frame) for segment in map(Segment, journals(fastness)) for frame in segment.frames if frame.records()]


def test_of_damaged_data_no_backup_is_made(tampered):
    tampered.serve()  # what the journal had until now is a complete segment, which nobody reads again
    user = tampered.root()
    user.iam.create_user(UserName="later")
    segment = journals(tampered)[0]
    whole = segment.read_bytes()
    at = len(whole) // 3
    segment.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
    for serving in (True, False):
        if not serving:
            tampered.stop()
        done = command(tampered, "backup", "--to", str(tampered.directory / "x.backup"), check=False)
        assert done.returncode == 5 and "Backed up" not in done.stdout
        (offset,) = re.findall(rf"`{segment.name}` is damaged at byte (\d+): .*; run `fastness verify`$", done.stderr.strip())
        assert int(offset) <= at
        assert not list(tampered.directory.glob("x.backup*"))
        assert any(found.startswith(f"{segment.name}, byte {offset}: ") for found in damage(tampered))
    segment.write_bytes(whole)
    backup(tampered, "x.backup")


def test_a_removed_record_is_found_and_named(filled, tampered):
    """Somebody who knows the format takes the record of one call away, and makes all checksums right again."""
    trail = list(reversed(filled.trail))
    (victim,) = [n for n, event in enumerate(trail) if event["requestParameters"] == {"userName": "user-5"}]
    for segment, frame in frames_of(tampered):
        if [position for log, position, *_ in frame.records() if log == TRAIL] == [victim]:
            segment.frames.remove(frame)
            segment.write()
    found = damage(tampered, "--contains", filled.head)
    before, after = trail[victim - 1], trail[victim + 1]
    (named,) = [line for line in found if f"record {victim} of log 1 is missing" in line]
    for neighbour in (before, after):
        assert neighbour["eventID"] in named and neighbour["requestID"] in named, named


def test_an_altered_record_is_found_and_named(filled, tampered):
    segment, frame = frames_of(tampered)[7]
    ((_, position, _, end),) = (record for record in frame.records() if record[0] == TRAIL)
    frame.payload = frame.payload[: end - 1] + bytes([frame.payload[end - 1] ^ 1]) + frame.payload[end:]
    segment.write()
    found = damage(tampered)
    assert any(f"record {position} of log 1 does not open" in line for line in found), found
    assert any("was altered: its proof does not fit" in line for line in found), found


def test_swapped_records_are_found(tampered):
    """Both open, as they are sealed for the same log."""
    (_, one), (segment, other) = frames_of(tampered)[5:7]
    frames = segment.frames
    a, b = [next(n for n, f in enumerate(frames) if f.version == frame.version) for frame in (one, other)]
    frames[a].payload, frames[b].payload = frames[b].payload, frames[a].payload
    segment.write()
    found = damage(tampered)
    assert sum("was altered" in line for line in found) == 2 and any("out of order" in line for line in found), found


def test_a_reader_that_has_enough_ends_a_command_quietly(filled):
    for told in (["verify", "--data", filled.data], ["coverage"], ["quotas"]):
        closed, out = os.pipe()
        os.close(closed)
        done = subprocess.run(
            [binary(), *map(str, told)], stdout=out, stderr=subprocess.PIPE, env=filled.environment, timeout=60
        )
        os.close(out)
        assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b""), (told, done)


def test_what_cannot_be_claimed_is_not_taken_for_served(tampered):
    lock = tampered.data / "serving.lock"
    lock.unlink()
    lock.mkdir()  # as little to be opened as any file of a file system that is read-only
    done = command(tampered, "verify", check=False)
    assert done.returncode == 1 and f"{lock}: Is a directory (os error 21): name a directory" in done.stderr, done


@pytest.mark.parametrize("gone", ["the newest segment", "head"])
def test_a_missing_end_is_refused(filled, tampered, gone):
    victim = journals(tampered)[-1] if gone != "head" else tampered.data / "store" / "head"
    victim.unlink()
    served = tampered.run("serve", "--data", str(tampered.data), "--listen", "127.0.0.1:0", check=False)
    assert served.returncode == 5 and "is damaged at byte" in served.stderr, served.stderr
    found = damage(tampered, "--contains", filled.head)
    assert any("missing" in line for line in found), found


def test_a_deployment_without_its_store_is_not_begun_anew(tampered):
    shutil.rmtree(tampered.data / "store")
    served = tampered.run("serve", "--data", str(tampered.data), "--listen", "127.0.0.1:0", check=False)
    assert served.returncode == 5 and "`head` is damaged" in served.stderr, served.stderr


def test_a_rolled_back_directory_is_found_by_a_head_kept_elsewhere(filled, tampered):
    """As a whole it is in order; only who kept a head can tell that there was more."""
    shutil.copytree(tampered.data, tampered.directory / "older")
    tampered.serve().root().iam.create_user(UserName="later")
    head = re.search(r"head\s+(\S+)", command(tampered, "verify").stdout)[1]
    tampered.stop()
    shutil.rmtree(tampered.data)
    (tampered.directory / "older").rename(tampered.data)
    assert "Everything is whole." in command(tampered, "verify", "--contains", filled.head).stdout
    done = command(tampered, "verify", "--contains", head, check=False)
    assert done.returncode == 7 and f"contains  {head}: MISSING" in done.stdout


def test_the_end_of_the_journal_cannot_be_cut_off(fresh):
    """A checkpoint's own place in `head`, put where the last group's is, does not pass for the end."""
    fresh.serve()
    fresh.stop()
    root = fresh.serve().root()
    for number in range(3):
        root.iam.create_user(UserName=f"later{number}")
    fresh.kill()
    head, last = fresh.data / "store" / "head", journals(fresh)[-1]
    data = head.read_bytes()
    for slot in (0, 1):
        head.write_bytes(data[:1024] + data[slot * 512 : (slot + 1) * 512])
        kept = last.read_bytes()
        last.unlink()
        assert any(line.startswith("head, byte 1024: ") for line in damage(fresh))
        served = fresh.run("serve", "--data", str(fresh.data), "--listen", "127.0.0.1:0", check=False)
        assert served.returncode == 5 and "`head` is damaged at byte 1024" in served.stderr, served.stderr
        last.write_bytes(kept)


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_the_files_beside_the_store_are_proven(tampered):
    """Refused at start what is read then; the rest is named, stopped and running."""
    path = tampered.data / "deployment.json"
    whole = path.read_text()
    account = re.search(r'"account": "(\d+)"', whole)[1]
    path.write_text(whole.replace(account, "999999999999"))
    for args in (["serve", "--listen", "127.0.0.1:0"], ["verify"], ["env"]):
        done = command(tampered, *args, check=False)
        assert done.returncode == 5 and "deployment.json" in done.stderr and "proof does not fit" in done.stderr, done
    path.write_text(whole)
    tampered.serve()
    for name in ("deployment.json", "keyring.json", "keyring.shreds", "root-credentials.sealed", "store/head"):
        path = tampered.data / name
        whole = path.read_bytes()
        # In the description a digit of the account, as what is no JSON is not even looked at.
        at = whole.find(account.encode()) if name == "deployment.json" else 99
        flip(path, at)
        found = damage(tampered)
        assert len(found) == 1 and path.name in found[0], (name, found)
        done = command(tampered, "backup", "--to", str(tampered.directory / "x.backup"), check=False)
        # How far the journal has come is not in a backup, which says so of itself.
        assert name == "store/head" or done.returncode == 1 and path.name in done.stderr, (name, done)
        flip(path, at)  # back, beside what was written to the file meanwhile
    tampered.stop()
    assert "Everything is whole." in command(tampered, "verify").stdout


def test_what_a_head_looks_like(filled):
    done = command(filled, "verify", "--contains", "12:xyz", check=False)
    assert done.returncode == 2 and "VERSION:LINK" in done.stderr


def test_a_store_of_another_format_is_refused_clearly(tampered):
    """As a program of another version would leave it: the number in the header of a segment, and its checksum, are others."""
    path = journals(tampered)[0]
    data = bytearray(path.read_bytes())
    data[8:12] = struct.pack("<I", 2)
    data[72:76] = struct.pack("<I", crc32c(data[:72]))
    path.write_bytes(data)
    served = tampered.run("serve", "--data", str(tampered.data), "--listen", "127.0.0.1:0", check=False)
    assert served.returncode == 1 and "has format version 2, but this program reads version 3 only" in served.stderr
