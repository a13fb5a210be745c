"""The shop: provisioned in an AwsServer, ticking with it, broken and healed by scenario.

with AwsServer() as aws, Shop(aws) as shop:
    environment = shop.provision()
    shop.break_it("cpu-spike")
    shop.run(3)
"""

import json
import threading
from collections import deque
from collections.abc import Iterable
from functools import partial
from types import TracebackType
from typing import Any

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.cloudwatch import watch
from sandbox.aws.ecs import fleet
from sandbox.aws.ecs.tasks import Failure, Task
from sandbox.aws.identity import DEPLOYER_KEY, OPERATOR_KEY
from sandbox.aws.server import BOT_KEY, SECRET, SHOP_KEY, AwsServer
from sandbox.shop import messages
from sandbox.shop import provision as making
from sandbox.shop.catalogue import CLUSTER, IN_ECS, SERVICES
from sandbox.shop.controls import controls
from sandbox.shop.evidence import Evidence
from sandbox.shop.kinds import Metric, Watched
from sandbox.shop.production import Production
from sandbox.shop.provision import PERIOD, Clients, Resources
from sandbox.shop.scenarios import SCENARIOS, Scenario
from sandbox.shop.world import Values, World, past

Json = dict[str, Any]
HISTORY = 60  # minutes of metrics that are there from the start: charts and bands need a past
PAST = 15 * 86_400.0
MAILS_KEPT = 20
BATCH = 10
LONGEST_STEP = 600.0


class UnknownScenarioError(LookupError):
    """There is no scenario of that name."""


