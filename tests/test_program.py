"""The command itself: what it makes, what it refuses and how it says so, how it ends, and what lies on disk."""

import base64
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading

import pytest
from conftest import SERVICES, Caller, Fastness, allow, binary, document, wait_for
from raw import connect, json_call

PASSPHRASE = "correct horse battery staple"


def failed(done, *texts, code=(1,)):
    """A command that ended with an error, in one line on standard error, the log aside."""
    assert done.returncode in code and done.stdout == "", done
    told = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(told) == 1 and told[0].startswith("fastness: ") and done.stderr.endswith("\n"), done.stderr
    assert "panicked" not in done.stderr
    for text in texts:
        assert text in done.stderr, done.stderr


def misused(done, *texts):
    """A command line that is none."""
    assert done.returncode == 2, done
    for text in texts:
        assert text in done.stderr, done.stderr


def init(fastness, *args, check=True):
    return fastness.run("init", "--data", str(fastness.data), *args, check=check)


def key_file(fastness):
    (found,) = (fastness.directory / "config" / "fastness").glob("*.key")
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A deployment that was made and is not served; tests copy it."""
    deployment = Fastness(tmp_path_factory.mktemp("made"))
    deployment.told = init(deployment).stdout
    return deployment


@pytest.fixture
def copy(made, tmp_path):
    shutil.copytree(made.directory, tmp_path / "copy")
    deployment = Fastness(tmp_path / "copy")
    deployment.environment["FASTNESS_KEY_FILE"] = str(key_file(deployment))
    yield deployment
    if deployment.process:
        deployment.kill()


def test_help(fresh):
    top = fresh.run("--help").stdout
    for command in ("serve", "init", "env", "status", "slots", "rekey", "why", "policy", "coverage", "quotas", "xks"):
        assert re.search(rf"^  {command}\b", top, re.MULTILINE)
        assert "Usage: fastness " + command in fresh.run(command, "--help").stdout
    assert 'eval "$(fastness env)"' in top
    serve = fresh.run("serve", "--help").stdout
    flags = ("--data", "--config", "--key-file", "--passphrase-file", "--listen", "--tls", "--plain-http-beyond-loopback")
    for flag in (*flags, "--monitor", "--monitor-beyond-loopback"):
        assert flag in serve
    assert "127.0.0.1:4566" in serve and "FASTNESS_DATA" in serve
    assert re.fullmatch(r"fastness \d+\.\d+\.\d+( \([0-9a-f]{12} \d{4}-\d\d-\d\d\))?\n", fresh.run("--version").stdout)
    assert all(len(line) <= 120 for text in (top, serve) for line in text.splitlines())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "Usage: fastness"),
        (["sevre"], "unrecognized subcommand 'sevre'"),
        (["serve", "--lisen", "x"], "unexpected argument '--lisen'"),
        (["serve", "--listen", "localhost"], "invalid value 'localhost' for '--listen"),
        (["serve", "--listen", "127.0.0.1:99999"], "invalid value"),
        (["serve", "--key-file", "a", "--passphrase-file", "b"], "cannot be used with"),
        (["env", "more"], "unexpected argument 'more'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_command_lines_that_are_none(fresh, arguments, text):
    misused(fresh.run(*arguments, check=False), text)


def test_init_makes_a_deployment_and_tells_of_it(made):
    account = re.search(r"^  account   (\d{12})$", made.told, re.MULTILINE)[1]
    assert str(made.data) in made.told and str(key_file(made)) in made.told
    assert json.loads((made.data / "deployment.json").read_text())["account"] == account
    secret = made.exports["AWS_SECRET_ACCESS_KEY"]
    assert len(secret) == 40 and secret not in made.told


def test_what_lies_on_disk_is_private(made):
    key = key_file(made)
    assert key.stat().st_size == 32 and made.data not in key.parents
    for path in [key, key.parent, made.data, *made.data.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_a_directory_that_others_may_write_into_is_refused(copy, fresh, mode):
    """They could put a socket of their own in place of the operator's channel, and be told a passphrase."""
    fresh.data.mkdir()
    for directory, commands in [(copy.data, ("serve", "env", "status", "unseal", "verify")), (fresh.data, ("init",))]:
        directory.chmod(mode)
        for name in commands:
            done = copy.run(name, "--data", str(directory), check=False)
            assert done.returncode == 1 and f"(mode {mode:04o}): chmod 700" in done.stderr, (name, done)
        directory.chmod(0o755)
    copy.serve().stop()


