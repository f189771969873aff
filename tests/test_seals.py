"""What opens the keyring: tokens, another key management service, credentials, files, shares; and a new root key under way."""

import base64
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
from botocore.exceptions import ClientError
from conftest import Caller, Fastness, allow, binary, document, events, refused, wait_for
from softhsm import HangingHsm, softhsm

PIN = "4711-pin-of-the-token"


def command(fastness, *args, check=True, text=None):
    """A command of the operator, with what is typed in."""
    done = subprocess.run(
        [binary(), *args, "--data", str(fastness.data)],
        env=fastness.environment,
        input=text or "",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def configure(fastness, *tables, process=""):
    """Writes the configuration, which every command reads from then on."""
    path = fastness.directory / "fastness.toml"
    path.write_text("\n".join([*(f"[[seal]]\n{table}" for table in tables), process]))
    fastness.environment["FASTNESS_CONFIG"] = str(path)


def private(path, text):
    """A file for its owner alone."""
    path.touch(mode=0o600)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def callers(fastness, exports):
    return Caller(fastness, exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"])


def is_sealed(fastness):
    caller = Caller(fastness, "AKIAAAAAAAAAAAAAAAAA", "A" * 40)
    with pytest.raises(ClientError) as caught:
        caller.kms.list_keys()
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def seals_and_opens(fastness):
    """Encrypts, has the server killed and started again, and decrypts."""
    root = fastness.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    fastness.kill()
    fastness.serve()
    assert fastness.root().kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"


def secrets_of(fastness):
    """All that was logged."""
    return "".join(path.read_text() for path in fastness.directory.glob("log-*"))


# A hardware security module.


class Token:
    """A token of SoftHSM in a directory of its own."""

    def __init__(self, directory):
        (directory / "tokens").mkdir()
        self.configuration = directory / "softhsm2.conf"
        self.configuration.write_text(f"directories.tokendir = {directory / 'tokens'}\nlog.level = ERROR\n")
        self.module = softhsm() / "usr/lib/softhsm/libsofthsm2.so"
        self.pin = private(directory / "pin", PIN + "\n")
        self.util("--init-token", "--free", "--label", "fastness", "--pin", PIN, "--so-pin", "so-pin-4711")

    def util(self, *args):
        subprocess.run(
            [softhsm() / "usr/bin/softhsm2-util", "--module", self.module, *args],
            env={**os.environ, "SOFTHSM2_CONF": str(self.configuration)},
            check=True,
            capture_output=True,
        )

    def configure(self, fastness, *tables, **change):
        """Names the token, and lets the process reach what the module reads and writes."""
        # The module that is configured is within reach without saying so; the one that comes in its place is not.
        module = [str(self.module.resolve().parent)] if "module" in change else []
        reach = f"read = {json.dumps([str(self.configuration), *module])}\n"
        reach += f"write = {json.dumps([str(self.configuration.parent / 'tokens')])}\n"
        configure(fastness, *tables, self.table(**change), process=f"[process]\n{reach}")

    def table(self, **change):
        settings = {"module": str(self.module), "pin": str(self.pin), "label": "fastness", **change}
        return (
            f'kind = "pkcs11"\nmodule = "{settings["module"]}"\ntoken = {{ label = "{settings["label"]}" }}\n'
            f'pin = {{ path = "{settings["pin"]}" }}\n'
        )


@pytest.fixture
def token(tmp_path):
    return Token(tmp_path)


def test_a_token_opens_it_by_itself(fresh, token):
    fresh.environment["SOFTHSM2_CONF"] = str(token.configuration)
    token.configure(fresh)
    told = command(fresh, "init").stdout
    assert "key `fastness-root` of the PKCS#11 token `fastness`" in told
    assert not (fresh.directory / "config").exists(), "no key file is made"
    fresh.serve()
    seals_and_opens(fresh)
    assert "slot 0    key `fastness-root` of the PKCS#11 token `fastness`" in command(fresh, "status").stdout
    assert command(fresh, "slots", "verify").stdout == "0    pkcs11     opens\n"
    assert PIN not in secrets_of(fresh) + (fresh.data / "keyring.json").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"module": "/nowhere/module.so"}, "cannot load the PKCS#11 module `/nowhere/module.so`"),
        ({"label": "another"}, "there is no token with label `another`"),
        ({"pin": "wrong"}, "the token refuses the PIN; it is not tried again"),
    ],
    ids=["module", "token", "pin"],
)
def test_without_its_token_it_waits(fresh, token, change, words):
    fresh.environment["SOFTHSM2_CONF"] = str(token.configuration)
    token.configure(fresh)
    command(fresh, "init")
    if "pin" in change:
        change = {"pin": private(fresh.directory / "wrong-pin", "not the PIN")}
    token.configure(fresh, **change)
    fresh.serve()
    assert is_sealed(fresh)
    assert words in fresh.log.read_text() and "not the PIN" not in fresh.log.read_text()
    again = command(fresh, "unseal", check=False)
    assert again.returncode == 6 and words in again.stderr
    # What is put right is taken up without a new start.
    token.configure(fresh)
    command(fresh, "unseal")
    fresh.root().kms.list_keys()


