"""Post-mortems, action items and reminders on a store, with a Slack and a tracker that fail when told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.actions import Actions, Asked
from bot.carriers import Carriers
from bot.carriers.aftermath import Aftermath, AftermathCarriers
from bot.casefile import CaseFile
from bot.config import Config
from bot.errors import ChatError, NotAllowed, Outcome, Overtaken, Refused, TrackerError
from bot.ledger import Ledger
from bot.models import (
    SHOWN_AT_TRY,
    Change,
    Incident,
    OwedKind,
    Person,
    PersonKind,
    Posted,
    PostMortemStatus,
    SectionName,
    Severity,
    Status,
)
from bot.outbox import LEASE_SECONDS, Outbox
from bot.owed import Target
from bot.owed import aftermath as owed
from bot.page_template import Template
from bot.ports import Changed, Ticket
from bot.postmortems import PostMortems, Typed
from bot.reminders import Reminders
from bot.rights import Rights
from bot.steps.reminders import OVERDUE, REMIND
from bot.store.sqlite import SqliteStore
from tests.bot.make import NOW, after, incident, row
from tests.bot.storing import owe
from tests.bot.workshop import ANA, BOB, CY, GUS, FakeChat, Others, Still

ROOT_CAUSE, FACTORS, IMPACT = SectionName.ROOT_CAUSE, SectionName.FACTORS, SectionName.IMPACT
DOWN = TrackerError("timeout", retryable=True, outcome=Outcome.UNKNOWN)


class People:
    """Gus is a guest; `gone` have left; all live by UTC."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    def person(self, user_id: str, team_id: str | None) -> Person:
        kind = PersonKind.GUEST if user_id == GUS.user_id else PersonKind.MEMBER
        return Person(id=user_id, kind=PersonKind.GONE if user_id in self.gone else kind)

    def name(self, user_id: str) -> str:
        return user_id.removeprefix("U0").capitalize()

    def zone(self, user_id: str) -> str | None:
        return "Etc/UTC"


class FakeTracker:
    """GitHub: what carries the same key is the same issue. `fail` is raised before, `lose` after the next call."""

    def __init__(self) -> None:
        self.issues: dict[str, tuple[str, str, Sequence[str]]] = {}
        self.files: dict[str, tuple[str, str]] = {}
        self.closed: set[int] = set()
        self.is_declined = False
        self.looks: list[datetime] = []
        self.revised: dict[int, dict[str, str]] = {}
        self.fail: TrackerError | None = None
        self.lose: TrackerError | None = None
        self.calls = 0

    def open_issue(self, key: str, title: str, body: str, labels: Sequence[str]) -> Ticket:
        self._begin()
        self.issues.setdefault(key, (title, body, labels))
        number = list(self.issues).index(key) + 12
        self._end()
        return Ticket(number, f"https://github.example/issues/{number}", is_open=number not in self.closed)

    def changed(self, since: datetime) -> Changed:
        self.looks.append(since)
        self._begin()
        ours = range(12, 12 + len(self.issues))
        pulls = {"https://github.example/pull/7": self.is_declined, "https://github.example/pull/8": True}
        return Changed({number: number not in self.closed for number in (*ours, 99)}, pulls)

    def revise_issue(self, number: int, facts: Mapping[str, str]) -> None:
        self._begin()
        self.revised[number] = dict(facts)
        self._end()

    def close_issue(self, number: int) -> None:
        self._begin()
        self.closed.add(number)
        self._end()

    def reopen_issue(self, number: int) -> None:
        self._begin()
        self.closed.discard(number)
        self._end()

    def propose(self, key: str, path: str, text: str, title: str, body: str) -> str:
        self._begin()
        self.files[key] = (path, text)
        self._end()
        return "https://github.example/pull/7"

    def _begin(self) -> None:
        self.calls += 1
        if self.fail is not None:
            error, self.fail = self.fail, None
            raise error

    def _end(self) -> None:
        if self.lose is not None:
            error, self.lose = self.lose, None
            raise error


class Chat(FakeChat):
    def link(self, channel_id: str, ts: str) -> str:
        return f"https://slack.example/{channel_id}/{ts}"


