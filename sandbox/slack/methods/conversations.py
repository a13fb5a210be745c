"""conversations.*: channels, their members and what was said in them."""

import base64
from bisect import bisect_left, bisect_right
from typing import Any

from sandbox.slack import messages, rooms
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.call import Call
from sandbox.slack.workspace import BOT_USER, Channel, Json

PAGE_MAX = 1000
INVITE_MAX = 100
TOPIC_MAX = 250
MANAGE = {False: ("channels:manage", "channels:write"), True: ("groups:write",)}


def create(call: Call) -> Json:
    is_private = call.args.flag("is_private")
    call.need_scope(*MANAGE[is_private])
    channel = rooms.create(call.slack, call.args.text("name"), BOT_USER, is_private=is_private)
    return {"channel": rooms.for_app(call.slack, channel)}


def info(call: Call) -> Json:
    channel = rooms.for_app(call.slack, call.channel())
    if not call.args.flag("include_num_members"):
        channel.pop("num_members", None)
    return {"channel": channel}


def list_(call: Call) -> Json:
    kinds = call.args.names("types") or ["public_channel"]
    skip_archived = call.args.flag("exclude_archived")
    found = [
        c
        for c in call.workspace.channels.values()
        if _kind(c) in kinds
        and not (skip_archived and c.is_archived)
        and (_kind(c) == "public_channel" or BOT_USER in c.members)
    ]
    page, after = paged(call, found)
    return {"channels": [rooms.for_app(call.slack, c) for c in page], **after}


def history(call: Call) -> Json:
    channel = call.joined_channel()
    low, high = _window(call, channel.timeline)
    latest_first = channel.timeline[low:high][::-1]
    page, after = paged(call, latest_first, default=100)
    metadata = call.args.flag("include_all_metadata")
    found = [messages.shown(channel.messages[ts], metadata=metadata) for ts in page]
    more = bool(after["response_metadata"]["next_cursor"])
    return {"messages": found, "has_more": more, "pin_count": len(channel.pins), **after}


def replies(call: Call) -> Json:
    channel = call.joined_channel()
    root = channel.messages.get(call.args.need("ts"))
    if root is None:
        raise SlackError("thread_not_found")
    first = root.get("thread_ts") or root["ts"]
    thread = channel.threads.get(first, [])
    low, high = _window(call, thread)
    page, after = paged(call, [first, *thread[low:high]], default=1000)
    metadata = call.args.flag("include_all_metadata")
    found = [messages.shown(channel.messages[ts], metadata=metadata) for ts in page if ts in channel.messages]
    return {"messages": found, "has_more": bool(after["response_metadata"]["next_cursor"]), **after}


def members(call: Call) -> Json:
    page, after = paged(call, list(call.channel().members))
    return {"members": page, **after}


def open_(call: Call) -> Json:
    if call.args.get("channel"):
        channel = call.channel()
    else:
        people = call.args.names("users")
        if not people:
            raise SlackError("users_list_not_supplied")
        if len(people) > 1:
            raise SlackError("not_supported", message="The sandbox has no group direct messages.")
        channel = rooms.direct(call.slack, BOT_USER, call.workspace.person(people[0]).id)
    whole = rooms.for_app(call.slack, channel)
    return {"channel": whole if call.args.flag("return_im") else {"id": channel.id}}


def invite(call: Call) -> Json:
    channel = call.open_channel()
    call.need_scope("channels:manage", "channels:write.invites", "groups:write", "groups:write.invites")
    people = call.args.names("users")
    if not people:
        raise SlackError("no_user")
    if len(people) > INVITE_MAX:
        raise SlackError("too_many_users")
    errors = [e for e in (_invitation_error(call, channel, p) for p in people) if e]
    if errors and not (call.args.flag("force") and len(errors) < len(people)):
        raise SlackError(errors[0]["error"], errors=errors)
    refused = {e["user"] for e in errors}
    rooms.add_members(call.slack, channel, [p for p in people if p not in refused], inviter=BOT_USER)
    return {"channel": rooms.for_app(call.slack, channel)} | ({"errors": errors} if errors else {})


