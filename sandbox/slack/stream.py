"""Server-sent events: what the pages of people are told, each only what its person may see."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from sandbox.slack.workspace import Channel, Person


class Stream:
    def __init__(self) -> None:
        self._pages: dict[asyncio.Queue[str | None], Person] = {}

    def open(self, person: Person) -> asyncio.Queue[str | None]:
        page: asyncio.Queue[str | None] = asyncio.Queue()
        self._pages[page] = person
        return page

    def close(self, page: asyncio.Queue[str | None]) -> None:
        self._pages.pop(page, None)

    def close_all(self) -> None:
        for page in self._pages:
            page.put_nowait(None)

    def tell(self, event: dict[str, Any], *, may_see: Callable[[Person], bool] = lambda _: True) -> None:
        pages = [page for page, person in self._pages.items() if may_see(person)]
        if pages:
            line = f"data: {json.dumps(event, separators=(',', ':'))}\n\n"
            for page in pages:
                page.put_nowait(line)

    def tell_channel(self, channel: Channel, kind: str, message: dict[str, Any]) -> None:
        if self._pages:
            self.tell({"type": kind, "channel": channel.id, "message": message}, may_see=channel.visible_to)

    def tell_person(self, person: str, event: dict[str, Any]) -> None:
        if self._pages:
            self.tell(event, may_see=lambda p: p.id == person)
