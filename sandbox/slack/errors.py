"""What the server answers instead of a result.

SlackError            -> {"ok": false, "error": <code>, ...}
└── NotDelivered      an envelope that no bot took: `dispatch_failed`, `operation_timeout`
"""

from typing import Any

from sandbox.serving.errors import Refused


class SlackError(Refused):
    """One of Slack's error codes, with whatever Slack puts next to it."""

    def __init__(self, error: str, message: str = "", **extra: Any) -> None:
        super().__init__(error, message)
        self.extra = extra

    def answer(self) -> dict[str, Any]:
        return {"ok": False, "error": self.error, **self.extra}

    def told(self) -> dict[str, Any]:
        return {"message": self.message, **self.answer()}


class NotDelivered(SlackError):
    """The bot did not take an envelope: nobody was connected, or nobody acknowledged it in time."""


def invalid_arguments(*messages: str) -> SlackError:
    return SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {m}" for m in messages]})
