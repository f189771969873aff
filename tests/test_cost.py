"""What a call may cost: the largest inputs of every operation, and every operation by many callers at the same time."""

import http.client
import pathlib
import re
import tomllib

import pytest
from botocore.config import Config
from conftest import SESSION, Fastness
from raw import connect, sent
from test_monitoring import ask, serve
from walk import Resources, every, method, model

# What a call may take of the processors, in seconds. The largest that is accepted takes 10 ms of a debug build, and what is refused for its
# length 30; a call that goes through its input again for each part of it took a hundred times as much.
CPU_MAX = 0.5
BODY_MAX = 1 << 20
# What an outsider stopped the server with; of others, fewer show as much.
MANY = {"EncryptionContextType": 20_000, "TagList": 5_000}
# How often calls may lose to others before they are answered: what waits for its turn loses no more.
CONFLICTS_PER_CALL = 4

OVERRIDES = tomllib.loads((pathlib.Path(__file__).parent.parent / "models/overrides.toml").read_text())
BOUNDS = {(b["service"], shape): b["max"] for b in OVERRIDES["bound"] for shape in b["shapes"]}


@pytest.fixture(scope="module")
def fastness(tmp_path_factory):
    deployment = serve(Fastness(tmp_path_factory.mktemp("cost")))
    yield deployment
    deployment.stop()


@pytest.fixture(scope="module")
def root(fastness):
    return fastness.root()


@pytest.fixture(scope="module")
def resources(root):
    return Resources(root)


@pytest.fixture(scope="module")
def nobody(root):
    return root.user("nobody")


class Held(Exception):
    """Ends a call before it is sent."""


class Prepared:
    """What boto3 would send for a call, signed, as bytes. Nothing about the parameters is checked."""

    def __init__(self, caller):
        self.caller, self.clients, self.bytes = caller, {}, None

    def client(self, service):
        if service not in self.clients:
            caller = self.caller
            client = self.clients[service] = SESSION.client(
                service,
                endpoint_url=caller.fastness.endpoint,
                region_name=caller.region,
                aws_access_key_id=caller.key,
                aws_secret_access_key=caller.secret,
                aws_session_token=caller.token,
                config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
            )
            client.meta.events.register("before-send", self.hold)
        return self.clients[service]

    def hold(self, request, **_):
        body = request.body or b""
        body = body if isinstance(body, bytes) else body.encode()
        place = request.url.split("/", 3)
        headers = {"Host": place[2], **{k: v if isinstance(v, str) else v.decode() for k, v in request.headers.items()}}
        headers["Content-Length"] = str(len(body))
        lines = [f"{request.method} /{place[3] if len(place) > 3 else ''} HTTP/1.1"]
        lines += [f"{name}: {text}" for name, text in headers.items()]
        self.bytes = "\r\n".join([*lines, "", ""]).encode() + body
        raise Held

    def request(self, service, operation, parameters):
        with pytest.raises(Held):
            method(self.client(service), operation)(**parameters)
        return self.bytes


