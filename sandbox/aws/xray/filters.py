"""X-Ray's filter expressions, the part that people use: service("x") { fault }, responsetime > 2, !error, AND, OR."""

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.aws.xray.traces import Json, Trace

TOKEN = re.compile(r"""\s*(?:("(?:[^"\\]|\\.)*")|(>=|<=|!=|=|>|<|!|\(|\)|\{|\})|([\w.]+))""")
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
FLAGS = {"fault": "fault", "error": "error", "throttle": "throttle", "partial": "in_progress"}
Holds = Callable[[Trace], bool]
PartHolds = Callable[[Json, Trace], bool]


class FilterError(ValueError):
    """The expression cannot be read."""


def parse(text: str) -> Holds:
    parser = _Parser(text)
    found = parser.either()
    parser.end()
    return lambda trace: found(trace.root, trace)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._inside = False

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise FilterError(f"Unexpected {self._tokens[self._at]}")

    def either(self) -> PartHolds:
        found = [self._both()]
        while self._took("OR"):
            found.append(self._both())
        return lambda part, trace: any(f(part, trace) for f in found)

    def _both(self) -> PartHolds:
        found = [self._one()]
        while self._took("AND") or self._peek() not in ("", ")", "}", "OR"):
            found.append(self._one())
        return lambda part, trace: all(f(part, trace) for f in found)

    def _one(self) -> PartHolds:
        if self._took("!") or self._took("NOT"):
            inner = self._one()
            return lambda part, trace: not inner(part, trace)
        if self._took("("):
            found = self.either()
            self._need(")")
            return found
        word = self._next().lower()
        if word == "service":
            return self._service()
        return self._compared(word)

    def _service(self) -> PartHolds:
        """Any part of the trace of that name, for which what is in braces holds."""
        self._need("(")
        name = "" if self._peek() == ")" else self._next().strip('"')
        self._need(")")
        inner: PartHolds = lambda part, trace: True  # noqa: E731
        if self._took("{"):
            self._inside = True
            inner = self.either()
            self._inside = False
            self._need("}")
        return lambda _, trace: any(inner(p, trace) for p in trace.parts() if name in ("", p["name"]))

    def _compared(self, word: str) -> PartHolds:
        value = _value(word, inside=self._inside)
        sign = self._peek()
        if sign not in COMPARED:
            return lambda part, trace: bool(value(part, trace))
        self._next()
        wanted, compare = _literal(self._next()), COMPARED[sign]

        def holds(part: Json, trace: Trace) -> bool:
            found = value(part, trace)
            return found is not None and compare(found, wanted)

        return holds

    def _peek(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else ""
        return token.upper() if token.upper() in ("AND", "OR", "NOT") else token

    def _took(self, word: str) -> bool:
        if self._peek() == word:
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise FilterError("The expression ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _need(self, word: str) -> None:
        if not self._took(word):
            raise FilterError(f"Expected {word}")


def _value(word: str, *, inside: bool) -> Callable[[Json, Trace], Any]:
    """In braces a word is about that part, elsewhere about the trace."""
    if word in FLAGS:
        name = FLAGS[word]
        return lambda part, trace: bool(part.get(name)) if inside else trace.any(name)
    if word in ("ok",):
        return lambda part, trace: not any(trace.any(n) for n in FLAGS.values())
    if word in ("responsetime", "duration"):
        return lambda part, trace: (
            _took(part) if inside else trace.response_time if word == "responsetime" else trace.duration
        )
    if word.startswith("http."):
        return lambda part, trace: _http(trace.root, word[5:])
    if word.startswith("annotation."):
        return lambda part, trace: (trace.root.get("annotations") or {}).get(word[11:])
    raise FilterError(f"Unknown keyword {word}")


def _took(part: Json) -> float:
    return float(part.get("end_time") or part["start_time"]) - float(part["start_time"])


def _http(root: Json, name: str) -> Any:
    http = root.get("http") or {}
    return (http.get("request") or {}).get(name, (http.get("response") or {}).get(name))


def _literal(token: str) -> Any:
    if token.startswith('"'):
        return token[1:-1]
    if token.lower() in ("true", "false"):
        return token.lower() == "true"
    try:
        return float(token)
    except ValueError:
        raise FilterError(f"Not a value: {token}") from None


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        if not found:
            raise FilterError(f"Unreadable at {text[at : at + 20]}")
        yield found[0].strip()
        at = found.end()
