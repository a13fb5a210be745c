"""App Home: within Slack's limits however much there is, the same while nothing happens, nothing foreign is markup."""

from __future__ import annotations

import json
from datetime import time, timedelta
from typing import Any

from blocks.home import HomeFacts, Unfiled, Waiting, home, problem, refused, without_charts
from blocks.rich import own, rich
from blocks.standing import Connection, Rota
from bot.config import Maintenance
from bot.models import Duty, Message, Role, SectionName
from bot.models.digest import Count, Sla
from sandbox.slack.validate import view_errors
from tests.blocks import digests
from tests.blocks.texts import elements
from tests.bot.fixing import remediation
from tests.bot.make import ANA, BOB, NOW, action_item, after, alert, incident, post_mortem, silence

HOSTILE = "<!here> *bold* <@U0ANA> &amp; \u202egnp"
ARABIC = "خدمة الدفع لا تعمل " * 20
WINDOW = Maintenance(name=HOSTILE, alarm=("*",), days=("mon",), at=time(3), lasts=timedelta(hours=1))


def facts(**values: Any) -> HomeFacts:
    known = {"person": ANA, "now": NOW, "today": NOW.date(), "week": digests.empty(), "week_before": digests.empty()}
    return HomeFacts(**{**known, **values})


def crowded(text: str = HOSTILE) -> HomeFacts:
    many = range(1, 40)
    duties = [Duty(role=Role.PRIMARY, name=text), Duty(role=Role.SECONDARY, name="Bob", user_id=BOB)]
    waiting = Waiting(
        alerts=[alert(number, service=text[:80]) for number in many],
        called=[incident(number, impact=text) for number in many],
        plans=[remediation(number, subject="INC-3") for number in many],
        updates=[(incident(number, service=text[:80]), NOW) for number in many],
        post_mortems=[post_mortem(number, service=text, due_at=after(60 * (number % 2 or -1))) for number in many],
        unfiled=[Unfiled(post_mortem(number, service=text), "pull request", text) for number in range(50, 90)],
        actions=[action_item(number, title=text, url="https://github.example/1") for number in many],
        pressing=frozenset(f"{kind}-{number}" for kind in ("PM", "AI") for number in range(1, 40, 2)),
        missing={f"PM-{number}": list(SectionName) for number in many},
        cards={"PM-2": "https://acme.slack.com/archives/C0OPS/p2"},
        reminded={f"{kind}-{number}": after(60) for kind in ("PM", "AI") for number in many},
    )
    return facts(
        waiting=waiting,
        incidents=[incident(number, impact=text) for number in many],
        rotas=[Rota(duties, [f"{text}{number}" for number in many]) for _ in many],
        silences=[silence(f"s{number}", pattern=text, why=text) for number in many],
        maintenance=[(WINDOW, NOW)] * 20,
        connections=[Connection("GitHub", state) for state in ("on", "off", "failing")],
        week=digests.digest(sla=Sla(kept=1, missed=1, services=(text,))),
        week_before=digests.digest(),
    )


def said(view: dict[str, Any]) -> str:
    return json.dumps(view, ensure_ascii=False)


def test_a_page_is_within_slacks_limits_however_much_there_is() -> None:
    notice = Message("done", [rich([own("done")])] * 20)
    for text in (HOSTILE, ARABIC, "x" * 5000, ""):
        assert view_errors(home(crowded(text), notice)) == []


def test_no_two_rows_have_the_same_name() -> None:
    ids = [block["block_id"] for block in home(crowded())["blocks"] if "block_id" in block]
    assert len(ids) == len(set(ids)) > 20


def test_nothing_foreign_becomes_markup() -> None:
    view = home(crowded())
    for text in elements(view["blocks"], "mrkdwn"):
        assert "<!here>" not in text["text"]
        assert "*bold*" not in text["text"]
    assert '"broadcast"' not in said(view)
    assert "\u202e" not in said(view)


def test_what_is_too_much_is_counted() -> None:
    words = said(home(crowded()))
    for rest in (
        "34 alerts",
        "34 plans",
        "34 post-mortems",
        "38 filed post-mortems",
        "34 action items",
        "31 incidents",
        "31 silences",
    ):
        assert f"… and {rest} more" in words


def test_who_has_an_open_incident_has_no_quiet_to_enjoy() -> None:
    words = said(home(facts(incidents=[incident()])))
    assert "Nothing." in words
    assert "Enjoy" not in words


def test_an_empty_page_says_so() -> None:
    words = said(home(facts()))
    assert "Nothing. Enjoy the quiet." in words
    assert "To Slack alone." in words
    assert "No incidents, nor in the 7 days before." in words
    assert elements(home(facts())["blocks"], "data_visualization") == []


