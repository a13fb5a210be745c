"""What people do and what the bot gets: commands, clicks, modals, shortcuts, response_urls."""

from typing import Any

import pytest

from tests.sandbox.test_messages import refusal
from tests.sandbox.world import Bot, Json, World, actions, button, field, modal, text


def options(*values: str) -> list[Json]:
    return [{"text": text(v.title()), "value": v} for v in values]


def card() -> list[Json]:
    pick = {"type": "static_select", "action_id": "pick", "options": options("one", "two")}
    return [{"type": "section", "block_id": "said", "text": text("Hi")}, actions(button("go", "7"), pick)]


def on(channel: str, ts: str) -> Json:
    return {"type": "message", "channel": channel, "message_ts": ts}


def test_a_command_payload(world: World, bot: Bot, ops: str) -> None:
    payload = world.command(bot, "/incident declare  now ")
    assert payload == {
        "token": payload["token"],
        "team_id": "T0AIOPS",
        "team_domain": "aiops",
        "channel_id": ops,
        "channel_name": "ops-incidents",
        "user_id": "U0ANA",
        "user_name": "ana",
        "command": "/incident",
        "text": "declare  now",
        "api_app_id": "A0AIOPS",
        "is_enterprise_install": "false",
        "response_url": payload["response_url"],
        "trigger_id": payload["trigger_id"],
    }
    assert payload["response_url"].startswith(f"{world.server.url}/response/")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("assign @Ana Duarte", "assign <@U0ANA|ana>"),
        ("assign @ana, please", "assign <@U0ANA|ana>, please"),
        ("in #ops-incidents", "in <#{ops}|ops-incidents>"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("<!channel>", "&lt;!channel&gt;"),
        ("mail ana@example.com #404", "mail ana@example.com #404"),
        ("<@U0BOB|bob>", "<@U0BOB|bob>"),
    ],
)
def test_command_text_is_escaped(world: World, bot: Bot, ops: str, typed: str, sent: str) -> None:
    assert world.command(bot, f"/incident {typed}")["text"] == sent.replace("{ops}", ops)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("hi @Ana Duarte & co", "hi <@U0ANA> &amp; co"),
        ("see https://example.com/a?b=c", "see <https://example.com/a?b=c>"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("@here look", "<!here> look"),
    ],
)
def test_messages_are_escaped(world: World, ops: str, typed: str, kept: str) -> None:
    world.does("U0BOB", "send", channel=ops, text=typed)
    assert world.messages()[-1]["text"] == kept


def test_commands_that_slack_refuses(world: World, ops: str) -> None:
    ts = world.does("U0ANA", "send", channel=ops, text="root")["ts"]
    in_thread = world.does("U0ANA", "send", channel=ops, text="/incident", thread_ts=ts)
    assert in_thread["error"] == "slash_in_thread"
    assert "not supported in threads" in in_thread["message"]
    assert world.does("U0ANA", "send", channel=ops, text="/nonsense")["error"] == "unknown_command"
    assert (
        world.does("U0GUS", "send", channel=world.channel("general"), text="/incident")["error"] == "channel_not_found"
    )


def test_the_answer_in_an_acknowledgement(world: World, bot: Bot, ops: str) -> None:
    def answered(payload: Json) -> Any:
        typed = world.starts("U0ANA", "send", channel=ops, text="/incident")
        bot.take(payload)
        return typed.result()

    assert answered({"text": "only you"})["ack"] == {"text": "only you"}
    assert world.messages("U0BOB") == []
    answered({"text": "all of you", "response_type": "in_channel"})
    assert [m["text"] for m in world.messages("U0BOB")] == ["all of you"]
    assert [m["text"] for m in world.messages("U0ANA")] == ["only you", "all of you"]
    assert answered({"blocks": [{"type": "nonsense"}]})["error"] == "invalid_command_response"


def test_a_strangers_command_names_their_team(world: World, bot: Bot) -> None:
    assert world.command(bot, person="U0STRANGER")["team_id"] == "T0PARTNER"


def test_a_click(world: World, bot: Bot, ops: str) -> None:
    metadata = {"event_type": "card", "event_payload": {"id": 1}}
    ts = world.api.chat_postMessage(channel=ops, text="Hi", blocks=card(), metadata=metadata)["ts"]
    clicked = world.starts("U0BOB", "action", container=on(ops, ts), action={"action_id": "go", "block_id": "row"})
    payload = bot.take()
    assert clicked.result() == {"ok": True, "ack": {}}
    assert payload["type"] == "block_actions"
    assert payload["user"] == {"id": "U0BOB", "username": "bob", "name": "bob", "team_id": "T0AIOPS"}
    assert payload["channel"] == {"id": ops, "name": "ops-incidents"}
    assert payload["container"] == {"type": "message", "message_ts": ts, "channel_id": ops, "is_ephemeral": False}
    assert payload["message"]["metadata"] == metadata
    assert payload["message"]["blocks"][0]["block_id"] == "said"
    assert payload["state"] == {"values": {"row": {"pick": {"type": "static_select", "selected_option": None}}}}
    [action] = payload["actions"]
    assert (action["type"], action["value"], action["block_id"]) == ("button", "7", "row")
    assert action["action_ts"] > ts
    assert {"trigger_id", "response_url", "team", "api_app_id"} <= set(payload)


