"""Which service an alarm is about, and what the catalogue knows of it. Pure.

In this order: the catalogue's own patterns and dimensions, the alarm's tags, the naming convention
`<env>-<service>-<metric>-<severity>`, the alarm's dimensions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from bot.config import Config, Service, Slo, same_service
from bot.models import Alert, Severity, fits
from bot.signals import Alarm, AlarmKind

Tags = Mapping[str, str]

# fmt: off
ENVIRONMENTS = frozenset((
    "prod", "production", "prd", "live", "stage", "staging", "stg", "uat", "qa", "test", "dev", "development",
    "sandbox", "demo", "preprod", "int", "nonprod",
))
# fmt: on
SEVERITY_WORDS: dict[str, Severity] = {
    **dict.fromkeys(("critical", "crit", "sev1", "p1", "fatal"), Severity.SEV1),
    **dict.fromkeys(("high", "error", "major", "sev2", "p2"), Severity.SEV2),
    **dict.fromkeys(("medium", "warning", "warn", "moderate", "sev3", "p3"), Severity.SEV3),
    **dict.fromkeys(("low", "info", "minor", "notice", "sev4", "p4"), Severity.SEV4),
}
# fmt: off
_METRIC_WORDS = frozenset((
    "4xx", "5xx", "availability", "backlog", "burn", "composite", "connections", "cpu", "deployment", "depth",
    "disk", "dlq", "duration", "error", "errors", "faults", "failures", "freshness", "health", "healthy", "hosts",
    "iops", "lag", "latency", "memory", "messages", "oom", "p50", "p90", "p95", "p99", "queue", "rate", "requests",
    "response", "restarts", "running", "saturation", "size", "slo", "space", "storage", "tasks", "throttles", "time",
    "timeouts", "traffic", "unhealthy", "utilization",
))
# fmt: on
_SERVICE_TAGS = ("service", "app", "application", "component")
_ENVIRONMENT_TAGS = ("environment", "env", "stage")
_SERVICE_DIMENSIONS = ("ServiceName", "FunctionName", "QueueName", "DBInstanceIdentifier", "DBClusterIdentifier",
                       "AutoScalingGroupName", "TableName", "ApiName", "StateMachineArn")  # fmt: skip


class Place(NamedTuple):
    """What an alarm is about. `service` is empty where nothing tells it; `how` says what told it."""

    service: str
    environment: str
    is_known: bool
    how: str


class Context(NamedTuple):
    """What a card shows beside the alert itself."""

    owner: str = ""
    runbook: str | None = None
    dashboard: str | None = None
    console: str | None = None
    account: str = ""
    slo: str = ""


class Catalogue:
    """The services of the config file, ready to be asked for each alarm."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._by_length = sorted(config.services, key=len, reverse=True)

    def place(self, alarm: Alarm, tags: Tags | None) -> Place:
        """The service and environment of an alarm. `tags` None: they could not be read."""
        named = _convention(alarm.name, self._by_length)
        service, how = next(self._found(alarm, tags or {}, named), ("", "nothing names its service"))
        known = self._config.known_service(service) if service else None
        environment = self._environment(alarm, tags or {}, known, named)
        return Place(known or service, environment, known is not None, how)

    def _found(self, alarm: Alarm, tags: Tags, named: _Named) -> Iterator[tuple[str, str]]:
        if alarm.service:
            yield alarm.service, "the message names it"
        about = [name for name, entry in self._config.services.items() if _is_about(name, entry, alarm)]
        at_home = [name for name in about if not _is_elsewhere(self._config.services[name], alarm)]
        for name in at_home or about:
            yield name, f"config.yml: services.{name} names the alarm{_why_not(about, at_home)}"
        tagged = _tag(tags, _SERVICE_TAGS)
        if tagged:
            yield tagged, "a tag of the alarm"
        if named.service:
            yield named.service, "the naming convention <env>-<service>-<metric>-<severity>"
        for dimension, value in alarm.dimensions:
            if dimension in _SERVICE_DIMENSIONS:
                yield value, f"the alarm's dimension {dimension}"

    def _environment(self, alarm: Alarm, tags: Tags, known: str | None, named: _Named) -> str:
        entry = self._config.services[known] if known else Service()
        account = self._config.accounts.get(alarm.account or entry.account or "")
        tagged = _tag(tags, _ENVIRONMENT_TAGS)
        return entry.environment or tagged or named.environment or (account.environment if account else "")

    def context(self, alert: Alert) -> Context:
        entry = self._config.service(alert.service) if alert.service else Service()
        number = alert.alarm.account or entry.account or ""
        account = self._config.accounts.get(number)
        alias = account.alias if account else ""
        return Context(
            owner=entry.owner,
            runbook=entry.runbook,
            dashboard=entry.dashboard,
            console=console_link(alert.alarm, entry.region),
            account=f"{alias} ({number})" if alias and number else alias or number,
            slo=_slo(entry.slo, alert) if entry.slo else "",
        )


