"""Looking for root causes: who may ask, what is asked of AWS side by side, and what follows from the answers.

`Investigations` is the use case: it stores that a look is wanted, and later what was found. `Investigator` asks all
sources at the same time, each with its own deadline. `bot.rca` decides what it means.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from blocks.report import for_mail, line, title
from bot import rca
from bot.access import Right
from bot.config import Config
from bot.errors import Refused
from bot.ledger import Ledger
from bot.models import (
    Action,
    Alert,
    Asked,
    Cause,
    Change,
    EventKind,
    Evidence,
    Incident,
    Investigation,
    InvestigationStatus,
    Order,
    Owed,
    Source,
    SourceOutcome,
    TimelineEvent,
)
from bot.owed import alerts as owed_to_alert
from bot.owed import fixes as owed
from bot.owed import incidents as owed_to_incident
from bot.planning import goes_on, not_begun, places
from bot.ports import Analyst, Collector, Firing, Gathered, Scope
from bot.remedies import Remedy, approved_as, effect, remedy, why_unused
from bot.resources import resources
from bot.rights import Caller, Rights
from bot.steps.causes import has_found, is_wanted, wanted_for
from bot.store import Store

log = logging.getLogger(__name__)

Subject = Alert | Incident
_GRACE = 0.3  # seconds that a source gets beyond its deadline to say itself that it was too slow
_SHORTEST = timedelta(minutes=2)  # of a firing that was over at once: CloudWatch counts by the minute
_FIRING, _ALERTS = 200, 20
_STILL_SAID = timedelta(hours=1)  # how long a report of what goes on holds back what another one recommends
_COUNTING = frozenset({Source.METRICS, Source.LOGS, Source.TRACES})
_IN_A_STORM = "a storm began before it was its turn: its alerts are not looked into one by one"


class Looked(NamedTuple):
    """What the sources gave: the evidence, and the metric picture (empty: none)."""

    evidence: Evidence
    picture: bytes = b""


class Investigator:
    """Asks all sources side by side. `deadline` in seconds is what each of them keeps by itself."""

    def __init__(self, collectors: Sequence[Collector], deadline: float, at_once: int = 2) -> None:
        self._collectors = collectors
        self._deadline = deadline
        self._pool = ThreadPoolExecutor(max(1, len(collectors) * at_once), thread_name_prefix="evidence")

    @property
    def has_sources(self) -> bool:
        return bool(self._collectors)

    def look(self, scope: Scope) -> Looked:
        """All that was found within the deadline; a source that hangs says so in the report.

        Only the answers tell that an earlier trouble's deployment was taken back just before. What stopped with it is
        not this symptom's: then what counts is counted again since.
        """
        gathered = self._gathered(self._collectors, scope)
        looked = _looked(scope, gathered.values())
        back_at, since = rca.back_at(looked.evidence), looked.evidence.counted_since
        if back_at is None or since is None or back_at <= since:
            return looked
        counting = [one for one in self._collectors if one.source in _COUNTING]
        return _looked(scope, (gathered | self._gathered(counting, scope._replace(back_at=back_at))).values())

    def _gathered(self, collectors: Sequence[Collector], scope: Scope) -> dict[Source, Gathered]:
        running = {self._pool.submit(one.collect, scope): one.source for one in collectors}
        wait(running, timeout=self._deadline + _GRACE)
        return {source: self._answer(future, source) for future, source in running.items()}

    def _answer(self, future: Future[Gathered], source: Source) -> Gathered:
        if not future.done():
            future.cancel()
            late = Asked(source=source, outcome=SourceOutcome.FAILED, why=f"no answer within {self._deadline:g} s")
            return Gathered(late)
        try:
            return future.result()
        except Exception:
            log.exception("the source %s stumbled", source)
            return Gathered(Asked(source=source, outcome=SourceOutcome.FAILED, why="it could not be read"))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _looked(scope: Scope, gathered: Collection[Gathered]) -> Looked:
    """The answers as one. A change that several sources tell of is one change."""
    values: dict[str, Any] = {}
    for each in gathered:
        values |= _joined(values, each.values)
    evidence = Evidence(
        service=scope.service,
        environment=values.pop("environment", ""),
        account=scope.resources.account,
        region=scope.resources.region,
        alarm=scope.alarm.name if scope.alarm else "",
        began_at=values.pop("began_at", scope.began_at),
        since=scope.since,
        until=scope.until,
        changes=tuple(rca.distinct(values.pop("changes", ()))),
        asked=tuple(each.asked for each in gathered),
        **values,
    )
    return Looked(evidence, next((each.picture for each in gathered if each.picture), b""))


def _joined(known: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Lists that two sources fill are one list."""
    return {
        name: (*known[name], *value) if isinstance(value, tuple) and name in known else value
        for name, value in more.items()
    }


