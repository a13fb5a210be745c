"""What alerts go through, through the use cases and a store: stories one by one, and whatever order life brings."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import count, permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from blocks import alert as shown_as
from bot.alert_cards import AlertCards
from bot.alerts import Alerts
from bot.cards import Cards
from bot.carriers.alerts import AlertCarriers
from bot.carriers.common import Settlement
from bot.config import Config
from bot.errors import ChatError, DeliveryError, UserError
from bot.incidents import Declaration, Incidents
from bot.intake import AlertIntake
from bot.integrations.nothing import NoFixes
from bot.ledger import Ledger
from bot.models import (
    Alert,
    AlertStatus,
    Approval,
    Change,
    ChangeKind,
    Delivery,
    EventKind,
    Evidence,
    Incident,
    Investigation,
    InvestigationStatus,
    Made,
    Message,
    MessageRef,
    Owed,
    OwedKind,
    Paged,
    Person,
    Priority,
    Role,
    Severity,
    Shown,
    Stage,
    Status,
)
from bot.outbox import Outbox
from bot.paging import PagerSync
from bot.ports import Standing
from bot.remediation import Neighbours, Remediations
from bot.rights import Caller, Rights
from bot.signals import (
    Alarm,
    AlarmChanged,
    AlarmKind,
    AlarmState,
    Deployment,
    DeploymentState,
    PagerChange,
    PagerState,
    Unreadable,
)
from bot.silences import Silences
from bot.steps.alerts import By
from bot.store.sqlite import SqliteStore
from bot.timekeeper import Timekeeper
from bot.triage import Rules
from tests.bot.make import NOW

ANA, BOB = Caller("U0ANA"), Caller("U0BOB")
FIRES, OK, NO_DATA = AlarmState.ALARM, AlarmState.OK, AlarmState.INSUFFICIENT_DATA
LATENCY, ERRORS, CPU = (
    "prod-checkout-latency-high",
    "prod-checkout-errors-critical",
    "prod-checkout-cpu-warning",
)
SEARCH, INDEX = "prod-search-latency-critical", "prod-search-freshness-medium"
NAMES = (LATENCY, ERRORS, CPU, SEARCH, INDEX)


class People:
    """Everybody is a member, and known by their id alone."""

    def person(self, user_id: str, team_id: str | None) -> Person:
        return Person(id=user_id)

    def by_email(self, email: str) -> str | None:
        return None

    def email(self, user_id: str) -> str | None:
        return None

    def name(self, user_id: str) -> str:
        return user_id


class NoTags:
    """CloudWatch knows nothing more."""

    def tags(self, arns: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        return {}

    def states(self, names: Sequence[str], region: str) -> Mapping[str, Standing]:
        return {}


class SilentPager:
    """A pager on which nothing happens."""

    def changes(self, keys: Sequence[str]) -> list[PagerChange]:
        return []


class Shop:
    """The use cases around a store and a clock that stands still until it is moved."""

    def __init__(self, **config: Any) -> None:
        parsed = Config.model_validate({"on_call": {"primary": "U0BOB"}, **config})
        self.now = NOW
        self.store = SqliteStore(":memory:")
        self.rules = Rules(parsed, "ops-incidents", can_page=True)
        people = People()
        ledger, rights = Ledger(self.store, lambda: self.now, lambda: None), Rights(people, parsed)
        alert_cards = AlertCards(self.store, self.rules, parsed)
        cards = self.cards = Cards(self.store, parsed, lambda _: "https://huddle.example", "ops-incidents")
        self.intake = AlertIntake(ledger, self.rules, parsed, alert_cards, fallback="ops")
        self.alerts = Alerts(ledger, rights, self.rules, parsed)
        self.incidents = Incidents(ledger, rights, cards, self.rules, parsed)
        self.silences = Silences(ledger, rights, self.rules, parsed)
        pager: Any = SilentPager()
        self.sync = PagerSync(ledger, self.alerts, self.incidents, people, pager)
        remediations = Remediations(
            ledger, rights, parsed, NoFixes(), Neighbours(lambda fix, subject: Message("", []), lambda *_: Change())
        )
        self.timekeeper = Timekeeper(ledger, self.rules, self.intake, self.silences, remediations, "me")
        self._ids = count(1)

    def close(self) -> None:
        self.store.close()

    def news(
        self, name: str, state: AlarmState = FIRES, *, ago: float = 0.0, at: datetime | None = None, **more: Any
    ) -> AlarmChanged:
        alarm = {"account": "123456789012", "region": "us-east-1", **more.pop("alarm", {})}
        previous = OK if state is FIRES else FIRES
        return AlarmChanged(
            source_id=f"m{next(self._ids)}",
            alarm=Alarm(name=name, **alarm),
            state=state,
            previous=more.pop("previous", previous),
            at=at or self.now - timedelta(seconds=ago),
            **more,
        )

    def receive(self, *news: AlarmChanged) -> None:
        self.intake.receive(news, NoTags())

    def hear(self, name: str, state: AlarmState = FIRES, **more: Any) -> Alert | None:
        """One message; the newest alert of its alarm afterwards."""
        news = self.news(name, state, **more)
        self.receive(news)
        return self.newest(news.alarm.key)

    def fires(self, name: str, **more: Any) -> Alert:
        alert = self.hear(name, FIRES, **more)
        assert alert is not None
        return alert

    def newest(self, key: str) -> Alert | None:
        head = self.store.heads([key]).get(key)
        return self.store.alert(head.number) if head is not None and head.number is not None else None

    def pass_time(self, seconds: float) -> None:
        """Time goes by, and what it brings happens."""
        self.now += timedelta(seconds=seconds)
        self.timekeeper.run()

    def all(self) -> list[Alert]:
        rows = self.store._db.rows("SELECT number FROM alerts ORDER BY number")
        return list(self.store.alerts(row["number"] for row in rows).values())

    def timers(self) -> Counter[tuple[str, str]]:
        return Counter((row["kind"], row["subject"]) for row in self.store._db.rows("SELECT kind, subject FROM timers"))


@pytest.fixture
def shop() -> Iterator[Shop]:
    with closing(Shop()) as made:
        yield made


# -- stories


def test_a_worse_alert_of_an_open_incident_is_counted_once_when_it_is_acknowledged(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires(LATENCY).number)
    shop.now += timedelta(seconds=5)
    worse = shop.fires(ERRORS)
    assert (worse.incident, worse.awaits) == (1, True)
    shop.alerts.acknowledge(BOB, worse.number)
    assert shop.store.incident(1).firing == 2
    shop.now += timedelta(seconds=5)
    shop.receive(shop.news(ERRORS, OK), shop.news(LATENCY, OK))
    assert shop.store.incident(1).status is Status.RESOLVED


def test_a_worse_alert_that_comes_back_before_anybody_took_it_has_its_clock_again(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires(LATENCY).number)
    for state in (FIRES, OK, FIRES):
        shop.now += timedelta(seconds=5)
        worse = shop.hear(ERRORS, state)
    assert worse is not None
    assert worse.awaits
    assert shop.timers()[("sla", worse.id)] == 1


def test_an_alert_that_gets_another_incident_leaves_the_first(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires(LATENCY).number)
    shop.now += timedelta(seconds=5)
    worse = shop.fires(ERRORS)
    shop.incidents.resolve(ANA, 1, "it was the cache")
    shop.alerts.acknowledge(ANA, worse.number)
    assert shop.store.alert(worse.number).incident == 2
    assert shop.store.incident(1).firing == 0
    assert shop.store.incident(2).firing == 2, "both fired on when it was resolved by hand"


def test_an_alarm_does_not_reopen_what_people_cancelled(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires(LATENCY).number)
    shop.now += timedelta(seconds=5)
    shop.hear(LATENCY, OK)
    shop.incidents.reopen(ANA, 1, "a closer look")
    shop.incidents.cancel(ANA, 1, "nothing there")
    shop.now += timedelta(seconds=5)
    again = shop.fires(LATENCY)
    assert shop.store.incident(1).status is Status.CANCELLED
    assert again.awaits


def test_the_members_of_a_silenced_card_are_still_somebodys(shop: Shop) -> None:
    lead = shop.fires(ERRORS)
    shop.now += timedelta(seconds=5)
    member = shop.fires(LATENCY)
    assert (member.shown, member.lead, member.pages) == (Shown.THREAD, lead.number, False)
    shop.silences.silence_alert(ANA, lead.number, "1h", "known")
    left = shop.store.alert(member.number)
    assert left.pages
    assert left.lead is None


def test_the_members_of_a_card_that_is_rated_down_are_still_paged(shop: Shop) -> None:
    lead = shop.fires(ERRORS)
    shop.now += timedelta(seconds=5)
    member = shop.fires(LATENCY)
    shop.alerts.change_severity(ANA, lead.number, Severity.SEV4)
    assert shop.store.alert(member.number).pages


def test_a_page_that_another_alert_took_over_is_told_once(shop: Shop) -> None:
    lead = shop.fires(ERRORS)
    page = Paged(at=shop.now, role=Role.PRIMARY, name="U0BOB", user_id="U0BOB")
    shop.store.save(Change(alerts=(lead.changed(paged=(page,)),)), shop.now)
    shop.now += timedelta(seconds=5)
    member = shop.fires(LATENCY)
    shop.alerts.change_severity(ANA, lead.number, Severity.SEV4)
    assert shop.store.alert(member.number).paged == (page,), "it took the page over"
    shop.alerts.acknowledge(ANA, member.number)
    assert shop.store.incident(1).paged == (page,)
    told = [event for _, event in shop.store.timeline(1, limit=20) if event.kind is EventKind.PAGED]
    assert [event.about for event in told] == ["U0BOB"]


def test_the_same_message_twice_in_one_batch_counts_once(shop: Shop) -> None:
    news = shop.news(LATENCY)
    shop.receive(news, news)
    assert [each.count for each in shop.all()] == [1]


def test_a_firing_behind_its_own_ok_is_shown_also_when_the_alarm_fired_long_before(shop: Shop) -> None:
    shop.fires(LATENCY)
    shop.now += timedelta(seconds=60)
    shop.hear(LATENCY, OK)
    shop.now += timedelta(days=3)
    for state, ago in ((OK, 1), (FIRES, 9)):
        shop.hear(LATENCY, state, ago=ago)
    assert [(each.count, each.is_firing) for each in shop.all()] == [(1, False), (1, False)]


@pytest.mark.parametrize("state", [PagerState.RESOLVED, PagerState.ACKNOWLEDGED])
def test_news_of_the_page_of_a_merged_or_cancelled_incident_is_no_error(shop: Shop, state: PagerState) -> None:
    for service in ("checkout", "search", "mail"):
        shop.incidents.declare(ANA, Declaration(service, "it is slow", Severity.SEV1))
    shop.incidents.merge(ANA, 1, 2)
    shop.incidents.cancel(ANA, 3)
    for key in ("aiops-INC-1", "aiops-INC-3"):
        shop.sync.heard(PagerChange(source_id="p", key=key, state=state, at=shop.now, by_name="Kim"))
    assert [shop.store.incident(number).status for number in (1, 3)] == [Status.MERGED, Status.CANCELLED]


# -- composite alarms


COMPOSITE = "prod-gateway-down-critical"


def stands(shop: Shop, *children: str) -> Alert:
    """A composite alarm fires over these."""
    shop.now += timedelta(seconds=5)
    return shop.fires(COMPOSITE, alarm={"kind": AlarmKind.COMPOSITE, "children": children})


def test_who_takes_a_composite_alarm_takes_what_it_stands_for(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    parent = stands(shop, ERRORS, INDEX)
    shop.now += timedelta(seconds=5)
    later = shop.fires(INDEX)
    assert (later.shown, later.parent, later.has_stood) == (Shown.INHIBITED, parent.number, False)
    taken = shop.alerts.acknowledge(ANA, parent.number)
    assert taken.incident is not None
    assert (taken.incident.firing, taken.incident.service) == (3, "gateway")
    assert [shop.store.alert(each.number).incident for each in (first, parent, later)] == [1, 1, 1]
    assert shown_as.icon(shop.store.alert(first.number)) == "🟠"


def test_what_was_taken_with_a_composite_alarm_is_not_shown_anew_when_that_is_over(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    parent = stands(shop, ERRORS, INDEX)
    later = shop.fires(INDEX)
    shop.alerts.acknowledge(ANA, parent.number)
    before = len(owed(shop, OwedKind.PAGE))
    shop.now += timedelta(seconds=5)
    shop.hear(COMPOSITE, OK)
    assert len(owed(shop, OwedKind.PAGE)) == before
    left = shop.store.alert(first.number)
    assert (left.shown, left.parent, left.awaits) == (Shown.CARD, None, False)
    assert not shop.store.alert(later.number).has_stood
    assert shop.store.incident(1).firing == 2
    shop.now += timedelta(seconds=5)
    shop.receive(shop.news(ERRORS, OK), shop.news(INDEX, OK))
    assert shop.store.incident(1).status is Status.RESOLVED


def test_what_nobody_took_is_shown_when_its_composite_alarm_is_over(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    stands(shop, ERRORS)
    shop.now += timedelta(seconds=5)
    shop.hear(COMPOSITE, OK)
    left = shop.store.alert(first.number)
    assert (left.shown, left.parent, left.pages) == (Shown.CARD, None, True)


MODERATE = "prod-gateway-down-medium"


@pytest.mark.parametrize("order", [(ERRORS, MODERATE), (MODERATE, ERRORS)], ids=["child first", "composite first"])
def test_a_child_worse_than_its_composite_alarm_stays_visible_and_paged(shop: Shop, order: tuple[str, str]) -> None:
    above = {"kind": AlarmKind.COMPOSITE, "children": (ERRORS,)}
    for name in order:
        shop.now += timedelta(seconds=5)
        shop.fires(name, alarm=above if name == MODERATE else {})
    child = next(one for one in shop.all() if one.alarm.name == ERRORS)
    assert (child.shown, child.parent, child.pages) == (Shown.CARD, None, True)
    assert owed(shop, OwedKind.PAGER) == [], "its page goes on"


def test_a_child_is_shown_once_its_composite_alarm_is_rated_below_it(shop: Shop) -> None:
    child = shop.fires(SEARCH)
    parent = stands(shop, SEARCH)
    assert shop.store.alert(child.number).shown is Shown.INHIBITED
    shop.alerts.change_severity(ANA, parent.number, Severity.SEV3)
    left = shop.store.alert(child.number)
    assert (left.shown, left.parent, left.pages) == (Shown.CARD, None, True)


def test_a_child_is_shown_once_it_is_rated_above_its_composite_alarm(shop: Shop) -> None:
    child = shop.fires(INDEX)
    shop.now += timedelta(seconds=5)
    parent = shop.fires("prod-gateway-down-high", alarm={"kind": AlarmKind.COMPOSITE, "children": (INDEX,)})
    before = len(owed(shop, OwedKind.PAGE))
    shop.alerts.change_severity(ANA, child.number, Severity.SEV2)
    hidden = shop.store.alert(child.number)
    assert (hidden.shown, hidden.parent, hidden.pages) == (Shown.INHIBITED, parent.number, False)
    assert len(owed(shop, OwedKind.PAGE)) == before, "nobody is paged for what is hidden"
    shop.alerts.change_severity(ANA, child.number, Severity.SEV1)
    assert (shop.store.alert(child.number).shown, shop.store.alert(child.number).pages) == (Shown.CARD, True)
    assert len(owed(shop, OwedKind.PAGE)) == before + 1


def test_a_child_that_fires_after_its_composite_alarm_was_taken_joins_the_incident_silently(shop: Shop) -> None:
    parent = stands(shop, SEARCH, INDEX)
    shop.alerts.acknowledge(ANA, parent.number)
    before = len(owed(shop, OwedKind.PAGE))
    shop.now += timedelta(minutes=50)
    child = shop.fires(SEARCH)
    assert (child.shown, child.incident, child.awaits) == (Shown.INHIBITED, 1, False)
    assert len(owed(shop, OwedKind.PAGE)) == before
    assert "INC-1" in why(child, Stage.INHIBITION)
    assert any(f"{child.id} fires" in event.text for _, event in shop.store.timeline(1, limit=20))
    incident = shop.store.incident(1)
    assert (incident.alerts, incident.firing, incident.severity) == (2, 2, Severity.SEV1)
    shop.now += timedelta(seconds=5)
    shop.hear(COMPOSITE, OK)
    assert shop.store.incident(1).is_open, "its child still fires"
    shop.now += timedelta(seconds=5)
    shop.hear(SEARCH, OK)
    assert shop.store.incident(1).status is Status.RESOLVED


def test_a_child_that_comes_back_joins_the_incident_of_its_composite_alarm(shop: Shop) -> None:
    child = shop.fires(SEARCH)
    shop.now += timedelta(seconds=5)
    shop.hear(SEARCH, OK)
    parent = stands(shop, SEARCH)
    shop.alerts.acknowledge(ANA, parent.number)
    shop.now += timedelta(seconds=5)
    again = shop.fires(SEARCH)
    assert again.number == child.number
    assert (again.shown, again.incident, again.awaits) == (Shown.INHIBITED, 1, False)
    assert shop.store.incident(1).firing == 2


def test_an_incident_that_was_made_milder_stays_so_when_a_child_joins_it(shop: Shop) -> None:
    parent = stands(shop, SEARCH)
    shop.alerts.acknowledge(ANA, parent.number)
    shop.incidents.change_severity(ANA, 1, Severity.SEV3)
    shop.now += timedelta(seconds=5)
    assert not shop.fires(SEARCH).awaits
    assert shop.store.incident(1).severity is Severity.SEV3


def test_what_a_composite_alarm_of_an_open_incident_hides_is_that_incidents(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires("prod-gateway-5xx-critical").number)
    shop.now += timedelta(seconds=5)
    child = shop.fires(SEARCH)
    assert child.pages
    parent = stands(shop, SEARCH)
    assert parent.incident == 1
    taken = shop.store.alert(child.number)
    assert (taken.shown, taken.incident, taken.awaits) == (Shown.INHIBITED, 1, False)
    assert shop.store.incident(1).firing == 3


def test_after_its_incident_was_resolved_by_hand_a_composite_alarm_hides_no_further_child(shop: Shop) -> None:
    parent = stands(shop, SEARCH)
    shop.alerts.acknowledge(ANA, parent.number)
    shop.incidents.resolve(ANA, 1, "a false alarm")
    shop.now += timedelta(seconds=5)
    child = shop.fires(SEARCH)
    assert (child.shown, child.parent, child.pages) == (Shown.CARD, None, True)


def test_a_firing_that_was_over_before_it_came_joins_no_incident(shop: Shop) -> None:
    parent = stands(shop, SEARCH)
    shop.alerts.acknowledge(ANA, parent.number)
    shop.now += timedelta(seconds=30)
    for state, ago in ((OK, 5), (FIRES, 9)):
        late = shop.hear(SEARCH, state, ago=ago)
    assert late is not None
    assert (late.is_firing, late.incident) == (False, None)
    assert shop.store.incident(1).firing == 1


def why(alert: Alert, stage: Stage) -> str:
    return next(each.reason for each in alert.decisions if each.stage is stage)


CHECKOUT = "prod-checkout-down"


def stands_for_checkout(shop: Shop, severity: str, *children: str) -> Alert:
    return shop.fires(f"{CHECKOUT}-{severity}", alarm={"kind": AlarmKind.COMPOSITE, "children": children})


def test_a_composite_alarm_takes_over_the_page_of_its_child_of_the_same_service(shop: Shop) -> None:
    child = shop.fires(LATENCY)
    page = Paged(at=shop.now, role=Role.PRIMARY, name="U0BOB", user_id="U0BOB")
    shop.store.save(Change(alerts=(child.changed(paged=(page,)),)), shop.now)
    shop.now += timedelta(minutes=45)  # they are no group any more
    parent = stands_for_checkout(shop, "high", LATENCY)
    parent = shop.store.alert(parent.number)
    assert [row["subject"] for row in owed(shop, OwedKind.PAGE)] == [child.id], "one page for both"
    assert owed(shop, OwedKind.PAGER) == [], "and it stays open"
    assert (parent.shown, parent.pages, parent.page_key, parent.paged) == (Shown.CARD, True, child.page_key, (page,))
    assert why(parent, Stage.GROUPING) == f"people were paged for {child.id}, which it stands for: one page for both"
    assert shop.store.alert(child.number).shown is Shown.INHIBITED
    shop.now += timedelta(seconds=5)
    shop.hear(f"{CHECKOUT}-high", OK)
    assert shop.store.alert(child.number).pages, "the child fires on, and is its own again"


def test_a_composite_alarm_worse_than_its_paged_child_pages(shop: Shop) -> None:
    child = shop.fires(LATENCY)
    shop.now += timedelta(minutes=45)
    parent = stands_for_checkout(shop, "critical", LATENCY)
    assert [row["subject"] for row in owed(shop, OwedKind.PAGE)] == [child.id, parent.id]
    assert [json.loads(row["body"])["key"] for row in owed(shop, OwedKind.PAGER)] == [child.page_key]


def test_a_composite_alarm_milder_than_its_paged_child_stands_under_its_card(shop: Shop) -> None:
    child = shop.fires(ERRORS)
    shop.now += timedelta(minutes=45)
    parent = stands_for_checkout(shop, "high", ERRORS)
    assert (parent.shown, parent.lead, parent.pages) == (Shown.THREAD, child.number, False)
    assert [row["subject"] for row in owed(shop, OwedKind.PAGE)] == [child.id]
    shop.now += timedelta(seconds=5)
    shop.hear(ERRORS, OK)
    left = shop.store.alert(parent.number)
    assert (left.shown, left.pages, left.page_key) == (Shown.CARD, True, child.page_key), "it fires on"


def test_a_composite_alarm_of_another_service_pages_its_own_people(shop: Shop) -> None:
    child = shop.fires(SEARCH)
    parent = stands(shop, SEARCH)
    assert [row["subject"] for row in owed(shop, OwedKind.PAGE)] == [child.id, parent.id]


def test_a_composite_alarm_joins_the_incident_of_its_child_however_long_that_fires(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires(LATENCY).number)
    shop.now += timedelta(hours=2)
    before = len(owed(shop, OwedKind.PAGE))
    parent = stands_for_checkout(shop, "high", LATENCY)
    assert (parent.incident, parent.awaits) == (1, False)
    assert len(owed(shop, OwedKind.PAGE)) == before


def test_a_composite_alarm_that_comes_back_stands_for_its_children_again(shop: Shop) -> None:
    child = shop.fires(SEARCH)
    parent = stands(shop, SEARCH)
    shop.now += timedelta(seconds=5)
    shop.hear(COMPOSITE, OK)
    assert shop.store.alert(child.number).shown is Shown.CARD
    stands(shop, SEARCH)
    again = shop.store.alert(child.number)
    assert (again.shown, again.parent, again.pages) == (Shown.INHIBITED, parent.number, False)


# -- what the pager hears


def test_all_that_the_pager_hears_of_an_incident_is_as_urgent_as_its_page(shop: Shop) -> None:
    """A lane keeps the order of its rows only among equals."""
    incident = shop.incidents.declare(ANA, Declaration("search", "it is slow", Severity.SEV1))
    key = shop.store.incident(incident.number).page_key
    shop.store.save(Change(incidents=(shop.store.incident(1).changed(page_keys=(key,)),)), shop.now)
    shop.incidents.acknowledge(ANA, 1)
    shop.incidents.resolve(ANA, 1, "it was the cache")
    rows = owed(shop, OwedKind.PAGE, OwedKind.PAGER)
    assert [json.loads(row["body"]).get("action") for row in rows][-2:] == ["acknowledge", "resolve"]
    assert {(row["lane"], row["priority"]) for row in rows} == {("page:INC-1", Priority.URGENT)}


# -- what a route says about paging


@pytest.mark.parametrize(("name", "says"), [(ERRORS, False), (CPU, True)], ids=["no page", "page"])
def test_what_its_route_says_about_paging_outlasts_a_silence(name: str, says: bool) -> None:
    with closing(Shop(routes=[{"alarm": "*checkout*", "page": says}])) as shop:
        alert = shop.fires(name)
        assert alert.pages is says
        shop.silences.silence_alert(ANA, alert.number, "5m", "known")
        before = len(owed(shop, OwedKind.PAGE))
        shop.pass_time(301)
        shown = shop.store.alert(alert.number)
        assert (shown.shown, shown.pages) == (Shown.CARD, says)
        assert len(owed(shop, OwedKind.PAGE)) == before + says


def test_whoever_changes_the_severity_overrules_the_route() -> None:
    with closing(Shop(routes=[{"alarm": "*checkout*", "page": False}])) as shop:
        alert = shop.fires(CPU)
        shop.alerts.change_severity(ANA, alert.number, Severity.SEV1)
        assert shop.store.alert(alert.number).pages
        shop.silences.silence_alert(ANA, alert.number, "5m", "known")
        shop.pass_time(301)
        assert shop.store.alert(alert.number).pages


# -- mail

TOPICS: dict[str, Any] = {"topics": {1: "arn:aws:sns:us-east-1:123456789012:pages"}}


def ready(shop: Shop, kind: OwedKind) -> bool:
    """Would a row of this kind leave now? Nothing is sent."""
    taken = shop.store.claim_deliveries("look", shop.now, lease=1, limit=50)
    shop.store.release_claims("look")
    return any(each.owed.kind is kind for each in taken)


@pytest.fixture
def mailing() -> Iterator[Shop]:
    with closing(Shop(**TOPICS)) as made:
        yield made


def card_tried(shop: Shop) -> Delivery:
    return next(each for each in claimed_of(shop, OwedKind.ALERT))


def claimed_of(shop: Shop, kind: OwedKind) -> Iterator[Delivery]:
    taken = shop.store.claim_deliveries("me", shop.now, lease=60, limit=50)
    yield from (each for each in taken if each.owed.kind is kind)


def test_a_mail_leaves_once_its_card_stands(mailing: Shop) -> None:
    mailing.fires(ERRORS)
    assert not ready(mailing, OwedKind.MAIL)
    card = card_tried(mailing)
    mailing.store.release_claims("other")
    mailing.store.settle(card, mailing.now)
    assert ready(mailing, OwedKind.MAIL)


def test_a_mail_does_not_wait_for_a_slack_that_is_down(mailing: Shop) -> None:
    mailing.fires(ERRORS)
    card = card_tried(mailing)
    mailing.store.postpone(card, mailing.now + timedelta(hours=1), error="connection", in_doubt=False)
    assert ready(mailing, OwedKind.MAIL)


def test_a_mail_waits_a_minute_at_most_for_a_slack_that_does_not_answer(mailing: Shop) -> None:
    mailing.fires(ERRORS)
    card_tried(mailing)
    mailing.now += timedelta(seconds=59)
    assert not ready(mailing, OwedKind.MAIL)
    mailing.now += timedelta(seconds=1)
    assert ready(mailing, OwedKind.MAIL)


# -- investigations


def looked_at(shop: Shop) -> list[str]:
    rows = shop.store._db.rows("SELECT data FROM investigations ORDER BY number")
    return [Investigation.model_validate_json(row["data"]).subject for row in rows]


def done(shop: Shop, alert: Alert) -> None:
    """Its investigation ends now."""
    (newest,) = shop.store.investigations_of(alert.id, limit=1)
    after = newest.changed(status=InvestigationStatus.DONE, done_at=shop.now)
    shop.store.save(Change(investigations=(after,)), shop.now)


@pytest.mark.parametrize("ended", [True, False], ids=["done", "waits"])
def test_one_cause_is_looked_for_once_by_a_composite_alarm_and_its_child(shop: Shop, ended: bool) -> None:
    child = shop.fires(ERRORS)
    if ended:
        done(shop, child)
    stands(shop, ERRORS)
    assert looked_at(shop) == [child.id]


def test_a_composite_alarm_in_the_same_batch_as_its_child_is_not_looked_at_again(shop: Shop) -> None:
    about = {"kind": AlarmKind.COMPOSITE, "children": (ERRORS,)}
    shop.receive(shop.news(ERRORS), shop.news(COMPOSITE, alarm=about))
    assert looked_at(shop) == ["AL-1"]


def test_a_child_worse_than_its_composite_alarm_is_not_looked_at_again(shop: Shop) -> None:
    shop.fires("prod-gateway-down-high", alarm={"kind": AlarmKind.COMPOSITE, "children": (ERRORS,)})
    shop.now += timedelta(seconds=5)
    child = shop.fires(ERRORS)
    assert child.pages
    assert looked_at(shop) == ["AL-1"]


def test_long_after_its_childs_a_composite_alarm_has_an_investigation_of_its_own(shop: Shop) -> None:
    child = shop.fires(ERRORS)
    done(shop, child)
    shop.now += timedelta(minutes=6)
    assert looked_at(shop) == [child.id]
    parent = stands(shop, ERRORS)
    assert looked_at(shop) == [child.id, parent.id]


def test_two_alerts_of_a_service_at_once_have_one_report(shop: Shop) -> None:
    first = shop.fires(LATENCY)
    shop.now += timedelta(seconds=1)
    worse = shop.fires(ERRORS)
    assert worse.severity < first.severity
    assert worse.pages
    assert worse.lead is None
    assert looked_at(shop) == [first.id]
    (told,) = [row["body"] for row in owed(shop, OwedKind.POST) if row["subject"] == worse.id]
    assert "RCA-1" in told
    assert first.id in told


def test_a_standing_approval_of_an_action_has_its_service_looked_into(shop: Shop) -> None:
    until = shop.now + timedelta(hours=2)
    let = Approval(name="scale_up", service="checkout", by=ANA.user_id, at=shop.now, until=until)
    shop.store.save(Change(approvals=(let,)), shop.now)
    alert = shop.fires(CPU)
    assert not alert.pages
    assert looked_at(shop) == [alert.id]
    shop.fires(INDEX)
    assert looked_at(shop) == [alert.id], "nobody let anything run for that one"


def test_an_alert_that_comes_back_is_looked_at_again_but_not_all_the_time(shop: Shop) -> None:
    alert = shop.fires(ERRORS)
    done(shop, alert)
    for minutes, times in ((1, 1), (3, 1), (4, 2)):
        shop.hear(ERRORS, OK, at=shop.now + timedelta(seconds=1))
        shop.now += timedelta(minutes=minutes)
        again = shop.fires(ERRORS)
        assert again.number == alert.number
        assert looked_at(shop) == [alert.id] * times


@pytest.mark.parametrize("how", ["silence", "severity"])
def test_a_root_cause_is_looked_for_also_when_people_are_called_later(shop: Shop, how: str) -> None:
    silence = shop.silences.silence(ANA, "prod-checkout*", "30m", "known").silence
    alert = shop.fires(CPU if how == "severity" else ERRORS)
    assert looked_at(shop) == []
    shop.now += timedelta(minutes=10)
    shop.silences.end(silence.id)
    if how == "severity":
        assert looked_at(shop) == []
        shop.alerts.change_severity(ANA, alert.number, Severity.SEV2)
    assert looked_at(shop) == [alert.id]


# -- the clock of what is shown, paged or rated later


def calls(shop: Shop) -> list[str]:
    """The roles that were asked to be called so far."""
    return [json.loads(row["body"])["role"] for row in owed(shop, OwedKind.PAGE)]


@pytest.mark.parametrize("how", ["by itself", "by hand"])
def test_after_a_silence_the_ladder_begins_anew(shop: Shop, how: str) -> None:
    silence = shop.silences.silence(ANA, "prod-checkout*", "2h", "known").silence
    alert = shop.fires(ERRORS)
    if how == "by itself":
        shop.pass_time(7200)
    else:
        shop.now += timedelta(seconds=3600)
        shop.silences.unsilence(ANA, silence.id)
    shop.pass_time(1)
    assert calls(shop) == ["primary"]
    shop.pass_time(5 * 60)
    assert calls(shop) == ["primary", "secondary"]
    assert shop.store.alert(alert.number).missed_at is not None


def test_rated_up_the_ladder_is_counted_from_then_on(shop: Shop) -> None:
    alert = shop.fires(CPU)
    shop.pass_time(7200)
    assert calls(shop) == []
    shop.alerts.change_severity(ANA, alert.number, Severity.SEV1)
    shop.pass_time(1)
    assert calls(shop) == ["primary"]
    shop.pass_time(16 * 60)
    assert calls(shop) == ["primary", "secondary", "team lead"]


def test_a_declared_incident_that_is_rated_up_is_counted_from_then_on(shop: Shop) -> None:
    shop.incidents.declare(ANA, Declaration("checkout-api", "payments fail", Severity.SEV3))
    shop.pass_time(7200)
    shop.incidents.change_severity(ANA, 1, Severity.SEV1)
    shop.pass_time(1)
    assert calls(shop) == ["primary"]


def test_why_names_every_stage_and_what_a_rating_changed_about_the_routing(shop: Shop) -> None:
    alert = shop.fires(CPU)
    assert {each.stage for each in alert.decisions} == set(Stage)
    shop.alerts.change_severity(ANA, alert.number, Severity.SEV1)
    routed = next(each for each in shop.store.alert(alert.number).decisions if each.stage is Stage.ROUTING)
    assert routed.outcome == "page"
    assert "since it was rated SEV-1" in routed.reason


# -- what fires on although people resolved it


def told_pager(shop: Shop, alert: Alert, state: PagerState = PagerState.RESOLVED) -> None:
    shop.sync.heard(PagerChange(
        source_id="p1", key=alert.page_key, state=state, at=shop.now, by_name="Kim Porter", by_email="kim@shop.example"
    ))  # fmt: skip


def said(shop: Shop, what: str) -> list[str]:
    """The messages that say this."""
    bodies = [json.loads(row["body"]) for row in owed(shop, OwedKind.POST)]
    return [str(body["text"]) for body in bodies if what in str(body.get("text"))]


def test_a_page_that_is_resolved_while_its_alarms_fire_makes_no_incident(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    shop.now += timedelta(seconds=5)
    second = shop.fires("prod-checkout-cpu-critical")
    shop.now += timedelta(seconds=20)
    told_pager(shop, first)
    assert owed(shop, OwedKind.DECLARED, OwedKind.RESOLVED) == []
    assert all(shop.store.alert(one.number).is_left for one in (first, second))
    (words,) = said(shop, "Its page was resolved")
    assert "in PagerDuty, by Kim Porter, but 2 alarms still fire" in words
    shop.pass_time(20 * 60)
    assert calls(shop) == ["primary"], "whoever resolved the page is heard"


def test_what_was_left_is_told_again_in_one_message_until_somebody_takes_it(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    shop.now += timedelta(seconds=5)
    shop.fires("prod-checkout-cpu-critical")
    told_pager(shop, first)
    shop.pass_time(31 * 60)
    assert len(said(shop, "although its page was resolved")) == 1
    shop.pass_time(31 * 60)
    assert len(said(shop, "although its page was resolved")) == 2
    taken = shop.alerts.acknowledge(ANA, first.number)
    assert taken.changed
    assert taken.incident is not None
    assert taken.incident.firing == 2
    shop.pass_time(120 * 60)
    assert len(said(shop, "although its page was resolved")) == 2
    assert not shop.store.alert(first.number).is_left


def test_an_old_word_of_the_pager_does_not_end_what_was_taken_again(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    shop.now += timedelta(seconds=30)
    resolved_at = shop.now
    told_pager(shop, first)
    shop.now += timedelta(minutes=10)
    shop.alerts.acknowledge(ANA, first.number)
    now, shop.now = shop.now, resolved_at
    told_pager(shop, first)
    shop.now = now
    assert shop.store.incident(1).is_open


@pytest.mark.parametrize("how", ["in Slack", "at the pager"])
def test_alarms_that_fire_on_after_their_incident_was_resolved_are_nobodys(shop: Shop, how: str) -> None:
    first = shop.fires(ERRORS)
    shop.alerts.acknowledge(ANA, first.number)
    shop.now += timedelta(seconds=60)
    if how == "in Slack":
        shop.incidents.resolve(ANA, 1, "the alarm measures the old cluster")
    else:
        told_pager(shop, first)
    incident = shop.store.incident(1)
    assert not incident.is_open
    assert incident.resolution == "", "nobody said what fixed it"
    (words,) = said(shop, "INC-1 was resolved")
    assert "but 1 alarm still fires" in words
    assert ("They say: the alarm measures the old cluster" in words) is (how == "in Slack")
    assert shop.store.alert(first.number).is_left
    shop.pass_time(31 * 60)
    assert len(said(shop, "although INC-1 was resolved")) == 1
    again = shop.alerts.acknowledge(ANA, first.number).incident
    assert again is not None
    assert (again.number, again.firing) == (2, 1)


def test_reopening_the_incident_takes_its_alarms_up_again(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    shop.alerts.acknowledge(ANA, first.number)
    shop.incidents.resolve(ANA, 1, "so be it")
    shop.incidents.reopen(ANA, 1)
    assert not shop.store.alert(first.number).is_left
    shop.pass_time(3 * 3600)
    assert said(shop, "although INC-1 was resolved") == []
    shop.hear(ERRORS, OK)
    assert shop.store.incident(1).status is Status.RESOLVED


def test_the_ok_of_what_was_left_ends_it_and_its_return_is_new(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    told_pager(shop, first)
    shop.now += timedelta(seconds=60)
    shop.hear(ERRORS, OK)
    assert shop.timers() == Counter()
    shop.now += timedelta(seconds=60)
    again = shop.fires(ERRORS)
    assert again.number == first.number
    assert again.awaits
    assert calls(shop) == ["primary", "primary"]


def test_who_acknowledges_an_inherited_page_at_the_pager_has_what_fires(shop: Shop) -> None:
    first = shop.fires(ERRORS)
    shop.now += timedelta(seconds=5)
    heir = shop.fires("prod-checkout-cpu-critical")
    shop.now += timedelta(seconds=5)
    shop.hear(ERRORS, OK)
    told_pager(shop, first, PagerState.ACKNOWLEDGED)
    assert shop.store.alert(heir.number).is_acknowledged


# -- silences


def test_a_silence_on_what_somebody_has_keeps_only_its_return_quiet(shop: Shop) -> None:
    alert = shop.fires(ERRORS)
    shop.alerts.acknowledge(ANA, alert.number)
    hidden = shop.silences.silence(ANA, "prod-checkout*", "2h", "known")
    assert [one.id for one in hidden.reach.kept] == [alert.id]
    now = shop.store.alert(alert.number)
    assert (now.shown, now.silence) == (Shown.CARD, hidden.silence.id)
    shop.silences.end(hidden.silence.id)
    now = shop.store.alert(alert.number)
    assert (now.shown, now.silence, now.incident) == (Shown.CARD, None, 1)
    assert calls(shop) == ["primary"], "the end of the silence calls nobody: somebody has it"


def test_what_a_silence_hides_is_known_before(shop: Shop) -> None:
    alert = shop.fires(ERRORS)
    wide = shop.silences.reach(ANA, "prod-*", "2h", "x")
    assert wide.is_wide
    assert [one.id for one in wide.alerts] == [alert.id]
    none = shop.silences.reach(ANA, "prod-nothing-*", "2h", "x")
    assert not none.is_wide
    assert none.alarms == 0
    assert shop.store.silences() == []
    for number in range(12):
        shop.hear(f"prod-basket-x{number}-low", OK)
    assert shop.silences.reach(ANA, "prod-basket-*", "2h", "x").is_wide, "it fits twelve alarms that are known"


# -- what belongs to one incident


def test_an_old_minor_alert_neither_dates_nor_holds_the_incident_open(shop: Shop) -> None:
    minor = shop.fires("prod-checkout-disk-low")
    shop.pass_time(48 * 60)
    worse = shop.fires(ERRORS)
    shop.now += timedelta(seconds=4)
    incident = shop.alerts.acknowledge(ANA, worse.number).incident
    assert incident is not None
    assert incident.started_at == worse.fired_at
    assert shop.store.alert(minor.number).awaits
    lines = [event.text for _, event in shop.store.timeline(1, limit=20)]
    assert any(f"{minor.id} fires, no part of this" in line for line in lines)
    shop.now += timedelta(seconds=60)
    shop.hear(ERRORS, OK)
    assert not shop.store.incident(1).is_open


def test_who_takes_a_minor_alert_takes_what_is_worse_or_paged_with_it(shop: Shop) -> None:
    paged = shop.fires(LATENCY)
    shop.pass_time(48 * 60)
    worse = shop.fires(ERRORS)
    shop.alerts.acknowledge(ANA, worse.number)
    assert shop.store.alert(paged.number).incident == 1


# -- numbers


def test_whoever_is_too_late_takes_no_number(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else acknowledges between this person's reading and writing."""
    alert, read = shop.fires(ERRORS), shop.store.coming_number

    def overtaken() -> int:
        monkeypatch.setattr(shop.store, "coming_number", read)
        shop.alerts.acknowledge(BOB, alert.number)
        return 1

    monkeypatch.setattr(shop.store, "coming_number", overtaken)
    late = shop.alerts.acknowledge(ANA, alert.number)
    assert not late.changed
    assert late.alert.acknowledged_by == BOB.user_id
    assert shop.incidents.declare(ANA, Declaration("search", "empty results", Severity.SEV3)).number == 2


