"""Which metrics a service has, and what is usual for them, from weeks of CloudWatch: the BaselineSource port.

`scripts/create_baseline_stats.py` reads by the same functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from typing import Any, NamedTuple

from bot.baselines import Measured, Point, baselines_from, measured_by_default, per_minute, with_zeros
from bot.catalogue import Catalogue
from bot.config import Config
from bot.errors import Refused
from bot.integrations.aws.clients import Clients, cloud_errors
from bot.ports import Clock, Learned, Told
from bot.signals import Alarm

PERIOD = 300
"""Seconds. Means over an hour would hide the spread that an alarm of one minute sees."""
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
MAX_METRICS, MAX_POINTS = 500, 100_800
# https://aws.amazon.com/cloudwatch/pricing/, us-east-1: a thousand metrics asked for, a thousand calls of other kinds
PRICE_METRICS, PRICE_CALLS = 0.01, 0.01

WEEKS = 4
"""So far the bot looks back."""
MAX_CALLS = 200
"""For one service: a hundred of its metrics take nine."""

Series = Mapping[str, list[Measured]]


class TooMuchError(Exception):
    """It would take more calls than were allowed."""


class Span(NamedTuple):
    """From when until when, in whole hours."""

    start: datetime
    end: datetime

    @property
    def times(self) -> list[datetime]:
        step = timedelta(seconds=PERIOD)
        return [self.start + step * n for n in range(int((self.end - self.start) / step))]

    def calls(self, metrics: int) -> int:
        return -(-metrics // self.batch)

    @property
    def batch(self) -> int:
        """How many metrics fit into one answer."""
        return max(min(MAX_METRICS, MAX_POINTS // len(self.times)), 1)


class CloudWatch:
    """Reads alarms and points, and counts what that costs. Raises CloudError, and TooMuchError after `max_calls`."""

    def __init__(self, clients: Clients, max_calls: int) -> None:
        self._clients = clients
        self._max_calls = max_calls
        self.alarm_calls = self.data_calls = self.metrics = 0

    def alarms(self, region: str) -> Iterator[Mapping[str, Any]]:
        asked: dict[str, Any] = {"AlarmTypes": ["MetricAlarm"], "MaxRecords": 100}
        while True:
            self.alarm_calls += self._one_more()
            with cloud_errors("cloudwatch:DescribeAlarms", region):
                answer = self._client(region).describe_alarms(**asked)
            yield from answer.get("MetricAlarms", [])
            if not answer.get("NextToken"):
                return
            asked["NextToken"] = answer["NextToken"]

    def points(self, service: str, region: str, metrics: Sequence[Measured], span: Span) -> Iterator[Point]:
        """The points of as many metrics as fit into one answer, page by page."""
        asked: dict[str, Any] = {"StartTime": span.start, "EndTime": span.end, "MetricDataQueries": _queries(metrics)}
        while True:
            self.data_calls += self._one_more()
            self.metrics += len(metrics)
            with cloud_errors("cloudwatch:GetMetricData", region):
                answer = self._client(region).get_metric_data(**asked)
            for result in answer.get("MetricDataResults", []):
                metric = metrics[int(result["Id"][1:])]
                for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                    yield Point(service, metric.key, at.astimezone(UTC), per_minute(value, metric.statistic, PERIOD))
            if not answer.get("NextToken"):
                return
            asked["NextToken"] = answer["NextToken"]

    @property
    def bill(self) -> str:
        return bill(self.alarm_calls, self.data_calls, self.metrics)

    def _client(self, region: str) -> Any:
        return self._clients.get("cloudwatch", region=region, read_timeout=60.0, attempts=6)

    def _one_more(self) -> int:
        if self.alarm_calls + self.data_calls >= self._max_calls:
            raise TooMuchError(f"stopped after {self._max_calls} calls, and more are not allowed")
        return 1


class CloudWatchBaselines:
    """Learns a service of the catalogue. Raises CloudError, and Refused where there is nothing to learn from."""

    is_on = True

    def __init__(self, clients: Clients, config: Config, clock: Clock) -> None:
        self._clients = clients
        self._config = config
        self._clock = clock

    def learn(self, service: str, tell: Told) -> Learned:
        """The last four weeks, in whole hours; `tell` hears after each call how many metrics of how many were read."""
        aws = CloudWatch(self._clients, MAX_CALLS)
        until = self._clock().replace(minute=0, second=0, microsecond=0)
        span = Span(until - timedelta(weeks=WEEKS), until)
        place = self._config.services[service].region or self._clients.region
        try:
            metrics = series(self._config, {service: place}, aws)[service]
            points = list(self._points(aws, service, place, metrics, span, tell))
        except TooMuchError as error:
            raise Refused(f"{service} has too many metrics: {error}.") from error
        if not metrics:
            raise Refused(
                f"Nothing is known that could be measured: no alarm is about {service}, and config.yml names no "
                "cluster, load_balancer or function of it."
            )
        found = baselines_from(with_zeros(points, metrics, span.times), self._config.zone(service))
        return Learned(found, [each.key for each in metrics], span.start, until, aws.bill)

    def _points(
        self, aws: CloudWatch, service: str, place: str, metrics: Sequence[Measured], span: Span, tell: Told
    ) -> Iterator[Point]:
        for start in range(0, len(metrics), span.batch):
            batch = metrics[start : start + span.batch]
            yield from aws.points(service, place, batch, span)
            tell(min(start + span.batch, len(metrics)), len(metrics))


def series(config: Config, places: Mapping[str, str], aws: CloudWatch, wanted: str = "") -> Series:
    """Each service's metrics: those of its alarms and the usual ones, as far as `wanted` fits."""
    catalogue = Catalogue(config)
    found = {name: measured_by_default(name, config.services[name]) for name in places}
    for region in sorted(set(places.values())):
        for described in aws.alarms(region):
            metrics = _measured(described)
            for name in {catalogue.place(_alarm(described, metrics, region), None).service} & set(places):
                if places[name] == region:
                    found[name] += metrics
    return {
        name: [each for each in dict.fromkeys(metrics) if fnmatch(each.key.lower(), f"*{wanted.lower()}*")]
        for name, metrics in found.items()
    }


