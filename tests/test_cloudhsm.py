"""Clusters of hardware security modules over SoftHSM, and KMS keys that are made in them, from outside."""

import json
import subprocess

import pytest
from botocore.exceptions import ClientError
from certificates import openssl
from conftest import Caller, Fastness, allow, deny, document, events, refused, wait_for
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from softhsm import SoftHsm

PASSWORD = "kmsuser-pin"


class Owner:
    """Who owns clusters: the certificate authority that claims them."""

    def __init__(self, directory, name="customerCA"):
        self.directory = directory
        self.key, self.certificate = directory / f"{name}.key", directory / f"{name}.crt"
        openssl("genrsa", "-out", self.key, 2048)
        openssl("req", "-new", "-x509", "-days", 30, "-key", self.key, "-subj", f"/CN={name}", "-out", self.certificate)

    def sign(self, csr):
        (self.directory / "cluster.csr").write_text(csr)
        return openssl(
            *("x509", "-req", "-days", 30, "-in", self.directory / "cluster.csr", "-CA", self.certificate),
            *("-CAkey", self.key, "-CAcreateserial"),
        ).decode()

    @property
    def anchor(self):
        return self.certificate.read_text()


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("cloudhsm")


@pytest.fixture(scope="module")
def softhsm(directory):
    return SoftHsm(directory)


@pytest.fixture(scope="module")
def fastness(directory, softhsm):
    config = {"process": softhsm.reach}
    served = Fastness(directory / "deployment", softhsm.environment, config)
    with open(served.environment["FASTNESS_CONFIG"], "a", encoding="utf-8") as file:
        file.write(f"[[cloudhsm]]\nmodule = {json.dumps(str(softhsm.module))}\n")
    served.serve()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def owner(directory):
    return Owner(directory)


def described(root, cluster):
    found = root.cloudhsmv2.describe_clusters(Filters={"clusterIds": [cluster]})["Clusters"]
    return found[0] if found else None


def comes_to(root, cluster, state):
    wait_for(lambda: described(root, cluster)["State"] == state)
    return described(root, cluster)


def hsms_active(root, cluster, number):
    wait_for(lambda: [hsm["State"] for hsm in described(root, cluster)["Hsms"]] == ["ACTIVE"] * number)
    return described(root, cluster)


def create(root, **more):
    subnets = ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
    made = root.cloudhsmv2.create_cluster(**{"HsmType": "hsm2m.medium", "SubnetIds": subnets, **more})["Cluster"]
    assert made["State"] == "CREATE_IN_PROGRESS" and "PreCoPassword" not in made
    return made["ClusterId"]


def activate(root, softhsm, owner, cluster, password=PASSWORD):
    """All that AWS's guide says from the first HSM to an active cluster with two of them."""
    comes_to(root, cluster, "UNINITIALIZED")
    hsm = root.cloudhsmv2.create_hsm(ClusterId=cluster, AvailabilityZone="us-east-1a")["Hsm"]
    assert hsm["State"] == "CREATE_IN_PROGRESS" and hsm["SubnetId"] == "subnet-0a1b2c3d"
    found = hsms_active(root, cluster, 1)
    signed = owner.sign(found["Certificates"]["ClusterCsr"])
    answer = root.cloudhsmv2.initialize_cluster(ClusterId=cluster, SignedCert=signed, TrustAnchor=owner.anchor)
    assert answer["State"] == "INITIALIZE_IN_PROGRESS"
    comes_to(root, cluster, "INITIALIZED")
    root.cloudhsmv2.create_hsm(ClusterId=cluster, AvailabilityZone="us-east-1b")
    found = hsms_active(root, cluster, 2)
    softhsm.set_user(cluster, found["PreCoPassword"], password)
    return comes_to(root, cluster, "ACTIVE")


@pytest.fixture(scope="module")
def cluster(root, softhsm, owner):
    cluster = create(root, TagList=[{"Key": "team", "Value": "red"}])
    activate(root, softhsm, owner, cluster)
    return cluster


def store_state(root, store):
    found = root.kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]
    return found["ConnectionState"], found.get("ConnectionErrorCode")


