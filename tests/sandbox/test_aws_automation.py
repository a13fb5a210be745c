"""SSM Automation on this machine: the six runbooks at work, and what the emulator itself does."""

import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.aws.automation.clients import AUTOMATION_KEY
from sandbox.aws.clock import CLOCK
from sandbox.aws.server import BOT_KEY, SHOP_KEY, AwsServer
from tests.sandbox.test_aws import QUICK, Aws, refused

Json = dict[str, Any]
FOLDER = Path("scripts/ssm")
ROLE = "arn:aws:iam::123456789012:role/AIOps-Automation"
CALLER = f"{AUTOMATION_KEY}.AIOps-Automation"
SPEED = 120.0  # a stated minute lasts half a second
PATIENCE = 15.0
ONGOING = ("Pending", "InProgress", "Waiting", "Cancelling")
ZIP = b"PK\x05\x06" + bytes(18)


class Automation(Aws):
    """An AWS with the six runbooks in it."""

    def __init__(self, server: AwsServer, kept: dict[str, Any]) -> None:
        self._kept = kept
        super().__init__(server)
        self.ssm = self.client("ssm")
        for path in sorted(FOLDER.glob("*.yml")):
            self.store(path.stem, path.read_text())

    def client(self, service: str, config: Config = QUICK) -> Any:
        """Made once for all tests."""
        if service not in self._kept:
            self._kept[service] = boto3.client(service, config=config, **self.server.credentials())
        return self._kept[service]

    def store(self, name: str, content: str) -> None:
        self.ssm.create_document(Name=name, Content=content, DocumentType="Automation", DocumentFormat="YAML")

    def small(self, *steps: Json, name: str = "Small", **more: Any) -> str:
        """A document of these steps."""
        self.store(name, yaml.safe_dump({"schemaVersion": "0.3", "mainSteps": list(steps), **more}))
        return name

    def start(self, document: str, token: str | None = None, **parameters: str) -> str:
        given = {name: [value] for name, value in parameters.items()}
        more = {"ClientToken": token} if token else {}
        started = self.ssm.start_automation_execution(DocumentName=document, Parameters=given, **more)
        return str(started["AutomationExecutionId"])

    def shown(self, execution: str) -> Json:
        found = self.ssm.get_automation_execution(AutomationExecutionId=execution)
        return dict(found["AutomationExecution"])

    def until(self, execution: str, holds: Callable[[Json], bool]) -> Json:
        end = time.monotonic() + PATIENCE
        while not holds(shown := self.shown(execution)):
            assert time.monotonic() < end, shown
            time.sleep(0.02)
        return shown

    def ended(self, execution: str) -> Json:
        return self.until(execution, lambda shown: shown["AutomationExecutionStatus"] not in ONGOING)

    def run(self, runbook: str, **parameters: str) -> "Outcome":
        """One of the six, to its end."""
        return Outcome(self.ended(self.start(f"AIOps-{runbook}", AutomationAssumeRole=ROLE, **parameters)))

    def show(self, path: str) -> Json:
        with urllib.request.urlopen(f"{self.server.url}/sandbox-aws/{path}", timeout=20) as answer:
            return dict(json.load(answer))

    def called(self, operation: str) -> int:
        """How often the automation's role called it."""
        return len(self.server.log.since(caller=CALLER, operation=operation))


class Outcome:
    def __init__(self, shown: Json) -> None:
        self.shown = shown
        self.status = shown["AutomationExecutionStatus"]
        self.failure = shown.get("FailureMessage", "")
        self.steps = {run["StepName"]: run["StepStatus"] for run in shown["StepExecutions"]}

    def __getitem__(self, output: str) -> Any:
        found = self.shown["Outputs"][output]
        return found[0] if len(found) == 1 else found

    @property
    def failed_at(self) -> list[str]:
        return [name for name, status in self.steps.items() if status == "Failed"]


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    """Without moto's catalogue of machine images, which takes a second to read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        with AwsServer(speed=SPEED) as server:
            yield server


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Any]]:
    made: dict[str, Any] = {}
    yield made
    for client in made.values():
        client.close()


@pytest.fixture
def aws(server: AwsServer, clients: dict[str, Any]) -> Automation:
    server.reset()
    return Automation(server, clients)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on what goes on takes as long as it says."""
    return lambda: monkeypatch.setattr(CLOCK, "speed", 1.0)


