"""Days as people type them: `2026-12-01`, `tomorrow`, `friday`, `in 3 days`. Pure: today is given."""

from __future__ import annotations

import re
from datetime import date, timedelta

from bot.errors import InvalidInput

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_IN = re.compile(r"in (\d{1,3}|an?) (day|week|month)s?")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS = {"day": 1, "week": 7, "month": 30}
_HOW = "Write it like 2026-12-01, tomorrow, friday or in 2 weeks."
LONGEST = timedelta(days=730)


def is_day(text: str) -> bool:
    """Is some day meant, whichever it is?"""
    words = _plain(text)
    return _named(words, date(2026, 1, 1)) is not None or _ISO.fullmatch(words) is not None


def due_day(text: str, today: date) -> date:
    """The day that is meant; raises InvalidInput for none, for one that is past, and for one years away."""
    words = _plain(text)
    found = _named(words, today) or _numbered(words)
    if found is None:
        raise InvalidInput("due", f"I don't understand the due date “{text.strip()[:40]}”. {_HOW}")
    if found < today:
        raise InvalidInput("due", f"The due date {found} is past; today is {today}. {_HOW}")
    if found - today > LONGEST:
        raise InvalidInput("due", f"The due date {found} is more than two years away. Is the year right?")
    return found


def _plain(text: str) -> str:
    return " ".join(text.strip().lower().split()).removeprefix("by ").removeprefix("on ").rstrip(".,")


def _named(words: str, today: date) -> date | None:
    fixed = {"yesterday": -1, "today": 0, "tomorrow": 1, "next week": 7 - today.weekday()}
    if words in fixed:
        return today + timedelta(days=fixed[words])
    relative = _IN.fullmatch(words)
    if relative:
        count = 1 if relative[1].startswith("a") else int(relative[1])
        return today + timedelta(days=count * _UNITS[relative[2]])
    return _weekday(words, today)


def _weekday(words: str, today: date) -> date | None:
    """`friday`: the next one, never today; `next friday`: the one of next week."""
    name = words.removeprefix("next ")
    days = [number for number, day in enumerate(_WEEKDAYS) if len(name) >= 3 and day.startswith(name)]
    if len(days) != 1:
        return None
    if name != words:
        return today + timedelta(days=7 - today.weekday() + days[0])
    return today + timedelta(days=(days[0] - today.weekday() - 1) % 7 + 1)


def _numbered(words: str) -> date | None:
    iso = _ISO.fullmatch(words)
    if iso is None:
        return None
    try:
        return date(int(iso[1]), int(iso[2]), int(iso[3]))
    except ValueError:
        raise InvalidInput("due", f"There is no {words}. {_HOW}") from None
