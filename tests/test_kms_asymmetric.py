"""KMS: what key pairs and HMAC keys make, held against OpenSSL, pyca/cryptography and PyCryptodome, and the other way round."""

import hashlib
import hmac
from itertools import product

import pytest
from conftest import allow, deny, document, record, refused, refuses
from Crypto.Hash import SHA512 as PYCRYPTODOME_SHA512
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from pairs import CURVES, HASHES, KINDS, MESSAGE, openssl, peer_of_sm2, pkcs8, spki

RSA = ("RSA_2048", "RSA_3072", "RSA_4096")
ML_DSA = ("ML_DSA_44", "ML_DSA_65", "ML_DSA_87")
ML_KEM = {"ML_KEM_512": 768, "ML_KEM_768": 1088, "ML_KEM_1024": 1568}


@pytest.fixture(scope="module")
def keys(root):
    """A key of each kind, made when it is first asked for."""
    made = {}

    def key(spec, usage):
        if (spec, usage) not in made:
            made[spec, usage] = root.kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
        return made[spec, usage]

    return key


def public(root, arn):
    return load_der_public_key(root.kms.get_public_key(KeyId=arn)["PublicKey"])


def digest(size, message=MESSAGE):
    return hashlib.new(f"sha{size}", message).digest()


@pytest.mark.parametrize("spec", RSA)
def test_rsa_signatures(root, keys, spec, tmp_path):
    kms, key = root.kms, keys(spec, "SIGN_VERIFY")
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    got = kms.get_public_key(KeyId=key)
    assert got["KeySpec"] == described["KeySpec"] == got["CustomerMasterKeySpec"] == spec
    assert sorted(got["SigningAlgorithms"]) == sorted(described["SigningAlgorithms"])
    assert "EncryptionAlgorithms" not in got and "KeyMaterialId" not in described
    pem = public(root, key)
    assert isinstance(pem, rsa.RSAPublicKey) and pem.key_size == int(spec[4:])
    for scheme, size, kind in product(("PSS", "PKCS1_V1_5"), HASHES, ("RAW", "DIGEST")):
        algorithm, hash_ = f"RSASSA_{scheme}_SHA_{size}", HASHES[size]
        sent = MESSAGE if kind == "RAW" else digest(size)
        asked = {"KeyId": key, "Message": sent, "MessageType": kind, "SigningAlgorithm": algorithm}
        signature = kms.sign(**asked)["Signature"]
        pad = padding.PSS(padding.MGF1(hash_), hash_.digest_size) if scheme == "PSS" else padding.PKCS1v15()
        pem.verify(signature, MESSAGE, pad, hash_)
        assert kms.verify(**asked, Signature=signature)["SignatureValid"] is True
        other = {**asked, "Message": MESSAGE if kind == "DIGEST" else digest(size)}
        other["MessageType"] = "RAW" if kind == "DIGEST" else "DIGEST"
        assert kms.verify(**other, Signature=signature)["SignatureValid"] is True
        options = (
            ["-sigopt", "rsa_padding_mode:pss", "-sigopt", f"rsa_pss_saltlen:{hash_.digest_size}"] if scheme == "PSS" else []
        )
        openssl(
            *["dgst", f"-sha{size}", "-keyform", "DER", "-verify", "key", "-signature", "signature", *options, "message"],
            directory=tmp_path,
            key=got["PublicKey"],
            signature=signature,
            message=MESSAGE,
        )


@pytest.mark.parametrize("spec", CURVES)
def test_ecdsa_signatures(root, keys, spec, tmp_path):
    curve, size = CURVES[spec]
    kms, key = root.kms, keys(spec, "SIGN_VERIFY")
    pem, algorithm = public(root, key), f"ECDSA_SHA_{size}"
    assert pem.curve.name == curve.name
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["SigningAlgorithms"] == [algorithm]
    for kind, sent in (("RAW", MESSAGE), ("DIGEST", digest(size))):
        asked = {"KeyId": key, "Message": sent, "MessageType": kind, "SigningAlgorithm": algorithm}
        signature = kms.sign(**asked)["Signature"]
        pem.verify(signature, MESSAGE, ec.ECDSA(HASHES[size]))
        pem.verify(signature, digest(size), ec.ECDSA(Prehashed(HASHES[size])))
        assert kms.verify(**asked, Signature=signature)["SignatureValid"] is True
        openssl(
            *["dgst", f"-sha{size}", "-keyform", "DER", "-verify", "key", "-signature", "signature", "message"],
            directory=tmp_path,
            key=spki(pem),
            signature=signature,
            message=MESSAGE,
        )


