"""What the shop runs: its services, what is measured about them, and the alarms on that."""

from dataclasses import dataclass, field
from typing import Any, Literal

CLUSTER = "shop-prod"
LOAD_BALANCER = "app/shop-prod/50dc6c495c0c9188"
WORK_QUEUE = "payments-work"
WORK_DLQ = "payments-work-dlq"
RUNBOOKS = "https://wiki.example.com/runbooks"
COMPOSITE = "prod-checkout-api-health-critical"

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Metric:
    """`per_second`: it counts things, so what is put is the count since the last time."""

    service: str
    key: str
    namespace: str
    name: str
    dimensions: Dimensions
    normal: float
    noise: float = 0.06
    unit: str = "None"
    per_second: bool = False
    whole: bool = False

    @property
    def id(self) -> str:
        return f"{self.service}/{self.key}"

    @property
    def aws_dimensions(self) -> list[dict[str, str]]:
        return [{"Name": name, "Value": value} for name, value in self.dimensions]


Operator = Literal[">", ">=", "<", "<="]
OPERATORS: dict[str, str] = {
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanThreshold",
    "<=": "LessThanOrEqualToThreshold",
}


@dataclass(frozen=True)
class Watched:
    """An alarm on one metric."""

    name: str
    metric: str
    description: str
    operator: Operator
    threshold: float
    statistic: str = "Average"
    periods: int = 2
    missing: str = "missing"
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    name: str
    team: str
    metrics: tuple[Metric, ...]
    alarms: tuple[Watched, ...]


def _ecs(service: str, cluster: str = CLUSTER) -> Dimensions:
    return ("ClusterName", cluster), ("ServiceName", service)


def _ecs_metrics(service: str, cpu: float, memory: float, tasks: int) -> tuple[Metric, ...]:
    of, insights = _ecs(service), "ECS/ContainerInsights"
    return (
        Metric(service, "cpu", "AWS/ECS", "CPUUtilization", of, cpu, unit="Percent"),
        Metric(service, "memory", "AWS/ECS", "MemoryUtilization", of, memory, 0.02, "Percent"),
        Metric(service, "tasks", insights, "RunningTaskCount", of, tasks, 0.0, "Count", whole=True),
    )


_ALB: Dimensions = (("LoadBalancer", LOAD_BALANCER), ("TargetGroup", "targetgroup/checkout-api/73e2d6bc24d8a067"))
_STAGING = "staging-checkout-api"

