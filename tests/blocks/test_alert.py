"""The alert card: what it shows in each state, its buttons, its numbers, and that nothing foreign is markup."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from blocks import rich
from blocks.alert import AlertFacts, buttons, card, entry, for_mail, headline, icon, owner, summary, title
from blocks.ids import Action
from bot.catalogue import Context
from bot.models import Alert, Incident, Message, OwedKind, Paged, Role, Severity, Shown, Silence, Stage, Status, Trouble
from bot.signals import AlarmKind, Deployment, DeploymentState
from tests.blocks.alerts import acknowledged, alarm, alert, alert_facts, decision, over
from tests.blocks.texts import NASTY, angled, elements
from tests.bot.make import ANA, BOB, NOW, after, incident, silence

BREAK = {"type": "text", "text": "\n"}
ALL = ["Acknowledge", "Root cause", "Silence", "Change severity", "Why?"]
ALB = {"namespace": "AWS/ApplicationELB", "metric": "TargetResponseTime", "unit": ""}


def lines(message: Message) -> list[str]:
    """The card's lines as people read them, the title first."""
    pieces = [piece for each in elements(message.blocks, "rich_text_section") for piece in [*each["elements"], BREAK]]
    words = "".join(_words(piece) for piece in pieces)
    return [message.blocks[0]["text"]["text"], *words.splitlines()]


def _words(piece: dict[str, Any]) -> str:
    """Words without their style."""
    if piece["type"] == "channel":
        return f"<#{piece['channel_id']}>"
    return str(piece["text"]) if piece["type"] == "text" else rich.flat([piece])


def shown(one: Alert, **facts: Any) -> str:
    return "\n".join(lines(card(AlertFacts(one, **facts))))


def labels(one: Alert) -> list[str]:
    return [each["text"]["text"] for each in buttons(one)]


# -- how it stands


def test_a_firing_alert_says_what_how_bad_where_and_since_when() -> None:
    message = card(AlertFacts(alert(), context=Context(account="prod (123456789012)")))
    assert message.blocks[0]["text"]["text"] == "🔴 SEV-1 · checkout-api · p99 latency 2.41 s (limit 0.80 s)"
    where = lines(message)[1]
    assert where.startswith("AL-17 · prod-checkout-api-latency-critical · firing since <!date^")
    assert where.endswith(" · prod (123456789012) eu-west-1")
    assert message.text.startswith("🔴 SEV-1 · checkout-api · p99 latency 2.41 s")
    assert "prod-checkout-api-latency-critical" in message.text


def test_a_bare_alert_shows_nothing_that_is_not_there() -> None:
    words = shown(alert(due_at=None))
    for absent in (
        "None",
        "Owner",
        "SLO",
        "Acknowledged",
        "flapped",
        "seen",
        "⚠",
        "🔕",
        "Look at",
        "Deployed",
        "paged",
    ):
        assert absent not in words


def test_a_firing_alert_says_who_owns_it_what_it_costs_and_by_when_it_is_due() -> None:
    words = shown(alert(), context=Context(owner="Team Checkout", slo="99.9 %"))
    assert "Owner Team Checkout · SLO target 99.9 % · acknowledge by <!date^" in words


def test_a_missed_acknowledgement_is_said() -> None:
    words = shown(alert(missed_at=after(301)))
    assert "⏰ not acknowledged in time: was due <!date^" in words
    assert "cknowledge by" not in words


def test_a_deadline_on_another_day_shows_the_day() -> None:
    assert "{date_short_pretty} {time}" in shown(alert(due_at=after(90_000))).partition("cknowledge by")[2]
    assert "{date_short_pretty}" not in shown(alert()).partition("cknowledge by")[2]


def test_all_who_were_paged_are_named_with_their_roles() -> None:
    calls = (
        Paged(at=NOW, role=Role.PRIMARY, name="Bob", user_id=BOB),
        Paged(at=after(300), role=Role.SECONDARY, name="Kim *Porter*"),
    )
    assert f"paged <@{BOB}> (primary)" in shown(alert(paged=calls[:1]))
    assert f"paged <@{BOB}> (primary), Kim *Porter* (secondary)" in shown(alert(paged=(*calls, *calls)))
    assert "paged" not in shown(acknowledged(paged=calls))


