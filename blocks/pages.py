"""What a page tells whoever is called: its details, and the direct message that pages where PagerDuty does not."""

from __future__ import annotations

from datetime import UTC, datetime

from blocks import alert_numbers as numbers
from blocks.alert import AlertFacts
from blocks.card import CardFacts
from blocks.rich import Line, Piece, bold, bullets, flat, own, rich, url, words
from blocks.text import MESSAGE_TEXT, Block, clip_markup, one_line
from bot.models import Message, Page, Role, Stage

_SERVICE = 80
_SUMMARY = 1000
_NAME = 60
_VALUE = 200
_URL = 2000
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
        blocks.append(bullets(*([words(name, _NAME), own(": "), _told(value)] for name, value in details)))
    return Message(clip_markup(flat(told, _SUMMARY), MESSAGE_TEXT - len(flat(link))) + flat(link), blocks)


def _told(value: str) -> Piece:
    return (
        url(value, value) if value.startswith(("https://", "http://")) and len(value) <= _URL else words(value, _VALUE)
    )


def of_alert(facts: AlertFacts) -> dict[str, str]:
    """What somebody who is called about an alert needs to begin, the most useful first; addresses are whole."""
    alert, alarm, context = facts.alert, facts.alert.alarm, facts.context
    rated = next((each.reason for each in reversed(alert.decisions) if each.stage is Stage.SEVERITY), "")
    found = {
        "alarm": alarm.name,
        "value": numbers.value(alarm, alert.value) if alert.value is not None else "",
        "threshold": numbers.limit(alarm, alert.value),
        "runbook": context.runbook,
        "dashboard": context.dashboard,
        "console": context.console,
        "service": alert.service,
        "environment": alert.environment,
        "account": one_line(f"{context.account} {alarm.region}"),
        "owner": context.owner,
        "metric": numbers.source(alarm),
        "reason": alert.reason,
        "why this severity": rated,
        "fired at": _moment(alert.fired_at),
    }
    return {name: value for name, value in found.items() if value}


def _moment(at: datetime) -> str:
    """`22 Nov 2026 10:22:00 UTC`: PagerDuty shows it as it is, to people in any zone."""
    return f"{at.astimezone(UTC):%d %b %Y %H:%M:%S} UTC"


def of_incident(facts: CardFacts) -> dict[str, str]:
    """The same about an incident that people declared."""
    found = {
        "incident": facts.incident.id,
        "impact": facts.incident.impact,
        "runbook": facts.runbook,
        "dashboard": facts.dashboard,
        "bridge": facts.bridge,
        "service": facts.incident.service,
        "owner": facts.owner,
        "declared at": _moment(facts.incident.declared_at),
    }
    return {name: value for name, value in found.items() if value}
