"""/sandbox/*: what the page calls for the person in front of it."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.serving import control
from sandbox.serving.errors import Refused
from sandbox.slack import commands, escape, interactions, messages, reactions, rooms
from sandbox.slack.errors import SlackError
from sandbox.slack.state import SLACK, Slack
from sandbox.slack.workspace import BOT_USER, Channel, Json, Person

KEEP_ALIVE_SECONDS = 15.0
Doing = Callable[[Slack, Person, Json], Awaitable[Json]]


def answering(run: Doing) -> Callable[[web.Request], Awaitable[web.Response]]:
    """JSON in, JSON out: `as` says who acts, errors come back as Slack's codes with words for people."""

    async def handler(request: web.Request) -> web.Response:
        slack = request.app[SLACK]
        try:
            given = await control.given(request)
            person = slack.workspace.person(str(given.get("as")))
            return web.json_response({"ok": True, **await run(slack, person, given)})
        except Refused as error:
            return web.json_response(error.told())

    return handler


async def state(slack: Slack, person: Person, _: Json) -> Json:
    manifest = slack.manifest
    return {
        "team": {"id": person.team_id, "name": slack.workspace.name, "domain": slack.workspace.domain},
        "me": person.id,
        "people": [_shown(p) for p in slack.workspace.people.values() if not p.deleted],
        "channels": [
            rooms.for_person(slack, c, person) for c in slack.workspace.channels.values() if c.visible_to(person)
        ],
        "commands": [
            {"command": c.command, "description": c.description, "usage_hint": c.usage_hint} for c in manifest.commands
        ],
        "shortcuts": [
            {"name": s.name, "type": s.type, "callback_id": s.callback_id, "description": s.description}
            for s in manifest.shortcuts
        ],
        "bot": slack.bot(),
        "now": slack.clock.now(),
        **({"world": slack.world} if slack.world else {}),
    }


async def read(slack: Slack, person: Person, given: Json) -> Json:
    """The messages of a channel or a thread, oldest first; reading the channel marks it read."""
    channel = _channel(slack, person, given)
    thread = str(given.get("thread_ts") or "")
    if thread:
        kept = [ts for ts in (thread, *channel.threads.get(thread, [])) if ts in channel.messages]
    else:
        kept = channel.timeline
        if kept:
            channel.read_up_to[person.id] = kept[-1]
    found = [channel.messages[ts] for ts in kept]
    whispers = [w for w in channel.ephemerals.values() if w["to"] == person.id and w.get("thread_ts", "") == thread]
    every = sorted([*found, *whispers], key=lambda m: str(m["ts"]))
    return {"messages": [messages.shown(m) for m in every]}


async def send(slack: Slack, person: Person, given: Json) -> Json:
    channel = _channel(slack, person, given)
    text, thread_ts = str(given.get("text") or ""), str(given.get("thread_ts") or "")
    if channel.is_archived:
        raise SlackError("is_archived", "This channel is archived.")
    if person.id not in channel.members:
        raise SlackError("not_in_channel", "Join the channel first.")
    if commands.command_of(slack, text):
        ack = await commands.run(slack, person, channel, text, in_thread=bool(thread_ts))
        return {"command": True, "ack": ack}
    if text.startswith("/") and text[1:2].isalpha():
        raise SlackError("unknown_command", f"{text.split(maxsplit=1)[0]} is not a valid command.")
    if not text.strip():
        raise SlackError("no_text")
    said = messages.from_person(slack, person.id, escape.typed_message(slack.workspace, text))
    message = messages.post(slack, channel, said, thread_ts=thread_ts)
    return {"ts": message["ts"]}


async def act(slack: Slack, person: Person, given: Json) -> Json:
    container, action, state = (_object(given, name) for name in ("container", "action", "state"))
    return {"ack": await interactions.act(slack, person, container, action, state)}


