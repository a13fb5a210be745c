"""Triage: what a new alert is about, how bad it is, who hears of it where. Pure stages, each with its reason.

A stage sees the alarm and what is around it, and returns its decision. All of them are kept with the alert and shown
under “Why?”.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from bot import oncall
from bot.catalogue import SEVERITY_WORDS, Catalogue, Place, Tags
from bot.config import Config, Maintenance, Match, Route, SeverityRule
from bot.durations import span
from bot.models import Alert, Approval, Decision, Incident, Role, Severity, Shown, Silence, Stage, Storm, fits
from bot.oncall import Calendar, Policy
from bot.owed import Target
from bot.runbooks import runbook_for
from bot.signals import Alarm, AlarmChanged, AlarmState

_ONE_BURST = timedelta(seconds=10)  # a composite alarm follows its children; SQS may give them one by one
_SERVICES_COUNTED = 500  # of one storm; alerts of further services are counted in its total
BUILT_IN = tuple(
    SeverityRule(
        alarm=tuple(f"*-{word}" for word, meant in SEVERITY_WORDS.items() if meant is severity), severity=severity
    )
    for severity in Severity
)


class Around(NamedTuple):
    """What triage needs to know beside the alarm.

    tags      the alarm's tags; None: they could not be read
    parent    a firing composite alarm over this one that waits for somebody, or whose incident somebody works on
    child     where this is a composite alarm: the worst alert under it of the same service that people know of
    incident  an open incident of the same service
    lead      a firing alert of the same service and environment under whose card this one could stand
    approvals the standing approvals of remediations
    """

    now: datetime
    tags: Tags | None = None
    silences: Sequence[Silence] = ()
    parent: Alert | None = None
    child: Alert | None = None
    incident: Incident | None = None
    lead: Alert | None = None
    approvals: Sequence[Approval] = ()


class Finding(NamedTuple):
    """What a stage found: values of the alert, and the decision that says why."""

    values: dict[str, Any]
    decision: Decision


class Rules:
    """The config file's rules, ready to be asked. `ops` is the incident channel's name, `can_page` whether anybody
    can be paged at all."""

    def __init__(self, config: Config, ops: str, *, can_page: bool) -> None:
        self._config = config
        self._ops = ops
        self._can_page = can_page
        self.catalogue = Catalogue(config)
        self.policy = policy(config)
        self.triage = config.triage
        self.investigates = config.investigation.by_itself

    def post_mortem_due(self, incident: Incident) -> datetime | None:
        """When the post-mortem of an incident that is over is due; None where it needs none."""
        return self._config.post_mortems.due_at(incident)

    def topic(self, severity: Severity) -> str | None:
        """The SNS topic whose subscribers get e-mail about this severity."""
        return self._config.topics.get(severity)

    def response(self, service: str, severity: Severity, now: datetime) -> oncall.Response:
        """What an unacknowledged alert of this service and severity gets now; no page where nobody can be paged."""
        response = self._wanted(service, severity, now)
        return response._replace(pages=response.pages and self._can_page)

    def response_to(self, alert: Alert, now: datetime) -> oncall.Response:
        """The same for a stored alert: its route has the last word about paging."""
        response = self._wanted(alert.service, alert.severity, now)
        pages = response.pages if alert.route_pages is None else alert.route_pages
        return response._replace(pages=pages and self._can_page)

    def _wanted(self, service: str, severity: Severity, now: datetime) -> oncall.Response:
        return oncall.respond(self.policy, calendar(self._config, service), severity, now)

    # -- the stages

    def enrich(self, alarm: Alarm, tags: Tags | None) -> tuple[Place, Decision]:
        place = self.catalogue.place(alarm, tags)
        unread = "" if tags is not None else "; its tags were not read"
        if not place.service:
            return place, Decision(stage=Stage.ENRICHMENT, outcome="unknown service", reason=place.how + unread)
        missing = "" if place.is_known else "; unknown service: the catalogue has no entry, so no owner and no runbook"
        outcome = f"{place.service}{' in ' + place.environment if place.environment else ''}"
        return place, Decision(stage=Stage.ENRICHMENT, outcome=outcome, reason=place.how + missing + unread)

    def severity(self, alarm: Alarm, place: Place, tags: Tags | None) -> tuple[Severity, Decision]:
        """The first rule that matches; then what the message itself says; then the end of the alarm's name."""
        for number, rule in enumerate(self._config.severities):
            if _matches(rule, alarm, place, tags):
                return _severity(rule.severity, f"rule {_shown(rule)} (config.yml: severities[{number}])")
        hint = SEVERITY_WORDS.get(alarm.severity.lower().replace("-", ""))
        if hint is not None:
            return _severity(hint, f"the message says “{alarm.severity}”")
        for rule in BUILT_IN:
            if any(fits(pattern, alarm.name) for pattern in rule.alarm):
                ending = next(pattern for pattern in rule.alarm if fits(pattern, alarm.name))
                return _severity(rule.severity, f"built-in rule “{ending}”")
        return _severity(Severity.SEV3, "no rule matches, and the name does not end in a severity")

    def silence(self, change: AlarmChanged, place: Place, around: Around) -> Finding | None:
        alarm = change.alarm
        if change.suppressed:
            reason = f"CloudWatch suppresses its actions ({change.suppressed})"
            return _hidden(Shown.SILENCED, Stage.SILENCE, reason, silence=f"CloudWatch:{change.suppressed}")
        for silence in around.silences:
            if silence.covers(alarm, around.now):
                why = f"silenced until {silence.ends_at:%Y-%m-%d %H:%M} UTC: {silence.why}"
                return _hidden(Shown.SILENCED, Stage.SILENCE, f"“{silence.pattern}” {why}", silence=silence.id)
        for window in self._config.maintenance:
            if _matches(window, alarm, place, around.tags) and _is_during(window, around.now):
                reason = f"maintenance window “{window.name}” of config.yml"
                return _hidden(Shown.SILENCED, Stage.SILENCE, reason, silence=f"maintenance:{window.name}")
        return None

    def still_hidden(self, alert: Alert, silences: Sequence[Silence], now: datetime) -> Finding | None:
        """What hides a stored alert now: a silence or a maintenance window."""
        change = AlarmChanged(source_id="", alarm=alert.alarm, state=AlarmState.ALARM, at=now)
        place = Place(alert.service, alert.environment, alert.is_known_service, "")
        return self.silence(change, place, Around(now, silences=silences))

    def maintenance_end(self, alert: Alert, now: datetime) -> datetime | None:
        """When the maintenance window that hides this alert ends; None where none does."""
        named = (alert.silence or "").removeprefix("maintenance:")
        ends = [
            end
            for window in self._config.maintenance
            for begin, end in spans(window, now)
            if window.name == named and begin <= now < end
        ]
        return min(ends, default=None)

    def inhibition(self, severity: Severity, around: Around) -> Finding | None:
        """A composite alarm stands for its children, but for none that is worse: nobody would be paged for that one.

        Whoever has the composite one has its children too: they join its incident.
        """
        parent = around.parent
        if parent is None or severity < parent.severity:
            return None
        reason = f"the composite alarm {parent.alarm.name} ({parent.id}) stands for it"
        values: dict[str, Any] = {"parent": parent.number}
        if parent.is_acknowledged:
            values["incident"] = parent.incident
            reason += f", and somebody has INC-{parent.incident}, to which both belong"
        return _hidden(Shown.INHIBITED, Stage.INHIBITION, reason, **values)

    def routing(self, severity: Severity, place: Place, around: Around, alarm: Alarm) -> Finding:
        """Channels, e-mail topic and whether to page, from the first route that matches, else from the policy."""
        number, route = self._route(severity, place, around, alarm)
        entry = self._config.service(place.service)
        response = self._wanted(place.service, severity, around.now)
        wanted = route.channels or ((entry.channel,) if entry.channel else ()) or (Target.OPS,)
        channels = tuple(dict.fromkeys(Target.OPS.value if name == self._ops else str(name) for name in wanted))
        pages = response.pages if route.page is None else route.page
        why = [response.reason]
        if route.page is not None and route.page is not response.pages:
            why.append(f"but routes[{number}] says {'page' if pages else 'no page'}")
        if pages and not self._can_page:
            why.append("nobody can be paged: neither PagerDuty nor on_call is set up")
        if number is not None:
            why.append(f"shown as routes[{number}] says")
        topic = route.topic or (self._config.topics.get(severity) if response.mails or response.pages else None)
        outcome = ", ".join(
            [
                *(f"#{self._ops if name == Target.OPS else name}" for name in channels),
                *(["page"] if pages else []),
                *(["e-mail"] if topic else []),
            ]
        )
        values = {
            "channels": channels,
            "topic": topic,
            "pages": pages and self._can_page,
            "route_pages": route.page,
            "due_at": response.due_at,
        }
        return Finding(values, Decision(stage=Stage.ROUTING, outcome=outcome, reason="; ".join(why)))

    def _route(self, severity: Severity, place: Place, around: Around, alarm: Alarm) -> tuple[int | None, Route]:
        for number, route in enumerate(self._config.routes):
            if (not route.severity or severity in route.severity) and _matches(route, alarm, place, around.tags):
                return number, route
        return None, Route()

    def grouping(self, severity: Severity, around: Around) -> Finding:
        """Alerts of one service within the window stand under one card; a worse one gets a card and a page anyway."""
        incident, child = around.incident, around.child
        if incident is not None and (self.is_recent(incident, around.now) or _is_of(child, incident)):
            if severity < incident.severity:
                reason = f"joins {incident.id}, which becomes {severity.label} with it"
                return Finding({"incident": incident.number}, _grouped(incident.id, reason))
            reason = f"{incident.id} is open for this service and somebody has it"
            return Finding(
                {"incident": incident.number, "pages": False, "shown": Shown.THREAD}, _grouped(incident.id, reason)
            )
        if child is not None and child.leads and (severity >= child.severity or _is_one_burst(child, around.now)):
            return _led(child, f"people were paged for {child.id}, which it stands for: one page for both")
        lead, window = around.lead, self.triage.group
        if lead is None or around.now - lead.received_at > window:
            return Finding({}, _grouped("own card", self._why_alone(incident, lead)))
        if severity < lead.severity:
            return Finding({}, _grouped("own card", f"worse than {lead.id} of the same service"))
        return _led(lead, f"same service within {span(window)} of {lead.id}: one page for both")

    def _why_alone(self, incident: Incident | None, lead: Alert | None) -> str:
        window = span(self.triage.group)
        if lead is not None:
            return f"{lead.id} of the same service fired more than {window} ago"
        if incident is not None:
            return f"{incident.id} is open for this service, but the newest of it is more than {window} old"
        return "no other alert of its service waits for anybody"

    def remediation(self, alarm: Alarm, place: Place, around: Around) -> Finding:
        """The runbook that repairs this, and whether it may start by itself."""
        name = runbook_for(alarm)
        if not name:
            return Finding({}, _repair("none", "no automated runbook is for this alarm"))
        holding = next(
            (one for one in around.approvals if (one.name, one.service) == (name, place.service)
             and one.holds(around.now)), None
        )  # fmt: skip
        if holding is None:
            return Finding({"runbook": name}, _repair(name, "fits, but nobody approved that it runs by itself"))
        reason = f"starts by itself, as approved until {holding.until:%Y-%m-%d %H:%M} UTC"
        return Finding({"runbook": name, "approval": holding.id}, _repair(name, reason, by=holding.by))

    def is_recent(self, incident: Incident, now: datetime) -> bool:
        """Did the incident, or the newest firing of its alerts, begin within the window?"""
        return now - incident.news_at <= self.triage.group

    def storm(self, storm: Storm, alert: Alert, now: datetime) -> tuple[Storm, Shown]:
        """Count a new alert of the channel; in a storm only pages and SEV-1 keep a card of their own, one for each
        service, and one more for what is worse."""
        limits = self.triage.storm
        is_new_window = now - storm.window >= limits.within
        recent = 1 if is_new_window else storm.recent + 1
        values: dict[str, Any] = {"window": now if is_new_window else storm.window, "recent": recent, "newest_at": now}
        if not storm.is_on and recent == 1:
            values |= {"alerts": 0, "shown": 0, "hidden": 0, "services": {}, "severities": {}, "carded": {}}
        if not storm.is_on and recent > limits.alerts:
            values |= {"began_at": values["window"], "ended_at": None}
        now_counted = storm.changed(**values)
        is_urgent = alert.severity is Severity.SEV1 or alert.pages
        is_worse = alert.severity < now_counted.carded.get(_place(alert), max(Severity) + 1)
        keeps = is_urgent and is_worse and alert.shown is Shown.CARD  # what would stand under another card is counted
        shown = alert.shown if keeps or not now_counted.is_on else Shown.STORM
        return _counted(now_counted, alert, is_hidden=shown is Shown.STORM), shown