class Desk:
    """One bot process; `deliver` carries all that is due, `tick` does what time brings."""

    def __init__(self, store: SqliteStore, *, is_tracked: bool = True, **config: Any) -> None:
        self.store, self.clock, self.chat, self.tracker = store, Still(), Chat(), FakeTracker()
        self.people, self.others = People(), Others()
        settings = Config.model_validate(config)
        self.clock.move(hours=9)  # noon
        ledger, rights = Ledger(store, self.clock, lambda: None), Rights(self.people, settings)
        case = CaseFile(store, settings, self.people)
        self.written = PostMortems(ledger, rights, settings, case, Template, proposes=is_tracked)
        self.actions = Actions(ledger, rights, settings, case, is_tracked=is_tracked)
        self.reminders = Reminders(ledger, rights, settings, case)
        after = Aftermath(self.written, self.actions, self.reminders, self.tracker)
        chat: Any = self.chat
        self.carriers = Carriers(AftermathCarriers(after, store, chat, self.clock, "ops-incidents"), self.others)
        self.outbox = Outbox(store, self.clock, "host:1:a")

    def resolved(self, number: int = 1, **values: Any) -> Incident:
        facts = {"severity": Severity.SEV1, "status": Status.RESOLVED, "resolved_at": self.clock(), "resolution": "x"}
        one = incident(number, **{**facts, **values})
        self.store.save(Change(incidents=(one,), owed=(owed.looked_at(one),)), NOW)
        self._stands(one)
        self.deliver()
        return self.store.incident(number)

    def _stands(self, one: Incident) -> None:
        """Its card."""
        owe(self.store, row(f"card-{one.number}", subject=one.id), now=NOW)
        (delivery,) = [each for each in self._claim() if each.owed.lane.startswith("card-")]
        place = Posted(subject=one.id, target=Target.OPS, channel_id="C0OPS", ts=f"{one.number}.1")
        self.store.settle(delivery, NOW, posted=(place,))
        self.store.release_claims("host:1:a")

    def changes(self, number: int = 1, **values: Any) -> None:
        after = self.store.incident(number).changed(**values)
        self.store.save(Change(incidents=(after,), owed=(owed.looked_at(after),)), self.clock())
        self.deliver()

    def _claim(self) -> list[Any]:
        return self.store.claim_deliveries("host:1:a", self.clock(), lease=LEASE_SECONDS, limit=50)

    def deliver(self) -> None:
        while taken := self._claim():
            for each in taken:
                self.outbox.carry(self.carriers, each)

    def tick(self, **by: float) -> None:
        self.clock.move(**by)
        while due := self.store.claim_timers("host:1:a", self.clock(), lease=60, limit=50):
            for timer in due:
                if timer.kind == REMIND:
                    self.reminders.due(timer.subject)
                elif timer.kind == OVERDUE:
                    self.reminders.overdue()
                self.store.finish_timer(timer)
        self.deliver()

    def writes(self, *names: SectionName) -> None:
        for name in names:
            self.written.edit(ANA, 1, Typed(name, f"What {name} was."))

    def files(self) -> None:
        self.store.save(Change(timeline=()), self.clock())
        self.writes(SectionName.TIMELINE, ROOT_CAUSE, FACTORS)
        self.written.file(ANA, 1)
        self.deliver()

    def direct(self, user: str) -> list[str]:
        return [said.message.text for said in self.chat.said.values() if said.channel == user]

    def overdue(self) -> list[str]:
        texts = [said.message.text for said in self.chat.said.values() if said.channel == "ops-incidents"]
        return [text for text in texts if "Overdue" in text]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(SqliteStore(tmp_path / "a.db"))


# -- how it begins and ends


def test_only_the_configured_severities_get_one_by_themselves(desk: Desk) -> None:
    desk.resolved(1)
    desk.resolved(2, severity=Severity.SEV3)
    assert desk.store.post_mortem(1).owner == ANA.user_id
    assert desk.store.post_mortem(1).due_at == desk.clock() + timedelta(hours=48)
    assert desk.store.post_mortem_of(2) is None


def test_severities_and_time_come_from_the_config(tmp_path: Path) -> None:
    desk = Desk(SqliteStore(tmp_path / "b.db"), post_mortems={"severities": [3], "due": "1d"})
    desk.resolved(1, severity=Severity.SEV3)
    desk.resolved(2)
    assert desk.store.post_mortem(1).due_at == desk.clock() + timedelta(hours=24)
    assert desk.store.post_mortem_of(2) is None