# AIOps-RestartECSService


class Services:
    """An ECS service of two tasks, steady."""

    def __init__(self, aws: Automation) -> None:
        self.aws, self.ecs = aws, aws.client("ecs")
        ec2 = aws.client("ec2")
        self.ecs.create_cluster(clusterName="prod")
        container = {"name": "app", "image": "web:1", "cpu": 256, "memory": 512}
        self.ecs.register_task_definition(
            family="web",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )
        subnet = ec2.describe_subnets()["Subnets"][0]
        group = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])
        inside = {"subnets": [subnet["SubnetId"]], "securityGroups": [group["SecurityGroups"][0]["GroupId"]]}
        self.ecs.create_service(
            cluster="prod",
            serviceName="web",
            taskDefinition="web:1",
            desiredCount=2,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": inside},
        )
        self.settle()

    def shown(self) -> Json:
        return dict(self.ecs.describe_services(cluster="prod", services=["web"])["services"][0])

    def settle(self) -> None:
        for _ in range(60):
            if self.shown()["deployments"][0]["rolloutState"] == "COMPLETED":
                return
            self.aws.server.advance(1)
        raise AssertionError(self.shown())

    @property
    def deployment(self) -> str:
        return str(self.shown()["deployments"][0]["id"])

    def restart(self, **more: str) -> Outcome:
        return self.aws.run("RestartECSService", **{"Cluster": "prod", "Service": "web", **more})


@pytest.fixture
def services(aws: Automation) -> Services:
    return Services(aws)


def test_a_service_gets_new_tasks(services: Services) -> None:
    old = services.deployment
    outcome = services.restart()
    assert (outcome.status, outcome.failed_at) == ("Success", [])
    assert outcome["ReadAfter.DeploymentId"] == outcome["ForceNewDeployment.DeploymentId"] == services.deployment != old
    assert (outcome["ReadBefore.DesiredCount"], outcome["ReadAfter.RunningCount"]) == ("2", "2")
    assert outcome["ReadAfter.Rollout"] == "COMPLETED"


def test_a_service_is_not_restarted_in_a_dry_run_or_for_nothing(aws: Automation, services: Services) -> None:
    old = services.deployment
    assert services.restart(DryRun="true").status == "Success"
    services.ecs.update_service(cluster="prod", service="web", desiredCount=0)
    assert services.restart().status == "Success"
    assert services.deployment == old
    assert aws.called("UpdateService") == 0


def test_a_deployment_in_progress_is_left_alone(
    aws: Automation, services: Services, slowly: Callable[[], None]
) -> None:
    slowly()
    services.ecs.update_service(cluster="prod", service="web", forceNewDeployment=True)
    started = services.deployment
    outcome = services.restart()
    assert (outcome.status, outcome["ReadBefore.Rollout"]) == ("Success", "IN_PROGRESS")
    assert outcome.steps["ForceNewDeployment"] == "Pending"
    assert services.deployment == started
    assert aws.called("UpdateService") == 0


def test_a_restart_that_another_deployment_replaces_has_failed(
    aws: Automation, services: Services, slowly: Callable[[], None]
) -> None:
    slowly()
    execution = aws.start("AIOps-RestartECSService", AutomationAssumeRole=ROLE, Cluster="prod", Service="web")
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "WaitForDeployment")
    services.ecs.update_service(cluster="prod", service="web", forceNewDeployment=True)
    services.settle()
    outcome = Outcome(aws.ended(execution))
    assert (outcome.status, outcome.failed_at) == ("Failed", ["RequireOurDeployment"])


def test_a_service_that_is_not_there_is_not_restarted(services: Services) -> None:
    gone = services.restart(Service="nowhere")
    assert (gone.status, gone.failed_at) == ("Failed", ["ReadBefore"])
    assert "No results for path" in gone.failure
    missing = services.restart(Cluster="nowhere")
    assert "ClusterNotFoundException" in missing.failure


def test_a_restart_that_is_denied_says_which_operation(aws: Automation, services: Services) -> None:
    aws.fault("ecs", "UpdateService", "error", caller=CALLER)
    outcome = services.restart()
    assert outcome.failed_at == ["ForceNewDeployment"]
    assert "(AccessDeniedException) when calling the UpdateService operation" in outcome.failure
    step = next(s for s in outcome.shown["StepExecutions"] if s["StepName"] == "ForceNewDeployment")
    assert step["FailureDetails"]["FailureType"] == "Permission"
    assert outcome["ForceNewDeployment.DeploymentId"].startswith("No output available yet")