def decide(change: AlarmChanged, number: int, around: Around, rules: Rules) -> Alert:
    """A new alert with all that the stages before the storm decide."""
    alarm = change.alarm
    place, enriched = rules.enrich(alarm, around.tags)
    severity, rated = rules.severity(alarm, place, around.tags)
    routed = rules.routing(severity, place, around, alarm)
    grouped = rules.grouping(severity, around)
    silenced = rules.silence(change, place, around)
    inhibited = rules.inhibition(severity, around) if silenced is None else None
    hidden = silenced or inhibited
    values = {**routed.values, **(hidden.values if hidden else grouped.values)}
    decisions = [
        Decision(stage=Stage.DEDUP, outcome="new", reason=f"first firing within {span(rules.triage.dedup)}"),
        Decision(stage=Stage.FLAP, outcome="none", reason="it did not fire again soon after an OK"),
        silenced.decision if silenced else _NOT_SILENCED,
        inhibited.decision if inhibited else _not_inhibited(silenced, around),
        enriched,
        rated,
        routed.decision,
        grouped.decision,
        *([_UNCOUNTED] if hidden else []),
        (repair := rules.remediation(alarm, place, around)).decision,
    ]
    return Alert(
        number=number,
        key=alarm.key,
        alarm=alarm,
        severity=severity,
        service=place.service,
        is_known_service=place.is_known,
        environment=place.environment,
        group=group_of(place),
        fired_at=change.at,
        received_at=around.now,
        changed_at=change.at,
        value=change.value,
        reason=change.reason,
        missing=change.missing,
        decisions=tuple(decisions),
        **repair.values,
        **values,
    )


