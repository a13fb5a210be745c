"""An alarm's numbers as people read them: what is measured, in which unit, and against which limit.

CloudWatch's messages seldom name a unit, since most alarms are made without one. The units of well-known metrics stand
in AWS's documentation, in the table below; an alarm that names its unit wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from blocks.text import clip, one_line
from bot.signals import Alarm, AlarmKind


class Known(NamedTuple):
    """What people call a metric, and the unit that AWS documents for it."""

    name: str
    unit: str = "Count"


_CPU, _MEMORY = Known("CPU", "Percent"), Known("memory", "Percent")
_LATENCY = Known("latency", "Seconds")
_HEALTHY, _UNHEALTHY = Known("healthy targets"), Known("unhealthy targets")
_5XX, _4XX = Known("5xx errors"), Known("4xx errors")
_DISK = Known("disk", "Percent")

METRICS: Mapping[str, Mapping[str, Known]] = {
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    "AWS/ApplicationELB": {
        "TargetResponseTime": _LATENCY,
        "HTTPCode_Target_5XX_Count": _5XX,
        "HTTPCode_Target_4XX_Count": _4XX,
        "HTTPCode_ELB_5XX_Count": Known("5xx errors of the load balancer"),
        "HTTPCode_ELB_4XX_Count": Known("4xx errors of the load balancer"),
        "RequestCount": Known("requests"),
        "RequestCountPerTarget": Known("requests per target"),
        "HealthyHostCount": _HEALTHY,
        "UnHealthyHostCount": _UNHEALTHY,
        "TargetConnectionErrorCount": Known("connection errors"),
        "RejectedConnectionCount": Known("rejected connections"),
        "ActiveConnectionCount": Known("connections"),
    },
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html
    "AWS/NetworkELB": {"HealthyHostCount": _HEALTHY, "UnHealthyHostCount": _UNHEALTHY},
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html
    "AWS/ELB": {
        "Latency": _LATENCY,
        "HTTPCode_Backend_5XX": _5XX,
        "HTTPCode_Backend_4XX": _4XX,
        "HTTPCode_ELB_5XX": Known("5xx errors of the load balancer"),
        "HealthyHostCount": _HEALTHY,
        "UnHealthyHostCount": _UNHEALTHY,
        "SurgeQueueLength": Known("requests waiting"),
    },
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
    "AWS/ApiGateway": {
        "Latency": Known("latency", "Milliseconds"),
        "IntegrationLatency": Known("backend latency", "Milliseconds"),
        "5XXError": _5XX,
        "4XXError": _4XX,
        "5xx": _5XX,
        "4xx": _4XX,
    },
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
    "AWS/CloudFront": {
        "5xxErrorRate": Known("5xx error rate", "Percent"),
        "4xxErrorRate": Known("4xx error rate", "Percent"),
        "TotalErrorRate": Known("error rate", "Percent"),
        "OriginLatency": Known("origin latency", "Milliseconds"),
    },
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
    "AWS/ECS": {
        "CPUUtilization": _CPU,
        "MemoryUtilization": _MEMORY,
        "CPUReservation": Known("reserved CPU", "Percent"),
        "MemoryReservation": Known("reserved memory", "Percent"),
        "EBSFilesystemUtilization": _DISK,
    },
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
    "ECS/ContainerInsights": {
        "RunningTaskCount": Known("running tasks"),
        "DesiredTaskCount": Known("desired tasks"),
        "PendingTaskCount": Known("pending tasks"),
        "MemoryUtilized": Known("memory", "Megabytes"),
    },
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-EKS.html
    "ContainerInsights": {
        "pod_cpu_utilization": _CPU,
        "pod_memory_utilization": _MEMORY,
        "node_cpu_utilization": Known("node CPU", "Percent"),
        "node_memory_utilization": Known("node memory", "Percent"),
        "node_filesystem_utilization": Known("node disk", "Percent"),
        "pod_number_of_container_restarts": Known("container restarts"),
    },
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
    "AWS/EC2": {
        "CPUUtilization": _CPU,
        "CPUCreditBalance": Known("CPU credits"),
        "NetworkIn": Known("network in", "Bytes"),
        "NetworkOut": Known("network out", "Bytes"),
        "StatusCheckFailed": Known("failed status checks"),
        "StatusCheckFailed_Instance": Known("failed instance checks"),
        "StatusCheckFailed_System": Known("failed system checks"),
    },
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-collected-by-CloudWatch-agent.html
    "CWAgent": {
        "mem_used_percent": _MEMORY,
        "disk_used_percent": _DISK,
        "swap_used_percent": Known("swap", "Percent"),
    },
    # https://docs.aws.amazon.com/ebs/latest/userguide/using_cloudwatch_ebs.html
    "AWS/EBS": {"BurstBalance": Known("burst credits left", "Percent"), "VolumeQueueLength": Known("disk queue")},
    # https://docs.aws.amazon.com/efs/latest/ug/efs-metrics.html
    "AWS/EFS": {"PercentIOLimit": Known("I/O limit used", "Percent")},
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html and, for Aurora,
    # https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
    "AWS/RDS": {
        "CPUUtilization": _CPU,
        "FreeableMemory": Known("free memory", "Bytes"),
        "FreeStorageSpace": Known("free disk space", "Bytes"),
        "FreeLocalStorage": Known("free local disk space", "Bytes"),
        "SwapUsage": Known("swap", "Bytes"),
        "DatabaseConnections": Known("database connections"),
        "DiskQueueDepth": Known("disk queue"),
        "BurstBalance": Known("burst credits left", "Percent"),
        "ReadIOPS": Known("reads", "Count/Second"),
        "WriteIOPS": Known("writes", "Count/Second"),
        "ReadLatency": Known("read latency", "Seconds"),
        "WriteLatency": Known("write latency", "Seconds"),
        "CommitLatency": Known("commit latency", "Milliseconds"),
        "SelectLatency": Known("select latency", "Milliseconds"),
        "ReplicaLag": Known("replica lag", "Seconds"),
        "AuroraReplicaLag": Known("replica lag", "Milliseconds"),
        "Deadlocks": Known("deadlocks", "Count/Second"),
    },
    # https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html
    "AWS/ElastiCache": {
        "CPUUtilization": _CPU,
        "EngineCPUUtilization": Known("engine CPU", "Percent"),
        "DatabaseMemoryUsagePercentage": _MEMORY,
        "FreeableMemory": Known("free memory", "Bytes"),
        "Evictions": Known("evictions"),
        "CurrConnections": Known("connections"),
        "ReplicationLag": Known("replica lag", "Seconds"),
    },
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    "AWS/DynamoDB": {
        "SuccessfulRequestLatency": Known("latency", "Milliseconds"),
        "ReplicationLatency": Known("replica lag", "Milliseconds"),
        "ThrottledRequests": Known("throttled requests"),
        "ReadThrottleEvents": Known("throttled reads"),
        "WriteThrottleEvents": Known("throttled writes"),
        "SystemErrors": Known("system errors"),
        "UserErrors": Known("user errors"),
    },
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    "AWS/Lambda": {
        "Duration": Known("duration", "Milliseconds"),
        "IteratorAge": Known("age of the oldest record", "Milliseconds"),
        "Errors": Known("errors"),
        "Throttles": Known("throttled calls"),
        "Invocations": Known("calls"),
        "ConcurrentExecutions": Known("calls at once"),
        "DeadLetterErrors": Known("dead-letter errors"),
    },
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    "AWS/SQS": {
        "ApproximateNumberOfMessagesVisible": Known("messages waiting"),
        "ApproximateNumberOfMessagesNotVisible": Known("messages in flight"),
        "ApproximateNumberOfMessagesDelayed": Known("messages delayed"),
        "ApproximateAgeOfOldestMessage": Known("age of the oldest message", "Seconds"),
    },
    # https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
    "AWS/SNS": {"NumberOfNotificationsFailed": Known("failed notifications")},
    # https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
    "AWS/Kinesis": {
        "GetRecords.IteratorAgeMilliseconds": Known("age of the oldest record", "Milliseconds"),
        "ReadProvisionedThroughputExceeded": Known("throttled reads"),
        "WriteProvisionedThroughputExceeded": Known("throttled writes"),
    },
    # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
    "AWS/States": {
        "ExecutionTime": Known("execution time", "Milliseconds"),
        "ExecutionsFailed": Known("failed executions"),
        "ExecutionsTimedOut": Known("timed-out executions"),
        "ExecutionThrottled": Known("throttled executions"),
    },
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
    "AWS/Events": {"FailedInvocations": Known("failed invocations")},
    # https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-cloudwatchmetrics.html
    "AWS/ES": {
        "CPUUtilization": _CPU,
        "JVMMemoryPressure": Known("JVM memory", "Percent"),
        "FreeStorageSpace": Known("free disk space", "Megabytes"),
    },
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Canaries_metrics.html
    "CloudWatchSynthetics": {
        "SuccessPercent": Known("successful runs", "Percent"),
        "Duration": Known("duration", "Milliseconds"),
        "Failed": Known("failed runs"),
    },
    # https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
    "AWS/CertificateManager": {"DaysToExpiry": Known("days until the certificate expires")},
    # https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-cloudwatch.html
    "AWS/Route53": {"HealthCheckPercentageHealthy": Known("healthy checkers", "Percent")},
}

_WAITING = "ApproximateNumberOfMessagesVisible"
_DEAD_LETTERS = re.compile(r"dlq|dead[-_]?letter", re.IGNORECASE)
_PERCENTILE = re.compile(r"(?i)(?:p|tm|wm|tc|ts)\d[\d.]*")
_RANK = re.compile(r"(?i)pr\(")  # percentile rank: the share of values within a range
_NAMED = (
    (re.compile(r"(?i)percent(?:age)?$"), "Percent"),
    (re.compile(r"(?i)milliseconds$"), "Milliseconds"),
    (re.compile(r"(?i)seconds$"), "Seconds"),
    (re.compile(r"(?i)bytes$"), "Bytes"),
)
"""The unit that a metric of anybody's carries in its name."""
_LABELLED = re.compile(r"\s*\((%|ms|s)\)$")
_LABELS = {"%": "Percent", "ms": "Milliseconds", "s": "Seconds"}


