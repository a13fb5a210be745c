"""What the server answers instead of a result.

SlackError            -> {"ok": false, "error": <code>, ...}
└── NotDelivered      an envelope that no bot took: `dispatch_failed`, `operation_timeout`
"""

from typing import Any


class SlackError(Exception):
    """One of Slack's error codes, with whatever Slack puts next to it."""

    def __init__(self, error: str, message: str = "", **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.message = message
        self.extra = extra

    def answer(self) -> dict[str, Any]:
        return {"ok": False, "error": self.error, **self.extra}


class NotDelivered(SlackError):
    """The bot did not take an envelope: nobody was connected, or nobody acknowledged it in time."""


def invalid_arguments(*messages: str) -> SlackError:
    return SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {m}" for m in messages]})