def test_a_restart_that_is_throttled_goes_on(aws: Automation, services: Services) -> None:
    aws.fault("ecs", "UpdateService", "throttle", times=1, caller=CALLER)
    assert services.restart().status == "Success"


# AIOps-ScaleOutEC2ASG


class Groups:
    """A group of four, of at most six."""

    def __init__(self, aws: Automation) -> None:
        self.aws, self.autoscaling = aws, aws.client("autoscaling")
        image = aws.client("ec2").register_image(Name="web")["ImageId"]
        self.autoscaling.create_launch_configuration(
            LaunchConfigurationName="web", ImageId=image, InstanceType="t3.small"
        )
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName="web",
            LaunchConfigurationName="web",
            MinSize=2,
            MaxSize=6,
            DesiredCapacity=4,
            AvailabilityZones=["us-east-1a"],
        )

    @property
    def capacity(self) -> int:
        found = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])
        return int(found["AutoScalingGroups"][0]["DesiredCapacity"])

    def scale(self, wanted: int, current: int = 4, **more: str) -> Outcome:
        given = {"CurrentCapacity": str(current), "DesiredCapacity": str(wanted), **more}
        return self.aws.run("ScaleOutEC2ASG", **{"AutoScalingGroupName": "web", **given})


@pytest.fixture
def groups(aws: Automation) -> Groups:
    return Groups(aws)


def test_a_group_gets_a_quarter_more_and_only_once(groups: Groups) -> None:
    assert groups.scale(5, DryRun="true").status == "Success"
    assert groups.capacity == 4
    for _ in range(2):
        outcome = groups.scale(5)
        assert (outcome.status, groups.capacity) == ("Success", 5)
    assert outcome["ReadAfter.DesiredCapacity"] == "5"
    assert outcome["ReadBefore.MaxSize"] == "6"
    assert outcome["ReadAfter.InstanceStates"] == ["InService"] * 5


def test_a_group_keeps_to_its_bounds_and_to_the_plan(groups: Groups) -> None:
    above = groups.scale(7)
    assert above.failed_at == ["SetDesiredCapacity"]
    assert "(ValidationError)" in above.failure
    assert "above max value 6" in above.failure
    changed = groups.scale(6, current=3)
    assert changed.failed_at == ["RequireExpectedCapacity"]
    assert "is 4, desired is [3, 6]" in changed.failure
    assert groups.scale(5, AutoScalingGroupName="nowhere").failed_at == ["ReadBefore"]
    assert groups.capacity == 4


def test_bounds_hold_for_everybody(groups: Groups) -> None:
    for wanted in (1, 99):
        assert refused(lambda n=wanted: groups.autoscaling.set_desired_capacity(  # type: ignore[misc]
            AutoScalingGroupName="web", DesiredCapacity=n
        )) == "ValidationError"  # fmt: skip
    assert refused(lambda: groups.autoscaling.set_desired_capacity(
        AutoScalingGroupName="nowhere", DesiredCapacity=1
    )) == "ValidationError"  # fmt: skip


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


# AIOps-RotateLambdaAlias