def test_a_number_that_somebody_else_took_is_not_given_twice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    alert, read = shop.fires(ERRORS), shop.store.coming_number
    numbers = iter([1])
    shop.incidents.declare(ANA, Declaration("search", "empty results", Severity.SEV3))
    monkeypatch.setattr(shop.store, "coming_number", lambda: next(numbers, 0) or read())
    incident = shop.alerts.acknowledge(ANA, alert.number).incident
    assert incident is not None
    assert incident.number == 2


# -- storms


STORM: dict[str, Any] = {"triage": {"storm": {"alerts": 4}}}


class Slack:
    """Takes all messages; what was posted."""

    def __init__(self) -> None:
        self.posted: list[str] = []

    def post(self, channel: str, message: Message, **more: Any) -> MessageRef:
        self.posted.append(message.text)
        return MessageRef("C0OPS", f"{len(self.posted)}.0")

    def edit(self, ref: MessageRef, message: Message) -> None:
        return None

    def find(self, *_: Any, **__: Any) -> MessageRef | None:
        return None


def owed(shop: Shop, *kinds: OwedKind) -> list[dict[str, Any]]:
    rows = shop.store._db.rows("SELECT * FROM outbox ORDER BY seq")
    return [dict(row) for row in rows if row["kind"] in kinds]