def connect(root, store, state=("CONNECTED", None)):
    root.kms.connect_custom_key_store(CustomKeyStoreId=store)
    wait_for(lambda: store_state(root, store) == state)


def disconnect(root, store):
    root.kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    wait_for(lambda: store_state(root, store) == ("DISCONNECTED", None))


def connected_store(root, owner, cluster, password=PASSWORD):
    made = root.kms.create_custom_key_store(
        CustomKeyStoreName="hsm",
        CloudHsmClusterId=cluster,
        TrustAnchorCertificate=owner.anchor,
        KeyStorePassword=password,
    )["CustomKeyStoreId"]
    connect(root, made)
    return made


@pytest.fixture(scope="module")
def store(root, owner, cluster):
    return connected_store(root, owner, cluster)


def test_the_certificates_are_those_of_the_tokens_key(root, softhsm, owner, cluster):
    certificates = described(root, cluster)["Certificates"]
    assert "ClusterCsr" not in certificates, "only before the cluster is initialized"
    own = x509.load_pem_x509_certificate(certificates["HsmCertificate"].encode())
    own.verify_directly_issued_by(own)
    claimed = x509.load_pem_x509_certificate(certificates["ClusterCertificate"].encode())
    claimed.verify_directly_issued_by(x509.load_pem_x509_certificate(owner.anchor.encode()))
    assert claimed.public_key() == own.public_key()
    kept = softhsm.ask(
        f"session = library.openSession(slot({cluster!r}))\n"
        "one = lambda kind: session.findObjects([(CKA_CLASS, kind)])[0]\n"
        "answer = [bytes(session.getAttributeValue(one(CKO_CERTIFICATE), [CKA_VALUE])[0]).hex(),"
        " bytes(session.getAttributeValue(one(CKO_PUBLIC_KEY), [CKA_MODULUS])[0]).hex(),"
        " session.getAttributeValue(one(CKO_PRIVATE_KEY), [CKA_SENSITIVE, CKA_EXTRACTABLE])]"
    )
    assert kept[0] == claimed.public_bytes(serialization.Encoding.DER).hex()
    assert int(kept[1], 16) == own.public_key().public_numbers().n
    assert kept[2] == [True, False]


def test_a_key_is_made_in_the_token_and_cannot_leave_it(root, softhsm, cluster, store):
    made = root.kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]
    assert (made["Origin"], made["CustomKeyStoreId"], made["CloudHsmClusterId"]) == ("AWS_CLOUDHSM", store, cluster)
    assert made["KeyState"] == "Enabled" and "CurrentKeyMaterialId" not in made
    (found,) = [key for key in softhsm.secret_keys(cluster, PASSWORD) if key["CKA_LABEL"] == made["Arn"]]
    assert found == {
        "CKA_LABEL": made["Arn"],
        "CKA_SENSITIVE": True,
        "CKA_ALWAYS_SENSITIVE": True,
        "CKA_EXTRACTABLE": False,
        "CKA_NEVER_EXTRACTABLE": True,
        "CKA_LOCAL": True,
        "CKA_VALUE_LEN": 32,
        "value": False,
    }


def test_every_symmetric_operation_by_the_device(root, store):
    key = root.kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]["KeyId"]
    context = {"purpose": "test"}
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"x" * 4096, EncryptionContext=context)["CiphertextBlob"]
    opened = root.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    assert opened["Plaintext"] == b"x" * 4096 and "KeyMaterialId" not in opened
    assert refused(root.kms.decrypt, CiphertextBlob=blob)["Code"] == "InvalidCiphertextException"
    altered = blob[:-1] + bytes([blob[-1] ^ 1])
    error = refused(root.kms.decrypt, CiphertextBlob=altered, EncryptionContext=context)
    assert error["Code"] == "InvalidCiphertextException"
    data_key = root.kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert root.kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"] == data_key["Plaintext"]
    alone = root.kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_128")
    assert len(root.kms.decrypt(CiphertextBlob=alone["CiphertextBlob"])["Plaintext"]) == 16
    other = root.kms.create_key()["KeyMetadata"]["KeyId"]
    moved = root.kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=context, DestinationKeyId=other)
    assert root.kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"x" * 4096
    back = root.kms.re_encrypt(CiphertextBlob=moved["CiphertextBlob"], DestinationKeyId=key)["CiphertextBlob"]
    assert root.kms.decrypt(CiphertextBlob=back, KeyId=key)["Plaintext"] == b"x" * 4096
    first, second = (
        root.kms.generate_random(NumberOfBytes=32, CustomKeyStoreId=store)["Plaintext"] for _ in range(2)
    )
    assert len(first) == 32 and first != second
    for call, more in (
        (root.kms.enable_key_rotation, {}),
        (root.kms.get_key_rotation_status, {}),
        (root.kms.rotate_key_on_demand, {}),
    ):
        error = refused(call, KeyId=key, **more)
        assert error["Code"] == "UnsupportedOperationException" and "origin is AWS_CLOUDHSM" in error["Message"]


