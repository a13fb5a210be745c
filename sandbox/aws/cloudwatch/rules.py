"""The rule of a composite alarm: ALARM("x") OR (OK(y) AND NOT INSUFFICIENT_DATA(z)), TRUE, FALSE."""

import re
from collections.abc import Callable, Iterator

TOKEN = re.compile(r"""\s*(?:(\(|\))|("(?:[^"\\]|\\.)*"|'[^']*')|([^\s()"']+))""")
STATES = frozenset(("ALARM", "OK", "INSUFFICIENT_DATA"))
CONSTANTS = {"TRUE": True, "FALSE": False}

StateOf = Callable[[str], str | None]


class RuleError(ValueError):
    """The rule cannot be read."""


def children(rule: str) -> list[str]:
    """The names of the alarms that the rule speaks of, each once, in order."""
    seen: dict[str, None] = {}

    def state_of(name: str) -> str:
        seen[name] = None
        return ""

    holds(rule, state_of)
    return list(seen)


def holds(rule: str, state_of: StateOf) -> bool:
    parser = _Parser(rule, state_of)
    result = parser.either()
    parser.end()
    return result


class _Parser:
    """Recursive descent; both sides are always read, so that every child is seen."""

    def __init__(self, rule: str, state_of: StateOf) -> None:
        self._tokens = list(_tokens(rule))
        self._at = 0
        self._state_of = state_of

    def either(self) -> bool:
        result = self._both()
        while self._took("OR"):
            result = self._both() or result
        return result

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise RuleError(f"Unexpected {self._tokens[self._at]}")

    def _both(self) -> bool:
        result = self._one()
        while self._took("AND"):
            result = self._one() and result
        return result

    def _one(self) -> bool:
        if self._took("NOT"):
            return not self._one()
        if self._took("("):
            result = self.either()
            self._need(")")
            return result
        word = self._next()
        if word.upper() in CONSTANTS:
            return CONSTANTS[word.upper()]
        if word.upper() not in STATES:
            raise RuleError(f"Unexpected {word}")
        self._need("(")
        name = _name(self._next())
        self._need(")")
        return self._state_of(name) == word.upper()

    def _took(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].upper() == word:
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise RuleError("The rule ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _need(self, word: str) -> None:
        if not self._took(word):
            raise RuleError(f"Expected {word}")


def _tokens(rule: str) -> Iterator[str]:
    at = 0
    while at < len(rule.rstrip()):
        found = TOKEN.match(rule, at)
        if not found:
            raise RuleError(f"Unreadable at {rule[at : at + 20]}")
        yield found[0].strip()
        at = found.end()


def _name(token: str) -> str:
    """A name, or the name in an ARN, without its quotes."""
    name = token[1:-1] if token[:1] in ('"', "'") else token
    return name.split(":alarm:", 1)[1] if name.startswith("arn:") else name
