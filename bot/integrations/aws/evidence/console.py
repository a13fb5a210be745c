"""Addresses of the AWS console's pages, for all partitions. Pure.

Since the pages read what follows `#` themselves, each has its own way of writing it: CloudWatch a form of JSON without
quotes, which its own *Share* button makes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

# https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
_HOSTS = {"cn": "console.amazonaws.cn", "us-gov": "console.amazonaws-us-gov.com", "eusc": "console.amazonaws-eusc.eu"}
_GLOBAL = {"cn": "cn-north-1", "us-gov": "us-gov-west-1", "eusc": "eusc-de-east-1"}
_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)


def metrics(region: str, graph: Mapping[str, Any]) -> str:
    """The metrics page with this graph, written as a widget's JSON."""
    return f"{_cloudwatch(region)}#metricsV2:graph={_jsurl(graph)}"


def insights(region: str, query: str, groups: Sequence[str], since: datetime, until: datetime) -> str:
    """Logs Insights with the query typed in, the log groups chosen and the time set."""
    detail = {
        "end": _stamp(until),
        "start": _stamp(since),
        "timeType": "ABSOLUTE",
        "tz": "UTC",
        "editorString": query,
        "source": list(groups),
    }
    return f"{_cloudwatch(region)}#logsV2:logs-insights$3FqueryDetail$3D{_jsurl(detail)}"


def traces(region: str, expression: str, since: datetime, until: datetime) -> str:
    """https://docs.aws.amazon.com/xray/latest/devguide/xray-console-deeplinks.html"""
    times = "~".join(f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" for at in (since, until))
    place = f"https://{_host(region)}/xray/home?region={region}#/traces"
    return f"{place}?filter={quote(expression, safe='')}&timeRange={times}"


def trail(region: str, since: datetime, until: datetime) -> str:
    """The event history: what changed something in that time."""
    return f"{_trail(region)}?ReadOnly=false&StartTime={_stamp(since)}&EndTime={_stamp(until)}"


def trail_event(region: str, event_id: str) -> str:
    return f"{_trail(region)}/{quote(event_id, safe='')}"


def health(region: str, event_arn: str = "") -> str:
    """The account's health dashboard, or one event of it."""
    page = f"https://health.{_suffix(region)}/health/home#/account"
    if event_arn:
        return f"{page}/event-log?eventID={quote(event_arn, safe='')}&eventTab=details"
    return f"{page}/dashboard/open-issues"


def service_deployments(region: str, cluster: str, service: str) -> str:
    """The deployments of an ECS service."""
    place = f"clusters/{quote(cluster, safe='')}/services/{quote(service, safe='')}"
    return f"https://{_host(region)}/ecs/v2/{place}/deployments?region={region}"


def global_region(region: str) -> str:
    """Where the partition keeps what belongs to no region: IAM's changes, AWS Health.

    https://docs.aws.amazon.com/health/latest/ug/health-api.html#endpoints
    """
    return _GLOBAL.get(_partition(region), "us-east-1")


def health_region(region: str) -> str:
    return "cn-northwest-1" if _partition(region) == "cn" else global_region(region)


def _partition(region: str) -> str:
    return next((name for name in _HOSTS if region.startswith(f"{name}-")), "aws")


def _suffix(region: str) -> str:
    return _HOSTS.get(_partition(region), "console.aws.amazon.com")


def _host(region: str) -> str:
    return f"{region}.{_suffix(region)}"


def _cloudwatch(region: str) -> str:
    return f"https://{_host(region)}/cloudwatch/home?region={region}"


def _trail(region: str) -> str:
    return f"https://{_host(region)}/cloudtrailv2/home?region={region}#/events"


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def _jsurl(value: Any) -> str:
    """`{"a": ["x y", 1]}` as `~(a~(~'x*20y~1))`."""
    return "~" + _part(value)


def _part(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + "~".join(f"{_escaped(str(key))}~{_part(each)}" for key, each in value.items()) + ")"
    if isinstance(value, list | tuple):
        return "(" + "".join(f"~{_part(each)}" for each in value) + ")"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else "'" + _escaped(str(value))


def _escaped(text: str) -> str:
    return _UNSAFE.sub(lambda found: "".join(_escape(char) for char in found[0]), text)


def _escape(char: str) -> str:
    code = ord(char)
    if char == "$":
        return "!"
    if code < 0x100:
        return f"*{code:02x}"
    halves = char.encode("utf-16-be")
    return "".join(f"**{halves[n : n + 2].hex()}" for n in range(0, len(halves), 2))
