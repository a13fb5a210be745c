"""What all sources have in common: one look within a deadline, its calls counted, every failure an answer."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from bot.errors import CloudError, SettingsError
from bot.integrations.aws.clients import Clients, cloud_errors, is_credentials, is_denied, is_throttled
from bot.integrations.aws.evidence.ourselves import Ourselves
from bot.models import Asked, Source, SourceOutcome
from bot.ports import Gathered, Scope

log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
LONGEST = timedelta(hours=3)
"""What goes on for longer is counted over its newest hours: Insights bills by what is scanned."""
MINUTE = 60
MAX_WHY = 300
Wait = Callable[[float], None]
# What reading an answer raises that is not as AWS documents it; botocore makes sure of the types it knows, not of more.
GARBAGE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


class Answer(NamedTuple):
    """What a look brought. Without an outcome it is `found` where there are values or a picture, else `nothing`."""

    values: Mapping[str, Any] = {}
    why: str = ""
    outcome: SourceOutcome | None = None
    picture: bytes = b""

    @property
    def told(self) -> SourceOutcome:
        return self.outcome or (SourceOutcome.FOUND if self.values or self.picture else SourceOutcome.NOTHING)


def off(why: str) -> Answer:
    return Answer(why=why, outcome=SourceOutcome.OFF)


class Means(NamedTuple):
    """With what every source asks. `seconds` is the whole look's deadline, and the longest wait for one answer."""

    clients: Clients
    ourselves: Ourselves
    seconds: float
    wait: Wait = time.sleep


class Calls:
    """The AWS calls of one look: counted, and none begun after the deadline."""

    def __init__(self, means: Means, region: str) -> None:
        self._means = means
        self._region = region
        self._ends = time.monotonic() + means.seconds
        self.count = 0

    @property
    def region(self) -> str:
        """Where the service runs; the bot's own region where nothing tells it."""
        return self._region or self._means.clients.region

    @property
    def left(self) -> float:
        return self._ends - time.monotonic()

    def pause(self, seconds: float) -> bool:
        """Wait, and say whether there is still time to go on."""
        if self.left <= seconds:
            return False
        self._means.wait(seconds)
        return True

    @contextmanager
    def client(self, service: str, action: str, resource: str = "", region: str = "") -> Iterator[Any]:
        """The client for one call. Raises CloudError; `action` is the IAM action without its service."""
        needed = f"{service}:{action}"
        if self.left <= 0:
            raise CloudError("timeout", retryable=True, detail=f"{needed}: the time was over")
        client = self._means.clients.get(
            service, region=region or self.region, read_timeout=self._means.seconds, attempts=1
        )
        self.count += 1
        with cloud_errors(needed, resource):
            yield client


class Looking(ABC):
    """A source of evidence: the Collector port. Subclasses look; what goes wrong is told as an answer here."""

    source: Source
    needs: ClassVar[str] = ""
    """What it asks of; a service that runs in another account has none of it here."""

    def __init__(self, means: Means) -> None:
        self.means = means

    @abstractmethod
    def look(self, scope: Scope, calls: Calls) -> Answer:
        """Raises CloudError."""

    @abstractmethod
    def link(self, scope: Scope, region: str) -> str:
        """The console page that shows the same; empty where there is none."""

    def collect(self, scope: Scope) -> Gathered:
        started = time.monotonic()
        calls = Calls(self.means, scope.resources.region)
        link = ""
        try:
            link = self.link(scope, calls.region)
            answer = self._elsewhere(scope, calls) or self.look(scope, calls)
        except CloudError as error:
            answer = failed(error)
        except SettingsError as error:
            answer = Answer(why=str(error)[:MAX_WHY], outcome=SourceOutcome.FAILED)
        except GARBAGE as error:
            log.warning("%s gave an answer that can't be read", self.source.value, exc_info=True)
            why = f"{self.source.value} gave an answer that can't be read ({type(error).__name__})"
            answer = Answer(why=why, outcome=SourceOutcome.FAILED)
        asked = Asked(
            source=self.source,
            outcome=answer.told,
            why=" ".join(answer.why.split())[:MAX_WHY],
            seconds=round(time.monotonic() - started, 3),
            calls=calls.count,
            link=link if answer.told is not SourceOutcome.OFF else "",
        )
        return Gathered(asked, answer.values, answer.picture)

    def _elsewhere(self, scope: Scope, calls: Calls) -> Answer | None:
        """A service of the same name in our own account would answer in its place, and be believed."""
        account = scope.resources.account
        ours = self.means.ourselves.known(calls) if account else None
        if ours is None or ours.account == account:
            return None
        return off(f"{scope.service} runs in account {account}; the bot sees only {ours.account}")


def failed(error: CloudError) -> Answer:
    """`not permitted` names the action and the resource, as CloudError's detail does."""
    if is_denied(error.code) and not is_credentials(error.code):
        return Answer(why=error.detail[:MAX_WHY], outcome=SourceOutcome.NOT_PERMITTED)
    return Answer(why=why_of(error), outcome=SourceOutcome.FAILED)


def why_of(error: CloudError) -> str:
    """One line for people."""
    detail = error.detail or error.code
    if is_throttled(error.code):
        return f"AWS was asked too often ({error.code}): {detail}"[:MAX_WHY]
    if error.code == "timeout":
        return f"no answer in time: {detail}"[:MAX_WHY]
    return f"{detail} ({error.code})"[:MAX_WHY] if error.code not in detail else detail[:MAX_WHY]


def partly(what: str, error: CloudError) -> str:
    """What a source that found something could not look at."""
    verb = "not permitted" if is_denied(error.code) else "not known"
    return f"{what} {verb}: {error.detail or error.code}"


def joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def symptom(scope: Scope) -> datetime:
    """From when on things are the symptom's: the first of the datapoints that the alarm was raised on. What was over by
    then is not; nor is what is before the window."""
    alarm = scope.alarm
    told = (alarm.period or MINUTE) * (alarm.evaluation_periods or 1) if alarm is not None else MINUTE
    return max(minute(scope.since), minute(scope.began_at - min(timedelta(seconds=told), HOUR)))


def counted(scope: Scope) -> datetime:
    """From when on errors, requests, lines, traces and stopped tasks are counted, by all sources alike."""
    return max(symptom(scope), minute(scope.until - LONGEST), *([scope.back_at] if scope.back_at else []))


def goes_on_for_long(scope: Scope) -> bool:
    """Does it go on for longer than is counted?"""
    return minute(scope.until - LONGEST) > symptom(scope)


def in_utc(at: datetime) -> datetime:
    """botocore gives times in the machine's own zone."""
    return at.astimezone(UTC)


def minute(at: datetime) -> datetime:
    """The beginning of its minute, where CloudWatch's periods begin."""
    return at.replace(second=0, microsecond=0)
