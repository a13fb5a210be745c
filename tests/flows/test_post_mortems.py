"""After an incident: its post-mortem is drafted, written by several people, and filed; or reminded of."""

from __future__ import annotations

import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app import Bot
from bot.config import Config
from bot.models import Change, PostMortemStatus
from tests.blocks.texts import elements
from tests.bot.make import event
from tests.bot.storing import at_once
from tests.flows.aws import Queue
from tests.workspace import ANA, BOB, Channel, Message, Person, Workspace, wait_for

NAME = "prod-checkout-api-latency-critical"


@pytest.fixture
def incident(world: Workspace) -> Message:
    """INC-1, SEV-1, declared by Ana, who lives by UTC here, and resolved by Bob."""
    for user in (ANA, BOB):
        world.control("person", id=user, tz="Etc/UTC")
    world.ana.run("/incident declare sev1 checkout-api payments fail")
    card = world.ops.expect("INC-1 · SEV-1")
    world.bob.run("/incident note INC-1 cache was cold")
    world.bob.run("/incident resolve INC-1 rolled back web:57")
    world.ops.becomes(card, "resolved after")
    return card


@pytest.fixture
def card(world: Workspace, incident: Message) -> Message:
    """The card of its post-mortem."""
    return world.ops.expect("Post-mortem of INC-1 · draft", thread_ts=incident.ts)


def written(world: Workspace) -> PostMortemStatus:
    assert world.bot is not None
    return world.bot.store.post_mortem(1).status


def primary(card: Message) -> list[str]:
    """What the card leads to."""
    buttons = elements(card.raw["blocks"], "button")
    return [each["text"]["text"] for each in buttons if each.get("style") == "primary"]


def uploaded(world: Workspace, incident: Message) -> str:
    """The text of the file in the thread."""

    def look() -> str | None:
        files = [each for message in world.ops.messages(incident.ts) for each in message.raw.get("files", [])]
        return str(files[-1]["id"]) if files else None

    file_id = wait_for(look, "a file in the thread")
    with urllib.request.urlopen(f"{world.server.url}/files/{file_id}", timeout=20) as answer:
        return str(answer.read().decode())


def answered(person: Person, text: str, incident: Message) -> Message:
    """An answer in the thread that only this person sees."""
    return person.sees().expect(text, thread_ts=incident.ts, ephemeral=True)


def write_all(world: Workspace, incident: Message, card: Message) -> None:
    world.ana.choose(card, "1:root_cause")
    assert world.ana.submit(world.ana.form("Root cause"), text="A deployment without a currency.")["ok"]
    answered(world.ana, "Root cause of the post-mortem of *INC-1* saved", incident)
    world.ana.choose(card, "1:contributing_factors")
    assert world.ana.submit(world.ana.form("Contributing factors"), text="No canary.")["ok"]
    answered(world.ana, "Contributing factors of the post-mortem of *INC-1* saved", incident)


def test_a_sev1_gets_a_draft_whose_owner_is_the_commander(world: Workspace, card: Message) -> None:
    assert f"owner <@{ANA}>" in card.plain
    assert "Still to be written" in card.text
    assert "root cause, contributing factors" in card.text
    assert {"Preview", "Ready for review", "File it", "Waive"} <= set(card.buttons)
    world.cy.run("/incident postmortem INC-1")
    world.cy.told("Post-mortem of INC-1 · draft")


def test_a_sev3_gets_one_on_request(world: Workspace, ops: Channel) -> None:
    world.ana.run("/incident declare sev3 checkout-api payments fail")
    first = ops.expect("INC-1 · SEV-3")
    world.ana.run("/incident postmortem INC-1")
    world.ana.told("its post-mortem begins when it is resolved")
    world.ana.run("/incident resolve INC-1 done")
    ops.becomes(first, "resolved after")
    world.settled()
    world.ana.run("/incident postmortem INC-1")
    world.ana.click(world.ana.told("has no post-mortem"), "Begin one")
    ops.expect("Post-mortem of INC-1 · draft", thread_ts=first.ts)


