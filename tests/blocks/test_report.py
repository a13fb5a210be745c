"""The report of an investigation and its evidence: what they say in each state, and that nothing foreign is markup."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from blocks import rich
from blocks.evidence import evidence_pages
from blocks.ids import Action
from blocks.report import buttons, for_mail, line, report, title
from bot.models import Action as Remedy
from bot.models import (
    Asked,
    Cause,
    ChangeKind,
    Investigation,
    Made,
    Measure,
    Message,
    Reading,
    Severity,
    Source,
    SourceOutcome,
    Suspect,
)
from bot.models.evidence import Tasks
from tests.blocks.fixes import (
    RUNBOOK,
    access,
    deployment,
    diagnosis,
    evidence,
    failed,
    investigation,
    investigations,
    saying,
)
from tests.blocks.texts import NASTY, angled, elements
from tests.bot.make import ANA, BOB, NOW, after


def words_of(node: Any) -> str:
    """All the words in blocks, a block a line."""
    found = []
    for block in node:
        if block["type"] == "rich_text":
            sections = [*elements(block, "rich_text_section"), *elements(block, "rich_text_preformatted")]
            found += [_plain(each["elements"]) for each in sections]
        else:
            found += [str(each["text"]) for kind in ("plain_text", "mrkdwn") for each in elements(block, kind)]
    return "\n".join(found).replace("\u00a0", " ")


def _plain(pieces: list[dict[str, Any]]) -> str:
    return "".join(str(each["text"]) if each["type"] == "text" else rich.flat([each]) for each in pieces)


def reported(one: Investigation, **given: Any) -> Message:
    return report(one, **{"runbook": RUNBOOK, "can_fix": True, **given})


def shown(one: Investigation, **given: Any) -> str:
    return words_of(reported(one, **given).blocks)


def labels(one: Investigation, *, can_fix: bool = True, document: str = "") -> list[str]:
    return [each["text"]["text"] for each in buttons(one, can_fix=can_fix, document=document)]


# -- what it says


def test_the_report_says_the_cause_what_speaks_for_it_and_what_to_do() -> None:
    message = reported(investigation())
    words = words_of(message.blocks)
    assert message.blocks[0]["text"]["text"] == "🔎 Most likely: bad deployment (more than 10 errors) · confidence 0.93"
    assert "212 errors in 10 min (0 in the hour before): KeyError: 'currency' × 198\n" in words
    assert (
        "deployed web:57 (was web:56) by ci-deployer: 3 min before the first error, same service "
        "← change ranked 1 of 2 (0.81)" in words
    )
    assert "Not it: CPU: 31 % is usual (28 ± 6 %) · AWS Health: nothing of ours" in words
    assert "⚠ Not looked at: X-Ray — not permitted: xray:GetTraceSummaries · AWS Health — failed: no answer" in words
    by_hand = "By hand: Investigate, see docs/runbooks/errors-many.md"
    assert f"Recommended: roll back to web:56\n{by_hand} · <{RUNBOOK}|Runbook of checkout-api>" in words
    linked = shown(investigation(), pages="https://git.example.com/docs/runbooks/")
    assert "see <https://git.example.com/docs/runbooks/errors-many.md|errors-many.md> · <" in linked
    assert "RCA-7 for AL-17 · checkout-api · looked at <!date^" in words
    assert " · took 12 s · the response matrix rates this cause SEV-1, above the alert's · asked by <@U0BOB>" in words


def test_what_stands_between_backticks_is_code() -> None:
    one = investigation(
        diagnosis=diagnosis(findings=("3 errors in 2 min: `KeyError: 'a'` × 3, `TypeError` × 1", "odd ` one"))
    )
    message = reported(one)
    code = [each["text"] for each in elements(message.blocks, "text") if each.get("style", {}).get("code")]
    assert code[:2] == ["KeyError: 'a'", "TypeError"]
    assert "3 errors in 2 min: KeyError: 'a' × 3, TypeError × 1" in words_of(message.blocks)
    assert "odd ' one" in words_of(message.blocks)
    assert "`" not in words_of(message.blocks)


def test_how_long_it_took_is_never_nothing() -> None:
    asked = (Asked(source=Source.LOGS, outcome=SourceOutcome.FOUND, seconds=0.74),)
    slowest = investigation(done_at=after(600), evidence=evidence(asked=asked))
    assert " · took 0.7 s · " in shown(slowest), "as long as the slowest source"
    bare = evidence(asked=())
    assert " · took 0.1 s · " in shown(investigation(done_at=after(600), evidence=bare))


def test_what_the_matrix_has_no_row_for_has_a_title_of_its_own() -> None:
    one = investigation(diagnosis=diagnosis(cause=Cause.UNKNOWN, title="no task runs", action=None, suspects=()))
    assert title(one) == "🔎 Most likely: no task runs · confidence 0.93"
    assert "Not it" in labels(one)
    assert line(one).endswith("no task runs (0.93)")


def test_on_a_lock_screen_it_says_what_how_bad_where_and_what_to_do() -> None:
    assert reported(investigation()).text == (
        "🔎 Most likely: bad deployment (more than 10 errors) · confidence 0.93 — SEV-2, checkout-api. "
        "Recommended: roll back to web:56"
    )


def test_a_change_that_a_finding_names_is_marked_there_and_not_told_twice() -> None:
    words = shown(investigation(diagnosis=diagnosis(findings=("errors began 3 min after web:57",))))
    assert "errors began 3 min after web:57 ← change ranked 1 of 2 (0.81)" in words
    assert "deployed web:57" not in words


def test_changes_nearly_as_likely_are_shown_the_others_are_in_the_evidence() -> None:
    near = Suspect(change=access(), score=0.5)
    words = shown(investigation(diagnosis=diagnosis(suspects=(*diagnosis().suspects[:1], near))))
    assert "AuthorizeSecurityGroupIngress on sg-0a1b2c3d by kim.porter, 25 min before it began" in words
    assert "← change ranked 2 of 2 (0.50)" in words
    assert "AuthorizeSecurityGroupIngress" not in shown(investigation())


@pytest.mark.parametrize(
    ("cause", "action", "said"),
    [
        (Cause.CPU, Remedy.SCALE_UP, "high CPU"),
        (Cause.MEMORY_LEAK, Remedy.RESTART, "memory leak"),
        (Cause.FEW_ERRORS, None, "errors (10 or fewer)"),
        (Cause.SLOW, Remedy.SCALE_UP, "slow response"),
    ],
)
def test_each_cause_has_its_words(cause: Cause, action: Remedy | None, said: str) -> None:
    one = investigation(diagnosis=diagnosis(cause=cause, action=action))
    assert title(one) == f"🔎 Most likely: {said} · confidence 0.93"


def test_many_errors_without_a_deployment_are_no_bad_deployment() -> None:
    one = investigation(diagnosis=diagnosis(suspects=()))
    assert title(one).startswith("🔎 Most likely: errors (more than 10)")
    assert "Recommended: roll back\n" in shown(one), "the revision is not known yet"


def test_where_nobody_knows_what_was_there_before_it_says_from_what_to_roll_back() -> None:
    pointed = Made(kind=ChangeKind.DEPLOYMENT, what="UpdateAlias", target="charge", at=NOW, after="live:3")
    one = investigation(diagnosis=diagnosis(suspects=(Suspect(change=pointed, score=0.8),)))
    assert "Recommended: roll back from live:3\n" in shown(one)


def test_without_a_cause_it_says_so_and_there_is_nothing_to_dismiss() -> None:
    nothing = {"findings": (), "suspects": (), "action": None, "advice": "", "confidence": 0.0}
    one = investigation(diagnosis=diagnosis(cause=Cause.UNKNOWN, **nothing))
    words = shown(one, runbook=None)
    assert words.startswith("🔎 No likely cause found")
    assert "Nothing stands out" in words
    assert "By hand: the standard investigation, see docs/runbooks/unknown.md" in words
    assert labels(one) == ["Show evidence", "Look again"]


def test_a_long_list_ends_between_its_entries() -> None:
    entries = tuple(f"number {n}: {'word ' * (n + 30)}".strip() for n in range(12))
    words = shown(investigation(diagnosis=diagnosis(excluded=entries)))
    (said,) = (each for each in words.splitlines() if each.startswith("Not it: "))
    *told, more = said.removeprefix("Not it: ").split(" · ")
    assert told == list(entries[: len(told)])
    assert more == f"and {12 - len(told)} more"
    assert len(told) >= 6
    two = shown(investigation(diagnosis=diagnosis(excluded=entries[:2])))
    assert f"Not it: {entries[0]} · {entries[1]}\n" in two


def test_the_matrixs_rating_is_told_only_where_it_is_worse() -> None:
    assert "the response matrix rates" not in shown(investigation(severity=Severity.SEV1))
    milder = investigation(severity=Severity.SEV1, diagnosis=diagnosis(severity=Severity.SEV3))
    assert "the response matrix rates" not in shown(milder)


def test_sources_that_failed_are_named_even_where_the_diagnosis_is_silent() -> None:
    assert "⚠ Not looked at: X-Ray — not permitted: xray" in shown(investigation(diagnosis=diagnosis(unseen=())))


def test_one_that_failed_says_why_and_how_to_go_on() -> None:
    words = shown(failed())
    assert words.startswith("⚠ Could not look for the cause of AL-17\nNo source answered: the credentials")
    assert f"By hand: <{RUNBOOK}|Runbook of checkout-api>" in words
    assert labels(failed()) == ["Look again"]
    assert "credentials of shop-prod are refused" in reported(failed()).text


def test_a_dismissed_one_keeps_what_was_found_and_recommends_nothing() -> None:
    one = investigation(is_dismissed=True)
    words = shown(one)
    assert words.startswith("⚪ Dismissed: bad deployment (more than 10 errors)")
    assert "212 errors in 10 min" in words
    assert "Recommended" not in words
    assert labels(one) == ["Show evidence", "Look again"]


def test_one_that_began_by_itself_mentions_nobody() -> None:
    message = reported(investigation(by=None))
    assert elements(message.blocks, "user") == []
    assert "began by itself" in words_of(message.blocks)
    assert "<@" not in words_of(message.blocks)


# -- its buttons


def test_the_buttons_carry_the_subject_to_fix_and_the_number_of_the_investigation() -> None:
    found = [(each["action_id"], each["value"]) for each in buttons(investigation(), can_fix=True)]
    assert found == [
        (Action.ROLLBACK, "AL-17"),
        (Action.RCA_EVIDENCE, "7"),
        (Action.RCA_DISMISS, "7"),
        (Action.RCA_RUN, "7"),
    ]


def test_what_the_bot_may_not_change_has_no_button() -> None:
    assert labels(investigation(), can_fix=False) == ["Show evidence", "Not it", "Look again"]
    assert "Recommended: roll back to web:56" in shown(investigation(), can_fix=False)


@pytest.mark.parametrize(("action", "said"), [(Remedy.SCALE_UP, "Scale up…"), (Remedy.RESTART, "Restart…")])
def test_what_the_matrix_recommends_comes_first(action: Remedy, said: str) -> None:
    first = buttons(investigation(diagnosis=diagnosis(cause=Cause.CPU, action=action)), can_fix=True)[0]
    assert (first["text"]["text"], first["style"]) == (said, "primary")


def test_a_leak_that_a_deployment_brought_offers_the_rollback_too() -> None:
    one = investigation(diagnosis=diagnosis(cause=Cause.MEMORY_LEAK, action=Remedy.RESTART))
    assert labels(one)[:2] == ["Restart…", "Roll back…"]
    one = investigation(diagnosis=diagnosis(cause=Cause.MEMORY_LEAK, action=Remedy.ROLLBACK))
    assert labels(one).count("Roll back…") == 1
    other = Suspect(change=deployment(kind=ChangeKind.ACCESS), score=0.9)
    one = investigation(diagnosis=diagnosis(cause=Cause.MEMORY_LEAK, action=Remedy.RESTART, suspects=(other,)))
    assert "Roll back…" not in labels(one)


@pytest.mark.parametrize("action", [None, Remedy.RUNBOOK])
def test_a_runbook_that_fits_is_recommended_with_its_button(action: Remedy | None) -> None:
    one = investigation(diagnosis=diagnosis(cause=Cause.UNKNOWN, action=action))
    first = buttons(one, can_fix=True, document="AIOps-PurgeSQSDLQ")[0]
    assert (first["action_id"], first["value"]) == (Action.RUN, "AIOps-PurgeSQSDLQ|AL-17")
    assert first["text"]["text"] == "Run AIOps-PurgeSQSDLQ…"
    words = shown(one, document="AIOps-PurgeSQSDLQ")
    assert "Recommended: run AIOps-PurgeSQSDLQ\n" in words
    assert "By hand: Take the steps of AIOps-PurgeSQSDLQ, see docs/runbooks/AIOps-PurgeSQSDLQ.md" in words
    mail = for_mail(one, "AIOps-PurgeSQSDLQ")
    assert "Recommended: run AIOps-PurgeSQSDLQ\nBy hand: Take the steps of AIOps-PurgeSQSDLQ" in mail


def test_what_the_alarm_measures_heads_a_report_without_a_cause() -> None:
    waiting = Reading(measure=Measure.OTHER, metric="AWS/SQS X", name="messages in DLQ", now=412, peak=412)
    unknown = diagnosis(cause=Cause.UNKNOWN, findings=("messages in DLQ: 412 (limit 100)",), action=None)
    one = investigation(diagnosis=unknown, evidence=evidence(readings=(waiting,)))
    assert title(one) == "🔎 messages in DLQ: 412 (limit 100) · No likely cause found"


def test_who_said_that_it_is_not_it_is_named() -> None:
    assert "<@U0BOB> said that this is not it." in shown(investigation(is_dismissed=True, dismissed_by=BOB))


# -- in a line, as a mail


def test_it_fits_in_a_line_of_the_timeline() -> None:
    assert line(investigation()) == "bad deployment (more than 10 errors) (0.93), after: deployed web:57"
    assert line(investigation(is_dismissed=True)) == ("not bad deployment (more than 10 errors) (0.93), dismissed")
    assert line(failed()).startswith("could not be looked for: No source answered")
    assert line(failed(problem="")) == "could not be looked for"


def test_a_mail_says_the_same_in_plain_text() -> None:
    text = for_mail(investigation())
    assert text.startswith(
        "🔎 Most likely: bad deployment (more than 10 errors) · confidence 0.93\n\nFor: AL-17 (SEV-2"
    )
    assert "What speaks for it:\n  - 212 errors in 10 min" in text
    assert "  - deployed web:57 by ci-deployer, 02:56:40 UTC, score 0.81: 3 min before the first error" in text
    assert "Recommended: roll back to web:56\nBy hand: Investigate" in text
    assert "Not looked at:\n  - X-Ray — not permitted" in text
    assert "Problem: No source answered" in for_mail(failed())
    assert "Recommended" not in for_mail(investigation(is_dismissed=True))


# -- the evidence


def test_the_evidence_lines_the_numbers_up_in_one_unit() -> None:
    table = elements(evidence_pages(investigation())["blocks"], "rich_text_preformatted")[0]["elements"][0]["text"]
    rows = table.splitlines()
    assert len({len(row) for row in rows}) == 1
    assert rows[0].split() == ["now", "before", "expected"]
    assert not any("86784" in row for row in rows)
    assert rows[3].split() == ["errors", "212", "0", "0.20", "±", "0.50"]
    assert " ".join(rows[4].split()) == "p99 latency 2.41 s 0.38 s 0.40 s"
    assert rows[5].split() == ["running", "tasks", "6", "6", "–"]
    assert max(map(len, rows)) <= 44, "wider lines break on a phone"


def test_sums_of_the_hour_before_are_of_as_long_and_numbers_have_three_digits() -> None:
    readings = (
        Reading(measure=Measure.REQUESTS, now=900, peak=450, before=18_000),
        Reading(measure=Measure.MEMORY, unit="%", now=51.86784, peak=53.5, before=51.9),
        Reading(measure=Measure.LATENCY, unit="s", now=0.957, peak=1, before=0.006, statistic="Average"),
        Reading(measure=Measure.OTHER, metric="Legacy/Fax SpoolLength", now=412, peak=412),
        Reading(measure=Measure.ERRORS, now=135.6367, peak=1050.5366),
    )
    found = evidence(readings=readings)
    found = found.model_copy(update={"counted_since": found.until - timedelta(minutes=2)})
    view = evidence_pages(investigation(evidence=found))
    table = elements(view["blocks"], "rich_text_preformatted")[0]["elements"][0]["text"].splitlines()
    assert table[1].split() == ["requests", "900", "600", "–"]
    assert table[2].split()[:3] == ["memory", "51.9", "%"]
    assert table[3].startswith("average latency")
    assert table[4].split()[:2] == ["SpoolLength", "412"]
    assert table[5].split()[:2] == ["errors", "136"]
    said = words_of(view["blocks"])
    since = int(found.counted_since.timestamp()) if found.counted_since else 0
    assert f"now: from <!date^{since}^{{time_secs}}|" in said
    assert "> on, 2 min\n" in said


def test_what_is_counted_is_whole_and_the_worst_is_of_a_minute() -> None:
    readings = (
        Reading(measure=Measure.TASKS, now=4.43, peak=3.0, before=4.43, expected=4.43, deviation=0.2),
        Reading(measure=Measure.ERRORS, now=135.6367, peak=61.4, before=44, threshold=10),
    )
    found = evidence(readings=readings)
    found = found.model_copy(update={"counted_since": found.until - timedelta(minutes=2)})
    view = evidence_pages(investigation(evidence=found))
    table = elements(view["blocks"], "rich_text_preformatted")[0]["elements"][0]["text"].splitlines()
    assert [line.split()[-3:] for line in table[1:]] == [["4", "4", "4"], ["136", "1", "–"]]
    assert "At worst: running tasks 3 · errors 61/min (limit 10)" in words_of(view["blocks"])


def test_that_tasks_do_not_run_is_evidence() -> None:
    found = evidence(tasks=Tasks(running=0, wanted=2), why_stopped=("CannotPullContainerError: not found",))
    words = words_of(evidence_pages(investigation(evidence=found))["blocks"])
    assert "0 of 2 tasks run" in words
    assert "a task stopped: CannotPullContainerError: not found" in words


def test_the_evidence_shows_lines_changes_traces_health_and_every_source() -> None:
    words = words_of(evidence_pages(investigation())["blocks"])
    for said in (
        "At worst: CPU 44 % · memory 45.5 % · errors 61/min (limit 10) · p99 latency 2.90 s (limit 0.80 s) · running",
        "198 × KeyError: 'currency' (exception; 0 in the hour before), first <!date^",
        'File "/app/pay.py", line 88, in charge',
        "deployed web:57 (was web:56) by ci-deployer: 3 min before the first error, same service",
        "AuthorizeSecurityGroupIngress on sg-0a1b2c3d by kim.porter",
        "1,240 traces: 212 faults, 3 errors, 0 throttled, p99 2.41 s",
        "calls payments: 4 faults",
        "EC2: Increased API error rates · since <!date^",
        "⚠ X-Ray: not permitted — xray:GetTraceSummaries · 0.1 s, 1 call",
        "Metrics: found — 5 metrics · 0.8 s, 2 calls · <https://eu-west-1.console",
    ):
        assert said in words
    assert words.index("⚠ X-Ray") < words.index("Metrics: found"), "what could not be asked comes first"


def test_changes_that_nobody_suspects_are_evidence_too() -> None:
    words = words_of(evidence_pages(investigation(diagnosis=None))["blocks"])
    assert "Changes\n" in words
    assert "deployed web:57 (was web:56) by ci-deployer, 3 min 20 s before it began" in words
    late = evidence(changes=(deployment(at=after(60)),))
    assert "1 min after it began" in words_of(evidence_pages(investigation(diagnosis=None, evidence=late))["blocks"])


def test_changes_that_nothing_speaks_for_come_newest_first() -> None:
    found = evidence(changes=tuple(deployment(at=after(at), what=f"deployed web:{at}") for at in (-90, -30, -60)))
    words = words_of(evidence_pages(investigation(diagnosis=None, evidence=found))["blocks"])
    assert words.index("web:-30") < words.index("web:-60") < words.index("web:-90")


def test_what_does_not_fit_is_counted() -> None:
    many = evidence(readings=(Reading(measure=Measure.CPU, unit="%", now=1, peak=1),) * 40)
    words = words_of(evidence_pages(investigation(evidence=many))["blocks"])
    assert "Metrics  the first ones; 25 more are stored" in words


def test_an_address_that_is_none_is_no_link() -> None:
    asked = Asked(source=Source.LOGS, outcome=SourceOutcome.FOUND, link="javascript:alert(1)")
    view = evidence_pages(investigation(evidence=evidence(asked=(asked,), changes=()), diagnosis=None))
    assert elements(view["blocks"], "link") == []


def test_what_was_not_found_has_no_heading() -> None:
    bare = evidence(readings=(), logs=(), changes=(), health=(), asked=(), traces=None)
    words = words_of(evidence_pages(investigation(evidence=bare, diagnosis=None))["blocks"])
    assert len(words.splitlines()) == 1
    near = investigation(evidence=None, diagnosis=diagnosis(suspects=(Suspect(change=deployment(), score=0.5),)))
    assert "by ci-deployer ← the only change (0.50)" in shown(near), "when it began is not known"


def test_without_evidence_the_modal_says_so() -> None:
    assert "Nothing was collected." in words_of(evidence_pages(failed())["blocks"])


def test_tasks_that_stopped_for_memory_are_told() -> None:
    words = words_of(evidence_pages(investigation(evidence=evidence(stopped=3, logs=())))["blocks"])
    assert "3 ECS tasks stopped for want of memory" in words


# -- nothing foreign is markup


def is_inert(message: Message) -> bool:
    """Nothing in it mentions, links or formats but what we wrote."""
    own = {"<@U0BOB>", f"<@{ANA}>"}
    marked = [each for each in angled(message.text) if not each.startswith("<!date^")]
    found = elements(message.blocks, "mrkdwn")
    marked += [each for one in found for each in angled(one["text"]) if not each.startswith("<!date^")]
    return set(marked) <= own and all(one["verbatim"] for one in found)


@pytest.mark.parametrize("typed", NASTY)
def test_hostile_words_mention_nobody(typed: str) -> None:
    for one in (saying(typed), failed(problem=typed, service=typed)):
        message = reported(one, runbook=None)
        assert is_inert(message)
        assert elements(message.blocks, "broadcast") == elements(message.blocks, "usergroup") == []
        assert {each["user_id"] for each in elements(message.blocks, "user")} <= {BOB}
    assert elements(evidence_pages(saying(typed)), "mrkdwn") == []
    assert "\n" not in line(saying(typed))


@settings(deadline=None, max_examples=25)
@given(one=investigations)
def test_a_mail_can_be_made_of_anything(one: Investigation) -> None:
    assert for_mail(one).strip()
    assert "\n" not in line(one)
    assert len(line(one)) <= 300


def test_a_worse_matrix_severity_is_only_told_where_it_differs() -> None:
    assert "response matrix" not in shown(investigation(severity=Severity.SEV1))
