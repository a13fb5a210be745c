"""Aliases and the six runbooks, against the AWS of the sandbox."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from bot.errors import CloudError, Refused
from bot.integrations.aws.fixes import RunAs
from bot.integrations.aws.fixes.subjects import FROM_CATALOGUE
from bot.models import Action, Order, Progress, Remediation
from bot.models import RemediationStatus as S
from bot.resources import Resources
from sandbox.aws.server import ACCOUNT, BOT_KEY, REGION, AwsServer
from tests.bot.aws import credentials
from tests.bot.make import NOW
from tests.bot.test_fixes import TOKEN, WEB, World, fix, kept

FOLDER = Path("scripts/ssm")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/AIOps-Automation"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:RemediationOrchestrator"
HOOK = Resources(account=ACCOUNT, region=REGION, function="hook")
WORKERS = Resources(account=ACCOUNT, region=REGION, auto_scaling_group="workers")
DEAD = Resources(account=ACCOUNT, region=REGION, dead_letter_queue="work-dlq")
PURGE, SCALE_OUT, ROTATE = "AIOps-PurgeSQSDLQ", "AIOps-ScaleOutEC2ASG", "AIOps-RotateLambdaAlias"
PATIENCE = 15.0


class Account(World):
    """With the six documents, and whatever a test adds."""

    def __init__(self, server: AwsServer) -> None:
        super().__init__(server)
        self.more = {"run_as": RunAs(ROLE)}
        for path in sorted(FOLDER.glob("*.yml")):
            self.shop("ssm").create_document(
                Name=path.stem, Content=path.read_text(), DocumentType="Automation", DocumentFormat="YAML"
            )

    def function(self, versions: int = 2, **variables: str) -> None:
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = self.shop("iam").create_role(RoleName="hook", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self.shop("lambda").create_function(
            FunctionName="hook",
            Runtime="python3.13",
            Role=role,
            Handler="hook.handle",
            Code={"ZipFile": code(1)},
            Publish=True,
            Environment={"Variables": variables},
        )
        for version in range(2, versions + 1):
            self.publish(version)
        self.shop("lambda").create_alias(FunctionName="hook", Name="live", FunctionVersion=str(versions))

    def publish(self, version: int) -> None:
        self.shop("lambda").update_function_code(FunctionName="hook", ZipFile=code(version))
        self.shop("lambda").publish_version(FunctionName="hook")

    def point(self, version: int, **more: Any) -> None:
        self.shop("lambda").update_alias(FunctionName="hook", Name="live", FunctionVersion=str(version), **more)

    def live(self) -> str:
        return str(self.shop("lambda").get_alias(FunctionName="hook", Name="live")["FunctionVersion"])

    def group(self, desired: int = 4, most: int = 6) -> None:
        image = self.shop("ec2").register_image(Name="worker")["ImageId"]
        autoscaling = self.shop("autoscaling")
        autoscaling.create_launch_configuration(
            LaunchConfigurationName="worker", ImageId=image, InstanceType="t3.small"
        )
        autoscaling.create_auto_scaling_group(
            AutoScalingGroupName="workers",
            LaunchConfigurationName="worker",
            MinSize=0,
            MaxSize=most,
            DesiredCapacity=desired,
            AvailabilityZones=["us-east-1a"],
        )

    def capacity(self) -> int:
        found = self.shop("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["workers"])
        return int(found["AutoScalingGroups"][0]["DesiredCapacity"])

    def resize(self, desired: int) -> None:
        self.shop("autoscaling").set_desired_capacity(AutoScalingGroupName="workers", DesiredCapacity=desired)

    def queues(self, count: int = 3) -> None:
        """A queue of work, and its dead letters."""
        sqs = self.shop("sqs")
        dead = sqs.create_queue(QueueName="work-dlq")["QueueUrl"]
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:work-dlq", "maxReceiveCount": 3}
        sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": json.dumps(redrive)})
        for number in range(count):
            sqs.send_message(QueueUrl=dead, MessageBody=f"{number}")

    def waiting(self, name: str) -> int:
        url = self.shop("sqs").get_queue_url(QueueName=name)["QueueUrl"]
        names = ["ApproximateNumberOfMessages"]
        return int(self.shop("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]])

    def to_the_end(self, remediation: Remediation) -> tuple[Remediation, Progress]:
        """Documents run in real time, by themselves: only looked at, by another process each time."""
        progress, until = self.fixes.start(remediation), time.monotonic() + PATIENCE
        while not progress.is_over:
            assert time.monotonic() < until, progress.said
            remediation = kept(remediation, progress)
            time.sleep(0.02)
            progress = self.fixes.follow(remediation)
        return kept(remediation, progress), progress

    def control(self, **given: Any) -> None:
        data = json.dumps(given).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.server.url}/sandbox-aws/automation", data)).close()

    def executions(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.server.url}/sandbox-aws/automation", timeout=20) as answer:
            return list(json.load(answer)["executions"])


def code(version: int) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("hook.py", f"VERSION = {version}\n")
    return data.getvalue()


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        with AwsServer(speed=120.0) as server:
            yield server


@pytest.fixture(autouse=True, scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with credentials(tmp_path_factory.mktemp("aws")):
        yield


@pytest.fixture
def account(server: AwsServer) -> Iterator[Account]:
    with closing(Account(server)) as account:
        yield account
        account.control(release=None)
    server.faults.clear()


# An alias, directly


def test_an_alias_goes_back_at_once_and_forward_again(account: Account) -> None:
    account.function(versions=11, COLOUR="blue")
    asked = account.plan(Action.ROLLBACK, HOOK)
    assert (asked.plan.before, asked.plan.after, asked.plan.undo) == ("live: 11", "live: 10", "live back to 11")
    assert asked.plan.differences == ("code differs",)
    assert account.live() == "11"
    done = account.fixes.start(asked)
    assert (done.is_over, done.problem, done.said) == (True, "", "live points at 10")
    for _ in range(2):
        assert account.fixes.start(asked).said == "live points at 10"
    assert account.calls("UpdateAlias") == 1
    undo = fix(asked.order, account.fixes.undo(kept(asked, done)), number=13)
    assert (undo.plan.before, undo.plan.after) == ("live: 10", "live: 11")
    assert account.fixes.start(undo).is_over
    assert account.live() == "11"


def test_an_alias_whose_answer_was_lost_goes_back_once(account: Account) -> None:
    """The second try inside the client meets the stamp that the first one changed."""
    account.function(versions=3)
    asked = account.plan(Action.ROLLBACK, HOOK)
    account.server.faults.add({"service": "lambda", "operation": "UpdateAlias", "kind": "drop_after", "times": 1})
    assert account.fixes.start(asked).problem == ""
    assert account.live() == "2"


def test_an_alias_that_somebody_changed_is_left_alone(account: Account) -> None:
    account.function(versions=3)
    asked = account.plan(Action.ROLLBACK, HOOK)
    assert len(account.aws_fixes().rehearse(asked)) == 2
    account.point(1)
    with pytest.raises(Refused, match=r"changed since the plan was made; it points at 1\. Nothing was changed"):
        account.fixes.start(asked)
    with pytest.raises(Refused, match="changed since"):
        account.aws_fixes().rehearse(asked)
    with pytest.raises(Refused, match="pointed hook:live at 2, and it is at 1 by now"):
        account.fixes.undo(asked)
    assert account.calls("UpdateAlias") == 0


def test_traffic_that_is_being_shifted_is_taken_back(account: Account) -> None:
    account.function(versions=2)
    account.publish(3)
    account.point(2, RoutingConfig={"AdditionalVersionWeights": {"3": 0.1}})
    asked = account.plan(Action.ROLLBACK, HOOK)
    assert (asked.plan.before, asked.plan.after) == ("live: 2 (10% on 3)", "live: 2")
    assert account.fixes.start(asked).said == "live points at 2"
    found = account.shop("lambda").get_alias(FunctionName="hook", Name="live")
    assert not (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights")


def test_versions_by_name(account: Account) -> None:
    account.function(versions=4)
    roll = Action.ROLLBACK
    for named in ("1", "live:1"):
        assert account.plan(roll, HOOK, revision=named).plan.after == "live: 1"
    assert account.refused(roll, HOOK, revision="9") == "hook has no version “9”. There is 4, 3, 2, 1."
    assert "points at 4 already" in account.refused(roll, HOOK, revision="4")
    choices = account.fixes.choices(HOOK)
    assert [choice.revision for choice in choices] == ["3", "2", "1"]
    assert choices[0].differences == ("code differs",)
    assert choices[0].registered_at is not None


def turned(account: Account, number: int, status: S = S.VERIFIED, **values: Any) -> Remediation:
    """The alias, back by one version, by a remediation that stands like this since."""
    asked = fix(order := Order(action=Action.ROLLBACK, service="web"), account.fixes.plan(order, HOOK), number)
    done = account.fixes.start(asked)
    return kept(asked, done).changed(status=status, **values)


def knows(account: Account, *past: Remediation) -> None:
    account.more["past"] = lambda: past


def test_an_alias_never_goes_back_to_a_version_that_is_known_to_be_bad(account: Account) -> None:
    account.function(versions=5)
    account.point(3)
    knows(account, turned(account, 1))
    account.point(4)
    asked = account.plan(Action.ROLLBACK, HOOK)
    assert asked.plan.after == "live: 2", "FIX-1 went back from 3"
    assert account.plan(Action.RUNBOOK, HOOK, runbook=ROTATE).plan.after == "live: 2"
    named = account.plan(Action.ROLLBACK, HOOK, revision="3")
    assert named.plan.after == "live: 3", "people decide"
    assert "3 is known to be bad: FIX-1 went back from it" in named.plan.radius


def test_a_version_that_did_not_help_or_was_live_when_an_alarm_fired_is_bad_too(account: Account) -> None:
    account.function(versions=5)
    in_vain = turned(account, 1, S.NOT_RECOVERED)
    asked = account.plan(Action.ROLLBACK, HOOK)
    assert asked.plan.before == "live: 4"
    only_planned = asked.changed(number=2, subject="AL-7", status=S.EXPIRED)
    account.point(3)
    live_then = account.plan(Action.ROLLBACK, HOOK).changed(number=3, subject="AL-8", status=S.REJECTED)
    account.point(5)
    knows(account, live_then, only_planned, in_vain)
    assert account.plan(Action.ROLLBACK, HOOK).plan.after == "live: 2"


def test_where_no_version_is_good_it_says_why_of_each(account: Account) -> None:
    account.function(versions=3)
    second = turned(account, 1)
    first = turned(account, 2, S.NOT_RECOVERED)
    account.point(3)
    knows(account, first, second)
    for how in ({"action": Action.ROLLBACK}, {"action": Action.RUNBOOK, "runbook": ROTATE}):
        said = account.refused(resources=HOOK, **how)
        assert said == (
            "hook:live points at 3, and no version was published before that is not known to be bad: 2 (FIX-2 went "
            "back from it), 1 (FIX-2 went there, and it did not help). There is 3, 2, 1."
        )


def test_what_was_taken_back_or_is_of_another_alias_says_nothing(account: Account) -> None:
    account.function(versions=4)
    taken_back = turned(account, 1, undone_by=2)
    account.point(4)
    other = turned(account, 3)
    elsewhere = other.changed(
        plan=other.plan.model_copy(update={"target": other.plan.target.model_copy(update={"alias": "beta"})})
    )
    account.point(4)
    account.publish(5)
    account.point(5)
    knows(account, elsewhere, taken_back)
    assert account.plan(Action.ROLLBACK, HOOK).plan.after == "live: 4"


def test_how_a_function_and_a_queue_stand_later(account: Account) -> None:
    account.function(versions=3)
    asked = account.plan(Action.ROLLBACK, HOOK)
    account.fixes.start(asked)
    assert account.fixes.standing(asked) == Progress(said="live points at 2", is_over=True, state=asked.plan.state)
    by_runbook = account.plan(Action.RUNBOOK, HOOK, runbook=ROTATE)
    account.point(3)
    for each, wanted in ((asked, 2), (by_runbook, 1)):
        found = account.fixes.standing(each)
        assert found is not None
        assert f"live points at 3, not at {wanted}" in found.problem
    account.queues(count=2)
    redrive = account.plan(Action.RUNBOOK, DEAD, runbook=PURGE)
    assert account.fixes.standing(redrive) == Progress(
        said="2 dead letters in work-dlq", problem="2 dead letters in work-dlq again"
    )
    account.shop("sqs").purge_queue(QueueUrl=account.shop("sqs").get_queue_url(QueueName="work-dlq")["QueueUrl"])
    assert account.fixes.standing(redrive) == Progress(said="0 dead letters in work-dlq")


def test_functions_without_a_way_back(account: Account) -> None:
    nothing = Resources(region=REGION)
    assert "Put services.web.cluster and services.web.ecs_service" in account.refused(Action.ROLLBACK, nothing)
    assert "no function hook with an alias live" in account.refused(Action.ROLLBACK, HOOK)
    account.function(versions=1)
    assert "no version was published before" in account.refused(Action.ROLLBACK, HOOK)


# Runbooks


def test_a_group_gets_a_quarter_more_and_loses_it_again(account: Account) -> None:
    account.group()
    asked = account.plan(Action.RUNBOOK, WORKERS, runbook=SCALE_OUT)
    assert (asked.plan.before, asked.plan.after, asked.plan.undo) == ("4 instances", "5 instances", "back to 4")
    done, progress = account.to_the_end(asked)
    assert progress.problem == ""
    assert progress.said.startswith("desired capacity 4 → 5")
    assert account.capacity() == 5
    undo = fix(asked.order, account.fixes.undo(done), number=13, token="0b0f6d1e-2b6e-4b52-9d3a-3f1a5c1f7a11")
    assert (undo.plan.before, undo.plan.after) == ("5 instances", "4 instances")
    assert account.to_the_end(undo)[1].problem == ""
    assert account.capacity() == 4


def test_a_group_keeps_to_its_bounds(account: Account) -> None:
    account.group(desired=6)
    order = {"runbook": SCALE_OUT}
    assert "wants 6 instances, which is its most (MaxSize)" in account.refused(Action.RUNBOOK, WORKERS, **order)
    account.resize(5)
    assert account.plan(Action.RUNBOOK, WORKERS, **order).plan.after == "6 instances"
    given = {"DesiredCapacity": "9"}
    assert "6 instances at most" in account.refused(Action.RUNBOOK, WORKERS, parameters=given, **order)
    account.resize(0)
    assert "is turned off" in account.refused(Action.RUNBOOK, WORKERS, **order)
    other = WORKERS._replace(auto_scaling_group="others")
    assert "There is no Auto Scaling group others" in account.refused(Action.RUNBOOK, other, **order)


def test_a_group_that_somebody_changed_is_left_alone(account: Account) -> None:
    account.group()
    asked = account.plan(Action.RUNBOOK, WORKERS, runbook=SCALE_OUT)
    account.resize(2)
    done, progress = account.to_the_end(asked)
    assert "at “require expected capacity”" in progress.problem
    assert account.capacity() == 2
    with pytest.raises(Refused, match="FIX-12 left workers at 5, and it is at 2 by now"):
        account.fixes.undo(done)


def test_a_start_again_is_the_same_run(account: Account) -> None:
    account.queues()
    asked = account.plan(Action.RUNBOOK, DEAD, runbook=PURGE)
    first, *others = [account.fixes.start(asked).state["execution"] for _ in range(3)]
    assert others == [first, first]
    assert len(account.executions()) == 1
    assert account.to_the_end(asked)[1].problem == ""
    assert account.fixes.follow(asked).state["execution"] == first, "its start was never written down"
    assert len(account.executions()) == 1


def test_dead_letters_go_back_to_where_they_came_from(account: Account) -> None:
    account.queues()
    asked = account.plan(Action.RUNBOOK, DEAD, runbook=PURGE)
    assert (asked.plan.target.kind, asked.plan.target.name) == ("queue", "work-dlq")
    assert asked.plan.before == "3 dead letters"
    done, progress = account.to_the_end(asked)
    assert progress.problem == ""
    assert progress.said.startswith("messages 3 → ")
    assert account.waiting("work-dlq") == 0
    with pytest.raises(Refused, match="FIX-12 can't be undone: AIOps-PurgeSQSDLQ has no way back"):
        account.fixes.undo(done)
    assert "there is nothing to give back" in account.refused(Action.RUNBOOK, DEAD, runbook=PURGE)


def test_an_alias_by_runbook(account: Account) -> None:
    account.function(versions=7)
    asked = account.plan(Action.RUNBOOK, HOOK, runbook=ROTATE)
    assert (asked.plan.before, asked.plan.after) == ("live: 7", "live: 6")
    done, progress = account.to_the_end(asked)
    assert (progress.problem, account.live()) == ("", "6")
    undo = fix(asked.order, account.fixes.undo(done), number=13, token="0b0f6d1e-2b6e-4b52-9d3a-3f1a5c1f7a12")
    assert account.to_the_end(undo)[1].problem == ""
    assert account.live() == "7"
    asked = account.plan(Action.RUNBOOK, HOOK, runbook=ROTATE)
    account.point(3)
    with pytest.raises(Refused, match="hook is at 3 by now"):
        account.fixes.start(asked)
    with pytest.raises(Refused, match="it is at 3 by now"):
        account.fixes.undo(done)


def test_a_service_by_runbook(account: Account) -> None:
    account.serve()
    account.server.advance(120)
    asked = account.plan(Action.RUNBOOK, WEB, runbook="AIOps-RestartECSService")
    assert (asked.plan.before, asked.plan.after) == ("3 of 3 tasks run", "3 new tasks of web:1")
    old = account.tasks()
    _, progress = account.to_the_end(asked)
    assert progress.problem == ""
    assert progress.said == "all its steps succeeded"
    assert not old & account.tasks()
    account.update(desiredCount=0)
    assert "is turned off" in account.refused(Action.RUNBOOK, WEB, runbook="AIOps-RestartECSService")


def test_a_database_needs_a_topic_and_tells_it(account: Account) -> None:
    rds, runbook = account.shop("rds"), "AIOps-RDSFailover"
    rds.create_db_cluster(
        DBClusterIdentifier="orders",
        Engine="aurora-postgresql",
        MasterUsername="shop",
        MasterUserPassword="not-a-secret",
    )
    for letter in "ab":
        rds.create_db_instance(
            DBInstanceIdentifier=f"orders-{letter}",
            DBClusterIdentifier="orders",
            Engine="aurora-postgresql",
            DBInstanceClass="db.r6g.large",
        )
    orders = Resources(account=ACCOUNT, region=REGION, database="orders")
    assert account.refused(Action.RUNBOOK, orders, runbook=runbook) == (
        "AIOps-RDSFailover also needs TopicArn. Put services.web.runbooks.AIOps-RDSFailover.TopicArn into config.yml."
    )
    topic = account.shop("sns").create_topic(Name="sev1")["TopicArn"]
    given = {"TopicArn": topic, "Force": "true"}
    asked = account.plan(Action.RUNBOOK, orders, runbook=runbook, parameters=given)
    assert asked.plan.before == "orders-a writes, available"
    assert asked.plan.state["parameters"]["ResourceType"] == "db-cluster"
    assert "connections break" in asked.plan.radius
    assert account.to_the_end(asked)[1].problem == ""
    quiet = account.plan(Action.RUNBOOK, orders, runbook=runbook, parameters={"TopicArn": topic})
    assert quiet.plan.radius == "nothing is changed"
    assert quiet.plan.is_look
    assert quiet.plan.offers == {"Force a failover…": "Force=true"}
    assert (asked.plan.is_look, asked.plan.offers) == (False, {})
    single = orders._replace(database="orders-b")
    assert account.plan(Action.RUNBOOK, single, runbook=runbook, parameters=given).plan.before.startswith("in ")
    nowhere = orders._replace(database="nowhere")
    assert "There is no database nowhere" in account.refused(Action.RUNBOOK, nowhere, runbook=runbook, parameters=given)


def test_a_cache_forgets(account: Account) -> None:
    origin = {
        "Id": "alb",
        "DomainName": "shop.example",
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
    }
    made = account.shop("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "shop",
            "Comment": "shop",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "alb", "ViewerProtocolPolicy": "redirect-to-https"},
        }
    )
    edge, order = (
        Resources(region=REGION, distribution=made["Distribution"]["Id"]),
        {"runbook": "AIOps-InvalidateCFCache"},
    )
    asked = account.plan(Action.RUNBOOK, edge, parameters={"Path": "/img/*"}, **order)
    assert asked.plan.before == "/img/* kept at the edge"
    assert account.to_the_end(asked)[1].problem == ""
    gone = edge._replace(distribution="E00000000")
    assert account.refused(Action.RUNBOOK, gone, **order) == "There is no CloudFront distribution E00000000."


def test_runbooks_that_hang_are_stopped(account: Account) -> None:
    account.queues()
    account.control(hang=PURGE, at="WaitForMove")
    asked = account.plan(Action.RUNBOOK, DEAD, runbook=PURGE)
    progress, until = account.fixes.start(asked), time.monotonic() + PATIENCE
    while progress.said != "step 4 of 7: wait for move":
        assert time.monotonic() < until, progress.said
        asked = kept(asked, progress)
        time.sleep(0.02)
        progress = account.fixes.follow(asked)
    account.fixes.stop(asked)
    account.fixes.stop(asked)
    while not (progress := account.fixes.follow(asked)).is_over:
        assert time.monotonic() < until
    assert progress.problem.startswith("ended as cancelled")


def test_a_runbook_that_is_denied_says_what(account: Account) -> None:
    account.queues()
    asked = account.plan(Action.RUNBOOK, DEAD, runbook=PURGE)
    caller = "sandbox-automation.AIOps-Automation"
    account.server.faults.add(
        {"service": "sqs", "operation": "StartMessageMoveTask", "kind": "error", "caller": caller, "times": None}
    )
    _, progress = account.to_the_end(asked)
    assert "at “start move”" in progress.problem
    assert "StartMessageMoveTask" in progress.problem
    account.server.faults.clear()
    account.server.faults.add({"service": "ssm", "operation": "StartAutomationExecution", "kind": "error"})
    with pytest.raises(CloudError, match="ssm:StartAutomationExecution on AIOps-PurgeSQSDLQ"):
        account.fixes.start(fix(asked.order, asked.plan, token="0b0f6d1e-2b6e-4b52-9d3a-3f1a5c1f7a13"))


def test_what_ssm_answers_is_told_in_our_words(account: Account) -> None:
    account.queues()
    asked = account.plan(Action.RUNBOOK, DEAD, runbook=PURGE)

    def fault(operation: str, error: str) -> None:
        account.server.faults.add({"service": "ssm", "operation": operation, "kind": "error", "error": error})

    fault("StartAutomationExecution", "AutomationExecutionLimitExceededException")
    with pytest.raises(CloudError) as busy:
        account.fixes.start(asked)
    assert busy.value.retryable, "others have to end first"
    fault("StartAutomationExecution", "AutomationDefinitionNotFoundException")
    with pytest.raises(Refused, match="does not exist in us-east-1; deploy infra/"):
        account.fixes.start(asked)
    fault("DescribeDocument", "AccessDeniedException")
    with pytest.raises(CloudError, match="ssm:DescribeDocument on AIOps-PurgeSQSDLQ"):
        account.plan(Action.RUNBOOK, DEAD, runbook=PURGE)
    asked = kept(asked, account.fixes.start(asked))
    fault("GetAutomationExecution", "AutomationExecutionNotFoundException")
    assert account.fixes.follow(asked).problem == "Its execution is gone."
    account.server.faults.add({"service": "ssm", "operation": "GetAutomationExecution", "kind": "throttle", "times": 2})
    with pytest.raises(CloudError) as throttled:
        account.fixes.follow(asked)
    assert throttled.value.retryable


def test_a_rehearsal_runs_the_document_dry(account: Account) -> None:
    account.queues()
    asked = account.plan(Action.RUNBOOK, DEAD, runbook=PURGE)
    lines = account.aws_fixes().rehearse(asked)
    assert lines[0] == "Dry run of AIOps-PurgeSQSDLQ: done, nothing was changed."
    assert "messages: 3" in lines
    assert account.waiting("work-dlq") == 3
    account.aws_fixes().rehearse(asked)
    assert account.to_the_end(asked)[1].problem == "", "a rehearsal does not use up the run"
    assert account.waiting("work-dlq") == 0


def test_runbooks_are_refused_in_words(account: Account) -> None:
    run = Action.RUNBOOK
    for other in ("", "AWS-RunShellScript", "AIOps-Nothing"):
        said = account.refused(run, WEB, runbook=other)
        assert said.startswith(f"I don't know the runbook “{other}”. There is AIOps-RestartECSService, ")
    assert account.refused(run, Resources(region=REGION), runbook=PURGE) == (
        "I don't know what AIOps-PurgeSQSDLQ is to act on for web. Put services.web.dead_letter_queue or "
        "runbooks.AIOps-PurgeSQSDLQ.QueueUrl into config.yml."
    )
    assert "There is no queue work-dlq" in account.refused(run, DEAD, runbook=PURGE)
    said = account.refused(run, DEAD, runbook=PURGE, parameters={"Colour": "red"})
    assert said == "AIOps-PurgeSQSDLQ knows no Colour. It takes QueueUrl, MessagesPerSecond."
    for ours in ("AutomationAssumeRole", "DryRun"):
        assert "can't be given" in account.refused(run, DEAD, runbook=PURGE, parameters={ours: "x"})
    account.queues()
    asked = account.plan(run, DEAD, runbook=PURGE, parameters={"MessagesPerSecond": "lots"})
    with pytest.raises(Refused, match="does not take these parameters"):
        account.fixes.start(asked)
    account.more = {}
    assert "needs a role to act as: deploy infra/" in account.refused(run, DEAD, runbook=PURGE)
    account.shop("ssm").delete_document(Name=PURGE)
    assert account.refused(run, DEAD, runbook=PURGE) == (
        "The SSM document AIOps-PurgeSQSDLQ does not exist in us-east-1; deploy infra/."
    )


def test_every_document_and_parameter_is_known() -> None:
    """What the catalogue fills in is what the documents take."""
    assert set(FROM_CATALOGUE) == {path.stem for path in FOLDER.glob("*.yml")}
    for document, parameters in FROM_CATALOGUE.items():
        text = (FOLDER / f"{document}.yml").read_text()
        assert all(f"\n  {name}:\n" in text for name in parameters)
        assert set(parameters.values()) <= set(Resources._fields)


# With the state machine


@pytest.fixture
def orchestrated(account: Account) -> Iterator[tuple[Account, Stubber]]:
    account.more = {"run_as": RunAs(ROLE, MACHINE)}
    account.queues()
    with Stubber(account.clients.get("stepfunctions", region=REGION)) as states:
        yield account, states
        states.assert_no_pending_responses()


def test_the_state_machine_is_told_all(orchestrated: tuple[Account, Stubber]) -> None:
    account, states = orchestrated
    asked = account.plan(Action.RUNBOOK, DEAD, runbook=PURGE)
    asked = asked.changed(subject="INC-42", approved_by={"U0ANA": NOW, "U0CY": NOW})
    given = {
        "remediation_id": TOKEN,
        "document": PURGE,
        "parameters": {name: [value] for name, value in asked.plan.state["parameters"].items()},
        "service": "web",
        "incident": "INC-42",
        "approval_id": "FIX-12",
        "approved_by": "U0ANA, U0CY",
    }
    execution = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:RemediationOrchestrator:{TOKEN}"
    expected = {"stateMachineArn": MACHINE, "name": TOKEN, "input": json.dumps(given, sort_keys=True)}
    states.add_response("start_execution", {"executionArn": execution, "startDate": 0}, expected)
    states.add_client_error("start_execution", "ExecutionAlreadyExists", expected_params=expected)
    first = account.fixes.start(asked)
    assert account.fixes.start(asked) == first
    asked = kept(asked, first)
    assert asked.plan.state["execution"] == execution
    told = {"executionArn": execution, "stateMachineArn": MACHINE, "startDate": 0}
    states.add_response("describe_execution", {**told, "status": "RUNNING"}, {"executionArn": execution})
    states.add_response("describe_execution", {**told, "status": "SUCCEEDED"}, {"executionArn": execution})
    failed = {**told, "status": "FAILED", "error": "Refused", "cause": "there is no approval"}
    states.add_response("describe_execution", failed, {"executionArn": execution})
    assert account.fixes.follow(asked).said == "RemediationOrchestrator runs it"
    assert account.fixes.follow(asked).is_over
    assert account.fixes.follow(asked).problem == "there is no approval"


def test_what_the_state_machine_started_is_stopped_with_it(orchestrated: tuple[Account, Stubber]) -> None:
    account, states = orchestrated
    account.control(hang=PURGE, at="WaitForMove")
    asked = account.plan(Action.RUNBOOK, DEAD, runbook=PURGE)
    given = {name: [value] for name, value in asked.plan.state["parameters"].items()}
    automation = account.shop("ssm").start_automation_execution(DocumentName=PURGE, Parameters=given)
    execution = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:RemediationOrchestrator:{TOKEN}"
    states.add_response("start_execution", {"executionArn": execution, "startDate": 0})
    asked = kept(asked, account.fixes.start(asked))
    output = json.dumps({"automation": {"execution_id": automation["AutomationExecutionId"]}})
    event = {
        "timestamp": 0,
        "type": "TaskStateExited",
        "id": 1,
        "stateExitedEventDetails": {"name": "Start", "output": output},
    }
    states.add_response("stop_execution", {"stopDate": 0})
    states.add_response("get_execution_history", {"events": [event]})
    account.fixes.stop(asked)
    until = time.monotonic() + PATIENCE
    while account.executions()[0]["status"] != "Cancelled":
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_state_machine_is_for_its_own_region(orchestrated: tuple[Account, Stubber]) -> None:
    account, states = orchestrated
    asked = account.plan(Action.RUNBOOK, DEAD, runbook=PURGE)
    states.add_client_error("start_execution", "StateMachineDoesNotExist")
    with pytest.raises(Refused, match="There is no state machine"):
        account.fixes.start(asked)
    account.more = {"run_as": RunAs(ROLE, MACHINE.replace(REGION, "eu-west-1"))}
    assert account.to_the_end(asked)[1].problem == ""
    assert account.server.log.since(caller=BOT_KEY, operation="StartAutomationExecution")
