"""From `/incident declare` to the template, the card and the channel."""

from __future__ import annotations

import pytest

from bot.config import Config
from tests.workspace import ANA, BOB, CY, Workspace, wait_for


def test_an_inline_declare_shows_the_template_word_for_word_and_the_card_below_it(world: Workspace) -> None:
    world.ana.run('/incident declare sev3 checkout-api "payments fail"')

    template = world.ops.expect("INCIDENT DECLARED")
    lines = template.plain.splitlines()
    assert lines[:5] == [
        "🔴 *INCIDENT DECLARED — SEV-3*",
        "*Service:* checkout-api",
        "*Impact:* payments fail",
        "*Incident ID:* INC-1",
        f"*Commander:* <@{ANA}>",
    ]
    assert lines[5].startswith("*Bridge:* <https://")
    assert lines[6:] == ["*Status page:* Being updated"]
    card = world.ops.expect("INC-1 · SEV-3 · checkout-api · declared")
    assert card.ts > template.ts
    assert card.buttons == ["Acknowledge", "Assign me", "Update", "Change severity", "Timeline", "Resolve"]
    world.ana.told("INC-1")


def test_a_severe_incident_gets_its_channel_with_card_pin_topic_bookmark_and_people(world: Workspace) -> None:
    world.ana.run('/incident declare sev1 "Checkout API (EU)" payments fail')

    template = world.ops.expect("INCIDENT DECLARED")
    channel = world.channel("inc-1-checkout-api-eu")
    wait_for(lambda: channel.facts["pins"] and channel.facts["bookmarks"] and channel.facts["topic"], "the furnishing")
    card = channel.expect("INC-1 · SEV-1")
    assert channel.facts["pins"] == [card.ts]
    assert ANA in channel.facts["members"]
    assert channel.facts["topic"].startswith("INC-1 · SEV-1 · Checkout API (EU)")
    huddle = f"https://app.slack.com/huddle/T0AIOPS/{channel.id}"
    assert f"*Bridge:* <{huddle}>" in template.plain, "the bridge is the huddle of the incident's own channel"
    assert channel.facts["bookmarks"][0]["link"] == huddle


def test_the_form_declares_with_another_commander_who_is_invited(world: Workspace) -> None:
    world.ana.run("/incident declare")
    form = world.ana.form("Declare an incident")
    assert world.ana.submit(form, service="search", severity="2", impact="slow", commander=BOB)["ok"]

    template = world.ops.expect("INCIDENT DECLARED — SEV-2")
    assert f"*Commander:* <@{BOB}>" in template.plain
    channel = world.channel("inc-1-search")
    wait_for(lambda: {ANA, BOB} <= set(channel.facts["members"]), "both in the channel")


def test_a_wrong_form_says_under_the_field_what_is_wrong_and_stays_open(world: Workspace) -> None:
    world.ana.run("/incident declare")
    form = world.ana.form("Declare an incident")
    answer = world.ana.submit(form, service="  ", severity="2", impact="slow")
    assert answer["error"] == "validation"
    assert "service is empty" in answer["errors"]["service"]
    assert world.ana.has_form()
    assert world.ana.submit(form, service="search", severity="2", impact="slow")["ok"], "and can be sent again"
    world.ops.expect("INCIDENT DECLARED")


def test_what_was_typed_inline_is_in_the_form_when_something_is_missing(world: Workspace) -> None:
    world.ana.run("/incident declare checkout-api payments fail")
    form = world.ana.form("Declare an incident")
    values = {block["block_id"]: block["element"].get("initial_value") for block in form.raw["blocks"]}
    assert values["service"] == "checkout-api"
    assert values["impact"] == "payments fail"


def test_a_message_becomes_an_incident_that_links_back_to_it(world: Workspace) -> None:
    world.cy.say("customers can't log in & it is <bad>", "general")
    message = world.channel("general").expect("can't log in")
    world.cy.shortcut("incident.declare_from_message", message)
    form = world.cy.form("Declare an incident")
    assert world.cy.submit(form, service="login", severity="3")["ok"]

    template = world.ops.expect("INCIDENT DECLARED")
    assert "*Impact:* customers can't log in &amp; it is &lt;bad&gt;" in template.plain
    card = world.ops.expect("INC-1 · SEV-3 · login")
    assert "Where it began" in card.text