def join(call: Call) -> Json:
    channel = call.channel()
    if channel.is_im or channel.is_private:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    was_in = BOT_USER in channel.members
    rooms.add_members(call.slack, channel, [BOT_USER])
    extra: Json = {"warning": "already_in_channel"} if was_in else {}
    return {"channel": rooms.for_app(call.slack, channel), **extra}


def set_topic(call: Call) -> Json:
    return _describe(call, "topic")


def set_purpose(call: Call) -> Json:
    return _describe(call, "purpose")


def archive(call: Call) -> Json:
    channel = call.joined_channel()
    if channel.is_im:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("already_archived")
    if channel.is_general:
        raise SlackError("cant_archive_general")
    rooms.archive(call.slack, channel, BOT_USER)
    return {}


def rename(call: Call) -> Json:
    channel = call.open_channel()
    if channel.creator != BOT_USER:
        raise SlackError("not_authorized")
    rooms.rename(call.slack, channel, call.args.text("name"))
    return {"channel": rooms.for_app(call.slack, channel)}


def paged(call: Call, items: list[Any], default: int = 100) -> tuple[list[Any], Json]:
    """A page of `items` by `limit` and `cursor`, and what Slack says about the next one."""
    limit = min(call.args.number("limit", default) or default, PAGE_MAX)
    start = _cursor_position(call.args.text("cursor"))
    end = start + limit
    cursor = base64.b64encode(f"at:{end}".encode()).decode() if end < len(items) else ""
    return items[start:end], {"response_metadata": {"next_cursor": cursor}}


def _cursor_position(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        kind, _, place = base64.b64decode(cursor, validate=True).decode().partition(":")
        if kind == "at":
            return int(place)
    except ValueError:
        pass
    raise SlackError("invalid_cursor")


def _window(call: Call, timestamps: list[str]) -> tuple[int, int]:
    """The part of a timeline between `oldest` and `latest`, the ends only when `inclusive`."""
    oldest, latest = _ts(call.args.text("oldest")), _ts(call.args.text("latest"))
    inclusive = call.args.flag("inclusive")
    after, before = (bisect_left, bisect_right) if inclusive else (bisect_right, bisect_left)
    low = after(timestamps, oldest) if oldest else 0
    return low, before(timestamps, latest) if latest else len(timestamps)


def _ts(given: str) -> str:
    """`1700000000`, `1700000000.5` and `now` in the form that timelines are sorted by."""
    if not given or given in ("0", "now"):
        return ""
    seconds, _, fraction = given.partition(".")
    if not (seconds.isdigit() and (fraction or "0").isdigit()):
        raise SlackError("invalid_ts_oldest")
    return f"{int(seconds):010d}.{fraction[:6]:0<6}"


def _kind(channel: Channel) -> str:
    if channel.is_im:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"


def _invitation_error(call: Call, channel: Channel, person: str) -> Json | None:
    if person == BOT_USER:
        error = "cant_invite_self"
    elif person not in call.workspace.people:
        error = "user_not_found"
    elif person in channel.members:
        error = "already_in_channel"
    elif call.workspace.people[person].deleted:
        error = "cant_invite"
    elif call.workspace.people[person].is_guest:
        error = "ura_max_channels"
    else:
        return None
    return {"user": person, "ok": False, "error": error}


def _describe(call: Call, field: str) -> Json:
    channel = call.open_channel()
    if channel.is_im:
        raise SlackError("method_not_supported_for_channel_type")
    value = call.args.text(field)
    if len(value) > TOPIC_MAX:
        raise SlackError("too_long")
    setattr(channel, field, value)
    rooms.tell_people(call.slack, channel)
    return {"channel": rooms.for_app(call.slack, channel), field: value}
