"""Which metrics of CloudWatch tell the measures of a service, by what is known of where it runs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bot.baselines import COUNTS, Measured
from bot.models import Measure
from bot.resources import Resources
from bot.signals import Alarm, AlarmKind

_UNITS = {Measure.CPU: "%", Measure.MEMORY: "%", Measure.LATENCY: "s"}
_WORDS = (
    (Measure.CPU, re.compile(r"cpu(?!.*credit)", re.IGNORECASE)),
    (Measure.MEMORY, re.compile(r"mem(?:ory)?(?!ber).*(?:util|used|percent)", re.IGNORECASE)),
    (Measure.ERRORS, re.compile(r"5xx|error|fault|fail|exception", re.IGNORECASE)),
    (Measure.LATENCY, re.compile(r"latency|duration|(?:response|query|request)_?time", re.IGNORECASE)),
    (Measure.TASKS, re.compile(r"running_?task|inservice", re.IGNORECASE)),
    (Measure.REQUESTS, re.compile(r"requests?(?:_?count)?$|invocations$|queries$", re.IGNORECASE)),
)
_MILLISECONDS = 0.001
_FACTORS = {"Milliseconds": _MILLISECONDS, "Microseconds": 1e-6, "Seconds": 1.0}
# What AWS counts in milliseconds; the rest, RDS's ReadLatency among it, is in seconds.
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
_IN_MILLISECONDS = {
    "AWS/Lambda": re.compile(r"Duration$"),
    "AWS/RDS": re.compile(
        r"^(?:Commit|DDL|DML|Delete|Insert|Select|Update|ForwardingMaster|ForwardingWriter)\w*Latency$"
    ),
    "AWS/ApiGateway": re.compile(r"Latency$"),
    "AWS/AppSync": re.compile(r"Latency$"),
    "AWS/CloudFront": re.compile(r"OriginLatency"),
    "AWS/DynamoDB": re.compile(r"SuccessfulRequestLatency"),
    "AWS/S3": re.compile(r"Latency$"),
    "AWS/States": re.compile(r"Time$"),
}
MOST_ALARMS = 5
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
_TASKS = (
    (Measure.CPU, "AWS/ECS", ("CPUUtilization",), "Average"),
    (Measure.MEMORY, "AWS/ECS", ("MemoryUtilization",), "Average"),
    (Measure.TASKS, "ECS/ContainerInsights", ("RunningTaskCount",), "Average"),
)
_LOAD_BALANCER = (
    (Measure.ERRORS, "AWS/ApplicationELB", ("HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"), "Sum"),
    (Measure.REQUESTS, "AWS/ApplicationELB", ("RequestCount",), "Sum"),
    (Measure.LATENCY, "AWS/ApplicationELB", ("TargetResponseTime",), "p99"),
)
_FUNCTION = (
    (Measure.ERRORS, "AWS/Lambda", ("Errors",), "Sum"),
    (Measure.REQUESTS, "AWS/Lambda", ("Invocations",), "Sum"),
    (Measure.LATENCY, "AWS/Lambda", ("Duration",), "p99"),
)
_INSTANCES = ((Measure.CPU, "AWS/EC2", ("CPUUtilization",), "Average"),)
_DATABASE = ((Measure.CPU, "AWS/RDS", ("CPUUtilization",), "Average"),)
Dimensions = tuple[tuple[str, str], ...]
Kinds = tuple[tuple[Measure, str, tuple[str, ...], str], ...]


class Watched(NamedTuple):
    """A measure and its metrics, summed where there are several; `factor` brings values into the measure's unit."""

    measure: Measure
    metrics: tuple[Measured, ...]
    factor: float = 1.0

    @property
    def unit(self) -> str:
        return _UNITS.get(self.measure, "")

    @property
    def is_count(self) -> bool:
        return self.metrics[0].is_count and self.measure is not Measure.OTHER


def watched(resources: Resources, alarm: Alarm | None, firing: Sequence[Alarm] = ()) -> list[Watched]:
    """What can be read of a service: first the alarm's own metric where no other is it, whatever it measures; then
    those of the other alarms that fire, as far as they are of these measures."""
    alarms = [*([alarm] if alarm else []), *(each for each in firing if alarm is None or each.name != alarm.name)]
    known = [
        _watched(measure, namespace, names, statistic, dimensions)
        for dimensions, metrics in _kinds(resources, alarms)
        for measure, namespace, names, statistic in metrics
    ]
    own: list[Watched] = []
    for each in alarms[:MOST_ALARMS]:
        one = _own(each) or (_other(each) if each is alarm else None)
        if one is not None and not any(_has(other, one) for other in (*known, *own)):
            own.append(one)
    return [*own, *known]