_NOT_SILENCED = Decision(stage=Stage.SILENCE, outcome="none", reason="no silence and no maintenance window matches")
_UNCOUNTED = Decision(stage=Stage.STORM, outcome="not counted", reason="it is hidden, so it fills no channel")


def _not_inhibited(silenced: Finding | None, around: Around) -> Decision:
    if silenced is not None:
        reason = "not looked at: it is silenced already"
    elif around.parent is not None:
        reason = f"it is worse than the composite alarm {around.parent.alarm.name} ({around.parent.id})"
    else:
        reason = "no firing composite alarm stands for it"
    return Decision(stage=Stage.INHIBITION, outcome="none", reason=reason)


def group_of(place: Place) -> str:
    """Alerts of one service in one environment; empty where the service is not known: those have nothing in common."""
    return f"{place.environment}/{place.service}" if place.service else ""


def policy(config: Config) -> Policy:
    """The on-call policy of the config file, defaults where it says nothing."""
    paging, usual = config.paging, Policy()
    after = {
        Role.TEAM_LEAD: paging.team_lead,
        Role.MANAGER: paging.manager,
        Role.COMMANDER: paging.commander,
    }
    ladder = sorted(
        (rung._replace(after=after.get(rung.role, rung.after)) for rung in usual.ladder), key=lambda r: r.after
    )
    return Policy(
        acknowledge_within={**usual.acknowledge_within, **paging.acknowledge},
        secondary_after={**usual.secondary_after, **paging.secondary},
        paged=frozenset(paging.severities),
        ladder=tuple(ladder),
        update_within={**usual.update_within, **paging.update},
    )


