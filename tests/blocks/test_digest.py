"""The digest as a message: what it says at a glance, with charts, without them, and of an empty week."""

from __future__ import annotations

from datetime import date

import pytest

from blocks import digest as built
from bot import periods
from bot.models import Message
from bot.models.digest import AlertNumbers, Automation, Count, Load, Period, ServiceCount, Sla
from tests.blocks.digests import BERLIN, HERE, MONDAY, WEEK, digest, empty, saying
from tests.blocks.texts import NASTY, angled, elements, shown
from tests.bot.make import ANA, BOB


def charts(message: Message) -> list[str]:
    return [each["title"] for each in elements(message.blocks, "data_visualization")]


def test_it_begins_with_the_week_and_the_four_numbers() -> None:
    message = built.posted(digest())
    assert message.blocks[0]["text"]["text"] == "Incident digest · 16–22 Nov 2026 (week 47)"
    fields = [field["text"] for field in message.blocks[1]["fields"]]
    assert fields == [
        "*Incidents*\n*9* (▼3)\n1 SEV-1 · 3 SEV-2 · 5 SEV-3 · 1 still open",
        "*Acknowledged in time*\n*7 of 8* · 1 resolved without\nlate: search",
        "*Time to acknowledge*\n*3 min* typically (▼1 min)\nthe slowest 12 min",
        "*Time to resolve*\n*41 min* typically (▲6 min)\n9 of 10 within 2 h 05 min",
    ]


def test_a_lock_screen_says_it_in_one_line() -> None:
    assert built.posted(digest()).text == (
        "Incident digest · 16–22 Nov 2026 (week 47): 9 incidents (▼3) · time to acknowledge 3 min (▼1 min) · "
        "to resolve 41 min (▲6 min) · "
        "7 of 8 acknowledged in time"
    )


@pytest.mark.parametrize(
    ("sla", "said"),
    [
        (Sla(kept=5, missed=3, without=1), "*5 of 8* · 1 resolved without"),
        (Sla(kept=1, waiting=2, free=3), "*1 of 1* · 2 still waited for · 3 without a limit"),
        (Sla(free=1), "*none was due* · 1 without a limit"),
        (Sla(), "*none was due*"),
    ],
)
def test_those_in_time_add_up_to_the_incidents(sla: Sla, said: str) -> None:
    assert built.numbers(digest(sla=sla))[1] == f"*Acknowledged in time*\n{said}"


def test_lists_say_how_many_more_there_are() -> None:
    services = tuple(ServiceCount(service=f"s{each}", incidents=Count(now=1)) for each in range(7))
    load = tuple(Load(service=f"s{each}", pages=1, at_night=0) for each in range(6))
    said = shown(built.posted(digest(services=services, load=load)))
    assert "s4\n 1 (▲1)\n and 2 more" in said
    assert "s4\n 1\n and 1 more" in said
    assert "and" not in shown(built.posted(digest(services=services[:5], load=load[:5], overdue=())))


def test_nothing_overdue_is_said_and_what_is_leads_to_where_it_is() -> None:
    assert "Nothing overdue." in shown(built.posted(digest(overdue=())))
    message = built.posted(digest())
    assert "Nothing overdue." not in shown(message)
    assert [each["url"] for each in elements(message.blocks, "link")] == [f"{HERE}/p39"]


def test_messages_and_cards_are_told_where_something_was_suppressed() -> None:
    told = [
        shown(built.posted(digest(alerts=AlertNumbers(alerts=Count(now=5), messages=5, cards=cards))))
        for cards in (4, 5)
    ]
    assert "5 alerts (▲5); 5 messages became 4 cards, 20% suppressed" in told[0]
    assert "messages became" not in told[1]


def test_a_run_that_is_not_verified_yet_is_not_told_as_no_help() -> None:
    said = shown(built.posted(digest(automation=Automation(runs=Count(now=3, before=0), pending=2))))
    assert "3 runs (▲3), 2 not known yet, 1 taken back" in said


