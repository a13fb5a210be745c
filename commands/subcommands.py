"""The subcommands of `/incident`: one table that drives dispatch, help, the docs and their tests."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace

from blocks import answers, forms
from blocks.text import clip
from bot.access import Right
from bot.errors import InvalidInput, StillFiring
from bot.incidents import Declaration
from bot.models import WORKING, Action, Alert, Incident, Severity, Status, new_id
from commands import aftermath, alerting, fixing, following, learning, reporting, say, words
from commands.desk import Desk
from commands.reply import Answer, OpenForm, Reply
from commands.request import Request

_SHOWN_EVENTS = 30


@dataclass(frozen=True)
class Call:
    """A subcommand as typed: `rest` is what follows the incident id. `number` is 0 where none is needed."""

    request: Request
    number: int
    rest: str

    @property
    def text(self) -> str:
        return words.phrase(self.rest)


@dataclass(frozen=True)
class Subcommand:
    """One row. `usage` is what follows the name; `right` is what the help page filters by, the use case decides.

    `on` says which incidents it can be about: `open`, `over`, `any`, or none of them (empty).

    `bare` says when a plain number names one. `keyword`: a word comes first, and the id may stand behind it;
    `silent`: nothing but an id may follow. `on_alert`: what it does where an alert is meant and not an incident;
    `on_none`: where none could be meant, with what was typed and the words that say so.
    """

    name: str
    group: str
    usage: str
    summary: str
    example: str
    run: Callable[[Desk, Call], Reply]
    right: Right
    on: str = "open"
    bare: words.Bare = words.Bare.ALWAYS
    aliases: tuple[str, ...] = ()
    keyword: bool = False
    silent: bool = False
    on_alert: Callable[[Desk, alerting.AlertCall], Reply] | None = None
    on_none: Callable[[Desk, Request, str, str], Reply] | None = None


def declare(desk: Desk, call: Call) -> Reply:
    typed = words.declaration(call.rest)
    if typed.severity and typed.service and typed.impact:
        asked = Declaration(typed.service, typed.impact, typed.severity)
        return Answer(say.declared(desk.incidents.declare(call.request.caller, asked)))
    desk.incidents.may_declare(call.request.caller)
    if call.request.trigger_id is None:
        return Answer(answers.offer_declare(_kept(desk, call.rest)))
    return OpenForm(declare_form(desk, call.request, typed))


def declare_form(desk: Desk, request: Request, typed: words.Declared, origin: str | None = None) -> dict[str, object]:
    draft = forms.DeclareDraft(
        commander=request.caller.user_id,
        service=clip(typed.service, 80),
        impact=typed.impact,
        severity=typed.severity,
        known_services=list(desk.config.services),
    )
    return forms.declare(draft, {**place(request), "origin": origin})


def listing(desk: Desk, call: Call) -> Reply:
    incidents = desk.incidents.open(call.request.caller)
    alerts = desk.alerts.count_awaiting(call.request.caller)
    return Answer(answers.listing(incidents, len(incidents), desk.clock(), alerts))


def show(desk: Desk, call: Call) -> Reply:
    return Answer(answers.shown(desk.incidents.facts(call.request.caller, call.number)))


def timeline(desk: Desk, call: Call) -> Reply:
    incident, events, total = desk.incidents.timeline(call.request.caller, call.number, limit=_SHOWN_EVENTS)
    return Answer(answers.timeline(incident, [event for _, event in events], total))


def acknowledge(desk: Desk, call: Call) -> Reply:
    result = desk.incidents.acknowledge(call.request.caller, call.number)
    return Answer(say.acknowledged(result, desk.clock(), call.request.caller.user_id))


def assign(desk: Desk, call: Call) -> Reply:
    user, rest = words.user(call.rest)
    if call.rest.strip().lower() == "me":
        user, rest = call.request.caller.user_id, ""
    if user is None or rest.strip():
        raise InvalidInput("commander", "Say who takes command, chosen from the list after @: /incident assign @bob")
    return Answer(say.assigned(desk.incidents.assign(call.request.caller, call.number, user)))


def join(desk: Desk, call: Call) -> Reply:
    return Answer(say.joined(desk.incidents.join(call.request.caller, call.number)))


def severity(desk: Desk, call: Call) -> Reply:
    if not call.rest.strip():
        return _form(desk, call, forms.severity, Right.COMMAND, "severity", "Say which: /incident sev sev2")
    chosen, reason = words.severity_first(call.rest)
    if chosen is None:
        typed, reason = words.first_word(call.rest)
        chosen = Severity.parse(typed)
    result = desk.incidents.change_severity(call.request.caller, call.number, chosen, words.phrase(reason))
    return Answer(say.severity(result))


def status(desk: Desk, call: Call) -> Reply:
    typed, text = words.first_word(call.rest)
    if not typed:
        return _form(desk, call, forms.update, Right.RESPOND, "status", "Say which: /incident status monitoring")
    chosen = Status.parse(typed.rstrip(":,"))
    result = desk.incidents.set_status(call.request.caller, call.number, chosen, words.phrase(text))
    return Answer(say.status(result))


def update(desk: Desk, call: Call) -> Reply:
    if not call.text:
        return _form(desk, call, forms.update, Right.RESPOND, "update", 'Say what is new: /incident update "…"')
    return Answer(say.updated(desk.incidents.update(call.request.caller, call.number, call.text)))


def note(desk: Desk, call: Call) -> Reply:
    return Answer(say.noted(desk.incidents.note(call.request.caller, call.number, call.text)))


def resolve(desk: Desk, call: Call) -> Reply:
    return resolved(desk, call.request, call.number, call.text)


def resolved(desk: Desk, request: Request, number: int, text: str) -> Reply:
    """Resolve; while alarms fire, only with a reason: without words, the form asks for it."""
    try:
        return Answer(say.resolved(desk.incidents.resolve(request.caller, number, text), desk.clock()))
    except StillFiring as firing:
        if request.trigger_id is None:
            raise
        warning = alerting.live(desk, firing)
        incident = desk.incidents.show(request.caller, number)
        return OpenForm(forms.resolve_anyway(incident, warning, carried(request, number)))


def reopen(desk: Desk, call: Call) -> Reply:
    return Answer(say.reopened(desk.incidents.reopen(call.request.caller, call.number, call.text)))


def cancel(desk: Desk, call: Call) -> Reply:
    return Answer(say.cancelled(desk.incidents.cancel(call.request.caller, call.number, call.text)))


def link(desk: Desk, call: Call) -> Reply:
    address, title = words.link(call.rest)
    return Answer(say.linked(desk.incidents.link(call.request.caller, call.number, address, title), address))


def merge(desk: Desk, call: Call) -> Reply:
    rest = call.rest.strip()
    rest = rest[5:] if rest.lower().startswith("into ") else rest
    into, more = words.incident_id(rest, words.Bare.ALWAYS)
    if into is None or more.strip():
        raise InvalidInput("incident", "Say which incident goes into which: /incident merge INC-43 into INC-42")
    return Answer(say.merged(desk.incidents.merge(call.request.caller, call.number, into)))


def help_(desk: Desk, call: Call) -> Reply:
    here = desk.incidents.here(call.request.caller, call.request.channel_id, call.request.thread_ts)
    if call.rest:
        row = find(call.rest)
        return Answer(answers.help_on(row.name, row.usage, row.summary, row.example, row.aliases))
    rights = desk.incidents.rights(call.request.caller, here)
    lines = [answers.HelpLine(row.group, row.summary, row.example) for row in SUBCOMMANDS if row.right in rights]
    return Answer(answers.help_page(lines, here.id if here else None))


_RESPOND, _ALERTS, _FIX, _FINISH, _LEARN = "Respond", "Alerts and paging", "Find and fix", "Finish", "Learn"
Plain = Callable[[Desk, Request, str], Reply]
About = Callable[[Desk, Request, "Alert | Incident", str], Reply]


def _plain(run: Plain) -> Callable[[Desk, Call], Reply]:
    """A subcommand that is about no incident."""
    return lambda desk, call: run(desk, call.request, call.rest)


def _about_incident(run: About) -> Callable[[Desk, Call], Reply]:
    def of_incident(desk: Desk, call: Call) -> Reply:
        incident = desk.incidents.show(call.request.caller, call.number)
        return run(desk, call.request, incident, call.rest)

    return of_incident


def _numbered(run: Callable[[Desk, Request, int, str], Reply]) -> Callable[[Desk, Call], Reply]:
    """A subcommand that loads its incident itself."""
    return lambda desk, call: run(desk, call.request, call.number, call.rest)


def _about_alert(run: About) -> Callable[[Desk, alerting.AlertCall], Reply]:
    return lambda desk, call: run(desk, call.request, call.alert, call.rest)


SUBCOMMANDS = (
    Subcommand("declare", _RESPOND, '[sev1 service "impact"]', "start an incident; without words, a form opens",
               '/incident declare sev1 checkout-api "payments fail"', declare, Right.DECLARE, on="",
               aliases=("new", "start", "create")),
    Subcommand("list", _RESPOND, "", "the open incidents, the worst first", "/incident list", listing, Right.READ,
               on="", aliases=("ls", "open")),
    Subcommand("show", _RESPOND, "[INC-n]", "an incident's card", "/incident show INC-42", show, Right.READ, on="any",
               aliases=("card", "info"), silent=True),
    Subcommand("ack", _RESPOND, "[INC-n|AL-n…]", "say that you are on it", "/incident ack", acknowledge, Right.RESPOND,
               aliases=("acknowledge",), silent=True, on_alert=alerting.acknowledge),
    Subcommand("alerts", _ALERTS, "", "the alerts that fire, the worst first", "/incident alerts",
               _plain(alerting.listing), Right.READ, on="", aliases=("firing",)),
    Subcommand("why", _ALERTS, "[AL-n]", "what triage decided about an alert, and why", "/incident why AL-17",
               _plain(alerting.why), Right.READ, on=""),
    Subcommand("silence", _ALERTS, '*alarms*|AL-n 2h "why"', "hide alarms for a while; ends by itself and says so",
               '/incident silence *checkout-api* 2h "load test"', _plain(alerting.silence), Right.RESPOND, on="",
               aliases=("mute", "snooze")),
    Subcommand("unsilence", _ALERTS, "id|*alarms*", "end a silence early", "/incident unsilence *checkout-api*",
               _plain(alerting.unsilence), Right.RESPOND, on="", aliases=("unmute",)),
    Subcommand("silences", _ALERTS, "", "what is silenced or under maintenance now", "/incident silences",
               _plain(alerting.silences), Right.READ, on=""),
    Subcommand("oncall", _ALERTS, "[service]", "who is on call now", "/incident oncall checkout-api",
               _plain(alerting.on_call), Right.READ, on="", aliases=("on-call", "who")),
    Subcommand("page", _ALERTS, '[INC-n|AL-n] @person…|team ["why"]', "call somebody by name",
               '/incident page @bob "database expert needed"', _about_incident(alerting.page), Right.RESPOND,
               keyword=True, aliases=("call",), on_alert=_about_alert(alerting.page)),
    Subcommand("escalate", _ALERTS, "[INC-n|AL-n]", "call the next in line now", "/incident escalate",
               _about_incident(alerting.escalate), Right.RESPOND, silent=True,
               on_alert=_about_alert(alerting.escalate)),
    Subcommand("rca", _FIX, "[AL-n]", "look for the root cause; the report comes into the thread",
               "/incident rca AL-17", _plain(fixing.rca), Right.RESPOND, on="", aliases=("cause", "investigate")),
    Subcommand("rollback", _FIX, "[service] [revision]", "plan to go back to the last stable version",
               "/incident rollback checkout-api", _plain(fixing.planner(Action.ROLLBACK)), Right.REMEDIATE, on=""),
    Subcommand("scale", _FIX, "[service]", "plan to add a task", "/incident scale checkout-api",
               _plain(fixing.planner(Action.SCALE_UP)), Right.REMEDIATE, on="", aliases=("scaleup", "scale-up")),
    Subcommand("restart", _FIX, "[service]", "plan to restart the tasks, one at a time",
               "/incident restart checkout-api", _plain(fixing.planner(Action.RESTART)), Right.REMEDIATE, on=""),
    Subcommand("runbook", _FIX, "[name] [service] [name=value …]", "plan to run an SSM document",
               "/incident runbook AIOps-PurgeSQSDLQ checkout-api", _plain(fixing.runbook), Right.REMEDIATE, on="",
               aliases=("run",)),
    Subcommand("approve", _FIX, "FIX-n | action service 7d", "let a plan run; or let an action run by itself",
               "/incident approve FIX-12", _plain(fixing.approve), Right.REMEDIATE, on=""),
    Subcommand("reject", _FIX, "FIX-n | action service", "refuse a plan; or end a standing approval",
               "/incident reject FIX-12", _plain(fixing.reject), Right.REMEDIATE, on=""),
    Subcommand("undo", _FIX, "FIX-n", "plan to take a change back", "/incident undo FIX-12", _plain(fixing.undo),
               Right.REMEDIATE, on=""),
    Subcommand("remediations", _FIX, "", "what was changed, what waits, what may run by itself",
               "/incident remediations", _plain(fixing.remediations), Right.READ, on="", aliases=("fixes",)),
    Subcommand("baseline", _FIX, "show|update [service]", "what is usual for a service now; or learn it anew",
               "/incident baseline show checkout-api", _plain(learning.baseline), Right.READ, on="",
               aliases=("baselines", "usual")),
    Subcommand("assign", _RESPOND, "[INC-n] @person|me", "give or take command", "/incident assign @bob", assign,
               Right.COMMAND, aliases=("commander", "ic", "lead"), keyword=True),
    Subcommand("join", _RESPOND, "[INC-n]", "become a responder", "/incident join INC-42", join, Right.READ,
               silent=True),
    Subcommand("sev", _RESPOND, "[INC-n|AL-n] sev1…sev4 [why]", "change the severity; without words, a form opens",
               "/incident sev sev1 all regions now", severity, Right.COMMAND, bare=words.Bare.NEVER,
               aliases=("severity",), keyword=True, on_alert=alerting.rate),
    Subcommand("status", _RESPOND, f"[INC-n] {'|'.join(WORKING)} [text]", "move it along, with an update if you like",
               "/incident status monitoring fix is out", status, Right.RESPOND, keyword=True),
    Subcommand("update", _RESPOND, "[INC-n] text", "tell everybody what is new; without words, a form opens",
               '/incident update "rolling back web:57"', update, Right.RESPOND, bare=words.Bare.NEVER),
    Subcommand("note", _RESPOND, "[INC-n] text", "a line for the timeline; nothing is posted",
               "/incident note cache was cold", note, Right.RESPOND, on="any", bare=words.Bare.NEVER),
    Subcommand("timeline", _RESPOND, "[INC-n]", "what happened when", "/incident timeline", timeline, Right.READ,
               on="any", aliases=("log", "events"), silent=True),
    Subcommand("link", _RESPOND, "[INC-n] https://… [title]", "keep a reference on the card",
               "/incident link https://example.com/graph p99", link, Right.RESPOND, on="any"),
    Subcommand("resolve", _FINISH, "[INC-n] [what fixed it]", "end it and post the resolved message",
               "/incident resolve rolled back web:57", resolve, Right.COMMAND, bare=words.Bare.ALONE,
               aliases=("resolved", "close", "fixed")),
    Subcommand("reopen", _FINISH, "[INC-n] [why]", "it is not over: back to investigating",
               "/incident reopen INC-42 errors are back", reopen, Right.COMMAND, on="over",
               bare=words.Bare.ALONE),
    Subcommand("cancel", _FINISH, "[INC-n] [why]", "it was no incident", "/incident cancel a test", cancel,
               Right.COMMAND, bare=words.Bare.ALONE),
    Subcommand("merge", _FINISH, "[INC-n] into INC-m", "end it as part of another",
               "/incident merge INC-43 into INC-42", merge, Right.COMMAND),
    Subcommand("postmortem", _LEARN, "[INC-n] [show|edit|assign|review|file|waive|begin]",
               "the post-mortem of an incident that is over: write it, give it away, file it",
               "/incident postmortem edit root cause", _numbered(aftermath.command), Right.READ, on="over",
               aliases=("post-mortem", "pm"), keyword=True),
    Subcommand("action", _LEARN, '[INC-n] "what" [@owner] day [P1]',
               "add an action item, yours where you name no owner; without words, a form opens",
               '/incident action "alarm on the pool" @bob friday P1', _numbered(following.action), Right.RESPOND,
               on="any", bare=words.Bare.NEVER, aliases=("todo",), on_none=following.unplaced),
    Subcommand("actions", _LEARN, "[close AI-n | reopen AI-n | due AI-n day]",
               "the open action items, by the day they are due; close one, or change its day",
               "/incident actions", _plain(following.actions), Right.READ, on="", aliases=("todos",)),
    Subcommand("digest", _LEARN, "[7d] [service]", "incidents, response times and noisy alarms of the last days",
               "/incident digest 30d", _plain(reporting.show), Right.READ, on="", aliases=("report", "stats")),
    Subcommand("help", _LEARN, "[command]", "this page, or one command in full", "/incident help sev", help_,
               Right.READ, on="", aliases=("?", "commands")),
)  # fmt: skip
_BY_NAME = {name: row for row in SUBCOMMANDS for name in (row.name, *row.aliases)}


def run(desk: Desk, request: Request) -> Reply:
    """Find the subcommand and the incident, and do it; ask where more than one incident could be meant."""
    row, rest = _row(request.text)
    if not row.on:
        return row.run(desk, Call(request, 0, rest))
    if row.on_alert is not None:
        alert, left = alerting.meant(desk, request, rest)
        if alert is not None:
            return row.on_alert(desk, alerting.AlertCall(request, alert, left))
    number, rest = _explicit(row, rest)
    if row.silent and rest.strip():
        raise InvalidInput(
            "incident", f"I don't understand “{clip(rest.strip(), 40)}”: /incident {row.name} {row.usage}"
        )
    if number is not None:
        return row.run(desk, Call(request, number, rest))
    return _run_on_what_is_meant(desk, request, row, rest)


def _run_on_what_is_meant(desk: Desk, request: Request, row: Subcommand, rest: str) -> Reply:
    """Nothing was named: the incident of this place, an alert that waits, else the only incident it could be."""
    if row.run is acknowledge:
        waiting = alerting.waiting(desk, request)
        if isinstance(waiting, Alert):
            return alerting.acknowledge(desk, alerting.AlertCall(request, waiting, ""))
        if waiting is not None:
            return waiting
    number = _meant(desk, request, row, rest)
    return _ask(desk, request, row, rest) if number is None else row.run(desk, Call(request, number, rest))


def _row(text: str) -> tuple[Subcommand, str]:
    """The subcommand and what follows it; `INC-42` alone shows it, `INC-42 update …` is `update INC-42 …`."""
    number, rest = words.incident_id(text.strip(), words.Bare.ALWAYS)
    if number is None:
        name, rest = words.first_word(text)
        return find(name), rest
    name, rest = words.first_word(rest)
    return find(name or "show"), f"INC-{number} {rest}"


def _explicit(row: Subcommand, rest: str) -> tuple[int | None, str]:
    """The incident that was named, and the words without it."""
    number, left = words.incident_id(rest, row.bare)
    if row.name == "merge":
        return _merge_order(number, left)
    if number is None and row.keyword:
        keyword, behind = words.first_word(left)
        number, behind = words.incident_id(behind, words.Bare.NEVER)
        return number, f"{keyword} {behind}".strip()
    return number, left


def find(name: str) -> Subcommand:
    """The row of a name or alias; raises InvalidInput with the nearest one."""
    typed = name.lower() or "help"
    if typed in _BY_NAME:
        return _BY_NAME[typed]
    close = difflib.get_close_matches(typed, [row.name for row in SUBCOMMANDS], n=1, cutoff=0.6)
    close = close or difflib.get_close_matches(typed, _BY_NAME, n=1, cutoff=0.75)
    hint = f"Did you mean /incident {close[0]}?" if close else "/incident help lists what I know."
    raise InvalidInput("command", f"I don't know “{clip(words.readable(name), 40)}”. {hint}")


def chosen(desk: Desk, request: Request) -> Reply:
    """Somebody answered which incident they meant: run what they had typed, on that one."""
    typed = desk.memory.draft(request.text)
    if typed is None:
        raise InvalidInput("incident", "That question is too old. Type the command again, with the incident's id.")
    name, rest = words.first_word(typed)
    again = replace(request, text=f"{name} INC-{request.number} {rest}")
    reply = run(desk, again)
    return reply._replace(replace=True) if isinstance(reply, Answer) else reply


def _merge_order(number: int | None, rest: str) -> tuple[int | None, str]:
    """`merge INC-42` alone: this channel's incident goes into INC-42."""
    if number is not None and not rest.strip():
        return None, f"INC-{number}"
    return number, rest