def test_a_token_that_hangs_is_not_waited_for_for_ever(fresh, token, tmp_path):
    hung = tmp_path / "hung"
    hung.mkdir()
    device = HangingHsm(hung)
    fresh.environment |= {**device.environment, "SOFTHSM2_CONF": str(token.configuration)}
    token.configure(fresh, module=device.module)
    command(fresh, "init")
    with device.hanging():
        # It listens meanwhile, as for any other answer that is not there yet.
        fresh.serve()
        assert is_sealed(fresh)
        wait_for(lambda: "the token does not answer within 10 seconds" in fresh.log.read_text(), seconds=30)
        again = command(fresh, "unseal", check=False)
        assert again.returncode == 6 and "the token does not answer within" in again.stderr
    # Until a call that was left behind returns, the device is not asked.
    wait_for(lambda: command(fresh, "unseal", check=False).returncode == 0)
    fresh.root().kms.list_keys()


# Another key management service.


class Remote:
    """A second Fastness with a key, and a user who may use it for the first one's keyring."""

    def __init__(self, directory):
        directory.mkdir()
        self.fastness = Fastness(directory).serve()
        self.root = self.fastness.root()
        self.arn = self.root.kms.create_key(Description="opens another")["KeyMetadata"]["Arn"]
        names = {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["fastness:keyring", "fastness:slot"]}}
        self.user = self.root.user("opener", allow(["kms:Encrypt", "kms:Decrypt"], self.arn, Condition=names))
        self.credentials = private(
            directory / "aws.env",
            f"# of the user opener\nAWS_ACCESS_KEY_ID={self.user.key}\nAWS_SECRET_ACCESS_KEY='{self.user.secret}'\n",
        )

    def table(self, **change):
        settings = {"endpoint": self.fastness.endpoint, "region": "us-east-1", "key": self.arn, **change}
        lines = [f'{name} = "{value}"' for name, value in settings.items()]
        return "\n".join(
            ['kind = "kms"', *lines, f'credentials = {{ environment-file = "{self.credentials}" }}', ""]
        )


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    made = Remote(tmp_path_factory.mktemp("remote") / "second")
    yield made
    made.fastness.stop()


def test_another_fastness_opens_it_by_itself(fresh, remote):
    configure(fresh, remote.table())
    assert f"KMS key {remote.arn}" in command(fresh, "init").stdout
    fresh.serve()
    seals_and_opens(fresh)
    identity = json.loads((fresh.data / "keyring.json").read_text())["keyring"]["id"]
    calls = [e for e in events(remote.root) if e["userIdentity"].get("userName") == "opener"]
    assert {e["eventName"] for e in calls} == {"Encrypt", "Decrypt"}
    for event in calls:
        context = event["requestParameters"]["encryptionContext"]
        assert context == {"fastness:keyring": identity, "fastness:slot": "0"}
    assert remote.user.secret not in secrets_of(fresh)
    assert "RemoteKey" not in (fresh.data / "keyring.json").read_text()


