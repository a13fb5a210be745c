"""What validation rules are made of: small checks that report Slack's messages at a JSON pointer."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

ERRORS_MAX = 50


class Report:
    """The errors found so far, as Slack words them."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def add(self, pointer: str, message: str) -> None:
        if len(self.errors) < ERRORS_MAX:
            self.errors.append(f"[ERROR] {message} [json-pointer:{pointer or '/'}]")


Rule = Callable[[Any, str, Report], None]
Fields = Mapping[str, Rule]


def string(high: int | None = None, low: int = 1) -> Rule:
    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, str):
            report.add(at, "must provide a string")
        elif len(value) < low:
            report.add(at, f"must be more than {low - 1} characters")
        elif high is not None and len(value) > high:
            report.add(at, f"must be less than {high + 1} characters")

    return check


def url(high: int, schemes: tuple[str, ...] = ()) -> Rule:
    length = string(high)

    def check(value: Any, at: str, report: Report) -> None:
        length(value, at, report)
        if not isinstance(value, str) or not value:
            return
        scheme, colon, rest = value.partition(":")
        if not colon or not rest or (schemes and scheme.lower() not in schemes):
            report.add(at, "must provide a valid url")

    return check


def boolean(value: Any, at: str, report: Report) -> None:
    if not isinstance(value, bool):
        report.add(at, "must provide a boolean")


def integer(low: int | None = None, high: int | None = None) -> Rule:
    def check(value: Any, at: str, report: Report) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            report.add(at, "must provide an integer")
        else:
            _in_range(value, low, high, at, report)

    return check


def number(low: float | None = None, *, above: float | None = None) -> Rule:
    def check(value: Any, at: str, report: Report) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            report.add(at, "must provide a number")
        elif above is not None and not value > above:
            report.add(at, f"must be greater than {above}")
        else:
            _in_range(value, low, None, at, report)

    return check


def one_of(*values: str) -> Rule:
    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, str) or value not in values:
            report.add(at, "must be a valid enum value")

    return check


def array(item: Rule, high: int | None = None, low: int = 0) -> Rule:
    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, list):
            report.add(at, "must provide an array")
            return
        if len(value) < low:
            report.add(at, f"no fewer than {low} items allowed")
        if high is not None and len(value) > high:
            report.add(at, f"no more than {high} items allowed")
            return
        for place, member in enumerate(value):
            item(member, f"{at}/{place}", report)

    return check


def shape(required: Fields, optional: Fields | None = None, *, also: Rule | None = None) -> Rule:
    """An object with these fields and no others (`type` may be there); `also` looks at it as a whole."""
    known: Fields = {"type": _anything, **required, **(optional or {})}

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.add(at, "must provide an object")
            return
        for name in required:
            if name not in value:
                report.add(at, f"missing required field: {name}")
        for name, member in value.items():
            known.get(name, _unknown)(member, f"{at}/{_escaped(name)}", report)
        if also:
            also(value, at, report)

    return check


def tagged(kinds: Mapping[str, Rule], allowed: Collection[str] | None = None) -> Rule:
    """An object that its `type` tells how to check."""

    def check(value: Any, at: str, report: Report) -> None:
        if not isinstance(value, dict):
            report.add(at, "must provide an object")
            return
        kind = value.get("type")
        if kind is None:
            report.add(at, "missing required field: type")
        elif not isinstance(kind, str) or kind not in kinds or (allowed is not None and kind not in allowed):
            report.add(f"{at}/type", f"unsupported type: {kind}")
        else:
            kinds[kind](value, at, report)

    return check


def exactly_one(*names: str) -> Rule:
    """Of these fields one is there and the others are not."""

    def check(value: Any, at: str, report: Report) -> None:
        given = [n for n in names if n in value]
        if not given:
            report.add(at, f"missing required field: {names[0]}")
        elif len(given) > 1:
            report.add(at, f"must provide only one of: {', '.join(names)}")

    return check


def at_least_one(*names: str) -> Rule:
    def check(value: Any, at: str, report: Report) -> None:
        if not any(n in value for n in names):
            report.add(at, f"missing required field: {names[0]}")

    return check


def every(*rules: Rule) -> Rule:
    def check(value: Any, at: str, report: Report) -> None:
        for rule in rules:
            rule(value, at, report)

    return check


def _anything(value: Any, at: str, report: Report) -> None:
    pass


def _unknown(value: Any, at: str, report: Report) -> None:
    place, _, name = at.rpartition("/")
    report.add(place, f"invalid additional property: {name}")


def _in_range(value: float, low: float | None, high: float | None, at: str, report: Report) -> None:
    if low is not None and value < low:
        report.add(at, f"must be greater than or equal to {low}")
    if high is not None and value > high:
        report.add(at, f"must be less than or equal to {high}")


def _escaped(name: str) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
