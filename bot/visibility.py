"""What hides alerts, and what shows them again when that is over: then their root cause is looked for too."""

from __future__ import annotations

from datetime import datetime

from blocks.report import pointer
from bot.models import Alert, Change, Investigation, Shown, Timer
from bot.owed import alerts as owed
from bot.scene import Scene
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

    def shown_again(self, alert: Alert, scene: Scene, reason: str, *, ended: str = "") -> Change:
        """Shown and paged as if it had just fired, unless something else hides it too; the silence `ended` does not."""
        silences = [one for one in scene.silences() if one.id != ended]
        other = self._rules.still_hidden(alert, silences, scene.now)
        if other is not None:
            return self._kept_hidden(alert, other, scene.now)
        shown = steps.revealed(alert, self._rules.response_to(alert, scene.now), scene.now, self._rules.policy, reason)
        return shown + self.looked_into(shown.alerts[0], scene)

    def looked_into(self, alert: Alert, scene: Scene) -> Change:
        """Its root cause is looked for where people are called for it, or something may run by itself: unless the same
        cause is looked for already, or it is one of a storm."""
        is_wanted = alert.pages or causes.is_let(alert, scene.approvals(), scene.now)
        storm = scene.storm(alert.channels[0]) if alert.channels else None
        if not (self._rules.investigates and alert.is_firing and is_wanted and causes.is_wanted(alert, storm)):
            return Change()
        if self._is_looked_at(alert, scene):
            return Change()
        shared = self._shared(alert, scene)
        if shared is not None:
            return Change(owed=(owed.note(alert, pointer(shared)),) if alert.lead is None else ())
        number = self._store.next_investigation_number()
        return Change(investigations=(causes.wanted_for(alert, number, scene.now),))

    def _is_looked_at(self, alert: Alert, scene: Scene) -> bool:
        """Was it just looked into: itself, the composite alarm above it, or one that it stands for?"""
        parent = scene.parent_of(alert.key)
        ids = [alert.id, *(one.id for one in (*scene.children_of(alert.alarm), parent) if one is not None)]
        newest = [scene.investigation_of(each) for each in ids]
        return any(causes.is_recent(one, alert, scene.now) and self._holds(one, alert) for one in newest if one)

    def _shared(self, alert: Alert, scene: Scene) -> Investigation | None:
        """What was found out just now of its service, for whatever goes on: two reports of one trouble contradict."""
        found = [one for one in scene.investigations_into(alert) if causes.is_shared(one, scene.now)]
        return next((one for one in found if scene.goes_on(one.subject) and self._holds(one, alert)), None)

    def _holds(self, report: Investigation, alert: Alert) -> bool:
        """Not of what fires after something was repaired since: that is another trouble."""
        fired = alert.returned[-1] if alert.returned else alert.fired_at
        ran = [fix for fix in self._store.remediations() if fix.order.service == alert.service and fix.started_at]
        return not any(fix.finished_at is not None and report.asked_at < fix.finished_at <= fired for fix in ran)

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
