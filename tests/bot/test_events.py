"""Our events on the bus: what `bot.events` makes is what docs/events/*.json describe, no more and no less."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from bot import events
from bot.catalogue import Context
from bot.integrations.aws.bus import SOURCE
from bot.models import Alert, Incident, Remediation, RemediationStatus, Severity, Shown, Stage, Status
from bot.ports import Event
from bot.signals import AlarmKind
from tests.blocks.alerts import acknowledged, alarm, alert, alerts, decision, over
from tests.blocks.incidents import incidents
from tests.bot.fixing import done, plan
from tests.bot.make import ANA, BOB, NOW, after, incident

FOLDER = Path(__file__).parents[2] / "docs" / "events"
SCHEMAS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time")
def is_moment(value: object) -> bool:
    """An absolute moment; null is the schema's business."""
    return not isinstance(value, str) or RFC3339.fullmatch(value) is not None


def check(event: Event) -> None:
    """As it goes over the wire."""
    detail = json.loads(json.dumps(dict(event.detail), allow_nan=False))
    Draft202012Validator(SCHEMAS[event.type], format_checker=FORMATS).validate(detail)


def resolved(**values: Any) -> Incident:
    one = incident(42, severity=Severity.SEV1, **values).moved(Status.INVESTIGATING, by=ANA, at=after(125))
    return one.moved(Status.RESOLVED, by=BOB, at=after(1080))


def told(fix: Remediation) -> Event:
    event = events.finished(fix, NOW)
    assert event is not None
    return event


MADE: dict[str, Event] = {
    "AlertCreated": events.created(alert()),
    "AlertEnriched": events.enriched(
        alert(decisions=tuple(decision(stage) for stage in Stage)),
        Context(owner="S0CHECKOUT", runbook="https://run.example", slo="99.9 %"),
    ),
    "AlertAcknowledged": events.acknowledged(acknowledged(), incident(42)),
    "IncidentResolved": events.resolved(resolved(alerts=3, environment="prod")),
    "RemediationFinished": told(done()),
}