def test_keys_are_unavailable_while_the_store_is_not_connected(root, store):
    key = root.kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]["Arn"]
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    disconnect(root, store)
    try:
        assert root.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Unavailable"
        error = refused(root.kms.decrypt, CiphertextBlob=blob)
        assert (error["Code"], error["Message"]) == ("KMSInvalidStateException", f"{key} is unavailable.")
        error = refused(root.kms.create_key, Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)
        assert error["Code"] == "CustomKeyStoreInvalidStateException"
        error = refused(root.kms.generate_random, NumberOfBytes=1, CustomKeyStoreId=store)
        assert error["Code"] == "CustomKeyStoreInvalidStateException"
        assert refused(root.kms.delete_custom_key_store, CustomKeyStoreId=store)["Code"] == "CustomKeyStoreHasCMKsException"
        # A wrong password is tried once.
        root.kms.update_custom_key_store(CustomKeyStoreId=store, KeyStorePassword="wrong-password")
        connect(root, store, ("FAILED", "INVALID_CREDENTIALS"))
        error = refused(root.kms.connect_custom_key_store, CustomKeyStoreId=store)
        assert error["Code"] == "CustomKeyStoreInvalidStateException"
        disconnect(root, store)
    finally:
        root.kms.update_custom_key_store(CustomKeyStoreId=store, KeyStorePassword=PASSWORD)
        connect(root, store)
    assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_key_that_was_destroyed_outside(root, softhsm, cluster, store):
    key = root.kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]["Arn"]
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    softhsm.ask(
        f"session = library.openSession(slot({cluster!r}), CKF_SERIAL_SESSION | CKF_RW_SESSION)\n"
        f"session.login({PASSWORD!r})\n"
        f"[session.destroyObject(o) for o in session.findObjects([(CKA_LABEL, {key!r})])]"
    )
    error = refused(root.kms.decrypt, CiphertextBlob=blob)
    assert (error["Code"], error["Message"]) == ("KMSInvalidStateException", "The key store does not have the key.")


def test_it_is_all_there_after_the_server_was_killed(fastness, root, store):
    key = root.kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]["Arn"]
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    fastness.kill()
    fastness.serve()
    again = fastness.root()
    assert store_state(again, store) == ("CONNECTED", None)
    assert again.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    # The clients of the other tests go where it is now.
    for service in ("kms", "cloudhsmv2", "cloudtrail", "iam", "sts"):
        root.__dict__.pop(service, None)


def test_the_command_line(root, cluster, store):
    def aws(*args):
        done = subprocess.run(
            ["aws", *args, "--output", "json"], env=root.environment(), capture_output=True, text=True, timeout=60
        )
        return done

    found = json.loads(aws("cloudhsmv2", "describe-clusters", "--filters", f"clusterIds={cluster}").stdout)
    assert [found["Clusters"][0][name] for name in ("ClusterId", "State")] == [cluster, "ACTIVE"]
    stores = json.loads(aws("kms", "describe-custom-key-stores", "--custom-key-store-name", "hsm").stdout)
    assert stores["CustomKeyStores"][0]["ConnectionState"] == "CONNECTED"
    failed = aws("kms", "connect-custom-key-store", "--custom-key-store-id", "cks-0")
    assert "CustomKeyStoreNotFoundException" in failed.stderr


