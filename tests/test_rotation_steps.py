"""Steps of rotations against a real PostgreSQL and a real MariaDB: the password changes, the old one stops working."""

import json
import os
import subprocess
import threading

import pytest
from databases import MASTER, MASTER_PASSWORD

KINDS = {"postgres": "PostgreSQL", "mariadb": "MariaDB"}


def once(server, step, template, **asked):
    """What comes of one step."""
    program = os.environ.get("FASTNESS_ROTATE_ONCE")
    if not program:
        pytest.fail("FASTNESS_ROTATE_ONCE does not name the program: `cargo xtask test` builds it")
    said = subprocess.run(
        [program],
        input=json.dumps(
            {
                "step": step,
                "template": f"SecretsManagerRDS{KINDS[server.engine]}Rotation{template}",
                "ca": str(server.ca),
                "ports": [server.port],
                **asked,
            }
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(said.stdout)


def rotate(server, template, current, password, **more):
    """All steps, and the new version."""
    pending = once(server, "create", template, current=current, password=password)["value"]
    assert once(server, "set", template, current=current, pending=pending, **more) == {}
    assert once(server, "test", template, pending=pending) == {}
    # Each step may be repeated.
    assert once(server, "set", template, current=current, pending=pending, **more) == {}
    return pending


@pytest.fixture(params=list(KINDS))
def server(request):
    return request.getfixturevalue(request.param)


def master(server):
    return json.dumps(server.credentials(MASTER, MASTER_PASSWORD, ssl=True))


@pytest.mark.parametrize("ssl", [True, False, None], ids=["tls", "plain", "unsaid"])
def test_a_users_own_password_changes(server, ssl):
    user, first, second = f"single-{ssl}", "first 'Password\\ 1", "second \"Password' \\2 é"
    server.create_user(user, "start-Password-0")
    current = json.dumps(server.credentials(user, "start-Password-0", **({} if ssl is None else {"ssl": ssl})))
    then = rotate(server, "SingleUser", current, first)
    assert server.works(user, first) and not server.works(user, "start-Password-0")
    now = rotate(server, "SingleUser", then, second)
    assert server.works(user, second) and not server.works(user, first)
    assert json.loads(now) == {**json.loads(current), "password": second}


def test_a_rotation_that_was_broken_off_goes_on_from_the_previous_password(server):
    server.create_user("broken", "start-Password-0")
    previous = json.dumps(server.credentials("broken", "start-Password-0"))
    current = json.dumps(server.credentials("broken", "never-Password-1"))
    pending = json.dumps(server.credentials("broken", "next-Password-2"))
    said = once(server, "set", "SingleUser", current=current, pending=pending)
    assert said["failure"] == "Refused" and "Password" not in said["message"]
    assert once(server, "set", "SingleUser", current=current, pending=pending, previous=previous) == {}
    assert server.works("broken", "next-Password-2") and not server.works("broken", "start-Password-0")


def test_tls_that_cannot_be_trusted_is_not_spoken(server):
    server.create_user("untrusting", "start-Password-0")
    pending = json.dumps(server.credentials("untrusting", "start-Password-0", ssl=True))
    assert once(server, "test", "SingleUser", pending=pending, ca=None)["failure"] == "Tls"
    assert once(server, "test", "SingleUser", pending=pending) == {}


def test_two_users_take_turns_and_no_log_in_fails(server):
    server.create_user("turns", "start-Password-0")
    if server.engine == "postgres":
        server.ask(MASTER, MASTER_PASSWORD, "CREATE TABLE turned (n int)", "INSERT INTO turned VALUES (7)")
        server.ask(MASTER, MASTER_PASSWORD, "GRANT SELECT ON turned TO turns")
    else:
        server.ask(MASTER, MASTER_PASSWORD, "CREATE TABLE app.turned (n int)", "INSERT INTO app.turned VALUES (7)")
        server.ask(MASTER, MASTER_PASSWORD, "GRANT SELECT ON app.turned TO turns@'%'")
    table, more = ("turned", {}) if server.engine == "postgres" else ("app.turned", {"dbname": "app"})
    values = [json.dumps(server.credentials("turns", "start-Password-0", ssl=True, **more))]
    failures, reads, stop = [], [], threading.Event()

    def client():
        while not stop.is_set():
            value = json.loads(values[-1])
            try:
                reads.append(server.ask(value["username"], value["password"], f"SELECT n FROM {table}")[0][0])
            except Exception as error:  # noqa: BLE001
                failures.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        for number in range(1, 4):
            values.append(rotate(server, "MultiUser", values[-1], f"next-Password-{number}", master=master(server)))
    finally:
        stop.set()
        thread.join()
    assert not failures and set(reads) == {7}
    assert [json.loads(value)["username"] for value in values] == ["turns", "turns_clone"] * 2
    # The current one and the one before it work, and none before.
    assert server.works("turns_clone", "next-Password-3") and server.works("turns", "next-Password-2")
    assert not server.works("turns_clone", "next-Password-1") and not server.works("turns", "start-Password-0")


def test_who_does_not_know_the_current_password_gets_no_copy_of_its_user(server):
    server.create_user("deputy", "start-Password-0")
    current = json.dumps(server.credentials("deputy", "guessed-Password-1"))
    pending = once(server, "create", "MultiUser", current=current, password="next-Password-2")["value"]
    said = once(server, "set", "MultiUser", current=current, pending=pending, master=master(server))
    assert said["failure"] == "Refused"
    assert not server.works("deputy_clone", "next-Password-2")


def test_hostile_names_are_names(server):
    name = "o'q\"u`o;te\\ DROP"
    if server.engine == "postgres":
        server.ask(MASTER, MASTER_PASSWORD, "CREATE ROLE \"o'q\"\"u`o;te\\ DROP\" LOGIN PASSWORD 'start-Password-0'")
    else:
        server.ask(MASTER, MASTER_PASSWORD, "CREATE USER `o'q\"u``o;te\\ DROP`@'%' IDENTIFIED BY 'start-Password-0'")
    value = json.dumps(server.credentials(name, "start-Password-0"))
    value = rotate(server, "MultiUser", value, "next-Password-1", master=master(server))
    assert server.works(f"{name}_clone", "next-Password-1")
    rotate(server, "MultiUser", value, "next-Password-2", master=master(server))
    assert server.works(name, "next-Password-2") and not server.works(name, "start-Password-0")


def test_passwords_are_not_in_the_servers_log_of_statements(postgres):
    postgres.create_user("logged", "start-Password-0")
    value = rotate(postgres, "SingleUser", json.dumps(postgres.credentials("logged", "start-Password-0")), "hidden-Password-1")
    rotate(postgres, "MultiUser", value, "hidden-Password-2", master=master(postgres))
    log = (postgres.directory / "log").read_text()
    assert 'ALTER ROLE "logged" PASSWORD' in log and "hidden-Password" not in log


def test_demands_on_tls_go_over_to_the_other_user(mariadb):
    mariadb.ask(MASTER, MASTER_PASSWORD, "CREATE USER strict@'%' IDENTIFIED BY 'start-Password-0' REQUIRE SSL")
    value = json.dumps(mariadb.credentials("strict", "start-Password-0", ssl=True))
    rotate(mariadb, "MultiUser", value, "next-Password-1", master=master(mariadb))
    assert not mariadb.works("strict_clone", "next-Password-1")
    assert mariadb.ask(MASTER, MASTER_PASSWORD, "SELECT ssl_type FROM mysql.user WHERE User = 'strict_clone'")[0][0] in ("ANY", b"ANY")