def test_every_event_has_a_schema_and_every_schema_an_event() -> None:
    assert set(SCHEMAS) == set(MADE)
    assert {name: event.type for name, event in MADE.items()} == {name: name for name in MADE}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_itself_and_describes_every_field(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == name

    def walk(node: dict[str, Any], path: str) -> None:
        assert node.get("description"), path
        for key, each in node.get("properties", {}).items():
            walk(each, f"{path}.{key}")
        if "properties" in node:
            assert node["additionalProperties"] is False, path
            assert node["required"] == list(node["properties"]), path
        if isinstance(node.get("items"), dict) and "properties" in node["items"]:
            walk(node["items"], f"{path}[]")

    walk(schema, name)


@pytest.mark.parametrize("name", MADE)
def test_a_typical_event_is_as_described(name: str) -> None:
    check(MADE[name])
    assert MADE[name].detail["version"] == events.VERSION
    assert MADE[name].detail["producer"] == events.PRODUCER


@pytest.mark.parametrize(
    "one",
    [
        alert(about=alarm(kind=kind, threshold=None, comparison="", unit="", metric=""), value=None)
        for kind in AlarmKind
    ],
    ids=lambda one: one.alarm.kind.value,
)
def test_alarms_of_every_kind_are_as_described(one: Alert) -> None:
    check(events.created(one))
    check(events.enriched(one, Context()))


@pytest.mark.parametrize(
    "one",
    [
        alert(service="", environment="", severity=Severity.SEV4, channels=(), missing=("StateChangeTime", "Region")),
        alert(shown=Shown.SILENCED, pages=False, silence="0a1b2c3d", decisions=(decision(Stage.SILENCE, "silenced"),)),
        alert(shown=Shown.INHIBITED, parent=3),
        alert(about=alarm(dimensions=(("ServiceName", "checkout"), ("Cluster", "prod"))), value=-1e300, flaps=9),
        alert(reason="x" * 100_000, value=0.0),
        over(),
    ],
    ids=["unknown", "silenced", "inhibited", "extremes", "long", "over already"],
)
def test_alerts_in_every_state_are_as_described(one: Alert) -> None:
    check(events.created(one))
    check(events.enriched(one, Context(account="shop-prod (123456789012)")))


@settings(deadline=None, max_examples=60)
@given(alerts())
def test_any_alert_is_as_described(one: Alert) -> None:
    check(events.created(one))
    check(events.enriched(one, Context()))
    taken = one.changed(acknowledged_at=NOW)
    check(events.acknowledged(taken, incident(1)))


@settings(deadline=None, max_examples=40)
@given(incidents(status=Status.RESOLVED, resolved_at=after(3600)))
def test_any_resolved_incident_is_as_described(one: Incident) -> None:
    check(events.resolved(one))


def test_an_acknowledgement_says_where_and_by_whom() -> None:
    here = events.acknowledged(acknowledged(), incident(42)).detail
    assert (here["acknowledgedBy"], here["via"], here["incident"]) == (ANA, "Slack", "INC-42")
    there = events.acknowledged(acknowledged(acknowledged_by=None, via="PagerDuty, by Kim Porter"), incident(42))
    check(there)
    assert (there.detail["acknowledgedBy"], there.detail["via"]) == (None, "PagerDuty, by Kim Porter")


def test_an_incident_that_its_alarms_ended_names_nobody() -> None:
    event = events.resolved(resolved().changed(resolved_by=None, acknowledged_at=None, severity=Severity.SEV3))
    check(event)
    facts = event.detail["incident"]
    assert (facts["resolvedBy"], facts["acknowledgedAt"], facts["postMortemDue"]) == (None, None, None)


def test_a_duration_counts_from_the_first_alarm_and_is_never_negative() -> None:
    assert events.resolved(resolved(started_at=after(-60))).detail["incident"]["durationSeconds"] == 1140
    early = events.resolved(resolved(started_at=after(9_999)))
    check(early)
    assert early.detail["incident"]["durationSeconds"] == 0


def holders(node: Any) -> list[dict[str, Any]]:
    """The objects of a detail that have fixed fields."""
    found = [node] if isinstance(node, dict) else []
    for key, value in node.items() if isinstance(node, dict) else ():
        if isinstance(value, dict) and key != "dimensions":
            found += holders(value)
        elif isinstance(value, list):
            found += [each for each in value if isinstance(each, dict)]
    return found


@pytest.mark.parametrize("name", MADE)
def test_a_field_less_or_more_is_no_event_of_ours(name: str) -> None:
    valid = json.loads(json.dumps(dict(MADE[name].detail)))
    for number, each in enumerate(holders(valid)):
        for field in each:
            less = deepcopy(valid)
            del holders(less)[number][field]
            with pytest.raises(ValidationError):
                check(Event(name, less))
        more = deepcopy(valid)
        holders(more)[number]["another"] = 1
        with pytest.raises(ValidationError):
            check(Event(name, more))


@pytest.mark.parametrize(
    ("name", "field", "wrong"),
    [
        ("AlertCreated", "at", "yesterday"),
        ("AlertCreated", "version", "2"),
        ("AlertCreated", "producer", "somebody"),
        ("AlertAcknowledged", "incident", "42"),
        ("AlertAcknowledged", "via", None),
    ],
)
def test_a_wrong_value_is_no_event_of_ours(name: str, field: str, wrong: Any) -> None:
    with pytest.raises(ValidationError):
        check(Event(name, {**MADE[name].detail, field: wrong}))


def test_the_readme_names_source_and_events_and_its_example_is_one() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"`{SOURCE}`" in text
    assert all(f"({name}.json)" in text for name in SCHEMAS)
    check(Event("IncidentResolved", json.loads(text.partition("```json\n")[2].partition("```")[0])))


# -- remediations

MACHINE = "arn:aws:states:us-east-1:123456789012:execution:RemediationOrchestrator:0f8d2a86"


def ended(status: RemediationStatus, execution: str = "", **values: Any) -> Remediation:
    state = {"kind": "runbook", "execution": execution}
    return done(plan=plan(state=state), **values).changed(status=status)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (RemediationStatus.VERIFYING, "Success"),
        (RemediationStatus.FAILED, "Failed"),
        (RemediationStatus.TIMED_OUT, "TimedOut"),
    ],
)
def test_the_end_of_a_remediation_is_as_described(status: RemediationStatus, said: str) -> None:
    event = told(ended(status, "4105a4fc", problem="it broke", subject="INC-42"))
    check(event)
    facts = event.detail["remediation"]
    assert (facts["status"], facts["reason"], facts["incident"]) == (said, "it broke", "INC-42")
    assert (facts["automationExecution"], facts["stateMachineExecution"]) == ("4105a4fc", "")
    assert (facts["approval"], facts["approvedBy"]) == ("FIX-12", BOB)


def test_what_the_state_machine_ran_it_tells_itself_unless_it_was_stopped() -> None:
    assert events.finished(ended(RemediationStatus.VERIFYING, MACHINE), NOW) is None
    assert events.finished(ended(RemediationStatus.FAILED, MACHINE), NOW) is None
    facts = told(ended(RemediationStatus.TIMED_OUT, MACHINE)).detail["remediation"]
    assert (facts["automationExecution"], facts["stateMachineExecution"]) == ("", MACHINE)
    assert told(ended(RemediationStatus.FAILED)), "it never came to the state machine"


@pytest.mark.parametrize(
    "status", [each for each in RemediationStatus if each.name not in ("VERIFYING", "FAILED", "TIMED_OUT")]
)
def test_what_did_not_run_or_ended_before_is_not_told(status: RemediationStatus) -> None:
    assert events.finished(ended(status), NOW) is None


def test_what_the_state_machine_puts_has_the_same_fields() -> None:
    machine = json.loads((FOLDER.parents[1] / "infra" / "remediation-orchestrator.asl.json").read_text("utf-8"))
    (entry,) = machine["States"]["Tell"]["Parameters"]["Entries"]
    schema = SCHEMAS[entry["DetailType"]]
    names = {key.removesuffix(".$") for key in entry["Detail"]}
    facts = {key.removesuffix(".$") for key in entry["Detail"]["remediation"]}
    assert names == set(schema["properties"])
    assert facts == set(schema["properties"]["remediation"]["properties"])
    assert entry["Detail"]["producer"] in schema["properties"]["producer"]["enum"]