def test_stores_and_clusters_that_do_not_fit(root, owner, cluster, store, directory):
    made = {
        "CustomKeyStoreName": "another",
        "CloudHsmClusterId": cluster,
        "TrustAnchorCertificate": owner.anchor,
        "KeyStorePassword": PASSWORD,
    }
    create_store = root.kms.create_custom_key_store
    assert refused(create_store, **{**made, "CustomKeyStoreName": "hsm"})["Code"] == "CustomKeyStoreNameInUseException"
    assert refused(create_store, **made)["Code"] == "CloudHsmClusterInUseException"
    unknown = {**made, "CloudHsmClusterId": "cluster-aaaaaaaaaaa"}
    assert refused(create_store, **unknown)["Code"] == "CloudHsmClusterNotFoundException"
    fresh = create(root)
    comes_to(root, fresh, "UNINITIALIZED")
    assert refused(create_store, **{**made, "CloudHsmClusterId": fresh})["Code"] == "CloudHsmClusterNotActiveException"
    root.cloudhsmv2.delete_cluster(ClusterId=fresh)
    assert comes_to(root, fresh, "DELETED")


def test_a_cluster_is_claimed_by_its_own_certificate_alone(root, owner, directory):
    cluster = create(root)
    comes_to(root, cluster, "UNINITIALIZED")
    hsms = root.cloudhsmv2
    initialize = hsms.initialize_cluster
    error = refused(initialize, ClusterId=cluster, SignedCert=owner.anchor, TrustAnchor=owner.anchor)
    assert error["Code"] == "CloudHsmInvalidRequestException" and "no active HSM" in error["Message"]
    hsms.create_hsm(ClusterId=cluster, AvailabilityZone="us-east-1a")
    found = hsms_active(root, cluster, 1)
    csr = found["Certificates"]["ClusterCsr"]
    assert x509.load_pem_x509_csr(csr.encode()).is_signature_valid
    error = refused(hsms.create_hsm, ClusterId=cluster, AvailabilityZone="us-east-1b")
    assert "has to be initialized" in error["Message"]
    other = Owner(directory, "another")
    signed = owner.sign(csr)
    for certificate, anchor, words in (
        (owner.anchor, owner.anchor, "not for the key"),
        (signed, other.anchor, "not signed by"),
        (signed, signed, "not a self-signed"),
        ("abc", owner.anchor, "not one certificate in PEM"),
        (signed + signed, owner.anchor, "not one certificate in PEM"),
        ("a" * 5001, owner.anchor, "more than 5000"),
    ):
        error = refused(initialize, ClusterId=cluster, SignedCert=certificate, TrustAnchor=anchor)
        assert error["Code"] == "CloudHsmInvalidRequestException" and words in error["Message"], error
    error = refused(hsms.delete_cluster, ClusterId=cluster)
    assert error["Code"] == "CloudHsmInvalidRequestException" and "has HSMs" in error["Message"]
    hsms.delete_hsm(ClusterId=cluster, HsmId=found["Hsms"][0]["HsmId"])
    wait_for(lambda: described(root, cluster)["Hsms"] == [])
    assert hsms.delete_cluster(ClusterId=cluster)["Cluster"]["State"] == "DELETE_IN_PROGRESS"
    comes_to(root, cluster, "DELETED")
    assert refused(hsms.list_tags, ResourceId=cluster)["Code"] == "CloudHsmResourceNotFoundException"


