"""TLS over the wire: with boto3, the AWS CLI and OpenSSL's client; certificates made here and given; proxies in front."""

import base64
import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import SSLError
from certificates import Authority, Pair, openssl
from conftest import Caller, Fastness, allow, binary, deny, record, refused, wait_for
from curl_cffi import requests
from raw import json_call
from test_cli import AWS

HANDSHAKE_ERRORS = (ssl.SSLError, ConnectionError)


def place(endpoint):
    url = urlsplit(endpoint)
    return url.hostname, url.port


def connect(fastness, host="localhost", **how):
    """A TLS connection to the server, checked against its authority as strictly as Python can."""
    context = ssl.create_default_context(cafile=fastness.ca_bundle)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for name, value in how.items():
        context.load_cert_chain(*value) if name == "certificate" else setattr(context, name, value)
    return context.wrap_socket(socket.create_connection(place(fastness.endpoint), timeout=30), server_hostname=host)


def serial(connection):
    return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True))


def call(connection, request):
    """Sends a signed request over a connection that stays open, and reads its answer."""
    connection.sendall(request.bytes())
    response = http.client.HTTPResponse(connection, method=request.method)
    response.begin()
    body = response.read()
    return response.status, body


def s_client(fastness, *args, ca=True):
    """What OpenSSL's client says of a handshake, and whether it came about."""
    host, port = place(fastness.endpoint)
    trust = ["-CAfile", fastness.ca_bundle, "-verify_return_error"] if ca else []
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{host}:{port}", "-verify_ip", host, *trust, *args],
        input=b"",
        capture_output=True,
        timeout=30,
    )
    return done.returncode == 0, done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


def configure(fastness, text):
    path = fastness.directory / "fastness.toml"
    path.write_text(text)
    return ["--config", str(path)]


