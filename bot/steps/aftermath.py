"""The steps of post-mortems and action items: pure decisions from what is stored to all that is written.

Each returns the Change, or None where it is so already; it raises Refused where the state does not allow the step.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from blocks.text import one_line
from bot.errors import Overtaken, Refused
from bot.models import (
    ActionItem,
    Change,
    EventKind,
    Incident,
    Owed,
    PostMortem,
    PostMortemStatus,
    Section,
    SectionName,
    TimelineEvent,
    Timer,
)
from bot.owed import aftermath as owed
from bot.owed import incidents as owed_to_incident
from bot.steps.reminders import REMIND, Rhythm

FOLLOWED = timedelta(days=30)  # after it was done or filed, what GitHub has of it
_S = PostMortemStatus


def begun(written: PostMortem, incident: Incident, now: datetime, rhythm: Rhythm) -> Change:
    """A draft waits for its owner."""
    text = f"post-mortem begun for {incident.id}"
    event = _line(incident, now, text, written.begun_by)
    rows = owed.cards(written, incident, is_first=True)
    return _change(written, incident, event, *rows) + reminded_next(written, now, rhythm)


def held(written: PostMortem, incident: Incident) -> Change | None:
    """Its incident goes on: nothing is due meanwhile, and what was written stays."""
    if written.due_at is None:
        return None
    after = written.changed(due_at=None)
    return Change(post_mortems=(after,), owed=owed.cards(after, incident), cancel_timers=((REMIND, written.id),))


def due_again(
    written: PostMortem, incident: Incident, now: datetime, due_at: datetime, rhythm: Rhythm
) -> Change | None:
    """Its incident is over again. What was filed or waived before that is a draft again: more has happened."""
    if written.due_at == due_at:
        return None
    values = {"due_at": due_at, "severity": incident.severity, "owner": written.owner or incident.commander}
    if not written.is_open:
        values |= {"status": _S.DRAFT, "ended_at": None, "ended_by": None, "reason": "", "reminded_at": None}
    after = written.changed(**values)
    return Change(post_mortems=(after,), owed=owed.cards(after, incident)) + reminded_next(after, now, rhythm)


def revived(
    written: PostMortem, incident: Incident, now: datetime, by: str, *, due_at: datetime, rhythm: Rhythm
) -> Change | None:
    """Waived, and wanted all the same. `rhythm` is its owner's; a waived one that nobody owned is theirs who asked."""
    if written.is_open:
        return None
    if written.status is not _S.WAIVED:
        need_open(written)
    fresh = {"status": _S.DRAFT, "ended_at": None, "ended_by": None, "reason": "", "reminded_at": None}
    after = written.changed(**fresh, due_at=due_at, owner=written.owner or by)
    event = _line(incident, now, f"post-mortem begun again, which was waived: {one_line(written.reason)}", by)
    return _change(after, incident, event, *owed.cards(after, incident)) + reminded_next(after, now, rhythm)


def edited(written: PostMortem, incident: Incident, section: Section, *, seen: int, now: datetime) -> Change | None:
    """`seen`: the version of the section that the form showed; raises Overtaken where there is another by now."""
    before = _seen(written, section.name, seen)
    if before is not None and (before.text, before.is_added) == (section.text, section.is_added):
        return None
    after = written.changed(sections=written.with_section(section.model_copy(update={"version": seen + 1})))
    text = f"{section.name.label.lower()} of the post-mortem written"
    return _change(after, incident, _line(incident, now, text, section.by), *owed.cards(after, incident))


def redrafted(
    written: PostMortem, incident: Incident, name: SectionName, by: str, *, seen: int, now: datetime
) -> Change | None:
    """The section is again what is known."""
    if _seen(written, name, seen) is None:
        return None
    after = written.changed(sections=tuple(one for one in written.sections if one.name is not name))
    text = f"{name.label.lower()} of the post-mortem drafted anew"
    return _change(after, incident, _line(incident, now, text, by), *owed.cards(after, incident))


def _seen(written: PostMortem, name: SectionName, seen: int) -> Section | None:
    """The section as somebody wrote it, if that is what the form showed."""
    need_open(written)
    before = written.section(name)
    if seen != (before.version if before is not None else 0):
        raise Overtaken("text", f"Somebody else saved “{name.label}” while you were typing.")
    return before


def assigned(
    written: PostMortem, incident: Incident, now: datetime, by: str, *, owner: str, rhythm: Rhythm
) -> Change | None:
    """`rhythm` is the new owner's."""
    need_open(written)
    if written.owner == owner:
        return None
    after = written.changed(owner=owner, given_by=_giver(by, owner), reminded_at=None)
    event = _line(incident, now, "post-mortem given to", by).model_copy(update={"about": owner})
    told = (owed.reminder(after),) if by != owner else ()
    rows = (*owed.cards(after, incident), *told, *_reminded(written))
    return _change(after, incident, event, *rows) + reminded_next(after, now, rhythm)