def test_an_acknowledged_alert_says_who_after_how_long_and_where_it_went() -> None:
    own = incident(42, severity=Severity.SEV1, channel_id="C0OWN").moved(Status.ACKNOWLEDGED, by=ANA, at=after(125))
    words = shown(acknowledged(), incident=own)
    assert f"Acknowledged by <@{ANA}> after 2 min 5 s → INC-42 (acknowledged) <#C0OWN>" in words
    assert "acknowledge by" not in words
    assert icon(acknowledged()) == "🟠"


def test_an_acknowledgement_elsewhere_says_where() -> None:
    elsewhere = acknowledged(acknowledged_by=None, via="PagerDuty, by Kim Porter")
    assert "Acknowledged in PagerDuty, by Kim Porter after 2 min" in shown(elsewhere)
    both = acknowledged(via="PagerDuty")
    assert f"Acknowledged by <@{ANA}> in PagerDuty after 2 min" in shown(both)


def test_an_acknowledgement_before_the_alarms_own_time_took_no_negative_time() -> None:
    assert "Acknowledged by <@U0ANA> at once" in shown(acknowledged(acknowledged_at=after(-90)))


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "at once"), (20, "after 20 s"), (61, "after 1 min 1 s")])
def test_a_quick_acknowledgement_is_told_in_seconds(seconds: float, said: str) -> None:
    assert f"Acknowledged by <@{ANA}> {said}" in shown(acknowledged(acknowledged_at=after(seconds)))


def test_an_alert_that_is_over_says_what_it_was_what_it_is_and_how_long_it_took() -> None:
    assert title(over()) == "🟢 SEV-1 · checkout-api · p99 latency: was 2.41 s, now 0.31 s · lasted 18 min"
    words = shown(over())
    assert " · fired <!date^" in words
    assert " · OK since <!date^" in words
    assert "firing since" not in words
    assert headline(over(ok_value=None)) == "p99 latency: was 2.41 s · lasted 18 min"
    assert headline(over(20)).endswith(" · lasted 20 s")


def test_a_metric_that_people_call_otherwise_keeps_its_own_name_on_the_card() -> None:
    one = alert(about=alarm(**ALB))
    assert title(one) == "🔴 SEV-1 · checkout-api · p99 latency 2.41 s (limit 0.80 s)"
    assert "prod-checkout-api-latency-critical · TargetResponseTime · firing since" in shown(one)


def test_a_failed_deployment_says_so() -> None:
    about = alarm(name="deployment of checkout-api", kind=AlarmKind.DEPLOYMENT, threshold=None)
    one = alert(about=about, value=None, reason="tasks failed to start")
    assert title(one) == "🔴 SEV-1 · checkout-api · deployment failed: tasks failed to start"
    assert summary(one.changed(reason="")) == "deployment of checkout-api"


def test_a_silenced_alert_says_by_what_and_offers_to_end_it() -> None:
    one = alert(shown=Shown.SILENCED, silence="0a1b2c3d")
    words = shown(one, silence="silenced until 12:00 UTC: load test")
    assert words.startswith("🔕 SEV-1")
    assert "🔕 silenced until 12:00 UTC: load test" in words
    assert "acknowledge by" not in words, "nobody has to"
    assert labels(one) == ["End silence", "Why?"]
    assert buttons(one)[0]["value"] == "0a1b2c3d"


@pytest.mark.parametrize("silence", [None, "CloudWatch:WaitPeriod", "maintenance:night"])
def test_a_silence_that_nobody_began_here_can_not_be_ended_here(silence: str | None) -> None:
    assert labels(alert(shown=Shown.SILENCED, silence=silence)) == ["Why?"]


def test_an_inhibited_alert_names_the_composite_that_stands_for_it() -> None:
    words = shown(alert(shown=Shown.INHIBITED, parent=9))
    assert words.startswith("🔕 ")
    assert "🔕 The composite alarm AL-9 stands for it." in words


