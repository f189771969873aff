"""Credentials of users other than access keys: passwords, SSH keys, certificates, MFA devices."""

import base64
import csv
import hashlib
import json
import struct
import subprocess
import zlib

import pytest
from authenticator import Device
from certificates import self_signed
from conftest import Caller, allow, document, record, records, refused, refuses
from test_cli import AWS
from walk import SSH_KEY

BAD_CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
NO_DEVICE = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  "
    "Please verify your MFA serial number is valid and associated with this user."
)


@pytest.fixture(scope="module")
def admin(root):
    return root.user("mfa-admin", allow("*"))


@pytest.fixture
def device(root, admin, request):
    made = Device(root, request.node.name[:60], "mfa-admin")
    yield made
    root.iam.deactivate_mfa_device(UserName="mfa-admin", SerialNumber=made.serial_number)
    root.iam.delete_virtual_mfa_device(SerialNumber=made.serial_number)


def test_a_session_with_mfa_may_what_policies_ask_it_for(root, admin, device):
    condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}, "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}
    user = root.user("mfa-needed", allow("kms:ListKeys", Condition=condition))
    root.iam.put_user_policy(UserName="mfa-needed", PolicyName="p", PolicyDocument=document(allow("iam:ListUsers")))
    own = Device(root, "of-mfa-needed", "mfa-needed")
    assert refused(user.kms.list_keys)["Code"] == "AccessDeniedException"
    plain = Caller.of(root.fastness, user.sts.get_session_token()["Credentials"])
    assert refused(plain.kms.list_keys)["Code"] == "AccessDeniedException"
    # IAM takes no session of a user without MFA.
    assert refused(plain.iam.list_users)["Code"] == "InvalidClientTokenId"
    answer = user.sts.get_session_token(**own())
    session = Caller.of(root.fastness, answer["Credentials"])
    request = session.kms.list_keys()["ResponseMetadata"]["RequestId"]
    session.iam.list_users()
    seen = record(root, request)["userIdentity"]["sessionContext"]["attributes"]
    assert seen["mfaAuthenticated"] == "true"
    # No code is used twice, and none is written down.
    refuses("AccessDenied", BAD_CODE, user.sts.get_session_token, **own())
    for wrong in (own.wrong(), own.code(-1)):
        refuses("AccessDenied", BAD_CODE, user.sts.get_session_token, SerialNumber=own.serial_number, TokenCode=wrong)
    refuses("AccessDenied", NO_DEVICE, user.sts.get_session_token, **device())
    refuses("AccessDenied", "must provide both", user.sts.get_session_token, SerialNumber=own.serial_number)
    text = json.dumps(record(root, answer["ResponseMetadata"]["RequestId"])["requestParameters"])
    assert own.serial_number in text and own.code() not in text


