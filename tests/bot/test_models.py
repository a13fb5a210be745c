"""Severities and statuses as people type them, and the life of an incident."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.errors import InvalidInput, Refused
from bot.models import ENDS, WORKING, Incident, Owed, OwedKind, Severity, Status
from tests.bot.make import ANA, BOB, CY, NOW, after, incident

WORKING_WORDS = "acknowledged investigating remediating monitoring"
NEXT = {
    "declared": f"{WORKING_WORDS} resolved cancelled merged",
    "acknowledged": "investigating remediating monitoring resolved cancelled merged",
    "investigating": "remediating monitoring resolved cancelled merged",
    "remediating": "investigating monitoring resolved cancelled merged",
    "monitoring": "investigating remediating resolved cancelled merged",
    "resolved": "investigating",
    "cancelled": "investigating",
    "merged": "",
}
"""The lifecycle as it is told to people, written down a second time on purpose."""


class Lifecycle(RuleBasedStateMachine):
    """Whatever people do to an incident, its status and milestones fit together."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.incident = incident(version=7)
        self.first_worked_on: tuple[str, datetime] | None = None
        self.ended: tuple[str, datetime] | None = None
        self.reopened = 0

    @rule(status=st.sampled_from(Status), by=st.sampled_from([ANA, BOB, CY]), seconds=st.integers(0, 400_000))
    def move(self, status: Status, by: str, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        before = self.incident
        if status.value not in NEXT[before.status.value].split():
            with pytest.raises(Refused, match=f"INC-1 is {before.status.value}"):
                before.moved(status, by=by, at=self.now)
            return
        self.incident = before.moved(status, by=by, at=self.now)
        assert self.incident.status is status
        if status in WORKING and self.first_worked_on is None:
            self.first_worked_on = (by, self.now)
        if status in ENDS:
            self.ended = (by, self.now)
        elif self.ended is not None:
            self.ended = None
            self.reopened += 1

    @precondition(lambda self: self.incident.status is Status.RESOLVED)
    @rule()
    def say_what_fixed_it(self) -> None:
        self.incident = self.incident.changed(resolution="rolled back")

    @precondition(lambda self: not self.incident.is_open)
    @rule(status=st.sampled_from([Status.ACKNOWLEDGED, Status.REMEDIATING, Status.MONITORING, Status.DECLARED]))
    def an_ended_incident_can_not_be_worked_on(self, status: Status) -> None:
        with pytest.raises(Refused):
            self.incident.moved(status, by=BOB, at=self.now)

    @invariant()
    def the_acknowledgement_is_the_first_work_on_it(self) -> None:
        known = self.incident.acknowledged_by, self.incident.acknowledged_at
        assert known == (self.first_worked_on or (None, None))

    @invariant()
    def it_has_an_end_exactly_while_it_is_over(self) -> None:
        assert (self.incident.resolved_by, self.incident.resolved_at) == (self.ended or (None, None))
        assert self.incident.is_open is (self.ended is None)

    @invariant()
    def reopenings_are_counted_and_clear_the_resolution(self) -> None:
        assert self.incident.reopened == self.reopened
        if self.incident.is_open:
            assert self.incident.resolution == ""

    @invariant()
    def moving_leaves_the_rest_alone(self) -> None:
        assert self.incident.version == 7, "the version is the store's"
        assert self.incident.declared_at == NOW
        assert self.incident.commander == ANA


Lifecycle.TestCase.settings = settings(deadline=None, max_examples=60, stateful_step_count=15)
test_any_walk_through_the_lifecycle_keeps_its_milestones = Lifecycle.TestCase


def test_every_status_has_its_place_in_the_told_lifecycle() -> None:
    assert set(NEXT) == {status.value for status in Status}


@pytest.mark.parametrize(
    ("typed", "severity"),
    [
        ("sev1", 1),
        ("SEV-2", 2),
        ("Sev 3", 3),
        ("sev_4", 4),
        ("1", 1),
        (" 4 ", 4),
        ("critical", 1),
        ("High", 2),
        ("MEDIUM", 3),
        ("low", 4),
    ],
)
def test_a_severity_is_read_in_every_usual_spelling(typed: str, severity: int) -> None:
    assert Severity.parse(typed) is Severity(severity)


@pytest.mark.parametrize(
    "typed", ["", " ", "0", "5", "sev0", "sev5", "sev12", "11", "sev", "sev--1", "p1", "hi", "sev1.", "-1", "_2", "١"]
)
def test_nonsense_is_no_severity_and_the_answer_names_the_four(typed: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"sev1 \(critical\), sev2 \(high\), sev3 \(medium\) or sev4 \(low\)"
    ) as told:
        Severity.parse(typed)
    assert told.value.field == "severity"
    assert f"“{typed.strip()}”" in str(told.value)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60))
