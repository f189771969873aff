"""`fastness policy lint` and `fastness policy test`, as a pipeline would run them."""

import json
import re
from pathlib import Path

import pytest
from conftest import SERVICES, Fastness
from walk import model

DOCS = Path(__file__).parent.parent / "docs"
FENCE = re.compile(r"<!-- (file|run): (.+?) -->\n```\w*\n(.*?)```\n", re.DOTALL)


@pytest.fixture
def tool(tmp_path):
    return Fastness(tmp_path)


def write(tool, name, content):
    path = tool.directory / name
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), encoding="utf-8")
    return str(path)


def statement(**more):
    return {"Version": "2012-10-17", "Statement": {"Effect": "Allow", **more}}


def test_the_worked_example_does_what_the_page_says(tool):
    runs = 0
    for what, name, text in FENCE.findall((DOCS / "policy-testing.md").read_text(encoding="utf-8")):
        if what == "file":
            write(tool, name, text)
            continue
        runs += 1
        _, *arguments, path = name.split()
        result = tool.run(*arguments, str(tool.directory / path))
        command, _, output = text.partition("\n")
        assert command == f"$ {name}"
        assert result.stdout == output
    assert runs == 1


CASE = {"name": "c", "principal": "arn:aws:iam::111122223333:user/alice", "action": "kms:Encrypt", "expect": "allowed"}
KEY = "arn:aws:kms:us-east-1:111122223333:key/k"


def test_a_case_that_fails_is_explained(tool):
    suite = {
        "policies": {
            "identity": [{"name": "reader", "document": statement(Sid="Office", Action="kms:*", Resource="*",
                          Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})}],
        },
        "cases": [
            {**CASE, "name": "in", "resource": KEY, "context": {"aws:SourceIp": "203.0.113.1"}, "by": "Office"},
            {**CASE, "name": "out", "resource": KEY, "context": {"aws:SourceIp": "198.51.100.1"}},
            {**CASE, "name": "other", "resource": KEY, "context": {"aws:SourceIp": "203.0.113.1"}, "by": "None"},
            {**CASE, "name": "loud", "expect": "explicit-deny"},
        ],
    }
    result = tool.run("policy", "test", write(tool, "s.json", suite), check=False)
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ") and line] == [
        "ok    in",
        "FAIL  out: expected allowed",
        "FAIL  other: expected statement `None` to decide",
        "FAIL  loud: expected an explicit deny",
        "1 passed, 3 failed",
    ]
    for words in (
        "decision   DENIED: no identity-based policy allows it",
        "Condition IpAddress aws:SourceIp",
        "policy   203.0.113.0/24",
        "request  198.51.100.1",
        "add to Condition IpAddress aws:SourceIp: 198.51.100.1",
        "decision   ALLOWED by statement `Office` of reader",
    ):
        assert words in result.stdout, result.stdout


