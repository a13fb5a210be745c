"""The runbooks for what runs code: a service restarted, a group scaled out, an alias put back."""

import json
from collections.abc import Callable

import pytest

from tests.sandbox.automation.world import CALLER, ROLE, Automation, Groups, Json, Outcome
from tests.sandbox.test_aws import refused

ZIP = b"PK\x05\x06" + bytes(18)


# AIOps-RestartECSService


class Services:
    """An ECS service of two tasks, steady."""

    def __init__(self, aws: Automation) -> None:
        self.aws, self.ecs = aws, aws.client("ecs")
        ec2 = aws.client("ec2")
        self.ecs.create_cluster(clusterName="prod")
        container = {"name": "app", "image": "web:1", "cpu": 256, "memory": 512}
        self.ecs.register_task_definition(
            family="web",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )
        subnet = ec2.describe_subnets()["Subnets"][0]
        group = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])
        inside = {"subnets": [subnet["SubnetId"]], "securityGroups": [group["SecurityGroups"][0]["GroupId"]]}
        self.ecs.create_service(
            cluster="prod",
            serviceName="web",
            taskDefinition="web:1",
            desiredCount=2,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": inside},
        )
        self.settle()

    def shown(self) -> Json:
        return dict(self.ecs.describe_services(cluster="prod", services=["web"])["services"][0])

    def settle(self) -> None:
        for _ in range(60):
            if self.shown()["deployments"][0]["rolloutState"] == "COMPLETED":
                return
            self.aws.server.advance(1)
        raise AssertionError(self.shown())

    @property
    def deployment(self) -> str:
        return str(self.shown()["deployments"][0]["id"])

    def restart(self, **more: str) -> Outcome:
        return self.aws.run("RestartECSService", **{"Cluster": "prod", "Service": "web", **more})


@pytest.fixture
def services(aws: Automation) -> Services:
    return Services(aws)


def test_a_service_gets_new_tasks(services: Services) -> None:
    old = services.deployment
    outcome = services.restart()
    assert (outcome.status, outcome.failed_at) == ("Success", [])
    assert outcome["ReadAfter.DeploymentId"] == outcome["ForceNewDeployment.DeploymentId"] == services.deployment != old
    assert (outcome["ReadBefore.DesiredCount"], outcome["ReadAfter.RunningCount"]) == ("2", "2")
    assert outcome["ReadAfter.Rollout"] == "COMPLETED"


def test_a_service_is_not_restarted_in_a_dry_run_or_for_nothing(aws: Automation, services: Services) -> None:
    old = services.deployment
    assert services.restart(DryRun="true").status == "Success"
    services.ecs.update_service(cluster="prod", service="web", desiredCount=0)
    assert services.restart().status == "Success"
    assert services.deployment == old
    assert aws.called("UpdateService") == 0


def test_a_deployment_in_progress_is_left_alone(
    aws: Automation, services: Services, slowly: Callable[[], None]
) -> None:
    slowly()
    services.ecs.update_service(cluster="prod", service="web", forceNewDeployment=True)
    started = services.deployment
    outcome = services.restart()
    assert (outcome.status, outcome["ReadBefore.Rollout"]) == ("Success", "IN_PROGRESS")
    assert outcome.steps["ForceNewDeployment"] == "Pending"
    assert services.deployment == started
    assert aws.called("UpdateService") == 0


def test_a_restart_that_another_deployment_replaces_has_failed(
    aws: Automation, services: Services, slowly: Callable[[], None]
) -> None:
    slowly()
    execution = aws.start("AIOps-RestartECSService", AutomationAssumeRole=ROLE, Cluster="prod", Service="web")
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "WaitForDeployment")
    services.ecs.update_service(cluster="prod", service="web", forceNewDeployment=True)
    services.settle()
    outcome = Outcome(aws.ended(execution))
    assert (outcome.status, outcome.failed_at) == ("Failed", ["RequireOurDeployment"])


def test_a_service_that_is_not_there_is_not_restarted(services: Services) -> None:
    gone = services.restart(Service="nowhere")
    assert (gone.status, gone.failed_at) == ("Failed", ["ReadBefore"])
    assert "No results for path" in gone.failure
    missing = services.restart(Cluster="nowhere")
    assert "ClusterNotFoundException" in missing.failure


def test_a_restart_that_is_denied_says_which_operation(aws: Automation, services: Services) -> None:
    aws.fault("ecs", "UpdateService", "error", caller=CALLER)
    outcome = services.restart()
    assert outcome.failed_at == ["ForceNewDeployment"]
    assert "(AccessDeniedException) when calling the UpdateService operation" in outcome.failure
    step = next(s for s in outcome.shown["StepExecutions"] if s["StepName"] == "ForceNewDeployment")
    assert step["FailureDetails"]["FailureType"] == "Permission"
    assert outcome["ForceNewDeployment.DeploymentId"].startswith("No output available yet")


def test_a_restart_that_is_throttled_goes_on(aws: Automation, services: Services) -> None:
    aws.fault("ecs", "UpdateService", "throttle", times=1, caller=CALLER)
    assert services.restart().status == "Success"


# AIOps-ScaleOutEC2ASG