def calendar(config: Config, service: str) -> Calendar:
    hours = config.business_hours
    return Calendar(config.zone(service), hours.opens, hours.closes, frozenset(hours.days), frozenset(hours.holidays))


def _severity(severity: Severity, reason: str) -> tuple[Severity, Decision]:
    return severity, Decision(stage=Stage.SEVERITY, outcome=severity.label, reason=reason)


def _grouped(outcome: str, reason: str) -> Decision:
    return Decision(stage=Stage.GROUPING, outcome=outcome, reason=reason)


def _led(lead: Alert, reason: str) -> Finding:
    """It stands under another alert's card and shares its page."""
    shown = Shown.THREAD if lead.shown is Shown.CARD else lead.shown
    return Finding({"lead": lead.number, "pages": False, "shown": shown}, _grouped(lead.id, reason))


def _is_one_burst(child: Alert, now: datetime) -> bool:
    """Were people paged for it a moment ago? Then its composite alarm, though it is worse, wakes nobody again."""
    return now - child.received_at <= _ONE_BURST


def _is_of(child: Alert | None, incident: Incident) -> bool:
    return child is not None and child.incident == incident.number


def _hidden(shown: Shown, stage: Stage, reason: str, **values: Any) -> Finding:
    return Finding(
        {"shown": shown, "pages": False, "topic": None, **values},
        Decision(stage=stage, outcome=shown.value, reason=reason),
    )


