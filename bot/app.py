"""The composition root: the only module that builds stores, integrations and use cases, and wires them."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any

from slack_bolt import App
from slack_bolt.adapter.socket_mode.internals import run_bolt_app, send_response
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from websocket import WebSocketException

from bot.cards import Cards
from bot.carriers import Carriers
from bot.config import Config
from bot.errors import ChatError, SettingsError, StoreError
from bot.health import HealthServer
from bot.incidents import Incidents
from bot.integrations.slack.api import Identity, SlackApi
from bot.integrations.slack.chat import SlackChat
from bot.integrations.slack.people import SlackPeople
from bot.integrations.slack.replies import SlackReplies
from bot.integrations.slack.socket import Socket
from bot.outbox import Outbox
from bot.ports import Clock
from bot.processes import this_process
from bot.settings import Settings
from bot.store.sqlite import SqliteStore
from commands.desk import Desk
from commands.listener import Listener
from jobs.schedule import scheduler

log = logging.getLogger(__name__)

SOCKET_WORKERS = 8
DRAIN_SECONDS = 10.0
IDENTITY_SECONDS = 2  # a form waits for the answer who its sender is, and Slack waits 3 s for the form


def now() -> datetime:
    return datetime.now(UTC)


class Bot:
    """Everything that runs in one process. Raises ChatError or StoreError while being built."""

    def __init__(self, settings: Settings, config: Config, clock: Clock = now) -> None:
        self._settings = settings
        self._ops = settings.incident_channel
        self.store = SqliteStore(settings.database_path)
        try:
            self._build(settings, config, clock)
        except BaseException:
            self.store.close()
            raise

    def _build(self, settings: Settings, config: Config, clock: Clock) -> None:
        token, groups = settings.slack_bot_token.get_secret_value(), _groups(config)
        api = SlackApi(token, settings.slack_api_url)
        self.identity = api.identity()
        self._chat = SlackChat(api, self.identity)
        cards = Cards(self.store, config, self._chat.huddle_url, self._ops)
        self._carriers = Carriers(self.store, self._chat, cards, config, self._ops, clock)
        self.outbox = Outbox(self.store, clock, this_process())
        people = SlackPeople(SlackApi(token, settings.slack_api_url, timeout=IDENTITY_SECONDS), self.identity, groups)
        self.incidents = Incidents(self.store, people, cards, config, clock, self.outbox.nudge)
        desk = Desk(self.incidents, SlackReplies(api), self.store, config, clock, self.identity.user_id)
        self._listener = Listener(desk)
        self._requests = UnderWay()
        self._app = _bolt(api, self.identity)
        self._listener.register(self._app)
        app_client = WebClient(base_url=settings.slack_api_url, timeout=10, retry_handlers=[])
        self.socket = Socket(settings.slack_app_token.get_secret_value(), app_client, concurrency=SOCKET_WORKERS)
        self.socket.socket_mode_request_listeners.append(self._on_request)
        self._jobs = scheduler(self.store, clock)
        self._health: HealthServer | None = None

    def start(self) -> None:
        """Connect, deliver what is owed, keep time. Raises SlackApiError or TimeoutError when Slack is out of reach."""
        if self._settings.health_port is not None:
            try:
                self._health = HealthServer(self._settings.health_port, self.health)
            except OSError as error:
                raise SettingsError(f"HEALTH_PORT {self._settings.health_port} can't be used: {error}") from error
        self.outbox.start(self._carriers)
        self.socket.open()
        self._jobs.start()
        threading.Thread(target=self._greet_channel, name="greeter", daemon=True).start()
        log.info("connected to %s as %s", self.identity.workspace, self.identity.user_id)

    def stop(self) -> None:
        """1. refuse what is new, 2. finish what was taken while it can be acked, 3. close, 4. finish deliveries."""
        self._listener.refuse()
        self._requests.wait(DRAIN_SECONDS)
        self._listener.drain()
        self.socket.close()
        if self._jobs.running:
            self._jobs.shutdown()
        self.outbox.stop()
        if self._health is not None:
            self._health.close()
        self.store.close()

    def health(self) -> dict[str, Any]:
        try:
            self.store.open_incidents(limit=1)
            is_stored = True
        except StoreError:
            is_stored = False
        return {
            "socket": self.socket.is_healthy(),
            "store": is_stored,
            "requests_under_way": self._requests.count,
        }

    def _on_request(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        with self._requests:
            try:
                send_response(client, request, run_bolt_app(self._app, request), time.time())
            except (OSError, WebSocketException) as error:
                log.warning("an ack was lost (%s); the person is told by Slack that it failed", error)
            else:
                self._listener.acked()
            finally:
                self._listener.forget()

    def _greet_channel(self) -> None:
        """Learn the id of the incident channel before it is needed, and say early when it is not there."""
        try:
            self._chat.channel_id(self._ops)
        except ChatError as error:
            log.warning("#%s: %s. Create the channel and invite the bot, or set INCIDENT_CHANNEL.", self._ops, error)


class UnderWay:
    """Counts what is being done: `with` it, and `wait` until there is nothing left."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self.count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self.count -= 1
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """False when something is still under way after that time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.count == 0, seconds)


def _bolt(api: SlackApi, identity: Identity) -> App:
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


def _groups(config: Config) -> list[str]:
    """The user groups that the permissions name."""
    rights = config.permissions
    granted = {*rights.declare, *rights.respond, *rights.command}
    return sorted(grant for grant in granted if grant.startswith("S"))
