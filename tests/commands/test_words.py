"""What people type after `/incident`, and what Slack makes of it on the way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import InvalidInput
from bot.models import Severity
from commands import words
from commands.words import (
    Bare,
    Declared,
    declaration,
    first_word,
    incident_id,
    phrase,
    readable,
    severity_first,
    word_or_quoted,
)
from tests.blocks.texts import texts

quick = settings(deadline=None, max_examples=200)


def slack(typed: str) -> str:
    """What Slack sends of typed text that has no mentions and links in it."""
    return typed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# -- what was typed


@quick
@given(texts)
def test_what_slack_escaped_reads_as_it_was_typed(typed: str) -> None:
    assert readable(slack(typed)) == typed


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("<@U0BOB|bob> look", "@bob look"),
        ("<@U0BOB> look", "@U0BOB look"),
        ("in <#C0OPS|ops>", "in #ops"),
        ("in <#C0OPS|>", "in #C0OPS"),
        ("<!here> <!channel>", "@here @channel"),
        ("<!subteam^S0ONCALL|@oncall>", "@oncall"),
        ("<!date^1795316700^{time}|03:05>", "03:05"),
        ("see <https://example.com/a?b=1&amp;c=2>", "see https://example.com/a?b=1&c=2"),
        ("see <https://example.com|https://example.com>", "see https://example.com"),
        ("see <https://example.com/1|the graph>", "see the graph (https://example.com/1)"),
        ("see <https://example.com/dashboard|dashboard>", "see dashboard (https://example.com/dashboard)"),
        ("&lt;@U0BOB&gt; &amp;amp; &lt;!channel&gt;", "<@U0BOB> &amp; <!channel>"),
        ("<http://api.example.com|api.example.com> is down", "api.example.com is down"),
        ("write <mailto:ops@example.com|ops@example.com>", "write ops@example.com"),
        ("call <tel:+4930123|+4930123>", "call +4930123"),
    ],
)
def test_slacks_markup_reads_as_it_was_typed(sent: str, typed: str) -> None:
    assert readable(sent) == typed


@quick
@given(
    st.lists(
        st.one_of(
            texts.map(lambda typed: (slack(typed), typed)),
            st.just(("<@U0BOB|bob>", "@bob")),
            st.just(("<#C0OPS|ops>", "#ops")),
            st.just(("<https://example.com/1>", "https://example.com/1")),
        ),
        max_size=6,
    )
)
def test_typed_text_with_mentions_comes_back_whole(parts: list[tuple[str, str]]) -> None:
    sent, typed = ("".join(each) for each in zip(*parts, strict=True)) if parts else ("", "")
    assert readable(sent) == typed


# -- phrases and quotes


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('"payments fail"', "payments fail"),
        ("“payments fail”", "payments fail"),
        ("”payments fail”", "payments fail"),
        ("„Zahlung fehlt“", "Zahlung fehlt"),
        ("„Zahlung fehlt”", "Zahlung fehlt"),
        ("«так»", "так"),
        ("‘slow’", "slow"),
        ("'slow'", "slow"),
        ('  " spaced "  ', "spaced"),
        ('"a" and "b"', '"a" and "b"'),
        ('say "hello"', 'say "hello"'),
        ("it's Bob's", "it's Bob's"),
        ('"open', '"open'),
        ('"', '"'),
        ('""', ""),
        ("", ""),
        ('"a &amp; b"', "a & b"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_a_phrase_loses_the_quotes_around_all_of_it_and_no_others(text: str, meant: str) -> None:
    assert phrase(text) == meant


@pytest.mark.parametrize("opening", '"“”„«‘')
def test_a_quoted_beginning_is_one_word(opening: str) -> None:
    closing = {'"': '"', "“": "”", "”": "”", "„": "“", "«": "»", "‘": "’"}[opening]
    assert word_or_quoted(f'{opening}Checkout API &amp; co{closing} "rest of it"') == (
        "Checkout API & co",
        '"rest of it"',
    )


@pytest.mark.parametrize("text", ['"Checkout API payments fail', "“Checkout API", "„x"])
def test_a_quotation_without_an_end_is_refused_with_how_to_end_it(text: str) -> None:
    with pytest.raises(InvalidInput, match="does not end") as told:
        word_or_quoted(text)
    assert text[:20] in str(told.value)


def test_an_apostrophe_opens_no_quotation() -> None:
    assert word_or_quoted("'s'il vous plaît") == ("'s'il", "vous plaît")


def test_the_first_word_ends_at_any_white_space() -> None:
    assert first_word("  update\nall is well\t now ") == ("update", "all is well\t now")
    assert first_word("list") == ("list", "")
    assert first_word(" \n ") == ("", "")


# -- incident ids


@pytest.mark.parametrize(
    ("text", "number", "rest"),
    [
        ("INC-42", 42, ""),
        ("inc-42 fixed it", 42, "fixed it"),
        ("Inc 42 fixed", 42, "fixed"),
        ("INC_42", 42, ""),
        ("inc42 x", 42, "x"),
        ("#42 x", 42, "x"),
        ("INC-42: x", 42, "x"),
        ("INC-42, x", 42, "x"),
        ("INC-42\nx", 42, "x"),
        ("INC-0042", 42, ""),
        ("INC-999999999", 999_999_999, ""),
    ],
)
def test_an_incident_id_is_read_in_every_usual_spelling(text: str, number: int, rest: str) -> None:
    for bare in Bare:
        assert incident_id(text, bare) == (number, rest)


@pytest.mark.parametrize("text", ["42", "42 fixed", "007 x"])
def test_a_bare_number_is_an_id_only_where_that_is_allowed(text: str) -> None:
    number, _, rest = text.partition(" ")
    assert incident_id(text, Bare.ALWAYS) == (int(number), rest)
    assert incident_id(text, Bare.ALONE) == ((None, text) if rest else (int(number), ""))
    assert incident_id(text, Bare.NEVER) == (None, text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "fixed INC-42", "incident 42", "include 42", "since 42"),
        *("42nd", "4.2", "42%", "42,000 users", "-42", "1234567890", "#x", "# 42"),
    ],
)
def test_what_is_no_id_stays_text(text: str) -> None:
    for bare in Bare:
        assert incident_id(text, bare) == (None, text)


# -- people and links


@pytest.mark.parametrize(
    ("text", "user", "rest"),
    [
        ("<@U0BOB|bob>", "U0BOB", ""),
        ("<@W0BOB> please", "W0BOB", "please"),
        ("<@U0BOB|bob> <@U0CY|cy>", "U0BOB", "<@U0CY|cy>"),
        ("<@U0BOB|>x", "U0BOB", "x"),
        ("@bob", None, "@bob"),
        ("bob", None, "bob"),
        ("<#C0OPS|ops>", None, "<#C0OPS|ops>"),
        ("&lt;@U0BOB&gt;", None, "&lt;@U0BOB&gt;"),
        ("", None, ""),
    ],
)
def test_a_person_is_whom_slack_made_a_mention_of(text: str, user: str | None, rest: str) -> None:
    assert words.user(text) == (user, rest)


@pytest.mark.parametrize(
    ("text", "people", "rest"),
    [
        ("<@U0CY> <@U0DEE> db is down", ["U0CY", "U0DEE"], "db is down"),
        ("<@U0CY|cy>, <@U0DEE|dee> and <@U0BOB> db", ["U0CY", "U0DEE", "U0BOB"], "db"),
        ("<@U0CY> &amp; <@U0DEE>", ["U0CY", "U0DEE"], ""),
        ("<@U0CY>, please look", ["U0CY"], "please look"),
        ("<@U0CY> and the others", ["U0CY"], "and the others"),
        ('<@U0CY> "ask <@U0DEE>"', ["U0CY"], '"ask <@U0DEE>"'),
        ("the team", [], "the team"),
    ],
)
def test_people_are_the_mentions_at_the_beginning(text: str, people: list[str], rest: str) -> None:
    assert words.users(text) == (people, rest)


@pytest.mark.parametrize(
    ("text", "address", "title"),
    [
        ("<https://example.com/a?b=1&amp;c=2|example.com> p99", "https://example.com/a?b=1&c=2", "p99"),
        ('<https://example.com> "the graph"', "https://example.com", "the graph"),
        ("https://example.com/a?b=1&amp;c=2 p99 now", "https://example.com/a?b=1&c=2", "p99 now"),
        ("https://example.com", "https://example.com", ""),
        ("graph", "graph", ""),
        ("", "", ""),
    ],
)
def test_a_link_is_an_address_and_a_title(text: str, address: str, title: str) -> None:
    assert words.link(text) == (address, title)


# -- inline declarations


@pytest.mark.parametrize(
    ("text", "severity", "service", "impact"),
    [
        ('sev1 checkout-api "payments fail"', 1, "checkout-api", "payments fail"),
        ("SEV-2 checkout-api payments fail", 2, "checkout-api", "payments fail"),
        ("critical “Checkout API” payments &amp; refunds fail", 1, "Checkout API", "payments & refunds fail"),
        ('sev3 "Checkout API (EU)" "a" and "b" fail', 3, "Checkout API (EU)", '"a" and "b" fail'),
        ("low disk filling up", 4, "disk", "filling up"),
        ("checkout-api payments fail", None, "checkout-api", "payments fail"),
        ("sev1 checkout-api", 1, "checkout-api", ""),
        ("sev1", 1, "", ""),
        ("", None, "", ""),
        ("2 checkout-api", None, "2", "checkout-api"),
        ("sev1\ncheckout-api\npayments\nfail", 1, "checkout-api", "payments\nfail"),
        ("<#C0OPS|ops> is slow", None, "#ops", "is slow"),
    ],
)
def test_a_declaration_is_read_part_by_part(text: str, severity: int | None, service: str, impact: str) -> None:
    assert declaration(text) == Declared(Severity(severity) if severity else None, service, impact)


@pytest.mark.parametrize("text", ["sev9 checkout-api x", "sev checkout-api x", "p1 checkout-api x", "sev-1.5 x"])
def test_a_severity_that_is_none_is_not_taken_for_a_service(text: str) -> None:
    if text.startswith("sev-1.5"):
        assert declaration(text).service == "sev-1.5"
        return
    with pytest.raises(InvalidInput, match="I don't know severity"):
        declaration(text)


@quick
@given(texts | st.builds(lambda *parts: " ".join(parts), st.sampled_from(["sev1", "“", '"', "p1", "low", ""]), texts))
def test_whatever_is_typed_a_declaration_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        read = declaration(text)
    except InvalidInput as error:
        read = Declared(None, error.field, str(error))
    if text.strip():
        assert any(read) or set(text) <= set("\"“”„«»‘’' \n\t"), "nothing that was typed is lost"


@quick
@given(
    severity=st.sampled_from(Severity), impact=st.text(alphabet="abc é&<>'-", min_size=1).map(str.strip).filter(bool)
)
def test_a_quoted_declaration_comes_back_whole(severity: Severity, impact: str) -> None:
    sent = f'{severity.label} "Checkout & <API>" "{impact}"'
    assert declaration(slack(sent)) == Declared(severity, "Checkout & <API>", impact)


@pytest.mark.parametrize("text", ["INC-", "INC-x", "INC-42x fixed", "inc-1234567890", "#7x"])
def test_what_looks_like_an_id_and_is_none_is_refused_instead_of_guessed(text: str) -> None:
    for bare in Bare:
        with pytest.raises(InvalidInput, match=r"is no incident\. Write it like INC-42"):
            incident_id(text, bare)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sev1 rest", (1, "rest")),
        ("sev 1 rest", (1, "rest")),
        ("SEV-2: rest", (2, "rest")),
        ("sev3, rest", (3, "rest")),
        ("critical rest", (1, "rest")),
        ("sev 1", (1, "")),
    ],
)
def test_a_severity_is_read_however_people_write_it(text: str, found: tuple[int, str]) -> None:
    assert severity_first(text) == found


def test_single_quotes_quote_where_they_close_before_a_space() -> None:
    assert declaration("sev-1 'checkout api' 'payments fail'") == Declared(
        Severity.SEV1, "checkout api", "payments fail"
    )
    assert declaration("sev1 bob's-shop it's down").service == "bob's-shop"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("*<@U0BOB>* said: _check_ the `pool`", "@Bob said: check the pool"),
        ("<@U0BOB|bob> &lt;b&gt; ~no~\nsnake_case 3 * 4", "@Bob <b> no snake_case 3 * 4"),
        ("```\nSELECT 1\n```", "SELECT 1"),
    ],
)
def test_a_message_as_one_line_of_plain_text(said: str, shown: str) -> None:
    assert words.plain(said, lambda user: user.removeprefix("U0").capitalize()) == shown
