"""The steps of an alert's life, each with what it means for the incident it belongs to. Pure.

An incident counts its firing alerts: the last one that is over resolves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from blocks import alert as shown_as
from blocks import notes
from blocks.text import one_line
from bot import durations, events, oncall
from bot.config import Flapping
from bot.errors import Refused
from bot.models import (
    Alert,
    AlertStatus,
    Change,
    Decision,
    EventKind,
    Incident,
    Owed,
    Paged,
    Role,
    Severity,
    Shown,
    Silence,
    Stage,
    Status,
    TimelineEvent,
    Timer,
)
from bot.oncall import Policy
from bot.owed import alerts as owed
from bot.owed import incidents as owed_to_incident
from bot.signals import AlarmChanged
from bot.steps import deadlines
from bot.steps import incidents as incident_steps

_IMPACT = 600
_TAKEN_UP = {"left_at": None, "left_by": None, "left_via": "", "reminded_at": None}


class By(NamedTuple):
    """Who did it: a Slack user id and name, or in words where it was done elsewhere and nobody here is known for it.

    `key` is the page it was done to, where that was at the pager.
    """

    user: str | None
    via: str = ""
    name: str = ""
    key: str = ""


def fired(alert: Alert, policy: Policy) -> Change:
    """A new alert: its card, its page, its clock; what the bus and the mail hear is owed by the batch."""
    alert = alert.changed(has_stood=alert.shown.has_card)
    rows: list[Owed] = [*_first_card(alert)]
    if alert.pages and alert.is_firing:
        rows.append(owed.page(alert, Role.PRIMARY))
    timers = deadlines.of_alert(alert, policy).timers  # a new one has none to cancel
    return Change(alerts=(alert,), owed=tuple(rows), timers=timers)


def _first_card(alert: Alert) -> tuple[Owed, ...]:
    return owed.cards(alert, is_first=True) if alert.shown.has_card else ()


def joined(alert: Alert, incident: Incident, now: datetime) -> Change:
    """A new alert of a service whose incident somebody works on belongs to it, and needs no acknowledgement of its own
    unless it is worse: then the incident becomes as bad, and people are paged again."""
    is_worse = worsens(alert, incident)
    keys = (*incident.page_keys, *([alert.page_key] if alert.pages else []))
    values: dict[str, Any] = {"alerts": incident.alerts + 1, "firing": incident.firing + 1, "fired_at": now}
    values["page_keys"] = keys
    timeline = [_alarm(incident, alert.fired_at, f"{alert.id} fires: {shown_as.summary(alert)}")]
    rows = [*owed_to_incident.cards(incident)]
    if is_worse:
        values["severity"] = alert.severity
        words = f"{incident.severity.label} → {alert.severity.label}: {alert.alarm.name}"
        timeline.append(_event(incident, now, EventKind.SEVERITY, words))
        after = incident.changed(severity=alert.severity)
        rows += owed_to_incident.note(after, notes.worse(after, incident.severity, alert), broadcast=True)
    return Change(incidents=(incident.changed(**values),), timeline=tuple(timeline), owed=tuple(rows))


def worsens(alert: Alert, incident: Incident) -> bool:
    """Is it worse than the incident that it joins? One that a composite alarm stands for is no news."""
    return alert.severity < incident.severity and alert.shown is not Shown.INHIBITED


def taken_along(alert: Alert, incident: Incident) -> Alert:
    """The alert as acknowledged with its incident."""
    return alert.changed(
        incident=incident.number,
        acknowledged_by=incident.acknowledged_by or incident.commander,
        acknowledged_at=incident.acknowledged_at or incident.declared_at,
        via=incident.via,
    )


def repeated(alert: Alert, change: AlarmChanged) -> Change:
    """The same alarm again while it fires: counted."""
    after = alert.changed(
        count=alert.count + 1,
        changed_at=max(alert.changed_at, change.at),
        value=change.value if change.value is not None else alert.value,
        reason=change.reason or alert.reason,
        has_no_data=False,
    )
    return Change(alerts=(after,), owed=_edits(after))


def lost_data(alert: Alert, change: AlarmChanged) -> Change:
    """INSUFFICIENT_DATA is no OK: it goes on firing, and the card says that nothing is known."""
    after = alert.changed(has_no_data=True)
    return Change(alerts=(after,), owed=_edits(after))


def returned(alert: Alert, incident: Incident | None, change: AlarmChanged, now: datetime, policy: Policy) -> Change:
    """It fires again soon after its OK: the same card and incident, one flap more, and people are paged again."""
    after = alert.changed(
        status=AlertStatus.FIRING,
        over_at=None,
        ok_value=None,
        ok_reason="",
        settling=None,
        changed_at=change.at,
        received_at=now,
        value=change.value,
        reason=change.reason,
        has_no_data=False,
        clock_from=None,
        **_TAKEN_UP,
        count=alert.count + 1,
        flaps=alert.flaps + 1,
        returned=(*alert.returned[-19:], change.at),
        decisions=alert.with_decisions(_flap(alert.flaps + 1, "it fired again soon after its OK: the same alert")),
    )
    if incident is None or not (incident.is_open or incident.is_closed_by_alarm):
        due = alert.due_at - alert.waits_since + now if alert.due_at else None
        fresh = {"incident": None, "acknowledged_at": None, "acknowledged_by": None, "via": ""}
        after = after.changed(**fresh, due_at=due, missed_at=None, called=(), paged=(), asked=())
        if incident is not None:
            alone = Decision(stage=Stage.GROUPING, outcome="own card", reason=f"{incident.id}, its incident, is over")
            after = after.changed(decisions=after.with_decisions(alone))
        pages = (owed.page(after, Role.PRIMARY, "fires again"),) if after.pages else ()
        return Change(alerts=(after,), owed=(*_edits(after), *pages)) + deadlines.of_alert(after, policy)
    back = Change(alerts=(after,), owed=_edits(after)) + _back_on(incident, after, now)
    if after.awaits and after.pages and incident.is_open:
        back += Change(owed=(owed.page(after, Role.PRIMARY, "fires again"),))
    return back + deadlines.of_alert(after, policy)


def _back_on(incident: Incident, alert: Alert, now: datetime) -> Change:
    counted = incident.changed(firing=incident.firing + 1, fired_at=now)
    line = _alarm(incident, alert.fired_at if not alert.returned else alert.returned[-1], f"{alert.id} fires again")
    if incident.is_open:
        return Change(incidents=(counted,), timeline=(line,), owed=owed_to_incident.cards(counted))
    reopened = incident_steps.reopen(counted, now, None, why=f"{alert.alarm.name} fires again")
    pages = (owed.page(alert, Role.PRIMARY, "fires again", again=True),) if alert.pages else ()
    return Change(timeline=(line,), owed=pages) + (reopened or Change())


def is_flapping(alert: Alert, limits: Flapping, now: datetime) -> bool:
    """Did it come back as often as counts as flapping?"""
    return sum(now - at <= limits.within for at in alert.returned) >= limits.count


def settles(alert: Alert, change: AlarmChanged, wait: timedelta, now: datetime) -> Change:
    """A flapping alarm's OK: it counts when nothing follows for a while."""
    why = f"it came back {alert.flaps} times: its OK counts after {durations.span(wait)} of quiet"
    after = alert.changed(
        settling=change.at,
        changed_at=change.at,
        ok_value=change.value,
        ok_reason=change.reason,
        decisions=alert.with_decisions(_flap(alert.flaps, why)),
    )
    timer = Timer(kind=deadlines.SETTLE, subject=alert.id, due_at=now + wait)
    return Change(alerts=(after,), owed=_edits(after), timers=(timer,), cancel_timers=((deadlines.SETTLE, alert.id),))


