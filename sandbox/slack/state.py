"""The running server's state in one object, handed to everything that answers."""

from typing import Any

from aiohttp import web

from sandbox.serving.calllog import CallLog
from sandbox.serving.clock import Clock
from sandbox.slack import cast
from sandbox.slack.calllog import Entry
from sandbox.slack.delivery import Delivery
from sandbox.slack.faults import Faults
from sandbox.slack.limits import Limits
from sandbox.slack.manifest import Manifest
from sandbox.slack.responses import Responses
from sandbox.slack.sockets import Sockets
from sandbox.slack.stream import Stream
from sandbox.slack.triggers import Triggers
from sandbox.slack.views import Views
from sandbox.slack.workspace import BOT_USER, Workspace


class Slack:
    """What one server holds; `reset` starts the workspace over, connections stay."""

    workspace: Workspace
    views: Views
    triggers: Triggers
    responses: Responses
    log: CallLog[Entry]
    scopes: frozenset[str]

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.clock = Clock()
        self.stream = Stream()
        self.sockets = Sockets(self.clock)
        self.sockets.on_change = self._tell_connected
        self.faults = Faults()
        self.limits = Limits(self.clock.now)
        self.delivery = Delivery(self.sockets, self.clock, manifest.events)
        self.base_url = ""
        self.world: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        self.workspace = cast.open_workspace(self.clock.now, self.manifest.name)
        self.views = Views(self.clock.now)
        self.triggers = Triggers(self.clock.now)
        self.responses = Responses(self.clock.now)
        self.log = CallLog()
        self.scopes = frozenset(self.manifest.scopes)
        self.faults.clear()
        self.limits.forget()
        self.delivery.forget()
        self.stream.tell({"type": "reset"})

    def listens_at(self, address: str) -> None:
        self.base_url = address

    def bot(self) -> dict[str, Any]:
        person = self.workspace.people[BOT_USER]
        return {"user_id": BOT_USER, "name": person.real_name, "connected": self.sockets.connected}

    def _tell_connected(self, connections: int) -> None:
        self.stream.tell({"type": "bot", "connected": connections > 0})


SLACK: web.AppKey[Slack] = web.AppKey("slack", Slack)
