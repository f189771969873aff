"""Devices that hang, and keys that are left in them: SoftHSM behind a library that answers nothing while it is told so."""

from datetime import timedelta

import pytest
from conftest import events, refused, wait_for
from raw import json_call
from softhsm import HangingHsm
from test_cloudhsm import (  # noqa: F401: its fixtures, over another device
    PASSWORD,
    cluster,
    directory,
    disconnect,
    fastness,
    owner,
    store,
    store_state,
)
from test_kms_deletion import days_later
from test_sealed import operator

TIMED_OUT = "The key store did not respond to the request in the time allotted. Retry the request."


@pytest.fixture(scope="module")
def softhsm(directory):
    return HangingHsm(directory)


def labels(softhsm, cluster):
    return {key["CKA_LABEL"] for key in softhsm.secret_keys(cluster, PASSWORD)}


def test_a_device_that_hangs_holds_nobody_up_for_long(root, softhsm, store):
    kms = root.kms
    key = kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]["KeyId"]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    with softhsm.hanging():
        error = refused(kms.encrypt, KeyId=key, Plaintext=b"x")
        assert (error["Code"], error["Message"], error["Status"]) == ("DependencyTimeoutException", TIMED_OUT, 500)
        for call, asked in [
            (kms.decrypt, {"CiphertextBlob": blob}),
            (kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
            (kms.re_encrypt, {"CiphertextBlob": blob, "DestinationKeyId": other}),
            (kms.generate_random, {"NumberOfBytes": 8, "CustomKeyStoreId": store}),
            (kms.create_key, {"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": store}),
        ]:
            error = refused(call, **asked)
            assert (error["Code"], error["Message"]) == ("DependencyTimeoutException", TIMED_OUT), error
        # What does not need it goes on, and so does what is known of the store.
        kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=other, Plaintext=b"x")["CiphertextBlob"])
        assert store_state(root, store) == ("CONNECTED", None)
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
        disconnect(root, store)
        root.kms.connect_custom_key_store(CustomKeyStoreId=store)
        wait_for(lambda: store_state(root, store) == ("FAILED", "NETWORK_ERRORS"))
        disconnect(root, store)
    wait_for(lambda: try_to_connect(root, store))
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    recorded = [event for event in events(root) if event.get("errorCode") == "DependencyTimeoutException"]
    assert {event["eventName"] for event in recorded} >= {"Encrypt", "Decrypt", "GenerateDataKey", "ReEncrypt"}


def test_it_is_sealed_although_a_device_hangs(fastness, root, softhsm, store):
    key = root.kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]["KeyId"]
    with softhsm.hanging():
        assert refused(root.kms.encrypt, KeyId=key, Plaintext=b"x")["Code"] == "DependencyTimeoutException"
        assert "Sealed" in operator(fastness, "seal").stdout
    assert "Unsealed" in operator(fastness, "unseal").stdout
    assert root.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]


def try_to_connect(root, store):
    root.kms.connect_custom_key_store(CustomKeyStoreId=store)
    wait_for(lambda: store_state(root, store)[0] in ("CONNECTED", "FAILED"))
    if store_state(root, store)[0] == "FAILED":
        disconnect(root, store)
    return store_state(root, store)[0] == "CONNECTED"


def test_keys_that_nothing_uses_are_removed(fastness, root, softhsm, cluster, store):
    create_key, in_store = root.kms.create_key, {"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": store}
    before = labels(softhsm, cluster)
    with softhsm.hanging():
        assert refused(create_key, **in_store)["Code"] == "DependencyTimeoutException"
    # The device makes it all the same.
    (late,) = wait_for(lambda: labels(softhsm, cluster) - before)
    assert refused(root.kms.describe_key, KeyId=late)["Code"] == "NotFoundException"
    kept, deleted = (create_key(**in_store)["KeyMetadata"]["Arn"] for _ in range(2))
    blob = root.kms.encrypt(KeyId=kept, Plaintext=b"kept")["CiphertextBlob"]
    root.kms.schedule_key_deletion(KeyId=deleted, PendingWindowInDays=7)
    disconnect(root, store)
    fastness.stop()

    def call(days, operation, **parameters):
        return json_call(root, "kms", operation, parameters, skew=timedelta(days=days)).send()

    days_later(fastness, 8, lambda: call(8, "DescribeKey", KeyId=deleted).status == 400)
    assert {late, deleted, kept} <= labels(softhsm, cluster), "its store was not connected"

    def connected_and_removed():
        assert call(9, "ConnectCustomKeyStore", CustomKeyStoreId=store).status == 200
        return not {late, deleted} & labels(softhsm, cluster)

    days_later(fastness, 9, connected_and_removed)
    again = fastness.serve().root()
    assert labels(softhsm, cluster) == before | {kept}
    assert again.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    removed = [event["serviceEventDetails"] for event in events(again) if event["eventName"] == "RemoveOrphanedKey"]
    # And those that the device was not asked to make, while it was left alone.
    assert {details["name"] for details in removed} >= {late, deleted}
    assert {details["customKeyStoreId"] for details in removed} == {store}
