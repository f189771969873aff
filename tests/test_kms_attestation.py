"""Cryptographic attestation: answers of KMS that only an enclave or a NitroTPM can open.

The documents are made here, by a made-up root that the server is configured to trust, with pyca/cryptography and cbor2; what is
answered is opened by OpenSSL and read by asn1crypto.
"""

import base64
import subprocess
import time

import pytest
from asn1crypto import cms
from attested import DER, Certified, Enclave, Hypervisor
from conftest import Fastness, allow, deny, document as policy_of, record, refused
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

CONTEXT = {"purpose": "test"}


@pytest.fixture(scope="module")
def hypervisor():
    return Hypervisor()


@pytest.fixture(scope="module")
def enclave():
    return Enclave()


@pytest.fixture(scope="module")
def fastness(tmp_path_factory, hypervisor):
    """A deployment that trusts the made-up root, and another that signs nothing here."""
    directory = tmp_path_factory.mktemp("attestation")
    roots = directory / "roots.pem"
    roots.write_bytes(Certified("another").pem + hypervisor.root.pem)
    deployment = Fastness(directory, config={"attestation": {"roots": [str(roots)]}}).serve()
    yield deployment
    deployment.stop()


@pytest.fixture
def recipient(hypervisor, enclave):
    return of(hypervisor.document(enclave.public_key))


