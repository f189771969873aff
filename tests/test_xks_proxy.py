"""Fastness as the proxy of external key stores, called as AWS's specification has it, by a signer that nobody here wrote."""

import hashlib
import json
from datetime import datetime, timedelta, timezone
from unittest import mock

import pytest
from conftest import Caller, allow, deny, document, events, record, refused
from proxy import HEALTH, METADATA, Store, b64, unb64

AAD = b"project=nile,department=marketing"


def xks(fastness, *args, check=True):
    return fastness.run("xks", args[0], "--data", str(fastness.data), *args[1:], check=check)


def store_of(fastness, root, name, *statements):
    """An external key store whose user may do this."""
    root.iam.create_user(UserName=name)
    if statements:
        root.iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=document(*statements))
    return Store(fastness, json.loads(xks(fastness, "create", "--user", name).stdout))


@pytest.fixture(scope="module")
def store(fastness, root):
    return store_of(fastness, root, "store", allow(["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"]))


def integrity(sealed, aad=b""):
    names = ("ciphertextMetadata", "initializationVector", "ciphertext", "authenticationTag")
    return hashlib.sha256(aad + b"".join(unb64(sealed[name]) for name in names)).digest()


def test_health(store):
    health = store.ok("health", {"requestMetadata": HEALTH})
    assert health["xksProxyFleetSize"] == 1 and health["ekmFleetDetails"][0]["healthStatus"] == "ACTIVE"
    assert all(health[name] for name in ("xksProxyVendor", "xksProxyModel", "ekmVendor"))


@pytest.mark.parametrize("length", [1, 12, 4300])
@pytest.mark.parametrize("aad", [None, b"", AAD, bytes(8192)])
def test_what_is_encrypted_decrypts(store, key, length, aad):
    plaintext = bytes(range(256)) * 17
    plaintext = plaintext[:length]
    sealed = store.encrypt(key, plaintext, aad, ciphertextDataIntegrityValueAlgorithm="SHA_256")
    sizes = {name: len(unb64(value)) for name, value in sealed.items()}
    assert sizes == {
        "ciphertext": length,
        "ciphertextMetadata": 20,
        "initializationVector": 12,
        "authenticationTag": 16,
        "ciphertextDataIntegrityValue": 32,
    }
    assert unb64(sealed["ciphertextDataIntegrityValue"]) == integrity(sealed, aad or b"")
    assert store.decrypt(key, sealed, aad) == plaintext


def test_older_material_still_decrypts(store, root, key):
    before = store.encrypt(key, b"before", AAD)
    assert "ciphertextDataIntegrityValue" not in before
    root.kms.rotate_key_on_demand(KeyId=key)
    after = store.encrypt(key, b"after", AAD)
    assert store.decrypt(key, before, AAD) == b"before" and store.decrypt(key, after, AAD) == b"after"


def test_anything_altered_does_not_decrypt(store, root, key):
    sealed = store.encrypt(key, b"Hello World!", AAD)
    wrong = []
    for name, value in sealed.items():
        changed = bytearray(unb64(value))
        changed[-1] ^= 1
        wrong += [({**sealed, name: b64(changed)}, AAD), ({**sealed, name: b64(changed[:-1])}, AAD)]
    wrong += [(sealed, None), (sealed, AAD[:-1])]
    # What is data to one is metadata to the other ("Encrypt", `ciphertextMetadata`).
    without = {name: value for name, value in sealed.items() if name != "ciphertextMetadata"}
    wrong += [(without, AAD), (without, AAD + unb64(sealed["ciphertextMetadata"]))]
    wrong += [({**sealed, "initializationVector": b64(bytes(16))}, AAD)]
    for changed, aad in wrong:
        assert store.refused(f"keys/{key}/decrypt", store.decryption(changed, aad)) == (400, "InvalidCiphertextException"), changed
    other = root.kms.create_key()["KeyMetadata"]["KeyId"]
    assert store.refused(f"keys/{other}/decrypt", store.decryption(sealed, AAD)) == (400, "InvalidCiphertextException")


def test_metadata_of_keys(store, root, key):
    body = {"requestMetadata": {**METADATA, "kmsOperation": "DescribeKey"}}
    ready = {"keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED"}
    assert store.ok(f"keys/{key}/metadata", body) == ready
    # At CreateKey there is no KMS key yet.
    new = {name: value for name, value in METADATA.items() if name != "kmsKeyArn"}
    assert store.ok(f"keys/{key}/metadata", {"requestMetadata": new}) == ready
    root.kms.disable_key(KeyId=key)
    assert store.ok(f"keys/{key}/metadata", body) == {**ready, "keyStatus": "DISABLED"}


def encryption(**more):
    return {"requestMetadata": METADATA, "plaintext": "AAAA", "encryptionAlgorithm": "AES_GCM", **more}


