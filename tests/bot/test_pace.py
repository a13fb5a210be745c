"""How fast Slack may be called."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.pace import RATES, Paces, Rate
from tests.bot.make import NOW, after


@pytest.mark.parametrize(("key", "other"), [("post:C1", "post:C2"), ("edit:1:ops", "edit:1:own")])
def test_calls_go_in_a_short_burst_and_then_at_their_rate(key: str, other: str) -> None:
    rate, paces = RATES[key.split(":", maxsplit=1)[0]], Paces()
    for _ in range(rate.burst):
        assert not paces.is_held(key, NOW)
        paces.take(key, NOW)
    assert paces.is_held(key, NOW)
    assert paces.next_opening(NOW) == after(rate.every)
    assert paces.is_held(key, after(0.95 * rate.every))
    assert not paces.is_held(key, after(rate.every))
    paces.take(key, after(rate.every))
    assert paces.is_held(key, after(1.95 * rate.every))
    assert not paces.is_held(key, after(2 * rate.every))
    assert not paces.is_held(other, NOW), "each channel and each card has its own pace"


def test_slack_takes_about_one_post_a_second_and_channel() -> None:
    assert RATES["post"].every >= 1.0
    assert RATES["post"].burst <= 5


def test_a_rested_key_has_its_whole_burst_again_and_no_more() -> None:
    paces, burst = Paces(), RATES["post"].burst
    for _ in range(burst):
        paces.take("post:C1", NOW)
    for _ in range(burst):
        assert not paces.is_held("post:C1", after(1000))
        paces.take("post:C1", after(1000))
    assert paces.is_held("post:C1", after(1000))


def test_a_retry_after_closes_its_channel_until_then_and_no_other() -> None:
    paces = Paces()
    paces.block("post:C1", after(60))
    assert paces.is_held("post:C1", after(59.9))
    assert not paces.is_held("post:C1", after(60))
    assert not paces.is_held("post:C2", NOW)
    assert paces.next_opening(NOW) == after(60)
    assert paces.next_opening(after(60)) is None


def test_a_later_and_shorter_retry_after_does_not_open_earlier() -> None:
    paces = Paces()
    paces.block("post:C1", after(60))
    paces.block("post:C1", after(5))
    assert paces.is_held("post:C1", after(59))


def test_a_refused_edit_closes_all_edits_and_no_posts() -> None:
    paces = Paces()
    paces.block("edit:1:ops", after(30))
    assert paces.is_held("edit:1:ops", after(29))
    assert paces.is_held("edit:2:own", after(29)), "one limit for the whole workspace"
    assert not paces.is_held("post:C1", NOW)
    assert not paces.is_held("edit:2:own", after(30))


def test_a_kind_without_a_rate_is_held_only_when_slack_said_so() -> None:
    paces = Paces()
    for _ in range(50):
        paces.take("invite", NOW)
    assert not paces.is_held("invite", NOW)
    assert paces.next_opening(NOW) is None
    paces.block("invite", after(10))
    assert paces.is_held("invite", after(9))
    assert not paces.is_held("pin", NOW)


def test_a_closed_key_and_an_empty_bucket_hold_until_both_are_over() -> None:
    paces = Paces()
    paces.block("post:C1", after(0.5))
    for _ in range(RATES["post"].burst):
        paces.take("post:C1", NOW)
    assert paces.is_held("post:C1", after(0.6))
    assert not paces.is_held("post:C1", after(1))


@pytest.mark.parametrize("key", ["post:C1", "edit:1:ops"])
@settings(deadline=None, max_examples=50)
@given(steps=st.lists(st.integers(0, 3000), min_size=1, max_size=60))
def test_whoever_asks_first_never_goes_faster_than_the_rate(key: str, steps: list[int]) -> None:
    paces, rate = Paces(), RATES[key.split(":", maxsplit=1)[0]]
    taken, millis = [], 0
    for step in steps:
        millis += step
        if not paces.is_held(key, after(millis / 1000)):
            paces.take(key, after(millis / 1000))
            taken.append(millis / 1000)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            allowed = rate.burst + (taken[last] - taken[first]) / rate.every
            assert last - first + 1 <= allowed + 1e-6


def test_a_shared_rate_is_one_bucket_for_the_family() -> None:
    paces = Paces(page=Rate(every=1.0, burst=2, is_shared=True))
    assert paces.may_take("page:AL-1", NOW)
    assert paces.may_take("page:AL-2", NOW)
    assert not paces.may_take("page:AL-3", NOW)
    assert paces.next_opening(NOW) == after(1)
    assert paces.may_take("page:AL-3", after(1))
    paces.block("page:AL-3", after(60))
    assert paces.is_held("page:AL-9", after(59)), "whoever is told to wait, all wait"
    assert not paces.is_held("post:C1", after(1))


def test_a_call_that_was_not_made_leaves_its_turn_to_the_next() -> None:
    paces = Paces()
    for _ in range(RATES["post"].burst):
        paces.take("post:C1", NOW)
    paces.give_back("post:C1")
    assert paces.may_take("post:C1", NOW)
    assert not paces.may_take("post:C1", NOW)


def test_what_was_never_taken_or_has_no_rate_is_not_given_back() -> None:
    paces = Paces()
    paces.give_back("post:C1")
    paces.give_back("bus")
    taken = [paces.may_take("post:C1", NOW) for _ in range(RATES["post"].burst + 1)]
    assert taken == [True] * RATES["post"].burst + [False]
