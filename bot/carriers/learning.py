"""Carries the learning of baselines: says that it begins, reads CloudWatch, and says what came of it.

Three rows, one after the other, so that Slack's trouble does not make CloudWatch be read, and paid, again.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from blocks import baselines as look
from bot.baselines import moved
from bot.carriers.common import Messenger, Settlement
from bot.errors import ChatError, CloudError, DeliveryError, UserError
from bot.models import Change, Delivery, Message, MessageRef, Owed, OwedKind
from bot.owed import Target
from bot.owed import learning as owed
from bot.ports import BaselineSource, Chat, Clock, Told
from bot.store import Store

log = logging.getLogger(__name__)

TRIES = 5
_EVERY = timedelta(seconds=2)  # between two news of the progress: Slack takes about one edit a second
_TOLD = 40  # metrics whose move is kept for telling


class LearningCarriers:
    """Raises ChatError where Slack did not take it, CloudError where CloudWatch may answer the next time."""

    def __init__(self, store: Store, source: BaselineSource, chat: Chat, clock: Clock, ops: str) -> None:
        self._store = store
        self._source = source
        self._messenger = Messenger(chat, ops)
        self._clock = clock
        self._step = {owed.BEGIN: self._begin, owed.READ: self._read, owed.TELL: self._tell}

    def takes(self, owed: Owed) -> bool:
        return owed.kind is OwedKind.BASELINE

    def carry(self, delivery: Delivery) -> Settlement:
        return self._step[str(delivery.owed.body["step"])](delivery)

    def trouble(self, delivery: Delivery, error: DeliveryError) -> Change | None:
        """The message itself says how far it is."""
        return None

    def _begin(self, delivery: Delivery) -> Settlement:
        body = delivery.owed.body
        return self._shown(delivery, look.learning(body["service"], body["by"]), owed.then(delivery.owed, owed.READ))

    def _read(self, delivery: Delivery) -> Settlement:
        """What can't be, or still does not answer at the fifth try, is told."""
        try:
            found = self._learned(delivery)
        except UserError as error:
            found = {"problem": str(error)}
        except CloudError as error:
            if error.retryable and delivery.attempts < TRIES:
                raise
            log.warning("%s can't be learned: %s", delivery.owed.body["service"], error)
            found = {"problem": f"CloudWatch did not answer as it should: {error}."}
        following = owed.then(delivery.owed, owed.TELL, **found)
        return Settlement(follow=lambda: Change(owed=(following,)))

    def _learned(self, delivery: Delivery) -> dict[str, Any]:
        """Learn and keep it; what came of it, as the last message needs it."""
        service, now = str(delivery.owed.body["service"]), self._clock()
        before = self._store.baselines(service)
        learned = self._source.learn(service, self._progress(delivery))
        self._store.keep_baselines(service, learned.baselines)
        with_points = {each.metric for each in learned.baselines}
        changes = [each for each in moved(before, learned.baselines, now) if each.metric in with_points]
        news = [each for each in changes if each.is_news]
        return {
            "news": [list(each) for each in news[:_TOLD]],
            "others": len(changes) - len(news[:_TOLD]),
            "silent": [key for key in learned.metrics if key not in with_points][:_TOLD],
            "since": learned.since.isoformat(),
            "until": learned.until.isoformat(),
            "bill": learned.bill,
        }

    def _progress(self, delivery: Delivery) -> Told:
        """Edits the message now and then. Where Slack does not take that, the next one says more anyway."""
        place = self._store.posted(delivery.owed.subject, Target.OPS)
        body, told_at = delivery.owed.body, [self._clock()]

        def tell(done: int, of: int) -> None:
            if place is None or done == of or self._clock() - told_at[0] < _EVERY:
                return
            told_at[0] = self._clock()
            message = look.learning(body["service"], body["by"], done, of)
            try:
                self._messenger.edit(MessageRef(place.channel_id, place.ts), message)
            except ChatError as error:
                log.info("%s: how far it is can't be shown (%s)", delivery.owed.subject, error)

        return tell

    def _tell(self, delivery: Delivery) -> Settlement:
        body = delivery.owed.body
        if "problem" in body:
            return self._shown(delivery, look.not_learned(body["service"], body["by"], body["problem"]))
        outcome = look.Outcome(
            news=[(str(metric), before, after) for metric, before, after in body["news"]],
            others=body["others"],
            silent=body["silent"],
            since=datetime.fromisoformat(body["since"]),
            until=datetime.fromisoformat(body["until"]),
            bill=body["bill"],
        )
        return self._shown(delivery, look.learned(body["service"], body["by"], outcome))

    def _shown(self, delivery: Delivery, message: Message, *following: Owed) -> Settlement:
        place = self._store.posted(delivery.owed.subject, Target.OPS)
        posted = self._messenger.show(delivery, place, self._messenger.ops, message, target=Target.OPS)
        follow = (lambda: Change(owed=following)) if following else None
        return Settlement((posted,) if posted else (), follow)
