"""What each action does. Waiting, and being stopped while waiting, is the runner's business."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

from sandbox.aws.automation import values
from sandbox.aws.automation.clients import CallError
from sandbox.aws.automation.document import (
    API,
    APPROVE,
    ASSERT,
    BRANCH,
    SLEEP,
    WAIT,
    ApiInputs,
    ApproveInputs,
    BranchInputs,
    Json,
    PropertyInputs,
    SleepInputs,
    Step,
)
from sandbox.aws.automation.execution import StepRun

POLL_SECONDS = 5.0
GUIDE = "Please refer to Automation Service Troubleshooting Guide for more diagnosis details."
DURATION = re.compile(r"P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


class StepError(Exception):
    """The step fails; the text is what people read in the console."""

    def __init__(self, reason: str, kind: str, stage: str = "Invocation") -> None:
        super().__init__(f"Step fails when it is Execute/Cancelling action. {reason}. {GUIDE}")
        self.details: Json = {"FailureStage": stage, "FailureType": kind, "Details": {"Reason": [reason]}}


class World(Protocol):
    """What a step may do to the world, and to the execution that it belongs to."""

    def call(self, service: str, api: str, sent: Json) -> Json: ...

    def pause(self, seconds: float) -> None:
        """Of the stated time, which the sandbox's speed makes shorter."""

    def decided(self, approve: ApproveInputs) -> list[Json]:
        """Waits for enough approvals, or for one rejection."""
        ...


def run(run: StepRun, inputs: Json, world: World) -> None:
    """`inputs` have their references filled in."""
    ACTIONS[run.step.action](run, inputs, world)


def _ask(world: World, wanted: ApiInputs) -> Json:
    try:
        return world.call(wanted.service, wanted.api, wanted.sent)
    except CallError as error:
        raise StepError(str(error).rstrip("."), error.kind) from None


def _execute_api(run: StepRun, inputs: Json, world: World) -> None:
    run.answer = _ask(world, ApiInputs.model_validate(inputs))
    run.outputs = _outputs(run.step, run.answer)


def _outputs(step: Step, answer: Json) -> Json:
    try:
        found = {o.name: (values.select(answer, values.path_of(o.selector)), o.type) for o in step.outputs}
        return {name: values.typed(value, kind) for name, (value, kind) in found.items()}
    except (ValueError, TypeError) as error:
        raise StepError(str(error), "Action", "PostVerification") from None


def _property(world: World, wanted: PropertyInputs) -> Any:
    answer = _ask(world, wanted)
    return values.select(answer, values.path_of(wanted.property_selector))


def _is_desired(value: Any, wanted: PropertyInputs) -> bool:
    return value is not None and values.text(value) in [values.text(v) for v in wanted.desired_values]


def _assert(run: StepRun, inputs: Json, world: World) -> None:
    wanted = PropertyInputs.model_validate(inputs)
    try:
        value = _property(world, wanted)
    except values.SelectorError as error:
        raise StepError(str(error), "Verification", "PostVerification") from None
    if not _is_desired(value, wanted):
        desired = ", ".join(values.text(v) for v in wanted.desired_values)
        reason = f"Property value from the API response is {values.text(value) or 'missing'}, desired is [{desired}]"
        raise StepError(reason, "Verification", "PostVerification")


def _wait(run: StepRun, inputs: Json, world: World) -> None:
    """What is not there yet may come."""
    wanted = PropertyInputs.model_validate(inputs)
    while True:
        try:
            if _is_desired(_property(world, wanted), wanted):
                return
        except values.SelectorError:
            pass
        world.pause(POLL_SECONDS)


def _branch(run: StepRun, inputs: Json, world: World) -> None:
    wanted = BranchInputs.model_validate(inputs)
    for choice in wanted.choices:
        if values.holds({k: v for k, v in choice.items() if k != "NextStep"}):
            run.chosen = str(choice["NextStep"])
            return
    run.chosen = wanted.default


def seconds_of(duration: str) -> float:
    found = DURATION.fullmatch(duration)
    days, hours, minutes, seconds = (int(n or 0) for n in (found.groups() if found else ("0",) * 4))
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


def _sleep(run: StepRun, inputs: Json, world: World) -> None:
    world.pause(seconds_of(SleepInputs.model_validate(inputs).duration))


def _approve(run: StepRun, inputs: Json, world: World) -> None:
    wanted = ApproveInputs.model_validate(inputs)
    if wanted.notification_arn:
        message = {
            "TopicArn": wanted.notification_arn,
            "Message": wanted.message or "An automation waits for approval.",
        }
        _ask(world, ApiInputs.model_validate({"Service": "sns", "Api": "Publish", **message}))
    decisions = world.decided(wanted)
    rejected = any(d["Decision"] == "Reject" for d in decisions)
    run.outputs = {"ApprovalStatus": "Rejected" if rejected else "Approved", "ApproverDecisions": decisions}
    if rejected:
        raise StepError("The approval was rejected", "Verification")


ACTIONS: dict[str, Callable[[StepRun, Json, World], None]] = {
    API: _execute_api,
    WAIT: _wait,
    ASSERT: _assert,
    BRANCH: _branch,
    SLEEP: _sleep,
    APPROVE: _approve,
}
