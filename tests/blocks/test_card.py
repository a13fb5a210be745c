"""The card: its title, what it shows, and the buttons that apply now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings

from blocks.card import CardFacts, buttons, card, summary, title
from bot.models import EventKind, Incident, Link, OwedKind, Paged, Role, Severity, Status, Trouble, Update
from tests.blocks.incidents import facts
from tests.blocks.texts import angled, elements, shown
from tests.bot.make import ANA, BOB, CY, NOW, after, event, incident

WORK = ["Assign me", "Update", "Change severity", "Timeline", "Resolve"]


def in_status(status: Status, **values: object) -> Incident:
    one = incident(42, severity=Severity.SEV2, **values)
    return one if status is Status.DECLARED else one.moved(status, by=BOB, at=after(3_720))


@pytest.mark.parametrize(
    ("status", "labels"),
    [
        (Status.DECLARED, ["Acknowledge", *WORK]),
        (Status.ACKNOWLEDGED, WORK),
        (Status.INVESTIGATING, WORK),
        (Status.REMEDIATING, WORK),
        (Status.MONITORING, WORK),
        (Status.RESOLVED, ["Reopen", "Timeline", "Post-mortem"]),
        (Status.CANCELLED, ["Reopen", "Timeline"]),
        (Status.MERGED, ["Timeline"]),
    ],
)
def test_a_card_has_the_buttons_that_apply_in_its_status(status: Status, labels: list[str]) -> None:
    message = card(CardFacts(in_status(status)))
    made = elements(message.blocks, "button")
    assert [button["text"]["text"] for button in made] == labels
    assert {button["value"] for button in made} == {"42"}
    assert len({button["action_id"] for button in made}) == len(labels)
    assert made == buttons(in_status(status))


def test_what_can_be_regretted_is_asked_twice() -> None:
    asked = {
        button["text"]["text"] for status in Status for button in buttons(in_status(status)) if "confirm" in button
    }
    assert asked == {"Resolve", "Reopen"}


def test_only_the_acknowledgement_stands_out() -> None:
    assert [button["text"]["text"] for button in buttons(incident()) if button.get("style")] == ["Acknowledge"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.DECLARED, "🔴 INC-42 · SEV-2 · checkout-api · declared, not acknowledged yet"),
        (Status.ACKNOWLEDGED, "🟠 INC-42 · SEV-2 · checkout-api · acknowledged"),
        (Status.MONITORING, "🟠 INC-42 · SEV-2 · checkout-api · monitoring"),
        (Status.RESOLVED, "🟢 INC-42 · SEV-2 · checkout-api · resolved after 1 h 02 min"),
        (Status.CANCELLED, "⚪ INC-42 · SEV-2 · checkout-api · cancelled after 1 h 02 min"),
    ],
)
def test_the_title_says_what_how_bad_where_and_how_it_stands(status: Status, expected: str) -> None:
    one = in_status(status)
    assert title(one) == expected
    message = card(CardFacts(one))
    assert message.blocks[0]["text"]["text"] == expected
    assert message.text.startswith(expected)


def test_a_merged_incident_says_where_it_went() -> None:
    one = in_status(Status.MERGED).changed(merged_into=41)
    assert title(one) == "⚪ INC-42 · SEV-2 · checkout-api · merged into INC-41"


def test_a_card_shows_people_times_and_places() -> None:
    one = in_status(Status.MONITORING, responders=(ANA, BOB), channel_id="C0OWN")
    words = shown(card(CardFacts(one, bridge="https://zoom.example/1")))
    for expected in (
        f"*Commander*\n<@{ANA}>",
        f"*Responders*\n<@{ANA}> <@{BOB}>",
        f"by <@{ANA}>",
        f"*Acknowledged*\n<@{BOB}> after 1 h 02 min",
        "*Bridge*\n<https://zoom.example/1|Join the bridge>",
        "*Channel*\n<#C0OWN>",
        f"<!date^{int(NOW.timestamp())}^",
    ):
        assert expected in words


def test_a_fresh_card_says_what_is_still_open_and_leaves_out_what_is_not_there() -> None:
    words = shown(card(CardFacts(incident(responders=()))))
    assert "*Responders*\nnobody yet" in words
    assert "*Acknowledged*\nnobody yet" in words
    for absent in ("Channel", "Bridge", "Last update", "What fixed it", "Look at", "⚠", "None"):
        assert absent not in words


def test_of_many_responders_the_first_are_named_and_the_rest_counted() -> None:
    one = incident(responders=tuple(f"U{n}" for n in range(200)))
    assert "<@U7> and 192 more" in shown(card(CardFacts(one)))


def test_a_card_links_dashboard_runbook_origin_and_the_newest_links() -> None:
    links = tuple(Link(url=f"https://example.com/{n}", title=f"graph {n}" if n != 6 else "") for n in range(7))
    one = incident(links=links, origin="https://example.slack.com/archives/C1/p1")
    message = card(CardFacts(one, dashboard="https://dash.example", runbook="https://run.example"))
    assert [(each["text"], each["url"]) for each in elements(message.blocks, "link")] == [
        ("Dashboard", "https://dash.example"),
        ("Runbook", "https://run.example"),
        ("Where it began", "https://example.slack.com/archives/C1/p1"),
        *((f"graph {n}", f"https://example.com/{n}") for n in range(2, 6)),
        ("https://example.com/6", "https://example.com/6"),
    ]


@pytest.mark.parametrize(
    ("alerts", "firing", "said"), [(1, 0, "OK"), (2, 0, "both OK"), (3, 0, "all 3 OK"), (3, 1, "1 firing, 2 over")]
)
def test_a_card_says_how_its_alerts_stand(alerts: int, firing: int, said: str) -> None:
    message = card(CardFacts(incident(alerts=alerts, firing=firing)))
    assert f"*Alerts*\n{said}" in [each["text"] for each in elements(message.blocks, "mrkdwn")]


def test_a_card_shows_the_last_update_and_what_fixed_it() -> None:
    one = incident(update=Update(text="rolling back\nweb:57", by=CY, at=after(60)), resolution="rolled back")
    message = card(CardFacts(one))
    words = shown(message)
    assert "Last update " in words
    assert "rolling back web:57" in words
    assert {"type": "user", "user_id": CY} in elements(message.blocks, "user")
    assert "What fixed it: \nrolled back" in words


def test_a_card_shows_the_newest_four_events_oldest_first() -> None:
    events = [event(text=f"step {n}", at=after(n), kind=EventKind.NOTE) for n in range(6)]
    words = shown(card(CardFacts(incident(), events=events)))
    assert [f"step {n}" in words for n in range(6)] == [False, False, True, True, True, True]
    assert words.index("step 2") < words.index("step 5")


def test_a_card_shows_what_slack_has_not_taken_and_why() -> None:
    troubles = [
        Trouble(kind=OwedKind.CHANNEL, error="missing_scope: channels:manage", attempts=3),
        Trouble(kind=OwedKind.PIN, error="timeout", attempts=1),
    ]
    words = shown(card(CardFacts(incident(), troubles=troubles)))
    assert "⚠ Not taken yet: " in words
    assert "incident channel (missing_scope: channels:manage, try 3, trying again)" in words
    assert "pinned card (timeout, try 1, trying again)" in words


@pytest.mark.parametrize("kind", OwedKind)
def test_every_kind_of_trouble_has_words(kind: OwedKind) -> None:
    troubles = [Trouble(kind=kind, error="no", attempts=1)]
    assert "(no, try 1, trying again)" in shown(card(CardFacts(incident(), troubles=troubles)))


@settings(deadline=None, max_examples=80)
@given(facts)
def test_nothing_foreign_becomes_markup_on_a_card(about: CardFacts) -> None:
    message = card(about)
    assert angled(message.text) == [f"<@{about.incident.commander}>"]
    for mrkdwn in elements(message.blocks, "mrkdwn"):
        assert mrkdwn["verbatim"] is True
        for markup in angled(mrkdwn["text"]):
            assert markup.startswith(("<@U", "<#C0OWN>", "<!date^", "<https://app.slack.com/", "<https://zoom."))
    for kind in ("broadcast", "usergroup", "channel"):
        assert elements(message.blocks, kind) == []
    known = {*about.incident.responders, about.incident.commander}
    known |= {about.incident.update.by} if about.incident.update else set()
    known |= {user for each in about.events for user in (each.actor, each.about) if user}
    assert {each["user_id"] for each in elements(message.blocks, "user")} <= known


def test_an_incident_in_a_list_says_who_and_since_when_and_can_be_shown() -> None:
    block = summary(incident(42, channel_id="C0OWN"), NOW + timedelta(minutes=7))
    assert block["text"]["text"].startswith("🔴 INC-42 · SEV-3 · checkout-api · declared")
    assert block["text"]["text"].endswith("\npayments fail")
    assert block["fields"][0]["text"] == f"<@{ANA}> · declared 7 min ago · <#C0OWN>"
    assert block["accessory"]["value"] == "42"


def test_everybody_who_was_paged_is_named_once_in_a_role_while_somebody_is_waited_for() -> None:
    bob, cy = ({"name": name, "user_id": name} for name in (BOB, CY))
    calls = (
        Paged(at=NOW, role=Role.PRIMARY, **bob),
        Paged(at=after(5), role=Role.PRIMARY, **bob),
        Paged(at=after(300), role=Role.SECONDARY, **cy),
        Paged(at=after(900), role=Role.MANAGER, name="Kim <Porter>"),
    )
    one = incident(42, severity=Severity.SEV1, paged=calls)
    words = shown(card(CardFacts(one)))
    assert f"*Paged*\n<@{BOB}> (primary), <@{CY}> (secondary), Kim &lt;Porter&gt; (engineering manager)" in words
    taken = one.moved(Status.ACKNOWLEDGED, by=ANA, at=after(20))
    words = shown(card(CardFacts(taken)))
    assert "*Paged*" not in words
    assert f"<@{ANA}> after 20 s" in words