def test_backups_keep_the_keys(root, softhsm, owner, store, cluster):
    """A cluster made from a backup has the first one's keys, and its store can go on with it."""
    hsms = root.cloudhsmv2
    key = root.kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]["Arn"]
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    backup = hsms.describe_backups(Filters={"clusterIds": [cluster]})["Backups"][0]
    assert backup["BackupState"] == "READY" and backup["TagList"] == [{"Key": "team", "Value": "red"}]
    related = create(root, SourceBackupId=backup["BackupId"])
    comes_to(root, related, "INITIALIZED")
    for zone in "ab":
        hsms.create_hsm(ClusterId=related, AvailabilityZone=f"us-east-1{zone}")
    hsms_active(root, related, 2)
    found = comes_to(root, related, "ACTIVE")
    assert found["SourceBackupId"] == backup["BackupId"]
    assert found["Certificates"]["ClusterCertificate"] == described(root, cluster)["Certificates"]["ClusterCertificate"]
    disconnect(root, store)
    root.kms.update_custom_key_store(CustomKeyStoreId=store, CloudHsmClusterId=related)
    connect(root, store)
    assert root.kms.describe_key(KeyId=key)["KeyMetadata"]["CloudHsmClusterId"] == related
    assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    # Without an HSM there is nothing to connect to.
    for hsm in found["Hsms"]:
        hsms.delete_hsm(ClusterId=related, EniId=hsm["EniId"])
    wait_for(lambda: described(root, related)["Hsms"] == [])
    error = refused(root.kms.decrypt, CiphertextBlob=blob)
    assert error["Code"] == "KMSInvalidStateException"
    assert error["Message"] == "KMS cannot communicate with your CloudHSM cluster"
    disconnect(root, store)
    error = refused(root.kms.connect_custom_key_store, CustomKeyStoreId=store)
    assert error["Code"] == "CloudHsmClusterInvalidConfigurationException"
    root.kms.update_custom_key_store(CustomKeyStoreId=store, CloudHsmClusterId=cluster)
    connect(root, store)
    assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    hsms.delete_cluster(ClusterId=related)
    comes_to(root, related, "DELETED")
    assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept", "the token is the first cluster's still"


def test_backups_copied_deleted_restored(root, cluster):
    hsms = root.cloudhsmv2
    backup = hsms.describe_backups(Filters={"clusterIds": [cluster]})["Backups"][0]["BackupId"]
    copied = hsms.copy_backup_to_region(DestinationRegion="eu-west-1", BackupId=backup)["DestinationBackup"]
    assert (copied["SourceRegion"], copied["SourceBackup"], copied["SourceCluster"]) == ("us-east-1", backup, cluster)
    there = Caller(root.fastness, root.key, root.secret, region="eu-west-1").cloudhsmv2
    tagless = root.user("tagless", allow("*"))
    root.iam.put_user_policy(
        UserName="tagless", PolicyName="no", PolicyDocument=document(deny("cloudhsm:TagResource"))
    )
    tagged = {"DestinationRegion": "eu-west-1", "BackupId": backup, "TagList": [{"Key": "team", "Value": "red"}]}
    error = refused(tagless.cloudhsmv2.copy_backup_to_region, **tagged)
    assert error["Code"] == "AccessDeniedException" and "cloudhsm:TagResource" in error["Message"]
    (copy,) = there.describe_backups(Filters={"sourceBackupIds": [backup]})["Backups"]
    assert copy["SourceRegion"] == "us-east-1" and copy["BackupState"] == "READY" and "CopyTimestamp" in copy
    deleted = there.delete_backup(BackupId=copy["BackupId"])["Backup"]
    assert deleted["BackupState"] == "PENDING_DELETION"
    assert (deleted["DeleteTimestamp"] - copy["CopyTimestamp"]).days in (6, 7)
    assert refused(there.delete_backup, BackupId=copy["BackupId"])["Code"] == "CloudHsmInvalidRequestException"
    assert there.restore_backup(BackupId=copy["BackupId"])["Backup"]["BackupState"] == "READY"
    assert there.modify_backup_attributes(BackupId=copy["BackupId"], NeverExpires=True)["Backup"]["NeverExpires"]
    assert there.describe_backups(Filters={"neverExpires": ["true"]})["Backups"][0]["BackupId"] == copy["BackupId"]
    error = refused(there.describe_backups, Filters={"colours": ["red"]})
    assert error["Code"] == "CloudHsmInvalidRequestException"


