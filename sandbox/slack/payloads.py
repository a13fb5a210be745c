"""The payloads that Slack sends to an app when people act. Shapes only, nothing is sent from here."""

from sandbox.slack.delivery import VERIFICATION_TOKEN
from sandbox.slack.messages import shown
from sandbox.slack.state import Slack
from sandbox.slack.workspace import APP_ID, Channel, Json, Person


def command(slack: Slack, person: Person, channel: Channel, command: str, text: str) -> Json:
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": person.team_id,
        "team_domain": _domain(slack, person),
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": person.id,
        "user_name": person.name,
        "command": command,
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": response_url(slack, slack.responses.make(channel.id, person.id).token),
        "trigger_id": slack.triggers.make(person.id),
    }


def interaction(slack: Slack, kind: str, person: Person) -> Json:
    """What every interactive payload has."""
    return {
        "type": kind,
        "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team_id},
        "api_app_id": APP_ID,
        "token": VERIFICATION_TOKEN,
        "team": {"id": person.team_id, "domain": _domain(slack, person)},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def message_container(channel: Channel, message: Json) -> Json:
    container: Json = {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": channel.id,
        "is_ephemeral": bool(message.get("is_ephemeral")),
    }
    if _reply_in(message):
        container["thread_ts"] = message["thread_ts"]
    return container


def message_part(slack: Slack, person: Person, channel: Channel, message: Json) -> Json:
    """Channel, message and response_url; an ephemeral message itself is not sent along."""
    url = slack.responses.make(
        channel.id,
        person.id,
        original_ts=message["ts"],
        is_ephemeral=bool(message.get("is_ephemeral")),
        thread_ts=_reply_in(message),
    )
    part: Json = {
        "channel": {"id": channel.id, "name": channel_name(channel)},
        "response_url": response_url(slack, url.token),
    }
    if not message.get("is_ephemeral"):
        part["message"] = shown(message)
    return part


def channel_name(channel: Channel) -> str:
    if channel.is_im:
        return "directmessage"
    return "privategroup" if channel.is_private else channel.name


def _domain(slack: Slack, person: Person) -> str:
    return "partner" if person.is_stranger else slack.workspace.domain


def response_url(slack: Slack, token: str) -> str:
    return f"{slack.base_url}/response/{token}"


def _reply_in(message: Json) -> str | None:
    """The thread a reply belongs to; a message with replies of its own stands in the channel all the same."""
    thread_ts: str | None = message.get("thread_ts")
    return thread_ts if thread_ts != message["ts"] else None