def unsettled(alert: Alert, change: AlarmChanged) -> Change:
    """It fires again before its OK counted."""
    after = alert.changed(
        settling=None,
        ok_value=None,
        ok_reason="",
        changed_at=change.at,
        value=change.value,
        reason=change.reason,
        count=alert.count + 1,
        flaps=alert.flaps + 1,
        returned=(*alert.returned[-19:], change.at),
    )
    return Change(alerts=(after,), owed=_edits(after), cancel_timers=((deadlines.SETTLE, alert.id),))


def over(
    alert: Alert, incident: Incident | None, group: Sequence[Alert], now: datetime, policy: Policy, **ok: Any
) -> Change:
    """The OK counts. `ok` are the values it came with; `group` the alerts that stand under this one's card.

    Its page ends with it, unless an alert of its group still waits: then that one pages in its place.
    """
    after = alert.changed(
        status=AlertStatus.RESOLVED, settling=None, silence=None, parent=None, **{"over_at": now, **ok}
    )
    change = Change(alerts=(after,), owed=_edits(after)) + deadlines.of_alert(after, policy)
    change += Change(cancel_timers=((deadlines.SETTLE, alert.id),))
    if incident is not None and alert.incident == incident.number:
        return change + _one_less(incident, after, now, policy)
    heir = _heir(alert, group)
    if heir is not None:
        return change + _inherited(alert, heir, group, policy)
    if alert.pages:
        change += Change(owed=(owed.pager(alert, alert.page_key, "resolve"),))
    return change


