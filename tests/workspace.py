"""The tests' world: the sandbox's Slack, the real bot on a real Socket Mode connection, and people who use it.

    ana.run("/incident declare sev1 checkout-api 'payments fail'")
    card = ops.expect("INC-1 · SEV-1")
    bob.click(card, "Acknowledge")
    ops.expect("acknowledged")

People act through the same calls as the sandbox's page. Waiting is by looking again until a deadline, never by sleeping
for a guess; time is moved with `advance`.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from bot.app import Bot
from bot.config import Config
from bot.settings import Settings, load_settings
from sandbox.slack.thread import SandboxServer
from tests.clock import MovableClock

T = TypeVar("T")
Json = dict[str, Any]
PATIENCE = 20.0  # seconds of the machine's, which may have much else to do
IDLE = 0.05  # so long nothing is under way: what is due waits for nothing but its turn

ANA, BOB, CY, DEE, GUS, STRANGER, BOT = "U0ANA", "U0BOB", "U0CY", "U0DEE", "U0GUS", "U0STRANGER", "U0BOT"


def wait_for(look: Callable[[], T | None], what: str, patience: float = PATIENCE) -> T:
    """The first truthy thing that `look` finds."""
    began = time.monotonic()
    while True:
        found = look()
        if found:
            return found
        waited = time.monotonic() - began
        if waited > patience:
            raise AssertionError(f"waited {patience} s for {what}")
        time.sleep(min(max(0.005, waited / 20), 0.05))  # looking costs as well, and most of all what is looked for


class Workspace:
    """A sandbox server, a movable clock and (once started) the bot."""

    def __init__(self, server: SandboxServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.clock = MovableClock()
        self.bot: Bot | None = None
        self.stopping: Callable[[], AbstractContextManager[object]] = nullcontext
        self._idle_since: float | None = None
        self.ops = Channel(self, "ops-incidents")
        self.ana, self.bob, self.cy, self.dee = (Person(self, each) for each in (ANA, BOB, CY, DEE))
        self.gus, self.stranger = Person(self, GUS), Person(self, STRANGER)

    def settings(self, **overrides: str) -> Settings:
        environment = {
            "SLACK_BOT_TOKEN": "xoxb-test",
            "SLACK_APP_TOKEN": "xapp-test",
            "SLACK_API_URL": self.server.api_url,
            "DATABASE_URL": f"sqlite:///{self.folder / 'aiops.db'}",
        }
        return load_settings({**environment, **overrides})

    def start_bot(self, config: Config | None = None, **overrides: str) -> Bot:
        self.bot = Bot(self.settings(**overrides), config or Config(), self.clock)
        self.bot.start()
        return self.bot

    def stop_bot(self) -> None:
        if self.bot is not None:
            with self.stopping():
                self.bot.stop()
            self.bot = None

    def restart_bot(self, config: Config | None = None) -> Bot:
        self.stop_bot()
        return self.start_bot(config)

    def advance(self, seconds: float) -> None:
        """Move the bot's and Slack's clock on."""
        self.clock.advance(seconds)
        self.control("clock", advance=seconds)
        if self.bot is not None:
            self.bot.outbox.nudge()
            self.bot._jobs.nudge()

    def channel(self, name: str) -> Channel:
        return Channel(self, name)

    def fault(self, method: str, kind: str, **more: Any) -> None:
        self.control("fault", method=method, kind=kind, **more)

    def control(self, path: str, **body: Any) -> Json:
        return self.post(f"/control/{path}", **body)

    def calls(self, method: str | None = None) -> list[Json]:
        """The Web API calls the bot made, in order."""
        calls = self.get("/control/log")["calls"]
        return [call for call in calls if method in (None, call["method"])]

    def settled(self, patience: float = PATIENCE) -> None:
        """Wait until nothing that could be delivered waits."""
        bot = self.bot
        assert bot is not None
        wait_for(lambda: self.is_quiet() and bot.store.next_delivery_at() is None, "an empty outbox", patience)

    def is_quiet(self) -> bool:
        """Nothing that is due is owed or under way. For asking again and again: what only waits for its turn gets it.

        A channel takes a message a second; here that second is one of the test's clocks.
        """
        bot = self.bot
        assert bot is not None
        due = bot.store.next_delivery_at()
        is_owed = due is not None and due <= self.clock()
        if not is_owed or bot.store.claim_owners():
            self._idle_since = None
            return not is_owed and not bot.store.claim_owners()
        now = time.monotonic()
        self._idle_since = self._idle_since or now
        if now - self._idle_since >= IDLE:
            self._idle_since = None
            self.advance(1.0)
        return False

    def calm(self) -> None:
        """Wait until the bot, where there is one, has said what is due: what is looked at then is what it came to."""
        if self.bot is not None:
            wait_for(self.is_quiet, "what is due to be said")

    def get(self, path: str) -> Json:
        return _call(urllib.request.Request(self.server.url + path))

    def post(self, path: str, **body: Any) -> Json:
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return _call(urllib.request.Request(self.server.url + path, data=data, headers=headers))


def _call(request: urllib.request.Request) -> Json:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        with error:
            return dict(json.load(error))


class Channel:
    """A channel as the person `viewer` sees it."""

    def __init__(self, workspace: Workspace, name: str, viewer: str = ANA) -> None:
        self._workspace = workspace
        self.name = name
        self._viewer = viewer

    @property
    def facts(self) -> Json:
        """The channel as the page lists it, as soon as it exists."""

        def look() -> Json | None:
            channels = self._workspace.get(f"/sandbox/state?as={self._viewer}")["channels"]
            return next((dict(channel) for channel in channels if channel.get("name") == self.name), None)

        return wait_for(look, f"a channel #{self.name}")

    @property
    def id(self) -> str:
        return str(self.facts["id"])

    def messages(self, thread_ts: str | None = None) -> list[Message]:
        query = f"/sandbox/messages?as={self._viewer}&channel={self.id}"
        query += f"&thread_ts={thread_ts}" if thread_ts else ""
        return [Message(self.id, each) for each in self._workspace.get(query)["messages"]]

    def expect(self, text: str, *, thread_ts: str | None = None, ephemeral: bool = False) -> Message:
        """The newest message (or answer that only the viewer sees) that says `text`, as soon as there is one."""

        def look() -> Message | None:
            said = [each for each in self.messages(thread_ts) if each.is_ephemeral is ephemeral]
            return next((each for each in reversed(said) if text in each.text), None)

        try:
            return wait_for(look, f"“{text}” in #{self.name}")
        except AssertionError as error:
            said = "\n".join(each.text for each in self.messages(thread_ts))
            raise AssertionError(f"{error}; it has:\n{said}") from None

    def becomes(self, message: Message, text: str, *, thread_ts: str | None = None) -> Message:
        """This message, edited or not, as soon as it says `text`."""

        def look() -> Message | None:
            found = [each for each in self.messages(thread_ts) if each.ts == message.ts]
            return next((each for each in found if text in each.text), None)

        try:
            return wait_for(look, f"“{text}” on the message")
        except AssertionError as error:
            said = [each.text for each in self.messages(thread_ts) if each.ts == message.ts]
            raise AssertionError(f"{error}; it says:\n{said}") from None

    def now(self, message: Message, *, thread_ts: str | None = None) -> Message:
        """This message as it is when all that is due was said."""
        self._workspace.calm()
        return next(each for each in self.messages(thread_ts) if each.ts == message.ts)

    def count(self, text: str) -> int:
        """How many of its messages say this when all that is due was said."""
        self._workspace.calm()
        return sum(text in each.text for each in self.messages())


class Message:
    """One message: `text` is what is said in text and blocks together."""

    def __init__(self, channel_id: str, raw: Json) -> None:
        self.channel_id = channel_id
        self.raw = raw
        self.ts = str(raw["ts"])
        self.plain = str(raw.get("text", ""))
        self.text = "\n".join([self.plain, *_texts(raw.get("blocks") or [])])
        self.is_ephemeral = bool(raw.get("is_ephemeral"))

    @property
    def buttons(self) -> list[str]:
        return [element["text"]["text"] for element, _ in self.elements() if element["type"] == "button"]

    def elements(self) -> Iterator[tuple[Json, str]]:
        """Interactive elements, each with its block's id."""
        for block in self.raw.get("blocks") or []:
            yield from (
                (element, block.get("block_id", "")) for element in block.get("elements", []) if "action_id" in element
            )
            if "accessory" in block:
                yield block["accessory"], block.get("block_id", "")


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list):
        for each in node:
            yield from _texts(each)


