"""Metrics and their picture, as evidence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from bot.config import Service
from bot.errors import StoreError
from bot.models import Measure, Source
from bot.ports import Firing
from bot.resources import Resources, resources
from bot.signals import Alarm, AlarmKind, Deployment, DeploymentState
from tests.bot.looking import (
    ALARM,
    BALANCER,
    BEGAN,
    DENIED,
    FOUND,
    NOTHING,
    SINCE,
    Aws,
    Json,
    gather,
    of,
    readings,
    scope,
    series,
    told,
)
from tests.bot.make import NOW

# -- metrics


def test_what_fires_says_more_than_a_minute_that_is_not_over() -> None:
    aws = Aws(get_metric_data=series(CPUUtilization=[40.0] * 70, RunningTaskCount=[4.0] * 70))
    busy = Alarm(name="busy", namespace="AWS/ECS", metric="CPUUtilization", statistic="Average", threshold=80)
    highest = busy.model_copy(update={"name": "highest", "statistic": "Maximum"})
    fires = scope()._replace(firing=(Firing(busy, 91.0), Firing(highest, 99.0)))
    found = {each.measure: each for each in of(Source.METRICS, aws).collect(fires).values["readings"]}
    assert (found[Measure.CPU].now, found[Measure.CPU].threshold) == (91, 80)
    assert found[Measure.CPU].peak == 99, "of one task among them"
    assert found[Measure.TASKS].now == 4


def test_readings_tell_now_before_and_how_fast_it_rises() -> None:
    cpu = [40.0] * 60 + [50.0, 60, 70, 80, 90, 90, 90, 90, 90, 90]
    aws = Aws(
        get_metric_data=series(
            CPUUtilization=cpu,
            HTTPCode_Target_5XX_Count=[30.0],
            HTTPCode_ELB_5XX_Count=[5.0],
            RequestCount=[100.0] * 70,
            TargetResponseTime=[0.2] * 60 + [2.0] * 10,
            RunningTaskCount=[4.0] * 68 + [2.0, 4.0],
        )
    )
    found = readings(gather(Source.METRICS, aws))
    since_it_began = (60 + 70 + 80 + 6 * 90) / 9
    assert found[Measure.CPU].now == pytest.approx(since_it_began), "what was before is not the symptom"
    assert found[Measure.CPU].before == pytest.approx((59 * 40 + 50) / 60), "the hour before the symptom"
    assert found[Measure.CPU].peak == 90
    assert found[Measure.CPU].slope > 1, "since it rises, not over the level hour before"
    assert (found[Measure.ERRORS].now, found[Measure.ERRORS].before) == (35, 0), "no data points are no errors"
    assert found[Measure.ERRORS].threshold == 50
    assert (found[Measure.REQUESTS].now, found[Measure.REQUESTS].before) == (900, 6000), "since it began"
    assert (found[Measure.LATENCY].now, found[Measure.LATENCY].unit) == (2.0, "s")
    assert found[Measure.TASKS].peak == 2, "of tasks the fewest are the worst"
    assert Measure.MEMORY not in found
    (asked,) = aws.calls("get_metric_data")
    assert asked["StartTime"] == SINCE - timedelta(hours=1)
    assert {each["MetricStat"]["Period"] for each in asked["MetricDataQueries"]} == {60}


def test_an_alarm_without_dimensions_is_read_as_it_is_and_the_catalogue_says_the_rest() -> None:
    alarm = ALARM.model_copy(update={"namespace": "Shop", "metric": "PaymentErrors", "dimensions": ()})
    aws = Aws(get_metric_data=series(PaymentErrors=[9.0] * 5, CPUUtilization=[30.0] * 10))
    found = readings(gather(Source.METRICS, aws, scope(alarm=alarm)))
    assert (found[Measure.ERRORS].now, found[Measure.ERRORS].threshold) == (45, 50)
    assert found[Measure.CPU].now == 30
    first = aws.calls("get_metric_data")[0]["MetricDataQueries"][0]["MetricStat"]["Metric"]
    assert (first["Namespace"], first["MetricName"], first["Dimensions"]) == ("Shop", "PaymentErrors", [])
    nowhere = resources(Service(), alarm)
    alone = Aws(get_metric_data=series(PaymentErrors=[9.0] * 5))
    assert list(readings(gather(Source.METRICS, alone, scope(nowhere, alarm)))) == [Measure.ERRORS]
    assert nowhere.is_empty


def test_what_is_usual_is_scaled_as_the_reading_is() -> None:
    def baseline(service: str, key: str, at: datetime) -> tuple[float, float] | None:
        assert (service, at) == ("checkout-api", BEGAN)
        known = {
            "AWS/ECS CPUUtilization Average ClusterName=shop-prod,ServiceName=checkout-api": (4.0, 1.5),
            f"AWS/ApplicationELB RequestCount Sum LoadBalancer={BALANCER}": (110.0, 10.0),
        }
        return known.get(key)

    aws = Aws(get_metric_data=series(CPUUtilization=[60.0] * 5, RequestCount=[100.0] * 10))
    found = readings(gather(Source.METRICS, aws, baseline=baseline))
    assert (found[Measure.CPU].expected, found[Measure.CPU].deviation) == (4.0, 1.5)
    assert (found[Measure.REQUESTS].expected, found[Measure.REQUESTS].deviation) == (990, 90), "of nine minutes"
    target_group = ALARM.model_copy(update={"dimensions": (*ALARM.dimensions, ("TargetGroup", "targetgroup/web/1"))})
    again = readings(gather(Source.METRICS, Aws(**aws.answers), scope(alarm=target_group), baseline=baseline))
    assert again[Measure.REQUESTS].expected == 990


def test_a_function_is_measured_in_seconds_and_its_alarm_too() -> None:
    alarm = Alarm(name="slow", namespace="AWS/Lambda", metric="Duration", statistic="p99", threshold=3000,
                  dimensions=(("FunctionName", "charge"),))  # fmt: skip
    aws = Aws(get_metric_data=series(Duration=[2500.0] * 3, Invocations=[7.0] * 3))
    found = readings(gather(Source.METRICS, aws, scope(Resources(function="charge"), alarm)))
    assert (found[Measure.LATENCY].now, found[Measure.LATENCY].threshold) == (2.5, 3.0)
    assert found[Measure.ERRORS].now == 0


@pytest.mark.parametrize(
    ("namespace", "metric", "statistic", "measure"),
    [
        ("Shop/Search", "Errors", "Sum", Measure.ERRORS),
        ("Shop/Search", "QueryTime", "Average", Measure.LATENCY),
        ("AWS/RDS", "CPUUtilization", "Average", Measure.CPU),
        ("Shop/Search", "ErrorRate", "Average", Measure.OTHER),
        ("Shop/Search", "Happiness", "Sum", Measure.OTHER),
        ("AWS/EC2", "CPUCreditBalance", "Average", Measure.OTHER),
    ],
)
def test_the_alarms_own_metric_counts_first_where_it_measures_one_of_these(
    namespace: str, metric: str, statistic: str, measure: Measure
) -> None:
    alarm = Alarm(name="own", namespace=namespace, metric=metric, statistic=statistic, threshold=1, comparison=">")
    aws = Aws(get_metric_data=series(**{metric: [3.0]}))
    first = gather(Source.METRICS, aws, scope(Resources(function="charge"), alarm)).values["readings"][0]
    assert (first.measure, first.statistic) == (measure, statistic)
    assert (first.metric, first.threshold) == (f"{namespace} {metric}", 1)
    unknown = gather(Source.METRICS, Aws(**aws.answers), scope(Resources(), alarm)).values["readings"][0]
    assert unknown.metric == first.metric, "also of a service that nothing is known of"


def test_how_things_are_since_a_remediation_is_asked_of_what_the_alarm_measures_too() -> None:
    alarm = Alarm(name="own", namespace="AWS/SQS", metric="Depth", statistic="Maximum", threshold=1, comparison=">")
    since = scope(Resources(function="charge"), alarm)._replace(began_at=SINCE)
    aws = Aws(get_metric_data=series(Depth=[3.0] * 10, Invocations=[10.0] * 10))
    found = readings(gather(Source.METRICS, aws, since))
    assert (found[Measure.OTHER].metric, found[Measure.OTHER].now, found[Measure.OTHER].threshold) == (
        "AWS/SQS Depth",
        3.0,
        1,
    )
    assert found[Measure.REQUESTS].now == 100, "from the beginning of the window on"


@pytest.mark.parametrize(
    ("namespace", "metric", "unit", "seconds"),
    [
        ("AWS/RDS", "CommitLatency", "", 0.986),
        ("AWS/RDS", "CommitLatency", "Milliseconds", 0.986),
        ("AWS/RDS", "ReadLatency", "", 986),
        ("AWS/ApplicationELB", "TargetResponseTime", "Seconds", 986),
        ("AWS/ElastiCache", "SuccessfulReadRequestLatency", "Microseconds", 0.000986),
    ],
)
def test_latencies_have_the_unit_of_their_alarm_or_metric(
    namespace: str, metric: str, unit: str, seconds: float
) -> None:
    alarm = Alarm(name="slow", namespace=namespace, metric=metric, unit=unit, statistic="Average", threshold=500)
    about = scope(Resources(), alarm)._replace(firing=(Firing(alarm, 986.0),))
    first = of(Source.METRICS, Aws(get_metric_data=series(**{metric: [986.0]}))).collect(about).values["readings"][0]
    assert first.now == pytest.approx(seconds)
    assert (first.unit, first.statistic) == ("s", "Average")
    assert first.threshold == pytest.approx(seconds * 500 / 986)


def test_what_was_over_before_it_began_does_not_count() -> None:
    leaked, calm = [40.0] * 50 + [70.0, 90, 99, 99, 99], [55.0] * 15
    failed = [30.0] * 10 + [0.0] * 9
    aws = Aws(get_metric_data=series(MemoryUtilization=leaked + calm, HTTPCode_Target_5XX_Count=failed))
    found = readings(gather(Source.METRICS, aws))
    assert (found[Measure.MEMORY].now, found[Measure.MEMORY].peak) == (55, 55)
    assert (found[Measure.ERRORS].now, found[Measure.ERRORS].before) == (0, 300)


def test_the_metrics_of_other_alarms_that_fire_are_read_too() -> None:
    failing = Alarm(name="failing", namespace="Shop/Search", metric="Errors", statistic="Sum", threshold=1)
    about = scope(Resources(function="charge"), None)._replace(firing=(Firing(failing, 970.0),))
    aws = Aws(get_metric_data=series(Errors=[4.0] * 3))
    first = of(Source.METRICS, aws).collect(about).values["readings"][0]
    assert (first.metric, first.now) == ("Shop/Search Errors", 12), "what another alarm counted may be long over"
    own = about._replace(alarm=failing)
    assert of(Source.METRICS, Aws(**aws.answers)).collect(own).values["readings"][0].now == 970


def test_values_that_are_no_numbers_are_left_out_and_gaps_are_told() -> None:
    def answer(given: Json) -> Json:
        return {
            "MetricDataResults": [
                {"Id": "m0", "Timestamps": [NOW - timedelta(minutes=2)] * 2, "Values": [50.0, float("nan")]},
                {"Id": "m1", "StatusCode": "Forbidden"},
            ]
        }

    found = gather(Source.METRICS, Aws(get_metric_data=answer))
    assert readings(found)[Measure.CPU].now == 50
    assert found.asked.why == "CloudWatch did not give MemoryUtilization"


def stopped(reason: str, code: str = "EssentialContainerExited", exit_code: int = 137, at: datetime = BEGAN) -> Json:
    return {"stoppedReason": reason, "stopCode": code, "stoppedAt": at, "containers": [{"exitCode": exit_code}]}


def test_tasks_are_whole_and_those_of_the_newest_minute() -> None:
    tasks = [4.4] * 60 + [4.0] * 8 + [3.6, 4.6]
    found = readings(gather(Source.METRICS, Aws(get_metric_data=series(RunningTaskCount=tasks))))[Measure.TASKS]
    assert (found.now, found.before, found.peak) == (5, 4, 4)


def test_the_worst_minute_of_errors_is_told_as_a_share_of_its_requests() -> None:
    errors, asked = [50.0] + [0.0] * 66 + [30.0, 5.0, 9.0], [100.0] * 68 + [10.0, 90.0]
    aws = Aws(get_metric_data=series(HTTPCode_Target_5XX_Count=errors, RequestCount=asked))
    assert gather(Source.METRICS, aws).values["failing"] == 0.3, "neither what was before nor a handful of requests"
    fires = scope()._replace(firing=(Firing(ALARM, 60.0),))
    told_later = of(Source.METRICS, aws).collect(fires).values["failing"]
    assert told_later == 0.6, "the alarm saw what CloudWatch tells later"
    rate = Alarm(name="rate", kind=AlarmKind.MATH, label="Errors (%)")
    fires = scope()._replace(firing=(Firing(rate, 74.5),))
    assert of(Source.METRICS, aws).collect(fires).values["failing"] == 0.745
    none = Aws(get_metric_data=series(HTTPCode_Target_5XX_Count=errors))
    assert "failing" not in gather(Source.METRICS, none).values


def test_tasks_that_stopped_for_memory_are_counted() -> None:
    killed = stopped("Essential container in task exited")
    killed["containers"][0]["reason"] = "OutOfMemoryError: Container killed due to memory usage"
    tasks = [
        killed,
        stopped("Essential container in task exited"),
        stopped("Scaling activity initiated by deployment", "ServiceSchedulerInitiated"),
        stopped("Essential container in task exited", exit_code=1),
        stopped("Essential container in task exited", at=NOW - timedelta(minutes=40)),
    ]
    aws = Aws(list_tasks={"taskArns": ["a"] * 5}, describe_tasks={"tasks": tasks})
    found = gather(Source.METRICS, aws)
    assert found.values == {
        "stopped": 2,
        "why_stopped": ("OutOfMemoryError: Container killed due to memory usage", "Essential container in task exited"),
    }
    assert aws.calls("list_tasks")[0]["desiredStatus"] == "STOPPED"
    denied = gather(Source.METRICS, Aws(get_metric_data=series(CPUUtilization=[1.0]), list_tasks=DENIED))
    assert told(denied) == (FOUND, "stopped tasks are not permitted: x:DoIt on arn:aws:x:::it")


def test_why_tasks_stopped_is_told_without_those_that_somebody_stopped() -> None:
    pull = {**stopped("CannotPullContainerError: not found", "TaskFailedToStart", 0), "containers": []}
    tasks = [
        stopped("maintenance of the host", "TerminationNotice", 0, at=BEGAN + timedelta(minutes=1)),
        {**pull, "stoppedAt": NOW - timedelta(minutes=1)},
        {**pull, "stoppedAt": NOW - timedelta(minutes=2)},
        stopped("Scaling activity initiated by deployment", "ServiceSchedulerInitiated"),
        stopped("Task stopped by user", "UserInitiated"),
        stopped("too old", at=BEGAN - timedelta(minutes=5)),
    ]
    aws = Aws(list_tasks={"taskArns": ["a"] * 6}, describe_tasks={"tasks": tasks})
    assert gather(Source.METRICS, aws).values == {
        "why_stopped": ("CannotPullContainerError: not found", "maintenance of the host")
    }


# -- the picture

PNG = b"\x89PNG\r\n\x1a\n..."


def test_the_picture_shows_the_alarms_metric_its_limit_and_what_happened() -> None:
    done = Deployment(source_id="1", id="d", service="checkout-api", state=DeploymentState.SUCCEEDED,
                      at=NOW - timedelta(minutes=9), version="web:57")  # fmt: skip
    aws = Aws(get_metric_widget_image={"MetricWidgetImage": PNG})
    found = gather(Source.PICTURE, aws, deployments=lambda service, since: [done])
    assert (found.asked.outcome, found.picture) == (FOUND, PNG)
    widget = json.loads(aws.calls("get_metric_widget_image")[0]["MetricWidget"])
    name = ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", BALANCER, {"stat": "Sum"}]
    assert widget["metrics"] == [name]
    assert widget["annotations"]["horizontal"][0]["value"] == 50
    assert [each["label"] for each in widget["annotations"]["vertical"]] == ["it began", "deployed web:57"]
    assert (widget["start"], widget["end"]) == ("2026-11-22T01:50:00.000Z", "2026-11-22T03:00:00.000Z")


@pytest.mark.parametrize(
    ("image", "why"), [(b"", "CloudWatch drew no picture"), (PNG + b"0" * 3_000_000, "the picture has 2929 KB")]
)
def test_a_picture_that_is_none_or_too_big_is_left_out(image: bytes, why: str) -> None:
    found = gather(Source.PICTURE, Aws(get_metric_widget_image={"MetricWidgetImage": image}))
    assert found.asked.outcome is NOTHING
    assert found.asked.why.startswith(why)
    assert found.picture == b""


def test_without_a_metric_of_its_own_the_services_are_drawn() -> None:
    def lost(service: str, since: datetime) -> Sequence[Deployment]:
        raise StoreError("locked")

    aws = Aws(get_metric_widget_image={"MetricWidgetImage": PNG})
    composite = Alarm(name="all", kind=AlarmKind.COMPOSITE)
    assert gather(Source.PICTURE, aws, scope(alarm=composite), deployments=lost).picture == PNG
    widget = json.loads(aws.calls("get_metric_widget_image")[0]["MetricWidget"])
    assert len(widget["metrics"]) == 4
