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
from tests.bot.make import ANA, NOW, alert, incident

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
    whole, part = incident(), alert(incident=1)
    store.save(Change(incidents=(whole,), alerts=(part,)), NOW)
    assert "https://meet.example/INC-1" in words(said(store, failed(), whole))
    assert "https://meet.example/INC-1" in words(said(store, failed(), part)), "its alert's is the same"
    assert "Meet on" not in words(said(store, failed(), None, bridge=None))


def test_the_steps_name_the_service_as_far_as_it_is_known_and_safe_to_paste(store: SqliteStore) -> None:
    entry = {"cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/shop-prod", "ecs_service": "checkout-api",
             "region": "us-east-1", "log_groups": "/ecs/$(reboot)",
             "dashboard": "https://console.aws.amazon.com/cloudwatch/home#dashboards/dashboard/checkout"}  # fmt: skip
    config = Config.model_validate({"services": {"checkout-api": entry}})
    told = words(Escalations(store, config, lambda _: "")(failed(), None))
    assert "--cluster shop-prod --services checkout-api" in told
    assert "region=us-east-1#dashboards:name=checkout" in told
    assert "reboot" not in told
    assert "--log-group-name <log-group>" in told
    assert entry["dashboard"] in told


def test_who_escalates_gets_the_steps_and_the_bridge_where_people_work(store: SqliteStore) -> None:
    whole, part = incident(channel_id="C0INC"), alert(incident=1, service="checkout-api", has_stood=True)
    store.save(Change(incidents=(whole,), alerts=(part,)), NOW)
    rows = Escalations(store, Config(), lambda found: f"https://meet.example/{found.id}").asked_for(part, ANA)
    assert [row.body.get("channel") for row in rows] == [None, "C0INC"], "under its card, and in the incident's channel"
    for row in rows:
        told = json.dumps(row.body)
        assert "https://meet.example/INC-1" in told
        assert "docs/runbooks/unknown.md" in told


def test_a_verdict_is_why_too(store: SqliteStore) -> None:
    fix = remediation(status=RemediationStatus.NOT_RECOVERED, verdict=("the alarm is ALARM", "errors 31 (limit 30)"))
    assert "the alarm is ALARM; errors 31 (limit 30)" in words(said(store, fix, None))
