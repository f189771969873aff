"""The main job with the AWS SDK for Rust, as it comes."""

import os
import subprocess

import pytest


@pytest.fixture(scope="module")
def seen(root):
    program = os.environ.get("FASTNESS_RUST_CLIENT")
    assert program, "FASTNESS_RUST_CLIENT does not name the program: run the tests with `cargo xtask test`"
    done = subprocess.run([program], env=root.environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_keys(seen, root):
    assert seen["state"] == "Enabled" and seen["created"] == "true"
    assert root.kms.describe_key(KeyId=seen["key"])["KeyMetadata"]["Description"] == "from Rust"
    assert seen["opened"] == "attack at dawn" and seen["data-key"] == "true"
    assert seen["grant"] == "64"


def test_pages(seen):
    assert seen["aliases"] == "alias/rust-0,alias/rust-1 alias/rust-2"


def test_errors_have_the_sdks_types(seen):
    assert [seen[name] for name in ("request", "without-context", "disabled", "absent")] == ["true"] * 4
    assert seen["message"] == f"{seen['key']} is disabled."
