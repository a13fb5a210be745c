"""The boundary to Slack: acks, reads, runs, answers. The only place that catches everything.

Bolt runs with `process_before_response`, which takes its 10 ms poll out of every ack; so a listener here only acks and
hands the work on, except for modal submissions: they run first, since their ack carries the refusals. Nothing may
escape after an ack: Bolt would take the ack back.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slack_bolt import Ack, App

from blocks import answers, home
from bot.errors import ChatError, InvalidInput, StoreError, UserError
from bot.models import Message
from commands import buttons, request, shortcuts, subcommands, views, words
from commands.desk import Desk
from commands.reply import Answer, OpenForm, Reply, TurnPage
from commands.request import Request

log = logging.getLogger(__name__)

COMMAND = "/incident"
WORKERS = 8
_ANY = re.compile(".*")
_WORTH_KEEPING = 40  # characters of a command that somebody would not like to type again
_RESTARTING = "I'm restarting. Try again in a few seconds; nothing was changed."

Body = dict[str, Any]
Handler = Callable[[Desk, Request], Reply]


class Listener:
    """Registers itself on a Bolt app. `refuse` and `drain` are its end.

    What follows an ack is held back until `acked` is called: it must not compete with the ack for the processor, and
    without an ack it must not happen at all, since the person is told that it failed.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="listener")
        self._held = threading.local()
        self._forms = [threading.Lock() for _ in range(16)]  # one form is saved once, others don't wait for it
        self._is_closing = False

    def register(self, app: App) -> None:
        """Everything Slack may send has a listener: what nobody acks shows people a warning sign."""
        app.command(COMMAND)(self._on_command)
        app.action(_ANY)(self._on_action)
        app.view(_ANY)(self._on_view)
        app.shortcut(_ANY)(self._on_shortcut)
        app.event("app_mention")(self._on_mention)
        app.event("reaction_added")(self._on_reaction)
        app.event("app_home_opened")(self._on_home)
        app.event(_ANY)(self._on_other_event)
        app.error(_log_unforeseen)

    def refuse(self) -> None:
        """From now on take nothing new, and say so."""
        self._is_closing = True

    def drain(self) -> None:
        """Finish what was taken."""
        self._pool.shutdown(wait=True)

    def _on_command(self, ack: Ack, body: Body) -> None:
        if self._is_closing:
            ack(text=_RESTARTING, response_type="ephemeral")
            return
        ack()
        self._hand_on(subcommands.run, request.command, body)

    def _on_action(self, ack: Ack, body: Body) -> None:
        if self._is_closing:
            return  # without an ack Slack puts a warning beside the button, and the person clicks again
        ack()
        self._hand_on(buttons.click, request.action, body)

    def _on_shortcut(self, ack: Ack, body: Body) -> None:
        if self._is_closing:
            return
        ack()
        self._hand_on(shortcuts.use, request.shortcut, body)

    def _on_mention(self, body: Body) -> None:
        if (body.get("event") or {}).get("user"):  # apps and webhooks have no say
            self._hand_on(shortcuts.mention, request.mention, body)

    def _on_reaction(self, body: Body) -> None:
        event = body.get("event") or {}
        is_message = (event.get("item") or {}).get("type") == "message"
        if is_message and event.get("reaction") == self._desk.config.timeline_emoji:
            self._hand_on(shortcuts.keep, request.reaction, body)

    def _on_home(self, body: Body) -> None:
        if (body.get("event") or {}).get("tab") == "home":
            self._hand_on(shortcuts.open_home, request.home, body)

    def _on_other_event(self) -> None:
        """Subscribed, acked, of no interest yet."""

    def _on_view(self, ack: Ack, body: Body) -> None:
        """1. run, 2. ack with the refusal, with another page of the form or closing it, 3. confirm."""
        asked = request.submission(body)
        if self._is_closing:
            ack(response_action="errors", errors=_in_form(asked, UserError(_RESTARTING)))
            return
        try:
            reply = self._submitted(asked)
        except UserError as error:
            ack(response_action="errors", errors=_in_form(asked, error))
        except StoreError as error:
            log.error("a form could not be saved: %s", error)
            ack(response_action="errors", errors=_in_form(asked, error))
        except Exception:
            ack(response_action="errors", errors=_in_form(asked, UserError(_unforeseen("a form"))))
        else:
            if isinstance(reply, TurnPage):
                ack(response_action="update", view=reply.view)
                return
            ack()
            self._after_ack(lambda: self._answer(asked, reply))

    def _submitted(self, asked: Request) -> Reply:
        """A form succeeds once: when the ack of the first time was lost, people press the button again."""
        done = f"form:{asked.view_id}"
        with self._forms[hash(done) % len(self._forms)]:
            if not self._is_first(asked) or self._desk.memory.was_requested(done):
                return None
            reply = views.submit(self._desk, asked)
            if not isinstance(reply, TurnPage):
                self._desk.memory.claim_request(done, self._desk.clock())
        return reply

    def _hand_on(self, handler: Handler, read: Callable[[Body], Request], body: Body) -> None:
        self._after_ack(lambda: self._work(handler, read, body))

    def _after_ack(self, work: Callable[[], None]) -> None:
        """Work of the request that this thread is handling."""
        self._held.work = work

    def acked(self) -> None:
        """The ack of this thread's request is on its way: do what follows from it."""
        work, self._held.work = getattr(self._held, "work", None), None
        if work is not None:
            try:
                self._pool.submit(work)
            except RuntimeError:  # shut down between the ack and now: what was acked is done all the same
                work()

    def forget(self) -> None:
        """This thread's request is over. Without an ack Slack delivers again, or tells the person that it failed."""
        self._held.work = None

    def _work(self, handler: Handler, read: Callable[[Body], Request], body: Body) -> None:
        try:
            asked = read(body)
        except Exception:
            log.exception("can't read what Slack sent")
            return
        try:
            if self._is_first(asked):
                self._answer(asked, handler(self._desk, asked))
        except UserError as error:
            self._answer(asked, _problem(asked, str(error), error.who))
        except StoreError as error:
            log.error("nothing was changed: %s", error)
            self._answer(asked, _problem(asked, str(error)))
        except ChatError as error:
            log.warning("Slack did not help with %s: %s", asked.action or asked.key, error)
            self._answer(asked, _problem(asked, f"Slack did not answer ({error}). Nothing was changed; try again."))
        except Exception:
            self._answer(asked, _problem(asked, _unforeseen(asked.action or "a command")))

    def _is_first(self, asked: Request) -> bool:
        """Slack, or a server like it, may deliver twice; a second delivery is not a second wish."""
        return self._desk.memory.claim_request(asked.key, self._desk.clock())

    def _answer(self, asked: Request, reply: Reply) -> None:
        try:
            self._bring(asked, reply)
        except ChatError as error:
            log.warning("the answer did not reach %s: %s", asked.caller.user_id, error)
        except Exception:
            log.exception("answering %s failed", asked.caller.user_id)

    def _bring(self, asked: Request, reply: Reply) -> None:
        if asked.is_home:
            self._bring_home(asked, reply)
            return
        match reply:
            case OpenForm(view):
                self._open(asked, view)
            case TurnPage(view) if asked.view_id:
                self._desk.replies.update_view(asked.view_id, view)
            case Answer(message, is_replacing, refresh):
                self._tell(asked, message, replace=is_replacing)
                if refresh is not None and asked.response_url:
                    self._desk.replies.respond(asked.response_url, refresh, replace=True)

    def _bring_home(self, asked: Request, reply: Reply) -> None:
        """What was clicked in App Home is answered there: on the page, or over it where nothing was done."""
        match reply:
            case OpenForm(view):
                carried = {**json.loads(view.get("private_metadata") or "{}"), "home": True}
                self._desk.homes.clicked(asked.caller)
                self._open(asked, {**view, "private_metadata": json.dumps(carried)})
            case Answer(message) if reply.is_problem and asked.trigger_id:
                self._desk.homes.clicked(asked.caller)
                self._open(asked, home.problem(message))
            case Answer(message):
                self._desk.homes.answered(asked.caller, message)

    def _open(self, asked: Request, view: dict[str, Any]) -> None:
        try:
            if asked.trigger_id:
                self._desk.replies.open_view(asked.trigger_id, view)
        except ChatError as error:
            log.warning("the form %s did not open: %s", view.get("callback_id"), error)
            late = "Slack gave up waiting for the form." if "trigger" in error.code else "Slack did not open the form."
            self._tell(asked, answers.problem(f"{late} Nothing was changed; please try once more."))

    def _tell(self, asked: Request, message: Message, *, replace: bool = False) -> None:
        if asked.response_url:
            self._desk.replies.respond(asked.response_url, message, replace=replace)
        else:
            channel, user = asked.channel_id, asked.caller.user_id
            self._desk.replies.whisper(channel or user, user, message, thread_ts=asked.thread_ts)


def _problem(asked: Request, text: str, who: str | None = None) -> Answer:
    """What is wrong; with a long text given back, so that nobody types it twice."""
    typed = asked.text if asked.is_typed and len(asked.text) > _WORTH_KEEPING else ""
    return Answer(answers.problem(text, who, typed=words.readable(typed)), is_problem=True)


def _in_form(asked: Request, error: Exception) -> dict[str, str]:
    """The words below the input they are about; below the first one where they are about none."""
    fields = list(asked.form) or ["form"]
    named = error.field if isinstance(error, InvalidInput) and error.field in fields else fields[0]
    return {named: str(error)[:1000]}


def _unforeseen(what: str) -> str:
    """Log the exception under a reference that the person can quote."""
    reference = uuid.uuid4().hex[:8]
    log.exception("unforeseen failure %s in %s", reference, what)
    return f"Something went wrong on my side (reference {reference}); the log says what. Look before you try again."


def _log_unforeseen(error: Exception) -> None:
    log.error("outside of every listener: %s", error, exc_info=error)