class Form:
    """An open modal."""

    def __init__(self, raw: Json) -> None:
        self.raw = raw
        self.id = str(raw["id"])
        self.title = str(raw["title"]["text"])
        self.text = "\n".join(_texts(raw["blocks"]))

    def state(self, values: dict[str, str]) -> Json:
        """Slack's `state` for these block id → value pairs, initial values where none is given."""
        filled: Json = {}
        for block in self.raw["blocks"]:
            if block["type"] == "input":
                element = block["element"]
                filled[block["block_id"]] = {element["action_id"]: _filled(element, values.get(block["block_id"]))}
        return {"values": filled}


def _filled(element: Json, value: str | None) -> Json:
    kind = element["type"]
    if kind in ("static_select", "radio_buttons"):
        options = [each for each in element["options"] if each["value"] == value]
        return {"type": kind, "selected_option": options[0] if options else element.get("initial_option")}
    if kind == "users_select":
        return {"type": kind, "selected_user": value or element.get("initial_user")}
    return {"type": kind, "value": value if value is not None else element.get("initial_value")}


class Person:
    """Somebody at their keyboard."""

    def __init__(self, workspace: Workspace, user_id: str) -> None:
        self._workspace = workspace
        self.id = user_id

    def sees(self, channel: str = "ops-incidents") -> Channel:
        return Channel(self._workspace, channel, self.id)

    def say(self, text: str, channel: str = "ops-incidents", thread_ts: str | None = None) -> Json:
        place = self.sees(channel).id
        return self._workspace.post("/sandbox/send", **{"as": self.id}, channel=place, text=text, thread_ts=thread_ts)

    def run(self, command: str, channel: str = "ops-incidents") -> Json:
        """Type a slash command, in a channel of an incident as soon as one was invited."""

        def typed() -> Json | None:
            answer = self.say(command, channel)
            return None if answer.get("error") == "not_in_channel" else answer

        answer = wait_for(typed, f"{self.id} in #{channel}")
        assert answer.get("ok"), answer
        return answer

    def told(self, text: str, channel: str = "ops-incidents") -> Message:
        """An answer that only this person sees."""
        return self.sees(channel).expect(text, ephemeral=True)

    def click(self, message: Message, label: str) -> Json:
        """Press the button with this label."""
        for element, block_id in message.elements():
            if element["type"] == "button" and element["text"]["text"] == label:
                return self._act(message, {**element, "block_id": block_id})
        raise AssertionError(f"no button “{label}”; there are {message.buttons}")

    def choose(self, message: Message, value: str) -> Json:
        """Pick an option of the message's select."""
        for element, block_id in message.elements():
            for option in element.get("options", []):
                if option["value"] == value:
                    picked = {**element, "block_id": block_id, "selected_option": option}
                    return self._act(message, picked)
        raise AssertionError(f"no option {value}")

    def _act(self, message: Message, action: Json) -> Json:
        container = {"type": "message", "channel": message.channel_id, "message_ts": message.ts}
        answer = self._workspace.post("/sandbox/action", **{"as": self.id}, container=container, action=action)
        assert answer.get("ok"), answer
        return answer

    def form(self, title: str) -> Form:
        """The modal on top, as soon as it has this title."""

        def look() -> Form | None:
            views = self._workspace.get(f"/sandbox/views?as={self.id}")["views"]
            return Form(views[-1]) if views and title in views[-1]["title"]["text"] else None

        return wait_for(look, f"the form “{title}”")

    def has_form(self) -> bool:
        return bool(self._workspace.get(f"/sandbox/views?as={self.id}")["views"])

    def submit(self, form: Form, **values: str) -> Json:
        """Send the form with these values by block id; the answer has `errors` where the bot refused."""
        state = form.state(values)
        return self._workspace.post("/sandbox/view/submit", **{"as": self.id}, view_id=form.id, state=state)

    def react(self, message: Message, name: str) -> None:
        """Put an emoji under a message."""
        answer = self._workspace.post(
            "/sandbox/react", **{"as": self.id}, channel=message.channel_id, ts=message.ts, name=name
        )
        assert answer.get("ok"), answer

    def shortcut(self, callback_id: str, message: Message | None = None) -> Json:
        about = {"channel": message.channel_id, "message_ts": message.ts} if message else {}
        return self._workspace.post("/sandbox/shortcut", **{"as": self.id}, callback_id=callback_id, **about)


@contextmanager
def workspace(folder: Path) -> Iterator[Workspace]:
    """A fresh workspace without a bot; stops the bot, if one was started, at the end."""
    with SandboxServer() as server:
        world = Workspace(server, folder)
        try:
            yield world
        finally:
            world.stop_bot()
