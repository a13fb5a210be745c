"""What stands in for AWS and GitHub where they are not configured: takes everything or says so, and does nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.errors import Refused, TrackerError
from bot.models import Order, Person, PersonKind, Plan, Progress, Remediation
from bot.ports import Changed, Choice, Event, Learned, Standing, Ticket, Told
from bot.resources import Resources

log = logging.getLogger(__name__)


class NoBus:
    """Nobody listens to the bot's events."""

    def put(self, events: Sequence[Event]) -> list[int]:
        for event in events:
            log.debug("no event bus is configured: %s is not put", event.type)
        return []


class NoMailer:
    """Nobody is mailed."""

    def publish(self, topic: str, subject: str, text: str) -> None:
        log.debug("AWS is not configured: %s gets no mail (%d characters) about %s", topic, len(text), subject)


class NoAlarms:
    """Nothing is known of any alarm beyond its message."""

    def tags(self, arns: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        return {}

    def states(self, names: Sequence[str], region: str) -> Mapping[str, Standing]:
        return {}


class NoDirectory:
    """Nobody can be asked about: who calls is not known here."""

    def person(self, user_id: str, team_id: str | None) -> Person:
        return Person(id=user_id, kind=PersonKind.UNKNOWN)


class NoBaselines:
    """What is usual can't be learned."""

    is_on = False

    def learn(self, service: str, tell: Told) -> Learned:
        raise Refused("AWS is not configured: set AWS_REGION and the bot's credentials, then it can be learned.")


class NoFixes:
    """Nothing can be changed where AWS is not configured."""

    def plan(self, order: Order, resources: Resources) -> Plan:
        raise _refused()

    def choices(self, resources: Resources) -> list[Choice]:
        raise _refused()

    def start(self, remediation: Remediation) -> Progress:
        raise _refused()

    def follow(self, remediation: Remediation) -> Progress:
        raise _refused()

    def stop(self, remediation: Remediation) -> None:
        raise _refused()

    def standing(self, remediation: Remediation) -> Progress | None:
        raise _refused()

    def rehearse(self, remediation: Remediation) -> Sequence[str]:
        raise _refused()

    def undo(self, remediation: Remediation) -> Plan:
        raise _refused()


class NoTracker:
    """Nothing is tracked outside where GitHub is not configured. Raises TrackerError `off`."""

    def open_issue(self, key: str, title: str, body: str, labels: Sequence[str]) -> Ticket:
        raise _off()

    def changed(self, since: datetime) -> Changed:
        raise _off()

    def revise_issue(self, number: int, facts: Mapping[str, str]) -> None:
        raise _off()

    def close_issue(self, number: int) -> None:
        raise _off()

    def reopen_issue(self, number: int) -> None:
        raise _off()

    def propose(self, key: str, path: str, text: str, title: str, body: str) -> str:
        raise _off()


def _off() -> TrackerError:
    return TrackerError("off", detail="GitHub is not configured: set GITHUB_TOKEN and GITHUB_REPOSITORY")


def _refused() -> Refused:
    return Refused("AWS is not configured: set AWS_REGION and the bot's credentials, then it can be changed from here.")
