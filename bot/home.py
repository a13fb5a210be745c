"""App Homes: for whom a page is kept up to date, and how fast pages are published.

A page is published when somebody opens it or clicks in it, and after changes for those who opened theirs lately, where
something on it is different, also when the bot was restarted meanwhile. Changes that come while pages wait become one
publishing; pages that have to wait for their turn show what holds by then.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from blocks.home import home, refused, without_charts
from blocks.text import Block
from bot.board import Board, Common
from bot.errors import ChatError, NotAllowed, StoreError
from bot.models import Message
from bot.pace import Paces, Rate
from bot.ports import Clock, Replies
from bot.rights import Caller
from bot.store import Opened

log = logging.getLogger(__name__)

LATELY = timedelta(minutes=10)
LOOK_EVERY = timedelta(seconds=30)  # at what changes by time alone, or by another process
ROUND = 100  # pages looked at in one round, so that a round ends
# views.publish is of tier 4, a hundred calls a minute: https://docs.slack.dev/apis/web-api/rate-limits
PUBLISH = Rate(every=0.75, burst=20)
_KEY = "home"
_NOTICED = timedelta(minutes=2)
_PAUSE = timedelta(seconds=10)
_NO_CHARTS = frozenset({"invalid_blocks", "invalid_arguments"})


class Notice(NamedTuple):
    """What came of a click, and until when the page says so."""

    message: Message
    until: datetime


@dataclass(eq=False)
class Page:
    """One person's. Reads are numbered: it shows that of number `read` and should show `wanted` or a later one.

    shown  what was published, as a hash; None: nothing yet since it was opened
    turn   how often was clicked in it
    """

    caller: Caller
    opened_at: datetime
    wanted: int = 0
    read: int = -1
    shown: int | None = None
    notice: Notice | None = None
    turn: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Homes:
    """All pages that this process keeps up to date."""

    def __init__(self, board: Board, replies: Replies, clock: Clock) -> None:
        self._board = board
        self._replies = replies
        self._clock = clock
        self._paces = Paces(**{_KEY: PUBLISH})
        self._lock = threading.Lock()
        self._pages: dict[Caller, Page] = {}
        self._has_changed = threading.Event()
        self._looked_at = self._born = clock()
        self._wanted = self._reads = 0
        self._takes_charts = True
        self._has_recalled = False

    # -- what happens

    def changed(self) -> None:
        """Something was stored: pages that are open may show it."""
        self._has_changed.set()

    def opened(self, caller: Caller) -> None:
        """Somebody looks at their page."""
        try:
            self._board.reader(caller)
        except NotAllowed as refusal:
            self._refuse(caller, refused(str(refusal)))
            return
        with self._lock:
            page = self._page(caller)
            page.shown = None
        self._bring([page])
        self._keep(caller)

    def clicked(self, caller: Caller) -> None:
        """Somebody clicked in their page, and something opens over it: the page itself follows in the next round."""
        self._turn(caller, None)

    def answered(self, caller: Caller, notice: Message) -> None:
        """Somebody clicked in their page, or sent a form that opened over it, and this is what came of it."""
        self._bring([self._turn(caller, notice)])

    def _turn(self, caller: Caller, notice: Message | None) -> Page:
        with self._lock:
            page = self._page(caller)
            page.notice = Notice(notice, self._clock() + _NOTICED) if notice else None
            page.turn += 1
        self._keep(caller)
        return page

    def _page(self, caller: Caller) -> Page:
        page = self._pages.setdefault(caller, Page(caller, self._clock()))
        page.opened_at, page.wanted = self._clock(), self._reads + 1
        return page

    def _keep(self, caller: Caller) -> None:
        """For the process that runs after this one."""
        try:
            self._board.store.keep_home(Opened(caller.user_id, caller.team_id, self._clock()))
        except StoreError as error:
            log.warning("after a restart the App Home of %s would not be kept up to date: %s", caller.user_id, error)

    def _recall(self, now: datetime) -> None:
        """The pages that were open before this process was there, once."""
        if self._has_recalled:
            return
        found = [one for one in self._board.store.homes_since(now - LATELY) if one.at < self._born]
        self._has_recalled = True
        with self._lock:
            for one in found:
                caller = Caller(one.user, one.team)
                self._pages.setdefault(caller, Page(caller, one.at, wanted=self._reads + 1))

    def refresh(self) -> None:
        """Bring those up to date that have to be, the newest ones that nobody has seen yet first."""
        now = self._clock()
        self._recall(now)
        with self._lock:
            self._pages = {who: page for who, page in self._pages.items() if now - page.opened_at <= LATELY}
            if self._has_changed.is_set() or now - self._looked_at >= LOOK_EVERY:
                self._has_changed.clear()
                self._looked_at, self._wanted = now, self._reads + 1
            stale = [page for page in self._pages.values() if page.read < max(page.wanted, self._wanted)]
        stale.sort(key=lambda page: page.opened_at, reverse=True)
        stale.sort(key=lambda page: (page.shown is not None, page.read))
        self._bring(stale[:ROUND])

    # -- publishing

    def _bring(self, pages: Sequence[Page]) -> None:
        """As many as Slack takes now; the others stay as they are until the next round."""
        if not pages or self._paces.is_held(_KEY, self._clock()):
            return
        with self._lock:
            self._reads += 1
            number = self._reads
        common = self._board.read(self._clock())
        for page in pages:
            if self._paces.is_held(_KEY, self._clock()) or not self._brought(page, common, number):
                return

    def _brought(self, page: Page, common: Common, number: int) -> bool:
        """False: Slack takes no more for now."""
        try:
            with page.lock:
                if page.read < number:  # else a later read is on it already
                    self._update(page, common)
                    page.read = number
        except NotAllowed:
            self._forget(page)
        except ChatError as error:
            log.warning("the App Home of %s could not be published: %s", page.caller.user_id, error)
            if error.retryable:
                self._paces.block(_KEY, self._clock() + self._pause(error))
                return False
            self._forget(page)
        return True

    def _update(self, page: Page, common: Common) -> None:
        person = self._board.reader(page.caller)
        notice = page.notice.message if page.notice and common.at < page.notice.until else None
        view = home(self._board.facts(common, person), notice, page.turn)
        mark = hash(json.dumps(view))
        if mark != page.shown:
            self._paces.take(_KEY, self._clock())
            self._publish(person.id, view)
            page.shown = mark

    def _publish(self, user: str, view: Block) -> None:
        """Without charts where the workspace does not take them."""
        plainer = without_charts(view)
        if not self._takes_charts or plainer == view:
            self._replies.publish_home(user, plainer)
            return
        try:
            self._replies.publish_home(user, view)
        except ChatError as error:
            if error.code not in _NO_CHARTS:
                raise
            self._paces.take(_KEY, self._clock())
            self._replies.publish_home(user, plainer)
            self._takes_charts = False

    def _refuse(self, caller: Caller, view: Block) -> None:
        if not self._paces.may_take(_KEY, self._clock()):
            return
        try:
            self._replies.publish_home(caller.user_id, view)
        except ChatError as error:
            log.warning("%s could not be told that App Home is not for them: %s", caller.user_id, error)

    def _forget(self, page: Page) -> None:
        with self._lock:
            self._pages.pop(page.caller, None)

    def _pause(self, error: ChatError) -> timedelta:
        return timedelta(seconds=error.retry_after) if error.retry_after else _PAUSE
