"""The alarms of one account and region at work: evaluation, changes of state, and what is done about them."""

import json
import threading
from collections.abc import Iterator
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend, MetricDatum, cloudwatch_backends
from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.events.models import events_backends
from moto.sns.models import sns_backends

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.cloudwatch import messages, rules
from sandbox.aws.cloudwatch.alarms import Alarm, Json
from sandbox.aws.cloudwatch.evaluate import verdict
from sandbox.aws.cloudwatch.maths import MathError
from sandbox.aws.cloudwatch.messages import Change
from sandbox.aws.cloudwatch.series import Key, Past, Series, key, point

REGION = "us-east-1"
LOCK = threading.RLock()
NOTIFICATIONS_KEPT = 1000
_PLACE = "sandbox_watch"


def watch_of(backend: CloudWatchBackend) -> "Watch":
    """It lives on moto's backend and goes with it at a reset."""
    found = backend.__dict__.get(_PLACE)
    if not isinstance(found, Watch):
        found = backend.__dict__[_PLACE] = Watch(backend)
    return found


def watches() -> Iterator["Watch"]:
    for account in list(cloudwatch_backends.values()):
        yield from (watch_of(backend) for backend in list(account.values()))


def remember(metric: tuple[str, str, list[Json]], past: Past, since: float) -> None:
    """A past for a metric of the account's own region, from `since` to its first point."""
    backend = cloudwatch_backends[DEFAULT_ACCOUNT_ID][REGION]
    name = key(*metric)
    with LOCK:
        watch_of(backend).series.setdefault(name, Series()).remember(past, since)


def tick(now: float | None = None) -> None:
    """Every alarm is looked at once, composite alarms after the ones they are made of."""
    with LOCK:
        for watch in watches():
            watch.tick(CLOCK.now() if now is None else now)


class Watch:
    def __init__(self, backend: CloudWatchBackend) -> None:
        self._backend = backend
        self.series: dict[Key, Series] = {}
        self.detectors: list[Json] = []

    @property
    def alarms(self) -> dict[str, Alarm]:
        alarms: Any = self._backend.alarms
        return dict.copy(alarms)

    def put(self, config: Json) -> Alarm:
        """A new alarm waits for data; one that is changed keeps its state."""
        now, name = CLOCK.now(), str(config["AlarmName"])
        alarm = self.alarms.get(name)
        if alarm:
            alarm.config, alarm.updated = config, now
        else:
            alarm = Alarm(name, self._backend.account_id, self._backend.region_name, config, now, now)
            stored: Any = self._backend.alarms
            stored[name] = alarm
        alarm.record(now, "ConfigurationUpdate", f'Alarm "{name}" created or updated', {"type": "Update"})
        if config.get("Tags"):
            self._backend.tagger.tag_resource(alarm.alarm_arn, config["Tags"])
        return alarm

    def add(self, namespace: str, data: list[Json]) -> None:
        """Points go into series; moto only learns that the metric exists."""
        for datum in data:
            at = datum["Timestamp"].timestamp() if datum.get("Timestamp") else CLOCK.now()
            name = key(namespace, str(datum["MetricName"]), datum.get("Dimensions"))
            if name not in self.series:
                self.series[name] = Series()
                known = MetricDatum(namespace, datum["MetricName"], 0.0, datum.get("Dimensions") or [], None)
                self._backend.metric_data.append(known)
            self.series[name].add(point(datum, at))

    def tick(self, now: float) -> None:
        alarms = self.alarms.values()
        for alarm in [a for a in alarms if a.rule is None]:
            self._evaluate(alarm, now)
        for alarm in [a for a in alarms if a.rule is not None]:
            self._compose(alarm, now, None)

    def _evaluate(self, alarm: Alarm, now: float) -> None:
        try:
            found = verdict(alarm.config, self.series, now)
        except (MathError, KeyError, ValueError) as error:
            self.change(alarm, "INSUFFICIENT_DATA", f"Insufficient Data: {error}", None, now)
            return
        alarm.value, alarm.limits = found.value, found.limits
        if found.state:
            self.change(alarm, found.state, found.reason, found.data, now)

    def change(
        self, alarm: Alarm, state: str, reason: str, data: str | None, now: float, child: Alarm | None = None
    ) -> None:
        """A change is told to the alarm's actions and the event bus; staying as it was is not a change."""
        change = Change(
            alarm.state, alarm.reason, alarm.reason_data, alarm.changed, state, reason, data, now, _made_by(child)
        )
        if alarm.state == state:
            return
        alarm.state, alarm.reason, alarm.reason_data, alarm.changed = state, reason, data, now
        summary = f"Alarm updated from {change.before} to {state}"
        states = {"oldState": {"stateValue": change.before}, "newState": {"stateValue": state, "stateReason": reason}}
        alarm.record(now, "StateUpdate", summary, states)
        self._tell(alarm, change)
        for parent in [a for a in self.alarms.values() if a.rule is not None and a is not alarm]:
            if alarm.name in rules.children(str(parent.rule)):
                self._compose(parent, now, alarm)

    def _compose(self, alarm: Alarm, now: float, child: Alarm | None) -> None:
        known = self.alarms
        state_of = {name: a.state for name, a in known.items()}
        state = "ALARM" if rules.holds(str(alarm.rule), state_of.get) else "OK"
        child = child or max(self._children(alarm), key=lambda a: a.changed, default=None)
        why = (
            f"{child.alarm_arn} transitioned to {child.state} at {utc(child.changed):%A %d %B, %Y %H:%M:%S} UTC"
            if child
            else "The rule was evaluated"
        )
        self.change(alarm, state, why, None, now, child)

    def _children(self, alarm: Alarm) -> list[Alarm]:
        known = self.alarms
        return [known[name] for name in rules.children(str(alarm.rule)) if name in known]

    def _tell(self, alarm: Alarm, change: Change) -> None:
        account, region = alarm.account, alarm.region
        entry = {
            "Source": "aws.cloudwatch",
            "DetailType": "CloudWatch Alarm State Change",
            "Resources": [alarm.alarm_arn],
            "Detail": json.dumps(messages.event(alarm, change)),
            "Time": change.at,
        }
        events_backends[account][region].put_events([entry])
        if alarm.acts:
            for action in alarm.actions(change.after):
                self._act(alarm, action, change)

    def _act(self, alarm: Alarm, action: str, change: Change) -> None:
        """Topics are published to; other actions are only noted. A topic that is gone fails in the history."""
        data = {"actionState": "Succeeded", "notificationResource": action, "stateUpdateTimestamp": change.at}
        if action.split(":")[2:3] == ["sns"]:
            try:
                _publish(alarm, action, change)
            except ServiceException as error:
                data = {**data, "actionState": "Failed", "error": str(error)}
        done = "Successfully executed" if data["actionState"] == "Succeeded" else "Failed to execute"
        alarm.record(change.at, "Action", f"{done} action {action}", data)


def _made_by(child: Alarm | None) -> tuple[Alarm, ...]:
    return (child,) if child else ()


def _publish(alarm: Alarm, topic: str, change: Change) -> None:
    message = json.dumps(messages.body(alarm, change), separators=(",", ":"))
    sns = sns_backends[alarm.account][topic.split(":")[3]]
    sns.publish(message, topic, subject=messages.subject(alarm, change.after))
    if found := sns.topics.get(topic):
        del found.sent_notifications[:-NOTIFICATIONS_KEPT]
