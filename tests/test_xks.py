"""External key stores: KMS of one Fastness with keys behind the proxy of another, and behind one that nobody here wrote, over real TLS."""

import json
import threading

import pytest
from certificates import Authority
from conftest import Fastness, allow, document, events, records, refused, refuses, wait_for
from manager import STATUS, Manager
from proxy import unb64
from test_xks_proxy import xks

CONTEXT = {"department": "marketing", "project": "nile"}
PERMISSIONS = allow(["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"])
SERVICE = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0"

# XKS Proxy API Specification, "Error codes": what KMS says of what a proxy answers.
WORDS = {
    "ValidationException": "cannot interpret the response from the external key store proxy",
    "InvalidStateException": "is not enabled in the external key manager",
    "InvalidCiphertextException": "the specified ciphertext or encryption context is corrupted",
    "InvalidKeyUsageException": "does not support the requested operation. Enable",
    "AuthenticationFailedException": "it could not authenticate AWS KMS",
    "AccessDeniedException": "denied access to the operation",
    "KeyNotFoundException": "was not found in its external key manager",
    "InvalidUriPathException": "because of an invalid URI path",
    "ThrottlingException": "due to a very high request rate",
    "UnsupportedOperationException": "because it does not support the requested operation",
    "DependencyTimeoutException": "did not respond to the request in the time allotted",
    "InternalException": "it cannot communicate with the external key manager",
}
UNREADABLE = WORDS["ValidationException"]
UNREACHABLE = "cannot communicate with the external key store proxy"


class Remote:
    """A second Fastness that is a proxy: a user of it, and that user's key for a store."""

    def __init__(self, directory):
        names = ["localhost", "127.0.0.1", "xks.example.com", "private.example.com"]
        self.fastness = Fastness(directory, config={"tls": {"names": names}}).serve()
        self.root = self.fastness.root()
        self.root.iam.create_user(UserName="store")
        self.permit(PERMISSIONS)
        self.told = self.credential()

    def permit(self, *statements):
        self.root.iam.put_user_policy(UserName="store", PolicyName="inline", PolicyDocument=document(*statements))

    def credential(self):
        return json.loads(xks(self.fastness, "create", "--user", "store").stdout)

    def key(self, **how):
        return self.root.kms.create_key(**how)["KeyMetadata"]["KeyId"]

    @property
    def address(self):
        return self.fastness.endpoint.removeprefix("https://")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("xks")


@pytest.fixture(scope="module")
def authority(directory):
    return Authority(directory)


@pytest.fixture(scope="module")
def remote(directory):
    made = Remote(directory / "remote")
    yield made
    made.fastness.stop()


@pytest.fixture(scope="module")
def shared(authority):
    manager = Manager(authority.issue("manager", names="DNS:manager.example.com,DNS:vpc.example.com"))
    yield manager
    manager.stop()


@pytest.fixture
def manager(shared):
    """The manager, as it is when nothing is wrong."""
    good = dict(shared.metadata)
    yield shared
    shared.change, shared.metadata = None, good
    shared.go.set()
    shared.seen.clear()


def settings(directory, authority, remote, manager, **more):
    """What the operator of the first Fastness says."""
    trusted = directory / "trusted.pem"
    trusted.write_bytes(authority.certificate.read_bytes() + open(remote.fastness.ca_bundle, "rb").read())

    def route(host, address, **service):
        return {"host": host, "address": address, **service}

    return {
        "external-key-stores": {
            "ca-file": str(trusted),
            # The machine that runs tests may be busy.
            "time-limit-ms": 20_000,
            "proxies": [
                route("xks.example.com", remote.address),
                route("private.example.com", remote.address, **{"vpc-endpoint-service": SERVICE}),
                route("wrong.example.com", remote.address),
                route("manager.example.com", manager.address),
                route("nobody.example.com", "127.0.0.1:9"),
            ],
            **more,
        }
    }


@pytest.fixture(scope="module")
def first(directory, authority, remote, shared):
    config = settings(directory, authority, remote, shared)
    deployment = Fastness(directory / "first", config=config).serve()
    yield deployment.root()
    deployment.stop()


