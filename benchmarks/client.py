"""The person's side: keyboard and page of the sandbox, with the moment of everything that becomes visible."""

from __future__ import annotations

import http.client
import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

Json = dict[str, Any]
PERSON = "U0ANA"
PATIENCE = 15.0


class Keyboard:
    """One connection to the sandbox server that stays open."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)

    def get(self, path: str) -> Json:
        return self._call("GET", path, None)

    def post(self, path: str, **body: Any) -> Json:
        return self._call("POST", path, json.dumps(body))

    def close(self) -> None:
        self._connection.close()

    def _call(self, verb: str, path: str, body: str | None) -> Json:
        self._connection.request(verb, path, body, {"Content-Type": "application/json"})
        return dict(json.load(self._connection.getresponse()))


class Seen(NamedTuple):
    """Something that became visible, and when (`time.perf_counter`)."""

    at: float
    event: Json

    @property
    def kind(self) -> str:
        return str(self.event["type"])

    @property
    def message(self) -> Json:
        return dict(self.event.get("message") or {})


class Page:
    """The live updates that a person's page gets."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((str(address.hostname), int(address.port or 80)))
        self._socket.sendall(f"GET /sandbox/events?as={PERSON} HTTP/1.0\r\nHost: {address.netloc}\r\n\r\n".encode())
        self._lines = self._socket.makefile("rb")
        while b": connected" not in self._lines.readline():
            pass
        self._seen: queue.SimpleQueue[Seen] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while line := self._lines.readline():
            if line.startswith(b"data: "):
                self._seen.put(Seen(time.perf_counter(), json.loads(line[6:])))

    def wait(self, fits: Callable[[Seen], bool], what: str) -> Seen:
        """The next thing seen that fits; what does not fit is gone."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                seen = self._seen.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"waited {PATIENCE} s for {what}") from None
            if fits(seen):
                return seen

    def forget(self) -> None:
        """Drop what was seen so far."""
        while not self._seen.empty():
            self._seen.get()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._lines.close()
        self._socket.close()


class Crowd:
    """Many people who press Return at the same moment: connections opened before, requests written in one go."""

    def __init__(self, url: str, size: int) -> None:
        address = urlsplit(url)
        self._host = address.netloc
        where = (str(address.hostname), int(address.port or 80))
        self._sockets = [socket.create_connection(where, timeout=PATIENCE) for _ in range(size)]

    def send(self, text: str, channel: str) -> None:
        """Everybody sends `text`; returns when all are answered."""
        body = json.dumps({"as": PERSON, "channel": channel, "text": text})
        head = f"POST /sandbox/send HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        request = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
        for each in self._sockets:
            each.sendall(request)
        for each in self._sockets:
            answer = http.client.HTTPResponse(each)
            answer.begin()
            if not json.loads(answer.read())["ok"]:
                raise RuntimeError("a command of the burst failed")

    def close(self) -> None:
        for each in self._sockets:
            each.close()
