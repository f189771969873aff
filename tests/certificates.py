"""Certificates as OpenSSL makes them, for the tests of TLS."""

import pathlib
import subprocess
from dataclasses import dataclass

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
        self.directory, self.name, self.serial = directory, name, 1000
        self.key = key(directory / f"{name}.key")
        self.certificate = directory / f"{name}.pem"
        openssl(
            *("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", 30, "-out", self.certificate),
            *("-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def issue(self, name, kind="ec", days=30, usage="serverAuth", names="DNS:localhost,IP:127.0.0.1", ca=False):
        pair = Pair(self.directory / f"{name}.pem", key(self.directory / f"{name}.key", kind))
        request = openssl("req", "-new", "-key", pair.key, "-subj", f"/CN={name}")
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(
            f"basicConstraints=critical,CA:{str(ca).lower()}\nsubjectAltName={names}\n"
            + (f"extendedKeyUsage={usage}\n" if usage else "")
            + "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        self.serial += 1
        openssl(
            *("x509", "-req", "-CA", self.certificate, "-CAkey", self.key, "-set_serial", self.serial),
            *("-days", days, "-extfile", extensions, "-out", pair.certificate),
            input=request,
        )
        return pair
