"""What the alert queue's messages say, field by field, where they vary."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.signals import AlarmChanged, AlarmState, Deployment, Ignored, PagerChange, PagerState, Unreadable
from tests.bot.bodies import (
    ALARM_AT,
    ARN,
    HEALTH_NAME,
    RECEIVED,
    alarm_message,
    body_of,
    changed,
    fixture,
    problem,
    read,
)


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


def test_a_health_event_that_lists_nothing_affected_is_about_its_resources() -> None:
    event = fixture("health_issue_open")
    event["detail"]["affectedEntities"] = []
    event["resources"] = ["arn:aws:rds:eu-west-1:210987654321:db:orders"]
    assert changed(event).alarm.dimensions == (("entity", "arn:aws:rds:eu-west-1:210987654321:db:orders"),)


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


def test_a_message_that_does_not_name_itself_goes_by_the_queue_s_id() -> None:
    body = json.dumps(alarm_message())
    assert [read(body, name)[0].source_id for name in ("sqs-1", "sqs-2")] == ["sqs-1", "sqs-2"]
