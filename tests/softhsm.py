"""SoftHSM, a PKCS#11 token in software: where it is, and looking into its tokens with PyKCS11, from outside of the server."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys

import pytest


def softhsm():
    """Where SoftHSM is: as `cargo xtask test` says, else where it puts it."""
    named = os.environ.get("FASTNESS_SOFTHSM")
    places = [named] if named else ["/", pathlib.Path.home() / ".cache/fastness/softhsm"]
    for place in map(pathlib.Path, places):
        if (place / "usr/bin/softhsm2-util").exists():
            return place
    pytest.fail("SoftHSM is not there: `cargo xtask test` fetches it")


class SoftHsm:
    """SoftHSM with a directory of its own, in which there is no token yet."""

    def __init__(self, directory):
        self.tokens = directory / "tokens"
        self.tokens.mkdir()
        self.configuration = directory / "softhsm2.conf"
        self.configuration.write_text(f"directories.tokendir = {self.tokens}\nlog.level = ERROR\n")
        self.module = softhsm() / "usr/lib/softhsm/libsofthsm2.so"
        self.environment = {"SOFTHSM2_CONF": str(self.configuration)}

    @property
    def reach(self):
        """What a server needs besides of files, for `[process]`."""
        return {"read": [str(self.configuration)], "write": [str(self.tokens)]}

    def ask(self, work):
        """Runs a script over `library`, and gives what it put into `answer`. It runs in a process of its own, as a library is one of its
        process."""
        script = (
            "import json, sys\n"
            "from PyKCS11 import *\n"
            "library = PyKCS11Lib()\n"
            "library.load(sys.argv[1])\n"
            "def slot(label):\n"
            "    slots = library.getSlotList(tokenPresent=True)\n"
            "    return next(s for s in slots if library.getTokenInfo(s).label.strip('\\0 ') == label)\n"
            "answer = None\n"
            f"{work}\n"
            "print(json.dumps(answer))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(self.module)],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def set_user(self, label, officer, pin):
        """What activates a cluster: its security officer gives its token's user a PIN."""
        self.ask(
            f"session = library.openSession(slot({label!r}), CKF_SERIAL_SESSION | CKF_RW_SESSION)\n"
            f"session.login({officer!r}, CKU_SO)\nsession.initPin({pin!r})"
        )

    def secret_keys(self, label, pin):
        """The secret keys in a token, and what tells whether they can leave it."""
        return self.ask(
            f"session = library.openSession(slot({label!r}), CKF_SERIAL_SESSION | CKF_RW_SESSION)\n"
            f"session.login({pin!r})\n"
            "names = ['CKA_LABEL', 'CKA_SENSITIVE', 'CKA_ALWAYS_SENSITIVE', 'CKA_EXTRACTABLE', 'CKA_NEVER_EXTRACTABLE',"
            " 'CKA_LOCAL', 'CKA_VALUE_LEN']\n"
            "answer = []\n"
            "for key in session.findObjects([(CKA_CLASS, CKO_SECRET_KEY)]):\n"
            "    try:\n"
            "        values = session.getAttributeValue(key, [globals()[name] for name in names])\n"
            "    except PyKCS11Error as error:\n"
            # The server may remove a key while they are walked.
            "        if error.value == CKR_OBJECT_HANDLE_INVALID:\n"
            "            continue\n"
            "        raise\n"
            "    found = dict(zip(names, values))\n"
            "    try:\n"
            "        found['value'] = session.getAttributeValue(key, [CKA_VALUE])[0] is not None\n"
            "    except PyKCS11Error as error:\n"
            "        found['value'] = False\n"
            "    answer.append(found)"
        )


class HangingHsm(SoftHsm):
    """The same, behind a library that does not answer while it is told to hang."""

    def __init__(self, directory):
        super().__init__(directory)
        self.hang_file = directory / "hang"
        self.inner = self.module
        self.module = directory / "libhanging.so"
        source = pathlib.Path(__file__).parent / "hanging_pkcs11.c"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", self.module, source], check=True)
        self.environment["FASTNESS_TEST_MODULE"] = str(self.inner)
        self.environment["FASTNESS_TEST_HANG"] = str(self.hang_file)

    @property
    def reach(self):
        return {**super().reach, "read": [*super().reach["read"], str(self.inner)]}

    @contextlib.contextmanager
    def hanging(self):
        self.hang_file.touch()
        try:
            yield
        finally:
            self.hang_file.unlink()
