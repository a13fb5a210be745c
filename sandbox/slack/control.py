"""/control/*: what can be turned in this server alone."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.slack import rooms
from sandbox.slack.errors import SlackError
from sandbox.slack.state import Slack
from sandbox.slack.workspace import Json, Person


def sockets(slack: Slack, _: Json) -> Json:
    return slack.sockets.shown()


def socket(slack: Slack, given: Json) -> Json:
    if not slack.sockets.trouble(str(given.get("kind"))):
        raise SlackError("unknown_kind")
    return {}


def redeliver(slack: Slack, given: Json) -> Json:
    event_id = slack.delivery.redeliver(given.get("event_id"))
    if event_id is None:
        raise SlackError("no_such_event")
    return {"event_id": event_id}


def limits(slack: Slack, given: Json) -> Json:
    slack.limits.enforced = bool(given.get("enforce", slack.limits.enforced))
    if "edit_window" in given:
        slack.limits.edit_window = given["edit_window"]
    return {"enforce": slack.limits.enforced, "edit_window": slack.limits.edit_window}


def disable(slack: Slack, given: Json) -> Json:
    slack.faults.disabled = frozenset(given.get("methods", []))
    return {}


def scopes(slack: Slack, given: Json) -> Json:
    slack.scopes = frozenset(given.get("granted", slack.manifest.scopes))
    return {"granted": sorted(slack.scopes)}


def channel(slack: Slack, given: Json) -> Json:
    members = [slack.workspace.person(m).id for m in given.get("members", ["U0ANA"])]
    name, is_private = str(given.get("name", "")), bool(given.get("private"))
    made = rooms.create(slack, name, members[0], is_private=is_private)
    rooms.add_members(slack, made, members)
    if given.get("archived"):
        rooms.archive(slack, made, members[0])
    return {"channel": rooms.for_app(slack, made)}


def person(slack: Slack, given: Json) -> Json:
    people = slack.workspace.people
    person_id = str(given.get("id") or slack.workspace.next_id("U"))
    name = str(given.get("name") or "")
    someone = people.get(person_id) or Person(person_id, name or person_id.lower(), name or person_id)
    for flag in ("is_guest", "is_stranger", "deleted"):
        if flag in given:
            setattr(someone, flag, bool(given[flag]))
    if "tz" in given:
        someone.tz = _zone(str(given["tz"]))
    if name:
        someone.name = name
    if given.get("real_name"):
        someone.real_name = str(given["real_name"])
    people[person_id] = someone
    return {"user": {"id": person_id, "name": someone.name}}


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        raise SlackError("invalid_tz") from None


def emit(slack: Slack, given: Json) -> Json:
    kind, payload = str(given.get("type")), given.get("payload", {})
    slack.sockets.spawn(_sent(slack, kind, payload))
    return {}


async def _sent(slack: Slack, kind: str, payload: Json) -> None:
    try:
        await slack.sockets.request(kind, payload, answerable=kind != "events_api")
    except SlackError:
        return  # what is emitted by hand is nobody's loss
