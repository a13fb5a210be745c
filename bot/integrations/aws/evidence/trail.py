"""What CloudTrail's events mean: kind and target of a change, and what is nobody's change at all. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from bot.integrations.aws.evidence.asking import in_utc
from bot.integrations.aws.evidence.ourselves import Identity, same_session
from bot.models import ChangeKind
from bot.resources import Resources
from bot.runbooks import RUNBOOKS

_VERSIONED = re.compile(r"\d{8}(?:v\d)?$")  # UpdateFunctionCode20150331v2
_NOISE = re.compile(
    r"AssumeRole|GetFederationToken|GetSessionToken|ConsoleLogin|CheckMfa|SwitchRole|PutMetricData|CreateLogStream"
    r"|PutLogEvents|StartQuery|StopQuery|Decrypt$|Encrypt$|GenerateDataKey|UpdateInstanceInformation|SendHeartbeat"
    r"|(?:Create|Delete|Attach|Detach)NetworkInterface|(?:Dere|Re)gisterTargets|RegisterContainerInstance"
    r"|SubmitTaskStateChange|SubmitContainerStateChange|DiscoverPollEndpoint|PutTraceSegments|PutTelemetryRecords"
    r"|PutEvaluations|SetAlarmState|RenewLease|OpenDataChannel|OpenControlChannel|CreateSession$"
)
_DEPLOYS = re.compile(
    r"UpdateFunctionCode|PublishVersion|UpdateAlias|CreateAlias|RegisterTaskDefinition|CreateTaskSet|CreateDeployment"
    r"|CreateStack|UpdateStack|ExecuteChangeSet|StartPipelineExecution|UpdateEnvironment|PutImage$|StartDeployment"
    r"|StartInstanceRefresh|CreateLaunchTemplateVersion|UpdateServicePrimaryTaskSet"
)
_SCALES = re.compile(
    r"SetDesiredCapacity|UpdateAutoScalingGroup|ScalableTarget|ScalingPolicy|ScheduledAction|FunctionConcurrency"
    r"|ProvisionedConcurrency|RunInstances|TerminateInstance|StopInstances|StartInstances|RebootInstances|RunTask"
    r"|StopTask|StartTask|ModifyDBInstance|FailoverDBCluster|RebootDBInstance"
)
_ALLOWS = re.compile(
    r"SecurityGroup|NetworkAcl|Policy|Permission|Grant|AccessKey|LoginProfile|InstanceProfile|(?:Create|Delete|Update)Role"
    r"|(?:Create|Delete|Update)User|ToGroup|FromGroup|RotateSecret|DisableKey|ScheduleKeyDeletion"
)
_ACCESS_SOURCES = frozenset({"iam", "sso", "organizations"})
# What names the thing that was changed, the most telling first; compared without regard to case.
_TARGETS = (
    "service", "serviceName", "functionName", "autoScalingGroupName", "dBInstanceIdentifier", "dBClusterIdentifier",
    "loadBalancerArn", "targetGroupArn", "listenerArn", "ruleArn", "distributionId", "queueUrl", "tableName", "groupId",
    "roleName", "userName", "stackName", "secretId", "keyId", "bucketName", "family", "alarmName", "name",
    "logGroupName", "applicationName", "pipelineName", "resourceId", "instanceId", "cluster", "task",
)  # fmt: skip
_DEPTH, _STRINGS = 4, 200
Json = Mapping[str, Any]


class Event(NamedTuple):
    """An event of CloudTrail, as far as it is of interest here."""

    id: str
    name: str
    source: str
    at: datetime
    by: str
    arn: str
    key: str
    kind: str
    error: str
    resources: tuple[str, ...]
    given: Json
    answered: Json


def event_of(raw: Json) -> Event:
    """https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html"""
    told = _json(raw.get("CloudTrailEvent"))
    identity = _mapping(told.get("userIdentity"))
    return Event(
        id=str(raw.get("EventId", "")),
        name=_VERSIONED.sub("", str(raw.get("EventName", ""))),
        source=str(raw.get("EventSource", "")).removesuffix(".amazonaws.com"),
        at=in_utc(raw["EventTime"]),
        by=str(raw.get("Username") or identity.get("userName") or identity.get("invokedBy") or ""),
        arn=same_session(str(identity.get("arn", ""))),
        key=str(raw.get("AccessKeyId", "")),
        kind=str(told.get("eventType", "")),
        error=str(told.get("errorCode") or ""),
        resources=tuple(str(each.get("ResourceName") or "") for each in raw.get("Resources") or []),
        given=_mapping(told.get("requestParameters")),
        answered=_mapping(told.get("responseElements")),
    )


def is_noise(event: Event) -> bool:
    """Nobody changed anything: sessions, telemetry, what AWS does by itself, what was refused or only rehearsed."""
    is_nobodys = bool(event.error) or event.kind == "AwsServiceEvent" or _NOISE.search(event.name) is not None
    return is_nobodys or _is_dry(event.given)


def runs_of(events: Sequence[Event], us: Identity | None) -> frozenset[str]:
    """The sessions of the bot's runbooks: SSM Automation names each after the run, `Automation-<its id>`.

    One was begun by the bot, or is of a document of ours: the orchestrating state machine begins those by itself.
    """
    begun = [each for each in events if each.name == "StartAutomationExecution"]
    ours = [each for each in begun if _is_by(each, us) or _given(each, "documentName").rpartition("/")[2] in RUNBOOKS]
    ids = (each.answered.get("automationExecutionId") or each.answered.get("AutomationExecutionId") for each in ours)
    return frozenset(f"Automation-{each}" for each in ids if each)


def is_of(event: Event, us: Identity | None, runs: Collection[str]) -> bool:
    """Did the bot do it, or one of its runbooks?"""
    return _is_by(event, us) or event.by in runs


def _is_by(event: Event, us: Identity | None) -> bool:
    return us is not None and event.arn == us.who


def _is_dry(given: Json, depth: int = 0) -> bool:
    """`{"documentName": …, "parameters": {"DryRun": ["true"]}}`: SSM has lists of texts where others have a value."""
    for name, value in given.items():
        if name.lower() == "dryrun" and str(value[0] if isinstance(value, list) and value else value).lower() == "true":
            return True
        if isinstance(value, Mapping) and depth < _DEPTH and _is_dry(value, depth + 1):
            return True
    return False


def _given(event: Event, name: str) -> str:
    """CloudTrail begins names with a small letter, not each API does."""
    return next((str(value) for key, value in event.given.items() if key.lower() == name.lower()), "")


def kind_of(event: Event) -> ChangeKind:
    if event.source in _ACCESS_SOURCES or _ALLOWS.search(event.name):
        return ChangeKind.ACCESS
    if event.source == "ecs" and event.name in ("UpdateService", "CreateService"):
        is_deploy = event.given.get("taskDefinition") or event.given.get("forceNewDeployment")
        return ChangeKind.DEPLOYMENT if is_deploy else ChangeKind.SCALING
    if _DEPLOYS.search(event.name):
        return ChangeKind.DEPLOYMENT
    return ChangeKind.SCALING if _SCALES.search(event.name) else ChangeKind.CONFIGURATION


def after_of(event: Event) -> str:
    """What it was changed to, where one word says so: `web:57`, of an alias `live:3`."""
    given = {key.lower(): value for key, value in event.given.items()}
    if points(event) and given.get("name") and given.get("functionversion"):
        return f"{given['name']}:{given['functionversion']}"
    for key in ("taskdefinition", "desiredcount", "desiredcapacity", "functionversion", "imageid"):
        if isinstance(given.get(key), str | int) and not isinstance(given[key], bool):
            return str(given[key]).rpartition("/")[2]
    return ""


def points(event: Event) -> bool:
    """Did an alias of a function get another version? That is done at once."""
    return event.name in ("UpdateAlias", "CreateAlias")


def target_of(event: Event, at: Resources, ours: str) -> str:
    """What was changed: our resource if it is one, else what the event names, with the cluster if that is not ours."""
    given = {key.lower(): value for key, value in event.given.items() if isinstance(value, str)}
    named = next((given[key.lower()] for key in _TARGETS if given.get(key.lower())), "")
    first = next((name for name in event.resources if name), "")
    target = _last(ours or _service_of_task(event) or named or first or event.source)
    elsewhere = _other_cluster(event, at)
    return f"{target} in {elsewhere}" if elsewhere and elsewhere != target else target


def ours_in(event: Event, at: Resources, service: str) -> str:
    """The resource of the service that the event is about; empty where it is about something else."""
    if _other_cluster(event, at):
        return ""
    names = _names(at, service)
    told = (_service_of_task(event), *event.resources, *_strings(event.given))
    return next((text for text in told if _is_named(text, names)), "")


def _service_of_task(event: Event) -> str:
    """Whose task was stopped: what is asked names only the task, the answer its group, `service:checkout-api`."""
    kind, _, name = str(_mapping(event.answered.get("task")).get("group") or "").partition(":")
    return name if kind == "service" else ""


def _other_cluster(event: Event, at: Resources) -> str:
    """A service of the same name in staging is not ours."""
    cluster = _last(str(event.given.get("cluster") or ""))
    return cluster if at.cluster and cluster != at.cluster else ""


def _names(at: Resources, service: str) -> set[str]:
    known = {at.ecs_service, at.function, at.auto_scaling_group, at.dead_letter_queue, at.distribution, at.database,
             at.load_balancer, *at.log_groups, service}  # fmt: skip
    return {name for name in known if name}


def _is_named(text: str, names: set[str]) -> bool:
    """By its name, or as the end of an ARN or URL: `…:service/shop/checkout-api`, `…:function:charge:live`."""
    if text in names or text.rpartition("loadbalancer/")[2] in names:
        return True
    if not text.startswith(("arn:", "http")):
        return text.partition(":")[0] in names  # a task definition or a function with its revision
    return any(part in names for part in re.split(r"[:/]", text)[-3:])


def _strings(value: Any, depth: int = 0) -> Iterator[str]:
    """The first two hundred of what was given, down to the fourth level."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list) and depth < _DEPTH:
        for each in list(value.values() if isinstance(value, Mapping) else value)[:_STRINGS]:
            yield from _strings(each, depth + 1)


def _last(text: str) -> str:
    return text.rpartition("/")[2] or text if text.startswith(("arn:", "http")) else text


def _json(text: Any) -> Json:
    try:
        return _mapping(json.loads(text))
    except (TypeError, ValueError, RecursionError):
        return {}


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}
