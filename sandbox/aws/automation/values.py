"""What stands in a document and is filled in while it runs: references, selectors, types."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.aws.automation.document import Json

REFERENCE = re.compile(r"\{\{\s*([\w.:-]+)\s*\}\}")
SELECTOR = re.compile(r"\.(\w+)|\[(-?\d+)\]|\[(\*)\]|\['([^']+)'\]")
EVERY = "*"
PathPart = str | int


class SelectorError(ValueError):
    """A selector that is none, or finds nothing where it must."""


def references(value: Any) -> Iterator[str]:
    """The names of everything that is referred to in it, however deep."""
    if isinstance(value, str):
        yield from REFERENCE.findall(value)
    elif isinstance(value, dict):
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from references(part)


def fill(value: Any, known: Callable[[str], Any]) -> Any:
    """A reference alone keeps the type of what it stands for; within a text it becomes text."""
    if isinstance(value, dict):
        return {name: fill(part, known) for name, part in value.items()}
    if isinstance(value, list):
        return [fill(part, known) for part in value]
    if not isinstance(value, str):
        return value
    alone = REFERENCE.fullmatch(value.strip())
    return known(alone[1]) if alone else REFERENCE.sub(lambda found: text(known(found[1])), value)


def text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def path_of(selector: str) -> list[PathPart]:
    """Members, indexes (from the end, too) and [*]; `*` stands for every element."""
    rest, path = selector.removeprefix("$"), list[PathPart]()
    while rest:
        found = SELECTOR.match(rest)
        if not found:
            raise SelectorError(f"{selector} cannot be read from {rest!r} on")
        name, index, every, quoted = found.groups()
        path.append(int(index) if index else every or name or quoted)
        rest = rest[found.end() :]
    return path


def select(found: Any, path: list[PathPart]) -> Any:
    """A member that is not there is None; an element that is not there is an error: AWS does not document which."""
    for place, part in enumerate(path):
        if part == EVERY:
            return [select(element, path[place + 1 :]) for element in found or []]
        found = _element(found, part) if isinstance(part, int) else _member(found, part)
    return found


def _member(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, dict) else None


def _element(found: Any, index: int) -> Any:
    if not isinstance(found, list) or not -len(found) <= index < len(found):
        raise SelectorError(f"No results for path: there is no element {index}")
    return found[index]


def typed(value: Any, kind: str) -> Any:
    """As the runbook says; a list of one becomes what is in it, and the reverse."""
    if value is None:
        return None
    if kind.endswith("List"):
        return value if isinstance(value, list) else [value]
    if kind == "StringMap":
        return value
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if kind == "Integer":
        return int(value)
    if kind == "Boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    return text(value)


def shown(value: Any) -> list[str]:
    """As executions and steps show their outputs: texts in a list."""
    return [text(part) for part in value] if isinstance(value, list) else [text(value)]


def plain(answer: Any) -> Json:
    """An answer as JSON has it: no metadata, times as text."""
    without = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    return dict(json.loads(json.dumps(without, default=_as_text)))


def _as_text(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "StringEquals": lambda a, b: text(a) == text(b),
    "EqualsIgnoreCase": lambda a, b: text(a).lower() == text(b).lower(),
    "StartsWith": lambda a, b: text(a).startswith(text(b)),
    "EndsWith": lambda a, b: text(a).endswith(text(b)),
    "Contains": lambda a, b: text(b) in text(a),
    "NumericEquals": lambda a, b: float(a) == float(b),
    "NumericGreater": lambda a, b: float(a) > float(b),
    "NumericLesser": lambda a, b: float(a) < float(b),
    "NumericGreaterOrEquals": lambda a, b: float(a) >= float(b),
    "NumericLesserOrEquals": lambda a, b: float(a) <= float(b),
    "BooleanEquals": lambda a, b: text(a).lower() == text(b).lower(),
}


def holds(condition: Json) -> bool:
    """Of a condition whose references are filled in."""
    if "And" in condition:
        return all(holds(part) for part in condition["And"])
    if "Or" in condition:
        return any(holds(part) for part in condition["Or"])
    if "Not" in condition:
        return not holds(condition["Not"])
    compare = next(name for name in condition if name in COMPARE)
    value = condition["Variable"]
    return value not in (None, "") and COMPARE[compare](value, condition[compare])