class Investigations:
    """`analyst` decides what the evidence says."""

    def __init__(self, ledger: Ledger, rights: Rights, config: Config, analyst: Analyst = rca.diagnose) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._config = config
        self._analyst = analyst

    # -- asking for one

    def ask(self, caller: Caller, subject: Subject) -> tuple[Investigation, bool]:
        """The investigation that now waits, and whether this call began it: a second click finds the first one's."""
        self._rights.need(caller, Right.RESPOND, subject if isinstance(subject, Incident) else None)

        def step(now: datetime) -> tuple[tuple[Investigation, bool], Change | None]:
            newest = next(iter(self._store.investigations_of(subject.id, limit=1)), None)
            if newest is not None and newest.status is InvestigationStatus.WAITING:
                return (newest, False), None
            number = self._store.next_investigation_number()
            wanted = wanted_for(subject, number, now, caller.user_id)
            return (wanted, True), Change(investigations=(wanted,))

        return self._ledger.decide(step, subject.id)

    def show(self, caller: Caller, number: int) -> Investigation:
        self._rights.need(caller, Right.READ)
        return self._store.investigation(number)

    def newest(self, caller: Caller, subject: Subject) -> Investigation | None:
        """The newest that is about an alert or incident, or about an alert of the incident."""
        self._rights.need(caller, Right.READ)
        return newest_of(self._store, subject)

    def dismiss(self, caller: Caller, number: int) -> tuple[Investigation, bool]:
        """Somebody knows better: the report says so, and is not what the post-mortem begins with."""
        self._rights.need(caller, Right.RESPOND)

        def step(now: datetime) -> tuple[tuple[Investigation, bool], Change | None]:
            found = self._store.investigation(number)
            if found.status is not InvestigationStatus.DONE:
                raise Refused(f"{found.id} has no report yet.")
            if found.is_dismissed:
                return (found, False), None
            after = found.changed(is_dismissed=True, dismissed_by=caller.user_id)
            subject = self._subject(found)
            words = f"{found.id} is not it"
            change = Change(investigations=(after,), owed=self._reports(after, subject))
            return (after, True), change + self._told(subject, now, words, caller.user_id)

        return self._ledger.decide(step, f"RCA-{number}")

    # -- looking

    def scope(self, investigation: Investigation) -> Scope:
        """What is asked about: the subject's service where it runs, from shortly before the symptom until now, or until
        it was over. What fires by now says nothing of what is over."""
        now, subject = self._ledger.clock(), self._subject(investigation)
        if isinstance(subject, Alert):
            alert: Alert | None = subject
            began, over = _newest_firing(subject), subject.over_at
        else:
            alert = self._alert_of(subject)
            is_back = alert is not None and alert.is_firing and subject.reopened > 0
            began, over = _newest_firing(alert) if alert and is_back else subject.began_at, subject.resolved_at
        alarm = self._with_metric(alert).alarm if alert is not None else None
        return Scope(
            service=investigation.service,
            resources=resources(self._config.service(investigation.service), alarm),
            alarm=alarm,
            began_at=began,
            since=began - self._config.investigation.before,
            until=max(min(now, max(over, began + _SHORTEST)) if over is not None else now, began),
            firing=self._firing(subject) if over is None else (),
        )

    def _with_metric(self, alert: Alert) -> Alert:
        """Of a composite alarm, which measures nothing itself, the worst that it stands for of the same service."""
        under = self._store.alerts_under(alert.number, limit=_ALERTS) if alert.alarm.children else []
        mine = [one for one in under if one.service == alert.service and one.alarm.metric]
        return min(mine, key=lambda one: (one.severity, one.number), default=alert)

    def _alert_of(self, incident: Incident) -> Alert | None:
        """The first of its alerts that still fires, else the first."""
        alerts = self._store.alerts_of_incident(incident.number, limit=_ALERTS)
        return next((one for one in alerts if one.is_firing), next(iter(alerts), None))

    def _firing(self, subject: Subject) -> tuple[Firing, ...]:
        """What the alarms of the same service say that fire: of a minute that is not over, metrics tell but a part."""
        place = subject.service, subject.environment
        return tuple(
            Firing(each.alarm, each.value)
            for each in self._store.firing_alerts(limit=_FIRING)
            if (each.service, each.environment) == place and each.value is not None
        )

    def conclude(self, investigation: Investigation, looked: Looked) -> Investigation:
        """Store the report with what follows from it."""
        diagnosis = self._analyst(looked.evidence)
        now = self._ledger.clock()
        if looked.picture:
            self._store.keep_picture(investigation.id, looked.picture, now)

        def step(now: datetime) -> tuple[Investigation, Change | None]:
            current = self._store.investigation(investigation.number)
            if current.status is not InvestigationStatus.WAITING:
                return current, None
            done = current.changed(
                status=InvestigationStatus.DONE, done_at=now, evidence=looked.evidence, diagnosis=diagnosis
            )
            return done, self._concluded(done, now, has_picture=bool(looked.picture))

        return self._ledger.decide(step, investigation.id)

    def left_out(self, investigation: Investigation) -> bool:
        """Does it end without a look? So does one that began by itself, where a storm began before it was its turn."""

        def step(now: datetime) -> tuple[bool, Change | None]:
            current = self._store.investigation(investigation.number)
            subject = self._subject(current)
            if current.by is not None or current.status is not InvestigationStatus.WAITING:
                return False, None
            if isinstance(subject, Incident) or is_wanted(subject, self._store.storm(owed.place(subject))):
                return False, None
            after = current.changed(status=InvestigationStatus.FAILED, done_at=now, problem=_IN_A_STORM)
            return True, Change(investigations=(after,))

        return self._ledger.decide(step, investigation.id)

    def fail(self, investigation: Investigation, problem: str) -> None:
        """Nothing could be looked at; the report says why."""

        def step(now: datetime) -> tuple[None, Change | None]:
            current = self._store.investigation(investigation.number)
            if current.status is not InvestigationStatus.WAITING:
                return None, None
            after = current.changed(status=InvestigationStatus.FAILED, done_at=now, problem=problem)
            return None, Change(investigations=(after,), owed=self._reports(after, self._subject(after)))

        self._ledger.decide(step, investigation.id)

    def _concluded(self, done: Investigation, now: datetime, *, has_picture: bool) -> Change:
        subject = self._subject(done)
        shown = places(self._store, subject)  # once: the incident's channel may open at any moment
        reports = [owed.report(done, place) for place in shown]
        rows: list[Owed] = [*reports]
        if has_picture:
            rows += [owed.picture(done, place, row.id) for place, row in zip(shown, reports, strict=True)]
        topic = subject.topic if isinstance(subject, Alert) else None
        if topic:
            rows.append(
                owed_to_alert.mail(
                    subject.id, topic, title(done), for_mail(*as_recommended(done, subject, self._config))
                )
            )
        if isinstance(subject, Alert) and subject.has_stood and done.evidence is not None and done.evidence.changes:
            rows += owed_to_alert.cards(subject)  # it names who deployed what
        change = Change(investigations=(done,), owed=tuple(rows)) + self._by_itself(done, subject, now)
        return change + self._told(subject, now, line(done))

    def _by_itself(self, done: Investigation, subject: Subject, now: datetime) -> Change:
        """What helps where the service runs is begun where somebody approved that for it, and it still goes on; where
        what they approved can't be used, that is told. An SSM document that fits the alarm and is approved by its own
        name was begun at triage."""
        document = subject.runbook if isinstance(subject, Alert) else ""
        best = _best(done, subject, self._config, document)
        is_begun = isinstance(subject, Alert) and subject.approval != "" and best.name == document
        if done.diagnosis is None or is_begun or not goes_on(subject):
            return Change()
        held = {one.name: one for one in self._store.approvals() if one.service == done.service and one.holds(now)}
        approval = held.get(approved_as(best.name, held))
        if approval is None:
            why = why_unused(done.diagnosis.action, best, held)
            return not_begun(self._store, subject, done.diagnosis.action or "", done.service, why) if why else Change()
        other = self._contradicting(done, best, now)
        if other is not None:
            assert other.diagnosis is not None
            why = f"{done.id} says {done.diagnosis.cause.value}, and {other.id} {other.diagnosis.cause.value}"
            return not_begun(self._store, subject, best.name, done.service, why)
        action = best.action or Action.RUNBOOK
        runbook = best.runbook if action is Action.RUNBOOK else ""
        order = Order(action=action, service=done.service, environment=subject.environment, runbook=runbook)
        return Change(owed=(owed.propose(order, subject.id, approval.id, f"{done.id}: {done.diagnosis.cause.value}"),))

    def _contradicting(self, done: Investigation, best: Remedy, now: datetime) -> Investigation | None:
        """Another report of the service, on what goes on too, that recommends something else. Of each subject the
        newest counts."""
        newest = {one.subject: one for one in reversed(self._store.investigations_into(done.service, done.environment))}
        others = [
            one
            for one in newest.values()
            if one.subject != done.subject and has_found(one) and now - one.asked_at <= _STILL_SAID
        ]
        for one in others:
            subject = self._subject(one)
            if goes_on(subject) and _best(one, subject, self._config).name != best.name:
                return one
        return None

    def _reports(self, investigation: Investigation, subject: Subject) -> tuple[Owed, ...]:
        return tuple(owed.report(investigation, place) for place in places(self._store, subject))

    def _told(self, subject: Subject, at: datetime, text: str, actor: str | None = None) -> Change:
        number = subject.incident if isinstance(subject, Alert) else subject.number
        if number is None:
            return Change()
        event = TimelineEvent(incident=number, at=at, kind=EventKind.CAUSE, text=text, actor=actor)
        return Change(timeline=(event,), owed=owed_to_incident.cards(self._store.incident(number)))

    def _subject(self, investigation: Investigation) -> Subject:
        return subject_of(self._store, investigation.subject)