def test_ed25519_signatures(root, keys, tmp_path):
    kms, key = root.kms, keys("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    pem = public(root, key)
    assert isinstance(pem, ed25519.Ed25519PublicKey)
    asked = {"KeyId": key, "Message": MESSAGE, "SigningAlgorithm": "ED25519_SHA_512"}
    signature = kms.sign(**asked)["Signature"]
    pem.verify(signature, MESSAGE)
    assert kms.verify(**asked, MessageType="RAW", Signature=signature)["SignatureValid"] is True
    files = {"key": spki(pem), "signature": signature, "message": MESSAGE}
    how = ["-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin", "-in", "message", "-sigfile", "signature"]
    openssl("pkeyutl", *how, directory=tmp_path, **files)

    # The pre-hashed form: the digest that is sent is hashed once more.
    sent = digest("512")
    asked = {"KeyId": key, "Message": sent, "MessageType": "DIGEST", "SigningAlgorithm": "ED25519_PH_SHA_512"}
    signature = kms.sign(**asked)["Signature"]
    verifier = eddsa.new(ECC.import_key(spki(pem)), "rfc8032")
    verifier.verify(PYCRYPTODOME_SHA512.new(sent), signature)
    assert kms.verify(**asked, Signature=signature)["SignatureValid"] is True
    with pytest.raises(InvalidSignature):
        pem.verify(signature, sent)


@pytest.mark.parametrize("spec", ML_DSA)
def test_ml_dsa_signatures(root, keys, spec):
    kms, key = root.kms, keys(spec, "SIGN_VERIFY")
    pem, algorithm = public(root, key), "ML_DSA_SHAKE_256"
    assert type(pem).__name__.startswith(f"MLDSA{spec[-2:]}")
    hasher = mldsa.MLDSAMuHasher(pem)
    hasher.update(MESSAGE)
    mu = hasher.finalize()
    for kind, sent in (("RAW", MESSAGE), ("EXTERNAL_MU", mu)):
        asked = {"KeyId": key, "Message": sent, "MessageType": kind, "SigningAlgorithm": algorithm}
        signature = kms.sign(**asked)["Signature"]
        pem.verify(signature, MESSAGE)
        pem.verify_mu(signature, mu)
        for other, text in (("RAW", MESSAGE), ("EXTERNAL_MU", mu)):
            asked = {**asked, "MessageType": other, "Message": text}
            assert kms.verify(**asked, Signature=signature)["SignatureValid"] is True


def test_sm2(root, keys, tmp_path):
    kms, key = root.kms, keys("SM2", "SIGN_VERIFY")
    asked = {"KeyId": key, "Message": MESSAGE, "SigningAlgorithm": "SM2DSA"}
    signature = kms.sign(**asked)["Signature"]
    assert kms.verify(**asked, Signature=signature)["SignatureValid"] is True
    files = {"key": kms.get_public_key(KeyId=key)["PublicKey"], "signature": signature, "message": MESSAGE}
    how = ["-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin", "-digest", "sm3"]
    how += ["-pkeyopt", "distid:1234567812345678", "-in", "message", "-sigfile", "signature"]
    openssl("pkeyutl", *how, directory=tmp_path, **files)

    key = keys("SM2", "ENCRYPT_DECRYPT")
    algorithm = {"KeyId": key, "EncryptionAlgorithm": "SM2PKE"}
    pem = kms.get_public_key(KeyId=key)["PublicKey"]
    how = ["-encrypt", "-pubin", "-keyform", "DER", "-inkey", "key", "-in", "message"]
    blob = openssl("pkeyutl", *how, directory=tmp_path, key=pem, message=MESSAGE)
    assert kms.decrypt(CiphertextBlob=blob, **algorithm)["Plaintext"] == MESSAGE
    blob = kms.encrypt(Plaintext=b"x" * 1024, **algorithm)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, **algorithm)["Plaintext"] == b"x" * 1024
    assert openssl("asn1parse", "-inform", "DER", "-in", "blob", directory=tmp_path, blob=blob).count(b"INTEGER") == 2

    key = keys("SM2", "KEY_AGREEMENT")
    peer, secret = peer_of_sm2(kms.get_public_key(KeyId=key)["PublicKey"])
    derived = kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=peer)
    assert derived["SharedSecret"] == secret


