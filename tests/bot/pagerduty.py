"""The PagerDuty account of the sandbox with the bot's pager on it, and what is sent to it: pages and who is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.config import Config
from bot.errors import PagerError
from bot.integrations.pagerduty.api import EventsApi, RestApi
from bot.integrations.pagerduty.pager import PagerDuty
from bot.models import Duty, Means, Page, Role, Severity
from bot.ports import Reached
from bot.signals import PagerChange
from sandbox.pagerduty.cast import SHOP_KEY
from sandbox.pagerduty.thread import PagerDutyServer
from tests.clock import MovableClock

Json = dict[str, Any]
KEY = "123456789012/eu-west-1/prod-checkout-api-5xx-critical"
TOKEN = "t0ken-of-the-account"
SENDER = "kim@vendor.example"
PAGE = Page(
    key=KEY,
    summary="Errors above 5 % for 3 minutes",
    severity=Severity.SEV1,
    service="checkout-api",
    source="123456789012 (shop) eu-west-1",
    asked_at=datetime.now(UTC),
    link="https://example.slack.com/archives/C0OPS/p1700000000000100",
    details={"Metric": "HTTPCode_Target_5XX_Count", "Value": "212", "Environment": "prod"},
)
SECONDARY = Duty(role=Role.SECONDARY, name="Cy Lindqvist", user_id="U0CY", email="cy@shop.example")
MANAGER = Duty(role=Role.MANAGER, name="Dee Rahman", user_id="U0DEE", email="dee@shop.example")
STRANGER = Duty(role=Role.COMMANDER, name="Gus", user_id="U0GUS", email="gus@partner.example")


class Calls:
    """A pager that only remembers."""

    def __init__(self) -> None:
        self.called: list[tuple[str, str]] = []

    def page(self, page: Page, to: Duty | None) -> Reached:
        raise AssertionError("the page itself is PagerDuty's")

    def call(self, page: Page, to: Duty) -> Reached:
        self.called.append((page.key, to.name))
        return Reached(Means.MESSAGE)

    def way(self, to: Duty) -> Reached:
        raise AssertionError("PagerDuty knows by itself whom it can't call")

    def acknowledge(self, key: str, by: str) -> None:
        raise AssertionError

    def resolve(self, key: str) -> None:
        raise AssertionError

    def email_of(self, person_id: str) -> str | None:
        raise AssertionError

    def changes(self, keys: Sequence[str]) -> list[PagerChange]:
        raise AssertionError


class Account:
    """The account on this machine, and the bot's pager on it."""

    def __init__(self, server: PagerDutyServer) -> None:
        self.server = server
        self.fallback = Calls()
        self.clock = MovableClock()

    def pager(
        self,
        *,
        token: str | None = TOKEN,
        sender: str | None = SENDER,
        key: str = SHOP_KEY,
        email_of: Callable[[str], str | None] = lambda _: None,
        **pagerduty: str,
    ) -> PagerDuty:
        config = Config.model_validate({"pagerduty": {"sender": sender, **pagerduty}})
        rest = RestApi(token, self.server.url) if token else None
        events_api = EventsApi(key, self.server.url)
        return PagerDuty(events_api, rest, config, self.fallback, self.clock, email_of=email_of)

    def calls(self, method: str = "", path: str = "") -> list[Json]:
        found = self.server.show("log")["calls"]
        return [call for call in found if method in ("", call["method"]) and call["path"].startswith(path)]

    def told(self) -> list[tuple[str, str]]:
        """Who was paged, and why."""
        return [(each["user"], each["reason"]) for each in self.server.show("pages")["pages"]]

    def incidents(self) -> list[Json]:
        answer = RestApi(TOKEN, self.server.url).get("/incidents", limit=100)
        return list(answer["incidents"])

    def fault(self, path: str, kind: str, **more: Any) -> None:
        self.server.control("fault", path=path, kind=kind, **more)

    def press(self, button: str, user: str, incident: str = KEY) -> None:
        """As somebody in PagerDuty."""
        self.server.control(button, incident=incident, user=user)


def refused(act: Callable[[], object]) -> PagerError:
    with pytest.raises(PagerError) as told:
        act()
    return told.value
