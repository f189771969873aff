"""The container recipe and the systemd unit: that what they run works, and that they give it no more than it needs."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess

import pytest
from conftest import Fastness, binary, wait_for

PACKAGING = pathlib.Path(__file__).parent.parent / "packaging"
UNIT = PACKAGING / "fastness.service"
EXPORTER = PACKAGING / "fastness-trail.service"
RECIPE = PACKAGING / "Containerfile"


def settings(unit=UNIT):
    """A unit's lines by name."""
    found = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def instructions():
    """The recipe's instructions by name, each with its arguments."""
    text = re.sub(r"\\\n", " ", RECIPE.read_text())
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    found = {}
    for name, rest in lines:
        found.setdefault(name, []).append(rest)
    return found


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def serves(command, environment, fastness, healthcheck, sealed=None):
    """Starts the command, asks its health, also once `sealed` was run, and stops it."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        fastness.endpoint = process.stdout.readline().split()[-1]
        wait_for(lambda: subprocess.run(healthcheck, env=environment, capture_output=True, check=False).returncode == 0)
        if sealed:
            subprocess.run(sealed, env=environment, check=True, capture_output=True)
            wait_for(lambda: "sealed    yes" in subprocess.run(healthcheck, env=environment, capture_output=True, text=True, check=True).stdout)
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 0, told


def test_what_the_unit_runs_serves(tmp_path):
    fastness = Fastness(tmp_path)
    state, credentials = tmp_path / "state", tmp_path / "credentials"
    state.mkdir(0o700)
    credentials.mkdir(0o700)
    # As systemd hands a credential over: made before the first start, and read-only.
    key = credentials / "root.key"
    key.write_bytes(os.urandom(32))
    key.chmod(0o400)
    (start,) = settings()["ExecStart"]
    command = [
        word.replace("${STATE_DIRECTORY}", str(state))
        .replace("${CREDENTIALS_DIRECTORY}", str(credentials))
        .replace("/etc/fastness/fastness.toml", fastness.environment["FASTNESS_CONFIG"])
        .replace("/usr/bin/fastness", binary())
        for word in shlex.split(start)
    ]
    serves([*command, "--listen", "127.0.0.1:0"], fastness.environment, fastness, [binary(), "status", "--data", str(state)])
    assert key.stat().st_size == 32 and (state / "deployment.json").exists()


def test_what_the_container_runs_serves(tmp_path):
    fastness = Fastness(tmp_path)
    recipe = instructions()
    environment = dict(fastness.environment)
    for pair in shlex.split(recipe["ENV"][0]):
        name, value = pair.split("=", 1)
        environment[name] = str(tmp_path) + value
    words = json.loads(recipe["ENTRYPOINT"][0]) + json.loads(recipe["CMD"][0])
    command = [word.replace("/usr/bin/fastness", binary()).replace(":4566", f":{free_port()}") for word in words]
    health = json.loads(recipe["HEALTHCHECK"][0].split("CMD", 1)[1])
    health = [word.replace("/usr/bin/fastness", binary()) for word in health]
    serves(command, environment, fastness, health, sealed=[binary(), "seal"])
    assert subprocess.run(health, env=environment, capture_output=True, check=False).returncode != 0, "nobody serves"
    # Volumes hold all that lasts, so that the rest can be read-only.
    for volume in json.loads(recipe["VOLUME"][0]):
        assert list((tmp_path / volume.lstrip("/")).iterdir())
    left = {path.relative_to(tmp_path).parts[0] for path in tmp_path.iterdir()}
    assert left <= {"var", "etc", "settings.toml"}, left


def test_the_container_runs_as_nobody_in_particular():
    recipe = instructions()
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", recipe["USER"][-1])
    user = recipe["USER"][-1].split(":")[0]
    assert f"-o {user} -g {user} -m 0700" in recipe["RUN"][0]
    # A short name, which whoever builds resolves; and all that is copied is in the package.
    assert re.fullmatch(r"[a-z]+:[a-z0-9.-]+", recipe["FROM"][0])
    assert recipe["COPY"] == ["--chmod=0755 fastness /usr/bin/fastness"]
    port = recipe["EXPOSE"][0].split("/")[0]
    assert f"0.0.0.0:{port}" in recipe["CMD"][0]


def test_the_unit_keeps_keys_in_memory_and_everything_else_out():
    found = settings()
    expected = {
        "DynamicUser": "yes",
        "LimitCORE": "0",
        "MemorySwapMax": "0",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "CapabilityBoundingSet": "",
        "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
        "StateDirectoryMode": "0700",
        "UMask": "0077",
    }
    assert {name: found.get(name) for name in expected} == {name: [value] for name, value in expected.items()}
    landlock = "landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp"
    assert found["SystemCallFilter"] == [f"@system-service {landlock}", "~@privileged"]
    assert found["LoadCredentialEncrypted"] == ["root.key:/etc/fastness/root.key.cred"]


def test_what_the_exporter_s_unit_runs_exports(fresh, tmp_path):
    """Under the capabilities that it leaves, where the system lets whoever runs the tests give up others."""
    fresh.serve()
    fresh.root().kms.create_key()
    state, target = tmp_path / "state", tmp_path / "trail.jsonl"
    state.mkdir(0o700)
    found = settings(EXPORTER)
    (start,), (kept,) = found["ExecStart"], found["CapabilityBoundingSet"]
    # systemd splits a variable without braces into words.
    assert start.endswith(" $FASTNESS_TRAIL_FLAGS") and found["EnvironmentFile"] == ["/etc/fastness/trail.env"]
    words = shlex.split(start.replace("$FASTNESS_TRAIL_FLAGS", f"--to {target}"))
    places = {"${STATE_DIRECTORY}": str(state), "/var/lib/private/fastness": str(fresh.data), "/usr/bin/fastness": binary()}
    for place, instead in places.items():
        words = [word.replace(place, instead) for word in words]
    if os.geteuid() == 0 and shutil.which("setpriv"):
        kept = kept.removeprefix("CAP_").lower()
        words = ["setpriv", "--no-new-privs", f"--bounding-set=-all,+{kept}", f"--inh-caps=-all,+{kept}", *words]
    with subprocess.Popen(words, env=fresh.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(lambda: target.exists() and '"CreateKey"' in target.read_text(), 30)
            wait_for(lambda: (state / "position").exists())
        finally:
            process.terminate()
            told = process.stderr.read()
    assert told == "", told
    assert (state / "position").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("unit", "exposure_max"), [(UNIT, 2.0), (EXPORTER, 4.5)], ids=["server", "exporter"])
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_units(unit, exposure_max, tmp_path):
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/usr/bin/fastness", binary()))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy)], capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0 and not verified.stderr, verified
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", f"--threshold={exposure_max * 10:.0f}", str(copy)], capture_output=True, text=True, check=False
    )
    exposure = re.search(r"exposure level for \S+: (\d+\.\d+)", rated.stdout)
    assert rated.returncode == 0 and exposure and float(exposure[1]) <= exposure_max, rated.stdout + rated.stderr
