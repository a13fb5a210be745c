"""Scenarios of the services in ECS. What heals them is done in AWS: a rollback, one more task, new tasks."""

from typing import TYPE_CHECKING, ClassVar

from sandbox.aws.clock import CLOCK
from sandbox.aws.ecs.tasks import OUT_OF_MEMORY, Failure, cannot_pull
from sandbox.shop import catalogue, compute, messages
from sandbox.shop.production import MEMORY_MAX, Trouble, flawed
from sandbox.shop.provision import DEPLOYMENT_BUS
from sandbox.shop.scenarios.base import MetricScenario, Scenario, now

if TYPE_CHECKING:
    from sandbox.shop.shop import Shop

BAD_VERSION = "43"
KILL_TICKS = 3
PATIENCE_TICKS = 2  # until those who wait for a busy service give up
CALM = 1.1
CALMING = 0.7  # of what is asked for too much, after each tick that follows the fix
RETIRED = Failure(
    "ECS is performing maintenance on the underlying infrastructure hosting the task.", "TerminationNotice", None
)


class ServiceScenario(Scenario):
    """`service`: the one that has the trouble."""

    service: ClassVar[str]

    @property
    def trouble(self) -> Trouble:
        return self.shop.production.trouble(self.service)


class Overload(ServiceScenario):
    """More is asked for than the tasks take; one more task is enough, and then it calms down."""

    _tasks = 0

    def on_break(self) -> None:
        self._tasks = len(self.shop.production.running(self.service))

    def mended(self) -> bool:
        return len(self.shop.production.running(self.service)) > self._tasks


class CpuSpike(Overload):
    id = "cpu-spike"
    title = "CPU spike"
    explanation = "checkout-api is asked for more than its tasks can do and uses all its CPU; nothing fails yet."
    fix = "One more task."
    service = "checkout-api"
    alarms: tuple[str, ...] = ("prod-checkout-api-cpu-medium",)
    percent = 93.0
    failing = 0.0

    def on_break(self) -> None:
        super().on_break()
        ordinary = self.shop.normal(f"{self.service}/cpu")
        self.trouble.load = self.percent / ordinary * self.shop.size(self.service)
        self.trouble.failing = self.failing

    def on_mended(self) -> None:
        self.trouble.failing = 0.0

    def on_healing(self) -> None:
        """What is asked for too much gets less and less."""
        if self.trouble.load is not None:
            self.trouble.load = 1 + (self.trouble.load - 1) * CALMING
            if self.trouble.load < CALM:
                self.trouble.load = None

    def calm(self) -> bool:
        return self.trouble.load is None

    def on_heal(self) -> None:
        self.trouble.load, self.trouble.failing = None, 0.0


class BusyAndFailing(CpuSpike):
    id = "cpu-errors"
    title = "CPU spike with errors"
    explanation = "search-api uses all its CPU, and one search in eight runs into a timeout."
    fix = "One more task; then the code wants a look."
    service = "search-api"
    alarms = ("prod-search-api-cpu-medium", "prod-search-api-errors-high")
    percent = 91.0
    share = 0.12
    _waited = 0

    def on_break(self) -> None:
        super().on_break()
        self._waited = 0

    def on_tick(self) -> None:
        """Searches queue up first."""
        self._waited += 1
        if self._waited > PATIENCE_TICKS:
            self.trouble.failing = self.share


class MemoryLeak(ServiceScenario):
    id = "memory-leak"
    title = "Memory leak"
    explanation = "search-api's tasks lose memory bit by bit, until one after the other is killed."
    fix = "Restart the tasks."
    service = "search-api"
    alarms = ("prod-search-api-memory-critical",)

    def __init__(self, shop: "Shop") -> None:
        super().__init__(shop)
        self._known: set[str] = set()
        self._heirs = 0
        self._waited = 0
        self._since = 0.0

    def on_break(self) -> None:
        self._known = {t.id for t in self.shop.production.running(self.service)}
        self._heirs, self._waited, self._since = 0, 0, CLOCK.now()
        self.trouble.leaking = dict.fromkeys(self._known, CLOCK.now())

    def on_tick(self) -> None:
        """What replaces a task that was killed leaks as it did; after a restart or deployment new ones do not."""
        running = self.shop.production.running(self.service)
        if self._restarting():
            self._heirs = 0
            return
        for task in running:
            if task.id not in self._known and self._heirs:
                self._heirs -= 1
                self.trouble.leaking[task.id] = task.started or CLOCK.now()
            self._known.add(task.id)
        self._waited += 1
        if self._waited >= KILL_TICKS:
            self._kill()

    def _restarting(self) -> bool:
        service = self.shop.production.service(self.service)
        if service.primary.created > self._since:
            return True
        tasks = service.tasks
        return any(t.failure and t.failure.code == "UserInitiated" and (t.stopping or 0) >= self._since for t in tasks)

    def _kill(self) -> None:
        production = self.shop.production
        room = MEMORY_MAX - self.shop.normal(f"{self.service}/memory")
        full = [t for t in production.running(self.service) if production.leaked(self.service, t) > room]
        if not full:
            return
        task, self._waited = full[0], 0
        self._heirs += 1
        self.shop.kill(self.service, task, OUT_OF_MEMORY)

    def mended(self) -> bool:
        running = self.shop.production.running(self.service)
        return bool(running) and not self._heirs and not any(t.id in self.trouble.leaking for t in running)

    def on_mended(self) -> None:
        self.trouble.leaking = {}

    def on_heal(self) -> None:
        self.trouble.leaking = {}
        self.shop.redeploy(self.service)