class Functions:
    """A function of three versions, whose alias `live` points to the last."""

    def __init__(self, aws: Automation, versions: int = 3) -> None:
        self.aws, self.lambdas = aws, aws.client("lambda")
        iam = aws.client("iam")
        policy = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = iam.create_role(RoleName="rca", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        self.lambdas.create_function(
            FunctionName="rca", Role=role, Runtime="python3.11", Handler="x.y", Code={"ZipFile": ZIP}
        )
        for n in range(versions):
            self.lambdas.update_function_configuration(FunctionName="rca", Description=str(n))
            self.lambdas.publish_version(FunctionName="rca")
        self.lambdas.create_alias(FunctionName="rca", Name="live", FunctionVersion=str(versions))

    @property
    def alias(self) -> Json:
        return dict(self.lambdas.get_alias(FunctionName="rca", Name="live"))

    @property
    def version(self) -> str:
        return str(self.alias["FunctionVersion"])

    def rotate(self, **more: str) -> Outcome:
        return self.aws.run("RotateLambdaAlias", **{"FunctionName": "rca", "AliasName": "live", **more})


@pytest.fixture
def functions(aws: Automation) -> Functions:
    return Functions(aws)


def test_an_alias_goes_back_one_version_and_no_further(functions: Functions) -> None:
    assert functions.rotate(DryRun="true").status == "Success"
    assert functions.version == "3"
    outcome = functions.rotate()
    assert (outcome.status, outcome["ReadBefore.Version"], outcome["ReadAfter.Version"]) == ("Success", "3", "2")
    again = functions.rotate()
    assert (again.status, again.failed_at) == ("Failed", ["RequireOnNewest"])
    assert functions.version == "2"


def test_an_alias_goes_to_the_version_that_is_named(aws: Automation, functions: Functions) -> None:
    assert functions.rotate(TargetVersion="1", DryRun="true").status == "Success"
    assert functions.version == "3"
    for _ in range(2):
        assert functions.rotate(TargetVersion="1")["ReadAfter.Version"] == "1"
    assert aws.called("UpdateAlias") == 1
    assert functions.rotate(TargetVersion="9").failed_at == ["RequireTarget"]
    assert functions.version == "1"


def test_a_function_with_one_version_has_no_previous_one(aws: Automation) -> None:
    functions = Functions(aws, versions=1)
    assert functions.rotate().failed_at == ["RefuseWithoutPrevious"]
    assert functions.version == "1"


def test_an_alias_that_somebody_changes_meanwhile_is_left_alone(aws: Automation, functions: Functions) -> None:
    aws.control("automation", hang="AIOps-RotateLambdaAlias", at="RotateToPrevious")
    given = {"AutomationAssumeRole": ROLE, "FunctionName": "rca", "AliasName": "live"}
    execution = aws.start("AIOps-RotateLambdaAlias", **given)
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "RotateToPrevious")
    functions.lambdas.update_alias(FunctionName="rca", Name="live", FunctionVersion="1")
    aws.control("automation", release="AIOps-RotateLambdaAlias")
    outcome = Outcome(aws.ended(execution))
    assert outcome.failed_at == ["RotateToPrevious"]
    assert "(PreconditionFailedException)" in outcome.failure
    assert functions.version == "1"


def test_an_old_revision_of_an_alias_changes_nothing(functions: Functions) -> None:
    old = functions.alias["RevisionId"]
    functions.lambdas.update_alias(FunctionName="rca", Name="live", FunctionVersion="2", RevisionId=old)
    assert functions.alias["RevisionId"] != old
    stale = {"FunctionName": "rca", "Name": "live", "FunctionVersion": "1", "RevisionId": old}
    assert refused(lambda: functions.lambdas.update_alias(**stale)) == "PreconditionFailedException"
    assert functions.version == "2"


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


# Starting


def test_the_role_is_the_caller_and_the_bot_only_starts(aws: Automation, groups: Groups) -> None:
    execution = groups.scale(5).shown
    calls = aws.server.log.since(service="autoscaling", caller=CALLER)
    assert {c["action"] for c in calls} == {
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:SetDesiredCapacity",
    }
    assert {c["action"] for c in aws.server.log.since(service="ssm", operation="StartAutomationExecution")} == {
        "ssm:StartAutomationExecution"
    }
    assert BOT_KEY != CALLER
    assert execution["DocumentName"] == "AIOps-ScaleOutEC2ASG"
    assert execution["Parameters"]["DesiredCapacity"] == ["5"]
    assert execution["ProgressCounters"]["TotalSteps"] == len(execution["StepExecutions"])
    assert execution["ExecutionEndTime"] >= execution["ExecutionStartTime"]


GOOD = {"AutomationAssumeRole": ROLE, "Cluster": "prod", "Service": "web"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"Service": None}, "Missing required parameter: Service"),
        ({"Sevice": "web"}, "Sevice"),
        ({"Service": "web; rm"}, "Service"),
        ({"DryRun": "yes"}, r"not found in \[true, false\]"),
        ({"AutomationAssumeRole": "arn:aws:iam::123456789012:user/ana"}, "AutomationAssumeRole"),
    ],
)
def test_parameters_that_do_not_fit_start_nothing(aws: Automation, change: Json, named: str) -> None:
    given = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(ClientError, match=named) as raised:
        aws.start("AIOps-RestartECSService", **given)
    assert raised.value.response["Error"]["Code"] == "InvalidAutomationExecutionParametersException"
    assert aws.ssm.describe_automation_executions()["AutomationExecutionMetadataList"] == []


