"""Post-mortems and action items in the SQLite store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.errors import UnknownActionItem, UnknownPostMortem
from bot.models import ActionItem, Change, PostMortem
from bot.store.database import Database, Row, stamp
from bot.store.rows import put

_ACTION_ITEMS = 5  # row of the table that numbers are taken from


class AftermathRows:
    """The part of the store that holds what comes after an incident."""

    _db: Database

    def next_action_number(self) -> int:
        with self._db.transaction():
            self._db.write("UPDATE incident_numbers SET value = value + 1 WHERE id = ?", [_ACTION_ITEMS])
            row = self._db.row("SELECT value FROM incident_numbers WHERE id = ?", [_ACTION_ITEMS])
        assert row is not None
        return int(row["value"])

    def post_mortem(self, incident: int) -> PostMortem:
        found = self.post_mortem_of(incident)
        if found is None:
            raise UnknownPostMortem(f"INC-{incident} has no post-mortem. /incident postmortem begin INC-{incident}")
        return found

    def post_mortem_of(self, incident: int) -> PostMortem | None:
        row = self._db.row("SELECT version, data FROM post_mortems WHERE incident = ?", [incident])
        return None if row is None else _post_mortem(row)

    def open_post_mortems(self, limit: int = 500) -> list[PostMortem]:
        return self._post_mortems("WHERE is_open = 1 ORDER BY due_at LIMIT ?", [limit])

    def ended_post_mortems(self, limit: int = 200) -> list[PostMortem]:
        return self._post_mortems("WHERE is_open = 0 ORDER BY incident DESC LIMIT ?", [limit])

    def post_mortems_owned_by(self, owner: str, limit: int = 50) -> list[PostMortem]:
        return self._post_mortems("WHERE owner = ? AND is_open = 1 ORDER BY due_at LIMIT ?", [owner, limit])

    def _post_mortems(self, where: str, parameters: Sequence[Any]) -> list[PostMortem]:
        rows = self._db.rows(f"SELECT version, data FROM post_mortems {where}", parameters)
        return [_post_mortem(row) for row in rows]

    def action_item(self, number: int) -> ActionItem:
        found = self._items("WHERE number = ?", [number])
        if not found:
            raise UnknownActionItem(f"There is no AI-{number}. /incident actions lists the open ones.")
        return found[0]

    def open_action_items(self, limit: int = 1000) -> list[ActionItem]:
        return self._items("WHERE is_open = 1 ORDER BY due, number LIMIT ?", [limit])

    def done_action_items(self, limit: int = 500) -> list[ActionItem]:
        return self._items("WHERE is_open = 0 ORDER BY number DESC LIMIT ?", [limit])

    def action_items_owned_by(self, owner: str, limit: int = 50) -> list[ActionItem]:
        return self._items("WHERE owner = ? AND is_open = 1 ORDER BY due, number LIMIT ?", [owner, limit])

    def action_items_of(self, incident: int, limit: int = 200) -> list[ActionItem]:
        return self._items("WHERE incident = ? ORDER BY number LIMIT ?", [incident, limit])

    def _items(self, where: str, parameters: Sequence[Any]) -> list[ActionItem]:
        rows = self._db.rows(f"SELECT version, data FROM action_items {where}", parameters)
        return [ActionItem.model_validate_json(row["data"]).changed(version=row["version"]) for row in rows]

    # -- writing, within the transaction of a change

    def _save_aftermath(self, change: Change) -> None:
        for one in change.post_mortems:
            times: Row = {
                "begun_at": stamp(one.begun_at),
                "due_at": stamp(one.due_at) if one.due_at else None,
                "ended_at": stamp(one.ended_at) if one.ended_at else None,
            }
            values: Row = {"is_open": int(one.is_open), "owner": one.owner, **times}
            self._put_after("post_mortems", "incident", one.incident, one, values)
        for item in change.action_items:
            values = {
                "is_open": int(item.is_open),
                "incident": item.incident,
                "owner": item.owner,
                "due": item.due.isoformat(),
                "created_at": stamp(item.created_at),
            }
            self._put_after("action_items", "number", item.number, item, values)

    def _put_after(self, table: str, pk: str, key: int, one: PostMortem | ActionItem, more: Row) -> None:
        data = one.model_dump_json(exclude={"version"}, exclude_defaults=True)
        put(self._db, table, pk, key, one.version, {**more, "data": data})


def _post_mortem(row: Row) -> PostMortem:
    return PostMortem.model_validate_json(row["data"]).changed(version=row["version"])