def test_it_is_written_reviewed_and_filed_as_a_file_in_the_thread(
    world: Workspace, incident: Message, card: Message
) -> None:
    assert primary(card) == ["Write the root cause"]
    world.cy.click(card, "Write the root cause")
    assert "Nothing is known of it yet." in world.cy.form("Root cause").text
    world.ana.click(card, "File it")
    answered(world.ana, "Still to be written: root cause, contributing factors", incident)
    write_all(world, incident, card)
    world.ana.click(card, "Ready for review")
    shown = world.ops.becomes(card, "in review", thread_ts=incident.ts)
    assert "Still to be written" not in shown.text
    assert primary(shown) == ["File it"]
    world.bob.click(shown, "Preview")
    page = world.bob.form("Post-mortem INC-1").text
    for words in ("A deployment without a currency.", "SEV-1 (Critical)", "No alarm belongs to it.", "resolved it"):
        assert words in page
    assert "**" not in page
    assert "|" not in page
    world.bob.click(shown, "File it")
    world.ops.becomes(card, "· filed", thread_ts=incident.ts)
    text = uploaded(world, incident)
    assert "# INC-1: checkout-api: payments fail" in text
    assert "cache was cold" in text
    assert "A deployment without a currency." in text
    assert "Bob Okafor: resolved it" in text
    assert "{{" not in text
    world.bob.run("/incident postmortem file INC-1")
    world.bob.told("was filed already")


def test_two_editors_of_one_section_are_told_and_nothing_is_lost(
    world: Workspace, incident: Message, card: Message
) -> None:
    world.ana.choose(card, "1:root_cause")
    world.bob.choose(card, "1:root_cause")
    ana, bob = world.ana.form("Root cause"), world.bob.form("Root cause")
    assert world.ana.submit(ana, text="It was the cache.")["ok"]
    again = world.bob.submit(bob, text="It was the deployment.")
    assert again["ok"]
    form = world.bob.form("Root cause")
    assert "saved this meanwhile:\nIt was the cache." in form.text
    assert f"<@{ANA}>" in str(form.raw) or f"'user_id': '{ANA}'" in str(form.raw)
    assert "'initial_value': 'It was the deployment.'" in str(form.raw), "what Bob typed is still there"
    world.cy.choose(card, "1:root_cause")
    assert world.cy.submit(world.cy.form("Root cause"), text="It was the proxy.")["ok"]
    answered(world.cy, "Root cause of the post-mortem of *INC-1* saved", incident)
    assert world.bob.submit(form, text="It was the deployment.")["ok"]
    form = world.bob.form("Root cause")
    assert "It was the proxy." in form.text, "a third save is a conflict of its own"
    assert _section(world) == "It was the proxy."
    assert world.bob.submit(form, text="It was the deployment.")["ok"]
    answered(world.bob, "Root cause of the post-mortem of *INC-1* saved", incident)
    told = wait_for(lambda: _direct(world, "U0CY", "Yours was"), "Cy's text comes back to Cy")
    assert "It was the proxy." in told
    assert _section(world) == "It was the deployment."


def _direct(world: Workspace, user: str, text: str) -> str | None:
    """What the bot wrote to somebody."""
    for call in world.calls("chat.postMessage"):
        body = str(call)
        if f"'channel': '{user}'" in body and text in body:
            return body
    return None


def test_two_editors_of_different_sections_do_not_meet(world: Workspace, incident: Message, card: Message) -> None:
    world.ana.choose(card, "1:root_cause")
    world.bob.choose(card, "1:impact")
    assert world.ana.submit(world.ana.form("Root cause"), text="It was the cache.")["ok"]
    assert world.bob.submit(world.bob.form("Impact"), text="Nobody could pay.")["ok"]
    answered(world.bob, "Impact of the post-mortem of *INC-1* saved", incident)


