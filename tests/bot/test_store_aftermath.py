"""The store's contract for what comes after an incident."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.errors import UnknownActionItem, UnknownPostMortem, VersionConflict
from bot.models import Change, PostMortemStatus, Section, SectionName, Status
from bot.store import Store
from tests.bot.make import ANA, BOB, NOW, action_item, after, incident, post_mortem
from tests.bot.storing import at_once

SECTION = Section(name=SectionName.IMPACT, text="Nobody\ncould pay 🙁", by=BOB, at=NOW, is_added=True, version=3)


def keep(store: Store, **rows: object) -> None:
    store.save(Change.model_validate(rows), NOW)


def test_a_post_mortem_comes_back_as_it_was(store: Store) -> None:
    written = post_mortem(7, sections=(SECTION,), submitted_by=BOB, submitted_at=after(60), url="https://x.example")
    keep(store, post_mortems=(written,))
    assert store.post_mortem(7) == written.changed(version=1)
    assert store.post_mortem_of(7) == written.changed(version=1)


def test_there_may_be_none(store: Store) -> None:
    assert store.post_mortem_of(7) is None
    with pytest.raises(UnknownPostMortem, match="INC-7 has no post-mortem"):
        store.post_mortem(7)
    with pytest.raises(UnknownActionItem, match="There is no AI-7"):
        store.action_item(7)


def test_only_one_of_two_who_read_the_same_is_written(store: Store) -> None:
    keep(store, post_mortems=(post_mortem(),), action_items=(action_item(),))
    first, item = store.post_mortem(1), store.action_item(1)
    keep(store, post_mortems=(first.changed(owner=BOB),), action_items=(item.changed(owner=ANA),))
    with pytest.raises(VersionConflict):
        keep(store, post_mortems=(first.changed(owner="U0CY"),))
    with pytest.raises(VersionConflict):
        keep(store, action_items=(item.changed(owner="U0CY"),))
    with pytest.raises(VersionConflict):
        keep(store, post_mortems=(post_mortem(),))
    assert (store.post_mortem(1).owner, store.action_item(1).owner) == (BOB, ANA)


def test_open_post_mortems_come_by_when_they_are_due(store: Store) -> None:
    due = [post_mortem(number, due_at=NOW + timedelta(hours=hours)) for number, hours in ((1, 9), (2, 3), (3, 5))]
    over = [post_mortem(4, status=PostMortemStatus.FILED), post_mortem(5, status=PostMortemStatus.WAIVED)]
    keep(store, post_mortems=(*due, *over, post_mortem(6, due_at=None, status=PostMortemStatus.IN_REVIEW)))
    assert [one.incident for one in store.open_post_mortems()] == [6, 2, 3, 1]
    assert len(store.open_post_mortems(limit=2)) == 2


def test_action_items_are_found_by_incident_and_by_day(store: Store) -> None:
    day = NOW.date()
    items = (
        action_item(1, due=day + timedelta(days=5), ticket=12, url="https://github.example/12"),
        action_item(2, due=day, incident=2),
        action_item(3, is_open=False, closed_by=BOB, closed_at=NOW),
    )
    keep(store, action_items=items)
    assert [one.number for one in store.open_action_items()] == [2, 1]
    assert [one.number for one in store.action_items_of(1)] == [1, 3]
    assert store.action_item(1) == items[0].changed(version=1)


def test_no_number_is_given_twice(open_store: Callable[[], Store]) -> None:
    stores = [open_store(), open_store()]
    numbers = at_once(*[stores[each % 2].next_action_number for each in range(16)])
    assert sorted(numbers) == list(range(1, 17))


def test_incidents_of_a_service_however_it_is_spelt(store: Store) -> None:
    first = incident(1, service="Checkout API", status=Status.RESOLVED)
    store.save(Change(incidents=(first, incident(2), incident(3, service="search"))), NOW)
    assert [one.number for one in store.incidents_of("checkout_api")] == [2, 1]
    assert [one.number for one in store.incidents_of("checkout-api", limit=1)] == [2]
