"""Post-mortems: drafted when an incident is over, written by people, filed within two days.

Sections that nobody wrote are drafted anew each time somebody looks, so that what was remembered later is in them. Two
people who write the same section meet at its version: the second is told, and keeps what they typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from blocks import postmortem as look
from blocks.postmortem import Facts
from blocks.text import clean
from bot import draft
from bot.access import Right
from bot.casefile import CaseFile
from bot.config import Config
from bot.errors import InvalidInput, NotAllowed, Refused
from bot.ledger import Ledger
from bot.models import (
    Change,
    Incident,
    Message,
    OwedKind,
    PostMortem,
    PostMortemStatus,
    Section,
    SectionName,
    Status,
)
from bot.owed import aftermath as owed
from bot.owed import alerts as owed_to_alert
from bot.owed import incidents as owed_to_incident
from bot.page_template import Template
from bot.rights import Caller, Rights
from bot.steps import aftermath as steps
from bot.steps.aftermath import FOLLOWED
from bot.steps.reminders import daily

LONGEST = 60_000  # characters of a section: twenty inputs of a form
_ADDRESS = re.compile(r"https?://[^\s<>|]{3,1990}")
_LATER = frozenset({Status.CANCELLED, Status.MERGED})
Step = Callable[[PostMortem, Incident, datetime], "Change | None"]


class Kept(NamedTuple):
    """The post-mortem as it stands, and whether this call changed it."""

    written: PostMortem
    changed: bool = True


class Typed(NamedTuple):
    """A section as somebody sends it.

    seen       the version that the form showed; 0: nobody's
    is_added   ahead of what is drafted
    overrules  in place of what the form showed as written meanwhile: whoever wrote that gets it back
    """

    name: SectionName
    text: str
    seen: int = 0
    is_added: bool = False
    overrules: bool = False


class PostMortems:
    """All that people and time do with post-mortems. `proposes`: filing opens a pull request."""

    def __init__(
        self,
        ledger: Ledger,
        rights: Rights,
        config: Config,
        case: CaseFile,
        template: Callable[[], Template],
        *,
        proposes: bool = False,
    ) -> None:
        self._ledger = ledger
        self._store = ledger.store
        self._rights = rights
        self._policy = config.post_mortems
        self._look_every = config.action_items.look
        self._case = case
        self._template = template
        self._proposes = proposes

    # -- asking

    def find(self, caller: Caller, number: int) -> tuple[Incident, PostMortem | None]:
        self._rights.need(caller, Right.READ)
        return self._store.incident(number), self._store.post_mortem_of(number)

    def facts(self, number: int) -> Facts:
        written, incident = self._store.post_mortem(number), self._store.incident(number)
        known = self._case.known(incident, written, with_names=False)
        problem = self._template().problem
        missing = tuple(draft.missing(known, written)) if written.is_open else ()
        return Facts(written, incident, missing, tuple(known.actions), problem, self._troubles(written, known))

    def _troubles(self, written: PostMortem, known: draft.Known) -> dict[str, str]:
        """Why what is owed to the thread and the tracker is not there yet."""
        kinds = {OwedKind.FILE: "file", OwedKind.PULL_REQUEST: "pull request"}
        found = {kinds[one.kind]: one.error for one in self._store.troubles(written.id) if one.kind in kinds}
        for item in known.actions:
            for one in self._store.troubles(item.id):
                if one.kind is OwedKind.TICKET:
                    found[item.id] = one.error
        return found

    def show(self, caller: Caller, number: int) -> Facts:
        self._rights.need(caller, Right.READ)
        return self.facts(number)

    def page(self, number: int) -> tuple[str, str]:
        """Where in the repository it belongs, and the whole of it."""
        written, incident = self._store.post_mortem(number), self._store.incident(number)
        known = self._case.known(incident, written)
        return draft.path(incident, self._policy.folder), draft.page(known, written, self._template().text)

    def preview(self, caller: Caller, number: int) -> tuple[Incident, str]:
        """The incident, and the page as it would be filed now, with what is long in it folded."""
        self._rights.need(caller, Right.READ)
        incident, written = self._store.incident(number), self._store.post_mortem(number)
        known = self._case.known(incident, written)
        return incident, draft.page(known, written, self._template().text, shown=draft.SHOWN_LINES)

    def writing(self, caller: Caller, number: int, name: SectionName) -> tuple[Incident, PostMortem, str]:
        """The incident, its post-mortem (begun where there is none yet) and the section as it stands."""
        written = self.begun(caller, number).written
        incident = self._store.incident(number)
        self._need(caller, written, incident)
        steps.need_open(written)
        text = draft.section(self._case.known(incident, written), written, name)
        return incident, written, "" if text == draft.TO_WRITE else text

    # -- beginning

    def begin(self, caller: Caller, number: int) -> Kept:
        """On request, for an incident of any severity that is over. One that was waived is a draft again."""
        kept = self.begun(caller, number)
        return self._revived(caller, number) if kept.written.status is PostMortemStatus.WAIVED else kept

    def _revived(self, caller: Caller, number: int) -> Kept:
        """Whoever may command the incident decides that, or who owned it. It is due as if it had begun now."""
        before = self._store.post_mortem(number)
        who = f" by {self._case.name_of(before.ended_by)}" if before.ended_by else ""
        was = f"The post-mortem of {before.about} was waived{who}: {before.reason.rstrip('.')}."
        rhythm = self._case.rhythm_of(before.owner or caller.user_id, self._store.incident(number).service)

        def step(written: PostMortem, incident: Incident, now: datetime) -> Change | None:
            if incident.status is not Status.RESOLVED:
                raise Refused(f"{was} {incident.id} is {incident.status}, so it stays waived.")
            need = Right.READ if caller.user_id == written.owner else Right.COMMAND
            try:
                self._rights.need(caller, need, incident, doing="bring it back")
            except NotAllowed as error:
                raise NotAllowed(f"{was} {error}") from None
            due_at = now + self._policy.due
            change = steps.revived(written, incident, now, caller.user_id, due_at=due_at, rhythm=rhythm)
            if change is None:
                return None
            told = look.revived(change.post_mortems[0], written, caller.user_id)
            return change + self._told(written.owner, caller, told) + daily(now, self._case.rhythm_of(None, ""))

        return self._step(number, step)

    def _told(self, owner: str | None, caller: Caller, message: Message) -> Change:
        """The owner hears of what somebody else did with what is theirs."""
        if owner is None or owner == caller.user_id or not self._is_there(owner):
            return Change()
        return Change(owed=(owed_to_alert.post(owner, message),))

    def begun(self, caller: Caller, number: int) -> Kept:
        """As it stands; begun where there is none."""
        incident, written = self.find(caller, number)
        if written is not None:
            return Kept(written, changed=False)
        self._rights.need(caller, Right.RESPOND, incident)
        if incident.status is not Status.RESOLVED:
            raise Refused(f"{incident.id} is {incident.status}; its post-mortem begins when it is resolved.")
        return self._decide(number, lambda now: self._begun(self._store.incident(number), now, caller.user_id))

    def followed(self, number: int) -> Callable[[], Change | None]:
        """What the incident's end, or new beginning, means for its post-mortem."""
        incident = self._store.incident(number)
        self._case.zone_of(incident.commander, incident.service)  # asked for here, known when it is saved

        def follow() -> Change | None:
            incident, written = self._store.incident(number), self._store.post_mortem_of(number)
            now = self._ledger.clock()
            if incident.status is Status.RESOLVED:
                return self._over(incident, written, now)
            if written is None:
                return None
            if incident.status in _LATER:
                return steps.waived(written, incident, now, None, why=_why(incident)) if written.is_open else None
            return steps.held(written, incident)

        return follow

    def _over(self, incident: Incident, written: PostMortem | None, now: datetime) -> Change | None:
        if written is None:
            return self._begun(incident, now, None) if incident.severity in self._policy.severities else None
        assert incident.resolved_at is not None
        rhythm = self._case.rhythm_of(written.owner or incident.commander, incident.service)
        return steps.due_again(written, incident, now, incident.resolved_at + self._policy.due, rhythm)

    def _begun(self, incident: Incident, now: datetime, by: str | None) -> Change | None:
        if incident.resolved_at is None or self._store.post_mortem_of(incident.number) is not None:
            return None
        owner = incident.commander or by
        due_at = incident.resolved_at + self._policy.due
        written = PostMortem(
            incident=incident.number,
            service=incident.service,
            severity=incident.severity,
            owner=owner,
            begun_at=now,
            begun_by=by,
            due_at=due_at if by is None else max(due_at, now + self._policy.due),
        )
        begun = steps.begun(written, incident, now, self._case.rhythm_of(owner, incident.service))
        return begun + daily(now, self._case.rhythm_of(None, ""))

    # -- writing

    def edit(self, caller: Caller, number: int, typed: Typed) -> Kept:
        """Raises Overtaken where the section is another by now than the form showed."""
        name, words, seen = typed.name, clean(typed.text), typed.seen
        if len(words) > LONGEST:
            raise InvalidInput("text", f"The section has {len(words):,} characters; {LONGEST:,} fit.")
        _, written, drafted = self.writing(caller, number, name)
        if words == drafted and written.section(name) is None and not seen:
            return Kept(written, changed=False)

        def step(written: PostMortem, incident: Incident, now: datetime) -> Change | None:
            before = written.section(name)
            if not words:
                change = steps.redrafted(written, incident, name, caller.user_id, seen=seen, now=now)
            else:
                section = Section(name=name, text=words, is_added=typed.is_added, by=caller.user_id, at=now)
                change = steps.edited(written, incident, section, seen=seen, now=now)
            if change is None or not typed.overrules or before is None or before.by == caller.user_id:
                return change
            return change + Change(
                owed=(owed_to_alert.post(before.by, look.replaced(before, incident, caller.user_id)),)
            )

        return self._change(caller, number, step)

    def assign(self, caller: Caller, number: int, owner: str) -> Kept:
        """Nobody's goes to whoever takes it; somebody's is given by them, or by who may command the incident."""
        self._rights.need_owner(owner)
        self.begun(caller, number)
        rhythm = self._case.rhythm_of(owner, self._store.incident(number).service)

        def step(written: PostMortem, incident: Incident, now: datetime) -> Change | None:
            if written.owner not in (owner, caller.user_id) and self._is_there(written.owner):
                self._rights.need(caller, Right.COMMAND, incident, doing="take the post-mortem from its owner")
            change = steps.assigned(written, incident, now, caller.user_id, owner=owner, rhythm=rhythm)
            if change is None:
                return None
            return change + self._told(written.owner, caller, look.taken(written, owner, caller.user_id))

        return self._change(caller, number, step)

    def _is_there(self, owner: str | None) -> bool:
        """Can they still own something? Who has left can't be asked."""
        if owner is None:
            return False
        try:
            self._rights.need_owner(owner)
        except InvalidInput:
            return False
        return True

    def submit(self, caller: Caller, number: int) -> Kept:
        """Ready for others to read."""
        return self._change(caller, number, lambda one, of, now: steps.submitted(one, of, now, caller.user_id))

    # -- ending

    def file(self, caller: Caller, number: int) -> Kept:
        """Only when every section is written."""
        facts = self.show(caller, number)
        if facts.missing:
            named = ", ".join(name.label.lower() for name in facts.missing)
            raise Refused(f"Still to be written: {named}. Where there is nothing to say, say so.")

        def step(written: PostMortem, incident: Incident, now: datetime) -> Change | None:
            change = steps.filed(written, incident, now, caller.user_id, proposes=self._proposes)
            if change is None or not facts.problem:
                return change
            return change + Change(owed=owed_to_incident.note(incident, look.without_template(incident, facts.problem)))

        return self._change(caller, number, step)

    def file_elsewhere(self, caller: Caller, number: int, url: str) -> Kept:
        """Where it was filed; a second address takes the place of the first."""
        address = url.strip()
        if not _ADDRESS.fullmatch(address) or clean(address) != address:
            raise InvalidInput("link", "Where was it filed? An address starts with https:// and has no spaces.")
        return self._change(
            caller, number, lambda one, of, now: steps.filed_elsewhere(one, of, now, caller.user_id, url=address)
        )

    def waive(self, caller: Caller, number: int, reason: str) -> Kept:
        """There will be none, and why. Whoever may command the incident decides that."""
        why = clean(reason)
        if not why:
            raise InvalidInput("reason", "Say why there is no post-mortem: /incident postmortem waive INC-42 because …")
        self._may_waive(caller, self._store.incident(number))

        def step(written: PostMortem, incident: Incident, now: datetime) -> Change | None:
            change = steps.waived(written, incident, now, caller.user_id, why=why[:1000])
            if change is None:
                return None
            return change + self._told(written.owner, caller, look.waived(change.post_mortems[0]))

        return self._step(number, step)

    def waiving(self, caller: Caller, number: int) -> Incident:
        """The incident, where this person may waive its post-mortem now."""
        incident = self._store.incident(number)
        self._may_waive(caller, incident)
        steps.need_open(self._store.post_mortem(number))
        return incident

    def _may_waive(self, caller: Caller, incident: Incident) -> None:
        self._rights.need(caller, Right.COMMAND, incident, doing="waive the post-mortem")

    def proposed(self, number: int, url: str) -> Change | None:
        """The pull request is open."""
        written = self._store.post_mortem(number)
        if written.status is not PostMortemStatus.FILED:
            return None
        now = self._ledger.clock()
        change = steps.proposed(written, self._store.incident(number), url, now)
        return change + Change(owed=(owed.look_at_tracker(now + self._look_every, now),)) if change else None

    def proposals(self) -> dict[str, PostMortem]:
        """By the addresses of their pull requests, which are followed for a while."""
        since = self._ledger.clock() - FOLLOWED
        return {one.url: one for one in self._store.ended_post_mortems() if _is_proposed(one, since)}

    def answered(self, declined: Mapping[str, bool]) -> Change:
        """Which pull requests were closed without merging."""
        found, now, change = self.proposals(), self._ledger.clock(), Change()
        for url, is_declined in declined.items():
            written = found.get(url)
            if written is not None:
                incident = self._store.incident(written.incident)
                change += steps.answered(written, incident, now, is_declined=is_declined) or Change()
        return change

    # -- how a step is taken

    def _need(self, caller: Caller, written: PostMortem, incident: Incident) -> None:
        """Whoever may respond to the incident, and the owner."""
        self._rights.need(caller, Right.READ if caller.user_id == written.owner else Right.RESPOND, incident)

    def _change(self, caller: Caller, number: int, step: Step) -> Kept:
        self._rights.person(caller)

        def authorised(written: PostMortem, incident: Incident, now: datetime) -> Change | None:
            self._need(caller, written, incident)
            return step(written, incident, now)

        return self._step(number, authorised)

    def _step(self, number: int, step: Step) -> Kept:
        return self._decide(
            number, lambda now: step(self._store.post_mortem(number), self._store.incident(number), now)
        )

    def _decide(self, number: int, step: Callable[[datetime], Change | None]) -> Kept:
        def taken(now: datetime) -> tuple[Kept, Change | None]:
            change = step(now)
            if change is None:
                return Kept(self._store.post_mortem(number), changed=False), None
            return Kept(change.post_mortems[0]), change

        return self._ledger.decide(taken, f"the post-mortem of INC-{number}")


def _is_proposed(written: PostMortem, since: datetime) -> bool:
    is_filed_here = written.status is PostMortemStatus.FILED and bool(written.url) and not written.is_elsewhere
    return is_filed_here and written.ended_at is not None and written.ended_at > since


def _why(incident: Incident) -> str:
    if incident.merged_into is not None:
        return f"{incident.id} is part of INC-{incident.merged_into}"
    return f"{incident.id} was {incident.status}"