def test_a_long_section_takes_several_inputs_and_keeps_every_word(
    world: Workspace, incident: Message, card: Message
) -> None:
    text = "\n\n".join(f"Paragraph {number}: " + "word " * 150 for number in range(8)).strip()
    assert world.bot is not None
    world.ana.choose(card, "1:root_cause")
    first = world.ana.form("Root cause")
    assert first.text.count("continued") == 2, "there is room for more from the start"
    assert world.ana.submit(first, text=text[:2900])["ok"]
    answered(world.ana, "Root cause of the post-mortem", incident)
    world.ana.choose(card, "1:root_cause")
    form = world.ana.form("Root cause")
    assert "continued" in form.text
    assert world.ana.submit(form, text3=text[2900:5800])["ok"]
    wait_for(lambda: len(_section(world)) > 5000, "both halves")
    world.ana.choose(card, "1:root_cause")
    world.ana.submit(world.ana.form("Root cause"))
    assert _section(world).replace("\n", "").replace(" ", "") == text[:5800].replace("\n", "").replace(" ", "")


def _section(world: Workspace) -> str:
    assert world.bot is not None
    return world.bot.store.post_mortem(1).sections[0].text


def test_an_alarms_ok_begins_one_and_its_return_holds_it(world: Workspace, alerts: Queue, ops: Channel) -> None:
    alerts.alarm(NAME, ago=300)
    world.ana.click(ops.expect("🔴 SEV-1 · checkout-api"), "Acknowledge")
    incident = ops.expect("INC-1 · SEV-1 · checkout-api")
    alerts.alarm(NAME, "OK", ago=200)
    card = ops.expect("Post-mortem of INC-1 · draft", thread_ts=incident.ts)
    alerts.alarm(NAME, ago=100)
    ops.becomes(card, "waits until INC-1 is over again", thread_ts=incident.ts)
    alerts.alarm(NAME, "OK", ago=50)
    ops.becomes(card, "due", thread_ts=incident.ts)
    wait_for(lambda: world.bot and world.bot.store.post_mortem(1).due_at, "it is due again")


def test_waiving_needs_a_reason_and_the_command(world: Workspace, incident: Message, card: Message) -> None:
    world.stop_bot()
    world.start_bot(Config.model_validate({"permissions": {"command": ["commander"]}}))
    world.bob.run("/incident postmortem waive INC-1 nothing to learn")
    world.bob.told("You can't waive the post-mortem: config.yml grants it to the commander.")
    world.ana.click(card, "Waive")
    assert world.ana.submit(world.ana.form("Waive the post-mortem"), reason="the same as INC-7")["ok"]
    shown = world.ops.becomes(card, "waived", thread_ts=incident.ts)
    assert "the same as INC-7" in shown.text
    assert shown.buttons == ["Preview", "Add action item", "Begin it after all"]
    world.ana.run("/incident postmortem waive INC-1")
    world.ana.told("is waived already: the same as INC-7")
    assert not world.ana.has_form()


def test_a_waived_one_is_brought_back_by_its_owner(world: Workspace, incident: Message, card: Message) -> None:
    world.bob.run("/incident postmortem waive INC-1 the same as INC-7")
    shown = world.ops.becomes(card, "waived", thread_ts=incident.ts)
    told = wait_for(lambda: _direct(world, ANA, "waived"), "Ana hears that hers was waived")
    assert "the same as INC-7" in told
    world.ana.click(shown, "Begin it after all")
    again = answered(world.ana, "*INC-1* has its draft again", incident)
    assert f"It was waived by <@{BOB}>: the same as INC-7." in again.text
    world.ops.becomes(card, "· draft", thread_ts=incident.ts)
    world.ana.run("/incident postmortem begin INC-1")
    world.ana.told("has a post-mortem already")


def test_ready_for_review_says_what_is_still_to_be_written(world: Workspace, incident: Message, card: Message) -> None:
    world.ana.run("/incident postmortem review INC-1")
    told = world.ana.told("is ready for review")
    assert "Still to be written before it can be filed: root cause, contributing factors." in told.text


def test_the_timelines_form_names_the_zone_of_its_times(world: Workspace, incident: Message, card: Message) -> None:
    world.ana.choose(card, "1:timeline")
    assert "The times are in the time zone UTC." in world.ana.form("Timeline").text
    world.ana.choose(card, "1:impact")
    assert "time zone" not in world.ana.form("Impact").text


