"""What follows from any change of an incident, whoever made it: its clock, the pager, the bus, the mail. Pure."""

from __future__ import annotations

from blocks import templates
from bot import events
from bot.models import Change, Incident, Owed, Role, Status
from bot.owed import aftermath
from bot.owed import alerts as owed
from bot.steps import deadlines
from bot.triage import Rules


def of(before: Incident | None, after: Incident, rules: Rules) -> Change:
    """`before` None: it is new."""
    rows: list[Owed] = []
    if before is None and after.awaits and after.page_keys:
        rows.append(owed.page(after, Role.PRIMARY))
    if before is not None and before.awaits and not after.awaits and after.is_open and not after.via:
        rows += [owed.pager(after, key, "acknowledge", user=after.acknowledged_by) for key in after.page_keys]
    if before is not None and before.is_open and not after.is_open and after.status is not Status.MERGED:
        rows += [owed.pager(after, key, "resolve") for key in after.page_keys]
    if after.status is Status.RESOLVED and (before is None or before.status is not Status.RESOLVED):
        rows += _told(after, rules)
    if before is not None and before.is_open is not after.is_open:
        rows.append(aftermath.looked_at(after))
    return Change(owed=tuple(rows)) + deadlines.of_incident(after, rules.policy)


def _told(incident: Incident, rules: Rules) -> list[Owed]:
    """The bus and the mail hear that it is over."""
    rows = [*owed.events([events.resolved(incident, rules.post_mortem_due)])]
    topic = rules.topic(incident.severity)
    if topic:
        message = templates.resolved(incident, rules.post_mortem_due)
        title = f"{incident.id} resolved: {incident.severity.label} {incident.service}"
        rows.append(owed.mail(incident.id, topic, title, message.text.replace("*", "")))
    return rows