def claimed(shop: Shop) -> Iterator[Delivery]:
    """What is owed, in the order in which it leaves; whoever takes one settles it."""
    while taken := shop.store.claim_deliveries("me", shop.now, lease=60, limit=1):
        yield taken[0]


def delivered(shop: Shop) -> list[str]:
    """All that is owed to alerts is carried: what stands in Slack now."""
    slack: Any = Slack()
    carriers = AlertCarriers(shop.store, slack, AlertCards(shop.store, shop.rules, Config()), "ops-incidents")
    for delivery in claimed(shop):
        try:
            posted = carriers.carry(delivery).posted if carriers.takes(delivery.owed) else ()
        except ChatError as error:
            later = shop.now + timedelta(hours=1)
            shop.store.postpone(delivery, later, error=str(error), in_doubt=False)
        else:
            shop.store.settle(delivery, shop.now, posted=posted)
    return list(slack.posted)


def storm(shop: Shop, number: int, severity: str = "high") -> list[Alert]:
    return [shop.fires(f"prod-shop{each:02}-latency-{severity}") for each in range(number)]


@pytest.fixture
def stormy() -> Iterator[Shop]:
    with closing(Shop(**STORM)) as made:
        yield made


def test_after_a_storm_what_is_over_gets_no_card(stormy: Shop) -> None:
    alerts = storm(stormy, 20, "medium")
    for alert in alerts:
        stormy.now += timedelta(seconds=1)
        stormy.hear(alert.alarm.name, OK)
    stormy.pass_time(400)
    said = delivered(stormy)
    assert [each for each in said if "🟢" in each] == []
    assert [each for each in said if "shop" in each] == []