def test_it_can_be_filed_elsewhere_and_given_away(world: Workspace, incident: Message, card: Message) -> None:
    world.ana.run(f"/incident postmortem assign INC-1 <@{BOB}>")
    world.ops.becomes(card, f"owner <@{BOB}>", thread_ts=incident.ts)
    world.ana.run("/incident postmortem assign INC-1 <@U0GUS>")
    world.ana.told("That person can't own this")
    world.bob.click(card, "Filed elsewhere")
    assert "link" in world.bob.submit(world.bob.form("Filed elsewhere"), link="in the wiki")["errors"]
    assert world.bob.submit(world.bob.form("Filed elsewhere"), link="https://wiki.example.com/pm/1")["ok"]
    world.ops.becomes(card, "· filed", thread_ts=incident.ts)
    assert written(world) is PostMortemStatus.FILED


def test_an_address_with_words_behind_it_is_refused_and_a_wrong_one_replaced(
    world: Workspace, incident: Message, card: Message
) -> None:
    world.ana.run("/incident postmortem file INC-1 https://docs.example.com/a b")
    world.ana.told("An address starts with https:// and has no spaces.")
    assert written(world) is PostMortemStatus.DRAFT
    world.ana.run("/incident postmortem file INC-1 https://docs.example.com/a")
    shown = world.ops.becomes(card, "· filed", thread_ts=incident.ts)
    world.ana.run("/incident postmortem waive INC-1")
    world.ana.told("is filed already")
    assert not world.ana.has_form()
    world.ana.click(shown, "Change the address")
    form = world.ana.form("Filed elsewhere")
    assert "'initial_value': 'https://docs.example.com/a'" in str(form.raw)
    assert world.ana.submit(form, link="https://docs.example.com/b")["ok"]
    answered(world.ana, "is filed at https://docs.example.com/b", incident)
    world.ana.run("/incident postmortem file INC-1 https://docs.example.com/c")
    world.ana.told("is filed at https://docs.example.com/c")
    assert world.bot is not None
    assert world.bot.store.post_mortem(1).url == "https://docs.example.com/c"


def test_reopened_after_it_was_filed_it_says_so(world: Workspace, incident: Message, card: Message) -> None:
    world.ana.run("/incident postmortem file INC-1 https://wiki.example.com/pm/1")
    shown = world.ops.becomes(card, "· filed", thread_ts=incident.ts)
    assert "reopened" not in shown.text
    world.ana.run("/incident reopen INC-1 it is back")
    world.ops.becomes(card, "· filed · reopened since", thread_ts=incident.ts)


def test_nobody_takes_it_from_somebody_without_their_word_or_the_command(world: Workspace, incident: Message) -> None:
    world.ops.expect("Post-mortem of INC-1 · draft", thread_ts=incident.ts)
    world.stop_bot()
    world.start_bot(Config.model_validate({"permissions": {"command": ["commander"]}}))
    world.bob.run("/incident postmortem assign INC-1 me")
    world.bob.told("You can't take the post-mortem from its owner: config.yml grants it to the commander.")
    world.ana.run(f"/incident postmortem assign INC-1 <@{BOB}>")
    world.ana.told("owns the post-mortem")
    world.bob.run("/incident postmortem assign INC-1 <@U0CY>")
    world.bob.told("owns the post-mortem")


def test_a_broken_template_is_said_and_the_built_in_one_is_used(empty_world: Workspace, tmp_path: Path) -> None:
    world, page = empty_world, tmp_path / "mine.md"
    page.write_text("# {{title}}\n\n{{timline}}\n", encoding="utf-8")
    world.start_bot(Config.model_validate({"post_mortems": {"template": str(page)}}))
    world.ana.run("/incident declare sev2 search slow")
    incident = world.ops.expect("INC-1 · SEV-2")
    world.ana.run("/incident resolve INC-1 done")
    card = world.ops.expect("Post-mortem of INC-1 · draft", thread_ts=incident.ts)
    assert "I don't know {{timline}}; did you mean {{timeline}}?" in card.text


