"""As much of CBOR as AWS's newest protocol needs here: reading what a call says, writing an error."""

import struct
from typing import Any

_BREAK = object()


def read(data: bytes) -> Any:
    return _Reader(data).value()


def write(given: dict[str, str]) -> bytes:
    """A map of texts."""
    return _head(5, len(given)) + b"".join(_text(k) + _text(v) for k, v in given.items())


def _text(given: str) -> bytes:
    data = given.encode()
    return _head(3, len(data)) + data


def _head(major: int, count: int) -> bytes:
    if count < 24:
        return bytes([major << 5 | count])
    return bytes([major << 5 | 25]) + struct.pack(">H", count)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def value(self) -> Any:
        major, minor = divmod(self._take(1)[0], 32)
        if major == 7:
            return self._simple(minor)
        count = None if minor == 31 else self._count(minor)
        found: Any = count
        match major:
            case 1:
                found = -1 - (count or 0)
            case 2 | 3:
                data = b"".join(self._chunks()) if count is None else self._take(count)
                found = data.decode() if major == 3 else data
            case 4:
                found = list(self._items(count))
            case 5:
                items = list(self._items(None if count is None else 2 * count))
                found = dict(zip(items[::2], items[1::2], strict=True))
            case 6:  # a tag: what follows is taken as it is
                found = self.value()
        return found

    def _simple(self, minor: int) -> Any:
        if minor in (25, 26, 27):
            size = {25: 2, 26: 4, 27: 8}[minor]
            return struct.unpack({2: ">e", 4: ">f", 8: ">d"}[size], self._take(size))[0]
        return {20: False, 21: True, 31: _BREAK}.get(minor)

    def _count(self, minor: int) -> int:
        return minor if minor < 24 else int.from_bytes(self._take(1 << (minor - 24)), "big")

    def _items(self, count: int | None) -> Any:
        while count is None or count > 0:
            item = self.value()
            if item is _BREAK:
                return
            yield item
            count = None if count is None else count - 1

    def _chunks(self) -> Any:
        for item in self._items(None):
            yield item.encode() if isinstance(item, str) else item

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise ValueError("The data ends too early")
        self._at += count
        return taken
