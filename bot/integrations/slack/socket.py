"""The Socket Mode connection: websocket_client with what it lacks.

Measured against the stock client: it polls every 0.5 s for a new session (slow start, deaf gaps), opens two new
connections where one is asked for, runs a dead session again and again, loses an ack sent during a reconnection, and
never notices a half-open connection. Here a session runs once and at once, an ack waits for the next session, and a
watchdog replaces a connection whose pongs stay away.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.interval_runner import IntervalRunner
from slack_sdk.socket_mode.websocket_client import SocketModeClient
from slack_sdk.web import WebClient
from websocket import WebSocketApp, WebSocketException

log = logging.getLogger(__name__)

PING_SECONDS = 5.0
STALE_AFTER = 2.5 * PING_SECONDS
_SESSION_POLL = 0.01
_ACK_PATIENCE = 2.5  # an ack later than Slack's 3 s is worth nothing
_FATAL = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"})


class Socket(SocketModeClient):
    """A Socket Mode client that heals. `is_healthy` is what the health check and the watchdog look at."""

    def __init__(self, app_token: str, web_client: WebClient, *, concurrency: int = 10) -> None:
        self._ran: WebSocketApp | None = None
        self._opened = threading.Event()
        self._opened_at = 0.0
        self.last_open_error = ""
        super().__init__(
            app_token=app_token,
            logger=logging.getLogger("slack_sdk.socket_mode"),
            web_client=web_client,
            ping_interval=PING_SECONDS,
            concurrency=concurrency,
            on_open_listeners=[self._note_open],
        )
        self.current_session_runner.shutdown()  # type: ignore[no-untyped-call]
        self.current_session_runner = IntervalRunner(self._run_current_session, _SESSION_POLL).start()
        self._watchdog = IntervalRunner(self._watch, PING_SECONDS / 2)

    def open(self, timeout: float = 10.0) -> None:
        """Connect and wait for the handshake. Raises SlackApiError for a bad token, TimeoutError for silence."""
        self.connect()
        if not self._opened.wait(timeout):
            raise TimeoutError(f"no Socket Mode connection within {timeout:.0f} s")
        self._watchdog.start()

    def is_healthy(self) -> bool:
        return self.is_connected() and self._silence() < STALE_AFTER

    def close(self) -> None:
        self.closed = True
        self.auto_reconnect_enabled = False
        self._watchdog.shutdown()  # type: ignore[no-untyped-call]
        self.message_queue.put(None)  # wakes the reader, which else sleeps out its second
        super().close()

    def issue_new_wss_url(self) -> str:
        try:
            url = super().issue_new_wss_url()
        except SlackApiError as error:
            self.last_open_error = str(error.response["error"])
            if self.last_open_error in _FATAL:
                log.error(
                    "Slack refuses the app token (%s): check SLACK_APP_TOKEN; no click arrives until then",
                    self.last_open_error,
                )
            raise
        self.last_open_error = ""
        return url

    def connect_to_new_endpoint(self, force: bool = False) -> None:
        """A session that has not run yet is the new endpoint: the old one's close event must not ask for another."""
        if self.closed or (not force and self.current_session is not self._ran):
            return
        super().connect_to_new_endpoint(force)

    def send_message(self, message: str) -> None:
        """Send, and while the connection is being replaced wait for the next one as long as the ack is worth it."""
        until = time.monotonic() + _ACK_PATIENCE
        while True:
            session = self.current_session
            try:
                if session is None or session.sock is None:
                    raise ConnectionError("no session")
                session.send(message)
            except (WebSocketException, OSError):
                if time.monotonic() > until or self.closed:
                    raise
                time.sleep(_SESSION_POLL)
            else:
                return

    def _run_current_session(self) -> None:
        session = self.current_session
        if session is None or session is self._ran:
            return
        self._ran = session
        super()._run_current_session()  # type: ignore[no-untyped-call]

    def _note_open(self, _: Any) -> None:
        self._opened_at = time.time()
        self._opened.set()

    def _silence(self) -> float:
        """Seconds since the last sign of life. The library stamps pongs with time.time()."""
        session = self.current_session
        last_pong = float(getattr(session, "last_pong_tm", 0.0) or 0.0)
        return time.time() - max(last_pong, self._opened_at)

    def _watch(self) -> None:
        """Ask for a new connection when this one is silent, or is gone and nobody asked for another."""
        if self.closed or not self.is_connected() or self._silence() < STALE_AFTER:
            return
        log.warning("no pong for %.0f s: replacing the connection", self._silence())
        try:
            self.connect_to_new_endpoint(force=True)
        except (SlackApiError, OSError) as error:
            log.warning("can't open a new connection: %s", error)
