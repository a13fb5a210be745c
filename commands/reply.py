"""What a handler gives back; the listener brings it to the person."""

from __future__ import annotations

from typing import Any, NamedTuple

from bot.models import Message


class Answer(NamedTuple):
    """Words for the one who asked. `replace`: in place of the ephemeral they clicked in.

    `refresh`: the message with the clicked button shows this instead (a card that is no longer kept up to date).
    `is_problem`: nothing was done, and this is why.
    """

    message: Message
    replace: bool = False
    refresh: Message | None = None
    is_problem: bool = False


class OpenForm(NamedTuple):
    """A modal to open."""

    view: dict[str, Any]


class TurnPage(NamedTuple):
    """Another view in the modal that was clicked in."""

    view: dict[str, Any]


Reply = Answer | OpenForm | TurnPage | None