def test_told_twice_that_it_is_over_there_is_one(desk: Desk) -> None:
    desk.resolved()
    before = desk.store.post_mortem(1)
    desk.changes()
    assert desk.store.post_mortem(1) == before


def test_reopened_it_waits_and_what_was_written_stays(desk: Desk) -> None:
    desk.resolved()
    desk.writes(IMPACT)
    desk.changes(status=Status.INVESTIGATING, resolved_at=None)
    assert desk.store.post_mortem(1).due_at is None
    desk.tick(days=9)
    assert desk.direct(ANA.user_id) == []
    desk.changes(status=Status.RESOLVED, resolved_at=desk.clock())
    again = desk.store.post_mortem(1)
    assert again.due_at == desk.clock() + timedelta(hours=48)
    assert again.section(IMPACT) is not None


def test_filed_before_it_was_reopened_it_is_a_draft_again(desk: Desk) -> None:
    desk.resolved()
    desk.files()
    desk.changes(status=Status.INVESTIGATING, resolved_at=None)
    desk.clock.move(hours=1)
    desk.changes(status=Status.RESOLVED, resolved_at=desk.clock())
    assert desk.store.post_mortem(1).status is PostMortemStatus.DRAFT


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.MERGED])
def test_what_was_no_incident_after_all_needs_none(desk: Desk, status: Status) -> None:
    desk.resolved()
    desk.changes(status=Status.INVESTIGATING, resolved_at=None)
    desk.changes(status=status, resolved_at=desk.clock(), merged_into=9 if status is Status.MERGED else None)
    assert desk.store.post_mortem(1).status is PostMortemStatus.WAIVED


# -- writing


def test_whoever_saves_second_is_told_and_overrules_knowingly(desk: Desk) -> None:
    desk.resolved()
    desk.written.edit(ANA, 1, Typed(ROOT_CAUSE, "the cache"))
    with pytest.raises(Overtaken, match="Somebody else saved"):
        desk.written.edit(BOB, 1, Typed(ROOT_CAUSE, "the deployment"))
    desk.written.edit(BOB, 1, Typed(ROOT_CAUSE, "the deployment", 1, overrules=True))
    desk.deliver()
    (told,) = [one for one in desk.others.of(OwedKind.POST) if one.body.get("channel") == ANA.user_id]
    assert "the cache" in str(told.body["blocks"])
    section = desk.store.post_mortem(1).section(ROOT_CAUSE)
    assert section is not None
    assert (section.text, section.version) == ("the deployment", 2)


def test_an_unchanged_draft_is_not_kept_so_that_it_stays_up_to_date(desk: Desk) -> None:
    desk.resolved()
    _, _, drafted = desk.written.writing(ANA, 1, IMPACT)
    assert not desk.written.edit(ANA, 1, Typed(IMPACT, drafted)).changed
    assert desk.store.post_mortem(1).sections == ()


def test_an_emptied_section_is_drafted_anew(desk: Desk) -> None:
    desk.resolved()
    desk.writes(IMPACT)
    assert desk.written.edit(ANA, 1, Typed(IMPACT, "  ", 1)).changed
    assert desk.store.post_mortem(1).section(IMPACT) is None


def test_rights(tmp_path: Path) -> None:
    desk = Desk(SqliteStore(tmp_path / "r.db"), permissions={"respond": ["responders"], "command": ["commander"]})
    desk.resolved()
    with pytest.raises(NotAllowed):
        desk.written.edit(BOB, 1, Typed(IMPACT, "x"))
    with pytest.raises(NotAllowed):
        desk.written.waive(BOB, 1, "no")
    with pytest.raises(NotAllowed):
        desk.written.show(GUS, 1)
    desk.written.assign(ANA, 1, CY.user_id)
    desk.written.edit(CY, 1, Typed(IMPACT, "x"))
    with pytest.raises(NotAllowed):
        desk.written.waive(CY, 1, "no")


# -- waiving, and taking that back


def posts(desk: Desk, user: str) -> list[str]:
    """What the bot owes somebody as direct messages."""
    return [row.body["text"] for row in desk.others.of(OwedKind.POST) if row.body["channel"] == user]


