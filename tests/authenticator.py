"""An authenticator program of our own (RFC 6238), and users with credentials of every kind."""

import base64
import hashlib
import hmac
import struct
import time

from certificates import public_key, self_signed

STEP = 30


class Device:
    """A virtual MFA device, with an authenticator of our own (RFC 6238)."""

    def __init__(self, root, name, user=None):
        made = root.iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
        self.serial_number, self.seed, self.picture = made["SerialNumber"], made["Base32StringSeed"], made["QRCodePNG"]
        self.step = int(time.time()) // STEP
        if user:
            # Codes of the past, so that those of now are not used up.
            codes = {"AuthenticationCode1": self.code(-2), "AuthenticationCode2": self.code(-1)}
            root.iam.enable_mfa_device(UserName=user, SerialNumber=self.serial_number, **codes)

    def code(self, after=0):
        """The code of so many steps after that in which the device was made: it does not depend on when the test goes on."""
        message = struct.pack(">Q", self.step + after)
        tag = hmac.digest(base64.b32decode(self.seed), message, hashlib.sha1)
        offset = tag[-1] & 15
        return f"{(int.from_bytes(tag[offset : offset + 4]) & 0x7FFFFFFF) % 1_000_000:06}"

    def wrong(self):
        """A code that is none of this hour."""
        right = {self.code(after) for after in range(-120, 120)}
        return next(code for code in map("{:06}".format, range(1000)) if code not in right)

    def __call__(self, after=0):
        return {"SerialNumber": self.serial_number, "TokenCode": self.code(after)}


def give_credentials(root, user):
    """All credentials that a user can have: what `force_destroy` has to find."""
    name = {"UserName": user}
    root.iam.create_access_key(**name)
    root.iam.upload_ssh_public_key(**name, SSHPublicKeyBody=public_key())
    root.iam.create_login_profile(**name, Password="Correct-horse-battery-1")
    root.iam.upload_signing_certificate(**name, CertificateBody=self_signed())
    root.iam.create_service_specific_credential(**name, ServiceName="cassandra.amazonaws.com")
    Device(root, user, user)
