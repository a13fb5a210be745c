"""The second document's functions `aiops-platform-rca` and `aiops-platform-rollback`, for whatever calls them.

They take its payloads and answer in its terms; what a command line prints and what a Lambda returns is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from bot.config import Config, Service
from bot.errors import InvalidInput
from bot.models import Action, Order, Plan, Remediation, RemediationStatus
from bot.ports import Fixes
from bot.rca import diagnose, from_payload, to_payload
from bot.resources import Resources

RCA, ROLLBACK = "aiops-platform-rca", "aiops-platform-rollback"
EXAMPLES = {
    RCA: '{"anomalies": ["CPU: 60% (expected 4%)"], "metrics": {"cpu_utilization": 60}}',
    ROLLBACK: '{"cluster": "shop-prod", "service": "checkout-api", "reason": "errors since the deployment"}',
}
FOLLOW_EVERY = 3.0
MAX_REASON = 500
Json = dict[str, Any]
MOST_TOLD = 10
_READ = ("anomalies", "metrics")
_NEEDED, _OPTIONAL = ("cluster", "service", "reason"), ("task_definition", "region")
_NAME = re.compile(
    r"[A-Za-z0-9_-]{1,255}"
)  # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


class Ended(StrEnum):
    """How a rollback stands."""

    PLANNED = "planned"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed out"


_ENDED = {RemediationStatus.FAILED: Ended.FAILED, RemediationStatus.TIMED_OUT: Ended.TIMED_OUT}


class Hands(Protocol):
    """Who carries a rollback out: within the guard rails of everybody, and on record."""

    def begin(self, order: Order, where: Resources, via: str) -> Remediation:
        """Plan it and begin. Raises Refused with the reason, and CloudError."""
        ...

    def look(self, number: int) -> Remediation:
        """Do what is due by now, and say how it stands."""
        ...


class Asked(NamedTuple):
    """A rollback's payload, checked; `service` is the ECS service's name."""

    cluster: str
    service: str
    reason: str
    task_definition: str = ""
    region: str = ""

    def order(self, config: Config) -> Order:
        """Of the service as the catalogue calls it, which its guard is named after; else as ECS does."""
        known = next((name for name, entry in config.services.items() if self._is(name, entry)), "")
        return Order(
            action=Action.ROLLBACK,
            service=known or f"{self.cluster}/{self.service}",
            environment=config.service(known).environment,
            revision=self.task_definition,
        )

    def _is(self, name: str, entry: Service) -> bool:
        """The catalogue may have whole ARNs, or leave the alarms to tell where a service runs."""
        runs_as, cluster = (each.rpartition("/")[2] for each in (entry.ecs_service or name, entry.cluster))
        return runs_as == self.service and cluster in ("", self.cluster)

    @property
    def where(self) -> Resources:
        return Resources(region=self.region, cluster=self.cluster, ecs_service=self.service)


def rca(payload: Any, *, at: datetime) -> Json:
    """What the anomalies and metrics of the payload say. What else it names, a topic or a cluster, is not looked at,
    and the answer says so: nobody reaches past the catalogue by typing. Raises InvalidInput that names the field.
    """
    given = _object(payload, RCA)
    anomalies, metrics = given.get("anomalies"), given.get("metrics")
    if anomalies in (None, []) and metrics in (None, {}):
        raise InvalidInput("anomalies", f"anomalies and metrics are both missing. Write them like {EXAMPLES[RCA]}.")
    evidence = from_payload([] if anomalies is None else anomalies, {} if metrics is None else metrics, at=at)
    answer = to_payload(diagnose(evidence), evidence)
    ignored = sorted(str(name)[:60] for name in given if name not in _READ)
    if not ignored:
        return answer
    told = ", ".join(ignored[:MOST_TOLD]) + (f" and {len(ignored) - MOST_TOLD} more" if ignored[MOST_TOLD:] else "")
    return {**answer, "not_seen": [*answer["not_seen"], f"payload — not read: {told}; {' and '.join(_READ)} are"]}


def planned(asked: Asked, fixes: Fixes, config: Config) -> Json:
    """The plan to go back to the last stable task definition, from AWS as it is now. Nothing is changed by that.

    Raises Refused with why it can't be planned, and CloudError.
    """
    return _told(asked, fixes.plan(asked.order(config), asked.where), Ended.PLANNED)


def rolled_back(asked: Asked, hands: Hands, config: Config, who: str, sleep: Callable[[float], None]) -> Json:
    """The same carried out, and looked at every three seconds until it is over.

    Raises Refused with why it is not begun, and CloudError.
    """
    fix = hands.begin(asked.order(config), asked.where, f"{who}: {asked.reason}")
    while (fix := hands.look(fix.number)).status is RemediationStatus.RUNNING:
        sleep(FOLLOW_EVERY)
    status = _ENDED.get(fix.status, Ended.SUCCEEDED)
    return {**_told(asked, fix.plan, status), "remediation": fix.id, "said": fix.said, "problem": fix.problem}


def is_well(answer: Mapping[str, Any]) -> bool:
    """Did a rollback answer that it is planned or done?"""
    return answer["status"] in (Ended.PLANNED, Ended.SUCCEEDED)


# -- the payload


def _object(payload: Any, function: str) -> Json:
    if not isinstance(payload, dict):
        raise InvalidInput("payload", f"The payload of {function} has to be an object like {EXAMPLES[function]}.")
    return payload


def rollback_payload(payload: Any) -> Asked:
    """What a rollback is asked for, checked. What names a thing is a name: else it could mean more than one of them.

    Raises InvalidInput that names the field.
    """
    given = _object(payload, ROLLBACK)
    _need_fields(given)
    for name, value in given.items():
        if not isinstance(value, str) or not value.strip():
            raise InvalidInput(name, f"{name} has to be a text that is not empty.")
    for name in ("cluster", "service"):
        _need(name, given[name], _NAME, "is no name: letters, digits, - and _ only, and no ARN")
    if "region" in given:
        _need("region", given["region"], _REGION, "is no region; write one like us-east-1")
    if len(given["reason"]) > MAX_REASON:
        raise InvalidInput("reason", f"reason has {len(given['reason']):,} characters; {MAX_REASON} are read at most.")
    return Asked(**given)


def _need_fields(given: Json) -> None:
    unknown = next((name for name in given if name not in (*_NEEDED, *_OPTIONAL)), None)
    if unknown is not None:
        raise InvalidInput(unknown, f"“{unknown[:60]}” is no field. There are {', '.join(_NEEDED + _OPTIONAL)}.")
    missing = next((name for name in _NEEDED if name not in given), None)
    if missing is not None:
        raise InvalidInput(missing, f"{missing} is missing. Write it like {EXAMPLES[ROLLBACK]}.")


def _need(name: str, value: str, pattern: re.Pattern[str], problem: str) -> None:
    if not pattern.fullmatch(value):
        raise InvalidInput(name, f"{name} “{value[:60]}” {problem}.")


# -- the answer


def _told(asked: Asked, plan: Plan, status: Ended) -> Json:
    return {
        "cluster": asked.cluster,
        "service": asked.service,
        "reason": asked.reason,
        "from": plan.before,
        "to": plan.after,
        "differences": list(plan.differences),
        "steps": list(plan.steps),
        "radius": plan.radius,
        "undo": plan.undo,
        "checks": list(plan.checks),
        "about_seconds": plan.about_seconds,
        "status": status.value,
    }
