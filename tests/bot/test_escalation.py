"""What is said when a remediation did not help: the right manual runbook, and where to meet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from bot.config import Config
from bot.escalation import Escalations
from bot.models import (
    Action,
    Alert,
    Cause,
    Change,
    Diagnosis,
    Incident,
    InvestigationStatus,
    Message,
    Order,
    Remediation,
    RemediationStatus,
    Severity,
)
from bot.steps.causes import wanted_for
from bot.store.sqlite import SqliteStore
from tests.bot.fixing import remediation
from tests.bot.make import NOW, alert, incident

BRIDGE = "https://meet.example/ops"


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    with closing(SqliteStore(":memory:")) as made:
        yield made


def failed(**values: Any) -> Remediation:
    return remediation(status=RemediationStatus.FAILED, problem="web:56 does not start", **values)


def said(
    store: SqliteStore, fix: Remediation, subject: Alert | Incident | None, bridge: str | None = BRIDGE
) -> Message:
    config = Config.model_validate({"bridge_url": bridge} if bridge else {})
    return Escalations(store, config, lambda found: f"https://meet.example/{found.id}")(fix, subject)


def found(store: SqliteStore, subject: Alert | Incident, cause: Cause, number: int = 1) -> None:
    """An investigation of it, concluded."""
    diagnosis = Diagnosis(cause=cause, severity=Severity.SEV2, confidence=0.9)
    done = wanted_for(subject, number, NOW).changed(status=InvestigationStatus.DONE, diagnosis=diagnosis)
    store.save(Change(investigations=(done,)), NOW)


def words(message: Message) -> str:
    return message.text + json.dumps(message.blocks, ensure_ascii=False)


def test_it_says_why_and_what_to_do_by_hand(store: SqliteStore) -> None:
    message = said(store, failed(), None)
    assert "web:56 does not start" in message.text
    assert "docs/runbooks/unknown.md" in words(message)
    assert BRIDGE in words(message)


def test_the_manual_runbook_is_that_of_the_cause_that_was_found(store: SqliteStore) -> None:
    subject = alert()
    store.save(Change(alerts=(subject,)), NOW)
    found(store, subject, Cause.MEMORY_LEAK)
    message = said(store, failed(), subject)
    assert "docs/runbooks/memory-leak.md" in words(message)
    assert "Check since when memory climbs" in words(message), "and its steps"


def test_the_newest_cause_counts_also_that_of_an_alert_of_the_incident(store: SqliteStore) -> None:
    whole = incident()
    part = alert(incident=1)
    store.save(Change(incidents=(whole,), alerts=(part,)), NOW)
    found(store, whole, Cause.CPU, 1)
    assert "docs/runbooks/high-cpu.md" in words(said(store, failed(), whole))
    found(store, part, Cause.SLOW, 2)
    assert "docs/runbooks/slow-response.md" in words(said(store, failed(), whole))


def test_one_that_is_not_concluded_is_no_cause(store: SqliteStore) -> None:
    subject = alert()
    store.save(Change(alerts=(subject,), investigations=(wanted_for(subject, 1, NOW),)), NOW)
    assert "docs/runbooks/unknown.md" in words(said(store, failed(), subject))


def test_an_automated_runbook_has_its_own_page(store: SqliteStore) -> None:
    order = Order(action=Action.RUNBOOK, runbook="AIOps-PurgeSQSDLQ", service="payments-worker")
    subject = alert()
    store.save(Change(alerts=(subject,)), NOW)
    found(store, subject, Cause.CPU)
    assert "docs/runbooks/AIOps-PurgeSQSDLQ.md" in words(said(store, failed(order=order), subject))


def test_an_incident_has_its_own_bridge_and_without_one_none_is_named(store: SqliteStore) -> None:
    assert "https://meet.example/INC-1" in words(said(store, failed(), incident()))
    assert "Meet on" not in words(said(store, failed(), None, bridge=None))


def test_a_verdict_is_why_too(store: SqliteStore) -> None:
    fix = remediation(status=RemediationStatus.NOT_RECOVERED, verdict=("the alarm is ALARM", "errors 31 (limit 30)"))
    assert "the alarm is ALARM; errors 31 (limit 30)" in words(said(store, fix, None))
