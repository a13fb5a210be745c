"""A picture of the metric that the alarm is about, drawn by CloudWatch."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from bot.baselines import Measured
from bot.errors import StoreError
from bot.integrations.aws.evidence import console
from bot.integrations.aws.evidence.asking import Answer, Calls, Looking, Means, off
from bot.integrations.aws.evidence.deployments import Heard
from bot.integrations.aws.evidence.measured import watched
from bot.integrations.aws.evidence.metrics import graph_of
from bot.models import Source
from bot.ports import Scope
from bot.signals import AlarmKind

WIDTH, HEIGHT = 900, 360
MAX_BYTES = 2 * 1024 * 1024
MAX_METRICS = 4
MAX_MARKS = 5
MAX_TITLE = 80
RED, BLUE = "#d13212", "#1f77b4"


class Picture(Looking):
    """One call: the metric over the window and the hour before, with its limit, its beginning and deployments."""

    source = Source.PICTURE

    def __init__(self, means: Means, heard: Heard) -> None:
        super().__init__(means)
        self._heard = heard

    def link(self, scope: Scope, region: str) -> str:
        metrics = _metrics(scope)
        return console.metrics(region, self._widget(scope, metrics, region)) if metrics else ""

    def look(self, scope: Scope, calls: Calls) -> Answer:
        metrics = _metrics(scope)
        if not metrics:
            return off(f"no metric is known to draw: name where {scope.service} runs in the catalogue")
        widget = json.dumps(self._widget(scope, metrics, calls.region))
        with calls.client("cloudwatch", "GetMetricWidgetImage") as client:
            answer = client.get_metric_widget_image(MetricWidget=widget, OutputFormat="png")
        picture = answer.get("MetricWidgetImage") or b""
        if not picture.startswith(b"\x89PNG"):
            return Answer(why="CloudWatch drew no picture")
        if len(picture) > MAX_BYTES:
            return Answer(why=f"the picture has {len(picture) // 1024} KB, which is too much")
        return Answer(picture=picture)

    def _widget(self, scope: Scope, metrics: list[Measured], region: str) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html"""
        alarm = scope.alarm
        title = alarm.name if alarm else scope.service
        vertical = [{"label": "it began", "value": _stamp(scope.began_at), "color": RED}, *self._deployed(scope)]
        horizontal = []
        if alarm and alarm.threshold is not None:
            horizontal = [{"label": f"limit {alarm.threshold:g}", "value": alarm.threshold, "color": RED}]
        return {
            **graph_of(metrics, scope, region),
            "title": title[:MAX_TITLE],
            "width": WIDTH,
            "height": HEIGHT,
            "annotations": {"horizontal": horizontal, "vertical": vertical},
        }

    def _deployed(self, scope: Scope) -> list[dict[str, str]]:
        """From the bot's own memory: asking ECS would make the picture wait."""
        try:
            heard = self._heard(scope.service, scope.since)
        except StoreError:
            return []
        return [
            {"label": f"deployed {each.version}".strip()[:40], "value": _stamp(each.at), "color": BLUE}
            for each in heard[:MAX_MARKS]
            if each.at <= scope.until
        ]


def _metrics(scope: Scope) -> list[Measured]:
    """The alarm's own metric; where it has none, the first few of the service."""
    alarm = scope.alarm
    if alarm and alarm.namespace and alarm.metric and alarm.kind is not AlarmKind.COMPOSITE:
        return [Measured(alarm.namespace, alarm.metric, alarm.statistic or "Average", alarm.dimensions)]
    return [metric for each in watched(scope.resources, None) for metric in each.metrics][:MAX_METRICS]


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"
