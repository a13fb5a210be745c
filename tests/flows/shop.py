"""A shop in the local AWS, broken and mended, with a bot. The clocks of both are the test's, so that nobody waits."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import boto3
import pytest

from bot.app import Bot
from bot.config import Config
from sandbox.aws.server import AwsServer
from sandbox.shop import config as shop_config
from sandbox.shop.catalogue import CLUSTER
from sandbox.shop.shop import Shop
from tests.workspace import BOT, Channel, Form, Message, Person, Workspace

T = TypeVar("T")
Json = dict[str, Any]
STEP = 60.0  # of the test's clocks at once: what the alarms' periods are
PATIENCE = 20.0  # seconds of the machine's for what the bot does at once
IDLE = 0.02
AT_ONCE = {"primary", "incident commander"}  # who is called when something did not help
VERIFY, EXPIRE = 15 * 60.0, 10 * 60.0


class Site:
    """`start` brings the bot up with what the shop's operators wrote, changed by section."""

    def __init__(self, world: Workspace, shop: Shop) -> None:
        self.world = world
        self.shop = shop
        self.ops = world.ops
        self.ana, self.bob, self.cy, self.dee, self.gus = world.ana, world.bob, world.cy, world.dee, world.gus
        credentials = shop.server.credentials("sandbox-ana")
        self.ecs = boto3.client("ecs", **credentials)
        self.cloudwatch = boto3.client("cloudwatch", **credentials)
        self._config: Json = {}

    # -- the bot

    def start(self, **changes: Any) -> Bot:
        self._config = _merged(shop_config.config(self.shop.made), changes)
        return self._start()

    def _start(self) -> Bot:
        return self.world.start_bot(Config.model_validate(self._config), **self.shop.environment)

    def restart(self) -> None:
        self.world.stop_bot()
        self._start()

    @property
    def bot(self) -> Bot:
        assert self.world.bot is not None
        return self.world.bot

    # -- time

    def advance(self, seconds: float, step: float = STEP) -> None:
        """Time passes for everybody, and the shop goes on meanwhile."""
        left = seconds
        while left > 0:
            self.quiet()
            self.tick(min(step, left))
            left -= step
        self.quiet()

    def quiet(self) -> None:
        """Wait until the bot has done what is due. What only waits for its turn in a channel gets it."""
        until, idle = time.monotonic() + PATIENCE, 0.0
        while not self._is_idle():
            idle = 0.0
            if time.monotonic() > until:
                return
            time.sleep(0.005)
        while self.world.bot is not None and idle < IDLE and time.monotonic() < until:
            time.sleep(0.005)
            idle = idle + 0.005 if self._is_idle() else 0.0
            due = self.bot.store.next_delivery_at()
            if idle >= IDLE and due is not None and due <= self.world.clock():
                self.world.advance(1.0)
                self.shop.server.advance(1.0)
                idle = 0.0

    def _is_idle(self) -> bool:
        if self.world.bot is None:
            return True
        return not (self.shop.server.left(self.shop.made.queue_url) or self.bot.store.claim_owners())

    def tick(self, seconds: float = STEP) -> None:
        """Time passes, whatever the bot does at the moment."""
        self.shop.server.advance(seconds)
        self.shop.server.tick()
        if self.world.bot is None:
            self.world.clock.advance(seconds)
            self.world.control("clock", advance=seconds)
            return
        self.world.advance(seconds)
        self.bot.timekeeper.run()

    def until(self, look: Callable[[], T | None], what: Callable[[], str], within: float = 20 * 60.0) -> T:
        """What `look` finds in the end: now, as soon as the bot is done, or after some time."""
        left, began = within, time.monotonic()
        while True:
            self.quiet()
            found = look()
            if found:
                return found
            if left > 0:
                self.tick(STEP)
                left -= STEP
            elif time.monotonic() > began + PATIENCE:
                raise AssertionError(f"waited {within:g} s: {what()}")

    # -- what people see

    def seen(self, text: str, *, under: Message | None = None, channel: Channel | None = None) -> Message:
        """The newest message that says this."""
        place, thread = channel or self.ops, under.ts if under else None

        def look() -> Message | None:
            return next((each for each in reversed(place.messages(thread)) if text in each.text), None)

        return self.until(look, lambda: f"“{text}”; there is:\n{_said(place.messages(thread))}")

    def found(self, text: str) -> tuple[Message, Message]:
        """The newest message in a thread that says this, with what it hangs under: its alarm's card or one above it."""

        def look() -> tuple[Message, Message] | None:
            for card in reversed([each for each in self.ops.messages() if each.raw.get("reply_count")]):
                replies = [each for each in self.ops.messages(card.ts) if each.ts != card.ts and text in each.text]
                if replies:
                    return card, replies[-1]
            return None

        return self.until(look, lambda: f"“{text}” in a thread; there is:\n{_said(self._threads())}")

    def _threads(self) -> list[Message]:
        return [each for card in self.ops.messages() for each in self.ops.messages(card.ts)]

    def becomes(self, message: Message, text: str, *, under: Message | None = None) -> Message:
        """The same message, edited by now."""
        thread = under.ts if under else None

        def look() -> Message | None:
            return next((each for each in self._same(message, thread) if text in each.text), None)

        return self.until(look, lambda: f"“{text}”; it says:\n{_said(self._same(message, thread))}")

    def _same(self, message: Message, thread: str | None) -> list[Message]:
        place = next((one for one in (self.ops, *self.own_channels()) if one.id == message.channel_id), self.ops)
        return [each for each in place.messages(thread) if each.ts == message.ts]

    def now(self, message: Message, *, under: Message | None = None) -> Message:
        self.quiet()
        return self._same(message, under.ts if under else None)[0]

    def own_channels(self) -> list[Channel]:
        """Those that incidents got."""
        channels = self.world.get("/sandbox/state?as=U0ANA")["channels"]
        return [self.world.channel(each["name"]) for each in channels if str(each.get("name", "")).startswith("inc-")]

    def everything_said(self) -> str:
        """All that the bot ever sent to Slack."""
        return json.dumps([call["args"] for call in self.world.calls()], ensure_ascii=False)

    def count(self, text: str, under: Message) -> int:
        self.quiet()
        return sum(text in each.text for each in self.ops.messages(under.ts))

    def called_for(self, card: Message, why: str) -> set[str]:
        """The roles that were paged for this reason, as the thread tells."""
        notes = [each.plain for each in self.ops.messages(card.ts) if each.plain.startswith("📟") and why in each.plain]
        return {note.partition("(")[2].partition(")")[0] for note in notes}

    def called(self, person: Person, why: str) -> Message:
        """The direct message that calls somebody for this reason."""

        def look() -> Message | None:
            return next((each for each in self._directs(person) if why in each.text), None)

        def told() -> str:
            return f"“{why}” to {person.id}; they were told:\n{_said(self._directs(person))}"

        return self.until(look, told, 3 * STEP)

    def _directs(self, person: Person) -> list[Message]:
        channels = self.world.get(f"/sandbox/state?as={person.id}")["channels"]
        rooms = [str(each["id"]) for each in channels if each.get("is_im")]
        found = [
            (room, self.world.get(f"/sandbox/messages?as={person.id}&channel={room}")["messages"]) for room in rooms
        ]
        return [Message(room, each) for room, messages in found for each in messages]

    # -- what people do

    def click(self, person: Person, message: Message, label: str) -> None:
        person.click(message, label)
        self.quiet()

    def tells(self, person: Person, text: str, channel: str = "ops-incidents") -> Message:
        """An answer that only this person sees."""
        place = person.sees(channel)

        def look() -> Message | None:
            said = [each for each in place.messages() if each.is_ephemeral]
            return next((each for each in reversed(said) if text in each.text), None)

        def told() -> str:
            said = _said([each for each in place.messages() if each.is_ephemeral])
            return f"“{text}” told to {person.id}; they were told:\n{said}"

        return self.until(look, told, 3 * STEP)

    def run(self, person: Person, command: str, text: str, channel: str = "ops-incidents") -> Message:
        """Type a command, and read the answer."""
        person.run(command, channel)
        return self.tells(person, text, channel)

    def mention(self, person: Person, words: str, under: Message) -> None:
        """Talk to the bot in a thread, where commands can't be typed."""
        person.say(f"<@{BOT}> {words}", thread_ts=under.ts)

    def form(self, person: Person, title: str) -> Form:
        self.quiet()
        return person.form(title)

    # -- stories

    def looked_into(self, scenario: str, cause: str) -> tuple[Message, Message]:
        """Break something that pages; the card, and the report under it."""
        self.shop.break_it(scenario)
        return self.found(cause)

    def broken(self, scenario: str, text: str) -> Message:
        """Break something; the card of what follows."""
        self.shop.break_it(scenario)
        return self.seen(text)

    def acknowledged(self, person: Person, card: Message) -> Message:
        """Its incident's card."""
        self.click(person, card, "Acknowledge")
        return self.seen("INC-1 · SEV")

    def planned(self, person: Person, report: Message, label: str, card: Message) -> Message:
        """Click what the report recommends; the plan in the thread of the card."""
        known = {each.ts for each in self.ops.messages(card.ts)}
        person.click(report, label)

        def look() -> Message | None:
            new = [each for each in self.ops.messages(card.ts) if each.ts not in known]
            return next((each for each in new if "Run it" in each.buttons or "Approve" in each.buttons), None)

        return self.until(look, lambda: f"a plan; there is:\n{_said(self.ops.messages(card.ts))}", 3 * STEP)

    # -- AWS

    def service(self, name: str) -> Json:
        (found,) = self.ecs.describe_services(cluster=CLUSTER, services=[name])["services"]
        return dict(found)

    def runs(self, name: str) -> str:
        """The revision that a service is to run: `checkout-api:2`."""
        return str(self.service(name)["taskDefinition"].rsplit("/", 1)[-1])

    def tasks(self, name: str) -> set[str]:
        return set(self.ecs.list_tasks(cluster=CLUSTER, serviceName=name)["taskArns"])

    def calls(self, operation: str) -> list[Json]:
        """The bot's calls of this operation, and those of what it started, that AWS took."""
        answer = self._aws(f"log?operation={operation}")
        return [one for one in answer["calls"] if one["status"] == 200 and one["caller"].startswith(_BOTS)]

    def tried(self, operation: str) -> bool:
        """Did the bot ask for this, with or without an answer by now?"""
        return bool(self._aws(f"log?operation={operation}")["calls"])

    def fault(self, service: str, operation: str, kind: str = "error", **more: Any) -> None:
        body = {"service": service, "operation": operation, "kind": kind, "times": None, **more}
        self.turn("fault", **body)

    def turn_show(self, path: str) -> Json:
        return self._aws(path)

    def turn(self, path: str, **body: Any) -> Json:
        return self._aws(path, json.dumps(body).encode())

    def _aws(self, path: str, data: bytes | None = None) -> Json:
        request = urllib.request.Request(f"{self.shop.server.url}/sandbox-aws/{path}", data)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))


_BOTS = ("sandbox-bot", "sandbox-automation")


def _said(messages: list[Message]) -> str:
    return "\n---\n".join(f"{each.text}\n{each.buttons}" for each in messages)


def _merged(known: Json, changes: Json) -> Json:
    """Section by section."""
    both = {
        key: {**value, **changes[key]} for key, value in known.items() if key in changes and isinstance(value, dict)
    }
    return {**known, **changes, **both}


@contextmanager
def production() -> Iterator[Shop]:
    """An AWS for several stories: each begins with `fresh`."""
    with pytest.MonkeyPatch.context() as patch, AwsServer() as aws, Shop(aws) as shop:
        for name, value in aws.credentials().items():
            if name.startswith("aws_"):
                patch.setenv(name.upper(), value)
        shop.provision()
        yield shop


@contextmanager
def fresh(world: Workspace, shop: Shop) -> Iterator[Site]:
    """Everything healthy, no bot yet."""
    shop.server.reset()
    world.stopping = shop.server.hurried  # a bot that stops sits out its poll
    try:
        yield Site(world, shop)
    finally:
        world.stop_bot()