def test_after_a_storm_also_what_paged_gets_no_card_when_it_is_over() -> None:
    """The first of each service paged, and those behind it shared that page."""
    stormy = Shop(**STORM, investigation={"by_itself": False})
    alerts = [stormy.fires(f"prod-shop{each % 5}-latency{each}-high") for each in range(20)]
    assert stormy.store.storm("ops") is not None
    for alert in alerts:
        stormy.now += timedelta(seconds=1)
        page = Paged(at=stormy.now, role=Role.PRIMARY, name="Bob")
        now = stormy.store.alert(alert.number)
        stormy.store.save(Change(alerts=(now.changed(paged=(page,)),)), stormy.now)
        stormy.hear(alert.alarm.name, OK)
    stormy.pass_time(400)
    assert [each for each in delivered(stormy) if "🟢" in each] == []


def test_in_a_storm_every_service_that_pages_has_a_card(stormy: Shop) -> None:
    for each in range(60):
        stormy.now += timedelta(seconds=1)
        stormy.fires(f"prod-shop{each % 25}-latency{each}-high")
    said = delivered(stormy)
    assert sum("🔴 SEV-2 · shop" in each for each in said) == 25


def test_what_can_not_be_read_waits_behind_the_cards_and_becomes_a_number(shop: Shop) -> None:
    began = shop.now
    shop.intake.receive([Unreadable(source_id=f"g{n}", raw="?", problem="no JSON") for n in range(10)], NoTags())
    shop.fires(LATENCY)
    said = delivered(shop)
    assert "SEV-2" in said[0]
    assert len(said) == 1 + 3
    shop.now += timedelta(seconds=61)
    (flood,) = delivered(shop)
    assert f"10 messages on the alert queue could not be read since <!date^{int(began.timestamp())}^" in flood


