"""Requests as bytes: signed by botocore's own signer, open to change before they are sent."""

import http.client
import json
import socket
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from unittest import mock
from urllib.parse import urlencode, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
TARGETS = {
    "cloudtrail": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
    "kms": "TrentService",
}
VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}


@dataclass
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def request_id(self):
        return self.headers.get("x-amzn-requestid")

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """Code and message, in whichever form they came."""
        if self.body.startswith(b"<"):
            error = ElementTree.fromstring(self.body).find("{*}Error")
            return error.findtext("{*}Code"), error.findtext("{*}Message")
        answer = self.json()
        code = answer.get("__type") or self.headers["x-amzn-errortype"]
        return code.split("#")[-1], answer.get("message", answer.get("Message"))


@dataclass
class Request:
    endpoint: str
    method: str
    target: str
    body: bytes
    headers: list = field(default_factory=list)

    def header(self, name):
        return next(value for key, value in self.headers if key.lower() == name.lower())

    def replace(self, name, value):
        """Gives a header another value, or takes it away."""
        self.headers = [(k, v) for k, v in self.headers if k.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))

    def bytes(self):
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body

    def send(self):
        return exchange(self.endpoint, self.bytes())


def connect(endpoint):
    address = urlsplit(endpoint)
    return socket.create_connection((address.hostname, address.port), timeout=30)


def exchange(endpoint, data, end=False):
    """Sends bytes and reads one answer; none if the server hangs up without. `end` tells that nothing follows."""
    with connect(endpoint) as connection:
        return sent(connection, data, end)


def sent(connection, data, end=False):
    """Sends bytes over an open connection and reads one answer, as `exchange` does."""
    try:
        connection.sendall(data)
        if end:
            connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # The answer may have come before everything was sent.
    response = http.client.HTTPResponse(connection, method=data.partition(b" ")[0].decode("latin-1"))
    try:
        response.begin()
        body = response.read()
    except (http.client.BadStatusLine, ConnectionResetError):
        return None
    return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def sign(
    caller, service, body=b"", headers=(), method="POST", path="/", query="", region=None, skew=timedelta(), scope=None
):
    """A request signed as `caller`, as if `skew` from now, for the region and service of the scope."""
    endpoint = caller.fastness.endpoint
    url = f"{endpoint}{path}" + (f"?{query}" if query else "")
    # GETs have no length, as clients send them.
    length = {"Content-Length": str(len(body))} if body or method == "POST" else {}
    request = AWSRequest(method, url, {**dict(headers), **length}, body)
    credentials = Credentials(caller.key, caller.secret, caller.token)
    moment = datetime.now(timezone.utc) + skew
    with mock.patch("botocore.auth.get_current_datetime", lambda: moment):
        SigV4Auth(credentials, scope or service, region or caller.region).add_auth(request)
    target = path + (f"?{query}" if query else "")
    host = ("Host", urlsplit(endpoint).netloc)
    return Request(endpoint, method, target, body, [host, *request.headers.items()])


def json_call(caller, service, operation, parameters=None, body=None, **how):
    """A signed call of a JSON service; `body` stands in for JSON of the parameters."""
    body = json.dumps(parameters or {}).encode() if body is None else body
    headers = {"Content-Type": JSON, "X-Amz-Target": f"{TARGETS[service]}.{operation}", **how.pop("headers", {})}
    return sign(caller, service, body, headers, **how)


def query_call(caller, service, action, parameters=None, body=None, **how):
    """A signed call of a Query service, its parameters in a form."""
    pairs = {"Action": action, "Version": VERSIONS[service], **(parameters or {})}
    body = urlencode(pairs).encode() if body is None else body
    return sign(caller, service, body, {"Content-Type": FORM, **how.pop("headers", {})}, **how)
