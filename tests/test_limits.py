"""Limits of connections: slow and silent clients, floods, oversized requests; others are answered meanwhile."""

import contextlib
import os
import re
import resource
import select
import socket
import ssl
import subprocess
import threading
import time
from urllib.parse import urlsplit

import pytest
from conftest import SETTINGS, Fastness, binary, toml, wait_for
from raw import exchange, json_call, query_call, sent

SOON = 15  # seconds by which something that takes one or two must have happened
IDLE = 10_000  # connections that are held


def place(fastness):
    url = urlsplit(fastness.endpoint)
    return url.hostname, url.port


def connect(fastness, source="127.0.0.1", buffer=None):
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(SOON)
    connection.bind((source, 0))
    connection.connect(place(fastness))
    return connection


def answer_to(fastness, data, source="127.0.0.1"):
    """Sends a request from an address of this host and reads its answer."""
    with connect(fastness, source) as connection:
        return sent(connection, data)


def closed(connection):
    """Waits until the server has closed a connection, and returns what it said before."""
    said = b""
    try:
        while data := connection.recv(65536):
            said += data
    except ConnectionError:
        pass
    return said


def serve(directory, text):
    deployment = Fastness(directory)
    path = deployment.directory / "fastness.toml"
    path.write_text(text + toml(SETTINGS))
    return deployment.serve("--config", str(path))


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A deployment with short times."""
    deployment = serve(
        tmp_path_factory.mktemp("strict"),
        "[limits]\nconnections = 64\nhandshake-seconds = 1\nhead-seconds = 1\nidle-seconds = 3\nbody-seconds = 2\nanswer-seconds = 1\n"
        "bytes-per-second-min = 1000\nbytes-in-flight = 1048576\n",
    )
    yield deployment
    deployment.stop()


@pytest.fixture(scope="module")
def root(strict):
    return strict.root()


@pytest.fixture
def answering(root):
    """Calls all along, of which none may fail."""
    failures, calls, stop = [], [0], threading.Event()

    def call():
        client = root.client("sts")
        while not stop.is_set():
            try:
                client.get_caller_identity()
                calls[0] += 1
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    wait_for(lambda: calls[0])
    yield calls
    stop.set()
    thread.join(timeout=30)
    assert not failures and calls[0] > 1, failures


def test_a_connection_that_says_nothing_is_closed(strict, answering):
    with connect(strict) as connection:
        assert closed(connection) == b""


def test_an_idle_connection_is_closed_after_its_time(strict, root, answering):
    request = json_call(root, "kms", "ListKeys").bytes()
    with connect(strict) as connection:
        for _ in range(2):
            connection.sendall(request)
            assert connection.recv(100_000).startswith(b"HTTP/1.1 200")
        start = time.monotonic()
        assert closed(connection) == b"" and time.monotonic() - start > 1


@pytest.mark.parametrize("head", [b"P", b"POST / HTTP/1.1\r\nHost: a\r\n", b"POST / HTTP/1.1\r\nX: " + b"a" * 30_000])
def test_a_head_that_does_not_end(strict, answering, head):
    with connect(strict) as connection:
        connection.sendall(head)
        assert closed(connection) == b""


def drip(connection, data, pause=0.1):
    """Sends byte by byte until the server hangs up or all is sent; returns what it said."""
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
        except OSError:
            break
        if select.select([connection], [], [], pause)[0]:
            break
    return closed(connection)


def test_a_head_that_drips(strict, root, answering):
    request = json_call(root, "kms", "ListKeys").bytes()
    with connect(strict) as connection:
        assert drip(connection, request) == b"", "each byte is in time, all of them are not"


def test_many_heads_that_drip(strict, root, answering):
    """More than there may be connections; whoever does not drip is served."""
    with contextlib.ExitStack() as stack:
        loris = []
        for _ in range(100):
            connection = stack.enter_context(connect(strict))
            connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            loris.append(connection)
        for connection in loris:
            assert closed(connection) == b""


def body(root, size):
    return json_call(root, "kms", "ListKeys", body=b'{"Limit": 1' + b" " * (size - 12) + b"}")


def test_a_body_that_does_not_come(strict, root, answering):
    head, _, rest = body(root, 5000).bytes().partition(b"\r\n\r\n")
    for part in (b"", rest[:1000]):
        with connect(strict) as connection:
            connection.sendall(head + b"\r\n\r\n" + part)
            said = closed(connection)
        assert said.startswith(b"HTTP/1.1 408 ") and b"connection: close" in said.lower()


def test_a_body_that_drips(strict, root, answering):
    head, _, rest = body(root, 400).bytes().partition(b"\r\n\r\n")
    with connect(strict) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert drip(connection, rest).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_is_slow_but_not_too_slow(strict, root):
    """A large body may take longer than a small one: what counts is the rate."""
    head, _, rest = body(root, 12_000).bytes().partition(b"\r\n\r\n")
    with connect(strict) as connection:
        connection.sendall(head + b"\r\n\r\n")
        start = time.monotonic()
        for i in range(0, len(rest), 2000):
            connection.sendall(rest[i : i + 2000])
            time.sleep(0.4)
        assert time.monotonic() - start > 2
        assert connection.recv(100_000).startswith(b"HTTP/1.1 200")


def test_bodies_that_drip_in_chunks(strict, root, answering):
    request = json_call(root, "kms", "ListKeys")
    request.replace("Content-Length", None)
    request.headers.append(("Transfer-Encoding", "chunked"))
    request.body = b""
    with connect(strict) as connection:
        connection.sendall(request.bytes())
        assert drip(connection, b"1\r\n \r\n" * 200).startswith(b"HTTP/1.1 408 ")


def test_memory_for_bodies_is_bounded(strict, root):
    """A mebibyte for all together: bodies that wait for their last byte leave no room for another."""
    parts = [body(root, 500_000).bytes() for _ in range(3)]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(strict)) for _ in parts]
        for connection, data in zip(connections[:2], parts):
            connection.sendall(data[:-1])
        time.sleep(0.5)
        connections[2].sendall(parts[2][:-1])
        said = closed(connections[2])
        assert said.startswith(b"HTTP/1.1 503 "), said
        # What has little to say is served meanwhile, and those that were there first are too.
        root.sts.get_caller_identity()
        for connection, data in zip(connections[:2], parts):
            connection.sendall(data[-1:])
            assert connection.recv(100_000).startswith(b"HTTP/1.1 200")
    assert body(root, 500_000).send().status == 200, "what was held is given back"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A deployment with the limits that it has by itself."""
    deployment = Fastness(tmp_path_factory.mktemp("plain")).serve()
    yield deployment
    deployment.stop()