class _Step(NamedTuple):
    """From `least` on, numbers are divided by `by` and followed by `suffix`."""

    least: float
    by: float
    suffix: str


_TIME = (
    _Step(0, 1e-6, " µs"),
    _Step(1e-3, 1e-3, " ms"),
    _Step(1, 1, " s"),
    _Step(120, 60, " min"),
    _Step(7200, 3600, " h"),
    _Step(172_800, 86_400, " days"),
)
_BYTES = tuple(
    _Step(1024.0**n if n else 0, 1024.0**n, f" {name}") for n, name in enumerate(("B", "KiB", "MiB", "GiB", "TiB"))
)
_PLAIN = (_Step(0, 1, ""),)
_UNITS: Mapping[str, tuple[float, tuple[_Step, ...]]] = {
    "seconds": (1, _TIME),
    "milliseconds": (1e-3, _TIME),
    "microseconds": (1e-6, _TIME),
    "bytes": (1, _BYTES),
    "kilobytes": (1e3, _BYTES),
    "megabytes": (1e6, _BYTES),
    "gigabytes": (1e9, _BYTES),
    "terabytes": (1e12, _BYTES),
    "percent": (1, (_Step(0, 1, " %"),)),
    "count": (1, _PLAIN),
    "none": (1, _PLAIN),
    "": (1, _PLAIN),
}
"""CloudWatch's units, in what they are counted and how that is written:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html"""


