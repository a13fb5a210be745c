"""What is typed wrong about root causes and remediations. Nothing changes, so one bot is asked everything.

A module of its own: no other story may begin a new AWS below that bot.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.shop.shop import Shop
from tests.flows.shop import Site, fresh
from tests.workspace import workspace


@pytest.fixture(scope="module")
def typing(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One bot for all that changes nothing."""
    with workspace(tmp_path_factory.mktemp("typing")) as world, fresh(world, shop) as made:
        made.start()
        yield made


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("rollback", "For which service? /incident rollback checkout-api, or in an alert's thread."),
        ("rollback nosuch", "For which service?"),
        ("scale checkout-api fast", "I don't understand “fast”; is that a service of the catalogue?"),
        ("rca", "Of what? /incident rca AL-17"),
        ("rca AL-99", "There is no AL-99"),
        ("rca INC-99", "There is no INC-99. /incident list shows the open ones."),
        ("rca AL-x", "“AL-x” is no service of the catalogue, and nothing here is about one."),
        ("rca checkout-api", "Nothing goes on for checkout-api. Name an alert or incident: /incident rca AL-17"),
        ("approve FIX-99", "There is no FIX-99"),
        ("approve", "Nothing waits here."),
        ("approve everything checkout-api 7d", "I don't know “everything”. There are: scale_up, restart, rollback"),
        ("approve rollback batch-workers 7d", "rollback can't be done where batch-workers runs. What can: scale up."),
        ("approve rollback nosuch 7d", "“nosuch” is not in the catalogue"),
        ("approve rollback checkout-api 200d", "An approval lasts 90 days at most"),
        ("approve rollback checkout-api soon", "Say for which service and how long"),
        ("reject", "Nothing waits here."),
        ("reject rollback checkout-api", "Nothing is approved"),
        ("undo", "Which one? /incident undo FIX-12"),
        ("undo that", "“that” is no remediation. Write it like FIX-12"),
        ("remediations", "No remediations, and nothing may run by itself"),
        ("rollback catalog-db", "services.catalog-db.cluster"),
    ],
)
def test_what_is_typed_wrong_is_answered_like_by_a_colleague(typing: Site, command: str, answer: str) -> None:
    typing.run(typing.bob, f"/incident {command}", answer)
