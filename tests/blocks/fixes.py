"""An investigation and a remediation as they are on a bad night, and with the worst text there is."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from blocks.remediation import FixFacts, card
from bot.models import (
    Action,
    Approval,
    Asked,
    Cause,
    ChangeKind,
    Diagnosis,
    Evidence,
    HealthNote,
    Investigation,
    InvestigationStatus,
    LogClass,
    LogFinding,
    Made,
    Measure,
    Message,
    Order,
    Plan,
    Reading,
    Remediation,
    RemediationStatus,
    Role,
    Severity,
    Source,
    SourceOutcome,
    Suspect,
    Target,
    Traces,
)
from bot.ports import Choice
from tests.blocks.incidents import URL, maybe_url, people
from tests.blocks.texts import texts
from tests.bot.make import ANA, BOB, CY, NOW, after

CONSOLE = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
RUNBOOK = "https://github.com/example/runbooks/blob/main/errors-many.md"


# -- on a bad night


def deployment(**values: Any) -> Made:
    facts: dict[str, Any] = {
        "kind": ChangeKind.DEPLOYMENT,
        "what": "deployed web:57",
        "target": "checkout-api",
        "at": after(-200),
        "service": "checkout-api",
        "by": "ci-deployer",
        "before": "web:56",
        "after": "web:57",
        "link": CONSOLE,
    }
    return Made(**{**facts, **values})


def access(**values: Any) -> Made:
    facts: dict[str, Any] = {
        "kind": ChangeKind.ACCESS,
        "what": "AuthorizeSecurityGroupIngress",
        "target": "sg-0a1b2c3d",
        "at": after(-1500),
        "by": "kim.porter",
        "link": CONSOLE,
    }
    return Made(**{**facts, **values})


SOURCES = (
    Asked(source=Source.METRICS, outcome=SourceOutcome.FOUND, why="5 metrics", seconds=0.8, calls=2, link=CONSOLE),
    Asked(source=Source.LOGS, outcome=SourceOutcome.FOUND, why="/ecs/checkout-api", seconds=4.2, calls=6, link=CONSOLE),
    Asked(
        source=Source.TRACES, outcome=SourceOutcome.NOT_PERMITTED, why="xray:GetTraceSummaries", seconds=0.1, calls=1
    ),
    Asked(source=Source.CHANGES, outcome=SourceOutcome.FOUND, why="the hour before", seconds=1.3, calls=2),
    Asked(source=Source.HEALTH, outcome=SourceOutcome.FAILED, why="no answer within 10 s", seconds=10.0, calls=1),
)


def evidence(**values: Any) -> Evidence:
    facts: dict[str, Any] = {
        "service": "checkout-api",
        "environment": "prod",
        "account": "shop-prod",
        "region": "eu-west-1",
        "alarm": "prod-checkout-api-5xx-critical",
        "began_at": NOW,
        "since": after(-300),
        "until": after(600),
        "readings": (
            Reading(measure=Measure.CPU, unit="%", now=31.2, peak=44, before=29.1, expected=28, deviation=6),
            Reading(measure=Measure.MEMORY, unit="%", now=44, peak=45.5, before=43.7, expected=42, deviation=3),
            Reading(measure=Measure.ERRORS, now=212, peak=61, before=0, expected=0.2, deviation=0.5, threshold=10),
            Reading(measure=Measure.LATENCY, unit="s", now=2.41, peak=2.9, before=0.38, expected=0.4, threshold=0.8),
            Reading(measure=Measure.TASKS, now=6, peak=6, before=6),
        ),
        "logs": (
            LogFinding(
                kind=LogClass.EXCEPTION,
                pattern="KeyError: 'currency'",
                count=198,
                first_seen=after(-20),
                sample="2026-11-22T02:59:40Z ERROR checkout.pay order=7f3a KeyError: 'currency'\n"
                '  File "/app/pay.py", line 88, in charge\n    total = rate[order["currency"]]',
            ),
            LogFinding(kind=LogClass.TIMEOUT, pattern="upstream timed out (110)", count=14, before=3),
        ),
        "traces": Traces(total=1240, faults=212, errors=3, p99=2.41, downstream=(("payments", "4 faults"),)),
        "changes": (deployment(), access()),
        "health": (
            HealthNote(service="EC2", title="Increased API error rates", started_at=after(-90_000), is_open=False),
        ),
        "asked": SOURCES,
    }
    return Evidence(**{**facts, **values})


def diagnosis(**values: Any) -> Diagnosis:
    facts: dict[str, Any] = {
        "cause": Cause.MANY_ERRORS,
        "severity": Severity.SEV1,
        "confidence": 0.931,
        "findings": (
            "212 errors in 10 min (0 in the hour before): KeyError: 'currency' × 198",
            "p99: 2.41 s (expected 0.40 s)",
        ),
        "excluded": ("CPU: 31 % is usual (28 ± 6 %)", "AWS Health: nothing of ours"),
        "unseen": ("X-Ray — not permitted: xray:GetTraceSummaries", "AWS Health — failed: no answer within 10 s"),
        "suspects": (
            Suspect(change=deployment(), score=0.81, reasons=("3 min before the first error", "same service")),
            Suspect(change=access(), score=0.12, reasons=("25 min before the first error",)),
        ),
        "action": Action.ROLLBACK,
        "advice": "Investigate",
    }
    return Diagnosis(**{**facts, **values})


def investigation(**values: Any) -> Investigation:
    facts: dict[str, Any] = {
        "subject": "AL-17",
        "service": "checkout-api",
        "severity": Severity.SEV2,
        "asked_at": after(600),
        "by": BOB,
        "status": InvestigationStatus.DONE,
        "done_at": after(612),
        "evidence": evidence(),
        "diagnosis": diagnosis(),
    }
    return Investigation(number=7, **{**facts, **values})


def failed(**values: Any) -> Investigation:
    facts: dict[str, Any] = {
        "status": InvestigationStatus.FAILED,
        "done_at": after(640),
        "problem": "No source answered: the credentials of shop-prod are refused (ExpiredToken).",
        "evidence": None,
        "diagnosis": None,
    }
    return investigation(**{**facts, **values})


def plan(**values: Any) -> Plan:
    facts: dict[str, Any] = {
        "target": Target(
            kind="ECS service", name="checkout-api", cluster="shop", account="shop-prod", region="eu-west-1"
        ),
        "before": "web:57",
        "after": "web:56",
        "differences": ("image 9f2c1 → 77ab0", "env −FEATURE_X", "CPU and memory the same"),
        "steps": ("UpdateService with web:56", "6 tasks rolling"),
        "radius": "this service only",
        "undo": "deploy web:57 again",
        "checks": ("no deployment running", "not in cool-down", "web:56 was stable for 6 days"),
        "about_seconds": 240,
    }
    return Plan(**{**facts, **values})


def fix(status: RemediationStatus = RemediationStatus.PLANNED, **values: Any) -> Remediation:
    facts: dict[str, Any] = {
        "number": 12,
        "order": Order(action=Action.ROLLBACK, service="checkout-api", environment="prod"),
        "plan": plan(),
        "severity": Severity.SEV2,
        "subject": "AL-17",
        "status": status,
        "requested_by": BOB,
        "requested_at": NOW,
        "expires_at": after(600),
        "needs": 1,
        "policy": "config.yml: remediation.approvals[0]",
    }
    if status not in (RemediationStatus.PLANNED, RemediationStatus.EXPIRED, RemediationStatus.REJECTED):
        facts |= {"approved_by": {CY: after(60)}, "started_at": after(60)}
    return Remediation(**{**facts, **values})


def over(status: RemediationStatus, **values: Any) -> Remediation:
    """The same after it ran."""
    facts: dict[str, Any] = {"finished_at": after(300), "said": "6 of 6 tasks run web:56"}
    return fix(status, **{**facts, **values})


def approval(**values: Any) -> Approval:
    facts: dict[str, Any] = {
        "name": "AIOps-PurgeSQSDLQ",
        "service": "orders",
        "by": ANA,
        "at": after(-86_400),
        "until": after(8 * 86_400),
    }
    return Approval(**{**facts, **values})


CHOICES = (
    Choice("web:56", after(-6 * 86_400), "ci-deployer", ("image 9f2c1 → 77ab0", "env −FEATURE_X"), True),
    Choice(
        "web:55",
        after(-9 * 86_400),
        "ci-deployer",
        ("image 9f2c1 → 41d0e", "env −FEATURE_X, −RATES_URL, +RATES_HOST, +RATES_PORT", "memory 1024 → 512 MiB"),
        True,
    ),
    Choice("web:54", after(-9.5 * 86_400), "kim.porter", ("image 9f2c1 → 0b7aa",), False),
)


# -- as the worst there is


def saying(typed: str) -> Investigation:
    """An investigation that says this everywhere, with as much of everything as there can be."""
    change = deployment(what=typed, target=typed, by=typed, before=typed, after=typed, link=URL)
    line = LogFinding(kind=LogClass.EXCEPTION, pattern=typed, count=10**9, before=10**9, sample=typed)
    note = HealthNote(service=typed, title=typed, started_at=NOW, is_ours=True, link=URL)
    said = (typed,) * 30
    found = evidence(
        service=typed,
        environment=typed,
        account=typed,
        region=typed,
        alarm=typed,
        logs=(line,) * 30,
        changes=(change, change.model_copy(update={"at": after(9)})) * 30,
        health=(note,) * 30,
        traces=Traces(total=10**9, downstream=((typed, typed),) * 30),
        stopped=10**6,
        asked=(Asked(source=Source.LOGS, outcome=SourceOutcome.FAILED, why=typed, seconds=9.9, link=URL),) * 30,
    )
    suspects = (Suspect(change=change, score=0.5, reasons=said), Suspect(change=change, score=0.5)) * 15
    concluded = diagnosis(findings=said, excluded=said, unseen=said, suspects=suspects, advice=typed)
    return investigation(service=typed, evidence=found, diagnosis=concluded)


def fix_saying(typed: str, status: RemediationStatus = RemediationStatus.PLANNED) -> Remediation:
    """A remediation that says this everywhere."""
    said = (typed,) * 30
    where = Target(kind=typed, name=typed, cluster=typed, account=typed, region=typed)
    what = plan(target=where, before=typed, after=typed, differences=said, steps=said, radius=typed, undo=typed)
    facts: dict[str, Any] = {
        "order": Order(action=Action.RUNBOOK, service=typed, environment=typed, runbook=typed),
        "plan": what.model_copy(update={"checks": said}),
        "needs": 2,
        "group": "S0ONCALL",
        "policy": typed,
        "said": typed,
        "problem": typed,
        "verdict": said,
        "rejected_by": CY,
    }
    return fix(status, **facts)


def card_saying(typed: str, status: RemediationStatus) -> Message:
    facts = FixFacts(approval=approval(name=typed, service=typed), runbook=URL, called=tuple(Role))
    return card(fix_saying(typed, status), now=NOW, facts=facts)


wild = st.sampled_from([0.0, -1.0, 31.25, 1e15, 1e300, 1e-9]) | st.floats(-1e6, 1e6)
maybe = st.none() | wild
address = maybe_url.map(lambda found: found or "")


def times(one: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """None, one, or far too many."""
    return st.builds(lambda each, count: (each,) * count, one, st.sampled_from([0, 1, 3, 60]))


made = st.builds(
    Made,
    kind=st.sampled_from(ChangeKind),
    what=texts,
    target=texts,
    at=st.sampled_from([NOW, after(-3600), after(99)]),
    by=texts,
    before=texts,
    after=texts,
    link=address,
)
readings = st.builds(
    Reading,
    measure=st.sampled_from(Measure),
    unit=st.sampled_from(["", "%", "s"]) | texts,
    now=wild,
    peak=wild,
    before=maybe,
    expected=maybe,
    deviation=maybe,
    threshold=maybe,
)
found = st.builds(
    LogFinding,
    kind=st.sampled_from(LogClass),
    pattern=texts,
    count=st.just(10**9),
    before=st.just(10**9),
    first_seen=st.sampled_from([None, NOW]),
    sample=texts,
)
asked = st.builds(
    Asked,
    source=st.sampled_from(Source),
    outcome=st.sampled_from(SourceOutcome),
    why=texts,
    seconds=st.sampled_from([0.0, 9999.9]),
    calls=st.sampled_from([0, 1, 10**6]),
    link=address,
)
notes = st.builds(
    HealthNote,
    service=texts,
    title=texts,
    started_at=st.just(NOW),
    is_open=st.booleans(),
    is_ours=st.booleans(),
    link=address,
)
traces = st.builds(
    Traces, total=st.just(10**9), faults=st.just(1), p99=maybe, downstream=times(st.tuples(texts, texts))
)
collected = st.builds(
    Evidence,
    service=texts,
    environment=texts,
    account=texts,
    region=texts,
    alarm=texts,
    began_at=st.just(NOW),
    since=st.just(after(-300)),
    until=st.just(after(600)),
    readings=times(readings),
    logs=times(found),
    traces=st.none() | traces,
    changes=times(made),
    health=times(notes),
    stopped=st.sampled_from([0, 1, 10**6]),
    asked=times(asked),
)
concluded = st.builds(
    Diagnosis,
    cause=st.sampled_from(Cause),
    severity=st.sampled_from(Severity),
    confidence=st.sampled_from([0.0, 0.5, 1.0]),
    findings=times(texts),
    excluded=times(texts),
    unseen=times(texts),
    suspects=times(st.builds(Suspect, change=made, score=st.just(0.5), reasons=times(texts))),
    action=st.sampled_from([None, *Action]),
    advice=texts,
)
investigations = st.builds(
    Investigation,
    number=st.sampled_from([1, 999_999_999]),
    subject=st.sampled_from(["AL-17", "INC-999999999"]),
    service=texts,
    severity=st.sampled_from(Severity),
    asked_at=st.just(NOW),
    by=st.none() | people,
    status=st.sampled_from(InvestigationStatus),
    done_at=st.sampled_from([None, after(30)]),
    evidence=st.none() | collected,
    diagnosis=st.none() | concluded,
    problem=texts,
    is_dismissed=st.booleans(),
)
targets = st.builds(Target, kind=texts, name=texts, cluster=texts, account=texts, region=texts)
plans = st.builds(
    Plan,
    target=targets,
    before=texts,
    after=texts,
    differences=times(texts),
    steps=times(texts),
    radius=texts,
    undo=texts,
    checks=times(texts),
    about_seconds=st.sampled_from([0, 30, 10**6]),
)
fixes = st.builds(
    Remediation,
    number=st.sampled_from([1, 999_999_999]),
    order=st.builds(Order, action=st.sampled_from(Action), service=texts, environment=texts, runbook=texts),
    plan=plans,
    severity=st.sampled_from(Severity),
    subject=st.sampled_from(["", "AL-17", "INC-999999999"]),
    status=st.sampled_from(RemediationStatus),
    requested_by=st.none() | people,
    requested_at=st.just(NOW),
    expires_at=st.sampled_from([after(-1), after(600)]),
    needs=st.sampled_from([0, 1, 9]),
    group=st.sampled_from(["", "S0ONCALL"]),
    policy=texts,
    approved_by=st.sampled_from([{}, {CY: after(60)}, {f"U{n:09d}": NOW for n in range(30)}]),
    via=st.just("") | texts,
    rejected_by=st.none() | people,
    started_at=st.sampled_from([None, after(60)]),
    finished_at=st.sampled_from([None, after(300)]),
    said=texts,
    problem=texts,
    verified_at=st.sampled_from([None, after(1200)]),
    verdict=times(texts),
    undoes=st.sampled_from([None, 3]),
    undone_by=st.sampled_from([None, 14]),
)
approvals = st.builds(
    Approval,
    name=texts,
    service=texts,
    by=people,
    at=st.just(NOW),
    until=st.just(after(86_400)),
    withdrawn_at=st.sampled_from([None, NOW]),
)
fix_facts = st.builds(
    FixFacts,
    approval=st.none() | approvals,
    runbook=maybe_url,
    verify_at=st.sampled_from([None, after(1200)]),
    called=st.sampled_from([None, *Role]),
)
choices = st.lists(
    st.builds(
        Choice,
        revision=texts,
        registered_at=st.sampled_from([None, NOW]),
        by=texts,
        differences=times(texts),
        was_stable=st.booleans(),
    ),
    max_size=12,
)
