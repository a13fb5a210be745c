"""The runbooks for what holds data: dead letters put back, a failover confirmed, a cache that forgets."""

import json
from collections.abc import Callable

import pytest

from tests.sandbox.automation.world import CALLER, Automation, Json, Outcome
from tests.sandbox.test_aws import refused

# AIOps-PurgeSQSDLQ


class DeadLetters:
    """A queue, and a dead-letter queue with three messages that came from it."""

    def __init__(self, aws: Automation, count: int = 3) -> None:
        self.aws = aws
        self.dead, self.dead_arn = aws.make_queue("work-dlq")
        redrive = json.dumps({"deadLetterTargetArn": self.dead_arn, "maxReceiveCount": 3})
        self.work, _ = aws.make_queue("work", RedrivePolicy=redrive)
        self.put(count)

    def put(self, count: int) -> None:
        for n in range(count):
            self.aws.sqs.send_message(QueueUrl=self.dead, MessageBody=str(n))

    def waiting(self, url: str) -> int:
        found = self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def purge(self, **more: str) -> Outcome:
        return self.aws.run("PurgeSQSDLQ", **{"QueueUrl": self.dead.replace("localhost", "127.0.0.1"), **more})


@pytest.fixture
def letters(aws: Automation) -> DeadLetters:
    return DeadLetters(aws)


def test_dead_letters_go_back_where_they_came_from(aws: Automation, letters: DeadLetters) -> None:
    dry = letters.purge(DryRun="true")
    assert (dry.status, dry["ReadAfter.Messages"], letters.waiting(letters.dead)) == ("Success", "3", 3)
    outcome = letters.purge(MessagesPerSecond="1")
    assert (outcome.status, outcome["ReadBefore.Messages"], outcome["ReadAfter.Messages"]) == ("Success", "3", "0")
    assert (outcome["ReadMove.Status"], outcome["ReadMove.MessagesMoved"]) == ("COMPLETED", "3")
    assert letters.waiting(letters.work) == 3
    assert letters.purge().status == "Success"
    assert aws.called("StartMessageMoveTask") == 1


