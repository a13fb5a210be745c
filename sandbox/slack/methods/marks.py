"""pins.*, bookmarks.* and reactions.*: what hangs on channels and messages."""

from sandbox.slack import messages, reactions, rooms
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.call import Call
from sandbox.slack.methods.chat import permalink
from sandbox.slack.workspace import APP_ID, BOT_USER, Channel, Json

PINS_MAX = 100
BOOKMARKS_MAX = 100
BOOKMARK_FIELDS = ("title", "link", "emoji")


def add_pin(call: Call) -> Json:
    channel, message = _message(call)
    if message["ts"] in channel.pins:
        raise SlackError("already_pinned")
    if len(channel.pins) >= PINS_MAX:
        raise SlackError("too_many_pins")
    channel.pins[message["ts"]] = {"created": int(call.slack.clock.now()), "created_by": BOT_USER}
    message["pinned_to"] = [channel.id]
    rooms.tell_people(call.slack, channel)
    return {}


def remove_pin(call: Call) -> Json:
    channel, message = _message(call)
    if channel.pins.pop(message["ts"], None) is None:
        raise SlackError("no_pin")
    message.pop("pinned_to", None)
    rooms.tell_people(call.slack, channel)
    return {}


def list_pins(call: Call) -> Json:
    channel = call.joined_channel()
    items = []
    for ts, pin in reversed(channel.pins.items()):
        message = channel.messages[ts]
        shown = messages.shown(message, metadata=False)
        shown["permalink"] = permalink(call.base_url, channel, message)
        items.append({"type": "message", "channel": channel.id, "message": shown, **pin})
    return {"items": items}


def add_bookmark(call: Call) -> Json:
    channel = _bookmarked(call)
    if call.args.need("type") != "link":
        raise SlackError("invalid_bookmark_type")
    title, link = call.args.need("title"), call.args.text("link")
    if not link:
        raise SlackError("link_required")
    _check_link(link)
    if len(channel.bookmarks) >= BOOKMARKS_MAX:
        raise SlackError("too_many_bookmarks")
    now = int(call.slack.clock.now())
    bookmark: Json = {
        "id": call.workspace.next_id("Bk"),
        "channel_id": channel.id,
        "title": title,
        "link": link,
        "emoji": call.args.text("emoji"),
        "icon_url": None,
        "type": "link",
        "entity_id": None,
        "date_created": now,
        "date_updated": 0,
        "rank": f"{len(channel.bookmarks):04d}",
        "last_updated_by_user_id": BOT_USER,
        "last_updated_by_team_id": "T0AIOPS",
        "shortcut_id": None,
        "app_id": APP_ID,
    }
    channel.bookmarks[bookmark["id"]] = bookmark
    rooms.tell_people(call.slack, channel)
    return {"bookmark": bookmark}


def edit_bookmark(call: Call) -> Json:
    channel, bookmark = _bookmark(call)
    if call.args.get("link"):
        _check_link(call.args.text("link"))
    bookmark |= {f: call.args.text(f) for f in BOOKMARK_FIELDS if call.args.get(f)}
    bookmark["date_updated"] = int(call.slack.clock.now())
    rooms.tell_people(call.slack, channel)
    return {"bookmark": bookmark}


def remove_bookmark(call: Call) -> Json:
    channel, bookmark = _bookmark(call)
    del channel.bookmarks[bookmark["id"]]
    rooms.tell_people(call.slack, channel)
    return {}


def list_bookmarks(call: Call) -> Json:
    return {"bookmarks": list(_bookmarked(call).bookmarks.values())}


def add_reaction(call: Call) -> Json:
    channel, message = _message(call)
    if channel.is_archived:
        raise SlackError("is_archived")
    reactions.add(call.slack, channel, message, call.args.need("name"), BOT_USER)
    return {}


def remove_reaction(call: Call) -> Json:
    channel, message = _message(call)
    reactions.remove(call.slack, channel, message, call.args.need("name"), BOT_USER)
    return {}


def get_reactions(call: Call) -> Json:
    channel, message = _message(call)
    shown = messages.shown(message, metadata=False)
    shown["permalink"] = permalink(call.base_url, channel, message)
    return {"type": "message", "channel": channel.id, "message": shown}


def _message(call: Call) -> tuple[Channel, Json]:
    channel = call.joined_channel()
    if not call.args.get("timestamp"):
        raise SlackError("no_item_specified")
    return channel, call.message(channel, "timestamp")


def _bookmarked(call: Call) -> Channel:
    return call.joined_channel("channel_id")


def _bookmark(call: Call) -> tuple[Channel, Json]:
    channel = _bookmarked(call)
    bookmark = channel.bookmarks.get(call.args.need("bookmark_id"))
    if bookmark is None:
        raise SlackError("not_found")
    return channel, bookmark


def _check_link(link: str) -> None:
    if not link.startswith(("http://", "https://")):
        raise SlackError("invalid_link")