def test_after_a_storm_a_few_of_what_still_fires_get_a_card_one_of_each_group(stormy: Shop) -> None:
    fourth = stormy.rules.triage.storm.alerts
    storm(stormy, fourth, "medium")
    for name in ("latency", "errors", "cpu"):
        stormy.fires(f"prod-basket-{name}-medium")
    storm(stormy, 20, "low")
    hidden = [one.number for one in stormy.all() if one.shown is Shown.STORM]
    stormy.pass_time(400)
    stormy.pass_time(400)
    after = [one for one in stormy.all() if one.number in hidden and one.shown is Shown.CARD]
    assert 0 < len(after) <= 5
    assert len({one.group for one in after}) == len(after)
    assert [one.severity for one in after] == sorted(one.severity for one in after)
    assert sum(one.service == "basket" for one in after) == 1


def test_one_that_was_over_at_once_has_its_card_where_no_storm_is(shop: Shop) -> None:
    shop.fires(CPU)
    shop.now += timedelta(seconds=5)
    shop.hear(CPU, OK)
    assert any("🟢 SEV-3" in each for each in delivered(shop))


def test_an_alert_of_a_storm_whose_card_never_stood_has_no_notes(stormy: Shop) -> None:
    alerts = storm(stormy, 20, "medium")
    hidden = [one for one in alerts if one.shown is Shown.STORM]
    assert hidden
    stormy.pass_time(3600)
    subjects = {row["subject"] for row in owed(stormy, OwedKind.POST)}
    assert not subjects & {one.id for one in hidden if not stormy.store.alert(one.number).has_stood}