CHECKOUT = Service(
    "checkout-api",
    "checkout",
    (
        *_ecs_metrics("checkout-api", 38.0, 52.0, 4),
        Metric("checkout-api", "requests", "AWS/ApplicationELB", "RequestCount", _ALB, 42.0, 0.08, "Count", True),
        Metric(
            "checkout-api", "errors", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", _ALB, 0.03, 0.5, "Count", True
        ),
        Metric("checkout-api", "latency", "AWS/ApplicationELB", "TargetResponseTime", _ALB, 0.18, 0.1, "Seconds"),
        Metric(
            _STAGING, "cpu", "AWS/ECS", "CPUUtilization", _ecs("checkout-api", "shop-staging"), 12.0, unit="Percent"
        ),
    ),
    (
        Watched(
            "prod-checkout-api-5xx-critical",
            "checkout-api/errors",
            "Customers get errors when they pay.",
            ">",
            50,
            "Sum",
        ),
        Watched(
            "prod-checkout-api-latency-high", "checkout-api/latency", "Paying takes too long (p99).", ">", 2, "p99"
        ),
        Watched("prod-checkout-api-cpu-medium", "checkout-api/cpu", "The checkout tasks are busy.", ">", 85),
        Watched(
            "prod-checkout-api-memory-critical",
            "checkout-api/memory",
            "The checkout tasks are about to be killed.",
            ">",
            90,
        ),
        Watched("staging-checkout-api-cpu-low", f"{_STAGING}/cpu", "Staging is busy; nobody minds.", ">", 90),
    ),
)
SEARCH = Service(
    "search-api",
    "discovery",
    (
        *_ecs_metrics("search-api", 44.0, 55.0, 3),
        Metric(
            "search-api", "latency", "Shop/Search", "QueryTime", (("Service", "search-api"),), 0.09, 0.08, "Seconds"
        ),
    ),
    (
        Watched("prod-search-api-cpu-medium", "search-api/cpu", "The search tasks are busy.", ">", 80, periods=1),
        Watched(
            "prod-search-api-memory-critical", "search-api/memory", "The search tasks are about to be killed.", ">", 90
        ),
    ),
)
PAYMENTS = Service(
    "payments-worker",
    "payments",
    (
        *_ecs_metrics("payments-worker", 25.0, 41.0, 2),
        Metric(
            "payments-worker",
            "backlog",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            (("QueueName", WORK_QUEUE),),
            6,
            0.4,
            "Count",
            whole=True,
        ),
        Metric(
            "payments-worker",
            "age",
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            (("QueueName", WORK_QUEUE),),
            4,
            0.3,
            "Seconds",
        ),
        Metric(
            "payments-worker",
            "dlq",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            (("QueueName", WORK_DLQ),),
            0,
            0.0,
            "Count",
            whole=True,
        ),
    ),
    (
        Watched(
            "prod-payments-worker-tasks-critical",
            "payments-worker/tasks",
            "Nobody takes payments: no task runs.",
            "<",
            1,
            "Minimum",
            missing="breaching",
        ),
        Watched(
            "prod-payments-worker-dlq-high",
            "payments-worker/dlq",
            "Payments could not be taken and were put aside.",
            ">=",
            10,
            "Maximum",
        ),
        Watched(
            "prod-payments-worker-age-medium", "payments-worker/age", "Payments wait too long.", ">", 300, "Maximum"
        ),
    ),
)
CATALOG = Service(
    "catalog-db",
    "platform",
    tuple(
        Metric("catalog-db", key, "AWS/RDS", name, (("DBInstanceIdentifier", "catalog-db"),), normal, noise, unit)
        for key, name, normal, noise, unit in (
            ("cpu", "CPUUtilization", 31.0, 0.08, "Percent"),
            ("connections", "DatabaseConnections", 64.0, 0.1, "Count"),
            ("storage", "FreeStorageSpace", 84e9, 0.001, "Bytes"),
        )
    ),
    (
        Watched("prod-catalog-db-cpu-high", "catalog-db/cpu", "The catalogue's database is busy.", ">", 85),
        Watched(
            "prod-catalog-db-connections-high",
            "catalog-db/connections",
            "The database runs out of connections.",
            ">",
            180,
        ),
        Watched(
            "prod-catalog-db-storage-critical", "catalog-db/storage", "The database's disk is nearly full.", "<", 5e9
        ),
    ),
)
SERVICES = (CHECKOUT, SEARCH, PAYMENTS, CATALOG)

FLEET = (
    "accounts-api", "ads-api", "audit-writer", "basket-api", "billing-worker", "email-sender", "feed-importer",
    "fraud-check", "gift-cards", "image-resizer", "inventory-api", "invoices-api", "loyalty-api", "media-cdn",
    "orders-api", "price-engine", "profile-api", "ranking-worker", "recommendations", "refunds-worker",
    "reviews-api", "sessions-api", "shipping-api", "tax-service",
)  # fmt: skip
FLEET_METRICS = (
    ("cpu", "medium"), ("memory", "medium"), ("latency", "high"), ("5xx", "high"), ("4xx", "low"),
    ("queue", "medium"), ("throttles", "low"), ("connections", "high"), ("timeouts", "medium"), ("errors", "high"),
)  # fmt: skip
LAST_OF_STORM = "prod-edge-gateway-availability-critical"


def fleet() -> list[tuple[Metric, Watched]]:
    """The services around the shop, which only a storm shows: ten alarms each, and the gateway before them all."""
    made = [
        _fleet_alarm(service, key, f"prod-{service}-{key}-{severity}")
        for service in FLEET
        for key, severity in FLEET_METRICS
    ]
    return [*made, _fleet_alarm("edge-gateway", "availability", LAST_OF_STORM)]


def _fleet_alarm(service: str, key: str, name: str) -> tuple[Metric, Watched]:
    metric = Metric(service, key, "Shop/Fleet", key, (("Service", service),), 20.0, 0.1)
    return metric, Watched(name, metric.id, f"{service}: {key} is out of bounds.", ">", 80, periods=1)