def submitted(written: PostMortem, incident: Incident, now: datetime, by: str) -> Change | None:
    need_open(written)
    if written.status is _S.IN_REVIEW:
        return None
    after = written.changed(status=_S.IN_REVIEW, submitted_by=by, submitted_at=now)
    event = _line(incident, now, "post-mortem ready for review", by)
    return _change(after, incident, event, *owed.cards(after, incident))


def filed(written: PostMortem, incident: Incident, now: datetime, by: str, *, proposes: bool) -> Change | None:
    """The file is owed to the thread; `proposes`: a pull request as well."""
    if written.status is _S.FILED:
        return None
    need_open(written)
    fresh = {"url": "", "is_elsewhere": False, "is_declined": False}
    after = written.changed(status=_S.FILED, ended_by=by, ended_at=now, **fresh)
    rows = [owed.file(after), *([owed.pull_request(after)] if proposes else []), *owed.cards(after, incident)]
    return _ended(after, incident, _line(incident, now, "post-mortem filed", by), *rows)


def filed_elsewhere(written: PostMortem, incident: Incident, now: datetime, by: str, *, url: str) -> Change | None:
    """Another address takes the place of one that was wrong."""
    if written.status is _S.FILED and written.url == url:
        return None
    if written.status is _S.FILED and written.is_elsewhere:
        after = written.changed(url=url)
        event = _line(incident, now, f"post-mortem is filed at {url}, not at {written.url}", by)
        return _change(after, incident, event, *owed.cards(after, incident))
    need_open(written)
    after = written.changed(status=_S.FILED, ended_by=by, ended_at=now, url=url, is_elsewhere=True)
    event = _line(incident, now, f"post-mortem filed elsewhere: {url}", by)
    return _ended(after, incident, event, *owed.cards(after, incident))


def waived(written: PostMortem, incident: Incident, now: datetime, by: str | None, *, why: str) -> Change | None:
    if written.status is _S.WAIVED:
        return None
    need_open(written)
    after = written.changed(status=_S.WAIVED, ended_by=by, ended_at=now, reason=why)
    event = _line(incident, now, f"post-mortem waived: {one_line(why)}", by)
    return _ended(after, incident, event, *owed.cards(after, incident))


def proposed(written: PostMortem, incident: Incident, url: str, now: datetime) -> Change | None:
    """The pull request is open."""
    if written.url == url:
        return None
    after = written.changed(url=url)
    event = _line(incident, now, f"pull request for the post-mortem: {url}", None)
    return _change(after, incident, event, *owed.cards(after, incident))


def answered(written: PostMortem, incident: Incident, now: datetime, *, is_declined: bool) -> Change | None:
    """Its pull request was closed without merging, or that was taken back."""
    if written.is_declined == is_declined:
        return None
    after = written.changed(is_declined=is_declined)
    state = "closed without merging" if is_declined else "open again, or merged"
    event = _line(incident, now, f"the pull request for the post-mortem is {state}", None)
    return _change(after, incident, event, *owed.cards(after, incident))


def need_open(written: PostMortem) -> None:
    if not written.is_open:
        more = f": {written.reason}" if written.reason else ""
        raise Refused(
            f"The post-mortem of {written.about} is {written.status.value} already{more}.", who=written.ended_by
        )


# -- action items


def added(item: ActionItem, incident: Incident, now: datetime, rhythm: Rhythm, *, is_tracked: bool) -> Change:
    """`rhythm` is the owner's; `is_tracked`: it becomes an issue.

    Its owner is told where somebody else gave it to them, or where it is due today.
    """
    event = TimelineEvent(
        incident=incident.number,
        at=now,
        kind=EventKind.ACTION_ITEM,
        text=f"{item.title} (due {item.due}, {item.id})",
        actor=item.created_by,
        about=item.owner,
        source=item.source or None,
    )
    issue = owed.ticket(item, "open") if is_tracked else None
    rows = [*owed_to_incident.cards(incident), *([issue] if issue else [])]
    is_for_today = item.due <= now.astimezone(rhythm.zone).date()
    if item.owner != item.created_by or is_for_today:
        rows.append(owed.first_reminder(item, issue, now) if issue else owed.reminder(item))
    change = Change(action_items=(item,), timeline=(event,), owed=tuple(rows))
    return change + reminded_next(item, now, rhythm)