def measure_of(alarm: Alarm) -> Measure | None:
    """What the alarm's metric measures, by its name; None where it is no metric's, or says nothing of these."""
    if alarm.kind not in (AlarmKind.METRIC, AlarmKind.ANOMALY) or not alarm.namespace or not alarm.metric:
        return None
    found = next((measure for measure, words in _WORDS if words.search(alarm.metric)), None)
    adds_up = alarm.statistic in COUNTS
    is_count = found in (Measure.ERRORS, Measure.REQUESTS)
    return None if is_count and not adds_up else found  # an average number of errors is a rate


def is_failing_share(alarm: Alarm) -> bool:
    """Is its value how many percent fail: `Errors (%)` by metric math, CloudFront's `5xxErrorRate`?"""
    name = alarm.label or alarm.metric
    is_percent = alarm.unit == "Percent" or name.endswith(("(%)", "ErrorRate"))
    return is_percent and dict(_WORDS)[Measure.ERRORS].search(name) is not None


def factor_of(alarm: Alarm) -> float:
    """Latencies are in seconds here."""
    if measure_of(alarm) is not Measure.LATENCY:
        return 1.0
    if alarm.unit in _FACTORS:
        return _FACTORS[alarm.unit]
    native = _IN_MILLISECONDS.get(alarm.namespace)
    return _MILLISECONDS if native and native.search(alarm.metric) else 1.0


def _kinds(at: Resources, alarms: Sequence[Alarm]) -> Iterator[tuple[Dimensions, Kinds]]:
    if at.cluster and at.ecs_service:
        yield (("ClusterName", at.cluster), ("ServiceName", at.ecs_service)), _TASKS
    if at.load_balancer:
        yield _balancer(at, alarms), _LOAD_BALANCER
    if at.function:
        yield (("FunctionName", at.function),), _FUNCTION
    if at.auto_scaling_group:
        yield (("AutoScalingGroupName", at.auto_scaling_group),), _INSTANCES
    if at.database and not (at.ecs_service or at.function or at.auto_scaling_group):  # else it is not the service's CPU
        yield (("DBClusterIdentifier", at.database),), _DATABASE


def _balancer(at: Resources, alarms: Sequence[Alarm]) -> Dimensions:
    """Several services may share a load balancer: where an alarm names the target group, that is the one."""
    name = at.load_balancer.rpartition("loadbalancer/")[2]
    for own in (dict(alarm.dimensions) for alarm in alarms):
        if own.get("LoadBalancer") == name and own.get("TargetGroup"):
            return ("LoadBalancer", name), ("TargetGroup", own["TargetGroup"])
    return (("LoadBalancer", name),)


def _watched(
    measure: Measure, namespace: str, names: tuple[str, ...], statistic: str, dimensions: Dimensions
) -> Watched:
    metrics = tuple(Measured(namespace, name, statistic, _fitting(name, dimensions)) for name in names)
    return Watched(measure, metrics, _MILLISECONDS if names == ("Duration",) else 1.0)


def _fitting(metric: str, dimensions: Dimensions) -> Dimensions:
    """The load balancer's own errors belong to no target group."""
    return dimensions[:1] if metric == "HTTPCode_ELB_5XX_Count" else dimensions


def _own(alarm: Alarm) -> Watched | None:
    measure = measure_of(alarm)
    if measure is None:
        return None
    metric = Measured(alarm.namespace, alarm.metric, alarm.statistic or "Average", alarm.dimensions)
    return Watched(measure, (metric,), factor_of(alarm))


def _other(alarm: Alarm) -> Watched | None:
    """What the matrix knows nothing of is looked at all the same."""
    if alarm.kind not in (AlarmKind.METRIC, AlarmKind.ANOMALY) or not alarm.namespace or not alarm.metric:
        return None
    metric = Measured(alarm.namespace, alarm.metric, alarm.statistic or "Average", alarm.dimensions)
    return Watched(Measure.OTHER, (metric,))


def _has(known: Watched, own: Watched) -> bool:
    mine = own.metrics[0]
    return any((each.namespace, each.name, set(each.dimensions)) == (mine.namespace, mine.name, set(mine.dimensions))
               for each in known.metrics)  # fmt: skip
