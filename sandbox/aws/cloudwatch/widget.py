"""Metric pictures: a widget's JSON is read, and drawn as CloudWatch does it: lines over time, limits, a legend."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sandbox.aws.clock import CLOCK, utc
from sandbox.aws.cloudwatch.alarms import Json
from sandbox.aws.cloudwatch.canvas import HIGH, WIDE, Canvas, Color

PALETTE = ("1f77b4", "ff7f0e", "2ca02c", "d62728", "9467bd", "8c564b", "e377c2", "7f7f7f")
GREY: Color = (225, 228, 232)
INK: Color = (60, 64, 67)
SIZE = (600, 400)
SMALLEST, LARGEST = 100, 2000
HOURS = 3.0
MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 70, 20, 34, 30
ROWS = 4
COLUMNS = 4
DURATION = re.compile(r"-?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")
Points = list[tuple[float, float]]
Read = Callable[[list[Json], float, float], list[tuple[str, Points]]]


class WidgetError(ValueError):
    """The widget cannot be drawn."""


@dataclass
class Widget:
    """What is to be drawn, in GetMetricData's terms. `limits` and `moments`: lines across, and up."""

    width: int
    height: int
    start: float
    end: float
    title: str
    queries: list[Json] = field(default_factory=list)
    colors: dict[str, Color] = field(default_factory=dict)
    limits: list[tuple[float, str, Color]] = field(default_factory=list)
    moments: list[tuple[float, str, Color]] = field(default_factory=list)
    low: float | None = None
    high: float | None = None


def read(text: str) -> Widget:
    try:
        given = json.loads(text)
    except ValueError:
        raise WidgetError("The widget is not JSON") from None
    if not isinstance(given, dict) or not isinstance(given.get("metrics", []), list):
        raise WidgetError("The widget must be an object with a list of metrics")
    width, height = int(given.get("width") or SIZE[0]), int(given.get("height") or SIZE[1])
    if not (SMALLEST <= width <= LARGEST and SMALLEST <= height <= LARGEST):
        raise WidgetError(f"The width and height must be from {SMALLEST} to {LARGEST}")
    now = CLOCK.now()
    end = _moment(given.get("end"), now, now)
    axis = (given.get("yAxis") or {}).get("left") or {}
    widget = Widget(
        width,
        height,
        _moment(given.get("start"), now, end - HOURS * 3600),
        end,
        str(given.get("title") or ""),
        low=axis.get("min"),
        high=axis.get("max"),
    )
    if widget.start >= widget.end:
        raise WidgetError("The start must be before the end")
    _read_metrics(widget, given)
    _read_annotations(widget, given.get("annotations") or {})
    return widget


def _read_metrics(widget: Widget, given: Json) -> None:
    before: list[Any] = []
    for n, row in enumerate(given.get("metrics") or []):
        if not isinstance(row, list) or not row:
            raise WidgetError("Each metric must be a list")
        options = row[-1] if isinstance(row[-1], dict) else {}
        names = _filled([v for v in row if not isinstance(v, dict)], before)
        before = names or before
        query = _query(f"m{n}", names, options, given)
        widget.queries.append(query)
        widget.colors[query["Id"]] = _color(options.get("color") or PALETTE[n % len(PALETTE)])


def _filled(names: list[Any], before: list[Any]) -> list[Any]:
    """ "." is what stood there in the metric before, "..." all that is left out."""
    if "..." in names:
        rest = names[names.index("...") + 1 :]
        names = [*before[: len(before) - len(rest)], *rest]
    return [before[n] if v == "." and n < len(before) else v for n, v in enumerate(names)]


def _query(name: str, names: list[Any], options: Json, given: Json) -> Json:
    shown = {"Id": options.get("id") or name, "ReturnData": options.get("visible", True)}
    if options.get("label"):
        shown["Label"] = options["label"]
    period = int(options.get("period") or given.get("period") or 300)
    if options.get("expression"):
        return {**shown, "Expression": options["expression"], "Period": period}
    if len(names) < 2 or len(names) % 2:
        raise WidgetError("A metric has a namespace, a name, and pairs of dimensions")
    pairs = zip(names[2::2], names[3::2], strict=True)
    metric = {
        "Namespace": names[0],
        "MetricName": names[1],
        "Dimensions": [{"Name": str(k), "Value": str(v)} for k, v in pairs],
    }
    stat = options.get("stat") or given.get("stat") or "Average"
    return {**shown, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}}


def _read_annotations(widget: Widget, given: Json) -> None:
    for line in given.get("horizontal") or []:
        for each in line if isinstance(line, list) else [line]:
            color = _color(each.get("color") or "d62728")
            widget.limits.append((float(each["value"]), str(each.get("label") or ""), color))
    for line in given.get("vertical") or []:
        for each in line if isinstance(line, list) else [line]:
            color = _color(each.get("color") or "7f7f7f")
            widget.moments.append((_moment(each["value"], CLOCK.now(), 0.0), str(each.get("label") or ""), color))


