"""What is different between two task definitions: images, the names of variables, size. Values never. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]
MAX_DIFFERENCES = 12
_WHOLE = {"cpu": "CPU", "memory": "memory", "taskRoleArn": "task role", "executionRoleArn": "execution role"}


def short(arn: str) -> str:
    """`arn:aws:ecs:…:task-definition/web:57` as `web:57`."""
    return arn.rpartition("/")[2]


def differences(old: Json, new: Json) -> list[str]:
    """A line each, at most 12. What a variable holds may be a secret, so that only `changed X` is told."""
    found = [*_sizes(old, new), *(line for pair in _pairs(old, new) for line in _of_container(*pair))]
    hidden = len(found) - MAX_DIFFERENCES
    return found if hidden <= 0 else [*found[:MAX_DIFFERENCES], f"{hidden} more"]


def _sizes(old: Json, new: Json) -> Iterator[str]:
    for name, word in _WHOLE.items():
        was, is_now = short(str(old.get(name) or "")), short(str(new.get(name) or ""))
        if was != is_now:
            yield f"{word} {was or 'none'} → {is_now or 'none'}"


def _pairs(old: Json, new: Json) -> Iterator[tuple[str, Json, Json]]:
    before = {str(each.get("name")): each for each in old.get("containerDefinitions") or []}
    after = {str(each.get("name")): each for each in new.get("containerDefinitions") or []}
    for name in dict.fromkeys([*before, *after]):
        yield (name if len(before | after) > 1 else ""), before.get(name, {}), after.get(name, {})


def _of_container(name: str, old: Json, new: Json) -> Iterator[str]:
    prefix = f"{name}: " if name else ""
    if not old or not new:
        yield f"{'−' if old else '+'} container {name}"
        return
    if old.get("image") != new.get("image"):
        yield f"{prefix}image {_image(old)} → {_image(new)}"
    for limit in ("cpu", "memory", "memoryReservation"):
        if old.get(limit) != new.get(limit):
            yield f"{prefix}{limit} {old.get(limit) or 'none'} → {new.get(limit) or 'none'}"
    yield from _named(f"{prefix}variable", old, new, "environment", "value")
    yield from _named(f"{prefix}secret", old, new, "secrets", "valueFrom")
    if (old.get("command"), old.get("entryPoint")) != (new.get("command"), new.get("entryPoint")):
        yield f"{prefix}another command"


def _named(word: str, old: Json, new: Json, field: str, value: str) -> Iterator[str]:
    was = {str(each.get("name")): each.get(value) for each in old.get(field) or []}
    is_now = {str(each.get("name")): each.get(value) for each in new.get(field) or []}
    yield from (f"+ {word} {name}" for name in sorted(is_now.keys() - was.keys()))
    yield from (f"− {word} {name}" for name in sorted(was.keys() - is_now.keys()))
    yield from (f"changed {word} {name}" for name in sorted(was.keys() & is_now.keys()) if was[name] != is_now[name])


def _image(container: Json) -> str:
    """The repository's last part with its tag, or the beginning of its digest."""
    name = str(container.get("image") or "none").rpartition("/")[2]
    repository, mark, digest = name.partition("@sha256:")
    return f"{repository}@{digest[:12]}" if mark else name
