"""Metric math, the part that alarms use: arithmetic, comparisons, IF, FILL, and sums over metrics."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

Values = Mapping[str, float | None]
BAND = re.compile(r"\s*ANOMALY_DETECTION_BAND\(\s*(\w+)\s*(?:,\s*([\d.]+)\s*)?\)\s*$")
BAND_WIDTH = 2.0

_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.BitXor: operator.pow,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_OVER: dict[str, Callable[[list[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MAX": max,
    "MIN": min,
}


class MathError(ValueError):
    """The expression is not one that this CloudWatch knows."""


def band(expression: str) -> tuple[str, float] | None:
    """The metric and the width of an anomaly detection band."""
    found = BAND.match(expression)
    return (found[1], float(found[2] or BAND_WIDTH)) if found else None


def evaluate(expression: str, values: Values) -> float | None:
    """The value for one period; None where a metric has none, as in CloudWatch."""
    text = re.sub(r"&&|\bAND\b", " and ", re.sub(r"\|\||\bOR\b", " or ", expression.strip()))
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        raise MathError(f"Invalid expression: {expression}") from None
    result = _value(tree.body, values)
    return result if not isinstance(result, list) else None


def _value(node: ast.expr, values: Values) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            found: Any = float(number)
        case ast.Name(id=name):
            found = _named(name, values)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            found = _combined(ast.Sub, 0.0, _value(operand, values))
        case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
            found = _combined(type(op), _value(left, values), _value(right, values))
        case ast.BoolOp(op=op, values=parts):
            sides = [bool(_value(part, values)) for part in parts]
            found = float(all(sides) if isinstance(op, ast.And) else any(sides))
        case ast.Call(func=ast.Name(id=name), args=args):
            found = _called(name.upper(), args, values)
        case _:
            raise MathError(f"Not known here: {ast.unparse(node)}")
    return found


def _named(name: str, values: Values) -> float | None:
    if name not in values:
        raise MathError(f"There is no metric with the id {name}")
    return values[name]


def _combined(op: type[ast.AST], left: float | None, right: float | None) -> float | None:
    if op not in _OPERATORS:
        raise MathError(f"Not known here: {op.__name__}")
    if left is None or right is None:
        return None
    try:
        return float(_OPERATORS[op](left, right))
    except ZeroDivisionError:
        return None


def _called(name: str, args: list[ast.expr], values: Values) -> Any:
    if name == "METRICS":
        return list(values.values())
    given = [_value(arg, values) for arg in args]
    match name, given:
        case "FILL", [value, filling]:
            return filling if value is None else value
        case "IF", [condition, yes, *rest]:
            no = rest[0] if rest else None
            return None if condition is None else yes if condition else no
        case "ABS", [value]:
            return None if value is None else abs(value)
    if name not in _OVER or not given:
        raise MathError(f"Not known here: {name}")
    flat = [v for g in given for v in (g if isinstance(g, list) else [g]) if v is not None]
    return _OVER[name](flat) if flat else None
