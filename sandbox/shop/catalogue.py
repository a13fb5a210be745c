"""What the shop runs: its services, what is measured about them, and the alarms on that."""

from sandbox.shop.kinds import Dimensions, Metric, Service, Watched

CLUSTER = "shop-prod"
LOAD_BALANCER = "app/shop-prod/50dc6c495c0c9188"
WORK_QUEUE = "payments-work"
WORK_DLQ = "payments-work-dlq"
STOREFRONT = "app/storefront/8f2b6d1a9c3e4750"
WEBHOOK = "checkout-webhook"
WEBHOOK_ALIAS = "live"
WORKERS = "batch-workers"
ORDERS = "orders-db"
FLAW = "FEATURE_X"  # the environment variable of a version that fails
RUNBOOKS = "https://wiki.example.com/runbooks"
COMPOSITE = "prod-checkout-api-health-critical"


def _ecs(service: str, cluster: str = CLUSTER) -> Dimensions:
    return ("ClusterName", cluster), ("ServiceName", service)


def _ecs_metrics(service: str, cpu: float, memory: float, tasks: int) -> tuple[Metric, ...]:
    of, insights = _ecs(service), "ECS/ContainerInsights"
    return (
        Metric(service, "cpu", "AWS/ECS", "CPUUtilization", of, cpu, unit="Percent", busy=True),
        Metric(service, "memory", "AWS/ECS", "MemoryUtilization", of, memory, 0.02, "Percent"),
        Metric(service, "tasks", insights, "RunningTaskCount", of, tasks, 0.0, "Count", whole=True),
    )


_ALB: Dimensions = (("LoadBalancer", LOAD_BALANCER), ("TargetGroup", "targetgroup/checkout-api/73e2d6bc24d8a067"))
_STAGING = "staging-checkout-api"


def _counted(key: str, name: str, normal: float, noise: float) -> Metric:
    """What the load balancer counts for checkout-api."""
    return Metric("checkout-api", key, "AWS/ApplicationELB", name, _ALB, normal, noise, "Count", True, busy=True)


CHECKOUT = Service(
    "checkout-api",
    "checkout",
    (
        *_ecs_metrics("checkout-api", 38.0, 52.0, 4),
        _counted("requests", "RequestCount", 42.0, 0.08),
        _counted("errors", "HTTPCode_Target_5XX_Count", 0.03, 0.5),
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
            "Maximum",
        ),
        Watched("staging-checkout-api-cpu-low", f"{_STAGING}/cpu", "Staging is busy; nobody minds.", ">", 90),
    ),
)
_SEARCH: Dimensions = (("Service", "search-api"),)
SEARCH = Service(
    "search-api",
    "discovery",
    (
        *_ecs_metrics("search-api", 44.0, 55.0, 3),
        Metric("search-api", "latency", "Shop/Search", "QueryTime", _SEARCH, 0.09, 0.08, "Seconds"),
        Metric("search-api", "requests", "Shop/Search", "Queries", _SEARCH, 65.0, 0.08, "Count", True, busy=True),
        Metric("search-api", "errors", "Shop/Search", "Errors", _SEARCH, 0.0, 0.0, "Count", True),
    ),
    (
        Watched("prod-search-api-cpu-medium", "search-api/cpu", "The search tasks are busy.", ">", 80, periods=1),
        Watched(
            "prod-search-api-memory-critical",
            "search-api/memory",
            "The search tasks are about to be killed.",
            ">",
            90,
            "Maximum",
            periods=3,
        ),
        Watched("prod-search-api-errors-high", "search-api/errors", "Searches fail.", ">=", 1, "Sum", periods=1),
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
_CATALOG: Dimensions = (("DBInstanceIdentifier", "catalog-db"),)
CATALOG = Service(
    "catalog-db",
    "platform",
    tuple(
        Metric("catalog-db", key, "AWS/RDS", name, _CATALOG, normal, noise, unit, busy=key != "storage")
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
WEBHOOKS = Service(
    WEBHOOK,
    "checkout",
    tuple(
        Metric(
            WEBHOOK,
            key,
            "AWS/Lambda",
            name,
            (("FunctionName", WEBHOOK), ("Resource", f"{WEBHOOK}:{WEBHOOK_ALIAS}")),
            normal,
            0.1,
            "Count",
            True,
            busy=True,
        )
        for key, name, normal in (("invocations", "Invocations", 8.0), ("errors", "Errors", 0.0))
    ),
    (Watched("prod-checkout-webhook-errors-critical", f"{WEBHOOK}/errors", "Webhooks fail.", ">", 30, "Sum"),),
)
BATCH = Service(
    WORKERS,
    "platform",
    (Metric(WORKERS, "cpu", "AWS/EC2", "CPUUtilization", (("AutoScalingGroupName", WORKERS),), 48.0, unit="Percent"),),
    (Watched("prod-batch-workers-cpu-high", f"{WORKERS}/cpu", "The batch workers are busy.", ">", 90),),
)
EDGE = Service(
    "storefront",
    "web",
    (
        Metric(
            "storefront",
            "errors",
            "AWS/ApplicationELB",
            "HTTPCode_ELB_5XX_Count",
            (("LoadBalancer", STOREFRONT),),
            0.02,
            0.5,
            "Count",
            True,
            busy=True,
        ),
    ),
    (Watched("prod-storefront-5xx-critical", "storefront/errors", "The shop's pages fail.", ">", 100, "Sum"),),
)
ORDERS_DB = Service(
    ORDERS,
    "platform",
    (
        Metric(
            ORDERS,
            "commit",
            "AWS/RDS",
            "CommitLatency",
            (("DBClusterIdentifier", ORDERS), ("Role", "WRITER")),
            6.0,
            0.1,
            "Milliseconds",
        ),
    ),
    (Watched("prod-orders-db-commit-critical", f"{ORDERS}/commit", "Orders are written too slowly.", ">", 500),),
)
IN_ECS = (CHECKOUT, SEARCH, PAYMENTS)
SERVICES = (*IN_ECS, CATALOG, WEBHOOKS, BATCH, EDGE, ORDERS_DB)

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
