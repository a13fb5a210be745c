"""Slash commands and shortcuts, from a person's key press to what comes back."""

from sandbox.slack import escape, messages, payloads
from sandbox.slack.errors import SlackError
from sandbox.slack.manifest import Command
from sandbox.slack.methods.chat import check_content
from sandbox.slack.state import Slack
from sandbox.slack.workspace import Channel, Json, Person


def command_of(slack: Slack, text: str) -> Command | None:
    word = text.split(maxsplit=1)[0] if text.startswith("/") else ""
    return slack.manifest.command(word)


async def run(slack: Slack, person: Person, channel: Channel, text: str, *, in_thread: bool) -> Json:
    """Sends a slash command; the payload of its acknowledgement."""
    command = command_of(slack, text)
    if command is None:
        raise SlackError("unknown_command", f"{text.split(maxsplit=1)[0]} is not a command here.")
    if in_thread:
        refusal = f"{command.command} is not supported in threads. Sorry!"
        raise SlackError("slash_in_thread", refusal)
    rest = text[len(command.command) :].strip()
    said = escape.typed_command(slack.workspace, rest, resolve=command.should_escape)
    payload = payloads.command(slack, person, channel, command.command, said)
    ack = await slack.sockets.request("slash_commands", payload, answerable=True)
    if ack:
        _show_answer(slack, person, channel, ack)
    return ack or {}


async def shortcut(slack: Slack, person: Person, callback_id: str, channel: Channel | None, ts: str) -> None:
    known = slack.manifest.shortcut(callback_id)
    if known is None:
        raise SlackError("unknown_shortcut", "This app has no such shortcut.")
    on_message = known.type == "message"
    payload = payloads.interaction(slack, "message_action" if on_message else "shortcut", person)
    payload |= {"callback_id": callback_id, "trigger_id": slack.triggers.make(person.id)}
    payload["action_ts"] = slack.workspace.next_ts()
    if on_message:
        message = channel.messages.get(ts) if channel else None
        if channel is None or message is None:
            raise SlackError("message_not_found")
        payload |= payloads.message_part(slack, person, channel, message) | {"message_ts": ts}
    await slack.sockets.request("interactive", payload, answerable=False)


def _show_answer(slack: Slack, person: Person, channel: Channel, ack: Json) -> None:
    """An acknowledgement may carry a message: for the person alone, or for the channel."""
    content = {k: ack.get(k) for k in ("text", "blocks", "attachments")}
    content["text"] = content["text"] or ""
    if not any(content.values()):
        return
    try:
        check_content(content["blocks"], content["attachments"])
    except SlackError as error:
        raise SlackError("invalid_command_response", "The app's answer was not valid.", **error.extra) from error
    if ack.get("response_type") == "in_channel":
        messages.post(slack, channel, messages.from_bot(slack, content))
    else:
        messages.whisper(slack, channel, person.id, content)
