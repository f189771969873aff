"""Minimal valid inputs for every operation of a service, from the service's model and real resources."""

from functools import cache

from botocore.session import get_session
from certificates import self_signed
from conftest import SERVICES, allow, document

SSH_KEY = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDEcyAo+OVs5wIQmHLxkXOLMDlHZ5AivUBpPjLym+kZcqnzgAkW93MzIHINyVD4v5mLHa4OOa"
    "dH306dhVzgTGUjOQlYnTHPzrQXVKKrSpCHtds6W9qtgpmNcnotcJwy1T5AabNvKSNPBTLz68YxDNB+0Z0yW5lkyLDnOFFsgRnrtY3rr5PfBOIx"
    "FQV73h1ItALFFkPZhw2RmfhAHzuaXP0qmq8oLbIiNoOBzMMaXBSaRAcDrSqgapwL6KT6FeSjzrc2vxXVolw/WCQQFXne4bWPUWBotd1ou6E9ta"
    "tMmU1HnjLHlDo9ke3W6ws/eVK7IYp0p7dPNo4WIu4saqf4jUzl bob@laptop"
)

# Parameters that a model calls optional and a call is nothing without.
ALSO = {
    "cloudhsmv2": {
        "DeleteHsm": ["HsmId"],
        "DeleteResourcePolicy": ["ResourceArn"],
        "GetResourcePolicy": ["ResourceArn"],
        "PutResourcePolicy": ["ResourceArn", "Policy"],
    },
    "iam": {
        "CreateLoginProfile": ["UserName", "Password"],
        "DeactivateMFADevice": ["UserName"],
        "DeleteLoginProfile": ["UserName"],
        "GetLoginProfile": ["UserName"],
        "GetMFADevice": ["UserName"],
    },
    "kms": {
        "CreateCustomKeyStore": ["CloudHsmClusterId", "TrustAnchorCertificate", "KeyStorePassword"],
        "CreateGrant": ["GranteePrincipal", "Operations"],
        "Decrypt": ["CiphertextBlob"],
        "GenerateDataKey": ["KeySpec"],
        "GenerateDataKeyWithoutPlaintext": ["KeySpec"],
        "GenerateRandom": ["NumberOfBytes"],
        "ListRetirableGrants": ["RetiringPrincipal"],
        "ReEncrypt": ["CiphertextBlob"],
        "RetireGrant": ["KeyId", "GrantId"],
    },
    "secretsmanager": {"BatchGetSecretValue": ["SecretIdList"], "RotateSecret": ["RotationLambdaARN"]},
    "ssm": {"PutParameter": ["Type"]},
}


def coverage(fastness, service):
    """The operations of a service, in two lists: those that are implemented and those that are not."""
    lines = fastness.run("coverage", service).stdout.splitlines()
    return tuple([line[4:] for line in lines if line.startswith(answer)] for answer in ("yes ", "no  "))


@cache
def model(service):
    return get_session().get_service_model(service)


