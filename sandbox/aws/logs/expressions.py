"""What an expression of a query is worth: for one row, or over many."""

import json
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sandbox.aws.logs.syntax import Binary, Call, Column, Expression, Items, Literal, Name, Not, QueryError, Regex

Row = dict[str, Any]
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "^": operator.pow,
}
_OVER: dict[str, Callable[[list[Any]], Any]] = {
    "min": lambda values: min(values, key=order),
    "max": lambda values: max(values, key=order),
    "sum": lambda values: sum(_numbers(values)),
    "avg": lambda values: _mean(_numbers(values)),
    "stddev": lambda values: _deviation(_numbers(values)),
    "count_distinct": lambda values: len(set(map(str, values))),
    "earliest": lambda values: values[0],
    "latest": lambda values: values[-1],
}
AGGREGATES = frozenset((*_OVER, "count", "pct", "median"))


def field(row: Row, name: str) -> Any:
    """A field, or one inside the JSON of the message."""
    if name in row:
        return row[name]
    if name.startswith("@"):
        return None
    if "@json" not in row:
        row["@json"] = _json(row.get("@message"))
    found: Any = row["@json"]
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _json(message: Any) -> Any:
    text = str(message)
    try:
        return json.loads(text[text.index("{") :])
    except ValueError:
        return None


def value(of: Expression, row: Row) -> Any:
    found: Any = of  # a regular expression is what it is
    match of:
        case Literal(value=given):
            found = given
        case Name(name=name):
            found = field(row, name)
        case Not(inner=inner):
            found = not value(inner, row)
        case Items(inner=several):
            found = [value(i, row) for i in several]
        case Binary():
            found = _binary(of, row)
        case Call(function=name, arguments=arguments):
            found = _called(name, [value(a, row) for a in arguments], row)
    return found


def _binary(of: Binary, row: Row) -> Any:
    left = value(of.left, row)
    if of.sign in ("and", "or"):
        return (left and value(of.right, row)) if of.sign == "and" else (left or value(of.right, row))
    right = value(of.right, row)
    if of.sign == "like":
        return _like(left, right)
    if of.sign == "in":
        return left is not None and any(_same(left, r) for r in right)
    if of.sign in _COMPARED:
        return _compare(of.sign, left, right)
    try:
        return _ARITHMETIC[of.sign](float(left), float(right))
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _like(left: Any, right: Any) -> bool:
    if left is None:
        return False
    return bool(right.pattern.search(str(left))) if isinstance(right, Regex) else str(right) in str(left)


def _same(left: Any, right: Any) -> bool:
    return _compare("=", left, right)


def _compare(sign: str, left: Any, right: Any) -> bool:
    if left is None or right is None:
        return sign == "!=" and left is not right
    try:
        return _COMPARED[sign](float(left), float(right))
    except (TypeError, ValueError):
        return _COMPARED[sign](str(left), str(right))


def _called(name: str, given: list[Any], row: Row) -> Any:
    if name == "bin":
        return _floor(row.get("@timestamp"), given[0])
    if name not in _FUNCTIONS:
        raise QueryError(f"Unknown function {name}")
    try:
        return _FUNCTIONS[name](*given)
    except TypeError:
        raise QueryError(f"Wrong arguments for {name}") from None


def _floor(at: Any, span: Any) -> float | None:
    return None if at is None else math.floor(float(at) / 1000 / span) * span * 1000


def _substr(text: Any, start: Any, length: Any = None) -> str:
    end = None if length is None else int(start) + int(length)
    return str(text)[int(start) : end]


def _counted(count: Callable[[float], float]) -> Callable[[Any], float | None]:
    return lambda given: None if given is None else count(float(given))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "datefloor": _floor,
    "strlen": lambda text: len(str(text)),
    "tolower": lambda text: str(text).lower(),
    "lower": lambda text: str(text).lower(),
    "toupper": lambda text: str(text).upper(),
    "upper": lambda text: str(text).upper(),
    "trim": lambda text: str(text).strip(),
    "concat": lambda *texts: "".join(str(t) for t in texts if t is not None),
    "substr": _substr,
    "replace": lambda text, old, new: str(text).replace(str(old), str(new)),
    "coalesce": lambda *given: next((g for g in given if g is not None), None),
    "ispresent": lambda given: given is not None,
    "isempty": lambda given: given is None or not str(given).strip(),
    "isblank": lambda given: given is None or not str(given).strip(),
    "strcontains": lambda text, part: int(str(part) in str(text)),
    "abs": _counted(abs),
    "ceil": _counted(math.ceil),
    "floor": _counted(math.floor),
}


# Over many rows


def aggregated(of: Expression, rows: Sequence[Row]) -> Any:
    if isinstance(of, Call) and of.function in AGGREGATES:
        return _aggregate(of, rows)
    if isinstance(of, Binary) and of.sign in _ARITHMETIC:
        left, right = aggregated(of.left, rows), aggregated(of.right, rows)
        try:
            return _ARITHMETIC[of.sign](float(left), float(right))
        except (TypeError, ValueError, ZeroDivisionError):
            return None
    if isinstance(of, Literal):
        return of.value
    raise QueryError("stats takes functions over many events")


def _aggregate(of: Call, rows: Sequence[Row]) -> Any:
    if of.function == "count" and (not of.arguments or of.arguments[0] == Literal("*")):
        return len(rows)
    if not of.arguments:
        raise QueryError(f"{of.function} needs a field")
    ordered = rows if of.function not in ("earliest", "latest") else sorted(rows, key=lambda r: r["@timestamp"])
    values = [v for row in ordered if (v := value(of.arguments[0], row)) is not None]
    if of.function == "count":
        return len(values)
    if not values:
        return None
    if of.function in ("pct", "median"):
        percent = of.arguments[1] if len(of.arguments) > 1 else Literal(50.0)
        return _percentile(_numbers(values), float(str(value(percent, {}))))
    return _OVER[of.function](values)


def is_aggregate(columns: Iterable[Column]) -> bool:
    return any(isinstance(c.expression, Call) and c.expression.function in AGGREGATES for c in columns)


def order(given: Any) -> tuple[int, Any]:
    try:
        return 0, float(given)
    except (TypeError, ValueError):
        return 1, str(given)


def _numbers(values: list[Any]) -> list[float]:
    found = []
    for given in values:
        try:
            found.append(float(given))
        except (TypeError, ValueError):
            continue
    return found


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _deviation(values: list[float]) -> float | None:
    middle = _mean(values)
    return None if middle is None else math.sqrt(sum((v - middle) ** 2 for v in values) / len(values))


def _percentile(values: list[float], percent: float) -> float | None:
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(percent / 100 * len(ordered)) - 1))]