def _heir(alert: Alert, group: Sequence[Alert]) -> Alert | None:
    """The worst that stands under this one's card, or shares its page in a storm, and still waits for somebody."""
    below = (Shown.THREAD, Shown.STORM)
    waiting = [one for one in group if one.lead == alert.number and one.awaits and one.shown in below]
    return min(waiting, key=lambda one: (one.severity, one.number), default=None)


def _inherited(alert: Alert, heir: Alert, group: Sequence[Alert], policy: Policy) -> Change:
    """Its heir takes the place of the alert that is over: its page, and its card if any."""
    values: dict[str, Any] = {"pages": alert.pages, "page_as": alert.page_key if alert.pages else ""}
    if alert.pages:
        values["clock_from"] = alert.waits_since
    shown = Shown.STORM if alert.shown is Shown.STORM else Shown.CARD
    leader = heir.changed(
        lead=None,
        shown=shown,
        has_stood=heir.has_stood or shown is Shown.CARD,
        paged=alert.paged,
        called=alert.called,
        **values,
    )
    others = tuple(
        one.changed(lead=heir.number) for one in group if one.lead == alert.number and one.number != heir.number
    )
    rows = owed.cards(leader, is_first=not heir.has_stood) if leader.has_stood else ()
    if alert.pages and not alert.was_rung:  # the call may be on its way: then that one counts for its heir
        rows = (*rows, owed.page(leader, Role.PRIMARY, instead_of=alert.number))
    return Change(alerts=(leader, *others), owed=rows) + deadlines.of_alert(leader, policy)


def _one_less(incident: Incident, alert: Alert, now: datetime, policy: Policy) -> Change:
    """One alert of the incident is over; the last one ends it."""
    counted = incident.changed(firing=max(incident.firing - 1, 0))
    line = _alarm(incident, alert.over_at or now, f"{alert.id} is over: {shown_as.over_summary(alert)}")
    change = Change(incidents=(counted,), timeline=(line,), owed=owed_to_incident.cards(counted))
    if counted.firing or not counted.is_open:
        return change
    if incident.started_at is None:
        return change + Change(owed=owed_to_incident.note(counted, notes.all_quiet(counted)))
    ended = incident_steps.resolve(counted, now, None, resolution=_all_ok(counted, alert))
    assert ended is not None
    resolved = ended.incidents[0].changed(is_closed_by_alarm=True)
    return change + ended.model_copy(update={"incidents": (resolved,)})


def _all_ok(incident: Incident, last: Alert) -> str:
    if incident.alerts == 1:
        return f"{last.alarm.name} is OK again"
    every = "both alarms" if incident.alerts == 2 else f"all {incident.alerts} alarms"
    return f"{every} are OK again; the last one was {last.alarm.name}"


def acknowledged(alerts: Sequence[Alert], incident: Incident, now: datetime, by: By, policy: Policy) -> Change:
    """These alerts are somebody's now: the record of `incident` holds them from here on."""
    taken = {"incident": incident.number, "acknowledged_by": by.user, "acknowledged_at": now, "via": by.via}
    after = [one.changed(**taken, **_TAKEN_UP, clock_from=now if one.is_left else one.clock_from) for one in alerts]
    told = tuple(
        owed.pager(one, one.page_key, "acknowledge", by.name or by.via, user=by.user)
        for one in after
        if one.pages and one.page_key != by.key
    )
    cards = tuple(row for one in after for row in _edits(one))
    change = Change(alerts=tuple(after), owed=(*cards, *told))
    for one in after:
        change += deadlines.of_alert(one, policy)
    return change + Change(owed=owed.events([events.acknowledged(one, incident) for one in after]))


