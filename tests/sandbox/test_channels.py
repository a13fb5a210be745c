"""conversations.*, users.*, pins, bookmarks, reactions, files."""

import urllib.request
from typing import Any

import pytest

from tests.sandbox.test_messages import refusal
from tests.sandbox.world import World


def test_a_channel_is_made_filled_and_described(world: World) -> None:
    api = world.api
    made = api.conversations_create(name="inc-42-checkout")["channel"]
    assert (made["is_private"], made["is_member"], made["creator"]) == (False, True, "U0BOT")
    api.conversations_invite(channel=made["id"], users="U0ANA,U0BOB")
    api.conversations_setTopic(channel=made["id"], topic="SEV-1")
    api.conversations_setPurpose(channel=made["id"], purpose="fix it")
    info = api.conversations_info(channel=made["id"], include_num_members=True)["channel"]
    assert (info["topic"]["value"], info["purpose"]["value"], info["num_members"]) == ("SEV-1", "fix it", 3)
    assert set(api.conversations_members(channel=made["id"])["members"]) == {"U0BOT", "U0ANA", "U0BOB"}
    api.conversations_rename(channel=made["id"], name="inc-42")
    assert api.chat_postMessage(channel="#inc-42", text="x")["channel"] == made["id"]
    api.conversations_archive(channel=made["id"])
    assert refusal(api.chat_postMessage, channel=made["id"], text="x") == "is_archived"
    assert refusal(api.conversations_archive, channel=made["id"]) == "already_archived"
    assert refusal(api.conversations_invite, channel=made["id"], users="U0CY") == "is_archived"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("Incident", "invalid_name_specials"),
        ("inc 1", "invalid_name_specials"),
        ("x" * 81, "invalid_name_maxlength"),
        ("---", "invalid_name_punctuation"),
        ("", "invalid_name_required"),
        ("general", "name_taken"),
    ],
)
def test_names_that_are_refused(world: World, name: str, error: str) -> None:
    assert refusal(world.api.conversations_create, name=name) == error


def test_a_name_stays_taken_when_its_channel_is_archived(world: World) -> None:
    world.control("channel", name="inc-1", archived=True)
    assert refusal(world.api.conversations_create, name="inc-1") == "name_taken"


@pytest.mark.parametrize(
    ("users", "error"),
    [
        ("U0BOT", "cant_invite_self"),
        ("U404", "user_not_found"),
        ("U0BOB", "already_in_channel"),
        ("U0GUS", "ura_max_channels"),
        ("", "no_user"),
    ],
)
def test_invitations_that_are_refused(world: World, users: str, error: str) -> None:
    channel = world.api.conversations_create(name="inc-1")["channel"]["id"]
    world.api.conversations_invite(channel=channel, users="U0BOB")
    assert refusal(world.api.conversations_invite, channel=channel, users=users) == error


def test_one_bad_invitation_spoils_all_but_with_force(world: World) -> None:
    channel = world.api.conversations_create(name="inc-1")["channel"]["id"]
    invite = world.api.conversations_invite
    assert refusal(invite, channel=channel, users="U0ANA,U404") == "user_not_found"
    assert world.api.conversations_members(channel=channel)["members"] == ["U0BOT"]
    invite(channel=channel, users="U0ANA,U404", force=True)
    assert world.api.conversations_members(channel=channel)["members"] == ["U0BOT", "U0ANA"]


def test_a_private_channel_does_not_exist_for_a_bot_outside(world: World) -> None:
    secret = world.control("channel", name="secret", private=True, members=["U0ANA"])["channel"]["id"]
    assert refusal(world.api.conversations_info, channel=secret) == "channel_not_found"
    listed = world.api.conversations_list(types="public_channel,private_channel")["channels"]
    assert {c["name"] for c in listed} == {"general", "ops-incidents", "checkout-team"}
    world.does("U0ANA", "invite", channel=secret, user="U0BOT")
    assert world.api.conversations_info(channel=secret)["channel"]["is_private"] is True


def test_joining_a_public_channel(world: World) -> None:
    general = world.channel("general")
    assert refusal(world.api.conversations_history, channel=general) == "not_in_channel"
    world.api.conversations_join(channel=general)
    assert world.api.conversations_join(channel=general)["warning"] == "already_in_channel"
    world.api.conversations_history(channel=general)


def test_opening_a_direct_message(world: World) -> None:
    channel = world.api.conversations_open(users="U0ANA")["channel"]["id"]
    assert world.does("U0ANA", "dm", user="U0BOT")["channel"] == channel
    assert refusal(world.api.conversations_open, users="U404") == "user_not_found"


