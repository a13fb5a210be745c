"""An ECS service, back to a task definition that it ran before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from bot.errors import Refused
from bot.integrations.aws.fixes.ecs import Ecs, Past, Service, place
from bot.integrations.aws.fixes.kind import KIND, number, state_of
from bot.integrations.aws.fixes.kind import Past as History
from bot.integrations.aws.fixes.regrets import regretted
from bot.integrations.aws.fixes.revisions import Revision, differences, typed
from bot.integrations.aws.fixes.stability import going_back, is_earlier, stable_before, was_stable
from bot.models import Order, Plan, Progress, Remediation, Stored, Target
from bot.ports import Choice
from bot.resources import Resources

CHOICES = 10
LOOKED_AT = 5
THREADS = 5

Json = dict[str, Any]


class _Move(Stored):
    """From one task definition to another, by ARN. `replaces` is the deployment that was primary before."""

    before: str
    after: str
    replaces: str = ""


class RollBack:
    """Exactly once: UpdateService names the task definition, and a service that has it already gets no new deployment.

    It is looked at first all the same: by then somebody may have deployed something else.
    """

    kind = "rollback"

    def __init__(self, ecs: Ecs, region: str, past: History) -> None:
        self._ecs = ecs
        self._region = region
        self._past = past

    def plan(self, order: Order, resources: Resources) -> Plan:
        where = place(order.service, resources, self._region)
        service = self._ecs.service(where)
        _need_rolling(service)
        past = self._ecs.past(where)
        if order.revision:
            target = self._asked_for(order.revision, service, where)
        else:
            target = self._last_stable(service, past, where)
        return self._plan(where, service, target, past)

    def choices(self, service_name: str, resources: Resources) -> list[Choice]:
        """The last ten other revisions, those that were stable first. Their definitions are read side by side: the form
        must open soon."""
        where = place(service_name, resources, self._region)
        service = self._ecs.service(where)
        past = self._ecs.past(where)
        others = [each for each in self._ecs.revisions(where, service.revision.family) if each != service.revision]
        with ThreadPoolExecutor(THREADS, thread_name_prefix="revisions") as pool:
            wanted = [service.revision, *others[:CHOICES]]
            current, *rest = pool.map(lambda each: self._ecs.definition(where, each.arn) or {}, wanted)
        bad = self._known_bad(where)
        found = [
            _choice(each, current, raw, is_good=was_stable(each, past) is True and each.arn not in bad)
            for each, raw in zip(others, rest, strict=False)
            if raw
        ]
        return sorted(found, key=lambda each: not each.was_stable)

    def start(self, remediation: Remediation) -> Progress:
        where, move = remediation.plan.target, _move(remediation)
        service = self._ecs.service(where)
        if service.revision.arn != move.after:
            _need_unchanged(service, move)
            primary = service.primary
            move = move.model_copy(update={"replaces": primary.id if primary else ""})
            service = self._ecs.update(where, taskDefinition=move.after)
        return _progress(remediation, service, move)

    def follow(self, remediation: Remediation) -> Progress:
        return _progress(remediation, self._ecs.service(remediation.plan.target), _move(remediation))

    def stop(self, remediation: Remediation) -> None:
        """Nothing is let go of: to stop the deployment would leave the service between two versions."""

    def undo(self, remediation: Remediation) -> Plan:
        where, move = remediation.plan.target, _move(remediation)
        service = self._ecs.service(where)
        if service.revision.arn != move.after:
            raise Refused(
                f"{remediation.id} went back to {Revision.of(move.after).name}, and {service.name} runs "
                f"{service.revision.name} by now: somebody deployed since. Undoing would change something else."
            )
        target = Revision.of(move.before)
        self._need_active(target, where, service)
        return self._plan(where, service, target, self._ecs.past(where))

    def standing(self, remediation: Remediation) -> Progress:
        service, move = self._ecs.service(remediation.plan.target), _move(remediation)
        found = service.standing(remediation.finished_at)
        if service.revision.arn != move.after:
            problem = f"{service.name} is on {service.revision.name} by now, not on {Revision.of(move.after).name}"
            return found.model_copy(update={"problem": problem})
        return found

    def rehearse(self, remediation: Remediation) -> tuple[str, ...]:
        """ECS has no dry run: the plan is held against AWS once more."""
        where, move = remediation.plan.target, _move(remediation)
        service, target = self._ecs.service(where), Revision.of(move.after)
        _need_unchanged(service, move)
        self._need_active(target, where, service)
        return (
            f"{service.name} still runs {service.revision.name}, and {target.name} can be deployed.",
            f"UpdateService would deploy {target.name}. ECS has no dry run, so it was not called, and whether the bot "
            "may call it was not tried.",
        )

    def _known_bad(self, where: Target) -> dict[str, str]:
        """By their ARNs the revisions that nothing goes back to by itself, each with the reason."""
        return regretted(self._past(), where, _turned)

    def _asked_for(self, text: str, service: Service, where: Target) -> Revision:
        """The revision that somebody named. Raises Refused that says what there is."""
        said = typed(text)
        if said is None:
            raise Refused(f"I can't read “{text[:80]}” as a revision. {self._what_there_is(service, where)}")
        if said.family not in ("", service.revision.family):
            raise Refused(f"{service.name} runs {service.revision.family}, and {text[:120]} is another family. "
                          f"{self._what_there_is(service, where)}")  # fmt: skip
        target = Revision.of(f"{service.revision.arn.rpartition(':')[0]}:{said.number}")
        if said.arn not in ("", target.arn):
            raise Refused(f"{said.arn[:200]} is in another account or region than {service.name}.")
        if target.number == service.revision.number:
            how = "is being deployed already" if service.is_deploying else "is what runs now"
            raise Refused(f"{target.name} {how}. {self._others(service, where)}.")
        self._need_active(target, where, service)
        return target

    def _need_active(self, target: Revision, where: Target, service: Service) -> Json:
        definition = self._ecs.definition(where, target.arn)
        if definition is None:
            raise Refused(f"There is no {target.name}. {self._what_there_is(service, where)}")
        if definition.get("status") != "ACTIVE":
            raise Refused(f"{target.name} was deregistered and can't be deployed any more. "
                          f"{self._what_there_is(service, where)}")  # fmt: skip
        return definition

    def _what_there_is(self, service: Service, where: Target) -> str:
        return f"{self._others(service, where)}; {service.revision.name} runs now."

    def _others(self, service: Service, where: Target) -> str:
        """What is known to be bad comes last, and says so."""
        bad = self._known_bad(where)
        others = [each for each in self._ecs.revisions(where, service.revision.family) if each != service.revision]
        good = [each.name for each in others if each.arn not in bad]
        told = [*good, *(f"{each.name} ({bad[each.arn]})" for each in others if each.arn in bad)]
        return f"There is {', '.join(told[:CHOICES])}" if told else "There is no other revision"

    def _last_stable(self, service: Service, past: Sequence[Past], where: Target) -> Revision:
        bad = going_back(service, past)
        if bad is not None and bad != service.revision:
            raise Refused(f"{service.name} is going back from {bad.name} to {service.revision.name} right now.")
        if bad is not None:
            raise Refused(f"ECS is taking back {bad.name} of {service.name} right now.")
        regrets = self._known_bad(where)
        candidates = dict.fromkeys([*stable_before(service, past), *self._ran_before(service, past, where)])
        for revision in [each for each in candidates if each.arn not in regrets][:LOOKED_AT]:
            if (self._ecs.definition(where, revision.arn) or {}).get("status") == "ACTIVE":
                return revision
        raise Refused(
            f"No revision before {service.revision.name} is known to have been good: ECS tells of the last 90 days. "
            f"Choose one. {self._what_there_is(service, where)}"
        )

    def _ran_before(self, service: Service, past: Sequence[Past], where: Target) -> list[Revision]:
        """What the present revision's first known deployment replaced, for services that are seldom deployed.

        Asked only where nothing better is known.
        """
        first = next((each for each in reversed(past) if each.revision == service.revision), None)
        if first is None or any(stable_before(service, past)):
            return []
        return [
            each
            for each in self._ecs.replaced(where, first.arn)
            if is_earlier(each, service.revision) and was_stable(each, past) is not False
        ]

    def _plan(self, where: Target, service: Service, target: Revision, past: Sequence[Past]) -> Plan:
        bad = self._known_bad(where)
        current = self._ecs.definition(where, service.revision.arn) or {}
        other = self._ecs.definition(where, target.arn) or {}
        return Plan(
            target=where,
            before=service.revision.name,
            after=target.name,
            differences=differences(current, other) or ("nothing differs but the number",),
            steps=(f"UpdateService, {number(service.desired, 'task')} rolling to {target.name}",),
            radius=_radius(target, past),
            undo=f"deploy {service.revision.name} again",
            checks=_checks(service, target, [] if target.arn in bad else past),
            warnings=(f"{target.name} is known to be bad: {bad[target.arn]}",) if target.arn in bad else (),
            about_seconds=min(60 + 30 * service.desired, 600),
            state=state_of(self.kind, _Move(before=service.revision.arn, after=target.arn)),
        )


def _move(remediation: Remediation) -> _Move:
    return _Move.model_validate(remediation.plan.state)


def _turned(state: Mapping[str, Any]) -> tuple[str, str]:
    return (str(state["before"]), str(state["after"])) if state.get(KIND) == RollBack.kind else ("", "")


def _need_rolling(service: Service) -> None:
    # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html: with other controllers the task
    # definition is changed elsewhere.
    if service.controller != "ECS" or not service.revision.number:
        raise Refused(f"{service.name} is deployed by {service.controller}, not by ECS itself: roll back there.")


def _need_unchanged(service: Service, move: _Move) -> None:
    if service.revision.arn != move.before:
        raise Refused(f"{service.name} runs {service.revision.name} by now, not {Revision.of(move.before).name} as "
                      "planned. Nothing was changed.")  # fmt: skip


def _radius(target: Revision, past: Sequence[Past]) -> str:
    if was_stable(target, past) is False:
        return f"this service only; {target.name} failed when it was deployed last"
    return "this service only"


def _checks(service: Service, target: Revision, past: Sequence[Past]) -> tuple[str, ...]:
    primary = service.primary
    under_way = "no deployment in progress"
    if primary and service.is_deploying:
        under_way = (
            f"a deployment of {service.revision.name} is in progress, {primary.running} of "
            f"{number(service.desired, 'task')} run it: going back ends it"
        )
    known = [f"{target.name} was stable"] if was_stable(target, past) else []
    return (under_way, f"{target.name} can be deployed", *known)


def _progress(remediation: Remediation, service: Service, move: _Move) -> Progress:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html"""
    state, target, primary = state_of(RollBack.kind, move), Revision.of(move.after), service.primary
    if primary is None or primary.revision.arn != move.after:
        return _not_ours(service, move, state)
    said = f"{primary.running} of {number(service.desired, 'task')} run {target.name}"
    if primary.rollout == "FAILED":
        problem = f"ECS gave up deploying {target.name}: {primary.reason}"
        return Progress(said=said, is_over=True, problem=problem, state=state)
    is_alone = len(service.deployments) == 1 and primary.running == service.desired and service.pending == 0
    if primary.rollout == "COMPLETED" or (not primary.rollout and is_alone):
        return Progress(said=said, is_over=True, state=state)
    trouble = service.trouble(remediation.started_at)
    return Progress(said=f"{said}. ECS {trouble}" if trouble else said, state=state)


def _not_ours(service: Service, move: _Move, state: Json) -> Progress:
    """Another deployment is the primary one: ours is not to be seen yet, or not any more.

    ECS answers are eventually consistent; the deployment of before is what an old answer shows.
    """
    primary, target = service.primary, Revision.of(move.after)
    if primary and primary.id == move.replaces:
        return Progress(said=f"ECS was asked for {target.name}", state=state)
    failed = next((each for each in service.deployments if each.revision.arn == move.after), None)
    why = f" ({failed.reason})" if failed and failed.reason else ""
    problem = f"{service.name} is on {service.revision.name} again, not {target.name}{why}."
    if service.revision.arn != move.before:
        problem = f"Somebody deployed {service.revision.name} meanwhile{why}."
    return Progress(said=problem, is_over=True, problem=problem, state=state)


def _choice(revision: Revision, current: Json, raw: Json, *, is_good: bool) -> Choice:
    registered: datetime | None = raw.get("registeredAt")
    return Choice(
        revision=revision.name,
        registered_at=registered,
        by=str(raw.get("registeredBy") or "").rsplit("/", 1)[-1],
        differences=differences(current, raw),
        was_stable=is_good,
    )