def closed(item: ActionItem, incident: Incident, now: datetime, by: str | None, via: str = "") -> Change | None:
    """`via` says where it was closed, when not here; else its issue is still to be closed."""
    if not item.is_open:
        return None
    after = item.changed(is_open=False, closed_by=by, closed_at=now, via=via)
    issue = (owed.ticket(after, "state"),) if after.ticket is not None and not via else ()
    event = _line(incident, now, f"{item.id} is done: {item.title}" + (f" ({via})" if via else ""), by)
    return Change(
        action_items=(after,),
        timeline=(event,),
        owed=(*owed_to_incident.cards(incident), *issue, owed.reminded(after, after.owner)),
        cancel_timers=((REMIND, item.id),),
    )


def reopened(
    item: ActionItem, incident: Incident, now: datetime, by: str | None, rhythm: Rhythm, via: str = ""
) -> Change | None:
    """It was not done after all. `via` says where it was reopened, when not here; else its issue is still to be."""
    if item.is_open:
        return None
    after = item.changed(is_open=True, closed_by=None, closed_at=None, via="")
    issue = (owed.ticket(after, "state"),) if after.ticket is not None and not via else ()
    event = _line(incident, now, f"{item.id} is open again: {item.title}" + (f" ({via})" if via else ""), by)
    shown = owed.reminded(after, after.owner, rhythm.next_for(after, now))
    rows = (*owed_to_incident.cards(incident), *issue, shown)
    return Change(action_items=(after,), timeline=(event,), owed=rows) + reminded_next(after, now, rhythm)


def given(item: ActionItem, incident: Incident, now: datetime, owner: str, by: str, rhythm: Rhythm) -> Change | None:
    """`rhythm` is the new owner's."""
    if not item.is_open:
        raise Refused(f"{item.id} is done already.", who=item.closed_by)
    if item.owner == owner:
        return None
    after = item.changed(owner=owner, given_by=_giver(by, owner), reminded_at=None)
    event = _line(incident, now, f"{item.id} ({item.title}) given to", by).model_copy(update={"about": owner})
    told = (owed.reminder(after),) if by != owner else ()
    issue = (owed.ticket(after, "revise"),) if after.ticket is not None else ()
    rows = (*owed_to_incident.cards(incident), *told, *issue, owed.reminded(after, item.owner))
    return Change(action_items=(after,), timeline=(event,), owed=rows) + reminded_next(after, now, rhythm)


def moved(item: ActionItem, incident: Incident, now: datetime, due: date, by: str, rhythm: Rhythm) -> Change | None:
    """It is due on another day. `rhythm` is its owner's."""
    if not item.is_open:
        raise Refused(f"{item.id} is done already.", who=item.closed_by)
    if item.due == due:
        return None
    after = item.changed(due=due)
    event = _line(incident, now, f"{item.id} is due {due}, not {item.due}: {item.title}", by)
    issue = (owed.ticket(after, "revise"),) if after.ticket is not None else ()
    shown = owed.reminded(after, after.owner, rhythm.next_for(after, now))
    rows = (*owed_to_incident.cards(incident), *issue, shown)
    return Change(action_items=(after,), timeline=(event,), owed=rows) + reminded_next(after, now, rhythm)


def tracked(item: ActionItem, incident: Incident, now: datetime) -> Change:
    """Its issue is there, which the timeline said was not."""
    return Change(timeline=(_line(incident, now, f"issue of {item.id}: {item.url}", None),))


# -- both


def reminded_next(subject: PostMortem | ActionItem, now: datetime, rhythm: Rhythm) -> Change:
    """Its timer, in place of the one that it had."""
    return timed(subject, rhythm.next_for(subject, now))


def _giver(by: str, owner: str) -> str | None:
    return by if by != owner else None


def timed(subject: PostMortem | ActionItem, due: datetime | None) -> Change:
    timers = (Timer(kind=REMIND, subject=subject.id, due_at=due),) if due is not None else ()
    return Change(timers=timers, cancel_timers=((REMIND, subject.id),))


def _line(incident: Incident, now: datetime, text: str, by: str | None) -> TimelineEvent:
    return TimelineEvent(incident=incident.number, at=now, kind=EventKind.POST_MORTEM, text=text, actor=by)


def _change(after: PostMortem, incident: Incident, event: TimelineEvent, *rows: Owed) -> Change:
    return Change(post_mortems=(after,), timeline=(event,), owed=(*rows, *owed_to_incident.cards(incident)))


def _ended(after: PostMortem, incident: Incident, event: TimelineEvent, *rows: Owed) -> Change:
    return _change(after, incident, event, *rows, *_reminded(after)) + Change(cancel_timers=((REMIND, after.id),))


def _reminded(written: PostMortem) -> tuple[Owed, ...]:
    """What its owner was told shows that it changed."""
    return (owed.reminded(written, written.owner),) if written.owner else ()
