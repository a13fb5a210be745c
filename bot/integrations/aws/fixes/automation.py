"""SSM Automation and Step Functions as runbooks need them: a document's parameters, its executions, their steps.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetAutomationExecution.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from bot.errors import CloudError, Refused
from bot.integrations.aws.clients import Clients, arn_field, cloud_errors
from bot.integrations.aws.fixes.kind import is_code

Json = Mapping[str, Any]
_WELL = frozenset({"Success", "CompletedWithSuccess"})
_OVER = _WELL | {
    "Failed", "TimedOut", "Cancelled", "Rejected", "CompletedWithFailure", "Exited", "ChangeCalendarOverrideRejected",
}  # fmt: skip
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
MAX_SAID = 500
_NO_FAILOVER = "There was no failover to confirm; with Force=true it makes one."
_MEANT = {"RequireInstanceFailover": _NO_FAILOVER, "RequireClusterFailover": _NO_FAILOVER}
"""What it means that one of our documents ended at this step, where SSM's words don't tell."""
_EVENTS = 100


class Run(NamedTuple):
    """How an execution stands. `said` in words; `outputs` by their names, those that there are."""

    said: str
    is_over: bool = False
    problem: str = ""
    outputs: Mapping[str, tuple[str, ...]] = {}


class Documents:
    """SSM documents and their executions. Raises CloudError that names the permission; Refused for what SSM refuses."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def parameters(self, document: str, region: str) -> dict[str, bool]:
        """What a document takes, by name: has it a default? Raises Refused where there is no such document."""
        try:
            with cloud_errors("ssm:DescribeDocument", document):
                found = self._client(region).describe_document(Name=document)["Document"]
        except CloudError as error:
            if is_code(error, "InvalidDocument"):
                raise _no_document(document, region) from error
            raise
        return {each["Name"]: "DefaultValue" in each for each in found.get("Parameters", [])}

    def start(self, document: str, parameters: Mapping[str, str], token: str, region: str) -> str:
        """The execution's id. The same token and parameters are the same execution, however often they are sent."""
        given = {name: [value] for name, value in parameters.items()}
        try:
            with cloud_errors("ssm:StartAutomationExecution", document):
                answer = self._client(region).start_automation_execution(
                    DocumentName=document, Parameters=given, ClientToken=token
                )
        except CloudError as error:
            raise _not_started(error, document, region) from error
        return str(answer["AutomationExecutionId"])

    def look(self, execution: str, region: str) -> Run:
        try:
            with cloud_errors("ssm:GetAutomationExecution", execution):
                raw = self._client(region).get_automation_execution(AutomationExecutionId=execution)
        except CloudError as error:
            if is_code(error, "AutomationExecutionNotFound"):
                return Run(f"SSM knows no execution {execution}", is_over=True, problem="Its execution is gone.")
            raise
        return _run(raw["AutomationExecution"])

    def stop(self, execution: str, region: str) -> None:
        """Cancel ends it before its next step. One that has ended is left as it is."""
        try:
            with cloud_errors("ssm:StopAutomationExecution", execution):
                self._client(region).stop_automation_execution(AutomationExecutionId=execution, Type="Cancel")
        except CloudError as error:
            if not is_code(error, "InvalidAutomationStatusUpdate", "AutomationExecutionNotFound"):
                raise

    def _client(self, region: str) -> Any:
        return self._clients.get("ssm", region=region)


