"""From a click to the report and from a click to AWS; what an investigation costs; and that all happens once."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.client import Json, Keyboard, Seen
from benchmarks.once import CLICKS, RUNS, once
from benchmarks.report import Report, middle, percentile, spread
from benchmarks.world import OURS, World, started, world
from bot.integrations.aws.evidence.prices import price
from bot.models import Investigation

ANSWER = 0.15  # seconds that every AWS call takes
DEADLINE = 4.0
HANGS = 3 * DEADLINE
LOOKS, HANGING_LOOKS, RUNS_IT = 12, 2, 6
WARM_UP = 2
PACE = 3.0  # the bot posts about once a second in a channel, and the shop's alarms change meanwhile
SETTLED = 15.0
ROLLOUT = 90.0
SERVICE = "checkout-api"
# What the call log can't count: metrics in the one call, 1 GB of logs in the window and the hour before, 2,000 traces.
UNITS = {"cloudwatch:GetMetricData": 7.0, "logs:StartQuery": 1.0, "xray:GetTraceSummaries": 2000.0}


def fixes(report: Report) -> None:
    """A shop whose deployment was bad, in an AWS of its own; the bot is a process, and a person clicks."""
    logging.getLogger("bot").setLevel(logging.ERROR)
    with _place() as place:
        card = place.broken()
        _looked(report, place, card)
        _hanging(report, place, card)
        _run(report, place)
    _once(report)


class Place:
    """The person's Slack, the AWS behind the bot, and the bot's own notes."""

    def __init__(self, slack: World, aws: Keyboard, caller: str, database: Path) -> None:
        self.slack, self.aws, self._caller, self._database = slack, aws, caller, database
        self.revisions = cycle((2, 3))  # the one before the bad deployment, and the bad one

    def broken(self) -> Json:
        """The card of the first alert that can be looked into, once the alarms have settled."""
        self.aws.post("/sandbox-aws/shop/break", scenario="bad-deploy")
        card = self.slack.page.wait(lambda seen: _has(seen, "rca.run"), "the alert's card").message
        time.sleep(SETTLED)
        return card

    def fault(self, *faults: Json) -> None:
        """From now on; the first that fits counts."""
        self.aws.post("/sandbox-aws/faults/clear")
        for each in faults:
            self.aws.post("/sandbox-aws/fault", kind="delay", times=None, caller=self._caller, **each)

    def calls(self, since: int, **wanted: str) -> list[Json]:
        named = "".join(f"&{name}={value}" for name, value in {"caller": self._caller, **wanted}.items())
        return list(self.aws.get(f"/sandbox-aws/log?since={since}{named}")["calls"])

    def calls_so_far(self) -> int:
        return int(self.aws.get(f"/sandbox-aws/log?since={2**40}")["n"])

    def newest(self) -> Investigation:
        return Investigation.model_validate_json(self._row("SELECT data FROM investigations ORDER BY number DESC"))

    def is_free(self) -> bool:
        return '"running":' not in self._row("SELECT data FROM guards") and '"status":"running"' not in self._row(
            "SELECT data FROM remediations ORDER BY number DESC"
        )

    def _row(self, sql: str) -> str:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            found = connection.execute(f"{sql} LIMIT 1").fetchone()
        return str(found[0]) if found else ""


@contextmanager
def _place() -> Iterator[Place]:
    with world() as slack:
        config, database = slack.folder / "shop.yml", slack.folder / "fixes.db"
        with started(("benchmarks.peers.shop", str(config)), {}, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            environment = json.loads(process.stdout.readline())
            _calm(config)
            more = {**environment, "CONFIG_FILE": str(config)}
            aws = Keyboard(environment["AWS_ENDPOINT_URL"])
            with closing(aws), slack.bot(OURS, database, more):
                yield Place(slack, aws, environment["AWS_ACCESS_KEY_ID"], database)


def _calm(file: Path) -> None:
    """Nothing is looked into or verified but what is measured, and rollbacks may follow each other."""
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    config["investigation"] = {"by_itself": False, "deadline": f"{DEADLINE:.0f}s"}
    config["remediation"] = {"cool_down": "1s", "per_hour": 60, "verify": "1h"}
    file.write_text(yaml.safe_dump(config), encoding="utf-8")


# -- root cause


class Look(NamedTuple):
    """One click on Root cause: seconds until the report is seen, how the sources answered, and the calls."""

    seconds: float
    found: Investigation
    calls: Counter[str]

    @property
    def slowest(self) -> float:
        assert self.found.evidence is not None
        return max(each.seconds for each in self.found.evidence.asked)


def _look(place: Place, card: Json) -> Look:
    time.sleep(PACE)
    place.slack.page.forget()
    before, begun = place.calls_so_far(), time.perf_counter()
    place.slack.click(card, "rca.run")
    seen = place.slack.page.wait(lambda each: _has(each, "rca.evidence"), "the report")
    found = place.newest()
    actions = Counter(str(each["action"]) for each in place.calls(before) if not _of_intake(each))
    return Look(seen.at - begun, found, actions)


def _of_intake(call: Json) -> bool:
    """Alarms go on being received, and events put, while somebody looks."""
    return call["service"] in ("sqs", "events", "sns") or call["operation"] in ("ListTagsForResource", "DescribeAlarms")


def _looked(report: Report, place: Place, card: Json) -> None:
    place.fault({"service": "*", "seconds": ANSWER})
    for _ in range(WARM_UP):
        _look(place, card)
    looks = [_look(place, card) for _ in range(LOOKS)]
    seconds, over = [each.seconds for each in looks], [each.seconds - each.slowest for each in looks]
    calls = [sum(each.calls.values()) for each in looks]
    services = Counter(each.partition(":")[0] for each in looks[-1].calls.elements())
    told = ", ".join(f"{count} {service}" for service, count in sorted(services.items()))
    units = {**looks[-1].calls, **UNITS}
    slow = f"at {ANSWER * 1000:.0f} ms a call"
    report.row(f"Root cause {slow}: click → report seen, s, p50 / p99", {OURS.name: spread(seconds)})
    report.row(f"Root cause {slow}: the slowest source, s, p50 / p99", {OURS.name: spread([e.slowest for e in looks])})
    report.row(f"AWS calls an investigation ({told})", {OURS.name: f"{middle(calls):.0f}"})
    report.row("1,000 investigations, $, list price", {OURS.name: f"{1000 * price(units):.2f}"})
    report.aim(f"Root cause {slow}: click → report seen, p99", percentile(seconds, 99), 2.0, " s")
    report.aim(f"Root cause {slow}: beyond the slowest source, p99", percentile(over, 99), 0.5, " s")


def _hanging(report: Report, place: Place, card: Json) -> None:
    place.fault({"service": "xray", "seconds": HANGS}, {"service": "*", "seconds": ANSWER})
    looks = [_look(place, card) for _ in range(HANGING_LOOKS)]
    worst = max(each.seconds for each in looks)
    report.row(f"X-Ray hangs, deadline {DEADLINE:.0f} s: click → report seen, s, worst", {OURS.name: f"{worst:.2f}"})
    report.aim("X-Ray hangs: beyond the deadline, worst", worst - DEADLINE, 0.5, " s")


# -- run it


def _run(report: Report, place: Place) -> None:
    """Back and forth between two revisions: without a delay, then with 150 ms a call."""
    for seconds, words in ((0.0, "Run it"), (ANSWER, f"Run it at {ANSWER * 1000:.0f} ms a call")):
        place.fault(*([{"service": "*", "seconds": seconds}] if seconds else []))
        _clicked(place)
        spent = [_clicked(place) for _ in range(RUNS_IT)]
        report.row(f"{words}: click → UpdateService in AWS, ms, p50 / p99", {OURS.name: spread(spent)})
        report.aim(f"{words}: click → UpdateService, p50", middle(spent), 300, " ms")
    place.fault()


def _clicked(place: Place) -> float:
    """Milliseconds from the click to the moment when the call arrives."""
    time.sleep(PACE)
    place.slack.page.forget()
    place.slack.send(f"/incident rollback {SERVICE} {next(place.revisions)}")
    plan = place.slack.page.wait(lambda seen: _has(seen, "remediation.approve"), "the plan").message
    before, begun = place.calls_so_far(), time.time()
    place.slack.click(plan, "remediation.approve")
    call = _until(lambda: next(iter(place.calls(before, operation="UpdateService")), None), "UpdateService")
    _until(place.is_free, "the end of the rollback")
    return float(call["at"] - begun) * 1000


def _until(look: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + ROLLOUT
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.02)
    raise TimeoutError(f"waited {ROLLOUT} s for {what}")


def _has(seen: Seen, action: str) -> bool:
    return seen.kind == "message" and f'"{action}"' in json.dumps(seen.message.get("blocks") or [])


# -- once


def _once(report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="aiops-bench-") as folder:
        begun = time.perf_counter()
        outcomes = once(Path(folder))
        spent = time.perf_counter() - begun
    report.row(f"{RUNS} × {CLICKS} clicks at once in two processes, s", {OURS.name: f"{spent:.1f}"})
    calls = f"{outcomes.aws.calls} / {outcomes.executions}"
    report.row("the same, every tenth answer lost: calls / executions in AWS", {OURS.name: calls})
    off = abs(outcomes.executions - RUNS) + abs(outcomes.started - RUNS) + outcomes.unanswered
    report.aim(f"{RUNS} × {CLICKS} clicks: executions, starts or answers too many or too few", off, 0)