class Resources:
    """One of each resource, made by the root user, and what names each in a call."""

    def __init__(self, root):
        self.root, iam, kms = root, root.iam, root.kms
        self.account = root.sts.get_caller_identity()["Account"]
        trust = {"Effect": "Allow", "Principal": {"AWS": self.account}, "Action": "sts:AssumeRole"}
        self.trust = document(trust)
        self.policy = document(allow("s3:GetObject"))
        iam.create_user(UserName="target")
        iam.create_group(GroupName="target")
        self.role_arn = iam.create_role(RoleName="target", AssumeRolePolicyDocument=self.trust)["Role"]["Arn"]
        iam.create_instance_profile(InstanceProfileName="target")
        self.policy_arn = iam.create_policy(PolicyName="target", PolicyDocument=self.policy)["Policy"]["Arn"]
        iam.create_policy_version(PolicyArn=self.policy_arn, PolicyDocument=self.policy)
        iam.put_user_policy(UserName="target", PolicyName="target", PolicyDocument=self.policy)
        iam.put_group_policy(GroupName="target", PolicyName="target", PolicyDocument=self.policy)
        iam.put_role_policy(RoleName="target", PolicyName="target", PolicyDocument=self.policy)
        self.access_key = iam.create_access_key(UserName="target")["AccessKey"]["AccessKeyId"]
        self.password = "Correct-horse-1"
        iam.create_login_profile(UserName="target", Password=self.password)
        iam.update_account_password_policy()
        self.serial_number = iam.create_virtual_mfa_device(VirtualMFADeviceName="target")["VirtualMFADevice"]["SerialNumber"]
        self.ssh_key = iam.upload_ssh_public_key(UserName="target", SSHPublicKeyBody=SSH_KEY)["SSHPublicKey"]["SSHPublicKeyId"]
        self.certificate_body = self_signed()
        uploaded = iam.upload_signing_certificate(UserName="target", CertificateBody=self.certificate_body)
        self.certificate = uploaded["Certificate"]["CertificateId"]
        service = {"UserName": "target", "ServiceName": "codecommit.amazonaws.com"}
        made = iam.create_service_specific_credential(**service)["ServiceSpecificCredential"]
        self.service_credential = made["ServiceSpecificCredentialId"]
        iam.create_account_alias(AccountAlias=f"alias-{self.account}")
        self.key_arn = kms.create_key()["KeyMetadata"]["Arn"]
        kinds = {
            "signing": ("ECC_NIST_P256", "SIGN_VERIFY"),
            "mac": ("HMAC_256", "GENERATE_VERIFY_MAC"),
            "agreement": ("ECC_NIST_P256", "KEY_AGREEMENT"),
            "encapsulation": ("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"),
        }
        of_kind = {
            kind: kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"] for kind, (spec, usage) in kinds.items()
        }
        self.primary = kms.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
        self.key_arns = [self.key_arn, self.primary, *of_kind.values()]
        signature = kms.sign(KeyId=of_kind["signing"], Message=b"x", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
        mac = kms.generate_mac(KeyId=of_kind["mac"], Message=b"x", MacAlgorithm="HMAC_SHA_256")["Mac"]
        public_key = kms.get_public_key(KeyId=of_kind["agreement"])["PublicKey"]
        encapsulated = kms.encapsulate(KeyId=of_kind["encapsulation"], EncapsulationAlgorithm="ML_KEM")
        kms.create_alias(AliasName="alias/target", TargetKeyId=self.key_arn)
        self.ciphertext = kms.encrypt(KeyId=self.key_arn, Plaintext=b"x")["CiphertextBlob"]
        grantee = f"arn:aws:iam::{self.account}:user/target"
        self.grant = kms.create_grant(KeyId=self.key_arn, GranteePrincipal=grantee, Operations=["Encrypt"])["GrantId"]
        made = root.cloudhsmv2.create_cluster(HsmType="hsm2m.medium", SubnetIds=["subnet-0a1b2c3d"])
        self.cluster = made["Cluster"]["ClusterId"]
        root.secretsmanager.create_secret(Name="target", SecretString="value")
        root.ssm.put_parameter(Name="target", Value="x", Type="String", Tier="Advanced")
        self.parameter_arn = f"arn:aws:ssm:us-east-1:{self.account}:parameter/target"
        reader = {"AWS": f"arn:aws:iam::{self.account}:root"}
        self.sharing = document(allow("ssm:GetParameter", self.parameter_arn, Principal=reader))
        shared = root.ssm.put_resource_policy(ResourceArn=self.parameter_arn, Policy=self.sharing)
        self.key_arns.append(kms.describe_key(KeyId="alias/aws/secretsmanager")["KeyMetadata"]["Arn"])
        self.values = {
            "AccessKeyId": self.access_key,
            "AccountAlias": f"alias-{self.account}",
            "AliasName": "alias/target",
            "AuthenticationCode1": "000000",
            "AuthenticationCode2": "000001",
            "AvailabilityZone": "us-east-1a",
            "BackupId": "backup-aaaaaaaaaaa",
            "AssumeRolePolicyDocument": self.trust,
            "CertificateBody": self.certificate_body,
            "CertificateId": self.certificate,
            "CiphertextBlob": self.ciphertext,
            "DestinationKeyId": self.key_arn,
            "DestinationRegion": "eu-west-1",
            "CloudHsmClusterId": self.cluster,
            "ClusterId": self.cluster,
            "CustomKeyStoreId": "cks-1234567890abcdef0",
            "CustomKeyStoreName": "target",
            "GrantId": self.grant,
            "GranteePrincipal": grantee,
            "GroupName": "target",
            "HsmId": "hsm-aaaaaaaaaaa",
            "HsmType": "hsm2m.medium",
            "InstanceProfileName": "target",
            "KeyId": self.key_arn,
            "KeyPairSpec": "ECC_NIST_P256",
            "Mac": mac,
            "MacAlgorithm": "HMAC_SHA_256",
            "Labels[]": "target",
            "Message": b"x",
            "Name": "target",
            "NewPassword": "Correct-horse-2",
            "Names[]": "target",
            "NumberOfBytes": 16,
            "OldPassword": self.password,
            "Operations": ["Decrypt"],
            "Password": "Correct-horse-3",
            "PermissionsBoundary": self.policy_arn,
            "Plaintext": b"x",
            "Policy": document(allow("kms:*", Principal={"AWS": f"arn:aws:iam::{self.account}:root"})),
            "PolicyArn": self.policy_arn,
            "PolicyDocument": self.policy,
            "PolicyHash": shared["PolicyHash"],
            "PolicyId": shared["PolicyId"],
            "PolicyName": "target",
            "PrimaryRegion": "eu-west-1",
            "RemoveReplicaRegions[]": "eu-west-1",
            "ReplicaRegion": "eu-west-1",
            "PublicKey": public_key,
            "ResourceArn": f"arn:aws:cloudhsm:us-east-1:{self.account}:backup/backup-aaaaaaaaaaa",
            "ResourceId": self.cluster,
            "ResourcePolicy": document(allow("secretsmanager:*", Principal={"AWS": self.account})),
            "RetiringPrincipal": grantee,
            "RoleArn": self.role_arn,
            "RoleName": "target",
            "RoleSessionName": "session",
            "SSHPublicKeyBody": SSH_KEY,
            "SSHPublicKeyId": self.ssh_key,
            "SerialNumber": self.serial_number,
            "ServiceName": "codecommit.amazonaws.com",
            "ServiceSpecificCredentialId": self.service_credential,
            "RotationLambdaARN": f"arn:aws:lambda:us-east-1:{self.account}:function:target",
            "SecretId": "target",
            "SecretIdList[]": "target",
            "SettingId": "/ssm/parameter-store/default-parameter-tier",
            "SettingValue": "Standard",
            "SharedSecretCiphertextBlob": encapsulated["SharedSecretCiphertextBlob"],
            "Signature": signature,
            "SigningAlgorithm": "ECDSA_SHA_256",
            "SubnetIds[]": "subnet-0a1b2c3d",
            "TargetKeyId": self.key_arn,
            "UserName": "target",
            "VersionId": "v1",
        }
        self.others = {
            ("kms", "PutKeyPolicy", "PolicyName"): "default",
            ("kms", "GetKeyPolicy", "PolicyName"): "default",
            ("iam", "UpdateAssumeRolePolicy", "PolicyDocument"): self.trust,
            # What is created must not be there yet.
            ("iam", "CreateAccountAlias", "AccountAlias"): "another-alias",
            ("iam", "CreateGroup", "GroupName"): "another",
            ("iam", "CreateInstanceProfile", "InstanceProfileName"): "another",
            ("iam", "CreatePolicy", "PolicyName"): "another",
            ("iam", "CreateRole", "RoleName"): "another",
            ("iam", "CreateUser", "UserName"): "another",
            ("iam", "CreateVirtualMFADevice", "VirtualMFADeviceName"): "another",
            ("kms", "CreateAlias", "AliasName"): "alias/another",
            ("secretsmanager", "CreateSecret", "Name"): "another",
            # Keys of the kinds that these are for.
            ("kms", "Decapsulate", "KeyId"): of_kind["encapsulation"],
            ("kms", "DeriveSharedSecret", "KeyId"): of_kind["agreement"],
            ("kms", "Encapsulate", "KeyId"): of_kind["encapsulation"],
            ("kms", "GenerateMac", "KeyId"): of_kind["mac"],
            ("kms", "GetPublicKey", "KeyId"): of_kind["signing"],
            ("kms", "ReplicateKey", "KeyId"): self.primary,
            ("kms", "Sign", "KeyId"): of_kind["signing"],
            ("kms", "Verify", "KeyId"): of_kind["signing"],
            ("kms", "VerifyMac", "KeyId"): of_kind["mac"],
            ("ssm", "GetParametersByPath", "Path"): "/",
            ("ssm", "PutParameter", "Name"): "another",
            ("ssm", "PutParameter", "Type"): "String",
            ("ssm", "PutResourcePolicy", "Policy"): self.sharing,
        }
        for operation in ("AddTagsToResource", "ListTagsForResource", "RemoveTagsFromResource"):
            self.others |= {("ssm", operation, "ResourceType"): "Parameter", ("ssm", operation, "ResourceId"): "target"}
        for operation in ("DeleteResourcePolicy", "GetResourcePolicies", "PutResourcePolicy"):
            self.others["ssm", operation, "ResourceArn"] = self.parameter_arn

    def input(self, service, operation):
        """The least that an operation takes."""
        shape = model(service).operation_model(operation).input_shape
        if shape is None:
            return {}
        names = [*shape.required_members, *ALSO.get(service, {}).get(operation, [])]
        return {name: self.value(shape.members[name], service, operation, name) for name in names}

    def tags(self, service, operation):
        """The parameter that gives what an operation creates its tags, with one tag; none if it has no such parameter."""
        shape = model(service).operation_model(operation).input_shape
        optional = set(shape.members) - set(shape.required_members) if shape else set()
        return {name: self.value(shape.members[name], service, operation, name) for name in optional & {"Tags", "TagList"}}

    def value(self, shape, service, operation, name):
        if (service, operation, name) in self.others:
            return self.others[service, operation, name]
        known = self.values.get(name)
        if known is not None and isinstance(known, bytes) == (shape.type_name == "blob"):
            return known
        if shape.type_name == "structure":
            members = shape.members
            names = list(members)[:1] if shape.is_tagged_union else shape.required_members
            return {name: self.value(members[name], service, operation, name) for name in names}
        least = shape.metadata.get("min", 0)
        if shape.type_name == "list":
            return [self.value(shape.member, service, operation, f"{name}[]") for _ in range(max(least, 1))]
        if shape.type_name == "map":
            key = self.value(shape.key, service, operation, f"{name}.key")
            return {key: self.value(shape.value, service, operation, f"{name}.value")}
        enum = getattr(shape, "enum", None)
        plain = {
            "blob": b"x" * max(least, 1),
            "boolean": True,
            "double": 1.0,
            "float": 1.0,
            "integer": max(least, 1),
            "long": max(least, 1),
            "string": enum[0] if enum else "a" * max(least, 1),
            "timestamp": 0,
        }
        return plain[shape.type_name]


def method(client, operation):
    """The client's function for an operation."""
    return getattr(client, next(k for k, v in client.meta.method_to_api_mapping.items() if v == operation))


def every(fastness, implemented):
    return [(service, name) for service in SERVICES for name in coverage(fastness, service)[0 if implemented else 1]]
