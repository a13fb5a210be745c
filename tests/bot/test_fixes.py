"""Scaling, restarting and rolling back an ECS service, against the AWS of the sandbox."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from bot.errors import CloudError, Refused
from bot.integrations.aws.clients import Clients
from bot.integrations.aws.fixes import AwsFixes
from bot.models import Action, Order, Plan, Progress, Remediation, RemediationStatus, Severity
from bot.ports import Fixes
from bot.resources import Resources
from sandbox.aws.clock import CLOCK
from sandbox.aws.ecs import fleet
from sandbox.aws.ecs.tasks import PACE
from sandbox.aws.server import ACCOUNT, BOT_KEY, REGION, SHOP_KEY, AwsServer
from tests.bot.aws import credentials
from tests.bot.make import BOB, NOW, after

TOKEN = "5f0f6d1e-2b6e-4b52-9d3a-3f1a5c1f7a10"
WEB = Resources(account=ACCOUNT, region=REGION, cluster="prod", ecs_service="web")


def fix(order: Order, plan: Plan, number: int = 12, token: str = TOKEN) -> Remediation:
    return Remediation(
        number=number,
        order=order,
        plan=plan,
        severity=Severity.SEV2,
        requested_by=BOB,
        requested_at=NOW,
        expires_at=after(600),
        token=token,
        started_at=datetime.fromtimestamp(CLOCK.now(), UTC),
    )


def kept(remediation: Remediation, progress: Progress) -> Remediation:
    """With the state of this look, as the store gives it back."""
    plan = remediation.plan.model_copy(update={"state": progress.state})
    return Remediation.model_validate_json(remediation.changed(plan=plan).model_dump_json())


class World:
    """A cluster with the service `web`: three tasks of web:1. The bot acts with its own key, the shop with another."""

    def __init__(self, server: AwsServer) -> None:
        server.reset()
        self.server = server
        self.clients = Clients(REGION, server.url)
        self._made: dict[str, Any] = {}
        self.timeout = timedelta(minutes=15)
        self.more: dict[str, Any] = {}

    def close(self) -> None:
        self.clients.close()
        for client in self._made.values():
            client.close()

    def shop(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = boto3.client(service, **self.server.credentials(SHOP_KEY))
        return self._made[service]

    @property
    def fixes(self) -> Fixes:
        """A new one each time: nothing may depend on what a process remembers."""
        return self.aws_fixes()

    def aws_fixes(self) -> AwsFixes:
        given: dict[str, Any] = {"timeout": self.timeout, "sleep": lambda _: time.sleep(0.02), **self.more}
        return AwsFixes(self.clients, lambda: datetime.now(UTC), **given)

    # ECS

    def serve(self, desired: int = 3, **more: Any) -> World:
        subnet = self.shop("ec2").describe_subnets()["Subnets"][0]
        groups = self.shop("ec2").describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])
        inside = {"subnets": [subnet["SubnetId"]], "securityGroups": [groups["SecurityGroups"][0]["GroupId"]]}
        self.shop("ecs").create_cluster(clusterName="prod")
        self.register("web:v1")
        self.shop("ecs").create_service(
            cluster="prod",
            serviceName="web",
            taskDefinition="web:1",
            launchType="FARGATE",
            desiredCount=desired,
            networkConfiguration={"awsvpcConfiguration": inside},
            **more,
        )
        self.server.advance(120)
        return self

    def register(self, image: str, family: str = "web", **environment: str) -> str:
        container = {
            "name": "app",
            "image": image,
            "cpu": 256,
            "memory": 512,
            "environment": [{"name": name, "value": value} for name, value in environment.items()],
        }
        made = self.shop("ecs").register_task_definition(
            family=family,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def update(self, **change: Any) -> None:
        self.shop("ecs").update_service(cluster="prod", service="web", **change)

    def deploy(self, image: str, wait: float = 300, **environment: str) -> str:
        made = self.register(image, **environment)
        self.update(taskDefinition=made)
        self.server.advance(wait)
        return made.rpartition("/")[2]

    def shown(self) -> dict[str, Any]:
        (found,) = self.shop("ecs").describe_services(cluster="prod", services=["web"])["services"]
        return dict(found)

    def runs(self) -> str:
        return str(self.shown()["taskDefinition"]).rpartition("/")[2]

    def tasks(self) -> set[str]:
        return set(self.shop("ecs").list_tasks(cluster="prod", serviceName="web")["taskArns"])

    # The bot

    def plan(self, action: Action, resources: Resources = WEB, **order: Any) -> Remediation:
        asked = Order(action=action, service="web", **order)
        return fix(asked, self.fixes.plan(asked, resources))

    def refused(self, action: Action, resources: Resources = WEB, **order: Any) -> str:
        with pytest.raises(Refused) as raised:
            self.plan(action, resources, **order)
        return str(raised.value)

    def carry_out(self, remediation: Remediation, looks: int = 60) -> tuple[Remediation, list[str], str]:
        """To its end, by another process at each step: the remediation, all that was said, and the problem."""
        progress = self.fixes.start(remediation)
        said = [progress.said]
        for _ in range(looks):
            remediation = kept(remediation, progress)
            if progress.is_over:
                return remediation, list(dict.fromkeys(said)), progress.problem
            self.server.advance(5)
            progress = self.fixes.follow(remediation)
            said.append(progress.said)
        raise AssertionError(said)

    def calls(self, operation: str) -> int:
        """How often the bot called it and was answered."""
        found = self.server.log.since(caller=BOT_KEY, operation=operation)
        return len([call for call in found if 200 <= call["status"] < 300])


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        with AwsServer() as server:
            yield server


@pytest.fixture(autouse=True, scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with credentials(tmp_path_factory.mktemp("aws")):
        yield


@pytest.fixture
def world(server: AwsServer) -> Iterator[World]:
    with closing(World(server)) as world:
        yield world.serve()
    server.faults.clear()


# Scale up


def test_one_task_more_and_back(world: World) -> None:
    asked = world.plan(Action.SCALE_UP)
    plan = asked.plan
    assert (plan.before, plan.after, plan.undo) == ("3 tasks", "4 tasks", "back to 3")
    assert (plan.target.kind, plan.target.cluster, plan.target.name) == ("ECS service", "prod", "web")
    assert world.calls("UpdateService") == 0
    done, said, problem = world.carry_out(asked)
    assert problem == ""
    assert said[0] == "3 of 4 tasks run"
    assert said[-1] == "4 of 4 tasks run"
    assert world.shown()["desiredCount"] == 4

    undo = fix(done.order, world.fixes.undo(done), number=13)
    assert (undo.plan.before, undo.plan.after) == ("4 tasks", "3 tasks")
    assert world.carry_out(undo)[1:] == (["4 tasks run, 3 wanted", "3 of 3 tasks run"], "")
    assert world.shown()["desiredCount"] == 3


def test_a_start_again_scales_no_further(world: World) -> None:
    asked = world.plan(Action.SCALE_UP)
    for _ in range(3):
        world.fixes.start(asked)
    assert world.shown()["desiredCount"] == 4
    assert world.calls("UpdateService") == 1


def test_an_answer_that_was_lost_scales_no_further(world: World) -> None:
    asked = world.plan(Action.SCALE_UP)
    world.server.faults.add({"service": "ecs", "operation": "UpdateService", "kind": "drop_after", "times": 2})
    with pytest.raises(CloudError) as lost:
        world.fixes.start(asked)
    assert lost.value.retryable
    assert world.carry_out(asked)[2] == ""
    assert world.shown()["desiredCount"] == 4


def test_scaling_is_refused_in_words(world: World) -> None:
    scale = Action.SCALE_UP
    assert world.refused(scale, WEB._replace(cluster="", ecs_service="")) == (
        "I don't know which ECS service web runs as. Put services.web.cluster and services.web.ecs_service into "
        "config.yml."
    )
    assert "run AIOps-ScaleOutEC2ASG" in world.refused(scale, Resources(auto_scaling_group="workers"))
    assert world.refused(scale, WEB._replace(cluster="nowhere")) == "There is no ECS cluster nowhere in us-east-1."
    assert "There is no ECS service prod/old in us-east-1" in world.refused(scale, WEB._replace(ecs_service="old"))
    assert "at most 3 are allowed (max_tasks" in world.refused(scale, WEB._replace(max_tasks=3))
    assert "belongs to account 999999999999" in world.refused(scale, WEB._replace(account="999999999999"))
    world.deploy("web:v2", wait=5)
    assert "A deployment of web:2 to web is in progress" in world.refused(scale)
    world.server.advance(300)
    world.update(desiredCount=0)
    assert "it wants 0 tasks" in world.refused(scale)
    world.shop("ecs").delete_service(cluster="prod", service="web", force=True)
    assert "is being deleted or was deleted" in world.refused(scale)


def test_a_count_that_somebody_changed_is_left_alone(world: World) -> None:
    asked = world.plan(Action.SCALE_UP)
    world.update(desiredCount=6)
    with pytest.raises(Refused, match=r"web wants 6 tasks by now, not 3 as planned\. Nothing was changed"):
        world.fixes.start(asked)
    assert world.calls("UpdateService") == 0


def test_somebody_who_changes_the_count_in_the_middle_ends_it(world: World) -> None:
    asked = world.plan(Action.SCALE_UP)
    asked = kept(asked, world.fixes.start(asked))
    world.update(desiredCount=7)
    progress = world.fixes.follow(asked)
    assert (progress.is_over, progress.problem) == (True, "Somebody set 7 tasks meanwhile.")
    with pytest.raises(Refused, match="FIX-12 set 4 tasks, and web wants 7 by now"):
        world.fixes.undo(asked)


def test_a_denied_call_names_the_permission(world: World) -> None:
    asked = world.plan(Action.SCALE_UP)
    world.server.faults.add({"service": "ecs", "operation": "UpdateService", "kind": "error"})
    with pytest.raises(CloudError, match="ecs:UpdateService on prod/web"):
        world.fixes.start(asked)
    world.server.faults.add({"service": "ecs", "operation": "DescribeServices", "kind": "throttle", "times": 2})
    with pytest.raises(CloudError) as throttled:
        world.plan(Action.SCALE_UP)
    assert throttled.value.retryable


def test_a_rehearsal_changes_nothing(world: World) -> None:
    for action in (Action.SCALE_UP, Action.RESTART):
        lines = world.aws_fixes().rehearse(world.plan(action))
        assert "ECS has no dry run" in lines[1]
    world.deploy("web:v2")
    assert (
        world.aws_fixes().rehearse(world.plan(Action.ROLLBACK))[0] == "web still runs web:2, and web:1 can be deployed."
    )
    asked = world.plan(Action.SCALE_UP)
    world.update(desiredCount=5)
    with pytest.raises(Refused, match="by now"):
        world.aws_fixes().rehearse(asked)
    assert world.calls("UpdateService") + world.calls("StopTask") == 0


# Restart


def test_every_task_is_replaced_one_at_a_time(world: World) -> None:
    old, fewest = world.tasks(), 3
    asked = world.plan(Action.RESTART)
    assert asked.plan.before == "3 tasks of web:1"
    assert asked.plan.undo == ""
    progress = world.fixes.start(asked)
    said = [progress.said]
    while not progress.is_over:
        asked = kept(asked, progress)
        world.server.advance(3)
        fewest = min(fewest, world.shown()["runningCount"])
        progress = world.fixes.follow(asked)
        said.append(progress.said)
        assert len(said) < 200
    assert said[0] == "task 1 of 3 stopped, waiting for its replacement"
    assert said[-1] == "3 tasks replaced, 3 of 3 run"
    assert not progress.problem
    assert fewest == 2
    assert not old & world.tasks()
    assert world.calls("StopTask") == 3
    stopped = world.shop("ecs").describe_tasks(cluster="prod", tasks=sorted(old))["tasks"]
    assert {task["stoppedReason"] for task in stopped} == {"FIX-12: restart one at a time"}


def test_a_start_again_stops_no_second_task(world: World) -> None:
    asked = world.plan(Action.RESTART)
    for _ in range(3):
        world.fixes.start(asked)
    assert world.calls("StopTask") == 1
    assert len(world.tasks()) == 2
    assert world.carry_out(asked)[2] == ""
    assert world.calls("StopTask") == 3


def test_a_stop_whose_answer_was_lost_is_not_made_for_another_task(world: World) -> None:
    asked = world.plan(Action.RESTART)
    world.server.faults.add({"service": "ecs", "operation": "StopTask", "kind": "drop_after", "times": 2})
    with pytest.raises(CloudError):
        world.fixes.start(asked)
    assert len(world.tasks()) == 2
    assert world.carry_out(asked)[2] == ""
    stopped = world.shop("ecs").list_tasks(cluster="prod", serviceName="web", desiredStatus="STOPPED")["taskArns"]
    assert len(stopped) == 3


def test_a_task_that_goes_by_itself_in_the_middle_is_stepped_over(world: World) -> None:
    asked = world.plan(Action.RESTART)
    asked = kept(asked, world.fixes.start(asked))
    world.shop("ecs").stop_task(cluster="prod", task=asked.plan.state["waiting"][0])
    world.server.advance(60)
    assert world.carry_out(asked)[2] == ""
    assert world.calls("StopTask") == 2


def test_one_that_came_after_the_plan_is_replaced_as_well(world: World) -> None:
    """What a leak killed was replaced by one that leaks."""
    asked = world.plan(Action.RESTART)
    before = set(world.tasks())
    world.shop("ecs").stop_task(cluster="prod", task=asked.plan.state["waiting"][0])
    world.server.advance(60)
    since = set(world.tasks()) - before
    assert world.carry_out(asked)[2] == ""
    assert world.calls("StopTask") == 3
    assert not set(world.tasks()) & (before | since)


def test_nothing_is_stopped_while_a_replacement_does_not_come(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = world.plan(Action.RESTART)
    monkeypatch.setattr(PACE, "start", 10_000.0)
    asked = kept(asked, world.fixes.start(asked))
    for _ in range(5):
        world.server.advance(60)
        progress = world.fixes.follow(asked)
        asked = kept(asked, progress)
    assert (progress.is_over, progress.said) == (False, "1 of 3 tasks stopped, 2 of 3 run")
    assert world.calls("StopTask") == 1
    world.fixes.stop(asked)


def test_a_deployment_in_the_middle_does_the_rest(world: World) -> None:
    asked = world.plan(Action.RESTART)
    asked = kept(asked, world.fixes.start(asked))
    world.deploy("web:v2", wait=3)
    assert "a deployment of web:2 is in progress" in world.fixes.follow(asked).said
    world.server.advance(300)
    assert world.fixes.follow(asked).is_over
    assert world.calls("StopTask") == 1


def test_restarting_is_refused_in_words(world: World) -> None:
    world.deploy("web:v2", wait=3)
    assert "in progress, which replaces its tasks" in world.refused(Action.RESTART)
    world.server.advance(300)
    world.timeout = timedelta(minutes=2)
    assert "run AIOps-RestartECSService, which replaces them side by side" in world.refused(Action.RESTART)
    world.update(desiredCount=1)
    world.server.advance(60)
    asked = world.plan(Action.RESTART)
    assert "is away until the new task runs" in asked.plan.radius
    with pytest.raises(Refused, match="FIX-12 can't be undone"):
        world.fixes.undo(asked)
    world.update(desiredCount=0)
    world.server.advance(60)
    assert world.refused(Action.RESTART) == "No task of web runs, so there is none to restart (0 wanted)."


# Roll back


def test_back_to_what_was_stable_and_forward_again(world: World) -> None:
    world.deploy("web:v2", COLOUR="blue")
    asked = world.plan(Action.ROLLBACK)
    plan = asked.plan
    assert (plan.before, plan.after, plan.undo) == ("web:2", "web:1", "deploy web:2 again")
    assert plan.differences == ("app: image v2 → v1", "app: environment −COLOUR")
    assert "web:1 was stable" in plan.checks
    done, said, problem = world.carry_out(asked)
    assert problem == ""
    assert said[0] == "0 of 3 tasks run web:1"
    assert said[-1] == "3 of 3 tasks run web:1"
    assert world.runs() == "web:1"
    undo = fix(done.order, world.fixes.undo(done), number=13)
    assert (undo.plan.before, undo.plan.after) == ("web:1", "web:2")
    assert world.carry_out(undo)[2] == ""
    assert world.runs() == "web:2"


def test_a_rollback_again_makes_no_second_deployment(world: World) -> None:
    world.deploy("web:v2")
    asked = world.plan(Action.ROLLBACK)
    for _ in range(2):
        world.fixes.start(asked)
    assert world.calls("UpdateService") == 1
    world.server.advance(300)
    assert world.fixes.start(asked).is_over
    assert world.calls("UpdateService") == 1


def test_a_rollback_whose_answer_was_lost(world: World) -> None:
    world.deploy("web:v2")
    asked = world.plan(Action.ROLLBACK)
    world.server.faults.add({"service": "ecs", "operation": "UpdateService", "kind": "drop_after", "times": 2})
    with pytest.raises(CloudError):
        world.fixes.start(asked)
    before = len(world.shop("ecs").list_service_deployments(cluster="prod", service="web")["serviceDeployments"])
    assert world.carry_out(asked)[2] == ""
    now = world.shop("ecs").list_service_deployments(cluster="prod", service="web")["serviceDeployments"]
    assert len(now) == before


def test_a_bad_deployment_that_still_rolls_is_rolled_back(world: World) -> None:
    world.deploy("web:v2", wait=5, SANDBOX_FAIL="1")
    asked = world.plan(Action.ROLLBACK)
    assert asked.plan.after == "web:1"
    assert "a deployment of web:2 is in progress, 0 of 3 tasks run it: going back ends it" in asked.plan.checks
    assert world.carry_out(asked)[2] == ""
    assert world.runs() == "web:1"


def test_never_to_one_that_failed(world: World) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    world.update(deploymentConfiguration=breaker)
    world.deploy("web:v2", wait=2000, SANDBOX_FAIL="1")
    assert world.runs() == "web:1"
    world.deploy("web:v3")
    asked = world.plan(Action.ROLLBACK)
    assert (asked.plan.before, asked.plan.after) == ("web:3", "web:1")
    by_hand = world.plan(Action.ROLLBACK, revision="2")
    assert by_hand.plan.radius == "this service only; web:2 failed when it was deployed last"
    first, second = world.fixes.choices(WEB)
    assert (first.revision, first.was_stable) == ("web:1", True), "good ones first"
    assert (second.revision, second.was_stable) == ("web:2", False)


def test_numbers_count_and_not_the_alphabet(world: World) -> None:
    for number in range(2, 12):
        world.deploy(f"web:v{number}")
    assert world.plan(Action.ROLLBACK).plan.after == "web:10"
    names = [choice.revision for choice in world.fixes.choices(WEB)]
    assert names == [f"web:{number}" for number in range(10, 0, -1)]
    assert world.fixes.choices(WEB)[0].differences == ("app: image v11 → v10",)


def test_after_a_rollback_the_next_one_goes_further_back(world: World) -> None:
    world.deploy("web:v2")
    world.deploy("web:v3")
    world.carry_out(world.plan(Action.ROLLBACK))
    assert world.runs() == "web:2"
    assert world.plan(Action.ROLLBACK).plan.after == "web:1"


def test_never_by_itself_to_one_that_a_rollback_left_and_who_names_it_is_warned(world: World) -> None:
    world.deploy("web:v2")
    world.deploy("web:v3")
    done, _, _ = world.carry_out(world.plan(Action.ROLLBACK))
    world.more["past"] = lambda: (done.changed(status=RemediationStatus.VERIFIED),)
    named = world.plan(Action.ROLLBACK, revision="3")
    assert named.plan.warnings == ("web:3 is known to be bad: FIX-12 went back from it",)
    assert "web:3 was stable" not in named.plan.checks
    assert [(each.revision, each.was_stable) for each in world.fixes.choices(WEB)] == [
        ("web:1", True),
        ("web:3", False),
    ]
    told = world.refused(Action.ROLLBACK, revision="99")
    assert "There is web:1, web:3 (FIX-12 went back from it); web:2 runs now." in told
    world.deploy("web:v4")
    assert world.plan(Action.ROLLBACK).plan.after == "web:2"
    world.more["past"] = lambda: (done.changed(status=RemediationStatus.NOT_RECOVERED),)
    assert world.plan(Action.ROLLBACK).plan.after == "web:1", "FIX-12 went to 2 in vain"


def test_a_rollback_in_progress_is_not_rolled_back(world: World) -> None:
    world.deploy("web:v2")
    asked = world.plan(Action.ROLLBACK)
    world.fixes.start(asked)
    world.server.advance(5)
    assert "is going back from web:2 to web:1 right now" in world.refused(Action.ROLLBACK)
    assert "web:1 is being deployed already" in world.refused(Action.ROLLBACK, revision="web:1")


@pytest.mark.parametrize("revision", ["1", "web:1", f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:1", " 1 "])
def test_a_revision_by_name(world: World, revision: str) -> None:
    world.deploy("web:v2")
    assert world.plan(Action.ROLLBACK, revision=revision).plan.after == "web:1"


def test_a_wrong_revision_is_refused_with_what_there_is(world: World) -> None:
    world.deploy("web:v2")
    world.deploy("web:v3")
    there = "There is web:2, web:1; web:3 runs now."
    roll = Action.ROLLBACK
    for wrong in ("latest", "web:", "-1", "0", "web:1; rm"):
        assert world.refused(roll, revision=wrong) == f"I can't read “{wrong}” as a revision. {there}"
    assert world.refused(roll, revision="99") == f"There is no web:99. {there}"
    assert world.refused(roll, revision="api:1") == f"web runs web, and api:1 is another family. {there}"
    assert world.refused(roll, revision="web:3") == "web:3 is what runs now. There is web:2, web:1."
    foreign = "arn:aws:ecs:eu-west-1:999999999999:task-definition/web:1"
    assert "is in another account or region" in world.refused(roll, revision=foreign)
    world.shop("ecs").deregister_task_definition(taskDefinition="web:1")
    assert "web:1 was deregistered" in world.refused(roll, revision="1")


def test_without_a_revision_before(world: World) -> None:
    said = world.refused(Action.ROLLBACK)
    assert said.startswith("No revision before web:1 is known to have been good")
    assert said.endswith("There is no other revision; web:1 runs now.")
    assert world.fixes.choices(WEB) == []
    world.deploy("web:v2")
    world.shop("ecs").deregister_task_definition(taskDefinition="web:1")
    assert "No revision before web:2" in world.refused(Action.ROLLBACK)


def test_a_service_that_is_seldom_deployed_goes_back_to_what_it_replaced(world: World) -> None:
    """ECS forgets deployments after 90 days; what the present one replaced is still told."""
    world.deploy("web:v2")
    service = fleet.find("prod", "web")
    assert service is not None
    service.rollouts.pop()
    asked = world.plan(Action.ROLLBACK)
    assert (asked.plan.after, asked.plan.checks[-1]) == ("web:1", "web:1 can be deployed")
    service.rollouts.clear()
    assert "No revision before web:2 is known to have been good" in world.refused(Action.ROLLBACK)
    assert world.plan(Action.ROLLBACK, revision="1").plan.after == "web:1"


def test_what_somebody_deployed_meanwhile_is_left_alone(world: World) -> None:
    world.deploy("web:v2")
    asked = world.plan(Action.ROLLBACK)
    world.deploy("web:v3")
    with pytest.raises(Refused, match=r"web runs web:3 by now, not web:2 as planned\. Nothing was changed"):
        world.fixes.start(asked)
    asked = world.plan(Action.ROLLBACK)
    asked = kept(asked, world.fixes.start(asked))
    world.deploy("web:v4", wait=5)
    progress = world.fixes.follow(asked)
    assert (progress.is_over, progress.problem) == (True, "Somebody deployed web:4 meanwhile.")
    with pytest.raises(Refused, match="went back to web:2, and web runs web:4 by now"):
        world.fixes.undo(asked)


def test_a_rollback_that_fails_says_why(world: World) -> None:
    """To a revision that does not start, with a circuit breaker that gives up, and one that goes back."""
    world.register("web:v2", SANDBOX_FAIL="1")
    world.deploy("web:v3")
    for back, expected in ((False, "ECS gave up deploying web:2: "), (True, "web is on web:3 again, not web:2")):
        world.update(taskDefinition="web:3")
        world.server.advance(300)
        world.update(deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": back}})
        asked = world.plan(Action.ROLLBACK, revision="2")
        _, said, problem = world.carry_out(asked, looks=400)
        assert problem.startswith(expected), (said, problem)


def test_a_service_that_is_deleted_meanwhile(world: World) -> None:
    world.deploy("web:v2")
    asked = world.plan(Action.ROLLBACK)
    world.shop("ecs").delete_service(cluster="prod", service="web", force=True)
    with pytest.raises(Refused, match="is being deleted or was deleted"):
        world.fixes.start(asked)


def test_a_plan_of_another_version_is_refused(world: World) -> None:
    asked = world.plan(Action.SCALE_UP)
    other = asked.changed(plan=asked.plan.model_copy(update={"state": {"fix": "teleport"}}))
    with pytest.raises(Refused, match="made by another version of the bot"):
        world.fixes.start(other)


# How it stands some time later


def standing(world: World, remediation: Remediation) -> Progress:
    found = world.fixes.standing(remediation)
    assert found is not None
    return found


def test_a_service_that_went_back_stands_well_until_something_else_is_deployed(world: World) -> None:
    world.deploy("web:v2")
    done, _, problem = world.carry_out(world.plan(Action.ROLLBACK))
    assert problem == ""
    assert standing(world, done) == Progress(said="3 of 3 tasks run web:1")
    world.deploy("web:v3")
    assert standing(world, done).problem == "web is on web:3 by now, not on web:1"


def test_a_service_that_is_not_steady_has_a_problem(world: World) -> None:
    done, _, _ = world.carry_out(world.plan(Action.SCALE_UP))
    restarted = world.plan(Action.RESTART)
    for each in (done, restarted):
        assert standing(world, each) == Progress(said="4 of 4 tasks run web:1")
    world.update(forceNewDeployment=True)
    for each in (done, restarted):
        assert "a deployment is in progress" in standing(world, each).problem
    world.server.advance(600)
    world.update(desiredCount=6)
    world.server.advance(600)
    more = standing(world, done)
    assert more.problem == "", "auto scaling may have added more"
    assert more.said == "6 of 6 tasks run web:1, not the 4 that it set"
    world.update(desiredCount=3)
    world.server.advance(600)
    assert standing(world, done).problem == "web wants 3 tasks again, not 4"
    assert standing(world, restarted).problem == ""
