"""All that is known of an incident, gathered from the store for its post-mortem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from bot.config import Config
from bot.draft import Alike, Earlier, Known, alike, missing
from bot.models import Alert, Incident, Investigation, PostMortem, Remediation, SectionName, TimelineEvent
from bot.ports import Colleagues
from bot.steps.reminders import Rhythm
from bot.store import Store

_EVENTS = 100_000
_ALERTS = 500
_ALERTS_OF_OTHERS = 20
_LOOKED_INTO = 50  # of an incident's alerts, for reports and remediations
_EARLIER = 20


class CaseFile:
    """Reads; changes nothing."""

    def __init__(self, store: Store, config: Config, people: Colleagues) -> None:
        self._store = store
        self._config = config
        self._people = people

    def known(self, incident: Incident, written: PostMortem, *, with_names: bool = True) -> Known:
        """Until it was filed: what comes later is no part of it."""
        alerts = self._store.alerts_of_incident(incident.number, limit=_ALERTS)
        investigations = self._investigations(incident, alerts)
        events = [event for _, event in self._store.timeline(incident.number, limit=_EVENTS)]
        if not written.is_open and written.ended_at is not None:
            events = [event for event in events if event.at <= written.ended_at]
        known = Known(
            incident=incident,
            zone=self._config.zone(incident.service),
            owner=written.owner,
            events=events,
            alerts=alerts,
            investigations=investigations,
            remediations=self._remediations(incident, alerts),
            actions=self._store.action_items_of(incident.number),
            alike=self._alike(incident, alerts, investigations),
        )
        return known._replace(names=self._names(known)) if with_names else known

    def missing(self, written: PostMortem) -> Sequence[SectionName]:
        """The sections that somebody still has to write. Reads no more than what they are drafted from."""
        if all(written.section(name) for name in SectionName):
            return ()
        incident = self._store.incident(written.incident)
        alerts = self._store.alerts_of_incident(incident.number, limit=_LOOKED_INTO)
        known = Known(
            incident=incident,
            zone=self._config.zone(incident.service),
            owner=written.owner,
            events=[event for _, event in self._store.timeline(incident.number, limit=_EVENTS)],
            alerts=alerts,
            investigations=self._investigations(incident, alerts),
            remediations=(),
            actions=(),
            alike=(),
        )
        return missing(known, written)

    def name_of(self, user: str) -> str:
        return self._people.name(user)

    def zone_of(self, user: str | None, service: str) -> ZoneInfo:
        """Somebody's own time zone, else the service's."""
        told = self._people.zone(user) if user else None
        try:
            return ZoneInfo(told) if told else self._config.zone(service)
        except (KeyError, ValueError, OSError):
            return self._config.zone(service)

    def rhythm_of(self, user: str | None, service: str) -> Rhythm:
        """When somebody is reminded."""
        return Rhythm(self.zone_of(user, service), self._config)

    def _investigations(self, incident: Incident, alerts: Sequence[Alert]) -> list[Investigation]:
        subjects = [incident.id, *(alert.id for alert in alerts[:_LOOKED_INTO])]
        return [one for subject in subjects for one in self._store.investigations_of(subject)]

    def _remediations(self, incident: Incident, alerts: Sequence[Alert]) -> list[Remediation]:
        subjects = [incident.id, *(alert.id for alert in alerts[:_LOOKED_INTO])]
        return [one for subject in subjects for one in self._store.remediations_of(subject)]

    def _alike(
        self, incident: Incident, alerts: Sequence[Alert], investigations: Sequence[Investigation]
    ) -> list[Alike]:
        others = self._store.incidents_of(incident.service, limit=_EARLIER + 1)
        earlier = [one for one in others if one.number != incident.number and one.resolved_at is not None]
        return alike(alerts, investigations, (self._earlier(one) for one in earlier[:_EARLIER]))

    def _earlier(self, incident: Incident) -> Earlier:
        alerts = self._store.alerts_of_incident(incident.number, limit=_ALERTS_OF_OTHERS)
        return Earlier(incident, alerts, self._investigations(incident, alerts), self._remediations(incident, alerts))

    def _names(self, known: Known) -> dict[str, str]:
        return {who: self._people.name(who) for who in dict.fromkeys(_people(known))}


def _people(known: Known) -> Iterable[str]:
    one = known.incident
    ids = [known.owner, one.commander, one.declared_by, one.acknowledged_by, one.resolved_by, *one.responders]
    ids += [page.user_id for page in one.paged]
    ids += _of_events(known.events)
    ids += [item.owner for item in known.actions]
    for fix in known.remediations:
        ids += [fix.requested_by, *fix.approved_by]
    return [who for who in ids if who]


def _of_events(events: Sequence[TimelineEvent]) -> list[str | None]:
    return [*(event.actor for event in events), *(event.about for event in events)]