@pytest.mark.parametrize("spec", RSA)
def test_rsa_encryption(root, keys, spec):
    kms, key = root.kms, keys(spec, "ENCRYPT_DECRYPT")
    pem = public(root, key)
    for name, hash_ in (("1", hashes.SHA1()), ("256", hashes.SHA256())):
        algorithm = {"KeyId": key, "EncryptionAlgorithm": f"RSAES_OAEP_SHA_{name}"}
        most = pem.key_size // 8 - 2 * hash_.digest_size - 2
        outside = pem.encrypt(MESSAGE, padding.OAEP(padding.MGF1(hash_), hash_, None))
        opened = kms.decrypt(CiphertextBlob=outside, **algorithm)
        assert opened["Plaintext"] == MESSAGE and "KeyMaterialId" not in opened
        blob = kms.encrypt(Plaintext=b"x" * most, **algorithm)["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob, **algorithm)["Plaintext"] == b"x" * most
        refuses(
            "ValidationException",
            f"Algorithm RSAES_OAEP_SHA_{name} and key spec {spec} cannot encrypt data larger than {most} bytes.",
            kms.encrypt,
            Plaintext=b"x" * (most + 1),
            **algorithm,
        )
        refuses("InvalidCiphertextException", "", kms.decrypt, CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1]), **algorithm)
        refuses("InvalidCiphertextException", "", kms.decrypt, CiphertextBlob=b"short", **algorithm)


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"])
def test_shared_secrets_by_ecdh(root, keys, spec, tmp_path):
    kms, key = root.kms, keys(spec, "KEY_AGREEMENT")
    peer = ec.generate_private_key(CURVES[spec][0])
    derived = kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=spki(peer.public_key()))
    assert derived["SharedSecret"] == peer.exchange(ec.ECDH(), public(root, key))
    assert (derived["KeyId"], derived["KeyAgreementAlgorithm"], derived["KeyOrigin"]) == (key, "ECDH", "AWS_KMS")
    files = {"own": pkcs8(peer), "peer": kms.get_public_key(KeyId=key)["PublicKey"]}
    how = ["-derive", "-keyform", "DER", "-inkey", "own", "-peerform", "DER", "-peerkey", "peer"]
    assert openssl("pkeyutl", *how, directory=tmp_path, **files) == derived["SharedSecret"]
    wrong = ec.generate_private_key(ec.SECP256K1()).public_key()
    for hostile in (spki(wrong), b"nothing", spki(peer.public_key())[:-1]):
        found = refused(kms.derive_shared_secret, KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=hostile)
        assert found["Code"] == "ValidationException"


