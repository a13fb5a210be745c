"""What the sandbox shows of automations, and how one is made to hang."""

from sandbox.aws.automation.document import Json
from sandbox.aws.automation.execution import Execution
from sandbox.aws.automation.runner import EXECUTIONS

SHOWN = 50


def show(_: Json) -> Json:
    newest = EXECUTIONS.newest_first()[:SHOWN]
    return {"executions": [_shown(e) for e in newest], "hanging": EXECUTIONS.hanging}


def turn(given: Json) -> Json:
    """`hang` a document's executions, everywhere or `at` a step, or `release` them (null: all)."""
    if unknown := set(given) - {"hang", "at", "release"}:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    if "hang" in given:
        EXECUTIONS.hang(str(given["hang"]), given.get("at"))
    if "release" in given:
        EXECUTIONS.release(given["release"])
    return {"hanging": EXECUTIONS.hanging}


def _shown(execution: Execution) -> Json:
    return {
        "id": execution.id,
        "document": execution.order.name,
        "status": execution.status,
        "role": execution.order.role,
        "started": execution.started,
        "ended": execution.ended or None,
        "failure": execution.failure,
        "outputs": execution.outputs,
        "steps": [{"name": r.step.name, "action": r.step.action, "status": r.status} for r in execution.runs],
    }
