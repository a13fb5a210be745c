"""What a server answers instead of a result. Each derives its own errors from it, in the words of its API."""

from typing import Any


class Refused(Exception):
    """A call that can't be done: a code for programs, words for people."""

    def __init__(self, error: str, message: str = "", status: int = 400) -> None:
        super().__init__(message or error)
        self.error = error
        self.message = message or error
        self.status = status

    def told(self) -> dict[str, Any]:
        """As the sandbox's pages and controls are told."""
        return {"ok": False, "error": self.error, "message": self.message}
