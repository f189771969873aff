"""The drills of docs/losing-things.md: each thing is lost, and what the page says of it is true."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import Fastness, binary
from test_seals import Token

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "losing-things.md"
LOCKED = 6


def run(fastness, *args, data=None, text="", code=0):
    """A command of the operator about a deployment, with what is typed in."""
    done = subprocess.run(
        [binary(), *args, "--data", str(data or fastness.data)],
        env=fastness.environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, (args, done)
    return done


def shares_of(text):
    """The shares that a command printed."""
    lines = text.split("Shares: ")[1].splitlines()[1:]
    return [line.strip() for line in lines if line.startswith("  ") and "-" in line][:9]


def private(path, text):
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@pytest.fixture
def lost(tmp_path):
    """A stopped deployment with a key file at a place that the drill knows."""
    fastness = Fastness(tmp_path)
    fastness.key_file = tmp_path / "keys" / "root.key"
    run(fastness, "init", "--key-file", str(fastness.key_file))
    return fastness


def opens(fastness, *flags, text="", data=None):
    """Opens the keyring as an operator would who needs the root user's key."""
    assert "AWS_SECRET_ACCESS_KEY" in run(fastness, "env", *flags, text=text, data=data).stdout


def stays_shut(fastness, *flags, text="", data=None):
    run(fastness, "env", *flags, text=text, data=data, code=LOCKED)


def with_key(fastness):
    """Serves the deployment, encrypts under a new KMS key, and stops. Gives what was encrypted."""
    fastness.serve()
    kms = fastness.root().kms
    blob = kms.encrypt(KeyId=kms.create_key()["KeyMetadata"]["KeyId"], Plaintext=b"kept")["CiphertextBlob"]
    fastness.stop()
    return blob


def decrypts(fastness, blob, data):
    """Whether a restored deployment still decrypts; asked of a server."""
    restored = Fastness(fastness.directory / f"{data.name}-served")
    restored.environment["XDG_CONFIG_HOME"] = fastness.environment["XDG_CONFIG_HOME"]
    restored.data = data
    restored.serve()
    try:
        caller = restored.root()
        try:
            return caller.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
        except caller.kms.exceptions.ClientError:
            return False
    finally:
        restored.stop()


def test_every_drill_that_the_page_names_is_here():
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    here = {name for name in globals() if name.startswith("test_") and name != "test_every_drill_that_the_page_names_is_here"}
    assert named == here


def test_a_key_file(lost, tmp_path):
    shares = shares_of(run(lost, "slots", "add", "--shamir", "2-of-3").stdout)
    lost.key_file.unlink()
    opens(lost, "--shares", text="\n".join(shares[:2]))
    new = tmp_path / "keys" / "new.key"
    run(lost, "rekey", "--shares", "--new-key-file", str(new), text="\n".join(shares[:2]))
    opens(lost)


def test_the_only_key_file(lost, tmp_path):
    backup = tmp_path / "kept.backup"
    run(lost, "backup", "--to", str(backup))
    lost.key_file.unlink()
    assert "root.key" in lost.run("env", "--data", str(lost.data), check=False).stderr
    other = private(tmp_path / "other.key", "1" * 64)
    stays_shut(lost, "--key-file", str(other))
    into = tmp_path / "restored"
    shreds = str(lost.data / "keyring.shreds")
    run(lost, "restore", "--from", str(backup), "--shreds", shreds, "--key-file", str(other), data=into, code=LOCKED)
    assert not into.exists()


def test_a_stolen_key_file(lost, tmp_path):
    stolen = tmp_path / "stolen"
    shutil.copytree(lost.data, stolen)
    taken = tmp_path / "taken.key"
    shutil.copy2(lost.key_file, taken)
    run(lost, "rekey", "--new-key-file", str(tmp_path / "keys" / "new.key"))
    stays_shut(lost, "--key-file", str(taken))
    opens(lost)
    # The page says so: old copies still open with the old file.
    opens(lost, "--key-file", str(taken), data=stolen)


def test_a_share(tmp_path):
    fastness = Fastness(tmp_path)
    shares = shares_of(run(fastness, "init", "--shamir", "2-of-3").stdout)
    left = shares[1:]
    opens(fastness, "--shares", text="\n".join(left))
    new = shares_of(run(fastness, "rekey", "--shares", "--shamir", "2-of-3", text="\n".join(left)).stdout)
    opens(fastness, "--shares", text="\n".join(new[:2]))
    run(fastness, "env", "--shares", text="\n".join(left), code=LOCKED)


