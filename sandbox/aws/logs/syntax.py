"""Words of a query of Logs Insights, and what it is made of once it is read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""\s*(?:
        (?P<regex>/(?:[^/\\\n]|\\.)+/)
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<span>\d+(?:\.\d+)?(?:ms|s|m|h|d|w)\b)
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<name>`[^`]+`|@?[A-Za-z_][\w.]*)
      | (?P<sign>=~|!=|>=|<=|\(|\)|\[|\]|[=<>+*%^,/-])
    )""",
    re.X,
)
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
COMMANDS = ("fields", "display", "filter", "parse", "stats", "sort", "limit", "dedup", "head", "tail", "where")


class QueryError(ValueError):
    """The query is malformed."""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str

    @property
    def lower(self) -> str:
        return self.text.lower()


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Literal:
    value: object


@dataclass(frozen=True)
class Regex:
    pattern: "re.Pattern[str]"


@dataclass(frozen=True)
class Call:
    function: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Binary:
    sign: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Not:
    inner: "Expression"


@dataclass(frozen=True)
class Items:
    inner: "tuple[Expression, ...]"


Expression = Name | Literal | Regex | Call | Binary | Not | Items


@dataclass(frozen=True)
class Column:
    """An expression and what it is called."""

    expression: Expression
    name: str


@dataclass(frozen=True)
class Command:
    """`columns`: what is shown, grouped over (`by`), or sorted by (with `down` for each)."""

    name: str
    columns: tuple[Column, ...] = ()
    by: tuple[Column, ...] = ()
    down: tuple[bool, ...] = ()
    condition: Expression | None = None
    count: int = 0
    names: tuple[str, ...] = ()


def tokens(text: str) -> Iterator[Token]:
    """A slash begins a regular expression where a value is expected, and divides elsewhere."""
    at, before = 0, ""
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        if found and found.lastgroup == "regex" and before in ("number", "close"):
            found = re.compile(r"\s*(?P<sign>/)").match(text, at)
        if not found or not found.lastgroup:
            raise QueryError(f"unexpected symbol found {text[at : at + 20].strip()}")
        token = Token(found.lastgroup, found[found.lastgroup])
        yield token
        before = "close" if token.text in (")", "]") else token.kind
        at = found.end()


def literal(token: Token) -> Expression:
    match token.kind:
        case "regex":
            return Regex(_compiled(token.text[1:-1].replace(r"\/", "/")))
        case "text":
            return Literal(re.sub(r"\\(.)", r"\1", token.text[1:-1]))
        case "number":
            return Literal(float(token.text))
        case "span":
            return Literal(_span(token.text))
    raise QueryError(f"unexpected symbol found {token.text}")


def written(tokens: list[Token]) -> str:
    """As the query has it, which is what the column is called."""
    text = "".join(t.text if t.text != "," else ", " for t in tokens)
    return text.strip("`") if len(tokens) == 1 else text


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern.replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!"))
    except re.error as error:
        raise QueryError(f"Invalid regular expression: {error}") from None


def glob(pattern: str) -> re.Pattern[str]:
    return re.compile(
        "(.*?)".join(re.escape(part) for part in pattern.split("*")) + ("$" if pattern[-1:] == "*" else "")
    )


def _span(text: str) -> float:
    found = re.fullmatch(r"([\d.]+)([a-z]+)", text)
    if not found:
        raise QueryError(f"unexpected symbol found {text}")
    return float(found[1]) * SECONDS[found[2]]
