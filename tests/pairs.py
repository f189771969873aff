"""Keys of every spec as clients' own libraries have them, and every use of a KMS key held against these libraries."""

import hashlib
import hmac
import os
import pathlib
import subprocess
import tempfile

import walk
from Crypto.PublicKey import MLKEM
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from ecdsa.ellipticcurve import CurveFp, Point
from kyber_py.ml_kem import ML_KEM_512

MESSAGE = b"what is signed"

# All that the model of the API has, so that none is forgotten.
SPECS = walk.model("kms").shape_for("KeySpec").enum

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {
    "ECC_NIST_P256": (ec.SECP256R1(), "256"),
    "ECC_NIST_P384": (ec.SECP384R1(), "384"),
    "ECC_NIST_P521": (ec.SECP521R1(), "512"),
    "ECC_SECG_P256K1": (ec.SECP256K1(), "256"),
}

# The curve of SM2 (GB/T 32918.5), for pure Python: OpenSSL has no key agreement with keys of SM2.
SM2_PRIME = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
SM2_CURVE = CurveFp(
    SM2_PRIME, SM2_PRIME - 3, 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93, 1
)
SM2_BASE = Point(
    SM2_CURVE,
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)


def usages(spec):
    """What keys of a spec can be for (KMS Developer Guide, "Key spec reference")."""
    family = spec.split("_")[0]
    if spec in ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"):
        return ["SIGN_VERIFY", "KEY_AGREEMENT"]
    if spec.startswith("ML_KEM"):
        return ["ENCAPSULATE_DECAPSULATE"]
    return {
        "SYMMETRIC": ["ENCRYPT_DECRYPT"],
        "HMAC": ["GENERATE_VERIFY_MAC"],
        "RSA": ["SIGN_VERIFY", "ENCRYPT_DECRYPT"],
        "SM2": ["SIGN_VERIFY", "ENCRYPT_DECRYPT", "KEY_AGREEMENT"],
    }.get(family, ["SIGN_VERIFY"])


KINDS = [(spec, usage) for spec in SPECS for usage in usages(spec)]


