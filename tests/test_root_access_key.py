"""The root user's access key is deleted, as AWS advises: who holds the seal can make another, and nobody else."""

import pytest
from conftest import Fastness, events


@pytest.fixture(scope="module")
def glass(tmp_path_factory):
    fastness = Fastness(tmp_path_factory.mktemp("glass")).serve()
    fastness.root().kms.create_key()
    yield fastness
    fastness.stop()


def make(fastness, *args, check=True):
    return fastness.run("root-access-key", "--data", str(fastness.data), *args, check=check)


def env(fastness):
    return fastness.run("env", "--data", str(fastness.data), check=False)


def lose(fastness):
    """The root user deletes the key that it calls with."""
    root = fastness.root()
    root.iam.delete_access_key(AccessKeyId=root.key)
    return root.key


def test_env_tells_of_a_dead_key_and_the_seal_makes_another(glass):
    lost = lose(glass)
    told = env(glass)
    assert told.returncode == 1 and told.stdout == ""
    assert lost in told.stderr and "was deleted" in told.stderr and "fastness root-access-key" in told.stderr
    made = make(glass).stdout
    root = glass.root()
    assert root.key in made and root.key != lost and root.secret not in made
    assert root.sts.get_caller_identity()["Arn"].endswith(":root")
    (event,) = [event for event in events(root) if event["eventName"] == "CreateRootAccessKey"]
    assert event["serviceEventDetails"]["accessKeyId"] == root.key and "operator" in event["serviceEventDetails"]


def test_a_key_that_was_made_inactive_is_dead_as_well(glass):
    root = glass.root()
    root.iam.update_access_key(AccessKeyId=root.key, Status="Inactive")
    told = env(glass)
    assert told.returncode == 1 and "was made inactive" in told.stderr
    # There is room for one more, and then one of the two has to go.
    make(glass)
    second = glass.root().key
    told = make(glass, check=False)
    assert told.returncode == 1 and root.key in told.stderr and second in told.stderr and "--replace" in told.stderr
    make(glass, "--replace", root.key)
    third = glass.root()
    assert third.sts.get_caller_identity() and third.key not in (root.key, second)
    third.iam.delete_access_key(AccessKeyId=second)


def test_while_it_is_stopped(glass):
    lost = lose(glass)
    glass.stop()
    told = env(glass)
    assert told.returncode == 1 and lost in told.stderr
    make(glass)
    assert env(glass).returncode == 0
    assert glass.serve().root().sts.get_caller_identity()["Arn"].endswith(":root")


def test_who_does_not_hold_the_seal_gets_nothing(glass, tmp_path):
    other = tmp_path / "other.key"
    other.write_bytes(bytes(32))
    other.chmod(0o600)
    told = make(glass, "--key-file", str(other), check=False)
    assert told.returncode == 6 and env(glass).returncode == 0
