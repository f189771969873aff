"""The trail leaves the house: all of it, in order, to files, syslog and a collector, over restarts, with receipts."""

import hashlib
import http.server
import json
import os
import pwd
import socket
import ssl
import subprocess
import threading

import certificates
import pytest
from conftest import Caller, Fastness, binary, events, wait_for


def export(fastness, *flags, code=0):
    done = fastness.run("trail", "export", "--data", str(fastness.data), *flags, check=False)
    assert done.returncode == code, done
    return done


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def receipt(done):
    return json.loads(done.stderr.splitlines()[-1])["receipt"]


@pytest.fixture(scope="module")
def world(root):
    """Records in two Regions."""
    root.kms.create_key()
    Caller(root.fastness, root.key, root.secret, region="eu-central-1").kms.create_key()
    root.iam.create_user(UserName="somebody")
    return root


def test_all_regions_in_order_with_a_receipt_that_verify_confirms(fastness, world):
    done = export(fastness)
    found = lines(done.stdout)
    made = [entry for entry in found if entry["eventName"] == "CreateKey"]
    assert {entry["awsRegion"] for entry in made} == {"us-east-1", "eu-central-1"}
    assert {"kms.amazonaws.com", "iam.amazonaws.com", "fastness.amazonaws.com"} <= {entry["eventSource"] for entry in found}
    # What LookupEvents answers is here in the same words.
    ids = {entry["eventID"]: entry for entry in found}
    looked_up = [entry for entry in events(world) if entry["eventID"] in ids]
    assert looked_up and all(ids[entry["eventID"]] == entry for entry in looked_up)
    told = receipt(done)
    assert told["records"] == len(found) and told["from"] == 0 and told["to"] == len(found)
    assert told["sha256"] == hashlib.sha256(done.stdout.encode()).hexdigest()
    verified = fastness.run("verify", "--data", str(fastness.data), "--contains", told["head"])
    assert f"contains  {told['head']}: contained" in verified.stdout


def test_an_export_goes_on_where_it_was_acknowledged(fastness, world, tmp_path):
    position, target = tmp_path / "position", tmp_path / "trail.jsonl"
    flags = ("--position", str(position), "--to", str(target))
    export(fastness, *flags)
    first = len(target.read_text().splitlines())
    assert json.loads(position.read_text())["next"] == first and target.stat().st_mode & 0o777 == 0o600
    world.kms.list_keys()
    told = receipt(export(fastness, *flags))
    whole = target.read_text()
    assert told["from"] == first and told["records"] == len(whole.splitlines()) - first > 0
    ids = [entry["eventID"] for entry in lines(whole)]
    assert len(ids) == len(set(ids))
    assert any(entry["eventName"] == "ListKeys" for entry in lines(whole)[first:])
    # The position of another deployment means nothing here.
    kept = json.loads(position.read_text())
    position.write_text(json.dumps({**kept, "deployment": "other"}))
    assert "it is of deployment other" in export(fastness, *flags, code=7).stderr
    # Nor does one that this history has not come to: it is an older copy.
    position.write_text(json.dumps({**kept, "next": kept["next"] + 10_000}))
    assert "another history" in export(fastness, *flags, code=7).stderr


def chained(lines, count):
    """The digest of so many lines, as docs/trail-export.md defines it."""
    digest = "0" * 64
    for line in lines[:count]:
        digest = hashlib.sha256(f"{digest}\n{line}\n".encode()).hexdigest()
    return digest


def check(fastness, receipts, *files, code=0):
    done = fastness.run("trail", "check", "--receipts", str(receipts), *map(str, files), "--json", check=False)
    assert done.returncode == code, done
    return json.loads(done.stdout)


