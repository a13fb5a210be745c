"""The use cases where somebody else is faster, and where the permissions say no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from bot.cards import Cards
from bot.config import Config
from bot.errors import InvalidInput, NotAllowed, Refused, StoreBusy
from bot.incidents import Declaration, Incidents
from bot.ledger import Ledger
from bot.models import Change, EventKind, OwedKind, Person, PersonKind, Severity, Status
from bot.rights import Caller, Rights
from bot.store.sqlite import SqliteStore
from bot.triage import Rules
from tests.clock import MovableClock

ANA, BOB, GUS = Caller("U0ANA"), Caller("U0BOB"), Caller("U0GUS")


class Racing(SqliteStore):
    """A store in which somebody else gets in before the next save, as often as `intruders` has entries."""

    intruders: list[Callable[[], object]]

    def save(self, change: Change, now: datetime) -> None:
        if self.intruders:
            self.intruders.pop()()
        super().save(change, now)


class People:
    """Everybody is a member but Gus."""

    def person(self, user_id: str, team_id: str | None) -> Person:
        return Person(id=user_id, kind=PersonKind.GUEST if user_id == "U0GUS" else PersonKind.MEMBER)


@pytest.fixture
def store(tmp_path: Path) -> Racing:
    racing = Racing(tmp_path / "aiops.db")
    racing.intruders = []
    return racing


def use_cases(store: SqliteStore, **permissions: list[str]) -> Incidents:
    config = Config.model_validate({"permissions": permissions})
    cards = Cards(store, config, lambda channel: f"https://huddle.example/{channel}", "ops-incidents")
    ledger = Ledger(store, MovableClock(), lambda: None)
    return Incidents(ledger, Rights(People(), config), cards, Rules(config, "ops", can_page=False), config)


@pytest.fixture
def incidents(store: Racing) -> Incidents:
    """The use cases, and INC-1 declared by Ana."""
    made = use_cases(store)
    made.declare(ANA, Declaration("checkout-api", "payments fail", Severity.SEV3))
    return made


def owed(store: SqliteStore, kind: OwedKind) -> int:
    rows = store._db.rows("SELECT COUNT(*) AS n FROM outbox WHERE kind = ?", [kind])
    return int(rows[0]["n"])


def test_of_two_who_resolve_at_once_one_resolves_and_the_other_learns_who(store: Racing, incidents: Incidents) -> None:
    store.intruders = [lambda: incidents.resolve(BOB, 1, "rolled back")]
    result = incidents.resolve(ANA, 1, "restarted")
    assert not result.changed
    assert result.incident.resolved_by == "U0BOB"
    assert result.incident.resolution == "rolled back"
    assert owed(store, OwedKind.RESOLVED) == 1


def test_of_two_who_acknowledge_at_once_the_first_one_stands(store: Racing, incidents: Incidents) -> None:
    store.intruders = [lambda: incidents.acknowledge(BOB, 1)]
    result = incidents.acknowledge(ANA, 1)
    assert not result.changed
    assert result.incident.acknowledged_by == "U0BOB"


def test_an_update_that_meets_another_change_is_decided_again_and_both_stand(
    store: Racing, incidents: Incidents
) -> None:
    store.intruders = [lambda: incidents.change_severity(BOB, 1, Severity.SEV2)]
    incidents.update(ANA, 1, "cache was cold")
    assert store.incident(1).severity is Severity.SEV2
    assert store.incident(1).update is not None
    kinds = [event.kind for _, event in store.timeline(1, limit=10)]
    assert kinds == [EventKind.DECLARED, EventKind.SEVERITY, EventKind.UPDATE]


def test_an_update_that_meets_the_resolution_is_refused_with_who_resolved(store: Racing, incidents: Incidents) -> None:
    store.intruders = [lambda: incidents.resolve(BOB, 1)]
    with pytest.raises(Refused, match="INC-1 is resolved") as refused:
        incidents.update(ANA, 1, "still looking")
    assert refused.value.who == "U0BOB"
    assert store.incident(1).update is None


def test_a_merge_changes_both_or_none(store: Racing, incidents: Incidents) -> None:
    incidents.declare(BOB, Declaration("search", "slow", Severity.SEV3))
    store.intruders = [lambda: incidents.resolve(BOB, 2)]
    with pytest.raises(Refused, match="INC-2 is resolved"):
        incidents.merge(ANA, 1, 2)
    assert store.incident(1).status is Status.DECLARED
    assert store.incident(2).responders == ("U0BOB",)


def test_when_everybody_is_always_faster_it_is_said_and_nothing_is_changed(store: Racing, incidents: Incidents) -> None:
    severities = [Severity.SEV1, Severity.SEV2] * 4
    store.intruders = [lambda s=s: _other(incidents, s) for s in severities]  # type: ignore[misc]
    with pytest.raises(StoreBusy, match="being changed by many at once"):
        incidents.update(ANA, 1, "x")
    assert all(event.kind is not EventKind.UPDATE for _, event in store.timeline(1, limit=50))


def _other(incidents: Incidents, severity: Severity) -> None:
    store = incidents._store
    assert isinstance(store, Racing)
    waiting, store.intruders = store.intruders, []
    incidents.change_severity(BOB, 1, severity)
    store.intruders = waiting


def test_an_incident_can_be_commanded_by_its_commander_only_where_the_config_says_so(store: Racing) -> None:
    strict = use_cases(store, command=["commander"])
    strict.declare(ANA, Declaration("checkout-api", "payments fail", Severity.SEV3))
    with pytest.raises(NotAllowed, match="grants it to the commander"):
        strict.resolve(BOB, 1)
    strict.assign(ANA, 1, "U0BOB")
    assert strict.resolve(BOB, 1).changed


def test_a_guest_may_neither_read_nor_take_command(incidents: Incidents) -> None:
    for attempt in (
        lambda: incidents.show(GUS, 1),
        lambda: incidents.open(GUS),
        lambda: incidents.timeline(GUS, 1, limit=5),
        lambda: incidents.note(GUS, 1, "x"),
        lambda: incidents.declare(GUS, Declaration("a", "b", Severity.SEV4)),
    ):
        with pytest.raises(NotAllowed, match="Guests"):
            attempt()
    with pytest.raises(InvalidInput, match="can't take command"):
        incidents.declare(ANA, Declaration("a", "b", Severity.SEV4, commander="U0GUS"))


@pytest.mark.parametrize(
    ("service", "impact", "field"),
    [
        ("", "x", "service"),
        (" \u202e\u200b ", "x", "service"),
        ("x" * 81, "x", "service"),
        ("x", "", "impact"),
        ("x", "y" * 3001, "impact"),
    ],
)
def test_a_declare_with_a_wrong_field_names_it_and_uses_no_number(
    incidents: Incidents, service: str, impact: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        incidents.declare(ANA, Declaration(service, impact, Severity.SEV4))
    assert refused.value.field == field
    assert incidents.declare(ANA, Declaration("a", "b", Severity.SEV4)).number == 2


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "javascript:alert(1)",
        "https://x/\x07a",
        "https://x/\ud800",
        "https://a b",
        "https://a|b>",
        "https://" + "a" * 2001,
    ],
)
def test_a_link_that_is_none_is_refused(incidents: Incidents, url: str) -> None:
    with pytest.raises(InvalidInput, match="starts with https://"):
        incidents.link(ANA, 1, url)


def test_the_same_link_twice_stands_once(incidents: Incidents) -> None:
    assert incidents.link(ANA, 1, "https://example.com").changed
    assert not incidents.link(BOB, 1, "https://example.com").changed


def test_what_fixed_it_is_refused_while_open_and_gives_the_text_back(incidents: Incidents) -> None:
    with pytest.raises(Refused, match="You wrote: rolled back"):
        incidents.record_resolution(ANA, 1, "rolled back")


def test_a_merge_needs_a_right_on_both(store: Racing) -> None:
    strict = use_cases(store, respond=["responders"])
    strict.declare(ANA, Declaration("checkout-api", "payments fail", Severity.SEV3))
    strict.declare(BOB, Declaration("search", "slow", Severity.SEV3))
    with pytest.raises(NotAllowed):
        strict.merge(BOB, 2, 1)
    assert store.incident(1).responders == ("U0ANA",)


def test_taking_command_is_commanding(store: Racing) -> None:
    strict = use_cases(store, command=["commander"])
    strict.declare(ANA, Declaration("checkout-api", "payments fail", Severity.SEV3))
    with pytest.raises(NotAllowed):
        strict.assign(BOB, 1, "U0BOB")


def test_a_status_of_acknowledged_is_an_acknowledgement(incidents: Incidents) -> None:
    result = incidents.set_status(BOB, 1, Status.ACKNOWLEDGED)
    assert result.incident.acknowledged_by == "U0BOB"
    assert "U0BOB" in result.incident.responders
