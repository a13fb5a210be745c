"""The other half of the composition root: AWS and the pager where they are configured, else what stands in for them.

Their libraries are loaded only where they are used: they would be the larger part of the process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from bot import rca
from bot.baselines import expected
from bot.config import Config, same_service
from bot.handbook import insights
from bot.integrations.nothing import NoAlarms, NoBaselines, NoBus, NoFixes, NoMailer, NoTracker
from bot.integrations.roster import ConfigRoster, PagerDutyRoster, Rosters
from bot.integrations.slack.chat import SlackChat
from bot.integrations.slack.pager import SlackPager
from bot.integrations.slack.people import SlackPeople
from bot.models import Remediation
from bot.pace import Rate
from bot.ports import (
    Alarms,
    Analyst,
    BaselineSource,
    Clock,
    Collector,
    EventBus,
    Fixes,
    Inbox,
    Mailer,
    Pager,
    Roster,
    Tracker,
)
from bot.settings import Settings
from bot.signals import Deployment
from bot.store import Store

if TYPE_CHECKING:
    from bot.integrations.aws.clients import Clients

# A direct message is a post in a channel of its own, and in a storm most of them go to one person.
BY_SLACK = Rate(every=1.0, burst=4, is_shared=True)
# https://developer.pagerduty.com/docs/events-api-v2-overview: about two events a second and key before it answers 429
BY_PAGERDUTY = Rate(every=0.5, burst=20, is_shared=True)


_REMEMBERED = 500  # remediations, whose versions a rollback of a function looks through


class Cloud(NamedTuple):
    """What AWS is used for; the null versions where it is not configured."""

    inbox: Inbox | None
    bus: EventBus
    mailer: Mailer
    alarms: Alarms
    fixes: Fixes
    baselines: BaselineSource
    analyst: Analyst = rca.diagnose
    collectors: Sequence[Collector] = ()
    closing: Sequence[Callable[[], None]] = ()


def cloud(settings: Settings, config: Config, store: Store, clock: Clock) -> Cloud:
    """Where it is in use."""
    if not settings.uses_aws:
        return Cloud(None, NoBus(), NoMailer(), NoAlarms(), NoFixes(), NoBaselines())
    from bot.integrations.aws.alarms import CloudWatchAlarms  # noqa: PLC0415
    from bot.integrations.aws.baselines import CloudWatchBaselines  # noqa: PLC0415
    from bot.integrations.aws.bus import EventBridgeBus  # noqa: PLC0415
    from bot.integrations.aws.clients import Clients  # noqa: PLC0415
    from bot.integrations.aws.evidence import collectors  # noqa: PLC0415
    from bot.integrations.aws.fixes import AwsFixes, RunAs  # noqa: PLC0415
    from bot.integrations.aws.queue import SqsInbox  # noqa: PLC0415
    from bot.integrations.aws.topics import SnsMailer  # noqa: PLC0415

    clients = Clients(settings.aws_region, settings.aws_endpoint_url)
    inbox = SqsInbox(clients, settings.alert_queue_url) if settings.alert_queue_url else None
    bus, alarms = EventBridgeBus(clients, settings.alert_bus_name), CloudWatchAlarms(clients, clock)
    limits = config.remediation
    known = Known(store)
    run_as = RunAs(limits.role, limits.state_machine)
    fixes = AwsFixes(clients, clock, run_as=run_as, timeout=limits.timeout, past=known.remediations)
    seconds = config.investigation.deadline.total_seconds()
    sources = collectors(clients, clock, known.deployments, known.usual, insights()["error-classes"], seconds)
    analyst = _analyst(clients, config.investigation.function, seconds)
    baselines = CloudWatchBaselines(clients, config, clock)
    closing = (alarms.close, clients.close)
    return Cloud(inbox, bus, SnsMailer(clients), alarms, fixes, baselines, analyst, sources, closing)


def _analyst(clients: Clients, function: str, seconds: float) -> Analyst:
    """The external root cause function where one is configured."""
    if not function:
        return rca.diagnose
    from bot.integrations.aws.analyst import LambdaAnalyst  # noqa: PLC0415

    return LambdaAnalyst(clients, function, seconds)


class Known(NamedTuple):
    """What the store knows that evidence and plans are compared with."""

    store: Store

    def remediations(self) -> list[Remediation]:
        """The last ones, of all services."""
        return self.store.remediations(limit=_REMEMBERED)

    def deployments(self, service: str, since: datetime) -> list[Deployment]:
        return self.store.deployments_of(same_service(service), since)

    def usual(self, service: str, metric: str, at: datetime) -> tuple[float, float] | None:
        """Mean and standard deviation at this hour of the week."""
        found = expected(self.store.baselines(service, metric), metric, at)
        return (found.mean, found.deviation) if found is not None else None


class PagingParts(NamedTuple):
    """How people are paged, and who is on call.

    `rate` is how fast they may be; `is_on`: somebody can be paged; `can_poll`: the pager can be asked.
    """

    pager: Pager
    roster: Roster
    rate: Rate
    is_on: bool
    can_poll: bool = False
    closing: Sequence[Callable[[], None]] = ()


def paging(settings: Settings, config: Config, chat: SlackChat, people: SlackPeople, clock: Clock) -> PagingParts:
    """PagerDuty where it is configured; else direct messages to whom the config file names."""
    named = ConfigRoster(config, people.name, people.email)
    by_slack = SlackPager(chat, clock, find_user=people.by_email)
    key, token = settings.pagerduty_routing_key, settings.pagerduty_api_token
    if key is None and token is None:
        entries = [config.on_call, *(entry.on_call for entry in config.services.values())]
        return PagingParts(by_slack, named, BY_SLACK, is_on=any(entry.primary for entry in entries))
    from bot.integrations.pagerduty.api import EventsApi, RestApi  # noqa: PLC0415
    from bot.integrations.pagerduty.pager import PagerDuty  # noqa: PLC0415

    rest = RestApi(token.get_secret_value(), settings.pagerduty_api_url) if token else None
    roster = Rosters(PagerDutyRoster(rest, config, people.by_email, clock), named) if rest else named
    closing = [rest.close] if rest else []
    if key is None:
        return PagingParts(by_slack, roster, BY_SLACK, is_on=True, closing=closing)
    events = EventsApi(key.get_secret_value(), settings.pagerduty_events_url)
    pager = PagerDuty(events, rest, config, by_slack, clock, email_of=people.email)
    return PagingParts(
        pager, roster, BY_PAGERDUTY, is_on=True, can_poll=rest is not None, closing=[*closing, events.close]
    )


def tracker(settings: Settings) -> tuple[Tracker, Sequence[Callable[[], None]]]:
    """GitHub where a token and a repository are given, and how to close it. Raises SettingsError."""
    token, repository = settings.github_token, settings.github_repository
    if token is None or repository is None:
        return NoTracker(), ()
    from bot.integrations.github.tracker import GitHub  # noqa: PLC0415

    github = GitHub(token.get_secret_value(), repository, settings.github_api_url)
    return github, (github.close,)
