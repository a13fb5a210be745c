"""The composition root: the only module that builds stores, integrations and use cases, and wires them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from slack_sdk import WebClient

from blocks.standing import Connection
from bot import outside, reporting
from bot.actions import Actions
from bot.alert_cards import AlertCards
from bot.alerts import Alerts
from bot.board import Board
from bot.cards import Cards
from bot.carriers import Carriers
from bot.carriers.aftermath import Aftermath, AftermathCarriers
from bot.carriers.alerts import AlertCarriers
from bot.carriers.cloud import CloudCarriers
from bot.carriers.digests import DigestCarriers
from bot.carriers.fixes import Aws, FixCardCarriers, FixCarriers, ReportCarriers
from bot.carriers.incidents import IncidentCarriers
from bot.carriers.learning import LearningCarriers
from bot.carriers.paging import Details, PagingCarriers
from bot.casefile import CaseFile
from bot.config import Config
from bot.errors import ChatError, SettingsError, StoreError
from bot.escalation import Escalations
from bot.handbook import template
from bot.health import HealthServer
from bot.home import Homes
from bot.incidents import Incidents
from bot.intake import AlertIntake
from bot.integrations.archive import FolderArchive
from bot.integrations.nothing import NoTracker
from bot.integrations.slack.api import SlackApi
from bot.integrations.slack.bolt import Requests, bolt
from bot.integrations.slack.chat import SlackChat
from bot.integrations.slack.people import SlackPeople
from bot.integrations.slack.replies import SlackReplies
from bot.integrations.slack.socket import Socket
from bot.investigation import Investigations, Investigator
from bot.learning import Learning
from bot.ledger import Ledger
from bot.models import Alert, Change, OwedKind, Source
from bot.outbox import Outbox
from bot.owed import Target
from bot.paging import Around, PagerSync, Paging
from bot.planning import Subject
from bot.ports import Alarms, Clock, Colleagues, Roster, Tracker
from bot.postmortems import PostMortems
from bot.processes import this_process
from bot.remediation import Neighbours, Remediations
from bot.reminders import Reminders
from bot.retention import Retention
from bot.rights import Rights
from bot.settings import Settings
from bot.silences import Silences
from bot.steps.alerts import By
from bot.steps.reminders import OVERDUE, REMIND
from bot.store.sqlite import SqliteStore
from bot.timekeeper import Timekeeper
from bot.triage import Rules
from commands.desk import Desk
from commands.listener import Listener
from jobs import digests, home, pager
from jobs.intake import Intake
from jobs.investigators import Bench, Investigators
from jobs.schedule import HOME_SECONDS, Every, Jobs

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
        self._clock = clock
        self._health: HealthServer | None = None
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
        owner = this_process()
        people = SlackPeople(SlackApi(token, settings.slack_api_url, timeout=IDENTITY_SECONDS), self.identity, groups)
        cloud = outside.cloud(settings, config, self.store, clock)
        paging = outside.paging(settings, config, self._chat, people, clock)
        self.outbox = Outbox(self.store, clock, owner, paging=paging.rate)
        rules = Rules(config, self._ops, can_page=paging.is_on)
        ledger, rights = Ledger(self.store, clock, self._nudge), Rights(people, config)
        cards = Cards(self.store, config, self._chat.huddle_url, self._ops)
        alert_cards = AlertCards(self.store, rules, config, ops=self._ops)
        self.incidents = Incidents(ledger, rights, cards, rules, config)
        self.alert_intake = AlertIntake(ledger, rules, config, alert_cards, fallback=_fallback(settings))
        self._asked_for(ledger, rights, rules, config)
        self.sync = PagerSync(ledger, self.alerts, self.incidents, people, paging.pager)
        self._find_and_fix(ledger, rights, config, cloud, cards)
        self.paging = Paging(
            ledger, rights, rules, Around(paging.roster, people, paging.pager.way, self._escalations.asked_for)
        )
        self.timekeeper = Timekeeper(ledger, rules, self.alert_intake, self.silences, self.remediations, owner)
        tracker, tracker_closing = outside.tracker(settings)
        self._aftermath(ledger, rights, config, people, tracker)
        self.intake = Intake(cloud.inbox, self.alert_intake, self.sync, cloud.alarms, clock) if cloud.inbox else None
        self.digests = reporting.Digests(ledger, rights, self._sources(config, rules))
        self._closing = [*cloud.closing, *paging.closing, *tracker_closing]
        replies = SlackReplies(api)
        self.homes = Homes(self._board(rights, paging.roster, config, rules, people), replies, clock)
        self._jobs = Jobs(self.timekeeper, self._retention(config), self.intake, more=self._every(config, paging))
        self._carriers = self._carry(cloud, paging, Details(cards, alert_cards, people.name), config)
        self._listen(settings, api, Listener(self._desk(config, cloud.alarms, replies)))

    def _asked_for(self, ledger: Ledger, rights: Rights, rules: Rules, config: Config) -> None:
        """What people do with alerts."""
        self.alerts = Alerts(ledger, rights, rules, config)
        self.silences = Silences(ledger, rights, rules, config)

    def _find_and_fix(self, ledger: Ledger, rights: Rights, config: Config, cloud: outside.Cloud, cards: Cards) -> None:
        """Root causes, changes to AWS, and what is usual there."""
        self.investigations = Investigations(ledger, rights, config, cloud.analyst)
        self._escalations = Escalations(self.store, config, cards.bridge)
        neighbours = Neighbours(self._escalations, self._taken_up)
        self.remediations = Remediations(ledger, rights, config, cloud.fixes, neighbours)
        self.learning = Learning(ledger, rights, config, cloud.baselines)
        self.investigators = Investigators(
            Bench(self.store, self._clock, this_process()),
            self.investigations,
            Investigator(cloud.collectors, config.investigation.deadline.total_seconds()),
        )

    def _taken_up(self, subject: Subject, by: By, at: datetime) -> Change:
        taken = self.alerts if isinstance(subject, Alert) else self.incidents
        return taken.taken_up(subject.number, by, at)

    def _aftermath(self, ledger: Ledger, rights: Rights, config: Config, people: Colleagues, tracker: Tracker) -> None:
        """What comes after an incident."""
        case, is_tracked = CaseFile(self.store, config, people), not isinstance(tracker, NoTracker)
        page = partial(template, config.post_mortems.template)
        written = PostMortems(ledger, rights, config, case, page, proposes=is_tracked)
        actions = Actions(ledger, rights, config, case, is_tracked=is_tracked)
        self.after = Aftermath(written, actions, Reminders(ledger, rights, config, case), tracker)
        reminders = self.after.reminders
        self.timekeeper.also(
            {REMIND: lambda timer: reminders.due(timer.subject), OVERDUE: lambda timer: reminders.overdue()}
        )

    def _board(self, rights: Rights, roster: Roster, config: Config, rules: Rules, people: Colleagues) -> Board:
        """Where App Homes come from."""
        case = CaseFile(self.store, config, people)
        reads = (self.store, self.store, rights, roster, case, config, rules.policy, self._connections)
        return Board(*reads, link=self._links())

    def _sources(self, config: Config, rules: Rules) -> reporting.Sources:
        """Where digests come from."""
        late = reporting.late(self.store)
        return reporting.Sources(self.store, config, rules.policy.acknowledge_within, late, self._links())

    def _links(self) -> Callable[[str], str]:
        """To the cards of incidents and post-mortems."""
        return reporting.links(self.store, self.identity.url)

    def _retention(self, config: Config) -> Retention:
        """How what is old is let go of, and where it goes."""
        folder = config.retention.archive
        archive = FolderArchive(Path(folder), self.store.installation()) if folder else None
        return Retention(self.store, self._clock, config.retention, archive)

    def _every(self, config: Config, paging: outside.PagingParts) -> list[Every]:
        """What is looked at again and again."""
        jobs = [
            Every("homes", HOME_SECONDS, partial(home.refresh, self.homes)),
            Every("digest", digests.EVERY_SECONDS, partial(digests.post, self.digests), digests.CATCH_UP_SECONDS),
        ]
        if paging.can_poll:
            jobs.append(Every("pager", config.pagerduty.poll.total_seconds(), partial(pager.ask, self.sync)))
        return jobs

    def _desk(self, config: Config, alarms: Alarms, replies: SlackReplies) -> Desk:
        """What the handlers work with."""
        return Desk(
            incidents=self.incidents,
            alerts=self.alerts,
            silences=self.silences,
            paging=self.paging,
            investigations=self.investigations,
            remediations=self.remediations,
            post_mortems=self.after.written,
            actions=self.after.actions,
            reminders=self.after.reminders,
            learning=self.learning,
            digests=self.digests,
            homes=self.homes,
            live=alarms,
            replies=replies,
            memory=self.store,
            config=config,
            clock=self._clock,
            bot_user=self.identity.user_id,
            ops=self._ops,
        )

    def _carry(self, cloud: outside.Cloud, paging: outside.PagingParts, details: Details, config: Config) -> Carriers:
        """Who carries what is owed."""
        store, chat, clock, ops = self.store, self._chat, self._clock, self._ops
        metrics = next((one for one in cloud.collectors if one.source is Source.METRICS), None)
        aws = Aws(cloud.fixes, metrics, cloud.alarms)
        return Carriers(
            IncidentCarriers(store, chat, details.cards, config, ops, clock),
            AlertCarriers(store, chat, details.alert_cards, ops),
            PagingCarriers(store, paging.pager, paging.roster, chat, details, clock),
            ReportCarriers(store, chat, config, ops),
            FixCarriers(aws, self.remediations, store, clock),
            FixCardCarriers(self.remediations, store, chat, clock, ops),
            LearningCarriers(store, cloud.baselines, chat, clock, ops),
            DigestCarriers(self.digests.of, chat, ops),
            AftermathCarriers(self.after, store, chat, clock, ops),
            CloudCarriers(store, cloud.bus, cloud.mailer, chat),
        )

    def _listen(self, settings: Settings, api: SlackApi, listener: Listener) -> None:
        self._listener = listener
        app = bolt(api, self.identity)
        listener.register(app)
        self._requests = Requests(app, on_acked=listener.acked, on_done=listener.forget)
        app_client = WebClient(base_url=settings.slack_api_url, timeout=10, retry_handlers=[])
        self.socket = Socket(settings.slack_app_token.get_secret_value(), app_client, concurrency=SOCKET_WORKERS)
        self.socket.socket_mode_request_listeners.append(self._requests)

    def start(self) -> None:
        """Connect, deliver what is owed, keep time. Raises SlackApiError or TimeoutError when Slack is out of reach."""
        if self._settings.health_port is not None:
            try:
                self._health = HealthServer(self._settings.health_port, self.health)
            except OSError as error:
                raise SettingsError(f"HEALTH_PORT {self._settings.health_port} can't be used: {error}") from error
        self.store.keep_workspace(self.identity.url)
        self.outbox.start(self._carriers)
        self.socket.open()
        if self.intake is not None:
            self.intake.start()
        self._jobs.start()
        self.investigators.start()
        threading.Thread(target=self._greet_channel, name="greeter", daemon=True).start()
        log.info("connected to %s as %s", self.identity.workspace, self.identity.user_id)

    def stop(self) -> None:
        """1. refuse what is new, 2. finish what was taken while it can be acked, 3. close, 4. finish deliveries."""
        if self.intake is not None:
            self.intake.stop()
        self._listener.refuse()
        self._requests.wait(DRAIN_SECONDS)
        self._listener.drain()
        self.socket.close()
        self._jobs.stop()
        self.investigators.stop()
        self.outbox.stop()
        for close in self._closing:
            close()
        if self._health is not None:
            self._health.close()
        self.store.close()

    def _nudge(self) -> None:
        """Something was stored: what is owed is looked at, and whether a cause is to be looked for."""
        self.outbox.nudge()
        self.investigators.nudge()
        self.homes.changed()

    def health(self) -> dict[str, Any]:
        try:
            self.store.open_incidents(limit=1)
            is_stored = True
        except StoreError:
            is_stored = False
        return {
            "socket": self.socket.is_healthy(),
            "store": is_stored,
            **self._intake_health(),
            "requests_under_way": self._requests.under_way,
        }

    def _connections(self) -> list[Connection]:
        """How what is outside stands, for App Home."""
        settings, failing = self._settings, self.store.failing()
        queue = "on" if self.intake is not None and self.intake.is_healthy else "failing" if self.intake else "off"

        def told(name: str, is_on: object, *kinds: OwedKind) -> Connection:
            return Connection(name, "off" if not is_on else "failing" if failing.intersection(kinds) else "on")

        return [
            Connection("Alert queue", queue),
            told("AWS", settings.uses_aws, OwedKind.FIX, OwedKind.BASELINE),
            told("Event bus", settings.uses_aws, OwedKind.EVENTS),
            told("PagerDuty", settings.pagerduty_routing_key, OwedKind.PAGE, OwedKind.PAGER),
            told(
                "GitHub", settings.github_token and settings.github_repository, OwedKind.TICKET, OwedKind.PULL_REQUEST
            ),
        ]

    def _intake_health(self) -> dict[str, Any]:
        if self.intake is None:
            return {}
        counts = {"messages_received_total": self.intake.received, "messages_unreadable_total": self.intake.unreadable}
        return {"queue": self.intake.is_healthy, **counts}

    def _greet_channel(self) -> None:
        """Learn the id of the incident channel before it is needed, and say early when it is not there."""
        try:
            self._chat.channel_id(self._ops)
        except ChatError as error:
            log.warning("#%s: %s. Create the channel and invite the bot, or set INCIDENT_CHANNEL.", self._ops, error)


def _fallback(settings: Settings) -> str:
    """Where what can't be read is shown."""
    return Target.OPS if settings.fallback_channel == settings.incident_channel else settings.fallback_channel


def _groups(config: Config) -> list[str]:
    """The user groups that the permissions name."""
    rights = config.permissions
    granted = {*rights.declare, *rights.respond, *rights.command, *rights.remediate}
    approving = {policy.group for policy in config.remediation.approvals if policy.group}
    return sorted({grant for grant in granted if grant.startswith("S")} | approving)