@pytest.mark.parametrize("kind", ["identity", "boundary", "session", "resource", "key", "trust"])
def test_every_kind_of_policy_takes_part(tool, kind):
    action = "sts:AssumeRole" if kind == "trust" else "kms:Encrypt"
    resource = "arn:aws:iam::111122223333:role/r" if kind == "trust" else KEY
    everything = {"Action": action, **({} if kind == "trust" else {"Resource": "*"})}
    owner = {"Principal": {"AWS": "111122223333"}} if kind in ("resource", "key", "trust") else {}
    allow = {"Effect": "Allow", **everything, **owner}
    deny = {"Effect": "Deny", "Sid": "No", **everything, **owner,
            "Condition": {"StringEquals": {"aws:username": "bob"}}}
    document = {"document": {"Version": "2012-10-17", "Statement": [allow, deny]}}
    policies = {"identity": [{"document": statement(Action="*", Resource="*")}]}
    if kind == "identity":
        policies["identity"] = [document]
    else:
        policies[kind] = [document] if kind == "session" else document
    case = {**CASE, "action": action, "resource": resource}
    suite = {
        "policies": policies,
        "cases": [
            {**case, "name": "alice"},
            {**case, "name": "bob", "principal": "arn:aws:iam::111122223333:user/bob", "expect": "explicit-deny", "by": "No"},
            {**case, "name": "nobody's name", "context": {"aws:username": None}},
        ],
    }
    result = tool.run("policy", "test", write(tool, "s.json", suite), check=False)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "3 passed, 0 failed"), result.stdout + result.stderr


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.yaml", "cases:\n  - name: c\n    principle: x\n", "s.yaml:3:"),
        ("s.yaml", "cases:\n  - name: [\n", "s.yaml:"),
        ("s.yaml", "cases: []\ncases: []\n", "s.yaml:2:"),
        ("s.json", '{"cases": [\n  {"name": 1}]}', "s.json:2:"),
        ("s.yaml", "cases: []\npolicies: {identity: [{file: none.json}]}", "none.json"),
        ("s.yaml", "cases: []\npolicies: {identity: [{}]}", "s.yaml:2:23: policies.identity[0] needs either `file` or `document`"),
        ("s.yaml", "cases: []\npolicies: {identity: [{file: bad.json}]}", "bad.json:3:15: Syntax errors in policy."),
        (
            "s.yaml",
            "cases: []\npolicies:\n  identity:\n    - {file: good.json}\n    - document: {Statement: []}",
            "s.yaml:5:7: policies.identity[1]: Syntax errors",
        ),
        (
            "s.yaml",
            "cases: []\npolicies:\n  resource: {file: owned.json}\n  trust: {file: owned.json}",
            "s.yaml:4:10: a request has one resource",
        ),
        ("s.yaml", "policies: {}\ncases: []\n", "s.yaml:2:8: there are no cases"),
        ("s.json", '{"policies": {},\n\t"cases": []}', "s.json:2:11: there are no cases"),
        ("s.yaml", "cases:\n  - {name: c, principal: anonymous, action: 'a:b', expect: refused}", "s.yaml:2:"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_line(tool, name, text, message):
    write(tool, "bad.json", '{\n "Version": "2012-10-17",\n "Statement": 3\n}')
    write(tool, "good.json", statement(Action="*", Resource="*"))
    write(tool, "owned.json", statement(Action="*", Resource="*", Principal="*"))
    result = tool.run("policy", "test", write(tool, name, text), check=False)
    assert result.returncode == 2
    assert message in result.stderr, result.stderr


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("principal", "bob", "`bob` is no principal"),
        ("action", "Decrypt", "`Decrypt` is no action: give one as `kms:Decrypt`"),
        ("action", "kms:Dec*", "`kms:Dec*` is no action: give one as `kms:Decrypt`"),
        ("action", "kms:Decript", "kms has no action Decript; did you mean kms:Decrypt?"),
        ("action", "kns:Decrypt", "there is no service kns; did you mean kms:Decrypt?"),
        ("action", "kms:ReEncrypt", "kms has no action ReEncrypt; did you mean kms:ReEncryptTo?"),
        ("resource", "nonsense", "`nonsense` is no resource: give an ARN or `*`"),
        ("resource", "arn:aws:kms:key/k", "`arn:aws:kms:key/k` is no resource: give an ARN or `*`"),
        ("context", {"aws:SourcIp": "203.0.113.1"}, "there is no condition key aws:SourcIp; did you mean aws:SourceIp?"),
        ("context", {"aws:SourceIp": {}}, "aws:SourceIp needs a text or a list of texts"),
    ],
)
def test_a_case_that_names_what_is_not_there_is_refused_with_its_line(tool, member, value, message):
    """Whatever the policies say such a request would be denied, so that the case would pass."""
    good = {**CASE, "name": "good", "resource": KEY, "expect": "denied", "by": "\N{SMILING FACE WITH OPEN MOUTH}"}
    text = json.dumps({"cases": [good, {**good, "name": "typo", member: value}]}, indent="\t")
    path = write(tool, "s.json", text)
    result = tool.run("policy", "test", path, check=False)
    assert result.returncode == 2 and result.stdout == "0 passed, 0 failed\n"
    place, _, told = result.stderr.removeprefix(f"fastness: {path}:").partition(": ")
    assert told.startswith(f"case `typo`: {message}"), result.stderr
    # A member is at its value; what is wrong with the context is at the case.
    line, column = (int(number) for number in place.split(":"))
    wanted = json.dumps(value) if isinstance(value, str) else "{"
    assert text.splitlines()[line - 1][column - 1 :].startswith(wanted)