class Shop:
    def __init__(self, server: AwsServer) -> None:
        self.server = server
        self.aws = Clients(server.credentials(SHOP_KEY))
        self.deployer = Clients(server.credentials(DEPLOYER_KEY))
        self.operator = Clients(server.credentials(OPERATOR_KEY))
        self.made = Resources()
        self.production = Production()
        self.evidence = Evidence(self)
        self.world = World(())
        self.scenarios: dict[str, Scenario] = {}
        self._mails: deque[Json] = deque(maxlen=MAILS_KEPT)
        self._left_over: dict[str, float] = {}
        self._last = 0.0
        self._ready = False
        self._lock = threading.RLock()
        self._mounted = False

    def __enter__(self) -> "Shop":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._ready = False
            for clients in (self.aws, self.deployer, self.operator):
                clients.close()

    def provision(self) -> dict[str, str]:
        """Everything healthy, every alarm OK and awake; returns the environment for the bot.

        Once: a reset of the server does it again.
        """
        with self._lock:
            self._ready = False
            self.world = World(m for s in SERVICES for m in s.metrics)
            self.production, self.evidence = Production(), Evidence(self)
            self.scenarios = {kind.id: kind(self) for kind in SCENARIOS}
            self._mails.clear()
            self._left_over.clear()
            self.made = making.provision(self.aws, self.deployer)
            self._remember()
            self._last = CLOCK.now() - PERIOD / self.speed
            self._ready = True
            self._mount()
            for _ in range(2):
                self._step(CLOCK.now())
            self.server.tick()
            making.wake(self.aws, self._alarm_names())
            self.server.trail.clear()  # all of this stands since long: nobody changed anything just now
        return self.environment

    @property
    def environment(self) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": BOT_KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        return making.environment(self.aws, self.made) | keys

    @property
    def speed(self) -> float:
        return CLOCK.speed

    def break_it(self, scenario: str) -> None:
        with self._lock:
            self._scenario(scenario).break_it()

    def heal(self, scenario: str) -> None:
        with self._lock:
            self._scenario(scenario).heal()

    def heal_all(self) -> None:
        with self._lock:
            for scenario in self.scenarios.values():
                scenario.heal()

    def run(self, ticks: int = 1) -> None:
        """Time goes by, one period of the alarms for each tick; for tests, where no thread ticks."""
        for _ in range(ticks):
            self.server.advance(PERIOD / self.speed)
            self.server.tick()

    def fire(self, alarm: str, state: str = "ALARM", reason: str = "Set by hand") -> None:
        """The next tick takes back what the metrics do not bear out."""
        self.aws.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue=state, StateReason=reason)

    def flood(self, count: int, service: str = "flood") -> None:
        """That many different alarms through the topic, without any metrics behind them."""
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            entries = [{"Id": str(n), **messages.flood(f"prod-{service}-{n}-cpu-medium", CLOCK.now())} for n in numbers]
            self.aws.sns.publish_batch(TopicArn=self.made.alarm_topic, PublishBatchRequestEntries=entries)

    def size(self, service: str) -> float:
        """How many tasks run, for each that usually does."""
        return len(self.production.running(service)) / self.normal(f"{service}/tasks")

    def normal(self, metric: str) -> float:
        return self.world.metric(metric).normal

    def latency(self, service: str) -> float:
        return self.world.value(f"{service}/latency")

    def kill(self, service: str, task: Task, why: Failure) -> None:
        """A task that nobody stopped through the API."""
        with fleet.LOCK:
            self.production.service(service).kill(task, why, CLOCK.now())
        if why.exit_code is not None:
            self.evidence.killed(service, task.id)

    def redeploy(self, service: str) -> None:
        """What an operator does who wants new tasks."""
        self.operator.ecs.update_service(cluster=CLUSTER, service=service, forceNewDeployment=True)

    def state_of(self, alarm: str) -> str:
        found = self.server.alarm(alarm)
        return found.state if found else "INSUFFICIENT_DATA"

    def say(self, event: Json) -> None:
        """Puts an event on a bus."""
        self.aws.events.put_events(Entries=[event | {"Detail": json.dumps(event["Detail"])}])

    def say_health(self, event: Json) -> None:
        """AWS Health: on the bus, and from now on in its API."""
        self.server.health.put(event["Detail"])
        self.say(event)

    def queue(self, url: str, bodies: list[str]) -> None:
        for start in range(0, len(bodies), BATCH):
            entries = [{"Id": str(n), "MessageBody": b} for n, b in enumerate(bodies[start : start + BATCH])]
            self.aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def drain(self, url: str) -> list[str]:
        """Takes out all that waits; purging is for once a minute only."""
        bodies = []
        while found := self.aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=BATCH).get("Messages"):
            receipts = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(found)]
            self.aws.sqs.delete_message_batch(QueueUrl=url, Entries=receipts)
            bodies += [m["Body"] for m in found]
        return bodies

    def watch(self, watched: Iterable[tuple[Metric, Watched]], team: str) -> None:
        """New alarms on new metrics, healthy before they may speak."""
        pairs = list(watched)
        self.world.add(metric for metric, _ in pairs)
        making.alarms(self.aws, self.made, pairs, team)
        self.server.tick()
        making.wake(self.aws, [alarm.name for _, alarm in pairs])

    def mails(self) -> list[Json]:
        """What the severity topics have sent, the newest first."""
        with self._lock:
            for severity, url in self.made.mailboxes.items():
                self._mails.extendleft(_mail(severity, json.loads(body)) for body in self.drain(url))
            return list(self._mails)

    def depth(self, url: str) -> Json:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return {"waiting": int(found[names[0]]), "in_flight": int(found[names[1]])}

    def status(self) -> Json:
        """All that the panel shows."""
        alarms = [a.shown() for a in self.server.alarms()]
        return {
            "scenarios": [
                {
                    "id": s.id,
                    "title": s.title,
                    "explanation": s.explanation,
                    "fix": s.fix,
                    "state": s.state,
                    "firing": len(s.firing()),
                }
                for s in self.scenarios.values()
            ],
            "services": [self.production.shown(s.name) for s in IN_ECS],
            "alarms": sorted(alarms, key=lambda a: (a["state"] != "ALARM", a["name"])),
            "queue": self.depth(self.made.queue_url),
            "dlq": self.depth(self.made.dlq_url),
            "mails": self.mails(),
        }

    def _scenario(self, scenario: str) -> Scenario:
        if scenario not in self.scenarios:
            raise UnknownScenarioError(f"There is no scenario {scenario}: {', '.join(self.scenarios)}")
        return self.scenarios[scenario]

    def _alarm_names(self) -> list[str]:
        return [a.name for a in self.server.alarms()]

    def _tick(self, now: float) -> None:
        with self._lock:
            if self._ready:
                for scenario in self.scenarios.values():
                    scenario.tick()
                self._step(now)

    def _step(self, now: float) -> None:
        step = min(max(now - self._last, 0.1), LONGEST_STEP)
        self._last = now
        self._measure(now, step)
        self._queues()
        second = utc(now // 1)  # boto3 rounds to seconds, and up would be the future
        points = [(m, self._counted(m, values, step), second) for m, values in self.world.step(now)]
        making.put_metrics(self.aws, points)
        self.evidence.tick()

    def _measure(self, now: float, step: float) -> None:
        """What runs in ECS is measured."""
        for service in IN_ECS:
            metrics = {m.key: m for m in service.metrics if m.service == service.name}
            found = self.production.values(metrics, service.name, now, step)
            self.world.measure({f"{service.name}/{key}": values for key, values in found.items()})

    def _queues(self) -> None:
        """The worker takes what waits for it; dead letters are counted."""
        if self.depth(self.made.work_queue_url)["waiting"] and self.production.running("payments-worker"):
            self.drain(self.made.work_queue_url)
        dead = self.depth(self.made.work_dlq_url)
        self.world.measure({"payments-worker/dlq": (float(dead["waiting"] + dead["in_flight"]),)})

    def _remember(self) -> None:
        """An hour of ordinary minutes, and two weeks before it that are made up when somebody asks."""
        now = CLOCK.now() // 1
        points = []
        for at in (now - PERIOD * minute for minute in range(HISTORY, 0, -1)):
            self._measure(at, PERIOD)
            points += [(m, self._counted(m, values, PERIOD), utc(at)) for m, values in self.world.step(at)]
        making.put_metrics(self.aws, points)
        for metric in (m for service in SERVICES for m in service.metrics):
            name = metric.namespace, metric.name, metric.aws_dimensions
            watch.remember(name, partial(past, metric), since=now - PAST)

    def _counted(self, metric: Metric, values: Values, seconds: float) -> list[float]:
        """Nobody counts half an error: what is left over is counted the next time."""
        if not metric.per_second:
            return list(values)
        due = sum(values) * seconds + self._left_over.get(metric.id, 0.0)
        whole = float(round(due))
        self._left_over[metric.id] = due - whole
        return [whole]

    def _mount(self) -> None:
        if self._mounted:
            return
        self._mounted = True
        self.server.before_tick(self._tick)
        self.server.after_reset(self.provision)
        for method, path, turn in controls(self):
            self.server.controls.add(method, path, turn)


def _mail(severity: int, envelope: Json) -> Json:
    return {
        "severity": severity,
        "subject": envelope.get("Subject") or "(no subject)",
        "text": envelope["Message"],
        "at": envelope["Timestamp"],
    }
