"""An external key manager and its proxy, made of http.server, pyca/cryptography and botocore's signer: nothing of it is Fastness's."""

import collections
import hashlib
import json
import re
import secrets
import ssl
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from proxy import b64, unb64

# As "Appendix A" of the specification has it.
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([A-Z2-7]{20,30})/(\d{8})/([a-z0-9-]+)/kms-xks-proxy/aws4_request, ?"
    r"SignedHeaders=host;x-amz-date, ?Signature=([0-9a-f]{64})"
)
STATUS = {
    "ValidationException": 400,
    "InvalidStateException": 400,
    "InvalidCiphertextException": 400,
    "InvalidKeyUsageException": 400,
    "AuthenticationFailedException": 401,
    "AccessDeniedException": 403,
    "KeyNotFoundException": 404,
    "InvalidUriPathException": 404,
    "ThrottlingException": 429,
    "UnsupportedOperationException": 501,
    "DependencyTimeoutException": 503,
    "InternalException": 500,
}


class Refused(Exception):
    pass


class Manager:
    """Serves `/PREFIX/kms/xks/v1` over TLS on a port of its own, with keys in memory."""

    def __init__(self, pair, prefix="customer/one"):
        self.path = f"/{prefix}/kms/xks/v1"
        self.credential = {"AccessKeyId": "MUBSXM6K3KMXHN6RRCXI7TWQ", "RawSecretAccessKey": b64(secrets.token_bytes(32))}
        self.keys = collections.defaultdict(lambda: None, first=secrets.token_bytes(32), second=secrets.token_bytes(32))
        self.metadata = {"keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED"}
        # What came, and over how many connections.
        self.seen, self.connections = [], 0
        # Changes an answer before it is given: from operation, status and answer to status and body.
        self.change = None
        # Set, unless answers are to wait.
        self.go = threading.Event()
        self.go.set()
        manager = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An idle connection is closed after this time.
            timeout = None

            def setup(self):
                super().setup()
                manager.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                operation = self.path.rsplit("/", 1)[-1]
                manager.go.wait(60)
                try:
                    status, answer = 200, manager.answer(self.path, self.headers, body)
                except Refused as refused:
                    status, answer = STATUS[str(refused)], {"errorName": str(refused), "errorMessage": "for operators only"}
                if manager.change:
                    status, answer = manager.change(operation, status, answer)
                if answer is None:
                    self.close_connection = True
                    return
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = "127.0.0.1:{}".format(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def authenticate(self, path, headers, body):
        found = AUTHORIZATION.fullmatch(headers.get("Authorization", ""))
        if not found:
            raise Refused("AuthenticationFailedException")
        id, day, region, signature = found.groups()
        at = headers["X-Amz-Date"]
        age = datetime.now(timezone.utc) - datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        signed = AWSRequest("POST", f"https://{headers['Host']}{path}", data=body)
        signed.headers["Host"], signed.headers["X-Amz-Date"] = headers["Host"], at
        signed.context["timestamp"] = at
        signer = SigV4Auth(Credentials(id, self.credential["RawSecretAccessKey"]), "kms-xks-proxy", region)
        expected = signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed)
        good = secrets.compare_digest(expected, signature) and id == self.credential["AccessKeyId"]
        if not good or abs(age.total_seconds()) > 300 or not at.startswith(day):
            raise Refused("AuthenticationFailedException")
        return region

    def answer(self, path, headers, body):
        if not path.startswith(self.path + "/"):
            raise Refused("InvalidUriPathException")
        region = self.authenticate(path, headers, body)
        assert headers["Content-Type"] == "application/json"
        request = json.loads(body)
        *key, operation = path[len(self.path) + 1 :].split("/")
        self.seen.append((operation, key[-1] if key else None, region, request))
        if operation == "health":
            manager = {"id": "hsm-1", "model": "Python", "healthStatus": "ACTIVE"}
            return {
                "xksProxyFleetSize": 1,
                "xksProxyVendor": "Acme",
                "xksProxyModel": "Acme 1",
                "ekmVendor": "Acme",
                "ekmFleetDetails": [{**manager, "healthStatus": "UNAVAILABLE"}, {**manager, "healthStatus": "DEGRADED"}],
            }
        secret = self.keys[key[-1]]
        if secret is None:
            raise Refused("KeyNotFoundException")
        if operation == "metadata":
            return self.metadata
        if self.metadata["keyStatus"] != "ENABLED":
            raise Refused("InvalidStateException")
        assert request["encryptionAlgorithm"] == "AES_GCM"
        aad = unb64(request.get("additionalAuthenticatedData", ""))
        return getattr(self, operation)(AESGCM(secret), aad, request)

    def encrypt(self, aead, aad, request):
        # The longest vector and none of the optional notes: the other end of what the specification allows than Fastness's own.
        vector = secrets.token_bytes(16)
        sealed = aead.encrypt(vector, unb64(request["plaintext"]), aad)
        ciphertext, tag = sealed[:-16], sealed[-16:]
        assert request["ciphertextDataIntegrityValueAlgorithm"] == "SHA_256"
        return {
            "ciphertext": b64(ciphertext),
            "initializationVector": b64(vector),
            "authenticationTag": b64(tag),
            "ciphertextDataIntegrityValue": b64(hashlib.sha256(aad + vector + ciphertext + tag).digest()),
        }

    def decrypt(self, aead, aad, request):
        assert "ciphertextMetadata" not in request
        sealed = unb64(request["ciphertext"]) + unb64(request["authenticationTag"])
        try:
            return {"plaintext": b64(aead.decrypt(unb64(request["initializationVector"]), sealed, aad))}
        except InvalidTag:
            raise Refused("InvalidCiphertextException") from None
