"""A clock that is wrong: nothing that cannot be undone is done until it is right again, or an operator says that it is."""

from datetime import datetime, timedelta, timezone

import pytest
from conftest import Fastness, events, refused, wait_for
from test_kms_deletion import faketime


def at(fastness, days):
    """Serves a deployment with a clock that is so many days off."""
    before = dict(fastness.environment)
    fastness.environment |= {
        "LD_PRELOAD": faketime(),
        "FAKETIME": f"{days:+}d",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    fastness.serve()
    fastness.environment = before


def clock(fastness, *args):
    return fastness.run("clock", "--data", str(fastness.data), *args).stdout


def status(fastness):
    return fastness.run("status", "--data", str(fastness.data)).stdout


def logged(fastness, text):
    return [line["message"] for line in fastness.logs() if text in line["message"]]


@pytest.fixture(scope="module")
def doomed(tmp_path_factory):
    """A deployment with a key that is to go in seven days."""
    fastness = Fastness(tmp_path_factory.mktemp("clock")).serve("--monitor", "127.0.0.1:0")
    root = fastness.root()
    fastness.key = root.kms.create_key()["KeyMetadata"]["KeyId"]
    fastness.blob = root.kms.encrypt(KeyId=fastness.key, Plaintext=b"x")["CiphertextBlob"]
    root.kms.schedule_key_deletion(KeyId=fastness.key, PendingWindowInDays=7)
    assert "believed" in clock(fastness) and "clock     believed" in status(fastness)
    fastness.stop()
    yield fastness
    fastness.stop()


def test_ahead_nothing_is_destroyed_and_everybody_is_told(doomed):
    at(doomed, 8)
    wait_for(lambda: logged(doomed, "the clock leapt"), 30)
    for told in (clock(doomed), status(doomed)):
        assert "NOT believed: it is 8 days ahead" in told and "fastness clock --confirm" in told
    doomed.stop()
    # Back in its own time nobody has to do anything: the key is there, and can still be saved.
    root = doomed.serve().root()
    assert root.kms.describe_key(KeyId=doomed.key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert "state     believed" in clock(doomed)
    doomed.stop()


def test_set_back_a_key_has_its_whole_time(doomed):
    at(doomed, -30)
    wait_for(lambda: logged(doomed, "the clock leapt"), 30)
    assert "NOT believed: it is 30 days behind" in status(doomed)
    doomed.stop()


def test_an_operator_can_confirm_while_it_is_stopped_and_while_it_is_served(doomed):
    assert "state     believed" in clock(doomed, "--confirm")
    shreds = doomed.data / "keyring.shreds"
    before = shreds.read_bytes()
    at(doomed, 8)
    wait_for(lambda: logged(doomed, "the clock leapt"), 30)
    assert "state     believed" in clock(doomed, "--confirm")
    wait_for(lambda: logged(doomed, "the clock agrees"), 30)
    wait_for(lambda: shreds.read_bytes() != before, 30)
    doomed.stop()
    # The key went as soon as the clock was believed; today the clock is behind that.
    root = doomed.serve().root()
    wait_for(lambda: "fastness clock --confirm" in status(doomed), 30)
    assert refused(root.kms.describe_key, KeyId=doomed.key)["Code"] == "NotFoundException"
    later = datetime.now(timezone.utc) + timedelta(days=10)
    confirmed = [event for event in events(root, EndTime=later) if event["eventName"] == "ConfirmClock"]
    assert sorted(event["serviceEventDetails"]["held"] for event in confirmed) == [False, True]
    (served,) = [event for event in confirmed if event["serviceEventDetails"]["held"]]
    assert "operator" in served["serviceEventDetails"]
    clock(doomed, "--confirm")
    doomed.stop()
