"""App Home: what waits for somebody, what they work on, who is on call, and how the bot is connected.

Moments are absolute: a page in which nothing happened is the same page later, and need not be published again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from blocks import alert as alert_card
from blocks import card, fields, remediation, standing
from blocks.action_items import other_day
from blocks.ids import Action, View
from blocks.postmortem import editing, filing
from blocks.rich import Line, Piece, bold, moment, own, rich, url, user, words
from blocks.standing import AT, NAMES, SOME, Connection, Rota, more, said
from blocks.text import (
    Block,
    button,
    clip,
    confirm,
    header,
    label,
    one_line,
    option,
    plain_section,
    when,
)
from bot.config import Maintenance
from bot.models import ActionItem, Alert, Incident, Message, PostMortem, Remediation, SectionName, Silence, Status
from bot.models.digest import Digest

FEW = 5  # shown of each kind that waits; of post-mortems and action items, pressing and not
_RARE = 2  # of those that are filed and not where they belong
_SNOOZES = {"hour": "In 1 hour", "tomorrow": "Tomorrow", "monday": "Monday"}


class Unfiled(NamedTuple):
    """A post-mortem that was filed, of which `what` (its file or pull request) is not there, and why."""

    written: PostMortem
    what: str
    why: str
    is_given_up: bool = False


class Waiting(NamedTuple):
    """What somebody should do something about.

    alerts, called  nobody has acknowledged, or has any more, and this person is on call, was called or works on them
    plans           changes to AWS that this person may let run
    updates         incidents whose commander owes news, each with when that is due
    unfiled         filed, and something of it is not where it belongs
    post_mortems    theirs, the pressing ones first; `missing` what is still to be written of the first few, and
                    `cards` where they stand, by their ids
    pressing        the ids of post-mortems and action items that are due today, or that they were reminded of
    reminded        when the next reminder comes, by the id of the post-mortem or action item
    troubles        why its issue is not as it should be, by the id of the action item
    """

    alerts: Sequence[Alert] = ()
    called: Sequence[Incident] = ()
    plans: Sequence[Remediation] = ()
    updates: Sequence[tuple[Incident, datetime]] = ()
    post_mortems: Sequence[PostMortem] = ()
    unfiled: Sequence[Unfiled] = ()
    actions: Sequence[ActionItem] = ()
    pressing: frozenset[str] = frozenset()
    cards: Mapping[str, str] = {}
    missing: Mapping[str, Sequence[SectionName]] = {}
    reminded: Mapping[str, datetime] = {}
    troubles: Mapping[str, str] = {}


class HomeFacts(NamedTuple):
    """All that one person's App Home shows; `today` is their day. `rotas` None: nobody can tell who is on call."""

    person: str
    now: datetime
    today: date
    week: Digest
    week_before: Digest
    waiting: Waiting = Waiting()
    incidents: Sequence[Incident] = ()
    rotas: Sequence[Rota] | None = ()
    silences: Sequence[Silence] = ()
    maintenance: Sequence[tuple[Maintenance, datetime]] = ()
    connections: Sequence[Connection] = ()


def home(facts: HomeFacts, notice: Message | None = None, turn: int = 0) -> Block:
    """The view. `notice` answers the last click; selects forget what was chosen in them when `turn` is another."""
    blocks = [
        *([*notice.blocks[:FEW], {"type": "divider"}] if notice else []),
        *_waiting(facts, turn),
        *_mine(facts.incidents),
        *_afterwards(facts, turn),
        *standing.on_call(facts.person, facts.rotas),
        *standing.hidden(facts.silences, facts.maintenance),
        *standing.week(facts.week, facts.week_before),
        *standing.connected(facts.connections),
    ]
    return {"type": "home", "blocks": blocks}


def without_charts(view: Block) -> Block:
    """The same for a workspace that does not take them."""
    return {**view, "blocks": [block for block in view["blocks"] if block["type"] != "data_visualization"]}


def refused(why: str) -> Block:
    """For who may not see any of it."""
    return {"type": "home", "blocks": [header("This page is for responders"), plain_section(why)]}


def problem(message: Message) -> Block:
    """Why a click did nothing, over the page."""
    return fields.modal(View.PROBLEM, "That did not work", "", message.blocks, {})


# -- what waits


