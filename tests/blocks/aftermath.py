"""Post-mortems and action items, filled with the worst text there is."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from blocks import action_items
from blocks.postmortem import Facts
from bot.models import ActionItem, PostMortem, PostMortemStatus, Section, SectionName, Severity
from tests.blocks.incidents import URL, incidents, people
from tests.blocks.texts import texts
from tests.bot.make import NOW, after

maybe = st.none() | people
long_texts = texts | st.sampled_from([0, 3, 2_500, 9_000]).map(lambda count: "ein Satz. " * count)
sections = st.builds(
    Section,
    name=st.sampled_from(SectionName),
    text=long_texts,
    is_added=st.booleans(),
    by=people,
    at=st.just(NOW),
)
written = st.builds(
    PostMortem,
    incident=st.sampled_from([1, 999_999_999]),
    service=texts,
    severity=st.sampled_from(Severity),
    status=st.sampled_from(PostMortemStatus),
    owner=maybe,
    begun_at=st.just(NOW),
    due_at=st.sampled_from([None, after(-400_000), after(400_000)]),
    sections=st.lists(sections, max_size=2).map(tuple),
    submitted_by=maybe,
    ended_by=maybe,
    ended_at=st.none() | st.just(after(60)),
    reason=texts,
    url=st.sampled_from(["", URL]),
    is_elsewhere=st.booleans(),
    is_declined=st.booleans(),
)
items = st.builds(
    ActionItem,
    number=st.sampled_from([1, 999_999_999]),
    incident=st.just(42),
    title=texts,
    owner=people,
    due=st.sampled_from([-30, 0, 1, 400]).map(lambda days: (NOW + timedelta(days=days)).date()),
    priority=st.integers(1, 4),
    created_by=people,
    created_at=st.just(NOW),
    given_by=maybe,
    source=st.sampled_from(["", URL]),
    url=st.sampled_from(["", URL]),
    is_open=st.booleans(),
)
many_items = st.builds(lambda one, count: [one] * count, items, st.sampled_from([0, 1, 9, 60]))
facts = st.builds(
    Facts,
    written=written,
    incident=incidents(),
    missing=st.lists(st.sampled_from(SectionName), unique=True).map(tuple),
    actions=many_items.map(tuple),
    problem=texts,
    troubles=st.dictionaries(st.sampled_from(["file", "pull request", "AI-1"]), texts),
)
subjects = st.one_of(written, items)
links = st.sampled_from(["", URL])
told = st.builds(
    action_items.Told,
    subjects,
    incidents(),
    links,
    st.lists(st.sampled_from(SectionName), unique=True).map(tuple),
    st.sampled_from([timedelta(), timedelta(days=9)]),
)
unowned = st.builds(
    lambda one, count: [one] * count,
    st.builds(action_items.Unowned, subjects, links),
    st.sampled_from([1, 2, 99]),
)
late = st.builds(
    lambda one, count: [one] * count,
    st.builds(
        action_items.Late,
        st.one_of(written.map(lambda one: one.changed(due_at=after(-90_000))), items),
        incidents(),
        links,
        maybe,
        maybe,
    ),
    st.sampled_from([0, 1, 30]),
)
