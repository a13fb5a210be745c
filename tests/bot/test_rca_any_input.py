"""Whatever is put in: payloads of the second document are read or refused, and any evidence is diagnosed."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import InvalidInput
from bot.models import (
    Asked,
    Cause,
    ChangeKind,
    Diagnosis,
    Evidence,
    HealthNote,
    LogClass,
    LogFinding,
    Made,
    Measure,
    Reading,
    Source,
    SourceOutcome,
    Traces,
)
from bot.rca import diagnose, from_payload, to_payload
from tests.bot.diagnosing import ACCOUNT, FAILING, MINUTE, NOW, change

# --- the second document's payload


def test_the_documents_payload_is_answered_in_its_terms() -> None:
    found = from_payload(["CPU: 60% (expected 4%)"], {"cpu_utilization": 60}, at=NOW)
    answer = to_payload(diagnose(found), found)
    assert {key: answer[key] for key in ("root_cause", "severity", "auto_action", "manual_action")} == {
        "root_cause": "High CPU (no errors)",
        "severity": "MEDIUM",
        "auto_action": "Scale up +1 task",
        "manual_action": "Monitor for 15min",
    }
    assert answer["evidence"][0] == "CPU: 60 % (expected 4 %)"
    assert 0.3 < answer["confidence"] < 0.8  # nothing but one number was seen


@pytest.mark.parametrize(
    ("anomalies", "metrics", "cause"),
    [
        (["CPU: 60% (expected 4%)", "Errors: 3 (expected 0)"], {}, Cause.CPU_WITH_ERRORS),
        (["Errors: 11 (expected 0)"], {}, Cause.MANY_ERRORS),
        (["error count = 10 (normal: 0)"], {}, Cause.FEW_ERRORS),
        (["Response time: 2,400 ms (expected 400 ms ± 50)"], {}, Cause.SLOW),
        (["Latency: 2.4s (expected 0.4s)"], {}, Cause.SLOW),
        ([], {"TargetResponseTime": 5.0, "HTTPCode_Target_5XX_Count": 0}, Cause.SLOW),
        ([], {"latency_ms": 5000}, Cause.SLOW),
        ([], {"CPUUtilization": 95.5, "disk_queue": 4}, Cause.CPU),
        ([], {"cpu_utilization": "60"}, Cause.UNKNOWN),  # a number in quotes is one
        ([], {"cpu_utilization": "95.5"}, Cause.CPU),
        ([], {}, Cause.UNKNOWN),
    ],
)
def test_payloads_are_read_tolerantly(anomalies: list[str], metrics: dict[str, float], cause: Cause) -> None:
    found = from_payload(anomalies, metrics, at=NOW)
    assert diagnose(found).cause is cause


def test_metrics_that_say_nothing_to_the_matrix_are_named() -> None:
    answer = from_payload([], {"disk_queue": 4, "error_rate": 0.1}, at=NOW).answer(Source.METRICS)
    assert answer is not None
    assert answer.why == "the matrix knows nothing of disk_queue, error_rate"


@pytest.mark.parametrize(
    ("anomalies", "metrics", "field", "says"),
    [
        (["something is odd"], {}, "anomalies", "I can't read the anomaly “something is odd”. Write them like"),
        ([None], {}, "anomalies", "I can't read the anomaly “None”"),
        (["Humidity: 60%"], {}, "anomalies", "I don't know what “Humidity” measures. I know CPU, memory"),
        (["Errors: 12%"], {}, "anomalies", "Write `Errors: 12 (expected 0)`"),
        ("CPU: 60%", {}, "anomalies", "has to be a list"),
        (["CPU: 1%"] * 101, {}, "anomalies", "are too many"),
        ([], {"cpu_utilization": "much"}, "metrics", "The metric cpu_utilization is “much”; it has to be a number of"),
        ([], {"cpu_utilization": None}, "metrics", "The metric cpu_utilization is “None”"),
        ([], {"cpu_utilization": [60]}, "metrics", "The metric cpu_utilization is “[60]”"),
        ([], {"cpu_utilization": "60%"}, "metrics", "The metric cpu_utilization is “60%”"),
        ([], {"cpu_utilization": "nan"}, "metrics", "The metric cpu_utilization is “nan”"),
        ([], {"cpu_utilization": float("inf")}, "metrics", "The metric cpu_utilization is “inf”"),
        ([], {"cpu_utilization": 10**400}, "metrics", "has to be a number"),
        ([], {"cpu_utilization": -5}, "metrics", "a number of 0 or more"),
        (["CPU: -60%"], {}, "anomalies", "has a number that I can't read"),
        (["CPU: 60% (expected 1e999%)"], {}, "anomalies", "has a number that I can't read"),
        ([], {"cpu_utilization": True}, "metrics", "has to be a number"),
        ([], {"cpu_utilization": float("nan")}, "metrics", "has to be a number"),
        ([], [60], "metrics", "has to be an object"),
        ([], {str(n): 1 for n in range(101)}, "metrics", "are too many"),
    ],
)
def test_what_can_not_be_read_says_what_would_be_right(anomalies: Any, metrics: Any, field: str, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        from_payload(anomalies, metrics, at=NOW)
    assert refused.value.field == field
    assert says in str(refused.value)


@given(
    st.lists(st.text(max_size=60) | st.from_regex(r"[A-Za-z ]{1,9}: ?-?\d{1,400}%? ?(\(expected \d+\))?")), st.data()
)
def test_any_payload_is_read_or_refused(anomalies: list[str], data: st.DataObject) -> None:
    metrics = data.draw(st.dictionaries(st.sampled_from(["cpu", "errors", "p99", "x"]), st.floats() | st.integers()))
    try:
        found = from_payload(anomalies, metrics, at=NOW)
    except InvalidInput:
        return
    to_payload(diagnose(found), found)


# --- what holds for any evidence


words = st.text(max_size=12) | st.sampled_from(["checkout-api", "mailer", "web:57", "UpdateService", "catalog-db"])
numbers = st.floats() | st.floats(0, 200)
counts = st.integers() | st.integers(0, 30)
moments = st.integers(-90, 30).map(lambda n: NOW + n * MINUTE) | st.datetimes(timezones=st.just(UTC))
readings = st.builds(
    Reading,
    measure=st.sampled_from(Measure),
    now=numbers,
    peak=numbers,
    before=st.none() | numbers,
    expected=st.none() | numbers,
    deviation=st.none() | numbers,
    threshold=st.none() | numbers,
    slope=numbers,
)
logged = st.builds(
    LogFinding,
    kind=st.sampled_from(LogClass),
    pattern=words,
    count=counts,
    before=counts,
    first_seen=st.none() | moments,
    sample=words,
)
changed = st.builds(
    Made,
    kind=st.sampled_from(ChangeKind),
    what=words,
    target=words,
    at=moments,
    service=words,
    before=words,
    after=words,
    account=st.sampled_from(["", ACCOUNT, "9"]),
)
traced = st.builds(
    Traces,
    total=counts,
    faults=counts,
    p99=st.none() | numbers,
    downstream=st.lists(st.tuples(words, words)).map(tuple),
)
noted = st.builds(HealthNote, service=words, title=words, started_at=moments, is_ours=st.booleans())
answered = st.builds(Asked, source=st.sampled_from(Source), outcome=st.sampled_from(SourceOutcome), why=words)
anything = st.builds(
    Evidence,
    service=words,
    began_at=moments,
    since=moments,
    until=moments,
    readings=st.lists(readings, max_size=8).map(tuple),
    logs=st.lists(logged, max_size=6).map(tuple),
    traces=st.none() | traced,
    changes=st.lists(changed, max_size=6).map(tuple),
    health=st.lists(noted, max_size=3).map(tuple),
    stopped=counts,
    asked=st.lists(answered, max_size=8).map(tuple),
)


def core(told: Diagnosis) -> tuple[Any, ...]:
    return told.cause, told.severity, told.confidence


@given(anything)
def test_any_evidence_is_diagnosed(found: Evidence) -> None:
    told = diagnose(found)
    assert 0 <= told.confidence <= 1
    assert all(0 <= one.score <= 1 for one in told.suspects)
    assert [one.score for one in told.suspects] == sorted((one.score for one in told.suspects), reverse=True)
    assert diagnose(found) == told
    to_payload(told, found)


@given(st.lists(changed, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_suspects_does_not_depend_on_the_order_of_changes(changes: list[Made], dice: Any) -> None:
    mixed = list(changes)
    dice.shuffle(mixed)
    one, other = (diagnose(FAILING.model_copy(update={"changes": tuple(each)})) for each in (changes, mixed))
    assert one.suspects == other.suspects


@given(anything, st.sampled_from(ChangeKind), st.integers(-60, 60))
def test_a_change_of_something_else_never_changes_the_cause(found: Evidence, kind: ChangeKind, ago: int) -> None:
    other = change(kind, ago=ago, what="changed", target="elsewhere-entirely", service="elsewhere-entirely")
    more = found.model_copy(update={"changes": (*found.changes, other)})
    assert core(diagnose(more)) == core(diagnose(found))
    assert diagnose(more).action == diagnose(found).action or found.service == ""


@given(anything)
def test_fewer_sources_never_make_surer(found: Evidence) -> None:
    asked = tuple(Asked(source=source, outcome=SourceOutcome.FOUND) for source in Source)
    missing = tuple(one.model_copy(update={"outcome": SourceOutcome.FAILED}) for one in asked)
    whole, part = (found.model_copy(update={"asked": each}) for each in (asked, missing))
    assert diagnose(part).confidence <= diagnose(whole).confidence
