"""What scripts need: JSON from every command, and exit codes that tell damage, absence and a wrong key apart."""

import json
import os
import pty
import re
import shutil
import subprocess

import pytest
from conftest import Fastness, binary

ABSENT, SEALED, DAMAGED, LOCKED, OTHER_HISTORY = 3, 4, 5, 6, 7
# What serves, and what prints records or a program's own form.
NO_FACTS = {"serve", "trail export", "help", "dev", "completions", "manual", "man", "root-access-key", "xks create", "xks enable", "xks disable", "xks delete"}
COMMANDS = re.compile(r"^  ([a-z-]+) ", re.MULTILINE)


def subcommands(fastness, *above):
    """All commands that `--help` lists, those below others as well."""
    text = fastness.run(*above, "--help").stdout
    if "Commands:" not in text:
        return [" ".join(above)]
    listed = COMMANDS.findall(text.split("Commands:")[1].split("Options:")[0])
    return [name for command in listed if command != "help" for name in subcommands(fastness, *above, command)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A deployment that is served, a backup of it, and policy files."""
    fastness = Fastness(tmp_path_factory.mktemp("scripts"))
    fastness.run("init", "--data", str(fastness.data))
    fastness.serve()
    root = fastness.root()
    root.kms.create_key()
    user = root.user("nobody")
    with pytest.raises(user.kms.exceptions.ClientError):
        user.kms.list_keys()
    (fastness.directory / "policy.json").write_text('{"Version":"2012-10-17","Statement":[]}')
    (fastness.directory / "cases.yaml").write_text("policies: {}\ncases: []\n")
    fastness.run("backup", "--data", str(fastness.data), "--to", str(fastness.directory / "kept.backup"))
    yield fastness
    fastness.stop()


def test_every_command_that_prints_facts_prints_them_as_json(world):
    data = ("--data", str(world.data))
    shreds = str(world.data / "keyring.shreds")
    given = {
        "init": ("--data", str(world.directory / "made")),
        "backup": (*data, "--to", str(world.directory / "new.backup")),
        "restore": ("--data", str(world.directory / "restored"), "--from", str(world.directory / "kept.backup"), "--shreds", shreds,
                    "--key-file", key_file(world)),
        "policy lint": (str(world.directory / "policy.json"),),
        "policy test": (str(world.directory / "cases.yaml"),),
        "slots remove": (*data, "9"),
        "coverage": (),
        "quotas": (),
    }
    commands = [command for command in subcommands(world) if command not in NO_FACTS]
    assert len(commands) >= 16, commands
    # What changes the server's state goes last.
    order = ["seal", "unseal"]
    for command in sorted(commands, key=lambda name: (name in order, order.index(name) if name in order else 0)):
        done = world.run(*command.split(), *given.get(command, data), "--json", check=False)
        if command in ("slots remove", "slots add", "policy test"):
            # The first two refuse here what they are asked, in words.
            assert done.stdout == "" or json.loads(done.stdout) is not None, (command, done)
            continue
        assert done.returncode in (0, 2), (command, done)
        assert isinstance(json.loads(done.stdout), (dict, list)), command


def key_file(fastness):
    return json.loads((fastness.data / "deployment.json").read_text())["seal"]["path"]


def test_the_exit_codes_are_in_the_help(world):
    text = world.run("--help").stdout
    for code, word in ((ABSENT, "absent"), (SEALED, "sealed"), (DAMAGED, "damaged"), (LOCKED, "locked"), (OTHER_HISTORY, "another history")):
        assert f"\n  {code}  {word}" in text


@pytest.fixture
def copy(world, tmp_path):
    """A stopped deployment of its own, from the world's backup."""
    restored = Fastness(tmp_path)
    shutil.copytree(world.directory / "config", tmp_path / "config")
    restored.run("restore", "--data", str(restored.data), "--from", str(world.directory / "kept.backup"), "--shreds",
                 str(world.data / "keyring.shreds"), "--key-file", key_file(world))
    return restored


def code(fastness, *args):
    return fastness.run(*args, check=False).returncode


def test_absence_damage_and_a_wrong_key_have_codes_of_their_own(world, copy):
    data, nowhere = ("--data", str(copy.data)), ("--data", str(copy.directory / "nowhere"))
    for command in ("verify", "env", "status", "why", "rekey"):
        assert code(copy, command, *nowhere) == ABSENT, command
    assert code(copy, "seal", *data) == ABSENT
    assert code(copy, "verify", "--backup", str(copy.directory / "nothing"), *data) == ABSENT
    own = ("--key-file", key_file(world))
    assert code(copy, "verify", *data, *own) == 0
    wrong = copy.directory / "wrong.key"
    wrong.write_text("0" * 64)
    wrong.chmod(0o600)
    for command in ("verify", "env", "why"):
        assert code(copy, command, *data, "--key-file", str(wrong)) == LOCKED, command
    assert code(copy, "slots", "verify", *data, "--key-file", str(wrong)) == LOCKED
    other = "1:" + "0" * 64
    assert code(copy, "verify", *data, *own, "--contains", other) in (OTHER_HISTORY, 2)
    keyring = copy.data / "keyring.json"
    whole = keyring.read_bytes()
    keyring.write_bytes(whole.replace(b'"', b"'", 1))
    assert code(copy, "verify", *data, *own) == DAMAGED
    keyring.write_bytes(whole)
    segment = max((copy.data / "store").glob("**/*"), key=lambda path: path.stat().st_size if "journal" in str(path) or path.suffix == ".log" else 0)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    assert code(copy, "verify", *data, *own) == DAMAGED


def test_a_backup_is_verified_without_restoring_it(world, copy):
    backup = world.directory / "kept.backup"
    data, own = ("--data", str(copy.directory / "none")), ("--key-file", key_file(world))
    found = json.loads(copy.run("verify", "--backup", str(backup), *data, *own, "--json").stdout)
    assert found["whole"] and found["genuine"] and found["backup"]["parts"] > 3
    assert not (copy.directory / "none").exists()
    text = copy.run("verify", "--backup", str(backup), *data, *own).stdout
    assert "It is whole, and the deployment's own." in text
    wrong = copy.directory / "wrong.key"
    wrong.write_text("0" * 64)
    wrong.chmod(0o600)
    done = copy.run("verify", "--backup", str(backup), *data, "--key-file", str(wrong), check=False)
    assert done.returncode == LOCKED and "not known who made it" in done.stdout
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = copy.directory / "damaged.backup"
    damaged.write_bytes(content)
    done = copy.run("verify", "--backup", str(damaged), *data, *own, check=False)
    assert done.returncode == DAMAGED and "is damaged" in done.stderr and done.stdout == ""


def test_sealed_is_a_code_of_its_own(world):
    data = ("--data", str(world.data))
    world.run("seal", *data)
    try:
        for command in (("status",), ("verify",), ("why",), ("backup", "--to", str(world.directory / "sealed.backup"))):
            assert code(world, *command, *data) == SEALED, command
    finally:
        world.run("unseal", *data)


def written(fastness, environment, *args):
    """What a command writes where it has no terminal."""
    return subprocess.run([binary(), *args], env={**fastness.environment, **environment}, capture_output=True, text=True, timeout=60, check=False)


def test_files_hold_no_escapes_and_no_color_is_respected(world, tmp_path):
    config = tmp_path / "text.toml"
    config.write_text('[log]\nformat = "text"\nlevel = "debug"\n')
    for environment in ({}, {"CLICOLOR_FORCE": "0"}):
        done = written(world, {**environment, "FASTNESS_CONFIG": str(config)}, "serve", "--data", str(world.data), "--listen", "127.0.0.1:0")
        assert done.returncode != 0 and "\x1b" not in done.stdout + done.stderr
    for args in (("--help",), ("nothing",), ("status", "--data", str(world.data)), ("why", "--list", "--data", str(world.data))):
        done = written(world, {}, *args)
        assert "\x1b" not in done.stdout + done.stderr, args
    # A terminal that wants none has none.
    primary, secondary = pty.openpty()
    environment = {**world.environment, "FASTNESS_CONFIG": str(config), "NO_COLOR": "1", "TERM": "xterm"}
    subprocess.run([binary(), "serve", "--data", str(world.data), "--listen", "127.0.0.1:0"], env=environment, stdout=secondary, stderr=secondary, timeout=60, check=False)
    os.close(secondary)
    seen = b""
    try:
        while chunk := os.read(primary, 65536):
            seen += chunk
    except OSError:
        pass
    os.close(primary)
    assert seen and b"\x1b" not in seen


def test_policies_are_examined_from_standard_input(world):
    for text, expected in (('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}', 1), ("{", 2)):
        done = subprocess.run([binary(), "policy", "lint", "-"], env=world.environment, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == expected and done.stdout.startswith("-:"), done
    done = subprocess.run([binary(), "policy", "lint", "-"], env=world.environment, input=" " * (1 << 20), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "larger than any policy may be" in done.stderr