def test_deployments_have_nothing_in_common(made, fresh):
    init(fresh)
    ours, theirs = made.exports, fresh.exports
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert ours[name] != theirs[name]
    assert key_file(made).read_bytes() != key_file(fresh).read_bytes()
    accounts = [json.loads((f.data / "deployment.json").read_text())["account"] for f in (made, fresh)]
    assert accounts[0] != accounts[1]
    root = fresh.serve().root()
    stranger = Caller(fresh, made.exports["AWS_ACCESS_KEY_ID"], made.exports["AWS_SECRET_ACCESS_KEY"])
    root.sts.get_caller_identity()
    with pytest.raises(stranger.sts.exceptions.ClientError, match="InvalidClientTokenId"):
        stranger.sts.get_caller_identity()


def test_init_honours_what_it_is_told(fresh):
    fresh.environment |= {
        "FASTNESS_ACCOUNT_ID": "123456789012",
        "FASTNESS_ROOT_ACCESS_KEY_ID": "access_Key_Example_22",
        "FASTNESS_ROOT_SECRET_ACCESS_KEY": "it's a secret of 40 characters, no less!".replace(" ", "_"),
    }
    init(fresh, "--region", "eu-central-1")
    exports = fresh.run("env", "--data", str(fresh.data)).stdout
    assert "export AWS_ACCESS_KEY_ID='access_Key_Example_22'" in exports
    assert "export AWS_DEFAULT_REGION='eu-central-1'" in exports and "export AWS_REGION='eu-central-1'" in exports
    shell = subprocess.run(
        ["bash", "-c", f'eval "$({binary()} env --data {fresh.data})"; printf %s "$AWS_SECRET_ACCESS_KEY"'],
        env=fresh.environment,
        capture_output=True,
        text=True,
    )
    secret = fresh.environment["FASTNESS_ROOT_SECRET_ACCESS_KEY"]
    assert shell.stdout == secret
    fresh.serve()
    root = Caller(fresh, "access_Key_Example_22", secret)
    assert root.sts.get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:root"


def test_a_secret_that_can_be_guessed_is_good_on_this_host_only(fresh):
    # The example of the AWS documentation for the id, and what other servers for tests begin with.
    fresh.environment |= {
        "FASTNESS_ROOT_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "FASTNESS_ROOT_SECRET_ACCESS_KEY": "minioadmin",
    }
    init(fresh)
    fresh.serve()
    root = Caller(fresh, "AKIAIOSFODNN7EXAMPLE", "minioadmin")
    assert root.sts.get_caller_identity()["Arn"].endswith(":root")
    fresh.stop()
    arguments = ["serve", "--data", str(fresh.data), "--listen", "0.0.0.0:0", "--plain-http-beyond-loopback"]
    failed(fresh.run(*arguments, check=False), "has about 29 bits")


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"FASTNESS_ACCOUNT_ID": "12345"}, "12 digits"),
        ({"FASTNESS_ACCOUNT_ID": "12345678901a"}, "12 digits"),
        ({"FASTNESS_ROOT_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE22"}, "or neither"),
        ({"FASTNESS_ROOT_ACCESS_KEY_ID": "x", "FASTNESS_ROOT_SECRET_ACCESS_KEY": "a" * 40}, "16 to 128"),
        (
            {"FASTNESS_ROOT_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE22", "FASTNESS_ROOT_SECRET_ACCESS_KEY": "te st"},
            "printable",
        ),
        ({"FASTNESS_PASSPHRASE": "short"}, "15"),
    ],
    ids=str,
)
def test_init_refuses_what_is_no_good_and_leaves_nothing(fresh, environment, text):
    fresh.environment |= environment
    failed(init(fresh, check=False), text)
    assert not (fresh.data / "deployment.json").exists()
    for name in environment:
        del fresh.environment[name]
    init(fresh)


def test_init_takes_no_directory_that_is_in_use(copy, fresh):
    failed(init(copy, check=False), "is not empty")
    fresh.data.mkdir()
    (fresh.data / "mine").write_text("x")
    failed(init(fresh, check=False), "is not empty")
    assert [path.name for path in fresh.data.iterdir()] == ["mine"]


def test_serve_makes_a_deployment_on_its_first_run(fresh):
    root = fresh.serve().root()
    arn = root.sts.get_caller_identity()["Arn"]
    fresh.stop()
    assert fresh.serve().root().sts.get_caller_identity()["Arn"] == arn


