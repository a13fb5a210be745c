"""The six runbooks: SSM documents, run directly or by the state machine of infra/."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from pydantic import Field

from bot.errors import Refused
from bot.integrations.aws.fixes.automation import Documents, words
from bot.integrations.aws.fixes.kind import state_of
from bot.integrations.aws.fixes.runs import Runs
from bot.integrations.aws.fixes.subjects import FROM_CATALOGUE, Given, Subject, Subjects
from bot.models import Order, Plan, Progress, Remediation, Stored, Target
from bot.resources import Resources

ROLE = "AutomationAssumeRole"
DRY_RUN = "DryRun"
OURS = frozenset({ROLE, DRY_RUN})


class _Execution(Stored):
    """`then` is what the run sets, `back` the parameters that set it back; both empty where there is no way back."""

    document: str
    parameters: dict[str, str]
    then: str = ""
    back: dict[str, str] = Field(default_factory=dict)
    execution: str = ""


class RunRunbook:
    """Exactly once: the remediation's token names the run.

    SSM takes it as ClientToken, the state machine as its execution's name; a second start answers with the first run.
    """

    kind = "runbook"

    def __init__(self, documents: Documents, runs: Runs, subjects: Subjects, *, role: str, region: str) -> None:
        self._documents = documents
        self._runs = runs
        self._subjects = subjects
        self._role = role
        self._region = region

    def plan(self, order: Order, resources: Resources) -> Plan:
        document = order.runbook
        if document not in FROM_CATALOGUE:
            raise Refused(f"I don't know the runbook “{document[:80]}”. There is {', '.join(FROM_CATALOGUE)}.")
        region = resources.region or self._region
        takes = self._documents.parameters(document, region)
        given = _given(order, resources, takes)
        where = Target(kind="", name="", account=resources.account, region=region)
        subject = self._subjects.look(document, given, where)
        return self._plan(order.service, document, given, subject, takes)

    def start(self, remediation: Remediation) -> Progress:
        plan = _execution(remediation)
        if not plan.execution:
            self._need_unchanged(plan, remediation.plan.target)
            execution = self._runs.start(remediation, plan.document, plan.parameters)
            plan = plan.model_copy(update={"execution": execution})
        return Progress(said="about to begin", state=state_of(self.kind, plan))

    def follow(self, remediation: Remediation) -> Progress:
        state = _execution(remediation)
        if not state.execution:  # its start was never written down
            return self.start(remediation)
        run = self._runs.look(state.execution, remediation.plan.target.region)
        is_done = run.is_over and not run.problem
        return Progress(
            said=(_changes(run.outputs) or "all its steps succeeded") if is_done else run.said,
            is_over=run.is_over,
            problem=run.problem,
            state=remediation.plan.state,
        )

    def stop(self, remediation: Remediation) -> None:
        """The step that runs is cut off, no further one begins."""
        execution = _execution(remediation).execution
        if execution:
            self._runs.stop(execution, remediation.plan.target.region)

    def undo(self, remediation: Remediation) -> Plan:
        """The same document the other way round, for the two that have one."""
        ran, where = _execution(remediation), remediation.plan.target
        if not ran.back:
            raise Refused(f"{remediation.id} can't be undone: {ran.document} has no way back.")
        takes = self._documents.parameters(ran.document, where.region)
        given = {name: value for name, value in ran.parameters.items() if name not in OURS} | ran.back
        subject = self._subjects.look(ran.document, given, where)
        if subject.now != ran.then:
            raise Refused(f"{remediation.id} left {where.name} at {ran.then}, and it is at {subject.now} by now: "
                          "somebody changed it since. Undoing would change something else.")  # fmt: skip
        return self._plan(remediation.order.service, ran.document, given, subject, takes)

    def standing(self, remediation: Remediation) -> Progress | None:
        plan = _execution(remediation)
        return self._subjects.standing(plan.document, remediation.plan.target, plan.then)

    def rehearse(self, remediation: Remediation) -> tuple[str, ...]:
        """Runs the document with DryRun: it looks at everything, as the role that would change it, and changes nothing.

        Each rehearsal is a run of its own, since things may be different the next time.
        """
        state, region = _execution(remediation), remediation.plan.target.region
        if DRY_RUN not in self._documents.parameters(state.document, region):
            raise Refused(f"{state.document} has no dry run.")
        run = self._runs.rehearse(state.document, {**state.parameters, DRY_RUN: "true"}, str(uuid.uuid4()), region)
        if run.problem:
            return (f"Dry run of {state.document}: {run.problem}",)
        found = [f"{words(name.partition('.')[2])}: {', '.join(values)}" for name, values in _before(run.outputs)]
        return (f"Dry run of {state.document}: {run.said}, nothing was changed.", *found)

    def _need_unchanged(self, plan: _Execution, where: Target) -> None:
        """What was approved is a change from here to there; from elsewhere it is another one. A repeat may be there."""
        now = self._subjects.now(plan.document, where)
        if now and now not in (plan.then, *plan.back.values()):
            raise Refused(f"{where.name} is at {now} by now, not as planned. Nothing was changed.")

    def _plan(self, service: str, document: str, given: Given, subject: Subject, takes: Mapping[str, bool]) -> Plan:
        role = {ROLE: self._role} if self._role and ROLE in takes else {}
        parameters = {**given, **subject.parameters, **role}
        _need_all(service, document, parameters, takes)
        state = _Execution(document=document, parameters=parameters, then=subject.then, back=dict(subject.back))
        return _shown(subject, state)


def _execution(remediation: Remediation) -> _Execution:
    return _Execution.model_validate(remediation.plan.state)


def _given(order: Order, resources: Resources, takes: Mapping[str, bool]) -> dict[str, str]:
    """The catalogue's values, and over them the order's. Raises Refused for what the document does not take."""
    fields = FROM_CATALOGUE[order.runbook]
    known = {name: str(getattr(resources, field)) for name, field in fields.items()}
    for name in ("Cluster", "Service"):  # the catalogue may have whole ARNs
        if name in known:
            known[name] = known[name].rsplit("/", 1)[-1]
    if unknown := sorted(set(order.parameters) - set(takes)):
        raise Refused(f"{order.runbook} knows no {', '.join(unknown)}. It takes {', '.join(_open(takes))}.")
    if reserved := sorted(OURS & set(order.parameters)):
        raise Refused(f"{', '.join(reserved)} can't be given: the bot fills it in.")
    found = {**known, **order.parameters}
    missing = [f"{fields[name]} or runbooks.{order.runbook}.{name}" for name in fields if not found[name]]
    if missing:
        keys = " and ".join(f"services.{order.service}.{key}" for key in missing)
        raise Refused(
            f"I don't know what {order.runbook} is to act on for {order.service}. Put {keys} into config.yml."
        )
    return found


def _need_all(service: str, document: str, parameters: Given, takes: Mapping[str, bool]) -> None:
    missing = [name for name, has_default in takes.items() if not has_default and name not in parameters]
    if ROLE in missing:
        raise Refused(f"{document} needs a role to act as: deploy infra/, which gives it one.")
    if missing:
        keys = " and ".join(f"services.{service}.runbooks.{document}.{name}" for name in missing)
        raise Refused(f"{document} also needs {', '.join(missing)}. Put {keys} into config.yml.")


def _open(takes: Mapping[str, bool]) -> list[str]:
    return [name for name in takes if name not in OURS]


def _shown(subject: Subject, state: _Execution) -> Plan:
    return Plan(
        target=subject.target,
        before=subject.before,
        after=subject.after,
        steps=(f"{state.document}: {subject.steps}",),
        radius=subject.radius,
        undo=subject.undo,
        checks=(f"{state.document} is there", *subject.checks),
        about_seconds=subject.about_seconds,
        is_look=subject.is_look,
        offers=dict(subject.offers),
        state=state_of(RunRunbook.kind, state),
    )


def _before(outputs: Mapping[str, tuple[str, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    return [(name, values) for name, values in outputs.items() if name.startswith("Read") and "Before." in name]


def _changes(outputs: Mapping[str, tuple[str, ...]]) -> str:
    """What was read before and after and is not the same: `messages 120 → 0`. Most documents have such pairs."""
    lines = []
    for name, before in _before(outputs):
        after = outputs.get(name.replace("Before.", "After."))
        if after is not None and after != before:
            lines.append(f"{words(name.partition('.')[2])} {', '.join(before)} → {', '.join(after)}")
    return ", ".join(lines)
