"""Whatever order life brings: what holds of alerts whoever does what when."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.errors import UserError
from bot.incidents import Declaration
from bot.models import (
    Alert,
    AlertStatus,
    Incident,
    Severity,
    Shown,
    Status,
)
from bot.signals import (
    AlarmKind,
    AlarmState,
)
from bot.steps.alerts import By
from tests.bot.alerting import (
    ANA,
    ERRORS,
    FIRES,
    LATENCY,
    NAMES,
    OK,
    SEARCH,
    Shop,
)


class Life(RuleBasedStateMachine):
    """Alarms of two services change as they like, and people do what the bot lets them do."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop()
        self.by_hand: set[int] = set()  # incidents that somebody opened or opened again: they may be without an alarm

    def teardown(self) -> None:
        self.shop.close()

    def _tries(self, call: Any, *args: Any, **more: Any) -> Any:
        """People are refused what makes no sense; that is no error."""
        try:
            return call(*args, **more)
        except UserError:
            return None

    @rule(state=st.sampled_from((FIRES, OK)), severity=st.sampled_from(("critical", "high")))
    def composite_alarm_changes(self, state: AlarmState, severity: str) -> None:
        self.shop.now += timedelta(seconds=1)
        about = {"kind": AlarmKind.COMPOSITE, "children": (LATENCY, ERRORS, SEARCH)}
        self.shop.hear(f"prod-checkout-down-{severity}", state, alarm=about)

    @initialize()
    def begins(self) -> None:
        self.shop.fires(LATENCY)

    @rule(name=st.sampled_from(NAMES), state=st.sampled_from(AlarmState))
    def alarm_changes(self, name: str, state: AlarmState) -> None:
        self.shop.now += timedelta(seconds=1)
        self.shop.hear(name, state)

    @rule(
        changes=st.lists(
            st.tuples(st.sampled_from(NAMES), st.sampled_from(AlarmState), st.integers(0, 900)), min_size=2, max_size=6
        )
    )
    def batch_out_of_order_arrives(self, changes: list[tuple[str, AlarmState, int]]) -> None:
        self.shop.now += timedelta(seconds=1)
        news = [self.shop.news(name, state, ago=ago) for name, state, ago in changes]
        self.shop.receive(*news, news[0])

    @rule(minutes=st.sampled_from((1, 4, 9, 12, 45)))
    def time_passes(self, minutes: int) -> None:
        self.shop.pass_time(minutes * 60)

    def _alert(self, data: st.DataObject) -> Alert:
        firing = self.shop.store.firing_alerts()
        return data.draw(st.sampled_from(sorted(firing, key=lambda one: one.number)))

    def _incident(self, data: st.DataObject) -> Incident:
        known = self.shop.store.recent_incidents(limit=50)
        return data.draw(st.sampled_from(sorted(known, key=lambda one: one.number)))

    def _has_firing(self) -> bool:
        return bool(self.shop.store.firing_count())

    def _has_incident(self) -> bool:
        return bool(self.shop.store.recent_incidents(limit=1))

    @precondition(_has_firing)
    @rule(data=st.data())
    def somebody_acknowledges(self, data: st.DataObject) -> None:
        self.shop.alerts.acknowledge(ANA, self._alert(data).number)

    @precondition(_has_firing)
    @rule(data=st.data())
    def somebody_acknowledges_at_the_pager(self, data: st.DataObject) -> None:
        self.shop.alerts.acknowledge_elsewhere(self._alert(data).number, By("U0BOB", "PagerDuty"))

    @precondition(_has_firing)
    @rule(data=st.data(), lasts=st.sampled_from(("5m", "1h")))
    def somebody_silences(self, data: st.DataObject, lasts: str) -> None:
        self.shop.silences.silence_alert(ANA, self._alert(data).number, lasts, "known")

    @rule()
    def somebody_ends_the_silences(self) -> None:
        for silence in self.shop.store.silences():
            self.shop.silences.end(silence.id, by="U0ANA")

    @precondition(_has_firing)
    @rule(data=st.data(), severity=st.sampled_from(Severity))
    def somebody_rates(self, data: st.DataObject, severity: Severity) -> None:
        self._tries(self.shop.alerts.change_severity, ANA, self._alert(data).number, severity)

    @rule(service=st.sampled_from(("checkout", "search")))
    def somebody_declares(self, service: str) -> None:
        made = self.shop.incidents.declare(ANA, Declaration(service, "it is slow", Severity.SEV3))
        self.by_hand.add(made.number)

    @precondition(_has_incident)
    @rule(data=st.data())
    def somebody_resolves(self, data: st.DataObject) -> None:
        self._tries(self.shop.incidents.resolve, ANA, self._incident(data).number, "it was the cache")

    @precondition(_has_incident)
    @rule(data=st.data())
    def somebody_reopens(self, data: st.DataObject) -> None:
        number = self._incident(data).number
        done = self._tries(self.shop.incidents.reopen, ANA, number, "not over")
        if done is not None and done.changed:
            self.by_hand.add(number)

    @precondition(_has_incident)
    @rule(data=st.data())
    def somebody_cancels(self, data: st.DataObject) -> None:
        self._tries(self.shop.incidents.cancel, ANA, self._incident(data).number, "a test")

    @precondition(_has_incident)
    @rule(data=st.data())
    def somebody_merges(self, data: st.DataObject) -> None:
        mine, other = self._incident(data).number, self._incident(data).number
        done = self._tries(self.shop.incidents.merge, ANA, mine, other)
        if done is not None and done.changed and mine in self.by_hand:
            self.by_hand.add(other)

    # -- what holds at any time

    @invariant()
    def incidents_count_their_firing_alerts(self) -> None:
        firing = Counter(one.incident for one in self.shop.all() if one.is_firing)
        for incident in self.shop.store.recent_incidents(limit=100):
            if incident.status is not Status.MERGED:
                assert incident.firing == firing[incident.number], incident.id
            else:
                assert not firing[incident.number], f"{incident.id} is merged and keeps alerts"

    @invariant()
    def an_open_incident_has_an_alarm_or_somebody_opened_it(self) -> None:
        firing = {one.incident for one in self.shop.all() if one.is_firing}
        for incident in self.shop.store.open_incidents():
            assert incident.number in firing or incident.number in self.by_hand, incident.id

    @invariant()
    def an_alarm_fires_once(self) -> None:
        keys = Counter(one.key for one in self.shop.all() if one.is_firing)
        assert all(number == 1 for number in keys.values()), keys
        for key in keys:
            newest = self.shop.newest(key)
            assert newest is not None
            assert newest.is_firing, f"{newest.id} is over and an older alert of its alarm still fires"

    @invariant()
    def a_clock_runs_for_what_waits_and_for_nothing_else(self) -> None:
        timers = self.shop.timers()
        assert all(number == 1 for number in timers.values()), timers
        for alert in self.shop.all():
            waits = alert.awaits and alert.shown.has_card
            assert timers[("sla", alert.id)] == (waits and alert.missed_at is None), alert.id
            assert timers[("call", alert.id)] <= (waits and alert.pages), alert.id
            assert timers[("settle", alert.id)] == (alert.settling is not None), alert.id
        for incident in self.shop.store.recent_incidents(limit=100):
            assert timers[("sla", incident.id)] == (incident.awaits and incident.missed_at is None), incident.id
            assert timers[("update", incident.id)] <= (incident.is_open and not incident.awaits), incident.id

    @invariant()
    def what_fires_and_waits_pages_somebody_unless_it_is_hidden(self) -> None:
        """Each alert of a severity that pages has a page, its own or that of the card it stands under."""
        alerts = {one.number: one for one in self.shop.all()}
        for alert in alerts.values():
            lead = alerts[alert.lead] if alert.lead is not None else alert
            if alert.awaits and alert.shown.has_card and alert.severity <= Severity.SEV2:
                assert alert.pages or (lead.pages and lead.awaits), f"nobody is paged for {alert.id}"

    @invariant()
    def a_composite_alarm_hides_what_is_no_worse_than_itself_and_fires(self) -> None:
        alerts = {one.number: one for one in self.shop.all()}
        for alert in alerts.values():
            if alert.is_firing and alert.shown is Shown.INHIBITED and alert.parent is not None:
                parent = alerts[alert.parent]
                assert parent.is_firing, alert.id
                assert not alert.pages, alert.id
                assert alert.severity >= parent.severity or alert.is_acknowledged, alert.id

    @invariant()
    def what_is_over_is_over_and_what_fires_is_not(self) -> None:
        for alert in self.shop.all():
            assert (alert.over_at is None) == alert.is_firing, alert.id
            assert alert.status is AlertStatus.FIRING or alert.settling is None, alert.id
            assert not alert.is_acknowledged or alert.incident is not None, alert.id


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