def announced(size, *headers):
    return b"\r\n".join([b"POST / HTTP/1.1", b"Host: kms", b"Content-Length: %d" % size, *headers, b"", b""])


def test_one_address_cannot_hold_all_memory(plain):
    """More bodies than fit into 64 MiB, large ones and then small ones for the rest: others are served, and so is who says little."""
    root = plain.root()
    little = json_call(root, "kms", "ListKeys").bytes()
    large = body(root, 500_000).bytes()
    with contextlib.ExitStack() as stack:

        def hold(size):
            # Some are refused before all is sent: they are over the share of one address.
            with contextlib.suppress(OSError):
                stack.enter_context(connect(plain)).sendall(announced(1 << 20) + b"x" * size)

        for size in [1_000_000] * 67 + [108_500, 300, 40, 20]:
            hold(size)
        while (mine := answer_to(plain, large)).status == 200:
            hold(300_000)
        assert mine.error[0] == "ServiceUnavailableException"
        assert mine.headers["x-amzn-requestid"] and mine.headers["connection"] == "close"
        for source in ("127.0.0.1", "127.0.0.2"):
            assert answer_to(plain, little, source).status == 200
        assert answer_to(plain, large, "127.0.0.2").status == 200
    assert wait_for(lambda: answer_to(plain, large, "127.0.0.1").status == 200, SOON), "what was held is given back"


def test_refusals_for_lack_of_memory_have_the_form_of_their_protocol(strict, root):
    large = query_call(root, "iam", "ListUsers", body=b"Action=ListUsers&Version=2010-05-08&X=" + b"x" * 500_000).bytes()
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(connect(strict)).sendall(announced(1 << 20) + b"x" * 500_000)
        time.sleep(0.5)
        reply = answer_to(strict, large)
    assert reply.status == 503 and reply.error == ("ServiceUnavailable", "Service is unavailable."), reply


