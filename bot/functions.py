"""The second document's functions `aiops-platform-rca` and `aiops-platform-rollback`, for whatever calls them.

They take its payloads and answer in its terms; what a command line prints and what a Lambda returns is the same.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from bot.errors import CloudError, InvalidInput, UserError
from bot.models import Action, Order, Plan, Progress, Remediation, Severity
from bot.ports import Clock, Fixes
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


class Pace(NamedTuple):
    """How an execution is followed: by which clock, how it waits, and how long it may take."""

    clock: Clock
    sleep: Callable[[float], None]
    timeout: timedelta = timedelta(minutes=15)


def rca(payload: Any, *, at: datetime) -> Json:
    """What the anomalies and metrics of the payload say. Raises InvalidInput that names the field."""
    given = _object(payload, RCA)
    if not given.get("anomalies") and not given.get("metrics"):
        raise InvalidInput("anomalies", f"anomalies and metrics are both missing. Write them like {EXAMPLES[RCA]}.")
    evidence = from_payload(given.get("anomalies") or [], given.get("metrics") or {}, at=at)
    return to_payload(diagnose(evidence), evidence)


def rollback(payload: Any, fixes: Fixes, pace: Pace, *, execute: bool) -> Json:
    """The plan to go back to the last stable task definition; with `execute` it is done and followed until it is over.

    1. Plan, from AWS as it is now. Nothing is changed by that.
    2. Begin, and look every three seconds until it is over.
    3. What takes longer than it may is let go of, and told as such.

    Raises InvalidInput that names the field, Refused with why it can't be planned, and CloudError.
    """
    given = rollback_payload(payload)
    revision = str(given.get("task_definition", ""))
    order = Order(action=Action.ROLLBACK, service=given["service"], revision=revision)
    where = Resources(region=given.get("region", ""), cluster=given["cluster"], ecs_service=given["service"])
    plan = fixes.plan(order, where)
    answer = {**{name: given[name] for name in _NEEDED}, **_told(plan)}
    if not execute:
        return {**answer, "status": Ended.PLANNED.value}
    return {**answer, **_done(_begun(order, plan, pace), fixes, pace)}


def is_well(answer: Mapping[str, Any]) -> bool:
    """Did a rollback answer that it is planned or done?"""
    return answer["status"] in (Ended.PLANNED, Ended.SUCCEEDED)


# -- the payload


def _object(payload: Any, function: str) -> Json:
    if not isinstance(payload, dict):
        raise InvalidInput("payload", f"The payload of {function} has to be an object like {EXAMPLES[function]}.")
    return payload


def rollback_payload(payload: Any) -> Json:
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
    return given


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


def _told(plan: Plan) -> Json:
    return {
        "from": plan.before,
        "to": plan.after,
        "differences": list(plan.differences),
        "steps": list(plan.steps),
        "radius": plan.radius,
        "undo": plan.undo,
        "checks": list(plan.checks),
        "about_seconds": plan.about_seconds,
    }


# -- the execution


def _begun(order: Order, plan: Plan, pace: Pace) -> Remediation:
    """As the Fixes port wants it. It is nobody's in Slack, and has no number."""
    now = pace.clock()
    return Remediation(
        number=0,
        order=order,
        plan=plan,
        severity=Severity.SEV3,
        requested_by=None,
        requested_at=now,
        expires_at=now + pace.timeout,
        token=str(uuid.uuid4()),
        started_at=now,
    )


def _done(fix: Remediation, fixes: Fixes, pace: Pace) -> Json:
    """From here on there is an answer, whatever happens: something may have been changed."""
    until = pace.clock() + pace.timeout
    progress, call = Progress(said="not begun"), fixes.start
    while not progress.is_over:
        try:
            progress = call(fix)
            fix, call = _kept(fix, progress), fixes.follow
        except UserError as error:
            return _ended(Ended.FAILED, progress, str(error))
        except CloudError as error:
            if not error.retryable:
                return _ended(Ended.FAILED, progress, str(error))
        if not progress.is_over and pace.clock() >= until:
            _let_go(fix, fixes)
            return _ended(Ended.TIMED_OUT, progress, f"it took longer than {pace.timeout.total_seconds() / 60:g} min")
        if not progress.is_over:
            pace.sleep(FOLLOW_EVERY)
    return _ended(Ended.FAILED if progress.problem else Ended.SUCCEEDED, progress, progress.problem)


def _kept(fix: Remediation, progress: Progress) -> Remediation:
    """With the plan's state as the last look left it."""
    return fix.changed(plan=fix.plan.model_copy(update={"state": progress.state or fix.plan.state}))


def _let_go(fix: Remediation, fixes: Fixes) -> None:
    try:
        fixes.stop(fix)
    except (CloudError, UserError):
        return  # it took too long either way, which is what is told


def _ended(status: Ended, progress: Progress, problem: str) -> Json:
    return {"status": status.value, "said": progress.said, "problem": problem}
