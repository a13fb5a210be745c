"""Bot processes that change AWS: the use case, its carriers and its outbox on a store, with a made-up AWS and Slack.

works = Works(store, Still())
fix = works.plan()
works.fixes.approve(ANA, fix.number)
works.deliver()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from bot.carriers import Carriers
from bot.carriers.common import Settlement
from bot.carriers.fixes import Aws, FixCardCarriers, FixCarriers, ReportCarriers
from bot.config import Config
from bot.errors import ChatError, CloudError, DeliveryError
from bot.ledger import Ledger
from bot.models import (
    Action,
    Alert,
    Asked,
    Change,
    Delivery,
    Incident,
    Message,
    MessageRef,
    Order,
    Owed,
    OwedKind,
    Person,
    PersonKind,
    Reading,
    Remediation,
    Role,
    Source,
    SourceOutcome,
    Status,
)
from bot.outbox import LEASE_SECONDS, Outbox
from bot.ports import Gathered, Scope, Standing
from bot.remediation import Neighbours, Remediations
from bot.rights import Caller, Rights
from bot.signals import AlarmState
from bot.steps.alerts import By
from bot.steps.fixes import EXPIRE, RUNG
from bot.steps.incidents import acknowledge
from bot.store.sqlite import SqliteStore
from tests.bot.fixing import FakeFixes
from tests.bot.make import NOW, alert, incident

ANA, BOB, CY, GUS = Caller("U0ANA"), Caller("U0BOB"), Caller("U0CY"), Caller("U0GUS")
LEADS = "S0LEADS"
SERVICE = "checkout-api"
CATALOGUE = {SERVICE: {"environment": "prod"}, "search-api": {"environment": "prod"}}


class Still:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class People:
    """Everybody is a member, but Gus is a guest; Cy leads."""

    def person(self, user_id: str, team_id: str | None) -> Person:
        kind = PersonKind.GUEST if user_id == GUS.user_id else PersonKind.MEMBER
        return Person(id=user_id, kind=kind, groups=frozenset({LEADS} if user_id == CY.user_id else ()))


class Said(NamedTuple):
    channel: str
    message: Message
    thread_ts: str | None
    delivery_id: str


class FakeChat:
    """Slack, as far as reports and cards need it. `fail` is raised by the next call, `lose` after it was done; the
    messages of `deleted` are gone."""

    def __init__(self) -> None:
        self.said: dict[str, Said] = {}
        self.edits: list[str] = []
        self.uploads: list[tuple[str, str | None, str, bytes]] = []
        self.deleted: set[str] = set()
        self.fail: ChatError | None = None
        self.lose: ChatError | None = None

    def post(
        self, channel: str, message: Message, *, delivery_id: str, thread_ts: str | None = None, broadcast: bool = False
    ) -> MessageRef:
        self._fail()
        if thread_ts in self.deleted:
            raise ChatError("thread_not_found")
        ts = f"{1700000000 + len(self.said)}.000100"
        self.said[ts] = Said(channel, message, thread_ts, delivery_id)
        self._lose()
        return MessageRef(channel, ts)

    def find(
        self, channel: str, delivery_id: str, *, since: datetime, thread_ts: str | None = None
    ) -> MessageRef | None:
        found = (ts for ts, said in self.said.items() if (said.channel, said.delivery_id) == (channel, delivery_id))
        return next((MessageRef(channel, ts) for ts in found), None)

    def edit(self, ref: MessageRef, message: Message) -> None:
        self._fail()
        if ref.ts in self.deleted:
            raise ChatError("message_not_found")
        self.said[ref.ts] = self.said[ref.ts]._replace(message=message)
        self.edits.append(ref.ts)

    def upload(self, channel_id: str, thread_ts: str | None, name: str, title: str, data: bytes) -> None:
        self._fail()
        self.uploads.append((channel_id, thread_ts, name, data))
        self._lose()

    def _fail(self) -> None:
        if self.fail is not None:
            error, self.fail = self.fail, None
            raise error

    def _lose(self) -> None:
        if self.lose is not None:
            error, self.lose = self.lose, None
            raise error


class FakeAlarms:
    """CloudWatch's live states; an `error` in their place."""

    def __init__(self) -> None:
        self.standing: dict[str, AlarmState] = {}
        self.error: CloudError | None = None

    def tags(self, arns: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        return {}

    def states(self, names: Sequence[str], region: str) -> Mapping[str, Standing]:
        if self.error is not None:
            raise self.error
        return {name: Standing(self.standing[name], "") for name in names if name in self.standing}


class FakeMetrics:
    """The source that verifies: what it answers, and what it was asked."""

    source = Source.METRICS

    def __init__(self) -> None:
        self.readings: tuple[Reading, ...] = ()
        self.asked: list[Scope] = []

    def collect(self, scope: Scope) -> Gathered:
        self.asked.append(scope)
        outcome = SourceOutcome.FOUND if self.readings else SourceOutcome.NOTHING
        return Gathered(Asked(source=self.source, outcome=outcome), {"readings": self.readings})


class Others:
    """Takes every other row and keeps it."""

    def __init__(self) -> None:
        self.taken: list[Owed] = []

    def takes(self, owed: Owed) -> bool:
        return True

    def carry(self, delivery: Delivery) -> Settlement:
        self.taken.append(delivery.owed)
        return Settlement()

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        return None

    def of(self, kind: OwedKind) -> list[Owed]:
        return [each for each in self.taken if each.kind is kind]


class World:
    """What processes share beside the store: the clock, AWS and Slack."""

    def __init__(self, fixes: FakeFixes | None = None) -> None:
        self.clock = Still()
        self.aws = fixes or FakeFixes()
        self.chat = FakeChat()
        self.alarms, self.metrics, self.others = FakeAlarms(), FakeMetrics(), Others()


class Works:
    """One bot process. `limits` is the config's `remediation`."""

    def __init__(
        self, store: SqliteStore, world: World, *, owner: str = "host:1:a", limits: Any = None, more: Any = None
    ) -> None:
        self.store, self.world, self.owner = store, world, owner
        config = Config.model_validate({"services": CATALOGUE, "remediation": limits or {}, **(more or {})})
        clock = world.clock
        ledger, rights = Ledger(store, clock, lambda: None), Rights(People(), config)
        self.fixes = Remediations(ledger, rights, config, world.aws, Neighbours(_by_hand, _taken_up))
        self.outbox = Outbox(store, clock, owner)
        chat: Any = world.chat
        aws = Aws(world.aws, world.metrics, world.alarms)
        self.carriers = Carriers(
            ReportCarriers(store, chat, config, "ops-incidents"),
            FixCarriers(aws, self.fixes, store, clock),
            FixCardCarriers(self.fixes, store, chat, clock, "ops-incidents"),
            world.others,
        )

    def close(self) -> None:
        self.outbox.stop()

    # -- what people do

    def plan(self, subject: Alert | Incident | None = None, caller: Caller = BOB, **values: Any) -> Remediation:
        return self.fixes.plan(caller, subject, order(**values))

    def runs(self, subject: Alert | Incident | None = None, **values: Any) -> Remediation:
        """Planned and approved; AWS is not asked yet."""
        fix = self.plan(subject, **values)
        return self.fixes.approve(BOB, fix.number).fix

    def finished(self, subject: Alert | Incident | None = None, **values: Any) -> Remediation:
        """Done in AWS, and not verified yet."""
        fix = self.runs(subject, **values)
        self.deliver()
        self.world.clock.move(seconds=4)
        self.deliver()
        return self.store.remediation(fix.number)

    # -- what the process does

    def claim(self, limit: int = 50) -> list[Delivery]:
        return self.store.claim_deliveries(self.owner, self.world.clock(), lease=LEASE_SECONDS, limit=limit)

    def carry(self, delivery: Delivery) -> None:
        """With all that the outbox does around it."""
        self.outbox.carry(self.carriers, delivery)

    def deliver(self) -> int:
        """All that is due by now, and what follows from it at once."""
        count = 0
        while taken := self.claim():
            for each in taken:
                self.carry(each)
            count += len(taken)
        return count

    def tick(self) -> None:
        """What time brings."""
        while due := self.store.claim_timers(self.owner, self.world.clock(), lease=60, limit=50):
            for timer in due:
                number = int(timer.subject.partition("-")[2])
                if timer.kind == EXPIRE:
                    self.fixes.outcomes.expire(number)
                elif timer.kind == RUNG:
                    self.fixes.outcomes.rung(number, Role(timer.body["role"]))
                self.store.finish_timer(timer)

    # -- what is there

    def firing(self, number: int = 1, **values: Any) -> Alert:
        """An alert of the service whose card stands."""
        facts = {"service": SERVICE, "environment": "prod", "has_stood": True}
        self.store.save(Change(alerts=(alert(number, **{**facts, **values}),)), self.world.clock())
        self.stands(f"AL-{number}")
        return self.store.alert(number)

    def declared(self, number: int = 1, **values: Any) -> Incident:
        facts = {"status": Status.INVESTIGATING, "environment": "prod"}
        self.store.save(Change(incidents=(incident(number, **{**facts, **values}),)), self.world.clock())
        self.stands(f"INC-{number}")
        return self.store.incident(number)

    def stands(self, subject: str) -> None:
        """Its card is in the incident channel."""
        place = {"subject": subject, "target": "ops", "channel_id": "C0OPS", "ts": f"1.{subject}"}
        self.store._db.insert("posted", place, or_ignore=True)

    def owed(self, kind: OwedKind) -> list[str]:
        """What these rows are about that still wait."""
        rows = self.store._db.rows("SELECT subject FROM outbox WHERE state = 'waiting' AND kind = ?", [kind.value])
        return [str(row["subject"]) for row in rows]

    def timers(self) -> list[tuple[str, str, datetime]]:
        rows = self.store._db.rows("SELECT kind, subject, due_at FROM timers ORDER BY due_at")
        return [(row["kind"], row["subject"], datetime.fromisoformat(row["due_at"])) for row in rows]

    def told(self, number: int = 1) -> list[str]:
        """The lines of an incident's timeline."""
        return [event.text for _, event in self.store.timeline(number, limit=100)]

    def pages(self) -> list[tuple[str, str]]:
        """Who was called about what."""
        return [(each.subject, str(each.body["role"])) for each in self.world.others.of(OwedKind.PAGE)]


def order(action: Action = Action.ROLLBACK, **values: Any) -> Order:
    return Order(action=action, **{"service": SERVICE, "environment": "prod", **values})


def _taken_up(subject: Alert | Incident, by: By, now: datetime) -> Change:
    """As far as incidents go; what alerts bring with them are stories of their own."""
    if not isinstance(subject, Incident) or not subject.awaits:
        return Change()
    return acknowledge(subject, now, by.user) or Change()


def _by_hand(fix: Remediation, subject: Alert | Incident | None) -> Message:
    return Message(f"{fix.id}: go on by hand", [])


def shop(**limits: Any) -> Works:
    """A process on a store and in a world of its own, with these settings of `remediation`."""
    return Works(SqliteStore(":memory:"), World(), limits=limits)
