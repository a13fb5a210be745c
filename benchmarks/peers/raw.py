"""The floor: a websocket, an HTTP connection that stays open, and nothing else. `python -m benchmarks.peers.raw`."""

from __future__ import annotations

import http.client
import json
import os
import queue
import threading
from typing import Any
from urllib.parse import urlsplit

from websocket import create_connection

from benchmarks.peers.message import answer


class Api:
    """The Web API over one connection."""

    def __init__(self, base_url: str, token: str) -> None:
        address = urlsplit(base_url)
        self._connection = http.client.HTTPConnection(address.netloc)
        self._path = address.path
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self._connection.request("POST", self._path + method, json.dumps(arguments), self._headers)
        return dict(json.load(self._connection.getresponse()))


def main() -> None:
    base_url = os.environ["SLACK_API_URL"]
    address = Api(base_url, os.environ["SLACK_APP_TOKEN"]).call("apps.connections.open", {})["url"]
    socket = create_connection(address)
    owed: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    api = Api(base_url, os.environ["SLACK_BOT_TOKEN"])

    def post() -> None:
        while True:
            api.call("chat.postMessage", answer(owed.get()))

    threading.Thread(target=post, daemon=True).start()
    while True:
        text = socket.recv()
        if not text:
            return
        envelope = json.loads(text)
        if "envelope_id" in envelope:
            socket.send(json.dumps({"envelope_id": envelope["envelope_id"]}))
            owed.put(envelope["payload"])


if __name__ == "__main__":
    main()
