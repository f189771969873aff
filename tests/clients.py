"""The clients that nobody here wrote, and docs/clients.md, which is made from this list, the pinned versions and the tests."""

import ast
import json
import pathlib
import re
from typing import NamedTuple

HERE = pathlib.Path(__file__).parent
DOCUMENT = HERE.parent / "docs" / "clients.md"

# Who writes and reads messages of the AWS Encryption SDK, each with each.
WRITERS = ("python", "python-master-key", "javascript", "command-line")

# Where keys of every spec are held against libraries (pairs.py).
KEYS = ("test_kms_asymmetric.py", "test_kms_import.py", "test_kms_multi_region.py")


class Client(NamedTuple):
    name: str
    # Where its version is pinned, and as what; or that it is not.
    pins: str | None
    package: str
    # The test modules, classes and functions that use it; none means that all of the tests do.
    tests: tuple = ()


CLIENTS = (
    Client("AWS CLI", "requirements.txt", "awscli", ("test_cli.py",)),
    Client("boto3", "requirements.txt", "boto3"),
    Client("AWS SDK for JavaScript", "js/package.json", "@aws-sdk/client-kms", ("test_js.py",)),
    Client("AWS SDK for Rust", "rust/Cargo.toml", "aws-sdk-kms", ("test_rust.py",)),
    Client(
        "AWS Encryption SDK for Python",
        "requirements.txt",
        "aws-encryption-sdk",
        ("test_clients.py::test_each_reads_what_each_wrote", "test_clients.py::TestPythonKeyrings"),
    ),
    Client(
        "AWS Cryptographic Material Providers for Python",
        "requirements.txt",
        "aws-cryptographic-material-providers",
        ("test_clients.py::test_each_reads_what_each_wrote", "test_clients.py::TestPythonKeyrings"),
    ),
    Client(
        "AWS Encryption SDK for JavaScript",
        "js/package.json",
        "@aws-crypto/client-node",
        ("test_clients.py::test_each_reads_what_each_wrote", "test_clients.py::TestJavaScriptKeyrings"),
    ),
    Client(
        "AWS Encryption SDK's command line",
        "encryption-cli.txt",
        "aws-encryption-sdk-cli",
        ("test_clients.py::test_each_reads_what_each_wrote", "test_clients.py::TestCommandLine"),
    ),
    Client("OpenSSL", None, "the system's", (*KEYS, "test_kms_attestation.py", "test_tls.py")),
    Client("pyca/cryptography", "requirements.txt", "cryptography", (*KEYS, "test_kms_attestation.py")),
    Client("PyCryptodome", "requirements.txt", "pycryptodome", KEYS),
    Client("kyber-py", "requirements.txt", "kyber-py", KEYS[1:]),
    Client("python-ecdsa", "requirements.txt", "ecdsa", KEYS),
    Client("asn1crypto", "requirements.txt", "asn1crypto", ("test_kms_attestation.py",)),
    Client("curl_cffi (BoringSSL)", "requirements.txt", "curl-cffi", ("test_tls.py",)),
    Client("cbor2", "requirements.txt", "cbor2", ("test_kms_attestation.py",)),
)

HEAD = """# Clients

The clients that the tests use, as they come: none is changed, none is told more than an endpoint and credentials. `cargo xtask test`
installs them in these versions and runs the tests, of which one makes this page and fails if it was stale (`tests/clients.py`).

| client | version | tests |
|---|---|---|
"""

MESSAGES = """
## Messages of the AWS Encryption SDK

Each row writes a message under an AWS KMS key, signed and unsigned, with key commitment; each column reads it and finds the same
plaintext and encryption context.

"""


def check_document():
    """Requires that docs/clients.md is what this makes of the list; writes it anew if it is not."""
    wanted = HEAD + "".join(f"| {c.name} | {version(c)} | {tests(c)} |\n" for c in CLIENTS) + MESSAGES + messages()
    if not DOCUMENT.exists() or DOCUMENT.read_text() != wanted:
        DOCUMENT.write_text(wanted)
        raise AssertionError(f"{DOCUMENT.name} was stale and is written anew: look at it and commit it")


def version(client):
    if client.pins is None:
        return client.package
    text = (HERE / client.pins).read_text()
    if client.pins.endswith(".json"):
        return json.loads(text)["dependencies"][client.package]
    if client.pins.endswith(".toml"):
        return re.search(rf'^{re.escape(client.package)} = .*version = "=([^"]+)"', text, re.MULTILINE)[1]
    return re.search(rf"^{re.escape(client.package)}==(\S+)$", text, re.MULTILINE)[1]


def tests(client):
    if not client.tests:
        return "all of `tests/`"
    for place in client.tests:
        module, _, name = place.partition("::")
        body = ast.parse((HERE / module).read_text()).body
        assert not name or name in {getattr(node, "name", None) for node in body}, f"there is no {place}"
    return ", ".join(f"`{place}`" for place in client.tests)


def messages():
    rule = "|---|" + ":-:|" * len(WRITERS)
    rows = [f"| {writer} | {' | '.join('yes' for _ in WRITERS)} |" for writer in WRITERS]
    return "\n".join([f"| written by, read by | {' | '.join(WRITERS)} |", rule, *rows]) + "\n"
