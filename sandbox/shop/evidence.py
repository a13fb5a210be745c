"""What the services leave behind: lines in their log groups and traces, as their own code would write them."""

import json
import random
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sandbox.aws.clock import CLOCK
from sandbox.shop.catalogue import IN_ECS, WEBHOOK
from sandbox.shop.compute import log_group

if TYPE_CHECKING:
    from sandbox.shop.shop import Shop

Json = dict[str, Any]
SEED = 4711
ERRORS_MAX = 12  # lines about errors, of one service in one tick
TRACES = 4
TRACED = ("checkout-api", "search-api")

CURRENCY = """ERROR checkout.payments request_id={id} customer=jane.doe{n}@example.com payment failed
Traceback (most recent call last):
  File "/app/checkout/payments.py", line 118, in charge
    amount = convert(cart.total, cart.settings["currency"])
KeyError: 'currency'"""
TOKEN = (
    "ERROR checkout.payments request_id={id} POST /v1/charges 500 "
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.dGhpcy1pcy1ub3QtcmVhbA "
    "api_key=not-a-real-key-4eC39HqLyjWDarjtT1zdp7dc"
)
TIMEOUT = """ERROR search.queries request_id={id} query took too long
Traceback (most recent call last):
  File "/app/search/engine.py", line 64, in run
    return self.pool.wait(query, timeout=2.0)
TimeoutError: query {n} was not answered within 2.0 s"""
DATABASE = (
    "WARN {service} request_id={id} slow query on catalog-db.internal:5432: SELECT * FROM products took {seconds:.2f} s"
)
REFUSED = "ERROR {service} request_id={id} ConnectionError: connection to catalog-db.internal:5432 timed out"
INDEX = """ERROR search.queries request_id={id} could not rank results
Traceback (most recent call last):
  File "/app/search/rank.py", line 31, in rank
    return sorted(found, key=weights.__getitem__)
ValueError: no weight for locale 'xx-{n}'"""
MEMORY = "WARN search.cache used {percent:.0f}% of the task's memory; evicting nothing, entries are still referenced"
KILLED = "FATAL OutOfMemoryError: Container killed due to memory usage (exit code 137), task {task}"
HANDLER = """[ERROR] KeyError: 'signature'
Traceback (most recent call last):
  File "/var/task/webhook.py", line 22, in handle
    verify(event["headers"]["signature"])"""
ROUTES = {"checkout-api": "POST /checkout", "search-api": "GET /search", "payments-worker": "job payment"}


class Evidence:
    """Written tick by tick, through the same APIs as anybody's."""

    def __init__(self, shop: "Shop") -> None:
        self._shop = shop
        self._random = random.Random(SEED)
        self._streams: set[tuple[str, str]] = set()

    def tick(self) -> None:
        for service in IN_ECS:
            self._log(service.name)
        if self._shop.server.traces.on:
            self._shop.aws.xray.put_trace_segments(
                TraceSegmentDocuments=[json.dumps(d) for name in TRACED for d in self._traces(name)]
            )

    def function_failed(self) -> None:
        self.write(f"/aws/lambda/{WEBHOOK}", "2026/11/22/[3]live", [HANDLER] * 3)

    def killed(self, service: str, task: str) -> None:
        self.write(log_group(service), f"app/app/{task}", [KILLED.format(task=task)])

    def write(self, group: str, stream: str, lines: list[str]) -> None:
        if (group, stream) not in self._streams:
            self._shop.aws.logs.create_log_stream(logGroupName=group, logStreamName=stream)
            self._streams.add((group, stream))
        at = int(CLOCK.now() * 1000)
        events = [{"timestamp": at + n, "message": line} for n, line in enumerate(lines)]
        self._shop.aws.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def _log(self, name: str) -> None:
        running = self._shop.production.running(name)
        if not running:
            return
        task = self._random.choice(running)
        self.write(log_group(name), f"app/app/{task.id}", [*self._ordinary(name), *self._trouble(name)])

    def _ordinary(self, name: str) -> Iterator[str]:
        for _ in range(2):
            milliseconds = self._random.randint(20, 220)
            yield f"INFO {name} request_id={_id()} {ROUTES[name]} 200 {milliseconds} ms"

    def _trouble(self, name: str) -> Iterator[str]:
        production = self._shop.production
        trouble, share = production.trouble(name), production.flawed_share(name)
        chance = self._random
        if share:
            for n in range(round(ERRORS_MAX * share)):
                yield (TOKEN if n % 5 == 4 else CURRENCY).format(id=_id(), n=chance.randint(10, 99))
        if trouble.failing:
            for _ in range(ERRORS_MAX // 2):
                yield TIMEOUT.format(id=_id(), n=chance.randint(100, 999))
        for _ in range(trouble.few):
            yield INDEX.format(id=_id(), n=chance.randint(10, 99))
        if trouble.slow:
            yield from (DATABASE.format(service=name, id=_id(), seconds=trouble.slow + chance.random()) for _ in "ab")
            yield REFUSED.format(service=name, id=_id())
        leaks = [production.leaked(name, t) for t in production.running(name)]
        if any(leaks):
            yield MEMORY.format(percent=min(55 + max(leaks), 99))

    # Traces

    def _traces(self, name: str) -> Iterator[Json]:
        production, now = self._shop.production, CLOCK.now()
        running = production.running(name)
        if not running:
            return
        trouble = production.trouble(name)
        failing = production.flawed_share(name) * 0.5 + (0.5 if trouble.failing else 0.0)
        latency = self._shop.latency(name)
        for n in range(TRACES):
            fault = n < failing * TRACES
            yield _segment(name, now - latency, latency, trouble.slow, fault=fault)


def _segment(name: str, start: float, latency: float, slow: float, *, fault: bool) -> Json:
    """One request, and its call of the database in it."""
    method, path = ROUTES[name].split(" ", 1)
    inner = slow + 0.2 * min(latency, 0.2)
    trouble = {"exceptions": [{"id": uuid.uuid4().hex[:16], "type": "KeyError", "message": "'currency'"}]}
    return {
        "trace_id": f"1-{int(start):08x}-{uuid.uuid4().hex[:24]}",
        "id": uuid.uuid4().hex[:16],
        "name": name,
        "origin": "AWS::ECS::Fargate",
        "start_time": start,
        "end_time": start + latency,
        "fault": fault,
        "error": False,
        "http": {
            "request": {"method": method, "url": f"https://shop.example.com{path}"},
            "response": {"status": 500 if fault else 200},
        },
        "annotations": {"service": name},
        **({"cause": trouble} if fault else {}),
        "subsegments": [
            {
                "id": uuid.uuid4().hex[:16],
                "name": "catalog-db",
                "namespace": "remote",
                "start_time": start,
                "end_time": start + min(inner, latency),
            }
        ],
    }


def _id() -> str:
    return uuid.uuid4().hex[:12]
