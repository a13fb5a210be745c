"""The two messages that were given word for word."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blocks import templates
from bot.models import Incident, Severity, Status
from tests.blocks.incidents import incidents
from tests.blocks.texts import angled, can_be_sent, elements, is_escaped, texts
from tests.bot.make import ANA, NOW, after, incident

BRIDGE = "https://app.slack.com/huddle/T0AIOPS/C0OWN"
quick = settings(deadline=None, max_examples=120)


def resolved(severity: int = 1, seconds: float = 5_400, **values: object) -> Incident:
    return incident(42, severity=Severity(severity), **values).moved(Status.RESOLVED, by=ANA, at=after(seconds))


def reading(piece: dict[str, str]) -> str:
    if piece["type"] == "user":
        return f"<@{piece['user_id']}>"
    return f"<{piece['url']}>" if piece["type"] == "link" else piece["text"]


def without_markup(message_blocks: list[dict[str, object]]) -> str:
    """What people read in the blocks."""
    pieces = elements(message_blocks, "rich_text_section")[0]["elements"]
    return "".join(reading(piece) for piece in pieces)


def test_declared_is_word_for_word_what_was_asked_for() -> None:
    one = incident(42, severity=Severity.SEV1, service="checkout-api", impact="payments fail")
    assert templates.declared(one, BRIDGE).text.split("\n") == [
        "🔴 *INCIDENT DECLARED — SEV-1*",
        "*Service:* checkout-api",
        "*Impact:* payments fail",
        "*Incident ID:* INC-42",
        f"*Commander:* <@{ANA}>",
        f"*Bridge:* <{BRIDGE}>",
        "*Status page:* Being updated",
    ]


def test_resolved_is_word_for_word_what_was_asked_for() -> None:
    assert templates.resolved(resolved()).text.split("\n") == [
        "✅ *INCIDENT RESOLVED — SEV-1*",
        "*Service:* checkout-api",
        "*Duration:* 01:30",
        "*Incident ID:* INC-42",
        "*Post-mortem due:* 2026-11-24 04:30 UTC",
    ]


@pytest.mark.parametrize("severity", Severity)
def test_the_heading_names_the_severity(severity: Severity) -> None:
    one = incident(severity=severity)
    assert templates.declared(one, BRIDGE).text.startswith(f"🔴 *INCIDENT DECLARED — SEV-{int(severity)}*\n")
    ended = templates.resolved(resolved(int(severity)))
    assert ended.text.startswith(f"✅ *INCIDENT RESOLVED — SEV-{int(severity)}*\n")


@pytest.mark.parametrize(
    ("severity", "due"),
    [
        (1, "2026-11-24 04:30 UTC"),
        (2, "2026-11-24 04:30 UTC"),
        (3, "not required for SEV-3"),
        (4, "not required for SEV-4"),
    ],
)
def test_a_post_mortem_is_due_in_48_hours_or_not_required(severity: int, due: str) -> None:
    assert templates.resolved(resolved(severity)).text.split("\n")[4] == f"*Post-mortem due:* {due}"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "00:00"), (59, "00:00"), (86_400, "24:00"), (359_940, "99:59"), (360_000, "100:00")]
)
def test_a_duration_may_go_beyond_99_hours(seconds: float, shown: str) -> None:
    assert templates.resolved(resolved(seconds=seconds)).text.split("\n")[2] == f"*Duration:* {shown}"


def test_the_blocks_show_the_same_facts_as_the_text() -> None:
    for message in (templates.declared(incident(42), BRIDGE), templates.resolved(resolved())):
        assert without_markup(message.blocks) == message.text.replace("*", "")
        bold = [piece["text"] for piece in elements(message.blocks, "text") if piece.get("style") == {"bold": True}]
        assert [f"*{each}*" in message.text for each in bold] == [True] * len(message.text.split("\n"))


@quick
@given(service=texts, impact=texts)
@example(service="&" * 80, impact="&" * 3000)
@example(service="a\nb", impact="one\r\ntwo\u2028three\x85four")
def test_declared_has_seven_lines_whatever_service_and_impact_say(service: str, impact: str) -> None:
    message = templates.declared(incident(42, service=service, impact=impact), BRIDGE)
    lines = message.text.splitlines()
    assert len(lines) == 7
    assert [line.partition(":*")[0] for line in lines[1:]] == [
        "*Service",
        "*Impact",
        "*Incident ID",
        "*Commander",
        "*Bridge",
        "*Status page",
    ]
    assert angled(message.text) == [f"<@{ANA}>", f"<{BRIDGE}>"], "no foreign mention or link"
    assert is_escaped(lines[1])
    assert is_escaped(lines[2])
    assert len(message.text) <= 4000
    assert can_be_sent(message.text)
    assert without_markup(message.blocks).count("\n") == 6


@quick
@given(service=texts, seconds=st.integers(0, 10**9))
@example(service="&" * 3000, seconds=1)
def test_resolved_has_five_lines_whatever_the_service_is_called(service: str, seconds: int) -> None:
    message = templates.resolved(resolved(1, seconds, service=service))
    lines = message.text.splitlines()
    assert len(lines) == 5
    assert [line.partition(":*")[0] for line in lines[1:]] == [
        "*Service",
        "*Duration",
        "*Incident ID",
        "*Post-mortem due",
    ]
    assert angled(message.text) == []
    assert all(is_escaped(line) for line in lines)
    assert len(message.text) <= 4000


@quick
@given(one=incidents(commander=ANA, status=Status.RESOLVED, resolved_at=NOW))
def test_only_we_mention_and_link_in_the_blocks(one: Incident) -> None:
    for message, users, links in (
        (templates.declared(one, BRIDGE), [ANA], [BRIDGE]),
        (templates.resolved(one), [], []),
    ):
        assert [each["user_id"] for each in elements(message.blocks, "user")] == users
        assert [each["url"] for each in elements(message.blocks, "link")] == links
        for kind in ("broadcast", "usergroup", "channel", "emoji", "mrkdwn", "date"):
            assert elements(message.blocks, kind) == []


def test_a_long_impact_is_cut_where_people_can_see_it() -> None:
    message = templates.declared(incident(impact="word " * 600), BRIDGE)
    assert message.text.split("\n")[2].endswith("…")
    assert "…\n" in without_markup(message.blocks)
