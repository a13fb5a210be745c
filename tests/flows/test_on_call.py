"""On call by the config file, without PagerDuty: direct messages, the ladder, reminders, and nobody at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.config import Config, OnCall
from tests.flows.duty import Site, mentions, site
from tests.workspace import BOB, CY, DEE, Message, Workspace, wait_for

NAME = "prod-checkout-api-latency-critical"
ALL = Config(on_call=OnCall(primary=BOB, secondary=CY, team_lead="U0ANA", manager=DEE))


@pytest.fixture
def empty_duty(empty_world: Workspace) -> Iterator[Site]:
    with site(empty_world, with_pagerduty=False) as made:
        yield made


@pytest.fixture
def duty(empty_duty: Site) -> Site:
    empty_duty.start(ALL)
    return empty_duty


def pages(duty: Site) -> list[tuple[str, str]]:
    """Who got a direct message that pages, and what it says."""
    posted = [call["args"] for call in duty.world.calls("chat.postMessage")]
    return [(body["channel"], body["text"]) for body in posted if body["channel"].startswith("U0")]


def paged(duty: Site) -> list[str]:
    return [user for user, text in pages(duty) if "📟" in text]


def fired(duty: Site, name: str = NAME, severity: str = "SEV-1") -> Message:
    """An alarm whose first page is out."""
    duty.alerts.alarm(name, ago=5)
    card = duty.ops.expect(f"{severity} · checkout-api")
    duty.quiet()
    return card


def test_the_primary_gets_a_direct_message(duty: Site) -> None:
    card = fired(duty)
    duty.shows(card, "(primary)")
    (to, text) = pages(duty)[0]
    assert to == BOB
    assert "SEV-1" in text
    assert "checkout-api" in text
    assert "you are on call (primary)" in text
    note = duty.ops.expect("(primary) for AL-1", thread_ts=card.ts)
    assert "📟 Paged <@U0BOB> (primary) for AL-1 by direct message." in mentions(note)
    duty.world.bob.click(card, "Acknowledge")
    declared = duty.ops.expect("INCIDENT DECLARED")
    assert "*Commander:* <@U0BOB>" in declared.plain


def test_the_ladder_in_order_and_no_further(duty: Site) -> None:
    card = fired(duty)
    duty.advance(301)
    assert paged(duty) == [BOB, CY]
    duty.shows(card, "not acknowledged in time", "(secondary)")
    duty.advance(600)
    assert paged(duty) == [BOB, CY, "U0ANA"]
    duty.advance(900)
    assert paged(duty) == [BOB, CY, "U0ANA", DEE]
    duty.advance(1800)
    duty.ops.expect("nobody to call as incident commander", thread_ts=card.ts)
    duty.advance(86400)
    assert paged(duty) == [BOB, CY, "U0ANA", DEE]


def test_an_ok_stops_the_ladder(duty: Site) -> None:
    card = fired(duty)
    duty.alerts.alarm(NAME, "OK")
    duty.shows(card, "🟢")
    duty.advance(1200)
    assert paged(duty) == [BOB]


def test_the_ladder_catches_up_after_a_long_sleep(duty: Site) -> None:
    card = fired(duty)
    duty.world.stop_bot()
    duty.world.clock.advance(2000)
    duty.world.control("clock", advance=2000)
    duty.start(ALL)
    wait_for(lambda: len(paged(duty)) == 4, "everybody was called", 20)
    duty.shows(card, "(engineering manager)")
    assert paged(duty) == [BOB, CY, "U0ANA", DEE]


def test_a_sev3_is_late_after_an_hour_and_pages_nobody(duty: Site) -> None:
    card = fired(duty, "prod-checkout-api-latency-medium", "SEV-3")
    duty.advance(3590)
    assert "not acknowledged in time" not in duty.now(card).text
    duty.advance(20)
    duty.shows(card, "not acknowledged in time")
    assert paged(duty) == []


def test_a_role_that_nobody_has_is_said_and_skipped(empty_duty: Site) -> None:
    duty = empty_duty
    duty.start(Config(on_call=OnCall(primary=BOB, manager=DEE)))
    card = fired(duty)
    duty.advance(301)
    note = duty.ops.expect("AL-1 has nobody to call as secondary", thread_ts=card.ts)
    assert "on_call.secondary in config.yml" in note.text
    duty.advance(1500)
    assert paged(duty) == [BOB, DEE]


def test_escalating_goes_past_a_role_that_nobody_has(empty_duty: Site) -> None:
    duty = empty_duty
    duty.start(Config(on_call=OnCall(primary=BOB, manager=DEE)))
    fired(duty)
    for _ in range(3):
        duty.world.ana.run("/incident escalate AL-1")
        duty.world.ana.told("Calling the")
        duty.advance(11)
    assert paged(duty) == [BOB, DEE]


def test_nobody_can_be_paged_at_all(empty_duty: Site) -> None:
    duty = empty_duty
    duty.start(Config())
    card = fired(duty)
    duty.world.ana.run("/incident why AL-1")
    duty.world.ana.told("nobody can be paged: neither PagerDuty nor on_call is set up")
    duty.advance(301)
    duty.shows(card, "not acknowledged in time")
    duty.advance(7200)
    assert paged(duty) == []
    assert "paging failed" not in duty.now(card).text
    duty.world.ana.run("/incident oncall")
    duty.world.ana.told("nobody: name on_call.primary in config.yml, or set up PagerDuty")


def test_a_service_without_anybody_says_so_and_does_not_loop(empty_duty: Site) -> None:
    duty = empty_duty
    services = {"search-api": {"on_call": {"primary": CY}}}
    duty.start(Config.model_validate({"services": services}))
    card = fired(duty)
    shown = duty.shows(card, "paging failed")
    assert "on_call.primary" in shown.text
    tries = len(duty.world.calls())
    duty.advance(30)
    assert len(duty.world.calls()) - tries <= 3


def test_a_service_has_its_own_people(empty_duty: Site) -> None:
    duty = empty_duty
    services = {"checkout-api": {"on_call": {"primary": DEE}}, "search-api": {}}
    duty.start(Config.model_validate({"services": services, "on_call": {"primary": BOB, "secondary": CY}}))
    fired(duty)
    assert paged(duty) == [DEE]
    duty.world.ana.run("/incident oncall")
    said = mentions(duty.world.ana.told("On call"))
    assert "checkout-api: <@U0DEE> (primary), <@U0CY> (secondary)" in said
    assert "search-api: <@U0BOB> (primary), <@U0CY> (secondary)" in said
    duty.world.bob.run("/incident oncall search-api")
    assert "checkout-api" not in duty.world.bob.told("On call").text


def test_a_service_that_nobody_knows_is_said_and_who_is_called_for_it(empty_duty: Site) -> None:
    duty = empty_duty
    services = {"checkout-api": {"on_call": {"primary": DEE}}}
    duty.start(Config.model_validate({"services": services, "on_call": {"primary": BOB, "secondary": CY}}))
    duty.world.ana.run("/incident oncall chekout-api")
    said = mentions(duty.world.ana.told("not in the catalogue"))
    assert "“chekout-api” is not in the catalogue (services of config.yml). Did you mean checkout-api?" in said
    assert "On call by default: <@U0BOB> (primary), <@U0CY> (secondary)" in said
    duty.world.bob.run("/incident oncall Checkout-API")
    assert "checkout-api: <@U0DEE> (primary)" in mentions(duty.world.bob.told("On call"))


def test_services_that_share_who_is_on_call_share_a_line(empty_duty: Site) -> None:
    duty = empty_duty
    services: dict[str, dict[str, object]] = {f"service-{number}": {} for number in range(8)}
    on_call = {"primary": BOB, "secondary": CY}
    duty.start(Config.model_validate({"services": services, "on_call": on_call}))
    duty.world.ana.run("/incident oncall")
    said = mentions(duty.world.ana.told("all services"))
    assert said.count("<@U0BOB> (primary), <@U0CY> (secondary)") == 1
    duty.world.stop_bot()
    services["service-7"] = {"on_call": {"primary": DEE}}
    duty.start(Config.model_validate({"services": services, "on_call": on_call}))
    duty.world.bob.run("/incident oncall")
    said = mentions(duty.world.bob.told("service-7"))
    assert "service-5, service-6: <@U0BOB> (primary), <@U0CY> (secondary)" in said
    assert "service-7: <@U0DEE> (primary)" in said


@pytest.mark.parametrize(
    ("typed", "example"),
    [("escalate", "/incident escalate AL-1"), ('page <@U0CY> "help"', '/incident page AL-1 @bob "why"')],
)
def test_for_which_alert_people_are_called_is_asked_where_no_incident_is_open(
    duty: Site, typed: str, example: str
) -> None:
    duty.world.ana.run(f"/incident {typed}")
    duty.world.ana.told("There is no open incident")
    fired(duty)
    duty.world.bob.run(f"/incident {typed}")
    said = duty.world.bob.told("Which alert?").text
    assert "AL-1 (SEV-1 checkout-api) fires" in said
    assert example in said
    assert paged(duty) == [BOB]


def test_a_person_is_called_by_name(duty: Site) -> None:
    card = fired(duty)
    duty.world.ana.run('/incident page AL-1 <@U0CY> "database expert needed"')
    duty.world.ana.told("Paging <@U0CY> for *AL-1* by direct message.")
    wait_for(lambda: paged(duty) == [BOB, CY], "Cy was paged")
    assert "asks: database expert needed" in pages(duty)[-1][1]
    note = duty.ops.expect("database expert needed", thread_ts=card.ts)
    assert "📟 Paged <@U0CY> (asked for by name) for AL-1 by direct message: Ana Duarte asks" in mentions(note)


def test_nobody_of_that_name(duty: Site) -> None:
    fired(duty)
    duty.world.ana.run('/incident page AL-1 "the wizards" "magic"')
    duty.world.ana.told("I know no person or team “the wizards”")
    duty.world.bob.run("/incident page AL-1")
    duty.world.bob.told("Say who, and why if you like")
    duty.world.bob.run("/incident page AL-1 <@U0CY>")
    duty.world.bob.told("Paging <@U0CY> for *AL-1*")
    wait_for(lambda: paged(duty) == [BOB, CY], "Cy was paged")
    assert "Bob Okafor asks for you" in pages(duty)[-1][1]


def test_nobody_is_called_for_what_is_over(duty: Site) -> None:
    card = fired(duty)
    duty.alerts.alarm(NAME, "OK")
    duty.shows(card, "🟢")
    duty.world.ana.run("/incident page AL-1 <@U0CY> why")
    duty.world.ana.told("AL-1 is over; nobody needs to be called for it")
    duty.world.bob.run("/incident escalate AL-1")
    duty.world.bob.told("AL-1 is over")


def test_an_incident_without_news_is_asked_about_once_per_half_hour(duty: Site) -> None:
    card = fired(duty)
    duty.world.bob.click(card, "Acknowledge")
    duty.ops.expect("INCIDENT DECLARED")
    own = duty.world.channel("inc-1-checkout-api")
    duty.advance(1790)
    assert own.count("had no update for") == 0
    duty.advance(20)
    asked = own.expect("INC-1 had no update for 30 min. What is new?")
    assert "<@U0BOB>" in mentions(asked)
    duty.advance(60)
    assert own.count("had no update for") == 1
    duty.advance(1790)
    assert own.count("had no update for") == 2
    duty.world.bob.run("/incident update still looking")
    duty.world.bob.told("updated")
    duty.advance(1700)
    assert own.count("had no update for") == 2
    duty.world.bob.run("/incident resolve over because I say so")
    duty.ops.expect("INCIDENT RESOLVED")
    duty.advance(7200)
    assert own.count("had no update for") == 2


def test_a_declared_sev1_pages_by_direct_message_until_acknowledged(duty: Site) -> None:
    duty.world.ana.run('/incident declare sev1 checkout-api "payments fail"')
    duty.ops.expect("INC-1 · SEV-1")
    duty.quiet()
    assert paged(duty) == [BOB]
    duty.advance(301)
    assert paged(duty) == [BOB, CY]
    duty.world.cy.run("/incident ack")
    duty.world.cy.told("You acknowledged *INC-1*")
    duty.advance(1200)
    assert paged(duty) == [BOB, CY]


def test_slack_down_for_the_page_only(duty: Site) -> None:
    """The answer to the card's post is lost: it is found again and brought up to date, and the page goes out once."""
    for channel in (duty.ops.name, duty.ops.id):  # the bot may know the channel by either
        duty.world.fault("chat.postMessage", "drop_after", times=1, channel=channel)
    duty.alerts.alarm(NAME)
    card = duty.ops.expect("SEV-1 · checkout-api")
    duty.shows(card, "(primary)")
    posted = [call for call in duty.world.calls("chat.postMessage") if call["args"]["channel"] != BOB]
    assert not posted[0]["ok"] or posted[0]["status"] != 200, "the first answer was lost"
    room = duty.world.get("/sandbox/state?as=U0BOB")["channels"]
    direct = [one["id"] for one in room if one.get("is_im")]
    found = [duty.world.get(f"/sandbox/messages?as=U0BOB&channel={one}")["messages"] for one in direct]
    assert sum("📟" in message.get("text", "") for messages in found for message in messages) == 1
