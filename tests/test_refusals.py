"""Every refusal of the configuration and of a start names the setting and the next step. The settings are those that the program itself tells."""

import fcntl
import re
import shutil
import socket
import subprocess

import pytest
from conftest import Fastness, binary, toml

STEP = re.compile(
    r"\b(name|set|add|leave|correct|give|make|speak|stop|start|look at|put|keep|restore|did you mean|there are|must|try|unseal|use)\b|chmod|`fastness [a-z]"
)
UNKNOWN = re.compile(r"unknown (?:field|variant) `zzz`, expected (.*?)(?::|$)")


def told(directory, text):
    """What the program says of a configuration."""
    path = directory / "tried.toml"
    path.write_text(text)
    done = subprocess.run([binary(), "quotas", "--config", str(path)], capture_output=True, text=True, timeout=60, check=False)
    return done.stderr.strip()


def names(directory, text):
    """The names that the program says there are, in place of `zzz`."""
    found = UNKNOWN.search(told(directory, text))
    return re.findall(r"`([\w-]+)`", found[1]) if found else []


def settings(directory, path=(), wrap=str):
    """Each setting with its place, as a function that gives a configuration in which it has a value."""
    for name in names(directory, wrap("zzz = 1")):
        at = (*path, name)
        one = lambda body, name=name, wrap=wrap: wrap(f"{name} = {{ {body} }}")  # noqa: E731
        several = lambda body, name=name, wrap=wrap: wrap(f"{name} = [{{ {body} }}]")  # noqa: E731
        value = lambda text, name=name, wrap=wrap: wrap(f"{name} = {text}")  # noqa: E731
        kinds = names(directory, one('kind = "zzz"'))
        if "key-file" in kinds:
            for kind in kinds:
                of_kind = lambda body, one=one, kind=kind: one(f'kind = "{kind}", {body}')  # noqa: E731
                yield from settings(directory, (*at, kind), of_kind)
        elif inner := names(directory, one("zzz = 1")):
            # One of some words is a value, not a table.
            if told(directory, value(f'"{inner[0]}"')):
                yield from settings(directory, at, one)
            else:
                yield at, value
        elif names(directory, several("zzz = 1")):
            yield from settings(directory, at, several)
        else:
            yield at, value


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return dict(settings(tmp_path_factory.mktemp("settings")))


def test_a_value_of_the_wrong_kind_is_told_with_its_setting(known, tmp_path):
    assert len(known) >= 65, known.keys()
    for path, value in known.items():
        # No setting is a date.
        said = told(tmp_path, value("1979-05-27"))
        # Which of a seal's settings it is, the parser does not know before it knows the kind.
        setting = "seal" if path[0] == "seal" else ".".join(path)
        assert said.startswith(f"fastness: {tmp_path}/tried.toml:1: `{setting}") and STEP.search(said.split("`: ", 1)[1]), said