def test_tags_policies_and_retention(root, account, cluster):
    hsms = root.cloudhsmv2
    hsms.tag_resource(ResourceId=cluster, TagList=[{"Key": f"k{n}", "Value": str(n)} for n in range(4)])
    first = hsms.list_tags(ResourceId=cluster, MaxResults=3)
    rest = hsms.list_tags(ResourceId=cluster, MaxResults=3, NextToken=first["NextToken"])
    assert [tag["Key"] for tag in first["TagList"] + rest["TagList"]] == ["k0", "k1", "k2", "k3", "team"]
    hsms.untag_resource(ResourceId=cluster, TagKeyList=["k0", "k1", "k2", "k3"])
    assert refused(hsms.tag_resource, ResourceId=cluster, TagList=[{"Key": "aws:x", "Value": ""}])["Code"] == (
        "CloudHsmTagException"
    )
    many = [{"Key": f"k{n}", "Value": ""} for n in range(50)]
    error = refused(hsms.tag_resource, ResourceId=cluster, TagList=many)
    assert error["Code"] == "CloudHsmResourceLimitExceededException"
    changed = hsms.modify_cluster(ClusterId=cluster, BackupRetentionPolicy={"Type": "DAYS", "Value": "30"})["Cluster"]
    assert changed["BackupRetentionPolicy"] == {"Type": "DAYS", "Value": "30"}
    error = refused(hsms.modify_cluster, ClusterId=cluster, BackupRetentionPolicy={"Type": "DAYS", "Value": "6"})
    assert error["Code"] == "CloudHsmInvalidRequestException"
    arn = hsms.describe_backups(Filters={"clusterIds": [cluster]})["Backups"][0]["BackupArn"]
    shared = document(allow("cloudhsm:CreateCluster", arn, Principal={"AWS": f"arn:aws:iam::{account}:root"}))
    assert hsms.put_resource_policy(ResourceArn=arn, Policy=shared)["Policy"] == shared
    assert hsms.get_resource_policy(ResourceArn=arn)["Policy"] == shared
    assert refused(hsms.put_resource_policy, ResourceArn=arn, Policy="{}")["Code"] == "CloudHsmInvalidRequestException"
    assert hsms.delete_resource_policy(ResourceArn=arn)["Policy"] == shared
    assert "Policy" not in hsms.get_resource_policy(ResourceArn=arn)
    # Permissions may ask for tags.
    tagged = allow("cloudhsm:*", Condition={"StringEquals": {"aws:ResourceTag/team": "red"}})
    user = root.user("red", tagged)
    assert user.cloudhsmv2.list_tags(ResourceId=cluster)["TagList"] == [{"Key": "team", "Value": "red"}]
    other = root.user("blue", allow("cloudhsm:*", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}}))
    error = refused(other.cloudhsmv2.list_tags, ResourceId=cluster)
    assert error["Code"] == "AccessDeniedException" and "cloudhsm:ListTags" in error["Message"]


def test_what_is_recorded(root, cluster, store):
    found = events(root)
    by_name = {}
    for event in found:
        by_name.setdefault(event["eventName"], []).append(event)
    made = by_name["CreateCluster"][-1]
    assert made["eventSource"] == "cloudhsm.amazonaws.com"
    assert "PreCoPassword" not in json.dumps(found) and "preCoPassword" not in json.dumps(found)
    assert PASSWORD not in json.dumps(found)
    changes = [event["serviceEventDetails"] for event in by_name["ClusterStateChange"]]
    assert {"ACTIVE"} <= {hsm["state"] for change in changes for hsm in change["hsms"]}
    connected = [event for event in by_name["ConnectCustomKeyStore"] if event["eventType"] == "AwsServiceEvent"]
    assert {event["serviceEventDetails"]["connectionState"] for event in connected} >= {"CONNECTED", "FAILED"}


def test_without_a_device_there_is_no_hsm(fresh):
    fresh.serve()
    root = fresh.root()
    cluster = create(root)
    comes_to(root, cluster, "UNINITIALIZED")
    error = refused(root.cloudhsmv2.create_hsm, ClusterId=cluster, AvailabilityZone="us-east-1a")
    assert error["Code"] == "CloudHsmServiceException"
    assert error["Message"] == "No hardware security module is available."
    with pytest.raises(ClientError):
        root.cloudhsmv2.create_hsm(ClusterId=cluster, AvailabilityZone="us-east-1f")
