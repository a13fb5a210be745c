"""response_urls: five uses, thirty minutes."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.slack.errors import SlackError

LIFETIME = 30 * 60.0
USES = 5


@dataclass(slots=True)
class ResponseUrl:
    """Where an answer goes: the place, the person who acted, and the message they acted on."""

    token: str
    channel: str
    person: str
    made_at: float
    original_ts: str | None = None
    is_ephemeral: bool = False
    thread_ts: str | None = None
    uses: int = 0


class Responses:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._made: dict[str, ResponseUrl] = {}

    def make(
        self,
        channel: str,
        person: str,
        *,
        original_ts: str | None = None,
        is_ephemeral: bool = False,
        thread_ts: str | None = None,
    ) -> ResponseUrl:
        now = self._now()
        self._forget_old(now)
        url = ResponseUrl(secrets.token_hex(12), channel, person, now, original_ts, is_ephemeral, thread_ts)
        self._made[url.token] = url
        return url

    def find(self, token: str) -> ResponseUrl:
        """The place behind a token that may still be used; `use` counts what was taken."""
        url = self._made.get(token)
        if url is None:
            raise SlackError("no_such_url")
        if self._now() - url.made_at > LIFETIME:
            raise SlackError("expired_url")
        if url.uses >= USES:
            raise SlackError("used_url")
        return url

    def _forget_old(self, now: float) -> None:
        while self._made:
            oldest = next(iter(self._made))
            if now - self._made[oldest].made_at < 2 * LIFETIME:
                return
            del self._made[oldest]