@pytest.mark.parametrize("how", ["over", "acknowledged", "waits"])
def test_that_it_was_not_acknowledged_in_time_is_said_only_while_that_is_so(shop: Shop, how: str) -> None:
    alert = shop.fires(ERRORS)
    delivered(shop)
    shop.pass_time(1800)
    if how == "over":
        shop.hear(ERRORS, OK)
    elif how == "acknowledged":
        shop.alerts.acknowledge(ANA, alert.number)
    overdue = [each for each in delivered(shop) if "not acknowledged" in each]
    assert len(overdue) == (1 if how == "waits" else 0)


def test_what_is_declared_overtakes_the_cards_that_wait_for_its_channel(shop: Shop) -> None:
    for each in range(6):
        shop.fires(f"prod-shop{each:02}-latency-high")
    shop.incidents.declare(ANA, Declaration("search", "it is slow", Severity.SEV1))
    left: list[Owed] = []
    for delivery in claimed(shop):
        left.append(delivery.owed)
        shop.store.settle(delivery, shop.now)
    kinds = [row.kind for row in left if row.pace == "post:ops"]
    assert kinds[:2] == [OwedKind.DECLARED, OwedKind.CARD]


def test_a_new_incident_overtakes_the_cards_that_wait_for_its_channel(shop: Shop) -> None:
    taken = shop.fires(SEARCH.replace("critical", "high"))
    for each in range(12):
        shop.fires(f"prod-shop{each:02}-latency-{'high' if each % 2 else 'medium'}")
    shop.alerts.acknowledge(ANA, taken.number)
    left: list[Owed] = []
    for delivery in claimed(shop):
        left.append(delivery.owed)
        shop.store.settle(delivery, shop.now)
    kinds = [row.kind for row in left if row.pace == "post:ops"]
    assert kinds[:2] == [OwedKind.DECLARED, OwedKind.CARD]
    severities = [shop.store.alert(int(row.subject[3:])).severity for row in left if row.kind is OwedKind.ALERT]
    assert severities == sorted(severities)


