"""What happens to channels: made, joined, renamed, archived. Shown to people, told to the app."""

from collections.abc import Iterable
from typing import Any

from sandbox.slack.state import Slack
from sandbox.slack.workspace import BOT_USER, TEAM_ID, Channel, Json, Person


def create(slack: Slack, name: str, creator: str, *, is_private: bool = False) -> Channel:
    channel = slack.workspace.create_channel(name, creator, is_private=is_private)
    tell_people(slack, channel)
    _tell_app(slack, "channel_created", {"channel": reference(channel)})
    return channel


def direct(slack: Slack, one: str, other: str) -> Channel:
    """The direct message of two people; their pages hear of a new one."""
    known = len(slack.workspace.channels)
    channel = slack.workspace.direct(one, other)
    if len(slack.workspace.channels) > known:
        tell_people(slack, channel)
    return channel


def add_members(slack: Slack, channel: Channel, people: Iterable[str], *, inviter: str | None = None) -> None:
    for person in people:
        if person in channel.members:
            continue
        channel.members[person] = None
        event: Json = {
            "user": person,
            "channel": channel.id,
            "channel_type": "G" if channel.is_private else "C",
        }
        if inviter and inviter != person:
            event["inviter"] = inviter
        if BOT_USER in channel.members:
            _tell_app(slack, "member_joined_channel", event | {"team": TEAM_ID})
    tell_people(slack, channel)


def archive(slack: Slack, channel: Channel, by: str) -> None:
    channel.is_archived = True
    tell_people(slack, channel)
    _tell_app(slack, "channel_archive", {"channel": channel.id, "user": by})


def rename(slack: Slack, channel: Channel, name: str) -> None:
    slack.workspace.rename_channel(channel, name)
    tell_people(slack, channel)
    _tell_app(slack, "channel_rename", {"channel": reference(channel)})


def tell_people(slack: Slack, channel: Channel) -> None:
    """The pages redraw a channel: each person's own view of it."""
    for person in slack.workspace.people.values():
        if channel.visible_to(person):
            slack.stream.tell_person(person.id, {"type": "channel", "channel": for_person(slack, channel, person)})


def reference(channel: Channel) -> Json:
    return {"id": channel.id, "name": channel.name, "created": channel.created, "creator": channel.creator}


def for_person(slack: Slack, channel: Channel, person: Person) -> Json:
    """A channel as a page shows it to one person."""
    shown: Json = {
        "id": channel.id,
        "name": channel.name,
        "is_im": channel.is_im,
        "is_archived": channel.is_archived,
        "is_private": channel.is_private,
        "topic": channel.topic,
        "is_member": person.id in channel.members,
        "members": list(channel.members),
        "pins": list(channel.pins),
        "bookmarks": list(channel.bookmarks.values()),
        "unread": channel.unread(person.id),
        "last_ts": channel.timeline[-1] if channel.timeline else None,
    }
    if channel.is_im:
        other = channel.counterpart(person.id)
        shown |= {"user": other, "name": slack.workspace.people[other].real_name}
    return shown


def for_app(slack: Slack, channel: Channel) -> Json:
    """Slack's conversation object."""
    base: Json = {
        "id": channel.id,
        "created": channel.created,
        "is_archived": channel.is_archived,
        "is_im": channel.is_im,
        "is_mpim": False,
        "is_org_shared": False,
        "context_team_id": TEAM_ID,
        "updated": channel.created * 1000,
        "priority": 0,
    }
    if channel.is_im:
        return base | {"user": channel.counterpart(BOT_USER), "is_open": True, "is_user_deleted": False}
    strangers = any(slack.workspace.people[m].is_stranger for m in channel.members)
    return base | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_private": channel.is_private,
        "is_general": channel.is_general,
        "is_member": BOT_USER in channel.members,
        "is_shared": strangers,
        "is_ext_shared": strangers,
        "is_pending_ext_shared": False,
        "unlinked": 0,
        "creator": channel.creator,
        "previous_names": [],
        "shared_team_ids": [TEAM_ID],
        "pending_connected_team_ids": [],
        "topic": _said(channel.topic, channel),
        "purpose": _said(channel.purpose, channel),
        "num_members": len(channel.members),
        "properties": {},
    }


def _said(value: str, channel: Channel) -> Json:
    return {
        "value": value,
        "creator": channel.creator if value else "",
        "last_set": channel.created if value else 0,
    }


def _tell_app(slack: Slack, kind: str, event: dict[str, Any]) -> None:
    if slack.delivery.wants(kind):
        slack.delivery.emit({"type": kind, **event, "event_ts": slack.workspace.next_ts()})
