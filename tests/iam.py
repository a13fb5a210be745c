"""Whether IAM policies allow a call, since no emulator enforces resources, tags and conditions.

The part of AWS's evaluation that one account needs: an explicit Deny wins, else some Allow is needed; Action,
NotAction, Resource, NotResource, Principal and Condition, with wildcards and `${aws:…}` variables. What is not known
here raises, so that no policy passes by being misread.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

ACCOUNT = "123456789012"
ELEMENTS = {"Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"}

Tags = Mapping[str, str]
Context = Mapping[str, str | Sequence[str]]
Policy = Mapping[str, Any]


class Verdict(Enum):
    ALLOWED = "allowed"
    NOT_ALLOWED = "no statement allows it"
    DENIED = "a statement denies it"


class Request(NamedTuple):
    """A call as IAM sees it: the action, the ARN it is about (`*`: none), and what conditions may look at."""

    action: str
    resource: str = "*"
    context: Context = MappingProxyType({})
    principal: str = ""


def tagged(**tags: str) -> Context:
    """The context of a call on a resource with these tags; `aiops_managed` is the tag aiops:managed."""
    return {f"aws:ResourceTag/{name.replace('_', ':')}": value for name, value in tags.items()}


def evaluate(policies: Iterable[Policy], request: Request) -> Verdict:
    effects = {
        statement["Effect"]
        for policy in policies
        for statement in _listed(policy["Statement"])
        if _applies(statement, request)
    }
    if "Deny" in effects:
        return Verdict.DENIED
    return Verdict.ALLOWED if "Allow" in effects else Verdict.NOT_ALLOWED


def is_allowed(policies: Iterable[Policy], request: Request) -> bool:
    return evaluate(policies, request) is Verdict.ALLOWED


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    if unknown := set(statement) - ELEMENTS:
        raise NotImplementedError(f"elements of a statement: {', '.join(sorted(unknown))}")
    return (
        _fits_action(statement, request)
        and _fits_resource(statement, request)
        and _fits_principal(statement, request)
        and _fits_condition(statement.get("Condition", {}), request.context)
    )


def _fits_action(statement: Mapping[str, Any], request: Request) -> bool:
    def fits(key: str) -> bool:
        return any(_glob(each.lower(), request.action.lower()) for each in _listed(statement[key]))

    return fits("Action") if "Action" in statement else not fits("NotAction")


def _fits_resource(statement: Mapping[str, Any], request: Request) -> bool:
    def fits(key: str) -> bool:
        return any(_arn(_filled(each, request.context), request.resource) for each in _listed(statement[key]))

    if "NotResource" in statement:
        return not fits("NotResource")
    return fits("Resource") if "Resource" in statement else True  # a trust policy has none: it is about its role


def _fits_principal(statement: Mapping[str, Any], request: Request) -> bool:
    """A policy of a resource or of trust says who; one of a role does not."""
    said = statement.get("Principal")
    if said is None or said == "*":
        return True
    return any(_glob(each, request.principal) for names in said.values() for each in _listed(names))


# -- patterns


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _glob(pattern: str, text: str) -> bool:
    signs = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    return re.fullmatch("".join(signs), text, re.DOTALL) is not None


def _arn(pattern: str, arn: str) -> bool:
    """Part by part: a wildcard of one part says nothing about the next. The last part may hold colons."""
    if pattern == "*":
        return True
    wanted, found = pattern.split(":", 5), arn.split(":", 5)
    return len(wanted) == len(found) and all(map(_glob, wanted, found))


def _filled(text: str, context: Context) -> str:
    """`${aws:PrincipalAccount}` and the like; what has no value fits nothing."""

    def value(match: re.Match[str]) -> str:
        found = context.get(match[1])
        return found if isinstance(found, str) else "\0"

    return re.sub(r"\$\{([^}]+)\}", value, text)


# -- conditions

_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, found: wanted == found,
    "StringEqualsIgnoreCase": lambda wanted, found: wanted.lower() == found.lower(),
    "StringLike": _glob,
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": lambda wanted, found: wanted.lower() == found.lower(),
}


def _fits_condition(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """All operators, and all keys of each, must hold; one of a key's values is enough."""
    known = {key.lower(): value for key, value in context.items()}
    return all(
        _holds(operator, [_filled(str(each), context) for each in _listed(wanted)], known.get(key.lower()))
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, wanted: Sequence[str], found: str | Sequence[str] | None) -> bool:
    quantifier, _, plain = operator.rpartition(":")
    if_exists, plain = plain.endswith("IfExists"), plain.removesuffix("IfExists")
    if plain == "Null":
        return any((found is None) == (each.lower() == "true") for each in wanted)
    is_negated = "Not" in plain
    compare = _OPERATORS.get(plain.replace("Not", ""))
    if compare is None or quantifier not in ("", "ForAnyValue", "ForAllValues"):
        raise NotImplementedError(f"the condition operator {operator}")
    if found is None:  # what is not there fits no value; ForAllValues is true of nothing at all
        return if_exists or quantifier == "ForAllValues" or (is_negated and not quantifier)

    def fits(value: str) -> bool:
        return any(compare(each, value) for each in wanted) != is_negated

    values = [found] if isinstance(found, str) else list(found)
    return all(map(fits, values)) if quantifier == "ForAllValues" else any(map(fits, values))