def test_lint_tells_place_level_and_code_and_exits_by_the_worst(tool):
    good = write(tool, "good.json", statement(Action="kms:Decrypt", Resource=KEY))
    poor = write(tool, "poor.json", statement(Action="kms:Decrypt", Resource="*"))
    wordy = write(tool, "wordy.json", statement(Action=["s3:Get*", "s3:GetObject"], Resource="*"))
    bad = write(tool, "bad.json", statement(Action=["kms:Decrypt", "kms:Encript"], Resource=KEY))
    for files, code in (([good], 0), ([wordy], 0), ([good, poor], 1), ([poor, bad, wordy], 2)):
        assert tool.run("policy", "lint", *files, check=False).returncode == code, files
    assert not tool.run("policy", "lint", good).stdout
    out = tool.run("policy", "lint", bad, poor, check=False).stdout.splitlines()
    assert out == [
        f"{bad}:7:7: error INVALID_ACTION: kms has no action Encript; did you mean kms:Encrypt?",
        f"{poor}:5:15: warning DECRYPT_WITH_STAR_IN_RESOURCE: everything that any key encrypted may be decrypted: name the keys",
    ]
    found = json.loads(tool.run("policy", "lint", "--json", bad, check=False).stdout)
    assert found == [
        {
            "file": bad,
            "kind": "identity",
            "findings": [
                {
                    "code": "INVALID_ACTION",
                    "level": "error",
                    "message": "kms has no action Encript; did you mean kms:Encrypt?",
                    "line": 7,
                    "column": 7,
                }
            ],
        }
    ]


def test_lint_knows_every_action_that_is_served_and_the_kind_that_is_given(tool):
    actions = {}
    for service in SERVICES:
        lines = tool.run("coverage", service).stdout.splitlines()
        prefix = model(service).signing_name
        actions[service] = [f"{prefix}:{line.split()[1]}" for line in lines if line.split()[1] != "ReEncrypt"]
    many = [action for group in actions.values() for action in group]
    path = write(tool, "all.json", statement(Action=many, Resource="*"))
    assert "INVALID_ACTION" not in tool.run("policy", "lint", path, check=False).stdout
    path = write(tool, "session.json", statement(Action="*", Resource="*"))
    assert tool.run("policy", "lint", path, check=False).returncode == 1
    assert tool.run("policy", "lint", "--kind", "session", path).returncode == 0
    assert tool.run("policy", "lint", "--kind", "key", path, check=False).returncode == 2


# In the Service Authorization Reference, and no operations of the models.
PERMISSIONS = """
    cloudtrail:GenerateQueryResultsSummary cloudtrail:GetEventDataStoreData iam:GetAccountEmailAddress iam:GetAccountName
    iam:ListSTSRegionalEndpointsStatus iam:PassRole iam:SetSTSRegionalEndpointStatus iam:UpdateAccountName kms:ReEncryptFrom
    kms:ReEncryptTo kms:SynchronizeMultiRegionKey sts:GetServiceBearerToken sts:SetContext sts:SetSourceIdentity sts:TagSession
""".split()


def test_lint_knows_actions_and_keys_that_no_operation_is_called_after(tool):
    keys = {"aws:ChatbotSourceArn": "arn:aws:chatbot::*:*", "kms:GrantConstraintSourceArn": "arn:aws:s3:::b"}
    path = write(
        tool, "more.json", statement(Action=PERMISSIONS, Resource="*", Condition={"ArnLike": keys})
    )
    (warning,) = tool.run("policy", "lint", path, check=False).stdout.splitlines()
    assert "PASS_ROLE_WITH_STAR_IN_RESOURCE" in warning
    path = write(tool, "typo.json", statement(Action=[f"{action}x" for action in PERMISSIONS], Resource="*"))
    assert tool.run("policy", "lint", path, check=False).stdout.count("INVALID_ACTION") == len(PERMISSIONS)


def test_lint_names_what_it_cannot_read_and_goes_on(tool):
    binary = tool.directory / "binary.json"
    binary.write_bytes(b"\xff\xfe")
    unread = [str(tool.directory / "none.json"), str(binary), write(tool, "long.json", " " * (1 << 20))]
    good = write(tool, "good.json", statement(Action="kms:Decrypt", Resource=KEY))
    poor = write(tool, "poor.json", statement(Action="kms:Decrypt", Resource="*"))
    for files in ([path] for path in unread):
        result = tool.run("policy", "lint", *files, good, check=False)
        assert result.returncode == 2 and files[0] in result.stderr and not result.stdout
    result = tool.run("policy", "lint", *unread, poor, check=False)
    assert result.returncode == 2 and all(path in result.stderr for path in unread)
    assert "DECRYPT_WITH_STAR_IN_RESOURCE" in result.stdout
    result = tool.run("policy", "lint", "--json", *unread, poor, check=False)
    assert result.returncode == 2 and [found["file"] for found in json.loads(result.stdout)] == [poor]
