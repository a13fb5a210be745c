"""Lines of pieces that become both a rich_text block and the message's plain `text`.

A rich_text text element knows no markup at all, so foreign words stay words: they can't format, mention or link. In
`text` they are escaped. (docs.slack.dev/reference/block-kit/blocks/rich-text-block)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from blocks.text import Block, clip_markup, escape, isolated, link, one_line, unformatted, utc, when
from blocks.text import clean as clean_text
from blocks.text import literal as literal_text

TEXT_SHOWN = 3500

Piece = Block
Line = Sequence[Piece]


def own(text: str, **style: bool) -> Piece:
    """Our own words."""
    return {"type": "text", "text": text, "style": style} if style else {"type": "text", "text": text}


def bold(text: str) -> Piece:
    return own(text, bold=True)


def words(text: str, limit: int) -> Piece:
    """Foreign words in one line, at most `limit` characters; never empty."""
    return own(isolated(one_line(text), limit) or "–")


def prose(text: str, limit: int) -> Piece:
    """Foreign text with its line ends, at most `limit` characters; never empty."""
    return own(isolated(clean_text(text), limit) or "–")


def literal(text: str, limit: int) -> Piece:
    """The same as code: a pattern's asterisks stay asterisks also where the line becomes message text."""
    return {**words(text, limit), "style": {"code": True}}


def user(user_id: str | None) -> Piece:
    return {"type": "user", "user_id": user_id} if user_id else own("the bot")


def url(address: str, title: str = "") -> Piece:
    piece: Piece = {"type": "link", "url": address}
    return {**piece, "text": isolated(one_line(title), 200)} if title else piece


def moment(at: datetime, form: str = "{time}") -> Piece:
    """A moment in the reader's own zone."""
    return {
        "type": "date",
        "timestamp": int(at.timestamp()),
        "format": form,
        "fallback": utc(at),
    }


def rich(*lines: Line) -> Block:
    """The lines as one rich_text block."""
    elements: list[Piece] = []
    for number, line in enumerate(lines):
        elements += [own("\n")] if number else []
        elements += line
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def code(text: str, limit: int) -> Block:
    """Foreign text as a block of code, at most `limit` characters."""
    shown = {"type": "rich_text_preformatted", "elements": [prose(text, limit)]}
    return {"type": "rich_text", "elements": [shown]}


def bullets(*lines: Line) -> Block:
    """The lines as a bullet list."""
    items = [{"type": "rich_text_section", "elements": list(line)} for line in lines]
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_list", "style": "bullet", "elements": items}],
    }


def plain(blocks: Sequence[Block]) -> str:
    """What rich_text blocks say, for where there is no markup at all, such as a mail; people are left out."""
    return "\n".join("".join(map(_plain, _pieces(block))) for block in blocks)


def _pieces(block: Block) -> list[Piece]:
    return [piece for element in block["elements"] for piece in element["elements"]]


def _plain(piece: Piece) -> str:
    match piece["type"]:
        case "link":
            return f"{piece['text']} {piece['url']}" if "text" in piece else str(piece["url"])
        case "date":
            return str(piece["fallback"])
        case _:
            return str(piece.get("text", ""))


def flat(line: Line, limit: int = TEXT_SHOWN) -> str:
    """The line as message text; no piece gets longer than `limit` by escaping."""
    return "".join(_flat(piece, limit) for piece in line)


def _flat(piece: Piece, limit: int) -> str:
    match piece["type"]:
        case "user":
            return f"<@{piece['user_id']}>"
        case "link":
            return link(piece["url"], piece["text"]) if "text" in piece else f"<{escape(piece['url'])}>"
        case "date":
            return when(datetime.fromtimestamp(piece["timestamp"], UTC), piece["format"])
        case _:
            style = piece.get("style", {})
            if style.get("code"):
                return literal_text(piece["text"], limit)
            text = clip_markup(unformatted(escape(piece["text"])), limit)
            return f"*{text}*" if style.get("bold") else text
