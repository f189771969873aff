"""KMS: imported key material, wrapped by OpenSSL and by Python's cryptography as AWS's guide says, and used by KMS."""

import os
import struct
import subprocess
import time
from datetime import datetime, timedelta, timezone
from itertools import cycle, product

import pairs
import pytest
import walk
from conftest import Caller, events, record, refused, refuses, wait_for
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
OAEP = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
KEY_WRAP = ("RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256")
RSA = ("RSA_2048", "RSA_3072", "RSA_4096")
ALGORITHMS = walk.model("kms").shape_for("AlgorithmSpec").enum


def external(caller, **parameters):
    return caller.kms.create_key(Origin="EXTERNAL", **parameters)["KeyMetadata"]["Arn"]


def parameters(caller, key, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048"):
    return caller.kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)


def wrapped(caller, key, material, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048"):
    """What ImportKeyMaterial takes, by Python's cryptography."""
    answer = parameters(caller, key, algorithm, spec)
    public = serialization.load_der_public_key(answer["PublicKey"])
    return {
        "KeyId": key,
        "ImportToken": answer["ImportToken"],
        "EncryptedKeyMaterial": public.encrypt(material, pairs.oaep(algorithm)),
    }


def imported(caller, key, material, **more):
    return caller.kms.import_key_material(**wrapped(caller, key, material), **{**FOREVER, **more})


def decrypted_outside(material, blob):
    """A ciphertext without encryption context, decrypted as CIPHERTEXT.md describes it, with the material alone."""
    header, number, nonce, sealed = blob[:59], blob[60:76], blob[76:88], blob[88:]
    kdf = KBKDFHMAC(
        algorithm=hashes.SHA256(),
        mode=Mode.CounterMode,
        length=32,
        rlen=4,
        llen=None,
        location=CounterLocation.BeforeFixed,
        label=None,
        context=None,
        fixed=b"fastness backing key message\0" + number + struct.pack(">I", 256),
    )
    return AESGCM(kdf.derive(material)).decrypt(nonce, sealed, header)


@pytest.mark.parametrize("spec, bits", [("RSA_2048", 2048), ("RSA_3072", 3072), ("RSA_4096", 4096)])
@pytest.mark.parametrize("algorithm", OAEP)
def test_symmetric_material_by_every_wrapping(root, spec, bits, algorithm):
    key, material = external(root), os.urandom(32)
    answer = parameters(root, key, algorithm, spec)
    assert answer["KeyId"] == key
    assert timedelta(hours=23) < answer["ParametersValidTo"] - datetime.now(timezone.utc) <= timedelta(hours=24)
    public = serialization.load_der_public_key(answer["PublicKey"])
    assert public.key_size == bits
    root.kms.import_key_material(
        KeyId=key,
        ImportToken=answer["ImportToken"],
        EncryptedKeyMaterial=public.encrypt(material, pairs.oaep(algorithm)),
        **FOREVER,
    )
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    assert decrypted_outside(material, blob) == b"secret"
    assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"


def test_as_the_guide_does_it_with_openssl(root, tmp_path):
    key = external(root)
    answer = parameters(root, key, spec="RSA_3072")
    names = {name: tmp_path / name for name in ("PlaintextKeyMaterial.bin", "WrappingPublicKey.bin", "Encrypted.bin")}
    material = os.urandom(32)
    names["PlaintextKeyMaterial.bin"].write_bytes(material)
    names["WrappingPublicKey.bin"].write_bytes(answer["PublicKey"])
    options = ("rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256")
    subprocess.run(
        ["openssl", "pkeyutl", "-encrypt", "-in", names["PlaintextKeyMaterial.bin"], "-out", names["Encrypted.bin"]]
        + ["-inkey", names["WrappingPublicKey.bin"], "-keyform", "DER", "-pubin"]
        + [part for option in options for part in ("-pkeyopt", option)],
        check=True,
        capture_output=True,
    )
    answer = root.kms.import_key_material(
        KeyId=key,
        ImportToken=answer["ImportToken"],
        EncryptedKeyMaterial=names["Encrypted.bin"].read_bytes(),
        **FOREVER,
    )
    found = root.kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (found["KeyState"], found["Origin"]) == ("Enabled", "EXTERNAL")
    assert found["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE" and "ValidTo" not in found
    assert found["CurrentKeyMaterialId"] == answer["KeyMaterialId"]
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert decrypted_outside(material, blob) == b"x"


def test_nothing_of_it_is_in_the_trail(root):
    key = external(root)
    answer = imported(root, key, os.urandom(32), KeyMaterialDescription="mine")
    entry = record(root, answer["ResponseMetadata"]["RequestId"])
    assert entry["eventName"] == "ImportKeyMaterial" and entry["readOnly"] is False
    assert entry["requestParameters"]["keyMaterialDescription"] == "mine"
    shown = {name: value for name, value in entry["requestParameters"].items() if len(str(value)) > 300}
    assert not shown


def test_refusals(root, key):
    kms, mine = root.kms, external(root)
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    message = f"{arn} origin is AWS_KMS which is not valid for this operation."
    wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    refuses("UnsupportedOperationException", message, kms.get_parameters_for_import, KeyId=key, **wrapping)
    refuses("UnsupportedOperationException", message, kms.delete_imported_key_material, KeyId=key)
    good = wrapped(root, mine, os.urandom(32))
    refuses("UnsupportedOperationException", message, kms.import_key_material, **{**good, "KeyId": key}, **FOREVER)
    refuses("KMSInvalidStateException", f"{mine} is pending import.", kms.encrypt, KeyId=mine, Plaintext=b"x")
    refuses(
        "ValidationException",
        "Wrapping algorithm RSA_AES_KEY_WRAP_SHA_256 and wrapping key spec RSA_3072 cannot be used to import a "
        "SYMMETRIC_DEFAULT key.",
        kms.get_parameters_for_import,
        KeyId=mine,
        WrappingAlgorithm="RSA_AES_KEY_WRAP_SHA_256",
        WrappingKeySpec="RSA_3072",
    )
    other = external(root)
    elsewhere = Caller(root.fastness, root.key, root.secret, region="eu-west-1")
    for changed, code in (
        ({"ImportToken": b"x"}, "InvalidImportTokenException"),
        ({"ImportToken": good["ImportToken"][:-1] + bytes([good["ImportToken"][-1] ^ 1])}, "InvalidImportTokenException"),
        ({"KeyId": other}, "InvalidImportTokenException"),
        ({"ImportToken": parameters(root, mine)["ImportToken"]}, "InvalidCiphertextException"),
        ({"EncryptedKeyMaterial": os.urandom(256)}, "InvalidCiphertextException"),
        ({"EncryptedKeyMaterial": b"x"}, "ValidationException"),
        ({"EncryptedKeyMaterial": wrapped(root, mine, b"short")["EncryptedKeyMaterial"]}, "InvalidCiphertextException"),
    ):
        assert refused(kms.import_key_material, **{**good, **changed}, **FOREVER)["Code"] == code
    short = wrapped(root, mine, b"short")
    assert refused(kms.import_key_material, **short, **FOREVER)["Code"] == "IncorrectKeyMaterialException"
    for model in ({}, {"ValidTo": 1}, {**FOREVER, "ValidTo": time.time() + 60}, {"ValidTo": time.time() + 366 * 86400}):
        assert refused(kms.import_key_material, **good, **model)["Code"] == "ValidationException"
    assert refused(elsewhere.kms.import_key_material, **good, **FOREVER)["Code"] == "NotFoundException"
    assert kms.describe_key(KeyId=mine)["KeyMetadata"]["KeyState"] == "PendingImport"


def test_deleted_and_imported_again(root):
    kms, key, material = root.kms, external(root), os.urandom(32)
    first = imported(root, key, material)["KeyMaterialId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.delete_imported_key_material(KeyId=key)["KeyMaterialId"] == first
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
    refuses("KMSInvalidStateException", f"{key} is pending import.", kms.decrypt, CiphertextBlob=blob)
    other = wrapped(root, key, os.urandom(32))
    assert refused(kms.import_key_material, **other, **FOREVER)["Code"] == "IncorrectKeyMaterialException"
    assert imported(root, key, material, KeyMaterialId=first)["KeyMaterialId"] == first
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_material_goes_when_it_expires(root):
    kms, key, material = root.kms, external(root), os.urandom(32)
    end = datetime.now(timezone.utc) + timedelta(seconds=4)
    kms.import_key_material(**wrapped(root, key, material), ValidTo=end)
    found = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert found["ExpirationModel"] == "KEY_MATERIAL_EXPIRES" and abs(found["ValidTo"] - end) < timedelta(seconds=1)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    wait_for(lambda: kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport", seconds=30)
    assert datetime.now(timezone.utc) >= end - timedelta(seconds=1)
    refuses("KMSInvalidStateException", f"{key} is pending import.", kms.decrypt, CiphertextBlob=blob)
    about = [{"AttributeKey": "ResourceName", "AttributeValue": key}]
    gone = [e for e in events(root, LookupAttributes=about) if e["eventName"] == "DeleteExpiredKeyMaterial"]
    assert len(gone) == 1 and gone[0]["eventType"] == "AwsServiceEvent"
    imported(root, key, material)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def is_pair(spec):
    return not spec.startswith(("HMAC", "SYMMETRIC"))


def wrappings(spec):
    """How material of a spec may be wrapped, with wrapping keys that are long enough."""
    direct = () if spec.startswith("RSA") else OAEP
    length = "RSA_3072" if spec == "ECC_NIST_P521" else "RSA_2048"
    return {**dict.fromkeys(direct + (KEY_WRAP if is_pair(spec) else ()), length), "SM2PKE": "SM2"}


def wrap(public, algorithm, material):
    """Wraps material by OpenSSL, which alone has SM2, or by Python's cryptography."""
    if algorithm == "SM2PKE":
        return pairs.encrypted_by_sm2(public, material)
    public = serialization.load_der_public_key(public)
    if algorithm in OAEP:
        return public.encrypt(material, pairs.oaep(algorithm))
    aes = os.urandom(32)
    return public.encrypt(aes, pairs.oaep(algorithm)) + aes_key_wrap_with_padding(aes, material)


def takes(caller, key, answer, algorithm, material):
    wrapped = wrap(answer["PublicKey"], algorithm, material)
    return {"KeyId": key, "ImportToken": answer["ImportToken"], "EncryptedKeyMaterial": wrapped, **FOREVER}


@pytest.mark.parametrize("spec", pairs.SPECS)
def test_material_of_every_spec_by_every_wrapping(root, spec):
    """Imported, used and held against the libraries that have the same material; nothing else takes its place afterwards."""
    kms, material, other = root.kms, pairs.material(spec), pairs.material(spec)
    usages = cycle(pairs.usages(spec))
    for algorithm, length in wrappings(spec).items():
        usage = next(usages)
        key = external(root, KeySpec=spec, KeyUsage=usage)
        answer = parameters(root, key, algorithm, length)
        kms.import_key_material(**takes(root, key, answer, algorithm, material))
        pairs.use(kms, kms, key, spec, usage, own=material)
        if is_pair(spec):
            assert kms.get_public_key(KeyId=key)["PublicKey"] == pairs.public_half(spec, material)
    wrong = takes(root, key, answer, algorithm, other)
    assert refused(kms.import_key_material, **wrong)["Code"] == "IncorrectKeyMaterialException"
    kms.delete_imported_key_material(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
    assert refused(kms.import_key_material, **wrong)["Code"] == "IncorrectKeyMaterialException"
    if is_pair(spec):
        refuses("KMSInvalidStateException", f"{key} is pending import.", kms.get_public_key, KeyId=key)
    kms.import_key_material(**takes(root, key, answer, algorithm, material))
    pairs.use(kms, kms, key, spec, usage, own=material)


@pytest.mark.parametrize("spec", pairs.SPECS)
def test_wrappings_that_do_not_fit(root, spec):
    key = external(root, KeySpec=spec, KeyUsage=pairs.usages(spec)[0])
    fit = {(algorithm, "SM2" if algorithm == "SM2PKE" else length) for algorithm in wrappings(spec) for length in RSA}
    if spec == "ECC_NIST_P521":
        fit -= {(algorithm, "RSA_2048") for algorithm in OAEP}
    for algorithm, length in set(product(ALGORITHMS, (*RSA, "SM2"))) - fit:
        code = refused(parameters, root, key, algorithm, length)["Code"]
        wanted = "UnsupportedOperationException" if algorithm == "RSAES_PKCS1_V1_5" else "ValidationException"
        assert code == wanted, (algorithm, length)


@pytest.fixture(scope="module")
def materials_of_all_specs():
    return {spec: pairs.material(spec) for spec in pairs.SPECS}


@pytest.mark.parametrize("spec", pairs.SPECS)
def test_material_that_is_not_of_the_spec(root, spec, materials_of_all_specs):
    """That of all other specs, and what is none."""
    key = external(root, KeySpec=spec, KeyUsage=pairs.usages(spec)[0])
    answer = parameters(root, key, "SM2PKE", "SM2")
    own = materials_of_all_specs[spec]
    wrong = {**materials_of_all_specs, "too short": own[:-1], "nothing": os.urandom(100)}
    if is_pair(spec):
        del wrong[spec]
    else:
        # Any bytes of the right number are a key.
        wrong = {name: other for name, other in wrong.items() if len(other) != len(own)}
    for name, material in wrong.items():
        given = takes(root, key, answer, "SM2PKE", material)
        code = refused(root.kms.import_key_material, **given)["Code"]
        assert code == "IncorrectKeyMaterialException", name


@pytest.mark.parametrize("spec", ["HMAC_256", "ECC_NIST_P256"])
def test_keys_of_one_material_have_no_names_for_it(root, spec):
    material = pairs.material(spec)
    key = external(root, KeySpec=spec, KeyUsage=pairs.usages(spec)[0])
    for name, value in (("ImportType", "EXISTING_KEY_MATERIAL"), ("KeyMaterialDescription", "a")):
        code = refused(root.kms.import_key_material, **wrapped(root, key, material), **FOREVER, **{name: value})["Code"]
        assert code == "UnsupportedOperationException"


def materials(caller, key):
    return caller.kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]


def test_several_materials_in_several_regions(root):
    home, away = root, Caller(root.fastness, root.key, root.secret, region="eu-west-1")
    one, two = os.urandom(32), os.urandom(32)
    primary = external(home, MultiRegion=True)
    first = imported(home, primary, one)["KeyMaterialId"]
    old = home.kms.encrypt(KeyId=primary, Plaintext=b"old")["CiphertextBlob"]
    home.kms.replicate_key(KeyId=primary, ReplicaRegion="eu-west-1")
    replica = primary.replace("us-east-1", "eu-west-1")
    assert away.kms.describe_key(KeyId=replica)["KeyMetadata"]["KeyState"] == "PendingImport"
    assert imported(away, replica, one)["KeyMaterialId"] == first
    assert away.kms.decrypt(CiphertextBlob=old)["Plaintext"] == b"old"

    nothing = f"No available key material pending rotation for the key: {primary}."
    refuses("KMSInvalidStateException", nothing, home.kms.rotate_key_on_demand, KeyId=primary)
    second = imported(home, primary, two, ImportType="NEW_KEY_MATERIAL", KeyMaterialDescription="two")["KeyMaterialId"]
    waiting = materials(home, primary)[1]
    assert waiting["KeyMaterialState"] == "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
    assert (waiting["ImportState"], waiting["KeyMaterialDescription"]) == ("IMPORTED", "two")
    assert materials(away, replica)[1]["ImportState"] == "PENDING_IMPORT"
    refuses("KMSInvalidStateException", nothing, home.kms.rotate_key_on_demand, KeyId=primary)
    assert imported(away, replica, two, ImportType="EXISTING_KEY_MATERIAL")["KeyMaterialId"] == second
    assert materials(home, primary)[1]["KeyMaterialState"] == "PENDING_ROTATION"
    home.kms.rotate_key_on_demand(KeyId=primary)
    for caller, arn in ((home, primary), (away, replica)):
        states = [entry["KeyMaterialState"] for entry in materials(caller, arn)]
        assert states == ["NON_CURRENT", "CURRENT"]
        assert caller.kms.decrypt(CiphertextBlob=old)["Plaintext"] == b"old"
    new = away.kms.encrypt(KeyId=replica, Plaintext=b"new")["CiphertextBlob"]
    assert home.kms.decrypt(CiphertextBlob=new)["KeyMaterialId"] == second
    assert decrypted_outside(one, old) == b"old" and decrypted_outside(two, new) == b"new"
