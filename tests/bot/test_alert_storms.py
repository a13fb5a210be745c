"""Storms of alerts: what gets a card, and what is said at their end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from bot.alert_cards import AlertCards
from bot.carriers.alerts import AlertCarriers
from bot.carriers.common import Settlement
from bot.config import Config
from bot.errors import ChatError, DeliveryError
from bot.incidents import Declaration
from bot.models import (
    Alert,
    Change,
    ChangeKind,
    Delivery,
    Evidence,
    Made,
    Message,
    MessageRef,
    Owed,
    OwedKind,
    Paged,
    Role,
    Severity,
    Shown,
)
from bot.outbox import Outbox
from bot.owed.alerts import note
from bot.planning import noted
from bot.signals import (
    Deployment,
    DeploymentState,
    Unreadable,
)
from tests.bot.alerting import (
    ANA,
    CPU,
    ERRORS,
    LATENCY,
    OK,
    SEARCH,
    NoTags,
    Shop,
    claimed,
    claimed_of,
    looked_at,
    owed,
)
from tests.bot.make import NOW

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


def test_what_is_to_be_done_by_hand_does_not_wait_behind_what_a_storm_is_told(shop: Shop) -> None:
    for each in range(6):
        alert = shop.fires(f"prod-shop{each:02}-latency-high")
        shop.store.save(Change(owed=(note(alert, Message("Paged somebody", [])),)), shop.now)
    worse = shop.fires(SEARCH)
    steps = noted(shop.store, worse, Message("By hand", []), presses=True)
    shop.store.save(Change(owed=steps), shop.now)
    left = []
    for delivery in claimed(shop):
        left.append(delivery.owed)
        shop.store.settle(delivery, shop.now)
    shown = [row.body.get("text") or row.subject for row in left if row.pace == "post:ops"]
    assert shown[:2] == [worse.id, "By hand"]


def test_a_card_says_of_how_many_a_storm_hides_no_card(stormy: Shop) -> None:
    cards = AlertCards(stormy.store, stormy.rules, Config())
    lead = stormy.fires(LATENCY)
    stormy.fires(CPU)
    storm(stormy, 4)
    for name in ("prod-checkout-disk-high", "prod-checkout-queue-high"):
        stormy.fires(name)
    facts = cards.facts(stormy.store.alert(lead.number))
    assert (facts.grouped, facts.in_thread) == (3, 1)


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