def test_a_receipt_covers_what_all_runs_exported(fastness, world, tmp_path):
    position, target, receipts = tmp_path / "position", tmp_path / "trail.jsonl", tmp_path / "receipts"
    flags = ("--position", str(position), "--to", str(target), "--receipts", str(receipts))
    for _ in range(3):
        export(fastness, *flags)
        world.kms.list_keys()
    told = [entry["receipt"] for entry in lines(receipts.read_text())]
    whole = target.read_text().splitlines()
    assert [entry["chain"]["records"] for entry in told] == [entry["to"] for entry in told] and len(whole) == told[-1]["to"]
    for entry in told:
        assert entry["chain"] == {"from": 0, "records": entry["to"], "sha256": chained(whole, entry["to"])}
    found = check(fastness, receipts, target)
    assert found["whole"] and found["head"] == told[-1]["head"] and found["records"] == len(whole) and found["receipts"] == 3
    assert fastness.run("verify", "--data", str(fastness.data), "--contains", found["head"]).returncode == 0
    # An acknowledgement that was lost, and a write that was cut off: a page goes out again, on lines of its own.
    kept = json.loads(position.read_text())
    with open(target, "a", encoding="utf-8") as file:
        file.write("\n".join([*whole[-2:], whole[-1][:40]]))
    export(fastness, *flags)
    again = check(fastness, receipts, target)
    assert again["whole"] and again["repeated"] == 2 and again["torn"] == 1 and again["records"] > len(whole)
    assert json.loads(position.read_text())["chain"]["records"] == again["records"] > kept["chain"]["records"]
    # Several files are one export, and so is standard input; what no receipt covers yet is told.
    (tmp_path / "first").write_text("\n".join(whole[:3]) + "\n")
    (tmp_path / "rest").write_text("\n".join([*whole[3:], '{"eventID":"later"}']) + "\n")
    assert check(fastness, receipts, tmp_path / "first", tmp_path / "rest", code=5)["findings"], "the last receipt's lines are missing"
    (tmp_path / "three").write_text("\n".join(receipts.read_text().splitlines()[:3]) + "\n")
    assert check(fastness, tmp_path / "three", tmp_path / "first", tmp_path / "rest")["beyond"] == 1
    # Whatever is changed is found, and where.
    changed = tmp_path / "changed"
    cut = told[0]["to"]
    for altered in (whole[:1] + whole[2:], whole[:1] + [whole[1].replace("eventName", "eventname")] + whole[2:], [*whole[:2][::-1], *whole[2:]]):
        changed.write_text("\n".join(altered) + "\n")
        found = check(fastness, tmp_path / "three", changed, code=5)
        assert not found["whole"] and f"records 1 to {cut} are not those" in found["findings"][0], found
    changed.write_text("\n".join(whole[:-1]) + "\n")
    assert f"records {len(whole)} to {len(whole)}" in check(fastness, tmp_path / "three", changed, code=5)["findings"][0]
    assert fastness.run("trail", "check", "--receipts", str(target), str(target), check=False).returncode == 5
    assert fastness.run("trail", "check", "--receipts", "/dev/null", str(target), check=False).returncode == 3