def _waiting(facts: HomeFacts, turn: int) -> list[Block]:
    """What is urgent, and what presses of what is to be done afterwards."""
    waiting = facts.waiting
    written = [each for each in waiting.post_mortems if each.id in waiting.pressing]
    actions = [each for each in waiting.actions if each.id in waiting.pressing]
    blocks = [
        *_some([[_alert(each)] for each in waiting.alerts]),
        *_some([[_called(each, facts.person)] for each in waiting.called]),
        *_some([_plan(each) for each in waiting.plans]),
        *_some([[_update(each, due, facts.now)] for each, due in waiting.updates]),
        *_some([_post_mortem(each, facts, turn) for each in written]),
        *_some([_action(each, facts, turn) for each in actions]),
        *more(len(waiting.alerts) - FEW, "alert", "alerts"),
        *more(len(waiting.called) - FEW, "incident", "list"),
        *more(len(waiting.plans) - FEW, "plan", "remediations"),
        *more(len(waiting.updates) - FEW, "update", "list"),
    ]
    is_quiet = not (facts.incidents or waiting.post_mortems or waiting.unfiled or waiting.actions)
    nothing = "Nothing. Enjoy the quiet." if is_quiet else "Nothing."
    return [header("Waiting for you"), *(blocks or [plain_section(nothing)])]


def _afterwards(facts: HomeFacts, turn: int) -> list[Block]:
    """Post-mortems and action items that have time, and how many of both kinds are not shown; else nothing."""
    waiting = facts.waiting
    written = [each for each in waiting.post_mortems if each.id not in waiting.pressing]
    actions = [each for each in waiting.actions if each.id not in waiting.pressing]
    for_written = max(FEW - (len(waiting.post_mortems) - len(written)), 0)
    for_actions = max(FEW - (len(waiting.actions) - len(actions)), 0)
    blocks = [
        *_some([[_unfiled(each)] for each in waiting.unfiled[:_RARE]]),
        *_some([_post_mortem(each, facts, turn) for each in written[:for_written]]),
        *_some([_action(each, facts, turn) for each in actions[:for_actions]]),
        *more(len(waiting.unfiled) - _RARE, "filed post-mortem", "postmortem"),
        *more(len(waiting.post_mortems) - FEW, "post-mortem", "digest"),
        *more(len(waiting.actions) - FEW, "action item", "actions"),
    ]
    return [header("After incidents"), *blocks] if blocks else []


def _some(lines: Sequence[Sequence[Block]]) -> list[Block]:
    return [block for line in lines[:FEW] for block in line]


def _alert(one: Alert) -> Block:
    name = clip(one_line(one.alarm.name), 150)
    take = button("Acknowledge", Action.ALERT_ACKNOWLEDGE, str(one.number), style="primary")
    return said(f"{alert_card.title(one)}\n{one.id} · {name}", _since(one), take)


def _since(one: Alert) -> str:
    if one.left_at is None:
        return f"Fired {when(one.fired_at, AT)}"
    ended = f"INC-{one.incident} ended" if one.incident is not None else "its page ended"
    return f"⚠ Still fires; {ended} {when(one.left_at, AT)}"


def _called(one: Incident, person: str) -> Block:
    take = button("Acknowledge", Action.ACKNOWLEDGE, str(one.number), style="primary")
    text = f"{card.title(one)}\n{clip(one_line(one.impact), 150)}"
    why = "You were called" if any(page.user_id == person for page in one.paged) else "You are on it"
    return said(text, f"{why} · declared {when(one.declared_at, AT)}", take)


def _plan(plan: Remediation) -> list[Block]:
    about: Line = [own(f" · for {plan.subject}")] if plan.subject else []
    asked: Line = [own("Asked by "), remediation.who(plan), *about, own(" · expires "), moment(plan.expires_at)]
    what, change = remediation.what(plan), remediation.change(plan)
    verb = "Approve" if plan.needs else "Run it"
    sure = confirm(f"{'Approve' if plan.needs else 'Run'} {plan.id}?", f"{what}: {change}", verb)
    elements = [
        button(verb, Action.APPROVE, str(plan.number), style="primary", confirm=sure),
        button("Reject", Action.REJECT, str(plan.number)),
    ]
    return [rich([bold(f"{plan.id} "), words(f"{what}: {change}", 500)], asked), _row(plan.id, elements)]


def _update(incident: Incident, due: datetime, now: datetime) -> Block:
    verb = "was" if due <= now else "is"
    give = button("Give an update", Action.UPDATE, str(incident.number), style="primary")
    return said(card.title(incident), f"An update {verb} due {when(due, AT)}", give)