def test_what_does_not_exist_is_said_in_aws_words(aws: Automation) -> None:
    nobody = str(uuid.uuid4())
    ssm = aws.ssm
    assert refused(lambda: aws.start("AIOps-Nothing")) == "AutomationDefinitionNotFoundException"
    assert (
        refused(lambda: ssm.start_automation_execution(DocumentName="AIOps-RDSFailover", DocumentVersion="7"))
        == "AutomationDefinitionVersionNotFoundException"
    )
    for ask in (
        ssm.get_automation_execution,
        ssm.describe_automation_step_executions,
        ssm.stop_automation_execution,
    ):
        assert refused(lambda ask=ask: ask(AutomationExecutionId=nobody)) == "AutomationExecutionNotFoundException"  # type: ignore[misc]
    assert refused(lambda: aws.start("no document!")) == "ValidationException"
    assert refused(lambda: aws.start("AIOps-RDSFailover", token="x" * 36)) == "ValidationException"


def test_the_same_token_is_the_same_execution(aws: Automation, groups: Groups) -> None:
    token = str(uuid.uuid4())
    given = {"AutomationAssumeRole": ROLE, "AutoScalingGroupName": "web", "CurrentCapacity": "4"}
    first = aws.start("AIOps-ScaleOutEC2ASG", token, **given, DesiredCapacity="5")
    assert aws.start("AIOps-ScaleOutEC2ASG", token, **given, DesiredCapacity="5") == first
    other = refused(lambda: aws.start("AIOps-ScaleOutEC2ASG", token, **given, DesiredCapacity="6"))
    assert other == "IdempotentParameterMismatch"
    aws.ended(first)
    assert aws.start("AIOps-ScaleOutEC2ASG", token, **given, DesiredCapacity="5") == first
    assert aws.called("SetDesiredCapacity") == 1


def test_a_document_that_leads_nowhere_is_not_stored(aws: Automation) -> None:
    step = {"name": "Rest", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}, "nextStep": "Gone"}
    assert refused(lambda: aws.small(step)) == "InvalidDocumentContent"
    del step["nextStep"]
    aws.small(step)
    bad = yaml.safe_dump({"schemaVersion": "0.3", "mainSteps": []})
    update = {"Name": "Small", "Content": bad, "DocumentFormat": "YAML", "DocumentVersion": "$LATEST"}
    assert refused(lambda: aws.ssm.update_document(**update)) == "InvalidDocumentContent"


# Steps

SLEEP = {"name": "Rest", "action": "aws:sleep", "inputs": {"Duration": "PT1H"}}


def test_a_sleep_ends_with_the_clock(aws: Automation) -> None:
    execution = aws.start(aws.small(SLEEP))
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "Rest")
    aws.server.advance(3600 / SPEED)
    outcome = Outcome(aws.ended(execution))
    assert (outcome.status, outcome.steps) == ("Success", {"Rest": "Success"})


def test_a_step_that_takes_too_long_is_timed_out(aws: Automation) -> None:
    never = {
        "name": "WaitForever",
        "action": "aws:waitForAwsResourceProperty",
        "timeoutSeconds": 30,
        "inputs": {
            "Service": "sqs",
            "Api": "GetQueueAttributes",
            "QueueUrl": aws.queue,
            "AttributeNames": ["QueueArn"],
            "PropertySelector": "$.Attributes.QueueArn",
            "DesiredValues": ["never"],
        },
    }
    outcome = Outcome(aws.ended(aws.start(aws.small(never, SLEEP))))
    assert (outcome.status, outcome.steps) == ("TimedOut", {"WaitForever": "TimedOut", "Rest": "Pending"})


def failing(**more: Any) -> Json:
    inputs = {"Service": "sqs", "Api": "GetQueueUrl", "QueueName": "nowhere"}
    return {"name": "Fail", "action": "aws:executeAwsApi", "inputs": inputs, **more}


