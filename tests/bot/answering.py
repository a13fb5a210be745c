"""A server that gives one answer to everything, as no sandbox would."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Odd(BaseHTTPRequestHandler):
    """Answers with what the test laid out, and with `{}` at /other, where it may have sent the client."""

    status = 200
    body = b""
    headers_sent: tuple[tuple[str, str], ...] = ()
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200 if self.path == "/other" else self.status)
        for name, value in self.headers_sent:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}" if self.path == "/other" else self.body)

    do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def answering(status: int, body: bytes = b"", *headers: tuple[str, str]) -> Iterator[str]:
    """A server that always answers so; its address."""
    handler = type("Laid", (Odd,), {"status": status, "body": body, "headers_sent": headers})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