def opened(alerts: Sequence[Alert], number: int, now: datetime, by: By, commander: str | None) -> Incident:
    """The incident that these alerts' acknowledgement opens: as bad as the worst, from the first one's firing on."""
    worst = min(alerts, key=lambda one: (one.severity, one.parent is not None, one.fired_at))
    user = by.user
    return Incident(
        number=number,
        service=worst.service or f"unknown service ({one_line(worst.alarm.name)[:50]})",
        impact=impact(worst),
        severity=worst.severity,
        status=Status.ACKNOWLEDGED,
        declared_by=user,
        declared_at=now,
        commander=commander,
        responders=tuple(dict.fromkeys(one for one in (commander, user) if one)),
        acknowledged_by=user,
        acknowledged_at=now,
        via=by.via,
        environment=worst.environment,
        started_at=min(one.fired_at for one in alerts),
        fired_at=max(one.received_at for one in alerts),
        alerts=len(alerts),
        firing=len(alerts),
        page_keys=tuple(dict.fromkeys(one.page_key for one in alerts if one.pages)),
        paged=pages_of(alerts),
        asked=tuple(asked for one in alerts for asked in one.asked),
    )


def pages_of(alerts: Sequence[Alert]) -> tuple[Paged, ...]:
    """Who was called for these, the oldest call first: once where an alert took over the page of another."""
    made = dict.fromkeys(page for one in alerts for page in one.paged)
    return tuple(sorted(made, key=lambda page: page.at))


def record(alerts: Sequence[Alert], incident: Incident, now: datetime, beside: Sequence[Alert] = ()) -> Change:
    """What the new incident's timeline begins with, and its templates and card. `beside` fire too, and are no part."""
    events_ = [_alarm(incident, one.fired_at, f"{one.id} fires: {shown_as.summary(one)}") for one in alerts]
    events_ += [_paged(incident, page) for page in pages_of(alerts)]
    events_ += [
        _alarm(incident, one.fired_at, f"{one.id} fires, no part of this: {shown_as.title(one)}") for one in beside
    ]
    events_.sort(key=lambda event: event.at)
    how = incident.via or ""
    by = incident.acknowledged_by
    events_.append(TimelineEvent(incident=incident.number, at=now, kind=EventKind.ACKNOWLEDGED, actor=by, text=how))
    return Change(incidents=(incident,), timeline=tuple(events_), owed=owed_to_incident.declaration(incident))


def added(alerts: Sequence[Alert], incident: Incident) -> Change:
    """An open incident takes these alerts in."""
    keys = tuple(dict.fromkeys([*incident.page_keys, *(one.page_key for one in alerts if one.pages)]))
    fresh = [one for one in alerts if one.incident != incident.number]
    after = incident.changed(
        alerts=incident.alerts + len(fresh),
        firing=incident.firing + len(fresh),
        fired_at=max([incident.news_at, *(one.received_at for one in fresh)]),
        severity=min(incident.severity, *(one.severity for one in alerts)),
        page_keys=keys,
        asked=(*incident.asked, *(asked for one in fresh for asked in one.asked)),
    )
    lines = tuple(_alarm(incident, one.fired_at, f"{one.id} fires: {shown_as.summary(one)}") for one in fresh)
    return Change(incidents=(after,), timeline=lines, owed=owed_to_incident.cards(after))


def impact(alert: Alert) -> str:
    """What the declared template says of an alarm: its description, else its number against the limit."""
    text = one_line(alert.alarm.description) or shown_as.summary(alert)
    return text if len(text) <= _IMPACT else text[: _IMPACT - 1] + "…"


class Rating(NamedTuple):
    """Another severity: who set it when, and what it gets with that."""

    severity: Severity
    response: oncall.Response
    by: str
    at: datetime


def rated(alert: Alert, rating: Rating, policy: Policy, group: Sequence[Alert] = ()) -> Change | None:
    """Somebody set another severity: what it gets is decided anew, with a clock that starts now."""
    severity, response = rating.severity, rating.response
    if not alert.awaits:
        raise Refused(f"{alert.id} is not waiting any more; change the severity of its incident.")
    if alert.severity is severity:
        return None
    reason = f"changed from {alert.severity.label}"
    decision = Decision(stage=Stage.SEVERITY, outcome=severity.label, reason=reason, by=rating.by)
    pages = response.pages and not alert.is_hidden
    after = alert.changed(
        severity=severity,
        pages=pages,
        route_pages=None,
        due_at=response.due_at,
        missed_at=None,
        clock_from=rating.at,
        called=alert.called if pages and alert.pages else (),
        decisions=alert.with_decisions(decision, _rerouted(alert, rating, pages=pages)),
    )
    rows = [*_edits(after)]
    if pages and not alert.pages:
        rows.append(owed.page(after, Role.PRIMARY))
    change = Change(alerts=(after,), owed=tuple(rows)) + deadlines.of_alert(after, policy)
    if not alert.pages or pages:
        return change
    heir = _heir(alert, group)
    if heir is not None and heir.severity < severity:
        return change + _inherited(alert, heir, group, policy)
    return change + Change(owed=(owed.pager(alert, alert.page_key, "resolve"),))


