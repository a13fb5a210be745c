"""Buttons, selects and modals: what a person does with the app's blocks, and what the app's answer does."""

from typing import Any

from sandbox.slack import payloads
from sandbox.slack.blocks import elements
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.views import check_view
from sandbox.slack.state import Slack
from sandbox.slack.views import VALUE_KEYS, OpenView, complete_state
from sandbox.slack.workspace import Channel, Json, Person

GIVEN = frozenset((*VALUE_KEYS.values(), "value", "selected_option", "selected_conversations"))


async def act(slack: Slack, person: Person, container: Json, action: Json, state: Json) -> Json:
    """A click or a choice: block_actions."""
    if container.get("type") == "view":
        part, blocks = _on_view(slack, person, container, state)
    else:
        part, blocks = _on_message(slack, person, container, state)
    payload = payloads.interaction(slack, "block_actions", person) | part
    payload["actions"] = [performed(blocks, action) | {"action_ts": slack.workspace.next_ts()}]
    return await slack.sockets.request("interactive", payload, answerable=False) or {}


async def suggest(slack: Slack, person: Person, container: Json, action: Json, value: str) -> list[Json]:
    """Options of an external select for what was typed so far: block_suggestion."""
    is_view = container.get("type") == "view"
    place = _on_view if is_view else _on_message
    part, blocks = place(slack, person, container, {})
    block_id, element = _element(blocks, action)
    payload = payloads.interaction(slack, "block_suggestion", person) | part
    payload |= {"action_id": element["action_id"], "block_id": block_id, "value": value}
    answer = await slack.sockets.request("interactive", payload, answerable=True) or {}
    groups = [option for group in answer.get("option_groups", []) for option in group["options"]]
    return list(answer.get("options") or groups)


async def submit(slack: Slack, person: Person, view_id: str, values: Json) -> Json:
    """A modal's submit: view_submission. Says what became of the modal."""
    opened = _open_view(slack, person, view_id)
    if opened.view.get("submit") is None:
        raise SlackError("no_submit", "This view has nothing to submit.")
    opened.view["state"] = {"values": complete_state(opened.view["blocks"], values)}
    errors = _client_side_errors(opened.view)
    if errors:
        raise SlackError("validation", errors=errors)
    payload = payloads.interaction(slack, "view_submission", person)
    payload |= {
        "trigger_id": slack.triggers.make(person.id, view_id),
        "view": opened.view,
        "response_urls": [],
    }
    answer = await slack.sockets.request("interactive", payload, answerable=True) or {}
    return _respond(slack, opened, answer)


async def close(slack: Slack, person: Person, view_id: str, *, all_of_them: bool = False) -> None:
    """A modal's close or Escape: view_closed for those that asked for it."""
    opened = _open_view(slack, person, view_id)
    if opened.view["clear_on_close"] or all_of_them:
        closed = slack.views.clear(person.id)
    else:
        slack.views.close(opened)
        closed = [opened]
    for view in reversed(closed):
        slack.stream.tell_person(person.id, {"type": "view_closed", "view": view.view})
    for view in reversed(closed):
        if view.view["notify_on_close"]:
            payload = payloads.interaction(slack, "view_closed", person)
            payload |= {"view": view.view, "is_cleared": len(closed) > 1}
            await slack.sockets.request("interactive", payload, answerable=False)


def performed(blocks: list[Json], given: Json) -> Json:
    """The action as the app sees it: the element's own fields and what was chosen."""
    block_id, element = _element(blocks, given)
    action: Json = {"type": element["type"], "action_id": element["action_id"], "block_id": block_id}
    for name in ("text", "value", "style", "url", "placeholder", "confirm"):
        if name in element:
            action[name] = element[name]
    action |= {k: v for k, v in given.items() if k in GIVEN and not (k == "value" and "value" in element)}
    if element["type"] in ("static_select", "overflow", "radio_buttons", "multi_static_select", "checkboxes"):
        _check_choice(element, action)
    return action


def _element(blocks: list[Json], given: Json) -> tuple[str, Json]:
    for block_id, element in elements(blocks):
        if element["action_id"] == given.get("action_id") and given.get("block_id") in (None, "", block_id):
            return block_id, element
    raise SlackError("invalid_action", "This message or view has no such element.")


def _check_choice(element: Json, action: Json) -> None:
    """Only what is on offer can be chosen; a bare value stands for its option."""
    groups = element.get("option_groups", [])
    offered = [*element.get("options", []), *(o for g in groups for o in g["options"])]
    chosen = action.get("selected_options", [action.get("selected_option")])
    by_value = {o.get("value"): o for o in offered}
    try:
        found = [by_value[c["value"]] for c in chosen if c]
    except (KeyError, TypeError):
        raise SlackError("invalid_action", "This option is not on offer.") from None
    if "selected_options" in action:
        action["selected_options"] = found
    else:
        action["selected_option"] = found[0] if found else None


