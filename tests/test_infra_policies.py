"""What the roles of `infra/` may do: what the bot and the runbooks call, and nothing that nobody should."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from bot.integrations.aws.alarms import CloudWatchAlarms
from bot.integrations.aws.bus import EventBridgeBus
from bot.integrations.aws.clients import Clients
from bot.integrations.aws.queue import SqsInbox
from bot.integrations.aws.topics import SnsMailer
from bot.ports import Event
from sandbox.aws.server import BOT_KEY, SECRET, AwsServer
from tests.iam import Request, Verdict, evaluate, is_allowed, recorded_calls, tagged
from tests.stack import ACCOUNT, EVERYTHING, REGION, Stack

ROOT = Path(__file__).parents[1]
RUNBOOKS = sorted((ROOT / "scripts" / "ssm").glob("*.yml"))
MANAGED = tagged(aiops_managed="true")
STACK = Stack(**EVERYTHING)

SERVICE = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop-prod/checkout-api"
TASK = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/shop-prod/0123456789abcdef"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:checkout"
RCA = EVERYTHING["RcaFunctionArn"]
AUTOMATION = f"arn:aws:ssm:{REGION}:{ACCOUNT}:automation-execution/4105a4fc-f944-11e6-9d32-0a1b2c3d495h"
EXECUTION = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:RemediationOrchestrator:0f8d2a86"
ALARM = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:prod-checkout-api-5xx-critical"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/checkout-api"

Json = dict[str, Any]


def role_of(path: Path) -> str:
    return f"{path.stem.removeprefix('AIOps-')}Role"


def calls(actions: str, resource: str = "*", context: Any = None) -> list[Request]:
    return [Request(action, resource, context or {}) for action in actions.split()]


BOT_CALLS = [
    *calls("sqs:ReceiveMessage sqs:DeleteMessage sqs:ChangeMessageVisibility", STACK.arn("AlertQueue")),
    *(Request("sns:Publish", STACK.arn(f"Sev{severity}Topic")) for severity in (1, 2, 3, 4)),
    Request("sns:Publish", EVERYTHING["MailTopicArns"]),
    Request("events:PutEvents", STACK.arn("AlertBus")),
    *calls(
        "cloudwatch:DescribeAlarms cloudwatch:GetMetricData cloudwatch:GetMetricStatistics "
        "cloudwatch:GetMetricWidgetImage logs:GetQueryResults logs:StopQuery xray:GetTraceSummaries "
        "xray:BatchGetTraces cloudtrail:LookupEvents health:DescribeEvents health:DescribeAffectedEntities "
        "health:DescribeEventDetails ecs:DescribeTaskDefinition ecs:ListTaskDefinitions"
    ),
    *calls("cloudwatch:ListTagsForResource cloudwatch:DescribeAlarmHistory", ALARM),
    *calls("logs:StartQuery", LOGS),
    *calls("ecs:DescribeServices ecs:ListServiceDeployments", SERVICE),
    *calls("ecs:DescribeTasks ecs:ListTasks", TASK),
    *calls("ecs:UpdateService", SERVICE, MANAGED),
    *calls("ecs:StopTask", TASK, MANAGED),
    *calls("lambda:GetAlias lambda:ListVersionsByFunction", FUNCTION),
    *calls("lambda:UpdateAlias", FUNCTION, MANAGED),
    *calls(
        "ecs:DescribeServiceDeployments ecs:DescribeServiceRevisions",
        f"{SERVICE}/x".replace(":service/", ":service-deployment/"),
    ),
    *calls("sqs:GetQueueUrl sqs:GetQueueAttributes", f"arn:aws:sqs:{REGION}:{ACCOUNT}:payments-work-dlq"),
    *calls("autoscaling:DescribeAutoScalingGroups rds:DescribeDBClusters rds:DescribeDBInstances"),
    *calls("cloudfront:GetDistribution", f"arn:aws:cloudfront::{ACCOUNT}:distribution/EDFDVBD6EXAMPLE"),
    *calls("lambda:InvokeFunction", RCA),
    *calls("lambda:InvokeFunction", f"{RCA}:live"),
    *(
        Request("ssm:StartAutomationExecution", arn)
        for path in RUNBOOKS
        for arn in (
            f"arn:aws:ssm:{REGION}:{ACCOUNT}:document/{path.stem}",
            f"arn:aws:ssm:{REGION}:{ACCOUNT}:automation-definition/{path.stem}:$DEFAULT",
            AUTOMATION,
        )
    ),
    *(Request("ssm:DescribeDocument", f"arn:aws:ssm:{REGION}:{ACCOUNT}:document/{path.stem}") for path in RUNBOOKS),
    *calls("ssm:GetAutomationExecution ssm:StopAutomationExecution", AUTOMATION),
    *calls("states:StartExecution", STACK.arn("RemediationOrchestrator")),
    *calls("states:DescribeExecution states:GetExecutionHistory states:StopExecution", EXECUTION),
    *(
        Request("iam:PassRole", STACK.arn(role_of(path)), {"iam:PassedToService": "ssm.amazonaws.com"})
        for path in RUNBOOKS
    ),
    *(
        Request(f"dynamodb:{action}", STACK.arn(table))
        for table in ("AlertDeduplicationTable", "IncidentsTable", "AutoRemediationApprovalTable")
        for action in ("GetItem", "PutItem", "UpdateItem", "Query")
    ),
]
"""What the bot calls: its adapters' calls, and what investigations and remediations need."""

