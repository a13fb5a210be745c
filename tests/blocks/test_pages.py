"""What a page tells: the facts to begin with, in their order, and addresses that can be clicked."""

from __future__ import annotations

from blocks import pages
from blocks.alert import AlertFacts
from blocks.card import CardFacts
from bot.catalogue import Context
from bot.models import Page, Role, Severity, Stage
from tests.blocks.alerts import alarm, alert, decision
from tests.blocks.texts import elements
from tests.bot.make import NOW, incident

RUNBOOK = "https://run.example/checkout"


def test_an_alerts_page_carries_what_is_needed_to_begin() -> None:
    context = Context(
        runbook=RUNBOOK,
        dashboard="https://dash.example",
        console="https://aws.example",
        account="shop (123456789012)",
        owner="Team Checkout",
    )
    about = alarm(namespace="AWS/ApplicationELB", metric="TargetResponseTime", unit="")
    one = alert(about=about, reason="Threshold Crossed", decisions=(decision(Stage.SEVERITY),))
    assert pages.of_alert(AlertFacts(one, context)) == {
        "alarm": "prod-checkout-api-latency-critical",
        "value": "2.41 s",
        "threshold": "limit 0.80 s",
        "runbook": RUNBOOK,
        "dashboard": "https://dash.example",
        "console": "https://aws.example",
        "service": "checkout-api",
        "environment": "prod",
        "account": "shop (123456789012) eu-west-1",
        "owner": "Team Checkout",
        "metric": "AWS/ApplicationELB TargetResponseTime, p99",
        "reason": "Threshold Crossed",
        "why this severity": "built-in rule “*-critical”",
        "fired at": "22 Nov 2026 03:00:00 UTC",
    }


def test_what_is_not_known_is_left_out() -> None:
    about = alarm(metric="", threshold=None, account="", region="")
    assert set(pages.of_alert(AlertFacts(alert(about=about, value=None, environment="")))) == {
        "alarm",
        "service",
        "fired at",
    }


def test_an_incidents_page_carries_its_bridge_and_runbook() -> None:
    found = pages.of_incident(CardFacts(incident(7), bridge="https://zoom.example", runbook=RUNBOOK))
    assert found["incident"] == "INC-7"
    assert (found["impact"], found["bridge"], found["runbook"]) == ("payments fail", "https://zoom.example", RUNBOOK)
    assert "dashboard" not in found


def test_addresses_in_a_direct_message_are_links() -> None:
    details = {"runbook": RUNBOOK, "reason": "see https://elsewhere.example"}
    about = {"key": "k", "summary": "slow", "severity": Severity.SEV1, "service": "web", "source": "aws"}
    what = Page.model_validate({**about, "asked_at": NOW, "details": details})
    message = pages.page(what, Role.PRIMARY)
    assert [each["url"] for each in elements(message.blocks, "link")] == [RUNBOOK]
