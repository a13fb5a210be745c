"""What App Homes show. What is the same for everybody is read once for all pages; the rest is asked for by person."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from blocks.home import FEW, HomeFacts, Unfiled, Waiting
from blocks.standing import Connection, Rota
from bot import digest, oncall, periods
from bot.access import Right
from bot.casefile import CaseFile
from bot.config import Config, Maintenance
from bot.errors import NotAllowed, PagerError, Refused
from bot.models import (
    ActionItem,
    Alert,
    Duty,
    Incident,
    OwedKind,
    Person,
    PostMortem,
    PostMortemStatus,
    Remediation,
    Role,
    Silence,
)
from bot.models.digest import Digest
from bot.oncall import Policy
from bot.ports import Roster
from bot.rights import Caller, Rights
from bot.steps import deadlines
from bot.steps.fixes import Click, approved
from bot.steps.reminders import REMIND, Rhythm
from bot.store import Records, Store
from bot.triage import under_maintenance

log = logging.getLogger(__name__)

_DAYS = 7
_SOON = timedelta(minutes=10)
_SERVICES = 40  # whose rotations are asked for: each may be a call to the pager
_MOST = 200
_FILED_AS = {OwedKind.FILE: "file", OwedKind.PULL_REQUEST: "pull request"}
_FIRST = (Role.PRIMARY, Role.SECONDARY)


class Common(NamedTuple):
    """What holds for everybody. `duties` are the first on call by service; None: the pager does not say.

    alerts, incidents  that page and nobody has acknowledged, and behind them the alerts that people left
    plans              that wait, each with its incident
    unfiled            post-mortems that were filed, of which the file or the pull request is not there
    """

    at: datetime
    alerts: Sequence[Alert]
    incidents: Sequence[Incident]
    plans: Sequence[tuple[Remediation, Incident | None]]
    unfiled: Sequence[Unfiled]
    duties: dict[str, Sequence[Duty]] | None
    silences: Sequence[Silence]
    maintenance: Sequence[tuple[Maintenance, datetime]]
    connections: Sequence[Connection]
    week: Digest
    week_before: Digest


@dataclass(frozen=True)
class Board:
    """Reads; changes nothing. `connections` says how the integrations stand, `policy` when updates are due, `link`
    where the cards of `INC-n` and `PM-n` are; empty: nowhere."""

    store: Store
    records: Records
    rights: Rights
    roster: Roster
    case: CaseFile
    config: Config
    policy: Policy
    connections: Callable[[], Sequence[Connection]]
    link: Callable[[str], str] = lambda subject: ""

    def reader(self, caller: Caller) -> Person:
        """Raises NotAllowed."""
        return self.rights.need(caller, Right.READ)

    # -- for everybody

    def read(self, now: datetime) -> Common:
        firing = self.store.firing_alerts(limit=_MOST)
        open_ = [one for one in firing if one.shown.has_card and (one.is_left or (one.awaits and one.pages))]
        alerts = sorted(open_, key=lambda one: one.is_left)
        week, week_before = self._weeks(now)
        return Common(
            at=now,
            alerts=alerts,
            incidents=[one for one in self.store.open_incidents(limit=_MOST) if one.awaits and one.paged],
            plans=list(self._plans(now)),
            unfiled=list(self._unfiled()),
            duties=self._duties(one.service for one in alerts),
            silences=[one for one in sorted(self.store.silences(), key=_end) if one.ends_at > now],
            maintenance=under_maintenance(self.config.maintenance, now),
            connections=self.connections(),
            week=week,
            week_before=week_before,
        )

    def _plans(self, now: datetime) -> Iterable[tuple[Remediation, Incident | None]]:
        for one in self.store.open_remediations(limit=_MOST):
            kind, _, number = one.subject.partition("-")
            incident = self.store.incident(int(number)) if kind == "INC" else None
            if incident is None or incident.is_open or one.undoes is not None:
                yield one, incident

    def _unfiled(self) -> Iterable[Unfiled]:
        for subject, trouble in self.store.post_mortem_troubles(limit=_MOST):
            written = self.store.post_mortem_of(int(subject.removeprefix("PM-")))
            if written is None or written.status is not PostMortemStatus.FILED or trouble.passes:
                continue
            if trouble.kind is OwedKind.FILE or (trouble.kind is OwedKind.PULL_REQUEST and not written.url):
                yield Unfiled(written, _FILED_AS[trouble.kind], trouble.error, trouble.is_given_up)

    def _duties(self, more: Iterable[str]) -> dict[str, Sequence[Duty]] | None:
        """Of the catalogue's services and these others."""
        named = list(self.config.services)[:_SERVICES] or [""]
        duties: dict[str, Sequence[Duty]] = {}
        try:
            for service in dict.fromkeys([*named, *more]):
                duties[service] = [duty for duty in self.roster.on_call(service) if duty.role in _FIRST]
        except PagerError as error:
            log.warning("App Home goes without who is on call: %s", error)
            return None
        return duties

    def _weeks(self, now: datetime) -> tuple[Digest, Digest]:
        """The last seven days, today's up to now among them, and the seven before."""
        zone = ZoneInfo(self.config.digest.time_zone or self.config.time_zone)
        week = periods.last_days(_DAYS, now, zone)
        before = week._replace(since=week.since_before, until=week.since)
        terms = digest.Terms(
            name=str,
            zone=self.config.zone,
            within=self.policy.acknowledge_within,
            manual=self.config.digest.manual,
        )
        declared = list(self.records.incidents_declared(week.since_before, week.until))
        resolved = self.records.incidents_resolved(week.since_before, week.until)
        made = digest.digest(digest.Rows(declared=declared, resolved=resolved), week, terms)
        return made, digest.digest(digest.Rows(declared=declared), before, terms)

    # -- for one person

    def facts(self, common: Common, person: Person) -> HomeFacts:
        now, zone = common.at, self.case.zone_of(person.id, "")
        mine = self.store.open_incidents_with(person.id, limit=_MOST)
        return HomeFacts(
            person=person.id,
            now=now,
            today=now.astimezone(zone).date(),
            week=common.week,
            week_before=common.week_before,
            waiting=self._waiting(common, person, mine),
            incidents=mine,
            rotas=_rotas(common.duties) if common.duties is not None else None,
            silences=common.silences,
            maintenance=common.maintenance,
            connections=common.connections,
        )

    def _waiting(self, common: Common, person: Person, mine: Sequence[Incident]) -> Waiting:
        owned, actions = self.store.post_mortems_owned_by(person.id), self.store.action_items_owned_by(person.id)
        rhythm = self.case.rhythm_of(person.id, "")
        both: list[PostMortem | ActionItem] = [*owned, *actions]
        pressing = {one.id for one in both if _presses(one, rhythm, common.at)}
        written = sorted(owned, key=lambda one: one.id not in pressing)
        known = {one.number for one in mine}
        called = [one for one in common.incidents if one.number not in known and _was_paged(person, one)]
        return Waiting(
            alerts=[one for one in common.alerts if _is_called(person, one, common.duties)],
            called=sorted([*(one for one in mine if one.awaits), *called], key=_urgency),
            plans=[plan for plan, incident in common.plans if self._may_approve(person, plan, incident, common.at)],
            updates=list(self._updates(person, mine, common.at)),
            post_mortems=written,
            unfiled=[one for one in common.unfiled if person.id in (one.written.owner, one.written.ended_by)],
            actions=actions,
            pressing=frozenset(pressing),
            cards={one.id: self.link(one.id) or self.link(one.about) for one in written[:FEW]},
            missing={one.id: self.case.missing(one) for one in written[:FEW]},
            troubles={
                item.id: each.error
                for item in actions
                for each in self.store.troubles(item.id)
                if each.kind is OwedKind.TICKET
            },
            reminded=self.store.timers_due(REMIND, [*(one.id for one in written), *(one.id for one in actions)]),
        )

    def _may_approve(self, person: Person, plan: Remediation, incident: Incident | None, now: datetime) -> bool:
        if not plan.needs and plan.requested_by != person.id:
            return False  # it waits for who asked for it
        try:
            self.rights.check(person, Right.REMEDIATE, incident)
            approved(plan, Click(person.id, person.groups), now)
        except (NotAllowed, Refused):
            return False
        return True

    def _updates(self, person: Person, mine: Sequence[Incident], now: datetime) -> Iterable[tuple[Incident, datetime]]:
        """Due since people last heard something; that a reminder was sent does not make it less due."""
        for one in mine:
            heard = deadlines.heard_at(one)
            due = oncall.update_due(self.policy, one.severity, heard)
            if one.commander == person.id and not one.awaits and due and due - now <= min(_SOON, (due - heard) / 3):
                yield one, due