def _measured(described: Mapping[str, Any]) -> list[Measured]:
    """The metrics an alarm looks at; several where it computes."""
    stats = [
        (each["MetricStat"]["Metric"], each["MetricStat"]["Stat"])
        for each in described.get("Metrics", [])
        if each.get("MetricStat") and not each.get("AccountId")
    ]
    if described.get("MetricName"):
        stats.append((described, described.get("Statistic") or described.get("ExtendedStatistic", "Average")))
    return [
        Measured(metric["Namespace"], metric["MetricName"], statistic, _dimensions(metric))
        for metric, statistic in stats
    ]


def _dimensions(metric: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((each["Name"], each["Value"]) for each in metric.get("Dimensions", [])))


def _alarm(described: Mapping[str, Any], metrics: Sequence[Measured], region: str) -> Alarm:
    """As much of the alarm as tells its service."""
    return Alarm(
        name=described["AlarmName"],
        region=region,
        dimensions=tuple(pair for each in metrics for pair in each.dimensions),
    )


def _queries(metrics: Sequence[Measured]) -> list[dict[str, Any]]:
    return [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": each.namespace,
                    "MetricName": each.name,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in each.dimensions],
                },
                "Period": PERIOD,
                "Stat": each.statistic,
            },
        }
        for number, each in enumerate(metrics)
    ]


def bill(alarm_calls: int, data_calls: int, metrics: int) -> str:
    price = metrics * PRICE_METRICS / 1000 + alarm_calls * PRICE_CALLS / 1000
    return (
        f"{alarm_calls + data_calls} calls: {alarm_calls} DescribeAlarms, {data_calls} GetMetricData "
        f"for {metrics} metrics; about ${price:.4f}"
    )
