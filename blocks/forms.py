"""The modals. Every field is an `input` block whose block id is the field's name, so that an error finds its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from blocks.fields import VALUE
from blocks.fields import field as _input
from blocks.fields import modal as _modal
from blocks.fields import text as _text
from blocks.ids import Input, View
from blocks.rich import Line, bold, bullets, own, rich, user, words
from blocks.text import OPTION_TEXT, Block, clean, clip, label, one_line, option, plain, plain_context, plain_section
from bot.models import MAX_SERVICE, MAX_TEXT, WORKING, Alert, Incident, Severity, TimelineEvent

_SPANS = (("30 minutes", "30m"), ("2 hours", "2h"), ("8 hours", "8h"), ("1 day", "1d"), ("1 week", "7d"))
_SEVERITY_HELP = {
    Severity.SEV1: "complete outage or data loss",
    Severity.SEV2: "significant degradation",
    Severity.SEV3: "partial degradation",
    Severity.SEV4: "minor or no customer impact",
}
_REVISIONS = 10  # https://docs.slack.dev/reference/block-kit/block-elements/radio-button-group-element
_OPTION_VALUE = 150  # https://docs.slack.dev/reference/block-kit/composition-objects/option-object


class Revision(Protocol):
    """A task definition to go back to, and what is different from the one that runs, a line each."""

    @property
    def revision(self) -> str: ...

    @property
    def registered_at(self) -> datetime | None: ...

    @property
    def by(self) -> str: ...

    @property
    def differences(self) -> Sequence[str]: ...

    @property
    def was_stable(self) -> bool: ...


class DeclareDraft(NamedTuple):
    """What is known before the declare form opens."""

    commander: str
    service: str = ""
    impact: str = ""
    severity: Severity | None = None
    known_services: Sequence[str] = ()


def declare(draft: DeclareDraft, carried: dict[str, Any]) -> Block:
    """Service, severity, impact, commander."""
    known = ", ".join(draft.known_services[:12])
    service = _text(MAX_SERVICE, draft.service, "checkout-api")
    impact = _text(MAX_TEXT, draft.impact, "What do customers notice?", lines=True)
    commander = {"type": "users_select", "action_id": VALUE, "initial_user": draft.commander}
    fields = [
        _input(Input.SERVICE, "Service", service, hint=f"In the catalogue: {known}" if known else ""),
        _input(Input.SEVERITY, "Severity", _severities(draft.severity)),
        _input(Input.IMPACT, "Impact", impact),
        _input(Input.COMMANDER, "Commander", commander, hint="Who leads. Can be changed at any time."),
    ]
    return _modal(View.DECLARE, "Declare an incident", "Declare", fields, carried)


def update(incident: Incident, carried: dict[str, Any], text: str = "") -> Block:
    """A status update, with the status if it changes too."""
    status = {
        "type": "static_select",
        "action_id": VALUE,
        "placeholder": label("Leave as it is"),
        "options": [option(choice.value, choice.value) for choice in WORKING if choice is not incident.status],
    }
    fields = [
        _input(
            Input.UPDATE,
            "What is new?",
            _text(MAX_TEXT, text, "What we know, what we do, what comes next", lines=True),
        ),
        _input(Input.STATUS, f"Status (now {incident.status})", status, optional=True),
    ]
    return _modal(View.UPDATE, f"Update {incident.id}", "Post", [about(incident), *fields], carried)


def severity(incident: Incident, carried: dict[str, Any]) -> Block:
    """Another severity, and why."""
    return _severity(incident, carried, incident.severity, "")


def severity_overtaken(
    incident: Incident, chosen: Severity, why: str, carried: dict[str, Any], theirs: TimelineEvent | None
) -> Block:
    """The form again, as it was filled in, below what somebody else, or an alarm, set meanwhile."""
    told: Line = [own(f"It became {incident.severity.label} while you were choosing.")]
    if theirs is not None:
        by = user(theirs.actor) if theirs.actor else own("An alarm")
        told = [by, own(" changed it while you were choosing: "), words(theirs.text, 500)]
    after = plain_context("Your choice is below. Change again to overrule theirs.")
    return _severity(incident, carried, chosen, why, [rich(told), after])


def _severity(
    incident: Incident, carried: dict[str, Any], chosen: Severity, why: str, told: Sequence[Block] = ()
) -> Block:
    fields = [
        _input(Input.SEVERITY, f"Severity (now {incident.severity.label})", _severities(chosen)),
        _input(Input.REASON, "Why?", _text(500, why, "Half of the checkouts fail"), optional=True),
    ]
    return _modal(View.SEVERITY, f"Severity of {incident.id}", "Change", [about(incident), *told, *fields], carried)


def resolution(incident: Incident, carried: dict[str, Any]) -> Block:
    """What fixed it."""
    text = _text(MAX_TEXT, incident.resolution, "Rolled back web:57", lines=True)
    fields = [_input(Input.RESOLUTION, "What fixed it?", text)]
    return _modal(View.RESOLUTION, f"Resolution of {incident.id}", "Save", [about(incident), *fields], carried)


def resolve_anyway(incident: Incident, warning: Sequence[str], carried: dict[str, Any]) -> Block:
    """Alarms still fire: which, and why it is over all the same."""
    lines = "\n".join(clip(one_line(line), 280) for line in warning[:10])
    told = [about(incident), plain_section(f"⚠ Not all of its alarms are OK:\n{lines}")]
    reason = _text(MAX_TEXT, "", "The alarm measures the old cluster", lines=True)
    fields = [_input(Input.RESOLUTION, "Why is it over all the same?", reason)]
    return _modal(View.RESOLVE, f"Resolve {incident.id}?", "Resolve", [*told, *fields], carried)


def silence(alert: Alert, carried: dict[str, Any]) -> Block:
    """How long, and why."""
    options = [option(text, value) for text, value in _SPANS]
    select: Block = {"type": "static_select", "action_id": VALUE, "options": options, "initial_option": options[1]}
    told = plain_context(f"{alert.id} · {clip(one_line(alert.alarm.name), 255)}")
    fields = [
        _input(
            Input.DURATION, "For how long?", select, hint="It ends by itself and says so; flapping does not end it."
        ),
        _input(Input.REASON, "Why?", _text(1000, "", "Load test until noon")),
    ]
    return _modal(View.SILENCE, f"Silence {alert.id}", "Silence", [told, *fields], carried)


def alert_severity(alert: Alert, carried: dict[str, Any]) -> Block:
    told = plain_context(f"{alert.id} · {clip(one_line(alert.alarm.name), 255)}")
    field = _input(Input.SEVERITY, f"Severity (now {alert.severity.label})", _severities(alert.severity))
    return _modal(View.ALERT_SEVERITY, f"Severity of {alert.id}", "Change", [told, field], carried)


def choose_revision(choices: Sequence[Revision], service: str, carried: dict[str, Any], running: str = "") -> Block:
    """Which task definition to go back to, with what differs; `running` is the one that runs now."""
    offered = [each for each in choices if _can_be_value(each.revision)][:_REVISIONS]
    told = plain_context(clip(one_line(f"{service} · runs {running}" if running else service), 400))
    if not offered:
        nothing = plain_section("There is no task definition to go back to: ECS knows no earlier one of this service.")
        return _modal(View.ROLLBACK, "Roll back", "", [told, nothing], carried)
    element: Block = {
        "type": "radio_buttons",
        "action_id": VALUE,
        "options": [_revision(each) for each in offered],
        "initial_option": _revision(next((each for each in offered if each.was_stable), offered[0])),
    }
    field = _input(Input.REVISION, "Go back to", element, hint="Next you see the plan; nothing changes before that.")
    return _modal(View.ROLLBACK, "Roll back", "Show the plan", [told, field, *_in_full(offered)], carried)


def _can_be_value(revision: str) -> bool:
    """Slack gives it back as it is."""
    return 0 < len(revision) <= _OPTION_VALUE and revision == clean(revision)


def _revision(choice: Revision) -> Block:
    """`web:56 · was stable · 16 Nov 14:02 UTC · ci-deployer`, and below it what differs."""
    at = f"{choice.registered_at:%d %b %H:%M} UTC" if choice.registered_at else ""
    facts = [one_line(choice.revision), "was stable" if choice.was_stable else "", at, one_line(choice.by)]
    described = " · ".join(one_line(each) for each in choice.differences) or "the same in all that is compared"
    return {
        **option(" · ".join(fact for fact in facts if fact), choice.revision),
        "description": plain(described, OPTION_TEXT),
    }


def _in_full(choices: Sequence[Revision]) -> list[Block]:
    """What differs, where an option has no room for it."""
    cut = [each for each in choices if len(" · ".join(each.differences)) > OPTION_TEXT]
    lines: list[Line] = [
        [bold(f"{clip(one_line(each.revision), 100)}: "), words(" · ".join(each.differences), 600)] for each in cut
    ]
    return [plain_context("What differs, in full:"), bullets(*lines)] if lines else []


def choose_runbook(runbooks: Mapping[str, str], carried: dict[str, Any], service: str = "") -> Block:
    """Which SSM document to run, and with which parameters; asks for the service where nothing tells it.

    `runbooks` are the documents' names with what each does, in a line.
    """
    options = [{**option(name, name), "description": plain(does, OPTION_TEXT)} for name, does in runbooks.items()]
    select: Block = {"type": "static_select", "action_id": VALUE, "options": options}
    where = [_input(Input.SERVICE, "Service", _text(MAX_SERVICE, "", "checkout-api"))]
    fields = [
        *([plain_context(clip(one_line(service), 100))] if service else where),
        _input(Input.RUNBOOK, "Runbook", select, hint="Next you see the plan; nothing changes before that."),
        _input(
            Input.PARAMETERS,
            "Parameters",
            _text(MAX_TEXT, "", "MessagesPerSecond=10", lines=True),
            optional=True,
            hint="One name=value a line. What is left out comes from the catalogue.",
        ),
    ]
    return _modal(View.RUNBOOK, "Run a runbook", "Show the plan", fields, carried)


def add_to_timeline(
    incidents: Sequence[Incident], chosen: Incident | None, text: str, carried: dict[str, Any]
) -> Block:
    """A message's words, and the incident whose timeline they go to."""
    select: Block = {
        "type": "static_select",
        "action_id": VALUE,
        "options": [incident_option(incident) for incident in incidents[:100]],
    }
    if chosen is not None:
        select["initial_option"] = incident_option(chosen)
    fields = [
        _input(Input.INCIDENT, "Incident", select),
        _input(Input.NOTE, "Entry", _text(MAX_TEXT, clip(text, MAX_TEXT), "What happened", lines=True)),
    ]
    return _modal(View.ADD_TO_TIMELINE, "Add to timeline", "Add", fields, carried)


def incident_option(incident: Incident) -> Block:
    words = f"{incident.id} · {incident.severity.label} · {one_line(incident.service)}"
    return option(words, str(incident.number))


def about(incident: Incident) -> Block:
    """Which incident a form is about, in one line."""
    return plain_context(f"{incident.id} · {one_line(incident.service)} · {clip(one_line(incident.impact), 200)}")


def _severities(initial: Severity | None) -> Block:
    def choice(severity: Severity) -> Block:
        return option(f"{severity.label} {severity.word}: {_SEVERITY_HELP[severity]}", str(int(severity)))

    select: Block = {
        "type": "static_select",
        "action_id": VALUE,
        "options": [choice(each) for each in Severity],
    }
    if initial is not None:
        select["initial_option"] = choice(initial)
    return select