def of(document):
    """The parameter of a call."""
    return {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": document}


@pytest.fixture
def open_with(tmp_path):
    """Opens an answer with OpenSSL, by the private key of an enclave."""

    def opened(enclave, answer):
        assert not answer.get("Plaintext"), "the plaintext is answered in clear"
        (tmp_path / "key.pem").write_bytes(enclave.pem)
        (tmp_path / "answer.der").write_bytes(answer["CiphertextForRecipient"])
        command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", "answer.der", "-inkey", "key.pem"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout

    return opened


def test_decrypt(root, key, enclave, recipient, open_with):
    sealed = root.kms.encrypt(KeyId=key, Plaintext=b"attack at dawn", EncryptionContext=CONTEXT)["CiphertextBlob"]
    answer = root.kms.decrypt(CiphertextBlob=sealed, EncryptionContext=CONTEXT, Recipient=recipient)
    assert open_with(enclave, answer) == b"attack at dawn"
    assert answer["KeyId"].endswith(key) and answer["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    # Nobody else opens it.
    with pytest.raises(subprocess.CalledProcessError):
        open_with(Enclave(), answer)


def test_generate_data_key(root, key, enclave, recipient, open_with):
    answer = root.kms.generate_data_key(KeyId=key, KeySpec="AES_256", Recipient=recipient)
    data_key = open_with(enclave, answer)
    assert len(data_key) == 32
    assert root.kms.decrypt(CiphertextBlob=answer["CiphertextBlob"])["Plaintext"] == data_key


def test_generate_random(root, enclave, recipient, open_with):
    first, second = (open_with(enclave, root.kms.generate_random(NumberOfBytes=40, Recipient=recipient)) for _ in "ab")
    assert len(first) == len(second) == 40 and first != second


@pytest.mark.parametrize("spec", ["RSA_4096", "ECC_NIST_P256"])
def test_generate_data_key_pair(root, key, enclave, recipient, open_with, spec):
    answer = root.kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec, Recipient=recipient)
    assert not answer.get("PrivateKeyPlaintext")
    private = serialization.load_der_private_key(open_with(enclave, answer), None)
    public = private.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert public == answer["PublicKey"]
    again = root.kms.decrypt(CiphertextBlob=answer["PrivateKeyCiphertextBlob"], Recipient=recipient)
    assert open_with(enclave, again) == open_with(enclave, answer)


def test_derive_shared_secret(root, enclave, recipient, open_with):
    agree = {"KeySpec": "ECC_NIST_P384", "KeyUsage": "KEY_AGREEMENT"}
    key = root.kms.create_key(**agree)["KeyMetadata"]["KeyId"]
    mine = ec.generate_private_key(ec.SECP384R1())
    public = mine.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    answer = root.kms.derive_shared_secret(
        KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=public, Recipient=recipient
    )
    assert not answer.get("SharedSecret")
    theirs = serialization.load_der_public_key(root.kms.get_public_key(KeyId=key)["PublicKey"])
    assert open_with(enclave, answer) == mine.exchange(ec.ECDH(), theirs)


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_keys_of_other_sizes(root, key, hypervisor, open_with, bits):
    enclave = Enclave(bits)
    plaintext = bytes(4096)
    sealed = root.kms.encrypt(KeyId=key, Plaintext=plaintext)["CiphertextBlob"]
    document = hypervisor.document(enclave.public_key, tagged=False)
    assert open_with(enclave, root.kms.decrypt(CiphertextBlob=sealed, Recipient=of(document))) == plaintext


def test_the_form_of_the_answer(root, recipient):
    """As AWS's enclave SDK reads it: RFC 5652, version 2, one recipient by key identifier, OAEP, AES-256-CBC; indefinite lengths."""
    message = root.kms.generate_random(NumberOfBytes=8, Recipient=recipient)["CiphertextForRecipient"]
    assert message[:2] == b"\x30\x80" and message.endswith(bytes(10))
    info = cms.ContentInfo.load(message)
    assert info["content_type"].native == "enveloped_data"
    enveloped = info["content"]
    assert enveloped["version"].native == "v2"
    (only,) = enveloped["recipient_infos"]
    transport = only.chosen
    assert transport["version"].native == "v2" and transport["rid"].name == "subject_key_identifier"
    assert len(transport["rid"].chosen.native) == 32
    algorithm = transport["key_encryption_algorithm"]
    assert algorithm["algorithm"].native == "rsaes_oaep"
    assert algorithm["parameters"]["hash_algorithm"]["algorithm"].native == "sha256"
    assert algorithm["parameters"]["mask_gen_algorithm"]["parameters"]["algorithm"].native == "sha256"
    content = enveloped["encrypted_content_info"]
    assert content["content_type"].native == "data"
    assert content["content_encryption_algorithm"]["algorithm"].native == "aes256_cbc"


class TestPolicies:
    """Condition keys: who may decrypt where."""

    @pytest.mark.parametrize(
        "name, value",
        [
            ("ImageSha384", "00" * 48),
            ("PCR0", "00" * 48),
            ("PCR3", "03" * 48),
            ("PCR16", "10" * 48),
        ],
    )
    def test_registers_of_an_enclave(self, root, key, hypervisor, enclave, name, value):
        only = {"StringEqualsIgnoreCase": {f"kms:RecipientAttestation:{name}": value.upper()}}
        user = root.user(f"in-enclave-{name}", allow("kms:*", Condition=only))
        document = hypervisor.document(enclave.public_key)
        assert "CiphertextForRecipient" in user.kms.generate_data_key(
            KeyId=key, KeySpec="AES_128", Recipient=of(document)
        )
        assert "CiphertextForRecipient" in user.kms.generate_random(NumberOfBytes=1, Recipient=of(document))
        other = hypervisor.document(enclave.public_key, pcrs={n: b"\xff" * 48 for n in range(32)})
        for more in ({}, {"Recipient": of(other)}, {"Recipient": of(hypervisor.document(enclave.public_key, tpm=True))}):
            denied = refused(user.kms.generate_data_key, KeyId=key, KeySpec="AES_128", **more)
            assert denied["Code"] == "AccessDeniedException", denied
            assert refused(user.kms.generate_random, NumberOfBytes=1, **more)["Code"] == "AccessDeniedException"

    def test_registers_of_a_tpm(self, root, key, hypervisor, enclave):
        only = {"StringEquals": {"kms:RecipientAttestation:NitroTPMPCR4": "04" * 48}}
        user = root.user("on-instance", allow("kms:Decrypt", Condition=only))
        sealed = root.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        document = hypervisor.document(enclave.public_key, tpm=True)
        assert "CiphertextForRecipient" in user.kms.decrypt(CiphertextBlob=sealed, Recipient=of(document))
        for document in (
            hypervisor.document(enclave.public_key),
            hypervisor.document(enclave.public_key, tpm=True, nitrotpm_pcrs={4: bytes(48)}),
        ):
            denied = refused(user.kms.decrypt, CiphertextBlob=sealed, Recipient=of(document))
            assert denied["Code"] == "AccessDeniedException", denied

    def test_a_key_for_enclaves_alone(self, root, key, recipient):
        """A deny for all that have no register, as AWS's documentation advises."""
        outside = {"Null": {"kms:RecipientAttestation:PCR0": "true"}}
        user = root.user("enclave-or-not", allow("kms:*"))
        policy = policy_of(deny("kms:Decrypt", Condition=outside))
        root.iam.put_user_policy(UserName="enclave-or-not", PolicyName="outside", PolicyDocument=policy)
        sealed = root.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert refused(user.kms.decrypt, CiphertextBlob=sealed)["Code"] == "AccessDeniedException"
        assert "CiphertextForRecipient" in user.kms.decrypt(CiphertextBlob=sealed, Recipient=recipient)


class TestTrail:
    """KMS Developer Guide, "Monitoring attested requests"."""

    def told(self, root, answer):
        return record(root, answer["ResponseMetadata"]["RequestId"])["additionalEventData"]["recipient"]

    def test_an_enclave(self, root, recipient):
        told = self.told(root, root.kms.generate_random(NumberOfBytes=1, Recipient=recipient))
        names = {f"attestationDocumentEnclavePCR{n}": bytes([n]) * 48 for n in (1, 2, 3, 4, 8)}
        names["attestationDocumentEnclaveImageDigest"] = bytes(48)
        assert told.pop("attestationDocumentModuleId") == "i-0123-enc4567"
        assert {name: base64.b64decode(value) for name, value in told.items()} == names

    def test_a_tpm(self, root, hypervisor, enclave):
        document = hypervisor.document(enclave.public_key, tpm=True)
        told = self.told(root, root.kms.generate_random(NumberOfBytes=1, Recipient=of(document)))
        names = {f"attestationDocumentNitroTPMPCR{n}": bytes([n]) * 48 for n in (4, 7, 8, 12)}
        assert told.pop("attestationDocumentModuleId") == "i-0123-tpm4567"
        assert {name: base64.b64decode(value) for name, value in told.items()} == names

    def test_a_denial_and_a_call_in_clear(self, root, recipient):
        user = root.user("not-from-here")
        denied = refused(user.kms.generate_random, NumberOfBytes=1, Recipient=recipient)
        found = record(root, denied["RequestId"])
        assert found["errorCode"] == "AccessDenied"
        assert found["additionalEventData"]["recipient"]["attestationDocumentModuleId"] == "i-0123-enc4567"
        clear = root.kms.generate_random(NumberOfBytes=1)
        assert "additionalEventData" not in record(root, clear["ResponseMetadata"]["RequestId"])


class TestRefusals:
    """What is wrong with a document, and how it is refused."""

    def refuses(self, root, words, document):
        found = refused(root.kms.generate_random, NumberOfBytes=1, Recipient=of(document))
        assert found["Code"] == "ValidationException" and found["Status"] == 400, found
        assert found["Message"].startswith("The attestation document is not valid: "), found
        assert words in found["Message"], found

    def test_form(self, root, hypervisor, enclave):
        good = hypervisor.document(enclave.public_key)
        for document in (b"x", good[: len(good) // 2], good[:-1], good + b"\x00", b"\x9f" * 200_000):
            self.refuses(root, "it is malformed", document)
        for members in (
            {"module_id": ""},
            {"module_id": ...},
            {"digest": "SHA256"},
            {"timestamp": -1},
            {"pcrs": {}},
            {"pcrs": {0: bytes(47)}},
            {"pcrs": {0: bytes(65)}},
            {"pcrs": {32: bytes(48)}},
            {"pcrs": {"0": bytes(48)}},
            {"cabundle": []},
            {"cabundle": [bytes(1025)]},
            {"certificate": bytes(1025)},
            {"public_key": bytes(1025)},
            {"user_data": bytes(513)},
            {"nonce": bytes(513)},
            {"nonce": bytes(20_000)},
            {"another": 1},
        ):
            self.refuses(root, "it is malformed", hypervisor.document(**{"public_key": enclave.public_key, **members}))
        self.refuses(root, "not ES384", hypervisor.document(enclave.public_key, protected={1: -7}))

    def test_longer_than_the_model_says(self, root):
        found = refused(root.kms.generate_random, NumberOfBytes=1, Recipient=of(bytes(262_145)))
        assert found["Code"] == "ValidationException" and "262144" in found["Message"], found

    def test_signature(self, root, hypervisor, enclave):
        for signer in (Certified("another"), Certified("p-256", curve=ec.SECP256R1)):
            self.refuses(root, "its signature is wrong", hypervisor.document(enclave.public_key, signer=signer))
        spoiled = bytearray(hypervisor.document(enclave.public_key))
        spoiled[-1] ^= 1
        self.refuses(root, "its signature is wrong", bytes(spoiled))

    def test_chain(self, root, hypervisor, enclave):
        self.refuses(root, "its root certificate is not trusted", Hypervisor().document(enclave.public_key))
        trusted = hypervisor.root
        for words, wrong in (
            ("expired", Hypervisor(trusted, days=(-2, -1))),
            ("not valid yet", Hypervisor(trusted, days=(1, 2))),
            ("may not sign", Hypervisor(trusted, usage=(False, False))),
            ("that of an authority", Hypervisor(trusted, authority=True, usage=(True, True))),
        ):
            self.refuses(root, words, wrong.document(enclave.public_key))
        other_curve = Hypervisor(trusted, curve=ec.SECP256R1)
        self.refuses(root, "", other_curve.document(enclave.public_key))
        bundle = [hypervisor.root.der, hypervisor.zone.der, hypervisor.region.der]
        self.refuses(root, "not in order", hypervisor.document(enclave.public_key, cabundle=bundle))
        stranger = Hypervisor(trusted)
        self.refuses(root, "", hypervisor.document(enclave.public_key, certificate=stranger.target.der))

    def test_age(self, root, hypervisor, enclave):
        for minutes in (-6, 6):
            at = int((time.time() + minutes * 60) * 1000)
            self.refuses(root, "older than five minutes", hypervisor.document(enclave.public_key, timestamp=at))
        at = int((time.time() - 4 * 60) * 1000)
        document = hypervisor.document(enclave.public_key, timestamp=at)
        assert root.kms.generate_random(NumberOfBytes=1, Recipient=of(document))["CiphertextForRecipient"]

    def test_public_key(self, root, hypervisor):
        self.refuses(root, "no public key", hypervisor.document(None))
        self.refuses(root, "not an RSA key", hypervisor.document(b"key"))
        self.refuses(root, "not an RSA key", hypervisor.document(Enclave(1024).public_key))

    def test_parameters(self, root, hypervisor, enclave):
        document = hypervisor.document(enclave.public_key)
        for recipient, missing in (
            ({"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}, "recipient.attestationDocument"),
            ({"AttestationDocument": document}, "recipient.keyEncryptionAlgorithm"),
        ):
            found = refused(root.kms.generate_random, NumberOfBytes=1, Recipient=recipient)
            assert found["Code"] == "ValidationException" and missing in found["Message"], found
        found = refused(
            root.kms.generate_random,
            NumberOfBytes=1,
            Recipient={"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_1", "AttestationDocument": document},
        )
        assert found["Code"] == "ValidationException", found


def test_without_roots_nothing_is_believed(fresh, hypervisor, enclave):
    root = fresh.serve().root()
    document = hypervisor.document(enclave.public_key)
    found = refused(root.kms.generate_random, NumberOfBytes=1, Recipient=of(document))
    assert found["Code"] == "ValidationException" and "root certificate is not trusted" in found["Message"], found


def test_roots_that_cannot_be_read(tmp_path):
    (tmp_path / "key.pem").write_bytes(Enclave().pem)
    for path in (tmp_path / "key.pem", tmp_path / "absent.pem"):
        config = {"attestation": {"roots": [str(path)]}}
        deployment = Fastness(tmp_path / path.stem, config=config)
        done = deployment.run("serve", "--data", str(deployment.data), "--listen", "127.0.0.1:0", check=False)
        assert done.returncode != 0 and str(path) in done.stderr, done