def test_behind_a_trusted_proxy_each_client_has_its_share_of_memory(tmp_path):
    fastness = serve(
        tmp_path,
        'trusted-proxies = ["127.0.0.1"]\n[limits]\nbytes-in-flight = 4194304\nbytes-in-flight-per-address = 1048576\n',
    )
    root = fastness.root()

    def large(client):
        request = body(root, 500_000)
        request.headers.append(("X-Forwarded-For", client))
        return request.bytes()

    with connect(fastness) as one, connect(fastness) as other:
        for connection in (one, other):
            connection.sendall(announced(1 << 20, b"X-Forwarded-For: 203.0.113.9") + b"x" * 500_000)
        time.sleep(1)
        assert answer_to(fastness, large("203.0.113.9")).status == 503
        assert answer_to(fastness, large("203.0.113.10")).status == 200
    fastness.stop()


@contextlib.contextmanager
def besieged(fastness, data, dialers):
    """One address dials again as soon as it is hung up on, and says the same each time."""
    stop, dialled = threading.Event(), [0] * dialers

    def dial(number):
        while not stop.is_set():
            with contextlib.suppress(OSError), connect(fastness) as connection:
                dialled[number] += 1
                connection.sendall(data)
                while not stop.is_set() and not select.select([connection], [], [], 0.2)[0]:
                    pass

    threads = [threading.Thread(target=dial, args=(number,)) for number in range(dialers)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: all(dialled), SOON)
        yield dialled
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=30)


@pytest.mark.parametrize("held", [1_000_000, 9_000])
def test_an_address_that_dials_again_and_again_keeps_nobody_out(plain, held):
    root = plain.root()
    with besieged(plain, announced(1 << 20) + b"x" * held, 80):
        for _ in range(60):
            for size in (12, 60_000, 500_000):
                assert answer_to(plain, body(root, size).bytes(), "127.0.0.2").status == 200


def test_an_address_that_takes_all_connections_keeps_nobody_out(tmp_path):
    """Requests whose bodies do not come are no better than connections without any."""
    fastness = serve(tmp_path, "[limits]\nconnections = 64\n")
    root = fastness.root()
    with besieged(fastness, announced(100), 100) as dialled:
        for _ in range(3):
            assert answer_to(fastness, json_call(root, "kms", "ListKeys").bytes(), "127.0.0.2").status == 200
        assert sum(dialled) > 100
    fastness.stop()


def test_a_body_that_stops_loses_its_place(tmp_path):
    """Two addresses hold all memory; who comes then is refused, and a little later served: what stopped was cut off."""
    fastness = serve(tmp_path, "[limits]\nbytes-in-flight = 1048576\nbody-seconds = 300\n")
    large = body(fastness.root(), 500_000).bytes()
    with connect(fastness, "127.0.0.2") as one, connect(fastness, "127.0.0.3") as other:
        for connection in (one, other):
            connection.sendall(announced(1 << 20) + b"x" * 500_000)
        time.sleep(1)
        assert answer_to(fastness, large).status == 503
        wait_for(lambda: answer_to(fastness, large).status == 200, SOON)
        assert closed(one) == b"" and closed(other) == b""
    fastness.stop()


@pytest.mark.parametrize("headers", [(), (b"Expect: 100-continue",)])
@pytest.mark.parametrize("size", [(1 << 20) + 1, 99_999_999, 10**18])
def test_a_body_announced_as_too_large_is_not_waited_for(strict, answering, size, headers):
    target = b"X-Amz-Target: TrentService.ListKeys"
    with connect(strict) as connection:
        connection.sendall(announced(size, target, b"Content-Type: application/x-amz-json-1.1", *headers))
        said = closed(connection)
    assert said.startswith(b"HTTP/1.1 413 ") and b"RequestEntityTooLargeException" in said and said.count(b"HTTP/1.1") == 1


def test_a_body_of_good_size_is_asked_for(strict, root):
    request = body(root, 5000)
    request.headers.append(("Expect", "100-continue"))
    head, _, rest = request.bytes().partition(b"\r\n\r\n")
    with connect(strict) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(rest)
        assert connection.recv(100_000).startswith(b"HTTP/1.1 200 ")


def test_long_heads_count_as_memory(strict, root):
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(strict)) for _ in range(40)]
        for connection in connections:
            connection.sendall(b"POST / HTTP/1.1\r\nX: " + b"a" * 60_000)
        for connection in connections:
            assert closed(connection) == b""
    assert body(root, 500_000).send().status == 200, "what was held is given back"


