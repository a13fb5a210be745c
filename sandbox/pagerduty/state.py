"""The running server's state in one object, handed to everything that answers."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.pagerduty import cast
from sandbox.pagerduty.account import Account, Actor, Incident, Json
from sandbox.pagerduty.desk import Desk
from sandbox.pagerduty.partner import Deliver, Partner, event_of
from sandbox.pagerduty.shapes import Shapes
from sandbox.serving.calllog import CallLog, Entry
from sandbox.serving.clock import Clock
from sandbox.serving.faults import Faults, PathFault


@dataclass(slots=True, kw_only=True)
class Call(Entry):
    """A line of the log: one call of either API. Tokens are not kept."""

    method: str
    path: str
    query: dict[str, Any]
    body: Any
    requester: str | None


class PagerDuty:
    """What one server holds; `reset` starts the account over."""

    account: Account
    shapes: Shapes
    desk: Desk
    log: CallLog[Call]

    def __init__(
        self, deliver: Deliver | None = None, clock: Clock | None = None, keys: dict[str, str] | None = None
    ) -> None:
        self.clock = clock or Clock()
        self.partner = Partner(deliver)
        self.faults = Faults(PathFault)
        self.base_url = ""
        self.auto_escalate_after: float | None = None
        self._keys = keys
        self.reset()

    def reset(self) -> None:
        if hasattr(self, "desk"):
            self.desk.stop()
        self.account = cast.open_account(self._keys)
        self.shapes = Shapes(self.account, self.base_url, self.clock.now)
        self.desk = Desk(self.account, self.shapes, self.clock, self._changed)
        self.desk.auto_escalate_after = self.auto_escalate_after
        self.log = CallLog()
        self.faults.clear()
        self.partner.forget()

    def listens_at(self, base_url: str) -> None:
        self.base_url = self.shapes.base_url = base_url

    def stop(self) -> None:
        """Waits until every event has been handed over."""
        self.desk.stop()
        self.clock.stop()
        self.partner.stop()

    def _changed(self, kind: str, incident: Incident, actor: Actor, data: Json | None) -> None:
        self.partner.tell(event_of(self.shapes, kind, incident, actor, data))


PAGERDUTY: web.AppKey[PagerDuty] = web.AppKey("pagerduty", PagerDuty)