class Orchestrator:
    """The state machine that checks the approval, runs the document and gives up in time: infra/README.md.

    Without one it starts nothing, and still knows what was started while there was one.
    """

    def __init__(self, clients: Clients, documents: Documents, state_machine: str) -> None:
        self._clients = clients
        self._documents = documents
        self._machine = state_machine

    def is_for(self, region: str) -> bool:
        return arn_field(self._machine, 3) == region

    def start(self, token: str, given: Json) -> str:
        """The execution's ARN. Its name is the token, and a state machine takes each name once within 90 days.

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
        """
        try:
            with cloud_errors("states:StartExecution", self._machine):
                answer = self._client(self._machine).start_execution(
                    stateMachineArn=self._machine, name=token, input=json.dumps(given, sort_keys=True)
                )
        except CloudError as error:
            if is_code(error, "ExecutionAlreadyExists"):
                return f"{self._machine.replace(':stateMachine:', ':execution:', 1)}:{token}"
            if is_code(error, "StateMachineDoesNotExist"):
                raise Refused(f"There is no state machine {self._machine}; deploy infra/.") from error
            raise
        return str(answer["executionArn"])

    def look(self, execution: str) -> Run:
        with cloud_errors("states:DescribeExecution", execution):
            raw = self._client(execution).describe_execution(executionArn=execution)
        status, name = raw["status"], arn_field(execution, 5).split(":")[1]
        if status == "SUCCEEDED":
            return Run("done", is_over=True)
        if status == "RUNNING":
            return Run(f"{name} runs it")
        why = raw.get("cause") or raw.get("error") or f"{name} ended as {status}"
        return Run(f"ended as {status.lower().replace('_', ' ')}", is_over=True, problem=str(why)[:MAX_SAID])

    def stop(self, execution: str) -> None:
        """The machine first, so that it starts nothing any more; then what it started, which would go on without it."""
        with cloud_errors("states:StopExecution", execution):
            self._client(execution).stop_execution(executionArn=execution, cause="It took too long.")
        with cloud_errors("states:GetExecutionHistory", execution):
            answer = self._client(execution).get_execution_history(executionArn=execution, maxResults=_EVENTS)
        started = _started(answer["events"])
        if started:
            self._documents.stop(started, arn_field(execution, 3))

    def _client(self, arn: str) -> Any:
        return self._clients.get("stepfunctions", region=arn_field(arn, 3))


def _started(events: list[Json]) -> str:
    """The automation that the state machine's Start began; empty where it did not come so far."""
    for event in events:
        exited = event.get("stateExitedEventDetails") or {}
        if exited.get("name") == "Start":
            said = json.loads(exited.get("output") or "{}")
            return str((said.get("automation") or {}).get("execution_id") or "")
    return ""


def _no_document(document: str, region: str) -> Refused:
    return Refused(f"The SSM document {document} does not exist in {region}; deploy infra/.")


def _not_started(error: CloudError, document: str, region: str) -> Exception:
    """What SSM says to a start, as far as people can mend it or waiting does.

    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartAutomationExecution.html
    """
    if is_code(error, "AutomationDefinitionNotFound"):
        return _no_document(document, region)
    if is_code(error, "InvalidAutomationExecutionParameters"):
        return Refused(f"{document} does not take these parameters: {error.detail.rpartition(': ')[2] or error.code}")
    if is_code(error, "AutomationExecutionLimitExceeded"):
        return CloudError(error.code, retryable=True, detail=error.detail)
    return error


def _run(raw: Json) -> Run:
    status, outputs = raw["AutomationExecutionStatus"], _outputs(raw.get("Outputs") or {}, raw)
    if status in _WELL:
        return Run("done", is_over=True, outputs=outputs)
    if status not in _OVER:
        return Run(_step(raw))
    ended_badly = [each for each in raw.get("StepExecutions", []) if each.get("StepStatus") in _OVER - _WELL]
    failed: Json = ended_badly[-1] if ended_badly else {}  # those before did not end it: they may fail
    where = f"at “{words(failed['StepName'])}”" if failed else ""
    why = failed.get("FailureMessage") or raw.get("FailureMessage") or status
    said = " ".join(part for part in (f"ended as {words(status)}", where) if part)
    problem = f"{said}: {why}"
    if meant := _MEANT.get(str(failed.get("StepName", ""))):
        problem = f"{meant} ({problem})"
    return Run(said, is_over=True, problem=problem[:MAX_SAID], outputs=outputs)


def _step(raw: Json) -> str:
    """`step 2 of 4: wait for deployment`. Steps that a branch leaves out count too: which they are shows at the end."""
    names = [each["StepName"] for each in raw.get("StepExecutions", [])]
    current = raw.get("CurrentStepName") or ""
    if current not in names:
        return "about to begin"
    return f"step {names.index(current) + 1} of {len(names)}: {words(current)}"


def _outputs(raw: Mapping[str, list[str]], execution: Json) -> dict[str, tuple[str, ...]]:
    """Those of steps that ran: for the others Automation puts a sentence in their place."""
    ran = {each["StepName"] for each in execution.get("StepExecutions", []) if each.get("StepStatus") in _WELL}
    return {name: tuple(values) for name, values in raw.items() if name.partition(".")[0] in ran}


def words(name: str) -> str:
    """`WaitForDeployment` as people write it; what is in capitals stays."""
    return " ".join(part if part.isupper() else part.lower() for part in _WORD.sub(" ", name).split())