def test_the_global_shortcut_opens_the_same_form_and_the_answer_comes_as_a_direct_message(world: Workspace) -> None:
    world.bob.shortcut("incident.declare")
    form = world.bob.form("Declare an incident")
    assert world.bob.submit(form, service="login", severity="4", impact="odd")["ok"]
    world.ops.expect("INC-1 · SEV-4")


def test_a_taken_channel_name_gets_a_suffix(world: Workspace) -> None:
    world.control("channel", name="inc-1-search", archived=True)
    world.ana.run("/incident declare sev1 search slow")
    world.ops.expect("INCIDENT DECLARED")
    world.channel("inc-1-search-2").expect("INC-1 · SEV-1")


def test_numbers_go_on_after_a_restart(world: Workspace) -> None:
    world.ana.run("/incident declare sev4 a one")
    world.ops.expect("INC-1 ")
    world.restart_bot()
    world.ana.run("/incident declare sev4 b two")
    world.ops.expect("INC-2 ")


def test_an_unknown_severity_is_named_with_what_would_be_right(world: Workspace) -> None:
    world.ana.run("/incident declare sev9 checkout-api payments fail")
    told = world.ana.told("I don't know severity “sev9”")
    assert "sev1 (critical)" in told.text
    assert world.ops.count("INCIDENT DECLARED") == 0


def test_people_of_a_service_are_invited_and_its_bridge_is_used(empty_world: Workspace) -> None:
    service = {
        "owner": "Team Checkout",
        "bridge": "https://zoom.example/1",
        "dashboard": "https://dash.example/1",
        "responders": [CY],
    }
    empty_world.start_bot(Config.model_validate({"services": {"checkout-api": service}}))
    empty_world.ana.run("/incident declare sev1 checkout-api down")
    assert "*Bridge:* <https://zoom.example/1>" in empty_world.ops.expect("INCIDENT DECLARED").plain
    channel = empty_world.channel("inc-1-checkout-api")
    assert "Team Checkout" in channel.expect("INC-1 · SEV-1").text
    wait_for(lambda: CY in channel.facts["members"] and len(channel.facts["bookmarks"]) == 2, "Cy and bookmarks")


HOSTILE = {
    "long": "x" * 3000,
    "long words": "word " * 599,
    "mentions": "<!channel> <!here> <@U0BOB> @channel @here #general",
    "markup": "*bold* _it_ ~no~ `code` ```pre``` > quote & < >",
    "link": "<https://evil.example|https://bank.example> https://evil.example",
    "lines": "one\ntwo\r\n\n\n*Commander:* <@U0GUS>\n*Bridge:* <https://evil.example>",
    "quotes": '"it\'s" “done” ‘now’ «x»',
    "right to left": "مشكلة في الدفع \u202e evil \u2066 שלום",
    "emoji": "💥👩‍👩‍👧🇩🇪 :boom: :smile:",
    "controls": "a\x00b\x07c\u200bd\ufeff",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_inert_everywhere_and_no_message_is_refused(world: Workspace, text: str) -> None:
    world.ana.run("/incident declare")
    form = world.ana.form("Declare an incident")
    assert world.ana.submit(form, service=text[:80], severity="1", impact=text)["ok"]
    card = world.ops.expect("INC-1 · SEV-1")
    world.bob.click(card, "Update")
    form = world.bob.form("Update INC-1")
    assert world.bob.submit(form, update=text)["ok"]
    world.ops.expect("INC-1 update", thread_ts=card.ts)
    world.bob.run(f"/incident note {text[:2900]}")
    world.bob.told("Noted on the timeline")
    world.bob.click(card, "Timeline")
    world.bob.form("Timeline of INC-1")
    world.bob.run("/incident list")
    world.bob.told("1 open incident")
    world.ana.run(f"/incident resolve {text[:2900]}")
    world.ops.expect("INCIDENT RESOLVED")
    world.settled()

    template = next(message for message in world.ops.messages() if "INCIDENT DECLARED" in message.text)
    assert len(template.plain.splitlines()) == 7
    assert template.plain.splitlines()[4] == f"*Commander:* <@{ANA}>"
    for message in [*world.ops.messages(), *world.ops.messages(card.ts)]:
        assert message.raw["blocks"], "nothing had to be sent without its blocks"
        assert "<!" not in message.plain.replace("<!date", "")
        assert "<https://evil.example" not in message.plain
        assert "<@U0GUS>" not in message.plain
