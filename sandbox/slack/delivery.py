"""Events to the app: subscribed ones only; unacknowledged ones again at once, after 1 and after 5 minutes."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from sandbox.serving.clock import Clock
from sandbox.slack.errors import NotDelivered
from sandbox.slack.sockets import Sockets
from sandbox.slack.workspace import APP_ID, BOT_USER, TEAM_ID, Json

RETRY_AFTER = (0.0, 60.0, 300.0)
REMEMBERED = 1_000
VERIFICATION_TOKEN = "sandbox-verification-token"


@dataclass(slots=True)
class Event:
    payload: Json
    attempts: int = 0


class Delivery:
    def __init__(self, sockets: Sockets, clock: Clock, subscribed: frozenset[str]) -> None:
        self.subscribed = subscribed
        self._sockets = sockets
        self._clock = clock
        self._recent: OrderedDict[str, Event] = OrderedDict()

    def wants(self, kind: str) -> bool:
        return kind in self.subscribed

    def emit(self, event: Json) -> str:
        """Sends an event that the app is subscribed to; its event_id."""
        event_id = f"Ev{secrets.token_hex(5).upper()}"
        entry = Event(self._wrapped(event_id, event))
        self._recent[event_id] = entry
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        self._sockets.spawn(self._attempt(entry))
        return event_id

    def redeliver(self, event_id: str | None) -> str | None:
        """Sends an event once more, the last one without an id; None when there is no such event."""
        event_id = event_id or next(reversed(self._recent), None)
        entry = self._recent.get(event_id or "")
        if entry is None:
            return None
        self._sockets.spawn(self._once_more(entry))
        return event_id

    def forget(self) -> None:
        self._recent.clear()

    async def _attempt(self, entry: Event, reason: str = "") -> None:
        try:
            await self._send(entry, reason)
        except NotDelivered as failure:
            attempts = entry.attempts - 1
            if attempts < len(RETRY_AFTER) and entry.payload["event_id"] in self._recent:
                why = "timeout" if failure.error == "operation_timeout" else "connection_failed"
                again = RETRY_AFTER[attempts]
                self._clock.call_later(again, lambda: self._sockets.spawn(self._attempt(entry, why)))

    async def _once_more(self, entry: Event) -> None:
        try:
            await self._send(entry, "timeout")
        except NotDelivered:
            return

    async def _send(self, entry: Event, reason: str) -> None:
        entry.attempts += 1
        attempt = entry.attempts - 1
        extra = {"retry_attempt": attempt, "retry_reason": reason if attempt else ""}
        await self._sockets.request("events_api", entry.payload, answerable=False, **extra)

    def _wrapped(self, event_id: str, event: Json) -> Json:
        return {
            "token": VERIFICATION_TOKEN,
            "team_id": TEAM_ID,
            "context_team_id": TEAM_ID,
            "context_enterprise_id": None,
            "api_app_id": APP_ID,
            "event": event,
            "type": "event_callback",
            "event_id": event_id,
            "event_time": int(self._clock.now()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": TEAM_ID,
                    "user_id": BOT_USER,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
            "event_context": f"4-{secrets.token_urlsafe(24)}",
        }