class Liar(http.server.BaseHTTPRequestHandler):
    """A key management service that answers Decrypt with some key."""

    def do_POST(self):
        body = json.dumps({"KeyId": "arn:aws:kms:us-east-1:111122223333:key/k", "Plaintext": base64.b64encode(b"x" * 32).decode()})
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def test_a_service_that_answers_with_another_key_stands_in_nobodys_way(fresh, remote):
    configure(fresh, remote.table())
    command(fresh, "init")
    spare = fresh.directory / "spare.key"
    command(fresh, "slots", "add", "--new-key-file", str(spare))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar) as liar:
        threading.Thread(target=liar.serve_forever, daemon=True).start()
        lying = remote.table(endpoint=f"http://127.0.0.1:{liar.server_port}")
        configure(fresh, lying)
        fresh.serve()
        assert is_sealed(fresh) and "slot 0: the kms seal cannot be used: it answers with another key" in fresh.log.read_text()
        fresh.stop()
        configure(fresh, lying, f'kind = "key-file"\npath = "{spare}"\n')
        fresh.serve().root().kms.list_keys()
        fresh.stop()
        liar.shutdown()


def test_a_remote_key_that_is_disabled_keeps_it_sealed(fresh, remote):
    configure(fresh, remote.table())
    fresh.serve()
    fresh.stop()
    remote.root.kms.disable_key(KeyId=remote.arn)
    try:
        fresh.serve()
        assert is_sealed(fresh)
        assert "DisabledException (400)" in fresh.log.read_text()
        failed = command(fresh, "unseal", check=False)
        assert failed.returncode == 6 and "refused Decrypt: DisabledException" in failed.stderr
    finally:
        remote.root.kms.enable_key(KeyId=remote.arn)
    command(fresh, "unseal")
    fresh.root().kms.list_keys()


def test_a_service_that_is_away_is_tried_again_and_then_waited_for(fresh, remote):
    configure(fresh, remote.table())
    command(fresh, "init")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        nowhere = f"http://127.0.0.1:{gone.getsockname()[1]}"
    configure(fresh, remote.table(endpoint=nowhere))
    fresh.serve()
    assert is_sealed(fresh)
    log = fresh.logs()
    again = [line for line in log if "trying again" in line["message"]]
    assert len(again) == 3 and all("cannot be reached" in line["error"] for line in again)
    fresh.stop()
    configure(fresh, remote.table())
    fresh.serve().root().kms.list_keys()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"endpoint": "http://192.0.2.1:80"}, "does not go over plain HTTP to http://192.0.2.1:80"),
        ({"endpoint": "ftp://127.0.0.1"}, "is not the address of a service"),
        ({"endpoint": "https://user@127.0.0.1"}, "is not the address of a service"),
        ({"region": "eu-central-1"}, "NotFoundException"),
        ({"key": "alias/none"}, "refused Encrypt"),
    ],
    ids=["plain", "scheme", "user", "region", "key"],
)
def test_a_service_that_is_wrong_is_named(fresh, remote, change, words):
    configure(fresh, remote.table(**change))
    done = command(fresh, "init", check=False)
    assert done.returncode == 1 and words in done.stderr, done.stderr


def test_what_another_key_encrypted_does_not_open(fresh, remote):
    """The configured key is asked, not the one that the keyring file names."""
    other = remote.root.kms.create_key()["KeyMetadata"]["Arn"]
    remote.root.iam.put_user_policy(
        UserName="opener", PolicyName="second", PolicyDocument=document(allow("kms:*", other))
    )
    configure(fresh, remote.table())
    command(fresh, "init")
    configure(fresh, remote.table(key=other))
    done = command(fresh, "serve", "--listen", "127.0.0.1:0", check=False)
    assert done.returncode == 6 and "the kms does not fit slot 0" in done.stderr


