"""From nothing to a first call: each hint leads on, and each refusal names its setting and the next step."""

import os
import pathlib
import pwd
import re
import shlex
import socket
import subprocess
import tempfile

import pytest
from conftest import EXPORT, Caller, Fastness, binary, toml

USE = re.compile(r'Use (?:it with|it): +eval "\$\((.*)\)"')


class Served:
    """A server that a hint starts, ended in the end."""

    def __init__(self, line, environment):
        words = [binary(), *shlex.split(line)[1:]]
        self.process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        assert first.startswith("Fastness serves "), self.process.stderr.read()
        self.endpoint = first.split()[-1]
        self.use = USE.match(self.process.stdout.readline())[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.process.stderr.close()


def run(fastness, *args, check=True):
    return fastness.run(*args, check=check)


def follow(fastness, flags, init):
    """Does what `init` prints, and gives the account that the first call tells."""
    made = run(fastness, "init", *flags, *init).stdout
    account = re.search(r"account +(\d{12})", made)[1]
    serve = re.search("^Serve it: +(fastness .*)$", made, re.MULTILINE)[1]
    use = USE.search(made)[1]
    with Served(serve + " --listen localhost:0", fastness.environment) as served:
        assert served.endpoint.startswith("http://127.0.0.1:")
        for line in (use, served.use):
            shown = subprocess.run([binary(), *shlex.split(line)[1:]], env=fastness.environment, capture_output=True, text=True, check=True)
            exports = dict(EXPORT.findall(shown.stdout))
            fastness.endpoint = exports["AWS_ENDPOINT_URL"]
            assert fastness.endpoint == served.endpoint
            caller = Caller(fastness, exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"])
            assert caller.sts.get_caller_identity()["Account"] == account


def test_the_hints_of_init_lead_to_the_deployment_it_made(fresh):
    follow(fresh, ["--data", str(fresh.directory / "a place of its own")], [])


def test_so_they_do_where_a_configuration_names_it(fresh):
    config = fresh.directory / "own.toml"
    config.write_text(toml({"data": str(fresh.directory / "elsewhere")}))
    follow(fresh, ["--config", str(config)], ["--account-id", "123456789012"])


def test_so_they_do_by_default(fresh):
    fresh.environment["XDG_DATA_HOME"] = str(fresh.directory / "share")
    follow(fresh, [], [])


def told(fastness, *args, settings=None):
    """What a refusal says."""
    if settings is not None:
        path = fastness.directory / "refused.toml"
        path.write_text(toml(settings))
        args = (*args, "--config", str(path))
    done = run(fastness, *args, check=False)
    assert done.returncode != 0 and done.stdout == "", done
    return done.stderr


def test_refusals_name_the_setting_and_the_next_step(fresh):
    data = ("--data", str(fresh.data))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = told(fresh, "serve", *data, "--listen", address)
        assert "--listen" in text and address in text and "name another port" in text, text
        text = told(fresh, "serve", *data, "--listen", "127.0.0.1:0", "--monitor", address)
        assert "--monitor" in text and "name another port" in text, text
        settings = {"listen": address, "listen-plain": address, "tls": {}}
        text = told(fresh, "serve", *data, settings=settings)
        assert "`listen` and `listen-plain` are both" in text and "another port" in text, text
        text = told(fresh, "serve", *data, "--listen", address, "--monitor", address)
        assert "`listen` and `monitor.listen` are both" in text, text
    text = told(fresh, "serve", *data, "--listen", "localhost")
    assert "--listen" in text and "localhost:4566" in text, text
    for command in ("status", "env", "verify", "seal", "why"):
        text = told(fresh, command, *data)
        assert "no deployment is here" in text and "--data" in text and "fastness init" in text, (command, text)
    text = told(fresh, "init", *data, "--account-id", "12")
    assert "--account-id" in text and "12 digits" in text, text
    run(fresh, "init", *data)
    text = told(fresh, "init", *data)
    assert "is not empty" in text and "--data" in text, text


@pytest.fixture
def passable():
    """A directory that other users can go through, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="fastness-") as directory:
        path = pathlib.Path(directory)
        path.chmod(0o755)
        yield path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_one_process_user_works_for_init_and_serve_alike(passable):
    nobody = pwd.getpwnam("nobody")
    tmp_path = passable
    place = tmp_path / "server"
    place.mkdir(mode=0o755)
    fastness = Fastness(tmp_path / "operator", config={"process": {"user": "nobody"}})
    fastness.data = place / "data"
    flags = ("--data", str(fastness.data), "--key-file", str(place / "keys" / "root.key"))
    run(fastness, "init", *flags)
    fastness.serve()
    root = fastness.root()
    root.kms.create_key()
    assert os.stat(f"/proc/{fastness.process.pid}").st_uid == nobody.pw_uid
    fastness.stop()
    # What root does while nobody serves leaves nothing that the user cannot read.
    run(fastness, "backup", "--data", str(fastness.data), "--to", str(tmp_path / "backup"))
    fastness.serve()
    assert fastness.root().kms.list_keys()["Keys"]
    fastness.stop()
    for path in (fastness.data, *fastness.data.rglob("*"), place / "keys" / "root.key"):
        assert path.lstat().st_uid == nobody.pw_uid, path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_place_that_the_process_user_cannot_reach_is_refused_before_anything_is_made(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    fastness = Fastness(tmp_path / "operator", config={"process": {"user": "nobody"}})
    text = told(fastness, "init", "--data", str(closed / "data"), "--key-file", str(tmp_path / "root.key"))
    assert "[process] user" in text and "--data" in text and not (closed / "data").exists(), text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands files over")
def test_the_file_of_another_cannot_be_had_by_a_link(passable):
    tmp_path = passable
    fastness = Fastness(tmp_path / "operator", config={"process": {"user": "nobody"}})
    place = tmp_path / "server"
    place.mkdir(mode=0o755)
    fastness.data = place / "data"
    run(fastness, "init", "--data", str(fastness.data), "--key-file", str(place / "root.key"))
    secret = tmp_path / "secret"
    secret.write_text("root's")
    (fastness.data / "soft").symlink_to(secret)
    os.link(secret, fastness.data / "hard")
    fastness.serve()
    fastness.stop()
    assert secret.stat().st_uid == 0
