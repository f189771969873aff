"""Certificates as OpenSSL makes them, for the tests of TLS and of what takes certificates."""

import pathlib
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

KINDS = {
    "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ed25519": ["-algorithm", "ED25519"],
}


def openssl(*args, **how):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, timeout=60, **how)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def self_signed(days=30, kind="ec"):
    """A certificate of a new key that is kept nowhere, in PEM."""
    new = ["-newkey", "rsa:2048"] if kind == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    return openssl("req", "-x509", *new, "-noenc", "-keyout", "/dev/null", "-subj", "/CN=signer", "-days", days).decode()


def public_key():
    """The public key of a new pair of RSA, in PEM."""
    return openssl("pkey", "-pubout", input=openssl("genpkey", *KINDS["rsa"])).decode()


@dataclass
class Pair:
    """A certificate and its key, in files."""

    certificate: pathlib.Path
    key: pathlib.Path


def key(path, kind="ec"):
    openssl("genpkey", *KINDS[kind], "-out", path)
    path.chmod(0o600)
    return path


class Authority:
    """A certificate authority in a directory."""

    def __init__(self, directory, name="authority"):
        self.directory, self.name = directory, name
        self.key = key(directory / f"{name}.key")
        self.certificate = directory / f"{name}.pem"
        openssl(
            *("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", 30, "-out", self.certificate),
            *("-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def issue(
        self, name, kind="ec", days=30, since=0, usage="serverAuth", names="DNS:localhost,IP:127.0.0.1", ca=False
    ):
        """A certificate that is valid from so many days before now until so many after."""
        pair = Pair(self.directory / f"{name}.pem", key(self.directory / f"{name}.key", kind))
        request = self.directory / f"{name}.csr"
        openssl("req", "-new", "-key", pair.key, "-subj", f"/CN={name}", "-out", request)
        settings = self.directory / f"{name}.cnf"
        settings.write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={self.directory / self.name}.index\nrand_serial=yes\n"
            f"new_certs_dir={self.directory}\ndefault_md=default\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n"
            f"[leaf]\nbasicConstraints=critical,CA:{str(ca).lower()}\nsubjectAltName={names}\n"
            + (f"extendedKeyUsage={usage}\n" if usage else "")
            + "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        (self.directory / f"{self.name}.index").touch()
        now = datetime.now(timezone.utc)
        begin, end = (f"{now + timedelta(days=day):%Y%m%d%H%M%SZ}" for day in (-since, days))
        openssl(
            *("ca", "-batch", "-notext", "-config", settings, "-cert", self.certificate, "-keyfile", self.key),
            *("-startdate", begin, "-enddate", end, "-extensions", "leaf", "-in", request, "-out", pair.certificate),
        )
        return pair
