"""The Socket Mode connection: slack_sdk's websocket_client with what it lacks.

Measured against the stock client: it polls every 0.5 s for a new session (slow start, deaf gaps), runs sessions one
after the other (a refresh can stay deaf for 10 s while the old one is read out), loses an ack sent during a
reconnection, never notices a half-open connection, and retries for ever at the same pace. Here each session has its own
thread, the new one listens before the old one is closed, an ack waits for the next session, a watchdog replaces a
connection whose pongs stay away, and failing tries back off.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from http.client import HTTPException
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode.interval_runner import IntervalRunner
from slack_sdk.socket_mode.websocket_client import SocketModeClient
from slack_sdk.web import WebClient
from websocket import WebSocket, WebSocketApp, WebSocketException

log = logging.getLogger(__name__)

PING_SECONDS = 5.0
STALE_AFTER = 2.5 * PING_SECONDS
MAX_BACKOFF = 30.0
_ACK_PATIENCE = 2.5  # an ack later than Slack's 3 s is worth nothing
_LINGER = 0.5  # how long the old connection may still bring what crossed the refresh
_GOODBYE = 2.0  # how long the other side may take to answer a close
_LEAST_PAUSE = 1.0  # between connections that the server asks for
_UNREACHABLE = (SlackClientError, HTTPException, OSError)
_FATAL = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"})


class Session(WebSocketApp):
    """One connection. `end` closes it; the library itself leaves the file open after a close that it answered."""

    _connection: WebSocket | None = None

    @property
    def is_open(self) -> bool:
        return self.sock is not None and bool(self.sock.connected)

    def keep(self) -> None:
        """Called once open: the library forgets its socket before it is closed."""
        self._connection = self.sock

    def listen(self) -> None:
        """Until the connection ends, for whatever reason."""
        self.run_forever(ping_interval=PING_SECONDS, skip_utf8_validation=True)
        self._pull_the_plug()

    def end(self) -> None:
        """Send the close frame and let the listening thread read the answer; pull the plug if none comes."""
        if self.sock is None:
            return
        try:
            self.sock.send_close()
            until = time.monotonic() + _GOODBYE
            while self.sock is not None and time.monotonic() < until:
                time.sleep(0.005)
        except (AttributeError, WebSocketException, OSError):
            log.debug("the connection was gone before it was closed")
        self.keep_running = False
        self._pull_the_plug()

    def _pull_the_plug(self) -> None:
        if self._connection is not None:
            self._connection.shutdown()  # type: ignore[no-untyped-call]


class Socket(SocketModeClient):
    """A Socket Mode client that heals. `is_healthy` is what the health check looks at."""

    current_session: Session | None

    def __init__(self, app_token: str, web_client: WebClient, *, concurrency: int = 10) -> None:
        super().__init__(
            app_token=app_token,
            logger=logging.getLogger("slack_sdk.socket_mode"),
            web_client=web_client,
            concurrency=concurrency,
        )
        self.current_session_runner.shutdown()  # type: ignore[no-untyped-call]
        logging.getLogger("websocket").setLevel(logging.CRITICAL)  # logs every end as an error; told below
        self._opened = threading.Event()
        self._closing = threading.Event()
        self._opened_at = 0.0
        self._connected_at = 0.0
        self._misses = 0  # tries since a connection was open
        self._watchdog = IntervalRunner(self._watch, PING_SECONDS / 2)

    def open(self, timeout: float = 10.0) -> None:
        """Connect and wait for the handshake. Raises SlackApiError for a bad token, TimeoutError for silence."""
        self.connect()
        if not self._opened.wait(timeout):
            raise TimeoutError(f"no Socket Mode connection within {timeout:.0f} s")
        self._watchdog.start()

    def is_connected(self) -> bool:
        return self.current_session is not None and self.current_session.is_open

    def is_healthy(self) -> bool:
        return self.is_connected() and self._silence() < STALE_AFTER

    def connect(self) -> None:
        """Start a session in a thread of its own; the one before goes once this one listens."""
        if self.wss_uri is None:
            self.wss_uri = self.issue_new_wss_url()
        session = Session(
            self.wss_uri,
            on_open=lambda _: self._on_open(session),
            on_message=lambda _, message: self._on_message(session, message),
            on_error=lambda _, error: self._on_error(session, error),
        )
        old, self.current_session = self.current_session, session
        self._opened.clear()
        self._connected_at = time.monotonic()
        threading.Thread(target=self._run, args=(session,), name="socket", daemon=True).start()
        if old is not None:
            threading.Thread(target=self._replace, args=(old,), name="socket-old", daemon=True).start()

    def close(self) -> None:
        """Say goodbye properly: a connection that dies without a close frame haunts Slack's list for hours."""
        self.closed = True
        self._closing.set()
        if self._watchdog.thread.is_alive():
            self._watchdog.shutdown()  # type: ignore[no-untyped-call]
        if self.current_session is not None:
            self.current_session.end()
        self.message_queue.put(None)  # wakes the reader, which else sleeps out its second
        self.message_processor.shutdown()  # type: ignore[no-untyped-call]
        self.message_workers.shutdown()

    def issue_new_wss_url(self) -> str:
        """Ask once; whoever needs a connection decides when to ask again."""
        try:
            return str(self.web_client.apps_connections_open(app_token=self.app_token)["url"])
        except SlackApiError as error:
            code = str(error.response["error"])
            if code in _FATAL:
                log.error("Slack refuses the app token (%s): check SLACK_APP_TOKEN; until then no click arrives", code)
            raise

    def send_message(self, message: str) -> None:
        """Send, and while the connection is being replaced wait for the next one as long as the ack is worth it."""
        until = time.monotonic() + _ACK_PATIENCE
        while True:
            session = self.current_session
            try:
                if session is None:
                    raise ConnectionError("no session")
                session.send(message)
            except (WebSocketException, OSError):
                if time.monotonic() > until or self.closed:
                    raise
                self._opened.wait(0.05)
                time.sleep(0.01)
            else:
                return

    def _run(self, session: Session) -> None:
        """Listen until the session ends; if nobody has replaced it by then, find the next one."""
        session.listen()
        while session is self.current_session and not self.closed:
            if self._misses:
                pause = min(MAX_BACKOFF, 0.5 * 2.0 ** min(self._misses, 10))
                log.warning("no connection to Slack (%d tries), trying again in %.0f s", self._misses, pause)
                self._closing.wait(pause)
            self._misses += 1
            try:
                self.connect_to_new_endpoint()
            except _UNREACHABLE as error:
                log.warning("Slack gives no new connection: %s", type(error).__name__)
            except Exception:  # a boundary: this thread is the only one that reconnects
                log.exception("asking for a new connection failed")

    def connect_to_new_endpoint(self, force: bool = False) -> None:
        """A server that asks to reconnect at once, again and again (too_many_websockets), is not followed in a rush."""
        if force:
            self._closing.wait(self._connected_at + _LEAST_PAUSE - time.monotonic())
        if not self.closed:
            super().connect_to_new_endpoint(force)

    def _replace(self, old: Session) -> None:
        self._opened.wait(_GOODBYE)
        if old.is_open:
            self._closing.wait(_LINGER)
        old.end()

    def _on_open(self, session: Session) -> None:
        session.keep()
        if session is self.current_session:
            self._misses = 0
            self._opened_at = time.time()
            self._opened.set()

    def _on_message(self, session: Session, raw: bytes) -> None:
        """Straight to the workers; only a request to reconnect goes through the SDK's queue.

        A session that is being replaced may still bring clicks, but has no say in whether to reconnect. Text comes as
        bytes, since the library's own validation of it is slow Python (a third of the time of a click).
        """
        text = raw.decode("utf-8", "replace")
        message = json.loads(text) if text.startswith("{") else {}
        if message.get("type") != "disconnect":
            self.message_workers.submit(self.run_message_listeners, message, text)
        elif session is self.current_session:
            self.enqueue_message(text)

    def _on_error(self, session: Session, error: Any) -> None:
        if session is self.current_session and not self.closed:
            log.info("the connection to Slack ended: %s", error)

    def _silence(self) -> float:
        """Seconds since the last sign of life. The library stamps pongs with time.time()."""
        last_pong = float(getattr(self.current_session, "last_pong_tm", 0.0) or 0.0)
        return time.time() - max(last_pong, self._opened_at)

    def _watch(self) -> None:
        if self.closed or not self.is_connected() or self._silence() < STALE_AFTER:
            return
        log.warning("no pong for %.0f s: replacing the connection", self._silence())
        try:
            self.connect_to_new_endpoint(force=True)
        except _UNREACHABLE as error:
            log.warning("can't open a new connection: %s", error)
        except Exception:  # a boundary: the watchdog must go on
            log.exception("replacing the connection failed")