# -- what is measured


def measured(alarm: Alarm) -> str:
    """`p99 latency`, `CPU`, `messages in DLQ`; an unknown metric by its own name."""
    name = _friendly(alarm) or clip(one_line(_label(alarm) or alarm.metric or alarm.name), 60)
    return f"{alarm.statistic} {name}" if _PERCENTILE.fullmatch(alarm.statistic) else name


def raw(alarm: Alarm) -> str:
    """The metric as CloudWatch calls it, where people call it otherwise; else empty."""
    return clip(one_line(alarm.metric), 100) if _friendly(alarm) else ""


def source(alarm: Alarm) -> str:
    """All that names the metric in CloudWatch: `AWS/ECS CPUUtilization, Average over 60 s, ServiceName web`."""
    if not alarm.metric:
        return ""
    over = f" over {alarm.period} s" if alarm.period else ""
    dimensions = (f"{name} {value}" for name, value in alarm.dimensions)
    parts = (f"{alarm.namespace} {alarm.metric}", f"{alarm.statistic}{over}", *dimensions)
    return ", ".join(found for part in parts if (found := one_line(part)))


def unit(alarm: Alarm) -> str:
    """The alarm's own unit, else the documented one of its metric, else the one in a name."""
    if alarm.unit or alarm.kind is AlarmKind.MATH:
        return alarm.unit or _label_unit(alarm)
    if alarm.statistic == "SampleCount":
        return "Count"
    if _RANK.match(alarm.statistic):
        return "Percent"
    known = _known(alarm)
    return known.unit if known else next((found for ending, found in _NAMED if ending.search(alarm.metric)), "")


