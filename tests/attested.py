"""Makes what a hypervisor makes: certificates from a root on, and attestation documents that they vouch for."""

import datetime
import time

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

DER = serialization.Encoding.DER
ES384 = {1: -35}
COSE_SIGN1 = 18


class Certified:
    """A key and a certificate for it."""

    def __init__(self, name, issuer=None, authority=True, curve=ec.SECP384R1, days=(-1, 1), path_length=None, usage=None):
        self.key = ec.generate_private_key(curve())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = issuer or self
        now = datetime.datetime.now(datetime.timezone.utc)
        signs, certifies = usage or (not authority, authority)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(issuer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(authority, path_length), critical=True)
            .add_extension(
                x509.KeyUsage(signs, False, False, False, False, certifies, False, False, False), critical=True
            )
            .sign(issuer.key, hashes.SHA384())
        )

    @property
    def der(self):
        return self.certificate.public_bytes(DER)

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)


class Hypervisor:
    """A root, the authorities below it, and the key that signs documents."""

    def __init__(self, root=None, **target):
        self.root = root or Certified("aws.nitro-enclaves")
        self.region = Certified("region", self.root)
        self.zone = Certified("zone", self.region, path_length=0)
        self.target = Certified("i-0123-enc4567", self.zone, **{"authority": False, **target})

    def document(self, public_key, tpm=False, signer=None, protected=None, tagged=True, **members):
        """A document; a member that is given is as it is given, and one that is given as `...` is left out."""
        registers = {n: bytes([n]) * 48 for n in ((4, 7, 8, 12) if tpm else (0, 1, 2, 3, 4, 8, 16))}
        members = {
            "module_id": "i-0123-tpm4567" if tpm else "i-0123-enc4567",
            "digest": "SHA384",
            "timestamp": int(time.time() * 1000),
            "nitrotpm_pcrs" if tpm else "pcrs": registers,
            "certificate": self.target.der,
            "cabundle": [self.root.der, self.region.der, self.zone.der],
            "public_key": public_key,
            "user_data": None,
            "nonce": None,
            **members,
        }
        payload = cbor2.dumps({name: value for name, value in members.items() if value is not ...})
        protected = cbor2.dumps(ES384 if protected is None else protected)
        signed = cbor2.dumps(["Signature1", protected, b"", payload])
        key = (signer or self.target).key
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA384())))
        envelope = [protected, {}, payload, r.to_bytes(48, "big") + s.to_bytes(48, "big")]
        return cbor2.dumps(cbor2.CBORTag(COSE_SIGN1, envelope) if tagged else envelope)


class Enclave:
    """The one who holds the private key."""

    def __init__(self, bits=2048):
        self.key = rsa.generate_private_key(65537, bits)

    @property
    def public_key(self):
        return self.key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