def cpu(fastness):
    """Processor time of the server so far, in seconds."""
    total = 0
    for task in pathlib.Path(f"/proc/{fastness.process.pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass  # A thread that has ended.
    return total / 1e9


def bound(service, shape):
    """The most items or characters of a shape."""
    return shape.metadata.get("max", BOUNDS.get((service, shape.name)))


def text(service, shape, number, length):
    enum = getattr(shape, "enum", None)
    if enum:
        return enum[number % len(enum)]
    return f"{number:04}".ljust(max(shape.metadata.get("min", 0), length), "a")


def filled(service, shape, items, length, number=0):
    """A value with so many items in its lists and maps, and texts of so many characters where the model allows them."""
    kind = shape.type_name
    inner = min(items, 2)
    if kind == "list":
        return [filled(service, shape.member, inner, length, i) for i in range(items)]
    if kind == "map":
        return {
            text(service, shape.key, i, 8): filled(service, shape.value, inner, length, i) for i in range(items)
        }
    if kind == "structure":
        members = list(shape.members.items())[:1] if shape.is_tagged_union else shape.members.items()
        return {name: filled(service, member, inner, length, number) for name, member in members}
    if kind == "blob":
        return b"x" * length
    if kind == "string":
        return text(service, shape, number, min(length, bound(service, shape) or length))
    return {"boolean": True, "timestamp": 0}.get(kind, 1)


def containers(service, operation):
    """The parameters of an operation that are, or hold, lists and maps: the outermost of each, with its path."""
    shape = model(service).operation_model(operation).input_shape
    found = []

    def look(shape, path, seen=()):
        if shape.type_name in ("list", "map"):
            found.append((path, shape))
        elif shape.type_name == "structure" and shape.name not in seen:
            for name, member in shape.members.items():
                look(member, (*path, name), (*seen, shape.name))

    if shape:
        look(shape, ())
    return found


def put(parameters, path, value):
    """A copy of the parameters with a value at a path."""
    (name, *rest) = path
    return {**parameters, name: put(parameters.get(name, {}), rest, value) if rest else value}


class Watched:
    """Calls of a caller over one connection, each with what it cost the server."""

    def __init__(self, caller):
        self.fastness, self.prepared = caller.fastness, Prepared(caller)
        self.connection = connect(self.fastness.endpoint)

    def call(self, service, operation, parameters):
        data = self.prepared.request(service, operation, parameters)
        before = cpu(self.fastness)
        reply = sent(self.connection, data)
        if reply is None or reply.headers.get("connection") == "close":
            self.connection.close()
            self.connection = connect(self.fastness.endpoint)
        return reply, cpu(self.fastness) - before


def is_refused_for_its_form(reply):
    code, message = reply.error
    return code in ("ValidationException", "ValidationError", "SerializationException", "MalformedInput") or (
        "validation error" in (message or "")
    )


def test_the_largest_that_is_accepted_of_every_operation_costs_little(fastness, resources, nobody):
    """A caller without permission is denied at little cost, with every list and map as long as it may be."""
    watched, most, denied, full = Watched(nobody), 0, 0, set()
    for service, operation in every(fastness, implemented=True):
        parameters = resources.input(service, operation)
        for path, shape in containers(service, operation):
            length = 128 if shape.type_name == "list" else 2000
            large = put(parameters, path, filled(service, shape, bound(service, shape), length))
            reply, took = watched.call(service, operation, large)
            assert took < CPU_MAX, (service, operation, path, took)
            if reply.status < 400 or not is_refused_for_its_form(reply):
                parameters = large
                full.add((service, operation, path[-1]))
        reply, took = watched.call(service, operation, parameters)
        assert took < CPU_MAX, (service, operation, took)
        most = max(most, took)
        denied += reply.status >= 400 and "not authorized" in (reply.error[1] or "")
    print(f"\n{denied} denied, {len(full)} lists and maps full; at most {most:.3f} s", end="")
    assert denied > 100 and len(full) > 25, (denied, sorted(full))
    assert {("kms", "Encrypt", "EncryptionContext"), ("kms", "CreateKey", "Tags"), ("iam", "CreateUser", "Tags")} <= full


def test_what_is_longer_than_it_may_be_is_refused_before_anything_else(fastness, resources, nobody):
    """Every list or map of every operation, much too long: refused for its length, whoever calls."""
    watched, most, walked = Watched(nobody), 0, 0
    for service, operation in every(fastness, implemented=True):
        parameters = resources.input(service, operation)
        for path, shape in containers(service, operation):
            size = MANY.get(shape.name, max(1_000, bound(service, shape) + 1))
            large = put(parameters, path, filled(service, shape, size, 8))
            data = watched.prepared.request(service, operation, large)
            assert len(data) < BODY_MAX, (service, operation, path, len(data))
            reply, took = watched.call(service, operation, large)
            assert reply.status == 400 and is_refused_for_its_form(reply), (service, operation, path, reply)
            assert took < CPU_MAX, (service, operation, path, took)
            most, walked = max(most, took), walked + 1
    print(f"\n{walked} lists and maps; at most {most:.3f} s", end="")
    assert walked > 50


def together(connections, requests):
    """Sends a request over each connection before any answer is read; the statuses and errors of the answers."""
    replies = []
    for connection, data in zip(connections, requests, strict=True):
        connection.sendall(data)
    for connection in connections[: len(requests)]:
        response = http.client.HTTPResponse(connection, method="POST")
        response.begin()
        replies.append((response.status, response.read()))
    return replies


def conflicts(fastness):
    """How many transactions conflicted so far."""
    return int(re.search(r"^fastness_store_conflicts_total (\d+)", ask(fastness, "/metrics")[2], re.MULTILINE)[1])


# How many, and what the names of the operations that so many call begin with. Those that are answered one after the other each wait for
# the disk, so that more of them by more callers would take minutes.
CALLERS = {16: "", 64: "Create"}


@pytest.mark.parametrize(("callers", "prefix"), CALLERS.items())
def test_every_operation_by_many_callers_at_once(fastness, root, resources, callers, prefix):
    """None is answered 503, and none loses to the others more than a few times."""
    connections = [connect(fastness.endpoint) for _ in range(callers)]
    prepared, hot = Prepared(root), {}
    for service, operation in every(fastness, implemented=True):
        if not operation.startswith(prefix):
            continue
        parameters = resources.input(service, operation)
        new = {
            name: f"{'alias/' if name == 'AliasName' else ''}many{callers}-{operation}"
            for name in parameters
            if operation.startswith("Create") and (service, operation, name) in resources.others
        }
        before = conflicts(fastness)
        requests = [
            prepared.request(service, operation, {**parameters, **{name: f"{of}-{i}" for name, of in new.items()}})
            for i in range(callers)
        ]
        replies = together(connections, requests)
        assert not [body for status, body in replies if status in (500, 503)], (service, operation, replies)
        lost = conflicts(fastness) - before
        if lost > callers:
            hot[service, operation] = lost
            assert service != "iam" or not new, (operation, lost, "creations of different things do not meet")
        assert lost <= CONFLICTS_PER_CALL * callers, (service, operation, lost)
    for connection in connections:
        connection.close()
    print(f"\n{callers} callers, hot: {hot}", end="")
