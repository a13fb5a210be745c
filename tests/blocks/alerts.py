"""Alerts in every state, filled with the worst text there is, and one alert with only the facts that matter."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from blocks.alert import AlertFacts
from bot.catalogue import Context
from bot.config import Maintenance
from bot.models import Alert, AlertStatus, Decision, Duty, Paged, Role, Severity, Shown, Silence, Stage, Storm
from bot.signals import Alarm, AlarmKind, Deployment, DeploymentState
from tests.blocks.incidents import incidents, maybe_url, people, troubles
from tests.blocks.texts import texts
from tests.bot.make import ANA, NOW, after

ACCOUNT, REGION, NAME = "123456789012", "eu-west-1", "prod-checkout-api-latency-critical"
numbers = st.none() | st.sampled_from([0.0, -1.0, 2.4137, 999.96, 1e15, -1e15, 1e300, 1e-9]) | st.floats(-1e6, 1e6)
units = st.sampled_from(["", "Seconds", "Bytes", "Percent", "Count", "None", "Count/Second", "Terabits/Second"]) | texts


def alarm(**values: Any) -> Alarm:
    facts: dict[str, Any] = {
        "name": NAME,
        "account": ACCOUNT,
        "region": REGION,
        "arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{NAME}",
        "metric": "latency",
        "statistic": "p99",
        "unit": "Seconds",
        "comparison": ">",
        "threshold": 0.8,
    }
    return Alarm(**{**facts, **values})


def alert(number: int = 17, about: Alarm | None = None, **values: Any) -> Alert:
    what = about or alarm()
    facts: dict[str, Any] = {
        "key": what.key,
        "alarm": what,
        "severity": Severity.SEV1,
        "service": "checkout-api",
        "is_known_service": True,
        "environment": "prod",
        "group": "prod/checkout-api",
        "fired_at": NOW,
        "received_at": after(2),
        "changed_at": NOW,
        "value": 2.41,
        "channels": ("ops",),
        "due_at": after(300),
    }
    return Alert(number=number, **{**facts, **values})


def over(seconds: float = 1080, **values: Any) -> Alert:
    """The same after its OK."""
    ended = {"status": AlertStatus.RESOLVED, "over_at": after(seconds), "changed_at": after(seconds)}
    return alert(**{**ended, "ok_value": 0.31, **values})


def acknowledged(**values: Any) -> Alert:
    return alert(**{"acknowledged_by": ANA, "acknowledged_at": after(125), "incident": 42, **values})


def decision(
    stage: Stage, outcome: str = "SEV-1", reason: str = "built-in rule “*-critical”", by: str | None = None
) -> Decision:
    return Decision(stage=stage, outcome=outcome, reason=reason, by=by)


@st.composite
def alarms(draw: st.DrawFn) -> Alarm:
    return alarm(
        name=draw(texts),
        kind=draw(st.sampled_from(AlarmKind)),
        account=draw(st.sampled_from(["", ACCOUNT])),
        region=draw(st.sampled_from(["", REGION])),
        description=draw(texts),
        metric=draw(texts),
        label=draw(texts),
        statistic=draw(st.sampled_from(["", "p99", "tm99", "Average"]) | texts),
        unit=draw(units),
        comparison=draw(st.sampled_from(["", ">", "≥", "<", "≤", "outside"])),
        threshold=draw(numbers),
        children=tuple(draw(st.lists(texts, max_size=3))) * draw(st.sampled_from([1, 100])),
    )


paged = st.builds(Paged, at=st.just(NOW), role=st.sampled_from(Role), name=texts, user_id=st.none() | people)
decisions = st.builds(
    Decision,
    stage=st.sampled_from(Stage),
    outcome=texts,
    reason=texts,
    by=st.none() | st.just(ANA),
)


@st.composite
def alerts(draw: st.DrawFn, /, **fixed: Any) -> Alert:
    """Any alert that triage could have stored, texts unlimited on purpose."""
    is_over = draw(st.booleans())
    facts: dict[str, Any] = {
        "about": draw(alarms()),
        "severity": draw(st.sampled_from(Severity)),
        "service": draw(texts),
        "is_known_service": draw(st.booleans()),
        "environment": draw(texts),
        "count": draw(st.sampled_from([1, 2, 999_999])),
        "flaps": draw(st.sampled_from([0, 3])),
        "settling": draw(st.sampled_from([None, after(60)])),
        "value": draw(numbers),
        "ok_value": draw(numbers),
        "reason": draw(texts),
        "has_no_data": draw(st.booleans()),
        "missing": tuple(draw(st.lists(texts, max_size=4))),
        "shown": draw(st.sampled_from(Shown)),
        "parent": draw(st.sampled_from([None, 999_999_999])),
        "silence": draw(st.sampled_from([None, "", "0a1b2c3d", "CloudWatch:Alarm", "maintenance:" + "x" * 100])),
        "due_at": draw(st.sampled_from([None, after(300), after(400_000)])),
        "missed_at": draw(st.sampled_from([None, after(301)])),
        "paged": tuple(draw(st.lists(paged, max_size=2))),
        "decisions": tuple(draw(st.lists(decisions, max_size=12))),
    }
    if is_over:
        facts |= {"status": AlertStatus.RESOLVED, "over_at": after(4_000_000), "changed_at": after(4_000_000)}
    if draw(st.booleans()):
        facts |= {"acknowledged_at": after(60), "acknowledged_by": draw(st.none() | people)}
        facts |= {"via": draw(st.just("") | texts), "incident": draw(st.sampled_from([None, 42]))}
    if draw(st.booleans()):
        facts |= {"left_at": after(90), "left_by": draw(st.none() | people), "left_via": draw(st.just("") | texts)}
    number = draw(st.sampled_from([1, 17, 999_999_999_999_999]))
    return alert(number, **{**facts, **fixed})


deployments = st.builds(
    Deployment,
    source_id=st.just("s"),
    id=st.just("d"),
    service=texts,
    state=st.sampled_from(DeploymentState),
    at=st.just(NOW),
    version=texts,
    by=texts,
)
contexts = st.builds(
    Context,
    owner=texts | st.sampled_from(["U0ANA", "S0TEAM", "Team Checkout"]),
    runbook=maybe_url,
    dashboard=maybe_url,
    console=maybe_url,
    account=texts,
    slo=texts,
)
silences = st.builds(
    Silence,
    id=st.just("0a1b2c3d"),
    pattern=texts,
    key=st.just(""),
    by=people,
    why=texts,
    starts_at=st.just(NOW),
    ends_at=st.just(after(7200)),
)
alert_facts = st.builds(
    AlertFacts,
    alert=alerts(),
    context=contexts,
    incident=st.none() | incidents(),
    troubles=st.lists(troubles, max_size=7),
    deployments=st.lists(deployments, max_size=5),
    grouped=st.sampled_from([1, 999]),
    in_thread=st.sampled_from([0, 1]),
    children=st.lists(texts, max_size=30),
    silence=texts | silences,
    to_call=st.sampled_from(("", "U0BOB")),
)
duties = st.builds(Duty, role=st.sampled_from(Role), name=texts, user_id=st.none() | people)
storms = st.builds(
    Storm,
    channel=st.sampled_from(["ops", "c" * 80]),
    window=st.just(NOW),
    began_at=st.sampled_from([None, NOW]),
    ended_at=st.sampled_from([None, after(600)]),
    alerts=st.sampled_from([0, 16, 10**9]),
    hidden=st.sampled_from([0, 10**9]),
    services=st.dictionaries(texts, st.integers(0, 10**9), max_size=40),
    severities=st.dictionaries(st.integers(1, 4), st.integers(0, 10**9)),
)


def window(name: str) -> Maintenance:
    return Maintenance.model_validate({"name": name, "alarm": "*", "at": "02:00", "lasts": "2h"})
