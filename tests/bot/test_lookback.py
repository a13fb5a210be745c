"""`python -m bot digest` and `python -m bot export`, as people type them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.lookback import KINDS
from bot.models import Change, Posted, RemediationStatus, Severity, Status
from bot.store.records import COLUMNS
from bot.store.sqlite import SqliteStore
from tests.bot.fixing import remediation
from tests.bot.make import action_item, alert, event, incident, post_mortem, row
from tests.bot.storing import claim, owe

Said = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a database, no config file and no token of Slack."""
    monkeypatch.chdir(tmp_path)
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "CONFIG_FILE", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    at = datetime.now(UTC) - timedelta(hours=1)
    with closing(SqliteStore("var/aiops.db")) as store:
        one = incident(
            1,
            service="checkout-api",
            impact='=HYPERLINK("https://evil.example")',
            severity=Severity.SEV1,
            status=Status.RESOLVED,
            declared_at=at,
            acknowledged_at=at + timedelta(minutes=3),
            resolved_at=at + timedelta(minutes=41),
        )
        noisy = [alert(n, alarm=alert(1).alarm, key=alert(1).key, fired_at=at) for n in range(1, 5)]
        old = incident(2, declared_at=at - timedelta(days=100))
        store.save(Change(incidents=(one, old), alerts=tuple(noisy), timeline=(event(1, "a|b", at=at),)), at)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """The exit code, what was answered, and what was complained about."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_a_digest_as_json_has_names_for_everything(said: Said) -> None:
    code, out, _ = said("digest", "--format", "json", "--days", "30")
    digest = json.loads(out)
    assert code == 0
    assert digest["incidents"] == {"now": 1, "before": 0}
    assert digest["severities"] == {"1": {"now": 1, "before": 0}}
    assert digest["acknowledge"]["median"] == 180
    assert set(digest["period"]) == {"since", "until", "since_before", "until_before", "zone"}
    assert digest["noisy"][0]["firings"] == 4


def test_a_digest_as_markdown_and_csv(said: Said) -> None:
    _, markdown, _ = said("digest", "--days", "30", "--service", "Checkout API")
    assert re.match(r"# Incident digest · .* 2026 \(30 days\) · Checkout API\n", markdown)
    assert "| SEV-1 | 1 | 0 |" in markdown
    assert "| Time to resolve, median | 41 min | – |" in markdown
    _, text, _ = said("digest", "--format", "csv", "--days", "30")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[:2] == [["measure", "of", "now", "before"], ["incidents", "", "1", "0"]]
    assert ["firings", alert(1).alarm.name, "4", ""] in rows


def test_what_is_not_known_yet_is_no_failure_and_incidents_lead_to_their_cards(said: Said) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)
    with closing(SqliteStore("var/aiops.db")) as store:
        store.keep_workspace("https://acme.slack.com/")
        running = remediation(1, status=RemediationStatus.VERIFYING, started_at=at)
        item = action_item(
            1, title="a [link\\](x)", due=(at - timedelta(days=3)).date(), url="https://git.example.com/1"
        )
        written = post_mortem(1, due_at=at - timedelta(days=1))
        store.save(Change(remediations=(running,), action_items=(item,), post_mortems=(written,)), at)
        place = Posted(subject="INC-1", target="ops", channel_id="C0OPS", ts="1763.0001")
        owe(store, row("ops"))
        [delivery] = claim(store)
        store.settle(delivery, at, posted=(place,))
    _, markdown, _ = said("digest")
    assert "| Remediations | 1 | 0 |\n| … of them not known yet | 1 | |\n" in markdown
    assert "helped" not in markdown
    card = "https://acme.slack.com/archives/C0OPS/p17630001"
    assert f"- SEV-1 [INC-1]({card}) checkout-api: 41 min" in markdown
    assert f"- [post-mortem INC-1]({card}): 1 day" in markdown
    assert r"- [AI-1 a \[link\\\](x)](https://git.example.com/1): 3 days" in markdown
    rows = list(csv.reader(io.StringIO(said("digest", "--format", "csv")[1])))
    assert ["remediations", "not known yet", "1", ""] in rows
    assert ["overdue", "", "2", ""] in rows
    assert "- nothing" in said("digest", "--service", "shop")[1], "of another service"


def test_an_empty_one_says_so_and_a_service_that_nobody_knows_is_refused(said: Said) -> None:
    Path("config.yml").write_text("services:\n  search: {}\n", encoding="utf-8")
    assert "No incidents, no alerts" in said("digest", "--service", "search")[1]
    code, out, err = said("digest", "--service", "serch")
    assert (code, out) == (2, "")
    assert "--service: I know nothing about “serch”. Did you mean search?" in err
    _, _, err = said("digest", "--service", "nope")
    assert err == "error: --service: I know nothing about “nope”. The services are search.\n"


def test_an_export_is_a_line_a_row(said: Said) -> None:
    _, out, _ = said("export", "incidents", "--since", "2020-01-01")
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["INC-2", "INC-1"]
    _, out, _ = said("export", "incidents", "--since", "7d")
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["INC-1"]
    assert len(said("export", "alerts")[1].splitlines()) == 4
    assert json.loads(said("export", "timeline")[1])["text"] == "a|b"
    assert json.loads(said("export", "audit")[1])["did"] == "note"


@pytest.mark.parametrize("what", KINDS)
def test_an_export_as_csv_has_a_header_and_no_formulas(said: Said, what: str) -> None:
    with closing(SqliteStore("var/aiops.db")) as store:
        at = datetime.now(UTC)
        written, item = post_mortem(1, begun_at=at, reason="=cmd()"), action_item(1, title="=cmd()", created_at=at)
        store.save(Change(post_mortems=(written,), action_items=(item,)), at)
    rows = list(csv.DictReader(io.StringIO(said("export", what, "--format", "csv")[1])))
    assert rows
    assert not any(cell in ("True", "False", "None") for row in rows for cell in row.values())
    assert not any(str(cell)[:1] in ("=", "+", "@") for row in rows for cell in row.values())
    if what == "incidents":
        assert rows[0]["impact"] == '\'=HYPERLINK("https://evil.example")'
        assert rows[0]["is_closed_by_alarm"] == "false"


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_text_of_anybody_becomes_a_formula(said: Said, first: str) -> None:
    at = datetime.now(UTC)
    with closing(SqliteStore("var/aiops.db")) as store:
        store.save(Change(timeline=(event(1, f"{first}cmd|' /C calc'!A0", at=at),)), at)
    rows = list(csv.DictReader(io.StringIO(said("export", "timeline", "--format", "csv")[1], newline="")))
    assert rows[-1]["text"] == f"'{first}cmd|' /C calc'!A0"


def test_the_end_of_a_line_within_a_text_ends_no_row(said: Said) -> None:
    at, text = datetime.now(UTC), 'harmless\r=cmd()\r\n"=cmd()",\n=cmd()'
    with closing(SqliteStore("var/aiops.db")) as store:
        store.save(Change(timeline=(event(1, text, at=at),)), at)
    code, out, _ = said("export", "timeline", "--format", "csv")
    rows = list(csv.reader(io.StringIO(out, newline="")))
    assert (code, len(rows), rows[-1][5]) == (0, 3, text)
    assert out.count('"harmless\r=cmd()\r\n""=cmd()"",\n=cmd()"') == 1


def test_text_of_the_whole_world_is_utf_8_whatever_the_terminal_is() -> None:
    at = datetime.now(UTC)
    with closing(SqliteStore("var/aiops.db")) as store:
        store.save(Change(timeline=(event(1, "決済 🔥", at=at),)), at)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "bot", "export", "timeline"]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert "決済 🔥" in done.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("digest", "--days", "0"), "--days: 1 to 366"),
        (("export", "incidents", "--since", "yesterday"), "--since: “yesterday” is neither a day"),
        (("export", "alerts", "--since", ""), "--since: “” is neither a day"),
        (("export", "alerts", "--since", "2026-02-30"), "--since: “2026-02-30” is neither a day"),
        (("export", "audit", "--since", "0001-01-01T00:00+02:00"), "is neither a day"),
        (("export", "timeline", "--since=-3d"), "--since: “-3d” is neither a day"),
        (("export", "timeline", "--since", "2999-01-01"), "--since: 2999-01-01 lies ahead: it is 20"),
    ],
)
def test_a_wrong_argument_is_said_with_the_right_one(said: Said, arguments: tuple[str, ...], told: str) -> None:
    code, out, err = said(*arguments)
    assert (code, out) == (2, "")
    assert told in err


def test_no_database_is_no_empty_answer(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///elsewhere.db")
    code, _, err = said("digest")
    assert (code, err) == (2, "error: DATABASE_URL: there is no database at elsewhere.db\n")
    assert not Path("elsewhere.db").exists()
    Path("elsewhere.db").write_text("no database at all, but a long enough text" * 99, encoding="utf-8")
    assert said("digest")[0] == 4


def test_who_stops_reading_is_no_failure() -> None:
    with closing(SqliteStore("var/aiops.db")) as store:
        store.save(
            Change(timeline=tuple(event(1, "x" * 999, at=datetime.now(UTC)) for _ in range(500))), datetime.now(UTC)
        )
    command = f"{sys.executable} -m bot export timeline | head -1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_the_columns_of_exports_are_documented() -> None:
    lines = (ROOT / "docs/operations.md").read_text(encoding="utf-8").splitlines()
    for what, columns in COLUMNS.items():
        [row] = [line for line in lines if line.startswith(f"| `{what}` |")]
        named = " ".join(re.findall(r"`([^`]+)`", row.split("|")[2]))
        assert tuple(named.split()) == columns
