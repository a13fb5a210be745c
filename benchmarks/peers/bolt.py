"""A bare Bolt app as its documentation writes it. `python -m benchmarks.peers.bolt builtin|websocket_client`."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from benchmarks.peers.message import answer


def main(adapter: str) -> None:
    package = "slack_bolt.adapter.socket_mode" + (".websocket_client" if adapter == "websocket_client" else "")
    handler = importlib.import_module(package).SocketModeHandler
    token = os.environ["SLACK_BOT_TOKEN"]
    app = App(client=WebClient(token=token, base_url=os.environ["SLACK_API_URL"]))

    def work(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        client.chat_postMessage(**answer(body))

    app.command("/incident")(work)
    app.action("peer.click")(work)
    handler(app, os.environ["SLACK_APP_TOKEN"]).start()


if __name__ == "__main__":
    main(sys.argv[1])