def test_who_people_are(world: World) -> None:
    ana = world.api.users_info(user="U0ANA")["user"]
    assert (ana["real_name"], ana["tz"], ana["tz_offset"]) == ("Ana Duarte", "America/Sao_Paulo", -10800)
    gus = world.api.users_info(user="U0GUS")["user"]
    assert (gus["is_restricted"], gus["is_ultra_restricted"]) == (True, True)
    sam = world.api.users_info(user="U0STRANGER")["user"]
    assert (sam["is_stranger"], sam["team_id"]) == (True, "T0PARTNER")
    assert world.api.users_info(user="U0BOT")["user"]["is_bot"] is True
    assert refusal(world.api.users_info, user="U404") == "user_not_found"
    world.control("person", id="U0CY", deleted=True)
    assert world.api.users_info(user="U0CY")["user"]["deleted"] is True


def test_who_has_an_address(world: World) -> None:
    found = world.api.users_lookupByEmail(email="Ana@shop.example")["user"]
    assert (found["id"], found["profile"]["email"]) == ("U0ANA", "ana@shop.example")
    emails = {m["id"]: m["profile"].get("email") for m in world.api.users_list()["members"]}
    assert (emails["U0BOB"], emails["U0BOT"]) == ("bob@shop.example", None)
    for nobody in ("kim@vendor.example", "aiops_bot@shop.example"):
        assert refusal(world.api.users_lookupByEmail, email=nobody) == "users_not_found"
    world.control("person", id="U0CY", deleted=True)
    assert refusal(world.api.users_lookupByEmail, email="cy@shop.example") == "users_not_found"


def test_addresses_need_a_scope(world: World) -> None:
    world.control("scopes", granted=["users:read"])
    assert refusal(world.api.users_lookupByEmail, email="ana@shop.example") == "missing_scope"
    assert "email" not in world.api.users_info(user="U0ANA")["user"]["profile"]


def test_user_groups(world: World) -> None:
    [group] = world.api.usergroups_list(include_users=True)["usergroups"]
    assert (group["handle"], group["users"]) == ("oncall", ["U0BOB"])
    assert world.api.usergroups_users_list(usergroup=group["id"])["users"] == ["U0BOB"]


def test_pins(world: World, ops: str) -> None:
    ts = world.api.chat_postMessage(channel=ops, text="card")["ts"]
    world.api.pins_add(channel=ops, timestamp=ts)
    assert refusal(world.api.pins_add, channel=ops, timestamp=ts) == "already_pinned"
    assert world.api.pins_list(channel=ops)["items"][0]["message"]["text"] == "card"
    world.api.pins_remove(channel=ops, timestamp=ts)
    assert refusal(world.api.pins_remove, channel=ops, timestamp=ts) == "no_pin"


def test_bookmarks(world: World, ops: str) -> None:
    add = world.api.bookmarks_add
    bookmark = add(channel_id=ops, title="Call", type="link", link="https://example.com")["bookmark"]
    edited = world.api.bookmarks_edit(channel_id=ops, bookmark_id=bookmark["id"], title="Bridge")["bookmark"]
    assert edited["title"] == "Bridge"
    assert [b["title"] for b in world.api.bookmarks_list(channel_id=ops)["bookmarks"]] == ["Bridge"]
    world.api.bookmarks_remove(channel_id=ops, bookmark_id=bookmark["id"])
    assert refusal(world.api.bookmarks_remove, channel_id=ops, bookmark_id=bookmark["id"]) == "not_found"
    assert refusal(add, channel_id=ops, title="x", type="link", link="javascript:alert(1)") == "invalid_link"


def test_reactions(world: World, ops: str) -> None:
    ts = world.api.chat_postMessage(channel=ops, text="x")["ts"]
    world.api.reactions_add(channel=ops, timestamp=ts, name="eyes")
    assert refusal(world.api.reactions_add, channel=ops, timestamp=ts, name="eyes") == "already_reacted"
    world.does("U0ANA", "react", channel=ops, ts=ts, name="eyes")
    found = world.api.reactions_get(channel=ops, timestamp=ts)["message"]["reactions"]
    assert found == [{"name": "eyes", "users": ["U0BOT", "U0ANA"], "count": 2}]
    world.api.reactions_remove(channel=ops, timestamp=ts, name="eyes")
    assert refusal(world.api.reactions_remove, channel=ops, timestamp=ts, name="eyes") == "no_reaction"


def test_a_file_is_uploaded_shared_and_downloaded(world: World, ops: str) -> None:
    shared: Any = world.api.files_upload_v2(
        channel=ops, content="# Post-mortem", filename="inc-1.md", title="INC-1", initial_comment="here"
    )
    [message] = world.messages()
    assert (message["text"], message["files"][0]["title"]) == ("here", "INC-1")
    with urllib.request.urlopen(shared["file"]["url_private"]) as answer:
        assert answer.read() == b"# Post-mortem"
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert refusal(world.api.files_completeUploadExternal, files=[{"id": "F404"}]) == "file_not_found"
