"""What the server answers instead of a result.

Refusal               -> {"error": {"message", "code", "errors"}}, as the REST API does it
└── InvalidEvent      -> {"status": "invalid event", "message", "errors"}, as the Events API does it
"""

from typing import Any

from sandbox.serving.errors import Refused


class Refusal(Refused):
    """An HTTP status with PagerDuty's own code and words."""

    def __init__(self, status: int, code: int, message: str, *errors: str) -> None:
        super().__init__(str(code), message, status)
        self.code = code
        self.errors = errors

    def answer(self) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.message, "code": self.code}
        return {"error": error | ({"errors": list(self.errors)} if self.errors else {})}

    def told(self) -> dict[str, Any]:
        return super().told() | {"message": ". ".join([self.message, *self.errors])}


class InvalidEvent(Refusal):
    """An event that cannot be taken, with everything that is wrong about it."""

    def __init__(self, *errors: str, name: str = "invalid event", message: str = "Event object is invalid") -> None:
        super().__init__(400, 0, message, *errors)
        self.name = name

    def answer(self) -> dict[str, Any]:
        return {"status": self.name, "message": self.message, "errors": list(self.errors)}


def not_found(message: str = "Not Found") -> Refusal:
    return Refusal(404, 2100, message)


def invalid_input(*errors: str) -> Refusal:
    return Refusal(400, 2001, "Invalid Input Provided", *errors)


def bad_arguments(*errors: str) -> Refusal:
    return Refusal(400, 2002, "Arguments Caused Error", *errors)
