"""The operations of SSM Automation that moto lacks, in the form of methods of its response class."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import yaml
from moto.core.responses import ActionResult, EmptyResult
from moto.ssm.exceptions import InvalidDocumentContent, InvalidFilterKey, SSMException, ValidationException
from moto.ssm.models import Document as StoredDocument
from moto.ssm.responses import SimpleSystemManagerResponse

from sandbox.aws.automation import document as documents
from sandbox.aws.automation.clients import is_role
from sandbox.aws.automation.document import APPROVE, DocumentError, Json
from sandbox.aws.automation.execution import WAITING, Execution, Order
from sandbox.aws.automation.parameters import Given, ParametersError, check
from sandbox.aws.automation.runner import EXECUTIONS
from sandbox.aws.automation.values import fill, text
from sandbox.aws.clock import CLOCK
from sandbox.aws.identity import BOT_KEY
from sandbox.aws.request import CREDENTIAL

Response = SimpleSystemManagerResponse
Keep = Callable[[Execution, list[str]], bool]
PAGE = 50
NAME = re.compile(r"[a-zA-Z0-9_\-.:/]{3,128}")
NOT_RUN_HERE = ("Targets", "TargetMaps", "TargetLocations", "TargetLocationsURL", "AlarmConfiguration")


def _given(response: Response) -> Json:
    return dict(json.loads(response.body))


def _caller(response: Response) -> str:
    """By the key of the signature: moto takes only keys of twenty characters for one."""
    found = CREDENTIAL.search(response.headers.get("Authorization", ""))
    return found[1] if found else BOT_KEY


def _refusal(code: str, message: str) -> SSMException:
    return SSMException(code, message)


def start_automation_execution(response: Response) -> ActionResult:
    given = _given(response)
    _check_request(given)
    order = _order(response, given)
    execution = EXECUTIONS.start(order)
    meant = execution.order
    if (meant.name, meant.given) != (order.name, order.given):
        raise _refusal("IdempotentParameterMismatch", "The client token was used with other parameters.")
    return ActionResult({"AutomationExecutionId": execution.id})


def _check_request(given: Json) -> None:
    if not NAME.fullmatch(str(given["DocumentName"])):
        raise ValidationException(f"Value '{given['DocumentName']}' at 'documentName' failed to satisfy constraint")
    if token := given.get("ClientToken"):
        try:
            uuid.UUID(token)
        except ValueError:
            raise ValidationException(f"Value '{token}' at 'clientToken' failed to satisfy constraint") from None
    if given.get("Mode", "Auto") != "Auto":
        raise ValidationException("Interactive executions are not run by this sandbox")
    if unknown := [name for name in NOT_RUN_HERE if given.get(name)]:
        raise ValidationException(f"{', '.join(unknown)}: not run by this sandbox")


def _order(response: Response, given: Json) -> Order:
    stored = _stored(response, given)
    document = documents.parse(text(stored.content))
    wanted: Given = {name: list(map(str, texts)) for name, texts in (given.get("Parameters") or {}).items()}
    try:
        values = check(document, wanted)
    except ParametersError as error:
        raise _refusal("InvalidAutomationExecutionParametersException", str(error)) from None
    role = str(fill(document.assume_role, values.get) or "")
    if role and not is_role(role):
        message = "The defined assume role is unable to be assumed."
        raise _refusal("InvalidAutomationExecutionParametersException", message)
    return Order(
        stored.name,
        stored.document_version,
        document,
        wanted,
        values,
        caller=_caller(response),
        role=role,
        region=response.region,
        account=response.current_account,
        token=given.get("ClientToken"),
    )


def _stored(response: Response, given: Json) -> StoredDocument:
    name = str(given["DocumentName"]).rsplit("/", 1)[-1]
    version = given.get("DocumentVersion")
    found = response.ssm_backend._documents.get(name)
    if found is None or found.get_default_version().document_type != "Automation":
        raise _refusal("AutomationDefinitionNotFoundException", f"Automation definition {name} does not exist.")
    if version in (None, "$DEFAULT"):
        return found.get_default_version()
    stored = found.get_latest_version() if version == "$LATEST" else found.find_by_version(version)
    if stored is None:
        raise _refusal("AutomationDefinitionVersionNotFoundException", f"{name} has no version {version}.")
    return stored


def _found(response: Response) -> Execution:
    wanted = str(response._get_param("AutomationExecutionId"))
    execution = EXECUTIONS.find(wanted)
    if execution is None or execution.order.region != response.region:
        message = f"Automation execution {wanted} does not exist."
        raise _refusal("AutomationExecutionNotFoundException", message)
    return execution


def get_automation_execution(response: Response) -> ActionResult:
    return ActionResult({"AutomationExecution": _found(response).described()})


def describe_automation_executions(response: Response) -> ActionResult:
    given = _given(response)
    found = [e for e in EXECUTIONS.newest_first() if e.order.region == response.region]
    for wanted in given.get("Filters") or []:
        keep = FILTERS.get(wanted["Key"])
        if keep is None:
            raise InvalidFilterKey(f"{wanted['Key']} is not known to this sandbox")
        found = [e for e in found if keep(e, wanted["Values"])]
    page, token = _page([e.listed() for e in found], given)
    return ActionResult({"AutomationExecutionMetadataList": page} | token)


FILTERS: dict[str, Keep] = {
    "DocumentNamePrefix": lambda e, wanted: any(e.order.name.startswith(w) for w in wanted),
    "ExecutionStatus": lambda e, wanted: e.status in wanted,
    "ExecutionId": lambda e, wanted: e.id in wanted,
    "CurrentAction": lambda e, wanted: bool(e.current and e.current.step.action in wanted),
}


def describe_automation_step_executions(response: Response) -> ActionResult:
    given = _given(response)
    found = [run.described() for run in _found(response).runs]
    names = {"StepName": "StepName", "StepExecutionStatus": "StepStatus", "StepExecutionId": "StepExecutionId"}
    for wanted in given.get("Filters") or []:
        name = names.get(wanted["Key"]) or ("Action" if wanted["Key"] == "Action" else None)
        if name is None:
            raise InvalidFilterKey(f"{wanted['Key']} is not known to this sandbox")
        found = [run for run in found if run[name] in wanted["Values"]]
    if given.get("ReverseOrder"):
        found.reverse()
    page, token = _page(found, given)
    return ActionResult({"StepExecutions": page} | token)


def _page(found: list[Any], given: Json) -> tuple[list[Any], Json]:
    start, size = int(given.get("NextToken") or 0), int(given.get("MaxResults") or PAGE)
    token = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return found[start : start + size], token


def stop_automation_execution(response: Response) -> ActionResult:
    """Cancel ends it now, Complete after the step that runs."""
    execution, kind = _found(response), str(response._get_param("Type") or "Cancel")
    if kind not in ("Cancel", "Complete"):
        raise ValidationException(f"Value '{kind}' at 'type' failed to satisfy constraint")
    if execution.has_ended:
        message = f"Automation execution {execution.id} has ended with status {execution.status}."
        raise _refusal("InvalidAutomationStatusUpdateException", message)
    EXECUTIONS.stop(execution, kind)
    return EmptyResult()


def send_automation_signal(response: Response) -> ActionResult:
    """Only approvals: the other signals are for the interactive mode."""
    execution, signal = _found(response), str(response._get_param("SignalType"))
    current = execution.current
    if signal not in ("Approve", "Reject") or not current or current.step.action != APPROVE:
        raise _refusal("InvalidAutomationSignalException", f"{signal} means nothing to the step that runs.")
    if current.status != WAITING:
        raise _refusal("InvalidAutomationSignalException", f"{current.step.name} does not wait for an approval.")
    comment = (response._get_param("Payload") or {}).get("Comment", [""])[0]
    decision = {"Decision": signal, "Approver": _caller(response), "Comment": comment, "At": CLOCK.now()}
    with execution.changed:
        execution.decisions.append(decision)
        execution.changed.notify_all()
    return EmptyResult()


_create_document = Response.create_document
_update_document = Response.update_document


def create_document(response: Response) -> ActionResult:
    if response._get_param("DocumentType") == "Automation":
        _check_content(response)
    return _create_document(response)


def update_document(response: Response) -> ActionResult:
    found = response.ssm_backend._documents.get(str(response._get_param("Name")))
    if found and found.get_default_version().document_type == "Automation":
        _check_content(response)
    return _update_document(response)


def _check_content(response: Response) -> None:
    try:
        documents.parse(str(response._get_param("Content")))
    except (DocumentError, yaml.YAMLError) as error:
        raise InvalidDocumentContent(str(error)) from None


def install() -> None:
    for operation in (
        start_automation_execution,
        get_automation_execution,
        describe_automation_executions,
        describe_automation_step_executions,
        stop_automation_execution,
        send_automation_signal,
        create_document,
        update_document,
    ):
        setattr(Response, operation.__name__, operation)