@pytest.mark.parametrize("is_gone", [False, True])
def test_an_own_template_is_read_when_it_is_filed_and_the_built_in_one_where_it_is_gone(
    empty_world: Workspace, tmp_path: Path, *, is_gone: bool
) -> None:
    world, page = empty_world, tmp_path / "mine.md"
    needed = "{{timeline}} {{root_cause}} {{impact}} {{contributing_factors}} {{action_items}}"
    page.write_text(f"# Ours: {{{{title}}}}\n\n{needed}\n", encoding="utf-8")
    world.start_bot(Config.model_validate({"post_mortems": {"template": str(page)}}))
    world.ana.run("/incident declare sev2 search slow")
    incident = world.ops.expect("INC-1 · SEV-2")
    world.ana.run("/incident resolve INC-1 done")
    card = world.ops.expect("Post-mortem of INC-1 · draft", thread_ts=incident.ts)
    assert "template" not in card.text
    if is_gone:
        page.unlink()
    else:
        page.write_text(f"# Ours, edited: {{{{title}}}}\n\n{needed}\n", encoding="utf-8")
    write_all(world, incident, card)
    world.settled()
    shown = world.ops.now(card, thread_ts=incident.ts)
    assert (f"post_mortems.template: {page} is not there." in shown.text) is is_gone
    world.ana.click(card, "File it")
    text = uploaded(world, incident)
    if is_gone:
        world.ops.expect("is filed with the built-in template", thread_ts=incident.ts)
    assert text.startswith("# INC-1: " if is_gone else "# Ours, edited: INC-1: ")
    assert "No canary." in text


def test_ten_thousand_lines_are_folded_in_slack_and_whole_in_the_file(
    world: Workspace, incident: Message, card: Message
) -> None:
    assert world.bot is not None
    now = world.clock()
    lines = tuple(event(at=now, text=f"line {number} of many") for number in range(10_000))
    world.bot.store.save(Change(timeline=lines), now)
    write_all(world, incident, card)
    world.ana.click(card, "Preview")
    shown = world.ana.form("Post-mortem INC-1").text
    assert "more lines" in shown
    assert shown.count("of many") < 100
    world.ana.click(card, "File it")
    assert uploaded(world, incident).count("of many") == 10_000


def until(world: Workspace, days: int, hour: int) -> float:
    """Seconds from now to that hour (UTC), so many days from today."""
    now = world.clock()
    then = (now + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0)
    return (then - now).total_seconds()


def reminders(world: Workspace, user: str = ANA) -> list[str]:
    """What the bot wrote to somebody about the post-mortem."""
    said = [str(call) for call in world.calls("chat.postMessage")]
    return [each for each in said if f"'channel': '{user}'" in each and "the post-mortem of inc-1" in each.lower()]


def reminded(world: Workspace, times: int, user: str = ANA) -> str:
    wait_for(lambda: len(reminders(world, user)) >= times, f"reminder {times}")
    world.settled()
    assert len(reminders(world, user)) == times
    return reminders(world, user)[-1]


def test_after_days_of_downtime_one_reminder_comes_and_the_channel_hears_of_it(world: Workspace, card: Message) -> None:
    world.settled()
    world.stop_bot()
    world.advance(until(world, 5, 12))
    world.start_bot()
    assert "was due" in reminded(world, 1)
    assert "post-mortem of INC-1" in world.ops.expect("⏰ Overdue").text
    world.advance(until(world, 1, 8))
    world.settled()
    assert len(reminders(world)) == 1, "not before nine"
    world.advance(until(world, 0, 9) + 60)
    reminded(world, 2)
    wait_for(lambda: world.ops.count("⏰ Overdue") == 2, "once a day in the channel")