def _meant(desk: Desk, request: Request, row: Subcommand, rest: str) -> int | None:
    """The incident of this channel or thread, else the only one it could be."""
    here = desk.incidents.here(request.caller, request.channel_id, request.thread_ts)
    if here is not None:
        return here.number
    candidates = desk.incidents.open(request.caller) if row.on != "over" else desk.incidents.over(request.caller)
    if len(candidates) != 1:
        return None
    _need_no_other(desk, row, rest, candidates[0].number)
    return candidates[0].number


def _need_no_other(desk: Desk, row: Subcommand, rest: str, meant: int) -> None:
    """`resolve 1 rolled back` while only INC-2 is open: the number may be an id, so nothing is guessed."""
    number, text = words.incident_id(rest, words.Bare.ALWAYS)
    if row.bare is words.Bare.ALONE and number not in (None, meant) and desk.incidents.exists(number):
        raise InvalidInput(
            "incident",
            f"Is that about INC-{number}? Then write /incident {row.name} INC-{number} {clip(text, 40)}; "
            f"for the open one write /incident {row.name} INC-{meant} {clip(rest, 40)}",
        )


def _ask(desk: Desk, request: Request, row: Subcommand, rest: str) -> Reply:
    over = row.on == "over"
    candidates = desk.incidents.over(request.caller) if over else desk.incidents.open(request.caller)
    if not candidates:
        kind = "No incident has ended yet" if over else "There is no open incident"
        more = "" if row.on == "open" or over else f" Name one that is over: /incident {row.name} INC-42"
        if row.on_none is not None:
            return row.on_none(desk, request, rest, f"{kind}.{more}")
        raise InvalidInput("incident", f"{kind}.{more}")
    question = f"Which incident? `/incident {row.name}` could mean {len(candidates)} of them."
    return Answer(answers.choose(question, candidates, _kept(desk, request.text)))


def _kept(desk: Desk, text: str) -> str:
    draft_id = new_id()
    desk.memory.keep_draft(draft_id, text, desk.clock())
    return draft_id


def _form(desk: Desk, call: Call, build: Callable[..., dict[str, object]], right: Right, field: str, how: str) -> Reply:
    """The form for what was not typed; where no form can be opened, how to type it."""
    incident = desk.incidents.may_change(call.request.caller, call.number, right)
    if call.request.trigger_id is None:
        raise InvalidInput(field, how)
    return OpenForm(build(incident, carried(call.request, call.number, severity=int(incident.severity))))


def place(request: Request) -> dict[str, object]:
    """Where the person was, so that the answer to a form finds them."""
    return {"channel": request.channel_id, "thread": request.thread_ts}


def carried(request: Request, number: int, **more: object) -> dict[str, object]:
    """What a form about an incident takes along."""
    return {**place(request), "incident": number, **more}