def openssl(*args, directory=None, **files):
    """Runs OpenSSL in a directory with these files, and gives what it printed."""
    with tempfile.TemporaryDirectory() as temporary:
        directory = directory or pathlib.Path(temporary)
        for name, contents in files.items():
            (directory / name).write_bytes(contents)
        done = subprocess.run(["openssl", *args], cwd=directory, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def pkcs8(private):
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def spki(public):
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def material(spec):
    """Key material of a spec that is not of KMS, as ImportKeyMaterial takes it: a private key is in PKCS#8."""
    if spec == "SYMMETRIC_DEFAULT":
        return os.urandom(32)
    if spec.startswith("HMAC"):
        return os.urandom(int(spec[5:]) // 8)
    if spec == "SM2":
        key = openssl("genpkey", "-algorithm", "SM2")
        return openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in", "key", key=key)
    if spec == "ML_KEM_512":  # which pyca/cryptography does not have
        return MLKEM.generate(param_set=MLKEM.ML_KEM_512).export_key()
    if spec.startswith("RSA"):
        return pkcs8(rsa.generate_private_key(65537, int(spec[4:])))
    if spec in CURVES:
        return pkcs8(ec.generate_private_key(CURVES[spec][0]))
    if spec == "ECC_NIST_EDWARDS25519":
        return pkcs8(ed25519.Ed25519PrivateKey.generate())
    family, _, size = spec.rpartition("_")
    library, name = {"ML_DSA": (mldsa, "MLDSA"), "ML_KEM": (mlkem, "MLKEM")}[family]
    return pkcs8(getattr(library, f"{name}{size}PrivateKey").generate())


def public_half(spec, private):
    """The public key of a private one, both in DER."""
    if spec == "SM2":
        return openssl("pkey", "-inform", "DER", "-in", "key", "-pubout", "-outform", "DER", key=private)
    if spec == "ML_KEM_512":
        return MLKEM.import_key(private).public_key().export_key()
    return spki(load_der_private_key(private, None).public_key())


def use(here, there, key, spec, usage, own=None):
    """Does what a key is for with `here`, and what belongs to it with `there`: KMS clients whose keys of this name have one material.

    The results are held against clients' libraries, which have the material, too, if it is `own`.
    """
    {
        "ENCRYPT_DECRYPT": encrypts,
        "SIGN_VERIFY": signs,
        "GENERATE_VERIFY_MAC": makes_macs,
        "KEY_AGREEMENT": agrees,
        "ENCAPSULATE_DECAPSULATE": encapsulates,
    }[usage](here, there, key, spec, own)


def encrypts(here, there, key, spec, _):
    if spec == "SYMMETRIC_DEFAULT":
        blob = here.encrypt(KeyId=key, Plaintext=MESSAGE)["CiphertextBlob"]
        assert there.decrypt(KeyId=key, CiphertextBlob=blob)["Plaintext"] == MESSAGE
        return
    for algorithm in here.describe_key(KeyId=key)["KeyMetadata"]["EncryptionAlgorithms"]:
        asked = {"KeyId": key, "EncryptionAlgorithm": algorithm}
        public = here.get_public_key(KeyId=key)["PublicKey"]
        if spec == "SM2":
            outside = encrypted_by_sm2(public, MESSAGE)
        else:
            outside = load_der_public_key(public).encrypt(MESSAGE, oaep(algorithm))
        for blob in (outside, here.encrypt(Plaintext=MESSAGE, **asked)["CiphertextBlob"]):
            assert there.decrypt(CiphertextBlob=blob, **asked)["Plaintext"] == MESSAGE


def encrypted_by_sm2(public, plaintext):
    how = ["-encrypt", "-pubin", "-keyform", "DER", "-inkey", "key", "-in", "message"]
    return openssl("pkeyutl", *how, key=public, message=plaintext)


def oaep(algorithm):
    """The padding of RSAES_OAEP and RSA_AES_KEY_WRAP."""
    digest = hashes.SHA1 if algorithm.endswith("SHA_1") else hashes.SHA256
    return padding.OAEP(mgf=padding.MGF1(digest()), algorithm=digest(), label=None)


def signs(here, there, key, spec, _):
    public = there.get_public_key(KeyId=key)["PublicKey"]
    assert public == here.get_public_key(KeyId=key)["PublicKey"]
    for algorithm in here.describe_key(KeyId=key)["KeyMetadata"]["SigningAlgorithms"]:
        kind = "DIGEST" if algorithm == "ED25519_PH_SHA_512" else "RAW"
        message = hashlib.sha512(MESSAGE).digest() if kind == "DIGEST" else MESSAGE
        asked = {"KeyId": key, "Message": message, "MessageType": kind, "SigningAlgorithm": algorithm}
        signature = here.sign(**asked)["Signature"]
        assert there.verify(**asked, Signature=signature)["SignatureValid"] is True
        verified(public, spec, algorithm, signature)


def verified(public, spec, algorithm, signature):
    """Requires that a client's library takes the signature of the message for one of the public key."""
    if spec == "SM2":
        how = ["-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin", "-digest", "sm3"]
        how += ["-pkeyopt", "distid:1234567812345678", "-in", "message", "-sigfile", "signature"]
        openssl("pkeyutl", *how, key=public, signature=signature, message=MESSAGE)
        return
    key = load_der_public_key(public)
    if spec.startswith("RSA"):
        hash_ = HASHES[algorithm[-3:]]
        pss = padding.PSS(padding.MGF1(hash_), hash_.digest_size)
        key.verify(signature, MESSAGE, pss if "PSS" in algorithm else padding.PKCS1v15(), hash_)
    elif spec in CURVES:
        key.verify(signature, MESSAGE, ec.ECDSA(HASHES[algorithm[-3:]]))
    elif algorithm != "ED25519_PH_SHA_512":  # which pyca/cryptography does not have
        key.verify(signature, MESSAGE)


def makes_macs(here, there, key, spec, own):
    asked = {"KeyId": key, "Message": MESSAGE, "MacAlgorithm": f"HMAC_SHA_{spec[5:]}"}
    mac = here.generate_mac(**asked)["Mac"]
    assert there.verify_mac(**asked, Mac=mac)["MacValid"] is True
    if own:
        assert mac == hmac.digest(own, MESSAGE, f"sha{spec[5:]}")


def agrees(here, there, key, spec, _):
    public = there.get_public_key(KeyId=key)["PublicKey"]
    peer, secret = peer_of_sm2(public) if spec == "SM2" else peer_of_curve(public)
    for kms in (here, there):
        asked = {"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": peer}
        assert kms.derive_shared_secret(**asked)["SharedSecret"] == secret


def peer_of_curve(public):
    """The public key of a peer, and the secret that it has in common with the holder of another public key."""
    other = load_der_public_key(public)
    peer = ec.generate_private_key(other.curve)
    return spki(peer.public_key()), peer.exchange(ec.ECDH(), other)


def peer_of_sm2(public):
    head, x, y = public[:-64], public[-64:-32], public[-32:]
    scalar = int.from_bytes(os.urandom(31))
    secret = Point(SM2_CURVE, int.from_bytes(x), int.from_bytes(y)) * scalar
    peer = SM2_BASE * scalar
    return head + b"".join(int(c).to_bytes(32) for c in (peer.x(), peer.y())), int(secret.x()).to_bytes(32)


def encapsulates(here, there, key, spec, own):
    asked = {"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}
    public = there.get_public_key(KeyId=key)["PublicKey"]
    made = here.encapsulate(**asked)
    secret, blob = made["SharedSecret"], made["SharedSecretCiphertextBlob"]
    if spec == "ML_KEM_512":
        outside = ML_KEM_512.encaps(MLKEM.import_key(public).ek)
        opened = own and ML_KEM_512.decaps(MLKEM.import_key(own).expanded_dk, blob)
    else:
        outside = load_der_public_key(public).encapsulate()
        opened = own and load_der_private_key(own, None).decapsulate(blob)
    assert not own or opened == secret
    for secret, blob in ((secret, blob), outside):
        assert there.decapsulate(**asked, SharedSecretCiphertextBlob=blob)["SharedSecret"] == secret