def test_a_waived_one_is_brought_back_with_what_was_written_and_a_new_time(desk: Desk) -> None:
    desk.resolved()
    desk.writes(IMPACT)
    desk.written.waive(BOB, 1, "same as INC-7")
    desk.clock.move(days=9)
    desk.written.begin(CY, 1)
    desk.deliver()
    again = desk.store.post_mortem(1)
    assert (again.status, again.owner, again.reason, again.ended_by) == (PostMortemStatus.DRAFT, ANA.user_id, "", None)
    assert again.due_at == desk.clock() + timedelta(hours=48)
    assert again.section(IMPACT) is not None
    assert desk.store.timers_due("remind", ["PM-1"])
    lines = [event.text for _, event in desk.store.timeline(1, limit=50)]
    assert "post-mortem begun again, which was waived: same as INC-7" in lines
    waived, revived = posts(desk, ANA.user_id)
    assert "<@U0BOB> waived your *post-mortem of INC-1* (checkout-api): same as INC-7" in waived
    assert "<@U0CY> brought back your *post-mortem of INC-1*" in revived


def test_whoever_owns_it_knows_what_they_did_themselves(desk: Desk) -> None:
    desk.resolved()
    desk.written.waive(ANA, 1, "known")
    assert desk.written.begin(ANA, 1).changed
    assert not desk.written.begin(ANA, 1).changed
    desk.written.assign(ANA, 1, CY.user_id)
    desk.deliver()
    assert posts(desk, ANA.user_id) == []


@pytest.mark.parametrize("is_gone", [False, True])
def test_whoever_it_is_taken_from_is_told_unless_they_have_left(desk: Desk, *, is_gone: bool) -> None:
    desk.resolved()
    if is_gone:
        desk.people.gone.add(ANA.user_id)
    desk.written.assign(BOB, 1, CY.user_id)
    desk.deliver()
    told = [] if is_gone else ["→ <@U0BOB> gave your *post-mortem of INC-1* (checkout-api) to <@U0CY>."]
    assert posts(desk, ANA.user_id) == told


def test_only_its_owner_and_who_may_waive_bring_it_back_and_others_hear_who_waived_it_and_why(tmp_path: Path) -> None:
    desk = Desk(SqliteStore(tmp_path / "w.db"), permissions={"command": ["commander", "U0XYZ"]})
    desk.resolved()
    desk.written.assign(ANA, 1, CY.user_id)
    desk.written.waive(ANA, 1, "known")
    with pytest.raises(NotAllowed) as refused:
        desk.written.begin(BOB, 1)
    assert str(refused.value) == (
        "The post-mortem of INC-1 was waived by Ana: known. "
        "You can't bring it back: config.yml grants it to the commander and named people."
    )
    assert desk.written.begin(CY, 1).changed


def test_what_was_no_incident_after_all_stays_waived(desk: Desk) -> None:
    desk.resolved()
    desk.changes(status=Status.INVESTIGATING, resolved_at=None)
    desk.changes(status=Status.CANCELLED, resolved_at=desk.clock())
    with pytest.raises(Refused, match=r"was waived: INC-1 was cancelled\. INC-1 is cancelled, so it stays waived"):
        desk.written.begin(ANA, 1)


def test_looking_at_a_waived_one_brings_nothing_back(desk: Desk) -> None:
    desk.resolved()
    desk.written.waive(ANA, 1, "known")
    for act in (lambda: desk.written.writing(ANA, 1, IMPACT), lambda: desk.written.assign(ANA, 1, BOB.user_id)):
        with pytest.raises(Refused, match="is waived already: known"):
            act()
    assert desk.store.post_mortem(1).status is PostMortemStatus.WAIVED


def test_who_may_not_waive_or_comes_too_late_is_told_before_they_write_why(tmp_path: Path) -> None:
    desk = Desk(SqliteStore(tmp_path / "v.db"), permissions={"command": ["commander"]})
    desk.resolved()
    with pytest.raises(NotAllowed, match=r"You can't waive the post-mortem: config\.yml grants it to the commander"):
        desk.written.waiving(BOB, 1)
    assert desk.written.waiving(ANA, 1).number == 1
    desk.files()
    with pytest.raises(Refused, match="is filed already"):
        desk.written.waiving(ANA, 1)


# -- filing


