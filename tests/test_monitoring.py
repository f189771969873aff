"""What can be seen of a server from outside: metrics, health, traces and logs, and that no secret is in any of them."""

import base64
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from conftest import SERVICES, SETTINGS, Caller, Fastness, allow, deny, document, refused, toml, wait_for
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from raw import connect, json_call, query_call, sign
from test_program import forms

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "monitoring.md"


class Collector:
    """Takes spans as a collector of OpenTelemetry does, and keeps the bytes."""

    def __init__(self):
        collector, self.bodies, self.paths, self.answer = self, [], [], (200, b"{}")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = collector.answer
                if status == 200:
                    collector.bodies.append(body)
                collector.paths.append((self.path, self.headers["Content-Type"]))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spans(self):
        return [
            span
            for body in list(self.bodies)
            for resource in json.loads(body)["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    def of(self, request_id):
        """The span of a call, once it has come."""
        return wait_for(lambda: next((s for s in self.spans() if facts(s).get("aws.request_id") == request_id), None))

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def facts(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span.get("attributes", [])}


def ask(deployment, path, method="GET"):
    """Status, headers and text of an answer of the monitoring listener."""
    monitor = urlsplit(deployment.monitor)
    with contextlib.closing(http.client.HTTPConnection(monitor.hostname, monitor.port, timeout=10)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()


def metrics(deployment):
    """All samples, by name and labels."""
    status, _, text = ask(deployment, "/metrics")
    assert status == 200
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {(sample.name, *sorted(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples), "two samples of one name and labels"
    return found


def value(samples, name, **labels):
    return samples.get((name, *sorted(labels.items())), 0)


def serve(deployment, collector=None, ratio=1, level="info", **more):
    """Serves a deployment with its monitoring listener, and traces if there is somebody to take them."""
    settings = {**SETTINGS, "monitor": {"listen": "127.0.0.1:0"}, "log": {"level": level, "format": "json"}, **more}
    if collector:
        settings["telemetry"] = {"otlp-endpoint": collector.endpoint, "sampling-ratio": ratio}
    path = deployment.directory / "watched.toml"
    path.write_text(toml(settings))
    deployment.serve("--config", str(path))
    find(deployment)
    return deployment


def find(deployment):
    """Notes where the monitoring listener is: with port 0, elsewhere after each start."""
    deployment.monitor = json.loads((deployment.data / "serving.json").read_text())["monitor"]


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def fastness(tmp_path_factory, collector):
    deployment = serve(Fastness(tmp_path_factory.mktemp("watched")), collector, level="trace")
    yield deployment
    deployment.stop()


def test_the_exposition_is_openmetrics(fastness, root):
    root.kms.list_keys()
    status, headers, text = ask(fastness, "/metrics")
    assert (status, headers["content-type"]) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert text.endswith("\n# EOF\n") and text.count("# EOF") == 1
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.type != "unknown" for family in families)
    assert all(sample.labels["le"] == "+Inf" for family in families for sample in family.samples[-1:] if "le" in sample.labels)
    status, headers, body = ask(fastness, "/metrics", "HEAD")
    assert (status, body) == (200, "") and int(headers["content-length"]) > 1000


def test_page_and_registry_agree(fastness, root):
    """Every metric has its line on the page, with its type, and no other has one; alerts name metrics that there are."""
    page = PAGE.read_text()
    listed = dict(re.findall(r"^\| `([a-z_]+)`[^|]*\| (\w+) \|", page, re.MULTILINE))
    _, _, text = ask(fastness, "/metrics")
    suffix = {"counter": "_total", "info": "_info"}
    found = {family.name + suffix.get(family.type, ""): family.type for family in text_string_to_metric_families(text)}
    assert listed == found
    samples = set(found) | {name + end for name, kind in found.items() if kind == "histogram" for end in ("_bucket", "_count", "_sum")}
    expressions = re.findall(r"^ *expr: (.*)$", page, re.MULTILINE)
    assert len(expressions) > 5
    for expression in expressions:
        named = set(re.findall(r"\b(?:fastness|process)_\w+", expression))
        assert named and named <= samples, expression


def test_each_outcome_is_counted(fastness, root):
    nobody = root.user("nobody", deny("*"))
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    forger = Caller(fastness, root.key, "x" * 40)
    stranger = Caller(fastness, "AKIA" + "X" * 16, "x" * 40)
    before = metrics(fastness)

    for _ in range(3):
        root.kms.encrypt(KeyId=key, Plaintext=b"p")
    refused(nobody.kms.encrypt, KeyId=key, Plaintext=b"p")
    refused(nobody.iam.list_users)
    refused(forger.kms.encrypt, KeyId=key, Plaintext=b"p")
    refused(stranger.sts.get_caller_identity)
    refused(root.kms.encrypt, KeyId="alias/none", Plaintext=b"p")
    json_call(root, "kms", "Encrypt", {"KeyId": key}).send()
    json_call(root, "kms", "Encrypt", body=b"{").send()
    json_call(root, "kms", "ConnectCustomKeyStore", {"CustomKeyStoreId": "cks-1"}).send()
    unsigned = json_call(root, "kms", "Encrypt", {"KeyId": key, "Plaintext": "cA=="})
    unsigned.replace("Authorization", None)
    unsigned.send()
    large = json_call(root, "kms", "Encrypt", body=b"x" * (1 << 21))
    assert large.send().status == 413

    after = metrics(fastness)

    def grown(name, **labels):
        return value(after, name, **labels) - value(before, name, **labels)

    def calls(service, operation, protocol, outcome):
        labels = {"service": service, "operation": operation, "protocol": protocol, "outcome": outcome}
        return grown("fastness_requests_total", **labels)

    assert calls("kms", "Encrypt", "json_1_1", "ok") == 3
    assert calls("kms", "Encrypt", "json_1_1", "denied") == 1
    assert calls("iam", "ListUsers", "query", "denied") == 1
    assert calls("kms", "Encrypt", "json_1_1", "unauthenticated") == 2
    assert calls("sts", "GetCallerIdentity", "query", "unauthenticated") == 1
    assert calls("kms", "Encrypt", "json_1_1", "client_error") == 4
    assert calls("kms", "ConnectCustomKeyStore", "json_1_1", "client_error") == 1
    assert grown("fastness_denials_total", service="kms") == 1 == grown("fastness_denials_total", service="iam")
    assert grown("fastness_signature_failures_total", kind="mismatch") == 1
    assert grown("fastness_signature_failures_total", kind="unknown_key") == 1
    assert grown("fastness_signature_failures_total", kind="missing") == 1
    assert grown("fastness_request_duration_seconds_count", service="kms", operation="Encrypt") == 10
    assert 0 < grown("fastness_request_duration_seconds_sum", service="kms", operation="Encrypt") < 60
    assert grown("fastness_request_bytes_total") > 300 and grown("fastness_response_bytes_total") > 1000
    # Each of these calls left one record, and a commit that was durable.
    assert grown("fastness_audit_records_total") == 13
    assert grown("fastness_store_commits_total") == 13 == grown("fastness_store_group_transactions_sum")
    assert grown("fastness_store_commit_duration_seconds_count") > 0
    assert grown("fastness_connections_total") >= 5
    assert value(after, "fastness_requests_in_flight") == 0 == value(after, "fastness_store_waiting_commits")
    assert value(after, "fastness_store_journal_bytes") > value(before, "fastness_store_journal_bytes")


def test_what_comes_too_fast_is_counted_apart(fresh):
    serve(fresh, quotas={"kms:CreateKey": 0.01, "unidentified:source": 0.01, "unidentified:all": 0.01})
    root = fresh.root()
    root.kms.create_key()
    refused(root.kms.create_key)
    forger = Caller(fresh, root.key, "x" * 40)
    for _ in range(4):
        refused(forger.kms.list_keys)
    samples = metrics(fresh)

    def calls(operation, outcome):
        labels = {"service": "kms", "operation": operation, "protocol": "json_1_1", "outcome": outcome}
        return value(samples, "fastness_requests_total", **labels)

    assert (calls("CreateKey", "ok"), calls("CreateKey", "throttled")) == (1, 1)
    # Strangers whose refusals are no longer recorded one by one are answered and counted alike.
    assert (calls("ListKeys", "unauthenticated"), calls("ListKeys", "throttled")) == (4, 0)
    assert value(samples, "fastness_signature_failures_total", kind="mismatch") == 4


def test_gauges_of_process_seal_and_store(fastness, root):
    samples = metrics(fastness)
    version = fastness.run("--version").stdout.split()[1]
    assert value(samples, "fastness_build_info", version=version) == 1
    assert value(samples, "fastness_ready") == 1 and value(samples, "fastness_sealed") == 0
    assert value(samples, "fastness_seal_slots", kind="key-file") == 1
    assert value(samples, "fastness_store_poisoned") == 0
    assert abs(value(samples, "process_start_time_seconds") - time.time()) < 600
    pid = fastness.process.pid
    resident = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024
    assert 0.5 < value(samples, "process_resident_memory_bytes") / resident < 2
    assert abs(value(samples, "process_open_fds") - len(os.listdir(f"/proc/{pid}/fd"))) < 10
    assert value(samples, "process_cpu_seconds_total") > 0
    with connect(fastness.endpoint):
        wait_for(lambda: value(metrics(fastness), "fastness_connections_open") > 0)


def test_names_that_callers_make_up_add_no_series(fastness, root):
    hostile = ["Nope", 'a"b', "x" * 200, "evil\\n", "Encrypt{}", "é", "# EOF", "NOT_SUCH_1", "NOT_SUCH_2"]

    def send():
        for name in hostile:
            target = name.encode().decode("latin-1")
            sign(root, "kms", b"{}", {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{target}"}).send()
            sign(root, "kms", b"{}", {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}).send()
            query_call(root, "iam", name).send()
            sign(root, "sts", b"", method="GET", query="Action=Nope" + str(len(name))).send()
            json_call(root, "kms", "ListKeys", region="xx-" + "a" * len(name) + "-1").send()
            json_call(root, "kms", "ListKeys", scope=f"svc{len(name)}").send()

    send()
    once = metrics(fastness)
    send()
    twice = metrics(fastness)
    assert set(once) == set(twice)
    key = {"service": "kms", "operation": "unknown", "protocol": "json_1_1", "outcome": "client_error"}
    assert value(twice, "fastness_requests_total", **key) > value(once, "fastness_requests_total", **key) > 0
    names = {label for sample in twice for name, label in sample[1:] if name in ("service", "operation")}
    models = PAGE.parent.parent / "models"
    known = {"unknown", "kms-xks-proxy", *SERVICES}
    for service in SERVICES:
        known |= set(json.loads((models / f"{service}.json").read_text())["operations"])
    assert names <= known, names - known


def test_the_listener_takes_little(fastness):
    for path in ("/", "/metrics/", "/metrics2", "/readyz/x", "/debug/pprof", "//metrics"):
        assert ask(fastness, path)[0] == 404, path
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(fastness, "/metrics", method)[0] == 405, method
    assert ask(fastness, "/metrics?x=1")[0] == 200
    with connect(fastness.monitor) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100_000)
        with contextlib.suppress(ConnectionResetError):
            assert b" 431 " in connection.recv(1000).split(b"\r\n")[0]
    with connect(fastness.monitor) as connection:
        connection.sendall(b"\x16\x03\x01 what\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b" 400 " in connection.recv(1000).split(b"\r\n")[0]


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nX: ", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_idle_connections_are_in_nobody_s_way(fastness, said):
    """More than are open at once, silent, with half a head, or kept after an answer: the oldest are closed for others."""
    health = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(fastness.monitor)) for _ in range(400)]
        for connection in idle:
            with contextlib.suppress(OSError):
                connection.sendall(said)
        for _ in range(10):
            assert ask(fastness, "/healthz")[:3:2] == (200, "alive\n")
        idle[-1].close()
    with connect(fastness.monitor) as silent, connect(fastness.monitor) as kept:
        kept.sendall(health)
        assert b" 200 " in kept.recv(1000)
        silent.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert silent.recv(1) == b"", "what says nothing is closed soon"
        kept.sendall(health)
        assert b" 200 " in kept.recv(1000), "a scraper may keep its connection"


def test_health_and_readiness_from_start_to_stop(fresh):
    serve(fresh)
    root = fresh.root()
    assert ask(fresh, "/healthz")[::2] == (200, "alive\n") and ask(fresh, "/readyz")[::2] == (200, "ready\n")
    assert (fresh.monitor + "/metrics") in fresh.run("status", "--data", str(fresh.data)).stdout

    fresh.run("seal", "--data", str(fresh.data))
    find(fresh)
    assert ask(fresh, "/healthz")[0] == 200 and ask(fresh, "/readyz")[::2] == (503, "sealed\n")
    assert refused(root.kms.list_keys)["Status"] == 503
    samples = metrics(fresh)
    assert (value(samples, "fastness_sealed"), value(samples, "fastness_ready")) == (1, 0)
    labels = {"service": "kms", "operation": "ListKeys", "protocol": "json_1_1", "outcome": "server_error"}
    assert value(samples, "fastness_requests_total", **labels) == 1
    assert not [name for name, *_ in samples if name.startswith(("fastness_store", "fastness_audit"))]

    fresh.run("unseal", "--data", str(fresh.data))
    assert ask(fresh, "/readyz")[0] == 200
    root.kms.list_keys()
    samples = metrics(fresh)
    assert value(samples, "fastness_requests_total", **labels) == 1
    assert value(samples, "fastness_requests_total", **{**labels, "outcome": "ok"}) == 1

    data = json_call(root, "kms", "ListKeys").bytes()
    with connect(fresh.endpoint) as connection:
        connection.sendall(data[:-1])
        root.sts.get_caller_identity()
        fresh.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "stopping" in fresh.log.read_text())
        assert ask(fresh, "/readyz")[::2] == (503, "stopping\n") and ask(fresh, "/healthz")[0] == 200
        connection.sendall(data[-1:])
        assert connection.recv(100_000).startswith(b"HTTP/1.1 200")
    assert fresh.process.wait(timeout=30) == 0
    with pytest.raises(OSError):
        ask(fresh, "/healthz")


def test_monitoring_is_off_unless_asked_for_and_stays_at_home(fresh):
    path = fresh.directory / "f.toml"
    for text, arguments, message in [
        ("", ["--monitor", "0.0.0.0:0"], "--monitor-beyond-loopback"),
        ('[monitor]\nlisten = "[::]:0"\n', [], "--monitor-beyond-loopback"),
        ('[telemetry]\notlp-endpoint = "http://collector.example:4318"\n', [], "plain-http-beyond-loopback"),
        ('[telemetry]\notlp-endpoint = "https://localhost:4318"\n', [], f"{path}:2: `telemetry.otlp-endpoint`: only http:// is spoken"),
        ("[telemetry]\nsampling-ratio = -1\n", [], f"{path}:2: `telemetry.sampling-ratio`: not a number from 0 to 1"),
    ]:
        path.write_text(text)
        done = fresh.run(
            "serve", "--data", str(fresh.data), "--listen", "127.0.0.1:0", "--config", str(path), *arguments, check=False
        )
        assert done.returncode == 1 and message in done.stderr, done
        assert not fresh.data.exists()
    path.write_text('[monitor]\nlisten = "0.0.0.0:0"\nbeyond-loopback = true\n')
    fresh.serve("--config", str(path))
    wait_for(lambda: "monitoring beyond loopback" in fresh.log.read_text())
    fresh.stop()
    fresh.serve()
    assert "monitor" not in json.loads((fresh.data / "serving.json").read_text())
    assert "\nmonitor" not in fresh.run("status", "--data", str(fresh.data)).stdout


def test_one_span_a_call(fastness, root, collector):
    key = root.kms.create_key()["ResponseMetadata"]["RequestId"]
    span = collector.of(key)
    assert (span["name"], span["kind"], span["status"]) == ("kms.CreateKey", 2, {})
    assert facts(span) == {
        "rpc.system": "aws-api",
        "rpc.service": "KMS",
        "rpc.method": "CreateKey",
        "aws.request_id": key,
        "cloud.region": "us-east-1",
        "fastness.outcome": "ok",
        "http.response.status_code": "200",
    }
    assert span["traceId"] == key.replace("-", "") and "parentSpanId" not in span
    (commit,) = [s for s in collector.spans() if s.get("parentSpanId") == span["spanId"]]
    assert (commit["name"], commit["traceId"], commit["kind"]) == ("commit", span["traceId"], 1)
    times = [int(s[t]) for s, t in [(span, "startTimeUnixNano"), (commit, "startTimeUnixNano"), (commit, "endTimeUnixNano"), (span, "endTimeUnixNano")]]
    assert times == sorted(times) and abs(times[0] / 1e9 - time.time()) < 60
    assert collector.paths[0] == ("/v1/traces", "application/json")
    resource = json.loads(collector.bodies[0])["resourceSpans"][0]["resource"]
    assert facts(resource)["service.name"] == "fastness"

    error = refused(root.kms.describe_key, KeyId="alias/none")
    span = collector.of(error["RequestId"])
    assert span["status"] == {} and facts(span)["error.type"] == facts(span)["fastness.outcome"] == "client_error"
    assert facts(span)["http.response.status_code"] == "400"
    exported = wait_for(lambda: value(metrics(fastness), "fastness_trace_spans_exported_total"))
    assert exported >= 2 and value(metrics(fastness), "fastness_trace_spans_dropped_total", reason="not_taken") == 0


def test_a_caller_s_trace_goes_on(fastness, root, collector):
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

    def call(flags):
        headers = {"traceparent": f"00-{trace}-{parent}-{flags}"}
        return json_call(root, "kms", "ListKeys", headers=headers).send().request_id

    unsampled, sampled = call("00"), call("01")
    span = collector.of(sampled)
    assert (span["traceId"], span["parentSpanId"]) == (trace, parent)
    assert unsampled not in [facts(span).get("aws.request_id") for span in collector.spans()]
    # Whoever is not known does not choose the trace.
    request = json_call(Caller(fastness, root.key, "x" * 40), "kms", "ListKeys", headers={"traceparent": f"00-{trace}-{parent}-01"})
    assert collector.of(request.send().request_id)["traceId"] != trace


def test_traces_never_stand_in_the_way(fresh):
    """Without a collector, or with one that refuses, calls go on, drops are counted, and nothing is sampled at ratio 0 but by its caller."""
    collector = Collector()
    collector.answer = (400, b"no")
    serve(fresh, collector, ratio=0)
    root = fresh.root()
    root.kms.list_keys()
    sampled = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    assert json_call(root, "kms", "ListKeys", headers=sampled).send().status == 200
    dropped = {"reason": "not_taken"}
    wait_for(lambda: value(metrics(fresh), "fastness_trace_spans_dropped_total", **dropped) == 1)
    collector.answer = (200, b'{"partialSuccess":{"rejectedSpans":"1"}}')
    json_call(root, "kms", "ListKeys", headers=sampled).send()
    wait_for(lambda: value(metrics(fresh), "fastness_trace_spans_dropped_total", **dropped) == 2)
    collector.answer = (200, b"")
    last = json_call(root, "kms", "ListKeys", headers=sampled).send().request_id
    collector.of(last)
    assert value(metrics(fresh), "fastness_trace_spans_exported_total") == 1
    collector.close()
    for _ in range(20):
        assert json_call(root, "kms", "ListKeys", headers=sampled).send().status == 200
    # Spans that are left when the server stops are given one more attempt, which fails here and does not hold it up.
    fresh.stop()
    messages = [line["message"] for line in fresh.logs()]
    assert messages.count("the collector takes no spans: they are dropped") == 2, messages
    assert messages.count("the collector takes spans again") == 1, messages


def test_spans_that_are_left_go_out_at_the_end(fresh):
    collector = Collector()
    serve(fresh, collector)
    request = fresh.root().kms.list_keys()["ResponseMetadata"]["RequestId"]
    fresh.stop()
    assert request in [facts(span).get("aws.request_id") for span in collector.spans()]
    collector.close()


def test_every_line_of_the_log_is_json_and_no_secret_is_told(fresh):
    """Calls of every kind, with marks wherever a secret is, at the level that tells most: no mark in log, metrics or traces."""
    collector = Collector()
    passphrase = "MARK-passphrase horse battery"
    fresh.environment |= {
        "FASTNESS_ROOT_ACCESS_KEY_ID": "AKIAMARKMARKMARKMARK",
        "FASTNESS_ROOT_SECRET_ACCESS_KEY": "MARK-root-secret-of-forty-characters-xyz",
        "FASTNESS_PASSPHRASE": passphrase,
    }
    serve(fresh, collector, level="trace")
    root = Caller(fresh, "AKIAMARKMARKMARKMARK", fresh.environment["FASTNESS_ROOT_SECRET_ACCESS_KEY"])
    account = root.sts.get_caller_identity()["Account"]
    secrets = [root.secret, passphrase]

    def mark(text):
        secrets.append(text)
        return text

    policy = document(allow("*", Sid=mark("MARKsidOfAPolicy")))
    trust = document({"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole", "Sid": mark("MARKsidOfTrust")})
    key = root.kms.create_key(Description=mark("MARK-description"), Tags=[{"TagKey": "t", "TagValue": mark("MARK-tag-value")}])["KeyMetadata"]["KeyId"]
    context = {"purpose": mark("MARK-encryption-context")}
    sealed = root.kms.encrypt(KeyId=key, Plaintext=mark("MARK-plaintext").encode(), EncryptionContext=context)["CiphertextBlob"]
    secrets.append(sealed)
    root.kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)
    secrets.append(root.kms.re_encrypt(CiphertextBlob=sealed, SourceEncryptionContext=context, DestinationKeyId=key)["CiphertextBlob"])
    for call in (root.kms.generate_data_key, root.kms.generate_data_key_without_plaintext):
        made = call(KeyId=key, KeySpec="AES_256")
        secrets += [made[name] for name in ("Plaintext", "CiphertextBlob") if name in made]
    secrets.append(root.kms.generate_random(NumberOfBytes=32)["Plaintext"])
    grant = root.kms.create_grant(KeyId=key, GranteePrincipal=f"arn:aws:iam::{account}:root", Operations=["Decrypt"])
    secrets.append(grant["GrantToken"])
    admin = root.user("admin", allow("*", Sid=mark("MARKsidInline")))
    secrets.append(admin.secret)
    role = root.iam.create_role(RoleName="role", AssumeRolePolicyDocument=trust, Description=mark("MARK-role-description"))["Role"]["Arn"]
    root.iam.create_policy(PolicyName="p", PolicyDocument=policy)
    session = admin.sts.assume_role(RoleArn=role, RoleSessionName="session", Policy=policy)["Credentials"]
    secrets += [session["SecretAccessKey"], session["SessionToken"]]
    visitor = Caller.of(fresh, session)
    visitor.sts.get_caller_identity()
    refused(visitor.kms.decrypt, CiphertextBlob=sealed)
    with contextlib.suppress(root.iam.exceptions.ClientError):
        root.iam.create_login_profile(UserName="admin", Password=mark("MARK-password-1"))
    # Refusals of every kind: signature, form, name, constraint, permission, size.
    wrong = Caller(fresh, root.key, mark("MARK-a-secret-that-is-wrong-by-all-means"))
    refused(wrong.kms.encrypt, KeyId=key, Plaintext=b"MARK-plaintext")
    refused(Caller(fresh, mark("AKIAMARKASASWAPPEDSECRET"), "x" * 40).sts.get_caller_identity)
    refused(Caller(fresh, session["AccessKeyId"], session["SecretAccessKey"], mark("MARK-session-token-made-up")).kms.list_keys)
    json_call(root, "kms", "Encrypt", body=b'{"KeyId": "' + mark("MARK-half-a-body").encode()).send()
    json_call(root, "kms", mark("MARKoperation"), {}).send()
    query_call(root, "iam", "PutUserPolicy", {"UserName": "admin", "PolicyName": "x", "PolicyDocument": mark("MARK-not-a-policy")}).send()
    query_call(root, "iam", mark("MARKaction")).send()
    refused(root.kms.decrypt, CiphertextBlob=mark("MARK-no-ciphertext").encode())
    json_call(root, "kms", "Encrypt", body=mark("MARK-too-large").encode() * 200_000).send()
    with connect(fresh.endpoint) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: " + mark("MARK-header").encode() + b"\r\nX: \x01\r\n\r\n")
        connection.recv(1000)
    with connect(fresh.endpoint) as connection:
        connection.sendall(mark("MARK-not-http").encode() + b"\r\n\r\n")
        connection.recv(1000)
    with connect(fresh.endpoint) as connection:
        body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + mark("MARK-cut-off").encode()
        connection.sendall(body)
    # Over the operator's channel too.
    fresh.run("seal", "--data", str(fresh.data))
    fresh.environment["FASTNESS_PASSPHRASE"] = mark("MARK-wrong passphrase 1")
    assert fresh.run("unseal", "--data", str(fresh.data), check=False).returncode == 6
    fresh.environment["FASTNESS_PASSPHRASE"] = passphrase
    fresh.run("unseal", "--data", str(fresh.data))
    find(fresh)
    root.kms.encrypt(KeyId=key, Plaintext=b"MARK-plaintext")
    _, _, exposition = ask(fresh, "/metrics")
    fresh.stop()

    lines = fresh.log.read_text().splitlines()
    for line in map(json.loads, lines):
        assert {"timestamp", "level", "target", "message"} <= set(line), line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"]), line
    crates = PAGE.parent.parent / "crates"
    ours = {path.parent.name for path in crates.rglob("Cargo.toml")}
    assert {line["target"].split("::")[0] for line in map(json.loads, lines)} <= ours
    answered = [line for line in map(json.loads, lines) if line["message"] == "answered"]
    assert len({line["request_id"] for line in answered}) == len(answered) > 25
    assert {line["outcome"] for line in answered} >= {"ok", "denied", "unauthenticated", "client_error"}
    places = {"the log": fresh.log.read_bytes(), "the metrics": exposition.encode(), "the traces": b"".join(collector.bodies)}
    assert b"kms.Encrypt" in places["the traces"] and b'operation="Encrypt"' in places["the metrics"]
    for place, content in places.items():
        # What callers make up as names of operations is told nowhere, so no mark at all may show.
        assert b"MARK" not in content.replace(b"AKIAMARKMARKMARKMARK", b""), place
        for secret in secrets:
            for form in forms(secret):
                assert form not in content, f"{secret!r} is in {place}"
    collector.close()


def test_a_log_has_no_line_a_call(fresh):
    """What callers do is the trail's matter: at the default level they cannot fill the log, whatever they do."""
    serve(fresh)
    root = fresh.root()
    nobody = root.user("nobody", deny("*"))
    before = fresh.log.read_text()
    refused(nobody.kms.list_keys)
    refused(Caller(fresh, root.key, "x" * 40).sts.get_caller_identity)
    json_call(root, "kms", "Encrypt", body=b"{").send()
    with connect(fresh.endpoint) as connection:
        connection.sendall(b"not http\r\n\r\n")
        connection.recv(1000)
    root.kms.list_keys()
    assert fresh.log.read_text() == before
