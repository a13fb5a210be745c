"""What hides alerts, and what shows them again when that is over."""

from __future__ import annotations

from datetime import datetime

from bot.models import Alert, Change, Shown, Timer
from bot.owed import alerts as owed
from bot.steps import alerts as steps
from bot.steps import causes
from bot.store import Store
from bot.triage import Finding, Rules

REVEAL = "reveal"  # a timer: the maintenance window that hides an alert ends


class Visibility:
    """A silence, a maintenance window and a composite alarm may each hide an alert; one of them may outlast another."""

    def __init__(self, store: Store, rules: Rules) -> None:
        self._store = store
        self._rules = rules

    def shown_again(self, alert: Alert, now: datetime, reason: str, *, ended: str = "") -> Change:
        """Shown and paged as if it had just fired, unless something else hides it too; the silence `ended` does not."""
        silences = [one for one in self._store.silences() if one.id != ended]
        other = self._rules.still_hidden(alert, silences, now)
        if other is not None:
            return self._kept_hidden(alert, other, now)
        shown = steps.revealed(alert, self._rules.response_to(alert, now), now, self._rules.policy, reason)
        return shown + self.looked_into(shown.alerts[0], now)

    def looked_into(self, alert: Alert, now: datetime) -> Change:
        """Its root cause is looked for, where people are called for it, unless that was just done."""
        storm = self._store.storm(alert.channels[0]) if alert.channels else None
        if not (self._rules.investigates and alert.pages and alert.awaits and causes.is_wanted(alert, storm)):
            return Change()
        if causes.is_recent(next(iter(self._store.investigations_of(alert.id, limit=1)), None), alert, now):
            return Change()
        return Change(investigations=(causes.wanted_for(alert, self._store.next_investigation_number(), now),))

    def _kept_hidden(self, alert: Alert, other: Finding, now: datetime) -> Change:
        """Hidden by something else from now on."""
        after = alert.changed(
            shown=Shown.SILENCED,
            silence=other.values["silence"],
            parent=None,
            pages=False,
            decisions=alert.with_decisions(other.decision),
        )
        return Change(alerts=(after,), owed=owed.cards(after) if after.has_stood else ()) + self.look_again(after, now)

    def look_again(self, alert: Alert, now: datetime) -> Change:
        """A maintenance window has no row whose end is a timer: the alert it hides has one."""
        end = self._rules.maintenance_end(alert, now)
        if end is None:
            return Change()
        timer = Timer(kind=REVEAL, subject=alert.id, due_at=end)
        return Change(timers=(timer,), cancel_timers=((REVEAL, alert.id),))