class BadDeploy(ServiceScenario):
    id = "bad-deploy"
    title = "Bad deployment"
    explanation = "checkout-api gets version 43; a moment later every fifth request ends in a KeyError."
    fix = "Roll back to the task definition before."
    service = "checkout-api"
    alarms = ("prod-checkout-api-5xx-critical", "prod-checkout-api-errorrate-high", catalogue.COMPOSITE)
    _before = ""

    def on_break(self) -> None:
        """A new revision: another image, one variable more."""
        service = self.shop.production.service(self.service)
        if not flawed_definition(service.primary.definition):
            self._before = service.primary.definition.arn
        deployer = self.shop.deployer
        bad = compute.register(deployer, self.service, BAD_VERSION, **{catalogue.FLAW: "on"})
        deployer.ecs.update_service(cluster=catalogue.CLUSTER, service=self.service, taskDefinition=bad)
        self._tell(BAD_VERSION, "42", "started")

    def mended(self) -> bool:
        service = self.shop.production.service(self.service)
        return not flawed_definition(service.primary.definition) and not any(flawed(t) for t in service.running())

    def on_heal(self) -> None:
        update = self.shop.deployer.ecs.update_service
        update(cluster=catalogue.CLUSTER, service=self.service, taskDefinition=self._before)
        self._tell("42", BAD_VERSION, "rolled-back")

    def _tell(self, version: str, before: str, status: str) -> None:
        event = messages.deployment(self.service, version, before, status, now())
        self.shop.say(event | {"EventBusName": DEPLOYMENT_BUS})


class FewErrors(ServiceScenario):
    id = "few-errors"
    title = "A few errors"
    explanation = "search-api fails over an odd locale, seven times; then it is over."
    fix = "None: look at the logs."
    service = "search-api"
    alarms = ("prod-search-api-errors-high",)
    counts = (3, 4)
    _at = 0

    def on_break(self) -> None:
        self._at = 0

    def on_tick(self) -> None:
        self.trouble.few = self.counts[self._at]
        self._at += 1

    def mended(self) -> bool:
        return self._at >= len(self.counts)

    def on_mended(self) -> None:
        self.trouble.few = 0

    def on_heal(self) -> None:
        self.trouble.few = 0


class SlowResponses(Overload):
    id = "slow-responses"
    title = "Slow responses"
    explanation = "Requests wait in checkout-api: more come at once than its tasks have room for."
    fix = "One more task."
    service = "checkout-api"
    alarms = ("prod-checkout-api-latency-high", catalogue.COMPOSITE)
    crowd = 1.25

    def on_break(self) -> None:
        super().on_break()
        self.trouble.crowd = self.crowd * self.shop.size(self.service)

    def on_healing(self) -> None:
        self.trouble.crowd = max(self.trouble.crowd * CALMING, 1.0)

    def calm(self) -> bool:
        return self.trouble.crowd <= 1

    def on_heal(self) -> None:
        self.trouble.crowd = 1.0


class SlowDependency(MetricScenario):
    id = "slow-dependency"
    title = "Slow database"
    explanation = "The catalogue's database is overloaded: searching and paying take seconds, however many tasks run."
    fix = "None in ECS: the database is what is slow."
    targets: ClassVar[dict[str, float]] = {"catalog-db/cpu": 94.0, "catalog-db/connections": 230.0}
    seconds: ClassVar[dict[str, float]] = {"checkout-api": 4.0, "search-api": 1.8}
    alarms = (
        "prod-checkout-api-latency-high",
        "prod-search-api-latency-medium",
        "prod-catalog-db-cpu-high",
        "prod-catalog-db-connections-high",
        catalogue.COMPOSITE,
    )

    def on_break(self) -> None:
        super().on_break()
        for service, seconds in self.seconds.items():
            self.shop.production.trouble(service).slow = seconds

    def on_heal(self) -> None:
        super().on_heal()
        for service in self.seconds:
            self.shop.production.trouble(service).slow = 0.0


class ZeroTasks(ServiceScenario):
    id = "zero-tasks"
    title = "No tasks left"
    explanation = "payments-worker's tasks are stopped for maintenance, and its image is gone from the registry."
    fix = "A new deployment, which looks the image up again."
    service = "payments-worker"
    alarms = ("prod-payments-worker-tasks-critical", "prod-payments-worker-age-medium")
    age = 900.0
    backlog = 1800.0

    def on_break(self) -> None:
        service = self.shop.production.service(self.service)
        service.doom(cannot_pull(compute.image(self.service, "42@sha256:4f53cda18c2baa0c")))
        for task in service.running():
            self.shop.kill(self.service, task, RETIRED)
        self._pile_up()

    def _pile_up(self) -> None:
        self.shop.world.send(f"{self.service}/age", self.age)
        self.shop.world.send(f"{self.service}/backlog", self.backlog)

    def mended(self) -> bool:
        service = self.shop.production.service(self.service)
        return service.primary.failure is None and bool(service.running())

    def on_mended(self) -> None:
        for key in ("age", "backlog"):
            self.shop.world.heal(f"{self.service}/{key}")

    def on_heal(self) -> None:
        self.shop.redeploy(self.service)
        self.on_mended()


def flawed_definition(definition: object) -> bool:
    containers = getattr(definition, "container_definitions", [])
    return any(e["name"] == catalogue.FLAW for c in containers for e in c.get("environment") or [])