def properties(host, path, credential, service=None):
    """What `CreateCustomKeyStore` and `UpdateCustomKeyStore` take."""
    return {
        "XksProxyUriEndpoint": f"https://{host}",
        "XksProxyUriPath": path,
        "XksProxyAuthenticationCredential": credential,
        "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE" if service else "PUBLIC_ENDPOINT",
        **({"XksProxyVpcEndpointServiceName": service} if service else {}),
    }


def of_remote(remote, host="xks.example.com", service=None):
    return properties(host, remote.told["XksProxyUriPath"], remote.told["XksProxyAuthenticationCredential"], service)


def of_manager(manager):
    return properties("manager.example.com", manager.path, manager.credential)


def described(first, store):
    return first.kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]


def settled(first, store):
    """The state that a store comes to."""
    passing = ("CONNECTING", "DISCONNECTING")
    return wait_for(lambda: (found := described(first, store))["ConnectionState"] not in passing and found, 30)


def connect(first, store):
    first.kms.connect_custom_key_store(CustomKeyStoreId=store)
    found = settled(first, store)
    assert found["ConnectionState"] == "CONNECTED", found


class Kept:
    """A store that is gone with its keys' rows when the test is over: each place may have one."""

    def __init__(self, first, name, properties, connected=True):
        self.first = first
        made = first.kms.create_custom_key_store(
            CustomKeyStoreName=name, CustomKeyStoreType="EXTERNAL_KEY_STORE", **properties
        )
        self.id = made["CustomKeyStoreId"]
        if connected:
            connect(first, self.id)

    def key(self, name, **how):
        return self.first.kms.create_key(
            Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=self.id, XksKeyId=name, **how
        )["KeyMetadata"]


@pytest.fixture(scope="module")
def store(first, remote):
    return Kept(first, "at another Fastness", of_remote(remote))


@pytest.fixture(scope="module")
def foreign(first, shared):
    return Kept(first, "at another's proxy", of_manager(shared))


@pytest.fixture
def key(store, remote):
    """A key in the store, and the external key behind it."""
    external = remote.key()
    return store.key(external)["KeyId"], external


@pytest.fixture(scope="module")
def held(foreign):
    """A key at another's proxy."""
    return foreign.key("first")["KeyId"]


def test_what_is_told_of_stores_and_keys(first, store, remote):
    found = described(first, store.id)
    assert found["CustomKeyStoreType"] == "EXTERNAL_KEY_STORE" and found["ConnectionState"] == "CONNECTED"
    assert found["XksProxyConfiguration"] == {
        "Connectivity": "PUBLIC_ENDPOINT",
        "AccessKeyId": remote.told["XksProxyAuthenticationCredential"]["AccessKeyId"],
        "UriEndpoint": "https://xks.example.com",
        "UriPath": remote.told["XksProxyUriPath"],
    }
    external = remote.key()
    for told in (store.key(external), first.kms.describe_key(KeyId=first.kms.list_keys()["Keys"][-1]["KeyId"])):
        assert told.get("KeyMetadata", told)["Origin"] in ("EXTERNAL_KEY_STORE", "AWS_KMS")
    again = refused(store.key, external)
    assert again["Code"] == "XksKeyAlreadyInUseException"


