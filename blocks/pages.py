"""The direct message that pages somebody where PagerDuty does not."""

from __future__ import annotations

from blocks.rich import Line, bold, bullets, flat, own, rich, url, words
from blocks.text import MESSAGE_TEXT, Block, clip_markup
from bot.models import Message, Page, Role

_SERVICE = 80
_SUMMARY = 1000
_NAME = 60
_VALUE = 200
DETAILS_SHOWN = 10
_ASKED = {
    Role.PRIMARY: "you are on call (primary)",
    Role.SECONDARY: "you are on call (secondary)",
    Role.TEAM_LEAD: "you are called as team lead",
    Role.MANAGER: "you are called as engineering manager",
    Role.COMMANDER: "you are called as incident commander",
    Role.ASKED: "you were asked for by name",
}


def page(what: Page, role: Role) -> Message:
    """`📟 SEV-1 · checkout-api · payments fail — you are on call (primary). Open the card`, and the page's details."""
    head = [bold(f"📟 {what.severity.label}"), own(" · "), words(what.service, _SERVICE), own(" · ")]
    told: Line = [*head, words(what.summary, _SUMMARY), own(f" — {_ASKED[role]}.")]
    link: Line = [own(" "), url(what.link, "Open the card")] if what.link else []
    blocks: list[Block] = [rich([*told, *link])]
    details = list(what.details.items())[:DETAILS_SHOWN]
    if details:
        blocks.append(bullets(*([words(name, _NAME), own(": "), words(value, _VALUE)] for name, value in details)))
    return Message(clip_markup(flat(told, _SUMMARY), MESSAGE_TEXT - len(flat(link))) + flat(link), blocks)
