"""Incidents in every state, filled with the worst text there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from blocks.card import CardFacts
from bot.models import EventKind, Incident, Link, OwedKind, Severity, Status, TimelineEvent, Trouble, Update
from tests.blocks.texts import texts
from tests.bot.make import NOW, after, incident

URL = "https://example.com/" + "a" * 1900
people = st.integers(0, 999).map(lambda n: f"U{n:09d}")
maybe_url = st.sampled_from([None, "https://example.com/d/1?a=1&b=<2>|3", URL])


@st.composite
def incidents(draw: st.DrawFn, /, **fixed: Any) -> Incident:
    """Any incident that the use cases could have stored, texts unlimited on purpose."""
    status = draw(st.sampled_from(Status))
    ended = after(draw(st.sampled_from([0, 61, 3_600, 360_000, 4_000_000])))
    facts: dict[str, Any] = {
        "service": draw(texts),
        "impact": draw(texts),
        "severity": draw(st.sampled_from(Severity)),
        "status": status,
        "commander": draw(people),
        "declared_by": draw(people),
        "responders": tuple(f"U{n:09d}" for n in range(draw(st.sampled_from([0, 1, 9, 200])))),
        "links": tuple(Link(url=URL, title=draw(texts)) for _ in range(draw(st.integers(0, 3))))
        + tuple(Link(url="https://example.com/1") for _ in range(draw(st.sampled_from([0, 200])))),
        "resolution": draw(texts),
        "channel_id": draw(st.sampled_from([None, "C0OWN"])),
        "origin": draw(maybe_url),
        "update": draw(st.none() | st.builds(Update, text=texts, by=people, at=st.just(NOW))),
        "merged_into": 99_999_999,
    }
    if status is not Status.DECLARED:
        facts |= {"acknowledged_by": draw(people), "acknowledged_at": after(60)}
    if not status.is_open:
        facts |= {"resolved_by": draw(people), "resolved_at": ended}
    number = draw(st.sampled_from([1, 42, 999_999_999]))
    return incident(number, **{**facts, **fixed})


events = st.builds(
    TimelineEvent,
    incident=st.just(1),
    at=st.integers(0, 10**6).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    kind=st.sampled_from(EventKind),
    text=texts,
    actor=st.none() | people,
    about=st.none() | people,
    source=maybe_url,
)
troubles = st.builds(Trouble, kind=st.sampled_from(OwedKind), error=texts, attempts=st.integers(1, 999))
facts = st.builds(
    CardFacts,
    incident=incidents(),
    events=st.lists(events, max_size=6),
    troubles=st.lists(troubles, max_size=7),
    bridge=st.sampled_from(["", "https://app.slack.com/huddle/T0/C0", "https://zoom.example/j/1?pwd=a&b=c"]),
    dashboard=maybe_url,
    runbook=maybe_url,
)