def test_status_and_env_tell_whether_it_is_served(copy, tmp_path):
    status = lambda: copy.run("status", "--data", str(copy.data), check=False)  # noqa: E731
    before = status()
    assert before.returncode == 3 and re.search(r"^serving   no$", before.stdout, re.MULTILINE)
    assert re.search(r"^account   \d{12}$", before.stdout, re.MULTILINE)
    copy.serve()
    during = status()
    assert during.returncode == 0 and f"serving   {copy.endpoint} (process {copy.process.pid})" in during.stdout
    assert copy.exports["AWS_ENDPOINT_URL"] == copy.endpoint
    copy.kill()
    assert status().returncode == 3, "what a killed server leaves behind does not count"
    copy.serve()
    copy.stop()
    assert status().returncode == 3 and not (copy.data / "serving.json").exists()
    for command in ("status", "env"):
        failed(copy.run(command, "--data", str(tmp_path / "nothing"), check=False), "no deployment is here", code=(3,))


def test_coverage(fresh):
    table = [line.split() for line in fresh.run("coverage").stdout.splitlines()]
    assert table[0] == ["service", "implemented", "of"] and [row[0] for row in table[1:]] == sorted((*SERVICES, "kms-xks-proxy"))
    for service, done, of in table[1:]:
        lines = fresh.run("coverage", service).stdout.splitlines()
        assert len(lines) == int(of) and sum(line.startswith("yes ") for line in lines) == int(done) > 0
    failed(fresh.run("coverage", "s3", check=False), "no such service: s3")


CONFIGURATIONS = [
    ('listen = "127.0.0.1:0"\nlisten_on = 1\n', 2, "unknown field `listen_on`"),
    ("data = 3\n", 1, "invalid type: integer `3`"),
    ('\n\nlisten = "localhost"\n', 3, "`localhost` is not an address with a port"),
    ('[log]\nlevel = "loud"\n', 2, "unknown variant `loud`"),
    ('[seal]\nkind = "yubikey"\n', 2, "unknown variant `yubikey`"),
    ('[seal]\nkind = "key-file"\npath = "k"\nmode = 1\n', None, "unknown field `mode`"),
    ('plain-http-beyond-loopback = "yes"\n', 1, "invalid type: string"),
    ('data = "a"\ndata = "b"\n', 2, "duplicate key"),
    ("data = \n", 1, ""),
    ("\x00\n", 1, ""),
]


@pytest.mark.parametrize(("text", "line", "message"), CONFIGURATIONS, ids=[text for text, _, _ in CONFIGURATIONS])
def test_mistakes_in_the_configuration_are_named_with_their_line(fresh, text, line, message):
    path = fresh.directory / "fastness.toml"
    path.write_text(text)
    for command in ("serve", "env", "status", "init"):
        done = fresh.run(command, "--config", str(path), check=False)
        failed(done, f"{path}:{line or ''}", message)
    assert not fresh.data.exists()


def test_a_configuration_is_followed(fresh):
    path, key = fresh.directory / "fastness.toml", fresh.directory / "elsewhere.key"
    path.write_text(
        f'data = "{fresh.data}"\nlisten = "127.0.0.1:4567"\n'
        f'[seal]\nkind = "key-file"\npath = "{key}"\n[log]\nformat = "text"\nlevel = "debug"\n'
    )
    fresh.run("init", "--config", str(path))
    assert key.stat().st_size == 32 and not (fresh.directory / "config").exists()
    assert "AWS_ENDPOINT_URL='http://127.0.0.1:4567'" in fresh.run("env", "--config", str(path)).stdout
    fresh.serve("--config", str(path))
    fresh.root().sts.get_caller_identity()
    assert not fresh.log.read_text().startswith("{")
    failed(fresh.run("env", "--config", str(fresh.directory / "absent"), check=False), "absent", code=(3,))


def refuses(deployment, *texts):
    for command in ("serve", "env"):
        arguments = ["--listen", "127.0.0.1:0"] if command == "serve" else []
        failed(deployment.run(command, "--data", str(deployment.data), *arguments, check=False), *texts, code=(1, 6))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_an_exposed_key_file_is_refused(copy, mode):
    key_file(copy).chmod(mode)
    refuses(copy, "key file", key_file(copy).name)
    key_file(copy).chmod(0o600)
    assert copy.exports["AWS_ACCESS_KEY_ID"].startswith("AKIA")


def test_a_key_file_beside_the_data_is_refused(copy, fresh):
    inside = copy.data / "the.key"
    shutil.copy(key_file(copy), inside)
    copy.environment["FASTNESS_KEY_FILE"] = str(inside)
    refuses(copy, "key file")
    link = copy.directory / "link.key"
    link.symlink_to(inside)
    copy.environment["FASTNESS_KEY_FILE"] = str(link)
    refuses(copy, "key file")
    failed(init(fresh, "--key-file", str(fresh.data / "the.key"), check=False))


