"""Filter patterns: words that must be there, -words that must not, ?words of which one must; or { $.json = value }."""

import json
import operator
import re
from collections.abc import Callable
from typing import Any

Fits = Callable[[str], bool]
WORD = re.compile(r'([-?]?)("(?:[^"\\]|\\.)*"|%[^%]+%|\S+)')
CONDITION = re.compile(r'\s*\$\.([\w.]+)\s*(=|!=|>=|<=|>|<)\s*("(?:[^"\\]|\\.)*"|[^\s&|)]+)\s*')
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def matcher(pattern: str) -> Fits:
    text = pattern.strip()
    if text.startswith("{"):
        return _of_json(text)
    words = [(sign, _taken(word)) for sign, word in WORD.findall(text)]
    must = [w for sign, w in words if sign == ""]
    never = [w for sign, w in words if sign == "-"]
    any_of = [w for sign, w in words if sign == "?"]

    def fits(message: str) -> bool:
        return (
            all(w(message) for w in must)
            and not any(w(message) for w in never)
            and (not any_of or any(w(message) for w in any_of))
        )

    return fits


def _taken(word: str) -> Fits:
    if word.startswith("%"):
        pattern = re.compile(word.strip("%"))
        return lambda message: bool(pattern.search(message))
    plain = word[1:-1].replace(r"\"", '"') if word.startswith('"') else word
    return lambda message: plain in message


def _of_json(text: str) -> Fits:
    """Conditions joined by && or ||, without brackets."""
    inner = text.strip("{} ")
    groups = [[_condition(part) for part in re.split(r"&&", group)] for group in re.split(r"\|\|", inner)]

    def fits(message: str) -> bool:
        try:
            found = json.loads(message)
        except ValueError:
            return False
        return any(all(holds(found) for holds in group) for group in groups)

    return fits


def _condition(text: str) -> Callable[[Any], bool]:
    read = CONDITION.fullmatch(text.strip("() "))
    if not read:
        raise ValueError(f"cannot read {text.strip()}")
    path, sign, wanted = read[1].split("."), read[2], read[3].strip('"')

    def holds(found: Any) -> bool:
        for part in path:
            found = found.get(part) if isinstance(found, dict) else None
        return found is not None and _compare(sign, found, wanted)

    return holds


def _compare(sign: str, found: Any, wanted: str) -> bool:
    if "*" in wanted and sign in ("=", "!="):
        pattern = ".*".join(re.escape(part) for part in wanted.split("*"))
        return bool(re.fullmatch(pattern, str(found))) == (sign == "=")
    try:
        return _COMPARED[sign](float(found), float(wanted))
    except (TypeError, ValueError):
        return _COMPARED[sign](str(found), wanted)