def test_a_composite_alarm_names_what_it_stands_for() -> None:
    one = alert(about=alarm(kind=AlarmKind.COMPOSITE, description="the shop is down", threshold=None), value=None)
    words = shown(one, children=["prod-checkout-api-5xx", "prod-search-5xx"])
    assert title(one) == "🔴 SEV-1 · checkout-api · the shop is down"
    assert "Stands for prod-checkout-api-5xx, prod-search-5xx" in words


def test_a_flapping_alarm_says_how_often_and_that_its_ok_does_not_count_yet() -> None:
    words = shown(alert(flaps=3, count=7, settling=after(600)))
    assert " · seen 7×" in words
    assert " · flapped 3×" in words
    assert "OK since <!date^" in words
    assert ", but it flaps: counts once it stays quiet." in words
    assert words.startswith("🟡 SEV-1 · checkout-api · p99 latency: was 2.41 s · OK since 03:10 UTC, flapping")


def test_an_alarm_without_data_says_that_nothing_is_known() -> None:
    assert "⚠ No data any more" in shown(alert(has_no_data=True))
    assert "No data" not in shown(over(has_no_data=True))
    assert summary(alert(value=None)) == "p99 latency (limit 800 ms)"


def test_fields_that_the_message_lacked_are_named() -> None:
    assert "⚠ The message lacked StateChangeTime, Region" in shown(alert(missing=("StateChangeTime", "Region")))


def test_an_unknown_service_is_said() -> None:
    words = shown(alert(service="chekout", is_known_service=False))
    assert "chekout is an unknown service: not in the catalogue" in words
    nameless = shown(alert(service="", is_known_service=False))
    assert nameless.startswith("🔴 SEV-1 · unknown service · ")
    assert "Unknown service: not in the catalogue" in nameless
    assert "unknown service" not in shown(over(service="chekout", is_known_service=False))


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (Trouble(kind=OwedKind.PAGE, error="timeout", attempts=3), "⚠ paging failed, retrying (3) — call Bob yourself"),
        (
            Trouble(kind=OwedKind.PAGE, error="no", attempts=9, is_given_up=True),
            "⚠ paging failed, given up — call Bob yourself (no)",
        ),
        (Trouble(kind=OwedKind.MAIL, error="denied", attempts=1), "⚠ e-mail not taken: denied"),
        (Trouble(kind=OwedKind.EVENTS, error="denied", attempts=1), "⚠ event not taken: denied"),
        (Trouble(kind=OwedKind.PAGER, error="denied", attempts=1), "⚠ news to the pager not taken: denied"),
        (Trouble(kind=OwedKind.POST, error="denied", attempts=1), "⚠ message not taken: denied"),
    ],
)
def test_what_was_not_taken_is_said_and_whom_to_call(trouble: Trouble, said: str) -> None:
    assert said in shown(alert(), troubles=[trouble], to_call="Bob")


def test_a_failed_page_without_a_name_says_whom_to_call_all_the_same() -> None:
    failed = Trouble(kind=OwedKind.PAGE, error="timeout", attempts=1)
    assert "call the on-call engineer yourself (timeout)" in shown(alert(), troubles=[failed])


def test_whom_to_call_by_hand_is_mentioned_where_it_is_a_person() -> None:
    failed = Trouble(kind=OwedKind.PAGE, error="timeout", attempts=1)
    message = card(AlertFacts(alert(), troubles=[failed], to_call=BOB))
    assert {"type": "user", "user_id": BOB} in elements(message.blocks, "user")
    assert all("<@" not in each["text"] for each in elements(message.blocks, "text")), "not as bare characters"


@pytest.mark.parametrize(
    ("grouped", "in_thread", "said"),
    [
        (1, 1, "1 more alert of this service in the thread; Acknowledge takes all."),
        (12, 12, "12 more alerts of this service in the thread; Acknowledge takes all."),
        (12, 0, "12 more alerts of this service without a card; Acknowledge takes all."),
        (12, 2, "12 more alerts of this service, 2 in the thread and 10 without a card; Acknowledge takes all."),
    ],
)
def test_a_card_that_stands_for_a_group_counts_the_others(grouped: int, in_thread: int, said: str) -> None:
    assert said in shown(alert(), grouped=grouped, in_thread=in_thread)


