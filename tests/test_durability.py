"""Twenty times the server is killed under load: nothing that was acknowledged is lost, and nothing is half there."""

import os
import random
import threading
from datetime import datetime, timezone

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError
from conftest import Fastness, events, records, wait_for

# `cargo xtask soak` kills more often.
ROUNDS = int(os.environ.get("FASTNESS_TEST_KILLS", 20))
WRITERS = 6
# How many calls are acknowledged before the server is killed.
CALLS = (100, 500)


class Load:
    """Writers that note what was acknowledged, until the server is gone."""

    def __init__(self, root, round, key):
        self.root, self.round, self.key = root, round, key
        self.requests, self.keys, self.users, self.sealed = [], [], [], []
        self.errors = []
        self.threads = [threading.Thread(target=self.write, args=(number,)) for number in range(WRITERS)]
        _ = root.kms, root.iam, root.sts  # Clients are shared by threads, but not made by several at once.
        for thread in self.threads:
            thread.start()

    def write(self, writer):
        kms, iam, number = self.root.kms, self.root.iam, 0
        try:
            while True:
                number += 1
                name = f"user-{self.round}-{writer}-{number}"
                self.noted(iam.create_user(UserName=name))
                self.users.append(name)
                created = self.noted(kms.create_key(Description=name))
                self.keys.append(created["KeyMetadata"]["KeyId"])
                answer = self.noted(kms.encrypt(KeyId=self.key, Plaintext=name.encode()))
                self.sealed.append((answer["CiphertextBlob"], name.encode()))
                with pytest.raises(ClientError) as refused:
                    iam.create_user(UserName=name)
                assert refused.value.response["Error"]["Code"] == "EntityAlreadyExists"
                self.noted(refused.value.response)
        except (EndpointConnectionError, HTTPClientError):
            pass  # The server is gone.
        except BaseException as error:
            self.errors.append(error)

    def noted(self, answer):
        self.requests.append(answer["ResponseMetadata"]["RequestId"])
        return answer

    def reaches(self, calls):
        wait_for(lambda: len(self.requests) >= calls or self.errors, 60)

    def end(self):
        for thread in self.threads:
            thread.join(timeout=30)
            assert not thread.is_alive()
        assert self.errors == []


def names(client, operation, list_name, name, **parameters):
    pages = client.get_paginator(operation).paginate(**parameters)
    return [item[name] for page in pages for item in page[list_name]]


def test_kill_9_under_load(tmp_path):
    fastness = Fastness(tmp_path).serve()
    root = fastness.root()
    key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    keys, users, requests, sealed = {key}, set(), set(), []
    try:
        for round in range(ROUNDS):
            start = datetime.now(timezone.utc).replace(microsecond=0)
            load = Load(root, round, key)
            enough = random.Random(round).randint(*CALLS)
            load.reaches(enough)
            fastness.kill()
            load.end()
            keys.update(load.keys)
            users.update(load.users)
            requests.update(load.requests)

            root = fastness.serve().root()
            there = names(root.kms, "list_keys", "Keys", "KeyId", PaginationConfig={"PageSize": 1000})
            assert keys <= set(there), f"round {round}: a key is lost"
            exist = names(root.iam, "list_users", "Users", "UserName", PaginationConfig={"PageSize": 1000})
            assert users <= set(exist), f"round {round}: a user is lost"
            trail = records(root, StartTime=start)
            assert set(load.requests) <= set(trail), f"round {round}: a record is lost"
            # What was not acknowledged is there with its record, or neither is.
            done = [entry for entry in trail.values() if "errorCode" not in entry]
            recorded = {e["requestParameters"]["userName"] for e in done if e["eventName"] == "CreateUser"}
            mine = f"user-{round}-"
            assert {n for n in exist if n.startswith(mine)} == {n for n in recorded if n.startswith(mine)}
            recorded = {e["responseElements"]["keyMetadata"]["keyId"] for e in done if e["eventName"] == "CreateKey"}
            assert recorded <= set(there) and len(there) == len(set(there))
            sealed.append(load.sealed[0])
            for blob, plaintext in load.sealed + sealed:
                assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == plaintext
            assert not [line for line in fastness.logs() if line["level"] == "ERROR"]

        whole = events(root)
        assert requests <= {entry.get("requestID") for entry in whole}, "a record is lost"
        assert len({entry["eventID"] for entry in whole}) == len(whole), "a record is there twice"
        times = [entry["eventTime"] for entry in whole]
        created = [e for e in whole if e["eventName"] == "CreateKey" and "errorCode" not in e]
        assert len(created) == len(set(there)), "there are as many keys as were made"
        assert times[-1] <= times[0]
    finally:
        if fastness.process:
            fastness.kill()


def test_a_clean_stop_loses_nothing_either(fresh):
    root = fresh.serve().root()
    requests = [root.iam.create_user(UserName=f"u{n}")["ResponseMetadata"]["RequestId"] for n in range(50)]
    fresh.stop()
    root = fresh.serve().root()
    assert set(requests) <= set(records(root))
    assert len(root.iam.list_users()["Users"]) == 50


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("*.journal", lambda data: data[:20_000] + bytes([data[20_000] ^ 1]) + data[20_001:]),
        ("tables.redb", lambda data: data[: len(data) // 2]),
    ],
    ids=["a bit of the journal", "half of the tables"],
)
def test_damage_is_told_and_nothing_is_served(fresh, file, damage):
    root = fresh.serve().root()
    for number in range(60):
        root.iam.create_user(UserName=f"u{number}")
    fresh.kill()
    path = sorted((fresh.data / "store").glob(file))[-1]
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    done = fresh.run("serve", "--data", str(fresh.data), "--listen", "127.0.0.1:0", check=False)
    assert done.returncode == 5 and "is damaged at byte" in done.stderr.splitlines()[-1] and done.stdout == ""
    path.write_bytes(whole)
    assert len(fresh.serve().root().iam.list_users()["Users"]) == 60


def test_without_tables_the_journal_has_everything(fresh):
    """What a checkpoint wrote is lost as a whole; nothing was let go of, so the journal is the history of every row."""
    root = fresh.serve().root()
    key = root.kms.create_key(Description="before the checkpoint")["KeyMetadata"]["KeyId"]
    blob = root.kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    for number in range(30):
        root.iam.create_user(UserName=f"u{number}")
    root.iam.delete_user(UserName="u3")
    fresh.stop()  # writes a checkpoint
    root = fresh.serve().root()
    root.kms.update_key_description(KeyId=key, Description="after it")
    users, trail = root.iam.list_users()["Users"], events(root)
    fresh.kill()
    for path in (fresh.data / "store").glob("tables.redb"):
        path.unlink()
    root = fresh.serve().root()
    assert root.iam.list_users()["Users"] == users and len(users) == 29
    assert events(root)[-len(trail) :] == trail
    assert root.kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "after it"
    assert root.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    fresh.stop()
    assert "Everything is whole." in fresh.run("verify", "--data", str(fresh.data)).stdout
