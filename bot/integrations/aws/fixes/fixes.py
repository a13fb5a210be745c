"""Who carries out which order: the Fixes port."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from bot.errors import Refused
from bot.integrations.aws.clients import Clients
from bot.integrations.aws.fixes.aliases import Aliases
from bot.integrations.aws.fixes.automation import Documents, Orchestrator
from bot.integrations.aws.fixes.ecs import Ecs
from bot.integrations.aws.fixes.kind import KIND, Fix, Past
from bot.integrations.aws.fixes.restarting import RestartTasks
from bot.integrations.aws.fixes.rollback import RollBack
from bot.integrations.aws.fixes.rotation import RotateAlias
from bot.integrations.aws.fixes.runbooks import RunRunbook
from bot.integrations.aws.fixes.runs import RunAs, Runs
from bot.integrations.aws.fixes.scaling import ScaleUp
from bot.integrations.aws.fixes.subjects import Subjects
from bot.models import Action, Order, Plan, Progress, Remediation
from bot.ports import Choice, Clock
from bot.resources import Resources

TIMEOUT = timedelta(minutes=15)
BY_ITSELF = RunAs()


class AwsFixes:
    """Changes AWS as planned. Raises CloudError, and Refused with the reason.

    run_as   who runs runbooks, and as whom
    past     what was planned and done before, which tells of versions that were live
    timeout  after which a remediation is stopped, so that none is begun that can't be done by then

    A plan names its kind of fix, and that carries it out: also an undo, which is a plan like any other. Nothing is kept
    in between, so that any process can go on with it.
    """

    def __init__(
        self,
        clients: Clients,
        clock: Clock,
        *,
        run_as: RunAs = BY_ITSELF,
        timeout: timedelta = TIMEOUT,
        past: Past = tuple,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        ecs, aliases, documents, region = Ecs(clients), Aliases(clients), Documents(clients), clients.region
        self._scale_up = ScaleUp(ecs, region)
        self._restart = RestartTasks(ecs, region, timeout)
        self._roll_back = RollBack(ecs, region, past)
        self._rotate = RotateAlias(aliases, region, past)
        self._run = RunRunbook(
            documents,
            Runs(documents, Orchestrator(clients, documents, run_as.state_machine), clock, sleep),
            Subjects(clients, ecs, aliases, past),
            role=run_as.role,
            region=region,
        )
        all_of_them: tuple[Fix, ...] = (self._scale_up, self._restart, self._roll_back, self._rotate, self._run)
        self._by_kind = {fix.kind: fix for fix in all_of_them}

    def plan(self, order: Order, resources: Resources) -> Plan:
        return self._for(order, resources).plan(order, resources)

    def choices(self, resources: Resources) -> list[Choice]:
        """Task definitions, or versions where only a function is known."""
        if resources.function and not resources.ecs_service:
            return self._rotate.choices(resources.function, resources)
        return self._roll_back.choices(resources.ecs_service or "<name>", resources)

    def start(self, remediation: Remediation) -> Progress:
        return self._of(remediation).start(remediation)

    def follow(self, remediation: Remediation) -> Progress:
        return self._of(remediation).follow(remediation)

    def stop(self, remediation: Remediation) -> None:
        self._of(remediation).stop(remediation)

    def undo(self, remediation: Remediation) -> Plan:
        return self._of(remediation).undo(remediation)

    def standing(self, remediation: Remediation) -> Progress | None:
        """How what it changed stands by now; None: nothing tells."""
        return self._of(remediation).standing(remediation)

    def rehearse(self, remediation: Remediation) -> tuple[str, ...]:
        """Go as far as AWS lets us without a change; what was found, a line each."""
        return self._of(remediation).rehearse(remediation)

    def _for(self, order: Order, resources: Resources) -> Fix:
        if order.action is Action.ROLLBACK and resources.function and not resources.ecs_service:
            return self._rotate
        by_action: dict[Action, Fix] = {
            Action.SCALE_UP: self._scale_up,
            Action.RESTART: self._restart,
            Action.ROLLBACK: self._roll_back,
            Action.RUNBOOK: self._run,
        }
        return by_action[order.action]

    def _of(self, remediation: Remediation) -> Fix:
        fix = self._by_kind.get(str(remediation.plan.state.get(KIND, "")))
        if fix is None:
            raise Refused(f"The plan of {remediation.id} was made by another version of the bot. Ask for it again.")
        return fix
