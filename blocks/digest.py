"""The digest: what somebody who has ten seconds wants to know first, charts, then what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from blocks.ids import Action
from blocks.rich import Line, Piece, bold, bullets, own, rich, url, user, words
from blocks.text import (
    FIELD_TEXT,
    MESSAGE_TEXT,
    Block,
    button,
    clip,
    clip_markup,
    context,
    counted,
    foreign,
    header,
    mrkdwn,
    one_line,
    section,
)
from bot.durations import span
from bot.models import MAX_SERVICE, Message, Severity
from bot.models.digest import Bar, Count, Digest, Load, Named, NoisyAlarm, Overdue, Period, Sla, Times

_TITLE = 50  # https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block
_NAMES = 60
_WHAT = 150
_LISTED = 5
_TEN = 10  # fewer have no nine of ten: the value is then that of the slowest
_MINUTES_FROM = 600  # seconds that read better as minutes
_HOURS_FROM = 180  # minutes that read better as hours


def shown(digest: Digest) -> Message:
    """For the one who asked, with a button that posts it."""
    message = posted(digest)
    value = f"{digest.period.word} {clip(one_line(digest.service), MAX_SERVICE)}"
    post = {"type": "actions", "elements": [button("Post to channel", Action.DIGEST_POST, value)]}
    plainer = [*message.plainer, post] if message.plainer is not None else None
    return message._replace(blocks=[*message.blocks, post], plainer=plainer)


def posted(digest: Digest, by: str | None = None) -> Message:
    """For a channel; `by` asked for it. With charts, and without them for where Slack refuses those."""
    if digest.is_empty:
        line = f"*{_head(digest)}*: no incidents, no alerts, nothing overdue."
        return Message(line, [section(line)])
    first = [header(_title(digest)), {"type": "section", "fields": [mrkdwn(text) for text in numbers(digest)]}]
    charts = _charts(digest)
    rest = [*_lines(digest), context(_foot(digest, by))]
    plainer = [*first, *rest] if charts else None
    return Message(clip_markup(_text(digest), MESSAGE_TEXT), [*first, *charts, *rest], plainer)


# -- words


def title(period: Period) -> str:
    """`Incident digest · 16–22 Nov 2026 (week 47)`, or how many days, where they are no such week."""
    zone = ZoneInfo(period.zone)
    first = period.since.astimezone(zone).date()
    last = (period.until - timedelta.resolution).astimezone(zone).date()
    count = (last - first).days + 1
    is_week = first.weekday() == 0 and count == 7
    which = f"week {first.isocalendar().week}" if is_week else counted(count, "day")
    year = f" {last.year}" if first.year == last.year else ""
    return f"Incident digest · {days(first, last)}{year} ({which})"


def days(first: date, last: date) -> str:
    """`16–22 Nov`, `28 Sep – 4 Oct`, with years where they differ."""
    if first == last:
        return f"{last.day} {last:%b}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last.day} {last:%b}"
    if first.year == last.year:
        return f"{first.day} {first:%b} – {last.day} {last:%b}"
    return f"{first.day} {first:%b %Y} – {last.day} {last:%b %Y}"


def _title(digest: Digest) -> str:
    """For a header, which knows no markup."""
    return f"{title(digest.period)} · {digest.service}" if digest.service else title(digest.period)


def _head(digest: Digest) -> str:
    """For mrkdwn."""
    name = f" · {foreign(digest.service, _NAMES)}" if digest.service else ""
    return f"{title(digest.period)}{name}"


def numbers(digest: Digest) -> list[str]:
    """The four numbers that matter."""
    kept, *rest = in_time(digest.sla)
    return [
        clip_markup(text, FIELD_TEXT)
        for text in (
            f"*Incidents*\n{_incidents(digest)}",
            f"*Acknowledged in time*\n{' · '.join([f'*{kept}*', *rest])}{_late(digest)}",
            f"*Time to acknowledge*\n{_times(digest.acknowledge)}",
            f"*Time to resolve*\n{_times(digest.resolve)}",
        )
    ]


def in_time(sla: Sla) -> list[str]:
    """How many were acknowledged in time, of those that had to be by now, and why the others are none of them."""
    due = sla.kept + sla.missed
    others = (
        (sla.without, "resolved without"),
        (sla.waiting, "still waited for"),
        (sla.free, "without a limit"),
    )
    first = f"{sla.kept} of {due}" if due else "none was due"
    return [first, *(f"{count} {why}" for count, why in others if count)]


def _incidents(digest: Digest) -> str:
    counts = {each.label: count.now for each, count in digest.severities.items() if count.now}
    still = [f"{digest.still_open} still open"] if digest.still_open else []
    if len(counts) == 1:
        (name,) = counts
        return "\n".join([f"*{digest.incidents.now} {name}*{_change(digest.incidents)}", *still])
    each_ = " · ".join([*(f"{count} {name}" for name, count in counts.items()), *still])
    return "\n".join([f"*{digest.incidents.now}*{_change(digest.incidents)}", each_]).strip()


def _late(digest: Digest) -> str:
    missed = digest.sla.services
    if not missed:
        return ""
    more = f" and {len(missed) - 3} more" if len(missed) > 3 else ""
    return f"\nlate: {', '.join(foreign(name, _NAMES) for name in missed[:3])}{more}"


def _times(times: Times) -> str:
    if times.median is None:
        return "none"
    usual = " typically" if times.count > 1 else ""
    head = f"*{duration(times.median)}*{usual}{_time_change(times)}"
    if times.p90 is None:
        return head
    which = "9 of 10 within" if times.count >= _TEN else "the slowest"
    return f"{head}\n{which} {duration(times.p90)}"


def _change(count: Count) -> str:
    """How much more or less than in the period before."""
    if count.now == count.before:
        return " (=)" if count.before else ""
    return f" ({'▲' if count.change > 0 else '▼'}{abs(count.change):,})"


def _time_change(times: Times) -> str:
    if times.change is None:
        return ""
    changed = duration(abs(times.change))
    return f" ({'▲' if times.change > 0 else '▼'}{changed})" if changed != "0 s" else " (=)"


def duration(seconds: float) -> str:
    """From ten minutes on without the seconds."""
    return span(timedelta(seconds=seconds if seconds < _MINUTES_FROM else round(seconds / 60) * 60))


def _text(digest: Digest) -> str:
    """What a notification and a screen reader say."""
    sla = digest.sla
    parts = [f"{_head(digest)}: {counted(digest.incidents.now, 'incident')}{_change(digest.incidents)}"]
    if digest.acknowledge.median is not None:
        parts.append(f"time to acknowledge {duration(digest.acknowledge.median)}{_time_change(digest.acknowledge)}")
    if digest.resolve.median is not None:
        parts.append(f"to resolve {duration(digest.resolve.median)}{_time_change(digest.resolve)}")
    if sla.kept + sla.missed:
        parts.append(f"{sla.kept} of {sla.kept + sla.missed} acknowledged in time")
    return " · ".join(parts)


def _foot(digest: Digest, by: str | None) -> str:
    period, zone = digest.period, ZoneInfo(digest.period.zone)
    first = period.since_before.astimezone(zone).date()
    last = (period.until_before - timedelta.resolution).astimezone(zone).date()
    until = period.until.astimezone(zone)
    parts = [f"▲▼ compared with {days(first, last)}"]
    parts += [f"until {until.day} {until:%b %H:%M}"] if until.time() != time() else []
    parts += [f"time zone {foreign(period.zone, _NAMES)}"]
    parts += [f"posted by <@{by}>"] if by else []
    parts += ["`/incident digest 30d` shows more"] if not by and digest.bar is Bar.DAY else []
    return " · ".join(parts)


# -- lines


def _lines(digest: Digest) -> list[Block]:
    """What is behind the numbers and what to do; nothing where there is nothing to say."""
    told = (_services(digest), _alerts(digest), _automation(digest), _load(digest), _written(digest))
    plain = [line for line in told if line]
    blocks: list[Block] = [rich([bold("Worst incidents")]), bullets(*map(_worst, digest.worst))] if digest.worst else []
    blocks += [rich(*plain)] if plain else []
    for head, alarms in (("Noisy alarms", digest.noisy), ("Flapping alarms", digest.flapping)):
        if alarms:
            blocks += [rich([bold(head)]), bullets(*(_alarm(one) for one in alarms[:_LISTED]))]
    if digest.overdue:
        return [*blocks, rich([bold("Overdue")]), bullets(*_overdue(digest))]
    return [*blocks, rich([own("Nothing overdue.")])]


def _worst(one: Named) -> Line:
    name = url(one.link, one.id) if one.link else bold(one.id)
    return [own(f"{one.severity.label} "), name, own(" "), words(one.service, _NAMES), own(f": {lasted(one)}")]


def lasted(one: Named) -> str:
    return "still open" if one.lasted is None else duration(one.lasted)


def _services(digest: Digest) -> Line:
    if digest.service or not digest.services:
        return []
    named = [
        [words(one.service, _NAMES), own(f" {one.incidents.now}{_change(one.incidents)}")] for one in digest.services
    ]
    return [bold("Services"), own("  "), *_some(named)]


def _some(named: Sequence[Line]) -> Line:
    """The first few on one line, and how many more there are."""
    line: list[Piece] = []
    for number, one in enumerate(named[:_LISTED]):
        line += [own(" · "), *one] if number else one
    rest = len(named) - _LISTED
    return [*line, own(f" and {rest} more")] if rest > 0 else line


def _alerts(digest: Digest) -> Line:
    numbers = digest.alerts
    if not numbers.alerts.now:
        return []
    said = f"  {counted(numbers.alerts.now, 'alert')}{_change(numbers.alerts)}"
    if numbers.ratio:
        messages, cards = counted(numbers.messages, "message"), counted(numbers.cards, "card")
        said += f"; {messages} became {cards}, {numbers.ratio:.0%} suppressed"
    return [bold("Alarms"), own(said)]


def _automation(digest: Digest) -> Line:
    done = digest.automation
    if not done.runs.now:
        return []
    said = [f"  {counted(done.runs.now, 'run')}{_change(done.runs)}"]
    said += [f"{done.verified} helped"] if done.verified else []
    said += [f"{done.failed} did not"] if done.failed else []
    said += [f"{done.pending} not known yet"] if done.pending else []
    said += [f"{done.undone} taken back"] if done.undone else []
    said += [f"{done.by_itself} without a click"] if done.by_itself else []
    said += [f"about {duration(done.saved)} saved"] if done.saved >= 60 else []
    return [bold("Automation"), own(", ".join(said))]


def _load(digest: Digest) -> Line:
    if not digest.load:
        return []
    total, night = sum(one.pages for one in digest.load), sum(one.at_night for one in digest.load)
    return [
        bold("On call"),
        own(f"  {counted(total, 'call')}, {night} at night: "),
        *_some(list(map(_calls, digest.load))),
    ]


def _calls(one: Load) -> Line:
    at_night = f" ({one.at_night} at night)" if one.at_night else ""
    return [words(one.service or "no service", _NAMES), own(f" {one.pages}{at_night}")]


def _written(digest: Digest) -> Line:
    counts = ((digest.written.filed, "filed"), (digest.written.waived, "waived"))
    said = [f"{count} {how}" for count, how in counts if count]
    return [bold("Post-mortems"), own(f"  {', '.join(said)}")] if said else []


def _alarm(one: NoisyAlarm) -> Line:
    said = f"  {one.firings:,}×"
    said += f", {one.short:,} over within 5 min" if one.short else ""
    said += f", came back {one.flaps:,}×" if one.flaps else ""
    line: list[Piece] = [{**words(one.name, 100), "style": {"bold": True}}, own(said)]
    if one.proposal is not None:
        proposal = one.proposal
        line += [own(" → "), words(proposal.change, 200)]
        line += [own(f", saves {proposal.saves} of {proposal.of}")]
    return line


def _overdue(digest: Digest) -> list[Line]:
    lines = [_late_one(one) for one in digest.overdue[:_LISTED]]
    rest = len(digest.overdue) - _LISTED
    return [*lines, [own(f"and {rest} more")]] if rest > 0 else lines


def _late_one(one: Overdue) -> Line:
    owner: list[Piece] = [user(one.owner), own(", ")] if one.owner else []
    name = url(one.link, one.what) if one.link else words(one.what, _WHAT)
    return [name, own(" ("), *owner, own(f"{late_by(one)})")]


def late_by(one: Overdue) -> str:
    return counted(one.days, "day") if one.days > 0 else "since today"


# -- charts


def _charts(digest: Digest) -> list[Block]:
    return [chart for chart in (_bars(digest), _weeks(digest)) if chart is not None]


def _bars(digest: Digest) -> Block | None:
    """Incidents by severity."""
    used = [each for each in Severity if any(point.incidents.get(int(each)) for point in digest.points)]
    if not used or len(digest.points) < 2:
        return None
    names = [_label(digest.bar, point.first) for point in digest.points]
    series = {each.label: [float(point.incidents.get(int(each), 0)) for point in digest.points] for each in used}
    return chart("bar", f"Incidents per {digest.bar.value}", names, series, y_label="incidents")


def _weeks(digest: Digest) -> Block | None:
    """The median time to resolve; weeks in which nothing was resolved have none."""
    known = [(week.first, week.median / 60) for week in digest.weeks if week.median is not None]
    if len(known) < 2:
        return None
    unit, scale = ("hours", 60) if max(minutes for _, minutes in known) >= _HOURS_FROM else ("minutes", 1)
    names = [f"{first.day} {first:%b}" for first, _ in known]
    values = {"median": [round(minutes / scale, 1) for _, minutes in known]}
    axis = {"x_label": "week from", "y_label": unit}
    return chart("line", f"Time to resolve, {len(digest.weeks)} weeks", names, values, **axis)


def _label(bar: Bar, first: date) -> str:
    if bar is Bar.DAY:
        return f"{first:%a} {first.day}"
    return f"{first.day} {first:%b}" if bar is Bar.WEEK else f"{first:%b %Y}"


def chart(kind: str, name: str, labels: list[str], series: dict[str, list[float]], **axis: str) -> Block:
    def points(values: list[float]) -> list[dict[str, Any]]:
        return [{"label": label, "value": value} for label, value in zip(labels, values, strict=True)]

    rows = [{"name": each, "data": points(values)} for each, values in series.items()]
    chart = {"type": kind, "series": rows, "axis_config": {"categories": labels, **axis}}
    return {"type": "data_visualization", "title": name[:_TITLE], "chart": chart}
