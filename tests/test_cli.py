"""The main job with the AWS CLI, as it comes."""

import base64
import json
import pathlib
import subprocess
import sys

import pytest
from conftest import Caller, allow, binary, document

AWS = pathlib.Path(sys.executable).parent / "aws"
REFUSED = 255  # what version 1 returns for every error that a service answers


class Shell:
    """A directory, and an environment that names the endpoint and a caller."""

    def __init__(self, caller, directory):
        self.environment, self.directory = caller.environment(), directory

    def run(self, *arguments):
        return subprocess.run(
            [AWS, *arguments], env=self.environment, cwd=self.directory, capture_output=True, text=True, timeout=60
        )

    def aws(self, *arguments):
        """What a command that succeeds answers."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *arguments):
        """What a command that the service refuses says."""
        done = self.run(*arguments)
        assert done.returncode == REFUSED and done.stdout.strip() == "", done
        return done.stderr.strip()


@pytest.fixture
def shell(root, tmp_path):
    return Shell(root, tmp_path)


def test_keys_users_roles_and_the_trail(fastness, shell, account, tmp_path):
    aws = shell.aws
    (tmp_path / "plain.bin").write_bytes(bytes(range(256)))
    (tmp_path / "trust.json").write_text(
        document({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"})
    )

    key = aws("kms", "create-key", "--description", "from the shell", "--tags", "TagKey=a,TagValue=b")["KeyMetadata"]
    aws("kms", "create-alias", "--alias-name", "alias/cli", "--target-key-id", key["KeyId"])
    sealed = aws(
        "kms", "encrypt", "--key-id", "alias/cli", "--plaintext", "fileb://plain.bin", "--encryption-context", "a=b"
    )
    (tmp_path / "sealed.bin").write_bytes(base64.b64decode(sealed["CiphertextBlob"]))
    decrypt = ("kms", "decrypt", "--ciphertext-blob", "fileb://sealed.bin", "--encryption-context", "a=b")
    opened = aws(*decrypt)
    assert base64.b64decode(opened["Plaintext"]) == bytes(range(256)) and opened["KeyId"] == key["Arn"]
    assert "InvalidCiphertextException" in shell.refused("kms", "decrypt", "--ciphertext-blob", "fileb://sealed.bin")

    aws("iam", "create-user", "--user-name", "clara")
    access = aws("iam", "create-access-key", "--user-name", "clara")["AccessKey"]
    clara = Shell(Caller.of(fastness, access), tmp_path)
    arn = f"arn:aws:iam::{account}:user/clara"
    assert clara.aws("sts", "get-caller-identity")["Arn"] == arn
    assert clara.refused(*decrypt).endswith(
        "An error occurred (AccessDeniedException) when calling the Decrypt operation: "
        f"User: {arn} is not authorized to perform: kms:Decrypt on resource: {key['Arn']} "
        "because no identity-based policy allows the kms:Decrypt action"
    )

    policy = document(allow("sts:AssumeRole", f"arn:aws:iam::{account}:role/opener"))
    aws("iam", "put-user-policy", "--user-name", "clara", "--policy-name", "assume", "--policy-document", policy)
    role = aws("iam", "create-role", "--role-name", "opener", "--assume-role-policy-document", "file://trust.json")[
        "Role"
    ]
    policy = document(allow("kms:Decrypt", key["Arn"]))
    aws("iam", "put-role-policy", "--role-name", "opener", "--policy-name", "open", "--policy-document", policy)
    session = clara.aws("sts", "assume-role", "--role-arn", role["Arn"], "--role-session-name", "shift")
    opener = Shell(Caller.of(fastness, session["Credentials"]), tmp_path)
    assert opener.aws("sts", "get-caller-identity")["Arn"] == f"arn:aws:sts::{account}:assumed-role/opener/shift"
    assert base64.b64decode(opener.aws(*decrypt)["Plaintext"]) == bytes(range(256))
    assert "is not authorized to perform: iam:ListUsers" in opener.refused("iam", "list-users")

    found = aws("cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=Decrypt")
    records = [json.loads(event["CloudTrailEvent"]) for event in found["Events"]]
    assert [record.get("errorCode") for record in records] == [None, "AccessDenied", "InvalidCiphertextException", None]
    assert [event["Username"] for event in found["Events"]] == ["shift", "clara", "root", "root"]
    assert all(record["userAgent"].startswith("aws-cli/") for record in records)


def test_lists_go_on_over_pages(shell, root):
    names = [f"page-{number}" for number in range(7)]
    for name in names:
        root.iam.create_user(UserName=name, Path="/pages/")
    users = ("iam", "list-users", "--path-prefix", "/pages/", "--query", "Users[].UserName")
    assert shell.aws(*users, "--page-size", "2") == names
    first = shell.aws("iam", "list-users", "--path-prefix", "/pages/", "--max-items", "3", "--page-size", "2")
    rest = shell.aws("iam", "list-users", "--path-prefix", "/pages/", "--starting-token", first["NextToken"])
    assert [user["UserName"] for page in (first, rest) for user in page["Users"]] == names


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ["kms", "describe-key", "--key-id", "00000000-0000-0000-0000-000000000000"],
            "An error occurred (NotFoundException) when calling the DescribeKey operation: Key '{kms}' does not exist",
        ),
        (
            ["iam", "get-user", "--user-name", "nobody"],
            "An error occurred (NoSuchEntity) when calling the GetUser operation: "
            "The user with name nobody cannot be found.",
        ),
        (
            ["iam", "create-user", "--user-name", "n?"],
            "An error occurred (ValidationError) when calling the CreateUser operation: 1 validation error detected: "
            "Value 'n?' at 'userName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\w+=,.@-]+",
        ),
        (
            ["cloudtrail", "list-trails"],
            "An error occurred (NotImplemented) when calling the ListTrails operation: "
            "Fastness does not implement cloudtrail:ListTrails yet. `fastness coverage cloudtrail` lists what it does.",
        ),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_refusals(shell, account, command, message):
    kms = f"arn:aws:kms:us-east-1:{account}:key/00000000-0000-0000-0000-000000000000"
    assert shell.refused(*command).splitlines()[-1] == message.replace("{kms}", kms)


def test_what_env_prints_is_all_a_shell_needs(fastness, tmp_path):
    script = (
        f'eval "$({binary()} env --data {fastness.data})" && {AWS} sts get-caller-identity --query Arn --output text'
    )
    done = subprocess.run(
        ["bash", "-euc", script], env=fastness.environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and done.stdout.strip().endswith(":root"), done.stderr
