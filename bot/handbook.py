"""What `docs` holds: the steps to take by hand, the Logs Insights queries, the template of post-mortems."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from bot import queries
from bot.page_template import Template, checked
from bot.queries import Step

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "runbooks"


@cache
def manual_steps(page: str) -> tuple[Step, ...]:
    """The steps of a manual runbook; none where there is no such page."""
    path = FOLDER / f"{page}.md"
    return tuple(queries.steps(path.read_text(encoding="utf-8"))) if path.is_file() else ()


@cache
def insights() -> Mapping[str, str]:
    """The Logs Insights queries by their ids. Raises SettingsError where the page can't be read."""
    return queries.queries((FOLDER / "cloudwatch-insights-queries.md").read_text(encoding="utf-8"))


def template(path: str) -> Template:
    """The template of post-mortems, read anew each time; the built-in one, and why, where it can't be used."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Template(problem=f"post_mortems.template: {path} is not there.")
    except (OSError, UnicodeDecodeError) as error:
        return Template(problem=f"post_mortems.template: {path} can't be read: {error}")
    return checked(text, path)