@pytest.mark.parametrize(
    ("more", "status", "steps"),
    [
        ({}, "Failed", {"Fail": "Failed", "Skipped": "Pending", "Last": "Pending"}),
        ({"onFailure": "Continue"}, "Success", {"Fail": "Failed", "Skipped": "Success", "Last": "Success"}),
        ({"onFailure": "step:Last"}, "Failed", {"Fail": "Failed", "Skipped": "Pending", "Last": "Success"}),
        (
            {"onFailure": "step:Last", "isCritical": False},
            "Success",
            {"Fail": "Failed", "Skipped": "Pending", "Last": "Success"},
        ),
    ],
)
def test_what_follows_a_failure(aws: Automation, more: Json, status: str, steps: Json) -> None:
    nap = {"action": "aws:sleep", "inputs": {"Duration": "PT1S"}}
    document = aws.small(failing(**more), {"name": "Skipped", **nap}, {"name": "Last", **nap})
    outcome = Outcome(aws.ended(aws.start(document)))
    assert (outcome.status, outcome.steps) == (status, steps)


def test_a_step_is_tried_as_often_as_it_says(aws: Automation) -> None:
    aws.fault("sqs", "GetQueueUrl", "error", times=2, error="QueueDoesNotExist")
    aws.make_queue("nowhere")
    outcome = Outcome(aws.ended(aws.start(aws.small(failing(maxAttempts=3)))))
    assert outcome.status == "Success"


def test_without_a_role_the_starter_is_the_caller(aws: Automation) -> None:
    aws.make_queue("nowhere")
    aws.ended(aws.start(aws.small(failing())))
    assert aws.server.log.since(operation="GetQueueUrl")[-1]["caller"] == BOT_KEY


# Approvals


def approval(count: int = 2) -> Json:
    inputs = {"Approvers": ["ana", "bob"], "MinRequiredApprovals": count, "Message": "Really?"}
    return {"name": "Approve", "action": "aws:approve", "inputs": inputs}


def waiting(aws: Automation, count: int = 2) -> str:
    execution = aws.start(aws.small(approval(count), outputs=["Approve.ApprovalStatus"]))
    aws.until(execution, lambda shown: shown["AutomationExecutionStatus"] == "Waiting")
    return execution


def test_two_people_approve(aws: Automation) -> None:
    execution = waiting(aws)
    other = boto3.client("ssm", **aws.server.credentials(SHOP_KEY))
    for _ in range(2):
        aws.ssm.send_automation_signal(AutomationExecutionId=execution, SignalType="Approve")
    assert aws.shown(execution)["AutomationExecutionStatus"] == "Waiting"
    other.send_automation_signal(AutomationExecutionId=execution, SignalType="Approve", Payload={"Comment": ["ok"]})
    other.close()
    outcome = Outcome(aws.ended(execution))
    assert (outcome.status, outcome["Approve.ApprovalStatus"]) == ("Success", "Approved")


def test_one_rejects(aws: Automation) -> None:
    execution = waiting(aws)
    aws.ssm.send_automation_signal(AutomationExecutionId=execution, SignalType="Reject")
    outcome = Outcome(aws.ended(execution))
    assert (outcome.status, outcome["Approve.ApprovalStatus"]) == ("Failed", "Rejected")
    assert "rejected" in outcome.failure


def test_signals_that_mean_nothing_are_refused(aws: Automation) -> None:
    execution = waiting(aws, count=1)
    signal = {"AutomationExecutionId": execution, "SignalType": "Resume"}
    assert refused(lambda: aws.ssm.send_automation_signal(**signal)) == "InvalidAutomationSignalException"
    aws.ssm.send_automation_signal(AutomationExecutionId=execution, SignalType="Approve")
    aws.ended(execution)
    late = {"AutomationExecutionId": execution, "SignalType": "Approve"}
    assert refused(lambda: aws.ssm.send_automation_signal(**late)) == "InvalidAutomationSignalException"


# Stopping, hanging, listing


def test_an_execution_is_stopped(aws: Automation) -> None:
    execution = aws.start(aws.small(SLEEP))
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "Rest")
    aws.ssm.stop_automation_execution(AutomationExecutionId=execution)
    outcome = Outcome(aws.ended(execution))
    assert (outcome.status, outcome.steps) == ("Cancelled", {"Rest": "Cancelled"})
    again = refused(lambda: aws.ssm.stop_automation_execution(AutomationExecutionId=execution))
    assert again == "InvalidAutomationStatusUpdateException"