def test_a_choice_is_one_of_the_offered(world: World, bot: Bot, ops: str) -> None:
    ts = world.api.chat_postMessage(channel=ops, text="Hi", blocks=card())["ts"]

    def choose(value: str) -> Any:
        action = {"action_id": "pick", "block_id": "row", "selected_option": {"value": value}}
        return world.starts("U0BOB", "action", container=on(ops, ts), action=action)

    chosen = choose("two")
    assert bot.take()["actions"][0]["selected_option"]["value"] == "two"
    assert chosen.result()["ok"]
    assert choose("forged").result()["error"] == "invalid_action"
    forged = world.does("U0BOB", "action", container=on(ops, ts), action={"action_id": "forged"})
    assert forged["error"] == "invalid_action"


def test_a_click_on_an_ephemeral_message(world: World, bot: Bot, ops: str) -> None:
    ts = world.api.chat_postEphemeral(channel=ops, user="U0ANA", text="Sure?", blocks=card())["message_ts"]
    assert world.does("U0BOB", "action", container=on(ops, ts), action={"action_id": "go"})["error"] == (
        "message_not_found"
    )
    clicked = world.starts("U0ANA", "action", container=on(ops, ts), action={"action_id": "go"})
    payload = bot.take()
    assert clicked.result()["ok"]
    assert payload["container"]["is_ephemeral"] is True
    assert "message" not in payload
    world.post_raw(payload["response_url"], {"replace_original": True, "text": "done", "response_type": "in_channel"})
    [message] = world.messages("U0ANA")
    assert (message["ts"], message["text"], "blocks" in message) == (ts, "done", False)
    assert world.messages("U0BOB") == []
    world.post_raw(payload["response_url"], {"delete_original": True})
    assert world.messages("U0ANA") == []


def test_a_response_url_is_good_for_five_answers(world: World, bot: Bot) -> None:
    url = world.command(bot)["response_url"]
    assert world.post_raw(url, {"text": "x", "blocks": [{"type": "nonsense"}]})[0] == 400
    assert world.post_raw(url, {})[1]["error"] == "no_text"
    for n in range(5):
        world.advance(1)
        assert world.post_raw(url, {"text": str(n)}) == (200, {"ok": True})
    world.advance(1)
    assert world.post_raw(url, {"text": "x"}) == (404, {"ok": False, "error": "used_url"})
    assert [m["text"] for m in world.messages()] == list("01234")


def test_a_response_url_is_good_for_half_an_hour(world: World, bot: Bot) -> None:
    url = world.command(bot)["response_url"]
    world.advance(1801)
    assert world.post_raw(url, {"text": "x"}) == (404, {"ok": False, "error": "expired_url"})
    assert world.post_raw(f"{world.server.url}/response/none", {"text": "x"})[0] == 404


def test_a_response_replaces_the_clicked_message_or_adds_to_its_thread(world: World, bot: Bot, ops: str) -> None:
    ts = world.api.chat_postMessage(channel=ops, text="Hi", blocks=card())["ts"]
    clicked = world.starts("U0BOB", "action", container=on(ops, ts), action={"action_id": "go"})
    url = bot.take()["response_url"]
    clicked.result()
    world.post_raw(url, {"replace_original": True, "text": "new"})
    world.post_raw(url, {"text": "reply", "thread_ts": ts, "response_type": "in_channel"})
    assert [m["text"] for m in world.messages()] == ["new"]
    assert [m["text"] for m in world.messages(thread_ts=ts)] == ["new", "reply"]


def test_a_trigger_opens_one_modal_within_three_seconds(world: World, bot: Bot) -> None:
    trigger = world.command(bot)["trigger_id"]
    world.api.views_open(trigger_id=trigger, view=modal())
    assert [v["callback_id"] for v in world.views("U0ANA")] == ["form"]
    assert world.views("U0BOB") == []
    assert refusal(world.api.views_open, trigger_id=trigger, view=modal()) == "exchanged_trigger_id"
    late = world.command(bot)["trigger_id"]
    world.advance(3.1)
    assert refusal(world.api.views_open, trigger_id=late, view=modal()) == "expired_trigger_id"
    assert refusal(world.api.views_open, trigger_id="none", view=modal()) == "invalid_trigger_id"


