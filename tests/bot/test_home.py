"""For whom App Homes are kept up to date, and how fast they are published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from blocks.answers import say
from bot.errors import ChatError
from bot.home import LATELY, LOOK_EVERY, Homes
from bot.models import Change
from bot.rights import Caller
from bot.store.sqlite import SqliteStore
from tests.bot.homes import Publisher, board
from tests.bot.make import ANA, NOW, action_item, incident, silence

LIMIT = 100  # a minute, views.publish: https://docs.slack.dev/apis/web-api/rate-limits
ROUND = timedelta(seconds=5)


class World:
    """Homes on a store, with a clock that a test moves."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.now = NOW
        self.slack = Publisher()
        self.homes = Homes(board(store), self.slack, lambda: self.now)

    def change(self, number: int = 1) -> None:
        """Something that everybody sees: an incident that all of them respond to."""
        known = self.store.open_incidents_with("U1")
        one = known[0] if known else incident(number, responders=tuple(f"U{each}" for each in range(5000)))
        self.store.save(Change(incidents=(one.changed(impact=f"impact {number}"),)), self.now)
        self.homes.changed()

    def rounds(self, count: int) -> None:
        for _ in range(count):
            self.now += ROUND
            self.homes.refresh()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(SqliteStore(tmp_path / "aiops.db")) as store:
        yield World(store)


def open_(world: World, *users: str) -> None:
    for user in users:
        world.homes.opened(Caller(user))
        world.now += timedelta(seconds=1)


def test_of_5000_users_those_who_looked_lately_are_published_once_for_a_storm_of_changes(world: World) -> None:
    items = tuple(action_item(number, owner=f"U{number}") for number in range(1, 5000))
    world.store.save(Change(action_items=items), NOW)
    open_(world, *(f"U{number}" for number in range(12)))
    assert len(world.slack.pages) == 12
    for number in range(300):
        world.change(number)
    world.rounds(1)
    assert world.slack.counts == {f"U{number}": 2 for number in range(12)}
    assert all("impact 299" in json.dumps(view) for _, view in world.slack.pages[12:])
    world.rounds(3)
    assert len(world.slack.pages) == 24, "nothing happened since"


def test_whoever_looked_long_ago_is_left_in_peace(world: World) -> None:
    open_(world, ANA)
    world.now += LATELY + timedelta(seconds=1)
    world.change()
    world.rounds(3)
    assert len(world.slack.pages) == 1


def test_after_a_restart_those_who_looked_lately_are_kept_up_to_date(world: World) -> None:
    open_(world, "U1")
    world.now += LATELY
    open_(world, ANA, "U0BOB")
    world.slack.pages.clear()
    world.homes = Homes(board(world.store), world.slack, lambda: world.now)
    world.change()
    world.rounds(1)
    assert world.slack.counts == {ANA: 1, "U0BOB": 1}
    assert world.slack.pages[0][1]["blocks"]
    world.rounds(3)
    assert len(world.slack.pages) == 2, "nothing happened since"
    world.now += LATELY
    world.homes = Homes(board(world.store), world.slack, lambda: world.now)
    world.change(2)
    world.rounds(2)
    assert len(world.slack.pages) == 2, "that was long ago"


def test_a_change_that_is_on_nobodys_page_publishes_nothing(world: World) -> None:
    open_(world, ANA, "U0BOB")
    world.store.save(Change(action_items=(action_item(owner="U0CY"),)), NOW)
    world.homes.changed()
    world.rounds(2)
    assert len(world.slack.pages) == 2


def test_150_viewers_stay_within_slacks_limit_and_all_get_their_turn(world: World) -> None:
    for number in range(150):
        world.homes.opened(Caller(f"U{number}"))
    for minute in range(3):
        before = len(world.slack.pages)
        for number in range(12):
            world.change(number)
            world.rounds(1)
        assert len(world.slack.pages) - before <= LIMIT, f"minute {minute}"
    assert set(world.slack.counts) == {f"U{number}" for number in range(150)}
    assert max(world.slack.counts.values()) - min(world.slack.counts.values()) <= 2, "nobody is served again and again"


