"""Arguments of a Web API call, whatever way they came: query, form, JSON.

SDKs send booleans as 0 and 1, and lists and objects as JSON in form fields; the getters hide that.
"""

import json
from typing import Any, cast
from urllib.parse import parse_qsl

from sandbox.slack.errors import SlackError, invalid_arguments

FALSE = frozenset(("", "0", "false", "False"))


class Args(dict[str, Any]):
    """What was given, without empty (null) values; readable in Slack's types."""

    @classmethod
    def read(cls, query: str, content_type: str, body: bytes) -> "Args":
        args = cls(parse_qsl(query, keep_blank_values=True)) if query else cls()
        if not body:
            return args
        if content_type.startswith("application/json"):
            args.update(_json_object(body))
        elif content_type.startswith("application/x-www-form-urlencoded") or not content_type:
            args.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        else:
            raise SlackError("invalid_form_data")
        return args

    def text(self, name: str, default: str = "") -> str:
        value = self.get(name, default)
        return value if isinstance(value, str) else json.dumps(value)

    def need(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise invalid_arguments(f"missing required field: {name}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.get(name, default)
        return value not in FALSE if isinstance(value, str) else bool(value)

    def number(self, name: str, default: int) -> int:
        value = self.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (TypeError, ValueError):
            raise invalid_arguments(f"must provide an integer [json-pointer:/{name}]") from None

    def names(self, name: str) -> list[str]:
        """A list of ids, given as a list, as JSON, or with commas between."""
        value = self.get(name)
        if isinstance(value, str):
            value = self.structure(name, ()) if value.startswith("[") else value.split(",")
        return [str(v).strip() for v in value or () if str(v).strip()]

    def structure(self, name: str, default: Any = None, *, error: str = "invalid_arguments") -> Any:
        """A list or an object, given as such or as JSON."""
        value = self.get(name)
        if value is None or value == "":
            return default
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(error) from None


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(value, dict):
        raise SlackError("json_not_object")
    return {k: v for k, v in cast(dict[str, Any], value).items() if v is not None}
