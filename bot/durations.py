"""How long, in words that mean the same wherever they are read."""

from __future__ import annotations

from datetime import timedelta


def span(duration: timedelta) -> str:
    """`49 s`, `2 min 40 s`, `1 h 05 min`, `3 days 4 h`: what is smaller is cut off."""
    minutes, seconds = divmod(max(int(duration.total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days" + (f" {hours % 24} h" if hours % 24 else "")
    if hours:
        return f"{hours} h" + (f" {minutes:02d} min" if minutes else "")
    if minutes:
        return f"{minutes} min" + (f" {seconds} s" if seconds else "")
    return f"{seconds} s"


def about(duration: timedelta) -> str:
    """`40 s`, `3 min`, `2 h 5 min`, `3 days`: rounded, for what is not exact itself."""
    seconds = round(duration.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def after(duration: timedelta) -> str:
    """How long something took, at the end of a sentence: `after 20 s`, or `at once`."""
    return f"after {span(duration)}" if duration >= timedelta(seconds=1) else "at once"
