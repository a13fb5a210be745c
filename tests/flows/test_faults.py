"""What goes wrong around the bot, and that nothing is lost, said twice or left unanswered."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from slack_sdk import WebClient

from bot import outbox
from bot.app import Bot
from bot.config import Config
from bot.integrations.slack import socket
from bot.store import database
from tests.workspace import ANA, BOB, Workspace, wait_for

DECLARE = "/incident declare sev3 checkout-api payments fail"


def test_rate_limited_for_a_minute_then_everything_comes_in_order_and_once(world: Workspace) -> None:
    world.fault("chat.postMessage", "ratelimited", times=1, retry_after=60)
    world.ana.run(DECLARE)
    bot = world.bot
    assert bot is not None
    wait_for(lambda: bot.store.troubles("INC-1"), "the refusal on record")
    world.bob.run("/incident declare sev4 search slow")
    world.bob.told("INC-2")
    world.advance(61)
    world.ops.expect("INC-1 · SEV-3")
    world.ops.expect("INC-2 · SEV-4")
    said = [message.plain.splitlines()[0] for message in world.ops.messages()]
    templates = [line for line in said if "DECLARED" in line]
    assert templates == ["🔴 *INCIDENT DECLARED — SEV-3*", "🔴 *INCIDENT DECLARED — SEV-4*"]


@pytest.mark.parametrize("kind", ["http", "drop_after", "drop_before"])
def test_an_unknown_outcome_never_makes_a_second_message(world: Workspace, kind: str) -> None:
    world.fault("chat.postMessage", kind, times=1, status=500)
    world.ana.run(DECLARE)
    bot = world.bot
    assert bot is not None
    wait_for(lambda: bot.store.troubles("INC-1"), "the doubt on record")
    world.advance(3)
    world.ops.expect("INC-1 · SEV-3")
    assert world.ops.count("INCIDENT DECLARED") == 1


def test_a_channel_that_was_made_before_the_answer_was_lost_is_found_again(world: Workspace) -> None:
    world.fault("conversations.create", "drop_after", times=1)
    world.ana.run("/incident declare sev1 search down")
    world.ops.expect("INCIDENT DECLARED — SEV-1")
    world.advance(3)
    world.channel("inc-1-search").expect("INC-1 · SEV-1")
    names = [channel["name"] for channel in world.get(f"/sandbox/state?as={ANA}")["channels"] if not channel["is_im"]]
    assert [name for name in names if name.startswith("inc-")] == ["inc-1-search"]


def test_without_a_channel_the_template_still_comes_and_the_card_says_what_is_missing(world: Workspace) -> None:
    world.fault("conversations.create", "error", error="missing_scope", times=1)
    world.ana.run("/incident declare sev1 search down")
    world.ops.expect("INCIDENT DECLARED — SEV-1")
    wait_for(lambda: "incident channel" in world.ops.expect("INC-1 · SEV-1").text, "the trouble on the card")
    world.advance(outbox.ASIDE_SECONDS + 1)
    world.channel("inc-1-search").expect("INC-1 · SEV-1")
    world.ana.run("/incident timeline")
    told = world.ana.told("Timeline of")
    assert "missing_scope" in told.text
    assert "repaired" in told.text


def test_a_lesser_server_without_the_methods_of_comfort_still_gets_its_incident(world: Workspace) -> None:
    methods = ["conversations.setTopic", "conversations.invite", "pins.add", "bookmarks.add", "users.info"]
    world.control("disable", methods=methods)
    world.ana.run("/incident declare sev1 search down")
    world.ops.expect("INCIDENT DECLARED — SEV-1")
    world.channel("inc-1-search").expect("INC-1 · SEV-1")
    world.settled()
    assert "⚠" not in world.ops.expect("INC-1 · SEV-1").text


def test_a_card_that_cannot_be_edited_any_more_is_posted_anew_and_the_old_one_is_mended_by_a_click(
    world: Workspace,
) -> None:
    world.ana.run(DECLARE)
    old = world.ops.expect("INC-1 · SEV-3")
    world.control("limits", enforce=True, edit_window=60)
    world.advance(120)
    world.bob.run("/incident ack")
    new = world.ops.expect("checkout-api · acknowledged")
    assert new.ts != old.ts
    world.cy.click(old, "Acknowledge")
    world.cy.told(f"already acknowledged by <@{BOB}>")
    wait_for(
        lambda: all("not acknowledged yet" not in message.text for message in world.ops.messages()),
        "the old card in its present state",
    )


def test_an_incident_channel_that_people_archived_is_left_in_peace(world: Workspace) -> None:
    world.ana.run("/incident declare sev1 search down")
    channel = world.channel("inc-1-search")
    channel.expect("INC-1 · SEV-1")
    world.settled()
    WebClient("xoxb-test", base_url=world.server.api_url).conversations_archive(channel=channel.id)
    world.ana.run("/incident assign @Bob Okafor")
    world.ana.run("/incident update it was the cache")
    world.ana.run("/incident resolve")
    world.ops.expect("INCIDENT RESOLVED")
    world.settled()
    assert "⚠" not in world.ops.expect("INC-1 · SEV-1 · search · resolved").text


def test_a_bot_that_is_not_in_the_channel_joins_it(empty_world: Workspace) -> None:
    empty_world.start_bot(INCIDENT_CHANNEL="checkout-team")
    empty_world.ana.run(DECLARE)
    empty_world.channel("checkout-team").expect("INC-1 · SEV-3")


def test_when_the_channel_is_missing_the_commander_is_told_directly(empty_world: Workspace) -> None:
    empty_world.start_bot(INCIDENT_CHANNEL="no-such-channel")
    empty_world.bob.run(DECLARE)
    state = wait_for(lambda: _direct(empty_world, BOB), "a direct message")
    assert "INC-1 is stored, but Slack does not let me post it in #no-such-channel" in state
    empty_world.control("channel", name="no-such-channel", members=[BOB])
    empty_world.advance(outbox.ASIDE_SECONDS + 1)
    empty_world.channel("no-such-channel").expect("INC-1 · SEV-3")


def _direct(world: Workspace, user: str) -> str:
    """The newest message of the bot to this person."""
    for channel in world.get(f"/sandbox/state?as={user}")["channels"]:
        if channel["is_im"] and channel.get("user") == "U0BOT":
            messages = world.get(f"/sandbox/messages?as={user}&channel={channel['id']}")["messages"]
            return str(messages[-1]["text"]) if messages else ""
    return ""


def test_an_event_delivered_twice_is_one_wish(world: Workspace) -> None:
    world.ana.run(DECLARE)
    card = world.ops.expect("INC-1 · SEV-3")
    world.ana.say("<@U0BOT> update once only", thread_ts=card.ts)
    world.ops.expect("INC-1 update", thread_ts=card.ts)
    world.control("redeliver")
    world.ana.say("<@U0BOT> update twice", thread_ts=card.ts)
    bot = world.bot
    assert bot is not None
    wait_for(lambda: bot.store.timeline_length(1) >= 3, "the second wish")
    world.settled()
    assert bot.store.timeline_length(1) == 3


def test_a_command_delivered_twice_declares_once(world: Workspace) -> None:
    payload = {
        "command": "/incident",
        "text": "declare sev4 search slow",
        "user_id": ANA,
        "team_id": "T0AIOPS",
        "channel_id": world.ops.id,
        "trigger_id": "1.2.3",
    }
    for _ in range(2):
        world.control("emit", type="slash_commands", payload=payload)
    world.ops.expect("INC-1 · SEV-4")
    world.ana.run("/incident declare sev4 b c")
    world.ops.expect("INC-2 · SEV-4")
    assert world.ops.count("INCIDENT DECLARED") == 2


def test_two_people_resolving_at_the_same_moment_make_one_resolution(world: Workspace) -> None:
    world.ana.run(DECLARE)
    card = world.ops.expect("INC-1 · SEV-3")
    with ThreadPoolExecutor(4) as hands:
        clicks = [hands.submit(person.click, card, "Resolve") for person in (world.ana, world.bob, world.cy, world.dee)]
    for click in clicks:
        click.result()
    world.ops.expect("INCIDENT RESOLVED")
    wait_for(
        lambda: (
            sum(
                "already resolved" in message.text
                for person in (world.ana, world.bob, world.cy, world.dee)
                for message in person.sees().messages()
                if message.is_ephemeral
            )
            == 3
        ),
        "three answers",
    )
    world.settled()
    assert world.ops.count("INCIDENT RESOLVED") == 1


def test_guests_and_strangers_are_refused_everywhere(world: Workspace) -> None:
    world.ana.run(DECLARE)
    card = world.ops.expect("INC-1 · SEV-3")
    world.gus.run("/incident declare sev1 x y")
    world.gus.told("Guests can't work on incidents")
    world.gus.click(card, "Resolve")
    world.gus.run("/incident list")
    world.gus.run("/incident help")
    world.stranger.click(card, "Acknowledge")
    world.stranger.told("Only members of this workspace")
    world.settled()
    assert world.ops.count("INCIDENT") == 1
    assert "not acknowledged yet" in world.ops.expect("INC-1 · SEV-3").text


def test_users_info_being_down_does_not_lock_people_out(world: Workspace) -> None:
    world.fault("users.info", "http", status=503, times=None)
    world.ana.run(DECLARE)
    world.ops.expect("INC-1 · SEV-3")


@pytest.mark.parametrize("kind", ["refresh", "warning", "too_many", "close", "eof", "rst"])
def test_a_lost_or_refreshed_socket_is_back_for_the_next_command(world: Workspace, kind: str) -> None:
    world.control("socket", kind=kind)
    wait_for(lambda: world.bot and world.bot.socket.is_connected() and _sockets(world) >= 1, "a connection")

    def declared() -> bool:
        answer = world.ana.say(DECLARE)
        return bool(answer.get("ok"))

    wait_for(declared, "a command that is acked")
    world.ops.expect("INC-1 · SEV-3")


def test_a_half_open_socket_is_noticed_and_replaced(empty_world: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "PING_SECONDS", 0.2)
    monkeypatch.setattr(socket, "STALE_AFTER", 0.5)
    bot = empty_world.start_bot()
    before = empty_world.get("/control/sockets")["open"][0]["id"]
    empty_world.control("socket", kind="half_open")
    wait_for(
        lambda: any(each["id"] != before for each in empty_world.get("/control/sockets")["open"]), "another connection"
    )
    wait_for(bot.socket.is_healthy, "health")
    empty_world.control("socket", kind="heal")
    wait_for(lambda: empty_world.ana.say(DECLARE).get("ok"), "a command that is acked")
    empty_world.ops.expect("INC-1 · SEV-3")


def test_a_slack_that_gives_no_new_connection_is_asked_again_until_it_does(world: Workspace) -> None:
    world.fault("apps.connections.open", "http", status=503, times=1)
    world.control("socket", kind="close")
    wait_for(lambda: not _sockets(world), "the loss")
    bot = world.bot
    assert bot is not None
    assert not bot.health()["socket"]
    wait_for(lambda: world.ana.say(DECLARE).get("ok"), "a command that is acked")
    world.ops.expect("INC-1 · SEV-3")
    assert bot.health()["socket"]


def _sockets(world: Workspace) -> int:
    return len(world.get("/control/sockets")["open"])


@pytest.mark.logs_errors
def test_a_locked_database_is_said_and_the_form_keeps_what_was_typed(
    empty_world: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    empty_world.start_bot()
    empty_world.ana.run("/incident declare")
    form = empty_world.ana.form("Declare an incident")
    other = sqlite3.connect(empty_world.folder / "aiops.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        answer = empty_world.ana.submit(form, service="search", severity="3", impact="slow")
        assert "locked by another process" in answer["errors"]["service"]
        empty_world.ana.run(DECLARE)
        empty_world.ana.told("locked by another process")
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert empty_world.ana.submit(form, service="search", severity="3", impact="slow")["ok"]
    empty_world.ops.expect("INC-1 · SEV-3")


@pytest.mark.logs_errors
def test_a_read_only_disk_is_said_and_changes_nothing(world: Workspace) -> None:
    bot = world.bot
    assert bot is not None
    bot.store._db.write("PRAGMA query_only = ON")
    world.ana.run(DECLARE)
    told = world.ana.told("did not take it")
    assert "readonly" in told.text
    bot.store._db.write("PRAGMA query_only = OFF")
    world.ana.run(DECLARE)
    world.ops.expect("INC-1 · SEV-3")


@pytest.mark.logs_errors
def test_an_unforeseen_failure_is_answered_with_a_reference_that_stands_in_the_log(
    world: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bot = world.bot
    assert bot is not None

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(bot.incidents, "declare", broken)
    world.ana.run(DECLARE)
    told = world.ana.told("Something went wrong on my side (reference ")
    reference = told.plain.split("(reference ")[1][:8]
    assert any(reference in record.getMessage() for record in caplog.records)


def test_two_bots_on_one_database_say_everything_once(world: Workspace) -> None:
    second = Bot(world.settings(), Config(), world.clock)
    second.start()
    try:
        with ThreadPoolExecutor(4) as hands:
            list(hands.map(lambda n: world.ana.run(f"/incident declare sev4 service-{n} slow"), range(12)))
        world.control("limits", enforce=False)
        for _ in range(12):
            wait_for(lambda: second.store.claim_owners() == [], "nothing under way: a claim must not run out")
            world.advance(2)
        wait_for(lambda: world.ops.count("INCIDENT DECLARED") == 12, "twelve templates")
        world.settled()
    finally:
        second.stop()
    ids = [line for message in world.ops.messages() for line in message.plain.splitlines() if "Incident ID" in line]
    assert sorted(ids) == sorted({f"*Incident ID:* INC-{number}" for number in range(1, 13)})
    assert sum(" · SEV-4 · " in message.plain for message in world.ops.messages()) == 12


def test_stopping_finishes_what_was_taken_and_says_goodbye_to_slack(world: Workspace) -> None:
    world.fault("users.info", "delay", seconds=0.5, times=1)
    world.ana.run(DECLARE)
    world.stop_bot()
    assert _sockets(world) == 0
    world.start_bot()
    world.ops.expect("INC-1 · SEV-3")


def test_a_form_sent_while_the_bot_stops_is_saved_and_answered(world: Workspace) -> None:
    world.ana.run("/incident declare")
    form = world.ana.form("Declare an incident")
    world.fault("users.info", "delay", seconds=0.5, times=1)
    answers: list[dict[str, object]] = []

    def send() -> None:
        answers.append(world.ana.submit(form, service="search", severity="3", impact="slow", commander=BOB))

    sending = threading.Thread(target=send)
    sending.start()
    bot = world.bot
    assert bot is not None
    wait_for(lambda: bot.health()["requests_under_way"], "the form under way")
    world.stop_bot()
    sending.join()
    assert answers == [{"ok": True}]
    world.start_bot()
    world.ops.expect("INC-1 · SEV-3 · search")


def test_what_comes_while_stopping_is_refused_in_words_and_not_done(world: Workspace) -> None:
    world.ana.run(DECLARE)
    card = world.ops.expect("INC-1 · SEV-3")
    world.ana.run("/incident declare")
    form = world.ana.form("Declare an incident")
    bot = world.bot
    assert bot is not None
    bot._listener.refuse()
    assert "restarting" in world.ana.run(DECLARE)["ack"]["text"]
    answer = world.ana.submit(form, service="search", severity="3", impact="slow")
    assert "restarting" in answer["errors"]["service"]
    container = {"type": "message", "channel": card.channel_id, "message_ts": card.ts}
    resolve = {"type": "button", "action_id": "incident.resolve", "value": "1"}
    click = world.post("/sandbox/action", **{"as": BOB}, container=container, action=resolve)
    assert not click["ok"], "a click that is not acked fails visibly"
    assert [incident.number for incident in bot.store.open_incidents()] == [1]


def test_a_form_whose_answer_was_lost_and_that_is_sent_again_declares_once(world: Workspace) -> None:
    world.ana.run("/incident declare")
    form = world.ana.form("Declare an incident")
    view = {**form.raw, "state": form.state({"service": "search", "severity": "3", "impact": "slow"})}
    for trigger in ("1.1", "2.2"):
        payload = {"type": "view_submission", "user": {"id": ANA, "team_id": "T0AIOPS"}, "view": view}
        world.control("emit", type="interactive", payload={**payload, "trigger_id": trigger})
    world.ops.expect("INC-1 · SEV-3 · search")
    world.ana.run("/incident declare sev4 b c")
    world.ops.expect("INC-2 · SEV-4 · b")
    assert world.ops.count("INCIDENT DECLARED") == 2


def test_what_an_app_or_webhook_says_moves_nothing(world: Workspace) -> None:
    world.ana.run(DECLARE)
    card = world.ops.expect("INC-1 · SEV-3")
    event = {"type": "app_mention", "subtype": "bot_message", "channel": world.ops.id, "ts": "1.5", "bot_id": "B0HOOK"}
    body = {"team_id": "T0AIOPS", "type": "event_callback", "event_id": "Ev1"}
    said = {**body, "event": {**event, "text": "<@U0BOT> resolve INC-1"}}
    world.control("emit", type="events_api", payload=said)
    world.bob.click(card, "Acknowledge")
    world.ops.expect("checkout-api · acknowledged")
    assert world.ops.count("INCIDENT RESOLVED") == 0


def test_somebody_slack_does_not_know_is_nobody(world: Workspace) -> None:
    payload = {
        "command": "/incident",
        "text": "declare sev4 search slow",
        "user_id": "U0NOBODY",
        "team_id": "T0AIOPS",
        "channel_id": world.ops.id,
        "trigger_id": "1.2.3",
    }
    world.control("emit", type="slash_commands", payload=payload)
    wait_for(lambda: world.calls("users.info"), "the question who that is")
    world.ana.run("/incident declare sev4 b c")
    world.ops.expect("INC-1 · SEV-4 · b")


def test_a_passing_failure_of_slack_does_not_lock_a_user_group_out(empty_world: Workspace) -> None:
    empty_world.start_bot(Config.model_validate({"permissions": {"command": ["S0ONCALL"]}}))
    empty_world.fault("usergroups.users.list", "http", status=503, times=1)
    empty_world.ana.run(DECLARE)
    card = empty_world.ops.expect("INC-1 · SEV-3")
    assert empty_world.calls("usergroups.users.list")[0]["status"] == 503
    empty_world.bob.click(card, "Resolve")
    empty_world.ops.expect("INCIDENT RESOLVED")