def _presses(one: PostMortem | ActionItem, rhythm: Rhythm, now: datetime) -> bool:
    """Is it due by the end of the day, or was its owner reminded that it is due soon? A post-mortem without a time
    waits for its incident."""
    due = one.due if isinstance(one, ActionItem) else one.due_at and one.due_at.astimezone(rhythm.zone).date()
    if due is None:
        return False
    is_today = due <= now.astimezone(rhythm.zone).date()
    return is_today or (one.reminded_at is not None and rhythm.is_near(one, one.reminded_at))


def _end(silence: Silence) -> datetime:
    return silence.ends_at


def _urgency(incident: Incident) -> tuple[int, datetime]:
    return int(incident.severity), incident.declared_at


def _is_called(person: Person, alert: Alert, duties: dict[str, Sequence[Duty]] | None) -> bool:
    """Is this person on call for it, or was called?"""
    on_call = (duties or {}).get(alert.service, ())
    return _was_paged(person, alert) or any(duty.user_id == person.id for duty in on_call)


def _was_paged(person: Person, subject: Alert | Incident) -> bool:
    return any(page.user_id == person.id for page in subject.paged)


def _rotas(duties: dict[str, Sequence[Duty]]) -> list[Rota]:
    """By who is on call: most services share it."""
    services: dict[tuple[tuple[Role, str], ...], list[str]] = {}
    people: dict[tuple[tuple[Role, str], ...], Sequence[Duty]] = {}
    for service, shift in duties.items():
        if shift:
            who = tuple((duty.role, duty.user_id or duty.name) for duty in shift)
            people[who] = shift
            services.setdefault(who, []).append(service)
    return [Rota(people[who], named) for who, named in services.items()]
