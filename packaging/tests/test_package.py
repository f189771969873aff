"""What `cargo xtask package` made, tried as those who are handed it would. FASTNESS_PACKAGE names its folder; `cargo xtask package --try-out` sets it.

It is no part of the tests, as a build of it takes minutes.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from conftest import Fastness  # noqa: E402

PACKAGE = pathlib.Path(os.environ["FASTNESS_PACKAGE"])
PROGRAMS = ("fastness", "fastness-static")


def output(*command, check=True, **more):
    return subprocess.run([str(word) for word in command], check=check, capture_output=True, text=True, timeout=120, **more)


def installed(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


def test_the_checksums_are_of_all_files():
    sums = dict(reversed(line.split("  ")) for line in (PACKAGE / "SHA256SUMS").read_text().splitlines())
    files = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert sums.keys() == files
    output("sha256sum", "--check", "--quiet", "SHA256SUMS", cwd=PACKAGE)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_version_tells_commit_and_date(program):
    assert re.fullmatch(r"fastness \d+\.\d+\.\d+ \([0-9a-f]{12} \d{4}-\d\d-\d\d\)\n", output(PACKAGE / program, "--version").stdout)


def test_one_program_needs_the_c_library_and_the_other_nothing():
    needed = re.findall(r"^\s*(?:/\S*/)?([\w.-]+)", output("ldd", PACKAGE / "fastness").stdout, re.MULTILINE)
    assert {re.sub(r"[.-].*", "", name) for name in needed} <= {"linux", "libgcc_s", "libm", "libc", "ld"}, needed
    done = output("ldd", PACKAGE / "fastness-static", check=False)
    assert "statically linked" in done.stdout or "not a dynamic executable" in done.stderr, done


@pytest.fixture
def deployment(tmp_path, request, monkeypatch):
    """A deployment of a program of the package."""
    own = tmp_path / "program" / "fastness"
    own.parent.mkdir()
    own.symlink_to(PACKAGE / request.param)
    monkeypatch.setenv("FASTNESS_BINARY", str(own))
    fastness = Fastness(tmp_path / "deployment")
    yield fastness
    if fastness.process:
        fastness.kill()


@pytest.mark.parametrize("deployment", PROGRAMS, indirect=True)
def test_both_programs_do_the_main_job(deployment, tmp_path):
    deployment.serve("--tls", listen="localhost:0")
    root = deployment.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = root.kms.encrypt(KeyId=key, Plaintext=b"plain")["CiphertextBlob"]
    assert root.kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"plain"
    pair = root.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    assert root.kms.sign(KeyId=pair, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    user = root.user("nobody")
    with pytest.raises(user.kms.exceptions.ClientError, match="AccessDenied"):
        user.kms.decrypt(CiphertextBlob=sealed)
    data = ("--data", str(deployment.data))
    assert "identity-based policy" in deployment.run("why", "--last", *data).stdout
    backup = tmp_path / "backup"
    deployment.run("backup", *data, "--to", str(backup))
    deployment.stop()
    (own,) = (deployment.directory / "config" / "fastness").glob("*.key")
    done = deployment.run("verify", "--backup", str(backup), "--key-file", str(own))
    assert "It is whole, and the deployment's own." in done.stdout
    assert "Everything is whole." in deployment.run("verify", *data).stdout


@pytest.mark.parametrize("deployment", ["fastness-static"], indirect=True)
def test_the_static_program_refuses_tokens_and_names_the_one_that_does_not(deployment, tmp_path):
    (module,) = [*pathlib.Path("/usr/lib").glob("**/libsofthsm2.so")][:1] or [PACKAGE / "fastness"]
    pin = tmp_path / "pin"
    pin.write_text("1234\n")
    pin.chmod(0o600)
    seal = f'[seal]\nkind = "pkcs11"\nmodule = "{module}"\ntoken = {{ label = "x" }}\npin = {{ path = "{pin}" }}\n'
    (deployment.directory / "settings.toml").write_text(seal)
    done = deployment.run("init", "--data", str(deployment.data), check=False)
    assert done.returncode != 0 and "this is the static program" in done.stderr and "the one named `fastness`" in done.stderr, done


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root becomes a user without an entry")
@pytest.mark.parametrize("program", PROGRAMS)
def test_users_and_hosts_that_only_a_library_knows_do_no_harm(program):
    """Systemd's library, for one, is asked for a user who is in no file."""
    own = pathlib.Path(tempfile.mkdtemp(prefix="fastness-package-", dir="/tmp"))
    try:
        shutil.copy(PACKAGE / program, own / "fastness")
        os.chown(own, 65532, 65532)
        become = ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        serve = [*become, own / "fastness", "serve", "--data", own / "data", "--key-file", own / "key", "--listen", "localhost:0", "--json"]
        with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=own) as process:
            assert json.loads(process.stdout.readline())["endpoint"].startswith("http://")
            export = [*become, own / "fastness", "trail", "export", "--data", own / "data", "--to", "udp://absent.invalid:514"]
            done = output(*export, check=False, cwd=own)
            assert done.returncode == 1 and "absent.invalid:514" in done.stderr, done
            process.terminate()
            assert process.wait(timeout=30) == 0
    finally:
        shutil.rmtree(own)


