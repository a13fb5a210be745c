"""The rules of `infra/`: which events they take, where to, and who may write on the queue and the topics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.iam import Request, Verdict, evaluate, is_allowed
from tests.stack import ACCOUNT, EVERYTHING, REGION, Stack

FIXTURES = Path(__file__).parent / "fixtures"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:aiops-alerts"

Json = dict[str, Any]


@pytest.fixture(scope="module")
def usual() -> Stack:
    return Stack()


@pytest.fixture(scope="module")
def whole() -> Stack:
    return Stack(**EVERYTHING)


# -- rules


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """EventBridge's matching, as far as these rules use it: all fields of a pattern, any value of a field."""
    for key, wanted in pattern.items():
        if key == "$or":
            if not any(matches(each, event) for each in wanted):
                return False
        elif isinstance(wanted, dict):
            inner = event.get(key, {})
            if not matches(wanted, inner if isinstance(inner, dict) else {}):
                return False
        elif not any(fits(each, event, key) for each in wanted):
            return False
    return True


def fits(wanted: Any, event: Mapping[str, Any], key: str) -> bool:
    if not isinstance(wanted, dict):
        return bool(event.get(key) == wanted)
    ((operator, argument),) = wanted.items()
    value = event.get(key)
    if operator == "exists":  # of values only, says EventBridge
        return (value is not None and not isinstance(value, dict)) is argument
    if operator == "prefix":
        return isinstance(value, str) and value.startswith(argument)
    assert operator == "anything-but", operator
    if isinstance(argument, dict):
        return value is not None and not fits(argument, event, key)
    return value is not None and value not in argument


def fixture(name: str) -> Json:
    event: Json = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    return event


def own(detail_type: str, **detail: Any) -> Json:
    return {"source": "aiops.alerts", "detail-type": detail_type, "account": ACCOUNT, "detail": detail}


REMEDIATION = {
    "remediation_id": "0f8d2a86-8e0c-4b6b-9f8e-6f3f6b0a6c11",
    "document": "AIOps-RestartECSService",
    "parameters": {"Cluster": ["shop-prod"], "Service": ["checkout-api"]},
    "service": "checkout-api",
}
EVENTS: list[tuple[str, str, Json, set[str]]] = [
    ("alerts", "another producer's alert", fixture("foreign_alert_created"), {"RouteCriticalAlertsRule"}),
    ("alerts", "an alert of nobody", own("AlertCreated", name="x"), {"RouteCriticalAlertsRule"}),
    ("alerts", "our own alert", fixture("own_alert_created"), set()),
    ("alerts", "an alert after triage", own("AlertEnriched", alert={"id": "AL-1"}), set()),
    ("alerts", "… that asks for a runbook", own("AlertEnriched", remediation=REMEDIATION), {"AutoRemediateRule"}),
    (
        "alerts",
        "… and says it is approved",
        own("AlertEnriched", remediation=REMEDIATION | {"approval_id": "AP-1"}),
        set(),
    ),
    (
        "alerts",
        "… for another document",
        own("AlertEnriched", remediation=REMEDIATION | {"document": "AWS-RunShellScript"}),
        set(),
    ),
    ("alerts", "an acknowledgement", own("AlertAcknowledged"), {"CreateIncidentRule"}),
    ("alerts", "the end of a remediation", own("RemediationFinished"), {"RemediationFinishedRule"}),
    ("alerts", "the end of an incident", own("IncidentResolved"), set()),
    ("default", "an alarm", fixture("event_metric_alarm"), {"AlarmStateRule"}),
    (
        "default",
        "an alarm by which a service scales",
        {
            "source": "aws.cloudwatch",
            "detail-type": "CloudWatch Alarm State Change",
            "detail": {"alarmName": "TargetTracking-service/shop-prod/checkout-api-AlarmLow-1"},
        },
        set(),
    ),
    ("default", "an alarm's configuration", fixture("event_configuration_change"), set()),
    ("default", "a deployment by ECS", fixture("ecs_deployment_failed"), {"EcsDeploymentRule"}),
    ("default", "a service that can't run", fixture("ecs_service_action_error"), {"EcsServiceRule"}),
    ("default", "a service that can again", fixture("ecs_service_action_steady"), {"EcsServiceRule"}),
    ("default", "small talk of a service", fixture("ecs_service_action_warning"), set()),
    ("default", "a deployment by CodeDeploy", fixture("codedeploy_failure"), {"CodeDeployRule"}),
    ("default", "AWS Health", fixture("health_issue_open"), {"HealthRule"}),
    ("default", "GuardDuty", fixture("guardduty_finding"), set()),
    ("deployments", "a pipeline's deployment", fixture("deployment_announced_failed"), {"DeploymentRule"}),
    ("pagerduty", "PagerDuty", fixture("pagerduty_acknowledged"), {"PagerDutyRule"}),
]
BUSES = {
    "alerts": "aiops-alerts",
    "deployments": "aiops-deployments",
    "default": "default",
    "pagerduty": EVERYTHING["PagerDutyEventSource"],
}


