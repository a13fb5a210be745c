"""What can be broken: each says what happens, breaks it, and heals it. The bot hears of it through AWS only."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from sandbox.shop import catalogue, messages
from sandbox.shop.provision import DEPLOYMENT_BUS

if TYPE_CHECKING:
    from sandbox.shop.shop import Shop

BATCH = 10
STORM_PER_TICK = 12
FLAP_TICKS = 2
DLQ_MESSAGES = 14
UNKNOWN = "prod-fax-gateway-spool-high"


class Scenario:
    """`alarms`: those that go off; while one of them does, a healed scenario is still healing."""

    id: ClassVar[str]
    title: ClassVar[str]
    explanation: ClassVar[str]
    alarms: tuple[str, ...] = ()

    def __init__(self, shop: "Shop") -> None:
        self.shop = shop
        self.broken = False
        self.healing = False

    def break_it(self) -> None:
        self.on_break()
        self.broken, self.healing = True, False

    def heal(self) -> None:
        if self.broken:
            self.broken, self.healing = False, True
            self.on_heal()

    def tick(self) -> None:
        """Before every tick of the alarms."""
        if self.broken:
            self.on_tick()
        elif self.healing and not self.firing():
            self.healing = False

    def firing(self) -> list[str]:
        return [name for name in self.alarms if self.shop.state_of(name) == "ALARM"]

    @property
    def state(self) -> str:
        return "broken" if self.broken else "healing" if self.healing else "fine"

    def on_break(self) -> None: ...

    def on_heal(self) -> None: ...

    def on_tick(self) -> None: ...


class MetricScenario(Scenario):
    """Metrics go where they should not, at once or over some ticks."""

    targets: ClassVar[dict[str, float]] = {}
    ticks: ClassVar[int] = 1

    def on_break(self) -> None:
        for metric, value in self.targets.items():
            self.shop.world.send(metric, value, self.ticks)

    def on_heal(self) -> None:
        for metric in self.targets:
            self.shop.world.heal(metric)


class CpuSpike(MetricScenario):
    id = "cpu-spike"
    title = "CPU spike"
    explanation = "checkout-api suddenly uses all its CPU; nothing fails yet."
    targets: ClassVar[dict[str, float]] = {"checkout-api/cpu": 96.0}
    alarms = ("prod-checkout-api-cpu-medium",)


class MemoryLeak(MetricScenario):
    id = "memory-leak"
    title = "Memory leak"
    explanation = "search-api's memory grows bit by bit until the tasks are about to be killed."
    targets: ClassVar[dict[str, float]] = {"search-api/memory": 97.0}
    ticks = 6
    alarms = ("prod-search-api-memory-critical",)


class BadDeploy(MetricScenario):
    id = "bad-deploy"
    title = "Bad deployment"
    explanation = "checkout-api gets version 43; a moment later it answers with errors. Healing rolls back to 42."
    targets: ClassVar[dict[str, float]] = {"checkout-api/errors": 9.0, "checkout-api/latency": 0.9}
    alarms = ("prod-checkout-api-5xx-critical", "prod-checkout-api-errorrate-high", catalogue.COMPOSITE)
    number = 4711

    def on_break(self) -> None:
        """The deployment comes first, the errors with the next tick."""
        self._deploy("43", "42", "IN_PROGRESS", "started")
        self._waiting = True

    def on_tick(self) -> None:
        if self._waiting:
            self._waiting = False
            self.shop.say(self._native("COMPLETED"))
            super().on_break()

    def on_heal(self) -> None:
        self._deploy("42", "43", "IN_PROGRESS", "rolled-back")
        self.shop.say(self._native("COMPLETED"))
        super().on_heal()

    def _deploy(self, version: str, before: str, name: str, status: str) -> None:
        self.number += 1
        self.shop.say(self._native(name))
        event = messages.deployment("checkout-api", version, before, status, _now())
        self.shop.say(event | {"EventBusName": DEPLOYMENT_BUS})

    def _native(self, name: str) -> messages.Json:
        return messages.ecs_deployment(self.shop.made.services["checkout-api"], self.number, name, _now())


class SlowResponses(MetricScenario):
    id = "slow-responses"
    title = "Slow responses"
    explanation = "The catalogue's database is overloaded: searching and paying take seconds."
    targets: ClassVar[dict[str, float]] = {
        "checkout-api/latency": 4.2,
        "search-api/latency": 1.9,
        "catalog-db/cpu": 94.0,
        "catalog-db/connections": 230.0,
    }
    alarms = (
        "prod-checkout-api-latency-high",
        "prod-search-api-latency-medium",
        "prod-catalog-db-cpu-high",
        "prod-catalog-db-connections-high",
        catalogue.COMPOSITE,
    )


class ZeroTasks(MetricScenario):
    id = "zero-tasks"
    title = "No tasks left"
    explanation = "Every task of payments-worker stops; no payment is taken and the queue grows."
    targets: ClassVar[dict[str, float]] = {
        "payments-worker/tasks": 0.0,
        "payments-worker/cpu": 0.0,
        "payments-worker/age": 900.0,
        "payments-worker/backlog": 1800.0,
    }
    alarms = ("prod-payments-worker-tasks-critical", "prod-payments-worker-age-medium")


class DlqFilling(MetricScenario):
    id = "dlq-filling"
    title = "Dead letters"
    explanation = "payments-worker cannot read some payments; they land in its dead-letter queue."
    targets: ClassVar[dict[str, float]] = {"payments-worker/dlq": DLQ_MESSAGES}
    ticks = 2
    alarms = ("prod-payments-worker-dlq-high",)

    def on_break(self) -> None:
        super().on_break()
        bodies = [{"payment": f"P-{4000 + n}", "amount": "not a number"} for n in range(DLQ_MESSAGES)]
        self.shop.queue(self.shop.made.work_dlq_url, [json.dumps(body) for body in bodies])

    def on_heal(self) -> None:
        self.shop.drain(self.shop.made.work_dlq_url)
        super().on_heal()


class Storm(Scenario):
    id = "storm"
    title = "Alarm storm"
    explanation = (
        "Two dozen services fail one after the other, hundreds of alarms within a minute; the last is a SEV-1."
    )

    def __init__(self, shop: "Shop") -> None:
        super().__init__(shop)
        self._fleet = catalogue.fleet()
        self._next = 0
        self._made = False
        self.alarms = tuple(alarm.name for _, alarm in self._fleet)

    def on_break(self) -> None:
        """The alarms of the fleet exist from now on; the failures come tick by tick."""
        self._next = 0
        if not self._made:
            self._made = True
            self.shop.watch(self._fleet, "fleet")

    def on_tick(self) -> None:
        """The last one alone, when all others are off."""
        rest = len(self._fleet) - self._next
        for metric, _ in self._fleet[self._next : self._next + min(STORM_PER_TICK, max(rest - 1, 1))]:
            self.shop.world.send(metric.id, 95.0)
            self._next += 1

    def on_heal(self) -> None:
        for metric, _ in self._fleet[: self._next]:
            self.shop.world.heal(metric.id)


class Flapping(Scenario):
    id = "flapping"
    title = "Flapping alarm"
    explanation = "One alarm of search-api goes off and comes back, again and again."
    alarms = ("prod-search-api-cpu-medium",)
    _at = 0

    def on_break(self) -> None:
        self._at = 0

    def on_tick(self) -> None:
        up = self._at // FLAP_TICKS % 2 == 0
        self._at += 1
        self.shop.world.send("search-api/cpu", 92.0 if up else 44.0)

    def on_heal(self) -> None:
        self.shop.world.heal("search-api/cpu")


class Garbage(Scenario):
    id = "garbage"
    title = "Garbage"
    explanation = "Messages that no parser likes: broken JSON, binary, 200 KB, mentions and formatting in names."

    def on_break(self) -> None:
        """Half of them straight into the queue, the other half through the topic."""
        bodies = [body for _, body in messages.garbage()]
        for body in bodies:
            self.shop.queue(self.shop.made.queue_url, [body])
        for body in bodies:
            self.shop.aws.sns.publish(TopicArn=self.shop.made.alarm_topic, Message=body, Subject="ALARM")


class HealthEvent(Scenario):
    id = "health-event"
    title = "AWS Health event"
    explanation = "AWS says that databases in one zone have trouble; catalog-db is named."

    def on_break(self) -> None:
        self.shop.say(messages.health("open", _now()))

    def on_heal(self) -> None:
        self.shop.say(messages.health("closed", _now()))


class UnknownService(Scenario):
    id = "unknown-service"
    title = "Unknown service"
    explanation = "An alarm of a service that is in no catalogue and has no tags."
    alarms = (UNKNOWN,)
    metric = catalogue.Metric("fax-gateway", "spool", "Legacy/Fax", "SpoolLength", (("Host", "fax-01"),), 3.0)

    def on_break(self) -> None:
        if self.metric.id not in self.shop.world:
            watched = catalogue.Watched(UNKNOWN, self.metric.id, "Faxes pile up.", ">", 100, periods=1)
            self.shop.watch([(self.metric, watched)], "")
        self.shop.world.send(self.metric.id, 412.0)

    def on_heal(self) -> None:
        self.shop.world.heal(self.metric.id)


SCENARIOS: tuple[type[Scenario], ...] = (
    CpuSpike,
    MemoryLeak,
    BadDeploy,
    SlowResponses,
    ZeroTasks,
    DlqFilling,
    Storm,
    Flapping,
    Garbage,
    HealthEvent,
    UnknownService,
)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