def _moment(given: Any, now: float, otherwise: float) -> float:
    """A duration that ends now, a point in time, or milliseconds."""
    if given is None:
        return otherwise
    if isinstance(given, int | float):
        return float(given) / 1000
    if found := DURATION.match(str(given)):
        units = (604_800, 86_400, 3600, 60, 1)
        return now - sum(int(n or 0) * unit for n, unit in zip(found.groups(), units, strict=True))
    try:
        from_text = _iso(str(given))
    except ValueError:
        raise WidgetError(f"Not a time: {given}") from None
    return from_text


def _iso(text: str) -> float:
    at = type(utc(0)).fromisoformat(text.replace("Z", "+00:00"))
    return (at if at.tzinfo else at.replace(tzinfo=utc(0).tzinfo)).timestamp()


def _color(text: str) -> Color:
    found = re.fullmatch(r"#?([0-9a-fA-F]{6})", text)
    if not found:
        raise WidgetError(f"Not a color: {text}")
    red, green, blue = bytes.fromhex(found[1])
    return red, green, blue


# Drawing


def draw(widget: Widget, read_data: Read) -> bytes:
    found = read_data(widget.queries, widget.start, widget.end)
    colors = [widget.colors[q["Id"]] for q in widget.queries if q["ReturnData"] is not False]
    canvas = Canvas(widget.width, widget.height)
    frame = _Frame(widget, found)
    scale = 2 if widget.width >= 500 and widget.height >= 200 else 1
    frame.grid(canvas)
    for value, label, color in widget.limits:
        y = frame.y(value)
        canvas.line(frame.left, y, frame.right, y, color, 1)
        canvas.text(frame.left + 4, y - HIGH - 2, label, color)
    for at, label, color in widget.moments:
        canvas.line(frame.x(at), frame.top, frame.x(at), frame.bottom, color, 1)
        canvas.text(frame.x(at) + 3, frame.top + 2, label, color)
    for n, (_, points) in enumerate(found):
        _curve(canvas, frame, points, colors[n % len(colors)] if colors else INK)
    canvas.text(8, 8, widget.title[: widget.width // (WIDE * scale)], INK, scale)
    _legend(canvas, [label for label, _ in found], colors)
    return canvas.png()


def _curve(canvas: Canvas, frame: "_Frame", points: Points, color: Color) -> None:
    places = [(frame.x(at), frame.y(value)) for at, value in points]
    for (x0, y0), (x1, y1) in pairwise(places):
        canvas.line(x0, y0, x1, y1, color)
    if len(places) == 1:
        canvas.box(places[0][0] - 2, places[0][1] - 2, places[0][0] + 2, places[0][1] + 2, color)


def _legend(canvas: Canvas, labels: list[str], colors: list[Color]) -> None:
    x, y = 8.0, canvas.height - HIGH - 4
    for n, label in enumerate(labels):
        canvas.box(x, y, x + 7, y + 6, colors[n % len(colors)] if colors else INK)
        canvas.text(x + 11, y, label, INK)
        x += 11 + WIDE * (len(label) + 2)


class _Frame:
    """From times and values to places in the picture."""

    def __init__(self, widget: Widget, found: list[tuple[str, Points]]) -> None:
        self._widget = widget
        values = [v for _, points in found for _, v in points] + [v for v, _, _ in widget.limits]
        self.low = float(widget.low) if widget.low is not None else min(0.0, *values, 0.0)
        top = max([*values, self.low + 1e-9])
        self.high = float(widget.high) if widget.high is not None else _round_up(top, self.low)
        self.left, self.right = MARGIN_LEFT, widget.width - MARGIN_RIGHT
        self.top, self.bottom = MARGIN_TOP, widget.height - MARGIN_BOTTOM - HIGH

    def x(self, at: float) -> float:
        share = (at - self._widget.start) / (self._widget.end - self._widget.start)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.bottom - min(max(share, 0.0), 1.0) * (self.bottom - self.top)

    def grid(self, canvas: Canvas) -> None:
        for n in range(ROWS + 1):
            value = self.low + (self.high - self.low) * n / ROWS
            y = self.y(value)
            canvas.line(self.left, y, self.right, y, GREY, 1)
            label = _short(value)
            canvas.text(self.left - 6 - WIDE * len(label), y - HIGH / 2, label, INK)
        span = self._widget.end - self._widget.start
        form = "%H:%M" if span <= 2 * 86_400 else "%d/%m"
        for n in range(COLUMNS + 1):
            at = self._widget.start + span * n / COLUMNS
            label = utc(at).strftime(form)
            x = min(self.x(at) - WIDE * len(label) / 2, self.right - WIDE * len(label) + 10)
            canvas.text(x, self.bottom + 6, label, INK)


def _round_up(top: float, low: float) -> float:
    """The next round number above."""
    step = 10.0 ** math.floor(math.log10(max(top - low, 1e-9)))
    return low + next(n * step for n in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 20) if low + n * step >= top * 1.02)


def _short(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
