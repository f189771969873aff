"""The AWS Encryption SDKs, as they come, each behind the same two methods: `write` and `read` a message."""

import base64
import json
import os
import pathlib
import subprocess

import aws_encryption_sdk
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    CreateAwsKmsDiscoveryMultiKeyringInput,
    CreateAwsKmsEcdhKeyringInput,
    CreateAwsKmsKeyringInput,
    CreateAwsKmsMrkDiscoveryMultiKeyringInput,
    CreateAwsKmsMrkMultiKeyringInput,
    CreateAwsKmsMultiKeyringInput,
    CreateAwsKmsRsaKeyringInput,
    DiscoveryFilter,
    KmsEcdhStaticConfigurationsKmsPrivateKeyToStaticPublicKey,
    KmsEcdhStaticConfigurationsKmsPublicKeyDiscovery,
    KmsPrivateKeyToStaticPublicKeyInput,
    KmsPublicKeyDiscoveryInput,
)
from aws_cryptographic_material_providers.mpl.references import IClientSupplier
from aws_encryption_sdk.key_providers.kms import KMSMasterKey, KMSMasterKeyConfig
from conftest import REGION, Caller

SCRIPT = pathlib.Path(__file__).parent / "js" / "encryption_sdk.cjs"
SDK = aws_encryption_sdk.EncryptionSDKClient()
PROVIDERS = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())

# The algorithm suites with key commitment: one whose messages are signed besides, and one whose are not.
SUITES = {
    "signed": "AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384",
    "unsigned": "AES_256_GCM_HKDF_SHA512_COMMIT_KEY",
}
# What the SDKs add to the encryption context of messages that are signed.
SIGNATURE = "aws-crypto-public-key"


class Refused(Exception):
    """An SDK did not write or read."""


class Clients(IClientSupplier):
    """Gives the material providers library a boto3 client of each region that it asks for."""

    def __init__(self, caller):
        self.caller = caller

    def get_client(self, param):
        caller = self.caller
        return Caller(caller.fastness, caller.key, caller.secret, caller.token, region=param.region).kms


class Keyrings:
    """The keyrings of the material providers library over AWS KMS, with the caller's clients."""

    def __init__(self, caller):
        self.caller, self.clients = caller, Clients(caller)

    def single(self, key):
        return PROVIDERS.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=key, kms_client=self.caller.kms))

    def multi(self, generator, keys):
        wanted = CreateAwsKmsMultiKeyringInput(generator=generator, kms_key_ids=keys, client_supplier=self.clients)
        return PROVIDERS.create_aws_kms_multi_keyring(wanted)

    def discovery(self, account, regions=(REGION,)):
        only = DiscoveryFilter(account_ids=[account], partition="aws")
        wanted = CreateAwsKmsDiscoveryMultiKeyringInput(
            regions=list(regions), discovery_filter=only, client_supplier=self.clients
        )
        return PROVIDERS.create_aws_kms_discovery_multi_keyring(wanted)

    def mrk(self, generator, keys=()):
        wanted = CreateAwsKmsMrkMultiKeyringInput(
            generator=generator, kms_key_ids=list(keys), client_supplier=self.clients
        )
        return PROVIDERS.create_aws_kms_mrk_multi_keyring(wanted)

    def mrk_discovery(self, account, regions=(REGION,)):
        only = DiscoveryFilter(account_ids=[account], partition="aws")
        wanted = CreateAwsKmsMrkDiscoveryMultiKeyringInput(
            regions=list(regions), discovery_filter=only, client_supplier=self.clients
        )
        return PROVIDERS.create_aws_kms_mrk_discovery_multi_keyring(wanted)

    def rsa(self, key, public_key):
        """Encrypts with the public key here, and decrypts in KMS."""
        wanted = CreateAwsKmsRsaKeyringInput(
            kms_key_id=key,
            encryption_algorithm="RSAES_OAEP_SHA_256",
            public_key=public_key,
            kms_client=self.caller.kms,
        )
        return PROVIDERS.create_aws_kms_rsa_keyring(wanted)

    def agreement(self, sender, recipient_public_key):
        """Agrees on a key with the owner of a public key."""
        pair = KmsPrivateKeyToStaticPublicKeyInput(
            sender_kms_identifier=sender, recipient_public_key=recipient_public_key
        )
        return self.ecdh(KmsEcdhStaticConfigurationsKmsPrivateKeyToStaticPublicKey(pair))

    def agreed(self, recipient):
        """Finds the key that whoever wrote agreed on with this KMS key."""
        found = KmsPublicKeyDiscoveryInput(recipient_kms_identifier=recipient)
        return self.ecdh(KmsEcdhStaticConfigurationsKmsPublicKeyDiscovery(found))

    def ecdh(self, scheme):
        wanted = CreateAwsKmsEcdhKeyringInput(
            key_agreement_scheme=scheme, curve_spec="ECC_NIST_P384", kms_client=self.caller.kms
        )
        return PROVIDERS.create_aws_kms_ecdh_keyring(wanted)


