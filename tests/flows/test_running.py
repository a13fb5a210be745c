"""Working an incident: acknowledge, command, severity, status, updates, notes, links, and its end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.config import Config
from bot.models import AlertStatus, Change
from tests.bot.make import alert
from tests.workspace import ANA, BOB, CY, Message, Workspace, wait_for


@pytest.fixture
def card(world: Workspace) -> Message:
    """INC-1, SEV-3, declared by Ana."""
    world.ana.run("/incident declare sev3 checkout-api payments fail")
    return world.ops.expect("INC-1 · SEV-3")


def test_the_first_acknowledges_and_the_second_is_told_who_was_first(world: Workspace, card: Message) -> None:
    world.bob.click(card, "Acknowledge")
    acked = world.ops.expect("INC-1 · SEV-3 · checkout-api · acknowledged")
    assert acked.ts == card.ts, "the card is edited in place"
    assert "Acknowledge" not in acked.buttons
    world.bob.told("You acknowledged *INC-1*")

    world.advance(180)
    world.cy.click(card, "Acknowledge")
    world.cy.told(f"already acknowledged by <@{BOB}>, 3 min ago")
    assert "after 3 min" not in world.ops.expect("acknowledged").text, "the first one's time stands"
    world.bob.run("/incident ack")
    world.bob.told("You acknowledged *INC-1* already, 3 min ago")


def test_the_list_says_that_alerts_fire_which_nobody_has(world: Workspace) -> None:
    assert world.bot is not None
    world.ana.run("/incident list")
    world.ana.told("No open incidents. `/incident declare` starts one.")
    world.bot.store.save(Change(alerts=(alert(1), alert(2), alert(3, status=AlertStatus.RESOLVED))), world.clock())
    world.ana.run("/incident list")
    world.ana.told("No open incidents. 2 alerts fire unacknowledged: `/incident alerts`.")
    world.ana.run("/incident declare sev3 checkout-api payments fail")
    world.ops.expect("INC-1 · SEV-3")
    world.ana.run("/incident list")
    assert "2 alerts fire unacknowledged" in world.ana.told("1 open incident").text


def test_command_is_taken_with_a_button_and_given_with_a_command(world: Workspace, card: Message) -> None:
    world.bob.click(card, "Assign me")
    world.ops.expect(f"commander <@{BOB}>")
    world.bob.run("/incident assign @Cy Lindqvist")
    world.ops.expect(f"commander <@{CY}>")
    world.bob.run("/incident assign @Cy Lindqvist")
    world.bob.told(f"<@{CY}> already commands")


def test_a_guest_cannot_be_given_command(world: Workspace, card: Message) -> None:
    world.ana.run("/incident assign <@U0GUS>")
    world.ana.told("can't take command")


def test_severity_changes_in_a_form_and_raising_it_to_sev1_opens_a_channel(world: Workspace, card: Message) -> None:
    world.bob.click(card, "Change severity")
    form = world.bob.form("Severity of INC-1")
    assert world.bob.submit(form, severity="1", reason="all regions")["ok"]
    world.ops.expect("INC-1 · SEV-1")
    world.channel("inc-1-checkout-api").expect("INC-1 · SEV-1")
    thread = world.ops.expect("is SEV-1 now (was SEV-3)", thread_ts=card.ts)
    assert "all regions" in thread.text


def test_a_severity_form_that_was_overtaken_shows_what_was_set_and_overrules_on_the_second_try(
    world: Workspace, card: Message
) -> None:
    world.bob.click(card, "Change severity")
    form = world.bob.form("Severity of INC-1")
    world.ana.run("/incident sev sev2 the others fail too")
    world.ops.expect("INC-1 · SEV-2")
    assert world.bob.submit(form, severity="4", reason="one region only")["ok"]
    form = world.bob.form("Severity of INC-1")
    assert "SEV-3 → SEV-2: the others fail too" in form.text
    assert f"'user_id': '{ANA}'" in str(form.raw)
    assert "'initial_value': 'one region only'" in str(form.raw), "what Bob typed is still there"
    world.cy.run("/incident sev sev1 everything")
    world.ops.expect("INC-1 · SEV-1")
    assert world.bob.submit(form)["ok"]
    form = world.bob.form("Severity of INC-1")
    assert "SEV-2 → SEV-1: everything" in form.text, "a third change is a conflict of its own"
    assert world.bob.submit(form)["ok"], "now Bob overrules knowingly"
    world.ops.expect("INC-1 · SEV-4")


def test_an_update_is_kept_on_the_card_and_posted_in_the_thread_and_moves_the_status(
    world: Workspace, card: Message
) -> None:
    world.bob.click(card, "Update")
    form = world.bob.form("Update INC-1")
    assert world.bob.submit(form, update="found it:\n<!channel> *bad* deploy", status="investigating")["ok"]
    world.ops.expect("INC-1 · SEV-3 · checkout-api · investigating")
    note = world.ops.expect("INC-1 update", thread_ts=card.ts)
    assert "declared → investigating" in note.text
    assert "found it:\n<!channel> *bad* deploy" in note.text, "shown as typed, in an element without markup"
    assert "<!channel>" not in note.plain
    assert "Last update" in world.ops.expect("INC-1 · SEV-3").text


def test_submitting_an_update_to_an_incident_that_was_resolved_meanwhile_keeps_the_text_in_the_form(
    world: Workspace, card: Message
) -> None:
    world.bob.click(card, "Update")
    form = world.bob.form("Update INC-1")
    world.ana.run("/incident resolve")
    world.ops.expect("INCIDENT RESOLVED")
    answer = world.bob.submit(form, update="a long text that took minutes")
    assert "INC-1 is resolved" in answer["errors"]["update"]
    assert world.bob.has_form(), "nothing typed is lost"


def test_status_note_link_and_join_land_on_the_timeline(world: Workspace, card: Message) -> None:
    world.bob.run("/incident status mon fix is out")
    world.ops.expect("checkout-api · monitoring")
    world.bob.run("/incident note 3 hosts were cold")
    world.bob.told("Noted on the timeline")
    world.bob.run("/incident link https://example.com/graph?a=1&b=2 p99 graph")
    world.bob.told("Linked on *INC-1*")
    world.cy.run("/incident join")
    world.cy.told("You joined *INC-1*")
    world.cy.run("/incident timeline")
    told = world.cy.told("Timeline of")
    for words in ("declared by", "fix is out", "3 hosts were cold", "p99 graph", "joined"):
        assert words in told.text
    wait_for(lambda: "p99 graph" in world.ops.expect("INC-1 · SEV-3").text, "the link on the card")


def test_the_timeline_button_opens_pages(world: Workspace, card: Message) -> None:
    bot = world.bot
    assert bot is not None
    for number in range(30):
        world.cy.run(f"/incident note entry {number}")
    wait_for(lambda: bot.store.timeline_length(1) == 31, "all notes")
    world.bob.click(card, "Timeline")
    newest = world.bob.form("Timeline of INC-1")
    assert "31 entries" in newest.text
    assert "declared by" not in newest.text
    (older,) = [
        element for block in newest.raw["blocks"] if block["type"] == "actions" for element in block["elements"]
    ]
    container = {"type": "view", "view_id": newest.id}
    world.post("/sandbox/action", **{"as": BOB}, container=container, action=older)
    wait_for(lambda: "declared by" in world.bob.form("Timeline of INC-1").text, "the older page")


def test_a_message_is_added_to_the_timeline_with_its_author_and_link(world: Workspace, card: Message) -> None:
    world.cy.say("the cache was cold", "general")
    message = world.channel("general").expect("the cache was cold")
    world.bob.shortcut("incident.add_to_timeline", message)
    form = world.bob.form("Add to timeline")
    assert world.bob.submit(form)["ok"]
    world.bob.run("/incident timeline", "ops-incidents")
    told = world.bob.told("Timeline of")
    assert "the cache was cold" in told.text
    assert "added by" in told.text


def test_resolving_posts_the_template_word_for_word_and_turns_the_card_green(world: Workspace, card: Message) -> None:
    world.ana.run("/incident sev sev2")
    world.ops.expect("INC-1 · SEV-2")
    world.advance(2 * 3600 + 5 * 60)
    world.bob.click(card, "Resolve")
    resolved = world.ops.expect("INCIDENT RESOLVED")
    lines = resolved.plain.splitlines()
    assert lines[:4] == [
        "✅ *INCIDENT RESOLVED — SEV-2*",
        "*Service:* checkout-api",
        "*Duration:* 02:05",
        "*Incident ID:* INC-1",
    ]
    due = world.clock().timestamp() + 48 * 3600
    assert lines[4].startswith("*Post-mortem due:* 20")
    assert abs(_moment(lines[4]) - due) < 120
    over = world.ops.expect("🟢 INC-1 · SEV-2 · checkout-api · resolved after 2 h 05 min")
    assert over.ts == card.ts
    assert over.buttons == ["Reopen", "Timeline", "Post-mortem"]


def _moment(line: str) -> float:
    return datetime.strptime(line.split("* ")[1], "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC).timestamp()


def test_resolving_twice_is_an_answer_and_makes_one_template(world: Workspace, card: Message) -> None:
    world.ana.click(card, "Resolve")
    world.ops.expect("INCIDENT RESOLVED")
    world.bob.click(card, "Resolve")
    world.bob.told(f"already resolved by <@{ANA}>")
    assert world.ops.count("INCIDENT RESOLVED") == 1


def test_what_fixed_it_can_be_said_afterwards(world: Workspace, card: Message) -> None:
    world.ana.click(card, "Resolve")
    told = world.ana.told("You resolved *INC-1*")
    world.ana.click(told, "Say what fixed it")
    form = world.ana.form("Resolution of INC-1")
    assert world.ana.submit(form, resolution="rolled back web:57")["ok"]
    wait_for(lambda: "rolled back web:57" in world.ops.expect("resolved after").text, "the resolution on the card")


def test_reopening_goes_back_to_investigating_and_can_be_resolved_again(world: Workspace, card: Message) -> None:
    world.ana.click(card, "Resolve")
    over = world.ops.expect("· resolved after")
    world.bob.click(over, "Reopen")
    world.ops.expect("INC-1 · SEV-3 · checkout-api · investigating")
    world.bob.click(over, "Reopen")
    world.bob.told("is open already")
    world.bob.run("/incident resolve really fixed")
    wait_for(lambda: world.ops.count("INCIDENT RESOLVED") == 2, "a second template")


def test_reopen_without_an_id_takes_the_only_one_that_is_over(world: Workspace, card: Message) -> None:
    world.ana.run("/incident resolve")
    world.ops.expect("INCIDENT RESOLVED")
    world.bob.run("/incident reopen errors are back")
    world.ops.expect("checkout-api · investigating")


def test_a_false_alarm_is_cancelled_without_a_resolved_message(world: Workspace, card: Message) -> None:
    world.ana.run("/incident cancel a load test")
    over = world.ops.expect("checkout-api · cancelled")
    assert over.buttons == ["Reopen", "Timeline"]
    assert world.ops.count("INCIDENT RESOLVED") == 0


def test_merging_ends_one_and_brings_its_people_to_the_other(world: Workspace, card: Message) -> None:
    world.bob.run("/incident declare sev2 search slow too")
    world.ops.expect("INC-2 · SEV-2")
    world.cy.run("/incident merge INC-1 into INC-2")
    merged = world.ops.expect("INC-1 · SEV-3 · checkout-api · merged into INC-2")
    assert merged.buttons == ["Timeline"]
    world.cy.run("/incident show INC-2")
    assert f"<@{ANA}>" in world.cy.told("INC-2 · SEV-2").text
    world.cy.run("/incident merge INC-2 into INC-1")
    world.cy.told("INC-1 was merged into INC-2; work on that one")
    world.cy.run("/incident reopen INC-1")
    world.cy.told("INC-1 was merged into INC-2")


def test_a_command_in_the_incidents_channel_acts_on_it(world: Workspace, card: Message) -> None:
    world.bob.run("/incident declare sev1 search down")
    world.channel("inc-2-search").expect("INC-2 · SEV-1")
    world.bob.run("/incident status remediating", "inc-2-search")
    world.ops.expect("INC-2 · SEV-1 · search · remediating")
    assert "INC-1 · SEV-3 · checkout-api · declared" in world.ops.expect("INC-1 · ").text


def test_two_open_incidents_and_no_id_ask_with_a_select_that_goes_on_with_what_was_typed(
    world: Workspace, card: Message
) -> None:
    world.bob.run("/incident declare sev4 search slow")
    world.ops.expect("INC-2 · SEV-4")
    world.bob.run('/incident update "we see <b> & more"')
    question = world.bob.told("Which incident?")
    world.bob.choose(question, "2")
    second = world.ops.expect("INC-2 · SEV-4")
    world.ops.expect("we see <b> & more", thread_ts=second.ts)


def test_a_mention_in_the_cards_thread_acts_on_its_incident(world: Workspace, card: Message) -> None:
    world.bob.run("/incident declare sev4 search slow")
    world.ops.expect("INC-2 · SEV-4")
    world.cy.say("<@U0BOT> update cache is warm again", thread_ts=card.ts)
    world.ops.expect("INC-1 update", thread_ts=card.ts)
    world.cy.sees().expect("*INC-1* updated", thread_ts=card.ts, ephemeral=True)


def test_a_declare_by_mention_offers_the_form(world: Workspace, card: Message) -> None:
    world.cy.say("<@U0BOT> declare sev2 search", thread_ts=card.ts)
    offer = world.cy.sees().expect("A form needs a click", thread_ts=card.ts, ephemeral=True)
    world.cy.click(offer, "Declare an incident")
    form = world.cy.form("Declare an incident")
    assert "search" in str(form.raw["blocks"])


def test_list_shows_the_worst_first_and_show_works_on_ended_ones(world: Workspace, card: Message) -> None:
    world.bob.run("/incident declare sev1 search down")
    world.ops.expect("INC-2 · SEV-1")
    world.cy.run("/incident list")
    told = world.cy.told("2 open incidents")
    assert told.text.index("INC-2") < told.text.index("INC-1")
    world.cy.run("/incident resolve 2")
    world.ops.expect("INC-2 · SEV-1 · search · resolved")
    world.cy.run("/incident show 2")
    world.cy.told("INC-2 · SEV-1 · search · resolved")


def test_a_refused_command_gives_a_long_text_back(world: Workspace, card: Message) -> None:
    world.ana.run("/incident resolve")
    world.ops.expect("INCIDENT RESOLVED")
    world.bob.run("/incident update INC-1 the cache is warm again & the p99 is back where it was <yesterday>")
    told = world.bob.told("INC-1 is resolved")
    assert f"<@{ANA}>" in told.plain
    assert "You typed: " in told.text
    assert "the cache is warm again & the p99 is back where it was <yesterday>" in told.text


def test_a_user_group_may_be_the_only_one_to_command_and_is_invited(empty_world: Workspace) -> None:
    rules = {"permissions": {"command": ["S0ONCALL"]}, "channels": {"invite": ["S0ONCALL"]}}
    empty_world.start_bot(Config.model_validate(rules))
    empty_world.cy.run("/incident declare sev1 search down")
    card = empty_world.ops.expect("INC-1 · SEV-1")
    channel = empty_world.channel("inc-1-search")
    wait_for(lambda: BOB in channel.facts["members"], "the group's people in the channel")
    empty_world.cy.click(card, "Resolve")
    empty_world.cy.told("grants it to a user group")
    empty_world.cy.run("/incident help")
    assert "/incident resolve" not in empty_world.cy.told("What you can do").text
    empty_world.bob.click(card, "Resolve")
    empty_world.ops.expect("INCIDENT RESOLVED")


def test_help_says_where_you_are_and_explains_one_command(world: Workspace, card: Message) -> None:
    world.bob.run("/incident declare sev1 search down")
    world.channel("inc-2-search").expect("INC-2 · SEV-1")
    world.bob.run("/incident", "inc-2-search")
    world.bob.told("you are in INC-2's place", "inc-2-search")
    world.bob.run("/incident help ic")
    told = world.bob.told("/incident assign [INC-n] @person|me")
    assert "`commander`" in told.text


def test_a_question_that_is_too_old_asks_to_type_again(world: Workspace, card: Message) -> None:
    world.bob.run("/incident declare sev4 search slow")
    world.ops.expect("INC-2 · SEV-4")
    world.bob.run("/incident ack")
    question = world.bob.told("Which incident?")
    bot = world.bot
    assert bot is not None
    bot.store.forget_before(world.clock())
    world.bob.choose(question, "2")
    world.bob.told("That question is too old")


def test_a_pushpin_on_a_message_in_the_thread_or_channel_keeps_it_once(world: Workspace, card: Message) -> None:
    world.cy.say("the cache was cold & <odd>", thread_ts=card.ts)
    reply = world.ops.expect("the cache was cold", thread_ts=card.ts)
    world.bob.react(reply, "eyes")
    world.bob.react(reply, "pushpin")
    world.bob.told("Noted on the timeline of *INC-1*")
    world.ana.react(reply, "pushpin")
    world.cy.say("unrelated", "general")
    world.bob.react(world.channel("general").expect("unrelated"), "pushpin")
    world.cy.say("a second thought", thread_ts=card.ts)
    second = world.ops.expect("a second thought", thread_ts=card.ts)
    world.gus.react(second, "pushpin")
    world.gus.told("Guests can't work on incidents")
    world.bob.react(second, "pushpin")
    wait_for(lambda: world.bot and world.bot.store.timeline_length(1) == 3, "the second one, in spite of the guest")
    world.bob.run("/incident timeline")
    told = world.bob.told("Timeline of")
    assert told.text.count("the cache was cold & <odd>") == 1
    assert "unrelated" not in told.text


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("ack search", "I don't understand “search”"),
        ("join INC-7x", "“INC-7x” is no incident"),
        ("cancel INC-", "“INC-” is no incident"),
        ("ack 99999999999", "I don't understand “99999999999”"),
        ("show INC-9", "There is no INC-9"),
        ("status resolved", "/incident resolve"),
        ("declare sev1 - down", "needs a letter or digit"),
    ],
)
def test_what_is_not_understood_touches_no_other_incident(
    world: Workspace, card: Message, typed: str, told: str
) -> None:
    world.bob.run(f"/incident {typed}")
    world.bob.told(told)
    world.settled()
    assert world.ops.expect("INC-1").text == card.text


def test_a_number_before_words_is_not_taken_for_words_where_it_may_be_another_incident(
    world: Workspace, card: Message
) -> None:
    world.ana.run("/incident resolve")
    world.ops.expect("INCIDENT RESOLVED")
    world.ana.run("/incident declare sev4 search slow")
    second = world.ops.expect("INC-2 · SEV-4")
    world.bob.run("/incident resolve 1 rolled back")
    world.bob.told("Is that about INC-1? Then write /incident resolve INC-1 rolled back")
    world.bob.run("/incident resolve 3 pods were restarted")
    resolved = world.ops.expect("INC-2 · SEV-4 · search · resolved")
    assert resolved.ts == second.ts


def test_the_id_may_stand_first_or_behind_the_keyword(world: Workspace, card: Message) -> None:
    world.bob.run("/incident declare sev4 search slow")
    world.ops.expect("INC-2 · SEV-4")
    world.bob.run("/incident sev sev3 INC-2 half of them")
    world.ops.expect("INC-2 · SEV-3")
    world.bob.run("/incident assign @Cy Lindqvist INC-1")
    world.ops.expect(f"payments fail · commander <@{CY}>")
    world.bob.run("/incident status monitoring, INC-2")
    world.ops.expect("INC-2 · SEV-3 · search · monitoring")
    world.bob.run("/incident INC-1 ack")
    world.ops.expect("checkout-api · acknowledged")
    world.bob.run("/incident INC-2")
    world.bob.told("INC-2 · SEV-3")


def test_the_channel_tells_the_story_in_the_order_it_happened(world: Workspace, card: Message) -> None:
    for _ in range(3):
        world.ana.run("/incident resolve")
        world.ana.told("You resolved *INC-1*")
        wait_for(lambda: world.bot and not world.bot.store.incident(1).is_open, "the end")
        world.ana.run("/incident reopen INC-1")
        wait_for(lambda: world.bot and world.bot.store.incident(1).is_open, "the new beginning")
    for _ in range(8):
        world.advance(1)
        wait_for(lambda: world.bot and world.bot.store.claim_owners() == [], "nothing under way")
    world.settled()
    said = [message.plain for message in world.ops.messages() if "RESOLVED" in message.plain or "🔁" in message.plain]
    assert ["RESOLVED" in text for text in said] == [True, False] * 3


def test_responders_may_be_the_only_ones_to_respond_and_anybody_may_become_one(empty_world: Workspace) -> None:
    empty_world.start_bot(Config.model_validate({"permissions": {"respond": ["responders"]}}))
    empty_world.ana.run("/incident declare sev4 search slow")
    empty_world.ops.expect("INC-1 · SEV-4")
    empty_world.bob.run("/incident ack")
    empty_world.bob.told("grants it to the responders")
    empty_world.bob.run("/incident join")
    empty_world.bob.told("You joined")
    empty_world.bob.run("/incident ack")
    empty_world.ops.expect("search · acknowledged")