def _on_message(slack: Slack, person: Person, container: Json, state: Json) -> tuple[Json, list[Json]]:
    channel = slack.workspace.channel(str(container.get("channel") or container.get("channel_id")))
    message = find_message(channel, str(container.get("message_ts")), person)
    blocks = [*message.get("blocks", [])]
    for attachment in message.get("attachments", []):
        blocks += attachment.get("blocks", [])
    blocks += channel.outdated.get(message["ts"], [])
    part = payloads.message_part(slack, person, channel, message)
    part |= {
        "container": payloads.message_container(channel, message),
        "trigger_id": slack.triggers.make(person.id),
        "state": {"values": complete_state(blocks, state.get("values", {}))},
    }
    return part, blocks


def _on_view(slack: Slack, person: Person, container: Json, state: Json) -> tuple[Json, list[Json]]:
    view_id = str(container.get("view_id"))
    opened = slack.views.find(view_id)
    if opened.person != person.id:
        raise SlackError("not_found")
    view, known = opened.view, opened.view["state"]["values"]
    view["state"] = {"values": complete_state(view["blocks"], state.get("values", known))}
    part = {
        "container": {"type": "view", "view_id": view_id},
        "trigger_id": slack.triggers.make(person.id, view_id if view["type"] == "modal" else None),
        "view": view,
    }
    return part, view["blocks"]


def find_message(channel: Channel, ts: str, person: Person) -> Json:
    """A message of the channel, or an ephemeral one that this person can see."""
    message = channel.messages.get(ts) or channel.ephemerals.get(ts)
    if message is None or message.get("to", person.id) != person.id or not channel.visible_to(person):
        raise SlackError("message_not_found")
    return message


def _open_view(slack: Slack, person: Person, view_id: str) -> OpenView:
    opened = next((v for v in slack.views.of(person.id) if v.id == view_id), None)
    if opened is None:
        raise SlackError("not_found", "This view is no longer open.")
    return opened


def _client_side_errors(view: Json) -> dict[str, str]:
    """What Slack's own client refuses before the app hears of it."""
    errors = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            field = view["state"]["values"].get(block["block_id"], {}).get(element["action_id"], {})
            problem = _field_problem(element, field.get(VALUE_KEYS.get(element["type"], "value")))
            required = not block.get("optional", False)
            if problem and (required or problem != REQUIRED):
                errors[block["block_id"]] = problem
    return errors


REQUIRED = "Please complete this required field."


def _field_problem(element: Json, value: Any) -> str:
    if value in (None, "", []):
        return REQUIRED
    match element["type"]:
        case "plain_text_input":
            return _length_problem(element, str(value))
        case "number_input":
            return _number_problem(element, str(value))
        case "email_text_input" if "@" not in str(value):
            return "Enter a valid e-mail address."
        case "url_text_input" if "://" not in str(value):
            return "Enter a valid URL."
    return ""


def _length_problem(element: Json, value: str) -> str:
    low, high = element.get("min_length", 0), element.get("max_length", 3000)
    if len(value) < low:
        return f"This entry needs at least {low} characters."
    return f"This entry may have at most {high} characters." if len(value) > high else ""


def _number_problem(element: Json, value: str) -> str:
    try:
        number = float(value) if element.get("is_decimal_allowed") else int(value)
    except ValueError:
        return "Enter a number."
    if "min_value" in element and number < float(element["min_value"]):
        return f"Enter a number of at least {element['min_value']}."
    if "max_value" in element and number > float(element["max_value"]):
        return f"Enter a number of at most {element['max_value']}."
    return ""


def _respond(slack: Slack, opened: OpenView, answer: Json) -> Json:
    """Does what the acknowledgement of a submission asks for."""
    match answer.get("response_action"):
        case None:
            slack.views.close(opened)
            slack.stream.tell_person(opened.person, {"type": "view_closed", "view": opened.view})
            return {}
        case "clear":
            for view in slack.views.clear(opened.person):
                slack.stream.tell_person(opened.person, {"type": "view_closed", "view": view.view})
            return {}
        case "errors":
            raise SlackError("validation", errors=_known_errors(opened.view, answer.get("errors")))
        case "update":
            _check_answer(answer)
            slack.views.update(opened, answer["view"])
            slack.stream.tell_person(opened.person, {"type": "view_updated", "view": opened.view})
            return {"view": opened.view}
        case "push":
            _check_answer(answer)
            pushed = slack.views.push(opened.person, answer["view"], opened.id)
            slack.stream.tell_person(opened.person, {"type": "view_opened", "view": pushed.view})
            return {"view": pushed.view}
    raise SlackError("invalid_response_action", "The app's answer was not valid.")


def _check_answer(answer: Json) -> None:
    try:
        check_view(answer.get("view"))
    except SlackError as error:
        raise SlackError("invalid_response_action", "The app's view was not valid.", **error.extra) from error


def _known_errors(view: Json, errors: Any) -> dict[str, str]:
    """Errors belong under input blocks; Slack ignores an answer that names others."""
    inputs = {b["block_id"] for b in view["blocks"] if b["type"] == "input"}
    valid = isinstance(errors, dict) and errors and all(isinstance(v, str) and v for v in errors.values())
    if not valid or not set(errors) <= inputs:
        raise SlackError("invalid_response_action", "The app's errors name fields that are not there.")
    return dict(errors)
