"""The AWS Encryption SDKs against Fastness: who can read what who wrote, by which keyring, with how many calls of KMS.

docs/clients.md, which clients.py writes, has these and the other clients in tables.
"""

import aws_encryption_sdk
import clients
import pytest
from conftest import allow, events
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from encryption_sdks import (
    SUITES,
    CommandLine,
    JavaScript,
    Keyrings,
    PythonKeyring,
    PythonMasterKey,
    Refused,
    decrypt,
    encrypt,
    master_key,
)

CONTEXT = {"purpose": "test", "ünïcode": "naïve café"}
ELSEWHERE = "eu-west-1"
PLAINTEXT = bytes(range(256)) * 40  # more than the 4,096 bytes that one frame of a message has


@pytest.fixture(scope="module")
def javascript(root):
    sdk = JavaScript(root)
    yield sdk
    sdk.close()


@pytest.fixture(scope="module")
def sdks(root, javascript, tmp_path_factory):
    return {
        "python": PythonKeyring(root),
        "python-master-key": PythonMasterKey(root),
        "javascript": javascript,
        "command-line": CommandLine(root, tmp_path_factory.mktemp("command-line")),
    }


@pytest.fixture
def arn(root):
    """The ARN of a new key."""
    return root.kms.create_key()["KeyMetadata"]["Arn"]


@pytest.fixture(scope="module")
def letters(root, sdks):
    """A key, and a message under it by each writer in each algorithm suite."""
    key = root.kms.create_key()["KeyMetadata"]["Arn"]
    return key, {
        (writer, suite): sdks[writer].write(key, PLAINTEXT, CONTEXT, suite)
        for writer in clients.WRITERS
        for suite in SUITES
    }


@pytest.mark.parametrize("reader", clients.WRITERS)
@pytest.mark.parametrize("writer", clients.WRITERS)
def test_each_reads_what_each_wrote(sdks, letters, writer, reader):
    key, messages = letters
    for suite in SUITES:
        assert sdks[reader].read(key, messages[writer, suite]) == (PLAINTEXT, CONTEXT)


@pytest.mark.parametrize("reader", clients.WRITERS)
def test_nobody_reads_what_was_changed(sdks, letters, reader):
    key, messages = letters
    message = bytearray(messages["python", "signed"])
    # The context stands in the header, where KMS is given it from.
    message[message.index(b"purpose")] ^= 1
    with pytest.raises(Refused, match="(?i)decrypt"):
        sdks[reader].read(key, bytes(message))


@pytest.mark.parametrize("reader", clients.WRITERS)
def test_another_key_does_not_read(sdks, letters, arn, reader):
    with pytest.raises(Refused):
        sdks[reader].read(arn, letters[1]["python", "unsigned"])


@pytest.fixture(scope="module")
def everywhere(root):
    """The ARNs of a multi-Region key: of its primary, and of its replica in another region."""
    primary = root.kms.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    replica = root.kms.replicate_key(KeyId=primary, ReplicaRegion=ELSEWHERE)["ReplicaKeyMetadata"]["Arn"]
    return primary, replica


