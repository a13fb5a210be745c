"""The sources of evidence, each against an AWS of a few lines that answers as it is told to."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from bot.errors import SettingsError, StoreError
from bot.integrations.aws.clients import Clients
from bot.integrations.aws.evidence import collectors
from bot.integrations.aws.evidence import logs as logs_module
from bot.models import ChangeKind, LogClass, Measure, Source, SourceOutcome
from bot.ports import Collector, Firing, Gathered, Scope
from bot.resources import Resources
from bot.signals import Alarm, AlarmKind, Deployment, DeploymentState
from tests.bot.make import NOW

Json = dict[str, Any]
ACCOUNT = "123456789012"
QUERY = "stats count(*) as hits by exception"
BALANCER = "app/shop/0123"
OURS = f"arn:aws:sts::{ACCOUNT}:assumed-role/aiops-bot"
FOUND, NOTHING, FAILED = SourceOutcome.FOUND, SourceOutcome.NOTHING, SourceOutcome.FAILED
NOT_PERMITTED, OFF = SourceOutcome.NOT_PERMITTED, SourceOutcome.OFF
BEGAN = NOW - timedelta(minutes=8)
SINCE = NOW - timedelta(minutes=10)
EVERYTHING = Resources(
    account=ACCOUNT,
    region="eu-west-1",
    cluster="shop-prod",
    ecs_service="checkout-api",
    load_balancer=BALANCER,
    log_groups=("/ecs/checkout-api", "/ecs/proxy"),
)
ALARM = Alarm(
    name="prod-checkout-api-5xx-critical",
    account=ACCOUNT,
    region="eu-west-1",
    namespace="AWS/ApplicationELB",
    metric="HTTPCode_Target_5XX_Count",
    statistic="Sum",
    threshold=50,
    dimensions=(("LoadBalancer", BALANCER),),
)
DEFINITION = "arn:aws:ecs:eu-west-1:123456789012:task-definition/checkout-api"


def refused(code: str, message: str = "no", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Asked"
    )


DENIED = refused(
    "AccessDeniedException",
    f"User: {OURS}/i-1 is not authorized to perform: x:DoIt on resource: arn:aws:x:::it because no policy allows it",
)


class Aws(Clients):
    """Answers each operation as scripted: a value, an error, a function of what is asked, or a list of these in turn.

    What is not scripted answers with nothing at all.
    """

    def __init__(self, **answers: Any) -> None:
        super().__init__("eu-west-1")
        self.answers: Json = {"get_caller_identity": {"Account": ACCOUNT, "Arn": f"{OURS}/i-1"}, **answers}
        self.asked: list[tuple[str, str, Json]] = []
        self.made: list[Json] = []

    def get(self, service: str, **options: Any) -> Any:
        self.made.append({"service": service, **options})
        return _Client(self, str(options.get("region")))

    def calls(self, operation: str) -> list[Json]:
        return [given for name, _, given in self.asked if name == operation]

    def names(self) -> list[str]:
        return [name for name, _, _ in self.asked]


class _Client:
    def __init__(self, aws: Aws, region: str) -> None:
        self._aws, self._region = aws, region

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def answer(**given: Any) -> Any:
            self._aws.asked.append((operation, self._region, dict(given)))
            script = self._aws.answers.get(operation, {})
            if isinstance(script, list):
                script = script.pop(0) if len(script) > 1 else script[0]
            if isinstance(script, Exception):
                raise script
            return script(given) if callable(script) else script

        return answer


def scope(resources: Resources = EVERYTHING, alarm: Alarm | None = ALARM, since: datetime = SINCE) -> Scope:
    return Scope("checkout-api", resources, alarm, BEGAN, since, NOW)


def heard_nothing(service: str, since: datetime) -> Sequence[Deployment]:
    return []


def no_baseline(service: str, key: str, at: datetime) -> tuple[float, float] | None:
    return None


def of(source: Source, aws: Clients, **options: Any) -> Collector:
    given = {"deployments": heard_nothing, "baseline": no_baseline, "log_query": QUERY, **options}
    return next(each for each in collectors(aws, lambda: NOW, **given) if each.source is source)


def gather(source: Source, aws: Aws, about: Scope | None = None, **options: Any) -> Gathered:
    found = of(source, aws, **options).collect(about or scope())
    assert found.asked.source is source
    assert found.asked.calls == len(aws.asked), "each call is counted"
    return found


def told(found: Gathered) -> tuple[SourceOutcome, str]:
    return found.asked.outcome, found.asked.why


# -- what all have in common

EACH = {
    Source.METRICS: ("get_metric_data", "cloudwatch:GetMetricData"),
    Source.PICTURE: ("get_metric_widget_image", "cloudwatch:GetMetricWidgetImage"),
    Source.LOGS: ("start_query", "logs:StartQuery"),
    Source.TRACES: ("get_trace_summaries", "xray:GetTraceSummaries"),
    Source.CHANGES: ("lookup_events", "cloudtrail:LookupEvents"),
    Source.HEALTH: ("describe_events", "health:DescribeEvents"),
    Source.DEPLOYMENTS: ("describe_services", "ecs:DescribeServices"),
}
by_source = pytest.mark.parametrize("source", EACH)


def test_every_source_of_aws_has_a_collector() -> None:
    made = collectors(Aws(), lambda: NOW, heard_nothing, no_baseline, QUERY)
    assert [each.source for each in made] == list(EACH)


@by_source
def test_what_is_denied_is_named(source: Source) -> None:
    operation, _ = EACH[source]
    found = gather(source, Aws(**{operation: DENIED}))
    assert told(found) == (NOT_PERMITTED, "x:DoIt on arn:aws:x:::it")
    assert found.asked.link.startswith("https://")
    plain = gather(source, Aws(**{operation: refused("AccessDenied", "no")}))
    assert plain.asked.outcome is NOT_PERMITTED
    assert EACH[source][1] in plain.asked.why


@by_source
def test_throttled_and_timed_out_are_failures_with_their_reason(source: Source) -> None:
    operation, action = EACH[source]
    throttled = gather(source, Aws(**{operation: refused("ThrottlingException", "Rate exceeded")}), seconds=0.3)
    assert throttled.asked.outcome is FAILED
    assert "asked too often (ThrottlingException)" in throttled.asked.why
    late = ReadTimeoutError(endpoint_url="https://aws.example")
    timed_out = gather(source, Aws(**{operation: late}))
    assert told(timed_out) == (FAILED, f"no answer in time: {action}: ReadTimeoutError at aws.example")
    broken = gather(source, Aws(**{operation: refused("InternalError", "<html>\noops", 500)}))
    assert broken.asked.outcome is FAILED
    assert "\n" not in broken.asked.why


GARBAGE: Json = {
    "get_metric_data": {"MetricDataResults": [{"Id": "x"}]},
    "get_metric_widget_image": {"MetricWidgetImage": 7},
    "start_query": {},
    "get_trace_summaries": {"TraceSummaries": [None]},
    "lookup_events": {"Events": [{"EventName": "UpdateService"}]},
    "describe_events": {"events": [{"statusCode": "open"}]},
    "describe_services": {"services": [{"deployments": [{}]}]},
}


@by_source
def test_garbage_is_a_failure_too(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    operation, _ = EACH[source]
    found = gather(source, Aws(**{operation: GARBAGE[operation]}))
    assert found.asked.outcome is FAILED
    assert "can't be read" in found.asked.why
    assert caplog.records[-1].levelno == logging.WARNING


@by_source
def test_an_empty_answer_is_nothing(source: Source) -> None:
    aws = Aws(start_query=[{"queryId": "1"}, {"queryId": "2"}], get_query_results={"status": "Complete"})
    found = gather(source, aws)
    assert found.asked.outcome is NOTHING
    assert found.asked.why
    assert not found.values


@pytest.mark.parametrize(
    ("source", "lacks"),
    [
        (Source.METRICS, "name where checkout-api runs in the catalogue"),
        (Source.PICTURE, "name where checkout-api runs in the catalogue"),
        (Source.LOGS, "no log group is known: name log_groups of checkout-api in the catalogue"),
        (Source.DEPLOYMENTS, "no ECS service is known: name cluster and ecs_service of checkout-api"),
    ],
)
def test_without_resources_it_says_what_the_catalogue_lacks(source: Source, lacks: str) -> None:
    aws = Aws()
    found = gather(source, aws, scope(Resources(), alarm=None))
    assert found.asked.outcome is OFF
    assert lacks in found.asked.why
    assert found.asked.link == ""
    assert not aws.asked


@by_source
def test_the_wait_for_an_answer_is_bounded_by_the_deadline(source: Source) -> None:
    aws = Aws(start_query=[{"queryId": "1"}, {"queryId": "2"}], get_query_results={"status": "Complete"})
    gather(source, aws, seconds=3.5)
    waits = {(each["read_timeout"], each["attempts"]) for each in aws.made if each["service"] != "sts"}
    assert waits == {(3.5, 1)}


@by_source
def test_after_the_deadline_nothing_is_asked(source: Source) -> None:
    aws = Aws()
    found = gather(source, aws, scope(EVERYTHING._replace(account="")), seconds=0)
    assert found.asked.outcome is FAILED
    assert "the time was over" in found.asked.why
    assert not aws.asked


def test_a_service_of_another_account_is_not_looked_for_in_ours() -> None:
    aws = Aws()
    sources = collectors(aws, lambda: NOW, heard_nothing, no_baseline, QUERY)
    answers = [each.collect(scope(EVERYTHING._replace(account="999999999999"))).asked for each in sources]
    assert {each.outcome for each in answers} == {OFF}
    assert answers[0].why == f"checkout-api runs in account 999999999999; the bot sees only {ACCOUNT}"
    assert aws.names() == ["get_caller_identity"], "asked once for all"


def test_without_an_answer_of_sts_it_looks_all_the_same() -> None:
    aws = Aws(get_caller_identity=ReadTimeoutError(endpoint_url="https://sts.example"))
    source = of(Source.HEALTH, aws)
    assert source.collect(scope()).asked.outcome is NOTHING
    assert source.collect(scope()).asked.calls == 1, "and does not ask it again at once"


def test_without_a_region_it_is_the_bots_own_or_told_as_missing() -> None:
    aws = Aws()
    gather(Source.HEALTH, aws, scope(EVERYTHING._replace(region="")))
    assert aws.calls("describe_events")[0]["filter"]["regions"] == ["eu-west-1", "global"]

    class Nowhere(Aws):
        @property
        def region(self) -> str:
            raise SettingsError("AWS_REGION is not set")

    found = gather(Source.HEALTH, Nowhere(), scope(EVERYTHING._replace(region="")))
    assert told(found) == (FAILED, "AWS_REGION is not set")


# -- metrics


def series(**values: Sequence[float]) -> Callable[[Json], Json]:
    """The values of metrics by name, the last one at 02:59 and the others in the minutes before."""

    def answer(given: Json) -> Json:
        results = []
        for query in given["MetricDataQueries"]:
            known = values.get(query["MetricStat"]["Metric"]["MetricName"], ())
            times = [NOW - timedelta(minutes=len(known) - n) for n in range(len(known))]
            results.append({"Id": query["Id"], "Timestamps": times, "Values": list(known), "StatusCode": "Complete"})
        return {"MetricDataResults": results}

    return answer


def readings(found: Gathered) -> dict[Measure, Any]:
    assert found.asked.outcome is FOUND, found.asked.why
    return {each.measure: each for each in reversed(found.values["readings"])}


def test_what_fires_says_more_than_a_minute_that_is_not_over() -> None:
    aws = Aws(get_metric_data=series(CPUUtilization=[40.0] * 70, RunningTaskCount=[4.0] * 70))
    busy = Alarm(name="busy", namespace="AWS/ECS", metric="CPUUtilization", statistic="Average", threshold=80)
    highest = busy.model_copy(update={"name": "highest", "statistic": "Maximum"})
    fires = scope()._replace(firing=(Firing(busy, 91.0), Firing(highest, 99.0)))
    found = {each.measure: each for each in of(Source.METRICS, aws).collect(fires).values["readings"]}
    assert (found[Measure.CPU].now, found[Measure.CPU].threshold) == (91, 80)
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
    assert 0 < found[Measure.CPU].slope < 1
    assert (found[Measure.ERRORS].now, found[Measure.ERRORS].before) == (35, 0), "no data points are no errors"
    assert found[Measure.ERRORS].threshold == 50
    assert (found[Measure.REQUESTS].now, found[Measure.REQUESTS].before) == (900, 6000), "since it began"
    assert (found[Measure.LATENCY].now, found[Measure.LATENCY].unit) == (2.0, "s")
    assert found[Measure.TASKS].peak == 2, "of tasks the fewest are the worst"
    assert Measure.MEMORY not in found
    (asked,) = aws.calls("get_metric_data")
    assert asked["StartTime"] == SINCE - timedelta(hours=1)
    assert {each["MetricStat"]["Period"] for each in asked["MetricDataQueries"]} == {60}


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


def test_how_things_are_since_a_remediation_is_asked_of_known_measures_only() -> None:
    alarm = Alarm(name="own", namespace="Shop/Search", metric="Happiness", statistic="Average", threshold=1)
    since = scope(Resources(function="charge"), alarm)._replace(began_at=SINCE)
    aws = Aws(get_metric_data=series(Happiness=[3.0], Invocations=[10.0] * 10))
    found = readings(gather(Source.METRICS, aws, since))
    assert Measure.OTHER not in found
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


# -- logs


def line(hits: int, sample: str, **words: str) -> list[Json]:
    cells = {"hits": str(hits), "sample": sample, "first_seen": "1795316100000", **words}
    return [{"field": name, "value": value} for name, value in cells.items()]


def complete(*rows: list[Json], scanned: float = 1000.0) -> Json:
    return {"status": "Complete", "results": list(rows), "statistics": {"bytesScanned": scanned}}


def insights(during: Any, before: Any, **more: Any) -> Aws:
    """Two queries, `q1` of the window and `q2` of the hour before."""
    answers = {"q1": during, "q2": before}

    def results(given: Json) -> Any:
        answer = answers[given["queryId"]]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Aws(start_query=[{"queryId": "q1"}, {"queryId": "q2"}], get_query_results=results, **more)


def test_lines_are_classified_counted_and_compared_with_the_hour_before() -> None:
    secret = "ERROR request_id=4f1a token=abcd1234 jane@example.com\nTraceback\nKeyError: 'currency'"
    aws = insights(
        [
            {"status": "Running"},
            complete(line(42, secret, exception="ERROR"), line(3, "it timed out", timeout="timed out")),
        ],
        complete(line(2, "KeyError: 'currency'", exception="error")),
    )  # fmt: skip
    found = gather(Source.LOGS, aws)
    first, second = found.values["logs"]
    assert (first.kind, first.pattern, first.count, first.before) == (LogClass.EXCEPTION, "KeyError: 'currency'", 42, 2)
    assert first.first_seen is not None
    assert first.first_seen.isoformat() == "2026-11-22T02:55:00+00:00"
    assert "abcd1234" not in first.sample
    assert "jane" not in first.sample
    assert (second.kind, second.count, second.before) == (LogClass.TIMEOUT, 3, 0)
    during, before = aws.calls("start_query")
    assert during["logGroupNames"] == ["/ecs/checkout-api", "/ecs/proxy"]
    assert during["queryString"] == QUERY
    began = int((BEGAN - timedelta(minutes=1)).timestamp())
    assert (during["startTime"], before["endTime"]) == (began, began - 1), "since it began, not before"
    assert found.values["counted_since"].timestamp() == began
    assert before["startTime"] == during["startTime"] - 3600
    assert aws.names()[1:3] == ["start_query", "start_query"], "both at once"


def test_plain_lines_are_classified_by_their_words() -> None:
    rows = [
        [{"field": "@timestamp", "value": "2026-11-22 02:55:00.000"}, {"field": "@message", "value": text}]
        for text in ("connection refused by 10.0.0.7:5432", "connection refused by 10.0.0.8:5432", "all is well")
    ]
    (finding,) = gather(Source.LOGS, insights(complete(*rows), complete(rows[0]))).values["logs"]
    assert (finding.kind, finding.count, finding.before) == (LogClass.CONNECTION, 2, 1)
    assert finding.pattern == "connection refused by #"


def test_a_late_query_is_stopped_and_what_it_had_is_told() -> None:
    partial = {**complete(line(5, "out of memory", memory="out of memory"), scanned=3e9), "status": "Running"}
    aws = insights(partial, {"status": "Scheduled"})
    found = gather(Source.LOGS, aws, seconds=0.9)
    assert found.asked.seconds < 1.5
    assert told(found) == (FOUND, "stopped after 3 GB: what it had by then")
    assert {each["queryId"] for each in aws.calls("stop_query")} == {"q1", "q2"}
    nothing = gather(Source.LOGS, insights({"status": "Running"}, complete()), seconds=0.9)
    assert nothing.asked.outcome is FAILED


def test_a_query_that_scans_too_much_is_stopped_at_once() -> None:
    huge = {**complete(line(5, "panic: no", exception="panic:"), scanned=2.5e10), "status": "Running"}
    aws = insights(huge, complete(), stop_query=refused("InvalidParameterException"))
    assert told(gather(Source.LOGS, aws)) == (FOUND, "stopped after 25 GB: what it had by then")
    assert aws.calls("stop_query") == [{"queryId": "q1"}]


def test_an_error_in_between_stops_what_runs() -> None:
    aws = insights({"status": "Running"}, DENIED)
    assert gather(Source.LOGS, aws).asked.outcome is NOT_PERMITTED
    assert len(aws.calls("stop_query")) == 2
    failed = insights({"status": "Failed"}, complete())
    assert "the query ended as Failed" in gather(Source.LOGS, failed).asked.why


def test_answers_of_any_size_are_bounded() -> None:
    """A hundred megabytes of lines: few findings, short, and soon."""
    rows = [line(n, f"ERROR {chr(97 + n % 26) * 5} " + "x y=z " * 180_000, exception=f"E{n}") for n in range(100)]
    long = scope(since=NOW - timedelta(hours=9))._replace(began_at=NOW - timedelta(hours=8))
    found = gather(Source.LOGS, insights(complete(*rows), complete(*rows)), long)
    findings = found.values["logs"]
    assert len(findings) <= 20
    assert max(len(each.sample) for each in findings) <= 500
    assert sum(len(each.sample) + len(each.pattern) for each in findings) < 20 * 700
    assert found.asked.seconds < 3
    assert found.asked.why == "only the last 3 hours"


def test_of_a_long_window_the_last_hours_count() -> None:
    aws = insights(complete(), complete())
    gather(Source.LOGS, aws, scope(since=NOW - timedelta(hours=9)))
    during = aws.calls("start_query")[0]
    assert during["endTime"] - during["startTime"] < logs_module.LONGEST.total_seconds()


def test_log_groups_that_do_not_exist_are_left_out_and_named() -> None:
    gone = refused("ResourceNotFoundException", "Log group '/ecs/proxy' does not exist for account ID '1'")
    aws = insights(complete(), complete())
    aws.answers["start_query"].insert(0, gone)
    found = gather(Source.LOGS, aws)
    assert told(found) == (NOTHING, "there is no log group /ecs/proxy")
    assert aws.calls("start_query")[1]["logGroupNames"] == ["/ecs/checkout-api"]
    none = gather(Source.LOGS, Aws(start_query=refused("ResourceNotFoundException", "no")))
    assert none.asked.outcome is OFF
    assert none.asked.why.startswith("there is no log group /ecs/checkout-api, /ecs/proxy: name log_groups")


# -- traces


def summary(seconds: float = 0.1, *, fault: bool = False, slowed_by: str = "", broken: str = "") -> Json:
    own = {"Name": "checkout-api", "EntityPath": [{"Name": "checkout-api", "Coverage": 1.0}]}
    slow = {"Name": slowed_by, "EntityPath": [{"Name": slowed_by, "Coverage": 0.9, "Remote": True}]}
    failed = {"Name": broken, "EntityPath": [{"Name": broken, "Remote": True}]}
    return {
        "ResponseTime": seconds,
        "HasFault": fault,
        "HasError": False,
        "HasThrottle": False,
        "ResponseTimeRootCauses": [{"Services": [own, slow] if slowed_by else [own]}],
        "FaultRootCauses": [{"Services": [own, failed] if broken else [own]}] if fault else [],
    }


def test_traces_tell_what_failed_and_what_it_waited_for() -> None:
    pages = [
        {"TraceSummaries": [summary(4, slowed_by="catalog-db")] * 12, "TracesProcessedCount": 400, "NextToken": "2"},
        {"TraceSummaries": [summary(fault=True, broken="payments")] * 3, "TracesProcessedCount": 100},
    ]
    aws = Aws(get_trace_summaries=pages)
    found = gather(Source.TRACES, aws).values["traces"]
    assert (found.total, found.faults, found.p99) == (500, 3, 4)
    assert found.downstream == (("catalog-db", "slow in 12 traces"), ("payments", "failed in 3 traces"))
    first, second = aws.calls("get_trace_summaries")
    wanted = '(service("checkout-api")) AND (fault OR error OR throttle OR responsetime > 1)'
    assert (first["FilterExpression"], second["NextToken"]) == (wanted, "2")


def test_pages_of_traces_are_bounded_and_a_latency_alarm_says_what_is_slow() -> None:
    aws = Aws(get_trace_summaries={"TraceSummaries": [summary(1, fault=True)], "NextToken": "on"})
    alarm = Alarm(name="slow", namespace="AWS/ApplicationELB", metric="TargetResponseTime", threshold=2.5)
    about = scope(EVERYTHING._replace(ecs_service='we"b'), alarm, NOW - timedelta(hours=8))
    found = gather(Source.TRACES, aws, about._replace(began_at=NOW - timedelta(hours=7)))
    assert told(found) == (FOUND, "there are more traces than were read")
    asked = aws.calls("get_trace_summaries")
    assert len(asked) == 5
    expression = '(service("checkout-api") OR service("we\\"b")) AND (fault OR error OR throttle OR responsetime > 2.5)'
    assert asked[0]["FilterExpression"] == expression
    assert asked[0]["StartTime"] == NOW - timedelta(hours=6)


def test_without_traces_it_says_whether_there_are_any() -> None:
    assert told(gather(Source.TRACES, Aws())) == (NOTHING, "no traces of checkout-api")
    healthy = Aws(get_trace_summaries={"TraceSummaries": [], "TracesProcessedCount": 80})
    assert told(gather(Source.TRACES, healthy)) == (NOTHING, "80 traces, none of checkout-api failed or was slow")


# -- changes


def event(name: str, source: str = "ecs", minutes: int = 12, user: str = "ana", **more: Any) -> Json:
    given = more.pop("given", {})
    record = {"eventType": "AwsApiCall", "userIdentity": {"arn": more.pop("arn", f"arn:aws:iam::1:user/{user}")},
              "requestParameters": given, **more}  # fmt: skip
    return {
        "EventId": f"e-{name}",
        "EventName": name,
        "EventSource": f"{source}.amazonaws.com",
        "EventTime": NOW - timedelta(minutes=minutes),
        "Username": user,
        "Resources": [],
        "CloudTrailEvent": json.dumps(record),
    }


def trail(*events: Json) -> Callable[[Json], Json]:
    """Those of the service's region; there are none of IAM's."""

    def answer(given: Json) -> Json:
        is_iam = given["LookupAttributes"][0]["AttributeKey"] == "EventSource"
        return {"Events": [] if is_iam else list(events)}

    return answer


def test_changes_tell_who_did_what_to_what_and_whether_it_is_ours() -> None:
    update = {"service": "checkout-api", "cluster": "shop-prod", "taskDefinition": f"{DEFINITION}:57"}
    aws = Aws(
        lookup_events=trail(
            event("UpdateService", given=update),
            event("UpdateService", given={**update, "cluster": "shop-staging"}, minutes=13),
            event("UpdateFunctionCode20150331v2", "lambda", 14, given={"functionName": "charge"}),
            event("AuthorizeSecurityGroupIngress", "ec2", 15, given={"groupId": "sg-1"}),
            event("SetDesiredCapacity", "autoscaling", 16, given={"autoScalingGroupName": "w", "desiredCapacity": 7}),
            event("PutParameter", "ssm", 17, given={"name": "/shop/flag"}),
        )
    )
    found = gather(Source.CHANGES, aws).values["changes"]
    assert [(each.kind, each.what, each.target, each.service, each.after) for each in found] == [
        (ChangeKind.DEPLOYMENT, "UpdateService", "checkout-api", "checkout-api", "checkout-api:57"),
        (ChangeKind.DEPLOYMENT, "UpdateService", "checkout-api in shop-staging", "", "checkout-api:57"),
        (ChangeKind.DEPLOYMENT, "UpdateFunctionCode", "charge", "", ""),
        (ChangeKind.ACCESS, "AuthorizeSecurityGroupIngress", "sg-1", "", ""),
        (ChangeKind.SCALING, "SetDesiredCapacity", "w", "", "7"),
        (ChangeKind.CONFIGURATION, "PutParameter", "/shop/flag", "", ""),
    ]
    assert {each.by for each in found} == {"ana"}
    assert found[0].at.utcoffset() == timedelta()
    assert found[0].link.endswith("#/events/e-UpdateService")
    asked = aws.calls("lookup_events")[0]
    assert asked["LookupAttributes"] == [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}]
    assert asked["StartTime"] == SINCE - timedelta(hours=1)


def test_what_changes_nothing_is_left_out() -> None:
    aws = Aws(
        lookup_events=trail(
            event("AssumeRole", "sts"),
            event("PutMetricData", "monitoring"),
            event("CreateLogStream", "logs"),
            event("RegisterTargets", "elasticloadbalancing"),
            event("UpdateService", errorCode="AccessDenied"),
            event("UpdateService", arn=f"{OURS}/another-process"),
            event("RotateKey", "kms", eventType="AwsServiceEvent"),
            event("UpdateService", minutes=-5),
        )
    )
    found = gather(Source.CHANGES, aws)
    assert told(found) == (NOTHING, "nobody changed anything; CloudTrail may tell up to 15 minutes late")


def test_what_the_bot_did_to_the_service_is_marked_as_its_own() -> None:
    update = {"service": "checkout-api", "cluster": "shop-prod", "forceNewDeployment": True}
    runbook = "Automation-1f0c2a3b-1111-2222-3333-444455556666"
    aws = Aws(
        lookup_events=trail(
            event("UpdateService", arn=f"{OURS}/another-process", given=update),
            event("UpdateService", user=runbook, given=update, minutes=13),
            event("PutParameter", "ssm", 14, user=runbook, given={"name": "/shop/flag"}),
            event("UpdateService", given=update, minutes=15),
        )
    )
    found = gather(Source.CHANGES, aws).values["changes"]
    assert [(each.what, each.is_ours) for each in found] == [("UpdateService", each) for each in (True, True, False)]


def test_what_began_shortly_before_is_known_to_have() -> None:
    text = "KeyError: 'currency'"
    earlier = [{**each, "value": "1795315740000"} if each["field"] == "first_seen" else each
               for each in line(2, text, exception="KeyError")]  # fmt: skip
    (found,) = gather(Source.LOGS, insights(complete(line(9, text, exception="KeyError")), complete(earlier))).values[
        "logs"
    ]
    assert found.first_seen.isoformat() == "2026-11-22T02:49:00+00:00"


def test_throttling_is_waited_out_and_pages_are_bounded() -> None:
    page = {"Events": [event("PutParameter", "ssm")], "NextToken": "on"}
    aws = Aws(lookup_events=[refused("ThrottlingException"), page])
    found = gather(Source.CHANGES, aws, scope(EVERYTHING._replace(region="us-east-1")))
    assert len(aws.calls("lookup_events")) == 6
    assert told(found) == (FOUND, "only the newest 5 events were read")
    denied = Aws(lookup_events=[page, DENIED])
    found = gather(Source.CHANGES, denied, scope(EVERYTHING._replace(region="us-east-1")))
    assert told(found) == (FOUND, "older changes are not permitted: x:DoIt on arn:aws:x:::it")


def test_changes_of_iam_are_looked_up_where_they_are_written_down() -> None:
    policy = event("PutRolePolicy", "iam", given={"roleName": "checkout-task"})
    aws = Aws(lookup_events=[{"Events": []}, {"Events": [policy]}])
    (change,) = gather(Source.CHANGES, aws).values["changes"]
    assert (change.kind, change.target, change.region) == (ChangeKind.ACCESS, "checkout-task", "us-east-1")
    assert [region for name, region, _ in aws.asked if name == "lookup_events"] == ["eu-west-1", "us-east-1"]
    denied = gather(Source.CHANGES, Aws(lookup_events=[{"Events": [event("PutParameter", "ssm")]}, DENIED]))
    assert told(denied) == (FOUND, "changes of IAM are not permitted: x:DoIt on arn:aws:x:::it")


def test_many_changes_are_cut_but_never_ours() -> None:
    others = [event("PutParameter", "ssm", minutes=11) for _ in range(60)]
    ours = event("StopTask", minutes=40, given={"cluster": "shop-prod", "task": "t", "reason": "checkout-api"})
    found = gather(Source.CHANGES, Aws(lookup_events=trail(*others, ours))).values["changes"]
    assert len(found) == 50
    assert found[-1].what == "StopTask"


# -- health


def issue(code: str = "AWS_ECS_OPERATIONAL_ISSUE", scope_code: str = "PUBLIC", **more: Any) -> Json:
    return {"arn": f"arn:aws:health:::event/{code}", "service": "ECS", "eventTypeCode": code,
            "eventScopeCode": scope_code, "statusCode": "open", "startTime": BEGAN, **more}  # fmt: skip


def test_health_tells_open_issues_ours_first() -> None:
    ours = issue("AWS_ECS_TASK_RETIREMENT", "ACCOUNT_SPECIFIC")
    other = issue("AWS_EC2_INSTANCE_RETIREMENT", "ACCOUNT_SPECIFIC", service="EC2")
    old = issue("AWS_ECS_OLD", statusCode="closed", endTime=NOW - timedelta(hours=5))
    aws = Aws(
        describe_events={"events": [issue(), other, old, ours]},
        describe_affected_entities={
            "entities": [
                {"eventArn": ours["arn"], "entityValue": "arn:aws:ecs:eu-west-1:1:service/shop-prod/checkout-api"},
                {"eventArn": other["arn"], "entityValue": "i-0123"},
            ]
        },
    )  # fmt: skip
    found = gather(Source.HEALTH, aws).values["health"]
    assert [(each.title, each.is_ours, each.is_open) for each in found] == [
        ("ECS task retirement", True, True),
        ("ECS operational issue", False, True),
        ("EC2 instance retirement", False, True),
    ]
    assert {region for name, region, _ in aws.asked if name.startswith("describe")} == {"us-east-1"}
    assert aws.calls("describe_affected_entities")[0]["filter"]["eventArns"] == [other["arn"], ours["arn"]]
    denied = gather(Source.HEALTH, Aws(describe_events={"events": [ours]}, describe_affected_entities=DENIED))
    assert told(denied) == (FOUND, "affected resources are not permitted: x:DoIt on arn:aws:x:::it")
    assert denied.values["health"][0].is_ours, "what is about the account is ours until something else is named"


def test_without_the_support_plan_health_is_off() -> None:
    found = gather(Source.HEALTH, Aws(describe_events=refused("SubscriptionRequiredException")))
    assert told(found) == (OFF, "AWS Health needs Business or Enterprise support")


# -- deployments


def service(*deployments: Json, **more: Any) -> Json:
    return {"services": [{"status": "ACTIVE", "deployments": list(deployments), "events": [], **more}]}


def deployment(revision: int, minutes: float, state: str = "COMPLETED") -> Json:
    return {"id": f"ecs-svc/{revision}", "taskDefinition": f"{DEFINITION}:{revision}", "rolloutState": state,
            "createdAt": NOW - timedelta(minutes=minutes)}  # fmt: skip


def definition(revision: int, image: str, **variables: str) -> Json:
    container = {"name": "app", "image": f"registry/shop/web:{image}",
                 "environment": [{"name": name, "value": value} for name, value in variables.items()]}  # fmt: skip
    return {"taskDefinition": {"memory": "512" if revision == 56 else "1024", "containerDefinitions": [container],
                               "registeredBy": "arn:aws:iam::1:user/ci-deployer",
                               "registeredAt": NOW - timedelta(minutes=20)}}  # fmt: skip


DEFINITIONS = {
    "checkout-api:56": definition(56, "1.4", LEVEL="info", PASSWORD="hunter2"),
    "checkout-api:57": definition(57, "1.5", LEVEL="debug", FEATURE_X="on"),
}
ROLLED: Json = {
    "list_service_deployments": {
        "serviceDeployments": [
            {"serviceDeploymentArn": "arn:x:service-deployment/c/s/d0", "createdAt": NOW - timedelta(days=3)},
            {"serviceDeploymentArn": "arn:x:service-deployment/c/s/d1", "createdAt": NOW - timedelta(minutes=15)},
        ]
    },
    "describe_service_deployments": {
        "serviceDeployments": [
            {
                "serviceDeploymentArn": "arn:x:service-deployment/c/s/d1",
                "status": "SUCCESSFUL",
                "createdAt": NOW - timedelta(minutes=15),
                "finishedAt": NOW - timedelta(minutes=11),
                "targetServiceRevision": {"arn": "r57"},
                "sourceServiceRevisions": [{"arn": "r56"}],
            }
        ]
    },
    "describe_service_revisions": {
        "serviceRevisions": [
            {"serviceRevisionArn": "r56", "taskDefinition": f"{DEFINITION}:56"},
            {"serviceRevisionArn": "r57", "taskDefinition": f"{DEFINITION}:57"},
        ]
    },
    "describe_task_definition": lambda given: DEFINITIONS[given["taskDefinition"]],
}


def test_a_deployment_tells_what_gave_way_to_what_and_the_difference() -> None:
    aws = Aws(describe_services=service(deployment(57, 15)), **ROLLED)
    found = gather(Source.DEPLOYMENTS, aws)
    (made,) = found.values["changes"]
    assert (made.kind, made.before, made.after) == (ChangeKind.DEPLOYMENT, "checkout-api:56", "checkout-api:57")
    assert made.what == (
        "deployed checkout-api:57 (memory 512 → 1024; image web:1.4 → web:1.5; + variable FEATURE_X;"
        " − variable PASSWORD; changed variable LEVEL)"
    )
    assert "hunter2" not in made.model_dump_json()
    assert (made.by, made.service, made.target) == ("ci-deployer", "checkout-api", "checkout-api")
    assert "clusters/shop-prod/services/checkout-api/deployments" in made.link
    assert found.asked.calls == 7, "STS among them"


def test_where_the_history_is_denied_what_drains_tells() -> None:
    aws = Aws(
        describe_services=service(deployment(57, 3, "IN_PROGRESS"), deployment(56, 3000)),
        list_service_deployments=DENIED,
        describe_task_definition=DENIED,
    )
    found = gather(Source.DEPLOYMENTS, aws)
    (made,) = found.values["changes"]
    assert (made.what, made.before) == ("deploying checkout-api:57", "checkout-api:56")
    assert found.asked.why == "earlier deployments are not permitted: x:DoIt on arn:aws:x:::it"


def test_an_old_deployment_is_none_and_the_schedulers_complaint_is_told() -> None:
    said = {"message": "(service checkout-api) was unable to place a task", "createdAt": NOW - timedelta(minutes=2)}
    aws = Aws(describe_services=service(deployment(57, 3000), events=[said]))
    found = gather(Source.DEPLOYMENTS, aws)
    assert told(found) == (NOTHING, "ECS: (service checkout-api) was unable to place a task")
    assert aws.names() == ["get_caller_identity", "describe_services"]
    gone = gather(Source.DEPLOYMENTS, Aws(describe_services={"services": []}))
    assert told(gone) == (NOTHING, "the cluster shop-prod has no service checkout-api (any more)")


def test_that_fewer_tasks_run_than_should_is_told_with_the_schedulers_complaint() -> None:
    said = {"message": "(service checkout-api) was unable to place a task", "createdAt": NOW - timedelta(minutes=2)}
    down = service(deployment(57, 3000), events=[said], runningCount=0, desiredCount=2)
    tasks = gather(Source.DEPLOYMENTS, Aws(describe_services=down)).values["tasks"]
    assert (tasks.running, tasks.wanted) == (0, 2)
    assert tasks.why == "ECS: (service checkout-api) was unable to place a task"
    well = service(deployment(57, 3000), runningCount=2, desiredCount=2)
    assert gather(Source.DEPLOYMENTS, Aws(describe_services=well)).values == {}


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


def heard(**facts: Any) -> Deployment:
    known: Json = {"source_id": "1", "id": "pipeline-9", "service": "checkout-api", "at": NOW - timedelta(minutes=14),
                   "state": DeploymentState.SUCCEEDED, "version": "1.5", "by": "bob"}  # fmt: skip
    return Deployment(**{**known, **facts})


def test_what_was_heard_of_is_merged_with_what_ecs_knows() -> None:
    news = [heard(), heard(id="pipeline-8", at=NOW - timedelta(hours=3), version="1.4", state=DeploymentState.FAILED,
                           reason="tests"), heard(id="elsewhere", account="999999999999")]  # fmt: skip
    aws = Aws(describe_services=service(deployment(57, 15)), **ROLLED)
    first, second = gather(Source.DEPLOYMENTS, aws, deployments=lambda service, since: news).values["changes"]
    assert first.what.startswith("deployed checkout-api:57 (1.5; memory")
    assert first.by == "bob"
    assert (second.what, second.after) == ("deployment of 1.4 failed (tests)", "1.4")


def test_a_pipeline_calls_it_by_the_version_of_its_image_and_may_tell_late() -> None:
    late = heard(at=NOW - timedelta(minutes=1), version="1.5", by="bob.okafor")
    aws = Aws(describe_services=service(deployment(57, 15)), **ROLLED)
    (made,) = gather(Source.DEPLOYMENTS, aws, deployments=lambda service, since: [late]).values["changes"]
    assert (made.by, made.after) == ("bob.okafor", "checkout-api:57")


def test_what_was_heard_of_counts_where_ecs_can_not_be_asked() -> None:
    found = gather(Source.DEPLOYMENTS, Aws(describe_services=DENIED), deployments=lambda service, since: [heard()])
    assert told(found) == (FOUND, "ECS is not permitted: x:DoIt on arn:aws:x:::it")
    function = Resources(function="charge")
    found = gather(Source.DEPLOYMENTS, Aws(), scope(function), deployments=lambda service, since: [heard()])
    assert [each.what for each in found.values["changes"]] == ["deployed 1.5"]
    assert gather(Source.DEPLOYMENTS, Aws(), scope(function)).asked.outcome is NOTHING

    def lost(service: str, since: datetime) -> Sequence[Deployment]:
        raise StoreError("locked")

    assert "not known: locked" in gather(Source.DEPLOYMENTS, Aws(), scope(function), deployments=lost).asked.why