def test_every_cryptographic_operation(first, remote, key):
    kms, (key, external) = first.kms, key
    told = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert told["XksKeyConfiguration"] == {"Id": external} and told["Origin"] == "EXTERNAL_KEY_STORE"
    assert told["KeyState"] == "Enabled" and told["EncryptionAlgorithms"] == ["SYMMETRIC_DEFAULT"]
    for plaintext in (b"x", bytes(4096)):
        blob = kms.encrypt(KeyId=key, Plaintext=plaintext, EncryptionContext=CONTEXT)["CiphertextBlob"]
        opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
        assert opened["Plaintext"] == plaintext and opened["KeyId"].endswith(key)
    data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    opened = kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == data_key["Plaintext"]
    silent = kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_128")["CiphertextBlob"]
    assert len(kms.decrypt(CiphertextBlob=silent)["Plaintext"]) == 16
    own = kms.create_key()["KeyMetadata"]["KeyId"]
    moved = kms.re_encrypt(CiphertextBlob=silent, DestinationKeyId=own)["CiphertextBlob"]
    back = kms.re_encrypt(CiphertextBlob=moved, DestinationKeyId=key, DestinationEncryptionContext=CONTEXT)
    opened = kms.decrypt(CiphertextBlob=back["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"]
    assert opened == kms.decrypt(CiphertextBlob=silent)["Plaintext"]
    # The two trails know of each other.
    ours = records(first)
    theirs = [
        entry["requestParameters"]["requestMetadata"]
        for entry in events(remote.root)
        if entry["eventSource"] == "kms-xks-proxy.amazonaws.com" and "externalKeyId" in entry["requestParameters"]
    ]
    assert all(told["kmsRequestId"] in ours for told in theirs)
    assert {told["kmsOperation"] for told in theirs} >= {
        *("CreateKey", "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt")
    }
    assert {told["awsPrincipalArn"] for told in theirs} == {first.sts.get_caller_identity()["Arn"]}
    assert all(told["kmsKeyArn"].startswith("arn:aws:kms:") for told in theirs if told["kmsOperation"] != "CreateKey")


def test_what_does_not_fit_does_not_decrypt(first, key):
    kms, (key, _) = first.kms, key
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=CONTEXT)["CiphertextBlob"]
    wrong = WORDS["InvalidCiphertextException"]
    refuses("KMSInvalidStateException", wrong, kms.decrypt, CiphertextBlob=blob)
    for at in (70, 90, len(blob) - 1):
        changed = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
        refuses("KMSInvalidStateException", wrong, kms.decrypt, CiphertextBlob=changed, EncryptionContext=CONTEXT)
    assert refused(kms.decrypt, CiphertextBlob=blob[:60])["Code"] in ("KMSInvalidStateException", "InvalidCiphertextException")


def test_what_such_keys_cannot_do(first, store, key):
    kms, (key, external) = first.kms, key
    for call, how in [
        (kms.enable_key_rotation, {"KeyId": key}),
        (kms.rotate_key_on_demand, {"KeyId": key}),
        (kms.create_key, {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": store.id, "XksKeyId": "x", "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}),
    ]:
        assert refused(call, **how)["Code"] == "UnsupportedOperationException"


