"""From a broken shop to the fix: the report, the plan, the click, what AWS does, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from bot.config import Config
from sandbox.aws.server import AwsServer
from sandbox.shop import config as shop_config
from sandbox.shop.catalogue import CLUSTER
from sandbox.shop.shop import Shop
from tests.workspace import Message, Workspace, wait_for

SLOW = 60.0
SPEED = 30.0


class Site:
    """A shop that runs by itself, and a bot that its operators set up."""

    def __init__(self, world: Workspace, shop: Shop, config: Config) -> None:
        self.world = world
        self.shop = shop
        self.config = config
        self.ops = world.ops
        self.ecs = boto3.client("ecs", **shop.server.credentials())

    def start(self) -> None:
        self.world.start_bot(self.config, **self.shop.environment)

    def service(self, name: str) -> dict[str, Any]:
        (found,) = self.ecs.describe_services(cluster=CLUSTER, services=[name])["services"]
        return dict(found)

    def runs(self, name: str) -> str:
        """The revision that a service is to run: `checkout-api:2`."""
        return str(self.service(name)["taskDefinition"].rsplit("/", 1)[-1])

    def broken(self, scenario: str, text: str) -> Message:
        self.shop.break_it(scenario)
        return self.seen(text)

    def seen(self, text: str, *, under: Message | None = None) -> Message:
        """A message with this text, however long the shop takes."""
        thread = under.ts if under else None

        def look() -> Message | None:
            return next((each for each in self.ops.messages(thread) if text in each.text), None)

        return wait_for(look, f"“{text}”", SLOW)

    def becomes(self, message: Message, text: str, *, under: Message | None = None) -> Message:
        thread = under.ts if under else None

        def look() -> Message | None:
            found = [each for each in self.ops.messages(thread) if each.ts == message.ts]
            return next((each for each in found if text in each.text), None)

        try:
            return wait_for(look, f"“{text}”", SLOW)
        except AssertionError as error:
            said = [each.text for each in self.ops.messages(thread) if each.ts == message.ts]
            raise AssertionError(f"{error}; it says:\n{said}") from None


@pytest.fixture
def site(empty_world: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with AwsServer(every=1.0, speed=SPEED) as aws, Shop(aws) as shop:
        shop.provision()
        credentials = aws.credentials()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials["aws_access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credentials["aws_secret_access_key"])
        file = shop_config.write(shop.made, tmp_path / "config.yml", SPEED)
        site = Site(empty_world, shop, Config.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))))
        site.start()
        yield site
        empty_world.stop_bot()


def test_a_bad_deployment_is_found_rolled_back_verified_and_over(site: Site) -> None:
    before = site.runs("checkout-api")
    card = site.broken("bad-deploy", "Customers cannot pay as they should")
    report = site.seen("Most likely: bad deployment", under=card)
    assert "KeyError: 'currency'" in report.text
    assert "Roll back…" in report.buttons
    site.world.bob.click(report, "Roll back…")
    plan = site.seen("Roll back checkout-api", under=card)
    assert site.runs("checkout-api") != before, "nothing is changed by asking"
    site.world.bob.click(plan, "Run it")
    site.becomes(plan, "done", under=card)
    assert site.runs("checkout-api") == before
    site.becomes(card, "🟢")
    site.becomes(plan, "verified", under=card)