def test_the_newest_reason_for_the_severity_is_told_and_a_person_in_it_is_one() -> None:
    by_rule = decision(Stage.SEVERITY)
    assert "Why SEV-1: built-in rule “*-critical”" in shown(alert(decisions=(by_rule,)))
    by_hand = decision(Stage.SEVERITY, "SEV-2", "changed from SEV-1", by=ANA)
    message = card(AlertFacts(alert(severity=Severity.SEV2, decisions=(by_rule, by_hand))))
    assert f"Why SEV-2: changed from SEV-1, by <@{ANA}>" in "\n".join(lines(message))
    assert "built-in" not in "\n".join(lines(message))


def test_links_lead_to_runbook_dashboard_and_console() -> None:
    context = Context(runbook="https://run.example", dashboard="https://dash.example", console="https://aws.example")
    found = elements(card(AlertFacts(alert(), context=context)).blocks, "link")
    assert [(each["text"], each["url"]) for each in found] == [
        ("Runbook", "https://run.example"),
        ("Dashboard", "https://dash.example"),
        ("Console", "https://aws.example"),
    ]


def test_the_first_three_deployments_are_shown() -> None:
    many = [
        Deployment(
            source_id=str(n),
            id=str(n),
            service="checkout-api",
            state=DeploymentState.SUCCEEDED,
            at=NOW,
            version=f"web:{n}",
            by="ci" if n else "",
        )
        for n in range(4)
    ]
    words = shown(alert(), deployments=many)
    assert "Deployed checkout-api web:0 <!date" in words
    assert "Deployed checkout-api web:2 by ci <!date" in words
    assert words.count("(succeeded)") == 3
    assert "web:3" not in words


def test_a_task_definition_that_is_called_after_its_service_does_not_say_it_twice() -> None:
    facts = {"service": "checkout-api", "state": DeploymentState.SUCCEEDED, "version": "checkout-api:2", "by": "FIX-1"}
    one = Deployment.model_validate({"source_id": "1", "id": "1", "at": NOW, **facts})
    assert "Deployed checkout-api:2 by FIX-1 <!date" in shown(alert(), deployments=[one])


# -- buttons


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (alert(), ALL),
        (alert(shown=Shown.INHIBITED, parent=9), ["Silence", "Change severity", "Why?"]),
        (acknowledged(left_at=after(200), left_by=ANA), ["Acknowledge", "Root cause", "Silence", "Why?"]),
        (acknowledged(silence="0a1b2c3d"), ["Root cause", "End silence", "Why?"]),
        (alert(shown=Shown.STORM), ALL),
        (acknowledged(), ["Root cause", "Silence", "Why?"]),
        (alert(shown=Shown.THREAD, lead=9), ["Silence", "Why?"]),
        (
            alert(shown=Shown.THREAD, lead=9, runbook="AIOps-PurgeSQSDLQ"),
            ["AIOps-PurgeSQSDLQ…", "Silence", "Why?"],
        ),
        (acknowledged(shown=Shown.INHIBITED, parent=9), ["Root cause", "Silence", "Why?"]),
        (over(), ["Why?"]),
        (over(shown=Shown.SILENCED, silence="0a1b2c3d"), ["Why?"]),
    ],
    ids=[
        "firing",
        "inhibited",
        "fires on after its incident",
        "silenced while somebody has it",
        "storm",
        "acknowledged",
        "under another card",
        "under another card, with a runbook",
        "taken with its composite alarm",
        "over",
        "silenced and over",
    ],
)
def test_a_card_has_the_buttons_that_apply(one: Alert, expected: list[str]) -> None:
    made = elements(card(AlertFacts(one)).blocks, "button")
    assert [each["text"]["text"] for each in made] == expected
    assert {each["value"] for each in made} <= {"17", "AL-17", "AIOps-PurgeSQSDLQ|AL-17", "0a1b2c3d"}
    assert [each["text"]["text"] for each in made if each.get("style")] == [each for each in expected if each == ALL[0]]