def test_an_execution_hangs_until_it_is_released(aws: Automation, groups: Groups) -> None:
    aws.control("automation", hang="AIOps-ScaleOutEC2ASG")
    given = {"AutoScalingGroupName": "web", "CurrentCapacity": "4", "DesiredCapacity": "5"}
    execution = aws.start("AIOps-ScaleOutEC2ASG", AutomationAssumeRole=ROLE, **given)
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "ReadBefore")
    aws.server.advance(3600)
    assert aws.shown(execution)["AutomationExecutionStatus"] == "InProgress"
    assert aws.called("DescribeAutoScalingGroups") == 0
    aws.control("automation", release=None)
    assert aws.ended(execution)["AutomationExecutionStatus"] == "Success"


def test_a_hanging_execution_is_stopped(aws: Automation) -> None:
    aws.small(SLEEP)
    aws.control("automation", hang="Small")
    execution = aws.start("Small")
    aws.ssm.stop_automation_execution(AutomationExecutionId=execution)
    assert aws.ended(execution)["AutomationExecutionStatus"] == "Cancelled"
    aws.control("faults/clear")
    assert aws.control("automation")["hanging"] == {}


def test_executions_are_listed_newest_first(aws: Automation) -> None:
    nap = {"name": "Nap", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}
    aws.small(nap, name="Nap")
    aws.small(nap, failing(), name="Fall")
    ids = [aws.start(name) for name in ("Nap", "Fall", "Nap")]
    for execution in ids:
        aws.ended(execution)
    listed = aws.ssm.describe_automation_executions(MaxResults=2)
    assert [e["AutomationExecutionId"] for e in listed["AutomationExecutionMetadataList"]] == [ids[2], ids[1]]
    rest = aws.ssm.describe_automation_executions(NextToken=listed["NextToken"])
    assert [e["AutomationExecutionId"] for e in rest["AutomationExecutionMetadataList"]] == [ids[0]]
    failed = [{"Key": "ExecutionStatus", "Values": ["Failed"]}]
    (found,) = aws.ssm.describe_automation_executions(Filters=failed)["AutomationExecutionMetadataList"]
    assert (found["DocumentName"], found["AutomationExecutionStatus"]) == ("Fall", "Failed")
    steps = aws.ssm.describe_automation_step_executions(
        AutomationExecutionId=ids[1], Filters=[{"Key": "StepExecutionStatus", "Values": ["Failed"]}]
    )["StepExecutions"]
    assert [s["StepName"] for s in steps] == ["Fail"]
    assert "QueueDoesNotExist" in steps[0]["FailureMessage"] or "NonExistentQueue" in steps[0]["FailureMessage"]


def test_the_sandbox_shows_them_and_forgets_them_at_a_reset(aws: Automation) -> None:
    execution = aws.start(aws.small(SLEEP))
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "Rest")
    (shown,) = aws.show("automation")["executions"]
    assert (shown["id"], shown["status"], shown["steps"][0]["status"]) == (execution, "InProgress", "InProgress")
    aws.server.reset()
    assert aws.show("automation")["executions"] == []
    gone = refused(lambda: aws.ssm.get_automation_execution(AutomationExecutionId=execution))
    assert gone == "AutomationExecutionNotFoundException"


def test_the_trail_names_the_session_of_a_run_after_it(aws: Automation) -> None:
    step = {"name": "Tell", "action": "aws:executeAwsApi",
            "inputs": {"Service": "sns", "Api": "CreateTopic", "Name": "told"}}  # fmt: skip
    role = {"AutomationAssumeRole": {"type": "String"}}
    name = aws.small(step, assumeRole="{{ AutomationAssumeRole }}", parameters=role)
    run = aws.start(name, AutomationAssumeRole=ROLE)
    aws.ended(run)
    events = boto3.client("cloudtrail", **aws.server.credentials()).lookup_events()["Events"]
    told = {each["EventName"]: (each["Username"], json.loads(each["CloudTrailEvent"])) for each in reversed(events)}
    user, record = told["CreateTopic"]
    assert user == f"Automation-{run}"
    assert record["userIdentity"]["arn"].endswith(f":assumed-role/AIOps-Automation/Automation-{run}")
    assert record["userIdentity"]["invokedBy"] == record["sourceIPAddress"] == "ssm.amazonaws.com"
    _, started = told["StartAutomationExecution"]
    assert started["responseElements"] == {"AutomationExecutionId": run}