def test_a_wrong_address_is_replaced_and_the_timeline_says_so(desk: Desk) -> None:
    desk.resolved()
    desk.written.file_elsewhere(ANA, 1, "https://docs.example.com/a")
    filed = desk.store.post_mortem(1)
    assert desk.written.file_elsewhere(BOB, 1, "https://docs.example.com/b").changed
    assert not desk.written.file_elsewhere(BOB, 1, "https://docs.example.com/b").changed
    again = desk.store.post_mortem(1)
    assert (again.url, again.ended_by, again.ended_at) == ("https://docs.example.com/b", ANA.user_id, filed.ended_at)
    (_, line) = desk.store.timeline(1, limit=1)[-1]
    assert line.text == "post-mortem is filed at https://docs.example.com/b, not at https://docs.example.com/a"
    assert line.actor == BOB.user_id


def test_one_that_was_filed_here_is_not_filed_elsewhere_as_well(desk: Desk) -> None:
    desk.resolved()
    desk.files()
    with pytest.raises(Refused, match="is filed already"):
        desk.written.file_elsewhere(ANA, 1, "https://docs.example.com/a")


@pytest.mark.parametrize(
    "act",
    [
        lambda desk: desk.actions.add(ANA, 1, Asked("a second one", None, "2026-12-24")),
        lambda desk: desk.actions.close(ANA, 1),
        lambda desk: desk.actions.move(ANA, 1, "2026-12-31"),
        lambda desk: desk.actions.give(ANA, 1, CY.user_id),
    ],
)
def test_what_becomes_of_action_items_after_filing_stands_in_the_pull_request(
    desk: Desk, act: Callable[[Desk], object]
) -> None:
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm on the pool", None, "2026-12-01"))
    desk.files()
    ((_, before),) = desk.tracker.files.values()
    act(desk)
    desk.deliver()
    ((_, after_),) = desk.tracker.files.values()
    assert after_ != before
    assert after_ == desk.written.page(1)[1]
    assert len(desk.chat.uploads) == 1, "the file in Slack is as of filing"


def test_what_was_filed_elsewhere_has_no_pull_request(desk: Desk) -> None:
    desk.resolved()
    desk.written.file_elsewhere(ANA, 1, "https://github.example/pull/8")
    desk.actions.add(ANA, 1, Asked("alarm", None, "2026-12-01"))
    desk.deliver()
    desk.tick(minutes=5)
    assert desk.tracker.files == {}
    assert not desk.store.post_mortem(1).is_declined, "that one is somebody else's"


def test_filed_it_is_a_file_in_the_thread_and_a_pull_request(desk: Desk) -> None:
    desk.resolved()
    desk.files()
    ((channel, thread, name, data),) = desk.chat.uploads
    assert (channel, thread, name) == ("C0OPS", "1.1", "2026-11-22-INC-1-checkout-api.md")
    ((path, text),) = desk.tracker.files.values()
    assert path == f"docs/post-mortems/{name}"
    assert text == data.decode()
    assert desk.store.post_mortem(1).url == "https://github.example/pull/7"


def test_without_a_tracker_it_is_a_file_alone(tmp_path: Path) -> None:
    desk = Desk(SqliteStore(tmp_path / "c.db"), is_tracked=False)
    desk.resolved()
    desk.files()
    assert len(desk.chat.uploads) == 1
    assert desk.tracker.calls == 0
    desk.actions.add(ANA, 1, Asked("alarm", None, "friday"))
    desk.deliver()
    assert desk.tracker.calls == 0


def test_a_pull_request_whose_answer_is_lost_is_made_once(desk: Desk) -> None:
    desk.resolved()
    desk.tracker.lose = DOWN
    desk.files()
    desk.tick(minutes=5)
    assert list(desk.tracker.files) == [f"INC-1/{desk.store.installation()}"]
    assert desk.store.post_mortem(1).url


def test_what_slack_refuses_for_good_is_said_on_the_timeline(desk: Desk) -> None:
    desk.resolved()
    desk.chat.fail = None
    desk.writes(SectionName.TIMELINE, ROOT_CAUSE, FACTORS)
    desk.deliver()
    desk.tracker.fail = TrackerError("http_403", detail="the repository is archived")
    desk.written.file(ANA, 1)
    desk.deliver()
    lines = [event.text for _, event in desk.store.timeline(1, limit=50)]
    assert any("pull request for the post-mortem of INC-1 is not there yet" in line for line in lines)


def test_it_is_refused_while_a_section_is_to_be_written(desk: Desk) -> None:
    desk.resolved()
    with pytest.raises(Refused, match=r"Still to be written: .*root cause, contributing factors"):
        desk.written.file(ANA, 1)


# -- action items


