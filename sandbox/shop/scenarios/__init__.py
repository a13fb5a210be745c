"""What can be broken: each says what happens, breaks it, and heals it. The bot hears of it through AWS only."""

from sandbox.shop.scenarios.base import Scenario
from sandbox.shop.scenarios.elsewhere import BusyWorkers, DatabaseTrouble, DlqFilling, LambdaErrors, StorefrontErrors
from sandbox.shop.scenarios.services import (
    BadDeploy,
    BusyAndFailing,
    CpuSpike,
    FewErrors,
    MemoryLeak,
    SlowDependency,
    SlowResponses,
    ZeroTasks,
)
from sandbox.shop.scenarios.signals import Flapping, Garbage, HealthEvent, Storm, UnknownService

SCENARIOS: tuple[type[Scenario], ...] = (
    CpuSpike,
    BusyAndFailing,
    MemoryLeak,
    BadDeploy,
    FewErrors,
    SlowResponses,
    SlowDependency,
    ZeroTasks,
    DlqFilling,
    LambdaErrors,
    BusyWorkers,
    StorefrontErrors,
    DatabaseTrouble,
    Storm,
    Flapping,
    Garbage,
    HealthEvent,
    UnknownService,
)

__all__ = ["SCENARIOS", "Scenario"]
