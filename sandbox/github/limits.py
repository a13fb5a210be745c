"""How many calls there may be: the primary limits by the hour or minute, and one of the secondary ones.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.github.errors import Refusal

CREATIONS = ((80, 60.0), (500, 3600.0))
"""Content that may be made in so many seconds."""
LIMITED = "API rate limit exceeded for user ID 1. If you reach out to GitHub Support for help, please include the ID."
TOO_FAST = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)


@dataclass(slots=True)
class Window:
    limit: int
    seconds: float
    used: int = 0
    reset: float = 0.0


class Limits:
    """`windows` by resource: `core` and `search`."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.windows = {"core": Window(5000, 3600.0), "search": Window(30, 60.0)}
        self._made: deque[float] = deque(maxlen=CREATIONS[-1][0])

    def take(self, resource: str) -> None:
        window = self._current(resource)
        if window.used >= window.limit:
            raise Refusal(403, LIMITED)
        window.used += 1

    def take_creation(self) -> None:
        now = self._now()
        for most, seconds in CREATIONS:
            recent = [at for at in self._made if at > now - seconds]
            if len(recent) >= most:
                raise too_fast(int(recent[0] + seconds - now) + 1)
        self._made.append(now)

    def headers(self, resource: str) -> dict[str, str]:
        window = self._current(resource)
        shown = {
            "limit": window.limit,
            "remaining": window.limit - window.used,
            "used": window.used,
            "reset": int(window.reset),
            "resource": resource,
        }
        return {f"x-ratelimit-{name}": str(value) for name, value in shown.items()}

    def exhausted(self, resource: str, seconds: float) -> dict[str, str]:
        """As the headers would be with nothing left for so long."""
        return self.headers(resource) | {
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": str(int(self._now() + seconds)),
        }

    def _current(self, resource: str) -> Window:
        window, now = self.windows[resource], self._now()
        if now >= window.reset:
            window.used, window.reset = 0, now + window.seconds
        return window


def too_fast(seconds: int, status: int = 403) -> Refusal:
    return Refusal(status, TOO_FAST, headers={"retry-after": str(seconds)})
