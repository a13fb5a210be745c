"""Everything that can be built is something Slack takes, whatever people typed.

Two judges: the sandbox's validator (Slack's rules, surface by surface) and slack_sdk's own models.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from blocks import (
    action_items,
    alert_answers,
    answers,
    by_hand,
    card,
    digest,
    evidence,
    forms,
    notes,
    postmortem,
    remediation,
    remediation_notes,
    report,
    storm,
    templates,
    timeline,
)
from blocks import alert as alert_card
from blocks import pages as paging
from blocks.fields import VALUE
from blocks.ids import Input
from blocks.text import clean, escape
from bot.catalogue import Context
from bot.models import (
    Duty,
    EventKind,
    Incident,
    Link,
    Means,
    Message,
    OwedKind,
    Page,
    Paged,
    RemediationStatus,
    Role,
    SectionName,
    Severity,
    Silence,
    Stage,
    Status,
    Storm,
    TimelineEvent,
    Trouble,
    Update,
)
from bot.ports import Choice
from bot.queries import Step
from bot.signals import Deployment, DeploymentState
from commands.subcommands import SUBCOMMANDS
from sandbox.slack.validate import message_errors, view_errors
from tests.blocks import aftermath, digests, fixes
from tests.blocks import alerts as made
from tests.blocks.incidents import URL, events, facts, incidents, maybe_url
from tests.blocks.texts import NASTY, can_be_sent, strings, texts
from tests.bot.make import ANA, NOW, after, event, incident

MESSAGE_TEXT_MAX = 4000  # https://docs.slack.dev/reference/methods/chat.update
quick = settings(deadline=None, max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate])
"""Without shrinking: what fails here is a whole incident, and which text it was is told by the tests on NASTY."""

carried = st.fixed_dictionaries(
    {
        "channel": st.just("C0123456789"),
        "thread": st.sampled_from([None, "1700000000.000100"]),
        "incident": st.just(42),
        "origin": st.sampled_from([None, "https://example.slack.com/archives/C0123456789/p1700000000000100"]),
    }
)
ended = st.sampled_from([Status.RESOLVED, Status.CANCELLED]).flatmap(
    lambda status: incidents(status=status, resolved_at=after(3600))
)
updated = incidents().filter(lambda one: one.update is not None)
lists = st.sampled_from([0, 1, 20, 21, 100, 101, 250]).flatmap(
    lambda count: st.builds(lambda one: [one.changed(number=n + 1) for n in range(count)], incidents())
)
some = lists.filter(bool)
pages = st.lists(events, max_size=timeline.PAGE + 1).map(lambda found: list(enumerate(found, start=1)))
long_page = st.builds(lambda one: [(n, one) for n in range(timeline.PAGE + 1)], events)
help_lines = st.lists(
    st.builds(answers.HelpLine, group=st.sampled_from("AB"), summary=texts, example=texts), min_size=1, max_size=9
)
severities = st.sampled_from(Severity)
drafts = st.builds(
    forms.DeclareDraft,
    commander=st.just(ANA),
    service=texts,
    impact=texts,
    severity=st.none() | severities,
    known_services=st.lists(texts, max_size=20),
)
who = {"role": st.sampled_from(Role), "name": texts, "user_id": st.sampled_from([None, ANA])}
duties = st.builds(Duty, **who)
reasons = st.sampled_from(["", "it has no user with their e-mail address"])
calls = st.builds(Paged, at=st.just(NOW), means=st.sampled_from([None, *Means]), why_not=reasons, **who)
paged = st.builds(
    Page,
    asked_at=st.just(NOW),
    key=texts,
    summary=texts,
    severity=severities,
    service=texts,
    source=texts,
    link=st.sampled_from([None, URL]),
    details=st.dictionaries(texts, texts | st.sampled_from([URL, f"{URL}/{'x' * 5000}"]), max_size=12),
)
firing = st.sampled_from([0, 1, 20, 21, 50]).flatmap(
    lambda count: st.builds(lambda one: [one.changed(number=n + 1) for n in range(count)], made.alerts())
)
many_silences = st.builds(
    lambda one, count: [one.changed(id=f"{n:08d}") for n in range(count)],
    made.silences,
    st.sampled_from([0, 1, 20, 25]),
)
windows = st.sampled_from([0, 1, 3, 25]).map(lambda count: [(made.window("w" * 100), NOW)] * count)
bridges = st.sampled_from(["https://app.slack.com/huddle/T0/C0", URL])


class Named(dict[str, Any]):
    """Arguments by their names."""


def named(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Named]:
    return st.fixed_dictionaries(strategies).map(Named)


manuals = st.builds(
    by_hand.Manual,
    page=texts.filter(bool),
    steps=st.lists(st.builds(Step, texts, texts), max_size=12),
    bridge=maybe_url,
    dashboard=maybe_url,
)
MESSAGES: dict[Callable[..., Message], tuple[st.SearchStrategy[Any], ...]] = {
    templates.declared: (incidents(), bridges),
    templates.resolved: (ended,),
    card.card: (facts,),
    notes.assigned: (incidents(), st.sampled_from([ANA, "U000000001"])),
    notes.severity: (incidents(), severities, st.just(ANA), texts),
    notes.status: (incidents(), st.sampled_from(Status), st.just(ANA)),
    notes.update: (updated, st.sampled_from(Status)),
    notes.ended: (ended, st.just(ANA)),
    notes.reopened: (incidents(), st.just(ANA), texts),
    notes.cancelled: (incidents(), st.just(ANA), texts),
    notes.merged: (incidents(), incidents(), st.just(ANA)),
    notes.not_shown: (incidents(), st.just("ops-incidents"), texts),
    paging.page: (paged, st.sampled_from(Role)),
    answers.problem: (texts.filter(bool), st.sampled_from([None, ANA])),
    answers.resolved: (incidents(), st.just("You resolved *INC-42*.")),
    answers.listing: (lists, st.sampled_from([0, 1, 500]), st.just(NOW), st.sampled_from([0, 1, 5000])),
    answers.choose: (st.just("Which incident?"), some, st.just("d" * 32)),
    answers.offer_declare: (st.just("d" * 32),),
    answers.shown: (facts,),
    answers.timeline: (incidents(), st.lists(events, max_size=30), st.just(300)),
    notes.worse: (incidents(), severities, made.alerts()),
    notes.all_quiet: (incidents(),),
    notes.again: (made.alerts(),),
    notes.sla_missed: (incidents() | made.alerts(),),
    notes.paged: (st.just("AL-17"), calls, texts, named(mentions=st.booleans())),
    notes.not_paged: (st.just("AL-17"), calls, named(mentions=st.booleans())),
    notes.called_before: (st.just("INC-9"), duties, st.just(NOW), st.just("joined"), named(mentions=st.booleans())),
    notes.nobody: (st.just("INC-999999999"), st.sampled_from(Role)),
    notes.update_due: (incidents(), st.just("30 min")),
    notes.silence_over: (made.silences, st.sampled_from([0, 1, 2000])),
    notes.silence_begun: (made.silences, st.sampled_from([0, 1, 2000])),
    notes.page_resolved: (st.lists(made.alerts(), min_size=1, max_size=7),),
    notes.fires_on: (incidents(), st.lists(made.alerts(), min_size=1, max_size=7)),
    notes.still_fires: (st.lists(made.alerts(), min_size=1, max_size=7),),
    notes.unreadable: (texts, texts),
    notes.more_unreadable: (st.just(10**6), st.just(NOW)),
    alert_card.card: (made.alert_facts,),
    postmortem.card: (aftermath.facts, st.just(NOW)),
    postmortem.offer: (incidents(),),
    postmortem.without_template: (incidents(), texts),
    postmortem.replaced: (aftermath.sections, incidents(), st.just(ANA)),
    action_items.listing: (aftermath.many_items, st.just(NOW.date())),
    action_items.added: (aftermath.items, named(is_tracked=st.booleans())),
    action_items.reminder: (aftermath.told, st.just(NOW), st.just(NOW.date())),
    action_items.became: (aftermath.subjects, st.just(ANA), st.none() | st.just(NOW)),
    action_items.unowned: (aftermath.unowned,),
    postmortem.waived: (aftermath.written,),
    postmortem.revived: (aftermath.written, aftermath.written, st.just(ANA)),
    postmortem.taken: (aftermath.written, st.sampled_from(["U0BOB", ANA]), st.just(ANA)),
    action_items.reopened: (aftermath.items, st.none() | st.just(ANA), texts),
    action_items.moved: (aftermath.items, aftermath.items, st.just(ANA)),
    action_items.overdue: (aftermath.late, st.sampled_from([0, 7]), st.just(NOW)),
    digest.posted: (digests.digests(), st.sampled_from([None, ANA])),
    digest.shown: (digests.digests(),),
    alert_answers.listing: (firing, st.sampled_from([1, 500]), st.just(NOW), st.sampled_from(["", "Which one?"])),
    alert_answers.why: (made.alerts(),),
    alert_answers.silences: (many_silences, windows),
    alert_answers.sure: (texts, st.just("30d"), firing, st.sampled_from([0, 10**6]), st.just("d")),
    alert_answers.on_call: (st.lists(st.tuples(texts, st.lists(made.duties, max_size=5)), max_size=10),),
    storm.summary: (made.storms, st.sampled_from([0, 10**6])),
    report.report: (
        fixes.investigations,
        named(
            runbook=maybe_url,
            can_fix=st.booleans(),
            document=st.sampled_from(["", "x" * 128]),
            pages=st.sampled_from(["", "https://git.example.com/docs/runbooks"]),
        ),
    ),
    report.pointer: (fixes.investigations,),
    remediation.card: (fixes.fixes, named(now=st.just(NOW), facts=fixes.fix_facts)),
    remediation_notes.instead: (
        texts,
        st.just("AIOps-RestartECSService"),
        st.sampled_from(["", "AL-17"]),
        st.just("checkout-api"),
    ),
    remediation_notes.granted: (fixes.approvals,),
    remediation_notes.withdrawn: (fixes.approvals, st.just(ANA)),
    by_hand.did_not_help: (fixes.fixes, manuals),
    by_hand.escalated: (st.just(ANA), manuals),
    remediation_notes.listing: (fixes.times(fixes.fixes), fixes.times(fixes.approvals), st.just(NOW)),
}


def fits_an_option(text: str) -> bool:
    return 0 < len(text) <= 150 and can_be_sent(text)


VIEWS: dict[Callable[..., dict[str, Any]], tuple[st.SearchStrategy[Any], ...]] = {
    forms.declare: (drafts, carried),
    forms.update: (incidents(), carried, texts),
    forms.severity: (incidents(), carried),
    forms.severity_overtaken: (incidents(), st.sampled_from(Severity), texts, carried, st.none() | events),
    forms.resolution: (incidents(), carried),
    forms.add_to_timeline: (some, st.none(), texts, carried),
    timeline.page: (incidents(), pages | long_page, st.integers(0, 10**6)),
    forms.resolve_anyway: (incidents(), st.lists(texts, max_size=10), carried),
    forms.silence: (made.alerts(), carried),
    forms.alert_severity: (made.alerts(), carried),
    alert_answers.why_view: (made.alerts(),),
    evidence.evidence_pages: (fixes.investigations,),
    postmortem.preview: (incidents(), aftermath.long_texts),
    postmortem.section: (
        incidents(),
        st.sampled_from(SectionName),
        aftermath.long_texts,
        carried,
        named(mine=st.none() | aftermath.sections, zone=st.just("Europe/Berlin")),
    ),
    postmortem.overtaken: (
        incidents(),
        st.sampled_from(SectionName),
        st.dictionaries(st.sampled_from(["text", "text2"]), texts),
        carried,
        st.none() | aftermath.sections,
    ),
    postmortem.waive: (incidents(), carried),
    postmortem.elsewhere: (incidents(), maybe_url.map(lambda url: url or ""), carried),
    postmortem.reassign: (aftermath.subjects, carried),
    action_items.form: (some, st.none(), texts, carried),
    action_items.due_form: (aftermath.items, carried),
    forms.choose_revision: (fixes.choices, texts, carried, texts),
    forms.choose_runbook: (st.dictionaries(texts.filter(fits_an_option), texts, min_size=1), carried, texts),
}
OUR_WORDS = {answers.say, answers.help_page, answers.help_on}
"""Messages in which nothing foreign is: tested with the words that we have for them."""
PARTS = {forms.incident_option, forms.about, card.buttons, card.shows_paged, card.title, card.summary}
PARTS_OF_TIMELINE = {timeline.line, timeline.tail, timeline.listing}
PARTS_OF_AFTERMATH = {
    action_items.named,
    action_items.other_day,
    postmortem.title,
    postmortem.action,
    postmortem.filing,
    postmortem.editing,
}
PARTS_OF_PAGES = {paging.of_alert, paging.of_incident}
PARTS_OF_ALERTS = {
    alert_card.title,
    alert_card.icon,
    alert_card.service_name,
    alert_card.headline,
    alert_card.summary,
    alert_card.over_summary,
    alert_card.owner,
    alert_card.reason,
    alert_card.buttons,
    alert_card.entry,
    alert_card.for_mail,
}
PARTS_OF_DIGESTS = {
    digest.title,
    digest.days,
    digest.duration,
    digest.in_time,
    digest.lasted,
    digest.late_by,
    digest.numbers,
    digest.chart,
}
PARTS_OF_FIXES = {
    evidence.change,
    evidence.reasons,
    evidence.distance,
    report.title,
    report.cause,
    report.line,
    report.recommended,
    report.buttons,
    report.for_mail,
    remediation.title,
    remediation.what,
    remediation.who,
    remediation.standing_of,
    remediation.awaited,
    remediation.missing,
    remediation.change,
    remediation.buttons,
    remediation_notes.standing,
}
MODULES = (
    action_items,
    alert_answers,
    alert_card,
    answers,
    by_hand,
    card,
    digest,
    evidence,
    forms,
    notes,
    paging,
    postmortem,
    remediation,
    remediation_notes,
    report,
    storm,
    templates,
    timeline,
)
WORDS_ONLY = {"alert_numbers", "fields", "ids", "rich", "sections", "text"}
WITH_TESTS_OF_THEIR_OWN = {"baselines", "home", "markdown", "standing"}
"""Modules of blocks/ that build no message: ids, numbers, and the pieces that everything is built from."""


def public(module: Any) -> set[Callable[..., Any]]:
    """The functions that a module offers."""
    found = inspect.getmembers(module, inspect.isfunction)
    return {one for name, one in found if one.__module__ == module.__name__ and not name.startswith("_")}


def test_every_builder_is_under_test() -> None:
    built = set().union(*(public(module) for module in MODULES))
    parts = {
        *PARTS,
        *PARTS_OF_TIMELINE,
        *PARTS_OF_ALERTS,
        *PARTS_OF_PAGES,
        *PARTS_OF_FIXES,
        *PARTS_OF_AFTERMATH,
        *PARTS_OF_DIGESTS,
    }
    covered = {*MESSAGES, *VIEWS, *OUR_WORDS, *parts}
    assert {one.__qualname__ for one in built - covered} == set()
    assert {one.__qualname__ for one in covered - built} == set()


def test_no_module_of_builders_is_left_out() -> None:
    files = {path.stem for path in Path(alert_card.__file__).parent.glob("*.py")} - {"__init__"}
    assert files - WORDS_ONLY - WITH_TESTS_OF_THEIR_OWN == {module.__name__.partition(".")[2] for module in MODULES}


def built(build: Callable[..., Any], strategies: tuple[st.SearchStrategy[Any], ...], data: st.DataObject) -> Any:
    drawn = [data.draw(each) for each in strategies]
    by_name = drawn.pop() if isinstance(drawn[-1], Named) else {}
    return build(*drawn, **by_name)


def check(message: Message) -> None:
    """A message Slack takes, whole and readable."""
    assert message_errors(message.blocks) == []
    check_with_sdk(message.blocks)
    assert 0 < len(message.text) <= MESSAGE_TEXT_MAX
    assert re.fullmatch(r"(?:[^&<>]|&amp;|&lt;|&gt;|<[^<>]+>)*", message.text), "no entity and no mention is cut"
    assert can_be_sent(message)
    if message.plainer is not None:
        check(Message(message.text, message.plainer))


def check_view(view: dict[str, Any]) -> None:
    assert view_errors(view) == []
    check_with_sdk(view["blocks"])
    View(**view).validate_json()
    assert can_be_sent(view)


def check_with_sdk(blocks: list[dict[str, Any]]) -> None:
    """slack_sdk raises SlackObjectFormationError where its models find a fault."""
    for block in blocks:
        if block["type"] == "data_visualization":
            continue  # newer than its models
        parsed = Block.parse(block)
        assert parsed is not None, f"slack_sdk knows no {block['type']}"
        parsed.to_dict()


@pytest.mark.parametrize("build", MESSAGES, ids=lambda build: f"{build.__module__}.{build.__name__}")
@quick
@given(data=st.data())
def test_a_message_is_within_slacks_limits(build: Callable[..., Message], data: st.DataObject) -> None:
    check(built(build, MESSAGES[build], data))


@pytest.mark.parametrize("build", VIEWS, ids=lambda build: f"{build.__module__}.{build.__name__}")
@quick
@given(data=st.data())
def test_a_view_is_within_slacks_limits(build: Callable[..., dict[str, Any]], data: st.DataObject) -> None:
    check_view(built(build, VIEWS[build], data))


def about(typed: str, status: Status = Status.DECLARED) -> Incident:
    """An incident that says this everywhere."""
    one = incident(service=typed, impact=typed, severity=Severity.SEV1, update=Update(text=typed, by=ANA, at=NOW))
    moved = one if status is Status.DECLARED else one.moved(status, by=ANA, at=after(60))
    return moved.changed(resolution=typed, links=(Link(url=URL, title=typed),))


def over(typed: str) -> Incident:
    return about(typed, Status.RESOLVED)


def alarming(typed: str) -> alert_card.AlertFacts:
    """An alert that says this everywhere, with everything on its card that can be there."""
    alarm = made.alarm(
        name=typed, metric=typed, label=typed, unit=typed, description=typed, children=(typed,) * 100, threshold=1e300
    )
    one = made.alert(
        999_999_999_999_999,
        alarm,
        service=typed,
        reason=typed,
        value=-1e300,
        missing=(typed,) * 9,
        is_known_service=False,
        has_no_data=True,
        parent=999_999_999,
        settling=NOW,
        flaps=9,
        count=9,
        decisions=tuple(made.decision(stage, typed, typed) for stage in Stage),
    )
    return alert_card.AlertFacts(
        one,
        context=Context(owner=typed, runbook=URL, dashboard=URL, console=URL, account=typed, slo=typed),
        incident=about(typed),
        troubles=[Trouble(kind=kind, error=typed, attempts=999_999) for kind in (OwedKind.PAGE, OwedKind.MAIL)] * 2,
        deployments=[
            Deployment(
                source_id="s", id="d", service=typed, state=DeploymentState.FAILED, at=NOW, version=typed, by=typed
            )
        ]
        * 5,
        grouped=999_999,
        in_thread=99_999,
        children=(typed,) * 100,
        silence=typed,
        to_call=typed,
    )


def called(typed: str) -> Paged:
    return Paged(at=NOW, role=Role.MANAGER, name=typed, means=Means.MESSAGE, why_not="it fails (timeout)")


def silenced(typed: str) -> Silence:
    return Silence(id="0a1b2c3d", pattern=typed, by=ANA, why=typed, starts_at=NOW, ends_at=after(7200))


SAYING: dict[str, Callable[[str], Message]] = {
    "alert": lambda typed: alert_card.card(alarming(typed)),
    "acknowledged alert": lambda typed: alert_card.card(
        alarming(typed)._replace(alert=made.acknowledged(about=alarming(typed).alert.alarm, via=typed, service=typed))
    ),
    "alert that is over": lambda typed: alert_card.card(
        alarming(typed)._replace(
            alert=made.over(4_000_000, about=alarming(typed).alert.alarm, value=-1e300, ok_value=1e300, service=typed)
        )
    ),
    "alerts": lambda typed: alert_answers.listing([alarming(typed).alert] * 21, 21, NOW),
    "why": lambda typed: alert_answers.why(alarming(typed).alert),
    "silences": lambda typed: alert_answers.silences(
        [silenced(typed).changed(id=f"{n:08d}") for n in range(25)], [(made.window("w" * 100), NOW)] * 25
    ),
    "digest": lambda typed: digest.shown(digests.saying(typed)),
    "on call": lambda typed: alert_answers.on_call(
        [(f"{typed}{n}", [Duty(role=role, name=f"{n % 30}{typed}", until=NOW) for role in Role]) for n in range(50)]
    ),
    "storm": lambda typed: storm.summary(
        Storm(
            channel="ops",
            window=NOW,
            began_at=NOW,
            alerts=10**9,
            hidden=10**9,
            services={f"{typed}{n}": 10**9 for n in range(50)},
            severities={n: 10**9 for n in range(1, 5)},
        ),
        10**9,
    ),
    "paged": lambda typed: notes.paged("AL-17", called(typed), typed, mentions=True),
    "not paged": lambda typed: notes.not_paged("AL-17", called(typed), mentions=True),
    "called before": lambda typed: notes.called_before(
        "AL-17", Duty(role=Role.MANAGER, name=typed), NOW, "no answer yet", mentions=True
    ),
    "worse": lambda typed: notes.worse(about(typed), Severity.SEV2, alarming(typed).alert),
    "unreadable": lambda typed: notes.unreadable(typed, typed),
    "silence over": lambda typed: notes.silence_over(silenced(typed), 3),
    "declared": lambda typed: templates.declared(about(typed), "https://example.com"),
    "resolved": lambda typed: templates.resolved(over(typed)),
    "card": lambda typed: card.card(card.CardFacts(over(typed), events=[event(text=typed)] * 4)),
    "update": lambda typed: notes.update(about(typed), Status.MONITORING),
    "ended": lambda typed: notes.ended(over(typed), ANA),
    "severity": lambda typed: notes.severity(about(typed), Severity.SEV2, ANA, typed),
    "reopened": lambda typed: notes.reopened(about(typed), ANA, typed),
    "cancelled": lambda typed: notes.cancelled(about(typed), ANA, typed),
    "merged": lambda typed: notes.merged(about(typed), over(typed), ANA),
    "listing": lambda typed: answers.listing([about(typed)] * 20, 21, NOW),
    "choose": lambda typed: answers.choose("Which?", [about(typed)], "d1"),
    "problem": lambda typed: answers.problem(f"You wrote: {typed}", ANA),
    "linked": lambda typed: answers.say(f"Linked on *INC-42*: {escape(clean(typed))}"),
    "page": lambda typed: paging.page(
        Page(
            key="k",
            summary=typed,
            severity=Severity.SEV1,
            service=typed,
            source=typed,
            asked_at=NOW,
            link=URL,
            details={f"{typed}{n}": typed for n in range(12)},
        ),
        Role.PRIMARY,
    ),
    "timeline": lambda typed: answers.timeline(about(typed), [event(text=typed)] * 30, 30),
    "report": lambda typed: report.report(fixes.saying(typed), runbook=URL, can_fix=True),
    "failed investigation": lambda typed: report.report(
        fixes.failed(problem=typed, service=typed), runbook=URL, can_fix=True
    ),
    **{f"{status} remediation": partial(fixes.card_saying, status=status) for status in RemediationStatus},
    "remediations": lambda typed: remediation_notes.listing(
        [fixes.fix_saying(typed)] * 30, [fixes.approval(name=typed, service=typed)] * 30, NOW
    ),
}
ASKING: dict[str, Callable[[str], dict[str, Any]]] = {
    "why": lambda typed: alert_answers.why_view(alarming(typed).alert),
    "resolve anyway": lambda typed: forms.resolve_anyway(about(typed), [typed] * 10, {}),
    "silence": lambda typed: forms.silence(alarming(typed).alert, {}),
    "alert severity": lambda typed: forms.alert_severity(alarming(typed).alert, {}),
    "declare": lambda typed: forms.declare(forms.DeclareDraft(ANA, typed, typed, None, [typed] * 20), {}),
    "update": lambda typed: forms.update(about(typed), {}, typed),
    "severity": lambda typed: forms.severity(about(typed), {}),
    "severity_overtaken": lambda typed: forms.severity_overtaken(
        about(typed), Severity.SEV4, typed, {}, event(text=typed)
    ),
    "resolution": lambda typed: forms.resolution(over(typed), {}),
    "add": lambda typed: forms.add_to_timeline([about(typed)], about(typed), typed, {}),
    "timeline": lambda typed: timeline.page(about(typed), [(1, event(text=typed))] * (timeline.PAGE + 1), 99),
    "evidence": lambda typed: evidence.evidence_pages(fixes.saying(typed)),
    "revision": lambda typed: forms.choose_revision(
        [Choice(f"web:{n}", NOW, typed, (typed,) * 9, True) for n in range(12)], typed, {}, typed
    ),
    "runbook": lambda typed: forms.choose_runbook({"AIOps-PurgeSQSDLQ": typed}, {}, typed),
}


@pytest.mark.parametrize("what", SAYING)
def test_the_nastiest_texts_fit_in_every_message(what: str) -> None:
    for typed in NASTY:
        check(SAYING[what](typed))


@pytest.mark.parametrize("what", ASKING)
def test_the_nastiest_texts_fit_in_every_form(what: str) -> None:
    for typed in NASTY:
        check_view(ASKING[what](typed))


@quick
@given(chosen=st.integers(0, 99), many=some, text=texts)
def test_the_offered_incident_is_one_of_those_on_offer(chosen: int, many: list[Incident], text: str) -> None:
    first = many[chosen % len(many)]
    check_view(forms.add_to_timeline(many, first, text, {"source": None}))


@quick
@given(one=events)
@example(
    one=TimelineEvent(incident=1, at=NOW, kind=EventKind.MESSAGE, text="🔥" * 3000, actor=ANA, about=ANA, source=URL)
)
def test_thirty_long_events_fit_in_a_message_and_a_page_of_them_in_a_modal(one: TimelineEvent) -> None:
    check(answers.timeline(incident(), [one] * 30, 30))
    check_view(
        timeline.page(incident(999_999_999), [(n, one) for n in range(timeline.PAGE + 1)], 9_999, is_newest=False)
    )


def test_the_help_page_shows_every_command_whole() -> None:
    lines = [answers.HelpLine(row.group, row.summary, row.example) for row in SUBCOMMANDS]
    for here in (None, "INC-999999999"):
        message = answers.help_page(lines, here)
        check(message)
        words = "\n".join(strings(message.blocks))
        assert [row.example for row in SUBCOMMANDS if row.example not in words] == []
        assert "…\n" not in words
        assert not words.endswith("…"), "nothing was cut off"


def test_the_help_on_each_command_fits() -> None:
    for row in SUBCOMMANDS:
        message = answers.help_on(row.name, row.usage, row.summary, row.example, row.aliases)
        check(message)
        assert all(alias in message.text for alias in row.aliases)


def test_every_id_of_an_input_is_a_field_that_errors_can_name() -> None:
    """Each modal's inputs carry the block ids of `Input`, each once, with one action id inside."""
    one = incident()
    for view in (
        forms.declare(forms.DeclareDraft(ANA), {}),
        forms.update(one, {}),
        forms.severity(one, {}),
        forms.resolution(one, {}),
        forms.add_to_timeline([one], None, "", {}),
        forms.resolve_anyway(one, ["an-alarm: ALARM"], {}),
        forms.silence(made.alert(), {}),
        forms.alert_severity(made.alert(), {}),
        forms.choose_revision(fixes.CHOICES, "checkout-api", {}),
        forms.choose_runbook({"AIOps-PurgeSQSDLQ": "moves messages"}, {}),
    ):
        fields = [block for block in view["blocks"] if block["type"] == "input"]
        assert fields
        assert all(block["block_id"] in set(Input) for block in fields)
        assert {block["element"]["action_id"] for block in fields} == {VALUE}


def test_no_block_is_built_outside_of_blocks() -> None:
    """Block Kit comes from this package alone, so that what is tested here is all there is."""
    root = Path(__file__).parents[2]
    built = []
    for path in [*root.glob("bot/**/*.py"), *root.glob("commands/*.py"), *root.glob("jobs/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                literal = {
                    k.value: v.value for k, v in pairs if isinstance(k, ast.Constant) and isinstance(v, ast.Constant)
                }
                if literal.get("type") in ("section", "context", "actions", "header", "rich_text", "modal", "home"):
                    built.append(f"{path.relative_to(root)}:{node.lineno}")
    assert built == []
