"""From the alarm on the queue to its end: one card, taken by somebody, closed by the alarm's OK."""

from __future__ import annotations

from tests.flows.aws import Queue
from tests.workspace import Workspace, wait_for

NAME = "prod-checkout-api-latency-critical"


def test_an_alarm_is_shown_taken_and_closed_by_its_ok(empty_world: Workspace, alerts: Queue) -> None:
    world = empty_world
    alerts.alarm(NAME, ago=60)
    card = world.ops.expect("SEV-1 · checkout-api")
    assert "p99 latency 2.41 s (limit 0.80 s)" in card.plain
    assert card.buttons == ["Acknowledge", "Root cause", "Silence", "Change severity", "Why?"]
    world.ana.click(card, "Acknowledge")
    world.ana.told("You acknowledged *AL-1*")
    declared = world.ops.expect("INCIDENT DECLARED — SEV-1")
    assert "*Service:* checkout-api" in declared.plain
    assert "*Commander:* <@U0ANA>" in declared.plain
    taken = wait_for(
        lambda: [m for m in world.ops.messages() if m.ts == card.ts and "Acknowledged" in m.text], "the card"
    )
    assert taken[0].buttons == ["Root cause", "Silence", "Why?"]
    alerts.alarm(NAME, "OK", value=0.31)
    resolved = world.ops.expect("INCIDENT RESOLVED — SEV-1")
    assert "*Incident ID:* INC-1" in resolved.plain
    over = wait_for(lambda: [m for m in world.ops.messages() if m.ts == card.ts and "🟢" in m.text], "the green card")
    assert "was 2.41 s, now 0.31 s" in over[0].text
    wait_for(lambda: alerts.left() == 0, "an empty queue")
