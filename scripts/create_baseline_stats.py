"""Learns what is usual for each service of the config file, from weeks of CloudWatch metrics.

For every metric and hour of the week it writes mean, standard deviation, p50, p90 and p99, as a line of JSON each
(bot.baselines.Baseline). The metrics of a service are those of the alarms that are about it, by the same rules as in
triage, and those that every service of its kind has. Reads only: cloudwatch:DescribeAlarms, cloudwatch:GetMetricData.

examples:
  python scripts/create_baseline_stats.py --dry-run               what would be read, and what it costs
  python scripts/create_baseline_stats.py                         all services, four weeks
  python scripts/create_baseline_stats.py --service checkout-api --weeks 2
  python scripts/create_baseline_stats.py --metric '*CPU*' --output /tmp/cpu.jsonl

Stopped (Ctrl-C, a refusal, a network that is gone), it goes on where it was when it is run again the same way.

environment: CONFIG_FILE (config.yml), AWS_REGION, AWS_ENDPOINT_URL; credentials by boto3's own rules. Where
DATABASE_URL is set, the bot's database gets the baselines as well, and the bot uses them at once.
exit codes: 0 done · 1 AWS refused or can't be reached · 2 wrong argument or setting · 130 stopped by Ctrl-C
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # started as a file, Python looks in scripts/ only

from pydantic import ValidationError

from bot.baselines import Baseline, Point, baselines_from, with_zeros
from bot.config import Config
from bot.errors import CloudError, SettingsError, StoreError
from bot.integrations.aws.baselines import PERIOD, CloudWatch, Series, Span, TooMuchError, bill, series
from bot.integrations.aws.clients import Clients
from bot.settings import load_config
from bot.store.sqlite import SqliteStore
from scripts.progress import Bar, Partial

ROOT = Path(__file__).resolve().parents[1]
EXIT_AWS, EXIT_USAGE, EXIT_STOPPED = 1, 2, 130
WEEKS = (1, 8)  # CloudWatch keeps points of five minutes for 63 days
MAX_CALLS = 1000


class Work(NamedTuple):
    """Which metrics of which services are read, where and over which weeks."""

    config: Config
    places: Mapping[str, str]
    found: Series
    span: Span

    def left(self, done: Sequence[str]) -> Series:
        return {name: metrics for name, metrics in self.found.items() if name not in done}


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        return _run(given)
    except TooMuchError as error:
        return _complain(f"error: {error}; what was read is kept, run it again to go on", EXIT_USAGE)
    except (SettingsError, StoreError, OSError) as error:
        return _complain(f"error: {error}", EXIT_USAGE)
    except CloudError as error:
        return _complain(f"error: {error}. What was read is kept: run it again to go on.", EXIT_AWS)
    except KeyboardInterrupt:
        return _complain("stopped; what was read is kept: run it again to go on", EXIT_STOPPED)


def _run(given: argparse.Namespace) -> int:
    config = _config()
    services = _chosen(config, given.service)
    _database()
    _read(given.output)  # what can't be written in the end is told before anything is paid for
    with closing(Clients(os.environ.get("AWS_REGION") or None, os.environ.get("AWS_ENDPOINT_URL") or None)) as clients:
        aws = CloudWatch(clients, given.max_calls)
        places = {name: config.services[name].region or clients.region for name in services}
        partial = Partial(given.output, {"weeks": given.weeks, "metric": given.metric}, now=datetime.now(UTC))
        span = Span(partial.until - timedelta(weeks=given.weeks), partial.until)
        work = Work(config, places, series(config, places, aws, given.metric), span)
        planned = _plan(work, partial.services, aws)
        if given.dry_run:
            return 0
        if planned > given.max_calls:
            raise SettingsError(
                f"--max-calls allows {given.max_calls}: read less with --service, --metric, or allow more"
            )
        _learn(work, partial, aws)
    written = _write(given.output, partial.baselines, _relearned(work.found, given.metric))
    stored = _store(partial.baselines)
    partial.done()
    print(f"{given.output}: {written} baselines of {len(work.found)} services")
    if stored:
        print(f"{stored}: the same")
    print(f"it took {aws.bill}")
    return 0


def _plan(work: Work, done: Sequence[str], aws: CloudWatch) -> int:
    """Tell what will be read and its price, before anything is paid for; the number of calls."""
    span = work.span
    print(f"{span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC, a point every {PERIOD // 60} minutes")
    for name, metrics in work.found.items():
        print(f"{name}: {len(metrics)} metrics{', read already' if name in done else ''}")
        for each in metrics:
            print(f"  {each.key}")
        if not metrics:
            print("  no alarm is about it that fits, and the config file names no cluster, load_balancer or function")
    sizes = [len(metrics) for metrics in work.left(done).values()]
    calls = sum(span.calls(size) for size in sizes)
    print(f"this takes {bill(aws.alarm_calls, calls, sum(sizes))}")
    return aws.alarm_calls + calls


def _learn(work: Work, partial: Partial, aws: CloudWatch) -> None:
    """Service by service, so that little is in memory and little is lost."""
    left, span = work.left(partial.services), work.span
    with Bar("metrics", sum(map(len, left.values()))) as bar:
        for name, metrics in left.items():
            points: list[Point] = []
            for start in range(0, len(metrics), span.batch):
                batch = metrics[start : start + span.batch]
                points += aws.points(name, work.places[name], batch, span)
                bar.add(len(batch), name)
            partial.add(name, baselines_from(with_zeros(points, metrics, span.times), work.config.zone(name)))


def _relearned(found: Series, wanted: str) -> Iterator[tuple[str, str]]:
    """Which old baselines make room: a whole service (no metric is named), or the metrics that were asked for."""
    for name, metrics in found.items():
        yield from ((name, each.key) for each in metrics) if wanted else [(name, "")]


def _write(output: Path, new: Sequence[Baseline], relearned: Iterable[tuple[str, str]]) -> int:
    """Replace what was learned anew, keep the rest of the file; all or nothing."""
    gone = {*relearned, *((each.service, each.metric) for each in new)}
    kept = [each for each in _read(output) if not {(each.service, each.metric), (each.service, "")} & gone]
    lines = sorted([*kept, *new], key=lambda each: (each.service, each.metric, each.hour_of_week))
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = output.with_name(output.name + ".new")
    beside.write_text("".join(each.model_dump_json() + "\n" for each in lines), encoding="utf-8")
    beside.replace(output)
    return len(new)


def _read(output: Path) -> list[Baseline]:
    if not output.exists():
        return []
    lines = output.read_text(encoding="utf-8").splitlines()
    try:
        return [Baseline.model_validate_json(line) for line in lines if line.strip()]
    except ValidationError as error:
        raise SettingsError(f"{output}: holds something else than baselines; choose another --output") from error


def _database() -> str:
    """The bot's, where the environment names it."""
    address = os.environ.get("DATABASE_URL", "")
    if address and not address.startswith("sqlite:///"):
        raise SettingsError("DATABASE_URL must look like sqlite:///var/aiops.db")
    return address