def test_what_a_storm_brings_is_not_investigated_one_by_one(stormy: Shop) -> None:
    storm(stormy, 20)
    before = looked_at(stormy)
    assert len(before) <= 4
    stormy.fires("prod-other-latency-critical")
    assert looked_at(stormy) == before, "nobody knows that service"


def test_in_a_storm_a_sev_1_of_a_known_service_is_investigated() -> None:
    with closing(Shop(**STORM, services={"checkout": {}})) as shop:
        storm(shop, 20)
        urgent = shop.fires(ERRORS)
        assert looked_at(shop)[-1] == urgent.id


def test_a_deployment_that_only_ecs_told_of_has_the_revision_and_who_from_the_investigation(shop: Shop) -> None:
    told = Deployment(
        source_id="d",
        id="ecs-svc/1",
        service="checkout",
        state=DeploymentState.SUCCEEDED,
        at=NOW - timedelta(minutes=2),
    )
    shop.intake.receive([told], NoTags())
    alert = shop.fires(ERRORS)
    cards = AlertCards(shop.store, shop.rules, Config())
    assert [(each.version, each.by) for each in cards.facts(alert).deployments] == [("", "")]
    made = {"what": "deployed web:43", "target": "checkout", "service": "checkout", "after": "web:43"}
    changes = (Made(kind=ChangeKind.DEPLOYMENT, at=NOW - timedelta(minutes=3), by="ci-deployer", **made),)
    (begun,) = shop.store.investigations_of(alert.id)
    evidence = Evidence(service="checkout", began_at=NOW, since=NOW, until=NOW, changes=changes)
    shop.store.save(Change(investigations=(begun.changed(evidence=evidence),)), shop.now)
    assert [(each.version, each.by) for each in cards.facts(alert).deployments] == [("web:43", "ci-deployer")]