def test_an_action_item_becomes_one_issue_however_often_it_is_tried(desk: Desk) -> None:
    desk.resolved()
    desk.tracker.lose = DOWN
    item = desk.actions.add(ANA, 1, Asked("alarm on the @pool", BOB.user_id, "2026-12-01", 1))
    desk.deliver()
    desk.tick(minutes=5)
    assert list(desk.tracker.issues) == [f"{item.id}/{desk.store.installation()}"]
    ((title, body, labels),) = desk.tracker.issues.values()
    assert title == "AI-1: alarm on the @pool"
    assert "- Owner: Bob" in body
    assert "[INC-1](https://slack.example/C0OPS/1.1)" in body
    assert list(labels) == ["incident-action-item"]
    assert body.endswith("What fixed the incident: x")
    assert desk.store.action_item(1).ticket == 12


@pytest.mark.parametrize("is_down", [True, False])
def test_the_timeline_says_that_an_issue_is_there_after_it_said_that_it_is_not(desk: Desk, *, is_down: bool) -> None:
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    for _ in range(SHOWN_AT_TRY if is_down else 0):
        desk.tracker.fail = DOWN
        desk.tick(minutes=5)
    desk.tick(minutes=5)
    lines = [event.text for _, event in desk.store.timeline(1, limit=50) if "issue" in event.text]
    assert desk.store.action_item(1).url
    assert [line.split(":")[0] for line in lines] == (
        ["the issue for AI-1 is not there yet", "issue of AI-1"] if is_down else []
    )
    assert not is_down or lines[-1].endswith(desk.store.action_item(1).url)


def test_what_ended_an_incident_is_not_told_as_its_fix(desk: Desk) -> None:
    desk.resolved(resolution="prod-cpu is OK again", resolved_by=None, is_closed_by_alarm=True)
    desk.actions.add(ANA, 1, Asked("alarm on the pool", BOB.user_id, "2026-12-01"))
    desk.deliver()
    ((_, body, _),) = desk.tracker.issues.values()
    assert "OK again" not in body
    assert "What fixed" not in body


def test_what_is_closed_there_is_closed_here(desk: Desk) -> None:
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    desk.deliver()
    desk.tick(minutes=20)
    assert desk.store.action_item(1).is_open
    desk.tracker.closed.add(12)
    desk.tick(minutes=20)
    assert not desk.store.action_item(1).is_open
    desk.tick(days=31)
    calls = desk.tracker.calls
    desk.tick(hours=3)
    assert desk.tracker.calls == calls, "nobody looks any more"


@pytest.mark.parametrize("fault", ["", "lose", "fail"])
def test_what_is_done_here_is_closed_there_and_not_heard_of_again(desk: Desk, fault: str) -> None:
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    desk.deliver()
    if fault:
        setattr(desk.tracker, fault, DOWN)
    desk.actions.close(BOB, 1)
    desk.deliver()
    desk.tick(minutes=5)
    assert desk.tracker.closed == {12}
    desk.tick(days=31)
    calls = desk.tracker.calls
    desk.tick(hours=3)
    assert desk.tracker.calls == calls, "nobody looks any more"
    done = [event.text for _, event in desk.store.timeline(1, limit=50) if "AI-1 is done" in event.text]
    assert done == ["AI-1 is done: alarm"]


def test_what_is_done_before_its_issue_is_there_is_closed_there_too(desk: Desk) -> None:
    desk.resolved()
    desk.tracker.fail = DOWN
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    desk.deliver()
    desk.actions.close(BOB, 1)
    desk.deliver()
    assert desk.tracker.closed == set()
    desk.tick(minutes=5)
    assert desk.tracker.closed == {12}


def test_what_is_closed_there_is_not_closed_there_again(desk: Desk) -> None:
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    desk.deliver()
    desk.tracker.closed.add(12)
    desk.tick(minutes=20)
    assert not desk.store.action_item(1).is_open
    assert not [each for each in desk.store._db.rows("SELECT body FROM outbox") if '"state"' in each["body"]]


@pytest.mark.parametrize(("code", "said"), [("gone", False), ("forbidden", True)])
def test_an_issue_that_is_gone_needs_no_closing_and_one_that_can_not_be_closed_is_said(
    desk: Desk, code: str, *, said: bool
) -> None:
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    desk.deliver()
    desk.tracker.fail = TrackerError(code)
    desk.actions.close(BOB, 1)
    desk.deliver()
    lines = [event.text for _, event in desk.store.timeline(1, limit=50)]
    assert any("the issue for AI-1 is not closed yet" in line for line in lines) is said