async def options(slack: Slack, person: Person, given: Json) -> Json:
    value = str(given.get("value") or "")
    container, action = _object(given, "container"), _object(given, "action")
    found = await interactions.suggest(slack, person, container, action, value)
    return {"options": found}


async def submit(slack: Slack, person: Person, given: Json) -> Json:
    values = _object(_object(given, "state"), "values")
    return await interactions.submit(slack, person, str(given.get("view_id")), values)


async def close(slack: Slack, person: Person, given: Json) -> Json:
    await interactions.close(slack, person, str(given.get("view_id")), all_of_them=bool(given.get("all")))
    return {}


async def shortcut(slack: Slack, person: Person, given: Json) -> Json:
    channel = _channel(slack, person, given) if given.get("channel") else None
    await commands.shortcut(slack, person, str(given.get("callback_id")), channel, str(given.get("message_ts")))
    return {}


async def react(slack: Slack, person: Person, given: Json) -> Json:
    channel = _channel(slack, person, given)
    message = interactions.find_message(channel, str(given.get("ts")), person)
    change = reactions.remove if given.get("remove") else reactions.add
    change(slack, channel, message, str(given.get("name") or "").strip(":"), person.id)
    return {}


async def join(slack: Slack, person: Person, given: Json) -> Json:
    channel = _channel(slack, person, given)
    rooms.add_members(slack, channel, [person.id])
    return {}


async def invite(slack: Slack, person: Person, given: Json) -> Json:
    channel = _channel(slack, person, given)
    rooms.add_members(slack, channel, [slack.workspace.person(str(given.get("user"))).id], inviter=person.id)
    return {}


async def direct(slack: Slack, person: Person, given: Json) -> Json:
    other = slack.workspace.person(str(given.get("user")))
    return {"channel": rooms.direct(slack, person.id, other.id).id}


async def views(slack: Slack, person: Person, _: Json) -> Json:
    return {"views": [v.view for v in slack.views.of(person.id)]}


async def home(slack: Slack, person: Person, _: Json) -> Json:
    return {"view": slack.views.home(person.id)}


async def open_home(slack: Slack, person: Person, _: Json) -> Json:
    """Opens App Home: the app hears of it and may publish."""
    view = slack.views.home(person.id)
    if slack.delivery.wants("app_home_opened"):
        channel = rooms.direct(slack, BOT_USER, person.id)
        event: Json = {"type": "app_home_opened", "user": person.id, "channel": channel.id, "tab": "home"}
        event["event_ts"] = slack.workspace.next_ts()
        slack.delivery.emit(event | ({"view": view} if view else {}))
    return {"view": view}


async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events of one person, until the page goes away."""
    slack = request.app[SLACK]
    person = slack.workspace.people.get(request.query.get("as", ""))
    if person is None:
        return web.json_response({"ok": False, "error": "user_not_found"}, status=404)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    page = slack.stream.open(person)
    try:
        await response.prepare(request)
        await response.write(b": connected\n\n")
        while (line := await _next_line(page)) is not None:
            await response.write(line.encode())
    except ConnectionError:
        pass  # the page was closed
    finally:
        slack.stream.close(page)
    return response


async def _next_line(page: asyncio.Queue[str | None]) -> str | None:
    try:
        return await asyncio.wait_for(page.get(), KEEP_ALIVE_SECONDS)
    except TimeoutError:
        return ": still here\n\n"


def _object(given: Json, name: str) -> Json:
    value = given.get(name)
    return value if isinstance(value, dict) else {}


def _channel(slack: Slack, person: Person, given: Json) -> Channel:
    channel = slack.workspace.channel(str(given.get("channel")))
    if not channel.visible_to(person):
        raise SlackError("channel_not_found")
    return channel


def _shown(person: Person) -> Json:
    names = ("id", "name", "real_name", "title", "tz", "is_bot", "is_guest", "is_stranger", "color")
    return {name: getattr(person, name) for name in names}
