"""A PostgreSQL and a MariaDB, once a session: on loopback, with TLS, on free ports, in directories of their own."""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

import certificates
import pg8000.native
import pymysql
import pytest

# Who serves PostgreSQL, which does not let root do it.
NOBODY = "nobody"
MASTER = "master"
MASTER_PASSWORD = "master-Password-1"


def place():
    """Where the packages of databases.txt are unpacked: as `cargo xtask test` says, else where it puts them."""
    named = os.environ.get("FASTNESS_DATABASES")
    return pathlib.Path(named) if named else pathlib.Path.home() / ".cache/fastness/databases"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A database server that runs."""

    # Its tries to get a port that nobody takes before it does.
    TRIES = 5

    def __init__(self, directory, authority):
        self.directory, self.ca = directory, authority.certificate
        self.process = None
        self.pair = authority.issue(self.engine)
        self.prepare()
        for _ in range(self.TRIES):
            self.port = free_port()
            if self.started():
                return
            self.stop()
        pytest.fail(f"{self.engine} does not start:\n{(directory / 'log').read_text()[-4000:]}")

    def started(self):
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.how)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.ask(MASTER, MASTER_PASSWORD, "SELECT 1")
                return True
            except Exception:  # noqa: BLE001
                time.sleep(0.1)
        return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(30)

    def credentials(self, username, password, **more):
        """What a secret holds."""
        return {
            "engine": self.engine,
            "host": "127.0.0.1",
            "port": self.port,
            "username": username,
            "password": password,
            "dbname": self.database,
            **more,
        }

    def works(self, username, password):
        """True if somebody can log in."""
        try:
            self.ask(username, password, "SELECT 1")
        except self.refusals as error:
            assert self.refused(error), error
            return False
        return True


class Postgres(Server):
    engine, database = "postgres", "postgres"
    refusals = pg8000.exceptions.DatabaseError

    @staticmethod
    def programs():
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        return (found or sorted((place() / "usr/lib/postgresql").glob("*/bin/initdb")) or [None])[-1]

    def prepare(self):
        initdb = self.programs()
        self.how = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(NOBODY)
            self.how = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            if not initdb.is_relative_to("/usr"):
                # Root's cache is closed to others.
                shutil.copytree(place(), self.directory / "programs", symlinks=True)
                initdb = self.directory / "programs" / initdb.relative_to(place())
            for path in [self.directory, self.pair.key, self.pair.certificate]:
                os.chown(path, user.pw_uid, user.pw_gid)
        self.home, self.bin = self.directory / "data", initdb.parent
        secret = self.directory / "password"
        secret.write_text(MASTER_PASSWORD)
        secret.chmod(0o644)
        done = subprocess.run(
            [initdb, "-D", self.home, "-U", MASTER, "--pwfile", secret, "-A", "scram-sha-256", "--no-sync", "-E", "UTF8"],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.directory,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            **self.how,
        )
        assert done.returncode == 0, done.stderr
        self.how.update(cwd=self.directory, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"})

    def command(self):
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "ssl": "on",
            "ssl_cert_file": self.pair.certificate,
            "ssl_key_file": self.pair.key,
            "log_statement": "all",
            "fsync": "off",
        }
        return [self.bin / "postgres", "-D", self.home, *(f"--{name}={value}" for name, value in settings.items())]

    def ask(self, username, password, *statements):
        # A plain connection: what is tested is the password.
        with pg8000.native.Connection(
            username, "127.0.0.1", self.database, self.port, password, timeout=30
        ) as connection:
            return [connection.run(statement) for statement in statements][-1]

    @staticmethod
    def refused(error):
        return error.args[0].get("C", "").startswith("28")

    def create_user(self, name, password):
        self.ask(MASTER, MASTER_PASSWORD, f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}'")


class MariaDb(Server):
    engine, database = "mariadb", None
    refusals = pymysql.err.OperationalError

    @staticmethod
    def programs():
        return next((path for path in [pathlib.Path("/usr/sbin/mariadbd"), place() / "usr/sbin/mariadbd"] if path.exists()), None)

    def prepare(self):
        self.program = self.programs()
        root = self.program.parents[2]
        self.share = root / "usr/share/mysql"
        self.home = self.directory / "data"
        self.home.mkdir()
        libraries = ":".join(str(path) for path in [*root.glob("usr/lib/*-linux-gnu"), *root.glob("lib/*-linux-gnu")])
        self.how = {"env": {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": libraries if root != pathlib.Path("/") else ""}}
        files = ["mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql"]
        tables = "\n".join((self.share / name).read_text() for name in files)
        script = (
            f"CREATE DATABASE mysql;\nUSE mysql;\n{tables}\nCREATE DATABASE app;\nFLUSH PRIVILEGES;\n"
            f"CREATE USER '{MASTER}'@'%' IDENTIFIED BY '{MASTER_PASSWORD}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO '{MASTER}'@'%' WITH GRANT OPTION;\n"
        )
        done = subprocess.run(
            [*self.options(), "--bootstrap"], input=script, capture_output=True, text=True, timeout=120, **self.how
        )
        assert done.returncode == 0, done.stderr

    def options(self):
        return [
            self.program,
            "--no-defaults",
            *(["--user=root"] if os.geteuid() == 0 else []),
            f"--datadir={self.home}",
            f"--tmpdir={self.directory}",
            f"--lc-messages-dir={self.share}",
            f"--character-sets-dir={self.share / 'charsets'}",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=16M",
        ]

    def command(self):
        return [
            *self.options(),
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            f"--socket={self.directory / 'socket'}",
            f"--pid-file={self.directory / 'pid'}",
            f"--ssl-cert={self.pair.certificate}",
            f"--ssl-key={self.pair.key}",
            "--skip-name-resolve",
            "--skip-log-bin",
        ]

    def ask(self, username, password, *statements, tls=False):
        how = {"ssl_ca": str(self.ca)} if tls else {"ssl_disabled": True}
        connection = pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user=username,
            # PyMySQL takes text for Latin-1.
            password=password.encode(),
            connect_timeout=30,
            autocommit=True,
            **how,
        )
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()

    @staticmethod
    def refused(error):
        return error.args[0] in (1045, 1698)

    def create_user(self, name, password):
        self.ask(MASTER, MASTER_PASSWORD, f"CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'")


def served(kind):
    """A server of this kind while it is used."""
    if kind.programs() is None:
        pytest.skip(f"{kind.engine} is not there, and its Debian packages cannot be had: left out")
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"fastness-{kind.engine}-"))
    directory.chmod(0o755)
    server = None
    try:
        server = kind(directory, certificates.Authority(directory))
        yield server
    finally:
        if server:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres():
    yield from served(Postgres)


@pytest.fixture(scope="session")
def mariadb():
    yield from served(MariaDb)