def test_an_issue_that_can_not_be_looked_at_is_looked_at_later(desk: Desk) -> None:
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    desk.deliver()
    desk.tracker.fail = TrackerError("http_404")
    desk.tick(minutes=20)
    desk.tracker.closed.add(12)
    desk.tick(minutes=20)
    assert not desk.store.action_item(1).is_open


def test_an_issue_that_was_reopened_there_opens_its_item_again_and_its_owner_hears_of_it(desk: Desk) -> None:
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    desk.deliver()
    desk.tracker.closed.add(12)
    desk.tick(minutes=5)
    assert not desk.store.action_item(1).is_open
    desk.tracker.closed.clear()
    desk.tick(minutes=5)
    item = desk.store.action_item(1)
    assert (item.is_open, item.closed_at, item.via) == (True, None, "")
    assert desk.store.timers_due("remind", ["AI-1"])
    (told,) = posts(desk, BOB.user_id)
    assert "*AI-1 is open again, due Tue 01 Dec 2026*: alarm · its issue was reopened" in told
    desk.tick(minutes=5)
    lines = [event.text for _, event in desk.store.timeline(1, limit=50) if "AI-1 is" in event.text]
    assert lines == ["AI-1 is done: alarm (its issue was closed)", "AI-1 is open again: alarm (its issue was reopened)"]
    assert len(posts(desk, BOB.user_id)) == 1


def test_reopened_here_its_issue_is_too_and_is_followed_again(desk: Desk) -> None:
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    desk.actions.close(BOB, 1)
    desk.deliver()
    assert desk.tracker.closed == {12}
    desk.tick(days=40)
    assert desk.actions.reopen(BOB, 1).changed
    assert not desk.actions.reopen(BOB, 1).changed
    desk.deliver()
    assert desk.tracker.closed == set()
    assert posts(desk, BOB.user_id) == [], "whoever says it knows it"
    desk.tracker.closed.add(12)
    desk.tick(minutes=5)
    assert not desk.store.action_item(1).is_open


@pytest.mark.parametrize("is_done", [True, False])
def test_a_look_before_the_issue_is_as_the_item_takes_nothing_back(desk: Desk, *, is_done: bool) -> None:
    """GitHub does not take the change; the issue is as it was, and that is no news."""
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    desk.actions.close(BOB, 1)
    desk.deliver()
    if is_done:
        desk.actions.reopen(BOB, 1)
        desk.deliver()
    act = desk.actions.close if is_done else desk.actions.reopen
    act(BOB, 1)
    desk.tracker.fail = TrackerError("forbidden", detail="may not")
    desk.deliver()
    looks = len(desk.tracker.looks)
    desk.tick(minutes=4)
    assert len(desk.tracker.looks) == looks + 1
    assert desk.store.action_item(1).is_open is not is_done
    desk.tick(minutes=4)
    assert desk.tracker.closed == ({12} if is_done else set())


def test_what_changed_here_during_a_look_is_looked_at_again(desk: Desk) -> None:
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    desk.deliver()
    desk.tracker.closed.add(12)
    look = desk.tracker.changed

    def meanwhile(since: datetime) -> Changed:
        desk.tracker.changed = look  # type: ignore[method-assign]
        desk.actions.move(BOB, 1, "2026-12-24")
        return look(since)

    desk.tracker.changed = meanwhile  # type: ignore[method-assign]
    desk.tick(minutes=4)
    assert desk.store.action_item(1).is_open
    desk.tick(minutes=4)
    assert not desk.store.action_item(1).is_open
    first, second = desk.tracker.looks
    assert first == second


def test_a_pull_request_that_was_closed_without_merging_is_told_on_the_card(desk: Desk) -> None:
    desk.resolved()
    desk.files()
    desk.tick(minutes=5)
    assert not desk.store.post_mortem(1).is_declined
    desk.tracker.is_declined = True
    desk.tick(minutes=5)

    def card() -> str:
        (said,) = [each for each in desk.chat.said.values() if "Post-mortem of INC-1" in each.message.text]
        return str(said.message.blocks)

    assert "The pull request was closed without merging." in card()
    desk.tracker.is_declined = False
    desk.tick(minutes=5)
    assert "without merging" not in card()
    lines = [event.text for _, event in desk.store.timeline(1, limit=50)]
    assert [line for line in lines if "the pull request for the post-mortem is" in line] == [
        "the pull request for the post-mortem is closed without merging",
        "the pull request for the post-mortem is open again, or merged",
    ]
    desk.tick(days=31)
    calls = desk.tracker.calls
    desk.tick(hours=3)
    assert desk.tracker.calls == calls, "nobody looks any more"


