"""Emoji on messages."""

import re

from sandbox.slack.errors import SlackError
from sandbox.slack.state import Slack
from sandbox.slack.workspace import BOT_USER, Channel, Json

NAME = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?")


def add(slack: Slack, channel: Channel, message: Json, name: str, person: str) -> None:
    if not NAME.fullmatch(name):
        raise SlackError("invalid_name")
    reactions: list[Json] = message.setdefault("reactions", [])
    reaction = next((r for r in reactions if r["name"] == name), None)
    if reaction is None:
        reaction = {"name": name, "users": [], "count": 0}
        reactions.append(reaction)
    if person in reaction["users"]:
        raise SlackError("already_reacted")
    reaction["users"].append(person)
    reaction["count"] += 1
    _tell(slack, channel, message, name, person, "reaction_added")


def remove(slack: Slack, channel: Channel, message: Json, name: str, person: str) -> None:
    reactions: list[Json] = message.get("reactions", [])
    reaction = next((r for r in reactions if r["name"] == name and person in r["users"]), None)
    if reaction is None:
        raise SlackError("no_reaction")
    reaction["users"].remove(person)
    reaction["count"] -= 1
    if not reaction["users"]:
        reactions.remove(reaction)
    if not reactions:
        del message["reactions"]
    _tell(slack, channel, message, name, person, "reaction_removed")


def _tell(slack: Slack, channel: Channel, message: Json, name: str, person: str, kind: str) -> None:
    slack.stream.tell_channel(channel, "reaction", message)
    slack.stream.tell_channel(channel, "message_changed", message)
    if BOT_USER in channel.members and slack.delivery.wants(kind):
        event = {
            "type": kind,
            "user": person,
            "reaction": name,
            "item": {"type": "message", "channel": channel.id, "ts": message["ts"]},
            "item_user": message.get("user"),
            "event_ts": slack.workspace.next_ts(),
        }
        slack.delivery.emit(event)