def calls(root, key, name):
    """How often an operation has been called on a key."""
    found = events(root, LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": key}])
    return sum(event["eventName"] == name for event in found)


class TestPythonKeyrings:
    def test_multi_keyring(self, root, account):
        first, second, third = (root.kms.create_key()["KeyMetadata"]["Arn"] for _ in range(3))
        keyrings = Keyrings(root)
        message = encrypt(PLAINTEXT, CONTEXT, keyring=keyrings.multi(first, [second]))
        assert (calls(root, first, "GenerateDataKey"), calls(root, second, "Encrypt")) == (1, 1)
        for key in (first, second):
            assert decrypt(message, keyring=keyrings.single(key)) == (PLAINTEXT, CONTEXT)
        with pytest.raises(Refused):
            decrypt(message, keyring=keyrings.single(third))
        # One that is out of use does not keep the others from reading.
        root.kms.disable_key(KeyId=first)
        assert decrypt(message, keyring=keyrings.multi(first, [second])) == (PLAINTEXT, CONTEXT)

    def test_discovery(self, root, account, arn):
        keyrings = Keyrings(root)
        message = encrypt(PLAINTEXT, CONTEXT, keyring=keyrings.single(arn))
        assert decrypt(message, keyring=keyrings.discovery(account)) == (PLAINTEXT, CONTEXT)
        before = calls(root, arn, "Decrypt")
        with pytest.raises(Refused):
            decrypt(message, keyring=keyrings.discovery("999999999999"))
        assert calls(root, arn, "Decrypt") == before

    def test_multi_region_keys(self, root, account, everywhere):
        primary, replica = everywhere
        keyrings = Keyrings(root)
        message = encrypt(PLAINTEXT, CONTEXT, keyring=keyrings.mrk(primary))
        for keyring in (keyrings.mrk(replica), keyrings.mrk_discovery(account, [ELSEWHERE])):
            assert decrypt(message, keyring=keyring) == (PLAINTEXT, CONTEXT)
        # A keyring that knows nothing of regions takes the two for two keys.
        with pytest.raises(Refused):
            decrypt(message, keyring=keyrings.multi(replica, []))

    def test_rsa(self, root):
        """The public key encrypts outside of KMS; the SDK wants no signature with it."""
        key = root.kms.create_key(KeySpec="RSA_3072", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"]
        public_key = load_der_public_key(root.kms.get_public_key(KeyId=key)["PublicKey"])
        keyring = Keyrings(root).rsa(key, public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        message = encrypt(PLAINTEXT, CONTEXT, "unsigned", keyring=keyring)
        assert decrypt(message, keyring=keyring) == (PLAINTEXT, CONTEXT)
        assert calls(root, key, "Decrypt") == 1

    def test_ecdh(self, root):
        """Two KMS keys agree: each party knows the public key of the other."""
        agree = {"KeySpec": "ECC_NIST_P384", "KeyUsage": "KEY_AGREEMENT"}
        sender, recipient = (root.kms.create_key(**agree)["KeyMetadata"]["Arn"] for _ in range(2))
        keyrings = Keyrings(root)
        keyring = keyrings.agreement(sender, root.kms.get_public_key(KeyId=recipient)["PublicKey"])
        message = encrypt(PLAINTEXT, CONTEXT, keyring=keyring)
        for reader in (keyring, keyrings.agreed(recipient)):
            assert decrypt(message, keyring=reader) == (PLAINTEXT, CONTEXT)
        assert calls(root, recipient, "DeriveSharedSecret") > 0

    def test_permission_for_a_context(self, root, account, arn):
        """What may be read is a question of the key policy, whatever the client."""
        only = {"StringEquals": {"kms:EncryptionContext:purpose": "test"}}
        user = root.user("context-reader", allow("kms:Decrypt", arn, Condition=only))
        reader = Keyrings(user)
        keyrings = Keyrings(root)
        message = encrypt(PLAINTEXT, CONTEXT, keyring=keyrings.single(arn))
        assert decrypt(message, keyring=reader.single(arn)) == (PLAINTEXT, CONTEXT)
        other = encrypt(PLAINTEXT, {"purpose": "other"}, keyring=keyrings.single(arn))
        with pytest.raises(Refused):
            decrypt(other, keyring=reader.single(arn))
        with pytest.raises(Refused):
            encrypt(PLAINTEXT, CONTEXT, keyring=reader.single(arn))
        mine = events(root, LookupAttributes=[{"AttributeKey": "AccessKeyId", "AttributeValue": user.key}])
        assert [(event["eventName"], event.get("errorCode")) for event in mine] == [
            ("GenerateDataKey", "AccessDenied"),
            ("Decrypt", "AccessDenied"),
            ("Decrypt", None),
        ]

    def test_caching(self, root, arn):
        manager = aws_encryption_sdk.CachingCryptoMaterialsManager(
            master_key_provider=master_key(root, arn),
            cache=aws_encryption_sdk.LocalCryptoMaterialsCache(10),
            max_age=600.0,
            max_messages_encrypted=3,
        )
        messages = [encrypt(b"%d" % n, CONTEXT, materials_manager=manager) for n in range(7)]
        assert calls(root, arn, "GenerateDataKey") == 3
        assert [decrypt(message, materials_manager=manager)[0] for message in messages] == [b"%d" % n for n in range(7)]
        assert calls(root, arn, "Decrypt") == 3


class TestJavaScriptKeyrings:
    def test_multi_keyring(self, root, javascript):
        first, second = (root.kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
        both = {"kind": "kms", "generatorKeyId": first, "keyIds": [second]}
        message = javascript.encrypt(both, PLAINTEXT, CONTEXT)
        assert (calls(root, first, "GenerateDataKey"), calls(root, second, "Encrypt")) == (1, 1)
        assert javascript.read(second, message) == (PLAINTEXT, CONTEXT)
        root.kms.disable_key(KeyId=first)
        assert javascript.decrypt(both, message) == (PLAINTEXT, CONTEXT)

    def test_discovery(self, root, account, javascript, arn):
        message = javascript.write(arn, PLAINTEXT, CONTEXT)
        keyring = {"kind": "kms", "discovery": True}
        assert javascript.decrypt(keyring, message) == (PLAINTEXT, CONTEXT)
        only = {"accountIDs": [account], "partition": "aws"}
        assert javascript.decrypt({**keyring, "discoveryFilter": only}, message) == (PLAINTEXT, CONTEXT)
        before = calls(root, arn, "Decrypt")
        with pytest.raises(Refused):
            javascript.decrypt({**keyring, "discoveryFilter": {**only, "accountIDs": ["999999999999"]}}, message)
        assert calls(root, arn, "Decrypt") == before

    def test_multi_region_keys(self, account, javascript, everywhere):
        primary, replica = everywhere
        message = javascript.encrypt({"kind": "mrk", "generatorKeyId": primary}, PLAINTEXT, CONTEXT)
        only = {"accountIDs": [account], "partition": "aws"}
        for keyring in (
            {"kind": "mrk", "generatorKeyId": replica},
            {"kind": "mrkDiscovery", "regions": [ELSEWHERE], "discoveryFilter": only},
        ):
            assert javascript.decrypt(keyring, message) == (PLAINTEXT, CONTEXT)
        with pytest.raises(Refused):
            javascript.read(replica, message)

    def test_caching(self, root, javascript, arn):
        keyring = {"kind": "kms", "generatorKeyId": arn}
        messages = [javascript.encrypt(keyring, b"%d" % n, CONTEXT, cache=arn) for n in range(5)]
        assert calls(root, arn, "GenerateDataKey") == 1
        assert [javascript.decrypt(keyring, message, cache=arn)[0] for message in messages] == [
            b"%d" % n for n in range(5)
        ]
        assert calls(root, arn, "Decrypt") == 1


class TestCommandLine:
    def test_two_wrapping_keys_and_caching(self, root, sdks):
        first, second = (root.kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
        command_line = sdks["command-line"]
        keys = ("--wrapping-keys", f"key={first}", f"key={second}", "--caching", "capacity=10", "max_age=60.0")
        message, _ = command_line.run("--encrypt", *keys, source=PLAINTEXT)
        assert command_line.read(second, message) == (PLAINTEXT, {})
        assert (calls(root, first, "GenerateDataKey"), calls(root, second, "Encrypt")) == (1, 1)

    def test_discovery(self, account, sdks, letters):
        key, messages = letters
        wrapping = ("--wrapping-keys", "discovery=true", f"discovery-account={account}", "discovery-partition=aws")
        plaintext, metadata = sdks["command-line"].run("--decrypt", *wrapping, source=messages["javascript", "signed"])
        assert plaintext == PLAINTEXT and metadata["header"]["encryption_context"].items() >= CONTEXT.items()


def test_the_document_has_every_client():
    clients.check_document()
