"""Markdown as blocks, for modals, which take no `markdown` block: headings, lists, quotes, tables, links, emphasis.

Text stays text: a rich_text element knows no markup, so nothing in it mentions or formats that is not Markdown.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from blocks.rich import Line, Piece, bold, own, url
from blocks.text import Block, clean, header

_BLOCK = 2900  # characters of a rich_text block
_HEADING = re.compile(r"#{1,6} +(.*)")
_ITEM = re.compile(r"( *)(?:([-*+])|\d{1,9}[.)]) +(.*)")
_EDGE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|?[\s:|-]+\|?")
_INLINE = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|`(?P<code>[^`\n]{1,500})`"
    r"|\*\*(?![\s*])(?P<bold>(?:\\.|[^*\\\n]){1,500})(?<!\s)\*\*"
    r"|(?<!\w)__(?![\s_])(?P<strong>(?:\\.|[^_\\\n]){1,500})__(?!\w)"
    r"|\*(?![\s*])(?P<italic>(?:\\.|[^*\\\n]){1,500})(?<!\s)\*"
    r"|(?<![\w\\])_(?![\s_])(?P<slanted>(?:\\.|[^_\\\n]){1,500})_(?!\w)"
    r"|~~(?![\s~])(?P<strike>(?:\\.|[^~\\\n]){1,500})~~"
    r"|\[(?P<title>(?:\\.|[^\]\\\n]){1,300})\]\((?P<url>https?://[^\s()]{1,2990})\)"
)
_STYLES = {"bold": "bold", "strong": "bold", "italic": "italic", "slanted": "italic", "strike": "strike"}
_NAME = r"\[((?:\\.|[^\[\]\\\n]){1,300})\]"
_ADDRESS = re.compile(rf" {{0,3}}{_NAME}: +<?(https?://[^\s<>]{{1,2990}})>?\s*")
_REFERENCE = re.compile(rf"(?<!\\){_NAME}(?:{_NAME})?(?![(\[:])")


def blocks(text: str) -> list[Block]:
    """A header for each heading, and rich text for what stands below it."""
    made: list[Block] = []
    parts: list[Block] = []
    size = 0
    for part in _parts(_linked(clean(text).split("\n"))):
        is_heading, length = part["type"] == "header", len(str(part.get("elements", "")))
        if parts and (is_heading or size + length > 3 * _BLOCK):
            made.append({"type": "rich_text", "elements": parts})
            parts, size = [], 0
        if is_heading:
            made.append(part)
        else:
            parts, size = [*parts, part], size + length
    return [*made, {"type": "rich_text", "elements": parts}] if parts else made


def _linked(lines: Sequence[str]) -> list[str]:
    """Links whose addresses stand in lines of their own, `[name]: https://…`, with them in their place."""
    found = {line: named for line in lines if (named := _ADDRESS.fullmatch(line))}
    known = {named[1].lower(): named[2].replace("(", "%28").replace(")", "%29") for named in found.values()}

    def link(reference: re.Match[str]) -> str:
        address = known.get((reference[2] or reference[1]).lower())
        return f"[{reference[1]}]({address})" if address else reference[0]

    return [_REFERENCE.sub(link, line) if known else line for line in lines if line not in found]


def _parts(lines: Sequence[str]) -> Iterator[Block]:
    """Headers, and the elements of rich text blocks."""
    at = 0
    while at < len(lines):
        end = at + 1
        line = lines[at]
        if heading := _HEADING.fullmatch(line.strip()):
            yield header(_plain(heading[1]))
        elif line.startswith("```"):
            end = next((n for n in range(at + 1, len(lines)) if lines[n].startswith("```")), len(lines)) + 1
            yield {"type": "rich_text_preformatted", "elements": [own("\n".join(lines[at + 1 : end - 1]) or " ")]}
        elif kind := _kind(line):
            while end < len(lines) and _kind(lines[end]) == kind:
                end += 1
            yield from _MAKERS[kind](lines[at:end])
        at = end


def _kind(line: str) -> str:
    """Lines of one kind that follow each other are one thing; empty: nothing to show, or no line of text."""
    if not line.strip() or _HEADING.fullmatch(line.strip()) or line.startswith("```"):
        return ""
    if line.startswith("|"):
        return "table"
    if line.startswith(">"):
        return "quote"
    return "list" if _ITEM.fullmatch(line) else "text"


def _text(lines: Sequence[str]) -> Iterator[Block]:
    yield {"type": "rich_text_section", "elements": [*_joined(lines), own("\n")]}


def _quote(lines: Sequence[str]) -> Iterator[Block]:
    yield {"type": "rich_text_quote", "elements": _joined([line[1:].strip() for line in lines])}


def _list(lines: Sequence[str]) -> Iterator[Block]:
    """Neighbours of one depth and kind are one list."""
    made: Block | None = None
    for line in lines:
        found = _ITEM.fullmatch(line)
        assert found is not None
        shape = {"style": "bullet" if found[2] else "ordered", "indent": min(len(found[1]) // 2, 8)}
        if made is None or {key: made[key] for key in shape} != shape:
            if made is not None:
                yield made
            made = {"type": "rich_text_list", **shape, "elements": []}
        made["elements"].append({"type": "rich_text_section", "elements": _line(found[3])})
    if made is not None:
        yield made


def _table(lines: Sequence[str]) -> Iterator[Block]:
    """A row of two cells without a heading is a fact; others are points, each cell with its column's name."""
    rows = [[cell.strip() for cell in _EDGE.split(line.strip().strip("|"))] for line in lines]
    has_head = len(lines) > 1 and _RULE.fullmatch(lines[1]) is not None
    names, rows = (rows[0], rows[2:]) if has_head else ([], rows)
    made = [_row(names, row) for row in rows]
    if not any(names):
        facts: list[Piece] = [piece for line in made for piece in (*line, own("\n"))]
        if facts:
            yield {"type": "rich_text_section", "elements": facts}
    elif made:
        points = [{"type": "rich_text_section", "elements": list(line)} for line in made]
        yield {"type": "rich_text_list", "style": "bullet", "elements": points}