class _Named(NamedTuple):
    environment: str
    service: str


def _convention(name: str, known: list[str]) -> _Named:
    """`prod-checkout-api-latency-critical` → prod, checkout-api.

    What stands between environment and severity is service and metric: a known service ends where its name does,
    any other where the first word that only metrics have begins.
    """
    words = [word for word in re.split(r"[-_/.: ]+", name) if word]
    environment = words[0].lower() if words and words[0].lower() in ENVIRONMENTS else ""
    middle = words[1:] if environment else words
    has_severity = bool(middle) and middle[-1].lower() in SEVERITY_WORDS
    middle = middle[:-1] if has_severity else middle
    joined = same_service(" ".join(middle))
    for service in known:
        spelt = same_service(service)
        if joined == spelt or joined.startswith(spelt + "-"):
            return _Named(environment, service)
    if not (environment or has_severity):
        return _Named("", "")
    metric = next((n for n, word in enumerate(middle) if n and word.lower() in _METRIC_WORDS), len(middle) - 1)
    return _Named(environment, "-".join(middle[: max(metric, 1)]))


def _is_about(service: str, entry: Service, alarm: Alarm) -> bool:
    if any(fits(pattern, alarm.name) for pattern in entry.alarms):
        return True
    if alarm.kind is AlarmKind.HEALTH:
        patterns = entry.dimensions.values()
        return any(
            same_service(name) == same_service(service) or any(fits(pattern, name) for pattern in patterns)
            for name in _affected(alarm)
        )
    values = dict(alarm.dimensions)
    return any(name in values and fits(pattern, values[name]) for name, pattern in entry.dimensions.items())


def _affected(alarm: Alarm) -> set[str]:
    """What an AWS Health event is about, as dimensions would name it: of an ARN its resource, whole and in parts.

    A database `db:orders` is `orders` there, a target group `targetgroup/web/0123`, a load balancer
    `loadbalancer/app/web/0123` without its first part.
    """
    names = set()
    for _, entity in alarm.dimensions:
        resource = entity.split(":", 5)[-1] if entity.startswith("arn:") else entity
        parts = re.split(r"[:/]", resource)
        names |= {entity, resource, resource.removeprefix(parts[0])[1:] or resource, parts[-1]}
    return names


def _is_elsewhere(entry: Service, alarm: Alarm) -> bool:
    """Does the service run in another account or region than the alarm's, as far as both are known?"""
    pairs = ((entry.account, alarm.account), (entry.region, alarm.region))
    return any(here and there and here != there for here, there in pairs)


def _why_not(about: Sequence[str], at_home: Sequence[str]) -> str:
    others = [name for name in about if name not in at_home]
    return f"; {', '.join(others)} as well, but elsewhere" if at_home and others else ""


def _tag(tags: Tags, names: tuple[str, ...]) -> str:
    lowered = {key.lower(): value for key, value in tags.items()}
    return next((lowered[name] for name in names if lowered.get(name)), "")


def console_link(alarm: Alarm, usual_region: str = "") -> str | None:
    """The alarm's page in the AWS console; for what is no CloudWatch alarm, the address its message gave.

    `usual_region` is where the alarm's service runs, for a message that names no region.
    """
    region = alarm.region or usual_region
    if alarm.url or alarm.kind in (AlarmKind.HEALTH, AlarmKind.DEPLOYMENT, AlarmKind.CUSTOM) or not region:
        return alarm.url or None
    host = "console.amazonaws.cn" if region.startswith("cn-") else "console.aws.amazon.com"
    name = quote(alarm.name, safe="")
    return f"https://{region}.{host}/cloudwatch/home?region={region}#alarmsV2:alarm/{name}"


def _slo(slo: Slo, alert: Alert) -> str:
    """`99.9 %, burning 14×`: how many times faster than allowed the error budget goes, where the alarm measures it."""
    target = f"{slo.name + ' ' if slo.name else ''}{slo.target:g} %"
    alarm = alert.alarm
    is_percent = alarm.unit.lower() == "percent"
    measures = fits(slo.metric, alarm.metric) or fits(slo.metric, alarm.name)
    if alert.value is None or not measures or not alert.is_firing or not is_percent:
        return target
    return f"{target}, burning {alert.value / (100 - slo.target):.3g}×"
