"""The use cases of alerts around a store and a clock: the world of the stories of alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from bot.alert_cards import AlertCards
from bot.alerts import Alerts
from bot.cards import Cards
from bot.config import Config
from bot.incidents import Incidents
from bot.intake import AlertIntake
from bot.integrations.nothing import NoFixes
from bot.ledger import Ledger
from bot.models import (
    Alert,
    Change,
    Delivery,
    Investigation,
    Message,
    OwedKind,
    Person,
)
from bot.paging import PagerSync
from bot.ports import Standing
from bot.remediation import Neighbours, Remediations
from bot.rights import Caller, Rights
from bot.signals import (
    Alarm,
    AlarmChanged,
    AlarmKind,
    AlarmState,
    PagerChange,
)
from bot.silences import Silences
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


COMPOSITE = "prod-gateway-down-critical"


def stands(shop: Shop, *children: str) -> Alert:
    """A composite alarm fires over these."""
    shop.now += timedelta(seconds=5)
    return shop.fires(COMPOSITE, alarm={"kind": AlarmKind.COMPOSITE, "children": children})


def owed(shop: Shop, *kinds: OwedKind) -> list[dict[str, Any]]:
    rows = shop.store._db.rows("SELECT * FROM outbox ORDER BY seq")
    return [dict(row) for row in rows if row["kind"] in kinds]


def claimed(shop: Shop) -> Iterator[Delivery]:
    """What is owed, in the order in which it leaves; whoever takes one settles it."""
    while taken := shop.store.claim_deliveries("me", shop.now, lease=60, limit=1):
        yield taken[0]


def claimed_of(shop: Shop, kind: OwedKind) -> Iterator[Delivery]:
    taken = shop.store.claim_deliveries("me", shop.now, lease=60, limit=50)
    yield from (each for each in taken if each.owed.kind is kind)


def looked_at(shop: Shop) -> list[str]:
    rows = shop.store._db.rows("SELECT data FROM investigations ORDER BY number")
    return [Investigation.model_validate_json(row["data"]).subject for row in rows]