@pytest.mark.parametrize(("bus", "event", "rules"), [pytest.param(b, e, r, id=name) for b, name, e, r in EVENTS])
def test_rules_take_what_they_should_and_nothing_else(whole: Stack, bus: str, event: Json, rules: set[str]) -> None:
    taken = {
        name
        for name, rule in whole.of_type("AWS::Events::Rule").items()
        if rule.get("EventBusName", "default") == BUSES[bus]
        and "EventPattern" in rule
        and matches(rule["EventPattern"], event)
    }
    assert taken == rules


def test_there_is_an_event_for_every_rule(whole: Stack) -> None:
    tried = {rule for *_, rules in EVENTS for rule in rules}
    assert tried | {"WeeklyDigestRule"} == set(whole.of_type("AWS::Events::Rule"))


def test_every_value_of_a_pattern_is_in_a_list(whole: Stack) -> None:
    """EventBridge refuses a bare string; no linter sees it."""

    def check(node: Any, path: str) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                check(value, f"{path}.{key}")
        else:
            assert isinstance(node, list), path
            assert node, path

    for name, rule in whole.of_type("AWS::Events::Rule").items():
        for key, value in rule.get("EventPattern", {}).items():
            check(value, f"{name}.{key}")


def targets(stack: Stack, rule: str) -> list[str]:
    return [target["Arn"] for target in stack.properties(rule).get("Targets", [])]


def test_the_four_rules_without_functions(usual: Stack) -> None:
    assert targets(usual, "RouteCriticalAlertsRule") == [QUEUE]
    assert targets(usual, "AutoRemediateRule") == [usual.arn("RemediationOrchestrator")]
    for name in ("CreateIncidentRule", "WeeklyDigestRule"):
        assert usual.properties(name)["State"] == "DISABLED"
        assert targets(usual, name) == []
    assert not usual.of_type("AWS::Lambda::Permission")


@pytest.mark.parametrize(
    ("rule", "permission", "function"),
    [
        ("RouteCriticalAlertsRule", "AlertRouterPermission", "alert-router"),
        ("CreateIncidentRule", "IncidentManagerPermission", "incident-manager"),
        ("WeeklyDigestRule", "IncidentDigestPermission", "incident-digest"),
    ],
)
def test_the_rules_of_the_first_document_with_its_functions(
    whole: Stack, rule: str, permission: str, function: str
) -> None:
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    assert targets(whole, rule) == [arn]
    assert whole.properties(rule).get("State", "ENABLED") == "ENABLED"
    allowed = whole.properties(permission)
    assert (allowed["FunctionName"], allowed["SourceArn"]) == (arn, whole.arn(rule))


def test_a_runbook_is_not_started_late(usual: Stack) -> None:
    (target,) = usual.properties("AutoRemediateRule")["Targets"]
    assert target["InputPath"] == "$.detail.remediation"
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 300


# -- who may write


def sending(principal: str, source: str, *, is_encrypted: bool = True) -> Request:
    context = {"aws:SourceArn": source, "aws:SecureTransport": str(is_encrypted).lower()}
    return Request("sqs:SendMessage", QUEUE, context, principal)


@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["usual", "everything"])
def test_only_our_topics_and_rules_may_write_on_the_queue(options: Mapping[str, str]) -> None:
    stack = Stack(**options)
    policy = [stack.properties("AlertQueuePolicy")["PolicyDocument"]]
    feeding = [name for name in stack.of_type("AWS::Events::Rule") if QUEUE in targets(stack, name)]
    assert len(feeding) >= 7
    for name, rule in stack.of_type("AWS::Events::Rule").items():
        assert rule is stack.properties(name)
        assert is_allowed(policy, sending("events.amazonaws.com", stack.arn(name))) is (name in feeding), name
    topics = [stack.arn("AlarmTopic"), *filter(None, options.get("AlarmTopicArns", "").split(","))]
    for topic in topics:
        assert is_allowed(policy, sending("sns.amazonaws.com", topic))
        assert not is_allowed(policy, sending("events.amazonaws.com", topic))
        assert evaluate(policy, sending("sns.amazonaws.com", topic, is_encrypted=False)) is Verdict.DENIED
    assert not is_allowed(policy, sending("sns.amazonaws.com", f"arn:aws:sns:{REGION}:{ACCOUNT}:other"))
    assert not is_allowed(policy, sending("sns.amazonaws.com", stack.arn("Sev1Topic")))
    assert not is_allowed(policy, sending("arn:aws:iam::210987654321:root", stack.arn("AlarmTopic")))
    assert not is_allowed(policy, Request("sqs:ReceiveMessage", QUEUE, {}, "sns.amazonaws.com"))


@pytest.mark.parametrize("topic", ["AlarmTopic", "Sev1Topic"])
def test_alarms_of_this_account_may_publish(usual: Stack, topic: str) -> None:
    policy = [usual.properties(f"{topic}Policy")["PolicyDocument"]]
    arn = usual.arn(topic)

    def by(account: str) -> Request:
        alarm = f"arn:aws:cloudwatch:{REGION}:{account}:alarm:x"
        context = {"aws:SourceAccount": account, "aws:SourceArn": alarm}
        return Request("sns:Publish", arn, context, "cloudwatch.amazonaws.com")

    assert is_allowed(policy, by(ACCOUNT))
    assert not is_allowed(policy, by("210987654321"))
