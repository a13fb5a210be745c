"""What the alert queue's messages say: every documented shape."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce
from typing import Any

import pytest

from bot.signals import AlarmChanged, Deployment, Ignored, PagerChange, Unreadable
from tests.bot.bodies import (
    ALARM_AT,
    ARN,
    HEALTH_NAME,
    NAMES,
    body_of,
    changed_at,
    fixture,
    opened,
    paths,
    read,
    sealed,
)

LOAD_BALANCER = (("LoadBalancer", "app/orders/50dc6c495c0c9188"),)
INSTANCE = (("InstanceId", "i-0abc1234def567890"),)
ORDERS = {
    "alarm.name": "orders-api-5xx-rate",
    "alarm.kind": "metric",
    "alarm.key": "123456789012/us-east-1/orders-api-5xx-rate",
    "alarm.arn": f"{ARN}orders-api-5xx-rate",
    "alarm.description": "More than 0.8 % of the orders API's answers are 5xx",
    "alarm.namespace": "AWS/ApplicationELB",
    "alarm.metric": "HTTPCode_Target_5XX_Count",
    "alarm.statistic": "Average",
    "alarm.unit": "Percent",
    "alarm.dimensions": (*LOAD_BALANCER, ("TargetGroup", "targetgroup/orders/73e2d6bc24d8a067")),
    "alarm.comparison": ">",
    "alarm.threshold": 0.8,
    "alarm.period": 60,
    "alarm.evaluation_periods": 3,
    "alarm.datapoints": 2,
    "state": "ALARM",
    "previous": "OK",
    "at": ALARM_AT,
    "value": 2.41,
    "missing": (),
    "suppressed": "",
}
WEB = {
    "alarm.key": "123456789012/us-east-1/web-cpu-high",
    "alarm.kind": "metric",
    "alarm.metric": "CPUUtilization",
    "alarm.namespace": "AWS/EC2",
    "alarm.statistic": "Average",
    "alarm.unit": "Percent",
    "alarm.dimensions": INSTANCE,
    "alarm.comparison": ">",
    "alarm.threshold": 80.0,
    "alarm.period": 300,
    "state": "ALARM",
    "previous": "OK",
    "at": datetime(2026, 11, 22, 10, 1, 12, 289_000, tzinfo=UTC),
    "value": 99.5,
    "missing": (),
}
FAILED = "ECS deployment circuit breaker: task failed to start."
Facts = dict[str, Any]
EXPECTED: dict[str, list[tuple[type, Facts]]] = {
    "sns_metric_alarm": [(AlarmChanged, {**ORDERS, "source_id": "95df01b4-ee98-5cb9-9903-4c221d41eb5e"})],
    "raw_metric_alarm": [(AlarmChanged, {**ORDERS, "source_id": "sqs-1"})],
    "sns_metric_ok": [
        (AlarmChanged, {"state": "OK", "previous": "ALARM", "value": 0.0001, "alarm.comparison": ">"}),
    ],
    "sns_metric_no_data": [
        (
            AlarmChanged,
            {
                "state": "ALARM",
                "previous": "INSUFFICIENT_DATA",
                "value": None,
                "alarm.threshold": 1.0,
                "alarm.comparison": "<",
                "alarm.statistic": "SampleCount",
                "alarm.unit": "",
                "alarm.dimensions": (),
                "alarm.datapoints": None,
                "alarm.description": "",
            },
        )
    ],
    "sns_metric_percentile": [
        (
            AlarmChanged,
            {"alarm.statistic": "p99", "alarm.comparison": "≥", "value": 1234.5678, "alarm.threshold": 1000.0},
        ),
    ],
    "sns_metric_math": [
        (
            AlarmChanged,
            {
                "alarm.kind": "metric math",
                "alarm.label": "Error rate (%)",
                "alarm.metric": "HTTPCode_Target_5XX_Count",
                "alarm.namespace": "AWS/ApplicationELB",
                "alarm.statistic": "Sum",
                "alarm.unit": "",
                "alarm.dimensions": LOAD_BALANCER,
                "alarm.threshold": 1.0,
                "alarm.period": 60,
                "value": 4.166666666666666,
            },
        )
    ],
    "sns_anomaly": [
        (
            AlarmChanged,
            {
                "alarm.kind": "anomaly detection",
                "alarm.metric": "RequestCount",
                "alarm.unit": "Count",
                "alarm.label": "",
                "alarm.comparison": "outside",
                "alarm.threshold": None,
                "value": 12.0,
            },
        )
    ],
    "sns_composite": [
        (
            AlarmChanged,
            {
                "alarm.kind": "composite",
                "alarm.children": ("checkout-5xx", "checkout latency (p99)", "payments-timeouts"),
                "alarm.metric": "",
                "value": None,
                "state": "ALARM",
            },
        )
    ],
    "sns_missing_fields": [
        (
            AlarmChanged,
            {
                "alarm.account": "",
                "alarm.region": "us-east-1",
                "state": "ALARM",
                "at": datetime(2026, 11, 22, 10, 1, 12, 311_000, tzinfo=UTC),
                "value": 2.41,
                "missing": ("AlarmName", "NewStateValue", "StateChangeTime", "AWSAccountId"),
            },
        )
    ],
    "sns_awkward_names": [
        (
            AlarmChanged,
            {
                "alarm.name": "<!channel> *orders* `5xx` & <@U0123456789> <https://example.com|click> "
                "\u202eبرتقال 🔥 ~x~ _y_",
                "alarm.dimensions": (("Tag & co", "*<!here>*"),),
                "value": None,
            },
        )
    ],
    "sns_wrong_types": [
        (
            AlarmChanged,
            {
                "alarm.key": "123456789012/us-east-1/disk: full on node 7",
                "alarm.description": "",
                "alarm.metric": "",
                "alarm.statistic": "",
                "alarm.comparison": "",
                "alarm.threshold": None,
                "alarm.period": None,
                "alarm.evaluation_periods": None,
                "alarm.datapoints": None,
                "alarm.dimensions": (("Node", "7"), ("Bad", "3")),
                "state": "ALARM",
                "previous": None,
                "missing": ("AlarmName", "NewStateValue", "StateChangeTime"),
            },
        )
    ],
    "sns_subscription_confirmation": [
        (
            Ignored,
            {
                "source_id": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
                "reason": "SNS asks to confirm the subscription to arn:aws:sns:us-east-1:123456789012:ops-alerts; "
                "that is done by hand",
            },
        )
    ],
    "sns_plain_text": [
        (
            Unreadable,
            {
                "source_id": "d7a9c1f2-5555-5666-8777-888888888888",
                "problem": "the SNS message is not JSON: Expecting value (line 1, column 1)",
            },
        )
    ],
    "event_metric_alarm": [(AlarmChanged, {**WEB, "source_id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92"})],
    "event_in_sns": [(AlarmChanged, {**WEB, "source_id": "e1f2a3b4-c5d6-5e7f-8091-a2b3c4d5e6f7"})],
    "event_doubly_encoded": [(AlarmChanged, {**WEB, "source_id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92"})],
    "event_without_account": [(AlarmChanged, WEB)],
    "event_muted": [(AlarmChanged, {**WEB, "suppressed": "mute rule deploy-window"})],
    "event_metric_math": [
        (
            AlarmChanged,
            {
                "alarm.kind": "metric math",
                "alarm.label": "Total traffic",
                "alarm.metric": "NetworkIn",
                "alarm.dimensions": INSTANCE,
                "alarm.comparison": "≥",
                "alarm.threshold": 10000.0,
                "previous": "INSUFFICIENT_DATA",
                "value": 45628.0,
            },
        )
    ],
    "event_anomaly": [
        (
            AlarmChanged,
            {
                "alarm.name": "cpu anomaly",
                "alarm.kind": "anomaly detection",
                "alarm.comparison": "outside",
                "alarm.threshold": None,
                "value": 0.0,
            },
        )
    ],
    "event_composite_suppressed": [
        (
            AlarmChanged,
            {
                "alarm.kind": "composite",
                "alarm.children": ("web-cpu-high", "network-total", "db-cpu-high"),
                "state": "ALARM",
                "suppressed": "WaitPeriod",
            },
        )
    ],
    "event_metrics_insights": [
        (AlarmChanged, {"alarm.kind": "metric math", "alarm.metric": "", "alarm.period": 60, "value": None}),
    ],
    "event_contributor": [(Ignored, {"reason": "one time series of an alarm; the alarm speaks for itself"})],
    "event_configuration_change": [(Ignored, {"reason": "an alarm's configuration changed, not its state"})],
    "health_issue_open": [
        (
            AlarmChanged,
            {
                "alarm.key": f"210987654321/eu-west-1/{HEALTH_NAME}",
                "alarm.kind": "AWS Health",
                "alarm.description": "We are investigating increased API error rates.",
                "alarm.dimensions": (("entity", "i-0abc1234def567890"),),
                "alarm.url": "https://health.aws.amazon.com/health/home#/account/event-log?eventID="
                "arn:aws:health:eu-west-1::event/EC2/AWS_EC2_OPERATIONAL_ISSUE/"
                "AWS_EC2_OPERATIONAL_ISSUE_VKTXI_0123456789&eventTab=details",
                "alarm.severity": "",
                "state": "ALARM",
                "at": datetime(2026, 11, 22, 9, 58, 51, tzinfo=UTC),
                "reason": "issue, open",
                "missing": (),
            },
        )
    ],
    "health_issue_closed": [
        (
            AlarmChanged,
            {"alarm.key": f"210987654321/eu-west-1/{HEALTH_NAME}", "state": "OK", "reason": "issue, closed"},
        ),
    ],
    "health_scheduled_change": [
        (AlarmChanged, {"state": "ALARM", "alarm.severity": "low", "reason": "scheduledChange, upcoming"}),
    ],
    "ecs_deployment_in_progress": [
        (
            Deployment,
            {
                "id": "ecs-svc/7413563847321",
                "service": "orders",
                "cluster": "prod",
                "state": "started",
                "at": datetime(2026, 11, 22, 9, 55, 11, tzinfo=UTC),
            },
        )
    ],
    "ecs_deployment_completed": [
        (Deployment, {"id": "ecs-svc/7413563847321", "state": "succeeded"}),
        (AlarmChanged, {"alarm.key": "123456789012/us-east-1/deployment of orders", "state": "OK"}),
    ],
    "ecs_deployment_failed": [
        (
            Deployment,
            {
                "source_id": "ddca6449-b258-46c0-8653-e0e3a6000003",
                "id": "ecs-svc/7413563847321",
                "state": "failed",
                "account": "123456789012",
                "region": "us-east-1",
                "reason": FAILED,
            },
        ),
        (
            AlarmChanged,
            {
                "source_id": "ddca6449-b258-46c0-8653-e0e3a6000003#1",
                "alarm.key": "123456789012/us-east-1/deployment of orders",
                "alarm.kind": "deployment",
                "alarm.service": "orders",
                "state": "ALARM",
                "at": datetime(2026, 11, 22, 10, 1, 11, tzinfo=UTC),
                "reason": FAILED,
            },
        ),
    ],
    "ecs_service_action_error": [
        (
            AlarmChanged,
            {
                "alarm.key": "123456789012/us-east-1/ECS service orders",
                "alarm.kind": "custom",
                "alarm.dimensions": (("ClusterName", "prod"), ("ServiceName", "orders")),
                "state": "ALARM",
                "reason": "SERVICE_TASK_PLACEMENT_FAILURE: RESOURCE:FARGATE",
            },
        )
    ],
    "ecs_service_action_steady": [
        (AlarmChanged, {"alarm.key": "123456789012/us-east-1/ECS service orders", "state": "OK"}),
    ],
    "ecs_service_action_warning": [(Ignored, {"reason": "ECS service action SERVICE_TASK_START_IMPAIRED"})],
    "codedeploy_start": [
        (Deployment, {"id": "d-ABCDEF123", "service": "billing", "cluster": "billing-prod", "state": "started"}),
    ],
    "codedeploy_failure": [
        (Deployment, {"id": "d-ABCDEF123", "service": "billing", "state": "failed"}),
        (AlarmChanged, {"alarm.name": "deployment of billing", "state": "ALARM", "reason": "the deployment failed"}),
    ],
    "deployment_announced_failed": [
        (
            Deployment,
            {
                "id": "orders/v2.14.0",
                "service": "orders",
                "version": "v2.14.0",
                "by": "ana@example.com",
                "cluster": "prod",
                "state": "failed",
            },
        ),
        (AlarmChanged, {"alarm.name": "deployment of orders", "reason": "smoke test: 3 of 20 requests failed"}),
    ],
    "deployment_announced_succeeded": [
        (
            Deployment,
            {
                "id": "orders/9fceb02",
                "version": "9fceb02",
                "by": "pipeline/142",
                "state": "succeeded",
                "at": datetime(2026, 11, 22, 10, tzinfo=UTC),
            },
        ),
        (AlarmChanged, {"state": "OK", "reason": "the deployment of 9fceb02 succeeded"}),
    ],
    "pagerduty_acknowledged": [
        (
            PagerChange,
            {
                "key": "123456789012/us-east-1/orders-api-5xx-rate",
                "state": "acknowledged",
                "at": datetime(2026, 11, 22, 10, 3, 1, 120_000, tzinfo=UTC),
                "by_id": "PTUXL6G",
                "by_name": "Ana García",
                "by_email": "",
                "url": "https://example.pagerduty.com/incidents/PGR0VU2",
            },
        )
    ],
    "pagerduty_resolved_by_program": [(PagerChange, {"state": "resolved", "by_id": "", "by_name": ""})],
    "pagerduty_annotated": [(PagerChange, {"state": "other"})],
    "pagerduty_v2_acknowledge": [
        (
            PagerChange,
            {
                "key": "4338c648a3614c0ea46b534344f73b10",
                "state": "acknowledged",
                "at": datetime(2026, 11, 22, 10, 3, 1, tzinfo=UTC),
                "by_id": "PHLAIIG",
                "by_name": "Bob",
                "by_email": "bob@example.com",
                "url": "https://example.pagerduty.com/incidents/P8E12U3",
            },
        )
    ],
    "own_alert_created": [(Ignored, {"reason": "our own event"})],
    "own_remediation_finished": [(Ignored, {"reason": "our own event"})],
    "orchestrator_remediation_finished": [(Ignored, {"reason": "our own event"})],
    "foreign_alert_created": [
        (
            AlarmChanged,
            {
                "alarm.name": "Checkout takes 9 s",
                "alarm.kind": "custom",
                "alarm.service": "checkout",
                "alarm.severity": "high",
                "alarm.unit": "Seconds",
                "alarm.comparison": ">",
                "alarm.threshold": 5.0,
                "alarm.url": "https://canary.example.com/runs/81",
                "state": "ALARM",
                "value": 9.2,
                "at": datetime(2026, 11, 22, 10, 0, 30, tzinfo=UTC),
                "missing": (),
            },
        )
    ],
    "foreign_alert_closed": [(Ignored, {"reason": "AlertClosed is no alert"})],
    "guardduty_finding": [(Unreadable, {"problem": "there is no rule for aws.guardduty / GuardDuty Finding"})],
}


def test_every_fixture_has_its_facts() -> None:
    assert sorted(EXPECTED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_a_documented_message_says(name: str) -> None:
    signals = read(body_of(name))
    assert [type(signal) for signal in signals] == [kind for kind, _ in EXPECTED[name]]
    for signal, (_, facts) in zip(signals, EXPECTED[name], strict=True):
        assert {path: reduce(getattr, path.split("."), signal) for path in facts} == facts


ROUTING = {"Message", "detail", "detail-type", "source", "resources", "state"}
"""Without these nobody knows what a message is about; then people get to see it as it stands."""
ALARMS = [name for name, ((kind, facts), *_) in EXPECTED.items() if kind is AlarmChanged and facts.get("state") != "OK"]


@pytest.mark.parametrize("name", ALARMS)
def test_no_alarm_gets_lost_for_want_of_one_field(name: str) -> None:
    for path in paths(opened(name)[0]):
        value, is_sns = opened(name)
        changed_at(value, path, drop=True, new=None)
        kinds = {type(signal) for signal in read(sealed(value, is_sns))}
        assert kinds <= ({AlarmChanged, Unreadable} if ROUTING & set(path) else {AlarmChanged}), path


@pytest.mark.parametrize("name", [name for name in NAMES if name != "raw_metric_alarm"])
def test_a_redelivery_is_known_as_one(name: str) -> None:
    assert read(body_of(name), "sqs-1") == read(body_of(name), "sqs-2")
    assert {signal.source_id.partition("#")[0] for signal in read(body_of(name))} == {sender_s_id(name)}


def sender_s_id(name: str) -> str:
    value = fixture("event_metric_alarm" if name == "event_doubly_encoded" else name)
    found = value.get("MessageId") or value["id"]
    assert isinstance(found, str)
    return found
