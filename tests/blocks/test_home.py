"""App Home: within Slack's limits however much there is, and nothing foreign becomes markup."""

from __future__ import annotations

import json

from blocks.home import Connection, HomeFacts, Week, home
from bot.models import Duty, Role
from sandbox.slack.validate import message_errors
from tests.bot.fixing import remediation
from tests.bot.make import NOW, alert, incident, silence

MOST = 100  # blocks of a view
HOSTILE = "<!here> *bold* <@U0ANA> &amp; \u202egnp"


def crowded() -> HomeFacts:
    duties = [Duty(role=Role.PRIMARY, name=HOSTILE)]
    return HomeFacts(
        NOW,
        incidents=[incident(number, impact=HOSTILE) for number in range(1, 40)],
        alerts=[alert(number) for number in range(1, 40)],
        plans=[remediation(number) for number in range(1, 40)],
        updates=[incident(number, service=HOSTILE[:80]) for number in range(1, 40)],
        rotas=[(f"service-{number}", duties) for number in range(20)],
        silences=[silence(f"s{number}", pattern=HOSTILE, why=HOSTILE) for number in range(20)],
        connections=[Connection("GitHub", state) for state in ("on", "off", "failing")],
        week=Week(1234, 5, 12.5),
        week_before=Week(1, 0),
    )


def test_a_page_is_within_slacks_limits_however_much_there_is() -> None:
    view = home(crowded())
    assert view["type"] == "home"
    assert len(view["blocks"]) <= MOST
    assert message_errors(view["blocks"][:50]) == []
    assert message_errors(view["blocks"][50:]) == []
    ids = [block["block_id"] for block in view["blocks"] if "block_id" in block]
    assert len(ids) == len(set(ids))


def test_nothing_foreign_becomes_markup() -> None:
    for block in home(crowded())["blocks"]:
        if block["type"] == "section" and block["text"]["type"] == "mrkdwn":
            assert "<!here>" not in block["text"]["text"]
    assert '"type": "broadcast"' not in json.dumps(home(crowded()))


def test_an_empty_page_says_so() -> None:
    words = str(home(HomeFacts(NOW)))
    assert "Nothing. Enjoy the quiet." in words
    assert "Slack alone." in words
    assert "0 incidents (as last week), SEV-1 0" in words
