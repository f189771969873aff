"""What scripts need: JSON from every command, and exit codes that tell damage, absence and a wrong key apart."""

import json
import os
import pty
import re
import shutil
import subprocess

import pytest
from conftest import Fastness, allow, binary, document

ABSENT, SEALED, DAMAGED, LOCKED, OTHER_HISTORY = 3, 4, 5, 6, 7
# What prints text of a form that is not the command's to choose: lines of the trail, with a receipt that is JSON; and scripts of shells. `man`
# writes files, and is not listed.
NO_FACTS = {"trail export", "completions"}
# What test_trail_export.py and test_tasks.py try, with their own files and tasks.
ELSEWHERE = {"trail check", "tasks retry", "tasks discard"}
# What begins to serve, and goes on. `dev` is tried in test_dev.py.
SERVING = {"serve", "dev"}
# What needs, or changes, what others made; the rest goes first.
IN_ORDER = ["xks create", "xks list", "xks disable", "xks enable", "xks delete", "slots add", "slots remove", "rekey", "root-access-key", "seal", "unseal"]
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
    (fastness.directory / "policy.json").write_text(document(allow("kms:ListKeys")))
    cases = {"policies": {"identity": [{"file": "policy.json"}]},
             "cases": [{"name": "lists", "principal": "arn:aws:iam::111122223333:role/app", "action": "kms:ListKeys", "resource": "*", "expect": "allowed"}]}
    (fastness.directory / "cases.json").write_text(json.dumps(cases))
    fastness.run("backup", "--data", str(fastness.data), "--to", str(fastness.directory / "kept.backup"))
    yield fastness
    fastness.stop()


def documents(text):
    """The JSON documents that stand one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def test_every_command_that_prints_facts_prints_them_as_json(world):
    data = ("--data", str(world.data))
    shreds = str(world.data / "keyring.shreds")
    made = {}
    own_key = lambda: (*data, made["xks create"]["XksProxyAuthenticationCredential"]["AccessKeyId"])  # noqa: E731
    given = {
        "init": lambda: ("--data", str(world.directory / "made")),
        "backup": lambda: (*data, "--to", str(world.directory / "new.backup")),
        "restore": lambda: ("--data", str(world.directory / "restored"), "--from", str(world.directory / "kept.backup"), "--shreds", shreds,
                            "--key-file", key_file(world)),
        "policy lint": lambda: (str(world.directory / "policy.json"),),
        "policy test": lambda: (str(world.directory / "cases.json"),),
        "xks create": lambda: (*data, "--user", "nobody"),
        **{f"xks {change}": own_key for change in ("disable", "enable", "delete")},
        "slots add": lambda: (*data, "--shamir", "2-of-3"),
        "slots remove": lambda: (*data, str(made["slots add"]["slots"][-1])),
        "coverage": lambda: (),
        "quotas": lambda: (),
    }
    commands = subcommands(world)
    assert SERVING | NO_FACTS | ELSEWHERE | set(IN_ORDER) | set(given) <= set(commands), "a command that is gone"
    walked = [command for command in commands if command not in NO_FACTS | ELSEWHERE | SERVING]
    for command in sorted(walked, key=lambda name: (name in IN_ORDER, IN_ORDER.index(name) if name in IN_ORDER else 0)):
        done = world.run(*command.split(), *given.get(command, lambda: data)(), "--json", check=False)
        assert done.returncode == 0, (command, done)
        *before, facts = documents(done.stdout)
        assert isinstance(facts, (dict, list)) and not done.stderr, (command, done)
        # New shares are shown before anything depends on them.
        assert [sorted(document) for document in before] == ([["shares", "threshold"]] if command == "slots add" else []), command
        made[command] = facts
    assert made["xks create"]["XksProxyUriPath"].endswith("/kms/xks/v1")
    states = [made[f"xks {change}"]["Status"] for change in ("disable", "enable", "delete")]
    assert states == ["Inactive", "Active", "Deleted"] and [key["Status"] for key in made["xks list"]] == ["Active"]
    assert made["root-access-key"]["accessKeyId"] == world.exports["AWS_ACCESS_KEY_ID"]


def test_what_serves_tells_programs_in_one_line_and_logs_apart(fresh, tmp_path):
    monitor = ("--monitor", "127.0.0.1:0", "--json")
    fresh.run("init", "--data", str(fresh.data))
    command = [binary(), "serve", "--data", str(fresh.data), "--listen", "127.0.0.1:0", *monitor]
    with open(tmp_path / "log", "w", encoding="utf-8") as log, subprocess.Popen(
        command, env=fresh.environment, stdout=subprocess.PIPE, stderr=log, text=True
    ) as process:
        told = json.loads(process.stdout.readline())
        fresh.endpoint = told["endpoint"]
        assert fresh.root().sts.get_caller_identity()["Account"] == told["account"]
        assert told["pid"] == process.pid and told["data"] == str(fresh.data) and told["sealed"] is False
        assert told["region"] == "us-east-1" and told["monitor"].startswith("http://127.0.0.1:")
        process.terminate()
        assert process.stdout.read() == "" and process.wait(timeout=30) == 0
    assert any(json.loads(line)["message"] == "serving" for line in (tmp_path / "log").read_text().splitlines())


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
    """Every row and record of it is opened where it lies: the facts are those of the data that it was restored to."""
    backup = world.directory / "kept.backup"
    data, own = ("--data", str(copy.directory / "none")), ("--key-file", key_file(world))
    found = json.loads(copy.run("verify", "--backup", str(backup), *data, *own, "--json").stdout)
    assert found["whole"] and found["genuine"] and found["backup"]["parts"] > 3
    assert not (copy.directory / "none").exists()
    head = found["backup"]["head"]
    restored = json.loads(copy.run("verify", "--data", str(copy.data), *own, "--contains", head, "--json").stdout)
    assert found["head"] == head and found["records"] > 3 and found["rows"] > 3 and not found["findings"]
    # A restore leaves a record of its own.
    assert restored["contained"] == [[head, "contained"]] and restored["records"] == found["records"] + 1
    assert restored["first"] == found["first"] and restored["groups"] >= found["groups"] + 1
    text = copy.run("verify", "--backup", str(backup), *data, *own, "--contains", head).stdout
    assert "It is whole, and the deployment's own." in text and f"contains  {head}: contained" in text
    later = copy.run("verify", "--backup", str(backup), *data, *own, "--contains", restored["head"], check=False)
    assert later.returncode == OTHER_HISTORY and "NOT everything" in later.stdout
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