def test_too_many_shares(tmp_path):
    fastness = Fastness(tmp_path)
    shares = shares_of(run(fastness, "init", "--shamir", "2-of-3").stdout)
    done = run(fastness, "env", "--shares", text=shares[0], code=1)
    assert "1" in done.stderr and "2" in done.stderr and done.stdout == "", done
    # Without any, it says what it waited for.
    done = run(fastness, "env", "--shares", code=LOCKED)
    assert "without a share" in done.stderr and "one a line" in done.stderr


def test_a_token(tmp_path):
    fastness, token = Fastness(tmp_path), Token(tmp_path)
    fastness.environment["SOFTHSM2_CONF"] = str(token.configuration)
    token.configure(fastness)
    run(fastness, "init")
    shares = shares_of(run(fastness, "slots", "add", "--shamir", "2-of-3").stdout)
    shutil.rmtree(tmp_path / "tokens")
    (tmp_path / "tokens").mkdir()
    assert "AWS_SECRET" not in fastness.run("env", "--data", str(fastness.data), check=False).stdout
    opens(fastness, "--shares", text="\n".join(shares[:2]))
    new = tmp_path / "keys" / "new.key"
    run(fastness, "rekey", "--shares", "--drop", "0", "--new-key-file", str(new), text="\n".join(shares[:2]))
    opens(fastness, "--key-file", str(new))


def test_a_passphrase(lost, tmp_path):
    first = private(tmp_path / "phrase", "correct horse battery staple\n")
    run(lost, "slots", "add", "--new-passphrase-file", str(first))
    opens(lost, "--passphrase-file", str(first))
    second = private(tmp_path / "phrase-2", "another long passphrase of mine\n")
    run(lost, "rekey", "--new-passphrase-file", str(second))
    stays_shut(lost, "--passphrase-file", str(first))
    opens(lost, "--passphrase-file", str(second))
    opens(lost)


def test_a_disk(lost, tmp_path):
    blob = with_key(lost)
    backup, shreds = tmp_path / "kept.backup", tmp_path / "kept.shreds"
    run(lost, "backup", "--to", str(backup))
    shutil.copy2(lost.data / "keyring.shreds", shreds)
    shutil.rmtree(lost.data)
    restored = tmp_path / "restored"
    run(lost, "restore", "--from", str(backup), "--shreds", str(shreds), data=restored)
    assert decrypts(lost, blob, restored)


def test_a_disk_and_the_shreds(lost, tmp_path):
    blob = with_key(lost)
    backup = tmp_path / "kept.backup"
    run(lost, "backup", "--to", str(backup))
    shutil.rmtree(lost.data)
    restored = tmp_path / "restored"
    run(lost, "restore", "--from", str(backup), "--without-shreds", data=restored)
    assert not decrypts(lost, blob, restored)


def test_a_backup(lost, tmp_path):
    backup = tmp_path / "kept.backup"
    run(lost, "backup", "--to", str(backup))
    run(lost, "verify", "--backup", str(backup), "--key-file", str(lost.key_file))
    content = bytearray(backup.read_bytes())
    content[len(content) // 3] ^= 4
    backup.write_bytes(content)
    run(lost, "verify", "--backup", str(backup), "--key-file", str(lost.key_file), code=5)


def test_a_stolen_backup(lost, tmp_path):
    backup = tmp_path / "stolen.backup"
    run(lost, "backup", "--to", str(backup))
    other = private(tmp_path / "thief.key", "2" * 64)
    shreds = str(lost.data / "keyring.shreds")
    run(lost, "restore", "--from", str(backup), "--shreds", shreds, "--key-file", str(other), data=tmp_path / "into", code=LOCKED)
    # A new root key is the deployment's, not the backup's.
    taken = tmp_path / "taken.key"
    shutil.copy2(lost.key_file, taken)
    run(lost, "rekey", "--new-key-file", str(tmp_path / "keys" / "new.key"))
    run(lost, "restore", "--from", str(backup), "--shreds", shreds, "--key-file", str(taken), data=tmp_path / "into")


def test_a_position(lost, tmp_path):
    flags = ("--to", str(tmp_path / "trail.jsonl"), "--position", str(tmp_path / "position"))
    run(lost, "trail", "export", *flags)
    (tmp_path / "position").unlink()
    run(lost, "trail", "export", *flags)
    ids = [json.loads(line)["eventID"] for line in (tmp_path / "trail.jsonl").read_text().splitlines()]
    assert len(ids) > len(set(ids)), "what was sent already came again, and its ids tell"
