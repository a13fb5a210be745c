"""/sandbox-aws/*: what tests, benchmarks and the demo's panel turn. JSON in, JSON out, from any page."""

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from sandbox.aws.refusals import status_line
from sandbox.aws.request import read_body

PREFIX = "/sandbox-aws/"
Json = dict[str, Any]
Turning = Callable[[Json], Json]
CORS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "content-type"),
    ("Cache-Control", "no-store"),
]


class Controls:
    """What can be asked and turned, by method and path."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, str], Turning] = {}

    def add(self, method: str, path: str, turn: Turning) -> None:
        self._turns[method, path] = turn

    def answer(self, environ: Json, start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, shown = self._do(environ)
        data = json.dumps(shown).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data))), *CORS]
        start_response(status_line(status), headers)
        return [data]

    def _do(self, environ: Json) -> tuple[int, Json]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(PREFIX)
        body = read_body(environ)
        if method == "OPTIONS":
            return 200, {"ok": True}
        turn = self._turns.get((method, path))
        if turn is None:
            return 404, {"ok": False, "error": "not_found", "message": f"There is no {method} {PREFIX}{path}"}
        try:
            given = dict(parse_qsl(environ.get("QUERY_STRING", ""))) if method == "GET" else json.loads(body or b"{}")
            return 200, {"ok": True, **turn(given)}
        except (ValueError, LookupError) as error:
            return 400, {"ok": False, "error": "invalid", "message": str(error)}