def test_a_wrong_or_absent_key_file_is_refused(copy):
    key = key_file(copy)
    right = key.read_bytes()
    for wrong in (os.urandom(32), right[:-1] + bytes([right[-1] ^ 1])):
        key.write_bytes(wrong)
        refuses(copy)
    for wrong in (b"", right[:31], right + b"\n"):
        key.write_bytes(wrong)
        refuses(copy, "key file")
    key.unlink()
    refuses(copy, "key file")
    key.write_bytes(right)
    key.chmod(0o600)
    assert copy.exports["AWS_ACCESS_KEY_ID"].startswith("AKIA")


@pytest.mark.parametrize("file", ["keyring.json", "deployment.json", "root-credentials.sealed"])
def test_a_damaged_file_is_refused_by_name(copy, file):
    path = copy.data / file
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    failed(copy.run("env", "--data", str(copy.data), check=False), code=(5,))
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    failed(copy.run("env", "--data", str(copy.data), check=False), code=(5,))
    path.write_bytes(whole)
    assert copy.exports["AWS_ACCESS_KEY_ID"].startswith("AKIA")


def test_a_passphrase_opens_what_it_sealed(fresh):
    fresh.environment["FASTNESS_PASSPHRASE"] = PASSPHRASE
    assert "seal      passphrase" in init(fresh).stdout
    assert not (fresh.directory / "config").exists()
    fresh.serve().root().sts.get_caller_identity()
    fresh.stop()
    fresh.environment["FASTNESS_PASSPHRASE"] = PASSPHRASE + "!"
    refuses(fresh)
    del fresh.environment["FASTNESS_PASSPHRASE"]
    failed(fresh.run("env", "--data", str(fresh.data), check=False), "FASTNESS_PASSPHRASE", "--passphrase-file", code=(6,))
    path = fresh.directory / "passphrase"
    path.write_text(f"{PASSPHRASE}\nnot this line\n")
    path.chmod(0o640)
    fresh.environment["FASTNESS_PASSPHRASE_FILE"] = str(path)
    failed(fresh.run("env", "--data", str(fresh.data), check=False), "has mode 0640", code=(6,))
    path.chmod(0o600)
    assert fresh.exports["AWS_ACCESS_KEY_ID"].startswith("AKIA")
    assert PASSPHRASE.encode() not in b"".join(p.read_bytes() for p in fresh.data.rglob("*") if p.is_file())


def test_two_servers_on_one_data_directory_are_one_too_many(copy):
    root = copy.serve().root()
    failed(copy.run("serve", "--data", str(copy.data), "--listen", "127.0.0.1:0", check=False))
    root.sts.get_caller_identity()
    assert copy.run("status", "--data", str(copy.data)).stdout.count(copy.endpoint) == 1


def test_an_address_in_use_is_refused(copy):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = copy.run("serve", "--data", str(copy.data), "--listen", address, check=False)
    assert done.returncode == 1 and address in done.stderr and done.stdout == ""


def test_plain_http_stays_at_home(copy):
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:4566"):
        failed(
            copy.run("serve", "--data", str(copy.data), "--listen", address, check=False),
            "not a loopback address",
            "--tls",
            "--plain-http-beyond-loopback",
        )
    arguments = ["serve", "--data", str(copy.data), "--listen", "0.0.0.0:0", "--plain-http-beyond-loopback"]
    with open(copy.directory / "log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [binary(), *arguments], env=copy.environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout.readline().startswith("Fastness serves http://0.0.0.0:")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0 and "beyond loopback" in (copy.directory / "log").read_text()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_open_requests_end(copy, how):
    root = copy.serve().root()
    request = json_call(root, "kms", "CreateKey")
    data = request.bytes()
    idle = connect(copy.endpoint)
    with connect(copy.endpoint) as connection:
        connection.sendall(data[:-1])
        # The server has the request before it is told to stop, once it has answered on a connection made later.
        root.sts.get_caller_identity()
        copy.process.send_signal(how)
        wait_for(lambda: "stopping" in copy.log.read_text())
        connection.sendall(data[-1:])
        answer = connection.recv(100_000).decode()
    assert answer.startswith("HTTP/1.1 200"), answer
    made = json.loads(answer.partition("\r\n\r\n")[2])["KeyMetadata"]["KeyId"]
    idle.close()
    assert copy.process.wait(timeout=30) == 0
    copy.close()
    root = copy.serve().root()
    assert [key["KeyId"] for key in root.kms.list_keys()["Keys"]] == [made]


def test_logs_are_json_and_hold_no_secrets(copy):
    root = copy.serve().root()
    user = root.user("logged", allow("*"))
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    user.kms.encrypt(KeyId=key, Plaintext=b"never in a log")
    copy.stop()
    lines = copy.logs()
    assert [line["message"] for line in lines if line["message"] in ("serving", "stopped")] == ["serving", "stopped"]
    text = copy.log.read_text()
    for secret in (root.secret, user.secret, "never in a log"):
        assert secret not in text


def forms(secret):
    """How a secret could show: as it is, in base64 of any alignment, in hexadecimal, as JSON escapes it."""
    raw = secret.encode() if isinstance(secret, str) else secret
    yield raw
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + raw)
        yield whole[4 if shift else 0 : len(whole) - 8]
    yield raw.hex().encode()
    yield json.dumps(raw.decode("latin-1"))[1:-1].encode()


