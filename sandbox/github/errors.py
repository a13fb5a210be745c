"""What the API answers instead of a result: `{"message", "errors"?, "documentation_url", "status"}`."""

from typing import Any

from sandbox.serving.errors import Refused

DOCS = "https://docs.github.com/rest"
NO_ACCESS = "Resource not accessible by personal access token"


class Refusal(Refused):
    """An HTTP status with GitHub's own words. `errors` are objects or words."""

    def __init__(self, status: int, message: str, *errors: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(status), message, status)
        self.errors = errors
        self.headers = headers or {}

    def answer(self) -> dict[str, Any]:
        errors = {"errors": list(self.errors)} if self.errors else {}
        return {"message": self.message, **errors, "documentation_url": DOCS, "status": str(self.status)}


def not_found() -> Refusal:
    return Refusal(404, "Not Found")


def forbidden(*accepted: str) -> Refusal:
    """The token lacks a permission; any of these would do."""
    return Refusal(403, NO_ACCESS, headers={"X-Accepted-GitHub-Permissions": "; ".join(accepted)})


def invalid(resource: str, field: str, code: str) -> Refusal:
    return Refusal(422, "Validation Failed", {"resource": resource, "field": field, "code": code})


def failed(resource: str, message: str) -> Refusal:
    """A rule that is about more than one field."""
    return Refusal(422, "Validation Failed", {"resource": resource, "code": "custom", "message": message})


def unusable(message: str) -> Refusal:
    """What the parts about git and files answer."""
    return Refusal(422, message)