def _post_mortem(written: PostMortem, facts: HomeFacts, turn: int) -> list[Block]:
    """It can be filed once all of it is written."""
    number, missing = str(written.incident), facts.waiting.missing.get(written.id, ())
    file = button("File it", Action.POST_MORTEM_FILE, number, confirm=filing(written))
    elements = [
        editing(written),
        button("Open it", Action.POST_MORTEM, number) if missing else file,
        button("Filed elsewhere", Action.POST_MORTEM_ELSEWHERE, number),
        *_later(written.id),
    ]
    how: Line = [own(written.status.value), *_due(written, facts.now), *_reminder(written.id, facts)]
    left: list[Line] = [[own(f"Still to be written: {', '.join(name.label.lower() for name in missing)}")]]
    about = _about(written, facts.waiting.cards.get(written.id, ""))
    return [rich(about, how, *(left if missing else [])), _row(f"{written.id}-{turn}", elements)]


def _unfiled(one: Unfiled) -> Block:
    what = f"its {one.what} is not there" if one.is_given_up else f"its {one.what} is not there yet"
    again = "it is not tried again" if one.is_given_up else "it is tried again"
    show = button("Open it", Action.POST_MORTEM, str(one.written.incident))
    title = f"Post-mortem of {one.written.about} ({clip(one_line(one.written.service), NAMES)}) · filed"
    return said(f"{title}\n{clip(one_line(one.why), 200)}", f"⚠ {what} · {again}", show)


def _about(written: PostMortem, card_at: str) -> Line:
    name = f"Post-mortem of {written.about}"
    return [url(card_at, name) if card_at else bold(name), own(" ("), words(written.service, NAMES), own(")")]


def _due(written: PostMortem, now: datetime) -> Line:
    if written.due_at is None:
        return [own(f" · waits until {written.about} is over again")]
    return [
        own(" · "),
        own("was due ", bold=True) if written.is_overdue(now) else own("due "),
        moment(written.due_at, AT),
    ]


def _action(item: ActionItem, facts: HomeFacts, turn: int) -> list[Block]:
    name: Piece = url(item.url, item.id) if item.url else bold(item.id)
    is_late = item.is_overdue(facts.today)
    due = own(f"{'was due' if is_late else 'due'} {item.due:%a %d %b %Y}", bold=is_late)
    how: Line = [own(f"{item.about} · P{item.priority} · "), due, *_reminder(item.id, facts)]
    trouble = facts.waiting.troubles.get(item.id)
    wrong = [[own("⚠ its issue is not there yet, or out of date: "), words(trouble, 200)]] if trouble else []
    done = button("Done", Action.ACTION_ITEM_CLOSE, str(item.number), style="primary")
    return [
        rich([name, own(" "), words(item.title, 250)], how, *wrong),
        _row(f"{item.id}-{turn}", [done, other_day(item), *_later(item.id)]),
    ]


def _later(subject: str) -> list[Block]:
    """When to be reminded instead, or by whom it is done instead."""
    choices = [option(name, f"{how} {subject}") for how, name in _SNOOZES.items()]
    snooze = {
        "type": "static_select",
        "action_id": Action.SNOOZE.value,
        "placeholder": label("Remind me…"),
        "options": choices,
    }
    return [snooze, button("Give it to…", Action.REASSIGN, subject)]


def _reminder(subject: str, facts: HomeFacts) -> Line:
    at = facts.waiting.reminded.get(subject)
    return [own(" · you are reminded "), moment(at, AT)] if at is not None and at > facts.now else []


def _row(name: str, elements: list[Block]) -> Block:
    return {"type": "actions", "block_id": f"home-{name}", "elements": elements}


# -- what they work on


def _mine(incidents: Sequence[Incident]) -> list[Block]:
    blocks: list[Block] = [header("Your open incidents")]
    for one in incidents[:SOME]:
        blocks += _work(one)
    blocks += more(len(incidents) - SOME, "incident", "list")
    if not incidents:
        blocks.append(plain_section("None."))
    new = button("Declare an incident", Action.DECLARE, "")
    return [*blocks, _row("declare", [new])]


def _work(incident: Incident) -> list[Block]:
    number = str(incident.number)
    channel: Line = [own(" · "), {"type": "channel", "channel_id": incident.channel_id}] if incident.channel_id else []
    commander = user(incident.commander) if incident.commander else own("nobody")
    lines: list[Line] = [
        [words(card.title(incident), 300)],
        [words(incident.impact, 200)],
        [own("Commander "), commander, own(" · since "), moment(incident.began_at, AT), *channel],
    ]
    sure = confirm(f"Resolve {incident.id}?", "People are told that it is over. You can reopen it.", "Resolve")
    take = [button("Acknowledge", Action.ACKNOWLEDGE, number, style="primary")]
    elements = [
        *(take if incident.status is Status.DECLARED else []),
        button("Give an update", Action.UPDATE, number),
        button("Timeline", Action.TIMELINE, number),
        button("Resolve", Action.RESOLVE, number, confirm=sure),
    ]
    return [rich(*lines), _row(incident.id, elements)]
