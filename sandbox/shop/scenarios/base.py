"""What every scenario is: fine, broken, or healing until its alarms are quiet."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sandbox.shop.shop import Shop


class Scenario:
    """`alarms`: those that go off; while one of them does, a healed scenario is still healing.

    `mended` says that somebody put right in AWS what was broken: then it heals by itself.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    explanation: ClassVar[str]
    fix: ClassVar[str] = ""
    alarms: tuple[str, ...] = ()

    def __init__(self, shop: "Shop") -> None:
        self.shop = shop
        self.broken = False
        self.healing = False

    def break_it(self) -> None:
        self.on_break()
        self.broken, self.healing = True, False

    def heal(self) -> None:
        """From the panel: the shop's own people put it right."""
        if self.broken:
            self.broken, self.healing = False, True
            self.on_heal()

    def tick(self) -> None:
        """Before every tick of the alarms."""
        if self.broken and self.mended():
            self.broken, self.healing = False, True
            self.on_mended()
        if self.broken:
            self.on_tick()
        elif self.healing:
            self.on_healing()
            self.healing = bool(self.firing()) or not self.calm()

    def firing(self) -> list[str]:
        return [name for name in self.alarms if self.shop.state_of(name) == "ALARM"]

    @property
    def state(self) -> str:
        return "broken" if self.broken else "healing" if self.healing else "fine"

    def on_break(self) -> None: ...

    def on_heal(self) -> None: ...

    def on_tick(self) -> None: ...

    def on_healing(self) -> None: ...

    def on_mended(self) -> None: ...

    def calm(self) -> bool:
        """Whether nothing is left of it."""
        return True

    def mended(self) -> bool:
        return False


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

    def on_mended(self) -> None:
        MetricScenario.on_heal(self)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