def subject_of(store: Store, subject: str) -> Subject:
    """The alert or incident of this id."""
    kind, _, number = subject.partition("-")
    return store.alert(int(number)) if kind == "AL" else store.incident(int(number))


def _newest_firing(alert: Alert) -> datetime:
    """One that came back is the same alert, but its trouble began anew."""
    return alert.returned[-1] if alert.returned else alert.fired_at


def as_recommended(done: Investigation, subject: Subject, config: Config) -> tuple[Investigation, str]:
    """With what helps where the service runs in place of the matrix's action, and the SSM document that fits."""
    document = subject.runbook if isinstance(subject, Alert) else ""
    best = _best(done, subject, config, document)
    if done.diagnosis is not None:
        done = done.changed(diagnosis=done.diagnosis.model_copy(update={"action": best.action}))
    return done, best.runbook


def _best(done: Investigation, subject: Subject, config: Config, document: str = "") -> Remedy:
    """`document` fits the alarm."""
    if done.diagnosis is None:
        return Remedy(None, document)
    alarm = subject.alarm if isinstance(subject, Alert) else None
    tasks = done.evidence.wanted if done.evidence is not None else 0
    where = resources(config.service(done.service), alarm)
    return remedy(done.diagnosis, where, tasks, config.remediation.timeout, document)


