"""The query language of Logs Insights, the part that people use, read into commands.

fields, display, filter, parse, stats … by …, sort, limit, dedup; in expressions comparisons, like, in, and, or, not,
arithmetic and the functions of `expressions`.
"""

import re
from collections.abc import Iterator

from sandbox.aws.logs.syntax import (
    COMMANDS,
    Binary,
    Call,
    Column,
    Command,
    Expression,
    Items,
    Literal,
    Name,
    Not,
    QueryError,
    Regex,
    Token,
    glob,
    literal,
    tokens,
    written,
)


def parse(query: str) -> list[Command]:
    commands = []
    for part in _split(query):
        text = "\n".join(line for line in part.splitlines() if not line.lstrip().startswith("#")).strip()
        if text:
            commands.append(_Parser(text).command())
    if not commands:
        raise QueryError("The query is empty")
    return commands


def _split(query: str) -> Iterator[str]:
    """At pipes that are neither in texts nor in regular expressions."""
    part, quote, escaped, before = "", "", False, ""
    for letter in query:
        if quote:
            part += letter
            quote = "" if letter == quote and not escaped else quote
            escaped = letter == "\\" and not escaped
            continue
        if letter in "\"'" or (letter == "/" and re.search(r"(like|=~|parse\s+\S+|parse)\s*$", before, re.I)):
            quote, escaped = letter, False
        if letter == "|":
            yield part
            part = before = ""
            continue
        part += letter
        before = part
    yield part


class _Parser:
    """Recursive descent over the tokens of one command."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._at = 0

    def command(self) -> Command:
        word = self._next().lower
        if word not in COMMANDS:
            raise QueryError(f"unexpected symbol found {word}")
        found = self._read(word)
        if self._at < len(self._tokens):
            raise QueryError(f"unexpected symbol found {self._tokens[self._at].text}")
        return found

    def _read(self, word: str) -> Command:
        match word:
            case "fields" | "display":
                found = Command(word, columns=self._columns())
            case "filter" | "where":
                found = Command("filter", condition=self._either())
            case "parse":
                found = self._parse()
            case "stats":
                columns = self._columns()
                found = Command("stats", columns=columns, by=self._columns() if self._took("by") else ())
            case "sort":
                found = self._sort()
            case "dedup":
                found = Command("dedup", columns=self._columns())
            case _:
                found = Command("limit", count=self._number())
        return found

    def _columns(self) -> tuple[Column, ...]:
        found = [self._column()]
        while self._took(","):
            found.append(self._column())
        return tuple(found)

    def _column(self) -> Column:
        start = self._at
        expression = self._either()
        name = written(self._tokens[start : self._at])
        if self._took("as"):
            name = self._name()
        return Column(expression, name)

    def _parse(self) -> Command:
        of, pattern = self._one(), self._one()
        names: list[str] = []
        if self._took("as"):
            names.append(self._name())
            while self._took(","):
                names.append(self._name())
        if isinstance(pattern, Literal):
            pattern = Regex(glob(str(pattern.value)))
        if not isinstance(pattern, Regex):
            raise QueryError("parse needs a pattern")
        groups = pattern.pattern.groups
        names = names or list(pattern.pattern.groupindex)
        if len(names) != groups:
            raise QueryError(f"parse has {groups} groups and {len(names)} names")
        return Command("parse", columns=(Column(of, ""),), condition=pattern, names=tuple(names))

    def _sort(self) -> Command:
        columns, down = [], []
        while True:
            columns.append(self._column())
            down.append(self._took("desc"))
            if not down[-1]:
                self._took("asc")
            if not self._took(","):
                return Command("sort", columns=tuple(columns), down=tuple(down))

    # Expressions, the loosest first

    def _either(self) -> Expression:
        found = self._both()
        while self._took("or"):
            found = Binary("or", found, self._both())
        return found

    def _both(self) -> Expression:
        found = self._not()
        while self._took("and"):
            found = Binary("and", found, self._not())
        return found

    def _not(self) -> Expression:
        return Not(self._not()) if self._took("not") else self._compared()

    def _compared(self) -> Expression:
        left = self._sum()
        negated = self._peek() == "not" and self._peek(1) in ("like", "in")
        if negated:
            self._at += 1
        for sign in ("like", "=~", "in", "=", "!=", ">=", "<=", ">", "<"):
            if self._took(sign):
                found = Binary("like" if sign == "=~" else sign, left, self._items() if sign == "in" else self._sum())
                return Not(found) if negated else found
        return left

    def _items(self) -> Expression:
        self._need("[")
        found = [self._sum()]
        while self._took(","):
            found.append(self._sum())
        self._need("]")
        return Items(tuple(found))

    def _sum(self) -> Expression:
        found = self._product()
        while self._peek() in ("+", "-"):
            found = Binary(self._next().text, found, self._product())
        return found

    def _product(self) -> Expression:
        found = self._one()
        while self._peek() in ("*", "/", "%", "^"):
            found = Binary(self._next().text, found, self._one())
        return found

    def _one(self) -> Expression:
        token = self._next()
        if token.text == "(":
            found = self._either()
            self._need(")")
            return found
        if token.text == "-":
            return Binary("-", Literal(0.0), self._one())
        return self._named(token) if token.kind == "name" else literal(token)

    def _named(self, token: Token) -> Expression:
        if not self._took("("):
            return Name(token.text.strip("`"))
        arguments: list[Expression] = []
        if self._took("*"):
            arguments.append(Literal("*"))
        elif self._peek() != ")":
            arguments.append(self._either())
            while self._took(","):
                arguments.append(self._either())
        self._need(")")
        return Call(token.lower, tuple(arguments))

    def _name(self) -> str:
        token = self._next()
        if token.kind != "name":
            raise QueryError(f"unexpected symbol found {token.text}")
        return token.text.strip("`")

    def _number(self) -> int:
        token = self._next()
        if token.kind != "number":
            raise QueryError(f"unexpected symbol found {token.text}")
        return int(float(token.text))

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at].lower if at < len(self._tokens) else ""

    def _took(self, word: str) -> bool:
        if self._peek() == word:
            self._at += 1
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._took(word):
            raise QueryError(f"expected {word}")

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise QueryError("unexpected end of the query")
        self._at += 1
        return self._tokens[self._at - 1]
