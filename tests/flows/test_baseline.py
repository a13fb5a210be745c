"""What is usual for a service, learned from two weeks of its metrics and shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.config import Config
from sandbox.aws.server import AwsServer
from sandbox.shop import config as shop_config
from sandbox.shop.shop import Shop
from tests.workspace import Message, Person, Workspace, wait_for

READING = 60.0


class Site:
    """A shop with a past, and a bot that its operators set up."""

    def __init__(self, world: Workspace, shop: Shop) -> None:
        self.world = world
        self.shop = shop
        self.ops, self.bob = world.ops, world.bob
        world.stopping = shop.server.hurried  # a bot that stops sits out its poll

    def start(self) -> None:
        config = Config.model_validate(shop_config.config(self.shop.made))
        self.world.start_bot(config, **self.shop.environment)

    def ask(self, what: str, by: Person | None = None) -> None:
        (by or self.bob).run(f"/incident baseline {what}")

    def told(self, text: str) -> Message:
        """What the channel reads in the end."""
        return wait_for(
            lambda: next((each for each in self.ops.messages() if text in each.text), None),
            f"“{text}” in {[each.text for each in self.ops.messages()]}",
            READING,
        )

    def reads(self) -> int:
        return len(self.shop.server.log.since(caller="sandbox-bot", operation="GetMetricData"))


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with AwsServer() as aws, Shop(aws) as shop:
        shop.provision()
        yield shop


@pytest.fixture
def site(empty_world: Workspace, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    site = Site(empty_world, shop)
    site.start()
    yield site
    shop.server.faults.clear()
    empty_world.stop_bot()


def test_it_is_learned_shown_and_learned_again(site: Site) -> None:
    site.ask("show checkout-api")
    site.bob.told("Nothing is known yet")
    site.ask("update Checkout API")
    site.bob.told("Learning what is usual for checkout-api")
    first = site.told("Learned what is usual for *checkout-api*, asked by <@U0BOB>")
    assert "CPU" in first.text
    assert "not known before" in first.text
    assert "GetMetricData" in str(first.raw), "and what it took"
    site.ask("checkout-api")
    shown = site.bob.told("Usual for checkout-api at this hour of the week")
    rows = {line.split("  ")[0]: line for line in shown.text.splitlines() if " ± " in line}
    assert {"CPU shop-prod", "memory", "5xx errors", "p99 latency"} <= set(rows)
    assert "%" in rows["CPU shop-prod"]
    assert "/min" in rows["5xx errors"]
    site.ask("update checkout-api")
    again = site.told("are as before")
    assert again.ts != first.ts
    assert "asked by <@U0BOB>" in again.text


def test_what_a_root_cause_is_compared_with_is_what_was_learned(site: Site) -> None:
    site.ask("update checkout-api")
    site.told("Learned what is usual for *checkout-api*")
    assert site.world.bot is not None
    found = site.world.bot.store.baselines("checkout-api")
    assert len({each.hour_of_week for each in found}) == 7 * 24, "two weeks have every hour"
    cpu = [each for each in found if "CPUUtilization" in each.metric]
    assert all(0 < each.mean < 100 for each in cpu)


def test_a_refusal_names_the_permission_and_is_not_tried_for_ever(site: Site) -> None:
    fault = {"service": "monitoring", "operation": "GetMetricData", "kind": "error", "times": None}
    site.shop.server.faults.add({**fault, "error": "AccessDenied", "message": "no"})
    site.ask("update checkout-api")
    told = site.told("could not be learned")
    assert "cloudwatch:GetMetricData" in told.text
    before = site.reads()
    site.world.advance(600)
    site.world.settled()
    assert site.reads() == before


def test_a_bot_that_dies_in_between_goes_on(site: Site) -> None:
    site.shop.server.faults.add({"service": "monitoring", "operation": "GetMetricData", "kind": "delay", "seconds": 1})
    site.ask("update checkout-api")
    site.told("Learning what is usual for checkout-api")
    site.world.stop_bot()
    site.start()
    site.told("Learned what is usual for *checkout-api*")
    assert site.ops.count("what is usual for") == 1


def test_who_may_not_and_what_is_not_there(site: Site) -> None:
    site.ask("update nope")
    site.bob.told("“nope” is not in the catalogue")
    site.ask("update")
    site.bob.told("Of which service?")
    site.ask("show checkout-api", by=site.world.gus)
    site.world.gus.told("Guests can't work on incidents here")


def test_without_aws_nothing_is_learned(empty_world: Workspace) -> None:
    empty_world.start_bot(Config.model_validate({"services": {"checkout-api": {}}}))
    empty_world.bob.run("/incident baseline update checkout-api")
    empty_world.bob.told("AWS is not configured")
    empty_world.bob.run("/incident baseline checkout-api")
    empty_world.bob.told("Nothing is known yet of what is usual for checkout-api")
