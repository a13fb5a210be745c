"""The one message that every peer posts. Nothing is imported here, so that no peer pays for it in memory."""

from __future__ import annotations

from typing import Any

BUTTON = {
    "type": "actions",
    "block_id": "peer",
    "elements": [{"type": "button", "action_id": "peer.click", "text": {"type": "plain_text", "text": "Click"}}],
}


def answer(payload: dict[str, Any]) -> dict[str, Any]:
    """The arguments of chat.postMessage for this payload; `/incident button` gets a button to click."""
    channel = payload.get("channel_id") or payload["channel"]["id"]
    message: dict[str, Any] = {"channel": channel, "text": "done"}
    if payload.get("text") == "button":
        message["blocks"] = [BUTTON]
    return message