def test_trouble_at_the_other_fastness(first, remote, key):
    kms, (key, external) = first.kms, key
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]

    def fails(error):
        for call, how in [
            (kms.encrypt, {"KeyId": key, "Plaintext": b"x"}),
            (kms.decrypt, {"CiphertextBlob": blob}),
            (kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
        ]:
            refuses("KMSInvalidStateException", WORDS[error], call, **how)

    remote.root.kms.disable_key(KeyId=external)
    fails("InvalidStateException")
    remote.root.kms.enable_key(KeyId=external)
    remote.permit(allow("kms:DescribeKey"))
    fails("AccessDeniedException")
    remote.permit(PERMISSIONS)
    id = remote.told["XksProxyAuthenticationCredential"]["AccessKeyId"]
    xks(remote.fastness, "disable", id)
    fails("AuthenticationFailedException")
    xks(remote.fastness, "enable", id)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_external_keys_that_are_not_fit(store, remote, first):
    disabled = remote.key()
    remote.root.kms.disable_key(KeyId=disabled)
    gone = "1234abcd-12ab-34cd-56ef-1234567890ab"
    for name, code, error in [
        (gone, "XksKeyNotFoundException", "KeyNotFoundException"),
        (disabled, "XksKeyInvalidConfigurationException", "InvalidStateException"),
    ]:
        found = refused(store.key, name)
        assert found["Code"] == code and WORDS[error] in found["Message"]
    # What failed is not kept.
    remote.root.kms.enable_key(KeyId=disabled)
    store.key(disabled)


def test_stores_that_are_not_made(first, remote, manager):
    good = of_remote(remote)

    def fails(code, words, **change):
        changed = {**good, "XksProxyUriPath": "/AIDAOTHER/kms/xks/v1", **change}
        refuses(
            code,
            words,
            first.kms.create_custom_key_store,
            CustomKeyStoreName="never",
            CustomKeyStoreType="EXTERNAL_KEY_STORE",
            **changed,
        )

    credential = good["XksProxyAuthenticationCredential"]
    wrong = {**credential, "RawSecretAccessKey": "A" * 48}
    unauthentic = ("XksProxyIncorrectAuthenticationCredentialException", WORDS["AuthenticationFailedException"])
    fails(*unauthentic, XksProxyAuthenticationCredential=wrong)
    fails(*unauthentic, XksProxyAuthenticationCredential={**credential, "AccessKeyId": "A" * 20})
    fails("XksProxyInvalidConfigurationException", WORDS["InvalidUriPathException"])
    # Reached, but its certificate is for others.
    tls = ("XksProxyUriUnreachableException", "cannot establish a TLS connection")
    fails(*tls, XksProxyUriEndpoint="https://wrong.example.com")
    fails("XksProxyUriUnreachableException", UNREACHABLE, XksProxyUriEndpoint="https://nobody.example.com")
    # Names without an operator's word are public ones, and these are not.
    for host in ("localhost", "127.0.0.1", "no-such-host.invalid"):
        fails("XksProxyUriUnreachableException", UNREACHABLE, XksProxyUriEndpoint=f"https://{host}")
    vpc = {"XksProxyConnectivity": "VPC_ENDPOINT_SERVICE", "XksProxyUriEndpoint": "https://private.example.com"}
    missing = f"{SERVICE[:-1]}1"
    fails("XksProxyVpcEndpointServiceNotFoundException", "", **vpc, XksProxyVpcEndpointServiceName=missing)
    fails("ValidationException", "", XksProxyUriEndpoint="http://xks.example.com")


def test_vpc_endpoint_services(first, remote):
    made = Kept(first, "private", of_remote(remote, "private.example.com", SERVICE))
    assert described(first, made.id)["XksProxyConfiguration"]["VpcEndpointServiceName"] == SERVICE
    key = made.key(remote.key())["KeyId"]
    blob = first.kms.encrypt(KeyId=key, Plaintext=b"private")["CiphertextBlob"]
    assert first.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"private"


def test_disconnected_stores_and_new_credentials(first, remote, store, key):
    kms, (key, _) = first.kms, key
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.disconnect_custom_key_store(CustomKeyStoreId=store.id)
    assert settled(first, store.id)["ConnectionState"] == "DISCONNECTED"
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Unavailable"
    refuses("KMSInvalidStateException", "is unavailable.", kms.decrypt, CiphertextBlob=blob)
    assert refused(store.key, remote.key())["Code"] == "CustomKeyStoreInvalidStateException"
    connect(first, store.id)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    # A new credential takes the place of the old one while all goes on.
    old, remote.told = remote.told, remote.credential()
    update = {"CustomKeyStoreId": store.id}
    kms.update_custom_key_store(
        **update, XksProxyAuthenticationCredential=remote.told["XksProxyAuthenticationCredential"]
    )
    xks(remote.fastness, "delete", old["XksProxyAuthenticationCredential"]["AccessKeyId"])
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    refuses(
        "XksProxyIncorrectAuthenticationCredentialException",
        "",
        kms.update_custom_key_store,
        **update,
        XksProxyAuthenticationCredential=old["XksProxyAuthenticationCredential"],
    )
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_foreign_proxy_understands_every_call(first, foreign, held, manager):
    kms, arn = first.kms, first.kms.describe_key(KeyId=held)["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=held, Plaintext=b"Hello World!", EncryptionContext=CONTEXT)
    request_id = blob["ResponseMetadata"]["RequestId"]
    operation, key, region, request = manager.seen[-1]
    assert (operation, key, region) == ("encrypt", "first", "us-east-1")
    assert request["requestMetadata"] == {
        "awsPrincipalArn": first.sts.get_caller_identity()["Arn"],
        "kmsKeyArn": arn,
        "kmsOperation": "Encrypt",
        "kmsRequestId": request_id,
    }
    # Encrypted by KMS before: neither the plaintext nor the context is told.
    assert b"Hello" not in unb64(request["plaintext"]) and len(unb64(request["plaintext"])) > 12 + 40
    assert len(unb64(request["additionalAuthenticatedData"])) == 32
    assert "marketing" not in json.dumps(request)
    opened = kms.decrypt(CiphertextBlob=blob["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == b"Hello World!"
    asked = manager.seen[-1][3]
    assert asked["ciphertext"] != request["plaintext"] and len(unb64(asked["initializationVector"])) == 16
    # At CreateKey there is no KMS key yet.
    other = foreign.key("second")["KeyId"]
    operation, key, _, request = manager.seen[-1]
    assert (operation, key) == ("metadata", "second")
    assert request["requestMetadata"]["kmsOperation"] == "CreateKey" and "kmsKeyArn" not in request["requestMetadata"]
    moved = kms.re_encrypt(CiphertextBlob=blob["CiphertextBlob"], SourceEncryptionContext=CONTEXT, DestinationKeyId=other)
    assert {request["requestMetadata"]["kmsOperation"] for _, _, _, request in manager.seen[-2:]} == {"ReEncrypt"}
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"Hello World!"
    # With the external key gone, KMS's own material is of no use.
    manager.keys["second"] = None
    refuses("KMSInvalidStateException", WORDS["KeyNotFoundException"], kms.decrypt, CiphertextBlob=moved["CiphertextBlob"])


def test_connections_are_kept_and_replaced(first, held, manager):
    def encrypt():
        first.kms.encrypt(KeyId=held, Plaintext=b"x")

    encrypt()
    before = manager.connections
    for _ in range(20):
        encrypt()
    assert manager.connections == before
    # The proxy hangs up after each answer from here on, and nobody notices.
    manager.server.RequestHandlerClass.timeout = 0.05
    manager.change = lambda operation, status, answer: (status, answer)
    for _ in range(3):
        encrypt()
    manager.server.RequestHandlerClass.timeout = None


@pytest.mark.parametrize("name", STATUS)
def test_every_error_of_a_proxy_has_its_words(first, held, manager, name):
    blob = first.kms.encrypt(KeyId=held, Plaintext=b"x")["CiphertextBlob"]
    manager.change = lambda *_: (STATUS[name], {"errorName": name, "errorMessage": "for operators only"})
    for call, how in [
        (first.kms.encrypt, {"KeyId": held, "Plaintext": b"x"}),
        (first.kms.decrypt, {"CiphertextBlob": blob}),
    ]:
        found = refused(call, **how)
        assert found["Code"] == "KMSInvalidStateException" and WORDS[name] in found["Message"], found
        assert "operators" not in found["Message"]


def wrong(**parts):
    return lambda operation, status, answer: (status, {**answer, **parts})


@pytest.mark.parametrize(
    "change",
    [
        lambda *_: (200, b"<html>"),
        lambda *_: (200, b"{"),
        lambda *_: (200, {}),
        lambda *_: (200, b"\xff" * 200_000),
        lambda *_: (502, b"Bad Gateway"),
        lambda *_: (400, {"errorName": "SomethingNew"}),
        lambda *_: (302, b""),
        wrong(ciphertext="AAAA"),
        wrong(initializationVector="AAAA"),
        wrong(authenticationTag="AAAA"),
        wrong(ciphertextMetadata="A" * 40),
        wrong(ciphertextDataIntegrityValue="A" * 43 + "="),
    ],
)
def test_answers_that_are_none(first, held, manager, change):
    manager.change = change
    refuses("KMSInvalidStateException", UNREADABLE, first.kms.encrypt, KeyId=held, Plaintext=b"x")


def test_a_proxy_that_hangs_up(first, held, manager):
    manager.change = lambda *_: (200, None)
    refuses("KMSInvalidStateException", UNREACHABLE, first.kms.encrypt, KeyId=held, Plaintext=b"x")


@pytest.mark.parametrize(
    "metadata, words",
    [
        ({"keySpec": "AES_128"}, "InvalidKeyUsageException"),
        ({"keyUsage": ["ENCRYPT"]}, "InvalidKeyUsageException"),
        ({"keyStatus": "DISABLED"}, "InvalidStateException"),
    ],
)
def test_foreign_keys_that_are_not_fit(foreign, manager, metadata, words):
    manager.metadata = {**manager.metadata, **metadata}
    manager.keys["unfit"] = bytes(32)
    found = refused(foreign.key, "unfit")
    assert found["Code"] == "XksKeyInvalidConfigurationException" and WORDS[words] in found["Message"]


def test_a_store_that_does_not_connect(first, foreign, held, manager):
    kms = first.kms
    kms.disconnect_custom_key_store(CustomKeyStoreId=foreign.id)
    settled(first, foreign.id)
    down = {"healthStatus": "UNAVAILABLE", "id": "hsm-1", "model": "Python"}
    for change, code in [
        (lambda *_: (401, {"errorName": "AuthenticationFailedException"}), "INVALID_CREDENTIALS"),
        (lambda *_: (403, {"errorName": "AccessDeniedException"}), "XKS_PROXY_ACCESS_DENIED"),
        (lambda *_: (404, {"errorName": "InvalidUriPathException"}), "XKS_PROXY_INVALID_CONFIGURATION"),
        (lambda *_: (200, b"{}"), "XKS_PROXY_INVALID_RESPONSE"),
        (wrong(ekmFleetDetails=[down, down]), "XKS_PROXY_NOT_REACHABLE"),
        (lambda *_: (503, {"errorName": "DependencyTimeoutException"}), "XKS_PROXY_TIMED_OUT"),
    ]:
        manager.change = change
        kms.connect_custom_key_store(CustomKeyStoreId=foreign.id)
        found = settled(first, foreign.id)
        assert (found["ConnectionState"], found["ConnectionErrorCode"]) == ("FAILED", code)
        kms.disconnect_custom_key_store(CustomKeyStoreId=foreign.id)
        settled(first, foreign.id)
    manager.change = None
    connect(first, foreign.id)
    kms.encrypt(KeyId=held, Plaintext=b"x")


def test_a_proxy_that_is_slow(tmp_path, directory, authority, remote, manager):
    config = settings(tmp_path, authority, remote, manager, **{"time-limit-ms": 1000})
    deployment = Fastness(tmp_path / "hasty", config=config).serve()
    try:
        hasty = deployment.root()
        store = Kept(hasty, "slow", of_manager(manager))
        key = store.key("first")["KeyId"]
        blob = hasty.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        manager.go.clear()
        refuses("KMSInvalidStateException", "did not respond in time", hasty.kms.decrypt, CiphertextBlob=blob)
        found = refused(store.key, "second")
        assert found["Code"] == "CustomKeyStoreInvalidStateException" and "did not respond in time" in found["Message"]
        # Other calls go on meanwhile.
        waiting = threading.Thread(target=refused, args=(hasty.kms.decrypt,), kwargs={"CiphertextBlob": blob})
        waiting.start()
        hasty.kms.generate_random(NumberOfBytes=1)
        waiting.join()
        manager.go.set()
        assert hasty.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    finally:
        deployment.stop()


def test_a_proxy_that_is_away_and_comes_back(tmp_path, directory, authority, shared):
    (tmp_path / "away").mkdir()
    away = Remote(tmp_path / "away" / "remote")
    config = settings(tmp_path, authority, away, shared)
    deployment = Fastness(tmp_path / "first", config=config).serve()
    try:
        root = deployment.root()
        store = Kept(root, "away", of_remote(away))
        external = away.key()
        key = store.key(external)["KeyId"]
        blob = root.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        away.fastness.stop()
        refuses("KMSInvalidStateException", UNREACHABLE, root.kms.decrypt, CiphertextBlob=blob)
        # Its place is known to the first one's operator, and to its kernel.
        away.fastness.serve(listen=away.address)
        assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        # A sealed manager is there, and cannot work.
        away.fastness.run("seal", "--data", str(away.fastness.data))
        words = (WORDS["InternalException"], UNREACHABLE)
        found = wait_for(
            lambda: (told := refused(root.kms.decrypt, CiphertextBlob=blob)["Message"]) and words[0] in told and told, 30
        )
        assert words[0] in found
    finally:
        deployment.stop()
        away.fastness.kill()


def test_without_an_operators_word_nothing_is_reached(fresh, remote):
    root = fresh.serve().root()
    refuses(
        "XksProxyUriUnreachableException",
        UNREACHABLE,
        root.kms.create_custom_key_store,
        CustomKeyStoreName="never",
        CustomKeyStoreType="EXTERNAL_KEY_STORE",
        **of_remote(remote),
    )


def test_secrets_of_proxies_are_kept_sealed_and_out_of_the_trail(first, store, foreign, remote, manager):
    secrets = [
        told["RawSecretAccessKey"] for told in (remote.told["XksProxyAuthenticationCredential"], manager.credential)
    ]
    for path in first.fastness.data.rglob("*"):
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in secrets), path
    trail = json.dumps(events(first))
    assert "CreateCustomKeyStore" in trail and not any(secret in trail for secret in secrets)
