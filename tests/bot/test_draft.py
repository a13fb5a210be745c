"""The draft of a post-mortem: all that is known is in it, nothing foreign takes effect in it, and it is quick."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks import markdown
from bot import draft
from bot.draft import Earlier, Known, alike
from bot.handbook import template
from bot.models import (
    Action,
    Asked,
    Cause,
    Diagnosis,
    EventKind,
    Evidence,
    Incident,
    Investigation,
    InvestigationStatus,
    Order,
    RemediationStatus,
    Section,
    SectionName,
    Severity,
    Source,
    SourceOutcome,
    Status,
)
from bot.page_template import BUILT_IN, KNOWN, checked, filled
from tests.blocks.texts import elements, texts
from tests.bot.fixing import done
from tests.bot.make import ANA, BOB, CY, NOW, action_item, after, alert, event, incident, post_mortem

BERLIN = ZoneInfo("Europe/Berlin")
ROOT = Path(__file__).parents[2]


def over(number: int = 1, **values: Any) -> Incident:
    facts: dict[str, Any] = {"severity": Severity.SEV1, "status": Status.RESOLVED, "resolution": "rolled back web:57"}
    times = {"acknowledged_at": after(120), "acknowledged_by": BOB, "resolved_at": after(3600), "resolved_by": BOB}
    return incident(number, **{**facts, **times, **values})


def investigation(number: int = 3, cause: Cause = Cause.MANY_ERRORS, **values: Any) -> Investigation:
    diagnosis = Diagnosis(
        cause=cause, severity=Severity.SEV1, confidence=0.93, findings=("212 exceptions in 10 min",), excluded=("CPU",)
    )
    facts: dict[str, Any] = {"subject": "INC-1", "service": "checkout-api", "severity": Severity.SEV1, "asked_at": NOW}
    return Investigation(
        number=number, **{**facts, "status": InvestigationStatus.DONE, "diagnosis": diagnosis, **values}
    )


def known(**values: Any) -> Known:
    names = {ANA: "Ana", BOB: "Bob", CY: "Cy"}
    return Known(**{"incident": over(), "zone": BERLIN, "owner": ANA, "names": names, **values})


def page(facts: Known, **values: Any) -> str:
    return draft.page(facts, post_mortem(**values), BUILT_IN)


def test_it_says_who_did_what_when_in_the_services_zone() -> None:
    events = [
        event(kind=EventKind.DECLARED, text="SEV-1, checkout-api"),
        event(kind=EventKind.STATUS, actor=BOB, at=after(1800), text="investigating → monitoring"),
        event(kind=EventKind.UPDATE, actor=BOB, at=after(1900), text="half of it is back"),
        event(kind=EventKind.RESOLVED, actor=BOB, at=after(3600), text="rolled back"),
    ]
    text = page(known(events=events))
    assert "- 2026-11-22 04:00:00 declared by Ana: SEV-1, checkout-api" in text
    assert text.index("| Time zone | Europe/Berlin |") < text.index("| Started | 2026-11-22 04:00:00 |")
    assert text.count("Europe/Berlin") == 1
    assert "| Time to acknowledge | 2 min |" in text
    assert "| Time to mitigate | 30 min |" in text
    assert "| Time to resolve | 1 h |" in text
    assert "- 2026-11-22 04:31:40, Bob: half of it is back" in text
    assert "- Bob: acknowledged it, resolved it" in text
    assert "{{" not in text


def test_alarms_come_with_their_values_causes_with_their_evidence_and_fixes_with_their_verdict() -> None:
    fired = alert(1, fired_at=NOW, over_at=after(1200), value=2.41, ok_value=0.31)
    order = Order(action=Action.ROLLBACK, service="checkout-api")
    verified = {"status": RemediationStatus.VERIFIED, "verdict": ("errors: 212 → 0",), "finished_at": after(900)}
    fix = done(12, order=order).changed(**verified)
    text = page(known(alerts=[fired], investigations=[investigation()], remediations=[fix]))
    assert "| AL-1 prod-shop-latency1-medium | 2026-11-22 04:00:00 |" in text
    assert "212 exceptions in 10 min" in text
    assert "confidence 0.93, RCA-3" in text
    assert "web:57 → web:56" in text
    assert "; verified: errors: 212 → 0" in text
    assert "verified; verified" not in text
    assert "| Time to mitigate | 15 min |" in text


def test_one_second_in_which_a_person_is_paged_for_two_alerts_is_one_line() -> None:
    paged = [
        event(kind=EventKind.PAGED, actor=None, about=BOB, text="primary, by PagerDuty", at=after(n))
        for n in (0, 0.4, 1)
    ]
    assert page(known(events=paged)).count("paged Bob as primary, by PagerDuty") == 2


def test_what_was_verified_after_the_alarms_were_ok_mitigated_no_later_than_that() -> None:
    late = done(12).changed(status=RemediationStatus.VERIFIED, finished_at=after(3660))
    assert "| Time to mitigate | 1 h |" in page(known(remediations=[late]))


def seen(link: str) -> Investigation:
    """With metrics that can be looked at in AWS."""
    asked = Asked(source=Source.METRICS, outcome=SourceOutcome.FOUND, link=link)
    evidence = Evidence(service="checkout-api", began_at=NOW, since=NOW, until=after(600), asked=(asked,))
    return investigation(evidence=evidence)


def test_an_address_with_parentheses_is_still_one_link() -> None:
    text = page(known(investigations=[seen("https://aws.example/#g=~(metrics~(a))")]))
    assert text.endswith("\n\n[metrics of RCA-3]: https://aws.example/#g=~%28metrics~%28a%29%29\n")


def test_long_addresses_stand_at_the_end_and_not_in_the_form_of_a_section() -> None:
    address = f"https://aws.example/{'a' * 900}"
    facts = known(investigations=[seen(address)])
    drafted = draft.section(facts, post_mortem(), SectionName.ROOT_CAUSE)
    assert drafted.endswith("Seen in: [metrics of RCA-3].")
    assert address not in drafted
    kept = Section(name=SectionName.ROOT_CAUSE, text=f"It was me. {drafted}", by=ANA, at=NOW)
    assert page(facts, sections=(kept,)).count(address) == 1
    (shown,) = [each for each in elements(markdown.blocks(page(facts)), "link")]
    assert (shown["url"], shown["text"]) == (address, "metrics of RCA-3")
    kept = kept.model_copy(update={"text": "It was me."})
    assert address not in page(facts, sections=(kept,)), "somebody took it out"


def test_log_lines_of_findings_are_code_and_what_stands_around_them_is_inert() -> None:
    said = "212 exceptions: `KeyError: '*x*'` × 198, *not* `<@U0ANA>` | @ana"
    diagnosis = Diagnosis(cause=Cause.MANY_ERRORS, severity=Severity.SEV1, confidence=0.9, findings=(said, "a ` b"))
    text = page(known(investigations=[investigation(diagnosis=diagnosis)]))
    assert "- 212 exceptions: `KeyError: '*x*'` × 198, \\*not\\* `<@U0ANA>` \\| @\u2060ana\n- a \\` b\n" in text
    code = [each["text"] for each in elements(markdown.blocks(text), "text") if each.get("style", {}).get("code")]
    assert code == ["KeyError: '*x*'", "<@U0ANA>"]


def test_what_nobody_knows_is_to_be_written_and_what_is_written_stands() -> None:
    facts = known()
    assert draft.missing(facts, post_mortem()) == [
        SectionName.TIMELINE,
        SectionName.ROOT_CAUSE,
        SectionName.FACTORS,
    ]
    mine = Section(name=SectionName.ROOT_CAUSE, text="# It was *me*", by=ANA, at=NOW)
    ahead = Section(name=SectionName.IMPACT, text="Nobody could pay.", by=ANA, at=NOW, is_added=True)
    text = page(facts, sections=(mine, ahead))
    assert "# It was *me*" in text
    assert "Nobody could pay.\n\n> payments fail" in text


def test_a_dismissed_report_is_no_cause() -> None:
    facts = known(investigations=[investigation(is_dismissed=True), investigation(2, Cause.SLOW)])
    assert "RCA-2" in draft.section(facts, post_mortem(), SectionName.ROOT_CAUSE)


def test_action_items_are_listed_with_owner_day_priority_and_issue() -> None:
    items = [action_item(1, url="https://github.example/12"), action_item(2, is_open=False)]
    text = page(known(actions=items))
    assert "| [AI-1](https://github.example/12) | alarm on the pool | Bob | 2026-12-02 | P2 | open |" in text
    assert "| AI-2 | alarm on the pool | Bob | 2026-12-02 | P2 | done |" in text


@given(texts, texts, texts)
def test_foreign_words_mention_nobody_and_format_nothing(service: str, impact: str, said: str) -> None:
    one = over(service=service, impact=impact)
    timeline = draft.section(known(incident=one, events=[event(text=said)]), post_mortem(), SectionName.TIMELINE)
    text = draft.page(known(incident=one, events=[event(text=said)]), post_mortem(), BUILT_IN)
    assert "<" not in timeline
    assert "\n" not in timeline, "one line each"
    for mention in ("@channel", "@here", "@everyone", "<!"):
        assert mention not in text
    assert text.startswith("# INC-1: ")


@pytest.mark.parametrize("count", [5_000, 10_000])
def test_a_long_timeline_is_quick_whole_in_the_file_and_folded_in_slack(count: int) -> None:
    events = [event(at=after(number), text=f"line number {number} of many") for number in range(count)]
    facts = known(events=events)
    started = time.thread_time()
    text = page(facts)
    took = time.thread_time() - started
    assert took < 1.0 * count / 5_000, f"{took:.2f} s"
    assert text.count("of many") == count
    shown = draft.folded(draft.section(facts, post_mortem(), SectionName.TIMELINE))
    assert shown.count("\n") == draft.SHOWN_LINES
    assert f"{count - draft.SHOWN_LINES:,} more lines" in shown


def test_what_ended_it_is_no_fix() -> None:
    by_alarms = over(resolution="prod-cpu is OK again", resolved_by=None, is_closed_by_alarm=True)
    order = Order(action=Action.ROLLBACK, service="checkout-api")
    fix = done(12, order=order).changed(status=RemediationStatus.VERIFIED, finished_at=after(900))
    summary = draft.section(known(incident=by_alarms), post_mortem(), SectionName.SUMMARY)
    assert summary.endswith("It took 1 h. Ended: prod-cpu is OK again.")
    fixed = draft.section(known(incident=by_alarms, remediations=[fix]), post_mortem(), SectionName.SUMMARY)
    assert "Ended: prod-cpu is OK again. Fixed by: FIX-12, " in fixed
    despite = over(resolution="", despite="the alarm measures the old cluster")
    summary = draft.section(known(incident=despite), post_mortem(), SectionName.SUMMARY)
    assert "Ended: the alarm measures the old cluster." in summary
    assert "Fixed by" not in summary
    assert "Fixed by: rolled back web:57." in draft.section(known(), post_mortem(), SectionName.SUMMARY)


def test_what_the_bot_had_trouble_with_or_asked_for_is_not_filed() -> None:
    events = [
        event(kind=EventKind.NOTE, text="cache was cold"),
        event(kind=EventKind.TROUBLE, text="the issue for AI-8 is not there yet: timeout"),
        event(kind=EventKind.REMINDED, text="30 min"),
    ]
    lines = draft.section(known(events=events), post_mortem(), SectionName.TIMELINE).split("\n")
    assert len(lines) == 1
    assert "cache was cold" in lines[0]


def test_the_path_names_the_day_the_incident_and_the_service() -> None:
    assert draft.path(over(42), "docs/post-mortems") == "docs/post-mortems/2026-11-22-INC-42-checkout-api.md"
    strange = over(42, service="../../Ümläut Service!!")
    assert draft.path(strange, "pm") == "pm/2026-11-22-INC-42-ml-ut-service.md"
    assert draft.path(over(42, service="決済"), "pm") == "pm/2026-11-22-INC-42.md"


def test_incidents_alike_come_the_most_alike_first_with_what_fixed_them() -> None:
    mine = [alert(1)]
    plain = Earlier(over(5, resolution=""), [], [], [])
    alarm = Earlier(over(4), [alert(1)], [], [])
    cause = Earlier(over(3), [], [investigation()], [done(12).changed(status=RemediationStatus.VERIFIED)])
    ended = Earlier(over(2, resolution="prod-cpu is OK again", is_closed_by_alarm=True), [], [], [])
    found = alike(mine, [investigation(9)], [plain, alarm, cause])
    assert [each.incident.number for each in found] == [3, 4, 5]
    assert "rolled back web:57; FIX-12" in found[0].fix
    text = page(known(alike=[*found, *alike(mine, [], [ended])]))
    assert "INC-2 (2026-11-22, SEV-1): same service. Ended: prod-cpu is OK again. Nobody said what fixed it." in text
    assert "INC-3 (2026-11-22, SEV-1): same service; same cause" in text
    assert "INC-5 (2026-11-22, SEV-1): same service. Nobody said what fixed it." in text


# -- the template


def test_the_template_of_the_repository_is_the_built_in_one() -> None:
    assert template(str(ROOT / "docs/post-mortems/_template.md")) == checked(BUILT_IN, "x") == (BUILT_IN, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{timline}}", "mine.md: I don't know {{timline}}; did you mean {{timeline}}?"),
        ("{{ }}", "mine.md: I don't know {{}}; docs/configuration.md lists the placeholders."),
        (BUILT_IN.replace("{{impact}}", ""), "mine.md: {{impact}} is missing."),
        ("", "are missing."),
    ],
)
def test_a_template_that_can_not_be_used_says_why(text: str, problem: str) -> None:
    found = checked(text, "mine.md")
    assert found.text == BUILT_IN
    assert problem in found.problem


def test_a_template_that_is_not_there_or_no_text_says_so(tmp_path: Path) -> None:
    assert "is not there" in template(str(tmp_path / "no.md")).problem
    (tmp_path / "bytes.md").write_bytes(b"\xff\xfe\x00")
    assert "can't be read" in template(str(tmp_path / "bytes.md")).problem
    assert "can't be read" in template(str(tmp_path)).problem


@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), st.text()))
def test_what_is_filled_in_is_not_looked_into_again(values: dict[str, str]) -> None:
    text = filled("{{timeline}}|{{ impact }}", values)
    assert text == f"{values.get('timeline', '')}|{values.get('impact', '')}"