def test_states_of_keys(store, root, key):
    sealed = store.decryption(store.encrypt(key, b"x"))
    root.kms.disable_key(KeyId=key)
    for what, body in [("encrypt", encryption()), ("decrypt", sealed)]:
        assert store.refused(f"keys/{key}/{what}", body) == (400, "InvalidStateException")
    root.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert store.refused(f"keys/{key}/encrypt", encryption()) == (400, "InvalidStateException")
    gone = "1234abcd-12ab-34cd-56ef-1234567890ab"
    for what, body in [("encrypt", encryption()), ("decrypt", sealed), ("metadata", {"requestMetadata": METADATA})]:
        assert store.refused(f"keys/{gone}/{what}", body) == (404, "KeyNotFoundException")
    assert store.refused("keys/no_such.key/encrypt", encryption()) == (404, "KeyNotFoundException")


def test_keys_are_of_the_region_that_signs(fastness, root, store, key):
    far = Store(fastness, {"XksProxyUriPath": store.path, "XksProxyAuthenticationCredential": {
        "AccessKeyId": store.id, "RawSecretAccessKey": store.secret}}, region="eu-west-3")
    assert far.refused(f"keys/{key}/encrypt", encryption()) == (404, "KeyNotFoundException")


def test_policies_and_grants_decide(fastness, root, key, account):
    arn = f"arn:aws:kms:us-east-1:{account}:key/{key}"
    nobody = store_of(fastness, root, "nobody")
    body = {"requestMetadata": METADATA}
    sealed = nobody.decryption({
        "ciphertext": "AA==", "initializationVector": b64(bytes(12)), "authenticationTag": b64(bytes(16))})
    for what, body in [("encrypt", encryption()), ("decrypt", sealed), ("metadata", body)]:
        assert nobody.refused(f"keys/{key}/{what}", body) == (403, "AccessDeniedException")
    nobody.ok("health", {"requestMetadata": HEALTH})
    user = f"arn:aws:iam::{account}:user/nobody"
    root.kms.create_grant(KeyId=key, GranteePrincipal=user, Operations=["Encrypt"])
    nobody.encrypt(key, b"x")
    assert nobody.refused(f"keys/{key}/metadata", {"requestMetadata": METADATA})[0] == 403
    root.iam.put_user_policy(UserName="nobody", PolicyName="p", PolicyDocument=document(deny("kms:*", arn)))
    assert nobody.refused(f"keys/{key}/encrypt", encryption()) == (403, "AccessDeniedException")


def test_every_use_is_recorded(root, store, key, account):
    reply = store.call(f"keys/{key}/encrypt", encryption(additionalAuthenticatedData=b64(b"secret or not")))
    found = record(root, reply.request_id)
    assert found["eventSource"] == "kms-xks-proxy.amazonaws.com" and found["eventName"] == "Encrypt"
    assert found["readOnly"] is True and found["responseElements"] is None
    assert found["userIdentity"]["userName"] == "store" and found["userIdentity"]["accessKeyId"] == store.id
    parameters = found["requestParameters"]
    assert parameters["requestMetadata"] == METADATA and parameters["externalKeyId"] == key
    assert "plaintext" not in parameters and found["resources"][0]["ARN"].endswith(key)
    missing = record(root, store.call("keys/none/encrypt", encryption()).request_id)
    assert missing["errorCode"] == "KeyNotFoundException"


def test_what_is_no_request_of_the_specification(store, key):
    metadata = {"requestMetadata": METADATA}
    short = {name: value for name, value in METADATA.items() if name != "kmsKeyArn"}
    invalid = [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"requestMetadata":' * 1000,
        {},
        metadata,
        encryption(requestMetadata=short),
        encryption(requestMetadata=None),
        encryption(encryptionAlgorithm="AES_CBC"),
        encryption(plaintext="?"),
        encryption(plaintext=7),
        encryption(additionalAuthenticatedData="A"),
        encryption(ciphertextDataIntegrityValueAlgorithm="MD5"),
        encryption(requestMetadata={**METADATA, "awsPrincipalArn": "x" * 2049}),
    ]
    for body in invalid:
        assert store.refused(f"keys/{key}/encrypt", body) == (400, "ValidationException"), body
    assert store.refused(f"keys/{'k' * 129}/encrypt", encryption()) == (400, "ValidationException")
    assert store.refused("keys/a%2Fb/encrypt", encryption()) == (400, "ValidationException")
    # What nobody has to know is no mistake, and operations of KMS to come are none either.
    store.ok(f"keys/{key}/encrypt", encryption(note=1, requestMetadata={**METADATA, "x": 1, "kmsOperation": "BulkEncrypt"}))
    for more in ({"plaintext": b64(bytes(9000))}, {"additionalAuthenticatedData": b64(bytes(9000))}):
        assert store.refused(f"keys/{key}/encrypt", encryption(**more)) == (501, "UnsupportedOperationException")