def test_an_item_that_is_given_away_stands_on_the_timeline(desk: Desk) -> None:
    desk.resolved()
    desk.actions.add(ANA, 1, Asked("alarm", BOB.user_id, "2026-12-01"))
    assert desk.actions.give(BOB, 1, CY.user_id).changed
    assert not desk.actions.give(BOB, 1, CY.user_id).changed
    (_, line) = desk.store.timeline(1, limit=1)[-1]
    assert (line.text, line.actor, line.about) == ("AI-1 (alarm) given to", BOB.user_id, CY.user_id)


# -- reminders


def test_one_reminder_after_any_downtime(desk: Desk) -> None:
    desk.resolved()
    desk.tick(days=6)
    assert len(desk.direct(ANA.user_id)) == 1
    assert len(desk.overdue()) == 1


def test_the_reminders_of_a_post_mortem(desk: Desk) -> None:
    desk.resolved()
    heard = []
    for hour in range(24 * 5):
        before = len(desk.direct(ANA.user_id))
        desk.tick(hours=1)
        if len(desk.direct(ANA.user_id)) > before:
            heard.append(hour + 1)
    assert heard == [24, 44, 48, 69, 93, 117], "12:00, 08:00, 12:00, then every day at nine"
    assert [" <@U0ANA>" in text or "U0ANA" in text for text in desk.overdue()] == [True] * len(desk.overdue())


def test_the_manager_is_mentioned_after_three_days(tmp_path: Path) -> None:
    desk = Desk(SqliteStore(tmp_path / "m.db"), on_call={"manager": "U0MGR"})
    desk.resolved(commander=BOB.user_id)
    desk.tick(hours=46)
    desk.written.assign(ANA, 1, ANA.user_id)
    for _ in range(24 * 5):
        desk.tick(hours=1)
    mentioned = ["U0MGR" in text for text in desk.overdue()]
    assert mentioned == sorted(mentioned)
    assert True in mentioned
    assert False in mentioned
    assert all("U0BOB" in text for text in desk.overdue())


def test_a_reminder_whose_answer_is_lost_comes_once(desk: Desk) -> None:
    desk.resolved()
    desk.chat.lose = ChatError("timeout", retryable=True, outcome=Outcome.UNKNOWN)
    desk.tick(hours=24)
    desk.tick(minutes=5)
    assert len(desk.direct(ANA.user_id)) == 1


def test_whoever_left_is_asked_about_in_the_channel(desk: Desk) -> None:
    desk.resolved()
    desk.people.gone.add(ANA.user_id)
    desk.tick(hours=24)
    desk.tick(seconds=10)
    (asked,) = [said for said in desk.chat.said.values() if "needs an owner" in said.message.text]
    assert asked.channel == "ops-incidents"
    desk.written.assign(BOB, 1, BOB.user_id)
    assert desk.store.post_mortem(1).owner == BOB.user_id


@pytest.mark.parametrize("act", [lambda desk: desk.files(), lambda desk: desk.written.waive(ANA, 1, "known")])
def test_what_is_done_reminds_nobody(desk: Desk, act: Callable[[Desk], object]) -> None:
    desk.resolved()
    act(desk)
    for _ in range(10):
        desk.tick(days=1)
    assert desk.direct(ANA.user_id) == []
    assert desk.overdue() == []


def test_a_snooze_counts_once_for_both(desk: Desk) -> None:
    desk.resolved()
    until = desk.reminders.snooze(ANA, "PM-1", "monday").until
    assert until == after(6 * 3600 + 86_400), "Monday at nine"
    desk.actions.add(ANA, 1, Asked("alarm", None, "tomorrow"))
    assert desk.reminders.snooze(ANA, "AI-1", "hour").until == desk.clock() + timedelta(hours=1)
    with pytest.raises(Refused, match="belongs to nothing"):
        desk.reminders.snooze(ANA, "XX-1", "hour")