def test_two_moves_of_one_queue_are_one_too_many(aws: Automation, letters: DeadLetters) -> None:
    letters.put(500)
    task = aws.sqs.start_message_move_task(SourceArn=letters.dead_arn, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    letters.put(1)
    outcome = letters.purge()
    assert outcome.failed_at == ["StartMove"]
    assert "There is already a task running" in outcome.failure
    aws.sqs.cancel_message_move_task(TaskHandle=task)
    (found,) = aws.sqs.list_message_move_tasks(SourceArn=letters.dead_arn)["Results"]
    assert found["Status"] == "CANCELLED"
    assert "TaskHandle" not in found
    assert letters.waiting(letters.dead) + letters.waiting(letters.work) == 504
    assert refused(lambda: aws.sqs.cancel_message_move_task(TaskHandle=task)) == "ResourceNotFoundException"


def test_a_queue_that_nobody_uses_for_dead_letters_is_refused(aws: Automation, letters: DeadLetters) -> None:
    aws.sqs.send_message(QueueUrl=letters.work, MessageBody="alive")
    outcome = letters.purge(QueueUrl=letters.work)
    assert "must be configured as a Dead Letter Queue" in outcome.failure


# AIOps-RDSFailover


class Databases:
    """A Multi-AZ instance, a cluster of two, and a topic whose messages land in a queue."""

    def __init__(self, aws: Automation) -> None:
        self.aws, self.rds = aws, aws.client("rds")
        common = {"Engine": "postgres", "DBInstanceClass": "db.t3.small"}
        master = {"MasterUsername": "root", "MasterUserPassword": "correct-horse"}
        self.rds.create_db_instance(
            DBInstanceIdentifier="catalog-db", MultiAZ=True, AllocatedStorage=20, **common, **master
        )
        self.rds.create_db_cluster(DBClusterIdentifier="orders", Engine="aurora-postgresql", **master)
        for name in ("orders-1", "orders-2"):
            self.rds.create_db_instance(
                DBInstanceIdentifier=name,
                DBClusterIdentifier="orders",
                Engine="aurora-postgresql",
                DBInstanceClass="db.r6g.large",
            )

    @property
    def zone(self) -> str:
        found = self.rds.describe_db_instances(DBInstanceIdentifier="catalog-db")["DBInstances"][0]
        return str(found["AvailabilityZone"])

    def told(self) -> list[str]:
        return [body["Message"] for body in self.aws.received()]

    def confirm(self, kind: str = "db-instance", name: str = "catalog-db", **more: str) -> Outcome:
        given = {"ResourceType": kind, "Identifier": name, "TopicArn": self.aws.topic, **more}
        return self.aws.run("RDSFailover", **given)


@pytest.fixture
def databases(aws: Automation) -> Databases:
    return Databases(aws)


def test_a_failover_is_confirmed_and_told(aws: Automation, databases: Databases) -> None:
    databases.rds.reboot_db_instance(DBInstanceIdentifier="catalog-db", ForceFailover=True)
    outcome = databases.confirm()
    assert (outcome.status, outcome.failed_at) == ("Success", [])
    assert outcome["ReadInstanceEvents.Messages"] == [
        "Multi-AZ instance failover started.",
        "Multi-AZ instance failover completed",
    ]
    assert outcome["ReadInstanceAfter.Status"] == "available"
    (message,) = databases.told()
    assert "failover of db-instance catalog-db is confirmed" in message
    assert "Multi-AZ instance failover completed" in message
    assert aws.called("RebootDBInstance") == 0


def test_no_failover_is_nothing_to_confirm(aws: Automation, databases: Databases) -> None:
    outcome = databases.confirm()
    assert (outcome.status, outcome.failed_at) == ("Failed", ["FindInstanceFailover", "RequireInstanceFailover"])
    dry = databases.confirm(Force="true", DryRun="true")
    assert dry.status == "Success"
    assert databases.told() == []
    assert aws.called("RebootDBInstance") == 0


def test_a_failover_is_forced_once(aws: Automation, databases: Databases) -> None:
    before = databases.zone
    outcome = databases.confirm(Force="true")
    assert (outcome.status, outcome["ReadInstanceBefore.Zone"]) == ("Success", before)
    assert outcome["ReadInstanceAfter.Zone"] == databases.zone != before
    assert databases.confirm(Force="true").status == "Success"
    assert databases.confirm(DryRun="true").status == "Success"
    assert aws.called("RebootDBInstance") == 1
    assert len(databases.told()) == 2


def test_who_may_not_read_events_forces_nothing(aws: Automation, databases: Databases) -> None:
    aws.fault("rds", "DescribeEvents", "error", error="AccessDenied", times=None, caller=CALLER)
    outcome = databases.confirm(Force="true")
    assert outcome.failed_at == ["RequireReadableInstanceEvents"]
    assert aws.called("RebootDBInstance") == 0


def test_a_cluster_gets_another_writer(aws: Automation, databases: Databases) -> None:
    outcome = databases.confirm("db-cluster", "orders", Force="true")
    assert outcome.status == "Success"
    assert outcome["ReadClusterBefore.AreWriters"] != outcome["ReadClusterAfter.AreWriters"]
    assert outcome["ReadClusterAfter.Members"] == ["orders-1", "orders-2"]
    assert "db-cluster orders is confirmed" in databases.told()[0]
    assert aws.called("FailoverDBCluster") == 1


def test_what_has_no_standby_does_not_fail_over(databases: Databases) -> None:
    databases.rds.modify_db_instance(DBInstanceIdentifier="catalog-db", MultiAZ=False, ApplyImmediately=True)
    outcome = databases.confirm(Force="true")
    assert "FailOverInstance" in outcome.failed_at
    assert "(InvalidParameterCombination)" in outcome.failure
    assert databases.confirm(name="nowhere").failed_at == ["ReadInstanceBefore"]


# AIOps-InvalidateCFCache


class Edge:
    def __init__(self, aws: Automation) -> None:
        self.aws, self.cloudfront = aws, aws.client("cloudfront")
        origin = {
            "Id": "alb",
            "DomainName": "alb.example.com",
            "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
        }
        config = {
            "CallerReference": "shop",
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "alb",
                "ViewerProtocolPolicy": "allow-all",
                "MinTTL": 0,
                "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
            },
            "Comment": "",
            "Enabled": True,
        }
        made = self.cloudfront.create_distribution(DistributionConfig=config)
        self.id = str(made["Distribution"]["Id"])

    def invalidations(self) -> list[Json]:
        found = self.cloudfront.list_invalidations(DistributionId=self.id)["InvalidationList"]
        return list(found.get("Items", []))

    def invalidate(self, **more: str) -> Outcome:
        return self.aws.run("InvalidateCFCache", **{"DistributionId": self.id, **more})


@pytest.fixture
def edge(aws: Automation) -> Edge:
    return Edge(aws)


def test_the_cache_forgets(edge: Edge) -> None:
    assert edge.invalidate(DryRun="true").status == "Success"
    assert edge.invalidations() == []
    outcome = edge.invalidate(Path="/cart/*")
    assert outcome.status == "Success"
    (made,) = edge.invalidations()
    assert (made["Id"], made["Status"]) == (outcome["CreateInvalidation.InvalidationId"], "Completed")
    batch = edge.cloudfront.get_invalidation(DistributionId=edge.id, Id=made["Id"])["Invalidation"]["InvalidationBatch"]
    assert batch["Paths"] == {"Quantity": 1, "Items": ["/cart/*"]}
    assert batch["CallerReference"] == outcome.shown["AutomationExecutionId"]


def test_one_invalidation_at_a_time(aws: Automation, edge: Edge, slowly: Callable[[], None]) -> None:
    slowly()
    batch = {"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": "by hand"}
    edge.cloudfront.create_invalidation(DistributionId=edge.id, InvalidationBatch=batch)
    outcome = edge.invalidate()
    assert (outcome.status, outcome["ReadBefore.InvalidationsInProgress"]) == ("Success", "1")
    assert aws.called("CreateInvalidation") == 0
    missing = edge.invalidate(DistributionId="E00000000")
    assert "(NoSuchDistribution)" in missing.failure
