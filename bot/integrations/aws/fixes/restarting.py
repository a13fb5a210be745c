"""The tasks of an ECS service, replaced one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bot.durations import span
from bot.errors import Instead, Refused
from bot.integrations.aws.fixes.ecs import Ecs, Service, Task, place
from bot.integrations.aws.fixes.kind import number, state_of
from bot.integrations.aws.fixes.subjects import RESTART
from bot.models import Order, Plan, Progress, Remediation, Stored
from bot.remedies import SECONDS_A_TASK
from bot.resources import Resources


class _Tasks(Stored):
    """By ARN. `waiting`: still to be stopped; `current`: stopped last; `has_checks`: its containers are checked."""

    waiting: tuple[str, ...]
    current: str = ""
    total: int
    has_checks: bool = False


class RestartTasks:
    """Stops the next task only when as many run as are wanted.

    Exactly once: meant are the tasks that are there before the first is stopped, also those that came since the plan:
    what a leak killed meanwhile was replaced by one that leaks. They are written down before one is stopped. A task
    stopped already is stepped over, also where the answer was lost; its replacement is none of them. A process that
    takes over in the middle goes on with those that still run.
    """

    kind = "restart"

    def __init__(self, ecs: Ecs, region: str, timeout: timedelta) -> None:
        self._ecs = ecs
        self._region = region
        self._timeout = timeout

    def plan(self, order: Order, resources: Resources) -> Plan:
        where = place(order.service, resources, self._region)
        service = self._ecs.service(where)
        _need_no_deployment(service)
        there = [task for task in self._ecs.tasks(where).values() if task.is_wanted]
        running = sum(task.is_running for task in there)
        if not running:
            raise Refused(f"No task of {service.name} runs, so there is none to restart ({service.desired} wanted).")
        about = len(there) * SECONDS_A_TASK
        self._need_time(service, len(there), about)
        tasks = _of(there)
        return Plan(
            target=where,
            before=f"{number(len(there), 'task')} of {service.revision.name}",
            after=f"{number(len(there), 'new task')} of {service.revision.name}",
            steps=(f"StopTask, {number(len(there), 'task')} one at a time, each once {service.desired} run",),
            radius=_radius(service),
            checks=("no deployment in progress", f"{running} of {number(service.desired, 'task')} run"),
            about_seconds=about,
            state=state_of(self.kind, tasks),
        )

    def start(self, remediation: Remediation) -> Progress:
        return self._step(remediation)

    def follow(self, remediation: Remediation) -> Progress:
        return self._step(remediation)

    def stop(self, remediation: Remediation) -> None:
        """Nothing to let go of: no further task is stopped once nobody follows, and ECS replaces the last one."""

    def undo(self, remediation: Remediation) -> Plan:
        raise Refused(f"{remediation.id} can't be undone: tasks that were stopped don't come back.")

    def standing(self, remediation: Remediation) -> Progress:
        return self._ecs.service(remediation.plan.target).standing(remediation.finished_at)

    def rehearse(self, remediation: Remediation) -> tuple[str, ...]:
        """ECS has no dry run: the plan is held against AWS once more."""
        where, state = remediation.plan.target, _state(remediation)
        service = self._ecs.service(where)
        _need_no_deployment(service)
        left = _left(state, self._ecs.tasks(where, state.waiting))
        return (
            f"{len(left)} of the {number(state.total, 'planned task')} still run, and no deployment is in progress.",
            "StopTask would be called for each. ECS has no dry run, so it was not called, and whether the bot may call "
            "it was not tried.",
        )

    def _step(self, remediation: Remediation) -> Progress:
        """Stop the next task if everything is back by now, else say what is waited for.

        A deployment that begins in the middle is waited for: it replaces the others itself.
        """
        where, state = remediation.plan.target, _state(remediation)
        service = self._ecs.service(where)
        tasks = self._ecs.tasks(where, [*state.waiting, *filter(None, [state.current])])
        left = _left(state, tasks)
        if service.is_deploying or not _is_back(service, state, tasks):
            return self._waiting(remediation, service, state, tasks)
        there = [task for task in tasks.values() if task.is_wanted]
        if not _has_begun(remediation, state, tasks) and {task.arn for task in there} != set(state.waiting):
            said = f"{number(len(there), 'task')} to be replaced by now"
            return Progress(said=said, state=state_of(self.kind, _of(there)))
        if not left:
            said = f"{number(state.total, 'task')} replaced, {_count(state, tasks)} of {service.desired} run"
            return Progress(said=said, is_over=True, state=state_of(self.kind, state))
        self._ecs.stop_task(where, left[0], _reason(remediation))
        after = state.model_copy(update={"waiting": tuple(left[1:]), "current": left[0]})
        said = f"task {state.total - len(left) + 1} of {state.total} stopped, waiting for its replacement"
        return Progress(said=said, state=state_of(self.kind, after))

    def _waiting(
        self, remediation: Remediation, service: Service, state: _Tasks, tasks: Mapping[str, Task]
    ) -> Progress:
        gone = state.total - len(_left(state, tasks))
        said = f"{gone} of {number(state.total, 'task')} stopped, {_count(state, tasks)} of {service.desired} run"
        if service.is_deploying:
            said += f"; a deployment of {service.revision.name} is in progress"
        trouble = service.trouble(remediation.started_at)
        return Progress(said=f"{said}. ECS {trouble}" if trouble else said, state=state_of(self.kind, state))

    def _need_time(self, service: Service, count: int, about: int) -> None:
        if about > self._timeout.total_seconds():
            raise Instead(
                f"{count} tasks of {service.name} one at a time take about {span(timedelta(seconds=about))}, and a "
                f"remediation may take {span(self._timeout)}: run {RESTART}, which replaces them side by side.",
                RESTART,
            )


def _reason(remediation: Remediation) -> str:
    return f"{remediation.id}: restart one at a time"


def _has_begun(remediation: Remediation, state: _Tasks, tasks: Mapping[str, Task]) -> bool:
    """Was one of them stopped for this? ECS knows, also where the answer was lost."""
    return bool(state.current) or any(task.reason == _reason(remediation) for task in tasks.values())


def _of(tasks: Sequence[Task]) -> _Tasks:
    return _Tasks(
        waiting=tuple(sorted(task.arn for task in tasks)),
        total=len(tasks),
        has_checks=any(task.health != "UNKNOWN" for task in tasks),
    )


def _state(remediation: Remediation) -> _Tasks:
    return _Tasks.model_validate(remediation.plan.state)


def _left(state: _Tasks, tasks: Mapping[str, Task]) -> list[str]:
    """Of those to be stopped, the ones that nobody has stopped yet. What ECS does not know any more is long gone."""
    return [arn for arn in state.waiting if arn in tasks and tasks[arn].is_wanted]


def _is_back(service: Service, state: _Tasks, tasks: Mapping[str, Task]) -> bool:
    """As many run as are wanted, the replacements well. What was just stopped may still be listed as if it ran."""
    current = tasks.get(state.current)
    return not (current and current.is_wanted) and _count(state, tasks) >= service.desired


def _count(state: _Tasks, tasks: Mapping[str, Task]) -> int:
    """How many run. A new task counts once its checks pass; an old one may be ill, which is why it is replaced."""
    return sum(
        task.is_running and (not state.has_checks or task.health == "HEALTHY" or task.arn in state.waiting)
        for task in tasks.values()
    )


def _need_no_deployment(service: Service) -> None:
    if service.is_deploying:
        raise Refused(
            f"A deployment of {service.revision.name} to {service.name} is in progress, which replaces its tasks."
        )


def _radius(service: Service) -> str:
    if service.desired <= 1:
        return f"{service.name} is away until the new task runs, about a minute: it is its only task"
    return "this service only; one task less at a time"