def test_whatever_is_typed_a_severity_is_found_or_refused_in_a_short_answer(typed: str) -> None:
    try:
        answer = Severity.parse(typed).label
    except InvalidInput as error:
        answer = str(error)
    assert 0 < len(answer) < 200


def test_every_severity_reads_its_own_label_and_word() -> None:
    for severity in Severity:
        assert Severity.parse(severity.label) is severity
        assert Severity.parse(severity.word) is severity


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ("investigating", "investigating"),
        (" Monitoring ", "monitoring"),
        ("inv", "investigating"),
        ("rem", "remediating"),
        ("M", "monitoring"),
        ("ack", "acknowledged"),
    ],
)
def test_a_working_status_is_read_by_its_name_or_first_letters(typed: str, status: str) -> None:
    assert Status.parse(typed) is Status(status)


@pytest.mark.parametrize("typed", ["", "  ", "declared", "done", "monitoringg"])
def test_ends_and_nonsense_are_no_working_status_and_the_answer_names_those(typed: str) -> None:
    with pytest.raises(InvalidInput, match="acknowledged, investigating, remediating, monitoring") as told:
        Status.parse(typed)
    assert told.value.field == "status"


@pytest.mark.parametrize(("typed", "command"), [("resolved", "resolve"), ("Cancelled", "cancel"), ("merged", "merge")])
def test_an_end_is_no_working_status_and_the_answer_names_its_command(typed: str, command: str) -> None:
    with pytest.raises(InvalidInput, match=f"/incident {command}$"):
        Status.parse(typed)


seconds_around_now = st.integers(-(10**9), 10**9)


@settings(deadline=None, max_examples=100)
@given(declared=seconds_around_now, now=seconds_around_now, ended=st.none() | seconds_around_now)
def test_a_duration_is_never_negative_and_stops_at_the_end(declared: int, now: int, ended: int | None) -> None:
    over = None if ended is None else after(ended)
    took = incident(declared_at=after(declared), resolved_at=over).duration(after(now)).total_seconds()
    assert took == max((now if ended is None else ended) - declared, 0)


@pytest.mark.parametrize(("severity", "is_due"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_post_mortem_is_due_48_hours_after_the_end_of_a_severe_incident(severity: int, is_due: bool) -> None:
    running = incident(severity=Severity(severity))
    assert running.post_mortem_due is None, "not while it runs"
    over = running.moved(Status.RESOLVED, by=ANA, at=after(60))
    assert over.post_mortem_due == (after(60) + timedelta(hours=48) if is_due else None)
    again = over.moved(Status.INVESTIGATING, by=ANA, at=after(120))
    assert again.post_mortem_due is None, "reopened: not any more"


def test_a_responder_is_added_once_and_in_order() -> None:
    people = incident(responders=(ANA, BOB))
    assert people.with_responder(CY) == (ANA, BOB, CY)
    assert people.with_responder(ANA) == (ANA, BOB)


def test_an_incident_is_a_value_that_nobody_can_write_to() -> None:
    with pytest.raises(ValueError, match="frozen"):
        incident().status = Status.RESOLVED  # type: ignore[misc]


def test_an_incident_survives_its_own_json() -> None:
    worked_on = incident(severity=Severity.SEV1).moved(Status.MONITORING, by=BOB, at=after(5))
    assert Incident.model_validate_json(worked_on.model_dump_json()) == worked_on


def test_two_owed_rows_never_share_an_id_and_pace_falls_back_to_the_kind() -> None:
    one, other = (Owed(kind=OwedKind.PIN, lane="comfort:1") for _ in range(2))
    assert one.id != other.id
    assert one.rate_key == "pin"
    assert Owed(kind=OwedKind.POST, lane="ops", pace="post:ops").rate_key == "post:ops"
