"""views.*: modals and App Home."""

import json

from sandbox.slack.errors import SlackError, invalid_arguments
from sandbox.slack.methods.call import Call
from sandbox.slack.methods.chat import check_content
from sandbox.slack.validate import view_errors
from sandbox.slack.workspace import Json

VIEW_BYTES_MAX = 250_000


def open_(call: Call) -> Json:
    view = view_of(call, "modal")
    trigger = call.slack.triggers.spend(call.args.need("trigger_id"))
    before = list(call.slack.views.of(trigger.person))
    opened = call.slack.views.open(trigger.person, view)
    for old in before:
        call.slack.stream.tell_person(trigger.person, {"type": "view_closed", "view": old.view})
    call.slack.stream.tell_person(trigger.person, {"type": "view_opened", "view": opened.view})
    return {"view": opened.view}


def push(call: Call) -> Json:
    view = view_of(call, "modal")
    trigger = call.slack.triggers.spend(call.args.need("trigger_id"))
    pushed = call.slack.views.push(trigger.person, view, trigger.view_id)
    call.slack.stream.tell_person(trigger.person, {"type": "view_opened", "view": pushed.view})
    return {"view": pushed.view}


def update(call: Call) -> Json:
    view = view_of(call, "modal")
    if not (call.args.get("view_id") or call.args.get("external_id")):
        raise invalid_arguments("missing required field: view_id")
    target = call.slack.views.find(call.args.text("view_id"), call.args.text("external_id"))
    call.slack.views.update(target, view, call.args.text("hash"))
    call.slack.stream.tell_person(target.person, {"type": "view_updated", "view": target.view})
    return {"view": target.view}


def publish(call: Call) -> Json:
    view = view_of(call, "home")
    person = call.workspace.people.get(call.args.need("user_id"))
    if person is None or person.is_bot:
        raise SlackError("user_not_found")
    home = call.slack.views.publish(person.id, view, call.args.text("hash"))
    call.slack.stream.tell_person(person.id, {"type": "home", "view": home})
    return {"view": home}


def validate(call: Call) -> Json:
    """blocks.validate: a message's blocks or a whole view, without sending it."""
    args = call.args
    if args.get("view"):
        check_view(args.structure("view"))
        return {}
    message = args.structure("message", default={})
    blocks = args.structure("blocks", message.get("blocks") if isinstance(message, dict) else None)
    if blocks is None:
        raise invalid_arguments("missing required field: blocks")
    check_content(blocks, None)
    return {}


def view_of(call: Call, kind: str) -> Json:
    view = call.args.structure("view")
    check_view(view)
    if view["type"] != kind:
        raise invalid_arguments("must be a valid enum value [json-pointer:/view/type]")
    return dict(view)


def check_view(view: object) -> None:
    if view is None:
        raise invalid_arguments("missing required field: view")
    if len(json.dumps(view, ensure_ascii=False).encode()) > VIEW_BYTES_MAX:
        raise SlackError("view_too_large")
    errors = view_errors(view)
    if errors:
        raise SlackError("invalid_arguments", response_metadata={"messages": errors})