def test_what_is_no_setting_and_no_toml_is_told_with_its_line(tmp_path):
    for text, words in (
        ("\nlog = { levle = 1 }\n", ":2: `log.levle`: unknown field"),
        ('[seal]\nkind = "key-file"\n', ":1: `seal`: name one of"),
        ('[[cloudhsm]]\nslots = [1]\n', ":1: `cloudhsm`: missing field `module`: add it"),
        ("\n\nlisten = \n", ":3: "),
        ("listen = [", ":1: "),
    ):
        said = told(tmp_path, text)
        assert words in said and STEP.search(said), said
    done = subprocess.run([binary(), "quotas", "--config", str(tmp_path / "absent")], capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "--config (FASTNESS_CONFIG)" in done.stderr and "name a file" in done.stderr


@pytest.fixture(scope="module")
def taken():
    """An address that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


TEXT, ABSENT, WITHIN = "<a file of text>", "/nowhere/at/all", "<within the data>"
SECRETS = {
    "path": ({"path": ABSENT}, "pin"),
    "credential": ({"credential": "absent"}, "credential"),
    "environment-file": ({"environment-file": ABSENT}, "pin"),
    "environment": ({"environment": "NOT_SET"}, "NOT_SET"),
}
KMS = {"kind": "kms", "region": "eu-central-1", "key": "alias/k", "endpoint": "https://127.0.0.1:1"}
PKCS11 = {"kind": "pkcs11", "module": ABSENT, "token": {"label": "x"}, "pin": {"path": TEXT}}
# By setting: what is configured, and how the refusal names the setting. What is needed besides to come so far stands beside it.
BAD = {
    ("data",): [({"data": TEXT}, "data (--data, FASTNESS_DATA)"), ({"data": TEXT + "/below"}, "data (--data, FASTNESS_DATA)")],
    ("listen",): [
        ({"listen": "<taken>"}, "listen (--listen)"),
        ({"listen": "192.0.2.1:0", "plain-http-beyond-loopback": True}, "listen (--listen)"),
        ({"listen": "0.0.0.0:0"}, "--plain-http-beyond-loopback"),
        ({"listen": "localhost"}, "`listen`"),
    ],
    ("regions",): [({"regions": ["us-east-1", "mars"]}, "`regions`"), ({"regions": ["eu-central-1"]}, "`regions`")],
    ("listen-plain",): [
        ({"listen-plain": "127.0.0.1:0"}, "listen-plain"),
        ({"listen-plain": "<taken>", "tls": {}}, "listen-plain"),
        ({"listen-plain": "0.0.0.0:0", "tls": {}}, "listen-plain"),
        ({"listen": "127.0.0.1:9", "listen-plain": "127.0.0.1:9", "tls": {}}, "`listen-plain`"),
    ],
    ("trusted-proxies",): [({"trusted-proxies": ["proxy"]}, "`trusted-proxies`"), ({"trusted-proxies": ["10.0.0.1/8"]}, "`trusted-proxies`")],
    ("tls", "certificate"): [
        ({"tls": {"certificate": ABSENT}}, "tls.certificate"),
        ({"tls": {"certificate": ABSENT, "key": TEXT}}, "tls.certificate"),
        ({"tls": {"certificate": TEXT, "key": TEXT}}, "tls.certificate"),
    ],
    ("tls", "key"): [({"tls": {"key": ABSENT}}, "tls.key"), ({"tls": {"certificate": TEXT, "key": ABSENT}}, "tls.key")],
    ("tls", "names"): [
        ({"tls": {"names": ["a b"]}}, "tls.names"),
        ({"tls": {"names": ["a"], "certificate": TEXT, "key": TEXT}}, "tls.names"),
    ],
    ("tls", "made-file"): [
        ({"tls": {"made-file": WITHIN}}, "tls.made-file"),
        ({"tls": {"made-file": TEXT + "/below"}}, "tls.made-file"),
    ],
    ("tls", "client-ca"): [
        ({"tls": {"client-ca": ABSENT}}, "tls.client-ca"),
        ({"tls": {"client-ca": ABSENT, "client-certificates": "required"}}, "tls.client-ca"),
        ({"tls": {"client-ca": TEXT, "client-certificates": "optional"}}, "tls.client-ca"),
    ],
    ("tls", "client-certificates"): [({"tls": {"client-certificates": "required"}}, "tls.client-certificates"), ({"tls": {"client-certificates": "no"}}, "`tls.client-certificates`")],
    **{("limits", f"bytes-in-flight{of}"): [({"limits": {f"bytes-in-flight{of}": 1}}, f"limits.bytes-in-flight{of}")] for of in ("", "-per-address")},
    **{
        ("limits", name): [({"limits": {name: 0}}, f"`limits.{name}`")]
        for name in ("connections", "connections-per-address", "handshake-seconds", "head-seconds", "idle-seconds", "body-seconds", "answer-seconds", "bytes-per-second-min")
    },
    ("log", "format"): [({"log": {"format": "xml"}}, "`log.format`")],
    ("log", "level"): [({"log": {"level": "loud"}}, "`log.level`")],
    ("quotas",): [({"quotas": {"kms:Nothing": 1}}, "`quotas.kms:Nothing`"), ({"quotas": {"kms:CreateKey": 0}}, "`quotas.kms:CreateKey`")],
    ("attestation", "roots"): [({"attestation": {"roots": [path]}}, "attestation.roots") for path in (ABSENT, TEXT)],
    ("load", "calls-max"): [({"load": {"calls-max": 0}}, "`load.calls-max`")],
    ("clock", "leap-hours-max"): [({"clock": {"leap-hours-max": 0}}, "`clock.leap-hours-max`")],
    ("disk", "reserve-mib"): [({"disk": {"reserve-mib": 0}}, "`disk.reserve-mib`")],
    ("monitor", "listen"): [
        ({"monitor": {"listen": "<taken>"}}, "monitor.listen (--monitor)"),
        ({"monitor": {"listen": "0.0.0.0:0"}}, "monitor.listen (--monitor)"),
        ({"listen": "127.0.0.1:9", "monitor": {"listen": "127.0.0.1:9"}}, "`monitor.listen`"),
    ],
    ("telemetry", "otlp-endpoint"): [
        ({"telemetry": {"otlp-endpoint": "https://c"}}, "`telemetry.otlp-endpoint`"),
        ({"telemetry": {"otlp-endpoint": "http://192.0.2.1:4318"}}, "telemetry.otlp-endpoint"),
    ],
    ("telemetry", "sampling-ratio"): [({"telemetry": {"sampling-ratio": 2.0}}, "`telemetry.sampling-ratio`")],
    ("process", "user"): [({"process": {"user": "nobody-of-this-name"}}, "[process] user")],
    ("process", "read"): [({"process": {"read": [ABSENT]}}, "process.read")],
    ("process", "write"): [({"process": {"write": [ABSENT]}}, "process.write")],
    ("external-key-stores", "ca-file"): [({"external-key-stores": {"ca-file": path}}, "external-key-stores.ca-file") for path in (ABSENT, TEXT)],
    ("external-key-stores", "time-limit-ms"): [({"external-key-stores": {"time-limit-ms": 0}}, "`external-key-stores.time-limit-ms`")],
    ("external-key-stores", "proxies", "address"): [
        ({"external-key-stores": {"proxies": [{"host": "h", "address": "x"}]}}, "`external-key-stores.proxies.address`")
    ],
    ("rotation", "ca-file"): [({"rotation": {"ca-file": path}}, "rotation.ca-file") for path in (ABSENT, TEXT)],
    ("rotation", "ports"): [({"rotation": {"ports": [70000]}}, "`rotation.ports`")],
    ("rotation", "allow"): [({"rotation": {"allow": ["localhost"]}}, "`rotation.allow`")],
    **{("seal", kind, name): [({"seal": {"kind": kind, **bad}}, f"seal.{name}")] for kind in ("key-file", "passphrase") for name, (bad, _) in SECRETS.items()},
    ("seal", "key-file", "path"): [
        ({"seal": {"kind": "key-file", "path": path}}, "seal.path (--key-file, FASTNESS_KEY_FILE)") for path in ("/", TEXT, TEXT + "/below")
    ] + [({"seal": {"kind": "key-file", "path": WITHIN}}, "seal.path (--key-file)")],
    ("seal", "pkcs11", "module"): [({"seal": PKCS11}, "module, token, key and pin of [seal]")],
    **{("seal", "pkcs11", "pin", name): [({"seal": {**PKCS11, "pin": bad}}, word)] for name, (bad, word) in SECRETS.items()},
    ("seal", "kms", "endpoint"): [
        ({"seal": {**KMS, "endpoint": endpoint}}, "endpoint, region, key, credentials and ca-file of [seal]") for endpoint in ("x", "http://192.0.2.1", "https://127.0.0.1:1")
    ],
    **{("seal", "kms", "credentials", name): [({"seal": {**KMS, "credentials": bad}}, "credentials")] for name, (bad, _) in SECRETS.items()},
    ("seal", "kms", "ca-file"): [({"seal": {**KMS, "ca-file": path}}, "ca-file") for path in (ABSENT, TEXT)],
}
# Any value of the right kind will do, or is refused only by whom it names: a device or a service, whose words follow (test_seals.py), or
# that may come later (decision 0026).
USABLE = {
    ("plain-http-beyond-loopback",), ("monitor", "beyond-loopback"), ("monitor", "healthz-on-listen"), ("telemetry", "plain-http-beyond-loopback"),
    ("cloudhsm", "module"), ("cloudhsm", "slots"), ("external-key-stores", "proxies", "host"), ("external-key-stores", "proxies", "vpc-endpoint-service"),
    ("seal", "pkcs11", "token", "label"), ("seal", "pkcs11", "token", "serial"), ("seal", "pkcs11", "token", "slot"), ("seal", "pkcs11", "key"),
    ("seal", "kms", "region"), ("seal", "kms", "key"),
}  # fmt: skip


def test_no_setting_is_left_out(known):
    assert BAD.keys() | USABLE == known.keys()
    assert not BAD.keys() & USABLE


def refusal(fastness, *arguments):
    """The one line that a start is refused with."""
    done = fastness.run("serve", *arguments, check=False)
    said = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert done.returncode not in (0, 2) and len(said) == 1 and done.stdout == "" and "panicked" not in done.stderr, done
    return said[0]


def replaced(value, words):
    if isinstance(value, dict):
        return {name: replaced(inner, words) for name, inner in value.items()}
    if isinstance(value, list):
        return [replaced(inner, words) for inner in value]
    for word, instead in words.items():
        value = value.replace(word, instead) if isinstance(value, str) else value
    return value


@pytest.mark.parametrize("setting", BAD, ids=".".join)
def test_a_value_that_cannot_be_used_is_told_with_its_setting(setting, tmp_path, taken):
    text = tmp_path / "text"
    text.write_text("text\n")
    text.chmod(0o600)
    for number, (config, name) in enumerate(BAD[setting]):
        directory = tmp_path / str(number)
        data = directory / "data"
        config = replaced(config, {TEXT: str(text), WITHIN: str(data / "inside"), "<taken>": taken})
        fresh = Fastness(directory)
        (directory / "settings.toml").write_text(toml(config))
        listen = [] if "listen" in config else ["--listen", "127.0.0.1:0"]
        place = [] if "data" in config else ["--data", str(data)]
        said = refusal(fresh, *listen, *place)
        # The name is none of the words that tell what to do.
        assert name in said and STEP.search(said.replace(name, "")), said


FLAGS = {
    "FASTNESS_ACCOUNT_ID": ("12", "FASTNESS_ACCOUNT_ID"),
    "FASTNESS_ROOT_ACCESS_KEY_ID": ("short", "FASTNESS_ROOT_ACCESS_KEY_ID"),
    "FASTNESS_ROOT_SECRET_ACCESS_KEY": ("with space", "FASTNESS_ROOT_SECRET_ACCESS_KEY"),
    "FASTNESS_KEY_FILE": ("/", "seal.path (--key-file, FASTNESS_KEY_FILE)"),
    "FASTNESS_PASSPHRASE_FILE": (ABSENT, "seal.path (--passphrase-file, FASTNESS_PASSPHRASE_FILE)"),
    "FASTNESS_PASSPHRASE": ("short", "FASTNESS_PASSPHRASE"),
    "FASTNESS_CONFIG": (ABSENT, "--config (FASTNESS_CONFIG)"),
}


@pytest.mark.parametrize("variable", FLAGS)
def test_a_variable_that_cannot_be_used_is_told_by_its_name(variable, tmp_path):
    value, name = FLAGS[variable]
    both = {"FASTNESS_ROOT_ACCESS_KEY_ID": "A" * 20, "FASTNESS_ROOT_SECRET_ACCESS_KEY": "s" * 40}
    for environment in ({variable: value}, *([{**both, variable: value}] if variable in both else [])):
        fresh = Fastness(tmp_path / str(len(environment)), environment)
        said = refusal(fresh, "--data", str(fresh.data), "--listen", "127.0.0.1:0")
        assert name in said and STEP.search(said.replace(name, "")), said


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    fastness = Fastness(tmp_path_factory.mktemp("made"))
    secret = {"FASTNESS_ROOT_ACCESS_KEY_ID": "A" * 20, "FASTNESS_ROOT_SECRET_ACCESS_KEY": "weak"}
    fastness.environment.update(secret)
    fastness.run("init", "--data", str(fastness.data), "--region", "eu-central-1")
    return fastness


def overwritten(path, content):
    path.write_bytes(content)
    path.chmod(0o600)


def altered(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


# What is wrong with a deployment that is there, and what the refusal of its start says.
BROKEN = {
    "no key file": (lambda data, key: key.unlink(), "seal.path (--key-file, FASTNESS_KEY_FILE)"),
    "another key": (lambda data, key: overwritten(key, b"0" * 64), "--key-file, --passphrase-file or [seal]"),
    "an open key": (lambda data, key: key.chmod(0o644), "chmod 600"),
    "no keyring": (lambda data, key: (data / "keyring.json").unlink(), "keyring.json"),
    "a damaged keyring": (lambda data, key: altered(data / "keyring.json", b'"', b"'"), "`fastness restore`"),
    "no shreds": (lambda data, key: (data / "keyring.shreds").unlink(), "put a copy of it in its place"),
    "an altered description": (lambda data, key: altered(data / "deployment.json", b"eu-central-1", b"us-central-1"), "`fastness restore`"),
    "another format": (lambda data, key: altered(data / "deployment.json", b'"format": 2', b'"format": 9'), "deployment.json"),
    "no store": (lambda data, key: shutil.rmtree(data / "store"), "`fastness restore`"),
    "no journal": (lambda data, key: [path.unlink() for path in (data / "store").glob("*.journal")], "`fastness restore`"),
    "damaged tables": (lambda data, key: overwritten(data / "store" / "tables.redb", b"x" * 5000), "`fastness restore`"),
    "open to others": (lambda data, key: data.chmod(0o777), "--data"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_deployment_that_cannot_be_served_is_told_with_the_way_on(what, made, tmp_path):
    harm, words = BROKEN[what]
    shutil.copytree(made.directory, tmp_path / "copy")
    copy = Fastness(tmp_path / "copy")
    (key,) = (copy.directory / "config" / "fastness").glob("*.key")
    key_file = ("--key-file", str(key))
    harm(copy.data, key)
    said = refusal(copy, "--data", str(copy.data), "--listen", "127.0.0.1:0", *key_file)
    assert words in said and STEP.search(said), said


def test_a_deployment_that_is_not_for_this_start_is_told_with_the_way_on(made):
    data = ("--data", str(made.data))
    settings = made.directory / "other.toml"
    for config, arguments, name in (
        ({"regions": ["us-east-1"]}, ("--listen", "127.0.0.1:0"), "regions"),
        ({"plain-http-beyond-loopback": True}, ("--listen", "0.0.0.0:0"), "FASTNESS_ROOT_SECRET_ACCESS_KEY"),
    ):
        settings.write_text(toml(config))
        said = refusal(made, *data, *arguments, "--config", str(settings))
        assert name in said and STEP.search(said), said
    with open(made.data / "serving.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = refusal(made, *data, "--listen", "127.0.0.1:0")
    assert "another process serves this deployment: stop it first, or name another with --data" in said
