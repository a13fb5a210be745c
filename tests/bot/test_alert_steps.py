"""What alerts go through, through the use cases and a store, story by story."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from bot.incidents import Declaration
from bot.models import (
    Alert,
    Change,
    Delivery,
    EventKind,
    OwedKind,
    Paged,
    Priority,
    Role,
    Severity,
    Shown,
    Stage,
    Status,
)
from bot.signals import (
    AlarmState,
    PagerChange,
    PagerState,
)
from tests.bot.alerting import (
    ANA,
    BOB,
    CPU,
    ERRORS,
    FIRES,
    LATENCY,
    NO_DATA,
    OK,
    Shop,
    claimed,
    claimed_of,
    owed,
)
from tests.bot.make import NOW

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


# -- what the pager hears


def test_all_that_the_pager_hears_of_an_incident_is_in_one_lane(shop: Shop) -> None:
    incident = shop.incidents.declare(ANA, Declaration("search", "it is slow", Severity.SEV1))
    key = shop.store.incident(incident.number).page_key
    shop.store.save(Change(incidents=(shop.store.incident(1).changed(page_keys=(key,)),)), shop.now)
    shop.incidents.acknowledge(ANA, 1)
    shop.incidents.resolve(ANA, 1, "it was the cache")
    rows = owed(shop, OwedKind.PAGE, OwedKind.PAGER)
    assert [json.loads(row["body"]).get("action") for row in rows][-2:] == ["acknowledge", "resolve"]
    assert {(row["lane"], row["priority"]) for row in rows} == {("page:aiops-INC-1", Priority.URGENT)}


def pager_hears(shop: Shop) -> list[str]:
    """In the order in which it leaves; what it is told while it was down."""
    heard = []
    for each in claimed(shop):
        if each.owed.kind in (OwedKind.PAGE, OwedKind.PAGER):
            heard.append(each.owed.body.get("action") or f"page {each.owed.subject}")
        shop.store.settle(each, shop.now)
    return heard


def test_a_page_for_what_became_worse_does_not_overtake_the_end_of_the_one_before(shop: Shop) -> None:
    number = shop.fires(LATENCY).number
    for severity in (Severity.SEV3, Severity.SEV1):
        shop.now += timedelta(seconds=5)
        shop.alerts.change_severity(ANA, number, severity)
    assert pager_hears(shop) == ["page AL-1", "resolve", "page AL-1"]


def test_what_ends_a_page_with_its_incident_goes_before_the_page_of_the_alarm_that_is_back(shop: Shop) -> None:
    shop.alerts.acknowledge(ANA, shop.fires(LATENCY).number)
    for state in (OK, FIRES):
        shop.now += timedelta(seconds=5)
        shop.hear(LATENCY, state)
    assert pager_hears(shop) == ["page AL-1", "acknowledge", "resolve", "page AL-1"]


def test_a_page_that_was_still_on_its_way_is_made_for_the_alert_that_takes_its_place(shop: Shop) -> None:
    shop.fires(ERRORS)
    shop.now += timedelta(seconds=5)
    heir = shop.fires(LATENCY)
    shop.now += timedelta(seconds=5)
    shop.hear(ERRORS, OK)
    keys = {each.owed.subject: each.owed.body["key"] for each in claimed_of(shop, OwedKind.PAGE)}
    assert keys == {"AL-1": "aiops-AL-1"}, "one page, one lane"
    (waits,) = [row for row in owed(shop, OwedKind.PAGE) if row["subject"] == heir.id]
    assert json.loads(waits["body"])["key"] == "aiops-AL-1"


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