def opened(world: World, bot: Bot, *blocks: Json, **more: Any) -> Json:
    trigger = world.command(bot)["trigger_id"]
    return dict(world.api.views_open(trigger_id=trigger, view=modal(*blocks, **more))["view"])


def test_an_opened_view_is_complete(world: World, bot: Bot) -> None:
    view = opened(world, bot, field("name", element={"initial_value": "x"}), private_metadata="{}")
    assert view["root_view_id"] == view["id"]
    assert (view["previous_view_id"], view["private_metadata"], view["notify_on_close"]) == (None, "{}", False)
    assert view["state"] == {"values": {"name": {"field": {"type": "plain_text_input", "value": "x"}}}}


def submitted(world: World, bot: Bot, view: Json, answer: Json | None, **values: Any) -> tuple[Json, Any]:
    state = {"values": {block: {"field": {"value": value}} for block, value in values.items()}}
    pressed = world.starts("U0ANA", "view/submit", view_id=view["id"], state=state)
    payload = bot.take(answer)
    return payload, pressed.result()


def test_a_submission_closes_the_modal(world: World, bot: Bot) -> None:
    view = opened(world, bot, private_metadata="kept")
    payload, result = submitted(world, bot, view, None, name="checkout")
    assert result == {"ok": True}
    assert (payload["type"], payload["user"]["id"]) == ("view_submission", "U0ANA")
    assert payload["view"]["private_metadata"] == "kept"
    assert payload["view"]["state"]["values"]["name"]["field"] == {"type": "plain_text_input", "value": "checkout"}
    assert {"hash", "root_view_id", "previous_view_id", "callback_id"} <= set(payload["view"])
    assert world.views() == []


def test_errors_keep_the_modal_open(world: World, bot: Bot) -> None:
    view = opened(world, bot)
    answer = {"response_action": "errors", "errors": {"name": "Taken."}}
    _, result = submitted(world, bot, view, answer, name="x")
    assert (result["ok"], result["error"], result["errors"]) == (False, "validation", {"name": "Taken."})
    wrong = {"response_action": "errors", "errors": {"other": "x"}}
    assert submitted(world, bot, view, wrong, name="x")[1]["error"] == "invalid_response_action"
    assert len(world.views()) == 1


def test_update_push_and_clear(world: World, bot: Bot) -> None:
    view = opened(world, bot)
    updated = submitted(world, bot, view, {"response_action": "update", "view": modal(callback_id="two")}, name="x")[1]
    assert (updated["view"]["id"], updated["view"]["callback_id"]) == (view["id"], "two")
    assert updated["view"]["hash"] != view["hash"]
    assert updated["view"]["state"]["values"]["name"]["field"]["value"] == "x"
    pushed = submitted(world, bot, view, {"response_action": "push", "view": modal(callback_id="up")}, name="x")[1]
    assert (pushed["view"]["previous_view_id"], pushed["view"]["root_view_id"]) == (view["id"], view["id"])
    assert [v["callback_id"] for v in world.views()] == ["two", "up"]
    assert submitted(world, bot, pushed["view"], {"response_action": "clear"}, name="x")[1] == {"ok": True}
    assert world.views() == []
    invalid = {"response_action": "update", "view": {"type": "modal"}}
    assert submitted(world, bot, opened(world, bot), invalid, name="x")[1]["error"] == "invalid_response_action"


def test_slacks_client_checks_fields_first(world: World, bot: Bot) -> None:
    number = {"type": "number_input", "is_decimal_allowed": False, "max_value": "5"}
    view = opened(
        world,
        bot,
        field("name"),
        field("note", optional=True),
        field("short", element={"min_length": 3}),
        field("count", element=number),
    )
    values = {"short": {"field": {"value": "x"}}, "count": {"field": {"value": "9"}}}
    result = world.does("U0ANA", "view/submit", view_id=view["id"], state={"values": values})
    assert set(result["errors"]) == {"name", "short", "count"}


def test_a_modal_times_out_and_stays(world: World, bot: Bot) -> None:
    view = opened(world, bot)
    values = {"values": {"name": {"field": {"value": "x"}}}}
    pressed = world.starts("U0ANA", "view/submit", view_id=view["id"], state=values)
    bot.receive()
    world.advance(3)
    assert pressed.result()["error"] == "operation_timeout"
    assert len(world.views()) == 1


def test_closing_is_told_only_when_asked(world: World, bot: Bot) -> None:
    world.does("U0ANA", "view/close", view_id=opened(world, bot)["id"])
    view = opened(world, bot, notify_on_close=True)
    closing = world.starts("U0ANA", "view/close", view_id=view["id"])
    payload = bot.take()
    assert closing.result() == {"ok": True}
    assert (payload["type"], payload["is_cleared"], payload["view"]["id"]) == ("view_closed", False, view["id"])
    assert world.views() == []