def test_what_passes_by_itself_is_on_no_card(shop: Shop) -> None:
    alert = shop.fires(ERRORS)
    cards = AlertCards(shop.store, shop.rules, Config())
    passing = ["card_not_posted: its card comes first", "ratelimited", "timeout: chat.postMessage"]
    for error in [*passing, "channel_not_found"]:
        delivery = next(each for each in claimed(shop) if each.owed.kind is OwedKind.ALERT)
        shop.store.postpone(delivery, shop.now, error=error, in_doubt=False)
        shop.store.release_claims("me")
        told = [each.error for each in cards.facts(alert).troubles]
        assert told == ([] if error in passing else [error])


@pytest.mark.parametrize("kind", [OwedKind.TOPIC, OwedKind.PAGER, OwedKind.PAGE, OwedKind.MAIL])
def test_an_incidents_card_is_silent_about_a_try_that_is_made_again_within_seconds(shop: Shop, kind: OwedKind) -> None:
    shop.incidents.declare(ANA, Declaration("search", "it is slow", Severity.SEV3))
    shop.store.save(Change(owed=(Owed(kind=kind, lane="a lane", subject="INC-1"),)), shop.now)
    told = []
    for _ in range(3):
        delivery = next(each for each in claimed_of(shop, kind))
        shop.store.postpone(delivery, shop.now, error="connection", in_doubt=False)
        shop.store.release_claims("me")
        told.append(bool(shop.cards.facts(shop.store.incident(1)).troubles))
    assert told == ([True, True, True] if kind is OwedKind.PAGE else [False, False, True])


def test_an_incidents_card_says_at_once_what_does_not_pass_by_itself(shop: Shop) -> None:
    shop.incidents.declare(ANA, Declaration("search", "it is slow", Severity.SEV3))
    delivery = next(each for each in claimed_of(shop, OwedKind.DECLARED))
    shop.store.postpone(delivery, shop.now, error="not_in_channel", in_doubt=False, aside=True)
    (trouble,) = shop.cards.facts(shop.store.incident(1)).troubles
    assert trouble.error == "not_in_channel"


@pytest.mark.parametrize(
    ("code", "level"),
    [("card_not_posted", logging.DEBUG), ("ratelimited", logging.INFO), ("channel_not_found", logging.WARNING)],
)
def test_how_loud_the_log_is_about_a_message_that_was_not_taken(
    shop: Shop, caplog: pytest.LogCaptureFixture, code: str, level: int
) -> None:
    class Refusing:
        def carry(self, delivery: Delivery) -> Settlement:
            raise ChatError(code, retryable=True)

        def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
            return None

    caplog.set_level(logging.DEBUG)
    shop.fires(ERRORS)
    Outbox(shop.store, lambda: shop.now, "me").carry(Refusing(), next(claimed(shop)))
    assert [each.levelno for each in caplog.records if "not taken" in each.message] == [level]


def test_numbers_are_not_taken_by_the_hundreds(shop: Shop) -> None:
    shop.fires(LATENCY)
    assert shop.store.next_alert_numbers(1)[0] <= 21


# -- the order of messages


STORIES = {
    "fires": (FIRES,),
    "over": (FIRES, OK),
    "again": (FIRES, OK, FIRES),
    "over again": (FIRES, OK, FIRES, OK),
    "without data": (FIRES, NO_DATA),
    "over, then without data": (FIRES, OK, NO_DATA),
    "data comes back": (FIRES, NO_DATA, OK),
}


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_whatever_the_order_of_arrival_the_newest_state_counts(story: tuple[AlarmState, ...], at_once: bool) -> None:
    """No data is no news about whether it fires: then the newest ALARM or OK counts."""
    is_firing = [state for state in story if state is not NO_DATA][-1] is FIRES
    for order in permutations(range(len(story))):
        with closing(Shop()) as shop:
            shop.now += timedelta(seconds=60)
            news = [shop.news(LATENCY, story[place], at=NOW + timedelta(seconds=place)) for place in order]
            for batch in [news] if at_once else [[one] for one in news]:
                shop.receive(*batch)
            assert bool(shop.store.firing_count()) is is_firing, [each.state.value for each in news]


# -- whatever order life brings


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
