"""The archive of old rows: gzipped JSON lines in a folder, a file a month.

Appending and forgetting can't be one step, so the store keeps how much of a file stands for rows that it has forgotten.
What a run that died appended beyond that is cut off, and its rows, still stored, are appended again: none is lost, none
is there twice.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.errors import StoreError


class FolderArchive:
    """`installation` is part of every name, so that another database's files are never touched."""

    def __init__(self, folder: Path, installation: str) -> None:
        self._folder = folder
        self._installation = installation

    def name(self, what: str, month: str) -> str:
        return f"{what}-{month}-{self._installation}.jsonl.gz"

    @contextmanager
    def mine(self) -> Iterator[bool]:
        """Is this process the only one that writes here? The system lets go of the lock of one that dies."""
        with self._told(), self._lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _lock(self) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True)
        return (self._folder / f".{self._installation}.lock").open("w", encoding="ascii")

    def cut(self, name: str, length: int) -> None:
        path = self._folder / name
        with self._told():
            if path.exists() and path.stat().st_size > length:
                os.truncate(path, length)

    def append(self, name: str, length: int, rows: Iterable[dict[str, Any]]) -> int:
        """Put rows behind the first `length` bytes, on the disk; the new length. A file that is gone begins anew."""
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path = self._folder / name
        with self._told():
            is_new = not path.exists()
            with path.open("ab") as file:
                length = 0 if is_new else length
                if file.tell() < length:
                    raise StoreError(f"{path} is shorter than what was archived: move it away, or put it back whole.")
                file.truncate(length)
                file.write(gzip.compress(lines.encode()))
                file.flush()
                os.fsync(file.fileno())
                written = file.tell()
            if is_new:
                self._keep_name()
        return written

    def _keep_name(self) -> None:
        """A new file's name is on the disk with its folder."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"The archive {self._folder} can't be written: {error}.") from error