@pytest.mark.parametrize("spec", ML_KEM)
def test_shared_secrets_by_ml_kem(root, keys, spec):
    kms, key = root.kms, keys(spec, "ENCAPSULATE_DECAPSULATE")
    assert kms.get_public_key(KeyId=key)["EncapsulationAlgorithms"] == ["ML_KEM"]
    asked = {"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}
    made = kms.encapsulate(**asked)
    blob = made["SharedSecretCiphertextBlob"]
    assert len(made["SharedSecret"]) == 32 and len(blob) == ML_KEM[spec]
    assert kms.decapsulate(**asked, SharedSecretCiphertextBlob=blob)["SharedSecret"] == made["SharedSecret"]
    altered = bytes([blob[0] ^ 1]) + blob[1:]
    rejected = kms.decapsulate(**asked, SharedSecretCiphertextBlob=altered)["SharedSecret"]
    assert len(rejected) == 32 and rejected != made["SharedSecret"]
    refuses("InvalidCiphertextException", "", kms.decapsulate, **asked, SharedSecretCiphertextBlob=blob[1:])
    if spec != "ML_KEM_512":  # which pyca/cryptography does not have
        secret, blob = public(root, key).encapsulate()
        assert kms.decapsulate(**asked, SharedSecretCiphertextBlob=blob)["SharedSecret"] == secret


@pytest.mark.parametrize("size", ["224", "256", "384", "512"])
def test_message_authentication_codes(root, keys, size):
    kms, key = root.kms, keys(f"HMAC_{size}", "GENERATE_VERIFY_MAC")
    asked = {"KeyId": key, "Message": MESSAGE, "MacAlgorithm": f"HMAC_SHA_{size}"}
    mac = kms.generate_mac(**asked)["Mac"]
    assert len(mac) == int(size) // 8 and mac == kms.generate_mac(**asked)["Mac"]
    assert kms.verify_mac(**asked, Mac=mac)["MacValid"] is True
    refuses("KMSInvalidMacException", "", kms.verify_mac, **asked, Mac=mac[:-1])
    refuses("KMSInvalidMacException", "", kms.verify_mac, **{**asked, "Message": b"other"}, Mac=mac)
    refuses(
        "UnsupportedOperationException",
        f"{key} key spec is HMAC_{size} which is not valid for GetPublicKey.",
        kms.get_public_key,
        KeyId=key,
    )


PAIRS = [*RSA, *CURVES, "ECC_NIST_EDWARDS25519", "SM2", *ML_KEM]


@pytest.mark.parametrize("spec", PAIRS)
def test_data_key_pairs(root, key, spec, tmp_path):
    kms, context = root.kms, {"app": "pairs"}
    asked = {"KeyId": key, "KeyPairSpec": spec, "EncryptionContext": context}
    made = kms.generate_data_key_pair(**asked)
    private, blob = made["PrivateKeyPlaintext"], made["PrivateKeyCiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == private
    assert made["KeyPairSpec"] == spec and made["KeyId"].endswith(key) and len(made["KeyMaterialId"]) == 64
    if spec == "SM2":
        how = ["pkey", "-inform", "DER", "-in", "key", "-pubout", "-outform", "DER"]
        assert openssl(*how, directory=tmp_path, key=private) == made["PublicKey"]
    elif spec == "ML_KEM_512":  # which pyca/cryptography does not have
        assert len(private) == 86 and private[20:22] == b"\x80\x40", "the seed"
    else:
        loaded = load_der_private_key(private, None)
        assert spki(loaded.public_key()) == made["PublicKey"]
        if spec.startswith("ML_KEM"):
            assert len(private) == 86, "the seed"
            secret, ciphertext = load_der_public_key(made["PublicKey"]).encapsulate()
            assert loaded.decapsulate(ciphertext) == secret
    again = kms.generate_data_key_pair_without_plaintext(**asked)
    assert "PrivateKeyPlaintext" not in again and again["PublicKey"] != made["PublicKey"]
    opened = kms.decrypt(CiphertextBlob=again["PrivateKeyCiphertextBlob"], EncryptionContext=context)
    assert opened["KeyMaterialId"] == again["KeyMaterialId"]


def test_a_signature_that_is_not_one(root, keys):
    kms = root.kms
    signing, other = keys("ECC_NIST_P256", "SIGN_VERIFY"), keys("ECC_SECG_P256K1", "SIGN_VERIFY")
    asked = {"KeyId": signing, "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(**asked)["Signature"]
    for wrong in (
        {**asked, "Signature": signature[:-1]},
        {**asked, "Signature": b"nothing"},
        {**asked, "Message": b"other", "Signature": signature},
        {**asked, "KeyId": other, "Signature": signature},
        {**asked, "Signature": kms.sign(**{**asked, "KeyId": other})["Signature"]},
    ):
        refuses("KMSInvalidSignatureException", "", kms.verify, **wrong)


def test_keys_are_used_for_what_they_are_for(root, key, keys):
    kms, symmetric = root.kms, root.kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    signing = keys("ECC_NIST_P256", "SIGN_VERIFY")
    sign = {"Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
    for arn, usage, name, call, parameters in (
        (symmetric, "ENCRYPT_DECRYPT", "Sign", kms.sign, sign),
        (symmetric, "ENCRYPT_DECRYPT", "Verify", kms.verify, {**sign, "Signature": b"x"}),
        (signing, "SIGN_VERIFY", "Encrypt", kms.encrypt, {"Plaintext": b"x"}),
        (signing, "SIGN_VERIFY", "GenerateDataKey", kms.generate_data_key, {"KeySpec": "AES_256"}),
        (
            signing,
            "SIGN_VERIFY",
            "GenerateMac",
            kms.generate_mac,
            {"Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"},
        ),
        (signing, "SIGN_VERIFY", "Encapsulate", kms.encapsulate, {"EncapsulationAlgorithm": "ML_KEM"}),
        (
            signing,
            "SIGN_VERIFY",
            "DeriveSharedSecret",
            kms.derive_shared_secret,
            {"KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x"},
        ),
    ):
        message = f"{arn} key usage is {usage} which is not valid for {name}."
        refuses("InvalidKeyUsageException", message, call, KeyId=arn, **parameters)
    refuses(
        "InvalidKeyUsageException",
        "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.",
        kms.sign,
        KeyId=signing,
        Message=MESSAGE,
        SigningAlgorithm="ECDSA_SHA_384",
    )
    refuses(
        "ValidationException",
        "Digest is invalid length for algorithm ECDSA_SHA_256.",
        kms.sign,
        KeyId=signing,
        Message=MESSAGE,
        MessageType="DIGEST",
        SigningAlgorithm="ECDSA_SHA_256",
    )
    for spec, usage in (("HMAC_256", "SIGN_VERIFY"), ("ECC_SECG_P256K1", "KEY_AGREEMENT"), ("ML_DSA_44", "ENCRYPT_DECRYPT")):
        message = f"KeyUsage {usage} is not compatible with KeySpec {spec}"
        refuses("ValidationException", message, kms.create_key, KeySpec=spec, KeyUsage=usage)
    refuses(
        "ValidationException",
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        kms.create_key,
        KeySpec="RSA_2048",
    )


@pytest.mark.parametrize("spec, usage", [kind for kind in KINDS if kind[0] != "SYMMETRIC_DEFAULT"])
def test_they_are_not_rotated(root, keys, spec, usage):
    key = keys(spec, usage)
    status = root.kms.get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] is False and "NextRotationDate" not in status
    message = f"{key} key spec is {spec} which is not valid for this operation."
    for call in (root.kms.enable_key_rotation, root.kms.disable_key_rotation, root.kms.rotate_key_on_demand):
        refuses("UnsupportedOperationException", message, call, KeyId=key)


def test_dry_runs(root, keys):
    kms = root.kms
    signing, mac = keys("ECC_NIST_P256", "SIGN_VERIFY"), keys("HMAC_256", "GENERATE_VERIFY_MAC")
    sign = {"KeyId": signing, "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256", "DryRun": True}
    code = {"KeyId": mac, "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256", "DryRun": True}
    kem = {"KeyId": keys("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"), "EncapsulationAlgorithm": "ML_KEM", "DryRun": True}
    for call, parameters in (
        (kms.sign, sign),
        (kms.verify, {**sign, "Signature": b"x"}),
        (kms.generate_mac, code),
        (kms.verify_mac, {**code, "Mac": b"x"}),
        (kms.encapsulate, kem),
        (kms.decapsulate, {**kem, "SharedSecretCiphertextBlob": b"x" * 768}),
    ):
        message = "The request would have succeeded, but the DryRun option is set."
        refuses("DryRunOperationException", message, call, **parameters)


def test_policies_and_grants_by_algorithm(root, account, keys):
    signing = keys("ECC_NIST_P256", "SIGN_VERIFY")
    only_raw = deny("kms:Sign", Condition={"StringEquals": {"kms:MessageType": "DIGEST"}})
    only_mac = allow("kms:GenerateMac", Condition={"StringEquals": {"kms:MacAlgorithm": "HMAC_SHA_256"}})
    alice = root.user("signer")
    root.iam.put_user_policy(
        UserName="signer", PolicyName="inline", PolicyDocument=document(allow("kms:Sign"), only_raw, only_mac)
    )
    sign = {"KeyId": signing, "SigningAlgorithm": "ECDSA_SHA_256"}
    alice.kms.sign(**sign, Message=MESSAGE)
    found = refused(alice.kms.sign, **sign, Message=digest("256"), MessageType="DIGEST")
    assert found["Code"] == "AccessDeniedException"
    mac = {"Message": MESSAGE}
    alice.kms.generate_mac(KeyId=keys("HMAC_256", "GENERATE_VERIFY_MAC"), MacAlgorithm="HMAC_SHA_256", **mac)
    found = refused(
        alice.kms.generate_mac, KeyId=keys("HMAC_384", "GENERATE_VERIFY_MAC"), MacAlgorithm="HMAC_SHA_384", **mac
    )
    assert found["Code"] == "AccessDeniedException"

    bob = root.user("verifier")
    assert refused(bob.kms.get_public_key, KeyId=signing)["Code"] == "AccessDeniedException"
    root.kms.create_grant(
        KeyId=signing,
        GranteePrincipal=f"arn:aws:iam::{account}:user/verifier",
        Operations=["Verify", "GetPublicKey"],
    )
    bob.kms.get_public_key(KeyId=signing)
    assert refused(bob.kms.sign, **sign, Message=MESSAGE)["Code"] == "AccessDeniedException"
    signature = root.kms.sign(**sign, Message=MESSAGE)["Signature"]
    assert bob.kms.verify(**sign, Message=MESSAGE, Signature=signature)["SignatureValid"] is True


def test_what_is_recorded(root, keys):
    """Neither messages nor secrets; the events are read-only, as AWS's are."""
    signing = keys("ECC_NIST_P256", "SIGN_VERIFY")
    sign = {"KeyId": signing, "Message": b"not to be seen", "SigningAlgorithm": "ECDSA_SHA_256"}
    answer = root.kms.sign(**sign)
    entry = record(root, answer["ResponseMetadata"]["RequestId"])
    assert (entry["eventName"], entry["readOnly"], entry["responseElements"]) == ("Sign", True, None)
    assert entry["requestParameters"]["signingAlgorithm"] == "ECDSA_SHA_256"
    assert entry["resources"][0]["ARN"] == signing
    kem = {"KeyId": keys("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"), "EncapsulationAlgorithm": "ML_KEM"}
    answer = root.kms.encapsulate(**kem)
    entry = record(root, answer["ResponseMetadata"]["RequestId"])
    assert (entry["eventName"], entry["readOnly"], entry["responseElements"]) == ("Encapsulate", True, None)


def test_keys_outlive_the_server(fresh):
    """What was sealed opens again in another process."""
    kms = fresh.serve().root().kms
    made = {
        (spec, usage): kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
        for spec, usage in (
            ("RSA_2048", "SIGN_VERIFY"),
            ("ECC_NIST_P521", "KEY_AGREEMENT"),
            ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
            ("SM2", "SIGN_VERIFY"),
            ("ML_DSA_65", "SIGN_VERIFY"),
            ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
        )
    }
    mac = kms.create_key(KeySpec="HMAC_512", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    code = {"KeyId": mac, "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_512"}
    before = {arn: kms.get_public_key(KeyId=arn)["PublicKey"] for arn in made.values()}, kms.generate_mac(**code)["Mac"]
    fresh.kill()
    kms = fresh.serve().root().kms
    after = {arn: kms.get_public_key(KeyId=arn)["PublicKey"] for arn in made.values()}, kms.generate_mac(**code)["Mac"]
    assert before == after
