"""Three people who follow only the README: a developer, an operator, an auditor. What it tells them to type is run as it stands."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from conftest import binary, wait_for

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(\w*) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)")
# Building takes minutes: `cargo xtask package` and its tests do that.
NOT_RUN = {"install"}
ROLES = {"developer": ["developer"], "operator": ["operator"], "auditor": ["operator", "auditor"]}


def blocks(role):
    return [text for _, label, text in BLOCK.findall(README) if label == role]


def follow(tmp_path, role):
    """Types all of a role's blocks into one shell, in an empty home, and stops what was started."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "fastness").symlink_to(binary())
    home = tmp_path / "home"
    home.mkdir()
    script = "\n".join(["set -euo pipefail", "trap 'code=$?; kill $(jobs -p) 2>/dev/null || true; wait; exit $code' EXIT", *(text for label in ROLES[role] for text in blocks(label))])
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "FASTNESS_", "XDG_"))}
    path = os.pathsep.join([str(programs), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
    # The README's servers listen where servers do by default; here that may be another's port.
    environment = {**kept, "HOME": str(home), "PATH": path, "TMPDIR": str(tmp_path), "FASTNESS_LISTEN": "127.0.0.1:0"}
    done = subprocess.run(
        ["bash"], input=script, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_every_block_of_shell_is_somebody_s():
    labels = {label for language, label, _ in BLOCK.findall(README) if language == "sh"}
    assert labels == NOT_RUN | set(ROLES), "a block of shell in the README that nobody runs"


def test_the_developer(tmp_path):
    done = follow(tmp_path, "developer")
    assert "AccessDeniedException" in done.stderr
    # What the README shows is what the command prints, but for what differs from run to run.
    shown = next(text for language, _, text in BLOCK.findall(README) if language == "text")
    blur = lambda text: re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.]+Z|AIDA\w+|\d{12}", "…", text)  # noqa: E731
    assert blur(shown) in blur(done.stdout), done.stdout
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("fastness-dev-")]


def test_the_operator(tmp_path):
    done = follow(tmp_path, "operator")
    home = tmp_path / "home" / "fastness"
    assert ":user/admin" in done.stdout and "Everything is whole." in done.stdout and "Unsealed" in done.stdout
    assert (home / "shares.txt").read_text().count("FSS1-") == 3
    wait_for(lambda: not (home / "data" / "serving.json").exists())


def test_the_auditor(tmp_path):
    done = follow(tmp_path, "auditor")
    events = [line.split("\t")[1:] for line in done.stdout.splitlines() if line.endswith(("CreateUser", "DeleteUser"))]
    assert events == [["admin", "DeleteUser"], ["admin", "CreateUser"]]
    assert done.stdout.count("Everything is whole.") >= 3


@pytest.mark.parametrize("page", ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(page):
    path = ROOT / page
    missing = [
        link for link in LINK.findall(path.read_text()) if "://" not in link and not (path.parent / link).exists()
    ]
    assert not missing


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= set(LINK.findall(index))


def test_the_seed_of_the_page_on_tests_is_one(tmp_path):
    page = (ROOT / "docs" / "tests.md").read_text()
    (seed,) = (text for language, _, text in BLOCK.findall(page) if language == "yaml")
    path = tmp_path / "seed.yaml"
    path.write_text(seed)
    done = subprocess.run(
        [binary(), "dev", "--seed", str(path), "--", "true"],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_commands_of_the_documentation_are_there():
    """Each `fastness COMMAND` of README and docs, with the options that it is shown with."""
    told = {}
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for command, options in re.findall(r"(?:`|^ {4}|^)fastness ([a-z][a-z-]*(?: [a-z]+)?)((?: [^`|;\n]+)?)", page.read_text(), re.MULTILINE):
            words = command.split()
            told.setdefault(tuple(words), set()).update(re.findall(r"--[a-z][a-z-]+", options.split(" -- ")[0].split("#")[0]))
    assert len(told) > 15
    for words, options in told.items():
        for size in (2, 1):
            done = subprocess.run([binary(), *words[:size], "--help"], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                break
        assert done.returncode == 0, f"fastness {' '.join(words)}: {done.stderr}"
        missing = {option for option in options if option not in done.stdout}
        assert not missing, f"fastness {' '.join(words)} has no {missing}"