@pytest.mark.parametrize(
    "head",
    [
        b"X: " + b"a" * 70_000,
        b"\r\n".join(b"X-%d: %s" % (i, b"a" * 800) for i in range(90)),
        b"\r\n".join(b"X-%d: a" % i for i in range(100)),
        b"A" * 70_000 + b": a",
    ],
    ids=["one header", "all headers", "a hundred headers", "a name"],
)
def test_heads_that_are_too_large(strict, answering, head):
    reply = exchange(strict.endpoint, b"POST / HTTP/1.1\r\nHost: kms\r\n" + head + b"\r\n\r\n")
    assert reply is None or reply.status == 431, reply


def test_a_request_line_that_is_too_long(strict, answering):
    reply = exchange(strict.endpoint, b"GET /?" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: kms\r\n\r\n")
    assert reply is None or reply.status in (414, 431), reply


def test_a_client_that_never_reads(strict, root, answering):
    """It asks and asks; its answers fill its own buffers and the server's, and then it is cut off."""
    for name in range(20):
        root.kms.create_key(Description="x" * 8000)
    ask = json_call(root, "cloudtrail", "LookupEvents", {"MaxResults": 50}).bytes()
    with connect(strict, buffer=4096) as connection:
        connection.settimeout(1)
        sent = 0
        end = time.monotonic() + 60
        try:
            while time.monotonic() < end:
                with contextlib.suppress(TimeoutError):
                    sent += connection.send(ask)
        except ConnectionError:
            return
        raise AssertionError(f"it was never cut off, after {sent} bytes")


def test_connections_beyond_the_maximum_take_the_place_of_idle_ones(strict, root):
    with contextlib.ExitStack() as stack:
        # The oldest of them is busy, and is not what is closed.
        busy = stack.enter_context(connect(strict))
        request = json_call(root, "kms", "ListKeys").bytes()
        busy.sendall(request[:-1])
        for _ in range(63):
            stack.enter_context(connect(strict))
        for _ in range(20):
            assert json_call(root, "kms", "ListKeys").send().status == 200
        busy.sendall(request[-1:])
        assert busy.recv(100_000).startswith(b"HTTP/1.1 200")


def test_a_flood_of_connections(strict, root, answering):
    """Connections that come and go as fast as they can, with noise or nothing."""
    before = answering[0]
    noise = os.urandom(2000)
    for i in range(3000):
        with contextlib.suppress(OSError), socket.create_connection(place(strict), timeout=SOON) as connection:
            if i % 3:
                connection.sendall(noise if i % 2 else b"GET / HTTP/1.1\r\n")
    wait_for(lambda: answering[0] > before + 10, SOON)


def memory(fastness):
    """The resident memory of the server, in bytes."""
    with open(f"/proc/{fastness.process.pid}/status", encoding="utf-8") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024


@pytest.fixture(scope="module")
def descriptors():
    """As many as this process may have, beside those it needs."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Root may raise what others may not.
    most = max(before[1], IDLE + 1000) if os.geteuid() == 0 else before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield most - 500
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def hold(fastness, used, silent=0, wrap=lambda connection: connection):
    """Holds connections that said nothing and others on each of which a call was answered, and calls meanwhile.

    Returns the memory for each of those that were used.
    """
    root = fastness.root()
    root.sts.get_caller_identity()
    ask = json_call(root, "kms", "ListKeys").bytes()
    with contextlib.ExitStack() as stack:
        start = memory(fastness)
        quiet = [stack.enter_context(connect(fastness)) for _ in range(silent)]
        middle = memory(fastness)
        held = []
        for _ in range(used):
            connection = stack.enter_context(wrap(connect(fastness)))
            connection.sendall(ask)
            held.append(connection)
        for connection in held:
            assert connection.recv(100_000).startswith(b"HTTP/1.1 200")
        each = (memory(fastness) - middle) / used
        print(f"\n{fastness.endpoint}: {used} idle connections, {each:.0f} bytes each", end="")
        print(f"; {silent} silent ones, {(middle - start) / silent:.0f}" if silent else "")
        for _ in range(20):
            root.kms.list_keys()
        # They are all there still: the first and the last are answered.
        for connection in (held[0], held[-1], *quiet[:1], *quiet[-1:]):
            connection.sendall(json_call(root, "kms", "ListKeys").bytes())
            assert connection.recv(100_000).startswith(b"HTTP/1.1 200")
    return each


def test_ten_thousand_idle_connections(tmp_path, descriptors):
    assert descriptors >= IDLE, f"a process may open no more than {descriptors + 500} files here (ulimit -Hn)"
    # As long as this client takes to make them.
    fastness = serve(tmp_path, "[limits]\nhandshake-seconds = 300\nidle-seconds = 300\n")
    assert hold(fastness, IDLE // 5, IDLE - IDLE // 5) < 48 * 1024
    fastness.stop()


def test_idle_connections_with_tls(fresh, descriptors):
    """Fewer, as their handshakes take this client long."""
    fresh.serve("--tls")
    context = ssl.create_default_context(cafile=fresh.ca_bundle)
    wrap = lambda connection: context.wrap_socket(connection, server_hostname="localhost")  # noqa: E731
    assert hold(fresh, min(1000, descriptors), wrap=wrap) < 96 * 1024
    fresh.stop()


def test_handshakes_that_do_not_end(tmp_path):
    fastness = serve(tmp_path, "[tls]\n[limits]\nhandshake-seconds = 1\n")
    root = fastness.root()
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connect(fastness)) for _ in range(200)]
        for i, connection in enumerate(slow):
            connection.sendall(hello[: i % (len(hello) + 1)])
        for _ in range(10):
            root.sts.get_caller_identity()
        for connection in slow:
            assert closed(connection) == b""
    fastness.stop()


def test_an_unfinished_record_counts_like_an_unfinished_head(tmp_path):
    fastness = serve(tmp_path, "[tls]\n[limits]\nhead-seconds = 1\n")
    fastness.root()
    context = ssl.create_default_context(cafile=fastness.ca_bundle)
    raw = connect(fastness)
    inner, outer = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(inner, outer, server_hostname="localhost")
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            raw.sendall(outer.read())
            inner.write(raw.recv(65536))
    raw.sendall(outer.read())
    tls.write(b"GET / HTTP/1.1\r\n")
    raw.sendall(outer.read()[:-1])
    closed(raw)
    raw.close()
    fastness.stop()


def test_fewer_files_mean_fewer_connections(fresh):
    """The limit of connections fits the limit of open files, whatever is configured."""
    path = fresh.directory / "fastness.toml"
    path.write_text("[limits]\nconnections = 10000\n")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    fresh.run("init", "--data", str(fresh.data))

    with open(fresh.directory / "log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [binary(), "serve", "--data", str(fresh.data), "--listen", "127.0.0.1:0", "--config", str(path)],
            env=fresh.environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, min(300, limit[1]))),
        )
    try:
        fresh.endpoint = process.stdout.readline().split()[-1]
        told = (fresh.directory / "log").read_text()
        assert '"connections":44' in told and "fewer connections than configured" in told
        root = fresh.root()
        with contextlib.ExitStack() as stack:
            root.sts.get_caller_identity()
            for _ in range(200):
                stack.enter_context(connect(fresh))
            # Also over the connection that is kept: what never had a request is closed first.
            for _ in range(20):
                root.sts.get_caller_identity()
        assert "could not accept" not in (fresh.directory / "log").read_text()
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[limits]\nconnections = 0\n", "invalid value"),
        ("[limits]\nidle-seconds = -1\n", "invalid value"),
        ('[limits]\nhead-seconds = "1"\n', "invalid type"),
        ("[limits]\nheads = 1\n", "unknown field `heads`"),
        ("[limits]\nbytes-in-flight = 1000\n", "bytes-in-flight is 1000, and must be at least 1048576"),
        ("[limits]\nbytes-in-flight-per-address = 1000\n", "per-address is 1000, and must be at least 1048576"),
        ('trusted-proxies = ["proxy"]\n', "`proxy`: an address"),
        ('trusted-proxies = ["10.0.0.1/8"]\n', "bits set beyond its prefix"),
    ],
)
def test_limits_that_are_none(fresh, text, told):
    path = fresh.directory / "fastness.toml"
    path.write_text(text)
    done = fresh.run("serve", "--data", str(fresh.data), "--config", str(path), check=False)
    assert done.returncode == 1 and told in done.stderr, done
    assert not fresh.data.exists()
