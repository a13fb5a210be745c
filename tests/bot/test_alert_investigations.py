"""For which alerts a root cause is looked for by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.models import (
    Action,
    Alert,
    Approval,
    Cause,
    Change,
    Diagnosis,
    InvestigationStatus,
    Order,
    OwedKind,
    Severity,
)
from bot.signals import (
    AlarmKind,
)
from tests.bot import fixing
from tests.bot.alerting import (
    ANA,
    COMPOSITE,
    CPU,
    ERRORS,
    INDEX,
    LATENCY,
    OK,
    Shop,
    looked_at,
    owed,
    stands,
)


def done(shop: Shop, alert: Alert, cause: Cause = Cause.UNKNOWN) -> None:
    """Its investigation ends now."""
    (newest,) = shop.store.investigations_of(alert.id, limit=1)
    found = Diagnosis(cause=cause, severity=alert.severity, confidence=0.9)
    after = newest.changed(status=InvestigationStatus.DONE, done_at=shop.now, diagnosis=found)
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


@pytest.mark.parametrize(
    ("ended", "ran", "is_anew"),
    [(20, True, True), (70, True, False), (20, False, False)],
    ids=["repaired before", "is being repaired", "a plan that was rejected"],
)
def test_what_fires_after_something_was_repaired_is_looked_at_anew(
    shop: Shop, ended: int, ran: bool, is_anew: bool
) -> None:
    first = shop.fires(ERRORS)
    done(shop, first, Cause.MEMORY_LEAK)
    order = Order(action=Action.ROLLBACK, service=first.service, environment=first.environment)
    times = {"started_at": shop.now if ran else None, "finished_at": shop.now + timedelta(seconds=ended)}
    shop.store.save(Change(remediations=(fixing.done(1, order=order, **times),)), shop.now)
    shop.now += timedelta(seconds=40)
    shop.hear(ERRORS, OK)
    shop.now += timedelta(seconds=5)
    shop.fires(ERRORS)
    assert looked_at(shop) == [first.id] * (2 if is_anew else 1)


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


RATE = "prod-checkout-errorrate-high"


def lets(shop: Shop, name: str = "rollback") -> None:
    until = shop.now + timedelta(hours=2)
    let = Approval(name=name, service="checkout", by=ANA.user_id, at=shop.now, until=until)
    shop.store.save(Change(approvals=(let,)), shop.now)


@pytest.mark.parametrize("seconds", [0, 1, 30])
def test_a_metric_alarm_beside_a_composite_one_has_the_report_of_its_child(shop: Shop, seconds: float) -> None:
    """The report is about the child, which the composite alarm hides by now."""
    lets(shop)
    child = shop.fires(ERRORS)
    above = {"kind": AlarmKind.COMPOSITE, "children": (ERRORS,)}
    shop.fires("prod-checkout-health-critical", alarm=above)
    done(shop, child, Cause.MANY_ERRORS)
    shop.now += timedelta(seconds=seconds)
    shop.fires(RATE)
    assert looked_at(shop) == [child.id]


def test_what_fires_after_somebody_took_the_first_one_has_its_report(shop: Shop) -> None:
    first = shop.fires(LATENCY)
    done(shop, first, Cause.MANY_ERRORS)
    shop.alerts.acknowledge(ANA, first.number)
    shop.now += timedelta(seconds=5)
    worse = shop.fires(ERRORS)
    assert worse.pages
    assert looked_at(shop) == [first.id]


@pytest.mark.parametrize("why", ["it is over", "it is of another environment", "it found nothing", "long ago"])
def test_a_report_that_says_nothing_of_an_alert_is_not_shared(shop: Shop, why: str) -> None:
    first = shop.fires("staging-checkout-latency-high" if "environment" in why else LATENCY)
    done(shop, first, Cause.UNKNOWN if why == "it found nothing" else Cause.MANY_ERRORS)
    shop.now += timedelta(minutes=6) if why == "long ago" else timedelta(seconds=5)
    if why == "it is over":
        shop.hear(LATENCY, OK)
        shop.now += timedelta(seconds=5)
    worse = shop.fires(ERRORS)
    assert looked_at(shop) == [first.id, worse.id]


def test_two_that_a_composite_alarm_stood_for_have_one_report_when_it_is_over(shop: Shop) -> None:
    names = (ERRORS, "prod-checkout-5xx-critical")
    parent = shop.fires(COMPOSITE, alarm={"kind": AlarmKind.COMPOSITE, "children": names})
    shop.now += timedelta(minutes=6)
    for name in names:
        shop.fires(name)
    shop.now += timedelta(seconds=5)
    shop.hear(COMPOSITE, OK)
    assert looked_at(shop) == [parent.id, shop.all()[1].id]


def test_a_standing_approval_of_an_action_has_its_service_looked_into(shop: Shop) -> None:
    lets(shop, "scale_up")
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
