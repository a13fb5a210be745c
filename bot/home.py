"""App Home: what a person's page shows, and for whom it is kept up to date.

It is published when somebody opens it, and again after changes for those who opened it lately, not for everybody.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from blocks.home import Connection, HomeFacts, Week, home
from bot import oncall
from bot.access import Right
from bot.config import Config
from bot.errors import ChatError, NotAllowed, PagerError
from bot.models import Alert, Duty, Incident, Person, Remediation, RemediationStatus, Severity
from bot.oncall import Policy
from bot.ports import Clock, Replies, Roster
from bot.rights import Caller, Rights
from bot.steps import deadlines
from bot.store import Store

log = logging.getLogger(__name__)

LATELY = timedelta(minutes=10)
MOST = 50  # pages kept up to date: views.publish takes about a hundred calls a minute
_SOON = timedelta(minutes=10)
_ROTAS = 6
_WEEK = timedelta(days=7)


@dataclass(eq=False)
class Homes:
    """`connections` says how the integrations stand; `policy` when updates are due."""

    store: Store
    rights: Rights
    replies: Replies
    roster: Roster
    config: Config
    policy: Policy
    clock: Clock
    connections: Callable[[], Sequence[Connection]]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: OrderedDict[Caller, datetime] = field(default_factory=OrderedDict)
    _shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    _is_stale: threading.Event = field(default_factory=threading.Event)

    def changed(self) -> None:
        """Something was stored: pages that are open may show it."""
        self._is_stale.set()

    def opened(self, caller: Caller) -> None:
        """Somebody looks at their page. Raises ChatError."""
        with self._lock:
            self._open[caller] = self.clock()
            self._open.move_to_end(caller)
            while len(self._open) > MOST:
                gone, _ = self._open.popitem(last=False)
                self._shown.pop(gone.user_id, None)
        self._publish(caller, anew=True)

    def refresh(self) -> None:
        """After a change: the pages of those who opened theirs lately, where something on it is different."""
        if not self._is_stale.is_set():
            return
        self._is_stale.clear()
        since = self.clock() - LATELY
        with self._lock:
            lately = [caller for caller, at in self._open.items() if at >= since]
        for caller in lately:
            try:
                self._publish(caller)
            except ChatError as error:
                log.warning("the App Home of %s could not be refreshed: %s", caller.user_id, error)

    def _publish(self, caller: Caller, *, anew: bool = False) -> None:
        try:
            person = self.rights.need(caller, Right.READ)
        except NotAllowed:
            return
        view = home(self._facts(person))
        if anew or self._shown.get(person.id) != view:
            self.replies.publish_home(person.id, view)
            self._shown[person.id] = view

    def _facts(self, person: Person) -> HomeFacts:
        now = self.clock()
        open_ = self.store.open_incidents(limit=200)
        mine = [one for one in open_ if person.id in (one.commander, *one.responders)]
        rotas = self._rotas()
        recent = self.store.recent_incidents(limit=300)
        return HomeFacts(
            now=now,
            incidents=mine,
            alerts=self._alerts(person, rotas),
            plans=self._plans(person, now),
            updates=[one for one in mine if one.commander == person.id and _is_due(one, self.policy, now)],
            rotas=rotas,
            silences=[one for one in self.store.silences() if one.ends_at > now],
            connections=self.connections(),
            week=_week(recent, now - _WEEK, now),
            week_before=_week(recent, now - 2 * _WEEK, now - _WEEK),
        )

    def _rotas(self) -> list[tuple[str, Sequence[Duty]]]:
        services = list(self.config.services)[:_ROTAS] or [""]
        try:
            return [(service, self.roster.on_call(service)) for service in services]
        except PagerError as error:
            log.warning("App Home goes without who is on call: %s", error)
            return []

    def _alerts(self, person: Person, rotas: Sequence[tuple[str, Sequence[Duty]]]) -> list[Alert]:
        """What nobody has acknowledged, for those who are on call."""
        on_call = {duty.user_id for _, duties in rotas for duty in duties}
        if person.id not in on_call:
            return []
        return [one for one in self.store.firing_alerts(limit=50) if one.awaits and one.shown.has_card and one.pages]

    def _plans(self, person: Person, now: datetime) -> list[Remediation]:
        """Plans that this person could let run."""
        planned = [one for one in self.store.open_remediations() if one.status is RemediationStatus.PLANNED]
        return [
            one
            for one in planned
            if now < one.expires_at
            and (one.needs == 0) == (one.requested_by == person.id)
            and person.id not in one.approved_by
            and (not one.group or one.group in person.groups)
        ]


def _is_due(incident: Incident, policy: Policy, now: datetime) -> bool:
    due = oncall.update_due(policy, incident.severity, deadlines.quiet_since(incident))
    return due is not None and due - now <= _SOON


def _week(incidents: Sequence[Incident], since: datetime, until: datetime) -> Week:
    mine = [one for one in incidents if since <= one.declared_at < until]
    took = [
        (one.acknowledged_at - one.began_at).total_seconds() / 60 for one in mine if one.acknowledged_at is not None
    ]
    worst = sum(one.severity is Severity.SEV1 for one in mine)
    return Week(len(mine), worst, median(took) if took else None)
