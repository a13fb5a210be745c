"""The Web API: one table of methods, each with its function, its rate limit and the scopes it needs."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.slack.limits import Tier
from sandbox.slack.methods import chat, conversations, files, marks, people, views
from sandbox.slack.methods.call import Call
from sandbox.slack.workspace import Json


@dataclass(frozen=True, slots=True)
class Method:
    """`scopes`: one of them is enough. `takes_app_token`: wants xapp-…, all others xoxb-…."""

    run: Callable[[Call], Json]
    tier: Tier
    scopes: tuple[str, ...] = ()
    takes_app_token: bool = False


def _connections_open(call: Call) -> Json:
    host = call.base_url.replace("http", "ws", 1)
    return {"url": f"{host}/link/?ticket={call.slack.sockets.ticket()}&app_id=A0AIOPS"}


def _api_test(call: Call) -> Json:
    return {"args": dict(call.args)}


WRITE = ("chat:write",)
READ = ("channels:read", "groups:read", "im:read", "mpim:read")
HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
MANAGE = ("channels:manage", "groups:write", "im:write", "mpim:write")
USERS = ("users:read",)

METHODS: dict[str, Method] = {
    "api.test": Method(_api_test, Tier.TIER_4),
    "auth.test": Method(people.auth_test, Tier.SPECIAL),
    "apps.connections.open": Method(_connections_open, Tier.TIER_3, takes_app_token=True),
    "chat.postMessage": Method(chat.post_message, Tier.POSTING, WRITE),
    "chat.postEphemeral": Method(chat.post_ephemeral, Tier.TIER_4, WRITE),
    "chat.update": Method(chat.update, Tier.TIER_3, WRITE),
    "chat.delete": Method(chat.delete, Tier.TIER_3, WRITE),
    "chat.getPermalink": Method(chat.get_permalink, Tier.SPECIAL),
    "blocks.validate": Method(views.validate, Tier.SPECIAL),
    "views.open": Method(views.open_, Tier.TIER_4),
    "views.push": Method(views.push, Tier.TIER_4),
    "views.update": Method(views.update, Tier.TIER_4),
    "views.publish": Method(views.publish, Tier.TIER_4),
    "conversations.create": Method(conversations.create, Tier.TIER_2, MANAGE),
    "conversations.info": Method(conversations.info, Tier.TIER_3, READ),
    "conversations.list": Method(conversations.list_, Tier.TIER_2, READ),
    "conversations.history": Method(conversations.history, Tier.TIER_3, HISTORY),
    "conversations.replies": Method(conversations.replies, Tier.TIER_3, HISTORY),
    "conversations.members": Method(conversations.members, Tier.TIER_4, READ),
    "conversations.open": Method(conversations.open_, Tier.TIER_3, ("im:write", "mpim:write")),
    "conversations.invite": Method(conversations.invite, Tier.TIER_3),
    "conversations.join": Method(conversations.join, Tier.TIER_3, ("channels:join", "channels:manage")),
    "conversations.setTopic": Method(
        conversations.set_topic, Tier.TIER_2, (*MANAGE, "channels:write.topic", "groups:write.topic")
    ),
    "conversations.setPurpose": Method(
        conversations.set_purpose, Tier.TIER_2, (*MANAGE, "channels:write.topic", "groups:write.topic")
    ),
    "conversations.archive": Method(conversations.archive, Tier.TIER_2, MANAGE),
    "conversations.rename": Method(conversations.rename, Tier.TIER_2, MANAGE),
    "users.info": Method(people.info, Tier.TIER_4, USERS),
    "users.list": Method(people.list_, Tier.TIER_2, USERS),
    "users.lookupByEmail": Method(people.lookup_by_email, Tier.TIER_3, ("users:read.email",)),
    "usergroups.list": Method(people.usergroups, Tier.TIER_2, ("usergroups:read",)),
    "usergroups.users.list": Method(people.usergroup_members, Tier.TIER_2, ("usergroups:read",)),
    "pins.add": Method(marks.add_pin, Tier.TIER_2, ("pins:write",)),
    "pins.remove": Method(marks.remove_pin, Tier.TIER_2, ("pins:write",)),
    "pins.list": Method(marks.list_pins, Tier.TIER_2, ("pins:read",)),
    "bookmarks.add": Method(marks.add_bookmark, Tier.TIER_2, ("bookmarks:write",)),
    "bookmarks.edit": Method(marks.edit_bookmark, Tier.TIER_2, ("bookmarks:write",)),
    "bookmarks.remove": Method(marks.remove_bookmark, Tier.TIER_2, ("bookmarks:write",)),
    "bookmarks.list": Method(marks.list_bookmarks, Tier.TIER_3, ("bookmarks:read",)),
    "reactions.add": Method(marks.add_reaction, Tier.TIER_3, ("reactions:write",)),
    "reactions.remove": Method(marks.remove_reaction, Tier.TIER_2, ("reactions:write",)),
    "reactions.get": Method(marks.get_reactions, Tier.TIER_3, ("reactions:read",)),
    "files.getUploadURLExternal": Method(files.get_upload_url, Tier.TIER_4, ("files:write",)),
    "files.completeUploadExternal": Method(files.complete_upload, Tier.TIER_4, ("files:write",)),
}