# -- numbers


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (">", "p99 latency 2.41 s (limit 0.80 s)"),
        ("≥", "p99 latency 2.41 s (limit 0.80 s)"),
        ("", "p99 latency 2.41 s (limit 0.80 s)"),
        ("<", "p99 latency 2.41 s (at least 0.80 s)"),
        ("≤", "p99 latency 2.41 s (more than 0.80 s)"),
        ("outside", "p99 latency 2.41 s (outside its expected band)"),
    ],
)
def test_the_limit_reads_as_it_is_compared(comparison: str, expected: str) -> None:
    assert summary(alert(about=alarm(comparison=comparison))) == expected


@pytest.mark.parametrize(
    ("about", "value", "expected"),
    [
        (alarm(threshold=None), 2.41, "p99 latency 2.41 s"),
        (alarm(kind=AlarmKind.ANOMALY, threshold=None, comparison=""), 2.41, "p99 latency 2.41 s (outside its"),
        (alarm(statistic="Average"), 2.41, "latency 2.41 s (limit"),
        (alarm(statistic="tm99"), 2.41, "tm99 latency"),
        (
            alarm(kind=AlarmKind.MATH, label="error rate", unit="Percent", statistic="", threshold=5),
            7,
            "error rate 7 %",
        ),
        (alarm(metric=""), 1, "p99 prod-checkout-api-latency-critical 1 s"),
        (alarm(threshold=None, description="it hurts"), None, "it hurts"),
        (alarm(kind=AlarmKind.HEALTH, description="EC2 trouble"), 1, "EC2 trouble"),
        (alarm(kind=AlarmKind.CUSTOM, name="", description=""), None, "alarm"),
    ],
)
def test_the_summary_is_the_number_or_what_the_alarm_says(about: Any, value: float | None, expected: str) -> None:
    assert summary(alert(about=about, value=value, reason="")).startswith(expected)


def test_a_silence_says_who_until_when_and_why() -> None:
    quiet = silence("0a1b2c3d", why="load test", by=BOB)
    words = shown(alert(shown=Shown.SILENCED, silence=quiet.id), silence=quiet)
    assert f"🔕 Silenced by <@{BOB}> until <!date^" in words
    assert words.count("load test") == 1
    assert "keeps its return quiet" not in words
    assert "keeps its return quiet" in shown(acknowledged(silence=quiet.id), silence=quiet)


def test_what_fires_on_after_its_incident_is_red_and_says_who_ended_that() -> None:
    ended = incident(42).moved(Status.RESOLVED, by=BOB, at=after(600))
    one = acknowledged(left_at=after(600), left_by=BOB)
    assert icon(one) == "🔴"
    assert f"⚠ Still fires: INC-42 was resolved by <@{BOB}> <!date^" in shown(one, incident=ended)
    elsewhere = alert(left_at=after(600), left_via="PagerDuty, by Kim Porter")
    assert "⚠ Still fires: its page was resolved in PagerDuty, by Kim Porter <!date^" in shown(elsewhere)


def test_a_flapping_card_that_is_ok_does_not_say_that_it_fires() -> None:
    words = shown(alert(settling=after(60), flaps=3))
    assert "firing since" not in words
    assert "OK since" in words


def test_a_message_without_its_alarms_name_says_where_the_shown_one_is_from() -> None:
    assert "The message lacked AlarmName (the name above is from its ARN)" in shown(alert(missing=("AlarmName",)))
    nameless = alert(about=alarm(name="(alarm without a name) 0a1b", arn=""), missing=("AlarmName",))
    assert "AlarmName (the name above is a stand-in)" in shown(nameless)


# -- foreign text