def _friendly(alarm: Alarm) -> str:
    known = _known(alarm)
    if known is None or alarm.label:
        return ""
    is_dead = alarm.metric == _WAITING and any(_DEAD_LETTERS.search(value) for _, value in alarm.dimensions)
    return "messages in DLQ" if is_dead else known.name


def _known(alarm: Alarm) -> Known | None:
    return METRICS.get(alarm.namespace, {}).get(alarm.metric)


def _label(alarm: Alarm) -> str:
    """The label of a metric math alarm without the unit that people write behind it: `Errors (%)`."""
    return _LABELLED.sub("", alarm.label)


def _label_unit(alarm: Alarm) -> str:
    found = _LABELLED.search(alarm.label)
    return _LABELS[found[1]] if found else ""


# -- numbers


def value(alarm: Alarm, number: float | None) -> str:
    """A datapoint of the alarm, to the scale of its limit: `2.41 s`."""
    return quantities((number, alarm.threshold), unit(alarm))[0]


def limit(alarm: Alarm, number: float | None = None) -> str:
    """What the value is held against, to its scale: `limit 80 %`, `at least 2`; empty where nothing says."""
    if alarm.kind is AlarmKind.ANOMALY or alarm.comparison == "outside":
        return "outside its expected band"
    if alarm.threshold is None:
        return ""
    words = {"<": "at least", "≤": "more than"}.get(alarm.comparison, "limit")
    return f"{words} {quantities((number, alarm.threshold), unit(alarm))[1]}"


def quantity(number: float | None, unit: str) -> str:
    """A number with its unit: `2.41 s`, `850 ms`, `1.2 GiB`."""
    return quantities((number,), unit)[0]


def quantities(numbers: Sequence[float | None], unit: str) -> list[str]:
    """Numbers that are read together: all to the scale of the largest, but what is less than one minute, hour or
    kibibyte to its own; and different ones never look the same."""
    unit = clip(one_line(unit), 20)
    known = {number for number in numbers if number is not None}
    largest = _scale(list(known), unit)
    scales = {each: _scale([each], unit) if _is_less_than_one(largest, each) else largest for each in known}
    is_close = len({_written(scales[number], number) for number in known}) < len(known)
    return ["no data" if number is None else _written(scales[number], number, exactly=is_close) for number in numbers]


def _is_less_than_one(scale: _Step, number: float) -> bool:
    return scale.least > 1 and abs(number) < scale.by


def _scale(numbers: Sequence[float], unit: str) -> _Step:
    base, slash, _ = unit.lower().partition("/second")
    factor, steps = _UNITS.get(base, (1, (_Step(0, 1, f" {unit}"),)))
    largest = max((abs(number) * factor for number in numbers), default=0) or factor
    step = next(step for step in reversed(steps) if largest >= step.least)
    per = "/s" if slash and base in _UNITS else ""
    return _Step(step.least, step.by / factor, step.suffix + per)


def _written(scale: _Step, number: float, *, exactly: bool = False) -> str:
    scaled = number / scale.by
    return f"{scaled:.7g}{scale.suffix}" if exactly else f"{_digits(scaled)}{scale.suffix}"


def _digits(number: float) -> str:
    """Three digits that matter: `2.41`, `0.80`, `96.6`, `1,234`; whole numbers whole, and 99.95 is not 100."""
    size = abs(number)
    if size >= 1e15 or 0 < size < 0.1:
        return f"{number:.2g}"
    if number == int(number) or size >= 100:
        return f"{number:,.0f}"
    if size >= 99:
        return f"{number:.4g}"
    return f"{number:.1f}" if size >= 10 else f"{number:.2f}"