def given(pair, more=""):
    return f'[tls]\ncertificate = "{pair.certificate}"\nkey = "{pair.key}"\n{more}'


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A deployment made with TLS."""
    deployment = Fastness(tmp_path_factory.mktemp("secure"))
    deployment.told = deployment.run("init", "--data", str(deployment.data), "--tls").stdout
    deployment.serve()
    yield deployment
    deployment.stop()


@pytest.fixture(scope="module")
def secure_root(secure):
    return secure.root()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("server")


@pytest.fixture
def with_given(fresh, authority, pair):
    """A deployment that is shown a given certificate, from files of its own."""
    fresh.pair = Pair(fresh.directory / "chain.pem", fresh.directory / "key.pem")
    shutil.copy(pair.certificate, fresh.pair.certificate)
    shutil.copy(pair.key, fresh.pair.key)
    fresh.ca_bundle = str(authority.certificate)
    return fresh


def test_boto3_and_what_is_recorded(secure, secure_root):
    answer = secure_root.kms.create_key()
    details = record(secure_root, answer["ResponseMetadata"]["RequestId"])["tlsDetails"]
    host = urlsplit(secure.endpoint).netloc
    assert details == {
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_256_GCM_SHA384",
        "clientProvidedHostHeader": host,
        "keyExchange": "x25519",
    }


def test_the_key_exchange_resists_quantum_computers(secure, secure_root):
    """With a client that offers X25519MLKEM768: curl over BoringSSL, which browsers use."""
    request = json_call(secure_root, "kms", "ListKeys")
    with requests.Session(impersonate="chrome", default_headers=False, verify=secure.ca_bundle) as client:
        answer = client.request(
            request.method,
            secure.endpoint + request.target,
            headers=dict(request.headers),
            data=request.body,
            http_version="v1",
        )
    assert answer.status_code == 200, answer.text
    details = record(secure_root, answer.headers["x-amzn-requestid"])["tlsDetails"]
    assert (details["tlsVersion"], details["keyExchange"]) == ("TLSv1.3", "X25519MLKEM768")


def test_the_cli_with_what_env_exports(secure):
    exports = secure.exports
    assert exports["AWS_ENDPOINT_URL"] == secure.endpoint == f"https://127.0.0.1:{urlsplit(secure.endpoint).port}"
    assert exports["AWS_CA_BUNDLE"] == exports["NODE_EXTRA_CA_CERTS"] == str(secure.data / "ca.pem")
    assert f"AWS_CA_BUNDLE={secure.data / 'ca.pem'}" in secure.told
    command = [AWS, "sts", "get-caller-identity"]
    done = subprocess.run(command, env={**secure.environment, **exports}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and ":root" in done.stdout, done.stderr
    del exports["AWS_CA_BUNDLE"]
    done = subprocess.run(command, env={**secure.environment, **exports}, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "SSL validation failed" in done.stderr, "nobody else vouches for it"


def test_status_finds_it(secure):
    assert f"serving   {secure.endpoint} " in secure.run("status", "--data", str(secure.data)).stdout


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", socket.gethostname().lower()])
def test_names_of_the_certificate(secure, host):
    with connect(secure, host) as connection:
        assert connection.version() == "TLSv1.3"


def test_other_names_are_not_vouched_for(secure):
    for host in ("example.com", "127.0.0.2"):
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(secure, host)


@pytest.mark.parametrize(
    ("arguments", "suite"),
    [
        (["-tls1_3"], "TLS_AES_256_GCM_SHA384"),
        (["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], "TLS_AES_128_GCM_SHA256"),
        (["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], "TLS_CHACHA20_POLY1305_SHA256"),
        (["-tls1_2"], "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ],
    ids=str,
)
def test_what_is_spoken(secure, arguments, suite):
    done, said = s_client(secure, *arguments)
    assert done and "Verify return code: 0 (ok)" in said and suite in said, said


@pytest.mark.parametrize(
    "arguments",
    [
        ["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"],
        ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"],
        ["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
        ["-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"],
        ["-tls1_2", "-cipher", "NULL@SECLEVEL=0"],
        ["-tls1_3", "-groups", "ffdhe2048"],
        ["-alpn", "h2"],
    ],
    ids=str,
)
def test_what_is_not_spoken(secure, arguments):
    done, said = s_client(secure, *arguments)
    assert not done and "alert" in said, said


def test_http_1_1_is_agreed_on(secure):
    _, said = s_client(secure, "-alpn", "h2,http/1.1")
    assert "ALPN protocol: http/1.1" in said


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_are_resumed(secure, version, tmp_path):
    kept = tmp_path / "session"
    host, port = place(secure.endpoint)
    # The tickets of TLS 1.3 come after the handshake: with an answer, at the latest.
    ask = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    base = ["openssl", "s_client", "-connect", f"{host}:{port}", "-CAfile", secure.ca_bundle, version, "-ign_eof"]
    first = subprocess.run([*base, "-sess_out", kept], input=ask, capture_output=True, timeout=30)
    assert kept.exists() and b"New, TLSv1" in first.stdout
    again = subprocess.run([*base, "-sess_in", kept], input=ask, capture_output=True, timeout=30)
    assert b"Reused, TLSv1" in again.stdout, again.stdout.decode()


def test_plain_http_on_the_tls_port_is_told_so(secure, secure_root):
    with socket.create_connection(place(secure.endpoint), timeout=30) as plain:
        plain.sendall(json_call(secure_root, "kms", "ListKeys").bytes())
        answer = b"".join(iter(lambda: plain.recv(4096), b"")).decode()
    assert answer.startswith("HTTP/1.1 400 ") and answer.endswith("use https:// instead of http"), answer
    length = int(re.search(r"Content-Length: (\d+)", answer)[1])
    assert len(answer.partition("\r\n\r\n")[2]) == length


@pytest.mark.parametrize("noise", [b"\x00" * 100, b"\x16\x03\x01\x00\x02hi", b"\xff" * 20_000, b"\x16\x03\x01\xff\xff"])
def test_noise_on_the_tls_port_ends_that_connection_alone(secure, secure_root, noise):
    with socket.create_connection(place(secure.endpoint), timeout=30) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    secure_root.sts.get_caller_identity()


def test_the_keys_lie_apart_from_the_data_and_the_authoritys_is_sealed(secure):
    made = next((secure.directory / "config" / "fastness" / "tls").glob("*.pem"))
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    text = made.read_text()
    assert text.count("PRIVATE KEY") == 2 and text.count("BEGIN CERTIFICATE") == 1
    key = base64.b64decode("".join(text.split("-----")[2].split()))
    assert (secure.data / "authority.sealed").exists()
    for path in (path for path in secure.data.rglob("*") if path.is_file()):
        content = path.read_bytes()
        # The last bytes of the structure are the point; the secret number stands before them.
        assert b"PRIVATE" not in content and key[36:68] not in content, path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ca = openssl("x509", "-in", secure.data / "ca.pem", "-noout", "-text").decode()
    assert "CA:TRUE, pathlen:0" in ca and "Certificate Sign" in ca
    leaf = openssl("x509", "-in", made, "-noout", "-text").decode()
    assert "TLS Web Server Authentication" in leaf and "CA:TRUE" not in leaf
    openssl("verify", "-x509_strict", "-CAfile", secure.data / "ca.pem", made)


def test_a_lost_certificate_and_other_names_are_made_by_the_same_authority(fresh):
    fresh.run("init", "--data", str(fresh.data), "--tls")
    made = next((fresh.directory / "config" / "fastness" / "tls").glob("*.pem"))
    ca, first = (fresh.data / "ca.pem").read_bytes(), made.read_bytes()
    fresh.serve().stop()
    assert made.read_bytes() == first, "what is good is kept"
    made.unlink()
    (fresh.data / "ca.pem").unlink()
    fresh.serve().root().sts.get_caller_identity()
    assert made.read_bytes() != first and (fresh.data / "ca.pem").read_bytes() == ca
    fresh.stop()
    fresh.serve(*configure(fresh, '[tls]\nnames = ["KMS.internal", "127.0.0.1"]\n')).root().sts.get_caller_identity()
    with connect(fresh, "kms.internal"):
        pass
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(fresh, "localhost")


def test_serve_can_begin_with_tls(fresh):
    root = fresh.serve("--tls").root()
    assert fresh.endpoint.startswith("https://")
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    fresh.stop()
    root = fresh.serve().root()
    assert fresh.endpoint.startswith("https://"), "once there is an authority, nothing falls back to plain HTTP"
    assert [found["KeyId"] for found in root.kms.list_keys()["Keys"]] == [key]


def test_plain_http_beside_tls(fresh):
    fresh.run("init", "--data", str(fresh.data), "--tls")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    root = fresh.serve(*configure(fresh, f'listen-plain = "127.0.0.1:{port}"\n')).root()
    root.sts.get_caller_identity()
    fresh.endpoint = f"http://127.0.0.1:{port}"
    plain = Caller(fresh, root.key, root.secret)
    answer = plain.sts.get_caller_identity()
    assert "tlsDetails" not in record(plain, answer["ResponseMetadata"]["RequestId"])
    fresh.stop()
    for text, told in [
        (f'listen-plain = "0.0.0.0:{port}"\n', "not a loopback address"),
        (f'listen-plain = "127.0.0.1:{port}"\n', None),
    ]:
        path = configure(fresh, text)
        if told is None:
            (fresh.data / "authority.sealed").unlink()
            told = "listen-plain is for plain HTTP beside TLS"
        done = fresh.run("serve", "--data", str(fresh.data), "--listen", "127.0.0.1:0", *path, check=False)
        assert done.returncode == 1 and told in done.stderr, done


def test_every_address_may_speak_tls(fresh):
    fresh.run("init", "--data", str(fresh.data), "--tls")
    arguments = ["serve", "--data", str(fresh.data), "--listen", "0.0.0.0:0"]
    with open(fresh.directory / "log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [binary(), *arguments], env=fresh.environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    line = process.stdout.readline()
    try:
        assert re.fullmatch(r"Fastness serves https://localhost:\d+\n", line), line
        fresh.endpoint, fresh.ca_bundle = line.split()[-1], str(fresh.data / "ca.pem")
        fresh.root().sts.get_caller_identity()
        assert "beyond loopback" not in (fresh.directory / "log").read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.mark.parametrize("kind", ["ec", "p384", "rsa", "ed25519"])
def test_given_certificates(fresh, authority, kind):
    pair = authority.issue(f"given-{kind}", kind)
    fresh.ca_bundle = str(authority.certificate)
    answer = fresh.serve(*configure(fresh, given(pair))).root().sts.get_caller_identity()
    assert answer["Arn"].endswith(":root")
    assert not (fresh.data / "ca.pem").exists() and "AWS_CA_BUNDLE" not in fresh.exports


@pytest.mark.parametrize(
    ("kind", "convert", "marker"),
    [
        ("rsa", ["rsa", "-traditional"], "BEGIN RSA PRIVATE KEY"),
        ("ec", ["ec"], "BEGIN EC PRIVATE KEY"),
    ],
)
def test_given_keys_in_older_forms(fresh, authority, kind, convert, marker):
    pair = authority.issue(f"older-{kind}", kind)
    pair.key.write_bytes(openssl(*convert, "-in", pair.key))
    assert marker in pair.key.read_text()
    fresh.ca_bundle = str(authority.certificate)
    fresh.serve(*configure(fresh, given(pair))).root().sts.get_caller_identity()


def broken_pairs(directory, authority, pair):
    """What is no good as a given certificate and key, with what is said of it."""
    directory.joinpath("text").write_text("nothing\n")
    directory.joinpath("text").chmod(0o600)
    other = authority.issue("other")
    encrypted = directory / "encrypted.key"
    encrypted.write_bytes(openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:x"))
    encrypted.chmod(0o600)
    cut = directory / "cut.pem"
    cut.write_bytes(pair.certificate.read_bytes()[:200])
    open_key = directory / "open.key"
    shutil.copy(pair.key, open_key)
    open_key.chmod(0o644)
    group_key = directory / "group.key"
    shutil.copy(pair.key, group_key)
    group_key.chmod(0o660)
    client = authority.issue("client-only", usage="clientAuth")
    sub = authority.issue("sub-authority", ca=True)
    # Its time is over before it is read.
    old = authority.issue("expired", days=-1)
    return [
        (Pair(directory / "absent", pair.key), "absent"),
        (Pair(pair.certificate, directory / "absent"), "absent"),
        (Pair(directory / "text", pair.key), "no certificate is in it"),
        (Pair(pair.certificate, directory / "text"), "no private key is in it"),
        (Pair(pair.certificate, encrypted), "not encrypted"),
        (Pair(pair.certificate, other.key), "does not belong"),
        (Pair(cut, pair.key), "cut.pem"),
        (Pair(pair.certificate, open_key), "chmod 600"),
        (Pair(pair.certificate, group_key), "chmod 600"),
        (client, "server authentication"),
        (sub, "certificate authority's"),
        (old, "valid until"),
    ]


def test_a_given_certificate_that_is_no_good_is_refused(fresh, authority, pair):
    fresh.run("init", "--data", str(fresh.data))
    for bad, text in broken_pairs(fresh.directory, authority, pair):
        arguments = ["--data", str(fresh.data), "--listen", "127.0.0.1:0", *configure(fresh, given(bad))]
        done = fresh.run("serve", *arguments, check=False)
        assert done.returncode == 1 and text in done.stderr.splitlines()[-1], (text, done)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('certificate = "c"', "tls.certificate and tls.key go together"),
        ('key = "k"', "tls.certificate and tls.key go together"),
        ('certificate = "c"\nkey = "k"\nnames = ["a"]', "tls.names"),
        ('client-ca = "c"', "tls.client-ca and tls.client-certificates go together"),
        ('client-certificates = "required"', "tls.client-ca and tls.client-certificates go together"),
        ('names = ["a b"]', "`a b` is neither a host name nor an address"),
        ('made-file = "{data}/server.pem"', "lies in the data directory"),
    ],
)
def test_settings_that_do_not_fit(fresh, text, told):
    fresh.run("init", "--data", str(fresh.data))
    arguments = ["--data", str(fresh.data), *configure(fresh, "[tls]\n" + text.replace("{data}", str(fresh.data)))]
    done = fresh.run("serve", *arguments, check=False)
    assert done.returncode == 1 and told in done.stderr, done


def test_a_new_certificate_is_taken_up_while_connections_stay(with_given, authority):
    fastness = with_given
    root = fastness.serve(*configure(fastness, given(fastness.pair))).root()
    request = lambda: json_call(root, "kms", "ListKeys")  # noqa: E731
    kept = connect(fastness)
    before = serial(kept)
    assert call(kept, request())[0] == 200

    def shown():
        with connect(fastness) as connection:
            return serial(connection)

    def replace(new):
        # One after the other, as many tools do: in between they do not belong together.
        for source, target in [(new.certificate, fastness.pair.certificate), (new.key, fastness.pair.key)]:
            partial = target.with_suffix(".new")
            shutil.copy(source, partial)
            partial.rename(target)

    second = authority.issue("second", "rsa")
    replace(second)
    wait_for(lambda: shown() != before)
    after = shown()
    assert call(kept, request())[0] == 200, "the open connection goes on"

    # What is no good is logged, and what was stays.
    fastness.pair.certificate.write_text("nothing\n")
    wait_for(lambda: "the certificate stays as it was" in fastness.log.read_text())
    assert shown() == after and call(kept, request())[0] == 200
    fastness.process.send_signal(signal.SIGHUP)
    wait_for(lambda: fastness.log.read_text().count("the certificate stays as it was") > 1)
    assert shown() == after and fastness.process.poll() is None

    # A link that is turned, as Kubernetes does with mounted secrets.
    third = authority.issue("third")
    version = fastness.directory / "version-3"
    version.mkdir()
    for source, target in [(third.certificate, fastness.pair.certificate), (third.key, fastness.pair.key)]:
        shutil.copy(source, version / target.name)
        target.unlink()
        target.symlink_to(version / target.name)
    wait_for(lambda: shown() not in (before, after))
    assert call(kept, request())[0] == 200
    kept.close()
    fastness.stop()


def test_a_refused_certificate_is_taken_up_once_nothing_speaks_against_it(with_given, authority):
    fastness = with_given
    fastness.serve(*configure(fastness, given(fastness.pair)))

    def shown():
        with connect(fastness) as connection:
            return serial(connection)

    def refusals(text):
        return [line for line in fastness.log.read_text().splitlines() if "stays as it was" in line and text in line]

    def replace(new, mode):
        for source, target in [(new.key, fastness.pair.key), (new.certificate, fastness.pair.certificate)]:
            partial = target.with_suffix(".new")
            shutil.copy(source, partial)
            partial.chmod(mode)
            partial.rename(target)

    before = shown()
    replace(authority.issue("readable-by-all"), 0o644)
    wait_for(lambda: refusals("chmod 600"))
    # Neither its file's place, size nor time changes by this.
    fastness.pair.key.chmod(0o600)
    wait_for(lambda: shown() != before)
    after = shown()

    replace(authority.issue("of-tomorrow", since=-8 / (24 * 3600)), 0o600)
    wait_for(lambda: refusals("valid from"))
    assert shown() == after
    wait_for(lambda: shown() != after, seconds=30)
    assert len(refusals("valid from")) < 3, "told when it was put there, and not at each try"
    fastness.stop()


def test_a_certificate_that_was_made_here_is_renewed_by_its_date(fresh, authority):
    """Once a third of its time is left: at a start, while serving, and not before the keyring is open."""
    arguments = configure(fresh, '[tls]\nnames = ["localhost", "127.0.0.1"]\n')
    root = fresh.serve("--tls", *arguments).root()
    made = next((fresh.directory / "config" / "fastness" / "tls").glob("*.pem"))

    def put(name, left):
        """Puts in its place one of ninety days of which so many are left; of another authority, as none but the server signs with its own."""
        pair = authority.issue(name, since=90 - left, days=left)
        partial = made.with_suffix(".new")
        partial.touch(mode=0o600)
        partial.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
        partial.rename(made)
        return made.read_bytes()

    def renewed():
        with contextlib.suppress(ssl.SSLCertVerificationError), connect(fresh) as connection:
            return serial(connection)

    kept = connect(fresh)
    first = serial(kept)
    put("old", 29)
    wait_for(lambda: renewed() not in (None, first))
    assert call(kept, json_call(root, "kms", "ListKeys"))[0] == 200, "the open connection goes on"
    kept.close()

    fresh.run("seal", "--data", str(fresh.data))
    old = put("old-while-sealed", 29)
    wait_for(lambda: "took up a certificate" in fresh.log.read_text().rpartition("waiting for `fastness unseal`")[2])
    assert renewed() is None and made.read_bytes() == old, "the authority's key is sealed"
    fresh.run("unseal", "--data", str(fresh.data))
    wait_for(renewed)
    fresh.stop()

    good = put("good", 31)
    fresh.serve(*arguments).stop()
    assert made.read_bytes() == good, "more than a third is left"
    for left in (29, -1):
        old = put(f"old-at-start{left}", left)
        fresh.serve(*arguments)
        assert made.read_bytes() != old and renewed()
        fresh.root().sts.get_caller_identity()
        fresh.stop()


def test_hanging_up_does_nothing_else(fresh):
    root = fresh.serve().root()
    fresh.process.send_signal(signal.SIGHUP)
    root.sts.get_caller_identity()
    fresh.stop()


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_client_certificates(with_given, authority, mode, tmp_path):
    fastness = with_given
    people = Authority(tmp_path, "people")
    friend = people.issue("friend", usage="clientAuth")
    strangers = Authority(tmp_path, "strangers")
    stranger = strangers.issue("stranger", usage="clientAuth")
    late = people.issue("late", usage="clientAuth", days=-1)
    more = f'client-ca = "{people.certificate}"\nclient-certificates = "{mode}"\n'
    fastness.serve(*configure(fastness, given(fastness.pair, more)))
    exports = fastness.exports
    root = Caller(fastness, exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"])

    def answers(request, **how):
        with connect(fastness, **how) as connection:
            return call(connection, request)[0]

    good = (friend.certificate, friend.key)
    assert answers(json_call(root, "kms", "ListKeys"), certificate=good) == 200
    # It opens the connection, and nothing else: the call must be signed as ever.
    unsigned = json_call(root, "kms", "ListKeys")
    unsigned.replace("Authorization", None)
    assert answers(unsigned, certificate=good) == 400
    for bad in (stranger, late):
        with pytest.raises(HANDSHAKE_ERRORS):
            answers(json_call(root, "kms", "ListKeys"), certificate=(bad.certificate, bad.key))
    if mode == "optional":
        assert answers(json_call(root, "kms", "ListKeys")) == 200
    else:
        with pytest.raises(HANDSHAKE_ERRORS):
            answers(json_call(root, "kms", "ListKeys"))


def test_a_session_does_not_outlive_its_client_authority(with_given, tmp_path):
    """Once an authority is replaced, what it vouched for is not let in by resuming a session either."""
    fastness = with_given
    people, others = Authority(tmp_path, "people"), Authority(tmp_path, "others")
    friend = people.issue("friend", usage="clientAuth")
    trusted = fastness.directory / "clients.pem"
    shutil.copy(people.certificate, trusted)
    more = f'client-ca = "{trusted}"\nclient-certificates = "required"\n'
    fastness.serve(*configure(fastness, given(fastness.pair, more)))
    context = ssl.create_default_context(cafile=fastness.ca_bundle)
    context.load_cert_chain(friend.certificate, friend.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def again(session):
        plain = socket.create_connection(place(fastness.endpoint), timeout=30)
        return context.wrap_socket(plain, server_hostname="localhost", session=session)

    with again(None) as first:
        session = first.session
    with again(session) as second:
        assert second.session_reused
    shutil.copy(others.certificate, trusted)
    wait_for(lambda: "took up a certificate" in fastness.log.read_text())
    with pytest.raises(HANDSHAKE_ERRORS):
        again(session)


SECURE = {"Bool": {"aws:SecureTransport": "true"}}
INSECURE = {"Bool": {"aws:SecureTransport": "false"}}


def test_policies_ask_for_tls(secure, secure_root, fresh):
    """The same policies over TLS and over plain HTTP."""
    plain_root = fresh.serve().root()
    for root, over_tls in ((secure_root, True), (plain_root, False)):
        wants = root.user("wants-tls", allow("kms:ListKeys", Condition=SECURE))
        refuses = root.user("refuses-plain", allow("kms:ListKeys")) if over_tls else None
        forbids = root.user("forbids-plain", deny("kms:*", Condition=INSECURE))
        root.iam.put_user_policy(
            UserName="forbids-plain",
            PolicyName="allow",
            PolicyDocument='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}',
        )
        if over_tls:
            wants.kms.list_keys()
            refuses.kms.list_keys()
            forbids.kms.list_keys()
        else:
            assert refused(wants.kms.list_keys)["Code"] == "AccessDeniedException"
            assert "explicit deny" in refused(forbids.kms.list_keys)["Message"]


def ask(fastness, caller, headers=(), source="127.0.0.1"):
    """The status of a signed call over plain HTTP with headers that a proxy added, from a given address of this host."""
    request = json_call(caller, "kms", "ListKeys")
    request.headers += headers
    with socket.create_connection(place(fastness.endpoint), timeout=30, source_address=(source, 0)) as connection:
        status, body = call(connection, request)
    return status, body.decode()


def test_proxies_that_are_trusted_and_others(fresh):
    """127.0.0.2 and 127.0.0.3 are proxies; 127.0.0.1 is anybody."""
    fresh.serve(*configure(fresh, 'trusted-proxies = ["127.0.0.2", "127.0.0.3/32", "10.0.0.0/8"]\n'))
    root = fresh.root()
    office = root.user("office", allow("kms:ListKeys", Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
    tls = root.user("tls", allow("kms:ListKeys", Condition=SECURE))
    away = root.user("away", allow("kms:ListKeys", Condition={"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
    xff, xfp = "X-Forwarded-For", "X-Forwarded-Proto"
    inside, outside = "203.0.113.9", "198.51.100.1"
    cases = [
        # caller, from, headers, allowed
        (office, "127.0.0.1", [], False),
        (office, "127.0.0.1", [(xff, inside)], False),
        (office, "127.0.0.2", [(xff, inside)], True),
        (office, "127.0.0.3", [("x-forwarded-for", inside)], True),
        (office, "127.0.0.4", [(xff, inside)], False),
        (office, "127.0.0.2", [], False),
        (office, "127.0.0.2", [(xff, outside)], False),
        (office, "127.0.0.2", [(xff, f"{inside}, {outside}")], False),
        (office, "127.0.0.2", [(xff, inside), (xff, outside)], False),
        (office, "127.0.0.2", [(xff, f"{outside}, {inside}")], True),
        (office, "127.0.0.2", [(xff, f"{outside}, {inside}, 10.0.0.7")], True),
        (office, "127.0.0.2", [(xff, f"{outside}, {inside}"), (xff, "127.0.0.3")], True),
        (office, "127.0.0.2", [(xff, f"{inside}:4711")], True),
        (office, "127.0.0.2", [("Forwarded", f"for={inside}")], False),
        (office, "127.0.0.2", [("X-Real-IP", inside)], False),
        (away, "127.0.0.1", [(xff, inside)], True),
        (away, "127.0.0.2", [(xff, inside)], False),
        (away, "127.0.0.2", [(xff, outside)], True),
        (tls, "127.0.0.1", [], False),
        (tls, "127.0.0.1", [(xfp, "https")], False),
        (tls, "127.0.0.2", [(xfp, "https")], True),
        (tls, "127.0.0.2", [(xfp, "HTTPS"), (xff, outside)], True),
        (tls, "127.0.0.2", [(xff, outside)], False),
        (tls, "127.0.0.2", [(xfp, "http")], False),
        (tls, "127.0.0.2", [(xfp, "https, http")], False),
        (tls, "127.0.0.2", [(xfp, "https"), (xfp, "http")], False),
    ]
    for caller, source, headers, allowed in cases:
        status, body = ask(fresh, caller, headers, source)
        assert (status == 200) is allowed, (caller.key, source, headers, status, body)
        assert allowed or "AccessDeniedException" in body
    for nonsense in ("", "unknown", "203.0.113.9, unknown", "300.1.2.3", "203.0.113.9,", "\u00fc"):
        assert ask(fresh, office, [(xff, nonsense)], "127.0.0.2")[0] == 400, nonsense
        assert ask(fresh, root, [(xff, nonsense)], "127.0.0.1")[0] == 200, "nobody reads it"
    assert ask(fresh, office, [(xff, "nonsense, 203.0.113.9")], "127.0.0.2")[0] == 200


def test_the_record_tells_the_client_behind_the_proxy(fresh):
    fresh.run("init", "--data", str(fresh.data), "--tls")
    fresh.serve(*configure(fresh, 'trusted-proxies = ["127.0.0.2"]\n'))
    root = fresh.root()
    request = json_call(root, "kms", "ListKeys")
    request.headers += [("X-Forwarded-For", "127.0.0.1, 2001:db8::5"), ("X-Forwarded-Proto", "http")]
    context = ssl.create_default_context(cafile=fresh.ca_bundle)
    plain = socket.create_connection(place(fresh.endpoint), timeout=30, source_address=("127.0.0.2", 0))
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(request.bytes())
        response = http.client.HTTPResponse(connection, method="POST")
        response.begin()
    entry = record(root, response.getheader("x-amzn-RequestId"))
    assert entry["sourceIPAddress"] == "2001:db8::5"
    assert entry["tlsDetails"]["tlsVersion"] == "TLSv1.3", "the last hop, which the server itself saw"


def test_sealed_over_tls(fresh):
    """A server that starts sealed proves who it is, and says that it is sealed; without its certificate it says nothing."""
    fresh.environment["FASTNESS_PASSPHRASE"] = "correct horse battery staple"
    fresh.run("init", "--data", str(fresh.data), "--tls")
    root = fresh.serve().root()
    root.sts.get_caller_identity()
    fresh.stop()
    passphrase = fresh.environment.pop("FASTNESS_PASSPHRASE")
    fresh.serve()
    sealed = Caller(fresh, root.key, root.secret)
    assert refused(sealed.sts.get_caller_identity)["Status"] == 503
    fresh.stop()

    made = next((fresh.directory / "config" / "fastness" / "tls").glob("*.pem"))
    made.unlink()
    fresh.serve()
    sealed = Caller(fresh, root.key, root.secret)
    with pytest.raises((SSLError, Exception), match="(?i)ssl|connection|endpoint"):
        sealed.sts.get_caller_identity()
    fresh.environment["FASTNESS_PASSPHRASE"] = passphrase
    fresh.run("unseal", "--data", str(fresh.data))
    wait_for(lambda: "took up a certificate" in fresh.log.read_text())
    assert made.exists() and stat.S_IMODE(os.stat(made).st_mode) == 0o600
    Caller(fresh, root.key, root.secret).sts.get_caller_identity()


def test_sealing_while_it_runs_keeps_both_ports(fresh):
    """A sealed server starts anew: it proves who it is as before, on the same ports."""
    fresh.run("init", "--data", str(fresh.data), "--tls")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    root = fresh.serve(*configure(fresh, f'listen-plain = "127.0.0.1:{port}"\n')).root()
    secure, plain = fresh.endpoint, f"http://127.0.0.1:{port}"
    for command, works in (("seal", False), ("unseal", True), ("seal", False), ("unseal", True)):
        fresh.run(command, "--data", str(fresh.data))
        for endpoint in (secure, plain):
            fresh.endpoint = endpoint
            caller = Caller(fresh, root.key, root.secret)
            if works:
                assert caller.sts.get_caller_identity()["Arn"].endswith(":root")
            else:
                assert refused(caller.sts.get_caller_identity)["Status"] == 503
    fresh.endpoint = secure
    assert f"serving   {secure} " in fresh.run("status", "--data", str(fresh.data)).stdout
