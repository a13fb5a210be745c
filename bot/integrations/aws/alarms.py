"""Tags and live states of alarms, from CloudWatch: the Alarms port."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from bot.errors import CloudError
from bot.integrations.aws.clients import Clients, arn_field, cloud_errors, is_credentials, is_denied
from bot.ports import Clock, Standing
from bot.signals import AlarmState

log = logging.getLogger(__name__)

T = TypeVar("T")
Tags = Mapping[str, str]
THREADS = 8
TAGS_WITHIN = 1.5
"""An alarm is announced without its tags after so many seconds."""
KEEP = timedelta(minutes=10)
MAX_KEPT = 10_000
PER_SECOND = 20
BURST = 40
DENIED_PAUSE = timedelta(minutes=10)
FAULT_PAUSE = timedelta(seconds=5)
MAX_NAMES = 100  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html


class _Kept(NamedTuple):
    """What is known of an alarm's tags; None: there is no such alarm, or we can't see it."""

    tags: Tags | None
    until: datetime


class CloudWatchAlarms:
    """Asks CloudWatch. Raises CloudError from `states`; `tags` only leaves out what it can't tell.

    Look-ups of tags are kept for 10 minutes and limited to 20 a second with bursts of 40, so that a storm of alarms
    leaves CloudWatch's request quota to others. Where an account denies them they stop for 10 minutes, after a fault
    for 5 seconds; each account and region on its own, since alarms of other accounts come here too.
    """

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._closed: OrderedDict[str, datetime] = OrderedDict()
        self._told: OrderedDict[str, str] = OrderedDict()
        self._full_at: datetime | None = None
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="alarm-tags")

    def close(self) -> None:
        """Drop what waits; look-ups under way end within their timeouts (3 s)."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def tags(self, arns: Sequence[str]) -> Mapping[str, Tags]:
        """The tags of each alarm, as far as they are known within 1.5 seconds; never raises CloudError."""
        now = self._clock()
        unique = list(dict.fromkeys(arns))
        running: list[Future[None]] = []
        for arn in unique:
            if self._may_ask(arn, now):
                running.append(self._pool.submit(self._look_up, arn))
        done, late = wait(running, timeout=TAGS_WITHIN)
        for future in late:
            future.cancel()  # one that is under way goes on, for whoever asks next
        for future in done:
            future.result()  # what is no CloudError is a bug, and must not go unseen
        with self._lock:
            known = {arn: kept.tags for arn in unique if (kept := self._kept.get(arn)) and kept.until > now}
        return {arn: tags for arn, tags in known.items() if tags is not None}

    def states(self, names: Sequence[str], region: str) -> Mapping[str, Standing]:
        """The live state of each of these alarms, metric or composite, that exists in our account."""
        unique = list(dict.fromkeys(names))
        found: dict[str, Standing] = {}
        for start in range(0, len(unique), MAX_NAMES):
            found |= self._describe(unique[start : start + MAX_NAMES], region)
        return found

    def _describe(self, names: Sequence[str], region: str) -> dict[str, Standing]:
        with cloud_errors("cloudwatch:DescribeAlarms", region):
            answer = self._clients.get("cloudwatch", region=region).describe_alarms(
                AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=MAX_NAMES
            )
        alarms = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
        return {
            alarm["AlarmName"]: Standing(AlarmState(alarm["StateValue"]), alarm.get("StateReason", ""))
            for alarm in alarms
        }

    def _may_ask(self, arn: str, now: datetime) -> bool:
        """Nothing is known, nobody closed the account, and the budget has a token, which is taken."""
        if arn_field(arn, 2) != "cloudwatch" or not arn_field(arn, 3):
            return False
        with self._lock:
            kept = self._kept.get(arn)
            if (kept and kept.until > now) or self._is_closed(arn, now):
                return False
            full_at = max(self._full_at or now, now) + timedelta(seconds=1 / PER_SECOND)
            if full_at - now > timedelta(seconds=BURST / PER_SECOND):
                log.debug("over the budget of look-ups: no tags for %s", arn)
                return False
            self._full_at = full_at
            return True

    def _is_closed(self, arn: str, now: datetime) -> bool:
        return self._closed.get(_place(arn), now) > now

    def _look_up(self, arn: str) -> None:
        """In a thread of the pool. One attempt, and no longer than the caller waits."""
        with self._lock:
            if self._is_closed(arn, self._clock()):
                return
        try:
            with cloud_errors("cloudwatch:ListTagsForResource", arn):
                client = self._clients.get("cloudwatch", region=arn_field(arn, 3), read_timeout=TAGS_WITHIN, attempts=1)
                answer = client.list_tags_for_resource(ResourceARN=arn)
        except CloudError as error:
            self._failed(arn, error)
        else:
            self._keep(arn, {tag["Key"]: tag["Value"] for tag in answer.get("Tags", [])})

    def _keep(self, arn: str, tags: Tags | None) -> None:
        with self._lock:
            _put(self._kept, arn, _Kept(tags, self._clock() + KEEP))
            if tags is not None:
                self._told.pop(_place(arn), None)

    def _failed(self, arn: str, error: CloudError) -> None:
        """No permission, and nobody answering, are true of the whole account; all else is about this alarm."""
        if is_denied(error.code) or is_credentials(error.code):
            self._pause(arn, DENIED_PAUSE, error)
        elif error.retryable:
            self._pause(arn, FAULT_PAUSE, error)
        else:
            log.debug("no tags for %s: %s", arn, error)
            self._keep(arn, None)

    def _pause(self, arn: str, pause: timedelta, error: CloudError) -> None:
        place, now = _place(arn), self._clock()
        with self._lock:
            _put(self._closed, place, max(self._closed.get(place, now), now + pause))
            is_news = self._told.get(place) != error.code
            _put(self._told, place, error.code)
        level = logging.WARNING if is_news else logging.DEBUG
        log.log(level, "alarms of %s go without their tags for %d s (%s)", place, pause.total_seconds(), error)


def _put(memory: OrderedDict[str, T], key: str, value: T) -> None:
    """As the newest entry; the oldest ones make room."""
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > MAX_KEPT:
        memory.popitem(last=False)


def _place(arn: str) -> str:
    return f"{arn_field(arn, 4)}/{arn_field(arn, 3)}"