def test_who_opened_last_and_sees_nothing_yet_goes_first(world: World) -> None:
    open_(world, "U1")
    for number in range(2, 60):
        world.homes.opened(Caller(f"U{number}"))
        world.now += timedelta(milliseconds=1)
    world.slack.pages.clear()
    world.change()
    world.rounds(1)
    assert next(iter(world.slack.counts)) == "U59"


def test_what_slack_refuses_for_now_is_published_later(world: World) -> None:
    world.slack.refuse = ChatError("ratelimited", retryable=True, retry_after=20)
    world.homes.opened(Caller(ANA))
    world.rounds(3)
    assert world.slack.pages == [], "not before Slack said so"
    world.rounds(2)
    assert world.slack.counts == {ANA: 1}


def test_a_page_that_slack_refuses_for_good_is_given_up(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.slack.refuse = ChatError("not_enabled")
    world.homes.opened(Caller(ANA))
    world.change()
    world.rounds(2)
    assert world.slack.pages == []
    assert "not_enabled" in caplog.text


@pytest.mark.parametrize("code", ["invalid_blocks", "invalid_arguments"])
def test_where_charts_are_refused_the_page_goes_without_and_they_are_not_tried_again(world: World, code: str) -> None:
    world.change()
    world.now += timedelta(seconds=1)
    world.slack.refuse = ChatError(code)
    open_(world, "U1", "U2")
    assert world.slack.counts == {"U1": 1, "U2": 1}
    assert world.slack.refuse is None
    assert not any("data_visualization" in json.dumps(view) for _, view in world.slack.pages)


def test_what_changes_by_time_or_by_another_process_shows_soon(world: World) -> None:
    open_(world, ANA)
    world.store.save(Change(incidents=(incident(7),)), NOW)
    world.rounds(int(LOOK_EVERY / ROUND) + 1)
    assert "INC-7" in json.dumps(world.slack.pages[-1][1])


def test_a_click_is_answered_on_the_page_for_a_while(world: World) -> None:
    open_(world, ANA)
    world.homes.answered(Caller(ANA), say("I'll remind you on Monday."))
    assert "on Monday" in json.dumps(world.slack.pages[-1][1])
    world.rounds(30)
    assert "on Monday" not in json.dumps(world.slack.pages[-1][1])


def test_a_click_that_opens_something_lets_the_page_follow_in_the_next_round(world: World) -> None:
    open_(world, ANA)
    world.store.save(Change(action_items=(action_item(owner=ANA),)), NOW)
    world.homes.clicked(Caller(ANA))
    assert len(world.slack.pages) == 1
    world.rounds(1)
    assert "home-AI-1-1" in json.dumps(world.slack.pages[-1][1])


def test_a_page_that_another_thread_brought_further_is_not_taken_back(world: World) -> None:
    """Between a round's reading and its publishing somebody clicks: the round has to leave that page alone."""
    open_(world, ANA, "U0BOB")
    world.store.save(Change(incidents=(incident(7, responders=(ANA, "U0BOB")),)), NOW)
    read = world.homes._board.read

    def with_a_click(now: datetime) -> object:
        common = read(now)
        object.__setattr__(world.homes._board, "read", read)
        world.store.save(Change(silences=(silence("s1"),)), NOW)
        world.homes.answered(Caller(ANA), say("done"))
        return common

    object.__setattr__(world.homes._board, "read", with_a_click)
    world.homes.changed()
    world.rounds(1)
    last = dict(world.slack.pages)
    assert "Silenced now" in json.dumps(last[ANA])
    assert "Silenced now" not in json.dumps(last["U0BOB"]), "he comes in the next round"
    assert "INC-7" in json.dumps(last["U0BOB"])
    assert world.slack.counts == {ANA: 2, "U0BOB": 2}


def test_a_guest_is_told_politely_and_never_again(world: World) -> None:
    open_(world, "U0GUS")
    ((user, view),) = world.slack.pages
    assert (user, "Guests can't work on incidents here" in json.dumps(view)) == ("U0GUS", True)
    world.change()
    world.rounds(2)
    assert len(world.slack.pages) == 1
