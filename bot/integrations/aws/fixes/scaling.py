"""One task more for an ECS service, within its bounds."""

from __future__ import annotations

from bot.errors import Refused
from bot.integrations.aws.fixes.ecs import Ecs, Service, place
from bot.integrations.aws.fixes.kind import number, state_of
from bot.models import Order, Plan, Progress, Remediation, Stored, Target
from bot.resources import Resources

ABOUT_SECONDS = 60


class _Counts(Stored):
    """Absolute counts: setting the same one twice is one change. `most` is the service's max_tasks."""

    before: int
    after: int
    most: int


class ScaleUp:
    """Exactly once: UpdateService sets a count, it does not add to one, and only while the service has the old one."""

    kind = "scale"

    def __init__(self, ecs: Ecs, region: str) -> None:
        self._ecs = ecs
        self._region = region

    def plan(self, order: Order, resources: Resources) -> Plan:
        if resources.auto_scaling_group and not resources.ecs_service:
            raise Refused(
                f"{order.service} runs in the Auto Scaling group {resources.auto_scaling_group}: "
                "run AIOps-ScaleOutEC2ASG for more instances."
            )
        where = place(order.service, resources, self._region)
        service = self._ecs.service(where)
        _need_scalable(service, resources.max_tasks)
        counts = _Counts(before=service.desired, after=service.desired + 1, most=resources.max_tasks)
        return _plan(where, service, counts)

    def start(self, remediation: Remediation) -> Progress:
        """Looks before it sets: a repeat, or somebody else, may have changed the count."""
        where, counts = remediation.plan.target, _counts(remediation)
        service = self._ecs.service(where)
        if service.desired != counts.after:
            _need_unchanged(service, counts)
            _need_no_deployment(service)
            service = self._ecs.update(where, desiredCount=counts.after)
        return self._progress(remediation, service)

    def follow(self, remediation: Remediation) -> Progress:
        return self._progress(remediation, self._ecs.service(remediation.plan.target))

    def stop(self, remediation: Remediation) -> None:
        """Nothing to let go of: ECS goes on starting what is wanted."""

    def undo(self, remediation: Remediation) -> Plan:
        counts, where = _counts(remediation), remediation.plan.target
        service = self._ecs.service(where)
        if service.desired != counts.after:
            raise Refused(
                f"{remediation.id} set {number(counts.after, 'task')}, and {where.name} wants {service.desired} by "
                "now: somebody changed it since. Undoing would change something else."
            )
        _need_no_deployment(service)
        return _plan(where, service, counts.model_copy(update={"before": counts.after, "after": counts.before}))

    def standing(self, remediation: Remediation) -> Progress:
        """Another count than it set is auto scaling's or somebody's doing: told, and no problem where it is more."""
        service, counts = self._ecs.service(remediation.plan.target), _counts(remediation)
        found = service.standing(remediation.finished_at)
        if service.desired < counts.after > counts.before:
            problem = f"{service.name} wants {number(service.desired, 'task')} again, not {counts.after}"
            return found.model_copy(update={"problem": problem})
        if service.desired != counts.after:
            return found.model_copy(update={"said": f"{found.said}, not the {counts.after} that it set"})
        return found

    def rehearse(self, remediation: Remediation) -> tuple[str, ...]:
        """ECS has no dry run: the plan is held against AWS once more."""
        counts = _counts(remediation)
        service = self._ecs.service(remediation.plan.target)
        _need_unchanged(service, counts)
        _need_no_deployment(service)
        return (
            f"{service.name} still wants {number(counts.before, 'task')}, and no deployment is in progress.",
            f"UpdateService would set {counts.after}. ECS has no dry run, so it was not called, and whether the bot "
            "may call it was not tried.",
        )

    def _progress(self, remediation: Remediation, service: Service) -> Progress:
        counts, state = _counts(remediation), remediation.plan.state
        if service.desired not in (counts.before, counts.after):
            problem = f"Somebody set {number(service.desired, 'task')} meanwhile."
            return Progress(said=_running(service), is_over=True, problem=problem, state=state)
        if service.desired == counts.after and service.running == counts.after and service.pending == 0:
            return Progress(said=_running(service), is_over=True, state=state)
        if service.running > counts.after:
            return Progress(said=f"{number(service.running, 'task')} run, {counts.after} wanted", state=state)
        trouble = service.trouble(remediation.started_at)
        starting = f", {service.pending} starting" if service.pending else ""
        said = f"{service.running} of {number(counts.after, 'task')} run{starting}"
        return Progress(said=f"{said}. ECS {trouble}" if trouble else said, state=state)


def _counts(remediation: Remediation) -> _Counts:
    return _Counts.model_validate(remediation.plan.state)


def _running(service: Service) -> str:
    return f"{service.running} of {number(service.desired, 'task')} run"


def _plan(where: Target, service: Service, counts: _Counts) -> Plan:
    return Plan(
        target=where,
        before=number(counts.before, "task"),
        after=number(counts.after, "task"),
        steps=(f"UpdateService, {counts.after} tasks wanted",),
        radius="this service only; the other tasks go on as they are"
        if counts.after > counts.before
        else "this service only; ECS chooses which task goes",
        undo=f"back to {counts.before}",
        checks=("no deployment in progress", f"at most {counts.most} tasks allowed, {service.running} run"),
        about_seconds=ABOUT_SECONDS,
        state=state_of(ScaleUp.kind, counts),
    )


def _need_scalable(service: Service, most: int) -> None:
    if service.scheduling == "DAEMON":
        raise Refused(f"{service.name} runs one task on each instance (DAEMON); its tasks can't be counted.")
    if service.desired == 0:
        raise Refused(f"{service.name} is turned off: it wants 0 tasks. Scaling up does not turn services on.")
    if service.desired >= most:
        raise Refused(f"{service.name} wants {number(service.desired, 'task')}, and at most {most} are allowed "
                      "(max_tasks in config.yml).")  # fmt: skip
    _need_no_deployment(service)


def _need_no_deployment(service: Service) -> None:
    if service.is_deploying:
        raise Refused(f"A deployment of {service.revision.name} to {service.name} is in progress; wait until it ends.")


def _need_unchanged(service: Service, counts: _Counts) -> None:
    if service.desired != counts.before:
        raise Refused(f"{service.name} wants {number(service.desired, 'task')} by now, not {counts.before} as planned. "
                      "Nothing was changed.")  # fmt: skip