class Tls:
    """TLS in front of a server, with a certificate that an authority of its own issued."""

    def __init__(self, directory, address):
        self.authority = directory / "ca.pem"
        openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subject = ["-subj", "/CN=test authority", "-keyout", directory / "ca.key", "-out", self.authority]
        subprocess.run([*openssl, "-days", "2", *subject], check=True, capture_output=True)
        leaf = ["-keyout", directory / "leaf.key", "-out", directory / "leaf.pem", "-subj", "/CN=localhost"]
        issued = ["-CA", self.authority, "-CAkey", directory / "ca.key", "-addext", "subjectAltName=DNS:localhost"]
        issued += ["-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run([*openssl, "-days", "2", *leaf, *issued], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "leaf.pem", directory / "leaf.key")
        self.listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.port, self.address = self.listener.getsockname()[1], address
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            server = socket.create_connection(self.address)
            threading.Thread(target=self.pass_on, args=(client, server), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(server, client), daemon=True).start()

    @staticmethod
    def pass_on(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.close()
        except OSError:
            pass


def test_over_tls_only_a_trusted_service_is_asked(fresh, remote, tmp_path):
    host, port = remote.fastness.endpoint.removeprefix("http://").split(":")
    tls = Tls(tmp_path, (host, int(port)))
    endpoint = f"https://localhost:{tls.port}"
    configure(fresh, remote.table(**{"endpoint": endpoint, "ca-file": tls.authority}))
    fresh.serve()
    seals_and_opens(fresh)
    fresh.stop()
    other = tmp_path / "other"
    other.mkdir()
    stranger = Tls(other, (host, int(port)))
    configure(fresh, remote.table(**{"endpoint": endpoint, "ca-file": stranger.authority}))
    fresh.serve()
    assert is_sealed(fresh) and "invalid peer certificate" in fresh.log.read_text()
    configure(fresh, remote.table(**{"endpoint": f"https://127.0.0.1:{tls.port}", "ca-file": tls.authority}))
    assert "invalid peer certificate" in command(fresh, "env", check=False).stderr, "of another name"


# Keys from elsewhere than a key file.


def test_a_systemd_credential_opens_it(fresh):
    directory = fresh.directory / "credentials"
    directory.mkdir()
    credential = directory / "fastness-root-key"
    credential.write_text(os.urandom(32).hex() + "\n")
    credential.chmod(0o440)  # As systemd shows one that a service of another user may read.
    fresh.environment["CREDENTIALS_DIRECTORY"] = str(directory)
    command(fresh, "init")
    assert not (fresh.directory / "config").exists()
    fresh.serve()
    seals_and_opens(fresh)
    fresh.stop()
    credential.chmod(0o444)
    done = command(fresh, "serve", "--listen", "127.0.0.1:0", check=False)
    assert done.returncode == 6 and "has mode 0444" in done.stderr
    del fresh.environment["CREDENTIALS_DIRECTORY"]
    fresh.serve()
    assert is_sealed(fresh)
    assert "name nothing that opens this deployment" in fresh.log.read_text()


@pytest.mark.parametrize(
    ("kind", "line"),
    [("key-file", f"FASTNESS_KEY={'5a' * 32}"), ("passphrase", "FASTNESS_PASSPHRASE='correct horse battery staple'")],
)
def test_an_environment_file_opens_it(fresh, kind, line):
    path = private(fresh.directory / "fastness.env", f"# kept apart\n{line}\n")
    configure(fresh, f'kind = "{kind}"\nenvironment-file = "{path}"\n')
    fresh.serve()
    assert fresh.root().kms.list_keys()["Keys"] == []
    path.chmod(0o644)
    done = command(fresh, "env", check=False)
    assert done.returncode == 6 and "has mode 0644" in done.stderr


def test_a_key_in_the_data_directory_is_refused(fresh):
    fresh.data.parent.mkdir(exist_ok=True)
    path = private(fresh.directory / "fastness.env", f"FASTNESS_KEY={'5a' * 32}\n")
    configure(fresh, f'kind = "key-file"\nenvironment-file = "{path}"\n')
    command(fresh, "init")
    shutil.move(path, fresh.data / "fastness.env")
    configure(fresh, f'kind = "key-file"\nenvironment-file = "{fresh.data / "fastness.env"}"\n')
    done = command(fresh, "env", check=False)
    assert done.returncode == 1 and "lies in the data directory" in done.stderr


# Shares.


def shares_in(text):
    return re.findall(r"^  (FSS1-[0-9A-F-]+)$", text, re.MULTILINE)


def test_any_k_of_n_shares_unseal(fresh):
    told = command(fresh, "init", "--shamir", "3-of-5").stdout
    shares = shares_in(told)
    assert len(shares) == 5 and not (fresh.directory / "config").exists()
    exports = dict(re.findall(r"^export (\w+)='(.*)'$", command(fresh, "env", "--shares", text="\n".join(shares)).stdout, re.MULTILINE))
    fresh.serve()
    assert is_sealed(fresh) and "fastness unseal --shares" in fresh.log.read_text()
    # One holder after the other.
    for number, share in enumerate(shares[1:3], 1):
        done = command(fresh, "unseal", "--shares", check=False, text=share.lower().replace("-", " ") + "\n")
        assert done.returncode == 4 and f"{number} of 3 shares were given" in done.stderr
    assert "share 3 was given already" in command(fresh, "unseal", "--shares", check=False, text=shares[2]).stderr
    typo = shares[4][:-1] + ("0" if shares[4][-1] != "0" else "1")
    assert "mistyped" in command(fresh, "unseal", "--shares", check=False, text=typo).stderr
    assert is_sealed(fresh)
    assert "Unsealed" in command(fresh, "unseal", "--shares", text=shares[4]).stdout
    root = callers(fresh, exports)
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    command(fresh, "seal")
    assert is_sealed(fresh)
    # After a seal they start from none.
    done = command(fresh, "unseal", "--shares", check=False, text=shares[0])
    assert done.returncode == 4 and "1 of 3" in done.stderr
    command(fresh, "unseal", "--shares", text="\n".join(shares[3:]))
    root.kms.describe_key(KeyId=key)
    log = secrets_of(fresh)
    assert not any(share in log or share.replace("-", "") in log for share in shares)


def test_shares_of_two_sets_do_not_mix(fresh, tmp_path_factory):
    ours = shares_in(command(fresh, "init", "--shamir", "2-of-2").stdout)
    other = Fastness(tmp_path_factory.mktemp("other"))
    theirs = shares_in(command(other, "init", "--shamir", "2-of-2").stdout)
    fresh.serve()
    mixed = command(fresh, "unseal", "--shares", check=False, text=f"{ours[0]}\n{theirs[1]}")
    assert mixed.returncode == 6 and "do not open this deployment: `fastness status` tells which sets do" in mixed.stderr
    command(fresh, "unseal", "--shares", text=ours[1])
    command(fresh, "seal")
    command(fresh, "unseal", "--shares", text="\n".join(ours))


def test_old_shares_and_those_of_nobody_are_refused_at_once(fresh):
    old = shares_in(command(fresh, "init", "--shamir", "2-of-3").stdout)
    nobody = command(fresh, "unseal", "--shares", check=False)
    assert nobody.returncode == 3 and "no server is running here" in nobody.stderr
    fresh.serve()
    command(fresh, "unseal", "--shares", text="\n".join(old))
    again = command(fresh, "unseal", "--shares", check=False)
    assert again.returncode == 1 and "it is not sealed" in again.stderr
    new = shares_in(command(fresh, "rekey", "--shamir", "2-of-3").stdout)
    assert len(new) == 3
    command(fresh, "seal")
    refusal = command(fresh, "unseal", "--shares", check=False, text=old[0])
    assert refusal.returncode == 6 and "do not open this deployment" in refusal.stderr
    # The right ones are taken all the same.
    command(fresh, "unseal", "--shares", text="\n".join(new[1:]))
    fresh.stop()


def test_shares_are_refused_where_none_open(fresh, tmp_path_factory):
    other = Fastness(tmp_path_factory.mktemp("other"))
    share = shares_in(command(other, "init", "--shamir", "2-of-2").stdout)[0]
    fresh.serve()
    command(fresh, "seal")
    refusal = command(fresh, "unseal", "--shares", check=False, text=share)
    assert refusal.returncode == 6 and "it has no slot of kind shamir" in refusal.stderr
    command(fresh, "unseal")


@pytest.mark.parametrize("split", ["1-of-3", "4-of-3", "2-of-17", "3", "3of5"])
def test_impossible_splits_are_refused(fresh, split):
    done = command(fresh, "init", "--shamir", split, check=False)
    assert done.returncode == 2 and "3-of-5" in done.stderr and not fresh.data.exists()


def test_one_key_has_one_slot(fresh):
    command(fresh, "init")
    spare = str(fresh.directory / "spare.key")
    assert command(fresh, "slots", "add", "--new-key-file", spare).stdout == "Added slot 1.\n"
    again = command(fresh, "slots", "add", "--new-key-file", spare, check=False)
    assert again.returncode == 1 and "the new key-file opens slot 1 already" in again.stderr
    assert len(command(fresh, "slots", "list").stdout.splitlines()) == 2


def test_recovery_shares_stand_in_for_a_lost_key_file(fresh):
    fresh.serve()
    root = fresh.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    shares = shares_in(command(fresh, "slots", "add", "--shamir", "2-of-3").stdout)
    listed = command(fresh, "slots", "list").stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [["0", "key-file"], ["1", "shamir"]]
    before = (fresh.data / "keyring.json").read_bytes()
    drill = command(fresh, "slots", "verify").stdout
    assert drill == "0    key-file   opens\n1    shamir     not tried: its seal is not at hand\n"
    drill = command(fresh, "slots", "verify", "--shares", text="\n".join(shares[:2])).stdout
    assert drill == "0    key-file   opens\n1    shamir     opens\n"
    assert (fresh.data / "keyring.json").read_bytes() == before
    fresh.stop()
    (key_file,) = (fresh.directory / "config" / "fastness").iterdir()
    key_file.unlink()
    assert command(fresh, "slots", "verify", check=False).returncode == 6
    fresh.serve()
    assert is_sealed(fresh) and "also opened by shares" in fresh.log.read_text()
    command(fresh, "unseal", "--shares", text="\n".join(shares[1:]))
    Caller(fresh, root.key, root.secret).kms.describe_key(KeyId=key)
    # A new key file takes the place of the lost one, wherever it is.
    lines = "\n".join(shares[1:])
    (fresh.directory / "elsewhere").mkdir()
    new = fresh.directory / "elsewhere" / "new.key"
    command(fresh, "rekey", "--shares", "--new-key-file", str(new), text=lines)
    command(fresh, "seal")
    command(fresh, "unseal", "--key-file", str(new))
    fresh.stop()
    fresh.serve()
    root = fresh.root()
    root.kms.describe_key(KeyId=key)
    names = [e["eventName"] for e in events(root) if e["eventSource"] == "fastness.amazonaws.com"]
    assert names == ["Unseal", "Seal", "Rekey", "Unseal", "AddSlots"]


def test_a_backup_is_restored_with_shares_alone(fresh):
    fresh.serve()
    root = fresh.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    shares = shares_in(command(fresh, "slots", "add", "--shamir", "2-of-3").stdout)
    path = str(fresh.directory / "one.backup")
    command(fresh, "backup", "--to", path)
    fresh.stop()
    shreds = str(shutil.copy(fresh.data / "keyring.shreds", fresh.directory))
    shutil.rmtree(fresh.data)
    shutil.rmtree(fresh.directory / "config")
    without = command(fresh, "restore", "--from", path, "--shreds", shreds, check=False)
    assert without.returncode == 6 and "its keyring does not open" in without.stderr
    lines = "\n".join(shares[:2])
    command(fresh, "restore", "--from", path, "--shreds", shreds, "--shares", text=lines)
    assert "whole" in command(fresh, "verify", "--shares", text=lines).stdout
    fresh.serve()
    command(fresh, "unseal", "--shares", text=lines)
    again = Caller(fresh, root.key, root.secret)
    assert again.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"


# Slots and a new root key.


def test_the_last_slot_stays(fresh):
    command(fresh, "init")
    done = command(fresh, "slots", "remove", "0", check=False)
    assert done.returncode == 1 and "the last slot" in done.stderr
    assert "no slot 7" in command(fresh, "slots", "remove", "7", check=False).stderr
    private(fresh.directory / "phrase", "correct horse battery staple\n")
    command(fresh, "slots", "add", "--new-passphrase-file", str(fresh.directory / "phrase"))
    command(fresh, "slots", "remove", "0", "--passphrase-file", str(fresh.directory / "phrase"))
    assert command(fresh, "slots", "list").stdout == "1    passphrase passphrase\n"


def test_a_configured_seal_is_given_a_slot(fresh, token):
    command(fresh, "init")
    (key_file,) = (fresh.directory / "config" / "fastness").iterdir()
    fresh.environment["SOFTHSM2_CONF"] = str(token.configuration)
    token.configure(fresh, f'kind = "key-file"\npath = "{key_file}"\n')
    fresh.serve()
    assert "Added slot 1." in command(fresh, "slots", "add").stdout
    assert "already" in command(fresh, "slots", "add", check=False).stderr
    # From now on the token alone opens it.
    token.configure(fresh)
    lost = command(fresh, "rekey", check=False)
    assert lost.returncode == 1 and "slot 0 (key-file) would be lost" in lost.stderr
    assert "dropped   0" in command(fresh, "rekey", "--drop", "0").stdout
    seals_and_opens(fresh)
    done = command(fresh, "slots", "verify", "--key-file", str(key_file), check=False)
    assert done.returncode == 6 and "pkcs11     not tried" in done.stdout


def test_rekeying_interrupts_nobody(fresh):
    fresh.serve()
    root = fresh.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    first = root.kms.encrypt(KeyId=key, Plaintext=b"first")["CiphertextBlob"]
    (old_key,) = (fresh.directory / "config" / "fastness").iterdir()
    shutil.copy(fresh.data / "keyring.json", fresh.directory / "stolen.json")
    done, failures, counts = threading.Event(), [], []

    def work():
        kms, count = root.client("kms"), 0
        try:
            while not done.is_set():
                blob = kms.encrypt(KeyId=key, Plaintext=b"under way")["CiphertextBlob"]
                assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"under way"
                kms.tag_resource(KeyId=key, Tags=[{"TagKey": f"{threading.get_ident()}", "TagValue": f"{count}"}])
                count += 1
        except Exception as error:  # noqa: BLE001
            failures.append(error)
        counts.append(count)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(5):
        new = fresh.directory / f"{number}.key"
        told = command(fresh, "rekey", "--new-key-file", str(new)).stdout
        assert f"epoch {number + 2}" in told and f"dropped   {number}" in told
    done.set()
    for thread in threads:
        thread.join()
    assert not failures and min(counts) > 0, failures

    assert "generation 6, epoch 6" in command(fresh, "status").stdout
    assert root.kms.decrypt(CiphertextBlob=first)["Plaintext"] == b"first"
    # No flag and no configuration names the new key file.
    seals_and_opens(fresh)
    root = fresh.root()
    assert root.kms.decrypt(CiphertextBlob=first)["Plaintext"] == b"first"
    assert len(root.kms.list_resource_tags(KeyId=key)["Tags"]) == len(threads)
    records = [e for e in events(root) if e["eventName"] == "Rekey"]
    assert len(records) == 5 and records[0]["serviceEventDetails"]["newSeals"] == ["key-file"]
    fresh.stop()
    for stale in [old_key, *(fresh.directory / f"{number}.key" for number in range(4))]:
        done = command(fresh, "env", "--key-file", str(stale), check=False)
        assert done.returncode == 6 and "the key-file does not fit" in done.stderr
    # Whoever kept the old file and its key has an old file: the new one has nothing of it.
    stolen = json.loads((fresh.directory / "stolen.json").read_text())["keyring"]
    now = json.loads((fresh.data / "keyring.json").read_text())["keyring"]
    assert stolen["id"] == now["id"]
    assert not {d["wrapped"] for d in stolen["domains"]} & {d["wrapped"] for d in now["domains"]}


def test_rekeying_while_nobody_serves(fresh):
    command(fresh, "init")
    shares = shares_in(command(fresh, "slots", "add", "--shamir", "2-of-2").stdout)
    lost = command(fresh, "rekey", check=False)
    assert lost.returncode == 1 and "slot 1 (shamir) would be lost" in lost.stderr and "--drop 1" in lost.stderr
    assert "slots     0, 1" in command(fresh, "rekey", "--shares", text="\n".join(shares)).stdout
    told = command(fresh, "rekey", "--shamir", "2-of-3").stdout
    new = shares_in(told)
    assert len(new) == 3 and "dropped   1" in told
    assert command(fresh, "slots", "verify", "--shares", text="\n".join(shares), check=False).returncode == 6
    assert command(fresh, "slots", "verify", "--shares", text="\n".join(new[1:])).stdout.count("opens") == 2
    told = command(fresh, "rekey", "--drop", "0", "--shares", text="\n".join(new)).stdout
    assert "the next start will wait to be unsealed" in told
    fresh.serve()
    assert is_sealed(fresh)
    failed = command(fresh, "rekey", "--shares", check=False, text="\n".join(new))
    assert failed.returncode == 4 and "it is sealed" in failed.stderr
    command(fresh, "unseal", "--shares", text="\n".join(new))


def test_a_rekeying_that_breaks_off_leaves_an_open_door(fresh):
    """Killed at any moment, there is a key file written down that opens the keyring."""
    fresh.serve()
    root = fresh.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    for number in range(6):
        new = str(fresh.directory / f"{number}.key")
        rekeying = subprocess.Popen(
            [binary(), "rekey", "--data", str(fresh.data), "--new-key-file", new],
            env=fresh.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        wait_for(pathlib.Path(new).exists)
        time.sleep(number * 0.004)
        fresh.kill()
        rekeying.communicate(timeout=30)
        fresh.serve()
        fresh.root().kms.describe_key(KeyId=key)
