"""The table of subcommands, and how what people type finds its row and its incident."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.actions import Actions
from bot.alerts import Alerts
from bot.cards import Cards
from bot.casefile import CaseFile
from bot.config import Config, Service
from bot.errors import InvalidInput, UserError
from bot.incidents import Incidents
from bot.integrations.nothing import NoAlarms, NoBaselines
from bot.integrations.roster import ConfigRoster
from bot.investigation import Investigations
from bot.learning import Learning
from bot.ledger import Ledger
from bot.models import Alert, Change, Means, Message, Person, Severity, Status
from bot.page_template import Template
from bot.paging import Around, Paging
from bot.ports import Reached
from bot.postmortems import PostMortems
from bot.remediation import Neighbours, Remediations
from bot.reminders import Reminders
from bot.reporting import Digests, Sources
from bot.rights import Caller, Rights
from bot.signals import Alarm
from bot.silences import Silences
from bot.store.sqlite import SqliteStore
from bot.triage import Rules
from commands import buttons, subcommands, words
from commands.desk import Desk
from commands.reply import Answer, OpenForm, Reply
from commands.request import Request
from commands.subcommands import SUBCOMMANDS, find, run
from tests.bot.fixing import FakeFixes, done, remediation
from tests.bot.make import ANA, NOW, incident

BY_MESSAGE = Reached(Means.MESSAGE)
NAMES = [name for row in SUBCOMMANDS for name in (row.name, *row.aliases)]


class Members:
    """A workspace in which everybody is a member."""

    def person(self, user_id: str, team_id: str | None) -> Person:
        return Person(id=user_id)


class Names:
    """An address book without addresses."""

    def by_email(self, email: str) -> str | None:
        return None

    def email(self, user_id: str) -> str | None:
        return None

    def name(self, user_id: str) -> str:
        return user_id.removeprefix("U0").capitalize()


class Owners(Members):
    """Members who live by UTC."""

    def name(self, user_id: str) -> str:
        return user_id

    def zone(self, user_id: str) -> str | None:
        return None


class Bench:
    """A desk on a real store. `typed` runs what ana types."""

    def __init__(self, store: SqliteStore) -> None:
        cards = Cards(store, Config(), lambda channel: f"https://app.slack.com/huddle/T0/{channel}", "ops-incidents")
        self.store = store
        ledger = Ledger(store, lambda: NOW, lambda: None)
        config = Config(services={"checkout-api": Service()})
        rules, rights = Rules(config, "ops", can_page=False), Rights(Members(), config)
        self.incidents = Incidents(ledger, rights, cards, rules, config)
        case = CaseFile(store, config, Owners())
        self.desk = Desk(
            incidents=self.incidents,
            alerts=Alerts(ledger, rights, rules, config),
            silences=Silences(ledger, rights, rules, config),
            paging=Paging(
                ledger, rights, rules, Around(ConfigRoster(config), Names(), lambda _: BY_MESSAGE, lambda *_: ())
            ),
            investigations=Investigations(ledger, rights, config),
            remediations=Remediations(
                ledger,
                rights,
                config,
                FakeFixes(),
                Neighbours(lambda fix, subject: Message("", []), lambda *_: Change()),
            ),
            learning=Learning(ledger, rights, config, NoBaselines()),
            digests=Digests(ledger, rights, Sources(store, config, {}, lambda now: ())),
            homes=None,  # type: ignore[arg-type]
            post_mortems=PostMortems(ledger, rights, config, case, Template),
            actions=Actions(ledger, rights, config, case, is_tracked=False),
            reminders=Reminders(ledger, rights, config, case),
            live=NoAlarms(),
            replies=None,  # type: ignore[arg-type]
            memory=store,
            config=config,
            clock=lambda: NOW,
            bot_user="U0BOT",
            ops="ops",
        )

    def have(self, *numbers: int) -> None:
        known = tuple(incident(number, channel_id=f"C{number}") for number in numbers)
        self.store.save(Change(incidents=known), NOW)

    def have_alert(self, number: int) -> None:
        alarm = Alarm(name="prod-search-cpu-high")
        times = {"fired_at": NOW, "received_at": NOW, "changed_at": NOW}
        alert = Alert(number=number, key=alarm.key, alarm=alarm, severity=Severity.SEV2, **times)
        self.store.save(Change(alerts=(alert,)), NOW)

    def typed(self, text: str, channel: str = "C0OPS", trigger: str | None = "t1") -> Reply:
        asked = Request(key=text, caller=Caller(ANA), channel_id=channel, text=text, trigger_id=trigger)
        return run(self.desk, asked)

    def told(self, text: str, channel: str = "C0OPS") -> str:
        reply = self.typed(text, channel)
        assert isinstance(reply, Answer)
        return reply.message.text

    def status(self, number: int) -> Status:
        return self.store.incident(number).status


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with closing(SqliteStore(tmp_path / "aiops.db")) as store:
        yield Bench(store)


# -- the table


def test_no_name_or_alias_is_given_twice_and_all_can_be_typed() -> None:
    assert sorted(NAMES) == sorted(set(NAMES))
    assert all(name == name.lower() and " " not in name for name in NAMES)


def test_every_name_and_alias_finds_its_row_in_any_case() -> None:
    for row in SUBCOMMANDS:
        for name in (row.name, *row.aliases):
            assert find(name) is row
            assert find(name.upper()) is row


def test_nothing_typed_means_help() -> None:
    assert find("").name == "help"


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("resolv", "resolve"),
        ("declair", "declare"),
        ("stauts", "status"),
        ("acknowlege", "acknowledge"),
        ("lst", "list"),
    ],
)
def test_a_mistyped_name_is_told_with_the_nearest_one(typed: str, nearest: str) -> None:
    with pytest.raises(InvalidInput, match=f"“{typed}”.*Did you mean /incident {nearest}\\?"):
        find(typed)


def test_a_name_like_no_other_is_told_where_the_list_is() -> None:
    with pytest.raises(InvalidInput, match="/incident help lists what I know"):
        find("xyzzy")
    with pytest.raises(InvalidInput) as told:
        find("x" * 500)
    assert len(str(told.value)) < 150


@pytest.mark.parametrize("row", SUBCOMMANDS, ids=lambda row: row.name)
def test_every_example_is_a_command_of_its_own_row(row: subcommands.Subcommand) -> None:
    command, _, rest = row.example.partition(" ")
    assert command == "/incident"
    name, rest = words.first_word(rest)
    assert find(name) is row
    if "INC-" in row.example:
        assert words.incident_id(rest, row.bare)[0] is not None


@pytest.mark.parametrize("row", SUBCOMMANDS, ids=lambda row: row.name)
def test_every_example_does_something(bench: Bench, row: subcommands.Subcommand) -> None:
    bench.have(42, 43)
    bench.have_alert(17)
    bench.desk.silences.silence(Caller(ANA), "*checkout-api*", "1h", "load test")
    if row.on == "over":
        bench.incidents.resolve(Caller(ANA), 42)
    fix = done(12) if row.name == "undo" else remediation(12)
    bench.store.save(Change(remediations=(fix,)), NOW)
    example = row.example.removeprefix("/incident ").replace("@bob", "<@U0BOB|bob>")
    reply = bench.typed(example, channel="C42")
    assert isinstance(reply, Answer | OpenForm)


def test_every_row_says_what_it_is_about() -> None:
    for row in SUBCOMMANDS:
        assert row.on in ("", "open", "over", "any")
        assert row.summary
        assert not row.summary.endswith(".")
        assert ("INC-n" in row.usage) is bool(row.on), row.name


def test_help_shows_every_row_and_help_on_a_command_its_usage(bench: Bench) -> None:
    bench.typed("help")
    for row in SUBCOMMANDS:
        told = bench.told(f"help {row.name}")
        assert row.usage in told.replace("&lt;", "<")
        assert row.summary in told
    with pytest.raises(InvalidInput, match="Did you mean"):
        bench.typed("help resolv")


# -- which incident is meant


def test_the_named_incident_is_meant_wherever_it_is_typed(bench: Bench) -> None:
    bench.have(1, 2)
    bench.typed("resolve INC-2 rolled back", channel="C1")
    assert (bench.status(1), bench.status(2)) == (Status.DECLARED, Status.RESOLVED)
    assert bench.store.incident(2).resolution == "rolled back"


def test_without_a_name_the_incident_of_the_channel_is_meant(bench: Bench) -> None:
    bench.have(1, 2)
    bench.typed("ack", channel="C2")
    assert (bench.status(1), bench.status(2)) == (Status.DECLARED, Status.ACKNOWLEDGED)


def test_without_a_name_the_only_open_one_is_meant(bench: Bench) -> None:
    bench.have(1, 2)
    bench.incidents.resolve(Caller(ANA), 2)
    bench.typed("ack")
    assert bench.status(1) is Status.ACKNOWLEDGED


def test_where_several_could_be_meant_they_are_offered_and_the_words_are_kept(bench: Bench) -> None:
    bench.have(1, 2)
    reply = bench.typed("update rolling back <@U0BOB|bob>")
    assert isinstance(reply, Answer)
    assert "Which incident?" in reply.message.text
    [choice] = [block for block in reply.message.blocks if block["type"] == "actions"]
    assert [each["value"] for each in choice["elements"][0]["options"]] == ["2", "1"]
    assert [bench.store.incident(n).update for n in (1, 2)] == [None, None]

    asked = Request(key="c", caller=Caller(ANA), channel_id="C0OPS", value="1", text=choice["block_id"])
    answered = subcommands.chosen(bench.desk, asked)
    assert isinstance(answered, Answer)
    assert answered.replace
    update = bench.store.incident(1).update
    assert update is not None
    assert update.text == "rolling back @bob"
    assert bench.store.incident(2).update is None


def test_an_answer_to_a_forgotten_question_is_told_so(bench: Bench) -> None:
    bench.have(1)
    asked = Request(key="c", caller=Caller(ANA), value="1", text="gone")
    with pytest.raises(InvalidInput, match="too old"):
        subcommands.chosen(bench.desk, asked)


def test_where_none_could_be_meant_it_says_so(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="There is no open incident"):
        bench.typed("ack")
    with pytest.raises(InvalidInput, match="No incident has ended yet"):
        bench.typed("reopen")


@pytest.mark.parametrize("command", ["update", "note", "resolve", "cancel"])
def test_free_text_may_begin_with_a_number_without_hitting_another_incident(bench: Bench, command: str) -> None:
    """`/incident resolve 3 pods were restarted`, typed in the channel of INC-4, is about INC-4."""
    bench.have(3, 4)
    bench.typed(f"{command} 3 pods were restarted", channel="C4")
    assert bench.status(3) is Status.DECLARED, "INC-3 has nothing to do with it"
    assert bench.store.timeline_length(3) == 0
    [(_, event)] = bench.store.timeline(4, limit=9)
    assert event.text == "3 pods were restarted"


def test_a_number_in_a_reason_for_reopening_is_no_incident(bench: Bench) -> None:
    bench.have(3, 4)
    for number in (3, 4):
        bench.incidents.resolve(Caller(ANA), number)
    bench.typed("reopen 3 pods crash again", channel="C4")
    assert (bench.status(3), bench.status(4)) == (Status.RESOLVED, Status.INVESTIGATING)


@pytest.mark.parametrize("command", ["ack", "show", "join", "timeline", "resolve", "cancel"])
def test_a_number_alone_names_an_incident(bench: Bench, command: str) -> None:
    bench.have(3, 4)
    bench.typed(f"{command} 3", channel="C4")
    assert bench.status(4) is Status.DECLARED
    assert bench.store.timeline_length(4) == 0


def test_merging_names_the_one_that_ends_and_the_one_that_goes_on(bench: Bench) -> None:
    bench.have(1, 2, 3, 4)
    bench.typed("merge INC-2 into INC-1")
    assert (bench.status(2), bench.store.incident(2).merged_into) == (Status.MERGED, 1)
    bench.typed("merge into 1", channel="C3")
    assert bench.store.incident(3).merged_into == 1
    bench.typed("merge INC-1", channel="C4")
    assert bench.store.incident(4).merged_into == 1, "this channel's incident goes into the one that is named"
    for text in ("merge", "merge INC-1 into", "merge INC-1 into nowhere", "merge INC-1 into INC-2 please"):
        with pytest.raises(UserError):
            bench.typed(text)
    assert bench.status(1) is Status.DECLARED


# -- what follows the incident


def test_an_inline_declaration_declares_at_once(bench: Bench) -> None:
    assert "INC-1" in bench.told("declare sev2 search “slow results”")
    stored = bench.store.incident(1)
    assert (stored.service, stored.impact, stored.severity) == ("search", "slow results", Severity.SEV2)


@pytest.mark.parametrize(
    "text", ["declare", "new sev1", "declare checkout-api payments fail", "declare sev1 checkout-api"]
)
def test_an_incomplete_declaration_opens_the_form_and_creates_nothing(bench: Bench, text: str) -> None:
    assert isinstance(bench.typed(text), OpenForm)
    assert bench.store.recent_incidents() == []


def test_where_no_form_can_be_opened_a_button_is_offered_that_keeps_the_words(bench: Bench) -> None:
    reply = bench.typed("declare checkout-api payments fail", trigger=None)
    assert isinstance(reply, Answer)
    [actions] = [block for block in reply.message.blocks if block["type"] == "actions"]
    opened = buttons.declare(bench.desk, Request(key="b", caller=Caller(ANA), value=actions["elements"][0]["value"]))
    assert isinstance(opened, OpenForm)
    values = {each["block_id"]: each["element"].get("initial_value") for each in opened.view["blocks"]}
    assert (values["service"], values["impact"]) == ("checkout-api", "payments fail")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("assign INC-1 bob", "commander"),
        ("assign INC-1", "commander"),
        ("assign INC-1 <@U0BOB|bob> please", "commander"),
        ("sev INC-1 worst", "severity"),
        ("status INC-1 done", "status"),
        ("note INC-1", "note"),
        ("link INC-1 graph", "link"),
    ],
)
def test_what_is_missing_or_wrong_is_told_by_its_field(bench: Bench, text: str, field: str) -> None:
    bench.have(1)
    with pytest.raises(InvalidInput) as told:
        bench.typed(text)
    assert told.value.field == field
    assert bench.store.timeline_length(1) == 0


@pytest.mark.parametrize("command", ["update", "sev"])
def test_without_words_a_form_opens_or_says_how_to_type_it(bench: Bench, command: str) -> None:
    bench.have(1)
    assert isinstance(bench.typed(command), OpenForm)
    with pytest.raises(InvalidInput, match=f"/incident {command}"):
        bench.typed(command, trigger=None)
