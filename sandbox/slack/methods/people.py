"""users.*, usergroups.* and auth.test: who is who."""

from sandbox.slack.errors import SlackError
from sandbox.slack.methods.call import Call
from sandbox.slack.methods.conversations import paged
from sandbox.slack.workspace import APP_ID, BOT_ID, BOT_USER, TEAM_ID, Json, Person


def auth_test(call: Call) -> Json:
    return {
        "url": f"{call.base_url}/",
        "team": call.workspace.name,
        "user": call.workspace.people[BOT_USER].name,
        "team_id": TEAM_ID,
        "user_id": BOT_USER,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


def info(call: Call) -> Json:
    person = call.workspace.people.get(call.args.need("user"))
    if person is None:
        raise SlackError("user_not_found")
    return {"user": user_object(call, person)}


def list_(call: Call) -> Json:
    page, after = paged(call, list(call.workspace.people.values()))
    return {"members": [user_object(call, p) for p in page], "cache_ts": int(call.slack.clock.now()), **after}


def lookup_by_email(call: Call) -> Json:
    email = call.args.need("email").lower()
    for person in call.workspace.people.values():
        if email and person.email == email and not person.deleted:
            return {"user": user_object(call, person)}
    raise SlackError("users_not_found")


def usergroups(call: Call) -> Json:
    with_users, with_count = call.args.flag("include_users"), call.args.flag("include_count")
    groups = []
    for group in call.workspace.usergroups.values():
        shown = {k: v for k, v in group.items() if k != "users"}
        shown |= {"team_id": TEAM_ID, "is_usergroup": True, "date_delete": 0}
        if with_users:
            shown["users"] = group["users"]
        if with_count:
            shown["user_count"] = len(group["users"])
        groups.append(shown)
    return {"usergroups": groups}


def usergroup_members(call: Call) -> Json:
    group = call.workspace.usergroups.get(call.args.need("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": group["users"]}


def user_object(call: Call, person: Person) -> Json:
    offset = person.tz_offset(call.slack.clock.now())
    profile: Json = {
        "title": person.title,
        "phone": "",
        "real_name": person.real_name,
        "real_name_normalized": person.real_name,
        "display_name": person.name,
        "display_name_normalized": person.name,
        "status_text": "",
        "status_emoji": "",
        "team": person.team_id,
    }
    if person.is_bot:
        profile |= {"bot_id": BOT_ID, "api_app_id": APP_ID, "always_active": True}
    elif "users:read.email" in call.slack.scopes:
        profile["email"] = person.email
    user: Json = {
        "id": person.id,
        "team_id": person.team_id,
        "name": person.name,
        "deleted": person.deleted,
        "color": person.color,
        "real_name": person.real_name,
        "tz": person.tz,
        "tz_label": person.tz,
        "tz_offset": offset,
        "profile": profile,
        "is_admin": False,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": person.is_guest,
        "is_ultra_restricted": person.is_guest,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "updated": 0,
        "is_email_confirmed": not person.is_bot,
        "who_can_share_contact_card": "EVERYONE",
    }
    if person.is_stranger:
        user["is_stranger"] = True
    return user