def test_what_is_behind_the_numbers_and_what_to_do() -> None:
    said = shown(built.posted(digest()))
    for words in (
        "checkout-api\n 4 (▲2)",
        "214 alerts (▲34); 626 messages became 37 cards, 94% suppressed",
        "  61×, 58 over within 5 min, came back 12×",
        "3 of 5 datapoints instead of 1 of 1\n, saves 55 of 61",
        "7 runs (▲2), 6 helped, 1 did not, 2 without a click, about 2 h 10 min saved",
        "3 filed, 2 waived",
        "14 calls, 5 at night: \nsearch\n 9 (4 at night)",
        " (\n, \n2 days)",
        "AI-7 alarm on depth\n (\n9 days)",
        "▲▼ compared with 9–15 Nov · time zone Europe/Berlin",
    ):
        assert words in said
    assert [each["user_id"] for each in elements(built.posted(digest()).blocks, "user")] == [ANA]


def test_two_charts_and_the_same_without_them() -> None:
    message = built.posted(digest())
    assert charts(message) == ["Incidents per day", "Time to resolve, 8 weeks"]
    assert message.plainer == [each for each in message.blocks if each["type"] != "data_visualization"]
    bars, line = elements(message.blocks, "data_visualization")
    assert [each["name"] for each in bars["chart"]["series"]] == ["SEV-1", "SEV-2", "SEV-3"]
    assert bars["chart"]["axis_config"]["categories"][0] == "Mon 16"
    assert [point["value"] for point in line["chart"]["series"][0]["data"]] == [52, 47, 61, 38, 44, 35, 41]
    assert line["chart"]["axis_config"]["categories"][2] == "19 Oct", "a week without a value is left out"


@pytest.mark.parametrize(("seconds", "said"), [(7, "7 s"), (439, "7 min 19 s"), (1739, "29 min"), (7170, "2 h")])
def test_from_ten_minutes_on_nobody_counts_seconds(seconds: float, said: str) -> None:
    assert built.duration(seconds) == said


def test_a_chart_with_nothing_in_it_is_left_out() -> None:
    message = built.posted(digest(points=empty().points, weeks=empty().weeks))
    assert charts(message) == []
    assert message.plainer is None


def test_long_times_are_drawn_in_hours() -> None:
    weeks = tuple(week.model_copy(update={"median": 4 * 3600.0}) for week in empty().weeks)
    line = elements(built.posted(digest(weeks=weeks)).blocks, "data_visualization")[1]
    assert line["chart"]["axis_config"]["y_label"] == "hours"
    assert line["chart"]["series"][0]["data"][0]["value"] == 4


def test_an_empty_week_says_so_in_one_line() -> None:
    message = built.posted(empty())
    assert message.text == "*Incident digest · 16–22 Nov 2026 (week 47)*: no incidents, no alerts, nothing overdue."
    assert len(message.blocks) == 1


def test_the_one_who_asks_gets_a_button_that_names_the_period() -> None:
    message = built.shown(digest(service="checkout-api"))
    [post] = elements(message.blocks, "button")
    assert message.plainer
    assert elements(message.plainer, "button") == [post]
    word, _, service = post["value"].partition(" ")
    assert (Period.read(word), service) == (WEEK, "checkout-api")
    assert elements(built.posted(digest()).blocks, "button") == []


def test_who_wanted_it_posted_is_named() -> None:
    assert f"posted by <@{BOB}>" in shown(built.posted(digest(), BOB))


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2026, 11, 16), date(2026, 11, 22), "16–22 Nov"),
        (date(2026, 9, 28), date(2026, 10, 4), "28 Sep – 4 Oct"),
        (date(2025, 12, 29), date(2026, 1, 4), "29 Dec 2025 – 4 Jan 2026"),
        (date(2026, 11, 22), date(2026, 11, 22), "22 Nov"),
    ],
)
def test_days_are_written_short(first: date, last: date, said: str) -> None:
    assert built.days(first, last) == said


def test_other_periods_say_how_long_they_are() -> None:
    assert built.title(periods.last_days(30, MONDAY, BERLIN)) == "Incident digest · 25 Oct – 23 Nov 2026 (30 days)"
    assert built.title(periods.last_days(1, MONDAY, BERLIN)) == "Incident digest · 23 Nov 2026 (1 day)"


def test_nothing_foreign_is_markup() -> None:
    for typed in NASTY:
        message = built.shown(saying(typed))
        ours = {f"<@{ANA}>"}
        assert set(angled(message.text)) <= ours
        for each in elements(message.blocks, "mrkdwn"):
            assert set(angled(each["text"])) <= ours