class PythonKeyring:
    """The SDK for Python over a keyring of the material providers library."""

    def __init__(self, caller):
        self.keyrings = Keyrings(caller)

    def write(self, key, plaintext, context, suite="signed"):
        return encrypt(plaintext, context, suite, keyring=self.keyrings.single(key))

    def read(self, key, message):
        return decrypt(message, keyring=self.keyrings.single(key))


class PythonMasterKey:
    """The SDK for Python over a master key, as it was before there were keyrings."""

    def __init__(self, caller):
        self.caller = caller

    def write(self, key, plaintext, context, suite="signed"):
        return encrypt(plaintext, context, suite, key_provider=master_key(self.caller, key))

    def read(self, key, message):
        return decrypt(message, key_provider=master_key(self.caller, key))


def master_key(caller, key):
    """A master key of the SDK for Python, with the caller's client; it provides itself."""
    return KMSMasterKey(config=KMSMasterKeyConfig(key_id=key, client=caller.kms))


def encrypt(plaintext, context, suite="signed", **materials):
    algorithm = aws_encryption_sdk.Algorithm[SUITES[suite]]
    try:
        return SDK.encrypt(source=plaintext, encryption_context=context, algorithm=algorithm, **materials)[0]
    except Exception as error:
        raise Refused(error) from error


def decrypt(message, **materials):
    try:
        plaintext, header = SDK.decrypt(source=message, **materials)
    except Exception as error:
        raise Refused(error) from error
    return plaintext, without_signature(header.encryption_context)


def without_signature(context):
    return {name: value for name, value in context.items() if name != SIGNATURE}


class JavaScript:
    """The SDK for JavaScript over a keyring, in one process of Node.js."""

    def __init__(self, caller):
        modules = os.environ.get("NODE_PATH")
        assert modules, "NODE_PATH does not name the packages: run the tests with `cargo xtask test`"
        self.process = subprocess.Popen(
            ["node", SCRIPT],
            env={**caller.environment(), "NODE_PATH": modules},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, keyring, **request):
        self.process.stdin.write(json.dumps({"keyring": keyring, **request}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"])
        return answer

    def encrypt(self, keyring, plaintext, context, suite="signed", **more):
        plaintext = base64.b64encode(plaintext).decode()
        name = SUITES[suite].replace("AES_256_GCM", "ALG_AES256_GCM_IV12_TAG16")
        answer = self.ask(keyring, plaintext=plaintext, context=context, suite=name, **more)
        return base64.b64decode(answer["message"])

    def decrypt(self, keyring, message, **more):
        answer = self.ask(keyring, message=base64.b64encode(message).decode(), **more)
        return base64.b64decode(answer["plaintext"]), without_signature(answer["context"])

    def write(self, key, plaintext, context, suite="signed"):
        return self.encrypt({"kind": "kms", "generatorKeyId": key}, plaintext, context, suite)

    def read(self, key, message):
        return self.decrypt({"kind": "kms", "keyIds": [key]}, message)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


class CommandLine:
    """`aws-encryption-cli`, which carries a version of the SDK for Python of its own."""

    def __init__(self, caller, directory):
        self.environment, self.directory = caller.environment(), directory
        self.program = os.environ.get("FASTNESS_ENCRYPTION_CLI")
        assert self.program, "FASTNESS_ENCRYPTION_CLI does not name the program: run the tests with `cargo xtask test`"

    def run(self, *arguments, source):
        metadata = self.directory / "metadata"
        metadata.unlink(missing_ok=True)
        done = subprocess.run(
            [self.program, *arguments, "--input", "-", "--output", "-", "--metadata-output", metadata],
            env=self.environment,
            input=source,
            capture_output=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise Refused(done.stderr.decode())
        return done.stdout, json.loads(metadata.read_text())

    def write(self, key, plaintext, context, suite="signed"):
        pairs = [f"{name}={value}" for name, value in context.items()]
        return self.run(
            "--encrypt",
            *("--wrapping-keys", f"key={key}"),
            *("--algorithm", SUITES[suite]),
            *(("--encryption-context", *pairs) if pairs else ()),
            source=plaintext,
        )[0]

    def read(self, key, message):
        plaintext, metadata = self.run("--decrypt", "--wrapping-keys", f"key={key}", source=message)
        return plaintext, without_signature(metadata["header"]["encryption_context"])