def _row(names: Sequence[str], cells: Sequence[str]) -> Line:
    line: list[Piece] = []
    for number, cell in enumerate(cells):
        if not cell:
            continue
        name = names[number] if number < len(names) and (number > 1 or names[0]) else ""
        if number == 0:
            line += _line(cell) if "](" in cell else [bold(_plain(cell))]
        else:
            line += [
                own(" · " if any(names) else "  "),
                *([own(f"{_plain(name)} ")] if name else []),
                *_line(cell),
            ]
    return line or [own("–")]


_MAKERS = {"text": _text, "quote": _quote, "list": _list, "table": _table}


def _joined(lines: Sequence[str]) -> list[Piece]:
    pieces: list[Piece] = []
    for number, line in enumerate(lines):
        pieces += [*([own("\n")] if number else []), *_line(line, empty="")]
    return pieces or [own(" ")]


def _line(text: str, empty: str = "–", **style: bool) -> list[Piece]:
    """Emphasis may stand in emphasis."""
    pieces: list[Piece] = []
    at = 0
    for found in _INLINE.finditer(text):
        pieces += _words(text[at : found.start()], style)
        pieces += _marked(found, style)
        at = found.end()
    pieces += _words(text[at:], style)
    return pieces or _words(empty, style)


def _words(text: str, style: dict[str, bool]) -> list[Piece]:
    return [own(html.unescape(text), **style)] if text else []


def _marked(found: re.Match[str], style: dict[str, bool]) -> list[Piece]:
    kind = str(found.lastgroup)
    if kind in _STYLES:
        return _line(found[kind], " ", **{**style, _STYLES[kind]: True})
    if kind == "escaped":
        return [own(found["escaped"], **style)]
    if kind == "code":
        return [own(found["code"], **{**style, "code": True})]
    link = url(found["url"], _plain(found["title"]))
    return [{**link, "style": style} if style else link]


def _plain(text: str) -> str:
    """What it says, for where nothing can be emphasised."""
    return "".join(str(piece.get("text", "")) for piece in _line(text, "")).strip()