def test_a_page_is_the_same_a_minute_later() -> None:
    before = crowded()._replace(maintenance=())
    assert home(before) == home(before._replace(now=after(59)))


def test_the_chart_shows_both_weeks_and_can_be_left_out() -> None:
    view = home(crowded())
    (chart,) = elements(view["blocks"], "data_visualization")
    assert [series["name"] for series in chart["chart"]["series"]] == ["last 7 days", "7 days before"]
    assert sum(point["value"] for point in chart["chart"]["series"][0]["data"]) == 9
    plainer = without_charts(view)
    assert view_errors(plainer) == []
    assert [block for block in view["blocks"] if block not in plainer["blocks"]] == [chart]


def test_a_quiet_week_after_a_bad_one_has_its_chart() -> None:
    view = home(facts(week=digests.empty(incidents=Count(now=0, before=3))))
    assert elements(view["blocks"], "data_visualization")


def test_an_overdue_update_says_so() -> None:
    told = [said(home(facts(waiting=Waiting(updates=[(incident(), due)])))) for due in (after(60), NOW - timedelta(1))]
    assert "An update is due" in told[0]
    assert "An update was due" in told[1]


def test_selects_forget_what_was_chosen_after_a_click() -> None:
    waiting = facts(waiting=Waiting(post_mortems=[post_mortem()], actions=[action_item()]))
    first, second = ({block.get("block_id") for block in home(waiting, turn=turn)["blocks"]} for turn in (1, 2))
    assert {"home-PM-1-1", "home-AI-1-1"} <= first - second


def test_who_is_on_call_themselves_comes_first() -> None:
    rotas = [Rota([Duty(role=Role.PRIMARY, name="x", user_id=each)], [f"of-{each}"]) for each in (BOB, ANA)]
    words = said(home(facts(rotas=rotas)))
    assert words.index(f"of-{ANA}") < words.index(f"of-{BOB}")
    assert "I go on asking" in said(home(facts(rotas=None)))


def test_the_other_views_are_ones_that_slack_takes() -> None:
    assert view_errors(refused("Guests can't work on incidents here.")) == []
    assert view_errors(problem(Message("no", [rich([own("no")])]))) == []


def test_what_presses_waits_on_top_and_what_has_time_below() -> None:
    waiting = Waiting(
        post_mortems=[post_mortem(1), post_mortem(2)],
        actions=[action_item(1), action_item(2)],
        pressing=frozenset({"PM-1", "AI-1"}),
    )
    words = said(home(facts(waiting=waiting)))
    found = ("Waiting for you", "home-PM-1", "home-AI-1", "After incidents", "home-PM-2", "home-AI-2")
    places = [words.index(each) for each in found]
    assert places == sorted(places)
    assert "Nothing." not in words


def test_a_post_mortem_leads_to_its_card_and_is_filed_once_it_is_written() -> None:
    waiting = Waiting(
        post_mortems=[post_mortem(1), post_mortem(2)],
        cards={"PM-1": "https://acme.slack.com/archives/C0OPS/p1"},
        missing={"PM-1": [SectionName.IMPACT, SectionName.ROOT_CAUSE]},
    )
    blocks = home(facts(waiting=waiting))["blocks"]
    first, second = ([b for b in blocks if b.get("block_id") == f"home-PM-{number}-0"] for number in (1, 2))
    assert next(each["text"]["text"] for each in elements(first, "button")) == "Open it"
    assert next(each["text"]["text"] for each in elements(second, "button")) == "File it"
    [link] = elements(blocks, "link")
    assert (link["text"], link["url"][-3:]) == ("Post-mortem of INC-1", "/p1")
    assert said({"blocks": blocks}).count("Still to be written: impact, root cause") == 1


def test_what_was_filed_and_is_not_there_says_why_and_whether_it_is_tried_again() -> None:
    filed = post_mortem(1, ended_at=NOW, ended_by=ANA)
    waiting = [Unfiled(filed, "pull request", "the token may not write", given_up) for given_up in (False, True)]
    first, second = (said(home(facts(waiting=Waiting(unfiled=[each])))) for each in waiting)
    assert "its pull request is not there yet" in first
    assert "the token may not write" in first
    assert "it is tried again" in first
    assert "it is not tried again" in second
    assert "Enjoy" not in first


def test_an_action_items_trouble_at_the_tracker_stands_below_it() -> None:
    waiting = Waiting(actions=[action_item(1), action_item(2)], troubles={"AI-2": "the token may not create issues"})
    told = said(home(facts(waiting=waiting)))
    assert told.count("⚠ its issue is not there yet, or out of date: ") == 1
    assert "the token may not create issues" in told
