"""CloudHSM: backups go when their time has come, in a server that is so many days ahead."""

import pytest
from conftest import Caller, Fastness, allow, document, events, refused, wait_for
from softhsm import SoftHsm
from test_cli import Shell
from test_cloudhsm import Owner, activate, create, described
from test_kms_deletion import days_later, faketime


@pytest.fixture
def softhsm(tmp_path):
    return SoftHsm(tmp_path)


@pytest.fixture
def fastness(tmp_path, softhsm):
    config = {"process": softhsm.reach, "cloudhsm": [{"module": str(softhsm.module)}]}
    served = Fastness(tmp_path / "deployment", softhsm.environment, config).serve()
    yield served
    if served.process:
        served.stop()


def regions(root):
    return root, Caller(root.fastness, root.key, root.secret, region="eu-west-1")


def backups(caller):
    """All there are, the oldest first, by id."""
    found = caller.cloudhsmv2.describe_backups(SortAscending=True)["Backups"]
    return {backup["BackupId"]: backup for backup in found}


def ahead(caller, days, directory):
    """The ids of the backups that a server shows that is so many days ahead, to a command line that is, too."""
    shell = Shell(caller, directory)
    shell.environment |= {"LD_PRELOAD": faketime(), "FAKETIME": f"+{days}d"}
    return {backup["BackupId"] for backup in shell.aws("cloudhsmv2", "describe-backups")["Backups"]}


def test_backups_are_kept_as_long_as_their_cluster_says(fastness, softhsm, tmp_path):
    root, away = regions(fastness.root())
    home = root.cloudhsmv2
    cluster = create(root, BackupRetentionPolicy={"Type": "DAYS", "Value": "7"})
    # One backup is made when the cluster is initialized, and one for each HSM that is deleted.
    for hsm in activate(root, softhsm, Owner(tmp_path), cluster)["Hsms"]:
        count = len(backups(root))
        home.delete_hsm(ClusterId=cluster, HsmId=hsm["HsmId"])
        wait_for(lambda: len(backups(root)) == count + 1)
    first, second, last = backups(root)
    home.modify_backup_attributes(BackupId=second, NeverExpires=True)
    copies = []
    for source in (first, last):
        home.copy_backup_to_region(DestinationRegion="eu-west-1", BackupId=source)
        (copy,) = away.cloudhsmv2.describe_backups(Filters={"sourceBackupIds": [source]})["Backups"]
        copies.append(copy["BackupId"])
    deleted, copied = copies
    away.cloudhsmv2.delete_backup(BackupId=deleted)
    everything = set(backups(root)) | set(backups(away))
    assert everything == {first, second, last, deleted, copied}

    def left(days, expected):
        """Goes so many days ahead, and comes back."""
        fastness.stop()

        def gone():
            callers = regions(fastness.root())
            return set().union(*(ahead(caller, days, tmp_path) for caller in callers)) == expected

        days_later(fastness, days, gone)
        fastness.serve()
        return regions(fastness.root())

    # Not on the sixth day; on the eighth the first is old enough, and what was deleted cannot be restored any more.
    left(6, everything)
    root, away = left(8, everything - {first, deleted})
    went = [event["serviceEventDetails"] for event in events(root) if event["eventName"] == "BackupDeleted"]
    assert went == [{"backupId": first, "clusterId": cluster}]
    went = [event["serviceEventDetails"] for event in events(away) if event["eventName"] == "BackupDeleted"]
    assert went == [{"backupId": deleted, "clusterId": cluster}]
    missing = refused(root.cloudhsmv2.restore_backup, BackupId=first)
    assert missing["Code"] == "CloudHsmResourceNotFoundException"
    # The last of a cluster stays, as does what is never to expire, and the only copy in another Region.
    root, away = left(400, {second, last, copied})
    assert backups(root)[second]["NeverExpires"] and described(root, cluster)["State"] == "ACTIVE"

    # What the cluster keeps longer is kept longer, from when it was made.
    root.cloudhsmv2.modify_backup_attributes(BackupId=second, NeverExpires=False)
    root.cloudhsmv2.modify_cluster(ClusterId=cluster, BackupRetentionPolicy={"Type": "DAYS", "Value": "379"})
    left(370, {second, last, copied})
    left(380, {last, copied})


def test_the_policy_of_a_backup_says_who_may_make_clusters_of_it(fastness, softhsm, tmp_path):
    """Beside those who may anyway. It outlives the server, and is not copied with the backup."""
    root, away = regions(fastness.root())
    activate(root, softhsm, Owner(tmp_path), create(root))
    (backup,) = backups(root).values()
    arn = backup["BackupArn"]
    other = {"Effect": "Allow", "Action": "cloudhsm:CreateCluster", "NotResource": arn}
    user = root.user("restorer", other)
    who = root.iam.get_user(UserName="restorer")["User"]["Arn"]
    restored = {"HsmType": "hsm2m.medium", "SubnetIds": ["subnet-0a1b2c3d"], "SourceBackupId": arn}
    denied = refused(user.cloudhsmv2.create_cluster, **restored)
    assert denied["Code"] == "AccessDeniedException" and arn in denied["Message"]
    policy = document(allow("cloudhsm:CreateCluster", arn, Principal={"AWS": who}))
    root.cloudhsmv2.put_resource_policy(ResourceArn=arn, Policy=policy)
    # Regions that are not served, its own, and what has not the form of one.
    refusals = dict.fromkeys(("qx-east-7", "us-gov-west-1", "us-east-1"), "CloudHsmInvalidRequestException")
    for region, code in {**refusals, "qx-hidden-7": "ValidationException"}.items():
        error = refused(root.cloudhsmv2.copy_backup_to_region, DestinationRegion=region, BackupId=backup["BackupId"])
        assert error["Code"] == code and "egion" in error["Message"], error
    root.cloudhsmv2.copy_backup_to_region(DestinationRegion="eu-west-1", BackupId=backup["BackupId"])
    assert set(backups(root)) == {backup["BackupId"]}
    (copy,) = backups(away).values()
    assert "Policy" not in away.cloudhsmv2.get_resource_policy(ResourceArn=copy["BackupArn"])
    fastness.kill()
    root, _ = regions(fastness.serve().root())
    assert root.cloudhsmv2.get_resource_policy(ResourceArn=arn)["Policy"] == policy
    made = user.client("cloudhsmv2").create_cluster(**restored)["Cluster"]
    assert made["SourceBackupId"] == backup["BackupId"]
    # Made again under the same name, the user is another.
    id = root.iam.get_user(UserName="restorer")["User"]["UserId"]
    root.iam.delete_access_key(UserName="restorer", AccessKeyId=user.key)
    root.iam.delete_user_policy(UserName="restorer", PolicyName="inline")
    root.iam.delete_user(UserName="restorer")
    assert root.cloudhsmv2.get_resource_policy(ResourceArn=arn)["Policy"] == policy.replace(who, id)
    user = root.user("restorer", other)
    assert refused(user.cloudhsmv2.create_cluster, **restored)["Code"] == "AccessDeniedException"
    root.cloudhsmv2.delete_resource_policy(ResourceArn=arn)
    denied = refused(user.client("cloudhsmv2").create_cluster, **restored)
    assert denied["Code"] == "AccessDeniedException" and arn in denied["Message"]