# -- recorded calls

ACTIONS = {
    "dynamodb:TransactGetItems": ("dynamodb:GetItem",),
    "dynamodb:TransactWriteItems": (
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:ConditionCheckItem",
    ),
    "lambda:Invoke": ("lambda:InvokeFunction",),
    "sqs:ChangeMessageVisibilityBatch": ("sqs:ChangeMessageVisibility",),
    "sqs:DeleteMessageBatch": ("sqs:DeleteMessage",),
    "sqs:SendMessageBatch": ("sqs:SendMessage",),
    "sts:GetCallerIdentity": (),  # everybody may
}
"""The actions that IAM asks for, where they are not the operation's own."""

NAMED: dict[str, tuple[tuple[str, str], ...]] = {
    "autoscaling": (("AutoScalingGroupName", "autoScalingGroup:*:autoScalingGroupName/{}"),),
    "cloudfront": (("DistributionId", "distribution/{}"), ("Id", "distribution/{}")),
    "dynamodb": (("TableName", "table/{}"),),
    "events": (("EventBusName", "event-bus/{}"),),
    "lambda": (("FunctionName", "function:{}"),),
    "logs": (("logGroupName", "log-group:{}"), ("logGroupNames", "log-group:{}"), ("logGroupIdentifiers", "{}")),
    "rds": (("DBClusterIdentifier", "cluster:{}"), ("DBInstanceIdentifier", "db:{}")),
    "sns": (("TopicArn", "{}"),),
    "sqs": (("QueueUrl", "{}"), ("QueueName", "{}"), ("SourceArn", "{}")),
    "ssm": (
        ("AutomationExecutionId", "automation-execution/{}"),
        ("DocumentName", "document/{}"),
        ("Name", "document/{}"),
    ),
    "states": (("executionArn", "{}"), ("stateMachineArn", "{}")),
}
"""What of a call names its resource, the first that it has, and how that stands in the ARN."""
GLOBAL = ("cloudfront",)
"""Services whose ARNs name no region."""
WITHOUT_RESOURCE = {
    *(
        "autoscaling:DescribeAutoScalingGroups",
        "rds:DescribeDBClusters",
        "rds:DescribeDBInstances",
        "rds:DescribeEvents",
    ),
    *("cloudtrail:LookupEvents", "health:DescribeAffectedEntities", "health:DescribeEvents", "xray:GetTraceSummaries"),
    *("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"),
    *("cloudwatch:GetMetricWidgetImage", "logs:GetQueryResults", "logs:StopQuery"),
    *("ecs:DescribeTaskDefinition", "ecs:ListServices", "ecs:ListTaskDefinitions", "ecs:ListTasks"),
}
"""Actions that IAM knows for `*` alone, though the call may name something."""


def recorded_calls(log: Iterable[Mapping[str, Any]], tags: Callable[[str], Tags] = lambda _: {}) -> list[Request]:
    """What IAM would be asked for the calls in the sandbox's log (`sandbox.aws.calllog`, entries as mappings).

    `tags` tells the tags of a resource by its ARN. Each action and resource comes once, in the order of the calls.
    """
    requests: dict[tuple[str, str], Request] = {}
    for call in log:
        for action in ACTIONS.get(call["action"], (call["action"],)):
            for resource in _resources(action, call["region"], call["resources"]):
                context = {f"aws:ResourceTag/{name}": value for name, value in tags(resource).items()}
                requests.setdefault((action, resource), Request(action, resource, context))
    return list(requests.values())


def _resources(action: str, region: str, said: Mapping[str, Any]) -> Iterator[str]:
    service = action.partition(":")[0]
    if action in WITHOUT_RESOURCE:
        yield "*"
    elif service == "ecs":
        yield from _of_ecs(region, said)
    elif service == "cloudwatch":
        arns = [f"arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:{name}" for name in _listed(said.get("AlarmName", []))]
        yield from arns or _listed(said.get("ResourceARN", "*"))
    else:
        named = ([_full(service, region, form, each) for each in _listed(said.get(key, []))]
                 for key, form in NAMED.get(service, ()))  # fmt: skip
        yield from next(filter(None, named), ["*"])


def _full(service: str, region: str, form: str, name: str) -> str:
    if name.startswith("arn:"):
        return name
    name = name.rpartition("/")[2] if service == "sqs" else name.partition(":")[0] if service == "lambda" else name
    return f"arn:aws:{service}:{'' if service in GLOBAL else region}:{ACCOUNT}:{form.format(name)}"


def _of_ecs(region: str, said: Mapping[str, Any]) -> Iterator[str]:
    cluster = str(said.get("cluster", "default")).rpartition("/")[2]
    found = [
        (kind, str(name).rpartition("/")[2])
        for kind, keys in (("service", ("service", "services")), ("task", ("task", "tasks")))
        for key in keys
        for name in _listed(said.get(key, []))
    ]
    for kind, name in found:
        yield f"arn:aws:ecs:{region}:{ACCOUNT}:{kind}/{cluster}/{name}"
    if not found:
        yield f"arn:aws:ecs:{region}:{ACCOUNT}:cluster/{cluster}"
