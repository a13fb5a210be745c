"""chat.*: what is taken, what is refused, who sees it."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from tests.sandbox.world import World, actions, button


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return str(caught.value.response["error"])


def test_a_message_comes_back_whole(world: World, ops: str) -> None:
    posted = world.api.chat_postMessage(channel=ops, text="hello", blocks=[actions(button("go"))])
    assert posted["channel"] == ops
    assert posted["message"]["ts"] == posted["ts"]
    assert posted["message"]["bot_id"] == "B0BOT"
    assert posted["message"]["blocks"][0]["elements"][0]["text"] == {
        "type": "plain_text",
        "text": "Press",
        "emoji": True,
    }
    assert world.messages()[-1]["text"] == "hello"


@pytest.mark.parametrize("name", ["#ops-incidents", "ops-incidents"])
def test_a_channel_may_be_named(world: World, ops: str, name: str) -> None:
    assert world.api.chat_postMessage(channel=name, text="x")["channel"] == ops


def test_a_message_to_a_person_opens_a_direct_message(world: World) -> None:
    channel = world.api.chat_postMessage(channel="U0BOB", text="psst")["channel"]
    assert channel.startswith("D")
    assert [m["text"] for m in world.messages("U0BOB", channel)] == ["psst"]
    assert world.get(f"/sandbox/messages?as=U0ANA&channel={channel}")["error"] == "channel_not_found"
    assert world.api.chat_postMessage(channel="U0BOB", text="again")["channel"] == channel


def test_what_is_refused(world: World, ops: str) -> None:
    post = world.api.chat_postMessage
    assert refusal(post, channel="C404", text="x") == "channel_not_found"
    assert refusal(post, channel=world.channel("general"), text="x") == "not_in_channel"
    assert refusal(world.api.api_call, api_method="chat.postMessage", params={"channel": ops}) == "no_text"
    assert refusal(post, channel=ops, text="x" * 40_001) == "msg_too_long"
    assert refusal(post, channel=ops, text="x", blocks="[not json") == "invalid_blocks_format"
    assert refusal(post, channel=ops, text="x", attachments=[{"fallback": "x"}] * 101) == "too_many_attachments"
    assert refusal(post, channel=ops, text="x", thread_ts="1.1") == "thread_not_found"
    large = {"event_type": "x", "event_payload": {"much": "x" * 20_000}}
    assert refusal(post, channel=ops, text="x", metadata=large) == "metadata_too_large"
    assert refusal(post, channel=ops, text="x", metadata={"event_type": "x"}) == "invalid_metadata_format"


def test_metadata_is_shown_on_request_only(world: World, ops: str) -> None:
    metadata = {"event_type": "outbox", "event_payload": {"id": 7}}
    world.api.chat_postMessage(channel=ops, text="x", metadata=metadata)
    assert "metadata" not in world.api.conversations_history(channel=ops)["messages"][0]
    found = world.api.conversations_history(channel=ops, include_all_metadata=True)["messages"][0]
    assert found["metadata"] == metadata


def test_an_edit_replaces_text_and_blocks_and_keeps_metadata(world: World, ops: str) -> None:
    metadata = {"event_type": "card", "event_payload": {"id": 1}}
    ts = world.api.chat_postMessage(channel=ops, text="a", blocks=[actions(button("go"))], metadata=metadata)["ts"]
    world.api.chat_update(channel=ops, ts=ts, text="b")
    [message] = world.messages()
    assert (message["text"], message["metadata"]) == ("b", metadata)
    assert "blocks" not in message
    assert message["edited"]["user"] == "U0BOT"


def test_edits_that_are_refused(world: World, ops: str) -> None:
    theirs = world.does("U0ANA", "send", channel=ops, text="mine")["ts"]
    mine = world.api.chat_postMessage(channel=ops, text="x")["ts"]
    update = world.api.chat_update
    assert refusal(update, channel=ops, ts=theirs, text="x") == "cant_update_message"
    assert refusal(update, channel=ops, ts="1.1", text="x") == "message_not_found"
    assert refusal(update, channel=ops, ts=mine, text="x" * 4001) == "msg_too_long"
    assert refusal(world.api.chat_delete, channel=ops, ts=theirs) == "cant_delete_message"
    world.control("limits", edit_window=60)
    update(channel=ops, ts=mine, text="in time")
    world.advance(61)
    assert refusal(update, channel=ops, ts=mine, text="late") == "edit_window_closed"


def test_a_reply_is_in_its_thread_and_in_the_channel_only_when_broadcast(world: World, ops: str) -> None:
    root = world.api.chat_postMessage(channel=ops, text="root")["ts"]
    world.api.chat_postMessage(channel=ops, text="quiet", thread_ts=root)
    world.api.chat_postMessage(channel=ops, text="loud", thread_ts=root, reply_broadcast=True)
    history = world.api.conversations_history(channel=ops)["messages"]
    assert [m["text"] for m in history] == ["loud", "root"]
    assert (history[1]["reply_count"], history[1]["reply_users"]) == (2, ["U0BOT"])
    replies = world.api.conversations_replies(channel=ops, ts=root)["messages"]
    assert [m["text"] for m in replies] == ["root", "quiet", "loud"]
    assert [m["text"] for m in world.messages(thread_ts=root)] == ["root", "quiet", "loud"]


def test_deleting_a_root_leaves_a_tombstone(world: World, ops: str) -> None:
    root = world.api.chat_postMessage(channel=ops, text="root")["ts"]
    reply = world.api.chat_postMessage(channel=ops, text="reply", thread_ts=root)["ts"]
    world.api.chat_delete(channel=ops, ts=root)
    assert world.messages()[0]["subtype"] == "tombstone"
    world.api.chat_delete(channel=ops, ts=reply)
    assert "reply_count" not in world.messages()[0]


def test_history_in_pages_and_between_times(world: World, ops: str) -> None:
    sent = [world.api.chat_postMessage(channel=ops, text=str(n))["ts"] for n in range(5)]
    history = world.api.conversations_history
    first = history(channel=ops, limit=2)
    assert [m["text"] for m in first["messages"]] == ["4", "3"]
    assert first["has_more"] is True
    rest = history(channel=ops, limit=3, cursor=first["response_metadata"]["next_cursor"])
    assert [m["text"] for m in rest["messages"]] == ["2", "1", "0"]
    assert rest["has_more"] is False
    between = {"oldest": sent[1], "latest": sent[3]}
    assert [m["text"] for m in history(channel=ops, **between)["messages"]] == ["2"]
    assert [m["text"] for m in history(channel=ops, **between, inclusive=True)["messages"]] == ["3", "2", "1"]
    assert refusal(history, channel=ops, cursor="nonsense") == "invalid_cursor"


def test_an_ephemeral_message_is_for_one_person(world: World, ops: str) -> None:
    world.api.chat_postEphemeral(channel=ops, user="U0ANA", text="only you")
    assert world.messages("U0ANA")[-1]["is_ephemeral"] is True
    assert world.messages("U0BOB") == []
    assert world.api.conversations_history(channel=ops)["messages"] == []
    outsider = refusal(world.api.chat_postEphemeral, channel=ops, user="U404", text="x")
    assert outsider == "user_not_found"
    world.control("person", id="U0EVE", name="eve")
    assert refusal(world.api.chat_postEphemeral, channel=ops, user="U0EVE", text="x") == "user_not_in_channel"


def test_a_permalink_names_channel_and_message(world: World, ops: str) -> None:
    ts = world.api.chat_postMessage(channel=ops, text="x")["ts"]
    link = world.api.chat_getPermalink(channel=ops, message_ts=ts)["permalink"]
    assert link == f"{world.server.url}/archives/{ops}/p{ts.replace('.', '')}"


def test_timestamps_are_unique_and_follow_the_clock(world: World, ops: str) -> None:
    world.control("limits", enforce=False)
    sent = [world.api.chat_postMessage(channel=ops, text="x")["ts"] for _ in range(50)]
    assert sorted(set(sent)) == sent
    world.advance(3600)
    assert float(world.api.chat_postMessage(channel=ops, text="x")["ts"]) - float(sent[-1]) >= 3600