def _repair(outcome: str, reason: str, by: str | None = None) -> Decision:
    return Decision(stage=Stage.REMEDIATION, outcome=outcome, reason=reason, by=by)


def _place(alert: Alert) -> str:
    """Whose card counts for it in a storm; all of unknown services are one."""
    return alert.group or alert.service


def _counted(storm: Storm, alert: Alert, *, is_hidden: bool) -> Storm:
    service, severity = alert.service or "unknown service", int(alert.severity)
    services = storm.services
    if service in services or len(services) < _SERVICES_COUNTED:
        services = {**services, service: services.get(service, 0) + 1}
    return storm.changed(
        alerts=storm.alerts + 1,
        shown=storm.shown + (not is_hidden),
        carded=storm.carded if is_hidden else {**storm.carded, _place(alert): severity},
        hidden=storm.hidden + is_hidden,
        services=services,
        severities={**storm.severities, severity: storm.severities.get(severity, 0) + 1},
    )


def _matches(match: Match, alarm: Alarm, place: Place, tags: Tags | None) -> bool:
    """Does all that the match names fit? An empty one fits everything."""
    pairs = (
        (match.alarm, alarm.name),
        (match.namespace, alarm.namespace),
        (match.metric, alarm.metric),
        (match.service, place.service),
        (match.environment, place.environment),
        (match.account, alarm.account),
    )
    if not all(not patterns or any(fits(each, text) for each in patterns) for patterns, text in pairs):
        return False
    there = tags or {}
    return all(name in there and fits(pattern, there[name]) for name, pattern in match.tags.items())


def _shown(rule: Match) -> str:
    named = [(name, getattr(rule, name)) for name in Match.model_fields if getattr(rule, name)]
    words = []
    for name, value in named:
        pairs = [f"{key}={pattern}" for key, pattern in value.items()] if isinstance(value, dict) else list(value)
        words.append(f"{name} {', '.join(pairs)}")
    return f"“{'; '.join(words)}”" if words else "for everything"


def _is_during(window: Maintenance, now: datetime) -> bool:
    return any(starts <= now < ends for starts, ends in spans(window, now))


def under_maintenance(windows: Sequence[Maintenance], now: datetime) -> list[tuple[Maintenance, datetime]]:
    """The windows that are on, each with its end."""
    return [(window, ends) for window in windows for starts, ends in spans(window, now) if starts <= now < ends]


def spans(window: Maintenance, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When the window is, as far as it could be now: its one span, or those that began today or shortly before."""
    zone = ZoneInfo(window.time_zone)
    if window.starts is not None and window.until is not None:
        yield _in_zone(window.starts, zone), _in_zone(window.until, zone)
        return
    assert window.at is not None
    assert window.lasts is not None
    today = now.astimezone(zone).date()
    for back in range(window.lasts.days + 2):
        day = today - timedelta(days=back)
        if not window.days or day.weekday() in window.days:
            starts = datetime.combine(day, time(window.at.hour, window.at.minute), zone).astimezone(UTC)
            yield starts, starts + window.lasts


def _in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
