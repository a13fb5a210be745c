"""PagerDuty's account beside the bot: what it opened there, whom it paged, and time that moves everywhere."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bot.app import Bot
from bot.config import Config, OnCall, PagerDutySettings
from sandbox.pagerduty.cast import SHOP, SHOP_KEY, SHOP_POLICY
from sandbox.pagerduty.thread import PagerDutyServer
from tests.flows.aws import Queue, queue
from tests.workspace import Message, Workspace, wait_for

Json = dict[str, Any]
LONG = 40.0  # several retries
SEVERITIES = {"critical": "SEV-1", "high": "SEV-2", "medium": "SEV-3"}
CONFIG = Config(
    on_call=OnCall(primary="U0BOB", secondary="U0CY", team_lead="U0ANA", manager="U0DEE"),
    pagerduty=PagerDutySettings(service=SHOP, escalation_policy=SHOP_POLICY, sender="ana@shop.example"),
)


class Site:
    """A workspace with a bot, its alert queue, and PagerDuty where there is one.

    `is_told`: what happens in PagerDuty comes by the queue; else the bot has to ask.
    """

    def __init__(
        self, world: Workspace, alerts: Queue, pagerduty: PagerDutyServer | None = None, *, is_told: bool = False
    ) -> None:
        self.world = world
        self.ops = world.ops
        self.alerts = alerts
        self._pagerduty = pagerduty
        self._is_told = is_told

    @property
    def bot(self) -> Bot:
        assert self.world.bot is not None
        return self.world.bot

    @property
    def pd(self) -> PagerDutyServer:
        assert self._pagerduty is not None
        return self._pagerduty

    def start(self, config: Config = CONFIG) -> None:
        environment = self.alerts.environment
        if self._pagerduty is not None:
            url = self._pagerduty.url
            environment |= {"PAGERDUTY_ROUTING_KEY": SHOP_KEY, "PAGERDUTY_API_TOKEN": "account-token"}
            environment |= {"PAGERDUTY_API_URL": url, "PAGERDUTY_EVENTS_URL": url}
        self.world.start_bot(config, **environment)

    def quiet(self) -> None:
        """Wait until the queue is empty and nothing that is due is owed or under way."""
        wait_for(lambda: self.alerts.left() == 0, "an empty queue")
        wait_for(self.world.is_quiet, "quiet", LONG)

    def advance(self, seconds: float) -> None:
        """Time passes for everybody, and what is due by then is done."""
        self.quiet()
        if self._pagerduty is not None:
            self.pd.control("clock", advance=seconds)
        self.world.advance(seconds)
        self.tick()

    def tick(self) -> None:
        self.bot.timekeeper.run()
        self.bot.outbox.nudge()
        self.quiet()

    def away(self, seconds: float) -> None:
        """The bot is gone, and time passes for everybody; `start` brings it back."""
        self.world.stop_bot()
        self.world.clock.advance(seconds)
        self.world.control("clock", advance=seconds)
        self.pd.control("clock", advance=seconds)

    # -- alarms

    def fires(self, name: str, **more: Any) -> Message:
        """An alarm of checkout-api goes off; its card. Its name says how bad it is."""
        self.alerts.alarm(name, **more)
        return self.ops.expect(f"{SEVERITIES[name.rpartition('-')[2]]} · checkout-api")

    def pages(self, name: str, key: str = "aiops-AL-1", **more: Any) -> Message:
        """The same, as soon as somebody is paged for it."""
        card = self.fires(name, **more)
        self.stands(key, "triggered")
        return card

    def taken(self, name: str, **more: Any) -> Message:
        """The same, acknowledged by Bob."""
        card = self.pages(name, **more)
        self.quiet()
        self.world.bob.click(card, "Acknowledge")
        self.ops.expect("INCIDENT DECLARED")
        self.quiet()
        return card

    # -- Slack

    def now(self, message: Message) -> Message:
        """The same message as it stands when all that is due was said."""
        return self.ops.now(message)

    def shows(self, card: Message, *texts: str) -> Message:
        """The card, as soon as it says all that."""

        def look() -> Message | None:
            found = next(each for each in self.ops.messages() if each.ts == card.ts)
            return found if all(text in found.text for text in texts) else None

        try:
            return wait_for(look, f"{texts} on the card", LONG)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says:\n{mentions(self.now(card))}") from None

    # -- PagerDuty

    def there(self, button: str, user: str, key: str = "aiops-AL-1") -> None:
        """Somebody presses `ack` or `resolve` in PagerDuty a little later, and the bot hears of it."""
        self.advance(5)
        self.pd.control(button, incident=key, user=user)
        if not self._is_told:
            self.bot.sync.poll()

    def down(self) -> None:
        """PagerDuty takes no events until its faults are cleared."""
        self.pd.control("fault", path="/v2/enqueue", kind="error", status=503, times=None)

    def incidents(self, key: str | None = None) -> list[Json]:
        """The account's incidents, the oldest first."""
        query = urllib.parse.urlencode({"sort_by": "created_at:asc", **({"incident_key": key} if key else {})})
        headers = {"Authorization": "Token token=account-token", "From": "ana@shop.example"}
        request = urllib.request.Request(f"{self.pd.url}/incidents?{query}&date_range=all", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return list(json.load(answer)["incidents"])

    def stands(self, key: str, status: str) -> Json:
        """The newest incident of this key, as soon as it has this status."""

        def look() -> Json | None:
            found = self.incidents(key)
            return found[-1] if found and found[-1]["status"] == status else None

        return wait_for(look, f"{key} {status} in PagerDuty, which has {self.statuses()}", LONG)

    def statuses(self) -> dict[str, str]:
        return {one["incident_key"]: one["status"] for one in self.incidents()}

    def all_resolved(self) -> None:
        self.ops.expect("INCIDENT RESOLVED")
        self.quiet()
        wait_for(lambda: set(self.statuses().values()) == {"resolved"}, f"all resolved: {self.statuses()}")

    def called(self) -> list[str]:
        return [name for name, _ in self.paged()]

    def paged(self) -> list[tuple[str, str]]:
        """Who was told there, and why."""
        return [(page["name"].partition(" ")[0], page["reason"]) for page in self.pd.show("pages")["pages"]]

    def sent(self, action: str) -> list[str]:
        """The keys of the events with this action that were taken."""
        calls = [call for call in self.pd.show("log")["calls"] if call["path"] == "/v2/enqueue"]
        taken = [call["body"] for call in calls if call["status"] == 202]
        return [body["dedup_key"] for body in taken if body["event_action"] == action]


def mentions(message: Message) -> str:
    """What a message says, with the people it mentions."""
    return "".join(_pieces(message.raw.get("blocks") or [])) + message.plain


def _pieces(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _pieces(each)
    elif isinstance(node, dict):
        if node.get("type") == "user":
            yield f"<@{node['user_id']}>"
        elif isinstance(node.get("text"), str):
            yield node["text"]
        else:
            for value in node.values():
                yield from _pieces(value)


@contextmanager
def site(world: Workspace, *, with_pagerduty: bool, events: bool = False) -> Iterator[Site]:
    """`events`: what happens in PagerDuty comes by the queue."""
    with queue(world) as alerts:
        if not with_pagerduty:
            yield Site(world, alerts)
            world.stop_bot()
            return
        deliver = (lambda event: alerts.put(json.dumps(event))) if events else None
        with PagerDutyServer(deliver=deliver) as pagerduty:
            yield Site(world, alerts, pagerduty, is_told=events)
            world.stop_bot()
