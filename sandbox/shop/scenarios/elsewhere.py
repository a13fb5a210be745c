"""Scenarios beside ECS: dead letters, a function, workers, the storefront's cache, a database that must fail over."""

import json
from typing import ClassVar

from sandbox.shop import compute, messages
from sandbox.shop.catalogue import ORDERS, WEBHOOK, WEBHOOK_ALIAS, WORKERS
from sandbox.shop.scenarios.base import MetricScenario, now

DLQ_MESSAGES = 120
BUSY = 97.0


class DlqFilling(MetricScenario):
    id = "dlq-filling"
    title = "Dead letters"
    explanation = (
        "The card provider was away for a minute; payments that could not be taken lie in the dead-letter queue."
    )
    fix = "Move them back to the queue they came from."
    alarms = ("prod-payments-worker-dlq-high",)

    def on_break(self) -> None:
        bodies = [{"payment": f"P-{4000 + n}", "amount": 1999, "failed": "provider away"} for n in range(DLQ_MESSAGES)]
        self.shop.queue(self.shop.made.work_dlq_url, [json.dumps(body) for body in bodies])

    def mended(self) -> bool:
        return bool(self.shop.depth(self.shop.made.work_dlq_url)["waiting"] == 0)

    def on_heal(self) -> None:
        self.shop.drain(self.shop.made.work_dlq_url)


class LambdaErrors(MetricScenario):
    id = "lambda-errors"
    title = "Bad function version"
    explanation = "checkout-webhook's alias goes to a new version that fails on every other event."
    fix = "Point the alias at the version before."
    targets: ClassVar[dict[str, float]] = {f"{WEBHOOK}/errors": 4.0}
    alarms = ("prod-checkout-webhook-errors-critical",)
    _before = _bad = ""

    def on_break(self) -> None:
        functions = self.shop.deployer.of("lambda")
        self._before = self._version()
        self._bad = compute.publish(self.shop.deployer, f"bad after {self._before} {now()}")
        functions.update_alias(FunctionName=WEBHOOK, Name=WEBHOOK_ALIAS, FunctionVersion=self._bad)
        super().on_break()

    def on_tick(self) -> None:
        self.shop.evidence.function_failed()

    def mended(self) -> bool:
        return self._version() != self._bad

    def on_heal(self) -> None:
        functions = self.shop.deployer.of("lambda")
        functions.update_alias(FunctionName=WEBHOOK, Name=WEBHOOK_ALIAS, FunctionVersion=self._before)
        super().on_heal()

    def _version(self) -> str:
        found = self.shop.deployer.of("lambda").get_alias(FunctionName=WEBHOOK, Name=WEBHOOK_ALIAS)
        return str(found["FunctionVersion"])


class BusyWorkers(MetricScenario):
    id = "busy-workers"
    title = "Busy workers"
    explanation = "The instances of batch-workers use all their CPU."
    fix = "A quarter more instances."
    targets: ClassVar[dict[str, float]] = {f"{WORKERS}/cpu": BUSY}
    alarms = ("prod-batch-workers-cpu-high",)
    _instances = 0

    def on_break(self) -> None:
        self._instances = self._desired()
        super().on_break()

    def mended(self) -> bool:
        return self._desired() > self._instances

    def _desired(self) -> int:
        found = self.shop.aws.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[WORKERS])
        return int(found["AutoScalingGroups"][0]["DesiredCapacity"])


class StorefrontErrors(MetricScenario):
    id = "storefront-errors"
    title = "Storefront errors"
    explanation = "CloudFront holds broken pages; whoever gets one asks the load balancer for what is not there."
    fix = "Invalidate the cache."
    targets: ClassVar[dict[str, float]] = {"storefront/errors": 12.0}
    alarms = ("prod-storefront-5xx-critical",)
    _known = 0

    def on_break(self) -> None:
        self._known = self._invalidations()
        super().on_break()

    def mended(self) -> bool:
        return self._invalidations() > self._known

    def _invalidations(self) -> int:
        """Those that are complete."""
        found = self.shop.aws.cloudfront.list_invalidations(DistributionId=self.shop.made.distribution)
        items = found["InvalidationList"].get("Items") or []
        return sum(i["Status"].upper() == "COMPLETED" for i in items)


class DatabaseTrouble(MetricScenario):
    id = "database-trouble"
    title = "Database zone in trouble"
    explanation = "The zone of orders-db's writer has trouble: orders are written too slowly. AWS Health says so."
    fix = "Fail over to the other zone."
    targets: ClassVar[dict[str, float]] = {f"{ORDERS}/commit": 900.0}
    alarms = ("prod-orders-db-commit-critical",)
    _writer = ""

    def on_break(self) -> None:
        self._writer = self._now_writes()
        self.shop.say_health(messages.health("open", now(), ORDERS))
        super().on_break()

    def mended(self) -> bool:
        return self._now_writes() != self._writer

    def on_mended(self) -> None:
        super().on_mended()
        self.shop.say_health(messages.health("closed", now(), ORDERS))

    def on_heal(self) -> None:
        self.shop.operator.rds.failover_db_cluster(DBClusterIdentifier=ORDERS)
        self.on_mended()

    def _now_writes(self) -> str:
        (cluster,) = self.shop.aws.rds.describe_db_clusters(DBClusterIdentifier=ORDERS)["DBClusters"]
        return str(next(m["DBInstanceIdentifier"] for m in cluster["DBClusterMembers"] if m["IsClusterWriter"]))