DANGEROUS = [
    *calls("iam:CreateUser iam:CreateAccessKey iam:AttachRolePolicy iam:PutRolePolicy iam:PassRole"),
    Request("iam:PassRole", STACK.arn("BotRole"), {"iam:PassedToService": "ssm.amazonaws.com"}),
    Request("iam:PassRole", STACK.arn("RDSFailoverRole"), {"iam:PassedToService": "ec2.amazonaws.com"}),
    Request("iam:PassRole", STACK.arn("RDSFailoverRole")),
    Request("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/Admin"),
    *calls("s3:GetObject s3:PutObject", "arn:aws:s3:::customers/list.csv"),
    *calls("s3:DeleteBucket", "arn:aws:s3:::customers"),
    *calls("ecs:DeleteService ecs:UpdateTaskSet", SERVICE, MANAGED),
    *calls("ecs:RegisterTaskDefinition ecs:DeregisterTaskDefinition ecs:RunTask ecs:DeleteCluster", context=MANAGED),
    *calls("ecs:ExecuteCommand", TASK, MANAGED),
    *calls("ecs:UpdateService", SERVICE),
    *calls("ecs:UpdateService", SERVICE, tagged(aiops_managed="false")),
    *calls("ecs:UpdateService", SERVICE.replace("shop-prod", "bank-prod"), MANAGED),
    *calls("ecs:UpdateService", SERVICE.replace(ACCOUNT, "210987654321"), MANAGED),
    *calls("ecs:StopTask", TASK),
    *calls("sqs:PurgeQueue sqs:DeleteQueue sqs:SetQueueAttributes sqs:SendMessage", STACK.arn("AlertQueue")),
    *calls("sqs:ReceiveMessage sqs:DeleteMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:payments-work", MANAGED),
    *calls("sqs:ReceiveMessage", STACK.arn("AlertDeadLetterQueue")),
    *calls("sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:payroll"),
    *calls("sns:Subscribe sns:DeleteTopic", STACK.arn("Sev1Topic")),
    *calls("events:PutEvents", f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"),
    *calls("events:PutRule events:DeleteRule", STACK.arn("AlarmStateRule")),
    *calls("dynamodb:DeleteTable dynamodb:Scan dynamodb:UpdateTable", STACK.arn("IncidentsTable")),
    *calls("dynamodb:GetItem dynamodb:PutItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Customers"),
    *calls("ec2:TerminateInstances ec2:RunInstances", context=MANAGED),
    *calls("rds:DeleteDBInstance rds:FailoverDBCluster", f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:catalog", MANAGED),
    *calls("lambda:UpdateFunctionCode lambda:DeleteFunction lambda:InvokeFunction", FUNCTION, MANAGED),
    *calls("lambda:UpdateAlias", FUNCTION),
    *calls("logs:DeleteLogGroup", LOGS),
    *calls("logs:StartQuery", LOGS.replace("/ecs/", "/payroll/")),
    *calls("cloudwatch:DeleteAlarms cloudwatch:SetAlarmState cloudwatch:DisableAlarmActions", ALARM),
    *calls("ssm:StartAutomationExecution", f"arn:aws:ssm:{REGION}:{ACCOUNT}:document/AIOps-DropDatabase"),
    *calls("ssm:StartAutomationExecution", f"arn:aws:ssm:{REGION}::automation-definition/AWS-RunShellScript:1"),
    *calls("ssm:UpdateDocument ssm:DeleteDocument", STACK.arn("RDSFailoverDocument")),
    *calls("ssm:DescribeDocument ssm:GetDocument", f"arn:aws:ssm:{REGION}:{ACCOUNT}:document/AIOps-DropDatabase"),
    *calls("rds:DescribeDBSnapshots", f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:orders"),
    *calls(
        "cloudfront:UpdateDistribution cloudfront:CreateInvalidation",
        f"arn:aws:cloudfront::{ACCOUNT}:distribution/EDFDVBD6EXAMPLE",
        MANAGED,
    ),
    *calls("autoscaling:SetDesiredCapacity autoscaling:TerminateInstanceInAutoScalingGroup", context=MANAGED),
    *calls("sqs:StartMessageMoveTask", f"arn:aws:sqs:{REGION}:{ACCOUNT}:payments-work-dlq", MANAGED),
    *calls("ssm:SendCommand ssm:GetParameter ssm:SendAutomationSignal"),
    *calls("states:UpdateStateMachine states:DeleteStateMachine", STACK.arn("RemediationOrchestrator")),
    *calls("states:StartExecution", f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:Payroll"),
    *calls("secretsmanager:GetSecretValue kms:Decrypt cloudformation:DeleteStack cloudtrail:StopLogging"),
]
"""What nobody who takes over the bot, or whom it believes, should be able to do."""


def spoken(request: Request) -> str:
    context = ", ".join(f"{key.rpartition('/')[2]}={value}" for key, value in request.context.items())
    return " ".join(filter(None, (request.action, request.resource.partition(ACCOUNT)[2], context)))


# -- the bot


@pytest.mark.parametrize("request_", BOT_CALLS, ids=spoken)
def test_what_the_bot_calls_is_allowed(request_: Request) -> None:
    assert evaluate(STACK.policies("BotRole"), request_) is Verdict.ALLOWED


@pytest.mark.parametrize("request_", DANGEROUS, ids=spoken)
@pytest.mark.parametrize("role", ["BotRole", "OrchestratorRole"])
def test_what_is_dangerous_is_not_allowed(role: str, request_: Request) -> None:
    assert not is_allowed(STACK.policies(role), request_)


def test_without_direct_actions_only_runbooks_change_anything() -> None:
    policies = Stack(DirectActions="false").policies("BotRole")
    for request in (
        Request("ecs:UpdateService", SERVICE, MANAGED),
        Request("ecs:StopTask", TASK, MANAGED),
        Request("lambda:UpdateAlias", FUNCTION, MANAGED),
    ):
        assert not is_allowed(policies, request)
    assert is_allowed(policies, Request("states:StartExecution", STACK.arn("RemediationOrchestrator")))


def test_without_a_root_cause_function_none_may_be_invoked() -> None:
    assert not is_allowed(Stack().policies("BotRole"), Request("lambda:InvokeFunction", RCA))


def test_every_permission_is_for_something() -> None:
    """An action that no listed call needs is one too many; what follows of another call is named here."""
    implied = {
        *("dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"),
        *("logs:CreateLogStream", "logs:PutLogEvents"),  # the container's log driver
        *("ecs:DescribeClusters", "ecs:ListServices"),
        "lambda:GetFunctionConfiguration",
    }
    needed = {request.action for request in BOT_CALLS} | implied
    assert set(actions(STACK.policies("BotRole"))) == needed


def actions(policies: list[Json]) -> Iterator[str]:
    for policy in policies:
        for each in policy["Statement"]:
            yield from each["Action"] if isinstance(each["Action"], list) else [each["Action"]]


def test_no_permission_is_a_wildcard() -> None:
    for role in STACK.of_type("AWS::IAM::Role"):
        assert not [action for action in actions(STACK.policies(role)) if "*" in action], role


@pytest.mark.parametrize("role", list(STACK.of_type("AWS::IAM::Role")))
def test_what_changes_something_names_its_resource(role: str) -> None:
    """`*` is for reading, and for the deliveries of logs, which have no ARN."""
    for policy in STACK.policies(role):
        for each in policy["Statement"]:
            if each["Resource"] != "*":
                continue
            for action in actions([{"Statement": [each]}]):
                verb = action.partition(":")[2]
                is_reading = re.match(r"Describe|Get|List|Lookup|BatchGet|StopQuery", verb)
                assert is_reading or (role == "OrchestratorRole" and action.startswith("logs:")), action


def test_policies_are_not_too_large() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, without blanks."""
    for role in STACK.of_type("AWS::IAM::Role").values():
        own = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
        assert sum(len(json.dumps(policy, separators=(",", ":"))) for policy in own) <= 10_240
        assert len(json.dumps(role["AssumeRolePolicyDocument"], separators=(",", ":"))) <= 2_048
    for managed in STACK.of_type("AWS::IAM::ManagedPolicy").values():
        assert len(json.dumps(managed["PolicyDocument"], separators=(",", ":"))) <= 6_144


# -- recorded calls


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Json]]:
    """What the sandbox recorded of the bot's own adapters."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", BOT_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with AwsServer() as aws:
        others = aws.credentials("sandbox-ana")
        queue = boto3.client("sqs", **others).create_queue(QueueName="aiops-alerts")["QueueUrl"]
        boto3.client("sqs", **others).send_message(QueueUrl=queue, MessageBody="{}")
        boto3.client("events", **others).create_event_bus(Name="aiops-alerts")
        topic = boto3.client("sns", **others).create_topic(Name=STACK.name("Sev1Topic"))["TopicArn"]
        clients = Clients(endpoint_url=aws.url, region=REGION)
        inbox = SqsInbox(clients, queue)
        receipts = [message.receipt for message in inbox.receive(wait=0)]
        inbox.extend(receipts, 60)
        inbox.delete(receipts)
        EventBridgeBus(clients, "aiops-alerts").put([Event("AlertCreated", {"version": "1"})])
        SnsMailer(clients).publish(topic, "SEV-1", "it burns")
        alarms = CloudWatchAlarms(clients, lambda: datetime.now(UTC))
        alarms.tags([ALARM])
        alarms.states(["prod-checkout-api-5xx-critical"], REGION)
        alarms.close()
        clients.close()
        yield aws.log.since(caller=BOT_KEY)


def test_what_the_adapters_were_seen_to_call_is_allowed(log: list[Json]) -> None:
    requests = recorded_calls(log)
    assert {request.action for request in requests} == {
        *("sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"),
        *("events:PutEvents", "sns:Publish", "cloudwatch:ListTagsForResource", "cloudwatch:DescribeAlarms"),
    }
    assert {request: Verdict.ALLOWED for request in map(spoken, requests)} == {
        spoken(request): evaluate(STACK.policies("BotRole"), request) for request in requests
    }


# -- runbooks

AFTER_OTHERS = {"PurgeSQSDLQRole": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SendMessage"}}
"""What AWS asks for beside the calls that a runbook makes: moving is receiving, sending and deleting."""
RESOURCES = {
    "autoscaling": f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:0f8d2a86:autoScalingGroupName/web",
    "cloudfront": f"arn:aws:cloudfront::{ACCOUNT}:distribution/EDFDVBD6EXAMPLE",
    "ecs": SERVICE,
    "lambda": FUNCTION,
    "rds": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:catalog",
    "sns": STACK.arn("Sev2Topic"),
    "sqs": f"arn:aws:sqs:{REGION}:{ACCOUNT}:payments-work-dlq",
}
CHANGING = re.compile(r":(Update|SetDesired|Start|Failover|Reboot|Create)")


def steps(node: Any) -> Iterator[str]:
    """The IAM actions of a runbook's steps."""
    if isinstance(node, dict):
        if "Api" in node:
            yield f"{node['Service']}:{node['Api']}"
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from steps(each)


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_may_do_what_its_steps_do_and_no_more(path: Path) -> None:
    role = role_of(path)
    policies = STACK.policies(role)
    called = set(steps(yaml.safe_load(path.read_text(encoding="utf-8"))["mainSteps"]))
    assert called, "the steps are found"
    for action in called:
        resource = RESOURCES[action.partition(":")[0]]
        assert is_allowed(policies, Request(action, resource, MANAGED)), action
        if CHANGING.search(action):
            assert not is_allowed(policies, Request(action, resource)), f"{action} needs the tag"
    assert set(actions(policies)) == called | AFTER_OTHERS.get(role, set())


@pytest.mark.parametrize("role", [role_of(path) for path in RUNBOOKS])
def test_a_runbooks_role_is_for_automations_of_this_account(role: str) -> None:
    trust = [STACK.properties(role)["AssumeRolePolicyDocument"]]

    def by(principal: str, account: str) -> Request:
        source = f"arn:aws:ssm:{REGION}:{account}:automation-execution/x"
        context = {"aws:SourceAccount": account, "aws:SourceArn": source}
        return Request("sts:AssumeRole", STACK.arn(role), context, principal)

    assert is_allowed(trust, by("ssm.amazonaws.com", ACCOUNT))
    assert not is_allowed(trust, by("ssm.amazonaws.com", "210987654321"))
    assert not is_allowed(trust, by("ec2.amazonaws.com", ACCOUNT))


# -- the orchestrator


def test_the_orchestrator_may_do_what_its_states_do() -> None:
    policies = STACK.policies("OrchestratorRole")
    table = STACK.arn("AutoRemediationApprovalTable")
    assert is_allowed(policies, Request("dynamodb:GetItem", table))
    assert not is_allowed(policies, Request("dynamodb:PutItem", table)), "it can't approve"
    assert is_allowed(policies, Request("events:PutEvents", STACK.arn("AlertBus")))
    assert is_allowed(policies, Request("ssm:StopAutomationExecution", AUTOMATION))
    assert not is_allowed(policies, Request("ecs:UpdateService", SERVICE, MANAGED)), "that is the runbook's"


def test_the_rule_may_only_start_the_orchestrator() -> None:
    policies = STACK.policies("EventsRole")
    assert list(actions(policies)) == ["states:StartExecution"]
    assert is_allowed(policies, Request("states:StartExecution", STACK.arn("RemediationOrchestrator")))
    assert not is_allowed(
        policies, Request("states:StartExecution", f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:x")
    )
