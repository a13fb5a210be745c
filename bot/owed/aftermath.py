"""What comes after an incident owes: the post-mortem's card, file and pull request, issues, reminders."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.models import ActionItem, Incident, Owed, OwedKind, PostMortem, Priority
from bot.owed import Target

_ISSUE_WAITED_FOR = timedelta(minutes=1)
_GATHERED = timedelta(seconds=5)


def looked_at(incident: Incident) -> Owed:
    """It ended or began again: what that means for its post-mortem is decided next."""
    lane = f"aftermath:{incident.number}"
    return Owed(kind=OwedKind.AFTERMATH, lane=lane, pace=lane, coalesce=lane, subject=incident.id)


def places(incident: Incident) -> tuple[str, ...]:
    """Under its card, and in its own channel where it has one."""
    return (Target.OPS.value, *((incident.channel_id,) if incident.channel_id else ()))


def card(written: PostMortem, place: str, *, is_first: bool = False) -> Owed:
    lane = f"post-mortem:{written.incident}:{place}"
    pace = f"post:{place}" if is_first else f"edit:{written.id}:{place}"
    body = {"target": place}
    return Owed(kind=OwedKind.POST_MORTEM, lane=lane, coalesce=lane, pace=pace, subject=written.id, body=body)


def cards(written: PostMortem, incident: Incident, *, is_first: bool = False) -> tuple[Owed, ...]:
    return tuple(card(written, place, is_first=is_first) for place in places(incident))


def file(written: PostMortem) -> Owed:
    """The Markdown as it was filed, as a file in the thread."""
    lane = f"file:{written.incident}"
    return Owed(kind=OwedKind.FILE, lane=lane, pace="post:ops", subject=written.id)


def pull_request(written: PostMortem) -> Owed:
    """Opened, or revised while it is open."""
    lane = f"pull-request:{written.incident}"
    return Owed(kind=OwedKind.PULL_REQUEST, lane=lane, coalesce=lane, pace="tracker", subject=written.id)


def ticket(item: ActionItem, what: str) -> Owed:
    """The issue of an action item: `open` it, `revise` what it says, or close or reopen it (`state`), each as
    the item is by then and in its own lane."""
    lane = f"ticket:{item.number}" if what == "open" else f"ticket:{item.number}:{what}"
    return Owed(kind=OwedKind.TICKET, lane=lane, pace=lane, subject=item.id, coalesce=lane, body={"what": what})


def look_at_tracker(due: datetime, since: datetime) -> Owed:
    """What changed there since: one look at all issues and pull requests."""
    return Owed(
        kind=OwedKind.TICKET,
        lane="tickets",
        pace="tickets",
        priority=Priority.COMFORT,
        not_before=due,
        coalesce="tickets",
        body={"what": "look", "since": since.isoformat()},
    )


def reminder(subject: PostMortem | ActionItem) -> Owed:
    """Its owner is told, as things stand by then."""
    pace = f"remind:{subject.owner}" if subject.owner else "post:ops"
    lane = f"remind:{subject.id}"
    return Owed(
        kind=OwedKind.REMIND, lane=lane, coalesce=lane, pace=pace, subject=subject.id, priority=Priority.COMFORT
    )


def first_reminder(item: ActionItem, issue: Owed, now: datetime) -> Owed:
    """One that links to the issue which is to be opened: after its first try, or a minute later without the link."""
    return reminder(item).model_copy(
        update={"after": issue.id, "patient": False, "until": now + _ISSUE_WAITED_FOR},
    )


def reminded(subject: PostMortem | ActionItem, user: str, until: datetime | None = None) -> Owed:
    """What somebody was reminded with shows what became of it; `until`: they are reminded again then."""
    lane = f"reminded:{subject.id}:{user}"
    return Owed(
        kind=OwedKind.REMIND,
        lane=lane,
        coalesce=lane,
        pace=f"edit:{lane}",
        subject=subject.id,
        priority=Priority.COMFORT,
        body={"to": user, "until": until.isoformat() if until else ""},
    )


def unowned(now: datetime) -> Owed:
    """The incident channel is asked who takes what nobody owns. What is found within seconds comes as one message."""
    lane = "remind:unowned"
    return Owed(
        kind=OwedKind.REMIND,
        lane=lane,
        coalesce=lane,
        pace=f"post:{Target.OPS}",
        priority=Priority.COMFORT,
        not_before=now + _GATHERED,
        body={"asks": "owner"},
    )


def overdue() -> Owed:
    """The incident channel is told what is overdue, as things stand by then."""
    lane = "remind:overdue"
    return Owed(kind=OwedKind.REMIND, lane=lane, coalesce=lane, pace=f"post:{Target.OPS}", priority=Priority.COMFORT)
