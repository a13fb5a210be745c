"""trigger_ids: three seconds, one use."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.slack.errors import SlackError

LIFETIME = 3.0
REMEMBERED = 600.0


@dataclass(slots=True)
class Trigger:
    person: str
    made_at: float
    view_id: str | None = None
    used: bool = False


class Triggers:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._made: dict[str, Trigger] = {}

    def make(self, person: str, view_id: str | None = None) -> str:
        now = self._now()
        self._forget_old(now)
        trigger_id = f"{int(now * 1000)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._made[trigger_id] = Trigger(person, now, view_id)
        return trigger_id

    def spend(self, trigger_id: str) -> Trigger:
        trigger = self._made.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._now() - trigger.made_at > LIFETIME:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def _forget_old(self, now: float) -> None:
        while self._made:
            oldest = next(iter(self._made))
            if now - self._made[oldest].made_at < REMEMBERED:
                return
            del self._made[oldest]
