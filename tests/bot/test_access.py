"""Who may do what, and the reason people are given."""

from __future__ import annotations

import pytest

from bot.access import Right, decide
from bot.config import Permissions
from bot.models import Person, PersonKind
from tests.bot.make import ANA, BOB, CY, incident

OPEN_TO_ALL = Permissions()
DEE = "U0DEE"
NARROW = Permissions(declare=(DEE, "S0SUPPORT"), respond=("responders", "S0ONCALL"), command=("commander",))
ABOUT = incident(commander=ANA, responders=(ANA, BOB))


@pytest.mark.parametrize("right", Right)
def test_by_default_every_member_may_do_everything(right: Right) -> None:
    assert decide(Person(id=CY), right, OPEN_TO_ALL, ABOUT).allowed


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (PersonKind.GUEST, "Guests"),
        (PersonKind.STRANGER, "Only members of this workspace"),
        (PersonKind.BOT, "Apps"),
        (PersonKind.GONE, "deactivated"),
    ],
)
def test_who_is_no_full_member_may_nothing_not_even_read(right: Right, kind: PersonKind, reason: str) -> None:
    person = Person(id=DEE, kind=kind, groups=frozenset({"S0SUPPORT", "S0ONCALL"}))
    for permissions in (OPEN_TO_ALL, NARROW):
        decision = decide(person, right, permissions, incident(commander=DEE, responders=(DEE,)))
        assert not decision.allowed
        assert reason in decision.reason


@pytest.mark.parametrize("right", [right for right in Right if right is not Right.REMEDIATE])
def test_whom_slack_could_not_be_asked_about_counts_as_a_member(right: Right) -> None:
    assert decide(Person(id=CY, kind=PersonKind.UNKNOWN), right, OPEN_TO_ALL, ABOUT).allowed
    if right is not Right.READ:
        assert not decide(Person(id=CY, kind=PersonKind.UNKNOWN), right, NARROW, ABOUT).allowed, "but not as more"


def test_nobody_changes_aws_whom_slack_does_not_vouch_for() -> None:
    assert decide(Person(id=CY), Right.REMEDIATE, OPEN_TO_ALL, ABOUT).allowed
    refused = decide(Person(id=CY, kind=PersonKind.UNKNOWN), Right.REMEDIATE, OPEN_TO_ALL, ABOUT)
    assert not refused.allowed
    assert "can't tell who you are" in refused.reason


def test_every_member_may_read_whatever_the_permissions_say() -> None:
    assert decide(Person(id=CY), Right.READ, NARROW, ABOUT).allowed


@pytest.mark.parametrize(
    ("user", "groups", "right", "is_allowed"),
    [
        (DEE, (), Right.DECLARE, True),
        (CY, ("S0SUPPORT",), Right.DECLARE, True),
        (CY, ("S0ONCALL",), Right.DECLARE, False),
        (ANA, (), Right.DECLARE, False),
        (BOB, (), Right.RESPOND, True),
        (ANA, (), Right.RESPOND, True),
        (CY, ("S0ONCALL",), Right.RESPOND, True),
        (DEE, (), Right.RESPOND, False),
        (ANA, (), Right.COMMAND, True),
        (BOB, (), Right.COMMAND, False),
        (CY, ("S0ONCALL",), Right.COMMAND, False),
    ],
)
def test_a_grant_holds_for_the_person_the_group_or_the_role_it_names(
    user: str, groups: tuple[str, ...], right: Right, is_allowed: bool
) -> None:
    decision = decide(Person(id=user, groups=frozenset(groups)), right, NARROW, ABOUT)
    assert decision.allowed is is_allowed
    assert decision.reason


def test_a_commander_counts_as_a_responder_though_not_listed() -> None:
    alone = incident(commander=CY, responders=())
    assert decide(Person(id=CY), Right.RESPOND, NARROW, alone).allowed


def test_a_role_on_an_incident_means_nothing_where_there_is_no_incident() -> None:
    by_role = Permissions(declare=("commander", "responders"))
    assert not decide(Person(id=ANA), Right.DECLARE, by_role).allowed


def test_a_refusal_says_what_is_refused_and_to_whom_it_is_granted() -> None:
    assert decide(Person(id=CY), Right.COMMAND, NARROW, ABOUT).reason == (
        "You can't command this incident: config.yml grants it to the commander."
    )
    refusal = decide(Person(id=CY), Right.DECLARE, NARROW).reason
    assert "declare incidents" in refusal
    assert "named people and a user group" in refusal


def test_a_right_that_is_granted_to_nobody_is_nobodys() -> None:
    assert not decide(Person(id=ANA), Right.COMMAND, Permissions(command=()), ABOUT).allowed
