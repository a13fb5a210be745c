"""A remediation on the command line whose process was killed: the next one carries it on, or stops it in the end."""

from __future__ import annotations

from contextlib import closing

import pytest

from bot.alone import Alone
from bot.config import Config
from bot.errors import Refused
from bot.models import Progress, RemediationStatus
from bot.resources import Resources
from bot.store.sqlite import SqliteStore
from tests.bot.workshop import SERVICE, World, order

WHERE = Resources(cluster="shop", ecs_service=SERVICE)
CONFIG = Config.model_validate({"remediation": {"timeout": "15m", "cool_down": "10m"}})


def test_what_a_killed_one_left_running_is_carried_on_and_past_its_time_stopped() -> None:
    world = World()
    with closing(SqliteStore(":memory:")) as store:
        killed = Alone(store, CONFIG, world.aws, world.clock).begin(order(), WHERE, "ana")
        next_one = Alone(store, CONFIG, world.aws, world.clock)
        with pytest.raises(Refused, match="FIX-1"):
            next_one.begin(order(), WHERE, "bob")
        assert world.aws.begun == [killed.number], "it was carried on meanwhile"
        world.aws.answers = [Progress(said="0 of 6 tasks run web:56")]
        world.clock.move(minutes=16)
        begun = next_one.begin(order(), WHERE, "bob")
        assert store.remediation(killed.number).status is RemediationStatus.TIMED_OUT
        assert (begun.id, begun.status) == ("FIX-2", RemediationStatus.RUNNING)
