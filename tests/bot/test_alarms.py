"""What the alert queue's messages say: every documented shape, and whatever else may lie there."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache, reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bot.alarms import parse
from bot.signals import AlarmChanged, AlarmState, Deployment, Ignored, PagerChange, PagerState, Signal, Unreadable

FIXTURES = Path(__file__).parent.parent / "fixtures"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.json"))
RECEIVED = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
ALARM_AT = datetime(2026, 11, 22, 10, 1, 12, 123_000, tzinfo=UTC)
ARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"
LOAD_BALANCER = (("LoadBalancer", "app/orders/50dc6c495c0c9188"),)
INSTANCE = (("InstanceId", "i-0abc1234def567890"),)
HEALTH_NAME = "AWS_EC2_OPERATIONAL_ISSUE in eu-west-1 (VKTXI_0123456789)"
SIGNAL: TypeAdapter[Signal] = TypeAdapter(Signal)


@cache
def body_of(name: str) -> str:
    return FIXTURES.joinpath(f"{name}.json").read_text(encoding="utf-8")


def fixture(name: str) -> Any:
    return json.loads(body_of(name))


def read(body: str | dict[str, Any], message_id: str = "sqs-1") -> tuple[Signal, ...]:
    return parse(body if isinstance(body, str) else json.dumps(body), message_id, RECEIVED)


def alarm_message(**fields: Any) -> dict[str, Any]:
    """The message of a metric alarm, with these fields changed; None drops one."""
    changed = {**fixture("raw_metric_alarm"), **fields}
    return {name: value for name, value in changed.items() if value is not None}


def changed(body: str | dict[str, Any]) -> AlarmChanged:
    (signal,) = read(body)
    assert isinstance(signal, AlarmChanged), signal
    return signal


def problem(body: str) -> str:
    (signal,) = read(body)
    assert isinstance(signal, Unreadable), signal
    assert signal.raw == body
    return signal.problem


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


@pytest.mark.parametrize(
    ("reason", "value"),
    [
        ("Threshold Crossed: 1 datapoint [0.25 (22/11/26 09:10:00)] was not greater than the threshold (1.0).", 0.25),
        ("1 out of the last 1 datapoints [-3.5E-7 (22/11/26 10:00:00)] was less than the threshold (0.0)", -3.5e-7),
        ("2 datapoints were not greater than the threshold (70.0). The most recent datapoints: [38.9, 40.2].", 40.2),
        ("1 datapoint was less than the threshold (1.0). The most recent datapoint which crossed the threshold: "
         "[0.0 (22/11/26 09:54:00)].", 0.0),
        ("Threshold Crossed: 1 datapoint (10.0) was greater than the threshold (1.0).", 10.0),
        ("2 datapoints [1.0 (31/12/26 23:59:00), 2.0 (01/01/27 00:00:00)] were greater than the threshold (0.5).", 2.0),
        ("no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].", None),
        ("1 out of the last 1 datapoints [NaN (22/11/26 10:00:00)] was greater than the threshold (1.0).", None),
        ("Unchecked: Initial alarm creation", None),
        ("Insufficient Data: 1 datapoint was unknown.", None),
        ("somebody tested [1] thing", None),
        ("datapoints []", None),
    ],
)  # fmt: skip
def test_the_value_is_the_newest_datapoint_of_the_reason(reason: str, value: float | None) -> None:
    assert changed(alarm_message(NewStateReason=reason)).value == value


@settings(deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_the_order_of_dated_datapoints_does_not_matter(values: list[float], chance: Any) -> None:
    start = datetime(2026, 12, 31, 23, 58, tzinfo=UTC)
    points = [f"{value} ({start + timedelta(minutes=at):%d/%m/%y %H:%M:%S})" for at, value in enumerate(values)]
    chance.shuffle(points)
    reason = f"{len(points)} datapoints [{', '.join(points)}] were greater than the threshold (1.0)"
    assert changed(alarm_message(NewStateReason=reason)).value == values[-1]


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ('{"recentDatapoints": [1.5, 2.5], "threshold": 1.0}', 2.5),
        ('{"recentDatapoints": [1.5, null]}', 1.5),
        ('{"recentDatapoints": []}', 2.41),
        ('{"recentDatapoints": 7}', 2.41),
        ("{", 2.41),
        ("[1]", 2.41),
        ("[" * 5000, 2.41),
        ({"recentDatapoints": [3]}, 3.0),
        (5, 2.41),
    ],
)
def test_the_reason_s_data_says_the_value_better_than_its_text(data: object, value: float) -> None:
    assert changed(alarm_message(NewStateReasonData=data)).value == value


@pytest.mark.parametrize(
    ("words", "sign"),
    [
        ("was greater than the threshold (1.0)", ">"),
        ("was not greater than the threshold (1.0)", ">"),
        ("were less than or equal to the threshold (1.0)", "≤"),
        ("was less than the lower thresholds [1.0] or greater than the upper thresholds [2.0]", "outside"),
        ("was greater than the upper thresholds [2.0]", ">"),
        ("was less than the lower thresholds [2.0]", "<"),
        ("is fine", ""),
    ],
)
def test_without_an_operator_the_reason_says_how_it_compares(words: str, sign: str) -> None:
    event = fixture("event_metric_alarm")
    event["detail"]["state"]["reason"] = f"1 datapoint [1.0 (22/11/26 10:00:00)] {words}."
    assert changed(event).alarm.comparison == sign


@pytest.mark.parametrize(
    ("operator", "sign"),
    [
        ("GreaterThanThreshold", ">"),
        ("GreaterThanOrEqualToThreshold", "≥"),
        ("LessThanThreshold", "<"),
        ("LessThanOrEqualToThreshold", "≤"),
        ("LessThanLowerOrGreaterThanUpperThreshold", "outside"),
        ("LessThanLowerThreshold", "<"),
        ("GreaterThanUpperThreshold", ">"),
    ],
)
def test_every_comparison_has_its_sign(operator: str, sign: str) -> None:
    trigger = {**alarm_message()["Trigger"], "ComparisonOperator": operator}
    assert changed(alarm_message(Trigger=trigger, NewStateReason="")).alarm.comparison == sign


def test_without_a_threshold_the_reason_says_it() -> None:
    event = fixture("event_metric_alarm")
    event["detail"]["state"]["reasonData"] = None
    assert changed(event).alarm.threshold == 80.0


@pytest.mark.parametrize(
    ("rule", "children"),
    [
        ("ALARM(a) AND (OK(b) OR INSUFFICIENT_DATA(c))", ("a",)),
        ('ALARM("with \\"quotes\\" (and) brackets")', ('with "quotes" (and) brackets',)),
        (f'ALARM("{ARN}a:b") OR ALARM({ARN}c)', ("a:b", "c")),
        ("ALARM(a) OR NOT ALARM(b) OR ALARM ( a )", ("a",)),
        ('AT_LEAST(2, ALARM, (a, "b c", d)) OR AT_LEAST(50%, OK, (e, f))', ("a", "b c", "d")),
        ("TRUE", ()),
        ('ALARM("never closed', ()),
    ],
)
def test_a_composite_s_children_are_those_that_must_be_in_alarm(rule: str, children: tuple[str, ...]) -> None:
    message = {**json.loads(fixture("sns_composite")["Message"]), "AlarmRule": rule, "TriggeringChildren": []}
    assert changed(message).alarm.children == children


def test_children_that_triggered_count_whatever_the_rule_says() -> None:
    message = json.loads(fixture("sns_composite")["Message"])
    message |= {
        "AlarmRule": "TRUE",
        "TriggeringChildren": [{"Arn": f"{ARN}x"}, "y", {"Arn": 3}, None, {"Arn": f"{ARN}x"}],
    }
    assert changed(message).alarm.children == ("x", "y")


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-22T10:01:12.123+0000",
        "2026-11-22T10:01:12.123Z",
        "2026-11-22T10:01:12.123+00:00",
        "2026-11-22T10:01:12.123",
        "2026-11-22T12:01:12.123+02:00",
    ],
)
def test_a_time_is_read_in_every_spelling_and_counts_in_utc(said: str) -> None:
    at = changed(alarm_message(StateChangeTime=said)).at
    assert (at, at.utcoffset()) == (ALARM_AT, timedelta())


@pytest.mark.parametrize("said", ["yesterday", "", 1_790_000_000, None, "0001-01-01T00:00:00+14:00", "2026-02-30", [1]])
def test_without_a_time_it_is_the_sender_s_and_else_the_queue_s(said: object) -> None:
    notification = fixture("sns_metric_alarm")
    notification["Message"] = json.dumps(alarm_message(StateChangeTime=said))
    sent, bare = changed(notification), changed(alarm_message(StateChangeTime=said))
    assert (sent.at, sent.missing) == (datetime(2026, 11, 22, 10, 1, 12, 311_000, tzinfo=UTC), ("StateChangeTime",))
    assert (bare.at, bare.missing) == (RECEIVED, ("StateChangeTime",))


@pytest.mark.parametrize("said", ["ALARM ", "alarm", "", 0, {}])
def test_a_state_that_is_none_of_cloudwatch_s_counts_as_alarm_and_says_so(said: object) -> None:
    signal = changed(alarm_message(NewStateValue=said, OldStateValue=said))
    assert (signal.state, signal.previous, signal.missing) == (AlarmState.ALARM, None, ("NewStateValue",))


def test_name_account_and_region_come_from_the_arn_where_they_are_missing() -> None:
    signal = changed(alarm_message(AlarmName=None, AWSAccountId=None, AlarmArn=f"{ARN}a:b"))
    assert signal.alarm.key == "123456789012/us-east-1/a:b"
    assert signal.missing == ("AlarmName",)


def test_the_arn_knows_the_region_better_than_the_topic() -> None:
    notification = fixture("sns_metric_alarm")
    notification["Message"] = json.dumps(alarm_message(AlarmArn=ARN.replace("us-east-1", "eu-west-1") + "x"))
    assert changed(notification).alarm.region == "eu-west-1"


def test_an_alarm_without_any_name_has_one_that_stays_with_its_body() -> None:
    first, again = (changed(alarm_message(AlarmName=None, AlarmArn=None)) for _ in range(2))
    other = changed(alarm_message(AlarmName=None, AlarmArn=None, NewStateValue="OK"))
    assert first.alarm.name.startswith("(alarm without a name) ")
    assert first.alarm.name == again.alarm.name != other.alarm.name
    assert first.missing == ("AlarmName", "AlarmArn")
    assert first.alarm.region == "", "“US East (N. Virginia)” is no region"


def test_long_texts_are_cut_where_aws_would_not_go() -> None:
    long = "é" * 300_000
    signal = changed(alarm_message(AlarmName=long, AlarmDescription=long, NewStateReason=long))
    assert [len(said) for said in (signal.alarm.name, signal.alarm.description, signal.reason)] == [255, 1024, 1023]


def test_of_a_field_that_is_given_twice_the_last_counts() -> None:
    body = json.dumps(alarm_message())
    assert changed(body[:-1] + ', "AlarmName": "second"}').alarm.name == "second"


def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_kept() -> None:
    body = json.dumps(alarm_message(AlarmName="NAME")).replace("NAME", "a\\ud800b \\ud83d\\udd25")
    assert changed(body).alarm.name == "a?b 🔥"
    (signal,) = read("\ud800{")
    assert isinstance(signal, Unreadable)
    assert signal.raw == "?{"


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "true", '"abc"', f'"{"1" * 41}"', "1" + "0" * 400]
)
def test_a_threshold_that_is_no_finite_number_is_none(number: str) -> None:
    body = json.dumps(alarm_message(NewStateReason="")).replace('"Threshold": 0.8', f'"Threshold": {number}')
    assert changed(body).alarm.threshold is None


def test_a_threshold_in_quotes_is_a_number() -> None:
    trigger = {**alarm_message()["Trigger"], "Threshold": "0.8"}
    assert changed(alarm_message(Trigger=trigger)).alarm.threshold == 0.8


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "the body is empty"),
        (" \n", "the body is empty"),
        ("hello", "the body is not JSON: Expecting value (line 1, column 1)"),
        ('{"AlarmName":\n  oops}', "the body is not JSON: Expecting value (line 2, column 3)"),
        ("\x00\x01\x1f\x8b", "the body is not JSON: Expecting value (line 1, column 1)"),
        ("[1, 2]", "the body is JSON, but an array where an object should be"),
        ("4711", "the body is JSON, but a number where an object should be"),
        ("true", "the body is JSON, but true/false where an object should be"),
        ("null", "the body is JSON, but null where an object should be"),
        ('"hello"', "the string in the body is not JSON: Expecting value (line 1, column 1)"),
        ("{}", "the body is no message of a known shape: it has no fields"),
        ('{"a": 1, "b": 2}', "the body is no message of a known shape: its fields are a, b"),
        ("[" * 100_000, "the body is JSON that is nested too deep"),
        ('{"AlarmName": ' + "1" * 5000 + "}", "the body is JSON with a number that is too long"),
        ('{"Type": "Notification"}', "the SNS notification has no Message"),
        ('{"Type": "Notification", "Message": [1]}', "the SNS message is JSON, but an array where an object should be"),
        ('{"Type": "Notification", "Message": ""}', "the SNS message is empty"),
        ('{"detail-type": 3}', "there is no rule for an unnamed source / no detail-type"),
        ('{"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}',
         "there is no rule for aws.events / Scheduled Event"),
        ('{"source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": {}}',
         "there is no rule for aws.ecs / ECS Task State Change"),
        ('{"source": "aws.ecs", "detail-type": "ECS Deployment State Change", "detail": {"eventName": "SERVICE_NEW"}}',
         "aws.ecs / ECS Deployment State Change: eventName is “SERVICE_NEW”"),
        ('{"source": "x", "detail-type": "Deployment", "detail": {"status": "ok"}}',
         "x / Deployment: status is “ok”"),
        ('{"source": "x", "detail-type": "Deployment", "detail": {"status": "failed"}}',
         "x / Deployment: there is no service"),
        ('{"source": "aws.partner/pagerduty.com/a", "detail-type": "incident.acknowledged"}',
         "aws.partner/pagerduty.com/a / incident.acknowledged: there is no detail.event"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_what_is_wrong_and_where(body: str, said: str) -> None:
    assert problem(body) == said


def test_wrapping_has_an_end() -> None:
    body = json.dumps(alarm_message())
    for _ in range(3):
        body = json.dumps(body)
    assert changed(body).alarm.name == "orders-api-5xx-rate"
    assert problem(json.dumps(body)).endswith("is wrapped more than 4 times")


def test_a_health_event_without_a_status_counts_as_open_and_says_so() -> None:
    event = fixture("health_issue_open")
    for field in ("statusCode", "eventRegion", "lastUpdatedTime", "affectedAccount"):
        del event["detail"][field]
    signal = changed(event)
    assert (signal.state, signal.missing) == (AlarmState.ALARM, ("statusCode",))
    assert signal.alarm.key == f"123456789012/eu-west-1/{HEALTH_NAME}", "the ARN's region, not where it was delivered"
    assert signal.at == datetime(2026, 11, 22, 9, 59, tzinfo=UTC)


def test_two_health_events_of_one_type_are_two_alarms() -> None:
    event = fixture("health_issue_open")
    event["detail"]["eventArn"] = event["detail"]["eventArn"].replace("VKTXI", "COBXJ")
    assert changed(event).alarm.key != changed(fixture("health_issue_open")).alarm.key


def test_a_health_event_s_arn_that_would_bend_the_link_makes_none() -> None:
    event = fixture("health_issue_open")
    event["detail"]["eventArn"] += "|here>"
    assert changed(event).alarm.url == ""


@pytest.mark.parametrize("status", ["Failed", "FAILURE", "error"])
@pytest.mark.parametrize("source", ["aiops.deployments", "some.pipeline"])
def test_a_failed_deployment_and_the_next_that_succeeds_are_one_alarm(status: str, source: str) -> None:
    event = fixture("deployment_announced_failed")
    event |= {"source": source}
    event["detail"] |= {"status": status}
    _, failed = read(event)
    _, succeeded = read(body_of("deployment_announced_succeeded"))
    assert isinstance(failed, AlarmChanged)
    assert isinstance(succeeded, AlarmChanged)
    assert failed.alarm.key == succeeded.alarm.key
    assert (failed.state, succeeded.state) == (AlarmState.ALARM, AlarmState.OK)


@pytest.mark.parametrize(("status", "state"), [("in-progress", "started"), ("Canceled", "stopped")])
def test_a_deployment_that_has_not_ended_or_was_stopped_is_no_alarm(status: str, state: str) -> None:
    event = fixture("deployment_announced_failed")
    event["detail"] |= {"status": status, "version": 42}
    (deployment,) = read(event)
    assert isinstance(deployment, Deployment)
    assert (deployment.state.value, deployment.version, deployment.id) == (state, "42", "orders/42")


def test_a_service_arn_of_the_old_form_takes_its_cluster_from_the_detail() -> None:
    event = fixture("ecs_service_action_error")
    event["resources"] = ["arn:aws:ecs:us-east-1:123456789012:service/orders"]
    assert changed(event).alarm.dimensions == (("ClusterName", "prod"), ("ServiceName", "orders"))


def test_one_instance_of_a_deployment_is_of_no_interest() -> None:
    event = fixture("codedeploy_failure") | {"detail-type": "CodeDeploy Instance State-change Notification"}
    assert [type(signal) for signal in read(event)] == [Ignored]


def test_a_deployment_that_ecs_tells_as_a_service_action_is_one_too() -> None:
    event = fixture("ecs_deployment_failed") | {"detail-type": "ECS Service Action"}
    assert [type(signal) for signal in read(event)] == [Deployment, AlarmChanged]


@pytest.mark.parametrize(
    ("incident", "key"),
    [
        ({"incident_key": "ours"}, "ours"),
        ({"incident_key": None, "alerts": [{"alert_key": "alert's"}]}, "alert's"),
        ({"incident_key": 3, "alerts": "x", "id": "PGR0VU2"}, "PGR0VU2"),
        ({}, ""),
    ],
)
def test_the_pager_s_key_is_the_incident_s_or_its_alert_s(incident: dict[str, Any], key: str) -> None:
    event = fixture("pagerduty_acknowledged")
    event["detail"]["event"]["data"] = incident
    (signal,) = read(event)
    assert isinstance(signal, PagerChange)
    assert (signal.key, signal.state) == (key, PagerState.ACKNOWLEDGED)


def test_another_producer_s_alert_needs_no_more_than_a_name() -> None:
    event = fixture("foreign_alert_created")
    event["detail"] = {"name": "disk", "state": "resolved", "url": "javascript:alert(1)", "severity": 2}
    signal = changed(event)
    assert (signal.alarm.name, signal.state, signal.missing) == ("disk", AlarmState.OK, ())
    assert (signal.alarm.url, signal.alarm.severity) == ("", "2")
    event["detail"] = {"state": "purple"}
    assert changed(event).missing == ("name", "state")


@pytest.mark.parametrize("depth", [100, 900, 960, 990, 1000, 5000])
@pytest.mark.parametrize("field", ["AlarmName", "NewStateValue", "Trigger", "Dimensions", "Metrics", "Type", "unknown"])
def test_however_deep_a_field_is_nested_it_comes_to_something(field: str, depth: int) -> None:
    deep = '{"MetricStat":[' * (depth // 2) + "]}" * (depth // 2)
    inner = f'{{"{field}": [{deep}, {deep}]}}'
    body = json.dumps(alarm_message(AlarmName=None))
    check(f'{body[:-1]}, "{field}": {deep}, "Trigger": {inner}}}')


KEYS = st.sampled_from(
    ["Type", "Message", "MessageId", "TopicArn", "AlarmName", "AlarmArn", "NewStateValue", "Trigger", "Metrics",
     "AlarmRule", "detail", "detail-type", "source", "resources", "event", "state", "configuration", "x"]
)  # fmt: skip
AWKWARD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1e308, float("nan"), float("inf"), 10**400, "", "ALARM", "abc", "\ud800", "é" * 2000,
     "[" * 3000, "Notification", "aws.cloudwatch", "CloudWatch Alarm State Change", "AWS Health Event", "Deployment",
     "FAILED", [], {}, [None], [[]], [{}], {"": None}, {"Name": {"Name": 1}}, "arn:::::",
     "arn:aws:ecs:::service/", "{}", '"{}"']
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | AWKWARD
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6)
)


def stored(signals: tuple[Signal, ...]) -> list[Signal]:
    """What comes back from the database."""
    return [SIGNAL.validate_json(SIGNAL.dump_json(signal)) for signal in signals]


def check(body: str) -> tuple[Signal, ...]:
    """What holds whatever the body is: something comes of it, twice the same, and it can be stored."""
    signals = read(body)
    assert signals
    assert signals == read(body)
    assert stored(signals) == list(signals)
    assert len({signal.source_id for signal in signals}) == len(signals)
    return signals


@settings(deadline=None)
@given(st.text(st.characters()))
def test_any_text_comes_to_something(body: str) -> None:
    assert len(check(body)) == 1


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_any_json_comes_to_something(value: Any) -> None:
    check(json.dumps(value))


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [(*before, key) for key, _ in items]
    return found + [path for key, inner in items for path in paths(inner, (*before, key))]


def opened(name: str) -> tuple[Any, bool]:
    """A fixture with its SNS message as a document, so that it can be changed inside."""
    value = fixture(name)
    is_sns = isinstance(value, dict) and str(value.get("Message", "")).startswith("{")
    if is_sns:
        value["Message"] = json.loads(value["Message"])
    return value, is_sns


def sealed(value: Any, is_sns: bool) -> str:
    if is_sns and isinstance(value.get("Message"), dict):
        value = {**value, "Message": json.dumps(value["Message"])}
    return json.dumps(value)


def changed_at(value: Any, path: tuple[Any, ...], drop: bool, new: Any) -> None:
    parent = reduce(lambda inner, key: inner[key], path[:-1], value)
    if drop:
        del parent[path[-1]]
    else:
        parent[path[-1]] = deepcopy(new)


@settings(max_examples=600, deadline=None)
@given(st.data(), st.sampled_from(NAMES))
def test_a_message_with_any_part_gone_or_replaced_comes_to_something(data: st.DataObject, name: str) -> None:
    value, is_sns = opened(name)
    for _ in range(data.draw(st.integers(1, 3))):
        ways = paths(value)
        if ways:
            changed_at(value, data.draw(st.sampled_from(ways)), data.draw(st.booleans()), data.draw(JSON))
    check(sealed(value, is_sns))


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


def test_a_message_that_does_not_name_itself_goes_by_the_queue_s_id() -> None:
    body = json.dumps(alarm_message())
    assert [read(body, name)[0].source_id for name in ("sqs-1", "sqs-2")] == ["sqs-1", "sqs-2"]


@pytest.mark.parametrize(
    "rule",
    ["ALARM(" * 50_000, 'ALARM("' * 50_000, "NOT " * 60_000, "AT_LEAST(" + " " * 250_000, "ALARM" + " " * 250_000,
     "AT_LEAST(1, ALARM, (" + '"\\' * 120_000, "ALARM(" + "a" * 250_000],
)  # fmt: skip
@pytest.mark.timeout(10)
def test_no_rule_takes_long_to_read(rule: str) -> None:
    message = {**json.loads(fixture("sns_composite")["Message"]), "AlarmRule": rule, "NewStateReason": rule}
    assert changed(message).alarm.name == "checkout-broken"
