"""`/healthz` and `/metrics` for whoever watches the bot: served only where HEALTH_PORT is set."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Report = dict[str, Any]


class HealthServer:
    """Answers 200 while every part is well, else 503 with the part that is not.

    `report` gives part → True or False (health) or a number (a metric only).
    """

    def __init__(self, port: int, report: Callable[[], Report], host: str = "") -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                _serve(self, report())

            def log_message(self, *_: Any) -> None:
                """Probes come every few seconds; they are no news."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="health", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _serve(handler: BaseHTTPRequestHandler, report: Report) -> None:
    if handler.path == "/healthz":
        parts = {name: value for name, value in report.items() if isinstance(value, bool)}
        _send(handler, 200 if all(parts.values()) else 503, json.dumps(parts), "application/json")
    elif handler.path == "/metrics":
        lines = [f"aiops_{name} {int(value) if isinstance(value, bool) else value}" for name, value in report.items()]
        _send(handler, 200, "\n".join(lines) + "\n", "text/plain; version=0.0.4")
    else:
        _send(handler, 404, "try /healthz or /metrics\n", "text/plain")


def _send(handler: BaseHTTPRequestHandler, status: int, body: str, kind: str) -> None:
    data = body.encode()
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)
