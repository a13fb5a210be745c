"""ECS on this machine: services own tasks, deployments take their time and may fail, what is stopped is replaced."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.aws.clock import CLOCK
from sandbox.aws.ecs import fleet
from sandbox.aws.ecs.tasks import OUT_OF_MEMORY, cannot_pull
from sandbox.aws.identity import key_of
from sandbox.aws.server import AwsServer

Json = dict[str, Any]
ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


class Ecs:
    """A cluster with the service `web`: three tasks of its first task definition, steady."""

    def __init__(self, server: AwsServer) -> None:
        self.server = server
        self.client = boto3.client("ecs", config=ONCE, **server.credentials(key_of("ci-deployer")))
        ec2 = boto3.client("ec2", **server.credentials())
        subnet = ec2.describe_subnets()["Subnets"][0]
        group = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])
        ec2.close()
        self.inside = {"subnets": [subnet["SubnetId"]], "securityGroups": [group["SecurityGroups"][0]["GroupId"]]}
        self.client.create_cluster(clusterName="prod")
        self.register("web:1")
        self.create()
        self.wait(120)

    def register(self, image: str, family: str = "web", **environment: str) -> str:
        container = {
            "name": "app",
            "image": image,
            "cpu": 256,
            "memory": 512,
            "environment": [{"name": k, "value": v} for k, v in environment.items()],
        }
        made = self.client.register_task_definition(
            family=family,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def create(self, name: str = "web", **more: Any) -> None:
        self.client.create_service(
            cluster="prod",
            serviceName=name,
            taskDefinition="web:1",
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": self.inside},
            **{"desiredCount": 3, **more},
        )

    def update(self, **change: Any) -> Json:
        return dict(self.client.update_service(cluster="prod", service="web", **change)["service"])

    def show(self) -> Json:
        (service,) = self.client.describe_services(cluster="prod", services=["web"])["services"]
        return dict(service)

    def tasks(self, status: str = "RUNNING") -> list[str]:
        return list(self.client.list_tasks(cluster="prod", serviceName="web", desiredStatus=status)["taskArns"])

    def counts(self) -> tuple[int, int, int]:
        shown = self.show()
        return shown["desiredCount"], shown["runningCount"], shown["pendingCount"]

    def said(self) -> list[str]:
        return [e["message"] for e in self.show()["events"]]

    def wait(self, seconds: float) -> None:
        self.server.advance(seconds)


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with AwsServer() as server:
        yield server


@pytest.fixture
def ecs(server: AwsServer) -> Iterator[Ecs]:
    server.reset()
    ecs = Ecs(server)
    yield ecs
    ecs.client.close()


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    return str(raised.value.response["Error"]["Code"])


def test_a_service_owns_tasks_that_take_a_moment_to_start(ecs: Ecs) -> None:
    assert ecs.counts() == (3, 3, 0)
    assert len(ecs.tasks()) == 3
    (deployment,) = ecs.show()["deployments"]
    assert (deployment["status"], deployment["rolloutState"]) == ("PRIMARY", "COMPLETED")
    assert ecs.said()[0] == "(service web) has reached a steady state."
    assert "has started 3 tasks: (task " in ecs.said()[2]
    tasks = ecs.client.describe_tasks(cluster="prod", tasks=ecs.tasks())["tasks"]
    assert {(t["lastStatus"], t["startedBy"], t["group"]) for t in tasks} == {
        ("RUNNING", deployment["id"], "service:web")
    }
    ecs.update(desiredCount=5)
    assert ecs.counts() == (5, 3, 0)
    ecs.wait(10)
    assert ecs.counts() == (5, 3, 2)
    ecs.wait(30)
    assert ecs.counts() == (5, 5, 0)
    assert len(ecs.show()["deployments"]) == 1
    ecs.update(desiredCount=1)
    ecs.wait(30)
    assert ecs.counts() == (1, 1, 0)
    assert ecs.client.describe_clusters(clusters=["prod"])["clusters"][0]["runningTasksCount"] == 1


def test_a_rolling_deployment_never_has_too_few(ecs: Ecs) -> None:
    new = ecs.register("web:2")
    old = ecs.show()["taskDefinition"]
    assert ecs.update(taskDefinition="web:2")["taskDefinition"] == new
    seen = []
    for _ in range(12):
        ecs.wait(5)
        shown = ecs.show()
        assert shown["runningCount"] >= 3
        seen.append([(d["status"], d["rolloutState"], d["runningCount"]) for d in shown["deployments"]])
    assert seen[0] == [("PRIMARY", "IN_PROGRESS", 0), ("ACTIVE", "COMPLETED", 3)]
    assert seen[-1] == [("PRIMARY", "COMPLETED", 3)]
    assert shown["deployments"][0]["taskDefinition"] == new
    tasks = ecs.client.describe_tasks(cluster="prod", tasks=ecs.tasks())["tasks"]
    assert {t["taskDefinitionArn"] for t in tasks} == {new}
    assert any("deployment completed." in line for line in ecs.said())
    assert old != new


def test_the_waiter_waits_until_it_is_stable(ecs: Ecs) -> None:
    ecs.register("web:2")
    ecs.update(taskDefinition="web:2")
    waiter = ecs.client.get_waiter("services_stable")
    asked = []

    def looked(**_: Any) -> None:
        asked.append(1)
        ecs.wait(10)

    ecs.client.meta.events.register("after-call.ecs.DescribeServices", looked)
    waiter.wait(cluster="prod", services=["web"], WaiterConfig={"Delay": 0, "MaxAttempts": 20})
    assert len(asked) > 2


def test_forcing_a_new_deployment_replaces_every_task(ecs: Ecs) -> None:
    before, deployment = set(ecs.tasks()), ecs.show()["deployments"][0]
    ecs.update(forceNewDeployment=True)
    ecs.wait(120)
    after = ecs.show()["deployments"][0]
    assert not before & set(ecs.tasks())
    assert (after["taskDefinition"], after["id"] == deployment["id"]) == (deployment["taskDefinition"], False)


def test_a_stopped_task_is_replaced(ecs: Ecs) -> None:
    first, *others = ecs.tasks()
    answer = ecs.client.stop_task(cluster="prod", task=first, reason="restart")["task"]
    assert (answer["desiredStatus"], answer["stopCode"]) == ("STOPPED", "UserInitiated")
    assert ecs.counts() == (3, 2, 0)
    ecs.wait(60)
    assert ecs.counts() == (3, 3, 0)
    assert set(others) < set(ecs.tasks())
    (stopped,) = ecs.client.describe_tasks(cluster="prod", tasks=[first])["tasks"]
    assert (stopped["lastStatus"], stopped["stoppedReason"]) == ("STOPPED", "restart")
    assert ecs.tasks("STOPPED") == [first]


def test_a_task_that_is_killed_leaves_its_reason(ecs: Ecs) -> None:
    service = fleet.find("prod", "web")
    assert service
    service.kill(service.running()[0], OUT_OF_MEMORY, CLOCK.now())
    (arn,) = ecs.tasks("STOPPED")
    (task,) = ecs.client.describe_tasks(cluster="prod", tasks=[arn])["tasks"]
    assert task["containers"][0]["exitCode"] == 137
    assert "OutOfMemoryError" in task["stoppedReason"]


def test_the_circuit_breaker_rolls_back(ecs: Ecs) -> None:
    good = ecs.show()["taskDefinition"]
    bad = ecs.register("web:2", SANDBOX_FAIL="1")
    ecs.update(taskDefinition="web:2", deploymentConfiguration=BREAKER)
    ecs.wait(33)
    assert [(d["taskDefinition"], d["rolloutState"], d["failedTasks"]) for d in ecs.show()["deployments"]] == [
        (good, "IN_PROGRESS", 0),
        (good, "COMPLETED", 0),
    ]
    ecs.wait(300)
    (after,) = ecs.show()["deployments"]
    assert (after["rolloutState"], after["taskDefinition"]) == ("COMPLETED", good)
    assert ecs.counts() == (3, 3, 0)
    assert any("deployment failed: tasks failed to start." in line for line in ecs.said())
    listed = ecs.client.list_service_deployments(cluster="prod", service="web")["serviceDeployments"]
    assert [d["status"] for d in listed] == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]
    (shown,) = ecs.client.describe_service_deployments(serviceDeploymentArns=[listed[0]["serviceDeploymentArn"]])[
        "serviceDeployments"
    ]
    assert shown["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    revisions = [shown["targetServiceRevision"]["arn"], shown["rollback"]["serviceRevisionArn"]]
    found = ecs.client.describe_service_revisions(serviceRevisionArns=[*revisions, "arn:none"])
    assert [r["taskDefinition"] for r in found["serviceRevisions"]] == [bad, good]
    assert found["serviceRevisions"][0]["containerImages"][0]["image"] == "web:2"
    assert found["failures"] == [{"arn": "arn:none", "reason": "MISSING"}]


def test_without_a_circuit_breaker_it_keeps_trying_and_the_old_tasks_stay(ecs: Ecs) -> None:
    ecs.register("web:2", SANDBOX_FAIL="pull")
    ecs.update(taskDefinition="web:2")
    ecs.wait(3600)
    shown = ecs.show()
    assert shown["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert shown["deployments"][0]["failedTasks"] > 5
    assert shown["runningCount"] == 3
    assert any("unable to consistently start tasks" in line for line in ecs.said())
    (arn, *_) = ecs.tasks("STOPPED")
    (task,) = ecs.client.describe_tasks(cluster="prod", tasks=[arn])["tasks"]
    assert task["stopCode"] == "TaskFailedToStart"
    assert "CannotPullContainerError" in task["stoppedReason"]


def test_what_the_old_deployment_met_the_new_one_does_not(ecs: Ecs) -> None:
    """An image that is gone: the scheduler backs off until a new deployment looks the tag up again."""
    service = fleet.find("prod", "web")
    assert service
    service.doom(cannot_pull("web:1"))
    for task in ecs.tasks():
        ecs.client.stop_task(cluster="prod", task=task)
    ecs.wait(1800)
    assert ecs.counts()[1] == 0
    ecs.update(forceNewDeployment=True)
    ecs.wait(120)
    assert ecs.counts() == (3, 3, 0)


def test_a_service_deployment_is_stopped_and_rolled_back(ecs: Ecs) -> None:
    good = ecs.show()["taskDefinition"]
    ecs.register("web:2")
    ecs.update(taskDefinition="web:2")
    arn = ecs.client.list_service_deployments(cluster="prod", service="web", status=["IN_PROGRESS"])[
        "serviceDeployments"
    ][0]["serviceDeploymentArn"]
    ecs.wait(10)
    ecs.client.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    assert refused(lambda: ecs.client.stop_service_deployment(serviceDeploymentArn=arn)) == "ConflictException"
    ecs.wait(120)
    assert ecs.show()["deployments"][0]["taskDefinition"] == good
    assert ecs.counts() == (3, 3, 0)
    gone = f"{arn}0"
    code = refused(lambda: ecs.client.stop_service_deployment(serviceDeploymentArn=gone))
    assert code == "ServiceDeploymentNotFoundException"


def test_task_definitions_are_sorted_by_number_and_signed(ecs: Ecs) -> None:
    for n in range(2, 12):
        ecs.register(f"web:{n}", LEVEL=str(n))
    ecs.register("other:1", "other")
    asked = {"familyPrefix": "web", "sort": "DESC", "maxResults": 3}
    first = ecs.client.list_task_definitions(**asked)
    assert [arn.rsplit(":", 1)[-1] for arn in first["taskDefinitionArns"]] == ["11", "10", "9"]
    second = ecs.client.list_task_definitions(**asked, nextToken=first["nextToken"])
    assert [arn.rsplit(":", 1)[-1] for arn in second["taskDefinitionArns"]] == ["8", "7", "6"]
    shown = ecs.client.describe_task_definition(taskDefinition="web")["taskDefinition"]
    assert (shown["revision"], shown["cpu"], shown["memory"]) == (11, "256", "512")
    assert shown["registeredBy"].endswith(":user/ci-deployer")
    assert shown["registeredAt"].tzinfo
    assert shown["containerDefinitions"][0]["environment"] == [{"name": "LEVEL", "value": "11"}]
    ecs.client.deregister_task_definition(taskDefinition="web:11")
    assert ecs.client.list_task_definitions(**asked)["taskDefinitionArns"][0].endswith(":10")


def test_what_is_missing_or_wrong_is_said_in_awss_words(ecs: Ecs) -> None:
    client = ecs.client
    found = client.describe_services(cluster="prod", services=["none"])
    assert (found["services"], found["failures"][0]["reason"]) == ([], "MISSING")
    assert refused(lambda: client.describe_services(cluster="x", services=["web"])) == "ClusterNotFoundException"
    update = client.update_service
    assert refused(lambda: update(cluster="prod", service="none")) == "ServiceNotFoundException"
    assert refused(lambda: ecs.update(taskDefinition="web:99")) == "ClientException"
    assert refused(lambda: ecs.update(desiredCount=-1)) == "InvalidParameterException"
    assert refused(lambda: client.stop_task(cluster="prod", task="none")) == "InvalidParameterException"
    assert refused(lambda: client.list_tasks(cluster="prod", serviceName="none")) == "ServiceNotFoundException"
    assert client.describe_tasks(cluster="prod", tasks=["none"])["failures"][0]["reason"] == "MISSING"
    assert refused(lambda: client.delete_service(cluster="prod", service="web")) == "InvalidParameterException"
    client.delete_service(cluster="prod", service="web", force=True)
    assert ecs.show()["status"] == "DRAINING"
    ecs.wait(60)
    assert ecs.show()["status"] == "INACTIVE"
    assert refused(lambda: ecs.update(desiredCount=2)) == "ServiceNotActiveException"
    ecs.wait(7200)
    assert client.describe_services(cluster="prod", services=["web"])["failures"][0]["reason"] == "MISSING"
    assert refused(lambda: ecs.update(desiredCount=2)) == "ServiceNotFoundException"
