"""A line of the log: one call of the Web API."""

import json
from dataclasses import dataclass
from typing import Any

from sandbox.serving import calllog

SECRET = "token"


@dataclass(slots=True, kw_only=True)
class Entry(calllog.Entry):
    method: str
    args: dict[str, Any]
    ok: bool

    def shown(self) -> dict[str, Any]:
        args = {k: _decoded(v) for k, v in self.args.items() if k != SECRET}
        return calllog.Entry.shown(self) | {"args": args}


def _decoded(value: Any) -> Any:
    """Structures that came as JSON in a form field are shown as structures."""
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