@settings(deadline=None, max_examples=80)
@given(alert_facts)
def test_nothing_foreign_becomes_markup_on_a_card(facts: AlertFacts) -> None:
    message = card(facts)
    assert angled(message.text) == []
    assert elements(message.blocks, "mrkdwn") == [], "all in elements that know no markup"
    assert elements(message.blocks, "broadcast") == []
    one, own = facts.alert, facts.incident
    silence = facts.silence if isinstance(facts.silence, Silence) else None
    named = {one.acknowledged_by, one.left_by, silence.by if silence else ANA, facts.context.owner}
    people = {ANA, *named, *(each.user_id for each in one.paged)}
    assert {each["user_id"] for each in elements(message.blocks, "user")} <= {*people, facts.to_call}
    assert {each["usergroup_id"] for each in elements(message.blocks, "usergroup")} <= {facts.context.owner}
    assert {each["channel_id"] for each in elements(message.blocks, "channel")} <= {own.channel_id if own else None}
    addresses = {facts.context.runbook, facts.context.dashboard, facts.context.console}
    assert {each["url"] for each in elements(message.blocks, "link")} <= addresses


@pytest.mark.parametrize("typed", NASTY)
def test_foreign_text_in_a_list_or_a_mail_breaks_no_line(typed: str) -> None:
    one = alert(about=alarm(name=typed, metric=typed, unit=typed), service=typed, reason=typed)
    block = entry(one, after(60))
    assert block["text"]["type"] == "plain_text"
    assert len(block["text"]["text"].splitlines()) <= 2
    assert len(title(one).splitlines()) == 1


def test_only_ids_of_people_and_groups_are_mentions() -> None:
    assert owner("U0ANA") == {"type": "user", "user_id": "U0ANA"}
    assert owner("S0CHECKOUT") == {"type": "usergroup", "usergroup_id": "S0CHECKOUT"}
    for name in ("Team Checkout", "@ana", "<@U0ANA>", "SRE", "U0 ANA", "search", "Us"):
        assert owner(name)["type"] == "text"


# -- lists and mail


@pytest.mark.parametrize(
    ("one", "said", "label"),
    [
        (alert(), "fired 7 min ago · not acknowledged", "Acknowledge"),
        (acknowledged(), "fired 7 min ago · INC-42", "Why?"),
        (alert(shown=Shown.SILENCED), "fired 7 min ago · silenced", "Why?"),
        (alert(shown=Shown.INHIBITED), "fired 7 min ago · under a composite alarm", "Why?"),
        (alert(shown=Shown.STORM), "fired 7 min ago · only in the summary", "Acknowledge"),
    ],
)
def test_an_alert_in_a_list_says_since_when_and_how_it_stands(one: Alert, said: str, label: str) -> None:
    block = entry(one, NOW + timedelta(minutes=7))
    assert block["text"]["text"].startswith(f"{icon(one)} SEV-1 · checkout-api · ")
    assert block["text"]["text"].endswith(f"AL-17 · prod-checkout-api-latency-critical · {said}")
    assert block["accessory"]["text"]["text"] == label
    assert block["accessory"]["action_id"] in (Action.ALERT_ACKNOWLEDGE, Action.ALERT_WHY)


def test_a_mail_has_all_that_is_known_and_no_empty_line_for_the_rest() -> None:
    context = Context(owner="Team Checkout", runbook="https://run.example", account="prod (123456789012)")
    one = alert(about=alarm(**ALB, period=60), reason="Threshold\nCrossed")
    text = for_mail(AlertFacts(one, context=context, channel="ops-incidents"))
    assert text.split("\n") == [
        "🔴 SEV-1 · checkout-api · p99 latency 2.41 s (limit 0.80 s)",
        "",
        "Alarm: prod-checkout-api-latency-critical",
        "Metric: AWS/ApplicationELB TargetResponseTime, p99 over 60 s",
        "Severity: SEV-1 (Critical)",
        "Service: checkout-api",
        "Environment: prod",
        "Account: prod (123456789012) eu-west-1",
        "Firing since: 2026-11-22 03:00:00 UTC",
        "Acknowledge by: 2026-11-22 03:05:00 UTC",
        "Reason: Threshold Crossed",
        "Owner: Team Checkout",
        "Runbook: https://run.example",
        "Slack channel: #ops-incidents",
    ]
    assert "Acknowledge by" not in for_mail(AlertFacts(acknowledged()))


def test_a_card_of_an_incident_that_is_over_says_so() -> None:
    ended: Incident = incident(42).moved(Status.RESOLVED, by=BOB, at=after(900))
    assert "→ INC-42 (resolved)" in shown(acknowledged(), incident=ended)