def _rerouted(alert: Alert, rating: Rating, *, pages: bool) -> Decision:
    """What routing said, and what follows from the new severity instead."""
    before = next((each for each in alert.decisions if each.stage is Stage.ROUTING), None)
    first = f"{before.reason} ({before.outcome}); " if before else ""
    reason = f"{first}since it was rated {rating.severity.label}: {rating.response.reason}"
    return Decision(stage=Stage.ROUTING, outcome="page" if pages else "no page", reason=reason)


def hidden(
    alert: Alert,
    how: Shown,
    policy: Policy,
    reason: str,
    *,
    by: str | None = None,
    group: Sequence[Alert] = (),
    **values: Any,
) -> Change:
    """A silence or a composite alarm stands for it from now on: its card says so, and nobody is paged for it.

    Who stands under its card goes on without it.
    """
    stage = Stage.SILENCE if how is Shown.SILENCED else Stage.INHIBITION
    decision = Decision(stage=stage, outcome=how.value, reason=reason, by=by)
    after = alert.changed(shown=how, pages=False, decisions=alert.with_decisions(decision), **values)
    rows = [*_edits(after)]
    change = Change(alerts=(after,), owed=tuple(rows)) + deadlines.of_alert(after, policy)
    heir = _heir(alert, group)
    if heir is not None:
        return change + _inherited(alert, heir, group, policy)
    if alert.pages and alert.awaits:
        change += Change(owed=(owed.pager(alert, alert.page_key, "resolve"),))
    return change


def quieted(alert: Alert, silence: Silence) -> Change:
    """Somebody has it already: it stays where it is, and the silence keeps its return quiet."""
    reason = f"it is acknowledged and stays; “{silence.pattern}” is silenced: {silence.why}"
    decision = Decision(stage=Stage.SILENCE, outcome="its return is quiet", reason=reason, by=silence.by)
    after = alert.changed(silence=silence.id, decisions=alert.with_decisions(decision))
    return Change(alerts=(after,), owed=_edits(after))


def unquieted(alert: Alert) -> Change:
    after = alert.changed(silence=None)
    return Change(alerts=(after,), owed=_edits(after))


def revealed(alert: Alert, response: oncall.Response, now: datetime, policy: Policy, reason: str) -> Change:
    """What hid it is over and it still fires: now it is shown and paged as if it had just fired."""
    stage = Stage.SILENCE if alert.shown is Shown.SILENCED else Stage.INHIBITION
    decision = Decision(stage=stage, outcome="shown", reason=reason)
    after = alert.changed(
        shown=Shown.CARD,
        has_stood=True,
        silence=None,
        parent=None,
        lead=None,
        pages=response.pages,
        due_at=response.due_at,
        missed_at=None,
        clock_from=now,
        called=(),
        decisions=alert.with_decisions(decision),
    )
    rows = [*owed.cards(after, is_first=not alert.has_stood)]
    if alert.shown is Shown.THREAD and alert.has_stood:  # its card stands where nobody looks any more
        rows.append(owed.post(owed.places(after)[0], notes.again(after), after.id))
    if after.pages and after.awaits:
        rows.append(owed.page(after, Role.PRIMARY, reason))
    return Change(alerts=(after,), owed=tuple(rows)) + deadlines.of_alert(after, policy)


def left_alone(alert: Alert) -> Change:
    """The composite alarm that stood for it is OK; it fires on, and belongs to somebody's incident by now."""
    shown = Shown.CARD if alert.has_stood else alert.shown
    after = alert.changed(parent=None, shown=shown)
    return Change(alerts=(after,), owed=_edits(after))


