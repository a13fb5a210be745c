"""Scenarios that are about signals: many at once, some that come and go, and what is not one at all."""

from typing import TYPE_CHECKING

from sandbox.shop import catalogue, messages
from sandbox.shop.kinds import Metric, Watched
from sandbox.shop.scenarios.base import Scenario, now

if TYPE_CHECKING:
    from sandbox.shop.shop import Shop

STORM_PER_TICK = 12
FLAP_TICKS = 2
FLAP_LOAD = 92.0 / 44.0
UNKNOWN = "prod-fax-gateway-spool-high"


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
        self.shop.production.trouble("search-api").load = FLAP_LOAD * self.shop.size("search-api") if up else None

    def on_heal(self) -> None:
        self.shop.production.trouble("search-api").load = None


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
        self.shop.say_health(messages.health("open", now()))

    def on_heal(self) -> None:
        self.shop.say_health(messages.health("closed", now()))


class UnknownService(Scenario):
    id = "unknown-service"
    title = "Unknown service"
    explanation = "An alarm of a service that is in no catalogue and has no tags."
    alarms = (UNKNOWN,)
    metric = Metric("fax-gateway", "spool", "Legacy/Fax", "SpoolLength", (("Host", "fax-01"),), 3.0)

    def on_break(self) -> None:
        if self.metric.id not in self.shop.world:
            watched = Watched(UNKNOWN, self.metric.id, "Faxes pile up.", ">", 100, periods=1)
            self.shop.watch([(self.metric, watched)], "")
        self.shop.world.send(self.metric.id, 412.0)

    def on_heal(self) -> None:
        self.shop.world.heal(self.metric.id)
