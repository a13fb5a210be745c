"""Silences: alarms that people know about, hidden for a while. A silence ends by itself and says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from blocks import notes
from blocks.text import one_line
from bot.access import Right
from bot.config import Config, Maintenance, parse_duration
from bot.errors import InvalidInput, Refused
from bot.incidents import required
from bot.ledger import Ledger
from bot.models import Alert, Change, Shown, Silence, Timer, fits, new_id
from bot.owed import Target
from bot.owed import alerts as owed
from bot.rights import Caller, Rights
from bot.scene import Scene
from bot.steps import alerts as steps
from bot.triage import Rules, under_maintenance
from bot.visibility import Visibility

SILENCE = "silence"  # a timer: the silence is over
LONGEST = timedelta(days=30)
_SHORTEST = timedelta(minutes=1)
_HIDDEN_AT_ONCE = 200
_MANY = 10


class Reach(NamedTuple):
    """What a silence hides now: firing alerts, the worst first; those that somebody has stay visible (`kept`), only
    their return is quiet. `alarms`: how many of the alarms that were ever heard of it fits."""

    alerts: Sequence[Alert]
    kept: Sequence[Alert]
    alarms: int

    @property
    def is_wide(self) -> bool:
        """Is it worth a question before it takes effect?"""
        return bool(self.alerts) or self.alarms > _MANY


class Hidden(NamedTuple):
    """A new silence, and what it hides from now on."""

    silence: Silence
    reach: Reach


class Listing(NamedTuple):
    """Active silences, and the maintenance windows that are on, each with its end."""

    silences: Sequence[Silence]
    maintenance: Sequence[tuple[Maintenance, datetime]]


class _What(NamedTuple):
    """What is silenced: names that match, or the one alarm with this dedup key."""

    pattern: str
    key: str


class Silences:
    def __init__(self, ledger: Ledger, rights: Rights, rules: Rules, config: Config) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._rules = rules
        self._config = config
        self._visibility = Visibility(ledger.store, rules)

    def silence(self, caller: Caller, pattern: str, lasts: str, why: str) -> Hidden:
        """Hide the alarms whose names match a glob."""
        return self._begin(caller, _matching(pattern), lasts, why)

    def silence_alert(self, caller: Caller, number: int, lasts: str, why: str) -> Hidden:
        """Hide this one alarm, also when it flaps."""
        alert = self._store.alert(number)
        if not alert.is_firing:
            raise Refused(f"{alert.id} is over; there is nothing to silence.")
        return self._begin(caller, _What(alert.alarm.name, alert.key), lasts, why)

    def reach(self, caller: Caller, pattern: str, lasts: str, why: str) -> Reach:
        """What `silence` with the same words would hide; raises what that would raise."""
        now = self._ledger.clock()
        return self._reach(self._made(caller, _matching(pattern), lasts, why, now), now)

    def _made(self, caller: Caller, what: _What, lasts: str, why: str, now: datetime) -> Silence:
        self._rights.need(caller, Right.RESPOND)
        return Silence(
            id=new_id()[:8],
            pattern=what.pattern,
            key=what.key,
            by=caller.user_id,
            starts_at=now,
            ends_at=now + duration(lasts),
            why=required("reason", one_line(why), 1000),
        )

    def _begin(self, caller: Caller, what: _What, lasts: str, why: str) -> Hidden:
        def step(now: datetime) -> tuple[Hidden, Change]:
            silence = self._made(caller, what, lasts, why, now)
            reach = self._reach(silence, now)
            timer = Timer(kind=SILENCE, subject=silence.id, due_at=silence.ends_at)
            told = owed.post(Target.OPS, notes.silence_begun(silence, len(reach.alerts)))
            change = Change(silences=(silence,), timers=(timer,), owed=(told,))
            for alert in reach.alerts[:_HIDDEN_AT_ONCE]:
                change += self._hidden(alert, silence)
            for alert in reach.kept[:_HIDDEN_AT_ONCE]:
                change += steps.quieted(alert, silence)
            return Hidden(silence, reach), change

        return self._ledger.decide(step, "the silence")

    def _reach(self, silence: Silence, now: datetime) -> Reach:
        firing = [one for one in self._store.firing_alerts(limit=2000) if silence.covers(one.alarm, now)]
        hidden = [one for one in firing if one.can_be_taken and one.shown is not Shown.SILENCED]
        kept = [one for one in firing if not one.can_be_taken]
        names = [key.split("/", 2)[-1] for key in self._store.alarm_keys()] if not silence.key else [silence.pattern]
        return Reach(hidden, kept, sum(fits(silence.pattern, name) for name in names))

    def _hidden(self, alert: Alert, silence: Silence) -> Change:
        words = f"“{silence.pattern}” is silenced: {silence.why}"
        group = self._store.alerts_led_by(alert.number)
        values = {"silence": silence.id, "parent": None}
        return steps.hidden(alert, Shown.SILENCED, self._rules.policy, words, by=silence.by, group=group, **values)

    def unsilence(self, caller: Caller, which: str) -> Silence:
        """End a silence early, by its id or its pattern; raises InvalidInput that lists those there are."""
        self._rights.need(caller, Right.RESPOND)
        active = self._store.silences()
        asked = which.strip()
        if not asked and len(active) != 1:
            raise InvalidInput("silence", f"Which silence? {_listed(active)}")
        asked = asked or active[0].id
        found = next((one for one in active if asked in (one.id, one.pattern)), None)
        if found is None:
            raise InvalidInput("silence", f"No silence “{asked[:80]}” is on. {_listed(active)}")
        self.end(found.id, by=caller.user_id)
        return found

    def listing(self, caller: Caller) -> Listing:
        self._rights.need(caller, Right.READ)
        now = self._ledger.clock()
        active = sorted(self._store.silences(), key=lambda one: one.ends_at)
        on = under_maintenance(self._config.maintenance, now)
        return Listing([one for one in active if one.ends_at > now], on)

    def end(self, silence_id: str, by: str | None = None) -> None:
        """It is over: what still fires is shown, and people are told. A silence that has ended stays ended."""

        def step(now: datetime) -> tuple[None, Change | None]:
            silence = self._store.silence(silence_id)
            if silence is None or not silence.is_active:
                return None, None
            ended = silence.changed(ended_at=now, ended_by=by)
            still = self._store.alerts_silenced_by(silence_id)
            change = Change(silences=(ended,), cancel_timers=((SILENCE, silence_id),))
            scene = Scene(self._store, (), now)
            for alert in still:
                scene.apply(self._shown(alert, silence_id, scene))
            told = owed.post(Target.OPS, notes.silence_over(ended, sum(one.shown is Shown.SILENCED for one in still)))
            return None, change + scene.change + Change(owed=(told,))

        self._ledger.decide(step, "the silence")

    def _shown(self, alert: Alert, ended: str, scene: Scene) -> Change:
        if alert.shown is not Shown.SILENCED:
            return steps.unquieted(alert)
        return self._visibility.shown_again(alert, scene, "its silence is over and it still fires", ended=ended)


def _listed(active: Sequence[Silence]) -> str:
    known = ", ".join(f"{one.id} ({one.pattern})" for one in active[:10])
    return f"Active: {known}. /incident unsilence {active[0].id} ends one." if active else "Nothing is silenced."


def _matching(pattern: str) -> _What:
    return _What(_pattern(required("alarms", one_line(pattern), 300)), "")


def duration(text: str) -> timedelta:
    """`2h`, `30m`, `1d`; raises InvalidInput."""
    span = parse_duration(text)
    if span is None:
        raise InvalidInput("duration", f"“{text.strip()[:30]}” is no duration. Write 30m, 2h or 1d.")
    if not _SHORTEST <= span <= LONGEST:
        raise InvalidInput("duration", f"A silence lasts between 1 minute and 30 days, not {text.strip()[:30]}.")
    return span


def _pattern(text: str) -> str:
    """A glob that names something: one that fits everything would hide the next outage."""
    if not re.search(r"[A-Za-z0-9]{2}", text):
        raise InvalidInput("alarms", f"“{text[:60]}” would silence everything. Name at least a part: *checkout-api*")
    if text.startswith("/") and text.endswith("/") and len(text) > 2:
        try:
            re.compile(text[1:-1])
        except re.error as error:
            raise InvalidInput("alarms", f"{text[:60]} is no regular expression: {error}") from None
    return text