@installed("dpkg")
def test_the_debian_package_installs_and_goes(tmp_path):
    (package,) = PACKAGE.glob("*.deb")
    root = tmp_path / "root"
    for folder in ("info", "updates", "triggers"):
        (root / "var/lib/dpkg" / folder).mkdir(parents=True)
    for file in ("status", "available"):
        (root / "var/lib/dpkg" / file).touch()
    # What it depends on is the system's, and not in this root.
    dpkg = ["dpkg", f"--root={root}", "--force-depends", "--force-not-root", f"--log={tmp_path}/log"]
    if os.geteuid() != 0:
        output("dpkg-deb", "--extract", package, root)
    else:
        output(*dpkg, "--install", package)
    assert output(root / "usr/bin/fastness", "--version").stdout == output(PACKAGE / "fastness", "--version").stdout
    for path in (
        "usr/lib/systemd/system/fastness.service", "usr/lib/systemd/system/fastness-trail.service", "etc/fastness/fastness.toml",
        "usr/share/bash-completion/completions/fastness", "usr/share/zsh/vendor-completions/_fastness",
        "usr/share/fish/vendor_completions.d/fastness.fish", "usr/share/man/man1/fastness-serve.1", "usr/share/doc/fastness/copyright",
    ):  # fmt: skip
        assert (root / path).is_file(), path
    # The configuration that it brings is one that is taken.
    output(root / "usr/bin/fastness", "quotas", "--config", root / "etc/fastness/fastness.toml")
    if os.geteuid() == 0:
        settings = root / "etc/fastness/fastness.toml"
        settings.write_text("# changed\n")
        output(*dpkg, "--remove", "fastness")
        assert settings.read_text() == "# changed\n" and not (root / "usr/bin/fastness").exists(), "what an administrator wrote stays"
        output(*dpkg, "--purge", "fastness")
        assert not settings.exists()


def test_completions_complete():
    """In each shell that is there, `fastness st` becomes `fastness status`."""
    scripts = PACKAGE / "completions"
    bash = 'source "$0"; COMP_WORDS=(fastness st); COMP_CWORD=1; _fastness fastness st fastness; echo "${COMPREPLY[@]}"'
    assert output("bash", "--norc", "-c", bash, scripts / "fastness.bash").stdout.strip() == "status"
    if shutil.which("zsh"):
        zsh = 'autoload -Uz compinit; compinit -D; source "$0"; print -r -- $_comps[fastness]; whence -w _fastness'
        assert output("zsh", "-f", "-c", zsh, scripts / "fastness.zsh").stdout.split() == ["_fastness", "_fastness:", "function"]
    if shutil.which("fish"):
        fish = output("fish", "--no-config", "-c", f'source "{scripts}/fastness.fish"; complete -C "fastness st"').stdout
        assert fish.startswith("status\t"), fish


@installed("man")
def test_man_pages_render():
    pages = sorted((PACKAGE / "man").iterdir())
    assert len(pages) > 30 and {"fastness.1", "fastness-trail-check.1"} <= {page.name for page in pages}
    for page in pages:
        done = output("man", "--local-file", "--warnings", page, env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
        assert not done.stderr and page.stem in done.stdout and "SYNOPSIS" in done.stdout, (page, done.stderr)


@installed("systemd-analyze")
@pytest.mark.parametrize("unit", ["fastness.service", "fastness-trail.service"])
def test_systemd_finds_nothing_wrong_with_the_units(unit, tmp_path):
    copy = tmp_path / unit
    copy.write_text((PACKAGE / unit).read_text().replace("/usr/bin/fastness", str(PACKAGE / "fastness")))
    done = output("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copy)
    assert not done.stderr, done


@installed("buildah")
def test_the_container_builds_on_any_base_with_a_c_library(tmp_path):
    """The recipe's steps, on this machine's own C library, as its base may be out of reach."""
    if os.geteuid() != 0:
        pytest.skip("building without root needs subordinate ids")
    base = tmp_path / "base"
    needed = re.findall(r"(/\S+) \(0x", output("ldd", PACKAGE / "fastness").stdout)
    for program in ("/bin/sh", "/usr/bin/install"):
        needed += [program, *re.findall(r"(/\S+) \(0x", output("ldd", program).stdout)]
    for path in {*needed}:
        copy = base / path.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            shutil.copy(pathlib.Path(path).resolve(), copy)
    (base / "tmp").mkdir()
    (base / "var/lib").mkdir(parents=True)
    recipe = (PACKAGE / "Containerfile").read_text()
    (base / "Containerfile").write_text("FROM scratch\nCOPY . /\nENV PATH=/usr/bin:/bin\n")
    storage = ["--root", tmp_path / "storage", "--runroot", tmp_path / "run", "--storage-driver", "vfs"]
    build = ["buildah", *storage, "build", "--isolation", "chroot", "--format", "docker"]
    output(*build, "--tag", "localhost/base", base)
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy(PACKAGE / "fastness", context)
    (context / "Containerfile").write_text(re.sub(r"^FROM .*$", "FROM localhost/base", recipe, flags=re.MULTILINE))
    output(*build, "--pull-never", "--tag", "localhost/fastness", context)
    container = output("buildah", *storage, "from", "--pull-never", "localhost/fastness").stdout.strip()
    config = output("buildah", *storage, "inspect", "--format", "{{.Docker.Config}}", container).stdout
    assert "65532:65532" in config and "/usr/bin/fastness" in config
    done = output("buildah", *storage, "run", "--isolation", "chroot", container, "--", "/usr/bin/fastness", "init", "--data", "/var/lib/fastness", check=False)
    assert done.returncode == 0 and "Created a deployment in /var/lib/fastness" in done.stdout, done
