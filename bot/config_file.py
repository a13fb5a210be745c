"""Reads the config file: faults come with file, line and key, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from bot.config import Config
from bot.errors import SettingsError
from bot.settings import reason


def read(path: Path) -> Config:
    """Raises SettingsError that lists every fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: can't be read: {error}") from error
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text) or {}
    except (yaml.YAMLError, ValueError) as error:  # the latter for a date such as 2026-02-30
        raise SettingsError(f"{path}: is not YAML: {error}") from error
    twice = [f"{path}:{line}: {key}: stands twice; keep one" for line, key in _doubled(tree)]
    if twice:
        raise SettingsError("\n".join(twice))
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        faults = [f"{path}:{_line(tree, fault['loc'])}: {_config_fault(fault)}" for fault in error.errors()]
        raise SettingsError("\n".join(faults)) from error


def _config_fault(fault: Any) -> str:
    *parents, last = fault["loc"] or ("(whole file)",)
    where = ".".join(str(part) for part in fault["loc"]) or "(whole file)"
    if fault["type"] != "extra_forbidden":
        return f"{where}: {reason(fault)}"
    known = _known_keys(tuple(parents))
    close = difflib.get_close_matches(str(last), known, n=1)
    hint = f"did you mean “{close[0]}”?" if close else f"known here: {', '.join(known)}"
    return f"{where}: unknown key; {hint}"


def _known_keys(parents: tuple[Any, ...]) -> list[str]:
    """The keys of the section that this path leads to, as they are written in the file."""
    model: Any = Config
    for part in parents:
        model = _inside(model, str(part))
    fields = _section(model).model_fields
    return [field.alias or name for name, field in fields.items()]


def _inside(model: Any, part: str) -> Any:
    """The type of what stands under a key or position."""
    section = _section(model)
    if isinstance(model, type) and section is model:
        named = {field.alias or name: field.annotation for name, field in section.model_fields.items()}
        return named.get(part, Config)
    return section


def _section(annotation: Any) -> type[BaseModel]:
    """The model within `X`, `X | None`, `dict[…, X]` or `tuple[X, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = [_section(argument) for argument in get_args(annotation) if argument is not Ellipsis]
    return next((model for model in inner if model is not Config), Config)


def _line(node: yaml.Node | None, path: tuple[Any, ...]) -> int:
    """The 1-based line of a key in the composed YAML tree: as deep as the path can be followed."""
    line = 1
    for part in path:
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    return line


def _child(node: yaml.Node | None, part: Any) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark.line + 1, item
    return None


def _doubled(node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Keys that a mapping holds twice, with their lines: YAML would silently take the last."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _doubled(item)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, str(key.value)
            seen.add(key.value)
            yield from _doubled(value)