def test_paths_and_methods(store, key):
    for path in ["/kms/xks/v1", "/other/kms/xks/v1", store.path.lower(), f"/a{store.path}", store.path[:-1] + "2"]:
        assert store.refused(f"keys/{key}/encrypt", encryption(), path=path) == (404, "InvalidUriPathException"), path
    for what in ["", "health2", f"keys/{key}", f"keys/{key}/sign"]:
        assert store.refused(what, encryption()) == (404, "InvalidUriPathException"), what
    for what in ["health", f"keys/{key}/encrypt", f"keys/{key}/decrypt", f"keys/{key}/metadata"]:
        for method in ["GET", "PUT", "DELETE"]:
            assert store.call(what, b"", method=method).status == 405, (what, method)


def test_only_the_proxys_own_keys_are_taken(fastness, root, store, key):
    unauthentic = (401, "AuthenticationFailedException")

    def as_caller(id, secret, token=None):
        other = Store(fastness, {"XksProxyUriPath": store.path, "XksProxyAuthenticationCredential": {
            "AccessKeyId": id, "RawSecretAccessKey": secret}})
        request = other.request("health", {"requestMetadata": HEALTH})
        if token:
            request.headers.append(("X-Amz-Security-Token", token))
        return request.send().status, request.send().json()["errorName"]

    assert as_caller(store.id, store.secret[:-1] + "_") == unauthentic
    assert as_caller("XKSPAAAAAAAAAAAAAAAAAAAA", store.secret) == unauthentic
    assert as_caller(root.key, root.secret) == unauthentic
    session = root.user("sessions", allow("*")).sts.get_session_token()["Credentials"]
    assert as_caller(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]) == unauthentic
    # Nor is such a key good for anything else.
    caller = Caller(fastness, store.id, store.secret)
    for call, code in [(caller.kms.list_keys, "UnrecognizedClientException"), (caller.sts.get_caller_identity, "InvalidClientTokenId")]:
        assert refused(call)["Code"] == code
    unsigned = store.request("health", {"requestMetadata": HEALTH})
    unsigned.replace("Authorization", None)
    assert unsigned.send().status in (401, 404)


@pytest.mark.parametrize("minutes, status", [(-4, 200), (4, 200), (-6, 401), (6, 401)])
def test_a_signature_is_good_for_five_minutes(store, minutes, status):
    then = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    with mock.patch("botocore.auth.get_current_datetime", return_value=then.replace(tzinfo=None)):
        request = store.request("health", {"requestMetadata": HEALTH})
    assert request.send().status == status


def test_keys_of_stores_are_managed(fastness, root):
    first = store_of(fastness, root, "managed", allow("kms:*"))
    # Two at once, so that one can take the place of the other.
    second = Store(fastness, json.loads(xks(fastness, "create", "--user", "managed").stdout))
    assert first.path == second.path and first.id != second.id
    assert first.path == f"/{root.iam.get_user(UserName='managed')['User']['UserId']}/kms/xks/v1"
    health = ("health", {"requestMetadata": HEALTH})
    assert first.call(*health).status == second.call(*health).status == 200
    xks(fastness, "disable", first.id)
    assert first.refused(*health) == (401, "AuthenticationFailedException") and second.call(*health).status == 200
    lines = [line.split() for line in xks(fastness, "list").stdout.splitlines()]
    listed = {line[0]: (line[1], line[3].rsplit("/", 1)[-1]) for line in lines}
    assert listed[first.id] == ("Inactive", "managed") and listed[second.id] == ("Active", "managed")
    xks(fastness, "enable", first.id)
    assert first.call(*health).status == 200
    xks(fastness, "delete", first.id)
    assert first.call(*health).status == 401
    assert "no such key" in xks(fastness, "delete", first.id, check=False).stderr
    # A renamed user keeps its keys; they end with the user.
    root.iam.update_user(UserName="managed", NewUserName="renamed")
    assert second.call(*health).status == 200
    root.iam.delete_user_policy(UserName="renamed", PolicyName="inline")
    root.iam.delete_user(UserName="renamed")
    assert second.call(*health).status == 401
    assert "cannot be found" in xks(fastness, "create", "--user", "renamed", check=False).stderr
    names = [entry["eventName"] for entry in events(root)]
    assert {"CreateProxyKey", "ListProxyKeys", "UpdateProxyKey", "DeleteProxyKey"} <= set(names)


def test_secrets_are_kept_sealed(fastness, store):
    for path in fastness.data.rglob("*"):
        if path.is_file():
            assert store.secret.encode() not in path.read_bytes(), path


def test_a_sealed_deployment_says_so(fresh):
    fresh.serve()
    store = store_of(fresh, fresh.root(), "store")
    fresh.run("seal", "--data", str(fresh.data))
    reply = None
    for _ in range(100):
        try:
            reply = store.call("health", {"requestMetadata": HEALTH})
            break
        except OSError:
            continue
    assert reply.status == 500 and reply.json()["errorName"] == "InternalException"