def test_who_commanded_is_found_by_a_look_up(fastness, world):
    export(fastness, "--to", "/dev/null")
    name = f"operator/{pwd.getpwuid(os.getuid()).pw_name}"
    found = events(world, LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": name}])
    newest = next(entry for entry in found if entry["eventName"] == "ExportTrail")
    assert newest["userIdentity"]["userName"] == name and newest["userIdentity"]["principalId"].startswith("uid:")
    assert newest["serviceEventDetails"]["to"] == "/dev/null" and newest["serviceEventDetails"]["operator"]["pid"] > 0


def udp():
    """A socket that takes datagrams, and where it is."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    listener.bind(("127.0.0.1", 0))
    listener.settimeout(30)
    return listener, f"udp://127.0.0.1:{listener.getsockname()[1]}"


def test_syslog_over_tcp_has_every_record(fastness, world):
    received = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take():
            connection, _ = server.accept()
            with connection:
                while chunk := connection.recv(65536):
                    received.extend(chunk)

        thread = threading.Thread(target=take)
        thread.start()
        told = receipt(export(fastness, "--to", f"tcp://127.0.0.1:{server.getsockname()[1]}"))
        thread.join(30)
    messages, rest = [], bytes(received)
    while rest:
        length, _, rest = rest.partition(b" ")
        messages.append(rest[: int(length)])
        rest = rest[int(length) :]
    assert len(messages) == told["records"]
    head, _, record = messages[-1].decode().partition(" - {")
    assert head.startswith("<110>1 20") and " fastness - " in head and head.endswith("ExportTrail")
    assert json.loads("{" + record)["eventName"] == "ExportTrail"


def test_syslog_over_datagrams(fastness, world, tmp_path):
    path = str(tmp_path / "log")
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    unix.bind(path)
    unix.settimeout(30)
    over_udp, udp_at = udp()
    newest = receipt(export(fastness, "--to", "/dev/null"))["to"]
    with unix, over_udp:
        # Few, so that no buffer is full: whoever reads is not there yet.
        for listener, target in ((unix, f"unix:{path}"), (over_udp, udp_at)):
            export(fastness, "--from", str(newest), "--to", target)
            message = listener.recv(65536).decode()
            assert message.startswith("<110>1 ") and '"eventVersion"' in message


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, self.headers["Authorization"], self.headers["Content-Type"]))
        refused = self.server.refusals > 0
        self.server.refusals -= refused
        if not refused:
            self.server.lines += body.decode().splitlines()
        self.send_response(503 if refused else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def collector(tmp_path):
    """An HTTPS server that keeps the lines it is sent."""
    authority = certificates.Authority(tmp_path)
    pair = authority.issue("collector")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.seen, server.lines, server.refusals = [], [], 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = f"https://localhost:{server.server_port}/in?source=fastness"
    server.ca = authority.certificate
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join(30)
    server.server_close()


class Follower:
    """`fastness trail export --follow`, ended in the end."""

    def __init__(self, fastness, *flags):
        command = [binary(), "trail", "export", "--follow", "--data", str(fastness.data), *flags]
        self.process = subprocess.Popen(command, env=fastness.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(timeout=30)


def test_a_collector_gets_everything_over_restarts_of_both(fresh, collector, tmp_path):
    token = tmp_path / "token"
    token.write_text("Bearer abc\n")
    receipts = tmp_path / "receipts.jsonl"
    flags = ("--to", collector.url, "--ca-file", str(collector.ca), "--authorization-file", str(token), "--position",
             str(tmp_path / "position"), "--receipts", str(receipts), "--receipt-every", "1")
    collector.refusals = 1
    fresh.serve()
    names = lambda: [json.loads(line)["eventName"] for line in collector.lines]  # noqa: E731
    with Follower(fresh, *flags):
        fresh.root().kms.create_key()
        wait_for(lambda: "CreateKey" in names(), 60)
        # The server goes and comes back.
        fresh.kill()
        fresh.serve()
        fresh.root().kms.list_keys()
        wait_for(lambda: "ListKeys" in names(), 60)
    # The exporter went, and comes back.
    fresh.root().kms.list_aliases()
    with Follower(fresh, *flags):
        wait_for(lambda: "ListAliases" in names(), 60)
        wait_for(lambda: receipts.exists() and receipts.read_text().count("\n") >= 1, 60)
    assert ("/in?source=fastness", "Bearer abc", "application/x-ndjson") in collector.seen
    ids = list(dict.fromkeys(json.loads(line)["eventID"] for line in collector.lines))
    stored = [entry["eventID"] for entry in lines(export(fresh).stdout)]
    assert ids == stored[: len(ids)], "in order, and none is missing"
    heads = [entry["receipt"]["head"] for entry in lines(receipts.read_text())]
    contains = [word for head in heads for word in ("--contains", head)]
    assert "MISSING" not in fresh.run("verify", "--data", str(fresh.data), *contains).stdout


def test_a_collector_that_cannot_be_trusted_gets_nothing(fresh, collector):
    fresh.run("init", "--data", str(fresh.data))
    failed = export(fresh, "--to", collector.url, code=1)
    assert "localhost" in failed.stderr and not collector.seen
    assert "no target" in export(fresh, "--to", "http://localhost:1/x", code=2).stderr


def test_a_stopped_deployment_is_exported_as_well(fresh):
    fresh.serve()
    fresh.root().kms.create_key()
    fresh.stop()
    assert "CreateKey" in [entry["eventName"] for entry in lines(export(fresh).stdout)]
