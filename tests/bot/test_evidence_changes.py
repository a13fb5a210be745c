"""Who changed what, and what was deployed, as evidence."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.errors import StoreError
from bot.models import ChangeKind, Source
from bot.resources import Resources
from bot.signals import Deployment, DeploymentState
from tests.bot.looking import (
    DEFINITION,
    DENIED,
    EVERYTHING,
    FOUND,
    NOTHING,
    OURS,
    SINCE,
    Aws,
    Json,
    gather,
    refused,
    scope,
    told,
)
from tests.bot.make import NOW

# -- changes


def event(name: str, source: str = "ecs", minutes: int = 12, user: str = "ana", **more: Any) -> Json:
    given = more.pop("given", {})
    record = {"eventType": "AwsApiCall", "userIdentity": {"arn": more.pop("arn", f"arn:aws:iam::1:user/{user}")},
              "requestParameters": given, **more}  # fmt: skip
    return {
        "EventId": f"e-{name}",
        "EventName": name,
        "EventSource": f"{source}.amazonaws.com",
        "EventTime": NOW - timedelta(minutes=minutes),
        "Username": user,
        "Resources": [],
        "CloudTrailEvent": json.dumps(record),
    }


def trail(*events: Json) -> Callable[[Json], Json]:
    """Those of the service's region; there are none of IAM's."""

    def answer(given: Json) -> Json:
        is_iam = given["LookupAttributes"][0]["AttributeKey"] == "EventSource"
        return {"Events": [] if is_iam else list(events)}

    return answer


def test_where_a_functions_alias_points_is_told_from_one_change_to_the_next() -> None:
    def pointed(version: str, minutes: int, alias: str = "live") -> Json:
        given = {"functionName": "charge", "name": alias, "functionVersion": version}
        return event("UpdateAlias20150331", "lambda", minutes, given=given)

    published = event("PublishVersion20150331", "lambda", 4, given={"functionName": "charge"})
    aws = Aws(
        lookup_events=trail(pointed("4", 4), published, pointed("2", 6), pointed("3", 9), pointed("9", 7, "beta"))
    )
    charge = scope(Resources(region="eu-west-1", function="charge"))
    changes = [each for each in gather(Source.CHANGES, aws, charge).values["changes"] if each.after]
    assert [(each.before, each.after) for each in changes] == [
        ("live:2", "live:4"),
        ("live:3", "live:2"),
        ("", "beta:9"),
        ("", "live:3"),
    ]
    assert all(each.ended == each.at for each in changes), "an alias points elsewhere at once"


def test_changes_tell_who_did_what_to_what_and_whether_it_is_ours() -> None:
    update = {"service": "checkout-api", "cluster": "shop-prod", "taskDefinition": f"{DEFINITION}:57"}
    aws = Aws(
        lookup_events=trail(
            event("UpdateService", given=update),
            event("UpdateService", given={**update, "cluster": "shop-staging"}, minutes=13),
            event("UpdateFunctionCode20150331v2", "lambda", 14, given={"functionName": "charge"}),
            event("AuthorizeSecurityGroupIngress", "ec2", 15, given={"groupId": "sg-1"}),
            event("SetDesiredCapacity", "autoscaling", 16, given={"autoScalingGroupName": "w", "desiredCapacity": 7}),
            event("PutParameter", "ssm", 17, given={"name": "/shop/flag"}),
        )
    )
    found = gather(Source.CHANGES, aws).values["changes"]
    assert [(each.kind, each.what, each.target, each.service, each.after) for each in found] == [
        (ChangeKind.DEPLOYMENT, "UpdateService", "checkout-api", "checkout-api", "checkout-api:57"),
        (ChangeKind.DEPLOYMENT, "UpdateService", "checkout-api in shop-staging", "", "checkout-api:57"),
        (ChangeKind.DEPLOYMENT, "UpdateFunctionCode", "charge", "", ""),
        (ChangeKind.ACCESS, "AuthorizeSecurityGroupIngress", "sg-1", "", ""),
        (ChangeKind.SCALING, "SetDesiredCapacity", "w", "", "7"),
        (ChangeKind.CONFIGURATION, "PutParameter", "/shop/flag", "", ""),
    ]
    assert {each.by for each in found} == {"ana"}
    assert found[0].at.utcoffset() == timedelta()
    assert found[0].link.endswith("#/events/e-UpdateService")
    asked = aws.calls("lookup_events")[0]
    assert asked["LookupAttributes"] == [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}]
    assert asked["StartTime"] == SINCE - timedelta(hours=1)


def test_what_changes_nothing_is_left_out() -> None:
    aws = Aws(
        lookup_events=trail(
            event("AssumeRole", "sts"),
            event("PutMetricData", "monitoring"),
            event("CreateLogStream", "logs"),
            event("RegisterTargets", "elasticloadbalancing"),
            event("UpdateService", errorCode="AccessDenied"),
            event("UpdateService", arn=f"{OURS}/another-process"),
            event("RotateKey", "kms", eventType="AwsServiceEvent"),
            event("UpdateService", minutes=-5),
        )
    )
    found = gather(Source.CHANGES, aws)
    assert told(found) == (NOTHING, "nobody changed anything; CloudTrail may tell up to 15 minutes late")


def test_what_the_bot_did_to_the_service_is_marked_as_its_own() -> None:
    update = {"service": "checkout-api", "cluster": "shop-prod", "forceNewDeployment": True}
    run = "1f0c2a3b-1111-2222-3333-444455556666"
    runbook, other = f"Automation-{run}", "Automation-9f0c2a3b-1111-2222-3333-444455556666"
    started: Json = {"responseElements": {"automationExecutionId": run}}
    document = {"documentName": "AIOps-RestartECSService", "parameters": {"Service": ["checkout-api"]}}
    aws = Aws(
        lookup_events=trail(
            event("UpdateService", arn=f"{OURS}/another-process", given=update),
            event("UpdateService", user=runbook, given=update, minutes=13),
            event("PutParameter", "ssm", 14, user=runbook, given={"name": "/shop/flag"}),
            event("StartAutomationExecution", "ssm", 15, arn=f"{OURS}/another-process", given=document, **started),
            event("UpdateService", given=update, minutes=16, user=other),
            event("UpdateService", given=update, minutes=17),
        )
    )
    found = gather(Source.CHANGES, aws).values["changes"]
    told = [("UpdateService", each) for each in (True, True, False, False)]
    assert [(each.what, each.is_ours) for each in found] == told, "an automation that others began is theirs"


def test_a_runbook_that_the_state_machine_began_is_ours_too() -> None:
    run = "1f0c2a3b-1111-2222-3333-444455556666"
    start: Json = {"arn": f"{OURS[:-9]}orchestrator/x", "given": {"documentName": "AIOps-RestartECSService"}}
    update = {"service": "checkout-api", "cluster": "shop-prod", "forceNewDeployment": True}
    aws = Aws(
        lookup_events=trail(
            event("UpdateService", user=f"Automation-{run}", given=update),
            event("StartAutomationExecution", "ssm", 13, responseElements={"automationExecutionId": run}, **start),
        )
    )
    first, *_ = gather(Source.CHANGES, aws).values["changes"]
    assert (first.what, first.is_ours) == ("UpdateService", True)


def test_a_dry_run_is_no_change_and_a_task_that_was_stopped_has_a_service() -> None:
    dry = {"documentName": "AIOps-RestartECSService", "parameters": {"DryRun": ["true"], "Service": ["checkout-api"]}}
    stop = {"cluster": "shop-prod", "task": "0123"}
    aws = Aws(
        lookup_events=trail(
            event("StartAutomationExecution", "ssm", given=dry),
            event("StopTask", minutes=13, given=stop, responseElements={"task": {"group": "service:search-api"}}),
            event("StopTask", minutes=14, given=stop, responseElements={"task": {"group": "service:checkout-api"}}),
        )
    )
    found = gather(Source.CHANGES, aws).values["changes"]
    assert [(each.what, each.target, each.service) for each in found] == [
        ("StopTask", "search-api", ""),
        ("StopTask", "checkout-api", "checkout-api"),
    ]


def test_throttling_is_waited_out_and_pages_are_bounded() -> None:
    page = {"Events": [event("PutParameter", "ssm")], "NextToken": "on"}
    aws = Aws(lookup_events=[refused("ThrottlingException"), page])
    found = gather(Source.CHANGES, aws, scope(EVERYTHING._replace(region="us-east-1")))
    assert len(aws.calls("lookup_events")) == 6
    assert told(found) == (FOUND, "only the newest 5 events were read")
    denied = Aws(lookup_events=[page, DENIED])
    found = gather(Source.CHANGES, denied, scope(EVERYTHING._replace(region="us-east-1")))
    assert told(found) == (FOUND, "older changes are not permitted: x:DoIt on arn:aws:x:::it")


def test_changes_of_iam_are_looked_up_where_they_are_written_down() -> None:
    policy = event("PutRolePolicy", "iam", given={"roleName": "checkout-task"})
    aws = Aws(lookup_events=[{"Events": []}, {"Events": [policy]}])
    (change,) = gather(Source.CHANGES, aws).values["changes"]
    assert (change.kind, change.target, change.region) == (ChangeKind.ACCESS, "checkout-task", "us-east-1")
    assert [region for name, region, _ in aws.asked if name == "lookup_events"] == ["eu-west-1", "us-east-1"]
    denied = gather(Source.CHANGES, Aws(lookup_events=[{"Events": [event("PutParameter", "ssm")]}, DENIED]))
    assert told(denied) == (FOUND, "changes of IAM are not permitted: x:DoIt on arn:aws:x:::it")


def test_many_changes_are_cut_but_never_ours() -> None:
    others = [event("PutParameter", "ssm", minutes=11) for _ in range(60)]
    ours = event("StopTask", minutes=40, given={"cluster": "shop-prod", "task": "t", "reason": "checkout-api"})
    found = gather(Source.CHANGES, Aws(lookup_events=trail(*others, ours))).values["changes"]
    assert len(found) == 50
    assert found[-1].what == "StopTask"


# -- deployments


def service(*deployments: Json, **more: Any) -> Json:
    return {"services": [{"status": "ACTIVE", "deployments": list(deployments), "events": [], **more}]}


def deployment(revision: int, minutes: float, state: str = "COMPLETED") -> Json:
    return {"id": f"ecs-svc/{revision}", "taskDefinition": f"{DEFINITION}:{revision}", "rolloutState": state,
            "createdAt": NOW - timedelta(minutes=minutes)}  # fmt: skip


def definition(revision: int, image: str, **variables: str) -> Json:
    container = {"name": "app", "image": f"registry/shop/web:{image}",
                 "environment": [{"name": name, "value": value} for name, value in variables.items()]}  # fmt: skip
    return {"taskDefinition": {"memory": "512" if revision == 56 else "1024", "containerDefinitions": [container],
                               "registeredBy": "arn:aws:iam::1:user/ci-deployer",
                               "registeredAt": NOW - timedelta(minutes=20)}}  # fmt: skip


DEFINITIONS = {
    "checkout-api:56": definition(56, "1.4", LEVEL="info", PASSWORD="hunter2"),
    "checkout-api:57": definition(57, "1.5", LEVEL="debug", FEATURE_X="on"),
}
ROLLED: Json = {
    "list_service_deployments": {
        "serviceDeployments": [
            {"serviceDeploymentArn": "arn:x:service-deployment/c/s/d0", "createdAt": NOW - timedelta(days=3)},
            {"serviceDeploymentArn": "arn:x:service-deployment/c/s/d1", "createdAt": NOW - timedelta(minutes=15)},
        ]
    },
    "describe_service_deployments": {
        "serviceDeployments": [
            {
                "serviceDeploymentArn": "arn:x:service-deployment/c/s/d1",
                "status": "SUCCESSFUL",
                "createdAt": NOW - timedelta(minutes=15),
                "finishedAt": NOW - timedelta(minutes=11),
                "targetServiceRevision": {"arn": "r57"},
                "sourceServiceRevisions": [{"arn": "r56"}],
            }
        ]
    },
    "describe_service_revisions": {
        "serviceRevisions": [
            {"serviceRevisionArn": "r56", "taskDefinition": f"{DEFINITION}:56"},
            {"serviceRevisionArn": "r57", "taskDefinition": f"{DEFINITION}:57"},
        ]
    },
    "describe_task_definition": lambda given: DEFINITIONS[given["taskDefinition"]],
}


def test_a_deployment_tells_what_gave_way_to_what_and_the_difference() -> None:
    aws = Aws(describe_services=service(deployment(57, 15)), **ROLLED)
    found = gather(Source.DEPLOYMENTS, aws)
    (made,) = found.values["changes"]
    assert (made.kind, made.before, made.after) == (ChangeKind.DEPLOYMENT, "checkout-api:56", "checkout-api:57")
    assert made.what == (
        "deployed checkout-api:57 (memory 512 → 1024; image web:1.4 → web:1.5; + variable FEATURE_X;"
        " − variable PASSWORD; changed variable LEVEL)"
    )
    assert "hunter2" not in made.model_dump_json()
    assert (made.author, made.service, made.target) == ("ci-deployer", "checkout-api", "checkout-api")
    assert "clusters/shop-prod/services/checkout-api/deployments" in made.link
    assert found.asked.calls == 7, "STS among them"


def test_where_the_history_is_denied_what_drains_tells() -> None:
    aws = Aws(
        describe_services=service(deployment(57, 3, "IN_PROGRESS"), deployment(56, 3000)),
        list_service_deployments=DENIED,
        describe_task_definition=DENIED,
    )
    found = gather(Source.DEPLOYMENTS, aws)
    (made,) = found.values["changes"]
    assert (made.what, made.before) == ("deploying checkout-api:57", "checkout-api:56")
    assert found.asked.why == "earlier deployments are not permitted: x:DoIt on arn:aws:x:::it"


def test_an_old_deployment_is_none_and_the_schedulers_complaint_is_told() -> None:
    said = {"message": "(service checkout-api) was unable to place a task", "createdAt": NOW - timedelta(minutes=2)}
    aws = Aws(describe_services=service(deployment(57, 3000), events=[said]))
    found = gather(Source.DEPLOYMENTS, aws)
    assert told(found) == (NOTHING, "ECS: (service checkout-api) was unable to place a task")
    assert aws.names() == ["get_caller_identity", "describe_services"]
    gone = gather(Source.DEPLOYMENTS, Aws(describe_services={"services": []}))
    assert told(gone) == (NOTHING, "the cluster shop-prod has no service checkout-api (any more)")


def test_that_fewer_tasks_run_than_should_is_told_with_the_schedulers_complaint() -> None:
    said = {"message": "(service checkout-api) was unable to place a task", "createdAt": NOW - timedelta(minutes=2)}
    down = service(deployment(57, 3000), events=[said], runningCount=0, desiredCount=2)
    tasks = gather(Source.DEPLOYMENTS, Aws(describe_services=down)).values["tasks"]
    assert (tasks.running, tasks.wanted) == (0, 2)
    assert tasks.why == "ECS: (service checkout-api) was unable to place a task"
    well = service(deployment(57, 3000), runningCount=2, desiredCount=2)
    assert gather(Source.DEPLOYMENTS, Aws(describe_services=well)).values == {"wanted": 2}


def heard(**facts: Any) -> Deployment:
    known: Json = {"source_id": "1", "id": "pipeline-9", "service": "checkout-api", "at": NOW - timedelta(minutes=14),
                   "state": DeploymentState.SUCCEEDED, "version": "1.5", "by": "bob"}  # fmt: skip
    return Deployment(**{**known, **facts})


def test_what_was_heard_of_is_merged_with_what_ecs_knows() -> None:
    news = [heard(), heard(id="pipeline-8", at=NOW - timedelta(hours=3), version="1.4", state=DeploymentState.FAILED,
                           reason="tests"), heard(id="elsewhere", account="999999999999")]  # fmt: skip
    aws = Aws(describe_services=service(deployment(57, 15)), **ROLLED)
    first, second = gather(Source.DEPLOYMENTS, aws, deployments=lambda service, since: news).values["changes"]
    assert first.what.startswith("deployed checkout-api:57 (1.5; memory")
    assert first.author == "bob through ci-deployer"
    assert (second.what, second.after) == ("deployment of 1.4 failed (tests)", "1.4")


def test_a_pipeline_calls_it_by_the_version_of_its_image_and_may_tell_late() -> None:
    late = heard(at=NOW - timedelta(minutes=1), version="1.5", by="bob.okafor")
    aws = Aws(describe_services=service(deployment(57, 15)), **ROLLED)
    (made,) = gather(Source.DEPLOYMENTS, aws, deployments=lambda service, since: [late]).values["changes"]
    assert (made.by, made.after) == ("bob.okafor", "checkout-api:57")


def test_who_deployed_a_version_once_is_not_who_went_back_to_it() -> None:
    once = heard(at=NOW - timedelta(minutes=40), version="checkout-api:57", by="bob.okafor")
    aws = Aws(describe_services=service(deployment(57, 15)), **ROLLED)
    first, second = gather(Source.DEPLOYMENTS, aws, deployments=lambda service, since: [once]).values["changes"]
    assert (first.author, second.author) == ("ci-deployer", "bob.okafor")


def test_who_deployed_is_not_who_went_back_moments_later() -> None:
    """A pipeline's word just before either: it is of the one whose version it names, else of the nearest."""
    at = {57: NOW - timedelta(seconds=90), 56: NOW - timedelta(seconds=40)}
    rollouts = [
        {
            "serviceDeploymentArn": f"arn:x:service-deployment/c/s/d{revision}",
            "status": "SUCCESSFUL",
            "createdAt": begun,
            "finishedAt": begun + timedelta(seconds=30),
            "targetServiceRevision": {"arn": f"r{revision}"},
            "sourceServiceRevisions": [{"arn": f"r{113 - revision}"}],
        }
        for revision, begun in at.items()
    ]
    history = {
        **ROLLED,
        "list_service_deployments": {"serviceDeployments": rollouts},
        "describe_service_deployments": {"serviceDeployments": rollouts},
    }
    for version in ("1.5", "build 9"):
        told_of = heard(at=NOW - timedelta(seconds=92), version=version, by="bob.okafor", state=DeploymentState.STARTED)
        aws = Aws(describe_services=service(deployment(56, 0.5)), **history)
        found = gather(Source.DEPLOYMENTS, aws, deployments=lambda service, since, one=told_of: [one])
        back, bad = found.values["changes"]
        assert (bad.after, bad.by) == ("checkout-api:57", "bob.okafor")
        assert (back.after, back.by) == ("checkout-api:56", "")


def test_what_was_heard_of_counts_where_ecs_can_not_be_asked() -> None:
    found = gather(Source.DEPLOYMENTS, Aws(describe_services=DENIED), deployments=lambda service, since: [heard()])
    assert told(found) == (FOUND, "ECS is not permitted: x:DoIt on arn:aws:x:::it")
    function = Resources(function="charge")
    found = gather(Source.DEPLOYMENTS, Aws(), scope(function), deployments=lambda service, since: [heard()])
    assert [each.what for each in found.values["changes"]] == ["deployed 1.5"]
    assert gather(Source.DEPLOYMENTS, Aws(), scope(function)).asked.outcome is NOTHING

    def lost(service: str, since: datetime) -> Sequence[Deployment]:
        raise StoreError("locked")

    assert "not known: locked" in gather(Source.DEPLOYMENTS, Aws(), scope(function), deployments=lost).asked.why
