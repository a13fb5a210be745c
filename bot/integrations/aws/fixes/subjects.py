"""What each of the six runbooks acts on: which parameters it needs, and how things stand before it runs.

The documents are in scripts/ssm/. Only these six are run: whatever else SSM has, nobody gets at it through the bot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bot.errors import CloudError, Refused
from bot.integrations.aws.clients import Clients, arn_field, cloud_errors
from bot.integrations.aws.fixes import aliases
from bot.integrations.aws.fixes.aliases import FUNCTION, Aliases
from bot.integrations.aws.fixes.ecs import SERVICE, Ecs
from bot.integrations.aws.fixes.kind import Past, is_code, number, same_account
from bot.models import Progress, Target

RESTART = "AIOps-RestartECSService"
SCALE_OUT = "AIOps-ScaleOutEC2ASG"
PURGE = "AIOps-PurgeSQSDLQ"
ROTATE = "AIOps-RotateLambdaAlias"
FAIL_OVER = "AIOps-RDSFailover"
INVALIDATE = "AIOps-InvalidateCFCache"

FROM_CATALOGUE: Mapping[str, Mapping[str, str]] = {
    RESTART: {"Cluster": "cluster", "Service": "ecs_service"},
    SCALE_OUT: {"AutoScalingGroupName": "auto_scaling_group"},
    PURGE: {"QueueUrl": "dead_letter_queue"},
    ROTATE: {"FunctionName": "function", "AliasName": "alias"},
    FAIL_OVER: {"Identifier": "database"},
    INVALIDATE: {"DistributionId": "distribution"},
}
"""For each document the parameters that the catalogue fills, and with which field of Resources."""

GROWTH = 1.25  # the first document: “Increases desired capacity by 25 %”

Given = Mapping[str, str]
Json = Mapping[str, Any]


class Subject(NamedTuple):
    """What a run would act on; most is for people.

    parameters  are added to those that were given
    then, back  what is set afterwards (a capacity, a version), and the parameters that set back what is there now
    now         what is there now, in the same terms as `then`
    """

    target: Target
    parameters: Given
    before: str
    after: str
    steps: str
    radius: str
    undo: str = ""
    checks: tuple[str, ...] = ()
    about_seconds: int = 60
    now: str = ""
    then: str = ""
    back: Mapping[str, str] = {}
    is_look: bool = False
    offers: Mapping[str, str] = {}


class Subjects:
    """Looks at what a document would change. Raises Refused where a run would do nothing, or harm; and CloudError."""

    def __init__(self, clients: Clients, ecs: Ecs, aliases: Aliases, past: Past) -> None:
        self._clients = clients
        self._past = past
        self._ecs = ecs
        self._aliases = aliases
        self._looks: dict[str, Callable[[Given, Target], Subject]] = {
            RESTART: self._service,
            SCALE_OUT: self._group,
            PURGE: self._queue,
            ROTATE: self._alias,
            FAIL_OVER: self._database,
            INVALIDATE: self._distribution,
        }

    def look(self, document: str, given: Given, where: Target) -> Subject:
        """`where` says account and region; its kind and name are filled in here."""
        return self._looks[document](given, where)

    def now(self, document: str, where: Target) -> str:
        """Where things stand, in the terms of `Subject.then`; empty for documents that look at that themselves."""
        return self._aliases.alias(where).version if document == ROTATE else ""

    def standing(self, document: str, where: Target, then: str) -> Progress | None:
        """How what a run acted on stands some time later; None where the run itself said all that there is to say."""
        if document == RESTART:
            return self._ecs.service(where).standing(None)
        if document == ROTATE:
            alias = self._aliases.alias(where)
            said = f"{where.alias} points at {alias.shown}"
            return Progress(said=said, problem="" if alias.version == then else f"{said}, not at {then}")
        if document == PURGE:
            _, count = self._depth(where.name, where)
            said = f"{number(count, 'dead letter')} in {where.name}"
            return Progress(said=said, problem=f"{said} again" if count else "")
        return None

    def _service(self, given: Given, where: Target) -> Subject:
        target = where.model_copy(update={"kind": SERVICE, "name": given["Service"], "cluster": given["Cluster"]})
        service = self._ecs.service(target)
        if service.is_deploying:
            raise Refused(f"A deployment of {service.revision.name} to {service.name} is in progress, which replaces "
                          "its tasks already.")  # fmt: skip
        if service.desired == 0:
            raise Refused(f"{service.name} is turned off: it wants 0 tasks, so there is nothing to replace.")
        return Subject(
            target=target,
            parameters={},
            before=f"{service.running} of {number(service.desired, 'task')} run",
            after=f"{number(service.desired, 'new task')} of {service.revision.name}",
            steps="a new deployment of the same task definition",
            radius="this service only; old tasks go as far as its deployment configuration allows",
            checks=("no deployment in progress",),
            about_seconds=min(60 + 30 * service.desired, 600),
        )

    def _group(self, given: Given, where: Target) -> Subject:
        """Automation cannot compute: the new capacity is computed here, and the document checks that it still fits."""
        name = given["AutoScalingGroupName"]
        with cloud_errors("autoscaling:DescribeAutoScalingGroups", name):
            client = self._clients.get("autoscaling", region=where.region)
            found = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        if not found:
            raise Refused(f"There is no Auto Scaling group {name} in {where.region}.")
        target = where.model_copy(update={"kind": "Auto Scaling group", "name": name})
        same_account(arn_field(found[0].get("AutoScalingGroupARN", ""), 4), target)
        now, most = found[0]["DesiredCapacity"], found[0]["MaxSize"]
        wanted = _whole(given, "DesiredCapacity", min(math.ceil(now * GROWTH), most))
        _need_other_capacity(name, now, wanted, most)
        return Subject(
            target=target,
            parameters={"CurrentCapacity": str(now), "DesiredCapacity": str(wanted)},
            before=number(now, "instance"),
            after=number(wanted, "instance"),
            steps=f"SetDesiredCapacity {wanted}",
            radius="this group only",
            undo=f"back to {now}",
            checks=(f"at most {most} instances (MaxSize)",),
            about_seconds=180,
            now=str(now),
            then=str(wanted),
            back={"DesiredCapacity": str(now)},
        )

    def _queue(self, given: Given, where: Target) -> Subject:
        """No message is deleted; while its cause is not mended they come back."""
        name = given["QueueUrl"].rsplit("/", 1)[-1]
        target = where.model_copy(update={"kind": "queue", "name": name})
        url, count = self._depth(given["QueueUrl"], target)
        if count == 0:
            raise Refused(f"No message waits in {name}: there is nothing to give back.")
        return Subject(
            target=target,
            parameters={"QueueUrl": url},
            before=number(count, "dead letter"),
            after="none, given back to the queues they came from",
            steps="StartMessageMoveTask, no message is deleted",
            radius="whoever reads those queues gets the messages again; what still fails comes back",
            about_seconds=30 + count // 100,
        )

    def _depth(self, queue: str, target: Target) -> tuple[str, int]:
        """The queue's URL, and how many messages wait in it. `queue` is its name or its URL."""
        client, url = self._clients.get("sqs", region=target.region), queue
        try:
            if "/" not in url:
                with cloud_errors("sqs:GetQueueUrl", target.name):
                    url = client.get_queue_url(QueueName=target.name)["QueueUrl"]
            with cloud_errors("sqs:GetQueueAttributes", target.name):
                names = ["QueueArn", "ApproximateNumberOfMessages"]
                found = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        except CloudError as error:
            if is_code(error, "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"):
                raise Refused(f"There is no queue {target.name} in {target.region}.") from error
            raise
        same_account(arn_field(found["QueueArn"], 4), target)
        return url, int(found["ApproximateNumberOfMessages"])

    def _alias(self, given: Given, where: Target) -> Subject:
        """The version is named, not “previous”: a second run must not go back further."""
        names = {"kind": FUNCTION, "name": given["FunctionName"], "alias": given["AliasName"]}
        target = where.model_copy(update=names)
        alias, versions = self._aliases.alias(target), self._aliases.versions(target)
        asked, bad = given.get("TargetVersion", "previous"), aliases.known_bad(self._past(), target)
        version = aliases.before(alias, versions, bad) if asked == "previous" else asked
        if version is None:
            raise aliases.none_before(target, alias, versions, bad)
        if version not in {str(each.number) for each in versions}:
            raise Refused(f"{target.name}:{target.alias} points at {alias.shown}, and there is no version {version} to "
                          "go back to.")  # fmt: skip
        if version == alias.version and not alias.weights:
            raise Refused(f"{target.name}:{target.alias} points at {version} already.")
        return Subject(
            target=target,
            parameters={"TargetVersion": version},
            before=f"{target.alias}: {alias.shown}",
            after=f"{target.alias}: {version}",
            steps=f"UpdateAlias, {target.alias} points at {version}",
            radius=aliases.radius(target, version, bad),
            undo=f"{target.alias} back to {alias.version}",
            checks=(f"version {version} is published",),
            about_seconds=15,
            now=alias.version,
            then=version,
            back={"TargetVersion": alias.version},
        )

    def _database(self, given: Given, where: Target) -> Subject:
        name, kind = given["Identifier"], given.get("ResourceType", "")
        found = None if kind == "db-instance" else self._cluster(name, where.region)
        kind = kind or ("db-cluster" if found else "db-instance")
        found = found or (self._instance(name, where.region) if kind == "db-instance" else None)
        if not found:
            raise Refused(f"There is no database {name} in {where.region}.")
        target = where.model_copy(update={"kind": "database", "name": name})
        same_account(arn_field(found.get("DBClusterArn") or found.get("DBInstanceArn") or "", 4), target)
        forced = given.get("Force") == "true"
        return Subject(
            target=target,
            parameters={"ResourceType": kind},
            before=_database_now(found),
            after="another one takes over" if forced else "its failover confirmed, the topic told",
            steps="a failover, unless there was one in the last hour"
            if forced
            else "looks for a failover within the hour and tells; fails where there was none",
            radius="connections break for a minute or two" if forced else "nothing is changed",
            about_seconds=300 if forced else 60,
            is_look=not forced,
            offers={} if forced else {"Force a failover…": "Force=true"},
        )

    def _cluster(self, name: str, region: str) -> Json | None:
        try:
            with cloud_errors("rds:DescribeDBClusters", name):
                client = self._clients.get("rds", region=region)
                found: list[Json] = client.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
        except CloudError as error:
            if is_code(error, "DBClusterNotFound"):
                return None
            raise
        return found[0] if found else None

    def _instance(self, name: str, region: str) -> Json | None:
        try:
            with cloud_errors("rds:DescribeDBInstances", name):
                client = self._clients.get("rds", region=region)
                found: list[Json] = client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        except CloudError as error:
            if is_code(error, "DBInstanceNotFound"):
                return None
            raise
        return found[0] if found else None

    def _distribution(self, given: Given, where: Target) -> Subject:
        name, path = given["DistributionId"], given.get("Path", "/*")
        try:
            with cloud_errors("cloudfront:GetDistribution", name):
                client = self._clients.get("cloudfront", region=where.region)
                found = client.get_distribution(Id=name)["Distribution"]
        except CloudError as error:
            if is_code(error, "NoSuchDistribution"):
                raise Refused(f"There is no CloudFront distribution {name}.") from error
            raise
        target = where.model_copy(update={"kind": "distribution", "name": name})
        same_account(arn_field(found.get("ARN", ""), 4), target)
        if not found["DistributionConfig"]["Enabled"]:
            raise Refused(f"The distribution {name} is disabled: it serves nothing.")
        if found.get("InProgressInvalidationBatches"):
            raise Refused(f"Another invalidation of {name} is in progress.")
        return Subject(
            target=target,
            parameters={},
            before=f"{path} kept at the edge",
            after=f"{path} asked of the origin again",
            steps=f"CreateInvalidation {path}",
            radius="the origin gets the requests that the cache answers now",
            checks=("no other invalidation in progress",),
            about_seconds=120,
        )


def _whole(given: Given, name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isdecimal():
        raise Refused(f"{name} is a number, not “{text[:40]}”.")
    return int(text)


def _need_other_capacity(name: str, now: int, wanted: int, most: int) -> None:
    if now == 0:
        raise Refused(f"{name} is turned off: it wants 0 instances. Scaling out does not turn groups on.")
    if now >= most and wanted >= now:
        raise Refused(f"{name} wants {number(now, 'instance')}, which is its most (MaxSize).")
    if wanted > most:
        raise Refused(f"{name} may have {number(most, 'instance')} at most (MaxSize), not {wanted}.")
    if wanted == now:
        raise Refused(f"{name} wants {number(now, 'instance')} already.")


def _database_now(found: Json) -> str:
    writers = [each["DBInstanceIdentifier"] for each in found.get("DBClusterMembers", []) if each["IsClusterWriter"]]
    if writers:
        return f"{writers[0]} writes, {found.get('Status', 'status unknown')}"
    zone = found.get("AvailabilityZone")
    status = str(found.get("DBInstanceStatus") or found.get("Status") or "status unknown")
    return f"in {zone}, {status}" if zone else status
