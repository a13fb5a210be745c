"""An incident's own channel: made once, named as Slack allows, furnished with people, topic and comfort."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.carriers.incidents import channel_name
from bot.config import Config
from bot.errors import ChatError
from bot.models import Change, Incident, Owed, OwedKind, Severity
from bot.owed import incidents as owed
from bot.store.sqlite import SqliteStore
from tests.bot.carrying import Desk, lost, template
from tests.bot.make import ANA, BOB, CY, incident


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "aiops.db")) as opened:
        yield opened


# -- the channel


def test_an_own_channel_is_made_noted_and_furnished(store: SqliteStore) -> None:
    catalogue = {"dashboard": "https://dash.example", "runbook": "https://run.example", "responders": [BOB, "S0ONCALL"]}
    desk = Desk(store, Config.model_validate({"services": {"checkout-api": catalogue}, "channels": {"invite": [CY]}}))
    desk.chat.groups["S0ONCALL"] = [BOB, "U0DEE"]
    one = desk.keep(incident(7, severity=Severity.SEV1, responders=(ANA,)))
    change = desk.carry(owed.own_channel(one))

    stored = desk.store.incident(7)
    assert (stored.channel_id, stored.channel_name) == ("C0NEW", "inc-7-checkout-api")
    assert [event.text for _, event in desk.store.timeline(7, limit=9)] == ["channel #inc-7-checkout-api opened"]
    assert {row.kind for row in change.owed} == {
        OwedKind.CARD,
        OwedKind.INVITE,
        OwedKind.TOPIC,
        OwedKind.BOOKMARK,
    }
    for row in change.owed:
        desk.carry(row)
    assert desk.chat.invited == [("C0NEW", [ANA, CY, BOB, "U0DEE"])], "everybody once"
    assert [(title, url) for _, title, url in desk.chat.bookmarks] == [
        ("Bridge", "https://app.slack.com/huddle/T0/C0NEW"),
        ("Dashboard", "https://dash.example"),
        ("Runbook", "https://run.example"),
    ]
    assert desk.chat.topics["C0NEW"].startswith("INC-7 · SEV-1 · checkout-api · declared · payments fail")
    assert desk.store.posted("INC-7", "own") is not None


def test_a_taken_name_gets_a_suffix(desk: Desk) -> None:
    desk.chat.channels |= {"inc-1-checkout-api": "C0OLD", "inc-1-checkout-api-2": "C0OLDER"}
    desk.carry(owed.own_channel(desk.keep(incident())))
    assert desk.store.incident(1).channel_name == "inc-1-checkout-api-3"


def test_after_five_taken_names_it_says_so(desk: Desk) -> None:
    desk.chat.channels |= {f"inc-1-checkout-api{suffix}": "C0OLD" for suffix in ("", "-2", "-3", "-4", "-5")}
    with pytest.raises(ChatError, match="inc-1-checkout-api") as told:
        desk.carry(owed.own_channel(desk.keep(incident())))
    assert (told.value.code, told.value.retryable) == ("name_taken", False)
    assert desk.chat.calls.count("create_channel") == 5
    assert desk.store.incident(1).channel_id is None


def test_a_suffix_fits_into_the_longest_name(store: SqliteStore) -> None:
    desk = Desk(store, Config())
    one = desk.keep(incident(123, service="x" * 80))
    desk.chat.channels[channel_name("inc-{number}-{service}", one)] = "C0OLD"
    desk.carry(owed.own_channel(one))
    name = desk.store.incident(123).channel_name
    assert name is not None
    assert len(name) <= 80
    assert name.endswith("-2")


def test_a_channel_that_was_made_though_the_answer_was_lost_is_used(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.chat.lose("create_channel", lost())
    desk.carry_again(owed.own_channel(one))
    assert desk.store.incident(1).channel_id == "C0NEW"
    assert desk.chat.calls.count("create_channel") == 1
    assert list(desk.chat.channels) == ["inc-1-checkout-api"]


def test_a_channel_with_a_suffix_that_was_made_though_the_answer_was_lost_is_used(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.chat.channels["inc-1-checkout-api-2"] = "C0SECOND"
    desk.carry(owed.own_channel(one), in_doubt=True)
    assert desk.store.incident(1).channel_id == "C0SECOND"


def test_where_looking_for_a_channel_fails_in_passing_none_is_made_yet(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.chat.refuse("find_channel", ChatError("ratelimited", retryable=True, retry_after=3))
    with pytest.raises(ChatError, match="ratelimited"):
        desk.carry(owed.own_channel(one), in_doubt=True)
    assert desk.chat.channels == {}


def test_where_looking_for_a_channel_is_refused_one_is_made(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    one = desk.keep(incident())
    desk.chat.refuse("find_channel", ChatError("missing_scope"))
    desk.carry(owed.own_channel(one), in_doubt=True)
    assert desk.store.incident(1).channel_id == "C0NEW"
    assert "inc-1-checkout-api" in caplog.text


def test_a_channel_that_was_not_made_is_made_at_the_next_try(desk: Desk) -> None:
    one = desk.keep(incident())
    desk.chat.refuse("create_channel", lost())
    desk.carry_again(owed.own_channel(one))
    assert desk.store.incident(1).channel_name == "inc-1-checkout-api"


def test_an_incident_that_has_its_channel_gets_no_second_one(desk: Desk) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.carry(owed.own_channel(one))
    assert desk.chat.calls == []


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("Checkout API (EU)", "inc-42-checkout-api-eu"),
        ("Zahlungen für Österreich", "inc-42-zahlungen-fur-osterreich"),
        ("決済", "inc-42"),
        ("مدفوعات", "inc-42"),
        ("a__b--c", "inc-42-a__b-c"),
        ("<!channel>", "inc-42-channel"),
        ("-", "inc-42"),
        ("{number}", "inc-42-number"),
    ],
)
def test_a_channel_name_is_what_slack_allows_of_the_service(service: str, name: str) -> None:
    assert channel_name("inc-{number}-{service}", incident(42, service=service)) == name


@settings(deadline=None, max_examples=100)
@given(
    service=st.text(min_size=1, max_size=80) | st.text(alphabet="xé-_ 決", min_size=60, max_size=80),
    number=st.integers(1, 99_999),
    pattern=st.sampled_from(["inc-{number}-{service}", "{service}-{number}", "{number}", "Ops {service} {number}"]),
)
def test_a_channel_name_is_always_legal_and_keeps_the_number_that_makes_it_unique(
    service: str, number: int, pattern: str
) -> None:
    name = channel_name(pattern, incident(number, service=service))
    assert re.fullmatch(r"[a-z0-9_-]{1,80}", name)
    assert str(number) in name


def test_two_incidents_of_a_service_with_a_long_name_get_different_channels() -> None:
    names = {channel_name("{service}-{number}", incident(number, service="x" * 80)) for number in (1, 2)}
    assert len(names) == 2


# -- people, topic, comfort


def test_invitations_read_groups_and_keep_everybody_once(desk: Desk) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.chat.groups["S0ONCALL"] = [BOB, CY]
    desk.carry(owed.invitation(one, [ANA, "S0ONCALL", CY]))
    assert desk.chat.invited == [("C0OWN", [ANA, BOB, CY])]


@pytest.mark.parametrize("code", ["unknown_method", "missing_scope"])
def test_a_group_that_can_not_be_read_does_not_keep_the_people_out(desk: Desk, code: str) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.chat.refuse("group_members", ChatError(code))
    desk.carry(owed.invitation(one, [ANA, "S0ONCALL", CY]))
    assert desk.chat.invited == [("C0OWN", [ANA, CY])]


def test_an_invitation_of_nobody_is_nothing(desk: Desk) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.chat.groups["S0EMPTY"] = []
    desk.carry(owed.invitation(one, ["S0EMPTY"]))
    assert desk.chat.invited == []


@settings(deadline=None, max_examples=60)
@given(
    service=st.text(max_size=80),
    impact=st.text(alphabet="&<>a \n*é🔥م", max_size=400) | st.builds(lambda n: "x" * n + "&" * 300, st.integers(0, 9)),
)
def test_a_topic_fits_and_never_cuts_an_escaped_character(
    tmp_path_factory: pytest.TempPathFactory, service: str, impact: str
) -> None:
    with closing(SqliteStore(tmp_path_factory.mktemp("store") / "aiops.db")) as store:
        desk = Desk(store, Config())
        one = desk.keep(incident(channel_id="C0OWN", service=service or "x", impact=impact or "x"))
        desk.carry(owed.topic(one))
    topic = desk.chat.topics["C0OWN"]
    assert len(topic) <= 250
    assert "\n" not in topic
    assert re.fullmatch(r"(?:[^&<>]|&amp;|&lt;|&gt;)*", topic)


COMFORTS: dict[str, Callable[[Incident], Owed]] = {
    "set_topic": owed.topic,
    "pin": lambda one: owed.pin(one, "C0OWN", "1.0"),
    "invite": lambda one: owed.invitation(one, [BOB]),
    "bookmark": lambda one: owed.furnishing(one, [("Runbook", "https://run.example")], [])[-1],
}


@pytest.mark.parametrize("method", COMFORTS)
@pytest.mark.parametrize("code", ["unknown_method", "missing_scope"])
def test_comfort_that_a_server_does_not_offer_is_done_without(
    desk: Desk, caplog: pytest.LogCaptureFixture, method: str, code: str
) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.chat.refuse(method, ChatError(code))
    assert desk.carry(COMFORTS[method](one)) == Change()
    assert "doing without" in caplog.text
    assert code in caplog.text


@pytest.mark.parametrize("method", COMFORTS)
def test_comfort_that_fails_in_passing_is_tried_again(desk: Desk, method: str) -> None:
    one = desk.keep(incident(channel_id="C0OWN"))
    desk.chat.refuse(method, ChatError("ratelimited", retryable=True, retry_after=1))
    with pytest.raises(ChatError, match="ratelimited"):
        desk.carry(COMFORTS[method](one))
    desk.carry(COMFORTS[method](one))
    assert desk.chat.calls == [method, method]


@pytest.mark.parametrize("method", ["post", "create_channel"])
def test_what_is_no_comfort_is_never_done_without(desk: Desk, method: str) -> None:
    one = desk.keep(incident())
    desk.chat.refuse(method, ChatError("unknown_method"))
    with pytest.raises(ChatError, match="unknown_method"):
        desk.carry(template(one) if method == "post" else owed.own_channel(one))