def test_a_trust_policy_may_ask_for_mfa(root, admin, account, device):
    condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole", "Condition": condition}
    role = root.iam.create_role(RoleName="with-mfa", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    root.iam.put_role_policy(
        RoleName="with-mfa", PolicyName="p", PolicyDocument=document(allow("*", Condition=condition))
    )
    assume = {"RoleArn": role, "RoleSessionName": "session"}
    refuses("AccessDenied", "is not authorized to perform: sts:AssumeRole", admin.sts.assume_role, **assume)
    refuses("AccessDenied", BAD_CODE, admin.sts.assume_role, **assume, SerialNumber=device.serial_number, TokenCode=device.wrong())
    session = Caller.of(root.fastness, admin.sts.assume_role(**assume, **device())["Credentials"])
    session.kms.list_keys()
    refuses("AccessDenied", BAD_CODE, admin.sts.assume_role, **assume, **device())
    # A caller whose own session has MFA needs no code, but the role's session has none then.
    own = Caller.of(root.fastness, admin.sts.get_session_token(**device(1))["Credentials"])
    chained = Caller.of(root.fastness, own.sts.assume_role(**assume)["Credentials"])
    assert refused(chained.kms.list_keys)["Code"] == "AccessDeniedException"


def test_the_aws_cli_enables_a_device(root, account):
    root.iam.create_user(UserName="cli-mfa")
    device = Device(root, "cli-mfa")

    def aws(*arguments):
        done = subprocess.run(
            [AWS, "iam", *arguments], env=root.environment(), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    codes = ("--authentication-code1", device.code(-1), "--authentication-code2", device.code())
    of_user = ("--user-name", "cli-mfa")
    aws("enable-mfa-device", *of_user, "--serial-number", device.serial_number, *codes)
    (listed,) = aws("list-mfa-devices", *of_user)["MFADevices"]
    assert listed["SerialNumber"] == f"arn:aws:iam::{account}:mfa/cli-mfa"
    assert aws("get-mfa-device", "--serial-number", device.serial_number)["UserName"] == "cli-mfa"
    refuses("DeleteConflict", "must delete MFA device first", root.iam.delete_user, UserName="cli-mfa")
    aws("deactivate-mfa-device", *of_user, "--serial-number", device.serial_number)
    aws("delete-virtual-mfa-device", "--serial-number", device.serial_number)
    root.iam.delete_user(UserName="cli-mfa")


def test_the_picture_is_a_png(root):
    picture = Device(root, "picture").picture
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    at, kinds = 8, []
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        kind, data = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        assert picture[at + 8 + length : at + 12 + length] == struct.pack(">I", zlib.crc32(kind + data))
        at, kinds = at + 12 + length, [*kinds, kind]
        if kind == b"IHDR":
            width, height, depth, gray = struct.unpack(">IIBB", data[:10])
        elif kind == b"IDAT":
            assert len(zlib.decompress(data)) == height * (1 + (width * depth + 7) // 8)
    assert kinds == [b"IHDR", b"IDAT", b"IEND"] and (depth, gray) == (1, 0)


def test_no_secret_is_in_a_record(root):
    iam, user = root.iam, {"UserName": "recorded"}
    iam.create_user(**user)
    passwords = ["Correct-horse-battery-1", "Correct-horse-battery-2", "Correct-horse-battery-3"]
    iam.create_login_profile(**user, Password=passwords[0])
    iam.update_login_profile(**user, Password=passwords[1])
    own = root.user("recorded-too", allow("iam:ChangePassword"))
    iam.create_login_profile(UserName="recorded-too", Password=passwords[1])
    own.iam.change_password(OldPassword=passwords[1], NewPassword=passwords[2])
    refuses("AccessDenied", "old password", own.iam.change_password, OldPassword=passwords[0], NewPassword=passwords[1])
    made = iam.create_service_specific_credential(**user, ServiceName="codecommit.amazonaws.com")
    made = made["ServiceSpecificCredential"]
    of_service = {"UserName": "recorded", "ServiceSpecificCredentialId": made["ServiceSpecificCredentialId"]}
    again = iam.reset_service_specific_credential(**of_service)["ServiceSpecificCredential"]
    key = iam.create_service_specific_credential(**user, ServiceName="bedrock.amazonaws.com")["ServiceSpecificCredential"]
    assert made["ServicePassword"] != again["ServicePassword"] and key["ServiceCredentialSecret"].startswith("ABSK")
    device = Device(root, "recorded")
    codes = {"AuthenticationCode1": device.code(-2), "AuthenticationCode2": device.code(-1)}
    nobody = root.user("recorded-nobody")
    for caller in (nobody.iam, iam):
        call = caller.enable_mfa_device
        if caller is iam:
            call(**user, SerialNumber=device.serial_number, **codes)
        else:
            assert refused(call, **user, SerialNumber=device.serial_number, **codes)["Code"] == "AccessDenied"
    secrets = [*passwords, made["ServicePassword"], again["ServicePassword"], key["ServiceCredentialSecret"]]
    secrets += [device.seed.decode(), base64.b64encode(device.seed).decode()]
    found = {entry["eventName"]: json.dumps(entry) for entry in records(root).values()}
    assert {"CreateLoginProfile", "ChangePassword", "CreateVirtualMFADevice", "EnableMFADevice"} <= set(found)
    for text in map(json.dumps, records(root).values()):
        assert not [secret for secret in secrets if secret in text], text
    for code in codes.values():
        assert f'"{code}"' not in found["EnableMFADevice"]


def test_ssh_keys_and_certificates(root):
    iam, user = root.iam, {"UserName": "with-keys"}
    iam.create_user(**user)
    key = iam.upload_ssh_public_key(**user, SSHPublicKeyBody=SSH_KEY)["SSHPublicKey"]
    blob = base64.b64decode(SSH_KEY.split()[1])
    assert key["Fingerprint"] == hashlib.md5(blob).digest().hex(":")
    got = iam.get_ssh_public_key(**user, SSHPublicKeyId=key["SSHPublicKeyId"], Encoding="PEM")["SSHPublicKey"]
    done = subprocess.run(
        ["openssl", "rsa", "-pubin", "-noout", "-text"], input=got["SSHPublicKeyBody"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "2048 bit" in done.stdout, done
    refuses("DuplicateSSHPublicKey", "", iam.upload_ssh_public_key, **user, SSHPublicKeyBody=SSH_KEY)
    refuses("InvalidPublicKey", "", iam.upload_ssh_public_key, **user, SSHPublicKeyBody="ssh-rsa AAAA")
    refuses("UnrecognizedPublicKeyEncoding", "", iam.upload_ssh_public_key, **user, SSHPublicKeyBody="x")
    body = self_signed(kind="rsa")
    certificate = iam.upload_signing_certificate(**user, CertificateBody=body)["Certificate"]
    assert certificate["CertificateBody"] == body
    assert refused(iam.upload_signing_certificate, CertificateBody=body)["Status"] == 409
    refuses("MalformedCertificate", "", iam.upload_signing_certificate, **user, CertificateBody="x")
    iam.update_signing_certificate(**user, CertificateId=certificate["CertificateId"], Status="Inactive")
    (listed,) = iam.list_signing_certificates(**user)["Certificates"]
    assert listed["Status"] == "Inactive"


def test_the_credential_report(root, account):
    refused_before = refused(root.iam.get_credential_report)
    assert (refused_before["Code"], refused_before["Status"]) == ("ReportNotPresent", 410)
    while root.iam.generate_credential_report()["State"] != "COMPLETE":
        pass
    answer = root.iam.get_credential_report()
    lines = list(csv.DictReader(answer["Content"].decode().splitlines()))
    assert answer["ReportFormat"] == "text/csv" and len(lines[0]) == 22
    assert lines[0]["user"] == "<root_account>" and lines[0]["access_key_1_active"] == "true"
    assert lines[0]["access_key_1_last_used_service"] in ("iam", "kms", "sts", "cloudtrail")
    users = {user["UserName"] for page in root.iam.get_paginator("list_users").paginate() for user in page["Users"]}
    assert {line["user"] for line in lines[1:]} == users


def test_a_key_of_a_condition_limits_service_specific_credentials(root):
    root.iam.create_user(UserName="for-services")
    condition = {"StringEquals": {"iam:ServiceSpecificCredentialServiceName": "cassandra.amazonaws.com"}}
    caller = root.user("for-cassandra-alone", allow("iam:CreateServiceSpecificCredential", Condition=condition))
    create, user = caller.iam.create_service_specific_credential, {"UserName": "for-services"}
    create(**user, ServiceName="cassandra.amazonaws.com")
    assert refused(create, **user, ServiceName="codecommit.amazonaws.com")["Code"] == "AccessDenied"
    condition = {"NumericLessThanEquals": {"iam:ServiceSpecificCredentialAgeDays": "30"}}
    caller = root.user("for-a-month", allow("iam:CreateServiceSpecificCredential", Condition=condition))
    create, key = caller.iam.create_service_specific_credential, {**user, "ServiceName": "bedrock.amazonaws.com"}
    create(**key, CredentialAgeDays=30)
    for more in ({"CredentialAgeDays": 31}, {}):
        assert refused(create, **key, **more)["Code"] == "AccessDenied"