def test_a_group_gets_a_quarter_more_and_only_once(groups: Groups) -> None:
    assert groups.scale(5, DryRun="true").status == "Success"
    assert groups.capacity == 4
    for _ in range(2):
        outcome = groups.scale(5)
        assert (outcome.status, groups.capacity) == ("Success", 5)
    assert outcome["ReadAfter.DesiredCapacity"] == "5"
    assert outcome["ReadBefore.MaxSize"] == "6"
    assert outcome["ReadAfter.InstanceStates"] == ["InService"] * 5


def test_a_group_keeps_to_its_bounds_and_to_the_plan(groups: Groups) -> None:
    above = groups.scale(7)
    assert above.failed_at == ["SetDesiredCapacity"]
    assert "(ValidationError)" in above.failure
    assert "above max value 6" in above.failure
    changed = groups.scale(6, current=3)
    assert changed.failed_at == ["RequireExpectedCapacity"]
    assert "is 4, desired is [3, 6]" in changed.failure
    assert groups.scale(5, AutoScalingGroupName="nowhere").failed_at == ["ReadBefore"]
    assert groups.capacity == 4


def test_bounds_hold_for_everybody(groups: Groups) -> None:
    for wanted in (1, 99):
        assert refused(lambda n=wanted: groups.autoscaling.set_desired_capacity(  # type: ignore[misc]
            AutoScalingGroupName="web", DesiredCapacity=n
        )) == "ValidationError"  # fmt: skip
    assert refused(lambda: groups.autoscaling.set_desired_capacity(
        AutoScalingGroupName="nowhere", DesiredCapacity=1
    )) == "ValidationError"  # fmt: skip


# AIOps-RotateLambdaAlias


class Functions:
    """A function of three versions, whose alias `live` points to the last."""

    def __init__(self, aws: Automation, versions: int = 3) -> None:
        self.aws, self.lambdas = aws, aws.client("lambda")
        iam = aws.client("iam")
        policy = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = iam.create_role(RoleName="rca", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        self.lambdas.create_function(
            FunctionName="rca", Role=role, Runtime="python3.11", Handler="x.y", Code={"ZipFile": ZIP}
        )
        for n in range(versions):
            self.lambdas.update_function_configuration(FunctionName="rca", Description=str(n))
            self.lambdas.publish_version(FunctionName="rca")
        self.lambdas.create_alias(FunctionName="rca", Name="live", FunctionVersion=str(versions))

    @property
    def alias(self) -> Json:
        return dict(self.lambdas.get_alias(FunctionName="rca", Name="live"))

    @property
    def version(self) -> str:
        return str(self.alias["FunctionVersion"])

    def rotate(self, **more: str) -> Outcome:
        return self.aws.run("RotateLambdaAlias", **{"FunctionName": "rca", "AliasName": "live", **more})


@pytest.fixture
def functions(aws: Automation) -> Functions:
    return Functions(aws)


def test_an_alias_goes_back_one_version_and_no_further(functions: Functions) -> None:
    assert functions.rotate(DryRun="true").status == "Success"
    assert functions.version == "3"
    outcome = functions.rotate()
    assert (outcome.status, outcome["ReadBefore.Version"], outcome["ReadAfter.Version"]) == ("Success", "3", "2")
    again = functions.rotate()
    assert (again.status, again.failed_at) == ("Failed", ["RequireOnNewest"])
    assert functions.version == "2"


def test_an_alias_goes_to_the_version_that_is_named(aws: Automation, functions: Functions) -> None:
    assert functions.rotate(TargetVersion="1", DryRun="true").status == "Success"
    assert functions.version == "3"
    for _ in range(2):
        assert functions.rotate(TargetVersion="1")["ReadAfter.Version"] == "1"
    assert aws.called("UpdateAlias") == 1
    assert functions.rotate(TargetVersion="9").failed_at == ["RequireTarget"]
    assert functions.version == "1"


def test_a_function_with_one_version_has_no_previous_one(aws: Automation) -> None:
    functions = Functions(aws, versions=1)
    assert functions.rotate().failed_at == ["RefuseWithoutPrevious"]
    assert functions.version == "1"


def test_an_alias_that_somebody_changes_meanwhile_is_left_alone(aws: Automation, functions: Functions) -> None:
    aws.control("automation", hang="AIOps-RotateLambdaAlias", at="RotateToPrevious")
    given = {"AutomationAssumeRole": ROLE, "FunctionName": "rca", "AliasName": "live"}
    execution = aws.start("AIOps-RotateLambdaAlias", **given)
    aws.until(execution, lambda shown: shown.get("CurrentStepName") == "RotateToPrevious")
    functions.lambdas.update_alias(FunctionName="rca", Name="live", FunctionVersion="1")
    aws.control("automation", release="AIOps-RotateLambdaAlias")
    outcome = Outcome(aws.ended(execution))
    assert outcome.failed_at == ["RotateToPrevious"]
    assert "(PreconditionFailedException)" in outcome.failure
    assert functions.version == "1"


def test_an_old_revision_of_an_alias_changes_nothing(functions: Functions) -> None:
    old = functions.alias["RevisionId"]
    functions.lambdas.update_alias(FunctionName="rca", Name="live", FunctionVersion="2", RevisionId=old)
    assert functions.alias["RevisionId"] != old
    stale = {"FunctionName": "rca", "Name": "live", "FunctionVersion": "1", "RevisionId": old}
    assert refused(lambda: functions.lambdas.update_alias(**stale)) == "PreconditionFailedException"
    assert functions.version == "2"