def test_nothing_lies_in_the_clear(copy):
    root = copy.serve().root()
    kms, iam, sts = root.kms, root.iam, root.sts
    account = sts.get_caller_identity()["Account"]
    policy = document(allow("s3:GetObject", "arn:aws:s3:::the-bucket-of-nobody/*", Sid="SidOfASecretPolicy"))
    trust = document(
        {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole", "Sid": "SidOfTheTrustPolicy"}
    )
    key = kms.create_key(
        Description="a description that nobody should read",
        Tags=[{"TagKey": "key-tag-of-ours", "TagValue": "value-of-our-key-tag"}],
    )["KeyMetadata"]["KeyId"]
    data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]
    sealed = kms.encrypt(
        KeyId=key,
        Plaintext=b"the plaintext of the matter",
        EncryptionContext={"context-key": "context-value-of-a-call"},
    )
    kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"context-key": "context-value-of-a-call"})
    random = kms.generate_random(NumberOfBytes=64)["Plaintext"]
    user = root.user("open-name", allow("kms:Decrypt", Sid="SidOfAnInlinePolicy"))
    iam.tag_user(UserName="open-name", Tags=[{"Key": "user-tag-of-ours", "Value": "value-of-our-user-tag"}])
    iam.create_policy(PolicyName="open-policy", PolicyDocument=policy, Description="the description of a policy")
    role = iam.create_role(
        RoleName="open-role", AssumeRolePolicyDocument=trust, Description="the description of a role"
    )
    admin = root.user("open-admin", allow("*"))
    session = admin.sts.assume_role(
        RoleArn=role["Role"]["Arn"], RoleSessionName="session-name-in-the-trail", Policy=policy
    )["Credentials"]
    Caller.of(copy, session).sts.get_caller_identity()
    secrets = [
        "a description that nobody should read",
        "value-of-our-key-tag",
        "key-tag-of-ours",
        data_key,
        random,
        "the plaintext of the matter",
        "context-value-of-a-call",
        user.secret,
        admin.secret,
        root.secret,
        "SidOfASecretPolicy",
        "the-bucket-of-nobody",
        "SidOfTheTrustPolicy",
        "SidOfAnInlinePolicy",
        "value-of-our-user-tag",
        "user-tag-of-ours",
        "the description of a policy",
        "the description of a role",
        session["SecretAccessKey"],
        session["SessionToken"],
        "session-name-in-the-trail",
        "GetCallerIdentity",
        "AwsApiCall",
        "Botocore/",
        key_file(copy).read_bytes(),
    ]

    def search(moment):
        files = [path for path in copy.data.rglob("*") if path.is_file()]
        # Names of rows are in the clear: if this one were not found, neither would be anything else.
        assert any(b"open-name" in path.read_bytes() for path in files)
        for path in files:
            content = path.read_bytes()
            for secret in secrets:
                for form in forms(secret):
                    assert form not in content, f"{secret!r} lies open in {path.name} {moment}"

    search("while it is served")
    copy.kill()
    search("after a crash")
    copy.serve()
    assert copy.root().kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == secrets[0]
    copy.stop()
    search("after a clean stop")


def test_many_callers_at_once(copy):
    """Clients on many connections, of which each makes and uses a key of its own."""
    root = copy.serve().root()
    root.client("kms")
    clients = [root.client("kms") for _ in range(16)]
    failures = []

    def work(kms, number):
        try:
            key = kms.create_key()["KeyMetadata"]["KeyId"]
            for turn in range(20):
                plaintext = f"{number} {turn}".encode()
                blob = kms.encrypt(KeyId=key, Plaintext=plaintext)["CiphertextBlob"]
                assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == plaintext
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(kms, number)) for number, kms in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not failures and len(root.kms.list_keys()["Keys"]) == 16
