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
from bot.incidents import limited, required
from bot.ledger import Ledger
from bot.models import Alert, Change, Shown, Silence, Timer, new_id
from bot.owed import alerts as owed
from bot.rights import Caller, Rights
from bot.steps import alerts as steps
from bot.triage import Rules, under_maintenance
from bot.visibility import Visibility

SILENCE = "silence"  # a timer: the silence is over
LONGEST = timedelta(days=30)
_SHORTEST = timedelta(minutes=1)
_HIDDEN_AT_ONCE = 200


class Hidden(NamedTuple):
    """A new silence, and how many firing alerts it hides from now on."""

    silence: Silence
    alerts: int


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

    def silence(self, caller: Caller, pattern: str, lasts: str, why: str, channel: str) -> Hidden:
        """Hide the alarms whose names match a glob; its end is told in `channel`."""
        glob = _pattern(required("alarms", one_line(pattern), 300))
        return self._begin(caller, _What(glob, ""), lasts, why, channel)

    def silence_alert(self, caller: Caller, number: int, lasts: str, why: str, channel: str) -> Hidden:
        """Hide this one alarm, also when it flaps."""
        alert = self._store.alert(number)
        if not alert.is_firing:
            raise Refused(f"{alert.id} is over; there is nothing to silence.")
        return self._begin(caller, _What(alert.alarm.name, alert.key), lasts, why, channel)

    def _begin(self, caller: Caller, what: _What, lasts: str, why: str, channel: str) -> Hidden:
        self._rights.need(caller, Right.RESPOND)
        span = duration(lasts)
        reason = required("reason", one_line(why), 1000)
        silence_id = new_id()[:8]

        def step(now: datetime) -> tuple[Hidden, Change]:
            silence = Silence(
                id=silence_id,
                pattern=what.pattern,
                key=what.key,
                by=caller.user_id,
                why=limited("reason", reason, 1000),
                starts_at=now,
                ends_at=now + span,
                channel=channel,
            )
            hidden = [one for one in self._store.firing_alerts(limit=2000) if self._hides(silence, one, now)]
            timer = Timer(kind=SILENCE, subject=silence.id, due_at=silence.ends_at)
            change = Change(silences=(silence,), timers=(timer,))
            for alert in hidden[:_HIDDEN_AT_ONCE]:
                words = f"“{silence.pattern}” silenced by <@{silence.by}>: {silence.why}"
                group = self._store.alerts_led_by(alert.number)
                values = {"silence": silence.id, "parent": None}
                change += steps.hidden(alert, Shown.SILENCED, self._rules.policy, words, group=group, **values)
            return Hidden(silence, len(hidden)), change

        return self._ledger.decide(step, "the silence")

    def _hides(self, silence: Silence, alert: Alert, now: datetime) -> bool:
        return silence.covers(alert.alarm, now) and alert.shown is not Shown.SILENCED and not alert.is_acknowledged

    def unsilence(self, caller: Caller, which: str) -> Silence:
        """End a silence early, by its id or its pattern; raises InvalidInput that lists those there are."""
        self._rights.need(caller, Right.RESPOND)
        active = self._store.silences()
        asked = which.strip()
        found = next((one for one in active if asked in (one.id, one.pattern)), None)
        if found is None:
            known = ", ".join(f"{one.id} ({one.pattern})" for one in active[:10]) or "there is none"
            raise InvalidInput("silence", f"No silence “{asked[:80]}” is on. Active: {known}.")
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
            for alert in still:
                reason = "its silence is over and it still fires"
                change += self._visibility.shown_again(alert, now, reason, ended=silence_id)
            told = owed.post(silence.channel, notes.silence_over(silence.pattern, len(still)))
            return None, change + Change(owed=(told,))

        self._ledger.decide(step, "the silence")


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
