"""What the serving process gives up, seen from outside; and what is left in its memory once it is sealed."""

import base64
import os
import pathlib
import subprocess
import sys

import pytest
from conftest import Fastness, allow, binary, refused

MARK = b"a plaintext that nobody may find 5f2c91"


def status(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    raise AssertionError(name)


def memory(pid):
    """All that a process has in memory, by mapping, but for what is a file's and cannot be written. Only root, or a debugger that the
    process allows, can read it."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            addresses, permissions, _, _, inode, *_ = line.split()
            own = "w" in permissions or inode == "0"
            if own and permissions.startswith("r") and "[vvar" not in line and "[vsyscall" not in line:
                start, end = (int(address, 16) for address in addresses.split("-"))
                mem.seek(start)
                try:
                    yield line, mem.read(end - start)
                except OSError:
                    continue


def found(pid, needles):
    """Which of these bytes, by name, lie in the memory of a process."""
    return {name for _, content in memory(pid) for name, needle in needles.items() if needle in content}


@pytest.fixture
def served(fresh):
    return fresh.serve()


def test_core_dumps_tracing_and_privileges_are_given_up(served):
    pid = served.process.pid
    assert status(pid, "NoNewPrivs") == "1"
    assert status(pid, "Seccomp") == "2"
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    log = served.log.read_text()
    assert "no Landlock" not in log and "filters no system calls" not in log


WITHOUT = """#!{python}
import ctypes, os, struct, sys
LOAD, EQUALS, RETURN, ALLOW, ENOSYS = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050026
steps = [struct.pack("HBBI", *step) for step in [(LOAD, 0, 0, 0), (EQUALS, 0, 1, {number}), (RETURN, 0, 0, ENOSYS), (RETURN, 0, 0, ALLOW)]]
program = ctypes.create_string_buffer(b"".join(steps))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program)))) == 0
os.execv({binary!r}, [{binary!r}, *sys.argv[1:]])
"""


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (444, "this kernel has no Landlock"),
        ({"x86_64": 317, "aarch64": 277}.get(os.uname().machine), "this kernel filters no system calls"),
        ({"x86_64": 149, "aarch64": 228}.get(os.uname().machine), "the system refuses to lock memory"),
    ],
    ids=["landlock_create_ruleset", "seccomp", "mlock"],
)
def test_what_the_kernel_has_not_is_said(fresh, monkeypatch, number, told):
    """On a kernel that lacks one of the means, as a filter (seccomp(2)) makes it look, it serves, and says what it could not give up."""
    wrapper = fresh.directory / "fastness"
    wrapper.write_text(WITHOUT.format(python=sys.executable, number=number, binary=binary()))
    wrapper.chmod(0o755)
    monkeypatch.setenv("FASTNESS_BINARY", str(wrapper))
    fresh.serve().root().kms.list_keys()
    assert told in fresh.log.read_text()


def test_sealing_again_and_again_adds_no_filters(served):
    for _ in range(3):
        for command in ("seal", "unseal"):
            subprocess.run([binary(), command, "--data", str(served.data)], env=served.environment, check=True, capture_output=True)
    pid = served.process.pid
    assert (status(pid, "Seccomp"), status(pid, "Seccomp_filters")) == ("2", "1")
    assert "filters no system calls" not in served.log.read_text()


def test_keys_lie_in_locked_memory(served):
    served.root().kms.create_key()
    assert int(status(served.process.pid, "VmLck").split()[0]) >= 64


def test_another_process_of_the_same_user_cannot_look(tmp_path_factory):
    """Not even the server's own user may read its memory or trace it; only root could."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user to try it")
    directory = pathlib.Path("/tmp") / f"fastness-confined-{os.getpid()}"
    directory.mkdir(mode=0o755)
    nobody = 65534
    os.chown(directory, nobody, nobody)
    config = directory / "config.toml"
    config.write_text('[process]\nuser = "nobody"\n')
    fastness = Fastness(directory)
    try:
        fastness.serve("--config", str(config))
        pid = fastness.process.pid
        assert status(pid, "Uid").split() == [str(nobody)] * 4
        assert status(pid, "Groups") == str(nobody)
        assert "running as root" not in fastness.log.read_text()
        assert (fastness.data / "store").stat().st_uid == nobody
        tried = subprocess.run(
            ["head", "-c1", f"/proc/{pid}/mem"], user=nobody, group=nobody, extra_groups=[], capture_output=True, text=True
        )
        assert tried.returncode != 0 and "Permission denied" in tried.stderr, tried.stderr
        # It seals and unseals as that user, too.
        fastness.run("seal", "--data", str(fastness.data))
        fastness.run("unseal", "--data", str(fastness.data))
        fastness.root().kms.list_keys()
        fastness.stop()
    finally:
        if fastness.process:
            fastness.kill()
        subprocess.run(["rm", "-rf", str(directory)], check=True)