def newest_of(store: Store, subject: Subject) -> Investigation | None:
    """Also that of an alert which belongs to the incident, or that a composite one stands for: one that waits, else the
    one whose recommendation was taken up, else one that names a cause."""
    found = sorted(_all_of(store, subject), key=lambda one: one.number, reverse=True)
    waiting = [one for one in found if one.status is InvestigationStatus.WAITING]
    telling = [one for one in found if has_found(one)]
    fixes = [fix for each in {subject.id, *(one.subject for one in found)} for fix in store.remediations_of(each)]
    begun = {effect(fix.order.name) for fix in fixes}
    begun_on = [one for one in telling if one.diagnosis is not None and one.diagnosis.action in begun]
    return next(iter([*waiting, *begun_on, *telling, *found]), None)


def cause_of(store: Store, subject: Subject) -> Cause:
    """The newest that was found and that nobody put aside, where there is one."""
    found = [one for one in _all_of(store, subject) if one.diagnosis is not None and not one.is_dismissed]
    known = {one.number: one.diagnosis.cause for one in found if one.diagnosis is not None}
    return next(
        (known[each] for each in sorted(known, reverse=True) if known[each] is not Cause.UNKNOWN), Cause.UNKNOWN
    )


def _all_of(store: Store, subject: Subject) -> list[Investigation]:
    """The newest about each of these."""
    alerts = store.alerts_of_incident(subject.number, limit=_ALERTS) if isinstance(subject, Incident) else [subject]
    under = [child for alert in alerts for child in store.alerts_under(alert.number, limit=_ALERTS)]
    ids = dict.fromkeys([subject.id, *(alert.id for alert in [*alerts, *under])])
    return [one for each in ids for one in store.investigations_of(each, limit=1)]
