"""What keys of every kind, and key stores, have to keep secret is in no file while the server runs, and nowhere once it is sealed."""

import pairs
import pytest
from certificates import Authority
from conftest import Fastness, refused
from cryptography.hazmat.primitives.serialization import load_der_private_key
from manager import Manager
from softhsm import SoftHsm
from test_cloudhsm import Owner, activate, connected_store, create
from test_confined import found
from test_kms_import import FOREVER, external, parameters, wrap, wrappings
from test_xks import Kept, of_manager

PASSWORD = "the-password-of-kmsuser-7c1f"
# Some of what is in memory, and has to be, while keys are used.
SERVING = {"SYMMETRIC_DEFAULT", "RSA_2048 p reversed", "ECC_NIST_P256 private key reversed", "ML_DSA_65 seed", "ML_KEM_768 seed"}


def secrets_of(spec, material):
    """What of imported material must not be found, by name: numbers in both orders of their bytes, as libraries have either."""
    if spec.startswith(("HMAC", "SYMMETRIC")):
        return {spec: material}
    if spec == "SM2":
        scalar = material.index(b"\x02\x01\x01\x04\x20") + 5
        numbers = {"private key": material[scalar : scalar + 32]}
    elif spec.startswith("ML_") or spec == "ECC_NIST_EDWARDS25519":
        size = 64 if spec.startswith("ML_KEM") else 32
        return {f"{spec} seed": material[-size:]}
    else:
        private = load_der_private_key(material, None).private_numbers()
        if spec.startswith("RSA"):
            values = {"p": private.p, "q": private.q, "d": private.d}
        else:
            values = {"private key": private.private_value}
        numbers = {name: value.to_bytes((value.bit_length() + 7) // 8) for name, value in values.items()}
    straight = {f"{spec} {name}": number for name, number in numbers.items()}
    return {**straight, **{f"{name} reversed": number[::-1] for name, number in straight.items()}}


def imports(root, spec):
    """A key with imported material that has been used: what is secret of it."""
    material, usage = pairs.material(spec), pairs.usages(spec)[0]
    key = external(root, KeySpec=spec, KeyUsage=usage)
    algorithm, length = next(iter(wrappings(spec).items()))
    answer = parameters(root, key, algorithm, length)
    wrapped = wrap(answer["PublicKey"], algorithm, material)
    root.kms.import_key_material(
        KeyId=key, ImportToken=answer["ImportToken"], EncryptedKeyMaterial=wrapped, **FOREVER
    )
    pairs.use(root.kms, root.kms, key, spec, usage, own=material)
    return secrets_of(spec, material)


def generates(root):
    """The plaintexts of data keys and of halves of data key pairs, and a secret that two parties share."""
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    made = {"data key": root.kms.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]}
    for spec in ("ECC_NIST_P256", "RSA_2048", "ML_KEM_768"):
        pair = root.kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec)
        made[f"data key pair {spec}"] = pair["PrivateKeyPlaintext"]
    agreeing = root.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyMetadata"]["KeyId"]
    public, secret = pairs.peer_of_curve(root.kms.get_public_key(KeyId=agreeing)["PublicKey"])
    root.kms.derive_shared_secret(KeyId=agreeing, KeyAgreementAlgorithm="ECDH", PublicKey=public)
    return {**made, "shared secret": secret}


@pytest.fixture
def manager(tmp_path):
    made = Manager(Authority(tmp_path).issue("manager", names="DNS:manager.example.com"))
    yield made
    made.stop()


@pytest.fixture
def softhsm(tmp_path):
    return SoftHsm(tmp_path)


@pytest.fixture
def fastness(tmp_path, manager, softhsm):
    config = {
        "process": softhsm.reach,
        "cloudhsm": [{"module": str(softhsm.module)}],
        "external-key-stores": {
            "ca-file": str(tmp_path / "authority.pem"),
            "time-limit-ms": 20_000,
            "proxies": [{"host": "manager.example.com", "address": manager.address}],
        },
    }
    served = Fastness(tmp_path / "deployment", softhsm.environment, config).serve()
    yield served
    served.stop()


def test_nothing_of_any_key_is_found(fastness, manager, softhsm, tmp_path):
    root = fastness.root()
    needles = {"secret of the external key store": manager.credential["RawSecretAccessKey"].encode()}
    external_store = Kept(root, "external", of_manager(manager))
    own = external_store.key("first")["KeyId"]
    owner = Owner(tmp_path)
    cluster = create(root)
    activate(root, softhsm, owner, cluster, PASSWORD)
    needles["password of the key store"] = PASSWORD.encode()
    store = connected_store(root, owner, cluster, PASSWORD)
    inside = root.kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]["KeyId"]
    for key in (own, inside):
        pairs.use(root.kms, root.kms, key, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    for spec in pairs.SPECS:
        needles.update(imports(root, spec))
    needles.update(generates(root))

    backup = tmp_path / "one.backup"
    fastness.run("backup", "--data", str(fastness.data), "--to", str(backup))
    pid = fastness.process.pid
    # The test can find what it looks for.
    assert found(pid, {name: needles[name] for name in SERVING}) == SERVING
    fastness.run("seal", "--data", str(fastness.data))
    assert refused(root.kms.list_keys)["Status"] == 503
    assert found(pid, needles) == set()
    for path in [backup, fastness.log, *fastness.data.rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            assert not [name for name, needle in needles.items() if needle in content], path
    fastness.run("unseal", "--data", str(fastness.data))
    for key in (own, inside):
        pairs.use(root.kms, root.kms, key, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
