"""The template of `infra/` with its parameters filled in, as CloudFormation would: what each resource would be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from infra.build import build

ACCOUNT, REGION, PARTITION, NAME = "123456789012", "us-east-1", "aws", "aiops-bot"

Json = dict[str, Any]

PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": PARTITION,
    "AWS::StackName": NAME,
    "AWS::URLSuffix": "amazonaws.com",
}
ARNS = {
    "AWS::CloudWatch::Alarm": "cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::EventBus": "events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Rule": "events:{region}:{account}:rule/{bus}{name}",
    "AWS::IAM::InstanceProfile": "iam::{account}:instance-profile/{name}",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::SSM::Document": "ssm:{region}:{account}:document/{name}",
    "AWS::StepFunctions::StateMachine": "states:{region}:{account}:stateMachine:{name}",
}
NAMES = ("Name", "QueueName", "TableName", "StateMachineName", "LogGroupName", "AlarmName", "DashboardName")
REFERRED_BY_ARN = ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine", "AWS::IAM::ManagedPolicy")
NOTHING = object()
"""AWS::NoValue: the property, or the entry of a list, is left out."""


@cache
def template() -> Json:
    return build()


class Stack:
    """`resources` are those whose condition holds, with every reference replaced. KeyError: there is no such thing."""

    def __init__(self, **parameters: str) -> None:
        self._template = template()
        self._given = {
            name: parameters.pop(name, str(each.get("Default", "")))
            for name, each in self._template["Parameters"].items()
        }
        assert not parameters, f"no such parameter: {', '.join(parameters)}"
        self.resources: dict[str, Json] = {}
        for name, resource in self._template["Resources"].items():
            if self._is_there(resource):
                self.resources[name] = self._resolved(resource)
        self.outputs: dict[str, str] = {
            name: self._resolved(output["Value"])
            for name, output in self._template["Outputs"].items()
            if self._is_there(output)
        }

    def of_type(self, kind: str) -> dict[str, Json]:
        """The properties of each resource of a type, by their logical names."""
        return {name: each["Properties"] for name, each in self.resources.items() if each["Type"] == kind}

    def properties(self, name: str) -> Json:
        found: Json = self.resources[name]["Properties"]
        return found

    def arn(self, name: str) -> str:
        resource = self._template["Resources"][name]
        bus = self._resolved(resource["Properties"].get("EventBusName", "default"))
        known = {"region": REGION, "account": ACCOUNT, "name": self.name(name)}
        return f"arn:{PARTITION}:" + ARNS[resource["Type"]].format(**known, bus="" if bus == "default" else f"{bus}/")

    def name(self, name: str) -> str:
        properties = self._template["Resources"][name].get("Properties", {})
        said = next((properties[key] for key in NAMES if key in properties), f"{NAME}-{name}")
        return str(self._resolved(said))

    def policies(self, role: str) -> list[Json]:
        """All that a role may do: its own policies and those of the stack that are attached to it."""
        properties = self.properties(role)
        attached = set(properties.get("ManagedPolicyArns", []))
        managed = self.of_type("AWS::IAM::ManagedPolicy")
        own = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        known = {self.arn(name): policy["PolicyDocument"] for name, policy in managed.items()}
        return own + [known[arn] for arn in attached]

    def holds(self, condition: str) -> bool:
        return bool(self._resolved(self._template["Conditions"][condition]))

    def _is_there(self, thing: Json) -> bool:
        return "Condition" not in thing or self.holds(thing["Condition"])

    def _resolved(self, node: Any) -> Any:
        if isinstance(node, list):
            return [found for each in node if (found := self._resolved(each)) is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, argument), *_ = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return getattr(self, f"_{name.removeprefix('Fn::').lower()}")(argument)
        return {key: found for key, value in node.items() if (found := self._resolved(value)) is not NOTHING}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NOTHING
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self._given:
            is_list = self._template["Parameters"][name]["Type"] == "CommaDelimitedList"
            return self._given[name].split(",") if is_list else self._given[name]
        kind = self._template["Resources"][name]["Type"]
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name(name)}"
        return self.arn(name) if kind in REFERRED_BY_ARN else self.name(name)

    def _getatt(self, path: list[str]) -> str:
        name, attribute = path
        return self.arn(name) if attribute == "Arn" else self.name(name)

    def _sub(self, text: str) -> str:
        def found(match: re.Match[str]) -> str:
            name, _, attribute = match[1].partition(".")
            return str(self._getatt([name, attribute]) if attribute else self._ref(name))

        return re.sub(r"\$\{([^}!]+)\}", found, text)

    def _join(self, argument: list[Any]) -> str:
        return str(argument[0]).join(self._resolved(argument[1]))

    def _if(self, argument: list[Any]) -> Any:
        condition, then, otherwise = argument
        return self._resolved(then if self.holds(condition) else otherwise)

    def _equals(self, argument: list[Any]) -> bool:
        first, second = self._resolved(argument)
        return bool(first == second)

    def _not(self, argument: list[Any]) -> bool:
        return not self._resolved(argument[0])


EVERYTHING: Mapping[str, str] = {
    **{f"Sev{severity}Email": f"sev{severity}@example.com" for severity in (1, 2, 3, 4)},
    **{
        f"{name}FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
        for name, function in (
            ("AlertRouter", "alert-router"),
            ("IncidentManager", "incident-manager"),
            ("IncidentDigest", "incident-digest"),
            ("Rca", "aiops-platform-rca"),
        )
    },
    "MailTopicArns": f"arn:aws:sns:{REGION}:{ACCOUNT}:checkout-oncall",
    "AlarmTopicArns": "arn:aws:sns:eu-west-1:210987654321:alarms,arn:aws:sns:eu-west-1:210987654322:alarms",
    "PagerDutyEventSource": "aws.partner/pagerduty.com/example-alerts",
    "BotPrincipal": "ec2.amazonaws.com",
    "EcsCluster": "shop-prod",
    "LogGroupPrefix": "/ecs/*",
    "SampleService": "checkout-api",
    "SampleCluster": "shop-prod",
}
"""Every option taken."""


def references(node: Any) -> Iterator[str]:
    """The names of parameters and resources that a part of the template refers to."""
    if isinstance(node, list):
        for each in node:
            yield from references(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref":
                yield value
            elif key == "Fn::GetAtt":
                yield value[0]
            elif key == "Fn::Sub":
                yield from (found.partition(".")[0] for found in re.findall(r"\$\{([^}!]+)\}", value))
            else:
                yield from references(value)


def conditions(node: Any) -> Iterator[str]:
    """The names of the conditions that a part of the template looks at."""
    if isinstance(node, list):
        for each in node:
            yield from conditions(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Condition" and isinstance(value, str):
                yield value
            elif key == "Fn::If":
                yield value[0]
            yield from conditions(value)
