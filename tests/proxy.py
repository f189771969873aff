"""Calls to a proxy of external key stores, as AWS KMS makes them: signed by botocore's signer over `host` and `x-amz-date`."""

import base64
import json
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from raw import Request

REGION = "us-east-1"
METADATA = {
    "awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice",
    "kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "kmsOperation": "Encrypt",
    "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae",
}
HEALTH = {"kmsOperation": "KmsHealthCheck", "kmsRequestId": "5112f4d6-db54-4af4-ae30-c55a22a8dfae"}


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text, validate=True)


class Store:
    """One end of an external key store: the credential as `fastness xks create` printed it."""

    def __init__(self, fastness, told, region=REGION):
        self.fastness, self.region = fastness, region
        self.path = told["XksProxyUriPath"]
        credential = told["XksProxyAuthenticationCredential"]
        self.id, self.secret = credential["AccessKeyId"], credential["RawSecretAccessKey"]

    def request(self, what, body, method="POST", path=None, service="kms-xks-proxy"):
        """A request, signed and not yet sent."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        target = f"{self.path if path is None else path}/{what}"
        host = urlsplit(self.fastness.endpoint).netloc
        unsigned = AWSRequest(method, f"{self.fastness.endpoint}{target}", data=body, headers={"Host": host})
        SigV4Auth(Credentials(self.id, self.secret), service, self.region).add_auth(unsigned)
        headers = [*unsigned.headers.items(), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        return Request(self.fastness.endpoint, method, target, body, headers)

    def call(self, what, body, **how):
        return self.request(what, body, **how).send()

    def ok(self, what, body, **how):
        reply = self.call(what, body, **how)
        assert reply.status == 200, (reply.status, reply.body)
        assert reply.headers["content-type"] == "application/json"
        return reply.json()

    def refused(self, what, body, **how):
        """Status and name of an error."""
        reply = self.call(what, body, **how)
        answer = reply.json()
        assert set(answer) <= {"errorName", "errorMessage"}, answer
        return reply.status, answer["errorName"]

    def encrypt(self, key, plaintext, aad=None, **more):
        body = {
            "requestMetadata": METADATA,
            "plaintext": b64(plaintext),
            "encryptionAlgorithm": "AES_GCM",
            **({} if aad is None else {"additionalAuthenticatedData": b64(aad)}),
            **more,
        }
        return self.ok(f"keys/{key}/encrypt", body)

    @staticmethod
    def decryption(sealed, aad=None):
        """The request to decrypt what was encrypted."""
        sealed = {name: value for name, value in sealed.items() if name != "ciphertextDataIntegrityValue"}
        return {
            "requestMetadata": {**METADATA, "kmsOperation": "Decrypt"},
            "encryptionAlgorithm": "AES_GCM",
            **({} if aad is None else {"additionalAuthenticatedData": b64(aad)}),
            **sealed,
        }

    def decrypt(self, key, sealed, aad=None):
        return unb64(self.ok(f"keys/{key}/decrypt", self.decryption(sealed, aad))["plaintext"])