def test_views_update_by_id_external_id_and_hash(world: World, bot: Bot) -> None:
    view = opened(world, bot, external_id="mine")
    update = world.api.views_update
    fresh = update(external_id="mine", view=modal(callback_id="a", external_id="mine"), hash=view["hash"])["view"]
    stale = refusal(update, view_id=view["id"], view=modal(), hash=view["hash"])
    assert (fresh["callback_id"], stale) == ("a", "hash_conflict")
    assert refusal(update, view_id="V404", view=modal()) == "not_found"
    trigger = world.command(bot)["trigger_id"]
    duplicate = refusal(world.api.views_open, trigger_id=trigger, view=modal(external_id="mine"))
    assert duplicate == "duplicate_external_id"


def test_three_views_are_the_most(world: World, bot: Bot) -> None:
    view = opened(world, bot)
    for _ in range(2):
        world.api.views_push(trigger_id=world.command(bot)["trigger_id"], view=modal())
    trigger = world.command(bot)["trigger_id"]
    assert refusal(world.api.views_push, trigger_id=trigger, view=modal()) == "push_limit_reached"
    assert [v["root_view_id"] for v in world.views()] == [view["id"]] * 3


def test_a_click_in_a_modal_and_in_the_home(world: World, bot: Bot) -> None:
    view = opened(world, bot, actions(button("more")), field("name"))
    container = {"type": "view", "view_id": view["id"]}
    state = {"values": {"name": {"field": {"value": "typed"}}}}
    clicked = world.starts("U0ANA", "action", container=container, action={"action_id": "more"}, state=state)
    payload = bot.take()
    assert clicked.result()["ok"]
    assert payload["container"] == container
    assert payload["view"]["state"]["values"]["name"]["field"]["value"] == "typed"
    assert "response_url" not in payload
    home = {"type": "home", "blocks": [actions(button("more"))]}
    published = world.api.views_publish(user_id="U0ANA", view=home)["view"]
    container = {"type": "view", "view_id": published["id"]}
    assert world.does("U0BOB", "action", container=container, action={"action_id": "more"})["error"] == "not_found"
    clicked = world.starts("U0ANA", "action", container=container, action={"action_id": "more"})
    assert bot.take()["view"]["type"] == "home"
    assert clicked.result()["ok"]


def test_the_home_is_opened_and_published(world: World, bot: Bot) -> None:
    assert world.does("U0ANA", "home") == {"ok": True, "view": None}
    event = bot.take()["event"]
    assert (event["type"], event["user"], event["tab"]) == ("app_home_opened", "U0ANA", "home")
    view = {"type": "home", "blocks": [{"type": "divider"}]}
    first = world.api.views_publish(user_id="U0ANA", view=view)["view"]
    assert world.get("/sandbox/home?as=U0ANA")["view"]["id"] == first["id"]
    again = world.api.views_publish(user_id="U0ANA", view=view, hash=first["hash"])["view"]
    assert again["id"] == first["id"]
    assert refusal(world.api.views_publish, user_id="U0ANA", view=view, hash=first["hash"]) == "hash_conflict"
    assert refusal(world.api.views_publish, user_id="U404", view=view) == "user_not_found"


def test_options_that_the_bot_looks_up(world: World, bot: Bot, ops: str) -> None:
    select = {"type": "external_select", "action_id": "find", "min_query_length": 1}
    ts = world.api.chat_postMessage(channel=ops, text="x", blocks=[actions(select)])["ts"]
    asked = world.starts("U0ANA", "options", container=on(ops, ts), action={"action_id": "find"}, value="che")
    payload = bot.take({"options": options("checkout")})
    assert (payload["type"], payload["value"]) == ("block_suggestion", "che")
    assert asked.result()["options"] == options("checkout")


def test_reactions_and_mentions_are_told_only_where_the_bot_is(world: World, bot: Bot, ops: str) -> None:
    general = world.channel("general")
    outside = world.does("U0ANA", "send", channel=general, text="@AIOps Bot hello")["ts"]
    world.does("U0BOB", "react", channel=general, ts=outside, name="eyes")
    inside = world.does("U0ANA", "send", channel=ops, text="no mention")["ts"]
    world.does("U0BOB", "react", channel=ops, ts=inside, name="eyes")
    event = bot.take()["event"]
    assert (event["type"], event["reaction"], event["user"]) == ("reaction_added", "eyes", "U0BOB")
    assert event["item"] == {"type": "message", "channel": ops, "ts": inside}
