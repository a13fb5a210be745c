"""Post-mortems and action items, filled with the worst text there is."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

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
)
pages = st.lists(st.tuples(texts.filter(str.strip), long_texts), min_size=1, max_size=6)
subjects = st.one_of(written, items)
overdue = st.builds(
    lambda one, others, count: [(one.changed(due_at=after(-90_000)), others)] * count,
    written,
    st.lists(people, max_size=2),
    st.sampled_from([0, 1, 60]),
)