def left(alerts: Sequence[Alert], by: By, now: datetime, policy: Policy) -> Change:
    """Somebody resolved the page of these at the pager while they fire on: nobody has them, and nobody is called.

    The first one's page it was; the others stand under its card.
    """
    after = [one.changed(left_at=now, left_by=by.user, left_via=by.via) for one in alerts]
    change = Change(alerts=tuple(after), owed=tuple(row for one in after for row in _edits(one)))
    for one in after:
        change += deadlines.of_alert(one, policy)
    return change + Change(owed=(owed.note(after[0], notes.page_resolved(after)),) if after[0].has_stood else ())


def told(alerts: Sequence[Alert], incident: Incident, policy: Policy) -> Change:
    """The incident ended or began again: its alerts' cards show that, and a merge takes them along.

    What fires on after people ended it is nobody's any more, until somebody takes it or the incident up again.
    """
    after = [_with_incident(one, incident) for one in alerts]
    moved = [now for was, now in zip(alerts, after, strict=True) if now is not was]
    change = Change(alerts=tuple(moved), owed=tuple(row for one in after for row in _edits(one)))
    for one in moved:
        change += deadlines.of_alert(one, policy)
    fires_on = [one for one in moved if one.is_left]
    if not fires_on:
        return change
    return change + Change(owed=owed_to_incident.note(incident, notes.fires_on(incident, fires_on)))


def _with_incident(alert: Alert, incident: Incident) -> Alert:
    if incident.merged_into is not None:
        return alert.changed(incident=incident.merged_into)
    if incident.is_open:
        return alert.changed(**_TAKEN_UP) if alert.left_at is not None else alert
    if not alert.is_firing:
        return alert
    return alert.changed(
        left_at=incident.resolved_at, left_by=incident.resolved_by, left_via=incident.resolved_via, reminded_at=None
    )


def still_fires(alert: Alert, others: Sequence[Alert], now: datetime, policy: Policy) -> Change | None:
    """People are told again that it fires on, in one message for all that were left with it: the first one's."""
    due = deadlines.ask_again_at(alert, policy)
    if due is None or due > now:
        return None
    after = alert.changed(reminded_at=now)
    change = Change(alerts=(after,)) + deadlines.of_alert(after, policy)
    together = [one for one in others if one.is_left and not one.is_hidden]
    if any(one.number < alert.number for one in together):
        return change
    return change + Change(owed=(owed.post(owed.places(after)[0], notes.still_fires([after, *together]), after.id),))


def missed(alert: Alert, now: datetime, policy: Policy) -> Change | None:
    """The acknowledgement was due and did not come."""
    if not alert.awaits or alert.missed_at is not None:
        return None
    after = alert.changed(missed_at=now)
    note = (owed.note(after, notes.sla_missed(after), while_it_waits=True),) if after.has_stood else ()
    return Change(alerts=(after,), owed=(*_edits(after), *note)) + deadlines.of_alert(after, policy)


def _edits(alert: Alert) -> tuple[Owed, ...]:
    """New looks for cards that stand: also of one that is hidden by now."""
    return owed.cards(alert) if alert.has_stood else ()


def _flap(times: int, reason: str) -> Decision:
    return Decision(stage=Stage.FLAP, outcome=f"{times} flaps" if times > 1 else "1 flap", reason=reason)


def _event(incident: Incident, at: datetime, kind: EventKind, text: str) -> TimelineEvent:
    return TimelineEvent(incident=incident.number, at=at, kind=kind, text=text)


def _alarm(incident: Incident, at: datetime, text: str) -> TimelineEvent:
    return _event(incident, at, EventKind.ALARM, text)


def _paged(incident: Incident, page: Paged) -> TimelineEvent:
    return TimelineEvent(incident=incident.number, at=page.at, kind=EventKind.PAGED, about=page.user_id, text=page.told)


def called(subject: Alert, role: Role, why: str, policy: Policy) -> Change:
    """The next in line is called; the one after has a clock of their own."""
    after = subject.changed(called=(*subject.called, role))
    return Change(alerts=(after,), owed=(owed.page(after, role, why),)) + deadlines.of_alert(after, policy)


def shown_after_storm(alert: Alert, policy: Policy) -> Change:
    """The storm is over and it still waits: it gets its card."""
    decision = Decision(stage=Stage.STORM, outcome="shown", reason="the storm is over and it still fires")
    after = alert.changed(shown=Shown.CARD, has_stood=True, decisions=alert.with_decisions(decision))
    return Change(alerts=(after,), owed=owed.cards(after, is_first=True)) + deadlines.of_alert(after, policy)
