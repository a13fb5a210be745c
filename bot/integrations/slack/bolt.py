"""The Bolt app, which asks Slack nothing on the way of a request, and the requests that Socket Mode brings it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from slack_bolt import App
from slack_bolt.adapter.socket_mode.internals import run_bolt_app, send_response
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from websocket import WebSocketException

from bot.integrations.slack.api import Identity, SlackApi

log = logging.getLogger(__name__)


def bolt(api: SlackApi, identity: Identity) -> App:
    """Identity is known already, so Bolt asks Slack nothing on the way of a request."""
    known = AuthorizeResult(
        enterprise_id=None,
        team_id=identity.team_id,
        bot_user_id=identity.user_id,
        bot_id=identity.bot_id,
        bot_token=api.client.token,
    )

    def authorize() -> AuthorizeResult:
        return known

    return App(
        client=WebClient(base_url=api.client.base_url),
        authorize=authorize,
        process_before_response=True,
        logger=logging.getLogger("slack_bolt"),
    )


class Requests:
    """Hands each request to Bolt and sends its ack; `wait` until none is under way.

    `on_acked` is called in the request's own thread once the ack is out, `on_done` after that, or when it was lost.
    """

    def __init__(self, app: App, on_acked: Callable[[], None], on_done: Callable[[], None]) -> None:
        self._app = app
        self._on_acked = on_acked
        self._on_done = on_done
        self._changed = threading.Condition()
        self.under_way = 0

    def __call__(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        self._count(1)
        try:
            send_response(client, request, run_bolt_app(self._app, request), time.time())
        except (OSError, WebSocketException) as error:
            log.warning("an ack was lost (%s); the person is told by Slack that it failed", error)
        else:
            self._on_acked()
        finally:
            self._on_done()
            self._count(-1)

    def wait(self, seconds: float) -> bool:
        """False when something is still under way after that time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.under_way == 0, seconds)

    def _count(self, step: int) -> None:
        with self._changed:
            self.under_way += step
            self._changed.notify_all()