def test_running_as_root_is_said(served):
    if os.getuid() == 0:
        assert "running as root" in served.log.read_text()


def test_a_sealed_process_holds_nothing(served):
    """What was in memory while it served, keys and plaintexts and names, is there no more once it is sealed; nor is it on the disk, or in a backup."""
    root = served.root()
    user = root.user("a-user-of-some-name", allow("kms:*"))
    key = root.kms.create_key(Description="a description to look for")["KeyMetadata"]["KeyId"]
    context = {"context-name": "context-value-to-look-for"}
    blob = user.kms.encrypt(KeyId=key, Plaintext=MARK, EncryptionContext=context)["CiphertextBlob"]
    user.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    (key_file,) = (served.directory / "config").rglob("*.key")
    needles = {
        "plaintext": MARK,
        "plaintext in base64": base64.b64encode(MARK)[:40],
        "secret access key": user.secret.encode(),
        "root's secret access key": root.secret.encode(),
        "description of the key": b"a description to look for",
        "encryption context": b"context-value-to-look-for",
        "key id": key.encode(),
        "user": b"a-user-of-some-name",
    }
    backup = served.directory / "one.backup"
    served.run("backup", "--data", str(served.data), "--to", str(backup))
    # The test can find what it looks for.
    assert {"user", "key id", "encryption context"} <= found(served.process.pid, needles)
    pid = served.process.pid
    served.run("seal", "--data", str(served.data))
    assert refused(root.kms.list_keys)["Status"] == 503
    assert served.process.pid == pid and served.process.poll() is None
    assert found(pid, needles | {"key file": key_file.read_bytes()}) == set()

    secrets = {name: needle for name, needle in needles.items() if name not in ("key id", "user")}
    for path in [backup, *served.data.rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            assert not [name for name, needle in secrets.items() if needle in content], path

    served.run("unseal", "--data", str(served.data))
    assert user.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == MARK


def test_the_passphrase_of_the_environment_does_not_outlive_the_seal(fresh):
    passphrase = "a passphrase for the environment"
    fresh.environment["FASTNESS_PASSPHRASE"] = passphrase
    fresh.serve()
    environ = pathlib.Path(f"/proc/{fresh.process.pid}/environ")
    assert passphrase.encode() in environ.read_bytes()
    fresh.run("seal", "--data", str(fresh.data))
    assert passphrase.encode() not in environ.read_bytes()
    assert found(fresh.process.pid, {"passphrase": passphrase.encode()}) == set()
    fresh.run("unseal", "--data", str(fresh.data))
    fresh.root().kms.list_keys()


def test_it_can_be_sealed_many_times(served):
    """Restrictions are not laid on top of each other until the kernel refuses."""
    root = served.root()
    for _ in range(20):
        served.run("seal", "--data", str(served.data))
        served.run("unseal", "--data", str(served.data))
    root.kms.list_keys()
    served.stop()
