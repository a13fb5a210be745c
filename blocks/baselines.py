"""What is usual for a service: the table of what is expected now, and the message about learning it anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from blocks.alert_numbers import measured, quantities, unit
from blocks.rich import Line, bold, bullets, flat, moment, own, rich, user, words
from blocks.text import MESSAGE_TEXT, Block, clip, clip_markup, context, one_line
from bot.baselines import COUNTS, Baseline
from bot.models import Message
from bot.signals import Alarm, AlarmKind

_ROWS, _NEWS, _SILENT = 25, 15, 5
_NAME = 44
_COLUMNS = ("metric", "usual now", "9 of 10 below", "samples")
_DAY = "{date_short_pretty}"


class Outcome(NamedTuple):
    """What was learned: what moved (metric, mean before, mean now), how many others did not, which had no points."""

    news: Sequence[tuple[str, float | None, float | None]]
    others: int
    silent: Sequence[str]
    since: datetime
    until: datetime
    bill: str


# -- what is known


def shown(service: str, found: Sequence[Baseline], now: datetime) -> Message:
    """The table, for whoever asked."""
    if not found:
        text = f"Nothing is known yet of what is usual for {one_line(service)}. /incident baseline update learns it."
        return _message([[own(text)]])
    head: Line = [own("Usual for "), words(service, 80), own(" at this hour of the week, "), moment(now), own(":")]
    names = _names([each.metric for each in found])
    rows = [_COLUMNS, *(_row(each, names[each.metric]) for each in found[:_ROWS])]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_COLUMNS))]
    table = "\n".join(_padded(row, widths) for row in rows)
    notes = [f"{len(found) - _ROWS} more metrics are known"] if len(found) > _ROWS else []
    notes += [f"from {basis}" for basis in dict.fromkeys(each.basis.value for each in found)]
    text = clip_markup(f"{flat(head)}\n{flat([own(table)])}", MESSAGE_TEXT)
    return Message(text, [rich(head), _code(table), context(" · ".join(notes))])


def _row(one: Baseline, name: str) -> tuple[str, str, str, str]:
    alarm = _alarm(one.metric)
    mean, deviation, p90 = quantities((one.mean, one.deviation, one.p90), unit(alarm))
    per = "/min" if alarm.statistic in COUNTS else ""
    usual = f"{mean.partition(' ')[0]} ± {deviation}"
    return clip(name, _NAME), f"{usual}{per}", f"{p90}{per}", str(one.samples)


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(row, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)])


# -- learning it anew


def learning(service: str, by: str, done: int = 0, of: int = 0) -> Message:
    how_far = f": {done} of {of} metrics read" if of else "; this takes a minute at most"
    return _message([[own("📐 Learning what is usual for "), words(service, 80), own(", asked by "), user(by),
                      own(f"{how_far} …")]])  # fmt: skip


def not_learned(service: str, by: str, problem: str) -> Message:
    head: Line = [own("⚠ What is usual for "), words(service, 80), own(" could not be learned, asked by "), user(by)]
    return _message([[*head, own(": "), words(problem, 600), own(" What was known before still holds.")]])


def learned(service: str, by: str, outcome: Outcome) -> Message:
    """What changed, what did not, and what was not there."""
    head: Line = [own("📐 Learned what is usual for "), bold(one_line(service)[:80]), own(", asked by "), user(by),
                  own(", from "), moment(outcome.since, _DAY), own(" to "), moment(outcome.until, _DAY),
                  own(f". {_counted(outcome)}")]  # fmt: skip
    names = _names([*(metric for metric, _, _ in outcome.news), *outcome.silent])
    news = [_moved(metric, names[metric], *means) for metric, *means in outcome.news[:_NEWS]]
    silent = ", ".join(names[each] for each in outcome.silent[:_SILENT])
    more = f"no datapoints: {silent}" if silent else ""
    notes = " · ".join(part for part in (more, outcome.bill) if part)
    blocks = [rich(head), *([bullets(*news)] if news else []), context(clip(notes, 1000))]
    text = "\n".join([flat(head), *(f"• {flat(line)}" for line in news)])
    return Message(clip_markup(text, MESSAGE_TEXT), blocks)


def _counted(outcome: Outcome) -> str:
    if not outcome.news and not outcome.others:
        return "No metric has any datapoints."
    if not outcome.news:
        return f"{outcome.others} metrics are as before."
    rest = f", {outcome.others} are as before" if outcome.others else ""
    return f"{len(outcome.news)} metrics are new or moved by a tenth or more{rest}. At this hour of the week:"


def _moved(metric: str, name: str, before: float | None, after: float | None) -> Line:
    alarm = _alarm(metric)
    was, is_ = quantities((before, after), unit(alarm))
    per = "/min" if alarm.statistic in COUNTS else ""
    change = f"{was} → {is_}{per}" if before is not None else f"{is_}{per}, not known before"
    return [words(name, 80), own(f" {change}")]


# -- metrics by their keys


def _alarm(key: str) -> Alarm:
    """As much of an alarm as names the metric: `AWS/ECS CPUUtilization Average ClusterName=shop,ServiceName=web`."""
    parts = key.split(" ")
    dimensions = parts.pop() if "=" in parts[-1] else ""
    namespace, name, statistic = parts[0], " ".join(parts[1:-1]), parts[-1]
    pairs = (pair.partition("=") for pair in dimensions.split(",") if pair)
    return Alarm(
        name=name or key,
        kind=AlarmKind.METRIC,
        namespace=namespace,
        metric=name,
        statistic=statistic,
        dimensions=tuple((name, value) for name, _, value in pairs),
    )


def _names(keys: Sequence[str]) -> dict[str, str]:
    """What people call each of them; of several with one name, with what tells them apart."""
    plain = {key: _name(key) for key in keys}
    return {key: f"{name}{_told_apart(key, [other for other in plain if plain[other] == name])}"
            for key, name in plain.items()}  # fmt: skip


def _name(key: str) -> str:
    alarm = _alarm(key)
    name = one_line(measured(alarm))
    is_usual = alarm.statistic in ("Average", *COUNTS) or alarm.statistic in name
    return name if is_usual else f"{alarm.statistic.lower()} {name}"


def _told_apart(key: str, alike: Sequence[str]) -> str:
    """The first of its dimensions that the others have not."""
    others = [dict(_alarm(other).dimensions) for other in alike if other != key]
    for name, value in _alarm(key).dimensions if others else ():
        if any(other.get(name) != value for other in others):
            return f" {one_line(value)}"
    return ""


def _code(text: str) -> Block:
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_preformatted", "elements": [own(text)]}],
    }


def _message(lines: Sequence[Line]) -> Message:
    text = "\n".join(flat(line) for line in lines)
    return Message(clip_markup(text, MESSAGE_TEXT), [rich(*lines)])