def test_two_bots_at_nine_send_one_reminder_and_one_word_to_the_channel(world: Workspace, card: Message) -> None:
    world.settled()
    mine = world.bot
    assert mine is not None
    mine._jobs.stop()
    other = Bot(world.settings(), Config(), world.clock)
    try:
        world.clock.advance(until(world, 5, 9) + 60)
        world.control("clock", advance=5 * 86_400)
        at_once(mine.timekeeper.run, other.timekeeper.run)
        mine.outbox.nudge()
        reminded(world, 1)
        assert world.ops.count("⏰ Overdue") == 1
    finally:
        other.store.close()
        world.stop_bot()


def test_it_is_nine_by_the_clock_on_the_day_the_clocks_change(world: Workspace, card: Message) -> None:
    """Berlin goes from UTC+1 to UTC+2 in the night to the last Sunday of March."""
    world.settled()
    world.control("person", id=ANA, tz="Europe/Berlin")
    world.restart_bot()
    sunday = datetime(2027, 3, 28, tzinfo=UTC)
    assert sunday > world.clock()
    saturday_noon = sunday - timedelta(hours=12)
    world.advance((saturday_noon - world.clock()).total_seconds())
    reminded(world, 1)
    world.advance((sunday.replace(hour=6, minute=58) - world.clock()).total_seconds())
    world.settled()
    assert len(reminders(world)) == 1, "it is two minutes to nine"
    world.advance(180)
    reminded(world, 2)


def test_nobody_is_reminded_at_night(world: Workspace, card: Message) -> None:
    """It is 03:00 for Ana, who lives in Tokyo, at 18:00 UTC."""
    world.settled()
    world.control("person", id=ANA, tz="Asia/Tokyo")
    world.restart_bot()
    world.advance(until(world, 5, 18))
    world.settled()
    assert reminders(world) == []
    world.advance(until(world, 1, 0) + 60)
    reminded(world, 1)


def test_a_reminder_can_be_put_off_or_given_away(world: Workspace, incident: Message, card: Message) -> None:
    world.settled()
    world.advance(until(world, 3, 12))
    reminded(world, 1)
    message = _in_person(world, ANA)
    world.ana.click(message, "Tomorrow")
    wait_for(lambda: "I'll remind you again" in _in_person(world, ANA).text, "the answer")
    world.advance(until(world, 1, 12))
    reminded(world, 2)
    world.ana.click(message, "Give it to…")
    assert world.ana.submit(world.ana.form("Give it to…"), owner=BOB)["ok"]
    reminded(world, 1, BOB)
    world.ops.becomes(card, f"owner <@{BOB}>", thread_ts=incident.ts)


def test_whoever_left_is_replaced_by_asking_the_channel(world: Workspace, card: Message) -> None:
    world.settled()
    world.control("person", id=ANA, deleted=True)
    world.restart_bot()
    world.advance(until(world, 3, 12))
    asked = world.ops.expect("needs an owner")
    world.bob.click(asked, "Give it to…")
    assert world.bob.submit(world.bob.form("Give it to…"), owner=BOB)["ok"]
    wait_for(lambda: world.bot and world.bot.store.post_mortem(1).owner == BOB, "Bob owns it")


def _in_person(world: Workspace, user: str) -> Message:
    """The newest message that the bot wrote to somebody."""
    channels = world.get(f"/sandbox/state?as={user}")["channels"]
    direct = next(each for each in channels if each.get("is_im"))
    found = world.get(f"/sandbox/messages?as={user}&channel={direct['id']}")["messages"]
    return Message(str(direct["id"]), found[-1])


def test_the_resolved_message_says_what_the_config_file_says(empty_world: Workspace) -> None:
    world = empty_world
    world.start_bot(Config.model_validate({"post_mortems": {"severities": [2, 3], "due": "1d"}}))
    for severity in ("sev1", "sev3"):
        world.ana.run(f"/incident declare {severity} checkout-api payments fail")
    world.ops.expect("INC-2 · SEV")
    for number in (1, 2):
        world.ana.run(f"/incident resolve INC-{number} done")
    assert "not required for SEV-1" in world.ops.expect("INCIDENT RESOLVED — SEV-1").plain
    tomorrow = f"{world.clock() + timedelta(days=1):%Y-%m-%d}"
    assert tomorrow in world.ops.expect("INCIDENT RESOLVED — SEV-3").plain