def _store(found: Sequence[Baseline]) -> str:
    """Keep them where the bot looks; the address, empty where none is named."""
    address = _database()
    if address:
        with closing(SqliteStore(Path(address.removeprefix("sqlite:///")))) as store:
            for service in {each.service for each in found}:
                store.keep_baselines(service, [each for each in found if each.service == service])
    return address


def _config() -> Config:
    """The file that the bot reads; started elsewhere than in the repository's root, the one that lies there."""
    named = os.environ.get("CONFIG_FILE")
    if named:
        return load_config(Path(named), must_exist=True)
    here = Path("config.yml")
    return load_config(here if here.exists() else ROOT / here)


def _chosen(config: Config, names: Sequence[str]) -> list[str]:
    known = ", ".join(config.services)
    if not config.services:
        raise SettingsError("the config file lists no services: set CONFIG_FILE, or write services into config.yml")
    chosen = {name: config.known_service(name) for name in names}
    unknown = [name for name, found in chosen.items() if found is None]
    if unknown:
        raise SettingsError(f"--service {', '.join(unknown)}: not in the config file; there are {known}")
    return list(dict.fromkeys(found for found in chosen.values() if found)) or list(config.services)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--service", action="append", default=[], metavar="NAME", help="only this one; may stand several times")
    add("--weeks", type=_weeks, default=4, metavar="N", help=f"how far back, {WEEKS[0]} to {WEEKS[1]} (4)")
    add("--metric", default="", metavar="PART", help="only metrics with this in their key; * and ? stand for anything")
    add("--output", type=Path, default=ROOT / "var" / "baselines.jsonl", metavar="FILE", help="(var/baselines.jsonl)")
    add("--max-calls", type=_positive, default=MAX_CALLS, metavar="N", help=f"never more calls than this ({MAX_CALLS})")
    add("--dry-run", action="store_true", help="say what would be read and what it costs; read alarms only")
    return parser


def _weeks(text: str) -> int:
    if not text.isdecimal() or not WEEKS[0] <= int(text) <= WEEKS[1]:
        raise argparse.ArgumentTypeError(f"“{text}”: a number of weeks from {WEEKS[0]} to {WEEKS[1]}")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"“{text}”: a number from 1")
    return int(text)


def _complain(message: str, code: int) -> int:
    for line in message.splitlines():
        print(line, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
