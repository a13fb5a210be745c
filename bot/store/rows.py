"""Rows that carry a version: written only while the stored one is the one that was read."""

from __future__ import annotations

from bot.errors import VersionConflict
from bot.store.database import Database, Row


def put(database: Database, table: str, pk: str, key: object, version: int, values: Row) -> None:
    """Insert (version 0) or update the row while it has this version; raises VersionConflict."""
    row = {**values, "version": version + 1}
    if version == 0:
        written = database.insert(table, {pk: key, **row}, or_ignore=True)
    else:
        assignments = ", ".join(f'"{name}" = ?' for name in row)
        sql = f'UPDATE "{table}" SET {assignments} WHERE "{pk}" = ? AND version = ?'
        written = database.write(sql, [*row.values(), key, version])
    if written != 1:
        raise VersionConflict(f"{key} changed meanwhile (it was read at version {version}).")
